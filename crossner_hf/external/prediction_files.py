"""Files of predictions made elsewhere: CoNLL columns, or JSON lines with one sentence on each line.

CoNLL columns have the predicted tags in the last column. A line of JSON lines has the sentence as `"tokens": […]` or
`"text": "…"` (or its `"id"` alone) and one of these:

- `"tags": ["B-artist", "I-artist", "O"]`, one for each token;
- `"entities": [{"start": 0, "end": 2, "label": "artist"}]`, which count tokens, or characters where there are no tokens
  or where the strings that entities have with them stand at these characters;
- `"entities": [{"text": "Miles Davis", "label": "artist"}]`, `[["Miles Davis", "artist"]]` or
  `{"artist": ["Miles Davis"]}`: strings alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, NamedTuple

from crossner_hf.data.conll import read_columns
from crossner_hf.data.importing.json_rows import END_KEYS, START_KEYS
from crossner_hf.data.lines import begins_as_json, json_rows, numbered_lines, text_of, without_space

Form = Literal["tags", "words", "characters", "strings"]

ENTITY_KEYS = ("predictions", "predicted_entities", "entities", "spans", "ner", "output")
TAG_KEYS = ("tags", "ner_tags", "predicted_tags")
TYPE_KEYS = ("label", "type", "entity_group", "entity_type", "tag", "entity")
STRING_KEYS = ("text", "word", "span", "mention", "name", "entity")


class Mention(NamedTuple):
    """An entity as another system gives it; `start` and `end` (exclusive) are None where it gives a string alone."""

    type: str
    start: int | None = None
    end: int | None = None
    text: str | None = None
    score: float | None = None


class Given(NamedTuple):
    """What a system gives for one sentence.

    Attributes:
        where: Where it stands, such as `file:line`.
        form: Of what it gives.
        words: The words, if it tells them.
        text: The text, if it tells it.
        id: The number of the sentence in the file of the split, if it tells it.
        mentions: The entities, unless it gives tags.
        tags: One for each word, where `form` is tags.
    """

    where: str
    form: Form
    words: Sequence[str] | None
    text: str | None
    id: str | None
    mentions: Sequence[Mention] = ()
    tags: Sequence[str] = ()


def read_prediction_file(path: str | Path, key: str | None = None, last_included: bool = False) -> list[Given]:
    """Read a file of predictions.

    Args:
        path: The file, of one of the module's forms.
        key: The key of the entities in JSON lines; by default the one of `ENTITY_KEYS` or `TAG_KEYS` that is there.
        last_included: Whether `end` is the last word or character of an entity, not the one behind it.

    Raises:
        ValueError: If a line has none of the forms, with path:line; or if the spans of the file fit neither words nor
            characters.
    """
    name = str(path)
    if begins_as_json(Path(path)):
        rows = json_rows(numbered_lines(path), name)
        return _in_one_unit([_row(row, where, key, last_included) for where, row in rows], name)
    columns = list(_columns(path))
    if not columns:
        raise ValueError(f"{path}: has no line; expected CoNLL columns or JSON lines with one sentence on each")
    return columns


def _columns(path: str | Path) -> Iterator[Given]:
    for rows in read_columns(numbered_lines(path), str(path)):
        short = next((row for row in rows if len(row.columns) < 2 or not row.columns[-1].strip()), None)
        if short:
            wanted = "expected a word and, in the last column, its predicted tag"
            raise ValueError(f"{path}:{short.number}: {wanted}; got {short.line[:80]!r}")
        words, tags = [row.columns[0] for row in rows], [row.columns[-1].strip() for row in rows]
        yield Given(f"{path}:{rows[0].number}", "tags", words, None, None, tags=tags)


def _row(row: Mapping[str, Any], where: str, key: str | None, last_included: bool) -> Given:
    words, text, number = row.get("tokens", row.get("words")), text_of(row, where), row.get("id")
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise ValueError(f"{where}: expected a list of words in 'tokens', got {str(words)[:60]!r}")
    if row.get("text") is None:
        text = None
    if words is None and text is None and number is None:
        raise ValueError(
            f"{where}: expected the sentence as 'tokens' or 'text' (or its 'id'), got {str(dict(row))[:80]}"
        )
    name = _key_of(row, where, key)
    about = (words, text, None if number is None else str(number))
    return given_of(row[name], f"{where}: {name}", about, last_included)._replace(where=where)


def given_of(
    content: Any, where: str, about: tuple[Sequence[str] | None, str | None, str | None], last_included: bool = False
) -> Given:
    """Read what a system gives for one sentence: tags, or entities in any of the module's forms.

    Args:
        content: What it gives.
        where: Where it stands, for errors.
        about: Words, text and id of the sentence, as far as they are known.
        last_included: Whether ends are the last word or character of an entity.

    Raises:
        ValueError: If it has another form, with `where`.
    """
    words = about[0]
    if isinstance(content, list | tuple) and content and all(isinstance(tag, str) for tag in content):
        if words is None or len(words) != len(content):
            has = "no 'tokens'" if words is None else f"{len(words)} 'tokens'"
            raise ValueError(f"{where}: has {len(content)} tags and {has}")
        return Given(where, "tags", *about, tags=content)
    mentions = tuple(read_mentions(content, where, last_included))
    given = {mention.start is None for mention in mentions}
    if len(given) == 2:
        raise ValueError(f"{where}: some entities have start and end, others have not")
    return Given(where, "strings" if given == {True} else "characters" if words is None else "words", *about, mentions)


def _key_of(row: Mapping[str, Any], where: str, key: str | None) -> str:
    names = [key] if key else [name for name in (*ENTITY_KEYS, *TAG_KEYS) if name in row]
    if len(names) == 1 and names[0] in row:
        return names[0]
    if key:
        raise ValueError(f"{where}: has no key {key!r}; its keys are {', '.join(map(str, row))[:80]}")
    what = (
        f"has {' and '.join(map(repr, names))}" if names else f"has no entities under any of {', '.join(ENTITY_KEYS)}"
    )
    raise ValueError(f"{where}: {what}; name the key that holds the predictions (--key NAME)")


def read_mentions(content: Any, where: str, last_included: bool = False) -> Iterator[Mention]:
    """Yield the entities of a sentence, in any of the module's forms or as `(start, end, type)`.

    Raises:
        ValueError: If they have another form, with `where`.
    """
    if isinstance(content, Mapping):  # type to strings
        content = [(text, name) for name, texts in content.items() for text in _strings(texts, where)]
    if not isinstance(content, list | tuple):
        raise ValueError(f"{where}: expected a list of entities, got {str(content)[:60]!r}")
    for item in content:
        mention = _of_object(item) if isinstance(item, Mapping) else _of_sequence(item)
        if mention is None:
            wanted = 'such as {"start": 0, "end": 2, "label": "song"} or {"text": "…", "label": "song"}'
            raise ValueError(f"{where}: expected an entity {wanted}, got {str(item)[:80]}")
        if mention.start is None or mention.end is None:
            yield mention
            continue
        end = mention.end + last_included
        if not 0 <= mention.start < end:
            hint = "" if mention.start != end else "; if ends belong to the entities, say so (--last-included)"
            raise ValueError(f"{where}: the span {mention.start}:{end} ({mention.type}) has nothing in it{hint}")
        yield mention._replace(start=int(mention.start), end=int(end))


def _strings(texts: Any, where: str) -> list[str]:
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{where}: expected a list of strings for each type, got {str(texts)[:60]!r}")
    return texts


def _of_object(item: Mapping[str, Any]) -> Mention | None:
    of_type = next((key for key in TYPE_KEYS if isinstance(item.get(key), str)), None)
    text = next((item[key] for key in STRING_KEYS if key != of_type and isinstance(item.get(key), str)), None)
    start, end = (next((item[key] for key in keys if key in item), None) for keys in (START_KEYS, END_KEYS))
    score = item.get("score")
    score = float(score) if isinstance(score, Real) else None
    if of_type is None or not (_are_places(start, end) or (start is end is None and text)):
        return None
    return Mention(item[of_type], start, end, text, score)


def _of_sequence(item: Any) -> Mention | None:
    parts = tuple(item) if isinstance(item, list | tuple) else ()
    if len(parts) == 2 and all(isinstance(part, str) and part for part in parts):
        return Mention(parts[1], text=parts[0])
    if len(parts) not in (3, 4) or not _are_places(*parts[:2]) or not isinstance(parts[2], str):
        return None
    if len(parts) == 4 and not isinstance(parts[3], Real):
        return None
    return Mention(parts[2], parts[0], parts[1], score=float(parts[3]) if len(parts) == 4 else None)


def _are_places(start: Any, end: Any) -> bool:
    return all(isinstance(place, Integral) and not isinstance(place, bool) for place in (start, end))


def _in_one_unit(rows: list[Given], name: str) -> list[Given]:
    """Give all rows one form; by the strings of entities, decide whether their spans count words or characters."""
    first: dict[Form, Given] = {}
    for row in rows:
        if row.mentions or row.tags:
            first.setdefault(row.form, row)
    if len(first) > 1:
        forms = " and ".join(f"{form} ({row.where})" for form, row in first.items())
        raise ValueError(f"{name}: has entities of several forms: {forms}; give one form")
    form: Form = next(iter(first), "words")
    if form not in ("words", "characters"):
        return [row._replace(form=form) for row in rows]
    with_strings = [(row, m, m.text) for row in rows for m in row.mentions if m.text and (row.words or row.text)]
    units: tuple[Form, Form] = ("words", "characters")
    fits = {unit: sum(_bare(_piece(row, m, unit)) == _bare(text) for row, m, text in with_strings) for unit in units}
    form = max(units, key=lambda unit: (fits[unit], unit == form))
    if 2 * fits[form] < len(with_strings):
        row, mention, text = with_strings[0]
        place = f"{mention.start} to {mention.end}"
        message = f"{text!r} stands neither at words nor at characters {place}, like most strings of the file"
        raise ValueError(f"{row.where}: {message}")
    return [row._replace(form=form) for row in rows]


def _piece(row: Given, mention: Mention, unit: Form) -> str:
    words, places = list(row.words or ()), slice(mention.start, mention.end)
    if unit == "words":
        return " ".join(words[places])
    return (" ".join(words) if row.text is None else row.text)[places]


def _bare(text: str) -> str:
    return without_space(text).casefold()
