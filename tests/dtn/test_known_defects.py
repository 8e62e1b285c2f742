"""What published routers were found to do wrong: one small plan for each, and what is right, by pencil.

Found by running A-SABR, HDTN, pyCGR and ION, or told in their threads. Times in s. That A-SABR books the
wrong gap where an earlier one has passed is in `test_ledger`.
"""

from itertools import permutations

import numpy as np
import pytest

from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.dtn.graph import graph_of
from lasermesh.dtn.k_best import k_best_routes
from lasermesh.dtn.search import arrival_tree, best_route
from tests.dtn.plans import TUTORIAL, graph_of_plan, ns, plan_of


def best(rows, source, destination, at_s=0, n_bytes=0, **nodes):
    """The best route over contacts as of `plan_of`."""
    graph = graph_of_plan(plan_of(rows, **nodes))
    return best_route(graph, source, destination, ns(at_s), n_bytes)


def test_a_new_label_removes_those_it_dominates_and_no_other():
    """A-SABR's hybrid parenting cuts the list of labels at the first that is dominated."""
    x, destination = 1, 6
    rows = [
        (0, x, 4, 9, 1),  # x at 5 after one contact, known first
        (0, 2, 0, 9, 0),
        (2, 3, 0, 9, 0),
        (3, x, 3, 9, 0),  # x at 3 after three
        (0, 4, 0, 9, 1),
        (4, x, 2, 9, 0),  # x at 2 after two: better than the second, not than the first
        (x, destination, 10, 20),
    ]
    assert best(rows, 0, destination, n_nodes=7).contacts == (0, 6)


@pytest.mark.parametrize("further", [0, 1, 2])
def test_fewest_hops_are_found_although_more_of_them_come_first(further):
    """One label for each node loses this if the wait comes next, one for each contact if it comes later."""
    rows = [(0, 1, 0, 9, 0), (1, 2, 0, 9, 0), (0, 2, 4, 9, 0)]  # node 2: at 0 after two, at 4 after one
    rows += [(2 + hop, 3 + hop, 0, 9, 0) for hop in range(further)]
    rows += [(2 + further, 3 + further, 10, 20)]
    route = best(rows, 0, 3 + further)
    assert route.arrival_ns == ns(11)
    assert route.contacts == (2, *range(3, 4 + further))


def test_the_tree_forgets_no_hops_either():
    rows = [(0, 1, 0, 9, 0), (1, 2, 0, 9, 0), (0, 2, 4, 9, 0), (2, 3, 10, 20), (3, 4, 10, 20)]
    tree = arrival_tree(graph_of_plan(plan_of(rows)), 0, 0)
    assert tree.arrival_ns.tolist() == [0, 0, 0, ns(11), ns(12)]
    assert tree.hops.tolist() == [0, 1, 2, 2, 3]


def test_the_numbering_of_nodes_does_not_change_the_route():
    """HDTN's CMR fills its queue by node id, and settles nodes before they have been reached."""
    rows = [(0, 1, 0, 60), (1, 2, 5, 60), (2, 3, 0, 60), (0, 3, 20, 60), (3, 4, 0, 60), (1, 4, 30, 60)]
    for row_of in permutations(range(5)):
        renamed = [(row_of[sender], row_of[receiver], *rest) for sender, receiver, *rest in rows]
        route = best(renamed, row_of[0], row_of[4])
        assert route.arrival_ns == ns(8)
        assert route.contacts == (0, 1, 2, 4)


def test_of_parallel_contacts_the_one_that_arrives_first_is_taken():
    """HDTN's CMR takes the first that can be used."""
    rows = [(0, 1, 0, 60, 9), (0, 1, 2, 60, 1), (0, 1, 4, 60, 0)]
    assert best(rows, 0, 1).contacts == (1,)
    # With 1 kB, 8 s on the second, the third is faster: 1 us.
    assert best([rows[0], (*rows[1], 1000), rows[2]], 0, 1, n_bytes=1000).contacts == (2,)
    # An earlier one that is over, or that ends too soon, hides none of those behind it.
    assert best([(0, 1, 0, 1), (0, 1, 0, 3), (0, 1, 1, 9)], 0, 1, at_s=5).contacts == (2,)


def test_a_pair_opens_again():
    """HDTN (issue 65) did not use a link's later contacts."""
    rows = [(0, 1, 0, 1), (0, 1, 5, 6), (0, 1, 10, 11)]
    for at_s, contact, arrival_s in [(0, 0, 1), (0.5, 0, 1.5), (1, 1, 6), (5.25, 1, 6.25), (8, 2, 11)]:
        route = best(rows, 0, 1, at_s)
        assert (route.contacts, route.arrival_ns) == ((contact,), ns(arrival_s))
    assert best(rows, 0, 1, at_s=11) is None


def test_the_best_route_depends_on_the_size_of_the_bundle():
    """First-byte routing takes the narrow link for everything."""
    rows = [(0, 1, 0, 100, 0.1, 1e6), (0, 2, 10, 100, 0.1, 1e9), (2, 1, 10, 100, 0.1, 1e9)]
    assert best(rows, 0, 1).contacts == (0,)
    assert best(rows, 0, 1, n_bytes=1_000_000).contacts == (0,)  # 8 s, before the other even begins
    assert best(rows, 0, 1, n_bytes=5_000_000).contacts == (1, 2)  # 40 s against 10.28 s
    assert best(rows, 0, 1, n_bytes=20_000_000_000) is None


def test_the_best_routes_are_all_told_and_each_once():
    """pyCGR's Yen tells some several times; anchoring (ION up to 3.6) finds two of these seven."""
    routes = [route.contacts for route in k_best_routes(graph_of_plan(TUTORIAL), 0, 4, 0, k=50)]
    assert len(routes) == len(set(routes)) == 7


def test_light_times_take_effect():
    """A range of 7 s did not delay anything in ION (issue 64), which uses ranges only to choose routes."""
    for owlt_s in (0, 0.0035, 1, 7):
        assert best([(0, 1, 0, 60, owlt_s), (1, 2, 0, 60, 0)], 0, 2).arrival_ns == ns(owlt_s)


def test_a_contact_without_a_range_is_not_used():
    """ION's check that a range has begun is empty."""
    unknown = contact_plan_of(
        [0, 0], [1, 1], [0, 0], [0.0, 5.0], [9.0, 9.0], [1, 1], [np.nan, 0.0], [0, 0], [0, 0]
    )
    assert best_route(graph_of(unknown, 2), 0, 1, 0).contacts == (1,)
    assert best_route(graph_of(unknown.take([0]), 2), 0, 1, 0) is None


def test_decimals_of_times_and_light_times_are_kept():
    """HDTN reads 0.5 as 0 (issue 69); whole seconds make light times in low orbits 0 or 1."""
    route = best([(0, 1, 0.25, 0.75, 0.004), (1, 2, 0.2545, 1.5, 0.0035)], 0, 2)
    assert [hop[3:] for hop in route.hops] == [
        (250_000_000, 250_000_000, 254_000_000),
        (254_500_000, 254_500_000, 258_000_000),
    ]
    assert best([(0, 1, 0.25, 0.75, 0.004)], 0, 1, at_s=0.75) is None
