"""Scores of CrossNER: the folder for `evaluate.load`, and the scores for any `Trainer`.

`crossner/span_f1.py` describes the conventions. Nothing here imports torch, transformers, datasets or evaluate.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossner_hf.metric.crossner.span_f1 import (
    DEFAULT_CONVENTIONS,
    check_conventions,
    flatten,
    score,
    without_padding,
)
from crossner_hf.schema import Domain, get_domain

METRIC_DIR = str(Path(__file__).with_name("crossner"))

__all__ = ["METRIC_DIR", "compute_metrics", "flatten", "score"]


def compute_metrics(
    domain: str | Domain, conventions: Sequence[str] = DEFAULT_CONVENTIONS
) -> Callable[[Any], dict[str, float]]:
    """Make the function that a `transformers.Trainer` takes as `compute_metrics`.

    The function takes an `EvalPrediction` with label_ids (sentences, time), -100 where nothing is scored, and with
    predictions that are label ids (sentences, time) or logits (sentences, time, labels). Lists of batches, as with
    `eval_do_concat_batches=False`, are accepted too. If a model returned several arrays, one with label ids (as a CRF
    decodes them) takes precedence over the logits, which are the first.

    Args:
        domain: Name of the domain, or the domain.
        conventions: Names of conventions.

    Returns:
        A function that gives the F1 of every convention and, of the first one, precision, recall and, if the domain has
        both, the F1 of its generic and of its specialised types: `conlleval_f1`, `strict_f1`, `conlleval_precision`, …
    """
    domain = domain if isinstance(domain, Domain) else get_domain(domain)
    conventions = check_conventions(conventions, has_tokens=False)
    generic_types = domain.generic_types if domain.specialised_types else ()

    def compute(prediction: Any) -> dict[str, float]:
        batches = [(prediction.predictions, prediction.label_ids)]
        if isinstance(prediction.label_ids, (list, tuple)):
            batches = list(zip(prediction.predictions, prediction.label_ids, strict=True))
        predicted: list[Any] = []
        gold: list[Any] = []
        for outputs, label_ids in batches:
            references = np.asarray(label_ids)
            rows = without_padding(_predicted_ids(outputs, references.shape, len(domain.labels)), references)
            predicted += rows[0]
            gold += rows[1]
        flat = flatten(
            score(predicted, gold, conventions=conventions, generic_types=generic_types, labels=domain.labels)
        )
        of_first = [f"{conventions[0]}_{name}" for name in ("precision", "recall", "specialised_f1", "generic_f1")]
        return {name: flat[name] for name in (*(f"{c}_f1" for c in conventions), *of_first) if name in flat}

    return compute


def _predicted_ids(outputs: Any, shape: tuple[int, ...], num_labels: int) -> np.ndarray:
    """Give the predicted label ids (sentences, time) of a batch whose label_ids have that shape."""
    outputs = outputs if isinstance(outputs, (list, tuple)) else (outputs,)
    # Deeper nested outputs, such as the hidden states of all layers, contain no predictions.
    arrays = [np.asarray(output) for output in outputs if not isinstance(output, (list, tuple, dict))]
    for array in arrays:
        if array.shape == shape and array.dtype.kind in "iu":
            return array
    if not arrays or arrays[0].shape != (*shape, num_labels):
        raise ValueError(
            f"expected predictions to be label ids {shape} or logits {(*shape, num_labels)}, for label_ids {shape}; "
            f"got {', '.join(str(array.shape) for array in arrays) or 'no array'}"
        )
    return arrays[0].argmax(axis=-1)
