"""What the packet engine is told of links that change within a step."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.contacts import LinkGraph, LinkStep, LinkTable
from lasermesh.experiments.contact_log import ContactLog
from lasermesh.experiments.fault_overlay import Faults, LinkChanges
from lasermesh.experiments.faults import LINK, NODE, Fault
from lasermesh.experiments.feeding import LinkFeed, engine_changes, lasting_graph
from lasermesh.experiments.queueing import NO_LIMIT, Queues
from lasermesh.packets.state import CHANGE_RATE, CHANGE_START, CHANGE_STOP, NEVER
from lasermesh.units import PS_PER_S, SPEED_OF_LIGHT_M_PER_S

MBPS = 1_000_000


class ScriptedLinks:
    """Links that do what a script says: (t_s, link, rate_bps), in order of time; all known at once.

    Ranges are `range_m(link, t_s)`.
    """

    holdings = ()

    def __init__(self, n_links, script, range_m=lambda link, t_s: 1e6 + 0.0 * link, rules=None):
        self.script = script
        self._range_m = range_m
        rows = np.arange(n_links, dtype=np.int32)
        rules = np.zeros(n_links, np.int16) if rules is None else np.array(rules, np.int16)
        self.links = LinkTable(2 * rows, 2 * rows + 1, np.zeros(n_links, np.int8), rules)

    def step(self, start_s, end_s):
        rates = dict.fromkeys(range(len(self.links.rule)), 0)
        for t_s, link, rate_bps in self.script:
            if t_s <= start_s:
                rates[link] = rate_bps
        up = np.array([link for link, rate in rates.items() if rate], np.int32)
        inner = [event for event in self.script if start_s < event[0] < end_s]
        columns = list(zip(*inner, strict=True)) or [(), (), ()]
        ends = self.links.from_node[up], self.links.to_node[up]
        first = np.concatenate(([0], np.cumsum(np.bincount(ends[0], minlength=2 * len(rates)))))
        rate_bps = np.array([rates[link] for link in up.tolist()], np.int64)
        zeros = np.zeros(len(up), np.int16)
        graph = LinkGraph(start_s, first, *ends, up, zeros + 1e6, rate_bps, zeros, self.links.rule[up])
        return LinkStep(
            graph,
            change_s=np.array(columns[0], float),
            change_link=np.array(columns[1], np.int32),
            change_rate_bps=np.array(columns[2], np.int64),
            change_foreseen=np.zeros(len(inner), bool),
        )

    def ranges_at(self, links, t_s):
        return self._range_m(np.asarray(links, float), t_s)


class Recorder:
    """Takes the packet engine's place and notes what it is told."""

    def __init__(self):
        self.n_links = 0
        self.limits = {}
        self.queues = []
        self.steps = []

    def add_links(self, from_node, to_node, limit_packets, limit_bytes, taps, queues):
        self.n_links += len(from_node)
        self.queues.append(queues)

    def set_limits(self, links, limit_packets, limit_bytes):
        for link, packets, size in zip(links.tolist(), limit_packets, limit_bytes, strict=True):
            self.limits[link] = (int(packets), int(size))

    def prepare_step(self, step):
        return step

    def enter_step(self, step):
        self.steps.append(step)


class QueuesByRule:
    """Which queue settings links have: those of their rule."""

    def __init__(self, settings):
        self.settings = settings

    def of_links(self, from_node, to_node, rule):
        return np.asarray(rule, np.int64)


def settings(**given):
    """Queue settings, those of a file that says nothing but what is given."""
    defaults = {
        "queue_packets": None,
        "queue_bytes": None,
        "queue": "drop-tail",
        "classes": 1,
        "ecn_threshold_packets": None,
        "ecn_threshold_bytes": None,
        "codel_target_s": 0.005,
        "codel_interval_s": 0.1,
        "codel_min_bytes": 1500,
        "bit_error_rate": 0.0,
    }
    return SimpleNamespace(**defaults | given)


def feed_of(links, queues=((None, None),), scale=1.0, faults=None):
    """A LinkFeed over scripted links with a recorder behind it; queue limits, or all settings, by rule."""
    by_rule = [
        each if isinstance(each, SimpleNamespace) else settings(queue_packets=each[0], queue_bytes=each[1])
        for each in queues
    ]
    experiment = SimpleNamespace(packets=SimpleNamespace(scale=scale))
    told = Queues(QueuesByRule(by_rule), scale)
    return LinkFeed(experiment, links, Recorder(), told, lambda *columns: 0, np.zeros(0, bool), faults)


def step_of(feed, start_s, end_s):
    """The engine's step from one instant to another, and its changes as a sorted list of tuples."""
    feed.begin(start_s, end_s, round(start_s * PS_PER_S), round(end_s * PS_PER_S))
    feed.hand_over()
    step = feed._engine.steps[-1]
    rows = zip(step.change_ps, step.change_link, step.change_kind, step.change_rate_bps, strict=True)
    return step, sorted(tuple(map(int, row)) for row in rows)


def test_changes_keep_their_instants_to_the_picosecond():
    script = [(0.0, 0, MBPS), (0.25, 1, MBPS), (0.5, 0, 0), (0.625, 1, 2 * MBPS), (0.75, 1, 0)]
    step, changes = step_of(feed_of(ScriptedLinks(2, script)), 0.0, 1.0)
    assert changes == [
        (0, 0, CHANGE_START, MBPS),
        (PS_PER_S // 4, 1, CHANGE_START, MBPS),
        (PS_PER_S // 2, 0, CHANGE_STOP, 0),
        (5 * PS_PER_S // 8, 1, CHANGE_RATE, 2 * MBPS),
        (3 * PS_PER_S // 4, 1, CHANGE_STOP, 0),
    ]
    assert step.links.tolist() == [0, 1]


def test_the_next_step_begins_where_the_last_one_ended():
    script = [(0.0, 0, MBPS), (0.5, 0, 0), (0.75, 1, MBPS), (1.0, 0, MBPS), (1.0, 1, 0), (1.5, 2, MBPS)]
    feed = feed_of(ScriptedLinks(3, script))
    step_of(feed, 0.0, 1.0)
    assert feed.rate_bps.tolist() == [MBPS, 0, 0] and feed.n_links == 2
    step, changes = step_of(feed, 1.0, 2.0)
    assert changes == [
        (PS_PER_S, 0, CHANGE_START, MBPS),
        (PS_PER_S, 1, CHANGE_STOP, 0),
        (3 * PS_PER_S // 2, 2, CHANGE_START, MBPS),
    ]
    assert step.links.tolist() == [0, 2] and feed.n_links == 3
    assert feed.stops_at_start
    assert step_of(feed, 2.0, 3.0)[1] == [] and not feed.stops_at_start


def test_an_instant_that_rounds_onto_an_edge_of_the_step_stays_within():
    script = [(1.0 + 1e-14, 0, MBPS), (2.0 - 1e-14, 0, 0)]
    script[0] = (np.nextafter(1.0, 2.0), 0, MBPS)
    _, changes = step_of(feed_of(ScriptedLinks(1, script)), 1.0, 2.0)
    assert changes == [(PS_PER_S + 1, 0, CHANGE_START, MBPS), (2 * PS_PER_S - 1, 0, CHANGE_STOP, 0)]


@pytest.mark.parametrize(
    ("before", "rates", "expected"),
    [
        (5, [0, 7], [(CHANGE_STOP, 0), (CHANGE_START, 7)]),  # lost and found at one instant
        (5, [0, 5], [(CHANGE_STOP, 0), (CHANGE_START, 5)]),
        (0, [7, 0], []),
        (0, [7, 8], [(CHANGE_START, 8)]),
        (5, [5], []),
        (5, [7, 5], []),
        (5, [0], [(CHANGE_STOP, 0)]),
        (0, [0], []),
        (5, [7, 0], [(CHANGE_STOP, 0)]),
    ],
)
def test_several_changes_of_a_link_at_one_instant_become_what_the_engine_can_do(before, rates, expected):
    n = len(rates)
    changes = LinkChanges(np.full(n, 1.0), np.full(n, 10), np.full(n, 1), np.array(rates))
    rows = engine_changes(changes, np.array([0, before]))
    assert list(zip(rows.kind.tolist(), rows.rate_bps.tolist(), strict=True)) == expected
    assert set(rows.link.tolist()) <= {1} and set(rows.time_ps.tolist()) <= {10}


def test_every_link_has_a_delay_at_both_ends_of_the_step_even_before_it_starts():
    script = [(0.0, 0, MBPS), (0.5, 1, MBPS), (0.75, 0, 0)]
    links = ScriptedLinks(2, script, lambda link, t_s: 1e6 * (1 + link) + 1e4 * t_s)
    step, _ = step_of(feed_of(links), 0.0, 1.0)
    ps = PS_PER_S / SPEED_OF_LIGHT_M_PER_S
    assert step.delay_start_ps.tolist() == [round(1e6 * ps), round(2e6 * ps)]
    assert step.delay_end_ps.tolist() == [round(1.01e6 * ps), round(2.01e6 * ps)]


def test_the_miss_of_straight_ranges_is_measured_in_the_middle_of_links_in_use():
    script = [(0.0, 0, MBPS), (0.0, 1, MBPS)]
    links = ScriptedLinks(2, script, lambda link, t_s: 1e6 + 400.0 * (1 + link) * t_s**2)
    feed = feed_of(links)
    step_of(feed, 0.0, 1.0)
    feed.note_used(np.array([], np.int64), feed.missed)
    assert feed.longest_miss_m == 0.0
    feed.note_used(np.array([0]), feed.missed)
    assert feed.longest_miss_m == pytest.approx(100.0, rel=1e-9)
    step_of(feed, 1.0, 3.0)
    feed.note_used(np.array([0]), feed.missed)
    assert feed.longest_miss_m == pytest.approx(400.0, rel=1e-9)
    feed.note_used(np.array([0, 1]), feed.missed)
    assert feed.longest_miss_m == pytest.approx(800.0, rel=1e-9)


def test_a_satellite_that_fails_within_a_step_goes_on_in_a_straight_line():
    def range_m(link, t_s):
        return np.where(t_s < 0.5, 1e6 + 2e3 * t_s, np.nan) + 0.0 * link

    links = ScriptedLinks(1, [(0.0, 0, MBPS), (0.5, 0, 0)], range_m)
    feed = feed_of(links)
    step, changes = step_of(feed, 0.0, 1.0)
    assert changes[-1] == (PS_PER_S // 2, 0, CHANGE_STOP, 0)
    expected_ps = 1.002e6 * PS_PER_S / SPEED_OF_LIGHT_M_PER_S
    assert step.delay_end_ps[0] == pytest.approx(expected_ps, abs=2)


def test_a_queue_limit_that_goes_with_the_rate_changes_with_the_rate():
    """50 ms at 1 Mbit/s are 6250 bytes."""
    script = [(0.0, 0, MBPS), (0.25, 0, 2 * MBPS), (0.5, 1, MBPS), (0.75, 0, 4 * MBPS), (0.75, 1, 2 * MBPS)]
    feed = feed_of(ScriptedLinks(2, script))
    step_of(feed, 0.0, 1.0)
    limits = feed._engine.limits
    assert limits == {0: (NO_LIMIT, 6250), 1: (NO_LIMIT, 6250)}
    assert feed.most_waiting().bytes[0] == 6250
    assert feed.next_limits_ps == PS_PER_S // 4
    feed.change_limits()
    assert limits == {0: (NO_LIMIT, 12500), 1: (NO_LIMIT, 6250)}
    assert feed.next_limits_ps == 3 * PS_PER_S // 4
    feed.change_limits()
    assert limits == {0: (NO_LIMIT, 25000), 1: (NO_LIMIT, 12500)}
    assert feed.next_limits_ps == NEVER


def test_a_link_that_comes_back_with_another_rate_has_its_limit_from_then_on():
    script = [(0.0, 0, 2 * MBPS), (0.25, 0, 0), (0.5, 0, MBPS)]
    feed = feed_of(ScriptedLinks(1, script))
    step_of(feed, 0.0, 1.0)
    assert feed._engine.limits == {0: (NO_LIMIT, 12500)} and feed.next_limits_ps == PS_PER_S // 2
    feed.change_limits()
    assert feed._engine.limits == {0: (NO_LIMIT, 6250)}


def test_a_link_that_comes_back_with_the_rate_that_it_had_keeps_its_limit():
    """So that the engine need not halt for it; at another rate between it must."""
    script = [(0.0, 0, MBPS), (0.25, 0, 0), (0.5, 0, MBPS), (0.75, 0, 2 * MBPS), (1.25, 0, 0), (1.5, 0, MBPS)]
    feed = feed_of(ScriptedLinks(1, script))
    step_of(feed, 0.0, 1.0)
    assert feed.next_limits_ps == 3 * PS_PER_S // 4
    feed.change_limits()
    assert feed._engine.limits == {0: (NO_LIMIT, 12500)} and feed.next_limits_ps == NEVER
    step_of(feed, 1.0, 2.0)
    assert feed.next_limits_ps == 3 * PS_PER_S // 2
    feed.change_limits()
    assert feed._engine.limits == {0: (NO_LIMIT, 6250)} and feed.next_limits_ps == NEVER


def test_limits_that_the_file_gives_do_not_change_with_the_rate():
    script = [(0.0, 0, MBPS), (0.0, 1, MBPS), (0.5, 0, 2 * MBPS), (0.5, 1, 2 * MBPS)]
    feed = feed_of(ScriptedLinks(2, script, rules=[0, 1]), queues=((7, None), (None, 1000)))
    step_of(feed, 0.0, 1.0)
    assert feed._engine.limits == {0: (7, NO_LIMIT), 1: (NO_LIMIT, 1000)}
    assert feed.next_limits_ps == NEVER


def test_scaled_rates_stay_off_where_a_link_is_down():
    script = [(0.0, 0, MBPS), (0.5, 0, 0)]
    _, changes = step_of(feed_of(ScriptedLinks(1, script), scale=0.1), 0.0, 1.0)
    assert changes == [(0, 0, CHANGE_START, MBPS // 10), (PS_PER_S // 2, 0, CHANGE_STOP, 0)]


def test_the_hash_notices_when_within_a_step_a_link_stops():
    hashes = set()
    for stop_s in (0.5, 0.5000001, 0.6):
        feed = feed_of(ScriptedLinks(1, [(0.0, 0, MBPS), (stop_s, 0, 0)]))
        step_of(feed, 0.0, 1.0)
        hashes.add(feed.link_graph_sha256)
    assert len(hashes) == 3


def test_a_failed_link_stops_and_comes_back_at_its_instants_with_the_rate_of_then():
    """Link 1, from node 2 to node 3; node 0 fails too, at the beginning of the second step."""
    script = [(0.0, 0, MBPS), (0.0, 1, MBPS), (0.75, 1, 2 * MBPS)]
    named = [
        Fault(LINK, 2, 3, fails_ps=PS_PER_S // 2, repaired_ps=PS_PER_S + 7),
        Fault(NODE, 0, fails_ps=PS_PER_S, repaired_ps=3 * PS_PER_S // 2),
    ]
    feed = feed_of(ScriptedLinks(2, script), faults=Faults(named, 0, 4))
    step, changes = step_of(feed, 0.0, 1.0)
    assert changes == [
        (0, 0, CHANGE_START, MBPS),
        (0, 1, CHANGE_START, MBPS),
        (PS_PER_S // 2, 1, CHANGE_STOP, 0),
    ]
    assert step.links.tolist() == feed.lasting_graph.link.tolist() == [0, 1]  # it comes as a surprise
    assert len(step.node_change_node) == 0
    step, changes = step_of(feed, 1.0, 2.0)
    assert changes == [
        (PS_PER_S, 0, CHANGE_STOP, 0),
        (PS_PER_S + 7, 1, CHANGE_START, 2 * MBPS),
        (3 * PS_PER_S // 2, 0, CHANGE_START, MBPS),
    ]
    assert step.links.tolist() == [0, 1] and feed.lasting_graph.link.tolist() == []
    assert feed.rate_bps.tolist() == [0, 0] and feed.stops_at_start
    nodes = zip(step.node_change_ps, step.node_change_node, step.node_change_up, strict=True)
    assert list(nodes) == [(PS_PER_S, 0, 0), (3 * PS_PER_S // 2, 0, 1)]
    assert step_of(feed, 2.0, 3.0)[1] == [] and feed.rate_bps.tolist() == [MBPS, 2 * MBPS]


def test_a_fault_that_does_not_come_leaves_the_hash_alone():
    hashes = set()
    for faults in (None, Faults([Fault(NODE, 0, fails_ps=9 * PS_PER_S)], 0, 4)):
        feed = feed_of(ScriptedLinks(2, [(0.0, 0, MBPS), (0.5, 1, MBPS), (1.5, 0, 0)]), faults=faults)
        for start_s in (0.0, 1.0):
            step_of(feed, start_s, start_s + 1.0)
        hashes.add(feed.link_graph_sha256)
    assert len(hashes) == 1


def test_the_engine_is_told_the_queues_of_each_link_and_scaled_is_what_counts_bytes_of_a_queue():
    marking = settings(queue="ecn-threshold", ecn_threshold_packets=20, ecn_threshold_bytes=30_000)
    waiting = settings(
        queue="codel", classes=3, codel_target_s=0.01, codel_min_bytes=3000, bit_error_rate=1e-9
    )
    links = ScriptedLinks(3, [(0.0, link, MBPS) for link in range(3)], rules=[0, 1, 2])
    feed = feed_of(links, (marking, waiting, settings(queue_bytes=5000)), scale=0.5)
    step_of(feed, 0.0, 1.0)
    (queues,) = feed._engine.queues
    assert queues.discipline.tolist() == [1, 2, 0] and queues.classes.tolist() == [1, 3, 1]
    assert queues.mark_packets.tolist() == [20, NEVER, NEVER]
    assert queues.mark_bytes.tolist() == [15_000, NEVER, NEVER]
    assert queues.codel_target_ps.tolist() == [5 * 10**9, 10**10, 5 * 10**9]
    assert queues.codel_interval_ps.tolist() == [10**11] * 3
    assert queues.codel_min_bytes.tolist() == [1500, 3000, 1500]
    assert queues.bit_error_rate.tolist() == [0.0, 1e-9, 0.0]
    assert feed._engine.limits == {0: (NO_LIMIT, 3125), 1: (NO_LIMIT, 3125), 2: (NO_LIMIT, 2500)}
    waiting = feed.most_waiting()
    assert waiting.lists.tolist() == [1, 3, 1] and waiting.bytes.tolist() == [3125, 3125, 2500]
    assert waiting.packets.tolist() == [NO_LIMIT] * 3


class Rows(list):
    """Takes contacts and lists them as (from, start, stop, rate, open at start, open at stop)."""

    def write(self, contacts):
        columns = (contacts.from_node, contacts.start_s, contacts.stop_s, contacts.rate_bps)
        columns += (contacts.open_start, contacts.open_stop)
        self.extend(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def log_of(script, until_s, n_links=2):
    """The contacts of scripted links over a run in steps of 1 s."""
    links = ScriptedLinks(n_links, script)
    feed, log, rows = feed_of(links), ContactLog(links, lambda ids, t_s: t_s, 0.0), Rows()
    start_s = 0.0
    while start_s < until_s:
        step_of(feed, start_s, start_s + 1.0)
        log.note(feed.changes_before(round(min(start_s + 1.0, until_s) * PS_PER_S)), rows)
        start_s += 1.0
    log.close(until_s, rows)
    return rows


def test_contacts_have_exact_edges_and_end_where_the_rate_changes():
    script = [
        (-5.0, 0, MBPS),
        (0.25, 0, 2 * MBPS),
        (0.5, 1, MBPS),
        (0.75, 1, 0),
        (0.875, 1, 2 * MBPS),
        (1.125, 1, 0),
        (2.5, 0, 0),
        (2.75, 0, MBPS),
    ]
    assert log_of(script, 4.0) == [
        (0, 0.0, 0.25, MBPS, True, False),
        (2, 0.5, 0.75, MBPS, False, False),
        (2, 0.875, 1.125, 2 * MBPS, False, False),
        (0, 0.25, 2.5, 2 * MBPS, False, False),
        (0, 2.75, 4.0, MBPS, False, True),
    ]


def test_a_run_that_ends_within_a_step_knows_nothing_of_what_comes_behind():
    script = [(0.0, 0, MBPS), (1.25, 1, MBPS), (1.75, 0, 0)]
    assert log_of(script, 1.5) == [
        (0, 0.0, 1.5, MBPS, True, True),
        (2, 1.25, 1.5, MBPS, False, True),
    ]


def test_a_link_lost_and_found_at_one_instant_makes_two_contacts():
    script = [(0.0, 0, MBPS), (0.5, 0, 0), (0.5, 0, MBPS)]
    assert log_of(script, 1.0) == [
        (0, 0.0, 0.5, MBPS, True, False),
        (0, 0.5, 1.0, MBPS, False, True),
    ]


def test_a_contact_that_goes_on_under_another_row_of_a_plan_is_one():
    script = [(0.0, 0, MBPS), (0.5, 0, MBPS), (1.5, 0, MBPS), (1.5, 0, 0)]
    assert log_of(script, 2.0) == [(0, 0.0, 1.5, MBPS, True, False)]


def test_light_times_are_those_of_the_middle_of_each_contact():
    log, found = ContactLog(ScriptedLinks(1, []), lambda ids, t_s: t_s, 0.0), []
    changes = LinkChanges(
        np.array([1.0, 2.0, 3.0]), np.arange(3), np.zeros(3, np.int64), np.array([MBPS, 2 * MBPS, 0])
    )
    log.note(changes, SimpleNamespace(write=lambda contacts: found.append(contacts.owlt_s)))
    assert np.concatenate(found).tolist() == [1.5, 2.5]


def link_step(pairs, n_nodes, *changes):
    """A LinkStep of links given by (from, to), sorted, and changes (t_s, link, rate_bps, foreseen)."""
    ends = np.array(pairs, np.int32).reshape(-1, 2)
    n = len(ends)
    first = np.concatenate(([0], np.cumsum(np.bincount(ends[:, 0], minlength=n_nodes))))
    zeros = np.zeros(n, np.int8)
    rows = np.arange(n, dtype=np.int32)
    graph = LinkGraph(
        0.0, first, ends[:, 0], ends[:, 1], rows, np.ones(n), np.ones(n, np.int64), zeros, zeros
    )
    columns = list(zip(*changes, strict=True)) or [()] * 4
    kinds = (float, np.int32, np.int64, bool)
    return LinkStep(graph, *(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))


DIAMOND = [(0, 1), (0, 2), (1, 3), (2, 3)]


def lasting_pairs(step, ends):
    is_end = np.zeros(4, bool)
    is_end[list(ends)] = True
    graph = lasting_graph(step, 4, is_end)
    pairs = list(zip(graph.from_node.tolist(), graph.to_node.tolist(), strict=True))
    for node in range(4):
        rows = slice(graph.first[node], graph.first[node + 1])
        assert (graph.from_node[rows] == node).all()
    assert graph.first[-1] == len(pairs) == len(graph.link)
    return pairs


def test_a_table_is_made_without_links_that_are_known_to_go_down():
    step = link_step(DIAMOND, 4, (0.5, 0, 0, True))
    assert lasting_pairs(step, (0, 3)) == [(0, 2), (1, 3), (2, 3)]


def test_what_nobody_could_know_does_not_change_a_table():
    assert lasting_pairs(link_step(DIAMOND, 4, (0.5, 2, 0, False)), (0, 3)) == DIAMOND
    assert lasting_pairs(link_step(DIAMOND, 4, (0.5, 2, 7, True)), (0, 3)) == DIAMOND


def test_the_last_links_out_of_a_node_and_into_an_end_stay_until_they_go_down():
    out_of_1 = link_step(DIAMOND, 4, (0.5, 2, 0, True), (0.7, 0, 0, True))
    assert lasting_pairs(out_of_1, (0, 3)) == [(0, 2), (1, 3), (2, 3)]
    pairs = [(0, 1), (0, 2), (0, 3)]
    into_3 = link_step(pairs, 4, (0.5, 2, 0, True))
    assert lasting_pairs(into_3, (0, 3)) == pairs and lasting_pairs(into_3, (0, 2)) == pairs[:2]
