"""The command line as a whole: which errors are the user's and which are faults of the package, and how they end."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from crossner_hf.cli import evaluate, main
from crossner_hf.results.environment import COMMAND


@pytest.fixture
def failing(monkeypatch, capsys):
    """Runs a command that raises an error; gives exit status and error output."""

    def run(error: BaseException) -> tuple[int, str]:
        def raising(argv):
            raise error

        monkeypatch.setattr(evaluate, "main", raising)
        return main(["evaluate"]), capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("seed must be\nat least 0"), "seed must be at least 0"),
        (OSError(errno.ENOENT, "No such file", "a.txt"), "[Errno 2] No such file: 'a.txt'"),
        (RuntimeError("Symlink loop from '/out'"), "Symlink loop from '/out'"),
        (RuntimeError("Could not determine home directory."), "Could not determine home directory."),
        (ImportError("pip install 'crossner-hf[cluster]'"), "pip install 'crossner-hf[cluster]'"),
        (MemoryError(), "out of memory (MemoryError); take smaller batches"),
    ],
)
def test_an_error_of_the_user_is_one_sentence_and_status_2(failing, error, message):
    status, printed = failing(error)
    assert status == 2
    assert printed.startswith("crossner-hf evaluate: error: ")
    assert message in printed
    assert "fault" not in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("target", ["out", "nowhere"])
def test_a_link_to_nowhere_as_output_is_named(failing, tmp_path, target):
    (tmp_path / "out").symlink_to(tmp_path / target)
    with pytest.raises(OSError) as raised:
        (tmp_path / "out").mkdir()
    status, printed = failing(raised.value)
    assert status == 2
    assert f"; this symbolic link leads to {tmp_path / target}, where nothing is: remove it, or" in printed


def test_without_a_home_it_says_which_variable_to_set(run_python):
    data = ("-m", "crossner_hf", "data", "stats", "sample_music")
    done = run_python(
        None, *data, status=2, HOME="/proc/none", HF_HOME="/proc/none/hf", HF_DATASETS_CACHE="/proc/none/hf"
    )
    assert "set HF_HOME to a folder that you may write to" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error", [KeyError(3), AttributeError("'X' has no 'y'"), RuntimeError("shapes\ndiffer"), AssertionError()]
)
def test_any_other_error_is_a_fault_of_the_package_and_status_70(failing, error):
    status, printed = failing(error)
    assert status == 70
    assert f"this is a fault of crossner-hf ({type(error).__name__}: " in printed
    assert "please report it with the command and its traceback, which CROSSNER_HF_TRACEBACK=1" in printed
    assert printed.count("\n") == 1


def test_the_traceback_is_shown_on_request(failing, monkeypatch):
    monkeypatch.setenv("CROSSNER_HF_TRACEBACK", "1")
    with pytest.raises(KeyError):
        failing(KeyError(3))


def test_the_command_is_forgotten_when_it_ends(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--model", "m"])
    assert COMMAND not in os.environ


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("arguments", ["--version", "data show sample_music", "data show --help"])
def test_output_that_nobody_reads_gives_the_status_of_sigpipe(arguments, child_environment):
    command = [sys.executable, "-m", "crossner_hf", *arguments.split()]
    done = subprocess.run(command, env=child_environment, stdout=closed_pipe(), stderr=subprocess.PIPE, check=False)
    assert done.returncode == 141
    assert b"rror" not in done.stderr
    done = subprocess.run(command, env=child_environment, stdout=closed_pipe(), stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_standard_output_is_one_sentence(child_environment):
    command = [sys.executable, "-m", "crossner_hf", "data", "show", "sample_music"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=child_environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "crossner-hf data: error: [Errno 28] No space left on device: 'standard output'; free"
    )
    assert done.stderr.count("\n") == 1


def test_a_broken_pipe_elsewhere_is_an_error(failing):
    status, printed = failing(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (status, printed) == (2, "crossner-hf evaluate: error: [Errno 32] Broken pipe\n")


def test_a_message_of_any_length_is_short_on_the_terminal(failing):
    status, printed = failing(ValueError(f"a.json: seed must be 1, got {'9' * 5_000}; choose another"))
    assert status == 2
    assert printed.startswith("crossner-hf evaluate: error: a.json: seed must be 1, got 999")
    assert printed.endswith("999; choose another\n")
    assert len(printed) < 1_100


def test_where_standard_error_is_closed_other_processes_have_one(child_environment):
    program = """
        import subprocess, sys
        from crossner_hf.cli import main
        main(["--version"])
        subprocess.run([sys.executable, "-c", "import sys; print(sys.stderr is None)"])
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=child_environment,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.close(2),
        check=True,
    )
    assert done.stdout.split()[-1] == b"False"
