"""`crossner-hf train`: every option lands in the arguments, presets give way, errors are one sentence."""

import json
import re
import shlex
import signal

import pytest

from crossner_hf.cli import main
from crossner_hf.concepts.types_in_words import tag
from crossner_hf.finetuning import fine_tune as fine_tuning
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.presets import PRESETS
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import RunRecord

TASK = ["train", "--domain", "zoo", "--model", "encoder", "--output", "out"]


@pytest.fixture
def parsed(monkeypatch, tmp_path):
    """Runs `train` with a stand-in for `fine_tune`; gives the arguments and the keywords it was called with."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def stand_in(domain, model, args, **more):
        calls.append((args, {"domain": domain, "model": model, **more}))
        score = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
        scores = {name: {"overall": score, "per_type": {"animal": score}} for name in DEFAULT_CONVENTIONS}
        about = {"domain": "zoo", "entity_types": ["animal"], "encoder": {"name": "encoder"}, "seed": args.seed}
        return RunRecord.new(**about, epochs=3.0, scores={"validation": scores})

    monkeypatch.setattr(fine_tuning, "fine_tune", stand_in)

    def run(*options: str):
        assert main([*TASK, *options]) == 0
        return calls[-1]

    return run


def test_options_of_transformers_and_our_own_land_in_the_arguments(parsed):
    args, more = parsed()
    assert args.to_dict() == FineTuningArguments(output_dir="out").to_dict()
    assert more == {"domain": "zoo", "model": "encoder", "data_dir": None, "resume": False}
    args, more = parsed(
        *shlex.split("--weight_decay 0.1 --gradient-accumulation-steps 2 --warmup_steps 7 --optim sgd"),
        *shlex.split("--no-length-grouped-batches --max-length 100 --seed 666 --use-cpu --bf16 false"),
        *shlex.split("--early-stopping-patience=3 --num-train-epochs 2.5"),
        *shlex.split("--no-test --resume --random-weights --no-verify --data-dir files"),
    )
    assert (args.weight_decay, args.gradient_accumulation_steps, args.warmup_steps) == (0.1, 2, 7)
    assert (args.optim, args.length_grouped_batches, args.max_length, args.seed) == ("sgd", False, 100, 666)
    assert (args.use_cpu, args.early_stopping_patience, args.num_train_epochs) == (True, 3, 2.5)
    assert (args.test, args.verify, args.random_weights) == (False, False, True)
    assert more == {"domain": "zoo", "model": "encoder", "data_dir": "files", "resume": True}


@pytest.mark.parametrize("preset", [["--preset", "small"], ["--preset=small"]])
def test_a_preset_sets_only_what_the_user_did_not(parsed, preset):
    small = PRESETS["small"]
    args, _ = parsed(*preset)
    assert {name: getattr(args, name) for name in small} == small
    for order in ([*preset, "--learning-rate", "5e-5"], ["--learning-rate", "5e-5", *preset]):
        args, _ = parsed(*order)
        assert args.learning_rate == 5e-5  # also where it is what the published recipe has
        assert args.num_train_epochs == small["num_train_epochs"]
    args, _ = parsed("--preset", "published")
    assert args.learning_rate == 5e-5


def test_the_last_epoch_is_named_where_no_dev_scoring_chose(parsed, capsys):
    parsed()
    printed = capsys.readouterr().out
    assert "zoo/validation, epoch 3 of 3, seed 555" in printed
    assert "This is no CrossNER score" in printed


def test_help_has_the_task_first_then_our_arguments_then_those_of_transformers(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: crossner-hf train --domain DOMAIN --model MODEL --output FOLDER")
    places = [printed.index(f"\n  {name} ") for name in ("--domain", "--model", "--output", "--preset")]
    ours = [f"\n  --{name} " for name in ("learning-rate", "seed", "length-grouped-batches", "early-stopping-patience")]
    places += [printed.index(name) for name in (*ours[:2], *ours[2:], "\n  --max-steps ", "\n  --warmup-steps ")]
    assert places == sorted(places)
    assert "Adam's learning rate. (default: 5e-05)" in re.sub(r"\s+", " ", printed)
    assert "examples:" in printed
    listed = set(re.findall(r"^  --([\w-]+)", printed, flags=re.MULTILINE))
    ours = {name.replace("_", "-") for name, f in FineTuningArguments.__dataclass_fields__.items() if f.init}
    assert ours - listed == {"output-dir"}


def test_a_users_error_is_one_line_and_status_2(user_error, zoo, tiny_model, tmp_path):
    output = ["--output", str(tmp_path / "out")]
    right = ["train", "--domain", str(zoo), "--model", tiny_model(), *output]
    assert "unknown option --learning-rat;" in user_error(*right, "--learning-rat", "1")
    assert "the following arguments are required: --output, --domain, --model" in user_error("train")
    assert "argument --preset: invalid choice: 'tiny'" in user_error(*right, "--preset", "tiny")
    assert "argument --seed: invalid int value: 'x'" in user_error(*right, "--seed", "x")
    assert "metric_for_best_model must be one of" in user_error(*right, "--metric-for-best-model", "f1")
    assert "max_length must be at least 4 tokens" in user_error(*right, "--max-length", "2")
    printed = user_error("train", "--domain", "musik", "--model", tiny_model(), *output)
    assert "unknown domain 'musik'; did you mean music" in printed
    for name in (str(tmp_path / "nowhere"), "someone/nothing"):
        printed = user_error("train", "--domain", str(zoo), "--model", name, *output)
        assert (
            f"{name}: no model can be loaded from there; give a folder that save_pretrained wrote, or a Hub id"
            in printed
        )
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert "is not empty and holds no run to resume; choose another folder" in user_error(*right)


def test_ctrl_c_ends_with_130_and_says_how_to_resume(zoo, tiny_model, tmp_path, stop_at, user_error):
    folder = tmp_path / "run"
    arguments = ["train", "--domain", str(zoo), "--model", tiny_model(), "--output", str(folder), "--use-cpu"]
    arguments += shlex.split("--early-stopping-patience 0 --num-train-epochs 400 --learning-rate 1e-3")
    printed = stop_at(folder, "checkpoint-*", signal.SIGINT, "-m", "crossner_hf", *arguments)
    assert f"stopped; the same command with --resume resumes ({folder})" in printed
    assert "Traceback" not in printed
    assert {path.name.split("-")[0] for path in folder.iterdir()} == {"run.json", "checkpoint"}
    assert "holds this same run, already begun; add --resume" in user_error(*arguments)
    assert "arguments.num_train_epochs was 400" in user_error(*arguments, "--num-train-epochs", "2", "--resume")


def test_a_run_prints_its_scores_and_leaves_a_tagger(zoo, tiny_model, tmp_path, capsys):
    folder = tmp_path / "run"
    arguments = ["train", "--domain", str(zoo), "--model", tiny_model(), "--output", str(folder), "--use-cpu"]
    arguments += shlex.split("--num-train-epochs 6 --learning-rate 4e-3 --per-device-train-batch-size 4")
    assert main(arguments) == 0
    printed = capsys.readouterr()
    record = read_record(folder / "record.json")
    f1 = 100 * record.scores["test"]["conlleval"].overall.f1
    assert "zoo/validation, epoch " in printed.out
    assert re.search(rf"zoo/test, epoch .*all \(conlleval\) .* {f1:.2f} ", printed.out, flags=re.DOTALL)
    assert "This is no CrossNER score" in printed.out
    assert printed.err.count("dev F1") == 6
    assert f"crossner-hf predict --model {folder} TEXTFILE" in printed.out
    assert tag("The fox saw Paris.", model=str(folder)) is not None
    assert main([*arguments, "--resume"]) == 0
    assert capsys.readouterr().out == printed.out
    assert json.loads((folder / "run.json").read_text())["domain"] == "zoo"


def test_the_next_command_can_be_pasted_where_the_folder_has_a_space(parsed, capsys):
    parsed("--output", "my runs/a")
    assert "(crossner-hf predict --model 'my runs/a' TEXTFILE)" in capsys.readouterr().out
