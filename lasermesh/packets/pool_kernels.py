"""Free chunks of the workers: each has a list of its own, linked through `next_chunk`."""

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.packets.state import V_FREE_CHUNK, V_FREE_COUNT


@kernel
def collect_chunks(worker_rows, next_chunk):
    """Take all workers' free chunks: int32 array of their ids."""
    free = np.empty(worker_rows[:, V_FREE_COUNT].sum(), np.int32)
    n = 0
    for worker in range(len(worker_rows)):
        chunk = worker_rows[worker, V_FREE_CHUNK]
        while chunk >= 0:
            free[n] = chunk
            n += 1
            chunk = next_chunk[chunk]
        worker_rows[worker, V_FREE_CHUNK] = -1
        worker_rows[worker, V_FREE_COUNT] = 0
    return free


@kernel
def spread_chunks(worker_rows, next_chunk, free):
    """Deal chunks to the workers, an equal and contiguous share each."""
    n_workers = len(worker_rows)
    for k in range(len(free)):
        worker = k * n_workers // len(free)
        next_chunk[free[k]] = worker_rows[worker, V_FREE_CHUNK]
        worker_rows[worker, V_FREE_CHUNK] = free[k]
        worker_rows[worker, V_FREE_COUNT] += 1
