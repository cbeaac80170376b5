"""The stock Trainer with CrossNER's loss contract, batches and dev scoring."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import numpy as np
import pyarrow.compute as pc
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import SequentialSampler
from transformers import DataCollatorForTokenClassification, EvalPrediction, Trainer

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.length_grouped_sampler import LengthGroupedBatches
from crossner_hf.finetuning.transfer import Transfer
from crossner_hf.metric import compute_metrics
from crossner_hf.schema import Domain
from crossner_hf.tagger.tagger import takes_word_mask
from crossner_hf.tagger.tokenize_and_align import IGNORED


def token_loss(
    outputs, labels: Tensor, num_items_in_batch: Tensor | int | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy summed over the labelled positions, over `num_items_in_batch` if given, else over their number.

    labels: (batch, time), -100 where nothing is scored. Trainer counts `num_items_in_batch` over micro-batches and
    ranks, so accumulation and several processes give the gradient of one large batch. The stock models' own loss is
    multiplied instead (transformers 5.23, issue 47688 there).
    """
    logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    total = cross_entropy(
        logits.float().flatten(0, 1),
        labels.flatten(),
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    count = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
    return total / torch.as_tensor(count, device=total.device).clamp(min=1)


def predicted_ids(outputs, labels: Tensor) -> Tensor:
    """What dev scoring needs of a model's outputs: its own `predicted_ids` if it has them, else the argmax.

    outputs: logits (batch, time, labels), or a tuple that begins with them; labels: (batch, time)
    """
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    for output in outputs[1:]:
        if isinstance(output, Tensor) and output.shape == labels.shape and not output.is_floating_point():
            return output
    return outputs[0].argmax(-1)


class TaggerTrainer(Trainer):
    """`Trainer` for taggers; dev sentences are expected sorted by length, as `stage_examples` gives them.

    carried: what the optimizer goes on with, in the place of a fresh state
    """

    args: FineTuningArguments

    def __init__(
        self,
        *,
        model,
        args,
        processing_class,
        train_dataset,
        eval_dataset,
        compute_metrics=None,
        carried: Transfer | None = None,
        **kwargs,
    ):
        self.carried = carried
        super().__init__(
            model=model,
            args=args,
            processing_class=processing_class,
            data_collator=DataCollatorForTokenClassification(processing_class),
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            # Our own models have their own loss, which keeps the same contract.
            compute_loss_func=None
            if takes_word_mask(model)
            else partial(token_loss, label_smoothing=args.label_smoothing_factor),
            compute_metrics=compute_metrics,
            preprocess_logits_for_metrics=predicted_ids,
            **kwargs,
        )

    def _get_train_sampler(self, train_dataset=None):
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if not self.args.length_grouped_batches or self.args.train_sampling_strategy != "random":
            return super()._get_train_sampler(dataset)
        ids = dataset.select_columns("input_ids").with_format("arrow")[:]["input_ids"]
        lengths = pc.list_value_length(ids).to_numpy()
        # What belongs to one optimizer step is drawn together, however it is laid out over ranks and micro-batches.
        size = self.args.train_batch_size * self.args.world_size * self.args.gradient_accumulation_steps
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return LengthGroupedBatches(lengths, size, seed)

    def create_optimizer(self, model=None):
        new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if new and self.carried is not None:
            if self.is_fsdp_enabled or self.is_deepspeed_enabled:
                raise ValueError("FSDP and DeepSpeed cannot carry the optimizer's state over: --source_optimizer fresh")
            self.carried.into_optimizer(optimizer, self.model)
        return optimizer

    def _get_eval_sampler(self, eval_dataset):
        return SequentialSampler(eval_dataset)

    def _get_grad_norm(self, model, grad_norm=None):
        if grad_norm is None and not self.is_fsdp_enabled and not self.is_deepspeed_enabled:
            # Without clipping the norm is only logged. The stock way also multiplies every gradient by 1.
            grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
            return torch.nn.utils.get_total_norm(grads)
        return super()._get_grad_norm(model, grad_norm=grad_norm)


def dev_scorer(
    domain: Domain, gold: Sequence[Sequence[int]], labelled: Sequence[Sequence[int]], order: Sequence[int]
) -> Callable[[EvalPrediction], dict]:
    """The `compute_metrics` of a run: scores whole sentences, in the file's order.

    gold:     label ids of every sentence, in the order of the file, cut nowhere
    labelled: for each of them the indices of the words that the model sees; the others count as predicted `O`
    order:    row of the evaluation set to index into `gold`
    """
    score = compute_metrics(domain)
    width = max(map(len, gold), default=1)

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        predicted = np.full((len(gold), width), IGNORED)
        labels = np.full((len(gold), width), IGNORED)
        for ids, marks, sentence in zip(_rows(prediction.predictions), _rows(prediction.label_ids), order, strict=True):
            labels[sentence, : len(gold[sentence])] = gold[sentence]
            predicted[sentence, : len(gold[sentence])] = 0
            predicted[sentence, labelled[sentence]] = ids[marks != IGNORED]
        return score(EvalPrediction(predictions=predicted, label_ids=labels))

    return compute


def _rows(batches):
    """The rows of an array, or of the list of arrays that `eval_do_concat_batches=False` gives."""
    return chain.from_iterable(batches) if isinstance(batches, list | tuple) else batches
