"""Logarithmic bins of one-way latency, from 1 us to 1000 s, each less than 1 % wide.

The bins are those of a float64 cut after seven bits of its mantissa: 128 equal bins in every octave,
so a bin is between 0.4 and 0.8 % wide and its index is a shift (`latency_bin` in `endpoint_kernels`).
The first bin also holds what is shorter, the last what is longer.
"""

import numpy as np

MANTISSA_BITS = 7
SHIFT = 52 - MANTISSA_BITS
FIRST_OCTAVE = 19  # 2**19 ps = 0.52 us
LAST_OCTAVE = 50  # up to 2**50 ps = 1126 s
FIRST_KEY = (1023 + FIRST_OCTAVE) << MANTISSA_BITS
N_BINS = (LAST_OCTAVE - FIRST_OCTAVE) << MANTISSA_BITS


def upper_edges_ps():
    """Upper edge of each bin in ps: float64 (N_BINS,). A latency on an edge is in the next bin."""
    keys = np.arange(FIRST_KEY + 1, FIRST_KEY + N_BINS + 1, dtype=np.int64)
    return (keys << SHIFT).view(np.float64)
