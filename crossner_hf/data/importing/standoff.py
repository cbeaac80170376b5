"""brat's standoff: a text beside a file of lines such as `T1<TAB>person 0 5<TAB>Alice`."""

import re
from collections.abc import Iterator

from crossner_hf.data.importing.documents import CharacterSpan, ImportOptions, Notes, SourceFile, TextDocument
from crossner_hf.data.importing.json_rows import checked_span
from crossner_hf.data.lines import numbered_lines, without_space

SPAN = re.compile(r"T\S+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)")
OTHERS = "REAMN#*"  # relations, events, attributes, modifications, normalisations, notes, equivalences


def read_standoff(source: SourceFile, options: ImportOptions, notes: Notes) -> Iterator[TextDocument]:
    """Yield the document of an `.ann` file, whose text is in the `.txt` of the same name.

    A discontinuous span is taken from its first to its last character.

    Raises:
        ValueError: No text beside it, a malformed line, or a span that is not what stands there.
    """
    path = source.path.with_suffix(".txt")
    if not path.is_file():
        raise ValueError(f"{source.path}: brat keeps the text beside it, as {path.name}, which is missing")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: byte {error.start} is not UTF-8; convert it, e.g. iconv -f latin1 -t utf-8"
        ) from None
    spans = []
    for number, line in numbered_lines(source.path.with_suffix(".ann")):
        where = f"{source.path}:{number}"
        match = SPAN.fullmatch(line)
        if match is None:
            if line.strip() and line[0] not in OTHERS:
                raise ValueError(f"{where}: expected 'T1<TAB>type start end<TAB>text', got {line[:80]!r}")
            if line.strip():
                notes.add("lines of brat that are no spans (relations, events, notes), left out", where)
            continue
        places = sorted(map(int, re.split("[ ;]", match[2])))
        span = CharacterSpan(places[0], places[-1], match[1])
        if len(places) > 2 and without_space(text[span.start : span.end]) != without_space(match[3]):
            notes.add("discontinuous spans, taken from first to last character", f"{where}: {match[3][:40]!r}")
            spans.append(span)
        else:
            spans.append(checked_span(span, match[3], text, where, notes))
    yield TextDocument(str(path), source.split, text, spans)
