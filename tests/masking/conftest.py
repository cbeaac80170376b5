"""What the masking tests share: tokenizers of three kinds, examples, and what a batch masks."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from crossner_hf.masking import STRATEGIES, DataCollatorForSpanMasking, DataCollatorForTokenMasking

TEXTS = (
    "The keeper saw the polar bear cub, the red panda and an old sea eagle at night",
    "Paris; New York, Oslo, Stoke-on-Trent!",
    "a lynx",
    "they quietly moved 7 foxes' cubs from Rio de Janeiro to Ulm, then fed the sea lion in rain and left",
)


@pytest.fixture(scope="session")
def tokenizer(tiny_model) -> Callable[..., PreTrainedTokenizerBase]:
    """Gives a tokenizer of its own: "bert" (WordPiece), "roberta" (byte-level BPE) or "deberta-v2" (Unigram)."""

    def tokenizer(kind: str = "bert", **changes) -> PreTrainedTokenizerBase:
        return AutoTokenizer.from_pretrained(tiny_model(kind), **changes)

    return tokenizer


@pytest.fixture(params=["token", *STRATEGIES])
def collate(request) -> Callable[..., DataCollatorForTokenMasking]:
    """Makes the collator of each kind of masking; `collate.name` is the kind. Rows of `entity` need entity_tags."""

    def collate(tokenizer, **options) -> DataCollatorForTokenMasking:
        options = {"mlm_probability": 0.3, **options}
        if request.param == "token":
            return DataCollatorForTokenMasking(tokenizer, **options)
        return DataCollatorForSpanMasking(tokenizer, strategy=request.param, **options)

    collate.name = request.param
    return collate


@pytest.fixture(scope="session")
def examples() -> Callable[..., list[dict]]:
    """Gives the encodings of four texts of unequal length, as dicts of lists."""

    def examples(tokenizer, texts=TEXTS, **options) -> list[dict]:
        return [dict(tokenizer(text, **options)) for text in texts]

    return examples


@pytest.fixture(scope="session")
def random_rows() -> Callable[..., list[dict]]:
    """Gives rows of random tokens, none of them special, between the tokenizer's special ones."""

    def random_rows(tokenizer, number: int, length: int = 64, seed: int = 0) -> list[dict]:
        rng = random.Random(seed)
        plain = sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids))
        first, last = tokenizer("a")["input_ids"][0], tokenizer("a")["input_ids"][-1]
        return [{"input_ids": [first, *rng.choices(plain, k=length - 2), last]} for _ in range(number)]

    return random_rows


@pytest.fixture(scope="session")
def masked() -> Callable[..., np.ndarray]:
    """Which positions a collator masks in each of several epochs: (epochs, rows, time) bool."""

    def masked(collator, features, epochs: int = 1) -> np.ndarray:
        seen = []
        for epoch in range(epochs):
            collator.set_epoch(epoch)
            seen.append(collator(features, return_tensors="np")["labels"] != -100)
        return np.array(seen)

    return masked
