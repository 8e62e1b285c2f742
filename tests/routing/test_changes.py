"""Differences between forwarding tables: none is missing, none is told that is not there."""

import numpy as np
import pytest

from lasermesh.routing import ForwardingTable, table_changes


def table_of(link):
    return ForwardingTable(np.array(link, np.int32), np.zeros((1, 1), np.int32))


def random_table(rng, n_nodes=5):
    return table_of(rng.integers(-1, 3, (n_nodes, *rng.integers(1, 5, 2))))


def applied(link, changes):
    """A table of ids after the changes, with room for what they add."""
    n_labels = max([link.shape[1], *(changes.label + 1)])
    n_choices = max([link.shape[2], *(changes.choice + 1)])
    whole = np.full((len(link), n_labels, n_choices), -1)
    whole[:, : link.shape[1], : link.shape[2]] = link
    for node, label, choice, before, after in zip(*changes, strict=True):
        assert whole[node, label, choice] == before != after
        whole[node, label, choice] = after
    return whole


def test_changes_lead_from_one_table_to_the_next_whatever_their_shapes():
    rng = np.random.default_rng(3)
    link, before = np.full((5, 1, 1), -1), None
    for _ in range(40):
        after = random_table(rng)
        link = applied(link, table_changes(before, after))
        n_labels, n_choices = after.link.shape[1:]
        np.testing.assert_array_equal(link[:, :n_labels, :n_choices], after.link)
        assert (link[:, n_labels:] == -1).all() and (link[:, :, n_choices:] == -1).all()
        before = after


def test_changes_by_pencil_and_in_order():
    before = table_of([[[4, -1], [5, 6]], [[7, -1], [-1, -1]]])
    after = table_of([[[4, -1], [6, -1]], [[-1, -1], [8, -1]]])
    rows = [tuple(int(value) for value in row) for row in zip(*table_changes(before, after), strict=True)]
    assert rows == [(0, 1, 0, 5, 6), (0, 1, 1, 6, -1), (1, 0, 0, 7, -1), (1, 1, 0, -1, 8)]
    assert all(len(column) == 0 for column in table_changes(after, after))


def test_tables_of_different_networks_are_refused():
    with pytest.raises(ValueError, match="same nodes"):
        table_changes(table_of([[[1]]]), table_of([[[1]], [[2]]]))
