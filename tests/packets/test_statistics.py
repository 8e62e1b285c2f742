"""What the engine counts of each flow: latency bins, sums in two words, jitter, reordering, hops."""

import itertools
import random

import numpy as np
import pytest

from lasermesh.packets import state
from lasermesh.packets.latency_bins import N_BINS, upper_edges_ps
from lasermesh.results.statistics import percentile_ps
from lasermesh.units import PS_PER_S, PS_PER_US
from tests.packets.adapter import engine_of, run_case, run_steps, steps_of
from tests.packets.comparing import enough
from tests.reference.cases import random_case
from tests.reference.test_packet_simulator import diamond, network, script


def run_latencies(latencies_ps):
    """Flow counters after one packet per flow, flow i with the i-th latency (at least 1 ps)."""
    n = len(latencies_ps)
    links = [(0, 1 + k, latency - 1) for k, latency in enumerate(latencies_ps)]
    flows = [script(0, 1 + k, (0, 1)) for k in range(n)]
    for k, flow in enumerate(flows):
        flow.label = k
    case = network(links, flows, n_nodes=n + 1, tables=[], end_ps=2**61)
    engine = engine_of(case)
    table = np.full((n + 1, n, 1), -1, np.int32)
    table[0, :, 0] = np.arange(n)
    engine.install_table(table, np.arange(n, dtype=np.int32)[:, None], 0)
    run_steps(engine, case)
    return engine.flow_counters()


# -------------------------------------------------------------------------------------------------- histogram


def test_bins_reach_from_1_us_to_1000_s_and_are_less_than_1_percent_wide():
    edges = upper_edges_ps()
    assert len(edges) == N_BINS
    assert edges[0] <= PS_PER_US and edges[-1] >= 1000 * PS_PER_S
    ratios = edges[1:] / edges[:-1]
    assert ratios.min() > 1.0 and ratios.max() < 1.01


def test_every_latency_is_in_the_bin_between_its_edges():
    edges = upper_edges_ps()
    dice = random.Random(3)
    near = [int(edge) + off for edge in dice.sample(edges.tolist(), enough(100, 30)) for off in (-1, 0, 1)]
    anywhere = [int(2 ** dice.uniform(0, 53)) for _ in range(enough(300, 60))]
    latencies = [1, 2, 400_000, 9 * 10**15, *near, *anywhere]
    counters = run_latencies(latencies)
    assert counters.latency_sum_ps == latencies
    for latency, row in zip(latencies, counters.histogram, strict=True):
        bins = np.flatnonzero(row)
        # An edge belongs to the bin above it; the last bin also holds all that is longer.
        expected = min(int(np.searchsorted(edges, latency, side="right")), N_BINS - 1)
        assert (bins.tolist(), row[expected]) == ([expected], 1), latency


@pytest.mark.parametrize("percent", [1, 50, 90, 99, 100])
def test_percentile_is_the_upper_edge_of_its_bin_less_than_1_percent_too_long_or_the_longest(percent):
    dice = random.Random(percent)
    # One packet every 10 s waits for nobody; 37 of them, so that ranks are rounded.
    sizes = [int(10 ** dice.uniform(4, 6)) % 65_536 + 1 for _ in range(37)]
    case = network(
        [(0, 1, 5 * PS_PER_US)], [script(0, 1, *[(10 * PS_PER_S * k, s) for k, s in enumerate(sizes)])]
    )
    case.end_ps = case.steps[0].t1_ps = 400 * PS_PER_S
    case.changes = [(0, 0, "start", 8 * 10**6)]  # 1 us a byte
    engine, _ = run_case(case)
    counters = engine.flow_counters()
    latencies = sorted((size + 5) * PS_PER_US for size in sizes)
    exact = latencies[-(-37 * percent // 100) - 1]
    given = percentile_ps(counters.histogram[0], upper_edges_ps(), counters.latency_max_ps[0], percent)
    assert exact <= given < exact * 1.01
    assert given == latencies[-1] or given in upper_edges_ps()
    assert (counters.latency_min_ps[0], counters.latency_max_ps[0]) == (latencies[0], latencies[-1])


def test_flow_that_delivers_nothing_has_no_latency():
    engine, _ = run_case(network([(0, 1, 10**9)], [script(0, 1, (0, 1))]))
    counters = engine.flow_counters()
    assert (counters.sent[0], counters.delivered[0], counters.in_flight[0]) == (1, 0, 1)
    assert (counters.latency_min_ps[0], counters.latency_max_ps[0], counters.latency_sum_ps[0]) == (0, 0, 0)
    assert not counters.histogram.any()


# ------------------------------------------------------------------------------------------------ latency sum


def test_sum_of_latencies_beyond_two_to_the_61_is_exact():
    day_ps = 86_400 * PS_PER_S
    delay_ps = 5 * day_ps  # representable in float64: a multiple of 2**12
    n_packets = 40
    packets = [(1000 * k, 1) for k in range(n_packets)]
    case = network([(0, 1, delay_ps)], [script(0, 1, *packets)], end_ps=6 * day_ps)
    engine, _ = run_case(case)
    total = n_packets * (delay_ps + 1)
    assert total > 2**63
    assert engine.flow_counters().latency_sum_ps == [total]
    assert all(type(value) is int for value in engine.flow_counters().latency_sum_ps)


# -------------------------------------------------------------------------------- jitter, reordering and hops


def deliveries(case):
    """The engine's counters, and (sequence, latency_ps, size) of each flow's deliveries in their order."""
    engine = engine_of(case)
    drained = run_steps(engine, case)
    rows = [[] for _ in case.flows]
    for record in (record for records in drained for record in records.tolist()):
        if record[state.T_KIND] == state.TAP_DELIVERED:
            flow, sequence = divmod(record[state.T_IDENT], 1 << state.SEQUENCE_BITS)
            size = record[state.T_WORD] >> state.SIZE_SHIFT & state.SIZE_MASK
            rows[flow].append((sequence, record[state.T_TIME] - record[state.T_CREATED], size))
    return engine.flow_counters(), rows


def jitter_ps(latencies):
    """RFC 3550, section 6.4.1: J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16."""
    jitter = 0.0
    for before, after in itertools.pairwise(latencies):
        jitter += (abs(after - before) - jitter) / 16.0
    return jitter


def reordered(sequences):
    """RFC 4737, section 3: packets delivered after one of a greater sequence number."""
    return sum(sequence < max(sequences[:k], default=-1) for k, sequence in enumerate(sequences))


def test_packets_overtaken_on_a_shorter_way_are_reordered_and_make_jitter():
    # Packets 0 and 1 take the long way, those from 100 on the short one.
    flow = script(0, 3, (0, 10), (1, 10), (200, 10), (201, 10), (3500, 10))
    case = diamond([flow])
    case.changes = case.changes[:4]
    case.tables.reverse()
    case.tables[0].switch_ps, case.tables[1].switch_ps = [0] * 4, [100] * 4
    counters, rows = deliveries(case)
    assert [sequence for sequence, _, _ in rows[0]] == [2, 3, 0, 1, 4]
    assert counters.reordered[0] == 2
    assert counters.jitter_ps[0] == jitter_ps([1030, 1039, 2030, 2039, 1030])
    assert counters.hops_sum[0] == 10


@pytest.mark.parametrize("flavour", ["table swaps", "jumps", "reroute", "overload", "wide rates"])
def test_statistics_follow_from_the_deliveries(flavour):
    dice = random.Random(f"statistics/{flavour}")
    for _ in range(enough(8, 2)):
        counters, rows = deliveries(random_case(dice, flavour))
        for flow, row in enumerate(rows):
            latencies = [latency for _, latency, _ in row]
            assert counters.delivered[flow] == len(row) == counters.histogram[flow].sum()
            assert counters.bytes_delivered[flow] == sum(size for _, _, size in row)
            assert counters.latency_sum_ps[flow] == sum(latencies)
            assert counters.latency_min_ps[flow] == min(latencies, default=0)
            assert counters.latency_max_ps[flow] == max(latencies, default=0)
            assert counters.jitter_ps[flow] == jitter_ps(latencies)
            assert counters.reordered[flow] == reordered([sequence for sequence, _, _ in row])


@pytest.mark.parametrize("n_links", [1, 2, 7, 63, 64, 200])
def test_hops_of_a_delivered_packet_are_the_links_that_it_crossed(n_links):
    links = [(k, k + 1, 10) for k in range(n_links)]
    flow = script(0, n_links, (0, 1), (50, 2), hop_limit=max(n_links, 64))
    engine, fates = run_case(network(links, [flow]))
    assert fates == {(0, 0): ("delivered", 11 * n_links), (0, 1): ("delivered", 50 + 12 * n_links)}
    assert engine.flow_counters().hops_sum[0] == 2 * n_links
    assert engine.packet_hops == 2 * n_links


# ---------------------------------------------------------------------------------- counters of links drained


def test_counters_of_links_drained_at_any_time_add_up():
    # 10 packets of 100 ps each, drained every 130 ps: busy time belongs to the interval in which it passes.
    case = network([(0, 1, 5)], [script(0, 1, *[(0, 100)] * 10)], end_ps=1300)
    engine = engine_of(case)
    whole, _ = run_case(case)
    (end_ps, step), *_ = steps_of(case)
    engine.begin_step(step)
    drains = []
    for until in range(130, end_ps + 1, 130):
        assert engine.advance(until)
        engine.drain_taps()
        drains.append(engine.drain_links())
    busy = [int(drain.busy_ps.sum()) for drain in drains]
    assert busy == [130] * 7 + [90, 0, 0]
    assert [int(drain.packets.sum()) for drain in drains] == [1, 1, 1, 2, 1, 1, 2, 1, 0, 0]
    # What waits at the start of an interval has waited in it.
    assert [drain.queue_max_bytes.tolist() for drain in drains][:8] == [
        [900], [800], [700], [600], [400], [300], [200], [0],
    ]  # fmt: skip
    total = whole.drain_links()
    for field in ("packets", "bytes", "busy_ps"):
        assert sum(int(getattr(drain, field).sum()) for drain in drains) == getattr(total, field)[0]
