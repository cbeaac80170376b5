"""What all tasks of `corpus build` share: parameters, and the places of files in the output folder."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from crossner_hf.corpora.levels import LevelRules
from crossner_hf.corpora.name_case import MAX_LOWER_CASE
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.corpora.sentences import DEFAULT_RULES, SentenceRules
from crossner_hf.schema import Domain

FORMAT = 1  # of the files that tasks leave for others; part of every key

FileFormat = Literal["parquet", "text"]
FORMATS: tuple[FileFormat, ...] = ("parquet", "text")


@dataclass(frozen=True)
class BuildSettings:
    """Parameters of a build, beside the selection of documents."""

    levels: LevelRules = field(default_factory=LevelRules)
    sentences: SentenceRules = DEFAULT_RULES
    max_lower_case: float = field(
        default=MAX_LOWER_CASE,
        metadata={"help": "a one-word name counts if at most this share of its occurrences is lower-case"},
    )
    near_duplicates: float | None = field(
        default=None,
        metadata={"help": "drop documents whose estimated Jaccard similarity to an earlier one is at least this"},
    )
    keep_labelled: bool = field(
        default=False, metadata={"help": "keep sentences that stand in the labelled data; default: they are dropped"}
    )
    drop_articles: bool = field(
        default=False, metadata={"help": "drop the whole article of a sentence that stands in the labelled data"}
    )
    format: FileFormat = field(default="parquet", metadata={"help": "parquet, with the matches; or text"})

    def __post_init__(self) -> None:
        if not 0 <= self.max_lower_case <= 1:
            raise ValueError(f"max_lower_case must lie between 0 and 1, got {self.max_lower_case}")
        if self.near_duplicates is not None and not 0 < self.near_duplicates <= 1:
            raise ValueError(f"near_duplicates must be more than 0 and at most 1, got {self.near_duplicates}")
        if self.keep_labelled and self.drop_articles:
            raise ValueError(
                "drop_articles drops the articles of labelled sentences, and keep_labelled keeps them: choose"
            )
        if self.format not in FORMATS:
            raise ValueError(f"format must be {' or '.join(FORMATS)}, got {self.format!r}")


@dataclass(frozen=True)
class BuildJob:
    """A build: given to each of its tasks, in other processes too.

    `output` is absolute, `selectors` has one for each domain, and `shards` is the number of shards of the source.
    """

    output: Path
    selectors: tuple[DomainSelector, ...]
    settings: BuildSettings
    shards: int

    @property
    def domains(self) -> tuple[Domain, ...]:
        return tuple(selector.domain for selector in self.selectors)

    @property
    def work(self) -> Path:
        """The folder of files that tasks leave for others; hidden, so that no reader of the output finds them."""
        return work_folder(self.output)

    @property
    def gazetteer(self) -> Path:
        return self.work / "gazetteer"

    @property
    def labelled(self) -> Path:
        """The labelled sentences as `labelled_key` spells them, one on each line."""
        return self.work / "labelled.txt"

    @property
    def merged(self) -> Path:
        """The folder of what the merge of all shards leaves."""
        return self.work / "merged"

    def read(self, number: int) -> Path:
        """The folder of what was read of a shard."""
        return self.work / f"read-{number:05}"

    def kept(self, number: int) -> Path:
        """In which domains each sentence of a shard is no repeat, as bits."""
        return self.merged / f"kept-{number:05}.npy"

    def kept_documents(self, number: int) -> Path:
        """In which domains each document of a shard is no near-duplicate, as bits."""
        return self.merged / f"documents-{number:05}.npy"

    def allowed(self, domain: Domain) -> Path:
        """Which names of the gazetteer count for a domain."""
        return self.merged / f"allowed-{domain.name}.npy"

    def counts(self, domain: Domain, number: int) -> Path:
        """Sizes of the levels of a domain in a shard."""
        return self.work / f"levels-{domain.name}-{number:05}.json"

    def level_file(self, domain: Domain, level: str, number: int) -> Path:
        ending = "parquet" if self.settings.format == "parquet" else "txt"
        return self.output / domain.name / level / f"{level}-{number:05}-of-{self.shards:05}.{ending}"


def work_folder(output: Path) -> Path:
    """Give the folder of files that the tasks of a build leave for others."""
    return output / ".work"


def describe_selector(selector: DomainSelector) -> dict[str, Any]:
    """Give what shapes the selection and the matching of a domain, for JSON; of titles, their number and hash."""
    described = {**asdict(selector), "categories": sorted(selector.categories), "titles": len(selector.titles)}
    described["titles_sha256"] = digest(sorted(selector.titles))
    described["domain"] = {k: v for k, v in described["domain"].items() if k not in ("folder", "split_sizes")}
    return json.loads(json.dumps(described))


def digest(*content: Any) -> str:
    return hashlib.sha256(json.dumps([FORMAT, *content], sort_keys=True).encode()).hexdigest()
