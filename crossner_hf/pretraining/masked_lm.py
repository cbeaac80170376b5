"""Masked language models: loading one, and running its head on the masked tokens alone."""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerBase

from crossner_hf.packaged_encoder import encoder_name
from crossner_hf.tagger.checkpoint import check_encoder, check_vocabulary, loading
from crossner_hf.tagger.tagger import load_config, load_tokenizer
from crossner_hf.tagger.tokenize_and_align import IGNORED, position_limit

logger = logging.getLogger(__name__)


def load_masked_lm(
    name_or_path: str, block_size: int, *, trust_remote_code: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str]:
    """Load a checkpoint as a masked language model in float32.

    Args:
        name_or_path: A folder or a Hub id.
        block_size: Tokens of a block.
        trust_remote_code: Whether code that comes with the checkpoint may run.

    Returns:
        The model, its tokenizer, and where the head comes from: 'kept' or 'made, …'.

    Raises:
        ValueError: The tokenizer is missing, slow, has no mask token or more tokens than the model, weights of the
            encoder are missing, or a block is longer than the encoder's position table.
    """
    trust: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    config, name = load_config(name_or_path, **trust), encoder_name(name_or_path)
    tokenizer = load_tokenizer(name_or_path, **trust)
    if tokenizer.mask_token is None:
        raise ValueError(f"{name_or_path}: its tokenizer has no mask token, which masked-language modelling needs")
    if config.is_encoder_decoder or getattr(config, "is_decoder", False):
        raise ValueError(
            f"{name_or_path}: {config.model_type} has, or is, a decoder; masked-language modelling is for encoders"
        )
    limit = position_limit(config)
    if limit is not None and block_size > limit:
        raise ValueError(f"block_size={block_size} is longer than the {limit} positions of {name}")
    with loading(name_or_path, "masked language model"):
        model, report = AutoModelForMaskedLM.from_pretrained(
            name_or_path, config=config, dtype=torch.float32, output_loading_info=True, **trust
        )
    check_encoder(name_or_path, model, report)
    check_vocabulary(name_or_path, tokenizer, model)
    made = any(not key.startswith(f"{model.base_model_prefix}.") for key in report["missing_keys"])
    return model, tokenizer, _new_head(model, name) if made else "kept"


def _new_head(model: PreTrainedModel, name: str) -> str:
    """Warn that a head is made; return what it is, for the record."""
    output = model.get_output_embeddings()
    tied = output is not None and output.weight is model.get_input_embeddings().weight
    kind = "tied to the embeddings" if tied else "with an output matrix of its own"
    logger.warning(
        "%s has no masked-LM head: one is made, %s. A comparison of runs that start here mixes learning the head with "
        "learning the text",
        *(name, kind),
    )
    return f"made, {kind}"


class MaskedHead:
    """Restricts the head of any encoder to chosen positions, by a hook on the encoder's output.

    Heads work on each position separately, so their output there is the same. `sparse` says whether that held for this
    model on a trial batch; if not, the head runs on all positions.

    Args:
        model: A masked language model.
        sparse: Whether to try.
    """

    def __init__(self, model: PreTrainedModel, *, sparse: bool = True):
        self._positions: Tensor | None = None
        self._hook: Any = None
        self.sparse = sparse and model.base_model is not model and _is_local(model)
        if self.sparse:
            self._hook = model.base_model.register_forward_hook(self._gather)
        else:
            logger.warning("%s: the head runs on every position, which takes longer", type(model).__name__)

    def remove(self) -> None:
        if self._hook is not None:
            self._hook.remove()

    @contextmanager
    def only_at(self, positions: Tensor) -> Iterator[None]:
        """Within the context, logits are those at True `positions` (batch, time): (1, number of True, vocabulary)."""
        self._positions = positions.flatten().nonzero().squeeze(1) if self.sparse else None
        try:
            yield
        finally:
            self._positions = None

    def _gather(self, module: nn.Module, args: Any, output: Any) -> Any:
        return output if self._positions is None else _only(output, self._positions)


def _only(output: Any, positions: Tensor) -> Any:
    """An encoder's output with the hidden states at `positions` of the batch alone: (1, positions, hidden)."""
    gathered = output[0].flatten(0, 1).index_select(0, positions).unsqueeze(0)
    if isinstance(output, tuple):
        return (gathered, *output[1:])
    output.last_hidden_state = gathered
    return output


def _is_local(model: PreTrainedModel) -> bool:
    """Whether the head's output at chosen positions is the same when it sees nothing else."""
    trial = copy.deepcopy(model).eval()  # some encoders, such as BigBird, are changed by a short text
    device = next(trial.parameters()).device
    ids = torch.arange(5, 21, device=device).remainder(trial.config.vocab_size).view(2, 8)
    chosen = torch.arange(16, device=device) % 3 == 0
    try:
        with torch.no_grad():
            full = trial(input_ids=ids).logits.flatten(0, 1)[chosen]
            trial.base_model.register_forward_hook(lambda module, args, output: _only(output, chosen.nonzero()[:, 0]))
            alone = trial(input_ids=ids).logits
    except (RuntimeError, IndexError, TypeError, AttributeError, ValueError):
        return False
    return alone.shape == (1, *full.shape) and torch.allclose(alone[0], full, rtol=1e-3, atol=1e-4)


def masked_targets(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the labels for `logits`: all (batch, time), or those of the masked tokens (1, masked)."""
    if logits.shape[:2] == labels.shape:
        return labels
    return labels[labels != IGNORED].unsqueeze(0)
