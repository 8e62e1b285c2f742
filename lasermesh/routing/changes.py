"""What differs between two forwarding tables."""

from typing import NamedTuple

import numpy as np

from lasermesh.routing import change_kernels
from lasermesh.routing.snapshot import for_kernels
from lasermesh.routing.table import ForwardingTable
from lasermesh.units import NONE


class TableChanges(NamedTuple):
    """Entries that differ, by node, then label, then choice; row i is one entry."""

    node: np.ndarray  # int32 (n,)
    label: np.ndarray  # int32 (n,)
    choice: np.ndarray  # int32 (n,)
    before: np.ndarray  # int32 (n,)  id of the link to take until now, NONE where there was none
    after: np.ndarray  # int32 (n,)  id of the link to take from now on, NONE where there is none


def table_changes(before: ForwardingTable | None, after: ForwardingTable) -> TableChanges:
    """The entries of `link` that differ between two tables for the same nodes.

    Parameters
    ----------
    before : ForwardingTable or None
        None: there was none, so that all of `after` is new.
    after : ForwardingTable

    Returns
    -------
    changes : TableChanges
        Labels and choices that only one of the tables has count as NONE in the other. Which labels flows
        enter with, and where labels change on the way, is not told.

    Raises
    ------
    ValueError
        If the tables are for different numbers of nodes.
    """
    n_nodes = len(after.link)
    old = np.full((n_nodes, 0, 0), NONE, np.int32) if before is None else before.link
    if len(old) != n_nodes:
        raise ValueError(f"the tables must have the same nodes (got {len(old)} and {n_nodes})")
    shape = tuple(np.maximum(old.shape, after.link.shape))
    tables = for_kernels(_padded(old, shape), _padded(after.link, shape))
    n_changes = change_kernels.count_changes(*tables)
    changes = TableChanges(*(np.empty(n_changes, np.int32) for _ in TableChanges._fields))
    change_kernels.fill_changes(*tables, *changes)
    return changes


def _padded(link, shape):
    """Link ids with as many labels and choices as another table has."""
    if link.shape == shape:
        return link
    padded = np.full(shape, NONE, np.int32)
    padded[:, : link.shape[1], : link.shape[2]] = link
    return padded
