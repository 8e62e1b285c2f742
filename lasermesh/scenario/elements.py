"""Element sets from TLE text: two or three lines each, as CelesTrak and Hypatia write them."""

import re

from lasermesh.scenario.problems import shown
from lasermesh.scenario.sources import Line
from lasermesh.scenario.topology import ElementSet

_PLANES_AND_SLOTS = re.compile(r"\s*(\d{1,7})\s+(\d{1,7})\s*")
_ELEMENT_LINE = re.compile(r"^[12] [ 0-9A-Z][ 0-9]{4}", re.MULTILINE)
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
_OTHER_FORMATS = (
    (re.compile(r"\s*[\[{]"), "JSON"),
    (re.compile(r"\s*<"), "XML"),
    (re.compile(r"\s*CCSDS_OMM_VERS"), "OMM"),
    (re.compile(r"[^\n]*\bNORAD_CAT_ID\b"), "CSV"),
)


def other_format(text):
    """Name of the format if these are element sets in one that is known but not TLE, else None."""
    return next((name for pattern, name in _OTHER_FORMATS if pattern.match(text)), None)


def read_elements(text, file, report):
    """Element sets of a TLE file; whatever is damaged is reported with its line.

    Returns
    -------
    sets : list of ElementSet
        In file order, without the damaged ones.
    planes_and_slots : (int, int) or None
        From a first line of two integers, as Hypatia writes it.
    sound : bool
        Whether nothing had to be reported.
    """
    if _ELEMENT_LINE.search(text) is None:
        Line(report, file, None).report(
            "holds no element sets; a TLE file of two or three lines each is wanted"
        )
        return [], None, False
    lines = [(number, line.rstrip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    planes_and_slots = None
    first = _PLANES_AND_SLOTS.fullmatch(lines[0][1])
    if first:
        planes_and_slots = int(first[1]), int(first[2])
        del lines[0]
    sets, sound, at = [], True, 0
    while at < len(lines):
        name, name_line, at = _name(lines, at)
        given, at = _element_lines(lines, at)
        element_set = _element_set(name, name_line, given, Line(report, file, name_line))
        if element_set is None:
            sound = False
        else:
            sets.append(element_set)
    return sets, planes_and_slots, sound


def _is_element_line(line, which):
    return line.startswith(f"{which} ") and _ELEMENT_LINE.match(line) is not None


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


def _element_set(name, name_line, given, place):
    """The element set of these lines, or None after reporting what is wrong with them."""
    if not given:
        place.report(f"no element lines follow {shown(name)}; a line 1 and a line 2 must", name)
        return None
    _, first_line = next(iter(given.values()))
    title = shown(name) if name is not None else f"catalogue number {first_line[2:7].strip()}"
    for which in (1, 2):
        if which not in given:
            place.report(f"line {which} of {title} is missing")
            return None
    faults = {which: _line_fault(line, which) for which, (_, line) in given.items()}
    for which, fault in faults.items():
        if fault is not None:
            Line(place.report_to, place.file, given[which][0]).report(f"line {which} of {title} {fault}")
    if any(faults.values()):
        return None
    line1, line2 = given[1][1], given[2][1]
    if line1[2:7] != line2[2:7]:
        numbers = f"{line1[2:7].strip()} and {line2[2:7].strip()}"
        place.report(f"lines 1 and 2 of {title} have different catalogue numbers, {numbers}")
        return None
    catalog_number = _catalog_number(line1[2:7])
    return ElementSet(name or str(catalog_number), catalog_number, line1, line2, name_line)


def _line_fault(line, which):
    """What is wrong with one element line, or None."""
    if len(line) != _LINE_LENGTH:
        return f"has {len(line)} characters; there must be {_LINE_LENGTH}"
    if not line.isascii() or _COLUMNS[which].fullmatch(line) is None:
        return "does not have its numbers in the columns of a TLE"
    checksum = sum(line[:-1].encode().translate(_CHECKSUM_WEIGHTS)) % 10
    if checksum != int(line[-1]):
        return f"has checksum {line[-1]}, but its characters give {checksum}"
    return None


def _catalog_number(columns):
    """Number of a satellite; a letter in front (Alpha-5) stands for 10 to 33."""
    if columns[0] in _ALPHA_5:
        return (10 + _ALPHA_5.index(columns[0])) * 10_000 + int(columns[1:])
    return int(columns)
