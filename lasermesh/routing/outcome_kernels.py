"""What becomes of flows while tables are wrong: walks over tables and links as they are, event by event."""

from typing import NamedTuple

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.units import NEVER, NONE

ARRIVES = 0
LINK_DOWN = 1
NO_ROUTE = 2
NODE_DOWN = 3
LOOP = 4

N_ROW = 5
"""Columns of an ended outage: flow, outcome, node, when it began and ended."""


class Forwarding(NamedTuple):
    """What packets meet in one step: tables and links as they stand before it, and what changes within it.

    Slots are tables. A row of `tables` holds for each label the links of its `n_choices` choices, NONE where
    there are no more; behind all labels, where `has_next_label`, the labels with which packets leave; and
    behind those, where `has_backup`, the links of backups. Changes of node n (or link l) are rows `first[n]`
    to `first[n + 1]`, in order of time; of several at one instant the last counts.
    """

    tables: np.ndarray  # int32 (n_slots, n_nodes, n_labels * n_choices [+ n_labels] [+ n_labels])
    label_of_flow: np.ndarray  # int32 (n_slots, n_flows)  the flow's own among its paths, NONE
    n_labels: int
    n_choices: int
    has_next_label: bool
    has_backup: bool
    alternate_after_ps: int  # how long a link is down before its node takes another; NONE: never
    choice_of_flow: np.ndarray  # int64 (n_flows,)  hash that picks among choices
    link_to: np.ndarray  # int64 (n_links,)
    slot_of_node: np.ndarray  # int64 (n_nodes,)
    link_is_up: np.ndarray  # int64 (n_links,)
    link_since_ps: np.ndarray  # int64 (n_links,)  since when, for those that are down
    node_is_up: np.ndarray  # int64 (n_nodes,)
    switch_first: np.ndarray  # int64 (n_nodes + 1,)
    switch_ps: np.ndarray  # int64
    switch_slot: np.ndarray  # int64
    link_first: np.ndarray  # int64 (n_links + 1,)
    link_ps: np.ndarray  # int64
    link_up: np.ndarray  # int64  1: up from then on
    node_first: np.ndarray  # int64 (n_nodes + 1,)
    node_ps: np.ndarray  # int64
    node_up: np.ndarray  # int64  1: repaired


class Standing(NamedTuple):
    """How each flow has fared so far; row i belongs to flow i."""

    clock_ps: np.ndarray  # int64 (n_flows,)  until when it has been followed
    outcome: np.ndarray  # int64 (n_flows,)  ARRIVES or why it does not
    node: np.ndarray  # int64 (n_flows,)  where it ends, when that began
    since_ps: np.ndarray  # int64 (n_flows,)
    mark: np.ndarray  # int64 (n_states,)  last walk that came to a node, with a label where labels change
    walks: np.ndarray  # int64 (1,)  walks so far


@kernel
def value_at(first, time_ps, value, row, now, before):
    """What stands at an instant, `before` where nothing has changed yet, and when it changes next."""
    for change in range(first[row], first[row + 1]):
        if time_ps[change] > now:
            return before, time_ps[change]
        before = value[change]
    return before, np.int64(NEVER)


@kernel
def link_at(f, link, now):
    """Whether a link is up at an instant, since when it is down if it is not, and when that changes next."""
    up, since_ps = f.link_is_up[link], f.link_since_ps[link]
    for change in range(f.link_first[link], f.link_first[link + 1]):
        if f.link_ps[change] > now:
            return up, since_ps, f.link_ps[change]
        up, since_ps = f.link_up[change], f.link_ps[change]
    return up, since_ps, np.int64(NEVER)


@kernel
def count_choices(f, slot, node, label):
    """How many choices a table has at a node for a label."""
    if label < 0 or label >= f.n_labels:
        return 0
    usable = 0
    while usable < f.n_choices and f.tables[slot, node, label * f.n_choices + usable] != NONE:
        usable += 1
    return usable


@kernel
def chosen_link(f, slot, node, label, choice):
    """The link that a table names at a node for a label, by a flow's hash; NONE if none."""
    usable = count_choices(f, slot, node, label)
    if usable == 0:
        return np.int64(NONE)
    return np.int64(f.tables[slot, node, label * f.n_choices + choice % usable])


@kernel
def backup_link(f, slot, node, label):
    """The link that a table names as backup at a node for a label; NONE if none."""
    if not f.has_backup:
        return np.int64(NONE)
    return np.int64(f.tables[slot, node, f.n_labels * (f.n_choices + f.has_next_label) + label])


@kernel
def link_taken(f, slot, node, label, choice, chosen, now):
    """The link that packets take in place of one that is down (rule 2), and until when that stays so.

    The first of the choices, from the chosen one on, then of the backup, that the node does not know to be
    down; the chosen one if there is none.
    """
    valid_ps = np.int64(NEVER)
    usable = count_choices(f, slot, node, label)
    for turn in range(usable + 1):
        if turn < usable:
            link = np.int64(f.tables[slot, node, label * f.n_choices + (choice + turn) % usable])
        else:
            link = backup_link(f, slot, node, label)
            if link == NONE:
                break
        is_up, since_ps, changes_ps = link_at(f, link, now)
        valid_ps = min(valid_ps, changes_ps)
        known_ps = since_ps + f.alternate_after_ps
        if is_up != 0 or known_ps > now:
            if is_up == 0:
                valid_ps = min(valid_ps, known_ps)
            return link, valid_ps
    return np.int64(chosen), valid_ps


@kernel
def label_behind(f, slot, node, label):
    """The label with which a packet leaves a node."""
    if not f.has_next_label or f.tables[slot, node, f.n_labels * f.n_choices + label] == NONE:
        return label
    return np.int64(f.tables[slot, node, f.n_labels * f.n_choices + label])


@kernel
def says_the_same(f, slot, other, node, label, choice):
    """Whether two tables say the same at a node of a label, that has a choice in the first one."""
    if chosen_link(f, other, node, label, choice) != chosen_link(f, slot, node, label, choice):
        return False
    if label_behind(f, other, node, label) != label_behind(f, slot, node, label):
        return False
    if f.alternate_after_ps == NONE:
        return True
    if backup_link(f, other, node, label) != backup_link(f, slot, node, label):
        return False
    first = label * f.n_choices
    for place in range(first, first + f.n_choices):
        if f.tables[other, node, place] != f.tables[slot, node, place]:
            return False
    return True


@kernel
def entry_at(f, flow, node, label, now):
    """What the table at a node says of a flow: slot, label, link, label behind, and until when it stays so.

    `label` is the one with which it comes, below NONE at its source, where the table gives it. A switch to a
    table that says the same changes nothing; there are many of these.
    """
    choice = f.choice_of_flow[flow]
    entered = label
    slot = f.slot_of_node[node]
    change, end = f.switch_first[node], f.switch_first[node + 1]
    while change < end and f.switch_ps[change] <= now:
        slot = f.switch_slot[change]
        change += 1
    if entered < NONE:
        label = np.int64(f.label_of_flow[slot, flow])
    link = chosen_link(f, slot, node, label, choice)
    onward = np.int64(NONE) if link == NONE else label_behind(f, slot, node, label)
    while change < end:
        other = f.switch_slot[change]
        is_last = change + 1 == end or f.switch_ps[change + 1] > f.switch_ps[change]
        if is_last and other != slot:
            its_label = np.int64(f.label_of_flow[other, flow]) if entered < NONE else label
            if link == NONE:
                is_same = its_label == label and chosen_link(f, other, node, label, choice) == NONE
            else:
                is_same = its_label == label and says_the_same(f, slot, other, node, label, choice)
            if not is_same:
                return slot, label, link, onward, f.switch_ps[change]
        change += 1
    return slot, label, link, onward, np.int64(NEVER)


@kernel
def walk(f, standing, flow, source, destination, now):
    """Where a packet that takes no time would end: outcome, node, and until when that stays so."""
    standing.walks[0] += 1
    node = np.int64(source)
    label = np.int64(NONE - 1)
    valid_ps = np.int64(NEVER)
    while True:
        is_up, changes_ps = value_at(f.node_first, f.node_ps, f.node_up, node, now, f.node_is_up[node])
        valid_ps = min(valid_ps, changes_ps)
        if is_up == 0:
            return NODE_DOWN, node, valid_ps
        if node == destination:
            return ARRIVES, node, valid_ps
        slot, label, link, onward, changes_ps = entry_at(f, flow, node, label, now)
        valid_ps = min(valid_ps, changes_ps)
        state = node
        if f.has_next_label:
            state = node * (f.n_labels + 1) + label + 1
        if standing.mark[state] == standing.walks[0]:
            return LOOP, node, valid_ps
        standing.mark[state] = standing.walks[0]
        if link == NONE:
            return NO_ROUTE, node, valid_ps
        is_up, _, changes_ps = link_at(f, link, now)
        valid_ps = min(valid_ps, changes_ps)
        if is_up == 0 and f.alternate_after_ps != NONE:
            link, changes_ps = link_taken(f, slot, node, label, f.choice_of_flow[flow], link, now)
            valid_ps = min(valid_ps, changes_ps)
            is_up, _, changes_ps = link_at(f, link, now)
        if is_up == 0:
            return LINK_DOWN, node, valid_ps
        label = onward
        node = np.int64(f.link_to[link])


@kernel
def follow_outcomes(f, standing, flow_from, flow_to, start_ps, stop_ps, end_ps, first_flow, ended):
    """Follow flows from `first_flow` on until `end_ps`, each from event to event of what it meets.

    `ended` int64 (room, N_ROW) takes the outages that end. Returns the flow at which room ran out, from which
    to go on, or the number of flows; and how many outages there are.
    """
    n_ended = 0
    for flow in range(first_flow, len(flow_from)):
        now = max(standing.clock_ps[flow], start_ps[flow])
        stop = min(end_ps, stop_ps[flow])
        is_over = stop_ps[flow] <= end_ps
        while now < stop or (is_over and standing.outcome[flow] != ARRIVES):
            outcome, node, until = np.int64(ARRIVES), np.int64(NONE), stop
            if now < stop:
                outcome, node, until = walk(f, standing, flow, flow_from[flow], flow_to[flow], now)
            if outcome != standing.outcome[flow]:
                if standing.outcome[flow] != ARRIVES:
                    if n_ended == len(ended):
                        return flow, n_ended
                    ended[n_ended, 0] = flow
                    ended[n_ended, 1] = standing.outcome[flow]
                    ended[n_ended, 2] = standing.node[flow]
                    ended[n_ended, 3] = standing.since_ps[flow]
                    ended[n_ended, 4] = now
                    n_ended += 1
                standing.outcome[flow] = outcome
                standing.node[flow] = node
                standing.since_ps[flow] = now
            now = max(now, min(until, stop))
            standing.clock_ps[flow] = now
    return len(flow_from), n_ended
