"""An ephemeris of circular orbits about a round Earth, known exactly."""

import numpy as np

from lasermesh.units import EARTH_ROTATION_RAD_PER_S, WGS72_GRAVITY_M3_PER_S2


class FixedClock:
    def sidereal_rad(self, t_s):
        return (1.0 + EARTH_ROTATION_RAD_PER_S * t_s) % (2.0 * np.pi)


class CircularOrbits:
    """Satellite i flies at 500 + 100 i km, inclined by 10 + 20 i degrees; it is gone from `gone_s[i]` on."""

    def __init__(self, gone_s=(np.inf, np.inf, np.inf)):
        self.gone_s = np.array(gone_s)
        self.n_satellites = len(gone_s)
        self.clock = FixedClock()

    def inertial_m(self, t_s):
        i = np.arange(self.n_satellites)
        radius_m = 6_878_137.0 + 1e5 * i
        angle = np.sqrt(WGS72_GRAVITY_M3_PER_S2 / radius_m**3) * t_s + i
        tilt = np.radians(10.0 + 20.0 * i)
        x, y = np.cos(angle), np.sin(angle)
        position_m = radius_m[:, None] * np.stack((x, y * np.cos(tilt), y * np.sin(tilt)), axis=1)
        position_m[t_s >= self.gone_s] = np.nan
        return position_m

    def state_at(self, t_s):
        angle = self.clock.sidereal_rad(t_s)
        x, y, z = self.inertial_m(t_s).T
        fixed_m = np.stack(
            (np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x, z), axis=1
        )
        return fixed_m, np.zeros_like(fixed_m)

    def sun_at(self, t_s):
        return np.array((1.5e11, 0.0, 0.0))
