"""Makes README.md the home page of the site; links to files outside docs/ become plain text there."""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Called by mkdocs with the text of each page."""
    if page.file.src_uri != "index.md":
        return markdown
    text = README.read_text(encoding="utf-8").replace("](docs/", "](")
    return re.sub(r"\[([^\]]+)\]\((?!http)[\w./-]*(?<!\.md)\)|\[([^\]]+)\]\([A-Z]+\.md\)", r"`\1\2`", text)
