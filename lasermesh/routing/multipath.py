"""Policies `k-disjoint` and `k-shortest`: several paths per flow, of which a hash of the flow takes one."""

import numpy as np

from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.disjoint_kernels import DisjointScratch, find_disjoint_paths
from lasermesh.routing.labels import Paths, lay_paths, pairs_of
from lasermesh.routing.loopless_kernels import LooplessScratch, find_shortest_paths
from lasermesh.routing.search_kernels import PathsOut, Search, SearchLinks
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.routing.table import ForwardingTable
from lasermesh.routing.trees import trees_towards
from lasermesh.units import NONE

USUAL_HOPS = 24
"""Room for the nodes of a path, to begin with; where that is too little, it is doubled."""

DISJOINT_OPTIONS = {"k": Option(int, 2, "most paths of a flow", 2, 8)}
SHORTEST_OPTIONS = {"k": Option(int, 4, "most paths of a flow", 2, 16)}


@declare(
    complete=True,
    source="J. W. Suurballe, R. E. Tarjan, Networks 14, 1984; R. Bhandari, Survivable Networks, 1999",
    options=DISJOINT_OPTIONS,
)
def k_disjoint(snapshot: Snapshot) -> ForwardingTable:
    """Up to k paths per pair of which no two share a link, not even in opposite directions.

    As many of the k as there are, and of all such sets one of least total delay; shortest path first. Nodes
    may be shared. Both directions of a link count as one, since what breaks a laser link takes both. Ties are
    settled by the order of the search, which depends on the links that are up and their delays alone.
    """
    k = options_in(snapshot, DISJOINT_OPTIONS)["k"]
    trees = trees_towards(snapshot)
    pairs = pairs_of(snapshot)
    n_nodes = snapshot.n_nodes
    scratch = DisjointScratch(
        used=np.zeros(snapshot.n_links, dtype=np.bool_),
        n_into=np.zeros(n_nodes, dtype=np.int64),
        into=np.empty((n_nodes, k), dtype=np.int64),
        potential_s=np.zeros(n_nodes),
        changed=np.empty(k * n_nodes, dtype=np.int64),
        crossed=np.empty(k * n_nodes, dtype=np.int64),
        path=np.empty((k, n_nodes), dtype=np.int64),
        length=np.empty(k, dtype=np.int64),
        total_s=np.empty(k),
        order=np.empty(k, dtype=np.int64),
        place=np.full(n_nodes, NONE, dtype=np.int64),
    )
    links = _search_links(snapshot, trees.delay_s)
    paths = _find(lambda *more: find_disjoint_paths(links, *more), snapshot, pairs, k, scratch)
    return lay_paths(snapshot, trees.link, pairs, paths)


@declare(complete=True, source="J. Y. Yen, Management Science 17, 1971", options=SHORTEST_OPTIONS)
def k_shortest(snapshot: Snapshot) -> ForwardingTable:
    """The k paths of least delay per pair that visit no node twice, or as many as there are; shortest first.

    The first is that of `shortest-delay`. Which of equally long paths is the k-th is settled by the order of
    the search, which depends on the links that are up and their delays alone.
    """
    k = options_in(snapshot, SHORTEST_OPTIONS)["k"]
    trees = trees_towards(snapshot)
    pairs = pairs_of(snapshot)
    scratch = LooplessScratch(
        path=np.empty((k, snapshot.n_nodes), dtype=np.int64),
        length=np.zeros(k, dtype=np.int64),
        total_s=np.empty(k),
        deviates=np.empty(k, dtype=np.int64),
        same=np.empty(k, dtype=np.bool_),
        blocked=np.zeros(snapshot.n_nodes, dtype=np.bool_),
    )
    row_of_link = np.full(len(snapshot.ends_of_link) + 1, NONE, dtype=np.int64)  # the last place is for NONE
    row_of_link[snapshot.link] = np.arange(snapshot.n_links)
    tree_row = row_of_link[trees.link]
    links = _search_links(snapshot, trees.delay_s)
    paths = _find(lambda *more: find_shortest_paths(links, tree_row, *more), snapshot, pairs, k, scratch)
    return lay_paths(snapshot, trees.link, pairs, paths)


def _search_links(snapshot, left_s):
    """The snapshot's links as the searches want them."""
    n_nodes = snapshot.n_nodes
    there = snapshot.from_node.astype(np.int64) * n_nodes + snapshot.to_node
    back = snapshot.to_node.astype(np.int64) * n_nodes + snapshot.from_node
    opposite = np.searchsorted(there, back)
    there = np.append(there, NONE)
    columns = for_kernels(
        snapshot.transit,
        snapshot.first,
        snapshot.from_node,
        snapshot.to_node,
        snapshot.delay_s,
        snapshot.link,
    )
    return SearchLinks(*columns, np.where(there[opposite] == back, opposite, NONE).astype(np.int64), left_s)


def _find(kernel, snapshot, pairs, k, scratch):
    """The paths of all pairs by one of the searches."""
    n_nodes, n_pairs = snapshot.n_nodes, len(pairs.end)
    search = Search(
        heap_key_s=np.empty(n_nodes),
        heap_node=np.empty(n_nodes, dtype=np.uint32),
        heap_place=np.empty(n_nodes, dtype=np.int32),
        seen=np.zeros(n_nodes, dtype=np.int64),
        closed=np.empty(n_nodes, dtype=np.bool_),
        so_far_s=np.empty(n_nodes),
        came_by=np.empty(n_nodes, dtype=np.int64),
        touched=np.empty(n_nodes, dtype=np.int64),
    )
    room = k * n_nodes + n_pairs * k * min(n_nodes, USUAL_HOPS)
    out = PathsOut(
        pair=np.empty(n_pairs * k, dtype=np.int64),
        first=np.zeros(n_pairs * k + 1, dtype=np.int64),
        node=np.empty(room, dtype=np.int32),
        link=np.empty(room, dtype=np.int32),
        count=np.zeros(3, dtype=np.int64),
    )
    while True:
        kernel(pairs.start, pairs.end, pairs.column, k, search, scratch, out)
        n_paths, n_done, _ = out.count
        if n_done == n_pairs:
            break
        out = out._replace(
            node=np.concatenate([out.node, np.empty_like(out.node)]),
            link=np.concatenate([out.link, np.empty_like(out.link)]),
        )
    stop = out.first[n_paths]
    return Paths(out.pair[:n_paths], out.first[: n_paths + 1], out.node[:stop], out.link[:stop])
