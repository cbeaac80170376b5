"""Wikitext: the plain text, categories and links of a page.

Templates, tables, galleries, images and references are left out; so are sections of references and links. An item of a
list stays as a paragraph if it ends like a sentence.
"""

import re
import unicodedata
from collections import Counter
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import unquote

from crossner_hf.corpora.wiki_markup import cut_markup

LONGEST_LINE = 10_000  # characters; mwparserfromhell's time can grow with the square of them

MISSING = "MediaWiki dumps need mwxml and mwparserfromhell: pip install 'crossner-hf[corpora]'"
HEADING = re.compile(r"(={1,6})\s*(.+?)\s*\1\s*")
LEFT_OUT_SECTIONS = {
    *("references", "external links", "see also", "further reading", "notes", "bibliography", "sources", "footnotes"),
    *("citations", "works cited", "notes and references", "other websites", "related pages"),
}
LIST_ITEM = re.compile(r"[*#:;]+\s*")
SENTENCE_END = re.compile(r"[.!?…。][\"'”’»)\]]*\s*$")
REMAINS = re.compile(r"\||! ")  # a line of a table or template whose begin or end is missing
MARKUP = re.compile(r"\[|''|&|://")
LINK_TRAIL = re.compile(r"[^\W\d_]+")
INTERLANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]+)*")


class Link(NamedTuple):
    """A link to another page.

    Args:
        target: The title that it points to.
        anchor: The text that it stands under.
        start: Where the anchor begins in the page's text; None where that part of the page is left out.
    """

    target: str
    anchor: str
    start: int | None = None


class SiteNames(NamedTuple):
    """The prefixes of categories and of images in a wiki, in lower case."""

    category: frozenset[str] = frozenset(("category",))
    file: frozenset[str] = frozenset(("file", "image", "media"))


ENGLISH = SiteNames()


class PageText(NamedTuple):
    """The plain text of a page with its categories and its links, each in the order of the page."""

    text: str
    categories: tuple[str, ...]
    links: tuple[Link, ...]


def plain_text(wikitext: str, names: SiteNames = ENGLISH, drops: Counter[str] | None = None) -> PageText:
    """Give the running text of a page: paragraphs with a line end between them, without headings.

    `names` are the prefixes of its wiki, beside which the English ones hold. `drops` counts `list item` (no sentence),
    `section` (references and the like), `unclosed markup`, and `line without parsing` (longer than LONGEST_LINE; it
    keeps its text, and its links are lost).
    """
    drops = Counter() if drops is None else drops
    page = _Page(names, drops)
    lines: list[str] = []
    size = 0  # of the lines, each with the space or line end after it
    skipped_level, joins = 0, False  # joins: the next line goes on with the paragraph
    for line in map(str.strip, cut_markup(wikitext, drops).split("\n")):
        if heading := HEADING.fullmatch(line):
            level, joins = len(heading[1]), False
            if heading[2].lower() in LEFT_OUT_SECTIONS:
                drops["section"] += 1
                skipped_level = level
            elif level <= skipped_level:
                skipped_level = 0
            continue
        before = len(page.links)
        text = page.paragraph(line)
        if skipped_level:
            page.place_links(before, None)
            continue
        page.place_links(before, size if text else None)
        runs_on = bool(text) and not LIST_ITEM.match(line)
        if joins and runs_on:
            lines[-1] += f" {text}"
        elif text:
            lines.append(text)
        size += len(text) + 1 if text else 0
        joins = runs_on
    return PageText("\n".join(lines), tuple(dict.fromkeys(page.categories)), tuple(page.links))


class _Page:
    def __init__(self, names: SiteNames, drops: Counter[str]):
        try:
            from mwparserfromhell import parse
        except ImportError as error:
            raise ImportError(MISSING) from error
        self.parse, self.names, self.drops = parse, names, drops
        self.categories: list[str] = []
        self.links: list[Link] = []

    def paragraph(self, line: str) -> str:
        """Give the text of a line; empty if it is no paragraph."""
        if not line or REMAINS.match(line):
            return ""
        item = LIST_ITEM.match(line)
        before = len(self.links)
        text = self._parsed(line[item.end() :] if item else line)
        self.place_links(before, len(text.lstrip()) - len(text))
        text = text.strip()
        if item and text and not SENTENCE_END.search(text):
            self.drops["list item"] += 1
            return ""
        return text

    def place_links(self, number: int, shift: int | None) -> None:
        """Move the links from `number` on to the right; None: their text is left out."""
        for n in range(number, len(self.links)):
            start = self.links[n].start
            self.links[n] = self.links[n]._replace(start=None if start is None or shift is None else start + shift)

    def _parsed(self, line: str) -> str:
        if not MARKUP.search(line):
            return line
        if len(line) > LONGEST_LINE:
            self.drops["line without parsing"] += 1
            return re.sub(r"\[\[(?:[^\[\]|]*\|)?|\]\]|'{2,}|\[\w+://\S*\s*", "", line)
        return self._text(self.parse(line))

    def _text(self, code: Any) -> str:
        parts: list[str] = []
        linked, size = False, 0  # linked: the node before is a link
        for node in code.nodes:
            kind = type(node).__name__
            if kind == "Text" and linked and (trail := LINK_TRAIL.match(node.value)):
                self.links[-1] = self.links[-1]._replace(anchor=self.links[-1].anchor + trail[0])
            before = len(self.links)
            parts.append(self._node(kind, node))
            self.place_links(before, size)
            size += len(parts[-1])
            linked = kind == "Wikilink" and len(self.links) > before and not parts[-1][-1:].isspace()
        return "".join(parts)

    def _node(self, kind: str, node: Any) -> str:
        if kind == "Text":
            return node.value
        if kind == "Wikilink":
            return self._link(unescape(unquote(str(node.title))).strip(), node.text)
        if kind == "ExternalLink":
            return self._text(node.title) if node.brackets and node.title else ""
        if kind == "HTMLEntity":
            return _character(node)
        return self._text(node.contents) if kind == "Tag" and node.contents else ""

    def _link(self, title: str, text: Any) -> str:
        prefix, colon, rest = title.partition(":")
        prefix = prefix.strip().lower().replace("_", " ")
        if prefix in self.names.category and colon:
            self.categories += filter(None, [page_title(rest)])
            return ""
        is_interlanguage = text is None and INTERLANGUAGE.fullmatch(title.partition(":")[0])
        if colon and (prefix in self.names.file or is_interlanguage):
            return ""
        shown = title.removeprefix(":")
        anchor = self._text(text) if text else shown
        if target := page_title(shown.partition("#")[0]):
            self.links.append(Link(target, anchor.strip(), len(anchor) - len(anchor.lstrip())))
        return anchor


def page_title(name: str) -> str:
    """Give a title as MediaWiki writes it: NFC, spaces for underscores, one at a time, and a capital first letter."""
    name = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    return name[:1].upper() + name[1:]


def _character(entity: Any) -> str:
    """Give the character of an entity; none for half a surrogate pair, which is no text."""
    return entity.normalize().encode("utf-8", "ignore").decode()
