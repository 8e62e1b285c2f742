"""The contact graph: nodes, ordered pairs of them, and the windows of time in which each can send.

Vertices are nodes, not contacts: a pair has its windows one behind the other, and a search looks only at
those that are still open. A window is a contact, or what is free of one once volume has been booked.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.units import NONE

NS_PER_S = 1_000_000_000


class Knots(NamedTuple):
    """Light times within the contacts of a plan, as `ContactGraph` has them; all instants are the plan's."""

    first: np.ndarray  # int64 (n_contacts + 1,)  knots of contact c are rows first[c] to first[c + 1]
    light_s: np.ndarray  # float64 (first[-1],)
    start_s: np.ndarray | None = None  # float64 (n_contacts,)  where its first knot is; absent: at its start
    stop_s: np.ndarray | None = None  # float64 (n_contacts,)  and its last one; absent: at its stop


class ContactGraph(NamedTuple):
    """Nodes by row; pairs ("edges") by sending, then receiving node; windows of each by start, then stop."""

    # By node.
    transit: np.ndarray  # bool   (n_nodes,)  whether bundles may pass through it
    number: np.ndarray  # int64  (n_nodes,)  its ipn number
    edge_first: np.ndarray  # int64  (n_nodes + 1,)  edges of node u: edge_first[u] to edge_first[u + 1]
    # By edge.
    edge_from: np.ndarray  # int32  (n_edges,)
    edge_to: np.ndarray  # int32  (n_edges,)
    # Edges by receiving node: those into node v are in_edge[in_first[v]] to in_edge[in_first[v + 1]].
    in_first: np.ndarray  # int64  (n_nodes + 1,)
    in_edge: np.ndarray  # int64  (n_edges,)
    window_first: np.ndarray  # int64  (n_edges,)  windows of edge e: window_first[e] to window_end[e]; places
    window_end: np.ndarray  # int64  (n_edges,)  between window_end[e] and the next edge's first are room
    # By window.
    start_ns: np.ndarray  # int64  (n_windows,)
    stop_ns: np.ndarray  # int64  (n_windows,)
    latest_ns: np.ndarray  # int64  (n_windows,)  greatest stop of the edge's windows up to this one
    contact: np.ndarray  # int32  (n_windows,)  row of the contact that it is, or is a part of
    rate_bps: np.ndarray  # int64  (n_windows,)  as all that follows, that of the contact
    owlt_ns: np.ndarray  # int64  (n_windows,)  one-way light time, NONE: not known, so that it is not used
    # By contact, rows as in the plan.
    contact_from: np.ndarray  # int32  (n_contacts,)
    contact_to: np.ndarray  # int32  (n_contacts,)
    contact_start_ns: np.ndarray  # int64  (n_contacts,)
    contact_stop_ns: np.ndarray  # int64  (n_contacts,)
    contact_rate_bps: np.ndarray  # int64  (n_contacts,)
    contact_owlt_ns: np.ndarray  # int64  (n_contacts,)
    # Light times within contact c, on lines between knots knot_first[c] to knot_first[c + 1]: two at least,
    # spread evenly over a span that need not be the contact's own. None: it stays the same.
    knot_first: np.ndarray  # int64  (n_contacts + 1,)
    knot_start_ns: np.ndarray  # int64  (n_contacts,)  where the span begins
    knot_stop_ns: np.ndarray  # int64  (n_contacts,)
    knot_owlt_ns: np.ndarray  # float64  (n_knots,)

    @property
    def n_nodes(self):
        """Number of nodes."""
        return len(self.transit)

    @property
    def n_contacts(self):
        """Number of contacts."""
        return len(self.contact_from)


def graph_of(plan, n_nodes, transit=None, number=None, start_s=0.0, knots=None) -> ContactGraph:
    """The contact graph of a plan.

    Parameters
    ----------
    plan : ContactPlan
        In any order; contacts of a pair may overlap, have no length or be reversed. `owlt_s` nan: no range.
    n_nodes : int
    transit : bool array, shape (n_nodes,), optional
        Absent: bundles may pass through all nodes.
    number : int64 array, shape (n_nodes,), optional
        ipn numbers; absent: row + 1.
    start_s : float
        The plan's instant that becomes t = 0.
    knots : Knots, optional
        Light times within each contact; absent: they stay the same.

    Returns
    -------
    graph : ContactGraph

    Raises
    ------
    ValueError
        If a light time is negative.
    """
    start_ns, stop_ns = _ns(plan.start_s - start_s), _ns(plan.stop_s - start_s)
    known = np.isfinite(plan.owlt_s)
    owlt_ns = np.where(known, _ns(np.where(known, plan.owlt_s, 0.0)), NONE)
    order = np.lexsort((stop_ns, start_ns, plan.to_node, plan.from_node))
    sender, receiver = plan.from_node[order].astype(np.int64), plan.to_node[order].astype(np.int64)
    first = np.flatnonzero(np.diff(sender * n_nodes + receiver, prepend=-1))
    end = np.append(first[1:], len(order))[: len(first)]
    edge_from, edge_to = sender[first], receiver[first]
    in_edge = np.argsort(edge_to, kind="stable")
    edge_first = np.searchsorted(edge_from, np.arange(n_nodes + 1))
    knots = Knots(np.zeros(plan.size + 1), np.zeros(0)) if knots is None else knots
    if (plan.owlt_s < 0.0).any() or (np.asarray(knots.light_s) < 0.0).any():
        least_s = np.nanmin(np.append(plan.owlt_s, knots.light_s))
        raise ValueError(f"light times must not be negative (the least is {least_s:g} s)")
    return ContactGraph(
        transit=np.ones(n_nodes, bool) if transit is None else np.array(transit, bool),
        number=np.arange(1, n_nodes + 1) if number is None else np.array(number, np.int64),
        edge_first=edge_first.astype(np.int64),
        edge_from=edge_from.astype(np.int32),
        edge_to=edge_to.astype(np.int32),
        in_first=np.searchsorted(edge_to[in_edge], np.arange(n_nodes + 1)).astype(np.int64),
        in_edge=in_edge.astype(np.int64),
        window_first=first.astype(np.int64),
        window_end=end.astype(np.int64),
        start_ns=start_ns[order],
        stop_ns=stop_ns[order],
        latest_ns=latest_stops(stop_ns[order], first, end),
        contact=order.astype(np.int32),
        rate_bps=plan.rate_bps[order].astype(np.int64),
        owlt_ns=owlt_ns[order],
        contact_from=plan.from_node.astype(np.int32),
        contact_to=plan.to_node.astype(np.int32),
        contact_start_ns=start_ns,
        contact_stop_ns=stop_ns,
        contact_rate_bps=plan.rate_bps.astype(np.int64),
        contact_owlt_ns=owlt_ns,
        knot_first=np.array(knots.first, np.int64),
        knot_start_ns=start_ns if knots.start_s is None else _ns(knots.start_s - start_s),
        knot_stop_ns=stop_ns if knots.stop_s is None else _ns(knots.stop_s - start_s),
        knot_owlt_ns=np.asarray(knots.light_s, np.float64) * NS_PER_S,
    )


def edge_between(graph, sender, receiver):
    """The edge from a node to another: int, NONE where there is none."""
    first, end = int(graph.edge_first[sender]), int(graph.edge_first[sender + 1])
    edge = first + int(np.searchsorted(graph.edge_to[first:end], receiver))
    return edge if edge < end and graph.edge_to[edge] == receiver else NONE


def latest_stops(stop_ns, first, end):
    """Greatest stop of the windows of each edge up to each of them: int64, shape of `stop_ns`."""
    latest = np.array(stop_ns, np.int64)
    # Windows hardly ever overlap: only edges where a stop comes before an earlier one need more.
    falls = np.flatnonzero(latest[1:] < latest[:-1]) + 1
    for edge in np.unique(np.searchsorted(first, falls, side="right") - 1).tolist():
        rows = slice(first[edge], end[edge])
        latest[rows] = np.maximum.accumulate(latest[rows])
    return latest


def _ns(seconds):
    """Nearest whole ns of times in s: int64 array."""
    return np.rint(np.asarray(seconds, np.float64) * NS_PER_S).astype(np.int64)
