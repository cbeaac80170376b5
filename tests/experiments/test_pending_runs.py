"""What the report lists as not run is what the runner's own folder says has no record."""

from pathlib import Path

from crossner_hf.engine.tasks import Outcome
from crossner_hf.experiments.grid import Grid
from crossner_hf.experiments.grid_folder import GridFolder
from crossner_hf.experiments.report.pending_runs import pending_runs


def test_runs_of_a_grid_without_a_record_are_listed_with_what_is_known_of_them(tmp_path: Path):
    folder = tmp_path / "exp" / "grid"
    grid = Grid.of({"domains": ["sample_music"], "models": ["minilm"], "seeds": [1, 2, 3, 4]})
    place = GridFolder(folder, grid)
    done, failed, begun, waiting = place.tasks()
    with place.opened(extend=False):
        for task, file in ((done, "record.json"), (begun, "run.json")):
            place.of(task).mkdir(parents=True)
            (place.of(task) / file).write_text("{}", encoding="utf-8")
        place.note_failure(Outcome(failed.name, "failed", "out of memory"))
    pending = [(Path(shown).name, reason) for shown, reason in pending_runs([tmp_path, folder])]
    assert pending == [
        (failed.name, "failed: out of memory"),
        (begun.name, "begun, not finished"),
        (waiting.name, "not begun"),
    ]


def test_another_file_of_that_name_asks_for_nothing(tmp_path: Path):
    for number, text in enumerate(("[]", "{", '{"runs": 3}', '{"grid": {}}')):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "grid.json").write_text(text, encoding="utf-8")
    assert pending_runs([tmp_path]) == []
