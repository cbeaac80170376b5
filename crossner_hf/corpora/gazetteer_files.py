"""Names with their types in files of others: TSV, JSON lines, DBpedia's types and labels, and exports of Wikidata.

The ending of a file says what it holds, with or without `.gz` or `.bz2` behind it:

- `.tsv`, `.txt`: name, type, and optionally domain and source between tabs; the first line may name the columns. Quotes
  are part of a name.
- `.jsonl`, `.ndjson`: objects with `name`, `type` and optionally `domain`.
- `.csv`, `.json`: what query.wikidata.org downloads as *CSV file* and *JSON file*. The query gives `?itemLabel`,
  `?type` (a type of CrossNER, such as a constant of the query) and optionally `?domain`.
- `.nt`, `.ttl`: DBpedia's instance types and labels, one triple on each line, both among the files. Classes become
  types by the table `DBPEDIA_CLASSES`; a bracket at the end of a label, as in `Nirvana (band)`, is left out.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.data.lines import json_rows, numbered_lines, without_packing
from crossner_hf.dbpedia_classes import DBPEDIA_CLASSES
from crossner_hf.schema import DOMAINS, Domain, canonical

ANY_DOMAIN = "*"
LANGUAGE = "en"  # of labels that are read
TRIPLE = re.compile(
    r"<(?P<subject>[^<>]*)> <(?P<predicate>[^<>]*)> "
    r'(?:<(?P<object>[^<>]*)>|"(?P<text>(?:[^"\\]|\\.)*)"(?:@(?P<language>[\w-]+)|\^\^<[^<>]*>)?) ?\.'
)
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
ONTOLOGY = "http://dbpedia.org/ontology/"
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
WIKIDATA_ID = re.compile(r"[QL]\d+")  # the label of an item without one

Row = tuple[str, Mapping[str, Any]]  # path:line, and columns


class Entry(NamedTuple):
    """A name with one of its types, and the domain of that type or `*`."""

    name: str
    entity_type: str
    domain: str = ANY_DOMAIN


def read_entries(paths: Sequence[Path], drops: Counter[str], domains: Sequence[Domain] = ()) -> Iterator[Entry]:
    """Yield the names of files, each of a format named above; count those that are left out, by reason, in `drops`.

    `domains` are those of your own that the files name. Raises ValueError if a file cannot be read, or names an unknown
    type or domain, with path:line.
    """
    types = _Types([*DOMAINS.values(), *domains])
    for path in paths:
        if reader := _READERS.get(file_ending(path)):
            for where, row in reader(path):
                if WIKIDATA_ID.fullmatch(row["name"]) and file_ending(path) in (".csv", ".json"):
                    drops["no label"] += 1
                else:
                    yield Entry(row["name"], *types.of(row, where))
    yield from _dbpedia_entries([path for path in paths if file_ending(path) in TRIPLES], drops)


def check_paths(paths: Sequence[str | Path]) -> list[Path]:
    """Give the paths of files with a known ending, or of one folder. Raises ValueError if one is neither."""
    several = [Path(path).expanduser() for path in paths]
    for path in several:
        if path.is_dir() and len(several) == 1:
            continue
        if not path.is_file():
            raise ValueError(f"{path}: no such gazetteer; name its files, or one folder of a saved gazetteer")
        if file_ending(path) not in (*_READERS, *TRIPLES):
            known = ", ".join((*_READERS, *TRIPLES))
            raise ValueError(f"{path}: the ending of a gazetteer says what it holds; expected one of {known}")
    if not several:
        raise ValueError("name at least one file of a gazetteer")
    return several


def file_ending(path: Path) -> str:
    """Give the ending of a file before `.gz` or `.bz2`."""
    return Path(without_packing(path.name.lower())).suffix


class _Types:
    """Checks the types and domains that rows name."""

    def __init__(self, domains: Sequence[Domain]):
        self.domains = {domain.name: frozenset(domain.entity_types) for domain in domains}
        self.domains[ANY_DOMAIN] = frozenset().union(*self.domains.values())
        self.known: dict[tuple[str, str], tuple[str, str]] = {}

    def of(self, row: Mapping[str, Any], where: str) -> tuple[str, str]:
        """Type and domain as the schema spells them. Raises ValueError if one is unknown."""
        given = (row["type"], row.get("domain") or ANY_DOMAIN)
        if given not in self.known:
            domain = given[1] if given[1] in self.domains else canonical(given[1])
            if domain not in self.domains:
                raise ValueError(f"{where}: unknown domain {given[1]!r}; expected one of {', '.join(self.domains)}")
            entity_type = given[0] if given[0] in self.domains[domain] else canonical(given[0])
            if entity_type not in self.domains[domain]:
                known = ", ".join(sorted(self.domains[domain]))
                raise ValueError(f"{where}: unknown type {given[0]!r}; expected one of {known}")
            self.known[given] = entity_type, domain
        return self.known[given]


def _tsv_rows(path: Path) -> Iterator[Row]:
    for number, line in numbered_lines(path):
        columns = line.split("\t")
        if number == 1 and columns[0].lower().lstrip("#") == "name":
            continue
        if line and not 2 <= len(columns) <= 4:
            message = f"expected name<TAB>type, with <TAB>domain and <TAB>source if known, got {len(columns)} columns"
            raise ValueError(f"{path}:{number}: {message}; a name cannot contain a tab: {line[:60]!r}")
        if line:
            yield f"{path}:{number}", dict(zip(("name", "type", "domain", "source"), columns, strict=False))


def _json_line_rows(path: Path) -> Iterator[Row]:
    for where, row in json_rows(numbered_lines(path), str(path)):
        yield where, _checked(row, where, "name")


def _csv_rows(path: Path) -> Iterator[Row]:
    reader = csv.reader((f"{line}\n" for _, line in numbered_lines(path)), strict=True)
    begin, header = 1, None
    try:
        for columns in reader:
            where, begin = f"{path}:{begin}", reader.line_num + 1
            if header is None:
                header = columns
            elif len(columns) != len(header):
                raise ValueError(f"{where}: expected {len(header)} columns as in the first line, got {len(columns)}")
            else:
                yield where, _checked(dict(zip(header, columns, strict=True)), where, "itemLabel")
    except csv.Error as error:
        raise ValueError(f"{path}:{begin}: not CSV: {error}; expected quotes doubled inside quotes") from None


def _json_rows(path: Path) -> Iterator[Row]:
    text = "\n".join(line for _, line in numbered_lines(path))
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: expected a list of objects, the 'JSON file' of query.wikidata.org")
    for number, row in enumerate(rows, start=1):
        yield f"{path}: entry {number}", _checked(row, f"{path}: entry {number}", "itemLabel")


def _checked(row: Mapping[str, Any], where: str, name: str) -> Mapping[str, Any]:
    """The row with its name as `name`. Raises ValueError if name, type or domain is no text."""
    row = {"name": row.get(name), "type": row.get("type"), "domain": row.get("domain", ANY_DOMAIN)}
    return {column: _text(value, where, repr(name if column == "name" else column)) for column, value in row.items()}


def _text(value: Any, where: str, what: str) -> str:
    """The value. Raises ValueError if it is no text, or has a NUL or half a character."""
    if not isinstance(value, str) or re.search(r"[\x00\ud800-\udfff]", value):
        raise ValueError(f"{where}: expected text without NUL and lone surrogates in {what}, got {value!r}")
    return value


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".tsv": _tsv_rows,
    ".txt": _tsv_rows,
    ".jsonl": _json_line_rows,
    ".ndjson": _json_line_rows,
    ".csv": _csv_rows,
    ".json": _json_rows,
}
TRIPLES = (".nt", ".ttl")


def _dbpedia_entries(paths: Sequence[Path], drops: Counter[str]) -> Iterator[Entry]:
    """The names of DBpedia's files, which are read twice: types first, then labels."""
    types: dict[str, tuple[Any, ...]] = {}
    for _, triple in _triples(paths, TYPE):
        known = DBPEDIA_CLASSES.get((triple["object"] or "").removeprefix(ONTOLOGY), ())
        if known:
            types[triple["subject"]] = types.get(triple["subject"], ()) + known
        else:
            drops["class without a type"] += 1
    without_label = set(types)
    for where, triple in _triples(paths, LABEL):
        if triple["subject"] not in types or triple["text"] is None:
            continue
        if (triple["language"] or LANGUAGE) != LANGUAGE:
            drops["label in another language"] += 1
            continue
        label = _text(ESCAPE.sub(_unescaped, triple["text"]), where, "the label")
        without_label.discard(triple["subject"])
        of_subject = dict.fromkeys(types[triple["subject"]])
        if (ANY_DOMAIN, "country") in of_subject:
            of_subject.pop((ANY_DOMAIN, "location"), None)  # every country is a Place
        for domain, entity_type in of_subject:
            yield Entry(re.sub(r" \([^()]*\)$", "", label), entity_type, domain)
    if without_label:
        drops["no label"] += len(without_label)


def _triples(paths: Sequence[Path], predicate: str) -> Iterator[tuple[str, re.Match[str]]]:
    for path in paths:
        for number, line in numbered_lines(path):
            if not line or line.startswith("#"):
                continue
            triple = TRIPLE.fullmatch(line.rstrip())
            if triple is None:
                message = f'expected <subject> <predicate> <object> or "text" and a full stop, got {line[:60]!r}'
                raise ValueError(f"{path}:{number}: {message}; write Turtle with prefixes as N-Triples")
            if triple["predicate"] == predicate:
                yield f"{path}:{number}", triple


def _unescaped(escape: re.Match[str]) -> str:
    if code := escape[1] or escape[2]:
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else "\ufffd"
    return ESCAPED.get(escape[3], escape[3])
