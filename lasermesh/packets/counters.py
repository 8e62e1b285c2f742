"""What has come of flows and links, read from the engine's arrays."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import grown
from lasermesh.packets.causes import BIT_ERROR, EARLY, LINK_DOWN, N_CAUSES, NODE_DOWN, QUEUE
from lasermesh.packets.endpoint_kernels import HIGH_WORD
from lasermesh.packets.interval_kernels import I_DROPPED, LATENCY_COLUMNS, fill_changes
from lasermesh.packets.latency_bins import N_BINS, upper_edges_ps


class FlowCounters(NamedTuple):
    """What came of each flow so far; row i is flow i."""

    sent: np.ndarray  # int64 (n_flows,)
    bytes_sent: np.ndarray  # int64
    delivered: np.ndarray  # int64
    bytes_delivered: np.ndarray  # int64
    dropped: np.ndarray  # int64 (n_flows, N_CAUSES)
    latency_min_ps: np.ndarray  # int64, 0 where nothing was delivered
    latency_max_ps: np.ndarray  # int64
    latency_sum_ps: list  # Python ints
    histogram: np.ndarray  # int64 (n_routed, N_BINS)  of flows that are not direct, which come first
    jitter_ps: np.ndarray  # float64
    reordered: np.ndarray  # int64
    hops_sum: np.ndarray  # int64
    marked: np.ndarray  # int64  delivered with a mark of congestion
    unique_packets: np.ndarray  # int64  bulk: segments that have come
    unique_bytes: np.ndarray  # int64
    duplicates: np.ndarray  # int64  bulk: segments that have come again
    done_ps: np.ndarray  # int64  bulk: when everything was acknowledged, NEVER if it was not
    complete_ps: np.ndarray  # int64  bulk: when the last segment came, NEVER if not all have come

    @property
    def in_flight(self):
        """Packets that wait, are in service or on the way."""
        return self.sent - self.delivered - self.dropped.sum(axis=1)


class FlowChanges(NamedTuple):
    """What came of each flow that did anything since the last drain, by row of the flow."""

    flow: np.ndarray  # int64 (n,)  rows
    sent: np.ndarray  # int64
    delivered: np.ndarray  # int64
    bytes_delivered: np.ndarray  # int64
    dropped: np.ndarray  # int64 (n, N_CAUSES)
    latency_ps: np.ndarray  # float64 (n, 3)  mean, 50th and 99th percentile, nan where none was delivered


class LinkCounters(NamedTuple):
    """What happened on each link that did anything since the last drain."""

    link: np.ndarray  # int64 (n,)  ids
    packets: np.ndarray  # int64  last bits that left
    bytes: np.ndarray  # int64
    busy_ps: np.ndarray  # int64  time in service
    queue_max_bytes: np.ndarray  # int64
    dropped: np.ndarray  # int64 (n, N_CAUSES)
    marked: np.ndarray  # int64  told of congestion here


class PoolCounters(NamedTuple):
    """What came of requests at each service pool so far; row i is pool i."""

    arrived: np.ndarray  # int64 (n_pools,)
    refused: np.ndarray  # int64
    served: np.ndarray  # int64  answered in full
    waited: np.ndarray  # int64  accepted, but not served at once
    wait_sum_ps: np.ndarray  # Python ints  of those accepted, up to the end of the run
    busy_ps: np.ndarray  # Python ints  of all servers, up to the end of the run


LINK_CAUSES = (
    (QUEUE, state.L_DROPPED_QUEUE),
    (LINK_DOWN, state.L_DROPPED_LINK_DOWN),
    (BIT_ERROR, state.R_DROPPED_BIT_ERROR),
    (NODE_DOWN, state.L_DROPPED_NODE_DOWN),
    (EARLY, state.L_DROPPED_EARLY),
)
"""Causes that links count, and their columns."""


def read_flow_counters(e):
    """What came of each flow so far, summed over workers."""
    none = e.flows[:, state.K_DELIVERED] == 0
    high, low = e.flows[:, state.K_LATENCY_SUM_HIGH], e.flows[:, state.K_LATENCY_SUM]
    return FlowCounters(
        sent=e.flows[:, state.S_SEQUENCE].copy(),
        bytes_sent=e.flows[:, state.S_BYTES_SENT].copy(),
        delivered=e.flows[:, state.K_DELIVERED].copy(),
        bytes_delivered=e.flows[:, state.K_BYTES].copy(),
        dropped=read_drops(e, len(e.flows)),
        latency_min_ps=np.where(none, 0, e.flows[:, state.K_LATENCY_MIN]),
        latency_max_ps=np.where(none, 0, e.flows[:, state.K_LATENCY_MAX]),
        latency_sum_ps=[int(h) * HIGH_WORD + int(w) for h, w in zip(high, low, strict=True)],
        histogram=e.histogram,
        jitter_ps=e.flow_floats[:, state.F_JITTER_PS].copy(),
        reordered=e.flows[:, state.K_REORDERED].copy(),
        hops_sum=e.flows[:, state.K_HOPS].copy(),
        marked=e.flows[:, state.K_MARKED].copy(),
        unique_packets=e.flows[:, state.K_UNIQUE].copy(),
        unique_bytes=e.flows[:, state.K_UNIQUE_BYTES].copy(),
        duplicates=e.flows[:, state.K_DUPLICATES].copy(),
        done_ps=e.flows[:, state.A_DONE].copy(),
        complete_ps=e.flows[:, state.K_COMPLETE].copy(),
    )


def read_drops(e, n_flows):
    """Packets that the first flows have lost, by cause, summed over workers."""
    return e.dropped.reshape(len(e.workers), -1, N_CAUSES)[:, :n_flows].sum(axis=0)


def read_pool_counters(e):
    """What came of requests at each service pool so far."""
    counts = (state.O_ARRIVED, state.O_REFUSED, state.O_SERVED, state.O_WAITED)
    sums = (state.O_WAIT_SUM, state.O_BUSY)
    return PoolCounters(
        *(e.pools[:, column].copy() for column in counts),
        *(
            np.array([int(high) * HIGH_WORD + int(low) for low, high in e.pools[:, at : at + 2]], object)
            for at in sums
        ),
    )


def sent_packets(e, n_links):
    """Packets whose last bit has left each link: int64 array; a train's count once its head has left."""
    return e.links[:n_links, state.X_PACKETS if e.control[state.O_TRAINS] else state.X_SENT_COUNT]


class LinkDrain:
    """Reads the counters of links interval by interval."""

    def __init__(self):
        self._sent = np.zeros(0, np.int64)  # at the last drain
        self._overhang_ps = np.zeros(0, np.int64)  # service that lay beyond it

    def drain(self, x, sent, clock_ps, trains):
        """Counters of links since the last drain, for those that did anything; starts them anew.

        `x` are the rows of `Engine.links` in use, all of which stand at `clock_ps`, `sent` what
        `sent_packets` says of them. With `trains`, the time of one is counted once its head has left.
        """
        n = len(x)
        self._sent = grown(self._sent, n)
        self._overhang_ps = grown(self._overhang_ps, n)
        # A packet in service belongs in part to the next interval, and one begun before to this one.
        overhang_ps = np.maximum(x[:, state.X_FREE] - clock_ps, 0)
        if trains:
            overhang_ps[x[:, state.X_BUSY] == 0] = 0
        packets = sent - self._sent[:n]
        # A window that was left unfinished may have links beyond the clock.
        busy_ps = np.maximum(x[:, state.L_BUSY] - overhang_ps + self._overhang_ps[:n], 0)
        dropped = np.zeros((n, N_CAUSES), np.int64)
        for cause, column in LINK_CAUSES:
            dropped[:, cause] = x[:, column]
        active = (packets > 0) | (busy_ps > 0) | (x[:, state.L_QUEUE_MAX] > 0) | dropped.any(axis=1)
        links = np.flatnonzero(active)
        counters = LinkCounters(
            link=links,
            packets=packets[links],
            bytes=x[links, state.L_BYTES],
            busy_ps=busy_ps[links],
            queue_max_bytes=x[links, state.L_QUEUE_MAX],
            dropped=dropped[links],
            marked=x[links, state.L_MARKED],
        )
        self._sent[:n] = sent
        self._overhang_ps[:n] = overhang_ps
        started_anew = (state.L_BYTES, state.L_BUSY, state.L_MARKED, *(column for _, column in LINK_CAUSES))
        x[:, started_anew] = 0
        x[:, state.L_QUEUE_MAX] = x[:, state.X_WAITING_BYTES]
        return counters


class FlowDrain:
    """Reads the counters of the first `n_flows` flows, none of them direct, interval by interval."""

    def __init__(self, n_flows):
        self._edges_ps = upper_edges_ps()
        columns = I_DROPPED + N_CAUSES
        self._before = np.zeros((n_flows, columns), np.int64), np.zeros((n_flows, 2), np.int64)
        self._counted = np.zeros((n_flows, N_BINS), np.int64)  # takes memory only where it is not 0
        self._rows = np.empty((n_flows, columns), np.int64), np.empty((n_flows, LATENCY_COLUMNS))

    def drain(self, e) -> FlowChanges:
        """What flows did since the last drain."""
        dropped = read_drops(e, len(self._counted))
        known = *self._before, self._counted
        n = fill_changes(e.flows, dropped, e.histogram, self._edges_ps, *known, *self._rows)
        counts, latency_ps = (rows[:n].copy() for rows in self._rows)
        return FlowChanges(*counts[:, :I_DROPPED].T, counts[:, I_DROPPED:], latency_ps)
