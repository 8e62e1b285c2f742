"""Element sets from the keywords of an orbit mean-elements message (OMM), whatever the file's format."""

import datetime
import math
import re
from typing import NamedTuple

from lasermesh.scenario.problems import shown
from lasermesh.scenario.topology import ElementSet

MOST_CATALOG_NUMBER = 999_999_999
FIRST_YEAR, LAST_YEAR = 1957, 2056

_DAY_0 = datetime.date(1949, 12, 31).toordinal()
_EPOCH = re.compile(
    r"(\d{4})-(?:(\d{2})-(\d{2})|(\d{3}))[T ](\d{2}):(\d{2}):(\d{2}(?:\.\d*)?)(?:Z|[+-]00:?00)?", re.ASCII
)
_WHOLE = re.compile(r"\d{1,9}(?:\.0*)?", re.ASCII)

# Keyword, field, and the range that it must lie in; the least mean motion and eccentricity 1 are outside.
_NUMBERS = (
    ("MEAN_MOTION", "mean_motion_rev_per_day", 0.0, 20.0),
    ("ECCENTRICITY", "eccentricity", 0.0, 1.0),
    ("INCLINATION", "inclination_deg", 0.0, 180.0),
    ("RA_OF_ASC_NODE", "raan_deg", -360.0, 360.0),
    ("ARG_OF_PERICENTER", "argument_of_perigee_deg", -360.0, 360.0),
    ("MEAN_ANOMALY", "mean_anomaly_deg", -360.0, 360.0),
    ("BSTAR", "bstar", -1e3, 1e3),
)
_FIXED = (
    ("CENTER_NAME", ("EARTH",)),
    ("REF_FRAME", ("TEME",)),
    ("TIME_SYSTEM", ("UTC",)),
    ("MEAN_ELEMENT_THEORY", ("SGP4", "SGP/SGP4")),
    ("EPHEMERIS_TYPE", ("0", "0.0", "2")),
)
NEEDED = ("NORAD_CAT_ID", "EPOCH", *(keyword for keyword, *_ in _NUMBERS))
"""Keywords without which there is no element set."""


class BadSet(NamedTuple):
    """An element set that cannot be used, as far as it is known."""

    name: str | None
    catalog_number: int | None
    line_number: int
    slot: int
    reason: str
    message: str


class ElementFile(NamedTuple):
    """What an element file holds."""

    sets: list  # of ElementSet, in file order
    bad: list  # of BadSet
    planes_and_slots: tuple | None = None  # from a first line of two integers, as Hypatia writes it
    fault: tuple | None = None  # line or None and message: why the whole file cannot be used


def set_from_keywords(values, line_number, slot):
    """The `ElementSet` of a message, or a `BadSet`.

    Parameters
    ----------
    values : dict
        Text or numbers by keyword; others than those of OMM are ignored.
    """
    name, catalog_number = _name(values), None
    faults = []
    try:
        catalog_number = _catalog_number(values)
    except ValueError as error:
        faults.append(f"{error}, of {shown(name)}" if name else str(error))
    missing = [word for word in NEEDED if _is_blank(values.get(word))]
    title = shown(name) if name else f"catalogue number {catalog_number}" if catalog_number else "it"
    if missing:
        faults = [f"{title} has no {', '.join(missing)}"]
    fields = {}
    if not faults:
        try:
            _check_fixed(values)
            fields["epoch_days"] = epoch_days(values["EPOCH"])
            for keyword, field, low, high in _NUMBERS:
                fields[field] = _number(values[keyword], keyword, low, high)
        except ValueError as error:
            faults.append(f"{error}, of {title}" if title != "it" else str(error))
    if faults:
        return BadSet(name, catalog_number, line_number, slot, "damaged", faults[0])
    fault = range_fault(fields)
    if fault is not None:
        return BadSet(name, catalog_number, line_number, slot, "damaged", f"{fault}, of {title}")
    return ElementSet(
        name=name or str(catalog_number),
        catalog_number=catalog_number,
        line_number=line_number,
        slot=slot,
        **fields,
    )


def range_fault(fields):
    """What is wrong with mean elements by name of field, or None."""
    if not fields["mean_motion_rev_per_day"] > 0.0:
        return f"the mean motion must be above 0 (is {fields['mean_motion_rev_per_day']:g})"
    if not fields["eccentricity"] < 1.0:
        return f"the eccentricity must be below 1 (is {fields['eccentricity']:g})"
    for keyword, field, low, high in _NUMBERS:
        if not low <= fields[field] <= high:
            return f"{keyword} must be from {low:g} to {high:g} (is {fields[field]:g})"
    return None


def epoch_days(value):
    """Days since 1949-12-31T00:00:00Z of an instant in ISO 8601, UTC; ValueError with what is wrong."""
    match = _EPOCH.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"EPOCH must be an instant in UTC, as 2026-08-11T01:45:14.349600 (is {shown(value)})"
        )
    year, month, day, day_of_year, hour, minute, second = match.groups()
    try:
        if day_of_year is None:
            date = datetime.date(int(year), int(month), int(day))
        else:
            date = datetime.date(int(year), 1, 1) + datetime.timedelta(int(day_of_year) - 1)
            if date.year != int(year):
                raise ValueError
        if int(hour) > 23 or int(minute) > 59 or float(second) >= 61.0:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(f"EPOCH is no date and time that there is (is {shown(value)})") from None
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise ValueError(f"EPOCH must be in the years {FIRST_YEAR} to {LAST_YEAR} (is {shown(value)})")
    seconds = (int(hour) * 60 + int(minute)) * 60 + float(second)
    return days_of(date) + seconds / 86_400.0


def days_of(date):
    """Days since 1949-12-31 of a calendar date."""
    return date.toordinal() - _DAY_0


def _name(values):
    name = values.get("OBJECT_NAME")
    return name.strip() or None if isinstance(name, str) else None


def _catalog_number(values):
    """The catalogue number, None where there is none; ValueError with what is wrong."""
    given = values.get("NORAD_CAT_ID")
    if _is_blank(given):
        return None
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    text = given.strip() if isinstance(given, str) else f"{given!r}" if is_number else ""
    if not _WHOLE.fullmatch(text):
        raise ValueError(
            f"NORAD_CAT_ID must be an integer from 0 to {MOST_CATALOG_NUMBER} (is {shown(given)})"
        )
    return int(text.partition(".")[0])


def _is_blank(value):
    return value is None or (isinstance(value, str) and not value.strip())


def _check_fixed(values):
    for keyword, allowed in _FIXED:
        given = values.get(keyword)
        if not _is_blank(given) and str(given).strip().upper() not in allowed:
            raise ValueError(f"{keyword} must be {allowed[0]} (is {shown(given)})")


def _number(value, keyword, low, high):
    if isinstance(value, str):
        try:
            number = float(value) if "_" not in value else math.nan
        except ValueError:
            number = math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else math.nan
    else:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{keyword} must be a number from {low:g} to {high:g} (is {shown(value)})")
    return number
