"""Kernels that sort nodes into cubes of space, so that those near a point are soon found."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.contacts.conditions_kernels import ACCELERATION, VELOCITY_0

MOST_CELLS_PER_AXIS = 64


class Cells(NamedTuple):
    """Members sorted by cube of a grid around the Earth's centre; cells along x are neighbours in memory."""

    per_axis: int
    edge_m: float
    low_m: float  # lower bound of the grid on each axis
    first: np.ndarray  # int64 (per_axis^3 + 1,)  row in `member` where each cell starts
    member: np.ndarray  # int32 (n_members,)  rows of what was sorted


@kernel
def greatest_radius_m(state, column, nodes):
    """Distance from the Earth's centre of the farthest node that has a position; 0 if none has.

    A position is three columns of `state`, float64 (n_nodes, n_columns), from `column` on.
    """
    greatest = 0.0
    for i in range(len(nodes)):
        row = nodes[i]
        squared = state[row, column] ** 2 + state[row, column + 1] ** 2 + state[row, column + 2] ** 2
        if squared > greatest:  # false for nan
            greatest = squared
    return math.sqrt(greatest)


@kernel
def greatest_travel_m(state, nodes, length_s):
    """How far nodes move at most in an interval from the knot on whose `Sky.state` this is."""
    greatest = 0.0
    for i in range(len(nodes)):
        row = nodes[i]
        squared = (
            state[row, VELOCITY_0] ** 2 + state[row, VELOCITY_0 + 1] ** 2 + state[row, VELOCITY_0 + 2] ** 2
        )
        if squared > greatest:  # false for nan
            greatest = squared
    return math.sqrt(greatest) * length_s + 0.5 * ACCELERATION * length_s * length_s


@kernel
def cell_along(coordinate_m, cells):
    """Index along one axis of the cell that holds a coordinate, clipped to the grid."""
    return min(cells.per_axis - 1, max(0, math.floor((coordinate_m - cells.low_m) / cells.edge_m)))


@kernel
def fill_cells(state, column, nodes, cells, cell_of_node, next_place):
    """Sort nodes by cell into `cells.first` and `cells.member`, leaving out those without a position.

    `cell_of_node`, int64 (n,), and `next_place`, int64 (n_cells,), are scratch.
    """
    n_cells = cells.per_axis**3
    cells.first[: n_cells + 1] = 0
    for i in range(len(nodes)):
        row = nodes[i]
        cell_of_node[i] = -1
        if math.isfinite(state[row, column]):
            x = cell_along(state[row, column], cells)
            y = cell_along(state[row, column + 1], cells)
            z = cell_along(state[row, column + 2], cells)
            cell_of_node[i] = (z * cells.per_axis + y) * cells.per_axis + x
            cells.first[cell_of_node[i] + 1] += 1
    for cell in range(n_cells):
        cells.first[cell + 1] += cells.first[cell]
        next_place[cell] = cells.first[cell]
    for i in range(len(nodes)):
        cell = cell_of_node[i]
        if cell >= 0:
            cells.member[next_place[cell]] = i
            next_place[cell] += 1
