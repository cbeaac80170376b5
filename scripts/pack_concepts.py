"""Pack a checkpoint of concept pre-training as its difference to the encoder that it began with.

usage: python scripts/pack_concepts.py CHECKPOINT [--rank 64] [--output FILE]

Matrices of the layers become factors of low rank, vectors are kept, embeddings stay the encoder's own; 16 bits a value.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from crossner_hf.packaged_encoder import DIFFERENCE, DOWN, ENCODER, HEAD, UP, encoder_path


def difference(base: dict[str, np.ndarray], trained: dict[str, np.ndarray], rank: int) -> dict[str, np.ndarray]:
    """Factors and vectors of `trained - base` by name."""
    packed = {}
    for name, value in trained.items():
        if "embeddings" in name or "pooler" in name or name not in base:
            continue
        change = value.astype(np.float64) - base[name]
        if change.ndim < 2:
            packed[name] = change.astype(np.float16)
            continue
        left, sizes, right = np.linalg.svd(change, full_matrices=False)
        root = np.sqrt(sizes[:rank])
        packed[name + UP] = (left[:, :rank] * root).astype(np.float16)
        packed[name + DOWN] = (root[:, None] * right[:rank]).astype(np.float16)
    return packed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--output", type=Path, default=DIFFERENCE)
    args = parser.parse_args()
    base = load_file(Path(encoder_path(ENCODER)) / "model.safetensors")
    packed = difference(base, load_file(args.checkpoint / "model.safetensors"), args.rank)
    head = load_file(args.checkpoint / "concepts.safetensors")
    save_file(packed | {HEAD + name: value for name, value in head.items()}, args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
