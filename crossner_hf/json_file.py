"""Reading of JSON files, whatever is in them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any


def parse_json(text: str) -> Any:
    """Parse JSON; ValueError also for a key that stands twice in one object, of whose values only one could be kept."""
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {key[:60]!r} stands twice in one object")
    return content


def read_json_object(path: Path, what: str = "JSON") -> dict[str, Any]:
    """Read a file that contains one JSON object; ValueError with path, and `what` it should be, for any other."""
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read as {what}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: cannot be read as {what}: expected a JSON object, got {str(content)[:60]!r}")
    return content
