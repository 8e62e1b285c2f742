"""Earth-fixed states of satellites one at a time: SGP4 at the very instant, then a rotation written out."""

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
