"""Hops on grids of planes in closed form, and the links that follow from them."""

import numpy as np

from lasermesh.compiled import hot_kernel, part_kernel
from lasermesh.units import NONE

FAR = 1 << 30
"""More hops than any way has."""


@hot_kernel
def fill_grid_hops(shift, joined, plane_first, to_planes, to_slots):
    """Signed hops in both dimensions from every plane to every place; see `grid_routing.grid_hops`."""
    n_planes, _, n_slots = to_planes.shape
    for start in range(n_planes):
        for direction in (1, -1):
            plane = start
            ahead = 0
            for across in range(n_planes + n_slots // 2 + 1):
                if across > 0 or direction == 1:
                    for slots in range(n_slots):
                        left = (slots - ahead) % n_slots
                        along = left if left <= n_slots // 2 else left - n_slots
                        known = abs(to_planes[start, plane, slots]) + abs(to_slots[start, plane, slots])
                        hops = across + abs(along)
                        fewer = across < abs(to_planes[start, plane, slots])
                        if not plane_first:
                            fewer = abs(along) < abs(to_slots[start, plane, slots])
                        if hops < known or (hops == known and fewer):
                            to_planes[start, plane, slots] = direction * across
                            to_slots[start, plane, slots] = along
                boundary = plane if direction == 1 else (plane - 1) % n_planes
                if not joined[boundary]:
                    break
                ahead += direction * shift[boundary]
                plane = (plane + direction) % n_planes


@part_kernel
def link_between(first, to_node, link, node, onward):
    """The id of the link from one node to another; NONE if it is not up."""
    for row in range(first[node], first[node + 1]):
        if to_node[row] == onward:
            return link[row]
    return np.int32(NONE)


@hot_kernel
def fill_grid_links(
    destinations,
    transit,
    first,
    from_node,
    to_node,
    link,
    delay_s,
    grid,
    group,
    plane_first,
    nearest,
    to_planes,
    to_slots,
    shift,
    satellite_at,
    hops,
    exit_s,
    chosen,
):
    """Hops, delay of the last link and outgoing link of the satellites of one group.

    Parameters
    ----------
    destinations, transit, first, from_node, to_node, link, delay_s, grid : see `Snapshot`
    group : int
    plane_first, nearest : bool
    to_planes, to_slots : see `grid_routing.grid_hops`
    shift : int64 (n_planes,)
    satellite_at : int64 (n_planes, n_slots)
        NONE where there is no satellite.
    hops, exit_s : int64 and float64 (n_nodes, n_destinations)
        Output; hops between satellites, FAR and inf before.
    chosen : int32 (n_nodes, n_destinations)
        Output, NONE before.
    """
    n_planes, n_slots = satellite_at.shape
    for column in range(len(destinations)):
        destination = destinations[column]
        shortest_s = np.inf
        for row in range(len(to_node)):
            if to_node[row] == destination and grid[from_node[row], 0] != NONE and transit[from_node[row]]:
                shortest_s = min(shortest_s, delay_s[row])
        # One pass per satellite that has the destination below it, or for the destination itself.
        for row in range(len(to_node) + 1):
            last_s = 0.0
            leaves = destination
            if row == len(to_node):
                if grid[destination, 0] != group:
                    continue
            else:
                leaves = from_node[row]
                last_s = delay_s[row]
                if to_node[row] != destination or grid[destination, 0] != NONE or not transit[leaves]:
                    continue
                if grid[leaves, 0] != group or (nearest and last_s > shortest_s):
                    continue
            for node in range(len(transit)):
                if grid[node, 0] != group:
                    continue
                ahead = (grid[leaves, 2] - grid[node, 2]) % n_slots
                across = to_planes[grid[node, 1], grid[leaves, 1], ahead]
                along = to_slots[grid[node, 1], grid[leaves, 1], ahead]
                total = abs(across) + abs(along)
                if total > hops[node, column] or across == FAR:
                    continue
                if total == hops[node, column] and last_s >= exit_s[node, column]:
                    continue
                hops[node, column] = total
                exit_s[node, column] = last_s
                if total == 0:
                    chosen[node, column] = NONE if node == destination else link[row]
                    continue
                plane = np.int64(grid[node, 1])
                slot = np.int64(grid[node, 2])
                if across != 0 and (plane_first or along == 0):
                    if across > 0:
                        slot += shift[plane]
                        plane = (plane + 1) % n_planes
                    else:
                        plane = (plane - 1) % n_planes
                        slot -= shift[plane]
                else:
                    slot += 1 if along > 0 else -1
                onward = satellite_at[plane, slot % n_slots]
                chosen[node, column] = NONE
                if onward != NONE and (transit[onward] or onward == destination):
                    chosen[node, column] = link_between(first, to_node, link, node, onward)


@hot_kernel
def fill_entry_links(
    destinations,
    transit,
    first,
    from_node,
    to_node,
    link,
    delay_s,
    grid,
    nearest,
    hops,
    exit_s,
    chosen,
):
    """Outgoing links of the nodes outside grids; arguments as in `fill_grid_links`."""
    for column in range(len(destinations)):
        destination = destinations[column]
        for node in range(len(transit)):
            if grid[node, 0] != NONE or node == destination:
                continue
            best = FAR
            best_s = np.inf
            for row in range(first[node], first[node + 1]):
                onward = to_node[row]
                if onward == destination:
                    chosen[node, column] = link[row]
                    break
                if grid[onward, 0] == NONE or not transit[onward] or hops[onward, column] == FAR:
                    continue
                total = 0 if nearest else hops[onward, column]
                if total < best or (total == best and delay_s[row] < best_s):
                    best = total
                    best_s = delay_s[row]
                    chosen[node, column] = link[row]
