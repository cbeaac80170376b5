"""The official files: where they are published, their sizes and checksums, and where they are on this machine."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from crossner_hf.schema import BUILT_IN, SAMPLES, Domain

REPOSITORY = "https://github.com/zliucr/CrossNER"
COMMIT = "2e7ba2a7798c961e3f29fbc51252c5a8d40224bf"  # HEAD since January 2021, with the corrected labels
BASE_URL = f"https://raw.githubusercontent.com/zliucr/CrossNER/{COMMIT}/ner_data"
DATA_DIR_VARIABLE = "CROSSNER_DATA_DIR"
FILE_NAMES: Mapping[str, str] = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
SAMPLE_FOLDER = Path(__file__).parent / "sample"


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


def is_official(domain: Domain) -> bool:
    """Whether the domain's files are the published ones, which have known checksums."""
    return domain.name in BUILT_IN and domain.name not in SAMPLES and domain.folder is None


def official_name(domain: Domain) -> str:
    """The folder name of an official domain: 'music' also for 'music_dedup'."""
    return domain.name.removesuffix("_dedup")


def domain_folder(domain: Domain, data_dir: str | Path | None) -> Path:
    """The folder where a domain's three files should be.

    For an official domain: `<root>/<domain>`, where root is `data_dir`, else the environment variable
    CROSSNER_DATA_DIR, else the download cache; or `root` itself if it has the three files.
    """
    if domain.name in SAMPLES:
        return SAMPLE_FOLDER / domain.name.removeprefix("sample_")
    if domain.folder is not None:
        return domain.folder
    root = data_root(data_dir)
    name = official_name(domain)
    if not (root / name).is_dir() and all((root / file).is_file() for file in FILE_NAMES.values()):
        return root
    return root / name


def data_root(data_dir: str | Path | None) -> Path:
    """`data_dir`, else CROSSNER_DATA_DIR, else the download cache. Raises FileNotFoundError for a missing folder."""
    chosen = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not chosen:
        return download_cache()
    root = Path(chosen).expanduser().resolve()
    if not root.is_dir():
        name = "data_dir" if data_dir else DATA_DIR_VARIABLE
        raise FileNotFoundError(f"{name}={chosen}: no such folder; it should contain music/train.txt and so on")
    return root


def download_cache() -> Path:
    """Where downloaded files are kept: `crossner/<commit>` under HF_HOME (by default ~/.cache/huggingface)."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "crossner" / COMMIT


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, expected: SourceFile) -> str | None:
    """Describe what is wrong with a file that should be an official one; None if nothing is."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != expected.size:
        return f"has {size:,} bytes, the official file {expected.size:,}"
    if sha256_of(path) != expected.sha256:
        return "has the official size but other content (its SHA-256 differs)"
    return None
