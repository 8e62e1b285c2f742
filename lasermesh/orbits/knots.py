"""What is known between two instants at which SGP4 was asked, and a store of what was computed last."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np

# A cubic misses a circular orbit between knots by at most h^4 n^4 r / 384 (de Boor, A Practical Guide to
# Splines, chapter II): 2 cm at 30 s and 550 km, 0.4 m at 60 s.
KNOT_S = 30.0


class KnotInterval(NamedTuple):
    """States of all nodes at the two ends of an interval; a cubic through them holds between.

    All arrays have one row per node, ground sites included. nan for fixed nodes and for satellites without
    a position. To be read only: intervals that follow each other share arrays.
    """

    start_s: float
    length_s: float
    position_0_m: np.ndarray  # float64 (n_nodes, 3), Earth-fixed, at the start
    velocity_0_m_per_s: np.ndarray  # float64 (n_nodes, 3)
    position_1_m: np.ndarray  # float64 (n_nodes, 3), at the end
    velocity_1_m_per_s: np.ndarray  # float64 (n_nodes, 3)
    sun_0: np.ndarray  # float64 (3,)  unit vector from the Earth to the Sun, Earth-fixed
    sun_1: np.ndarray  # float64 (3,)
    fails_at_s: np.ndarray  # float64 (n_nodes,)  from when on there is no position; inf: not known to fail


class Recent:
    """Results of `make(key)`, of which those used most recently are kept."""

    def __init__(self, make, most):
        self._make = make
        self._most = most
        self._kept = OrderedDict()

    def __len__(self):
        return len(self._kept)

    def get(self, key):
        if key not in self._kept:
            made = self._make(key)
            self._kept[key] = made
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
