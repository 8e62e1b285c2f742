"""What flows did over time, and how their latencies are distributed."""

from fractions import Fraction

import numpy as np

from lasermesh.results import FlowIntervals, LatencyBins
from lasermesh.units import NEVER, PS_PER_S, ps_from_s

MOST_INTERVALS, FEWEST_INTERVALS = 200, 20
"""Of a run whose experiment does not say how long they are."""

MOST_ROWS = 200_000
"""That such a run aims at: flows times intervals. Of very many flows it has FEWEST_INTERVALS all the same."""

ROWS_AT_ONCE = 4096
"""That are written together at least: making a table costs more than what goes into it."""

SHORTEST_S = 1e-6
"""As `flows_every_s` can be."""


def interval_s(duration_s, n_flows):
    """How long an interval is unless the experiment says so: 1, 2 or 5 times a power of ten.

    The shortest of which a run has MOST_INTERVALS and MOST_ROWS at most; a shorter one if it would have fewer
    than FEWEST_INTERVALS of that. Never below SHORTEST_S.
    """
    duration = Fraction(str(duration_s))
    intervals = min(MOST_INTERVALS, max(FEWEST_INTERVALS, MOST_ROWS // max(1, n_flows)))
    shortest, longest = duration / intervals, duration / FEWEST_INTERVALS
    power = Fraction(str(SHORTEST_S))
    while 10 * power < shortest:
        power *= 10
    steps = [n * power for n in (1, 2, 5, 10)]
    of_few = max((step for step in steps if step <= longest), default=power)
    return float(min(of_few, next(step for step in steps if step >= shortest)))


class FlowLog:
    """What flows did, written for every interval.

    Flows of work have rows in results that are known only when it is known which of them were used; until
    then those of the engine stand in their place.

    Parameters
    ----------
    experiment : Experiment
    engine : PacketEngine
    usual_s : float, optional
        How long intervals are unless the experiment says so; absent: see `interval_s`.
    """

    def __init__(self, experiment, engine, usual_s=None):
        self._engine = engine
        self._start_s = experiment.start_s
        self._every_s = (
            experiment.observe.flows_every_s
            or usual_s
            or interval_s(experiment.duration_s, engine.flows.n_routed)
        )
        self._interval = 0  # number of the one that is going on
        self._waiting, self._n_waiting = [], 0

    @property
    def next_ps(self):
        """When an interval ends, for which the engine must halt; NEVER where no flow has a row."""
        return int(NEVER) if self._engine.flows.n_routed == 0 else self._start_ps(self._interval + 1)

    def end_interval(self):
        """Take what flows did in the interval that ends where `next_ps` says; `write` writes it."""
        self._take(self.next_ps)
        self._interval += 1

    def write(self, writer):
        """Write what was taken, if it is much."""
        if self._n_waiting >= ROWS_AT_ONCE:
            self._write(writer)

    def close(self, clock_ps, rows, writer):
        """Write the interval that the end of the run cuts and all that waits, and give flows their rows.

        Parameters
        ----------
        clock_ps : int
        rows : sequence of int
            The engine's rows of the flows that results tell of, in their order.
        writer : TableWriter
        """
        is_cut = self._start_ps(self._interval) < clock_ps
        # A run that fails in the midst of a window may have flows beyond the clock.
        self._take(clock_ps if is_cut else self.next_ps)
        self._write(writer)
        row_of = np.arange(self._engine.flows.n_routed)
        if not np.array_equal(rows, row_of):
            row_of[rows] = np.arange(len(rows))
            writer.renumber("flow", row_of)

    def _start_ps(self, interval):
        """When an interval begins."""
        return ps_from_s(interval * self._every_s)

    def _take(self, until_ps):
        """Take what flows did since this was last done."""
        changes = self._engine.drain_flows()
        n = len(changes.flow)
        if n == 0:
            return
        times_ps = self._start_ps(self._interval), until_ps
        t_s, until_s = (np.full(n, self._start_s + time_ps / PS_PER_S) for time_ps in times_ps)
        self._waiting.append(FlowIntervals(t_s, until_s, *changes))
        self._n_waiting += n

    def _write(self, writer):
        """Write what waits."""
        if self._n_waiting:
            columns = (np.concatenate(each) for each in zip(*self._waiting, strict=True))
            writer.write(FlowIntervals(*columns))
        self._waiting, self._n_waiting = [], 0


def latency_bins(counters):
    """Bins of latency that hold something: `LatencyBins` of `results.FlowCounters`.

    What is longer than all bins has its flow's greatest latency as upper edge.
    """
    flow, bin_ = np.nonzero(counters.histogram)
    is_last = bin_ == counters.histogram.shape[1] - 1
    return LatencyBins(
        flow=flow,
        up_to_ps=np.where(is_last, counters.latency_max_ps[flow], counters.upper_edges_ps[bin_]),
        delivered=counters.histogram[flow, bin_],
    )
