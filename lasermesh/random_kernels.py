"""Random numbers that depend only on what they are for, not on order, threads or the number of flows."""

import numpy as np

from lasermesh.compiled import hot_kernel

INTERARRIVAL = np.uint64(1)
PACKET_SIZE = np.uint64(2)
PHASE = np.uint64(3)
FLOW_HASH = np.uint64(4)

_SEED_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_PURPOSE_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_ROW_FACTOR = np.uint64(0x94D049BB133111EB)
_COUNTER_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S11 = np.uint64(11)


@hot_kernel
def _mix(x):
    """Finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> _S30)) * _MIX_1
    x = (x ^ (x >> _S27)) * _MIX_2
    return x ^ (x >> _S31)


@hot_kernel
def draw(seed, purpose, row, counter):
    """64 random bits for one purpose, row and counter."""
    x = (
        np.uint64(seed) * _SEED_FACTOR
        + purpose * _PURPOSE_FACTOR
        + np.uint64(row) * _ROW_FACTOR
        + np.uint64(counter) * _COUNTER_FACTOR
    )
    return _mix(_mix(x))


@hot_kernel
def draw_unit(seed, purpose, row, counter):
    """A float64 strictly between 0 and 1."""
    return (np.float64(draw(seed, purpose, row, counter) >> _S11) + 0.5) * 2.0**-53
