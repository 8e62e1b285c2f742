"""How much longer a path is than the shortest there could be: the chord, the geodesic, fibre along it."""

import numpy as np

from lasermesh.orbits import geodetic_from_ecef
from lasermesh.orbits.geodesic import geodesic_m
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S

FIBRE_GROUP_INDEX = 1.4682
"""Of single-mode fibre at 1550 nm (Corning SMF-28 Ultra, product information PI-1424): 4.897 us/km."""

_FIBRE_MS_PER_KM = FIBRE_GROUP_INDEX / SPEED_OF_LIGHT_M_PER_S * 1e6


class Baselines:
    """What the paths between pairs of nodes are measured against.

    Parameters
    ----------
    ephemeris : Ephemeris
    ends : int array, shape (n_pairs, 2)
        Rows of both ends.

    Attributes
    ----------
    geodesic_km : list of float or None
        Shortest distance over the WGS84 ellipsoid; None unless both ends are ground sites.
    fibre_rtt_ms : list of float or None
        There and back through fibre along that line, without any equipment.
    """

    def __init__(self, ephemeris, ends):
        self._ends = ends
        distance_m = np.full(len(ends), np.nan)
        on_ground = ephemeris.is_ground[ends].all(axis=1)
        if on_ground.any():
            site_m = ephemeris.state_at(0.0)[0][ends[on_ground]]
            latitude_rad, longitude_rad, _ = geodetic_from_ecef(site_m)
            distance_m[on_ground] = geodesic_m(
                latitude_rad[:, 0], longitude_rad[:, 0], latitude_rad[:, 1], longitude_rad[:, 1]
            )
        self.geodesic_km = _known(distance_m / 1e3)
        self.fibre_rtt_ms = _known(2.0 * distance_m / 1e3 * _FIBRE_MS_PER_KM)

    def of_pair(self, pair: int) -> dict:
        """What stands with a pair in JSON."""
        return {"geodesic_km": self.geodesic_km[pair], "fibre_rtt_ms": self.fibre_rtt_ms[pair]}

    def chords_km(self, position_m) -> list[float | None]:
        """Straight line between the ends of each pair, through the Earth if need be; None: not known."""
        ends_m = position_m[self._ends]
        return _known(np.linalg.norm(ends_m[:, 1] - ends_m[:, 0], axis=1) / 1e3)

    def stretches(self, pair: int, rtt_ms: float, distance_km: float) -> dict:
        """Length of a path over the geodesic, and its round trip over that in fibre; None where undefined."""
        geodesic_km, fibre_rtt_ms = self.geodesic_km[pair], self.fibre_rtt_ms[pair]
        if not geodesic_km:
            return {"stretch_vacuum": None, "stretch_fibre": None}
        return {"stretch_vacuum": distance_km / geodesic_km, "stretch_fibre": rtt_ms / fibre_rtt_ms}


def _known(values):
    """Floats as a list, None for what is not finite."""
    return [
        value if finite else None for value, finite in zip(values.tolist(), np.isfinite(values), strict=True)
    ]
