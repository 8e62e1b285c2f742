"""Changes at a node: it fails or is back, links start, stop or change rate, tables switch (rule 1b)."""

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.causes import LINK_DOWN, NODE_DOWN
from lasermesh.packets.link_kernels import (
    BITS_TIMES_PS_PER_S,
    drop,
    give_chunks,
    lacks_taps,
    packets_of,
    position_after,
    put_behind,
    tail_chunk,
)
from lasermesh.packets.state import (
    CHANGE_NODE_DOWN,
    CHANGE_NODE_UP,
    CHANGE_RATE,
    CHANGE_START,
    CHANGE_STOP,
    CHANGE_TABLE,
    CHUNK_BITS,
    G_KIND,
    G_RATE,
    G_SUBJECT,
    G_TIME,
    L_BUSY,
    L_DROPPED_LINK_DOWN,
    L_DROPPED_NODE_DOWN,
    N_CHANGE_END,
    N_DOWN,
    N_KEPT,
    N_KEPT_COUNT,
    N_KEPT_LAST,
    N_TABLE,
    O_REROUTE,
    O_TRAINS,
    P_CREATED,
    P_IDENT,
    P_WORD,
    Q_BYTES,
    Q_COUNT,
    Q_DROP_NEXT,
    Q_DROPPING,
    Q_DROPS,
    Q_FIRST,
    Q_FIRST_ABOVE,
    Q_LAST,
    Q_LAST_DROPS,
    SHORT,
    V_FREE_COUNT,
    V_NEEDED_CHUNKS,
    X_BUSY,
    X_CLASSES,
    X_CUT_CREATED,
    X_CUT_IDENT,
    X_CUT_WORD,
    X_FREE,
    X_LIST,
    X_PS_PER_BYTE,
    X_RATE,
    X_SENT,
    X_SENT_COUNT,
    X_TAIL,
    X_WAITING,
    X_WAITING_BYTES,
    X_WRITTEN,
)
from lasermesh.packets.transmit_kernels import settle
from lasermesh.packets.waiting_kernels import tap_queue
from lasermesh.units import NONE


@inline_kernel
def set_rate(links, link, rate_bps):
    """Put a rate in force for packets taken from now on."""
    links[link, X_RATE] = rate_bps
    exact = BITS_TIMES_PS_PER_S % rate_bps == 0
    links[link, X_PS_PER_BYTE] = BITS_TIMES_PS_PER_S // rate_bps if exact else 0


@inline_kernel
def keep(e, worker, node, position):
    """Copy a packet that a stopped link left behind into its node's store."""
    n = e.nodes[node, N_KEPT_COUNT]
    to = put_behind(e.packets, e.workers, e.next_chunk, worker, e.nodes[node, N_KEPT_LAST], n)
    if n == 0:
        e.nodes[node, N_KEPT] = to
    for column in range(4):
        e.packets[to, column] = e.packets[position, column]
    if e.control[O_TRAINS]:
        for column in range(2):
            e.tails[to, column] = e.tails[position, column]
    e.nodes[node, N_KEPT_LAST] = to
    e.nodes[node, N_KEPT_COUNT] = n + 1


@inline_kernel
def leave_behind(e, worker, node, link, now, position):
    """What becomes of a packet that waits or is in service when its link stops, or its node fails."""
    cause = LINK_DOWN
    word = e.packets[position, P_WORD]
    if e.nodes[node, N_DOWN]:
        cause = NODE_DOWN
        e.links[link, L_DROPPED_NODE_DOWN] += packets_of(word)
    elif e.control[O_REROUTE]:
        keep(e, worker, node, position)
        return
    else:
        e.links[link, L_DROPPED_LINK_DOWN] += packets_of(word)
    ident = e.packets[position, P_IDENT]
    created = e.packets[position, P_CREATED]
    drop(e, worker, node, link, now, cause, created, ident, word)


@inline_kernel
def empty_lists(e, worker, node, link, now):
    """Leave behind what the waiting lists of a link hold, and start them anew."""
    for row in range(e.links[link, X_LIST] + e.links[link, X_CLASSES] - 1, e.links[link, X_LIST] - 1, -1):
        n = e.queues[row, Q_COUNT]
        position = e.queues[row, Q_FIRST]
        for k in range(n):
            if k > 0:
                position = position_after(e.next_chunk, position)
            leave_behind(e, worker, node, link, now, position)
        if n > 0:
            first = e.queues[row, Q_FIRST] >> CHUNK_BITS
            give_chunks(e.workers, e.next_chunk, worker, first, e.queues[row, Q_LAST] >> CHUNK_BITS)
        for column in (Q_COUNT, Q_BYTES, Q_FIRST_ABOVE, Q_DROP_NEXT, Q_DROPS, Q_LAST_DROPS, Q_DROPPING):
            e.queues[row, column] = 0


@inline_kernel
def stop_link(e, worker, node, link, now):
    """Take a link down: what has not left stays behind and is cut off the ring."""
    links = e.links
    if links[link, X_BUSY]:
        links[link, L_BUSY] -= links[link, X_FREE] - now
    if links[link, X_CUT_WORD] != 0:
        # What a stop cuts off a train is lost by the stop, whatever else happens then.
        word = links[link, X_CUT_WORD]
        ident = links[link, X_CUT_IDENT]
        created = links[link, X_CUT_CREATED]
        links[link, L_DROPPED_LINK_DOWN] += packets_of(word)
        drop(e, worker, node, link, now, LINK_DOWN, created, ident, word)
        links[link, X_CUT_WORD] = 0
    n = links[link, X_WRITTEN] - links[link, X_SENT_COUNT]
    if n > 0:
        position = links[link, X_SENT]
        for k in range(n):
            if k > 0:
                position = position_after(e.next_chunk, position)
            leave_behind(e, worker, node, link, now, position)
        position = links[link, X_SENT]
        chunk = position >> CHUNK_BITS
        last = tail_chunk(links, link)
        if chunk != last:
            give_chunks(e.workers, e.next_chunk, worker, np.int64(e.next_chunk[chunk]), last)
        links[link, X_TAIL] = position
        links[link, X_WRITTEN] = links[link, X_SENT_COUNT]
    waited = links[link, X_WAITING]
    if links[link, X_LIST] != NONE:
        empty_lists(e, worker, node, link, now)
    links[link, X_BUSY] = 0
    links[link, X_WAITING] = 0
    links[link, X_WAITING_BYTES] = 0
    links[link, X_RATE] = 0
    links[link, X_FREE] = now
    if waited > 0:
        tap_queue(links, e.workers, e.taps, worker, link, now)


@part_kernel
def apply_changes(e, worker, node, row, now):
    """Changes of one instant at one node, from `row` on; the row behind them. NONE if short of room.

    What stopped links leave behind is dropped, or kept by the node for rule 1c, by link and queue order.
    """
    end = row
    leftover = 0
    while end < e.nodes[node, N_CHANGE_END] and e.changes[end, G_TIME] == now:
        kind = e.changes[end, G_KIND]
        if kind <= CHANGE_RATE:
            link = e.changes[end, G_SUBJECT]
            if settle(e, worker, node, link, now) == SHORT:
                return NONE
            if kind == CHANGE_STOP:
                leftover += e.links[link, X_WAITING] + 4
        end += 1
    if leftover > 0 and e.control[O_REROUTE]:
        chunks = (leftover >> CHUNK_BITS) + 2
        if e.workers[worker, V_FREE_COUNT] < chunks:
            e.workers[worker, V_NEEDED_CHUNKS] = chunks
            return NONE
    if leftover > 0 and lacks_taps(e, worker, leftover):
        return NONE
    for change in range(row, end):
        kind = e.changes[change, G_KIND]
        subject = e.changes[change, G_SUBJECT]
        if kind == CHANGE_TABLE:
            e.nodes[node, N_TABLE] = subject
        elif kind == CHANGE_NODE_DOWN:
            e.nodes[node, N_DOWN] = 1
        elif kind == CHANGE_NODE_UP:
            e.nodes[node, N_DOWN] = 0
        elif kind == CHANGE_STOP:
            stop_link(e, worker, node, subject, now)
        else:
            if kind == CHANGE_START:
                e.links[subject, X_FREE] = now
            set_rate(e.links, subject, e.changes[change, G_RATE])
    return end
