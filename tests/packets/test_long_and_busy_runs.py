"""The ends of the ranges: instants near 106 days, long queues, many records of one instant."""

import random

import numpy as np
import pytest

from lasermesh.packets import state
from tests.packets.adapter import engine_of, fates_of, run_steps, steps_of
from tests.reference.case import Case, Flow, Step, Table
from tests.reference.cases import random_case

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
