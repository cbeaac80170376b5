"""Precision, recall and F1 of entity spans under named conventions.

This file needs numpy and no other file of the package, because `evaluate` copies it alone into its cache.

The conventions, of which the first three are the default:

- `conlleval`: micro average over entities with exact boundaries and type, sentence by sentence. An `I-` that continues
  no entity of its type opens one. Equals seqeval's default mode.
- `strict`: the same, but only a `B-` opens an entity. Equals seqeval's mode="strict", scheme=IOB2.
- `pooled`: conlleval over all sentences joined into one, as CrossNER's released code scores (src/trainer.py): an `I-`
  at the start of a sentence may continue the last entity of the sentence before.
- `no_misc`: conlleval without entities of type `misc`, on both sides.
- `string_set`: sets of entity strings for each sentence and type, lower-cased, without punctuation and articles, as
  UniversalNER scores (universal-ner/universal-ner, src/eval/evaluate.py). It needs the words.
- `string_set_no_misc`: string_set without `misc`, a type that UniversalNER's copy of CrossNER does not have.
- `token`: micro average over the words that are not `O`; a word is correct if its type is, whatever its prefix.
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
    predictions: Sequence[Sequence[Any]],
    references: Sequence[Sequence[Any]],
    *,
    conventions: Sequence[str] = DEFAULT_CONVENTIONS,
    generic_types: Collection[str] = (),
    labels: Sequence[str] | None = None,
    tokens: Sequence[Sequence[str]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Score predicted entities under each convention.

    Args:
        predictions: For each sentence its tags or, with `labels`, its label ids.
        references: The gold tags or label ids.
        conventions: Names of conventions.
        generic_types: Types to score as generic; the others are the specialised types.
        labels: Labels in the order of their ids.
        tokens: The words of each sentence, for string_set.

    Returns:
        For each convention `overall`, `per_type` (the types on either side) and, with `generic_types`, `specialised`
        and `generic`. Each has `precision`, `recall` and `f1` in 0 to 1 (0.0 instead of a division by zero) and
        `support`, the number of gold entities (for token, of words).

    Raises:
        ValueError: With the number of the sentence, if the sides differ in length or contain something else.

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
        groups: dict[str, Any] = {"overall": _scores(*counts.sum(axis=1).tolist())}
        if generic_types:
            groups["specialised"] = _scores(*counts[:, ~is_generic].sum(axis=1).tolist())
            groups["generic"] = _scores(*counts[:, is_generic].sum(axis=1).tolist())
        by_type = sorted(zip(pair.types, counts.T.tolist(), strict=True))
        groups["per_type"] = {name: _scores(*row) for name, row in by_type if any(row)}
        result[convention] = groups
    return result


def flatten(scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Flatten the result of `score`; each name begins with the convention.

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


def without_padding(
    predictions: Sequence[Any] | np.ndarray, references: Sequence[Any] | np.ndarray
) -> tuple[list[Any], list[Any]]:
    """Remove the positions whose reference is -100 from both sides of label ids.

    >>> without_padding([[7, 1, 2]], [[-100, 1, 0]])
    ([array([1, 2])], [array([1, 0])])
    """
    _check_lengths(predictions=predictions, references=references)
    rows = [(np.asarray(p), np.asarray(r)) for p, r in zip(predictions, references, strict=True)]
    return [p[r != IGNORED] for p, r in rows], [r[r != IGNORED] for _, r in rows]


def check_conventions(conventions: Sequence[str], has_tokens: bool) -> tuple[str, ...]:
    """Give the names of `conventions`, which may be a single name. Raises ValueError if one cannot be scored."""
    names = (conventions,) if isinstance(conventions, str) else tuple(conventions)
    for name in names:
        if name not in CONVENTIONS:
            raise ValueError(f"unknown convention {name!r}; known are {', '.join(CONVENTIONS)}")
        if name.startswith("string_set") and not has_tokens:
            raise ValueError(
                f"convention {name!r} compares words: pass them as tokens, a list of words for each sentence"
            )
    return names


class _Spans(NamedTuple):
    """Entities in order, each (entities,): the words `start` to `end` (exclusive) of all sentences are of `type`."""

    start: np.ndarray
    end: np.ndarray
    type: np.ndarray

    def where(self, keep: np.ndarray) -> "_Spans":
        return _Spans(*(column[keep] for column in self))


@dataclass(frozen=True)
class _Pair:
    """Both sides as codes of all words, (words,): 0 for `O`, 2t + 1 for `B-` and 2t + 2 for `I-` of type t."""

    predicted: np.ndarray
    gold: np.ndarray
    lengths: np.ndarray  # (sentences,)
    types: list[str]
    tokens: Sequence[Sequence[str]] | None

    @cached_property
    def spans(self) -> tuple[_Spans, _Spans]:
        """Predicted and gold entities as conlleval reads them, sentence by sentence."""
        starts = (np.cumsum(self.lengths) - self.lengths)[self.lengths > 0]
        return find_spans(self.predicted, starts), find_spans(self.gold, starts)


def _counts(pair: _Pair, convention: str) -> np.ndarray:
    """Count correct, predicted and gold entities of each type, (3, types)."""
    both = (pair.predicted, pair.gold)
    if convention == "token":
        return _count_equal(pair, *map(_words_as_spans, both))
    if convention == "pooled":
        return _count_equal(pair, *(find_spans(tags, np.arange(min(1, len(tags)))) for tags in both))
    predicted, gold = pair.spans
    if convention == "strict":  # seqeval's strict entities are conlleval's that begin with B-, whose codes are odd
        predicted, gold = (s.where(tags[s.start] & 1 == 1) for s, tags in zip(pair.spans, both, strict=True))
    if convention.endswith("no_misc") and "misc" in pair.types:
        misc = pair.types.index("misc")
        predicted, gold = (s.where(s.type != misc) for s in (predicted, gold))
    if convention.startswith("string_set"):
        return _count_strings(pair, predicted, gold)
    return _count_equal(pair, predicted, gold)


def find_spans(tags: np.ndarray, sentence_starts: np.ndarray) -> _Spans:
    """Find entities in codes (words,): one opens at a B-, at a change of type and at a start of a sentence."""
    words = np.flatnonzero(tags)  # only those of entities: a quarter of them in CrossNER
    codes = tags[words]
    types = (codes + 1) >> 1
    starts_sentence = np.zeros(len(tags), dtype=bool)
    starts_sentence[sentence_starts] = True
    opens = (codes & 1 == 1) | starts_sentence[words]
    opens[:1] = True
    opens[1:] |= (types[1:] != types[:-1]) | (words[1:] > words[:-1] + 1)
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(words)) - 1 if len(words) else first
    return _Spans(words[first], words[last] + 1, types[first] - 1)


def _words_as_spans(tags: np.ndarray) -> _Spans:
    """Take every word that is not O for an entity."""
    start = np.flatnonzero(tags)
    return _Spans(start, start + 1, (tags[start] - 1) >> 1)


def _count_equal(pair: _Pair, predicted: _Spans, gold: _Spans) -> np.ndarray:
    num_types = len(pair.types)
    gold_at = np.full(len(pair.gold), -1)  # end and type of the one entity that starts at a word
    gold_at[gold.start] = gold.end * num_types + gold.type
    correct = gold_at[predicted.start] == predicted.end * num_types + predicted.type
    parts = (predicted.type[correct], predicted.type, gold.type)
    return np.stack([np.bincount(part, minlength=num_types) for part in parts])


def _count_strings(pair: _Pair, predicted: _Spans, gold: _Spans) -> np.ndarray:
    """Count as `_count_equal`, but sets of normalised strings of each sentence and type."""
    words = list(chain.from_iterable(pair.tokens or ()))
    if odd := next((word for word in words if not isinstance(word, str)), None):
        raise ValueError(f"tokens: expected words, got {odd!r}")
    ends = np.cumsum(pair.lengths)
    sets = []
    for spans in (predicted, gold):
        sentences = np.searchsorted(ends, spans.start, side="right")
        rows = zip(*(column.tolist() for column in (sentences, *spans)), strict=True)
        sets.append({(t, sentence, _normalise(" ".join(words[a:b]))) for sentence, a, b, t in rows})
    parts = (sets[0] & sets[1], *sets)
    types = (np.array([t for t, *_ in part], dtype=np.intp) for part in parts)
    return np.stack([np.bincount(t, minlength=len(pair.types)) for t in types])


def _normalise(text: str) -> str:
    """Give UniversalNER's form of an entity: 'The  U.S. Senate' gives 'us senate'."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _scores(correct: int, predicted: int, gold: int) -> dict[str, float]:
    precision = correct / predicted if predicted else 0.0
    recall = correct / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": gold}


class _Codes(dict[Any, int]):
    """Tag to code, filled when a tag is first met. KeyError for anything that is not a tag."""

    def __init__(self) -> None:
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
    predictions: Sequence[Any],
    references: Sequence[Any],
    labels: Sequence[str] | None,
    tokens: Sequence[Sequence[str]] | None,
) -> _Pair:
    lengths = _check_lengths(predictions=predictions, references=references)
    if tokens is not None:
        _check_lengths(tokens=tokens, references=references)
    codes = _Codes()
    if labels is None:
        predicted = _flat_tags(predictions, lengths, codes, "predictions")
        gold = _flat_tags(references, lengths, codes, "references")
    else:
        _check_lengths(labels=[labels], itself=[labels])
        by_id = _flat_tags([labels], np.array([len(labels)]), codes, "labels")
        predicted = by_id[_flat_ids(predictions, lengths, labels, "predictions")]
        gold = by_id[_flat_ids(references, lengths, labels, "references")]
    return _Pair(predicted, gold, lengths, codes.types, tokens)


def _check_lengths(**sides: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Give the number of words of each sentence, (sentences,). Raises ValueError if the two sides differ."""
    lengths = []
    for name, sentences in sides.items():
        kinds = {type(sentences), *map(type, sentences)} if hasattr(sentences, "__iter__") else {type(sentences)}
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


def _flat_tags(sentences: Sequence[Any], lengths: np.ndarray, codes: _Codes, name: str) -> np.ndarray:
    try:
        tags = map(codes.__getitem__, chain.from_iterable(sentences))
        return np.fromiter(tags, dtype=np.intp, count=int(lengths.sum()))
    except (KeyError, TypeError):  # TypeError: anything without a hash is not a tag either
        pass
    number, tag = next((i, t) for i, s in enumerate(sentences) for t in s if not isinstance(t, str) or t not in codes)
    hint = "" if isinstance(tag, str) else "; for label ids, give the list of labels (or the domain)"
    raise ValueError(f"{name}, sentence {number}: expected 'O', 'B-type' or 'I-type', got {tag!r}{hint}")


def _flat_ids(sentences: Sequence[Any], lengths: np.ndarray, labels: Sequence[str], name: str) -> np.ndarray:
    try:
        rows = [np.asarray(row) for row in sentences if len(row)]
        ids = np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
    except ValueError:  # lists within some of the lists
        ids = np.zeros((0, 0))
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
