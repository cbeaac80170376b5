"""The labels that a run gave to the test sentences, kept beside its record, and how they compare with gold.

Entities are read as under conlleval: sentence by sentence, an `I-` that continues none of its type opens one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import from_json

from crossner_hf.atomic_write import write_text
from crossner_hf.data.deduplicate import split_sentences
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import FILE_NAMES, domain_folder, sha256_of
from crossner_hf.metric.crossner.span_f1 import find_spans  # label ids of a domain are its codes
from crossner_hf.results.collect import RunResult
from crossner_hf.results.systems import EvalSet
from crossner_hf.schema import BUILT_IN, DOMAIN_FILE, Domain, get_domain

SCHEMA_VERSION = 1  # of files of predictions


def write_predictions(
    path: Path,
    domain: Domain,
    splits: Mapping[str, Sequence[Sequence[int]]],
    unplaced: Sequence[tuple[int, str]] = (),
) -> None:
    """Write the label ids of each split's sentences, one sentence on a line.

    `unplaced` has the sentence and type of entities of the test split that no labels can hold and that count as wrong.
    """
    head: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "domain": domain.name}
    head["entity_types"] = list(domain.entity_types)
    if unplaced:
        head["unplaced"] = list(unplaced)
    parts = [json.dumps(head, ensure_ascii=False)[1:-1]]
    for split, sentences in splits.items():
        rows = ",\n".join(json.dumps(list(ids), separators=(",", ":")) for ids in sentences)
        parts.append(f"{json.dumps(split)}: [\n{rows}\n]")
    write_text(path, "{" + ",\n".join(parts) + "}\n")


@dataclass(frozen=True)
class Gold:
    """The test sentences of a domain. ids: (words,) label ids; lengths: (sentences,)."""

    domain: Domain
    tokens: list[list[str]]
    ids: np.ndarray
    lengths: np.ndarray
    train_file: Path

    @cached_property
    def train_sentences(self) -> int:
        return sum(1 for _ in read_sentences(self.domain, self.train_file))

    @cached_property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def sentence_of(self) -> np.ndarray:
        """The number of the sentence in which a word stands: (words,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def spans(self) -> Any:
        return find_spans(self.ids, self.starts)

    @cached_property
    def at_start(self) -> tuple[np.ndarray, np.ndarray]:
        return at_start(self.spans, len(self.ids))

    @cached_property
    def counts(self) -> np.ndarray:
        return np.bincount(self.sentence_of[self.spans.start], minlength=len(self.lengths))


class Compared(NamedTuple):
    """A run's predictions beside gold. right, predicted: (sentences,) entities of each; ids: (words,)."""

    right: np.ndarray
    predicted: np.ndarray
    ids: np.ndarray
    spans: Any

    def f1(self, gold: Gold) -> float:
        total = int(self.predicted.sum() + gold.counts.sum())
        return 2 * int(self.right.sum()) / total if total else 0.0


def read_gold(eval_set: EvalSet, entity_types: Sequence[str], data_dirs: Sequence[str | Path]) -> Gold:
    """Read the test sentences that were scored; nothing is downloaded.

    A domain of the user's own is looked for in `data_dirs` and in the folders of its name below them. Raises ValueError
    if the files are not at hand, or are not those that were scored.
    """
    domain, data_dir = _find(eval_set.domain, data_dirs)
    if domain.entity_types != tuple(entity_types):
        raise ValueError(f"{domain.name}/{DOMAIN_FILE} has other entity types than the records")
    files_of = partial(_files, data_dir=data_dir)
    files = files_of(domain)
    if eval_set.sha256 and sha256_of(files["test"]) != eval_set.sha256:
        raise ValueError(
            f"{files['test'].parent.name}/{files['test'].name} is not the file that was scored (its SHA-256 differs)"
        )
    sentences = split_sentences(domain, "test", files_of)
    lengths = np.array([len(s.tags) for s in sentences])
    ids = np.array([domain.label2id[tag] for s in sentences for tag in s.tags])
    return Gold(domain, [s.tokens for s in sentences], ids, lengths, files["train"])


def _find(name: str, data_dirs: Sequence[str | Path]) -> tuple[Domain, str | Path | None]:
    """The domain of that name, and the folder that holds its files; None where they are where they always are."""
    if name in BUILT_IN:
        with_files = [d for d in data_dirs if (domain_folder(BUILT_IN[name], d) / FILE_NAMES["test"]).is_file()]
        return BUILT_IN[name], next(iter(with_files or data_dirs), None)
    for folder in chain.from_iterable((Path(d).expanduser(), Path(d).expanduser() / name) for d in data_dirs):
        if (folder / DOMAIN_FILE).is_file():
            domain = get_domain(folder)
            if domain.name == name:
                return domain, None
    raise ValueError(f"name the folder of your domain {name} with --data_dir")


def _files(domain: Domain, data_dir: str | Path | None) -> dict[str, Path]:
    folder = domain_folder(domain, data_dir)
    if not all((folder / name).is_file() for name in FILE_NAMES.values()):
        raise ValueError(
            "name the folder of the official files with --data_dir or CROSSNER_DATA_DIR, or let "
            f"`crossner-hf data verify {domain.name}` download them"
        )
    return domain_files(domain, data_dir, verify=False)  # the records' checksum says which file it must be


def read_predictions(run: RunResult, gold: Gold) -> Compared:
    """Read the predictions beside a run's record, and compare them with gold.

    Raises ValueError if there are none, they do not fit the test sentences, or they do not give the record's F1.
    """
    path = run.predictions
    if path is None:
        raise ValueError("no predictions lie beside the record")
    try:
        content, lengths, ids = _parse(path.read_bytes())
        version, domain, types = content["schema_version"], content["domain"], tuple(content["entity_types"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path.name} beside it cannot be read as predictions ({error})") from error
    if version != SCHEMA_VERSION:
        raise ValueError(f"{path.name}: predictions of schema version {version}, this is {SCHEMA_VERSION}")
    if (domain, types) != (gold.domain.name, gold.domain.entity_types):
        raise ValueError(f"{path.name}: has predictions for another domain or other entity types ({domain}, {types})")
    if len(lengths) != len(gold.lengths):
        raise ValueError(f"{path.name}: has {len(lengths)} sentences, the test split has {len(gold.lengths)}")
    if (lengths != gold.lengths).any():
        at = int((lengths != gold.lengths).argmax())
        raise ValueError(f"{path.name}: sentence {at} has {lengths[at]} labels for {gold.lengths[at]} words")
    if len(ids) and not (ids.min() >= 0 and ids.max() < len(gold.domain.labels)):
        raise ValueError(f"{path.name}: holds label ids outside 0 to {len(gold.domain.labels) - 1}")
    compared = compare(ids, gold)
    try:
        counted = [0, *(int(sentence) for sentence, _ in content.get("unplaced", ()))]
        wrong = np.bincount(counted, minlength=len(lengths))
        wrong[0] -= 1
        compared = compared._replace(predicted=compared.predicted + wrong)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name}: unplaced are no pairs of a sentence of the split and a type") from error
    recorded, f1 = run.scores("conlleval").overall.f1, compared.f1(gold)
    if abs(recorded - f1) > 1e-9:
        scores = f"{100 * f1:.2f} where the record has {100 * recorded:.2f}"
        raise ValueError(f"{path.name}: does not belong to the record: it gives an F1 (conlleval) of {scores}")
    return compared


def _parse(raw: bytes) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """What a file holds beside labels, the number of labels of each sentence, (sentences,), and all labels, (words,).

    The lines that `write_predictions` writes, one for each sentence, are read by numpy: in a third of JSON's time.
    """
    head, _, rows = raw.partition(b'"test": [\n')
    rows, end, rest = rows.partition(b"\n]}\n")
    if end and not rest and not rows.translate(None, b"0123456789,[]\n"):
        characters = np.frombuffer(rows + b",\n", np.uint8)
        ends = np.flatnonzero(characters == ord("\n"))
        commas = np.searchsorted(np.flatnonzero(characters == ord(",")), ends)  # up to the end of each line
        ids = np.fromstring(rows.translate(None, b"[]\n").decode(), dtype=np.int64, sep=",")
        if len(ids) == commas[-1] and rows.count(b"[") == rows.count(b"]") == len(commas):
            return from_json(head + b'"test": []}'), np.diff(commas, prepend=0), ids
    content = from_json(raw)
    lengths = np.array([len(row) for row in content["test"]], dtype=np.intp)
    return content, lengths, np.fromiter(chain.from_iterable(content["test"]), np.int64, count=int(lengths.sum()))


def compare(ids: np.ndarray, gold: Gold) -> Compared:
    """Count the entities of predicted label ids, (words,), that are right."""
    spans, sentences = find_spans(ids, gold.starts), len(gold.lengths)
    end, kind = gold.at_start
    is_right = (end[spans.start] == spans.end) & (kind[spans.start] == spans.type)
    in_sentence = gold.sentence_of[spans.start]
    right = np.bincount(in_sentence[is_right], minlength=sentences)
    return Compared(right, np.bincount(in_sentence, minlength=sentences), ids, spans)


def at_start(spans: Any, words: int) -> tuple[np.ndarray, np.ndarray]:
    """End and type of the entity that starts at each word, -1 where none does: two arrays (words,)."""
    end, kind = np.full(words, -1), np.full(words, -1)
    end[spans.start], kind[spans.start] = spans.end, spans.type
    return end, kind
