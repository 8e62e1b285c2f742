"""`lasermesh bench`: how fast this machine runs the program."""

import click

from lasermesh.cli.common import json_option, print_json, print_table

PARTS = ("contacts", "routing", "packets")


@click.command(name="bench")
@click.argument("part", type=click.Choice(PARTS), required=False)
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Most threads (all processors).")
@click.option(
    "--seconds", default=2.0, type=click.FloatRange(0.01), metavar="S", help="Least time of each (2)."
)
@json_option
def command(part, threads, seconds, as_json):
    """Measure how fast this machine runs lasermesh.

    Times link graphs, routes and packets. A packet-hop is a last bit that leaves a terminal. First calls,
    which compile or load kernels, are timed apart.

    \b
    Example:
      lasermesh bench packets
      lasermesh bench contacts --json
    """
    from lasermesh.experiments import workloads
    from lasermesh.machine import processors

    most = threads or processors()
    measured = []
    if part in (None, "contacts"):
        measured.append(workloads.link_graphs())
    if part in (None, "routing"):
        measured.append(workloads.next_hops())
    if part in (None, "packets"):
        for work in workloads.packet_works():
            for n in sorted({1, most}):
                measured.append(workloads.run_packets(work, n, seconds))
    if as_json:
        print_json({"workloads": [entry.to_dict() for entry in measured]})
        return
    rows = [("workload", "figure", "unit", "wall_s", "sizes")]
    for entry in measured:
        figure = f"{entry.figure / 1e6:.1f} M" if entry.figure > 1e6 else f"{entry.figure:.3g}"
        rows.append((entry.name, figure, entry.unit, f"{entry.wall_s:.2f}", entry.sizes))
    print_table(rows)
