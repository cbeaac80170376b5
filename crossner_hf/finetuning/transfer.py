"""Transfer from the source stage to a target's model: the encoder, rows of the head, the optimizer's moments."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer
from transformers import PreTrainedModel

from crossner_hf.schema import Domain, canonical
from crossner_hf.tagger.iob2 import split_tag
from crossner_hf.training import run_folder

OPTIMIZER_FILE = "optimizer.safetensors"  # tensors named `<parameter>/<what it is in the optimizer's state>`


def label_map(source: Domain, target: Domain) -> dict[int, int]:
    """Map label ids of the source to those of the target; labels whose type the target lacks are left out."""
    known = {_spelled(label): i for i, label in enumerate(target.labels)}
    return {i: known[_spelled(label)] for i, label in enumerate(source.labels) if _spelled(label) in known}


def _spelled(label: str) -> tuple[str, str]:
    prefix, entity_type = split_tag(label)
    return prefix, canonical(entity_type)


class Transfer:
    """From the folder of a finished source stage into a model for the target's labels.

    The encoder is copied. In the head, every dimension that runs over labels is matched by their names: what belongs to
    labels that both have is copied, the rest stays as it is.
    """

    def __init__(self, folder: str | Path, source: Domain, target: Domain):
        self.folder = Path(folder)
        self.lengths = len(source.labels), len(target.labels)
        self.ids = label_map(source, target)

    def into_model(self, model: PreTrainedModel) -> None:
        """Copy the weights into a model; ValueError if it has other shapes than that of the source stage."""
        head, own = head_parameters(model), dict(model.named_parameters())
        with torch.no_grad():
            for name, value in load_file(self.folder / "model.safetensors").items():
                if name in own:  # a buffer is not learned; the new model has its own
                    self._put(value, own[name], name, is_head=name in head)

    def into_optimizer(self, optimizer: Optimizer, model: PreTrainedModel) -> None:
        """Copy the optimizer's state into an optimizer of the model's parameters; ValueError for other shapes."""
        head, names = head_parameters(model), parameter_names(optimizer, model)
        content = optimizer.state_dict()
        for key, value in load_file(self.folder / OPTIMIZER_FILE).items():
            name, _, what = key.rpartition("/")
            number = names.index(name)
            into = torch.zeros_like(value)
            if value.dim():
                into = torch.zeros_like(dict(model.named_parameters())[name], dtype=value.dtype, device="cpu")
            self._put(value, into, key, is_head=name in head)
            content["state"].setdefault(number, {})[what] = into
        optimizer.load_state_dict(content)

    def _put(self, value: Tensor, into: Tensor, name: str, *, is_head: bool) -> None:
        by_label = [is_head and lengths == self.lengths for lengths in zip(value.shape, into.shape, strict=False)]
        if value.dim() != into.dim() or any(
            old != new and not labels for old, new, labels in zip(value.shape, into.shape, by_label, strict=True)
        ):
            raise ValueError(
                f"{self.folder}: {name} has the shape {tuple(value.shape)}, which does not go into "
                f"{tuple(into.shape)}; --source-optimizer fresh copies the weights alone"
            )
        if not any(by_label):
            into.copy_(value)
            return
        old = [
            list(self.ids) if labels else range(length) for length, labels in zip(value.shape, by_label, strict=True)
        ]
        new = [
            list(self.ids.values()) if labels else range(length)
            for length, labels in zip(into.shape, by_label, strict=True)
        ]
        into[np.ix_(*new)] = value[np.ix_(*old)].to(into)


def head_parameters(model: PreTrainedModel) -> set[str]:
    encoder = {id(parameter) for parameter in model.base_model.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) not in encoder}


def parameter_names(optimizer: Optimizer, model: PreTrainedModel) -> list[str]:
    """Return the names of the parameters in the order of the optimizer's state."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def save_optimizer(optimizer: Optimizer, model: PreTrainedModel, folder: Path) -> None:
    """Write the optimizer's state into the folder, by the names of the parameters."""
    names = parameter_names(optimizer, model)
    tensors = {
        f"{names[number]}/{what}": torch.as_tensor(value).detach().cpu().contiguous()
        for number, state in optimizer.state_dict()["state"].items()
        for what, value in state.items()
    }
    temporary = folder / f".{OPTIMIZER_FILE}.part"
    with run_folder.writing(temporary, "the optimizer's state"):
        save_file(tensors, temporary)
    temporary.replace(folder / OPTIMIZER_FILE)
