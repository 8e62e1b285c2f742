"""Kernels for directions seen from a ground site."""

import math

from lasermesh.compiled import kernel


@kernel
def fill_look_angles(station_m, up, east, satellites_m, azimuth_rad, elevation_rad, range_m):
    """Direction and range of satellites from a station with unit vectors `up` and `east`, all Earth-fixed.

    `satellites_m` is float64 (n, 3), the outputs float64 (n,). nan where satellite and station coincide;
    a satellite in the zenith has azimuth 0.
    """
    north_x = up[1] * east[2] - up[2] * east[1]
    north_y = up[2] * east[0] - up[0] * east[2]
    north_z = up[0] * east[1] - up[1] * east[0]
    for i in range(satellites_m.shape[0]):
        x = satellites_m[i, 0] - station_m[0]
        y = satellites_m[i, 1] - station_m[1]
        z = satellites_m[i, 2] - station_m[2]
        toward_up = up[0] * x + up[1] * y + up[2] * z
        toward_east = east[0] * x + east[1] * y + east[2] * z
        toward_north = north_x * x + north_y * y + north_z * z
        across = math.hypot(toward_east, toward_north)
        distance = math.sqrt(x * x + y * y + z * z)
        range_m[i] = distance
        if distance > 0.0:
            azimuth_rad[i] = math.atan2(toward_east, toward_north) % (2.0 * math.pi)
            elevation_rad[i] = math.atan2(toward_up, across)
        else:
            azimuth_rad[i] = math.nan
            elevation_rad[i] = math.nan
