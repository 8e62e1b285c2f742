"""Next hops as a stream of differences: what one would tell real routers, step by step."""

from collections.abc import Iterator

import numpy as np

from lasermesh.errors import UserError
from lasermesh.experiments.left_out import warn_of_failures
from lasermesh.experiments.paths import row_of, sample_times
from lasermesh.experiments.remembering import link_engine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.results import NextHopChanges
from lasermesh.routing import Policy, compute_table, load_policy, table_changes
from lasermesh.units import NONE


class NextHopLog:
    """Compares each forwarding table with the one before.

    Parameters
    ----------
    links : LinkEngine
        Whose link ids the tables hold.
    """

    def __init__(self, links):
        self._links = links
        self._table = None

    def note(self, snapshot, table, in_force_s=None) -> NextHopChanges:
        """What a new table changes.

        Parameters
        ----------
        snapshot : Snapshot
            What it was computed for.
        table : ForwardingTable
        in_force_s : float or float64 array (n_nodes,), optional
            From when on each node forwards by it; default: from the snapshot's instant.
        """
        changes = table_changes(self._table, table)
        self._table = table
        in_force_s = np.broadcast_to(snapshot.t_s if in_force_s is None else in_force_s, snapshot.n_nodes)
        n = len(changes.node)
        destination = np.full(n, NONE, np.int32)
        if table.next_label is None and np.array_equal(table.label_of_flow, snapshot.label_of_flow):
            # Labels that only the last table had lie beyond the destinations of this one.
            known = changes.label < len(snapshot.destinations)
            destination[known] = snapshot.destinations[changes.label[known]]
        receiver = np.append(self._links.links.to_node, NONE).astype(np.int32)  # NONE picks the last
        return NextHopChanges(
            np.full(n, snapshot.t_s),
            in_force_s[changes.node],
            changes.node,
            changes.label,
            destination,
            changes.choice,
            changes.before,
            changes.after,
            receiver[changes.before],
            receiver[changes.after],
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
    policy = load_policy(policy) if isinstance(policy, str) else policy
    to = np.unique([row_of(topology, name) for name in destinations]).astype(np.int32)
    if len(to) == 0:
        raise UserError("no destinations are given; next hops lead to one at least")
    ephemeris = build_ephemeris(topology)
    links = link_engine(topology, ephemeris, warm_up_s, warn)
    source = np.roll(to, 1) if len(to) > 1 else (to + 1) % len(topology.node_names)
    snapshots = SnapshotMaker(topology, ephemeris, source, to)
    log = NextHopLog(links)
    table = None
    for t_s in times_s:
        snapshot = snapshots.of(links.graph_at(t_s), table)
        table, _ = compute_table(policy, snapshot)
        yield t_s, log.note(snapshot, table)
    warn_of_failures(ephemeris, warn)
