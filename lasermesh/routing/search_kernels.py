"""What searches for several paths between two nodes have in common."""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import part_kernel
from lasermesh.routing.tree_kernels import rise
from lasermesh.units import NONE


class SearchLinks(NamedTuple):
    """The links that are up, and how far every node is from the destinations."""

    transit: np.ndarray  # bool (n_nodes,)
    first: np.ndarray  # int64 (n_nodes + 1,)
    from_node: np.ndarray  # int32 (n_links,)
    to_node: np.ndarray  # int32 (n_links,)
    delay_s: np.ndarray  # float64 (n_links,)
    link: np.ndarray  # int32 (n_links,)
    opposite: np.ndarray  # int64 (n_links,)  row of the link in the other direction, NONE if that is not up
    left_s: np.ndarray  # float64 (n_destinations, n_nodes)  least delay to each destination, inf if none


class Search(NamedTuple):
    """Work space of one search; what a node's row holds is of search `seen[node]`, and else means nothing."""

    heap_key_s: np.ndarray  # float64 (n_nodes,)
    heap_node: np.ndarray  # uint32 (n_nodes,)
    heap_place: np.ndarray  # int32 (n_nodes,)
    seen: np.ndarray  # int64 (n_nodes,)
    closed: np.ndarray  # bool (n_nodes,)
    so_far_s: np.ndarray  # float64 (n_nodes,)
    came_by: np.ndarray  # int64 (n_nodes,)  row of the link taken; -2 - row: taken back
    touched: np.ndarray  # int64 (n_nodes,)  nodes with rows of this search, in order


class PathsOut(NamedTuple):
    """Where found paths are written: path i has rows first[i] to first[i + 1]; and how far that is."""

    pair: np.ndarray  # int64 (most_paths,)
    first: np.ndarray  # int64 (most_paths + 1,)
    node: np.ndarray  # int32 (room,)
    link: np.ndarray  # int32 (room,)
    count: np.ndarray  # int64 (3,)  paths written, the first pair that is still to do, searches made


@part_kernel
def reach(search, visit, node, so_far_s, key_s, came_by, n_touched, size):
    """Note that a node can be reached, if that is news; how many are touched and in the heap then."""
    if search.seen[node] != visit:
        search.seen[node] = visit
        search.closed[node] = False
        search.so_far_s[node] = np.inf
        search.heap_place[node] = NONE
        search.touched[n_touched] = node
        n_touched += 1
    if search.closed[node] or so_far_s >= search.so_far_s[node]:
        return n_touched, size
    search.so_far_s[node] = so_far_s
    search.came_by[node] = came_by
    place = np.int64(search.heap_place[node])
    if place == NONE:
        place = size
        size += 1
    rise(search.heap_key_s, search.heap_node, search.heap_place, place, key_s, np.uint32(node))
    return n_touched, size


@part_kernel
def write_path(links, pair, row, length, out):
    """Append a path, given as rows of its links, to what was found."""
    count = out.count[0]
    place = out.first[count]
    for hop in range(length):
        out.node[place + hop] = links.from_node[row[hop]]
        out.link[place + hop] = links.link[row[hop]]
    out.node[place + length] = links.to_node[row[length - 1]]
    out.link[place + length] = NONE
    out.pair[count] = pair
    out.first[count + 1] = place + length + 1
    out.count[0] = count + 1
