"""The collators beside transformers' own, and what they show in the place of masked tokens."""

import copy
import inspect

import numpy as np
import pytest
import torch
from transformers import BatchEncoding, DataCollatorForLanguageModeling

from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking

COLLATORS = [DataCollatorForTokenMasking, DataCollatorForSpanMasking]
KINDS = ("bert", "roberta", "distilbert", "deberta-v2")
EVERYTHING = 1.0


@pytest.fixture(scope="module")
def with_tags():
    """Rows with entity_tags that begin an entity at each fifth token, of three."""

    def with_tags(rows: list[dict]) -> list[dict]:
        tags = ([0, 0, 1, 2, 2] * (1 + len(row["input_ids"]) // 5) for row in rows)
        return [{**row, "entity_tags": values[: len(row["input_ids"])]} for row, values in zip(rows, tags, strict=True)]

    return with_tags


def layout(batch) -> dict:
    return {name: (type(value), value.dtype, tuple(value.shape)) for name, value in batch.items()}


def arguments(function) -> dict:
    return {name: value.default for name, value in inspect.signature(function).parameters.items()}


@pytest.mark.parametrize("ours", COLLATORS)
def test_arguments_and_defaults_are_those_of_the_stock_collator(ours):
    stock, own = arguments(DataCollatorForLanguageModeling), arguments(ours)
    del stock["whole_word_mask"]  # a strategy here
    own.pop("strategy", None)
    assert list(own.items()) == list(stock.items())


@pytest.mark.parametrize("framework", ["pt", "np"])
@pytest.mark.parametrize("multiple", [None, 8])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_has_the_layout_of_the_stock_collators(kind, side, multiple, framework, tokenizer, examples):
    tok = tokenizer(kind, padding_side=side)
    features = examples(tok)
    options = {"pad_to_multiple_of": multiple, "return_tensors": framework, "mlm_probability": EVERYTHING}
    stock = DataCollatorForLanguageModeling(tok, **options)(features)
    for collator in COLLATORS:
        ours = collator(tok, **options)(features)
        assert type(ours) is type(stock) is BatchEncoding
        assert layout(ours) == layout(stock)
        for name in set(stock) - {"input_ids"}:  # labels too: the same tokens may be masked
            assert (ours[name] == stock[name]).all(), name


def test_no_special_token_is_masked_that_the_stock_collator_leaves(tokenizer, examples):
    tok = tokenizer()
    features = examples(tok, ["the 鱼 [MASK] fox [SEP] sea", "鱼"])
    stock = DataCollatorForLanguageModeling(tok, mlm_probability=EVERYTHING)(features)["labels"]
    assert tok.unk_token_id in features[0]["input_ids"]
    assert (DataCollatorForTokenMasking(tok, mlm_probability=EVERYTHING)(features)["labels"] == stock).all()


def as_tensors(row):
    return {name: torch.tensor(values) for name, values in row.items()}


def as_arrays(row):
    return {name: np.array(values, dtype=np.int32) for name, values in row.items()}


def as_numpy_integers(row):
    return {name: list(np.array(values)) for name, values in row.items()}


def as_tuples(row):
    return {name: tuple(values) for name, values in row.items()}


@pytest.mark.parametrize("form", [as_tensors, as_arrays, as_numpy_integers, as_tuples, BatchEncoding])
def test_rows_may_hold_tensors_arrays_or_tuples_of_unequal_length(form, collate, with_tags, tokenizer, examples):
    tok = tokenizer()
    features = with_tags(examples(tok, return_special_tokens_mask=True))
    collator = collate(tok, seed=0)
    collator.set_epoch(0)
    expected, batch = collator(features), collator([form(row) for row in features])
    assert layout(batch) == layout(expected)
    assert all((batch[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize("form", [list, tuple, np.array, torch.tensor])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_tokens_alone_are_padded_as_by_the_stock_collator(kind, form, tokenizer, examples):
    tok = tokenizer(kind)
    rows = [form(row["input_ids"]) for row in examples(tok)]
    stock = DataCollatorForLanguageModeling(tok, mlm_probability=EVERYTHING, pad_to_multiple_of=8)(rows)
    ours = DataCollatorForTokenMasking(tok, mlm_probability=EVERYTHING, pad_to_multiple_of=8)(rows)
    assert (ours.pop("attention_mask").sum(1) == torch.tensor([len(row) for row in rows])).all()  # the stock has none
    assert layout(ours) == layout(stock)
    assert (ours["labels"] == stock["labels"]).all()


def test_other_columns_come_through_as_in_the_stock_collator(tokenizer, examples):
    tok = tokenizer()
    features = [row | {"weight": 0.5, "flag": True, "number": 3} for row in examples(tok)]
    for framework in ("pt", "np"):
        stock = DataCollatorForLanguageModeling(tok)(features, return_tensors=framework)
        ours = DataCollatorForTokenMasking(tok)(features, return_tensors=framework)
        assert layout(ours) == layout(stock)
        assert all((ours[name] == stock[name]).all() for name in ("weight", "flag", "number"))


def test_offsets_are_dropped_as_by_the_stock_collator(collate, with_tags, tokenizer, examples):
    tok = tokenizer()
    for rows in (
        examples(tok, ["the red fox"], return_offsets_mapping=True),
        examples(tok, return_offsets_mapping=True),
    ):
        assert "offset_mapping" in rows[0]
        batch = collate(tok)(with_tags(rows))
        assert set(batch) == {*tok.model_input_names, "labels"}  # rows of unequal length too, which the stock refuses
    one = examples(tok, ["the red fox"], return_offsets_mapping=True)
    assert layout(DataCollatorForLanguageModeling(tok)(one)) == layout(DataCollatorForTokenMasking(tok)(one))


def test_a_probability_of_one_masks_every_token(collate, with_tags, tokenizer, examples):
    tok = tokenizer()
    features = with_tags(examples(tok))
    expected = DataCollatorForLanguageModeling(tok, mlm_probability=1.0)(examples(tok))["labels"]
    assert (collate(tok, mlm_probability=1.0)(features)["labels"] == expected).all()


@pytest.mark.parametrize("seed", [None, 0])
def test_labels_hold_the_masked_tokens_and_nothing_else_of_the_input_changes(collate, seed, with_tags, tokenizer):
    tok = tokenizer()
    rows = [{"input_ids": [2, *range(5, 60), 3]}, {"input_ids": [2, *range(20, 40), 3]}]
    collator = collate(tok, seed=seed, mlm_probability=0.4, return_tensors="np")
    original = np.zeros((2, 57), dtype=np.int64)
    for row, values in enumerate(rows):
        original[row, : len(values["input_ids"])] = values["input_ids"]
    changed = 0
    for epoch in range(20):
        collator.set_epoch(epoch)
        batch = collator(with_tags(rows))
        masked = batch["labels"] != -100
        assert (batch["labels"][masked] == original[masked]).all()
        assert (batch["input_ids"][~masked] == original[~masked]).all()
        changed += (batch["input_ids"] != original).sum()
    assert changed > 300


@pytest.mark.parametrize(
    ("mask", "random"), [(0.8, 0.1), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.5, 0.4), (0.3, 0.7), (0.0, 0.25)]
)
def test_masked_tokens_are_shown_in_the_wanted_shares(collate, mask, random, with_tags, tokenizer):
    tok = tokenizer()
    collator = collate(tok, mask_replace_prob=mask, random_replace_prob=random, mlm_probability=0.4, seed=1)
    collator.set_epoch(0)
    rng = np.random.default_rng(0)
    batch = collator(with_tags([{"input_ids": row} for row in rng.integers(5, len(tok), (500, 128)).tolist()]))
    masked = batch["labels"] != -100
    shown, were = batch["input_ids"][masked], batch["labels"][masked]
    again = 1 / len(tok)  # a random token may be the same token, or the mask token
    tolerance = 0.03 if collate.name == "geometric" else 0.012  # which decides for spans, so it decides less often
    assert (shown == tok.mask_token_id).float().mean().item() == pytest.approx(mask + random * again, abs=tolerance)
    kept = 1 - mask - random
    assert (shown == were).float().mean().item() == pytest.approx(kept + random * again, abs=tolerance)
    if kept + mask == 1:
        assert ((shown == were) | (shown == tok.mask_token_id)).all()


def test_random_tokens_are_uniform_over_the_vocabulary(collate, with_tags, tokenizer):
    tok = tokenizer()
    collator = collate(tok, mask_replace_prob=0.3, random_replace_prob=0.7, mlm_probability=0.5, seed=0)
    collator.set_epoch(0)
    rows = np.random.default_rng(0).integers(5, len(tok), (1_000, 128)).tolist()
    batch = collator(with_tags([{"input_ids": row} for row in rows]))
    shown = batch["input_ids"][(batch["labels"] != -100) & (batch["input_ids"] != tok.mask_token_id)].numpy()
    counts = np.delete(np.bincount(shown, minlength=len(tok)), tok.mask_token_id)
    assert len(counts) == len(tok) - 1  # none beyond the vocabulary
    assert abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


def test_geometric_shows_a_span_in_one_way(tokenizer, random_rows):
    tok = tokenizer()
    features = random_rows(tok, 300, 128)
    batch = DataCollatorForSpanMasking(tok, strategy="geometric", mlm_probability=0.2)(features, return_tensors="np")
    masked = batch["labels"] != -100
    ways = []
    for row in range(len(masked)):
        edges = np.flatnonzero(np.diff(np.pad(masked[row].astype(int), 1)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            shown, were = batch["input_ids"][row, start:end], batch["labels"][row, start:end]
            if end - start >= 4:
                ways.append((float((shown == tok.mask_token_id).mean()), float((shown == were).mean())))
    shares = {way: np.mean([actual == way for actual in ways]) for way in ((1.0, 0.0), (0.0, 1.0))}
    assert shares == pytest.approx({(1.0, 0.0): 0.8, (0.0, 1.0): 0.1}, abs=0.03)
    # The other spans are random all over; now and then a token of one is the old one or the mask token.
    others = np.array([way for way in ways if way not in shares])
    assert len(ways) > 500
    assert others.mean() < 3 / len(tok)


@pytest.mark.parametrize("seed", [None, 7])
def test_arrays_and_tensors_hold_the_same_masks(collate, seed, with_tags, tokenizer, examples):
    features = with_tags(examples(tokenizer()))
    batches = []
    for default, asked in (("pt", None), ("np", None), ("np", "pt"), ("pt", "np")):
        collator = collate(tokenizer(), seed=seed, return_tensors=default)
        collator.set_epoch(0)
        torch.manual_seed(3)
        batches.append(collator(features, return_tensors=asked))
        assert isinstance(batches[-1]["labels"], torch.Tensor) == ((asked or default) == "pt")
    for name in batches[0]:
        assert all(np.array_equal(batch[name], batches[0][name]) for batch in batches), name


def test_the_callers_rows_stay_as_they_are(collate, with_tags, tokenizer, examples):
    tok = tokenizer()
    features = with_tags(examples(tok, return_special_tokens_mask=True))
    arrays = [as_arrays(row) for row in features]
    before, arrays_before = copy.deepcopy(features), copy.deepcopy(arrays)
    collate(tok, mlm_probability=0.9)(features)
    collate(tok, mlm_probability=0.9)(arrays)
    assert features == before
    assert all((row[name] == old[name]).all() for row, old in zip(arrays, arrays_before, strict=True) for name in old)


def test_tokens_that_special_tokens_mask_names_are_not_masked(collate, with_tags, tokenizer, examples):
    collator = collate(tokenizer(), mlm_probability=EVERYTHING)
    plain = with_tags(examples(tokenizer()))
    third = [{**row, "special_tokens_mask": [int(n % 3 == 0) for n in range(len(row["input_ids"]))]} for row in plain]
    expected = collator(plain)["labels"]
    expected[:, ::3] = -100
    batch = collator(third)
    assert "special_tokens_mask" not in batch
    assert (batch["labels"] == expected).all()
    assert (expected != -100).sum() > 50
