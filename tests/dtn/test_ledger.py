"""Booked volume is exact: never twice, never lost, and found again by searches."""

from itertools import pairwise

import numpy as np
import pytest

from lasermesh.dtn.ledger import Boards, Ledger, NoLedger
from lasermesh.dtn.routes import Hop, Route
from lasermesh.units import NONE
from tests.dtn.plans import graph_of_plan, ns, plan_of
from tests.reference.booking import SlowLedger

MBPS = 8_000_000  # a megabyte takes a second

# Pairs with one contact, with several, with overlapping ones, with two of the same time.
CONTACTS = [
    (0, 1, 0, 100, 0.0, MBPS),
    (1, 2, 0, 40, 0.0, MBPS),
    (1, 2, 50, 90, 0.0, MBPS),
    (1, 2, 60, 95, 0.0, MBPS),
    (2, 3, 10, 60, 0.0, MBPS),
    (2, 3, 10, 60, 0.0, 2 * MBPS),
    (0, 2, 5, 15, 0.0, MBPS),
    (0, 2, 15, 30, 0.0, MBPS),
]


def hop(contact, first_s, last_s):
    sender, receiver = CONTACTS[contact][:2]
    return Hop(contact, sender, receiver, ns(first_s), ns(last_s), ns(last_s))


def route(*hops):
    return Route(tuple(hop(*values) for values in hops))


def free_s(ledger, contact, priority):
    return [(start / 1e9, stop / 1e9) for start, stop in ledger.windows(contact, priority)]


def windows_of(graph):
    """By edge, what a search would read."""
    found = []
    for edge in range(len(graph.edge_to)):
        rows = slice(graph.window_first[edge], graph.window_end[edge])
        found.append(list(zip(graph.start_ns[rows], graph.stop_ns[rows], graph.contact[rows], strict=True)))
    return found


def test_a_booking_takes_its_time_from_its_own_and_lower_priorities():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    ledger.book(route((0, 10, 20)), 10**7, 1)
    assert free_s(ledger, 0, 0) == free_s(ledger, 0, 1) == [(0, 10), (20, 100)]
    assert free_s(ledger, 0, 2) == [(0, 100)]


def test_who_comes_next_fills_what_is_free_to_the_nanosecond():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    ledger.book(route((0, 10, 20)), 10**7, 0)
    ledger.book(route((0, 20, 30)), 10**7, 0)
    ledger.book(route((0, 0, 10)), 10**7, 0)
    assert free_s(ledger, 0, 0) == [(30, 100)]


def test_time_that_is_not_free_cannot_be_booked():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    ledger.book(route((0, 10, 20)), 10**7, 1)
    for first_s, last_s in ((5, 10.000000001), (19.999999999, 30), (12, 13), (0, 100)):
        with pytest.raises(ValueError, match="contact 0 is not free"):
            ledger.book(route((0, first_s, last_s)), 10**7, 0)
    with pytest.raises(ValueError, match="contact 0 lasts from"):
        ledger.book(route((0, 95, 100.5)), 10**7, 0)
    assert [entry[:3] for entry in ledger.booked(0)] == [(ns(10), ns(20), 0)]


def test_higher_priority_displaces_whole_bookings_of_lower_ones():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    first, _ = ledger.book(route((0, 0, 10), (1, 10, 20)), 10**7, 0)
    second, _ = ledger.book(route((0, 10, 20), (1, 20, 30)), 10**7, 1)
    _, displaced = ledger.book(route((0, 5, 15)), 10**7, 2)
    assert displaced == [first, second]
    assert free_s(ledger, 1, 0) == [(0, 40)]
    assert free_s(ledger, 0, 0) == [(0, 5), (15, 100)]


def test_equal_priority_is_never_displaced():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    ledger.book(route((0, 0, 10)), 10**7, 2)
    with pytest.raises(ValueError, match="not free"):
        ledger.book(route((0, 5, 15)), 10**7, 2)


def test_what_was_used_before_a_release_stays_used_for_everybody():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    booking, _ = ledger.book(route((0, 0, 10), (1, 10, 20)), 10**7, 0)
    ledger.release(booking, ns(4))
    assert free_s(ledger, 0, 0) == free_s(ledger, 0, 2) == [(4, 100)]
    assert free_s(ledger, 1, 0) == [(0, 40)]
    assert ledger.booked(0) == [(0, ns(4), NONE, 2)]


def test_a_second_release_changes_nothing():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    booking, _ = ledger.book(route((0, 0, 10)), 10**7, 1)
    ledger.release(booking)
    ledger.book(route((0, 0, 10)), 10**7, 1)
    ledger.release(booking)
    assert free_s(ledger, 0, 1) == [(10, 100)]


def test_the_gap_that_holds_the_time_is_booked_where_an_earlier_one_has_passed():
    # A-SABR's SegmentationManager took the first gap that was long enough, although it had passed.
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    ledger.book(route((0, 20, 30)), 10**7, 1, now_ns=0)
    # Gaps [0, 20) and [30, 100); at 35 s the first is over.
    ledger.book(route((0, 35, 45)), 10**7, 1, now_ns=ns(35))
    assert free_s(ledger, 0, 1) == [(0, 20), (30, 35), (45, 100)]


def test_what_is_past_is_forgotten_and_never_booked_again():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    old, _ = ledger.book(route((0, 0, 10), (1, 10, 20)), 10**7, 1)
    ledger.book(route((0, 10, 30), (6, 5, 15)), 10**7, 1)
    ledger.forget(ns(20))
    assert [entry[:2] for entry in ledger.booked(0)] == [(ns(10), ns(30))]
    assert ledger.booked(1) == []
    assert free_s(ledger, 1, 1) == [(0, 40)]
    assert free_s(ledger, 0, 1)[-1] == (30, 100)
    ledger.release(old)
    assert ledger.windows(0, 1)[-1] == (ns(30), ns(100))
    with pytest.raises(ValueError, match="nothing can be booked before"):
        ledger.book(route((1, 15, 16)), 10**6, 1)


def test_bookings_that_are_past_are_forgotten_in_time():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    for nth in range(360):
        first_s = nth / 4
        ledger.book(route((0, first_s, first_s + 0.125)), 1, 1, now_ns=ns(first_s))
    kept = ledger.booked(0)
    assert len(kept) < 100 and len(ledger.windows(0, 1)) < 100
    assert kept[-1][:2] == (ns(89.75), ns(89.875))
    assert free_s(ledger, 0, 1)[-2:] == [(89.625, 89.75), (89.875, 100)]


def test_ledgers_with_shared_boards_do_not_see_each_other():
    graph = graph_of_plan(plan_of(CONTACTS))
    boards = Boards(graph)
    here, there = Ledger(graph, boards=boards), Ledger(graph, boards=boards)
    here.book(route((0, 10, 20), (4, 20, 30)), 10**7, 1)
    there.book(route((0, 0, 5)), 10**7, 1)
    of_here = windows_of(here.graph(1))
    of_there = windows_of(there.graph(1))
    assert of_here[0] == [(0, ns(10), 0), (ns(20), ns(100), 0)]
    assert of_there[0] == [(ns(5), ns(100), 0)]
    assert of_there[1:] == windows_of(graph)[1:]
    assert windows_of(here.graph(1)) == of_here


def test_thousands_of_windows_find_room():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    for second in range(0, 100, 2):
        ledger.book(route((0, second + 0.5, second + 1)), 10**6, 0)
        ledger.graph(0)
    for nth in range(1_000):
        ledger.book(route((0, 2 + 0.0004 * nth, 2.0002 + 0.0004 * nth)), 200, 1)
    graph = ledger.graph(0)
    rows = slice(graph.window_first[0], graph.window_end[0])
    assert windows_of(graph)[0] == [(*window, 0) for window in ledger.windows(0, 0)]
    assert rows.stop - rows.start > 1_000
    assert (graph.latest_ns[rows] == graph.stop_ns[rows]).all()
    assert (graph.rate_bps[rows] == MBPS).all()


def test_what_is_being_sent_is_nobody_elses_whatever_the_priority():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    sent, _ = ledger.book(route((2, 60, 70)), 10**7, 0)
    assert not ledger.occupy(sent, 2, ns(70))
    # So are the other contacts of the pair; others are not.
    assert free_s(ledger, 2, 2) == [(70, 90)] and free_s(ledger, 3, 2) == [(70, 95)]
    assert free_s(ledger, 4, 2) == [(10, 60)]
    with pytest.raises(ValueError, match="contact 2 is being sent over until 70000000000 ns"):
        ledger.book(route((2, 65, 75)), 10**7, 2)
    assert windows_of(ledger.graph(2))[2] == [(ns(70), ns(90), 2), (ns(70), ns(95), 3)]
    ledger.vacate(2)
    assert windows_of(ledger.graph(2)) == windows_of(ledger.plan)


def test_what_is_sent_sooner_than_promised_frees_the_time_that_it_was_promised():
    ledger = Ledger(graph_of_plan(plan_of(CONTACTS)))
    sent, _ = ledger.book(route((0, 20, 30), (1, 30, 40)), 10**7, 1)
    assert ledger.occupy(sent, 0, ns(15))
    assert free_s(ledger, 0, 1) == [(15, 100)] and free_s(ledger, 1, 1) == [(0, 30)]
    # It is told once, and what it has of later contacts can still be released or taken.
    assert not ledger.occupy(sent, 0, ns(16))
    _, displaced = ledger.book(route((1, 30, 35)), 1, 2)
    assert displaced == [sent]
    ledger.release(sent)
    assert free_s(ledger, 1, 1) == [(0, 30), (35, 40)]


def test_without_a_ledger_only_what_is_being_sent_is_not_free():
    graph = graph_of_plan(plan_of(CONTACTS))
    boards = Boards(graph, 1)
    here, there = NoLedger(graph, boards), NoLedger(graph, boards)
    sent, _ = here.book(route((0, 20, 30)), 10**7, 1)
    assert windows_of(here.graph(0)) == windows_of(graph)
    assert not here.occupy(sent, 0, ns(10))
    assert windows_of(here.graph(2))[0] == [(ns(10), ns(100), 0)]
    assert windows_of(there.graph(2)) == windows_of(graph)
    there.occupy(None, 6, ns(20))
    assert windows_of(there.graph(0))[0] == [(0, ns(100), 0)]
    assert windows_of(there.graph(0))[1] == [(ns(20), ns(30), 7)]
    here.vacate(0)
    assert windows_of(here.graph(0)) == windows_of(graph)


@pytest.mark.parametrize("seed", range(6))
def test_random_bookings_agree_with_lists_of_intervals(seed):
    rng = np.random.default_rng(seed)
    graph = graph_of_plan(plan_of(CONTACTS))
    boards = Boards(graph)
    ledgers = [Ledger(graph, boards=boards) for _ in range(2)]
    contacts = {c: (ns(row[2]), ns(row[3])) for c, row in enumerate(CONTACTS)}
    slow = [SlowLedger(contacts, [row[:2] for row in CONTACTS]) for _ in ledgers]
    live = [{}, {}]
    now = 0
    for _ in range(120):
        which = int(rng.integers(2))
        ledger, reference, bookings = ledgers[which], slow[which], live[which]
        now += int(rng.integers(0, 2)) * ns(0.25)
        priority = int(rng.integers(3))
        if bookings and rng.random() < 0.25:
            number = list(bookings)[int(rng.integers(len(bookings)))]
            instant = now if rng.random() < 0.7 else None
            ledger.release(bookings.pop(number), instant)
            reference.release(number, instant)
        elif rng.random() < 0.2:
            send_something(rng, ledger, reference, bookings, now)
        elif intervals := random_intervals(rng, reference, priority, now):
            hops = tuple(Hop(c, *CONTACTS[c][:2], first, last, last) for c, first, last in intervals)
            booking, displaced = ledger.book(Route(hops), 1, priority, now)
            number, expected = reference.book(intervals, priority, now)
            assert (booking.number, [other.number for other in displaced]) == (number, expected)
            bookings[number] = booking
            for other in expected:
                del bookings[other]
        compare(ledger, reference, now)


def send_something(rng, ledger, reference, bookings, now):
    """Begin to send what has been booked, or something else, or be done with it."""
    number = list(bookings)[int(rng.integers(len(bookings)))] if bookings and rng.random() < 0.7 else None
    contact = int(rng.integers(len(CONTACTS))) if number is None else bookings[number].route.hops[0].contact
    if rng.random() < 0.3:
        ledger.vacate(contact)
        reference.vacate(contact)
    elif (until := now + int(rng.integers(1, 8)) * ns(0.75)) <= reference.contacts[contact][1]:
        frees = ledger.occupy(None if number is None else bookings[number], contact, until)
        assert frees == reference.occupy(number, contact, until)


def random_intervals(rng, reference, priority, now):
    """Free times of one contact, or of a few, some of no length, all from now on."""
    intervals = []
    for contact in sorted(rng.choice(len(CONTACTS), int(rng.integers(1, 4)), replace=False).tolist()):
        free = [(max(begin, now), end) for begin, end in reference.free(contact, priority) if end > now]
        if free:
            begin, end = free[int(rng.integers(len(free)))]
            first, last = sorted(rng.integers(begin // 250_000_000, end // 250_000_000 + 1, 2).tolist())
            last = min(last, first + 40)
            first_ns, last_ns = max(begin, first * 250_000_000), min(end, last * 250_000_000)
            intervals.append((contact, first_ns, max(first_ns, last_ns)))
    return intervals


def compare(ledger, reference, now):
    """The same windows from now on; on every contact free and taken times fill it without overlap."""
    for contact, (_, stop) in reference.contacts.items():
        for priority in range(3):
            ours = [window for window in ledger.windows(contact, priority) if window[1] > now]
            theirs = [window for window in reference.free(contact, priority) if window[1] > now]
            assert ours == theirs
        taken = [entry[:2] for entry in ledger.booked(contact)]
        assert all(before[1] <= after[0] for before, after in pairwise(taken))
        if taken and taken[0][0] <= now and reference.pairs[contact] not in reference.busy:
            begin = taken[0][0]
            pieces = sorted(taken + [w for w in ledger.windows(contact, 0) if w[0] >= begin])
            assert all(before[1] == after[0] for before, after in pairwise(pieces))
            assert pieces[-1][1] == stop
    for priority in range(3):
        graph = ledger.graph(priority)
        for edge, windows in enumerate(windows_of(graph)):
            assert windows == sorted(windows)
            rows = slice(graph.window_first[edge], graph.window_end[edge])
            assert (np.maximum.accumulate(graph.stop_ns[rows]) == graph.latest_ns[rows]).all()
            for contact in {int(row[2]) for row in windows}:
                own = [(start, stop) for start, stop, owner in windows if owner == contact]
                assert own == ledger.windows(contact, priority)


def test_a_ledger_gives_the_plan_back_unchanged():
    graph = graph_of_plan(plan_of(CONTACTS))
    ledger = Ledger(graph)
    booking, _ = ledger.book(route((0, 1, 2)), 1, 1)
    assert windows_of(ledger.graph(1)) != windows_of(graph)
    ledger.release(booking)
    assert windows_of(ledger.graph(1)) == windows_of(graph)
