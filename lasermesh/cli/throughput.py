"""`lasermesh throughput`: how much a network carries."""

import click

from lasermesh.cli.common import (
    TOPOLOGY,
    json_option,
    option_option,
    print_json,
    quiet_option,
    set_option,
    warn,
)


def _loads(ctx, param, text):
    """The numbers of `--load 0.2,0.5,1`."""
    try:
        return tuple(float(part) for part in text.split(",")) if text is not None else ()
    except ValueError:
        raise click.BadParameter(
            f'must be numbers with commas between, as 0.2,0.5,1 (got "{text}")'
        ) from None


@click.command(name="throughput")
@click.argument("topology", type=TOPOLOGY)
@click.argument("from_name", metavar="FROM", required=False)
@click.argument("to_name", metavar="TO", required=False)
@click.option(
    "--pairs",
    metavar="FILE|all",
    help="Instead of FROM and TO: a CSV file with columns from,to[,rate_gbps], or every ground site to every "
    "other.",
)
@click.option(
    "--matrix",
    metavar="FILE|gravity",
    help="Instead of pairs: demands in proportion to a traffic matrix (CSV), or to the products of the "
    "populations of all ground sites.",
)
@click.option(
    "--policy", default="shortest-delay", metavar="P", help="Routing policy, or yours as file.py:function."
)
@click.option("--start", default=0.0, metavar="S", help="When traffic starts, in s since the epoch (0).")
@click.option("--duration", default=1.0, metavar="S", help="How long to measure, in s (1).")
@click.option(
    "--settle",
    type=float,
    metavar="S",
    help="Traffic before that, which is not counted; absent: a fifth of the duration, or until paths and "
    "queues are full.",
)
@click.option(
    "--rate-gbps",
    type=float,
    metavar="R",
    help="What each pair offers, of a matrix all pairs together; absent: more than sources can send.",
)
@click.option(
    "--packet-bytes",
    default=1500,
    metavar="B",
    help="Size of the largest packets (1500); sizes are half of it at least.",
)
@click.option(
    "--load",
    "loads",
    callback=_loads,
    metavar="L,...",
    help="One run for each: multiples of the rates given, or else of what fits at most in these proportions.",
)
@click.option(
    "--queue-bytes", type=int, metavar="B", help="Limit of each queue, at full rates; absent: 100 packets."
)
@click.option(
    "--scale",
    type=float,
    metavar="X",
    help="packets.scale: part of all rates that is simulated; absent: so that a run takes seconds.",
)
@click.option(
    "--bound",
    type=click.Choice(("max-flow", "lp", "none")),
    help="Upper bound beside what is measured; absent: max-flow for one pair, lp for several.",
)
@click.option(
    "--flows-per-pair",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Flows that each pair is sent as, which take the paths of a policy with several by their hash; "
    "absent: 16 with such a policy, else 1.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, metavar="N", help="Seed (0).")
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Threads (all processors).")
@click.option("-o", "--output", metavar="DIR", help="New folder for the result and the runs; absent: none.")
@option_option
@set_option
@quiet_option("No progress")
@json_option
def command(topology, from_name, to_name, pairs, matrix, start, duration, settle, quiet, as_json, **options):
    """How much a network carries, beside the most that any routing could.

    Pairs send packets at random times, more than the network can take unless rates or loads say otherwise.
    Goodput, fairness, latency and the links that are full stand beside an upper bound: maximum flow for one
    pair, a linear program for several (which needs the extra lp). `lasermesh docs throughput` explains them.

    \b
    Example:
      lasermesh throughput walker-144 Tokyo London --scale 0.001
      lasermesh throughput walker-144 --pairs all --rate-gbps 0.5 --scale 0.001 --bound max-flow --json
    """
    given = [pairs is not None, matrix is not None, from_name is not None]
    if sum(given) != 1 or (from_name is not None and to_name is None):
        raise click.UsageError("give FROM and TO, or --pairs FILE|all, or --matrix FILE|gravity")
    from lasermesh.cli.run import RunProgress
    from lasermesh.experiments.throughput import throughput

    if from_name is not None:
        pairs = [[from_name, to_name]]
    progress = RunProgress(quiet)
    try:
        result = throughput(
            topology,
            pairs,
            matrix,
            start_s=start,
            duration_s=duration,
            settle_s=settle,
            on_progress=progress,
            warn=warn,
            **options,
        )
    finally:
        progress.end()
    if as_json:
        print_json(result)
        return
    from lasermesh.results.throughput import format_throughput

    click.echo(format_throughput(result))
    if options["output"] is not None:
        click.echo(f"Result folder: {options['output']}")
