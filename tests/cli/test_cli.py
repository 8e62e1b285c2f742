"""The command line as a whole: help, errors, exit codes, JSON."""

import json
import subprocess
import sys

import click
import numpy as np
import pytest

from lasermesh import __version__
from lasermesh.cli import COMMANDS, cli, docs
from lasermesh.cli.common import json_text
from lasermesh.errors import Interrupted, RunFailed, UserError

NAMES = cli.list_commands(None)
HEAVY = {"numba", "scapy", "networkx", "pyarrow", "numpy", "sgp4", "matplotlib"}


def in_a_new_process(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from lasermesh.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = in_a_new_process("-c", script)
    assert done.stdout.startswith("Usage: lasermesh")
    assert not HEAVY & set(done.stderr.split())


def test_help_shows_every_command_that_there_is(run_command):
    out = run_command("--help").out
    assert [line.split()[0] for line in out.split("Commands:\n")[1].splitlines() if line[2] != " "] == NAMES


def test_a_command_without_a_module_is_absent(run_command, monkeypatch):
    monkeypatch.setitem(COMMANDS, "teleport", "Not built.")
    assert "teleport" not in run_command("--help").out
    assert run_command("teleport").code == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_overview_says_of_a_command_what_the_command_says_of_itself(name):
    command = cli.get_command(None, name)
    assert command.name == name
    assert command.help.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_json(name):
    command = cli.get_command(None, name)
    for each in getattr(command, "commands", {"": command}).values():
        assert "--json" in [option for parameter in each.params for option in parameter.opts]


def test_version(run_command):
    assert run_command("--version") == (0, f"lasermesh {__version__}\n", "")


def test_version_as_json(run_command):
    expected = (0, f'{{"version": "{__version__}"}}\n', "")
    assert run_command("--version", "--json") == run_command("--json", "--version") == expected


def test_json_before_the_command_is_refused_with_where_it_stands(run_command):
    done = run_command("--json", "topologies")
    assert (done.code, done.out) == (2, "")
    assert "--json stands behind the command, as in: lasermesh topologies --json" in done.err


@pytest.mark.parametrize("arguments", [["path", "", "a", "b"], ["graph", " "], ["run", ""], ["check", ""]])
def test_an_empty_name_is_refused_as_such(run_command, arguments):
    done = run_command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "the name is empty; give a shipped name or the path of a file" in done.err


def test_python_m_lasermesh_is_the_command():
    assert in_a_new_process("-m", "lasermesh", "--version").stdout == f"lasermesh {__version__}\n"


@pytest.mark.parametrize(("typed", "meant"), [("chek", "check"), ("topologys", "topologies")])
def test_an_unknown_command_is_refused_with_the_nearest_one(run_command, typed, meant):
    done = run_command(typed)
    assert (done.code, done.out) == (2, "")
    assert f'no command is named "{typed}"; did you mean "{meant}"?' in done.err


@pytest.mark.parametrize(
    "arguments", [["--no-such-option"], ["docs", "--no-such-option"], ["docs", "a", "b"]]
)
def test_bad_usage_ends_with_2_and_a_hint(run_command, arguments):
    done = run_command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Error: " in done.err and "--help" in done.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("the disk is full of holes"), 2, "Error: the disk is full of holes\n"),
        (UserError("a.toml: 1 problem\n  a.toml:3: x"), 2, "a.toml: 1 problem\n  a.toml:3: x\n"),
        (RunFailed("the sky fell"), 1, "Error: the sky fell\n"),
        (Interrupted("stopped at 3 s"), 130, "stopped at 3 s\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (
            OSError(28, "No space left on device", "runs/quick"),
            1,
            "Error: runs/quick: No space left on device\n",
        ),
        (click.exceptions.Exit(2), 2, ""),
    ],
)
def test_how_a_command_ended_is_an_exit_code_and_a_sentence(run_command, monkeypatch, error, code, message):
    def fail():
        raise error

    monkeypatch.setattr(docs, "topics", fail)
    assert run_command("docs") == (code, "", message)


def test_a_mistake_of_ours_shows_its_traceback(run_command, monkeypatch):
    monkeypatch.setattr(docs, "topics", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_command("docs")


@pytest.mark.parametrize("arguments", [["docs", "model"], ["--help"]])
def test_a_reader_that_goes_away_is_no_reason_to_complain(arguments):
    with subprocess.Popen(
        [sys.executable, "-m", "lasermesh", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_json_holds_no_nan_and_plain_numbers_only():
    value = {
        "a": np.float64("nan"),
        "b": (np.int32(3), float("inf")),
        "c": np.array([1.5, np.nan]),
        "d": None,
    }
    assert json.loads(json_text(value)) == {"a": None, "b": [3, None], "c": [1.5, None], "d": None}


def test_json_refuses_what_it_does_not_know():
    with pytest.raises(TypeError):
        json_text({"a": object()})
