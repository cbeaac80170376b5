"""`crossner-hf corpus build` for one domain and for five in one pass, side by side: seconds, processor time, memory.

`python benchmarks/corpus_build.py` prints these rows alone. CROSSNER_TEXT (Parquet with the columns `title` and `text`)
and CROSSNER_GAZETTEER name the input; without them it is the sample, which says little.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crossner_hf.data.sources import SAMPLE_FOLDER
from crossner_hf.display import table
from crossner_hf.schema import DOMAINS

NAMES = "jazz\tmusicgenre\nParis\tlocation\nDNA\tmisc\nguitar\tmusicalinstrument\n"


def build(domains: list[str], folder: Path, data_dir: str | None) -> tuple[float, float]:
    """Seconds of the wall clock and of all processors that a build takes."""
    names = folder / "names.tsv"
    names.write_text(NAMES, encoding="utf-8")
    source = os.environ.get("CROSSNER_TEXT")
    command = [sys.executable, "-m", "crossner_hf", "corpus", "build", "--domain", *domains]
    command += ["--source", source or str(SAMPLE_FOLDER / "music" / "raw.txt"), *([] if source else ["--whole-source"])]
    command += ["--gazetteer", os.environ.get("CROSSNER_GAZETTEER") or str(names)]
    command += ["--output", str(folder / "-".join(domains)), *(["--data-dir", data_dir] if data_dir else [])]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    elapsed, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench_corpus_build(data_dir: str | None) -> list[tuple[str, str, str]]:
    """One domain, all five, their ratio, and the largest process."""
    with tempfile.TemporaryDirectory() as folder:
        one, five = (build(domains, Path(folder), data_dir) for domains in (["music"], list(DOMAINS)))
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = [
        (f"{what}, all four levels", f"{elapsed:.0f} s ({processor:.0f} s of processors)", wanted)
        for (elapsed, processor), what, wanted in (
            (one, "music", "at most 90 s"),
            (five, "five domains in one pass", ""),
        )
    ]
    ratio = f"{five[0] / one[0]:.2f} times ({five[1] / one[1]:.2f} of processors)"
    return [
        *rows,
        ("  five against one", ratio, "at most 1.5"),
        ("  largest process", f"{megabytes:.0f} MB", "at most 2,000 MB"),
    ]


if __name__ == "__main__":
    print(table(("what", "measured", "wanted"), bench_corpus_build(sys.argv[1] if len(sys.argv) > 1 else None)))
