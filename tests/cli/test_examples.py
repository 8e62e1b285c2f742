"""Every command's help has an example, and the example works."""

import inspect
import shlex
import shutil

import pytest

from lasermesh.cli import cli
from lasermesh.experiments.running import run
from tests.live.live_mesh import somebody
from tests.live.people import mesh_of, person


def with_subcommands(name, command):
    """The command by its name, and those below it by both names."""
    below = getattr(command, "commands", {})
    return {name: command} | {f"{name} {each}": below[each] for each in below}


COMMANDS = {"": cli}
for name in cli.list_commands(None):
    COMMANDS |= with_subcommands(name, cli.get_command(None, name))
BUNDLES = "created_s,from,to,bytes\n0,1,5,3000\n"
"""What an example finds as bundles.csv."""
NEEDS_A_RUN = {"plot", "report", "trace", "view"}
NEEDS_A_MESH = {"exec"}
NEEDS_NAMESPACES = {"live"}
TOO_SLOW_AS_PLAIN_PYTHON = (
    NEEDS_A_RUN | NEEDS_NAMESPACES | {"attach", "run", "bench", "compare", "throughput"}
)


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


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder with what examples find as runs/quick: the shipped experiment, cut to its busiest tenths."""
    folder = tmp_path_factory.mktemp("runs")
    burst = ("flows.rush.start_s=0.1", "flows.rush.stop_s=0.11", "observe.trace_flows=rush/Delhi>London")
    run("quick", ("start_s=6.8", "duration_s=0.5", "observe.links_every_s=0.1", *burst), folder / "quick")
    return folder


@pytest.fixture(scope="module")
def user_of_a_mesh():
    """Somebody whose mesh with the host tokyo runs, though it carries nothing."""
    with person("root") as who, mesh_of(who, "sleep", "1000"):
        yield who


@pytest.mark.parametrize("line", all_examples())
def test_the_example_in_the_help_text_works(run_command, tmp_path, request, line):
    (tmp_path / "bundles.csv").write_text(BUNDLES)
    if line.split()[1] in NEEDS_A_MESH:
        done = request.getfixturevalue("user_of_a_mesh").run("-m", *shlex.split(line))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
        return
    if line.split()[1] in NEEDS_NAMESPACES:
        with somebody("root") as who:
            done = who.run("-m", *shlex.split(line), timeout_s=60)
        assert done.returncode == 0 or "Error: the run is INVALID" in done.stderr, done.stderr
        assert done.stdout
        return
    if line.split()[1] in NEEDS_A_RUN:
        shutil.copytree(request.getfixturevalue("runs"), tmp_path / "runs")
    done = run_command(*shlex.split(line)[1:])
    assert done.code == 0, done.err
    assert done.out
