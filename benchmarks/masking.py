"""Masking beside transformers' token-level collator, and the span rule beside the rest: `bench_masking` for bench.py.

`python benchmarks/masking.py` prints these rows alone.
"""

import random
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from transformers import AutoTokenizer, DataCollatorForLanguageModeling

from crossner_hf.display import table
from crossner_hf.masking import DataCollatorForSpanMasking
from crossner_hf.masking.spans import join_singles
from crossner_hf.packaged_encoder import encoder_path

SHAPES = ((16, 512), (64, 128), (8, 8_192))
MLM_PROBABILITY = 0.2
AT_MOST = 1.1
SHARE = 10  # percent of the collator's time
ROUNDS, AT_LEAST = 5, 0.15  # how often the functions take turns, and for how many seconds each at a time


def side_by_side(*functions: Callable[[], object]) -> list[float]:
    """Seconds a call of each, the best of several rounds in which they take turns: what else runs slows all alike."""
    best = [float("inf")] * len(functions)
    for function in functions:
        function()
    for _ in range(ROUNDS):
        for number, function in enumerate(functions):
            begun = time.perf_counter()
            while time.perf_counter() - begun < AT_LEAST:
                before = time.perf_counter()
                function()
                best[number] = min(best[number], time.perf_counter() - before)
    return best


def element_walk(masked: list[list[bool]], maskable: list[list[bool]]) -> list[list[bool]]:
    """The official rule position by position, for reference."""
    joined = [row.copy() for row in masked]
    for row, real in zip(joined, maskable, strict=True):
        pending, position = None, 0
        while position < len(row):
            if not real[position]:
                pending = None
            if not row[position]:
                position += 1
                continue
            end = position
            while end < len(row) and row[end]:
                end += 1
            if pending is not None:
                row[pending], row[position - 1], pending = False, True, None
            elif end - position == 1:
                pending = position
            position = end
    return joined


def _features(tokenizer, rows: int, length: int, special_tokens_mask: bool) -> list[dict]:
    """Rows of random tokens as a tokenizer gives them, [CLS] and [SEP] included."""
    rng, plain = random.Random(0), sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids))
    features = []
    for _ in range(rows):
        ids = [tokenizer.cls_token_id, *rng.choices(plain, k=length - 2), tokenizer.sep_token_id]
        features.append({"input_ids": ids, "token_type_ids": [0] * length, "attention_mask": [1] * length})
        if special_tokens_mask:
            features[-1]["special_tokens_mask"] = [1, *[0] * (length - 2), 1]
    return features


def _beside_stock(tokenizer, rows: int, length: int, special_tokens_mask: bool) -> list[float]:
    """Seconds of a batch: transformers' collator, ours without a seed, ours with one."""
    collators = [
        DataCollatorForLanguageModeling(tokenizer, mlm_probability=MLM_PROBABILITY),
        DataCollatorForSpanMasking(tokenizer, mlm_probability=MLM_PROBABILITY),
        DataCollatorForSpanMasking(tokenizer, mlm_probability=MLM_PROBABILITY, seed=0),
    ]
    collators[-1].set_epoch(0)
    features = _features(tokenizer, rows, length, special_tokens_mask)
    return side_by_side(*(partial(collator, features) for collator in collators))


def _span_rule(rows: int, length: int) -> list[float]:
    """Seconds of the rule alone on random masks of a batch: as arrays, and position by position."""
    rng = np.random.default_rng(0)
    maskable = np.ones((rows, length), dtype=bool)
    maskable[:, [0, -1]] = False
    masked = (rng.random((rows, length)) < MLM_PROBABILITY) & maskable
    lists, real = masked.tolist(), maskable.tolist()
    if element_walk(lists, real) != join_singles(masked, maskable).tolist():
        raise AssertionError("the rule and the walk position by position differ")
    return side_by_side(partial(join_singles, masked, maskable), partial(element_walk, lists, real))


def bench_masking(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """The paper's masking of a whole batch, padding and tensors included; all collators are fed the same rows."""
    tokenizer = AutoTokenizer.from_pretrained(encoder_path("minilm"))
    measured, wanted = [], f"at most {AT_MOST}"
    for rows, length in SHAPES:
        for given in (False, True):
            stock, ours, seeded = _beside_stock(tokenizer, rows, length, given)
            what = f"span masking {rows} x {length}{', special_tokens_mask given' if given else ''}"
            measured += [
                (f"{what}: {1e3 * ours:.1f} ms, stock, by token {1e3 * stock:.1f} ms", f"{ours / stock:.2f} x", wanted),
                (f"  with a seed: {1e3 * seeded:.1f} ms", f"{seeded / stock:.2f} x", wanted),
            ]
        rule, walk = _span_rule(rows, length)
        measured.append(
            (
                f"  the span rule alone: {1e3 * rule:.2f} ms, position by position {1e3 * walk:.1f} ms",
                f"{100 * rule / ours:.1f} % of the batch",
                f"at most {SHARE} %",
            )
        )
    return measured


if __name__ == "__main__":
    measured = bench_masking()
    print(f"{torch.get_num_threads()} thread(s), torch {torch.__version__}")
    print(table(("what", "measured", "wanted"), measured))
