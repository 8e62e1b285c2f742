"""Steps as the engine is told of them, made ready while it is still in the one before."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import aligned, offsets_of
from lasermesh.packets.boundary_kernels import put_columns, put_delays
from lasermesh.packets.domains import form_domains
from lasermesh.packets.state import NO_RING
from lasermesh.traffic.kinds import OUTSIDE

_NONE_CHANGES = np.zeros(0, np.int64)


class Step(NamedTuple):
    """What the engine is told of `[start_ps, end_ps)` before it gets there."""

    start_ps: int
    end_ps: int
    links: np.ndarray  # int64 (n,)  every link that is up at any time in the step
    delay_start_ps: np.ndarray  # int64 (n,)
    delay_end_ps: np.ndarray  # int64 (n,)
    change_ps: np.ndarray  # int64 (n_changes,)  within the step
    change_link: np.ndarray  # int64
    change_kind: np.ndarray  # int64  state.CHANGE_STOP, CHANGE_START or CHANGE_RATE
    change_rate_bps: np.ndarray  # int64
    node_change_ps: np.ndarray = _NONE_CHANGES  # int64 (n_node_changes,)  nodes that fail or are back
    node_change_node: np.ndarray = _NONE_CHANGES  # int64
    node_change_up: np.ndarray = _NONE_CHANGES  # int64  1: back


STEP_COLUMNS = np.array(
    (
        *(state.N_IN, state.N_IN_END, state.N_OUT, state.N_OUT_END, state.N_FLOW, state.N_FLOW_END),
        *(state.N_CHANGE, state.N_CHANGE_END, state.N_DOMAIN),
    ),
    np.int64,
)
"""Columns of `nodes` that every step gives anew."""


class StagedStep(NamedTuple):
    """A step that the engine can enter."""

    step: Step
    arrays: dict  # of the engine, those that are replaced
    nodes: np.ndarray  # int64 (n_nodes, len(STEP_COLUMNS))
    lookahead_ps: int
    worker_list: int  # where in `lists` the workers' domains begin
    work: np.ndarray  # float64 (n_domains,)


class Stager:
    """Makes steps ready for one engine.

    Parameters
    ----------
    n_nodes : int
    flows : traffic.Flows
        Of which `destination` may change.
    threads, longest_window_ps, domain_delay_ps, domain_share : int
        As `PacketEngine` has them.
    """

    def __init__(self, n_nodes, flows, threads, longest_window_ps, domain_delay_ps, domain_share):
        self._n_nodes, self._threads = n_nodes, threads
        self._longest_window_ps = longest_window_ps
        self._domain_delay_ps, self._domain_share = domain_delay_ps, domain_share
        self._destination = flows.destination
        has_source = np.flatnonzero(flows.kind != OUTSIDE)
        self._source_of = flows.source[has_source]
        self._flows_by_source = has_source[np.argsort(self._source_of, kind="stable")]
        self._links_before = np.zeros(0, np.int64)  # of the last step that was staged

    def stage(self, step, e, link_from, switches):
        """All that can be computed of a step before it begins: `StagedStep`.

        Parameters
        ----------
        step : Step
        e : Engine
            Of which nothing is read that packets change, but for which rings hold any.
        link_from : int64 array, shape (n_links,)
        switches : int64 array, shape (4, n)
            Nodes that switch tables in the step: node, time, order, slot.
        """
        n_links = len(link_from)
        domains = form_domains(
            self._n_nodes,
            link_from[step.links],
            e.links[step.links, state.X_TO],
            np.minimum(step.delay_start_ps, step.delay_end_ps) + e.links[step.links, state.X_PROCESSING],
            self._domain_delay_ps,
            self._domain_share,
        )
        changes, change_first = _changes_of(step, link_from, switches, self._n_nodes)
        is_used = e.links[:n_links, state.X_TAIL] != NO_RING
        is_used[step.links] = is_used[self._links_before] = is_used[step.change_link] = True
        links = np.flatnonzero(is_used)
        sender, receiver = link_from[links], e.links[links, state.X_TO]
        # What ranges of nodes and domains name, one list behind the other.
        lists = [
            self._destination,
            links[np.lexsort((links, sender, receiver))],
            links[np.lexsort((links, sender))],
            self._flows_by_source,
            domains.nodes,
            np.zeros(len(domains.first) - 1),
        ]
        starts = np.cumsum([0] + [len(part) for part in lists])
        nodes = np.zeros((self._n_nodes, len(STEP_COLUMNS)), np.int64)
        ranges = ((starts[1], receiver), (starts[2], sender), (starts[3], self._source_of), (0, None))
        for k, (start, row_of) in enumerate(ranges):
            offsets = change_first if row_of is None else start + offsets_of(self._n_nodes, row_of)
            nodes[:, 2 * k], nodes[:, 2 * k + 1] = offsets[:-1], offsets[1:]
        nodes[:, -1] = domains.of_node
        rows = aligned((len(domains.first) - 1, state.DOMAIN_COLUMNS))
        rows[:, state.D_FIRST] = starts[4] + domains.first[:-1]
        rows[:, state.D_END] = starts[4] + domains.first[1:]
        rows[:, state.D_WINDOW] = domains.window_ps
        rows[:, state.D_NEXT] = step.start_ps
        streams = nodes[:, 1] - nodes[:, 0] + 2 * (nodes[:, 5] - nodes[:, 4])
        # Whole cache lines, and one between: the heaps of two workers must not share any.
        most_streams = (int(streams.max(initial=0)) + 8) // 4 * 4
        arrays = {
            "changes": changes,
            "lists": np.concatenate(lists).astype(np.int64),
            "domains": rows,
            "heap": aligned((self._threads * most_streams, 2)),
            "wakes": np.zeros(2 * self._threads * len(rows), np.int64),
        }
        # Work moves little from step to step: until it is measured, the number of streams stands for it.
        work = np.bincount(domains.of_node, weights=streams)
        lookahead_ps = max(1, min(domains.lookahead_ps, self._longest_window_ps))
        self._links_before = np.union1d(step.links, step.change_link)
        return StagedStep(step, arrays, nodes, lookahead_ps, int(starts[5]), work)


def entered(e, staged):
    """The engine at the beginning of a step that was staged; its domains are still to be dealt."""
    step, n_workers = staged.step, len(e.workers)
    e.control[state.C_STEP_START] = step.start_ps
    e.control[state.C_STEP_END] = step.end_ps
    e.control[state.C_WINDOW_START] = step.start_ps
    e.control[state.C_LOOKAHEAD] = staged.lookahead_ps
    e.control[state.C_WAKE_ROWS] = len(staged.arrays["domains"])
    put_delays(e.links, *(np.asarray(part, np.int64) for part in step[2:5]))
    put_columns(e.nodes, STEP_COLUMNS, staged.nodes)
    e.nodes[:, state.N_NEXT] = step.start_ps
    e.workers[:, state.V_HEAP] = np.arange(n_workers) * (len(staged.arrays["heap"]) // n_workers)
    e.workers[:, state.V_WAKES : state.V_WAKES + 2] = 0
    return e._replace(**staged.arrays)


def _changes_of(step, link_from, switches, n_nodes):
    """Rows of all changes in a step, by node, time and order of effect; and where each node's begin."""
    node, time, order, slot = switches
    table = np.full(len(node), state.CHANGE_TABLE)
    failed = step.node_change_node
    back = np.where(step.node_change_up, state.CHANGE_NODE_UP, state.CHANGE_NODE_DOWN)
    node = np.concatenate([failed, link_from[step.change_link], node])
    time = np.concatenate([step.node_change_ps, step.change_ps, time])
    # Nodes come before all links, tables after them, in the order in which they were installed.
    order = np.concatenate([np.full(len(failed), -1), step.change_link, len(link_from) + order])
    kind = np.concatenate([back, step.change_kind, table])
    subject = np.concatenate([failed, step.change_link, slot])
    rate = np.concatenate([back, step.change_rate_bps, table])
    rows = np.lexsort((kind, order, time, node))
    changes = np.stack([time, kind, subject, rate], axis=1)[rows].astype(np.int64)
    return np.ascontiguousarray(changes), offsets_of(n_nodes, node)
