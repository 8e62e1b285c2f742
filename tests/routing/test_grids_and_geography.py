"""Policies that look at places: `greedy-geographic` and `dimension-order`."""

import dataclasses

import networkx
import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.routing import compute_table, follow
from lasermesh.routing.grid_routing import grid_hops, plane_grid
from tests.reference import policies as reference
from tests.reference.routing import outcomes, snapshot_of
from tests.routing.networks import random_network, shipped


def torus(n_planes, n_slots, wrap_shift, seam=False, gone=(), flows=None):
    """A grid of planes whose last is joined to the first `wrap_shift` slots ahead, unless there is a seam."""
    links = []
    for plane in range(n_planes):
        for slot in range(n_slots):
            here = plane * n_slots + slot
            beside = [plane * n_slots + (slot + 1) % n_slots]
            if plane + 1 < n_planes:
                beside.append((plane + 1) * n_slots + slot)
            elif not seam and n_planes > 2:
                beside.append((slot + wrap_shift) % n_slots)
            links += [(a, b, 1e6) for there in beside for a, b in ((here, there), (there, here))]
    links = [link for link in dict.fromkeys(links) if link[:2] not in gone and link[1::-1] not in gone]
    n_nodes = n_planes * n_slots
    rows = np.arange(n_nodes)
    grid = np.stack([np.zeros(n_nodes, dtype=int), rows // n_slots, rows % n_slots], axis=1)
    return snapshot_of(n_nodes, links, flows or [(0, end) for end in range(1, n_nodes)], grid=grid)


TORI = [
    (6, 5, 0, False),
    (5, 8, 3, False),
    (3, 12, 5, False),
    (7, 4, 2, False),
    (6, 6, 0, True),
    (2, 5, 0, False),
]


@pytest.mark.parametrize(("n_planes", "n_slots", "wrap_shift", "seam"), TORI)
@pytest.mark.parametrize("first", ["plane", "slot"])
def test_dimension_order_has_the_fewest_hops_one_dimension_after_the_other(
    n_planes, n_slots, wrap_shift, seam, first
):
    starts = (0, n_slots + 1, n_planes * n_slots - 1)
    flows = [(start, end) for start in starts for end in range(n_planes * n_slots) if start != end]
    snapshot = torus(n_planes, n_slots, wrap_shift, seam, flows=flows)
    snapshot = dataclasses.replace(snapshot, options={"first": first})
    table, report = compute_table("dimension-order", snapshot)
    assert len(report.dead_end_flows) == len(report.looping_flows) == 0
    graph = networkx.DiGraph(list(zip(snapshot.from_node.tolist(), snapshot.to_node.tolist(), strict=True)))
    to_planes, to_slots = grid_hops(plane_grid(snapshot, 0), first == "plane")
    for flow, (start, end) in enumerate(flows):
        nodes = np.array(follow(snapshot, table, flow))
        assert len(nodes) - 1 == networkx.shortest_path_length(graph, start, end)
        place = start // n_slots, end // n_slots, (end - start) % n_slots
        assert len(nodes) - 1 == abs(to_planes[place]) + abs(to_slots[place])
        along = np.diff(nodes // n_slots) == 0
        assert along.tolist() == sorted(along.tolist(), reverse=first == "slot")


def test_a_twisted_torus_may_be_shortest_more_than_once_around():
    # Once around three planes is five slots ahead: three hops instead of five.
    snapshot = torus(3, 12, 5, flows=[(0, 5)])
    table, _ = compute_table("dimension-order", snapshot)
    assert follow(snapshot, table, 0) == [0, 12, 24, 5]


def test_a_hole_in_the_grid_is_a_dead_end_and_no_detour():
    snapshot = torus(4, 4, 0, gone={(0, 4)}, flows=[(0, 4), (1, 6), (4, 0)])
    _, report = compute_table("dimension-order", snapshot)
    assert report.dead_end_flows.tolist() == [0, 2]


def test_without_a_grid_there_is_no_route():
    snapshot = random_network(np.random.default_rng(1))
    _, report = compute_table("dimension-order", snapshot)
    assert len(report.dead_end_flows) == snapshot.n_flows


@pytest.mark.parametrize("access", ["hops", "nearest"])
def test_dimension_order_from_site_to_site_takes_the_hops_that_networkx_counts(access):
    for t_s in (0.0, 700.0):
        snapshot = shipped("walker-144", t_s, options={"access": access})
        table, report = compute_table("dimension-order", snapshot)
        assert len(report.dead_end_flows) == len(report.looping_flows) == 0
        for flow, (start, end) in enumerate(
            zip(snapshot.flow_from.tolist(), snapshot.flow_to.tolist(), strict=True)
        ):
            graph = reference.graph_towards(snapshot, end)
            if access == "nearest":
                kept = [min(graph.edges(start, data="delay_s"), key=lambda edge: edge[2])[:2]]
                kept += [min(graph.in_edges(end, data="delay_s"), key=lambda edge: edge[2])[:2]]
                for edge in [*graph.edges(start), *graph.in_edges(end)]:
                    if edge not in kept:
                        graph.remove_edge(*edge)
            hops = len(follow(snapshot, table, flow)) - 1
            assert hops == networkx.shortest_path_length(graph, start, end)


def test_the_grid_of_a_shipped_mesh_is_the_one_it_says():
    planes = plane_grid(shipped("walker-144", 0.0), 0)
    assert (planes.n_planes, planes.n_slots) == (12, 12)
    assert planes.joined.all()
    # The nearest one is a slot behind in the next plane; where the ring closes, phasing factor 7 is added.
    assert planes.shift.tolist() == [11] * 11 + [6]


@pytest.mark.parametrize("metric", ["chord", "great-circle"])
def test_greedy_takes_the_neighbour_that_a_search_finds(metric):
    rng = np.random.default_rng(41)
    arrived = stuck = 0
    for _ in range(25):
        place = rng.normal(size=(9, 3)) * rng.uniform(1.0, 2.0, (9, 1))
        place[rng.random(9) < 0.1] = np.nan
        snapshot = random_network(
            rng,
            9,
            is_ground=rng.random(9) < 0.3,
            options={"metric": metric},
            positions=lambda t_s, p=place: p,
        )
        table, report = compute_table("greedy-geographic", snapshot)
        assert len(report.looping_flows) == 0
        if metric == "great-circle":
            place = place / np.linalg.norm(place, axis=1, keepdims=True)
        for column, destination in enumerate(snapshot.destinations.tolist()):
            expected = reference.nearest_neighbours(snapshot, destination, place)
            for node in range(9):
                assert table.link[node, column, 0] == expected.get(node, -1)
        for flow in range(snapshot.n_flows):
            ends = outcomes(snapshot, table, flow)
            arrived += ends == {"arrives"}
            stuck += ends == {"dead end"}
    assert arrived > 20 and stuck > 20


def test_greedy_finds_its_way_over_a_whole_mesh():
    snapshot = shipped("walker-144", 0.0)
    table, report = compute_table("greedy-geographic", snapshot)
    assert len(report.looping_flows) == 0
    assert len(report.dead_end_flows) < snapshot.n_flows // 2
    best, _ = compute_table("fewest-hops", snapshot)
    for flow in set(range(snapshot.n_flows)) - set(report.dead_end_flows.tolist()):
        assert len(follow(snapshot, table, flow)) >= len(follow(snapshot, best, flow))


def test_greedy_says_that_it_needs_positions():
    with pytest.raises(UserError, match='"greedy-geographic" needs positions'):
        compute_table("greedy-geographic", random_network(np.random.default_rng(1)))
