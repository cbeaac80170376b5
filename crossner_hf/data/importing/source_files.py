"""The files of a source, and the split that their names say."""

import re
from collections.abc import Iterable
from pathlib import Path

from crossner_hf.data.importing.documents import Notes, SourceFile

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    **dict.fromkeys(("dev", "devel", "development", "valid", "validation", "val", "testa"), "validation"),
    **dict.fromkeys(("test", "testb", "testing"), "test"),
}


def split_of(parts: Iterable[str]) -> str | None:
    """Give the split that a word of a name says: 'ner.train.tsv' and 'train/1.ann' are of train."""
    words = (word for part in parts for word in re.split(r"[^a-z]+", part.lower()))
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def source_files(source: Path, suffix: str | None = None, notes: Notes | None = None) -> list[SourceFile]:
    """List the files of a source, in the order of their names; of a folder, those below it that are not hidden.

    Args:
        source: A file or a folder.
        suffix: The ending of the files to take from a folder; by default the most frequent one.
        notes: Where files with other endings are counted.

    Raises:
        FileNotFoundError: There is no file.
        ValueError: Some names say a split and others do not.
    """
    if not source.is_dir():
        return [SourceFile(source, None)]
    inside = [path for path in sorted(source.rglob("*")) if path.is_file()]
    paths = [p for p in inside if not any(part.startswith(".") for part in p.relative_to(source).parts)]
    if suffix is None:
        endings = [path.suffix for path in paths if path.suffix not in (".md", ".conf", ".html")]
        suffix = max(sorted(set(endings)), key=endings.count, default="")
    if notes is not None:
        read = {path.with_suffix("") for path in paths if path.suffix == suffix}  # of brat's, the text lies beside
        for path in (path for path in paths if path.suffix != suffix and path.with_suffix("") not in read):
            notes.add(f"files that do not end in {suffix}, left out", str(path))
    files = [SourceFile(path, split_of(path.relative_to(source).parts)) for path in paths if path.suffix == suffix]
    if not files:
        raise FileNotFoundError(f"{source}: has no file of annotations")
    without = [file.path.name for file in files if file.split is None]
    if 0 < len(without) < len(files):
        raise ValueError(f"{source}: the names of some files say train, dev or test, but not {', '.join(without[:3])}")
    return files
