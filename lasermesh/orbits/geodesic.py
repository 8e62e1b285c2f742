"""Shortest distances over the WGS84 ellipsoid, between any two points, antipodes included."""

import math

import numpy as np

from lasermesh.units import WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING, WGS84_POLAR_RADIUS_M

# Vincenty's iteration stops converging within about half a degree of the antipode; keep well clear of it.
_FURTHEST_FOR_VINCENTY_RAD = math.radians(178.0)
_VINCENTY_STEPS = 20  # at that distance; ordinary pairs are there after three or four
_SAME_LONGITUDE_RAD = 1e-13
_BISECTIONS = 60
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_SECOND_ECCENTRICITY_SQUARED = (WGS84_EQUATORIAL_RADIUS_M / WGS84_POLAR_RADIUS_M) ** 2 - 1.0
_SOUTH_OF_THE_EQUATOR = -1e-150  # so that a geodesic between two points on the equator may leave it


def geodesic_m(latitude_1_rad, longitude_1_rad, latitude_2_rad, longitude_2_rad):
    """Length of the shortest line on the WGS84 ellipsoid between pairs of points, their heights aside.

    Parameters
    ----------
    latitude_1_rad, longitude_1_rad, latitude_2_rad, longitude_2_rad : array_like, shape (n,)
        Geodetic coordinates.

    Returns
    -------
    distance_m : float64 array, shape (n,)
        To better than 1 mm; nan where a coordinate is.

    Notes
    -----
    T. Vincenty, Survey Review 23, 1975, equations 13 to 19; where that does not converge, near the antipode,
    bisection on the azimuth as C. F. F. Karney, Journal of Geodesy 87, 2013, section 4, with the integrals of
    his equations 7 and 8 by Gauss-Legendre quadrature.
    """
    latitude_1, longitude_1, latitude_2, longitude_2 = (
        np.atleast_1d(np.asarray(values, float))
        for values in (latitude_1_rad, longitude_1_rad, latitude_2_rad, longitude_2_rad)
    )
    apart = np.abs(np.remainder(longitude_2 - longitude_1 + np.pi, 2.0 * np.pi) - np.pi)
    reduced_1, reduced_2 = (
        np.arctan((1.0 - WGS84_FLATTENING) * np.tan(latitude)) for latitude in (latitude_1, latitude_2)
    )
    distance_m, central_rad = _vincenty(reduced_1, reduced_2, apart)
    for row in np.flatnonzero(central_rad > _FURTHEST_FOR_VINCENTY_RAD):
        distance_m[row] = _near_the_antipode(reduced_1[row], reduced_2[row], apart[row])
    return distance_m


def _vincenty(reduced_1, reduced_2, apart):
    """Distance in m by Vincenty's inverse formula, and the central angle on the auxiliary sphere."""
    f = WGS84_FLATTENING
    sines, cosines = np.sin(reduced_1) * np.sin(reduced_2), np.cos(reduced_1) * np.cos(reduced_2)
    on_sphere = apart.copy()
    for _ in range(_VINCENTY_STEPS):
        across = np.hypot(
            np.cos(reduced_2) * np.sin(on_sphere),
            np.cos(reduced_1) * np.sin(reduced_2) - np.sin(reduced_1) * np.cos(reduced_2) * np.cos(on_sphere),
        )
        along = sines + cosines * np.cos(on_sphere)
        sigma = np.arctan2(across, along)
        azimuth_sine = cosines * np.sin(on_sphere) / np.where(across > 0.0, across, 1.0)
        squared = 1.0 - azimuth_sine**2  # of the cosine of the azimuth at the equator
        middle = np.where(squared > 1e-15, along - 2.0 * sines / np.maximum(squared, 1e-15), 0.0)
        c = f / 16.0 * squared * (4.0 + f * (4.0 - 3.0 * squared))
        before = on_sphere
        on_sphere = apart + (1.0 - c) * f * azimuth_sine * (
            sigma + c * across * (middle + c * along * (2.0 * middle**2 - 1.0))
        )
        if not (np.abs(on_sphere - before) > _SAME_LONGITUDE_RAD).any():
            break
    u = squared * _SECOND_ECCENTRICITY_SQUARED
    a = 1.0 + u / 16384.0 * (4096.0 + u * (-768.0 + u * (320.0 - 175.0 * u)))
    b = u / 1024.0 * (256.0 + u * (-128.0 + u * (74.0 - 47.0 * u)))
    higher = b / 6.0 * middle * (4.0 * across**2 - 3.0) * (4.0 * middle**2 - 3.0)
    correction = b * across * (middle + b / 4.0 * (along * (2.0 * middle**2 - 1.0) - higher))
    return WGS84_POLAR_RADIUS_M * a * (sigma - correction), sigma


def _near_the_antipode(reduced_1, reduced_2, apart):
    """Distance in m of two points that lie almost opposite, reduced latitudes and longitude in rad."""
    # Karney's canonical order: the first point is the one further from the equator, and in the south.
    if abs(reduced_1) < abs(reduced_2):
        reduced_1, reduced_2 = reduced_2, reduced_1
    if reduced_1 > 0.0:
        reduced_1, reduced_2 = -reduced_1, -reduced_2
    if reduced_1 == 0.0 and apart <= (1.0 - WGS84_FLATTENING) * math.pi:
        return WGS84_EQUATORIAL_RADIUS_M * apart
    reduced_1 = min(reduced_1, _SOUTH_OF_THE_EQUATOR)
    low, high = 0.0, math.pi  # azimuths at the first point; the longitude reached rises with them
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        reached, distance_m = _geodesic_from(reduced_1, reduced_2, middle)
        low, high = (middle, high) if reached < apart else (low, middle)
    return distance_m


def _geodesic_from(reduced_1, reduced_2, azimuth):
    """Longitude gained in rad, and length in m, of the geodesic at an azimuth up to the other latitude."""
    f = WGS84_FLATTENING
    cosine_1, cosine_2 = math.cos(reduced_1), math.cos(reduced_2)
    equator_sine = math.sin(azimuth) * cosine_1
    north_1 = math.cos(azimuth) * cosine_1
    north_2 = math.sqrt(max(0.0, north_1**2 + (cosine_2 - cosine_1) * (cosine_2 + cosine_1)))
    sigma_1 = math.atan2(math.sin(reduced_1), north_1)
    sigma_2 = math.atan2(math.sin(reduced_2), north_2)
    omega_1 = math.atan2(equator_sine * math.sin(sigma_1), math.cos(sigma_1))
    omega_2 = math.atan2(equator_sine * math.sin(sigma_2), math.cos(sigma_2))
    half = 0.5 * (sigma_2 - sigma_1)
    sigma = sigma_1 + half * (1.0 + _NODES)
    stretch = np.sqrt(1.0 + _SECOND_ECCENTRICITY_SQUARED * (1.0 - equator_sine**2) * np.sin(sigma) ** 2)
    lag = half * float(_WEIGHTS @ ((2.0 - f) / (1.0 + (1.0 - f) * stretch)))
    gained = omega_2 - omega_1 - f * equator_sine * lag
    return gained, WGS84_POLAR_RADIUS_M * half * float(_WEIGHTS @ stretch)
