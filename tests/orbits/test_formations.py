"""Formations: held in the leader's frame, or swinging about it by Hill's equations."""

import datetime
import math

import numpy as np
import pytest

from lasermesh.orbits import KNOT_S, build_ephemeris
from lasermesh.orbits.satellites import mean_motion_rad_per_s
from tests.orbits.scenes import fixed_nodes, formation, from_elements, topology, walker
from tests.reference import orbits as reference

OFFSETS_M = ((1000.0, 0.0, 0.0), (0.0, -300.0, 0.0), (50.0, 20.0, -400.0))
# The leader's own polynomial misses by 2 cm; that of a satellite 1 km away hardly more.
INTERPOLATION_M = 0.03
INSTANTS_S = (0.0, 7.5, 1234.5, 80_000.0, -2000.0)
LEADER = walker(planes=1, slots=2, phasing=0, inclination_deg=97.99, altitude_km=650.0)


def offsets_at(ephemeris, t_s, leader, first):
    """Offsets in the leader's frame of the three that follow it."""
    position_m, velocity_m_per_s = ephemeris.state_at(t_s)
    axes = np.array(reference.local_axes(position_m[leader], velocity_m_per_s[leader]))
    return (position_m[first : first + 3] - position_m[leader]) @ axes.T


def test_a_held_formation_keeps_its_offsets():
    ephemeris = build_ephemeris(topology(LEADER, formation("w-0-1", *OFFSETS_M)))
    for t_s in INSTANTS_S:
        assert offsets_at(ephemeris, t_s, 1, 2) == pytest.approx(np.array(OFFSETS_M), abs=INTERPOLATION_M)


def test_a_free_formation_swings_as_hills_equations_say():
    ephemeris = build_ephemeris(topology(LEADER, formation("w-0-0", *OFFSETS_M, motion="hill")))
    motion_rad_per_s = mean_motion_rad_per_s(ephemeris.record_of(0))
    for t_s in INSTANTS_S[:3]:
        expected_m = [reference.hill_offset(each, motion_rad_per_s * t_s) for each in OFFSETS_M]
        assert offsets_at(ephemeris, t_s, 0, 2) == pytest.approx(np.array(expected_m), abs=INTERPOLATION_M)


@pytest.mark.parametrize("motion", ["held", "hill"])
def test_velocity_is_how_fast_the_position_changes(motion):
    ephemeris = build_ephemeris(topology(LEADER, formation("w-0-0", *OFFSETS_M, motion=motion)))
    for t_s in (3.0, 45.0, 3000.0):
        leading, before, after = (
            ephemeris.state_at(t)[0] - ephemeris.state_at(t)[0][0] for t in (t_s, t_s - 0.5, t_s + 0.5)
        )
        velocity_m_per_s = ephemeris.state_at(t_s)[1]
        relative = velocity_m_per_s[2:] - velocity_m_per_s[0]
        assert leading.shape == (5, 3)
        assert relative == pytest.approx((after - before)[2:], abs=2e-4)


def test_a_formation_may_follow_a_member_of_another():
    scene = topology(LEADER, formation("w-0-0", *OFFSETS_M), formation("f-0", *OFFSETS_M, name="g"))
    ephemeris = build_ephemeris(scene)
    assert offsets_at(ephemeris, 500.0, 2, 5) == pytest.approx(np.array(OFFSETS_M), abs=INTERPOLATION_M)


def test_phase_is_the_leaders():
    scene = topology(fixed_nodes("a"), LEADER, formation("w-0-1", *OFFSETS_M))
    arguments = build_ephemeris(scene).mean_argument_of_latitude_rad([2, 3, 4, 5])
    assert arguments == pytest.approx([math.pi] * 4)


def test_a_leader_that_fails_takes_its_formation_with_it():
    lines = (
        "STARLINK-34834",
        "1 65295U 25184Y   26223.16668980  .05294716  00000+0  16283+0 0  9998",
        "2 65295  97.2830 271.7392 0003133  95.7004 334.8305 15.29135656  5828",
    )
    epoch = datetime.datetime(2026, 8, 11, 12, tzinfo=datetime.UTC)
    scene = topology(from_elements(lines), formation("STARLINK-34834", (500.0, 0.0, 0.0)), epoch=epoch)
    ephemeris = build_ephemeris(scene)
    ephemeris.state_at(7 * 86_400.0)
    leader, follower = ephemeris.failures
    assert follower[:2] == ("f-0", 1) and follower.t_s == leader.t_s and follower.catalog_number is None
    assert follower.message.startswith('its leader "STARLINK-34834" has no position from t = ')
    before_m, _ = ephemeris.state_at(leader.t_s - 0.01)
    assert math.dist(*before_m) == pytest.approx(500.0, abs=1.0)
    assert np.isnan(ephemeris.state_at(leader.t_s)[0]).all()
    knots = ephemeris.interval_at(leader.t_s // KNOT_S)
    assert knots.fails_at_s.tolist() == [leader.t_s] * 2
    assert math.dist(*knots.position_1_m) == pytest.approx(500.0, abs=1.0)
