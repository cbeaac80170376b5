"""What people see: sentences with coloured entities, tables of text, and times in words."""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from crossner_hf.tagger.iob2 import Span

# Foregrounds of the 256-colour table that read on dark and on light backgrounds alike.
COLOURS = (33, 70, 166, 133, 37, 172, 63, 161, 29, 136, 99, 203, 31, 64, 130, 169, 26)
COLOUR_SEED = 2_822  # of 30,000 tried, the one under which the fewest types of one CrossNER domain share a colour


def colour_of(entity_type: str) -> int:
    """A type has the same colour everywhere."""
    return COLOURS[crc32(f"{COLOUR_SEED}{entity_type}".encode()) % len(COLOURS)]


def mark(text: str, entity_type: str, *, colour: bool) -> str:
    """An entity as it is shown: in its type's colour with the type behind it, or in brackets."""
    if not colour:
        return f"[{text}|{entity_type}]"
    code = colour_of(entity_type)
    return f"\x1b[1;38;5;{code}m{text}\x1b[0m\x1b[2;38;5;{code}m {entity_type}\x1b[0m"


def marked_text(text: str, entities: Sequence[Mapping[str, Any]], *, colour: bool) -> str:
    """A raw text with its entities (as `predict` gives them) marked."""
    parts, position = [], 0
    for entity in entities:
        parts.append(text[position : entity["start"]])
        parts.append(mark(text[entity["start"] : entity["end"]], entity["entity_group"], colour=colour))
        position = entity["end"]
    return "".join([*parts, text[position:]])


def marked_sentence(tokens: Sequence[str], found: Sequence[Span], *, colour: bool) -> str:
    """A sentence of words, one space between them, with its entities marked."""
    parts, position = [], 0
    for start, end, entity_type in found:
        parts += [*tokens[position:start], mark(" ".join(tokens[start:end]), entity_type, colour=colour)]
        position = end
    return " ".join([*parts, *tokens[position:]])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text: the first to the left, the others to the right."""
    widths = [max(len(str(row[i])) for row in (header, *rows)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows)])


def in_words(seconds: float) -> str:
    """2 h 5 min, 3 min 20 s or 12 s."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def readable_on(background: Sequence[float]) -> str:
    """Black or white, whichever has the higher contrast by the WCAG's relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in background[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


def check_matplotlib(what: str, otherwise: str = "") -> None:
    """Raises ImportError where matplotlib is not installed. what: needs it; otherwise: how to do without it"""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"matplotlib is not installed, which draws {what}: pip install 'crossner-hf[report]'{otherwise}"
        ) from error
