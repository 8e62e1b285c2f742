"""Windows, threads, memory: nothing of how a run is divided may be seen in what comes out of it."""

import itertools

import numpy as np
import pytest

from lasermesh.errors import RunFailed
from lasermesh.packets import engine as engine_module
from lasermesh.packets import state
from lasermesh.packets.state import CHUNK
from lasermesh.units import PS_PER_MS, PS_PER_S, PS_PER_US
from tests.packets.adapter import engine_of, fates_of, run_case, run_steps, steps_of
from tests.packets.comparing import differences, enough
from tests.packets.networks import GBPS, outcome_of, torus
from tests.reference.case import Step
from tests.reference.packet_simulator import simulate
from tests.reference.test_packet_simulator import network, script

TWO_THREADS = pytest.param(2, marks=pytest.mark.compiled_only)
THREE_THREADS = pytest.param(3, marks=pytest.mark.compiled_only)


def overloaded_torus():
    """8 x 8 nodes and more traffic to six of them than their links carry; ranges change in three steps."""
    return torus(
        n_destinations=6, flow_bps=enough(GBPS // 2, GBPS // 8), rate_bps=enough(GBPS, GBPS // 4), n_steps=3
    )


@pytest.fixture(scope="module")
def overload():
    """An overloaded torus, and everything that comes of it on one thread in the windows that it gets."""
    case = overloaded_torus()
    with np.errstate(over="ignore"):
        engine, fates = run_case(case)
    return case, outcome_of(engine, fates)


def test_overloaded_torus_is_as_the_reference_says(overload):
    case, _ = overload
    engine, fates = run_case(case)
    lines = differences(engine, fates, simulate(case))
    assert not lines, "\n".join(lines)
    dropped = engine.flow_counters().dropped.sum(axis=0)
    assert dropped[0] > enough(1000, 20) and engine.packet_hops > enough(10_000, 1000)


@pytest.mark.parametrize("threads", [1, TWO_THREADS, THREE_THREADS])
@pytest.mark.parametrize(
    "longest_window_ps",
    [None, 50 * PS_PER_US, 7_777_777, pytest.param(PS_PER_US, marks=pytest.mark.compiled_only)],
)
def test_result_is_the_same_for_any_threads_and_windows(overload, monkeypatch, threads, longest_window_ps):
    monkeypatch.setattr(engine_module, "FEW_PACKETS_PER_WINDOW", 0)
    case, expected = overload
    engine, fates = run_case(case, threads=threads, longest_window_ps=longest_window_ps)
    assert outcome_of(engine, fates) == expected
    assert engine.lookahead_ps <= (longest_window_ps or case.end_ps)
    assert (engine.handled_by_worker > 0).all()


@pytest.mark.parametrize("threads", [1, TWO_THREADS])
@pytest.mark.parametrize("windows_per_call", [1, 7])
def test_result_is_the_same_however_often_the_engine_comes_up_for_air(overload, threads, windows_per_call):
    case, expected = overload
    engine, fates = run_case(case, threads=threads, windows_per_call=windows_per_call)
    assert outcome_of(engine, fates) == expected


@pytest.mark.compiled_only
def test_two_threads_give_the_same_result_many_times_over(overload, monkeypatch):
    monkeypatch.setattr(engine_module, "FEW_PACKETS_PER_WINDOW", 0)
    case, expected = overload
    for _ in range(10):
        engine, fates = run_case(case, threads=2, longest_window_ps=20 * PS_PER_US)
        assert outcome_of(engine, fates) == expected


def test_call_that_stops_anywhere_within_a_step_changes_nothing(overload):
    case, expected = overload
    engine = engine_of(case)
    drained = []
    for end_ps, step in steps_of(case):
        engine.begin_step(step)
        for until in (*range(step.start_ps + 1, end_ps, (end_ps - step.start_ps) // 5), end_ps):
            assert engine.advance(until)
            assert engine.clock_ps == until
            drained.append(engine.drain_taps())
    assert outcome_of(engine, fates_of(drained)) == expected


# ------------------------------------------------------------------------------------------------ idle time


def test_clock_jumps_over_idle_time():
    n_seconds = enough(60, 10)
    delay_ps = PS_PER_MS
    case = torus(n_flows=1, end_ps=n_seconds * PS_PER_S, delay_ps=delay_ps)
    case.flows = [script(0, 36, *[(k * PS_PER_S + 5, 1500) for k in range(n_seconds)])]
    engine, fates = run_case(case)
    assert [outcome for outcome, _ in fates.values()] == ["delivered"] * n_seconds
    hops = 8
    assert engine.packet_hops == hops * n_seconds
    # Stepping through all of it would take 1000 windows a second; a hop may take two or three.
    assert engine.windows <= n_seconds * 3 * (hops + 1) + 2


def test_idle_mesh_takes_a_window_or_two_for_any_time():
    case = torus(n_flows=0, end_ps=10**6 * PS_PER_S)
    engine, _ = run_case(case)
    assert engine.windows <= 2 and engine.clock_ps == case.end_ps


def test_change_while_the_clock_jumps_takes_effect_at_its_instant():
    up = (0, 0, "start", GBPS)
    case = network([(0, 1, PS_PER_MS)], [script(0, 1, (1, 1), (70 * PS_PER_S, 1))], end_ps=100 * PS_PER_S)
    case.changes = [up, (69 * PS_PER_S, 0, "stop", 0), (70 * PS_PER_S, 0, "start", GBPS)]
    engine, fates = run_case(case)
    assert fates == {
        (0, 0): ("delivered", 8001 + PS_PER_MS),
        (0, 1): ("delivered", 70 * PS_PER_S + 8000 + PS_PER_MS),
    }
    assert engine.windows < 20


# ------------------------------------------------------------------------------------------- pools and taps


@pytest.mark.parametrize("threads", [1, TWO_THREADS])
@pytest.mark.parametrize("first_chunks", [1, 3, 64])
def test_pool_of_packets_grows_when_it_is_short(overload, monkeypatch, threads, first_chunks):
    monkeypatch.setattr(engine_module, "FIRST_CHUNKS", first_chunks)
    monkeypatch.setattr(engine_module, "FEW_PACKETS_PER_WINDOW", 0)
    case, expected = overload
    engine, fates = run_case(case, threads=threads)
    assert outcome_of(engine, fates) == expected
    assert engine.peak_chunks > 3
    assert engine.peak_packet_bytes >= engine.peak_chunks * CHUNK * 32


@pytest.mark.parametrize("threads", [1, TWO_THREADS])
@pytest.mark.parametrize(("first_taps", "most_taps"), [(1, 10**6), (9, 64), (4, 500)])
def test_taps_are_all_there_and_in_order_of_time_however_little_room_there_is(
    overload, monkeypatch, threads, first_taps, most_taps
):
    monkeypatch.setattr(engine_module, "FEW_PACKETS_PER_WINDOW", 0)
    case, _ = overload
    both = state.TAP_OUT | state.TAP_IN
    expected = np.concatenate(run_steps(engine_of(case, taps=both), case))
    monkeypatch.setattr(engine_module, "FIRST_TAPS", first_taps)
    monkeypatch.setattr(engine_module, "MOST_TAPS", most_taps)
    engine = engine_of(case, taps=both, threads=threads)
    drained = run_steps(engine, case)
    engine.close()
    for before, after in itertools.pairwise(records for records in drained if len(records)):
        assert before[-1, state.T_TIME] <= after[0, state.T_TIME]
    given = np.concatenate(drained)
    assert (np.diff(given[:, state.T_TIME]) >= 0).all()
    # At one instant, records of different links may come in any order.
    columns = (state.T_IDENT, state.T_PLACE, state.T_KIND, state.T_TIME)
    rows, wanted = (array[np.lexsort([array[:, c] for c in columns])] for array in (given, expected))
    assert np.array_equal(rows, wanted)
    if most_taps < 1000:
        assert len(drained) > len(case.steps)


def test_memory_is_used_again(monkeypatch):
    # Bursts with nothing between them: the pool of the first is enough for all.
    monkeypatch.setattr(engine_module, "FIRST_CHUNKS", 1)
    bursts = [(k * 10 * PS_PER_MS, 1500) for k in range(enough(50, 6)) for _ in range(300)]
    case = network([(0, 1, PS_PER_MS), (1, 2, PS_PER_MS)], [script(0, 2, *bursts)], end_ps=PS_PER_S)
    case.changes = [(0, link, "start", 10 * GBPS) for link in range(2)]
    engine, fates = run_case(case)
    assert [outcome for outcome, _ in fates.values()] == ["delivered"] * len(bursts)
    # A burst is ten chunks on each of two links, and as much may wait to be given back.
    assert engine.peak_chunks <= 45


def test_run_whose_packets_do_not_fit_in_memory_fails_with_a_sentence(monkeypatch):
    monkeypatch.setattr(engine_module, "FIRST_CHUNKS", 8)
    n_packets = 3000
    case = network(
        [(0, 1, 10 * PS_PER_MS)], [script(0, 1, *[(k, 1000) for k in range(n_packets)])], end_ps=PS_PER_S
    )
    case.changes = [(0, 0, "start", GBPS)]
    with pytest.raises(RunFailed, match="memory"):
        run_case(case, memory_limit_bytes=n_packets * 32 // 4)
    engine, fates = run_case(case, memory_limit_bytes=n_packets * 32 * 4)
    assert len(fates) == n_packets
    assert engine.peak_packet_bytes <= n_packets * 32 * 4


def test_memory_limit_leaves_a_run_alone_that_just_fits(monkeypatch):
    monkeypatch.setattr(engine_module, "FIRST_CHUNKS", 2)
    monkeypatch.setattr(engine_module, "BATCH", CHUNK)
    packets = [(k, 1000) for k in range(10 * CHUNK)]
    case = network([(0, 1, PS_PER_MS)], [script(0, 1, *packets)], end_ps=PS_PER_S)
    case.changes = [(0, 0, "start", GBPS)]
    # Ten chunks wait; a batch needs some for the packets that it makes and for where they go.
    _, fates = run_case(case, memory_limit_bytes=16 * CHUNK * 32)
    assert len(fates) == len(packets)


# ---------------------------------------------------------------------------------------------- many steps


def test_division_into_steps_does_not_matter_where_delays_do_not_change(overload):
    case = torus(n_destinations=6, n_steps=1, flow_bps=GBPS // 8, end_ps=2 * PS_PER_MS)
    delays = case.steps[0].delay_start_ps
    case.steps = [Step(0, case.end_ps, delays, delays)]
    engine, fates = run_case(case)
    expected = outcome_of(engine, fates)
    n_steps = enough(200, 10)
    edges = [case.end_ps * k // n_steps for k in range(n_steps + 1)]
    case.steps = [Step(t0, t1, delays, delays) for t0, t1 in itertools.pairwise(edges)]
    for threads in (1, 2):
        engine, fates = run_case(case, threads=threads)
        assert outcome_of(engine, fates) == expected
