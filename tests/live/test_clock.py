"""The datapath by the real clock: never early, exact at its halts, and standing still when it is told to."""

import threading
import time

import numpy as np
import pytest

from lasermesh.live import state
from lasermesh.packets import state as packets_state
from lasermesh.packets.steps import Step
from lasermesh.scenario.live import Live
from lasermesh.units import PS_PER_MS, PS_PER_S
from tests.live.mesh import MIB, chain, header_of, ip_packet

pytestmark = [pytest.mark.compiled_only, pytest.mark.alone]
LIVE = Live(gso=False, buffer_bytes=4 * MIB, spin_us=20.0)


def wait_for(mesh, node, n, timeout_s=10.0):
    """Packets of a host as they come: list of (simulated ps at which it was seen, bytes)."""
    found, deadline = [], time.monotonic() + timeout_s
    while len(found) < n and time.monotonic() < deadline:
        found += [(mesh.engine.now_ps(), packet) for packet in mesh.received(node)]
        time.sleep(0.0002)
    return found


def test_packets_come_when_they_are_due_and_not_before():
    with chain(live=LIVE) as mesh:
        engine = mesh.engine
        engine.start_clock()
        engine.go(50 * PS_PER_S)
        errors_ps, sent = [], []
        for number in range(100):
            sent.append(engine.now_ps())
            mesh.send(0, ip_packet(0, 3, 1000, number))
            ((seen_ps, packet),) = wait_for(mesh, 3, 1)
            assert int.from_bytes(header_of(packet)[-1][:4], "big") == number
            errors_ps.append(seen_ps - sent[-1] - 3 * (PS_PER_MS + 8_000_000))
        assert min(errors_ps) >= 0
        assert np.median(errors_ps) < 2 * PS_PER_MS  # with whatever else this machine does
        late = engine.lateness()
        assert late.count.sum() == 100 and 0 < late.percentile_ns(50) < 2e6
        assert engine.counters().sleeps > 100
        # It sleeps between: a thread that spins would have taken all of the time.
        assert engine.hiccups()[1].count.sum() > 0


def test_it_halts_exactly_at_the_end_of_a_step_and_packets_on_their_way_go_on_in_the_next():
    with chain(live=LIVE, end_ps=20 * PS_PER_MS) as mesh:
        engine = mesh.engine
        links, none = np.arange(6), np.zeros(0, np.int64)
        engine.start_clock()
        number, seen = 0, []
        for k in range(6):
            engine.go((k + 1) * 20 * PS_PER_MS)
            delays = np.full(6, (2 + k % 2) * PS_PER_MS)
            start, end = (k + 1) * 20 * PS_PER_MS, (k + 2) * 20 * PS_PER_MS
            staged = engine.prepare_step(Step(start, end, links, delays, delays, none, none, none, none))
            while not engine.wait(0.001):
                mesh.send(0, ip_packet(0, 3, 100, number))
                number += 1
            assert engine.clock_ps == start <= engine.now_ps()
            engine.enter_step(staged)
        engine.go(7 * 20 * PS_PER_MS)
        assert engine.wait(5.0)
        seen = [int.from_bytes(header_of(packet)[-1][:4], "big") for packet in mesh.received(3)]
        flows = engine.flow_counters(engine.used_flows())
        assert seen == list(range(number)) and flows.delivered.sum() == number == flows.sent.sum()


def test_it_stands_still_while_it_is_told_to_and_goes_on_afterwards():
    with chain(live=LIVE) as mesh:
        engine = mesh.engine
        with engine.paused():  # before it runs there is nothing to do
            pass
        engine.start_clock()
        engine.go(50 * PS_PER_S)
        with engine.paused():
            with engine.paused():
                mesh.send(0, ip_packet(0, 3, 100))
                turns = engine.counters().turns
                time.sleep(0.02)
            engine.set_limits(np.arange(6), 5, 5000)
            time.sleep(0.01)
            assert engine.counters().turns == turns
        assert len(wait_for(mesh, 3, 1)) == 1
        assert 30e6 < engine.longest_standstill_ns <= engine.standstill_ns < 10e9
        waited = engine.entry_lateness()
        assert waited.count.sum() == 1 and 25e6 < waited.max_ns < 10e9
        assert not engine.wait(0.001)
        asked = [threading.active_count()]
        for _ in range(50):
            engine.drain_links()
            engine.drain_taps()
            asked.append(threading.active_count())
        assert set(asked) == {asked[0]}


def test_a_failure_of_the_datapath_is_raised_where_somebody_waits(monkeypatch):
    with chain(live=LIVE) as mesh:
        engine = mesh.engine

        def fail(*_):
            raise MemoryError("no more chunks")

        monkeypatch.setattr(engine, "_make_room_here", fail)
        monkeypatch.setattr("lasermesh.live.engine.run", lambda *_: 1)
        engine.go(PS_PER_S)
        with pytest.raises(MemoryError, match="no more chunks"):
            engine.wait(5.0)


def test_many_packets_make_the_engine_ask_for_room_and_none_is_lost():
    """More than the first chunks and rows of taps hold."""
    with chain(live=Live(gso=False, buffer_bytes=64 * MIB), delay_ps=100 * PS_PER_MS) as mesh:
        engine, n = mesh.engine, 4000
        engine.start_clock()
        engine.go(50 * PS_PER_S)
        for number in range(n):
            while True:
                try:
                    mesh.send(number % 2 * 3, ip_packet(number % 2 * 3, 3 - number % 2 * 3, 60, number))
                    break
                except BlockingIOError:
                    time.sleep(0.0005)
        found, deadline = [], time.monotonic() + 10
        while (c := engine.counters()).packets_out + c.write_errors < n and time.monotonic() < deadline:
            found += mesh.received_anywhere()
        found += mesh.received_anywhere()
        assert c.packets_in == n == c.packets_out + c.write_errors
        assert len({(node, packet) for node, packet in found}) == c.packets_out
        with engine.paused():
            assert engine.in_memory() == 0 and engine._d.control[state.C_N_DUE] == 0


def test_tables_are_installed_and_steps_prepared_while_packets_go():
    """Every packet comes, whichever of the tables it meets, as all lead there."""
    with chain(live=LIVE, end_ps=15 * PS_PER_MS) as mesh:
        engine = mesh.engine
        tables = engine._e.tables[1].reshape(4, 4, 1).copy()  # slot 0 leads nowhere
        labels = np.array([[3], [0]], np.int32)
        links, none = np.arange(6), np.zeros(0, np.int64)
        engine.start_clock()
        number = 0
        for k in range(8):
            end = (k + 1) * 15 * PS_PER_MS
            engine.go(end)
            wider = np.repeat(tables, 2, axis=1) if k == 4 else tables  # once they all move
            engine.install_table(wider[:, :8], labels * (2 if k == 4 else 1), end + PS_PER_MS * np.arange(4))
            delays = np.full(6, PS_PER_MS)
            following = end + (15 * PS_PER_MS if k < 7 else 20 * PS_PER_S)
            staged = engine.prepare_step(Step(end, following, links, delays, delays, none, none, none, none))
            engine.set_limits(links, 1000 + k, 10**7)  # at once, as they are the present step's
            assert (engine._e.links[:6, packets_state.X_LIMIT_PACKETS] == 1000 + k).all()
            arrived = False
            while not arrived:  # once at least, however busy this machine is
                mesh.send(0, ip_packet(0, 3, 100, number))
                number += 1
                arrived = engine.wait(0.0005)
            engine.enter_step(staged)
            assert (engine._e.links[:6, packets_state.X_LIMIT_PACKETS] == 1000 + k).all()
        engine.go(following)
        assert number >= 8 and len(wait_for(mesh, 3, number)) == number
        assert engine.flow_counters(engine.used_flows()).delivered.sum() == number
