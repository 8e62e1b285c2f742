"""What `lasermesh bench` and the programs in `bench/` run: fixed work with fixed seeds.

A packet-hop is a last bit that leaves a terminal. Every workload says how its first call, which compiles or
loads kernels, is kept apart from what is measured.
"""

import math
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import LinkEngine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.packets import PacketEngine, Step, state
from lasermesh.routing import compute_table
from lasermesh.scenario import load_topology
from lasermesh.traffic import flows_from_rows
from lasermesh.units import NONE, PS_PER_MS, PS_PER_S, PS_PER_US

MESH = ("starlink-gen1", ("ground[0].sites=cities-100",))
"""1,584 satellites and 100 sites; its epoch is 2026-03-20T12:00:00Z."""

RATE_BPS = 25_000_000_000
DELAY_PS = 5 * PS_PER_MS
PACKET_BYTES = 1500
FOREVER_PS = 2**62
SLICE_MS = 20  # simulated between two looks at the clock; whole milliseconds
FLAPPING_DOWN_PS = 10 * PS_PER_US


class Measured(NamedTuple):
    """One workload's outcome."""

    name: str
    sizes: str
    figure: float
    unit: str
    wall_s: float
    more: dict  # what else is worth knowing, JSON-ready

    def to_dict(self):
        """As `lasermesh bench --json` prints it."""
        entry = {"name": self.name, "sizes": self.sizes, "figure": self.figure, "unit": self.unit}
        return entry | {"wall_s": self.wall_s} | self.more


LARGE_MESH = (MESH[0], (*MESH[1], "satellites[0].planes=100", "satellites[0].slots=100"))
"""10,000 satellites of the same shell and the same sites."""


def mesh_topology():
    """The topology of the contacts and routing workloads."""
    return load_topology(*MESH)


def successive_snapshots(topology, steps, step_s=1.0, to_satellites=False):
    """Snapshots of so many steps from t = 0, of one study: a flow to every site, or to every satellite."""
    ephemeris = build_ephemeris(topology)
    engine = LinkEngine(topology, ephemeris)
    ends = np.flatnonzero(ephemeris.is_ground != to_satellites)
    maker = SnapshotMaker(topology, ephemeris, np.roll(ends, 1), ends)
    return [maker.of(engine.graph_at(step * step_s)) for step in range(steps)]


def mesh_snapshot(n_flows=None, seed=1):
    """Its links at t = 0, with a flow to every site, or with so many between random sites."""
    topology = mesh_topology()
    if n_flows is None:
        return successive_snapshots(topology, 1)[0]
    ephemeris = build_ephemeris(topology)
    graph = LinkEngine(topology, ephemeris).graph_at(0.0)
    ends = _random_pairs(np.flatnonzero(ephemeris.is_ground), n_flows, seed).T
    return SnapshotMaker(topology, ephemeris, *ends).of(graph)


def link_graphs(steps=100):
    """Link graphs of successive seconds, positions included."""
    topology = mesh_topology()
    ephemeris = build_ephemeris(topology)
    engine = LinkEngine(topology, ephemeris)
    first_s, walls_s = _time_calls(lambda k: engine.graph_at(float(k)), steps)
    return Measured(
        "contacts/link-graph",
        f"{ephemeris.n_satellites} satellites, {int(ephemeris.is_ground.sum())} sites, steps of 1 s",
        float(np.median(walls_s)) * 1e3,
        "ms per step",
        float(sum(walls_s)),
        {"first_s": first_s},
    )


def next_hops(steps=20):
    """Next hops from everywhere to every site at successive seconds, checks of the table included."""
    snapshots = successive_snapshots(mesh_topology(), steps + 2)
    snapshot = snapshots[0]
    began = time.perf_counter()
    for k in range(2):  # the second one repairs what the first one found
        compute_table("shortest-delay", snapshots[k])
    first_s = time.perf_counter() - began
    alone = [replace(each, memory=None) for each in snapshots]
    _, anew_s = _time_calls(lambda k: compute_table("shortest-delay", alone[k]), steps)
    _, walls_s = _time_calls(lambda k: compute_table("shortest-delay", snapshots[k + 1]), steps)
    return Measured(
        "routing/next-hops",
        f"{snapshot.n_nodes} nodes, {snapshot.n_links} links, {len(snapshot.destinations)} destinations, "
        "steps of 1 s",
        float(np.median(walls_s)) * 1e3,
        "ms per table",
        float(sum(walls_s)),
        {"first_s": first_s, "anew_ms": float(np.median(anew_s)) * 1e3},
    )


def _time_calls(job, n):
    """Wall time of a job's first call, and of n more."""
    walls_s = []
    for k in range(n + 1):
        began = time.perf_counter()
        job(k)
        walls_s.append(time.perf_counter() - began)
    return walls_s[0], walls_s[1:]


class PacketWork(NamedTuple):
    """A static network and its traffic."""

    name: str
    sizes: str
    n_nodes: int
    link_from: np.ndarray  # int64 (n_links,)
    link_to: np.ndarray  # int64 (n_links,)
    delay_ps: np.ndarray  # int64 (n_links,)
    rate_bps: np.ndarray  # int64 (n_links,)
    flows: list  # rows for flows_from_rows
    table: np.ndarray  # int32 (n_nodes, n_labels, 1)
    label_of_flow: np.ndarray  # int32 (n_flows, 1)
    warm_up_ms: int  # until as many packets are under way as ever
    down_ps: int = 0  # each link is down that long in every millisecond, at a time of its own

    def links_of_flow(self, flow):
        """Ids of the links that a flow's packets take."""
        node, links = self.flows[flow]["source"], []
        while node != self.flows[flow]["destination"]:
            links.append(int(self.table[node, self.label_of_flow[flow, 0], 0]))
            node = int(self.link_to[links[-1]])
        return links


def packet_works():
    """The workloads of `lasermesh bench packets`, those that other programs are measured on too."""
    return [chain(), torus(), starlink(), starlink(packet_bytes=64, flow_bps=10**7)]


def chain(links=10):
    """One flow at the rate of the links over a chain of them."""
    n_nodes = links + 1
    table = np.full((n_nodes, 1, 1), NONE, np.int32)
    table[:links, 0, 0] = np.arange(links)
    return PacketWork(
        "packets/chain",
        f"{links} links of 25 Gbps and 5 ms, saturated with {PACKET_BYTES}-byte packets",
        n_nodes,
        np.arange(links),
        np.arange(1, n_nodes),
        np.full(links, DELAY_PS),
        np.full(links, RATE_BPS),
        [_flow(0, links, RATE_BPS, 0)],
        table,
        np.zeros((1, 1), np.int32),
        5 * links + 5,
    )


def torus(planes=22, slots=24, n_flows=200, seed=1):
    """Flows of 1 Gbps between random nodes of a +grid torus, dimension by dimension."""
    pairs = _random_pairs(np.arange(planes * slots), n_flows, seed)
    sizes = f"{planes}x{slots} torus of 25 Gbps, 5 ms links, {n_flows} flows of 1 Gbps, seed {seed}"
    return _grid_work("packets/torus", sizes, planes, slots, pairs, seed, 120)


def starlink(packet_bytes=PACKET_BYTES, flow_bps=10**8, n_flows=1000, seed=1):
    """Flows between random sites over 72 planes of 22 satellites as they stand at t = 0, by least delay."""
    snapshot = mesh_snapshot(n_flows, seed)
    routes, _ = compute_table("shortest-delay", snapshot)
    row_of_link = np.full(int(snapshot.link.max()) + 2, NONE)  # the last one stands for NONE
    row_of_link[snapshot.link] = np.arange(snapshot.n_links)
    interval_ps = packet_bytes * 8 * PS_PER_S // flow_bps
    phases = np.random.default_rng(seed).integers(0, interval_ps, n_flows).tolist()
    pairs = zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)
    return PacketWork(
        "packets/starlink" if packet_bytes == PACKET_BYTES else f"packets/starlink-{packet_bytes}",
        f"{snapshot.n_nodes} nodes and {snapshot.n_links} links at t = 0, {n_flows} flows of "
        f"{flow_bps / 1e9:g} Gbps in packets of {packet_bytes} bytes, seed {seed}",
        snapshot.n_nodes,
        snapshot.from_node.astype(np.int64),
        snapshot.to_node.astype(np.int64),
        np.rint(snapshot.delay_s * PS_PER_S).astype(np.int64),
        snapshot.rate_bps,
        [_flow(*pair, flow_bps, phase, packet_bytes) for pair, phase in zip(pairs, phases, strict=True)],
        row_of_link[routes.link].astype(np.int32),
        routes.label_of_flow,
        100,
    )


def growth(n_nodes, n_flows=200, steps=3, seed=1):
    """The same load on +grids of any size: flows of 1 Gbps between nodes a few planes and slots apart."""
    planes, slots = _near_square(n_nodes)
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, n_nodes, n_flows)
    ahead = steps * rng.choice((-1, 1), (n_flows, 2))
    plane, slot = np.divmod(sources, slots)
    destinations = (plane + ahead[:, 0]) % planes * slots + (slot + ahead[:, 1]) % slots
    pairs = np.stack([sources, destinations], axis=1)
    sizes = (
        f"{planes}x{slots} torus of 25 Gbps, 5 ms links, {n_flows} flows of 1 Gbps over {2 * steps} hops, "
        f"seed {seed}"
    )
    return _grid_work(f"packets/growth-{n_nodes}", sizes, planes, slots, pairs, seed, 5 * 2 * steps + 10)


def idle(n_nodes, flow_bps=10**8):
    """A +grid of any size in which the same 100 satellites are active: ten flows along ten planes."""
    planes, slots = _near_square(n_nodes)
    first = np.arange(10) * slots
    pairs = np.stack([first, first + 9], axis=1)
    link_from, link_to = _grid_links(planes, slots)
    # One label does for all flows: along the plane.
    table = 4 * np.arange(n_nodes, dtype=np.int32) + 2
    return PacketWork(
        f"packets/idle-{n_nodes}",
        f"{planes}x{slots} torus of 25 Gbps, 5 ms links, 10 flows of {flow_bps / 1e9:g} Gbps over 9 hops",
        n_nodes,
        link_from,
        link_to,
        np.full(len(link_from), DELAY_PS),
        np.full(len(link_from), RATE_BPS),
        [_flow(*pair, flow_bps, 10**6 * row) for row, pair in enumerate(pairs.tolist())],
        table[:, None, None],
        np.zeros((len(pairs), 1), np.int32),
        55,
    )


def flapping():
    """The torus, each link of which is down for 10 us in every millisecond; what waits then is dropped."""
    steady = torus()
    return steady._replace(
        name="packets/flapping",
        sizes=f"{steady.sizes}; each link down for 10 us in every ms",
        down_ps=FLAPPING_DOWN_PS,
    )


def _grid_work(name, sizes, planes, slots, pairs, seed, warm_up_ms):
    """Flows of 1 Gbps on a +grid torus, dimension by dimension."""
    link_from, link_to = _grid_links(planes, slots)
    phases = np.random.default_rng(seed).integers(0, PACKET_BYTES * 8 * PS_PER_S // 10**9, len(pairs))
    destinations, label = np.unique(pairs[:, 1], return_inverse=True)
    plane, slot = np.divmod(np.arange(planes * slots), slots)
    to_plane, to_slot = np.divmod(destinations, slots)
    ahead = (to_plane[None, :] - plane[:, None]) % planes
    up = (to_slot[None, :] - slot[:, None]) % slots
    direction = np.where(ahead > 0, np.where(ahead <= planes // 2, 0, 1), np.where(up <= slots // 2, 2, 3))
    table = 4 * np.arange(planes * slots)[:, None] + direction
    table[destinations, np.arange(len(destinations))] = NONE
    return PacketWork(
        name,
        sizes,
        planes * slots,
        link_from,
        link_to,
        np.full(len(link_from), DELAY_PS),
        np.full(len(link_from), RATE_BPS),
        [_flow(*pair, 10**9, phase) for pair, phase in zip(pairs.tolist(), phases.tolist(), strict=True)],
        table[:, :, None].astype(np.int32),
        label.reshape(-1, 1).astype(np.int32),
        warm_up_ms,
    )


def _grid_links(planes, slots):
    """Ends of a +grid's links, four a node: to the next and previous plane, the next and previous slot."""
    nodes = np.arange(planes * slots)
    plane, slot = np.divmod(nodes, slots)
    neighbours = [
        (plane + 1) % planes * slots + slot,
        (plane - 1) % planes * slots + slot,
        plane * slots + (slot + 1) % slots,
        plane * slots + (slot - 1) % slots,
    ]
    return np.repeat(nodes, 4), np.stack(neighbours, axis=1).ravel()


def _near_square(n_nodes):
    """Planes and slots of a constellation of so many satellites."""
    planes = next(d for d in range(math.isqrt(n_nodes), 0, -1) if n_nodes % d == 0)
    return planes, n_nodes // planes


def _random_pairs(nodes, n_pairs, seed):
    """Pairs of different nodes: int64 array, shape (n_pairs, 2)."""
    ends = np.random.default_rng(seed).choice(nodes, (4 * n_pairs, 2))
    return ends[ends[:, 0] != ends[:, 1]][:n_pairs]


def _flow(source, destination, rate_bps, phase_ps, packet_bytes=PACKET_BYTES):
    return {
        "source": source,
        "destination": destination,
        "kind": "constant",
        "rate_bps": rate_bps,
        "sizes": ((packet_bytes, 1),),
        "start_ps": 0,
        "stop_ps": FOREVER_PS,
        "phase_ps": phase_ps,
        "hop_limit": 64,
        "traffic_class": 0,
    }


class PacketRun:
    """A packet workload in an engine; its first call, which compiles or loads kernels, has been made."""

    def __init__(self, work, threads):
        self.engine = PacketEngine(
            work.n_nodes, flows_from_rows(work.flows), end_ps=FOREVER_PS, threads=threads
        )
        self.engine.add_links(work.link_from, work.link_to, FOREVER_PS, work.rate_bps // 160)
        self.engine.install_table(work.table, work.label_of_flow, 0)
        self._work = work
        self._step_end_ps = 0
        self.until_ms = 0
        began = time.perf_counter()
        self._begin_step()
        self.engine.advance(1)
        self.first_s = time.perf_counter() - began

    def advance(self, slice_ms):
        """Simulate so many milliseconds more."""
        self.until_ms += slice_ms
        until_ps = self.until_ms * PS_PER_MS
        self.engine.advance(until_ps)
        while self._step_end_ps < until_ps:
            self._begin_step()
            self.engine.advance(until_ps)

    def _begin_step(self):
        """A step without end, or one of a slice in which each link goes down and up every millisecond."""
        work, start_ps = self._work, self._step_end_ps
        links = np.arange(len(work.link_from))
        changes = [(np.zeros_like(links), links, np.full_like(links, state.CHANGE_START), work.rate_bps)]
        self._step_end_ps = FOREVER_PS
        if work.down_ps:
            if start_ps:
                changes = []
            self._step_end_ps = start_ps + SLICE_MS * PS_PER_MS
            own_ps = links * ((PS_PER_MS - 2 * work.down_ps) // len(links)) + work.down_ps
            down_ps = (start_ps + np.arange(SLICE_MS)[:, None] * PS_PER_MS + own_ps).ravel()
            flapping = np.tile(links, SLICE_MS)
            for time_ps, kind in ((down_ps, state.CHANGE_STOP), (down_ps + work.down_ps, state.CHANGE_START)):
                rates = np.tile(work.rate_bps, SLICE_MS)
                changes.append((time_ps, flapping, np.full_like(flapping, kind), rates))
        self.engine.begin_step(
            Step(
                start_ps,
                self._step_end_ps,
                links,
                work.delay_ps,
                work.delay_ps,
                *map(np.concatenate, zip(*changes, strict=True)),
            )
        )


def run_packets(work, threads=1, least_s=2.0, least_ms=0):
    """Run a packet workload until it is steady, then for at least `least_s` of wall time: Measured.

    And for at least `least_ms` of simulated time.
    """
    run = PacketRun(work, threads)
    engine = run.engine
    run.advance(work.warm_up_ms)
    hops, windows, handled = engine.packet_hops, engine.windows, engine.handled_by_worker
    began = time.perf_counter()
    while (wall_s := time.perf_counter() - began) < least_s or run.until_ms < work.warm_up_ms + least_ms:
        run.advance(SLICE_MS)
    engine.close()
    hops, windows = engine.packet_hops - hops, engine.windows - windows
    handled = engine.handled_by_worker - handled
    counters = engine.flow_counters()
    in_flight = int(counters.in_flight.sum())
    return Measured(
        work.name,
        f"{work.sizes}; {threads} thread{'' if threads == 1 else 's'}",
        hops / wall_s,
        "packet-hops/s",
        wall_s,
        {
            "threads": threads,
            "first_s": run.first_s,
            "packet_hops": hops,
            "simulated_s": (run.until_ms - work.warm_up_ms) / 1e3,
            "windows": windows,
            "thread_balance": float(handled.min() / handled.max()),
            "in_flight": in_flight,
            "dropped": int(counters.dropped.sum()),
            "bytes_per_packet_in_flight": engine.peak_packet_bytes / in_flight,
        },
    )
