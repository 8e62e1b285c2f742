"""Packets follow the path that they set out on, however tables number their labels."""

import itertools
from types import SimpleNamespace

import networkx
import numpy as np
import pytest

from lasermesh.routing import ForwardingTable, LabelKeeper
from lasermesh.routing.label_keeping import KEPT_S
from lasermesh.units import NONE


class Mesh:
    """A random mesh; link ids by (from, to)."""

    def __init__(self, rng, n_nodes=12):
        graph = networkx.connected_watts_strogatz_graph(n_nodes, 4, 0.3, seed=int(rng.integers(10**6)))
        self.graph, self.n_nodes = graph, n_nodes
        ends = sorted([*graph.edges, *((b, a) for a, b in graph.edges)])
        self.link = {pair: number for number, pair in enumerate(ends)}
        self.end = dict(enumerate(end for _, end in ends))

    def random_path(self, rng, source, destination):
        """A simple path, one of the five shortest."""
        found = networkx.shortest_simple_paths(self.graph, source, destination)
        return list(itertools.islice(found, 5))[rng.integers(5)]


def laid(mesh, paths, rng):
    """A table with the paths of each flow, packed into as few labels as come by, numbered at random."""
    columns, label_of_flow = [], np.full((len(paths), max(map(len, paths))), NONE, np.int32)
    for flow, of_flow in enumerate(paths):
        for place, path in enumerate(of_flow):
            wanted = dict(itertools.pairwise(path))
            fits = [
                label
                for label, column in enumerate(columns)
                if all(column.get(node, onward) == onward for node, onward in wanted.items())
            ]
            label = fits[0] if fits else len(columns)
            if not fits:
                columns.append({})
            columns[label].update(wanted)
            label_of_flow[flow, place] = label
    numbers = rng.permutation(len(columns))
    link = np.full((mesh.n_nodes, len(columns), 1), NONE, np.int32)
    for number, column in zip(numbers, columns, strict=True):
        for node, onward in column.items():
            link[node, number, 0] = mesh.link[node, onward]
    return ForwardingTable(link, numbers[label_of_flow].astype(np.int32))


def keep(keeper, mesh, table, ends, t_s, labels=None, in_use=()):
    """What the keeper makes of a table for flows between these ends, where `labels` are the destinations."""
    n_links = max(mesh.end) + 1
    ends_of_link = np.array([(NONE, mesh.end.get(link, NONE)) for link in range(n_links)], np.int32)
    flow_from = np.array([start for start, _ in ends], np.int32)
    snapshot = SimpleNamespace(
        t_s=t_s, ends_of_link=ends_of_link, flow_from=flow_from, label_of_flow=np.array(labels)
    )
    return keeper.keep(table, snapshot, lambda: in_use)


def walk(mesh, table, node, label, steps):
    """Nodes that a packet comes to, and the label it then has."""
    nodes = [node]
    for _ in range(steps):
        chosen = table.link[nodes[-1], label, 0]
        if chosen == NONE:
            break
        if table.next_label is not None and table.next_label[nodes[-1], label] != NONE:
            label = table.next_label[nodes[-1], label]
        nodes.append(mesh.end[chosen])
    return nodes, label


@pytest.mark.parametrize("seed", range(6))
def test_packets_end_on_the_path_that_they_set_out_on(seed):
    rng = np.random.default_rng(seed)
    mesh = Mesh(rng)
    ends = [tuple(rng.choice(mesh.n_nodes, 2, replace=False)) for _ in range(8)]
    paths = [[mesh.random_path(rng, *pair) for _ in range(2)] for pair in ends]
    keeper = LabelKeeper()
    on_their_way = []  # node, label, the rest of the path
    step_s = KEPT_S / mesh.n_nodes  # a hop for every table, and no path is longer than there are nodes
    followed = 0
    for step in range(40):
        for flow in rng.choice(len(ends), 3, replace=False):
            paths[flow][rng.integers(2)] = mesh.random_path(rng, *ends[flow])
        table, _ = keep(keeper, mesh, laid(mesh, paths, rng), ends, step * step_s)
        for flow, path in enumerate(paths):
            for place in range(2):
                on_their_way.append((table.label_of_flow[flow, place], path[place]))
        moved = []
        for label, path in on_their_way:
            nodes, label = walk(mesh, table, path[0], label, 1)
            assert nodes == path[:2]
            followed += 1
            if len(path) > 2:
                moved.append((label, path[1:]))
        on_their_way = moved
    assert followed > 1000


def test_what_does_not_change_keeps_its_number_and_nothing_grows():
    rng = np.random.default_rng(9)
    mesh = Mesh(rng)
    ends = [tuple(rng.choice(mesh.n_nodes, 2, replace=False)) for _ in range(8)]
    paths = [[mesh.random_path(rng, *pair)] for pair in ends]
    keeper = LabelKeeper()
    first, fresh = keep(keeper, mesh, laid(mesh, paths, rng), ends, 0.0)
    assert sorted(fresh) == list(range(first.link.shape[1]))
    # However labels are numbered, and however long the last table was in force.
    for t_s in (1.0, 1.0 + 10 * KEPT_S):
        again, fresh = keep(keeper, mesh, laid(mesh, paths, rng), ends, t_s)
        np.testing.assert_array_equal(again.label_of_flow, first.label_of_flow)
        np.testing.assert_array_equal(again.link, first.link)
        assert len(fresh) == 0
    for step in range(30):
        paths[step % 8] = [mesh.random_path(rng, *ends[step % 8])]
        table, _ = keep(keeper, mesh, laid(mesh, paths, rng), ends, 100.0 + KEPT_S * step)
        assert table.link.shape[1] <= 4 * len(ends)


def test_fresh_labels_are_those_that_no_packet_carries():
    rng = np.random.default_rng(2)
    mesh = Mesh(rng)
    pair = (0, 6)
    several = list(itertools.islice(networkx.shortest_simple_paths(mesh.graph, *pair), 3))
    keeper = LabelKeeper()
    seen = {}
    for step, path in enumerate([*several, *several]):
        table, fresh = keep(keeper, mesh, laid(mesh, [[path]], rng), [pair], 0.1 * step)
        label = int(table.label_of_flow[0, 0])
        assert fresh.tolist() == [label] and label not in seen  # nothing is old enough to be used again
        seen[label] = path
        for old, path_of_old in seen.items():
            assert walk(mesh, table, 0, old, 99)[0] == path_of_old
    much_later = 0.6 + 2 * KEPT_S
    keep(keeper, mesh, laid(mesh, [[several[0]]], rng), [pair], much_later)
    table, fresh = keep(keeper, mesh, laid(mesh, [[several[1]]], rng), [pair], much_later + 0.1)
    assert set(fresh) <= set(seen)


def test_way_points_are_led_to_the_label_that_they_mean():
    """Two flows by way of nodes 1 and 2; the label to the destination is shared, and all are renumbered."""
    link = {(0, 1): 0, (1, 3): 1, (0, 2): 2, (2, 3): 3}
    mesh = Mesh(np.random.default_rng(0))
    mesh.end = {number: end for (_, end), number in link.items()}
    keeper = LabelKeeper()
    first = None
    for step, order in enumerate(itertools.permutations(range(3))):
        one, two, last = order  # labels: to way-point 1, to way-point 2, to the destination
        links = np.full((4, 3, 1), NONE, np.int32)
        onward = np.full((4, 3), NONE, np.int32)
        links[0, one], links[0, two] = link[0, 1], link[0, 2]
        onward[0, one] = onward[0, two] = last
        links[1, last], links[2, last] = link[1, 3], link[2, 3]
        table = ForwardingTable(links, np.array([[one], [two]], np.int32), onward)
        kept, fresh = keep(keeper, mesh, table, [(0, 3), (0, 3)], 0.1 * step)
        assert [walk(mesh, kept, 0, kept.label_of_flow[flow, 0], 9)[0] for flow in (0, 1)] == [
            [0, 1, 3],
            [0, 2, 3],
        ]
        first = first or kept
        np.testing.assert_array_equal(kept.label_of_flow, first.label_of_flow)
        assert len(fresh) == (3 if step == 0 else 0)


@pytest.mark.parametrize("first_by_destination", [False, True])
def test_a_policy_may_lay_paths_at_times_and_go_by_destinations_at_others(first_by_destination):
    """Both paths of a square under label 0, which one of the tables has for its only destination."""
    mesh = Mesh(np.random.default_rng(0))
    tables = []
    for link in ({0: (0, 1), 1: (1, 3)}, {0: (0, 2), 2: (2, 3)}):
        mesh.link = {(0, 1): 0, (1, 3): 1, (0, 2): 2, (2, 3): 3}
        mesh.end = {number: end for (_, end), number in mesh.link.items()}
        entries = np.full((4, 1, 1), NONE, np.int32)
        for node, ends in link.items():
            entries[node, 0, 0] = mesh.link[ends]
        tables.append(ForwardingTable(entries, np.array([[0]], np.int32)))
    keeper = LabelKeeper()
    destinations, others = [[0]], [[7]]  # under which label 0 is the destination, and is not
    order = (destinations, others) if first_by_destination else (others, destinations)
    keep(keeper, mesh, tables[0], [(0, 3)], 0.0, order[0])
    kept, fresh = keep(keeper, mesh, tables[1], [(0, 3)], 0.1, order[1])
    assert kept.label_of_flow.tolist() == [[1]] and fresh.tolist() == [1]
    assert walk(mesh, kept, 0, 0, 9)[0] == [0, 1, 3] and walk(mesh, kept, 0, 1, 9)[0] == [0, 2, 3]


def test_labels_of_destinations_are_left_alone():
    mesh = Mesh(np.random.default_rng(0))
    link, labels = np.zeros((2, 1, 1), np.int32), np.zeros((1, 1), np.int32)
    kept, fresh = keep(LabelKeeper(), mesh, ForwardingTable(link, labels), [(0, 1)], 0.0, labels)
    assert kept.link is link and fresh is None
    # A change of a label to itself is none.
    kept, fresh = keep(
        LabelKeeper(), mesh, ForwardingTable(link, labels, labels.repeat(2, axis=0)), [(0, 1)], 0.0, labels
    )
    assert kept.link is link and kept.next_label is None and fresh is None


@pytest.mark.parametrize("in_use_until", [1, 2, 3])
def test_a_label_that_some_table_still_gives_to_packets_is_not_given_to_others(in_use_until):
    """Tables come every 5 s; nodes that are late send by the first one until shortly before one of them."""
    rng = np.random.default_rng(2)
    mesh = Mesh(rng)
    ways = list(itertools.islice(networkx.shortest_simple_paths(mesh.graph, 0, 6), 4))
    keeper = LabelKeeper()
    first, _ = keep(keeper, mesh, laid(mesh, [[ways[0]]], rng), [(0, 6)], 0.0)
    label = int(first.label_of_flow[0, 0])
    for turn in range(1, 4):
        in_use = [label] if turn <= in_use_until else []
        table, fresh = keep(
            keeper, mesh, laid(mesh, [[ways[turn]]], rng), [(0, 6)], 5.0 * turn, in_use=in_use
        )
        if turn <= in_use_until + 1:  # so late a packet may have set out a moment ago
            assert label not in fresh
            assert walk(mesh, table, 0, label, 99)[0] == ways[0]
        else:
            assert label in fresh
