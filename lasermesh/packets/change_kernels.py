"""Changes at a node: links start, stop or change rate, tables switch (packet model, rule 1b)."""

from lasermesh.compiled import inline_kernel
from lasermesh.packets.causes import LINK_DOWN
from lasermesh.packets.link_kernels import (
    BITS_TIMES_PS_PER_S,
    add_tap,
    give_chunk,
    give_chunks,
    position_after,
    settle,
    tail_chunk,
    take_chunk,
)
from lasermesh.packets.state import (
    CHANGE_START,
    CHANGE_STOP,
    CHANGE_TABLE,
    CHUNK_BITS,
    CHUNK_MASK,
    G_KIND,
    G_RATE,
    G_SUBJECT,
    G_TIME,
    L_BUSY,
    L_DROPPED_LINK_DOWN,
    N_CHANGE_END,
    N_KEPT,
    N_KEPT_COUNT,
    N_KEPT_LAST,
    N_TABLE,
    O_REROUTE,
    O_TRACE,
    P_CREATED,
    P_IDENT,
    P_WORD,
    SEQUENCE_BITS,
    SHORT,
    TAP_DROPPED,
    V_FREE_COUNT,
    V_NEEDED_CHUNKS,
    V_NEEDED_TAPS,
    V_TAPS,
    V_TAPS_END,
    X_BUSY,
    X_FREE,
    X_PS_PER_BYTE,
    X_RATE,
    X_SENT,
    X_SENT_COUNT,
    X_TAIL,
    X_WAITING,
    X_WAITING_BYTES,
    X_WRITTEN,
)
from lasermesh.units import NONE


@inline_kernel
def drop(e, worker, node, now, cause, created, ident, word):
    """Count a packet that goes no further."""
    e.dropped[worker * len(e.flows) + (ident >> SEQUENCE_BITS), cause] += 1
    if e.control[O_TRACE]:
        add_tap(e, worker, now, TAP_DROPPED + cause, node, created, ident, word)


@inline_kernel
def set_rate(links, link, rate_bps):
    """Put a rate in force for packets taken from now on."""
    links[link, X_RATE] = rate_bps
    exact = BITS_TIMES_PS_PER_S % rate_bps == 0
    links[link, X_PS_PER_BYTE] = BITS_TIMES_PS_PER_S // rate_bps if exact else 0


@inline_kernel
def stop_link(links, workers, next_chunk, worker, link, now):
    """Take a link down: what has not left is cut off the ring; the caller has seen to those packets."""
    if links[link, X_BUSY]:
        links[link, L_BUSY] -= links[link, X_FREE] - now
    if links[link, X_WRITTEN] != links[link, X_SENT_COUNT]:
        position = links[link, X_SENT]
        chunk = position >> CHUNK_BITS
        last = tail_chunk(links, link)
        if chunk != last:
            give_chunks(workers, next_chunk, worker, next_chunk[chunk], last)
        links[link, X_TAIL] = position
        links[link, X_WRITTEN] = links[link, X_SENT_COUNT]
    links[link, X_BUSY] = 0
    links[link, X_WAITING] = 0
    links[link, X_WAITING_BYTES] = 0
    links[link, X_RATE] = 0
    links[link, X_FREE] = now


@inline_kernel
def keep(nodes, packets, workers, next_chunk, worker, node, position):
    """Copy a packet that a stopped link left behind into its node's store."""
    n = nodes[node, N_KEPT_COUNT]
    last = nodes[node, N_KEPT_LAST]
    if n == 0 or (last + 1) & CHUNK_MASK == 0:
        chunk = take_chunk(workers, next_chunk, worker)
        if n == 0:
            nodes[node, N_KEPT] = chunk << CHUNK_BITS
        else:
            next_chunk[last >> CHUNK_BITS] = chunk
        last = (chunk << CHUNK_BITS) - 1
    last += 1
    for column in range(4):
        packets[last, column] = packets[position, column]
    nodes[node, N_KEPT_LAST] = last
    nodes[node, N_KEPT_COUNT] = n + 1


@inline_kernel
def pass_kept(nodes, workers, next_chunk, worker, node):
    """Move on from the first packet in a node's store; whether there is another."""
    position = nodes[node, N_KEPT]
    nodes[node, N_KEPT_COUNT] -= 1
    more = nodes[node, N_KEPT_COUNT] > 0
    if (position + 1) & CHUNK_MASK and more:
        nodes[node, N_KEPT] = position + 1
        return True
    chunk = position >> CHUNK_BITS
    if more:
        nodes[node, N_KEPT] = next_chunk[chunk] << CHUNK_BITS
    give_chunk(workers, next_chunk, worker, chunk)
    return more


@inline_kernel
def apply_changes(e, worker, node, row, now):
    """Changes of one instant at one node, from `row` on; the row behind them. NONE if short of room.

    What stopped links leave behind is dropped, or kept by the node for rule 1c, by link and queue order.
    """
    end = row
    leftover = 0
    while end < e.nodes[node, N_CHANGE_END] and e.changes[end, G_TIME] == now:
        if e.changes[end, G_KIND] != CHANGE_TABLE:
            link = e.changes[end, G_SUBJECT]
            if settle(e, worker, link, now, False) == SHORT:
                return NONE
            if e.changes[end, G_KIND] == CHANGE_STOP:
                leftover += e.links[link, X_WRITTEN] - e.links[link, X_SENT_COUNT]
        end += 1
    if leftover > 0 and e.control[O_REROUTE]:
        chunks = (leftover >> CHUNK_BITS) + 1
        if e.workers[worker, V_FREE_COUNT] < chunks:
            e.workers[worker, V_NEEDED_CHUNKS] = chunks
            return NONE
    elif leftover > 0 and e.control[O_TRACE]:
        if e.workers[worker, V_TAPS] + leftover > e.workers[worker, V_TAPS_END]:
            e.workers[worker, V_NEEDED_TAPS] = leftover
            return NONE
    for change in range(row, end):
        kind = e.changes[change, G_KIND]
        subject = e.changes[change, G_SUBJECT]
        if kind == CHANGE_TABLE:
            e.nodes[node, N_TABLE] = subject
        elif kind == CHANGE_STOP:
            position = e.links[subject, X_SENT]
            for k in range(e.links[subject, X_WRITTEN] - e.links[subject, X_SENT_COUNT]):
                if k > 0:
                    position = position_after(e.next_chunk, position)
                if e.control[O_REROUTE]:
                    keep(e.nodes, e.packets, e.workers, e.next_chunk, worker, node, position)
                else:
                    e.links[subject, L_DROPPED_LINK_DOWN] += 1
                    created = e.packets[position, P_CREATED]
                    ident = e.packets[position, P_IDENT]
                    drop(
                        e,
                        worker,
                        node,
                        now,
                        LINK_DOWN,
                        created,
                        ident,
                        e.packets[position, P_WORD],
                    )
            stop_link(e.links, e.workers, e.next_chunk, worker, subject, now)
        else:
            if kind == CHANGE_START:
                e.links[subject, X_FREE] = now
            set_rate(e.links, subject, e.changes[change, G_RATE])
    return end
