"""crossner-hf predict on a folder: one task of the engine for each file, one model in each worker."""

import glob
import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crossner_hf.atomic_write import new_file
from crossner_hf.cli.options import quiet
from crossner_hf.cli.predict import TaggerOptions, items_format, load_tagger, read_items, tagged_lines
from crossner_hf.display import say
from crossner_hf.engine.run import ExecutorName, check_executor, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome

if TYPE_CHECKING:
    from crossner_hf.tagger.tagger import Tagger

DONE_FOLDER = ".predicted"  # in the output folder: a done file for each output, with a hash of input, model and options
ENDINGS = {"text": ".txt", "conll": ".conll", "jsonl": ".jsonl"}
MODEL = "model"  # the task that loads the model before any file is read


class Forms(NamedTuple):
    """How files are read (None: by their endings) and written."""

    source: str | None
    to: str
    colour: bool


def predict_folder(
    folder: Path,
    output: Path,
    tagger: TaggerOptions,
    forms: Forms,
    *,
    executor: ExecutorName = "local",
    workers: int | None = None,
) -> int:
    """Tag the files below a folder that are not done, each into a file of the same name with the ending of its form.

    Returns how many files the folder has. Raises ValueError if files failed, after all others are tagged.
    """
    from torch.cuda import device_count

    check_executor(executor, workers)
    targets = _targets(folder, output, forms)
    done = output / DONE_FOLDER
    if output.exists() and not done.is_dir() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(f"{output}: is not empty and no output of predict; name a new folder")
    tasks = _tasks(targets, done, tagger, forms)
    done.mkdir(parents=True, exist_ok=True)
    report = _report(len(targets))
    outcomes = run_tasks(tasks, executor, workers=workers, gpus=device_count(), report=report)
    failed = [outcome for outcome in outcomes if outcome.reason]
    if failed:
        rest = f"{len(targets) - len(failed)} of {len(targets)} files are tagged, the same command does the rest"
        raise ValueError(f"{_failure(failed[0])}{f' (and {len(failed) - 1} more)' * (len(failed) > 1)}; {rest}")
    return len(targets)


def _targets(folder: Path, output: Path, forms: Forms) -> dict[Path, Path]:
    """Give the output file of each file that is read, the largest files first."""
    from crossner_hf.corpora.documents import check_output
    from crossner_hf.data.lines import without_packing

    check_output(output, [folder])
    inside = [path for path in folder.rglob("*") if path.is_file()]
    shown = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    known = sorted(path for path in shown if items_format(path) is not None)
    if not known:
        raise ValueError(f"{folder}: contains no file of text (.txt), columns (.conll, .tsv) or JSON lines (.jsonl)")
    if len(known) < len(shown):
        say(f"{folder}: {len(shown) - len(known)} files with other endings are left out", file=sys.stderr)
    targets: dict[Path, Path] = {}
    for path in known:
        name = Path(without_packing(path.name)).stem + ENDINGS[forms.to]
        target = output / path.relative_to(folder).with_name(name)
        if target in targets:
            raise ValueError(f"{targets[target]} and {path} would both be written to {target}; rename one of them")
        targets[target] = path
    return {targets[target]: target for target in sorted(targets, key=lambda t: (-targets[t].stat().st_size, t))}


def _tasks(targets: dict[Path, Path], done: Path, tagger: TaggerOptions, forms: Forms) -> list[EngineTask]:
    from crossner_hf import __version__
    from crossner_hf.data.sources import sha256_of

    shared = _digest(__version__, tagger, forms, _model_identity(tagger))
    tasks = [EngineTask(MODEL, _tagger, (tagger,), done / "model.json", shared)]
    for path, target in targets.items():
        done_file = done / "files" / f"{target.relative_to(done.parent)}.json"
        if not target.exists():
            done_file.unlink(missing_ok=True)
        arguments = path, target, tagger, forms
        key = _digest(shared, sha256_of(path))
        tasks.append(EngineTask(str(path), _tag_file, arguments, done_file, key, (MODEL,)))
    return tasks


def _model_identity(tagger: TaggerOptions) -> object:
    """Give checksums of the files of a model; of one on the Hub, its commit."""
    from crossner_hf.data.sources import sha256_of
    from crossner_hf.packaged_encoder import encoder_path

    folder = Path(encoder_path(tagger.checkpoint)).expanduser()
    if folder.is_dir():
        return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.is_file()}
    from crossner_hf.tagger.tagger import load_config

    config = load_config(tagger.checkpoint, trust_remote_code=tagger.trust_remote_code)
    return str(getattr(config, "_commit_hash", None))


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache  # a worker keeps the model for all its files
def _tagger(options: TaggerOptions) -> "Tagger":
    quiet()
    return load_tagger(options)


def _tag_file(path: Path, target: Path, options: TaggerOptions, forms: Forms) -> None:
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.part"):  # by a process that was killed
        left.unlink(missing_ok=True)
    items = read_items(str(path), forms.source)
    with new_file(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(tagged_lines(_tagger(options), items, forms.to, forms.colour))


def _report(files: int) -> Callable[[Outcome, int], None]:
    """Print a line for each file that ends; end the run if the model cannot be loaded."""
    ended = count(1)

    def report(outcome: Outcome, workers: int) -> None:
        if outcome.name != MODEL:
            text = f"failed: {_failure(outcome)}" if outcome.reason else f"{outcome.name}: {outcome.seconds:.0f} s"
            say(f"[{next(ended)}/{files}] {text}", file=sys.stderr, flush=True)
        elif outcome.reason:
            raise ValueError(outcome.reason)

    return report


def _failure(outcome: Outcome) -> str:
    return outcome.reason if outcome.reason.startswith(outcome.name) else f"{outcome.name}: {outcome.reason}"
