"""What a policy promises - to be loop-free, to be complete - held against a table that it returned."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lasermesh.routing.declaring import Declaration
from lasermesh.routing.snapshot import Snapshot
from lasermesh.routing.table import ForwardingTable, TableReport
from lasermesh.routing.trees import trees_towards
from lasermesh.units import NONE

_MOST_NODES_NAMED = 8


class Broken(NamedTuple):
    """A promise that a table does not keep."""

    promise: str  # "loop-free" or "complete"
    flows: np.ndarray  # int32: rows of the flows concerned
    message: str  # behind "the policy ... at t = ... s", with the first of these flows as the example


def broken_promise(
    declared: Declaration, snapshot: Snapshot, table: ForwardingTable, report: TableReport
) -> Broken | None:
    """The promise that a checked table breaks; None if it keeps those that were made."""
    if declared.loop_free and len(report.looping_flows):
        return Broken("loop-free", report.looping_flows, _loop_message(snapshot, table, report))
    if declared.complete:
        lost = reachable_among(snapshot, np.union1d(report.dead_end_flows, report.looping_flows))
        if len(lost):
            return Broken("complete", lost, _lost_message(snapshot, table, lost))
    return None


def reachable_among(snapshot: Snapshot, flows) -> np.ndarray:
    """Those of some flows (rows) that have a path, over nodes with transit: int32."""
    flows = np.asarray(flows, dtype=np.int32)
    if not len(flows):
        return flows
    # Most flows without a path begin or end at a site that no satellite sees: no trees are needed for these.
    leaves = np.diff(snapshot.first) > 0
    is_reached = np.zeros(snapshot.n_nodes, dtype=bool)
    is_reached[snapshot.to_node] = True
    flows = flows[leaves[snapshot.flow_from[flows]] & is_reached[snapshot.flow_to[flows]]]
    if not len(flows):
        return flows
    start, end = snapshot.flow_from[flows], snapshot.flow_to[flows]
    part = replace(snapshot, destinations=np.unique(end), flow_from=start, flow_to=end)
    delay_s = trees_towards(part).delay_s
    return flows[np.isfinite(delay_s[np.searchsorted(part.destinations, end), start])]


def pair_of(snapshot: Snapshot, flow: int) -> str:
    """The ends of a flow, as `"Tokyo" to "London"`."""
    return f'"{snapshot.names[snapshot.flow_from[flow]]}" to "{snapshot.names[snapshot.flow_to[flow]]}"'


def _loop_message(snapshot, table, report):
    flow = int(report.looping_flows[0])
    circle = [snapshot.names[row] for row in _circle_of(snapshot, table, flow)]
    if len(circle) > _MOST_NODES_NAMED:
        circle = [*circle[: _MOST_NODES_NAMED - 1], "...", circle[-1]]
    return (
        f"leads the flow from {pair_of(snapshot, flow)} in a circle, {' > '.join(circle)} "
        f"({_count(report.looping_flows, snapshot)}), but counts as loop-free; "
        "what is not is declared with loop_free=False"
    )


def _lost_message(snapshot, table, lost):
    flow = int(lost[0])
    node = _dead_end_of(snapshot, table, flow)
    where = "in a circle" if node is None else f'to a dead end at "{snapshot.names[node]}"'
    return (
        f"is declared complete, but leads the flow from {pair_of(snapshot, flow)}, which has a path, {where} "
        f"({_count(lost, snapshot)})"
    )


def _count(flows, snapshot):
    return f"{len(flows)} of {snapshot.n_flows} flow{'' if snapshot.n_flows == 1 else 's'}"


def _circle_of(snapshot, table, flow):
    """Rows of the nodes of the first circle that a flow can come into, the first once more at its end."""
    for path, state in _walk(snapshot, table, flow):
        if state in path:
            return [node for node, _ in path[path.index(state) :]] + [state[0]]
    return []


def _dead_end_of(snapshot, table, flow):
    """Row of the first node from which a flow's packets may not get on; None if there is none."""
    if table.label_of_flow[flow, 0] == NONE:
        return int(snapshot.flow_from[flow])
    for path, state in _walk(snapshot, table, flow):
        if state is None:
            return path[-1][0]
    return None


def _walk(snapshot, table, flow):
    """Depth first over all labels and choices of a flow: the states (node, label) so far, and the next one.

    The next one is None at a dead end. What follows a state is looked at once for each label.
    """
    destination = int(snapshot.flow_to[flow])
    ends = snapshot.ends_of_link
    for entered in table.label_of_flow[flow]:
        if entered == NONE:
            return
        seen = set()
        path, waiting = [], [(0, (int(snapshot.flow_from[flow]), int(entered)))]
        while waiting:
            depth, state = waiting.pop()
            del path[depth:]
            if path:
                yield path, state
            if state in seen:
                continue
            seen.add(state)
            path.append(state)
            node, label = state
            if node == destination:
                continue
            links = [int(link) for link in table.link[node, label] if link != NONE]
            if not links:
                yield path, None
            onward = label
            if table.next_label is not None and table.next_label[node, label] != NONE:
                onward = int(table.next_label[node, label])
            waiting += [(depth + 1, (int(ends[link, 1]), onward)) for link in reversed(links)]
