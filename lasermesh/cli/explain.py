"""`lasermesh explain`: why there is or is no link, why this route."""

import click

from lasermesh.cli.common import (
    TOPOLOGY,
    json_option,
    load_and_warn,
    option_option,
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
@click.option(
    "--route/--no-route",
    default=None,
    help="Whether to explain the route from A to B too; absent: if there is no link, or a policy is given.",
)
@click.option(
    "--policy",
    metavar="P",
    help="Whose route: the name of a policy, or file.py:function (shortest-delay).",
)
@click.option(
    "--alternatives", default=3, metavar="K", help="How many other paths to tell, the best ones (3)."
)
@option_option
@warm_up_option
@set_option
@json_option
def command(topology, first, second, at, every, route, policy, alternatives, options, warm_up, sets, as_json):
    """Why there is or is no link between two nodes at an instant, and why this route.

    Shows the geometry, each condition with its limit, the terminals of both, and which rule made the link or
    what refused it. Nodes are named as in the topology, or by their row as #17.

    Of a route it shows the share of each link, the next best paths and what rules them out, and at ground
    sites the other satellites in sight and how long the path over each would be.

    \b
    Example:
      lasermesh explain walker-144 w-00-00 w-01-00 --at 60
      lasermesh explain walker-144 Tokyo --all
      lasermesh explain walker-144 Tokyo London --policy fewest-hops
    """
    if every and second is not None:
        raise click.UsageError("give B or --all, not both")
    if not every and second is None:
        raise click.UsageError("give the names of two nodes, A and B, or A and --all")
    if every and (route or policy is not None or options):
        raise click.UsageError("a route needs two nodes, A and B, not --all")
    from lasermesh.experiments.explaining import describe_link, explain, explain_all, list_candidates
    from lasermesh.experiments.route_explaining import describe_route

    loaded = load_and_warn(topology, sets)
    if every:
        result = explain_all(loaded, first, at, warm_up, warn)
    else:
        if policy is None:
            policy = "shortest-delay"
        elif route is None:
            route = True
        result = explain(loaded, first, second, at, warm_up, warn, route, policy, alternatives, options)
    if as_json:
        print_json(result)
        return
    ends = result["node"] if every else f"{result['from']} and {result['to']}"
    click.echo(f"{ends} at t = {at:.12g} s, {result['utc']}")
    if every:
        print_table(list_candidates(result))
    else:
        _print_sections(describe_link(result))
        if result["route"] is not None:
            _print_sections(describe_route(result["route"], alternatives))
    if result["memory"] is not None:
        click.echo()
    print_memory(result["memory"])


def _print_sections(sections):
    """Print tables one after the other, an empty line between."""
    for rows in sections:
        click.echo()
        print_table(rows)
