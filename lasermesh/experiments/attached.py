"""What the guests of a topology get of a mesh: one row of a study, with one seed."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import LinkEngine, iterate_contacts
from lasermesh.contacts.ground import rates_bps
from lasermesh.contacts.world import Setting
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario.terminals import Acquisition, TerminalUse

LOOK_EVERY_S = 60.0
"""How often hosts in reach are counted."""


class Variation(NamedTuple):
    """What a row of a study varies; None leaves what the topology says."""

    clients: str  # a group of satellites
    choose: str
    free_share: float | None
    terminals: int | None
    acquisition_s: float | None


class Record(NamedTuple):
    """What guests got with one seed, JSON-ready."""

    connected_share: list[float]  # of each guest
    handovers: int  # of all guests together
    contact_s: list[float]  # how long each contact lasted, as far as it was seen
    contacts_cut: int  # those that begin or end with the study
    outage_s: list[float]  # how long each time without any link was
    visible_hosts: list[int]  # hosts with a terminal for guests in reach of a guest, now and then


def guest_rule(topology, group):
    """The first rule under which a group is a guest; None if it is none."""
    rules = (rule for rule in topology.links if rule.rule == "guest" and group in rule.clients)
    return next(rules, None)


def varied(topology, variation, seed):
    """A topology with one group of guests, as a row of a study has it.

    Without a share of free terminals, rules that take terminals of satellites act beside that of the guests;
    with it, a host has one terminal for guests or none, and the guests' rule stands alone.
    """
    rule = guest_rule(topology, variation.clients)
    alone = dataclasses.replace(rule, clients=(variation.clients,), choose=variation.choose)
    links = [
        alone if each is rule else each
        for each in topology.links
        if each is rule or (variation.free_share is None and _takes_terminals(each))
    ]
    groups = [_varied_group(group, topology, alone, variation) for group in topology.satellites]
    topology = dataclasses.replace(topology, links=tuple(links), satellites=tuple(groups), seed=seed)
    return _without_idle_hosts(topology, alone) if len(links) == 1 else topology


def _without_idle_hosts(topology, rule):
    """The topology without hosts that have no terminal: of most, nobody need know where they are."""
    first = Setting(topology).terminals.first
    leaders = {topology.row_of(group.leader) for group in topology.satellites if group.leader is not None}
    groups = []
    for group in topology.satellites:
        rows = topology.group_rows(group.name)
        apart = group.leader is None and not leaders.intersection(rows)
        if group.name in rule.hosts and apart and len(group.terminals) == 1:
            kept = np.flatnonzero(np.diff(first[rows.start : rows.stop + 1]))
            group = _with_only(group, kept)
        groups.append(group)
    return dataclasses.replace(topology, satellites=tuple(groups))


def _with_only(group, kept):
    """A group of a pattern or of elements with some of its satellites, all with the terminals they have."""
    changes = {"node_names": tuple(group.node_names[row] for row in kept)}
    if group.element_sets:
        changes["element_sets"] = tuple(group.element_sets[row] for row in kept)
    else:
        gone = np.delete(group.plane_slot, kept, axis=0)
        changes["vacant"] = (*group.vacant, *map(tuple, gone.tolist()))
    (use,) = group.terminals
    return dataclasses.replace(group, terminals=(dataclasses.replace(use, share=1.0),), **changes)


def _takes_terminals(rule):
    """Whether a rule, which is not that of the guests, takes terminals of satellites."""
    return rule.rule in ("grid", "nearest") or (rule.rule == "ground" and None in rates_bps(rule))


def _varied_group(group, topology, rule, variation):
    """A group of satellites with the terminals that a row gives it."""
    uses = group.terminals
    if group.name == variation.clients and variation.terminals is not None:
        uses = (TerminalUse(type=uses[0].type, count=variation.terminals),)
    elif group.name in rule.hosts and variation.free_share is not None:
        # Hosts that the topology does not limit get terminals like those of the guests.
        like = uses or group_of(topology, variation.clients).terminals
        uses = (TerminalUse(type=like[0].type, count=1, share=variation.free_share),)
    if variation.acquisition_s is not None:
        takes = Acquisition(median=variation.acquisition_s, p95=variation.acquisition_s)
        uses = tuple(
            dataclasses.replace(use, type=dataclasses.replace(use.type, acquisition_s=takes)) for use in uses
        )
    return dataclasses.replace(group, terminals=uses)


def group_of(topology, name):
    """The group of satellites of a name."""
    return next(group for group in topology.satellites if group.name == name)


def measure(topology, group, start_s, duration_s, warm_up_s=0.0, on_progress=lambda share: None) -> Record:
    """What a group of guests gets between two instants.

    Parameters
    ----------
    topology : Topology
        Of whose rules the one for these guests is the only one `guest`.
    group : str
    start_s, duration_s : float
    warm_up_s : float
        So long before the start guests choose for the first time, and are linked at once; nothing before the
        start counts.
    on_progress : function of float
        Called with the share that is done.
    """
    stop_s = start_s + duration_s
    ephemeris = build_ephemeris(topology)
    engine = LinkEngine(topology, ephemeris, warm_up_s)
    (rule,) = engine.guests
    guests = np.array(topology.group_rows(group))
    parts, visible, looked_s = [], [], start_s

    def look(until_s):
        nonlocal looked_s
        while looked_s < until_s:
            visible.extend(rule.hosts_in_reach(looked_s, engine.skies.at(looked_s)).tolist())
            looked_s += LOOK_EVERY_S
        on_progress((until_s - start_s) / duration_s)

    for plan in iterate_contacts(topology, ephemeris, start_s, stop_s, on_progress=look, engine=engine):
        parts.append(_of_guests(plan, guests, engine))
    client, host, begin_s, end_s = (np.concatenate(column) for column in zip(*parts, strict=True))
    client, host, begin_s, end_s = _joined(client, host, begin_s, end_s)
    cut = (begin_s <= start_s) | (end_s >= stop_s)
    outages = {guest: _gaps(begin_s, end_s, client == guest, start_s, stop_s) for guest in guests.tolist()}
    return Record(
        [1.0 - math.fsum(gaps) / duration_s for gaps in outages.values()],
        sum(_handovers(host, client == guest) for guest in guests.tolist()),
        (end_s - begin_s).tolist(),
        int(cut.sum()),
        [gap_s for gaps in outages.values() for gap_s in gaps],
        visible,
    )


def _of_guests(plan, guests, engine):
    """Guest, host, begin and end of the contacts from guests to satellites in a part of a plan."""
    n_satellites = engine.ephemeris.n_satellites
    mine = np.isin(plan.from_node, guests) & (plan.to_node < n_satellites)
    return plan.from_node[mine], plan.to_node[mine], plan.start_s[mine], plan.stop_s[mine]


def _joined(client, host, begin_s, end_s):
    """Contacts without cuts where only the rate changes, by client and begin."""
    order = np.lexsort((begin_s, host, client))
    client, host, begin_s, end_s = client[order], host[order], begin_s[order], end_s[order]
    goes_on = np.zeros(len(client), dtype=bool)
    goes_on[1:] = (np.diff(client) == 0) & (np.diff(host) == 0) & (begin_s[1:] == end_s[:-1])
    first = np.flatnonzero(~goes_on)
    end_s = np.maximum.reduceat(end_s, first) if len(first) else end_s
    client, host, begin_s = client[first], host[first], begin_s[first]
    order = np.lexsort((host, begin_s, client))
    return client[order], host[order], begin_s[order], end_s[order]


def _handovers(host, mine):
    """How often one guest went on with another host than before."""
    return int((np.diff(host[mine]) != 0).sum())


def _gaps(begin_s, end_s, mine, start_s, stop_s):
    """How long each time without a link of one guest was."""
    edges, covered_s = [], start_s
    for begin, end in zip(begin_s[mine].tolist(), end_s[mine].tolist(), strict=True):
        if begin > covered_s:
            edges.append(begin - covered_s)
        covered_s = max(covered_s, end)
    if covered_s < stop_s:
        edges.append(stop_s - covered_s)
    return edges
