"""Files of counts that the tasks of a build leave for each other."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def read_counts(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_counts(path: Path, counts: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(counts, ensure_ascii=False) + "\n", encoding="utf-8")


def summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sum counts by name, the largest first."""
    total: Counter[str] = Counter()
    for counts in parts:
        total.update(counts)
    return {name: count for name, count in sorted(total.items(), key=lambda item: (-item[1], item[0])) if count}


def in_words(counts: Mapping[str, int]) -> str:
    """Give counts as 'heading: 12, too short: 3', or 'none'."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "none"
