"""The runs that a model's card is about: one system on one domain, and the pre-training that its encoder had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from crossner_hf.finetuning.settings import WORD_TAGGERS
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.collect import KIND, Run
from crossner_hf.results.statistics import Summary, summarise
from crossner_hf.results.systems import System, group
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, SAMPLES, SOURCE

# Encoders that records call by a name without its owner: their id on the Hub, and their licence there.
ON_THE_HUB = {
    "all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2",
    "bert-base-cased": "google-bert/bert-base-cased",
}
DAPT = "dapt"  # kind of the records of pre-training
LICENCES = dict.fromkeys(ON_THE_HUB.values(), "apache-2.0")


@dataclass(frozen=True)
class ModelRuns:
    """Runs of one system in the order of their seeds; of a pushed model it is one.

    pre_training: what is known of the encoder's pre-trainings on raw text, the last one first: the records of them, or
                  what the runs' own records say of it; None where those, being old, would not say
    """

    records: list[Mapping[str, Any]]
    system: System
    pre_training: list[Mapping[str, Any]] | None

    @property
    def first(self) -> Mapping[str, Any]:
        return self.records[0]

    @property
    def domain(self) -> str:
        return self.first["domain"]

    @property
    def is_crossner(self) -> bool:
        """Whether scores are scores on CrossNER: its five domains, and those without their duplicates."""
        return self.first.get("is_crossner") is True and self.domain.removesuffix("_dedup") != SOURCE.name

    @property
    def is_official(self) -> bool:
        """The same, or scores on the source's published files."""
        return self.first.get("is_crossner") is True

    @property
    def is_chosen_on_dev(self) -> bool:
        """Whether every run kept its best epoch, and not its last."""
        return all(record.get("best_epoch") is not None for record in self.records)

    @property
    def seeds(self) -> list[int]:
        return [record["seed"] for record in self.records]

    @property
    def tagger(self) -> str:
        return (self.first.get("arguments") or {}).get("tagger", "linear")

    @cached_property
    def splits(self) -> list[str]:
        """Those that were scored, the test split first."""
        return [split for split in ("test", "validation") if all(r["scores"].get(split) for r in self.records)]

    @property
    def base_model(self) -> str | None:
        """The Hub id of the model that all training started from; None where there is none, or it is not known."""
        if self.first.get("random_weights") or self.tagger in WORD_TAGGERS:
            return None
        chain = self.pre_training or []
        return hub_id(chain[-1]["start"] if chain else self.first["encoder"]["name"])

    def scores(self, split: str, convention: str) -> list[Mapping[str, Any]]:
        """Of each run: `overall`, `per_type` and, for some domains, `specialised` and `generic`."""
        return [record["scores"][split][convention] for record in self.records]

    def summary(self, split: str, convention: str, group: str = "overall", metric: str = "f1") -> Summary:
        return summarise([100 * scores[group][metric] for scores in self.scores(split, convention)])


def shown(summary: Summary) -> str:
    """In percent: one run's value, or mean and sample standard deviation."""
    return f"{summary.mean:.2f}" + ("" if summary.deviation is None else f" ± {summary.deviation:.2f}")


def model_runs(records: Iterable[Mapping[str, Any]]) -> ModelRuns:
    """The fine-tuning runs among the records, and the pre-trainings that led to their encoder; others do not count.

    Raises ValueError where the runs are of several systems or domains, contradict one another, or are none.
    """
    records = list(records)
    runs = [r for r in records if r.get("kind") == KIND]
    if not runs:
        kinds = ", ".join(sorted({str(r.get("kind")) for r in records})) or "none at all"
        raise ValueError(f"a card of a tagger wants at least one record of kind {KIND}, got {kinds}")
    for record in runs:
        missing = [k for k in ("domain", "seed", "entity_types", "encoder", "scores") if not record.get(k)]
        if missing or not all(c in scores for scores in record["scores"].values() for c in DEFAULT_CONVENTIONS):
            lacking = ", ".join(missing) or f"scores under {', '.join(DEFAULT_CONVENTIONS)}"
            raise ValueError(f"a record of kind {KIND} lacks {lacking}: no card can be made of it")
    # The grouping reads the test scores, which a run may not have.
    told = {f"record {n}": {**r, "scores": {"test": None, **r["scores"]}} for n, r in enumerate(runs, 1)}
    found = group([Run(name, record, None) for name, record in told.items()])
    if found.set_aside:
        raise ValueError(f"{found.set_aside[0].shown} of {len(runs)}: {found.set_aside[0].reason}")
    if len(found.cells) != 1:
        several = "; ".join(f"{system.label} on {split.label}" for system, split in found.cells)
        raise ValueError(f"a card is of one system and one domain; these records are of several: {several}")
    ((system, _), cell), *_ = found.cells.items()
    kept = [runs[list(told).index(run.shown)] for run in cell]
    return ModelRuns(kept, system, pre_training(kept[0]["encoder"], [r for r in records if r.get("kind") == DAPT]))


def pre_training(encoder: Mapping[str, Any], dapt: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]] | None:
    """What led to an encoder, the last one first: found by checksums of weights, by names where records have none.

    encoder: what the record of a run says of it; each of the result has the model that it began with as `start`
    """
    chain, at = [], encoder
    while found := next((r for r in dapt if _made(r, at) and not any(r is c for c in chain)), None):
        chain.append(found)
        at = found["encoder"]
    if chain:
        return [{**r, "start": r["encoder"]["name"]} for r in chain]
    if encoder.get("dapt"):
        return [encoder["dapt"]]
    return [] if "dapt" in encoder else None


def _made(record: Mapping[str, Any], encoder: Mapping[str, Any]) -> bool:
    """Whether this pre-training gave that encoder."""
    checkpoint = record["checkpoint"]
    if isinstance(checkpoint, str):  # the first records have no checksum of what they made
        return checkpoint == encoder["name"]
    return checkpoint["sha256"] == encoder.get("sha256")


def hub_id(name: str) -> str | None:
    """The Hub id of a model that a record names; None for a folder, of which records keep the last part alone."""
    if name in ON_THE_HUB:
        return ON_THE_HUB[name]
    try:
        validate_repo_id(name)
    except HFValidationError:
        return None
    return name if "/" in name else None


def data_name(runs: ModelRuns) -> str:
    """What the scores are on, in words that claim no more than the records do."""
    domain = runs.domain
    if runs.is_crossner:
        plain = domain.removesuffix("_dedup")
        return f"CrossNER {plain}" + (" without duplicates between splits" if domain in DEDUPLICATED else "")
    if runs.is_official:
        return "CoNLL-2003" + (" without duplicates between splits" if domain in DEDUPLICATED else "")
    return f"{domain} (files not verified)" if domain in BUILT_IN and domain not in SAMPLES else domain
