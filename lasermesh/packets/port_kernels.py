"""What senders let receivers see."""

from lasermesh.compiled import inline_kernel
from lasermesh.packets.link_kernels import release_empty_ring
from lasermesh.packets.state import (
    C_WAKE_ROWS,
    D_WAKE,
    LINK_COLUMNS,
    N_DOMAIN,
    N_NEXT,
    N_OUT,
    N_OUT_END,
    NO_RING,
    R_COUNT,
    R_PUBLISHED,
    SHORT,
    V_PARITY,
    V_WAKES,
    X_BUSY,
    X_FREE,
    X_SENT_COUNT,
    X_TAIL,
    X_TO,
    X_WAITING,
    X_WRITTEN,
)
from lasermesh.packets.sync_kernels import load_acquire, store_release
from lasermesh.packets.transmit_kernels import settle
from lasermesh.units import NONE


@inline_kernel
def wake(control, domains, workers, wakes, worker, domain):
    """Have a domain that another may own look at its streams in the next window."""
    parity = workers[worker, V_PARITY]
    if domains[domain, D_WAKE + parity]:
        return
    domains[domain, D_WAKE + parity] = 1
    n = workers[worker, V_WAKES + parity]
    wakes[(2 * worker + parity) * control[C_WAKE_ROWS] + n] = domain
    workers[worker, V_WAKES + parity] = n + 1


@inline_kernel
def publish(e, worker, node, now):
    """Let last bits leave until `now`, show receivers what has left, and give back empty rings.

    Whether another domain was woken; NONE if short of room for taps.
    """
    domain = e.nodes[node, N_DOMAIN]
    woke = 0
    for row in range(e.nodes[node, N_OUT], e.nodes[node, N_OUT_END]):
        link = e.lists[row]
        if e.links[link, X_TAIL] == NO_RING:
            continue
        if settle(e, worker, node, link, now) == SHORT:
            return NONE
        if e.links[link, X_BUSY] or e.links[link, X_WAITING] > 0:
            e.nodes[node, N_NEXT] = min(e.nodes[node, N_NEXT], e.links[link, X_FREE])
        sent = e.links[link, X_SENT_COUNT]
        if sent != e.links[link, R_PUBLISHED]:
            store_release(e.links, link * LINK_COLUMNS + R_PUBLISHED, sent)
            receiver = e.links[link, X_TO]
            if e.nodes[receiver, N_DOMAIN] == domain:
                e.nodes[receiver, N_NEXT] = min(e.nodes[receiver, N_NEXT], now)
            else:
                wake(e.control, e.domains, e.workers, e.wakes, worker, e.nodes[receiver, N_DOMAIN])
                woke = 1
        elif load_acquire(e.links, link * LINK_COLUMNS + R_COUNT) == e.links[link, X_WRITTEN]:
            release_empty_ring(e.links, e.workers, e.next_chunk, worker, link)
    return woke
