"""Where the masks come from: torch's global generator without a seed, and with one the example and the epoch alone."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import TrainerControl, TrainerState

from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking, MaskingEpoch

IGNORED = -100


@pytest.fixture(scope="module")
def features(random_rows, tokenizer):
    """Sixteen rows of 12 to 57 tokens with entity_tags."""
    rows = random_rows(tokenizer(), 16, 57)
    for number, row in enumerate(rows):
        ids = row["input_ids"]
        row["input_ids"] = [*ids[: 11 + 3 * number], ids[-1]]
        row["entity_tags"] = ([0, 0, 1, 2] * 15)[: len(row["input_ids"])]
    return rows


def rows_of(batch) -> list[tuple]:
    """Input and labels of each row, its padding left out."""
    return [
        tuple(zip(batch["input_ids"][row][real].tolist(), batch["labels"][row][real].tolist(), strict=True))
        for row, real in enumerate(batch["attention_mask"] != 0)
    ]


def original(row: tuple) -> tuple:
    """The tokens of a row before it was masked."""
    return tuple(token if label == IGNORED else label for token, label in row)


def at_epoch(collator, epoch: int):
    collator.set_epoch(epoch)
    return collator


def test_without_a_seed_torchs_generator_makes_masks_repeatable_and_every_call_fresh(collate, tokenizer, features):
    collator = collate(tokenizer())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.manual_seed(5)
        first, second = rows_of(collator(features)), rows_of(collator(features))
        torch.manual_seed(5)
        assert [rows_of(collator(features)), rows_of(collator(features))] == [first, second]
        torch.manual_seed(6)
        assert rows_of(collator(features)) != first
    assert sum(one != two for one, two in zip(first, second, strict=True)) > 12


@pytest.mark.parametrize("workers", [1, 2])
def test_without_a_seed_workers_draw_fresh_masks_in_every_epoch(workers, tokenizer, features):
    collator = DataCollatorForSpanMasking(tokenizer(), mlm_probability=0.3)
    for persistent in (False, True):
        torch.manual_seed(0)
        loader = DataLoader(
            features[8:] * 2, 8, collate_fn=collator, num_workers=workers, persistent_workers=persistent
        )
        batches = [rows_of(batch) for _ in range(2) for batch in loader]
        assert all(one != two for number, one in enumerate(batches) for two in batches[:number])


def test_an_example_is_masked_alike_whatever_is_beside_it(collate, tokenizer, features):
    expected = rows_of(at_epoch(collate(tokenizer(), seed=0), 3)(features))
    assert [original(row) for row in expected] == [tuple(row["input_ids"]) for row in features]
    backwards = at_epoch(collate(tokenizer(), seed=0), 3)(features[::-1])
    assert rows_of(backwards)[::-1] == expected
    alone = at_epoch(collate(tokenizer(), seed=0), 3)
    assert [rows_of(alone([row]))[0] for row in features] == expected
    padded = at_epoch(collate(tokenizer(), seed=0, pad_to_multiple_of=128), 3)(features)
    assert padded["input_ids"].shape == (16, 128)
    assert rows_of(padded) == expected
    left = at_epoch(collate(tokenizer(padding_side="left"), seed=0), 3)(features)
    assert left["attention_mask"][0, 0] == 0
    assert rows_of(left) == expected


def test_padding_changes_nothing_where_a_tokenizer_gives_no_attention_mask(collate, tokenizer, features):
    tok = tokenizer()
    tok.model_input_names = ["input_ids"]
    collator = at_epoch(collate(tok, seed=0), 0)
    together = collator(features)
    assert "attention_mask" not in together
    for row, feature in enumerate(features):
        alone = collator([feature])
        assert (together["labels"][row, : alone["labels"].shape[1]] == alone["labels"][0]).all()
        assert (together["labels"][row, alone["labels"].shape[1] :] == IGNORED).all()


def test_another_epoch_another_seed_or_another_content_gives_other_masks(collate, tokenizer, features):
    tok = tokenizer()
    rows = rows_of(at_epoch(collate(tok, seed=0), 0)(features))
    for seed, epoch in ((0, 1), (1, 0), (10, 0), (-1, 0)):
        others = rows_of(at_epoch(collate(tok, seed=seed), epoch)(features))
        assert sum(one == two for one, two in zip(rows, others, strict=True)) < 3, (seed, epoch)
    tenth = rows_of(at_epoch(collate(tok, seed=1), 10)(features))
    assert tenth != rows_of(at_epoch(collate(tok, seed=11), 0)(features))
    changed = copy.deepcopy(features)
    for row in changed:
        row["input_ids"][5] = 7 if row["input_ids"][5] != 7 else 8
    others = rows_of(at_epoch(collate(tok, seed=0), 0)(changed))
    places = [[label != IGNORED for _, label in row] for row in rows]
    assert sum(one == [label != IGNORED for _, label in two] for one, two in zip(places, others, strict=True)) < 3


def test_masks_of_two_epochs_are_independent(tokenizer, random_rows, masked):
    collator = DataCollatorForTokenMasking(tokenizer(), mlm_probability=0.3, seed=0)
    first, second = masked(collator, random_rows(tokenizer(), 200, 128), 2)[:, :, 1:-1]
    assert (first & second).mean() == pytest.approx(0.09, abs=0.006)


def test_the_global_generators_are_left_alone_by_a_seed(collate, tokenizer, features):
    torch.manual_seed(0)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    at_epoch(collate(tokenizer(), seed=0), 0)(features)
    assert (torch.get_rng_state() == before).all()
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


def loaded(collator, features, epochs: int, **options) -> list[list]:
    """The rows of each epoch, as a DataLoader gives them."""
    loader, seen = DataLoader(features, 3, collate_fn=collator, **options), []
    for epoch in range(epochs):
        collator.set_epoch(epoch)
        seen.append([row for batch in loader for row in rows_of(batch)])
    return seen


@pytest.mark.parametrize("copied", [lambda c: c, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_mask_as_the_main_process_does(workers, persistent, copied, tokenizer, features):
    expected = loaded(DataCollatorForSpanMasking(tokenizer(), seed=0), features, 3)
    assert expected[0] != expected[1] != expected[2]
    collator = copied(DataCollatorForSpanMasking(tokenizer(), seed=0))
    options = {"num_workers": workers, "persistent_workers": persistent, "multiprocessing_context": "fork"}
    assert loaded(collator, features, 3, **options) == expected


def test_workers_that_are_spawned_and_live_on_see_each_epoch(tokenizer, features):
    collator = DataCollatorForSpanMasking(tokenizer(), seed=0, strategy="geometric")
    options = {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "spawn"}
    assert loaded(collator, features, 2, **options) == loaded(collator, features, 2)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_masks_as_its_original(copied, collate, tokenizer, features):
    collator = at_epoch(collate(tokenizer(), seed=4), 2)
    assert rows_of(copied(collator)(features)) == rows_of(collator(features))


def test_a_deep_copy_has_an_epoch_of_its_own(tokenizer, features):
    collator = at_epoch(DataCollatorForSpanMasking(tokenizer(), seed=4), 0)
    expected = rows_of(collator(features))
    at_epoch(copy.deepcopy(collator), 1)
    assert rows_of(collator(features)) == expected


def test_a_seed_without_an_epoch_warns_once_and_masks_as_in_the_first(tokenizer, features):
    collator = DataCollatorForSpanMasking(tokenizer(), seed=0)
    words = r"no epoch was set.*MaskingEpoch\(collator\).*collator.set_epoch"
    with pytest.warns(UserWarning, match=words) as caught:
        first, second = collator(features), collator(features)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # it points at the call
    assert rows_of(first) == rows_of(second) == rows_of(at_epoch(collator, 0)(features))


@pytest.mark.parametrize(("at_begin", "epoch"), [(None, 0), (0, 0), (1.5, 1), (1.9999999, 2), (3.0, 3)])
def test_masking_epoch_reads_the_epoch_of_the_run(at_begin, epoch, tokenizer, features):
    collator = DataCollatorForSpanMasking(tokenizer(), seed=0)
    MaskingEpoch(collator).on_epoch_begin(None, TrainerState(epoch=at_begin), TrainerControl())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = rows_of(collator(features))
    assert rows == rows_of(at_epoch(collator, epoch)(features))
