"""crossner-hf experiment."""

import importlib
from collections.abc import Sequence

COMMANDS = {
    "run": ("experiment_run", "run a grid of fine-tunings, on this machine or on a cluster"),
    "report": ("experiment_report", "tables, curves and one HTML page from the records of runs"),
}

HELP = (
    "usage: crossner-hf experiment COMMAND …    (crossner-hf experiment COMMAND --help describes each)\n\n"
    + "".join(f"  {name:<12}{text}\n" for name, (_, text) in COMMANDS.items())
)


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if argv[0] not in COMMANDS:
        raise ValueError(f"unknown command {argv[0]!r}; known are {', '.join(COMMANDS)}")
    return importlib.import_module(f"crossner_hf.cli.{COMMANDS[argv[0]][0]}").main(argv[1:])
