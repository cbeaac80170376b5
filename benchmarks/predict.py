"""`crossner-hf predict` on large files: words in a second, peak memory, and two worker processes beside one.

Text is made from the sample's sentences, one to eight on a line. CROSSNER_PREDICT_MB is the size of the large file, to
which one of a tenth is compared. Memory is measured with a model of two layers of width 32, whose file is as large as
the time allows; its weights and MiniLM's head are random and say mostly O.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import BertConfig, BertForTokenClassification

import crossner_hf
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.schema import get_domain

LARGE_MB = float(os.environ.get("CROSSNER_PREDICT_MB", "100"))
FILES, FILE_MB = 4, 0.4  # of a folder; small files measure the start of the processes
MEGABYTE = 1_000_000


class Usage(NamedTuple):
    """Of one command: words in its input, elapsed and processor seconds, peak resident MB."""

    words: int
    seconds: float
    processor: float
    peak: float


def write_text(path: Path, megabytes: float) -> int:
    """Write a file of about this size; gives the number of its words."""
    rng, size, words = random.Random(0), 0, 0
    sentences = [" ".join(tokens) for tokens in crossner_hf.load("sample_music", split="train")["tokens"]]
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * MEGABYTE:
            line = " ".join(rng.choices(sentences, k=rng.randint(1, 8))) + "\n"
            size, words = size + file.write(line), words + len(line.split())
    return words


def save_tagger(folder: Path, *, tiny: bool) -> str:
    taggers = EncoderTaggers("minilm")
    model = taggers.build(get_domain("music"))
    if tiny:
        labels = {name: getattr(model.config, name) for name in ("id2label", "label2id", "vocab_size")}
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        model = BertForTokenClassification(BertConfig(**sizes, **labels))
    with torch.no_grad():
        model.classifier.bias[0] = 5.0
    model.save_pretrained(folder)
    taggers.tokenizer.save_pretrained(folder)
    return str(folder)


def run(words: int, *arguments: str) -> Usage:
    command = [sys.executable, "-m", "crossner_hf", "predict", *arguments, "--to", "jsonl"]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command} failed")
    seconds = time.perf_counter() - begun
    return Usage(words, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def bench_predict(data_dir: str | None) -> list[tuple[str, str, str]]:
    """Starting Python and loading the model are part of all times."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        models = {tiny: save_tagger(folder / str(tiny), tiny=tiny) for tiny in (True, False)}
        text = folder / "text.txt"
        sizes = (LARGE_MB / 10, LARGE_MB)
        small, large = (run(write_text(text, size), "--model", models[True], str(text)) for size in sizes)
        (folder / "texts").mkdir()
        words = sum(write_text(folder / "texts" / f"{number}.txt", FILE_MB) for number in range(FILES))
        by_workers = []
        for workers in ("1", "2"):
            places = (str(folder / "texts"), "--output", str(folder / f"tagged-{workers}"))
            by_workers.append(run(words, "--model", models[False], *places, "--workers", workers))
    one, two = by_workers
    return [
        (
            f"predict, {LARGE_MB:g} MB of text ({large.words:,} words), tiny model: {large.seconds:.0f} s",
            f"{large.words / large.processor:,.0f} words a second of processor time",
            "",
        ),
        (
            f"  peak memory for {LARGE_MB / 10:g} MB and for {LARGE_MB:g} MB",
            f"{small.peak:.0f} and {large.peak:.0f} MB",
            "the same",
        ),
        (
            f"predict, MiniLM, a folder of {FILES} files ({words:,} words), one worker: {one.seconds:.0f} s",
            f"{words / one.processor:,.0f} words a second of processor time",
            "",
        ),
        (
            f"  two workers: {two.seconds:.0f} s",
            f"{one.seconds / two.seconds:.2f} x",
            "at least 1.8 on two free cores",
        ),
    ]
