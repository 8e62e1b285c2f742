"""Laying paths into labels: each flow gets its paths, whoever shares a label."""

import itertools

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.packets.state import LABEL_MASK
from lasermesh.routing import labels, trees_towards
from lasermesh.routing.labels import Paths, lay_paths, pairs_of
from tests.reference.policies import paths_of
from tests.reference.routing import snapshot_of


def everybody(n_nodes, flows):
    """All nodes linked with all others."""
    links = [(a, b, 1e6) for a in range(n_nodes) for b in range(n_nodes) if a != b]
    return snapshot_of(n_nodes, links, flows)


def laid(snapshot, given, **more):
    """The table of paths given as (from, ..., to), those of one pair in order."""
    pairs = pairs_of(snapshot)
    ends = list(zip(pairs.start.tolist(), pairs.end.tolist(), strict=True))
    given = sorted(given, key=lambda each: ends.index((each[0], each[-1])))
    hops = snapshot.from_node.tolist(), snapshot.to_node.tolist()
    link_of = dict(zip(zip(*hops, strict=True), snapshot.link.tolist(), strict=True))
    links = [[*(link_of[hop] for hop in itertools.pairwise(each)), -1] for each in given]
    paths = Paths(
        np.array([ends.index((each[0], each[-1])) for each in given]),
        np.cumsum([0] + [len(each) for each in given]),
        np.concatenate(given).astype(np.int32),
        np.concatenate(links).astype(np.int32),
    )
    return lay_paths(snapshot, trees_towards(snapshot).link, pairs, paths, **more)


def random_paths(rng, n_nodes, flows):
    """One to three paths over random nodes per pair of ends."""
    given = []
    for start, end in dict.fromkeys(flows):
        between = [node for node in range(n_nodes) if node not in (start, end)]
        for _ in range(int(rng.integers(1, 4))):
            given.append((start, *rng.permutation(between)[: int(rng.integers(0, 5))].tolist(), end))
    return given


def test_every_flow_gets_the_paths_of_its_ends():
    rng = np.random.default_rng(51)
    for _ in range(20):
        flows = [tuple(rng.choice(8, 2, replace=False).tolist()) for _ in range(12)]
        snapshot = everybody(8, flows)
        given = random_paths(rng, 8, flows)
        table = laid(snapshot, given)
        for flow, ends in enumerate(flows):
            expected = [list(each) for each in given if (each[0], each[-1]) == ends]
            assert paths_of(snapshot, table, flow) == expected


def test_a_label_leads_to_one_destination_only():
    rng = np.random.default_rng(52)
    flows = [tuple(rng.choice(8, 2, replace=False).tolist()) for _ in range(12)]
    snapshot = everybody(8, flows)
    table = laid(snapshot, random_paths(rng, 8, flows))
    column = np.searchsorted(snapshot.destinations, snapshot.flow_to)
    for flow in range(len(flows)):
        found = table.label_of_flow[flow]
        assert (found[found >= 0] % len(snapshot.destinations) == column[flow]).all()


def test_paths_that_do_not_contradict_each_other_share_a_label():
    snapshot = everybody(6, [(0, 5), (1, 5), (2, 5), (3, 5)])
    table = laid(snapshot, [(0, 4, 5), (1, 4, 5), (2, 0, 4, 5), (3, 5)])
    assert table.link.shape == (6, 2, 1)  # that of the tree, by which node 3 goes, and one more
    assert table.label_of_flow.tolist() == [[1], [1], [1], [0]]


def test_a_pair_without_a_path_has_no_label():
    table = laid(everybody(4, [(0, 3), (1, 3)]), [(0, 2, 3)])
    assert table.label_of_flow.tolist() == [[1], [-1]]


def test_more_labels_than_a_table_may_have_are_refused_with_the_size(monkeypatch):
    assert labels.MOST_LABELS <= LABEL_MASK
    monkeypatch.setattr(labels, "MOST_ENTRIES", 8 * 2)
    snapshot = everybody(8, [(0, 7)])
    laid(snapshot, [(0, 1, 7)])
    monkeypatch.setattr(labels, "MOST_ENTRIES", 8)
    with pytest.raises(UserError, match="1 paths to 1 destinations do not fit 1 tables of 8 nodes"):
        laid(snapshot, [(0, 1, 7)])
    monkeypatch.setattr(labels, "MOST_ENTRIES", 8 * 2)
    with pytest.raises(UserError, match="2 paths to 1 destinations do not fit 2 tables of 8 nodes"):
        laid(snapshot, [(0, 1, 7), (0, 2, 7)])
