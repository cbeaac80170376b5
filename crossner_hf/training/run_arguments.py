"""What fine-tuning and pre-training add to transformers' TrainingArguments: checks, and which values are recorded."""

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from transformers import TrainingArguments


@dataclass
class RunArguments(TrainingArguments):
    """`TrainingArguments` that remember what the caller set, so that a run's folder can tell one run from another."""

    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the code that comes with the model; read it before you trust it."}
    )

    def __post_init__(self) -> None:
        if self.resume_from_checkpoint:
            raise ValueError("resume_from_checkpoint is not used: --resume, or resume=True, finds the last one")
        self._check_numbers()
        set_by_caller = {f.name for f in fields(self) if f.init and getattr(self, f.name) != _default(f)}
        super().__post_init__()
        if self.device.type == "cpu":
            self.dataloader_pin_memory = False  # means nothing without an accelerator, and torch warns of it each epoch
        self._set_by_caller, self._at_start = set_by_caller, self.to_dict()

    def _check_numbers(self) -> None:
        """Refuse values that torch and transformers would refuse late, or never."""
        if not str(self.output_dir).strip():
            raise ValueError("output_dir (--output) is empty; name a folder")
        for name in ("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be a number of at least 0, got {self.learning_rate}")
        if self.max_steps == 0 or (self.max_steps < 0 and not 0 < self.num_train_epochs < float("inf")):
            raise ValueError(
                f"nothing to train: num_train_epochs is {self.num_train_epochs} and max_steps {self.max_steps}; one of "
                "them must be more than 0"
            )
        if self.dataloader_num_workers < 0:
            raise ValueError(f"dataloader_num_workers must be at least 0, got {self.dataloader_num_workers}")


# Not among the recorded arguments: what changes neither the computation nor its result, and what a record states
# beside its arguments. A name stands for all names that begin with it.
_NOT_RECORDED = (
    *("output_dir", "log", "report_to", "run_name", "project", "trackio_", "disable_tqdm", "skip_memory_metrics"),
    *("include_num_input_tokens_seen", "save_total_limit", "save_on_each_node", "keep_checkpoints", "source_cache"),
    *("push_to_hub", "hub_", "local_rank"),
    *("dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor"),
    *("char_vectors", "gazetteer"),  # files; a record has their names or number of entries, and a checksum
    *("domain", "level", "random_weights", "test", "verify", "trust_remote_code"),
)
# In a record also at their defaults.
_RECIPE = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "num_train_epochs"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "early_stopping_patience", "max_length"),
    *("length_grouped_batches", "seed"),
    *("masking", "mlm_probability", "block_size", "percent", "max_tokens", "held_out", "held_out_tokens"),
)


def recorded_arguments(args: RunArguments) -> dict[str, Any]:
    """Return the arguments that define a run: those that differ from their defaults, and the recipe in any case.

    What transformers sets by itself, by the machine it runs on, is not among them.
    """

    def is_recorded(name: str, value: Any) -> bool:
        if name.startswith(_NOT_RECORDED):
            return False
        return name in _RECIPE or name in args._set_by_caller or value != args._at_start[name]

    return {name: value for name, value in args.to_dict().items() if is_recorded(name, value)}


def _default(argument: Field[Any]) -> Any:
    return argument.default if argument.default_factory is MISSING else argument.default_factory()
