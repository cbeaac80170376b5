"""The recipe of `adapt`: which steps, with which values."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.finetuning.arguments import DRAWS, FineTuningArguments
from crossner_hf.finetuning.presets import PRESETS
from crossner_hf.finetuning.settings import FIRST_HEADS, PUBLISHED_SEEDS, FewShot
from crossner_hf.packaged_encoder import CONCEPTS

ENTITY_RATIO = 0.35  # share of words in entities where nothing tells: about that of CrossNER's sentences

FEW = 15  # labelled sentences, from which a gentle learning rate learns enough


class Confidence(NamedTuple):
    """When the teacher's labels count.

    Args:
        entity: Least probability of an entity.
        outside: Least probability of `O`; more than 1: no word is labelled `O`.
    """

    entity: float = 0.5
    outside: float = 0.98


@dataclass(frozen=True)
class AdaptArguments:
    """The recipe of `adapt`. Its trainings use the preset `concepts` and a fixed number of optimizer steps.

    Raises:
        ValueError: A value is out of range, or steps do not go together.
    """

    output_dir: str = field(
        metadata={"help": "Folder for the tagger, its record and the steps.", "aliases": ["--output"]}
    )
    model: str = field(
        default=CONCEPTS, metadata={"help": "Encoder pre-trained on concepts: a folder, a Hub id, or concepts."}
    )
    head: str = field(
        default="descriptions",
        metadata={
            "help": "First weights of the head: descriptions, random or auto, as in train.",
            "choices": FIRST_HEADS,
        },
    )
    num_sentences: int | None = field(
        default=None, metadata={"help": "Labelled sentences to learn from, 0 for none; default: all."}
    )
    few_shot_draw: str = field(
        default="first", metadata={"help": "The first sentences of the file, or seeded: a draw.", "choices": DRAWS}
    )
    few_shot_seed: int = field(default=PUBLISHED_SEEDS[0], metadata={"help": "Seed of the draw."})
    seeds: list[int] = field(
        default_factory=lambda: list(PUBLISHED_SEEDS),
        metadata={"help": "Of the teachers, whose scores are averaged; the first is that of all other trainings."},
    )
    source: str | None = field(
        default=None, metadata={"help": "Train the teachers on this domain's sentences first, such as conll2003."}
    )
    source_cache: str | None = field(default=None, metadata={"help": "Folder of finished source stages, as in train."})
    learning_rate: float | None = field(
        default=None,
        metadata={
            "help": f"Learning rate of all trainings; default: 2e-5 for 1 to {FEW} labelled sentences, else 5e-5."
        },
    )
    bf16: bool = field(default=False, metadata={"help": "Train in bfloat16, which is faster on processors with AMX."})
    max_steps: int = field(default=100, metadata={"help": "Optimizer steps on the labelled sentences."})
    raw_sentences: int = field(default=15_000, metadata={"help": "Sentences of raw text, the first ones."})
    teacher_labels: bool = field(default=True, metadata={"help": "Label raw text by the teachers, not names alone."})
    entity_confidence: float = field(
        default=Confidence().entity, metadata={"help": "Least probability of an entity that the teachers label."}
    )
    outside_confidence: float = field(
        default=Confidence().outside, metadata={"help": "The same for words outside entities; above 1: they stay open."}
    )
    entity_ratio: float | None = field(
        default=None,
        metadata={"help": "Share of raw words in entities; default: the mean of labelled share and teachers'."},
    )
    ratio_margin: float = field(default=0.05, metadata={"help": "Distance from that share that costs nothing."})
    student_epochs: float = field(default=1.0, metadata={"help": "Passes of the student over raw text."})
    last_stage: bool = field(default=True, metadata={"help": "Train the student on the labelled sentences again."})
    dev_choice: bool = field(
        default=True, metadata={"help": "Also score the model that dev chooses in the last training, beside the last."}
    )
    test: bool = field(default=True, metadata={"help": "Score the test split, at the end."})
    verify: bool = field(default=True, metadata={"help": "Refuse official files whose checksums differ."})

    def __post_init__(self) -> None:
        if self.num_sentences is not None and self.num_sentences < 0:
            raise ValueError(f"num_sentences must be 0 or more, got {self.num_sentences}")
        for name in ("entity_confidence", "entity_ratio", "ratio_margin"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {value}")
        for name in ("max_steps", "raw_sentences", "student_epochs"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0, got {getattr(self, name)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be distinct numbers, at least one, got {self.seeds}")
        if self.num_sentences == 0 and self.source:
            raise ValueError("with no labelled sentence, nothing is learned from a source; leave --source out")
        if self.num_sentences == 0 and self.head == "random":
            raise ValueError("with no labelled sentence, a tagger needs descriptions; leave --head random out")

    def with_rate(self, sentences: int) -> "AdaptArguments":
        """Return the arguments with a learning rate for a number of labelled sentences, if none is given."""
        if self.learning_rate is not None:
            return self
        return replace(self, learning_rate=2e-5 if 0 < sentences <= FEW else 5e-5)

    def training(self, folder: Path, seed: int, **changes: Any) -> FineTuningArguments:
        """Return the arguments of one training of the recipe."""
        values = {
            **PRESETS["concepts"],
            **{"output_dir": str(folder), "seed": seed, "head": self.head, "test": False},
            **{"learning_rate": self.learning_rate, "bf16": self.bf16},
            **{"save_strategy": "steps", "save_steps": 0.25, "logging_strategy": "steps", "logging_steps": 0.1},
            **{"eval_strategy": "no", "load_best_model_at_end": False, "early_stopping_patience": 0},
            **{"verify": self.verify, "source_cache": self.source_cache},
        }
        return FineTuningArguments(**values | changes)

    def few_shot(self) -> FewShot | None:
        """Return the choice of labelled sentences; None for all, or for none."""
        return FewShot(self.num_sentences, self.few_shot_draw, self.few_shot_seed) if self.num_sentences else None

    def on_sentences(
        self, folder: Path, seed: int, *, by_dev: bool = False, with_source: bool = False
    ) -> FineTuningArguments:
        """Return the arguments of a training on the labelled sentences; `by_dev` keeps the model of the best dev F1."""
        changes: dict[str, Any] = {
            "max_steps": self.max_steps,
            **{name: getattr(self, name) for name in ("num_sentences", "few_shot_draw", "few_shot_seed")},
        }
        if by_dev:
            changes |= {"eval_strategy": "steps", "eval_steps": 0.1, "save_steps": 0.1, "load_best_model_at_end": True}
        if with_source and self.source:
            changes |= {"setting": "pre_train_then_fine_tune", "source": self.source}
        return self.training(folder, seed, **changes)
