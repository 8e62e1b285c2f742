"""Routing by the earliest arrival, with the volume that is really free."""

import numpy as np

from lasermesh.dtn.graph import edge_between
from lasermesh.dtn.returning import route_onward
from lasermesh.dtn.routes import Route
from lasermesh.dtn.search import best_route
from lasermesh.units import NONE


class EarliestRouter:
    """The best route for a bundle's bytes through what a ledger has free; a `Router`.

    Parameters
    ----------
    ledger : Ledger or NoLedger
    terms : Terms
    """

    def __init__(self, ledger, terms):
        self.ledger = ledger
        self.terms = terms

    def route(self, request):
        """See `Router.route`."""
        return route_onward(request, self._find, self._find_unbooked)

    def book(self, request, route):
        """See `Router.book`."""
        return self.ledger.book(route, request.n_bytes, request.priority, request.time_ns)

    def release(self, booking, from_ns):
        """See `Router.release`."""
        self.ledger.release(booking, from_ns)

    def _find(self, request):
        return find_route(self.ledger.graph(request.priority), request, self.terms)

    def _find_unbooked(self, request):
        return find_route(self.ledger.plan, request, self.terms)

    def occupy(self, booking, contact, from_ns, until_ns):
        """See `Router.occupy`."""
        return self.ledger.occupy(booking, contact, until_ns)

    def vacate(self, contact, now_ns):
        """See `Router.vacate`."""
        self.ledger.vacate(contact)


def find_route(graph, request, terms, first_contacts=None, latest_ns=None):
    """The best route for a request in a graph, None if there is none.

    Parameters
    ----------
    graph : ContactGraph
    request : Request
    terms : Terms
    first_contacts : int array, optional
        Rows of the contacts that may be the first.
    latest_ns : int, optional
        In place of the request's.
    """
    limits = {
        "without_contacts": mask(request.without_contacts, graph.n_contacts),
        "latest_ns": request.latest_ns if latest_ns is None else latest_ns,
    }
    if request.first_contacts:
        given = np.array(request.first_contacts)
        first_contacts = given if first_contacts is None else np.intersect1d(given, first_contacts)
    if request.neighbour != NONE:
        contacts = contacts_between(graph, request.source, request.neighbour)
        first_contacts = contacts if first_contacts is None else np.intersect1d(contacts, first_contacts)
    if first_contacts is not None and len(first_contacts) == 0:
        return None
    if request.first_bytes != NONE:
        return _continued(graph, request, terms, first_contacts, limits)
    return best_route(
        graph,
        request.source,
        request.destination,
        request.time_ns,
        request.n_bytes,
        terms,
        without_nodes=mask(request.without_nodes, graph.n_nodes),
        first_contacts=first_contacts,
        **limits,
    )


def _continued(graph, request, terms, first_contacts, limits):
    """A route whose first contact, to a given neighbour, takes only what is missing there.

    An earlier arrival at the neighbour is never worse, so the rest may be searched from there on.
    """
    if request.neighbour == NONE:
        raise ValueError("first_bytes needs the neighbour that has the rest")
    if request.neighbour in request.without_nodes:
        return None
    first = best_route(
        graph,
        request.source,
        request.neighbour,
        request.time_ns,
        request.first_bytes,
        terms,
        first_contacts=first_contacts,
        **limits,
    )
    if first is None or request.neighbour == request.destination:
        return first
    if not graph.transit[request.neighbour]:
        return None
    rest = best_route(
        graph,
        request.neighbour,
        request.destination,
        first.arrival_ns + terms.handling_ns,
        request.n_bytes,
        terms,
        without_nodes=mask((*request.without_nodes, request.source), graph.n_nodes),
        **limits,
    )
    return None if rest is None else Route(first.hops + rest.hops)


def mask(rows, size):
    """Rows as a bool array of a size, None where there are none."""
    if not len(rows):
        return None
    chosen = np.zeros(size, bool)
    chosen[list(rows)] = True
    return chosen


def contacts_between(graph, sender, receiver):
    """Rows of the contacts from a node to another that have a window in a graph: int32 array, each once."""
    edge = edge_between(graph, sender, receiver)
    if edge == NONE:
        return np.zeros(0, np.int32)
    return np.unique(graph.contact[graph.window_first[edge] : graph.window_end[edge]])
