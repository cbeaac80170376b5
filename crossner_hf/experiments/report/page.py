"""The report as one HTML page that needs nothing beside it, and as Markdown: templates/ over the same sections."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crossner_hf.display import marked_sentence, readable_on
from crossner_hf.experiments.report.tables import Bold
from crossner_hf.results.markdown import plain
from crossner_hf.tagger.iob2 import Span

TEMPLATES = Path(__file__).with_name("templates")
BLUE, ORANGE = (0x00, 0x4C, 0x7F), (0x9A, 0x3D, 0x00)  # the darkest cells of a heat map


@dataclass(frozen=True)
class Section:
    """A section: its title, the name of its template in templates/sections, and what the template shows."""

    title: str
    template: str
    content: Mapping[str, Any] = field(default_factory=dict)


def html_page(sections: Sequence[Section], **about: Any) -> str:
    """The report as HTML; about: what templates of all sections may show."""
    return _render("html", sections, about)


def markdown(sections: Sequence[Section], **about: Any) -> str:
    """The report as Markdown; plots are linked as figures/NAME.svg."""
    lines = (line.rstrip() for line in _render("markdown", sections, about).splitlines())
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"


def _render(form: str, sections: Sequence[Section], about: Mapping[str, Any]) -> str:
    """Whatever a template shows of the data is escaped: by Jinja for HTML, by `plain` for Markdown."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES / form, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain if form == "markdown" else None,
    )
    environment.globals |= {"next_table": count(1).__next__, "next_figure": count(1).__next__, **about}
    environment.filters |= {"one_line": _one_line, "shade": shade, "parts": _parts, "as_code": _as_code, "counted": _counted}
    environment.tests["bold"] = lambda cell: isinstance(cell, Bold)
    bodies = [
        Markup(environment.get_template(f"sections/{section.template}.j2").render(section.content))
        for section in sections
    ]
    titles = [section.title for section in sections]
    rendered = [{"title": title, "body": body} for title, body in zip(titles, bodies, strict=True)]
    return environment.get_template("report.j2").render(sections=rendered)


def _plain(value: Any) -> Any:
    return value if isinstance(value, Markup) else Markup(plain(str(value)))


def _one_line(text: str) -> str:
    return type(text)(" ".join(text.split()))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def shade(share: float, is_error: bool) -> str:
    """The colours of a cell of a heat map; small shares are a little darker than in proportion."""
    depth = min(max(share, 0.0), 1.0) ** 0.75
    channels = [1 + (channel / 255 - 1) * depth for channel in (ORANGE if is_error else BLUE)]
    colour = "".join(f"{round(255 * channel):02x}" for channel in channels)
    return f"background:#{colour};color:{readable_on(channels)}"


def _parts(tokens: Sequence[str], spans: Sequence[Span]) -> Iterator[tuple[str, Span | None]]:
    """The words outside entities one by one, and each entity's words together with its span."""
    position = 0
    for span in spans:
        yield from ((token, None) for token in tokens[position : span.start])
        yield " ".join(tokens[span.start : span.end]), span
        position = span.end
    yield from ((token, None) for token in tokens[position:])


def _as_code(tokens: Sequence[str], line: tuple[str, Sequence[Span], Any], lines: Sequence[tuple]) -> Markup:
    """A sentence with its entities in brackets, behind a name as wide as all."""
    name, spans, _ = line
    width = max(len(other) for other, *_ in lines)
    return Markup(" ".join(f"{name.ljust(width)}  {marked_sentence(tokens, spans, colour=False)}".splitlines()))
