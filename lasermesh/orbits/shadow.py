"""Which satellites the Earth's shadow falls on, and for how much of an orbit."""

from typing import NamedTuple

import numpy as np

from lasermesh.orbits.arguments import as_float_array
from lasermesh.orbits.satellites import orbit_period_s
from lasermesh.orbits.sun import SUN_RADIUS_M, sun_position
from lasermesh.orbits.sun_kernels import (
    PENUMBRA,
    SUNLIT,
    UMBRA,
    UNKNOWN,
    fill_illumination,
    fill_limb_angles,
)
from lasermesh.units import WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING

__all__ = ["PENUMBRA", "SUNLIT", "UMBRA", "UNKNOWN", "OrbitLight", "eclipse_fraction", "illumination"]

_ELLIPSOID = (WGS84_EQUATORIAL_RADIUS_M, 1.0 / (1.0 - WGS84_FLATTENING), SUN_RADIUS_M)
_SAMPLES = 720  # of an orbit: no eclipse that is shorter than 10 s can be missed at 1,000 km


class OrbitLight(NamedTuple):
    """Shares of one orbit, which add up to 1."""

    sunlit: float
    penumbra: float
    umbra: float
    centre_hidden: float  # share in which the Sun's centre is hidden: about umbra and half the penumbra
    period_s: float


def illumination(position_m, sun_m):
    """What the Earth's shadow makes of each position: conical, of the WGS84 ellipsoid, without an atmosphere.

    Parameters
    ----------
    position_m : array_like, shape (n, 3)
        Earth-fixed; nan allowed.
    sun_m : array_like, shape (3,)
        Position of the Sun, Earth-fixed (`sun_position`).

    Returns
    -------
    lit : int8 array, shape (n,)
        SUNLIT = 0, PENUMBRA = 1 (part of the Sun is hidden), UMBRA = 2, UNKNOWN = -1 for nan.
    """
    position = as_float_array(position_m, (None, 3), "position_m")
    sun = as_float_array(sun_m, (3,), "sun_m")
    lit = np.empty(len(position), dtype=np.int8)
    fill_illumination(position, sun, *_ELLIPSOID, lit)
    return lit


def eclipse_fraction(ephemeris, row, t_s, round_earth_m=None) -> OrbitLight:
    """How much of the orbit that begins at an instant a satellite spends in the light and in the shadow.

    Parameters
    ----------
    ephemeris : Ephemeris
    row : int
        Of a satellite; that of a formation stands for its leader.
    t_s : float
        Seconds since the topology's epoch.
    round_earth_m : float, optional
        Radius of a sphere instead of the ellipsoid, as formulas have it: its poles are up to 21 km higher
        than the Earth's, which makes the short eclipses of dawn-dusk orbits longer.

    Raises
    ------
    ValueError
        For a node without an orbit, or a satellite that SGP4 refuses within the orbit.
    """
    record = ephemeris.record_of(row)
    period_s = orbit_period_s(record)
    times_s = t_s + np.linspace(0.0, period_s, _SAMPLES + 1)
    above, half_sun = limb_angles(record, ephemeris.clock, times_s, round_earth_m)
    if np.isnan(above).any():
        raise ValueError(
            f'satellite "{ephemeris.names[row]}" has no position in the orbit from t = {t_s:g} s'
        )
    umbra, hidden = _share_below(above + half_sun), _share_below(above)
    sunlit = 1.0 - _share_below(above - half_sun)
    return OrbitLight(sunlit, 1.0 - sunlit - umbra, umbra, hidden, period_s)


def limb_angles(record, clock, times_s, round_earth_m=None):
    """The Sun as one satellite sees it at many instants.

    Parameters
    ----------
    record : Satrec
    clock : Clock
    times_s : float64 array, shape (n,)
        Seconds since the topology's epoch.
    round_earth_m : float, optional
        As for `eclipse_fraction`.

    Returns
    -------
    above_rad, half_sun_rad : float64 arrays, shape (n,)
        The Sun's centre above the Earth's limb, negative where it is hidden, and half the Sun's width; the
        first is nan where SGP4 refuses the satellite.
    """
    sun_m = sun_position(clock.day, clock.fraction(times_s))
    above, half_sun = np.empty((2, len(times_s)))
    earth = _ELLIPSOID if round_earth_m is None else (float(round_earth_m), 1.0, SUN_RADIUS_M)
    fill_limb_angles(_track(record, clock, times_s), sun_m, *earth, above, half_sun)
    return above, half_sun


def _share_below(values):
    """Share of the length over which what runs in straight lines between equally spaced values is below 0."""
    first, second = values[:-1], values[1:]
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    crossing = (lower < 0.0) & (upper > 0.0)
    part = np.where(upper <= 0.0, 1.0, 0.0)
    part[crossing] = -lower[crossing] / (upper[crossing] - lower[crossing])
    return float(np.mean(np.where((lower == 0.0) & (upper == 0.0), 0.0, part)))


def _track(record, clock, times_s):
    """Earth-fixed positions (m) of one satellite at many instants, by SGP4 at each: float64 (n, 3)."""
    errors, teme_km, _ = record.sgp4_array(np.full(len(times_s), clock.day), clock.fraction(times_s))
    angles_rad = clock.sidereal_rad(times_s)
    cosine, sine = np.cos(angles_rad), np.sin(angles_rad)
    x, y, z = teme_km.T * 1000.0
    position_m = np.stack((cosine * x + sine * y, cosine * y - sine * x, z), axis=1)
    position_m[errors != 0] = np.nan
    return position_m
