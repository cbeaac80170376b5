"""Pack a checkpoint of concept pre-training as its difference to the encoder that it began with.

usage: python scripts/pack_concepts.py CHECKPOINT [--output FILE]

Matrices of the layers have four bits a weight, vectors 16. The embeddings must
be those of the encoder: `concepts train` keeps them.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from crossner_hf.packaged_encoder import DIFFERENCE, ENCODER, HEAD, encoder_path
from crossner_hf.packed_weights import pack_matrix


def difference(base: dict[str, np.ndarray], trained: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pack `trained - base`."""
    packed: dict[str, np.ndarray] = {}
    for name, value in trained.items():
        if "pooler" in name or name not in base:
            continue
        change = value.astype(np.float32) - base[name]
        if change.ndim == 1:
            packed[name] = change.astype(np.float16)
        elif change.any():
            if "embeddings" in name:
                raise SystemExit(f"{name} was trained; train with --freeze-embeddings")
            packed |= pack_matrix(name, change)
    return packed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--output", type=Path, default=DIFFERENCE)
    args = parser.parse_args()
    base = load_file(Path(encoder_path(ENCODER)) / "model.safetensors")
    packed = difference(base, load_file(args.checkpoint / "model.safetensors"))
    head = load_file(args.checkpoint / "concepts.safetensors")
    save_file(packed | {HEAD + name: value for name, value in head.items()}, args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, SHA-256", end=" ")
    print(hashlib.sha256(args.output.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
