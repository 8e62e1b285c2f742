"""`lasermesh path`: paths and round-trip times over time."""

from itertools import pairwise

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


@click.command(name="path")
@click.argument("topology", type=TOPOLOGY)
@click.argument("from_name", metavar="FROM", required=False)
@click.argument("to_name", metavar="TO", required=False)
@click.option(
    "--pairs",
    metavar="FILE|all",
    help="Instead of FROM and TO: a CSV file with columns from,to, or every two ground sites.",
)
@click.option("--start", default=0.0, metavar="S", help="First instant, in s since the topology's epoch (0).")
@click.option("--duration", default=0.0, metavar="S", help="How long to go on, in s; absent: one instant.")
@click.option(
    "--step", type=float, metavar="S", help="Time between samples, in s; absent: the topology's step."
)
@click.option(
    "--policy",
    default="shortest-delay",
    metavar="P",
    help="Name of a policy (`lasermesh policies`), or a function of yours as file.py:function.",
)
@option_option
@warm_up_option
@set_option
@json_option
def command(
    topology, from_name, to_name, pairs, start, duration, step, policy, options, warm_up, sets, as_json
):
    """Path, round-trip time and hops between two nodes over time.

    Samples are taken at START, START + STEP, ... before START + DURATION. Nodes are named as in the
    topology, or by their row as #17. The round trip is twice the delay of light over the path: the answer
    takes the same path back, and nothing waits.

    \b
    Example:
      lasermesh path walker-144 Tokyo London --duration 300 --step 60
      lasermesh path walker-144 Tokyo London --policy fewest-hops --json
      lasermesh path walker-144 --pairs all
    """
    if pairs is None and (from_name is None or to_name is None):
        raise click.UsageError("give the names of two nodes, FROM and TO, or --pairs FILE|all")
    if pairs is not None and from_name is not None:
        raise click.UsageError("give FROM and TO or --pairs, not both")
    from lasermesh.experiments.paths import all_pairs, paths, read_pairs

    loaded = load_and_warn(topology, sets)
    if pairs is None:
        names = [(from_name, to_name)]
    else:
        names = all_pairs(loaded) if pairs == "all" else read_pairs(pairs, loaded)
    result = paths(loaded, names, start, duration, step, policy, warn, warm_up, options)
    if pairs is not None:
        if as_json:
            print_json(result)
        else:
            _print_pairs(result)
            print_memory(result["memory"])
        return
    found = result["paths"][0]
    if as_json:
        ends = {"from": found["from"], "to": found["to"]}
        more = {"policy": result["policy"], "samples": found["samples"], "memory": result["memory"]}
        print_json({**ends, **more})
    else:
        _print_samples(found, result["policy"])
        print_memory(result["memory"])


def _print_samples(found, policy):
    """Print one pair's samples; the nodes only where the path is another than before."""
    click.echo(f"{found['from']} to {found['to']}, {policy}")
    rows = [("t_s", "rtt_ms", "distance_km", "hops", "path (where it changed)")]
    before = None
    for sample in found["samples"]:
        t_s = f"{sample['t_s']:.12g}"
        nodes = sample["nodes"]
        path = "" if nodes == before else " > ".join(nodes) or "none"
        if nodes:
            lengths = f"{sample['rtt_ms']:.3f}", f"{sample['distance_km']:.1f}", str(sample["hops"])
        else:
            lengths = "-", "-", "-"
        rows.append((t_s, *lengths, path))
        before = nodes
    print_table(rows)
    share, rtt_ms, _, changes = _summary(found["samples"])
    if not any(sample["reachable"] for sample in found["samples"]):
        click.echo("no path in any sample")
        return
    changed = f"the path changed {changes} time{'' if changes == 1 else 's'}"
    click.echo(f"reachable in {share} samples; round trip {rtt_ms} ms (least, mean, most); {changed}")


def _print_pairs(result):
    """Print one line for each pair."""
    rows = [("from", "to", "reachable", "rtt_ms: least, mean, most", "hops", "path changes")]
    reachable = 0
    for found in result["paths"]:
        share, rtt_ms, hops, changes = _summary(found["samples"])
        rows.append((found["from"], found["to"], share, rtt_ms, hops, str(changes)))
        reachable += any(sample["reachable"] for sample in found["samples"])
    print_table(rows)
    click.echo(f"{len(result['paths'])} pairs, {reachable} of them with a path; {result['policy']}")


def _summary(samples):
    """Share of samples with a path, least, mean and greatest round trip, range of hops, changes of path."""
    good = [sample for sample in samples if sample["reachable"]]
    share = f"{len(good)}/{len(samples)}"
    changes = sum(a["nodes"] != b["nodes"] for a, b in pairwise(samples))
    if not good:
        return share, "-", "-", changes
    rtts_ms = [sample["rtt_ms"] for sample in good]
    rtt_ms = ", ".join(f"{value:.3f}" for value in (min(rtts_ms), sum(rtts_ms) / len(good), max(rtts_ms)))
    fewest, most = min(sample["hops"] for sample in good), max(sample["hops"] for sample in good)
    return share, rtt_ms, f"{fewest}" if fewest == most else f"{fewest} to {most}", changes
