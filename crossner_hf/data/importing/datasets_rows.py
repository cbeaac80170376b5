"""Data sets of the library `datasets`: of the Hub, saved by `save_to_disk`, or files that it reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossner_hf.data.importing.documents import Document, ImportOptions, Notes
from crossner_hf.data.importing.json_rows import row_document
from crossner_hf.data.importing.source_files import split_of

LOADERS = {".parquet": "parquet", ".csv": "csv", ".arrow": "arrow"}
SAVED = ("dataset_dict.json", "state.json")  # what `save_to_disk` writes


def read_dataset(source: str, options: ImportOptions, notes: Notes) -> Iterator[Document]:
    """Yield a document for each row; columns are named as the keys of JSON lines.

    Raises:
        ValueError: If there is no such data set, or if its rows lack the columns.
    """
    loaded = _load(source, options.config)
    splits = loaded if isinstance(loaded, dict) else {None: loaded}
    for name, rows in splits.items():
        split = split_of([name]) if name else None
        if name and split is None:
            notes.add("splits that are neither train, dev nor test, left out", name)
            continue
        tag_names = _class_names(rows.features)
        for number, row in enumerate(rows, start=1):
            where = f"{source}{f', {name}' if name else ''}, row {number}"
            for column, names in tag_names.items():
                row[column] = [None if tag is None or tag < 0 else names[tag] for tag in row[column] or ()]
            yield row_document({key: _records(value) for key, value in row.items()}, where, split, options, notes)


def _load(source: str, config: str | None) -> Any:
    import datasets

    path = Path(source).expanduser()
    try:
        if any((path / name).is_file() for name in SAVED):
            return datasets.load_from_disk(str(path))
        if path.is_file():
            loader = LOADERS.get(path.suffix, "json")
            return datasets.load_dataset(loader, data_files=str(path), split="train")
        return datasets.load_dataset(source, config)
    except (
        datasets.exceptions.DatasetsError,
        FileNotFoundError,
        ConnectionError,
        RuntimeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        what = "" if path.exists() else "is no file or folder, and "
        raise ValueError(
            f"{source}: {what}cannot be loaded as a data set (--config names a configuration): {reason}"
        ) from None


def _class_names(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the labels of each column that lists ClassLabels."""
    inner = {name: getattr(feature, "feature", None) for name, feature in features.items()}
    return {name: names for name, kind in inner.items() if (names := getattr(kind, "names", None))}


def _records(value: Any) -> Any:
    """A list of objects, where older releases of `datasets` give an object of lists."""
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        return [dict(zip(value, items, strict=True)) for items in zip(*value.values(), strict=True)]
    return value
