"""Checks the package on a GPU in one run of under ten minutes: correctness, bf16 training, speed, and one experiment.

`python scripts/gpu_check.py --output gpu/` runs all parts; `--parts correctness bf16` runs some. With `--device cpu
--quick` the script itself can be tried without a GPU. Each part writes its result to OUTPUT/result.json as it ends, so
that a run that is cut short loses nothing.

The official files are taken from --data-dir or CROSSNER_DATA_DIR; where they are missing, the packaged samples take
their place and the result says so. The experiment needs concept data (--concepts).
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed
from transformers.utils import logging

import crossner_hf
from crossner_hf.atomic_write import write_text
from crossner_hf.concepts.adapt import adapt
from crossner_hf.concepts.adapt_arguments import AdaptArguments
from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.pretrain import pretrain_concepts
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import DOMAINS, get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training.flops import layer_parameters, matmul_peak

SEED = 555
TOLERANCE = 2e-3  # of probabilities in float32; TF32 is off


class Check:
    """What all parts need: the device, the data, and where results go."""

    def __init__(self, options: argparse.Namespace):
        self.device, self.quick, self.output = options.device, options.quick, Path(options.output)
        self.data_dir, self.concepts = options.data_dir, options.concepts
        self.domain = "music" if self.data_dir else "sample_music"
        self.texts = [" ".join(words) for words in self.rows("test")]

    def rows(self, split: str) -> list[list[str]]:
        """The sentences of a split, each a list of words."""
        return crossner_hf.load(self.domain, split=split, data_dir=self.data_dir)["tokens"][:]

    def tagger(self, kind: str, device: str) -> Tagger:
        """A tagger with fresh head weights that are the same on every device."""
        set_seed(SEED)
        taggers = EncoderTaggers("minilm", choice=TaggerChoice(kind))
        return Tagger(taggers.build(get_domain(self.domain)).to(device), taggers.tokenizer)

    def fine_tune(self, name: str, model: str = "minilm", **arguments: Any) -> RunRecord:
        """A run with the preset that suits the model, scored on dev and test."""
        values = {
            **crossner_hf.preset("small" if model == "minilm" else "concepts"),
            "seed": SEED,
            "use_cpu": self.device == "cpu",
            **arguments,
        }
        if self.quick:
            values["max_steps"] = 4
        args = crossner_hf.FineTuningArguments(output_dir=str(self.output / name), **values)
        return crossner_hf.fine_tune(self.domain, model, args, data_dir=self.data_dir)

    def seconds(self, function: Callable[[], Any]) -> float:
        """The fastest of three calls."""
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            function()
            if self.device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - begun)
        return min(times)


def correctness(check: Check) -> dict[str, Any]:
    """Labels and probabilities of the CPU and of the device agree for the linear tagger and the CRF."""
    result = {}
    for kind in ("linear", "crf"):
        words = check.rows("test")[:100]
        on_cpu, on_device = (list(check.tagger(kind, device).tag_words(words)) for device in ("cpu", check.device))
        pairs = list(zip(on_cpu, on_device, strict=True))
        difference = max(abs(a - b) for x, y in pairs for a, b in zip(x.scores, y.scores, strict=True))
        differing = sum(a != b for x, y in pairs for a, b in zip(x.labels, y.labels, strict=True))
        result[kind] = {"greatest_difference": difference, "differing_labels": differing, "ok": difference < TOLERANCE}
    return result


def bf16(check: Check) -> dict[str, Any]:
    """The CRF trained in float32 and in bf16: F1 on dev and test, seconds."""
    result = {}
    for name, half in (("float32", False), ("bf16", True)):
        record = check.fine_tune(f"crf-{name}", tagger="crf", bf16=half)
        result[name] = {"f1": f1(record), "wall_seconds": record.wall_seconds, "epochs": record.epochs}
    return result


def speed(check: Check) -> dict[str, Any]:
    """Tokens a second in tagging, with the share of the matrix-product peak, for several sizes of a batch."""
    peak = matmul_peak(check.device)
    result: dict[str, Any] = {"matmul_peak_tflops": peak / 1e12}
    texts = check.texts * (1 if check.quick else 20)
    for kind in ("linear", "crf"):
        tagger = check.tagger(kind, check.device)
        num_tokens = sum(map(len, tagger.tokenizer(texts)["input_ids"]))
        for batch_tokens in (4_096, 16_384, 65_536):
            tagger.batch_tokens = batch_tokens
            seconds = check.seconds(lambda: list(tagger.tag_texts(texts)))  # noqa: B023 (called at once)
            mfu = 2 * layer_parameters(tagger.model) * num_tokens / seconds / peak
            result[f"{kind}-{batch_tokens}"] = {"tokens_per_second": num_tokens / seconds, "mfu": mfu}
    return result


def experiment(check: Check) -> dict[str, Any]:
    """Concept pre-training in bf16 on 25 M tokens; then types in words, 10 sentences and all, beside MiniLM."""
    if not check.concepts:
        return {"left_out": "no --concepts: the folder that `crossner-hf concepts build` made"}
    checkpoint = str(check.output / "minilm-concepts")
    args = ConceptArguments(
        output_dir=checkpoint,
        max_tokens=60_000 if check.quick else 21_000_000,  # by the estimate of choose_rows: about 25 M
        max_steps=4 if check.quick else -1,
        per_device_train_batch_size=48 if check.quick else 192,
        learning_rate=1.5e-4 if check.quick else 3e-4,
        **{"bf16": True, "use_cpu": check.device == "cpu", "masked_mentions": 0.2, "dataloader_num_workers": 8},
    )
    record = pretrain_concepts(check.concepts, "minilm", args)
    result: dict[str, Any] = {"speed": record.speed and record.speed.model_dump(), "wall_seconds": record.wall_seconds}
    for domain in (check.domain,) if check.quick else DOMAINS:
        for sentences in (0, 10):
            folder = check.output / f"{domain}-{sentences}"
            options = AdaptArguments(
                **{"output_dir": str(folder), "model": checkpoint, "num_sentences": sentences, "seeds": [SEED]},
                **{"max_steps": 4 if check.quick else 100, "dev_choice": not check.quick, "bf16": True},
            )
            result[folder.name] = f1(adapt(domain, options, data_dir=check.data_dir))
    for name, model in (("minilm", "minilm"), ("concepts", checkpoint)):
        result[f"all-{name}"] = f1(check.fine_tune(f"all-{name}", model, tagger="crf"))
    return result


def f1(record: RunRecord) -> dict[str, float]:
    """F1 on each split, as conlleval counts."""
    return {split: scores["conlleval"].overall.f1 for split, scores in record.scores.items()}


PARTS = {"correctness": correctness, "bf16": bf16, "speed": speed, "experiment": experiment}


def main() -> None:
    """Run the parts, one after the other; a part that fails is noted and the next one runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, help="folder for result.json, models and records")
    parser.add_argument("--data-dir", help="folder of the official files; default: the packaged samples")
    parser.add_argument("--concepts", help="folder of concept data, from `crossner-hf concepts build`")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="a few steps of each part, to try the script")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; --device cpu --quick tries the script without one")
    torch.backends.cuda.matmul.allow_tf32 = False
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    check = Check(options)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "torch": torch.__version__,
        "domain": check.domain,
    }
    for name in options.parts:
        begun = time.perf_counter()
        try:
            result[name] = PARTS[name](check)
        except Exception as error:  # the other parts are worth their minutes
            result[name] = {"error": f"{type(error).__name__}: {error}"}
        result[name]["seconds"] = round(time.perf_counter() - begun, 1)
        write_text(check.output / "result.json", json.dumps(result, indent=1) + "\n")
        print(json.dumps({name: result[name]}), flush=True)


if __name__ == "__main__":
    main()
