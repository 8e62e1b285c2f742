"""When flows send what: constant rate without drift, Poisson, mixes, scripts, start and stop (rule 7)."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from lasermesh.packets import PacketEngine, Step, state
from lasermesh.traffic.flows import flows_from_rows
from tests.packets.adapter import engine_of, run_case, run_steps
from tests.packets.comparing import enough
from tests.reference.case import UNLIMITED, Flow
from tests.reference.packet_simulator import packets_of_flow
from tests.reference.test_packet_simulator import network, script

MIX = ((40, 7), (576, 4), (1500, 1))


def sent(flows, end_ps):
    """(time_ps, size) of all packets that each flow sends over a link that is never busy for long."""
    # Limits of the queue do not matter: what is dropped has been sent.
    case = network([(0, 1, 0), (1, 0, 0)], flows, end_ps=end_ps)
    engine = engine_of(case)
    drained = run_steps(engine, case)
    rows = [[] for _ in flows]
    for record in (record for records in drained for record in records.tolist()):
        flow, sequence = divmod(record[state.T_IDENT], 1 << state.SEQUENCE_BITS)
        size = record[state.T_WORD] >> state.SIZE_SHIFT & state.SIZE_MASK
        rows[flow].append((sequence, record[state.T_CREATED], size))
    counters = engine.flow_counters()
    for flow, row in enumerate(rows):
        row.sort()
        # All but those in flight at the end, which are the last.
        assert [sequence for sequence, _, _ in row] == list(range(len(row)))
        assert counters.sent[flow] - len(row) == counters.in_flight[flow] < 1000
    return [[(time_ps, size) for _, time_ps, size in row] for row in rows]


# ---------------------------------------------------------------------------------------------- constant rate


@pytest.mark.parametrize(
    ("rate_bps", "size"),
    [(1000, 1500), (123_456_789, 1501), (10**12 - 3, 64), (1_600_000_000_000, 65_535), (7, 1)],
)
def test_constant_rate_has_no_drift(rate_bps, size):
    n_packets = enough(20_000, 500)
    interval = Fraction(size * 8 * 10**12, rate_bps)
    flow = Flow(0, 1, "constant", rate_bps=rate_bps, sizes=((size, 1),), start_ps=1000, phase_ps=17, label=1)
    (packets,) = sent([flow], end_ps=math.ceil(1017 + n_packets * interval))
    assert n_packets - 10 < len(packets) <= n_packets
    assert packets == [(1017 + math.ceil(k * interval), size) for k in range(len(packets))]


def test_constant_rate_of_a_mix_spaces_packets_by_the_bytes_before_them():
    flow = Flow(0, 1, "constant", rate_bps=999_999_937, sizes=MIX, label=1)
    (packets,) = sent([flow], end_ps=enough(5, 1) * 10**9)
    before = [0, *itertools.accumulate(size for _, size in packets[:-1])]
    assert [time for time, _ in packets] == [
        math.ceil(Fraction(b * 8 * 10**12, flow.rate_bps)) for b in before
    ]
    assert {size for _, size in packets} == {40, 576, 1500}


# ------------------------------------------------------------------------------------------- chance and mixes


@pytest.mark.parametrize("kind", ["constant", "poisson"])
@pytest.mark.parametrize("sizes", [((1000, 1),), MIX])
def test_flow_sends_what_the_reference_draws(kind, sizes):
    flows = [
        Flow(a, 1 - a, kind, rate_bps=rate, sizes=sizes, phase_ps=5, label=1 - a)
        for a, rate in ((0, 10**9), (1, 25 * 10**9), (0, 3 * 10**8))
    ]
    end_ps = enough(200, 100) * 10**7
    case = network([(0, 1, 0), (1, 0, 0)], flows)
    for row, packets in enumerate(sent(flows, end_ps)):
        assert len(packets) > 20
        assert packets == list(itertools.islice(packets_of_flow(case, row), len(packets)))


def test_poisson_counts_have_the_mean_and_variance_of_a_poisson_process():
    n_counts, mean = enough(2000, 60), 50
    flow = Flow(0, 1, "poisson", rate_bps=8 * 10**9, sizes=((1000, 1),), label=1)
    (packets,) = sent([flow], end_ps=(n_counts + 1) * mean * 10**6)
    counts = np.bincount([time // (mean * 10**6) for time, _ in packets])[:n_counts]
    # Five standard errors: of a mean, and of a variance of nearly normal counts.
    assert abs(counts.mean() - mean) < 5 * math.sqrt(mean / n_counts)
    assert abs(counts.var() - mean) < 5 * mean * math.sqrt(2 / n_counts)


def test_other_flows_do_not_change_what_a_flow_sends():
    one = Flow(0, 1, "poisson", rate_bps=10**9, sizes=MIX, label=1)
    others = [Flow(1, 0, "poisson", rate_bps=10**9, sizes=MIX, label=0) for _ in range(3)]
    (alone,) = sent([one], 10**9)
    together = sent([one, *others], 10**9)
    assert alone == together[0]
    assert len({tuple(packets) for packets in together}) == 4


def test_another_seed_sends_other_packets():
    case = network([(0, 1, 0)], [Flow(0, 1, "poisson", rate_bps=10**9, label=1)], end_ps=10**9)
    fates = [run_case(case)[1]]
    case.seed = 2
    fates.append(run_case(case)[1])
    assert fates[0] != fates[1]


# --------------------------------------------------------------------------------------------- start and stop


def test_packets_are_sent_from_start_plus_phase_to_before_the_stop():
    flow = Flow(
        0, 1, "constant", rate_bps=8 * 10**9, sizes=((1000, 1),), start_ps=10**7, phase_ps=300, label=1
    )
    flow.stop_ps = 10**7 + 300 + 3 * 10**6
    (packets,) = sent([flow], end_ps=10**8)
    assert [time for time, _ in packets] == [10**7 + 300 + k * 10**6 for k in range(3)]
    flow.stop_ps += 1
    (packets,) = sent([flow], end_ps=10**8)
    assert len(packets) == 4


@pytest.mark.parametrize("kind", ["constant", "poisson", "script"])
def test_flow_that_stops_before_its_first_packet_sends_nothing(kind):
    flow = Flow(0, 1, kind, rate_bps=10**9, start_ps=5, phase_ps=20, stop_ps=10, label=1, script=((20, 1),))
    engine, fates = run_case(network([(0, 1, 0)], [flow], end_ps=10**9))
    assert fates == {} and engine.flow_counters().sent[0] == 0


def test_nothing_is_sent_at_the_end_of_the_run():
    flow = script(0, 1, (0, 1), (10, 1), (20, 1), (30, 1))
    engine, _ = run_case(network([(0, 1, 0)], [flow], end_ps=30))
    assert engine.flow_counters().sent[0] == 3


def test_script_sends_its_packets_and_those_of_one_instant_in_order():
    packets = ((3, 10), (3, 20), (3, 30), (500, 65_536), (10**9, 1))
    (given,) = sent([script(0, 1, *packets)], 2 * 10**9)
    assert given == list(packets)


def test_script_without_packets_sends_nothing():
    flows = [script(0, 1, (5, 1)), script(0, 1), script(0, 1, (7, 1)), script(0, 1)]
    engine, _ = run_case(network([(0, 1, 0)], flows))
    assert engine.flow_counters().sent.tolist() == [1, 0, 1, 0]


def test_script_stops_at_the_stop_of_its_flow():
    flow = script(0, 1, (0, 1), (10, 1), (20, 1), stop_ps=20)
    engine, _ = run_case(network([(0, 1, 0)], [flow]))
    assert engine.flow_counters().sent[0] == 2


def test_engine_without_flows_only_lets_time_pass():
    engine = PacketEngine(2, flows_from_rows([]), end_ps=10**12)
    engine.add_links([0], [1], 1, 1)
    nothing = np.zeros(0, np.int64)
    engine.begin_step(Step(0, 10**12, nothing, nothing, nothing, nothing, nothing, nothing, nothing))
    assert engine.advance(UNLIMITED)
    assert engine.clock_ps == 10**12
    assert engine.flow_counters().sent.tolist() == []
    assert engine.packet_hops == 0
