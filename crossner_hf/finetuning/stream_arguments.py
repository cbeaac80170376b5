"""Arguments of joint training for taggers that tell source from target: which losses, which raw text, the schedule."""

from dataclasses import dataclass, field

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.finetuning.settings import ADAPTATIONS
from crossner_hf.training.run_arguments import RunArguments


@dataclass
class StreamArguments(RunArguments):
    """What `FineTuningArguments` add for streams of sentences; see streams.py."""

    adaptation: str = field(
        default="supervised",
        metadata={
            "help": "cross-domain-lm in joint training: supervised (language model on the labelled sentences), "
            "combined (also on raw text) or unsupervised (raw text, and no labelled sentence of the target).",
            "choices": ADAPTATIONS,
        },
    )
    source_text: list[str] | None = field(
        default=None, metadata={"help": "Raw text of the source: files, folders, or a data set of the Hub."}
    )
    target_text: list[str] | None = field(
        default=None, metadata={"help": "Raw text of the target: files, folders, or a data set of the Hub."}
    )
    text_sentences: int = field(
        default=15_000, metadata={"help": "Sentences of raw text of each domain, the first ones."}
    )
    source_types: str | None = field(
        default=None,
        metadata={
            "help": "Unsupervised adaptation: file with a source type, a tab and a target type that it may become on "
            "each line; see source_names."
        },
    )
    source_names: list[str] | None = field(
        default=None,
        metadata={
            "help": "Unsupervised adaptation: gazetteer files that decide among several types of source_types by an "
            "entity's name."
        },
    )
    lr_decay: float = field(
        default=0.0, metadata={"help": "Divide the learning rate by 1 + this number x the epochs that are over."}
    )
    switch_to_sgd: float | None = field(
        default=None,
        metadata={"help": "With --optim rmsprop: after a dev F1 above this, in percent, SGD goes on; default: never."},
    )
    sgd_learning_rate: float = field(default=0.015, metadata={"help": "SGD's learning rate after switch_to_sgd."})

    def raw_text(self) -> dict[str, Corpus]:
        """Return the raw text of 'source' and 'target', where it is given."""
        given = {"source": self.source_text, "target": self.target_text}
        return {whose: Corpus(tuple(sources)) for whose, sources in given.items() if sources}

    def check_streams(self, *, reads_text: bool) -> None:
        """Raise ValueError for values that do not go together.

        `reads_text`: this is joint training of a tagger that learns from raw text too.
        """
        if self.text_sentences < 1:
            raise ValueError(f"text_sentences must be at least 1, got {self.text_sentences}")
        self._check_schedule()
        if self.adaptation != "unsupervised" and (self.source_types or self.source_names):
            raise ValueError("source_types and source_names are for --adaptation unsupervised")
        if self.source_names and not self.source_types:
            raise ValueError("source_names decide among the types of source_types; give --source-types too")
        if not reads_text and (self.adaptation != "supervised" or self.source_text or self.target_text):
            raise ValueError("adaptation, source_text and target_text are for --setting joint --tagger cross-domain-lm")
        if reads_text and self.adaptation != "supervised" and not self.target_text:
            raise ValueError(f"adaptation={self.adaptation} needs raw text of the target; give --target-text")
        if reads_text and self.adaptation == "supervised" and (self.source_text or self.target_text):
            raise ValueError("supervised adaptation reads no raw text; leave it out, or set --adaptation combined")

    def _check_schedule(self) -> None:
        """Raise ValueError for a schedule or an optimizer that would be ignored."""
        if not 0 <= self.lr_decay < float("inf"):
            raise ValueError(f"lr_decay must be a number of at least 0, got {self.lr_decay}")
        if self.lr_decay and (self.lr_scheduler_type != "constant" or self.warmup_steps):
            raise ValueError(
                "lr_decay is a schedule of its own: leave it at 0, or lr_scheduler_type at constant without warm-up"
            )
        if self.switch_to_sgd is not None and (self.optim != "rmsprop" or not 0 <= self.switch_to_sgd <= 100):
            raise ValueError(
                "switch_to_sgd is a dev F1 from 0 to 100 and needs --optim rmsprop, got "
                f"{self.switch_to_sgd} with {self.optim.value}"
            )
        if not 0 < self.sgd_learning_rate < float("inf"):
            raise ValueError(f"sgd_learning_rate must be more than 0, got {self.sgd_learning_rate}")
