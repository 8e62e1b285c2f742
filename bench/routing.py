"""Next hops to 100 destinations on 1,584 satellites and 100 sites, beside what one would write by hand.

    python bench/routing.py [--repeat 20] [--json]

Peers get the same links in the form they like best, built outside the clock, and every site as two nodes,
one that sends and one that receives, so that nobody relays. Their answers are compared with ours.
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

AGREEMENT = 1e-12  # relative difference of delays: peers may add them in another order


def measure(job, repeat):
    """What a job returns, the time of its first call, median and least of `repeat` more, all in s."""
    walls_s = []
    for _ in range(1 + repeat):
        began = time.perf_counter()
        result = job()
        walls_s.append(time.perf_counter() - began)
    return result, walls_s[0], statistics.median(walls_s[1:]), min(walls_s[1:])


def reversed_links(snapshot):
    """Links turned round: (from, to, delay_s, number of nodes); site n receives as node n + n_nodes."""
    n_nodes = snapshot.n_nodes
    receiver = np.where(snapshot.transit, np.arange(n_nodes), np.arange(n_nodes) + n_nodes)
    return receiver[snapshot.to_node], snapshot.from_node, snapshot.delay_s, 2 * n_nodes


def lasermesh_job(snapshot, policy):
    from lasermesh.routing import compute_table

    return lambda: compute_table(policy, snapshot)


def scipy_job(snapshot):
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    start, end, delay_s, n_nodes = reversed_links(snapshot)
    matrix = csr_matrix((delay_s, (start, end)), shape=(n_nodes, n_nodes))
    sources = snapshot.destinations + snapshot.n_nodes

    def job():
        delays_s, _ = dijkstra(matrix, indices=sources, return_predecessors=True)
        return delays_s[:, : snapshot.n_nodes]

    return job


def networkx_job(snapshot):
    import networkx

    start, end, delay_s, n_nodes = reversed_links(snapshot)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(n_nodes))
    graph.add_weighted_edges_from(zip(start.tolist(), end.tolist(), delay_s.tolist(), strict=True))
    sources = (snapshot.destinations + snapshot.n_nodes).tolist()

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
    sources = (snapshot.destinations + snapshot.n_nodes).tolist()

    find = rustworkx.digraph_dijkstra_shortest_paths
    return lambda: [find(graph, source, weight_fn=float) for source in sources]


def check_against(snapshot, delays_s):
    """Stop unless a peer found the same delays."""
    from lasermesh.routing import trees_towards

    ours_s = trees_towards(snapshot).delay_s[:, snapshot.transit]
    np.testing.assert_allclose(ours_s, np.asarray(delays_s)[:, snapshot.transit], rtol=AGREEMENT)


def run_all(repeat):
    """Every job's times as rows of the report; the first row is ours, which ratios refer to."""
    from lasermesh.experiments.workloads import mesh_snapshot

    snapshot = mesh_snapshot()
    jobs = [
        ("lasermesh shortest-delay", lasermesh_job(snapshot, "shortest-delay"), repeat, False),
        ("lasermesh fewest-hops", lasermesh_job(snapshot, "fewest-hops"), repeat, False),
    ]
    peers = [
        ("scipy", scipy_job, 7, True),
        ("rustworkx", rustworkx_job, 3, False),
        ("networkx", networkx_job, 3, True),
    ]
    for name, make, times, comparable in peers:
        try:
            jobs.append((f"{name} {version(name)}", make(snapshot), times, comparable))
        except ImportError:
            print(f"{name} is not installed: left out", file=sys.stderr)
    rows = []
    for name, job, times, comparable in jobs:
        result, first_s, median_s, least_s = measure(job, times)
        if comparable:
            check_against(snapshot, result)
        rows.append(
            {"name": name, "first_s": first_s, "median_s": median_s, "least_s": least_s, "calls": times}
        )
    for row in rows:
        row["ratio"] = row["median_s"] / rows[0]["median_s"]
    return {
        "workload": "next hops to all destinations, tables checked",
        "sizes": {
            "satellites": int(snapshot.transit.sum()),
            "sites": int((~snapshot.transit).sum()),
            "links": snapshot.n_links,
            "destinations": len(snapshot.destinations),
        },
        "seed": None,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": f"Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}",
        "command": "python bench/routing.py " + " ".join(sys.argv[1:]),
        "rows": rows,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=20, help="warm calls of lasermesh (20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = run_all(max(1, arguments.repeat))
    if arguments.json:
        print(json.dumps(report))
        return
    for key in ("workload", "sizes", "seed", "machine", "versions", "command"):
        print(f"{key}: {report[key]}")
    print(f"\n{'':26} {'first ms':>9} {'median ms':>10} {'least ms':>9} {'calls':>6} {'ratio':>7}")
    for row in report["rows"]:
        times = f"{row['first_s'] * 1e3:9.2f} {row['median_s'] * 1e3:10.2f} {row['least_s'] * 1e3:9.2f}"
        print(f"{row['name']:26} {times} {row['calls']:6} {row['ratio']:7.1f}")


if __name__ == "__main__":
    main()
