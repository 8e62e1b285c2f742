"""Reading a topology: its tables in order, each checked against those before."""

import dataclasses
import datetime
import itertools
from typing import NamedTuple

from lasermesh.scenario.fields import BAD, keys_of
from lasermesh.scenario.names import NodeNames
from lasermesh.scenario.plan_loading import epoch_of_plan
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_ground import read_ground
from lasermesh.scenario.read_links import read_link_rule
from lasermesh.scenario.read_satellites import Surroundings, read_satellites
from lasermesh.scenario.read_terminals import read_terminals
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.topology import (
    ELEMENTS,
    FIXED,
    GroundGroup,
    LinkRule,
    SatelliteGroup,
    Topology,
)

DEFAULT_EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Outline(NamedTuple):
    """A topology as far as it could be read."""

    topology: Topology | None  # None if a part could not be read; to be used only if nothing was reported
    names: NodeNames
    step_s: float  # or BAD
    place: object  # of the topology's table


def read_topology(table, place, default_name):
    """The `Outline` of a topology; what is wrong with it is reported."""
    misplaced = _misplaced(table, place)
    values = read_table((Topology,), {k: v for k, v in table.items() if k not in misplaced}, place)
    for home in misplaced.values():
        values[home] = values[home] or BAD  # is not reported as missing too
    if values["name"] is None:
        values["name"] = default_name
    names = NodeNames(default_name if values["name"] is BAD else values["name"])
    if BAD in (values["satellites"], values["ground"]):
        names.add_unknown()
        names.groups_known = False
    elif not values["satellites"] and not values["ground"]:
        place.at("satellites").report("missing; a topology has at least one [[satellites]] or [[ground]]")
        names.add_unknown()

    if values["epoch"] is None:
        values["epoch"] = _default_epoch(values["satellites"], place)
    terminals = read_terminals(values["terminals"], place)
    satellites, ground, links, grid_needs = {}, {}, [], {}
    surroundings = Surroundings(*(values[key] for key in ("epoch", "seed", "on_bad_satellite")))
    for item, here in read_tables("satellites", values["satellites"], place):
        satellites[_group_name(item, here)] = read_satellites(item, here, terminals, names, surroundings)
    for item, here in read_tables("ground", values["ground"], place):
        ground[_group_name(item, here)] = read_ground(item, here, names)
    _number_nodes(satellites | ground, names, place)
    for item, here in read_tables("links", values["links"], place):
        timing = values["step_s"], values["epoch"]
        links.append(read_link_rule(item, here, satellites, ground, names, grid_needs, *timing))
    if not values["links"]:
        place.warn("there are no [[links]], so nothing can be sent")

    parts = [*terminals.values(), *satellites.values(), *ground.values(), *links]
    if BAD in values.values() or BAD in parts or None in parts:
        return Outline(None, names, values["step_s"], place)
    values["terminals"] = tuple(terminals.values())
    values["satellites"] = _resolve_transit(satellites.values(), links)
    values["ground"] = tuple(ground.values())
    values["links"] = tuple(links)
    values["skipped"] = tuple(surroundings.skipped)
    _warn_of_idle_terminals(values, place)
    return Outline(Topology(**values), names, values["step_s"], place)


def _misplaced(table, place):
    """Keys of a topology that belong into one of its tables, with the name of that; they are reported."""
    homes = {
        key: home
        for home, row in (("links", LinkRule), ("ground", GroundGroup), ("satellites", SatelliteGroup))
        for key in keys_of(row)
        if key not in keys_of(Topology)
    }
    misplaced = {key: homes[key] for key in table if key in homes}
    for key, home in misplaced.items():
        message = f"unknown key; {shown(key)} is a key of [[{place.at(home).key}]]"
        place.at(key).report(message, table[key])
    return misplaced


def _group_name(item, place):
    """The name of a group, or something that no other group is called."""
    name = item.get("name")
    return name if isinstance(name, str) else place.path


def _resolve_transit(groups, rules):
    """The groups, each knowing whether packets may pass through: not through guests unless they say so."""
    guests = {name for rule in rules for name in rule.clients}
    return tuple(
        dataclasses.replace(group, transit=group.name not in guests) if group.transit is None else group
        for group in groups
    )


def _number_nodes(groups, names, place):
    """Gives the ipn numbers that groups ask for; one that two nodes would have is reported."""
    groups = list(groups.values())
    if any(group is None or group is BAD for group in groups):
        return
    spans, first_row, index = [], 0, {}
    for group in groups:
        is_ground = isinstance(group, GroundGroup)
        size = len(group.sites) if is_ground else group.size
        kind = "ground" if is_ground else "satellites"
        index[kind] = index.get(kind, -1) + 1
        here = place.at(kind, index[kind], "ipn_first" if group.ipn_first is not None else FIXED)
        if group.numbers is not None:
            names.number_group(first_row, group.numbers)
        if isinstance(group.numbers, tuple):
            spans += [(number, number + 1, group, here) for number in group.numbers]
        else:
            first = first_row + 1 if group.ipn_first is None else group.ipn_first
            spans.append((first, first + size, group, here))
        first_row += size
    spans.sort(key=lambda span: span[:2])
    for before, after in itertools.pairwise(spans):
        if after[0] < before[1]:
            _, _, group, here = after if after[2].numbers is not None else before
            here.report(
                f"{shown(before[2].name)} and {shown(after[2].name)} both have a node of number {after[0]}",
                group.ipn_first,
            )


def _default_epoch(satellites, place):
    """What t = 0 is where the file does not say: what a plan says whose nodes it takes, if one does."""
    if satellites is BAD:
        return DEFAULT_EPOCH
    if any(isinstance(item, dict) and ELEMENTS in item for item in satellites):
        place.at("epoch").report("missing; with element files it must be given, as 2026-01-01T00:00:00Z")
        return BAD
    for index, item in enumerate(satellites):
        if isinstance(item, dict) and isinstance(item.get(FIXED), str):
            epoch = epoch_of_plan(item[FIXED], place.at("satellites", index, FIXED))
            if epoch is not None:
                return epoch
    return DEFAULT_EPOCH


def _warn_of_idle_terminals(values, place):
    used = {use.type.name for group in values["satellites"] for use in group.terminals}
    for terminal in values["terminals"]:
        if terminal.name not in used:
            place.at("terminals", terminal.name).warn("no satellites have this terminal")
