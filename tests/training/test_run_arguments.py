"""Fields of TrainingArguments: those that would fail late, or have no effect, are refused when arguments are made."""

import pytest
from transformers import TrainingArguments

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.training.run_arguments import REFUSED

BOTH = (FineTuningArguments, DaptArguments)


@pytest.mark.parametrize("arguments", BOTH)
def test_refused_fields_are_fields_and_each_has_a_reason(arguments):
    assert arguments.refused.keys() > REFUSED.keys()
    assert arguments.refused.keys() <= TrainingArguments.__dataclass_fields__.keys()
    for name, reason in arguments.refused.items():
        with pytest.raises(ValueError, match=f"^{name} cannot be set: ") as error:
            arguments(**{name: "any"})
        assert str(error.value).endswith(reason)


@pytest.mark.parametrize("arguments", BOTH)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"report_to": "aim"}, "report_to: aim is not installed or not known"),
        ({"log_level": "loud"}, "log_level must be one of .*, got 'loud'"),
        ({"dataloader_persistent_workers": True}, "needs dataloader_num_workers of at least 1"),
        ({"accelerator_config": {"x": 1}}, "arguments of the training: .*unexpected keyword argument 'x'"),
        ({"lr_scheduler_type": "warmup_stable_decay"}, "lr_scheduler_type=warmup_stable_decay with .*num_decay_steps"),
        ({"optim": "lomo"}, "optim=lomo cannot be used: You need to install `lomo_optim`"),
        ({"optim": "adamw_bnb_8bit"}, "optim=adamw_bnb_8bit cannot be used: .*bitsandbytes"),
        ({"adam_beta1": 2.0}, "optim=adamw_torch.* cannot be used: Invalid beta parameter at index 0: 2.0"),
        ({"weight_decay": -1.0}, "cannot be used: Invalid weight_decay value: -1.0"),
        ({"use_liger_kernel": True}, "use_liger_kernel: liger-kernel is not installed"),
        ({"torch_compile_backend": "fast"}, "torch_compile_backend=fast is not known to torch"),
        ({"torch_compile_mode": "fast"}, "torch_compile_mode=fast is not known to torch"),
        ({"lr_scheduler_type": "linear", "lr_scheduler_kwargs": {"x": 1}}, r"with lr_scheduler_kwargs=\{'x': 1\}: "),
    ],
)
def test_values_with_which_the_trainer_would_fail_late_are_refused(arguments, values, message):
    with pytest.raises(ValueError, match=message):
        arguments(**values)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (FineTuningArguments, {"dataloader_drop_last": True}),
        (FineTuningArguments, {"prediction_loss_only": True}),
        (FineTuningArguments, {"label_smoothing_factor": 2.0}),
        (DaptArguments, {"save_strategy": "best"}),
        (DaptArguments, {"lr_scheduler_type": "reduce_lr_on_plateau"}),
        (DaptArguments, {"metric_for_best_model": "loss"}),
    ],
)
def test_what_only_one_kind_of_training_cannot_take_is_refused_there(arguments, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        arguments(**values)


@pytest.mark.parametrize("library", ["FSDP", "DEEPSPEED"])
def test_sharded_training_is_refused_also_where_accelerate_switches_it_on(monkeypatch, library):
    monkeypatch.setenv(f"ACCELERATE_USE_{library}", "true")
    with pytest.raises(ValueError, match=f"{library} is switched on by `accelerate launch`, but runs are data-paral"):
        FineTuningArguments(use_cpu=True)


def test_bf16_trains_on_the_processor_where_there_is_no_accelerator(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    args = FineTuningArguments(bf16=True)
    assert (args.use_cpu, args.device.type) == (True, "cpu")


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ValueError, match="torch_compile needs a C"):
        FineTuningArguments(torch_compile=True)


def test_a_schedule_with_its_arguments_is_taken():
    args = FineTuningArguments(lr_scheduler_type="cosine_with_min_lr", lr_scheduler_kwargs={"min_lr": 1e-6})
    assert args.lr_scheduler_kwargs == {"min_lr": 1e-6}
