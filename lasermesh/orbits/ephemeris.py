"""Earth-fixed position and velocity of every node at any time."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from sgp4.api import SGP4_ERRORS, SatrecArray

from lasermesh.errors import UserError
from lasermesh.orbits.frames import SECONDS_PER_DAY, julian_date, sidereal_time_rad
from lasermesh.orbits.frames_kernels import fill_between_knots, fill_consistent_velocity, fill_earth_fixed
from lasermesh.orbits.satellites import element_satellites, mean_argument_of_latitude_rad, pattern_satellites
from lasermesh.orbits.sites import ecef_from_geodetic
from lasermesh.units import EARTH_ROTATION_RAD_PER_S

# A cubic misses a circular orbit between knots by at most h^4 n^4 r / 384 (de Boor, A Practical Guide to
# Splines, chapter II): 2 cm at 30 s and 550 km, 0.4 m at 60 s.
KNOT_S = 30.0

# SGP4 takes up some satellites again that it has refused, as ghosts. One that it refuses at any whole
# interval of this length since t = 0 stays out from then on, whatever was asked before.
REFUSAL_CHECK_KNOTS = 120

_CACHE_BYTES = 32 * 2**20
_KEPT_AT_LEAST = 4
_BYTES_PER_STATE = 6 * 8


class Failure(NamedTuple):
    """A satellite that SGP4 has refused; it has no position (nan) then and later."""

    name: str
    row: int
    message: str


class Ephemeris:
    """Position and velocity of every node of a topology, Earth-fixed (ITRF; UT1 = UTC, no polar motion).

    SGP4 is asked at knots `KNOT_S` apart, when they are first needed; a cubic Hermite polynomial through
    position and velocity serves the instants between. At most 64 MiB of both are kept.

    Attributes
    ----------
    names : tuple of str, n_nodes long
    n_nodes, n_satellites : int
        Satellites, fixed nodes among them, are rows [0, n_satellites); ground sites follow.
    is_ground : bool array, shape (n_nodes,)
    has_position : bool array, shape (n_nodes,)
        False for fixed nodes alone.
    failures : list of Failure
        Satellites that SGP4 has refused so far, in the order in which that was noticed.
    """

    def __init__(self, topology):
        self.names = tuple(topology.node_names)
        self.n_nodes = len(self.names)
        self.n_satellites = sum(group.size for group in topology.satellites)
        self.is_ground = np.arange(self.n_nodes) >= self.n_satellites
        self.has_position = np.ones(self.n_nodes, dtype=bool)
        self.failures: list[Failure] = []
        self._stop_on_failure = topology.on_bad_satellite == "stop"
        self._day, self._fraction = julian_date(topology.epoch)

        self._records, rows = self._make_records(topology)
        self._rows = np.array(rows, dtype=np.int32)
        self._array = SatrecArray(self._records) if self._records else None
        self._site_position_m = _site_positions(topology)

        most = max(_KEPT_AT_LEAST, _CACHE_BYTES // (_BYTES_PER_STATE * max(1, len(self._rows))))
        self._knots = _Recent(self._propagate, most)
        self._intervals = _Recent(self._join, most)
        self._reported = np.zeros(len(self._rows), dtype=bool)
        self._out_from_check = np.full(len(self._rows), np.iinfo(np.int64).max)
        self._checks_done = 0
        # Without drag nothing decays: patterns need no check of what happened before.
        self._may_decay = any(record.bstar != 0.0 for record in self._records)
        self._knots.get(0)

    def _make_records(self, topology):
        """SGP4 records of all satellites that move, and the row of each."""
        records, rows = [], []
        first = 0
        for group in topology.satellites:
            if group.fixed is not None:
                self.has_position[first : first + group.size] = False
            else:
                if group.pattern is not None:
                    records += pattern_satellites(group, self._day, self._fraction)
                else:
                    records += element_satellites(group)
                rows += range(first, first + group.size)
            first += group.size
        return records, rows

    def state_at(self, t_s):
        """Position and velocity of every node at one instant.

        Parameters
        ----------
        t_s : float
            Seconds since the topology's epoch; instants before it are allowed.

        Returns
        -------
        position_m, velocity_m_per_s : float64 arrays, shape (n_nodes, 3)
            Earth-fixed, new arrays. nan for fixed nodes and for satellites that SGP4 refuses at a knot beside
            the instant or has refused before.

        Raises
        ------
        UserError
            If SGP4 refuses a satellite and the topology says `on_bad_satellite = "stop"`.
        """
        position_m = np.full((self.n_nodes, 3), np.nan)
        velocity_m_per_s = np.full((self.n_nodes, 3), np.nan)
        position_m[self.n_satellites :] = self._site_position_m
        velocity_m_per_s[self.n_satellites :] = 0.0
        if self._array is not None:
            index, after_s = divmod(float(t_s), KNOT_S)
            if after_s == 0.0:
                position_m[self._rows], velocity_m_per_s[self._rows] = self._knots.get(int(index))
            else:
                interval = self._intervals.get(int(index))
                share = after_s / KNOT_S
                fill_between_knots(*interval, KNOT_S, share, self._rows, position_m, velocity_m_per_s)
        return position_m, velocity_m_per_s

    def mean_argument_of_latitude_rad(self, rows):
        """Mean argument of latitude at the topology's epoch of the satellites in `rows`.

        Returns
        -------
        float64 array, shape (len(rows),)
            In [0, 2 pi), along the orbit from the ascending node; nan for whatever has no orbit.
        """
        record_of_row = dict(zip(self._rows.tolist(), self._records, strict=True))
        return np.array(
            [
                mean_argument_of_latitude_rad(record_of_row[row], self._day, self._fraction)
                if row in record_of_row
                else np.nan
                for row in rows
            ]
        )

    def _propagate(self, index):
        """Earth-fixed position (m) and velocity (m/s) of all records at a knot, float64 (n, 3) each."""
        position_m = np.empty((len(self._rows), 3))
        velocity_m_per_s = np.empty((len(self._rows), 3))
        if self._array is None:
            return position_m, velocity_m_per_s
        self._check_until(index // REFUSAL_CHECK_KNOTS)
        errors, teme_km, teme_km_per_s, fraction = self._sgp4(index)
        fill_earth_fixed(
            np.ascontiguousarray(teme_km),
            np.ascontiguousarray(teme_km_per_s),
            sidereal_time_rad(self._day, fraction),
            EARTH_ROTATION_RAD_PER_S,
            position_m,
            velocity_m_per_s,
        )
        out = (errors != 0) | (self._out_from_check <= index // REFUSAL_CHECK_KNOTS)
        position_m[out] = np.nan
        velocity_m_per_s[out] = np.nan
        return position_m, velocity_m_per_s

    def _join(self, index):
        """Positions and velocities at a knot and the next one, the velocities made to fit the positions."""
        position_0_m, velocity_0 = self._knots.get(index)
        position_1_m, velocity_1 = self._knots.get(index + 1)
        fitted_0, fitted_1 = np.empty_like(velocity_0), np.empty_like(velocity_1)
        fill_consistent_velocity(
            position_0_m,
            velocity_0,
            position_1_m,
            velocity_1,
            KNOT_S,
            EARTH_ROTATION_RAD_PER_S,
            fitted_0,
            fitted_1,
        )
        return position_0_m, fitted_0, position_1_m, fitted_1

    def _check_until(self, last_check):
        """Note which satellites SGP4 refuses at each check since t = 0 up to `last_check`."""
        if not self._may_decay:
            return
        while self._checks_done <= last_check:
            errors = self._sgp4(self._checks_done * REFUSAL_CHECK_KNOTS)[0]
            refused = errors != 0
            self._out_from_check[refused] = np.minimum(self._out_from_check[refused], self._checks_done)
            self._checks_done += 1

    def _sgp4(self, index):
        """At a knot: error numbers (n,), TEME position (km) and velocity (km/s) (n, 3), day fraction."""
        fraction = self._fraction + index * (KNOT_S / SECONDS_PER_DAY)
        errors, position_km, velocity_km_per_s = self._array.sgp4(np.array([self._day]), np.array([fraction]))
        self._report(errors[:, 0], index)
        return errors[:, 0], position_km[:, 0], velocity_km_per_s[:, 0], fraction

    def _report(self, errors, index):
        """Add what SGP4 refuses for the first time to `failures`, or raise if the topology says so."""
        for i in np.flatnonzero((errors != 0) & ~self._reported).tolist():
            self._reported[i] = True
            row = int(self._rows[i])
            reason = SGP4_ERRORS.get(int(errors[i]), "unknown error")
            message = f"SGP4 error {errors[i]} at t = {index * KNOT_S:.0f} s: {reason}"
            if self._stop_on_failure:
                raise UserError(
                    f'satellite "{self.names[row]}": {message} '
                    '(on_bad_satellite = "skip" would leave it out from then on)'
                )
            self.failures.append(Failure(self.names[row], row, message))


class _Recent:
    """Results of `make(key)`, of which those used most recently are kept."""

    def __init__(self, make, most):
        self._make = make
        self._most = most
        self._kept = OrderedDict()

    def __len__(self):
        return len(self._kept)

    def get(self, key):
        if key not in self._kept:
            self._kept[key] = self._make(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def build_ephemeris(topology) -> Ephemeris:
    """The ephemeris of a topology; satellites that SGP4 refuses at its epoch are in `failures` already.

    Raises
    ------
    UserError
        If there is such a satellite and the topology says `on_bad_satellite = "stop"`.
    """
    return Ephemeris(topology)


def _site_positions(topology):
    """Earth-fixed positions of the ground sites in row order: float64 (n_sites, 3)."""
    sites = [site for group in topology.ground for site in group.sites]
    coordinates = np.array([(site.lat_deg, site.lon_deg, site.height_m) for site in sites], dtype=float)
    coordinates = coordinates.reshape(-1, 3)
    return ecef_from_geodetic(np.radians(coordinates[:, 0]), np.radians(coordinates[:, 1]), coordinates[:, 2])
