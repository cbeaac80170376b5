"""Pack a checkpoint of concept pre-training as its difference to the encoder that it began with.

usage: python scripts/pack_concepts.py CHECKPOINT [--rows 1200] [--output FILE]

Matrices of the layers have four bits a weight; so have the rows of the word
embeddings that changed most; vectors have 16 bits.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from crossner_hf.packaged_encoder import DIFFERENCE, ENCODER, HEAD, encoder_path
from crossner_hf.packed_weights import pack_matrix, pack_rows


def difference(base: dict[str, np.ndarray], trained: dict[str, np.ndarray], num_rows: int) -> dict[str, np.ndarray]:
    """Pack `trained - base`; of the word embeddings `num_rows` rows, of the other embeddings nothing but vectors."""
    packed: dict[str, np.ndarray] = {}
    for name, value in trained.items():
        if "pooler" in name or name not in base:
            continue
        change = value.astype(np.float32) - base[name]
        if change.ndim == 1:
            packed[name] = change.astype(np.float16)
        elif "embeddings" not in name:
            packed |= pack_matrix(name, change)
        elif "word_embeddings" in name and change.any():
            rows = np.sort(np.argsort(-np.linalg.norm(change, axis=1))[:num_rows])
            packed |= pack_rows(name, change, rows)
    return packed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--rows", type=int, default=1_200, help="rows of the word embeddings (default: 1200)")
    parser.add_argument("--output", type=Path, default=DIFFERENCE)
    args = parser.parse_args()
    base = load_file(Path(encoder_path(ENCODER)) / "model.safetensors")
    packed = difference(base, load_file(args.checkpoint / "model.safetensors"), args.rows)
    head = load_file(args.checkpoint / "concepts.safetensors")
    save_file(packed | {HEAD + name: value for name, value in head.items()}, args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, SHA-256", end=" ")
    print(hashlib.sha256(args.output.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
