"""Knot intervals of an ephemeris, packed for the kernels that look for edges."""

from collections import OrderedDict

import numpy as np

from lasermesh.contacts.conditions_kernels import (
    POSITION_0,
    POSITION_1,
    STATE_COLUMNS,
    VELOCITY_0,
    VELOCITY_1,
    Sky,
)
from lasermesh.contacts.window_kernels import fill_ranges_between

# Guests look six hours ahead, which for five thousand satellites is 400 MB of intervals; made anew at each
# look, they would take most of the time.
_CACHE_BYTES = 512 * 2**20
_KEPT_AT_LEAST = 2


class Skies:
    """The `Sky` of each knot interval, of which those used last are kept."""

    def __init__(self, ephemeris):
        from lasermesh.orbits.ephemeris import KNOT_S

        self.length_s = KNOT_S
        self._ephemeris = ephemeris
        self._most = max(_KEPT_AT_LEAST, _CACHE_BYTES // (STATE_COLUMNS * 8 * max(1, ephemeris.n_nodes)))
        self._kept = OrderedDict()

    def index_at(self, t_s):
        """Number of the interval that begins at or before an instant."""
        return int(t_s // self.length_s)

    def get(self, index):
        """The `Sky` of an interval, and whether a node fails within it or before."""
        if index not in self._kept:
            self._kept[index] = self._make(index)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(index)
        return self._kept[index]

    def at(self, t_s):
        """The `Sky` that holds at an instant."""
        return self.get(self.index_at(t_s))[0]

    def ranges_between(self, from_node, to_node, times_s):
        """Distance of each pair of nodes, int32 (n,), at an instant of its own, float64 (n,): float64 (n,).

        nan where an end has no position.
        """
        range_m = np.empty(len(times_s))
        index = np.floor(times_s / self.length_s).astype(np.int64)
        order = np.argsort(index, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(index[order])) + 1):
            if len(rows):
                sky, _ = self.get(int(index[rows[0]]))
                fill_ranges_between(sky, from_node, to_node, times_s, rows, range_m)
        return range_m

    def _make(self, index):
        knots = self._ephemeris.interval_at(index)
        state = np.empty((self._ephemeris.n_nodes, STATE_COLUMNS))
        state[:, POSITION_0 : POSITION_0 + 3] = knots.position_0_m
        state[:, VELOCITY_0 : VELOCITY_0 + 3] = knots.velocity_0_m_per_s
        state[:, POSITION_1 : POSITION_1 + 3] = knots.position_1_m
        state[:, VELOCITY_1 : VELOCITY_1 + 3] = knots.velocity_1_m_per_s
        sky = Sky(
            state,
            knots.fails_at_s,
            np.stack((knots.sun_0, knots.sun_1)),
            float(knots.start_s),
            float(knots.length_s),
        )
        return sky, bool((knots.fails_at_s < knots.start_s + knots.length_s).any())
