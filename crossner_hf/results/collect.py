"""The records of fine-tuning runs below some folders, each checked, with the predictions that lie beside it."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.results.predictions import PREDICTIONS_FILE
from crossner_hf.results.records import read_record
from crossner_hf.schema import BUILT_IN

KIND = "fine_tuning"
# Names of files that training.run_folder and experiments.grid_folder write; they import torch.
RECORD_FILE = "record.json"
RUN_FILE = "run.json"
GRID_FILE = "grid.json"
COLLECTED = ".predictions.json"  # NAME.predictions.json lies beside NAME.json


@dataclass(frozen=True)
class Run:
    """A finished run. `shown` is its path from the folder that was named, for people to read."""

    shown: str
    record: dict[str, Any]
    predictions: Path | None

    @property
    def seed(self) -> int:
        return self.record["seed"]

    @property
    def entity_types(self) -> tuple[str, ...]:
        return tuple(self.record["entity_types"])

    @cached_property
    def test_sha256(self) -> str:
        return str((self.record.get("data_sha256") or {}).get("test", ""))

    def scores(self, convention: str) -> dict[str, Any]:
        """`overall`, `per_type` and, for some domains, `specialised` and `generic`, on the test split."""
        return self.record["scores"]["test"][convention]


class SetAside(NamedTuple):
    """What the report leaves out, and why."""

    shown: str
    reason: str


@dataclass
class Collected:
    """Runs in the order of their paths; `others` counts records of other kinds by kind."""

    runs: list[Run] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)


def collect(folders: Sequence[str | Path], convention: str = "conlleval") -> Collected:
    """Read all records below the folders; what cannot be used is set aside with the reason.

    Two forms are found: run folders (record.json, predictions.json) and collected records (NAME.json,
    NAME.predictions.json). Raises ValueError where a folder is not there, and where no record can be used.
    """
    found, seen = Collected(), set()
    for folder in map(Path, folders):
        if not folder.exists():
            raise ValueError(f"{folder}: no such folder; name one that `crossner-hf experiment run` or `train` wrote")
        root = folder.resolve()
        for path in _candidates(root):
            if path not in seen:
                seen.add(path)
                _take(found, path, f"{root.name}{str(path).removeprefix(str(root))}", convention)
    if not found.runs:
        raise ValueError(_nothing(folders, found))
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    """Files that may be records; of a run folder that has none, its run.json."""
    if folder.is_file():
        yield folder
        return
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "checkpoint-")))
        if RECORD_FILE in files or RUN_FILE in files:
            yield Path(place, RECORD_FILE if RECORD_FILE in files else RUN_FILE)
            continue
        for name in sorted(files):
            mine = name.endswith(".json") and not name.startswith(".")
            if mine and name not in (PREDICTIONS_FILE, GRID_FILE) and not name.endswith(COLLECTED):
                yield Path(place, name)


def _take(found: Collected, path: Path, shown: str, convention: str) -> None:
    if path.name == RUN_FILE:
        found.set_aside.append(SetAside(shown, "a run that has begun and left no record yet"))
        return
    if path.name != RECORD_FILE and not _looks_like_a_record(path):
        return
    try:
        record = read_record(path)
        if record["kind"] != KIND:
            found.others[str(record["kind"])] += 1
            return
        _check(record, convention)
    except RecursionError:
        found.set_aside.append(SetAside(shown, "is nested too deeply for a record"))
        return
    except ValueError as error:
        found.set_aside.append(SetAside(shown, str(error).removeprefix(f"{path}: ")))
        return
    beside = path.with_name(PREDICTIONS_FILE if path.name == RECORD_FILE else f"{path.stem}{COLLECTED}")
    found.runs.append(Run(shown, record, beside if beside.is_file() else None))


def _looks_like_a_record(path: Path) -> bool:
    """Other JSON files, as of a model or a grid, may lie in the same folder. An empty file is one cut at its start."""
    try:
        text = path.read_bytes()
    except OSError:
        return True  # read_record will say what is wrong
    return not text.strip() or b'"schema_version"' in text


def _check(record: dict[str, Any], convention: str) -> None:
    """Raises ValueError where the record lacks what a report needs, or its labels are not its domain's."""
    kinds = {"domain": str, "seed": int, "entity_types": list, "encoder": dict, "scores": dict}
    for key, kind in kinds.items():
        if not isinstance(record.get(key), kind):
            raise ValueError(f"{key} should be a {kind.__name__}, got {str(record.get(key))[:60]!r}")
    if not isinstance(record["encoder"].get("name"), str):
        raise ValueError("encoder has no name")
    optional = {"setting": str, "few_shot": dict, "source": dict, "arguments": dict, "data_sha256": dict}
    told = [(key, record.get(key), kind) for key, kind in optional.items()]
    told += [("encoder.dapt", record["encoder"].get("dapt"), dict), ("scores.test", record["scores"].get("test"), dict)]
    within = (("few_shot", "sentences", int), ("encoder.dapt", "percent", int | float))
    within += (("few_shot", "draw", str), ("arguments", "tagger", str), ("source", "data_sha256", dict))
    of = {name: value for name, value, kind in told if isinstance(value, dict)}
    told += [(f"{name}.{key}", of[name].get(key), kind) for name, key, kind in within if name in of]
    for name, value, kind in told:
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name} should be a {getattr(kind, '__name__', 'number')}, got {str(value)[:60]!r}")
        if isinstance(value, str) and not value.isascii():
            _check_text(name, value)
    _check_text("encoder.name", record["encoder"]["name"])
    _check_text("domain", record["domain"])
    domain, types = record["domain"], record["entity_types"]
    if not all(isinstance(entity_type, str) for entity_type in types):
        raise ValueError(f"entity_types should be names, got {str(types)[:60]!r}")
    if domain in BUILT_IN and tuple(types) != BUILT_IN[domain].entity_types:
        differing = sorted(set(map(str, types)) ^ set(BUILT_IN[domain].entity_types))
        said = ", ".join(differing) if differing else "the same, in another order"
        raise ValueError(f"its entity types are not those of {domain} ({said})")
    if not record["scores"].get("test"):
        raise ValueError("its test split was not scored")
    scores = record["scores"]["test"].get(convention)
    if not isinstance(scores, dict):
        raise ValueError(f"has no scores under {convention}, only {', '.join(record['scores']['test'])}")
    try:
        groups = [scores[name] for name in ("specialised", "generic") if name in scores]
        values = [scores["overall"], *groups, *scores["per_type"].values()]
        right = all(0 <= value["f1"] <= 1 and value["support"] >= 0 for value in values)
    except (AttributeError, KeyError, TypeError):
        right = False
    if not right:
        raise ValueError(f"its {convention} scores lack F1 or support, or are not between 0 and 1")
    strange = sorted(set(scores["per_type"]) - set(types))
    if strange:
        raise ValueError(f"has scores of types that {domain} has not: {', '.join(strange)}")


def _check_text(name: str, text: str) -> None:
    """Raises ValueError where JSON held half of a surrogate pair, which no file takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is no text: {text[:60]!r}") from None


def _nothing(folders: Sequence[str | Path], found: Collected) -> str:
    where = ", ".join(map(str, folders))
    said = f"{where}: no record of a fine-tuning run to report on"
    if found.others:
        said += f" (only of {', '.join(f'{kind}: {number}' for kind, number in found.others.items())})"
    if found.set_aside:
        first = found.set_aside[0]
        more = f" and {len(found.set_aside) - 1} more" if len(found.set_aside) > 1 else ""
        said += f"; set aside: {first.shown} ({first.reason}){more}"
    return f"{said}; make some with `crossner-hf experiment run --grid smoke --output exp/smoke`"
