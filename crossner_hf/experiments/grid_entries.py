"""What stands in a grid's lists: domains, sizes, models, checkpoints to be made; and the part each has in a name."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossner_hf.experiments.grid_checks import Places, check_arguments
from crossner_hf.schema import get_domain

ALL = "all"
_DAPT_KEYS = ("model", "corpus", "preset", "domain", "level", "text_column", "corpus_config", "corpus_split")


@dataclass(frozen=True)
class Dapt:
    """A checkpoint that the grid makes by domain-adaptive pre-training, once for all runs that start from it.

    about: what `dapt` is told beside its arguments: domain, level, text_column, corpus_config, corpus_split
    """

    model: str
    corpus: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Readable, and different for all that differs."""
        text = repr((self.model, self.corpus, sorted(self.arguments.items()), sorted(self.about.items())))
        corpus = _safe(_last(self.corpus[0]).split(".")[0])
        masking = f"-{self.arguments['masking']}" if "masking" in self.arguments else ""
        percent = f"-{self.arguments['percent']:g}pct" if "percent" in self.arguments else ""
        return f"{slug(self.model)}-dapt-{corpus}{masking}{percent}-{_hash(text)}"


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
        parts.append(_hash(repr(sorted(rest.items()))) if rest else None)
        return "-".join(part for part in parts if part)


def read_domain(name: Any, where: str) -> str:
    if not isinstance(name, str):
        raise ValueError(f"{where}: a domain is a name or a folder, got {name!r}")
    try:
        found = get_domain(name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return found.name if found.folder is None else name


def same_place(value: Any) -> Any:
    """A folder by its one name, whatever way it was written; anything else as it is."""
    return os.path.realpath(value) if isinstance(value, str) and os.path.isdir(value) else value


def read_size(size: Any, domains: Iterable[str], where: str) -> int | None:
    if size is None or size == ALL:
        return None
    if type(size) is not int or size < 1:
        raise ValueError(f"{where}: a size is 'all' or a number of sentences from 1 on, got {size!r}")
    for name in domains:
        most = get_domain(name).split_sizes.get("train", size)
        if size > most:
            raise ValueError(f"{where}: {name} has {most} training sentences, so sizes go up to {most}, got {size}")
    return size


def read_model(entry: Any, preset: str, where: str, of_the_grid: Mapping[str, str]) -> str | Dapt | Variant:
    """A grid's model. of_the_grid: arguments that it cannot have of its own, and what sets them"""
    if isinstance(entry, str) and entry.strip():
        return entry
    if isinstance(entry, Mapping) and isinstance(entry.get("dapt"), Mapping) and "model" not in entry:
        base: str | Dapt = _read_dapt(entry, preset, where)
    elif isinstance(entry, Mapping) and isinstance(entry.get("model"), str) and entry["model"].strip():
        base = entry["model"]
    else:
        raise ValueError(
            f"{where}: a model is a name, a folder, a Hub id, 'dapt: {{model: …, corpus: …}}' or, with arguments of "
            f"its own, 'model: …, tagger: …', got {entry!r}"
        )
    own = {key: value for key, value in entry.items() if key not in ("model", "dapt")}
    if not own:
        return base
    from crossner_hf.finetuning.arguments import FineTuningArguments

    at = Places(where, {})
    return Variant(base, check_arguments(own, FineTuningArguments, at, "models", of_the_grid, also=("model", "dapt")))


def _read_dapt(entry: Mapping, preset: str, where: str) -> Dapt:
    from crossner_hf.finetuning.arguments import preset as values_of
    from crossner_hf.pretraining.arguments import DAPT_PRESETS, DaptArguments

    told, at = dict(entry["dapt"]), Places(where, {})
    lacking = [key for key in ("model", "corpus") if not told.get(key)]
    if lacking:
        raise ValueError(f"{where}: dapt needs {' and '.join(lacking)}")
    corpus = [told["corpus"]] if isinstance(told["corpus"], str) else told["corpus"]
    if (
        not isinstance(told["model"], str)
        or not isinstance(corpus, list)
        or not all(isinstance(c, str) for c in corpus)
    ):
        raise ValueError(
            f"{where}: dapt's model is a name and its corpus a file or a list of them, got {entry['dapt']!r}"
        )
    try:
        values = values_of(told.get("preset", preset), DAPT_PRESETS)
    except ValueError as error:
        raise ValueError(f"{where}: dapt: {error}") from None
    own = {key: value for key, value in told.items() if key not in _DAPT_KEYS}
    folders = dict.fromkeys(("output_dir", "resume_from_checkpoint"), "the grid's folder")
    values |= check_arguments(own, DaptArguments, at, "dapt", folders, also=_DAPT_KEYS)
    try:
        DaptArguments(output_dir="grid", **values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: dapt: {error}") from None
    about = {key: told[key] for key in _DAPT_KEYS[3:] if key in told}
    odd = [key for key, value in about.items() if not isinstance(value, str)]
    if odd:
        raise ValueError(f"{where}: dapt: {odd[0]} must be text, got {about[odd[0]]!r}")
    return Dapt(told["model"], tuple(corpus), values, about)


def slug(name: str) -> str:
    """A model's or domain's name as part of a folder's: as it is if plain, else its end with a hash of the whole."""
    plain = re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", name, re.ASCII)
    if plain and "--" not in name and len(name) <= 60:
        return name.replace("/", "--")
    return f"{_safe(_last(name))}-{_hash(name)}"


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _safe(text: Any) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "_", str(text)).strip("._")[:40] or "x"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
