"""Reading of JSON files, whatever is in them."""

import json
from pathlib import Path
from typing import Any


def read_json_object(path: Path, what: str = "JSON") -> dict[str, Any]:
    """Read a file that contains one JSON object.

    Args:
        path: The file.
        what: What it should be, for the message, such as 'a grid'.

    Raises:
        OSError: The file is missing, or cannot be read now.
        ValueError: It contains anything else; with its path.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read as {what}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: cannot be read as {what}: expected a JSON object, got {str(content)[:60]!r}")
    return content
