"""Where things are: orbital patterns, element sets, SGP4, frames and ground sites.

Hands on an `Ephemeris`: Earth-fixed position and velocity of every node at any time.
"""

from lasermesh.orbits.ephemeris import Ephemeris, Failure, build_ephemeris
from lasermesh.orbits.sites import ecef_from_geodetic, elevation, geodetic_from_ecef, look_angles, up_vector

__all__ = [
    "Ephemeris",
    "Failure",
    "build_ephemeris",
    "ecef_from_geodetic",
    "elevation",
    "geodetic_from_ecef",
    "look_angles",
    "up_vector",
]
