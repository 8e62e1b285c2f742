"""Packets that others put in are those that a script would have sent, to the picosecond."""

import numpy as np
import pytest

from lasermesh.packets import state
from lasermesh.packets.engine import PacketEngine
from lasermesh.packets.outside_kernels import admit
from lasermesh.packets.steps import Step
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import PS_PER_MS, PS_PER_S

HOPS = 3
END_PS = PS_PER_S // 10
LINKS = [(a, a + 1) for a in range(HOPS)] + [(a + 1, a) for a in range(HOPS)]
ROW = {"kind": "script", "script": (), "rate_bps": 0, "start_ps": 0, "stop_ps": END_PS, "phase_ps": 0}
ROW |= {"hop_limit": 64, "traffic_class": 0, "watched": 1}
BACKGROUND = ROW | {"kind": "poisson", "sizes": ((900, 1),), "rate_bps": 60_000_000, "watched": 0}
ENDS = [(0, HOPS), (HOPS, 0), (1, HOPS)]


def a_chain(flows, trains):
    engine = PacketEngine(HOPS + 1, flows, end_ps=END_PS, trains=trains, outside_bins=2)
    engine.add_links(*np.array(LINKS).T, 12, 12_000)
    table = np.full((HOPS + 1, 2, 1), -1, np.int32)
    for node in range(HOPS + 1):
        table[node, 0, 0] = node if node < HOPS else -1
        table[node, 1, 0] = HOPS + node - 1 if node > 0 else -1
    n = flows.n_routed
    engine.install_table(table, (flows.destination[:n] == 0).astype(np.int32)[:, None], 0)
    links = np.arange(2 * HOPS)
    delay = PS_PER_MS * np.array([1, 2, 1, 1, 2, 1])
    times = np.zeros(2 * HOPS, np.int64)
    kind = times + state.CHANGE_START
    engine.begin_step(Step(0, END_PS, links, delay, delay + 7_777, times, links, kind, times + 100_000_000))
    return engine


def a_trace(seed, trains):
    rng = np.random.default_rng(seed)
    n = 400
    time_ps = np.sort(rng.integers(0, END_PS, n))
    time_ps[rng.random(n) < 0.3] //= PS_PER_MS  # some at one instant
    time_ps.sort()
    packets = np.where(rng.random(n) < 0.3, rng.integers(2, 9, n), 1) if trains else np.ones(n, np.int64)
    return time_ps, rng.integers(0, len(ENDS), n), rng.integers(40, 1500, n), packets


def ends_of(engine):
    ends = engine.drain_ends()
    order = np.lexsort((ends.sequence, ends.flow, ends.time_ps))
    return [np.asarray(column)[order].tolist() for column in ends]


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_put_in_goes_as_what_a_script_sends(seed, trains):
    time_ps, flow, size, packets = a_trace(seed, trains)
    rows = [BACKGROUND | {"source": 0, "destination": HOPS}]
    scripts = [ROW | {"source": a, "destination": b} for a, b in ENDS]
    scripted = a_chain(flows_from_rows(rows + scripts), trains)
    for k in range(len(ENDS)):
        mine = flow == k
        scripted.set_stop(1 + k, state.NEVER)
        scripted.set_script(1 + k, time_ps[mine], size[mine], packets[mine], time_ps[mine])
    scripted.advance(END_PS)
    engine = a_chain(flows_from_rows(rows).with_outside(*np.array(ENDS).T, hop_limit=64), trains)
    engine.set_stop(np.arange(1, 1 + len(ENDS)), state.NEVER)
    for k in range(len(time_ps)):
        while not engine.advance(time_ps[k]):
            pass
        e = engine._e
        f = 1 + flow[k]
        word = int(size[k]) << state.SIZE_SHIFT | 64 << state.HOP_SHIFT
        word |= int(packets[k] - 1) << state.COUNT_SHIFT
        now = np.int64(time_ps[k])
        assert admit(e, 0, 1, np.int64(engine.flows.source[f]), now, now, np.int64(f), np.int64(word)) >= 0
    engine.advance(END_PS)
    assert ends_of(engine) == ends_of(scripted)
    ours, theirs = engine.flow_counters(np.arange(4)), scripted.flow_counters(np.arange(4))
    for name in ("sent", "bytes_sent", "delivered", "dropped", "latency_sum_ps", "hops_sum"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert ours.dropped.sum() > 0 and ours.delivered[1:].min() > 0


def test_a_flow_from_outside_has_a_label_and_a_destination_of_its_own():
    flows = flows_from_rows([]).with_outside([0], [HOPS], hop_limit=64, direct=1)
    engine = a_chain(flows, trains=False)
    word = np.int64(100 << state.SIZE_SHIFT | 64 << state.HOP_SHIFT)
    enter = np.int64(0), np.int64(0), np.int64(0), np.int64(0), word
    engine.set_label(0, 0)
    engine.set_destination(0, 2)
    admit(engine._e, 0, 1, *enter)
    while not engine.advance(END_PS):
        pass
    ends = engine.drain_ends()
    assert ends.node.tolist() == [2] and ends.is_delivered.all()


def test_what_is_put_in_comes_behind_all_flows_of_its_instant():
    script = ROW | {"source": 0, "destination": HOPS, "script": ((5, 1000), (5, 1000))}
    flows = flows_from_rows([script]).with_outside([0], [HOPS], hop_limit=64)
    engine = a_chain(flows, trains=False)
    word = np.int64(100 << state.SIZE_SHIFT | 64 << state.HOP_SHIFT)
    admit(engine._e, 0, 1, np.int64(0), np.int64(5), np.int64(5), np.int64(1), word)
    while not engine.advance(END_PS):
        pass
    ends = engine.drain_ends()
    assert ends.flow[np.argsort(ends.time_ps)].tolist() == [0, 0, 1]
