"""Reads a grid's YAML file with the line of each key, and words pydantic's errors so that they name key and line."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

MAX_DEPTH = 20  # of nested lists and mappings; a grid needs six
MAX_DIGITS = 100  # of a number; Python prints no number of more than 4,300

KnownKeys = Callable[[tuple[Any, ...]], Iterable[str]]  # those that may stand at a path of pydantic's
Lines = Mapping[tuple[Any, ...], int]  # the keys and indices that lead to a value, and where it stands


class _Loader(yaml.SafeLoader):
    """Takes 1e-4 for a number, as YAML 1.2 does; names the place of a scalar that is none of its kind (2020-99-99)."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        kind = node.tag.rpartition(":")[2]
        try:
            if kind in ("int", "float") and len(node.value) > MAX_DIGITS:
                raise ValueError
            return super().construct_object(node, deep)
        except (ValueError, OverflowError):
            problem = f"{node.value[:40]!r} is no {kind} that a grid can hold"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_grid(path: str | Path) -> tuple[Any, Lines]:
    """Read the values of a grid's YAML file, and the line of each.

    Raises ValueError with the line: it is no YAML, a key occurs twice, or it has aliases or senseless nesting.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        _refuse_tricks(text, path)
        node = yaml.compose(text, Loader=_Loader)
        values = yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8; convert it (iconv -f latin1 -t utf-8)") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read as a grid: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise ValueError(_not_yaml(error, text, path)) from error
    lines: dict[tuple[Any, ...], int] = {}
    _note_lines(node, (), lines, path)
    return values, lines


def _not_yaml(error: yaml.YAMLError, text: str, path: str | Path) -> str:
    if isinstance(error, yaml.reader.ReaderError):  # a control character
        line = text.count("\n", 0, error.position) + 1
        return f"{path}:{line}: is no YAML: it contains the character {text[error.position]!r}"
    mark = getattr(error, "problem_mark", None)
    place = f"{path}:{mark.line + 1}" if mark else str(path)
    return f"{place}: is no YAML: {getattr(error, 'problem', None) or error}"


def _refuse_tricks(text: str, path: str | Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = f"{path}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if getattr(event, "anchor", None):
            raise ValueError(f"{place}: a grid has no anchors and aliases (& and *); write the value out")
        if re.search("[\ud800-\udfff]", getattr(event, "value", None) or ""):
            raise ValueError(f"{place}: contains a lone surrogate, which is no character")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"{place}: lists and mappings are nested more than {MAX_DEPTH} deep")


def _note_lines(node: Any, at: tuple[Any, ...], lines: dict[tuple[Any, ...], int], path: str | Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*at, number)] = value.start_mark.line + 1
            _note_lines(value, (*at, number), lines, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place, line = (*at, str(key.value)), key.start_mark.line + 1
            if place in lines:
                raise ValueError(f"{path}:{line}: {key.value} occurs twice, first in line {lines[place]}")
            lines[place] = line
            _note_lines(value, place, lines, path)


def place_of(loc: Iterable[Any], where: str, lines: Lines) -> str:
    """Where a value stands, or the nearest that holds it: 'grid.yaml:3'."""
    at: tuple[Any, ...] = ()
    for part in loc:  # pydantic's path also names which kind of a value was tried
        at = (*at, part) if (*at, part) in lines else at
    return f"{where}:{lines[at]}" if at else where


def message(error: ValidationError, where: str, lines: Lines, elsewhere: Mapping[str, str], known: KnownKeys) -> str:
    """Say the first fault of a grid in one sentence; `elsewhere` says by what some keys are set instead."""
    first = error.errors()[0]
    loc, kind, value = first["loc"], first["type"], first["input"]
    place, key = place_of(loc, where, lines), str(loc[-1])
    if kind == "extra_forbidden" and len(loc) > 1 and key in elsewhere:
        return f"{place}: {key} is not set here: that is for {elsewhere[key]}"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, list(known(loc)), n=3)
        return f"{place}: unknown key {key!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")
    if kind == "missing":
        return f"{place}: {key} is missing"
    if kind == "value_error":
        return f"{place}: {first['ctx']['error']}"
    names = [str(part) for part in loc if re.fullmatch(r"[a-z_]+", str(part))]
    return f"{place}: {'.'.join(names)}: {first['msg'][:1].lower()}{first['msg'][1:]}, got {str(value)[:60]!r}"
