"""`lasermesh graph`: who is linked to whom at one instant."""

import click

from lasermesh.cli.common import (
    TOPOLOGY,
    json_option,
    load_and_warn,
    print_json,
    print_memory,
    print_table,
    set_option,
    warm_up_option,
    warn,
)


@click.command(name="graph")
@click.argument("topology", type=TOPOLOGY)
@click.option("--at", default=0.0, metavar="S", help="The instant, in s since the topology's epoch (0).")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["text", "json", "graphml"]),
    default="text",
    help="A few numbers (text), or the whole graph.",
)
@warm_up_option
@set_option
@json_option
def command(topology, at, file_format, warm_up, sets, as_json):
    """The link graph at one instant.

    Links are directed: each direction counts as one. Positions are Earth-fixed, in km. GraphML is what
    networkx, Gephi and igraph read.

    \b
    Example:
      lasermesh graph walker-144 --at 60
      lasermesh graph walker-144 --format graphml
    """
    if as_json and file_format == "graphml":
        raise click.UsageError("give --json or --format graphml, not both")
    from lasermesh.experiments.graphs import graph_at

    loaded = load_and_warn(topology, sets)
    found = graph_at(loaded, at, warn, warm_up)
    if file_format == "graphml":
        click.echo(found.to_graphml())
    elif as_json or file_format == "json":
        print_json(found.to_dict())
    else:
        click.echo(found.heading())
        print_table(found.describe())
        print_memory(found.memory)
