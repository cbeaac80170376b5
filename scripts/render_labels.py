"""Writes metric/crossner/labels.py from the schema: `python scripts/render_labels.py`."""

from pathlib import Path

from crossner_hf.atomic_write import write_text
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, GENERIC_TYPES

LABELS_FILE = Path(__file__).parents[1] / "crossner_hf" / "metric" / "crossner" / "labels.py"

_HEAD = '''"""The entity types of each domain in the order of their label ids: `O`, then `B-` and `I-` of each type.

Rendered from crossner_hf/schema.py by `python scripts/render_labels.py`; not to be edited.
"""
'''


def render() -> str:
    """The text of labels.py. A `_dedup` variant has the labels of its domain, so it is left out."""
    lines = [_HEAD, "ENTITY_TYPES = {"]
    for name, domain in BUILT_IN.items():
        if name not in DEDUPLICATED:
            lines += [f'    "{name}": [', *(f'        "{t}",' for t in domain.entity_types), "    ],"]
    generic = ", ".join(f'"{t}"' for t in sorted(GENERIC_TYPES))
    lines += ["}", "", f"GENERIC_TYPES = [{generic}]"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(LABELS_FILE, render())
