"""The stock Trainer for masked-language modelling: the head on masked positions, exact loss, held-out perplexities."""

import math
import time
from collections.abc import Mapping, Sequence

import torch
from datasets import Dataset
from torch import Tensor
from transformers import Trainer, TrainerCallback

from crossner_hf.encoding import IGNORED
from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking, MaskingEpoch
from crossner_hf.training.dapt_arguments import COMPARED, MASKINGS, DaptArguments
from crossner_hf.training.masked_head import MaskedHead, masked_targets
from crossner_hf.training.trainer import token_loss

HELD_OUT_SEED = 0  # of the held-out masks, which are the same in every run


def make_collator(masking: str, tokenizer, mlm_probability: float, seed: int | None) -> DataCollatorForTokenMasking:
    """The collator of a masking by its name: 'token', 'span' or another strategy."""
    chosen = {"tokenizer": tokenizer, "mlm_probability": mlm_probability, "seed": seed}
    strategy = MASKINGS[masking]
    return (
        DataCollatorForTokenMasking(**chosen)
        if strategy is None
        else DataCollatorForSpanMasking(**chosen, strategy=strategy)
    )


class StepClock(TrainerCallback):
    """Seconds from the beginning to the end of optimizer steps, what lies between them left out, and their number."""

    def __init__(self):
        self.seconds, self.steps = 0.0, 0
        self._begun: float | None = None

    def on_train_begin(self, args, state, control, **kwargs):
        self._begun = None

    def on_step_begin(self, args, state, control, **kwargs):
        self._begun = self._begun or time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        now = time.perf_counter()
        self.seconds += now - self._begun
        self.steps += 1
        self._begun = now

    def on_evaluate(self, args, state, control, **kwargs):
        self._begun = None

    on_save = on_evaluate


class DaptTrainer(Trainer):
    """`Trainer` for DAPT. Its loss keeps the contract of `token_loss`; `evaluate` gives the held-out losses.

    held_out: blocks that are never trained on, or None. They are masked once, the same way in every run.
    """

    args: DaptArguments

    def __init__(self, *, model, args: DaptArguments, tokenizer, train_dataset, held_out: Dataset | None, callbacks=()):
        collator = make_collator(args.masking, tokenizer, args.mlm_probability, args.seed)
        self.clock = StepClock()
        super().__init__(
            model=model,
            args=args,
            processing_class=tokenizer,
            data_collator=collator,
            train_dataset=train_dataset,
            eval_dataset=held_out,
            compute_loss_func=self._masked_loss,
            callbacks=[MaskingEpoch(collator), self.clock, *callbacks],
        )
        self.head = MaskedHead(self.model, sparse=args.n_gpu <= 1)
        self.masked = {} if held_out is None else _masked_once(held_out, tokenizer, args.mlm_probability)

    def _prepare_inputs(self, inputs):
        # Blocks have no padding; with no mask at all, attention skips its additions (a tenth of a step on a CPU).
        return super()._prepare_inputs({name: value for name, value in inputs.items() if name != "attention_mask"})

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        with self.head.only_at(inputs["labels"] != IGNORED):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    @staticmethod
    def _masked_loss(outputs, labels: Tensor, num_items_in_batch=None) -> Tensor:
        return token_loss(outputs, masked_targets(outputs["logits"], labels), num_items_in_batch)

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()
        self._signature_columns = list({*self._signature_columns, "entity_tags"})

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval") -> dict[str, float]:
        """The mean loss of a masked piece held out, and its exponential, under both of the paper's maskings."""
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
        """Summed over this process's share of the blocks, then over the processes."""
        size, rank, world = self.args.per_device_eval_batch_size, self.args.process_index, self.args.world_size
        model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=True)
        model.eval()
        total = torch.zeros(2, device=self.args.device, dtype=torch.float32)
        for start in range(rank * size, len(blocks["input_ids"]), size * world):
            inputs = self._prepare_inputs({name: value[start : start + size] for name, value in blocks.items()})
            labels = inputs.pop("labels")
            with self.compute_loss_context_manager(), self.head.only_at(labels != IGNORED):
                outputs = model(**inputs)
            count = (labels != IGNORED).sum()
            total += torch.stack([self._masked_loss(outputs, labels, 1).float(), count.float()])
        loss, count = self.accelerator.reduce(total, "sum").tolist()
        return loss / max(count, 1)


def _masked_once(held_out: Dataset, tokenizer, mlm_probability: float) -> dict[str, dict[str, Tensor]]:
    """Of each compared masking a batch of all held-out blocks, with masks of their content alone."""
    rows: Sequence[dict] = [{"input_ids": ids} for ids in held_out["input_ids"]]
    masked = {}
    for name in COMPARED:
        collator = make_collator(name, tokenizer, mlm_probability, HELD_OUT_SEED)
        collator.set_epoch(0)
        masked[name] = dict(collator(rows))
    return masked
