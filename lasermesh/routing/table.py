"""Forwarding tables: what a policy returns, the checks before it is used, and paths read from it."""

from typing import Any, NamedTuple

import numpy as np

from lasermesh.errors import RunFailed
from lasermesh.routing import table_kernels
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.units import NONE

MOST_LABELS = (1 << 24) - 1
"""A packet of the engine has no room for more (`LABEL_MASK`, which stands for none of them)."""
# From so many flows for each label on, it pays to remember from where all is well.
FLOWS_WORTH_REMEMBERING = 4


class ForwardingTable(NamedTuple):
    """Where every node sends what carries a label."""

    link: np.ndarray
    """int32 (n_nodes, n_labels, n_choices): link ids; choices from the left, NONE where there are no more."""
    label_of_flow: np.ndarray
    """int32 (n_flows, n_paths): labels a flow's packets enter with; paths from the left, NONE as above."""
    next_label: np.ndarray | None = None
    """int32 (n_nodes, n_labels): the label a packet leaves with; NONE keeps it. None: every label is kept."""
    backup: np.ndarray | None = None
    """int32 (n_nodes, n_labels): with fast reroute, the link to take when all choices are down, or NONE.

    Absent: with fast reroute, those of `loop_free_alternates`. That they make no loop is not looked into."""
    notes: Any = None
    """What the policy wants to find again in `snapshot.previous.notes`; nobody else looks at it."""


class TableReport(NamedTuple):
    """What following every label of every flow came upon."""

    policy: str
    t_s: float
    dead_end_flows: np.ndarray
    """int32: rows of the flows that can end where there is no link to take, at their source or later."""
    looping_flows: np.ndarray
    """int32: rows of the flows that can come to a node twice with the same label."""


class Routes(NamedTuple):
    """The path of every flow: flow i has rows first[i] to first[i + 1], none if it does not arrive."""

    first: np.ndarray  # int64 (n_flows + 1,)
    node: np.ndarray  # int32 (n_hops + n_routes,)  both ends included
    link: np.ndarray  # int32, like node: id of the link taken there; NONE at the destination
    delay_s: np.ndarray  # float64 (n_flows,)  nan where there is no path; added from the destination outward
    range_m: np.ndarray  # float64 (n_flows,)  likewise

    def nodes_of(self, flow: int) -> list[int]:
        """Rows of the nodes from a flow's source to its destination; empty if it does not arrive."""
        return self.node[self.first[flow] : self.first[flow + 1]].tolist()

    def of_first(self, n_flows: int) -> "Routes":
        """The routes of the first flows alone."""
        rows = self.first[n_flows]
        per_flow = self.delay_s[:n_flows], self.range_m[:n_flows]
        return Routes(self.first[: n_flows + 1], self.node[:rows], self.link[:rows], *per_flow)


def as_table(result, snapshot: Snapshot, complain) -> ForwardingTable:
    """What a policy returned as a ForwardingTable of int32 arrays of the right shapes.

    `complain(message)` raises the error that names the policy. A plain array of integers, shape (n_nodes,
    n_destinations) or (n_nodes, n_destinations, 1), becomes a table with one label per destination.
    """
    if result is None:
        complain("returned None; must be a ForwardingTable or an array of link ids (is a `return` missing?)")
    if not isinstance(result, ForwardingTable):
        if not isinstance(result, np.ndarray):
            complain(f"returned a {type(result).__name__}; must be a ForwardingTable or an array of link ids")
        wanted = (snapshot.n_nodes, len(snapshot.destinations))
        if result.shape not in (wanted, (*wanted, 1)):
            complain(
                f"returned an array of shape {result.shape}; must be {wanted} or {(*wanted, 1)}: "
                "a row per node, a column per destination"
            )
        result = ForwardingTable(result.reshape(*wanted, 1), snapshot.label_of_flow)

    def where(what, place):
        """Words for a place in one of the arrays, the first of whose axes are flows or nodes."""
        if len(place) == 0 or place[0] >= (snapshot.n_flows if what == "label_of_flow" else snapshot.n_nodes):
            return ""  # the shape is wrong besides
        if what == "label_of_flow":
            return f" for {_flow_words(snapshot, place[0])}"
        node = f' at node "{snapshot.names[place[0]]}"'
        if what == "next_label" or len(place) < 2:
            return node
        return f"{node}, label {place[1]}{_destination_words(place[1], result.label_of_flow, snapshot)}"

    link = _int32(result.link, "link", complain, where)
    if link.ndim != 3 or link.shape[0] != snapshot.n_nodes or link.shape[2] < 1:
        complain(
            f"returned a link array of shape {link.shape}; must be ({snapshot.n_nodes}, n_labels, n_choices)"
        )
    n_labels = link.shape[1]
    if n_labels > MOST_LABELS:
        complain(f"returned a table with {n_labels:,} labels; there may be at most {MOST_LABELS:,}")
    label_of_flow = _int32(result.label_of_flow, "label_of_flow", complain, where)
    if label_of_flow.ndim != 2 or label_of_flow.shape[0] != snapshot.n_flows or label_of_flow.shape[1] < 1:
        complain(
            f"returned a label_of_flow array of shape {label_of_flow.shape}; "
            f"must be ({snapshot.n_flows}, n_paths)"
        )
    _check_labels(label_of_flow, n_labels, "label_of_flow", complain, where)
    gaps = ((label_of_flow[:, :-1] == NONE) & (label_of_flow[:, 1:] != NONE)).any(axis=1)
    if gaps.any():
        flow = _flow_words(snapshot, int(np.argmax(gaps)))
        complain(
            f"leaves a path of label_of_flow empty but fills a later one for {flow}; fill them from the left"
        )
    next_label = result.next_label
    if next_label is not None:
        next_label = _int32(next_label, "next_label", complain, where)
        if next_label.shape != link.shape[:2]:
            complain(f"returned a next_label array of shape {next_label.shape}; must be {link.shape[:2]}")
        _check_labels(next_label, n_labels, "next_label", complain, where)
    backup = result.backup
    if backup is not None:
        backup = _int32(backup, "backup", complain, where)
        if backup.shape != link.shape[:2]:
            complain(f"returned a backup array of shape {backup.shape}; must be {link.shape[:2]}")
    return ForwardingTable(link, label_of_flow, next_label, backup, result.notes)


def _int32(values, what, complain, where):
    """An int32 array in C order, or a complaint about values that are no integers."""
    if not isinstance(values, np.ndarray):
        complain(f"returned {what} as a {type(values).__name__}; must be an int32 array")
    if values.dtype.kind == "f" and np.isnan(values).any():
        place = where(what, np.argwhere(np.isnan(values))[0])
        complain(f"returned a {what} array with NaN{place}; write {NONE} for none, in an int32 array")
    if values.dtype.kind not in "iu":
        complain(f"returned a {what} array of dtype {values.dtype}; must be int32")
    if values.dtype != np.int32 and values.size and (values.min() < -(2**31) or values.max() >= 2**31):
        complain(f"returned a {what} array with numbers beyond int32")
    return np.require(values, dtype=np.int32, requirements=("C", "W"))


def _check_labels(labels, n_labels, what, complain, where):
    """Complain about labels that the table does not have."""
    if labels.size and (labels.min() < NONE or labels.max() >= n_labels):
        place = tuple(np.argwhere((labels < NONE) | (labels >= n_labels))[0])
        complain(
            f"returned a {what} array with label {labels[place]}{where(what, place)}; "
            f"labels are 0 to {n_labels - 1}, or {NONE} for none"
        )


def _flow_words(snapshot, flow):
    """Which flow an error is about."""
    start, end = snapshot.names[snapshot.flow_from[flow]], snapshot.names[snapshot.flow_to[flow]]
    return f'the flow from "{start}" to "{end}"'


def _destination_words(label, label_of_flow, snapshot):
    """The destination that a label stands for, in brackets; "" if labels stand for other things."""
    if label < len(snapshot.destinations) and np.array_equal(label_of_flow, snapshot.label_of_flow):
        return f' (towards "{snapshot.names[snapshot.destinations[label]]}")'
    return ""


def _label_words(label, table, snapshot):
    """The destination that a label stands for, or a flow that enters with it; "" if there is neither."""
    flows = np.flatnonzero((table.label_of_flow == label).any(axis=1))
    flow = f" (of {_flow_words(snapshot, flows[0])})" if len(flows) else ""
    return _destination_words(label, table.label_of_flow, snapshot) or flow


def check_links(table: ForwardingTable, snapshot: Snapshot, complain) -> None:
    """Complain about the first entry that is no link of its node that is up, or that follows a gap."""
    if not _has_right_links_alone(table, snapshot):
        _check_array(table.link, "link", table, snapshot, complain)
    if table.backup is not None:
        _check_array(table.backup[:, :, np.newaxis], "backup link", table, snapshot, complain)


def _has_right_links_alone(table, snapshot):
    """Whether a table with one choice is seen to be right at a glance."""
    if table.link.shape[2] != 1:  # there may be gaps between choices
        return False
    first, link_up = for_kernels(snapshot.first, snapshot.link)
    entries = table.link.reshape(table.link.shape[:2])
    return table_kernels.count_right_links(entries, first, link_up) == entries.size


def _check_array(links, what, table, snapshot, complain):
    """The same for one array of link ids by node, label and choice."""
    place = table_kernels.find_wrong_link(links, snapshot.ends_of_link)
    if place != NONE:
        node, label, choice = np.unravel_index(place, links.shape)
        link = int(links[node, label, choice])
        where = f'at node "{snapshot.names[node]}", label {label}{_label_words(label, table, snapshot)}'
        if link < NONE:
            complain(f"names {what} {link} {where}; link ids are not negative, {NONE} is none")
        if link == NONE:
            complain(f"leaves choice {choice} {where} empty but fills a later one; fill them from the left")
        ends = snapshot.ends_of_link  # up to the highest id that is up
        if link >= len(ends):
            complain(f"names {what} {link} {where}, which is down or does not exist")
        if ends[link, 0] == NONE:
            complain(f"names {what} {link} {where}, which is down")
        start, end = (snapshot.names[row] for row in ends[link])
        complain(f'names {what} {link} {where}, which starts elsewhere: it goes from "{start}" to "{end}"')


def survey(table: ForwardingTable, snapshot: Snapshot, policy: str, complain) -> TableReport:
    """Follow every label of every flow, over every choice; loops and dead ends are counted, not refused.

    What is refused is traffic through a node that carries none for others: the packets would take it.
    """
    dead_end = np.zeros(snapshot.n_flows, dtype=np.bool_)
    loops = np.zeros(snapshot.n_flows, dtype=np.bool_)
    trespass = np.full(2, NONE, dtype=np.int32)
    next_label, keeps_label = _next_label_array(table)
    transit, flow_from, flow_to = for_kernels(snapshot.transit, snapshot.flow_from, snapshot.flow_to)
    n_labels = table.link.shape[1]
    n_states = snapshot.n_nodes * (1 if keeps_label else n_labels)
    shared = table.label_of_flow.size > FLOWS_WORTH_REMEMBERING * n_labels
    table_kernels.survey_flows(
        table.link,
        table.label_of_flow,
        next_label,
        keeps_label,
        snapshot.ends_of_link,
        transit,
        flow_from,
        flow_to,
        np.zeros(n_states, dtype=np.int64),
        np.empty(n_states, dtype=np.int64),
        np.empty(n_states, dtype=np.int32),
        np.empty(n_states, dtype=np.int64),
        np.full((snapshot.n_nodes if shared else 0, n_labels), NONE, dtype=np.int32),
        dead_end,
        loops,
        trespass,
    )
    if trespass[0] != NONE:
        flow, node = trespass
        ends = f'"{snapshot.names[snapshot.flow_from[flow]]}" to "{snapshot.names[snapshot.flow_to[flow]]}"'
        complain(
            f'leads the flow from {ends} through "{snapshot.names[node]}", which carries no transit; '
            "snapshot.transit says which nodes do, snapshot.to_networkx(towards=...) leaves the others out"
        )
    return TableReport(
        policy,
        snapshot.t_s,
        np.flatnonzero(dead_end).astype(np.int32),
        np.flatnonzero(loops).astype(np.int32),
    )


def entered_labels(label_of_flow: np.ndarray, flow_hash) -> np.ndarray:
    """The label with which each flow enters, picked by its hash among those it has: int32 (n_flows,)."""
    usable = np.maximum((label_of_flow != NONE).sum(axis=1), 1)
    return label_of_flow[np.arange(len(usable)), flow_hash % usable]


def follow_flows(snapshot: Snapshot, table: ForwardingTable, flow_hash=None) -> Routes:
    """The path of each flow; the table was checked.

    Parameters
    ----------
    snapshot : Snapshot
    table : ForwardingTable
    flow_hash : int64 array, shape (n_flows,), optional
        Picks among a flow's labels, and among the choices at each node, as the packet engine does. Absent:
        the first label and every node's first choice.
    """
    if flow_hash is None:
        flow_hash = np.zeros(snapshot.n_flows, np.int64)
    next_label, keeps_label = _next_label_array(table)
    flow_from, flow_to, link_delay_s, link_range_m = for_kernels(
        snapshot.flow_from, snapshot.flow_to, snapshot.delay_s, snapshot.range_m
    )
    arguments = (
        table.link,
        entered_labels(table.label_of_flow, flow_hash),
        next_label,
        keeps_label,
        snapshot.ends_of_link,
        flow_from,
        flow_to,
        flow_hash,
    )
    first = np.zeros(snapshot.n_flows + 1, dtype=np.int64)
    table_kernels.fill_route_lengths(*arguments, first[1:])
    np.cumsum(first, out=first)
    routes = Routes(
        first,
        np.empty(first[-1], dtype=np.int32),
        np.empty(first[-1], dtype=np.int32),
        np.empty(snapshot.n_flows),
        np.empty(snapshot.n_flows),
    )
    row_of_link = np.full(len(snapshot.ends_of_link), NONE, dtype=np.int64)
    row_of_link[snapshot.link] = np.arange(snapshot.n_links)
    table_kernels.fill_routes(*arguments, row_of_link, link_delay_s, link_range_m, *routes)
    return routes


def follow(snapshot: Snapshot, table: ForwardingTable, flow) -> list[int]:
    """The nodes of one flow's path, from its source to its destination; empty if it does not arrive.

    Parameters
    ----------
    snapshot : Snapshot
    table : ForwardingTable
        One that was checked, as `compute_table` returns it.
    flow : int or (int, int)
        Row of the flow, or the rows of its two ends.

    Raises
    ------
    ValueError
        If there is no such flow.
    """
    if not isinstance(flow, (int, np.integer)):
        start, end = flow
        rows = np.flatnonzero((snapshot.flow_from == start) & (snapshot.flow_to == end))
        if len(rows) == 0:
            raise ValueError(f"there is no flow from node {start} to node {end}")
        flow = int(rows[0])
    if not 0 <= flow < snapshot.n_flows:
        raise ValueError(f"there is no flow {flow}; flows are 0 to {snapshot.n_flows - 1}")
    return follow_flows(snapshot, table).nodes_of(flow)


def _next_label_array(table):
    """`next_label` for a kernel, which cannot take None, and whether labels are kept."""
    if table.next_label is None:
        return np.empty((0, 0), dtype=np.int32), True
    return table.next_label, False


def complaint_of(policy: str, snapshot: Snapshot):
    """A function that raises the error about a table, with the policy and the step's time in front."""

    def complain(message, cause=None):
        raise RunFailed(f'routing policy "{policy}" at t = {snapshot.t_s:g} s {message}') from cause

    return complain
