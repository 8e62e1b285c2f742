"""Searches on contact graphs that can be followed with a pencil."""

import threading

import numpy as np
import pytest

from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.dtn import (
    Terms,
    arrival_tree,
    arrivals,
    best_route,
    graph_of,
    hop_kernels,
    search,
    search_kernels,
)
from lasermesh.dtn.graph import Knots
from lasermesh.dtn.search import new_scratch
from lasermesh.units import NEVER, NONE

S = 1_000_000_000  # ns
A, B, C, D, E = range(5)


def graph_from(contacts, n_nodes=5, knots=None, **named):
    """The graph of contacts (from, to, start_s, stop_s, owlt_s[, rate_bps]); their rows are as listed.

    `knots`: fields of `Knots`.
    """
    columns = list(zip(*((*contact, 8000)[:6] for contact in contacts), strict=True))
    sender, receiver, start_s, stop_s, owlt_s, rate_bps = columns
    no = np.zeros(len(contacts), bool)
    plan = contact_plan_of(sender, receiver, no, start_s, stop_s, rate_bps, owlt_s, no, no)
    return graph_of(plan, n_nodes, **named, knots=Knots(*knots) if knots else None)


def contacts_of(route):
    return None if route is None else route.contacts


def test_a_chain_adds_light_times_and_waits_for_windows():
    graph = graph_from([(A, B, 0, 10, 1), (B, C, 5, 10, 2), (C, D, 0, 30, 3)])
    route = best_route(graph, A, D, 0)
    assert [tuple(hop) for hop in route.hops] == [
        (0, A, B, 0, 0, 1 * S),
        (1, B, C, 5 * S, 5 * S, 7 * S),
        (2, C, D, 7 * S, 7 * S, 10 * S),
    ]
    tree = arrival_tree(graph, A, 0)
    assert tree.arrival_ns.tolist() == [0, 1 * S, 7 * S, 10 * S, NEVER]
    assert tree.hops.tolist() == [0, 1, 2, 3, 0]
    assert tree.contact.tolist() == [NONE, 0, 1, 2, NONE]
    assert arrivals(graph, A, 0).tolist() == tree.arrival_ns.tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_arrivals_from_several_sources_are_those_from_each(threads):
    graph = graph_from([(A, B, 0, 10, 1), (B, C, 5, 10, 2), (C, A, 0, 30, 3), (C, E, 0, 30, 3)])
    sources = [C, A, B, D, C]
    found = arrivals(graph, sources, S, threads=threads)
    assert found.tolist() == [arrivals(graph, source, S).tolist() for source in sources]
    assert found.shape == (5, 5)


def test_what_begins_too_late_finds_no_route():
    graph = graph_from([(A, B, 0, 10, 1)])
    assert best_route(graph, A, B, 10 * S - 1).arrival_ns == 11 * S - 1
    assert best_route(graph, A, B, 10 * S) is None


def test_of_parallel_windows_the_later_one_may_arrive_earlier():
    graph = graph_from([(A, B, 0, 20, 9), (A, B, 2, 20, 1), (A, B, 4, 20, 0)])
    assert contacts_of(best_route(graph, A, B, 0)) == (1,)
    assert arrival_tree(graph, A, 0).contact[B] == 1


def test_a_window_that_ends_early_does_not_hide_one_before_it():
    graph = graph_from([(A, B, 0, 100, 1), (A, B, 10, 20, 1), (A, B, 30, 35, 1)])
    assert contacts_of(best_route(graph, A, B, 50 * S)) == (0,)


def test_many_windows_of_a_pair_are_halved_to_the_one_that_is_open():
    graph = graph_from([(A, B, 10 * i, 10 * i + 5, 1) for i in range(50)])
    assert contacts_of(best_route(graph, A, B, 303 * S)) == (30,)
    assert contacts_of(best_route(graph, A, B, 307 * S)) == (31,)


def test_a_later_arrival_with_fewer_contacts_is_not_lost_where_all_wait():
    # C is reached at 2 s by two contacts, at 3 s by one; everybody waits there until 10 s.
    graph = graph_from([(A, B, 0, 20, 1), (B, C, 0, 20, 1), (A, C, 0, 20, 3), (C, D, 10, 20, 1)])
    assert contacts_of(best_route(graph, A, C, 0)) == (0, 1)
    assert contacts_of(best_route(graph, A, D, 0)) == (2, 3)
    tree = arrival_tree(graph, A, 0)
    assert tree.hops.tolist() == [0, 1, 2, 2, 0]
    assert tree.arrival_ns[D] == 11 * S


def test_of_routes_as_early_and_as_short_the_one_that_ends_last_is_taken():
    # By B the first contact ends at 30 s, by C the second one at 40 s. C is reached later, but in time.
    graph = graph_from([(A, B, 0, 30, 1), (A, C, 0, 50, 2), (B, D, 5, 50, 1), (C, D, 5, 40, 1)])
    route = best_route(graph, A, D, 0)
    assert contacts_of(route) == (1, 3)
    assert route.termination_ns(graph) == 40 * S


def test_a_later_window_of_the_same_pair_is_taken_where_it_ends_later():
    graph = graph_from([(A, B, 0, 5, 1), (A, B, 6, 50, 1), (B, C, 10, 40, 1)])
    assert contacts_of(best_route(graph, A, C, 0)) == (1, 2)


def test_of_three_windows_the_one_between_in_end_and_arrival_may_be_the_one():
    # At C by 7 s: over the last window (80 s, at B at 4 s) and the slow (B, C). The one that ends last is too
    # late for that and would take the fast (B, C), which ends at 50 s. The first to arrive ends at 60 s.
    windows = [(A, B, 0, 60, 3), (A, B, 0, 100, 5), (A, B, 1, 80, 3)]
    graph = graph_from([*windows, (B, C, 0, 200, 3), (B, C, 0, 50, 2), (C, D, 7, 200, 1)])
    route = best_route(graph, A, D, 0)
    assert contacts_of(route) == (2, 3, 5)
    assert route.key(graph) == (8 * S, 3, -80 * S, 2)


def test_what_is_left_of_a_contact_ends_when_the_contact_does():
    graph = graph_from([(A, B, 0, 40, 1), (A, C, 0, 30, 1), (B, D, 5, 50, 1), (C, D, 5, 50, 1)])
    window = int(np.flatnonzero(graph.contact == 0)[0])
    graph.stop_ns[window] = graph.latest_ns[window] = 10 * S  # booked from there on
    assert contacts_of(best_route(graph, A, D, 0)) == (0, 2)


@pytest.mark.parametrize(("number_of_b", "number_of_c", "taken"), [(7, 900, (0, 2)), (901, 900, (1, 3))])
def test_of_routes_alike_the_smallest_number_of_an_entry_node_decides(number_of_b, number_of_c, taken):
    contacts = [(A, B, 0, 30, 1), (A, C, 0, 30, 1), (B, D, 0, 30, 1), (C, D, 0, 30, 1)]
    graph = graph_from(contacts, number=[50, number_of_b, number_of_c, 1, 2])
    assert contacts_of(best_route(graph, A, D, 0)) == taken


def test_the_end_matters_before_the_entry():
    contacts = [(A, B, 0, 30, 1), (A, C, 0, 31, 1), (B, D, 0, 90, 1), (C, D, 0, 90, 1)]
    assert contacts_of(best_route(graph_from(contacts), A, D, 0)) == (1, 3)


def test_bytes_take_time_and_some_fit_only_a_later_window():
    # 8,000 bit/s: 1,000 bytes a second.
    graph = graph_from([(A, B, 0, 2, 1), (A, B, 10, 20, 1)])
    assert best_route(graph, A, B, 0, 2000).hops[0] == (0, A, B, 0, 2 * S, 3 * S)
    assert best_route(graph, A, B, 1, 2000).hops[0] == (1, A, B, 10 * S, 12 * S, 13 * S)
    assert best_route(graph, A, B, 0, 10_001) is None
    assert arrivals(graph, A, 0, 2001)[B] == 10 * S + 2_001_000_000 + S


def test_the_size_changes_the_route():
    graph = graph_from([(A, B, 0, 20, 1, 8000), (A, C, 0, 20, 2, 80_000), (C, B, 0, 20, 2, 80_000)])
    assert contacts_of(best_route(graph, A, B, 0)) == (0,)
    assert contacts_of(best_route(graph, A, B, 0, 5000)) == (1, 2)  # 5 s and 1 s against 2 * 0.5 s and 4 s


def test_sending_is_rounded_up_to_the_next_nanosecond():
    graph = graph_from([(A, B, 0, 20, 0, 3_000_000_000)])
    assert best_route(graph, A, B, 0, 1).arrival_ns == 3  # 8 bit at 3 Gbit/s are 2.67 ns


def test_a_contact_without_rate_takes_the_first_bit_only():
    graph = graph_from([(A, B, 0, 20, 1, 0)])
    assert best_route(graph, A, B, 0).arrival_ns == S
    assert best_route(graph, A, B, 0, 1) is None


def test_the_very_end_of_a_contact_belongs_to_it_only_if_it_is_said_to():
    graph = graph_from([(A, B, 0, 10, 1), (A, C, 4, 4, 1)])
    inclusive = Terms(inclusive_end=True)
    assert best_route(graph, A, B, 10 * S) is None
    assert best_route(graph, A, B, 10 * S, terms=inclusive).arrival_ns == 11 * S
    assert best_route(graph, A, B, 10 * S, 1, terms=inclusive) is None
    assert best_route(graph, A, C, 0) is None
    assert best_route(graph, A, C, 0, terms=inclusive).arrival_ns == 5 * S


def test_the_last_bit_may_leave_at_the_very_end():
    graph = graph_from([(A, B, 0, 10, 1)])
    assert best_route(graph, A, B, 9 * S, 1000).arrival_ns == 11 * S


@pytest.mark.parametrize("contact", [(A, B, 10, 5, 1), (A, B, 0, 9, np.nan)], ids=["reversed", "no range"])
@pytest.mark.parametrize("terms", [Terms(), Terms(inclusive_end=True)])
def test_reversed_contacts_and_those_without_range_are_not_used(contact, terms):
    graph = graph_from([contact, (A, B, 20, 30, 1)])
    assert contacts_of(best_route(graph, A, B, 0, terms=terms)) == (1,)


@pytest.mark.parametrize("n_bytes", [0, 500])
def test_light_times_change_within_a_contact(n_bytes):
    # From 1 s to 2 s in the first half, then the same. 500 bytes are sent in half a second.
    graph = graph_from([(A, B, 0, 10, 9), (B, C, 5, 10, 1)], knots=([0, 3, 3], [1.0, 2.0, 2.0]))
    sending_ns = n_bytes * 1_000_000
    hop = best_route(graph, A, B, 2 * S, n_bytes).hops[0]
    assert hop.last_tx_ns == 2 * S + sending_ns
    assert hop.arrival_ns == hop.last_tx_ns + S + hop.last_tx_ns // 5
    assert best_route(graph, A, B, 7 * S, n_bytes).arrival_ns == 7 * S + sending_ns + 2 * S
    route = best_route(graph, A, C, 2 * S, n_bytes)
    assert route.arrival_ns == 5 * S + sending_ns + S
    assert arrivals(graph, A, 2 * S, n_bytes)[C] == route.arrival_ns


def test_a_light_time_with_knots_is_compared_with_others_at_the_instant_that_it_is_for():
    # Over C one is at B at 1 s, directly at 4 s.
    contacts = [(A, C, 0, 9, 0.5), (C, B, 0, 9, 0.5), (A, B, 0, 8, 9), (B, E, 3, 30, 1)]
    graph = graph_from(contacts, knots=([0, 0, 0, 2, 2], [4.0, 0.0]))
    assert contacts_of(best_route(graph, A, B, 0)) == (0, 1)
    # Once (B, E) has begun, at 3 s, that matters; if it begins at 4 s, it does not.
    assert contacts_of(best_route(graph, A, E, 0)) == (0, 1, 3)
    late = graph_from([*contacts[:3], (B, E, 4, 30, 1)], knots=([0, 0, 0, 2, 2], [4.0, 0.0]))
    assert contacts_of(best_route(late, A, E, 0)) == (2, 3)


def test_a_light_time_that_falls_faster_than_time_passes_is_refused():
    # Who leaves B at 8 s is at C at 12 s; who leaves at once, at 20 s.
    graph = graph_from([(A, B, 0, 30, 8), (B, C, 0, 10, 9)], knots=([0, 0, 2], [20.0, 0.0]))
    with pytest.raises(ValueError, match="falls faster than time passes"):
        best_route(graph, A, C, 0)


def test_nothing_arrives_before_it_has_left():
    for light_times in ([-0.1, None], [0.1, ([0, 2], [1.0, -1.0])]):
        with pytest.raises(ValueError, match="light times must not be negative"):
            graph_from([(A, B, 0, 10, light_times[0])], knots=light_times[1])
    graph = graph_from([(A, B, 0, 10, 1)])
    for given in ({"n_bytes": -1}, {"terms": Terms(margin_ns=-1)}, {"terms": Terms(handling_ns=-1)}):
        with pytest.raises(ValueError, match="must not be negative"):
            best_route(graph, A, B, 0, **given)


def test_excluded_nodes_and_contacts_are_gone_round():
    contacts = [(A, B, 0, 30, 1), (B, D, 0, 30, 1), (A, C, 0, 30, 2), (C, D, 0, 30, 2), (A, D, 0, 30, 9)]
    graph = graph_from(contacts)
    nodes, rows = np.zeros(5, bool), np.zeros(5, bool)
    nodes[B] = rows[3] = True
    assert contacts_of(best_route(graph, A, D, 0)) == (0, 1)
    assert contacts_of(best_route(graph, A, D, 0, without_nodes=nodes)) == (2, 3)
    assert contacts_of(best_route(graph, A, D, 0, without_nodes=nodes, without_contacts=rows)) == (4,)
    assert best_route(graph, A, B, 0, without_nodes=nodes) is None
    for search_from in (lambda **given: arrival_tree(**given).arrival_ns, arrivals):
        found = search_from(graph=graph, source=A, at_ns=0, without_nodes=nodes)
        assert found.tolist() == [0, NEVER, 2 * S, 4 * S, NEVER]


@pytest.mark.parametrize("as_mask", [False, True])
def test_only_given_contacts_may_come_first(as_mask):
    contacts = [(A, B, 0, 30, 1), (A, B, 0, 30, 3), (A, C, 0, 30, 1), (C, B, 0, 30, 1), (B, D, 0, 30, 1)]
    graph = graph_from(contacts)
    allowed = np.isin(np.arange(5), [1, 2]) if as_mask else [1, 2]
    assert contacts_of(best_route(graph, A, B, 0, first_contacts=allowed)) == (2, 3)
    assert contacts_of(best_route(graph, A, D, 0, first_contacts=allowed)) == (2, 3, 4)
    assert best_route(graph, A, D, 0, first_contacts=[3]) is None


def test_ground_sites_are_not_passed_but_may_be_the_ends():
    transit = [False, False, True, False, True]
    contacts = [(A, B, 0, 30, 1), (B, D, 0, 30, 1), (A, C, 0, 30, 5), (C, D, 0, 30, 5)]
    graph = graph_from(contacts, transit=transit)
    assert contacts_of(best_route(graph, A, D, 0)) == (2, 3)
    assert arrivals(graph, A, 0).tolist() == [0, S, 5 * S, 10 * S, NEVER]
    assert arrival_tree(graph, A, 0).hops[D] == 2


def test_arrivals_after_the_latest_do_not_count():
    graph = graph_from([(A, B, 0, 30, 1), (B, C, 0, 30, 1)])
    assert best_route(graph, A, C, 0, latest_ns=2 * S).arrival_ns == 2 * S
    assert best_route(graph, A, C, 0, latest_ns=2 * S - 1) is None
    assert arrivals(graph, A, 0, latest_ns=2 * S - 1).tolist() == [0, S, NEVER, NEVER, NEVER]
    assert arrival_tree(graph, A, 0, latest_ns=2 * S - 1).arrival_ns.tolist() == [0, S, NEVER, NEVER, NEVER]


def test_handling_delays_what_goes_on_and_not_what_has_arrived():
    graph = graph_from([(A, B, 0, 30, 1), (B, C, 0, 30, 1), (A, C, 0, 30, 9)])
    terms = Terms(handling_ns=3 * S, margin_ns=2 * S)
    route = best_route(graph, A, C, 0, terms=terms)
    assert [(hop.first_tx_ns, hop.arrival_ns) for hop in route.hops] == [(0, 3 * S), (6 * S, 9 * S)]
    assert arrival_tree(graph, A, 0, terms=terms).arrival_ns.tolist() == [0, 3 * S, 9 * S, NEVER, NEVER]


def test_hops_that_take_no_time_are_counted():
    contacts = [(A, B, 0, 9, 0), (B, C, 0, 9, 0), (C, D, 0, 9, 0), (A, E, 0, 9, 0), (E, D, 0, 9, 0)]
    graph = graph_from(contacts)
    assert contacts_of(best_route(graph, A, D, 4 * S)) == (3, 4)
    assert arrival_tree(graph, A, 4 * S).hops.tolist() == [0, 1, 2, 2, 1]


def test_the_same_node_twice_is_refused():
    graph = graph_from([(A, B, 0, 30, 1)])
    for ends in ((A, A), (A, 5), (-1, B)):
        with pytest.raises(ValueError, match="two of the nodes 0 to 4"):
            best_route(graph, *ends, 0)
    with pytest.raises(ValueError, match="nodes 0 to 4"):
        arrival_tree(graph, 5, 0)
    with pytest.raises(ValueError, match=r"without_nodes must be a bool array of shape \(5,\)"):
        best_route(graph, A, B, 0, without_nodes=[True])


def test_a_source_that_is_excluded_and_first_contacts_that_are_none_are_refused():
    graph = graph_from([(A, B, 0, 30, 1)])
    nodes = np.arange(graph.n_nodes) == A
    for find in (best_route, arrival_tree, arrivals):
        ends = (A, B) if find is best_route else (A,)
        with pytest.raises(ValueError, match="source cannot be excluded"):
            find(graph, *ends, 0, without_nodes=nodes)
    for rows in ([7], [-1]):
        with pytest.raises(ValueError, match="first_contacts must be rows of contacts, 0 to 0"):
            best_route(graph, A, B, 0, first_contacts=rows)


def test_a_search_that_runs_short_of_room_gets_more(monkeypatch):
    asked = []

    def little(n_nodes, n_edges, room):
        asked.append(room)
        return new_scratch(n_nodes, n_edges, 2 if len(asked) == 1 else room)

    monkeypatch.setattr(search, "new_scratch", little)
    monkeypatch.setattr(search, "_kept", threading.local())
    # A ladder of nodes 2 i and 2 i + 1 whose rungs all wait: each has several deadlines.
    contacts = [(i, j, 10 * (i // 2), 900, 1) for i in range(18) for j in range(i + 1, min(i + 4, 20))]
    graph = graph_from(contacts, 20)
    route = best_route(graph, 0, 19, 0)
    assert len(asked) > 1
    monkeypatch.undo()
    assert route == best_route(graph, 0, 19, 0)


def test_each_kernel_is_compiled_once_whatever_it_is_given():
    contacts = [(A, B, 0, 30, 1), (B, C, 0, 30, 1), (C, D, 0, 30, 1), (A, D, 3, 30, 1)]
    fixed = np.zeros(5, bool)
    fixed.flags.writeable = False
    for transit, number in ((None, None), (fixed, range(5)), (~fixed, np.arange(5, dtype=np.int32))):
        graph = graph_from(contacts, transit=transit, number=number)
        for nodes, rows, first in (
            (None, None, None),
            (fixed, fixed[:4], [0, 3]),
            ([False] * 5, None, ~fixed[:4]),
        ):
            masks = {"without_nodes": nodes, "without_contacts": rows, "first_contacts": first}
            best_route(graph, np.int32(A), np.int64(D), np.int64(5), np.int32(7), Terms(True, 1), **masks)
            arrival_tree(graph, np.int16(A), 0, 0, Terms(), nodes, rows)
            arrivals(graph, np.arange(3, dtype=np.int32), np.int64(5), without_nodes=nodes)
            arrivals(graph, B, 5, without_nodes=nodes)
    for name, kernel in (*vars(hop_kernels).items(), *vars(search_kernels).items()):
        if hasattr(kernel, "signatures"):
            assert len(kernel.signatures) <= 1, name
