"""What flows did between two looks, by pencil: counts, sums in two words, percentiles, the open last bin."""

from types import SimpleNamespace

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.causes import LINK_DOWN, N_CAUSES, QUEUE
from lasermesh.packets.counters import FlowDrain
from lasermesh.packets.endpoint_kernels import HIGH_WORD
from lasermesh.packets.latency_bins import N_BINS, upper_edges_ps
from lasermesh.units import PS_PER_S

MS = 10**9
EDGES_PS = upper_edges_ps()


def standing(n_flows, n_workers=2):
    """The engine's arrays before anything was sent."""
    flows = np.zeros((n_flows, state.FLOW_COLUMNS), np.int64)
    flows[:, state.K_LATENCY_MIN] = state.NEVER
    flows[:, state.K_BINS] = np.arange(n_flows)
    return SimpleNamespace(
        flows=flows,
        histogram=np.zeros((n_flows, N_BINS), np.int64),
        dropped=np.zeros((n_workers * n_flows, N_CAUSES), np.int64),
        workers=np.zeros((n_workers, state.WORKER_COLUMNS), np.int64),
    )


def deliver(e, flow, latency_ps, packets=1, size_bytes=100):
    """Count packets as the engine does."""
    row = e.flows[flow]
    row[state.S_SEQUENCE] += packets
    row[state.K_DELIVERED] += packets
    row[state.K_BYTES] += packets * size_bytes
    row[state.K_LATENCY_MIN] = min(row[state.K_LATENCY_MIN], latency_ps)
    row[state.K_LATENCY_MAX] = max(row[state.K_LATENCY_MAX], latency_ps)
    words = int(row[state.K_LATENCY_SUM_HIGH]) * HIGH_WORD + int(row[state.K_LATENCY_SUM])
    row[state.K_LATENCY_SUM_HIGH], row[state.K_LATENCY_SUM] = divmod(words + packets * latency_ps, HIGH_WORD)
    e.histogram[flow, bin_of(latency_ps)] += packets


def bin_of(latency_ps):
    return min(int(np.searchsorted(EDGES_PS, latency_ps, side="right")), N_BINS - 1)


def edge_ps(latency_ps):
    return EDGES_PS[bin_of(latency_ps)]


def test_only_flows_that_did_something_have_rows_and_each_deed_is_told_once():
    e, drain = standing(4), FlowDrain(4, 4)
    assert len(drain.drain(e).flow) == 0
    deliver(e, 1, 20 * MS, packets=3)
    e.flows[3, state.S_SEQUENCE] += 5
    e.dropped[3, QUEUE] += 1  # by one worker
    e.dropped[4 + 3, QUEUE] += 1  # and by the other
    changes = drain.drain(e)
    assert changes.flow.tolist() == [1, 3]
    assert (changes.sent.tolist(), changes.delivered.tolist()) == ([3, 5], [3, 0])
    assert changes.bytes_delivered.tolist() == [300, 0]
    assert changes.dropped[:, QUEUE].tolist() == [0, 2] and changes.dropped.sum() == 2
    assert changes.latency_ps[0].tolist() == [20 * MS] * 3  # percentiles are never above the longest
    assert np.isnan(changes.latency_ps[1]).all()
    assert len(drain.drain(e).flow) == 0
    e.dropped[3, LINK_DOWN] += 1
    changes = drain.drain(e)
    assert (changes.flow.tolist(), changes.sent.tolist()) == ([3], [0])
    assert changes.dropped[0].sum() == changes.dropped[0, LINK_DOWN] == 1


def test_percentiles_are_of_the_interval_alone():
    e, drain = standing(1), FlowDrain(1, 1)
    deliver(e, 0, 500 * MS, packets=1000)
    deliver(e, 0, 5 * MS)
    drain.drain(e)
    deliver(e, 0, 10 * MS, packets=50)  # the 50th of 100 is the last of these
    deliver(e, 0, 30 * MS, packets=48)
    deliver(e, 0, 60 * MS, packets=2)  # the 99th is the first of these
    mean_ps, p50_ps, p99_ps = drain.drain(e).latency_ps[0]
    assert (mean_ps, p50_ps, p99_ps) == (20.6 * MS, edge_ps(10 * MS), edge_ps(60 * MS))
    deliver(e, 0, 30 * MS)
    assert drain.drain(e).latency_ps[0].tolist() == [30 * MS, edge_ps(30 * MS), edge_ps(30 * MS)]


def test_what_is_longer_than_all_bins_has_the_greatest_latency():
    e, drain = standing(1), FlowDrain(1, 1)
    deliver(e, 0, 2000 * PS_PER_S)
    assert drain.drain(e).latency_ps[0].tolist() == [2000 * PS_PER_S] * 3


def test_a_mean_is_right_where_the_sum_needs_two_words():
    e, drain = standing(1), FlowDrain(1, 1)
    latency_ps = 800 * PS_PER_S
    deliver(e, 0, latency_ps, packets=2000)
    drain.drain(e)
    deliver(e, 0, latency_ps, packets=5000)
    assert e.flows[0, state.K_LATENCY_SUM_HIGH] == 2
    assert drain.drain(e).latency_ps[0, 0] == latency_ps
