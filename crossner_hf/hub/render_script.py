"""Writes dataset_scripts/crossner/crossner.py, the builder in one file, which `datasets` before 4 runs as a script.

`python -m crossner_hf.hub.render_script`, in a checkout: templates/dataset_script.py with definitions of the package in
the place of its imports from crossner_hf.
"""

import ast
import inspect
import sys
import textwrap
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.builder import CrossNER
from crossner_hf.data.sources import FILES
from crossner_hf.records import write_text
from crossner_hf.schema import BUILT_IN

TEMPLATE = Path(__file__).with_name("templates") / "dataset_script.py"
SCRIPT = Path(__file__).parents[2] / "dataset_scripts" / "crossner" / "crossner.py"

_HEAD = '''"""CrossNER in one file, which `datasets` before 4 runs as a script.

load_dataset("dataset_scripts/crossner", "music", data_dir="ner_data", trust_remote_code=True); with no data_dir the
official files are downloaded. Rendered from crossner_hf by `python -m crossner_hf.hub.render_script`; not to be edited.
"""
'''


class Module(NamedTuple):
    """A source file: its lines, its definitions by name, and what an imported name stands for: (module, its name)."""

    lines: list[str]
    definitions: dict[str, ast.stmt]
    imported: dict[str, tuple[str, str | None]]


def render() -> str:
    """The text of the script."""
    template = _read(TEMPLATE)
    definitions: dict[str, str] = {}
    imports = {("__future__", "annotations")}
    for name, (module, original) in template.imported.items():
        if not _is_ours(module):
            imports.add((module, original))
        elif name == original:  # Packaged, the builder under another name, lends a method
            _collect(module, name, set(template.definitions), definitions, imports)
    marker = template.definitions["ENTITY_TYPES"]
    own = "\n".join(template.lines[marker.end_lineno :]) + "\n"
    method = inspect.getsource(CrossNER._info).replace("sources.REPOSITORY", "REPOSITORY")
    parts = [_HEAD, _import_lines(imports), _spaced([*definitions.values(), _entity_types()])]
    return "\n".join(parts) + own.replace("    _info = Packaged._info\n", method)


def _collect(
    module: str, name: str, own: set[str], definitions: dict[str, str], imports: set[tuple[str, str | None]]
) -> None:
    """Put a definition into `definitions`, behind those that it needs, and into `imports` what these import."""
    source = _read(Path(find_spec(module).origin))
    node = source.definitions[name]
    used = {part.id: None for part in ast.walk(node) if isinstance(part, ast.Name)}
    for needed in used:
        if needed in own or needed in definitions or needed == name:
            continue
        if needed in source.definitions:
            _collect(module, needed, own, definitions, imports)
        elif needed in source.imported and _is_ours(source.imported[needed][0]):
            _collect(*source.imported[needed], own, definitions, imports)
        elif needed in source.imported:
            imports.add(source.imported[needed])
    definitions.setdefault(name, "\n".join(source.lines[node.lineno - 1 : node.end_lineno]))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "crossner_hf"


def _read(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    definitions, imported = {}, {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            for alias in node.names:
                imported[alias.asname or alias.name] = (module, alias.name) if module else (alias.name, None)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            definitions.update((target.id, node) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign):
            definitions[node.target.id] = node
    return Module(text.splitlines(), definitions, imported)


def _import_lines(imports: set[tuple[str, str | None]]) -> str:
    """Import statements in ruff's order: the future, the standard library, the others."""
    sections: dict[int, list[str]] = {}
    for module in {module for module, _ in imports}:
        names = sorted(name for found, name in imports if found == module and name)
        line = f"from {module} import {', '.join(names)}" if names else f"import {module}"
        place = 0 if module == "__future__" else 1 if module.partition(".")[0] in sys.stdlib_module_names else 2
        sections.setdefault(place, []).append(line)
    ordered = (sorted(lines, key=lambda line: (line.startswith("from"), line)) for _, lines in sorted(sections.items()))
    return "\n\n".join("\n".join(lines) for lines in ordered) + "\n"


def _spaced(definitions: list[str]) -> str:
    """Definitions as ruff sets them: two empty lines around functions and classes."""
    text = definitions[0]
    for before, after in pairwise(definitions):
        blocks = any(part.startswith(("def ", "class ", "@")) for part in (before, after))
        text += ("\n\n\n" if blocks else "\n") + after
    return text + "\n"


def _entity_types() -> str:
    """The official domains' entity types in the order of their labels, a string each."""
    lines = []
    for name, domain in BUILT_IN.items():
        if f"{name}/train.txt" in FILES:
            wrapped = textwrap.wrap(" ".join(domain.entity_types), 100)
            rows = [f'        "{row}{" " if row != wrapped[-1] else ""}"' for row in wrapped]
            lines += [f'    "{name}": (', *rows, "    ),"] if len(rows) > 1 else [f'    "{name}": {rows[0].strip()},']
    return "\n".join(("ENTITY_TYPES = {", *lines, "}"))


if __name__ == "__main__":
    write_text(SCRIPT, render())
