"""The four levels of a corpus (Liu et al., 2021, section 3): which sentences of the domain level are in the others.

The paper states no thresholds. The defaults give music, from Simple English Wikipedia and the gazetteer of
docs/corpora.md, the sizes that the authors' corpora have in bytes: 59 %, 16 % and 91 % of the domain level.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVELS = ("domain", "entity", "task", "integrated")
TASK_COPIES = 2  # in the integrated level: 488 MB (entity) + 2 × 134 MB (task) = 755 MB (integrated), for music

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class LevelRules:
    """Which sentences are in the entity level and in the task level; names are those that the gazetteer matches."""

    entity_count: int = field(default=1, metadata={"help": "entity level: sentences with at least this many names"})
    entity_density: float = field(default=0.036, metadata={"help": "and at least this many names for each word"})
    task_count: int = field(
        default=2,
        metadata={"help": "task level: sentences with at least this many names of types special to the domain"},
    )
    task_density: float = field(default=0.09, metadata={"help": "and at least this many such names for each word"})

    def __post_init__(self) -> None:
        for level in ("entity", "task"):
            count, density = getattr(self, f"{level}_count"), getattr(self, f"{level}_density")
            if count < 1:
                raise ValueError(f"{level}_count must be at least 1, got {count}")
            if not 0 <= density <= 1:
                raise ValueError(f"{level}_density must lie between 0 and 1 names for each word, got {density}")


class Members(NamedTuple):
    """For each sentence of the domain level, whether it is in the entity level and whether it is in the task level."""

    entity: Flags
    task: Flags


def members(sentence: NDArray[np.integer], is_special: Flags, words: NDArray[np.integer], rules: LevelRules) -> Members:
    """Decide the levels of sentences: flags of shape (sentences,).

    For each matched name, (names,): the number of its sentence, and whether its type is special to the domain. For each
    sentence: its number of words.
    """
    names = np.bincount(sentence, minlength=len(words))
    special = np.bincount(sentence[is_special], minlength=len(words))
    return Members(
        (names >= rules.entity_count) & (names >= rules.entity_density * words),
        (special >= rules.task_count) & (special >= rules.task_density * words),
    )
