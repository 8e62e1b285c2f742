"""A packet engine of one link per pair in plain Python, and small worlds in which bundles travel over it."""

import bisect
from types import SimpleNamespace

import numpy as np

from lasermesh.bundles.log import BundleLog
from lasermesh.bundles.pairs import pairs_of
from lasermesh.bundles.work import BundleWork
from lasermesh.dtn.router_choice import router_of
from lasermesh.packets.causes import LINK_DOWN, QUEUE
from lasermesh.scenario.bundles import BundleFlow, BundleList, Bundles, Store
from lasermesh.scenario.flows import Flow
from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.agenda import Agenda
from tests.dtn.plans import graph_of_plan, plan_of

DELIVERED = -1
MBPS_8 = 8_000_000  # a byte takes a microsecond


def ps(seconds):
    return round(seconds * PS_PER_S)


class FakeLinks:
    """Each channel has a link of its own: a queue, times in which it is up at a rate, a light time.

    `fate(channel, sequence, time_ps)` may name a cause for which a packet is dropped: BIT_ERROR where it
    would arrive, QUEUE at once.
    """

    def __init__(self, ups, delays_ps, fate, framing_bytes=0):
        self.ups = ups  # by channel: sorted list of (up_ps, down_ps, rate_bps)
        self.delays_ps, self.fate, self.framing_bytes = delays_ps, fate, framing_bytes
        self.clock_ps = 0
        self.scripts = [[] for _ in ups]
        self.sent = [0] * len(ups)
        self.stops = [NEVER] * len(ups)
        self.free_ps = [0] * len(ups)
        self.ends = []  # sorted: time, channel, sequence, packets, cause
        self.sizes_bytes = [[] for _ in ups]  # of what was sent, and when it entered

    def set_script(self, channel, time_ps, size_bytes, packets, tail_ps):
        rows = list(zip(*(x.tolist() for x in (time_ps, size_bytes, packets, tail_ps)), strict=True))
        assert all(row[0] >= self.clock_ps for row in rows)
        assert rows == sorted(rows, key=lambda row: row[0])
        self.scripts[channel] = rows

    def set_stop(self, channel, sequence):
        self.stops[channel] = sequence

    def advance(self, until_ps, window_ps):
        """Windows until an instant, or one in which something matters."""
        while self.clock_ps < until_ps:
            next_ps = min(self._next_ps(), until_ps)
            self.clock_ps += (next_ps - self.clock_ps) // window_ps * window_ps
            end_ps = min(until_ps, self.clock_ps + window_ps)
            for channel, script in enumerate(self.scripts):
                n = bisect.bisect_left(script, (end_ps,))
                for time_ps, size, packets, tail_ps in script[:n]:
                    self._send(channel, time_ps, size, packets, tail_ps)
                del script[:n]
            first = bisect.bisect_left(self.ends, (self.clock_ps,))
            last = bisect.bisect_left(self.ends, (end_ps,))
            self.clock_ps = end_ps
            if any(row[2] + row[3] > self.stops[row[1]] for row in self.ends[first:last]):
                return

    def _next_ps(self):
        heads = [script[0][0] for script in self.scripts if script] + [row[0] for row in self.ends[:1]]
        return max(self.clock_ps, min(heads, default=NEVER))

    def _send(self, channel, time_ps, size, packets, tail_ps):
        sequence = self.sent[channel]
        self.sent[channel] += packets
        self.sizes_bytes[channel].append((time_ps, size, packets))
        up = [span for span in self.ups[channel] if span[0] <= time_ps < span[1]]
        if not up:
            self._end(time_ps, channel, sequence, packets, LINK_DOWN)
            return
        _, down_ps, rate_bps = up[0]
        each_ps = -(-(size + self.framing_bytes) * 8 * PS_PER_S // rate_bps)
        fates = [self.fate(channel, sequence + place, time_ps) for place in range(packets)]
        leave_ps = max(time_ps, self.free_ps[channel])
        for place, fate in enumerate(fates):
            if fate == QUEUE:
                self._end(time_ps, channel, sequence + place, 1, QUEUE)
                continue
            gap_ps = (tail_ps - time_ps) // max(1, packets - 1)
            leave_ps = max(leave_ps, time_ps + place * gap_ps) + each_ps
            if leave_ps > down_ps:
                self._end(down_ps, channel, sequence + place, 1, LINK_DOWN)
                leave_ps = down_ps
                continue
            self._end(leave_ps + self.delays_ps[channel], channel, sequence + place, 1, fate)
        self.free_ps[channel] = leave_ps

    def _end(self, time_ps, channel, sequence, packets, cause):
        bisect.insort(self.ends, (time_ps, channel, sequence, packets, int(cause)))

    def drain(self):
        n = bisect.bisect_left(self.ends, (self.clock_ps,))
        rows, self.ends = self.ends[:n], self.ends[n:]
        return np.array(rows, np.int64).reshape(-1, 5).T


def arrives(channel, sequence, time_ps):
    """The fate of packets when nothing goes wrong."""
    return DELIVERED


def flow(source, destination, n_bytes=10_000, segment=1000, made=None, **named):
    """A bundle flow: one bundle at 0, as keys of the table say, or rows (s, bytes, priority, life in s)."""
    table = Flow(name="f", kind="bundle", bundle_bytes=n_bytes, segment_bytes=segment, **named)
    listed = None
    if made is not None:
        rows = [(ps(row[0]), row[1], row[2], NEVER if row[3] is None else ps(row[3])) for row in made]
        listed = BundleList(*np.array(rows, np.int64).reshape(-1, 4).T)
    return BundleFlow("f", str(source), str(destination), source, destination, table, 0, listed)


class World:
    """Bundles over a plan, given as `plan_of` takes it, at 8 Mbit/s where no rate is given.

    `nodes`: what `plan_of` is told of them besides.
    `ups`: when links really are up, {(from, to): [(up_s, down_s)]}, of pairs where it is not as planned.
    """

    def __init__(
        self,
        contacts,
        flows,
        ups=None,
        fate=arrives,
        window_ps=PS_PER_MS,
        stores=(),
        framing=0,
        nodes=None,
        train=None,
        **bundles,
    ):
        contacts = [row if len(row) == 6 else (*row, MBPS_8) for row in contacts]
        n_nodes = 1 + max(max(row[:2]) for row in [*contacts, *((one.from_row, one.to_row) for one in flows)])
        self.plan = plan_of(contacts, **({"n_nodes": n_nodes} | (nodes or {})))
        self.graph = graph_of_plan(self.plan)
        self.pairs = pairs_of(self.graph, flows)
        self.log, self.agenda = BundleLog(), Agenda()
        spans, delays_ps = [], []
        for pair in self.pairs:
            own = [row for row in contacts if row[:2] == pair]
            planned = [(row[2], row[3]) for row in own]
            spans.append([(ps(a), ps(b), own[0][5]) for a, b in (ups or {}).get(pair, planned)])
            delays_ps.append(ps(own[0][4]))
        self.port = FakeLinks(spans, delays_ps, fate, framing)
        settings = Bundles(**bundles)
        self.experiment = SimpleNamespace(
            bundle_flows=flows,
            bundles=settings,
            stores=stores,
            seed=1,
            duration_s=1000.0,
            fidelity="packet" if train is None else "train",
            train_packets=train,
            packets=SimpleNamespace(framing_bytes=framing),
        )
        router = router_of(settings, self.graph)
        self.work = BundleWork(
            self.experiment, self.graph, self.pairs, router, self.port, self.agenda, self.log, True
        )
        self.window_ps = window_ps
        changes = {}
        for channel, own in enumerate(spans):
            for up_ps, down_ps, rate_bps in own:
                changes.setdefault(up_ps, {})[channel] = (channel, True, rate_bps)
                changes.setdefault(down_ps, {}).setdefault(channel, (channel, False, 0))
        for time_ps in sorted(changes):
            happening = list(changes[time_ps].values())
            self.agenda.at(time_ps, self.work.links_changed, happening, rank=Agenda.CHANGES)
        self.agenda.at(0, self.work.begin)

    def run(self, until_s=1000.0, check=False):
        """Run to an instant, close; the bundles in the order of their numbers."""
        until_ps = ps(until_s)
        while self.port.clock_ps < until_ps:
            self.port.advance(min(until_ps, self.agenda.next_ps), self.window_ps)
            self.work.take(*self.port.drain())
            self.agenda.run_until(self.port.clock_ps)
            if check:
                self.work.check()
        self.work.close()
        self.bundles = sorted(self.log.bundles, key=lambda bundle: bundle.bundle)
        return self.bundles

    def stays(self, bundle=0):
        """Stays of a bundle at nodes, in order of time."""
        own = [stay for stay in self.log.bundle_hops if stay.bundle == bundle]
        return sorted(own, key=lambda stay: (stay.entered_ps, stay.hop, stay.fragment_first_byte))


def store(node, store_bytes, when_full=None):
    """What one node can store."""
    return Store(on=(str(node),), store_bytes=store_bytes, when_full=when_full, rows=(node,))


def finished_s(bundles):
    """When each was delivered, in s; the cause where it was lost, the state where it is neither."""
    return [
        round(one.finished_ps / PS_PER_S, 12) if one.state == "delivered" else one.cause or one.state
        for one in bundles
    ]
