"""The stock Trainer for masked-language modelling: the head on masked positions, exact loss, held-out perplexities."""

import logging
import math
import time
from collections.abc import Mapping, Sequence

import torch
from datasets import Dataset
from torch import Tensor
from transformers import Trainer, TrainerCallback

from crossner_hf.finetuning.trainer import token_loss
from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking, MaskingEpoch
from crossner_hf.pretraining.arguments import COMPARED, MASKINGS, DaptArguments
from crossner_hf.pretraining.masked_lm import MaskedHead, masked_targets
from crossner_hf.tagger.tokenize_and_align import IGNORED

# Of the held-out masks, which are the same in every run of one block size.
HELD_OUT_SEED, HELD_OUT_PROBABILITY = 0, 0.2


logger = logging.getLogger(__name__)


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
    """Seconds of optimizer steps, evaluating and saving left out, and the pieces that went through them."""

    def __init__(self):
        self.seconds, self.pieces = 0.0, 0
        self._begun: float | None = None
        self._before = 0

    def on_train_begin(self, args, state, control, **kwargs):
        self._begun, self._before = None, state.num_input_tokens_seen

    def on_step_begin(self, args, state, control, **kwargs):
        self._begun = self._begun or time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        now = time.perf_counter()
        self.seconds += now - self._begun
        self.pieces += state.num_input_tokens_seen - self._before
        self._begun, self._before = now, state.num_input_tokens_seen

    def on_evaluate(self, args, state, control, **kwargs):
        self._begun = None

    on_save = on_evaluate


class OnePass(TrainerCallback):
    """Ends training where a stream ends: its blocks would come again with the same masks."""

    def on_epoch_end(self, args, state, control, **kwargs):
        if state.global_step < state.max_steps:
            logger.warning(
                "the stream ended after %d of %d steps, and training with it, short of the schedule's end",
                *(state.global_step, state.max_steps),
            )
        control.should_training_stop = True


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
            callbacks=[MaskingEpoch(collator), self.clock, *([OnePass()] if args.streaming else []), *callbacks],
        )
        self.head = MaskedHead(self.model, sparse=args.n_gpu <= 1)
        self.masked = {} if held_out is None else _masked_once(held_out, tokenizer)
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise ValueError("DAPT runs on one process or under torchrun (DDP); FSDP and DeepSpeed are not supported")

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
        if not math.isfinite(loss):
            raise ValueError(
                f"the held-out loss is {loss}: training has diverged; lower learning_rate or clip gradients"
            )
        return loss / count

    def history(self) -> list[dict[str, float]]:
        """The held-out losses by step: `step`, `token_loss`, `token_perplexity`, `span_loss`, `span_perplexity`."""
        found = {}
        for entry in self.state.log_history:
            scores = {name[5:]: value for name, value in entry.items() if name.startswith("eval_")}
            if scores:
                found[entry["step"]] = {"step": entry["step"], **scores}
        return list(found.values())

    @property
    def last_scored(self) -> int | None:
        """The step after which the held-out losses were last taken."""
        return max((row["step"] for row in self.history()), default=None)


def _masked_once(held_out: Dataset, tokenizer) -> dict[str, dict[str, Tensor]]:
    """Of each compared masking a batch of all held-out blocks, with masks of their content alone."""
    rows: Sequence[dict] = [{"input_ids": ids} for ids in held_out["input_ids"]]
    masked = {}
    for name in COMPARED:
        collator = make_collator(name, tokenizer, HELD_OUT_PROBABILITY, HELD_OUT_SEED)
        collator.set_epoch(0)
        masked[name] = dict(collator(rows))
        if not (masked[name]["labels"] != IGNORED).any():
            raise ValueError("nothing of the text held out can be masked: does the tokenizer belong to the model?")
    return masked
