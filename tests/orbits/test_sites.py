"""Ground sites and look angles against published coordinates, pencil and an independent library."""

import math

import numpy as np
import pytest

from lasermesh.orbits import ecef_from_geodetic, elevation, geodetic_from_ecef, look_angles
from lasermesh.orbits.sites_kernels import fill_look_angles

ROUNDING_M = 1e-6

# NIMA TR8350.2 (WGS84), third edition, table 3.1: the semi-axes.
SEMI_AXES_M = 6_378_137.0, 6_356_752.3142


def test_sites_on_the_axes_lie_at_the_semi_axes_of_wgs84():
    assert ecef_from_geodetic(0.0, 0.0, 0.0) == pytest.approx([SEMI_AXES_M[0], 0, 0], abs=1e-4)
    assert ecef_from_geodetic(0.0, math.pi / 2, 5.0) == pytest.approx([0, SEMI_AXES_M[0] + 5, 0], abs=1e-4)
    assert ecef_from_geodetic(-math.pi / 2, 1.0, 7.0) == pytest.approx([0, 0, -SEMI_AXES_M[1] - 7], abs=1e-4)


def test_geodetic_coordinates_survive_the_way_to_earth_fixed_and_back():
    rng = np.random.default_rng(1)
    latitude = rng.uniform(-math.pi / 2, math.pi / 2, 1000)
    longitude = rng.uniform(-math.pi, math.pi, 1000)
    height_m = rng.uniform(-10_000.0, 40_000_000.0, 1000)
    back = geodetic_from_ecef(ecef_from_geodetic(latitude, longitude, height_m))
    assert back[0] == pytest.approx(latitude, abs=1e-12)
    assert back[1] == pytest.approx(longitude, abs=1e-12)
    assert back[2] == pytest.approx(height_m, abs=ROUNDING_M)


def test_a_satellite_overhead_is_in_the_zenith_and_one_below_the_feet_in_the_nadir():
    station = ecef_from_geodetic(math.radians(47.0), math.radians(8.0), 400.0)
    above = ecef_from_geodetic(math.radians(47.0), math.radians(8.0), 550_400.0)
    _, up, range_m = look_angles(station, [above, 2.0 * station - above])
    assert up == pytest.approx([math.pi / 2, -math.pi / 2], abs=1e-7)
    assert range_m == pytest.approx([550_000.0, 550_000.0])


def test_azimuth_counts_from_north_through_east():
    station = ecef_from_geodetic(0.0, 0.0, 0.0)
    north, east, south, west = [0, 0, 1e6], [0, 1e6, 0], [0, 0, -1e6], [0, -1e6, 0]
    azimuth, up, _ = look_angles(station, station + np.array([north, east, south, west]))
    assert np.degrees(azimuth) == pytest.approx([0.0, 90.0, 180.0, 270.0], abs=1e-9)
    assert up == pytest.approx([0.0] * 4, abs=1e-12)


def test_a_satellite_at_the_station_has_no_direction():
    station = ecef_from_geodetic(0.5, 0.5, 0.0)
    azimuth, up, range_m = look_angles(station, [station])
    assert math.isnan(azimuth[0]) and math.isnan(up[0]) and range_m[0] == 0.0


def test_elevation_is_one_column_of_the_look_angles():
    station = ecef_from_geodetic(0.5, 0.5, 0.0)
    satellites = np.random.default_rng(2).normal(0.0, 7e6, (5, 3))
    assert (elevation(station, satellites) == look_angles(station, satellites)[1]).all()


@pytest.mark.parametrize(
    ("station", "satellites", "wrong"),
    [
        ([0.0, 0.0, 0.0], [[7e6, 0.0, 0.0]], "centre"),
        ([1.0, 2.0], [[7e6, 0.0, 0.0]], "station_ecef_m must have shape"),
        ([6e6, 0.0, 0.0], [7e6, 0.0, 0.0], "satellites_ecef_m must have shape"),
        ([6e6, 0.0, "x"], [[7e6, 0.0, 0.0]], "station_ecef_m must hold numbers"),
    ],
)
def test_wrong_arguments_are_named(station, satellites, wrong):
    with pytest.raises(ValueError, match=wrong):
        look_angles(station, satellites)


@pytest.mark.compiled_only
def test_the_kernel_compiles_once():
    look_angles(np.float32([6e6, 0, 0]), [[7_000_000, 0, 0]])
    look_angles([6e6, 0, 0], np.asfortranarray(np.ones((4, 3)) * 7e6))
    assert len(fill_look_angles.signatures) == 1
