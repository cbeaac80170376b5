"""Published sizes of CrossNER's unlabelled corpora, and the overlap of their vocabularies, with the source of each."""

from collections.abc import Mapping

# The authors offer the files for download; sizes as listed for copies of the music corpora on the Hub
# (seungheondoh/crossner_music_unlabeled, silviacamplani/CrossNER_music_dataset_unlabeled).
MUSIC_MEGABYTES: Mapping[str, float] = {"domain": 826, "entity": 488, "task": 134, "integrated": 755}

# Percent, symmetric: the paper's figure of overlaps (github.com/zliucr/CrossNER, imgs/domainoverlaps.png).
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
