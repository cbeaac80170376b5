"""Streams of words: the labelled words of a domain as its files split them, or raw text split by a named splitter."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data import deduplicate
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import FILE_NAMES, sha256_of
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, DOMAIN_FILE, SPLITS, Domain, get_domain
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER, split_words


@dataclass(frozen=True)
class LabelledWords:
    """The words of a domain's sentences. data_dir, verify: as for `crossner_hf.load`."""

    label: str
    domain: Domain
    splits: tuple[str, ...] = SPLITS
    data_dir: str | Path | None = None
    verify: bool = True

    def words(self) -> Iterator[list[str]]:
        """The words of each sentence."""
        files_of = partial(domain_files, data_dir=self.data_dir, verify=self.verify)
        for split in self.splits:
            sentences = read_sentences(self.domain, files_of(self.domain)[split])
            deduplicated = self.domain.name in DEDUPLICATED
            seen = deduplicate.seen_texts(self.domain, split, files_of) if deduplicated else set()
            yield from (tokens for tokens, _ in sentences if deduplicate.sentence_text(tokens) not in seen)

    def check(self) -> None:
        """Raises ValueError or FileNotFoundError where the files are not there."""
        domain_files(self.domain, self.data_dir, verify=self.verify)

    def describe(self) -> dict[str, Any]:
        files = domain_files(self.domain, self.data_dir, verify=self.verify)
        sums = {files[split].name: sha256_of(files[split]) for split in self.splits}
        return {"domain": self.domain.name, "splits": list(self.splits), "splitter": None, "sha256": sums}


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
        """Raises ValueError where a file, or the data set, is not there."""
        split_words("", self.splitter)
        if not self.corpus.files():
            self.corpus.checksums()

    def describe(self) -> dict[str, Any]:
        return {"domain": None, "splits": None, "splitter": self.splitter, "sha256": self.corpus.checksums()}


Stream = LabelledWords | TextWords


def open_stream(
    text: str,
    *,
    splits: tuple[str, ...] = SPLITS,
    data_dir: str | Path | None = None,
    verify: bool = True,
    splitter: str = DEFAULT_SPLITTER,
    text_column: str = "text",
    config: str | None = None,
    corpus_split: str = "train",
) -> Stream:
    """The stream that `music`, `zoo/`, `articles.jsonl`, `user/data_set` or `NAME=` and one of these stands for.

    The name of a domain of the package comes first; then a path: a folder with a domain of one's own, or a file or
    folder of text; then a data set of the Hub, whose configuration and split are `config` and `corpus_split`. A path
    may hold '='. Nothing but the presence of the files is looked at. Raises ValueError where there is nothing of the
    kind, with the names of domains that come near.
    """
    label, source = _label_and_source(text)
    path = Path(source).expanduser()
    if source in BUILT_IN or (path / DOMAIN_FILE).is_file():
        domain = get_domain(source)
    elif path.exists():
        return _checked(TextWords(label or _name_of(path.resolve()), _corpus_at(path, text_column), splitter))
    else:
        try:
            domain = get_domain(source)
        except ValueError as no_domain:
            corpus = Corpus((source,), config=config, split=corpus_split, text_column=text_column)
            try:
                return _checked(TextWords(label or source.rpartition("/")[2], corpus, splitter))
            except ValueError as error:
                if "/" in source or Path(source).suffix:
                    raise
                raise ValueError(f"{error}; nor is it a domain: {no_domain}") from error
    return _checked(LabelledWords(label or domain.name, domain, splits, data_dir, verify))


def _corpus_at(path: Path, text_column: str) -> Corpus:
    if path.is_dir() and all((path / name).is_file() for name in FILE_NAMES.values()):
        raise ValueError(
            f"{path}: holds {', '.join(FILE_NAMES.values())} but no {DOMAIN_FILE}: describe the domain there, or name "
            "a domain of the package and give the folder above with --data_dir, or name the files if this is raw text"
        )
    return Corpus((str(path),), text_column=text_column)


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
    return path.name if path.is_dir() else path.name.removesuffix(".gz").rpartition(".")[0] or path.name


def _checked(stream: Stream) -> Stream:
    stream.check()
    return stream
