"""What the core does late, or may have done: it is counted, and what need not be late is not."""

import time

import numpy as np
import pytest

from lasermesh.compiled import COMPILED
from lasermesh.live import state
from lasermesh.live.datapath_kernels import rest, run
from lasermesh.packets import state as packets_state
from lasermesh.packets.steps import Step
from lasermesh.scenario.live import Live
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import PS_PER_MS, PS_PER_S, PS_PER_US
from tests.live.mesh import GBPS, MIB, Mesh, chain, ip_packet, protocol_of

OVERHEAD_PS = 150 * PS_PER_US
MS_NS = 1e6
BIN = 1 / 16  # how much of itself a duration's bin is wide, at most
BULK = {"total_bytes": 300_000, "window": 8, "timeout_min_ps": PS_PER_S, "timeout_first_ps": PS_PER_S}


def flow(kind, source, destination, **columns):
    """A row of 8 Mbit/s in packets of 1000 bytes; a second starts every ms."""
    row = {
        "kind": kind,
        "source": source,
        "destination": destination,
        "rate_bps": 8 * 10**6,
        "sizes": ((1000, 1),),
        "start_ps": 0,
        "stop_ps": PS_PER_S // 10,
        "phase_ps": 0,
        "hop_limit": 64,
        "traffic_class": 0,
    }
    return row | columns


def simulated_with_overhead(rows, overhead_ps):
    """Counters of simulated flows between two hosts that come nearer to each other, 6 ms away at first."""
    live = Live(gso=any("train" in row for row in rows), buffer_bytes=MIB)
    with Mesh(2, flows_from_rows(rows), (0, 1), end_ps=PS_PER_S, overhead_ps=overhead_ps, live=live) as mesh:
        engine = mesh.engine
        engine.add_links([0, 1], [1, 0], 20, 10**7)
        table = np.array([[[-1], [0]], [[1], [-1]]], np.int32)
        engine.install_table(
            table, engine.flows.destination[: engine.flows.n_routed].astype(np.int32)[:, None], 0
        )
        links, zeros = np.arange(2), np.zeros(2, np.int64)
        delays = zeros + 6 * PS_PER_MS, zeros + 5 * PS_PER_MS
        start = zeros + packets_state.CHANGE_START
        engine.begin_step(Step(0, PS_PER_S, links, *delays, zeros, links, start, zeros + GBPS // 20))
        mesh.open()
        for k in range(60):
            engine.turn(k * 5 * PS_PER_MS)
        return engine.flow_counters(np.arange(len(rows)))


@pytest.mark.parametrize(
    "rows",
    [
        [flow("constant", 0, 1), flow("constant", 0, 1, rate_bps=44 * 10**6)],  # more than the link takes
        [flow("poisson", 0, 1), flow("constant", 1, 0)],
        [flow("constant", 0, 1, rate_bps=10**9, train=4)],
        [flow("bulk", 0, 1, reply=1, reply_bytes=40, **BULK), flow("ack", 1, 0, rate_bps=0)],
    ],
    ids=["full-queue", "poisson", "trains", "bulk"],
)
def test_simulated_flows_of_hosts_arrive_as_without_overhead(rows):
    expected, found = simulated_with_overhead(rows, 0), simulated_with_overhead(rows, OVERHEAD_PS)
    assert expected.delivered.min() > 20
    for name, values in expected._asdict().items():
        if values is not None:
            np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)


def test_it_is_known_how_long_packets_may_have_waited_to_be_read():
    with chain(overhead_ps=OVERHEAD_PS) as mesh:
        engine = mesh.engine
        engine.turn(PS_PER_MS)
        mesh.send(0, ip_packet(0, 3, 100))
        engine.turn(PS_PER_MS + OVERHEAD_PS)
        assert engine.entry_lateness().max_ns == 1.0  # no more than calibration has taken off
        mesh.send(0, ip_packet(0, 3, 100))
        mesh.send(0, ip_packet(0, 3, 100))
        engine.turn(6 * PS_PER_MS + 2 * OVERHEAD_PS)
        waited = engine.entry_lateness()
        assert waited.count.sum() == 3
        assert 5 * MS_NS * (1 - BIN) < waited.percentile_ns(60) == waited.max_ns <= 5 * MS_NS


def test_answers_that_come_late_are_counted():
    with chain(live=Live(gso=False, buffer_bytes=MIB)) as mesh:
        engine = mesh.engine
        mesh.send(0, ip_packet(0, 3, 100, hop_limit=2))  # ends at node 2 after 2 ms
        engine.turn(0)
        engine.turn(10 * PS_PER_MS)
        late = engine.answer_lateness()
        assert late.count.sum() == 1
        assert 7.9 * MS_NS * (1 - BIN) < late.max_ns <= 8 * MS_NS
        engine.turn(20 * PS_PER_MS)
        assert [protocol_of(packet) for packet in mesh.received(0)] == [1]


@pytest.mark.parametrize(
    ("hop_limit", "unreachable", "is_prompt"), [(63, False, 1), (64, False, 0), (64, True, 1)]
)
def test_packets_that_may_be_answered_within_the_mesh_are_watched_at_every_event(
    hop_limit, unreachable, is_prompt
):
    with chain(live=Live(gso=False, buffer_bytes=MIB, unreachable=unreachable)) as mesh:
        mesh.send(0, ip_packet(0, 3, 100, hop_limit=hop_limit))
        mesh.engine.turn(0)
        assert mesh.engine._d.control[state.C_PROMPT] == is_prompt


def test_it_does_not_stop_within_a_turn_where_others_would_take_the_ends_of_real_packets():
    with chain(2, (0, 1), live=Live(gso=False, buffer_bytes=MIB)) as mesh:
        engine = mesh.engine
        e, d = engine._e, engine._d
        for number in range(10):
            mesh.send(0, ip_packet(0, 1, 100, number))
        engine.turn(0)
        free = int(e.workers[0, packets_state.V_FREE_COUNT])
        e.workers[0, packets_state.V_FREE_COUNT] = 3  # too few to answer with: no end is looked at
        until = e.control[packets_state.C_STEP_END]
        d.control[state.C_NOW_IS_GIVEN], d.control[state.C_NOW] = 1, 2 * PS_PER_MS
        assert run(e, d, until) == packets_state.SHORT
        d.control[state.C_NOW_IS_GIVEN] = 0
        e.workers[0, packets_state.V_FREE_COUNT] = free
        engine._make_room_here()
        engine.start_clock()
        d.control[state.C_STOP] = 1
        assert run(engine._e, d, until) == state.STOPPED
        engine.drain_taps()
        engine.turn(9 * PS_PER_MS)
        assert len(mesh.received(1)) == 10 and engine.in_memory() == 0


@pytest.mark.skipif(COMPILED, reason="compiled, a part of a kernel cannot be called by itself")
def test_a_stop_whose_kick_was_read_already_is_seen_before_it_sleeps():
    with chain(live=Live(gso=False, buffer_bytes=MIB)) as mesh:
        engine = mesh.engine
        engine.turn(0)
        engine.start_clock()
        engine._d.control[state.C_STOP] = 1
        began = time.monotonic()
        rest(engine._e, engine._d, np.int64(5 * PS_PER_S))
        assert time.monotonic() - began < 4.0


def test_a_host_whose_interface_is_gone_is_left_alone():
    with chain(live=Live(gso=False, buffer_bytes=MIB)) as mesh:
        engine = mesh.engine
        mesh.send(0, ip_packet(0, 3, 100))
        engine.turn(0)
        mesh.hang_up(3)
        for k in range(1, 5):
            engine.turn(k * PS_PER_MS)
        counters = engine.counters()
        assert (counters.gone_hosts, counters.write_errors, counters.packets_out) == (1, 1, 0)
        assert engine._epoll.poll(0) == []
        assert engine.in_memory() == 0
