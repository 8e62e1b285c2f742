"""Where things are: orbital patterns, element sets, SGP4, frames, ground sites, the Sun and the shadow.

Hands on an `Ephemeris`: Earth-fixed position and velocity of every node at any time.
"""

from lasermesh.orbits.eclipses import Sunlight, sunlight
from lasermesh.orbits.ephemeris import Ephemeris, Failure, build_ephemeris
from lasermesh.orbits.knots import KNOT_S, KnotInterval
from lasermesh.orbits.shadow import (
    PENUMBRA,
    SUNLIT,
    UMBRA,
    UNKNOWN,
    OrbitLight,
    eclipse_fraction,
    illumination,
)
from lasermesh.orbits.sites import ecef_from_geodetic, elevation, geodetic_from_ecef, look_angles, up_vector
from lasermesh.orbits.sun import sun_direction_ecef, sun_position

__all__ = [
    "KNOT_S",
    "PENUMBRA",
    "SUNLIT",
    "UMBRA",
    "UNKNOWN",
    "Ephemeris",
    "Failure",
    "KnotInterval",
    "OrbitLight",
    "Sunlight",
    "build_ephemeris",
    "ecef_from_geodetic",
    "eclipse_fraction",
    "elevation",
    "geodetic_from_ecef",
    "illumination",
    "look_angles",
    "sun_direction_ecef",
    "sun_position",
    "sunlight",
    "up_vector",
]
