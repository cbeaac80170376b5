"""What people see: text without codes for terminals, coloured entities, tables, cells of CSV files, times in words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO
from zlib import crc32

from crossner_hf.tagger.iob2 import Span

# Foregrounds of the 256-colour table that are readable on dark and on light backgrounds.
COLOURS = (33, 70, 166, 133, 37, 172, 63, 161, 29, 136, 99, 203, 31, 64, 130, 169, 26)
COLOUR_SEED = 2_822  # of 30,000 tried, the one with which the fewest types of one CrossNER domain share a colour

# Control characters, those that turn the direction of writing around, lone surrogates.
_CODES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    r"""Show control characters but tabs and line feeds as `\u001b`, so that a terminal does not obey them.

    So are the characters that override or embed a direction of writing: text would not read as it stands.
    """
    return _CODES.sub(lambda code: f"\\u{ord(code[0]):04x}", text)


def say(*texts: object, **options: Any) -> None:
    """Print what may hold names and texts of others; takes the options of `print`."""
    print(*(plain(str(text)) for text in texts), **options)


def csv_cell(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet takes for a formula; numbers stay as they are."""
    if not isinstance(value, str) or not re.match(r"\s*[=+@-](?s:.)", value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def colour_of(entity_type: str) -> int:
    """Give the colour of a type, the same everywhere."""
    return COLOURS[crc32(f"{COLOUR_SEED}{entity_type}".encode()) % len(COLOURS)]


def mark(text: str, entity_type: str, *, colour: bool) -> str:
    """Mark an entity: in the colour of its type with the type behind it, or in brackets; the rest is `plain`."""
    text, entity_type = plain(text), plain(entity_type)
    if not colour:
        return f"[{text}|{entity_type}]"
    code = colour_of(entity_type)
    return f"\x1b[1;38;5;{code}m{text}\x1b[0m\x1b[2;38;5;{code}m {entity_type}\x1b[0m"


def marked_text(text: str, entities: Iterable[Mapping[str, Any]], *, colour: bool) -> str:
    """Mark the entities, as `predict` gives them, in a raw text."""
    parts, end = [], 0
    for entity in entities:
        parts += [plain(text[end : entity["start"]]), mark(entity["word"], entity["entity_group"], colour=colour)]
        end = entity["end"]
    return "".join([*parts, plain(text[end:])])


def marked_sentence(words: Sequence[str], spans: Iterable[Span], *, colour: bool) -> str:
    """Mark the entities in a sentence of words; one space stands between words."""
    parts, position = [], 0
    for start, end, entity_type in spans:
        parts += [*map(plain, words[position:start]), mark(" ".join(words[start:end]), entity_type, colour=colour)]
        position = end
    return " ".join([*parts, *map(plain, words[position:])])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align columns of text, the first to the left and the others to the right."""
    cells = [list(map(plain, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = []
    for name, *values in cells:
        numbers = [value.rjust(width) for value, width in zip(values, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *numbers]).rstrip())
    return "\n".join(lines)


def in_words(seconds: float) -> str:
    """Give a time as 2 h 5 min, 3 min 20 s or 12 s."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def readable_on(background: Sequence[float]) -> str:
    """Choose black or white, whichever has the higher contrast by the WCAG's relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in background[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


def check_matplotlib(what: str, otherwise: str = "") -> None:
    """Raise ImportError if matplotlib is not installed; the message says what needs it, and how to do without it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"matplotlib is not installed, which draws {what}: pip install 'crossner-hf[report]'{otherwise}"
        ) from error


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; None, which Python gives for a closed one, is none."""
    return stream is not None and stream.isatty()
