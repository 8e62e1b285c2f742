"""Several next hops and several paths: `ecmp`, `k-disjoint` and `k-shortest` against networkx."""

import itertools

import numpy as np
import pytest

from lasermesh.routing import compute_table
from tests.reference import policies as reference
from tests.reference.routing import outcomes, snapshot_of
from tests.routing.networks import random_network, shipped

SAME_SUM = 1e-12  # sums of a dozen float64 numbers in another order


def assert_arrives(snapshot, table, report):
    """What has a path arrives, whatever the choices; nothing goes in circles."""
    dead_ends = []
    for flow, (start, end) in enumerate(zip(snapshot.flow_from, snapshot.flow_to, strict=True)):
        reachable = int(start) in reference.networkx.ancestors(
            reference.graph_towards(snapshot, int(end)), int(end)
        )
        assert outcomes(snapshot, table, flow) == {"arrives" if reachable else "dead end"}
        dead_ends += [] if reachable else [flow]
    assert report.dead_end_flows.tolist() == dead_ends
    assert len(report.looping_flows) == 0


@pytest.mark.parametrize(("cost", "tolerance"), [("hops", 1e-9), ("delay", 1e-9), ("delay", 0.4)])
def test_ecmp_takes_the_choices_that_networkx_finds(cost, tolerance):
    rng = np.random.default_rng(21)
    for _ in range(25):
        most = int(rng.integers(1, 6))
        options = {"cost": cost, "tolerance": tolerance, "max_choices": most}
        snapshot = random_network(rng, options=options)
        table, report = compute_table("ecmp", snapshot)
        for column, destination in enumerate(snapshot.destinations.tolist()):
            expected = reference.equal_choices(snapshot, destination, cost == "hops", tolerance)
            for node in range(snapshot.n_nodes):
                found = [link for link in table.link[node, column].tolist() if link != -1]
                assert found == expected.get(node, [])[:most]
        assert_arrives(snapshot, table, report)


def test_ecmp_over_links_without_length_does_not_lead_in_a_circle():
    links = [(0, 1, 0.0), (1, 0, 0.0), (1, 2, 0.0), (2, 1, 0.0), (2, 3, 1e6), (0, 3, 1e6)]
    snapshot = snapshot_of(4, links, [(0, 3), (1, 3)], options={"cost": "delay"})
    table, report = compute_table("ecmp", snapshot)
    assert_arrives(snapshot, table, report)


def test_k_disjoint_has_as_many_paths_and_as_short_as_a_flow_of_least_cost():
    rng = np.random.default_rng(22)
    for _ in range(40):
        k = int(rng.integers(2, 6))
        snapshot = random_network(rng, options={"k": k})
        table, report = compute_table("k-disjoint", snapshot)
        assert_arrives(snapshot, table, report)
        for flow, ends in enumerate(zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)):
            n_paths, total_m = reference.least_disjoint(snapshot, *ends, k)
            paths = reference.paths_of(snapshot, table, flow)
            graph = reference.graph_towards(snapshot, ends[1])
            hops = [frozenset(hop) for nodes in paths for hop in itertools.pairwise(nodes)]
            assert len(hops) == len(set(hops))
            assert len(paths) == n_paths
            delays = [reference.delay_of(graph, nodes) for nodes in paths]
            assert delays == sorted(delays)
            assert sum(delays) * 299_792_458.0 == pytest.approx(total_m, rel=SAME_SUM)


def test_disjoint_paths_give_up_the_shortest_one_where_that_blocks_all_others():
    # The trap: 0-1-2-3 is shortest and leaves no second path; 0-1-3 and 0-2-3 are two.
    ways = [(0, 1, 1e6), (1, 2, 1e6), (2, 3, 1e6), (0, 2, 3e6), (1, 3, 3e6)]
    links = [each for a, b, length in ways for each in ((a, b, length), (b, a, length))]
    snapshot = snapshot_of(4, links, [(0, 3)])
    table, _ = compute_table("k-disjoint", snapshot)
    assert sorted(reference.paths_of(snapshot, table, 0)) == [[0, 1, 3], [0, 2, 3]]


def test_disjoint_paths_over_links_without_length_leave_nothing_behind():
    rng = np.random.default_rng(5)
    for _ in range(20):
        pairs = [(a, b) for a in range(6) for b in range(a)]
        chosen = [pairs[i] for i in rng.permutation(len(pairs))[:11]]
        links = [
            (*way, float(length))
            for a, b in chosen
            for length in [rng.integers(0, 2) * 1e6]
            for way in ((a, b), (b, a))
        ]
        flows = [(0, 5), (1, 4), (5, 0), (2, 3)]
        snapshot = snapshot_of(6, links, flows, options={"k": 4})
        table, report = compute_table("k-disjoint", snapshot)
        assert_arrives(snapshot, table, report)
        for flow, ends in enumerate(flows):
            assert (
                len(reference.paths_of(snapshot, table, flow))
                == reference.least_disjoint(snapshot, *ends, 4)[0]
            )


def test_k_shortest_paths_are_as_long_as_those_of_networkx():
    rng = np.random.default_rng(23)
    for _ in range(40):
        k = int(rng.integers(2, 9))
        snapshot = random_network(rng, options={"k": k})
        table, report = compute_table("k-shortest", snapshot)
        assert_arrives(snapshot, table, report)
        for flow, ends in enumerate(zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)):
            paths = reference.paths_of(snapshot, table, flow)
            graph = reference.graph_towards(snapshot, ends[1])
            assert all(len(set(nodes)) == len(nodes) for nodes in paths)
            assert len({tuple(nodes) for nodes in paths}) == len(paths)
            delays = [reference.delay_of(graph, nodes) for nodes in paths]
            assert delays == pytest.approx(reference.shortest_simple_delays(snapshot, *ends, k), rel=SAME_SUM)


@pytest.mark.parametrize("t_s", [0.0, 1000.0])
def test_paths_over_a_shipped_mesh_agree_with_networkx(t_s):
    snapshot = shipped("walker-144", t_s, n_sites=3, options={"k": 3})
    for policy in ("k-disjoint", "k-shortest"):
        table, report = compute_table(policy, snapshot)
        assert len(report.dead_end_flows) == len(report.looping_flows) == 0
        for flow, ends in enumerate(zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)):
            graph = reference.graph_towards(snapshot, ends[1])
            paths = reference.paths_of(snapshot, table, flow)
            delays = [reference.delay_of(graph, nodes) for nodes in paths]
            if policy == "k-shortest":
                expected = reference.shortest_simple_delays(snapshot, *ends, 3)
                assert delays == pytest.approx(expected, rel=SAME_SUM)
            else:
                n_paths, total_m = reference.least_disjoint(snapshot, *ends, 3)
                assert len(paths) == n_paths
                # networkx wants whole metres: each link of some forty is off by half a metre at most.
                assert sum(delays) * 299_792_458.0 == pytest.approx(total_m, abs=20.0)


def test_paths_are_the_same_each_time():
    for policy in ("ecmp", "k-disjoint", "k-shortest"):
        first, _ = compute_table(policy, random_network(np.random.default_rng(1)))
        again, _ = compute_table(policy, random_network(np.random.default_rng(1)))
        np.testing.assert_array_equal(first.link, again.link)
        np.testing.assert_array_equal(first.label_of_flow, again.label_of_flow)
