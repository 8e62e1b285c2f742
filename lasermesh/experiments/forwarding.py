"""Next hops as a stream of differences: what one would tell real routers, step by step."""

from collections.abc import Iterator

import numpy as np

from lasermesh.errors import UserError
from lasermesh.experiments.paths import row_of, sample_times
from lasermesh.experiments.remembering import link_engine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures
from lasermesh.results import NextHopChanges
from lasermesh.routing import Policy, TableChanges, compute_table, table_changes
from lasermesh.routing.policies import as_policy
from lasermesh.units import NONE, PS_PER_S


class NextHopLog:
    """Writes down what every node of a run forwards by, whenever that changes.

    Parameters
    ----------
    links : LinkEngine
        Whose link ids the tables hold.
    start_s : float
        Of the run, since the topology's epoch.
    """

    def __init__(self, links, start_s):
        self._links = links
        self._start_s = start_s
        self._told = np.zeros((0, 0, 0), np.int32)  # what nodes forward by, as far as it is written down
        self._destination = np.zeros(0, np.int32)  # by label; NONE for those that no flow enters with
        self._rows = [np.zeros((6, 0), np.int64)]

    def learn(self, table, flow_to):
        """Note where the labels of a table lead that is going to be in force."""
        more = max(0, table.link.shape[1] - len(self._destination))
        self._destination = np.append(self._destination, np.full(more, NONE, np.int32))
        self._destination[: table.link.shape[1]] = destination_of_label(table, flow_to)

    def begin_step(self, forwarding, start_ps):
        """Compare the tables that nodes switch to in a step (`routing.Forwarding`) with what they have."""
        f = forwarding
        n_nodes, shape = len(f.slot_of_node), (f.n_labels, f.n_choices)
        told = np.full((n_nodes, *shape), NONE, np.int32)
        told[: len(self._told), : self._told.shape[1], : self._told.shape[2]] = self._told
        self._told = told
        tables = f.tables[:, :, : f.n_labels * f.n_choices].reshape(-1, n_nodes, *shape)
        self._compare(tables, np.arange(n_nodes), f.slot_of_node, np.full(n_nodes, start_ps))
        # Turn by turn: the first switch of every node, the second, ...; of several at one instant the last.
        count = np.diff(f.switch_first)
        for turn in range(count.max(initial=0)):
            node = np.flatnonzero(count > turn)
            row = f.switch_first[node] + turn
            is_last = (turn + 1 == count[node]) | (
                f.switch_ps[row] < f.switch_ps[np.minimum(row + 1, len(f.switch_ps) - 1)]
            )
            node, row = node[is_last], row[is_last]
            self._compare(tables, node, f.switch_slot[row], f.switch_ps[row])

    def take(self) -> NextHopChanges:
        """What was noted since this was last asked, in order of time, node, label and choice."""
        time_ps, node, label, choice, before, after = np.concatenate(self._rows, axis=1)
        self._rows = self._rows[:1]
        order = np.lexsort((choice, label, node, time_ps))
        changes = TableChanges(*(c[order].astype(np.int32) for c in (node, label, choice, before, after)))
        t_s = self._start_s + time_ps[order] / PS_PER_S
        return _next_hops(t_s, changes, self._destination, self._links)

    def _compare(self, tables, node, slot, time_ps):
        """Note in what the tables of some nodes differ from what these have, and that they have them now."""
        entries = tables[slot, node]
        row, label, choice = np.nonzero(entries != self._told[node])
        if len(row):
            before, after = self._told[node[row], label, choice], entries[row, label, choice]
            self._rows.append(np.stack([time_ps[row], node[row], label, choice, before, after]))
            self._told[node] = entries


def destination_of_label(table, flow_to):
    """Row of the node to which all flows go that enter with a label: int32 (n_labels,), NONE if not one."""
    flow, path = np.nonzero(table.label_of_flow != NONE)
    label, to = table.label_of_flow[flow, path], flow_to[flow]
    lowest = np.full(table.link.shape[1], np.iinfo(np.int32).max, np.int32)
    highest = np.full(table.link.shape[1], NONE, np.int32)
    np.minimum.at(lowest, label, to)
    np.maximum.at(highest, label, to)
    return np.where(lowest == highest, highest, NONE).astype(np.int32)


def _next_hops(t_s, changes, destination, links):
    """Changed entries with the destination of their labels and the nodes at the ends of their links."""
    receiver = np.append(links.links.to_node, NONE).astype(np.int32)  # NONE picks the last
    known = changes.label < len(destination)
    to = np.full(len(changes.label), NONE, np.int32)
    to[known] = destination[changes.label[known]]
    return NextHopChanges(
        t_s,
        *(changes.node, changes.label, to, changes.choice, changes.before, changes.after),
        *(receiver[changes.before], receiver[changes.after]),
    )


def next_hop_changes(
    topology,
    destinations,
    start_s: float = 0.0,
    duration_s: float = 0.0,
    step_s: float | None = None,
    policy: str | Policy = "shortest-delay",
    warn=lambda message: None,
    warm_up_s: float | None = None,
) -> Iterator[tuple[float, NextHopChanges]]:
    """Every node's next hops to some destinations, the whole table first and then what changes.

    Parameters
    ----------
    topology : Topology
    destinations : sequence of str
        Names of nodes, or `#17` for a row. The policy sees one flow to each of them from the one before.
    start_s, duration_s, step_s : float
        The instants, as `paths` has them. Step None: that of the topology.
    policy : str or Policy
    warn : function of one str
    warm_up_s : float, optional
        Follow rules with a memory for so long before `start_s`, instead of from t = 0.

    Yields
    ------
    t_s : float
        An instant; one without any change is told too.
    changes : NextHopChanges
        The differences from the table of the instant before, or all of the first one. Whoever writes
        `link_after` (or `next_after`) of each into a table of his own, indexed by node, label and choice, has
        that table at every instant.

    Raises
    ------
    UserError
        If a name, a time or the policy makes no sense; when the first instant is asked for.
    RunFailed
        If the policy's table is wrong.
    """
    times_s = sample_times(start_s, duration_s, topology.step_s if step_s is None else step_s)
    policy = as_policy(policy)
    to = np.unique([row_of(topology, name) for name in destinations]).astype(np.int32)
    if len(to) == 0:
        raise UserError("no destinations are given; next hops lead to one at least")
    ephemeris = build_ephemeris(topology)
    links = link_engine(topology, ephemeris, warm_up_s, warn)
    source = np.roll(to, 1) if len(to) > 1 else (to + 1) % len(topology.node_names)
    snapshots = SnapshotMaker(topology, ephemeris, source, to)
    before = None
    for t_s in times_s:
        table, _ = compute_table(policy, snapshots.of(links.graph_at(t_s), before))
        changes = table_changes(before, table)
        before = table
        times = np.full(len(changes.node), t_s)
        yield t_s, _next_hops(times, changes, destination_of_label(table, to), links)
    warn_of_failures(ephemeris, warn)
