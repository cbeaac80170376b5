"""Tagging music/test as raw text: the stock pipeline, our tagging, and its exports to ONNX in float32 and 8 bits."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import pipeline

import crossner_hf
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.onnx_export import export_onnx
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger

ROUNDS = 3


def bench_onnx(data_dir: str | None) -> list[tuple[str, str, str]]:
    """In turns, the fastest of each; the model is MiniLM with a fresh head that says mostly O."""
    texts = [" ".join(tokens) for tokens in crossner_hf.load("music", split="test", data_dir=data_dir)["tokens"]]
    taggers = EncoderTaggers("minilm")
    model = taggers.build(get_domain("music")).eval()
    with torch.no_grad():
        model.classifier.bias[0] = 1.0
    tagger = Tagger(model, taggers.tokenizer)
    stock = pipeline("token-classification", model=model, tokenizer=taggers.tokenizer, device="cpu")
    sides: dict[str, Callable[[], object]] = {
        "stock": lambda: stock(texts),
        "ours": lambda: list(tagger.tag_texts(texts)),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in ("float32", "int8"):
            path = export_onnx(tagger, Path(folder, name), int8=name == "int8")
            exported = Tagger.from_pretrained(str(path))
            sides[name] = lambda exported=exported: list(exported.tag_texts(texts))
        elapsed, processor = ({name: [] for name in sides} for _ in range(2))
        for _ in range(ROUNDS):
            for name, side in sides.items():
                begun, used = time.perf_counter(), time.process_time()
                side()
                elapsed[name].append(time.perf_counter() - begun)
                processor[name].append(time.process_time() - used)
    seconds, used = ({name: min(times) for name, times in kind.items()} for kind in (elapsed, processor))
    wanted = {"ours": "", "float32": "", "int8": "at least 4.5"}
    return [
        (
            f"tagging music/test, {name}: {seconds[name]:.2f} s, stock pipeline {seconds['stock']:.2f} s "
            f"(processor time {used[name]:.2f} and {used['stock']:.2f} s)",
            f"{seconds['stock'] / seconds[name]:.2f} x",
            text,
        )
        for name, text in wanted.items()
    ]
