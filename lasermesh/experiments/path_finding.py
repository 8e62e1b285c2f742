"""The paths of pairs of nodes over link graphs at successive instants, under one routing policy."""

from typing import NamedTuple

import numpy as np

from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.experiments.stretch import Baselines
from lasermesh.routing import (
    ForwardingTable,
    Policy,
    Snapshot,
    compute_table,
    follow_flows,
    options_of,
)
from lasermesh.routing.policies import as_policy
from lasermesh.routing.table import Routes


class Found(NamedTuple):
    """What a policy answered for one snapshot, in which flow i is pair i."""

    snapshot: Snapshot
    table: ForwardingTable
    routes: Routes

    @property
    def t_s(self) -> float:
        """The instant, in s since the topology's epoch."""
        return self.snapshot.t_s


class PathFinder:
    """Finds the paths of the same pairs again and again.

    Parameters
    ----------
    topology : Topology
    ephemeris : Ephemeris
    ends : int array, shape (n_pairs, 2)
        Rows of both ends.
    policy : str or Policy
    warn : function of one str
        Told of circles in the policy's table.
    options : mapping, optional
        What would stand in `[routing.options]`; those of the policy that are absent get their defaults.

    Raises
    ------
    UserError
        If there is no such policy, or it has no such options.
    """

    def __init__(
        self, topology, ephemeris, ends, policy: str | Policy, warn=lambda message: None, options=None
    ):
        self.policy = as_policy(policy)
        self.ends = np.asarray(ends, dtype=np.int32).reshape(-1, 2)
        self.baselines = Baselines(ephemeris, self.ends)
        self._names = ephemeris.names
        self._snapshots = SnapshotMaker(
            topology, ephemeris, self.ends[:, 0], self.ends[:, 1], options_of(self.policy, options or {})
        )
        self._warn = warn

    def find(self, graph, previous: ForwardingTable | None = None, quiet: bool = False) -> Found:
        """The paths over a link graph; `previous` is the table in force until then.

        Raises
        ------
        RunFailed
            If the policy's table is wrong.
        """
        snapshot = self._snapshots.of(graph, previous)
        table, report = compute_table(self.policy, snapshot)
        if not quiet:
            _warn_of_loops(report, snapshot, self._warn)
        return Found(snapshot, table, follow_flows(snapshot, table))

    def samples(self, found: Found) -> list[dict]:
        """One sample per pair as it stands in JSON."""
        delays_ms = (found.routes.delay_s * 1e3).tolist()
        distances_km = (found.routes.range_m / 1e3).tolist()
        chords_km = self.baselines.chords_km(found.snapshot.position_m)
        samples = []
        for pair, (delay_ms, distance_km) in enumerate(zip(delays_ms, distances_km, strict=True)):
            nodes = [self._names[row] for row in found.routes.nodes_of(pair)]
            sample = _sample(found.t_s, delay_ms, distance_km, nodes) | {"chord_km": chords_km[pair]}
            if nodes:
                sample |= self.baselines.stretches(pair, 2.0 * delay_ms, distance_km)
            else:
                sample |= {"stretch_vacuum": None, "stretch_fibre": None}
            samples.append(sample)
        return samples

    def headings(self) -> list[dict]:
        """What stands with each pair in JSON besides its samples."""
        return [
            {"from": self._names[start], "to": self._names[end], **self.baselines.of_pair(pair)}
            for pair, (start, end) in enumerate(self.ends.tolist())
        ]


def _sample(t_s, delay_ms, distance_km, nodes):
    """One sample without what it is measured against; `nodes` is empty where there is no path."""
    if not nodes:
        nothing = dict.fromkeys(("delay_ms", "rtt_ms", "distance_km", "hops"))
        return {"t_s": t_s, "reachable": False, **nothing, "nodes": []}
    return {
        "t_s": t_s,
        "reachable": True,
        "delay_ms": delay_ms,
        "rtt_ms": 2.0 * delay_ms,
        "distance_km": distance_km,
        "hops": len(nodes) - 1,
        "nodes": nodes,
    }


def _warn_of_loops(report, snapshot, warn):
    """Say that a policy sends packets in a circle, with one pair as the example."""
    if len(report.looping_flows):
        flow = report.looping_flows[0]
        ends = (snapshot.names[row] for row in (snapshot.flow_from[flow], snapshot.flow_to[flow]))
        warn(
            f'routing policy "{report.policy}" at t = {report.t_s:g} s leads in a circle for '
            f"{len(report.looping_flows)} of {snapshot.n_flows} pairs, such as {' to '.join(ends)}"
        )
