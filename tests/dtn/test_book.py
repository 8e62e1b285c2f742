"""A list of bundles is booked in order of time, and each that has no route says why."""

import numpy as np

from lasermesh.dtn.book import (
    EXPIRED,
    NO_ROUTE,
    NO_VOLUME,
    TOO_LARGE,
    Order,
    book_bundles,
)
from lasermesh.dtn.earliest import EarliestRouter
from lasermesh.dtn.ledger import Ledger
from lasermesh.dtn.routers import BULK, EXPEDITED, NORMAL
from lasermesh.dtn.routes import Terms
from lasermesh.dtn.sabr import SabrRouter, SabrRules
from lasermesh.dtn.search import best_route
from lasermesh.units import NEVER
from tests.dtn.plans import graph_of_plan, ns, plan_of

MBPS = 8_000_000  # a megabyte takes a second
MB = 10**6

# Two passes of 10 s and of 20 s, and a relay that always sends on.
PASSES = [(0, 1, 10, 20, 0, MBPS), (0, 1, 50, 70, 0, MBPS), (1, 2, 0, 200, 1, 10 * MBPS)]
GRAPH = graph_of_plan(plan_of(PASSES, n_nodes=4))


def book(*bundles, split=False, graph=GRAPH):
    return book_bundles(bundles, lambda: EarliestRouter(Ledger(graph), Terms()), split)


def test_bundles_fill_a_pass_one_behind_the_other_and_then_the_next():
    rows = book(*[Order(0, 0, 2, 4 * MB)] * 4)
    assert [row.parts[0].route.hops[0].first_tx_ns for row in rows] == [ns(10), ns(14), ns(50), ns(54)]
    assert [row.arrival_ns for row in rows] == [ns(15.4), ns(19.4), ns(55.4), ns(59.4)]
    assert [(row.hops, row.displaced, row.reason) for row in rows] == [(2, 0, None)] * 4


def test_bundles_are_booked_by_when_they_are_made_not_by_how_they_are_listed():
    late, early = book(Order(ns(5), 0, 1, 4 * MB), Order(ns(1), 0, 1, 4 * MB))
    assert (early.arrival_ns, late.arrival_ns) == (ns(14), ns(18))


def test_who_is_displaced_is_routed_anew_from_then_on():
    bulk, normal = book(Order(0, 0, 2, 8 * MB, BULK), Order(ns(5), 0, 2, 9 * MB, NORMAL))
    assert (normal.arrival_ns, normal.displaced) == (ns(20.9), 0)
    assert (bulk.arrival_ns, bulk.displaced) == (ns(59.8), 1)


def test_what_the_displaced_have_used_is_gone():
    bulk, expedited = book(Order(0, 0, 1, 8 * MB, BULK), Order(ns(12), 0, 1, MB, EXPEDITED))
    assert expedited.arrival_ns == ns(13)
    # 7 s of the pass are left, and 8 are needed.
    assert (bulk.arrival_ns, bulk.displaced) == (ns(58), 1)


def test_every_bundle_without_a_route_says_why():
    rows = book(
        Order(0, 2, 0, 1),
        Order(ns(60), 0, 1, 10 * MB + 1),
        Order(0, 0, 1, MB, NORMAL, ns(10.5)),
        Order(0, 0, 1, 10 * MB),
        Order(0, 0, 1, 20 * MB, EXPEDITED),
        Order(0, 0, 1, 11 * MB),
        Order(ns(70), 0, 1, 0),
    )
    assert [(row.reason, row.largest_bytes) for row in rows] == [
        (NO_ROUTE, None),
        (TOO_LARGE, 10 * MB),
        (EXPIRED, None),
        (None, None),
        (None, None),
        (NO_VOLUME, None),
        (NO_ROUTE, None),
    ]
    assert (rows[0].arrival_ns, rows[0].hops) == (None, None)


def test_who_is_displaced_gets_no_time_that_is_over():
    bulk, *others = book(Order(ns(21), 0, 1, 4 * MB, BULK), Order(ns(30), 0, 1, 20 * MB, EXPEDITED))
    # The first pass is free, but over at 30 s.
    assert (bulk.reason, bulk.displaced) == (NO_VOLUME, 1)
    assert others[0].arrival_ns == ns(70)


def test_a_displaced_bundle_may_be_left_without_a_route():
    bulk, *others = book(Order(0, 0, 1, 15 * MB, BULK), Order(ns(1), 0, 1, 20 * MB, NORMAL))
    assert (bulk.reason, bulk.displaced, bulk.parts) == (NO_VOLUME, 1, ())
    assert others[0].arrival_ns == ns(70)


def test_a_bundle_that_is_too_large_goes_in_parts_if_it_may():
    whole, parted = (book(Order(0, 0, 2, 25 * MB), split=split)[0] for split in (False, True))
    assert (whole.reason, whole.largest_bytes) == (TOO_LARGE, 20 * MB)
    assert [part.n_bytes for part in parted.parts] == [20 * MB, 5 * MB]
    assert sorted(part.route.contacts[0] for part in parted.parts) == [0, 1]
    assert parted.arrival_ns == ns(73)


def test_parts_are_given_back_where_the_rest_has_no_route():
    parted, after = book(Order(0, 0, 1, 31 * MB), Order(0, 0, 1, 20 * MB), split=True)
    assert (parted.reason, parted.largest_bytes, parted.parts) == (TOO_LARGE, 30 * MB, ())
    assert after.arrival_ns == ns(70)


def test_a_bundle_that_would_go_in_parts_is_told_what_is_in_its_way():
    size = 25 * MB
    full, late, cut = book(
        Order(0, 0, 1, size), Order(0, 0, 1, size, NORMAL, ns(60)), Order(0, 0, 1, size), split=True
    )
    assert (full.reason, late.reason, cut.reason) == (None, EXPIRED, NO_VOLUME)


def test_an_empty_bundle_is_booked_too():
    assert book(Order(0, 0, 2, 0))[0].arrival_ns == ns(11)


def test_bundles_can_be_booked_by_the_rules_of_the_standard():
    rules = SabrRules(overhead_ppm=0, overhead_bytes=0)
    rows = book_bundles([Order(0, 0, 2, 4 * MB)] * 4, lambda: SabrRouter(GRAPH, Terms(), rules))
    # 12 MB wait before the last, and by the rule the first pass takes 10 of them, though it has room for 8.
    assert [row.arrival_ns for row in rows] == [ns(15.4), ns(19.4), ns(55.4), ns(57.4)]


def test_reasons_are_those_of_the_rules_by_which_bundles_are_booked():
    bundles = [
        Order(ns(60), 0, 1, 10 * MB),
        Order(0, 0, 1, 9 * MB, NORMAL, ns(19.1)),
        Order(0, 0, 1, 19 * MB),
        Order(0, 0, 1, MB),
    ]
    rows = book_bundles(bundles, lambda: SabrRouter(GRAPH, Terms()))
    # 3 % more than the bundle has must go: with these 9,708,738 bytes are 10 MB. The last one finds that
    # 19.57 MB wait, more than the first pass takes, and of the second only 0.43 MB are left.
    assert [(row.reason, row.largest_bytes) for row in rows] == [
        (TOO_LARGE, 9_708_738),
        (EXPIRED, None),
        (None, None),
        (NO_VOLUME, None),
    ]
    assert [row.reason for row in book(*bundles)] == [NO_VOLUME, None, None, None]


def test_the_largest_bundle_is_found_to_the_byte():
    rng = np.random.default_rng(3)
    for _ in range(20):
        rows = [
            (
                *map(int, rng.choice(4, 2, replace=False)),
                int(rng.integers(0, 5)),
                int(rng.integers(5, 9)),
                float(rng.random()),
                int(rng.integers(50, 5_000)),
            )
            for _ in range(8)
        ]
        graph = graph_of_plan(plan_of(rows, n_nodes=4))
        (row,) = book(Order(ns(1), 0, 1, 10 * MB), graph=graph)
        if row.largest_bytes is None:
            assert row.reason == NO_ROUTE and best_route(graph, 0, 1, ns(1)) is None
        else:
            assert row.reason == TOO_LARGE
            assert best_route(graph, 0, 1, ns(1), row.largest_bytes) is not None
            assert best_route(graph, 0, 1, ns(1), row.largest_bytes + 1) is None


def test_a_bundle_without_end_never_expires():
    assert Order(0, 0, 1, 1).expires_ns == NEVER
