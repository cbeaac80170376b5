"""What is checked of a grid before anything runs: the YAML, its keys, and the values of arguments classes."""

import difflib
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

Place = Callable[[str], str]  # key to where it stands: 'grid.yaml:3'


def read_grid(path: str | Path) -> tuple[Any, dict[str, int]]:
    """The values of a YAML file, read once, and the line of each key ('arguments.seed' is 'seed' under 'arguments').

    Raises ValueError, with the line, for what is no YAML and for a key that stands twice.
    """
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8; convert it (iconv -f latin1 -t utf-8)") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read as a grid: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ValueError(f"{place}: is no YAML: {getattr(error, 'problem', None) or error}") from error
    lines: dict[str, int] = {}
    _note_lines(node, "", lines, str(path))
    return values, lines


def _note_lines(node, prefix: str, lines: dict[str, int], path: str) -> None:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in lines:
            raise ValueError(f"{path}:{line}: {name} stands here for the second time, after line {lines[name]}")
        lines[name] = line
        _note_lines(value, f"{name}.", lines, path)


class Places:
    """Says where a key of a grid stands: the file, and the line where it is known."""

    def __init__(self, where: str, lines: Mapping[str, int]):
        self.where, self.lines = where, lines

    def __call__(self, key: str) -> str:
        line = self.lines.get(key) or self.lines.get(key.rpartition(".")[0])
        return f"{self.where}:{line}" if line else self.where


def no_unknown(values: Mapping, known: Collection[str], at: Place, what: str, prefix: str = "") -> None:
    """Raise ValueError, with those that come near, for a key that is not known."""
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), list(known), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else ""
            hint = hint or (f"known are {', '.join(known)}" if len(known) < 20 else "see crossner-hf train --help")
            raise ValueError(f"{at(f'{prefix}{key}')}: unknown {what} {key!r}; {hint}")


def check_list(values: Any, key: str, where: str) -> tuple:
    """What a key of several values holds; one value may stand alone."""
    values = values if isinstance(values, list | tuple) else [values]
    if not values or values == [None]:
        raise ValueError(f"{where}: {key} is empty; name at least one, or leave the key out")
    return tuple(values)


def check_arguments(
    values: Any, kind: type, at: Place, key: str, elsewhere: Mapping[str, str], also: Collection[str] = ()
) -> dict[str, Any]:
    """Values for fields of the arguments class `kind`, of the fields' types.

    elsewhere: fields that are not set here, and what sets them
    also:      keys that may stand beside the fields, for the hints
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{at(key)}: {key} must be names with values, got {values!r}")
    known = [f.name for f in fields(kind) if f.init and f.name not in elsewhere]
    for name in values:
        if name in elsewhere:
            raise ValueError(f"{at(f'{key}.{name}')}: {name} is not set under {key}: that is for {elsewhere[name]}")
    no_unknown(values, [*also, *known], at, f"argument under {key}", f"{key}.")
    return {name: _fitting(value, _hints(kind)[name], name, at(f"{key}.{name}")) for name, value in values.items()}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fitting(value: Any, hint: Any, name: str, where: str) -> Any:
    """The value in the field's type. Text such as '1e-4', which YAML does not take for a number, becomes one."""
    wanted = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    wanted = tuple(get_origin(kind) or kind for kind in wanted)
    simple = tuple(kind for kind in wanted if kind in (bool, int, float, str, types.NoneType))
    if len(simple) < len(wanted) or type(value) in simple:  # what transformers itself takes apart, or right as it is
        return value
    if float in simple and type(value) is int:
        return float(value)
    if float in simple and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null"}
    raise ValueError(f"{where}: {name} must be {' or '.join(names[kind] for kind in simple)}, got {value!r}")
