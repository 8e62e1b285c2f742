"""An ephemeris whose satellites fly as a test says, so that contacts can be known by pencil."""

from typing import NamedTuple

import numpy as np

from lasermesh.orbits.sites import ecef_from_geodetic

KNOT_S = 30.0


class Knots(NamedTuple):
    """States at both ends of an interval, as `Ephemeris.interval_at` gives them."""

    start_s: float
    length_s: float
    position_0_m: np.ndarray
    velocity_0_m_per_s: np.ndarray
    position_1_m: np.ndarray
    velocity_1_m_per_s: np.ndarray
    sun_0: np.ndarray
    sun_1: np.ndarray
    fails_at_s: np.ndarray


class Tracks:
    """Satellites on straight lines, Earth-fixed, and the ground sites of a topology.

    Parameters
    ----------
    topology : Topology
    tracks : sequence of (position at t = 0 in m, velocity in m/s), one for each satellite
    sun : unit vector toward the Sun
    fails_at_s : {row: instant from which that satellite has no position}
    """

    failures = ()

    def __init__(self, topology, tracks, sun=(0.0, 0.0, 1.0), fails_at_s=()):
        self.names = tuple(topology.node_names)
        self.n_nodes = len(self.names)
        self.n_satellites = len(tracks)
        self.is_ground = np.arange(self.n_nodes) >= self.n_satellites
        self.has_position = np.ones(self.n_nodes, dtype=bool)
        self._at_zero_m = np.zeros((self.n_nodes, 3))
        self._velocity = np.zeros((self.n_nodes, 3))
        for row, (position_m, velocity) in enumerate(tracks):
            self._at_zero_m[row], self._velocity[row] = position_m, velocity
        places = [site for group in topology.ground for site in group.sites]
        for row, site in enumerate(places, self.n_satellites):
            angles = np.radians((site.lat_deg, site.lon_deg))
            self._at_zero_m[row] = ecef_from_geodetic(*angles, site.height_m)
        self._sun = np.array(sun, dtype=float)
        self._fails_at_s = np.full(self.n_nodes, np.inf)
        for row, instant_s in dict(fails_at_s).items():
            self._fails_at_s[row] = instant_s

    def state_at(self, t_s):
        position_m, velocity = self._at_zero_m + t_s * self._velocity, self._velocity.copy()
        gone = t_s >= self._fails_at_s
        position_m[gone], velocity[gone] = np.nan, np.nan
        return position_m, velocity

    def interval_at(self, index):
        start_s = index * KNOT_S
        return Knots(
            start_s,
            KNOT_S,
            self._at_zero_m + start_s * self._velocity,
            self._velocity.copy(),
            self._at_zero_m + (start_s + KNOT_S) * self._velocity,
            self._velocity.copy(),
            self._sun,
            self._sun,
            self._fails_at_s,
        )
