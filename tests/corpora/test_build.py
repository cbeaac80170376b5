"""Corpora that were built: their sentences and levels against a slow count by hand, and input that gives no corpus."""

import json
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import build_jobs
import datasets
import pyarrow.parquet
import pytest
from build_jobs import NAMES, ZOO, contents, plan, write_source

from crossner_hf.corpora.build import build_corpus
from crossner_hf.corpora.build_job import BuildSettings
from crossner_hf.corpora.build_plan import BuildInput, plan_build
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.levels import LevelRules
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.data.sources import sha256_of
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.text_records import CorpusRecord
from crossner_hf.schema import DOMAINS, Domain

RULES = LevelRules(entity_count=2, entity_density=0.1, task_count=1, task_density=0.1)
SPECIAL = [name for name, entity_type in NAMES.items() if entity_type in ZOO.specialised_types]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    write_source(folder)
    record = build_corpus(plan(folder, BuildSettings(levels=RULES, keep_labelled=True)), workers=1)
    return folder / "output", record


def rows_of(folder, domain, level):
    files = sorted((folder / domain / level).iterdir())
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]


def by_hand(folder):
    """The sentences in order without repeats, from the rule by which the source was made."""
    texts = {}
    for file in sorted((folder / "source").iterdir()):
        for line in file.read_text(encoding="utf-8").splitlines():
            document = json.loads(line)
            for paragraph in document["text"].split("\n")[1:]:
                for sentence in paragraph.replace("came. ", "came.\n").split("\n"):
                    texts.setdefault(sentence, document["title"])
    return list(texts.items())


def test_levels_are_those_of_a_count_by_hand(built):
    folder, record = built
    sentences = by_hand(folder.parent)
    of = {text: re.findall("|".join(NAMES), text) for text, _ in sentences}
    words = {text: len(text.split()) for text in of}
    special = {text: [name for name in names if name in SPECIAL] for text, names in of.items()}
    entity = [text for text in of if len(of[text]) >= 2 and len(of[text]) / words[text] >= 0.1]
    task = [text for text in of if special[text] and len(special[text]) / words[text] >= 0.1]
    expected = {"domain": list(of), "entity": entity, "task": task, "integrated": [*task, *task, *entity]}
    sizes = record.domains["zoo"].levels
    for level, texts in expected.items():
        rows = rows_of(folder, "zoo", level)
        assert sorted(row["text"] for row in rows) == sorted(texts)
        assert level == "integrated" or [row["text"] for row in rows] == texts
        assert {row["text"]: row["title"] for row in rows}.items() <= dict(sentences).items()
        assert sizes[level].sentences == len(texts)
        assert sizes[level].words == sum(words[text] for text in texts)
        assert sizes[level].bytes == sum(len(text.encode()) for text in texts)
        assert sizes[level].names == sum(len(of[text]) for text in texts)
        assert sizes[level].documents == len({dict(sentences)[text] for text in texts})
        assert sizes[level].ratio == pytest.approx(sizes[level].bytes / sizes["domain"].bytes, abs=1e-4)


def test_names_stand_where_the_rows_say(built):
    folder, record = built
    rows = rows_of(folder, "zoo", "domain")
    for row in rows:
        found = [(row["text"][e["start"] : e["end"]], e["type"]) for e in row["entities"]]
        assert found == [(name, NAMES[name]) for name in re.findall("|".join(NAMES), row["text"])]
    counts = {name: sum(e["type"] == name for row in rows for e in row["entities"]) for name in ZOO.entity_types}
    assert record.domains["zoo"].types == {name: count for name, count in counts.items() if count}


def test_the_manifest_counts_what_was_dropped(built):
    folder, record = built
    assert read_record(folder / RECORD_FILE) == record
    about = record.domains["zoo"]
    documents = build_jobs.SHARDS * build_jobs.DOCUMENTS
    assert (record.documents, about.documents, about.selected) == (documents, documents, {"whole source": documents})
    assert about.dropped == {"heading": documents, "repeat": 6 * documents - about.levels["domain"].sentences}
    dropped = [json.loads(line) for line in (folder / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["reason"] for row in dropped} == {"heading", "repeat"}
    kept = {row["text"] for row in rows_of(folder, "zoo", "domain")}
    assert {row["text"] in kept for row in dropped if row["reason"] == "repeat"} == {True}
    assert not (folder / ".work").exists()


def test_dapt_and_datasets_read_it_as_it_is(built, own_cache):
    folder, record = built
    documents = list(Corpus((str(folder / "zoo" / "task"),)).documents())
    rows = rows_of(folder, "zoo", "task")
    assert [(d.text, d.entities) for d in documents] == [
        (row["text"], tuple((e["start"], e["end"]) for e in row["entities"])) for row in rows
    ]
    integrated = datasets.load_dataset(str(folder / "zoo"), split="train")
    task = datasets.load_dataset(str(folder / "zoo"), "task", split="train")
    assert task.to_list() == rows
    assert len(integrated) == record.domains["zoo"].levels["integrated"].sentences


def test_one_domain_of_several_is_as_if_built_alone(tmp_path):
    write_source(tmp_path)
    names = "Red Panda\tband\tmusic\nSea\tbook\tliterature\nSea Lion\tsong\tmusic\nOslo\tlocation\t*\n"
    (tmp_path / "names.tsv").write_text(names, encoding="utf-8")
    titles = frozenset(f"Day {shard}-{number}" for shard in (0, 2) for number in range(build_jobs.DOCUMENTS))
    selectors = [
        DomainSelector(DOMAINS["literature"], titles=titles),
        DomainSelector(DOMAINS["music"], whole_source=True),
    ]
    source = BuildInput((str(tmp_path / "source"),), (str(tmp_path / "names.tsv"),))
    settings = BuildSettings(levels=RULES, keep_labelled=True, near_duplicates=0.9)
    for name, chosen in (("both", selectors), ("literature", selectors[:1]), ("music", selectors[1:])):
        build_corpus(plan_build(source, tmp_path / name, chosen, settings), workers=1)
    both = contents(tmp_path / "both")
    for name in ("literature", "music"):
        alone = {file: content for file, content in contents(tmp_path / name).items() if file.startswith(f"{name}/")}
        assert len(alone) == 4 * build_jobs.SHARDS + 1
        assert {file: both[file] for file in alone} == alone


def test_text_files_hold_the_same_sentences(built, tmp_path):
    write_source(tmp_path)
    settings = BuildSettings(levels=RULES, keep_labelled=True, format="text")
    record = build_corpus(plan(tmp_path, settings), workers=1)
    of_parquet = built[1].domains["zoo"].levels
    for level, size in record.domains["zoo"].levels.items():
        assert size.model_copy(update={"sha256": {}}) == of_parquet[level].model_copy(update={"sha256": {}})
        files = sorted((tmp_path / "output" / "zoo" / level).iterdir())
        lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        assert list(filter(None, lines)) == [row["text"] for row in rows_of(built[0], "zoo", level)]
    documents = list(Corpus((str(tmp_path / "output" / "zoo" / "domain"),)).documents())
    assert len(documents) == record.domains["zoo"].levels["domain"].documents


def test_labelled_sentences_are_dropped_or_their_articles(tmp_path):
    write_source(tmp_path)
    labelled = by_hand(tmp_path)[5][0]
    own = tmp_path / "zoo"
    own.mkdir()
    (own / "domain.json").write_text(json.dumps({"entity_types": ZOO.entity_types, "generic_types": ["location"]}))
    tokens = "".join(f"{word}\tO\n" for word in re.findall(r"\w+|\S", labelled.upper()))
    for name in ("train", "dev", "test"):
        (own / f"{name}.txt").write_text(tokens, encoding="utf-8")
    selector = DomainSelector(Domain.from_folder(own), whole_source=True)
    source = BuildInput((str(tmp_path / "source"),), (str(tmp_path / "names.tsv"),))
    everything = dict(by_hand(tmp_path))
    for name, drop_articles in (("sentences", False), ("articles", True)):
        settings = BuildSettings(drop_articles=drop_articles)
        record = build_corpus(plan_build(source, tmp_path / name, [selector], settings), workers=1)
        texts = {row["text"] for row in rows_of(tmp_path / name, "zoo", "domain")}
        assert labelled not in texts
        assert ("of a document with a sentence in the labelled data" in record.domains["zoo"].dropped) == drop_articles
        beside = {text for text, title in everything.items() if title == everything[labelled] and text != labelled}
        assert (beside <= texts) != drop_articles


def test_other_levels_need_no_second_reading(tmp_path):
    write_source(tmp_path)
    first = plan(tmp_path)
    build_corpus(first, workers=1, keep_work=True)
    other = replace(first, settings=replace(first.settings, levels=RULES))
    with pytest.raises(ValueError, match="holds a corpus of other sources or parameters; --overwrite replaces it"):
        build_corpus(other, workers=1)
    outcomes = []
    record = build_corpus(other, workers=1, overwrite=True, report=lambda outcome, _: outcomes.append(outcome.name))
    assert {name.split()[0] for name in outcomes} == {"levels"}
    assert record.parameters["levels"]["task_count"] == 1
    assert build_corpus(other, workers=1) == record  # it is there: nothing is done


def test_a_dump_is_unpacked_and_its_pages_are_selected_by_category(tmp_path):
    dump = Path(__file__).with_name("wiki.xml")
    (tmp_path / "names.tsv").write_text("Sonny Rollins\tmusicalartist\n", encoding="utf-8")
    source = BuildInput((str(dump),), (str(tmp_path / "names.tsv"),), category_depth=2)
    settings = BuildSettings(keep_labelled=True, levels=LevelRules(task_count=1))

    def planned(*categories):
        selector = DomainSelector(DOMAINS["music"], categories=frozenset(categories))
        return plan_build(source, tmp_path / "output", [selector], settings)

    with pytest.raises(ValueError, match="no category 'Painting'"):
        build_corpus(planned("Painting"), workers=1)
    outcomes = []
    record = build_corpus(planned("Music"), workers=1, report=lambda *what: outcomes.append(what))
    assert [(outcome.name.split()[0], progress) for outcome, progress in outcomes] == [
        ("gazetteer", "1/4"),  # the dump is unpacked already
        *(("read", "2/4"), ("merge", "3/4"), ("levels", "4/4")),
    ]
    about = record.domains["music"]
    assert record.sources == {"wiki.xml": sha256_of(dump)}
    assert (about.selected, about.selection["categories"], about.selection["category_depth"]) == (
        {"category": 1},
        ["Music"],
        2,
    )
    assert [row["text"] for row in rows_of(tmp_path / "output", "music", "task")] == ["He made it with Sonny Rollins."]
    assert build_corpus(planned("Music"), workers=1) == record


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"titles": frozenset({"Night"})}, "zoo is empty: none of 48 documents was selected; ask for other categories"),
        ({"by_type": True}, "zoo is empty: none of 48 documents was selected"),
    ],
)
def test_an_empty_selection_says_which_step_dropped_everything(tmp_path, selection, message):
    write_source(tmp_path)
    with pytest.raises(ValueError, match=f"^merge: {message}"):
        build_corpus(plan(tmp_path, **selection), workers=1)
    assert not (tmp_path / "output" / RECORD_FILE).exists()


def test_a_source_of_headings_and_a_gazetteer_of_another_domain_say_so(tmp_path):
    write_source(tmp_path, shards=1, documents=1)
    (tmp_path / "source" / "0.jsonl").write_text(
        '{"text": "Red Panda.\\nSea Lion:"}\n{"text": " "}\n', encoding="utf-8"
    )
    with pytest.raises(
        ValueError, match=r"zoo is empty: all sentences of 1 selected documents were dropped \(heading: 2"
    ):
        build_corpus(plan(tmp_path), workers=1)
    (tmp_path / "source" / "0.jsonl").write_text('{"text": "They fed a Red Panda."}\n', encoding="utf-8")
    (tmp_path / "names.tsv").write_text("Red Panda\tband\tmusic\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"merge: the gazetteer has no name for zoo: .*\(species, keeper, location"):
        build_corpus(plan(tmp_path), workers=1)


def test_input_that_cannot_be_used_is_refused_before_anything_is_written(tmp_path):
    write_source(tmp_path)
    source = BuildInput((str(tmp_path / "source"),), (str(tmp_path / "names.tsv"),))
    whole = DomainSelector(ZOO, whole_source=True)
    music = DomainSelector(DOMAINS["music"], categories=frozenset({"Music"}))
    for output, selectors, message in (
        ("source", [whole], "lie in each other; name another one"),
        (".", [whole], "lie in each other; name another one"),
        ("output", [whole, whole], "expected domains with different names, got zoo, zoo"),
        ("output", [music], "its documents have no categories, .*; select by titles"),
    ):
        with pytest.raises(ValueError, match=message):
            plan_build(source, tmp_path / output, selectors, BuildSettings(keep_labelled=True))
    with pytest.raises(ValueError, match=r"missing\.tsv: no such file"):
        plan_build(replace(source, gazetteer=(str(tmp_path / "missing.tsv"),)), tmp_path / "output", [whole])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["names.tsv", "source"]
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty and holds no corpus; name a new folder"):
        build_corpus(plan(tmp_path), workers=1)
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["thesis.txt"]


def test_an_unknown_type_in_the_gazetteer_is_named_with_its_line(tmp_path):
    write_source(tmp_path)
    with open(tmp_path / "names.tsv", "a", encoding="utf-8") as file:
        file.write("Moby\twhale\tzoo\n")
    with pytest.raises(ValueError, match=r"^gazetteer: .*names\.tsv:6: .*whale"):
        build_corpus(plan(tmp_path), workers=1)


def test_after_a_full_disk_the_same_command_goes_on(tmp_path, built, child_environment):
    write_source(tmp_path)
    command = [sys.executable, "-B", build_jobs.__file__, str(tmp_path)]  # no byte code, which would be cut too
    child_environment = {**child_environment, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(most):
        full = (
            None if most is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        )
        return subprocess.run(command, env=child_environment, preexec_fn=full, capture_output=True, text=True)

    failed = run(2_000)
    assert failed.returncode != 0
    assert "File too large" in failed.stderr
    assert not (tmp_path / "output" / RECORD_FILE).exists()
    assert run(None).returncode == 0
    names = {path.name for path in (tmp_path / "output").rglob("*")}
    assert not [name for name in names if name.endswith(".part")]
    assert isinstance(read_record(tmp_path / "output" / RECORD_FILE), CorpusRecord)
