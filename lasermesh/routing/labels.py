"""Laying whole paths into the labels of a forwarding table.

A label always leads to one destination: label `level * n_destinations + column`, where `column` is the place
of the destination in `Snapshot.destinations`. Level 0 holds the tree of least delay from every node; two
paths share a level if they never leave one node by different links. `label_keeping` sees to it that packets
on their way keep to their path when the next table is laid otherwise.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.routing import label_kernels
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.routing.table import ForwardingTable
from lasermesh.units import NONE

MOST_ENTRIES = 1 << 28
"""Entries of a table, 1 GiB: the engine holds two or three tables, and makes one more each time."""

MOST_LABELS = 1 << 17
"""A table of so many labels would be larger than that anyway with a few thousand nodes."""


class Pairs(NamedTuple):
    """The different (from, to) of the flows, sorted."""

    start: np.ndarray  # int32 (n_pairs,)
    end: np.ndarray  # int32 (n_pairs,)
    column: np.ndarray  # int64 (n_pairs,)  place of the end among the destinations
    of_flow: np.ndarray  # int64 (n_flows,)  each flow's pair
    flow: np.ndarray  # int64 (n_pairs,)  the first flow of each pair


class Paths(NamedTuple):
    """Paths of pairs, path i in rows first[i] to first[i + 1]; those of one pair follow one another."""

    pair: np.ndarray  # int64 (n_paths,)  ascending
    first: np.ndarray  # int64 (n_paths + 1,)
    node: np.ndarray  # int32  both ends included
    link: np.ndarray  # int32, like node: id of the link taken there; NONE at the last node


def pairs_of(snapshot: Snapshot) -> Pairs:
    """The different pairs of nodes between which there are flows."""
    keys = snapshot.flow_from.astype(np.int64) * snapshot.n_nodes + snapshot.flow_to
    keys, flow, of_flow = np.unique(keys, return_index=True, return_inverse=True)
    end = (keys % snapshot.n_nodes).astype(np.int32)
    return Pairs(
        (keys // snapshot.n_nodes).astype(np.int32),
        end,
        np.searchsorted(snapshot.destinations, end),
        of_flow.reshape(-1),
        flow,
    )


def lay_paths(
    snapshot: Snapshot, tree_link: np.ndarray, pairs: Pairs, paths: Paths, to_way_points: bool = False
) -> ForwardingTable:
    """The table that leads every flow along its pair's paths.

    Parameters
    ----------
    snapshot : Snapshot
    tree_link : int32 array, shape (n_nodes, n_destinations)
        Trees to the destinations, as `trees_towards` gives them.
    pairs : Pairs
    paths : Paths
        Each visits a node once. A pair without any has no route.
    to_way_points : bool
        True: a path that does not end at its pair's destination ends at a way-point, and from there packets
        go on along the tree.

    Raises
    ------
    UserError
        If the table would need more than MOST_LABELS labels or MOST_ENTRIES entries.
    """
    n_nodes, n_columns = snapshot.n_nodes, len(snapshot.destinations)
    column = pairs.column[paths.pair]
    rank = np.arange(len(paths.pair)) - np.searchsorted(paths.pair, paths.pair)
    order = np.lexsort((paths.pair, rank, column))
    most_levels = min(MOST_ENTRIES // max(1, n_nodes), MOST_LABELS) // max(1, n_columns)
    most_paths = int(np.bincount(column).max(initial=0))
    level = np.empty(len(paths.pair), dtype=np.int64)
    tree_link, first, node, link, end = for_kernels(
        tree_link, paths.first, paths.node, paths.link, pairs.end[paths.pair]
    )
    arguments = (order, column, first, node, link, end, tree_link)
    # Of the scratch, zeros that nobody has touched take no memory.
    scratch = np.zeros((max(0, min(most_paths, most_levels - 1)), n_nodes), dtype=np.int64)
    if label_kernels.choose_levels(*arguments, scratch, level) == NONE:
        raise UserError(
            f"{len(paths.pair)} paths to {n_columns} destinations do not fit {most_levels} tables of "
            f"{n_nodes} nodes for each of them ({MOST_ENTRIES * 4 >> 20} MiB in all); "
            "ask for fewer paths per flow, or for fewer flows"
        )
    n_levels = int(level.max(initial=0)) + 1
    table_link = np.full((n_nodes, n_levels * n_columns, 1), NONE, dtype=np.int32)
    table_link[:, :n_columns, 0] = tree_link
    next_label = None
    if to_way_points:
        next_label = np.full((n_nodes, n_levels * n_columns), NONE, dtype=np.int32)
    label_kernels.fill_labels(
        *arguments, level, table_link, np.empty((0, 0), dtype=np.int32) if next_label is None else next_label
    )
    label_of_pair = np.full((len(pairs.end), int(rank.max(initial=0)) + 1), NONE, dtype=np.int32)
    label_of_pair[paths.pair, rank] = level * n_columns + column
    return ForwardingTable(table_link, label_of_pair[pairs.of_flow], next_label)
