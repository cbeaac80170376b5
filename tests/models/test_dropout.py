"""Dropout, against PyTorch's."""

import pytest
import torch
from torch import nn

from crossner_hf.models.dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_values_gradients_and_later_draws_are_those_of_pytorch(p, dtype):
    outcomes = []
    for kind in (Dropout, nn.Dropout):
        torch.manual_seed(0)
        x = torch.randn(3, 7, 11, dtype=dtype, requires_grad=True)
        y = kind(p)(x)
        y.sum().backward()
        outcomes.append((y, x.grad, torch.rand(3)))
    for mine, theirs in zip(*outcomes, strict=True):
        assert torch.equal(mine, theirs)


def test_a_tensor_of_another_layout_is_dropped_as_by_pytorch():
    x, outcomes = torch.randn(5, 6, 7).transpose(0, 2), []
    for kind in (Dropout, nn.Dropout):
        torch.manual_seed(0)
        outcomes.append(kind(0.4)(x))
    assert torch.equal(*outcomes)


def test_nothing_is_dropped_in_evaluation():
    x = torch.randn(4, 5)
    assert Dropout(0.9).eval()(x) is x
