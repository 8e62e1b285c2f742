"""Searches agree with labels corrected until nothing changes, on random plans with every oddity."""

import numpy as np
import pytest

from lasermesh.compiled import COMPILED
from lasermesh.dtn.search import arrival_tree, best_route
from lasermesh.units import NEVER, NONE
from tests.dtn.plans import TERMS, asked, assert_sound, graph_of_plan, key_of
from tests.reference.contact_graph import (
    ALIKE,
    KINDS,
    LONG,
    all_routes,
    best_key,
    crossing,
    earliest,
    random_plan,
    random_query,
)

N_PLANS = 120 if COMPILED else 30
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def random_cases(seed, n_cases, n_nodes, density, kind):
    """(plan, query, terms): up to so many nodes, up to so many contacts of each; in half, some are shut."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    for case in range(n_cases):
        size = int(rng.integers(3, n_nodes + 1))
        plan = random_plan(rng, size, size * int(rng.integers(3, density + 1)), kind)
        yield plan, random_query(rng, plan, extras=bool(case % 2)), TERMS[case % len(TERMS)]


@EACH_KIND
def test_the_best_route_is_that_of_the_reference_in_all_four_keys(kind):
    n_found = 0
    for plan, query, terms in random_cases(1, N_PLANS, 9, 14, kind):
        route = best_route(graph_of_plan(plan), query.source, query.destination, **asked(plan, query, terms))
        expected = best_key(plan, query, terms)
        if route is None:
            assert expected is None
            continue
        assert_sound(plan, query, terms, route)
        assert key_of(plan, route) == expected
        n_found += 1
    assert N_PLANS // 2 < n_found < N_PLANS


@EACH_KIND
def test_the_tree_has_the_arrivals_and_hops_of_the_reference(kind):
    for plan, query, terms in random_cases(2, N_PLANS, 9, 14, kind):
        tree = arrival_tree(graph_of_plan(plan), query.source, **asked(plan, query, terms))
        for node, expected in enumerate(earliest(plan, query, terms)):
            if expected is None:
                assert tree.arrival_ns[node] == NEVER
                assert tree.contact[node] == NONE
                continue
            assert (tree.arrival_ns[node], tree.hops[node]) == expected
            if node != query.source:
                contact = plan.contacts[tree.contact[node]]
                assert contact.receiver == node


@EACH_KIND
def test_pairs_may_have_many_windows(kind):
    rng = np.random.default_rng([6, KINDS.index(kind)])
    for case in range(N_PLANS // 20):
        plan = random_plan(rng, 3, 120, kind)
        query, terms = random_query(rng, plan, extras=False), TERMS[case % len(TERMS)]
        route = best_route(graph_of_plan(plan), query.source, query.destination, **asked(plan, query, terms))
        assert key_of(plan, route) == best_key(plan, query, terms)


@EACH_KIND
def test_the_first_contact_can_be_prescribed(kind):
    for plan, query, terms in random_cases(3, N_PLANS // 3, 6, 10, kind):
        graph, arguments = graph_of_plan(plan), asked(plan, query, terms)
        first = np.zeros(len(plan.contacts), bool)
        first[::2] = True
        routes = [found for found in all_routes(plan, query, terms) if first[found.contacts[0]]]
        route = best_route(graph, query.source, query.destination, **arguments, first_contacts=first)
        assert (route and key_of(plan, route)) == (routes[0].key if routes else None)


def test_labels_and_enumeration_agree():
    n_ties = 0
    for plan, query, terms in random_cases(4, 150, 6, 12, ALIKE):
        routes = all_routes(plan, query, terms)
        assert best_key(plan, query, terms) == (routes[0].key if routes else None)
        n_ties += len({route.key[3] for route in routes if route.key[:3] == routes[0].key[:3]}) > 1
    # Without ties in all keys but one, the last would not be looked at.
    assert n_ties >= 3


def test_what_leaves_later_never_arrives_earlier():
    # What the searches presume; light times that fall as fast as time passes would break it.
    rng = np.random.default_rng(5)
    plan = random_plan(rng, 4, 200, LONG)
    for contact in plan.contacts:
        ready_ns = range(contact.start_ns - 1, contact.stop_ns + 2, 33_333_333)
        times = [crossing(contact, ready, 0, TERMS[0]) for ready in ready_ns]
        arrivals = [time[2] for time in times if time]
        assert arrivals == sorted(arrivals)
