"""Routes and trees over contact plans, beside searches whose vertices are contacts.

    python bench/dtn.py [--only mesh|small|random|profile] [--calls 40] [--seed 1] [--json]

"mesh": 1,584 satellites (+grid) and 100 cities at 25 degrees, the contacts of an hour; trees from random
nodes, pairs of random cities, all nodes as sources. "small": 24 satellites that carry data for 6 sites, the
contacts of 16 hours, random pairs. "random": 30 nodes and 2,000 contacts at random times of an hour, the kind
of plan of the published figures below. "profile": a day of five satellites above 27 stations, and of
walker-144, as arrival at the ground for every instant of departure, by one search backwards, beside a route
of ours for each minute, which must arrive when the profile says. Times are per search, those of the wall: run
it on an idle machine. Pairs are best routes by all four keys of CCSDS 734.3-B-1 (arrival, contacts,
termination, entry node); the peers, written in plain Python in `bench/peers/contact_search.py`, find arrivals
alone, which are compared with ours.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.peers.contact_search import NEVER, Contact, ContactSearch

HOUR_S = 3600.0
DAY_S = 86_400.0
MINUTE_S = 60.0
# Each with two terminals: with one it would meet the same neighbour all day.
COURIERS = ("satellites[0].planes=6", "satellites[0].terminals[0].count=2")
COURIERS_S = 16 * HOUR_S
PROFILED = ("eo-passes", "walker-144")
PUBLISHED = """\
Measured for this project before it began, on another machine of 2 cores (one tree, or one path*), in ms:
                                        A-SABR node / hybrid / contact   HDTN* CMR / default   pyCGR*
30 nodes, 2,000 contacts                                    -            0.86 / 1.36           5.5
1,684 nodes, 39,190 contacts (LEO mesh)       57 / 160 / 157             57-87 / 560-1,250     -"""


def mesh_graph():
    """The contact graph of an hour of a mesh and its cities, and what was done to get it."""
    from lasermesh.contacts import contact_plan, transit_of
    from lasermesh.dtn import graph_of
    from lasermesh.experiments.workloads import mesh_topology
    from lasermesh.orbits import build_ephemeris

    topology = mesh_topology()
    plan = contact_plan(topology, build_ephemeris(topology), 0.0, HOUR_S)
    transit = transit_of(topology)
    return graph_of(plan, len(transit), transit)


def couriers_graph():
    """The contact graph of the shipped couriers, twice as many: some 2,000 contacts."""
    from lasermesh.dtn.building import graph_of_topology
    from lasermesh.scenario import load_topology
    from lasermesh.shipped import find_topology

    topology = load_topology(find_topology("courier-satellites"), COURIERS)
    return graph_of_topology(topology, 0.0, COURIERS_S, exact_light_times=False)[0]


def random_graph(seed):
    """The contact graph of 2,000 contacts of 5 to 60 s among 30 nodes within an hour."""
    from lasermesh.contacts.plan_table import contact_plan_of
    from lasermesh.dtn import graph_of

    rng = np.random.default_rng(seed)
    n_nodes, n_contacts = 30, 2000
    sender = rng.integers(0, n_nodes, n_contacts)
    receiver = (sender + rng.integers(1, n_nodes, n_contacts)) % n_nodes
    start_s = rng.uniform(0.0, HOUR_S, n_contacts)
    stop_s = start_s + rng.uniform(5.0, 60.0, n_contacts)
    rate_bps, owlt_s = np.full(n_contacts, 10**6), rng.uniform(0.001, 0.1, n_contacts)
    no = np.zeros(n_contacts, bool)
    plan = contact_plan_of(sender, receiver, no, start_s, stop_s, rate_bps, owlt_s, no, no)
    return graph_of(plan, n_nodes)


def random_pairs(rng, nodes, count, until_ns):
    """Source, destination and instant of so many searches."""
    pairs = [rng.choice(nodes, 2, replace=False).tolist() for _ in range(count)]
    instants = rng.integers(0, until_ns, count).tolist()
    return [(*pair, instant) for pair, instant in zip(pairs, instants, strict=True)]


def measure(name, job, inputs, searches=1):
    """A row of the table: the first call (that compiles or loads kernels) apart, then all inputs in turn."""
    began = time.perf_counter()
    job(*inputs[0])
    first_s = time.perf_counter() - began
    walls_s, found = [], []
    for each in inputs:
        began = time.perf_counter()
        found.append(job(*each))
        walls_s.append((time.perf_counter() - began) / searches)
    row = {"name": name, "first_s": first_s, "median_us": statistics.median(walls_s) * 1e6}
    return row | {"least_us": min(walls_s) * 1e6, "searches": len(walls_s) * searches}, found


def peer_of(graph):
    """What searches the same plan contact by contact."""
    columns = (graph.contact_from, graph.contact_to, graph.contact_start_ns, graph.contact_stop_ns)
    rows = zip(*(column.tolist() for column in (*columns, graph.contact_owlt_ns)), strict=True)
    return ContactSearch([Contact(*row) for row in rows], graph.transit.tolist())


def compare_pairs(graph, pairs, peer_calls, scans):
    """Rows of best routes and of the peers' arrivals, which must be the same."""
    from lasermesh.dtn import best_route

    peer = peer_of(graph)
    row, routes = measure("best route", lambda *asked: best_route(graph, *asked), pairs)
    row["hops_mean"] = statistics.mean(len(route.hops) for route in routes if route is not None)
    ours_ns = [NEVER if route is None else route.arrival_ns for route in routes]
    jobs = [("contacts on a heap, Python", lambda a, b, t: peer.by_heap(a, t, b).get(b, NEVER), peer_calls)]
    jobs += [("least of all contacts, Python", lambda a, b, t: peer.by_scan(a, t, b), scans)] if scans else []
    rows = [row]
    for name, job, calls in jobs:
        row, theirs_ns = measure(name, job, pairs[:calls])
        assert theirs_ns == ours_ns[:calls], f"{name}: other arrivals than ours"
        rows.append(row)
    return rows


def compare_trees(graph, sources, at_ns, peer_calls):
    """Rows of trees from one source after the other."""
    from lasermesh.dtn import arrival_tree, arrivals
    from lasermesh.units import NEVER as NOT_REACHED

    asked = [(source, at_ns) for source in sources]
    tree_row, trees = measure("tree with hops", lambda *each: arrival_tree(graph, *each), asked)
    row, found = measure("tree, arrivals alone", lambda *each: arrivals(graph, *each), asked)
    peer = peer_of(graph)
    peer_row, theirs = measure("contacts on a heap, Python", peer.by_heap, asked[:peer_calls])
    for tree, ours_ns in zip(trees, found, strict=True):
        assert (tree.arrival_ns == ours_ns).all()
    for ours_ns, reached in zip(found, theirs, strict=False):
        assert reached == {node: ns for node, ns in enumerate(ours_ns.tolist()) if ns != NOT_REACHED}
    return [row, tree_row, peer_row]


def all_sources(graph, threads):
    """A row of trees from all nodes at once."""
    from lasermesh.dtn import arrivals

    def job():
        return arrivals(graph, np.arange(graph.n_nodes), 0, threads=threads)

    return measure(f"all sources, {threads} thread{'s' * (threads > 1)}", job, [()] * 3, graph.n_nodes)[0]


def run_mesh(calls, seed):
    """The workload on a mesh."""
    rng = np.random.default_rng(seed)
    graph = mesh_graph()
    sources = rng.choice(graph.n_nodes, calls).tolist()
    pairs = random_pairs(rng, np.flatnonzero(~graph.transit), calls, int(0.5e9 * HOUR_S))
    rows = compare_trees(graph, sources, 0, 2)
    rows += [all_sources(graph, 1), all_sources(graph, 2)]
    return {"workload": "mesh", "sizes": sizes_of(graph), "rows": rows + compare_pairs(graph, pairs, 4, 0)}


def run_small(calls, seed):
    """The workload on few nodes, with contacts from orbits."""
    return {"workload": "small"} | few_nodes(couriers_graph(), COURIERS_S, calls, seed)


def run_random(calls, seed):
    """The workload on few nodes, with random contacts."""
    return {"workload": "random"} | few_nodes(random_graph(seed), HOUR_S, calls, seed)


def few_nodes(graph, lasts_s, calls, seed):
    """Sizes and rows of a plan of few nodes; searches begin in its first half."""
    rng = np.random.default_rng(seed)
    pairs = random_pairs(rng, np.arange(graph.n_nodes), 10 * calls, int(0.5e9 * lasts_s))
    rows = compare_trees(graph, rng.choice(graph.n_nodes, calls).tolist(), 0, 10)
    return {"sizes": sizes_of(graph), "rows": rows + compare_pairs(graph, pairs, 40, 10)}


def run_profile(calls, seed):
    """The workload of a day's arrivals: from one satellite and from all nodes, to whichever station is first.

    Nothing in it is random.
    """
    from lasermesh.dtn.building import graph_of_topology
    from lasermesh.scenario import load_topology
    from lasermesh.shipped import find_topology

    rows, sizes = [], {}
    for name in PROFILED:
        topology = load_topology(find_topology(name))
        graph, _ = graph_of_topology(topology, 0.0, DAY_S, exact_light_times=False)
        sizes[name] = sizes_of(graph)
        rows += profile_rows(name, graph, range(topology.n_satellites, graph.n_nodes), min(calls, 10))
    return {"workload": "profile", "sizes": sizes, "rows": rows}


def profile_rows(name, graph, stations, calls):
    """Rows of one plan; the routes by the minute go to one station, so that they are comparable."""
    from lasermesh.dtn import best_route, profile_to
    from lasermesh.dtn.graph import NS_PER_S
    from lasermesh.units import NEVER as NOT_REACHED

    until_ns = int(DAY_S * NS_PER_S)
    instants = np.arange(0, until_ns, int(MINUTE_S * NS_PER_S))

    def day(destinations, sources=None):
        return profile_to(graph, destinations, 0, until_ns, sources=sources)

    def by_minute():
        routes = [best_route(graph, 0, stations[0], at_ns) for at_ns in instants.tolist()]
        return [NOT_REACHED if route is None else route.arrival_ns for route in routes]

    cases = {
        "one satellite, all stations": (list(stations), 0),
        "all nodes, all stations": (list(stations),),
        "one satellite, one station": (stations[0], 0),
    }
    rows, profile = [], None
    for what, asked in cases.items():
        row, found = measure(f"{name}: {what}", day, [asked] * calls)
        profile = found[-1]
        rows.append(row)
    row, found = measure(f"{name}: the same by the minute", by_minute, [()])
    assert found[0] == profile.arrival_ns(0, instants).tolist(), "routes arrive when the profile does not say"
    return [*rows, row]


def sizes_of(graph):
    """How large a graph is."""
    return {"nodes": graph.n_nodes, "contacts": graph.n_contacts, "pairs_with_contacts": len(graph.edge_to)}


WORKLOADS = {"mesh": run_mesh, "small": run_small, "random": run_random, "profile": run_profile}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=WORKLOADS, help="one workload")
    parser.add_argument(
        "--calls", type=int, default=40, help="trees and pairs; ten times as many small pairs (40)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": f"Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}",
        "command": "python bench/dtn.py " + " ".join(sys.argv[1:]),
        "workloads": [
            run(arguments.calls, arguments.seed)
            for name, run in WORKLOADS.items()
            if arguments.only in (None, name)
        ],
        "published": PUBLISHED,
    }
    if arguments.json:
        print(json.dumps(report))
        return
    for key in ("machine", "versions", "command"):
        print(f"{key}: {report[key]}")
    for workload in report["workloads"]:
        print(f"\n{workload['workload']}: {workload['sizes']}")
        print(f"{'us per search':40} {'first ms':>9} {'median':>10} {'least':>10} {'searches':>9}")
        for row in workload["rows"]:
            times = f"{row['median_us']:10.1f} {row['least_us']:10.1f}"
            print(f"{row['name']:40} {row['first_s'] * 1e3:9.2f} {times} {row['searches']:9}")
    print("\n" + PUBLISHED)


if __name__ == "__main__":
    main()
