"""Bundles go back to where they have been only if the plan leaves no other way, whatever the routing."""

import pytest

from lasermesh.dtn.router_choice import router_of
from lasermesh.dtn.routers import Request
from lasermesh.scenario.bundles import Bundles
from tests.dtn.plans import graph_of_plan, ns, plan_of

MBPS = 8_000_000  # a megabyte takes a second

# From 1 to 4 by 0, where the bundle has been, or ten seconds later by 2 (contact 2), for five seconds.
PLAN = [(1, 0, 0, 99, 0, MBPS), (0, 4, 0, 99, 0, MBPS), (1, 2, 10, 15, 0, MBPS), (2, 4, 10, 25, 0, MBPS)]

each_routing = pytest.mark.parametrize("routing", ["earliest", "sabr", "spread"])


def router_at_1(routing, **named):
    return router_of(Bundles(routing=routing, **named), graph_of_plan(plan_of(PLAN)))(1)


def entry(router, n_bytes=10**6, visited=(0,), **named):
    route = router.route(Request(1, 4, 0, n_bytes, visited=visited, **named))
    return route and route.entry


@each_routing
def test_the_way_onward_is_taken_though_that_back_is_faster(routing):
    assert entry(router_at_1(routing), visited=(), latest_ns=ns(9)) == 0
    assert entry(router_at_1(routing)) == 2


@each_routing
def test_a_bundle_waits_while_the_way_onward_is_promised_to_others(routing):
    router = router_at_1(routing)
    request = Request(1, 4, 0, 4_500_000, visited=(0,))
    booking, _ = router.book(request, router.route(request))
    assert entry(router) is None
    router.release(booking, 0)
    assert entry(router) == 2


@each_routing
@pytest.mark.parametrize(
    "named",
    [
        {"without_contacts": (2,)},  # which has failed
        {"latest_ns": ns(9)},
        {"n_bytes": 6 * 10**6},
    ],
)
def test_where_the_plan_has_no_way_onward_a_bundle_goes_back(routing, named):
    assert entry(router_at_1(routing), **named) == 0


@each_routing
def test_a_bundle_that_is_back_is_free_to_leave_again(routing):
    assert entry(router_at_1(routing), visited=(1, 0)) == 2


@each_routing
def test_a_neighbour_that_has_a_part_gets_the_rest_though_the_bundle_was_there(routing):
    assert entry(router_at_1(routing), neighbour=0, first_bytes=1000) == 0
    # Behind it, nodes where the bundle has been are kept off as ever.
    assert entry(router_at_1(routing), neighbour=2, first_bytes=1000, visited=(0,)) == 2
