"""The benchmark of contact-graph routing: searches beside it find what ours find, or it says so."""

import pytest

from bench import dtn
from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.dtn import graph_of


def test_peers_on_a_random_plan_find_the_same_arrivals():
    found = dtn.run_random(2, 3)
    assert found["sizes"]["contacts"] == 2000
    assert {"best route", "tree with hops", "contacts on a heap, Python"} <= {
        row["name"] for row in found["rows"]
    }
    assert all(row["median_us"] > 0 for row in found["rows"])


def test_other_arrivals_than_those_of_a_peer_are_told(monkeypatch):
    no = [False]
    graph = graph_of(contact_plan_of([0], [1], [0], [0.0], [9.0], [10**6], [0.1], no, no), 2)
    monkeypatch.setattr(dtn.ContactSearch, "by_heap", lambda self, source, at_ns, destination: {})
    with pytest.raises(AssertionError, match="other arrivals than ours"):
        dtn.compare_pairs(graph, [(0, 1, 0)], 1, 0)
