"""Some sentences of a built corpus: kept ones with their names and levels, dropped ones with their reasons."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet

from crossner_hf.corpora.build_record import DROPPED_FILE
from crossner_hf.corpora.levels import LevelRules, members
from crossner_hf.data.lines import json_rows, numbered_lines
from crossner_hf.results.text_records import CorpusRecord


class KeptSentence(NamedTuple):
    """A sentence of the domain level; `entities` as in the file, `levels` beside the domain level."""

    title: str
    text: str
    entities: Sequence[Mapping[str, Any]]
    levels: tuple[str, ...]


class DroppedSentence(NamedTuple):
    """A sentence that was dropped, and why."""

    title: str
    text: str
    reason: str


def kept_sentences(folder: Path, record: CorpusRecord, domain: str, most: int) -> list[KeptSentence]:
    """Give at most so many sentences of the domain level, evenly spaced; none of a corpus of plain text."""
    if record.parameters["format"] != "parquet":
        return []
    level = record.domains[domain].levels["domain"]
    wanted = np.unique(np.linspace(0, level.sentences - 1, min(most, level.sentences)).astype(int))
    rows = list(_rows([folder / name for name in level.sha256], wanted.tolist()))
    special = set(record.domains[domain].specialised_types)
    rules = LevelRules(**record.parameters["levels"])
    return [_kept(row, special, rules) for row in rows]


def _rows(files: Sequence[Path], numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows with these ascending numbers, counted through all files."""
    begin = 0
    for path in files:
        with pyarrow.parquet.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                if inside := [number - begin for number in numbers if begin <= number < end]:
                    yield from file.read_row_group(group, use_threads=False).take(inside).to_pylist()
                begin = end


def _kept(row: Mapping[str, Any], special: set[str], rules: LevelRules) -> KeptSentence:
    is_special = np.array([entity["type"] in special for entity in row["entities"]], bool)
    sentence = np.zeros(len(is_special), np.int64)
    flags = members(sentence, is_special, np.array([row["text"].count(" ") + 1]), rules)
    levels = tuple(level for level in ("entity", "task") if getattr(flags, level)[0])
    return KeptSentence(row["title"], row["text"], row["entities"], levels)


def dropped_sentences(folder: Path, domain: str, most: int) -> list[DroppedSentence]:
    """Give at most so many dropped sentences of each reason."""
    path, taken = folder / DROPPED_FILE, dict[str, list[DroppedSentence]]()
    for _, row in json_rows(numbered_lines(path), str(path)):
        of_reason = taken.setdefault(row["reason"], [])
        if row["domain"] == domain and len(of_reason) < most:
            of_reason.append(DroppedSentence(row["title"], row["text"], row["reason"]))
    return [sentence for of_reason in taken.values() for sentence in of_reason]
