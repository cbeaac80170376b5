"""CrossNER as a loading script, for `datasets` before version 4. It needs nothing but `datasets`.

load_dataset("dataset_scripts/crossner", "music", data_dir="ner_data", trust_remote_code=True); without data_dir, the
folder that CROSSNER_DATA_DIR names is read, and without that the official files are downloaded.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import datasets

_CITATION = """@inproceedings{liu2021crossner,
  title={CrossNER: Evaluating Cross-Domain Named Entity Recognition},
  author={Liu, Zihan and Xu, Yan and Yu, Tiezheng and Dai, Wenliang and Ji, Ziwei and Cahyawijaya, Samuel and \
Madotto, Andrea and Fung, Pascale},
  booktitle={Proceedings of the AAAI Conference on Artificial Intelligence},
  volume={35}, number={15}, pages={13452--13460}, year={2021}
}"""
_HOMEPAGE = "https://github.com/zliucr/CrossNER"
_LICENSE = "MIT (the text of conll2003 is Reuters', research use only)"
_COMMIT = "2e7ba2a7798c961e3f29fbc51252c5a8d40224bf"  # HEAD since January 2021, with the corrected labels
_BASE_URL = f"https://raw.githubusercontent.com/zliucr/CrossNER/{_COMMIT}/ner_data"
_FILES = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
_VERSION = datasets.Version("1.0.0")

# Entity types in the order of their label ids: 0 is `O`, then come `B-` and `I-` of each type.
_TYPES = {
    "conll2003": "person organisation location misc",
    "politics": "country politician election person organisation location misc politicalparty event",
    "science": (
        "scientist person university organisation country location discipline enzyme protein chemicalelement "
        "chemicalcompound astronomicalobject academicjournal event theory award misc"
    ),
    "music": (
        "musicgenre song band album musicalartist musicalinstrument award event country location organisation "
        "person misc"
    ),
    "literature": "book writer award poem event magazine person location organisation country misc literarygenre",
    "ai": (
        "field task product algorithm researcher metrics programlang conference university country person "
        "organisation location misc"
    ),
}
_URLs = {domain: {split: f"{_BASE_URL}/{domain}/{file}" for split, file in _FILES.items()} for domain in _TYPES}
_SHA256 = {
    "conll2003/train.txt": "098791b165293cac55aa60ea5395b48ed441bc962c00278aa4789dce68624bf8",
    "conll2003/dev.txt": "c8869cec4f419e7b635843aae285990581bf4685b7193c81696d87e1939f0c63",
    "conll2003/test.txt": "18d9d738defc506ebc5d6748cb580245327ef5c4357b026d7d9ba7c6e55fe841",
    "politics/train.txt": "1d8be31abb58463349496fe21b13d70114cf015294a9ff9cce77af9b83e8aa84",
    "politics/dev.txt": "4f1f30eb832f4c5fe474f67ca45e875d863bddf0bbe432262d272ef13639fa8f",
    "politics/test.txt": "05cadc5e129d394f7f92b4a052cf4b6ea4c60878d32a833e500cf046c297455f",
    "science/train.txt": "8f6a26096cc7be6790b5790bf5f5b5c8928d8b73d4632e7d45dc8bffad0504ac",
    "science/dev.txt": "87ec141c7b41b3b52ec861737c4030d65c6e53954ed3d8106baca8603bbf8f24",
    "science/test.txt": "3616d59d4d2b9dbf4c1126f8d8ba47ff97886223c95f93649bfd527343e64ced",
    "music/train.txt": "3774c38e0ebbeb4b98dbfae137071e4911e8764cdb7f247599009841f68d9fb5",
    "music/dev.txt": "e256f1949df52a61a3bb60095a0f41c1060843f1014b0f3d22d8371611b72e78",
    "music/test.txt": "c66e345f959ac65593f76c6b1bd8c6d75f2a6f0bc197389b2e6700d101fd094c",
    "literature/train.txt": "0647e403a85040742c2f4041cf002146a81aa2e13adda19d0e82a8bcd493c18b",
    "literature/dev.txt": "99281a51943cf7e3c2a58b3dc45c0e5ab6d329624ebf2ba6b4801c428396162f",
    "literature/test.txt": "77267f8b3e8afe993865c64cfc605f65671f6a0ac9cba65de970f12180fed20e",
    "ai/train.txt": "484217a660f52927bd5157507c22fc103b36306364329f62f80fc8acb897b187",
    "ai/dev.txt": "b47ffda6de5901a454a873feac1bebe782e54ce7edf9deb729cab3d769212eee",
    "ai/test.txt": "7595ad386e0a98067100fe47f86811b38867a236011fee97cfaa90f778c37bcf",
}


@dataclass
class CrossNERConfig(datasets.BuilderConfig):
    """A domain, or its `_dedup` variant without the evaluation rows whose text may be seen in training.

    verify: whether the files must have their published SHA-256; False reads changed files of data_dir as they are.
    """

    version: datasets.Version = _VERSION
    verify: bool = True

    @property
    def domain(self):
        return self.name.removesuffix("_dedup")


class CrossNER(datasets.GeneratorBasedBuilder):
    """Splits `train`, `validation`, `test` with columns `id`, `tokens` and `ner_tags`."""

    BUILDER_CONFIG_CLASS = CrossNERConfig
    BUILDER_CONFIGS = [CrossNERConfig(name=f"{domain}{variant}") for variant in ("", "_dedup") for domain in _TYPES]

    def _info(self):
        return datasets.DatasetInfo(
            description=f"CrossNER, {self.config.name}: named entity recognition across domains.",
            features=datasets.Features(
                {
                    "id": datasets.Value("string"),
                    "tokens": datasets.Sequence(datasets.Value("string")),
                    "ner_tags": datasets.Sequence(datasets.ClassLabel(names=_labels(self.config.domain))),
                }
            ),
            homepage=_HOMEPAGE,
            license=_LICENSE,
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager):
        if dl_manager.is_streaming:  # its paths are URLs, of which no checksum can be computed
            dl_manager = datasets.DownloadManager()
        is_variant = self.config.name != self.config.domain
        files = {name: self._files(name, dl_manager) for name in (_TYPES if is_variant else [self.config.domain])}
        return [datasets.SplitGenerator(name=split, gen_kwargs={"files": files, "split": split}) for split in _FILES]

    def _files(self, domain, dl_manager):
        """The path of each split of a domain, checked."""
        folder = self.config.data_dir or os.environ.get("CROSSNER_DATA_DIR")
        if not folder:
            paths = dl_manager.download(_URLs[domain])
        else:
            root = Path(folder).expanduser().resolve()
            has_files = all((root / file).is_file() for file in _FILES.values())
            inside = root if has_files and not (root / domain).is_dir() else root / domain
            paths = {split: inside / file for split, file in _FILES.items()}
        for split, path in paths.items():
            if not Path(path).is_file():
                raise FileNotFoundError(f"{path}: is missing; copy it from {_HOMEPAGE}")
            if folder and not self.config.verify:
                continue
            if hashlib.sha256(Path(path).read_bytes()).hexdigest() != _SHA256[f"{domain}/{_FILES[split]}"]:
                advice = "use verify=False for a changed file" if folder else "use download_mode='force_redownload'"
                raise ValueError(f"{path}: is not the official {domain}/{_FILES[split]} (SHA-256 differs); {advice}")
        return paths

    def _generate_examples(self, files, split):
        domain = self.config.domain
        seen = set() if self.config.name == domain else _seen_texts(files, domain, split)
        for key, (tokens, tags) in enumerate(_read_conll(files[domain][split], _labels(domain))):
            if " ".join(tokens) not in seen:
                yield key, {"id": str(key), "tokens": tokens, "ner_tags": tags}


def _labels(domain):
    return ["O", *(f"{prefix}-{entity_type}" for entity_type in _TYPES[domain].split() for prefix in "BI")]


def _seen_texts(files, domain, split):
    """Texts of the domain's other splits and of the training splits of other domains; none for the training split."""
    if split == "train":
        return set()
    splits = [(domain, other) for other in _FILES if other != split]
    splits += [(other, "train") for other in _TYPES if other != domain]
    return {" ".join(tokens) for d, s in splits for tokens, _ in _read_conll(files[d][s], _labels(d))}


def _read_conll(path, labels):
    """Words and tags of each sentence of a file of `word<TAB>tag` lines with an empty line between sentences."""
    tokens, tags = [], []
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                word, _, tag = line.removesuffix("\n").partition("\t" if "\t" in line else " ")
                if not word.strip() or tag not in labels:
                    raise ValueError(f"{path}:{number}: expected 'word<TAB>tag' with a known tag, got {line[:80]!r}")
                tokens.append(word)
                tags.append(tag)
            elif tokens:
                yield tokens, tags
                tokens, tags = [], []
    if tokens:
        yield tokens, tags
