"""Published sizes of CrossNER's unlabelled corpora, and the overlap of their vocabularies, with the source of each."""

from collections.abc import Mapping
from typing import NamedTuple

STATISTICS = "the paper's table of statistics (github.com/zliucr/CrossNER, imgs/datastatistics.png)"
OVERLAPS = "the paper's figure of overlaps (github.com/zliucr/CrossNER, imgs/domainoverlaps.png)"
# The authors offer the files for download; sizes as listed for copies of the music corpora on the Hub
# (seungheondoh/crossner_music_unlabeled, silviacamplani/CrossNER_music_dataset_unlabeled).
MUSIC_MEGABYTES: Mapping[str, float] = {"domain": 826, "entity": 488, "task": 134, "integrated": 755}


class DomainLevelSize(NamedTuple):
    """Size of a domain level, as printed; see STATISTICS."""

    paragraphs: float
    sentences: float
    tokens: float


DOMAIN_LEVELS: Mapping[str, DomainLevelSize] = {
    "politics": DomainLevelSize(2.76e6, 9.07e6, 176.56e6),
    "science": DomainLevelSize(1.72e6, 5.32e6, 98.50e6),
    "music": DomainLevelSize(3.49e6, 9.82e6, 194.62e6),
    "literature": DomainLevelSize(2.69e6, 9.17e6, 177.33e6),
    "ai": DomainLevelSize(97.04e3, 287.62e3, 5.20e6),
}

# Percent; see OVERLAPS. Symmetric.
OVERLAP_DOMAINS = ("politics", "science", "music", "literature", "ai")
OVERLAP: tuple[tuple[float, ...], ...] = (
    (100.0, 28.8, 27.2, 31.6, 24.9),
    (28.8, 100.0, 25.1, 28.9, 28.0),
    (27.2, 25.1, 100.0, 30.2, 22.1),
    (31.6, 28.9, 30.2, 100.0, 24.8),
    (24.9, 28.0, 22.1, 24.8, 100.0),
)


def published_ratio(domain: str, level: str) -> float | None:
    """Bytes of a level to those of the domain level; only those of music are known."""
    return MUSIC_MEGABYTES[level] / MUSIC_MEGABYTES["domain"] if domain == "music" else None
