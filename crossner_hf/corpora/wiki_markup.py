"""What of a wiki page is no running text: comments, references, templates, tables, galleries and tags.

It is cut in one pass with a stack, so the work grows with the length of the page alone, whatever is left unclosed.
"""

import html
import re
from collections import Counter

MAX_DEPTH = 40  # of templates, tables and links in each other, as in mwparserfromhell; what is deeper is not matched

# Elements that go with their contents; of all others only the tags go.
CUT_TAGS = (
    "ref|references|gallery|math|chem|ce|timeline|score|graph|hiero|imagemap|syntaxhighlight|source|pre|templatedata|"
    "mapframe|maplink|inputbox|templatestyles|indicator|section|table"
)
# Templates that stand for text: the number of the argument that readers see (the last one for -1), or the text.
TEXT_TEMPLATES: dict[str, int | str] = {
    **dict.fromkeys(("nowrap", "nobr", "nobreak", "small", "big", "abbr", "em", "strong", "sic", "visible anchor"), 1),
    **dict.fromkeys(("lang", "langx", "transliteration", "script"), 2),
    **dict.fromkeys(("transl", "ill", "interlanguage link"), 1),
    **dict.fromkeys(("nihongo",), 1),
    **dict.fromkeys(("snd", "spnd", "spaced ndash", "dash"), " – "),
    **dict.fromkeys(("ndash", "en dash"), "–"),
    **dict.fromkeys(("mdash", "em dash"), "—"),
    **dict.fromkeys(("nbsp", "space"), " "),
    **{"'": "'", "'s": "'s", "!": "|", "circa": "c. ", "c.": "c. "},
}
MEASURES = frozenset(("convert", "cvt", "val"))  # {{convert|5|km|mi}} reads "5 km"

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
NOWIKI = re.compile(r"<nowiki\s*>(.*?)(?:</nowiki\s*>|\Z)|<nowiki\s*/>", re.DOTALL | re.IGNORECASE)
# Every alternative begins with a plain character, which lets `re` search fast.
SIMPLE_LINK = r"\[\[[^\[\]{}<>\n]*\]\]"
TOKEN = re.compile(
    rf"{SIMPLE_LINK}|\{{\{{|\}}\}}|\[\[|\]\]|\{{\||\|\}}(?!\}})|</?(?:{CUT_TAGS})\b[^<>]*>", re.IGNORECASE
)
OPENING = {"{{": "template", "{|": "table", "[[": "link"}
CLOSING = {"}}": "template", "|}": "table", "]]": "link"}
TAG_NAME = re.compile(r"\w+")
BREAK = re.compile(r"</?(?:br|hr|p|div|li|[ou]l|blockquote|center|poem)\b[^<>]*>", re.IGNORECASE)
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|__[A-Z]{3,}__")
ARGUMENT = re.compile(r"\|(?![^\[\]]*\]\])")  # no bar of a link
STRENGTH = {"link": 0, "table": 1, "template": 1, "tag": 2}  # an end does not reach through anything stronger


def cut_markup(wikitext: str, drops: Counter[str]) -> str:
    """Cut comments, references, templates, tables and tags. Links stay, each on one line and with both its ends.

    `drops` counts what has no end, under `unclosed markup`: an opening tag or bracket goes alone, braces with the rest
    of their line.
    """
    wikitext = COMMENT.sub("", wikitext.replace("\r", ""))
    wikitext = NOWIKI.sub(lambda match: _quoted(match[1] or ""), wikitext)
    cutter = _Cutter()
    at = 0
    for match in TOKEN.finditer(wikitext):
        cutter.add(wikitext[at : match.start()])
        cutter.token(match[0], not wikitext[match.start() - 1 : match.start()].strip(" \t:\n"))
        at = match.end()
    cutter.add(wikitext[at:])
    text = cutter.result()
    if cutter.unclosed:
        drops["unclosed markup"] += cutter.unclosed
    return TAG.sub("", BREAK.sub(" ", text))


class _Cutter:
    """The stack of what is open: for each its kind, the name of its tag, and its text so far."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str, list[str]]] = [("page", "", [])]
        self.unclosed = 0

    def add(self, text: str) -> None:
        self.frames[-1][2].append(text)

    def token(self, token: str, at_line_start: bool) -> None:
        is_text = token in ("{|", "|}") and not at_line_start
        if is_text or (token[0] == "[" and len(token) > 2):
            self.add(token)
            return
        if token in OPENING:
            self._open(OPENING[token], "")
        elif token in CLOSING:
            self._close(CLOSING[token], "")
        elif not token.endswith("/>"):
            name = TAG_NAME.search(token)[0].lower()  # type: ignore[index]  # a tag has a name
            if token.startswith("</"):
                self._close("tag", name)
            else:
                self._open("tag", name)

    def _open(self, kind: str, name: str) -> None:
        if len(self.frames) <= MAX_DEPTH:
            self.frames.append((kind, name, []))
        else:
            self.unclosed += 1

    def _close(self, kind: str, name: str) -> None:
        for depth in range(len(self.frames) - 1, 0, -1):
            opened = self.frames[depth]
            if opened[:2] == (kind, name):
                while len(self.frames) > depth + 1:
                    self._give_up()
                self.add(_closed(kind, "".join(self.frames.pop()[2])))
                return
            if STRENGTH[opened[0]] > STRENGTH[kind]:
                return

    def result(self) -> str:
        while len(self.frames) > 1:
            self._give_up()
        return "".join(self.frames[0][2])

    def _give_up(self) -> None:
        kind, _, parts = self.frames.pop()
        content = "".join(parts)
        self.add(content if kind in ("link", "tag") else "".join(content.partition("\n")[1:]))
        self.unclosed += 1


def _closed(kind: str, content: str) -> str:
    if kind == "link":
        return f"[[{content.replace(chr(10), ' ')}]]"
    return _template_text(content) if kind == "template" else ""


def _template_text(content: str) -> str:
    name, *arguments = ARGUMENT.split(content)
    name = name.strip().replace("_", " ").lower()
    values = [value.strip() for value in arguments if not re.match(r"\s*\w[\w -]*=", value)]
    if name in MEASURES:
        return " ".join(values[:2])
    shown = TEXT_TEMPLATES.get(name, "")
    if isinstance(shown, int):
        return values[shown - 1] if len(values) >= shown else ""
    return shown


def _quoted(text: str) -> str:
    """Write characters of markup as entities, which the parser gives back as they were."""
    return re.sub(r"[\[\]{}|'<>=*#:;&_]", lambda match: f"&#{ord(match[0])};", html.unescape(text))
