"""Options of all commands: one spelling is shown, two are taken, none may be abbreviated."""

import re

import pytest

from crossner_hf.cli import main
from crossner_hf.cli.options import CommandParser, kebab_case

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
