"""The bidirectional LSTM, against PyTorch's own run row by row."""

import pytest
import torch
from torch import nn

from crossner_hf.models.lstm import BiLSTM


def with_reference(num_layers, input_size=5, hidden_size=4):
    """A BiLSTM, and PyTorch's with the same parameters, named alike."""
    torch.manual_seed(0)
    lstm = BiLSTM(input_size, hidden_size, num_layers)
    reference = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True, bidirectional=True)
    pairs = {}
    for layer in range(num_layers):
        for layers, suffix in ((lstm.forward_layers, ""), (lstm.backward_layers, "_reverse")):
            for name, parameter in layers[layer].named_parameters():
                pairs[name.replace("l0", f"l{layer}") + suffix] = parameter
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            parameter.copy_(pairs[name])
    return lstm, reference, pairs


@pytest.mark.parametrize("num_layers", [1, 3])
def test_states_and_gradients_are_those_of_each_row_by_itself(num_layers):
    lstm, reference, pairs = with_reference(num_layers)
    lengths = [4, 0, 7, 1, 7]
    mask = torch.arange(9) < torch.tensor(lengths).unsqueeze(1)
    x = torch.randn(len(lengths), 9, 5, requires_grad=True)
    weights = torch.randn(len(lengths), 9, 8)
    states = lstm(x, mask)
    (states * weights).sum().backward()
    gradient = x.grad.clone()
    x.grad = None
    rows = [reference(x[i : i + 1, :n])[0] for i, n in enumerate(lengths) if n]
    full = [n for n in lengths if n]
    kept = [i for i, n in enumerate(lengths) if n]
    sum((row * weights[i, :n]).sum() for i, n, row in zip(kept, full, rows, strict=True)).backward()
    for i, n, row in zip(kept, full, rows, strict=True):
        torch.testing.assert_close(states[i, :n], row[0])
    assert not states[~mask].any()
    torch.testing.assert_close(gradient, x.grad)
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(pairs[name].grad, parameter.grad)


def test_values_in_the_padding_change_nothing():
    lstm, _, _ = with_reference(2)
    mask = torch.arange(6) < torch.tensor([[3], [6]])
    x = torch.randn(2, 6, 5)
    other = torch.where(mask.unsqueeze(-1), x, 100 * torch.randn(2, 6, 5))
    assert torch.equal(lstm(x, mask), lstm(other, mask))


def test_a_batch_without_any_word_gives_zeros_and_gradients():
    lstm, _, _ = with_reference(1)
    states = lstm(torch.randn(2, 1, 5), torch.zeros(2, 1, dtype=torch.bool))
    assert not states.any()
    states.sum().backward()
    assert all(parameter.grad is not None for parameter in lstm.parameters())


def test_dropout_acts_between_layers_in_training_only():
    x, mask = torch.randn(2, 3, 5), torch.ones(2, 3, dtype=torch.bool)
    deep, flat = BiLSTM(5, 4, 2, dropout=0.5), BiLSTM(5, 4, 1, dropout=0.5)
    assert not torch.equal(deep(x, mask), deep(x, mask))
    assert torch.equal(flat(x, mask), flat(x, mask))
    deep.eval()
    assert torch.equal(deep(x, mask), deep(x, mask))


def test_reset_parameters_draws_all_anew():
    lstm = BiLSTM(5, 4, 2)
    before = [parameter.clone() for parameter in lstm.parameters()]
    torch.manual_seed(1)
    lstm.reset_parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, lstm.parameters(), strict=True))
    assert all(parameter.abs().max() <= 0.5 for parameter in lstm.parameters())  # 1 / sqrt(hidden_size)
