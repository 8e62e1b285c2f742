"""Work spread over threads: kernels do not hold the interpreter's lock."""

import itertools
from concurrent.futures import ThreadPoolExecutor

from lasermesh.compiled import COMPILED
from lasermesh.machine import processors

_WORTH_A_THREAD = 16
"""Rows of work below which one thread is done before another has started."""

_MANY_ROWS = 1000

_pool = None


def spread(fill, n_rows, *arguments):
    """Call `fill(first, last, *arguments)` for parts that together are the rows [0, n_rows), in any order.

    What the parts write must not overlap. Unlike a parallel loop inside a kernel this compiles the kernel but
    once, and any number of threads of the program may do it at a time.
    """
    global _pool
    workers = processors() if COMPILED else 1
    # Each part costs some 0.1 ms to hand over; more of them than threads make up for rows of unequal work.
    parts = min(workers if n_rows < _MANY_ROWS else 4 * workers, n_rows // _WORTH_A_THREAD)
    if workers == 1 or parts < 2:
        fill(0, n_rows, *arguments)
        return
    if _pool is None:
        _pool = ThreadPoolExecutor(workers - 1, "contacts")
    edges = [n_rows * part // parts for part in range(parts + 1)]
    mine, *others = itertools.pairwise(edges)
    waiting = [_pool.submit(fill, *part, *arguments) for part in others]
    fill(*mine, *arguments)
    for part in waiting:
        part.result()
