"""The ends of the ranges: instants near 106 days, long queues, many records of one instant."""

import random

import numpy as np
import pytest

from lasermesh.packets import engine as engine_module
from lasermesh.packets import state
from tests.packets.adapter import engine_of, fates_of, run_case, run_steps, steps_of
from tests.packets.comparing import differences, enough
from tests.reference.case import Case, Flow, Pool, Step, Table
from tests.reference.cases import random_case
from tests.reference.packet_simulator import simulate
from tests.reference.test_answers_by_pencil import asking
from tests.reference.test_packet_simulator import network

LATE_PS = 9 * 10**18  # 104 days


def one_link(flow, *, end_ps, changes, queue_packets=2**62, on_link_down="drop", delay_ps=1000):
    """A single link from node 0 to node 1."""
    return Case(
        n_nodes=2,
        end_ps=end_ps,
        seed=0,
        link_from=[0],
        link_to=[1],
        queue_packets=[queue_packets],
        queue_bytes=[2**62],
        framing_bytes=0,
        on_link_down=on_link_down,
        changes=changes,
        steps=[Step(0, end_ps, [delay_ps], [delay_ps])],
        tables=[Table([[0], [-1]], [0, 0], [0])],
        flows=[flow],
    )


def test_packet_after_a_hundred_days_is_delivered():
    flow = Flow(0, 1, "script", script=((5, 100), (LATE_PS, 100)), stop_ps=2**63 - 1)
    case = one_link(flow, end_ps=LATE_PS + 10**9, changes=[(0, 0, "start", 8 * 10**12)])
    assert fates_of(run_steps(engine_of(case), case)) == {
        (0, 0): ("delivered", 5 + 100 + 1000),
        (0, 1): ("delivered", LATE_PS + 100 + 1000),
    }


def test_clock_jumps_over_a_hundred_idle_days():
    flow = Flow(0, 1, "script", script=((LATE_PS, 100),), stop_ps=2**63 - 1)
    case = one_link(flow, end_ps=LATE_PS + 10**9, changes=[(0, 0, "start", 8 * 10**12)], delay_ps=10**9)
    engine = engine_of(case)
    run_steps(engine, case)
    assert engine.windows < 10


def test_rate_change_and_drop_of_a_long_queue_need_no_room():
    flow = Flow(0, 1, "script", script=tuple((1, 1) for _ in range(3000)))
    changes = [(0, 0, "start", 1000), (10**6, 0, "rate", 2000), (2 * 10**6, 0, "stop", 0)]
    case = one_link(flow, end_ps=10**7, changes=changes)
    engine = engine_of(case, trace=False)
    end_ps, step = next(iter(steps_of(case)))
    engine.begin_step(step)
    engine.advance(10**6)
    before = len(engine._e.next_chunk), len(engine._e.taps)
    engine.advance(end_ps)
    assert engine.flow_counters().dropped[0].sum() == 3000
    assert (len(engine._e.next_chunk), len(engine._e.taps)) == before


@pytest.mark.parametrize("seed", range(6))
def test_records_of_one_instant_have_one_order_for_any_threads_and_windows(seed):
    case = random_case(random.Random(seed), "ties, all links alike")
    taps = state.TAP_OUT | state.TAP_IN
    expected = np.concatenate(run_steps(engine_of(case, taps=taps), case))
    assert (np.diff(expected[:, state.T_TIME]) == 0).any()
    for options in ({"threads": 2}, {"longest_window_ps": 100_000}, {"domain_delay_ps": 0}):
        records = np.concatenate(run_steps(engine_of(case, taps=taps, **options), case))
        assert np.array_equal(records, expected), options


def as_the_reference_says(case, **options):
    """Assert that the engine agrees with the reference; the engine."""
    engine, fates = run_case(case, **options)
    lines = differences(engine, fates, simulate(case))
    assert not lines, "\n".join(lines)
    return engine


@pytest.mark.parametrize("kind", ["constant", "exponential"])
def test_services_that_end_after_all_time_are_never_answered(kind):
    # Eleven days each: the tenth would be over beyond 64 bits of picoseconds.
    pool = Pool(1, 1, kind, 1e18, 1000)
    case = asking([10 * k for k in range(1, 300)], pool)
    case.end_ps = case.steps[-1].t1_ps = 10**15
    counters = as_the_reference_says(case).pool_counters()
    assert counters.served.tolist() == [0]
    assert counters.busy_ps[0] <= case.end_ps


def test_sum_of_waits_does_not_end_with_64_bits():
    pool = Pool(1, 1, "constant", 9e18, 10_000)
    n = enough(5_000, 300)
    case = asking([1000 * k for k in range(n)], pool)
    case.end_ps = case.steps[-1].t1_ps = 10**18
    counters = as_the_reference_says(case).pool_counters()
    assert counters.wait_sum_ps[0] > 0.99 * (n - 1) * 1e18


def test_flow_that_is_on_for_almost_ever_is_on():
    flow = Flow(0, 1, "on-off", 8 * 10**12, ((100, 1),), on_ps=9e18, off_ps=9e12)
    case = one_link(flow, end_ps=10**5, changes=[(0, 0, "start", 8 * 10**12)])
    assert as_the_reference_says(case).flow_counters().sent.tolist() == [1000]


@pytest.mark.parametrize("batch", [7, 64])
def test_busy_port_among_many_that_are_nearly_idle(batch, monkeypatch):
    monkeypatch.setattr(engine_module, "BATCH", batch)
    n_ports = 60
    flows = [Flow(port + 1, n_ports + 1, "constant", 10**9, start_ps=port * 10**7, label=n_ports + 1)
             for port in range(n_ports)]  # fmt: skip
    flows[0].rate_bps = 10**12
    links = [(port + 1, 0, 10**6) for port in range(n_ports)] + [(0, n_ports + 1, 10**6)]
    case = network(links, flows, end_ps=2 * 10**7)
    case.changes = [(0, link, "start", 2 * 10**12) for link in range(len(links))]
    as_the_reference_says(case)
