"""Neighbours by their distance to a destination."""

import numpy as np

from lasermesh.compiled import hot_kernel, part_kernel


@part_kernel
def fill_distances(destination, transit, is_ground, from_node, to_node, place, target, distance):
    """Squared distance of each node to what stands for the destination; negative at itself."""
    n_targets = 0
    if is_ground[destination]:
        for row in range(len(to_node)):
            if to_node[row] == destination and transit[from_node[row]]:
                target[n_targets] = from_node[row]
                n_targets += 1
    if n_targets == 0:
        target[0] = destination
        n_targets = 1
    for node in range(len(distance)):
        distance[node] = np.inf
        for turn in range(n_targets):
            squared = 0.0
            for axis in range(3):
                squared += (place[node, axis] - place[target[turn], axis]) ** 2
            if squared < distance[node]:  # never true of nan, the place of those that have none
                distance[node] = squared
    distance[destination] = -1.0


@hot_kernel
def fill_nearest_neighbours(
    destinations, transit, is_ground, first, from_node, to_node, link, place, distance, target, nearest
):
    """Link to the neighbour nearest to each destination.

    Parameters
    ----------
    destinations, transit, is_ground, first, from_node, to_node, link : see `Snapshot`
    place : float64 (n_nodes, 3)
        nan for nodes that have none.
    distance, target : float64 and int64 (n_nodes,)
        Work space.
    nearest : int32 (n_nodes, n_destinations)
        Output, NONE before.
    """
    for column in range(len(destinations)):
        destination = destinations[column]
        fill_distances(destination, transit, is_ground, from_node, to_node, place, target, distance)
        for node in range(len(transit)):
            if node == destination:
                continue
            least = distance[node] if transit[node] else np.inf
            for row in range(first[node], first[node + 1]):
                onward = to_node[row]
                if not transit[onward] and onward != destination:
                    continue
                lower = distance[onward] == least and nearest[node, column] > link[row]
                if distance[onward] < least or lower:
                    least = distance[onward]
                    nearest[node, column] = link[row]
