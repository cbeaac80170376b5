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
    lr_decay: float = field(
        default=0.0, metadata={"help": "Divide the learning rate by 1 + this number x the epochs that are over."}
    )

    def raw_text(self) -> dict[str, Corpus]:
        """Return the raw text of 'source' and 'target', where it is given."""
        given = {"source": self.source_text, "target": self.target_text}
        return {whose: Corpus(tuple(sources)) for whose, sources in given.items() if sources}

    def check_streams(self, *, tells_domains: bool) -> None:
        """Raise ValueError for values that do not go together.

        `tells_domains`: this is joint training of a tagger that tells source from target.
        """
        if self.text_sentences < 1:
            raise ValueError(f"text_sentences must be at least 1, got {self.text_sentences}")
        if not 0 <= self.lr_decay < float("inf"):
            raise ValueError(f"lr_decay must be a number of at least 0, got {self.lr_decay}")
        if not tells_domains and (self.adaptation != "supervised" or self.source_text or self.target_text):
            raise ValueError("adaptation, source_text and target_text are for --setting joint --tagger cross-domain-lm")
        if tells_domains and self.adaptation != "supervised" and not self.target_text:
            raise ValueError(f"adaptation={self.adaptation} needs raw text of the target; give --target-text")
        if tells_domains and self.adaptation == "supervised" and (self.source_text or self.target_text):
            raise ValueError("supervised adaptation reads no raw text; leave it out, or set --adaptation combined")
