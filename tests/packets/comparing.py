"""What the engine and the reference say of one case, side by side."""

import numpy as np

from lasermesh.compiled import COMPILED
from lasermesh.packets.causes import CAUSES
from tests.packets.adapter import fates_of_reference

LINK_FIELDS = ("packets", "bytes", "busy_ps", "queue_max_bytes", "dropped_queue", "dropped_link_down")
FLOW_FIELDS = (
    "sent",
    "bytes_sent",
    "delivered",
    "bytes_delivered",
    "in_flight",
    "dropped",
    "latency_min_ps",
    "latency_max_ps",
    "latency_sum_ps",
    "jitter_ps",
    "reordered",
    "hops_sum",
)
MOST_LINES = 5


def enough(compiled, plain):
    """A number of cases or packets for compiled kernels, and the smaller one that does without."""
    return compiled if COMPILED else plain


def link_totals(counters, n_links):
    """A tuple of LINK_FIELDS for every link, from what one drain gave."""
    totals = [(0,) * len(LINK_FIELDS)] * n_links
    columns = [getattr(counters, field).tolist() for field in LINK_FIELDS]
    for link, *row in zip(counters.link.tolist(), *columns, strict=True):
        totals[link] = tuple(row)
    return totals


def link_totals_of_reference(result):
    """The same of a reference simulation."""
    return [
        (
            totals.packets,
            totals.bytes,
            totals.busy_ps,
            totals.queue_max_bytes,
            totals.dropped["queue"],
            totals.dropped["link_down"],
        )
        for totals in result.links
    ]


def flow_totals(counters):
    """A tuple of FLOW_FIELDS for every flow."""
    columns = [np.asarray(getattr(counters, field), object).tolist() for field in FLOW_FIELDS]
    drops = FLOW_FIELDS.index("dropped")
    columns[drops] = [tuple(row) for row in columns[drops]]
    return list(zip(*columns, strict=True))


def flow_totals_of_reference(result):
    """The same of a reference simulation."""
    return [
        (
            totals.sent,
            totals.bytes_sent,
            totals.delivered,
            totals.bytes_delivered,
            totals.in_flight,
            tuple(totals.dropped[cause] for cause in CAUSES),
            totals.latency_min_ps or 0,
            totals.latency_max_ps or 0,
            totals.latency_sum_ps,
            totals.jitter_ps,
            totals.reordered,
            totals.hops_sum,
        )
        for totals in result.flows
    ]


def differences(engine, fates, result):
    """Sentences on where a finished engine and a reference result disagree; drains the engine's links."""
    expected = fates_of_reference(result)
    lines = []
    wrong = [key for key in expected.keys() | fates.keys() if fates.get(key) != expected.get(key)]
    wrong.sort(key=lambda key: min(fate[key][1] for fate in (fates, expected) if key in fate))
    if wrong:
        lines.append(f"{len(wrong)} of {len(result.packets)} packets (flow, sequence), the first of them:")
    for key in wrong[:MOST_LINES]:
        engine_says, reference_says = (
            "{} at {} ps".format(*fate[key]) if key in fate else "in flight" for fate in (fates, expected)
        )
        lines.append(f"  {key}: engine {engine_says}, reference {reference_says}")
    pairs = (
        (
            "link",
            LINK_FIELDS,
            link_totals(engine.drain_links(), engine.n_links),
            link_totals_of_reference(result),
        ),
        ("flow", FLOW_FIELDS, flow_totals(engine.flow_counters()), flow_totals_of_reference(result)),
    )
    for what, fields, given, wanted in pairs:
        rows = [
            f"  {what} {row} {field}: engine {a}, reference {b}"
            for row, (mine, theirs) in enumerate(zip(given, wanted, strict=True))
            for field, a, b in zip(fields, mine, theirs, strict=True)
            if a != b
        ]
        lines += rows[:MOST_LINES]
    histogram = engine.flow_counters().histogram.sum(axis=1).tolist()
    delivered = [totals.delivered for totals in result.flows]
    if histogram != delivered:
        lines.append(f"  histograms hold {histogram} packets, reference delivered {delivered}")
    return lines
