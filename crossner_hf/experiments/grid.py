"""A grid of fine-tuning runs (domains × settings × models × sizes × seeds): checked whole, then listed run by run."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    ValidationInfo,
)

from crossner_hf.experiments import grid_entries
from crossner_hf.experiments.grid_entries import ALL, Dapt, Variant, one_of, same_place, slug
from crossner_hf.experiments.grid_file import Lines, message, place_of
from crossner_hf.finetuning.arguments import DRAWS, FineTuningArguments
from crossner_hf.finetuning.presets import PRESETS, preset
from crossner_hf.finetuning.settings import ENCODER_TAGGERS, PUBLISHED_SEEDS, SETTINGS
from crossner_hf.finetuning.source_stage import source_arguments
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


@dataclass(frozen=True)
class Run:
    """One fine-tuning of the grid."""

    name: str  # of its folder; the same in whatever grid the run stands
    domain: str
    setting: str
    model: str | Dapt  # a folder, Hub id or 'minilm'; or the checkpoint to start from
    size: int | None  # sentences of few-shot training; None for all
    seed: int
    arguments: Mapping[str, Any]  # for FineTuningArguments, complete but for the folders

    def settings(self, output_dir: str = "grid", **more: Any) -> FineTuningArguments:
        return FineTuningArguments(output_dir=output_dir, **more, **self.arguments)


@dataclass(frozen=True)
class SourceStage:
    """The source stage that some runs share; `run` is one of them."""

    name: str
    key: str
    run: Run


def source_stage_of(run: Run) -> SourceStage | None:
    """The run's source stage, under the same name for all runs that share it; None in other settings."""
    if run.setting != "pre_train_then_fine_tune":
        return None
    args = run.settings()
    model = run.model.name if isinstance(run.model, Dapt) else run.model
    of_words = args.tagger not in ENCODER_TAGGERS  # their vocabulary or cells are those of source and target
    target = run.domain if of_words or args.source_head == "target" else None
    size = (run.size, args.few_shot_draw) if of_words else None
    what = [model, args.random_weights, args.source, args.source_head, args.source_epochs, target, size]
    key = hashlib.sha256(json.dumps([*what, source_arguments(args)], sort_keys=True).encode()).hexdigest()
    return SourceStage(f"source-{slug(args.source)}-{slug(model)}-{run.seed}-{key[:6]}", key, run)


def _listed(values: Any, info: ValidationInfo) -> Any:
    values = values if isinstance(values, list | tuple) else [values]
    if not values or values == [None]:
        raise ValueError(f"{info.field_name} is empty; name at least one, or leave the key out")
    return values


def _each_once(values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    places = [same_place(value) for value in values]
    again = [value for i, value in enumerate(values) if places[i] in places[:i]]
    if again:
        raise ValueError(f"{info.field_name} holds {ALL if again[0] is None else again[0]} twice; name each once")
    return values


T = TypeVar("T")
Listed = Annotated[tuple[T, ...], BeforeValidator(_listed), AfterValidator(_each_once)]
Setting = Annotated[str, one_of("setting", SETTINGS)]


class Grid(BaseModel):
    """What to run. `Grid.of` makes one from plain values and checks them; see GRIDS for examples.

    Args:
        preset, arguments, arguments_of: Values of FineTuningArguments for all runs, and for those of one setting; the
            later wins over the earlier, and what a model sets for itself over all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domains: Listed[grid_entries.DomainName]
    settings: Listed[Setting] = ("direct",)
    preset: Annotated[str, one_of("preset", PRESETS)] = "published"
    models: Listed[grid_entries.Model] = ("bert-base-cased",)
    sizes: Listed[grid_entries.TrainingSize] = (None,)
    draw: Annotated[str, one_of("draw", DRAWS)] = "first"
    seeds: Listed[Annotated[StrictInt, Field(ge=0, lt=2**32)]] = PUBLISHED_SEEDS
    arguments: grid_entries.Arguments = Field(default_factory=dict)
    arguments_of: dict[Setting, grid_entries.Arguments] = Field(default_factory=dict)

    @classmethod
    def of(cls, values: Any, where: str = "grid", lines: Lines = MappingProxyType({})) -> "Grid":
        """Make a grid from what YAML holds; ValueError for a wrong key or value, with its line if `lines` has it."""
        if not isinstance(values, Mapping):
            example = "(domains: […], seeds: […] …)"
            raise ValueError(f"{where}: a grid is keys with values {example}, got {str(values)[:60]!r}")
        try:
            grid = cls.model_validate(values)
        except ValidationError as error:
            raise ValueError(message(error, where, lines, grid_entries.OF_THE_GRID, _known_keys)) from None
        for run in {repr((run.domain, {**run.arguments, "seed": 0})): run for run in grid.runs()}.values():
            try:
                source = get_domain(run.settings().source)
                if run.setting != "direct" and source == get_domain(run.domain):
                    raise ValueError(f"{run.domain} is source and target at once; leave it out, or name another source")
            except (ValueError, TypeError) as error:
                place = place_of(("arguments",), where, lines)
                raise ValueError(f"{place}: arguments of {run.setting} runs: {error}") from None
        return grid

    def runs(self) -> list[Run]:
        """Every run, seeds the fastest. Raises ValueError where two would share a folder."""
        runs: dict[str, Run] = {}
        for domain, setting, entry, size, seed in itertools.product(
            self.domains, self.settings, self.models, self.sizes, self.seeds
        ):
            model, own = (entry.model, entry.arguments) if isinstance(entry, Variant) else (entry, {})
            values = {**preset(self.preset), **self.arguments, **self.arguments_of.get(setting, {}), **own}
            values |= {"setting": setting, "seed": seed}
            if size is not None:
                values |= {"num_sentences": size, "few_shot_draw": self.draw}
            name = run_name(domain, setting, entry, size, seed)
            if name.casefold() in runs:
                raise ValueError(f"two runs of the grid would share the folder {name}: rename a model")
            runs[name.casefold()] = Run(name, domain, setting, model, size, seed, values)
        return list(runs.values())

    def dapts(self) -> list[Dapt]:
        bases = [entry.model if isinstance(entry, Variant) else entry for entry in self.models]
        return list({base.name: base for base in bases if isinstance(base, Dapt)}.values())

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(json.dumps(dict(self), default=asdict))
        return content


def _known_keys(loc: tuple[Any, ...]) -> Iterable[str]:
    """The keys that may stand where pydantic met an unknown one."""
    if len(loc) == 1:
        return Grid.model_fields
    if loc[0] != "models":
        return grid_entries.Arguments.__annotations__
    return (grid_entries.DaptEntry if "dapt" in loc else grid_entries.ModelEntry).__annotations__


def built_in_grid(name: str, corpus: Iterable[str] = (), **overrides: Any) -> dict[str, Any]:
    """The values of a built-in grid, for `Grid.of`; `overrides` are keys of a grid, in the place of its own.

    `corpus` is the raw text for 'corpus-size': each model is first pre-trained on 1, 10, … 100 percent of it.
    """
    if name not in GRIDS:
        raise ValueError(f"unknown grid {name!r}; known are {', '.join(GRIDS)}")
    fitted = _WITH_SMALL.get(name, {}) if overrides.get("preset") == "small" else {}
    values = {**GRIDS[name], **fitted, **overrides}
    corpus = list(corpus)
    if name == "corpus-size" and not corpus:
        raise ValueError("the grid corpus-size needs raw text: --corpus FILE …")
    if name != "corpus-size" and corpus:
        raise ValueError(f"--corpus is for the grid corpus-size, not {name}; a grid's models may say 'dapt:'")
    if corpus:
        bases = values.get("models", list(Grid.model_fields["models"].default))
        percents = [{"corpus": corpus, "percent": percent} for percent in CORPUS_PERCENTS]
        values["models"] = [{"dapt": {"model": base, **share}} for base in bases for share in percents]
    return values


def run_name(domain: str, setting: str, model: str | Dapt | Variant, size: int | None, seed: int) -> str:
    """music-pretrain-minilm-n25-555: safe as a folder's name, and given by the run alone."""
    short = "pretrain" if setting == "pre_train_then_fine_tune" else setting
    of_model = slug(model) if isinstance(model, str) else model.name
    return "-".join([slug(domain), short, of_model, *([] if size is None else [f"n{size}"]), str(seed)])
