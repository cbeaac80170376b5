"""crossner-hf push: what a dry run writes, and what is refused before anything is sent."""

import signal

import pytest
import report_runs

from crossner_hf.cli import main
from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.schema import SOURCE

SPACE = {"README.md", "app.py", "requirements.txt", "crossner.py", "labels.py", "span_f1.py"}


@pytest.fixture
def push(tmp_path, capsys):
    """Runs `crossner-hf push ARGUMENTS --repo REPO --dry-run --output tmp_path/out`; gives status and printed texts."""

    def push(*arguments, repo="me/repository", output=tmp_path / "out"):
        keep = ("--output", output) if output else ()
        status = main(["push", *map(str, (*arguments, "--repo", repo, "--dry-run", *keep))])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return push


def test_a_dry_run_lists_the_files_with_their_sizes_and_sends_nothing(push, tmp_path):
    for output in (None, tmp_path / "space"):
        status, out, _ = push("metric", repo="me/crossner", output=output)
        assert status == 0
        *lines, last = (line.split(maxsplit=1) for line in out.splitlines())
        assert {name for _, name in lines} == SPACE
        sizes = {name: int(size.replace(",", "")) for size, name in lines}
        assert last == [f"{sum(sizes.values()):,}", "bytes would be pushed to me/crossner; nothing was sent"]
    assert {path.name: path.stat().st_size for path in (tmp_path / "space").iterdir()} == sizes


def test_the_output_folder_must_be_new(push, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    status, _, err = push("metric", output=tmp_path)
    assert (status, [p.name for p in tmp_path.iterdir()]) == (2, ["notes.txt"])
    assert "exists and is not an empty folder; name a new one" in err


def test_a_dry_run_makes_the_checks_of_a_push(push):
    status, out, err = push("metric", repo="crossner")
    assert (status, out) == (2, "")
    assert "'crossner': expected USER/NAME" in err


def test_results_are_the_records_the_predictions_and_the_report(push, tmp_path):
    make = report_runs.RunMaker(tmp_path / "exp")
    paths = [make("sample_music", seed=seed) for seed in (555, 666)]
    assert push("results", tmp_path / "exp", "--no-plots")[0] == 0
    folder = tmp_path / "out"
    written = sorted(p for p in (folder / "records").glob("*.json") if not p.name.endswith(".predictions.json"))
    assert [read_record(p) for p in written] == [read_record(p) for p in paths]
    assert all(p.with_name(f"{p.stem}.predictions.json").is_file() for p in written)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("---\n")
    assert readme.endswith((folder / "report.md").read_text(encoding="utf-8"))
    assert (folder / "report.html").is_file()


def test_sentences_of_reuters_are_published_only_with_the_licence(push, tmp_path):
    path = report_runs.RunMaker(tmp_path / "exp")("sample_news")
    changes = {"domain": "conll2003", "entity_types": SOURCE.entity_types}
    write_record(path, read_record(path).model_copy(update=changes))
    for arguments in (("results", tmp_path / "exp", "--no-plots"), ("dataset", "conll2003")):
        status, _, err = push(*arguments)
        assert status == 2
        assert "--i-have-the-reuters-licence" in err
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("argv", [["metric"], ["model", "--repo", "me/x"], ["models", "--repo", "me/x"], []])
def test_missing_arguments_are_named(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["push", *argv])
    assert stopped.value.code == 2
    assert "usage: crossner-hf push" in capsys.readouterr().err


def test_raw_text_is_a_further_configuration(push, tmp_path):
    assert push("dataset", "sample_music", "--corpus", "raw=sample_music", "--corpus", "more=sample_music")[0] == 0
    assert {p.name for p in (tmp_path / "out").iterdir() if p.is_dir()} == {"sample_music", "raw", "more"}
    status, _, err = push("dataset", "sample_music", "--corpus", "music.txt", output=tmp_path / "other")
    message = "--corpus music.txt: expected NAME=FILE, such as corpus_music=music.txt, or a folder of `corpus build`"
    assert (status, err) == (2, f"crossner-hf push: error: {message}\n")


def test_results_of_two_folders_of_one_name_are_an_error(push, tmp_path):
    for name, seed in (("a", 555), ("b", 666)):
        report_runs.RunMaker(tmp_path / name / "exp")("sample_music", seed=seed)
    status, _, err = push("results", tmp_path / "a" / "exp", tmp_path / "b" / "exp", "--no-plots")
    assert status == 2
    assert "rename one of their folders" in err


@pytest.mark.parametrize("name", ["labels", "span_f1", "app"])
def test_a_metric_with_the_name_of_one_of_its_files_is_refused(push, name):
    status, _, err = push("metric", repo=f"me/{name}")
    assert status == 2
    assert "none of app, labels, span_f1" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_push_that_is_ended_leaves_no_folder(push, tmp_path, monkeypatch, number):
    monkeypatch.setattr("crossner_hf.cli.push._write", lambda args, folder: signal.raise_signal(number))
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert push("metric")[0] == 130
    finally:
        signal.signal(number, before)
    assert list(tmp_path.iterdir()) == []
