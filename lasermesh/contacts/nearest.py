"""Rule `nearest`: satellites link their free terminals, the shortest links first, and keep what stands."""

import math

import numpy as np

from lasermesh.contacts.cell_kernels import MOST_CELLS_PER_AXIS, Cells, fill_cells, greatest_radius_m
from lasermesh.contacts.graph import ISL
from lasermesh.contacts.ground import satellites_of
from lasermesh.contacts.nearest_kernels import (
    UNKNOWN,
    fill_free,
    fill_nearest_partners,
    fill_states,
    take_mutual,
)
from lasermesh.contacts.spreading import spread
from lasermesh.units import NONE

# Cells are made so small that there are about so many satellites in one that is not empty.
_MEMBERS_PER_CELL = 4

# Rounds that leave more than this share of the satellites without a terminal to spare sort the others anew.
_SORT_AGAIN = 0.5


class NearestRule:
    """One rule `nearest` of a topology."""

    def __init__(self, topology, index, setting, table):
        self.index = index
        self._rule = topology.links[index]
        self._setting = setting
        self._table = table
        self._nodes = satellites_of(topology, self._rule.satellites)
        self._limit_m = math.inf if self._rule.max_range_km is None else self._rule.max_range_km * 1000.0
        types = np.unique(setting.terminals.type[self._terminals_of(self._nodes)])
        self._ladders = {(a, b): setting.ladder(self._rule, a, b) for a in types for b in types}
        self._limit_m = max([limit_m for _, limit_m in self._ladders.values()], default=0.0)
        self._position_m = np.full((ephemeris_nodes(topology), 3), np.nan)

    def _terminals_of(self, nodes):
        first = self._setting.terminals.first
        spans = [np.arange(first[node], first[node + 1]) for node in nodes.tolist()]
        return np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)

    def decide(self, t_s, sky):
        """Link free terminals at an instant: rows of the new pairs, and of pairs given up (never any)."""
        setting, world = self._setting, self._table.world
        fill_states(sky, t_s, self._nodes, self._position_m)
        is_free = np.zeros(len(self._nodes), dtype=bool)
        fill_free(setting.terminals, self._nodes, self._position_m, is_free)
        nodes = self._nodes[is_free]
        rows = []
        while len(nodes) > 1:
            found = self._match(t_s, sky, world, nodes)
            rows += found[0]
            nodes = found[1]
        rows = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        return rows, np.empty(0, dtype=np.int64)

    def _match(self, t_s, sky, world, nodes):
        """Match these satellites until half of them have no terminal left; the others, that may go on."""
        setting = self._setting
        cells = self._cells(nodes)
        is_free = np.ones(len(nodes), dtype=bool)
        partner = np.full(len(nodes), UNKNOWN, dtype=np.int64)
        room = len(nodes) // 2 + 1
        first, second = np.empty((2, room), dtype=np.int32)
        taken = np.empty((room, 2), dtype=np.int64)
        rows = []
        while True:
            wanted = np.flatnonzero(partner == UNKNOWN)
            if not len(wanted):
                return rows, nodes[:0]
            spread(
                fill_nearest_partners,
                len(wanted),
                sky,
                world,
                setting.terminals,
                setting.habits,
                t_s,
                self._position_m,
                nodes,
                is_free,
                cells,
                self._limit_m,
                wanted,
                partner,
            )
            n = take_mutual(
                sky,
                world,
                setting.terminals,
                setting.habits,
                t_s,
                nodes,
                is_free,
                partner,
                0,
                first,
                second,
                taken,
                0,
            )
            if n:
                rows.append(self._add(first[:n], second[:n], taken[:n].T))
            if is_free.sum() < _SORT_AGAIN * len(nodes):
                return rows, nodes[is_free]

    def _add(self, first, second, terminals):
        types = [self._setting.types_of(each) for each in terminals]
        combined, which = np.unique(np.stack(types, axis=1), axis=0, return_inverse=True)
        ladders = np.array([self._ladders[tuple(pair)] for pair in combined.tolist()])[which.ravel()]
        return self._table.add(
            first, second, terminals, types, self.index, ISL, NONE, ladders[:, 0].astype(int), ladders[:, 1]
        )

    def _cells(self, nodes):
        radius_m = greatest_radius_m(self._position_m, 0, nodes)
        # Satellites lie in a shell, which passes through about 6 n^2 of n^3 cells.
        per_axis = int(math.sqrt(len(nodes) / (6.0 * _MEMBERS_PER_CELL)))
        per_axis = min(4 * MOST_CELLS_PER_AXIS, max(1, per_axis))
        cells = Cells(
            per_axis,
            2.0 * radius_m / per_axis,
            -radius_m,
            np.empty(per_axis**3 + 1, dtype=np.int64),
            np.empty(len(nodes), dtype=np.int32),
        )
        scratch = np.empty(len(nodes), dtype=np.int64), np.empty(per_axis**3, dtype=np.int64)
        fill_cells(self._position_m, 0, nodes, cells, *scratch)
        return cells


def ephemeris_nodes(topology):
    """How many nodes a topology has."""
    return len(topology.node_names)
