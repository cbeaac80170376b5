"""The stock Trainer with the loss of `token_loss`, length-grouped batches and scores of whole dev sentences."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Sampler, SequentialSampler
from transformers import (
    DataCollatorForTokenClassification,
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
)
from transformers.training_args import OptimizerNames

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.early_stopping import EarlyStopping
from crossner_hf.finetuning.length_grouped_sampler import LengthGroupedBatches
from crossner_hf.finetuning.optimizer_switch import RMSpropThenSGD, SwitchToSGD
from crossner_hf.finetuning.streams import StreamBatches
from crossner_hf.finetuning.tokenized_dataset import DevSet, Examples
from crossner_hf.finetuning.transfer import Transfer
from crossner_hf.metric import compute_metrics
from crossner_hf.models.outputs import domain_counts
from crossner_hf.tagger.iob2 import gaps_in_entities
from crossner_hf.tagger.tagger import takes, takes_word_mask
from crossner_hf.tagger.tokenize_and_align import IGNORED
from crossner_hf.training.resumable_trainer import ResumableTrainer
from crossner_hf.training.token_loss import token_loss


def predicted_ids(outputs: Any, labels: Tensor) -> Tensor:
    """Return the label ids of a model's outputs: its own `predicted_ids` if it has them, else the argmax."""
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    for output in outputs[1:]:
        if isinstance(output, Tensor) and output.shape == labels.shape and not output.is_floating_point():
            return output
    return outputs[0].argmax(-1)


class TaggerTrainer(ResumableTrainer):
    """`Trainer` for taggers; with `early_stopping_patience`, training stops early.

    Attributes:
        carried: What a new optimizer starts from, in the place of an empty state.
    """

    args: FineTuningArguments
    carried: Transfer | None = None
    lr_scheduler: Any

    def __init__(
        self,
        model: PreTrainedModel,
        args: FineTuningArguments,
        tokenizer: PreTrainedTokenizerBase,
        examples: Examples,
        callbacks: Sequence[TrainerCallback] = (),
    ):
        dev, callbacks = examples.dev, list(callbacks)
        self.mixture = examples.mixture
        if dev is not None and args.early_stopping_patience and args.eval_strategy != "no":
            callbacks.append(EarlyStopping(args.early_stopping_patience))
        if args.switch_to_sgd is not None:
            callbacks.append(SwitchToSGD(args.switch_to_sgd, args.sgd_learning_rate))
        super().__init__(
            model=model,
            args=args,
            processing_class=tokenizer,
            data_collator=DataCollatorForTokenClassification(tokenizer),
            train_dataset=examples.train,
            eval_dataset=dev and dev.rows,
            # Our own models have a loss of their own, which is divided in the same way.
            compute_loss_func=None
            if takes_word_mask(model)
            else partial(token_loss, label_smoothing=args.label_smoothing_factor),
            compute_metrics=dev and dev_scorer(dev),
            preprocess_logits_for_metrics=predicted_ids,
            callbacks=callbacks,
        )

        # SGD adds the gradient alone, so the rows without one can be left out; DDP needs all rows.
        for table in self._sparse_tables():
            table.sparse = args.optim == OptimizerNames.SGD and max(args.world_size, args.n_gpu) <= 1

    def _sparse_tables(self) -> list[nn.Embedding]:
        """The tables of which a batch needs few rows, if the model names them; they have no weight decay."""
        named = getattr(self.model, "sparse_tables", None)
        return named() if named else []

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        without = {id(table.weight) for table in self._sparse_tables()}
        parameters = dict(self.model.named_parameters())
        return [n for n in super().get_decay_parameter_names(model) if id(parameters.get(n)) not in without]

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int] | None:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        by_length = self.args.length_grouped_batches and self.args.train_sampling_strategy == "random"
        if not by_length and self.mixture is None:
            return super()._get_train_sampler(dataset)
        ids = dataset.select_columns("input_ids").with_format("arrow")[:]["input_ids"]
        lengths = pc.list_value_length(ids).to_numpy()
        # The sentences of one optimizer step are drawn together, however processes and micro-batches share them.
        size = self._step_size()
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        if self.mixture is not None:
            return StreamBatches(lengths if by_length else np.ones(len(lengths)), self.mixture, size, seed)
        return LengthGroupedBatches(lengths, size, seed)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """Count the items of an optimizer step; for a model that tells domains apart, those of each domain."""
        if not takes(self.model, "domain_ids") or not batch_samples:
            return super()._get_num_items_in_batch(batch_samples, device)
        counts = [domain_counts(batch["labels"], batch.get("domain_ids")) for batch in batch_samples]
        total = torch.stack(counts).sum(0).to(device)
        return self.accelerator.gather(total.unsqueeze(0)).sum(0)

    @staticmethod
    def get_optimizer_cls_and_kwargs(args: Any, model: PreTrainedModel | None = None) -> tuple[Any, Any]:
        """Return the optimizer's class and options; with `switch_to_sgd`, one that can become SGD."""
        stock, options = ResumableTrainer.get_optimizer_cls_and_kwargs(args, model)
        return (stock if args.switch_to_sgd is None else RMSpropThenSGD), options

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Create the optimizer once, with the state that is carried over."""
        new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if new and self.args.encoder_learning_rate is not None:
            _set_rate_of_encoder(optimizer, self.model, self.args.encoder_learning_rate)
        if new and self.carried is not None:
            self.carried.into_optimizer(optimizer, self.model)
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Create the schedule; with `lr_decay`, the rate is divided by 1 + lr_decay x the epochs that are over."""
        if not self.args.lr_decay:
            return super().create_scheduler(num_training_steps, optimizer)
        if self.lr_scheduler is None:
            sampler = self._get_train_sampler()
            assert isinstance(sampler, Sized)  # as all samplers of data sets of a known length
            per_epoch = -(-len(sampler) // self._step_size())
            self.lr_scheduler = LambdaLR(
                self.optimizer if optimizer is None else optimizer,
                lambda step: 1 / (1 + self.args.lr_decay * (step // per_epoch)),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _step_size(self) -> int:
        return self.args.train_batch_size * self.args.world_size * self.args.gradient_accumulation_steps

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler[int]:
        return SequentialSampler(eval_dataset)

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        sparse = any(table.sparse for table in self._sparse_tables())  # whose norm the stock way cannot compute
        if not sparse and (self.args.device.type != "cpu" or self.args.world_size > 1):
            return super()._clip_grad_norm(model)
        gradients = list(_gradients(model))
        norm = torch.nn.utils.get_total_norm(gradients)
        factor = self.args.max_grad_norm / (norm + 1e-6)
        if not factor >= 1:  # also where it is no number; the stock way multiplies in any case
            for gradient in gradients:
                gradient.mul_(factor)
        return norm

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        if grad_norm is None:
            # Without clipping the norm is only logged. The stock way also multiplies every gradient by 1.
            return torch.nn.utils.get_total_norm(list(_gradients(model)))
        return super()._get_grad_norm(model, grad_norm=grad_norm)


def _gradients(model: nn.Module) -> Iterator[Tensor]:
    """Yield the gradients; of a sparse one its values, which are changed by what changes them."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
            yield parameter.grad.values() if parameter.grad.is_sparse else parameter.grad


def _set_rate_of_encoder(optimizer: torch.optim.Optimizer, model: PreTrainedModel, rate: float) -> None:
    """Put the encoder's parameters into groups of their own, with their own learning rate."""
    encoder = getattr(model.base_model, "reader", model.base_model)
    trained = {id(p) for p in encoder.parameters() if p.requires_grad} if isinstance(encoder, PreTrainedModel) else ()
    if not trained:
        raise ValueError(
            "encoder_learning_rate: no encoder is trained; --config-overrides freeze_encoder=false trains it"
        )
    groups = list(optimizer.param_groups)
    for group in groups:
        apart = [p for p in group["params"] if id(p) in trained]
        group["params"] = [p for p in group["params"] if id(p) not in trained]
        optimizer.add_param_group({**group, "params": apart, "lr": rate})
    optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]


def dev_scorer(dev: DevSet) -> Callable[[EvalPrediction], dict[str, float]]:
    """Return the `compute_metrics` of a run, which scores whole sentences in the file's order."""
    score = compute_metrics(dev.domain)
    gold, width = dev.gold, max(map(len, dev.gold), default=1)

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        predicted = np.full((len(gold), width), IGNORED)
        labels = np.full((len(gold), width), IGNORED)
        rows = zip(_rows(prediction.predictions), _rows(prediction.label_ids), dev.order, strict=True)
        for ids, token_labels, sentence in rows:
            labels[sentence, : len(gold[sentence])] = gold[sentence]
            predicted[sentence, : len(gold[sentence])] = 0
            seen = dev.labelled[sentence]
            predicted[sentence, seen] = ids[token_labels != IGNORED]
            if len(seen) < len(gold[sentence]):
                tags = [dev.domain.labels[i] for i in predicted[sentence, : len(gold[sentence])]]
                for word, following in gaps_in_entities(tags, seen):  # as a Tagger does
                    predicted[sentence, word] = predicted[sentence, following]
        return score(EvalPrediction(predictions=predicted, label_ids=labels))

    return compute


def _rows(batches: Any) -> Iterable[np.ndarray]:
    """Return the rows of an array, or of the list of arrays that `eval_do_concat_batches=False` gives."""
    return chain.from_iterable(batches) if isinstance(batches, list | tuple) else batches
