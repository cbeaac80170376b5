"""Gold labels and predictions of a test split, and how they compare, sentence by sentence.

Entities are read as under conlleval: sentence by sentence, an `I-` that continues none of its type opens one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crossner_hf.data import deduplicate
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import FILE_NAMES, domain_folder, sha256_of
from crossner_hf.metric.crossner.span_f1 import find_spans  # label ids of a domain are its codes
from crossner_hf.results.collect import Run
from crossner_hf.results.predictions import SCHEMA_VERSION
from crossner_hf.results.systems import EvalSet
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, DOMAIN_FILE, Domain, get_domain


@dataclass(frozen=True)
class Gold:
    """The test sentences of a domain. ids: (words,) label ids; lengths: (sentences,)"""

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
        """The number of the sentence in which a word stands: (words,)"""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def spans(self):
        return find_spans(self.ids, self.starts)

    @cached_property
    def counts(self) -> np.ndarray:
        """Gold entities of each sentence: (sentences,)"""
        return np.bincount(self.sentence_of[self.spans.start], minlength=len(self.lengths))


class Compared(NamedTuple):
    """A run's predictions beside gold. right, predicted: (sentences,) entities of each; ids: (words,)"""

    right: np.ndarray
    predicted: np.ndarray
    ids: np.ndarray

    def f1(self, gold: Gold) -> float:
        total = int(self.predicted.sum() + gold.counts.sum())
        return 2 * int(self.right.sum()) / total if total else 0.0


def read_gold(eval_set: EvalSet, entity_types: Sequence[str], data_dirs: Sequence[str | Path]) -> Gold:
    """The test sentences that were scored. Raises ValueError or OSError where they are not at hand, with the reason.

    Never downloads. A domain of your own is looked for in the folders `data_dirs` and in those of its name below them.
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
    seen = deduplicate.seen_texts(domain, "test", files_of) if domain.name in DEDUPLICATED else set()
    read = [s for s in read_sentences(domain, files["test"]) if deduplicate.sentence_text(s.tokens) not in seen]
    lengths = np.array([len(s.tags) for s in read])
    ids = np.array([domain.label2id[tag] for s in read for tag in s.tags])
    return Gold(domain, [s.tokens for s in read], ids, lengths, files["train"])


def _find(name: str, data_dirs: Sequence[str | Path]) -> tuple[Domain, str | Path | None]:
    """The domain of that name, and the folder that holds its files; None where they are where they always are."""
    if name in BUILT_IN:
        there = [d for d in data_dirs if (domain_folder(BUILT_IN[name], d) / FILE_NAMES["test"]).is_file()]
        return BUILT_IN[name], (there or list(data_dirs) or [None])[0]
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


def read_predictions(run: Run, gold: Gold) -> Compared:
    """Raises ValueError where the predictions do not fit the data, or do not give the record's score."""
    path = run.predictions
    try:
        content, lengths, ids = _parse(path.read_bytes())
        head = (content["schema_version"], content["domain"], tuple(content["entity_types"]))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path.name} beside it cannot be read as predictions ({error})") from error
    if head[0] != SCHEMA_VERSION:
        raise ValueError(f"{path.name}: predictions of schema version {head[0]}, this is {SCHEMA_VERSION}")
    if head[1:] != (gold.domain.name, gold.domain.entity_types):
        raise ValueError(f"{path.name}: has predictions for another domain or other entity types ({head[1]})")
    if len(lengths) != len(gold.lengths):
        raise ValueError(f"{path.name}: has {len(lengths)} sentences, the test split has {len(gold.lengths)}")
    if (lengths != gold.lengths).any():
        at = int((lengths != gold.lengths).argmax())
        raise ValueError(f"{path.name}: sentence {at} has {lengths[at]} labels for {gold.lengths[at]} words")
    if len(ids) and not (ids.min() >= 0 and ids.max() < len(gold.domain.labels)):
        raise ValueError(f"{path.name}: holds label ids outside 0 to {len(gold.domain.labels) - 1}")
    compared = compare(ids, gold)
    stated = run.record["scores"]["test"].get("conlleval")
    if stated and abs(stated["overall"]["f1"] - compared.f1(gold)) > 1e-9:
        said = f"{100 * compared.f1(gold):.2f} where the record has {100 * stated['overall']['f1']:.2f}"
        raise ValueError(f"{path.name}: does not belong to the record: it gives an F1 (conlleval) of {said}")
    return compared


def _parse(raw: bytes) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """What a file of predictions holds beside labels; labels a sentence: (sentences,); all of them: (words,)

    A file as `write_predictions` writes it, a sentence a line, is read in a fifth of the time that JSON takes.
    """
    head, begin, body = raw.partition(b'"test": [\n')
    if begin and body.endswith(_END) and not body[: -len(_END)].translate(None, b"0123456789,[]\n"):
        found = read_lists(body[: -len(_END)])
        if found:
            return json.loads(head + b'"test": []}'), *found
    content = json.loads(raw)
    rows = content["test"]
    lengths = np.fromiter(map(len, rows), dtype=np.intp, count=len(rows))
    return content, lengths, np.fromiter(chain.from_iterable(rows), dtype=np.int16, count=int(lengths.sum()))


_END = b"\n]}\n"


def read_lists(lines: bytes) -> tuple[np.ndarray, np.ndarray] | None:
    """How many numbers each line has, and all of them; None for other than a list a line, of at most three digits."""
    text = np.frombuffer(b"[[" + lines, dtype=np.uint8)  # so that there are two characters before every last digit
    digits = text - ord("0")  # of other characters more than 9
    is_digit = digits < 10
    at = np.flatnonzero(is_digit[:-1] & ~is_digit[1:])  # the last digit of each number
    tens = is_digit[at - 1]
    hundreds = tens & is_digit[at - 2]
    breaks = np.append(np.flatnonzero(text == ord("\n")), len(text))
    lists = np.count_nonzero(text == ord("[")) - 2
    separated = np.count_nonzero(text == ord(",")) == len(at) - 1
    if not separated or lists != len(breaks) or (hundreds & is_digit[at - 3]).any():
        return None
    ids = digits[at] + 10 * np.where(tens, digits[at - 1], 0).astype(np.int16)
    ids += 100 * np.where(hundreds, digits[at - 2], 0).astype(np.int16)
    return np.diff(np.searchsorted(at, breaks), prepend=0), ids


def compare(ids: np.ndarray, gold: Gold) -> Compared:
    found, sentences = find_spans(ids, gold.starts), len(gold.lengths)
    end, kind = at_start(gold.spans, len(ids))
    right = (end[found.start] == found.end) & (kind[found.start] == found.type)
    in_sentence = gold.sentence_of[found.start]
    per_sentence = (np.bincount(in_sentence[which], minlength=sentences) for which in (right, slice(None)))
    return Compared(*per_sentence, ids)


def at_start(spans, words: int) -> tuple[np.ndarray, np.ndarray]:
    """End and type of the entity that starts at each word, -1 where none does: two arrays (words,)"""
    end, kind = np.full(words, -1), np.full(words, -1)
    end[spans.start], kind[spans.start] = spans.end, spans.type
    return end, kind
