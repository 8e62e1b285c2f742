"""`lasermesh check-policy`: whether routing policies do what they declare."""

import click

from lasermesh.cli.common import TOPOLOGY, json_option, option_option, print_json, print_table, warn

EXIT_DOES_NOT_CONFORM = 1


@click.command(name="check-policy")
@click.argument("policies", metavar="POLICY...", nargs=-1, required=True)
@click.option(
    "--topology",
    "topologies",
    multiple=True,
    type=TOPOLOGY,
    default=("walker-144",),
    metavar="NAME",
    help="Besides random graphs, try them on this topology at four instants (walker-144); may be repeated.",
)
@option_option
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="N",
    help="Of the random graphs, of the pairs of nodes and of what a policy draws (0).",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(0.0, min_open=True),
    default=60.0,
    metavar="S",
    help="Longest time of one call of a policy that is not built in, in s (60).",
)
@json_option
@click.pass_context
def command(ctx, policies, topologies, options, seed, time_limit_s, as_json):
    """Try out routing policies on many networks and compare their paths.

    A POLICY is a name or a function of yours as file.py:function. What is checked: well-formed tables, what
    the policy declares (loop-free, complete), that it returns the same table when it is asked once more, and
    that it leaves what it is handed as it is. Stretch is a path's delay over the shortest one's. The exit
    code is 1 if a policy does not conform.

    \b
    Example:
      lasermesh check-policy shortest-delay fewest-hops --seed 1
    """
    if options and len(policies) > 1:
        raise click.UsageError("--option goes with one POLICY; give several of them without")
    from lasermesh.experiments.conformance import check_policy

    result = check_policy(
        *policies,
        topologies=topologies,
        options=options,
        seed=seed,
        time_limit_s=time_limit_s,
        warn=warn,
    )
    if as_json:
        print_json(result)
    else:
        _print(result)
    if not result["conforms"]:
        ctx.exit(EXIT_DOES_NOT_CONFORM)


def _print(result):
    """Print the checks of each policy, and one table of their stretch."""
    for entry in result["policies"]:
        verdict = "conforms" if entry["conforms"] else "DOES NOT CONFORM"
        click.echo(f"{entry['policy']}: {verdict}")
        for check in entry["checks"]:
            message = f"  {check['message']}" if check["message"] else ""
            click.echo(f"  {check['name']:<14}{check['outcome']:<12}{message}".rstrip())
    click.echo()
    pairs = result["pairs_compared"]
    which = "it delivers" if len(result["policies"]) == 1 else "all of them deliver"
    click.echo(f"Stretch over the shortest delay, of the {pairs} pairs that {which}:")
    rows = [("policy", "mean", "p95", "max", "not delivered", "without a path", "slowest call")]
    for entry in result["policies"]:
        stretch = entry["stretch"] or dict.fromkeys(("mean", "p95", "max"))
        numbers = ("-" if value is None else f"{value:.4f}" for value in stretch.values())
        lost = f"{entry['not_delivered_pairs']} of {entry['reachable_pairs']}"
        slowest_ms = entry["slowest_call_ms"]
        slowest = f"{slowest_ms:,.0f} ms" if slowest_ms >= 100.0 else f"{slowest_ms:.3g} ms"
        rows.append((entry["policy"], *numbers, lost, str(entry["unreachable_pairs"]), slowest))
    print_table(rows)
