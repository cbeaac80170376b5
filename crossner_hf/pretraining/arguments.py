"""Arguments of domain-adaptive pre-training, with the released code's recipe as defaults, and a preset."""

from dataclasses import dataclass, field
from typing import Any

from crossner_hf.corpora.corpus import Selection
from crossner_hf.masking import STRATEGIES
from crossner_hf.training.run_arguments import REFUSED, RunArguments

# Name on the command line and in records: the strategy of DataCollatorForSpanMasking, None for the token-level twin.
MASKINGS: dict[str, str | None] = {"span": "crossner", "token": None} | {
    name: name for name in STRATEGIES if name != "crossner"
}
COMPARED = ("token", "span")  # the maskings under which every run's held-out loss is given

_LAST_MODEL = "the last model is kept, as in the released code"
_OWN_LOSSES = "the held-out losses are computed without it"

# `small` is for encoders of about 20 M parameters on a CPU or one GPU: shorter blocks, larger batches, a larger
# learning rate.
DAPT_PRESETS: dict[str, dict[str, Any]] = {
    "published": {},
    "small": {
        "learning_rate": 5e-4,
        "warmup_steps": 0.1,
        "per_device_train_batch_size": 32,
        "block_size": 128,
        "num_train_epochs": 1,
    },
}


@dataclass
class DaptArguments(RunArguments):
    """`TrainingArguments` for domain-adaptive pre-training, with the released recipe as defaults.

    The recipe: 15 epochs over blocks of 512 tokens, 20 % of them masked in spans, Adam at 5e-5 falling linearly,
    batches of 8, gradients clipped at 1, seed 42. `preset(name, DAPT_PRESETS)` gives the values of other recipes.

    Every field of `transformers.TrainingArguments` is a field here too; `crossner-hf dapt --help` describes them all.

    Raises:
        ValueError: A value is out of range, or has no meaning for pre-training.

    Source: run_language_modeling.py of zliucr/CrossNER, and the Trainer's defaults of its day.
    """

    refused = {
        **REFUSED,
        **dict.fromkeys(("load_best_model_at_end", "metric_for_best_model", "greater_is_better"), _LAST_MODEL),
        **dict.fromkeys(("prediction_loss_only", "eval_accumulation_steps", "eval_do_concat_batches"), _OWN_LOSSES),
        "label_smoothing_factor": "losses could not be compared",
    }

    output_dir: str = field(
        default="trainer_output",
        metadata={"help": "Folder for the checkpoint, its record and README.", "aliases": ["--output"]},
    )
    masking: str = field(
        default="span",
        metadata={
            "help": "What is masked: span (the paper's), token (single tokens), whole_word (BERT), geometric "
            "(SpanBERT), entity (ERNIE; needs tagged text or a gazetteer).",
            "choices": list(MASKINGS),
        },
    )
    gazetteer: str | None = field(
        default=None,
        metadata={
            "help": "File with names of entities for the masking entity, one on each line (what follows a tab is "
            "ignored)."
        },
    )
    domain: str | None = field(default=None, metadata={"help": "The corpus's domain, for record and README."})
    level: str | None = field(
        default=None, metadata={"help": "Its level (domain, entity, task, integrated), for record and README."}
    )
    mlm_probability: float = field(default=0.2, metadata={"help": "Share of the tokens to mask."})
    block_size: int = field(default=512, metadata={"help": "Tokens in a block, special ones included."})
    percent: float = field(
        default=100.0, metadata={"help": "Share of the documents to train on; 1 %% is part of 10 %%, and so on."}
    )
    max_tokens: int | None = field(default=None, metadata={"help": "Largest number of tokens to read from the corpus."})
    streaming: bool = field(
        default=False,
        metadata={"help": "Tokenize while training, in one pass and with no cache; needs --max-steps."},
    )
    held_out: float = field(
        default=1.0, metadata={"help": "Percent of the documents to keep for the held-out loss; 0: none."}
    )
    held_out_tokens: int = field(default=100_000, metadata={"help": "Largest number of their tokens to score."})
    learning_rate: float = field(default=5e-5, metadata={"help": "Adam's learning rate."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "Schedule of the learning rate."})
    per_device_train_batch_size: int = field(default=8, metadata={"help": "Blocks in a batch on each device."})
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Held-out blocks in a batch."})
    num_train_epochs: float = field(default=15.0, metadata={"help": "Passes over the corpus, each with its own masks."})
    seed: int = field(default=42, metadata={"help": "Fixes the order of blocks, the masks, dropout and a new head."})
    eval_strategy: str = field(default="steps", metadata={"help": "When the held-out loss is computed."})
    eval_steps: float | None = field(
        default=0.1, metadata={"help": "Steps between two of them; below 1: share of the run."}
    )
    eval_on_start: bool = field(default=True, metadata={"help": "Compute it before training too."})
    save_strategy: str = field(default="steps", metadata={"help": "When a checkpoint is written."})
    save_steps: float = field(default=0.1, metadata={"help": "Steps between two of them; below 1: share of the run."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept during the run."})
    keep_checkpoints: bool = field(
        default=False, metadata={"help": "Keep the checkpoints that save_total_limit allows when the run ends."}
    )
    logging_steps: float = field(
        default=0.02, metadata={"help": "Steps between two log lines; below 1: share of the run."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "On resume, the clock goes on from the checkpoint's seconds."}
    )
    disable_tqdm: bool | None = field(
        default=False, metadata={"help": "The Trainer's plain lines in place of the progress bar or lines."}
    )

    def __post_init__(self) -> None:
        if not 0 < self.mlm_probability <= 1:
            raise ValueError(f"mlm_probability must be more than 0 and at most 1, got {self.mlm_probability}")
        if self.gazetteer and self.masking != "entity":
            raise ValueError(f"gazetteer is for the masking 'entity', not {self.masking!r}")
        self.selection()
        if self.streaming and self.max_steps <= 0:
            raise ValueError("the length of a stream is not known: streaming needs max_steps")
        if self.held_out and self.held_out_tokens < 1:
            raise ValueError(
                f"held_out_tokens must be at least 1, got {self.held_out_tokens}; held_out=0 scores nothing"
            )
        if self.save_strategy == "best" or self.lr_scheduler_type == "reduce_lr_on_plateau":
            raise ValueError(
                "save_strategy=best and lr_scheduler_type=reduce_lr_on_plateau need one score; DAPT has two"
            )
        self.include_num_input_tokens_seen = "all"  # the record's number of tokens
        super().__post_init__()

    def selection(self) -> Selection:
        return Selection(percent=self.percent, held_out=self.held_out, max_tokens=self.max_tokens)
