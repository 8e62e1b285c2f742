"""`lasermesh explain`: why there is or is no link."""

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


@click.command(name="explain")
@click.argument("topology", type=TOPOLOGY)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B", required=False)
@click.option("--at", default=0.0, metavar="S", help="The instant, in s since the topology's epoch (0).")
@click.option("--all", "every", is_flag=True, help="Without B: every node with which a rule might link A.")
@warm_up_option
@set_option
@json_option
def command(topology, first, second, at, every, warm_up, sets, as_json):
    """Why there is or is no link between two nodes at an instant.

    Shows the geometry, each condition with its limit, the terminals of both, and which rule made the link or
    what refused it. Nodes are named as in the topology, or by their row as #17.

    \b
    Example:
      lasermesh explain walker-144 w-00-00 w-01-00 --at 60
      lasermesh explain walker-144 Tokyo --all
    """
    if every and second is not None:
        raise click.UsageError("give B or --all, not both")
    if not every and second is None:
        raise click.UsageError("give the names of two nodes, A and B, or A and --all")
    from lasermesh.experiments.explaining import describe_link, explain, explain_all, list_candidates

    loaded = load_and_warn(topology, sets)
    if every:
        result = explain_all(loaded, first, at, warm_up, warn)
    else:
        result = explain(loaded, first, second, at, warm_up, warn)
    if as_json:
        print_json(result)
        return
    ends = result["node"] if every else f"{result['from']} and {result['to']}"
    click.echo(f"{ends} at t = {at:.12g} s, {result['utc']}")
    if every:
        print_table(list_candidates(result))
    else:
        _print_sections(describe_link(result))
    if result["memory"] is not None:
        click.echo()
    print_memory(result["memory"])


def _print_sections(sections):
    """Print tables one after the other, an empty line between."""
    for rows in sections:
        click.echo()
        print_table(rows)
