"""When things fail, and what that does to links: each against a reading instant by instant."""

import math

import numpy as np
import pytest

from lasermesh.contacts import Holding, LinkTable
from lasermesh.experiments.fault_overlay import Failures, Faults, LinkChanges, overlay
from lasermesh.experiments.faults import LINK, NODE, TERMINAL, Fault, FaultTally, FaultTimeline, random_row
from lasermesh.packets.state import NEVER
from lasermesh.random_kernels import FAULT, draw_unit
from lasermesh.units import NONE, PS_PER_S


def listed(events):
    return list(zip(*(column.tolist() for column in events), strict=True))


def test_scripted_faults_come_in_order_of_time_failures_first_and_only_once():
    faults = [
        Fault(NODE, 0, fails_ps=10, repaired_ps=30),
        Fault(NODE, 1, fails_ps=30),
        Fault(LINK, 0, 1, fails_ps=5, repaired_ps=10),
    ]
    timeline = FaultTimeline(faults, 0)
    assert listed(timeline.before(10)) == [(5, 2, True)]
    assert listed(timeline.before(31)) == [(10, 0, True), (10, 2, False), (30, 1, True), (30, 0, False)]
    assert listed(timeline.before(NEVER)) == []


def test_random_faults_are_exponential_from_their_row_and_the_same_however_the_run_is_cut():
    row = random_row(3, 2)
    fault = Fault(NODE, 0, mean_up_ps=4e3, mean_down_ps=1e3, row=row)
    whole = listed(FaultTimeline([fault], 7).before(200_000))
    cut = FaultTimeline([fault], 7)
    assert [event for end in range(0, 200_001, 500) for event in listed(cut.before(end))] == whole
    time_ps, expected = 0, []
    for counter in range(len(whole)):
        mean_ps = 1e3 if counter % 2 else 4e3
        time_ps += max(1, math.floor(-math.log(draw_unit(7, FAULT, row, counter)) * mean_ps + 0.5))
        expected.append((time_ps, 0, counter % 2 == 0))
    assert whole == expected and len(whole) > 40
    up_ps = np.diff([0] + [time_ps for time_ps, *_ in whole])
    assert up_ps[::2].mean() == pytest.approx(4e3, rel=0.5) and up_ps[1::2].mean() == pytest.approx(
        1e3, rel=0.5
    )
    assert listed(FaultTimeline([fault], 8).before(200_000)) != whole


def test_means_below_a_picosecond_still_take_one():
    fault = Fault(NODE, 0, mean_up_ps=0.01, mean_down_ps=0.01)
    times = [time_ps for time_ps, *_ in listed(FaultTimeline([fault], 1).before(50))]
    assert times == list(range(1, 50))


def test_what_failed_is_counted_until_the_end_of_the_run():
    s = PS_PER_S
    faults = [
        Fault(NODE, 0, fails_ps=1 * s, repaired_ps=3 * s),
        Fault(NODE, 1, fails_ps=2 * s),
        Fault(TERMINAL, 0, 0, fails_ps=9 * s),
    ]
    tally = FaultTally(faults)
    tally.add(FaultTimeline(faults, 0).before(5 * s))
    assert tally.summary(5 * s) == {
        "nodes": {"failures": 2, "repairs": 1, "downtime_s": 5.0},
        "terminals": {"failures": 0, "repairs": 0, "downtime_s": 0.0},
    }


# -- overlays against a reading at every instant --------------------------------------------------------

N_NODES, N_LINKS, STEP = 5, 9, 40


def random_topology(rng):
    """Links, which are up at the start, and changes at instants 1..STEP-1 of a step, in order of time."""
    pairs = [(a, b) for a in range(N_NODES) for b in range(N_NODES) if a != b]
    ends = np.array(pairs, np.int32)[rng.permutation(len(pairs))[:N_LINKS]]
    rule = rng.integers(0, 2, N_LINKS).astype(np.int16)
    table = LinkTable(ends[:, 0], ends[:, 1], np.zeros(N_LINKS, np.int8), rule)
    up = np.flatnonzero(rng.random(N_LINKS) < 0.6)
    n = int(rng.integers(0, 12))
    time_ps = np.sort(rng.integers(1, STEP, n))
    inner = LinkChanges(
        time_ps / PS_PER_S, time_ps, rng.integers(0, N_LINKS, n), rng.choice([0, 0, 5, 7], n).astype(np.int64)
    )
    return table, up.astype(np.int64), rng.choice([5, 7], len(up)).astype(np.int64), inner


def rate_at(link, t, up, rates, inner):
    """What the last word on a link up to an instant says."""
    rate = dict(zip(up.tolist(), rates.tolist(), strict=True)).get(link, 0)
    for time_ps, changed, to in zip(*(column.tolist() for column in inner[1:]), strict=True):
        if changed == link and time_ps <= t:
            rate = to
    return rate


def random_faults(rng, n):
    faults = []
    for _ in range(n):
        kind = int(rng.integers(0, 3))
        first = int(rng.integers(0, N_NODES))
        second = {NODE: NONE, LINK: (first + int(rng.integers(1, N_NODES))) % N_NODES, TERMINAL: 0}[kind]
        if kind == TERMINAL:
            second = int(rng.integers(0, 2))
        when = {"mean_up_ps": float(rng.integers(5, 60)), "mean_down_ps": float(rng.integers(2, 30))}
        if rng.random() < 0.5:
            fails_ps = int(rng.integers(0, 2 * STEP))
            when = {"fails_ps": fails_ps, "repaired_ps": fails_ps + int(rng.integers(1, 30))}
        both_ways = bool(rng.random() < 0.5)
        faults.append(Fault(kind, first, second, both_ways, row=int(rng.integers(0, 99)), **when))
    return faults


def is_failed(events, fault, t):
    """Whether a fault is in force at an instant, by its last event."""
    mine = [fails for time_ps, which, fails in events if which == fault and time_ps <= t]
    return bool(mine) and mine[-1]


def random_holdings(rng, table):
    """Terminals of some links at the start of the step and from one instant within it on."""
    holdings = []
    for since_ps in sorted({0, int(rng.integers(1, STEP))}):
        links = np.flatnonzero(rng.random(N_LINKS) < 0.7)
        # Links of a pair are there in both directions, of which the table may know one or both.
        seen, rows = set(), []
        for link in links.tolist():
            key = (*sorted((int(table.from_node[link]), int(table.to_node[link]))), int(table.rule[link]))
            if key not in seen:
                seen.add(key)
                rows.append(key)
        columns = np.array(rows, np.int32).reshape(-1, 3).T
        terminals = rng.integers(-1, 2, (2, len(rows))).astype(np.int32)
        holdings.append(Holding(since_ps / PS_PER_S, *columns, *terminals))
    return holdings


def needs(fault, link, t, table, holdings):
    """Whether a link needs what a fault names, at an instant."""
    ends = int(table.from_node[link]), int(table.to_node[link])
    if fault.kind == NODE:
        return fault.first in ends
    if fault.kind == LINK:
        named = (fault.first, fault.second)
        return ends == named or (fault.both_ways and ends == named[::-1])
    held = [holding for holding in holdings if round(holding.since_s * PS_PER_S) <= t][-1]
    for first, second, rule, *terminals in zip(*(column.tolist() for column in held[1:]), strict=True):
        if {first, second} == set(ends) and rule == table.rule[link]:
            for node, index in zip((first, second), terminals, strict=True):
                if (node, index) == (fault.first, fault.second):
                    return True
    return False


@pytest.mark.parametrize("seed", range(60))
def test_a_link_is_up_iff_its_topology_says_so_and_nothing_it_needs_has_failed(seed):
    """Over two steps, at every instant; the second begins with what failed in the first."""
    rng = np.random.default_rng(seed)
    table, *_ = random_topology(rng)
    named = random_faults(rng, int(rng.integers(1, 7)))
    faults = Faults(named, seed, N_NODES)
    events = listed(FaultTimeline(named, seed).before(2 * STEP))
    for start_ps in (0, STEP):
        _, up, rates, inner = random_topology(rng)
        holdings = random_holdings(rng, table)
        shifted = inner._replace(time_ps=inner.time_ps + start_ps)
        faults.begin(start_ps, start_ps + STEP)
        faults.enter()
        failures = faults.failures(table, holdings, 0.0, start_ps)
        stay, found = overlay(up, rates, shifted, failures, 0.0, start_ps)
        assert (np.diff(found.time_ps) >= 0).all()
        np.testing.assert_allclose(found.t_s, (found.time_ps - start_ps) / PS_PER_S, rtol=0, atol=1e-15)
        for t in range(STEP):
            for link in range(N_LINKS):
                expected = rate_at(link, t, up, rates, inner)
                if any(
                    is_failed(events, number, start_ps + t) and needs(fault, link, t, table, holdings)
                    for number, fault in enumerate(named)
                ):
                    expected = 0
                given = rate_at(link, start_ps + t, up[stay], rates[stay], found)
                assert given == expected, (start_ps, t, link)
        faults.count_until(start_ps + STEP)
    down = [sum(is_failed(events, number, t) for t in range(2 * STEP)) for number in range(len(named))]
    told = faults.summary(2 * STEP)
    assert sum(kind["downtime_s"] for kind in told.values()) == pytest.approx(sum(down) / PS_PER_S)
    assert sum(kind["failures"] for kind in told.values()) == sum(fails for *_, fails in events)


@pytest.mark.parametrize("seed", range(20))
def test_a_node_is_down_while_any_fault_that_names_it_lasts(seed):
    rng = np.random.default_rng(seed)
    named = random_faults(rng, 8)
    faults = Faults(named, seed, N_NODES)
    events = listed(FaultTimeline(named, seed).before(2 * STEP))
    told = []
    for start_ps in (0, STEP):
        changes = faults.begin(start_ps, start_ps + STEP)
        told += listed(changes)
        assert all(start_ps <= time_ps < start_ps + STEP for time_ps in changes.node_change_ps)
    assert [time_ps for time_ps, *_ in told] == sorted(time_ps for time_ps, *_ in told)
    assert len({(time_ps, node) for time_ps, node, _ in told}) == len(told)
    for node in range(N_NODES):
        is_up = True
        for t in range(2 * STEP):
            for time_ps, changed, up in told:
                if (time_ps, changed) == (t, node):
                    assert up != is_up
                    is_up = bool(up)
            failed = any(
                fault.kind == NODE and fault.first == node and is_failed(events, number, t)
                for number, fault in enumerate(named)
            )
            assert is_up == (not failed)


def test_without_a_failure_in_the_step_nothing_is_touched():
    table, up, rates, inner = random_topology(np.random.default_rng(1))
    faults = Faults([Fault(NODE, 0, fails_ps=STEP)], 0, N_NODES)
    assert [len(column) for column in faults.begin(0, STEP)] == [0, 0, 0]
    stay, same = overlay(up, rates, inner, faults.failures(table, [], 0.0, 0), 0.0, 0)
    assert stay.all() and same is inner


def test_a_link_that_is_lost_and_found_at_one_instant_still_is():
    """Beside a link that fails: its queue is emptied, as the topology says."""
    inner = LinkChanges(np.full(2, 1e-11), np.full(2, 10), np.zeros(2, np.int64), np.array([0, 5]))
    failures = Failures(np.zeros(2, np.int64), *np.array([[3, 20], [0, 1], [1, 1]]))
    none = failures._replace(time_ps=failures.time_ps[1:], link=failures.link[1:], more=failures.more[1:])
    up, rates = np.array([0, 1]), np.array([5, 5])
    _, kept = overlay(up, rates, inner, none, 0.0, 0)
    assert listed(kept)[:2] == listed(inner)
    _, lost = overlay(up, rates, inner, failures, 0.0, 0)
    assert [row[1:] for row in listed(lost)] == [(3, 0, 0), (20, 1, 0)]


def test_things_that_fail_in_turn_keep_a_link_down_without_a_gap():
    """Its end until 20, then the link itself: at 20 it is not up for an instant."""
    table = LinkTable(np.array([0]), np.array([1]), np.zeros(1, np.int8), np.zeros(1, np.int16))
    named = [Fault(NODE, 0, fails_ps=10, repaired_ps=20), Fault(LINK, 0, 1, fails_ps=20, repaired_ps=25)]
    faults = Faults(named, 0, 2)
    faults.begin(0, 40)
    nothing = LinkChanges(*(np.zeros(0, dtype) for dtype in (float, np.int64, np.int64, np.int64)))
    failures = faults.failures(table, [], 0.0, 0)
    _, found = overlay(np.array([0]), np.array([5]), nothing, failures, 0.0, 0)
    assert [row[1:] for row in listed(found)] == [(10, 0, 0), (25, 0, 5)]
