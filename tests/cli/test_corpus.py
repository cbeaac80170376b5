"""crossner-hf corpus: build, stats and show on a small source, and a push of what was built."""

import json
import re

import datasets
import pyarrow.parquet
import pytest
from build_jobs import ZOO, write_source

from crossner_hf.cli import main
from crossner_hf.results.record_files import read_record

OWN = {"entity_types": ZOO.entity_types, "generic_types": ZOO.generic_types, "nouns": {"species": ["animal"]}}
SCRIPT = "Anna Berg saw a Red Panda in Oslo & Ulm."


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The folder of a corpus of a domain of one's own, made by the command."""
    folder = tmp_path_factory.mktemp("corpus")
    write_source(folder, shards=2)
    with open(folder / "source" / "0.jsonl", "a", encoding="utf-8") as file:
        file.write(
            json.dumps(
                {"title": "<script>alert(1)</script>", "text": f"The Okapi is a shy animal of the forest.\n{SCRIPT}"}
            )
            + "\n"
        )
    (folder / "zoo").mkdir()
    (folder / "zoo" / "domain.json").write_text(json.dumps(OWN))
    assert main(["corpus", *build_options(folder, "out", "--whole-source", "--workers", "1")]) == 0
    return folder


def build_options(folder, output, *more):
    given = {"domain": "zoo", "source": "source", "gazetteer": "names.tsv", "output": output}
    return ["build", *(word for name, path in given.items() for word in (f"--{name}", str(folder / path))), *more]


def test_the_command_is_recorded_and_the_sizes_are_shown(corpus, capsys):
    record = read_record(corpus / "out" / "record.json")
    options = "--domain zoo --source source --gazetteer names.tsv --output out --whole-source --workers 1"
    assert record.command == f"crossner-hf corpus build {options}"
    assert main(["corpus", "stats", str(corpus / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["zoo", name] for name in record.domains["zoo"].levels]
    assert f"{record.domains['zoo'].levels['domain'].words:,}" in lines[2]


@pytest.mark.parametrize(
    ("options", "selection"),
    [
        ((), "zoo: by_type True"),
        (("--titles", "titles.txt"), "zoo: titles 2"),
        (
            ("--titles", "zoo=titles.txt", "--by-type", "--types", "species"),
            "zoo: titles 2, by_type True, entity_types species",
        ),
        (
            ("--whole-source", "--min-score", "0.5", "--combine", "all"),
            "zoo: min_score 0.5, whole_source True, combine all",
        ),
    ],
)
def test_documents_are_selected_as_asked(corpus, monkeypatch, capsys, options, selection):
    (corpus / "titles.txt").write_text("Day 0-3\nDay 1-3\tsome note\n", encoding="utf-8")
    monkeypatch.chdir(corpus)
    assert main(["corpus", *build_options(corpus, "nothing", *options, "--dry-run")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == selection


def test_a_dry_run_writes_nothing(corpus, capsys):
    assert main(["corpus", *build_options(corpus, "nothing", "--categories", "Zoo", "--dry-run")]) == 2
    assert "its documents have no categories" in capsys.readouterr().err
    assert main(["corpus", *build_options(corpus, "nothing", "--dry-run")]) == 0
    assert "2 other shards; nothing was written" in capsys.readouterr().out
    assert not (corpus / "nothing").exists()


def test_kept_and_dropped_sentences_are_shown_with_names_and_reasons(corpus, capsys):
    assert main(["corpus", "show", str(corpus / "out"), "--max", "500", "--color", "never"]) == 0
    shown = capsys.readouterr().out
    assert (
        "(domain, entity, task): [Anna Berg|keeper] saw a [Red Panda|species] in [Oslo|location] & [Ulm|location]."
        in shown
    )
    assert "zoo, dropped (heading): Heading of it" in shown


def test_the_page_shows_text_as_text_and_fetches_nothing(corpus, capsys):
    page = corpus / "page.html"
    assert main(["corpus", "show", str(corpus / "out"), "--html", str(page)]) == 0
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not re.search(r"""(?:src|href)=["'](?!#)""", html)
    assert "default-src 'none'" in html
    record = read_record(corpus / "out" / "record.json")
    assert f"{record.domains['zoo'].levels['entity'].sentences:,}</td>" in html
    assert re.search(r"<mark [^>]*>Red Panda<small>species</small></mark>", html)


def test_the_authors_files_are_counted_as_they_are(tmp_path, capsys):
    (tmp_path / "music_domainlevel.txt").write_text("A first sentence.\nA second one.\n" * 50)
    (tmp_path / "music_tasklevel.txt").write_text("A first sentence.\n" * 10)
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["corpus", "stats", str(tmp_path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:5] for row in rows] == [["music", "domain", "0", "100", "300"], ["music", "task", "0", "10", "30"]]
    assert [row[-2:] for row in rows] == [["100.0%", "100.0%"], ["11.2%", "16.2%"]]
    assert main(["corpus", "stats", str(tmp_path / "nothing")]) == 2
    assert "holds neither a corpus of `crossner-hf corpus build`" in capsys.readouterr().err


def test_a_pushed_corpus_loads_as_configurations(corpus, tmp_path, own_cache, capsys):
    output = tmp_path / "repository"
    command = ["push", "dataset", "sample_music", "--corpus", str(corpus / "out"), "--repo", "me/zoo"]
    assert main([*command, "--dry-run", "--output", str(output)]) == 0
    files = sorted((corpus / "out" / "zoo" / "task").iterdir())
    rows = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    assert datasets.load_dataset(str(output), "zoo_task", split="train").to_list() == rows
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "| zoo\\_integrated |" in card or "| zoo_integrated |" in card
    damaged = corpus / "out" / "zoo" / "task" / files[0].name
    content = damaged.read_bytes()
    damaged.write_bytes(content + b" ")
    assert main([*command, "--dry-run", "--output", str(tmp_path / "again")]) == 2
    assert "is not the file that the corpus' record names" in capsys.readouterr().err
    damaged.write_bytes(content)
