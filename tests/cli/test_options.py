"""Options of all commands: one spelling is shown, two are taken, none may be abbreviated."""

import re
import signal
import sys

import pytest

from crossner_hf.cli import main
from crossner_hf.cli.options import CommandParser, kebab_case, signals_as_ctrl_c
from crossner_hf.cli.run_options import run_parser
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.results.environment import command_line

COMMANDS = ["train", "dapt", "evaluate", "predict", "overlap", "demo", "data show", "data export"]
COMMANDS += ["push dataset", "push model", "push results", "experiment run", "experiment report"]


def test_options_are_taken_in_kebab_and_in_snake_case():
    parser = CommandParser()
    parser.add_argument("--data-dir")
    parser.add_argument("file", nargs="*")
    for option in (["--data-dir", "a_b"], ["--data_dir", "a_b"], ["--data_dir=a_b"]):
        assert parser.parse_args(option).data_dir == "a_b"
    assert parser.parse_args(["--", "--data_dir"]).file == ["--data_dir"]
    assert kebab_case(["--a_b=c_d", "-x_y", "e_f", "--", "--g_h"]) == ["--a-b=c_d", "-x_y", "e_f", "--", "--g_h"]


def test_options_of_subcommands_are_taken_in_snake_case_and_not_abbreviated(capsys):
    parser = CommandParser()
    parser.add_subparsers(dest="what").add_parser("run").add_argument("--data-dir")
    assert parser.parse_args(["run", "--data_dir", "x"]).data_dir == "x"
    with pytest.raises(SystemExit):
        parser.parse_args(["run", "--data", "x"])
    assert "unrecognized arguments: --data x" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_options_in_kebab_case(command, capsys):
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    options = re.findall(r"(?<![\w-])--[\w-]+", capsys.readouterr().out)
    assert [option for option in options if "_" in option and option != "--nproc_per_node"] == []


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_stops_no_command(monkeypatch, capsys, name):
    monkeypatch.setattr(sys, name, None)
    assert main(["data", "show", "sample_music"]) == 0
    with pytest.raises(SystemExit, match="2"):
        main(["data", "show", "--no-such-option"])
    assert (capsys.readouterr().out == "") == (name == "stdout")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["train --domain music", "dapt --corpus a.txt"])
def test_a_signal_to_end_does_what_ctrl_c_does(monkeypatch, capsys, command, number):
    def run(*args, **kwargs):
        signal.raise_signal(number)

    module = "finetuning.fine_tune.fine_tune" if command.startswith("train") else "pretraining.dapt.dapt"
    monkeypatch.setattr(f"crossner_hf.{module}", run)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert main([*command.split(), "--model", "encoder", "--output", "out"]) == 130
        assert capsys.readouterr().err == "\nstopped; the same command with --resume resumes (out)\n"
        assert signal.getsignal(number) == signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN)  # as nohup does
        with signals_as_ctrl_c():
            assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("hub_token", [["--hub-token", "swordfish"], ["--hub_token=swordfish"]])
def test_the_recorded_command_has_the_options_without_secrets(hub_token, monkeypatch):
    monkeypatch.setenv("CROSSNER_HF_COMMAND", "")
    parser, task = run_parser(FineTuningArguments, "train")
    task.add_argument("--model")
    own = ["--model", "https://ann:swordfish@host/m?token=swordfish", "--output", "/home/ann/my run", "--seed", "555"]
    parser.parse_args([*own, *hub_token, "--no-test", "--run-name", "hf_swordfish", "--max_length=9"])
    assert command_line() == (
        "crossner-hf train --output 'my run' --run-name HIDDEN --max-length 9 --test False "
        "--model 'https://HIDDEN@host/m?HIDDEN'"
    )


def test_the_recorded_command_has_positional_arguments_and_lists_without_folders(monkeypatch):
    monkeypatch.setenv("CROSSNER_HF_COMMAND", "")
    parser = CommandParser(prog="crossner-hf overlap")
    parser.add_argument("--api-key")
    parser.add_argument("--names", nargs="+")
    parser.add_argument("streams", nargs="*")
    parser.parse_args(["a=/texts/b c", "/texts/d", "--api-key", "k", "--names", "e", "f"])
    assert command_line() == "crossner-hf overlap 'a=b c' d --names e f"
