"""Reading and writing of records, and the names of the files in a run's folder."""

from pathlib import Path
from typing import Any, TypeVar, overload

from pydantic import ValidationError
from pydantic_core import from_json

from crossner_hf.atomic_write import write_text
from crossner_hf.results.records import RECORD_TYPES, SCHEMA_VERSION, AnyRecord, DaptRecord, Record

RUN_FILE = "run.json"  # what the run was told to do, written before anything else
RECORD_FILE = "record.json"  # what came of it, written last
PREDICTIONS_FILE = "predictions.json"  # the labels that its model gave to the test split
GRID_FILE = "grid.json"  # in the folder of a grid
COLLECTED_PREDICTIONS = ".predictions.json"  # NAME.predictions.json lies beside NAME.json

# Keys that schema version 1 named otherwise.
_OF_CORPUS = {"pieces": "tokens", "pieces_left_over": "tokens_left_over"}
_OF_SPEED = {
    "pieces_per_second": "tokens_per_second",
    "gflop_per_piece": "gflop_per_token",
    "share_of_floor": "mfu",
}
_OF_PRE_TRAINING = {"pieces_seen": "tokens_seen"}

R = TypeVar("R", bound=Record)


class NewerRecordError(ValueError):
    """The record is of a later schema version than this package knows."""


def write_record(path: str | Path, record: Record) -> None:
    """Write the record as JSON, whole or not at all. Raises ValueError where a changed copy does not fit its type."""
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
    """
    try:
        content = from_json(Path(path).read_bytes())
    except (OSError, ValueError) as error:
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
    """The first thing that pydantic finds wrong, as half a sentence: "seed should be a valid integer, got '555'"."""
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
    """The content of an older record in the form of the present schema version; what is malformed stays so."""
    if content["schema_version"] != 1:
        return content
    content = {**content, "schema_version": SCHEMA_VERSION}
    if content["kind"] == DaptRecord.KIND:
        for key, names in (("corpus", _OF_CORPUS), ("held_out", _OF_CORPUS), ("speed", _OF_SPEED)):
            _rename(content, key, names)
        content = {_OF_PRE_TRAINING.get(key, key): value for key, value in content.items()}
        if isinstance(content.get("checkpoint"), str):
            content["checkpoint"] = {"name": content["checkpoint"]}
    elif content["kind"] == "fine_tuning":
        content = {key: value for key, value in content.items() if value is not None or key in ("best_epoch", "epochs")}
        if isinstance(content.get("encoder"), dict):
            content["encoder"] = dict(content["encoder"])
            _rename(content["encoder"], "dapt", _OF_PRE_TRAINING)
    elif content["kind"] == "evaluation":
        content["scores"] = {content.get("split"): content.get("scores")}
    elif content["kind"] == "overlap" and isinstance(content.get("streams"), list):
        for number in range(len(content["streams"])):
            _rename(content["streams"], number, {"tokens": "words"})
    return content


def _rename(content: Any, key: Any, names: dict[str, str]) -> None:
    """Rename keys of the object that `content` holds under `key`, if it is one."""
    value = content.get(key) if isinstance(content, dict) else content[key]
    if isinstance(value, dict):
        content[key] = {names.get(name, name): of_name for name, of_name in value.items()}
