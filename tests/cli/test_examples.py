"""Every command's help has an example, and the example works."""

import inspect
import shlex

import pytest

from lasermesh.cli import cli

COMMANDS = {"": cli} | {name: cli.get_command(None, name) for name in cli.list_commands(None)}
TOO_SLOW_AS_PLAIN_PYTHON = {"attach", "run", "bench", "compare", "throughput"}


def examples_of(command):
    """The command lines below "Example:" in a command's help."""
    _, _, below = inspect.cleandoc(command.help).partition("Example:\n")
    lines = (line.strip().removeprefix("$ ") for line in below.splitlines())
    return [line for line in lines if line.startswith("lasermesh ")]


def all_examples():
    return [
        pytest.param(
            line, marks=pytest.mark.compiled_only if name in TOO_SLOW_AS_PLAIN_PYTHON else (), id=line
        )
        for name, command in COMMANDS.items()
        for line in examples_of(command)
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_has_an_example(name):
    assert examples_of(COMMANDS[name])


@pytest.mark.parametrize("line", all_examples())
def test_the_example_in_the_help_text_works(run_command, line):
    done = run_command(*shlex.split(line)[1:])
    assert done.code == 0, done.err
    assert done.out
