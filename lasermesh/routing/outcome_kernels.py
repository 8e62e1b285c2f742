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
    there are no more, and behind all labels, where `has_next_label`, the label with which a packet leaves.
    Changes of node n (or link l) are rows `first[n]` to `first[n + 1]`, in order of time; of several at one
    instant the last counts.
    """

    tables: np.ndarray  # int32 (n_slots, n_nodes, n_labels * n_choices [+ n_labels])
    label_of_flow: np.ndarray  # int32 (n_slots, n_flows)  the flow's own among its paths, NONE
    n_labels: int
    n_choices: int
    has_next_label: bool
    choice_of_flow: np.ndarray  # int64 (n_flows,)  hash that picks among choices
    link_to: np.ndarray  # int64 (n_links,)
    slot_of_node: np.ndarray  # int64 (n_nodes,)
    link_is_up: np.ndarray  # int64 (n_links,)
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
def chosen_link(f, slot, node, label, choice):
    """The link that a table names at a node for a label, by a flow's hash; NONE if none."""
    if label < 0 or label >= f.n_labels:
        return np.int64(NONE)
    first = label * f.n_choices
    usable = 0
    while usable < f.n_choices and f.tables[slot, node, first + usable] != NONE:
        usable += 1
    if usable == 0:
        return np.int64(NONE)
    return np.int64(f.tables[slot, node, first + choice % usable])


@kernel
def label_behind(f, slot, node, label):
    """The label with which a packet leaves a node."""
    if not f.has_next_label or f.tables[slot, node, f.n_labels * f.n_choices + label] == NONE:
        return label
    return np.int64(f.tables[slot, node, f.n_labels * f.n_choices + label])


@kernel
def entry_at(f, flow, node, label, now):
    """What the table at a node says of a flow: label, link, label behind, and until when that stays so.

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
            its_link = chosen_link(f, other, node, its_label, choice)
            if its_label != label or its_link != link:
                return label, link, onward, f.switch_ps[change]
            if link != NONE and label_behind(f, other, node, label) != onward:
                return label, link, onward, f.switch_ps[change]
        change += 1
    return label, link, onward, np.int64(NEVER)


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
        label, link, onward, changes_ps = entry_at(f, flow, node, label, now)
        valid_ps = min(valid_ps, changes_ps)
        state = node
        if f.has_next_label:
            state = node * (f.n_labels + 1) + label + 1
        if standing.mark[state] == standing.walks[0]:
            return LOOP, node, valid_ps
        standing.mark[state] = standing.walks[0]
        if link == NONE:
            return NO_ROUTE, node, valid_ps
        is_up, changes_ps = value_at(f.link_first, f.link_ps, f.link_up, link, now, f.link_is_up[link])
        valid_ps = min(valid_ps, changes_ps)
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
