"""Kernels for the Earth's shadow."""

import math

from lasermesh.compiled import kernel

SUNLIT, PENUMBRA, UMBRA, UNKNOWN = 0, 1, 2, -1


@kernel
def shadow_angles(x_m, y_m, z_m, sun_m, radius_m, stretch, sun_radius_m):
    """How far the Sun's centre is from the Earth's limb, seen from one place, and half the Sun's width (rad).

    Earth-fixed, `sun_m` float64 (3,). The ellipsoid becomes a sphere of `radius_m` where the axis is
    stretched by `stretch`, and lines stay lines; the Sun's width changes by less than a thousandth of a
    degree. Negative where the centre is hidden.
    """
    z = z_m * stretch
    distance = math.sqrt(x_m * x_m + y_m * y_m + z * z)
    to_sun_x = sun_m[0] - x_m
    to_sun_y = sun_m[1] - y_m
    to_sun_z = sun_m[2] * stretch - z
    sun_distance = math.sqrt(to_sun_x * to_sun_x + to_sun_y * to_sun_y + to_sun_z * to_sun_z)
    cosine = -(x_m * to_sun_x + y_m * to_sun_y + z * to_sun_z) / (distance * sun_distance)
    apart = math.acos(min(1.0, max(-1.0, cosine)))
    earth = math.asin(min(1.0, radius_m / distance))
    return apart - earth, math.asin(sun_radius_m / sun_distance), earth


@kernel
def fill_illumination(position_m, sun_m, radius_m, stretch, sun_radius_m, lit):
    """SUNLIT, PENUMBRA or UMBRA for each position, float64 (n, 3), into int8 (n,); nan gives UNKNOWN.

    Montenbruck and Gill, Satellite Orbits, section 3.4.2: two discs in the sky that overlap not, in part or
    wholly. From so far away that the Earth is smaller than the Sun there is no umbra.
    """
    for i in range(position_m.shape[0]):
        x, y, z = position_m[i, 0], position_m[i, 1], position_m[i, 2]
        if math.isnan(x):
            lit[i] = UNKNOWN
            continue
        above, half_sun, earth = shadow_angles(x, y, z, sun_m, radius_m, stretch, sun_radius_m)
        if above >= half_sun:
            lit[i] = SUNLIT
        elif above <= -half_sun and earth >= half_sun:
            lit[i] = UMBRA
        else:
            lit[i] = PENUMBRA


@kernel
def fill_limb_angles(position_m, sun_m, radius_m, stretch, sun_radius_m, above_rad, half_sun_rad):
    """`shadow_angles` of positions and Suns, float64 (n, 3) each, into float64 (n,)."""
    for i in range(position_m.shape[0]):
        x, y, z = position_m[i, 0], position_m[i, 1], position_m[i, 2]
        above, half_sun, _ = shadow_angles(x, y, z, sun_m[i], radius_m, stretch, sun_radius_m)
        above_rad[i] = above
        half_sun_rad[i] = half_sun
