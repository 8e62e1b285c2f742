"""Where the Sun is, and what the Earth's shadow does to satellites."""

import numpy as np

from lasermesh.orbits.frames import sidereal_time_rad

ASTRONOMICAL_UNIT_M = 149_597_870_700.0  # IAU 2012, resolution B2
SUN_RADIUS_M = 695_700_000.0  # IAU 2015, resolution B3

_JULIAN_DATE_J2000 = 2_451_545.0
_DAYS_PER_CENTURY = 36_525.0
_TT_MINUS_UTC_DAYS = 69.184 / 86_400.0  # since 2017; in 1957 it was 37 s less, which moves the Sun 0.0004 deg


def sun_position_teme_m(day, fraction):
    """Position of the Sun as its light arrives at the Earth, in SGP4's frame (true equator, mean equinox).

    Parameters
    ----------
    day, fraction : float or arrays that broadcast to (...)
        Julian date (UTC) in two parts.

    Returns
    -------
    position_m : float64 array, shape (..., 3)
        Within 0.01 deg from 1950 to 2100 (0.003 deg was seen against the ERFA library).

    Notes
    -----
    J. Meeus, Astronomical Algorithms (2nd edition), chapter 25: equations 25.2 to 25.5 and 25.8, with the
    planets' and the Moon's larger perturbations of longitude that its first edition states; nutation has
    the two largest terms of chapter 22. Aberration is in, as shadows have it too.
    """
    t = (np.asarray(day, float) - _JULIAN_DATE_J2000 + fraction + _TT_MINUS_UTC_DAYS) / _DAYS_PER_CENTURY
    mean_longitude_deg = 280.46646 + t * (36_000.76983 + t * 0.0003032)
    anomaly = np.radians(357.52911 + t * (35_999.05029 - t * 0.0001537))
    eccentricity = 0.016708634 - t * (0.000042037 + t * 0.0000001267)
    centre_deg = (
        (1.914602 - t * (0.004817 + t * 0.000014)) * np.sin(anomaly)
        + (0.019993 - t * 0.000101) * np.sin(2.0 * anomaly)
        + 0.000289 * np.sin(3.0 * anomaly)
    )
    node = np.radians(125.04 - 1934.136 * t)  # of the Moon's orbit
    nutation_deg = -0.00478 * np.sin(node)
    longitude_deg = mean_longitude_deg + centre_deg + _perturbations_deg(t) - 0.00569 + nutation_deg
    longitude = np.radians(longitude_deg)
    distance_m = (
        ASTRONOMICAL_UNIT_M
        * 1.000001018
        * (1.0 - eccentricity**2)
        / (1.0 + eccentricity * np.cos(anomaly + np.radians(centre_deg)))
    )
    obliquity = np.radians(23.4392911 - 0.0130042 * t + 0.00256 * np.cos(node))
    # SGP4's x axis is that far behind the true equinox: the equation of the equinoxes.
    equinox = np.radians(nutation_deg) * np.cos(obliquity)
    x, y = np.cos(longitude), np.cos(obliquity) * np.sin(longitude)
    return distance_m[..., None] * np.stack(
        (
            np.cos(equinox) * x + np.sin(equinox) * y,
            np.cos(equinox) * y - np.sin(equinox) * x,
            np.sin(obliquity) * np.sin(longitude),
        ),
        axis=-1,
    )


def _perturbations_deg(t):
    """What Venus, Mars, Jupiter and the Moon add to the Sun's longitude."""
    t = t + 1.0 + 0.5 / _DAYS_PER_CENTURY  # these terms count from 1900 January 0.5
    return (
        0.00134 * np.cos(np.radians(153.23 + 22_518.7541 * t))
        + 0.00154 * np.cos(np.radians(216.57 + 45_037.5082 * t))
        + 0.00200 * np.cos(np.radians(312.69 + 32_964.3577 * t))
        + 0.00179 * np.sin(np.radians(350.74 + 445_267.1142 * t - 0.00144 * t**2))
        + 0.00178 * np.sin(np.radians(231.19 + 20.20 * t))
    )


def sun_position(day, fraction):
    """Position of the Sun, Earth-fixed, in m; otherwise as `sun_position_teme_m`."""
    x, y, z = np.moveaxis(sun_position_teme_m(day, fraction), -1, 0)
    angle = sidereal_time_rad(day, fraction)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack((cosine * x + sine * y, cosine * y - sine * x, z), axis=-1)


def sun_direction_ecef(day, fraction):
    """Unit vector from the Earth's centre to the Sun, Earth-fixed: float64 array, shape (..., 3)."""
    position_m = sun_position(day, fraction)
    return position_m / np.linalg.norm(position_m, axis=-1, keepdims=True)
