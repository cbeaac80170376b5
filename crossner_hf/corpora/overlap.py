"""Vocabulary overlap: the share of words that the most frequent words of two streams have in common.

It follows the matrix of the CrossNER paper (Liu et al., 2021) and Gururangan et al. (2020): 5,000 words without stop
words. The paper does not state its tokenizer, casing and stop list; here they are parameters, which the record names.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tqdm.auto import tqdm

from crossner_hf.corpora.stop_words import StopWords, stop_words
from crossner_hf.corpora.word_streams import Stream
from crossner_hf.results.text_records import OverlapRecord, OverlapStream

CASINGS = ("lower", "keep")


@dataclass(frozen=True)
class OverlapArguments:
    """Which words are compared."""

    top_k: int = field(default=5_000, metadata={"help": "compare this many of each stream's most frequent words"})
    stop_words: str = field(
        default="english", metadata={"help": "words that do not count: english, none, or a file with one on each line"}
    )
    casing: str = field(default="lower", metadata={"help": "lower: The and the are one word; keep: they are two"})

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError(f"top_k must be 1 or more, got {self.top_k}")
        if self.casing not in CASINGS:
            raise ValueError(f"casing must be one of {', '.join(CASINGS)}, got {self.casing!r}")


class Vocabulary(NamedTuple):
    """What is kept of a stream.

    Args:
        words: Number of words, punctuation included.
        counted: Number of words that count.
        distinct: Number of different words that count.
        top: The most frequent of these, at most `top_k`, by count and then in alphabetical order.
        least_count: How often the last of `top` occurs.
        tied: How many words occur as often, in `top` or not.
    """

    words: int
    counted: int
    distinct: int
    top: list[str]
    least_count: int
    tied: int


def vocabulary(texts: Iterable[Sequence[str]], args: OverlapArguments, stops: StopWords) -> Vocabulary:
    """Count the words of texts; only the different words are in memory. Raises ValueError if no word counts.

    A word counts if it has a letter and is not a stop word.
    """
    counts: Counter[str] = Counter()
    for words in texts:
        counts.update(map(str.lower, words) if args.casing == "lower" else words)
    total = counts.total()
    for word in [word for word in counts if word in stops or not any(map(str.isalpha, word))]:
        del counts[word]
    if not counts:
        raise ValueError(f"no word counts among {total:,}: stop words ({stops.name}) and words with no letter do not")
    top = heapq.nsmallest(args.top_k, counts, key=lambda word: (-counts[word], word))
    least = counts[top[-1]]
    tied = sum(count == least for count in counts.values())
    return Vocabulary(total, counts.total(), len(counts), top, least, tied)


def shared_words(first: Vocabulary, second: Vocabulary) -> tuple[int, int]:
    """Count the words that both have among their `n` most frequent; also give `n`, the shorter length."""
    n = min(len(first.top), len(second.top))
    return len(set(first.top[:n]).intersection(second.top[:n])), n


def overlap(streams: Sequence[Stream], args: OverlapArguments | None = None) -> OverlapRecord:
    """Compute the overlap of two or more streams of words with different labels.

    In the record, `matrix` has `shared`, the words in common; `of`, the words compared on each side (`top_k`, or fewer
    if either stream has fewer); and `percent`, 100 × shared / of, which is symmetric. Raises ValueError for other
    streams, and for one in which no word counts.
    """
    args = OverlapArguments() if args is None else args
    labels = [stream.label for stream in streams]
    if len(streams) < 2:
        raise ValueError(f"overlap compares two or more streams, got {len(streams)}: {', '.join(labels) or 'none'}")
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ValueError(f"two streams are called {repeated[0]!r}; rename one: NAME=STREAM")
    stops = stop_words(args.stop_words)
    vocabularies = [_counted(stream, args, stops) for stream in streams]
    pairs = [[shared_words(first, second) for second in vocabularies] for first in vocabularies]
    return OverlapRecord.new(
        top_k=args.top_k,
        stop_words=stops.describe(),
        casing=args.casing,
        words_that_count="at least one letter, no stop word",
        ties="alphabetical",
        streams=[_recorded(*pair) for pair in zip(streams, vocabularies, strict=True)],
        matrix={
            "percent": [[100 * shared / n for shared, n in row] for row in pairs],
            "shared": [[shared for shared, _ in row] for row in pairs],
            "of": [[n for _, n in row] for row in pairs],
        },
    )


def _counted(stream: Stream, args: OverlapArguments, stops: StopWords) -> Vocabulary:
    texts = tqdm(stream.words(), desc=stream.label, unit=" texts", disable=None, leave=False)  # on a terminal only
    try:
        return vocabulary(texts, args, stops)
    except ValueError as error:
        raise ValueError(f"stream {stream.label}: {error}") from error


def _recorded(stream: Stream, vocabulary: Vocabulary) -> OverlapStream:
    sizes = vocabulary._asdict() | {"top": len(vocabulary.top)}
    return OverlapStream(label=stream.label, **stream.describe(), **sizes)


def notes(record: OverlapRecord) -> list[str]:
    """Give a sentence about each stream with fewer than `top_k` words."""
    few = [stream for stream in record.streams if stream.top < record.top_k]
    return [
        f"{stream.label} has {stream.top:,} words that count, fewer than {record.top_k:,}: its pairs compare "
        f"no more than the {stream.top:,} most frequent words of each side"
        for stream in few
    ]
