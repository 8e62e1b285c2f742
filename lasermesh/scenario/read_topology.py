"""Reading a topology: its tables in order, each checked against those before."""

import datetime
from typing import NamedTuple

from lasermesh.scenario.fields import BAD, name_fault
from lasermesh.scenario.names import NodeNames
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_ground import read_ground
from lasermesh.scenario.read_links import read_link_rule
from lasermesh.scenario.read_satellites import read_satellites
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.terminals import TerminalType
from lasermesh.scenario.topology import ELEMENTS, Topology

DEFAULT_EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Outline(NamedTuple):
    """A topology as far as it could be read."""

    topology: Topology | None  # None if a part could not be read; to be used only if nothing was reported
    names: NodeNames
    step_s: float  # or BAD


def read_topology(table, place, default_name):
    """The `Outline` of a topology; what is wrong with it is reported."""
    values = read_table((Topology,), table, place)
    if values["name"] is None:
        values["name"] = default_name
    names = NodeNames(default_name if values["name"] is BAD else values["name"])
    if BAD in (values["satellites"], values["ground"]):
        names.add_unknown()
        names.groups_known = False
    elif not values["satellites"] and not values["ground"]:
        place.at("satellites").report("missing; a topology has at least one [[satellites]] or [[ground]]")
        names.add_unknown()

    terminals = _read_terminals(values["terminals"], place)
    satellites, ground, links, grid_needs = {}, {}, [], {}
    for item, here in read_tables("satellites", values["satellites"], place):
        satellites[_group_name(item, here)] = read_satellites(item, here, terminals, names)
    for item, here in read_tables("ground", values["ground"], place):
        ground[_group_name(item, here)] = read_ground(item, here, names)
    for item, here in read_tables("links", values["links"], place):
        links.append(read_link_rule(item, here, satellites, ground, names, grid_needs))
    if not values["links"]:
        place.warn("there are no [[links]], so nothing can be sent")
    if values["seed"] not in (BAD, 0):
        place.at("seed").warn("changes nothing: so far, nothing in a topology is random")
    if values["epoch"] is None:
        values["epoch"] = _default_epoch(values["satellites"], place)

    parts = [*terminals.values(), *satellites.values(), *ground.values(), *links]
    if BAD in values.values() or BAD in parts or None in parts:
        return Outline(None, names, values["step_s"])
    values["terminals"] = tuple(terminals.values())
    values["satellites"] = tuple(satellites.values())
    values["ground"] = tuple(ground.values())
    values["links"] = tuple(links)
    _warn_of_idle_terminals(values, place)
    return Outline(Topology(**values), names, values["step_s"])


def _read_terminals(tables, place):
    """Terminal types by name, BAD in place of one that could not be read."""
    terminals = {}
    for name, table in () if tables is BAD or not tables else tables.items():
        here = place.at("terminals", name)
        terminals[name] = BAD
        fault = name_fault(name)
        if fault is not None:
            here.report(fault, name)
        elif not isinstance(table, dict):
            here.report(f"must be a table (got {shown(table)})", table)
        else:
            values = read_table((TerminalType,), table, here)
            terminals[name] = BAD if BAD in values.values() else TerminalType(name=name, **values)
    return terminals


def _group_name(item, place):
    """The name of a group, or something that no other group is called."""
    name = item.get("name")
    return name if isinstance(name, str) else place.path


def _default_epoch(satellites, place):
    if satellites is not BAD and any(isinstance(item, dict) and ELEMENTS in item for item in satellites):
        place.at("epoch").report("missing; with element files it must be given, as 2026-01-01T00:00:00Z")
        return BAD
    return DEFAULT_EPOCH


def _warn_of_idle_terminals(values, place):
    used = {use.type.name for group in values["satellites"] for use in group.terminals}
    for terminal in values["terminals"]:
        if terminal.name not in used:
            place.at("terminals", terminal.name).warn("no satellites have this terminal")
