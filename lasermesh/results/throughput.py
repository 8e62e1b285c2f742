"""What `lasermesh throughput` found, as people read it and as it is kept."""

import os

from lasermesh.errors import RunFailed
from lasermesh.results.json_text import to_json
from lasermesh.results.layout import (
    INDENT,
    LINE,
    columns,
    count,
    cut,
    decimal,
    decimals_for,
    share,
    wrapped,
)
from lasermesh.results.tables import Column, schema_of

PAIRS = (
    Column("load", "float64", "", "load of the run, a multiple of `load_of`; null without --load"),
    Column("from", "string", "", "node that sends"),
    Column("to", "string", "", "node that receives"),
    Column("demand", "float64", "", "what fairness weighs goodput by; only the proportion counts"),
    Column("offered_gbps", "float64", "Gbps", "whole IP packets sent, mean of the random rate"),
    Column("goodput_gbps", "float64", "Gbps", "whole IP packets delivered in the measured time"),
    Column("delivered_share", "float64", "", "delivered of those that ended in the measured time"),
    Column("latency_mean_ms", "float64", "ms", "one way, of the packets delivered; null without any"),
    Column("hops_mean", "float64", "links", "links crossed by a delivered packet; null without any"),
)

MOST_PAIRS = 20
MOST_LINKS = 10
DEMANDS = {
    "equal": "equal demands",
    "given": "rates as given",
    "matrix": "demands in proportion to the matrix",
}
NO_PATH = "no path exists"
LOADS_OF = {
    "given": "the rates given",
    "bound": "the greatest rates in these proportions that fit",
    "saturating": "the saturating rates",
}


def format_throughput(result):
    """Text of what `experiments.throughput.throughput` returns."""
    levels = result["loads"]
    last = levels[-1]
    sections = [
        _heading(result),
        _levels(result),
        _bound(result),
        _bottlenecks(last),
        _pairs(last),
        _unreachable(result["unreachable"]),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _heading(result):
    pairs, measured = result["pair_count"], f"{result['measured_s']:g} s after {result['settle_s']:g} s"
    text = f"{result['topology']}, {result['policy']}: {count(pairs)} pair{'' if pairs == 1 else 's'}"
    lines = [cut(f"{text}, measured for {measured}, seed {result['seed']}", LINE), "=" * LINE]
    what = f"packets of up to {result['packet_bytes']} bytes at random times; {DEMANDS[result['demand']]}"
    if result["flows_per_pair"] > 1:
        what += f"; {result['flows_per_pair']} flows per pair"
    lines.append(what)
    if result["scale"] != 1:
        scale, time_ms = f"{result['scale']:g}", f"{result['packet_time_ms']:.3g} ms"
        lines += wrapped(
            f"simulated at {scale} of all rates: the largest packet takes {time_ms} on the fastest link, "
            "which is in the latencies; rates below are those of the whole network"
        )
    return lines


def _levels(result):
    """One row for each run."""
    sent, joined = len(result["loads"][-1]["pairs"]), _joined_count(result)
    of_pairs = "index" if sent == joined else f"{count(sent)} of {count(joined)} pairs"
    headers = [("offered", "Gbps"), ("goodput", "Gbps"), ("of bound", ""), ("loss", ""), ("Jain", of_pairs)]
    headers += [("latency", "mean ms"), ("latency", "p50 ms"), ("latency", "p99 ms"), ("hops", "mean")]
    digits = [
        decimals_for(level[what] for level in result["loads"]) for what in ("offered_gbps", "goodput_gbps")
    ]
    rows = []
    for level in result["loads"]:
        latency = level["latency_ms"] or {}
        rows.append(
            [
                "all pairs" if level["load"] is None else f"{level['load']:g}",
                decimal(level["offered_gbps"], digits[0]),
                decimal(level["goodput_gbps"], digits[1]),
                share(level["share_of_bound"], 1.0),
                share(level["loss_share"], 1.0),
                decimal(level["jain"], 4),
                *(decimal(latency.get(what), 3) for what in ("mean", "p50", "p99")),
                decimal(level["hops_mean"], 1),
            ]
        )
    lines = columns("Load" if result["load_of"] else "Throughput", headers, rows)
    if result["load_of"]:
        lines.append(f"{INDENT}load 1 is {LOADS_OF[result['load_of']]}")
    return lines


def _bound(result):
    """What could be carried at most."""
    bound, last = result["bound"], result["loads"][-1]
    if bound is None:
        return []
    times = len(result["instants_s"])
    lines = [f"Upper bound ({bound['method']}, mean of {times} instant{'' if times == 1 else 's'})"]
    if last["bound_gbps"] is not None:
        total = _gbps(last["bound_gbps"])
        lines.append(f"{INDENT}in total, of what was offered last: {total} Gbps")
    if bound["concurrent_gbps"] is not None and result["pair_count"] == 1:
        lines.append(f"{INDENT}however much is offered: {_gbps(bound['concurrent_gbps'])} Gbps")
    elif bound["concurrent_gbps"] is not None:
        gbps = bound["concurrent_gbps"], last["concurrent_gbps"]
        most, measured = (decimal(value, decimals_for(gbps)) for value in gbps)
        lines.append(
            f"{INDENT}with all pairs served in proportion to their demands: {most} Gbps; measured {measured}"
        )
    if bound["cut"]:
        links = f"{len(bound['cut'])} link{'s' * (len(bound['cut']) != 1)}"
        lines.append(f"{INDENT}the cut that limits it, {links}:")
        for link in bound["cut"][:MOST_LINKS]:
            lines.append(f"{INDENT * 2}{link['from']} > {link['to']}, {link['rate_gbps']:g} Gbps")
    return lines


def _gbps(value):
    return decimal(value, decimals_for([value]))


def _joined_count(result):
    """Pairs that some path joins, be it one that the policy does not give."""
    apart = sum(pair["why"] == NO_PATH for pair in result["unreachable"])
    return result["pair_count"] - apart


def _bottlenecks(level):
    """The busiest links of a run."""
    links = [link for link in level["bottlenecks"] if link["utilisation"] > 0.0][:MOST_LINKS]
    headers = [("in use", ""), ("dropped", "packets")]
    rows = [[f"{x['from']} > {x['to']}", share(x["utilisation"], 1.0), count(x["dropped"])] for x in links]
    full = level["bottleneck_count"]
    return columns(f"Busiest links, {count(full)} of them full" if full else "Busiest links", headers, rows)


def _pairs(level):
    """Pairs of a run, of many those that got least of what they demand."""
    pairs = level["pairs"]
    if len(pairs) < 2:
        return []
    worst = sorted(pairs, key=lambda pair: pair["goodput_gbps"] / pair["demand"])[:MOST_PAIRS]
    title = "Pairs" if len(pairs) <= MOST_PAIRS else f"The worst of {count(len(pairs))} pairs"
    headers = [("offered", "Gbps"), ("goodput", "Gbps"), ("delivered", ""), ("latency", "mean ms")]
    digits = [decimals_for(pair[what] for pair in worst) for what in ("offered_gbps", "goodput_gbps")]
    rows = [
        [
            f"{pair['from']} > {pair['to']}",
            decimal(pair["offered_gbps"], digits[0]),
            decimal(pair["goodput_gbps"], digits[1]),
            share(pair["delivered_share"], 1.0),
            decimal(pair["latency_mean_ms"], 3),
        ]
        for pair in worst
    ]
    return columns(title, headers, rows)


def _unreachable(pairs):
    """Pairs that nothing was sent for."""
    if not pairs:
        return []
    named = ", ".join(f"{pair['from']} > {pair['to']} ({pair['why']})" for pair in pairs[:MOST_PAIRS])
    more = f" and {count(len(pairs) - MOST_PAIRS)} more" if len(pairs) > MOST_PAIRS else ""
    return wrapped(f"Left out, as nothing can be sent: {named}{more}")


def keep_throughput(result, folder):
    """Write the result and the table of its pairs beside the folders of the runs, in place of earlier ones.

    Raises
    ------
    RunFailed
        If a file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"load": level["load"]} | pair for level in result["loads"] for pair in level["pairs"]]
    table = pa.Table.from_pylist(rows, schema=schema_of(PAIRS))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write in (
            ("pairs.parquet", lambda path: pq.write_table(table, path)),
            ("throughput.json", lambda path: path.write_text(to_json(result), encoding="utf-8")),
        ):
            write(folder / f"{name}.new")
            os.replace(folder / f"{name}.new", folder / name)
    except OSError as error:
        raise RunFailed(f"{folder}: the result could not be kept: {error.strerror or error}") from error
