"""`--config-overrides`: values of a model's config as text, as in transformers' own examples."""

import difflib

from transformers import PreTrainedConfig


def override(config: PreTrainedConfig, *more: PreTrainedConfig, text: str | None) -> None:
    """Set `name=value,name=value` in the first of the configs that has the name.

    Raises ValueError if no config has the name, or its value has another type.
    """
    for part in filter(None, (text or "").split(",")):
        name, equals, _ = part.partition("=")
        owners = [c for c in (config, *more) if name in c.to_dict()]
        if not equals or not owners:
            known = sorted({key for c in (config, *more) for key in c.to_dict()})
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near and equals else ""
            raise ValueError(
                f"config_overrides: expected name=value of the config of {config.model_type}, got {part!r}{hint}"
            )
        try:
            owners[0].update_from_string(part)
        except (ValueError, TypeError) as error:
            raise ValueError(f"config_overrides: {part}: {error}") from None
