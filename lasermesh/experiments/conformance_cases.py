"""Networks on which routing policies are tried out: random graphs of several kinds, topologies in time."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from lasermesh.contacts.graph import GSL, ISL
from lasermesh.experiments.remembering import link_engine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.routing import Snapshot

GRAPHS_OF_A_KIND = 2
RADIUS_M = 7.0e6  # nodes of random graphs lie on a sphere of this radius
RATE_BPS = 10**9
LINKS_THAT_GO = 0.2  # share of the links that are down from the second snapshot on
INSTANTS_S = (0.0, 60.0, 120.0, 180.0)  # of a topology: some minutes bring hand-overs
MOST_PAIRS = 40  # of a topology
MOST_LOAD = 1.2  # drawn up to here and cut at 1, so that some links are full


class Case(NamedTuple):
    """Successive snapshots of one network; each is to be handed the table of the one before."""

    name: str  # as "one-way links 2"
    snapshots: tuple[Snapshot, ...]


class _Network(NamedTuple):
    """A random graph with its flows, before it is looked at."""

    position_m: np.ndarray  # float64 (n_nodes, 3)
    transit: np.ndarray  # bool (n_nodes,)
    links: list  # (from, to), directed
    flows: list  # (from, to)


def random_cases(seed: int = 0) -> list[Case]:
    """GRAPHS_OF_A_KIND graphs of every kind, of three snapshots each.

    Link ids are no row numbers. From the first snapshot to the second, some links go down and all others
    become longer; the third has the links of the second and tells the load of each.
    """
    cases = []
    for number, (kind, make) in enumerate(_KINDS.items()):
        for graph in range(GRAPHS_OF_A_KIND):
            rng = np.random.default_rng((seed, number, graph))
            cases.append(Case(f"{kind} {graph + 1}", _snapshots_of(make(rng), rng, seed)))
    return cases


def topology_case(topology, seed: int = 0, warn=lambda message: None) -> Case:
    """A topology at INSTANTS_S, and at the last of them once more with loads.

    Up to MOST_PAIRS flows, three of four between ground sites if there are any, the others between any nodes.
    """
    ephemeris = build_ephemeris(topology)
    rng = np.random.default_rng((seed, len(ephemeris.names)))
    sites = np.flatnonzero(ephemeris.is_ground)
    everything = np.arange(len(ephemeris.names))
    between_sites = _some_pairs(sites, MOST_PAIRS * 3 // 4, rng)
    others = _some_pairs(everything, MOST_PAIRS - len(between_sites), rng)
    flows = np.array(sorted({*between_sites, *others}), dtype=np.int32).reshape(-1, 2)
    links = link_engine(topology, ephemeris, None, warn)
    maker = SnapshotMaker(topology, ephemeris, flows[:, 0], flows[:, 1], seed=seed)
    snapshots = [maker.of(links.graph_at(t_s)) for t_s in INSTANTS_S]
    snapshots.append(replace(snapshots[-1], load=_loads(snapshots[-1].n_links, rng)))
    return Case(topology.name, tuple(snapshots))


def _snapshots_of(network, rng, seed):
    """The three snapshots of a random graph."""
    n_links = len(network.links)
    ids = rng.choice(3 * n_links, n_links, replace=False)
    both = {frozenset(link): rng.random() >= LINKS_THAT_GO for link in network.links}
    stays = np.array([both[frozenset(link)] for link in network.links])
    first = _snapshot(network, ids, np.ones(n_links, dtype=bool), 0.0, seed)
    second = _snapshot(network, ids, stays, 1.0, seed)
    return first, second, replace(second, t_s=2.0, load=_loads(second.n_links, rng))


def _snapshot(network, ids, is_up, t_s, seed):
    """A random graph at an instant: nodes move away from the centre, by a hundredth per second."""
    n_nodes = len(network.position_m)
    ends = np.array(network.links, dtype=np.int32)[is_up]
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    from_node, to_node = ends[order].T
    position_m = network.position_m * (1.0 + 0.01 * t_s)
    ends_on_ground = ~network.transit[from_node] | ~network.transit[to_node]
    graph = SimpleNamespace(
        t_s=t_s,
        first=np.searchsorted(from_node, np.arange(n_nodes + 1)),
        from_node=from_node,
        to_node=to_node,
        link=ids[is_up][order],
        range_m=np.linalg.norm(position_m[to_node] - position_m[from_node], axis=1),
        rate_bps=np.full(len(from_node), RATE_BPS),
        kind=np.where(ends_on_ground, GSL, ISL),
    )
    flow_from, flow_to = np.array(network.flows, dtype=np.int32).reshape(-1, 2).T
    return Snapshot.from_graph(
        graph,
        [f"{'n' if transit else 'site-'}{row}" for row, transit in enumerate(network.transit)],
        network.transit,
        None,
        flow_from,
        flow_to,
        is_ground=~network.transit,
        seed=seed,
        positions=partial(_as_it_is, position_m),
    )


def _as_it_is(position_m, t_s):
    return position_m


def _loads(n_links, rng):
    """A load for each link: none on some, full on some."""
    return np.where(rng.random(n_links) < 0.2, 0.0, np.minimum(1.0, rng.uniform(0.0, MOST_LOAD, n_links)))


def _some_pairs(rows, most, rng):
    """Up to so many different ordered pairs of different rows, in order."""
    if len(rows) < 2:
        return []
    n_pairs = len(rows) * (len(rows) - 1)
    chosen = rng.choice(n_pairs, min(most, n_pairs), replace=False)
    first, second = np.divmod(np.sort(chosen), len(rows) - 1)
    second += second >= first  # the first itself is left out
    return list(zip(rows[first].tolist(), rows[second].tolist(), strict=True))


# -- the kinds of random graphs ------------------------------------------------------------------------


def _on_sphere(n_nodes, rng):
    """Random points at RADIUS_M from the centre."""
    points = rng.normal(size=(n_nodes, 3))
    return RADIUS_M * points / np.linalg.norm(points, axis=1)[:, np.newaxis]


def _both_ways(pairs):
    """Links in both directions, each once."""
    return sorted({*pairs, *((b, a) for a, b in pairs)})


def _tree_and_more(rows, n_more, rng):
    """A random tree over some rows, and more links between them: all of them can reach each other."""
    tree = [(int(rows[k]), int(rows[rng.integers(k)])) for k in range(1, len(rows))]
    return _both_ways([*tree, *_some_pairs(rows, n_more, rng)])


def _all_transit(n_nodes, links, flows, rng):
    return _Network(_on_sphere(n_nodes, rng), np.ones(n_nodes, dtype=bool), links, flows)


def _two_nodes(rng):
    return _all_transit(2, [(0, 1), (1, 0)], [(0, 1), (1, 0)], rng)


def _connected(rng):
    rows = np.arange(10)
    return _all_transit(10, _tree_and_more(rows, 8, rng), _some_pairs(rows, 20, rng), rng)


def _disconnected(rng):
    rows = np.arange(12)
    links = _tree_and_more(rows[:6], 4, rng) + _tree_and_more(rows[6:], 4, rng)
    return _all_transit(12, links, _some_pairs(rows, 20, rng), rng)


def _sites(rng):
    """Ground sites with several links each, two of them linked directly: short cuts that nobody may take."""
    n_nodes, sites = 13, np.arange(8, 13)
    links = _tree_and_more(np.arange(8), 5, rng)
    links += _both_ways([(int(site), int(row)) for site in sites for row in rng.choice(8, 3, replace=False)])
    links += [(8, 9), (9, 8)]
    transit = np.arange(n_nodes) < 8
    flows = _some_pairs(sites, 14, rng) + _some_pairs(np.arange(8), 4, rng)
    return _Network(_on_sphere(n_nodes, rng), transit, links, flows)


def _one_way(rng):
    rows = np.arange(9)
    return _all_transit(9, _some_pairs(rows, 26, rng), _some_pairs(rows, 20, rng), rng)


def _parallel(rng):
    """Four paths of exactly the same length between two nodes."""
    position_m = 1e6 * np.array([[-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    links = _both_ways([(end, middle) for end in (0, 1) for middle in range(2, 6)])
    return _Network(
        position_m, np.ones(6, dtype=bool), links, [(0, 1), (1, 0), *_some_pairs(np.arange(6), 8, rng)]
    )


def _lattice(rng):
    """Three rows of four nodes, all links of one length: as many ties as there can be."""
    row, column = np.divmod(np.arange(12), 4)
    position_m = 1e6 * np.stack([row, column, np.ones(12)], axis=1)
    pairs = [(n, n + 1) for n in range(12) if n % 4 < 3] + [(n, n + 4) for n in range(8)]
    return _Network(
        position_m, np.ones(12, dtype=bool), _both_ways(pairs), _some_pairs(np.arange(12), 20, rng)
    )


def _neighbours(rng):
    """Flows between ends that are adjacent, and no others."""
    links = _tree_and_more(np.arange(9), 5, rng)
    return _all_transit(9, links, links, rng)


def _one_destination(rng):
    """All flows go to one node, and there are two of each."""
    flows = [(row, 0) for row in range(1, 9)]
    return _all_transit(9, _tree_and_more(np.arange(9), 6, rng), flows + flows, rng)


def _no_flows(rng):
    return _all_transit(6, _tree_and_more(np.arange(6), 3, rng), [], rng)


_KINDS = {
    "two nodes": _two_nodes,
    "connected": _connected,
    "disconnected": _disconnected,
    "sites without transit": _sites,
    "one-way links": _one_way,
    "parallel paths": _parallel,
    "lattice": _lattice,
    "adjacent ends": _neighbours,
    "one destination": _one_destination,
    "no flows": _no_flows,
}
