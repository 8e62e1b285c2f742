"""Satellites that fly at given places about a leader."""

import numpy as np

from lasermesh.units import (
    EARTH_ROTATION_RAD_PER_S,
    WGS72_EQUATORIAL_RADIUS_M,
    WGS72_GRAVITY_M3_PER_S2,
    WGS72_J2,
)

_ROTATION = np.array([0.0, 0.0, EARTH_ROTATION_RAD_PER_S])


class Formation:
    """The satellites of a group with a leader, in rows `first` to `first` + n - 1.

    Parameters
    ----------
    group : SatelliteGroup
    leader_row, first : int
    motion_rad_per_s : float
        The leader's mean motion, with which a formation without thrust swings.
    """

    def __init__(self, group, leader_row, first, motion_rad_per_s):
        self.leader_row = leader_row
        self.rows = slice(first, first + group.size)
        self._offsets_m = np.array(group.offsets_m, dtype=float).reshape(-1, 3)
        self._swings = group.motion == "hill"
        self._motion_rad_per_s = motion_rad_per_s

    def fill(self, t_s, position_m, velocity_m_per_s):
        """Write the formation's states, Earth-fixed, at an instant; its leader's is there already."""
        leader_m = position_m[self.leader_row]
        inertial = velocity_m_per_s[self.leader_row] + np.cross(_ROTATION, leader_m)
        frame, turning = local_frame(leader_m, inertial)
        offsets_m, drift = self._offsets(t_s)
        from_leader_m = offsets_m @ frame
        position_m[self.rows] = leader_m + from_leader_m
        velocity_m_per_s[self.rows] = (
            velocity_m_per_s[self.leader_row]
            + drift @ frame
            + np.cross(turning, from_leader_m)
            - np.cross(_ROTATION, from_leader_m)
        )

    def _offsets(self, t_s):
        """Place (fore, left, up) of each satellite in its leader's frame, and how fast it changes.

        Of the solutions of Hill's equations (Clohessy and Wiltshire, J. Aerospace Sci. 27, 1960) the one from
        these places in which all stay: along an ellipse about the leader, twice as long as high, backwards
        at its top. The shape of the whole returns after an orbit.
        """
        if not self._swings:
            return self._offsets_m, np.zeros_like(self._offsets_m)
        fore, left, up = self._offsets_m.T
        cosine, sine = np.cos(self._motion_rad_per_s * t_s), np.sin(self._motion_rad_per_s * t_s)
        places = (fore * cosine - 2.0 * up * sine, left * cosine, up * cosine + 0.5 * fore * sine)
        drift = (-fore * sine - 2.0 * up * cosine, -left * sine, 0.5 * fore * cosine - up * sine)
        return np.stack(places, axis=1), np.stack(drift, axis=1) * self._motion_rad_per_s


def local_frame(position_m, inertial_velocity_m_per_s):
    """The local orbital frame of a satellite.

    Returns
    -------
    frame : float64 array, shape (3, 3)
        Rows fore, left, up: up from the Earth's centre, fore along the velocity and at right angles to up,
        left = up x fore. In the axes of the position.
    turning_rad_per_s : float64 array, shape (3,)
        Angular velocity of the frame against the stars: about left with the orbit, and about up as the
        Earth's oblateness turns the orbit's plane.
    """
    radius_m = np.linalg.norm(position_m)
    up = position_m / radius_m
    along = inertial_velocity_m_per_s - (inertial_velocity_m_per_s @ up) * up
    speed = np.linalg.norm(along)
    fore = along / speed
    left = np.cross(up, fore)
    # Of J2's acceleration (Vallado, Fundamentals of Astrodynamics, 4th edition, equation 8-30) only the part
    # along the Earth's axis leads out of a plane through its centre.
    strength = 3.0 * WGS72_J2 * WGS72_GRAVITY_M3_PER_S2 * WGS72_EQUATORIAL_RADIUS_M**2 / radius_m**4
    sideways = -strength * up[2] * left[2]
    return np.stack((fore, left, up)), left * (speed / radius_m) + up * (sideways / speed)
