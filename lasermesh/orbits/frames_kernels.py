"""Kernels that turn SGP4's frame into the Earth-fixed one and interpolate between knots."""

import math

from lasermesh.compiled import kernel
from lasermesh.units import WGS72_GRAVITY_M3_PER_S2

M_PER_KM = 1000.0


@kernel
def fill_earth_fixed(
    teme_position_km,
    teme_velocity_km_per_s,
    sidereal_rad,
    rotation_rad_per_s,
    position_m,
    velocity_m_per_s,
):
    """Turn TEME states into Earth-fixed ones: a rotation by sidereal time, velocity less the rotation's.

    Vallado et al., AIAA 2006-6753, appendix C, without polar motion. All arrays are float64 (n, 3).
    """
    cosine = math.cos(sidereal_rad)
    sine = math.sin(sidereal_rad)
    for i in range(teme_position_km.shape[0]):
        x = (cosine * teme_position_km[i, 0] + sine * teme_position_km[i, 1]) * M_PER_KM
        y = (cosine * teme_position_km[i, 1] - sine * teme_position_km[i, 0]) * M_PER_KM
        v_x = (cosine * teme_velocity_km_per_s[i, 0] + sine * teme_velocity_km_per_s[i, 1]) * M_PER_KM
        v_y = (cosine * teme_velocity_km_per_s[i, 1] - sine * teme_velocity_km_per_s[i, 0]) * M_PER_KM
        position_m[i, 0] = x
        position_m[i, 1] = y
        position_m[i, 2] = teme_position_km[i, 2] * M_PER_KM
        velocity_m_per_s[i, 0] = v_x + rotation_rad_per_s * y
        velocity_m_per_s[i, 1] = v_y - rotation_rad_per_s * x
        velocity_m_per_s[i, 2] = teme_velocity_km_per_s[i, 2] * M_PER_KM


@kernel
def fill_consistent_velocity(
    position_0_m,
    velocity_0_m_per_s,
    position_1_m,
    velocity_1_m_per_s,
    knot_s,
    rotation_rad_per_s,
    consistent_0_m_per_s,
    consistent_1_m_per_s,
):
    """Add the same to the velocities at two knots, so that they lead from the one position to the other.

    SGP4's velocity is not quite how fast its position changes: up to 0.5 m/s off for satellites that decay,
    which a polynomial through it turned into 0.9 m at 30 s (0.07 m with this). Where the velocities should
    lead is known from the Euler-Maclaurin formula, p1 - p0 = h (v0 + v1) / 2 + h^2 (a0 - a1) / 12 + O(h^5),
    in which the acceleration of two bodies in the rotating frame is good enough. All arrays are float64
    (n, 3).
    """
    for i in range(position_0_m.shape[0]):
        a0 = acceleration(position_0_m, velocity_0_m_per_s, i, rotation_rad_per_s)
        a1 = acceleration(position_1_m, velocity_1_m_per_s, i, rotation_rad_per_s)
        for axis in range(3):
            v0 = velocity_0_m_per_s[i, axis]
            v1 = velocity_1_m_per_s[i, axis]
            mean = (position_1_m[i, axis] - position_0_m[i, axis]) / knot_s
            missing = mean - 0.5 * (v0 + v1) - knot_s / 12.0 * (a0[axis] - a1[axis])
            consistent_0_m_per_s[i, axis] = v0 + missing
            consistent_1_m_per_s[i, axis] = v1 + missing


@kernel
def acceleration(position_m, velocity_m_per_s, i, rotation_rad_per_s):
    """Acceleration (m/s^2) of row `i` in the Earth-fixed frame: point mass, Coriolis and centrifugal."""
    x, y, z = position_m[i, 0], position_m[i, 1], position_m[i, 2]
    radius_m = math.sqrt(x * x + y * y + z * z)
    pull = -WGS72_GRAVITY_M3_PER_S2 / radius_m**3
    outward = rotation_rad_per_s**2
    return (
        (pull + outward) * x + 2.0 * rotation_rad_per_s * velocity_m_per_s[i, 1],
        (pull + outward) * y - 2.0 * rotation_rad_per_s * velocity_m_per_s[i, 0],
        pull * z,
    )


@kernel
def fill_between_knots(
    position_0_m,
    velocity_0_m_per_s,
    position_1_m,
    velocity_1_m_per_s,
    knot_s,
    share,
    position_m,
    velocity_m_per_s,
):
    """Cubic Hermite polynomial through position and velocity at two knots, and its derivative.

    All arrays are float64 (n, 3), the knots `knot_s` apart; `share` in [0, 1] is how far the wanted instant
    is from the first to the second. nan at either knot gives nan. One core fills 1,584 satellites in 10 us
    and 10,758 in 80: no more than a parallel launch costs.
    """
    s = share
    weight_p1 = s * s * (3.0 - 2.0 * s)
    weight_p0 = 1.0 - weight_p1
    weight_v0 = s * (1.0 - s) * (1.0 - s) * knot_s
    weight_v1 = s * s * (s - 1.0) * knot_s
    slope_p = 6.0 * s * (1.0 - s) / knot_s
    slope_v0 = (1.0 - s) * (1.0 - 3.0 * s)
    slope_v1 = s * (3.0 * s - 2.0)
    for i in range(position_0_m.shape[0]):
        for axis in range(3):
            p0 = position_0_m[i, axis]
            p1 = position_1_m[i, axis]
            v0 = velocity_0_m_per_s[i, axis]
            v1 = velocity_1_m_per_s[i, axis]
            position_m[i, axis] = weight_p0 * p0 + weight_p1 * p1 + weight_v0 * v0 + weight_v1 * v1
            velocity_m_per_s[i, axis] = slope_p * (p1 - p0) + slope_v0 * v0 + slope_v1 * v1
