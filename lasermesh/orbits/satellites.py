"""Satellites of a topology group by group, as SGP4 takes them: from orbital patterns and element sets."""

import math

import numpy as np
from sgp4.api import WGS72, Satrec, SatrecArray

from lasermesh.orbits.circular_kernels import CircularOrbit, fill_circular_states, fill_many_circular_states
from lasermesh.orbits.frames import SECONDS_PER_DAY
from lasermesh.orbits.frames_kernels import fill_earth_fixed
from lasermesh.units import (
    ALTITUDE_DATUM_M,
    EARTH_ROTATION_RAD_PER_S,
    WGS72_EQUATORIAL_RADIUS_M,
    WGS72_GRAVITY_M3_PER_S2,
    WGS72_J2,
)

_JULIAN_DATE_SGP4_ZERO = 2_433_281.5  # 1949-12-31, from which sgp4init counts days
_SECONDS_PER_MINUTE = 60.0
_MINUTES_PER_DAY = 1440.0
_IMPROVED = "i"  # sgp4init's usual mode of operation
_NEAR_EARTH = "n"  # SGP4's method for periods below 225 min

# A SatrecArray copies its records, 1 kB each: not all of them need to exist twice.
_RECORDS_AT_A_TIME = 20_000

# From so many satellites of a pattern on, all cores work: one takes 0.25 us for each.
_MANY = 50_000

# Orbits whose perigee is above this, in Earth radii, and that have no drag, never meet the ground.
_SAFE_PERIGEE = 1.02


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


def plane_nodes_deg(group):
    """Right ascension of the ascending node at the epoch of every plane of a pattern: float64 (planes,)."""
    return group.raan_deg + np.arange(group.planes) * group.raan_spread_deg / group.planes


def pattern_motion_rad_per_s(group):
    """The (Kozai) mean motion of a pattern's satellites."""
    if group.mean_motion_rev_per_day is not None:
        return group.mean_motion_rev_per_day * 2.0 * math.pi / SECONDS_PER_DAY
    semi_major_axis_m = ALTITUDE_DATUM_M + group.altitude_km * 1000.0
    return kozai_mean_motion_rad_per_s(semi_major_axis_m, math.radians(group.inclination_deg))


def pattern_angles_rad(group):
    """Mean anomaly and node at the epoch of a pattern's satellites in row order: float64 (n,) each."""
    plane, slot = group.plane_slot[:, 0], group.plane_slot[:, 1]
    anomalies = (np.radians(slot_phases_deg(group)) % (2.0 * math.pi))[plane, slot]
    return anomalies, (np.radians(plane_nodes_deg(group)) % (2.0 * math.pi))[plane]


def pattern_record(group, anomaly_rad, node_rad, day, fraction):
    """SGP4 record of one satellite of a pattern, with epoch at the Julian date given: circular, no drag."""
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
        math.radians(group.inclination_deg),
        anomaly_rad,
        pattern_motion_rad_per_s(group) * _SECONDS_PER_MINUTE,
        node_rad,
    )
    return record


def pattern_satellites(group, day, fraction):
    """SGP4 records of a Walker pattern's satellites in row order, with epoch at the Julian date given.

    Circular, without drag; all planes have the same elements but for the node, so they precess together.
    """
    anomalies, nodes = (column.tolist() for column in pattern_angles_rad(group))
    return [pattern_record(group, *angles, day, fraction) for angles in zip(anomalies, nodes, strict=True)]


def element_record(elements):
    """SGP4 record of one element set."""
    record = Satrec()
    record.sgp4init(
        WGS72,
        _IMPROVED,
        0,  # the package refuses catalogue numbers above 339999; SGP4 does not use them
        elements.epoch_days,
        elements.bstar,
        0.0,
        0.0,
        elements.eccentricity,
        math.radians(elements.argument_of_perigee_deg),
        math.radians(elements.inclination_deg),
        math.radians(elements.mean_anomaly_deg),
        elements.mean_motion_rev_per_day / (_MINUTES_PER_DAY / (2.0 * math.pi)),
        math.radians(elements.raan_deg),
    )
    return record


class PatternFleet:
    """The satellites of one pattern: near the Earth, all that differs is their mean anomaly and node.

    A fleet knows its group's satellites by their place in the group, 0 to n - 1.
    """

    may_fail = False

    def __init__(self, group, clock):
        self.catalog_numbers = None
        self._group, self._clock = group, clock
        self._anomaly_rad, self._node_rad = pattern_angles_rad(group)
        first = self.record(0)
        self._others = None
        if first.method == _NEAR_EARTH:
            self._orbit = _circular_orbit(first)
        else:
            self._others = _RecordStates(self.record, len(self._anomaly_rad), clock)

    def record(self, i):
        """SGP4 record of one satellite."""
        angles = float(self._anomaly_rad[i]), float(self._node_rad[i])
        return pattern_record(self._group, *angles, self._clock.day, self._clock.fraction(0.0))

    def fill(self, t_s, position_m, velocity_m_per_s):
        """Write Earth-fixed states at an instant, float64 (n, 3); returns SGP4's error numbers, if any."""
        if self._others is not None:
            return self._others.fill(t_s, position_m, velocity_m_per_s)
        arguments = (
            self._orbit,
            self._anomaly_rad,
            self._node_rad,
            float(t_s),
            self._clock.sidereal_rad(t_s),
            EARTH_ROTATION_RAD_PER_S,
            position_m,
            velocity_m_per_s,
        )
        if len(position_m) < _MANY:
            fill_circular_states(0, len(position_m), *arguments)
        else:
            fill_many_circular_states(*arguments)
        return None

    def mean_arguments_of_latitude_rad(self):
        """At the epoch, in [0, 2 pi): float64 (n,)."""
        return self._anomaly_rad


class ElementFleet:
    """The satellites of one group that is given by element sets; as `PatternFleet`."""

    def __init__(self, group, clock):
        self._sets, self._clock = group.element_sets, clock
        self.catalog_numbers = np.array([each.catalog_number for each in self._sets], dtype=np.int64)
        self._states = _RecordStates(self.record, len(self._sets), clock)
        self.may_fail = any(map(_may_fail, self._sets))

    def record(self, i):
        """SGP4 record of one satellite."""
        return element_record(self._sets[i])

    def fill(self, t_s, position_m, velocity_m_per_s):
        """As `PatternFleet.fill`."""
        return self._states.fill(t_s, position_m, velocity_m_per_s)

    def errors_and_states(self, t_s):
        """SGP4's error numbers, TEME positions (km) and velocities (km/s): arrays (n,), (n, 3), (n, 3)."""
        return self._states.errors_and_states(t_s)

    def mean_arguments_of_latitude_rad(self):
        """At the topology's epoch, in [0, 2 pi), nan for what SGP4 refuses: float64 (n,)."""
        date = self._clock.day, self._clock.fraction(0.0)
        records = map(self.record, range(len(self._sets)))
        return np.array([mean_argument_of_latitude_rad(record, *date) for record in records])


class _RecordStates:
    """States of `n` satellites by the sgp4 package; `make(i)` gives the record of each."""

    def __init__(self, make, n, clock):
        self._clock = clock
        self._n = n
        self._parts = [
            (first, SatrecArray([make(i) for i in range(first, min(n, first + _RECORDS_AT_A_TIME))]))
            for first in range(0, n, _RECORDS_AT_A_TIME)
        ]

    def errors_and_states(self, t_s):
        date = np.array([self._clock.day]), np.array([self._clock.fraction(float(t_s))])
        parts = [part.sgp4(*date) for _, part in self._parts]
        return tuple(np.concatenate([part[column][:, 0] for part in parts]) for column in range(3))

    def fill(self, t_s, position_m, velocity_m_per_s):
        t_s = float(t_s)
        errors = np.empty(self._n, dtype=np.uint8)
        date = np.array([self._clock.day]), np.array([self._clock.fraction(t_s)])
        sidereal_rad = self._clock.sidereal_rad(t_s)
        for first, part in self._parts:
            rows = slice(first, first + len(part))
            part_errors, teme_km, teme_km_per_s = part.sgp4(*date)
            errors[rows] = part_errors[:, 0]
            fill_earth_fixed(
                np.ascontiguousarray(teme_km[:, 0]),
                np.ascontiguousarray(teme_km_per_s[:, 0]),
                sidereal_rad,
                EARTH_ROTATION_RAD_PER_S,
                position_m[rows],
                velocity_m_per_s[rows],
            )
        return errors


def _circular_orbit(record):
    """What all satellites of a pattern share, from the record of one of them."""
    cosine = math.cos(record.inclo)
    sine = math.sin(record.inclo)
    return CircularOrbit(
        mdot=record.mdot,
        argpdot=record.argpdot,
        nodedot=record.nodedot,
        am=record.am,
        nm=record.nm,
        cosip=cosine,
        sinip=sine,
        inclination_rad=record.inclo,
        aycof=-0.5 * record.j3oj2 * sine,
        con41=3.0 * cosine**2 - 1.0,
        x1mth2=1.0 - cosine**2,
        x7thm1=7.0 * cosine**2 - 1.0,
        j2=record.j2,
        xke=record.xke,
        radius_km=record.radiusearthkm,
    )


def _may_fail(elements):
    """Whether SGP4 might refuse this set some time: drag, a low perigee, or the Moon and Sun do that."""
    motion_rad_per_s = elements.mean_motion_rev_per_day * 2.0 * math.pi / SECONDS_PER_DAY
    axis_m = (WGS72_GRAVITY_M3_PER_S2 / motion_rad_per_s**2) ** (1 / 3)
    perigee = axis_m * (1.0 - elements.eccentricity) / WGS72_EQUATORIAL_RADIUS_M
    return elements.bstar != 0.0 or perigee < _SAFE_PERIGEE or elements.mean_motion_rev_per_day < 6.5


def mean_argument_of_latitude_rad(record, day, fraction):
    """Mean argument of perigee plus mean anomaly at an instant, in [0, 2 pi); nan if SGP4 refuses."""
    error, _, _ = record.sgp4(day, fraction)
    return math.nan if error else (record.om + record.mm) % (2.0 * math.pi)


def mean_motion_rad_per_s(record):
    """Mean motion (Kozai's, as element sets state it) of an SGP4 record."""
    return record.no_kozai / _SECONDS_PER_MINUTE


def orbit_period_s(record):
    """Period of the orbit of an SGP4 record, by its mean motion."""
    return 2.0 * math.pi / mean_motion_rad_per_s(record)
