"""A small run with known packets, as the engine would hand it over."""

import numpy as np

from lasermesh.packets.causes import LINK_DOWN, N_CAUSES, QUEUE
from lasermesh.packets.state import NEVER
from lasermesh.results import (
    ARRIVED,
    DELIVERED,
    DROPPED,
    LEFT,
    Contacts,
    FlowCounters,
    FlowList,
    LinkIntervals,
    LinkTotals,
    PacketEvents,
    PathChanges,
    QueueLengths,
    summarise,
)
from lasermesh.units import NONE

NODES = ("gen1-00-00", "gen1-00-01", "Tokyo", "Zürich")
MS = 10**9

# Latencies of every flow's delivered packets, in ps: none, one, and many.
LATENCIES_PS = ((), (5 * MS,), tuple(range(10 * MS, 20 * MS, MS // 10)))

SCENARIO = {
    "name": "pencil",
    "start_s": 0.0,
    "duration_s": 12.0,
    "topology": {"name": "four", "step_s": 1.0, "satellites": [], "ground": []},
    "packets": {"framing_bytes": 0, "hop_limit": 64, "scale": 1.0},
    "flows": [{"name": "a"}],
}


def upper_edges_ps():
    """1 % steps from 1 us on; the last bin takes what is longer."""
    return np.floor(1e6 * 1.01 ** np.arange(1, 1500))


def counters(latencies_ps=LATENCIES_PS, packet_bytes=1500):
    n = len(latencies_ps)
    edges = upper_edges_ps()
    delivered = np.array([len(latencies) for latencies in latencies_ps], np.int64)
    dropped = np.zeros((n, N_CAUSES), np.int64)
    dropped[:, QUEUE] = np.arange(n) * 3
    dropped[-1:, LINK_DOWN] = 2
    sent = delivered + dropped.sum(axis=1) + 1
    histogram = np.zeros((n, len(edges)), np.int64)
    for row, latencies in enumerate(latencies_ps):
        np.add.at(histogram[row], np.searchsorted(edges[:-1], latencies, side="right"), 1)
    return FlowCounters(
        sent=sent,
        bytes_sent=sent * packet_bytes,
        delivered=delivered,
        bytes_delivered=delivered * packet_bytes,
        dropped=dropped,
        latency_min_ps=np.array([min(latencies, default=0) for latencies in latencies_ps]),
        latency_max_ps=np.array([max(latencies, default=0) for latencies in latencies_ps]),
        latency_sum_ps=[sum(latencies) for latencies in latencies_ps],
        histogram=histogram,
        upper_edges_ps=edges,
        jitter_ps=np.arange(n) * 0.25 * MS,
        reordered=np.arange(n),
        hops_sum=delivered * 3,
        marked=delivered // 4,
        unique_packets=np.zeros(n, np.int64),
        unique_bytes=np.zeros(n, np.int64),
        duplicates=np.zeros(n, np.int64),
        done_ps=np.full(n, NEVER),
        complete_ps=np.full(n, NEVER),
    )


def flows(n=3):
    names = [f"{'office' if row else 'lone'}/Tokyo>Zürich" for row in range(n)]
    groups = [name.partition("/")[0] for name in names]
    return FlowList(names, ["Tokyo"] * n, ["Zürich"] * n, np.arange(n) * 1.0, np.full(n, np.inf), groups)


def intervals():
    """Two intervals of three links; the second link is idle in the second one."""
    dropped = np.zeros((6, N_CAUSES), np.int64)
    dropped[2, QUEUE] = 7
    dropped[5, QUEUE] = 1
    return LinkIntervals(
        t_s=np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
        link=np.array([0, 1, 2, 0, 1, 2], np.int32),
        from_node=np.array([2, 0, 1, 2, 0, 1], np.int32),
        to_node=np.array([0, 1, 3, 0, 1, 3], np.int32),
        kind=np.array([1, 0, 1, 1, 0, 1], np.int8),
        bytes=np.array([3000, 1500, 6000, 3000, 0, 6000]),
        packets=np.array([2, 1, 4, 2, 0, 4]),
        marked=np.array([0, 0, 3, 0, 0, 1]),
        dropped=dropped,
        queue_max_bytes=np.array([0, 0, 4500, 1500, 0, 3000]),
        busy_s=np.array([0.25, 0.125, 1.0, 0.25, 0.0, 1.0]),
    )


def path_changes():
    return PathChanges(
        t_s=np.array([0.0, 0.0, 1.0]),
        flow=np.array([0, 1, 1], np.int32),
        delay_s=np.array([0.01, 0.02, np.nan]),
        nodes=np.array([2, 0, 1, 3, 2, 1, 3], np.int32),
        first=np.array([0, 4, 7, 7]),
    )


def contacts():
    return Contacts(
        from_node=np.array([2, 0]),
        to_node=np.array([0, 2]),
        kind=np.array([1, 1], np.int8),
        start_s=np.array([0.0, 0.5]),
        stop_s=np.array([10.0, 2.0]),
        rate_bps=np.array([25 * 10**9, 10**9]),
        owlt_s=np.array([0.002, 0.003]),
        open_start=np.array([True, False]),
        open_stop=np.array([True, False]),
    )


def packet_events():
    """Packet 5 of flow 1 is delivered over two links, marked on its way; packet 6 finds no room."""
    return PacketEvents(
        time_ps=np.array([10, 20, 30, 40, 40, 50]),
        flow=np.full(6, 1, np.int32),
        sequence=np.array([5, 5, 5, 5, 5, 6]),
        event=np.array([LEFT, ARRIVED, LEFT, ARRIVED, DELIVERED, DROPPED], np.int8),
        node=np.array([2, 0, 0, 3, 3, 2]),
        link=np.array([0, 0, 4, 4, NONE, NONE]),
        hop=np.array([1, 1, 2, 2, 2, 0]),
        packets=np.full(6, 1),
        size_bytes=np.full(6, 1500),
        created_ps=np.array([3, 3, 3, 3, 3, 50]),
        cause=np.array([NONE, NONE, NONE, NONE, NONE, QUEUE], np.int8),
        marked=np.array([False, False, True, True, True, False]),
    )


def queue_lengths():
    """One packet joins, then another, then both are taken."""
    return QueueLengths(
        time_ps=np.array([10, 20, 25, 40]),
        link=np.zeros(4, np.int64),
        from_node=np.full(4, 2),
        to_node=np.zeros(4, np.int64),
        waiting_packets=np.array([1, 2, 1, 0]),
        waiting_bytes=np.array([40, 1540, 1500, 0]),
    )


def summary(status="complete", **more):
    totals = LinkTotals()
    totals.add(intervals())
    engine = {"packet_hops": 22, "wall_s": 0.5, "packet_hops_per_s": 44.0, "compile_s": 0.0, "threads": 1}
    return summarise("pencil", 7, status, 2.0, flows(), counters(), NODES, totals, 6, engine, **more)
