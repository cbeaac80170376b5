"""What the collators refuse, and in what words; and batches in which there is little or nothing to mask."""

import warnings

import pytest
import torch

from crossner_hf.masking import STRATEGIES, DataCollatorForSpanMasking, DataCollatorForTokenMasking

COLLATORS = [DataCollatorForTokenMasking, DataCollatorForSpanMasking]


def every_masking(tokenizer, **options) -> list[DataCollatorForTokenMasking]:
    spans = [DataCollatorForSpanMasking(tokenizer, strategy=strategy, **options) for strategy in STRATEGIES]
    return [DataCollatorForTokenMasking(tokenizer, **options), *spans]


@pytest.mark.parametrize("collator", COLLATORS)
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"mlm": False}, "mlm=False masks nothing; use transformers' DataCollatorForLanguageModeling"),
        ({"mlm_probability": -0.1}, "mlm_probability must be from 0 to 1, got -0.1"),
        ({"mlm_probability": 1.5}, "mlm_probability must be from 0 to 1, got 1.5"),
        ({"mask_replace_prob": 0.8, "random_replace_prob": 0.3}, "shares that sum to at most 1, got 0.8 and 0.3"),
        ({"mask_replace_prob": -0.1}, "shares that sum to at most 1, got -0.1 and 0.1"),
        ({"random_replace_prob": -0.5}, "shares that sum to at most 1, got 0.8 and -0.5"),
        ({"mask_replace_prob": 1.5, "random_replace_prob": -0.5}, "shares that sum to at most 1, got 1.5 and -0.5"),
        ({"return_tensors": "tf"}, "return_tensors must be 'pt' or 'np', got 'tf'"),
    ],
)
def test_an_invalid_setting_is_refused(collator, setting, words, tokenizer):
    with pytest.raises(ValueError, match=words):
        collator(tokenizer(), **setting)


@pytest.mark.parametrize("collator", COLLATORS)
def test_a_tokenizer_without_mask_token_is_refused_by_its_name(collator, tokenizer):
    tok = tokenizer()
    tok.mask_token = None
    with pytest.raises(ValueError, match="BertTokenizer has no mask token, which masked-language modelling needs"):
        collator(tok)


@pytest.mark.parametrize("collator", COLLATORS)
def test_an_unknown_framework_is_refused_at_a_call_too(collator, tokenizer, examples):
    with pytest.raises(ValueError, match="return_tensors must be 'pt' or 'np', got 'tf'"):
        collator(tokenizer())(examples(tokenizer()), return_tensors="tf")


def test_shares_that_sum_to_one_in_spite_of_rounding_leave_no_token_unchanged(tokenizer, random_rows):
    tok = tokenizer()
    rows = random_rows(tok, 100)
    for tenths in range(11):
        shares = {"mask_replace_prob": tenths / 10, "random_replace_prob": (10 - tenths) / 10}
        batch = DataCollatorForTokenMasking(tok, mlm_probability=0.5, **shares)(rows)
        masked = batch["labels"] != -100
        unchanged = (batch["labels"] == batch["input_ids"])[masked].float().mean()
        assert unchanged < 4 / len(tok)  # a random token may be the same token


def test_an_empty_list_is_refused(tokenizer):
    for collator in every_masking(tokenizer()):
        with pytest.raises(ValueError, match="there is nothing to mask: the list of features is empty"):
            collator([])


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_a_batch_without_a_maskable_token_comes_back_unmasked(kind, seed, tokenizer):
    tok = tokenizer(kind)
    rows = [tok("")["input_ids"], [tok.pad_token_id] * 5, [tok.mask_token_id]]
    for collator in every_masking(tok, seed=seed, mlm_probability=0.99):
        collator.set_epoch(0)
        batch = collator([{"input_ids": ids, "entity_tags": [0] * len(ids)} for ids in rows])
        assert (batch["labels"] == -100).all()
        assert [ids.tolist()[: len(row)] for ids, row in zip(batch["input_ids"], rows, strict=True)] == rows


@pytest.mark.parametrize("seed", [None, 0])
def test_rows_without_a_token_come_back_as_padding(seed, tokenizer):
    tok = tokenizer()
    for collator in every_masking(tok, seed=seed, mlm_probability=0.99):
        collator.set_epoch(0)
        for others, time in (([], 0), ([[2, *range(5, 40), 3]], 37)):
            rows = [[], *others, []]
            batch = collator([{"input_ids": ids, "entity_tags": [0] * len(ids)} for ids in rows])
            assert batch["labels"].shape == batch["input_ids"].shape == (len(rows), time)
            assert batch["labels"].dtype == batch["input_ids"].dtype == torch.int64
            assert (batch["labels"][[0, -1]] == -100).all()
            assert ((batch["labels"] != -100).sum() > 20) == bool(others)


def test_a_row_whose_attention_mask_is_all_zero_is_not_masked(tokenizer):
    features = [{"input_ids": [*range(5, 25)], "attention_mask": [number] * 20} for number in (0, 1)]
    for collator in every_masking(tokenizer(), seed=0, mlm_probability=0.99):
        collator.set_epoch(0)
        if getattr(collator, "strategy", "") != "entity":
            counts = (collator(features)["labels"] != -100).sum(1)
            assert counts[0] == 0
            assert counts[1] > 10


@pytest.mark.parametrize("probability", [0, 1e-9])
def test_a_tiny_probability_masks_nothing(probability, tokenizer, examples):
    tok = tokenizer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for collator in every_masking(tok, mlm_probability=probability):
            features = [row | {"entity_tags": [0] * len(row["input_ids"])} for row in examples(tok)]
            batch = collator(features)
            assert (batch["labels"] == -100).all()
            assert batch["input_ids"].tolist() == tok.pad(examples(tok))["input_ids"]
