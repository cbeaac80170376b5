"""`crossner-hf data`: what it prints and how it ends."""

import re

import datasets
import pytest

from crossner_hf.cli import main
from crossner_hf.data.sources import FILE_NAMES, FILES


@pytest.fixture
def run(capsys):
    """Runs `crossner-hf data …`; gives exit status, standard output, and what of standard error is no progress bar."""

    def run(*arguments):
        try:
            status = main(["data", *map(str, arguments)])
        except SystemExit as stop:  # argparse
            status = stop.code
        printed = capsys.readouterr()
        lines = [line for line in printed.err.splitlines() if line.startswith("crossner-hf") or "Reuters" in line]
        assert "Traceback" not in printed.err
        return status, printed.out, "\n".join(lines)

    return run


def test_verify_prints_one_line_for_each_file(run, official):
    status, out, _ = run("verify", "--data_dir", official)
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()[:-1]] == [["ok", name] for name in FILES]
    assert out.endswith("all as published\n")


def test_verify_of_one_domain_checks_its_files_only(run, official):
    status, out, _ = run("verify", "Music_Dedup", "--data_dir", official)
    assert status == 0
    assert re.findall(r"^ok +(\S+)", out, re.MULTILINE) == ["music/train.txt", "music/dev.txt", "music/test.txt"]


def test_verify_has_status_2_for_missing_and_changed_files(run, tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "train.txt").write_bytes(b"x" * FILES["music/train.txt"].size)
    (tmp_path / "music" / "dev.txt").write_bytes(b"short")
    status, out, _ = run("verify", "music", "--data_dir", tmp_path)
    assert status == 2
    assert [re.sub(r"\s+", " ", line) for line in out.splitlines()] == [
        "BAD music/train.txt 40,997 bytes has the official size but other content (its SHA-256 differs)",
        "BAD music/dev.txt 164,737 bytes has 5 bytes, the official file 164,737",
        "BAD music/test.txt 208,331 bytes is missing",
        f"{tmp_path}: 3 file(s) missing or not as published",
    ]


@pytest.mark.parametrize("name", ["sample_music", "legal"])
def test_verify_refuses_domains_without_published_checksums(run, legal, name):
    status, out, err = run("verify", legal if name == "legal" else name)
    assert (status, out) == (2, "")
    assert f"{name} has no published checksums; `crossner-hf data stats` reads and checks it" in err


def test_stats_prints_the_table_of_each_domain(run, legal):
    status, out, _ = run("stats", "sample_music", legal)
    assert status == 0
    first, second = out.split("\n\n")
    assert re.sub(r" +", " ", first).splitlines()[2] == "sentences 60 30 40"
    assert re.sub(r" +", " ", second).splitlines()[2] == "sentences 2 1 3"


def test_stats_without_names_shows_the_domains_whose_files_are_there(run, tmp_path):
    status, out, _ = run("stats", "--data_dir", tmp_path)
    assert status == 0
    assert re.findall(r"^(\w+) +train", out, re.MULTILINE) == ["sample_music", "sample_news"]


def test_show_prints_sentences_with_their_entities_in_brackets(run, legal):
    assert run("show", legal, "--split", "test", "--max", 2)[:2] == (
        0,
        "    0  [Old Bailey|court]\n    1  [Hale|judge]\n",
    )


def test_show_prints_all_sentences_for_max_0(run, legal):
    status, every, _ = run("show", legal, "--split", "test", "--max", 0)
    assert every == run("show", legal, "--split", "test", "--max", 99)[1]
    assert (status, len(every.splitlines())) == (0, 3)


def test_show_in_colour_is_the_same_text_with_colours(run, legal):
    _, plain, _ = run("show", legal, "--color", "never")
    _, colour, _ = run("show", legal, "--color", "always")
    assert "\x1b[" in colour
    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", colour) == re.sub(r"\[([^|]*)\|(\w+)\]", r"\1 \2", plain)


def test_export_writes_a_folder_and_says_how_to_load_it(run, legal, tmp_path):
    status, out, err = run("export", tmp_path / "out", "sample_news", legal)
    assert (status, err) == (0, "")
    call = re.search(r'load_dataset\("(.*)", "(.*)"\) reads it', out)
    assert len(datasets.load_dataset(call[1], call[2], split="test")) == 3


def test_export_of_conll_says_whose_text_it_is(run, tmp_path):
    for name in FILE_NAMES.values():
        (tmp_path / name).write_text("Paris\tB-location\n")
    status, _, err = run("export", tmp_path / "out", "conll2003", "--data_dir", tmp_path, "--no_verify")
    assert status == 0
    assert "Reuters' terms" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "musik"], "unknown domain 'musik'; did you mean music"),
        (["stats", "musik"], "unknown domain 'musik'; did you mean music"),
        (["verify", "musik"], "unknown domain 'musik'; did you mean music"),
        (["export", "out", "musik"], "unknown domain 'musik'; did you mean music"),
        (["show", "music", "--data_dir", "none"], "none: no such folder"),
        (["verify", "--data_dir", "none"], "none: no such folder"),
        (["show", "music", "--data_dir", "."], "music/train.txt: is missing; put the official file there"),
        (["show", "bad"], "bad/dev.txt:1: expected 'word<TAB>tag', got 'Denning'"),
        (["stats", "bad"], "bad/dev.txt:1: expected 'word<TAB>tag', got 'Denning'"),
        (["export", "out", "bad"], "bad/dev.txt:1: expected 'word<TAB>tag', got 'Denning'"),
        (["export", "bad", "sample_music"], "bad: exists and is not an empty folder; name a new one"),
        (["show", "sample_music", "--max", "-1"], "--max must be 0 (all) or more, got -1"),
        (["show", "sample_music", "--split", "dev"], "invalid choice: 'dev'"),
    ],
)
def test_a_users_error_is_one_line_and_exit_status_2(run, legal, monkeypatch, arguments, message):
    legal.rename(legal.with_name("bad"))
    monkeypatch.chdir(legal.parent)
    (legal.with_name("bad") / "dev.txt").write_text("Denning\n", encoding="utf-8")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (legal.parent / "out").exists()
