"""Writes metric/crossner/labels.py from the schema: `python scripts/render_labels.py`."""

import textwrap
from pathlib import Path

from crossner_hf.atomic_write import write_text
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, GENERIC_TYPES

LABELS_FILE = Path(__file__).parents[1] / "crossner_hf" / "metric" / "crossner" / "labels.py"

_HEAD = '''"""The entity types of each domain in the order of their label ids: `O`, then `B-` and `I-` of each type.

Rendered from crossner_hf/schema.py by `python scripts/render_labels.py`; not to be edited.
"""

_TYPES = {'''


def render() -> str:
    """Give the text of labels.py. A `_dedup` variant has the labels of its domain, so it is left out."""
    lines = [_HEAD]
    for name, domain in BUILT_IN.items():
        if name not in DEDUPLICATED:
            rows = textwrap.wrap(" ".join(domain.entity_types), width=108, drop_whitespace=False)
            lines += [f'    "{name}": (', *(f'        "{row}"' for row in rows), "    ),"]
            if len(rows) == 1:
                lines[-3:] = [f'    "{name}": "{rows[0]}",']
    generic = ", ".join(f'"{t}"' for t in sorted(GENERIC_TYPES))
    lines += ["}", "ENTITY_TYPES = {domain: types.split() for domain, types in _TYPES.items()}"]
    return "\n".join([*lines, f"GENERIC_TYPES = [{generic}]"]) + "\n"


if __name__ == "__main__":
    write_text(LABELS_FILE, render())
