"""What is written of a run while it goes on: what links did, and what `[observe]` asks for."""

import numpy as np

from lasermesh.experiments.tracing import packet_events, queue_lengths
from lasermesh.packets.causes import N_CAUSES
from lasermesh.packets.state import NEVER, TAP_QUEUE
from lasermesh.results import LinkIntervals, LinkTotals
from lasermesh.units import PS_PER_S, ps_from_s


class LinkLog:
    """What links did, written for every interval, and the load of the last routing interval.

    Intervals are the steps, or as long as `links_every_s` says. The counters may be read more often.

    Attributes
    ----------
    totals : LinkTotals
        Of all intervals written.
    busy_share : float64 array by link id, or None
        Share of the last routing interval for which each link was sending; None before the first has ended.
    busy_until_s : float or None
        When that interval ended, since the topology's epoch.
    """

    def __init__(self, links, start_s, every_s=None):
        self.totals = LinkTotals()
        self.busy_share = self.busy_until_s = None
        self._links = links
        self._start_s = start_s
        self._every_s = every_s
        self._interval = 0  # number of the one that is going on
        self._sums = np.zeros((0, 4 + N_CAUSES), np.int64)  # bytes, packets, marked, busy ps, drops by cause
        self._queue_max = np.zeros(0, np.int64)
        self._busy_ps = np.zeros(0, np.int64)  # in this routing interval
        self._touched = [np.zeros(0, np.int64)]  # links with anything in this interval

    @property
    def next_ps(self):
        """When an interval ends for which the engine must halt, or NEVER."""
        return int(NEVER) if self._every_s is None else ps_from_s((self._interval + 1) * self._every_s)

    def add(self, counters):
        """Take in the counters of links since they were last read (`packets.LinkCounters`)."""
        more = len(self._links.links.from_node) - len(self._sums)
        if more > 0:
            self._sums = np.concatenate([self._sums, np.zeros((more, self._sums.shape[1]), np.int64)])
            self._queue_max = np.concatenate([self._queue_max, np.zeros(more, np.int64)])
            self._busy_ps = np.concatenate([self._busy_ps, np.zeros(more, np.int64)])
        self._touched.append(counters.link)
        columns = counters.bytes, counters.packets, counters.marked, counters.busy_ps, *counters.dropped.T
        self._sums[counters.link] += np.stack(columns, axis=1)
        self._busy_ps[counters.link] += counters.busy_ps
        maxima = np.maximum(self._queue_max[counters.link], counters.queue_max_bytes)
        self._queue_max[counters.link] = maxima

    def end_interval(self, writer):
        """Write the interval that ends where `next_ps` says."""
        self._write(self._start_s + self._interval * self._every_s, writer)
        self._interval += 1

    def end_step(self, start_s, writer):
        """A step is over, or was left, that began at `start_s`, since the topology's epoch."""
        if self._every_s is None:
            self._write(start_s, writer)

    def end_routing_interval(self, now_s, interval_s):
        """A routing interval is over, that was so long: what links sent in it is the load for the next."""
        self.busy_share = self._busy_ps / PS_PER_S / interval_s
        self.busy_until_s = now_s
        self._busy_ps[:] = 0

    def close(self, clock_ps, writer):
        """Write the interval that the end of the run cuts, if there is one."""
        if self._every_s is not None and ps_from_s(self._interval * self._every_s) < clock_ps:
            self.end_interval(writer)

    def _write(self, t_s, writer):
        """Write what links did since this was last done, and begin anew."""
        links = np.unique(np.concatenate(self._touched))
        if not len(links):  # as in most steps where little is sent, for which all this takes long
            return
        table, sums = self._links.links, self._sums[links]
        intervals = LinkIntervals(
            t_s=np.full(len(links), t_s),
            link=links.astype(np.int32),
            from_node=table.from_node[links],
            to_node=table.to_node[links],
            kind=table.kind[links],
            bytes=sums[:, 0],
            packets=sums[:, 1],
            marked=sums[:, 2],
            dropped=sums[:, 4:],
            queue_max_bytes=self._queue_max[links],
            busy_s=sums[:, 3] / PS_PER_S,
        )
        writer.write(intervals)
        self.totals.add(intervals)
        self._sums[links] = 0
        self._queue_max[links] = 0
        self._touched = self._touched[:1]


class Observation:
    """Traces of packets and queues that `[observe]` asks for.

    Attributes
    ----------
    tables : tuple of str
        Those that the run folder is to have beside the usual ones.
    """

    def __init__(self, observe, flows, links):
        self._flows = flows
        self._traced = flows.traced.astype(bool)
        self._links = links
        self._queue_of = np.array(observe.queue_rows, np.int64).reshape(-1, 2)
        named = (("packets", self._traced.any()), ("queue", len(self._queue_of)))
        self.tables = tuple(name for name, is_asked in named if is_asked)

    def watch(self, link_from, link_to):
        """Taps of new links: int64 (n,) of state.TAP_QUEUE."""
        ends = np.stack([link_from, link_to], axis=1)
        asked = (ends[:, None, :] == self._queue_of[None, :, :]).all(axis=2).any(axis=1)
        return asked * TAP_QUEUE

    def write(self, records, folder):
        """Write what the engine's taps saw into the tables of the folder."""
        table = self._links.links
        if "packets" in self.tables:
            folder.packets.write(packet_events(records, self._traced, self._flows.hop_limit, table))
        if "queue" in self.tables:
            folder.queue.write(queue_lengths(records, table))
