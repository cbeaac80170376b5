"""What a masked-LM step must cost at least: floating-point operations, and how many a second this machine can do."""

import time

import torch


def matmul_peak(size: int = 2048, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> float:
    """FLOP/s of torch's matrix product on a device, now: the best of eight, since a shared machine only takes away."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in "ab")
    best = float("inf")
    for _ in range(8):
        begun = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - begun)
    return 2 * size**3 / best


def layer_parameters(model: torch.nn.Module) -> int:
    """Parameters of the encoder that every piece is multiplied with: all but embedding tables, head and pooler."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    encoder = model.base_model
    return sum(p.numel() for name, p in encoder.named_parameters() if id(p) not in tables and "pooler" not in name)


def masked_lm_flop(model: torch.nn.Module, block_size: int, head_share: float) -> float:
    """FLOP a piece, forward and backward: 6 a parameter of the layers, attention, and the head at its share of pieces.

    head_share: share of the positions on which the head runs: the mask probability, or 1 where it runs everywhere
    """
    config = model.config
    attention = 4 * block_size * config.hidden_size * config.num_hidden_layers
    head = config.hidden_size * (config.vocab_size + config.hidden_size)
    return 6 * layer_parameters(model) + 3 * attention + 6 * head_share * head
