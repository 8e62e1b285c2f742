"""Rule `nearest`: satellites link their free terminals, the shortest links first, and keep what stands.

Candidates come by shells of range: all pairs up to a radius, sorted, then those beyond it between satellites
that still have a terminal. Regular constellations make this necessary: when each satellite looks for its own
nearest partner again and again, near-equal ranges make chains of which every round settles one link.
"""

import math

import numpy as np

from lasermesh.contacts.cell_kernels import greatest_radius_m
from lasermesh.contacts.cells import sorted_into_cells
from lasermesh.contacts.graph import ISL
from lasermesh.contacts.ground import satellites_of
from lasermesh.contacts.nearest_kernels import fill_counts, fill_free, fill_near, fill_states, take_in_order
from lasermesh.contacts.spreading import spread
from lasermesh.units import NONE

# Radii are chosen so that a satellite has about so many others within them, were they spread evenly.
_WANTED_NEAR = 8

# So few pairs are looked at all at once.
_FEW_PAIRS = 500_000
_MOST_PAIRS = 30_000_000

# Satellites lie in shells, which pass through about 6 n^2 of n^3 cells; about four in one that is not empty.
_MEMBERS_PER_CELL = 4
_MOST_CELLS_PER_AXIS = 256


class NearestRule:
    """One rule `nearest` of a topology."""

    def __init__(self, topology, index, setting, table):
        self.index = index
        self._rule = topology.links[index]
        self._setting = setting
        self._table = table
        self._nodes = satellites_of(topology, self._rule.satellites)
        n_nodes = len(topology.node_names)
        mine = np.zeros(n_nodes, dtype=bool)
        mine[self._nodes] = True
        types = np.unique(setting.terminals.type[np.repeat(mine, np.diff(setting.terminals.first))])
        ladders = [setting.ladder(self._rule, a, b) for a in types for b in types]
        self._limit_m = max([limit_m for _, limit_m in ladders], default=0.0)
        self._position_m = np.full((n_nodes, 3), np.nan)
        self.barred = setting.barred(self._nodes, self._rule.terminals)

    def decide(self, t_s, sky):
        """Link free terminals at an instant: rows of the new pairs, and of pairs given up (never any)."""
        with self._setting.without(self.barred):
            return self._decide(t_s, sky)

    def _decide(self, t_s, sky):
        fill_states(sky, t_s, self._nodes, self._position_m)
        nodes, beyond_m, rows = self._nodes, -1.0, []
        while beyond_m < self._limit_m:
            is_free = np.zeros(len(nodes), dtype=bool)
            fill_free(self._setting.terminals, nodes, self._position_m, is_free)
            nodes = nodes[is_free]
            if len(nodes) < 2:
                break
            within_m, found = self._pairs(nodes, beyond_m)
            if len(found[0]):
                rows.append(self._take(t_s, sky, *found))
            beyond_m = within_m
        rows = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        return rows, np.empty(0, dtype=np.int64)

    def _pairs(self, nodes, beyond_m):
        """Pairs of satellites farther apart than `beyond_m`: up to which range, and both nodes and ranges."""
        radius_m = greatest_radius_m(self._position_m, 0, nodes)
        farthest_m = min(self._limit_m, 2.0 * radius_m)
        within_m = radius_m * math.sqrt(4.0 * _WANTED_NEAR / len(nodes))
        within_m = max(within_m, 1.5 * beyond_m)
        if len(nodes) ** 2 < 2 * _FEW_PAIRS or within_m >= farthest_m:
            within_m = farthest_m
        nothing = np.empty(0, dtype=np.int32), np.empty(0)
        count = np.zeros(len(nodes), dtype=np.int64)
        while True:
            cells = self._cells(nodes, radius_m, within_m)
            where = self._position_m, nodes, cells, beyond_m, within_m
            spread(fill_counts, len(nodes), *where, *nothing, count)
            if count.sum() <= _MOST_PAIRS or within_m - beyond_m < 1.0:
                break
            within_m = 0.5 * (max(beyond_m, 0.0) + within_m)
        offset = np.concatenate(([0], np.cumsum(count)))
        node, near = np.empty((2, offset[-1]), dtype=np.int32)
        near_m = np.empty(offset[-1])
        spread(fill_near, len(nodes), *where, offset, node, near, near_m)
        return (self._limit_m if within_m >= farthest_m else within_m), (node, near, near_m)

    def _take(self, t_s, sky, node, near, near_m):
        """Link the pairs that can be, the shortest first; rows of the new pairs."""
        # Rows are in the order of both nodes, which a stable sort keeps among equal ranges.
        order = np.argsort(near_m, kind="stable")
        first, second = np.empty((2, len(order)), dtype=np.int32)
        taken = np.empty((len(order), 2), dtype=np.int64)
        setting = self._setting
        given = sky, self._table.world, setting.terminals, setting.habits, t_s, order, node, near, near_m
        n = take_in_order(*given, self._limit_m, first, second, taken)
        return self._add(first[:n], second[:n], taken[:n].T) if n else np.empty(0, dtype=np.int64)

    def _add(self, first, second, terminals):
        types = [self._setting.types_of(each) for each in terminals]
        ladders = self._setting.ladders_between(self._rule, types)
        return self._table.add(first, second, terminals, types, self.index, ISL, NONE, *ladders)

    def _cells(self, nodes, radius_m, within_m):
        per_axis = int(math.sqrt(len(nodes) / (6.0 * _MEMBERS_PER_CELL)))
        per_axis = min(_MOST_CELLS_PER_AXIS, max(1, per_axis), max(1, int(2.0 * radius_m / within_m)))
        return sorted_into_cells(self._position_m, 0, nodes, radius_m, per_axis)
