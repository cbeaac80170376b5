"""A training step of the sampled softmax over 40,000 and over 400,000 words."""

import time
from collections.abc import Callable

import torch

from crossner_hf.models.sampled_softmax import SampledSoftmax

STATES, WIDTH, DRAWS = 512, 100, 50  # a batch of 32 sentences has about 500 words; Jia et al. (2019)
FEW, MANY = 40_000, 400_000


def bench_sampled_softmax(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """Forward, backward and SGD with sparse gradients, in turns, so that a busy moment of the machine spares none."""
    steps = {words: step_over(words) for words in (FEW, MANY)}
    seconds = dict.fromkeys(steps, float("inf"))
    for _ in range(40):
        for words, step in steps.items():
            begun = time.perf_counter()
            step()
            seconds[words] = min(seconds[words], time.perf_counter() - begun)
    few, many = seconds[FEW], seconds[MANY]
    return [
        (
            f"step of the sampled softmax: {FEW:,} words {1e3 * few:.1f} ms, {MANY:,} words {1e3 * many:.1f} ms",
            f"{many / few:.2f} x",
            "at most 2",
        )
    ]


def step_over(words: int) -> Callable[[], None]:
    softmax = SampledSoftmax(words, WIDTH, DRAWS)
    softmax.reset_parameters()
    softmax.weight.sparse = softmax.bias.sparse = True
    optimizer = torch.optim.SGD(softmax.parameters(), lr=0.015)
    targets = (torch.rand(STATES) * torch.tensor(words + 1.0).log()).exp().long() - 1
    states = torch.randn(STATES, WIDTH)

    def step() -> None:
        softmax(states, targets).mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
