"""Nodes sorted into cubes of space."""

import numpy as np

from lasermesh.contacts.cell_kernels import Cells, fill_cells


def sorted_into_cells(state, column, nodes, radius_m, per_axis):
    """Nodes by the cubes of a grid, `per_axis` to each side, about a sphere that holds them all.

    Parameters
    ----------
    state : float64 array, shape (n_nodes, n_columns)
        Three columns from `column` on are the position; nodes without one are left out.
    nodes : int array, shape (n,)
    radius_m : float
    per_axis : int

    Returns
    -------
    Cells
        Whose members are rows of `nodes`.
    """
    cells = Cells(
        per_axis,
        2.0 * radius_m / per_axis,
        -radius_m,
        np.empty(per_axis**3 + 1, dtype=np.int64),
        np.empty(len(nodes), dtype=np.int32),
    )
    scratch = np.empty(len(nodes), dtype=np.int64), np.empty(per_axis**3, dtype=np.int64)
    fill_cells(state, column, nodes, cells, *scratch)
    return cells
