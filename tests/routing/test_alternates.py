"""Loop-free alternates: against the obvious way, against RFC 5286, and that packets never go in circles."""

import itertools
import sys

import networkx
import numpy as np
import pytest

from lasermesh.routing import ForwardingTable, compute_table, coverage, loop_free_alternates
from tests.reference import routing as reference
from tests.reference.alternates import alternate_of

NONE = -1


def random_mesh(rng, n_nodes, transit=None):
    """A connected network of two-way links of uneven lengths, a flow to every node, ids in random order."""
    pairs = {(int(rng.integers(node)), node) for node in range(1, n_nodes)}
    pairs |= {tuple(sorted(rng.permutation(n_nodes)[:2].tolist())) for _ in range(n_nodes)}
    links = []
    for a, b in sorted(pairs):
        links += [(a, b, float(rng.integers(500_000, 4_000_000))) for a, b in ((a, b), (b, a))]  # exact sums
    flows = [(node, (node + 1) % n_nodes) for node in range(n_nodes)]
    ids = rng.permutation(2 * len(links))[: len(links)].tolist()
    return reference.snapshot_of(n_nodes, links, flows, transit, ids)


def shortest(snapshot):
    return compute_table("shortest-delay", snapshot)[0]


def nearer_neighbours(snapshot):
    """Links towards neighbours nearer to the destination, the best first: every third node has several."""
    link = np.full((snapshot.n_nodes, len(snapshot.destinations), 4), NONE, dtype=np.int32)
    for label, destination in enumerate(snapshot.destinations.tolist()):
        far = reference.shortest_delays(snapshot, destination)
        for node in range(snapshot.n_nodes):
            rows = range(snapshot.first[node], snapshot.first[node + 1])
            ways = [
                (far[int(snapshot.to_node[row])] + float(snapshot.delay_s[row]), int(snapshot.link[row]))
                for row in rows
                if far.get(int(snapshot.to_node[row]), np.inf) < far.get(node, np.inf)
                and (snapshot.transit[snapshot.to_node[row]] or snapshot.to_node[row] == destination)
            ]
            for choice, (_, chosen) in enumerate(sorted(ways)[: 1 if node % 3 else 4]):
                link[node, label, choice] = chosen
    return ForwardingTable(link, snapshot.label_of_flow)


def with_wrong_entries(rng, snapshot):
    """Shortest paths, but that every sixth entry is missing or any link of the node: loops and dead ends."""
    table = shortest(snapshot)
    link = table.link.copy()
    for node, label in itertools.product(range(snapshot.n_nodes), range(link.shape[1])):
        own = snapshot.link[snapshot.first[node] : snapshot.first[node + 1]]
        if rng.random() < 1 / 6:
            link[node, label, 0] = rng.choice([NONE, *own])
    return ForwardingTable(link, table.label_of_flow)


def assert_as_by_reference(snapshot, table):
    found = loop_free_alternates(snapshot, table)
    for label, destination in enumerate(snapshot.destinations.tolist()):
        for node in range(snapshot.n_nodes):
            wanted = alternate_of(snapshot, table, label, destination, node)
            assert (found.link[node, label], found.protects_node[node, label]) == wanted, (node, label)
    return found


@pytest.mark.parametrize("kind", ["one choice", "several choices", "loops and dead ends"])
def test_alternates_are_those_that_the_obvious_way_finds(kind):
    rng = np.random.default_rng(5)
    n_found = n_protecting = 0
    for _ in range(12):
        n_nodes = int(rng.integers(3, 9))
        snapshot = random_mesh(rng, n_nodes, rng.random(n_nodes) < 0.8)
        if kind == "one choice":
            table = shortest(snapshot)
        elif kind == "several choices":
            table = nearer_neighbours(snapshot)
        else:
            table = with_wrong_entries(rng, snapshot)
        found = assert_as_by_reference(snapshot, table)
        n_found += (found.link != NONE).sum()
        n_protecting += found.protects_node.sum()
    assert n_found > n_protecting > 10


def test_two_workers_find_what_one_finds(monkeypatch):
    snapshot = random_mesh(np.random.default_rng(1), 12)
    one = loop_free_alternates(snapshot, shortest(snapshot))
    monkeypatch.setattr(sys.modules["lasermesh.routing.alternates"], "LINKS_WORTH_TWO_WORKERS", 0)
    several = loop_free_alternates(snapshot, shortest(snapshot))
    assert np.array_equal(one.link, several.link)
    assert np.array_equal(one.protects_node, several.protects_node)


def test_of_shortest_paths_they_are_the_loop_free_alternates_of_rfc_5286():
    rng = np.random.default_rng(5286)
    n_links = n_nodes_protected = 0
    for _ in range(6):
        snapshot = random_mesh(rng, 9)
        table = shortest(snapshot)
        found = loop_free_alternates(snapshot, table)
        far = dict(networkx.all_pairs_dijkstra_path_length(_by_row(snapshot), weight="range_m"))
        ends = dict(zip(snapshot.link.tolist(), snapshot.to_node.tolist(), strict=True))
        for s, (label, d) in itertools.product(
            range(snapshot.n_nodes), enumerate(snapshot.destinations.tolist())
        ):
            if s == d:
                continue
            primary = int(table.link[s, label, 0])
            e = ends[primary]
            rows = range(snapshot.first[s], snapshot.first[s + 1])
            neighbours = {ends[int(snapshot.link[row])] for row in rows} - {e}
            loop_free = {n for n in neighbours if far[n][d] < far[n][s] + far[s][d]}  # inequality 1
            protecting = {
                n for n in loop_free if e != d and far[n][d] < far[n][e] + far[e][d]
            }  # inequality 3
            chosen = int(found.link[s, label])
            assert (chosen != NONE) == bool(loop_free)
            assert found.protects_node[s, label] == bool(protecting)
            if chosen != NONE:
                assert ends[chosen] in (protecting or loop_free)
            n_links += bool(loop_free)
            n_nodes_protected += bool(protecting)
    assert n_links > n_nodes_protected > 50


def _by_row(snapshot):
    names = {name: row for row, name in enumerate(snapshot.names)}
    return networkx.relabel_nodes(snapshot.to_networkx(), names)


def forward(snapshot, table, backup, label, source, failed):
    """Nodes that a packet comes to by the rule of fast reroute, `failed` being down; the last it comes to."""
    ends = dict(zip(snapshot.link.tolist(), snapshot.to_node.tolist(), strict=True))
    destination = int(snapshot.destinations[label])
    nodes = [source]
    while nodes[-1] != destination and len(set(nodes)) == len(nodes):
        ways = [int(link) for link in (*table.link[nodes[-1], label], backup[nodes[-1], label])]
        up = [link for link in ways if link != NONE and link not in failed]
        if not up:
            break
        nodes.append(ends[up[0]])
    return nodes


@pytest.mark.parametrize("table_of", [shortest, nearer_neighbours])
def test_no_single_failure_of_a_link_makes_a_packet_go_in_a_circle(table_of):
    rng = np.random.default_rng(3)
    n_rerouted = 0
    for _ in range(4):
        snapshot = random_mesh(rng, 7)
        table = table_of(snapshot)
        backup = loop_free_alternates(snapshot, table).link
        ids = {
            (int(a), int(b)): int(link)
            for a, b, link in zip(snapshot.from_node, snapshot.to_node, snapshot.link, strict=True)
        }
        for (a, b), label, source in itertools.product(ids, range(len(snapshot.destinations)), range(7)):
            failed = {ids[a, b], ids[b, a]}
            nodes = forward(snapshot, table, backup, label, source, failed)
            assert len(set(nodes)) == len(nodes)
            if nodes[-1] != snapshot.destinations[label]:  # only where there was nothing to take
                assert backup[nodes[-1], label] == NONE and table.link[nodes[-1], label, 0] in failed
            n_rerouted += len(nodes) > 1 and nodes != forward(snapshot, table, backup, label, source, set())
    assert n_rerouted > 50


def test_a_failed_node_makes_no_circle_where_all_alternates_lead_round_it():
    rng = np.random.default_rng(4)
    n_rerouted = 0
    for _ in range(4):
        snapshot = random_mesh(rng, 8)
        table = shortest(snapshot)
        found = loop_free_alternates(snapshot, table)
        backup = np.where(found.protects_node, found.link, NONE)
        for dead, label, source in itertools.product(range(8), range(len(snapshot.destinations)), range(8)):
            if dead in (source, snapshot.destinations[label]):
                continue
            touching = (snapshot.from_node == dead) | (snapshot.to_node == dead)
            nodes = forward(snapshot, table, backup, label, source, set(snapshot.link[touching].tolist()))
            assert len(set(nodes)) == len(nodes)
            n_rerouted += nodes[-1] == snapshot.destinations[label] and nodes != forward(
                snapshot, table, backup, label, source, set()
            )
    assert n_rerouted > 20


# -------------------------------------------------------------------------------------------------- by pencil

# 0 - 1 - 2 and 0 - 3 - 2, the second way longer; 4 hangs at 2.
SQUARE = [(0, 1, 1e6), (1, 2, 1e6), (0, 3, 2e6), (3, 2, 2e6), (2, 4, 1e6)]
SQUARE += [(b, a, length) for a, b, length in SQUARE]


def test_coverage_counts_every_hop_once_and_those_to_the_destination_apart():
    snapshot = reference.snapshot_of(5, SQUARE, [(0, 4), (1, 4), (0, 2)])
    table = shortest(snapshot)
    found = loop_free_alternates(snapshot, table)
    assert found.link[0].tolist() == [2, 2]  # to 2 and to 4 by way of 3
    assert found.link[1].tolist() == [NONE, NONE]  # 0 would send it back
    assert found.protects_node[0].tolist() == [True, True]
    # Hops: 0, 1 and 2 towards 4, 0 and 1 towards 2.
    assert coverage(snapshot, table, found) == (5, 2, 3, 2)
    assert coverage(snapshot, table._replace(link=np.full_like(table.link, NONE)), found) == (0, 0, 0, 0)


def test_a_node_without_transit_is_nobodys_alternate_but_may_have_one():
    transit = np.array([True, True, True, False, True])
    snapshot = reference.snapshot_of(5, SQUARE, [(0, 2), (3, 1)], transit)
    found = loop_free_alternates(snapshot, shortest(snapshot))
    to_1, to_2 = range(2)
    assert found.link[0, to_2] == NONE
    assert {found.link[3, to_1], int(shortest(snapshot).link[3, to_1, 0])} == {3, 7}


def test_a_label_that_changes_or_leads_to_several_nodes_has_no_alternates():
    snapshot = reference.snapshot_of(5, SQUARE, [(0, 2), (0, 4), (1, 4)])
    direct = shortest(snapshot)  # label 0 leads to 2, label 1 to 4
    way_point = np.full((5, 3), NONE, dtype=np.int32)
    way_point[2, 2] = 1  # label 2 leads to 2 and becomes 1 there
    link = np.concatenate([direct.link, direct.link[:, :1]], axis=1)
    link[2, 2] = link[2, 1]
    table = ForwardingTable(link, np.array([[0], [2], [2]], dtype=np.int32), way_point)
    found = loop_free_alternates(snapshot, compute_table(lambda _: table, snapshot)[0])
    assert found.link[0].tolist() == [2, 2, NONE]
    # 0 and 1 with label 0; 0, 1 and 2 with label 2.
    assert coverage(snapshot, table, found) == (5, 1, 3, 1)
    both = ForwardingTable(link, np.array([[0], [1], [0]], dtype=np.int32))
    assert loop_free_alternates(snapshot, both).link[0].tolist() == [NONE, 2, NONE]
