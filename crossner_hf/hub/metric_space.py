"""The Space of the metric: the module for `evaluate.load("USER/crossner")`, a page to try it on, a card."""

import re
from pathlib import Path

from huggingface_hub.utils import validate_repo_id

from crossner_hf.atomic_write import write_text
from crossner_hf.data.builder import CITATION
from crossner_hf.metric import METRIC_DIR
from crossner_hf.metric.crossner import span_f1
from crossner_hf.metric.crossner.labels import ENTITY_TYPES

TEMPLATES = Path(__file__).with_name("templates")
GRADIO = "6.31.0"  # the version that the page was tried with
MODULE = ("crossner.py", "labels.py", "span_f1.py")


def write_metric_space(folder: str | Path, *, repo: str) -> Path:
    """Write the files of the Space `repo`. Raises ValueError if evaluate could load no module of the Space's name."""
    folder = Path(folder)
    validate_repo_id(repo)
    name = repo.rpartition("/")[2]
    taken = sorted(Path(file).stem for file in (*MODULE[1:], "app.py"))
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or name in taken:
        raise ValueError(
            f"{repo}: evaluate loads a module with the repository's name, so that must be a Python name, and none of "
            f"{', '.join(taken)}"
        )
    for file in MODULE:
        text = Path(METRIC_DIR, file).read_text(encoding="utf-8")
        write_text(folder / (f"{name}.py" if file == MODULE[0] else file), text)
    write_text(folder / "app.py", (TEMPLATES / "metric_app.py").read_text(encoding="utf-8"))
    write_text(folder / "requirements.txt", "numpy\n")
    conventions = re.findall(r"^- `(\w+)`: (.*(?:\n  .*)*)", span_f1.__doc__ or "", flags=re.MULTILINE)
    values = {
        "conventions": "\n".join(f"| `{name}` | {' '.join(text.split())} |" for name, text in conventions),
        "domains": ", ".join(f"`{name}`" for name in ENTITY_TYPES),
    }
    card = (TEMPLATES / "metric_card.md").read_text(encoding="utf-8")
    write_text(folder / "README.md", card.format(repo=repo, gradio=GRADIO, citation=CITATION, **values))
    return folder
