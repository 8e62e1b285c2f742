"""The volume rules of CCSDS 734.3-B-1, by pencil and against a plain reading of them."""

from fractions import Fraction

import numpy as np
import pytest

from lasermesh.dtn.routers import BULK, EXPEDITED, NORMAL, Request
from lasermesh.dtn.routes import Terms
from lasermesh.dtn.sabr import ION_RULES, SabrRouter, SabrRules, volume_consumption
from tests.dtn.plans import graph_of_plan, ns, plan_of
from tests.reference.contact_graph import LONG, SHORT, random_plan, random_query
from tests.reference.sabr import SlowSabr

MBPS = 8_000_000  # a megabyte takes a second
NO_OVERHEAD = SabrRules(overhead_ppm=0, overhead_bytes=0, complete=True)


def router_over(rows, rules=NO_OVERHEAD, terms=Terms(inclusive_end=True)):  # noqa: B008
    return SabrRouter(graph_of_plan(plan_of(rows)), terms, rules)


def send(router, n_bytes, destination, time_s=0, **named):
    """The route that is booked, and what is booked."""
    request = Request(0, destination, ns(time_s), n_bytes, **named)
    route = router.route(request)
    return route, *router.book(request, route)


def test_a_bundle_consumes_3_percent_more_and_at_least_100_bytes():
    assert volume_consumption(1_000, SabrRules()) == 1_100
    assert volume_consumption(3_333, SabrRules()) == 3_433
    assert volume_consumption(10**6, SabrRules()) == 1_030_000
    assert volume_consumption(10**6, ION_RULES) == 1_062_500
    assert volume_consumption(100, ION_RULES) == 136


def test_sending_takes_as_long_as_the_estimated_volume():
    router = router_over([(0, 1, 0, 10, 0.5, MBPS)], SabrRules())
    assert router.route(Request(0, 1, 0, 10**6)).arrival_ns == ns(1.53)
    # Headers of segments are what the estimate is for: it starts from the bundle's own size.
    assert router.route(Request(0, 1, 0, 10**6, bundle_bytes=10**5)).arrival_ns == ns(0.603)


def test_what_waits_for_the_neighbour_goes_first():
    router = router_over([(0, 1, 0, 5, 0, MBPS), (0, 1, 20, 40, 0, MBPS)])
    send(router, 3 * 10**6, 1)
    assert router.earliest_transmission(0, NORMAL, 0) == ns(3)
    # A second of it has left by then, and the contact takes all of the rest.
    assert router.earliest_transmission(0, NORMAL, ns(1)) == ns(3)
    assert router.earliest_transmission(1, NORMAL, 0) == ns(20)
    # 4 MB are more than what the first contact has left in its last two seconds.
    assert send(router, 4 * 10**6, 1)[0].hops[0].first_tx_ns == ns(22) - ns(2)
    assert router.earliest_transmission(1, NORMAL, 0) == ns(22)


def test_what_waits_with_lower_priority_does_not_count():
    router = router_over([(0, 1, 0, 9, 0, MBPS)])
    send(router, 3 * 10**6, 1, priority=NORMAL)
    assert router.earliest_transmission(0, EXPEDITED, 0) == 0
    assert router.earliest_transmission(0, BULK, 0) == ns(3)


def test_a_reversed_contact_takes_nothing_of_what_waits_and_adds_nothing_to_it():
    router = router_over([(0, 1, 0, 4, 0, MBPS), (0, 1, 7, 5, 0, MBPS), (0, 1, 8, 20, 0, MBPS)])
    send(router, 3 * 10**6, 1)
    assert router.earliest_transmission(2, NORMAL, 0) == ns(8)


def test_what_waits_for_other_neighbours_does_not_count():
    router = router_over([(0, 1, 0, 9, 0, MBPS), (0, 2, 0, 9, 0, MBPS)])
    send(router, 3 * 10**6, 1)
    assert router.earliest_transmission(1, NORMAL, 0) == 0


def test_a_booking_takes_its_volume_from_lower_levels_of_every_contact():
    router = router_over([(0, 1, 0, 9, 0, MBPS), (1, 2, 0, 20, 0, MBPS)], SabrRules())
    send(router, 10**6, 2, priority=NORMAL)
    left = [[router.transmission_volume(contact, p) for p in range(3)] for contact in range(2)]
    assert left == [[7_970_000, 7_970_000, 9_000_000], [18_970_000, 18_970_000, 20_000_000]]


def test_a_route_takes_no_more_than_until_its_first_contact_that_ends():
    # The second contact ends at 5 s, so the first counts until then: 5 MB, though it lasts for 20 s.
    rows = [(0, 1, 0, 20, 0, MBPS), (1, 2, 0, 5, 0, 100 * MBPS)]
    assert router_over(rows).route(Request(0, 2, 0, 5 * 10**6 + 1)) is None
    # 4.9 s on the first, 0.049 s on the second.
    assert router_over(rows).route(Request(0, 2, 0, 4_900_000)).arrival_ns == ns(4.949)


def test_a_contact_whose_volume_is_promised_is_passed_over():
    rows = [(0, 1, 0, 4, 0, MBPS), (0, 1, 10, 20, 0, MBPS), (1, 2, 0, 30, 0, MBPS)]
    router = router_over(rows)
    send(router, 3 * 10**6, 2)
    # The last megabyte is not enough.
    assert send(router, 2 * 10**6, 2)[0].contacts == (1, 2)
    # For another it would be, but by the rule 5 MB wait for the neighbour, more than the first contact takes;
    # of these the second contact is thought to have to send the one that is left over.
    last = send(router, 10**6, 2)[0]
    assert (last.contacts, last.hops[0].first_tx_ns) == ((1, 2), ns(11))


def test_higher_priority_takes_volume_and_the_last_of_the_lowest_lose_it():
    router = router_over([(0, 1, 0, 4, 0, MBPS)])
    bulk = [send(router, 10**6, 1, priority=BULK)[1] for _ in range(3)]
    normal = send(router, 10**6, 1, priority=NORMAL)
    assert normal[2] == []
    _, _, displaced = send(router, 2 * 10**6, 1, priority=EXPEDITED)
    assert displaced == [bulk[2], bulk[1]]
    assert [router.transmission_volume(0, p) for p in range(3)] == [0, 10**6, 2 * 10**6]


def test_a_release_gives_back_what_has_not_been_sent():
    router = router_over([(0, 1, 0, 9, 0, MBPS), (1, 2, 0, 20, 0, MBPS)])
    _, booking, _ = send(router, 4 * 10**6, 2)
    router.release(booking, ns(1))
    assert router.transmission_volume(0, BULK) == 8 * 10**6
    assert router.transmission_volume(1, BULK) == 20 * 10**6
    assert router.backlog_bytes(0, 1, BULK, ns(1)) == 0
    router.release(booking, ns(1))
    assert router.transmission_volume(0, BULK) == 8 * 10**6


def test_what_is_being_sent_is_waited_for_by_every_priority():
    router = router_over([(0, 1, 0, 9, 0, MBPS), (0, 1, 20, 40, 0, MBPS)])
    _, booking, _ = send(router, 4 * 10**6, 1, priority=BULK)
    assert router.earliest_transmission(0, EXPEDITED, ns(1)) == ns(1)
    router.occupy(booking, 0, 0, ns(4))
    assert router.earliest_transmission(0, EXPEDITED, ns(1)) == ns(4)
    assert router.earliest_transmission(1, EXPEDITED, ns(1)) == ns(20)
    assert [router.transmission_volume(0, p) for p in range(3)] == [5 * 10**6] * 3
    # Nobody displaces it, nor is it given back; it is if it is cut off, as far as it has not left.
    assert send(router, 5 * 10**6, 1, 1, priority=EXPEDITED)[2] == []
    router.release(booking, ns(1))
    assert router.transmission_volume(0, EXPEDITED) == 0
    router.vacate(0, ns(3))
    assert router.transmission_volume(0, EXPEDITED) == 10**6
    assert router.earliest_transmission(0, EXPEDITED, ns(3)) == ns(8)


def test_first_contacts_that_are_asked_for_are_taken():
    router = router_over([(0, 1, 0, 9, 0, MBPS), (0, 2, 0, 9, 1, MBPS), (2, 1, 0, 9, 1, MBPS)])
    assert router.route(Request(0, 1, 0, 10**6, first_contacts=(1,))).contacts == (1, 2)
    assert router.route(Request(0, 1, 0, 10**6, first_contacts=(2,))) is None


def test_what_has_been_sent_waits_no_more_but_stays_counted():
    router = router_over([(0, 1, 0, 1_000, 0, MBPS), (0, 1, 2_000, 3_000, 0, MBPS)])
    for nth in range(200):
        route, _, _ = send(router, 10**6, 1, time_s=2 * nth)
        assert route.arrival_ns == ns(2 * nth + 1)
    assert router.transmission_volume(0, NORMAL) == 800 * 10**6
    assert router.backlog_bytes(0, 1, BULK, ns(398.75)) == 250_000


def test_arrivals_after_the_expiry_are_rejected():
    router = router_over([(0, 1, 0, 9, 0, MBPS)])
    assert router.route(Request(0, 1, 0, 10**6, latest_ns=ns(1))) is not None
    assert router.route(Request(0, 1, 0, 10**6, latest_ns=ns(1) - 1)) is None


def test_the_first_candidate_may_be_later_than_the_best_one():
    # By the first bit 1 is earlier, by the last one 2, over which a bundle goes ten times as fast.
    rows = [(0, 1, 0, 50, 0, MBPS), (0, 2, 0, 50, 1, 10 * MBPS), (2, 1, 0, 50, 0, 10 * MBPS)]
    request = Request(0, 1, 0, 10**7)
    first = router_over(rows, NO_OVERHEAD._replace(complete=False)).route(request)
    assert (first.contacts, first.arrival_ns) == ((0,), ns(10))
    best = router_over(rows).route(request)
    assert (best.contacts, best.arrival_ns) == ((1, 2), ns(3))


def test_the_end_of_a_contact_belongs_to_it_as_in_the_text_or_not_as_in_ion():
    # What arrives at 5 s at 1 has a contact that ends then: a route by the text, none by ION.
    rows = [(0, 1, 0, 9, 5, MBPS), (1, 2, 0, 5, 0, MBPS)]
    graph = graph_of_plan(plan_of(rows))
    empty = SabrRules(overhead_ppm=0, overhead_bytes=0)
    for inclusive in (True, False):
        router = SabrRouter(graph, Terms(inclusive_end=inclusive), empty)
        assert (router.route(Request(0, 2, 0, 0)) is not None) == inclusive


def test_nothing_is_counted_where_nothing_is_booked():
    router = SabrRouter(graph_of_plan(plan_of([(0, 1, 0, 9, 0, MBPS)])), Terms(), books=False)
    send(router, 4 * 10**6, 1)
    assert router.transmission_volume(0, BULK) == 9 * 10**6
    assert router.earliest_transmission(0, BULK, 0) == 0


def test_only_the_rest_is_counted_where_the_neighbour_has_the_beginning():
    router = router_over([(0, 1, 0, 9, 0, MBPS), (1, 2, 0, 20, 0, MBPS), (0, 2, 0, 9, 0, MBPS)])
    request = Request(0, 2, 0, 4 * 10**6, neighbour=1, first_bytes=10**6)
    route = router.route(request)
    assert [hop.last_tx_ns for hop in route.hops] == [ns(1), ns(5)]
    router.book(request, route)
    assert [router.transmission_volume(contact, BULK) for contact in range(3)] == [8e6, 16e6, 9e6]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("inclusive", [True, False])
def test_random_bundles_agree_with_a_plain_reading_of_the_rules(complete, inclusive):
    rng = np.random.default_rng(17 + 2 * complete + inclusive)
    terms = Terms(inclusive_end=inclusive, handling_ns=10**7)
    rules = SabrRules(overhead_ppm=250_000, overhead_bytes=0, complete=complete, n_routes=10_000)
    routed = displaced_at_all = 0
    for _ in range(24):
        plan = random_plan(rng, 5, 14, SHORT if rng.random() < 0.3 else LONG)
        # Bit/s times 100, so that some bundles have room beside each other.
        plan = plan._replace(
            contacts=tuple(c._replace(rate_bps=100 * (c.rate_bps or 80), gaps_ns=None) for c in plan.contacts)
        )
        router = SabrRouter(graph_of_plan(plan), terms, rules)
        slow = SlowSabr(plan, terms, Fraction(1, 4), 0, complete)
        now, pair = 0, None
        for _ in range(10):
            now += int(rng.integers(0, 3)) * 10**8
            query = random_query(rng, plan, extras=bool(rng.random() < 0.3))
            if pair is None or rng.random() < 0.3:
                pair = {"source": query.source, "destination": query.destination}
            query = query._replace(**pair, n_bytes=int(rng.integers(1, 800)), at_ns=now)
            query = query._replace(without_nodes=query.without_nodes - set(pair.values()))
            priority = int(rng.integers(3))
            route, booked = ask(router, query, priority)
            expected = slow.choose(query, priority)
            assert (route is None) == (expected == [])
            if route is None:
                continue
            routed += 1
            assert (route.key(router.graph), route.contacts, times_of(route)) in expected
            _, displaced = router.book(booked, route)
            hops = [(hop.contact, hop.first_tx_ns, hop.last_tx_ns) for hop in route.hops]
            losers = slow.book(query.n_bytes, priority, hops)
            assert [booking.number for booking in displaced] == [entry[0] for entry in losers]
            displaced_at_all += len(losers)
            for entry in losers:
                entry[4] = now
            for row in range(len(plan.contacts)):
                if plan.contacts[row].stop_ns > now:
                    ours = [router.transmission_volume(row, p) for p in range(3)]
                    assert ours == [slow.mtv(row, p) for p in range(3)]
    assert routed > 40
    assert displaced_at_all > 0


def ask(router, query, priority):
    request = Request(
        query.source,
        query.destination,
        query.at_ns,
        query.n_bytes,
        priority,
        query.latest_ns,
        tuple(query.without_nodes),
        tuple(query.without_contacts),
    )
    return router.route(request), request


def times_of(route):
    return [(hop.first_tx_ns, hop.last_tx_ns, hop.arrival_ns) for hop in route.hops]
