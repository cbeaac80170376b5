"""crossner-hf push: what a dry run writes, and what is refused before anything is sent."""

import pytest
import report_runs

from crossner_hf.cli import main
from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.schema import SOURCE


def run(capsys, *argv):
    status = main(["push", *map(str, argv)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_dry_run_writes_the_folder_and_needs_no_network(tmp_path, capsys):
    status, out, _ = run(capsys, "metric", "--repo", "me/crossner", "--dry-run", tmp_path / "space")
    assert status == 0
    assert "what would be pushed to me/crossner; nothing was sent" in out
    assert {p.name for p in (tmp_path / "space").iterdir()} == {
        *("README.md", "app.py", "requirements.txt"),
        *("crossner.py", "labels.py", "span_f1.py"),
    }


def test_a_dry_run_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    status, _, err = run(capsys, "metric", "--repo", "me/crossner", "--dry_run", tmp_path)
    assert (status, [p.name for p in tmp_path.iterdir()]) == (2, ["notes.txt"])
    assert "exists and is not an empty folder; name a new one" in err


def test_results_are_the_records_the_predictions_and_the_report(tmp_path, capsys):
    make = report_runs.RunMaker(tmp_path / "exp")
    paths = [make("sample_music", seed=seed) for seed in (555, 666)]
    folder = tmp_path / "out"
    status, _, _ = run(capsys, "results", tmp_path / "exp", "--repo", "me/results", "--no_plots", "--dry-run", folder)
    assert status == 0
    found = sorted(p for p in (folder / "records").glob("*.json") if not p.name.endswith(".predictions.json"))
    assert [read_record(p) for p in found] == [read_record(p) for p in paths]
    assert all(p.with_name(f"{p.stem}.predictions.json").is_file() for p in found)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("---\n")
    assert readme.endswith((folder / "report.md").read_text(encoding="utf-8"))
    assert (folder / "report.html").is_file()


def test_sentences_of_reuters_are_not_passed_on_unless_told(tmp_path, capsys):
    make = report_runs.RunMaker(tmp_path / "exp")
    path = make("sample_news")
    write_record(
        path, read_record(path).model_copy(update={"domain": "conll2003", "entity_types": SOURCE.entity_types})
    )
    argv = ("results", tmp_path / "exp", "--repo", "me/results", "--no_plots", "--dry-run", tmp_path / "out")
    status, _, err = run(capsys, *argv)
    assert status == 2
    assert "say --i-have-the-reuters-licence" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("argv", [["metric"], ["model", "--repo", "me/x"], ["models", "--repo", "me/x"], []])
def test_what_is_missing_is_asked_for(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["push", *argv])
    assert stopped.value.code == 2
    assert "usage: crossner-hf push" in capsys.readouterr().err


def test_raw_text_is_a_further_configuration(tmp_path, capsys):
    folder = tmp_path / "out"
    argv = ("dataset", "sample_music", "--repo", "me/crossner", "--dry-run", folder)
    status, _, _ = run(capsys, *argv, "--corpus", "raw=sample_music")
    assert status == 0
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {"sample_music", "raw"}
    twice = (*argv[:-1], tmp_path / "twice", "--corpus", "raw=sample_music", "--corpus", "more=sample_music")
    assert run(capsys, *twice)[0] == 0
    assert (tmp_path / "twice" / "raw").is_dir()
    assert run(capsys, *argv[:-1], tmp_path / "other", "--corpus", "music.txt")[::2] == (
        2,
        "crossner-hf push: error: --corpus music.txt: expected NAME=FILE, such as corpus_music=music.txt\n",
    )


def test_results_of_two_folders_of_one_name_are_told_apart(tmp_path, capsys):
    for name in ("a", "b"):
        report_runs.RunMaker(tmp_path / name / "exp")("sample_music", seed=555 if name == "a" else 666)
    folders = (tmp_path / "a" / "exp", tmp_path / "b" / "exp")
    status, _, err = run(capsys, "results", *folders, "--repo", "me/r", "--no_plots", "--dry-run", tmp_path / "out")
    assert status == 2
    assert "rename one of their folders" in err


@pytest.mark.parametrize("name", ["labels", "span_f1", "app"])
def test_a_metric_of_the_name_of_one_of_its_files_is_refused(name, tmp_path, capsys):
    status, _, err = run(capsys, "metric", "--repo", f"me/{name}", "--dry-run", tmp_path / "out")
    assert status == 2
    assert "none of app, labels, span_f1" in err
