"""Way-points for pairs of nodes, drawn by hash."""

import numpy as np

from lasermesh.compiled import hot_kernel, part_kernel
from lasermesh.random_kernels import WAY_POINT, draw


@part_kernel
def mark_reached(transit, first, to_node, start, reached, queue):
    """The nodes that packets of a node can get to, over nodes that carry transit: bool (n_nodes,)."""
    reached[:] = False
    reached[start] = True
    queue[0] = start
    n_found = 1
    n_taken = 0
    while n_taken < n_found:
        node = queue[n_taken]
        n_taken += 1
        if node != start and not transit[node]:
            continue
        for row in range(first[node], first[node + 1]):
            onward = to_node[row]
            if not reached[onward]:
                reached[onward] = True
                queue[n_found] = onward
                n_found += 1


@hot_kernel
def draw_way_points(
    eligible, transit, first, to_node, start, end, column, left_s, seed, reached, queue, greatest, way_point
):
    """For each pair, those eligible nodes between its ends whose hash is greatest, of equal ones the first.

    Parameters
    ----------
    eligible, transit, first, to_node : see `Snapshot`
    start, end, column : see `labels.Pairs`
        Sorted by start.
    left_s : float64 (n_destinations, n_nodes)
    seed : int64
    reached, queue : bool (n_nodes,), int64 (n_nodes,)
        Work space.
    greatest : uint64 (n_points,)
        Work space.
    way_point : int32 (n_pairs, n_points)
        Output, NONE before.
    """
    most = way_point.shape[1]
    for pair in range(len(start)):
        if pair == 0 or start[pair] != start[pair - 1]:
            mark_reached(transit, first, to_node, start[pair], reached, queue)
        row = np.int64(start[pair]) << 32 | np.int64(end[pair])
        n_found = 0
        for node in range(len(eligible)):
            if not eligible[node] or not reached[node] or node == start[pair] or node == end[pair]:
                continue
            if left_s[column[pair], node] == np.inf:
                continue
            value = draw(seed, WAY_POINT, row, np.int64(node))
            place = n_found
            while place > 0 and greatest[place - 1] < value:
                place -= 1
            if place == most:
                continue
            for later in range(min(n_found, most - 1), place, -1):
                greatest[later] = greatest[later - 1]
                way_point[pair, later] = way_point[pair, later - 1]
            greatest[place] = value
            way_point[pair, place] = node
            n_found = min(n_found + 1, most)
