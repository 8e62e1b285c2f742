"""Pairs of satellites that a rule could link, whatever it chooses."""

import itertools

import numpy as np

from lasermesh.contacts.graph import ISL
from lasermesh.contacts.grid import grid_pairs
from lasermesh.contacts.world import reach_m
from lasermesh.errors import UserError
from lasermesh.units import NONE

MOST_PAIRS = 5_000_000
"""More are refused: each takes 150 bytes, and a look now and then."""


def add_potential_pairs(topology, index, ephemeris, setting, table):
    """Add the pairs of a rule `grid`, `nearest` or `guest`, whatever terminals are free.

    Raises
    ------
    UserError
        If there are more than MOST_PAIRS.
    """
    rule = topology.links[index]
    groups = [group for group in topology.satellites if group.fixed is None]
    for one, other in _group_pairs(rule, groups):
        rows = np.array(topology.group_rows(one.name)), np.array(topology.group_rows(other.name))
        if rule.rule == "grid":
            first, second = grid_pairs(topology, index, ephemeris).T
            within = np.isin(first, rows[0])
            first, second = first[within], second[within]
        else:
            n_pairs = len(rows[0]) * len(rows[1])
            if n_pairs + table.count > MOST_PAIRS:
                raise UserError(
                    f"links[{index}]: {n_pairs:,} pairs of satellites are too many for contacts by geometry "
                    f"alone; there may be {MOST_PAIRS:,}"
                )
            first, second = (each.ravel() for each in np.meshgrid(*rows, indexing="ij"))
            if one is other:
                first, second = first[first < second], second[first < second]
        ladder, max_range_m = _best_ladder(rule, setting, one, other)
        nobody = np.full((2, len(first)), NONE)
        types = [np.full(len(first), _pointing_type(setting, group)) for group in (one, other)]
        table.add(first, second, nobody, types, index, ISL, NONE, ladder, max_range_m)


def _group_pairs(rule, groups):
    if rule.rule == "guest":
        clients = [group for group in groups if group.name in rule.clients]
        return itertools.product(clients, [group for group in groups if group.name in rule.hosts])
    members = [group for group in groups if group.name in rule.satellites]
    if rule.rule == "grid":
        return [(group, group) for group in members if group.planes is not None]
    return itertools.combinations_with_replacement(members, 2)


def _best_ladder(rule, setting, one, other):
    """The ladder between those terminals of two groups that reach farthest."""
    rows = []
    for group in (one, other):
        types = [use.type for use in group.terminals]
        rows.append(setting.type_row(max(types, key=reach_m)) if types else 0)
    return setting.ladder(rule, *rows)


def _pointing_type(setting, group):
    """The type whose mount and Sun exclusion count for a group: any if all agree, else none (0)."""
    types = [use.type for use in group.terminals]
    limits = {(each.mount, each.field_of_regard_deg, each.sun_exclusion_deg) for each in types}
    return setting.type_row(types[0]) if len(limits) == 1 else 0
