"""A packet engine of one link per channel, in plain Python, and a mesh to go with it."""

import bisect

import numpy as np

from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.port import Path, TransferOptions
from lasermesh.workloads.transport import Channels, Transport


class FakePort:
    """Each channel has a link of its own (number = channel): a queue without limit, a rate and a delay.

    Links can be shared by `link_of`. `is_lost(channel, sequence, time_ps)` decides over each packet.
    """

    def __init__(self, n_channels, rate_bps, delay_ps, is_lost=lambda *_: False, link_of=None):
        self.rate_bps, self.delay_ps, self.is_lost = rate_bps, delay_ps, is_lost
        self.link_of = link_of or list(range(n_channels))
        self.clock_ps = 0
        self.scripts = [[] for _ in range(n_channels)]
        self.sent = [0] * n_channels
        self.stops = [0] * n_channels
        self.free_ps = {}
        self.ends = []  # sorted: time, channel, sequence, packets, delivered

    def set_script(self, channel, time_ps, size_bytes, packets, tail_ps):
        rows = list(zip(*(x.tolist() for x in (time_ps, size_bytes, packets, tail_ps)), strict=True))
        assert all(row[0] >= self.clock_ps for row in rows)
        assert rows == sorted(rows, key=lambda row: row[0])
        self.scripts[channel] = rows

    def set_stop(self, channel, sequence):
        self.stops[channel] = sequence

    def packets_sent(self):
        return sum(self.sent)

    def advance(self, until_ps, window_ps):
        """Windows until an instant, or one in which something matters."""
        while self.clock_ps < until_ps:
            next_ps = min(self._next_ps(), until_ps)
            self.clock_ps += (next_ps - self.clock_ps) // window_ps * window_ps
            end_ps = min(until_ps, self.clock_ps + window_ps)
            due = [
                (row, channel)
                for channel, script in enumerate(self.scripts)
                for row in script
                if row[0] < end_ps
            ]
            for (time_ps, size, packets, tail_ps), channel in sorted(due):
                self._send(channel, time_ps, size, packets, tail_ps)
            self.scripts = [[row for row in script if row[0] >= end_ps] for script in self.scripts]
            first = bisect.bisect_left(self.ends, (self.clock_ps,))
            last = bisect.bisect_left(self.ends, (end_ps,))
            self.clock_ps = end_ps
            if any(row[2] + row[3] > self.stops[row[1]] for row in self.ends[first:last]):
                return

    def _next_ps(self):
        """When anything happens next."""
        heads = [script[0][0] for script in self.scripts if script] + [row[0] for row in self.ends[:1]]
        return max(self.clock_ps, min(heads, default=NEVER))

    def _send(self, channel, time_ps, size, packets, tail_ps):
        each_ps = size * 8 * PS_PER_S // self.rate_bps
        link = self.link_of[channel]
        start_ps = max(time_ps, self.free_ps.get(link, 0))
        self.free_ps[link] = max(start_ps + packets * each_ps, tail_ps + each_ps)
        first = self.sent[channel]
        self.sent[channel] += packets
        for row in range(packets):  # a run of packets with one fate is one row
            is_lost = self.is_lost(channel, first + row, time_ps)
            at_ps = time_ps if is_lost else self.free_ps[link] + self.delay_ps
            bisect.insort(self.ends, (at_ps, channel, first + row, 1, not is_lost))

    def drain(self):
        n = bisect.bisect_left(self.ends, (self.clock_ps,))
        rows, self.ends = self.ends[:n], self.ends[n:]
        columns = np.array(rows, np.int64).reshape(-1, 5).T
        return *columns[:4], columns[4].astype(bool)


class FakeMesh:
    """Ways that a test opens and shuts."""

    def __init__(self, port):
        self.port = port
        self.shut = set()  # channels
        self.attaching = set()

    def path(self, channel):
        if channel in self.shut:
            return None
        return Path((self.port.link_of[channel],), self.port.delay_ps)

    def rate_bps(self, link):
        return self.port.rate_bps

    def is_up(self, link):
        return True

    def is_attaching(self, node):
        return node in self.attaching


class Bench:
    """Transport, port, mesh and agenda, run together."""

    def __init__(self, pairs, rate_bps=10**8, delay_ps=3 * PS_PER_MS, window_ps=PS_PER_MS, **more):
        channels = Channels.of(pairs)
        of_port = {name: more.pop(name) for name in ("is_lost", "link_of") if name in more}
        self.port = FakePort(len(channels.pairs), rate_bps, delay_ps, **of_port)
        self.mesh = FakeMesh(self.port)
        self.agenda = Agenda()
        self.transport = Transport(channels, self.port, self.mesh, self.agenda, TransferOptions(**more))
        self.window_ps = window_ps

    def run(self, until_ps):
        while self.port.clock_ps < until_ps:
            self.port.advance(min(until_ps, self.agenda.next_ps), self.window_ps)
            self.transport.take(self.port.clock_ps, *self.port.drain())
            self.agenda.run_until(self.port.clock_ps)
