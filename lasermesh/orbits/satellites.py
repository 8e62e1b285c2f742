"""SGP4 records of the satellites of a topology: from orbital patterns and from element sets."""

import math

import numpy as np
from sgp4.api import WGS72, Satrec

from lasermesh.orbits.frames import SECONDS_PER_DAY
from lasermesh.units import (
    ALTITUDE_DATUM_M,
    WGS72_EQUATORIAL_RADIUS_M,
    WGS72_GRAVITY_M3_PER_S2,
    WGS72_J2,
)

_JULIAN_DATE_SGP4_ZERO = 2_433_281.5  # 1949-12-31, from which sgp4init counts days
_SECONDS_PER_MINUTE = 60.0
_IMPROVED = "i"  # sgp4init's usual mode of operation


def kozai_mean_motion_rad_per_s(semi_major_axis_m, inclination_rad):
    """The mean motion that an element set must state for a circular orbit of this semi-major axis.

    Element sets carry Kozai's mean motion; SGP4 recovers Brouwer's from it (Hoots and Roehrich, Spacetrack
    Report 3, section 6) and flies the semi-major axis that belongs to that by Kepler's third law. Here the
    recovery is inverted, so that the osculating semi-major axis averages to the one asked for. The naive
    sqrt(mu / a^3) would fly 0.3 km off at 53 deg and 3 km off at 98 deg.
    """
    brouwer = math.sqrt(WGS72_GRAVITY_M3_PER_S2 / semi_major_axis_m**3)
    oblateness = 0.75 * WGS72_J2 * (3.0 * math.cos(inclination_rad) ** 2 - 1.0)
    kozai = brouwer
    for _ in range(10):  # each round shrinks the error a thousandfold
        axis_1 = (WGS72_GRAVITY_M3_PER_S2 / kozai**2) ** (1 / 3) / WGS72_EQUATORIAL_RADIUS_M
        delta_1 = oblateness / axis_1**2
        axis_0 = axis_1 * (1.0 - delta_1 * (1.0 / 3.0 + delta_1 * (1.0 + 134.0 / 81.0 * delta_1)))
        kozai = brouwer * (1.0 + oblateness / axis_0**2)
    return kozai


def phase_step_deg(group):
    """By how many degrees plane p's satellites are ahead of plane 0's, for each plane: float64 (planes,)."""
    plane = np.arange(group.planes)
    if group.phasing_factor == "half-slot":
        return (plane % 2) * 180.0 / group.slots
    return plane * (group.phasing_factor * 360.0 / (group.planes * group.slots))


def slot_phases_deg(group):
    """Argument of latitude at epoch of every slot of a pattern, vacant ones too: float64 (planes, slots)."""
    return group.anomaly_deg + phase_step_deg(group)[:, None] + np.arange(group.slots) * 360.0 / group.slots


def pattern_satellites(group, day, fraction):
    """SGP4 records of a Walker pattern's satellites in row order, with epoch at the Julian date given.

    Circular, without drag; all planes have the same elements but for the node, so they precess together.
    """
    inclination_rad = math.radians(group.inclination_deg)
    if group.mean_motion_rev_per_day is not None:
        motion_rad_per_s = group.mean_motion_rev_per_day * 2.0 * math.pi / SECONDS_PER_DAY
    else:
        semi_major_axis_m = ALTITUDE_DATUM_M + group.altitude_km * 1000.0
        motion_rad_per_s = kozai_mean_motion_rad_per_s(semi_major_axis_m, inclination_rad)
    phases_rad = np.radians(slot_phases_deg(group)) % (2.0 * math.pi)
    nodes_rad = np.radians(group.raan_deg + np.arange(group.planes) * group.raan_spread_deg / group.planes)
    records = []
    for plane, slot in group.plane_slot.tolist():
        record = Satrec()
        record.sgp4init(
            WGS72,
            _IMPROVED,
            0,  # catalogue number
            day - _JULIAN_DATE_SGP4_ZERO + fraction,
            0.0,  # bstar: no drag
            0.0,  # ndot, which SGP4 does not use
            0.0,  # nddot, likewise
            0.0,  # eccentricity
            0.0,  # argument of perigee: the mean anomaly counts from the node
            inclination_rad,
            phases_rad[plane, slot],
            motion_rad_per_s * _SECONDS_PER_MINUTE,
            nodes_rad[plane] % (2.0 * math.pi),
        )
        records.append(record)
    return records


def element_satellites(group):
    """SGP4 records of a group given by element sets, in row order."""
    return [Satrec.twoline2rv(elements.line1, elements.line2, WGS72) for elements in group.element_sets]


def mean_argument_of_latitude_rad(record, day, fraction):
    """Mean argument of perigee plus mean anomaly at an instant, in [0, 2 pi); nan if SGP4 refuses."""
    error, _, _ = record.sgp4(day, fraction)
    return math.nan if error else (record.om + record.mm) % (2.0 * math.pi)
