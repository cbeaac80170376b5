"""Masked-language modelling beside concepts: the encoder's own masked-LM head, on blocks of raw text."""

from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from crossner_hf.pretraining.masked_lm import MaskedHead, load_masked_lm, masked_targets
from crossner_hf.tagger.tokenize_and_align import IGNORED


class MaskedText(nn.Module):
    """The masked-LM head of a checkpoint over an encoder that is not part of this module.

    Args:
        name_or_path: A folder or a Hub id.
        encoder: The encoder of this checkpoint, which the head then reads.
        block_size: Tokens of a block.
        trust_remote_code: Whether code that comes with the checkpoint may run.

    Attributes:
        head: Where the head comes from: 'kept' or 'made, …'.

    Raises:
        ValueError: There is no masked language model with this encoder, or a block is too long.
    """

    def __init__(
        self, name_or_path: str, encoder: PreTrainedModel, block_size: int, *, trust_remote_code: bool = False
    ):
        super().__init__()
        model, _, self.head = load_masked_lm(name_or_path, block_size, trust_remote_code=trust_remote_code)
        if type(model.base_model) is not type(encoder):
            raise ValueError(f"{name_or_path}: {type(model).__name__} has no {type(encoder).__name__} to share")
        setattr(model, model.base_model_prefix, encoder)
        model.tie_weights()
        self.parts = nn.ModuleDict({name: part for name, part in model.named_children() if part is not encoder})
        # In a tuple, so that the encoder is not a part twice.
        self._model: tuple[Any, MaskedHead] = (model, MaskedHead(model))
        self._encoder = (encoder,)

    def own_parameters(self) -> list[nn.Parameter]:
        """Give the parameters that are none of the encoder's."""
        shared = {id(parameter) for parameter in self._encoder[0].parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in shared]

    def tied_names(self) -> list[str]:
        """Give the names of parameters that are the encoder's too, or have another name here."""
        first = {id(parameter): name for name, parameter in self.named_parameters()}
        own = {id(parameter) for parameter in self.own_parameters()}
        every = self.named_parameters(remove_duplicate=False)
        return [name for name, parameter in every if id(parameter) not in own or first[id(parameter)] != name]

    def forward(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        """Sum the loss of the masked tokens.

        Args:
            input_ids: Blocks without padding, (blocks, time).
            labels: The tokens that were masked, -100 elsewhere, (blocks, time).
        """
        model, head = self._model
        with head.only_at(labels != IGNORED):
            logits = model(input_ids=input_ids).logits
        targets = masked_targets(logits, labels)
        total: Tensor = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return total
