"""Ground sites on the WGS84 ellipsoid, and the directions in which satellites are seen from them."""

import numpy as np

from lasermesh.orbits.arguments import as_float_array
from lasermesh.orbits.sites_kernels import fill_look_angles
from lasermesh.units import WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING, WGS84_POLAR_RADIUS_M

_ECCENTRICITY_SQUARED = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
_LATITUDE_STEPS = 8  # near the surface two are enough


def ecef_from_geodetic(latitude_rad, longitude_rad, height_m):
    """Earth-fixed position of points given by geodetic WGS84 coordinates.

    Parameters
    ----------
    latitude_rad, longitude_rad, height_m : array_like, shapes that broadcast to (...)

    Returns
    -------
    position_m : float64 array, shape (..., 3)
    """
    latitude, longitude, height = np.broadcast_arrays(
        np.asarray(latitude_rad, float), np.asarray(longitude_rad, float), np.asarray(height_m, float)
    )
    sine = np.sin(latitude)
    normal_m = WGS84_EQUATORIAL_RADIUS_M / np.sqrt(1.0 - _ECCENTRICITY_SQUARED * sine**2)
    across_m = (normal_m + height) * np.cos(latitude)
    return np.stack(
        (
            across_m * np.cos(longitude),
            across_m * np.sin(longitude),
            (normal_m * (1.0 - _ECCENTRICITY_SQUARED) + height) * sine,
        ),
        axis=-1,
    )


def geodetic_from_ecef(position_m):
    """Geodetic WGS84 coordinates of Earth-fixed points: the inverse of `ecef_from_geodetic`.

    Parameters
    ----------
    position_m : array_like, shape (..., 3)
        Points on the surface or above it; within 50 km of the Earth's centre the vertical is ill-defined.

    Returns
    -------
    latitude_rad, longitude_rad, height_m : float64 arrays, shape (...)
        Longitude in [-pi, pi]; exact to 1e-6 m from 100 km below the surface upwards.
    """
    position = np.asarray(position_m, float)
    x, y, z = position[..., 0], position[..., 1], position[..., 2]
    across = np.hypot(x, y)
    # Bowring's iteration on the reduced latitude (B. R. Bowring, Survey Review 23, 1976, equation 7).
    reduced = np.arctan2(z * WGS84_EQUATORIAL_RADIUS_M, across * WGS84_POLAR_RADIUS_M)
    second_eccentricity_squared = _ECCENTRICITY_SQUARED / (1.0 - _ECCENTRICITY_SQUARED)
    for _ in range(_LATITUDE_STEPS):
        latitude = np.arctan2(
            z + second_eccentricity_squared * WGS84_POLAR_RADIUS_M * np.sin(reduced) ** 3,
            across - _ECCENTRICITY_SQUARED * WGS84_EQUATORIAL_RADIUS_M * np.cos(reduced) ** 3,
        )
        reduced = np.arctan2((1.0 - WGS84_FLATTENING) * np.sin(latitude), np.cos(latitude))
    surface = ecef_from_geodetic(latitude, np.arctan2(y, x), 0.0)
    height = np.sum((position - surface) * up_vector(latitude, np.arctan2(y, x)), axis=-1)
    return latitude, np.arctan2(y, x), height


def up_vector(latitude_rad, longitude_rad):
    """Unit vector of the geodetic vertical, Earth-fixed: float64 array, shape (..., 3)."""
    latitude, longitude = np.asarray(latitude_rad, float), np.asarray(longitude_rad, float)
    across = np.cos(latitude)
    return np.stack((across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)), axis=-1)


def look_angles(station_ecef_m, satellites_ecef_m):
    """Azimuth, elevation and range of each satellite seen from one ground station.

    Parameters
    ----------
    station_ecef_m : array_like, shape (3,)
    satellites_ecef_m : array_like, shape (n_satellites, 3)

    Returns
    -------
    azimuth_rad : float64 array, shape (n_satellites,)
        In [0, 2 pi), from north through east.
    elevation_rad : float64 array, shape (n_satellites,)
        In [-pi/2, pi/2], negative below the horizon.
    range_m : float64 array, shape (n_satellites,)
        Where station and satellite coincide the range is 0 and both angles are nan.

    Raises
    ------
    ValueError
        If a shape is wrong, or the station lies at the Earth's centre.

    Notes
    -----
    Up is the geodetic vertical of the WGS84 ellipsoid; no refraction.
    """
    station = as_float_array(station_ecef_m, (3,), "station_ecef_m")
    satellites = as_float_array(satellites_ecef_m, (None, 3), "satellites_ecef_m")
    if not station.any():
        raise ValueError("station_ecef_m is the Earth's centre, which has no horizon")
    latitude, longitude, _ = geodetic_from_ecef(station)
    up = up_vector(latitude, longitude)
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    azimuth_rad, elevation_rad, range_m = np.empty((3, len(satellites)))
    fill_look_angles(station, up, east, satellites, azimuth_rad, elevation_rad, range_m)
    return azimuth_rad, elevation_rad, range_m


def elevation(station_ecef_m, satellites_ecef_m):
    """Elevation of each satellite above one ground station's horizon; see `look_angles`."""
    return look_angles(station_ecef_m, satellites_ecef_m)[1]
