"""Sections of a run's text that only some runs have: marks, bulk transfers, services, faults, outages."""

from lasermesh.results.layout import LINE, columns, count, cut, decimal, label, share, size, wrapped

MOST_ROWS = 10
"""Transfers, or services, shown one by one."""


def marks_section(summary):
    """How much congestion was told by marks, where any was."""
    marked = summary["total"].get("marked")
    at_links = summary["links"].get("marked")
    if not marked and not at_links:
        return []
    delivered = summary["total"]["delivered"]
    text = f"Congestion marks (ECN): {count(marked)} packets delivered with one"
    text += f", {share(marked, delivered)} of those delivered; {count(at_links)} marked at links"
    return wrapped(text)


def transfers_section(summary):
    """Bulk transfers: how much has come, when the last of it, and what it took; the last to end first."""
    transfers = summary.get("transfers")
    if not transfers:
        return []
    complete = [entry["complete_s"] for entry in transfers if entry["complete_s"] is not None]
    heading = f"Bulk transfers: {count(len(complete))} of {count(len(transfers))} complete"
    if complete:
        heading += f", the last one after {decimal(max(complete), 3)} s"
    shown = sorted(transfers, key=lambda entry: _never_last(entry["complete_s"]), reverse=True)[:MOST_ROWS]
    if len(shown) < len(transfers):
        heading += f"; the {len(shown)} slowest:"
    rows = [
        [
            *(label(entry), size(entry["total_bytes"]), share(entry["unique_bytes"], entry["total_bytes"])),
            *(decimal(entry["complete_s"], 3), decimal(entry["done_s"], 3)),
            *(count(entry["retransmissions"]), count(entry["duplicates"])),
        ]
        for entry in shown
    ]
    headers = [("size", ""), ("of it", "delivered"), ("complete", "at s"), ("acked", "at s")]
    headers += [("sent again", "packets"), ("duplicates", "packets")]
    return [cut(heading, LINE), *columns("", headers, rows)]


def _never_last(complete_s):
    """Order of ends: what is not complete comes behind everything."""
    return float("inf") if complete_s is None else complete_s


def services_section(summary):
    """Services: what was asked of them and how long it waited, the busiest first."""
    services = summary.get("services")
    if not services:
        return []
    shown = sorted(services, key=lambda entry: -(entry["utilisation"] or 0.0))[:MOST_ROWS]
    rows = [
        [
            f"{entry['flows']} at {entry['node']}",
            *(count(entry["servers"]), count(entry["arrived"]), count(entry["refused"])),
            *(count(entry["served"]), decimal(entry["wait_mean_ms"], 3)),
            *(_percent(entry["waited"]), _percent(entry["utilisation"])),
        ]
        for entry in shown
    ]
    headers = [("", "servers"), ("arrived", "requests"), ("refused", "requests"), ("served", "requests")]
    headers += [("mean wait", "ms"), ("waited", "of these"), ("servers", "at work")]
    heading = f"Services: {count(len(services))}"
    if len(shown) < len(services):
        heading += f"; the {len(shown)} busiest:"
    return [heading, *columns("", headers, rows)]


def _percent(part):
    return "-" if part is None else share(part, 1.0)


def faults_section(summary):
    """What failed, how often and for how long in all."""
    faults = summary.get("faults")
    if not faults:
        return []
    rows = [
        [kind, count(of["failures"]), count(of["repairs"]), decimal(of["downtime_s"], 3)]
        for kind, of in faults.items()
    ]
    return columns("Faults", [("failures", ""), ("repairs", ""), ("down in all", "s")], rows)


def outages_section(summary):
    """When flows did not arrive: black holes by cause, micro-loops, and how fast tables came to agree."""
    routing = summary.get("routing")
    if not routing:
        return []
    found = [(f"Black holes, {cause}", entry) for cause, entry in routing["black_holes"].items()]
    found.append(("Micro-loops", routing["micro_loops"]))
    rows = [
        [
            name,
            count(entry["count"]),
            *(decimal(entry["total_s"], 3), decimal(entry["longest_s"], 3), count(entry["dropped"])),
        ]
        for name, entry in found
        if entry["count"]
    ]
    alternates = routing["alternates"]
    if not rows and not alternates:
        return []
    text = "Outages of flows" if rows else "No outages of flows"
    text += f": {routing['policy']}, update = {routing['update']}"
    text += f", {count(routing['tables'])} tables"
    if took := routing["convergence_s"]:
        text += (
            f"; the last node had its table {took['mean']:.3f} s after a change, at most {took['max']:.3f} s"
        )
    if alternates:
        text += f"; {100.0 * alternates['share']:.1f} % of the hops of paths have a loop-free alternate"
    if not rows:
        return wrapped(text)
    headers = [("", "outages"), ("in all", "s"), ("longest", "s"), ("dropped", "packets")]
    return [*wrapped(text), *columns("", headers, rows)]
