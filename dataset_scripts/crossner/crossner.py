"""CrossNER in one file, which `datasets` before 4 runs as a script.

load_dataset("dataset_scripts/crossner", "music", data_dir="ner_data", trust_remote_code=True); with no data_dir the
official files are downloaded. Rendered from crossner_hf by `python -m crossner_hf.hub.render_script`; not to be edited.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import datasets

CITATION = """@inproceedings{liu2021crossner,
  title={CrossNER: Evaluating Cross-Domain Named Entity Recognition},
  author={Liu, Zihan and Xu, Yan and Yu, Tiezheng and Dai, Wenliang and Ji, Ziwei and Cahyawijaya, Samuel and \
Madotto, Andrea and Fung, Pascale},
  booktitle={Proceedings of the AAAI Conference on Artificial Intelligence},
  volume={35}, number={15}, pages={13452--13460}, year={2021}
}"""
VERSION = datasets.Version("1.0.0")


class Sentence(NamedTuple):
    """Words and one IOB2 tag for each of them."""

    tokens: list[str]
    tags: list[str]


def numbered_lines(path: Path, name: str | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file without their line feed, numbered from 1; errors call the file `name`.

    Raises ValueError with path:line for bytes that are not UTF-8, a byte-order mark, a NUL or a carriage return.
    """
    name = name or str(path)
    with open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raise ValueError(f"{name}:1: starts with a byte-order mark; save the file as UTF-8 without BOM")
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{name}:{number}: not UTF-8 at byte {error.start} of the line {raw[:40]!r}") from None
            if "\x00" in line:
                raise ValueError(f"{name}:{number}: holds a NUL character; is this a text file?")
            if "\r" in line:
                raise ValueError(f"{name}:{number}: Windows line end (CR); convert the file, e.g. with dos2unix")
            yield number, line.removesuffix("\n")


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix and type: 'B-album' gives ('B', 'album'), 'O' gives ('O', '')."""
    prefix, _, entity_type = tag.partition("-")
    return prefix, entity_type


def may_follow(previous: str | None, tag: str) -> bool:
    """Whether IOB2 lets `tag` stand after `previous` (None: at the start of a sentence)."""
    prefix, entity_type = split_tag(tag)
    if prefix != "I":
        return True
    return previous is not None and split_tag(previous) in (("B", entity_type), ("I", entity_type))


def _near(tag: str, tags: Collection[str]) -> str:
    return ", ".join(difflib.get_close_matches(tag, sorted(tags), n=3) or sorted(tags)[:3])


def read_conll(path: str | Path, tags: Collection[str]) -> Iterator[Sentence]:
    """Yield the sentences of a file of `token<TAB>tag` lines with an empty line between sentences.

    One space in place of the tab is understood too. The last sentence counts even where no empty line follows it,
    as in the three CoNLL-2003 files. `tags` are the tags that may occur. Raises ValueError with path:line where a
    line has not two columns, a tag is not among `tags` or breaks IOB2, and where the file holds no sentence.
    """
    path = Path(path)
    sentence = Sentence([], [])
    number = 0
    found = False
    for number, line in numbered_lines(path):
        if not line.strip():
            if sentence.tokens:
                yield sentence
                found, sentence = True, Sentence([], [])
            continue
        columns = line.split("\t" if "\t" in line else " ")
        if len(columns) != 2 or not columns[0].strip():
            raise ValueError(f"{path}:{number}: expected 'token<TAB>tag', got {line[:80]!r}")
        token, tag = columns
        if tag not in tags:
            raise ValueError(f"{path}:{number}: expected one of {len(tags)} tags ({_near(tag, tags)}, …), got {tag!r}")
        if not may_follow(sentence.tags[-1] if sentence.tags else None, tag):
            wanted = "B" + tag[1:]
            raise ValueError(f"{path}:{number}: {tag!r} continues no entity of its type; IOB2 wants {wanted!r} here")
        sentence.tokens.append(token)
        sentence.tags.append(tag)
    if sentence.tokens:
        yield sentence
    elif not found:
        raise ValueError(f"{path}:{max(number, 1)}: holds no sentence; expected 'token<TAB>tag' lines")


SPLITS = ("train", "validation", "test")


def text(tokens: Sequence[str]) -> str:
    """The sentence's words joined by one space: what counts as the same text."""
    return " ".join(tokens)


def seen_texts(domain: Domain, split: str, files_of: Callable[[Domain], dict[str, Path]]) -> set[str]:
    """The texts that may not stand in this split of a `_dedup` domain; none for the training split.

    files_of: gives the three files of a domain; all six official domains are read.
    """
    if split == "train":
        return set()
    seen: set[str] = set()
    for other in (BUILT_IN[name.removesuffix("_dedup")] for name in DEDUPLICATED):
        same = f"{other.name}_dedup" == domain.name
        for other_split in (s for s in SPLITS if s != split) if same else ("train",):
            seen.update(text(s.tokens) for s in read_conll(files_of(other)[other_split], other.label2id))
    return seen


COMMIT = "2e7ba2a7798c961e3f29fbc51252c5a8d40224bf"  # HEAD since January 2021, with the corrected labels
BASE_URL = f"https://raw.githubusercontent.com/zliucr/CrossNER/{COMMIT}/ner_data"
DATA_DIR_VARIABLE = "CROSSNER_DATA_DIR"
FILE_NAMES: Mapping[str, str] = dict(zip(SPLITS, ("train.txt", "dev.txt", "test.txt")))


class SourceFile(NamedTuple):
    """What an official file must be: its size in bytes and its SHA-256."""

    size: int
    sha256: str


FILES: Mapping[str, SourceFile] = {
    "conll2003/train.txt": SourceFile(1_821_749, "098791b165293cac55aa60ea5395b48ed441bc962c00278aa4789dce68624bf8"),
    "conll2003/dev.txt": SourceFile(456_172, "c8869cec4f419e7b635843aae285990581bf4685b7193c81696d87e1939f0c63"),
    "conll2003/test.txt": SourceFile(416_873, "18d9d738defc506ebc5d6748cb580245327ef5c4357b026d7d9ba7c6e55fe841"),
    "politics/train.txt": SourceFile(97_283, "1d8be31abb58463349496fe21b13d70114cf015294a9ff9cce77af9b83e8aa84"),
    "politics/dev.txt": SourceFile(300_968, "4f1f30eb832f4c5fe474f67ca45e875d863bddf0bbe432262d272ef13639fa8f"),
    "politics/test.txt": SourceFile(325_917, "05cadc5e129d394f7f92b4a052cf4b6ea4c60878d32a833e500cf046c297455f"),
    "science/train.txt": SourceFile(78_701, "8f6a26096cc7be6790b5790bf5f5b5c8928d8b73d4632e7d45dc8bffad0504ac"),
    "science/dev.txt": SourceFile(186_031, "87ec141c7b41b3b52ec861737c4030d65c6e53954ed3d8106baca8603bbf8f24"),
    "science/test.txt": SourceFile(220_459, "3616d59d4d2b9dbf4c1126f8d8ba47ff97886223c95f93649bfd527343e64ced"),
    "music/train.txt": SourceFile(40_997, "3774c38e0ebbeb4b98dbfae137071e4911e8764cdb7f247599009841f68d9fb5"),
    "music/dev.txt": SourceFile(164_737, "e256f1949df52a61a3bb60095a0f41c1060843f1014b0f3d22d8371611b72e78"),
    "music/test.txt": SourceFile(208_331, "c66e345f959ac65593f76c6b1bd8c6d75f2a6f0bc197389b2e6700d101fd094c"),
    "literature/train.txt": SourceFile(36_623, "0647e403a85040742c2f4041cf002146a81aa2e13adda19d0e82a8bcd493c18b"),
    "literature/dev.txt": SourceFile(142_501, "99281a51943cf7e3c2a58b3dc45c0e5ab6d329624ebf2ba6b4801c428396162f"),
    "literature/test.txt": SourceFile(155_256, "77267f8b3e8afe993865c64cfc605f65671f6a0ac9cba65de970f12180fed20e"),
    "ai/train.txt": SourceFile(40_202, "484217a660f52927bd5157507c22fc103b36306364329f62f80fc8acb897b187"),
    "ai/dev.txt": SourceFile(114_516, "b47ffda6de5901a454a873feac1bebe782e54ce7edf9deb729cab3d769212eee"),
    "ai/test.txt": SourceFile(134_455, "7595ad386e0a98067100fe47f86811b38867a236011fee97cfaa90f778c37bcf"),
}
REPOSITORY = "https://github.com/zliucr/CrossNER"


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while some := file.read(1 << 20):  # a corpus may be larger than memory
            digest.update(some)
    return digest.hexdigest()


def check_file(path: Path, expected: SourceFile) -> str | None:
    """What is wrong with a file that should be an official one, in words; None if nothing is."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != expected.size:
        return f"has {size:,} bytes, the official file {expected.size:,}"
    if sha256_of(path) != expected.sha256:
        return "has the official size but other content (its SHA-256 differs)"
    return None


ENTITY_TYPES = {
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

    def _info(self) -> datasets.DatasetInfo:
        sequence = getattr(datasets, "List", None) or datasets.Sequence  # List: datasets >= 4
        labels = datasets.ClassLabel(names=list(self.config.domain.labels))
        return datasets.DatasetInfo(
            description=f"CrossNER, {self.config.name}: named entity recognition across domains.",
            features=datasets.Features(
                {
                    "id": datasets.Value("string"),
                    "tokens": sequence(datasets.Value("string")),
                    "ner_tags": sequence(labels),
                }
            ),
            homepage=REPOSITORY,
            license="MIT (the text of conll2003 is Reuters', research use only)",
            citation=CITATION,
        )

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
