"""Reading and writing of records, and the names of the files in a run's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, overload

from pydantic import ValidationError
from pydantic_core import from_json

from crossner_hf.atomic_write import write_text
from crossner_hf.results.records import (
    SCHEMA_VERSION,
    EvaluationRecord,
    OnnxExportRecord,
    Record,
    RunRecord,
    SourceStageRecord,
)
from crossner_hf.results.text_records import ConceptRecord, CorpusRecord, DaptRecord, OverlapRecord

RUN_FILE = "run.json"  # what defines the run, written first
RECORD_FILE = "record.json"  # its result, written last
PREDICTIONS_FILE = "predictions.json"  # the labels that its model gave to the test split
STEPS_FOLDER = "steps"  # of a run that is a recipe: one folder for each of its trainings
GRID_FILE = "grid.json"  # in the folder of a grid
COLLECTED_PREDICTIONS = ".predictions.json"  # NAME.predictions.json lies beside NAME.json

AnyRecord = (
    RunRecord
    | SourceStageRecord
    | EvaluationRecord
    | OnnxExportRecord
    | DaptRecord
    | ConceptRecord
    | OverlapRecord
    | CorpusRecord
)
RECORD_TYPES: dict[str, type[AnyRecord]] = {
    **{record_type.KIND: record_type for record_type in get_args(AnyRecord)},
    "gazetteer": RunRecord,
    "predictions": RunRecord,
}

# Keys that schema version 1 named otherwise.
_RENAMED = {
    "pieces_seen": "tokens_seen",
    "pieces": "tokens",
    "pieces_left_over": "tokens_left_over",
    "pieces_per_second": "tokens_per_second",
    "gflop_per_piece": "gflop_per_token",
    "share_of_floor": "mfu",
}

R = TypeVar("R", bound=Record)


class NewerRecordError(ValueError):
    """The record is of a later schema version than this package knows."""


def predictions_beside(path: Path) -> Path:
    return path.with_name(PREDICTIONS_FILE if path.name == RECORD_FILE else f"{path.stem}{COLLECTED_PREDICTIONS}")


def write_record(path: str | Path, record: Record) -> None:
    """Write a record, whole or not at all. Raises ValueError for a copy whose new values do not fit its type."""
    try:
        text = record.as_json()
    except ValidationError as error:
        raise ValueError(f"{path}: {first_error(error)}") from None
    write_text(path, text)


@overload
def read_record(path: str | Path) -> AnyRecord: ...


@overload
def read_record(path: str | Path, record_type: type[R]) -> R: ...


def read_record(path: str | Path, record_type: type[Record] = Record) -> Record:
    """Read a record back; older schema versions are converted.

    Args:
        path: The JSON file.
        record_type: The class it should be of, such as `RunRecord`; by default any.

    Raises:
        ValueError: It is no such record. The message names the path and the first field that is wrong.
        OSError: The file is not there, or cannot be read now.
    """
    data = Path(path).read_bytes()
    try:
        content = from_json(data)
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as a record: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("schema_version"), int) or "kind" not in content:
        raise ValueError(f"{path}: is no record of a run; it lacks schema_version or kind")
    if content["schema_version"] > SCHEMA_VERSION:
        version = content["schema_version"]
        raise NewerRecordError(f"{path}: record of schema version {version}; this package reads up to {SCHEMA_VERSION}")
    kind = str(content["kind"])
    if kind not in RECORD_TYPES or not issubclass(RECORD_TYPES[kind], record_type):
        expected = [name for name, known in RECORD_TYPES.items() if issubclass(known, record_type)]
        raise ValueError(f"{path}: expected a record of kind {' or '.join(expected)}, got {kind!r}")
    try:
        return RECORD_TYPES[kind].model_validate(upgrade(content))
    except ValidationError as error:
        raise ValueError(f"{path}: {first_error(error)}") from None


def first_error(error: ValidationError) -> str:
    """Return the first error of pydantic in words: "seed should be a valid integer, got '555'"."""
    first, more = error.errors(include_url=False)[0], error.error_count() - 1
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        text = f"{field} is missing"
    elif first["type"] == "extra_forbidden":
        text = f"{field} is no known field"
    elif first["type"] == "value_error":
        text = f"{field} {first['ctx']['error']}".strip()
    else:
        text = f"{field} {first['msg'].removeprefix('Input ')}, got {repr(first['input'])[:60]}"
    return text + (f" (and {more} more)" if more else "")


def upgrade(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of an older record in the form of the present schema version; what is malformed stays so."""
    if content["schema_version"] != 1:
        return content
    content, kind = {**content, "schema_version": SCHEMA_VERSION}, content["kind"]
    if kind == DaptRecord.KIND:
        content = _renamed(content)
        content |= {key: _renamed(content[key]) for key in ("corpus", "held_out", "speed") if key in content}
        if isinstance(content.get("checkpoint"), str):
            content["checkpoint"] = {"name": content["checkpoint"]}
    elif kind == RunRecord.KIND:
        content = {key: value for key, value in content.items() if value is not None}
        if isinstance(encoder := content.get("encoder"), dict) and "dapt" in encoder:
            content["encoder"] = encoder | {"dapt": _renamed(encoder["dapt"])}
    elif kind == EvaluationRecord.KIND:
        content["scores"] = {content.get("split"): content.get("scores")}
    elif kind == OverlapRecord.KIND and isinstance(content.get("streams"), list):
        content["streams"] = [_renamed(stream, {"tokens": "words"}) for stream in content["streams"]]
    return content


def _renamed(value: Any, names: Mapping[str, str] = _RENAMED) -> Any:
    """The value with keys renamed, if it is an object."""
    return {names.get(key, key): inner for key, inner in value.items()} if isinstance(value, dict) else value
