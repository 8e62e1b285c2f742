"""Where packets end: delivered ones are due and then written, dropped ones are let go or answered."""

from lasermesh.compiled import hot_kernel, inline_kernel, part_kernel
from lasermesh.live.answer_kernels import ARRIVED, EXPIRED, NO_WAY, NOTHING, answer
from lasermesh.live.bytes_kernels import mark_congestion, set_hop_limit
from lasermesh.live.calling_kernels import called_at
from lasermesh.live.entry_kernels import lacks_chunks
from lasermesh.live.slot_kernels import find_slot, put_due, release, take_due
from lasermesh.live.state import (
    C_ANSWER,
    C_DATA_ADDRESS,
    C_FIRST_PAIR,
    C_HEAD_ADDRESS,
    C_N_DUE,
    C_NOW_IS_GIVEN,
    C_TAPS_SEEN,
    C_UNREACHABLE,
    C_VNET_BYTES,
    DUE_CE,
    DUE_COUNT,
    DUE_FIRST,
    DUE_HOP_LIMIT,
    DUE_HOST,
    DUE_SLOT,
    H_FD,
    HISTOGRAM_LATENESS,
    N_ANSWERED,
    N_BYTES_OUT,
    N_PACKETS_OUT,
    N_WRITE_ERRORS,
    N_WRITES,
    S_AT,
    S_BYTES,
    S_HOP_LIMIT,
    S_IDENT,
    S_LAST_BYTES,
    S_PART_BYTES,
    S_SEGMENTS,
)
from lasermesh.live.system_kernels import count_ns, look, write_bytes, write_two
from lasermesh.live.train_kernels import fill_part
from lasermesh.packets.causes import HOP_LIMIT, LINK_DOWN, NO_ROUTE
from lasermesh.packets.link_kernels import packets_of
from lasermesh.packets.state import (
    CE_BIT,
    DELIVERED,
    DONE,
    HOP_SHIFT,
    K_HOPS,
    SEQUENCE_BITS,
    SHORT,
    T_IDENT,
    T_KIND,
    T_PLACE,
    T_TIME,
    T_WORD,
    TAP_COLUMNS,
    TAP_ENDED,
    V_TAPS,
)
from lasermesh.packets.state import S_HOP_LIMIT as FLOW_HOP_LIMIT
from lasermesh.units import NONE, PS_PER_NS

answer_at = called_at(answer)

FIRST_END = TAP_ENDED + DELIVERED
MOST_SEGMENTS = 2048  # of a super-packet: 64 KiB in the smallest segments of Linux are fewer


@inline_kernel
def answer_to(d, cause, node):
    """What is to be answered to a packet that has ended at a node, NOTHING if nothing is."""
    if cause == DELIVERED:
        return ARRIVED if d.host_of_node[node] == NONE else NOTHING
    if cause == HOP_LIMIT:
        return EXPIRED
    if d.control[C_UNREACHABLE] and (cause == NO_ROUTE or cause == LINK_DOWN):
        return NO_WAY
    return NOTHING


@inline_kernel
def take_end(e, d, row, slot):
    """What becomes of packets of a slot that have ended; a train that ends at once is answered once."""
    c = d.control
    cause = e.taps[row, T_KIND] - TAP_ENDED
    node = e.taps[row, T_PLACE]
    word = e.taps[row, T_WORD]
    flow = e.taps[row, T_IDENT] >> SEQUENCE_BITS
    time_ps = e.taps[row, T_TIME]
    n = packets_of(word)
    segment = e.taps[row, T_IDENT] - d.slots[slot, S_IDENT]
    hop_limit = (word >> HOP_SHIFT) & 0xFF
    first_limit = d.slots[slot, S_HOP_LIMIT]
    if cause == DELIVERED:
        # The engine counts hops from the flow's hop limit; these came with one of their own.
        e.flows[flow, K_HOPS] += n * (first_limit - e.flows[flow, FLOW_HOP_LIMIT])
        host = d.host_of_node[node]
        if host != NONE:
            ce = 1 if word & CE_BIT else 0
            if put_due(d, time_ps, slot, segment, n, host, hop_limit, ce):
                return
            c[N_WRITE_ERRORS] += n
        else:
            c[N_ANSWERED] += n
    kind = answer_to(d, cause, node)
    if kind == NO_WAY and hop_limit < first_limit:
        hop_limit += 1  # it was decremented before it was looked where to
    if kind != NOTHING:
        answer_at(c[C_ANSWER], e, d, slot, segment, kind, node, time_ps, hop_limit)
    release(d, slot, n)


@hot_kernel
def take_ends(e, d, now):
    """Go through what the engine has recorded; what is not of packets of ours stays. DONE or SHORT."""
    c = d.control
    kept = c[C_TAPS_SEEN]
    row = kept
    end = e.workers[0, V_TAPS]
    status = DONE
    while row < end:
        kind = e.taps[row, T_KIND]
        ident = e.taps[row, T_IDENT]
        flow = ident >> SEQUENCE_BITS
        is_ours = kind >= FIRST_END and flow >= c[C_FIRST_PAIR]
        if is_ours and lacks_chunks(e):
            status = SHORT
            break
        if is_ours:
            slot = find_slot(d, ident, MOST_SEGMENTS)
            if slot != NONE:
                take_end(e, d, row, slot)
        elif kept == row:
            kept += 1
        else:
            for column in range(TAP_COLUMNS):
                e.taps[kept, column] = e.taps[row, column]
            kept += 1
        row += 1
    c[C_TAPS_SEEN] = kept
    while row < end and kept < row:  # short of chunks: the rest is gone through later
        for column in range(TAP_COLUMNS):
            e.taps[kept, column] = e.taps[row, column]
        kept += 1
        row += 1
    e.workers[0, V_TAPS] = kept if row == end else end
    return status


@inline_kernel
def write_part(d, due):
    """Write packets to their host: the headers with the hop limit and the mark that they have now."""
    c = d.control
    slot = d.due[due, DUE_SLOT]
    first = d.due[due, DUE_FIRST]
    n = d.due[due, DUE_COUNT]
    fd = d.hosts[d.due[due, DUE_HOST], H_FD]
    vnet = c[C_VNET_BYTES]
    at = d.slots[slot, S_AT]
    n_bytes = d.slots[slot, S_BYTES]
    segments = d.slots[slot, S_SEGMENTS]
    if n == segments:
        set_hop_limit(d.data, at + vnet, d.due[due, DUE_HOP_LIMIT])
        if d.due[due, DUE_CE]:
            mark_congestion(d.data, at + vnet)
        written = write_bytes(fd, c[C_DATA_ADDRESS] + at, n_bytes)
    else:
        head_bytes, payload_at, n_bytes = fill_part(d.data, at, n_bytes, first, n, d.head)
        set_hop_limit(d.head, vnet, d.due[due, DUE_HOP_LIMIT])
        if d.due[due, DUE_CE]:
            mark_congestion(d.head, vnet)
        n_bytes += head_bytes
        written = write_two(
            d, fd, c[C_HEAD_ADDRESS], head_bytes, c[C_DATA_ADDRESS] + payload_at, n_bytes - head_bytes
        )
    c[N_WRITES] += 1
    if written != n_bytes:
        c[N_WRITE_ERRORS] += n
    else:
        c[N_PACKETS_OUT] += n
        c[N_BYTES_OUT] += n * d.slots[slot, S_PART_BYTES]
        if first + n == segments:
            c[N_BYTES_OUT] += d.slots[slot, S_LAST_BYTES] - d.slots[slot, S_PART_BYTES]
    release(d, slot, n)


@part_kernel
def write_due(d, now):
    """Write what is due by now, which goes on meanwhile unless the clock is the caller's."""
    while d.control[C_N_DUE] > 0 and d.heap[0, 0] <= now:
        due_ps = d.heap[0, 0]
        if d.control[C_NOW_IS_GIVEN] == 0:
            now = look(d)
        count_ns(d.histograms, HISTOGRAM_LATENESS, (now - due_ps) // PS_PER_NS)
        write_part(d, take_due(d))
