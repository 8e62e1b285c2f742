"""Earth-fixed position and velocity of every node at any time."""

from typing import NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.orbits.formations import Formation
from lasermesh.orbits.frames import Clock
from lasermesh.orbits.frames_kernels import fill_between_knots, fill_consistent_velocity
from lasermesh.orbits.knots import KNOT_S, KnotInterval, Recent
from lasermesh.orbits.refusals import Refusals, coast
from lasermesh.orbits.satellites import ElementFleet, PatternFleet, mean_motion_rad_per_s
from lasermesh.orbits.shadow import illumination
from lasermesh.orbits.sites import ecef_from_geodetic
from lasermesh.orbits.sun import sun_direction_ecef, sun_position
from lasermesh.units import EARTH_ROTATION_RAD_PER_S

_INTERVAL_BYTES = 128 * 2**20
_BYTES_PER_NODE = 80  # of one interval: positions at one end, velocities at both, when it fails
_FEW_NODES = 20_000
_KEPT_OF_FEW = 48  # intervals; of fewer nodes all that fit, but never more than:
_KEPT_AT_MOST = 4096
_KEPT_AT_LEAST = 4
_KNOTS_KEPT = 4  # they only serve to make the next interval


class Failure(NamedTuple):
    """A satellite that SGP4 has refused, or whose leader it has; it has no position (nan) then and later.

    One that is refused before the epoch alone has one at and after it.
    """

    name: str
    row: int
    message: str
    t_s: float  # to 1 ms; 0 if it had no position at t = 0 already; negative: then, which is before the epoch
    catalog_number: int | None


class Ephemeris:
    """Position and velocity of every node of a topology, Earth-fixed (ITRF; UT1 = UTC, no polar motion).

    SGP4 is asked at knots `KNOT_S` apart, when they are first needed; a cubic Hermite polynomial through
    position and velocity serves the instants between. What was computed last is kept, up to about 128 MiB.

    Attributes
    ----------
    names : tuple of str, n_nodes long
    n_nodes, n_satellites : int
        Satellites, fixed nodes among them, are rows [0, n_satellites); ground sites follow.
    is_ground : bool array, shape (n_nodes,)
    has_position : bool array, shape (n_nodes,)
        False for fixed nodes alone.
    failures : list of Failure
        Satellites that fail until the end of the last interval that was asked for, in the order in which that
        was noticed, at one time in the order of their instants.
    """

    def __init__(self, topology):
        self.names = tuple(topology.node_names)
        self.n_nodes = len(self.names)
        self.n_satellites = topology.n_satellites
        self.is_ground = np.arange(self.n_nodes) >= self.n_satellites
        self.has_position = np.ones(self.n_nodes, dtype=bool)
        self.failures: list[Failure] = []
        self.clock = Clock(topology.epoch)
        self._stop_on_failure = topology.on_bad_satellite == "stop"
        self._site_position_m = _site_positions(topology)

        self._fleets: list[tuple[slice, object]] = []
        self._formations: list[Formation] = []
        self._make_fleets(topology)
        self._refusals = [
            (rows, Refusals(fleet, self.clock)) for rows, fleet in self._fleets if fleet.may_fail
        ]
        self._fails_at_s = np.full(self.n_nodes, np.inf)
        self._never_fails = np.full(self.n_nodes, np.inf)
        self._reported = np.zeros(self.n_nodes, dtype=bool)
        self._reported_before = np.zeros(self.n_nodes, dtype=bool)
        self._latitude_arguments = None

        most = _INTERVAL_BYTES // (_BYTES_PER_NODE * max(1, self.n_nodes))
        least = _KEPT_OF_FEW if self.n_nodes <= _FEW_NODES else _KEPT_AT_LEAST
        self._knots = Recent(self._propagate, _KNOTS_KEPT)
        self._intervals = Recent(self._join, min(_KEPT_AT_MOST, max(least, most)))
        self._note_failures(0.0)

    def _make_fleets(self, topology):
        """What flies the satellites of each group."""
        first = 0
        for group in topology.satellites:
            rows = slice(first, first + group.size)
            if group.fixed is not None:
                self.has_position[rows] = False
            elif group.leader is not None:
                leader_row = topology.row_of(group.leader)
                motion = mean_motion_rad_per_s(self.record_of(leader_row))
                self._formations.append(Formation(group, leader_row, first, motion))
            elif group.pattern is not None:
                self._fleets.append((rows, PatternFleet(group, self.clock)))
            else:
                self._fleets.append((rows, ElementFleet(group, self.clock)))
            first = rows.stop

    def state_at(self, t_s):
        """Position and velocity of every node at one instant.

        Parameters
        ----------
        t_s : float
            Seconds since the topology's epoch; instants before it are allowed.

        Returns
        -------
        position_m, velocity_m_per_s : float64 arrays, shape (n_nodes, 3)
            Earth-fixed, new arrays. nan for fixed nodes and for satellites that have failed; before the
            epoch, for those that SGP4 refuses at a knot beside the instant.

        Raises
        ------
        UserError
            If SGP4 refuses a satellite and the topology says `on_bad_satellite = "stop"`.
        """
        t_s = float(t_s)
        interval = self.interval_at(int(t_s // KNOT_S))
        position_m = np.empty((self.n_nodes, 3))
        velocity_m_per_s = np.empty((self.n_nodes, 3))
        fill_between_knots(
            interval.position_0_m,
            interval.velocity_0_m_per_s,
            interval.position_1_m,
            interval.velocity_1_m_per_s,
            KNOT_S,
            (t_s - interval.start_s) / KNOT_S,
            position_m,
            velocity_m_per_s,
        )
        position_m[self.n_satellites :] = self._site_position_m
        failed = np.flatnonzero(interval.fails_at_s <= t_s)
        position_m[failed] = np.nan
        velocity_m_per_s[failed] = np.nan
        return position_m, velocity_m_per_s

    def interval_at(self, index) -> KnotInterval:
        """What is known of the instants from `index * KNOT_S` to `(index + 1) * KNOT_S`.

        Raises
        ------
        UserError
            As `state_at`.
        """
        return self._intervals.get(int(index))

    def sun_at(self, t_s):
        """Position of the Sun at an instant, Earth-fixed, in m: float64 (3,)."""
        return sun_position(self.clock.day, self.clock.fraction(float(t_s)))

    def illumination_at(self, t_s):
        """Which satellites are sunlit at an instant.

        Returns
        -------
        int8 array, shape (n_satellites,)
            SUNLIT = 0, PENUMBRA = 1, UMBRA = 2, UNKNOWN = -1 for those without a position.
        """
        return illumination(self.state_at(t_s)[0][: self.n_satellites], self.sun_at(t_s))

    def mean_argument_of_latitude_rad(self, rows):
        """Mean argument of latitude at the topology's epoch of the satellites in `rows`.

        Returns
        -------
        float64 array, shape (len(rows),)
            In [0, 2 pi), along the orbit from the ascending node; that of the leader for a formation; nan for
            whatever has no orbit.
        """
        if self._latitude_arguments is None:
            arguments = np.full(self.n_nodes, np.nan)
            for of_fleet, fleet in self._fleets:
                arguments[of_fleet] = fleet.mean_arguments_of_latitude_rad()
            for formation in self._formations:
                arguments[formation.rows] = arguments[formation.leader_row]
            self._latitude_arguments = arguments
        return self._latitude_arguments[np.asarray(rows, dtype=np.int64)]

    def record_of(self, row):
        """SGP4 record of a satellite, of its leader for a formation; ValueError for what has no orbit."""
        row = self._orbit_row(row)
        for rows, fleet in self._fleets:
            if rows.start <= row < rows.stop:
                return fleet.record(row - rows.start)
        raise ValueError(f"node {row} has no orbit")

    def _orbit_row(self, row):
        """The row of the satellite whose orbit this node follows: its own, or that of its leader."""
        for formation in reversed(self._formations):
            if formation.rows.start <= row < formation.rows.stop:
                row = formation.leader_row
        return row

    def _propagate(self, index):
        """States of all nodes at a knot, nan for satellites that have failed by then; where the Sun is."""
        t_s = index * KNOT_S
        position_m = np.full((self.n_nodes, 3), np.nan)
        velocity_m_per_s = np.full((self.n_nodes, 3), np.nan)
        position_m[self.n_satellites :] = self._site_position_m
        velocity_m_per_s[self.n_satellites :] = 0.0
        for rows, fleet in self._fleets:
            errors = fleet.fill(t_s, position_m[rows], velocity_m_per_s[rows])
            if errors is not None and errors.any():
                refused = rows.start + np.flatnonzero(errors)
                position_m[refused] = np.nan
                velocity_m_per_s[refused] = np.nan
        for rows, refusals in self._refusals:
            refusals.look_until(t_s)
            failed = rows.start + np.flatnonzero(refusals.fails_at_s <= t_s)
            position_m[failed] = np.nan
            velocity_m_per_s[failed] = np.nan
        for formation in self._formations:
            formation.fill(t_s, position_m, velocity_m_per_s)
        return position_m, velocity_m_per_s, sun_direction_ecef(self.clock.day, self.clock.fraction(t_s))

    def _join(self, index):
        """The interval between a knot and the next one, with velocities that fit the positions."""
        start_s, stop_s = index * KNOT_S, (index + 1) * KNOT_S
        position_0_m, velocity_0, sun_0 = self._knots.get(index)
        position_1_m, velocity_1, sun_1 = self._knots.get(index + 1)
        fails_at_s = self._never_fails
        if self._refusals:
            self._note_failures(stop_s)
            fails_at_s = np.where(self._fails_at_s <= stop_s, self._fails_at_s, np.inf)
            failing = np.flatnonzero((fails_at_s > start_s) & (fails_at_s <= stop_s))
            if len(failing):
                position_1_m, velocity_1 = position_1_m.copy(), velocity_1.copy()
                self._go_on(failing, stop_s, position_1_m, velocity_1)
            if index < 0:
                position_0_m, position_1_m = self._without_refused(
                    start_s, position_0_m.copy(), position_1_m.copy(), fails_at_s
                )
        fitted_0, fitted_1 = np.zeros_like(velocity_0), np.zeros_like(velocity_1)
        flying = slice(0, self.n_satellites)
        fill_consistent_velocity(
            position_0_m[flying],
            velocity_0[flying],
            position_1_m[flying],
            velocity_1[flying],
            KNOT_S,
            EARTH_ROTATION_RAD_PER_S,
            fitted_0[flying],
            fitted_1[flying],
        )
        return KnotInterval(
            start_s, KNOT_S, position_0_m, fitted_0, position_1_m, fitted_1, sun_0, sun_1, fails_at_s
        )

    def _without_refused(self, start_s, position_0_m, position_1_m, fails_at_s):
        """Positions before the epoch, nan at both knots for whatever SGP4 refuses at one of them."""
        refused = np.isnan(position_0_m[:, 0]) | np.isnan(position_1_m[:, 0])
        refused &= self.has_position & (fails_at_s > start_s)
        position_0_m[refused] = position_1_m[refused] = np.nan
        fails_at_s[refused] = start_s
        for row in np.flatnonzero(refused & ~self._reported_before).tolist():
            number = self._catalog_number(row)
            message = f"SGP4 gives no position at t = {start_s:.0f} s, which is before the epoch"
            self._report(Failure(self.names[row], row, message, start_s, number))
            self._reported_before[row] = True
        return position_0_m, position_1_m

    def _go_on(self, failing, t_s, position_m, velocity_m_per_s):
        """Write where satellites that have just failed would be at a knot, had they gone on in free fall."""
        for rows, refusals in self._refusals:
            for row in failing[(failing >= rows.start) & (failing < rows.stop)].tolist():
                last_s, last_m, last_m_per_s = refusals.state_before(row - rows.start)
                position_m[row], velocity_m_per_s[row] = coast(last_m, last_m_per_s, t_s - last_s)
        for formation in self._formations:
            if formation.rows.start in failing:
                formation.fill(t_s, position_m, velocity_m_per_s)

    def _note_failures(self, t_s):
        """Add all that fail until an instant to `failures`, or raise if the topology says so."""
        for rows, refusals in self._refusals:
            refusals.look_until(t_s)
            self._fails_at_s[rows] = refusals.fails_at_s
        for formation in self._formations:
            self._fails_at_s[formation.rows] = self._fails_at_s[formation.leader_row]
        new = np.flatnonzero((self._fails_at_s <= t_s) & ~self._reported)
        for row in new[np.argsort(self._fails_at_s[new], kind="stable")].tolist():
            self._report(self._failure(row))
            self._reported[row] = True

    def _report(self, failure):
        if self._stop_on_failure:
            number = "" if failure.catalog_number is None else f" ({failure.catalog_number})"
            raise UserError(
                f'satellite "{failure.name}"{number}: {failure.message} '
                '(on_bad_satellite = "skip" would leave it out from then on)'
            )
        self.failures.append(failure)

    def _failure(self, row):
        """The `Failure` of a satellite that fails at or after the epoch."""
        name, t_s = self.names[row], max(0.0, float(self._fails_at_s[row]))
        for rows, refusals in self._refusals:
            if rows.start <= row < rows.stop:
                message = refusals.message(row - rows.start)
                return Failure(name, row, message, t_s, self._catalog_number(row))
        leader = self.names[self._orbit_row(row)]
        return Failure(name, row, f'its leader "{leader}" has no position from t = {t_s:.3f} s', t_s, None)

    def _catalog_number(self, row):
        """Catalogue number of a satellite; None where it has none."""
        for rows, fleet in self._fleets:
            if rows.start <= row < rows.stop and fleet.catalog_numbers is not None:
                return int(fleet.catalog_numbers[row - rows.start])
        return None


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
