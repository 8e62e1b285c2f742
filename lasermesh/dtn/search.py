"""Searches on a contact graph: the best route between two nodes, and trees of earliest arrivals from one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from lasermesh.dtn.hop_kernels import Ask
from lasermesh.dtn.routes import Hop, Route, Terms
from lasermesh.dtn.search_kernels import (
    LOST,
    NO_ROOM,
    NO_ROUTE,
    Scratch,
    fill_arrivals_from,
    fill_tree,
    find_best_route,
)
from lasermesh.machine import processors
from lasermesh.units import NEVER

_NOTHING = np.zeros(0, bool)
_DEFAULT_TERMS = Terms()
_kept = threading.local()  # work space of the last search of each thread


class Tree(NamedTuple):
    """Earliest arrivals from one source."""

    arrival_ns: np.ndarray  # int64 (n_nodes,)  of the last bit; NEVER where a node is not reached
    hops: np.ndarray  # int32 (n_nodes,)  fewest contacts of routes with that arrival
    contact: np.ndarray  # int32 (n_nodes,)  the last contact of such a route; NONE


def best_route(
    graph,
    source,
    destination,
    at_ns,
    n_bytes=0,
    terms=_DEFAULT_TERMS,
    without_nodes=None,
    without_contacts=None,
    latest_ns=NEVER,
    first_contacts=None,
) -> Route | None:
    """The best route of a bundle by all keys of CCSDS 734.3-B-1, 3.2.6 (`Route.key`), None if there is none.

    Parameters
    ----------
    graph : ContactGraph
    source, destination : int
        Rows of nodes, not the same.
    at_ns : int
        From when on the source can send.
    n_bytes : int
        On the wire; 0: routes by their first bit, as the standard computes them.
    terms : Terms
    without_nodes : bool array, shape (n_nodes,), optional
        Nodes that are neither passed nor reached.
    without_contacts : bool array, shape (n_contacts,), optional
    latest_ns : int
        Later arrivals do not count.
    first_contacts : bool array of shape (n_contacts,) or rows of contacts, optional
        Which contacts may be the first one.

    Raises
    ------
    ValueError
        If source and destination are the same or not rows of the graph; if the source is excluded; if a mask
        or row is not one of the graph's; if what must not be negative is; or if a light time falls so fast
        that what leaves later arrives first.
    """
    n_nodes = len(graph.transit)
    if not (0 <= source < n_nodes and 0 <= destination < n_nodes) or source == destination:
        raise ValueError(
            f"source and destination must be two of the nodes 0 to {n_nodes - 1} "
            f"(got {source}, {destination})"
        )
    ask = _ask(graph, n_bytes, terms, without_nodes, without_contacts, first_contacts)
    _check_source(ask, source)
    scratch = _scratch(graph)
    while True:
        n_hops = find_best_route(
            graph, ask, int(source), int(destination), int(at_ns), _after(latest_ns), scratch
        )
        if n_hops != NO_ROOM:
            break
        scratch = _scratch(graph, 4 * len(scratch.due_ns))
    if n_hops == LOST:
        raise ValueError(
            "a contact's light time falls faster than time passes: what leaves later arrives first"
        )
    if n_hops == NO_ROUTE:
        return None
    return Route(tuple(map(Hop._make, scratch.hops[:n_hops].tolist())))


def arrival_tree(
    graph,
    source,
    at_ns,
    n_bytes=0,
    terms=_DEFAULT_TERMS,
    without_nodes=None,
    without_contacts=None,
    latest_ns=NEVER,
) -> Tree:
    """When what is at a node at an instant can be at each other node; arguments are those of `best_route`."""
    n_nodes = len(graph.transit)
    ask = _ask(graph, n_bytes, terms, without_nodes, without_contacts, None)
    source = _row(graph, source)
    _check_source(ask, source)
    tree = Tree(np.empty(n_nodes, np.int64), np.empty(n_nodes, np.int32), np.empty(n_nodes, np.int32))
    front = np.empty((3, n_nodes), np.int64)
    fill_tree(graph, ask, source, int(at_ns), _after(latest_ns), front, *tree)
    return tree


def arrivals(
    graph,
    source,
    at_ns,
    n_bytes=0,
    terms=_DEFAULT_TERMS,
    without_nodes=None,
    without_contacts=None,
    latest_ns=NEVER,
    threads=None,
):
    """The arrivals of `arrival_tree` alone, from one source or from each of several.

    Dijkstra's algorithm: where much waits, so that nodes are reached earlier round after round, it is faster
    than a tree with its hops.

    Parameters
    ----------
    source : int or int array, shape (n_sources,)
    threads : int, optional
        How many work on several sources; absent: as many as there are processors.

    Returns
    -------
    arrival_ns : int64 array, shape (n_nodes,) or (n_sources, n_nodes)
        NEVER where a node is not reached.
    """
    ask = _ask(graph, n_bytes, terms, without_nodes, without_contacts, None)
    sources = np.array([_row(graph, node) for node in np.atleast_1d(source).tolist()], np.int64)
    _check_source(ask, sources)
    arrival_ns = np.empty((len(sources), graph.n_nodes), np.int64)

    def fill(rows):
        scratch = _scratch(graph)
        heap_and_last = scratch.heap_ns, scratch.heap_node, scratch.came_by
        fill_arrivals_from(
            graph, ask, sources[rows], int(at_ns), _after(latest_ns), *heap_and_last, arrival_ns[rows]
        )

    n_parts = min(threads or processors(), len(sources))
    if n_parts <= 1:
        fill(slice(None))
    else:
        ends = np.linspace(0, len(sources), n_parts + 1).astype(int).tolist()
        with ThreadPoolExecutor(n_parts) as pool:
            list(pool.map(fill, map(slice, ends[:-1], ends[1:])))
    return arrival_ns if np.ndim(source) else arrival_ns[0]


def _row(graph, node):
    """A node's row, checked."""
    if not 0 <= node < len(graph.transit):
        raise ValueError(f"source must be one of the nodes 0 to {len(graph.transit) - 1} (got {node})")
    return int(node)


def _check_source(ask, source):
    """Refuse to search from a node (or several) that is excluded."""
    if len(ask.without_nodes) and ask.without_nodes[source].any():
        raise ValueError(f"the source cannot be excluded by without_nodes (got source {source})")


def _after(latest_ns):
    """The first instant that is too late."""
    return NEVER if latest_ns == NEVER else int(latest_ns) + 1


def _ask(graph, n_bytes, terms, without_nodes, without_contacts, first_contacts):
    """What a search is asked for, in the types that kernels are compiled for."""
    if min(n_bytes, terms.margin_ns, terms.handling_ns) < 0:
        raise ValueError(f"bytes, margin and handling must not be negative (got {n_bytes} bytes, {terms})")
    return Ask(
        int(n_bytes),
        0 if n_bytes or terms.inclusive_end else 1,
        int(terms.margin_ns),
        int(terms.handling_ns),
        _NOTHING if without_nodes is None else _mask(without_nodes, graph.n_nodes, "without_nodes"),
        _NOTHING
        if without_contacts is None
        else _mask(without_contacts, graph.n_contacts, "without_contacts"),
        _NOTHING if first_contacts is None else _chosen(first_contacts, graph.n_contacts),
    )


def _mask(mask, size, name):
    """A mask of the right type and length."""
    mask = np.require(mask, bool, ("C", "W"))
    if mask.shape != (size,):
        raise ValueError(f"{name} must be a bool array of shape ({size},) (got shape {mask.shape})")
    return mask


def _chosen(first_contacts, n_contacts):
    """The mask of contacts that are given as a mask or as rows."""
    given = np.asarray(first_contacts)
    if given.dtype == bool:
        return _mask(given, n_contacts, "first_contacts")
    rows = given.astype(np.int64)
    if len(rows) and not 0 <= rows.min() <= rows.max() < n_contacts:
        raise ValueError(
            f"first_contacts must be rows of contacts, 0 to {n_contacts - 1} (got {given.tolist()})"
        )
    mask = np.zeros(n_contacts, bool)
    mask[rows] = True
    return mask


def _scratch(graph, room=0):
    """Work space that is large enough, kept by each thread for its next search."""
    n_nodes, n_edges = len(graph.transit), len(graph.edge_to)
    kept = getattr(_kept, "scratch", None)
    if kept is not None:
        if len(kept.newest) >= n_nodes and len(kept.heap_ns) > n_edges and len(kept.due_ns) >= room:
            return kept
        n_nodes, n_edges = max(n_nodes, len(kept.newest)), max(n_edges, len(kept.heap_ns) - 1)
        room = max(room, len(kept.due_ns))
    _kept.scratch = new_scratch(n_nodes, n_edges, max(room, 2 * n_edges + n_nodes + 16))
    return _kept.scratch


def new_scratch(n_nodes, n_edges, room):
    """Work space for graphs of so many nodes and edges."""
    return Scratch(
        arrival_ns=np.empty(n_nodes, np.int64),
        came_by=np.empty(n_nodes, np.int64),
        heap_ns=np.empty(n_edges + 1, np.int64),
        heap_node=np.empty(n_edges + 1, np.uint32),
        newest=np.empty(n_nodes, np.int64),
        due_node=np.empty(room, np.uint32),
        due_ns=np.empty(room, np.int64),
        due_round=np.empty(room, np.int64),
        due_before=np.empty(room, np.int64),
        seen_ns=np.empty(room, np.int64),
        part_due=np.empty(room, np.int64),
        part_ns=np.empty(room, np.int64),
        part_stop_ns=np.empty(room, np.int64),
        part_entry=np.empty(room, np.int64),
        part_window=np.empty(room, np.int64),
        part_before=np.empty(room, np.int64),
        part_heap=np.empty(room, np.int64),
        hops=np.empty((n_nodes, 6), np.int64),
    )
