"""Rule `grid`: which satellites of a group are neighbours, fixed once at the epoch."""

import numpy as np

from lasermesh.contacts.offer_kernels import append_pairs
from lasermesh.contacts.sight import raised_ellipsoid
from lasermesh.contacts.sight_kernels import Pairs, fill_pair_ranges, fill_pair_ranges_in_parallel
from lasermesh.contacts.terminals import least_range_m, least_rate_bps
from lasermesh.orbits.satellites import slot_phases_deg
from lasermesh.units import NONE

# Satellites of the next plane whose phases are this close to equally near are equally near.
EQUAL_PHASE_DEG = 1e-6

# Below this many pairs one core is done before other threads have started.
PARALLEL_PAIRS = 20_000


class GridRule:
    """One rule `grid` of a topology, ready to offer its links at any instant.

    Attributes
    ----------
    pairs : Pairs
        The undirected links that the rule makes, up or down.
    """

    def __init__(self, topology, index, ephemeris, ellipsoid):
        self.index = index
        self._ellipsoid = ellipsoid
        rule = topology.links[index]
        columns = [], [], [], []
        for group in topology.satellites:
            if group.name in rule.satellites and group.planes is not None:
                joined = neighbour_pairs(
                    rows_by_slot(group, topology.group_rows(group.name)),
                    phases_by_slot(group, topology.group_rows(group.name), ephemeris),
                    rule.offsets,
                    neighbour=rule.neighbour,
                    wrap=group.pattern != "walker-star" if rule.wrap is None else rule.wrap,
                    wrap_shift=wrap_shift(group),
                )
                where = f"links[{index}]"
                columns[0].append(joined[:, 0])
                columns[1].append(joined[:, 1])
                columns[2].append(np.full(len(joined), least_range_m(rule, [group])))
                columns[3].append(np.full(len(joined), least_rate_bps(rule.rate_gbps, [group], where)))
        dtypes = (np.int32, np.int32, np.float64, np.int64)
        self.pairs = Pairs(
            *(
                np.concatenate(column).astype(dtype) if column else np.empty(0, dtype)
                for column, dtype in zip(columns, dtypes, strict=True)
            )
        )
        self._range_m = np.empty(len(self.pairs.first_node))

    def offer(self, t_s, position_m, offers):
        """Add the links that are up, given all nodes' positions, float64 (n_nodes, 3), to an `OfferList`."""
        many = len(self._range_m) >= PARALLEL_PAIRS
        fill = fill_pair_ranges_in_parallel if many else fill_pair_ranges
        fill(position_m, self.pairs, *self._ellipsoid, self._range_m)
        offers.reserve(2 * len(self._range_m))
        offers.count = append_pairs(self.pairs, self._range_m, 0, self.index, offers.columns, offers.count)


def grid_links_of_nodes(topology, ephemeris):
    """How many neighbours the grid rules together give each node, links up or down: int64 (n_nodes,)."""
    ellipsoid = raised_ellipsoid(topology.grazing_altitude_km * 1000.0)
    joined = [np.empty((0, 2), dtype=np.int32)]
    for index, rule in enumerate(topology.links):
        if rule.rule == "grid":
            pairs = GridRule(topology, index, ephemeris, ellipsoid).pairs
            joined.append(np.stack((pairs.first_node, pairs.second_node), axis=1))
    distinct = np.unique(np.sort(np.concatenate(joined), axis=1), axis=0)
    return np.bincount(distinct.ravel(), minlength=ephemeris.n_nodes)


def rows_by_slot(group, rows):
    """Row of the satellite in each slot, `NONE` where vacant: int64 (planes, slots)."""
    row_of_slot = np.full((group.planes, group.slots), NONE, dtype=np.int64)
    plane, slot = group.plane_slot[:, 0], group.plane_slot[:, 1]
    row_of_slot[plane, slot] = np.arange(rows.start, rows.stop)
    return row_of_slot


def phases_by_slot(group, rows, ephemeris):
    """Mean argument of latitude at the epoch of each slot: float64 (planes, slots), nan where it has none."""
    if group.pattern is not None:
        return slot_phases_deg(group)  # vacant slots too: they are nobody's reason to look elsewhere
    phases = np.full((group.planes, group.slots), np.nan)
    plane, slot = group.plane_slot[:, 0], group.plane_slot[:, 1]
    phases[plane, slot] = np.degrees(ephemeris.mean_argument_of_latitude_rad(rows))
    return phases


def wrap_shift(group):
    """Slots by which indices shift from the last plane to the first: a pattern's phasing factor F, else 0."""
    return group.phasing_factor if isinstance(group.phasing_factor, int) else 0


def neighbour_pairs(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift):
    """Pairs of rows that a grid joins within one group.

    Parameters
    ----------
    row_of_slot : int array, shape (planes, slots)
        `NONE` marks a vacant slot, which has no link and is not replaced by another.
    phase_deg : float64 array, shape (planes, slots)
        Along the orbit from the ascending node; nan: unknown, never nearest.
    offsets : sequence of (planes ahead, slots ahead)
    neighbour : "nearest-phase" or "same-index"
        How the slot in another plane is found, before `slots ahead` are added.
    wrap : bool
        Whether the first plane comes after the last.
    wrap_shift : int
        By how many slots `same-index` shifts there.

    Returns
    -------
    int64 array, shape (n_pairs, 2)
        (row, row of its neighbour), each unordered pair once, in the order of offsets, planes, slots.
    """
    n_planes, n_slots = row_of_slot.shape
    slot = np.arange(n_slots)
    found = []
    for planes_ahead, slots_ahead in offsets:
        for plane in range(n_planes):
            turns, target = divmod(plane + planes_ahead, n_planes)
            if turns != 0 and not wrap:
                continue
            if planes_ahead == 0 or neighbour == "same-index":
                beside = slot + turns * wrap_shift
            else:
                beside = nearest_slots(phase_deg[plane], phase_deg[target])
            neighbours = row_of_slot[target, (beside + slots_ahead) % n_slots]
            joined = np.stack((row_of_slot[plane], neighbours), axis=1)
            found.append(joined[(joined != NONE).all(axis=1)])
    pairs = np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    _, first_seen = np.unique(np.sort(pairs, axis=1), axis=0, return_index=True)
    return pairs[np.sort(first_seen)]


def nearest_slots(phase_deg, target_phase_deg):
    """Slot of the target plane nearest in phase to each given one; of equally near ones the one ahead."""
    ahead = (target_phase_deg[None, :] - phase_deg[:, None]) % 360.0
    ahead = np.where(ahead > 180.0, ahead - 360.0, ahead)
    distance = np.where(np.isnan(ahead), np.inf, np.abs(ahead))
    as_near = distance <= distance.min(axis=1, keepdims=True) + EQUAL_PHASE_DEG
    return np.where(as_near & np.isfinite(distance), ahead, -np.inf).argmax(axis=1)
