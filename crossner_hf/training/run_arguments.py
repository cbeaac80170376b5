"""What fine-tuning and pre-training add to transformers' TrainingArguments: checks, and which values are recorded."""

import os
import shutil
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib.util import find_spec
from typing import Any

import torch
from transformers import TrainingArguments, get_scheduler
from transformers.integrations import get_available_reporting_integrations

_PUSH = "`crossner-hf push model` pushes a finished model with its card and code, with the token of `hf auth login`"
_DATA_PARALLEL = "runs are data-parallel (torchrun)"
# Fields of TrainingArguments that must keep their default in every run, and why.
REFUSED = {
    **dict.fromkeys(("push_to_hub", "hub_token", "hub_model_id", "hub_strategy", "hub_private_repo"), _PUSH),
    **dict.fromkeys(("hub_always_push", "hub_revision"), _PUSH),
    "resume_from_checkpoint": "--resume, or resume=True, finds the last one",
    "ignore_data_skip": "a resumed run would see other batches than an uninterrupted one",
    "enable_jit_checkpoint": "save_strategy says when checkpoints are written, and --resume resumes from the last one",
    "label_names": "the labels of every model here are called labels",
    "include_for_metrics": "the scores take predicted and gold labels alone",
    "batch_eval_metrics": "scores are computed on all sentences at once",
    "debug": "its checks do not work on boolean masks",
    **dict.fromkeys(("parallelism_config", "fsdp", "fsdp_config", "deepspeed"), _DATA_PARALLEL),
}


@dataclass
class RunArguments(TrainingArguments):
    """`TrainingArguments` that remember what the caller set, so that a run's folder can tell one run from another."""

    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the code that comes with the model; read it before you trust it."}
    )

    refused = REFUSED

    def __post_init__(self) -> None:
        for name, reason in self.refused.items():
            value, default = getattr(self, name), _default(self.__dataclass_fields__[name])
            if value != default and (value or default):  # the command line gives [] for ""
                raise ValueError(f"{name} cannot be set: {reason}")
        for library in ("FSDP", "DEEPSPEED"):
            if os.environ.get(f"ACCELERATE_USE_{library}", "").lower() in ("1", "true", "yes"):
                raise ValueError(f"{library} is switched on by `accelerate launch`, but {_DATA_PARALLEL}")
        self._check_values()
        set_by_caller = {f.name for f in fields(self) if f.init and getattr(self, f.name) != _default(f)}
        if self.bf16 and not torch.accelerator.is_available():
            self.use_cpu = True  # transformers refuses bf16 without it
        try:
            super().__post_init__()
        except (TypeError, KeyError, AttributeError) as error:  # of a nested value, such as accelerator_config
            raise ValueError(f"arguments of the training: {error}") from error
        self._check_libraries()
        if self.device.type == "cpu":
            self.dataloader_pin_memory = False  # means nothing without an accelerator, and torch warns of it each epoch
        self._set_by_caller, self._at_start = set_by_caller, self.to_dict()

    def _check_values(self) -> None:
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
        if self.dataloader_persistent_workers and not self.dataloader_num_workers:
            raise ValueError("dataloader_persistent_workers needs dataloader_num_workers of at least 1")
        for argument in fields(self):
            value, choices = getattr(self, argument.name), argument.metadata.get("choices")
            if choices and value is not None and value not in choices:
                raise ValueError(f"{argument.name} must be one of {', '.join(choices)}, got {value!r}")

    def _check_libraries(self) -> None:
        """Refuse values with which Trainer would fail after the data are prepared."""
        missing = [name for name in self.report_to if name not in get_available_reporting_integrations()]
        if missing:
            raise ValueError(f"report_to: {missing[0]} is not installed or not known; pip install it, or use none")
        if self.use_liger_kernel and find_spec("liger_kernel") is None:
            raise ValueError("use_liger_kernel: liger-kernel is not installed; pip install it, or leave this out")
        if self.torch_compile:
            self._check_compiler()
        self._check_optimizer()
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
        kwargs = self.lr_scheduler_kwargs
        try:
            get_scheduler(self.lr_scheduler_type, optimizer, 1, 1_000_000, scheduler_specific_kwargs=kwargs)
        except (TypeError, ValueError, AttributeError) as error:
            kind = getattr(self.lr_scheduler_type, "value", self.lr_scheduler_type)
            raise ValueError(f"lr_scheduler_type={kind} with lr_scheduler_kwargs={kwargs}: {error}") from error

    def _check_optimizer(self) -> None:
        from transformers import Trainer

        try:
            kind, values = Trainer.get_optimizer_cls_and_kwargs(self)
            if kind.__module__.startswith("torch.optim"):
                kind([torch.nn.Parameter(torch.zeros(1))], weight_decay=self.weight_decay, **values)
        except (ImportError, ValueError, TypeError) as error:
            name = getattr(self.optim, "value", self.optim)
            raise ValueError(f"optim={name} cannot be used: {error}") from error

    def _check_compiler(self) -> None:
        from torch._inductor import list_mode_options

        backend, mode = self.torch_compile_backend, self.torch_compile_mode
        if backend not in torch.compiler.list_backends(exclude_tags=()):
            raise ValueError(f"torch_compile_backend={backend} is not known to torch")
        if backend == "inductor" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++", "cl"))):
            raise ValueError("torch_compile needs a C++ compiler, such as g++; install one, or leave this out")
        if mode is not None and mode not in list_mode_options():
            raise ValueError(f"torch_compile_mode={mode} is not known to torch")


# Not among the recorded arguments: what changes neither the computation nor its result, and what a record states
# beside its arguments. A name stands for all names that begin with it.
_NOT_RECORDED = (
    *("output_dir", "log", "report_to", "run_name", "project", "trackio_", "disable_tqdm", "skip_memory_metrics"),
    *("include_num_input_tokens_seen", "save_total_limit", "save_on_each_node", "keep_checkpoints", "source_cache"),
    *("push_to_hub", "hub_", "local_rank"),
    *("dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor"),
    # Files; a record has their names or number of entries, and a checksum.
    *("char_vectors", "gazetteer", "source_text", "target_text", "source_types", "source_names"),
    *("ner_source", "ner_share", "mlm_text", "mlm_share"),  # a record says more of them
    *("domain", "level", "random_weights", "test", "verify", "trust_remote_code"),
)
# In a record also at their defaults.
_RECIPE = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "num_train_epochs"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "early_stopping_patience", "max_length"),
    *("length_grouped_batches", "seed"),
    *("masking", "mlm_probability", "block_size", "percent", "max_tokens", "held_out", "held_out_tokens"),
    *("dropout", "other_phrase", "masked_mentions", "outside_words", "unknown_names"),
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
