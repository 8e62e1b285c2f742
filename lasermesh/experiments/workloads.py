"""What `lasermesh bench` and the programs in `bench/` run: fixed work with fixed seeds.

A packet-hop is a last bit that leaves a terminal. Every workload says how its first call, which compiles or
loads kernels, is kept apart from what is measured.
"""

import time
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import LinkEngine
from lasermesh.orbits import build_ephemeris
from lasermesh.packets import PacketEngine, Step, state
from lasermesh.routing import Snapshot, compute_table, transit_of
from lasermesh.scenario import load_topology
from lasermesh.traffic import flows_from_rows
from lasermesh.units import NONE, PS_PER_MS

MESH = ("starlink-gen1", ("ground[0].sites=cities-100",))
"""1,584 satellites and 100 sites; its epoch is 2026-03-20T12:00:00Z."""

RATE_BPS = 25_000_000_000
DELAY_PS = 5 * PS_PER_MS
PACKET_BYTES = 1500
FOREVER_PS = 2**62


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


def mesh_topology():
    """The topology of the contacts and routing workloads."""
    return load_topology(*MESH)


def mesh_snapshot():
    """Its links at t = 0, with a flow to every site."""
    topology = mesh_topology()
    ephemeris = build_ephemeris(topology)
    graph = LinkEngine(topology, ephemeris).graph_at(0.0)
    sites = np.flatnonzero(ephemeris.is_ground)
    ends = np.roll(sites, 1), sites
    transit = transit_of(topology)
    return Snapshot.from_graph(graph, ephemeris.names, transit, None, *ends, is_ground=ephemeris.is_ground)


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


def next_hops(repeat=20):
    """Next hops from everywhere to every site, checks of the table included."""
    snapshot = mesh_snapshot()
    first_s, walls_s = _time_calls(lambda k: compute_table("shortest-delay", snapshot), repeat)
    return Measured(
        "routing/next-hops",
        f"{snapshot.n_nodes} nodes, {snapshot.n_links} links, {len(snapshot.destinations)} destinations",
        float(np.median(walls_s)) * 1e3,
        "ms per table",
        float(sum(walls_s)),
        {"first_s": first_s},
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
    link_from: np.ndarray
    link_to: np.ndarray
    flows: list  # rows for flows_from_rows
    table: np.ndarray  # int32 (n_nodes, n_labels, 1)
    label_of_flow: np.ndarray  # int32 (n_flows, 1)
    warm_up_ms: int  # until as many packets are under way as ever


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
        [_flow(0, links, RATE_BPS, 0)],
        table,
        np.zeros((1, 1), np.int32),
        5 * links + 5,
    )


def torus(planes=22, slots=24, n_flows=200, seed=1):
    """Flows of 1 Gbps between random nodes of a +grid torus, dimension by dimension."""
    n_nodes = planes * slots
    plane, slot = np.divmod(np.arange(n_nodes), slots)
    neighbours = [
        (plane + 1) % planes * slots + slot,
        (plane - 1) % planes * slots + slot,
        plane * slots + (slot + 1) % slots,
        plane * slots + (slot - 1) % slots,
    ]
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, n_nodes, (4 * n_flows, 2))
    ends = ends[ends[:, 0] != ends[:, 1]][:n_flows]
    phases = rng.integers(0, 12_000_000, n_flows)
    destinations, label = np.unique(ends[:, 1], return_inverse=True)
    to_plane, to_slot = np.divmod(destinations, slots)
    ahead = (to_plane[None, :] - plane[:, None]) % planes
    up = (to_slot[None, :] - slot[:, None]) % slots
    direction = np.where(ahead > 0, np.where(ahead <= planes // 2, 0, 1), np.where(up <= slots // 2, 2, 3))
    table = 4 * np.arange(n_nodes)[:, None] + direction
    table[destinations, np.arange(len(destinations))] = NONE
    return PacketWork(
        "packets/torus",
        f"{planes}x{slots} torus of 25 Gbps, 5 ms links, {n_flows} flows of 1 Gbps, seed {seed}",
        n_nodes,
        np.repeat(np.arange(n_nodes), 4),
        np.stack(neighbours, axis=1).ravel(),
        [_flow(*pair, 10**9, phase) for pair, phase in zip(ends.tolist(), phases.tolist(), strict=True)],
        table[:, :, None].astype(np.int32),
        label.reshape(-1, 1).astype(np.int32),
        120,
    )


def _flow(source, destination, rate_bps, phase_ps):
    return {
        "source": source,
        "destination": destination,
        "kind": "constant",
        "rate_bps": rate_bps,
        "sizes": ((PACKET_BYTES, 1),),
        "start_ps": 0,
        "stop_ps": FOREVER_PS,
        "phase_ps": phase_ps,
        "hop_limit": 64,
        "traffic_class": 0,
    }


def run_packets(work, threads=1, least_s=2.0):
    """Run a packet workload until it is steady, then for at least `least_s` of wall time: Measured."""
    engine = PacketEngine(work.n_nodes, flows_from_rows(work.flows), end_ps=FOREVER_PS, threads=threads)
    n_links = len(work.link_from)
    engine.add_links(work.link_from, work.link_to, FOREVER_PS, RATE_BPS // 160)
    engine.install_table(work.table, work.label_of_flow, 0)
    links, zeros = np.arange(n_links), np.zeros(n_links, np.int64)
    delays = zeros + DELAY_PS
    start = zeros + state.CHANGE_START
    engine.begin_step(Step(0, FOREVER_PS, links, delays, delays, zeros, links, start, zeros + RATE_BPS))
    began = time.perf_counter()
    engine.advance(1)
    first_s = time.perf_counter() - began
    until_ms = work.warm_up_ms
    engine.advance(until_ms * PS_PER_MS)
    hops, handled = engine.packet_hops, engine.handled_by_worker
    began = time.perf_counter()
    while (wall_s := time.perf_counter() - began) < least_s:
        until_ms += 20
        engine.advance(until_ms * PS_PER_MS)
    engine.close()
    hops = engine.packet_hops - hops
    handled = engine.handled_by_worker - handled
    in_flight = int(engine.flow_counters().in_flight.sum())
    return Measured(
        work.name,
        f"{work.sizes}; {threads} thread{'' if threads == 1 else 's'}",
        hops / wall_s,
        "packet-hops/s",
        wall_s,
        {
            "threads": threads,
            "first_s": first_s,
            "packet_hops": hops,
            "simulated_s": (until_ms - work.warm_up_ms) / 1e3,
            "thread_balance": float(handled.min() / handled.max()),
            "in_flight": in_flight,
            "bytes_per_packet_in_flight": engine.peak_packet_bytes / in_flight,
        },
    )
