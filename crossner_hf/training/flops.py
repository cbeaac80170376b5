"""Floating-point operations of a step of pre-training, and how many a second this machine can do."""

import functools
import time

import torch
from transformers import PreTrainedModel, Trainer

from crossner_hf.training.step_clock import StepClock


def matmul_peak(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> float:
    """Measure the FLOP/s of torch's matrix product: the best of eight, since others may use the machine."""
    on_cpu = torch.device(device).type == "cpu"
    size, repeats = (2_048, 1) if on_cpu else (8_192, 10)  # on a GPU enough work to hide the launch
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in "ab")
    best, end = float("inf"), time.perf_counter() + 5  # half precision crawls on some processors
    for number in range(8):
        begun = time.perf_counter()
        if number and begun > end:
            break
        for _ in range(repeats):
            product = a @ b
        product[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - begun)
    return 2 * size**3 * repeats / best


def layer_parameters(model: PreTrainedModel) -> int:
    """Count the encoder's parameters that every token is multiplied with: all but embeddings, head and pooler."""
    if (own := getattr(model, "parameters_per_word", None)) is not None:
        return own
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    named = model.base_model.named_parameters()
    once = sum(p.numel() for name, p in named if id(p) not in tables and "pooler" not in name)
    groups = getattr(model.config, "num_hidden_groups", None)  # ALBERT: its layers share their weights
    return once if groups is None else once * model.config.num_hidden_layers // groups


def encoder_flop(model: PreTrainedModel, length: float) -> float | None:
    """Estimate the FLOP of the encoder for each token of a text of `length` tokens, forward and backward.

    Returns None for architectures whose config lacks a size.
    """
    config = model.config
    try:
        attention = 4 * length * config.hidden_size * config.num_hidden_layers
    except AttributeError:
        return None
    return 6 * layer_parameters(model) + 3 * attention


def masked_lm_flop(model: PreTrainedModel, block_size: int, head_share: float) -> float | None:
    """Estimate the FLOP for each token, forward and backward: layers, attention, and the head at its share of tokens.

    That share is the mask probability, or 1. Returns None for architectures whose config lacks a size.
    """
    encoder = encoder_flop(model, block_size)
    if encoder is None:
        return None
    return encoder + 6 * head_share * model.config.hidden_size * (model.config.vocab_size + model.config.hidden_size)


def training_speed(trainer: Trainer, clock: StepClock, flop: float | None) -> dict[str, float] | None:
    """Return the tokens a second of the optimizer steps, and the model FLOPs utilisation (mfu), for the record.

    `flop` is for each token, forward and backward; None if not known.
    """
    args = trainer.args
    if not clock.seconds:
        return None
    rate = clock.tokens / clock.seconds
    if flop is None:
        return {"tokens_per_second": round(rate, 1)}
    dtype = torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else torch.float32
    peak = _peak_once(args.device, dtype, torch.get_num_threads()) * args.world_size * max(1, args.n_gpu)
    return {
        "tokens_per_second": round(rate, 1),
        "gflop_per_token": round(flop / 1e9, 5),
        "matmul_peak_gflop_per_second": round(peak / 1e9, 1),
        "mfu": round(rate * flop / peak, 3),
    }


@functools.cache
def _peak_once(device: torch.device, dtype: torch.dtype, threads: int) -> float:
    """`matmul_peak`, measured once in a process: it takes seconds, as long as a short run."""
    return matmul_peak(device, dtype)
