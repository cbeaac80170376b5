"""Records: typed, written whole or not at all, read back and checked, with no folder of the machine in them."""

import json
import os
import re
import sys
from pathlib import Path

import pydantic
import pytest
import report_runs
from pydantic import ValidationError
from write_record_schema import PATH, record_schema

from crossner_hf.atomic_write import write_text
from crossner_hf.results import environment
from crossner_hf.results.environment import command_line, git_commit
from crossner_hf.results.record_files import read_record, upgrade, write_record
from crossner_hf.results.records import EvaluationRecord, RunRecord
from crossner_hf.results.text_records import DaptRecord, OverlapRecord
from crossner_hf.schema import get_domain

ROOT = Path(__file__).parents[2]
KEPT = sorted(p for p in (ROOT / "model_cards/results").rglob("*.json") if not p.name.endswith("predictions.json"))
SCORE = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}


def evaluation(**changes) -> EvaluationRecord:
    scores = {"test": {"strict": {"overall": SCORE}}}
    about = {"model": "Björk – naïve", "domain": "music", "split": "test", "is_crossner": True, "scores": scores}
    return EvaluationRecord.new(**about | changes)


@pytest.fixture
def run_record() -> RunRecord:
    domain = get_domain("sample_music")
    gold = report_runs.gold_of(domain)
    return report_runs.make_record(domain, gold, gold)


def test_a_record_is_read_as_it_was_written(tmp_path, run_record):
    for number, record in enumerate((run_record, evaluation())):
        path = tmp_path / "new" / f"{number}.json"
        write_record(path, record)
        assert read_record(path) == record
        text = path.read_bytes()
        write_record(path, read_record(path))
        assert path.read_bytes() == text


def test_a_record_says_what_ran_and_where():
    record = evaluation()
    assert record.kind == "evaluation"
    assert record.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record.hardware.cpu_cores >= 1


def test_a_record_cannot_be_changed_and_a_wrong_copy_is_not_written(tmp_path, run_record):
    with pytest.raises(ValidationError, match="frozen"):
        run_record.seed = 3
    with pytest.raises(ValueError, match=r"record\.json: seed should be a valid integer, got '3'"):
        write_record(tmp_path / "record.json", run_record.model_copy(update={"seed": "3"}))
    assert list(tmp_path.iterdir()) == []


def test_every_committed_record_loads_with_all_that_it_says():
    for path in KEPT:
        content = json.loads(path.read_text(encoding="utf-8"))
        assert json.loads(read_record(path).as_json()) == upgrade(content), path
    assert len(KEPT) >= 124


@pytest.mark.skipif(
    tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 14),
    reason="older versions of pydantic write the schema differently",
)
def test_the_published_schema_is_that_of_the_classes():
    assert PATH.read_text(encoding="utf-8") == record_schema(), "run python scripts/write_record_schema.py"
    kinds = json.loads(record_schema())["discriminator"]["mapping"]
    assert kinds.keys() == {
        "fine_tuning",
        "gazetteer",
        "predictions",
        "source_stage",
        "evaluation",
        "onnx_export",
        "dapt",
        "overlap",
        "corpus",
        "concepts",
    }


def test_keys_of_the_first_schema_version_have_their_new_names():
    path = ROOT / "model_cards/results/dapt-music/minilm-mlm.json"
    old, record = json.loads(path.read_text(encoding="utf-8")), read_record(path, DaptRecord)
    assert (record.tokens_seen, record.checkpoint.name) == (old["pieces_seen"], old["checkpoint"])
    assert (record.corpus.tokens, record.held_out.tokens) == (old["corpus"]["pieces"], old["held_out"]["pieces"])
    assert (record.speed.mfu, record.arguments.block_size) == (old["speed"]["share_of_floor"], 128)


def test_old_records_of_evaluations_and_overlaps_load(tmp_path):
    path = tmp_path / "old.json"
    old = json.loads(evaluation().as_json()) | {"schema_version": 1}
    path.write_text(json.dumps(old | {"scores": old["scores"]["test"]}))
    assert read_record(path).scores == evaluation().scores
    stream = {"label": "a", "domain": None, "splits": None, "splitter": None, "sha256": {}, "tokens": 7}
    stream |= dict.fromkeys(("counted", "distinct", "top", "least_count", "tied"), 1)
    about = {"top_k": 1, "stop_words": {"name": "none", "words": 0, "sha256": ""}, "casing": "lower", "ties": ""}
    about |= {"words_that_count": "", "matrix": {"percent": [[100]], "shared": [[1]], "of": [[1]]}}
    general = {key: old[key] for key in ("schema_version", "created", "command", "versions", "hardware")}
    path.write_text(json.dumps({**general, "kind": "overlap", "streams": [stream], **about}))
    assert read_record(path, OverlapRecord).streams[0].words == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entity_types": ["song", "band"]}, r"entity_types should be those of sample_music \(album, award"),
        ({"scores": {"test": {"strict": {"overall": SCORE}}}}, "scores of test should be under conlleval, strict"),
        (
            {"scores": {"test": {"conlleval": {"overall": SCORE | {"f1": 51.2}}}}},
            r"scores\.test\.conlleval\.overall\.f1 should be less than or equal to 1, got 51.2",
        ),
        ({"scores": {"test": {"conlleval": {}}}}, r"scores\.test\.conlleval\.overall is missing"),
        ({"scores": {"test": [1]}}, r"scores\.test should be a valid dictionary, got \[1\]"),
        ({"seed": "555"}, "seed should be a valid integer, got '555'"),
        ({"encoder": {}}, r"encoder\.name is missing"),
        ({"encoder": {"name": "e", "dapt": {"start": "s", "percent": "all"}}}, r"encoder\.dapt\.percent should be a"),
        ({"encoder": {"name": "e\ud800"}}, "cannot be read as a record"),
        ({"wall_seconds": float("inf")}, "wall_seconds should be a finite number, got inf"),
        ({"few_shot": {"sentences": 0}}, r"few_shot\.sentences should be greater than or equal to 1, got 0"),
        ({"setting": "alone"}, "setting should be 'direct', 'pre_train_then_fine_tune', 'joint', 'no_tr"),
        ({"arguments": {"tagger": ["crf"]}}, r"arguments\.tagger should be a valid string"),
        ({"entity_types": [{}]}, r"entity_types\.0 should be a valid string"),
        ({"moon": "full", "seed": None}, r"moon is no known field|seed should be .* \(and 1 more\)"),
    ],
)
def test_an_error_names_path_and_field_in_one_sentence(tmp_path, run_record, changes, message):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(json.loads(run_record.as_json()) | changes))
    with pytest.raises(ValueError, match=rf"record\.json: {message}") as error:
        read_record(path)
    assert "\n" not in str(error.value)


def test_scores_of_types_that_the_domain_lacks_are_refused(run_record):
    per_type = {"protein": SCORE}
    scores = {name: {"overall": SCORE, "per_type": per_type} for name in ("conlleval", "strict", "pooled")}
    with pytest.raises(ValidationError, match="scores should be of the types of sample_music, got protein"):
        RunRecord.model_validate(run_record.model_dump(exclude_unset=True) | {"scores": {"test": scores}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a record"),
        (b'{"kind": "fine', "cannot be read as a record"),
        (b'{"kind": "caf\xe9"}', "cannot be read as a record"),
        (b"[1, 2]", "is no record of a run; it lacks schema_version or kind"),
        (b'"text"', "is no record of a run"),
        (b'{"schema_version": 2}', "is no record of a run"),
        (b'{"schema_version": 2, "kind": "poem"}', "expected a record of kind fine_tuning or .*, got 'poem'"),
        (b'{"schema_version": 2, "kind": []}', "expected a record of kind"),
        (b'{"schema_version": 99, "kind": "evaluation"}', "record of schema version 99; this package reads up to 2"),
        (b'{"schema_version": 2, "kind": "fine_tuning"}', "created is missing"),
        (b'{"schema_version": 1, "kind": "dapt", "corpus": 3}', "created is missing"),
        (b'{"schema_version": ' + b"[" * 100_000, "cannot be read as a record: recursion limit"),
    ],
)
def test_what_is_no_record_is_refused_with_its_path(tmp_path, content, message):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"record\.json: {message}"):
        read_record(path)


def test_a_record_of_another_kind_or_none_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        read_record(tmp_path / "none.json")
    write_record(tmp_path / "record.json", evaluation())
    with pytest.raises(
        ValueError, match=r"expected a record of kind fine_tuning or gazetteer or predictions, got 'evaluation'"
    ):
        read_record(tmp_path / "record.json", RunRecord)


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_text(path, "old")
    with pytest.raises(ValueError, match=r"record\.json: cannot be written, '\\ud800' is a lone surrogate"):
        write_text(path, "half of it, then \ud800")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_reader_sees_the_old_or_the_new_file_and_never_a_part(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_text(path, "old")
    seen = []
    replace = os.replace

    def look_then_replace(source, target):
        seen.append(path.read_text())
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_then_replace)
    write_text(path, "new")
    assert [*seen, path.read_text()] == ["old", "new"]


def test_of_other_programs_the_command_is_their_name(monkeypatch):
    monkeypatch.delenv("CROSSNER_HF_COMMAND", raising=False)
    monkeypatch.setattr(sys, "argv", ["/home/ann/my program.py", "--password", "secret"])
    assert command_line() == "'my program.py'"


def test_a_record_names_the_commit_of_its_checkout():
    if not (Path(__file__).parents[2] / ".git").exists():
        pytest.skip("the package is not in a checkout")
    assert re.fullmatch(r"[0-9a-f]{40}\+?", git_commit() or "")


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "crossner_hf" / "results" / "environment.py"))
    assert git_commit() is None
