"""What every training run does around its Trainer: claim the folder, train from where it stands, name its weights."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError
from transformers import Trainer, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from crossner_hf.training import run_folder
from crossner_hf.training.progress import RunClock
from crossner_hf.training.run_arguments import RunArguments


@contextmanager
def claimed(
    asked: Mapping[str, Any], args: RunArguments, *, resume: bool, wait: bool = False
) -> Iterator[tuple[Any, str | None]]:
    """For a run's length its folder is its own. Gives the record if it is finished, and the checkpoint to go on from.

    The first process decides for all; with `wait`, it waits for another run's process that is at work there. A run that
    fails before its first checkpoint leaves nothing behind. Raises FolderInUse where `args.output_dir` holds anything
    but this run, or another process is at work there, and OSError where a checkpoint or the model cannot be written.
    """
    folder = Path(args.output_dir)
    with run_folder.locked(folder, wait=wait) if args.should_save else nullcontext():
        found = _open_run(folder, asked, args, resume=resume)
        try:
            yield found
        except (SafetensorError, RuntimeError) as error:
            if isinstance(error, SafetensorError) or "PytorchStreamWriter" in str(error):
                raise OSError(
                    f"{folder}: a checkpoint could not be written ({error}); the one before it is whole: make room, "
                    "then go on with --resume"
                ) from error
            raise
        finally:
            if args.should_save:
                run_folder.release(folder)


def _open_run(folder: Path, asked, args: RunArguments, *, resume: bool) -> tuple[Any, str | None]:
    found = [None, None]
    if args.should_save:
        found[0] = run_folder.open_run(folder, asked, resume=resume)
        if found[0]:
            run_folder.remove_checkpoints(folder)  # left where a kill came right after the record
        # A checkpoint of the model alone is none to go on from: the run begins anew, to the same end.
        if resume and not found[0] and not args.save_only_model:
            found[1] = run_folder.last_checkpoint(folder)
    finished, checkpoint = broadcast_object_list(found)
    return finished, checkpoint and str(checkpoint)


def train_from(trainer: Trainer, checkpoint: str | None) -> float:
    """Train, from the checkpoint on if there is one, and give the seconds it took.

    The model is then the best one, if `load_best_model_at_end` asks for it, else the last.
    """
    trainer.add_callback(RunClock)
    state = run_folder.trainer_state(Path(checkpoint)) if checkpoint else None
    if state is None or not run_folder.has_ended(state):
        trainer.train(resume_from_checkpoint=checkpoint)
        trainer.accelerator.wait_for_everyone()
        return trainer.pop_callback(RunClock).seconds
    # The break came between the end of training and the record. Trainer would run a further epoch here.
    trainer.state = TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE_NAME))
    best = Path(checkpoint).with_name(f"checkpoint-{trainer.state.best_global_step}")
    source = best if trainer.args.load_best_model_at_end and best.is_dir() else checkpoint
    trainer.model = type(trainer.model).from_pretrained(source).to(trainer.args.device)
    return state["stateful_callbacks"]["RunClock"]["args"]["seconds"]


def weights_hash(model: torch.nn.Module) -> str:
    """SHA-256 over the encoder's tensors by name: the same weights give the same hash whatever file held them."""
    key = hashlib.sha256()
    for name, tensor in sorted(model.base_model.state_dict().items()):
        key.update(name.encode())
        key.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return key.hexdigest()
