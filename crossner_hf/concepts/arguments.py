"""Arguments of concept pre-training: transformers' TrainingArguments and a few more."""

from dataclasses import dataclass, field

from crossner_hf.concepts.batches import Shares
from crossner_hf.training.run_arguments import REFUSED, RunArguments

_SHARE = 0.25
_LAST_MODEL = "the last model is kept"


@dataclass
class ConceptArguments(RunArguments):
    """`TrainingArguments` for concept pre-training, with the recipe of the packaged checkpoint as defaults.

    Every field of `transformers.TrainingArguments` is a field here too; `crossner-hf concepts train --help` describes
    them all.

    Raises:
        ValueError: A value is out of range, or has no meaning for this training.
    """

    refused = {
        **REFUSED,
        **dict.fromkeys(("load_best_model_at_end", "metric_for_best_model", "greater_is_better"), _LAST_MODEL),
        "label_smoothing_factor": "phrases that are no negatives have no share",
        "remove_unused_columns": "the collator reads every column of the data",
    }

    output_dir: str = field(
        default="trainer_output",
        metadata={"help": "Folder for the checkpoint, its record and README.", "aliases": ["--output"]},
    )
    max_tokens: int | None = field(
        default=None,
        metadata={"help": "Train on sentences with about this number of tokens, rare concepts more often."},
    )
    max_length: int = field(default=96, metadata={"help": "Tokens of a sentence; further ones are cut off."})
    other_phrase: float = field(
        default=Shares().other_phrase, metadata={"help": "Share of mentions that take any of their phrases."}
    )
    masked_mentions: float = field(
        default=Shares().masked, metadata={"help": "Share of mentions that the encoder sees as mask tokens."}
    )
    outside_words: float = field(
        default=Shares().outside, metadata={"help": "Share of the words outside mentions that count in the loss."}
    )
    unknown_names: float = field(
        default=0.5,
        metadata={"help": "Weight of the loss that says of unknown capitalised words that they are in some mention."},
    )
    ner_source: str | None = field(
        default=None,
        metadata={
            "help": "Mix in labelled training sentences of this domain; its types' descriptions are the phrases."
        },
    )
    ner_share: float = field(default=_SHARE, metadata={"help": "Their share of the tokens of an epoch."})
    mlm_text: list[str] | None = field(
        default=None,
        metadata={"help": "Mix in masked-language modelling on raw text: files, folders, or a data set of the Hub."},
    )
    mlm_share: float = field(default=_SHARE, metadata={"help": "Share of the raw text's tokens in an epoch."})
    dropout: float = field(
        default=0.0, metadata={"help": "Dropout while training; the checkpoint's config keeps the encoder's own."}
    )
    freeze_embeddings: bool = field(
        default=True, metadata={"help": "Keep the encoder's embeddings as they are; only its layers learn."}
    )
    learning_rate: float = field(default=1.5e-4, metadata={"help": "Adam's learning rate."})
    head_learning_rate: float = field(default=1e-3, metadata={"help": "The same for the head."})
    weight_decay: float = field(default=0.01, metadata={"help": "Weight decay."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "Schedule of the learning rate."})
    warmup_steps: float = field(default=0.1, metadata={"help": "Steps of warm-up; below 1: share of the run."})
    per_device_train_batch_size: int = field(default=48, metadata={"help": "Sentences in a batch on each device."})
    num_train_epochs: float = field(default=1.0, metadata={"help": "Passes over the sentences."})
    seed: int = field(default=42, metadata={"help": "Fixes the choice and order of sentences, masks and dropout."})
    save_strategy: str = field(default="steps", metadata={"help": "When a checkpoint is written."})
    save_steps: float = field(default=0.1, metadata={"help": "Steps between two of them; below 1: share of the run."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept during the run."})
    logging_steps: float = field(
        default=0.02, metadata={"help": "Steps between two log lines; below 1: share of the run."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "On resume, the clock goes on from the checkpoint's seconds."}
    )
    disable_tqdm: bool | None = field(
        default=False, metadata={"help": "The Trainer's plain lines in place of the progress bar or lines."}
    )
    remove_unused_columns: bool = field(default=False, metadata={"help": "Must stay false."})

    def __post_init__(self) -> None:
        for name in ("other_phrase", "masked_mentions", "outside_words", "unknown_names", "dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        self._check_streams()
        if self.max_length < 8:
            raise ValueError(f"max_length must be at least 8 tokens, got {self.max_length}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")
        self.include_num_input_tokens_seen = "all"  # the record's number of tokens
        super().__post_init__()

    def _check_streams(self) -> None:
        """Raise ValueError for shares that leave nothing for concepts, or have no stream."""
        for name, stream in (("ner_share", "ner_source"), ("mlm_share", "mlm_text")):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {share}")
            if share != _SHARE and not getattr(self, stream):
                raise ValueError(f"{name} has no effect without --{stream.replace('_', '-')}")
        if sum(self.stream_shares().values()) >= 1:
            raise ValueError(f"ner_share={self.ner_share} and mlm_share={self.mlm_share} leave nothing for concepts")

    def stream_shares(self) -> dict[str, float]:
        """Return the share of the tokens of each stream that is mixed in, by the argument that names it."""
        shares = {"ner_source": self.ner_share, "mlm_text": self.mlm_share}
        return {stream: share for stream, share in shares.items() if getattr(self, stream)}

    def shares(self) -> Shares:
        """Return the shares that are drawn anew in each epoch."""
        return Shares(self.other_phrase, self.masked_mentions, self.outside_words)
