"""A direct run on politics against a stock Trainer script and the released code's loop; memory of joint training."""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial

import numpy as np
import torch
from datasets import Dataset
from seqeval.metrics import f1_score
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

import crossner_hf
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.presets import preset
from crossner_hf.packaged_encoder import encoder_path
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import load_tokenizer
from crossner_hf.tagger.tokenize_and_align import encode_labelled

EPOCHS = 4
RECIPE = {**preset("small"), "num_train_epochs": EPOCHS, "seed": 555}


def encoded(tokenizer, split: Dataset) -> Dataset:
    columns, _ = encode_labelled(tokenizer, split["tokens"][:], split["ner_tags"][:], 512)
    return Dataset.from_dict(columns)


def stock_run(domain: Domain, data_dir: str | None, folder: str) -> tuple[float, float]:
    """A token-classification script as transformers' examples write it: seconds of training and the best dev F1."""
    tokenizer = load_tokenizer(encoder_path("minilm"))
    data = crossner_hf.load(domain.name, data_dir=data_dir)
    sets = {split: encoded(tokenizer, data[split]) for split in ("train", "validation")}
    torch.manual_seed(555)
    model = AutoModelForTokenClassification.from_pretrained(
        encoder_path("minilm"), num_labels=len(domain.labels), id2label=domain.id2label, label2id=domain.label2id
    )
    args = TrainingArguments(
        folder,
        **RECIPE,
        max_grad_norm=0.0,
        per_device_eval_batch_size=16,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )

    def compute_metrics(prediction):
        predicted = np.argmax(prediction.predictions, axis=-1)
        kept = [labels != -100 for labels in prediction.label_ids]
        named = [
            [[domain.labels[i] for i in row[mask]] for row, mask in zip(rows, kept, strict=True)]
            for rows in (prediction.label_ids, predicted)
        ]
        return {"f1": f1_score(*named)}

    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=sets["train"],
        eval_dataset=sets["validation"],
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=compute_metrics,
    )
    trainer.remove_callback(PrinterCallback)
    begun = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begun
    return seconds, max(entry["eval_f1"] for entry in trainer.state.log_history if "eval_f1" in entry)


def our_run(domain: Domain, data_dir: str | None, folder: str) -> tuple[float, float]:
    args = FineTuningArguments(
        output_dir=f"{folder}/ours",
        **RECIPE,
        save_strategy="no",
        load_best_model_at_end=False,
        early_stopping_patience=0,
        disable_tqdm=True,
        report_to=[],
        test=False,
    )
    record = fine_tune(domain, "minilm", args, data_dir=data_dir)
    return record["wall_seconds"], max(record["dev_by_epoch"])


def official_epoch(domain: Domain, data_dir: str | None) -> float:
    """Seconds of an epoch as the released code has it: the masked-LM head runs everywhere, three splits are scored.

    Like src/trainer.py of zliucr/CrossNER: random order, hidden states of the masked-LM model into a linear layer.
    """
    tokenizer = load_tokenizer(encoder_path("minilm"))
    data = crossner_hf.load(domain.name, data_dir=data_dir)
    model = AutoModelForMaskedLM.from_pretrained(encoder_path("minilm"))
    head = torch.nn.Linear(model.config.hidden_size, len(domain.labels))
    optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=RECIPE["learning_rate"])
    collator = DataCollatorForTokenClassification(tokenizer)
    sets = {split: list(encoded(tokenizer, rows)) for split, rows in data.items()}
    size = RECIPE["per_device_train_batch_size"]

    def logits_of(rows):
        batch = collator(rows)
        labels = batch.pop("labels")
        return head(model(**batch, output_hidden_states=True).hidden_states[-1]), labels

    begun = time.perf_counter()
    model.train()
    order = torch.randperm(len(sets["train"]), generator=torch.Generator().manual_seed(0)).tolist()
    for start in range(0, len(order), size):
        logits, labels = logits_of([sets["train"][i] for i in order[start : start + size]])
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for rows in sets.values():
            for start in range(0, len(rows), size):
                logits_of(rows[start : start + size])[0].argmax(-1)
    return time.perf_counter() - begun


MEMORY = """
import json, resource, sys
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
setting, folder, data_dir = sys.argv[1:]
args = FineTuningArguments(output_dir=folder, setting=setting, max_steps=4, max_length=64, eval_strategy="no",
    save_strategy="no", load_best_model_at_end=False, early_stopping_patience=0, report_to=[], test=False)
fine_tune("music", "minilm", args, data_dir=data_dir or None)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""


def peak_memory(setting: str, folder: str, data_dir: str | None) -> float:
    """Peak resident MB of a short run in a process of its own."""
    words = [sys.executable, "-c", MEMORY, setting, f"{folder}/{setting}", data_dir or ""]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def bench_settings(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """The two runs alternate twice and the faster of each counts; memory is that of whole processes."""
    domain = get_domain("politics")
    runs = {"stock": partial(stock_run, domain, data_dir), "ours": partial(our_run, domain, data_dir)}
    times: dict[str, list] = {name: [] for name in runs}
    for _ in range(2):
        for name, run in runs.items():
            with tempfile.TemporaryDirectory() as folder:
                times[name].append(run(folder))
    (stock, stock_f1), (ours, our_f1) = (min(times[name]) for name in runs)
    official = official_epoch(domain, data_dir) * EPOCHS
    with tempfile.TemporaryDirectory() as folder:
        memory = {setting: peak_memory(setting, folder, data_dir) for setting in ("direct", "joint")}
    return [
        (
            f"direct run on politics, {EPOCHS} epochs: {ours:.0f} s, dev F1 {100 * our_f1:.1f}; "
            f"stock script {stock:.0f} s, dev F1 {100 * stock_f1:.1f}",
            f"{stock / ours:.2f} x",
            "at least 1.3",
        ),
        (
            f"  against the released code's loop, {official:.0f} s for as many epochs",
            f"{official / ours:.2f} x",
            "",
        ),
        (
            f"joint training on music: peak {memory['joint']:.0f} MB; direct {memory['direct']:.0f} MB",
            f"{memory['joint'] - memory['direct']:.0f} MB more",
            "the source set once",
        ),
    ]
