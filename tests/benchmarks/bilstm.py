"""Words a second of an epoch of BiLSTM-CRF on CoNLL-2003, beside PyTorch's LSTM alone on the same batches."""

import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from crossner_hf.schema import SOURCE
from crossner_hf.training.arguments import FineTuningArguments, preset
from crossner_hf.training.batches import LengthGroupedBatches
from crossner_hf.training.examples import stage_examples
from crossner_hf.training.settings import TaggerChoice
from crossner_hf.training.task import Task
from crossner_hf.training.trainer import TaggerTrainer


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
        train = stage_examples(*args.stages(), task, model.config, args).train
        trainer = TaggerTrainer(
            model=model, args=args, processing_class=task.tokenizer, train_dataset=train, eval_dataset=None
        )
        begun = time.perf_counter()
        trainer.train()
        ours = time.perf_counter() - begun
    lengths = [len(row) for row in train["input_ids"]]
    alone = kernel_seconds(lengths, args.train_batch_size, model)
    return [
        (
            f"epoch of BiLSTM-CRF on conll2003, batch {args.train_batch_size}, against the LSTM alone "
            f"({sum(lengths) / ours:,.0f} words a second)",
            f"{100 * alone / ours:.0f} % of its speed",
            "at least 60 %",
        )
    ]


def kernel_seconds(lengths: list[int], size: int, model) -> float:
    """Forward and backward of the bare bidirectional LSTM over the same padded batches."""
    encoder = model.encoder
    lstm = nn.LSTM(
        encoder.embedding.width,
        model.config.hidden_size,
        model.config.num_hidden_layers,
        batch_first=True,
        bidirectional=True,
    )
    order = list(LengthGroupedBatches(lengths, size, seed=555))
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    begun = time.perf_counter()
    for batch in batches:
        x = torch.randn(len(batch), max(lengths[i] for i in batch), encoder.embedding.width, requires_grad=True)
        lstm(x)[0].sum().backward()
    return time.perf_counter() - begun
