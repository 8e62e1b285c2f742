"""Constants with their source, and the few unit conversions of the project."""

# Speed of light in vacuum, exact by definition of the metre (SI, 2019).
SPEED_OF_LIGHT_M_PER_S = 299_792_458.0

# The engine counts time in picoseconds: one byte is 320 ps at 25 Gbps, 40 ps at 200 Gbps.
PS_PER_S = 1_000_000_000_000
PS_PER_MS = 1_000_000_000
PS_PER_US = 1_000_000
PS_PER_NS = 1_000

J_PER_WH = 3600.0
J_PER_KWH = 1000.0 * J_PER_WH

NORMAL_95 = 1.6448536269514722
"""Standard normal quantile of 0.95."""

# WGS84 ellipsoid (NIMA TR8350.2, third edition, table 3.1).
WGS84_EQUATORIAL_RADIUS_M = 6_378_137.0
WGS84_FLATTENING = 1.0 / 298.257223563
WGS84_POLAR_RADIUS_M = WGS84_EQUATORIAL_RADIUS_M * (1.0 - WGS84_FLATTENING)

# Earth's rotation rate used with Earth-fixed velocities (IERS Conventions 2010, table 1.1).
EARTH_ROTATION_RAD_PER_S = 7.292115e-5

# WGS72 gravity, which SGP4 element sets assume (Vallado et al., AIAA 2006-6753, appendix C).
WGS72_GRAVITY_M3_PER_S2 = 398_600.8e9
WGS72_EQUATORIAL_RADIUS_M = 6_378_135.0
WGS72_J2 = 0.001082616

# Altitudes in scenario files count from the equatorial radius.
ALTITUDE_DATUM_M = 6_378_137.0

NONE = -1
"""No row: the value of an id that names nothing."""

NEVER = 2**63 - 1
"""The instant, in ps, of what does not happen."""


def ps_from_s(seconds):
    """Nearest whole number of picoseconds of a time in seconds, as a Python int."""
    return round(seconds * PS_PER_S)


def bps_from_gbps(gbps):
    """Nearest whole number of bit/s of a rate in Gbps, as a Python int."""
    return round(gbps * 1e9)
