"""What the tests under an older `datasets` compare with: `PYTHONPATH=tests python tests/legacy/prepare.py FOLDER`.

Run with this package and a recent `datasets`. FOLDER gets `repository/`, the Parquet files with their card, and
`expected.json`, the rows that the package gives. The labelled files are the official ones where CROSSNER_DATA_DIR names
them, else stand-ins in FOLDER/files.
"""

import json
import os
import sys
from pathlib import Path

from stand_in import write_stand_in

from crossner_hf.data.builder import load
from crossner_hf.hub.dataset_repository import write_dataset_repository

IN_REPOSITORY = ("music", "music_dedup", "science")
CONFIGS = (*IN_REPOSITORY, "science_dedup", "conll2003")


def prepare(folder: Path) -> None:
    official = os.environ.get("CROSSNER_DATA_DIR")
    files = Path(official) if official else write_stand_in(folder / "files")
    source = {"data_dir": str(files.resolve()), "verify": bool(official)}
    write_dataset_repository(folder / "repository", IN_REPOSITORY, **source)
    expected = {}
    for name in CONFIGS:
        splits = load(name, **source)
        labels = splits["train"].features["ner_tags"].feature.names
        expected[name] = {"labels": labels, "rows": {split: rows.to_list() for split, rows in splits.items()}}
    content = {**source, "in_repository": IN_REPOSITORY, "configs": expected}
    (folder / "expected.json").write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
