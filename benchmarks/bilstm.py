"""Words a second of an epoch of BiLSTM-CRF on CoNLL-2003, beside PyTorch's LSTM alone on the same batches."""

import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from transformers import TrainerCallback

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.length_grouped_sampler import LengthGroupedBatches
from crossner_hf.finetuning.presets import preset
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.schema import SOURCE


def bench_bilstm(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """Both train on the same rows: embeddings, characters, CRF and optimizer on the one side, the LSTM on the other."""
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder, "vectors.txt")
        vectors.write_text("the" + " 0.1" * 50 + "\n", encoding="utf-8")  # the words' values do not matter here
        task = Task({"target": SOURCE}, str(vectors), data_dir, choice=TaggerChoice("bilstm-crf"))
        args = FineTuningArguments(
            output_dir=folder,
            tagger="bilstm-crf",
            num_train_epochs=1,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            early_stopping_patience=0,
            **preset("lstm"),
        )
        model = task.new_tagger("target")
        examples = stage_examples(*args.stages(), task, model.config, args)
        lengths = [len(row) for row in examples.train["input_ids"]]
        beside = KernelBeside(lengths, args.train_batch_size, model)
        trainer = TaggerTrainer(model, args, task.tokenizer, examples, [beside])
        begun = time.perf_counter()
        trainer.train()
        ours = time.perf_counter() - begun - beside.seconds
    return [
        (
            f"epoch of BiLSTM-CRF on conll2003, batch {args.train_batch_size}, against the LSTM alone "
            f"({sum(lengths) / ours:,.0f} words a second)",
            f"{100 * beside.seconds / ours:.0f} % of its speed",
            "at least 60 %",
        )
    ]


class KernelBeside(TrainerCallback):
    """After each step of training, forward and backward of the bare bidirectional LSTM over as large a batch.

    So both have the same share of what else the machine does.
    """

    def __init__(self, lengths: list[int], size: int, model):
        encoder = model.encoder
        self.width = encoder.embedding.width
        self.lstm = nn.LSTM(
            self.width, model.config.hidden_size, model.config.num_hidden_layers, batch_first=True, bidirectional=True
        )
        order = list(LengthGroupedBatches(lengths, size, seed=555))
        batches = (order[i : i + size] for i in range(0, len(order), size))
        self.shapes = [(len(batch), max(lengths[i] for i in batch)) for batch in batches]
        self.seconds = 0.0

    def on_step_end(self, args, state, control, **kwargs):
        begun = time.perf_counter()
        x = torch.randn(*self.shapes[state.global_step - 1], self.width, requires_grad=True)
        self.lstm(x)[0].sum().backward()
        self.seconds += time.perf_counter() - begun
