"""Kernels that find the satellites a ground site sees, by cells in space instead of all pairs."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import kernel, parallel_kernel, prange
from lasermesh.contacts.offer_kernels import offer


class Sites(NamedTuple):
    """The ground sites of one rule."""

    node: np.ndarray  # int32 (n_sites,)
    position_m: np.ndarray  # float64 (n_sites, 3)
    up: np.ndarray  # float64 (n_sites, 3)  unit vector of the geodetic vertical
    sine_mask: np.ndarray  # float64 (n_sites,)  sine of the least elevation; NO_MASK: none
    max_range_m: np.ndarray  # float64 (n_sites,)  inf: no limit


class Members(NamedTuple):
    """The satellites of one rule."""

    node: np.ndarray  # int32 (n_members,)
    max_range_m: np.ndarray  # float64 (n_members,)  inf: no limit
    up_bps: np.ndarray  # int64 (n_members,)  from the ground
    down_bps: np.ndarray  # int64 (n_members,)  to the ground


class Cells(NamedTuple):
    """Members sorted by cube of a grid around the Earth's centre; cells along x are neighbours in memory."""

    per_axis: int
    edge_m: float
    low_m: float  # lower bound of the grid on each axis
    first: np.ndarray  # int64 (per_axis^3 + 1,)  row in `member` where each cell starts
    member: np.ndarray  # int32 (n_members,)  rows of Members


NO_MASK = -2.0
"""A sine that every elevation reaches."""


@kernel
def greatest_radius_m(position_m, members):
    """Distance from the Earth's centre of the farthest member that has a position; 0 if none has."""
    greatest = 0.0
    for i in range(len(members.node)):
        row = members.node[i]
        squared = position_m[row, 0] ** 2 + position_m[row, 1] ** 2 + position_m[row, 2] ** 2
        if squared > greatest:  # false for nan
            greatest = squared
    return math.sqrt(greatest)


@kernel
def cell_along(coordinate_m, cells):
    """Index along one axis of the cell that holds a coordinate, clipped to the grid."""
    return min(cells.per_axis - 1, max(0, math.floor((coordinate_m - cells.low_m) / cells.edge_m)))


@kernel
def fill_cells(position_m, members, cells, cell_of_member, next_place):
    """Sort the members by cell into `cells.first` and `cells.member`, leaving out those without a position.

    `cell_of_member`, int64 (n_members,), and `next_place`, int64 (n_cells,), are scratch.
    """
    n_cells = cells.per_axis**3
    cells.first[: n_cells + 1] = 0
    for i in range(len(members.node)):
        row = members.node[i]
        cell_of_member[i] = -1
        if math.isfinite(position_m[row, 0]):
            x = cell_along(position_m[row, 0], cells)
            y = cell_along(position_m[row, 1], cells)
            z = cell_along(position_m[row, 2], cells)
            cell_of_member[i] = (z * cells.per_axis + y) * cells.per_axis + x
            cells.first[cell_of_member[i] + 1] += 1
    for cell in range(n_cells):
        cells.first[cell + 1] += cells.first[cell]
        next_place[cell] = cells.first[cell]
    for i in range(len(members.node)):
        cell = cell_of_member[i]
        if cell >= 0:
            cells.member[next_place[cell]] = i
            next_place[cell] += 1


@kernel
def fill_first_candidate(sites, reach_m, cells, first_candidate):
    """How many members lie in the cells around each site, as offsets int64 (n_sites + 1,)."""
    first_candidate[0] = 0
    for s in range(len(reach_m)):
        n_near = 0
        low_x = cell_along(sites.position_m[s, 0] - reach_m[s], cells)
        high_x = cell_along(sites.position_m[s, 0] + reach_m[s], cells)
        low_y = cell_along(sites.position_m[s, 1] - reach_m[s], cells)
        high_y = cell_along(sites.position_m[s, 1] + reach_m[s], cells)
        low_z = cell_along(sites.position_m[s, 2] - reach_m[s], cells)
        high_z = cell_along(sites.position_m[s, 2] + reach_m[s], cells)
        for z in range(low_z, high_z + 1):
            for y in range(low_y, high_y + 1):
                row = (z * cells.per_axis + y) * cells.per_axis
                n_near += cells.first[row + high_x + 1] - cells.first[row + low_x]
        first_candidate[s + 1] = first_candidate[s] + n_near


@kernel
def fill_visible_from(position_m, sites, members, cells, reach_m, s, place, visible, visible_range_m):
    """Write the members that site `s` can use, and their ranges, from row `place` on; how many they are."""
    found = 0
    low_x = cell_along(sites.position_m[s, 0] - reach_m[s], cells)
    high_x = cell_along(sites.position_m[s, 0] + reach_m[s], cells)
    low_y = cell_along(sites.position_m[s, 1] - reach_m[s], cells)
    high_y = cell_along(sites.position_m[s, 1] + reach_m[s], cells)
    low_z = cell_along(sites.position_m[s, 2] - reach_m[s], cells)
    high_z = cell_along(sites.position_m[s, 2] + reach_m[s], cells)
    for z in range(low_z, high_z + 1):
        for y in range(low_y, high_y + 1):
            row = (z * cells.per_axis + y) * cells.per_axis
            for i in range(cells.first[row + low_x], cells.first[row + high_x + 1]):
                member = cells.member[i]
                node = members.node[member]
                d_x = position_m[node, 0] - sites.position_m[s, 0]
                d_y = position_m[node, 1] - sites.position_m[s, 1]
                d_z = position_m[node, 2] - sites.position_m[s, 2]
                range_m = math.sqrt(d_x * d_x + d_y * d_y + d_z * d_z)
                height_m = sites.up[s, 0] * d_x + sites.up[s, 1] * d_y + sites.up[s, 2] * d_z
                if (
                    range_m <= sites.max_range_m[s]
                    and range_m <= members.max_range_m[member]
                    and height_m >= sites.sine_mask[s] * range_m
                ):
                    visible[place + found] = member
                    visible_range_m[place + found] = range_m
                    found += 1
    return found


@kernel
def fill_visible(
    position_m, sites, members, cells, reach_m, first_candidate, visible, visible_range_m, n_visible
):
    """The `n_visible[s]` members that each site can use, from row `first_candidate[s]` on; on one core."""
    for s in range(len(n_visible)):
        n_visible[s] = fill_visible_from(
            position_m, sites, members, cells, reach_m, s, first_candidate[s], visible, visible_range_m
        )


@parallel_kernel
def fill_visible_in_parallel(
    position_m, sites, members, cells, reach_m, first_candidate, visible, visible_range_m, n_visible
):
    """The same on all cores, for many candidates: the launch costs 0.05 ms and more."""
    for s in prange(len(n_visible)):
        n_visible[s] = fill_visible_from(
            position_m, sites, members, cells, reach_m, s, first_candidate[s], visible, visible_range_m
        )


@kernel
def append_visible(
    sites, members, first_candidate, visible, visible_range_m, n_visible, kind, rule, offers, count
):
    """Offer both directions between each site and what it can use; how many offers there are then."""
    for s in range(len(n_visible)):
        for i in range(first_candidate[s], first_candidate[s] + n_visible[s]):
            member = visible[i]
            satellite, site, range_m = members.node[member], sites.node[s], visible_range_m[i]
            offer(offers, count, site, satellite, range_m, members.up_bps[member], kind, rule)
            offer(offers, count + 1, satellite, site, range_m, members.down_bps[member], kind, rule)
            count += 2
    return count
