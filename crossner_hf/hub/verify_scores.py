"""Whether the scores that a model is published with hold: scored anew, compared to the last digit that cards print."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import ModelCard, hf_hub_download
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
    """Which score: ('test', 'conlleval', 'overall', 'f1'), or with an entity type in the place of 'overall'."""

    split: str
    convention: str
    group: str
    metric: str

    def __str__(self) -> str:
        return f"{self.split}, {self.group}: {self.convention} {self.metric}"


class Difference(NamedTuple):
    """A score, in percent, as stated and as found now; None where it is not found at all."""

    score: ScoreKey
    stated: str
    found: str | None


@dataclass(frozen=True)
class Stated:
    """The scores that a model is published with, in percent with two decimals as cards print them, and on which data.

    data_sha256: of the split's files, where that is known
    """

    domain: str
    scores: Mapping[ScoreKey, str]
    verify: bool = True
    data_sha256: Mapping[str, str] | None = None

    @property
    def splits(self) -> list[str]:
        return list(dict.fromkeys(score.split for score in self.scores))

    @classmethod
    def of_record(cls, record: RunRecord) -> "Stated":
        """Every score of a record of fine-tuning."""
        return cls(record.domain, printed(record.scores), record.is_crossner, record.data_sha256)

    @classmethod
    def of_card(cls, text: str) -> "Stated":
        """The scores of a card's model-index. Raises ValueError where they are none, or means of several models."""
        try:
            found = ModelCard(text).data.eval_results or []
            results = [r for r in found if r.metric_config and r.dataset_config and r.dataset_split]
            values = [f"{float(r.metric_value):.2f}" for r in results]
        except (YAMLError, TypeError, ValueError) as error:
            raise ValueError(f"the card's metadata cannot be read: {error}") from None
        several = [r for r in results if len((r.metric_args or {}).get("seeds", [])) > 1]
        if several:
            seeds = several[0].metric_args["seeds"]
            raise ValueError(f"the card states means over {len(seeds)} models (seeds {seeds}), which no one model has")
        domains = sorted({r.dataset_config for r in results})
        if len(domains) != 1:
            said = f"of several domains: {', '.join(domains)}" if domains else "of none with its convention"
            raise ValueError(f"the card's model-index should state scores on one domain, it has {said}")
        return cls(
            domains[0],
            {
                ScoreKey(r.dataset_split, r.metric_config, "overall", r.metric_type): value
                for r, value in zip(results, values)
            },
        )


def printed(scores: Scores) -> dict[ScoreKey, str]:
    """Every score in the form that cards print."""
    return {
        ScoreKey(split, convention, name, metric): f"{100 * getattr(score, metric):.2f}"
        for split, by_convention in scores.items()
        for convention, of_convention in by_convention.items()
        for name, score in of_convention.named().items()
        for metric in ("precision", "recall", "f1")
    }


def stated_scores(model: str | Path) -> Stated:
    """What is stated beside a model, in a folder or on the Hub: in its record, else in its card.

    Raises ValueError where there is neither, and OSError where the Hub cannot be reached.
    """
    record = _beside(model, RECORD_FILE)
    if record:
        return Stated.of_record(read_record(record, RunRecord))
    card = _beside(model, CARD_FILE)
    if card:
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
) -> list[Difference]:
    """Score a model anew on the splits that its record or card states scores on; the scores that come out otherwise.

    stated: those scores, where they are not to be looked up beside the model
    domain: the folder of the user's own domain that they are on; the package's own are found by their names

    Raises ValueError for data that is not the data of the scores, and for a model that is no tagger for it.
    """
    stated = stated or stated_scores(model)
    chosen = _domain(model, stated, domain)
    if stated.data_sha256:
        files = domain_files(chosen, data_dir, verify=stated.verify)
        other = [s for s in stated.splits if sha256_of(files[s]) != stated.data_sha256.get(s)]
        if other:
            raise ValueError(
                f"{files[other[0]]}: is not the file that {model} was scored on (its SHA-256 differs), so its scores "
                f"cannot be checked here; name the folder of {stated.domain} with that file"
            )
    tagger = Tagger.from_pretrained(str(model))
    found = {}
    for split in stated.splits:
        conventions = _conventions(stated.scores, split)
        record = evaluate(tagger, chosen, split, data_dir=data_dir, verify=stated.verify, conventions=conventions)
        found |= printed(record.scores)
    return [
        Difference(score, text, found.get(score)) for score, text in stated.scores.items() if found.get(score) != text
    ]


def _domain(model: str | Path, stated: Stated, domain: str | Path | None) -> Domain:
    """By the name alone only what the package knows: a name from a record of others never becomes a path."""
    if domain is None and stated.domain not in BUILT_IN:
        raise ValueError(
            f"{model}: its scores are on {stated.domain!r}, a domain of somebody's own; name the folder with its files"
        )
    chosen = get_domain(stated.domain if domain is None else domain)
    if chosen.name != stated.domain:
        raise ValueError(f"{model}: its scores are on {stated.domain!r}, not on {chosen.name!r}")
    return chosen


def _conventions(scores: Iterable[ScoreKey], split: str) -> list[str]:
    return list(dict.fromkeys(score.convention for score in scores if score.split == split))
