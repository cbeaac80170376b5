"""A model's scores for the Hub: as `model-index` in its card, and as `.eval_results/*.yaml` beside it."""

import statistics
from collections.abc import Iterable

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml

from crossner_hf.hub.model_runs import ModelRuns, data_name, model_runs, percent
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.records import Record

CONVENTION = DEFAULT_CONVENTIONS[0]
TASK = "token-classification"
# What a model-index states: overall values under these conventions.
STATED = (*((CONVENTION, metric) for metric in ("f1", "precision", "recall")), ("strict", "f1"), ("pooled", "f1"))


def eval_results(records: Iterable[Record], *, dataset_repo: str) -> str:
    """The test F1, in percent, as YAML; `[]` if the test split was not scored, or is not CrossNER's."""
    runs = model_runs(records)
    entries = []
    if runs.is_crossner and "test" in runs.splits:
        f1 = [scores.overall.f1 for scores in runs.scores("test", CONVENTION)]
        notes = f"micro F1 of entities in percent, convention {CONVENTION}, test split, {runs.seeds_in_words}"
        if len(f1) > 1:
            notes += f": {percent(f1)} (mean ± sample standard deviation)"
        entries.append(
            EvalResultEntry(
                dataset_id=dataset_repo,
                task_id=runs.domain,
                value=_mean(f1),
                date=max(record.created for record in runs.records)[:10],
                notes=notes,
            )
        )
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=1_000)


def model_index(runs: ModelRuns, *, dataset_repo: str) -> list[EvalResult]:
    """Results in percent on the test split, or on dev if the test split was not scored."""
    split = runs.splits[0]
    mean = f", mean of {len(runs.seeds)} seeds" if len(runs.seeds) > 1 else ""
    return [
        EvalResult(
            task_type=TASK,
            task_name="Named entity recognition",
            dataset_type=dataset_repo if runs.is_official else runs.domain,
            dataset_name=data_name(runs),
            dataset_config=runs.domain,
            dataset_split=split,
            metric_type=metric,
            metric_name=f"{convention} {'F1' if metric == 'f1' else metric}{mean}",
            metric_value=_mean([getattr(scores.overall, metric) for scores in runs.scores(split, convention)]),
            metric_config=convention,
            metric_args={"seeds": runs.seeds},
        )
        for convention, metric in STATED
    ]


def _mean(values: list[float]) -> float:
    """In percent, as cards print it."""
    return round(100 * statistics.mean(values), 2)
