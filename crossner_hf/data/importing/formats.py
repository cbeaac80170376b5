"""The forms of annotations that can be imported, and how they are told apart."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.importing.columns import read_columns_file
from crossner_hf.data.importing.datasets_rows import LOADERS, SAVED, read_dataset
from crossner_hf.data.importing.documents import Document, ImportOptions, Notes, SourceFile
from crossner_hf.data.importing.json_rows import read_json, read_label_studio, rows_of, tool_of
from crossner_hf.data.importing.source_files import source_files
from crossner_hf.data.importing.spacy_docs import read_docbin
from crossner_hf.data.importing.standoff import read_standoff
from crossner_hf.data.lines import begins_as_json, without_packing

DATASET_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
# No name of a data set ends so.
FILE_ENDINGS = (
    *JSON_ENDINGS,
    *LOADERS,
    ".ann",
    ".spacy",
    ".txt",
    ".tsv",
    ".conll",
    ".conllu",
    ".conllup",
    ".iob",
    ".bio",
)


class Format(NamedTuple):
    """What people call a form of annotations, and the reader of one file; None for data sets."""

    title: str
    read: Callable[[SourceFile, ImportOptions, Notes], Iterator[Document]] | None


FORMATS: Mapping[str, Format] = {
    "conll": Format("CoNLL columns", read_columns_file),
    "jsonl": Format("JSON lines", read_json),
    "label-studio": Format("Label Studio JSON", read_label_studio),
    "doccano": Format("doccano JSON lines", read_json),
    "prodigy": Format("Prodigy JSON lines", read_json),
    "brat": Format("brat standoff", read_standoff),
    "spacy": Format("spaCy DocBin", read_docbin),
    "datasets": Format("a data set", None),
}


def detect_format(source: str) -> str:
    """Tell the form of a source: by what it is on disk, the ending of its files, and the keys of its first row.

    Raises:
        FileNotFoundError: It is no file or folder, and cannot be the id of a data set.
        ValueError: A JSON file whose first row cannot be read.
    """
    path = Path(source).expanduser()
    if not path.exists():
        suffix = Path(without_packing(path.name)).suffix.lower()
        if DATASET_ID.fullmatch(source) and suffix not in FILE_ENDINGS:
            return "datasets"
        raise FileNotFoundError(f"{source}: no such file or folder")
    if path.is_dir():
        if any((path / name).is_file() for name in SAVED):
            return "datasets"
        if next(path.rglob("*.ann"), None):
            return "brat"
    return _format_of_file(source_files(path)[0].path)


def _format_of_file(file: Path) -> str:
    suffix = Path(without_packing(file.name)).suffix.lower()
    if suffix == ".ann" or (suffix == ".txt" and file.with_suffix(".ann").is_file()):
        return "brat"
    if suffix == ".spacy":
        return "spacy"
    if suffix in LOADERS:
        return "datasets"
    if suffix in JSON_ENDINGS or begins_as_json(file):
        return tool_of(next(rows_of(file), ("", {}))[1])
    return "conll"


def choose_format(source: str, chosen: str | None) -> str:
    """Give the form that was chosen, which the source must not contradict, or the detected one.

    Raises:
        ValueError: An unknown form, or a source of another one, which is named.
    """
    if chosen is None:
        return detect_format(source)
    if chosen not in FORMATS:
        raise ValueError(f"the form must be one of {', '.join(FORMATS)}, got {chosen!r}")
    if chosen == "datasets":
        return chosen
    try:
        detected = detect_format(source)
    except ValueError:
        return chosen  # its reader says what is wrong
    if detected != chosen and {detected, chosen} != {"jsonl", "doccano"}:
        message = f"looks like {FORMATS[detected].title}, not {FORMATS[chosen].title}; use --from {detected}"
        raise ValueError(f"{source}: {message}")
    return chosen


def read_documents(source: str, source_format: str, options: ImportOptions, notes: Notes) -> Iterator[Document]:
    """Yield the documents of a source in the order of its files."""
    read = FORMATS[source_format].read
    if read is None:
        yield from read_dataset(source, options, notes)
        return
    suffix = ".ann" if source_format == "brat" else None
    for file in source_files(Path(source).expanduser(), suffix, notes):
        yield from read(file, options, notes)
