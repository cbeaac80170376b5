"""What the tests under older releases of `datasets` compare with: `python tests/legacy/prepare.py FOLDER`.

Run with this package and a recent `datasets`. FOLDER gets `repository/`, the Parquet files with their card, and
`expected.json`, the rows that the package gives. The labelled files are the official ones where CROSSNER_DATA_DIR names
them, else stand-ins in FOLDER/files.
"""

import json
import os
import sys
from pathlib import Path

from crossner_hf.data.builder import load
from crossner_hf.data.conll import Sentence, write_conll
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import FILE_NAMES, SAMPLE_FOLDER
from crossner_hf.schema import SOURCE, get_domain

IN_REPOSITORY = ("music", "music_dedup", "science")
CONFIGS = (*IN_REPOSITORY, "science_dedup", "conll2003")


def write_stand_in(folder: Path) -> Path:
    """Files in the form of the six official domains, with sentences of the samples and some copies; gives the folder.

    Music has its own sample, the others have every fifth sentence of the news. Copies: the first sentence of music/dev
    stands, without entities, at the end of music/test, and that of politics/train at the end of science/test.
    """
    files = {}
    for number, name in enumerate((SOURCE.name, "politics", "science", "literature", "ai", "music")):
        sample = "sample_music" if name == "music" else "sample_news"
        for file in FILE_NAMES.values():
            path = SAMPLE_FOLDER / sample.removeprefix("sample_") / file
            sentences = list(read_sentences(get_domain(sample), path))
            files[name, file] = sentences if name == "music" else sentences[number::5]
    tokens, tags = files["music", "dev.txt"][0]
    files["music", "test.txt"].append(Sentence(tokens, ["O"] * len(tags)))
    files["science", "test.txt"].append(files["politics", "train.txt"][0])
    for (name, file), sentences in files.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        with open(folder / name / file, "w", encoding="utf-8") as opened:
            write_conll(sentences, opened)
    return folder


def prepare(folder: Path) -> None:
    from crossner_hf.hub.dataset_repository import write_dataset_repository

    official = os.environ.get("CROSSNER_DATA_DIR")
    files = Path(official) if official else write_stand_in(folder / "files")
    source = {"data_dir": str(files.resolve()), "verify": bool(official)}
    write_dataset_repository(folder / "repository", IN_REPOSITORY, **source)
    expected = {}
    for name in CONFIGS:
        splits = load(name, **source)
        labels = splits["train"].features["ner_tags"].feature.names
        expected[name] = {"labels": labels, "rows": {split: rows.to_list() for split, rows in splits.items()}}
    described = {**source, "in_repository": IN_REPOSITORY, "configs": expected}
    (folder / "expected.json").write_text(json.dumps(described), encoding="utf-8")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
