"""Small networks for the policies: with ties, one-way links and nodes without transit; and shipped ones."""

from functools import lru_cache

import numpy as np

from lasermesh.experiments.remembering import link_engine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from tests.reference import routing as reference


def random_network(rng, n_nodes=None, **more):
    """A network of links of 100 to 400 km, most of them both ways; flows between all sorts of nodes."""
    n_nodes = n_nodes or int(rng.integers(4, 12))
    links = []
    for a in range(n_nodes):
        for b in range(a + 1, n_nodes):
            if rng.random() < 4.0 / n_nodes:
                range_m = float(rng.integers(1, 5) * 100_000)
                ways = [(a, b, range_m), (b, a, range_m)]
                links += ways if rng.random() < 0.8 else ways[: int(rng.integers(1, 3))][-1:]
    ids = rng.permutation(2 * len(links))[: len(links)].tolist()
    flows = [tuple(rng.choice(n_nodes, 2, replace=False).tolist()) for _ in range(6)]
    return reference.snapshot_of(n_nodes, links, flows, rng.random(n_nodes) < 0.8, ids, **more)


@lru_cache(maxsize=2)
def _made(topology_name, n_sites):
    topology = load_topology(topology_name)
    ephemeris = build_ephemeris(topology)
    sites = np.flatnonzero(ephemeris.is_ground)[:n_sites]
    ends = [(a, b) for a in sites for b in sites if a != b]
    links = link_engine(topology, ephemeris)
    return SnapshotMaker, topology, ephemeris, ends, links


def shipped(topology_name, t_s, n_sites=4, previous=None, **more):
    """A snapshot of a shipped topology, with flows between all pairs of its first sites."""
    maker, topology, ephemeris, ends, links = _made(topology_name, n_sites)
    flow_from, flow_to = np.array(ends).T
    return maker(topology, ephemeris, flow_from, flow_to, **more).of(links.graph_at(t_s), previous)
