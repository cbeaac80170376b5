"""The report as one HTML page that needs nothing beside it, and as Markdown: templates/ over the same content."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crossner_hf.display import marked_sentence, readable_on
from crossner_hf.experiments.report.tables import Bold
from crossner_hf.experiments.report.view import only_model, short_names
from crossner_hf.results.markdown import plain
from crossner_hf.tagger.iob2 import Span

TEMPLATES = Path(__file__).with_name("templates")
SECTIONS = {  # template to title; a section whose template gives nothing is left out
    "main_results": "Main results",
    "published": "Published scores",
    "few_shot": "Few target sentences",
    "corpus_size": "Size of the corpus",
    "entity_types": "Entity types",
    "confusion": "Confusion between types",
    "significance": "Significance",
    "hardest_sentences": "Hardest sentences",
    "left_out": "Left out",
}
BLUE, ORANGE = (0x00, 0x4C, 0x7F), (0x9A, 0x3D, 0x00)  # the darkest cells of a heat map


def html_page(content: Mapping[str, Any]) -> str:
    return _render("html", content)


def markdown(content: Mapping[str, Any]) -> str:
    """The report as Markdown; plots are linked as figures/NAME.svg."""
    lines = "\n".join(line.rstrip() for line in _render("markdown", content).splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _render(form: str, content: Mapping[str, Any]) -> str:
    """Whatever a template shows of the data is escaped: by Jinja for HTML, by `plain` for Markdown."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES / form, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain if form == "markdown" else None,
    )
    environment.filters |= {
        "one_line": _one_line,
        "counted": _counted,
        "only_model": only_model,
        "short_names": short_names,
        "shade": _shade,
        "parts": _parts,
        "as_code": _as_code,
    }
    environment.tests["bold"] = lambda cell: isinstance(cell, Bold)
    environment.globals |= {**content, "next_table": count(1).__next__, "next_figure": count(1).__next__}
    bodies = {title: environment.get_template(f"sections/{name}.j2").render() for name, title in SECTIONS.items()}
    sections = {title: Markup(body) for title, body in bodies.items() if body.strip()}
    return environment.get_template("report.j2").render(sections=sections)


def _plain(value: Any) -> Markup:
    return value if isinstance(value, Markup) else Markup(plain(str(value)))


def _one_line(text: str) -> str:
    return type(text)(" ".join(text.split()))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _shade(share: float, is_error: bool) -> str:
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


def _as_code(tokens: Sequence[str], name: str, spans: Sequence[Span], width: int) -> Markup:
    """A sentence with its entities in brackets, for an indented block of code."""
    return Markup(" ".join(f"{name.ljust(width)}  {marked_sentence(tokens, spans, colour=False)}".splitlines()))
