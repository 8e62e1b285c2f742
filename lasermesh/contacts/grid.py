"""Rule `grid`: which satellites of a group are neighbours, fixed once at the epoch."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.contacts.graph import ISL
from lasermesh.contacts.reserve_kernels import NOT_FREE, fill_grid_terminals
from lasermesh.orbits.satellites import plane_nodes_deg, slot_phases_deg
from lasermesh.units import NONE

# Satellites of the next plane whose phases are this close to equally near are equally near.
EQUAL_PHASE_DEG = 1e-6


class PatternPlanes(NamedTuple):
    """How the planes of a pattern lie."""

    node_deg: np.ndarray  # float64 (planes,)
    inclination_deg: float

    def nearest_ahead_deg(self, plane, target):
        """By how much a satellite of the target plane is ahead that is nearest to one of the plane.

        From satellites of two circular orbits of equal size and inclination, angles ahead x of each other and
        dO between the nodes, the range goes up and down about its mean square twice per orbit. By how much
        depends on dO alone; the mean square is least at tan(x / 2) = -cos i tan(dO / 2). So with this x both
        the mean and the greatest range are least, and the nearer to it the less.
        """
        half = math.radians(self.node_deg[target] - self.node_deg[plane]) / 2.0
        return -2.0 * math.degrees(
            math.atan2(math.cos(math.radians(self.inclination_deg)) * math.sin(half), math.cos(half))
        )


def grid_pairs(topology, index, ephemeris):
    """The undirected links of one rule, up or down: int64 (n, 2), in the order of groups, offsets, slots."""
    rule = topology.links[index]
    found = [np.empty((0, 2), dtype=np.int64)]
    for group in topology.satellites:
        if group.name not in rule.satellites or group.planes is None:
            continue
        rows = topology.group_rows(group.name)
        slots = rows_by_slot(group, rows), phases_by_slot(group, rows, ephemeris)
        wrap = group.pattern != "walker-star" if rule.wrap is None else rule.wrap
        how = {
            "neighbour": rule.neighbour,
            "wrap": wrap,
            "wrap_shift": wrap_shift(group),
            "pattern_planes": pattern_planes(group),
        }
        if rule.degree is None:
            found.append(neighbour_pairs(*slots, rule.offsets, **how))
        else:
            found.append(three_neighbour_pairs(*slots, **how))
    return np.concatenate(found)


def reserve_grid(topology, index, ephemeris, setting, table):
    """Give each link of a grid rule a terminal at both ends, as long as there are free ones, and keep it.

    Returns
    -------
    refused : dict of (row, row) to row
        Pairs that are neighbours but have no link, and the end that has no terminal left.
    """
    rule = topology.links[index]
    pairs = grid_pairs(topology, index, ephemeris).astype(np.int32)
    states = np.concatenate(ephemeris.state_at(0.0), axis=1)
    chosen = np.empty((len(pairs), 2), dtype=np.int64)
    fill_grid_terminals(states, pairs, setting.terminals, setting.world.head, chosen)
    made = (chosen != NOT_FREE).all(axis=1)
    (first, second), terminals = pairs[made].T, chosen[made].T
    types = [setting.types_of(each) for each in terminals]
    if len(first):
        ladder, max_range_m = setting.ladders_between(rule, types)
        table.add(first, second, terminals, types, index, ISL, NONE, ladder, max_range_m)
    lacking = np.where(chosen[:, 0] == NOT_FREE, pairs[:, 0], pairs[:, 1])
    return {tuple(pair): int(node) for pair, node in zip(pairs[~made].tolist(), lacking[~made], strict=True)}


def grid_links_of_nodes(topology, ephemeris):
    """How many neighbours the grid rules together give each node, links up or down: int64 (n_nodes,)."""
    joined = [
        grid_pairs(topology, index, ephemeris)
        for index, rule in enumerate(topology.links)
        if rule.rule == "grid"
    ]
    distinct = np.unique(np.sort(np.concatenate([np.empty((0, 2), np.int64), *joined]), axis=1), axis=0)
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


def pattern_planes(group):
    """How a group's planes lie, None where element sets say it."""
    return None if group.pattern is None else PatternPlanes(plane_nodes_deg(group), group.inclination_deg)


def neighbour_pairs(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift, pattern_planes=None):
    """Pairs of rows that a grid joins within one group.

    Parameters
    ----------
    row_of_slot : int array, shape (planes, slots)
        `NONE` marks a vacant slot, which has no link and is not replaced by another.
    phase_deg : float64 array, shape (planes, slots)
        Along the orbit from the ascending node; nan: unknown, never nearest.
    offsets : sequence of (planes ahead, slots ahead)
    neighbour : "nearest-phase", "stays-nearest" or "same-index"
        How the slot in another plane is found, before `slots ahead` are added.
    wrap : bool
        Whether the first plane comes after the last.
    wrap_shift : int
        By how many slots `same-index` shifts there.
    pattern_planes : PatternPlanes
        For `stays-nearest`; the others do without.

    Returns
    -------
    int64 array, shape (n_pairs, 2)
        (row, row of its neighbour), each unordered pair once, in the order of offsets, planes, slots.
    """
    n_planes, n_slots = row_of_slot.shape
    found = []
    for planes_ahead, slots_ahead in offsets:
        for plane in range(n_planes):
            turns, target = divmod(plane + planes_ahead, n_planes)
            if turns != 0 and not wrap:
                continue
            beside = _slots_beside(phase_deg, plane, planes_ahead, neighbour, wrap_shift, pattern_planes)
            neighbours = row_of_slot[target, (beside + slots_ahead) % n_slots]
            joined = np.stack((row_of_slot[plane], neighbours), axis=1)
            found.append(joined[(joined != NONE).all(axis=1)])
    pairs = np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    _, first_seen = np.unique(np.sort(pairs, axis=1), axis=0, return_index=True)
    return pairs[np.sort(first_seen)]


def three_neighbour_pairs(row_of_slot, phase_deg, neighbour, wrap, wrap_shift, pattern_planes=None):
    """Pairs of rows of a grid in which satellites have two links in their plane and one to a plane beside it.

    Around its ring, every other satellite is linked with the plane ahead, and those between with the plane
    behind: the mesh is a brick wall. Where that does not come out even (an odd number of slots or planes, or
    vacant slots), satellites left over are linked with each other where they are neighbours.
    Arguments and result as those of `neighbour_pairs`.
    """
    n_planes, n_slots = row_of_slot.shape
    within = neighbour_pairs(row_of_slot, phase_deg, [(0, 1)], neighbour, wrap, wrap_shift)
    beside = [
        _slots_beside(phase_deg, plane, 1, neighbour, wrap_shift, pattern_planes)
        for plane in range(n_planes if wrap and n_planes > 2 else n_planes - 1)
    ]
    used = np.zeros(row_of_slot.shape, dtype=bool)
    # Slots counted so that a satellite and its neighbour in the next plane have the same number.
    level = np.zeros(row_of_slot.shape, dtype=np.int64)
    level[0] = np.arange(n_slots)
    for plane in range(n_planes - 1):
        level[plane + 1, beside[plane]] = level[plane]
    found = []
    for only_even in (True, False):
        for plane, target_slots in enumerate(beside):
            target = (plane + 1) % n_planes
            for slot, target_slot in enumerate(target_slots.tolist()):
                turn = (level[plane, slot] + plane) % 2 == 0
                ends = row_of_slot[plane, slot], row_of_slot[target, target_slot]
                if NONE in ends or used[plane, slot] or used[target, target_slot] or (only_even and not turn):
                    continue
                used[plane, slot] = used[target, target_slot] = True
                found.append(ends)
    return np.concatenate((within, np.array(found, dtype=np.int64).reshape(-1, 2)))


def _slots_beside(phase_deg, plane, planes_ahead, neighbour, wrap_shift, pattern_planes):
    """Slot of the plane so many planes ahead that is beside each slot of a plane."""
    n_planes, n_slots = phase_deg.shape
    turns, target = divmod(plane + planes_ahead, n_planes)
    if planes_ahead == 0 or neighbour == "same-index":
        return (np.arange(n_slots) + turns * wrap_shift) % n_slots
    ahead_deg = 0.0
    if neighbour == "stays-nearest":
        ahead_deg = pattern_planes.nearest_ahead_deg(plane, target)
    return nearest_slots(phase_deg[plane] + ahead_deg, phase_deg[target])


def nearest_slots(phase_deg, target_phase_deg):
    """Slot of the target plane nearest in phase to each given one; of equally near ones the one ahead."""
    ahead = (target_phase_deg[None, :] - phase_deg[:, None]) % 360.0
    ahead = np.where(ahead > 180.0, ahead - 360.0, ahead)
    distance = np.where(np.isnan(ahead), np.inf, np.abs(ahead))
    as_near = distance <= distance.min(axis=1, keepdims=True) + EQUAL_PHASE_DEG
    return np.where(as_near & np.isfinite(distance), ahead, -np.inf).argmax(axis=1)
