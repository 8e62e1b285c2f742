"""Making the arrays of the engine."""

import numpy as np


def aligned(shape, fill=0):
    """int64 array that starts on a cache line, so that 64-byte rows are lines."""
    n = int(np.prod(shape))
    raw = np.full(n + 8, fill, np.int64)
    skip = (-raw.ctypes.data % 64) // 8
    return raw[skip : skip + n].reshape(shape)


def grown(array, n, fill=0):
    """The array with at least n rows; twice as many as before if it has to grow."""
    if len(array) >= n:
        return array
    new = aligned((max(n, 2 * len(array)), *array.shape[1:]), fill).astype(array.dtype, copy=False)
    new[: len(array)] = array
    return new


def offsets_of(n_rows, row_of):
    """Where each row's entries begin once sorted by row: int64 array, shape (n_rows + 1,)."""
    offsets = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.bincount(row_of, minlength=n_rows), out=offsets[1:])
    return offsets
