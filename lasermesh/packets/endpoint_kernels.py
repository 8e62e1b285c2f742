"""Where packets end: what is counted at delivery, and what answers they bring about."""

import numpy as np

from lasermesh.compiled import inline_kernel
from lasermesh.packets.latency_bins import FIRST_KEY, N_BINS, SHIFT
from lasermesh.packets.link_kernels import add_tap, is_traced, note_end, packets_of, size_of
from lasermesh.packets.merge_kernels import merge
from lasermesh.packets.service_kernels import (
    E_CREATED,
    E_FLOW,
    E_LEFT,
    E_TIME,
    first_entry,
    next_reply_ps,
    remove_first_entry,
    take_request,
)
from lasermesh.packets.state import (
    C_ROWS,
    CE_BIT,
    DELIVERED,
    F_JITTER_PS,
    HOP_SHIFT,
    K_BINS,
    K_BYTES,
    K_DELIVERED,
    K_HOPS,
    K_LAST_LATENCY,
    K_LATENCY_MAX,
    K_LATENCY_MIN,
    K_LATENCY_SUM,
    K_LATENCY_SUM_HIGH,
    K_MARKED,
    K_NEXT_SEQUENCE,
    K_REORDERED,
    O_END,
    O_SEED,
    O_SERVED,
    O_TRACE,
    O_TRAINS,
    O_WATCHED,
    P_CREATED,
    P_IDENT,
    P_WORD,
    S_HOP_LIMIT,
    S_INBOX,
    S_INBOX_LAST,
    S_KIND,
    S_POOL,
    S_RATE,
    S_REPLY,
    S_REPLY_BYTES,
    S_STEP_REST,
    S_STEP_WHOLE,
    SEQUENCE_BITS,
    SEQUENCE_MASK,
    TAIL_CREATED,
    TAIL_TIME,
    TAP_DELIVERED,
    V_ARRIVED,
    V_ARRIVED_SEGMENTS,
    V_HEAP,
    V_INBOX,
    ZERO,
)
from lasermesh.packets.transfer_kernels import (
    I_CREATED,
    I_NEXT,
    I_SEQUENCE,
    I_TIME,
    receive_segment,
)
from lasermesh.traffic.kinds import ACK, BULK, OUTSIDE, SCRIPT
from lasermesh.units import NONE

HIGH_WORD = 2**61


@inline_kernel
def latency_bin(latency_ps):
    """Bin of a latency: the leading bits of its float64."""
    key = (np.float64(latency_ps).view(np.int64) >> SHIFT) - FIRST_KEY
    return min(max(key, 0), N_BINS - 1)


@inline_kernel
def deliver(flows, flow_floats, histogram, latency, ident, word):
    """Count a packet, or all packets of a train, at the destination."""
    flow = ident >> SEQUENCE_BITS
    sequence = ident & SEQUENCE_MASK
    n = packets_of(word)
    flows[flow, K_BYTES] += n * size_of(word)
    flows[flow, K_HOPS] += n * (flows[flow, S_HOP_LIMIT] - ((word >> HOP_SHIFT) & 0xFF) + 1)
    if word & CE_BIT:
        flows[flow, K_MARKED] += n
    if latency < flows[flow, K_LATENCY_MIN]:
        flows[flow, K_LATENCY_MIN] = latency
    if latency > flows[flow, K_LATENCY_MAX]:
        flows[flow, K_LATENCY_MAX] = latency
    total = flows[flow, K_LATENCY_SUM] + n * latency
    while total >= HIGH_WORD:
        total -= HIGH_WORD
        flows[flow, K_LATENCY_SUM_HIGH] += 1
    flows[flow, K_LATENCY_SUM] = total
    bins = flows[flow, K_BINS]
    if bins >= 0:
        histogram[bins, latency_bin(latency)] += n
    if flows[flow, K_DELIVERED] > 0:
        # Interarrival jitter, RFC 3550 section 6.4.1.
        difference = abs(float(latency - flows[flow, K_LAST_LATENCY]))
        flow_floats[flow, F_JITTER_PS] += (difference - flow_floats[flow, F_JITTER_PS]) / 16.0
    for _ in range(n - 1):  # the others of a train have the latency of the first
        flow_floats[flow, F_JITTER_PS] += (0.0 - flow_floats[flow, F_JITTER_PS]) / 16.0
    flows[flow, K_DELIVERED] += n
    flows[flow, K_LAST_LATENCY] = latency
    # Type-P-Reordered, RFC 4737 section 3.
    if sequence < flows[flow, K_NEXT_SEQUENCE]:
        flows[flow, K_REORDERED] += min(n, flows[flow, K_NEXT_SEQUENCE] - sequence)
    if sequence + n > flows[flow, K_NEXT_SEQUENCE]:
        flows[flow, K_NEXT_SEQUENCE] = sequence + n


@inline_kernel
def post(flows, inbox, workers, worker, base, flow, now, sequence, created):
    """Put a note into a flow's inbox: what it has to answer, or what was answered to it."""
    row = workers[worker, V_INBOX]
    workers[worker, V_INBOX] = row + 1
    inbox[base + row, I_TIME] = now
    inbox[base + row, I_SEQUENCE] = sequence
    inbox[base + row, I_CREATED] = created
    inbox[base + row, I_NEXT] = NONE
    if flows[flow, S_INBOX] == NONE:
        flows[flow, S_INBOX] = row
    else:
        inbox[base + flows[flow, S_INBOX_LAST], I_NEXT] = row
    flows[flow, S_INBOX_LAST] = row


@inline_kernel
def answer(e, worker, base, now, created, ident, word):
    """What a delivered packet brings about, if its flow is one that is answered or answers."""
    flow = ident >> SEQUENCE_BITS
    other = e.flows[flow, S_REPLY]
    kind = e.flows[flow, S_KIND]
    if kind == BULK:
        receive_segment(e.flows, e.room, flow, ident & SEQUENCE_MASK, size_of(word), now)
        post(e.flows, e.inbox, e.workers, worker, base, other, now, ident & SEQUENCE_MASK, created)
    elif kind == ACK:
        post(e.flows, e.inbox, e.workers, worker, base, other, now, ident & SEQUENCE_MASK, created)
    elif e.flows[flow, S_POOL] != NONE:
        pool = e.flows[flow, S_POOL]
        # Replies that were due by now make place in the pool's room, which holds no more than wait at a time.
        while next_reply_ps(e.pools, e.room, pool) <= now:
            entry = first_entry(e.pools, pool)
            due = e.room[entry + E_FLOW]
            left = e.room[entry + E_LEFT]
            post(
                e.flows, e.inbox, e.workers, worker, base, due, e.room[entry + E_TIME], left,
                e.room[entry + E_CREATED],
            )  # fmt: skip
            remove_first_entry(e.pools, e.room, pool)
            e.pools[pool, O_SERVED] += 1
        take_request(
            e.pools, e.room, e.control[O_SEED], e.control[O_END], pool, now, flow, ident & SEQUENCE_MASK,
            created, other, e.flows[other, S_REPLY_BYTES],
        )  # fmt: skip


@inline_kernel
def deliver_all(e, worker, node):
    """Count what has arrived at its end, by time, and note what has to be answered."""
    base = worker * e.control[C_ROWS]
    n = e.workers[worker, V_ARRIVED]
    rows = e.order
    if e.workers[worker, V_ARRIVED_SEGMENTS] > 1:
        merge(e.segments, e.heap, e.workers[worker, V_HEAP], e.order, base, e.merged, base)
        rows = e.merged
    for k in range(base, base + n):
        now = rows[k, 0]
        position = rows[k, 1]
        created = e.packets[position, P_CREATED]
        ident = e.packets[position, P_IDENT]
        word = e.packets[position, P_WORD]
        flow = ident >> SEQUENCE_BITS
        latency = now - created
        tail = ZERO
        ended = now
        if e.control[O_TRAINS]:
            tail = e.tails[position, TAIL_TIME]
            ended = tail
            if tail >= e.control[O_END]:
                continue
            latency = tail - created
            last = packets_of(word) - 1
            if last > 0:  # until the last packet of the train was created
                if e.flows[flow, S_KIND] == SCRIPT or e.flows[flow, S_KIND] == OUTSIDE:
                    latency = tail - e.tails[position, TAIL_CREATED]
                else:
                    rest = last * e.flows[flow, S_STEP_REST] // e.flows[flow, S_RATE]
                    latency -= last * e.flows[flow, S_STEP_WHOLE] + rest
        deliver(e.flows, e.flow_floats, e.histogram, latency, ident, word)
        if e.flows[flow, S_REPLY] != NONE:
            answer(e, worker, base, now, created, ident, word)
        if e.control[O_TRACE] or is_traced(e.control, e.flows, ident):
            add_tap(e.workers, e.taps, worker, now, TAP_DELIVERED, node, created, ident, word, tail)
        if e.control[O_WATCHED]:
            note_end(e.flows, e.workers, e.taps, worker, node, ended, DELIVERED, created, ident, word)
