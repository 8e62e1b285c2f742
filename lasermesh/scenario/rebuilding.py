"""A topology from what a run keeps of it, without the files that it was read from."""

import dataclasses
import datetime
import types
import typing

from lasermesh.scenario.read_satellites import formation_names, pattern_names


def from_plain(cls, plain):
    """The dataclass that `fields.as_plain` made plain; fields that it leaves out have their defaults.

    Parameters
    ----------
    cls : type
        A dataclass of the scenario.
    plain : dict
        As it comes back from JSON.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not what `as_plain` made of such an object.
    """
    hints = typing.get_type_hints(cls)
    values = {}
    for each in dataclasses.fields(cls):
        if not each.metadata.get("bulky"):
            described = each.metadata.get("key")
            values[each.name] = _value(hints[each.name], plain[(described and described.name) or each.name])
    return cls(**values)


def _value(hint, plain):
    """A plain value as the annotation of its field wants it."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next((each for each in typing.get_args(hint) if _may_hold(each, plain)), type(plain))
    if isinstance(plain, list):
        items = typing.get_args(hint)
        if len(items) == 2 and items[1] is Ellipsis:
            items = (items[0],) * len(plain)
        return tuple(_value(item, each) for item, each in zip(items, plain, strict=True))
    if dataclasses.is_dataclass(hint):
        return from_plain(hint, plain)
    return datetime.datetime.fromisoformat(plain) if hint is datetime.datetime else plain


def _may_hold(hint, plain):
    """Whether one of several annotations is that of a plain value which needs to be changed."""
    if isinstance(plain, list):
        return typing.get_origin(hint) is tuple
    return isinstance(plain, dict) and dataclasses.is_dataclass(hint)


def rebuild_topology(topology, element_sets, plan_nodes, plan_contacts):
    """The topology of a run.

    Parameters
    ----------
    topology : Topology
        As it comes back from JSON (`from_plain`): without names of satellites, element sets and contacts.
    element_sets : dict
        By name of a group with an element file: names of its satellites, and its element sets.
    plan_nodes : dict
        By name of a group of the nodes of a contact plan: their names, and their ipn numbers or ().
    plan_contacts : dict
        By index of a rule `plan`: its contacts.

    Returns
    -------
    topology : Topology
        Equal to the one of the run in all that fixes nodes, positions and links; where its files lie, what
        was warned of and which satellites were skipped is not known.

    Raises
    ------
    KeyError
        If a group or rule is missing.
    """
    groups = []
    for group in topology.satellites:
        numbers, sets = (), ()
        if group.pattern is not None:
            names = pattern_names(group.name, group.planes, group.slots, group.vacant)
        elif group.elements is not None:
            names, sets = element_sets[group.name]
        elif group.leader is not None:
            names = formation_names(group.name, len(group.offsets_m))
        elif isinstance(group.fixed, str):
            names, numbers = plan_nodes[group.name]
        else:
            names = tuple((f"{group.name}/" if group.prefix else "") + name for name in group.fixed)
        groups.append(dataclasses.replace(group, node_names=names, element_sets=sets, plan_numbers=numbers))
    rules = [
        rule if rule.plan is None else dataclasses.replace(rule, plan_contacts=plan_contacts[index])
        for index, rule in enumerate(topology.links)
    ]
    return dataclasses.replace(topology, satellites=tuple(groups), links=tuple(rules))
