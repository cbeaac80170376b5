"""What every training run does around its Trainer: claim the folder, train or resume, hash the weights."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from torch import nn
from transformers import Trainer, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from crossner_hf.training import run_folder
from crossner_hf.training.progress import RunClock
from crossner_hf.training.run_arguments import RunArguments


@contextmanager
def claimed(
    settings: Mapping[str, Any], args: RunArguments, *, resume: bool, shared: bool = False
) -> Iterator[tuple[Any, str | None]]:
    """Claim the output folder for the length of a run.

    Of several processes of one run the first decides for all. A run that fails before its first checkpoint leaves
    nothing behind.

    Args:
        settings: What defines the run; two runs with the same settings are the same run.
        args: The run's arguments.
        resume: Whether a run that is there may resume.
        shared: Whether the folder, named by its settings, serves several runs: wait for a process at work there, and
            train again if its model is damaged.

    Yields:
        The record if the run is finished, and the checkpoint to resume from if there is one.

    Raises:
        FolderInUse: `args.output_dir` holds anything but this run, or another process is at work there.
    """
    folder = Path(args.output_dir)
    with run_folder.locked(folder, wait=shared) if args.should_save else nullcontext():
        if shared and args.should_save:
            run_folder.mend(folder, settings)
        state = _open_run(folder, settings, args, resume=resume)
        try:
            yield state
        finally:
            if args.should_save:
                run_folder.release(folder)


def _open_run(folder: Path, settings: Mapping[str, Any], args: RunArguments, *, resume: bool) -> tuple[Any, str | None]:
    record = checkpoint = None
    if args.should_save:
        record = run_folder.open_run(folder, settings, resume=resume)
        if record and not getattr(args, "keep_checkpoints", False):
            run_folder.remove_checkpoints(folder)  # left where a kill came right after the record
        elif not record and resume and not args.save_only_model:  # a checkpoint of the model alone cannot be resumed
            checkpoint = run_folder.last_checkpoint(folder, with_best=args.load_best_model_at_end)
    record, checkpoint = broadcast_object_list([record, checkpoint])
    return record, checkpoint and str(checkpoint)


def train_from(trainer: Trainer, checkpoint: str | None) -> float:
    """Train, from the checkpoint on if there is one, and return the seconds that it took.

    The model is then the best one, if `load_best_model_at_end` asks for it, else the last.
    """
    trainer.add_callback(RunClock)
    state = run_folder.trainer_state(Path(checkpoint)) if checkpoint else {}
    if checkpoint is None or not run_folder.has_ended(state):
        if checkpoint is not None:
            trainer.args.eval_on_start = False  # a run without the break has no scores at this step
        trainer.train(resume_from_checkpoint=checkpoint)
        trainer.accelerator.wait_for_everyone()
        return trainer.pop_callback(RunClock).seconds
    # The run was stopped between the end of training and the record. Trainer would run a further epoch here.
    trainer.state = TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE_NAME))
    best = Path(checkpoint).with_name(f"checkpoint-{trainer.state.best_global_step}")
    source = best if trainer.args.load_best_model_at_end and best.is_dir() else checkpoint
    trainer._load_from_checkpoint(str(source))  # into the model as it is, which need not be one that loads by itself
    return state["stateful_callbacks"]["RunClock"]["args"]["seconds"]


def weights_hash(model: nn.Module) -> str:
    """Return the SHA-256 of the tensors and their names, of a model with an encoder those of the encoder.

    It does not depend on the file they came from.
    """
    key = hashlib.sha256()
    for name, tensor in sorted(getattr(model, "base_model", model).state_dict().items()):
        key.update(name.encode())
        key.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return key.hexdigest()
