"""Positions against SGP4 at the very instant and an independent library."""

import datetime
import json
import math

import numpy as np
import pytest
from sgp4.api import WGS72, Satrec

from lasermesh.orbits import KNOT_S, build_ephemeris, look_angles
from lasermesh.orbits.circular_kernels import fill_circular_states
from lasermesh.orbits.frames import julian_date, sidereal_time_rad
from lasermesh.orbits.frames_kernels import fill_between_knots, fill_consistent_velocity, fill_earth_fixed
from lasermesh.orbits.satellites import kozai_mean_motion_rad_per_s, pattern_satellites
from lasermesh.scenario.elements import read_elements
from lasermesh.scenario.topology import SatelliteGroup
from tests.orbits.scenes import EPOCH, fixed_nodes, from_elements, sites, topology, walker
from tests.reference import orbits as reference

# A 30 s cubic misses by 2 cm at 550 km and by 7 cm for the worst of all Starlinks.
INTERPOLATION_M = 0.1
# SGP4's own velocity is that far from how fast its positions change, for satellites that do not decay.
INTERPOLATION_M_PER_S = 0.05
# The reference's sidereal time is computed from one float64, which resolves 2e-8 rad: 0.1 m.
REFERENCE_ROUNDING_M = 0.2

# skyfield knows UT1 - UTC, 85 ms in August 2026, which turns the Earth by up to 44 m; here it is 0.
SKYFIELD_M = 50.0
# TT - UT1 for which it is 0 there too: 37 leap seconds and 32.184 s. Then centimetres are left.
UT1_IS_UTC = {"delta_t": 69.184}
LOOK_DEG = 2e-5

# Real element sets of 2026-08-11 (CelesTrak): a low Starlink, one that decays within days, an Iridium.
STARLINK_1008 = (
    "STARLINK-1008",
    "1 44714U 19074B   26223.09230426  .00051945  00000+0  63754-3 0  9993",
    "2 44714  53.1489 164.1445 0006675  38.3881 321.7607 15.59800552372752",
)
# What is left of the oblateness terms of second order, which the conversion of mean elements does not know.
SECOND_ORDER_M = 200.0

EPOCH_OF_ELEMENTS = datetime.datetime(2026, 8, 11, 12, tzinfo=datetime.UTC)
IRIDIUM_106 = (
    "IRIDIUM 106",
    "1 41917U 17003A   26223.07308275  .00000069  00000+0  17441-4 0  9995",
    "2 41917  86.3914  65.5960 0002490  86.7728 273.3753 14.34217750501076",
)
REAL = from_elements(STARLINK_1008 + IRIDIUM_106)
INSTANTS_S = np.random.default_rng(3).uniform(-7200.0, 86_400.0, 60)


def direct(record, epoch, t_s):
    days, fraction = reference.julian_date(epoch)
    return reference.earth_fixed(record, days, fraction + t_s / 86_400.0)


def test_interpolated_states_are_those_of_sgp4_at_the_very_instant():
    ephemeris = build_ephemeris(topology(REAL, epoch=EPOCH_OF_ELEMENTS))
    for row, lines in enumerate((STARLINK_1008, IRIDIUM_106)):
        record = Satrec.twoline2rv(*lines[1:])
        for t_s in INSTANTS_S:
            position_m, velocity_m_per_s = ephemeris.state_at(t_s)
            expected_m, expected_m_per_s = direct(record, EPOCH_OF_ELEMENTS, t_s)
            assert math.dist(position_m[row], expected_m) < INTERPOLATION_M + REFERENCE_ROUNDING_M
            assert math.dist(velocity_m_per_s[row], expected_m_per_s) < INTERPOLATION_M_PER_S


def test_distances_between_satellites_miss_direct_sgp4_by_centimetres():
    # A distance does not depend on the reference's sidereal time, so this shows the interpolation alone.
    ephemeris = build_ephemeris(topology(REAL, epoch=EPOCH_OF_ELEMENTS))
    records = [Satrec.twoline2rv(*lines[1:]) for lines in (STARLINK_1008, IRIDIUM_106)]
    for t_s in INSTANTS_S:
        expected_m = math.dist(*(direct(record, EPOCH_OF_ELEMENTS, t_s)[0] for record in records))
        assert math.dist(*ephemeris.state_at(t_s)[0]) == pytest.approx(expected_m, abs=INTERPOLATION_M)


def test_velocity_is_how_fast_position_changes():
    ephemeris = build_ephemeris(topology(walker(planes=2, slots=3)))
    for t_s in (7.0, KNOT_S, 44.0):
        before, after = ephemeris.state_at(t_s - 0.5)[0], ephemeris.state_at(t_s + 0.5)[0]
        assert ephemeris.state_at(t_s)[1] == pytest.approx(after - before, abs=0.05)


def test_positions_agree_with_skyfield_but_for_ut1():
    skyfield = pytest.importorskip("skyfield.api")
    from skyfield.framelib import itrs

    ephemeris = build_ephemeris(topology(REAL, epoch=EPOCH_OF_ELEMENTS))
    for given, most_m in (({}, SKYFIELD_M), (UT1_IS_UTC, INTERPOLATION_M)):
        scale = skyfield.load.timescale(builtin=True, **given)
        for t_s in INSTANTS_S[:20]:
            position_m, _ = ephemeris.state_at(t_s)
            time = scale.from_datetime(EPOCH_OF_ELEMENTS + datetime.timedelta(seconds=float(t_s)))
            for row, lines in enumerate((STARLINK_1008, IRIDIUM_106)):
                satellite = skyfield.EarthSatellite(*lines[1:], lines[0], scale)
                assert math.dist(satellite.at(time).frame_xyz(itrs).m, position_m[row]) < most_m


IRIDIUM_106_OMM = {
    "OBJECT_NAME": "IRIDIUM 106",
    "OBJECT_ID": "2017-003A",
    "EPOCH": "2026-08-11T01:45:14.349600",
    "MEAN_MOTION": 14.3421775,
    "ECCENTRICITY": 0.000249,
    "INCLINATION": 86.3914,
    "RA_OF_ASC_NODE": 65.596,
    "ARG_OF_PERICENTER": 86.7728,
    "MEAN_ANOMALY": 273.3753,
    "EPHEMERIS_TYPE": 0,
    "CLASSIFICATION_TYPE": "U",
    "NORAD_CAT_ID": 41917,
    "ELEMENT_SET_NO": 999,
    "REV_AT_EPOCH": 50107,
    "BSTAR": 1.7441e-05,
    "MEAN_MOTION_DOT": 6.9e-07,
    "MEAN_MOTION_DDOT": 0,
}


def test_positions_from_omm_agree_with_skyfield_whatever_the_catalogue_number():
    skyfield = pytest.importorskip("skyfield.api")
    from skyfield.framelib import itrs

    scale = skyfield.load.timescale(builtin=True, **UT1_IS_UTC)
    expected = skyfield.EarthSatellite.from_omm(scale, IRIDIUM_106_OMM)
    numbered = [IRIDIUM_106_OMM | {"NORAD_CAT_ID": n, "OBJECT_NAME": str(n)} for n in (41917, 987_654_321)]
    read = read_elements(json.dumps(numbered), "x.json")
    group = SatelliteGroup(name="o", elements="x", element_sets=tuple(read.sets), node_names=("a", "b"))
    ephemeris = build_ephemeris(topology(group, epoch=EPOCH_OF_ELEMENTS))
    for t_s in INSTANTS_S[:20]:
        position_m, _ = ephemeris.state_at(t_s)
        time = scale.from_datetime(EPOCH_OF_ELEMENTS + datetime.timedelta(seconds=float(t_s)))
        assert math.dist(expected.at(time).frame_xyz(itrs).m, position_m[0]) < INTERPOLATION_M
        assert position_m[0].tolist() == position_m[1].tolist()


def test_look_angles_agree_with_skyfield():
    skyfield = pytest.importorskip("skyfield.api")
    scale = skyfield.load.timescale(builtin=True, **UT1_IS_UTC)
    place = sites((51.51, -0.13), (-33.87, 151.21), (78.23, 15.41))
    ephemeris = build_ephemeris(topology(REAL, where=[place], epoch=EPOCH_OF_ELEMENTS))
    for t_s in INSTANTS_S[:20]:
        position_m, _ = ephemeris.state_at(t_s)
        time = scale.from_datetime(EPOCH_OF_ELEMENTS + datetime.timedelta(seconds=float(t_s)))
        for row, lines in enumerate((STARLINK_1008, IRIDIUM_106)):
            satellite = skyfield.EarthSatellite(*lines[1:], lines[0], scale)
            for i, site in enumerate(place.sites):
                station = skyfield.wgs84.latlon(site.lat_deg, site.lon_deg, site.height_m)
                altitude, azimuth, distance = (satellite - station).at(time).altaz()
                azimuth_rad, elevation_rad, range_m = look_angles(
                    position_m[2 + i], position_m[row : row + 1]
                )
                assert math.degrees(elevation_rad[0]) == pytest.approx(altitude.degrees, abs=LOOK_DEG)
                turned_deg = (math.degrees(azimuth_rad[0]) - azimuth.degrees + 180.0) % 360.0 - 180.0
                # Azimuth loses its meaning towards the zenith: the error on the sky counts.
                assert abs(turned_deg) * math.cos(elevation_rad[0]) < LOOK_DEG
                assert range_m[0] == pytest.approx(distance.m, abs=INTERPOLATION_M)


def test_sidereal_time_is_the_published_one():
    # Vallado, Fundamentals of Astrodynamics, 4th edition, example 3-5: 1992 August 20, 12:14 UT1.
    assert math.degrees(sidereal_time_rad(2_448_854.5, (12 * 60 + 14) / 1440)) == pytest.approx(
        152.578787886, abs=1e-6
    )


@pytest.mark.parametrize("inclination_deg", [0.5, 53.0, 97.6])
def test_the_semi_major_axis_flown_is_the_one_asked_for(inclination_deg):
    group = walker(planes=1, slots=1, phasing=0, inclination_deg=inclination_deg)
    ephemeris = build_ephemeris(topology(group))
    mu, rotation = 398_600.8e9, np.array([0.0, 0.0, 7.292115e-5])
    axes_m = []
    for t_s in np.linspace(0.0, 5739.0, 200, endpoint=False):  # one revolution
        position_m, velocity_m_per_s = (column[0] for column in ephemeris.state_at(t_s))
        speed_squared = np.sum((velocity_m_per_s + np.cross(rotation, position_m)) ** 2)
        axes_m.append(1.0 / (2.0 / np.linalg.norm(position_m) - speed_squared / mu))
    assert np.mean(axes_m) == pytest.approx(6_928_137.0, abs=SECOND_ORDER_M)


def test_the_mean_motion_of_a_pattern_is_that_of_an_element_set():
    group = walker(planes=1, slots=1, phasing=0, altitude_km=None, mean_motion_rev_per_day=15.0)
    assert records_of(group)[0].no_kozai * 1440.0 / (2.0 * math.pi) == pytest.approx(15.0, rel=1e-12)


def test_kozai_mean_motion_is_what_sgp4_turns_into_the_axis():
    record = Satrec()
    motion = kozai_mean_motion_rad_per_s(7_500_000.0, 1.7)
    record.sgp4init(WGS72, "i", 0, 27_000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.7, 0.0, motion * 60.0, 0.0)
    assert record.a * 6_378_135.0 == pytest.approx(7_500_000.0, abs=1e-3)


def records_of(group):
    return pattern_satellites(group, *julian_date(EPOCH))


def orbit_angles_deg(record):
    return math.degrees(record.nodeo), math.degrees(record.argpo + record.mo)


def test_planes_and_slots_are_phased_as_walker_says():
    group = walker(planes=4, slots=3, phasing=2, raan_deg=10.0, anomaly_deg=5.0)
    records = records_of(group)
    for plane in range(4):
        for slot in range(3):
            raan_deg, phase_deg = orbit_angles_deg(records[plane * 3 + slot])
            assert raan_deg == pytest.approx(10.0 + plane * 90.0)
            expected_deg = (5.0 + slot * 120.0 + plane * 2 * 360.0 / 12) % 360.0
            assert phase_deg == pytest.approx(expected_deg)


def test_half_slot_puts_odd_planes_half_a_slot_ahead():
    records = records_of(walker(planes=3, slots=4, phasing="half-slot"))
    assert [orbit_angles_deg(records[plane * 4])[1] for plane in range(3)] == pytest.approx([0.0, 45.0, 0.0])


def test_a_star_spreads_its_planes_over_half_a_turn():
    group = walker(planes=6, slots=2, phasing=2, pattern="walker-star", raan_spread_deg=180.0)
    records = records_of(group)
    assert [orbit_angles_deg(records[plane * 2])[0] for plane in range(6)] == pytest.approx(
        [0.0, 30.0, 60.0, 90.0, 120.0, 150.0]
    )


def test_vacant_slots_have_no_row_and_leave_the_others_in_place():
    full = build_ephemeris(topology(walker(planes=3, slots=4))).state_at(100.0)[0]
    gaps = build_ephemeris(topology(walker(planes=3, slots=4, vacant=((0, 1), (2, 3))))).state_at(100.0)[0]
    assert gaps.tolist() == np.delete(full, [1, 11], axis=0).tolist()


def test_planes_precess_together():
    ephemeris = build_ephemeris(topology(walker(planes=4, slots=2, phasing=1)))
    for t_s in (0.0, 5 * 86_400.0):
        position_m, velocity_m_per_s = ephemeris.state_at(t_s)
        inertial = velocity_m_per_s + np.cross([0.0, 0.0, 7.292115e-5], position_m)
        normals = np.cross(position_m, inertial)
        nodes_deg = np.degrees(np.arctan2(normals[:, 0], -normals[:, 1]))[::2]
        # Short-period terms move each node by up to 0.04 deg.
        assert np.diff(nodes_deg) % 360.0 == pytest.approx([90.0] * 3, abs=0.1)


def test_phase_at_the_epoch_is_the_mean_argument_of_latitude():
    ephemeris = build_ephemeris(topology(walker(planes=4, slots=3, phasing=2), fixed_nodes("a")))
    phases_deg = np.degrees(ephemeris.mean_argument_of_latitude_rad(range(13)))
    expected = [s * 120.0 + p * 60.0 for p in range(4) for s in range(3)]
    assert np.cos(np.radians(phases_deg[:12] - expected)) == pytest.approx(1.0, abs=1e-12)
    assert math.isnan(phases_deg[12])


def test_rows_are_satellites_group_by_group_then_sites():
    scene = topology(
        walker(name="v", planes=1, slots=2, phasing=0),
        fixed_nodes("moon", "mars"),
        walker(planes=1, slots=2, phasing=0),
        where=[sites((10.0, 20.0))],
    )
    ephemeris = build_ephemeris(scene)
    position_m, velocity_m_per_s = ephemeris.state_at(12.0)
    assert ephemeris.names == ("v-0-0", "v-0-1", "moon", "mars", "w-0-0", "w-0-1", "cities-0")
    assert (ephemeris.n_nodes, ephemeris.n_satellites) == (7, 6)
    assert ephemeris.is_ground.tolist() == [False] * 6 + [True]
    assert ephemeris.has_position.tolist() == [True, True, False, False, True, True, True]
    assert np.isnan(position_m).all(axis=1).tolist() == [False, False, True, True, False, False, False]
    assert position_m[:2].tolist() == position_m[4:6].tolist()
    assert velocity_m_per_s[6].tolist() == [0.0, 0.0, 0.0]


def test_a_topology_without_anything_that_moves_is_fine():
    ephemeris = build_ephemeris(topology(fixed_nodes("a", "b"), where=[sites((0.0, 0.0))]))
    assert np.isfinite(ephemeris.state_at(5.0)[0]).all(axis=1).tolist() == [False, False, True]


def test_a_position_does_not_depend_on_what_was_asked_before(monkeypatch):
    group = walker(planes=2, slots=2)
    expected = build_ephemeris(topology(group)).state_at(1234.5)[0]
    monkeypatch.setattr("lasermesh.orbits.ephemeris._INTERVAL_BYTES", 0)
    monkeypatch.setattr("lasermesh.orbits.ephemeris._KEPT_OF_FEW", 4)
    ephemeris = build_ephemeris(topology(group))
    for t_s in np.random.default_rng(4).uniform(-1e5, 1e5, 50):
        ephemeris.state_at(t_s)
    assert ephemeris.state_at(1234.5)[0].tolist() == expected.tolist()
    assert len(ephemeris._intervals) == 4


@pytest.mark.compiled_only
def test_the_kernels_compile_once():
    for scene in (topology(walker()), topology(REAL, where=[sites((0.0, 0.0))], epoch=EPOCH)):
        ephemeris = build_ephemeris(scene)
        ephemeris.state_at(0)
        ephemeris.state_at(np.float64(12.5))
    assert len(fill_circular_states.signatures) == 1
    assert len(fill_earth_fixed.signatures) == 1
    assert len(fill_between_knots.signatures) == 1
    assert len(fill_consistent_velocity.signatures) == 1
