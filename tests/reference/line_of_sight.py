"""Line of sight past an ellipsoid, by solving for where the straight line would enter it."""

import math

EQUATORIAL_RADIUS_M = 6_378_137.0
POLAR_RADIUS_M = 6_356_752.314245179


def clears_earth(start_m, end_m, grazing_altitude_m):
    """Whether the segment between two points stays outside WGS84 with both semi-axes raised."""
    if any(math.isnan(coordinate) for coordinate in (*start_m, *end_m)):
        return False
    axes = [EQUATORIAL_RADIUS_M + grazing_altitude_m] * 2 + [POLAR_RADIUS_M + grazing_altitude_m]
    start = [coordinate / axis for coordinate, axis in zip(start_m, axes, strict=True)]
    step = [coordinate / axis - s for coordinate, axis, s in zip(end_m, axes, start, strict=True)]
    # |start + u * step|^2 = 1 is a u^2 + 2 b u + c = 0
    a = sum(d * d for d in step)
    b = sum(s * d for s, d in zip(start, step, strict=True))
    c = sum(s * s for s in start) - 1.0
    if c < 0.0:
        return False  # it starts inside
    if a == 0.0 or b * b - a * c <= 0.0:
        return True  # it goes nowhere, or past
    enters = (-b - math.sqrt(b * b - a * c)) / a
    return not 0.0 <= enters < 1.0
