"""The command line: one module per command, imported when the command is asked for.

`lasermesh --help` must answer at once, so the line of help that the overview shows for each command stands
here, and nothing but click is imported before a command is known.
"""

import importlib
import importlib.util
import io
import os
import re
import sys
from difflib import get_close_matches

import click

from lasermesh import __version__
from lasermesh.cli.terminal import styled
from lasermesh.errors import Interrupted, RunFailed, UserError

COMMANDS = {
    "run": "Run an experiment, print its summary, keep its results in a folder.",
    "live": "Run real applications over the mesh of an experiment, in real time.",
    "compare": "Run an experiment with varied values and seeds, tell what differs.",
    "path": "Path, round-trip time and hops between two nodes over time.",
    "throughput": "How much a network carries, beside the most that any routing could.",
    "trace": "One packet's life, hop by hop, out of a run that followed it.",
    "plot": "Draw a run: latency, links, queues, contacts, a map, comparisons, as PNG, SVG or PDF.",
    "view": "A run or a topology on a globe, as one page that needs no network, or as CZML for Cesium.",
    "report": "One self-contained page about a run: figures, plots, losses, how to repeat it.",
    "graph": "The link graph at one instant.",
    "contacts": "The contact plan: who can send to whom, from when to when.",
    "exec": "Run a command in a host of a running live mesh.",
    "doctor": "What this machine allows of live mode, and what would help.",
    "dtn": "Store and forward: contact-graph routing over contact plans.",
    "attach": "How well guests of a mesh are connected, by choice and time to acquire.",
    "explain": "Why there is or is no link between two nodes at an instant, and why this route.",
    "topologies": "List the shipped topologies, experiments, sites and contact plans, or print one.",
    "check": "Check a topology or experiment file and report every problem.",
    "policies": "List the routing policies, or show the options of one.",
    "check-policy": "Try out routing policies on many networks and compare their paths.",
    "docs": "Read the documentation: the list of topics, or one of them.",
    "bench": "Measure how fast this machine runs lasermesh.",
    "completion": "Print the script that completes commands in your shell.",
}
"""Name of each command and its one line of help; it is `command` in lasermesh/cli/NAME.py, with _ for -."""

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def _module_of(name):
    """The module of a command."""
    return f"lasermesh.cli.{name.replace('-', '_')}"


class LazyGroup(click.Group):
    """A click group that imports the module of a command only when that command is used."""

    def list_commands(self, ctx):
        """Names of the commands whose module exists, in the order of the overview."""
        return [name for name in COMMANDS if importlib.util.find_spec(_module_of(name))]

    def get_command(self, ctx, cmd_name):
        """The command called `cmd_name`, None where there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(_module_of(cmd_name)).command

    def resolve_command(self, ctx, args):
        """Find the command that the arguments name; an unknown one is refused with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            ctx.fail(f'no command is named "{args[0]}"{hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx, formatter):
        """Write the overview from COMMANDS, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _print_version(ctx, param, asked):
    """Print the version and end."""
    if not asked or ctx.resilient_parsing:
        return
    if ctx.params.get("as_json"):
        from lasermesh.cli.common import print_json

        print_json({"version": __version__})
    else:
        click.echo(f"lasermesh {__version__}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
@click.option(  # eager, so that --version knows of it, whichever is written first
    "--json", "as_json", is_flag=True, is_eager=True, help="With --version: print one JSON object."
)
@click.option(
    "--version", is_flag=True, expose_value=False, callback=_print_version, help="Print the version and exit."
)
def cli(as_json):
    """Laser mesh networks of satellites, simulated packet by packet.

    Every command takes --json and then prints one object on stdout. `lasermesh COMMAND --help` shows an
    example of each; `lasermesh docs` lists what there is to read.

    \b
    Example:
      lasermesh topologies
    """
    if as_json:
        raise click.UsageError("--json stands behind the command, as in: lasermesh topologies --json")


def main(argv=None):
    """Run the command line; `argv` are the arguments after the program's name, by default those given to it.

    Returns
    -------
    exit_code : int
        0 done, 1 the run failed, 2 bad usage or file, 130 interrupted.
    """
    _fill_closed_streams()
    try:
        code = cli.main(argv, prog_name="lasermesh", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:  # what click makes of Ctrl-C
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except UserError as error:
        return _complain(error, EXIT_USAGE)
    except Interrupted as error:
        click.echo(str(error), err=True)
        return EXIT_INTERRUPTED
    except RunFailed as error:
        return _complain(error, EXIT_FAILED)
    except OSError as error:  # a disk that is full, a folder that cannot be written
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else error, EXIT_FAILED)
    # Without standalone mode click returns the code of ctx.exit(), or else what the command returned.
    return code if isinstance(code, int) else EXIT_DONE


def _fill_closed_streams():
    """Have what was closed when the program started (`>&-`) lead nowhere, and no file take its place."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)


def _complain(message, exit_code):
    """Say on stderr what went wrong, without a traceback; a list of problems carries its own heading."""
    text = str(message)
    click.echo(text if "\n" in text else f"{_heading()} {text}", err=True)
    return exit_code


def _show(error):
    """Print what click says of a wrong command on stderr, as it says it."""
    text = io.StringIO()
    error.show(text)
    click.echo(
        re.sub("^Error:", _heading(), text.getvalue(), count=1, flags=re.MULTILINE), nl=False, err=True
    )


def _heading():
    return styled("Error:", sys.stderr, fg="red")
