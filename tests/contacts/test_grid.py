"""Who is whose neighbour in a grid."""

import numpy as np
import pytest

from lasermesh.contacts.grid import PatternPlanes, nearest_slots, neighbour_pairs, three_neighbour_pairs
from tests.reference import grid as reference

PLUS = ((0, 1), (1, 0))


def rows(planes, slots):
    return np.arange(planes * slots).reshape(planes, slots)


def walker_phases(planes, slots, phasing):
    plane, slot = np.mgrid[0:planes, 0:slots]
    return slot * 360.0 / slots + plane * phasing * 360.0 / (planes * slots)


def planes_of(planes, inclination_deg, spread_deg=360.0):
    return PatternPlanes(np.arange(planes) * spread_deg / planes, inclination_deg)


def joined(
    row_of_slot,
    phase_deg,
    offsets=PLUS,
    neighbour="nearest-phase",
    wrap=True,
    wrap_shift=0,
    pattern_planes=None,
):
    pairs = neighbour_pairs(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift, pattern_planes)
    found = {frozenset(pair) for pair in pairs.tolist()}
    assert len(found) == len(pairs), "a pair is there twice"
    return found


def test_same_index_joins_equal_slots_and_shifts_by_the_phasing_factor_across_the_wrap():
    pairs = joined(rows(3, 4), walker_phases(3, 4, 2), ((1, 0),), "same-index", wrap_shift=2)
    # Plane 2 (rows 8 to 11), slot s, and plane 0, slot s + 2.
    assert pairs == {
        *map(frozenset, [(0, 4), (1, 5), (2, 6), (3, 7), (4, 8), (5, 9), (6, 10), (7, 11)]),
        *map(frozenset, [(8, 2), (9, 3), (10, 0), (11, 1)]),
    }


def test_without_wrap_the_last_plane_has_no_plane_ahead():
    assert len(joined(rows(3, 4), walker_phases(3, 4, 0), ((1, 0),), wrap=False)) == 8


def test_slots_of_a_plane_form_a_ring():
    assert joined(rows(1, 4), walker_phases(1, 4, 0), ((0, 1),)) == {
        *map(frozenset, [(0, 1), (1, 2), (2, 3), (3, 0)])
    }


def test_nearest_phase_takes_the_slot_behind_when_the_next_plane_is_more_than_half_a_slot_ahead():
    # F = 3 of 4 planes: the next plane is 0.75 slots ahead, so its slot s - 1 is nearer than its slot s.
    pairs = joined(rows(4, 5), walker_phases(4, 5, 3), ((1, 0),))
    assert frozenset((1, 5)) in pairs and frozenset((1, 6)) not in pairs


def test_of_equally_near_neighbours_the_one_ahead_is_taken():
    phase_deg = np.array([[0.0, 90.0, 180.0, 270.0], [45.0, 135.0, 225.0, 315.0]])
    assert joined(rows(2, 4), phase_deg, ((1, 0),), wrap=False) == {
        *map(frozenset, [(0, 4), (1, 5), (2, 6), (3, 7)])
    }
    as_good_as_equal, clearly_behind = phase_deg.copy(), phase_deg.copy()
    as_good_as_equal[1] += 0.4e-6  # the one behind is nearer by 0.8e-6 deg
    clearly_behind[1] += 1e-5
    assert frozenset((0, 4)) in joined(rows(2, 4), as_good_as_equal, ((1, 0),), wrap=False)
    assert frozenset((0, 7)) in joined(rows(2, 4), clearly_behind, ((1, 0),), wrap=False)


def test_who_stays_nearest_in_equatorial_planes_is_where_the_satellite_is():
    # Planes at no inclination are one circle: a node 120 deg on is made up for by a phase 120 deg behind.
    pairs = joined(
        rows(3, 6), walker_phases(3, 6, 0), ((1, 0),), "stays-nearest", pattern_planes=planes_of(3, 0.0)
    )
    assert {frozenset((0, 10)), frozenset((2, 6)), frozenset((6, 16)), frozenset((12, 4))} <= pairs


def test_who_stays_nearest_in_polar_planes_is_nearest_in_phase_and_across_a_stars_seam_opposite():
    polar = planes_of(3, 90.0, 180.0)
    assert [polar.nearest_ahead_deg(0, 1), polar.nearest_ahead_deg(2, 0)] == pytest.approx([0.0, 0.0])
    # Nearly polar planes half a turn apart are the same plane, flown the other way round.
    nearly = planes_of(2, 89.0)
    assert abs(nearest_to_opposite(nearly.nearest_ahead_deg(0, 1))) == pytest.approx(0.0)


def nearest_to_opposite(ahead_deg):
    return (ahead_deg % 360.0) - 180.0


def ranges_over_an_orbit(planes, plane, target, phase_deg, ahead_deg):
    """Range, in radii of the orbits, between satellites of two planes, the second ahead; at 90 instants."""
    along = np.radians(phase_deg + np.arange(0.0, 360.0, 4.0))[:, None]
    (p, q), (other_p, other_q) = (
        np.array(reference.axes(planes.node_deg[each], planes.inclination_deg)) for each in (plane, target)
    )
    other = along + np.radians(ahead_deg)
    apart = p * np.cos(along) + q * np.sin(along) - other_p * np.cos(other) - other_q * np.sin(other)
    return np.linalg.norm(apart, axis=1)


@pytest.mark.parametrize("seed", range(30))
def test_no_other_slot_stays_nearer(seed):
    rng = np.random.default_rng(seed)
    count, slots = int(rng.integers(2, 30)), int(rng.integers(3, 40))
    planes = planes_of(count, float(rng.uniform(0.0, 180.0)), float(rng.uniform(20.0, 360.0)))
    plane, target = (int(rng.integers(count)) for _ in range(2))
    phase_deg, target_deg = (
        rng.uniform(0.0, 360.0),
        rng.uniform(0.0, 360.0) + np.arange(slots) * 360.0 / slots,
    )
    wanted_deg = np.array([phase_deg + planes.nearest_ahead_deg(plane, target)])
    (taken,) = nearest_slots(wanted_deg, target_deg)
    ranges = [
        ranges_over_an_orbit(planes, plane, target, phase_deg, each - phase_deg)
        for each in target_deg.tolist()
    ]
    assert ranges[taken].max() <= min(each.max() for each in ranges) + 1e-9
    assert (ranges[taken] ** 2).mean() <= min((each**2).mean() for each in ranges) + 1e-9


@pytest.mark.parametrize("wrap", [True, False])
def test_three_neighbours_are_among_those_that_stay_nearest(wrap):
    how = {"neighbour": "stays-nearest", "wrap": wrap, "wrap_shift": 3}
    grid = rows(6, 8), walker_phases(6, 8, 3)
    planes = planes_of(6, 53.0)
    pairs = three_neighbour_pairs(*grid, **how, pattern_planes=planes).tolist()
    assert {frozenset(pair) for pair in pairs} <= joined(*grid, **how, pattern_planes=planes)
    # Of two planes apart by 60 deg that one is 40 deg behind, which is nearly a slot.
    default = three_neighbour_pairs(*grid, "nearest-phase", wrap, 3).tolist()
    assert {frozenset(pair) for pair in pairs} != {frozenset(pair) for pair in default}


def test_a_vacant_slot_has_no_link_and_is_not_replaced():
    row_of_slot = np.array([[0, 1, 2], [3, -1, 4]])
    assert joined(row_of_slot, walker_phases(2, 3, 0), ((1, 0),), wrap=False) == {
        frozenset((0, 3)),
        frozenset((2, 4)),
    }


def test_slots_ahead_are_added_to_the_neighbour():
    assert joined(rows(2, 4), walker_phases(2, 4, 0), ((1, 1),), wrap=False) == {
        *map(frozenset, [(0, 5), (1, 6), (2, 7), (3, 4)])
    }


def test_nobody_is_their_own_neighbour():
    assert joined(rows(1, 1), walker_phases(1, 1, 0)) == set()
    assert joined(rows(1, 3), walker_phases(1, 3, 0), ((1, 0),)) == set()


def test_unknown_phases_are_never_nearest():
    phase_deg = np.array([[0.0, 120.0, 240.0], [5.0, np.nan, 245.0]])
    row_of_slot = np.array([[0, 1, 2], [3, -1, 4]])
    assert frozenset((1, 3)) in joined(row_of_slot, phase_deg, ((1, 0),), wrap=False)


@pytest.mark.parametrize("seed", range(60))
def test_kernel_free_rule_and_reference_agree_on_random_grids(seed):
    rng = np.random.default_rng(seed)
    planes, slots = rng.integers(1, 7, 2).tolist()
    phasing = int(rng.integers(0, planes))
    row_of_slot = rows(planes, slots)
    row_of_slot[rng.random(row_of_slot.shape) < 0.2] = -1
    phase_deg = walker_phases(planes, slots, phasing)
    if seed % 2:
        phase_deg = rng.uniform(0.0, 360.0, (planes, slots))
    arguments = {
        "offsets": [tuple(offset) for offset in rng.integers(-3, 4, (3, 2)).tolist()],
        "neighbour": ("nearest-phase", "same-index", "stays-nearest")[seed // 2 % 3],
        "wrap": bool(rng.integers(2)),
        "wrap_shift": phasing,
        "pattern_planes": planes_of(
            planes, float(rng.uniform(0.0, 180.0)), float(rng.choice([180.0, 360.0]))
        ),
    }
    expected = reference.neighbour_pairs(row_of_slot, phase_deg, **arguments)
    assert joined(row_of_slot, phase_deg, **arguments) == expected
