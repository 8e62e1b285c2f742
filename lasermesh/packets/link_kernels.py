"""One link: its ring of packets, and the times of last bits.

A ring is a list of chunks with two cursors. Before `sent` are the packets in flight, each stamped with its
arrival; from `sent` on are the one in service and those that wait. The sender's domain writes at the tail and
moves `sent`; the receiver's domain reads at the head. A link is brought up to an instant when it is touched.
"""

import math

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.state import (
    C_STEP_END,
    C_STEP_START,
    CHUNK_BITS,
    CHUNK_MASK,
    COUNT_MASK,
    COUNT_SHIFT,
    K_STOP,
    N_TAPS,
    NO_RING,
    O_FRAMING,
    O_TAPPED,
    O_TRACE,
    O_TRACED_FLOWS,
    O_WATCHED,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    R_POSITION,
    S_TRACED,
    SEQUENCE_BITS,
    SEQUENCE_MASK,
    SIZE_MASK,
    SIZE_SHIFT,
    T_CREATED,
    T_IDENT,
    T_KIND,
    T_PLACE,
    T_TAIL,
    T_TIME,
    T_WORD,
    TAP_DROPPED,
    TAP_DROPS_IN,
    TAP_DROPS_OUT,
    TAP_ENDED,
    TRACED,
    V_FREE_CHUNK,
    V_FREE_COUNT,
    V_NEEDED_TAPS,
    V_STOP_AT,
    V_TAPS,
    V_TAPS_END,
    WATCHED,
    X_DELAY_END,
    X_DELAY_START,
    X_PS_PER_BYTE,
    X_RATE,
    X_TAIL,
    X_TAPS,
    X_TO,
    X_WRITTEN,
    ZERO,
)

BITS_TIMES_PS_PER_S = 8_000_000_000_000


@inline_kernel
def row(index):
    """An index that is never negative: numba then leaves out the case that counts from the end."""
    return np.uint64(index)


@inline_kernel
def take_chunk(workers, next_chunk, worker):
    """A free chunk of this worker, which must have one."""
    chunk = workers[worker, V_FREE_CHUNK]
    workers[worker, V_FREE_CHUNK] = next_chunk[chunk]
    workers[worker, V_FREE_COUNT] -= 1
    return chunk


@inline_kernel
def give_chunk(workers, next_chunk, worker, chunk):
    """Put a chunk on this worker's list of free ones."""
    next_chunk[chunk] = workers[worker, V_FREE_CHUNK]
    workers[worker, V_FREE_CHUNK] = chunk
    workers[worker, V_FREE_COUNT] += 1


@inline_kernel
def give_chunks(workers, next_chunk, worker, chunk, last):
    """Put the chunks of a ring from one to another, both included, on this worker's list of free ones."""
    while chunk != last:
        following = np.int64(next_chunk[chunk])
        give_chunk(workers, next_chunk, worker, chunk)
        chunk = following
    give_chunk(workers, next_chunk, worker, last)


@inline_kernel
def append(links, workers, next_chunk, worker, link):
    """Position for one more packet at the tail of a ring."""
    tail = links[link, X_TAIL]
    if tail < 0:
        chunk = take_chunk(workers, next_chunk, worker)
        if tail == NO_RING:
            links[link, R_POSITION] = chunk << CHUNK_BITS
        else:
            next_chunk[~tail] = chunk
        tail = chunk << CHUNK_BITS
    following = tail + 1
    if following & CHUNK_MASK == 0:
        following = ~(tail >> CHUNK_BITS)
    links[link, X_TAIL] = following
    links[link, X_WRITTEN] += 1
    return tail


@inline_kernel
def position_after(next_chunk, position):
    """Position of the packet behind this one, which must have been written."""
    if (position + 1) & CHUNK_MASK:
        return position + 1
    return np.int64(next_chunk[position >> CHUNK_BITS]) << CHUNK_BITS


@inline_kernel
def tail_chunk(links, link):
    """The chunk in which a ring that holds any is written."""
    tail = links[link, X_TAIL]
    return ~tail if tail < 0 else tail >> CHUNK_BITS


@inline_kernel
def release_empty_ring(links, workers, next_chunk, worker, link):
    """Give back the chunks of a ring whose every packet has been read."""
    position = links[link, R_POSITION]
    chunk = ~position if position < 0 else position >> CHUNK_BITS
    give_chunks(workers, next_chunk, worker, chunk, tail_chunk(links, link))
    links[link, X_TAIL] = NO_RING


@inline_kernel
def put_behind(packets, workers, next_chunk, worker, last, n):
    """Position for one more packet in a list of `n` whose last one is at `last`."""
    if n > 0 and (last + 1) & CHUNK_MASK:
        return last + 1
    chunk = take_chunk(workers, next_chunk, worker)
    if n > 0:
        next_chunk[last >> CHUNK_BITS] = chunk
    return chunk << CHUNK_BITS


@inline_kernel
def first_after_pop(workers, next_chunk, worker, first, n):
    """Where a list of `n` packets begins once its first is taken out; a chunk that is used up goes back."""
    if n > 1 and (first + 1) & CHUNK_MASK:
        return first + 1
    chunk = first >> CHUNK_BITS
    following = np.int64(next_chunk[chunk]) << CHUNK_BITS if n > 1 else first
    give_chunk(workers, next_chunk, worker, chunk)
    return following


@inline_kernel
def packets_of(word):
    """How many packets an entry stands for: one, unless it is a train."""
    return ((word >> COUNT_SHIFT) & COUNT_MASK) + 1


@inline_kernel
def size_of(word):
    """Bytes of a packet, of each of a train."""
    return (word >> SIZE_SHIFT) & SIZE_MASK


@inline_kernel
def add_tap(workers, taps, worker, time_ps, kind, place, created, ident, word, tail_ps):
    """Record one event; the caller has made sure of room."""
    row = workers[worker, V_TAPS]
    taps[row, T_TIME] = time_ps
    taps[row, T_KIND] = kind
    taps[row, T_PLACE] = place
    taps[row, T_IDENT] = ident
    taps[row, T_WORD] = word
    taps[row, T_CREATED] = created
    taps[row, T_TAIL] = tail_ps
    workers[worker, V_TAPS] = row + 1


@inline_kernel
def lacks_taps(e, worker, rows):
    """Whether there is no room for the records of so many events, which is then asked for."""
    rows *= e.control[O_TAPPED]
    if e.workers[worker, V_TAPS] + rows <= e.workers[worker, V_TAPS_END]:
        return False
    e.workers[worker, V_NEEDED_TAPS] = rows
    return True


@inline_kernel
def is_traced(control, flows, ident):
    """Whether a packet's flow is recorded wherever it goes."""
    return control[O_TRACED_FLOWS] != 0 and flows[ident >> SEQUENCE_BITS, S_TRACED] & TRACED != 0


@part_kernel
def note_end(flows, workers, taps, worker, node, time_ps, cause, created, ident, word):
    """Record where an entry has ended if its flow is watched; the caller has made sure of room."""
    flow = ident >> SEQUENCE_BITS
    if flows[flow, S_TRACED] & WATCHED == 0:
        return
    add_tap(workers, taps, worker, time_ps, TAP_ENDED + cause, node, created, ident, word, ZERO)
    if (ident & SEQUENCE_MASK) + packets_of(word) > flows[flow, K_STOP]:
        workers[worker, V_STOP_AT] = min(workers[worker, V_STOP_AT], time_ps)


@inline_kernel
def are_drops_tapped(links, nodes, node, link):
    """Whether drops at a node, at the end there of a link if there is one, are recorded."""
    if nodes[node, N_TAPS]:
        return True
    if link < 0:
        return False
    return links[link, X_TAPS] & (TAP_DROPS_IN if links[link, X_TO] == node else TAP_DROPS_OUT) != 0


@part_kernel
def note_drop(
    control, links, nodes, flows, workers, taps, worker, node, link, now, cause, created, ident, word
):
    """Record a drop where it, or how packets of its flow end, is wanted; the caller has made sure of room."""
    is_wanted = control[O_TRACE] or is_traced(control, flows, ident)
    if is_wanted or are_drops_tapped(links, nodes, node, link):
        add_tap(workers, taps, worker, now, TAP_DROPPED + cause, node, created, ident, word, link)
    if control[O_WATCHED]:
        note_end(flows, workers, taps, worker, node, now, cause, created, ident, word)


@inline_kernel
def drop(e, worker, node, link, now, cause, created, ident, word):
    """Count a packet, or a train, that goes no further; at an end of a link, or of none (NONE)."""
    e.dropped[worker * len(e.flows) + (ident >> SEQUENCE_BITS), cause] += packets_of(word)
    if e.control[O_TAPPED]:
        seen = e.control, e.links, e.nodes, e.flows, e.workers, e.taps
        note_drop(*seen, worker, node, np.int64(link), now, np.int64(cause), created, ident, word)


@inline_kernel
def serialization_ps(links, control, link, size):
    """Time on the wire (packet model, rule 4)."""
    per_byte = links[link, X_PS_PER_BYTE]
    if per_byte > 0:
        return (size + control[O_FRAMING]) * per_byte
    rate = links[link, X_RATE]
    return max(1, ((size + control[O_FRAMING]) * BITS_TIMES_PS_PER_S + rate - 1) // rate)


@inline_kernel
def light_time_ps(links, control, link, leaves):
    """Propagation delay of a last bit that leaves at this instant (packet model, rule 5)."""
    d0 = links[link, X_DELAY_START]
    d1 = links[link, X_DELAY_END]
    if d0 == d1:
        return np.int64(float(d0))  # what the formula gives, also above 2**53
    t0 = control[C_STEP_START]
    t1 = control[C_STEP_END]
    return math.floor(float(d0) + float(d1 - d0) * (float(leaves - t0) / float(t1 - t0)))


@inline_kernel
def put_packet(packets, position, time_ps, created, ident, word):
    """Write a packet's row."""
    packets[position, P_TIME] = time_ps
    packets[position, P_CREATED] = created
    packets[position, P_IDENT] = ident
    packets[position, P_WORD] = word
