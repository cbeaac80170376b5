"""Streams of words: the labelled words of a domain as in its files, or raw text split by a named splitter."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.deduplicate import split_sentences
from crossner_hf.data.download import domain_files
from crossner_hf.data.lines import without_packing
from crossner_hf.data.sources import FILE_NAMES, sha256_of
from crossner_hf.schema import BUILT_IN, DOMAIN_FILE, SPLITS, Domain, get_domain
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER, split_words


@dataclass(frozen=True)
class StreamOptions:
    """How streams are read.

    Args:
        splits: The splits of a domain.
        data_dir: Folder of the official files, as for `crossner_hf.load`.
        verify: Check the official files, as for `crossner_hf.load`.
        splitter: Word splitter for raw text.
        text_column: Column of the text in JSON lines, Parquet and data sets.
        config: Configuration of a data set of the Hub.
        corpus_split: Split of a data set of the Hub.
    """

    splits: tuple[str, ...] = SPLITS
    data_dir: str | Path | None = None
    verify: bool = True
    splitter: str = DEFAULT_SPLITTER
    text_column: str = "text"
    config: str | None = None
    corpus_split: str = "train"


@dataclass(frozen=True)
class LabelledWords:
    """The words of the labelled sentences of a domain."""

    label: str
    domain: Domain
    options: StreamOptions

    def words(self) -> Iterator[list[str]]:
        files_of = partial(domain_files, data_dir=self.options.data_dir, verify=self.options.verify)
        for split in self.options.splits:
            yield from (sentence.tokens for sentence in split_sentences(self.domain, split, files_of))

    def check(self) -> dict[str, Path]:
        """Give the files of the splits. Raises ValueError or FileNotFoundError if they are missing."""
        files = domain_files(self.domain, self.options.data_dir, verify=self.options.verify)
        return {split: files[split] for split in self.options.splits}

    def describe(self) -> dict[str, Any]:
        sums = {path.name: sha256_of(path) for path in self.check().values()}
        return {"domain": self.domain.name, "splits": list(self.options.splits), "splitter": None, "sha256": sums}


@dataclass(frozen=True)
class TextWords:
    """The words of raw text. Those of a long document come in parts."""

    label: str
    corpus: Corpus
    splitter: str = DEFAULT_SPLITTER

    def words(self) -> Iterator[list[str]]:
        for document in self.corpus.documents(entities=False):
            yield [word.text for word in split_words(document.text, self.splitter)]

    def check(self) -> None:
        """Raise ValueError if a file, the data set or the splitter does not exist."""
        split_words("", self.splitter)
        if not self.corpus.files():
            self.corpus.checksums()

    def describe(self) -> dict[str, Any]:
        return {"domain": None, "splits": None, "splitter": self.splitter, "sha256": self.corpus.checksums()}


Stream = LabelledWords | TextWords


def open_stream(text: str, options: StreamOptions | None = None) -> Stream:
    """Find what `music`, `zoo/`, `articles.jsonl`, `user/data_set` or `NAME=` and one of these stands for.

    A domain of the package comes first; then a path (a folder with a domain of your own, or a file or folder of text);
    then a data set of the Hub. A path may contain '='. Only the presence of the files is checked. Raises ValueError if
    there is no such domain, path or data set; the message names similar domains.
    """
    options = options or StreamOptions()
    label, source = _label_and_source(text)
    path = Path(source).expanduser()
    stream: Stream
    if source in BUILT_IN or (path / DOMAIN_FILE).is_file():
        domain = get_domain(source)
        stream = LabelledWords(label or domain.name, domain, options)
    elif path.exists():
        stream = TextWords(label or _name_of(path.resolve()), _corpus_at(path, options), options.splitter)
    else:
        return _domain_or_data_set(label, source, options)
    stream.check()
    return stream


def _domain_or_data_set(label: str, source: str, options: StreamOptions) -> Stream:
    """Open a domain by another of its spellings, else a data set of the Hub."""
    stream: Stream
    try:
        domain = get_domain(source)
    except ValueError as no_domain:
        corpus = Corpus((source,), options.config, options.corpus_split, options.text_column)
        stream = TextWords(label or source.rpartition("/")[2], corpus, options.splitter)
        try:
            stream.check()
        except ValueError as error:
            if "/" in source or Path(source).suffix:
                raise
            raise ValueError(f"{error}; nor is it a domain: {no_domain}") from error
    else:
        stream = LabelledWords(label or domain.name, domain, options)
        stream.check()
    return stream


def _corpus_at(path: Path, options: StreamOptions) -> Corpus:
    if path.is_dir() and all((path / name).is_file() for name in FILE_NAMES.values()):
        raise ValueError(
            f"{path}: has {', '.join(FILE_NAMES.values())} but no {DOMAIN_FILE}: describe the domain there, or name "
            "a domain of the package and give the folder above with --data-dir, or name the files if this is raw text"
        )
    return Corpus((str(path),), text_column=options.text_column)


def _label_and_source(text: str) -> tuple[str, str]:
    label, equals, source = text.partition("=")
    if not equals or "/" in label or Path(text).expanduser().exists():
        label, source = "", text
    elif not label.strip():
        raise ValueError(f"stream {text!r}: expected NAME=STREAM, got no name before '='")
    if not source.strip():
        raise ValueError(f"stream {text!r}: names nothing to read; is a shell variable unset?")
    return label.strip(), source


def _name_of(path: Path) -> str:
    return path.name if path.is_dir() else without_packing(path.name).rpartition(".")[0] or path.name
