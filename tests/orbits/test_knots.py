"""Intervals between knots: what they hold, and that they say all that positions are made of."""

import math

import numpy as np
import pytest

from lasermesh.orbits import KNOT_S, build_ephemeris, sun_direction_ecef
from lasermesh.orbits.circular_kernels import fill_circular_states
from lasermesh.orbits.frames import Clock
from lasermesh.orbits.satellites import PatternFleet, pattern_satellites
from tests.orbits.scenes import EPOCH, fixed_nodes, formation, random_sites, topology, walker
from tests.reference import orbits as reference

# The reference's sidereal time is computed from one float64, which resolves 2e-8 rad: 0.1 m.
REFERENCE_ROUNDING_M = 0.2
# Kernel and package round differently; 1e-4 rad of phase are collected in ten days of 1e-12 rad/min.
KERNEL_M = 1e-3


def test_a_cubic_in_the_interval_is_what_state_at_gives():
    scene = topology(walker(), fixed_nodes("a"), formation("w-0-0", (1e3, 0.0, 5.0)), where=[random_sites(3)])
    ephemeris = build_ephemeris(scene)
    for index in (-3, 0, 17):
        knots = ephemeris.interval_at(index)
        assert (knots.start_s, knots.length_s) == (index * KNOT_S, KNOT_S)
        for array in (knots.position_0_m, knots.velocity_1_m_per_s):
            assert array.shape == (53, 3) and array.dtype == np.float64 and array.flags.c_contiguous
        for share in (0.0, 0.25, 0.9):
            s, h = share, KNOT_S
            expected_m = (
                (1.0 - s) ** 2 * (1.0 + 2.0 * s) * knots.position_0_m
                + s * s * (3.0 - 2.0 * s) * knots.position_1_m
                + s * (1.0 - s) ** 2 * h * knots.velocity_0_m_per_s
                + s * s * (s - 1.0) * h * knots.velocity_1_m_per_s
            )
            position_m, _ = ephemeris.state_at(knots.start_s + share * h)
            assert position_m == pytest.approx(expected_m, abs=1e-6, nan_ok=True)


def test_sites_rest_and_fixed_nodes_are_nowhere():
    ephemeris = build_ephemeris(topology(fixed_nodes("a"), walker(), where=[random_sites(2)]))
    knots = ephemeris.interval_at(5)
    for array in knots[2:6]:
        assert np.isnan(array[0]).all() and np.isfinite(array[1:]).all()
    assert knots.velocity_0_m_per_s[-2:].tolist() == [[0.0] * 3] * 2
    assert knots.position_0_m[-2:].tolist() == knots.position_1_m[-2:].tolist()
    assert np.isinf(knots.fails_at_s).all()


def test_the_sun_stands_at_both_knots():
    ephemeris = build_ephemeris(topology(walker()))
    knots = ephemeris.interval_at(4)
    clock = Clock(EPOCH)
    for sun, t_s in ((knots.sun_0, 120.0), (knots.sun_1, 150.0)):
        assert np.linalg.norm(sun) == pytest.approx(1.0)
        assert sun == pytest.approx(sun_direction_ecef(clock.day, clock.fraction(t_s)), abs=1e-12)


def test_intervals_that_follow_each_other_meet():
    ephemeris = build_ephemeris(topology(walker()))
    first, second = ephemeris.interval_at(0), ephemeris.interval_at(1)
    assert first.position_1_m is second.position_0_m


def test_intervals_are_kept_but_not_all(monkeypatch):
    monkeypatch.setattr("lasermesh.orbits.ephemeris._KEPT_AT_MOST", 50)
    ephemeris = build_ephemeris(topology(walker(planes=1, slots=2, phasing=0)))
    first = ephemeris.interval_at(0)
    for index in range(50):
        ephemeris.interval_at(index)
    assert ephemeris.interval_at(0) is first and len(ephemeris._intervals) == 50
    for index in range(1, 60):
        ephemeris.interval_at(index)
    assert ephemeris.interval_at(0) is not first


@pytest.mark.parametrize("inclination_deg", [0.0, 30.0, 53.0, 90.0, 97.6, 148.0, 180.0])
@pytest.mark.parametrize("altitude_km", [150.0, 550.0, 2000.0])
def test_the_kernel_for_circular_orbits_is_sgp4(altitude_km, inclination_deg):
    group = walker(planes=3, slots=4, altitude_km=altitude_km, inclination_deg=inclination_deg, raan_deg=20.0)
    clock = Clock(EPOCH)
    fleet = PatternFleet(group, clock)
    records = pattern_satellites(group, clock.day, clock.fraction(0.0))
    days, fraction = reference.julian_date(EPOCH)
    position_m, velocity_m_per_s = np.empty((2, 12, 3))
    for t_s in (0.0, 30.0, -5000.0, 86_400.0, 30 * 86_400.0):
        assert fleet.fill(t_s, position_m, velocity_m_per_s) is None
        for i, record in enumerate(records):
            expected_m, expected_m_per_s = reference.earth_fixed(record, days, fraction + t_s / 86_400.0)
            assert math.dist(position_m[i], expected_m) < REFERENCE_ROUNDING_M
            assert math.dist(velocity_m_per_s[i], expected_m_per_s) < REFERENCE_ROUNDING_M * 1e-3 + 1e-3
            # Heights do not depend on the reference's sidereal time.
            assert np.linalg.norm(position_m[i]) == pytest.approx(np.linalg.norm(expected_m), abs=KERNEL_M)


def test_many_satellites_are_filled_in_parts_alike(monkeypatch):
    group = walker(planes=100, slots=50, phasing=3)
    alone = PatternFleet(group, Clock(EPOCH))
    one, other, velocity_m_per_s = np.empty((3, 5000, 3))
    alone.fill(100.0, one, velocity_m_per_s)
    monkeypatch.setattr("lasermesh.orbits.satellites._MANY", 0)
    alone.fill(100.0, other, velocity_m_per_s)
    assert one == pytest.approx(other, abs=1e-6)


def test_patterns_far_out_fly_by_the_deep_space_part_of_sgp4():
    group = walker(planes=2, slots=2, altitude_km=35_786.0, inclination_deg=3.0)
    ephemeris = build_ephemeris(topology(group))
    clock = Clock(EPOCH)
    days, fraction = reference.julian_date(EPOCH)
    records = pattern_satellites(group, clock.day, clock.fraction(0.0))
    for t_s in (0.0, 86_400.0 + 7.0):
        for i, record in enumerate(records):
            expected_m, _ = reference.earth_fixed(record, days, fraction + t_s / 86_400.0)
            assert math.dist(ephemeris.state_at(t_s)[0][i], expected_m) < 5 * REFERENCE_ROUNDING_M


@pytest.mark.compiled_only
def test_the_kernel_for_patterns_compiles_once():
    for altitude_km in (500, 600.0):
        build_ephemeris(topology(walker(altitude_km=altitude_km))).state_at(12)
    assert len(fill_circular_states.signatures) == 1
