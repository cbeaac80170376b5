"""Recipes of fine-tuning beside the published one: values for `FineTuningArguments`, by name."""

from collections.abc import Mapping
from typing import Any

# `small` is for encoders of about 20 M parameters, for which the published learning rate is too low. Learning rate,
# batch and epochs were chosen on the dev F1 of music (seed 555, all-MiniLM-L6-v2): docs/small_preset.md.
PRESETS: dict[str, dict[str, Any]] = {
    "published": {},
    "small": {
        "learning_rate": 2e-4,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,
        "per_device_train_batch_size": 8,
        "num_train_epochs": 25,
    },
    # For encoders that know what types mean: high learning rates and long training destroy it. Chosen on dev:
    # docs/small_preset.md.
    "concepts": {
        "learning_rate": 1e-4,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,
        "per_device_train_batch_size": 8,
        "num_train_epochs": 10,
        "tagger": "crf",
    },
    "lstm": {"learning_rate": 1e-3, "max_grad_norm": 5.0},
    # Jia et al. (2019), supervised: train.NER.config of the released code (jiachenwestlake/Cross-Domain_NER). Its L2 of
    # 1e-8 changes no weight in float32. It does not clip; on music the norm of the gradient then grew from 600 to
    # 65,000 in 15 steps.
    "cross-domain-lm": {
        "optim": "sgd",
        "learning_rate": 0.015,
        "lr_decay": 0.05,
        "max_grad_norm": 5.0,
        "per_device_train_batch_size": 32,
        "num_train_epochs": 100,
        "early_stopping_patience": 0,
    },
    # The same, unsupervised: the released code takes 10 sentences of the source, and 10 or so of either raw text, and
    # changes to SGD above 72 on the source's dev set.
    "cross-domain-lm-unsupervised": {
        "optim": "rmsprop",
        "learning_rate": 1e-3,
        "switch_to_sgd": 72.0,
        "max_grad_norm": 5.0,
        "per_device_train_batch_size": 30,
        "num_train_epochs": 100,
        "early_stopping_patience": 0,
    },
    # Jia and Zhang (2020): train.config of the released code (jiachenwestlake/Multi-Cell_LSTM). Its learning rate is
    # 0.015 to 0.035 for losses summed over a sentence; here they are means over words, of which one has about 33.
    "multi-cell-lstm": {
        "optim": "sgd",
        "learning_rate": 0.5,
        "lr_decay": 0.03,
        "weight_decay": 1e-8,
        "per_device_train_batch_size": 10,
        "num_train_epochs": 100,
        "early_stopping_patience": 0,
    },
}


def preset(name: str, presets: Mapping[str, dict[str, Any]] = PRESETS) -> dict[str, Any]:
    """Return the values that a preset sets, to be passed to the arguments' class.

    Args:
        name: A key of `presets`, such as 'small' or 'concepts' for `FineTuningArguments`.
        presets: The presets; `crossner_hf.pretraining.arguments.DAPT_PRESETS` for `DaptArguments`.

    Raises:
        ValueError: There is no preset of that name.
    """
    if name not in presets:
        raise ValueError(f"unknown preset {name!r}; known are {', '.join(presets)}")
    return dict(presets[name])
