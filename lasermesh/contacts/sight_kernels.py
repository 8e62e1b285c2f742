"""Kernels for pairs of satellites: whether the line between them clears the Earth, and how long it is."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import kernel, parallel_kernel, prange


class Pairs(NamedTuple):
    """Pairs of nodes that a grid rule joins, once and for all; row i is one undirected link."""

    first_node: np.ndarray  # int32 (n_pairs,)
    second_node: np.ndarray  # int32 (n_pairs,)
    max_range_m: np.ndarray  # float64 (n_pairs,)  inf: no limit
    rate_bps: np.ndarray  # int64 (n_pairs,)  the same in both directions


@kernel
def line_is_clear(position_m, first, second, per_equatorial, per_polar):
    """Whether the segment between two rows of `position_m` stays outside an ellipsoid.

    The ellipsoid is given by one over its semi-axes, 1/m. Stretched so that it becomes the unit sphere, a
    straight line stays straight: the nearest point of the segment to the centre decides. Touching is clear,
    nan is not.
    """
    x = position_m[first, 0] * per_equatorial
    y = position_m[first, 1] * per_equatorial
    z = position_m[first, 2] * per_polar
    d_x = position_m[second, 0] * per_equatorial - x
    d_y = position_m[second, 1] * per_equatorial - y
    d_z = position_m[second, 2] * per_polar - z
    length_squared = d_x * d_x + d_y * d_y + d_z * d_z
    share = 0.0
    if length_squared > 0.0:
        share = min(1.0, max(0.0, -(x * d_x + y * d_y + z * d_z) / length_squared))
    x += share * d_x
    y += share * d_y
    z += share * d_z
    return x * x + y * y + z * z >= 1.0


@kernel
def distance_m(position_m, first, second):
    """Straight-line distance between two rows of `position_m`."""
    x = position_m[second, 0] - position_m[first, 0]
    y = position_m[second, 1] - position_m[first, 1]
    z = position_m[second, 2] - position_m[first, 2]
    return math.sqrt(x * x + y * y + z * z)


@kernel
def fill_ranges(position_m, from_node, to_node, range_m):
    """Straight-line distance from `from_node[i]` to `to_node[i]`."""
    for i in range(len(from_node)):
        range_m[i] = distance_m(position_m, from_node[i], to_node[i])


@kernel
def pair_range_if_up(position_m, pairs, i, per_equatorial, per_polar):
    """Range of pair `i` in metres, or -1 where it is too long, blocked by the Earth or without a position."""
    range_m = distance_m(position_m, pairs.first_node[i], pairs.second_node[i])
    if range_m <= pairs.max_range_m[i] and line_is_clear(
        position_m, pairs.first_node[i], pairs.second_node[i], per_equatorial, per_polar
    ):
        return range_m
    return -1.0


@kernel
def fill_pair_ranges(position_m, pairs, per_equatorial, per_polar, range_m):
    """Range of every pair, -1 where its link is down, on one core."""
    for i in range(len(range_m)):
        range_m[i] = pair_range_if_up(position_m, pairs, i, per_equatorial, per_polar)


@parallel_kernel
def fill_pair_ranges_in_parallel(position_m, pairs, per_equatorial, per_polar, range_m):
    """The same on all cores, for many pairs: the launch costs 0.05 ms and more."""
    for i in prange(len(range_m)):
        range_m[i] = pair_range_if_up(position_m, pairs, i, per_equatorial, per_polar)
