"""What has come of flows and links, read from the engine's arrays."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import grown
from lasermesh.packets.boundary_kernels import (
    J_BUSY,
    J_BYTES,
    J_COLUMNS,
    J_DROPPED,
    J_LINK,
    J_MARKED,
    J_PACKETS,
    J_QUEUE_MAX,
    take_link_counters,
)
from lasermesh.packets.causes import BIT_ERROR, EARLY, LINK_DOWN, N_CAUSES, NODE_DOWN, QUEUE
from lasermesh.packets.endpoint_kernels import HIGH_WORD
from lasermesh.packets.interval_kernels import I_DROPPED, LATENCY_COLUMNS, fill_changes
from lasermesh.packets.latency_bins import N_BINS, upper_edges_ps
from lasermesh.units import NONE


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
    histogram: np.ndarray  # int64 (n, N_BINS)  of those that have one, which come first: all but direct ones
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


LINK_CAUSES = [QUEUE, LINK_DOWN, BIT_ERROR, NODE_DOWN, EARLY]
"""Causes of drops that links count, in the order of `boundary_kernels.DROPS`."""


def read_flow_counters(e, rows=None):
    """What came of flows so far, of all or of these rows, summed over workers.

    Of given rows each has a histogram, an empty one where the engine has none for it.
    """
    flows = e.flows if rows is None else e.flows[rows]
    none = flows[:, state.K_DELIVERED] == 0
    high, low = flows[:, state.K_LATENCY_SUM_HIGH], flows[:, state.K_LATENCY_SUM]
    dropped, jitter_ps, histogram = (
        read_drops(e, len(e.flows)),
        e.flow_floats[:, state.F_JITTER_PS],
        e.histogram,
    )
    if rows is not None:
        bins = flows[:, state.K_BINS]
        dropped, jitter_ps, histogram = dropped[rows], jitter_ps[rows], histogram[np.maximum(bins, 0)]
        histogram[bins == NONE] = 0
    return FlowCounters(
        sent=flows[:, state.S_SEQUENCE].copy(),
        bytes_sent=flows[:, state.S_BYTES_SENT].copy(),
        delivered=flows[:, state.K_DELIVERED].copy(),
        bytes_delivered=flows[:, state.K_BYTES].copy(),
        dropped=dropped,
        latency_min_ps=np.where(none, 0, flows[:, state.K_LATENCY_MIN]),
        latency_max_ps=np.where(none, 0, flows[:, state.K_LATENCY_MAX]),
        latency_sum_ps=[int(h) * HIGH_WORD + int(w) for h, w in zip(high, low, strict=True)],
        histogram=histogram,
        jitter_ps=jitter_ps.copy(),
        reordered=flows[:, state.K_REORDERED].copy(),
        hops_sum=flows[:, state.K_HOPS].copy(),
        marked=flows[:, state.K_MARKED].copy(),
        unique_packets=flows[:, state.K_UNIQUE].copy(),
        unique_bytes=flows[:, state.K_UNIQUE_BYTES].copy(),
        duplicates=flows[:, state.K_DUPLICATES].copy(),
        done_ps=flows[:, state.A_DONE].copy(),
        complete_ps=flows[:, state.K_COMPLETE].copy(),
    )


def read_drops(e, flows):
    """Packets by cause that flows have lost, summed over workers: so many first ones, or these rows."""
    rows = flows if isinstance(flows, np.ndarray) else slice(flows)
    return e.dropped.reshape(len(e.workers), -1, N_CAUSES)[:, rows].sum(axis=0)


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
        self._taken = np.zeros((0, J_COLUMNS), np.int64)

    def drain(self, x, clock_ps, trains):
        """Counters of links since the last drain, for those that did anything; starts them anew.

        `x` are the rows of `Engine.links` in use, all of which stand at `clock_ps`. With `trains`, the time
        of one is counted once its head has left.
        """
        n = len(x)
        self._sent = grown(self._sent, n)
        self._overhang_ps = grown(self._overhang_ps, n)
        if len(self._taken) <= n:  # a row more than there are links: each is filled before it counts
            self._taken = np.zeros((len(self._sent) + 1, J_COLUMNS), np.int64)
        n_active = take_link_counters(
            x, np.int64(clock_ps), bool(trains), self._sent, self._overhang_ps, self._taken
        )
        taken = self._taken[:n_active].copy()
        dropped = np.zeros((n_active, N_CAUSES), np.int64)
        dropped[:, LINK_CAUSES] = taken[:, J_DROPPED:]
        return LinkCounters(
            link=taken[:, J_LINK],
            packets=taken[:, J_PACKETS],
            bytes=taken[:, J_BYTES],
            busy_ps=taken[:, J_BUSY],
            queue_max_bytes=taken[:, J_QUEUE_MAX],
            dropped=dropped,
            marked=taken[:, J_MARKED],
        )


class FlowDrain:
    """Reads the counters of the first `n_flows` flows, none of them direct, interval by interval.

    `n_histograms` is how many rows the engine's histogram has.
    """

    def __init__(self, n_flows, n_histograms):
        self._edges_ps = upper_edges_ps()
        columns = I_DROPPED + N_CAUSES
        self._before = np.zeros((n_flows, columns), np.int64), np.zeros((n_flows, 2), np.int64)
        self._counted = np.zeros((n_histograms, N_BINS), np.int64)  # takes memory only where it is not 0
        self._rows = np.empty((n_flows, columns), np.int64), np.empty((n_flows, LATENCY_COLUMNS))

    def drain(self, e) -> FlowChanges:
        """What flows did since the last drain."""
        dropped = read_drops(e, len(self._rows[0]))
        known = *self._before, self._counted
        n = fill_changes(e.flows, dropped, e.histogram, self._edges_ps, *known, *self._rows)
        counts, latency_ps = (rows[:n].copy() for rows in self._rows)
        return FlowChanges(*counts[:, :I_DROPPED].T, counts[:, I_DROPPED:], latency_ps)
