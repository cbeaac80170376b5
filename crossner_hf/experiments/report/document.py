"""A report as sections of text, tables and figures, and its form as Markdown. page.py makes HTML of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crossner_hf.display import marked_sentence
from crossner_hf.results.markdown import plain
from crossner_hf.tagger.iob2 import Span


class Best(str):
    """A cell in bold."""


class Shaded(str):
    """A cell of a heat map; `share` of 0 to 1 is how dark it is."""

    share: float

    def __new__(cls, text: str, share: float) -> "Shaded":
        cell = super().__new__(cls, text)
        cell.share = share
        return cell


@dataclass
class Table:
    """Rows of cells; the first `names` columns hold names, the others numbers.

    rules: numbers of rows that a thin rule goes before
    heat:  whether it is a heat map
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    names: int = 1
    rules: Sequence[int] = ()
    heat: bool = False


@dataclass
class Figure:
    """A plot as SVG. alt: what it shows, for those who cannot see it."""

    name: str
    svg: str
    caption: str
    alt: str


@dataclass
class Marked:
    """A sentence with entities, once for each of `lines`: whose, spans, and which of them are right (None: gold)."""

    title: str
    tokens: Sequence[str]
    lines: Sequence[tuple[str, Sequence[Span], frozenset[Span] | None]]


@dataclass
class Section:
    title: str
    parts: list["str | Table | Figure | Marked | Section"] = field(default_factory=list)


@dataclass
class Document:
    title: str
    summary: str
    sections: list[Section]

    def numbered(self) -> Iterable[tuple[str, Table | Figure]]:
        """Tables and figures with their numbers ('Table 1'), in order."""
        counts = {Table: 0, Figure: 0}
        for part in _walk(self.sections):
            if isinstance(part, (Table, Figure)):
                counts[type(part)] += 1
                yield f"{type(part).__name__} {counts[type(part)]}", part


def _walk(parts: Iterable) -> Iterable:
    for part in parts:
        yield part
        if isinstance(part, Section):
            yield from _walk(part.parts)


def markdown(document: Document) -> str:
    """The document as Markdown; figures are linked as figures/NAME.svg."""
    numbers = {id(part): number for number, part in document.numbered()}
    blocks = [f"# {plain(document.title)}", plain(document.summary)]
    for section in document.sections:
        blocks += _section(section, numbers, 2)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _section(section: Section, numbers: dict[int, str], level: int) -> list[str]:
    blocks = [f"{'#' * level} {plain(section.title)}"]
    for part in section.parts:
        if isinstance(part, str):
            blocks.append(plain(part))
        elif isinstance(part, Section):
            blocks += _section(part, numbers, level + 1)
        elif isinstance(part, Table):
            blocks += [f"**{numbers[id(part)]}.** {plain(part.caption)}", _table(part), plain(part.note)]
        elif isinstance(part, Figure):
            blocks += [f"![{plain(part.alt)}](figures/{part.name}.svg)"]
            blocks += [f"**{numbers[id(part)]}.** {plain(part.caption)}"]
        else:
            blocks += [f"**{plain(part.title)}**", _sentence(part)]
    return blocks


def _table(table: Table) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    def cell(text: str) -> str:
        return f"**{plain(text)}**" if isinstance(text, Best) and text else plain(text)

    aligned = ["---" if i < table.names else "---:" for i in range(len(table.header))]
    return "\n".join((line(map(plain, table.header)), line(aligned), *(line(map(cell, row)) for row in table.rows)))


def _sentence(part: Marked) -> str:
    """An indented block, in which nothing is markup."""
    width = max(len(whose) for whose, *_ in part.lines)
    rows = (f"    {who.ljust(width)}  {marked_sentence(part.tokens, s, colour=False)}" for who, s, _ in part.lines)
    return "\n".join(" ".join(row.splitlines()) if "\n" in row else row for row in rows)
