"""A heap of four ways: rows by a key, two columns that are long enough.

Places are unsigned: numba then leaves out the test for a negative index.
"""

import numpy as np

from lasermesh.compiled import part_kernel


@part_kernel
def push(keys, rows, size, key, row):
    """Add a row (uint32) by its key to a heap that holds so many."""
    place = np.uint64(size)
    while place > 0:
        parent = (place - np.uint64(1)) >> np.uint64(2)
        if keys[parent] <= key:
            break
        keys[place] = keys[parent]
        rows[place] = rows[parent]
        place = parent
    keys[place] = key
    rows[place] = row


@part_kernel
def pop(keys, rows, size):
    """Take the root, the row of least key, from a heap, of which so many are left then."""
    key, row = keys[size], rows[size]
    size, place = np.uint64(size), np.uint64(0)
    while True:
        child = (place << np.uint64(2)) + np.uint64(1)
        if child >= size:
            break
        least = child
        for other in range(child + np.uint64(1), min(child + np.uint64(4), size)):
            if keys[other] < keys[least]:
                least = np.uint64(other)
        if keys[least] >= key:
            break
        keys[place] = keys[least]
        rows[place] = rows[least]
        place = least
    keys[place] = key
    rows[place] = row
