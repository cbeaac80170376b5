"""The config of an encoder inside the config of a tagger."""

from collections.abc import Mapping
from typing import Any

from transformers import AutoConfig, PreTrainedConfig


def nested_config(value: Mapping[str, Any] | PreTrainedConfig | None) -> PreTrainedConfig | None:
    """Make a config of a dict with its `model_type`; a saved model must not name folders of the training machine."""
    if isinstance(value, PreTrainedConfig):
        config = value
    elif value is None:
        return None
    else:
        values = dict(value)
        config = AutoConfig.for_model(values.pop("model_type"), **values)
    config._name_or_path = ""
    return config
