"""From when on SGP4 refuses satellites, to the millisecond, and how they would have gone on."""

import numpy as np
from sgp4.api import SGP4_ERRORS

from lasermesh.orbits.frames_kernels import acceleration, fill_earth_fixed
from lasermesh.orbits.knots import KNOT_S
from lasermesh.units import EARTH_ROTATION_RAD_PER_S, WGS72_EQUATORIAL_RADIUS_M, WGS72_GRAVITY_M3_PER_S2

# A satellite is out for good from the first knot since t = 0 at which SGP4 refuses it: some that have decayed
# come back later as ghosts. To ask at every knot would take a minute and a half for ten thousand satellites
# and a week. So all are asked at every whole block of knots, and at every knot only those that are refused
# at the block's end, or whose perigee at either end is this low: nothing falls 100 km within an hour and
# is back at its end.
BLOCK_KNOTS = 120
_LOW_PERIGEE_KM = 100.0

PRECISION_S = 1e-3

_EARTH_RADIUS_KM = WGS72_EQUATORIAL_RADIUS_M / 1e3
_GRAVITY_KM3_PER_S2 = WGS72_GRAVITY_M3_PER_S2 / 1e9


class Refusals:
    """The instants since t = 0 from which SGP4 refuses the satellites of one group.

    Attributes
    ----------
    fails_at_s : float64 array, shape (n,)
        -inf for those refused at t = 0 already, inf for those that are not known to fail.
    codes : uint8 array, shape (n,)
        SGP4's error number of each.
    """

    def __init__(self, fleet, clock):
        self._fleet, self._clock = fleet, clock
        self._errors, self._low = self._ask(0)
        self.codes = self._errors.copy()
        self.fails_at_s = np.where(self._errors != 0, -np.inf, np.inf)
        self._blocks_done = 0

    def look_until(self, t_s):
        """Find all that fail until `t_s`, and in the rest of that block."""
        while self._blocks_done * BLOCK_KNOTS * KNOT_S <= t_s:
            self._look_through(self._blocks_done)
            self._blocks_done += 1

    def state_before(self, i):
        """The last instant at which a failing satellite has a state, and that, Earth-fixed in m and m/s."""
        t_s = float(self.fails_at_s[i]) - PRECISION_S
        _, teme_km, teme_km_per_s = self._fleet.record(i).sgp4(self._clock.day, self._clock.fraction(t_s))
        position_m, velocity_m_per_s = np.empty((2, 1, 3))
        fill_earth_fixed(
            np.array([teme_km]),
            np.array([teme_km_per_s]),
            self._clock.sidereal_rad(t_s),
            EARTH_ROTATION_RAD_PER_S,
            position_m,
            velocity_m_per_s,
        )
        return t_s, position_m[0], velocity_m_per_s[0]

    def message(self, i):
        """What SGP4 says of a satellite that has failed."""
        code = int(self.codes[i])
        at_s = max(0.0, float(self.fails_at_s[i]))
        return f"SGP4 error {code} at t = {at_s:.3f} s: {SGP4_ERRORS.get(code, 'unknown error')}"

    def _ask(self, block):
        """Errors of all satellites at the start of a block, and which have a low perigee."""
        errors, position_km, velocity_km_per_s = self._fleet.errors_and_states(block * BLOCK_KNOTS * KNOT_S)
        with np.errstate(invalid="ignore", divide="ignore"):
            low = ~(_perigee_km(position_km, velocity_km_per_s) > _EARTH_RADIUS_KM + _LOW_PERIGEE_KM)
        return errors, low

    def _look_through(self, block):
        errors, low = self._ask(block + 1)
        suspects = (errors != 0) | low | self._low
        for i in np.flatnonzero(suspects & np.isinf(self.fails_at_s) & (self.fails_at_s > 0)).tolist():
            self._find(i, block)
        self._low = low

    def _find(self, i, block):
        """Note when a satellite is refused within a block, if it is."""
        record = self._fleet.record(i)
        knots_s = (block * BLOCK_KNOTS + np.arange(BLOCK_KNOTS + 1)) * KNOT_S
        errors, _, _ = record.sgp4_array(
            np.full(len(knots_s), self._clock.day), self._clock.fraction(knots_s)
        )
        refused = np.flatnonzero(errors)
        if not len(refused):
            return
        good_s, bad_s = float(knots_s[refused[0] - 1]), float(knots_s[refused[0]])
        code = int(errors[refused[0]])
        while bad_s - good_s > PRECISION_S / 2:
            middle_s = 0.5 * (good_s + bad_s)
            error, _, _ = record.sgp4(self._clock.day, self._clock.fraction(middle_s))
            if error:
                bad_s, code = middle_s, error
            else:
                good_s = middle_s
        self.fails_at_s[i], self.codes[i] = bad_s, code


def coast(position_m, velocity_m_per_s, seconds):
    """Earth-fixed state after less than a minute of free fall towards a point mass (one Runge-Kutta step)."""

    def slope(state):
        pull = acceleration(state[None, :3], state[None, 3:], 0, EARTH_ROTATION_RAD_PER_S)
        return np.concatenate((state[3:], pull))

    state = np.concatenate((position_m, velocity_m_per_s))
    k1 = slope(state)
    k2 = slope(state + 0.5 * seconds * k1)
    k3 = slope(state + 0.5 * seconds * k2)
    k4 = slope(state + seconds * k3)
    after = state + seconds / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return after[:3], after[3:]


def _perigee_km(position_km, velocity_km_per_s):
    """Distance of each osculating perigee from the Earth's centre: float64 (n,), nan for no orbit."""
    radius = np.linalg.norm(position_km, axis=1)
    axis = 1.0 / (2.0 / radius - np.sum(velocity_km_per_s**2, axis=1) / _GRAVITY_KM3_PER_S2)
    momentum = np.linalg.norm(np.cross(position_km, velocity_km_per_s), axis=1)
    eccentricity = np.sqrt(np.maximum(0.0, 1.0 - momentum**2 / (_GRAVITY_KM3_PER_S2 * axis)))
    return axis * (1.0 - eccentricity)
