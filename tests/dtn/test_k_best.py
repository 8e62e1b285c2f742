"""k best routes are those of an enumeration of all there are, each once and in order."""

from itertools import islice

import numpy as np
import pytest

from lasermesh.compiled import COMPILED
from lasermesh.dtn.k_best import k_best_routes, routes_in_order
from lasermesh.dtn.routes import Terms
from tests.dtn.plans import (
    TERMS,
    TUTORIAL,
    TUTORIAL_QUERY,
    asked,
    assert_sound,
    graph_of_plan,
    key_of,
    ns,
    plan_of,
)
from tests.reference.contact_graph import KINDS, SHORT, Query, all_routes, random_plan, random_query

N_PLANS = 40 if COMPILED else 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_k_best_are_the_first_of_all_routes(kind):
    rng = np.random.default_rng([7, KINDS.index(kind)])
    most = 0
    for case in range(N_PLANS):
        n_nodes = int(rng.integers(3, 7))
        plan = random_plan(rng, n_nodes, n_nodes * int(rng.integers(6, 14 if kind == SHORT else 9)), kind)
        query, terms = random_query(rng, plan, extras=bool(case % 2)), TERMS[case % len(TERMS)]
        expected = all_routes(plan, query, terms)
        graph, arguments = graph_of_plan(plan), asked(plan, query, terms)
        # One at a time, a few, and more than there are.
        for k in (1, int(rng.integers(2, 6)), len(expected) + 1):
            found = k_best_routes(graph, query.source, query.destination, k=k, **arguments)
            assert [key_of(plan, route) for route in found] == [route.key for route in expected[:k]]
            assert len({route.contacts for route in found}) == len(found)
            for route in found:
                assert_sound(plan, query, terms, route)
        assert {route.contacts for route in found} == {route.contacts for route in expected}
        most = max(most, len(expected))
    assert most >= 10


def test_the_tutorial_has_seven_routes_from_a_to_e():
    found = k_best_routes(graph_of_plan(TUTORIAL), 0, 4, 0, k=20)
    assert [route.arrival_ns for route in found] == [ns(s) for s in (3, 4, 11, 31, 31, 51, 51)]
    # C>D, then each of the three contacts D>E, reached both straight and by way of B; and A>E by itself.
    assert [len(route.hops) for route in found] == [3, 4, 1, 3, 4, 3, 4]
    assert [route.contacts for route in found] == [
        route.contacts for route in all_routes(TUTORIAL, TUTORIAL_QUERY, Terms())
    ]


def test_a_better_end_behind_a_beginning_that_ends_sooner_does_not_change_the_order():
    # Both rests from 1 arrive at 12 over two contacts; 0>1 ends before either, so their keys are equal.
    plan = plan_of(
        [(0, 1, 0, 20), (1, 2, 0, 30), (1, 3, 0, 50), (2, 4, 11, 60), (3, 4, 11, 60), (0, 4, 13, 14)]
    )
    found = k_best_routes(graph_of_plan(plan), 0, 4, 0, k=5)
    assert [key_of(plan, route) for route in found] == [
        (ns(12), 3, -ns(20), 2),
        (ns(12), 3, -ns(20), 2),
        (ns(14), 1, -ns(14), 5),
    ]


def test_routes_can_be_asked_for_one_by_one():
    routes = routes_in_order(graph_of_plan(TUTORIAL), 0, 4, 0)
    assert [route.arrival_ns for route in islice(routes, 3)] == [ns(3), ns(4), ns(11)]
    assert [route.arrival_ns for route in routes] == [ns(31), ns(31), ns(51), ns(51)]


def test_no_route_is_an_empty_list():
    plan = plan_of([(0, 1, 0, 10), (2, 1, 0, 10)])
    assert k_best_routes(graph_of_plan(plan), 0, 2, 0, k=3) == []
    assert all_routes(plan, Query(0, 2), Terms()) == []


def test_fewer_than_one_route_is_refused():
    with pytest.raises(ValueError, match=r"k must be at least 1 \(got 0\)"):
        k_best_routes(graph_of_plan(TUTORIAL), 0, 4, 0, k=0)
