"""Durations drawn from an exponential distribution, in whole picoseconds."""

import math

from lasermesh.compiled import hot_kernel
from lasermesh.random_kernels import draw_unit

LONGEST_PS = 2**61
"""What is drawn longer is cut to this, 27 days: a sum of two or three still fits 64 bits."""


@hot_kernel
def exponential_ps(mean_ps, seed, purpose, row, counter):
    """A duration of this mean for one purpose, row and counter, from 1 ps to LONGEST_PS."""
    duration = -math.log(draw_unit(seed, purpose, row, counter)) * mean_ps + 0.5
    return max(1, math.floor(min(duration, float(LONGEST_PS))))
