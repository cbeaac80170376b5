"""The difference of two checkpoints in four bits a weight.

Weights are cut into blocks of 64. A block has its greatest absolute value as scale, and each weight the nearest of
sixteen levels times that scale: the levels of NF4, which suit normally distributed values (Dettmers et al., QLoRA,
2023, appendix E). Vectors are kept in 16 bits.
"""

from collections.abc import Mapping

import numpy as np

BLOCK = 64
CODES, SCALES = ".codes", ".scales"
LEVELS = np.array(
    [
        *(-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0),
        *(0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0),
    ],
    dtype=np.float32,
)


def pack_matrix(name: str, change: np.ndarray) -> dict[str, np.ndarray]:
    """Pack a matrix whose number of columns is a multiple of 64: codes, two in a byte, and a scale for each block."""
    blocks = change.astype(np.float32).reshape(-1, BLOCK)
    scales = np.abs(blocks).max(1, keepdims=True).astype(np.float16)
    shares = blocks / np.maximum(scales.astype(np.float32), np.finfo(np.float32).tiny)
    between = (LEVELS[1:] + LEVELS[:-1]) / 2
    codes = np.searchsorted(between, shares).astype(np.uint8).reshape(len(change), -1)
    return {name + CODES: codes[:, ::2] << 4 | codes[:, 1::2], name + SCALES: scales.reshape(len(change), -1)}


def add_packed(weights: dict[str, np.ndarray], change: Mapping[str, np.ndarray]) -> None:
    """Add a packed difference to weights by name, in their place."""
    for name, value in change.items():
        if name.endswith(SCALES):
            continue
        if not name.endswith(CODES):
            weights[name] = (weights[name] + value).astype(np.float32)
            continue
        target = name.removesuffix(CODES)
        codes = np.stack([value >> 4, value & 15], axis=-1).reshape(len(value), -1, BLOCK)
        matrix = (LEVELS[codes] * change[target + SCALES].astype(np.float32)[:, :, None]).reshape(len(value), -1)
        weights[target] = weights[target] + matrix
