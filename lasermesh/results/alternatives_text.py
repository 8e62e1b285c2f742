"""Alternatives of an experiment side by side, as people read them."""

import math

from lasermesh.results.alternatives import FLOWS, LATENCIES, OUTAGES, measure_of
from lasermesh.results.bundles import BUNDLES
from lasermesh.results.layout import (
    LINE,
    columns,
    count,
    counted,
    cut,
    decimal,
    duration,
    share,
    size,
    wrapped,
)
from lasermesh.results.statuses import COMPLETE, INTERRUPTED
from lasermesh.results.text import capture_in_words
from lasermesh.results.work_sections import (
    by_kind,
    fidelity_section,
    marked,
    over,
    time_of,
    workload_sections,
)
from lasermesh.units import PS_PER_MS, PS_PER_S

MOST_FLOWS = 6
"""Rows of flows of one alternative; of more, all are told together where that is possible."""

MEASURES = {
    "insight_s": ("median time to insight", "p50"),
    "first_token_s": ("median time to the first token", "p50"),
    "step_s": ("mean time of a step", "mean"),  # of which few may be the long ones
}


def format_alternatives(result):
    """Text of what `experiments.alternatives.run_alternatives` returns."""
    return "\n\n".join("\n".join(lines) for lines in alternatives_sections(result)) + "\n"


def alternatives_sections(result):
    """The same in sections: lists of lines, the heading first, TableLine and SentenceLine among them."""
    workloads = _labelled(result["alternatives"])
    labelled = _labelled_flows(result["comparison"])
    bundles = [row for row in labelled if row["counts"] == BUNDLES]
    flows = [row for row in labelled if row["counts"] != BUNDLES]
    outages = [row for row in result["comparison"] if row["kind"] == OUTAGES]
    sections = [
        _heading(result),
        *workload_sections(workloads),
        _packets(flows),
        _drops(flows, "Dropped packets, by cause"),
        _outages(outages),
        _flows_against_the_first(result, flows, outages),
        _bundles(bundles),
        _drops(bundles, "Lost bundles, by cause"),
        _bundles_against_the_first(result, bundles),
        _against_the_first(result, workloads),
        fidelity_section(workloads),
        _captures(result["alternatives"]),
        _not_complete(result["alternatives"]),
    ]
    return [lines for lines in sections if lines]


def label_of(alternative, workload, alone):
    """What a workload of an alternative is called: by the alternative, where it has no other workload."""
    return alternative if alone else f"{alternative}: {workload}"


def _labelled(alternatives):
    """Entries of all workloads, in the order of the alternatives, each with its label."""
    entries = []
    for alternative in alternatives:
        workloads = (alternative["summary"] or {}).get("workloads") or []
        entries += [
            entry | {"label": label_of(alternative["name"], entry["name"], len(workloads) == 1)}
            for entry in workloads
        ]
    return entries


def _labelled_flows(comparison):
    """Rows of flows, each with its label; of those with too many the ones of all their flows."""
    of_one = {}
    for row in comparison:
        if row["kind"] == FLOWS:
            of_one.setdefault(row["alternative"], []).append(row)
    labelled = []
    for alternative, rows in of_one.items():
        if len(rows) > MOST_FLOWS:
            rows = [row for row in rows if row["flows"] is None] or rows[:MOST_FLOWS]
        for row in rows:
            name = "all flows" if row["flows"] is None else row["flows"]
            labelled.append(row | {"label": label_of(alternative, name, len(rows) == 1)})
    return labelled


def _packets(flows):
    """What became of the packets of flows, and how long those that came took."""
    headers = [("sent", "packets"), ("delivered", "packets"), ("dropped", "packets"), ("dropped", "of sent")]
    headers += [("latency", "mean, ms"), *(("", f"{what}, ms") for what in LATENCIES[1:])]
    rows = []
    for row in flows:
        dropped, latency = sum(row["dropped"].values()), row["latency_ms"] or {}
        cells = [count(row["sent"]), count(row["delivered"]), count(dropped), share(dropped, row["sent"])]
        rows.append([row["label"], *cells, *(decimal(latency.get(what), 3) for what in LATENCIES)])
    return columns("Flows", headers, rows) if rows else []


def _bundles(flows):
    """What became of bundles, and how long those that came took."""
    headers = [("", "made"), ("", "delivered"), ("", "lost"), ("not yet", "delivered")]
    headers += [("delay", "mean"), *(("", what) for what in LATENCIES[1:])]
    rows = [
        [
            *(row["label"], count(row["sent"]), count(row["delivered"])),
            *(count(sum(row["dropped"].values())), count(row["in_flight"])),
            *(duration(_delay_s(row, what)) for what in LATENCIES),
        ]
        for row in flows
    ]
    return columns("Bundles", headers, rows) if rows else []


def _delay_s(row, what):
    return row["latency_ms"] and row["latency_ms"][what] * (PS_PER_MS / PS_PER_S)


def _drops(flows, title):
    """What was lost, by cause."""
    causes = list(flows[0]["dropped"]) if flows else []
    if not causes:
        return []
    rows = [[row["label"], *(count(row["dropped"][cause]) for cause in causes)] for row in flows]
    return columns(title, [("", cause) for cause in causes], rows)


def _outages(outages):
    """For how long flows had no way, added up over flows."""
    if not any(row["count"] for row in outages):
        return []
    headers = [("", "outages"), ("black hole,", "link_down, s"), ("", "no_route, s"), ("", "node_down, s")]
    headers += [("micro-", "loops, s"), ("in all", "s")]
    rows = [
        [
            *(f"{row['alternative']} ({row['update']})", count(row["count"])),
            *(decimal(row["black_holes_s"][cause], 3) for cause in ("link_down", "no_route", "node_down")),
            *(decimal(row["micro_loops_s"], 3), decimal(row["total_s"], 3)),
        ]
        for row in outages
    ]
    return columns("Outages of flows", headers, rows)


def _flows_against_the_first(result, flows, outages):
    """What the others lose, and take, of what the baseline does."""
    compared = [row for row in flows if row["baseline"]]
    if not compared:
        return []
    shares = {row["alternative"]: (row["ratios"] or {}).get("total_s") for row in outages}
    headers = [("packets", "delivered"), ("packets", "dropped"), ("latency", "mean")]
    headers += [("", what) for what in LATENCIES[1:]] + [("time in", "outages")]
    rows = [
        [
            *(row["label"], _exact(row["ratios"]["delivered"]), _times(row["ratios"]["dropped"])),
            *(_exact(row["ratios"][what]) for what in LATENCIES),
            _times(shares.get(row["alternative"])),
        ]
        for row in compared
    ]
    lines = columns(f"Against {result['alternatives'][0]['name']}", headers, rows)
    return lines + wrapped(f"{_one_run_each(result)}; latencies are those of the packets that came", "  ")


def _bundles_against_the_first(result, flows):
    """What the others deliver, and how long that takes, against the baseline."""
    compared = [row for row in flows if row["baseline"]]
    if not compared:
        return []
    headers = [("bundles", "delivered"), ("delay", "mean"), *(("", what) for what in LATENCIES[1:])]
    rows = [
        [row["label"], *(_exact(row["ratios"][what]) for what in ("delivered", *LATENCIES))]
        for row in compared
    ]
    lines = columns(f"Bundles, against {result['alternatives'][0]['name']}", headers, rows)
    return lines + wrapped(f"{_one_run_each(result)}; delays are those of the bundles that came", "  ")


def _one_run_each(result):
    return f"one run of each, all with seed {result['seed']}: ratios have no confidence intervals"


def _exact(ratio):
    """A ratio near 1, so that small differences show."""
    return "-" if ratio is None else f"{ratio:,.4f} x"


def _heading(result):
    number = len(result["alternatives"])
    text = f"{result['experiment']}: {result['status']}, {counted(number, 'alternative')}"
    text += f", {_simulated(result)} s simulated, seed {result['seed']}"
    return [cut(text, LINE), "=" * LINE]


def _simulated(result):
    """How long the runs are, the shortest and the longest where they differ."""
    summaries = [alternative["summary"] for alternative in result["alternatives"]]
    lengths_s = sorted({summary["simulated_s"] for summary in summaries if summary is not None})
    if len(lengths_s) < 2:
        return f"{result['simulated_s']:,g}"
    return f"{lengths_s[0]:,g} to {lengths_s[-1]:,g}"


def _against_the_first(result, workloads):
    """What the others take of the baseline's times and bytes."""
    rows = [row for row in result["comparison"] if "workload" in row]
    of_first = {}
    for entry, row in zip(workloads, rows, strict=True):
        if row["alternative"] == result["alternatives"][0]["name"]:
            of_first[row["workload"]] = entry
    compared = [
        (entry, of_first[row["baseline"]], row["ratios"])
        for entry, row in zip(workloads, rows, strict=True)
        if row["baseline"] is not None
    ]
    if not compared:
        return []
    first = result["alternatives"][0]["name"]
    quantiles = ("mean", "p50", "p90", "max")
    headers = [*over("time, ratio of", quantiles), ("bytes", "brought down")]
    rows = [
        [
            marked(entry, other),
            *(_times(_ratio_of_times(entry, other, ratios, what)) for what in quantiles),
            _times(ratios.get("delivered_bytes")),
        ]
        for entry, other, ratios in compared
    ]
    lines = columns(f"Against {first}", headers, rows)
    for entry, other, _ in compared:
        lines += wrapped(_in_words(entry, other, first), "  ")
    text = _one_run_each(result)
    if _incomplete(workloads):
        text += "; where scenes or requests were lost or still on their way, those that were delivered are "
        text += "compared, which need not be the same ones"
    return lines + wrapped(text, "  ")


def _ratio_of_times(entry, other, ratios, what):
    """A ratio of which both times are known, those that were not delivered counted."""
    measure = measure_of(entry["kind"])
    known = all(time_of(each, measure, what) is not None for each in (entry, other))
    return ratios[what] if known else None


def _in_words(entry, other, first):
    """What a workload and the one that it is compared with come to."""
    measure = measure_of(entry["kind"])
    words, statistic = MEASURES[measure]
    times = [duration(time_of(each, measure, statistic)) for each in (entry, other)]
    text = f"{entry['label']}: {words} {times[0]} against {times[1]}"
    if "delivered_bytes" in entry:
        text += f", {size(entry['delivered_bytes'])} brought down against {size(other['delivered_bytes'])}"
    return text if other["label"] == first else f"{text} ({other['label']})"


def _times(ratio):
    """A ratio with three digits."""
    if ratio is None:
        return "-"
    if ratio >= 1000 or not ratio:
        return f"{ratio:,.0f} x"
    text = f"{ratio:,.{max(0, 2 - math.floor(math.log10(ratio)))}f}"  # never with an exponent
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " x"


def _incomplete(workloads):
    scenes, requests, _ = by_kind(workloads)
    return any(entry["in_progress"] or any(entry["lost"].values()) for entry in scenes + requests)


def _captures(alternatives):
    """Where packets were captured, a line for each alternative."""
    lines = []
    for alternative in alternatives:
        if capture := (alternative["summary"] or {}).get("capture"):
            words = capture_in_words(capture, f"{alternative['folder']}/")
            lines += wrapped(f"Capture of {alternative['name']}: {words}")
    return lines


def _not_complete(alternatives):
    """Alternatives whose run did not come to its end, and why."""
    lines = []
    for alternative in alternatives:
        if alternative["status"] != COMPLETE:
            why = f": {alternative['message']}" if alternative["message"] else ""
            if alternative["status"] == INTERRUPTED and alternative["summary"] is not None:
                why = f" after {alternative['summary']['simulated_s']:,g} s"
            lines += wrapped(f"{alternative['name']}: {alternative['status']}{why}")
    return lines
