"""Upper bounds: by pencil, against textbook programs and networkx, and never below what a flow carries."""

from types import SimpleNamespace

import networkx
import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.experiments import bounds
from lasermesh.experiments.bounds import (
    CapacityGraph,
    capacity_graph,
    max_flow,
    most_concurrent,
    most_in_total,
    reachable,
)
from lasermesh.routing import Snapshot
from tests.reference import multicommodity

RELATIVE = 2.0 * bounds.GAP
"""The search ends within GAP of the truth."""


def graph_of(links, pairs):
    """Links as {(from, to): Gbps}, pairs as a list."""
    ends, ends_of_pairs = np.array(list(links)), np.array(pairs)
    n = int(max(ends.max(), ends_of_pairs.max())) + 1
    return CapacityGraph(n, *ends.T, np.array(list(links.values()), float), *ends_of_pairs.T)


def random_graph(rng, n_vertices=7, n_pairs=4):
    pairs = [tuple(rng.choice(n_vertices, 2, replace=False).tolist()) for _ in range(n_pairs)]
    links = {}
    for tail in range(n_vertices):
        for head in range(n_vertices):
            if tail != head and rng.random() < 0.4:
                links[tail, head] = float(rng.integers(1, 20))
    return graph_of(links, pairs), links, pairs


PARKING_LOT = graph_of({(0, 1): 1.0, (1, 2): 1.0}, [(0, 2), (0, 1), (1, 2)])


def test_in_total_the_parking_lot_serves_the_short_pairs_only():
    assert most_in_total(PARKING_LOT, [1.0, 1.0, 1.0]).value == pytest.approx(2.0, rel=RELATIVE)


def test_in_proportion_the_parking_lot_serves_half_of_each_pair():
    assert most_concurrent(PARKING_LOT, [1.0, 1.0, 1.0]).value == pytest.approx(0.5, rel=RELATIVE)


def test_in_proportion_a_heavier_demand_takes_more_of_the_shared_link():
    assert most_concurrent(PARKING_LOT, [3.0, 1.0, 1.0]).value == pytest.approx(0.25, rel=RELATIVE)


def test_no_pair_is_credited_with_more_than_it_offers():
    assert most_in_total(PARKING_LOT, [0.1, 0.2, 0.3]).value == pytest.approx(0.6, rel=RELATIVE)


def test_two_disjoint_paths_carry_the_sum_of_both():
    graph = graph_of({(0, 1): 3.0, (1, 3): 2.0, (0, 2): 5.0, (2, 3): 4.0}, [(0, 3)])
    found = max_flow(graph)
    assert found.value == 6.0
    assert found.cut.tolist() == [1, 3]
    assert most_in_total(graph, [100.0]).value == pytest.approx(6.0, rel=RELATIVE)


def test_each_direction_of_a_link_has_a_capacity_of_its_own():
    graph = graph_of({(0, 1): 3.0, (1, 0): 1.0}, [(0, 1), (1, 0)])
    assert max_flow(graph_of({(0, 1): 3.0, (1, 0): 1.0}, [(1, 0)])).value == 1.0
    assert most_in_total(graph, [9.0, 9.0]).value == pytest.approx(4.0, rel=RELATIVE)


@pytest.mark.parametrize("seed", range(6))
def test_programs_by_columns_agree_with_textbook_programs(seed):
    rng = np.random.default_rng(seed)
    graph, links, pairs = random_graph(rng)
    wanted = rng.uniform(0.5, 10.0, len(pairs))
    textbook = graph.n_vertices, list(links), list(links.values()), pairs, wanted
    total = multicommodity.solve(*textbook, concurrent=False)
    found = most_in_total(graph, wanted)
    assert total * (1 - 1e-9) <= found.value <= total * (1 + RELATIVE) + 1e-9
    assert found.gap <= RELATIVE
    if reachable(graph).all():
        multiple = multicommodity.solve(*textbook, concurrent=True)
        assert multiple * (1 - 1e-9) <= most_concurrent(graph, wanted).value <= multiple * (1 + RELATIVE)


@pytest.mark.parametrize("seed", range(6))
def test_for_one_pair_the_program_is_the_maximum_flow(seed):
    graph, links, pairs = random_graph(np.random.default_rng(100 + seed), n_pairs=1)
    plain = networkx.DiGraph()
    plain.add_nodes_from(range(graph.n_vertices))
    for (tail, head), capacity in links.items():
        plain.add_edge(tail, head, capacity=capacity)
    most = networkx.maximum_flow_value(plain, *pairs[0])
    found = max_flow(graph)
    assert found.value == pytest.approx(most)
    assert graph.capacity_gbps[found.cut].sum() == pytest.approx(most)
    assert most_in_total(graph, [1e3]).value == pytest.approx(most, rel=RELATIVE)
    assert most_concurrent(graph, [2.0]).value == pytest.approx(most / 2.0, rel=RELATIVE)


@pytest.mark.parametrize("seed", range(4))
def test_the_flow_of_all_pairs_as_one_is_never_below_the_program(seed):
    rng = np.random.default_rng(200 + seed)
    graph, _, pairs = random_graph(rng)
    offered = rng.uniform(0.5, 30.0, len(pairs))
    program = most_in_total(graph, offered)
    assert max_flow(graph, offered).value >= program.value * (1.0 - program.gap) - 1e-6


def test_a_pair_without_a_path_is_in_no_bound():
    graph = graph_of({(0, 1): 3.0, (2, 1): 1.0}, [(0, 1), (1, 2)])
    assert reachable(graph).tolist() == [True, False]
    assert most_in_total(graph, [9.0, 9.0]).value == pytest.approx(3.0, rel=RELATIVE)
    assert most_concurrent(graph, [1.0, 1.0]).value == pytest.approx(3.0, rel=RELATIVE)
    lonely = graph_of({(0, 1): 3.0}, [(1, 0)])
    assert most_in_total(lonely, [9.0]).value == most_concurrent(lonely, [1.0]).value == 0.0
    assert max_flow(lonely).value == 0.0
    bare = lonely._replace(tail=np.zeros(0, int), head=np.zeros(0, int), capacity_gbps=np.zeros(0))
    assert not reachable(bare).any()
    assert (
        most_in_total(bare, [9.0]).value == most_concurrent(bare, [1.0]).value == max_flow(bare).value == 0.0
    )


def test_nothing_passes_through_a_node_without_transit():
    # 0 - 1 - 2, where 1 carries nothing for others, and a slow way around it over 3.
    ends = np.array([(0, 1), (0, 3), (1, 0), (1, 2), (2, 1), (3, 2)])
    graph = SimpleNamespace(
        t_s=0.0,
        first=np.array([0, 2, 4, 5, 6]),
        from_node=ends[:, 0],
        to_node=ends[:, 1],
        link=np.arange(6),
        range_m=np.ones(6),
        rate_bps=np.array([9, 1, 9, 9, 9, 1]) * 10**9,
        kind=np.zeros(6),
    )
    snapshot = Snapshot.from_graph(graph, "abcd", [1, 0, 1, 1], None, [0, 0, 1], [2, 1, 2])
    capacities = capacity_graph(snapshot)
    through, to, out_of = (capacities._replace(source=capacities.source[i : i + 1]) for i in range(3))
    assert max_flow(through._replace(sink=capacities.sink[:1])).value == 1.0
    assert max_flow(to._replace(sink=capacities.sink[1:2])).value == 10.0
    assert max_flow(out_of._replace(sink=capacities.sink[2:])).value == 10.0
    assert most_in_total(capacities, [50.0, 50.0, 50.0]).value == pytest.approx(19.0, rel=RELATIVE)
    half = capacity_graph(snapshot, payload_share=0.5)
    assert most_in_total(half, [50.0, 50.0, 50.0]).value == pytest.approx(9.5, rel=RELATIVE)


def test_without_scipy_a_program_says_what_to_install(monkeypatch):
    monkeypatch.setattr(bounds, "have_solver", lambda: False)
    with pytest.raises(UserError, match=r'pip install "lasermesh\[lp\]"'):
        most_in_total(PARKING_LOT, [1.0, 1.0, 1.0])
