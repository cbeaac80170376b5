"""Grouping of runs into systems: runs of one system differ only in seed and domain."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from crossner_hf.results.collect import RunResult, SetAside
from crossner_hf.results.records import SETTINGS, RunRecord
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, DOMAINS

TAGGERS = {
    "linear": "{}",
    "crf": "{} + CRF",
    "bilstm-crf": "BiLSTM-CRF ({})",
    "coach": "Coach ({})",
    "multi-cell-lstm": "Multi-cell LSTM ({})",
    "cross-domain-lm": "cross-domain LM ({})",
    "gazetteer": "gazetteer ({})",
    "predictions": "{}",
}

# Arguments that the record also holds elsewhere, and those without an effect on the scores.
_ELSEWHERE = ("setting", "source", "num_sentences", "few_shot_draw", "target_repeats", "seed", "tagger")
_WITHOUT_EFFECT = ("save_", "logging_", "dataloader_", "include_num_input", "per_device_eval", "use_cpu", "report_to")


class EvalSet(NamedTuple):
    """A test split: that of a domain, by the checksum of its file. label: its name, with the checksum if need be."""

    domain: str
    sha256: str
    is_crossner: bool
    label: str


@dataclass(frozen=True)
class System:
    """A row of a table."""

    setting: str
    encoder: str  # or word vectors, before any pre-training, with the tagger if it is not the linear one
    dapt: str = ""  # the domain-adaptive pre-training in a few words
    size: int | None = None  # sentences of few-shot training; None for all
    draw: str = ""  # of those sentences
    percent: float | None = None  # share of the corpus used in pre-training; None where there was none
    detail: str = ""  # how it differs from a system that is otherwise the same: "learning_rate 0.0002"
    source: str = field(default="", repr=False)  # how the source data came in, for comparison alone
    key: str = field(default="", repr=False)  # the whole recipe

    @property
    def model(self) -> str:
        if self.percent is None:
            return self.encoder
        share = "" if self.percent == 100 else f"{self.percent:g}\u00a0%"
        details = ", ".join(filter(None, (self.dapt, share)))
        return f"{self.encoder} + DAPT" + (f" ({details})" if details else "")

    @property
    def training(self) -> str:
        draw = " (seeded draw)" if self.draw == "seeded" else ""
        size = "" if self.size is None else f"{self.size} sentences{draw}"
        return "; ".join(filter(None, (SETTINGS[self.setting], size, self.detail)))

    @property
    def label(self) -> str:
        return f"{self.model}: {self.training}"

    def order(self) -> tuple[Any, ...]:
        """All sentences before few, no DAPT before DAPT, settings as in the paper."""
        place = list(SETTINGS).index(self.setting)
        full = float("inf") if self.size is None else self.size
        pre_trained = (self.percent is not None, self.dapt, -(self.percent or 0))
        return (self.size is not None, self.encoder, *pre_trained, -full, place, self.draw, self.key)


@dataclass
class Results:
    """Runs by system and test split, in the order of their seeds; each seed is there once."""

    cells: dict[tuple[System, EvalSet], list[RunResult]]
    set_aside: list[SetAside]
    duplicates: list[str]

    @property
    def systems(self) -> list[System]:
        return sorted({system for system, _ in self.cells}, key=System.order)

    @property
    def eval_sets(self) -> list[EvalSet]:
        known = [*DOMAINS, *DEDUPLICATED, *BUILT_IN]
        place = {name: number for number, name in reversed(list(enumerate(known)))}
        return sorted({e for _, e in self.cells}, key=lambda e: (not e.is_crossner, place.get(e.domain, 99), e.label))

    def of(self, eval_set: EvalSet) -> dict[System, list[RunResult]]:
        return {s: self.cells[s, eval_set] for s in self.systems if (s, eval_set) in self.cells}


@dataclass
class _Described:
    """A run and what defines its system: `base` names it; `recipe` is named only where systems of one base differ."""

    run: RunResult
    eval_set: EvalSet
    base: System
    recipe: dict[str, Any]


def group(runs: Sequence[RunResult]) -> Results:
    """Sort runs into systems and test splits.

    Of exact duplicates (the same run with the same scores) one is kept. Contradicting ones (the same run with other
    scores) are all set aside, as nothing in the records says which is right.
    """
    runs, set_aside = _same_types(runs)
    described = [_Described(run, eval_set, *_parts(run.record)) for run, eval_set in _with_eval_sets(runs)]
    _join_own_draws(described)
    _tell_checkpoints_apart(described)
    by_run: dict[tuple[System, EvalSet, int], list[RunResult]] = defaultdict(list)
    for is_crossner in (True, False):  # CrossNER's test splits, and others, which stand in tables of their own
        for system, of_run in _named([d for d in described if d.eval_set.is_crossner is is_crossner]):
            by_run[system, of_run.eval_set, of_run.run.seed].append(of_run.run)
    cells, duplicates = defaultdict(list), []
    for (system, eval_set, seed), same in sorted(by_run.items(), key=lambda item: item[0][2]):
        if any(run.record.scores.get("test") != same[0].record.scores.get("test") for run in same):
            names = ", ".join(run.shown for run in same)
            reason = f"seed {seed} of one run has contradicting scores ({names}); none of them counts: keep one"
            set_aside += [SetAside(run.shown, reason) for run in same]
            continue
        kept = next((run for run in same if run.predictions), same[0])
        duplicates += [run.shown for run in same if run is not kept]
        cells[system, eval_set].append(kept)
    return Results(dict(cells), set_aside, duplicates)


def _same_types(runs: Iterable[RunResult]) -> tuple[list[RunResult], list[SetAside]]:
    """Of a user's own domain, only runs with the labels of its first run."""
    first: dict[str, RunResult] = {}
    kept, set_aside = [], []
    for run in runs:
        domain = run.record.domain
        other = first.setdefault(domain, run)
        if other.record.entity_types == run.record.entity_types:
            kept.append(run)
        else:
            reason = f"its entity types are not those of {other.shown}, which names its domain {domain} too"
            set_aside.append(SetAside(run.shown, reason))
    return kept, set_aside


def _with_eval_sets(runs: Sequence[RunResult]) -> Iterator[tuple[RunResult, EvalSet]]:
    """Each run with its test split, labelled with the checksum if a domain's name stands for several files."""
    eval_sets = [(r.record.domain, r.record.data_sha256.get("test", ""), r.record.is_crossner) for r in runs]
    files = Counter((domain, is_crossner) for domain, _, is_crossner in set(eval_sets))
    for run, (domain, sha256, is_crossner) in zip(runs, eval_sets, strict=True):
        is_only_file = files[domain, is_crossner] == 1
        label = domain if is_only_file else f"{domain} (file {sha256[:8] or 'unknown'})"
        yield run, EvalSet(domain, sha256, is_crossner, label)


def _parts(record: RunRecord) -> tuple[System, dict[str, Any]]:
    """What defines the system: its base and its recipe."""
    arguments = record.arguments.given().items()
    recipe = {name: value for name, value in arguments if not name.startswith((*_ELSEWHERE, *_WITHOUT_EFFECT))}
    encoder, dapt, percent = record.encoder.name, "", None
    if pre_training := record.encoder.dapt:
        encoder = pre_training.start
        other_domain = None if pre_training.domain == record.domain else pre_training.domain
        dapt = ", ".join(part for part in (pre_training.masking, pre_training.level, other_domain) if part)
        percent = 100.0 if pre_training.percent is None else pre_training.percent
        recipe["max_tokens"] = pre_training.max_tokens
    if record.random_weights:
        encoder += ", random weights"
    if record.source:
        source = record.source.model_dump(exclude_unset=True, exclude={"dev", "wall_seconds", "data_sha256"})
        recipe |= {f"source_{name}": value for name, value in source.items()}
        recipe["source_data"] = record.source.data_sha256.get("train", "")[:8]
    if record.processes != 1:
        recipe["processes"] = record.processes
    model = TAGGERS.get(record.arguments.tagger, f"{record.arguments.tagger} ({{}})").format(encoder)
    if record.arguments.adaptation != "supervised":
        model += f", {record.arguments.adaptation} adaptation"
    size, draw = (record.few_shot.sentences, record.few_shot.draw) if record.few_shot else (None, "")
    base = System(record.setting, model, dapt, size, draw, percent)
    # 25 for 25.0, so that recipes are equal however their numbers are written.
    whole = {n: int(v) if isinstance(v, float) and v.is_integer() else v for n, v in sorted(recipe.items())}
    return base, {name: value for name, value in whole.items() if value not in (None, [], {}, "")}


def _join_own_draws(described: Sequence[_Described]) -> None:
    """Where the seed of the few-shot draw, or of the one teacher, is the run's own in all runs, it is no difference."""
    own_values: dict[str, Callable[[int], Any]] = {"few_shot_seed": lambda seed: seed, "teachers": lambda seed: [seed]}
    alike: dict[tuple[System, str], list[_Described]] = defaultdict(list)
    for d in described:
        alike[d.base, json.dumps({n: v for n, v in d.recipe.items() if n not in own_values})].append(d)
    for same in alike.values():
        for name, own in own_values.items():
            if all(d.recipe.get(name) == own(d.run.seed) for d in same):
                for d in same:
                    del d.recipe[name]


def _tell_checkpoints_apart(described: Sequence[_Described]) -> None:
    """If several encoders have one name on one test split, their checksum becomes part of the recipe."""
    alike: dict[tuple[System, str], list[_Described]] = defaultdict(list)
    for d in described:
        if not d.run.record.random_weights:
            alike[d.base, json.dumps(d.recipe)].append(d)
    for same in alike.values():
        checksums: dict[EvalSet, set[str]] = defaultdict(set)
        for d in same:
            checksums[d.eval_set].add(d.run.record.encoder.sha256)
        if any(len(several) > 1 for several in checksums.values()):
            for d in same:
                d.recipe["encoder"] = d.run.record.encoder.sha256[:8] or "unknown"


def _named(described: Sequence[_Described]) -> Iterator[tuple[System, _Described]]:
    """Each run with its system, whose `detail` says in what its recipe differs from others of the same base."""
    by_base: dict[System, list[_Described]] = defaultdict(list)
    for d in described:
        by_base[d.base].append(d)
    for base, same in by_base.items():
        recipes = list({json.dumps(d.recipe): d.recipe for d in same}.values())
        names = sorted({name for recipe in recipes for name in recipe})
        differing = [name for name in names if len({json.dumps(recipe.get(name)) for recipe in recipes}) > 1]
        for d in same:
            details = (f"{name} {d.recipe[name]}" if name in d.recipe else f"{name} as usual" for name in differing)
            source = json.dumps({name: value for name, value in d.recipe.items() if name.startswith("source_")})
            yield replace(base, detail=", ".join(details), source=source, key=json.dumps(d.recipe)), d
