"""The runs that a model's card is about: one system on one domain, and the pre-training that its encoder had."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from crossner_hf.finetuning.settings import WORD_TAGGERS
from crossner_hf.results.collect import RunResult
from crossner_hf.results.records import Encoder, PreTraining, Record, RunRecord
from crossner_hf.results.scores import ConventionScores
from crossner_hf.results.statistics import summarise
from crossner_hf.results.systems import System, group
from crossner_hf.results.text_records import DaptRecord, StartEncoder
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, SAMPLES, SOURCE

# Encoders that records call by a name without its owner: their id on the Hub, and their licence there.
ON_THE_HUB = {
    "all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2",
    "bert-base-cased": "google-bert/bert-base-cased",
}
LICENCES = dict.fromkeys(ON_THE_HUB.values(), "apache-2.0")


@dataclass(frozen=True)
class ModelRuns:
    """Runs of one system in the order of their seeds; of a pushed model it is one."""

    records: list[RunRecord]
    system: System
    pre_training: list[PreTraining] | None  # of the encoder on raw text, the last first; None if records do not say
    dapt_records: list[DaptRecord]  # of those pre-trainings, where they were given

    @property
    def first(self) -> RunRecord:
        return self.records[0]

    @property
    def domain(self) -> str:
        return self.first.domain

    @property
    def is_crossner(self) -> bool:
        """Whether scores are scores on CrossNER: its five domains, and those without their duplicates."""
        return self.first.is_crossner and self.domain.removesuffix("_dedup") != SOURCE.name

    @property
    def is_official(self) -> bool:
        """The same, or scores on the source's published files."""
        return self.first.is_crossner

    @property
    def is_chosen_on_dev(self) -> bool:
        """Whether every run kept its best epoch, and not its last."""
        return all(record.best_epoch is not None for record in self.records)

    @property
    def seeds(self) -> list[int]:
        return [record.seed for record in self.records]

    @property
    def tagger(self) -> str:
        return self.first.arguments.tagger

    @property
    def splits(self) -> list[str]:
        return [split for split in ("test", "validation") if all(split in r.scores for r in self.records)]

    @property
    def base_model(self) -> str | None:
        """The Hub id of the model that all training started from; None where there is none, or it is not known."""
        if self.first.random_weights or self.tagger in WORD_TAGGERS:
            return None
        return hub_id(self.pre_training[-1].start if self.pre_training else self.first.encoder.name)

    def scores(self, split: str, convention: str) -> list[ConventionScores]:
        return [record.scores[split][convention] for record in self.records]

    @property
    def seeds_in_words(self) -> str:
        """'seed 555', or 'seeds 555, 666, 777'."""
        return f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}"


def percent(values: Sequence[float]) -> str:
    """Scores between 0 and 1 in percent: one run's value, or mean and sample standard deviation."""
    summary = summarise([100 * value for value in values])
    return f"{summary.mean:.2f}" + ("" if summary.deviation is None else f" ± {summary.deviation:.2f}")


def model_runs(records: Iterable[Record]) -> ModelRuns:
    """The fine-tuning runs among the records, and the pre-trainings that led to their encoder; others do not count.

    Raises ValueError where the runs are of several systems or domains, contradict one another, or are none.
    """
    records = list(records)
    runs = [record for record in records if isinstance(record, RunRecord)]
    if not runs:
        kinds = ", ".join(sorted({record.KIND for record in records})) or "none at all"
        raise ValueError(f"a card of a tagger needs at least one record of kind {RunRecord.KIND}, got {kinds}")
    results = group([RunResult(f"record {number}", record) for number, record in enumerate(runs, 1)])
    if results.set_aside:
        raise ValueError(f"{results.set_aside[0].shown} of {len(runs)}: {results.set_aside[0].reason}")
    if len(results.cells) != 1:
        several = "; ".join(f"{system.label} on {split.label}" for system, split in results.cells)
        raise ValueError(f"a card is of one system and one domain; these records are of several: {several}")
    ((system, _), cell), *_ = results.cells.items()
    kept = [run.record for run in cell]
    encoder = kept[0].encoder
    chain = dapt_chain(encoder, [record for record in records if isinstance(record, DaptRecord)])
    pre_training = [record.as_pre_training() for record in chain] or ([encoder.dapt] if encoder.dapt else [])
    return ModelRuns(kept, system, pre_training if pre_training or encoder.tells_of_dapt else None, chain)


def dapt_chain(encoder: Encoder | StartEncoder, records: Sequence[DaptRecord]) -> list[DaptRecord]:
    """The pre-trainings that led to an encoder, the last one first: by checksums of weights, else by names."""
    chain: list[DaptRecord] = []
    while made := next((r for r in records if _made(r, encoder) and r not in chain), None):
        chain.append(made)
        encoder = made.encoder
    return chain


def _made(record: DaptRecord, encoder: Encoder | StartEncoder) -> bool:
    """Whether this pre-training gave that encoder; the first records have no checksum of what they made."""
    made = record.checkpoint
    return made.sha256 == encoder.sha256 if made.sha256 else made.name == encoder.name


def hub_id(name: str) -> str | None:
    """The Hub id of a model that a record names; None for a folder, of which records keep only the last part."""
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
    without_duplicates = " without duplicates between splits" if domain in DEDUPLICATED else ""
    if runs.is_crossner:
        return f"CrossNER {domain.removesuffix('_dedup')}{without_duplicates}"
    if runs.is_official:
        return f"CoNLL-2003{without_duplicates}"
    return f"{domain} (files not verified)" if domain in BUILT_IN and domain not in SAMPLES else domain
