"""A bidirectional LSTM whose weights are a function of a task and a domain (Jia et al., 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import initialization as init

from .lstm import both_directions


class GeneratedBiLSTM(nn.Module):
    """One-layer LSTMs of several tasks and domains, generated from shared factors.

    The weights of a task t and a domain d are a bilinear function of two vectors e_t and e_d:

        theta(t, d)_p = sum over i, j of e_t[i] e_d[j] W[i, j, p]

    theta holds, for each direction, the parameters of `nn.LSTM` in its order: weight_ih (4 h, input_size), weight_hh
    (4 h, h), bias_ih and bias_hh (4 h), one after the other.

    Args:
        input_size: Width of the input.
        hidden_size: Size h of each direction.
        tasks: Number of tasks, and width of their vectors.
        domains: Number of domains, and width of their vectors.

    Source: Jia et al. (2019), "Cross-Domain NER using Cross-Domain Language Modeling", section 3.3.
    """

    def __init__(self, input_size: int, hidden_size: int, tasks: tuple[int, int], domains: tuple[int, int]):
        super().__init__()
        gates = 4 * hidden_size
        self.hidden_size = hidden_size
        self.shapes = [(gates, input_size), (gates, hidden_size), (gates,), (gates,)] * 2
        self.sizes = [torch.Size(shape).numel() for shape in self.shapes]
        self.tasks = nn.Parameter(torch.empty(*tasks))
        self.domains = nn.Parameter(torch.empty(*domains))
        self.factors = nn.Parameter(torch.empty(tasks[1], domains[1], sum(self.sizes)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw vectors from U(-sqrt(3/width), sqrt(3/width)) and W from U(-1/sqrt(h), 1/sqrt(h))."""
        for vectors in (self.tasks, self.domains):
            bound = (3 / vectors.shape[1]) ** 0.5
            init.uniform_(vectors, -bound, bound)
        bound = self.hidden_size**-0.5
        init.uniform_(self.factors, -bound, bound)

    def generate(self, pairs: Sequence[tuple[int, int]]) -> list[list[Tensor]]:
        """Generate the parameters of an LSTM for each pair of a task and a domain, in one product.

        Returns:
            For each pair eight tensors in the order of `nn.LSTM`, those of the backward direction last.
        """
        tasks, domains = (torch.tensor(numbers, device=self.tasks.device) for numbers in zip(*pairs, strict=True))
        with torch.autocast(self.factors.device.type, enabled=False):  # weights of an LSTM need its full precision
            products = torch.einsum("pi,pj->pij", self.tasks[tasks], self.domains[domains])
            flat = products.flatten(1) @ self.factors.flatten(0, 1)
        return [
            [part.view(shape) for part, shape in zip(row.split(self.sizes), self.shapes, strict=True)] for row in flat
        ]

    def forward(self, x: Tensor, mask: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """Run an LSTM.

        Args:
            x: (batch, time, input_size).
            mask: (batch, time) bool, True on real words; a prefix of every row.
            parameters: What `generate` gives for a pair.

        Returns:
            States of both directions, (batch, time, 2 * hidden_size); zeros where `mask` is False.
        """
        zeros = x.new_zeros(1, x.shape[0], self.hidden_size)

        def run(weights: Sequence[Tensor], rows: Tensor) -> Sequence[Tensor]:
            state = zeros.to(rows.dtype)
            return torch.lstm(rows, (state, state), list(weights), True, 1, 0.0, self.training, False, True)

        return both_directions(x, mask, lambda rows: run(parameters[:4], rows), lambda rows: run(parameters[4:], rows))
