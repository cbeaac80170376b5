"""The stock Trainer for masked-language modelling: the head on masked tokens alone, and held-out perplexities."""

import copy
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset, IterableDataset
from torch import Tensor, nn
from transformers import (
    IntervalStrategy,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)

from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking, MaskingEpoch
from crossner_hf.pretraining.arguments import COMPARED, MASKINGS, DaptArguments
from crossner_hf.pretraining.masked_lm import MaskedHead, masked_targets
from crossner_hf.tagger.tokenize_and_align import IGNORED
from crossner_hf.training.resumable_trainer import ResumableTrainer
from crossner_hf.training.step_clock import StepClock
from crossner_hf.training.token_loss import token_loss

# Of the held-out masks, which are the same in every run with one block size.
HELD_OUT_SEED, HELD_OUT_PROBABILITY = 0, 0.2

logger = logging.getLogger(__name__)


def make_collator(
    masking: str, tokenizer: PreTrainedTokenizerBase, mlm_probability: float, seed: int | None
) -> DataCollatorForTokenMasking:
    """Return the collator of a masking by its name: 'token', 'span' or another strategy."""
    settings = {"tokenizer": tokenizer, "mlm_probability": mlm_probability, "seed": seed}
    strategy = MASKINGS[masking]
    return (
        DataCollatorForTokenMasking(**settings)
        if strategy is None
        else DataCollatorForSpanMasking(**settings, strategy=strategy)
    )


class OnePass(TrainerCallback):
    """Ends training with the stream: its blocks would be repeated with the same masks."""

    def on_epoch_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.global_step < state.max_steps:
            logger.warning(
                "the stream, and training with it, ended after %d of %d steps, before the end of the schedule",
                *(state.global_step, state.max_steps),
            )
        control.should_training_stop = True


class DaptTrainer(ResumableTrainer):
    """`Trainer` for DAPT, with the loss of `token_loss`; `evaluate` computes the held-out losses.

    `held_out` has blocks that are not trained on; they are masked once, the same way in every run.
    """

    args: DaptArguments
    control: TrainerControl
    _signature_columns: list[str]

    def __init__(
        self,
        model: PreTrainedModel,
        args: DaptArguments,
        tokenizer: PreTrainedTokenizerBase,
        blocks: Dataset | IterableDataset,
        held_out: Dataset | None,
        callbacks: Sequence[TrainerCallback] = (),
    ):
        if held_out is None:
            args = copy.copy(args)
            args.eval_strategy, args.eval_on_start = IntervalStrategy.NO, False
        collator = make_collator(args.masking, tokenizer, args.mlm_probability, args.seed)
        self.clock = StepClock()
        super().__init__(
            model=model,
            args=args,
            processing_class=tokenizer,
            data_collator=collator,
            train_dataset=blocks,
            eval_dataset=held_out,
            compute_loss_func=self._masked_loss,
            callbacks=[MaskingEpoch(collator), self.clock, *([OnePass()] if args.streaming else []), *callbacks],
        )
        self.head = MaskedHead(self.model, sparse=args.n_gpu <= 1)
        self.masked = {} if held_out is None else _masked_once(held_out, tokenizer)

    def _prepare_inputs(self, inputs: Mapping[str, Any]) -> Any:
        # Blocks have no padding; with no mask at all, attention skips its additions (a tenth of a step on a CPU).
        return super()._prepare_inputs({name: value for name, value in inputs.items() if name != "attention_mask"})

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the loss, with the head on the masked tokens alone."""
        with self.head.only_at(inputs["labels"] != IGNORED):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    @staticmethod
    def _masked_loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        return token_loss(outputs, masked_targets(outputs["logits"], labels), num_items_in_batch)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = list({*self._signature_columns, "entity_tags"})

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Compute the mean loss of a masked held-out token, and its exponential, under both of the paper's maskings."""
        metrics: dict[str, float] = {}
        for name, batch in self.masked.items():
            loss = self._held_out_loss(batch)
            metrics[f"{metric_key_prefix}_{name}_loss"] = loss
            metrics[f"{metric_key_prefix}_{name}_perplexity"] = math.exp(min(loss, 700))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    @torch.no_grad()
    def _held_out_loss(self, blocks: Mapping[str, Tensor]) -> float:
        """The loss summed over this process's share of the blocks, then over the processes."""
        size, rank, world = self.args.per_device_eval_batch_size, self.args.process_index, self.args.world_size
        model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=True)
        model.eval()
        total = torch.zeros(2, device=self.args.device, dtype=torch.float32)
        for start in range(rank * size, len(blocks["input_ids"]), size * world):
            inputs = self._prepare_inputs({name: value[start : start + size] for name, value in blocks.items()})
            labels = inputs.pop("labels")
            with self.compute_loss_context_manager(), self.head.only_at(labels != IGNORED):
                outputs = model(**inputs)
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            count = (labels != IGNORED).sum()
            total += torch.stack([self._masked_loss(outputs, labels, 1).float(), count.float()])
        loss, count = self.accelerator.reduce(total, "sum").tolist()
        if not math.isfinite(loss):
            raise ValueError(
                f"the held-out loss is {loss}: training has diverged; lower learning_rate or clip gradients"
            )
        return loss / count

    def history(self) -> list[dict[str, Any]]:
        """Return the held-out losses: `step`, `token_loss`, `token_perplexity`, `span_loss`, `span_perplexity`."""
        rows = {}
        for entry in self.state.log_history:
            scores = {name[5:]: value for name, value in entry.items() if name.startswith("eval_")}
            if scores:
                rows[entry["step"]] = {"step": entry["step"], **scores}
        return list(rows.values())

    @property
    def last_scored(self) -> int | None:
        """The step after which the held-out losses were last computed."""
        return max((row["step"] for row in self.history()), default=None)


def _masked_once(held_out: Dataset, tokenizer: PreTrainedTokenizerBase) -> dict[str, dict[str, Tensor]]:
    """One batch of all held-out blocks for each compared masking, with masks that depend on their content alone."""
    rows = [{"input_ids": ids} for ids in held_out["input_ids"]]
    masked = {}
    for name in COMPARED:
        collator = make_collator(name, tokenizer, HELD_OUT_PROBABILITY, HELD_OUT_SEED)
        collator.set_epoch(0)
        masked[name] = dict(collator(rows))
        if not (masked[name]["labels"] != IGNORED).any():
            raise ValueError("no token of the held-out text can be masked: does the tokenizer belong to the model?")
    return masked
