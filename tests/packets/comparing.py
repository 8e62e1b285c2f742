"""What the engine and the reference say of one case, side by side."""

import numpy as np

from lasermesh.compiled import COMPILED
from lasermesh.packets.causes import CAUSES
from lasermesh.packets.state import NEVER
from tests.reference.case import NEVER as REFERENCE_NEVER
from tests.reference.results import fates as fates_counted

LINK_FIELDS = ("packets", "bytes", "busy_ps", "queue_max_bytes", "dropped", "marked")
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
    "marked",
    "unique_packets",
    "unique_bytes",
    "duplicates",
    "done_ps",
    "complete_ps",
)
POOL_FIELDS = ("arrived", "refused", "served", "waited", "wait_sum_ps", "busy_ps")
MOST_LINES = 5


def enough(compiled, plain):
    """A number of cases or packets for compiled kernels, and the smaller one that does without."""
    return compiled if COMPILED else plain


def link_totals(counters, n_links):
    """A tuple of LINK_FIELDS for every link, from what one drain gave."""
    totals = [(0, 0, 0, 0, (0,) * len(CAUSES), 0)] * n_links
    columns = [getattr(counters, field).tolist() for field in LINK_FIELDS]
    drops = LINK_FIELDS.index("dropped")
    columns[drops] = [tuple(row) for row in columns[drops]]
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
            tuple(totals.dropped[cause] for cause in CAUSES),
            totals.marked,
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
            totals.marked,
            totals.unique_packets,
            totals.unique_bytes,
            totals.duplicates,
            *(
                int(NEVER) if time_ps == REFERENCE_NEVER else time_ps
                for time_ps in (totals.done_ps, totals.complete_ps)
            ),
        )
        for totals in result.flows
    ]


def differences(engine, fates, result):
    """Sentences on where a finished engine and a reference result disagree; drains the engine's links."""
    mine, theirs = fates.counted, fates_counted(result)
    lines = []
    wrong = sorted((mine - theirs) | (theirs - mine), key=lambda fate: (fate[-1], fate))
    if wrong:
        lines.append(f"{len(wrong)} fates of {len(result.packets)} packets, the first of them:")
    for fate in wrong[: 2 * MOST_LINES]:
        who = "engine" if mine[fate] > theirs[fate] else "reference"
        lines.append("  only {}: flow {}, sequence {}, created {}, {} at {} ps".format(who, *fate))
    pairs = (
        (
            "link",
            LINK_FIELDS,
            link_totals(engine.drain_links(), engine.n_links),
            link_totals_of_reference(result),
        ),
        ("flow", FLOW_FIELDS, flow_totals(engine.flow_counters()), flow_totals_of_reference(result)),
        (
            "pool",
            POOL_FIELDS,
            list(zip(*(column.tolist() for column in engine.pool_counters()), strict=True)),
            [tuple(getattr(totals, field) for field in POOL_FIELDS) for totals in result.pools],
        ),
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
    delivered = [totals.delivered for totals in result.flows[: engine.flows.n_routed]]
    if histogram != delivered:
        lines.append(f"  histograms hold {histogram} packets, reference delivered {delivered}")
    return lines
