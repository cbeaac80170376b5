"""The record of a run: what ran, on what, with which result. Reports and cards are made from records alone.

`docs/record.schema.json` is the JSON Schema of these classes and of those in `text_records`. A key whose name or
meaning changes needs a step in `record_files.upgrade`, so that older records still load.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.environment import Hardware, command_line, git_commit, hardware, package_versions
from crossner_hf.results.scores import Calibration, Count, Fraction, RecordPart, Scores, SplitScores
from crossner_hf.schema import BUILT_IN

SCHEMA_VERSION = 2

# The paper's settings (Liu et al., 2021, section 4), as tables name them.
SETTINGS = {
    "direct": "direct",
    "pre_train_then_fine_tune": "pre-train, then fine-tune",
    "joint": "joint",
    "no_training": "no training",
    "elsewhere": "made elsewhere",
}

Checksums = dict[str, str]  # file or split to SHA-256
Names = Annotated[tuple[str, ...], Field(strict=False)]  # a JSON list
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RecordedArguments(RecordPart):
    """A run's own arguments and its recipe; any others of transformers' TrainingArguments are kept too."""

    model_config = ConfigDict(extra="allow")

    learning_rate: float | None = None
    lr_scheduler_type: str | None = None
    num_train_epochs: float | None = None
    per_device_train_batch_size: int | None = None
    gradient_accumulation_steps: int = 1
    early_stopping_patience: int | None = None
    tagger: str = "linear"
    adaptation: str = "supervised"
    block_size: int | None = None
    mlm_probability: float | None = None
    percent: float | None = None
    max_tokens: int | None = None

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class FewShotSample(RecordPart):
    """How many training sentences of the target a run used, and whether the first ones or a draw by the seed."""

    sentences: Annotated[int, Field(ge=1)]
    draw: Literal["first", "seeded"] = "first"


class PreTraining(RecordPart):
    """Domain-adaptive pre-training as the record of a later run tells it. start: the model that it began with."""

    start: str
    domain: str | None = None
    level: str | None = None
    masking: str | None = None
    corpus_sha256: Checksums = {}
    tokens_seen: int | None = None
    percent: float | None = None
    max_tokens: int | None = None


class Encoder(RecordPart):
    """What a tagger started from. sha256: of its weights or word vectors; dapt: None if it had none."""

    name: str
    sha256: str = ""
    dapt: PreTraining | None = None

    @property
    def tells_of_dapt(self) -> bool:
        """Whether the record says if there was pre-training; the first records do not."""
        return "dapt" in self.model_fields_set


class Source(RecordPart):
    """How the source data came in. dev, wall_seconds: of the source stage, if there was one."""

    domain: str
    data_sha256: Checksums = {}
    target_repeats: int | None = None
    head: str | None = None
    epochs: float | None = None
    optimizer: str | None = None
    dev: SplitScores | None = None
    wall_seconds: Seconds | None = None


class RecipeStep(RecordPart):
    """A step of `adapt`, and what it gained.

    Attributes:
        name: The name of its folder.
        dev_f1: F1 on dev after it, by convention.
        gain: By how much that (conlleval) is more than after the step before; None for the first.
        counts: What it saw and made, such as sentences.
    """

    name: str
    dev_f1: dict[str, Fraction] = {}
    gain: float | None = None
    wall_seconds: Seconds = 0.0
    counts: dict[str, int] = {}


class External(RecordPart):
    """How the predictions of a system made elsewhere became tags.

    Attributes:
        form: tags, words, characters (spans of them) or strings.
        file: The name of the file of predictions, and its checksum; none for a model that was called.
        entities: The entities that were given, by what became of them: `scored`, `left out` as their type is none of
            the domain's, and reasons for which they have no place among the words and count as wrong.
        type_names: Names that are no types of the domain, with the types that they stand for.
        left_out_types: The names of types that were left out.
    """

    form: str
    file: str | None = None
    sha256: str | None = None
    entities: dict[str, Count]
    type_names: dict[str, str] = {}
    left_out_types: dict[str, Count] = {}


class Record(RecordPart):
    """What all records have: when, by which command, with which packages and on what hardware a run ran."""

    KIND: ClassVar[str]

    schema_version: Literal[2]
    created: str
    command: str
    git_commit: str | None = None
    versions: dict[str, str]
    hardware: Hardware

    @classmethod
    def new(cls, **content: Any) -> Self:
        """Make a record of this moment and machine. Raises ValueError (of pydantic) for content that does not fit."""
        about = {
            "schema_version": SCHEMA_VERSION,
            "kind": cls.KIND,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command_line(),
            "git_commit": git_commit(),
            "versions": package_versions(),
            "hardware": hardware(),
        }
        return cls.model_validate(about | content)

    def as_json(self) -> str:
        """Return the text of its file. Raises ValueError (of pydantic) for a copy whose new values do not fit."""
        content = self.model_dump(mode="json", exclude_unset=True, warnings=False)
        self.model_validate(content)
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


class RunRecord(Record):
    """A fine-tuned tagger, a gazetteer as one, or a system made elsewhere.

    `record.scores["test"]["conlleval"].overall.f1` is its F1 on the test split.

    Attributes:
        is_crossner: Whether the data were the official files.
        test: Whether the run was to score the test split.
        best_epoch: The one whose model was kept; None if dev did not choose.
        dev_by_epoch: F1 (conlleval) at each scoring of dev.
        entities_beyond_max_length: Gold entities that the model could not see, by split.
        recipe: The steps of `adapt`.
        dev_choice: Of `adapt`, the scores of the model that dev chose among those of its last training.
        external: Of a system made elsewhere, what became of its predictions.
    """

    KIND = "fine_tuning"

    kind: Literal["fine_tuning", "gazetteer", "predictions"]
    is_crossner: bool = False
    setting: Literal["direct", "pre_train_then_fine_tune", "joint", "no_training", "elsewhere"] = "direct"
    few_shot: FewShotSample | None = None
    seed: int
    domain: str
    entity_types: Names
    descriptions: dict[str, str] = {}
    data_sha256: Checksums = {}
    encoder: Encoder
    random_weights: bool = False
    test: bool = True
    processes: int = 1
    arguments: RecordedArguments = RecordedArguments()
    source: Source | None = None
    wall_seconds: Seconds = 0.0
    resumed: bool = False
    entities_beyond_max_length: dict[str, int] = {}
    epochs: float | None = None
    steps: int | None = None
    best_epoch: float | None = None
    dev_by_epoch: Annotated[tuple[float, ...], Field(strict=False)] = ()
    scores: Scores
    calibration: dict[str, Calibration] = {}
    recipe: Annotated[tuple[RecipeStep, ...], Field(strict=False)] = ()
    dev_choice: Scores = {}
    external: External | None = None

    @field_validator("scores")
    @classmethod
    def _has_the_usual_conventions(cls, scores: Scores) -> Scores:
        for split, by_convention in scores.items():
            missing = [name for name in DEFAULT_CONVENTIONS if name not in by_convention]
            if missing:
                raise ValueError(f"of {split} should be under {', '.join(DEFAULT_CONVENTIONS)}, lacks {missing[0]}")
        return scores

    @model_validator(mode="after")
    def _types_belong_to_the_domain(self) -> Self:
        expected = BUILT_IN[self.domain].entity_types if self.domain in BUILT_IN else self.entity_types
        if self.entity_types != expected:
            differing = ", ".join(sorted({*self.entity_types} ^ {*expected})) or "the same, in another order"
            raise ValueError(f"entity_types should be those of {self.domain} ({differing})")
        every = (scores for by_convention in self.scores.values() for scores in by_convention.values())
        unknown = sorted({name for scores in every for name in scores.per_type} - {*self.entity_types})
        if unknown:
            raise ValueError(f"scores should be of the types of {self.domain}, got {', '.join(unknown)}")
        return self


class SourceStageRecord(Record):
    """The source stage of pre-train-then-fine-tune, which runs share. data_sha256: of the training file."""

    KIND = "source_stage"

    kind: Literal["source_stage"]
    seed: int
    domain: str
    labels: Names
    descriptions: dict[str, str] = {}
    data_sha256: str
    encoder_sha256: str
    vocabulary_sha256: str | None = None
    random_weights: bool
    epochs: float
    processes: int
    arguments: RecordedArguments
    wall_seconds: Seconds
    resumed: bool
    entities_beyond_max_length: int
    steps: int
    dev: SplitScores | None


class OnnxExportRecord(Record):
    """A tagger and its export to ONNX on one split.

    Attributes:
        int8: Whether the graph's weights have 8 bits.
        differing_sentences: How many sentences the export gives other labels.
        scores_before: Of the tagger.
        scores: Of the export.
    """

    KIND = "onnx_export"

    kind: Literal["onnx_export"]
    model: str
    int8: bool
    graph_bytes: int
    graph_sha256: str
    domain: str
    split: str
    is_crossner: bool
    sentences: int
    differing_sentences: int
    scores_before: Scores
    scores: Scores

    def f1(self, convention: str = "conlleval") -> tuple[float, float]:
        before, after = (scores[self.split][convention].overall.f1 for scores in (self.scores_before, self.scores))
        return before, after


class EvaluationRecord(Record):
    """The scores of a saved tagger on one split: `record.scores[split][convention]`.

    Attributes:
        dtype: The numbers it computed with, if they are not float32.
    """

    KIND = "evaluation"

    kind: Literal["evaluation"]
    model: str
    dtype: str | None = None
    domain: str
    split: str
    is_crossner: bool
    scores: Scores
