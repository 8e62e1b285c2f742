"""How a live run goes, told while it goes on."""

from typing import NamedTuple

import numpy as np

from lasermesh.live.fidelity import verdict_of
from lasermesh.live.figures import figures_of
from lasermesh.packets.causes import CAUSES
from lasermesh.units import PS_PER_S

MOST_PATHS = 20


class PathInUse(NamedTuple):
    """The present path of a pair of hosts that has sent something of late."""

    from_name: str
    to_name: str
    hops: int | None  # None: there is no path
    delay_ms: float | None


class LiveStatus(NamedTuple):
    """A live run at some moment; rates and lateness are those since the last one was made."""

    simulated_s: float
    packets_in_per_s: float  # from hosts into the mesh
    packets_out_per_s: float
    bits_in_per_s: float
    bits_out_per_s: float
    dropped: dict  # packets of hosts by cause since the start, those that are not 0
    late_p50_ms: float
    late_p99_ms: float
    verdict: str  # since the start
    paths: list  # of PathInUse, at most MOST_PATHS
    n_paths: int  # all of them


class StatusMaker:
    """Makes one status after the other of a live run (LiveSimulation)."""

    def __init__(self, simulation):
        self._simulation = simulation
        self._lateness = simulation.engine.lateness()
        self._counters = simulation.engine.counters()
        self._at_ps = 0
        self._sent = np.zeros(simulation.host_flows.n_noted, np.int64)

    def make(self, used):
        """The status now, where pairs of hosts in rows `used` (int array) have sent anything so far."""
        simulation = self._simulation
        engine = simulation.engine
        now_ps, counters, lateness = engine.now_ps(), engine.counters(), engine.lateness()
        since_s = max(now_ps - self._at_ps, 1) / PS_PER_S
        late = lateness.since(self._lateness)
        rates = [
            (getattr(counters, name) - getattr(self._counters, name)) * factor / since_s
            for name, factor in (("packets_in", 1), ("packets_out", 1), ("bytes_in", 8), ("bytes_out", 8))
        ]
        self._at_ps, self._counters, self._lateness = now_ps, counters, lateness
        sent = engine.sent_packets_of(used)
        busy = used[sent > self._sent[used]]
        self._sent[used] = sent
        dropped = engine.dropped_packets(used).sum(axis=0).tolist()
        return LiveStatus(
            now_ps / PS_PER_S,
            *rates,
            {cause: n for cause, n in zip(CAUSES, dropped, strict=True) if n},
            *(late.percentile_ns(percent) / 1e6 for percent in (50, 99)),
            verdict_of(figures_of(simulation))[0],
            self._paths(busy[:MOST_PATHS].tolist()),
            len(busy),
        )

    def _paths(self, rows):
        names = self._simulation.experiment.topology.node_names
        ends = [(names[start], names[end]) for start, end in map(self._simulation.host_flows.ends_of, rows)]
        return [
            PathInUse(*pair, *((None, None) if path is None else (len(path[0]) - 1, 1e3 * path[1])))
            for pair, path in zip(ends, self._simulation.paths_in_use(rows), strict=True)
        ]
