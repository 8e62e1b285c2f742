"""Bundles are spread over near-best neighbours in fixed turns, and do not wander."""

from collections import Counter

import pytest

from lasermesh.dtn.ledger import Ledger, NoLedger
from lasermesh.dtn.router_choice import router_of
from lasermesh.dtn.routers import EXPEDITED, Request
from lasermesh.dtn.routes import Terms
from lasermesh.dtn.spreading import SpreadRouter
from lasermesh.scenario.bundles import Bundles
from tests.dtn.plans import graph_of_plan, ns, plan_of

MBPS = 8_000_000  # a megabyte takes a second

# From 0 to 4 by 1, 2 or 3: 1 is best, 2 a second later and at half the rate, 3 ten seconds later.
FAN = [
    (0, 1, 0, 1000, 1, MBPS),
    (1, 4, 0, 1000, 1, MBPS),
    (0, 2, 0, 1000, 1, MBPS),
    (2, 4, 0, 1000, 2, MBPS // 2),
    (0, 3, 0, 1000, 6, MBPS),
    (3, 4, 0, 1000, 6, MBPS),
]


def spread(rows=FAN, within_s=5, n_routes=4, ledger=NoLedger):
    return SpreadRouter(ledger(graph_of_plan(plan_of(rows))), Terms(), ns(within_s), n_routes)


def entries(router, n_turns, **named):
    found = []
    for _ in range(n_turns):
        request = Request(0, 4, 0, 1_000, **named)
        route = router.route(request)
        found.append(route.entry)
        router.book(request, route)
    return found


def test_turns_are_taken_by_what_the_routes_can_carry():
    # Half the rate: every third bundle, and not two of the rare ones one after the other.
    assert entries(spread(), 6) == [1, 2, 1, 1, 2, 1]


def test_routes_that_arrive_too_late_get_none():
    assert set(entries(spread(within_s=0.5), 20)) == {1}
    assert set(entries(spread(within_s=11), 60)) == {1, 2, 3}
    assert set(entries(spread(within_s=11, n_routes=2), 60)) == {1, 2}


def test_late_enough_is_late_enough_for_the_bundle_too():
    assert set(entries(spread(within_s=11), 20, latest_ns=ns(2.1))) == {1}


def test_who_has_promised_its_contacts_to_others_gets_less():
    rows = [(0, 1, 0, 99, 1, MBPS), (1, 4, 0, 99, 1, MBPS), (0, 2, 0, 99, 1, MBPS), (2, 4, 0, 99, 1, MBPS)]
    router = spread(rows, within_s=10, ledger=Ledger)
    # Of the ten seconds or so that count, node 1 has promised 7.9.
    request = Request(1, 4, ns(2), 7_900_000)
    router.book(request, router.route(request))
    turns = Counter(entries(router, 40))
    assert turns[2] > 3 * turns[1] > 0


def test_volume_is_booked_as_without_spreading():
    router = spread(ledger=Ledger)
    arrivals = set()
    for _ in range(30):
        request = Request(0, 4, 0, 10**5)
        route = router.route(request)
        router.book(request, route)
        arrivals.add((route.hops[0].contact, route.hops[0].first_tx_ns))
    assert len(arrivals) == 30


def test_a_bundle_keeps_off_nodes_that_it_has_been_at():
    # By 0, where it comes from, 2 would be rid of it sooner, and over as many contacts.
    back = [(2, 0, 0, 99, 0, MBPS), (0, 1, 0, 99, 1, MBPS), (1, 4, 0, 99, 1, MBPS)]
    onward = [(2, 5, 0, 99, 5, MBPS), (5, 6, 0, 99, 5, MBPS), (6, 4, 0, 99, 5, MBPS)]
    router = spread(back + onward, within_s=50)
    request = Request(2, 4, 0, 1_000, visited=(0,))
    assert {router.book(request, router.route(request))[0].route.entry for _ in range(9)} == {5}
    # Where there is no other way, it goes back.
    assert router.route(request._replace(without_contacts=(3,))).entry == 0


def test_on_its_way_a_bundle_makes_no_detours():
    rows = [(0, 4, 0, 99, 0, MBPS), (0, 1, 0, 99, 0, MBPS), (1, 4, 0, 99, 0, MBPS), (5, 0, 0, 99, 0, MBPS)]
    router = spread(rows, within_s=50)
    assert set(entries(router, 9)) == {1, 4}
    assert set(entries(router, 9, visited=(5,))) == {4}


def test_a_turn_is_over_once_its_route_is_booked():
    router = spread()
    request = Request(0, 4, 0, 1_000)
    found = []
    for _ in range(6):
        # Whatever is asked between, and however often.
        router.route(request._replace(n_bytes=0))
        router.route(request._replace(neighbour=2))
        route = router.route(request)
        assert router.route(request) == route
        found.append(route.entry)
        router.book(request, route)
    assert found == [1, 2, 1, 1, 2, 1]


def test_expedited_bundles_take_the_best_route_and_no_turn():
    router = spread()
    assert entries(router, 2) == [1, 2]
    assert entries(router, 3, priority=EXPEDITED) == [1, 1, 1]
    assert entries(router, 4) == [1, 1, 2, 1]


def test_a_first_contact_that_is_asked_for_is_not_exchanged():
    assert set(entries(spread(), 6, first_contacts=(2,))) == {2}
    assert spread().route(Request(0, 4, 0, 1_000, first_contacts=(1,))) is None


def test_a_neighbour_that_is_asked_for_is_not_exchanged():
    assert set(entries(spread(), 6, neighbour=2)) == {2}


@pytest.mark.parametrize("booking", ["own", "shared", "none"])
def test_runs_are_given_this_router_by_name(booking):
    graph = graph_of_plan(plan_of(FAN))
    bundles = Bundles(routing="spread", spread_within_s=5.0, spread_routes=3, booking=booking)
    router = router_of(bundles, graph)(0)
    assert isinstance(router, SpreadRouter)
    assert (router.within_ns, router.n_routes) == (ns(5), 3)
    assert set(entries(router, 9)) == {1, 2}
