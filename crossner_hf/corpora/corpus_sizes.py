"""Sizes of corpora as tables: of one that was built, and of the files that CrossNER's authors offer."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from crossner_hf.corpora.levels import LEVELS
from crossner_hf.data.lines import unpacked
from crossner_hf.display import table
from crossner_hf.results.published_corpora import published_ratio
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.text_records import CorpusLevel, CorpusRecord

# As the authors name their files: music_domainlevel.txt, music_integrated.txt.
AUTHORS_FILE = re.compile(rf"(?P<domain>[A-Za-z]+)_(?P<level>{'|'.join(LEVELS)})(?:_?level)?\.txt(?:\.gz)?")

Sizes = Mapping[str, Mapping[str, CorpusLevel]]  # domain to level to size


def read_corpus(folder: str | Path) -> CorpusRecord:
    """Read the manifest of a corpus. Raises ValueError if the folder holds none."""
    path = Path(folder).expanduser() / RECORD_FILE
    if not path.is_file():
        raise ValueError(f"{folder}: holds no corpus ({RECORD_FILE}); crossner-hf corpus build makes one")
    return read_record(path, CorpusRecord)


def sizes_of(folder: str | Path) -> Sizes:
    """Give the sizes of a corpus that was built, or count those of the authors' files; ValueError if it is neither."""
    folder = Path(folder).expanduser()
    if (folder / RECORD_FILE).is_file():
        return {name: domain.levels for name, domain in read_corpus(folder).domains.items()}
    files = {(match["domain"], match["level"]): path for path, match in _authors_files(folder)}
    if not files:
        raise ValueError(
            f"{folder}: holds neither a corpus of `crossner-hf corpus build` ({RECORD_FILE}) nor the authors' files, "
            "such as music_domainlevel.txt"
        )
    sizes: dict[str, dict[str, CorpusLevel]] = {}
    for domain, level in sorted(files, key=lambda names: (names[0], LEVELS.index(names[1]))):
        size = _count(files[domain, level])
        whole = sizes.get(domain, {}).get("domain", size)
        ratio = size.bytes / whole.bytes if whole.bytes else 0.0
        sizes.setdefault(domain, {})[level] = size.model_copy(update={"ratio": ratio})
    return sizes


def sizes_table(sizes: Sizes) -> str:
    """Sizes with ratios to the domain level, beside the published ones and the share of gold mentions where known."""
    columns: dict[str, list[str]] = {}
    for domain, levels in sizes.items():
        for level, size in levels.items():
            published = published_ratio(domain, level)
            cells = {
                "level": f"{domain} {level}",
                "documents": f"{size.documents:,}",
                "sentences": f"{size.sentences:,}",
                "words": f"{size.words:,}",
                "names": f"{size.names:,}",
                "MB": f"{size.bytes / 1e6:,.1f}",
                "to domain level": f"{size.ratio:.1%}" if "domain" in levels else "?",
                "published": "" if published is None else f"{published:.1%}",
                "gold mentions": "" if size.covered is None else f"{size.covered:.1%}",
            }
            for name, cell in cells.items():
                columns.setdefault(name, []).append(cell)
    filled = {name: cells for name, cells in columns.items() if any(cells)}
    return table(list(filled), zip(*filled.values(), strict=True))


def _authors_files(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := AUTHORS_FILE.fullmatch(path.name):
            yield path, match


def _count(path: Path) -> CorpusLevel:
    """Count a text file with one sentence or paragraph on each line."""
    sentences = words = size = 0
    with unpacked(path) as file:
        for line in file:
            size += len(line)
            in_line = len(line.split())
            sentences += bool(in_line)
            words += in_line
    return CorpusLevel(documents=0, sentences=sentences, words=words, bytes=size, names=0, ratio=1.0, sha256={})
