"""The CRF beside the package pytorch-crf, same parameters and batch: `bench_crf` for bench.py.

`python benchmarks/crf.py` prints these rows alone.
"""

from functools import partial

import torch
from masking import side_by_side

from crossner_hf.display import table
from crossner_hf.models.crf import CRF

ROWS, WORDS, TAGS = 32, 60, 35
SHORTEST = 20
LOSS, DECODING = 1.3, 2.0  # times as fast, at least


def _batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Emissions, tags and mask of sentences of 20 to 60 words, one of them of 60."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(SHORTEST, WORDS + 1, (ROWS, 1), generator=random)
    lengths[0] = WORDS
    emissions = torch.randn(ROWS, WORDS, TAGS, generator=random)
    return emissions, torch.randint(TAGS, (ROWS, WORDS), generator=random), torch.arange(WORDS) < lengths


def _gradients(crf: torch.nn.Module, log_likelihood, emissions: torch.Tensor) -> dict[str, torch.Tensor]:
    """Gradients of the loss, the mean over the rows, by emissions and by each parameter; the loss itself."""
    crf.zero_grad()
    leaf = emissions.detach().requires_grad_()
    leaf.grad = None
    loss = -log_likelihood(leaf).mean()
    loss.backward()
    return {"loss": loss.detach(), "emissions": leaf.grad, **{name: p.grad for name, p in crf.named_parameters()}}


def _assert_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    if ours.keys() != theirs.keys():
        raise AssertionError(f"gradients of {sorted(ours)} against {sorted(theirs)}")
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-4, atol=1e-5)


def bench_crf(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """Loss with its backward pass, and decoding to lists, of a batch in float32; same results or an error."""
    from torchcrf import CRF as PytorchCRF

    ours, theirs = CRF(TAGS), PytorchCRF(TAGS, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    emissions, tags, mask = _batch()
    lengths = mask.sum(1).tolist()
    losses = (
        partial(_gradients, ours, lambda leaf: ours.log_likelihood(leaf, tags, mask), emissions),
        partial(_gradients, theirs, lambda leaf: theirs(leaf, tags, mask, reduction="none"), emissions),
    )
    decodings = (
        lambda: [row[:n] for row, n in zip(ours.viterbi(emissions, mask).tolist(), lengths, strict=True)],
        lambda: theirs.decode(emissions, mask),
    )
    _assert_equal(*(function() for function in losses))
    with torch.no_grad():
        if decodings[0]() != decodings[1]():
            raise AssertionError("the CRF and pytorch-crf decode different tags")
        decoding = side_by_side(*decodings)
    loss = side_by_side(*losses)
    size = f"{ROWS} x {SHORTEST} to {WORDS} words, {TAGS} tags"
    return [
        (f"CRF, {what}, {size}: {1e3 * mine:.1f} ms, pytorch-crf {1e3 * other:.1f} ms", f"{other / mine:.1f} x", wanted)
        for what, (mine, other), wanted in (
            ("loss and backward", loss, f"at least {LOSS}"),
            ("decoding", decoding, f"at least {DECODING:g}"),
        )
    ]


if __name__ == "__main__":
    measured = bench_crf()
    print(f"{torch.get_num_threads()} thread(s), torch {torch.__version__}")
    print(table(("what", "measured", "wanted"), measured))
