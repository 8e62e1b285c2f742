"""Durations drawn from an exponential distribution, in whole picoseconds."""

import math

from lasermesh.compiled import hot_kernel
from lasermesh.random_kernels import draw_unit


@hot_kernel
def exponential_ps(mean_ps, seed, purpose, row, counter):
    """A duration of this mean for one purpose, row and counter, at least 1 ps."""
    return max(1, math.floor(-math.log(draw_unit(seed, purpose, row, counter)) * mean_ps + 0.5))
