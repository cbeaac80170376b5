"""What stands in a grid's lists: domains, sizes, models, checkpoints to be made; and the part each has in a name."""

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Required, get_type_hints

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    ValidationInfo,
)
from typing_extensions import TypedDict

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.presets import preset
from crossner_hf.pretraining.arguments import DAPT_PRESETS, DaptArguments
from crossner_hf.schema import get_domain

ALL = "all"
# Arguments that the grid itself sets, or that say where files go, and what they are set by.
OF_THE_GRID = {
    "seed": "seeds",
    "setting": "settings",
    "num_sentences": "sizes",
    "few_shot_draw": "draw",
    **dict.fromkeys(("output_dir", "source_cache", "resume_from_checkpoint"), "the grid's folder"),
    "verify": "--no-verify",
}


def one_of(what: str, names: Collection[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"unknown {what} {name!r}; known are {', '.join(names)}")
        return name

    return AfterValidator(check)


def _values_of(kind: type, elsewhere: Collection[str], **more: Any) -> Any:
    """A type for mappings with values for the fields of an arguments class, each of the field's type."""
    hints = get_type_hints(kind)
    own = {f.name: hints[f.name] for f in fields(kind) if f.init and f.name not in elsewhere}
    values = TypedDict(f"{kind.__name__}Values", {**more, **own}, total=False)  # type: ignore[misc]
    config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
    setattr(values, "__pydantic_config__", config)  # noqa: B010 (a type checker knows no such attribute)
    return values


Name = Annotated[str, StringConstraints(pattern=r"\S")]
_ABOUT = ("domain", "level", "text_column", "corpus_config", "corpus_split")
Arguments = _values_of(FineTuningArguments, OF_THE_GRID)
DaptEntry = _values_of(
    DaptArguments,
    ("output_dir", "resume_from_checkpoint"),
    model=Required[Name],
    corpus=Required[Name | Annotated[list[Name], Field(min_length=1)]],
    preset=Annotated[str, one_of("preset", DAPT_PRESETS)],
    **dict.fromkeys(_ABOUT, str),
)
ModelEntry = _values_of(FineTuningArguments, OF_THE_GRID, model=Required[Name])
CheckpointEntry = _values_of(FineTuningArguments, OF_THE_GRID, dapt=Required[DaptEntry])


@dataclass(frozen=True)
class Dapt:
    """A checkpoint that the grid makes by domain-adaptive pre-training, once for all runs that start from it."""

    model: str  # that it starts from
    corpus: tuple[str, ...]  # files, folders or a data set of the Hub
    arguments: Mapping[str, Any] = field(default_factory=dict)  # for DaptArguments
    about: Mapping[str, str] = field(default_factory=dict)  # what `dapt` takes beside them: _ABOUT

    @property
    def name(self) -> str:
        """Readable, and different for all that differs."""
        text = repr((self.model, self.corpus, sorted(self.arguments.items()), sorted(self.about.items())))
        corpus = _safe(_last(self.corpus[0]).split(".")[0])
        masking = f"-{self.arguments['masking']}" if "masking" in self.arguments else ""
        percent = f"-{self.arguments['percent']:g}pct" if "percent" in self.arguments else ""
        return f"{slug(self.model)}-dapt-{corpus}{masking}{percent}-{short_hash(text)}"


@dataclass(frozen=True)
class Variant:
    """A model with arguments of its own: `{tagger: crf, model: minilm}`."""

    model: str | Dapt
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Readable, and different for all that differs."""
        rest = {key: value for key, value in self.arguments.items() if key != "tagger"}
        parts = [self.arguments.get("tagger"), self.model.name if isinstance(self.model, Dapt) else slug(self.model)]
        parts.append(short_hash(repr(sorted(rest.items()))) if rest else None)
        return "-".join(part for part in parts if part)


def _read_domain(name: str) -> str:
    domain = get_domain(name)
    return domain.name if domain.folder is None else name


def _read_size(size: Any, info: ValidationInfo) -> int | None:
    if size is None or size == ALL:
        return None
    if type(size) is not int or size < 1:
        raise ValueError(f"a size is 'all' or a number of sentences from 1 on, got {size!r}")
    for name in info.data.get("domains", ()):
        most = get_domain(name).split_sizes.get("train", size)
        if size > most:
            raise ValueError(f"{name} has {most} training sentences, so sizes go up to {most}, got {size}")
    return size


def _read_model(entry: Any, info: ValidationInfo) -> str | Dapt | Variant:
    if isinstance(entry, str):
        return entry
    base = _read_dapt(entry["dapt"], info.data.get("preset", "published")) if "dapt" in entry else entry["model"]
    own = {key: value for key, value in entry.items() if key not in ("model", "dapt")}
    return Variant(base, own) if own else base


def _read_dapt(entry: Mapping[str, Any], recipe: str) -> Dapt:
    own = {key: value for key, value in entry.items() if key not in ("model", "corpus", "preset", *_ABOUT)}
    values = preset(entry.get("preset", recipe), DAPT_PRESETS) | own
    try:
        DaptArguments(output_dir="grid", **values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"dapt: {error}") from None
    corpus = [entry["corpus"]] if isinstance(entry["corpus"], str) else entry["corpus"]
    return Dapt(entry["model"], tuple(corpus), values, {key: entry[key] for key in _ABOUT if key in entry})


def _kind_of_model(entry: Any) -> str | None:
    if isinstance(entry, str):
        return "a name"
    keys = [key for key in ("model", "dapt") if isinstance(entry, Mapping) and key in entry]
    return f"a {keys[0]}" if len(keys) == 1 else None


DomainName = Annotated[str, AfterValidator(_read_domain)]
TrainingSize = Annotated[int | None, PlainValidator(_read_size)]
Model = Annotated[
    Annotated[Name, Tag("a name")]
    | Annotated[ModelEntry, Tag("a model")]  # type: ignore[valid-type]
    | Annotated[CheckpointEntry, Tag("a dapt")],  # type: ignore[valid-type]
    Discriminator(
        _kind_of_model,
        custom_error_type="model",
        custom_error_message="a model is a name, a folder, a Hub id, 'dapt: {model: …, corpus: …}' or, with arguments "
        "of its own, 'model: …, tagger: …'",
    ),
    AfterValidator(_read_model),
]


def same_place(value: Any) -> Any:
    """A folder by its one name, whatever way it was written; anything else as it is."""
    return os.path.realpath(value) if isinstance(value, str) and os.path.isdir(value) else value


def slug(name: str) -> str:
    """A model's or domain's name as part of a folder's: as it is if plain, else its end with a hash of the whole."""
    plain = re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", name, re.ASCII)
    if plain and "--" not in name and len(name) <= 60:
        return name.replace("/", "--")
    return f"{_safe(_last(name))}-{short_hash(name)}"


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "_", text).strip("._")[:40] or "x"
