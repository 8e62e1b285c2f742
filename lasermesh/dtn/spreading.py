"""Routing that spreads bundles over neighbours that are nearly as good as the best one."""

import numpy as np

from lasermesh.dtn.earliest import EarliestRouter, find_route
from lasermesh.dtn.graph import NS_PER_S, edge_between
from lasermesh.dtn.routers import EXPEDITED
from lasermesh.units import NONE


class SpreadRouter(EarliestRouter):
    """Takes in turns the best routes by each of several neighbours; a `Router`.

    Parameters
    ----------
    ledger : Ledger or NoLedger
    terms : Terms
    within_ns : int
        How much later than the best a route may arrive.
    n_routes : int
        Most neighbours that are used side by side.

    Notes
    -----
    Users of ION ask for this (issue 92 and pull request 91 of nasa-jpl/ION-DTN): one best route for each
    neighbour, those that arrive within some time of the best, and among them smooth weighted round robin, the
    weight being the least rate along the route. Here it is the least volume that is still free along it for
    as long as the routes may differ: equal to that as long as nothing is booked, and a neighbour whose
    contacts are promised to others gets less. Weights by the inverse of the delay in excess would send most
    over one route even where all have room, which is what is to be mended.

    Round robin is "smooth" as nginx does it: each time every route's credit rises by its weight, the largest
    credit wins and pays the sum of all weights. So turns are mixed, and nothing is drawn at random.

    Where bundles are made, all neighbours may be chosen. On its way a bundle is spread over routes with no
    more contacts than the best one: otherwise each node could add its own delay to those of others, and
    bundles wander about.

    Expedited bundles are not spread: they take the best route, as nobody else may delay them.
    """

    def __init__(self, ledger, terms, within_ns, n_routes):
        super().__init__(ledger, terms)
        self.within_ns = within_ns
        self.n_routes = n_routes
        self._credit = {}  # (source, destination) -> {neighbour: credit}
        self._offered = None  # the route of the last turn, and the credits if that is booked

    def _find(self, request):
        """One of the near-best routes; a turn is over once its route is booked."""
        graph = self.ledger.graph(request.priority)
        best = find_route(graph, request, self.terms)
        is_asked_for = request.neighbour != NONE or request.first_contacts
        if best is None or request.priority >= EXPEDITED or is_asked_for:
            return best
        routes = self._near_best(graph, request, best)
        weights = [self._free_bytes(graph, route) for route in routes]
        chosen, credit = self._turn((request.source, request.destination), routes, weights)
        self._offered = chosen, credit
        return chosen

    def book(self, request, route):
        """See `Router.book`; the route's turn is over."""
        if self._offered is not None and self._offered[0] == route:
            self._credit[request.source, request.destination] = self._offered[1]
        self._offered = None
        return super().book(request, route)

    def _near_best(self, graph, request, best):
        """The best route by each neighbour, the best of all first; `n_routes` at most."""
        latest_ns = min(request.latest_ns, best.arrival_ns + self.within_ns)
        routes, seen = [best], [best.entry]
        # Those with too many contacts are passed over, but not without end.
        for _ in range(2 * self.n_routes):
            if len(routes) == self.n_routes:
                break
            first_contacts = _contacts_to_others(graph, request.source, seen)
            route = find_route(graph, request, self.terms, first_contacts, latest_ns)
            if route is None:
                break
            seen.append(route.entry)
            if not request.visited or len(route.hops) <= len(best.hops):
                routes.append(route)
        return routes

    def _free_bytes(self, graph, route):
        """The least that is free of a route's contacts while near-best routes may differ."""
        least = None
        for hop in route.hops:
            edge = edge_between(graph, hop.from_node, hop.to_node)
            rows = slice(graph.window_first[edge], graph.window_end[edge])
            until_ns = hop.last_tx_ns + self.within_ns
            free_ns = np.minimum(graph.stop_ns[rows], until_ns) - np.maximum(
                graph.start_ns[rows], hop.first_tx_ns
            )
            own = (graph.contact[rows] == hop.contact) & (free_ns > 0)
            free_bytes = int(free_ns[own].sum()) * int(graph.contact_rate_bps[hop.contact]) // (8 * NS_PER_S)
            least = free_bytes if least is None else min(least, free_bytes)
        return max(least, 1)

    def _turn(self, pair, routes, weights):
        """Smooth weighted round robin: whose turn it is, and the credits after it.

        Neighbours that are no longer near-best lose theirs.
        """
        before = self._credit.get(pair, {})
        credit = {
            route.entry: before.get(route.entry, 0) + weight
            for route, weight in zip(routes, weights, strict=True)
        }
        chosen = max(routes, key=lambda route: credit[route.entry])  # of equal ones the first, the better
        credit[chosen.entry] -= sum(weights)
        return chosen, credit


def _contacts_to_others(graph, sender, receivers):
    """Rows of the contacts from a node to all but some."""
    windows = [
        graph.contact[graph.window_first[edge] : graph.window_end[edge]]
        for edge in range(graph.edge_first[sender], graph.edge_first[sender + 1])
        if graph.edge_to[edge] not in receivers
    ]
    return np.concatenate(windows) if windows else np.zeros(0, np.int32)
