"""What the readers of annotations give, what they are told, and notes on what was changed or left out."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.conll import Sentence
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER, SPLITTERS, Word

SHOWN = 3  # places that a note names
SENTENCE_CHOICES = ("split", "whole")
CUT_WORD_CHOICES = ("extend", "drop")
SPLIT_UNITS = ("document", "sentence")


class CharacterSpan(NamedTuple):
    """An entity: characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int
    entity_type: str


class SourceFile(NamedTuple):
    """A file of annotations, and the split that its name says; None where it says none."""

    path: Path
    split: str | None


@dataclass(frozen=True)
class TaggedDocument:
    """Sentences of words with the tags of the source, whatever their scheme. `where` is its place in the source."""

    where: str
    split: str | None
    sentences: Sequence[Sentence]


@dataclass(frozen=True)
class TextDocument:
    """A text with spans of characters.

    Args:
        where: Its place in the source.
        split: The split that the source says.
        text: The text.
        spans: Its entities, in any order.
        words: The words, where the source has them; by default the text is split.
        sentence_starts: Numbers of the words that begin a sentence, where the source has sentences.
    """

    where: str
    split: str | None
    text: str
    spans: Sequence[CharacterSpan]
    words: Sequence[Word] | None = None
    sentence_starts: frozenset[int] | None = None


Document = TaggedDocument | TextDocument


class Notes:
    """What was changed or left out: how often, and the first places."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.places: dict[str, list[str]] = defaultdict(list)

    def add(self, what: str, place: str) -> None:
        """Count one case."""
        self.counts[what] += 1
        if self.counts[what] <= SHOWN:
            self.places[what].append(place)

    def lines(self) -> Iterator[str]:
        """Yield one line for each kind, in the order in which they came up."""
        for what, count in self.counts.items():
            yield f"{what}: {count:,} ({'; '.join(self.places[what])}{'; …' if count > SHOWN else ''})"


@dataclass(frozen=True)
class ImportOptions:
    """How annotations are read.

    Args:
        source_format: One of `formats.FORMATS`; by default detected.
        name: Name of the domain; by default the output folder's.
        config: Configuration of a data set of the Hub.
        words: Column of the words: a number (from 1, or from -1 backwards) for CoNLL columns, else a name.
        tags: Column of the tags, likewise.
        text: Name of the text, where entities are spans of characters.
        spans: Name of the spans.
        splitter: Word splitter for texts.
        sentences: `split` cuts texts at line ends and sentence ends, `whole` leaves each text one sentence.
        cut_words: What happens to a span that cuts a word: `extend` it to the whole word, or `drop` it.
        shares: Shares of dev and of test, where the source does not have them.
        split_by: Whether all sentences of a document go into one split.
        seed: Fixes the split.
        renamed: Type in the source to type; an empty one leaves its entities out.

    Raises:
        ValueError: For a value that is not possible.
    """

    source_format: str | None = None
    name: str | None = None
    config: str | None = None
    words: str | None = None
    tags: str | None = None
    text: str | None = None
    spans: str | None = None
    splitter: str = DEFAULT_SPLITTER
    sentences: str = "split"
    cut_words: str = "extend"
    shares: tuple[float, float] = (0.1, 0.1)
    split_by: str = "document"
    seed: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("splitter", self.splitter, SPLITTERS),
            ("sentences", self.sentences, SENTENCE_CHOICES),
            ("cut_words", self.cut_words, CUT_WORD_CHOICES),
            ("split_by", self.split_by, SPLIT_UNITS),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if not (all(share > 0 for share in self.shares) and sum(self.shares) < 1):
            raise ValueError(f"shares of dev and test must be above 0 and leave some for train, got {self.shares}")
