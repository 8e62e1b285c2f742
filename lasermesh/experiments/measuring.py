"""A run of which a first part, in which queues and paths fill, is not counted."""

from typing import NamedTuple

import numpy as np

from lasermesh.errors import Interrupted
from lasermesh.experiments.simulation import Simulation
from lasermesh.packets.causes import CAUSES
from lasermesh.packets.latency_bins import upper_edges_ps
from lasermesh.results import load
from lasermesh.results.statistics import percentile_ps
from lasermesh.results.statuses import COMPLETE
from lasermesh.units import PS_PER_MS, ps_from_s

BUSY = 0.99
"""Utilisation from which on a link is a bottleneck."""


class Counted(NamedTuple):
    """Counters of flows between two instants; row i is flow i."""

    bytes_sent: np.ndarray  # int64 (n_flows,)
    bytes_delivered: np.ndarray  # int64
    delivered: np.ndarray  # int64  packets
    dropped: np.ndarray  # int64  packets
    hops_sum: np.ndarray  # int64
    latency_sum_ps: np.ndarray  # Python ints
    histogram: np.ndarray  # int64 (n_bins,)  of all flows together

    def since(self, before):
        """What was counted after `before`."""
        return Counted(*(now - then for now, then in zip(self, before, strict=True)))

    def added_up(self, first):
        """The same of groups of flows that lie in a row; the first flow of group i is first[i]."""
        sums = (np.add.reduceat(values, first) for values in self[:-1])
        return Counted(*sums, self.histogram)

    def latency_ms(self, longest_ms):
        """Mean and percentiles of all flows together; None if nothing was delivered."""
        delivered = int(self.delivered.sum())
        if delivered == 0:
            return None
        latency = {"mean": sum(self.latency_sum_ps.tolist()) / (delivered * PS_PER_MS)}
        for percent in (50, 99):
            of_bins = percentile_ps(self.histogram, upper_edges_ps(), longest_ms * PS_PER_MS, percent)
            latency[f"p{percent}"] = of_bins / PS_PER_MS
        return latency


class Measured(NamedTuple):
    """What a run's second part has shown."""

    counted: Counted
    longest_latency_ms: float  # of the whole run
    links: list  # of dict: from, to, utilisation, dropped; those that did anything
    packet_hops: int  # of the whole run
    wall_s: float


def measure(experiment, settle_s, output, threads, on_progress=None, warn=lambda message: None):
    """Run an experiment into a folder and count what happens from `settle_s` on.

    Parameters
    ----------
    experiment : Experiment
        With `observe.links_every_s` = `settle_s`, so that what links did before can be told apart.
    output : path

    Returns
    -------
    measured : Measured

    Raises
    ------
    Interrupted
        After Ctrl-C; the folder is kept.
    UserError, RunFailed
        As of a run.
    """
    simulation = _Settled(experiment, threads, None, on_progress, warn)
    simulation.settle_ps = ps_from_s(settle_s)
    finished = simulation.run(output)
    if finished.status != COMPLETE:
        raise Interrupted(f"interrupted after {finished.summary['simulated_s']:.3f} s of simulated time")
    counters = simulation.engine.flow_counters()
    return Measured(
        _count(counters).since(simulation.before),
        int(counters.latency_max_ps.max(initial=0)) / PS_PER_MS,
        _links(output, experiment, settle_s),
        finished.summary["engine"]["packet_hops"],
        finished.summary["engine"]["wall_s"],
    )


class _Settled(Simulation):
    """A run that reads the counters of its flows once before its end."""

    settle_ps = 0
    before = None

    def _advance(self, until_ps, folder):
        if self.before is None and self.settle_ps <= until_ps:
            super()._advance(self.settle_ps, folder)
            self.before = _count(self.engine.flow_counters())
        super()._advance(until_ps, folder)


def _count(counters):
    return Counted(
        counters.bytes_sent.copy(),
        counters.bytes_delivered.copy(),
        counters.delivered.copy(),
        counters.dropped.sum(axis=1),
        counters.hops_sum.copy(),
        np.array(counters.latency_sum_ps, dtype=object),
        counters.histogram.sum(axis=0),
    )


def _links(folder, experiment, settle_s):
    """What links did after the settling, the busiest first, then those that dropped most."""
    table = load(folder).links
    drops = np.sum([table.column(f"dropped_{cause}").to_numpy() for cause in CAUSES], axis=0)
    # The interval that begins with the second part has settle_s as its start, in floating point.
    counts = table.column("t_s").to_numpy() > experiment.start_s + 0.5 * settle_s
    measured_s = experiment.duration_s - settle_s
    ends = zip(table.column("from").to_pylist(), table.column("to").to_pylist(), strict=True)
    found = {}
    for pair, busy_s, dropped, is_counted in zip(
        ends, table.column("busy_s").to_pylist(), drops.tolist(), counts.tolist(), strict=True
    ):
        if is_counted:
            sums = found.setdefault(pair, [0.0, 0])
            sums[0] += busy_s
            sums[1] += dropped
    links = [
        {"from": a, "to": b, "utilisation": min(1.0, busy_s / measured_s), "dropped": dropped}
        for (a, b), (busy_s, dropped) in found.items()
    ]
    return sorted(links, key=lambda link: (-link["utilisation"], -link["dropped"], link["from"], link["to"]))
