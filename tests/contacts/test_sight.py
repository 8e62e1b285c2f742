"""Line of sight: pencil cases, and the kernel against the slow reference on random segments."""

import math

import numpy as np
import pytest

from lasermesh.contacts import clears_earth
from lasermesh.contacts.conditions_kernels import grazing_height_m
from tests.reference import line_of_sight as reference

EQUATOR_M, POLE_M = reference.EQUATORIAL_RADIUS_M, reference.POLAR_RADIUS_M


def clear(start, end, grazing_altitude_m=0.0):
    return bool(clears_earth([start], [end], grazing_altitude_m)[0])


def test_a_line_over_the_equator_is_blocked_below_the_grazing_altitude():
    for height_m, expected in ((79_999.0, False), (80_001.0, True)):
        y = EQUATOR_M + height_m
        assert clear([-2e6, y, 0.0], [2e6, y, 0.0], 80_000.0) == expected


def test_over_the_pole_the_lower_radius_counts():
    z = POLE_M + 80_001.0
    assert clear([-2e6, 0.0, z], [2e6, 0.0, z], 80_000.0)
    assert not clear([-2e6, 0.0, z - 2.0], [2e6, 0.0, z - 2.0], 80_000.0)


def test_the_segment_counts_and_not_the_line_beyond_its_ends():
    assert clear([7e6, 0.0, 0.0], [9e6, 0.0, 0.0])
    assert not clear([7e6, 0.0, 0.0], [-9e6, 0.0, 0.0])


def test_the_longest_line_of_sight_between_satellites_at_550_km_is_known():
    # By Pythagoras on the equator; 5,017 km is published for 550 km and 80 km of grazing altitude.
    radius_m = EQUATOR_M + 550_000.0
    half_m = math.sqrt(radius_m**2 - (EQUATOR_M + 80_000.0) ** 2)
    assert 2.0 * half_m == pytest.approx(5_017e3, abs=1e3)
    for less_m, expected in ((1.0, True), (-1.0, False)):
        half_angle = math.asin((half_m - less_m) / radius_m)
        start = radius_m * np.array([math.cos(half_angle), math.sin(half_angle), 0.0])
        assert clear(start, start * [1.0, -1.0, 1.0], 80_000.0) == expected


def test_a_point_sees_itself_unless_it_is_inside():
    assert clear([7e6, 0.0, 0.0], [7e6, 0.0, 0.0])
    assert not clear([6e6, 0.0, 0.0], [6e6, 0.0, 0.0])


def test_nothing_is_seen_from_an_unknown_place():
    assert not clear([math.nan] * 3, [7e6, 0.0, 0.0])


def test_kernel_and_reference_agree_on_random_segments():
    rng = np.random.default_rng(5)
    starts, ends = rng.normal(0.0, 5e6, (2, 2000, 3))
    expected = [reference.clears_earth(a, b, 80_000.0) for a, b in zip(starts, ends, strict=True)]
    assert 200 < sum(expected) < 1800
    assert clears_earth(starts, ends, 80_000.0).tolist() == expected
    assert clears_earth(ends, starts, 80_000.0).tolist() == expected


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"ends_ecef_m must have shape \(1, 3\)"):
        clears_earth([[7e6, 0.0, 0.0]], [[7e6, 0.0, 0.0]] * 2, 0.0)


@pytest.mark.compiled_only
def test_the_kernel_compiles_once():
    clears_earth([[7e6, 0.0, 0.0]], [[7_000_000, 0, 0]], 80_000)
    clears_earth(np.asfortranarray(np.ones((4, 3))), np.ones((4, 3), dtype=np.float32), 0.0)
    assert len(grazing_height_m.signatures) <= 2
