"""What the commands share: options, JSON, completion of names, tables in plain text."""

import json
import math
import sys

import click

from lasermesh import shipped
from lasermesh.cli.terminal import styled


def json_text(value) -> str:
    """One line of strict JSON: numpy values as plain numbers and lists, NaN and infinity as null."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(_plain(value), allow_nan=False)


def _plain(value):
    """The same value made of dicts, lists, strings, finite numbers and None only."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(value):
    """Print one JSON object on stdout."""
    click.echo(json_text(value))


def warn(message):
    """Print a warning on stderr."""
    click.echo(f"{styled('warning:', sys.stderr, fg='yellow')} {message}", err=True)


def load_and_warn(topology, sets):
    """The topology that a command was given; its warnings are printed."""
    from lasermesh.scenario import load_topology

    loaded = load_topology(topology, sets)
    for warning in loaded.warnings:
        warn(warning)
    return loaded


def _options(texts):
    """The options of a policy, by key, from what stands behind each --option."""
    options = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise click.BadParameter(f"must be KEY=VALUE (got {json.dumps(text)})")
        if key in options:
            raise click.BadParameter(f"{key} is given twice")
        from lasermesh.scenario.options import value_of

        options[key] = value_of(value)
    return options


def print_table(rows):
    """Print rows of strings on stdout, columns aligned to the left and two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_memory(memory):
    """Print from when on rules with a memory were followed, where there are any."""
    if memory is not None:
        from lasermesh.experiments.remembering import describe_memory

        click.echo(describe_memory(memory))


class ShippedName(click.ParamType):
    """A shipped name or the path of a file; the shell completes both."""

    name = "file"

    def __init__(self, *list_names):
        self._list_names = list_names

    def convert(self, value, param, ctx):
        """The name as it was given; an empty one, which would mean the folder one is in, is refused."""
        if not value.strip():
            self.fail("the name is empty; give a shipped name or the path of a file", param, ctx)
        return value

    def shell_complete(self, ctx, param, incomplete):
        """Shipped names that begin with what was typed, then files."""
        from click.shell_completion import CompletionItem

        names = [name for list_names in self._list_names for name in list_names()]
        found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return [*found, CompletionItem(incomplete, type="file")]


TOPOLOGY = ShippedName(shipped.list_topologies)
EXPERIMENT = ShippedName(shipped.list_experiments)
SCENARIO = ShippedName(shipped.list_topologies, shipped.list_experiments)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


def quiet_option(silenced):
    """The option `--quiet` of a command that tells how far it is; the help says what is not printed then."""
    return click.option("-q", "--quiet", is_flag=True, help=f"{silenced}; warnings and errors stay.")


set_option = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value of the file, e.g. topology.step_s=0.1; may be repeated.",
)
option_option = click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    callback=lambda ctx, param, texts: _options(texts),
    help="An option of the routing policy; may be repeated. `lasermesh policies` lists them.",
)
warm_up_option = click.option(
    "--warm-up",
    "warm_up",
    type=float,
    metavar="S",
    help="Follow link rules with a memory for S seconds before the first instant, instead of from t = 0.",
)
