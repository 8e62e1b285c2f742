"""How long pairs will stay linkable, by looking ahead along the orbits."""

import math

import numpy as np

from lasermesh.contacts.window_kernels import fill_ends

HORIZON_S = 6 * 3600.0
"""Nobody looks further ahead than this: ends beyond it count as equal."""


def predict_ends(
    skies, world, first, second, types, site, max_range_m, t_s, horizon_s=HORIZON_S, only_last=False
):
    """When the conditions of pairs that hold now first fail: float64 (n,), inf beyond the horizon.

    Parameters
    ----------
    first, second : int arrays, shape (n,)
    types : pair of int arrays, shape (n,)
    site, max_range_m : scalars or arrays, shape (n,)
    only_last : bool
        Stop once a single pair is left, whose end is then inf: it outlasts all others.
    """
    n = len(first)
    ends_s = np.full(n, math.inf)
    alive = np.ones(n, dtype=bool)
    columns = (
        np.asarray(first, dtype=np.int32),
        np.asarray(second, dtype=np.int32),
        np.stack(np.broadcast_arrays(*types, np.zeros(n, np.int32))[:2], axis=1).astype(np.int32),
        np.broadcast_to(np.asarray(site, dtype=np.int32), n).copy(),
        np.broadcast_to(np.asarray(max_range_m, dtype=np.float64), n).copy(),
    )
    from_s, index = t_s, skies.index_at(t_s)
    least_left = 1 if only_last else 0
    while alive.sum() > least_left and from_s < t_s + horizon_s:
        sky, _ = skies.get(index)
        fill_ends(sky, world, *columns, alive, from_s, ends_s)
        index += 1
        from_s = index * skies.length_s
    return np.where(ends_s >= t_s + horizon_s, math.inf, ends_s)
