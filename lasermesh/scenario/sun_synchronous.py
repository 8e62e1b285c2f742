"""Orbits that keep their angle to the Sun: inclination from the altitude, node from the local time."""

import math

from lasermesh.units import (
    ALTITUDE_DATUM_M,
    WGS72_EQUATORIAL_RADIUS_M,
    WGS72_GRAVITY_M3_PER_S2,
    WGS72_J2,
)

_DAY_S = 86_400.0
# The mean Sun's motion along the equator (Meeus, Astronomical Algorithms, 2nd edition, equation 25.2).
_SUN_DEG_PER_CENTURY = 36_000.76983
_SUN_AT_J2000_DEG = 280.46646
_DAYS_PER_CENTURY = 36_525.0
_ORDINAL_OF_J2000 = 730_120.5  # of datetime, at noon of 2000-01-01


def sun_synchronous_inclination_deg(altitude_km, mean_motion_rev_per_day):
    """Inclination at which a circular orbit's node keeps pace with the mean Sun; None where there is none.

    By J2 alone (Vallado, Fundamentals of Astrodynamics, 4th edition, equation 9-37), as such orbits are
    published. SGP4 has terms of J4 and J2 squared too, with which the local time gains 4 min in a year at
    650 km.

    Parameters
    ----------
    altitude_km, mean_motion_rev_per_day : float or None
        One of them: the semi-major axis less the Earth's radius, or the mean motion as element sets state it.
    """
    cosine = 0.0
    for _ in range(10):  # the axis depends on the inclination, by a thousandth, where the motion is given
        if altitude_km is not None:
            axis_m = ALTITUDE_DATUM_M + altitude_km * 1000.0
        else:
            axis_m = _axis_m(mean_motion_rev_per_day * 2.0 * math.pi / _DAY_S, cosine)
        motion = math.sqrt(WGS72_GRAVITY_M3_PER_S2 / axis_m**3)
        wanted = math.radians(_SUN_DEG_PER_CENTURY / _DAYS_PER_CENTURY) / _DAY_S
        cosine = -wanted / (1.5 * motion * WGS72_J2 * (WGS72_EQUATORIAL_RADIUS_M / axis_m) ** 2)
        if cosine < -1.0:
            return None
    return math.degrees(math.acos(cosine))


def node_deg_of_local_time(local_time_h, epoch):
    """Right ascension in [0, 360) of a node whose local mean time is this, at an instant (UTC)."""
    days = epoch.toordinal() - _ORDINAL_OF_J2000
    days += (epoch.hour * 3600 + epoch.minute * 60 + epoch.second + epoch.microsecond * 1e-6) / _DAY_S
    sun_deg = _SUN_AT_J2000_DEG + _SUN_DEG_PER_CENTURY * days / _DAYS_PER_CENTURY
    return (sun_deg + (local_time_h - 12.0) * 15.0) % 360.0


def _axis_m(kozai_rad_per_s, cosine):
    """Semi-major axis that SGP4 flies for a circular orbit's mean motion (Spacetrack Report 3, section 6)."""
    oblateness = 0.75 * WGS72_J2 * (3.0 * cosine**2 - 1.0)
    axis_1 = (WGS72_GRAVITY_M3_PER_S2 / kozai_rad_per_s**2) ** (1 / 3) / WGS72_EQUATORIAL_RADIUS_M
    delta_1 = oblateness / axis_1**2
    axis_0 = axis_1 * (1.0 - delta_1 * (1.0 / 3.0 + delta_1 * (1.0 + 134.0 / 81.0 * delta_1)))
    brouwer = kozai_rad_per_s / (1.0 + oblateness / axis_0**2)
    return (WGS72_GRAVITY_M3_PER_S2 / brouwer**2) ** (1 / 3)
