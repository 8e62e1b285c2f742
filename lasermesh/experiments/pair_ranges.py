"""Distances of pairs of nodes, each pair at an instant of its own."""

import numpy as np

from lasermesh.contacts.window_kernels import fill_ranges_between


def pair_ranges_m(skies, from_node, to_node, t_s):
    """Distance of each pair of nodes at an instant of its own.

    Parameters
    ----------
    skies : Skies
        Of a `LinkEngine`.
    from_node, to_node : int32 arrays, shape (n,)
    t_s : float64 array, shape (n,)
        Seconds since the topology's epoch.

    Returns
    -------
    range_m : float64 array, shape (n,)
        nan where an end has no position.
    """
    range_m = np.empty(len(t_s))
    index = np.floor(t_s / skies.length_s).astype(np.int64)
    order = np.argsort(index, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(index[order])) + 1):
        if len(rows):
            sky, _ = skies.get(int(index[rows[0]]))
            fill_ranges_between(sky, from_node, to_node, t_s, rows, range_m)
    return range_m
