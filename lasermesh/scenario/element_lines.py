"""Element sets as lines (TLE): two or three each, as CelesTrak and Hypatia write them."""

import datetime
import re

from lasermesh.scenario.element_values import BadSet, ElementFile, days_of, range_fault
from lasermesh.scenario.problems import shown
from lasermesh.scenario.topology import ElementSet

_PLANES_AND_SLOTS = re.compile(r"\s*(\d{1,7})\s+(\d{1,7})\s*", re.ASCII)
ELEMENT_LINE = re.compile(r"^[12] [ 0-9A-Z][ 0-9]{4}", re.MULTILINE)
_CATALOG = r"[ 0-9A-HJ-NP-Z][ 0-9]{3}[0-9]"
_ANGLE = r"[ 0-9]{2}[0-9]\.[0-9]{4}"
_POWER = r"[ +-][0-9 ]{5}[ +-][0-9]"
# Only the columns that SGP4 uses; the rest (classification, designator, counters) may hold anything.
_COLUMNS = {
    1: re.compile(
        rf"1 {_CATALOG}.{{11}}[ 0-9][0-9][ 0-9]{{2}}[0-9]\.[0-9]{{8}} "
        rf"[ +-](?:\.[0-9]{{8}}|[0-9]\.[0-9]{{7}}) {_POWER} {_POWER} .{{6}}[0-9]"
    ),
    2: re.compile(
        rf"2 {_CATALOG} {_ANGLE} {_ANGLE} [0-9 ]{{6}}[0-9] {_ANGLE} {_ANGLE} "
        rf"[ 0-9][0-9]\.[0-9]{{8}}.{{5}}[0-9]"
    ),
}
_LINE_LENGTH = 69
_CHECKSUM_WEIGHTS = bytes(
    code - ord("0") if chr(code).isdecimal() else int(code == ord("-")) for code in range(128)
) + bytes(128)
_ALPHA_5 = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # I and O are left out
_FIRST_TWO_DIGIT_YEAR = 57  # 1957; 56 is 2056
_SGP4_XP = "4"  # an ephemeris type that needs another propagator


def read_lines(text):
    """The `ElementFile` of TLE text."""
    if ELEMENT_LINE.search(text) is None:
        fault = "holds no element sets; TLE of two or three lines each, OMM or CSV is wanted"
        return ElementFile([], [], fault=(None, fault))
    lines = [(number, line.rstrip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    planes_and_slots = None
    first = _PLANES_AND_SLOTS.fullmatch(lines[0][1])
    if first:
        planes_and_slots = int(first[1]), int(first[2])
        del lines[0]
    sets, bad, at = [], [], 0
    while at < len(lines):
        name, name_line, at = _name(lines, at)
        given, at = _element_lines(lines, at)
        slot = len(sets) + len(bad)
        fault = _fault(name, name_line, given)
        if fault is None:
            made = _element_set(name, given[1][1], given[2][1], name_line, slot)
            (bad if isinstance(made, BadSet) else sets).append(made)
        else:
            reason, line, message = fault
            bad.append(BadSet(name, _known_number(given), line, slot, reason, message))
    return ElementFile(sets, bad, planes_and_slots)


def _is_element_line(line, which):
    return line.startswith(f"{which} ") and ELEMENT_LINE.match(line) is not None


def _name(lines, at):
    """Name (None in a file of two lines each), the line where this set starts, and where to go on."""
    number, line = lines[at]
    if _is_element_line(line, 1) or _is_element_line(line, 2):
        return None, number, at
    return line.removeprefix("0 ").strip(), number, at + 1


def _element_lines(lines, at):
    """The element lines that come next, by 1 and 2, and where to go on."""
    given = {}
    for which in (1, 2):
        if at < len(lines) and _is_element_line(lines[at][1], which):
            given[which] = lines[at]
            at += 1
    return given, at


def _fault(name, name_line, given):
    """Reason, line and message of what is wrong with these lines, or None."""
    if not given:
        return "damaged", name_line, f"no element lines follow {shown(name)}; a line 1 and a line 2 must"
    _, first_line = next(iter(given.values()))
    title = shown(name) if name is not None else f"catalogue number {first_line[2:7].strip()}"
    for which in (1, 2):
        if which not in given:
            return "damaged", name_line, f"line {which} of {title} is missing"
    for which, (number, line) in given.items():
        fault = _line_fault(line, which)
        if fault is not None:
            return "damaged", number, f"line {which} of {title} {fault}"
    for which, (number, line) in given.items():
        checksum = sum(line[:-1].encode().translate(_CHECKSUM_WEIGHTS)) % 10
        if checksum != int(line[-1]):
            message = f"line {which} of {title} has checksum {line[-1]}, but its characters give {checksum}"
            return "checksum", number, message
    numbers = [line[2:7].strip() for _, line in given.values()]
    if given[1][1][2:7] != given[2][1][2:7]:
        message = f"lines 1 and 2 of {title} have different catalogue numbers, {' and '.join(numbers)}"
        return "damaged", name_line, message
    return None


def _line_fault(line, which):
    """What is wrong with the form of one element line, or None."""
    if len(line) != _LINE_LENGTH:
        return f"has {len(line)} characters; there must be {_LINE_LENGTH}"
    if not line.isascii() or _COLUMNS[which].fullmatch(line) is None:
        return "does not have its numbers in the columns of a TLE"
    if which == 1 and line[62] == _SGP4_XP:
        return "has ephemeris type 4, which needs SGP4-XP"
    return None


def _element_set(name, line1, line2, line_number, slot):
    """The `ElementSet` of two sound lines, or a `BadSet` if its numbers are out of range."""
    catalog_number = _catalog_number(line1[2:7])
    year = int(line1[18:20])
    date = datetime.date(year + (1900 if year >= _FIRST_TWO_DIGIT_YEAR else 2000), 1, 1)
    fields = {
        "epoch_days": days_of(date) - 1 + float(line1[20:32]),
        "bstar": _power(line1[53:61]),
        "eccentricity": float("0." + line2[26:33].replace(" ", "0")),
        "inclination_deg": float(line2[8:16]),
        "raan_deg": float(line2[17:25]),
        "argument_of_perigee_deg": float(line2[34:42]),
        "mean_anomaly_deg": float(line2[43:51]),
        "mean_motion_rev_per_day": float(line2[52:63]),
    }
    fault = range_fault(fields)
    if fault is None and not 1.0 <= float(line1[20:32]) < 367.0:
        fault = f"the day of its epoch must be from 1 to 366 (is {line1[20:32].strip()})"
    if fault is not None:
        title = shown(name) if name is not None else f"catalogue number {catalog_number}"
        return BadSet(name, catalog_number, line_number, slot, "damaged", f"{fault}, of {title}")
    return ElementSet(
        name=name or str(catalog_number),
        catalog_number=catalog_number,
        line_number=line_number,
        slot=slot,
        **fields,
    )


def _power(columns):
    """`-12345-6` as -0.12345e-6."""
    sign = -1.0 if columns[0] == "-" else 1.0
    return sign * float(f"0.{columns[1:6].replace(' ', '0')}e{columns[6:8].replace(' ', '')}")


def _known_number(given):
    """The catalogue number on the first of these lines, if it can be read."""
    for _, line in given.values():
        if re.fullmatch(_CATALOG, line[2:7]):
            return _catalog_number(line[2:7])
    return None


def _catalog_number(columns):
    """Number of a satellite; a letter in front (Alpha-5) stands for 10 to 33."""
    columns = columns.strip()
    if columns[0] in _ALPHA_5:
        return (10 + _ALPHA_5.index(columns[0])) * 10_000 + int(columns[1:].replace(" ", "0"))
    return int(columns.replace(" ", "0"))
