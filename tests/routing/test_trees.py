"""Shortest-path trees against networkx, on random small networks and by pencil."""

import numpy as np
import pytest

from lasermesh.routing import (
    compute_table,
    follow,
    repair_kernels,
    table_kernels,
    tree_kernels,
    trees,
    trees_towards,
)
from tests.reference import routing as reference

LENGTHS = {
    "like a mesh": lambda rng, n: rng.uniform(500e3, 4000e3, n),
    "ties": lambda rng, n: rng.integers(1, 4, n) * 1e6,
    "ties over many widths": lambda rng, n: rng.integers(1, 60, n) * 1e5,
    "some without length": lambda rng, n: rng.integers(0, 3, n) * 1e6,
    "all without length": lambda rng, n: np.zeros(n),
    "metres to megametres": lambda rng, n: 10.0 ** rng.uniform(0, 8, n),
    "too short to show in a sum": lambda rng, n: np.where(
        rng.random(n) < 0.4, 1e-12, rng.integers(1, 3, n) * 1e6
    ),
}


def random_snapshot(rng, lengths, n_nodes=None):
    """A random network, sparse or dense, some nodes without transit, link ids in random order with gaps."""
    n_nodes = n_nodes or int(rng.integers(2, 14))
    pairs = [(a, b) for a in range(n_nodes) for b in range(n_nodes) if a != b]
    n_links = int(rng.integers(0, min(len(pairs), 4 * n_nodes) + 1))
    chosen = rng.permutation(len(pairs))[:n_links]
    range_m = LENGTHS[lengths](rng, n_links)
    links = [(*pairs[pair], length) for pair, length in zip(chosen, range_m, strict=True)]
    ids = rng.permutation(2 * n_links)[:n_links].tolist()
    flows = [pairs[pair] for pair in rng.integers(0, len(pairs), 6)]
    return reference.snapshot_of(n_nodes, links, flows, rng.random(n_nodes) < 0.7, ids)


def assert_shortest(snapshot):
    result = trees_towards(snapshot)
    for label, destination in enumerate(snapshot.destinations.tolist()):
        delay_s = np.full(snapshot.n_nodes, np.inf)
        for node, total_s in reference.shortest_delays(snapshot, destination).items():
            delay_s[node] = total_s
        np.testing.assert_array_equal(result.delay_s[label], delay_s)
        link = np.full(snapshot.n_nodes, -1)
        for node, chosen in reference.shortest_links(snapshot, destination).items():
            link[node] = chosen
        np.testing.assert_array_equal(result.link[:, label], link)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_shortest_delay_agrees_exactly_with_networkx(lengths):
    rng = np.random.default_rng(7)
    for _ in range(40):
        assert_shortest(random_snapshot(rng, lengths))


@pytest.mark.parametrize("lengths", LENGTHS)
def test_fewest_hops_agrees_exactly_with_networkx(lengths):
    rng = np.random.default_rng(11)
    for _ in range(40):
        snapshot = random_snapshot(rng, lengths)
        result = trees_towards(snapshot, by_hops=True)
        for label, destination in enumerate(snapshot.destinations.tolist()):
            chosen, best = reference.fewest_hops_links(snapshot, destination)
            for node in range(snapshot.n_nodes):
                assert result.link[node, label] == chosen.get(node, -1)
                assert result.delay_s[label, node] == best.get(node, (0, np.inf))[1]


def grid_snapshot(n_planes, n_slots, n_sites, seed):
    """A torus of satellites with uneven lengths, and sites each linked to six of them."""
    rng = np.random.default_rng(seed)
    n_satellites = n_planes * n_slots
    links = []
    for plane in range(n_planes):
        for slot in range(n_slots):
            here = plane * n_slots + slot
            for there in (plane * n_slots + (slot + 1) % n_slots, (plane + 1) % n_planes * n_slots + slot):
                length = rng.uniform(500e3, 2000e3)
                links += [(here, there, length), (there, here, length)]
    for site in range(n_satellites, n_satellites + n_sites):
        for satellite in rng.permutation(n_satellites)[:6].tolist():
            length = rng.uniform(550e3, 1100e3)
            links += [(site, satellite, length), (satellite, site, length)]
    flows = [(n_satellites + a, n_satellites + b) for a in range(n_sites) for b in range(n_sites) if a != b]
    transit = np.arange(n_satellites + n_sites) < n_satellites
    return reference.snapshot_of(n_satellites + n_sites, links, flows, transit)


def test_a_torus_with_sites_agrees_with_networkx():
    assert_shortest(grid_snapshot(8, 7, 4, seed=3))


@pytest.mark.parametrize("by_hops", [False, True])
def test_workers_do_not_change_a_tree(by_hops, monkeypatch):
    snapshot = grid_snapshot(6, 5, 5, seed=5)
    monkeypatch.setattr(trees, "LINKS_WORTH_TWO_WORKERS", 10**9)
    alone = trees_towards(snapshot, by_hops)
    monkeypatch.setattr(trees, "LINKS_WORTH_TWO_WORKERS", 0)
    shared = trees_towards(snapshot, by_hops)
    np.testing.assert_array_equal(alone.link, shared.link)
    np.testing.assert_array_equal(alone.delay_s, shared.delay_s)


def test_heap_and_buckets_give_the_same_tree(monkeypatch):
    snapshot = grid_snapshot(6, 5, 4, seed=9)
    by_buckets = trees_towards(snapshot)
    monkeypatch.setattr(trees, "GREATEST_LENGTH_RATIO", 0.0)
    by_heap = trees_towards(snapshot)
    np.testing.assert_array_equal(by_buckets.link, by_heap.link)
    np.testing.assert_array_equal(by_buckets.delay_s, by_heap.delay_s)


def test_the_graph_of_networkx_gives_the_same_paths():
    snapshot = grid_snapshot(6, 5, 3, seed=2)
    import networkx

    table, _ = compute_table("shortest-delay", snapshot)
    for start, end in zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True):
        graph = snapshot.to_networkx(towards=end)
        path = networkx.shortest_path(graph, f"n{start}", f"n{end}", weight="delay_s")
        assert [f"n{row}" for row in follow(snapshot, table, (start, end))] == path


MEGAMETRE = 1e6


def both_ways(*links):
    return [link for a, b, length in links for link in ((a, b, length), (b, a, length))]


def test_no_path_leads_through_a_node_without_transit():
    # 0 - 1 - 2 is short but 1 carries nothing for others; 0 - 3 - 2 is long.
    links = both_ways((0, 1, 1.0), (1, 2, 1.0), (0, 3, MEGAMETRE), (3, 2, MEGAMETRE))
    transit = [True, False, True, True]
    snapshot = reference.snapshot_of(4, links, [(0, 2), (1, 2), (0, 1)], transit)
    for policy in ("shortest-delay", "fewest-hops"):
        table, report = compute_table(policy, snapshot)
        assert follow(snapshot, table, (0, 2)) == [0, 3, 2]
        assert follow(snapshot, table, (1, 2)) == [1, 2]  # such a node may be a path's first node
        assert follow(snapshot, table, (0, 1)) == [0, 1]  # or its last
        assert len(report.dead_end_flows) == len(report.looping_flows) == 0


def test_two_sites_without_transit_may_be_linked_directly():
    snapshot = reference.snapshot_of(2, [(0, 1, 5.0)], [(0, 1), (1, 0)], [False, False])
    for policy in ("shortest-delay", "fewest-hops"):
        table, report = compute_table(policy, snapshot)
        assert follow(snapshot, table, 0) == [0, 1]
        assert follow(snapshot, table, 1) == []
        assert report.dead_end_flows.tolist() == [1]


def test_what_cannot_be_reached_has_no_link():
    snapshot = reference.snapshot_of(4, [(0, 1, 1.0), (2, 3, 1.0)], [(0, 3), (1, 0)])
    result = trees_towards(snapshot)
    assert snapshot.destinations.tolist() == [0, 3]
    assert result.link.tolist() == [[-1, -1], [-1, -1], [-1, 1], [-1, -1]]
    assert result.delay_s[0].tolist() == [0.0, np.inf, np.inf, np.inf]


def test_a_network_without_links_or_flows_is_no_error():
    for flows in ([], [(0, 1)]):
        snapshot = reference.snapshot_of(2, [], flows)
        for policy in ("shortest-delay", "fewest-hops"):
            table, report = compute_table(policy, snapshot)
            assert table.link.shape == (2, len(flows), 1)
            assert report.dead_end_flows.tolist() == list(range(len(flows)))


def test_of_equal_paths_the_lowest_link_id_is_taken():
    links = [(0, 1, MEGAMETRE), (0, 2, MEGAMETRE), (1, 3, MEGAMETRE), (2, 3, MEGAMETRE)]
    for ids, onward in (([4, 3, 2, 1], 2), ([1, 2, 3, 4], 1)):
        snapshot = reference.snapshot_of(4, links, [(0, 3)], ids=ids)
        for policy in ("shortest-delay", "fewest-hops"):
            table, _ = compute_table(policy, snapshot)
            assert follow(snapshot, table, 0) == [0, onward, 3]


def test_fewest_hops_prefers_few_long_links_and_then_the_shorter_ones():
    links = [(0, 1, 1.0), (1, 2, 1.0), (2, 5, 1.0), (0, 3, 9e6), (3, 5, 9e6), (0, 4, 8e6), (4, 5, 9e6)]
    snapshot = reference.snapshot_of(6, links, [(0, 5)])
    assert follow(snapshot, compute_table("fewest-hops", snapshot)[0], 0) == [0, 4, 5]
    assert follow(snapshot, compute_table("shortest-delay", snapshot)[0], 0) == [0, 1, 2, 5]


def test_links_without_length_do_not_lead_in_a_circle():
    # Lowest ids alone would send 1 to 2 and 2 to 1 for ever; only 3 has a link to the destination.
    links = [(1, 2, 0.0), (2, 1, 0.0), (2, 3, 0.0), (3, 0, MEGAMETRE)]
    snapshot = reference.snapshot_of(4, links, [(1, 0)], ids=[0, 1, 2, 3])
    table, report = compute_table("shortest-delay", snapshot)
    assert follow(snapshot, table, 0) == [1, 2, 3, 0]
    assert len(report.looping_flows) == 0


@pytest.mark.compiled_only
def test_each_kernel_is_compiled_once():
    for n_nodes in (5, 9):
        snapshot = random_snapshot(np.random.default_rng(1), "like a mesh", n_nodes)
        for policy in ("shortest-delay", "fewest-hops"):
            table, _ = compute_table(policy, snapshot)
            follow(snapshot, table, 0)
    for module in (tree_kernels, repair_kernels, table_kernels):
        for name, kernel in vars(module).items():
            if hasattr(kernel, "signatures"):
                assert len(kernel.signatures) <= 1, name
