"""What a policy sees."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.routing import Snapshot, transit_of, tree_kernels, trees_towards
from tests.reference import routing as reference

LINKS = [(0, 1, 299_792_458.0), (1, 2, 1000.0), (2, 1, 1000.0)]


def test_delay_is_range_over_the_speed_of_light():
    snapshot = reference.snapshot_of(3, LINKS, [(0, 2)])
    assert snapshot.delay_s[0] == 1.0
    np.testing.assert_array_equal(snapshot.delay_s, snapshot.range_m / 299_792_458.0)


def test_destinations_are_those_of_the_flows_in_ascending_order():
    snapshot = reference.snapshot_of(4, LINKS, [(0, 3), (0, 1), (2, 3)])
    assert snapshot.destinations.tolist() == [1, 3]
    assert snapshot.label_of_flow.tolist() == [[1], [0], [1]]


def test_destinations_can_be_kept_from_step_to_step():
    graph = reference.link_graph(4, LINKS)
    snapshot = Snapshot.from_graph(graph, "abcd", np.ones(4), [1, 2, 3], [0], [3])
    assert snapshot.label_of_flow.tolist() == [[2]]
    assert trees_towards(snapshot).link.shape == (4, 3)


@pytest.mark.parametrize(
    ("destinations", "flow_to", "words"),
    [
        ([2, 1], [1], "must ascend"),
        ([1, 1], [1], "must ascend"),
        ([1], [2], "must be among destinations"),
        ([1, 4], [1], "rows are 0 to 3"),
        ([-1, 1], [1], "rows are 0 to 3"),
        ([1], [[1]], "one-dimensional|of shape"),
    ],
)
def test_rows_that_make_no_sense_are_refused(destinations, flow_to, words):
    with pytest.raises(ValueError, match=words):
        Snapshot.from_graph(reference.link_graph(4, LINKS), "abcd", np.ones(4), destinations, [0], flow_to)


def test_arrays_of_other_dtypes_and_read_only_ones_are_brought_into_one_form():
    graph = reference.link_graph(3, LINKS)
    graph.range_m.setflags(write=False)
    graph.first = graph.first.astype(np.int32)
    snapshot = Snapshot.from_graph(graph, "abc", [1, 1, 1], None, [0], [2])
    assert snapshot.range_m.flags.writeable and snapshot.first.dtype == np.int64
    trees_towards(snapshot)
    if hasattr(tree_kernels.fill_trees_of_worker, "signatures"):
        assert len(tree_kernels.fill_trees_of_worker.signatures) <= 1


def test_a_networkx_graph_has_names_ids_and_lengths():
    graph = reference.snapshot_of(
        3, LINKS, [(0, 2)], [True, True, False], ids=[7, 8, 9], t_s=2.0
    ).to_networkx()
    assert list(graph.nodes) == ["n0", "n1", "n2"] and graph.graph["t_s"] == 2.0
    assert graph.nodes["n2"] == {"row": 2, "kind": "satellite", "transit": False}
    assert graph.edges["n0", "n1"] == {
        "link": 7,
        "kind": "isl",
        "delay_s": 1.0,
        "range_m": 299_792_458.0,
        "rate_bps": 25_000_000_000,
    }
    assert len(graph.edges) == 3 and isinstance(graph.edges["n0", "n1"]["link"], int)


def test_a_networkx_graph_towards_a_node_has_no_way_through_others_without_transit():
    snapshot = reference.snapshot_of(3, LINKS, [(0, 2), (0, 1)], [True, False, False])
    assert list(snapshot.to_networkx(towards="n1").edges) == [("n0", "n1"), ("n2", "n1")]
    assert list(snapshot.to_networkx(towards=2).edges) == [("n1", "n2")]


def test_transit_comes_from_the_groups_of_a_topology():
    topology = SimpleNamespace(
        node_names=["a", "b", "c"],
        satellites=[SimpleNamespace(name="s", transit=True)],
        ground=[SimpleNamespace(name="g", transit=False)],
        group_rows=lambda name: {"s": range(2), "g": range(2, 3)}[name],
    )
    assert transit_of(topology).tolist() == [True, True, False]
