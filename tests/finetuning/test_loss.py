"""The loss contract: one gradient, and one reported loss, however a batch is laid out."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers.modeling_outputs import TokenClassifierOutput

from crossner_hf.finetuning.tokenized_dataset import DevSet
from crossner_hf.finetuning.trainer import TaggerTrainer, dev_scorer, predicted_ids
from crossner_hf.training.token_loss import token_loss


@pytest.fixture
def batch():
    torch.manual_seed(0)
    labels = torch.randint(0, 5, (16, 11))
    labels[torch.rand(16, 11) < 0.5] = -100
    return torch.randn(16, 11, 5), labels


@pytest.mark.parametrize("limit", [0.1, 1e6, float("nan")])
def test_gradients_are_clipped_as_by_pytorch(limit):
    models = [torch.nn.Linear(3, 4) for _ in range(2)]
    for model in models:
        for number, parameter in enumerate(model.parameters(), 1):
            parameter.grad = torch.linspace(-number, number, parameter.numel()).view_as(parameter)
    args = SimpleNamespace(device=torch.device("cpu"), world_size=1, max_grad_norm=limit)
    trainer = SimpleNamespace(args=args, _sparse_tables=list)
    norm = TaggerTrainer._clip_grad_norm(trainer, models[0])
    torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(models[1].parameters(), limit))
    for mine, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, equal_nan=True)


def test_the_loss_is_a_sum_over_labelled_positions_divided_by_what_it_is_given(batch):
    logits, labels = batch
    chosen = labels != -100
    losses = -logits.log_softmax(-1)[chosen].gather(-1, labels[chosen].unsqueeze(-1))
    outputs = TokenClassifierOutput(logits=logits)
    assert token_loss(outputs, labels).item() == pytest.approx(losses.mean().item(), abs=1e-6)
    assert token_loss((logits,), labels, 7).item() == pytest.approx(losses.sum().item() / 7, abs=1e-5)
    assert token_loss(outputs, labels, torch.tensor(7)).item() == pytest.approx(losses.sum().item() / 7, abs=1e-5)
    assert token_loss(outputs, torch.full_like(labels, -100)).item() == 0


def test_micro_batches_of_unequal_size_sum_to_the_loss_of_the_batch(batch):
    logits, labels = batch
    count = (labels != -100).sum()
    parts = [token_loss((logits[i : i + 4],), labels[i : i + 4], count) for i in range(0, 16, 4)]
    assert sum(parts).item() == pytest.approx(token_loss((logits,), labels).item(), abs=1e-6)


def test_label_smoothing_is_that_of_torch(batch):
    logits, labels = batch
    expected = cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=0.1)
    assert token_loss((logits,), labels, label_smoothing=0.1).item() == pytest.approx(expected.item(), abs=1e-6)


def test_decoded_ids_win_over_logits_and_hidden_states_do_not(batch):
    logits, labels = batch
    decoded = torch.randint(0, 5, labels.shape)
    assert torch.equal(predicted_ids(logits, labels), logits.argmax(-1))
    assert torch.equal(predicted_ids((logits, decoded), labels), decoded)
    assert torch.equal(predicted_ids((logits, (logits, logits)), labels), logits.argmax(-1))


def test_dev_scoring_puts_rows_back_in_order_and_counts_unseen_words_as_outside(zoo):
    import numpy as np

    from crossner_hf.schema import get_domain

    gold = [[1, 2, 0, 3], [3], [0, 1]]
    labelled = [[0, 3], [0], [0, 1]]  # two words of the first sentence have no token, or lie beyond the cut
    order = [1, 2, 0]
    rows = {1: [3], 2: [0, 1], 0: [1, 3]}
    ids, marks = np.full((3, 6), 9), np.full((3, 6), -100)
    for row, sentence in enumerate(order):
        for i, (label, word) in enumerate(zip(rows[sentence], labelled[sentence], strict=True)):
            ids[row, 2 * i + 1], marks[row, 2 * i + 1] = label, gold[sentence][word]
    score = dev_scorer(DevSet(get_domain(zoo), None, order, gold, labelled))
    actual = score(SimpleNamespace(predictions=ids, label_ids=marks))
    # Gold has four entities. Three are predicted right; the fourth is an animal 0:2 of which only 0:1 is seen.
    assert actual["conlleval_precision"] == actual["conlleval_recall"] == pytest.approx(3 / 4)
    # A word without tokens between B-animal and I-animal is part of the animal.
    gap = dev_scorer(DevSet(get_domain(zoo), None, [0], [[1, 2, 2, 0]], [[0, 2, 3]]))
    row = np.array([[1, 2, 0]])
    assert gap(SimpleNamespace(predictions=row, label_ids=row))["conlleval_f1"] == 1
    in_batches = SimpleNamespace(predictions=[ids[:2], ids[2:]], label_ids=[marks[:2], marks[2:]])
    assert score(in_batches) == actual
