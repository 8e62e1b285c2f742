"""Service pools: requests wait first come, first served for one of several servers, then are answered.

The end of a service is known when the request comes, as all before it have theirs. A pool remembers in
`room`, from O_ROOM on: when each server is free, a circular list of the starts that lie ahead, and a heap of
the replies that are to come.
"""

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.exponential_kernels import exponential_ps
from lasermesh.packets.state import (
    NEVER,
    O_ARRIVED,
    O_BUSY,
    O_KIND,
    O_LIMIT,
    O_ORDER,
    O_PENDING,
    O_REFUSED,
    O_ROOM,
    O_SERVERS,
    O_SERVICE,
    O_WAIT_SUM,
    O_WAITED,
    O_WAITING,
    O_WAITING_END,
)
from lasermesh.random_kernels import SERVICE
from lasermesh.traffic.kinds import SERVICE_CONSTANT

# A reply that is to come: words of its entry.
E_TIME = 0
E_FLOW = 1  # of replies
E_ORDER = 2
E_CREATED = 3
E_LEFT = 4  # bytes that have not been sent
ENTRY = 5

HIGH_WORD = 2**61
FAR_PS = 2**62
"""An instant behind every run, to which something can still be added."""


@inline_kernel
def first_entry(pools, pool):
    """Where the heap of a pool's replies begins in `room`."""
    return pools[pool, O_ROOM] + pools[pool, O_SERVERS] + pools[pool, O_LIMIT] + 1


@inline_kernel
def comes_before(room, a, b):
    """Whether one entry's reply comes before another's: by time, flow row, order of acceptance."""
    if room[a + E_TIME] != room[b + E_TIME]:
        return room[a + E_TIME] < room[b + E_TIME]
    if room[a + E_FLOW] != room[b + E_FLOW]:
        return room[a + E_FLOW] < room[b + E_FLOW]
    return room[a + E_ORDER] < room[b + E_ORDER]


@inline_kernel
def swap_entries(room, a, b):
    for word in range(ENTRY):
        room[a + word], room[b + word] = room[b + word], room[a + word]


@inline_kernel
def add_entry(pools, room, pool, time_ps, flow, created, n_bytes):
    """Note a reply that is to come."""
    first = first_entry(pools, pool)
    n = pools[pool, O_PENDING]
    at = first + ENTRY * n
    room[at + E_TIME] = time_ps
    room[at + E_FLOW] = flow
    room[at + E_ORDER] = pools[pool, O_ORDER]
    room[at + E_CREATED] = created
    room[at + E_LEFT] = n_bytes
    pools[pool, O_ORDER] += 1
    pools[pool, O_PENDING] = n + 1
    while n > 0:
        parent = (n - 1) >> 1
        if comes_before(room, first + ENTRY * parent, first + ENTRY * n):
            break
        swap_entries(room, first + ENTRY * parent, first + ENTRY * n)
        n = parent


@inline_kernel
def remove_first_entry(pools, room, pool):
    """Forget the reply that came first."""
    first = first_entry(pools, pool)
    n = pools[pool, O_PENDING] - 1
    pools[pool, O_PENDING] = n
    swap_entries(room, first, first + ENTRY * n)
    hole = 0
    while 2 * hole + 1 < n:
        child = 2 * hole + 1
        if child + 1 < n and comes_before(room, first + ENTRY * (child + 1), first + ENTRY * child):
            child += 1
        if comes_before(room, first + ENTRY * hole, first + ENTRY * child):
            break
        swap_entries(room, first + ENTRY * hole, first + ENTRY * child)
        hole = child


@inline_kernel
def next_reply_ps(pools, room, pool):
    """When a pool answers next; NEVER if nothing is under way."""
    if pools[pool, O_PENDING] == 0:
        return NEVER
    return room[first_entry(pools, pool) + E_TIME]


@inline_kernel
def add_long(pools, pool, column, ps):
    """Add to a sum of two words, the second in units of HIGH_WORD."""
    total = pools[pool, column] + ps
    if total >= HIGH_WORD:
        total -= HIGH_WORD
        pools[pool, column + 1] += 1
    pools[pool, column] = total


@part_kernel
def service_ps(pools, seed, pool, flow, sequence):
    """How long the service of one request takes."""
    mean = np.int64(pools[pool, O_SERVICE]).view(np.float64)
    if pools[pool, O_KIND] == SERVICE_CONSTANT:
        return max(1, np.int64(np.floor(min(mean + 0.5, float(HIGH_WORD)))))
    return exponential_ps(mean, seed, SERVICE, flow, sequence)


@inline_kernel
def take_request(pools, room, seed, run_end, pool, now, flow, sequence, created, reply_flow, reply_bytes):
    """A request has come to a pool: when it will be served is known from here on, or it is refused.

    Times waited and served count up to the end of the run.
    """
    first = pools[pool, O_ROOM]
    servers = pools[pool, O_SERVERS]
    starts = first + servers
    limit = pools[pool, O_LIMIT]
    pools[pool, O_ARRIVED] += 1
    while pools[pool, O_WAITING] < pools[pool, O_WAITING_END]:
        if room[starts + pools[pool, O_WAITING] % (limit + 1)] > now:
            break
        pools[pool, O_WAITING] += 1
    best = first
    for server in range(first + 1, first + servers):
        if room[server] < room[best]:
            best = server
    start = max(now, room[best])
    if start > now:
        if pools[pool, O_WAITING_END] - pools[pool, O_WAITING] >= limit:
            pools[pool, O_REFUSED] += 1
            return
        room[starts + pools[pool, O_WAITING_END] % (limit + 1)] = start
        pools[pool, O_WAITING_END] += 1
        pools[pool, O_WAITED] += 1
        add_long(pools, pool, O_WAIT_SUM, min(start, run_end) - now)
    end = min(start + service_ps(pools, seed, pool, flow, sequence), FAR_PS)
    room[best] = end
    add_long(pools, pool, O_BUSY, min(end, run_end) - min(start, run_end))
    add_entry(pools, room, pool, end, reply_flow, created, reply_bytes)
