"""Reading `[[satellites]]`: which satellites there are, and their names."""

import math
from dataclasses import dataclass, field

from lasermesh import units
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.plan_loading import DEFAULT_EPOCH, read_nodes
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.read_elements import add_names, matching_elements, report_bad
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.sun_synchronous import node_deg_of_local_time, sun_synchronous_inclination_deg
from lasermesh.scenario.topology import (
    ELEMENTS,
    FIXED,
    FORMATION,
    LOWEST_ALTITUDE_KM,
    PATTERN,
    SatelliteGroup,
    TerminalUse,
)

MOST_SATELLITES = 1_000_000
_FILL_STREAM = 1  # of the topology's seed


@dataclass
class Surroundings:
    """What groups of satellites need to know of their topology; any of the values may be BAD."""

    epoch: object
    seed: int
    on_bad_satellite: str
    skipped: list = field(default_factory=list)  # gets a Skipped for each satellite that is left out


def read_satellites(table, place, terminals, names, surroundings):
    """A group of satellites, or None if it could not be read; what is wrong with it is reported.

    Parameters
    ----------
    terminals : dict of name to TerminalType
        BAD in place of a type that could not be read.
    names : NodeNames
        Has the nodes of the groups before; gets the group and its nodes.
    surroundings : Surroundings
    """
    given = [variant for variant in _READERS if variant in table]
    variant = given[0] if len(given) == 1 else None
    values = read_table((SatelliteGroup,), table, place, variant)
    names.add_group(values["name"], place, is_ground=False)
    values["terminals"] = _read_terminal_uses(values["terminals"], place, terminals)
    for extra in given[1:]:
        place.at(extra).report(f"cannot stand beside {given[0]}")
    if not given and BAD not in (values[each] for each in _READERS):
        place.report(f"must have one of {', '.join(_READERS)}")
    if variant is None or values["name"] is BAD:
        names.add_unknown()
        return None
    if variant == PATTERN:
        _check_beside(table, values, place)
    _READERS[variant](values, place, names, surroundings)
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
    return BAD if items is BAD or BAD in uses else tuple(uses)


def _check_beside(table, values, place):
    """Reports keys of a pattern that say the same twice, and makes the values of the second BAD."""
    for key, other in (
        ("inclination_deg", "sun_synchronous_ltan_h"),
        ("raan_deg", "sun_synchronous_ltan_h"),
        ("vacant", "fill"),
    ):
        if key in table and other in table:
            place.at(key).report(f"cannot stand beside {other}")
            values[key] = BAD


def _read_pattern(values, place, names, surroundings):
    """Checks the keys of a pattern against each other; fills in the names, BAD if they cannot be known."""
    name, planes, slots = values["name"], values["planes"], values["slots"]
    _check_altitude(values["altitude_km"], values["mean_motion_rev_per_day"], place)
    _set_inclination(values, place, surroundings.epoch)
    if planes is not BAD:
        _check_phasing(values["phasing_factor"], planes, place)
    if values["raan_spread_deg"] is None:
        values["raan_spread_deg"] = 180.0 if values["pattern"] == "walker-star" else 360.0
    if BAD not in (planes, slots, values["vacant"], values["fill"], surroundings.seed):
        if values["fill"] is not None and planes * slots <= MOST_SATELLITES:
            values["vacant"] = _draw_vacant(planes, slots, values["fill"], surroundings.seed, place.path[-1])
    vacant = values["vacant"]
    if BAD in (planes, slots, vacant) or not _check_slots(planes, slots, vacant, place):
        names.add_unknown(f"{name}-")
        values["node_names"] = BAD
        return
    values["node_names"] = pattern_names(name, planes, slots, vacant)
    for node_name in values["node_names"]:
        names.add_node(node_name, place)


def pattern_names(name, planes, slots, vacant):
    """Names of the satellites of a pattern, plane after plane (design section 9, point 9)."""
    plane_digits, slot_digits = len(str(planes - 1)), len(str(slots - 1))
    vacant = set(vacant)
    return tuple(
        f"{name}-{plane:0{plane_digits}}-{slot:0{slot_digits}}"
        for plane in range(planes)
        for slot in range(slots)
        if (plane, slot) not in vacant
    )


def _draw_vacant(planes, slots, fill, seed, index):
    """The slots that stay vacant, so that exactly the share `fill` of all, rounded, has a satellite."""
    import numpy as np

    count = planes * slots
    filled = max(1, round(fill * count))
    drawn = np.random.default_rng([seed, _FILL_STREAM, index]).permutation(count)[filled:]
    drawn.sort()
    return tuple((slot // slots, slot % slots) for slot in drawn.tolist())


def _set_inclination(values, place, epoch):
    """Fills in inclination and node of a sun-synchronous pattern."""
    inclination_deg, local_time_h = values["inclination_deg"], values["sun_synchronous_ltan_h"]
    if inclination_deg is None and local_time_h is None:
        place.at("inclination_deg").report("missing; give inclination_deg or sun_synchronous_ltan_h")
        values["inclination_deg"] = BAD
    altitude_km, mean_motion = values["altitude_km"], values["mean_motion_rev_per_day"]
    if inclination_deg is not None or local_time_h in (None, BAD):
        return
    if BAD in (altitude_km, mean_motion) or (altitude_km is None) == (mean_motion is None):
        values["inclination_deg"] = BAD  # which has been reported
        return
    values["inclination_deg"] = sun_synchronous_inclination_deg(altitude_km, mean_motion)
    if values["inclination_deg"] is None:
        place.at("sun_synchronous_ltan_h").report("no orbit so high is sun-synchronous", local_time_h)
        values["inclination_deg"] = BAD
    values["raan_deg"] = BAD if epoch is BAD else node_deg_of_local_time(local_time_h, epoch)


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


def _read_element_file(values, place, names, surroundings):
    """Reads the file and fills in element sets, planes and names, BAD if they cannot be known."""
    values["node_names"] = BAD
    if BAD in (values["elements"], values["match"], values["prefix"]):
        names.add_unknown()
        return
    prefix = f"{values['name']}/" if values["prefix"] else ""
    matching = matching_elements(values, place, surroundings.epoch)
    if matching is None:
        names.add_unknown(prefix)
        return
    node_names = add_names(matching, prefix, place, names)
    if not report_bad(matching, values, place, surroundings.on_bad_satellite, surroundings.skipped):
        names.add_unknown(prefix)
        return
    _set_planes(values, matching.planes_and_slots, len(matching.good) + len(matching.bad), place)
    values["element_sets"] = tuple(matching.good)
    values["node_names"] = node_names


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


def _read_formation(values, place, names, surroundings):
    """Checks the leader; fills in the names of those that follow it, BAD if they cannot be known."""
    name, leader, offsets_m = values["name"], values["leader"], values["offsets_m"]
    if leader is not BAD:
        row = names.find(leader, place.at("leader"))
        if row is not BAD and not names.has_position(row):
            place.at("leader").report(f"{shown(leader)} has no orbit", leader)
            row = BAD
        if row is BAD:
            values["leader"] = BAD
    if offsets_m is BAD:
        names.add_unknown(f"{name}-")
        values["node_names"] = BAD
        return
    first_index = {(0.0, 0.0, 0.0): None}
    for index, offset_m in enumerate(offsets_m):
        first = first_index.setdefault(offset_m, index)
        if first != index:
            who = "the leader" if first is None else f"the satellite of offsets_m[{first}]"
            place.at("offsets_m", index).report(f"is where {who} is", list(offset_m))
    values["node_names"] = formation_names(name, len(offsets_m))
    for node_name in values["node_names"]:
        names.add_node(node_name, place)


def formation_names(name, count):
    """Names of the satellites of a formation that follow its leader."""
    digits = len(str(count - 1))
    return tuple(f"{name}-{index:0{digits}}" for index in range(count))


def _read_fixed(values, place, names, surroundings):
    """Fills in the names of bare nodes, and numbers that a plan gives them, BAD if they cannot be known."""
    given, here = values["fixed"], place.at("fixed")
    if BAD in (given, values["prefix"]):
        names.add_unknown()
        return
    prefix = f"{values['name']}/" if values["prefix"] else ""
    is_file = isinstance(given, str)
    node_names = given
    if is_file:
        epoch = surroundings.epoch
        node_names, numbers = read_nodes(given, here, DEFAULT_EPOCH if epoch is BAD else epoch)
        if node_names is None:
            names.add_unknown(prefix)
            values["node_names"] = BAD
            return
        if numbers and values["ipn_first"] is not None:
            message = f"cannot stand beside the ipn numbers that the plan {shown(given)} gives"
            place.at("ipn_first").report(message, values["ipn_first"])
            values["ipn_first"] = BAD
        values["plan_numbers"] = numbers
    values["node_names"] = tuple(prefix + name for name in node_names)
    for index, name in enumerate(values["node_names"]):
        names.add_node(name, here if is_file else here.at(index), has_position=False)


_READERS = {
    PATTERN: _read_pattern,
    ELEMENTS: _read_element_file,
    FORMATION: _read_formation,
    FIXED: _read_fixed,
}
