"""10,000 mutants of every file that the package reads: each gives a result, or one sentence with the place."""

import argparse
import faulthandler
import logging
import resource
import tempfile
import time
from pathlib import Path

from fuzz.runner import SECONDS, mutant_of, problem_with, shared_out
from fuzz.targets import Target, make_targets
from transformers.utils.logging import disable_progress_bar

FAILED = Path(".fuzz")
MEMORY = 4 << 30  # bytes of address space that mutants may take beside what the libraries have


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="targets whose name begins so")
    parser.add_argument("--replay", type=Path, metavar="FILE", help=f"one mutant, as kept in {FAILED}/TARGET/")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        targets = {name: target for name, target in make_targets(Path(folder)).items() if name.startswith(args.only)}
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        if args.replay:
            problem = problem_with(targets[args.replay.parent.relative_to(FAILED).as_posix()], args.replay.read_bytes())
            print(problem or "passes")
            return bool(problem)
        return _fuzz(targets, args.count, args.seed)


def _fuzz(targets: dict[str, Target], count: int, seed: int) -> int:
    failed, begun, shown = 0, time.monotonic(), ""
    for done, (name, number) in enumerate(shared_out(targets, count), start=1):
        if name != shown:
            print(f"{done:>6,} of {count:,}, {failed} failed, {time.monotonic() - begun:4.0f} s: {name}", flush=True)
            shown = name
        kept = FAILED / name / f"{seed}-{number}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        content = mutant_of(name, targets[name], seed, number)
        kept.write_bytes(content)  # stays if the process dies
        faulthandler.dump_traceback_later(12 * SECONDS, exit=True)  # a signal does not stop C code
        problem = problem_with(targets[name], content)
        faulthandler.cancel_dump_traceback_later()
        if problem is None:
            kept.unlink()
            continue
        failed += 1
        print(f"{name}: {problem.strip()}\nto see it again: make fuzz FUZZ='--replay {kept}'\n", flush=True)
    print(f"{count:,} mutants, {failed} failed, {time.monotonic() - begun:.0f} s")
    return bool(failed)


raise SystemExit(main())
