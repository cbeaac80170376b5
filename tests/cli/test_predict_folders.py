"""`crossner-hf predict` on a folder: the bytes of one file after the other, whatever is killed, damaged or done."""

import bz2
import gzip
import json
import os

import predict_jobs
import pytest
import torch

from crossner_hf.cli import main, predict_folder
from crossner_hf.engine.tasks import Outcome, perform

TEXT = "The old sea eagle left Ulm, at night.\n\nA red panda moved from New York.\n"
COLUMNS = "The\tO\nfox\tO\n\nOslo\tO\n"
FILES = {
    "a.txt": TEXT.encode() * 20,
    "b.conll": COLUMNS.encode(),
    "c.jsonl": b'{"id": 7, "text": "fox in Ulm"}\n{"tokens": ["Oslo", "\'s", "fox"]}\n',
    "deep/a.TXT.gz": gzip.compress(TEXT.encode()),
    "deep/er/d.tsv.bz2": bz2.compress(COLUMNS.encode()),
    "e.txt": b"",
}
LEFT_OUT = {"notes.md": b"fox", ".hidden/a.txt": b"fox"}


@pytest.fixture(scope="module")
def model(random_tagger):
    return random_tagger("bert")


@pytest.fixture
def folder(tmp_path):
    """Some files of every form, in `in`; `out` is free for the result."""
    write(tmp_path / "in", FILES | LEFT_OUT)
    return tmp_path


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def written(folder):
    """The bytes of the files that a user sees; temporary ones too."""
    paths = [path for path in (folder / "out").rglob("*") if path.is_file()]
    names = {path.relative_to(folder / "out").as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in names.items() if not name.startswith(".predicted/")}


def arguments(folder, model, *options, to="jsonl"):
    chosen = ["--model", model, "--to", to, *options]
    return ["predict", str(folder / "in"), *chosen, "--output", str(folder / "out")]


@pytest.fixture
def one_by_one(folder, capsys):
    """What `predict FILE` prints for each file, by the name of its output; one thread, as in workers."""

    def one_by_one(*options):
        threads, printed = torch.get_num_threads(), {}
        capsys.readouterr()
        torch.set_num_threads(1)
        for name in FILES:
            assert main(["predict", str(folder / "in" / name), *options]) == 0
            ending = {"text": "txt", "conll": "conll", "jsonl": "jsonl"}[options[-1]]
            printed[f"{name.partition('.')[0]}.{ending}"] = capsys.readouterr().out.encode()
        torch.set_num_threads(threads)
        return printed

    return one_by_one


@pytest.fixture
def serial(monkeypatch):
    """Performs tasks in this process, which saves the start of others; gives the names of those that were not done."""
    performed = []

    def run(tasks, executor, *, workers, gpus, report):
        outcomes = [Outcome(task.name, "skipped") if task.is_done() else perform(task) for task in tasks]
        for outcome in outcomes:
            if outcome.state != "skipped":
                performed.append(os.path.basename(outcome.name))
                report(outcome, 1)
        return outcomes

    monkeypatch.setattr(predict_folder, "run_tasks", run)
    yield performed
    predict_folder._tagger.cache_clear()


@pytest.mark.slow
def test_workers_load_the_model_once_and_a_killed_one_changes_no_byte(folder, model, one_by_one, monkeypatch, capsys):
    expected = one_by_one("--model", model, "--to", "jsonl")
    assert any(json.loads(line)["entities"] for line in expected["a.jsonl"].splitlines())
    monkeypatch.setattr(predict_folder, "_tag_file", predict_jobs.tag_file)
    monkeypatch.setenv("PREDICT_JOBS", str(folder))
    (folder / "kill").write_text("b.conll")
    assert main(arguments(folder, model, "--workers", "2")) == 0
    assert written(folder) == expected
    notes = [line.split() for line in (folder / "log").read_text().splitlines()]
    assert sorted(name for name, _ in notes) == sorted([*map(os.path.basename, FILES), "b.conll"])
    assert {loads for _, loads in notes} <= {"0", "1"}
    printed = capsys.readouterr()
    assert printed.out == f"{folder / 'out'}  ({len(FILES)} files)\n"
    assert f"{folder / 'in'}: 1 files with other endings are left out" in printed.err


def test_the_same_command_does_only_what_is_missing_or_has_changed(folder, model, one_by_one, serial):
    assert main(arguments(folder, model)) == 0
    assert sorted(serial) == sorted(["model", *map(os.path.basename, FILES)])
    assert written(folder) == one_by_one("--model", model, "--to", "jsonl")
    serial.clear()
    assert main(arguments(folder, model)) == 0
    assert serial == []
    (folder / "out" / "deep" / "a.jsonl").unlink()
    (folder / "in" / "e.txt").write_text("fox\n")
    assert main(arguments(folder, model)) == 0
    assert sorted(serial) == ["a.TXT.gz", "e.txt"]
    assert written(folder) == one_by_one("--model", model, "--to", "jsonl")
    serial.clear()
    assert main(arguments(folder, model, "--splitter", "bert")) == 0
    assert len(serial) == 1 + len(FILES)


def test_files_that_fail_are_named_and_the_others_are_tagged(folder, model, one_by_one, serial, capsys):
    expected = one_by_one("--model", model, "--to", "conll")
    damaged = {"bad.jsonl": b'{"text": "fox"}\n[1]\n', "cut.txt.gz": gzip.compress(TEXT.encode() * 9)[:-9]}
    write(folder / "in", damaged)
    assert main(arguments(folder, model, to="conll")) == 2
    assert written(folder) == expected
    errors, place = capsys.readouterr().err, folder / "in"
    assert f"failed: {place / 'bad.jsonl'}:2: expected a JSON object on each line, got '[1]'\n" in errors
    assert f"failed: {place / 'cut.txt.gz'}: cannot be unpacked by gzip" in errors
    last = errors.splitlines()[-1]
    assert last.startswith(f"crossner-hf predict: error: {place}")
    assert last.endswith("(and 1 more); 6 of 8 files are tagged, the same command does the rest")


def test_types_in_words_tag_folders(folder, checkpoint, one_by_one, serial):
    options = "--types", "fox, city=new york"
    expected = one_by_one("--model", checkpoint, *options, "--to", "text")
    assert main(arguments(folder, checkpoint, *options, to="text")) == 0
    assert written(folder) == expected


def test_a_model_that_cannot_be_loaded_ends_the_command_before_any_file(folder, model, tiny_model, serial, user_error):
    for options, message in (
        (("--model", tiny_model()), "is no trained tagger"),
        (("--model", tiny_model(), "--types", "fox"), "descriptions"),
        (("--model", model, "--splitter", "x"), "splitter must be one of crossner, whitespace, bert, got 'x'"),
    ):
        error = user_error("predict", str(folder / "in"), *options, "--output", str(folder / "out"))
        assert message in error
    assert written(folder) == {}


def test_folders_and_options_that_do_not_fit_are_named(folder, model, user_error):
    place, out = str(folder / "in"), str(folder / "out")
    write(folder, {"empty/notes.md": b"", "twice/a.txt": b"", "twice/a.jsonl": b"", "mine/a.txt": b"mine"})
    for options, message in (
        ([place], f"{place} is a folder: give it alone, and a folder for the results as --output"),
        ([place, place, "--output", out], "is a folder: give it alone"),
        ([f"{place}/a.txt", "--output", out], "--output, --workers and --executor go with a folder"),
        (["--workers", "2"], "--output, --workers and --executor go with a folder"),
        ([str(folder / "gone"), "--output", out], "no such file: "),
        ([place, "--output", place], "lie in each other; name another one"),
        ([place, "--output", f"{place}/deep/out"], "lie in each other; name another one"),
        ([place, "--output", out, "--workers", "0"], "workers must be at least 1, got 0"),
        ([str(folder / "empty"), "--output", out], "empty: contains no file of text (.txt), columns"),
        ([str(folder / "twice"), "--output", out], "a.jsonl and "),
        ([place, "--output", str(folder / "mine")], "mine: is not empty and no output of predict; name a new folder"),
    ):
        assert message in user_error("predict", "--model", model, *options)
    assert (folder / "mine" / "a.txt").read_bytes() == b"mine"
    assert not (folder / "out").exists()
