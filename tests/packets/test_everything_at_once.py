"""Every addition to the packet model in one mesh: what must hold holds, however the run is divided.

Classes, marks, CoDel, bit errors, processing, failing nodes, links that change rate, on/off flows, requests,
bulk transfers and packets that follow a script, at loads at which all of it happens; and again with trains,
which know drop-tail queues alone.
"""

import random

import numpy as np
import pytest

from lasermesh.packets import engine as engine_module
from lasermesh.packets import state
from lasermesh.packets.causes import CAUSES
from lasermesh.units import PS_PER_MS, PS_PER_US
from tests.packets.adapter import engine_of, run_case, run_steps, steps_of
from tests.packets.comparing import differences, enough
from tests.packets.networks import GBPS, outcome_of, torus
from tests.reference.case import CODEL, DROP_TAIL, ECN_THRESHOLD, Flow, Pool
from tests.reference.packet_simulator import simulate

SIDE = 5
SENDING_PS = 6 * PS_PER_MS
END_PS = 40 * PS_PER_MS
"""Long after all flows have stopped: every packet has come or is lost, every request is answered."""
N_OF_A_KIND = enough(16, 8)
FAILING = (0, 7, 18)
"""No two of them are neighbours."""
REPLY_BYTES, REPLY_PACKET_BYTES = 4000, 1500


def everything(trains):
    """A torus of 25 nodes with all of it, trains or disciplines."""
    case = torus(
        side=SIDE, n_destinations=SIDE**2, n_flows=0, n_steps=4, end_ps=END_PS, delay_ps=200 * PS_PER_US
    )
    dice = random.Random(f"everything/{trains}")
    for link in range(case.n_links):
        case.discipline[link] = DROP_TAIL if trains else dice.choice((DROP_TAIL, ECN_THRESHOLD, CODEL))
        case.classes[link] = 1 if trains else dice.choice((1, 2, 8))
        case.mark_packets[link] = dice.choice((0, 3))
        case.codel[link] = (20 * PS_PER_US, 100 * PS_PER_US, 1500)
        case.bit_error_rate[link] = dice.choice((0.0, 1e-6))
    case.processing_ps = [dice.choice((0, 3 * PS_PER_US)) for _ in range(case.n_nodes)]
    for make in (on_off, asking, transfer, train_or_script):
        for _ in range(N_OF_A_KIND):
            make(case, *dice.sample(range(case.n_nodes), 2), dice, trains)
    fail(case, dice)
    return case


def add(case, source, destination, kind, dice, **more):
    case.flows.append(
        Flow(
            source, destination, kind, label=destination, traffic_class=dice.randrange(8),
            ecn=dice.random() < 0.6, stop_ps=SENDING_PS, **more,
        )
    )  # fmt: skip


def add_answers(case, kind, size):
    """What comes back to the flow added last."""
    flow = case.flows[-1]
    flow.reply = len(case.flows)
    case.flows.append(
        Flow(
            flow.destination, flow.source, kind, label=flow.source, sizes=((size, 1),),
            traffic_class=flow.traffic_class,
        )
    )  # fmt: skip


def on_off(case, a, b, dice, trains):
    times = {"on_ps": 200.0 * PS_PER_US, "off_ps": 100.0 * PS_PER_US}
    add(case, a, b, "on-off", dice, rate_bps=GBPS // 2, sizes=((1500, 2), (600, 1)), **times)


def asking(case, a, b, dice, trains):
    add(
        case, a, b, "poisson", dice, rate_bps=GBPS // 50, sizes=((300, 1),), pool=len(case.pools),
        reply_bytes=REPLY_BYTES, reply_packet_bytes=REPLY_PACKET_BYTES,
    )  # fmt: skip
    add_answers(case, "reply", REPLY_PACKET_BYTES)
    case.pools.append(
        Pool(b, 2, dice.choice(("constant", "exponential")), 250.0 * PS_PER_US, dice.choice((0, 4)))
    )


def transfer(case, a, b, dice, trains):
    add(
        case, a, b, "bulk", dice, rate_bps=GBPS // 3, sizes=((1400, 1),), total_bytes=100_001, window=20,
        timeout_min_ps=PS_PER_MS, timeout_first_ps=3 * PS_PER_MS, reply_bytes=64,
    )  # fmt: skip
    add_answers(case, "ack", 64)


def train_or_script(case, a, b, dice, trains):
    if trains:
        add(case, a, b, "constant", dice, rate_bps=GBPS // 3, sizes=((1000, 1),), train=dice.choice((4, 32)))
    else:
        times = sorted(dice.randrange(SENDING_PS) for _ in range(100))
        add(case, a, b, "script", dice, script=tuple((time_ps, dice.choice((64, 1500))) for time_ps in times))


def fail(case, dice):
    """Three nodes fail with all their links and come back; ten links change their rate."""
    gone = set()
    for node in FAILING:
        down_ps = dice.randrange(SENDING_PS // 4, SENDING_PS // 2)
        up_ps = down_ps + SENDING_PS // 4
        case.node_changes += [(down_ps, node, "down"), (up_ps, node, "up")]
        for link in range(case.n_links):
            if node in (case.link_from[link], case.link_to[link]):
                gone.add(link)
                case.changes += [(down_ps, link, "stop", 0), (up_ps, link, "start", GBPS)]
    for link in dice.sample([link for link in range(case.n_links) if link not in gone], 10):
        case.changes.append((dice.randrange(SENDING_PS), link, "rate", GBPS // 2))
    case.node_changes.sort()


@pytest.fixture(scope="module", params=[False, True], ids=["disciplines", "trains"])
def whole(request):
    """The case, and everything that comes of it on one thread with the batches and windows that it gets."""
    case = everything(request.param)
    engine, fates = run_case(case)
    return case, engine, fates, (fates.counted, outcome_of(engine, fates))


def test_run_with_everything_is_as_the_reference_says(whole):
    case = whole[0]
    lines = differences(*run_case(case), simulate(case))
    assert not lines, "\n".join(lines)


def test_everything_happens_in_it(whole):
    """Else the other claims say less than they seem to."""
    case, engine, _, _ = whole
    flows, pools = engine.flow_counters(), engine.pool_counters()
    lost = dict(zip(CAUSES, flows.dropped.sum(axis=0).tolist(), strict=True))
    trains = any(flow.train > 1 for flow in case.flows)
    causes = {"queue", "link_down", "bit_error", "node_down"} - ({"queue"} if not trains else set())
    assert all(lost[cause] > 0 for cause in causes), lost
    assert trains or (lost["early"] > 0 and flows.marked.sum() > 0)
    assert pools.refused.sum() > 0 and pools.waited.sum() > 0 and pools.served.sum() > 0
    assert (flows.sent > flows.unique_packets)[flows.unique_packets > 0].any()


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.compiled_only)])
@pytest.mark.parametrize("longest_window_ps", [None, 33 * PS_PER_US])
@pytest.mark.parametrize(
    ("batch", "rows"), [(engine_module.BATCH, engine_module.FIRST_ROWS), (1, 1), (3, 64)]
)
def test_result_is_the_same_for_any_threads_windows_and_batches(
    whole, monkeypatch, threads, longest_window_ps, batch, rows
):
    monkeypatch.setattr(engine_module, "LITTLE_WORK_PER_WINDOW", 0)
    monkeypatch.setattr(engine_module, "BATCH", batch)
    monkeypatch.setattr(engine_module, "FIRST_ROWS", rows)
    case, _, _, expected = whole
    engine, fates = run_case(case, threads=threads, longest_window_ps=longest_window_ps)
    assert (fates.counted, outcome_of(engine, fates)) == expected


def test_packets_are_conserved_at_every_instant_and_nothing_is_left_at_the_end(whole):
    """What was tapped so far is what is counted so far, cause by cause; what comes back fits what came."""
    case = whole[0]
    engine = engine_of(case)
    ends = []
    tapped = np.zeros((len(case.flows), 1 + len(CAUSES)), np.int64)
    kinds = np.array([flow.kind for flow in case.flows])
    replies, acks = np.flatnonzero(kinds == "reply"), np.flatnonzero(kinds == "ack")
    n_of_reply = -(-REPLY_BYTES // REPLY_PACKET_BYTES)
    for end_ps, step in steps_of(case):
        engine.begin_step(step)
        n = enough(50, 8)
        for until in [step.start_ps + (end_ps - step.start_ps) * (k + 1) // n for k in range(n)]:
            while not engine.advance(until):
                ends.append(count_taps(engine.drain_taps(), tapped))
            ends.append(count_taps(engine.drain_taps(rest=True), tapped))
            flows, pools = engine.flow_counters(), engine.pool_counters()
            assert (flows.delivered == tapped[:, 0]).all()
            assert (flows.dropped == tapped[:, 1:]).all()
            assert (flows.in_flight >= 0).all()
            assert (pools.arrived == flows.delivered[kinds == "poisson"]).all()
            assert (pools.refused + pools.served <= pools.arrived).all()
            assert (flows.sent[replies] == n_of_reply * pools.served).all()
            assert (flows.sent[acks] == flows.delivered[acks - 1]).all()
            assert (flows.delivered == flows.unique_packets + flows.duplicates)[kinds == "bulk"].all()
    assert (flows.in_flight == 0).all()
    assert (pools.refused + pools.served == pools.arrived).all()
    packets = np.concatenate(ends)
    for flow, sent in enumerate(flows.sent.tolist()):
        sequences = np.sort(packets[packets[:, 0] == flow, 1])
        assert len(sequences) == sent
        if kinds[flow] not in ("bulk", "ack"):  # whose numbers are those of segments
            assert (sequences == np.arange(sent)).all()


def test_taps_follow_in_time_from_drain_to_drain_however_often_that_is_done(whole):
    """An arrival is recorded when its node has looked at it, up to 3 us later, and told of in its place."""
    case = whole[0]
    engine = engine_of(case, taps=state.TAP_OUT | state.TAP_IN)
    once = np.concatenate(run_steps(engine, case))
    engine = engine_of(case, taps=state.TAP_OUT | state.TAP_IN)
    often = np.concatenate(run_steps(engine, case, windows_per_call=1))
    assert (np.diff(often[:, state.T_TIME]) >= 0).all() and len(often) > enough(10_000, 1000)
    np.testing.assert_array_equal(in_order(often), in_order(once))


def in_order(records):
    """Records sorted by all that they say."""
    return records[np.lexsort(records.T)]


def count_taps(records, tapped):
    """Add the packets of tapped deliveries and drops to their flow and fate.

    Returns
    -------
    packets : int64 array, shape (n, 2)
        Flow and number of each of them, those of trains one by one.
    """
    records = records[records[:, state.T_KIND] >= state.TAP_DELIVERED]
    count = (records[:, state.T_WORD] >> state.COUNT_SHIFT) + 1
    fate = np.where(
        records[:, state.T_KIND] == state.TAP_DELIVERED, 0, records[:, state.T_KIND] - state.TAP_DROPPED + 1
    )
    flow, first = np.divmod(records[:, state.T_IDENT], 1 << state.SEQUENCE_BITS)
    np.add.at(tapped, (flow, fate), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([np.repeat(flow, count), np.repeat(first, count) + within], axis=1)
