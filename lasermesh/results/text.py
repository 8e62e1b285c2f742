"""The summary of a run as people read it, in lines of at most 100 characters."""

from lasermesh.results.bundle_sections import bundle_sections
from lasermesh.results.bundles import BUNDLES
from lasermesh.results.layout import (
    INDENT,
    LINE,
    columns,
    count,
    counted,
    cut,
    decimal,
    label,
    share,
    signed,
    size,
    wrapped,
)
from lasermesh.results.live_text import live_section
from lasermesh.results.sections import (
    faults_section,
    marks_section,
    outages_section,
    services_section,
    transfers_section,
)
from lasermesh.results.summary import drops_by_cause
from lasermesh.results.work_sections import work_sections

MOST_FLOWS = 20
"""Flows shown one by one; of more, groups and the worst."""

HEADING, FIDELITY, WORK, BUNDLES_SENT, TRAFFIC = "heading", "fidelity", "work", "bundles", "traffic"
LOSSES, LINKS, PATHS, REMARKS = "losses", "links", "paths", "remarks"
"""What sections are about."""

WORST = 5
MOST_CHANGES = 8
NAMES_SHOWN = 20


def format_summary(summary):
    """Text of a summary as `summarise` returns it; entries that are missing are left out."""
    sections = [lines for _, lines in summary_sections(summary)]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def summary_sections(summary):
    """The sections of a summary as text, in the order in which they are read.

    Returns
    -------
    sections : list of (str, list of str)
        What each is about, of `HEADING`, `WORK`, ... above, and its lines, TableLine and SentenceLine among
        them; those that have nothing to tell are left out.
    """
    sections = [
        (HEADING, _heading(summary)),
        (FIDELITY, live_section(summary)),
        *((WORK, lines) for lines in work_sections(summary)),
        *((BUNDLES_SENT, lines) for lines in bundle_sections(summary)),
        (TRAFFIC, _traffic(summary)),
        (TRAFFIC, _latencies(summary)),
        (LOSSES, _drops(summary)),
        (TRAFFIC, marks_section(summary)),
        (TRAFFIC, transfers_section(summary)),
        (TRAFFIC, services_section(summary)),
        (LOSSES, faults_section(summary)),
        (LOSSES, outages_section(summary)),
        (LINKS, _busiest_links(summary)),
        (PATHS, _changes(summary, "handovers", "handover_count", "Hand-overs")),
        (PATHS, _changes(summary, "path_changes", "path_change_count", "Path changes")),
        (REMARKS, _remarks(summary)),
    ]
    return [(about, lines) for about, lines in sections if lines]


def _heading(summary):
    """What was run, how far, how fast."""
    engine = summary.get("engine") or {}
    text = f"{summary['experiment']}: {summary['status']}, {summary['simulated_s']:,g} s "
    text += "live" if summary.get("live") else "simulated"
    if engine.get("wall_s") is not None and not summary.get("live"):
        text += f" in {engine['wall_s']:,.2f} s"
    text += f", seed {summary['seed']}"
    if summary.get("scale") not in (None, 1):
        text += f", rates and queues scaled by {summary['scale']:g}"
    lines = [cut(text, LINE), "=" * LINE]
    if engine.get("packet_hops") is not None:
        speed = f"{count(engine['packet_hops'])} packet-hops"
        if engine.get("packet_hops_per_s") is not None:
            speed += f", {engine['packet_hops_per_s'] / 1e6:,.1f} million per second"
        if engine.get("threads") is not None:
            speed += f" on {engine['threads']} thread" + ("s" if engine["threads"] != 1 else "")
        if engine.get("compile_s") is not None:
            speed += f"; compiling took {engine['compile_s']:.1f} s"
        lines.append(speed)
    return lines


def _badness(flow):
    """Order of the worst flows: by the share that was dropped, then by the 99th percentile of latency."""
    dropped = sum(flow["dropped"].values())
    return (dropped / flow["sent"] if flow["sent"] else 0.0, (flow["latency_ms"] or {}).get("p99", 0.0))


def worst_first(flows):
    """Flows in the order of how badly they fared, the worst first."""
    return sorted(flows, key=_badness, reverse=True)


def of_packets(entries):
    """Entries of flows, or of groups of them, that count packets."""
    return [entry for entry in entries if entry.get("counts") != BUNDLES]


def _by_flow(summary, title, headers, cells):
    """A table with one row per flow, or per group of flows with the worst ones behind, and the total."""
    flows = of_packets(summary["flows"])
    if not flows:
        return [] if summary.get("bundles") else [f"{title}: none"]
    # What work sends between many pairs of nodes says little pair by pair.
    if len(flows) <= MOST_FLOWS and not summary.get("workloads"):
        shown, worst = [(label(flow), flow) for flow in flows], []
    else:
        groups = of_packets(summary["flow_groups"])[:MOST_FLOWS]
        shown = [(f"{group['name']}, {counted(group['flows'], 'flow')}", group) for group in groups]
        worst = [] if summary.get("workloads") else worst_first(flows)[:WORST]
        worst = [(label(flow), flow) for flow in worst]
    total = [("all flows", summary["total"])] if len(flows) > 1 else []

    rows = [[name, *cells(statistics)] for name, statistics in (*shown, *worst, *total)]
    lines = columns(title, headers, rows)
    if total:
        lines.insert(-1, INDENT + "-" * (LINE - len(INDENT)))
    if worst:
        lines.insert(2 + len(shown), f"{INDENT}the worst of {count(len(flows))} flows:")
    return lines


def _traffic(summary):
    """What became of the packets."""
    headers = [("sent", "packets"), ("delivered", "packets"), ("dropped", "packets"), ("dropped", "of sent")]
    headers += [("in flight", "packets"), ("goodput", "Gbps")]

    def cells(flow):
        dropped = sum(flow["dropped"].values())
        return [
            *(count(flow["sent"]), count(flow["delivered"]), count(dropped), share(dropped, flow["sent"])),
            *(count(flow["in_flight"]), decimal(flow["goodput_gbps"], 3)),
        ]

    return _by_flow(summary, "Flows", headers, cells)


def _latencies(summary):
    """How long the delivered ones took, and in what order they came."""
    latencies = ("min", "mean", "p50", "p90", "p99", "max")
    headers = [(what, "ms") for what in (*latencies, "jitter")] + [("hops", "mean"), ("reordered", "packets")]

    def cells(flow):
        latency = flow["latency_ms"] or {}
        return [
            *(decimal(latency.get(what), 3) for what in latencies),
            *(decimal(flow["jitter_ms"], 3), decimal(flow["hops_mean"], 1), count(flow["reordered"])),
        ]

    lines = _by_flow(summary, "Latency", headers, cells)
    if lines and of_packets(summary["flows"]):
        bins = "upper edges of bins less than 1 % wide, or max if less"
        lines.append(f"{INDENT}p50, p90, p99: {bins}; min, mean, max: exact")
    return lines


def _drops(summary):
    """Drops by cause, each with the flow that it hit most."""
    drops, flows = drops_by_cause(summary), of_packets(summary["flows"])
    if not any(number for _, number in drops):
        return ["Drops by cause: none"] if flows or not summary.get("bundles") else []
    sent = sum(flow["sent"] for flow in flows)
    rows = []
    for cause, number in drops:
        if number:
            hit = max(flows, key=lambda flow, cause=cause: flow["dropped"][cause])
            rows.append([cause, count(number), share(number, sent), _most_of(hit, cause)])
    headers = [("dropped", "packets"), ("dropped", "of sent"), ("most of them", "")]
    none = [cause for cause, number in drops if not number]
    lines = columns("Drops by cause", headers, rows, last_left=True)
    return lines + (wrapped(f"none by {', '.join(none)}", INDENT) if none else [])


def _most_of(flow, cause):
    return f"{count(flow['dropped'][cause])} of {cut(label(flow), 40)}"


def _busiest_links(summary):
    """The links that were sending most of the time."""
    busiest = summary["links"]["busiest"]
    if not busiest:
        return []
    rows = [
        [
            f"{link['from']} > {link['to']}",
            "-" if link["utilisation"] is None else f"{100 * link['utilisation']:.1f} %",
            *(size(link["queue_max_bytes"]), count(link["dropped"])),
        ]
        for link in busiest
    ]
    headers = [("sending", "of the time"), ("greatest", "queue"), ("dropped", "packets")]
    return columns(f"Busiest of {count(summary['links']['count'])} links", headers, rows)


def _changes(summary, key, count_key, title):
    """Hand-overs or path changes and what they cost; those that cost most, in the order of time."""
    changes = summary.get(key)
    if not changes:
        return [] if changes is None else [f"{title}: none"]
    costliest = sorted(changes, key=lambda change: (-(change.get("dropped") or 0), change["t_s"]))[
        :MOST_CHANGES
    ]
    rows = []
    for change in sorted(costliest, key=lambda change: change["t_s"]):
        before, after = change.get("delay_before_ms"), change.get("delay_after_ms")
        difference = None if before is None or after is None else after - before
        rows.append(
            [
                _what_changed(change),
                *(decimal(change["t_s"], 3), decimal(before, 3), decimal(after, 3), signed(difference, 3)),
                count(change.get("dropped")),
            ]
        )
    number = max(len(changes), summary.get(count_key) or 0)
    heading = f"{title}: {count(number)}"
    if number > len(changes):
        heading += f", the first {count(len(changes))} of them"
    if any(change.get("dropped") is not None for change in changes):
        cost = sum(change.get("dropped") or 0 for change in changes)
        heading += f", which cost {count(cost)} packet" + ("s" if cost != 1 else "")
    if len(costliest) < len(changes):
        heading += f"; the {len(costliest)} costliest:"
    headers = [("at", "s"), ("before", "ms"), ("after", "ms"), ("change", "ms"), ("dropped", "packets")]
    return [heading, *columns("", headers, rows)]


def _what_changed(change):
    """Flow, site and the neighbours that were left and joined, as far as they are told."""
    left, joined = change.get("from"), change.get("to")
    step = f"{left or '-'} > {joined or '-'}" if left or joined else None
    return ", ".join(part for part in (change.get("flow"), change.get("site"), step) if part)


def capture_in_words(capture, folder=""):
    """What a capture holds, and its file: in the folder of the run, which may be named, or elsewhere."""
    text = f"{count(capture['written'])} packets at {count(capture['interfaces'])} ports"
    if dropped := capture.get("dropped"):
        text += f", {count(dropped)} of them dropped there,"
    files = capture.get("files") or [capture["file"]]
    where = capture["file"] if "/" in capture["file"] else f"{folder}{capture['file']}"
    text += f" in {count(len(files))} files in {where}" if len(files) > 1 else f" in {where}"
    if capture["cut"]:
        text += f"; the {count(capture['cut'])} after them were left out (--limit takes more)"
    return text


def _remarks(summary):
    """Capture, satellites that could not be propagated, warnings."""
    lines = []
    if capture := summary.get("capture"):
        lines += wrapped(f"Capture: {capture_in_words(capture)}")
    if memory := summary.get("memory"):
        text = f"Links with a memory were followed from t = {memory['from_s']:.12g} s on"
        if memory["warm_up_s"] is not None:
            text += f", after a warm-up of {memory['warm_up_s']:.12g} s"
        lines += wrapped(text)
    if skipped := summary.get("satellites_skipped"):
        reasons = ", ".join(f"{reason} {count(number)}" for reason, number in skipped.items())
        lines += wrapped(f"Element sets that were left out, {count(sum(skipped.values()))}: {reasons}")
    if failed := summary.get("satellites_failed"):
        names = [item if isinstance(item, str) else _failed(item) for item in failed]
        text = (
            f"Satellites that could not be propagated, {count(len(names))}: {', '.join(names[:NAMES_SHOWN])}"
        )
        more = len(names) - NAMES_SHOWN
        lines += wrapped(text + (f" and {count(more)} more, see summary.json" if more > 0 else ""))
    for warning in summary.get("warnings") or []:
        lines += wrapped(f"Warning: {warning}")
    return lines


def _failed(item):
    """Name of a satellite that failed, with the instant."""
    return item["name"] + (f" at t = {item['t_s']:.3f} s" if item.get("t_s") is not None else "")
