"""Next hops at successive seconds, repaired and anew, beside what one would write by hand.

    python bench/routing.py [--steps 60] [--only 1584|10000|all-pairs] [--json]

To 100 sites from 1,584 and from 10,000 satellites, and from each of 1,584 satellites to all others. Ours are
whole forwarding tables, checked; at every step the repaired trees are compared with those grown anew, bit for
bit. Peers get the same links in the form they like best, built outside the clock, and every site as two
nodes, one that sends and one that receives, so that nobody relays. Their answers are compared with ours.
Times are those of the wall: run it on an idle machine.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

AGREEMENT = 1e-12  # relative difference of delays: peers may add them in another order


def measure(job, inputs):
    """What a job returns for the last of its inputs, and its times for the first and for the others, in s."""
    walls_s = []
    for each in inputs:
        began = time.perf_counter()
        result = job(each)
        walls_s.append(time.perf_counter() - began)
    return result, walls_s[0], walls_s[1:] or walls_s


def reversed_links(snapshot):
    """Links turned round: (from, to, delay_s, number of nodes); site n receives as node n + n_nodes."""
    n_nodes = snapshot.n_nodes
    receiver = np.where(snapshot.transit, np.arange(n_nodes), np.arange(n_nodes) + n_nodes)
    return receiver[snapshot.to_node], snapshot.from_node, snapshot.delay_s, 2 * n_nodes


def scipy_job(snapshot):
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    start, end, delay_s, n_nodes = reversed_links(snapshot)
    matrix = csr_matrix((delay_s, (start, end)), shape=(n_nodes, n_nodes))
    sources = receivers(snapshot)
    return lambda: dijkstra(matrix, indices=sources, return_predecessors=True)[0][:, : snapshot.n_nodes]


def networkx_job(snapshot):
    import networkx

    start, end, delay_s, n_nodes = reversed_links(snapshot)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(n_nodes))
    graph.add_weighted_edges_from(zip(start.tolist(), end.tolist(), delay_s.tolist(), strict=True))
    sources = receivers(snapshot).tolist()

    def job():
        found = [networkx.dijkstra_predecessor_and_distance(graph, source)[1] for source in sources]
        return [[delays.get(node, np.inf) for node in range(snapshot.n_nodes)] for delays in found]

    return job


def rustworkx_job(snapshot):
    import rustworkx

    start, end, delay_s, n_nodes = reversed_links(snapshot)
    graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(n_nodes))
    graph.add_edges_from(list(zip(start.tolist(), end.tolist(), delay_s.tolist(), strict=True)))
    sources = receivers(snapshot).tolist()

    find = rustworkx.digraph_dijkstra_shortest_paths
    return lambda: [find(graph, source, weight_fn=float) for source in sources]


PEERS = (("scipy", scipy_job, True), ("rustworkx", rustworkx_job, False), ("networkx", networkx_job, True))
"""Name, what makes a job of a snapshot, and whether the job returns delays that can be compared."""


def receivers(snapshot):
    """Where trees start in the links turned round: the nodes as which the destinations receive."""
    of_sites = np.where(snapshot.transit, 0, snapshot.n_nodes)
    return snapshot.destinations + of_sites[snapshot.destinations]


def check_repair(snapshots):
    """Stop unless the repaired trees of every step are those grown anew, bit for bit; the share repaired."""
    from lasermesh.routing import TreeMemory, trees_towards

    memory = TreeMemory()
    for snapshot in snapshots:
        repaired = trees_towards(replace(snapshot, memory=memory))
        anew = trees_towards(replace(snapshot, memory=None))
        np.testing.assert_array_equal(repaired.link, anew.link)
        np.testing.assert_array_equal(repaired.delay_s, anew.delay_s)
    return memory.repaired / (memory.repaired + memory.grown)


def check_against(snapshot, delays_s):
    """Stop unless a peer found the same delays."""
    from lasermesh.routing import trees_towards

    ours_s = trees_towards(snapshot).delay_s[:, snapshot.transit]
    np.testing.assert_allclose(ours_s, np.asarray(delays_s)[:, snapshot.transit], rtol=AGREEMENT)


def compare(name, snapshots, peer_calls):
    """All programs on one workload; the first row is ours, which ratios refer to."""
    from lasermesh.routing import compute_table

    def table_of(policy):
        return lambda snapshot: compute_table(policy, snapshot)

    anew = [replace(snapshot, memory=None) for snapshot in snapshots]
    jobs = [
        ("lasermesh repaired", table_of("shortest-delay"), snapshots, False),
        ("lasermesh anew", table_of("shortest-delay"), anew, False),
        ("lasermesh fewest-hops", table_of("fewest-hops"), anew, False),
    ]
    for peer, make, comparable in PEERS:
        try:
            made = make(snapshots[-1])
            title = f"{peer} {version(peer)}"
            jobs.append((title, lambda _, job=made: job(), [None] * peer_calls[peer], comparable))
        except ImportError:
            print(f"{peer} is not installed: left out", file=sys.stderr)
    share_repaired = check_repair(snapshots)
    rows = []
    for title, job, inputs, comparable in jobs:
        result, first_s, walls_s = measure(job, inputs)
        if comparable:
            check_against(anew[-1], result)
        median_s = statistics.median(walls_s)
        rows.append({"name": title, "first_s": first_s, "median_s": median_s, "least_s": min(walls_s)})
        rows[-1] |= {"calls": len(walls_s), "ratio": median_s / rows[0]["median_s"]}
    snapshot = snapshots[0]
    return {
        "workload": name,
        "sizes": {
            "satellites": int(snapshot.transit.sum()),
            "sites": int((~snapshot.transit).sum()),
            "links": snapshot.n_links,
            "destinations": len(snapshot.destinations),
            "steps_of_1_s": len(snapshots),
        },
        "share_repaired": share_repaired,
        "rows": rows,
    }


def workloads_of(only, steps):
    """Name, maker of snapshots and calls of the peers of each workload."""
    from lasermesh.experiments.workloads import LARGE_MESH, MESH, successive_snapshots
    from lasermesh.scenario import load_topology

    few = max(2, steps // 3)
    found = {
        "1584": (
            lambda: successive_snapshots(load_topology(*MESH), steps),
            {"scipy": 8, "rustworkx": 4, "networkx": 3},
        ),
        "10000": (
            lambda: successive_snapshots(load_topology(*LARGE_MESH), few),
            {"scipy": 4, "rustworkx": 2, "networkx": 1},
        ),
        "all-pairs": (
            lambda: successive_snapshots(load_topology(*MESH), few, to_satellites=True),
            {"scipy": 3, "rustworkx": 1, "networkx": 1},
        ),
    }
    return {name: found[name] for name in found if only in (None, name)}


def compile_s():
    """Time until all kernels are compiled, or loaded from the cache."""
    from lasermesh.experiments.workloads import MESH, successive_snapshots
    from lasermesh.routing import compute_table
    from lasermesh.scenario import load_topology

    snapshots = successive_snapshots(load_topology(*MESH), 2)
    began = time.perf_counter()
    for snapshot in snapshots:
        for policy in ("shortest-delay", "fewest-hops"):
            compute_table(policy, snapshot)
            compute_table(policy, replace(snapshot, memory=None))
    return time.perf_counter() - began


def run_all(only, steps):
    """The report on all workloads."""
    return {
        "compile_s": compile_s(),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": f"Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}",
        "command": "python bench/routing.py " + " ".join(sys.argv[1:]),
        "workloads": [
            compare(name, make(), calls) for name, (make, calls) in workloads_of(only, steps).items()
        ],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=60, help="steps of 1 s; a third for the large ones (60)")
    parser.add_argument("--only", choices=("1584", "10000", "all-pairs"), help="one workload")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = run_all(arguments.only, max(2, arguments.steps))
    if arguments.json:
        print(json.dumps(report))
        return
    for key in ("machine", "versions", "command", "compile_s"):
        print(f"{key}: {report[key]}")
    for workload in report["workloads"]:
        print(f"\n{workload['workload']}: {workload['sizes']}, {workload['share_repaired']:.1%} repaired")
        print(f"{'':26} {'first ms':>9} {'median ms':>10} {'least ms':>9} {'calls':>6} {'ratio':>7}")
        for row in workload["rows"]:
            times = f"{row['first_s'] * 1e3:9.2f} {row['median_s'] * 1e3:10.2f} {row['least_s'] * 1e3:9.2f}"
            print(f"{row['name']:26} {times} {row['calls']:6} {row['ratio']:7.1f}")


if __name__ == "__main__":
    main()
