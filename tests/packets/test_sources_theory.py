"""On/off flows, transfers and bit errors against closed forms: by pencil, or within what chance explains."""

import math

import numpy as np
import pytest

from lasermesh.packets import state
from lasermesh.units import PS_PER_MS, PS_PER_S, PS_PER_US
from tests.packets.adapter import engine_of, run_case, run_steps
from tests.packets.batch_means import N_BATCHES, Z_99, assert_holds, assert_share, batches
from tests.packets.comparing import enough
from tests.reference.case import Flow
from tests.reference.test_packet_simulator import BYTE_PER_PS, network

# ----------------------------------------------------------------------------------------------- on/off flows

ON_PS, OFF_PS = 3 * PS_PER_MS, 7 * PS_PER_MS
SHARE_ON = ON_PS / (ON_PS + OFF_PS)
GAP_PS = PS_PER_US * 10  # between packets while on: a three-hundredth of a mean on time
GAP_BYTES = 125


def on_off(end_ps, seed):
    """One flow of 125 bytes every 10 us while it is on, over a link that delays them by nothing but light."""
    flow = Flow(
        0, 1, "on-off", rate_bps=GAP_BYTES * 8 * PS_PER_S // GAP_PS, sizes=((GAP_BYTES, 1),), label=1,
        on_ps=float(ON_PS), off_ps=float(OFF_PS),
    )  # fmt: skip
    return network([(0, 1, PS_PER_S // 10)], [flow], end_ps=end_ps, seed=seed)


def test_on_time_in_an_interval_has_the_mean_variance_and_covariance_of_a_two_state_chain():
    """Intervals of T, as long as the chain's own time: on time is packets sent, to within one packet each.

    With exponential times the state's autocovariance is p (1 - p) exp(-t / tau), 1 / tau = 1 / on + 1 / off
    (D. R. Cox, Renewal Theory, section 7.4); integrated twice, that is what intervals have.
    """
    tau = 1 / (1 / ON_PS + 1 / OFF_PS)
    per_batch, length = enough(1000, 20), 2 * tau
    case = on_off(round((N_BATCHES + 1) * per_batch * length), seed=4)
    sent = batches(case, lambda engine: [int(engine.flow_counters().sent[0])], per_batch)
    on_ps = sent[:, 0].reshape(N_BATCHES, per_batch) * GAP_PS
    mean_ps = SHARE_ON * length
    assert_holds(on_ps.mean(axis=1), mean_ps, enough(0.03, 0.4))
    scale = SHARE_ON * (1 - SHARE_ON) * tau**2
    variance = 2 * scale * (length / tau - 1 + math.exp(-length / tau))
    covariance = scale * (1 - math.exp(-length / tau)) ** 2
    away = on_ps - mean_ps
    assert_holds((away**2).mean(axis=1), variance, enough(0.04, 0.3))
    assert_holds((away[:, 1:] * away[:, :-1]).mean(axis=1), covariance, enough(0.08, 0.8))


def test_on_and_off_times_are_exponential_with_their_means():
    """Seen from its own clock, a flow is interrupted by a Poisson process of rate 1 / on.

    So a gap between packets is interrupted with probability 1 - exp(-gap / on), whatever was before; what it
    is longer by is one off time, or seldom several: their mean number is x / (1 - exp(-x)), x = gap / on.
    """
    case = on_off(enough(10_000, 200) * (ON_PS + OFF_PS), seed=6)
    records = np.concatenate(run_steps(engine_of(case), case))
    created = records[records[:, state.T_KIND] == state.TAP_DELIVERED, state.T_CREATED]
    longer = np.diff(created) - GAP_PS
    assert longer.min() == 0
    off = longer[longer > 0]
    interrupted = -math.expm1(-GAP_PS / ON_PS)
    assert_share(len(off), len(longer), interrupted)
    mean = OFF_PS * (GAP_PS / ON_PS) / interrupted
    assert abs(off.mean() - mean) < Z_99 * OFF_PS / math.sqrt(len(off))
    # That a gap holds several off times changes shares by less than one in six hundred.
    for multiple in (0.1, 1.0, 3.0):
        share = math.exp(-multiple)
        half = Z_99 * math.sqrt(share * (1 - share) / len(off)) + GAP_PS / (2 * ON_PS)
        assert abs((off > multiple * OFF_PS).mean() - share) < half


# -------------------------------------------------------------------------------------------------- transfers

RATES_BPS = (10**10, 4 * 10**9)  # of the two links on the way
LIGHT_PS = (3 * PS_PER_MS + 17, 5 * PS_PER_MS)
SEGMENT, LAST, ACK = 1500, 333, 64


def transfer(n_segments, rate_bps, window=10**6, bit_error_rate=0.0, seed=1, **more):
    """A case of n - 1 segments of 1500 bytes and one of 333 over two links; those of data may err."""
    data = Flow(
        0, 2, "bulk", rate_bps=rate_bps, sizes=((SEGMENT, 1),), label=2, reply=1, reply_bytes=ACK,
        total_bytes=(n_segments - 1) * SEGMENT + LAST, window=window, timeout_min_ps=PS_PER_S,
        timeout_first_ps=PS_PER_S, **more,
    )  # fmt: skip
    ends = [(0, 1), (1, 2), (2, 1), (1, 0)]
    links = [(*ends[k], LIGHT_PS[(0, 1, 1, 0)[k]]) for k in range(4)]
    case = network(
        links, [data, Flow(2, 0, "ack", sizes=((ACK, 1),), label=0)], end_ps=600 * PS_PER_S, seed=seed
    )
    case.changes = [(0, link, "start", RATES_BPS[(0, 1, 1, 0)[link]]) for link in range(4)]
    case.bit_error_rate = [bit_error_rate, bit_error_rate, 0.0, 0.0]
    return case


def service_ps(size, rate_bps):
    return -(-size * 8 * PS_PER_S // rate_bps)


def way_ps(size):
    """From the first bit at one end to the last bit at the other, on idle links."""
    return sum(LIGHT_PS) + sum(service_ps(size, rate_bps) for rate_bps in RATES_BPS)


def pace_ps(rate_bps):
    return service_ps(SEGMENT, rate_bps)


@pytest.mark.parametrize("rate_bps", [10**9, 3_333_333_333, 4 * 10**9])
def test_transfer_on_an_idle_path_takes_its_pace_and_the_way_of_its_last_segment(rate_bps):
    n = enough(20_000, 300)
    engine, _ = run_case(transfer(n, rate_bps, start_ps=PS_PER_MS, phase_ps=7))
    flow = engine.flow_counters()
    last_comes_ps = (n - 1) * pace_ps(rate_bps) + way_ps(LAST)
    # It is short, so at a high pace it waits at the slower second link for the one before it.
    if rate_bps > 2 * 10**9:
        last_comes_ps = (n - 2) * pace_ps(rate_bps) + way_ps(SEGMENT) + service_ps(LAST, RATES_BPS[1])
    complete_ps = PS_PER_MS + 7 + last_comes_ps
    assert flow.complete_ps[0] == complete_ps
    assert flow.done_ps[0] == complete_ps + way_ps(ACK)
    assert flow.sent.tolist() == flow.delivered.tolist() == [n, n]
    assert (flow.unique_bytes[0], flow.duplicates[0]) == ((n - 1) * SEGMENT + LAST, 0)


@pytest.mark.parametrize("window", [1, 7, 1000])
def test_transfer_with_a_window_below_the_bandwidth_delay_product_has_one_window_in_a_round_trip(window):
    rounds, rate_bps = enough(20, 3), 10**9
    n = rounds * window + 1
    engine, _ = run_case(transfer(n, rate_bps, window))
    # Segment k is sent at its acknowledgement's place in the round before, one window earlier.
    rtt_ps = way_ps(SEGMENT) + way_ps(ACK)
    assert window * pace_ps(rate_bps) < rtt_ps
    assert engine.flow_counters().complete_ps[0] == rounds * rtt_ps + way_ps(LAST)


def test_transfer_over_links_that_err_sends_each_segment_a_geometric_number_of_times():
    """A segment is lost with p = 1 - (1 - b)^(2 * bits), so n of them take n / (1 - p) transmissions."""
    n, bit_error_rate = enough(40_000, 600), 5e-6
    engine, _ = run_case(transfer(n, 10**9, bit_error_rate=bit_error_rate, seed=9), trace=False)
    flow = engine.flow_counters()
    p = -math.expm1(2 * SEGMENT * 8 * math.log1p(-bit_error_rate))
    assert 0.1 < p < 0.12
    # The variance of a geometric number is p / (1 - p)^2.
    half = Z_99 * math.sqrt(n * p) / (1 - p)
    assert abs(flow.sent[0] - n / (1 - p)) < half
    assert flow.unique_packets[0] == n and flow.unique_bytes[0] == (n - 1) * SEGMENT + LAST
    # Time-outs are longer than any round trip, so nothing is sent again that has come.
    assert flow.duplicates[0] == 0 == flow.dropped[1].sum()
    assert flow.delivered[1] == n < flow.sent[0] and flow.done_ps[0] > flow.complete_ps[0]


# ---------------------------------------------------------------------------------- bit errors and processing


@pytest.mark.parametrize(("size", "framing", "rate"), [(1500, 0, 1e-5), (40, 38, 1e-4), (9000, 20, 1e-6)])
def test_share_of_packets_that_err_is_that_of_independent_bits(size, framing, rate):
    n = enough(300_000, 3000)
    interval_ps = 2 * (size + framing)
    flow = Flow(0, 1, "constant", rate_bps=size * BYTE_PER_PS // interval_ps, sizes=((size, 1),), label=1)
    case = network(
        [(0, 1, PS_PER_MS)], [flow], end_ps=n * interval_ps + 2 * PS_PER_MS, framing_bytes=framing, seed=3
    )
    flow.stop_ps = n * interval_ps
    case.bit_error_rate = [rate]
    engine, _ = run_case(case, trace=False)
    counters = engine.flow_counters()
    lost = int(counters.dropped[0].sum())
    assert lost + counters.delivered[0] == counters.sent[0]
    assert n <= counters.sent[0] <= n + 1
    assert_share(lost, int(counters.sent[0]), -math.expm1(8 * (size + framing) * math.log1p(-rate)))


def test_processing_adds_its_time_at_every_node_that_is_reached_and_nothing_to_links():
    flow = Flow(0, 3, "poisson", rate_bps=BYTE_PER_PS // 2, sizes=((1500, 1),), label=3)
    hops, longer_ps = 3, 12_345
    plain = network([(k, k + 1, PS_PER_US) for k in range(hops)], [flow], end_ps=20 * PS_PER_US)
    flow.stop_ps = 10 * PS_PER_US
    slower = network([(k, k + 1, PS_PER_US) for k in range(hops)], [flow], end_ps=20 * PS_PER_US)
    slower.processing_ps = [10**9, longer_ps, longer_ps, longer_ps]  # the first only sends: it has no part
    (quick, fates), (slow, later) = run_case(plain), run_case(slower)
    assert len(fates) > 1000
    assert later == {
        packet: (outcome, time_ps + hops * longer_ps) for packet, (outcome, time_ps) in fates.items()
    }
    mine, theirs = quick.drain_links(), slow.drain_links()
    for name in ("packets", "bytes", "busy_ps", "queue_max_bytes"):
        assert getattr(mine, name).tolist() == getattr(theirs, name).tolist()
