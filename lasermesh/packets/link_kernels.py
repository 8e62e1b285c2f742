"""One link: its ring of packets, its transmitter, and the last bits that leave it.

A ring is a list of chunks with two cursors. Before `sent` are the packets in flight, each stamped with its
arrival; from `sent` on are the one in service and those that wait. The sender's domain writes at the tail and
moves `sent`; the receiver's domain reads at the head. A link is brought up to an instant when it is touched.
"""

import math

from lasermesh.compiled import inline_kernel
from lasermesh.packets.state import (
    C_STEP_END,
    C_STEP_START,
    CHUNK_BITS,
    CHUNK_MASK,
    DONE,
    L_BUSY,
    L_BYTES,
    L_DROPPED_QUEUE,
    L_QUEUE_MAX,
    NO_RING,
    O_FRAMING,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    R_POSITION,
    SHORT,
    SIZE_MASK,
    SIZE_SHIFT,
    T_CREATED,
    T_IDENT,
    T_KIND,
    T_PLACE,
    T_TIME,
    T_WORD,
    TAP_OUT,
    V_FREE_CHUNK,
    V_FREE_COUNT,
    V_NEEDED_TAPS,
    V_TAPS,
    V_TAPS_END,
    X_BUSY,
    X_DELAY_END,
    X_DELAY_START,
    X_FREE,
    X_LAST_ARRIVAL,
    X_LIMIT_BYTES,
    X_LIMIT_PACKETS,
    X_PS_PER_BYTE,
    X_RATE,
    X_SENT,
    X_SENT_COUNT,
    X_TAIL,
    X_TAPS,
    X_WAITING,
    X_WAITING_BYTES,
    X_WRITTEN,
)

BITS_TIMES_PS_PER_S = 8_000_000_000_000


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
    return next_chunk[position >> CHUNK_BITS] << CHUNK_BITS


@inline_kernel
def give_chunks(workers, next_chunk, worker, chunk, last):
    """Put the chunks of a ring from one to another, both included, on this worker's list of free ones."""
    while chunk != last:
        following = next_chunk[chunk]
        give_chunk(workers, next_chunk, worker, chunk)
        chunk = following
    give_chunk(workers, next_chunk, worker, last)


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
def add_tap(e, worker, time_ps, kind, place, created, ident, word):
    """Record one event; the caller has made sure of room."""
    row = e.workers[worker, V_TAPS]
    e.taps[row, T_TIME] = time_ps
    e.taps[row, T_KIND] = kind
    e.taps[row, T_PLACE] = place
    e.taps[row, T_IDENT] = ident
    e.taps[row, T_WORD] = word
    e.taps[row, T_CREATED] = created
    e.workers[worker, V_TAPS] = row + 1


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
        return int(float(d0))  # what the formula gives, also above 2**53
    t0 = control[C_STEP_START]
    t1 = control[C_STEP_END]
    return math.floor(float(d0) + float(d1 - d0) * (float(leaves - t0) / float(t1 - t0)))


@inline_kernel
def stamp(e, worker, link, position, leaves, size):
    """Let the last bit of a packet leave: its arrival is known from here on."""
    arrival = leaves + light_time_ps(e.links, e.control, link, leaves)
    if arrival < e.links[link, X_LAST_ARRIVAL]:
        arrival = e.links[link, X_LAST_ARRIVAL]
    e.links[link, X_LAST_ARRIVAL] = arrival
    e.links[link, X_SENT_COUNT] += 1
    e.packets[position, P_TIME] = arrival
    e.links[link, L_BYTES] += size
    if e.links[link, X_TAPS] & TAP_OUT:
        add_tap(
            e,
            worker,
            leaves,
            TAP_OUT,
            link,
            e.packets[position, P_CREATED],
            e.packets[position, P_IDENT],
            e.packets[position, P_WORD],
        )


@inline_kernel
def settle(e, worker, link, now, take):
    """Bring a link up to `now`: last bits leave until then, and free transmitters take the next packet.

    With `take` false nothing is taken at `now` itself: changes of that instant come first (rule 1).
    SHORT if taps have no room; what was done until then stands.
    """
    x = e.links
    if x[link, X_WRITTEN] == x[link, X_SENT_COUNT]:
        return DONE
    position = x[link, X_SENT]
    while True:
        leaves = x[link, X_FREE]
        if leaves > now:
            return DONE
        if x[link, X_BUSY]:
            if x[link, X_TAPS] & TAP_OUT:
                # One place stays free for each packet that a caller may commit after this.
                if e.workers[worker, V_TAPS] + 8 > e.workers[worker, V_TAPS_END]:
                    e.workers[worker, V_NEEDED_TAPS] = 64
                    return SHORT
            size = (e.packets[position, P_WORD] >> SIZE_SHIFT) & SIZE_MASK
            stamp(e, worker, link, position, leaves, size)
            x[link, X_BUSY] = 0
            if x[link, X_WRITTEN] == x[link, X_SENT_COUNT]:
                return DONE
            position = position_after(e.next_chunk, position)
            x[link, X_SENT] = position
        if leaves == now and not take:
            return DONE
        size = (e.packets[position, P_WORD] >> SIZE_SHIFT) & SIZE_MASK
        duration = serialization_ps(e.links, e.control, link, size)
        x[link, X_WAITING] -= 1
        x[link, X_WAITING_BYTES] -= size
        x[link, X_FREE] = leaves + duration
        x[link, X_BUSY] = 1
        e.links[link, L_BUSY] += duration


@inline_kernel
def join(e, worker, link, now, horizon, created, ident, word):
    """Serve or queue a packet at a link that is up and settled to `now` (rule 3); False: to be dropped.

    Nothing at this link changes before `horizon`: a last bit that leaves by then is stamped at once.
    """
    x = e.links
    size = (word >> SIZE_SHIFT) & SIZE_MASK
    unsent = x[link, X_WRITTEN] - x[link, X_SENT_COUNT]
    if unsent == 0 and x[link, X_FREE] <= now:
        duration = serialization_ps(e.links, e.control, link, size)
        leaves = now + duration
        position = append(e.links, e.workers, e.next_chunk, worker, link)
        e.packets[position, P_CREATED] = created
        e.packets[position, P_IDENT] = ident
        e.packets[position, P_WORD] = word
        x[link, X_FREE] = leaves
        e.links[link, L_BUSY] += duration
        if leaves <= horizon:
            stamp(e, worker, link, position, leaves, size)
        else:
            x[link, X_SENT] = position
            x[link, X_BUSY] = 1
        return True
    waiting_bytes = x[link, X_WAITING_BYTES] + size
    if x[link, X_WAITING] >= x[link, X_LIMIT_PACKETS] or waiting_bytes > x[link, X_LIMIT_BYTES]:
        e.links[link, L_DROPPED_QUEUE] += 1
        return False
    position = append(e.links, e.workers, e.next_chunk, worker, link)
    e.packets[position, P_CREATED] = created
    e.packets[position, P_IDENT] = ident
    e.packets[position, P_WORD] = word
    if unsent == 0:
        x[link, X_SENT] = position
    x[link, X_WAITING] += 1
    x[link, X_WAITING_BYTES] = waiting_bytes
    if waiting_bytes > e.links[link, L_QUEUE_MAX]:
        e.links[link, L_QUEUE_MAX] = waiting_bytes
    return True
