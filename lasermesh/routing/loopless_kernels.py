"""The k shortest loopless paths between two nodes.

J. Y. Yen, Management Science 17 (1971) 712, with the partition of E. L. Lawler, Management Science 18 (1972)
401, by which no path is found twice. Each search is A* with the exact delays left, which no search can be
better informed by; it ends as soon as it cannot lead to one of the k.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import hot_kernel, part_kernel
from lasermesh.routing.search_kernels import reach, write_path
from lasermesh.routing.tree_kernels import sink
from lasermesh.units import NONE


class LooplessScratch(NamedTuple):
    """Work space for the paths of one pair: those accepted, and the best candidates for the rest of k."""

    path: np.ndarray  # int64 (k, n_nodes)  rows of links, accepted paths first
    length: np.ndarray  # int64 (k,)
    total_s: np.ndarray  # float64 (k,)
    deviates: np.ndarray  # int64 (k,)  the hop at which a path leaves the one it came from
    same: np.ndarray  # bool (k,)  accepted paths that agree with the last one so far
    blocked: np.ndarray  # bool (n_nodes,)  nodes on the last one so far; False between pairs


@part_kernel
def find_deviation(links, left_s, spur, end, behind_s, limit_s, hop, n_accepted, visit, search, scratch):
    """Search from a spur node, past blocked nodes and links taken; the delay of the whole path, inf if none.

    Paths as long as `limit_s` are given up.
    """
    none = np.int64(0)
    key_s = behind_s + left_s[spur]
    n_touched, size = reach(search, visit, spur, behind_s, key_s, np.int64(NONE), none, none)
    while size > 0:
        node = np.int64(search.heap_node[0])
        if search.heap_key_s[0] >= limit_s:
            break
        size -= 1
        sink(search.heap_key_s, search.heap_node, search.heap_place, size)
        search.closed[node] = True
        if node == end:
            return search.so_far_s[end]
        for row in range(links.first[node], links.first[node + 1]):
            onward = np.int64(links.to_node[row])
            if scratch.blocked[onward] or left_s[onward] == np.inf:
                continue
            if not links.transit[onward] and onward != end:
                continue
            if node == spur:
                taken = False
                for path in range(n_accepted):
                    taken = taken or (scratch.same[path] and scratch.path[path, hop] == row)
                if taken:
                    continue
            reached_s = search.so_far_s[node] + links.delay_s[row]
            key_s = reached_s + left_s[onward]
            n_touched, size = reach(search, visit, onward, reached_s, key_s, row, n_touched, size)
    return np.inf


@part_kernel
def keep_candidate(links, k, n_accepted, n_known, hop, spur, end, total_s, search, scratch):
    """Put a deviation among the candidates, for the worst if there are enough; how many paths are known."""
    place = n_known
    if n_known == k:
        place = n_accepted
        for other in range(n_accepted + 1, n_known):
            if scratch.total_s[other] >= scratch.total_s[place]:
                place = other
    else:
        n_known += 1
    length = hop
    node = end
    while node != spur:
        length += 1
        node = np.int64(links.from_node[search.came_by[node]])
    node = end
    for back in range(length - 1, hop - 1, -1):
        scratch.path[place, back] = search.came_by[node]
        node = np.int64(links.from_node[search.came_by[node]])
    for before in range(hop):
        scratch.path[place, before] = scratch.path[n_accepted - 1, before]
    scratch.length[place] = length
    scratch.total_s[place] = total_s
    scratch.deviates[place] = hop
    return n_known


@part_kernel
def look_for_deviations(links, left_s, end, k, n_accepted, n_known, visit, search, scratch):
    """All candidates that leave the path accepted last; how many paths are known, and the last visit."""
    last = n_accepted - 1
    behind_s = 0.0
    for path in range(n_accepted):
        scratch.same[path] = True
    for hop in range(scratch.length[last]):
        row = scratch.path[last, hop]
        spur = np.int64(links.from_node[row])
        scratch.blocked[spur] = True
        if hop >= scratch.deviates[last]:
            limit_s = np.inf
            if n_known == k:
                limit_s = 0.0
                for other in range(n_accepted, n_known):
                    limit_s = max(limit_s, scratch.total_s[other])
            visit += 1
            total_s = find_deviation(
                links, left_s, spur, end, behind_s, limit_s, hop, n_accepted, visit, search, scratch
            )
            if total_s < np.inf:
                n_known = keep_candidate(
                    links, k, n_accepted, n_known, hop, spur, end, total_s, search, scratch
                )
        behind_s += links.delay_s[row]
        for path in range(n_accepted):
            scratch.same[path] = (
                scratch.same[path] and hop < scratch.length[path] and scratch.path[path, hop] == row
            )
    for hop in range(scratch.length[last]):
        scratch.blocked[links.from_node[scratch.path[last, hop]]] = False
    return n_known, visit


@part_kernel
def accept_best(n_accepted, n_known, scratch):
    """Accept the shortest candidate, of equal ones the first in store: it changes places with the first."""
    best = n_accepted
    for other in range(n_accepted + 1, n_known):
        if scratch.total_s[other] < scratch.total_s[best]:
            best = other
    for hop in range(max(scratch.length[best], scratch.length[n_accepted])):
        row = scratch.path[best, hop]
        scratch.path[best, hop] = scratch.path[n_accepted, hop]
        scratch.path[n_accepted, hop] = row
    for column in (scratch.length, scratch.deviates):
        kept = column[best]
        column[best] = column[n_accepted]
        column[n_accepted] = kept
    kept_s = scratch.total_s[best]
    scratch.total_s[best] = scratch.total_s[n_accepted]
    scratch.total_s[n_accepted] = kept_s


@hot_kernel
def find_shortest_paths(links, tree_row, start, end, column, k, search, scratch, out):
    """Up to k paths for each pair from pair `out.count[1]` on, shortest first, until there is no more room.

    `tree_row`, int64 (n_nodes, n_destinations), holds rows of the links of the trees: the first path's.
    """
    n_nodes = len(links.transit)
    visit = out.count[2]
    for pair in range(out.count[1], len(start)):
        if out.first[out.count[0]] + k * n_nodes > len(out.node):
            break
        left_s = links.left_s[column[pair]]
        node, destination = np.int64(start[pair]), np.int64(end[pair])
        out.count[1] = pair + 1
        if left_s[node] == np.inf:
            continue
        length = 0
        while node != destination:
            row = tree_row[node, column[pair]]
            scratch.path[0, length] = row
            node = np.int64(links.to_node[row])
            length += 1
        scratch.length[0] = length
        scratch.total_s[0] = left_s[start[pair]]
        scratch.deviates[0] = 0
        n_accepted = np.int64(1)
        n_known = np.int64(1)
        while n_accepted < k:
            n_known, visit = look_for_deviations(
                links, left_s, destination, k, n_accepted, n_known, visit, search, scratch
            )
            if n_known == n_accepted:
                break
            accept_best(n_accepted, n_known, scratch)
            n_accepted += 1
        for path in range(n_accepted):
            write_path(links, pair, scratch.path[path], scratch.length[path], out)
    out.count[2] = visit
