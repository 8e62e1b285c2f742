"""`lasermesh path`: paths and round-trip times over time."""

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
@click.option(
    "--every-change",
    is_flag=True,
    help="Instead of samples, the instants within DURATION at which a path changes, and why.",
)
@option_option
@warm_up_option
@set_option
@json_option
def command(
    topology,
    from_name,
    to_name,
    pairs,
    start,
    duration,
    step,
    policy,
    every_change,
    options,
    warm_up,
    sets,
    as_json,
):
    """Path, round-trip time and hops between two nodes over time.

    Samples are taken at START, START + STEP, ... before START + DURATION. Nodes are named as in the
    topology, or by their row as #17. The round trip is twice the delay of light over the path: the answer
    takes the same path back, and nothing waits. Stretch is the length of the path over that of the geodesic.

    With --every-change there is a line for each path: changes by links that go down or come up are exact,
    others found to 0.1 ms. What is missed is a path that becomes best and ceases to be within one STEP while
    no link changes.

    \b
    Example:
      lasermesh path walker-144 Tokyo London --duration 300 --step 60
      lasermesh path walker-144 Tokyo London --policy fewest-hops --json
      lasermesh path walker-144 --pairs all
      lasermesh path walker-144 Tokyo London --duration 300 --every-change
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
    if every_change:
        from lasermesh.experiments.path_changes import path_changes as find
    else:
        find = paths
    result = find(loaded, names, start, duration, step, policy, warn, warm_up, options)
    if pairs is not None:
        if as_json:
            print_json(result)
        else:
            _print_pairs(result)
            print_memory(result["memory"])
        return
    found = result["paths"][0]
    if as_json:
        ends = {"from": found.pop("from"), "to": found.pop("to")}
        print_json({**ends, "policy": result["policy"], **found, "memory": result["memory"]})
    else:
        _print_heading(found, result["policy"])
        (_print_changes if every_change else _print_samples)(found["samples"])
        _print_summary(found)
        print_memory(result["memory"])


def _print_heading(found, policy):
    """Print who is meant, and what the path is measured against."""
    line = f"{found['from']} to {found['to']}, {policy}"
    if found["geodesic_km"] is not None:
        line += (
            f"; geodesic {found['geodesic_km']:.1f} km, round trip in fibre {found['fibre_rtt_ms']:.3f} ms"
        )
    click.echo(line)


def _print_samples(samples):
    """Print one pair's samples; the nodes only where the path is another than before."""
    rows = [("t_s", "rtt_ms", "distance_km", "stretch", "hops", "path (where it changed)")]
    before = None
    for sample in samples:
        nodes = sample["nodes"]
        path = "" if nodes == before else " > ".join(nodes) or "none"
        lengths = (_number(sample[what], digits) for what, digits in _LENGTHS)
        rows.append((f"{sample['t_s']:.12g}", *lengths, path))
        before = nodes
    print_table(rows)


def _print_changes(samples):
    """Print one pair's paths, a line each."""
    from lasermesh.experiments.path_changes import describe_cause

    rows = [
        ("t_s", "lasts_s", "rtt_ms", "at the end", "least", "most", "stretch", "hops", "why", "path")
    ]  # round trips, all four
    for sample in samples:
        nodes = sample["nodes"]
        rtts_ms = (
            _number(sample[what] and 2.0 * sample[what], 3)
            for what in ("delay_ms", "delay_end_ms", "delay_min_ms", "delay_max_ms")
        )
        rows.append(
            (
                f"{sample['t_s']:.4f}",
                f"{_lasts_s(sample):.4f}",
                *rtts_ms,
                _number(sample["stretch_vacuum"], 3),
                _number(sample["hops"], 0),
                describe_cause(sample["cause"]),
                " > ".join(nodes) or "none",
            )
        )
    print_table(rows)


def _print_summary(found):
    """Print what the samples of one pair come to."""
    from lasermesh.results.layout import counted

    samples, churn = found["samples"], found["churn"]
    good = [sample for sample in samples if sample["reachable"]]
    if not good:
        click.echo("no path at any time" if churn["exact"] else "no path in any sample")
        return
    if good[0]["stretch_vacuum"] is not None:
        vacuum, fibre = (_stretch(good[0], churn, what) for what in ("stretch_vacuum", "stretch_fibre"))
        click.echo(f"stretch {vacuum} in vacuum; {fibre} against fibre (least, mean, most)")
    life = churn["path_lifetime_s"]
    if life["mean"] is not None:
        lives = ", ".join(f"{life[what]:.6g}" for what in ("min", "median", "mean", "max"))
        click.echo(f"paths stayed {lives} s (least, median, mean, most; those seen from beginning to end)")
    if churn["changes"] and churn["changes_per_h"] is not None:
        handed = "" if churn["handovers"] is None else f"{counted(churn['handovers'], 'hand-over')}, "
        changed = churn["links_changed_mean"]
        share = "" if changed is None else f", {changed:.0%} of the links are others at a change"
        click.echo(
            f"{churn['changes_per_h']:.1f} changes an hour; {handed}"
            f"hops changed {counted(churn['hop_changes'], 'time')}"
            f", round trips differ {churn['rtt_ratio_max_min']:.3f}-fold{share}"
        )
    rtt_ms = ", ".join(f"{churn['rtt_ms'][what]:.3f}" for what in ("min", "mean", "max"))
    times = counted(churn["changes"], "time")
    where = f"reachable in {len(good)}/{len(samples)} samples; "
    if churn["exact"]:
        where = (
            ""
            if len(good) == len(samples)
            else f"{counted(len(samples) - len(good), 'time')} without a path; "
        )
    click.echo(f"{where}round trip {rtt_ms} ms (least, mean, most); the path changed {times}")


def _print_pairs(result):
    """Print one line for each pair."""
    rows = [("from", "to", "reachable", "rtt_ms: least, mean, most", "stretch", "hops", "path changes")]
    reachable = 0
    for found in result["paths"]:
        samples, churn = found["samples"], found["churn"]
        good = [sample for sample in samples if sample["reachable"]]
        reachable += bool(good)
        rtt_ms = stretch = hops = "-"
        if good:
            rtt_ms = ", ".join(f"{churn['rtt_ms'][what]:.3f}" for what in ("min", "mean", "max"))
            fewest, most = min(sample["hops"] for sample in good), max(sample["hops"] for sample in good)
            hops = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            if good[0]["stretch_vacuum"] is not None:
                stretch = _stretch(good[0], churn, "stretch_vacuum")
        share = f"{len(good)}/{len(samples)}"
        if churn["exact"]:
            share = f"{sum(map(_lasts_s, good)) / sum(map(_lasts_s, samples)):.2%} of time"
        rows.append((found["from"], found["to"], share, rtt_ms, stretch, hops, str(churn["changes"])))
    print_table(rows)
    click.echo(f"{len(result['paths'])} pairs, {reachable} of them with a path; {result['policy']}")


_LENGTHS = (("rtt_ms", 3), ("distance_km", 1), ("stretch_vacuum", 3), ("hops", 0))


def _stretch(sample, churn, what):
    """Least, mean and greatest stretch: those of the round trip, to which it is proportional."""
    per_ms = sample[what] / sample["rtt_ms"]
    return ", ".join(f"{churn['rtt_ms'][of] * per_ms:.3f}" for of in ("min", "mean", "max"))


def _lasts_s(sample):
    """How long the path of a sample of `path_changes` stays."""
    return sample["until_s"] - sample["t_s"]


def _number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"
