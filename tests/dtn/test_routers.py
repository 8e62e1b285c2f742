"""Routers keep their promises: what is booked is not given twice, and who knows of it is as the file says."""

import numpy as np
import pytest

from lasermesh.dtn.router_choice import router_of, terms_of
from lasermesh.dtn.routers import BULK, EXPEDITED, NORMAL, Request
from lasermesh.dtn.sabr import ION_RULES, SabrRules, volume_consumption
from lasermesh.scenario.bundles import Bundles
from tests.dtn.plans import assert_sound, graph_of_plan, key_of, ns, plan_of
from tests.reference.booking import SlowLedger
from tests.reference.contact_graph import LONG, best_key, random_plan, random_query

MBPS = 8_000_000

SABRS = ("sabr", "sabr-complete")

# 0 to 3 by 1 or by 2, the latter a second slower.
DIAMOND = [
    (0, 1, 0, 100, 0.5, MBPS),
    (1, 3, 0, 100, 0.5, MBPS),
    (0, 2, 0, 100, 1.0, MBPS),
    (2, 3, 0, 100, 1.0, MBPS),
]


def routers(booking="own", contacts=DIAMOND, **named):
    graph = graph_of_plan(plan_of(contacts))
    return router_of(Bundles(booking=booking, handling_s=0.001, **named), graph)


def send(router, time_s=0.0, n_bytes=10**6, source=0, **named):
    """Arrival in s and entry node of the route that is given and booked, and its booking."""
    request = Request(source, 3, ns(time_s), n_bytes, **named)
    route = router.route(request)
    booking, displaced = router.book(request, route)
    return route.arrival_ns / 1e9, route.entry, booking, displaced


def test_the_second_bundle_waits_for_the_first_or_goes_another_way():
    router = routers()(0)
    assert send(router)[:2] == (3.001, 1)
    assert send(router)[:2] == (4.001, 1)
    # By 1 it would be there at 5.001 s.
    assert send(router)[:2] == (4.001, 2)


def test_displaced_bookings_are_handed_back_once():
    router = routers()(0)
    bulk = send(router, priority=BULK)[2]
    normal = send(router, priority=NORMAL)
    assert normal[3] == [bulk]
    behind = send(router, priority=BULK)
    assert behind[0] == 4.001
    expedited = send(router, priority=EXPEDITED)
    # What was to follow goes with what is displaced, or a gap would be left.
    assert expedited[3] == [normal[2], behind[2]]
    assert [send(router, priority=each)[:2] for each in (NORMAL, BULK)] == [(4.001, 1), (4.001, 2)]


def test_released_volume_is_given_anew():
    router = routers()(0)
    booking = send(router)[2]
    router.release(booking, ns(0.25))
    # What has left until then is gone: the link is free at 0.25 s, not before.
    assert send(router, time_s=0.1)[0] == 3.251


@pytest.mark.parametrize("booking, arrival_s", [("own", 2.5), ("shared", 4.001), ("none", 2.5)])
def test_who_knows_of_a_promise_is_as_the_file_says(booking, arrival_s):
    of_node = routers(booking)
    send(of_node(0))
    # The bundle of node 0 takes 1.501 to 2.501 s of the contact from 1 to 3.
    assert of_node(1).route(Request(1, 3, ns(1.0), 10**6)).arrival_ns == ns(arrival_s)


def test_nobody_promises_where_nothing_is_booked():
    router = routers("none")(0)
    assert [send(router)[0] for _ in range(3)] == [3.001] * 3


@pytest.mark.parametrize("booking", ["own", "shared", "none"])
def test_who_knows_of_what_is_being_sent_is_as_the_file_says(booking):
    of_node = routers(booking)
    of_node(1).occupy(None, 1, 0, ns(5))
    request = Request(1, 3, ns(1), 10**6, EXPEDITED)
    assert of_node(1).route(request).arrival_ns == ns(6.5)
    of_others = of_node(0).route(Request(0, 3, 0, 10**6, EXPEDITED)).entry
    assert of_others == (2 if booking == "shared" else 1)
    of_node(1).vacate(1, ns(2))
    assert of_node(1).route(request).arrival_ns == ns(2.5)


def test_rules_of_the_standard_take_the_first_candidate_or_the_best_of_all():
    # By 1 the first bit is there sooner, by 2 the last one.
    slow = [(*row[:5], MBPS // 10) if 1 in row[:2] else row for row in DIAMOND]
    assert [
        routers(contacts=slow, routing=name)(0).route(Request(0, 3, 0, 10**6)).entry for name in SABRS
    ] == [1, 2]


def test_nodes_have_a_router_of_their_own_or_all_the_same_one():
    own, shared = routers("own"), routers("shared")
    assert own(0) is own(0) is not own(1)
    assert shared(0) is shared(1)


def test_only_the_rest_goes_over_the_contact_where_the_neighbour_has_the_beginning():
    router = routers()(0)
    request = Request(0, 3, 0, 10**6, neighbour=2, first_bytes=250_000)
    route = router.route(request)
    assert [hop.last_tx_ns for hop in route.hops] == [ns(0.25), ns(2.251)]
    assert route.arrival_ns == ns(3.251)
    assert router.route(request._replace(destination=2)).arrival_ns == ns(1.25)
    assert router.route(request._replace(without_nodes=(2,))) is None
    assert router.route(request._replace(neighbour=3)) is None
    assert router.route(request._replace(without_contacts=(3,))) is None


def test_a_neighbour_can_be_asked_for():
    router = routers()(0)
    assert router.route(Request(0, 3, 0, 10**6, neighbour=2)).entry == 2
    assert router.route(Request(0, 3, 0, 10**6, neighbour=3)) is None


def test_limits_of_a_request_are_kept():
    router = routers()(0)
    request = Request(0, 3, 0, 10**6)
    assert router.route(request._replace(without_nodes=(1,))).entry == 2
    assert router.route(request._replace(without_contacts=(1,))).entry == 2
    assert router.route(request._replace(latest_ns=ns(3.001))).entry == 1
    assert router.route(request._replace(latest_ns=ns(3.001) - 1)) is None


@pytest.mark.parametrize("routing, rules", [("sabr", SabrRules()), ("ion", ION_RULES)])
def test_numbers_of_the_volume_rules_are_chosen_by_name(routing, rules):
    router = routers(routing=routing)(0)
    # The second hop takes the estimated volume too.
    evc_s = volume_consumption(10**6, rules) / 1e6
    assert send(router)[0] == pytest.approx(2 * evc_s + 1.001, abs=1e-9)


def test_margins_and_ends_are_read_from_the_file():
    terms = terms_of(Bundles(window_end="inclusive", margin_s=0.25, handling_s=0.5))
    assert terms == (True, ns(0.25), ns(0.5))


@pytest.mark.parametrize("booking", ["own", "shared"])
def test_routes_are_the_best_through_what_promises_leave_free(booking):
    rng = np.random.default_rng(7)
    handling_ns = 10**7
    n_routed = n_displaced = 0
    for _ in range(6):
        plan = random_plan(rng, 5, 16, LONG)
        plan = plan._replace(contacts=tuple(contact._replace(gaps_ns=None) for contact in plan.contacts))
        of_node = router_of(Bundles(booking=booking, handling_s=handling_ns / 1e9), graph_of_plan(plan))
        terms = terms_of(Bundles(handling_s=handling_ns / 1e9))
        contacts = {row: (contact.start_ns, contact.stop_ns) for row, contact in enumerate(plan.contacts)}
        slow = {node: SlowLedger(contacts) for node in range(plan.n_nodes)}
        now = 0
        for _ in range(15):
            now += int(rng.integers(0, 2)) * 10**8
            query = random_query(rng, plan, extras=False)._replace(at_ns=now)
            priority = int(rng.integers(3))
            knows = slow[query.source if booking == "own" else 0]
            free = plan._replace(contacts=tuple(with_gaps(plan, knows, row, priority) for row in contacts))
            router = of_node(query.source)
            request = Request(query.source, query.destination, now, query.n_bytes, priority)
            route = router.route(request)
            assert (route and key_of(plan, route)) == best_key(free, query, terms)
            if route:
                assert_sound(free, query, terms, route)
                made, displaced = router.book(request, route)
                times = [(hop.contact, hop.first_tx_ns, hop.last_tx_ns) for hop in route.hops]
                number, losers = knows.book(times, priority, now)
                assert (made.number, [other.number for other in displaced]) == (number, losers)
                n_routed, n_displaced = n_routed + 1, n_displaced + len(losers)
    assert n_routed > 40
    assert n_displaced > 0


def with_gaps(plan, ledger, row, priority):
    """A contact with what is free of it; one that is reversed or has no length as it is."""
    contact = plan.contacts[row]
    if contact.stop_ns <= contact.start_ns:
        return contact
    return contact._replace(gaps_ns=tuple(ledger.free(row, priority)))
