"""A model's card from records alone: that of a tagger, or of a checkpoint of domain-adaptive pre-training."""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.utils import validate_repo_id

from crossner_hf.data.builder import CITATION
from crossner_hf.data.sources import COMMIT, REPOSITORY
from crossner_hf.hub.eval_results import CONVENTION, TASK, model_index, said_seeds
from crossner_hf.hub.model_card_fields import Facts, cost_facts, training_facts, training_sentences
from crossner_hf.hub.model_runs import LICENCES, ModelRuns, dapt_chain, data_name, hub_id, model_runs, shown
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.pretraining.dapt_card import dapt_card, fence
from crossner_hf.results.markdown import plain
from crossner_hf.results.records import Checkpoint, DaptRecord, Record
from crossner_hf.results.scores import GROUPS, NO_ENTITIES
from crossner_hf.results.statistics import summarise
from crossner_hf.schema import BUILT_IN, SOURCE

TEMPLATES = Path(__file__).with_name("templates")
COST_TITLE = "## Hardware, time and energy"
EXAMPLE = "The Beatles recorded Abbey Road in London."
TAGS = ("named-entity-recognition", "domain-adaptation")
NOT_CROSSNER = "These are no CrossNER scores: the data is not the official CrossNER data."


def model_card(records: Iterable[Record], *, repo: str, dataset_repo: str = "USER/crossner") -> str:
    """Markdown with the metadata that the Hub reads.

    records: of a tagger, one or several seeds; or first that of the pre-training whose checkpoint it is. Records of
             earlier pre-trainings may stand among them, and tell where the encoder is from
    repo:    where the model lies, for the code in the card

    Raises ValueError where the records are not of one model.
    """
    validate_repo_id(repo)
    validate_repo_id(dataset_repo)
    records = list(records)
    dapt_records = [record for record in records if isinstance(record, DaptRecord)]
    if records and dapt_records == records:
        return _dapt(dapt_records[0], dapt_records[1:], repo)
    runs = model_runs(records)
    commands = list(dict.fromkeys(record.command for record in runs.records))
    card = ModelCard.from_template(
        _metadata(runs, repo, dataset_repo),
        template_path=str(TEMPLATES / "model_card.md"),
        repo=repo,
        title=plain(f"{data_name(runs)}: {runs.system.model}"),
        summary=_summary(runs),
        scores_said=_scores_said(runs),
        example=EXAMPLE,
        stock=runs.tagger == "linear",
        training=_plain_facts(training_facts(runs)),
        data=plain(data_name(runs)),
        several=len(runs.seeds) > 1,
        seeds=said_seeds(runs),
        overall=_overall(runs),
        groups=_groups(runs),
        convention=CONVENTION,
        split=runs.splits[0],
        tested="test" in runs.splits,
        chosen=runs.is_chosen_on_dev,
        by_type=_by_type(runs),
        calibration=_calibration(runs),
        limits=_limits(runs),
        cost=_plain_facts(cost_facts(runs.records, runs.dapt_records)),
        commands=commands,
        fence=fence(commands),
        citation=CITATION if runs.is_crossner else "",
    )
    return _tidy(card.content)


def _metadata(runs: ModelRuns, repo: str, dataset_repo: str) -> ModelCardData:
    data = [dataset_repo] if runs.is_official else []
    known = LICENCES.get(runs.base_model)
    return ModelCardData(
        language="en" if runs.domain in BUILT_IN else None,
        license=known if runs.first.source is None and known else "other",
        library_name="transformers",
        pipeline_tag=TASK,
        base_model=runs.base_model,
        datasets=data or None,
        tags=[*TAGS, *(["crossner"] if runs.is_crossner else [])],
        model_name=repo.rpartition("/")[2],
        eval_results=model_index(runs, dataset_repo=dataset_repo),
    )


def _summary(runs: ModelRuns) -> str:
    types = ", ".join(runs.first.entity_types)
    said = f"Tags named entities ({types}) in text about {runs.domain.removesuffix('_dedup')}. "
    said += (
        f"{runs.system.model}, fine-tuned on {training_sentences(runs)} of {data_name(runs)} ({runs.system.training})."
    )
    if len(runs.seeds) > 1:
        said += f" This card is of {len(runs.seeds)} runs that differ in their seed alone."
    return plain(said)


def _scores_said(runs: ModelRuns) -> str:
    split = runs.splits[0]
    mean = ", mean and sample standard deviation over the " + said_seeds(runs) if len(runs.seeds) > 1 else ""
    said = f"Micro F1 of entities on {data_name(runs)}, {split} split, convention {CONVENTION}{mean}: "
    text = f"{plain(said)} **{shown(runs.summary(split, CONVENTION))}**."
    return text if runs.is_official else f"{text} {NOT_CROSSNER}"


def _overall(runs: ModelRuns) -> list[list[str]]:
    rows = []
    for split in runs.splits:
        for convention in DEFAULT_CONVENTIONS:
            values = [shown(runs.summary(split, convention, metric=m)) for m in ("precision", "recall", "f1")]
            rows.append([split, convention, *values, f"{runs.scores(split, convention)[0].overall.support:,}"])
    return rows


def _groups(runs: ModelRuns) -> list[list[str]]:
    rows = []
    for name in GROUPS[:2]:
        scores = [score for of_run in runs.scores(runs.splits[0], CONVENTION) if (score := of_run.group(name))]
        if len(scores) == len(runs.records):
            rows.append([name, shown(summarise([100 * score.f1 for score in scores])), f"{scores[0].support:,}"])
    return rows


def _by_type(runs: ModelRuns) -> list[list[str]]:
    """Types that are among gold or predictions, in the order of their label ids; a run without one has 0 for it."""
    scores = runs.scores(runs.splits[0], CONVENTION)
    rows = []
    for name in runs.first.entity_types:
        of_type = [of_run.per_type.get(name, NO_ENTITIES) for of_run in scores]
        if any(name in of_run.per_type for of_run in scores):
            values = [shown(summarise([100 * getattr(s, m) for s in of_type])) for m in ("precision", "recall", "f1")]
            rows.append([plain(name), *values, f"{max(score.support for score in of_type):,}"])
    return rows


def _calibration(runs: ModelRuns) -> list[list[str]]:
    rows = []
    for split in runs.splits:
        of_runs = [c for record in runs.records if (c := record.calibration.get(split)) and c.ece is not None]
        if len(of_runs) == len(runs.records):
            values = [summarise([100 * getattr(c, m) for c in of_runs]) for m in ("confidence", "precision", "ece")]
            entities = sum(c.entities for c in of_runs) / len(of_runs)
            rows.append([split, f"{entities:,.0f}", *map(shown, values)])
    return rows


def _limits(runs: ModelRuns) -> list[str]:
    domain, source = runs.domain, runs.first.source and runs.first.source.domain
    limits = [
        f"Trained for one domain, {domain.removesuffix('_dedup')}, on {training_sentences(runs)} of it. It was not "
        "tried on other text, and knows the types above alone: other entities are missed, or taken for one of these.",
    ]
    if runs.is_official:
        limits.append(
            "The sentences that it was scored on come split into words ('s and punctuation apart). Raw text is split "
            "by the rule that the config names as word_splitter, where entities may come out otherwise."
        )
        limits.append(
            "The scores that CrossNER's authors published follow the convention pooled. The labels were corrected "
            f"once: these scores are on commit {COMMIT[:7]} of {REPOSITORY}."
        )
    else:
        limits.append(NOT_CROSSNER)
    licence = LICENCES.get(runs.base_model)
    said = f"{runs.base_model}: {licence}. " if licence else "What it starts from has a licence of its own. "
    if runs.is_crossner:
        said += "The labels of CrossNER are published under the MIT licence. "
    if SOURCE.name in (source, domain.removesuffix("_dedup")):
        said += f"Trained on {SOURCE.name}, too, whose text is Reuters' (RCV1), for research use only. "
    return [*map(plain, limits), plain(f"Licences: {said}")]


def _plain_facts(facts: Facts) -> Facts:
    return [(plain(name), plain(text)) for name, text in facts]


def _tidy(text: str) -> str:
    """One empty line between parts, where a template's conditions left several."""
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def _dapt(record: DaptRecord, before: Sequence[DaptRecord], repo: str) -> str:
    """The README that lies in such a checkpoint's folder, with the repository's name, metadata and cost."""
    first = [record, *dapt_chain(record.encoder, before)][-1]
    base = hub_id(first.encoder.name)
    about = {
        "checkpoint": Checkpoint(name=repo),
        "encoder": record.encoder.model_copy(update={"name": plain(record.encoder.name)}),
        "corpus_sha256": {plain(name): value for name, value in record.corpus_sha256.items()},
        "domain": record.domain and html.escape(record.domain, quote=False),
        "level": record.level and plain(record.level),
    }
    cost = "\n".join(f"| {name} | {text} |" for name, text in _plain_facts(cost_facts([record])))
    appendix = f"{COST_TITLE}\n\n| | |\n|---|---|\n{cost}\n\n## Citation\n\n```bibtex\n{CITATION}\n```"
    card = ModelCard(dapt_card(record.model_copy(update=about), appendix))
    card.data.language = "en" if record.domain in BUILT_IN else None
    card.data.license = LICENCES.get(base, "other")
    card.data.base_model = base
    return _tidy(card.content)
