"""The router of each node of a run, as `[bundles]` says."""

from lasermesh.dtn.earliest import EarliestRouter
from lasermesh.dtn.graph import NS_PER_S
from lasermesh.dtn.ledger import Boards, Ledger, NoLedger
from lasermesh.dtn.routes import Terms
from lasermesh.dtn.sabr import ION_RULES, SabrRouter, SabrRules
from lasermesh.dtn.spreading import SpreadRouter
from lasermesh.scenario.bundles import (
    INCLUSIVE,
    ION,
    NO_BOOKING,
    OWN,
    SABR,
    SABR_COMPLETE,
    SHARED,
    SPREAD,
    Bundles,
)

SABR_RULES = {SABR: SabrRules(), SABR_COMPLETE: SabrRules(complete=True), ION: ION_RULES}
"""Of the routings that follow the standard's volume rules, by name."""

# Windows of all nodes' ledgers together up to which each may have arrays of its own: a quarter of a gigabyte.
_MOST_WINDOWS = 1_000_000


def terms_of(bundles):
    """How contacts are read, as `[bundles]` says."""
    return Terms(
        inclusive_end=bundles.window_end == INCLUSIVE,
        margin_ns=round(bundles.margin_s * NS_PER_S),
        handling_ns=round(bundles.handling_s * NS_PER_S),
    )


def router_of(bundles, graph):
    """A function of a node's row that gives its router, always the same one.

    Parameters
    ----------
    bundles : scenario.bundles.Bundles
    graph : ContactGraph
        The predicted plan.
    """
    spread = bundles.spread_within_s, bundles.spread_routes
    make = router_maker(bundles.routing, graph, terms_of(bundles), bundles.booking, *spread)
    if bundles.booking == SHARED:
        everybodys = make()
        return lambda node: everybodys
    routers = {}

    def own(node):
        if node not in routers:
            routers[node] = make()
        return routers[node]

    return own


def router_maker(
    routing,
    graph,
    terms,
    booking=OWN,
    spread_within_s=Bundles.spread_within_s,
    spread_routes=Bundles.spread_routes,
):
    """A function without arguments that makes a router of which nothing is booked.

    Parameters
    ----------
    routing : str
        One of `scenario.bundles.ROUTINGS`.
    graph : ContactGraph
    terms : Terms
    booking : str
        NO_BOOKING: nothing will ever be booked.
    spread_within_s, spread_routes
        With SPREAD: how much later than the best a route may arrive, and over how many neighbours.
    """
    books = booking != NO_BOOKING
    if routing in SABR_RULES:
        return lambda: SabrRouter(graph, terms, SABR_RULES[routing], books)
    is_small = graph.n_nodes * len(graph.start_ns) <= _MOST_WINDOWS
    boards = None if is_small else Boards(graph)

    def ledger():
        return Ledger(graph, boards=boards) if books else NoLedger(graph, boards)

    if routing == SPREAD:
        within_ns = round(spread_within_s * NS_PER_S)
        return lambda: SpreadRouter(ledger(), terms, within_ns, spread_routes)
    return lambda: EarliestRouter(ledger(), terms)
