"""Which prediction belongs to which sentence of a split; errors say in what the two differ, with the first places."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.conll import Sentence
from crossner_hf.data.deduplicate import seen_texts, sentence_text
from crossner_hf.data.download import domain_files
from crossner_hf.data.lines import without_space
from crossner_hf.data.sentences import read_sentences
from crossner_hf.external.prediction_files import Given
from crossner_hf.schema import SPLITS, Domain

PLACES = 3  # that an error names


class SplitData(NamedTuple):
    """The sentences of a split with their ids, which are their numbers in its file, and how to get those of another."""

    domain: Domain
    split: str
    ids: list[str]
    sentences: list[Sentence]
    files_of: Callable[[Domain], dict[str, Path]]

    @property
    def name(self) -> str:
        """Return the domain and the split, such as `music/test`."""
        return f"{self.domain.name}/{self.split}"

    @classmethod
    def read(cls, domain: Domain, split: str, data_dir: str | Path | None = None, verify: bool = True) -> "SplitData":
        """Read a split; see `crossner_hf.load` for the arguments."""
        files_of = partial(domain_files, data_dir=data_dir, verify=verify)
        seen = seen_texts(domain, split, files_of) if domain.name.endswith("_dedup") else set()
        kept = [
            (str(number), sentence)
            for number, sentence in enumerate(read_sentences(domain, files_of(domain)[split]))
            if sentence_text(sentence.tokens) not in seen
        ]
        return cls(domain, split, [number for number, _ in kept], [sentence for _, sentence in kept], files_of)


def match(given: Sequence[Given], data: SplitData, source: str) -> list[Given]:
    """Give the prediction of each sentence of a split, in the split's order.

    Sentences are found by their characters without white space, in any order; of several with the same characters, by
    their words; by `id` where a file tells neither words nor text.

    Args:
        given: The predictions.
        data: The split.
        source: What errors call the predictions.

    Raises:
        ValueError: If sentences are missing, repeated or those of another split, or are split into other words.
    """
    by_id = all(row.words is None and row.text is None for row in given)
    wanted = data.ids if by_id else [_key(sentence.tokens) for sentence in data.sentences]
    rows: dict[str, deque[Given]] = defaultdict(deque)
    keys = [row.id or "" if by_id else _key(_words(row)) for row in given]
    for key, row in sorted(zip(keys, given, strict=True), key=lambda pair: _words(pair[1])):
        rows[key].append(row)
    if Counter(keys) != Counter(wanted):
        differences = "; ".join(_differences(keys, given, wanted, data, source))
        raise ValueError(f"{source}: does not have each sentence of {data.name} once: {differences}")
    matched = list(given)
    for number in sorted(range(len(wanted)), key=lambda n: data.sentences[n].tokens):
        matched[number] = rows[wanted[number]].popleft()
    _check_words(matched, data, source)
    return matched


def _words(row: Given) -> list[str]:
    return (row.text or "").split() if row.words is None else list(row.words)


def _key(words: Sequence[str]) -> str:
    return without_space("".join(words))


def _differences(
    keys: Sequence[str], given: Sequence[Given], wanted: Sequence[str], data: SplitData, source: str
) -> Iterator[str]:
    known, counts, expected = set(wanted), Counter(keys), Counter(wanted)
    foreign = [row for key, row in zip(keys, given, strict=True) if key not in known]
    seen: Counter[str] = Counter()
    repeated = []
    for key, row in zip(keys, given, strict=True):
        seen[key] += 1
        if key in known and seen[key] > expected[key]:
            repeated.append(row)
    missing = []
    for key, sentence in zip(wanted, data.sentences, strict=True):
        counts[key] -= 1
        if counts[key] < 0:
            missing.append(sentence)
    if foreign:
        yield f"not in it {len(foreign)} ({_places(foreign, source)}){_where_else(foreign, data)}"
    if repeated:
        yield f"repeated {len(repeated)} ({_places(repeated, source)})"
    if missing:
        texts = ", ".join(repr(_short(" ".join(sentence.tokens))) for sentence in missing[:PLACES])
        yield f"missing {len(missing)} ({texts}{', …' if len(missing) > PLACES else ''})"


def _where_else(foreign: Sequence[Given], data: SplitData) -> str:
    """Name the other split of the domain in which all of these sentences stand, if there is one."""
    for split in SPLITS:
        if split != data.split:
            keys = {_key(s.tokens) for s in read_sentences(data.domain, data.files_of(data.domain)[split])}
            if all(_key(_words(row)) in keys for row in foreign):
                return f", but all in {data.domain.name}/{split}"
    return ""


def _places(rows: Sequence[Given], source: str) -> str:
    texts = (" ".join(row.words or [row.text or f"id {row.id}"]) for row in rows)
    shown = (f"{_line(row, source)}: {_short(text)!r}" for row, text in zip(rows[:PLACES], texts, strict=False))
    return ", ".join(shown) + (", …" if len(rows) > PLACES else "")


def _line(row: Given, source: str) -> str:
    return row.where.replace(f"{source}:", "line ")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _check_words(matched: Sequence[Given], data: SplitData, source: str) -> None:
    """Raise ValueError if places that count words are given for other words."""
    other = [
        (row, words)
        for row, (words, _) in zip(matched, data.sentences, strict=True)
        if row.form in ("tags", "words") and row.words is not None and list(row.words) != words
    ]
    if not other:
        return
    places = []
    for row, words in other[:PLACES]:
        pairs = enumerate(zip(row.words or (), words, strict=False))
        at = next((i for i, (one, word) in pairs if one != word), min(len(row.words or ()), len(words)))
        theirs, ours = (" ".join(several[at : at + 2]) for several in (row.words or (), words))
        places.append(f"{_line(row, source)} has {theirs!r} where the split has {ours!r}")
    raise ValueError(
        f"{source}: {len(other)} of {len(matched)} sentences are split into other words than those of {data.name} "
        f"({'; '.join(places)}{'; …' if len(other) > PLACES else ''}); tag the words of the split, or give JSON lines "
        "with the text and spans of characters"
    )
