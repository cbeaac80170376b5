"""Speed, as ratios and shares measured side by side in one run: `make bench` (BENCH="scorer start" for some rows).

The official files are taken from --data_dir or CROSSNER_DATA_DIR, else downloaded. Times are the best of several, since
a shared machine only ever adds to them.
"""

import argparse
import copy
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import torch
from bilstm import bench_bilstm
from corpus import bench_corpus
from corpus_build import bench_corpus_build
from crf import bench_crf
from dapt import bench_dapt
from dumps import bench_dumps
from elsewhere import bench_elsewhere
from masking import bench_masking
from matching import bench_matching
from multi_cell import bench_multi_cell
from onnx_tagging import bench_onnx
from predict import bench_predict
from report import bench_report
from sampled_softmax import bench_sampled_softmax
from sentences import bench_sentences
from settings import bench_settings
from transformers import TrainerCallback, pipeline
from transformers.utils import logging

import crossner_hf
from crossner_hf.display import table
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.metric import score
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training.flops import layer_parameters, matmul_peak


def best_of(repeats: int, function: Callable, *args, **kwargs) -> float:
    """Seconds of the fastest of several calls."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function(*args, **kwargs)
        times.append(time.perf_counter() - begun)
    return min(times)


class EpochTimes(TrainerCallback):
    """Seconds of each epoch, dev scoring included."""

    def __init__(self):
        self.marks = []

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.marks.append(time.perf_counter())

    def on_train_end(self, args, state, control, **kwargs):
        self.marks.append(time.perf_counter())

    @property
    def fastest(self) -> float:
        return min(after - before for before, after in pairwise(self.marks))


def bench_epoch(data_dir: str | None) -> list[tuple[str, str, str]]:
    """An epoch of politics against the FLOPs it needs: 2 a parameter and token forward, 6 with the backward pass."""
    domain = get_domain("politics")
    task, model = Task({"target": domain}, "minilm", data_dir), EncoderTaggers("minilm").build(domain)
    timer = EpochTimes()
    with tempfile.TemporaryDirectory() as folder:
        args = FineTuningArguments(
            output_dir=folder,
            num_train_epochs=3,
            learning_rate=5e-4,
            save_strategy="no",
            load_best_model_at_end=False,
            early_stopping_patience=0,
        )
        examples = stage_examples(*args.stages(), task, model.config, args)
        trainer = TaggerTrainer(model, args, task.tokenizer, examples, [timer])
        before = matmul_peak()
        trainer.train()
        peak = max(before, matmul_peak())
    tokens = {split: sum(map(len, trainer_set["input_ids"])) for split, trainer_set in _sets(trainer).items()}
    flop = 2 * layer_parameters(model) * (3 * tokens["train"] + tokens["validation"])
    return [
        (
            f"epoch of politics, MiniLM, batch 16: {timer.fastest:.1f} s, floor {flop / peak:.1f} s "
            f"({flop / 1e12:.2f} TFLOP at {peak / 1e9:.0f} GFLOP/s)",
            f"{timer.fastest * peak / flop:.2f} x floor",
            "at most 2.0",
        )
    ]


def _sets(trainer) -> dict:
    return {"train": trainer.train_dataset, "validation": trainer.eval_dataset}


def bench_tagging(data_dir: str | None) -> list[tuple[str, str, str]]:
    """Tagging music/test as raw text, against the stock pipeline with the same model."""
    domain = get_domain("music")
    texts = [" ".join(tokens) for tokens in crossner_hf.load("music", split="test", data_dir=data_dir)["tokens"]]
    taggers = EncoderTaggers("minilm")
    tokenizer, model = taggers.tokenizer, taggers.build(domain).eval()
    with torch.no_grad():  # mostly O, as a trained tagger: a fresh head would flood both pipelines with entities
        model.classifier.bias[0] = 1.0
    stock = pipeline("token-classification", model=model, tokenizer=tokenizer, device="cpu")
    tagger = Tagger(model, tokenizer)
    before = matmul_peak()
    ours = best_of(3, lambda: list(tagger.tag_texts(texts)))
    default = best_of(1, lambda: stock(texts))
    batched = best_of(1, lambda: stock(texts, batch_size=32))
    ours = min(ours, best_of(3, lambda: list(tagger.tag_texts(texts))))
    in_bfloat16 = Tagger(copy.deepcopy(model).to(torch.bfloat16), tokenizer)
    half = best_of(3, lambda: list(in_bfloat16.tag_texts(texts)))
    peak = max(before, matmul_peak())
    tokens = sum(map(len, tokenizer(texts)["input_ids"]))
    flop = 2 * layer_parameters(model) * tokens
    return [
        (f"tagging music/test: {ours:.2f} s, stock pipeline {default:.2f} s", f"{default / ours:.2f} x", "at least 3"),
        (f"  in bfloat16 (for processors with AMX): {half:.2f} s", f"{default / half:.2f} x", ""),
        (f"  stock pipeline, batch_size=32: {batched:.2f} s", f"{batched / ours:.2f} x", "at least 1.8"),
        (
            f"  share of the matrix-multiply peak ({flop / 1e12:.2f} TFLOP, {peak / 1e9:.0f} GFLOP/s)",
            f"{100 * flop / ours / peak:.0f} %",
            "at least 60 %",
        ),
    ]


def bench_scorer(data_dir: str | None) -> list[tuple[str, str, str]]:
    """The scorer against seqeval's report on politics/test with a fifth of the tags redrawn; same figures."""
    from seqeval.metrics import classification_report

    warnings.simplefilter("ignore")
    labels = get_domain("politics").labels
    test = crossner_hf.load("politics", split="test", data_dir=data_dir)
    references = [[labels[i] for i in ids] for ids in test["ner_tags"]]
    rng = random.Random(0)
    predictions = [[rng.choice(labels) if rng.random() < 0.2 else tag for tag in tags] for tags in references]
    report = classification_report(references, predictions, output_dict=True)
    if score(predictions, references)["conlleval"]["overall"]["f1"] != report["micro avg"]["f1-score"]:
        raise AssertionError("the scorer and seqeval differ")
    theirs = best_of(5, classification_report, references, predictions, output_dict=True)
    ours = best_of(20, score, predictions, references)
    return [
        (
            f"scorer, three conventions: {1e3 * ours:.1f} ms, seqeval's report {1e3 * theirs:.0f} ms",
            f"{theirs / ours:.0f} x",
            "at least 10",
        )
    ]


def bench_start(data_dir: str | None) -> list[tuple[str, str, str]]:
    """What a user waits for before anything happens."""
    command = [sys.executable, "-m", "crossner_hf", "--help"]
    shown = best_of(3, subprocess.run, command, check=True, capture_output=True)
    crossner_hf.load("music", data_dir=data_dir)
    cached = best_of(3, crossner_hf.load, "music", data_dir=data_dir)
    return [
        ("crossner-hf --help", f"{shown:.2f} s", "within 1 s"),
        ("loading a cached configuration, after imports", f"{cached:.2f} s", "within 1 s"),
    ]


ROWS = {
    "epoch": bench_epoch,
    "tagging": bench_tagging,
    "onnx": bench_onnx,
    "elsewhere": bench_elsewhere,
    "predict": bench_predict,
    "scorer": bench_scorer,
    "start": bench_start,
    "masking": bench_masking,
    "dapt": bench_dapt,
    "corpus": bench_corpus,
    "matching": bench_matching,
    "dumps": bench_dumps,
    "settings": bench_settings,
    "report": bench_report,
    "sentences": bench_sentences,
    "corpus_build": bench_corpus_build,
    "crf": bench_crf,
    "bilstm": bench_bilstm,
    "sampled_softmax": bench_sampled_softmax,
    "multi_cell": bench_multi_cell,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"which of {', '.join(ROWS)}; default: all")
    parser.add_argument("--data_dir", help="folder of the official files; else CROSSNER_DATA_DIR, else download")
    parser.add_argument(
        "--python", nargs="+", default=[], help="for the row elsewhere: Pythons that have libraries this one has not"
    )
    args = parser.parse_args()
    unknown = sorted(set(args.rows) - set(ROWS))
    if unknown:
        parser.error(f"unknown row(s) {', '.join(unknown)}; known are {', '.join(ROWS)}")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows = []
    for name in args.rows or ROWS:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += ROWS[name](args.data_dir, **({"pythons": args.python} if name == "elsewhere" else {}))
    print(f"\n{torch.get_num_threads()} thread(s), torch {torch.__version__}")
    print(table(("what", "measured", "wanted"), rows))


if __name__ == "__main__":
    main()
