"""Packing raw text: its speed beside the plain tokenizer's, and its memory for 100 MB and for 1 GB of text.

`python benchmarks/corpus.py [FILE]`; without a text file, the sample's sentences in random order.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from transformers import AutoTokenizer
from transformers.utils import logging

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import SAMPLE_FOLDER
from crossner_hf.packaged_encoder import encoder_path
from crossner_hf.pretraining.blocks import block_dataset
from crossner_hf.pretraining.packing import Packing
from crossner_hf.schema import get_domain

BLOCK_SIZE = 128
SPEED_BYTES = 30_000_000
MEMORY_BYTES = (100_000_000, 1_000_000_000)

# VmHWM is the peak of resident memory since the program began, /proc being Linux only.
PACK = """
import json, re, sys
from transformers import AutoTokenizer
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.pretraining.blocks import block_dataset
from crossner_hf.pretraining.packing import Packing
from crossner_hf.packaged_encoder import encoder_path

def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) / 1024

tokenizer = AutoTokenizer.from_pretrained(encoder_path("minilm"))
before = peak()
_, counts = block_dataset(Packing(Corpus((sys.argv[1],)), tokenizer, int(sys.argv[2])), cache_dir=sys.argv[3])
print(json.dumps({"before": before, "peak": peak(), "blocks": counts.blocks}))
"""


def write_text(path: Path, size: int, source: Path | None = None) -> Path:
    """Documents of 5 to 40 sentences of the sample, `size` bytes of them; or the begin of `source`, repeated."""
    rng = random.Random(0)
    if source is not None:
        content = source.read_text(encoding="utf-8")[:SPEED_BYTES]
    else:
        music = get_domain("sample_music")
        files = [SAMPLE_FOLDER / "music" / f"{split}.txt" for split in ("train", "dev", "test")]
        sentences = [" ".join(tokens) for file in files for tokens, _ in read_sentences(music, file)]
        content = "\n\n".join(" ".join(rng.choices(sentences, k=rng.randint(5, 40))) for _ in range(2_000))
    raw = (content.rstrip("\n") + "\n\n").encode()
    with open(path, "wb") as file:
        for _ in range(size // len(raw)):
            file.write(raw)
        file.write(raw[: size % len(raw)].rpartition(b" ")[0])  # no cut through a character
    return path


def bench_corpus(data_dir: str | None = None, source: Path | None = None) -> list[tuple[str, str, str]]:
    """What reading, packing and caching cost beside the tokenizer, and what memory they take."""
    return [_speed(source), _memory(source)]


def _memory(source: Path | None) -> tuple[str, str, str]:
    peaks = []
    for size in MEMORY_BYTES:
        with tempfile.TemporaryDirectory() as folder:
            path = write_text(Path(folder) / "text.txt", size, source)
            command = [sys.executable, "-c", PACK, str(path), str(BLOCK_SIZE), folder]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            peaks.append(found["peak"])
    sizes = " and ".join(f"{size / 1e6:,.0f} MB" for size in MEMORY_BYTES)
    what = f"packing {sizes} of text, peak memory ({found['before']:.0f} MB after imports)"
    return what, " and ".join(f"{peak:.0f} MB" for peak in peaks), "flat: at most 1.2 x"


def _speed(source: Path | None) -> tuple[str, str, str]:
    tokenizer = AutoTokenizer.from_pretrained(encoder_path("minilm"))
    plain, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus((write_text(Path(folder) / "text.txt", SPEED_BYTES, source),))
        texts = [document.text for document in corpus.documents()]
        for number in range(3):  # in turns, so that a busy moment of the machine spares neither
            begun = time.perf_counter()
            for first in range(0, len(texts), 1000):
                tokenizer(texts[first : first + 1000])
            plain.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            block_dataset(Packing(corpus, tokenizer, BLOCK_SIZE), cache_dir=Path(folder) / str(number))
            ours.append(time.perf_counter() - begun)
    what = f"packing {SPEED_BYTES / 1e6:.0f} MB of text: {min(ours):.1f} s, plain tokenizer {min(plain):.1f} s"
    return what, f"{100 * min(plain) / min(ours):.0f} % of its speed", "at least 80 %"


if __name__ == "__main__":
    logging.set_verbosity_error()
    for row in bench_corpus(None, *map(Path, sys.argv[1:2])):
        print("  ".join(row), flush=True)
