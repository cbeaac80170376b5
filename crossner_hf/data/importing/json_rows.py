"""JSON of annotation tools: rows of tokens and tags, or of a text and spans; Label Studio, doccano, Prodigy."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossner_hf.data.conll import Sentence
from crossner_hf.data.importing.documents import (
    CharacterSpan,
    Document,
    ImportOptions,
    Notes,
    SourceFile,
    TaggedDocument,
    TextDocument,
)
from crossner_hf.data.importing.words_of_spans import utf16_span
from crossner_hf.data.lines import json_rows, numbered_lines, starts_of, text_of, unpacked, without_space
from crossner_hf.json_file import parse_json
from crossner_hf.tagger.word_splitter import Word

Row = Mapping[str, Any]

# Keys that are looked for, in this order.
WORD_KEYS = ("tokens", "words")
TAG_KEYS = ("ner_tags", "tags", "labels", "ner", "label")
TEXT_KEYS = ("text", "sentence", "content", "data")
SPAN_KEYS = ("spans", "entities", "label", "labels", "annotations")
START_KEYS = ("start", "start_offset", "begin")
END_KEYS = ("end", "end_offset", "stop")
TYPE_KEYS = ("label", "type", "entity_type", "entity_group", "tag", "labels")


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield the place and the object of each row of JSON lines, or of each item of one JSON array.

    Raises:
        ValueError: If it is neither, with the place.
    """
    with unpacked(path) as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"["):
        yield from json_rows(numbered_lines(path), str(path))
        return
    with unpacked(path) as file:
        try:
            items = parse_json(file.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: cannot be read as a JSON array, it may be truncated: {error}") from None
    for number, item in enumerate(items, start=1):
        if not isinstance(item, Mapping):
            raise ValueError(f"{path}: item {number}: expected a JSON object, got {str(item)[:60]!r}")
        yield f"{path}: item {number}", item


def tool_of(row: Row) -> str:
    """Tell by its keys which tool wrote a row; `jsonl` for rows of no tool."""
    spans: list[Any] = next((row[key] for key in SPAN_KEYS if isinstance(row.get(key), list)), [])
    keys = spans[0].keys() if spans and isinstance(spans[0], Mapping) else set()
    if isinstance(row.get("data"), Mapping) or {"start", "end", "labels"} <= keys:
        return "label-studio"
    if "_input_hash" in row or "answer" in row:
        return "prodigy"
    has_text = any(isinstance(row.get(key), str) for key in TEXT_KEYS)
    return "doccano" if has_text and ("start_offset" in keys or isinstance(row.get("label"), list)) else "jsonl"


def read_json(source: SourceFile, options: ImportOptions, notes: Notes) -> Iterator[Document]:
    """Yield a document for each row of JSON lines, of doccano and of Prodigy.

    Raises:
        ValueError: A row without the expected keys, a malformed span, or words that do not stand in their text.
    """
    for where, row in rows_of(source.path):
        if row.get("answer", "accept") != "accept":
            notes.add("rows that were rejected or ignored (Prodigy's 'answer'), left out", where)
            continue
        yield row_document(row, where, source.split, options, notes)


def row_document(row: Row, where: str, split: str | None, options: ImportOptions, notes: Notes) -> Document:
    """Make the document of a row: of words and tags, or of a text and spans."""
    words = _value(row, options.words, WORD_KEYS, list, where)
    tags = _value(row, options.tags, TAG_KEYS, list, where)
    is_tagged = words is not None and tags is not None and not any(isinstance(tag, list | dict) for tag in tags)
    is_empty = words and not tags and isinstance(row.get("text"), str)  # no spans, rather than no tags
    if is_tagged and not is_empty and not any(isinstance(word, Mapping) for word in words):
        return TaggedDocument(where, split, [_sentence(words, tags, where)])
    key = _key(row, options.text, TEXT_KEYS, str, where)
    if key is None:
        raise ValueError(
            f"{where}: expected words and tags ('tokens', 'tags'), or a text and spans ('text', 'spans'); got the keys "
            f"{', '.join(map(repr, row))[:120]}; name yours with --words and --tags, or --text and --spans"
        )
    text = text_of(row, where, key) or ""
    is_chosen = options.spans is not None  # JSON-MIN has no key where a task has no spans
    spans = (
        None
        if is_chosen and row.get(options.spans or "") is None
        else _value(row, options.spans, SPAN_KEYS, list, where)
    )
    if spans is None:
        others = [name for name, value in row.items() if isinstance(value, list) and value and name not in WORD_KEYS]
        if others and not is_chosen:
            raise ValueError(
                f"{where}: has no spans under a known key, but {', '.join(others)}; name them with --spans"
            )
        notes.add("texts without a key for spans, taken as texts without entities", where)
    placed_spans = [span for item in spans or () for span in character_spans(item, text, where, notes)]
    return TextDocument(where, split, text, placed_spans, None if not words else _words(words, text, where))


def _key(row: Row, chosen: str | None, known: Sequence[str], kind: type, where: str) -> str | None:
    """The key that an option names, which must be there, or the first known one with such a value."""
    if chosen is not None:
        if not isinstance(row.get(chosen), kind):
            got = type(row[chosen]).__name__ if chosen in row else "no such key"
            raise ValueError(f"{where}: expected a {kind.__name__} under {chosen!r}, got {got}")
        return chosen
    return next((key for key in known if isinstance(row.get(key), kind)), None)


def _value(row: Row, chosen: str | None, known: Sequence[str], kind: type, where: str) -> Any:
    key = _key(row, chosen, known, kind, where)
    return None if key is None else row[key]


def _sentence(words: Sequence[str], tags: Sequence[Any], where: str) -> Sentence:
    if len(words) != len(tags):
        raise ValueError(f"{where}: {len(words)} words and {len(tags)} tags")
    if (odd := next((word for word in words if not isinstance(word, str)), None)) is not None:
        raise ValueError(f"{where}: expected words as strings, got {odd!r}")
    odd = next((tag for tag in tags if not isinstance(tag, str) and tag is not None), None)
    if odd is not None:
        raise ValueError(f"{where}: expected the names of tags, such as 'B-person', got {odd!r}; numbers need names")
    text_of({"tokens": words}, where)  # refuses lone surrogates
    return Sentence(list(words), [tag or "O" for tag in tags])


def _words(words: Sequence[Any], text: str, where: str) -> list[Word]:
    """Words as strings, which must stand in the text, or as Prodigy's objects with `start` and `end`."""
    if all(isinstance(word, str) for word in words):
        words = [word for word in words if not word.isspace()]
        return [
            Word(word, start, start + len(word))
            for word, start in zip(words, starts_of(words, text, where), strict=True)
        ]
    made = []
    end = 0
    for word in words:
        start, stop = (word.get("start"), word.get("end")) if isinstance(word, Mapping) else (None, None)
        if not (isinstance(start, int) and isinstance(stop, int) and end <= start < stop <= len(text)):
            raise ValueError(
                f"{where}: expected tokens with 'start' and 'end' in order in the text, got {str(word)[:80]}"
            )
        end = stop
        made.append(Word(text[start:end], start, end))
    return made


def character_spans(item: Any, text: str, where: str, notes: Notes) -> Iterator[CharacterSpan]:
    """Yield the spans of one item: `[start, end, type]`, or an object; one for each of several labels.

    Raises:
        ValueError: A malformed item, or one whose own text is not what stands there.
    """
    if isinstance(item, Mapping):
        keys = (START_KEYS, END_KEYS, TYPE_KEYS)
        parts: list[Any] = [next((item[key] for key in known if key in item), None) for known in keys]
    else:
        parts = list(item) if isinstance(item, list | tuple) and len(item) == 3 else [None] * 3
    start, end, types = parts[0], parts[1], parts[2] if isinstance(parts[2], list) else [parts[2]]
    counts = all(isinstance(place, int) and not isinstance(place, bool) for place in (start, end))
    if not counts or not types or not all(isinstance(kind, str) and kind.strip() for kind in types):
        raise ValueError(
            f"{where}: expected a span as [start, end, type], or with 'start', 'end' and 'label', got {str(item)[:80]}"
        )
    for kind in types:
        span = CharacterSpan(start, end, kind)
        own = item.get("text", item.get("word")) if isinstance(item, Mapping) else None
        yield checked_span(span, own, text, where, notes) if isinstance(own, str) and own else span


def checked_span(span: CharacterSpan, own: str, text: str, where: str, notes: Notes) -> CharacterSpan:
    r"""Give a span whose text the source repeats, which must be what stands there, white space and case apart.

    Label Studio writes a line end in it as the two characters `\n`; pipelines give it as their tokenizer decodes it.

    Raises:
        ValueError: If it is not, also when offsets count UTF-16 units.
    """
    wanted = [without_space(own).casefold(), without_space(own.replace(r"\n", "\n")).casefold()]
    if not 0 <= span.start < span.end or without_space(text[span.start : span.end]).casefold() in wanted:
        return span
    by_units = utf16_span(span, text)
    if without_space(text[by_units.start : by_units.end]).casefold() not in wanted:
        raise ValueError(
            f"{where}: the span {span.start} to {span.end} ({span.entity_type}) should be {own[:40]!r}, but the text "
            f"has {text[span.start : span.end][:40]!r} there"
        )
    notes.add("spans counted in UTF-16 units, as browsers do", f"{where}: {own[:40]!r}")
    return by_units


def read_label_studio(source: SourceFile, options: ImportOptions, notes: Notes) -> Iterator[Document]:
    """Yield a document for each annotated task of a Label Studio export, JSON or JSON-MIN.

    Of several annotations of a task, the ground truth counts, else the first.

    Raises:
        ValueError: A task without text, or a malformed span, with the place.
    """
    for where, task in rows_of(source.path):
        if not isinstance(task.get("data"), Mapping):  # JSON-MIN
            yield row_document(task, where, source.split, options, notes)
            continue
        annotations = [a for a in task.get("annotations", task.get("completions")) or () if isinstance(a, Mapping)]
        annotations = [a for a in annotations if not a.get("was_cancelled")]
        if not annotations:
            notes.add("tasks without an annotation, left out", where)
            continue
        if len(annotations) > 1:
            notes.add("tasks with several annotations, of which the ground truth or the first counts", where)
        chosen = next((a for a in annotations if a.get("ground_truth")), annotations[0])
        text = _task_text(task["data"], options.text, where)
        spans: list[CharacterSpan] = []
        for region in chosen.get("result") or ():
            if isinstance(region, Mapping) and region.get("type") == "labels" and "value" in region:
                spans += character_spans(region["value"], text, where, notes)
            else:
                kind = region.get("type") if isinstance(region, Mapping) else region
                notes.add("results that are no spans of a text, left out", f"{where}: {str(kind)[:40]}")
        yield TextDocument(where, source.split, text, spans)


def _task_text(data: Row, chosen: str | None, where: str) -> str:
    texts = [key for key, value in data.items() if isinstance(value, str)]
    key = chosen or ("text" if "text" in texts else texts[0] if len(texts) == 1 else None)
    if key not in texts:
        raise ValueError(f"{where}: which of the data is the text? {', '.join(data) or 'none'}; name it with --text")
    return text_of(data, where, key) or ""
