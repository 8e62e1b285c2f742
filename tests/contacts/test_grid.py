"""Who is whose neighbour in a grid."""

import numpy as np
import pytest

from lasermesh.contacts.grid import neighbour_pairs
from tests.reference import grid as reference

PLUS = ((0, 1), (1, 0))


def rows(planes, slots):
    return np.arange(planes * slots).reshape(planes, slots)


def walker_phases(planes, slots, phasing):
    plane, slot = np.mgrid[0:planes, 0:slots]
    return slot * 360.0 / slots + plane * phasing * 360.0 / (planes * slots)


def joined(row_of_slot, phase_deg, offsets=PLUS, neighbour="nearest-phase", wrap=True, wrap_shift=0):
    pairs = neighbour_pairs(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift)
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
        "neighbour": ("nearest-phase", "same-index")[seed // 2 % 2],
        "wrap": bool(rng.integers(2)),
        "wrap_shift": phasing,
    }
    expected = reference.neighbour_pairs(row_of_slot, phase_deg, **arguments)
    assert joined(row_of_slot, phase_deg, **arguments) == expected
