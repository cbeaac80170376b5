"""Reading of JSON files, whatever is in them."""

import json
from pathlib import Path
from typing import Any


def read_json_object(path: Path, what: str = "JSON") -> dict[str, Any]:
    """Read a file that contains one JSON object; ValueError with path, and `what` it should be, for any other."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read as {what}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: cannot be read as {what}: expected a JSON object, got {str(content)[:60]!r}")
    return content
