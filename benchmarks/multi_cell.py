"""Cost of a training step of the multi-cell LSTM by the number of its types, and beside a loop over its cells."""

import time
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from crossner_hf.models.multi_cell import CellOutput, MultiCellLSTM

BATCH, WORDS, WIDTH, SIZE = 10, 40, 150, 100  # the paper's batch and sizes; CrossNER's sentences have about 39 words


class LoopOverCells(nn.Module):
    """One direction as in the released code: linear layers of each cell, called one after the other at each word."""

    def __init__(self, lstm: MultiCellLSTM, way: int):
        super().__init__()
        self.x, self.h = nn.ModuleList(), nn.ModuleList()
        number = lstm.num_cells
        blocks = [[k, number + 2 + k] for k in range(number)] + [[number, number + 1, 2 * number + 2]]
        for chosen in blocks:
            x, h = nn.Linear(WIDTH, len(chosen) * SIZE), nn.Linear(SIZE, len(chosen) * SIZE, bias=False)
            x.weight.data = lstm.input_weight.data[way, chosen].flatten(0, 1).clone()
            x.bias.data = lstm.bias.data[way, chosen].flatten().clone()
            h.weight.data = lstm.recurrent_weight.data[way, chosen].flatten(0, 1).clone()
            self.x.append(x)
            self.h.append(h)
        self.p, self.q, self.v = (
            nn.Parameter(weight.data[0, way].clone())
            for weight in (lstm.candidate_projection, lstm.cell_projection, lstm.query)
        )

    def forward(self, x: Tensor, words: Iterable[int]) -> tuple[Tensor, Tensor, Tensor]:
        h = c = x.new_zeros(len(x), SIZE)
        of_words = {}
        for word in words:
            cells = []
            for of_x, of_h in zip(self.x[:-1], self.h[:-1], strict=True):
                i, g = (of_x(x[:, word]) + of_h(h)).chunk(2, -1)
                i = torch.sigmoid(i)
                cells.append(i * torch.tanh(g) + (1 - i) * c)
            i, o, candidate = (self.x[-1](x[:, word]) + self.h[-1](h)).chunk(3, -1)
            i, o, of_types = torch.sigmoid(i), torch.sigmoid(o), torch.stack(cells, 1)
            sums = torch.tanh((torch.tanh(candidate) @ self.p.T).unsqueeze(1) + of_types @ self.q.T)
            attention = (sums @ self.v).softmax(-1)
            c = (1 - i) * c + i * (attention.unsqueeze(1) @ of_types).squeeze(1)
            h = o * torch.tanh(c)
            of_words[word] = h, of_types, attention
        return tuple(torch.stack([of_words[word][i] for word in range(x.shape[1])], 1) for i in range(3))


class LoopInBothDirections(nn.Module):
    """Both directions, and the score of each type by a linear layer of its own."""

    def __init__(self, lstm: MultiCellLSTM):
        super().__init__()
        self.ways = nn.ModuleList(LoopOverCells(lstm, way) for way in range(2))
        self.scorers = nn.ModuleList(nn.Linear(2 * SIZE, 1) for _ in range(lstm.num_cells))
        for k, scorer in enumerate(self.scorers):
            scorer.weight.data = lstm.type_weight.data[:, k].flatten().unsqueeze(0).clone()
            scorer.bias.data = lstm.type_bias.data[k : k + 1].clone()

    def forward(self, x: Tensor) -> CellOutput:
        words = range(x.shape[1])
        ahead, back = self.ways[0](x, words), self.ways[1](x, reversed(words))
        hidden, cells = (torch.cat(pair, -1) for pair in zip(ahead[:2], back[:2], strict=True))
        scores = torch.cat([scorer(cells[:, :, k]) for k, scorer in enumerate(self.scorers)], -1)
        return CellOutput(hidden, scores, (ahead[2] + back[2]) / 2)


def seconds(module: nn.Module, *inputs: Tensor) -> float:
    """Processor time of a step forward and backward."""
    module.zero_grad()
    begun = time.process_time()
    sum(values.square().sum() for values in module(*inputs)).backward()
    return time.process_time() - begun


def bench_multi_cell(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """Both directions over one batch, forward and backward; processor time, which other work changes least."""
    torch.manual_seed(0)
    x, mask = torch.randn(BATCH, WORDS, WIDTH), torch.ones(BATCH, WORDS, dtype=torch.bool)
    few, many = (MultiCellLSTM(WIDTH, SIZE, types + 1) for types in (9, 39))
    loop = LoopInBothDirections(many)
    difference = max((a - b).abs().max().item() for a, b in zip(many(x, mask), loop(x), strict=True))
    if difference > 1e-5:
        raise AssertionError(f"the multi-cell LSTM and a loop over its cells differ by {difference}")
    # In turns, so that what else the machine does slows all three alike.
    rounds = [(seconds(few, x, mask), seconds(many, x, mask), seconds(loop, x)) for _ in range(7)]
    of_few, of_many, of_loop = map(min, zip(*rounds, strict=True))
    return [
        (
            f"multi-cell LSTM, {BATCH} x {WORDS} words: 9 types {1e3 * of_few:.0f} ms, 39 types {1e3 * of_many:.0f} ms",
            f"{of_many / of_few:.2f} x",
            "at most 2.5",
        ),
        (f"  a loop over the cells of 39 types: {1e3 * of_loop:.0f} ms", f"{of_loop / of_many:.1f} x", "at least 5"),
    ]
