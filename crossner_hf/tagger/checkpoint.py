"""Errors of checkpoints that cannot be loaded, each as one sentence.

This file travels with saved models as remote code, hence its relative imports.
"""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


class RemoteCodeRefused(ValueError):
    """A checkpoint is loaded by code that comes with it, and nobody allowed that code to run."""


@contextmanager
def loading(name_or_path: str, what: str) -> Iterator[None]:
    """Turn any error of a library that loads `what`, such as a tagger, into an error with a message of one sentence.

    Raises RemoteCodeRefused if the library refused to run the checkpoint's own code, ValueError if files are damaged,
    are pickles, or do not fit each other, and OSError if files are missing, or the network is.
    """
    try:
        yield
    except (ImportError, MemoryError, RemoteCodeRefused):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # of torch
            raise
        if str(error).startswith(f"{name_or_path}: "):  # of ours
            raise
        if isinstance(error, OSError) and error.errno and not isinstance(error, FileNotFoundError):
            raise  # of the file system, which is full, say
        if "trust_remote_code" in str(error):
            raise RemoteCodeRefused(
                f"{name_or_path}: is loaded by code that comes with it, which was not run; read that code, and if you "
                "trust it, pass --trust-remote-code (in Python: trust_remote_code=True)"
            ) from error
        if isinstance(error, pickle.UnpicklingError) or "torch.load" in str(error):
            raise ValueError(
                f"{name_or_path}: its weights are a pickle (pytorch_model.bin) that can run code when it is loaded, "
                "and are not loaded; save them as safetensors with model.save_pretrained(FOLDER), in the program that "
                "made them, and give FOLDER"
            ) from error
        message = f"{name_or_path}: no {what} can be loaded from there"
        if isinstance(error, OSError):
            advice = "give a folder that save_pretrained wrote, or a Hub id with access to the network"
            raise OSError(f"{message}; {advice} ({_reason(error)})") from error
        raise ValueError(f"{message} ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """The first sentence of an error, and its second line where the first ends in a colon."""
    first, _, rest = str(error).strip().partition("\n")
    reason = first.partition(". ")[0].rstrip(".")[:300]
    if reason.endswith(":"):
        reason += f" {rest.strip().partition(chr(10))[0][:300]}"
    return reason if isinstance(error, OSError | ValueError) and reason else f"{type(error).__name__}: {reason}"


def check_encoder(name_or_path: str, model: PreTrainedModel, report: Mapping[str, Any]) -> None:
    """Raise ValueError if weights of the encoder are missing, have another shape than its config says, or are not told.

    `report` is the loading info of `from_pretrained`.
    """
    if model.base_model is model:  # of remote code alone
        raise ValueError(
            f"{name_or_path}: {type(model).__name__} does not say which of its weights are the encoder's; its class "
            "must set base_model_prefix to the name of the encoder in it"
        )
    encoder = f"{model.base_model_prefix}."
    missing = [key for key in report["missing_keys"] if key.startswith(encoder) and "pooler" not in key]
    if missing:
        raise ValueError(f"{name_or_path}: {len(missing)} weights of the encoder are missing, {missing[0]} among them")
    mismatched = [key for key, *_ in report["mismatched_keys"] if key.startswith(encoder)]
    if mismatched:
        raise ValueError(f"{name_or_path}: its config does not fit its weights, {mismatched[0]} has another shape")


def check_vocabulary(name_or_path: str, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
    """Raise ValueError if the tokenizer has tokens for which the model has no embedding."""
    num_tokens = max(tokenizer.get_vocab().values()) + 1
    known = len(model.get_input_embeddings().weight)  # I-BERT's layer has no num_embeddings
    if num_tokens > known:
        raise ValueError(
            f"{name_or_path}: its tokenizer has {num_tokens} tokens, its model embeddings for {known} only"
        )


def labels_of(config: PreTrainedConfig) -> list[str]:
    """Return the labels of a config in the order of their ids. Raises ValueError if an id is left out."""
    labels = config.id2label or {}
    if not labels or sorted(labels) != list(range(len(labels))):
        raise ValueError(f"the labels (id2label) of its config must be numbered 0, 1, 2, …, and are {str(labels)[:80]}")
    return [labels[number] for number in range(len(labels))]
