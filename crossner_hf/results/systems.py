"""Which runs are runs of one system: the same in all but the seed, and the domain. Duplicates and contradictions."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from crossner_hf.results.collect import Run, SetAside
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, DOMAINS

SETTINGS = {
    "direct": "direct",
    "pre_train_then_fine_tune": "pre-train, then fine-tune",
    "joint": "joint",
}

TAGGERS = {"linear": "{}", "crf": "{} + CRF", "bilstm-crf": "BiLSTM-CRF ({})", "coach": "Coach ({})"}

# Arguments that stand elsewhere in the record, and those without an effect on the scores.
_ELSEWHERE = ("setting", "source", "num_sentences", "few_shot_draw", "target_repeats", "seed", "tagger")
_WITHOUT_EFFECT = ("save_", "logging_", "dataloader_", "include_num_input", "per_device_eval", "use_cpu", "report_to")


class EvalSet(NamedTuple):
    """A test split: that of a domain, by the checksum of its file. label: its name, with the checksum if need be"""

    domain: str
    sha256: str
    is_crossner: bool
    label: str


@dataclass(frozen=True)
class System:
    """What a row of a table stands for.

    encoder: what the tagger starts from, with the tagger if it is not the linear one: an encoder, for a checkpoint of
             domain-adaptive pre-training the model that it started from, or word vectors
    dapt:    that pre-training in a few words, "" for none
    size:    sentences of few-shot training; None for all
    percent: share of the corpus used in domain-adaptive pre-training, None where there was none
    detail:  what sets it apart from a system that is otherwise the same: "learning_rate 0.0002"
    source:  how the source data came in, for comparison alone
    """

    setting: str
    encoder: str
    dapt: str = ""
    size: int | None = None
    draw: str = ""
    percent: float | None = None
    detail: str = ""
    source: str = field(default="", repr=False)
    key: str = field(default="", repr=False)

    @property
    def model(self) -> str:
        share = "" if self.percent in (None, 100) else f"{self.percent:g}\u00a0%"
        told = ", ".join(part for part in (self.dapt, share) if part)
        return f"{self.encoder} + DAPT{f' ({told})' if told else ''}" if self.percent is not None else self.encoder

    @property
    def training(self) -> str:
        """The setting, few-shot size and details in words."""
        size = (
            "" if self.size is None else f"{self.size} sentences" + (" (seeded draw)" if self.draw == "seeded" else "")
        )
        return "; ".join(part for part in (SETTINGS.get(self.setting, self.setting), size, self.detail) if part)

    @property
    def label(self) -> str:
        return f"{self.model}: {self.training}"

    def order(self) -> tuple:
        """All sentences before few, no DAPT before DAPT, settings as in the paper."""
        settings = list(SETTINGS)
        place = settings.index(self.setting) if self.setting in settings else len(settings)
        full = float("inf") if self.size is None else self.size
        pre_trained = (self.percent is not None, self.dapt, -(self.percent or 0))
        return (self.size is not None, self.encoder, *pre_trained, -full, place, self.draw, self.key)


@dataclass
class Results:
    """Runs by system and test split, in the order of their seeds; a seed is there once."""

    cells: dict[tuple[System, EvalSet], list[Run]]
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

    def of(self, eval_set: EvalSet) -> dict[System, list[Run]]:
        """The systems scored on a test split, in order."""
        return {s: self.cells[s, eval_set] for s in self.systems if (s, eval_set) in self.cells}


def group(runs: Sequence[Run]) -> Results:
    """Sort runs into systems and test splits.

    Of exact duplicates (one run asked, one score) one is kept. Of contradicting ones (one run asked, several scores)
    none is: nothing in the records says which is right.
    """
    runs, set_aside = _same_types(runs)
    eval_sets = _eval_sets(runs)
    parts = {id(run): _parts(run.record) for run in runs}
    _tell_checkpoints_apart(runs, eval_sets, parts)
    systems: dict[int, System] = {}
    for comparable in (True, False):  # CrossNER's test splits, and others, which stand in tables of their own
        systems |= _named({run: parts[run] for run, e in eval_sets.items() if e.is_crossner is comparable})
    asked: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        asked[systems[id(run)], eval_sets[id(run)], run.seed].append(run)
    cells, duplicates = defaultdict(list), []
    for (system, eval_set, seed), several in sorted(asked.items(), key=lambda item: item[0][2]):
        if any(run.record["scores"]["test"] != several[0].record["scores"]["test"] for run in several):
            others = ", ".join(run.shown for run in several)
            reason = f"seed {seed} of one run has contradicting scores ({others}); none of them counts: keep one"
            set_aside += [SetAside(run.shown, reason) for run in several]
            continue
        kept = next((run for run in several if run.predictions), several[0])
        duplicates += [run.shown for run in several if run is not kept]
        cells[system, eval_set].append(kept)
    return Results(dict(cells), set_aside, duplicates)


def _same_types(runs: Iterable[Run]) -> tuple[list[Run], list[SetAside]]:
    """Of a user's own domain, only runs with the labels of its first run."""
    first: dict[str, Run] = {}
    kept, set_aside = [], []
    for run in runs:
        other = first.setdefault(run.record["domain"], run)
        if other.entity_types == run.entity_types:
            kept.append(run)
        else:
            said = f"its entity types are not those of {other.shown}, which names its domain {run.record['domain']} too"
            set_aside.append(SetAside(run.shown, said))
    return kept, set_aside


def _eval_sets(runs: Iterable[Run]) -> dict[int, EvalSet]:
    """A test split for each run; where a domain's name stands for several files, they are told apart."""
    plain = {id(r): (r.record["domain"], r.test_sha256, r.record.get("is_crossner") is True) for r in runs}
    files: dict[tuple, set[str]] = defaultdict(set)
    for domain, sha256, is_crossner in plain.values():
        files[domain, is_crossner].add(sha256)

    def label(domain: str, sha256: str, is_crossner: bool) -> str:
        return domain if len(files[domain, is_crossner]) == 1 else f"{domain} (file {sha256[:8] or 'unknown'})"

    return {key: EvalSet(*about, label(*about)) for key, about in plain.items()}


def _parts(record: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the system, apart from the seed: `base`, which names it, and `recipe`, told only where it differs."""
    encoder, few_shot = record["encoder"], record.get("few_shot") or {}
    dapt, source = encoder.get("dapt"), dict(record.get("source") or {})
    base = {
        "setting": record.get("setting") or "direct",
        "encoder": (dapt or {}).get("start") or encoder["name"],
        "dapt": "",
        "percent": None,
        "size": few_shot.get("sentences"),
        "draw": few_shot.get("draw", "") if few_shot else "",
    }
    recipe = {
        k: v for k, v in (record.get("arguments") or {}).items() if not k.startswith((*_ELSEWHERE, *_WITHOUT_EFFECT))
    }
    if dapt:
        own = dapt.get("domain") in (None, record["domain"])
        corpus = dapt.get("corpus") if isinstance(dapt.get("corpus"), str) else None if own else dapt["domain"]
        base["dapt"] = ", ".join(str(part) for part in (dapt.get("masking"), dapt.get("level"), corpus) if part)
        base["percent"] = 100.0 if dapt.get("percent") is None else float(dapt["percent"])
        recipe["max_tokens"] = dapt.get("max_tokens")
    if record.get("random_weights"):
        base["encoder"] += ", random weights"
    tagger = (record.get("arguments") or {}).get("tagger", "linear")
    base["encoder"] = TAGGERS.get(tagger, f"{tagger} ({{}})").format(base["encoder"])
    recipe |= {f"source_{k}": v for k, v in source.items() if k not in ("dev", "wall_seconds", "data_sha256")}
    recipe["source_data"] = str((source.get("data_sha256") or {}).get("train", ""))[:8]
    if record.get("processes", 1) != 1:
        recipe["processes"] = record["processes"]
    return {"base": base, "recipe": {k: _whole(v) for k, v in recipe.items() if v not in (None, [], {}, "")}}


def _whole(value: Any) -> Any:
    """25.0 as 25: a recipe is one however its numbers are written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _tell_checkpoints_apart(runs: Sequence[Run], eval_sets: dict[int, EvalSet], parts: dict[int, dict]) -> None:
    """Where several encoders go by one name on one test split, their checksum becomes part of the system."""
    found: dict[str, dict[EvalSet, set]] = defaultdict(lambda: defaultdict(set))
    named = {id(run): json.dumps(parts[id(run)], sort_keys=True) for run in runs}
    sums = {id(run): str(run.record["encoder"].get("sha256", ""))[:8] for run in runs}
    for run in runs:
        if not run.record.get("random_weights"):
            found[named[id(run)]][eval_sets[id(run)]].add(sums[id(run)])
    for run in runs:
        if any(len(several) > 1 for several in found[named[id(run)]].values()):
            parts[id(run)]["recipe"]["encoder"] = sums[id(run)] or "unknown"


def _named(parts: Mapping[int, dict[str, Any]]) -> dict[int, System]:
    """A system for each run; recipes of one base tell in `detail` what they differ in."""
    recipes: dict[str, dict[str, dict]] = defaultdict(dict)
    keys = {
        run: (json.dumps(p["base"], sort_keys=True), json.dumps(p["recipe"], sort_keys=True))
        for run, p in parts.items()
    }
    for run, (base, recipe) in keys.items():
        recipes[base][recipe] = parts[run]["recipe"]
    found = {}
    for run, (base, recipe) in keys.items():
        several = recipes[base].values()
        names = sorted({name for values in several for name in values})
        differing = [name for name in names if len({json.dumps(values.get(name)) for values in several}) > 1]
        mine = parts[run]["recipe"]
        detail = ", ".join(f"{name} {mine[name]}" if name in mine else f"{name} as usual" for name in differing)
        source = json.dumps({name: value for name, value in mine.items() if name.startswith("source_")}, sort_keys=True)
        found[run] = System(**parts[run]["base"], detail=detail, source=source, key=base + recipe)
    return found
