"""What is told of an instant: its date, and how the Sun shines on each node."""

from datetime import timedelta

SUNLIGHT = ("sunlit", "penumbra", "umbra")
"""Names of what `Ephemeris.illumination_at` answers; below 0 it is not known."""


def sunlight_at(ephemeris, at_s):
    """How each node is lit at an instant: one of SUNLIGHT, None for sites and what has no position."""
    lit = [SUNLIGHT[value] if value >= 0 else None for value in ephemeris.illumination_at(at_s).tolist()]
    return lit + [None] * (ephemeris.n_nodes - len(lit))


def utc_of(epoch, at_s):
    """The instant as ISO 8601, to the microsecond where it is no whole second."""
    return (epoch + timedelta(seconds=at_s)).isoformat().replace("+00:00", "Z")
