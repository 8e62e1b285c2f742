"""Distances over the ellipsoid: published ones, and against integration along the geodesic."""

import math

import numpy as np
import pytest

from lasermesh.orbits.geodesic import _near_the_antipode, geodesic_m
from lasermesh.units import WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING

MERIDIAN_M = 20_003_931.4586  # from pole to pole; also GeographicLib's (0, 0) to (0, 180)


def distance_m(*degrees):
    return geodesic_m(*(np.radians(value) for value in degrees))[0]


@pytest.mark.parametrize(
    ("points_deg", "expected_m", "tolerance_m"),
    [
        # Flinders Peak to Buninyon, Geoscience Australia's example of Vincenty's formulae (on GRS80).
        ((-37.9510334166, 144.4248678888, -37.6528211388, 143.9264955277), 54_972.271, 1e-3),
        # C. F. F. Karney, Journal of Geodesy 87, 2013, table 4: nearly antipodal.
        ((-30.0, 0.0, 29.9, 179.8), 19_989_832.827610, 1e-5),
        # Examples of the documentation of GeographicLib: Wellington to Salamanca, JFK to LHR.
        ((-41.32, 174.81, 40.96, -5.50), 19_959_679.267354, 1e-3),
        ((40.6, -73.8, 51.6, -0.5), 5_551_759.400319, 1e-3),
        # From GeographicLib 2.1: between points of the equator, off it and along it.
        ((0.0, 0.0, 0.0, 179.5), 19_980_861.908891, 1e-5),
        ((0.0, 0.0, 0.0, 179.3), 19_959_584.699234, 1e-5),
        ((0.0, 0.0, 1.0, 179.0), 19_860_509.237561, 1e-3),
    ],
)
def test_published_distances(points_deg, expected_m, tolerance_m):
    assert distance_m(*points_deg) == pytest.approx(expected_m, abs=tolerance_m)
    latitude_1, longitude_1, latitude_2, longitude_2 = points_deg
    back_m = distance_m(latitude_2, longitude_2 + 360.0, latitude_1, longitude_1)
    assert back_m == pytest.approx(expected_m, abs=tolerance_m)


def test_opposite_points_are_half_a_meridian_apart():
    for latitude, longitude in ((0.0, 0.0), (90.0, 50.0), (5.0, -20.0), (-48.7, 170.0)):
        assert distance_m(latitude, longitude, -latitude, longitude + 180.0) == pytest.approx(
            MERIDIAN_M, abs=1e-3
        )


def test_along_the_equator_it_is_the_arc_of_a_circle():
    angles_deg = np.array([0.0, 1e-6, 1.0, 90.0, 179.0])
    found_m = geodesic_m(np.zeros(5), np.zeros(5), np.zeros(5), np.radians(-angles_deg))
    assert found_m == pytest.approx(WGS84_EQUATORIAL_RADIUS_M * np.radians(angles_deg), abs=1e-6)


def test_a_point_is_no_distance_from_itself_and_what_is_unknown_is_nan():
    found_m = geodesic_m([0.5, math.nan], [1.0, 0.0], [0.5, 0.1], [1.0, 0.1])
    assert found_m[0] == 0.0 and math.isnan(found_m[1])


def test_both_methods_agree_wherever_points_are():
    rng = np.random.default_rng(5)
    latitude = np.arcsin(rng.uniform(-1.0, 1.0, (2, 60)))
    longitude = rng.uniform(-math.pi, math.pi, 60)
    found_m = geodesic_m(latitude[0], np.zeros(60), latitude[1], longitude)
    reduced = np.arctan((1.0 - WGS84_FLATTENING) * np.tan(latitude))
    for row, by_quadrature_of in enumerate(zip(*reduced, np.abs(longitude), strict=True)):
        assert found_m[row] == pytest.approx(_near_the_antipode(*by_quadrature_of), abs=1e-3)
