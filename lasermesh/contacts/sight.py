"""Line of sight between points in space."""

import numpy as np

from lasermesh.contacts.conditions_kernels import World, grazing_height_m
from lasermesh.orbits.arguments import as_float_array
from lasermesh.units import WGS84_EQUATORIAL_RADIUS_M, WGS84_POLAR_RADIUS_M


def raised_ellipsoid(grazing_altitude_m):
    """One over the equatorial and polar semi-axes of WGS84, both raised by the grazing altitude: 1/m."""
    return (
        1.0 / (WGS84_EQUATORIAL_RADIUS_M + grazing_altitude_m),
        1.0 / (WGS84_POLAR_RADIUS_M + grazing_altitude_m),
    )


def clears_earth(starts_ecef_m, ends_ecef_m, grazing_altitude_m):
    """Whether straight lines between points clear the Earth by a grazing altitude.

    Parameters
    ----------
    starts_ecef_m, ends_ecef_m : array_like, shape (n, 3)
    grazing_altitude_m : float

    Returns
    -------
    clear : bool array, shape (n,)
        False where a coordinate is nan.

    Raises
    ------
    ValueError
        If a shape is wrong or there are not as many ends as starts.

    Notes
    -----
    The Earth is the ellipsoid with the WGS84 semi-axes, each raised by the grazing altitude. That is not
    quite the surface of points at that height: at 80 km the two are up to 0.12 m apart. The segment counts,
    not the line beyond its ends. A segment that touches is clear.
    """
    starts = as_float_array(starts_ecef_m, (None, 3), "starts_ecef_m")
    ends = as_float_array(ends_ecef_m, (len(starts), 3), "ends_ecef_m")
    world = World(*np.empty((3, 0, 0)), *raised_ellipsoid(float(grazing_altitude_m)))
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return np.array([grazing_height_m(world, tuple(a), tuple(b)) >= 0.0 for a, b in pairs], dtype=bool)
