"""A grid of fine-tuning runs (domains × settings × models × sizes × seeds): checked whole, then listed run by run."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from crossner_hf.experiments.grid_checks import Places, check_arguments, check_list, no_unknown
from crossner_hf.experiments.grid_entries import (
    ALL,
    Dapt,
    Variant,
    read_domain,
    read_model,
    read_size,
    same_place,
    slug,
)
from crossner_hf.finetuning.settings import SETTINGS
from crossner_hf.schema import DOMAINS, get_domain

FEW_SHOT_SIZES = (10, 25, 40, 55, 70, 85, 100)  # of the paper's few-shot experiment, on music
CORPUS_PERCENTS = (1, 10, 25, 50, 75, 100)  # of its experiment on the size of the corpus, on music

# A joint epoch is long: 14,041 source sentences and 50 draws of each target sentence. Dev is scored in between.
_JOINT = {"joint": {"eval_strategy": "steps", "eval_steps": 200, "save_strategy": "steps", "save_steps": 200}}
GRIDS: Mapping[str, dict[str, Any]] = {
    "main-table": {"domains": list(DOMAINS), "settings": list(SETTINGS), "arguments_of": _JOINT},
    "few-shot": {
        "domains": ["music"],
        "settings": ["direct", "pre_train_then_fine_tune"],
        "sizes": list(FEW_SHOT_SIZES),
    },
    "corpus-size": {"domains": ["music"], "settings": ["direct"]},
    "smoke": {
        "domains": ["sample_music"],
        "settings": list(SETTINGS),
        "models": ["minilm"],
        "seeds": [555, 666],
        "preset": "small",
        "arguments": {"source": "sample_news", "num_train_epochs": 10},
        "arguments_of": {"joint": {"num_train_epochs": 4, "target_repeats": 3}},
    },
}

# The recipe `small` has a schedule of 25 epochs, which suits training on 100 or 200 sentences. Ten would bring only
# 50 updates, so all few-shot runs get those of 100; joint training sees the source as often as the source stage does.
_WITH_SMALL: Mapping[str, dict[str, Any]] = {
    "main-table": {"arguments_of": {"joint": {**_JOINT["joint"], "num_train_epochs": 2}}},
    "few-shot": {
        "arguments": {
            "max_steps": 325,
            **{"eval_strategy": "steps", "eval_steps": 25, "save_strategy": "steps", "save_steps": 25},
            "early_stopping_patience": 4,
        }
    },
}

# What the grid itself says of each run, and where files go.
_OF_THE_GRID = {
    "seed": "seeds",
    "setting": "settings",
    "num_sentences": "sizes",
    "few_shot_draw": "draw",
    **dict.fromkeys(("output_dir", "source_cache", "resume_from_checkpoint"), "the grid's folder"),
    "verify": "--no-verify",
}


@dataclass(frozen=True)
class Run:
    """One fine-tuning of the grid.

    name:      of its folder; the same wherever and in whatever company the run stands
    model:     a folder, Hub id or 'minilm'; or the checkpoint to start from
    size:      sentences of few-shot training; None for all
    arguments: for FineTuningArguments, complete but for the folders
    """

    name: str
    domain: str
    setting: str
    model: str | Dapt
    size: int | None
    seed: int
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """What to run. `Grid.of` makes one from plain values and checks them; see GRIDS for examples.

    preset, arguments, arguments_of: values of FineTuningArguments for all runs, and for those of one setting; the later
    wins over the earlier, and what a model sets for itself over all
    """

    domains: tuple[str, ...]
    settings: tuple[str, ...] = ("direct",)
    models: tuple[str | Dapt | Variant, ...] = ("bert-base-cased",)
    sizes: tuple[int | None, ...] = (None,)
    draw: str = "first"
    seeds: tuple[int, ...] = (555, 666, 777)
    preset: str = "published"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    arguments_of: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any], where: str = "grid", lines: Mapping[str, int] | None = None) -> "Grid":
        """A grid from what YAML holds. Raises ValueError, with the key and its line, for what does not do."""
        from crossner_hf.finetuning.arguments import DRAWS, PRESETS

        at = Places(where, lines or {})
        if not isinstance(values, Mapping):
            raise ValueError(
                f"{where}: a grid is keys with values (domains: […], seeds: […] …), got {str(values)[:60]!r}"
            )
        no_unknown(values, cls.__dataclass_fields__, at, "key of a grid")
        if "domains" not in values:
            raise ValueError(f"{where}: says no domains; add for example 'domains: [music]'")
        chosen: dict[str, Any] = {"draw": "first", "preset": "published", **values}
        for key, known in (("draw", DRAWS), ("preset", tuple(PRESETS))):
            if chosen[key] not in known:
                raise ValueError(f"{at(key)}: {key} must be one of {', '.join(known)}, got {chosen[key]!r}")
        lists = ("domains", "settings", "models", "sizes", "seeds")
        chosen |= {key: check_list(values[key], key, at(key)) for key in lists if key in values}
        chosen["domains"] = tuple(read_domain(name, at("domains")) for name in chosen["domains"])
        for setting in chosen.get("settings", ()):
            if setting not in SETTINGS:
                raise ValueError(f"{at('settings')}: unknown setting {setting!r}; known are {', '.join(SETTINGS)}")
        if "models" in chosen:
            chosen["models"] = tuple(
                read_model(m, chosen["preset"], at("models"), _OF_THE_GRID) for m in chosen["models"]
            )
        if "sizes" in chosen:
            chosen["sizes"] = tuple(read_size(s, chosen["domains"], at("sizes")) for s in chosen["sizes"])
        for seed in chosen.get("seeds", ()):
            if type(seed) is not int or not 0 <= seed < 2**32:
                raise ValueError(f"{at('seeds')}: a seed is a whole number from 0 to 2^32 - 1, got {seed!r}")
        for key in ("domains", "settings", "models", "sizes", "seeds"):
            ones = [same_place(value) for value in chosen.get(key, ())]
            again = [value for i, value in enumerate(chosen.get(key, ())) if ones[i] in ones[:i]]
            if again:
                raise ValueError(
                    f"{at(key)}: {key} holds {ALL if again[0] is None else again[0]} twice; name each once"
                )
        grid = cls(**chosen)
        grid._check_arguments(at)
        grid.runs()
        return grid

    def runs(self) -> list[Run]:
        """Every run, seeds the fastest. Raises ValueError where two would share a folder."""
        from crossner_hf.finetuning.arguments import preset

        found: dict[str, Run] = {}
        for domain in self.domains:
            for setting in self.settings:
                values = preset(self.preset) | dict(self.arguments) | dict(self.arguments_of.get(setting, {}))
                for entry in self.models:
                    model, own = (entry.model, entry.arguments) if isinstance(entry, Variant) else (entry, {})
                    for size in self.sizes:
                        for seed in self.seeds:
                            told = {**values, **own, "setting": setting, "seed": seed}
                            if size is not None:
                                told |= {"num_sentences": size, "few_shot_draw": self.draw}
                            name = run_name(domain, setting, entry, size, seed)
                            if name.casefold() in found:
                                raise ValueError(f"two runs of the grid would share the folder {name}: rename a model")
                            found[name.casefold()] = Run(name, domain, setting, model, size, seed, told)
        return list(found.values())

    def dapts(self) -> list[Dapt]:
        """The checkpoints to be made for the runs."""
        bases = [entry.model if isinstance(entry, Variant) else entry for entry in self.models]
        return list({base.name: base for base in bases if isinstance(base, Dapt)}.values())

    def as_json(self) -> dict[str, Any]:
        """As JSON gives it back."""
        content = asdict(self) | {"models": [m if isinstance(m, str) else asdict(m) for m in self.models]}
        return _plain(content)

    def _check_arguments(self, at: Places) -> None:
        from crossner_hf.finetuning.arguments import FineTuningArguments

        if not isinstance(self.arguments, Mapping) or not isinstance(self.arguments_of, Mapping):
            key = "arguments_of" if isinstance(self.arguments, Mapping) else "arguments"
            raise ValueError(f"{at(key)}: {key} must be names with values, got {getattr(self, key)!r}")
        checked = check_arguments(self.arguments, FineTuningArguments, at, "arguments", _OF_THE_GRID)
        of = {}
        for setting, values in self.arguments_of.items():
            if setting not in SETTINGS:
                known = ", ".join(SETTINGS)
                raise ValueError(f"{at(f'arguments_of.{setting}')}: unknown setting {setting!r}; known are {known}")
            key = f"arguments_of.{setting}"
            of[setting] = check_arguments(values, FineTuningArguments, at, key, _OF_THE_GRID)
        object.__setattr__(self, "arguments", checked)
        object.__setattr__(self, "arguments_of", of)
        for run in {repr((run.domain, {**run.arguments, "seed": 0})): run for run in self.runs()}.values():
            try:
                args = FineTuningArguments(output_dir="grid", **run.arguments)
                source = get_domain(args.source)
                if run.setting != "direct" and source == get_domain(run.domain):
                    raise ValueError(f"{run.domain} is source and target at once; leave it out, or name another source")
            except (ValueError, TypeError) as error:
                raise ValueError(f"{at('arguments')}: the arguments of {run.setting} do not do: {error}") from None


def preset_values(name: str, corpus: Iterable[str] = (), **overrides: Any) -> dict[str, Any]:
    """The values of a preset grid, for `Grid.of`, with the keys of `overrides` in the place of its own.

    corpus: raw text for 'corpus-size': each model is pre-trained on 1, 10, … 100 percent of it first
    """
    if name not in GRIDS:
        raise ValueError(f"unknown preset {name!r}; known are {', '.join(GRIDS)}")
    fitted = _WITH_SMALL.get(name, {}) if overrides.get("preset") == "small" else {}
    values = {**GRIDS[name], **fitted, **overrides}
    corpus = list(corpus)
    if (name == "corpus-size") != bool(corpus):
        raise ValueError(
            "the preset corpus-size needs raw text: --corpus FILE …"
            if not corpus
            else f"--corpus is for the preset corpus-size, not {name}; a grid's models may say 'dapt:'"
        )
    if corpus:
        bases = values.get("models", list(Grid.__dataclass_fields__["models"].default))
        percents = [{"corpus": corpus, "percent": percent} for percent in CORPUS_PERCENTS]
        values["models"] = [{"dapt": {"model": base, **share}} for base in bases for share in percents]
    return values


def run_name(domain: str, setting: str, model: str | Dapt | Variant, size: int | None, seed: int) -> str:
    """music-pretrain-minilm-n25-555: safe as a folder's name, and told by the run alone."""
    short = "pretrain" if setting == "pre_train_then_fine_tune" else setting
    of_model = slug(model) if isinstance(model, str) else model.name
    return "-".join([slug(domain), short, of_model, *([] if size is None else [f"n{size}"]), str(seed)])


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
