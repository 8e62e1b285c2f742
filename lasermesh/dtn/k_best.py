"""The best routes in order: Yen's algorithm with Lawler's improvement, over nodes and their contacts.

J. Y. Yen, "Finding the K shortest loopless paths in a network", Management Science 17 (1971) 712-716;
E. L. Lawler, "A procedure for computing the K best solutions", Management Science 18 (1972) 401-405.
"""

import bisect
import heapq
import math
from itertools import count, islice

import numpy as np

from lasermesh.dtn.routes import Route, Terms
from lasermesh.dtn.search import best_route
from lasermesh.units import NEVER

_DEFAULT_TERMS = Terms()


def k_best_routes(
    graph,
    source,
    destination,
    at_ns,
    k,
    n_bytes=0,
    terms=_DEFAULT_TERMS,
    without_nodes=None,
    without_contacts=None,
    latest_ns=NEVER,
) -> list[Route]:
    """The best routes that meet no node twice, each sequence of contacts once, best first.

    Parameters
    ----------
    k : int
        How many, at least 1; there are fewer where the plan has no more.

    graph, source, destination, at_ns, n_bytes, terms, without_nodes, without_contacts, latest_ns
        As of `best_route`.

    Returns
    -------
    routes : list of Route
        Ordered by `Route.key`. Of those that are equal in all of it, which come first (and, at the end of
        the list, which are told) is always the same, but stands for nothing.

    Raises
    ------
    ValueError
        As of `best_route`, or if `k` is less than 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1 (got {k})")
    routes = routes_in_order(
        graph, source, destination, at_ns, n_bytes, terms, without_nodes, without_contacts, latest_ns, k
    )
    return list(islice(routes, k))


def routes_in_order(
    graph,
    source,
    destination,
    at_ns,
    n_bytes=0,
    terms=_DEFAULT_TERMS,
    without_nodes=None,
    without_contacts=None,
    latest_ns=NEVER,
    at_most=math.inf,
):
    """Generator of the routes that `k_best_routes` tells, for as long as somebody asks for more.

    `at_most`: how many will be asked for, at least 1, if that is known; it makes searches shorter.
    The graph must not change meanwhile.

    Notes
    -----
    The routes that have not been told fall into classes: those that begin with the same contacts as a route
    that has, and then go on by none of the contacts by which told routes go on from there. Each class is
    represented by its best route, and the best of these is next; telling it splits its class. So no route
    is found twice, and nothing has to be compared with what is known.

    Behind a fixed beginning, a search from its last node for the best rest finds the best whole: arrival and
    number of contacts of the whole rise with those of the rest, the whole's termination is the lesser of that
    of the beginning and that of the rest, so never falls as the latter rises, and the entry node is fixed.
    """
    shut_nodes = np.zeros(graph.n_nodes, bool) if without_nodes is None else np.array(without_nodes, bool)
    shut_contacts = (
        np.zeros(graph.n_contacts, bool) if without_contacts is None else np.array(without_contacts, bool)
    )

    def best_of_class(beginning, not_next, latest_ns):
        """The best route that begins with these hops and has none of these contacts next, or None."""
        nodes, contacts = shut_nodes.copy(), shut_contacts.copy()
        nodes[[hop.from_node for hop in beginning]] = True
        contacts[list(not_next)] = True
        node, ready_ns = source, at_ns
        if beginning:
            node, ready_ns = beginning[-1].to_node, beginning[-1].arrival_ns + terms.handling_ns
        rest = best_route(graph, node, destination, ready_ns, n_bytes, terms, nodes, contacts, latest_ns)
        return rest and Route((*beginning, *rest.hops))

    number = count()  # told in the order in which they have been found where keys are equal
    waiting = []  # heap of (key, number, length of the class's beginning, what it does not go on by, route)
    arrivals = []  # of those, in order

    def offer(beginning, not_next):
        # What arrives behind as many routes as will still be asked for is never told.
        wanted = at_most - n_told
        enough = len(arrivals) >= wanted
        route = best_of_class(beginning, not_next, arrivals[wanted - 1] if enough else latest_ns)
        if route is not None:
            heapq.heappush(waiting, (route.key(graph), next(number), len(beginning), not_next, route))
            bisect.insort(arrivals, route.arrival_ns)

    n_told = 0
    offer((), frozenset())
    while waiting:
        _, _, n_fixed, not_next, route = heapq.heappop(waiting)
        arrivals.pop(0)
        n_told += 1
        yield route
        if n_told == at_most:
            return
        for length in range(n_fixed, len(route.hops)):
            without = not_next if length == n_fixed else frozenset()
            offer(route.hops[:length], without | {route.hops[length].contact})
