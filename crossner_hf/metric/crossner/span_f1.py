"""Precision, recall and F1 of entity spans under named conventions.

Needs numpy alone, and nothing of the package around it: `evaluate` copies this file by itself into its cache.

The conventions; the first three are the default:

conlleval           micro over entities with exact boundaries and type, sentence by sentence. An `I-` that continues
                    no entity of its type opens one. Equals seqeval's default mode.
strict              the same, but only a `B-` opens an entity. Equals seqeval's mode="strict", scheme=IOB2.
pooled              conlleval over all sentences joined into one, as CrossNER's released code scores (src/trainer.py):
                    an `I-` at the start of a sentence may continue the last entity of the sentence before.
no_misc             conlleval without the entities of type `misc`, on both sides.
string_set          a set of entity strings for each sentence and type, lower-cased, without punctuation and articles,
                    as UniversalNER scores (universal-ner/universal-ner, src/eval/evaluate.py). Needs the words.
string_set_no_misc  string_set without `misc`, a type that UniversalNER's copy of CrossNER does not have.
token               micro over the words that are not `O`; a word is right when its type is, whatever its prefix.
"""

import re
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

DEFAULT_CONVENTIONS = ("conlleval", "strict", "pooled")
CONVENTIONS = (*DEFAULT_CONVENTIONS, "no_misc", "string_set", "string_set_no_misc", "token")
IGNORED = -100  # label id of positions that are not scored, as in torch's cross entropy

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def score(
    predictions: Sequence[Sequence],
    references: Sequence[Sequence],
    *,
    conventions: Sequence[str] = DEFAULT_CONVENTIONS,
    generic_types: Collection[str] = (),
    labels: Sequence[str] | None = None,
    tokens: Sequence[Sequence[str]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores of each convention: `overall`, `per_type` and, with `generic_types`, `specialised` and `generic` types.

    Predictions and references hold one sequence a sentence, of tags or, with `labels` (label id to label), of label
    ids. `tokens` are the words, for string_set. Scores lie in 0 to 1, and are 0.0 where they would divide by zero;
    `support` counts what is gold: entities, or words for token. `per_type` has the types that occur on either side.
    Raises ValueError, with the sentence, where the two sides do not fit or hold something else.

    >>> result = score([["B-song", "O"], ["B-band"]], [["B-song", "I-song"], ["B-band"]], conventions=["conlleval"])
    >>> result["conlleval"]["overall"]
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5, 'support': 2}
    >>> result["conlleval"]["per_type"]["band"]
    {'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'support': 1}
    >>> score([[1, 2]], [[1, 2]], labels=["O", "B-song", "I-song"])["strict"]["overall"]["f1"]
    1.0
    """
    conventions = check_conventions(conventions, has_tokens=tokens is not None)
    pair = _encode(predictions, references, labels, tokens)
    is_generic = np.array([t in generic_types for t in pair.types], dtype=bool)
    result = {}
    for convention in conventions:
        counts = _counts(pair, convention)
        result[convention] = {"overall": _scores(*counts.sum(axis=1).tolist())}
        if generic_types:
            result[convention]["specialised"] = _scores(*counts[:, ~is_generic].sum(axis=1).tolist())
            result[convention]["generic"] = _scores(*counts[:, is_generic].sum(axis=1).tolist())
        by_type = sorted(zip(pair.types, counts.T.tolist()))
        result[convention]["per_type"] = {name: _scores(*row) for name, row in by_type if any(row)}
    return result


def flatten(scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The result of `score` with the convention in front of each name.

    >>> list(flatten(score([["B-song"]], [["B-song"]], conventions=["strict"], generic_types=["person"])))
    ... # doctest: +NORMALIZE_WHITESPACE
    ['strict_precision', 'strict_recall', 'strict_f1', 'strict_support', 'strict_specialised_f1', 'strict_generic_f1',
     'strict_per_type']
    """
    flat = {}
    for convention, groups in scores.items():
        flat.update({f"{convention}_{name}": value for name, value in groups["overall"].items()})
        flat.update({f"{convention}_{g}_f1": groups[g]["f1"] for g in ("specialised", "generic") if g in groups})
        flat[f"{convention}_per_type"] = groups["per_type"]
    return flat


def without_padding(predictions: Sequence, references: Sequence) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both sides of label ids without the positions whose reference is -100.

    >>> without_padding([[7, 1, 2]], [[-100, 1, 0]])
    ([array([1, 2])], [array([1, 0])])
    """
    _check_lengths(predictions=predictions, references=references)
    rows = [(np.asarray(p), np.asarray(r)) for p, r in zip(predictions, references)]
    return [p[r != IGNORED] for p, r in rows], [r[r != IGNORED] for _, r in rows]


def check_conventions(conventions: Sequence[str], has_tokens: bool) -> tuple[str, ...]:
    """The conventions asked for; a single name may stand alone. Raises ValueError where one cannot be scored."""
    names = (conventions,) if isinstance(conventions, str) else tuple(conventions)
    for name in names:
        if name not in CONVENTIONS:
            raise ValueError(f"unknown convention {name!r}; known are {', '.join(CONVENTIONS)}")
        if name.startswith("string_set") and not has_tokens:
            raise ValueError(f"convention {name!r} compares words: pass them as tokens, a list of words a sentence")
    return names


class _Spans(NamedTuple):
    """Entities in order: words `start` to `end` (exclusive) of all sentences in a row have that `type`: (entities,)"""

    start: np.ndarray
    end: np.ndarray
    type: np.ndarray

    def where(self, keep: np.ndarray) -> "_Spans":
        return _Spans(*(column[keep] for column in self))


@dataclass(frozen=True)
class _Pair:
    """Predictions and references, all sentences in a row.

    A word's code is 0 for `O`, 2t + 1 for `B-` and 2t + 2 for `I-` of the t-th type. predicted, gold: (words,)
    """

    predicted: np.ndarray
    gold: np.ndarray
    lengths: np.ndarray  # (sentences,)
    types: list[str]
    tokens: Sequence[Sequence[str]] | None

    @cached_property
    def spans(self) -> tuple[_Spans, _Spans]:
        """The entities of both sides as conlleval reads them, sentence by sentence."""
        starts = (np.cumsum(self.lengths) - self.lengths)[self.lengths > 0]
        return find_spans(self.predicted, starts), find_spans(self.gold, starts)


def _counts(pair: _Pair, convention: str) -> np.ndarray:
    """Right, predicted and gold entities of each type: (3, types)."""
    both = (pair.predicted, pair.gold)
    if convention == "token":
        return _count_equal(pair, *map(_words_as_spans, both))
    if convention == "pooled":
        return _count_equal(pair, *(find_spans(tags, np.arange(min(1, len(tags)))) for tags in both))
    predicted, gold = pair.spans
    if convention == "strict":  # seqeval's strict entities are conlleval's with a B- in front: codes of B- are odd
        predicted, gold = (s.where(tags[s.start] & 1 == 1) for s, tags in zip(pair.spans, both))
    if convention.endswith("no_misc") and "misc" in pair.types:
        misc = pair.types.index("misc")
        predicted, gold = (s.where(s.type != misc) for s in (predicted, gold))
    if convention.startswith("string_set"):
        return _count_strings(pair, predicted, gold)
    return _count_equal(pair, predicted, gold)


def find_spans(tags: np.ndarray, sentence_starts: np.ndarray) -> _Spans:
    """The entities in codes (words,): one opens at a B-, at a change of type and at the start of a sentence."""
    types = (tags + 1) >> 1
    opens = tags & 1 == 1
    opens[1:] |= types[1:] != types[:-1]
    opens[sentence_starts] = True
    opens &= tags > 0
    breaks = np.flatnonzero(opens | (tags == 0))  # an entity ends where the next one opens or an O stands
    is_entity = opens[breaks]
    start = breaks[is_entity]
    return _Spans(start, np.append(breaks, len(tags))[1:][is_entity], types[start] - 1)


def _words_as_spans(tags: np.ndarray) -> _Spans:
    """Every word that is not O as an entity of its own."""
    start = np.flatnonzero(tags)
    return _Spans(start, start + 1, (tags[start] - 1) >> 1)


def _count_equal(pair: _Pair, predicted: _Spans, gold: _Spans) -> np.ndarray:
    num_types = len(pair.types)
    gold_at = np.full(len(pair.gold), -1)  # end and type of the one entity that starts at a word
    gold_at[gold.start] = gold.end * num_types + gold.type
    right = gold_at[predicted.start] == predicted.end * num_types + predicted.type
    parts = (predicted.type[right], predicted.type, gold.type)
    return np.stack([np.bincount(part, minlength=num_types) for part in parts])


def _count_strings(pair: _Pair, predicted: _Spans, gold: _Spans) -> np.ndarray:
    """As `_count_equal`, for the sets of normalised strings of each sentence and type."""
    words = list(chain.from_iterable(pair.tokens))
    ends = np.cumsum(pair.lengths)
    sets = []
    for spans in (predicted, gold):
        rows = zip(np.searchsorted(ends, spans.start, side="right").tolist(), *(column.tolist() for column in spans))
        sets.append({(t, sentence, _normalise(" ".join(words[a:b]))) for sentence, a, b, t in rows})
    parts = (sets[0] & sets[1], *sets)
    types = (np.array([t for t, *_ in part], dtype=np.intp) for part in parts)
    return np.stack([np.bincount(t, minlength=len(pair.types)) for t in types])


def _normalise(text: str) -> str:
    """UniversalNER's form of an entity: 'The  U.S. Senate' gives 'us senate'."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _scores(right: int, predicted: int, gold: int) -> dict[str, float]:
    precision = right / predicted if predicted else 0.0
    recall = right / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": gold}


class _Codes(dict):
    """Tag to code, filled as tags are met. KeyError where something is no tag."""

    def __init__(self):
        super().__init__(O=0)
        self.types: list[str] = []

    def __missing__(self, tag: str) -> int:
        prefix, _, entity_type = tag.partition("-") if isinstance(tag, str) else ("", "", "")
        if prefix not in ("B", "I") or not entity_type:
            raise KeyError(tag)
        self[f"B-{entity_type}"] = 2 * len(self.types) + 1
        self[f"I-{entity_type}"] = 2 * len(self.types) + 2
        self.types.append(entity_type)
        return self[tag]


def _encode(
    predictions: Sequence, references: Sequence, labels: Sequence[str] | None, tokens: Sequence | None
) -> _Pair:
    lengths = _check_lengths(predictions=predictions, references=references)
    if tokens is not None:
        _check_lengths(tokens=tokens, references=references)
    codes = _Codes()
    sides = {"predictions": predictions, "references": references}
    if labels is None:
        flat = [_flat_tags(sentences, lengths, codes, name) for name, sentences in sides.items()]
    else:
        by_id = _flat_tags([labels], np.array([len(labels)]), codes, "labels")
        flat = [by_id[_flat_ids(sentences, lengths, labels, name)] for name, sentences in sides.items()]
    return _Pair(*flat, lengths, codes.types, tokens)


def _check_lengths(**sides: Sequence[Sequence]) -> np.ndarray:
    """Words of each sentence: (sentences,). Raises ValueError where the two sides differ in them."""
    lengths = []
    for name, sentences in sides.items():
        kinds = set(map(type, sentences))
        if not all(hasattr(kind, "__len__") and not issubclass(kind, str) for kind in kinds):
            raise ValueError(f"{name}: expected a list of sentences, each of them a list")
        lengths.append(np.fromiter(map(len, sentences), dtype=np.intp))
    (one, other), (first, second) = sides, lengths
    if len(first) != len(second):
        raise ValueError(f"{one} have {len(first)} sentences, {other} {len(second)}")
    differ = np.flatnonzero(first != second)
    if len(differ):
        i = differ[0]
        raise ValueError(f"sentence {i}: {one} have {first[i]} words, {other} {second[i]}")
    return first


def _flat_tags(sentences: Sequence, lengths: np.ndarray, codes: _Codes, name: str) -> np.ndarray:
    try:
        tags = map(codes.__getitem__, chain.from_iterable(sentences))
        return np.fromiter(tags, dtype=np.intp, count=int(lengths.sum()))
    except (KeyError, TypeError):  # TypeError: what has no hash is no tag either
        pass
    number, tag = next((i, t) for i, s in enumerate(sentences) for t in s if not isinstance(t, str) or t not in codes)
    hint = "" if isinstance(tag, str) else "; for label ids, give the list of labels (or the domain)"
    raise ValueError(f"{name}, sentence {number}: expected 'O', 'B-type' or 'I-type', got {tag!r}{hint}")


def _flat_ids(sentences: Sequence, lengths: np.ndarray, labels: Sequence[str], name: str) -> np.ndarray:
    rows = [np.asarray(row) for row in sentences if len(row)]
    ids = np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
    if ids.dtype.kind not in "iu" or ids.ndim != 1:
        odd = ((i, x) for i, row in enumerate(sentences) for x in row if not isinstance(x, (int, np.integer)))
        number, value = next(odd, (0, ids.dtype))
        raise ValueError(f"{name}, sentence {number}: with labels, expected integer label ids, got {value!r}")
    outside = (ids < 0) | (ids >= len(labels))
    if outside.any():
        position = int(outside.argmax())
        number = int(np.searchsorted(np.cumsum(lengths), position, side="right"))
        hint = "; take out padding first, see without_padding" if ids[position] == IGNORED else ""
        raise ValueError(f"{name}, sentence {number}: label id {ids[position]} is not in 0 to {len(labels) - 1}{hint}")
    return ids
