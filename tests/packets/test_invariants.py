"""What holds in every run, looked for in the engine's own taps on random networks.

Every link is tapped at both ends, every delivery and drop is seen, so that the place of each packet is known
at every instant. The reference is asked for nothing here but when packets are sent.
"""

import itertools
import random
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lasermesh.packets import state
from tests.packets.adapter import engine_of, run_case, steps_of
from tests.packets.comparing import enough
from tests.reference.case import TIMED_KINDS, UNLIMITED
from tests.reference.cases import FLAVOURS, random_case
from tests.reference.packet_simulator import ceil_div, packets_of_flow

BOTH = state.TAP_OUT | state.TAP_IN
# What sends a segment again, or takes packets off a train, has more than one record of one kind per packet.
ANSWERING = {"requests", "bulk", "bulk, lossy", "trains", "trains, cuts", "mixed"}
in_random_cases = given(
    st.integers(0, 2**32), st.sampled_from([each for each in FLAVOURS if each not in ANSWERING])
)
in_all_random_cases = given(st.integers(0, 2**32), st.sampled_from(FLAVOURS))
some_examples = settings(max_examples=enough(40, 10), derandomize=True, database=None, deadline=None)


def tapped(seed, flavour, stops=0):
    """A random case, its engine after a run, and its records; seen at `stops` instants within each step.

    What is seen is (clock_ps, flow counters), for each instant.
    """
    dice = random.Random(f"invariants/{seed}")
    case = random_case(dice, flavour)
    engine = engine_of(case, taps=BOTH, threads=dice.choice((1, 2)))
    drained, seen = [], []
    try:
        for end_ps, step in steps_of(case):
            engine.begin_step(step)
            instants = {dice.randint(step.start_ps + 1, end_ps) for _ in range(stops)}
            for until in sorted(instants | {end_ps}):
                while True:
                    arrived = engine.advance(until)
                    drained.append(engine.drain_taps())
                    if arrived:
                        break
                seen.append((engine.clock_ps, engine.flow_counters()))
    finally:
        engine.close()
    return case, seen, np.concatenate(drained)


def sent_by(case, row, until_ps):
    """(time_ps, size) of what a flow sends before an instant."""
    stop_ps = min(case.flows[row].stop_ps, until_ps)
    return itertools.takewhile(lambda packet: packet[0] < stop_ps, packets_of_flow(case, row))


def by_link(records, kind):
    """Tapped records of one kind for each link, in the order in which they came."""
    found = defaultdict(list)
    for record in records[records[:, state.T_KIND] == kind].tolist():
        found[record[state.T_PLACE]].append(record)
    return found


@some_examples
@in_all_random_cases
def test_sent_is_delivered_and_dropped_and_in_flight_at_every_instant(seed, flavour):
    case, seen, records = tapped(seed, flavour, stops=3)
    flow = records[:, state.T_IDENT] >> state.SEQUENCE_BITS
    kind, time = records[:, state.T_KIND], records[:, state.T_TIME]
    packets = ((records[:, state.T_WORD] >> state.COUNT_SHIFT) & state.COUNT_MASK) + 1
    for clock_ps, counters in seen:
        assert (counters.in_flight >= 0).all()
        for row, given_flow in enumerate(case.flows):
            if given_flow.kind in TIMED_KINDS and given_flow.train == 1:
                # Entries of scripts may be trains: their number and the time of their last packet follow.
                sent = [(size, *more) for _, size, *more in sent_by(case, row, clock_ps)]
                counts = [entry[1] if len(entry) > 1 else 1 for entry in sent]
                n_bytes = sum(count * entry[0] for count, entry in zip(counts, sent, strict=True))
                assert (counters.sent[row], counters.bytes_sent[row]) == (sum(counts), n_bytes)
            mine = (flow == row) & (time < clock_ps)
            assert counters.delivered[row] == packets[mine & (kind == state.TAP_DELIVERED)].sum()
            for cause, dropped in enumerate(counters.dropped[row]):
                assert dropped == packets[mine & (kind == state.TAP_DROPPED + cause)].sum()


@some_examples
@in_random_cases
def test_every_packet_has_one_fate_and_one_place(seed, flavour):
    case, seen, records = tapped(seed, flavour)
    counters = seen[-1][1]
    events = defaultdict(list)
    for record in records.tolist():
        events[record[state.T_IDENT]].append(record)
    alive = [int(n) for n in counters.sent - counters.delivered - counters.dropped.sum(axis=1)]
    for ident, mine in events.items():
        flow = case.flows[ident >> state.SEQUENCE_BITS]
        # At one instant, what comes in is followed by what becomes of it; over no distance, out by in.
        ends = [record for record in mine if record[state.T_KIND] >= state.TAP_DELIVERED]
        outs = [record for record in mine if record[state.T_KIND] == state.TAP_OUT]
        ins = [record for record in mine if record[state.T_KIND] == state.TAP_IN]
        assert len(ends) <= 1
        assert all(record[state.T_TIME] <= ends[0][state.T_TIME] for record in mine if ends)
        node = flow.source
        for out, into in itertools.zip_longest(outs, ins):
            assert case.link_from[out[state.T_PLACE]] == node
            if into is None:
                assert out is outs[-1] and not ends
                continue
            assert into[state.T_PLACE] == out[state.T_PLACE] and into[state.T_TIME] >= out[state.T_TIME]
            assert into[state.T_CREATED] == out[state.T_CREATED] <= out[state.T_TIME]
            node = case.link_to[into[state.T_PLACE]]
        if ends:
            assert ends[0][state.T_PLACE] == node
        if ends and ends[0][state.T_KIND] == state.TAP_DELIVERED:
            assert node == flow.destination and 1 <= len(ins) <= flow.hop_limit
        if not ends:
            alive[ident >> state.SEQUENCE_BITS] -= 1
    # What is left is in its first queue, where nothing has seen it.
    assert min(alive, default=0) >= 0


@some_examples
@in_random_cases
def test_hop_limit_falls_by_one_at_each_node_on_the_way(seed, flavour):
    case, _, records = tapped(seed, flavour)
    seen = defaultdict(list)
    for record in records[records[:, state.T_KIND] == state.TAP_OUT].tolist():
        seen[record[state.T_IDENT]].append(record[state.T_WORD] >> state.HOP_SHIFT & 0xFF)
    for ident, limits in seen.items():
        first = case.flows[ident >> state.SEQUENCE_BITS].hop_limit
        assert limits == list(range(first, first - len(limits), -1))


@some_examples
@in_random_cases
def test_links_are_first_in_first_out_one_at_a_time_and_no_faster_than_light(seed, flavour):
    case, _, records = tapped(seed, flavour)
    outs, ins = by_link(records, state.TAP_OUT), by_link(records, state.TAP_IN)
    assert set(ins) <= set(outs)
    rates = defaultdict(list)
    for _, link, kind, rate_bps in case.changes:
        if kind != "stop":
            rates[link].append(rate_bps)
    for link, left in outs.items():
        came = ins.get(link, [])
        assert [r[state.T_IDENT] for r in came] == [r[state.T_IDENT] for r in left][: len(came)]
        arrivals = [r[state.T_TIME] for r in came]
        assert arrivals == sorted(arrivals)
        for out, into in zip(left, came, strict=False):
            t = out[state.T_TIME]
            step = next(step for step in case.steps if step.t0_ps < t <= step.t1_ps)
            shortest = min(step.delay_start_ps[link], step.delay_end_ps[link])
            # Above 2**53 ps, float64 takes what it rounds to.
            assert into[state.T_TIME] - t >= int(float(shortest)) or shortest > 2**53
        for before, after in itertools.pairwise(left):
            size = after[state.T_WORD] >> state.SIZE_SHIFT & state.SIZE_MASK
            bits = (size + case.framing_bytes) * 8 * 10**12
            assert after[state.T_TIME] - before[state.T_TIME] >= max(1, ceil_div(bits, max(rates[link])))


@some_examples
@in_random_cases
def test_nothing_is_in_flight_once_sources_are_silent_and_all_has_come_to_rest(seed, flavour):
    case = random_case(random.Random(f"rest/{seed}"), flavour)
    for flow in case.flows:
        flow.stop_ps = min(flow.stop_ps, case.end_ps)
    last = case.steps[-1]
    longest_ps = max(max(step.delay_start_ps + step.delay_end_ps) for step in case.steps)
    slowest = min(rate for _, _, kind, rate in case.changes if kind != "stop")
    n_packets = sum(1 for row in range(len(case.flows)) for _ in sent_by(case, row, case.end_ps))
    # All packets one behind the other over the slowest link, at every hop.
    service_ps = ceil_div((65_536 + case.framing_bytes) * 8 * 10**12, slowest)
    rest_ps = case.end_ps + 65 * (n_packets * service_ps + longest_ps)
    if rest_ps >= UNLIMITED:
        return
    case.changes = [change for change in case.changes if change[0] < case.end_ps]
    last.t1_ps = case.end_ps = rest_ps
    engine, fates = run_case(case)
    counters = engine.flow_counters()
    assert counters.in_flight.tolist() == [0] * len(case.flows)
    assert len(fates) == n_packets == counters.sent.sum()


def test_fates_of_tapped_links_are_those_of_links_that_are_not():
    for flavour in FLAVOURS[:: enough(1, 4)]:
        case = random_case(random.Random(f"untapped/{flavour}"), flavour)
        _, plain = run_case(case)
        _, tapped_too = run_case(case, taps=BOTH)
        assert plain.counted == tapped_too.counted
