"""Instants as Julian dates, and the Earth's rotation angle at them. UT1 = UTC throughout."""

import math
from datetime import UTC

SECONDS_PER_DAY = 86_400.0
_JULIAN_DATE_OF_ORDINAL_0 = 1_721_424.5  # datetime's day 0, at midnight
_JULIAN_DATE_J2000 = 2_451_545.0
_DAYS_PER_CENTURY = 36_525.0


def julian_date(instant):
    """Julian date (UTC) of an aware datetime, as the date at midnight and the fraction of the day after it.

    Two numbers, because one float64 resolves only 40 us of a Julian date, 0.3 m of an orbit.
    """
    utc = instant.astimezone(UTC)
    day = utc.toordinal() + _JULIAN_DATE_OF_ORDINAL_0
    seconds = utc.hour * 3600 + utc.minute * 60 + utc.second + utc.microsecond * 1e-6
    return day, seconds / SECONDS_PER_DAY


def sidereal_time_rad(day, fraction):
    """Greenwich mean sidereal time 1982 in [0, 2 pi), the angle from TEME to the Earth-fixed frame.

    Of one instant or of arrays of them. Vallado et al., AIAA 2006-6753, equation C-5 (IAU 1982). Its term of
    876600 hours a century is one turn a day, of which only the part of a turn is kept: that preserves the
    precision of `fraction`.
    """
    centuries = (day - _JULIAN_DATE_J2000 + fraction) / _DAYS_PER_CENTURY
    turns = (day - _JULIAN_DATE_J2000) % 1.0 + fraction
    seconds = 67_310.54841 + (8_640_184.812866 + (0.093104 - 6.2e-6 * centuries) * centuries) * centuries
    return 2.0 * math.pi * ((turns + seconds / SECONDS_PER_DAY) % 1.0)


class Clock:
    """Julian dates and the Earth's angle at seconds since a topology's epoch."""

    def __init__(self, epoch):
        self.day, self._fraction = julian_date(epoch)

    def fraction(self, t_s):
        """Fraction of a day after `day`, of a number or an array of seconds."""
        return self._fraction + t_s / SECONDS_PER_DAY

    def sidereal_rad(self, t_s):
        """Greenwich mean sidereal time in [0, 2 pi)."""
        return sidereal_time_rad(self.day, self.fraction(t_s))
