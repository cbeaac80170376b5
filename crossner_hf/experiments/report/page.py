"""The report as one HTML page that needs nothing beside it: no script, no font, no picture, no network."""

import html
from collections.abc import Iterable, Sequence

from crossner_hf.corpora.overlap_plot import readable_on
from crossner_hf.experiments.report.document import Best, Document, Figure, Marked, Section, Shaded, Table
from crossner_hf.tagger.iob2 import Span

# Whatever text a record or a sentence holds, the browser runs and fetches nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

CSS = """
:root { --ink: #1c1c1c; --pale: #5c5c5c; --line: #1c1c1c; --thin: #b9b9b9; --blue: #0072b2; --orange: #b34700;
  --sans: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif;
  --serif: Charter, "Bitstream Charter", "Source Serif 4", Palatino, "Palatino Linotype", "Liberation Serif",
    "Times New Roman", serif; }
* { box-sizing: border-box; }
html { color-scheme: light; background: #fff; -webkit-text-size-adjust: 100%; }
body { font: 17px/1.5 var(--serif); color: var(--ink); max-width: 62rem; margin: 3rem auto 5rem; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 600; margin: 0 0 .6rem; }
h2 { font-size: 1.35rem; line-height: 1.3; font-weight: 600; margin: 3rem 0 .7rem; }
h3 { font-size: 1.08rem; font-weight: 600; margin: 2rem 0 .5rem; }
p { margin: .6rem 0; max-width: 46rem; }
.summary { color: var(--pale); }
nav { margin: 1.6rem 0 0; font-size: .95rem; border-top: 1px solid var(--thin); border-bottom: 1px solid var(--thin);
  padding: .7rem 0; }
nav ol { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; }
a { color: var(--blue); text-decoration: none; } a:hover, a:focus { text-decoration: underline; }
figure { margin: 1.6rem 0 2rem; }
figcaption { font-size: .92rem; line-height: 1.45; margin: 0 0 .6rem; max-width: 46rem; }
figure.plot figcaption { margin: .5rem 0 0; }
.wide { overflow-x: auto; }
svg { display: block; max-width: 100%; height: auto; }
svg text { font-family: var(--sans) !important; }
table { border-collapse: collapse; font-size: .88rem; line-height: 1.35; font-variant-numeric: lining-nums tabular-nums;
  border-top: 1.6px solid var(--line); border-bottom: 1.6px solid var(--line); }
th, td { padding: .22rem .6rem; text-align: right; vertical-align: baseline; white-space: nowrap; font-weight: 400; }
th:first-child, td:first-child { padding-left: .15rem; } th:last-child, td:last-child { padding-right: .15rem; }
thead th { border-bottom: 1px solid var(--line); vertical-align: bottom; white-space: normal; font-weight: 600; }
.name { text-align: left; white-space: normal; overflow-wrap: break-word; max-width: 24rem; }
tbody tr.rule > * { border-top: 1px solid var(--thin); padding-top: .35rem; }
tbody tr:first-child > * { padding-top: .4rem; } tbody tr:last-child > * { padding-bottom: .4rem; }
.note { font-size: .85rem; line-height: 1.45; color: var(--pale); margin: .5rem 0 0; }
.heat table { font-family: var(--sans); font-size: .72rem; border: 0; }
.heat th, .heat td { padding: .28rem .3rem; text-align: center; min-width: 2.6em; }
.heat thead th { border: 0; font-weight: 400; height: 9.5em; padding: .2rem 0; }
.heat thead th span { writing-mode: vertical-rl; transform: rotate(180deg); display: inline-block;
  white-space: nowrap; }
.heat thead th:first-child span { writing-mode: horizontal-tb; transform: none; }
.heat thead th:first-child { text-align: right; padding-right: .6rem; }
.heat tbody th { text-align: right; padding-right: .6rem; }
.heat td { border: 1px solid #fff; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.heat td.apart, .heat th.apart { border-left: 8px solid #fff; }
.sentence { margin: 1.1rem 0 1.5rem; font-size: .93rem; break-inside: avoid; }
.sentence > p { margin: 0 0 .3rem; font-weight: 600; }
.sentence dl { margin: 0; display: grid; grid-template-columns: minmax(7rem, 11rem) 1fr; gap: .3rem 1rem; }
.sentence dt { color: var(--pale); font-size: .83rem; line-height: 1.8; } .sentence dd { margin: 0; line-height: 1.8; }
mark { color: inherit; background: #ececec; border-bottom: 2px solid #8a8a8a; padding: .05em .15em; border-radius: 2px;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
mark.right { background: #dcebf5; border-bottom-color: var(--blue); }
mark.wrong { background: #fbe6d8; border-bottom: 2px dashed var(--orange); }
mark small { font-family: var(--sans); font-size: .7em; color: #444; margin-left: .35em; }
footer { margin-top: 4rem; border-top: 1px solid var(--thin); padding-top: .6rem; color: var(--pale);
  font-size: .85rem; }
@media print { body { font-size: 10.5pt; margin: 0; max-width: none; padding: 0; } nav { display: none; }
  h2, h3, figcaption { break-after: avoid; } figure, tr { break-inside: avoid; } .wide { overflow: visible; }
  a { color: inherit; } }
"""


def page(document: Document, footer: str) -> str:
    numbers = {id(part): number for number, part in document.numbered()}
    links = "".join(f'<li><a href="#s{i}">{_text(s.title)}</a></li>' for i, s in enumerate(document.sections, start=1))
    sections = "".join(
        f'<section id="s{i}" aria-labelledby="h{i}"><h2 id="h{i}">{_text(s.title)}</h2>{_parts(s, numbers)}</section>\n'
        for i, s in enumerate(document.sections, start=1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(document.title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f'<header><h1>{_text(document.title)}</h1><p class="summary">{_text(document.summary)}</p></header>\n'
        f'<nav aria-label="Contents"><ol>{links}</ol></nav>\n<main>\n{sections}</main>\n'
        f"<footer>{_text(footer)}</footer>\n</body>\n</html>\n"
    )


def _parts(section: Section, numbers: dict[int, str]) -> str:
    return "".join(_part(part, numbers) for part in section.parts)


def _part(part: str | Table | Figure | Marked | Section, numbers: dict[int, str]) -> str:
    if isinstance(part, str):
        return f"<p>{_text(part)}</p>"
    if isinstance(part, Section):
        return f"<h3>{_text(part.title)}</h3>{_parts(part, numbers)}"
    if isinstance(part, Marked):
        return _marked(part)
    caption = f"<strong>{numbers[id(part)]}.</strong> {_text(part.caption)}"
    if isinstance(part, Figure):
        svg = part.svg.replace("<svg", f'<svg role="img" aria-label="{_text(part.alt)}"', 1)
        return f'<figure class="plot"><div class="wide">{svg}</div><figcaption>{caption}</figcaption></figure>\n'
    table = _heat_table(part) if part.heat else _table(part)
    note = f'<p class="note">{_text(part.note)}</p>' if part.note else ""
    kind = "wide heat" if part.heat else "wide"
    return f'<figure><figcaption>{caption}</figcaption><div class="{kind}">{table}</div>{note}</figure>\n'


def _table(table: Table) -> str:
    def head(i: int, text: str) -> str:
        return f'<th scope="col"{_name(i < table.names)}>{_text(text)}</th>'

    def cell(i: int, text: str) -> str:
        shown = f"<strong>{_text(text)}</strong>" if isinstance(text, Best) else _text(text)
        tag = ("th", ' scope="row"') if i == table.names - 1 else ("td", "")
        return f"<{tag[0]}{tag[1]}{_name(i < table.names)}>{shown}</{tag[0]}>"

    rows = (
        f"<tr{' class=rule' if number in table.rules else ''}>{_join(cell, row)}</tr>"
        for number, row in enumerate(table.rows)
    )
    return f"<table><thead><tr>{_join(head, table.header)}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _heat_table(table: Table) -> str:
    """A heat map; what comes before and after the square of types stands a little apart."""
    types = len(table.rows)

    def apart(i: int) -> str:
        return ' class="apart"' if i in (types + 1, types + 3) else ""

    def head(i: int, text: str) -> str:
        return f'<th scope="col"{apart(i)}><span>{_text(text)}</span></th>'

    def cell(i: int, text: str) -> str:
        if not isinstance(text, Shaded):
            return f'<th scope="row">{_text(text)}</th>'
        return f'<td{apart(i)} style="{_shade(text.share, types < i)}">{_text(text)}</td>'

    rows = "".join(f"<tr>{_join(cell, row)}</tr>" for row in table.rows)
    return f"<table><thead><tr>{_join(head, table.header)}</tr></thead><tbody>{rows}</tbody></table>"


def _shade(share: float, is_error: bool) -> str:
    """Blue for what is in the square of types, orange beside it; small shares a little darker than in proportion."""
    darkest = (0x9A, 0x3D, 0x00) if is_error else (0x00, 0x4C, 0x7F)
    depth = min(max(share, 0.0), 1.0) ** 0.75
    channels = [1 + (channel / 255 - 1) * depth for channel in darkest]
    colour = "".join(f"{round(255 * channel):02x}" for channel in channels)
    return f"background:#{colour};color:{readable_on(channels)}"


def _marked(part: Marked) -> str:
    lines = "".join(
        f"<dt>{_text(whose)}</dt><dd>{_with_marks(part.tokens, spans, right)}</dd>"
        for whose, spans, right in part.lines
    )
    return f'<div class="sentence"><p>{_text(part.title)}</p><dl>{lines}</dl></div>\n'


def _with_marks(tokens: Sequence[str], spans: Sequence[Span], right: frozenset[Span] | None) -> str:
    parts, position = [], 0
    for span in spans:
        words = _text(" ".join(tokens[span.start : span.end]))
        kind = "gold" if right is None else "right" if span in right else "wrong"
        parts += map(_text, tokens[position : span.start])
        parts.append(f'<mark class="{kind}" title="{kind}">{words}<small>{_text(span.entity_type)}</small></mark>')
        position = span.end
    return " ".join([*parts, *map(_text, tokens[position:])])


def _name(is_name: bool) -> str:
    return ' class="name"' if is_name else ""


def _join(shape, cells: Iterable[str]) -> str:
    return "".join(shape(i, text) for i, text in enumerate(cells))


def _text(text: str) -> str:
    return html.escape(text, quote=True)
