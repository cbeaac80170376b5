"""Arguments of fine-tuning: transformers' TrainingArguments and a few more, with the published recipe as defaults."""

from dataclasses import dataclass, field
from typing import Any

from crossner_hf.finetuning.settings import (
    DOMAIN_TAGGERS,
    ENCODER_REPEATS,
    ENCODER_TAGGERS,
    FIRST_HEADS,
    HEADS,
    LSTM_REPEATS,
    MULTI_CELL,
    OPTIMIZERS,
    PUBLISHED_SEEDS,
    SETTINGS,
    TAGGERS,
    VOCABULARIES,
    WORD_TAGGERS,
    FewShot,
    Stage,
    Stream,
    TaggerChoice,
    joint_stage,
)
from crossner_hf.finetuning.stream_arguments import StreamArguments
from crossner_hf.training.run_arguments import REFUSED

# Scores that may choose the best epoch. The last two exist only where a domain has types of both kinds.
DEV_SCORES = (
    *("conlleval_f1", "strict_f1", "pooled_f1", "conlleval_precision", "conlleval_recall", "loss"),
    *("conlleval_specialised_f1", "conlleval_generic_f1"),
)

DRAWS = ("first", "seeded")


@dataclass
class FineTuningArguments(StreamArguments):
    """`TrainingArguments` with the published recipe as defaults, and what CrossNER adds to them.

    The recipe: Adam at 5e-5 with no schedule and no clipping, batches of 16, at most 300 epochs, stopping after 8
    epochs without a better dev F1. The model of the best epoch is kept. `preset` gives the values of other recipes.

    Every field of `transformers.TrainingArguments` is a field here too; `crossner-hf train --help` describes them all.

    Raises:
        ValueError: A value is out of range, or does not go with the tagger.

    Source: src/trainer.py and main.py of the released code (zliucr/CrossNER).
    """

    refused = {
        **REFUSED,
        "dataloader_drop_last": "it would leave out dev sentences too",
        "prediction_loss_only": "without the scores of dev no epoch can be chosen",
    }

    output_dir: str = field(
        default="trainer_output",
        metadata={
            "help": "Folder for the model, its record and, during the run, checkpoints.",
            "aliases": ["--output"],
        },
    )
    learning_rate: float = field(default=5e-5, metadata={"help": "Adam's learning rate."})
    encoder_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the encoder; default: that of the rest of the tagger."}
    )
    lr_scheduler_type: str = field(default="constant", metadata={"help": "Schedule; the released code has none."})
    max_grad_norm: float = field(default=0.0, metadata={"help": "Clip gradients to this norm; 0: no clipping."})
    per_device_train_batch_size: int = field(default=16, metadata={"help": "Sentences in a batch on each device."})
    per_device_eval_batch_size: int = field(default=16, metadata={"help": "Sentences in a batch of dev scoring."})
    num_train_epochs: float = field(
        default=300.0, metadata={"help": "Largest number of epochs; early stopping may end training before."}
    )
    seed: int = field(
        default=PUBLISHED_SEEDS[0], metadata={"help": "Fixes the head's first weights, batches and dropout."}
    )
    eval_strategy: str = field(default="epoch", metadata={"help": "When dev is scored: epoch, steps or no."})
    save_strategy: str = field(default="epoch", metadata={"help": "When a checkpoint is written."})
    save_total_limit: int | None = field(default=1, metadata={"help": "Checkpoints to keep besides the best one."})
    logging_strategy: str = field(default="epoch", metadata={"help": "When the training loss is logged."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Keep the model of the best dev score."})
    metric_for_best_model: str | None = field(
        default="conlleval_f1", metadata={"help": "Dev score that chooses the best epoch."}
    )
    greater_is_better: bool | None = field(
        default=None, metadata={"help": "Whether a higher score is better; default: for all but the loss."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "On resume, early stopping keeps its count."}
    )
    disable_tqdm: bool | None = field(
        default=False, metadata={"help": "The Trainer's plain lines in place of the progress bar or lines."}
    )
    length_grouped_batches: bool = field(
        default=True,
        metadata={"help": "Batches of sentences of about one length, drawn anew and in random order in each epoch."},
    )
    early_stopping_patience: int = field(
        default=8,
        metadata={
            "help": "Stop after this number of dev scorings without a better one, counted from the first score "
            "above 0; 0: never."
        },
    )
    max_length: int | None = field(
        default=None,
        metadata={"help": "Tokens of a training sentence; further ones are cut off. Default: what the encoder takes."},
    )
    tagger: str = field(
        default="linear",
        metadata={
            "help": "Model: linear (a layer over an encoder), crf (the same with a CRF), or over word vectors "
            "bilstm-crf (Lample et al. 2016), coach (Liu et al. 2020) or cross-domain-lm (Jia et al. 2019); over "
            "either multi-cell-lstm (Jia and Zhang 2020).",
            "choices": TAGGERS,
        },
    )
    head: str = field(
        default="auto",
        metadata={
            "help": "First weights of the linear layer over an encoder: descriptions (of the types in words; needs a "
            "checkpoint of concept pre-training), random, or auto (descriptions where the checkpoint can).",
            "choices": FIRST_HEADS,
        },
    )
    vocabulary: str = field(
        default="train",
        metadata={
            "help": "Words that taggers over word vectors know: those of the training sets (train), or also all others "
            "of the vector file, with fixed vectors (vectors).",
            "choices": VOCABULARIES,
        },
    )
    char_vectors: str | None = field(
        default=None,
        metadata={"help": "Taggers over word vectors: file of character n-gram vectors, joined to the word's vector."},
    )
    config_overrides: str | None = field(
        default=None, metadata={"help": "Values of the model's config: hidden_size=100,hidden_dropout_prob=0.3"}
    )
    setting: str = field(
        default="direct",
        metadata={
            "help": "Training data: direct (the target alone), pre_train_then_fine_tune (first the source's labels, "
            "then the target's), joint (both at once).",
            "choices": SETTINGS,
        },
    )
    source: str = field(default="conll2003", metadata={"help": "Source domain of the other two settings."})
    source_epochs: float = field(default=2.0, metadata={"help": "Number of epochs of the source stage."})
    source_head: str = field(
        default="source",
        metadata={
            "help": "Labels of the source stage: source (its own; all targets share the stage, and take over the "
            "rows of the head for the types they share) or target (the official form).",
            "choices": HEADS,
        },
    )
    source_optimizer: str = field(
        default="carried",
        metadata={
            "help": "Adam's moments after the source stage: carried (the official form) or fresh.",
            "choices": OPTIMIZERS,
        },
    )
    source_cache: str | None = field(
        default=None,
        metadata={"help": "Folder of finished source stages, shared by runs; default: crossner/sources in HF_HOME."},
    )
    target_repeats: int | None = field(
        default=None,
        metadata={
            "help": "Joint training: draws of a target sentence for each draw of a source sentence; default: 50, "
            "and 10 for LSTM models."
        },
    )
    num_sentences: int | None = field(
        default=None, metadata={"help": "Few-shot: number of the target's training sentences; default: all."}
    )
    few_shot_draw: str = field(
        default="first",
        metadata={
            "help": "Few-shot: first (the first sentences of the file, the official form) or seeded (drawn by the "
            "seed; a smaller draw is part of a larger one).",
            "choices": DRAWS,
        },
    )
    few_shot_seed: int | None = field(
        default=None,
        metadata={"help": "Few-shot: seed of a seeded draw; default: --seed, so that seeds differ in both."},
    )
    random_weights: bool = field(
        default=False, metadata={"help": "Only the architecture of the encoder (or vectors), with random weights."}
    )
    test: bool = field(default=True, metadata={"help": "Score the test split; not wanted when tuning on dev."})
    verify: bool = field(default=True, metadata={"help": "Refuse official files whose checksums differ."})

    def __post_init__(self) -> None:
        if self.metric_for_best_model and self.metric_for_best_model.removeprefix("eval_") not in DEV_SCORES:
            scores = ", ".join(DEV_SCORES)
            raise ValueError(f"metric_for_best_model must be one of {scores}, got {self.metric_for_best_model!r}")
        super().__post_init__()
        self._check_ranges()
        self.check_streams(reads_text=self.tells_domains and self.tagger != MULTI_CELL)
        if self.adaptation == "unsupervised" and self.num_sentences is not None:
            raise ValueError("num_sentences: adaptation=unsupervised learns from no labelled sentence of the target")
        if self.tagger in ENCODER_TAGGERS and (self.vocabulary != "train" or self.char_vectors):
            raise ValueError(f"vocabulary and char_vectors are for {', '.join(WORD_TAGGERS)}, not {self.tagger}")
        if self.head == "descriptions" and (self.tagger not in ENCODER_TAGGERS or self.random_weights):
            raise ValueError("head=descriptions needs the weights of an encoder: --tagger linear or crf")
        if self.tagger != "linear" and self.label_smoothing_factor:
            raise ValueError(f"label_smoothing_factor is for the linear tagger; the loss of {self.tagger} has none")

    def _check_ranges(self) -> None:
        if self.early_stopping_patience < 0:
            raise ValueError(f"early_stopping_patience must be 0 or more, got {self.early_stopping_patience}")
        if self.max_length is not None and self.max_length < 4:
            raise ValueError(f"max_length must be at least 4 tokens, got {self.max_length}")
        for name in ("num_sentences", "target_repeats"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 <= self.label_smoothing_factor < 1:
            raise ValueError(f"label_smoothing_factor must be from 0 to below 1, got {self.label_smoothing_factor}")
        if not 0 < self.source_epochs < float("inf"):
            raise ValueError(f"source_epochs must be more than 0, got {self.source_epochs}")
        rate = self.encoder_learning_rate
        if rate is not None and not 0 <= rate < float("inf"):
            raise ValueError(f"encoder_learning_rate must be a number of at least 0, got {rate}")
        if rate is not None and self.tagger in WORD_TAGGERS:
            raise ValueError(f"encoder_learning_rate is for taggers over an encoder, not {self.tagger}")

    @property
    def tells_domains(self) -> bool:
        """Whether this is joint training of a tagger that tells source from target."""
        return self.setting == "joint" and self.tagger in DOMAIN_TAGGERS

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages that the setting trains, in their order.

        Source: Liu et al. (2021), section 4; main.py of the released code.
        """
        if self.tells_domains:
            return (joint_stage(self.tagger, self.adaptation, self.repeats(), tuple(self.raw_text())),)
        if self.setting == "joint":
            return (Stage((Stream("source"), Stream("target", repeats=self.repeats())), "target"),)
        target = Stage((Stream("target"),), "target")
        if self.setting == "direct":
            return (target,)
        source = Stage((Stream("source"),), self.source_head, epochs=self.source_epochs)
        return source, target._replace(optimizer=self.source_optimizer)

    def tagger_choice(self) -> TaggerChoice:
        return TaggerChoice(
            self.tagger,
            self.vocabulary,
            self.char_vectors,
            self.config_overrides,
            self.head,
            self.adaptation if self.tells_domains else "",
        )

    def few_shot(self) -> FewShot | None:
        """Return the choice of sentences for few-shot training; None for all."""
        seed = self.seed if self.few_shot_seed is None else self.few_shot_seed
        return FewShot(self.num_sentences, self.few_shot_draw, seed) if self.num_sentences else None

    def source_settings(self) -> dict[str, Any]:
        """Return how the setting uses the source, for the record."""
        if self.setting == "joint":
            return {"target_repeats": self.repeats()}
        return {"head": self.source_head, "epochs": self.source_epochs, "optimizer": self.source_optimizer}

    def repeats(self) -> int:
        """Return how often joint training draws a target sentence for each draw of a source sentence."""
        return self.target_repeats or (ENCODER_REPEATS if self.tagger in ENCODER_TAGGERS else LSTM_REPEATS)
