"""Satellites one at a time: SGP4 at the very instant, a rotation written out, shadows by rays."""

import math

import numpy as np
from sgp4.api import Satrec

EARTH_ROTATION_RAD_PER_S = 7.292115e-5


def julian_date(instant):
    """Days and fraction since the Julian era's start, from the calendar (Vallado, algorithm 14)."""
    year, month, day = instant.year, instant.month, instant.day
    days = 367 * year - 7 * (year + (month + 9) // 12) // 4 + 275 * month // 9 + day + 1_721_013.5
    return days, (instant.hour + (instant.minute + instant.second / 60.0) / 60.0) / 24.0


def sidereal_time_rad(days, fraction):
    """Greenwich mean sidereal time 1982 (Vallado, equation 3-45), as its source writes it."""
    t = (days - 2_451_545.0 + fraction) / 36_525.0
    seconds = 67_310.54841 + (876_600.0 * 3600.0 + 8_640_184.812866) * t + 0.093104 * t**2 - 6.2e-6 * t**3
    return math.radians(seconds % 86_400.0 / 240.0)


def earth_fixed(record: Satrec, days, fraction):
    """Position (m) and velocity (m/s) of one SGP4 record at one instant, or None where SGP4 refuses it."""
    error, position_km, velocity_km_per_s = record.sgp4(days, fraction)
    if error:
        return None
    angle = sidereal_time_rad(days, fraction)
    rotation = np.array(
        [
            [math.cos(angle), math.sin(angle), 0.0],
            [-math.sin(angle), math.cos(angle), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    position = rotation @ position_km * 1000.0
    velocity = rotation @ velocity_km_per_s * 1000.0
    return position, velocity - np.cross([0.0, 0.0, EARTH_ROTATION_RAD_PER_S], position)


def local_axes(position_m, velocity_m_per_s):
    """Unit vectors fore, left, up of an Earth-fixed state."""
    position, velocity = np.array(position_m), np.array(velocity_m_per_s)
    inertial = velocity + np.cross([0.0, 0.0, EARTH_ROTATION_RAD_PER_S], position)
    up = position / np.linalg.norm(position)
    left = np.cross(position, inertial)
    left /= np.linalg.norm(left)
    return np.cross(left, up), left, up


def hill_offset(offset_m, angle_rad):
    """Where (fore, left, up) has come after this angle, from Hill's equations integrated in small steps.

    x up, y fore, z left, time in 1 / mean motion: x'' = 2 y' + 3 x, y'' = -2 x', z'' = -z. It starts with
    y' = -2 x, without which it drifts away, x' = y / 2, which centres it on the leader, and z' = 0.
    """
    fore, left, up = offset_m
    state = np.array([up, fore, left, 0.5 * fore, -2.0 * up, 0.0])
    steps = 2000
    h = angle_rad / steps

    def slope(s):
        return np.array([s[3], s[4], s[5], 2.0 * s[4] + 3.0 * s[0], -2.0 * s[3], -s[2]])

    for _ in range(steps):
        k1 = slope(state)
        k2 = slope(state + h / 2 * k1)
        k3 = slope(state + h / 2 * k2)
        k4 = slope(state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state[1], state[2], state[0]


def hidden_share_of_sun(position_m, sun_m, sun_radius_m, equator_m, flattening, rings=12, spokes=24):
    """Share of the Sun's disc that the Earth's ellipsoid hides: by rays to points spread evenly on it."""
    position, sun = np.array(position_m), np.array(sun_m)
    squash = np.array([1.0, 1.0, 1.0 / (1.0 - flattening)]) / equator_m
    axis = (sun - position) / np.linalg.norm(sun - position)
    side = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    hidden = 0
    for ring in range(rings):
        radius = sun_radius_m * math.sqrt((ring + 0.5) / rings)
        for spoke in range(spokes):
            turn = 2.0 * math.pi * (spoke + 0.5 * (ring % 2)) / spokes
            point = sun + radius * (math.cos(turn) * side + math.sin(turn) * other)
            start, ray = position * squash, (point - position) * squash
            # The nearest point of the ray to the centre of the sphere that the ellipsoid has become.
            along = max(0.0, -(start @ ray) / (ray @ ray))
            hidden += np.linalg.norm(start + along * ray) < 1.0
    return hidden / (rings * spokes)


def cylinder_eclipse_fraction(radius_m, earth_radius_m, beta_rad):
    """Share of a circular orbit in the shadow of parallel light; beta is the Sun's angle above its plane."""
    edge = math.sqrt(radius_m**2 - earth_radius_m**2) / (radius_m * math.cos(beta_rad))
    return math.acos(edge) / math.pi if edge < 1.0 else 0.0
