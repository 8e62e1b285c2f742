"""The receiving end of links, and what senders let receivers see."""

from lasermesh.compiled import inline_kernel
from lasermesh.packets.link_kernels import give_chunk, release_empty_ring, settle
from lasermesh.packets.state import (
    CHUNK_BITS,
    CHUNK_MASK,
    D_WAKE,
    LINK_COLUMNS,
    N_DOMAIN,
    N_NEXT,
    N_OUT,
    N_OUT_END,
    NEVER,
    NO_RING,
    P_TIME,
    R_COUNT,
    R_POSITION,
    R_PUBLISHED,
    SHORT,
    V_PARITY,
    X_SENT_COUNT,
    X_TAIL,
    X_TO,
    X_WRITTEN,
)
from lasermesh.packets.sync_kernels import load_acquire, store_release
from lasermesh.units import NONE


@inline_kernel
def head_position(links, workers, next_chunk, worker, link):
    """Position of the next packet to read, which must be published; gives back a chunk that has been read."""
    position = links[link, R_POSITION]
    if position < 0:
        chunk = ~position
        position = next_chunk[chunk] << CHUNK_BITS
        give_chunk(workers, next_chunk, worker, chunk)
        links[link, R_POSITION] = position
    return position


@inline_kernel
def head_time(links, packets, workers, next_chunk, worker, link):
    """When the next packet of an incoming link arrives; NEVER if none is published."""
    if load_acquire(links, link * LINK_COLUMNS + R_PUBLISHED) == links[link, R_COUNT]:
        return NEVER
    return packets[head_position(links, workers, next_chunk, worker, link), P_TIME]


@inline_kernel
def pass_head(links, packets, workers, next_chunk, worker, link):
    """Move on from the packet at the head of an incoming link; when the one behind it arrives, or NEVER."""
    position = links[link, R_POSITION]
    count = links[link, R_COUNT] + 1
    if (position + 1) & CHUNK_MASK:
        links[link, R_POSITION] = position + 1
    else:
        links[link, R_POSITION] = ~(position >> CHUNK_BITS)
    store_release(links, link * LINK_COLUMNS + R_COUNT, count)
    if load_acquire(links, link * LINK_COLUMNS + R_PUBLISHED) == count:
        return NEVER
    return packets[head_position(links, workers, next_chunk, worker, link), P_TIME]


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
        if settle(e, worker, link, now, False) == SHORT:
            return NONE
        sent = e.links[link, X_SENT_COUNT]
        if sent != e.links[link, R_PUBLISHED]:
            store_release(e.links, link * LINK_COLUMNS + R_PUBLISHED, sent)
            receiver = e.links[link, X_TO]
            if e.nodes[receiver, N_DOMAIN] == domain:
                e.nodes[receiver, N_NEXT] = min(e.nodes[receiver, N_NEXT], now)
            else:
                e.domains[e.nodes[receiver, N_DOMAIN], D_WAKE + e.workers[worker, V_PARITY]] = 1
                woke = 1
        elif load_acquire(e.links, link * LINK_COLUMNS + R_COUNT) == e.links[link, X_WRITTEN]:
            release_empty_ring(e.links, e.workers, e.next_chunk, worker, link)
    return woke
