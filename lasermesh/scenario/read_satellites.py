"""Reading `[[satellites]]`: which satellites there are, and their names."""

import fnmatch
import math

from lasermesh import units
from lasermesh.scenario.elements import other_format, read_elements
from lasermesh.scenario.fields import BAD, name_fault
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.sources import Line
from lasermesh.scenario.topology import (
    ELEMENTS,
    FIXED,
    LOWEST_ALTITUDE_KM,
    PATTERN,
    SatelliteGroup,
    TerminalUse,
)

MOST_SATELLITES = 1_000_000


def read_satellites(table, place, terminals, names):
    """A group of satellites, or None if it could not be read; what is wrong with it is reported.

    Parameters
    ----------
    terminals : dict of name to TerminalType
        BAD in place of a type that could not be read.
    names : NodeNames
        Gets the group and its nodes.
    """
    given = [variant for variant in (PATTERN, ELEMENTS, FIXED) if variant in table]
    variant = given[0] if len(given) == 1 else None
    values = read_table((SatelliteGroup,), table, place, variant)
    names.add_group(values["name"], place, is_ground=False)
    values["terminals"] = _read_terminal_uses(values["terminals"], place, terminals)
    for extra in given[1:]:
        place.at(extra).report(f"cannot stand beside {given[0]}")
    if not given and BAD not in (values[PATTERN], values[ELEMENTS], values[FIXED]) and "leader" not in table:
        place.report(f"must have one of {PATTERN}, {ELEMENTS}, {FIXED}")
    if variant is None or values["name"] is BAD:
        names.add_unknown()
        return None
    read_nodes = {PATTERN: _read_pattern, ELEMENTS: _read_element_file, FIXED: _read_fixed}[variant]
    read_nodes(values, place, names)
    return None if BAD in values.values() else SatelliteGroup(**values)


def _read_terminal_uses(items, place, terminals):
    uses = []
    for table, here in read_tables("terminals", items, place):
        values = read_table((TerminalUse,), table, here)
        name = values["type"]
        if name is not BAD and name not in terminals:
            here.at("type").report(f"no terminal is named {shown(name)}{did_you_mean(name, terminals)}", name)
        values["type"] = terminals.get(name, BAD)
        uses.append(BAD if BAD in values.values() else TerminalUse(**values))
    if len(uses) > 1:
        place.at("terminals", 1).report("not yet supported: a second type of terminal on the same satellites")
    return BAD if items is BAD or BAD in uses else tuple(uses)


def _read_pattern(values, place, names):
    """Checks the keys of a pattern against each other; fills in the names, BAD if they cannot be known."""
    name, planes, slots, vacant = values["name"], values["planes"], values["slots"], values["vacant"]
    _check_altitude(values["altitude_km"], values["mean_motion_rev_per_day"], place)
    if planes is not BAD:
        _check_phasing(values["phasing_factor"], planes, place)
    if values["raan_spread_deg"] is None:
        values["raan_spread_deg"] = 180.0 if values["pattern"] == "walker-star" else 360.0
    if BAD in (planes, slots, vacant) or not _check_slots(planes, slots, vacant, place):
        names.add_unknown(f"{name}-")
        values["node_names"] = BAD
        return
    plane_digits, slot_digits = len(str(planes - 1)), len(str(slots - 1))
    vacant = set(vacant)
    values["node_names"] = tuple(
        f"{name}-{plane:0{plane_digits}}-{slot:0{slot_digits}}"
        for plane in range(planes)
        for slot in range(slots)
        if (plane, slot) not in vacant
    )
    for node_name in values["node_names"]:
        names.add_node(node_name, place)


def _check_altitude(altitude_km, mean_motion, place):
    if altitude_km is None and mean_motion is None:
        place.at("altitude_km").report("missing; give altitude_km or mean_motion_rev_per_day")
    if altitude_km is not None and mean_motion is not None:
        place.at("mean_motion_rev_per_day").report("cannot stand beside altitude_km")
    elif mean_motion not in (BAD, None) and altitude_of_km(mean_motion) < LOWEST_ALTITUDE_KM:
        message = (
            f"is that of an altitude of {altitude_of_km(mean_motion):.1f} km, which must be at least "
            f"{LOWEST_ALTITUDE_KM:g} km (got {mean_motion:g})"
        )
        place.at("mean_motion_rev_per_day").report(message, mean_motion)


def altitude_of_km(mean_motion_rev_per_day):
    """Semi-major axis of an orbit minus the Earth's radius, by Kepler's third law with SGP4's constants."""
    rad_per_s = mean_motion_rev_per_day * 2 * math.pi / 86_400
    return ((units.WGS72_GRAVITY_M3_PER_S2 / rad_per_s**2) ** (1 / 3) - units.ALTITUDE_DATUM_M) / 1e3


def _check_phasing(factor, planes, place):
    if isinstance(factor, int) and factor >= planes:
        message = f"must be an integer from 0 to planes - 1, which is {planes - 1} (got {shown(factor)})"
        place.at("phasing_factor").report(message, factor)


def _check_slots(planes, slots, vacant, place):
    """Whether there is at least one satellite, and no more than can be held."""
    if planes * slots > MOST_SATELLITES:
        place.at("planes").report(f"planes times slots must be at most {MOST_SATELLITES:,}", planes)
        return False
    outside = [index for index, (plane, slot) in enumerate(vacant) if plane >= planes or slot >= slots]
    for index in outside:
        message = (
            f"there is no slot {shown(vacant[index])}; planes go to {planes - 1} and slots to {slots - 1}"
        )
        place.at("vacant", index).report(message, vacant[index])
    if len(vacant) == planes * slots:
        place.at("vacant").report("leaves no satellite")
    return not outside and len(vacant) < planes * slots


def _read_element_file(values, place, names):
    """Reads the file and fills in element sets, planes and names, BAD if they cannot be known."""
    values["node_names"] = BAD
    if BAD in (values["elements"], values["match"], values["prefix"]):
        names.add_unknown()
        return
    prefix = f"{values['name']}/" if values["prefix"] else ""
    file, sets, header, sound = _element_sets(values["elements"], place.at("elements"))
    match = values["match"]
    matching = tuple(each for each in sets if match is None or fnmatch.fnmatchcase(each.name, match))
    for each in matching:
        line = Line(place.source.report, file, each.line_number)
        names.add_node(prefix + each.name, line)
        # Not "[": Starlinks that serve telephones are named as "STARLINK-11072 [DTC]".
        fault = name_fault(each.name, forbidden=":,*?")
        if fault is not None:
            line.report(fault, each.name)
    if not sound:
        names.add_unknown(prefix)
        return
    if not matching:
        place.at("match").report(f"matches no name of the {len(sets)} in {file}", match)
        return
    _set_planes(values, header if len(matching) == len(sets) else None, len(matching), place)
    values["element_sets"] = matching
    values["node_names"] = tuple(prefix + each.name for each in matching)


def _element_sets(name, place):
    """Display name of the file, its element sets, planes and slots if it says so, and whether it is sound."""
    opened = read_data_file(name, place, ".tle", "element file")
    if opened is None:
        return name, [], None, False
    text, file = opened
    format_name = other_format(text)
    if format_name is not None:
        place.report(f"element files in {format_name} are not yet supported; give a TLE file", name)
        return file, [], None, False
    sets, planes_and_slots, sound = read_elements(text, file, place.source.report)
    if sound and planes_and_slots is not None and planes_and_slots[0] * planes_and_slots[1] != len(sets):
        planes, slots = planes_and_slots
        message = f"{planes} planes of {slots} slots make {planes * slots}, but {len(sets)} satellites follow"
        Line(place.source.report, file, 1).report(message)
        sound = False
    return file, sets, planes_and_slots, sound


def _set_planes(values, header, count, place):
    """Fills in planes and slots from the file's first line, if there is one, or checks what is given."""
    planes, slots = values["planes"], values["slots"]
    if BAD in (planes, slots):
        return
    if planes is None and slots is None:
        values["planes"], values["slots"] = header or (None, None)
    elif planes is None or slots is None:
        given, missing = ("planes", "slots") if slots is None else ("slots", "planes")
        place.at(missing).report(f"missing; it goes together with {given}")
        values[given] = BAD
    elif header is not None and header != (planes, slots):
        place.at("planes").report(f"the element file says {header[0]} planes of {header[1]} slots", planes)
    elif planes * slots != count:
        message = f"{planes} planes of {slots} slots make {planes * slots}, but there are {count} satellites"
        place.at("planes").report(message, planes)


def _read_fixed(values, place, names):
    """Fills in the names of bare nodes, BAD if they cannot be known."""
    if BAD in (values["fixed"], values["prefix"]):
        names.add_unknown()
        return
    prefix = f"{values['name']}/" if values["prefix"] else ""
    values["node_names"] = tuple(prefix + name for name in values["fixed"])
    for index, name in enumerate(values["node_names"]):
        names.add_node(name, place.at("fixed", index), has_position=False)
