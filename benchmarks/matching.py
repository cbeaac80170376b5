"""Finding names in text: beside flashtext, and with four million names.

`python benchmarks/matching.py` prints these rows alone. CROSSNER_GAZETTEER (a file of names with types) and
CROSSNER_TEXT (Parquet with a column `text`) name what is searched; without them, names and text are made from the
sample's sentences. Times are processor time of one core.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from flashtext import KeywordProcessor

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import SAMPLE_FOLDER
from crossner_hf.display import table
from crossner_hf.schema import get_domain

TEXT_BYTES = 20_000_000
FLASHTEXT_BYTES = 2_000_000
NAMES, MANY_NAMES = 129_000, 4_000_000
ROUNDS = 5

# VmHWM is the peak of resident memory since the program began, VmRSS the present one, /proc being Linux only.
PROGRAM = """
import json, re, sys, time
from pathlib import Path
from crossner_hf.corpora.gazetteer import Gazetteer

def kilobytes(name):
    return int(re.search(rf"{name}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

begun = time.perf_counter()
if sys.argv[1] == "build":
    Gazetteer.read(sys.argv[2]).save(sys.argv[3])
    print(json.dumps({"seconds": time.perf_counter() - begun, "peak": kilobytes("VmHWM")}))
else:
    gazetteer = Gazetteer.open(sys.argv[3])
    opened = time.perf_counter() - begun
    sentences = json.loads(Path(sys.argv[2]).read_text())
    before, times = kilobytes("VmRSS"), []
    for _ in range(3):
        begun = time.process_time()
        matches = gazetteer.index.find_in(sentences)
        times.append(time.process_time() - begun)
    held = kilobytes("VmHWM") - before
    print(json.dumps({"opened": opened, "names": len(gazetteer), "seconds": min(times), "held": held}))
"""


def sentences_of(size: int) -> list[str]:
    """Sentences of `size` bytes of text."""
    if path := os.environ.get("CROSSNER_TEXT"):
        texts = (document.text for document in Corpus((path,)).documents())
        every = (" ".join(s.split()) for text in texts for s in re.split(r"(?<=[.!?]) |\n", text))
    else:
        music, rng = get_domain("sample_music"), random.Random(0)
        sample = [" ".join(words) for words, _ in read_sentences(music, SAMPLE_FOLDER / "music" / "train.txt")]
        every = (rng.choice(sample) for _ in range(size))
    sentences, total = [], 0
    for sentence in every:
        if sentence:
            sentences.append(sentence)
            total += len(sentence.encode())
        if total >= size:
            break
    return sentences


def write_names(path: Path, number: int, sentences: list[str]) -> Path:
    """Names of one to four words: those of CROSSNER_GAZETTEER, then random ones of words with a capital in the text."""
    rng, names = random.Random(0), {}
    if real := os.environ.get("CROSSNER_GAZETTEER"):
        gazetteer = Gazetteer.read(real, lower_case_types=())
        names = dict.fromkeys(map(gazetteer.index.name, range(min(number, len(gazetteer)))))
    words = sorted({word for s in sentences for word in s.split() if word[0].isupper() and word.isalpha()})
    while len(names) < number and not (real and number == NAMES):  # a real gazetteer is searched as it is
        names[" ".join(rng.choices(words, k=rng.choice((1, 2, 2, 2, 3, 3, 4))))] = None
    path.write_text("".join(f"{name}\tmisc\n" for name in names), encoding="utf-8")
    return path


def bench_matching(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """Speed beside flashtext; speed and memory with four million names."""
    sentences = sentences_of(TEXT_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        return [*_beside_flashtext(Path(folder), sentences), *_many_names(Path(folder), sentences)]


def _megabytes(sentences: list[str]) -> float:
    return sum(len(sentence.encode()) for sentence in sentences) / 1e6


def _beside_flashtext(folder: Path, sentences: list[str]) -> list[tuple[str, str, str]]:
    gazetteer = Gazetteer.read(write_names(folder / "names.tsv", NAMES, sentences), lower_case_types=())
    names = [gazetteer.index.name(number) for number in range(len(gazetteer))]
    other = KeywordProcessor(case_sensitive=True)
    other.add_keywords_from_list(names)
    few = list(islice(sentences, int(len(sentences) * FLASHTEXT_BYTES / TEXT_BYTES)))
    ours, theirs = [], []
    for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine spares neither
        begun = time.process_time()
        gazetteer.index.find_in(sentences)
        ours.append(_megabytes(sentences) / (time.process_time() - begun))
        begun = time.process_time()
        for sentence in few:
            other.extract_keywords(sentence, span_info=True)
        theirs.append(_megabytes(few) / (time.process_time() - begun))
    what = f"matching {len(names):,} names in {_megabytes(sentences):.0f} MB of sentences"
    return [
        (what, f"{max(ours):.1f} MB/s", "at least 15 MB/s"),
        (f"  flashtext: {max(theirs):.1f} MB/s", f"{max(ours) / max(theirs):.1f} x", "at least 3"),
    ]


def _many_names(folder: Path, sentences: list[str]) -> list[tuple[str, str, str]]:
    names, text, saved = write_names(folder / "many.tsv", MANY_NAMES, sentences), folder / "text.json", folder / "saved"
    text.write_text(json.dumps(sentences), encoding="utf-8")
    built, opened = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, *map(str, arguments)], check=True, capture_output=True
            ).stdout
        )
        for arguments in (("build", names, saved), ("open", text, saved))
    )
    speed = _megabytes(sentences) / opened["seconds"]
    return [
        (f"the same with {opened['names']:,} names", f"{speed:.1f} MB/s", "at least 10 MB/s"),
        ("  memory: held by the names and the search", f"{opened['held'] / 1e6:.2f} GB", "at most 1 GB"),
        (
            f"  memory: peak of reading and saving them ({built['seconds']:.0f} s)",
            f"{built['peak'] / 1e6:.2f} GB",
            "at most 3 GB",
        ),
        ("  opening them", f"{opened['opened']:.3f} s", "within 5 s"),
    ]


if __name__ == "__main__":
    print(table(("what", "measured", "wanted"), bench_matching()))
