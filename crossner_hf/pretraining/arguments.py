"""What a run of domain-adaptive pre-training is told: the released code's recipe as defaults, and a preset."""

from dataclasses import dataclass, field
from typing import Any

from crossner_hf.corpora.corpus import Selection
from crossner_hf.masking import STRATEGIES
from crossner_hf.training.run_arguments import RunArguments

# Name on the command line and in records: the strategy of DataCollatorForSpanMasking, None for the token-level twin.
MASKINGS: dict[str, str | None] = {"span": "crossner", "token": None} | {
    name: name for name in STRATEGIES if name != "crossner"
}
COMPARED = ("token", "span")  # the maskings under which every run's held-out loss is given

# For encoders of about 20 M parameters on a CPU or one GPU: sentences' lengths, larger batches, a larger learning rate.
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

    15 epochs over blocks of 512 pieces, 20 % of them masked in spans, Adam at 5e-5 falling linearly, batches of 8,
    gradients clipped at 1, seed 42 (run_language_modeling.py of zliucr/CrossNER and the Trainer's defaults of its day).
    """

    output_dir: str = field(
        default="trainer_output",
        metadata={"help": "Folder for the checkpoint, its record and README.", "aliases": ["--output"]},
    )
    masking: str = field(
        default="span",
        metadata={
            "help": "What is masked: span (the paper's), token (single pieces), whole_word (BERT), geometric "
            "(SpanBERT), entity (ERNIE; needs tagged text or a gazetteer).",
            "choices": list(MASKINGS),
        },
    )
    mlm_probability: float = field(default=0.2, metadata={"help": "Share of the pieces to mask."})
    block_size: int = field(default=512, metadata={"help": "Pieces a block, special ones included."})
    percent: float = field(
        default=100.0, metadata={"help": "Share of the documents to train on; 1 %% is a part of 10 %%, and so on."}
    )
    max_tokens: int | None = field(default=None, metadata={"help": "Read so many pieces of the corpus at most."})
    streaming: bool = field(
        default=False,
        metadata={"help": "Tokenise while training, in one pass with nothing of it cached; needs --max-steps."},
    )
    held_out: float = field(
        default=1.0, metadata={"help": "Percent of the documents never trained on, for the held-out loss; 0: none."}
    )
    held_out_tokens: int = field(default=100_000, metadata={"help": "Pieces of them that are scored, at most."})
    learning_rate: float = field(default=5e-5, metadata={"help": "Adam's learning rate."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "Schedule of the learning rate."})
    per_device_train_batch_size: int = field(default=8, metadata={"help": "Blocks a batch on each device."})
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Held-out blocks a batch."})
    num_train_epochs: float = field(default=15.0, metadata={"help": "Passes over the corpus; masks differ in each."})
    seed: int = field(default=42, metadata={"help": "Fixes the order of blocks, the masks, dropout and a new head."})
    eval_strategy: str = field(default="steps", metadata={"help": "When the held-out loss is taken."})
    eval_steps: float | None = field(
        default=0.1, metadata={"help": "Every so many steps; below 1: every such share of the run."}
    )
    eval_on_start: bool = field(default=True, metadata={"help": "Take it before training too."})
    save_strategy: str = field(default="steps", metadata={"help": "When a checkpoint is written."})
    save_steps: float = field(default=0.1, metadata={"help": "Every so many steps; below 1: every such share."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept while the run goes on."})
    keep_checkpoints: bool = field(
        default=False, metadata={"help": "Leave those that save_total_limit spares when the run ends, to train from."}
    )
    logging_steps: float = field(default=0.02, metadata={"help": "Steps, or share of the run, between two log lines."})
    disable_tqdm: bool | None = field(default=False, metadata={"help": "Plain lines in place of the bar."})

    def __post_init__(self):
        if self.masking not in MASKINGS:
            raise ValueError(f"masking must be one of {', '.join(MASKINGS)}, got {self.masking!r}")
        if not 0 < self.mlm_probability < 1:
            raise ValueError(f"mlm_probability must lie between 0 and 1, got {self.mlm_probability}")
        self.selection()
        if self.streaming and self.max_steps <= 0:
            raise ValueError("streaming knows no end of an epoch beforehand: give max_steps too")
        if self.held_out and self.held_out_tokens < 1:
            raise ValueError(f"held_out_tokens must be at least 1, got {self.held_out_tokens}; held_out=0 does without")
        if self.label_smoothing_factor:
            raise ValueError("label_smoothing_factor is not for DAPT: its losses could not be compared")
        if self.load_best_model_at_end:
            raise ValueError("load_best_model_at_end is not for DAPT: the last model counts, as in the released code")
        self.include_num_input_tokens_seen = "all"  # the record counts the pieces by it
        super().__post_init__()

    def selection(self) -> Selection:
        """The part of the corpus to train on."""
        return Selection(percent=self.percent, held_out=self.held_out, max_tokens=self.max_tokens)
