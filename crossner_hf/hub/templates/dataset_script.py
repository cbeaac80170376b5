# What dataset_scripts/crossner/crossner.py holds of its own. hub/render_script.py puts definitions in the place of the
# imports from crossner_hf, with all that they need; names that are defined here stand in for the package's.
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import datasets

from crossner_hf.data.builder import CITATION, VERSION  # noqa: F401 (what _info names)
from crossner_hf.data.builder import CrossNER as Packaged
from crossner_hf.data.conll import read_conll
from crossner_hf.data.deduplicate import seen_texts, text
from crossner_hf.data.sources import BASE_URL, DATA_DIR_VARIABLE, FILE_NAMES, FILES, REPOSITORY, check_file

ENTITY_TYPES = {}  # rendered from the schema


class Domain(NamedTuple):
    """A configuration's name and its labels in the order of their ids."""

    name: str
    labels: tuple

    @property
    def label2id(self):
        return {label: i for i, label in enumerate(self.labels)}


OFFICIAL = {
    name: Domain(name, ("O", *(f"{p}-{t}" for t in types.split() for p in "BI")))
    for name, types in ENTITY_TYPES.items()
}
DEDUPLICATED = {f"{name}_dedup": Domain(f"{name}_dedup", domain.labels) for name, domain in OFFICIAL.items()}
BUILT_IN = {**OFFICIAL, **DEDUPLICATED}


@dataclass
class CrossNERConfig(datasets.BuilderConfig):
    """verify: hold files to their published sizes and checksums; False takes a changed file of data_dir as it is."""

    version: datasets.Version = VERSION
    verify: bool = True

    @property
    def domain(self):
        return BUILT_IN[self.name]


class CrossNER(datasets.GeneratorBasedBuilder):
    """Splits `train`, `validation`, `test` with columns `id`, `tokens` and `ner_tags` (ClassLabel).

    Files are read from `data_dir` (with music/train.txt and so on), else from the folder that CROSSNER_DATA_DIR names,
    else downloaded.
    """

    BUILDER_CONFIG_CLASS = CrossNERConfig
    BUILDER_CONFIGS = [CrossNERConfig(name=name) for name in BUILT_IN]

    _info = Packaged._info

    def _split_generators(self, dl_manager):
        if dl_manager.is_streaming:  # whose manager hands out URLs, and no checksum can be taken of those
            dl_manager = datasets.DownloadManager()
        names = OFFICIAL if self.config.name in DEDUPLICATED else [self.config.name]
        files = {name: self._files(name, dl_manager) for name in names}
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"files": files, "split": split}) for split in FILE_NAMES
        ]

    def _files(self, name, dl_manager):
        """The file of each split of an official domain, checked."""
        root = self.config.data_dir or os.environ.get(DATA_DIR_VARIABLE)
        urls = {split: f"{BASE_URL}/{name}/{file}" for split, file in FILE_NAMES.items()}
        if root:
            root = Path(root).expanduser().resolve()
            itself = not (root / name).is_dir() and all((root / file).is_file() for file in FILE_NAMES.values())
            paths = {split: (root if itself else root / name) / file for split, file in FILE_NAMES.items()}
        else:
            paths = {split: Path(path) for split, path in dl_manager.download(urls).items()}
        for split, path in paths.items():
            changed = root and path.is_file() and not self.config.verify
            wrong = None if changed else check_file(path, FILES[f"{name}/{FILE_NAMES[split]}"])
            if wrong and root:
                raise ValueError(f"{path}: {wrong}; take it from {REPOSITORY}, or use verify=False for a changed one")
            if wrong:
                raise ValueError(f"{urls[split]}: {wrong}; try again with download_mode='force_redownload'")
        return paths

    def _generate_examples(self, files, split):
        domain = self.config.domain
        seen = seen_texts(domain, split, lambda other: files[other.name]) if domain.name in DEDUPLICATED else set()
        path = files[domain.name.removesuffix("_dedup")][split]
        for key, (tokens, tags) in enumerate(read_conll(path, domain.label2id)):
            if text(tokens) not in seen:
                yield key, {"id": str(key), "tokens": tokens, "ner_tags": tags}
