"""The policies on the 1,584 satellites of Starlink's first shell, once, against networkx."""

import networkx
import pytest

from lasermesh.routing import compute_table, follow
from tests.reference import policies as reference
from tests.reference.packet_simulator import draw
from tests.reference.routing import shortest_delays
from tests.routing.networks import shipped

pytestmark = pytest.mark.compiled_only  # a snapshot alone takes long in plain Python

SAME_SUM = 1e-12  # sums of a dozen float64 numbers in another order


def ends_of(snapshot):
    return list(zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True))


def delays(snapshot, table, flow):
    graph = reference.graph_towards(snapshot, int(snapshot.flow_to[flow]))
    return [reference.delay_of(graph, nodes) for nodes in reference.paths_of(snapshot, table, flow)]


def made(policy, **more):
    snapshot = shipped("starlink-gen1", 0.0, n_sites=2, **more)
    table, report = compute_table(policy, snapshot)
    assert len(report.looping_flows) == 0
    return snapshot, table, report


def test_several_paths_on_starlink():
    snapshot, table, _ = made("k-shortest", options={"k": 3})
    expected = reference.shortest_simple_delays(snapshot, *ends_of(snapshot)[0], 3)
    assert delays(snapshot, table, 0) == pytest.approx(expected, rel=SAME_SUM)
    snapshot, table, _ = made("k-disjoint", options={"k": 2})
    n_paths, total_m = reference.least_disjoint(snapshot, *ends_of(snapshot)[0], 2)
    found = delays(snapshot, table, 0)
    assert len(found) == n_paths == 2
    assert sum(found) * 299_792_458.0 == pytest.approx(total_m, abs=30.0)  # networkx counts whole metres


def test_next_hops_of_equal_cost_on_starlink():
    snapshot, table, _ = made("ecmp")
    destination = int(snapshot.destinations[0])
    expected = reference.equal_choices(snapshot, destination, True, 1e-9)
    for node in range(snapshot.n_nodes):
        found = [link for link in table.link[node, 0].tolist() if link != -1]
        assert found == expected.get(node, [])[:8]


def test_hops_on_the_grid_of_starlink_are_the_fewest():
    snapshot, table, report = made("dimension-order")
    assert len(report.dead_end_flows) == 0
    for flow, (start, end) in enumerate(ends_of(snapshot)):
        graph = reference.graph_towards(snapshot, end)
        assert len(follow(snapshot, table, flow)) - 1 == networkx.shortest_path_length(graph, start, end)


def test_way_points_and_kept_paths_on_starlink():
    snapshot, table, _ = made("valiant", seed=2)
    start, end = ends_of(snapshot)[0]
    hashes = [draw(2, reference.WAY_POINT, start << 32 | end, node) for node in range(1584)]
    point = hashes.index(max(hashes))
    by_way_s = shortest_delays(snapshot, point)[start] + shortest_delays(snapshot, end)[point]
    assert delays(snapshot, table, 0) == pytest.approx([by_way_s], rel=SAME_SUM)
    snapshot, table, _ = made("churn-averse")
    best_s = shortest_delays(snapshot, end)[start]
    assert delays(snapshot, table, 0) == pytest.approx([best_s], rel=SAME_SUM)
