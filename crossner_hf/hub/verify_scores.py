"""Whether a model still gets the scores that it is published with, compared to the last digit that cards print."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, hf_hub_download
from huggingface_hub.errors import HFValidationError, RemoteEntryNotFoundError, RepositoryNotFoundError
from yaml import YAMLError

from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.finetuning.evaluation import evaluate
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.scores import Scores
from crossner_hf.schema import BUILT_IN, Domain, get_domain
from crossner_hf.tagger.tagger import Tagger

CARD_FILE = "README.md"


class ScoreKey(NamedTuple):
    """Which score: ('test', 'conlleval', 'overall', 'f1'), or with an entity type in place of 'overall'."""

    split: str
    convention: str
    group: str
    metric: str

    def __str__(self) -> str:
        return f"{self.split}, {self.group}: {self.convention} {self.metric}"


class Difference(NamedTuple):
    """A score, in percent, as stated and as measured now; None if there is no such score now."""

    score: ScoreKey
    stated: str
    measured: str | None


@dataclass(frozen=True)
class Stated:
    """The scores that a model is published with, in percent with two decimals as cards print them, and the data."""

    domain: str
    scores: Mapping[ScoreKey, str]
    verify: bool = True  # whether the data is the official files
    data_sha256: Mapping[str, str] = field(default_factory=dict)  # of each split's file, if known

    @property
    def splits(self) -> list[str]:
        return list(dict.fromkeys(score.split for score in self.scores))

    @classmethod
    def of_record(cls, record: RunRecord) -> "Stated":
        return cls(record.domain, printed(record.scores), record.is_crossner, record.data_sha256)

    @classmethod
    def of_card(cls, text: str) -> "Stated":
        """The scores of a card's model-index. Raises ValueError if there are none, or means of several models."""
        try:
            index = ModelCard(text).data.get("eval_results") or []
            results = [r for r in index if r.metric_config and r.dataset_config and r.dataset_split]
            values = [f"{float(r.metric_value):.2f}" for r in results]
        except (YAMLError, TypeError, ValueError) as error:
            raise ValueError(f"the card's metadata cannot be read: {error}") from None
        if seeds := next((seeds for seeds in map(_seeds, results) if len(seeds) > 1), []):
            raise ValueError(f"the card states means over {len(seeds)} models (seeds {seeds}), which no one model has")
        domains = sorted({str(r.dataset_config) for r in results})
        if len(domains) != 1:
            stated = f"of several domains: {', '.join(domains)}" if domains else "of none with its convention"
            raise ValueError(f"the card's model-index should state scores on one domain, it has {stated}")
        keys = (ScoreKey(*map(str, (r.dataset_split, r.metric_config, "overall", r.metric_type))) for r in results)
        return cls(domains[0], dict(zip(keys, values, strict=True)))


def _seeds(result: EvalResult) -> list[Any]:
    seeds = result.metric_args.get("seeds") if isinstance(result.metric_args, dict) else None
    return seeds if isinstance(seeds, list) else []


def printed(scores: Scores) -> dict[ScoreKey, str]:
    return {
        ScoreKey(split, convention, name, metric): f"{100 * getattr(score, metric):.2f}"
        for split, by_convention in scores.items()
        for convention, of_convention in by_convention.items()
        for name, score in of_convention.named().items()
        for metric in ("precision", "recall", "f1")
    }


def stated_scores(model: str | Path) -> Stated:
    """Read the scores beside a model, in a folder or on the Hub: those of its record, else of its card.

    Raises ValueError if there is neither or they cannot be checked, OSError if the Hub cannot be reached.
    """
    if record := _beside(model, RECORD_FILE):
        return Stated.of_record(read_record(record, RunRecord))
    if card := _beside(model, CARD_FILE):
        try:
            return Stated.of_card(card.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{model}: {error}") from None
    raise ValueError(f"{model}: has neither {RECORD_FILE} nor {CARD_FILE}, so no scores are stated to be checked")


def _beside(model: str | Path, name: str) -> Path | None:
    if Path(model).is_dir():
        path = Path(model) / name
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(str(model), name))
    except RemoteEntryNotFoundError:
        return None
    except (HFValidationError, RepositoryNotFoundError) as error:
        raise ValueError(f"{model}: neither a folder here nor a model on the Hub that this account can see") from error


def check_scores(
    model: str | Path,
    stated: Stated | None = None,
    *,
    domain: str | Path | None = None,
    data_dir: str | Path | None = None,
    trust_remote_code: bool = False,
) -> list[Difference]:
    """Score a model again on the splits that its record or card states scores on; returns the scores that differ.

    `domain` is the folder of the user's own domain; the package's own are found by their names. Raises ValueError for
    data that is not the data of the scores, or a model that is no tagger for it.
    """
    stated = stated or stated_scores(model)
    chosen = _domain(model, stated, domain)
    files = domain_files(chosen, data_dir, verify=stated.verify)
    for split in stated.splits if stated.data_sha256 else ():
        if sha256_of(files[split]) != stated.data_sha256.get(split):
            raise ValueError(
                f"{files[split]}: is not the file that {model} was scored on (its SHA-256 differs), so its scores "
                f"cannot be checked here; name the folder of {stated.domain} with that file"
            )
    tagger = Tagger.from_pretrained(str(model), trust_remote_code=trust_remote_code)
    measured: dict[ScoreKey, str] = {}
    for split in stated.splits:
        conventions = list(dict.fromkeys(score.convention for score in stated.scores if score.split == split))
        record = evaluate(tagger, chosen, split, data_dir=data_dir, verify=stated.verify, conventions=conventions)
        measured |= printed(record.scores)
    pairs = ((score, text, measured.get(score)) for score, text in stated.scores.items())
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def _domain(model: str | Path, stated: Stated, domain: str | Path | None) -> Domain:
    """The domain of the scores; a name that is read from somebody's record never becomes a path."""
    if domain is None and stated.domain not in BUILT_IN:
        raise ValueError(
            f"{model}: its scores are on {stated.domain!r}, a domain of somebody's own; name the folder with its files"
        )
    chosen = get_domain(stated.domain if domain is None else domain)
    if chosen.name != stated.domain:
        raise ValueError(f"{model}: its scores are on {stated.domain!r}, not on {chosen.name!r}")
    return chosen
