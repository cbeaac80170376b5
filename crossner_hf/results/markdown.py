"""Text and tables as Markdown, in which no character of a name or number is read as markup."""

import html
import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Text on one line in which nothing is read as Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> str:
    """A table of plain cells; the first `names` columns are aligned left, the others, numbers, right."""
    ruler = ["---" if column < names else "---:" for column in range(len(header))]
    lines = [map(plain, header), ruler, *(map(plain, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
