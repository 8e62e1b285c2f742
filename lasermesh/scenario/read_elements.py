"""Reading the element file of a group: which of its satellites can be used, and what others lack."""

import dataclasses
import fnmatch
from collections import Counter
from typing import NamedTuple

from lasermesh.scenario.element_values import BadSet, days_of
from lasermesh.scenario.elements import read_elements
from lasermesh.scenario.fields import BAD, name_fault
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.problems import shown, writable
from lasermesh.scenario.sources import Line
from lasermesh.scenario.topology import SKIP_REASONS, Skipped

_MOST_NAMED = 5
_REASONS = {
    "damaged": "damaged",
    "checksum": "with a wrong checksum",
    "duplicate": "in the file already",
}


class Matching(NamedTuple):
    """Those satellites of an element file that a group wants."""

    file: str
    good: list  # of ElementSet
    bad: list  # of BadSet
    planes_and_slots: tuple | None  # of the whole file, None if only some match


def matching_elements(values, place, epoch):
    """The `Matching` of a group's element file; None after reporting why there is none.

    Parameters
    ----------
    values : dict
        Of the group's keys, of which `elements`, `match` and `max_age_h` are used.
    epoch : datetime or BAD
        Of the topology.
    """
    opened = read_data_file(values["elements"], place.at("elements"), ".tle", "element file")
    if opened is None:
        return None
    text, file = opened
    found = read_elements(text, file)
    if found.fault is not None:
        line, message = found.fault
        Line(place.source.report, file, line).report(message)
        return None
    total, match = len(found.sets) + len(found.bad), values["match"]
    good = [each for each in found.sets if _matches(each.name, match)]
    bad = [each for each in found.bad if _matches(each.name, match)]
    if not total:
        Line(place.source.report, file, None).report("holds no element sets")
        return None
    if not good and not bad:
        place.at("match").report(f"matches no name of the {total} in {file}", match)
        return None
    header = found.planes_and_slots if len(good) + len(bad) == total else None
    if header is not None and header[0] * header[1] != total:
        message = (
            f"{header[0]} planes of {header[1]} slots make {header[0] * header[1]}, "
            f"but {total} satellites follow"
        )
        Line(place.source.report, file, 1).report(message)
        return None
    good, worse = _without_stale_and_double(good, values["max_age_h"], epoch)
    bad = sorted(bad + worse, key=lambda each: each.slot)
    return _with_slots(Matching(file, good, bad, header), values["planes"] is not None or header is not None)


def _matches(name, match):
    """Whether a satellite is wanted; one whose name is not known may be."""
    return match is None or name is None or fnmatch.fnmatchcase(name, match)


def _with_slots(matching, in_planes):
    """The same, with slots counted among those that match where they make up planes."""
    if not in_planes:
        return matching
    slots = sorted(each.slot for each in [*matching.good, *matching.bad])
    new = {slot: index for index, slot in enumerate(slots)}
    if all(slot == index for slot, index in new.items()):
        return matching
    return matching._replace(good=[dataclasses.replace(each, slot=new[each.slot]) for each in matching.good])


def _without_stale_and_double(sets, max_age_h, epoch):
    """The sets that are young enough and first of their number and name, and a `BadSet` for each other."""
    good, bad, seen = [], [], {}
    topology_days = None if epoch is BAD or max_age_h is BAD else _days(epoch)
    for each in sets:
        title = f"{shown(each.name)} ({each.catalog_number})"
        age_h = 0.0 if topology_days is None else (topology_days - each.epoch_days) * 24.0
        # A number of 0 is that of satellites that have none yet.
        keys = [each.name] if each.catalog_number == 0 else [each.name, each.catalog_number]
        first = next((seen[key] for key in keys if key in seen), None)
        if topology_days is not None and abs(age_h) > max_age_h:
            side = "before" if age_h > 0 else "after"
            message = f"the epoch of {title} is {abs(age_h):.1f} h {side} the topology's; max_age_h is "
            bad.append(_bad(each, "stale", f"{message}{max_age_h:g}"))
        elif first is not None:
            same = "name" if each.name == first.name else "catalogue number"
            message = f"{title} has the {same} of the satellite at line {first.line_number}"
            bad.append(_bad(each, "duplicate", message))
        else:
            good.append(each)
            seen.update(dict.fromkeys(keys, each))
    return good, bad


def _bad(elements, reason, message):
    place = elements.line_number, elements.slot
    return BadSet(elements.name, elements.catalog_number, *place, reason, message)


def _days(instant):
    """Days since 1949-12-31 of an instant in UTC."""
    seconds = instant.hour * 3600 + instant.minute * 60 + instant.second + instant.microsecond * 1e-6
    return days_of(instant) + seconds / 86_400.0


def report_bad(matching, values, place, on_bad_satellite, skipped):
    """Whether the good satellites can be used; says of the bad ones what is wrong or that they are left out.

    `skipped` gets a `Skipped` for each that is left out.
    """
    file, report = matching.file, place.source.report
    if on_bad_satellite == "stop":
        for each in matching.bad:
            Line(report, file, each.line_number).report(each.message)
        return not matching.bad
    total = len(matching.good) + len(matching.bad)
    if not matching.good:
        first = matching.bad[0]
        counts = Counter(each.reason for each in matching.bad)
        reasons = ", ".join(f"{counts[reason]} {reason}" for reason in SKIP_REASONS if counts[reason])
        message = f"holds no element set that can be used ({reasons}); the first: {first.message}"
        Line(report, file, first.line_number).report(message)
        return False
    for reason in SKIP_REASONS:
        bad = [each for each in matching.bad if each.reason == reason]
        if bad:
            why = _REASONS.get(reason) or (
                f"stale (epoch more than {values['max_age_h']:g} h from the topology's)"
            )
            are = "is" if len(bad) == 1 else "are"
            message = f"{len(bad)} of {total} satellites {are} left out, {why}: {_named(bad)}"
            report.warn(file, None, None, message)
    for each in matching.bad:
        name, message = writable(each.name or f"line {each.line_number}"), writable(each.message)
        skipped.append(Skipped(name, each.catalog_number, file, each.line_number, each.reason, message))
    return True


def _named(bad):
    """The first few of the bad satellites by name and number."""
    names = [_title(each) for each in bad[:_MOST_NAMED]]
    more = len(bad) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _title(bad):
    if bad.name is None and bad.catalog_number is None:
        return f"line {bad.line_number}"
    if bad.name is None or bad.catalog_number is None:
        return bad.name or str(bad.catalog_number)
    return f"{bad.name} ({bad.catalog_number})"


def add_names(matching, prefix, place, names):
    """Names of a group's nodes, which `names` gets too; those that cannot be names are reported."""
    for each in matching.good:
        line = Line(place.source.report, matching.file, each.line_number)
        names.add_node(prefix + each.name, line)
        # Not "[": Starlinks that serve telephones are named as "STARLINK-11072 [DTC]".
        fault = name_fault(each.name, forbidden=":,*?")
        if fault is not None:
            line.report(fault, each.name)
    return tuple(prefix + each.name for each in matching.good)
