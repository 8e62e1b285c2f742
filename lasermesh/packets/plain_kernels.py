"""Plain drop-tail links: many packets for one link in one loop, the transmitter's state in registers.

Does what `settle` and `offer` of `transmit_kernels` do for one packet after the other, for links without
waiting lists, marks, taps and trains. Said twice because nearly all packets of a run go this way, and most
of the cost of that way is reading and writing the link's row again for each packet.
"""

import numpy as np

from lasermesh.compiled import inline_kernel
from lasermesh.packets.causes import QUEUE
from lasermesh.packets.link_kernels import BITS_TIMES_PS_PER_S, drop, row, size_of, take_chunk
from lasermesh.packets.state import (
    C_STEP_END,
    C_STEP_START,
    CHUNK_BITS,
    CHUNK_MASK,
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
    X_BUSY,
    X_DELAY_END,
    X_DELAY_START,
    X_FREE,
    X_LAST_ARRIVAL,
    X_LIMIT_BYTES,
    X_LIMIT_PACKETS,
    X_PROCESSING,
    X_PS_PER_BYTE,
    X_RATE,
    X_SENT,
    X_SENT_COUNT,
    X_TAIL,
    X_WAITING,
    X_WAITING_BYTES,
    X_WRITTEN,
)


@inline_kernel
def carry(e, worker, node, link, rows, first, end, horizon):
    """Bring packets, by time, to a plain link: serve, queue or drop each (packet model, rules 3 to 5).

    `rows` are `order` or `merged`, of which [first, end) are for this link; its last bits that leave before
    the last of them have left then, and those that leave by `horizon` and need not wait.
    """
    x = e.links
    packets = e.packets
    free = x[link, X_FREE]
    busy = x[link, X_BUSY]
    waiting = x[link, X_WAITING]
    waiting_bytes = x[link, X_WAITING_BYTES]
    tail = x[link, X_TAIL]
    sent = x[link, X_SENT]
    n_sent = np.int64(0)
    n_written = np.int64(0)
    arrival = x[link, X_LAST_ARRIVAL]
    sent_bytes = np.int64(0)
    busy_ps = np.int64(0)
    queue_max = x[link, L_QUEUE_MAX]
    per_byte = x[link, X_PS_PER_BYTE]
    rate = x[link, X_RATE]
    framing = e.control[O_FRAMING]
    steady = x[link, X_DELAY_START] == x[link, X_DELAY_END]
    d0 = float(x[link, X_DELAY_START])
    slope = float(x[link, X_DELAY_END] - x[link, X_DELAY_START])
    t0 = e.control[C_STEP_START]
    lasts = float(e.control[C_STEP_END] - t0)
    steady_ps = np.int64(d0) + x[link, X_PROCESSING]
    processing = x[link, X_PROCESSING]
    for k in range(first, end):
        now = rows[row(k), 0]
        # Last bits leave, and the transmitter takes the next packet, as often as there is time for.
        while free <= now and busy + waiting > 0:
            at = row(sent)
            if busy:
                leaves = free
                delay = steady_ps if steady else (
                    np.int64(np.floor(d0 + slope * (float(leaves - t0) / lasts))) + processing
                )  # fmt: skip
                arrival = max(leaves + delay, arrival)
                packets[at, P_TIME] = arrival
                sent_bytes += size_of(packets[at, P_WORD])
                n_sent += 1
                busy = 0
                if waiting == 0:
                    break
                sent += 1
                if sent & CHUNK_MASK == 0:
                    sent = e.next_chunk[(sent - 1) >> CHUNK_BITS] << CHUNK_BITS
                at = row(sent)
            size = size_of(packets[at, P_WORD])
            if per_byte > 0:
                duration = (size + framing) * per_byte
            else:
                duration = max(1, ((size + framing) * BITS_TIMES_PS_PER_S + rate - 1) // rate)
            waiting -= 1
            waiting_bytes -= size
            free += duration
            busy_ps += duration
            busy = 1
        at = row(rows[row(k), 1])
        word = packets[at, P_WORD]
        size = size_of(word)
        idle = free <= now
        if not idle and (
            waiting >= x[link, X_LIMIT_PACKETS] or waiting_bytes + size > x[link, X_LIMIT_BYTES]
        ):
            x[link, L_DROPPED_QUEUE] += 1
            created = packets[at, P_CREATED]
            ident = packets[at, P_IDENT]
            drop(e, worker, node, link, now, QUEUE, created, ident, word)
            continue
        if tail < 0:
            chunk = take_chunk(e.workers, e.next_chunk, worker)
            if tail == NO_RING:
                x[link, R_POSITION] = chunk << CHUNK_BITS
            else:
                e.next_chunk[~tail] = chunk
            tail = chunk << CHUNK_BITS
        to = row(tail)
        position = tail
        packets[to, P_CREATED] = packets[at, P_CREATED]
        packets[to, P_IDENT] = packets[at, P_IDENT]
        packets[to, P_WORD] = word
        n_written += 1
        tail += 1
        if tail & CHUNK_MASK == 0:
            tail = ~((tail - 1) >> CHUNK_BITS)
        if idle:
            if per_byte > 0:
                duration = (size + framing) * per_byte
            else:
                duration = max(1, ((size + framing) * BITS_TIMES_PS_PER_S + rate - 1) // rate)
            free = now + duration
            busy_ps += duration
            if free <= horizon:
                delay = steady_ps if steady else (
                    np.int64(np.floor(d0 + slope * (float(free - t0) / lasts))) + processing
                )  # fmt: skip
                arrival = max(free + delay, arrival)
                packets[to, P_TIME] = arrival
                sent_bytes += size
                n_sent += 1
            else:
                sent = position
                busy = 1
        else:
            if busy + waiting == 0:
                sent = position
            waiting += 1
            waiting_bytes += size
            queue_max = max(queue_max, waiting_bytes)
    x[link, X_FREE] = free
    x[link, X_BUSY] = busy
    x[link, X_WAITING] = waiting
    x[link, X_WAITING_BYTES] = waiting_bytes
    x[link, X_TAIL] = tail
    x[link, X_SENT] = sent
    x[link, X_WRITTEN] += n_written
    x[link, X_SENT_COUNT] += n_sent
    x[link, X_LAST_ARRIVAL] = arrival
    x[link, L_BYTES] += sent_bytes
    x[link, L_BUSY] += busy_ps
    x[link, L_QUEUE_MAX] = queue_max
