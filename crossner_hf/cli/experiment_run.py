"""crossner-hf experiment run."""

import argparse
import sys
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from crossner_hf.cli.options import CommandParser, add_data_options, quiet
from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.experiments.grid import Grid
    from crossner_hf.experiments.runner import GridOptions

EPILOG = """examples:
  crossner-hf experiment run --grid smoke --output exp/smoke
  crossner-hf experiment run --grid main-table --models bert-base-cased --output exp/main
  crossner-hf experiment run --grid few-shot --models minilm --preset small --output exp/few --dry-run
  crossner-hf experiment run --grid corpus-size --corpus music.txt --models minilm --preset small --output exp/size
  crossner-hf experiment run grid.yaml --output exp/mine

a grid, with every key it may have; only domains must be there:
  domains: [politics, music, my_domain/]
  settings: [direct, pre_train_then_fine_tune, joint]
  models:
    - bert-base-cased
    - dapt: {model: bert-base-cased, corpus: music.txt, masking: span, percent: 50}   # made once, for all its runs
  sizes: [all, 25, 100]        # few-shot: the number of training sentences
  draw: first                  # which ones: first, or seeded
  seeds: [555, 666, 777]
  preset: small                # the recipe, as in crossner-hf train; default: published
  arguments: {learning_rate: 1.0e-4, source_head: target}     # whatever crossner-hf train takes
  arguments_of: {joint: {eval_strategy: steps, eval_steps: 200, save_strategy: steps, save_steps: 200}}

Runs go side by side: one on each GPU, else one on each core (--workers), with one thread each (OMP_NUM_THREADS).
With --executor ray they go to all machines of the Ray cluster that this machine belongs to (`ray start`); these need
the same Python packages and OUTPUT in a folder that all of them share: pip install 'crossner-hf[cluster]'
To train ONE run on several devices, use torchrun:
  torchrun --nproc_per_node 2 -m crossner_hf train --domain music --model bert-base-cased --output runs/music

OUTPUT then holds runs/NAME with model, record.json and predictions.json of each run, dapt/NAME with the checkpoints
made, sources/ with source stages, failed/NAME.json for each failed run, and grid.json. Stopped or killed, the same
command goes on; finished runs are skipped, failed ones are tried again. The exit status is 0, or 1 if a run failed."""

LISTS = ("domains", "settings", "models", "sizes", "seeds")


def main(argv: Sequence[str]) -> int:
    parser = _parser()
    given = parser.parse_args(list(argv))
    if (given.file is None) == (given.grid is None):
        parser.error("give either a file with a grid or --grid main-table, few-shot, corpus-size or smoke")
    quiet()
    grid = _grid(given)
    from crossner_hf.display import in_words
    from crossner_hf.experiments.runner import GridOptions, run_grid

    verify = not given.no_verify
    options = GridOptions(given.data_dir, verify, given.extend, executor=given.executor, workers=given.workers)
    if given.dry_run:
        return _dry_run(grid, given.output, options)
    try:
        summary = run_grid(grid, given.output, options, say=_say)
    except KeyboardInterrupt:
        say(f"\nstopped; the same command goes on ({given.output})", file=sys.stderr)
        return 130
    say(f"\n{len(summary.finished)} finished, {len(summary.failed)} failed, in {in_words(summary.seconds)}")
    for name, reason in summary.failed.items():
        say(f"  {name}: {reason}")
    if summary.failed:
        say(f"{given.output}/failed has the tracebacks; the same command tries the failed ones again")
    say(f"records: {given.output}/runs  (crossner-hf experiment report {quote(given.output)})")
    return 1 if summary.failed else 0


def _parser() -> argparse.ArgumentParser:
    from crossner_hf.engine.run import EXECUTORS

    parser = CommandParser(
        prog="crossner-hf experiment run",
        description="Run a grid of fine-tunings: domains × settings × models × sizes × seeds, each with its record.",
        epilog=EPILOG,
    )
    parser.add_argument("file", nargs="?", metavar="GRID.yaml", help="a file with a grid")
    parser.add_argument("--grid", help="a built-in grid in its place: main-table, few-shot, corpus-size or smoke")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder of the grid")
    parser.add_argument("--executor", choices=EXECUTORS, default="local", help="this machine (default), or a cluster")
    parser.add_argument("--workers", type=int, metavar="N", help="runs at once; default: the GPUs, else the cores")
    parser.add_argument("--dry-run", action="store_true", help="show what would run and its cost; writes nothing")
    parser.add_argument("--extend", action="store_true", help="add runs to the grid that FOLDER holds")
    own = parser.add_argument_group("in the place of what the grid says")
    for name in LISTS:
        own.add_argument(f"--{name}", nargs="+", metavar=name[:-1].upper(), help=f"its {name}")
    own.add_argument("--draw", help="few-shot sentences: first or seeded")
    own.add_argument("--preset", help="the recipe: published, small or lstm")
    own.add_argument("--corpus", nargs="+", metavar="FILE", default=[], help="raw text for --grid corpus-size")
    add_data_options(parser)
    return parser


def _grid(given: argparse.Namespace) -> "Grid":
    from crossner_hf.experiments.grid import GRIDS, Grid, built_in_grid
    from crossner_hf.experiments.grid_file import read_grid

    if given.preset in GRIDS:
        raise ValueError(f"--preset is the recipe (published, small, lstm); for this grid say --grid {given.preset}")
    keys = (*LISTS, "draw", "preset")
    own: dict[str, Any] = {name: getattr(given, name) for name in keys if getattr(given, name) is not None}
    for name in {"sizes", "seeds"} & own.keys():
        own[name] = [int(value) if value.isdecimal() else value for value in own[name]]
    if given.grid is not None:
        return Grid.of(built_in_grid(given.grid, given.corpus, **own), f"--grid {given.grid}")
    if given.corpus:
        raise ValueError("--corpus is for --grid corpus-size; in a file, a model may say 'dapt: {corpus: …}'")
    values, lines = read_grid(given.file)
    lines = {keys: line for keys, line in lines.items() if keys[0] not in own}
    return Grid.of({**values, **own} if isinstance(values, dict) else values, given.file, lines)


def _dry_run(grid: "Grid", output: str, options: "GridOptions") -> int:
    import torch

    from crossner_hf.display import in_words, table
    from crossner_hf.experiments.flop_estimate import EFFICIENCY
    from crossner_hf.experiments.runner import plan
    from crossner_hf.training.flops import matmul_peak

    planned = plan(grid, output, options)
    peak = matmul_peak("cuda" if torch.cuda.is_available() else "cpu")

    def cells(flop: float | None) -> tuple[str, str]:
        return ("?", "?") if flop is None else (f"{flop / 1e12:,.1f}", in_words(flop / (EFFICIENCY * peak)))

    left = [row for row in planned if row.state != "finished"]
    known = sum(row.flop for row in left if row.flop is not None)
    rows = [(row.name, row.state, *cells(row.flop)) for row in planned]
    say(table(("run", "state", "TFLOP", "at most"), [*rows, (f"left: {len(left)}", "", *cells(known))]))
    say(
        f"\nTFLOP: 6 × parameters without embeddings × tokens × epochs, 2 for scoring; a source stage counts with the "
        f"first run\nthat needs it. Time: one process, at {EFFICIENCY:.0%} of this machine's {peak / 1e9:,.0f} GFLOP/s "
        "of float32 matrix products, measured now.\nAt most: early stopping ends most runs before their last epoch. "
        "Nothing has been run or written."
    )
    return 0


def _say(line: str) -> None:
    say(line, flush=True)
