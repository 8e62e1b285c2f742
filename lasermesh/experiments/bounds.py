"""The most that any routing could carry across a snapshot: maximum flow, and two linear programs.

All bounds are on fluid traffic that may split over paths at will. Each directed link carries up to its rate,
and nodes without transit are only the first or last of a path, as in packet forwarding.

- One source and destination: the maximum flow, which is the capacity of the least cut (L. R. Ford and
  D. R. Fulkerson, Canadian Journal of Mathematics 8, 1956). For several pairs it is a bound too, looser than
  the next, because traffic may then end at any of the destinations.
- The most in total, no pair more than it offers: a multi-commodity flow.
- The greatest share of all demands at once: the maximum concurrent flow (F. Shahrokhi and D. W. Matula,
  Journal of the ACM 37, 1990).

The linear programs have a column for each path, made when it is wanted (Ford and Fulkerson, Management
Science 5, 1958): prices of links from the program so far, then the cheapest path of each pair under these
prices. Any prices give an upper bound by duality, so what is answered is a bound wherever the search ends.
The same programs with a variable for each link and destination were tried first: on Starlink with 100 pairs
they have 185,000 variables, and HiGHS did not solve them in four minutes, against seconds for columns.
"""

import importlib.util
import itertools
from typing import NamedTuple

import numpy as np

from lasermesh.errors import RunFailed, UserError
from lasermesh.routing.snapshot import Snapshot

INSTALL_HINT = 'it needs scipy: pip install "lasermesh[lp]"'

GAP = 1e-4
"""Search ends when the bound is so near to what a flow that was found carries, relative to it."""

MOST_ROUNDS = 1000
"""Programs solved after which the search ends all the same, with the bound that it has."""

SMALLEST_PRICE = 1e-9  # relative to the greatest; a shortest-path search takes no zeros


class CapacityGraph(NamedTuple):
    """Links of a snapshot between vertices: a node without transit is two, one that sends, one that takes.

    Pairs that no path joins are in no bound.
    """

    n_vertices: int
    tail: np.ndarray  # int64 (n_links,)  vertex that sends
    head: np.ndarray  # int64 (n_links,)
    capacity_gbps: np.ndarray  # float64 (n_links,)  of whole IP packets
    source: np.ndarray  # int64 (n_pairs,)  vertices
    sink: np.ndarray  # int64 (n_pairs,)


class Bound(NamedTuple):
    """An upper bound, and how near to it a flow was found."""

    value: float  # Gbps, or for demands the greatest multiple of all
    gap: float  # (value - found) / value; 0: exact
    cut: np.ndarray | None = None  # rows of links of a least cut, where one was asked for


def capacity_graph(snapshot: Snapshot, payload_share: float = 1.0) -> CapacityGraph:
    """The links of a snapshot with the share of their rate that is left for packets, pairs its flows."""
    n_nodes = snapshot.n_nodes

    def taking(nodes):
        return np.where(snapshot.transit[nodes], nodes, nodes.astype(np.int64) + n_nodes)

    return CapacityGraph(
        2 * n_nodes,
        snapshot.from_node.astype(np.int64),
        taking(snapshot.to_node),
        snapshot.rate_bps / 1e9 * payload_share,
        snapshot.flow_from.astype(np.int64),
        taking(snapshot.flow_to),
    )


def max_flow(graph: CapacityGraph, offered_gbps=None) -> Bound:
    """The maximum flow from all sources to all destinations taken together, with a least cut.

    Parameters
    ----------
    graph : CapacityGraph
        With one pair the bound is what any routing can reach; with several it is an upper bound.
    offered_gbps : array_like, shape (n_pairs,), optional
        No source sends more than its pairs offer, no destination gets more. Absent: no limit.
    """
    import networkx

    flows = networkx.DiGraph()
    flows.add_nodes_from(("from", "to"))
    for link, (tail, head, gbps) in enumerate(zip(*_plain(graph[1:4]), strict=True)):
        flows.add_edge(tail, head, capacity=round(gbps * 1e9), link=link)
    for vertices, is_source in ((graph.source, True), (graph.sink, False)):
        for vertex in np.unique(vertices).tolist():
            limit = {}
            if offered_gbps is not None:
                limit["capacity"] = round(float(np.asarray(offered_gbps)[vertices == vertex].sum()) * 1e9)
            flows.add_edge(*(("from", vertex) if is_source else (vertex, "to")), **limit)
    value_bps, (near, far) = networkx.minimum_cut(flows, "from", "to")
    cut = [
        data["link"]
        for vertex in near
        for head, data in flows[vertex].items()
        if head in far and "link" in data
    ]
    return Bound(value_bps / 1e9, 0.0, np.array(sorted(cut), np.int64))


def most_in_total(graph: CapacityGraph, offered_gbps) -> Bound:
    """The greatest sum over pairs that fits, no pair more than `offered_gbps` (n_pairs,), in Gbps."""
    return _solve(graph, np.asarray(offered_gbps, np.float64), concurrent=False)


def most_concurrent(graph: CapacityGraph, demand_gbps) -> Bound:
    """The greatest multiple of all of `demand_gbps` (n_pairs,) that fits at once."""
    return _solve(graph, np.asarray(demand_gbps, np.float64), concurrent=True)


def have_solver() -> bool:
    """Whether scipy is there, which the linear programs need."""
    return importlib.util.find_spec("scipy") is not None


def reachable(graph: CapacityGraph) -> np.ndarray:
    """Whether some path joins each pair: bool (n_pairs,)."""
    import networkx

    links = networkx.DiGraph(zip(*_plain(graph[1:3]), strict=True))
    links.add_nodes_from(range(graph.n_vertices))
    below = {source: networkx.descendants(links, source) for source in set(graph.source.tolist())}
    return np.array([b in below[a] for a, b in zip(*_plain(graph[4:6]), strict=True)], bool)


def _plain(arrays):
    return (array.tolist() for array in arrays)


def _solve(graph, wanted_gbps, concurrent):
    """A linear program by columns: `Bound`."""
    if not have_solver():
        raise UserError(f"the bound is a linear program; {INSTALL_HINT}")
    columns = _Columns(graph)
    price = 1.0 / graph.capacity_gbps
    worth = np.full(len(graph.source), np.inf)
    best, found = np.inf, 0.0
    for rounds in itertools.count():
        price = np.maximum(price, SMALLEST_PRICE * price.max(initial=0.0))
        cost, before = columns.cheapest(price)
        if not np.isfinite(cost).any():
            return Bound(0.0, 0.0)
        best = min(best, _dual_bound(graph, price, cost, wanted_gbps, concurrent))
        more = columns.add(before, cost < worth * (1.0 - 1e-9))
        if best - found <= GAP * best or not more or rounds == MOST_ROUNDS:
            return Bound(best, max(0.0, best - found) / best if best > 0.0 else 0.0)
        found, price, worth = columns.solve(wanted_gbps, concurrent)


def _dual_bound(graph, price, cost, wanted_gbps, concurrent):
    """What prices of links (per Gbps) prove, `cost` being that of the cheapest path of each pair."""
    all_links = float(graph.capacity_gbps @ price)
    joined = np.isfinite(cost)
    if concurrent:
        return all_links / float(wanted_gbps[joined] @ cost[joined]) if joined.any() else 0.0
    return all_links + float(wanted_gbps[joined] @ np.maximum(0.0, 1.0 - cost[joined]))


class _Columns:
    """Paths of pairs, and the linear program over them."""

    def __init__(self, graph):
        self._graph = graph
        ends = zip(*_plain(graph[1:3]), strict=True)
        self._link_of = {pair: link for link, pair in enumerate(ends)}
        self._sources, self._tree_of = np.unique(graph.source, return_inverse=True)
        self._known = set()
        self._pair, self._length, self._links = [], [], []

    def cheapest(self, price):
        """Cost of each pair's cheapest path, inf where there is none, and the vertices before each one."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import dijkstra

        graph = self._graph
        weights = csr_matrix((price, (graph.tail, graph.head)), shape=(graph.n_vertices,) * 2)
        cost, before = dijkstra(weights, indices=self._sources, return_predecessors=True)
        return cost[self._tree_of, graph.sink], before

    def add(self, before, wanted):
        """Add the cheapest paths of those pairs for which they are wanted; how many are new."""
        graph, count = self._graph, len(self._pair)
        for pair in np.flatnonzero(wanted).tolist():
            source, vertex = int(graph.source[pair]), int(graph.sink[pair])
            previous, links = before[self._tree_of[pair]], []
            while vertex != source and previous[vertex] >= 0:
                links.append(self._link_of[int(previous[vertex]), vertex])
                vertex = int(previous[vertex])
            if vertex != source or (pair, *links) in self._known:
                continue
            self._known.add((pair, *links))
            self._pair.append(pair)
            self._length.append(len(links))
            self._links += links
        return len(self._pair) - count

    def solve(self, wanted_gbps, concurrent):
        """Value, price of each link, and what a pair pays at most for a path."""
        from scipy import sparse
        from scipy.optimize import linprog

        graph, n_paths = self._graph, len(self._pair)
        path = np.arange(n_paths)
        pairs, row_of_path = np.unique(self._pair, return_inverse=True)
        used, row_of_link = np.unique(self._links, return_inverse=True)
        entries = np.ones(len(row_of_link)), (row_of_link, np.repeat(path, self._length))
        on_links = sparse.csr_matrix(entries, shape=(len(used), n_paths))
        of_pairs = sparse.csr_matrix((np.ones(n_paths), (row_of_path, path)), shape=(len(pairs), n_paths))
        limits, objective = wanted_gbps[pairs], -np.ones(n_paths)
        if concurrent:  # one more variable, the multiple of the demands that paths have to carry
            on_links = sparse.hstack([on_links, sparse.csr_matrix((len(used), 1))])
            of_pairs = sparse.hstack([-of_pairs, sparse.csr_matrix(limits[:, np.newaxis])])
            limits, objective = np.zeros(len(pairs)), np.append(np.zeros(n_paths), -1.0)
        matrix = sparse.vstack([on_links, of_pairs]).tocsr()
        limits = np.concatenate([graph.capacity_gbps[used], limits])
        # Of both methods the faster one, by a factor of up to two for demands and of up to nine in total.
        method = "highs-ds" if concurrent else "highs-ipm"
        solved = linprog(objective, A_ub=matrix, b_ub=limits, method=method)
        if solved.status != 0:
            raise RunFailed(f"the linear program of the bound was not solved: {solved.message}")
        dual = np.maximum(0.0, -solved.ineqlin.marginals)
        price, worth = np.zeros(len(graph.tail)), np.full(len(graph.source), np.inf)
        price[used] = dual[: len(used)]
        worth[pairs] = dual[len(used) :] if concurrent else 1.0 - dual[len(used) :]
        return -solved.fun, price, worth
