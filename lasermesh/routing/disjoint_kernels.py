"""Edge-disjoint paths of least total delay: successive shortest paths in the residual network.

J. W. Suurballe, R. E. Tarjan, Networks 14 (1984) 325; R. Bhandari, Survivable Networks, 1999. Potentials keep
the lengths from being negative; those to begin with are the delays left to the destination, so that a search
looks at few nodes beside the shortest path.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, part_kernel
from lasermesh.routing.search_kernels import reach, write_path
from lasermesh.routing.tree_kernels import sink
from lasermesh.units import NONE


class DisjointScratch(NamedTuple):
    """Work space for the paths of one pair."""

    used: np.ndarray  # bool (n_links,)  links that carry a path; False between pairs
    n_into: np.ndarray  # int64 (n_nodes,)  how many of them reach a node; 0 between pairs
    into: np.ndarray  # int64 (n_nodes, k)  their rows
    potential_s: np.ndarray  # float64 (n_nodes,)  beyond the delay left, negated; 0.0 between pairs
    changed: np.ndarray  # int64 (k * n_nodes,)  nodes whose potential is not zero
    crossed: np.ndarray  # int64 (k * n_nodes,)  nodes that links in use reach, or did
    path: np.ndarray  # int64 (k, n_nodes)  rows of links
    length: np.ndarray  # int64 (k,)
    total_s: np.ndarray  # float64 (k,)
    order: np.ndarray  # int64 (k,)  paths by total delay
    place: np.ndarray  # int64 (n_nodes,)  of a node on the path in hand; NONE elsewhere


@part_kernel
def find_one_more(links, left_s, start, end, visit, search, scratch):
    """Search the residual network; how many nodes were touched, negative if the end was not reached.

    A link whose other direction carries a path can only be used to take that path back.
    """
    potential_s = scratch.potential_s
    none = np.int64(0)
    n_touched, size = reach(search, visit, start, 0.0, 0.0, np.int64(NONE), none, none)
    while size > 0:
        node = np.int64(search.heap_node[0])
        size -= 1
        sink(search.heap_key_s, search.heap_node, search.heap_place, size)
        search.closed[node] = True
        if node == end:
            return n_touched
        so_far_s = search.so_far_s[node]
        level_s = potential_s[node] - left_s[node]
        for row in range(links.first[node], links.first[node + 1]):
            onward = np.int64(links.to_node[row])
            opposite = links.opposite[row]
            if scratch.used[row] or (opposite != NONE and scratch.used[opposite]):
                continue
            if onward == start or left_s[onward] == np.inf or not (links.transit[onward] or onward == end):
                continue
            longer_s = links.delay_s[row] + level_s - potential_s[onward] + left_s[onward]
            reached_s = so_far_s + max(longer_s, 0.0)
            n_touched, size = reach(search, visit, onward, reached_s, reached_s, row, n_touched, size)
        for taken in range(scratch.n_into[node]):
            row = scratch.into[node, taken]
            onward = np.int64(links.from_node[row])
            if onward == start:
                continue
            longer_s = level_s - links.delay_s[row] - potential_s[onward] + left_s[onward]
            reached_s = so_far_s + max(longer_s, 0.0)
            n_touched, size = reach(search, visit, onward, reached_s, reached_s, -2 - row, n_touched, size)
    return -n_touched


@part_kernel
def augment(links, start, end, n_crossed, search, scratch):
    """Add the path that was found to those that are there, links taken back removed; nodes crossed so far."""
    node = end
    while node != start:
        row = search.came_by[node]
        scratch.crossed[n_crossed] = node
        n_crossed += 1
        if row >= 0:
            scratch.used[row] = True
            scratch.into[node, scratch.n_into[node]] = row
            scratch.n_into[node] += 1
            node = np.int64(links.from_node[row])
        else:
            row = -2 - row
            scratch.used[row] = False
            node = np.int64(links.to_node[row])
            last = scratch.n_into[node] - 1
            for taken in range(last):
                if scratch.into[node, taken] == row:
                    scratch.into[node, taken] = scratch.into[node, last]
            scratch.n_into[node] = last
    return n_crossed


@part_kernel
def take_path(links, start, end, scratch, turn):
    """Take one path out of the links in use: the lowest row at each node, circles without length left out."""
    row_of, place = scratch.path[turn], scratch.place
    node = start
    length = 0
    place[node] = 0
    while node != end:
        for row in range(links.first[node], links.first[node + 1]):
            if scratch.used[row]:
                break
        scratch.used[row] = False
        onward = np.int64(links.to_node[row])
        if place[onward] == NONE:
            row_of[length] = row
            length += 1
            place[onward] = length
        else:
            while length > place[onward]:
                length -= 1
                place[links.to_node[row_of[length]]] = NONE
            place[onward] = length
        node = onward
    total_s = 0.0
    place[start] = NONE
    for hop in range(length):
        total_s += links.delay_s[row_of[hop]]
        place[links.to_node[row_of[hop]]] = NONE
    scratch.length[turn] = length
    scratch.total_s[turn] = total_s


@hot_kernel
def find_disjoint_paths(links, start, end, column, k, search, scratch, out):
    """Up to k paths for each pair from pair `out.count[1]` on, shortest first, until room runs out."""
    n_nodes = len(links.transit)
    for pair in range(out.count[1], len(start)):
        if out.first[out.count[0]] + k * n_nodes > len(out.node):
            return
        left_s = links.left_s[column[pair]]
        source, destination = np.int64(start[pair]), np.int64(end[pair])
        n_found = 0
        n_changed = n_crossed = np.int64(0)
        while n_found < k and left_s[source] < np.inf:
            out.count[2] += 1
            n_touched = find_one_more(links, left_s, source, destination, out.count[2], search, scratch)
            if n_touched < 0:
                break
            reached_s = search.so_far_s[destination]
            for turn in range(n_touched):
                node = search.touched[turn]
                if search.so_far_s[node] < reached_s:
                    scratch.potential_s[node] += search.so_far_s[node] - reached_s
                    scratch.changed[n_changed] = node
                    n_changed += 1
            n_crossed = augment(links, source, destination, n_crossed, search, scratch)
            n_found += 1
        for turn in range(n_changed):
            scratch.potential_s[scratch.changed[turn]] = 0.0
        for turn in range(n_found):
            take_path(links, source, destination, scratch, turn)
            place = turn
            while place > 0 and scratch.total_s[scratch.order[place - 1]] > scratch.total_s[turn]:
                scratch.order[place] = scratch.order[place - 1]
                place -= 1
            scratch.order[place] = turn
        for turn in range(n_crossed):
            node = scratch.crossed[turn]
            for taken in range(scratch.n_into[node]):
                scratch.used[scratch.into[node, taken]] = False  # circles without length, beside all paths
            scratch.n_into[node] = 0
        for turn in range(n_found):
            path = scratch.order[turn]
            write_path(links, pair, scratch.path[path], scratch.length[path], out)
        out.count[1] = pair + 1
