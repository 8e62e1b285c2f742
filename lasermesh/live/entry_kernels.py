"""Packets that hosts send: read, told apart, laid into memory and put into the engine."""

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel, part_kernel
from lasermesh.live.bytes_kernels import (
    H_CLASS,
    H_DESTINATION,
    H_ECN,
    H_HOP_LIMIT,
    H_SOURCE,
    H_TOTAL,
    H_VERSION,
    fill_header,
)
from lasermesh.live.slot_kernels import give_slot, insert, release, take_slot
from lasermesh.live.snap_kernels import note_snaps
from lasermesh.live.state import (
    C_BINS_END,
    C_BINS_NEXT,
    C_DATA_ADDRESS,
    C_FIRST_PAIR,
    C_LARGE_BYTES,
    C_N_PARKED,
    C_PROMPT,
    C_SCRATCH,
    C_SNAP_BYTES,
    C_UNREACHABLE,
    C_VNET_BYTES,
    ENOUGH_CHUNKS,
    H_FD,
    H_NODE,
    H_OVERHEAD,
    H_READY,
    H_SINCE,
    HISTOGRAM_ENTRY,
    MOST_PARKED,
    N_BUFFER_DROPS,
    N_BYTES_IN,
    N_MALFORMED,
    N_PACKETS_IN,
    N_PARKED_DROPPED,
    N_READS,
    N_SPOOFED,
    N_UNKNOWN,
    PARKED_PS,
    PROMPT_HOP_LIMIT,
    READS_PER_TURN,
    S_AT,
    S_BYTES,
    S_HOP_LIMIT,
    S_HOST,
    S_IDENT,
    S_LAST_BYTES,
    S_LEFT,
    S_NODE,
    S_PART_BYTES,
    S_PROMPT,
    S_SEGMENTS,
    S_TIME,
    S_WORD,
    SMALL_BYTES,
)
from lasermesh.live.system_kernels import copy_data, count_ns, read_bytes
from lasermesh.live.train_kernels import count_segments
from lasermesh.packets.outside_kernels import admit
from lasermesh.packets.state import (
    C_WINDOW_START,
    CE_BIT,
    CLASS_SHIFT,
    COUNT_SHIFT,
    DONE,
    ECT_BIT,
    HOP_SHIFT,
    K_BINS,
    LONGEST_TRAIN,
    NEVER,
    SEQUENCE_BITS,
    SHORT,
    SIZE_SHIFT,
    V_FREE_COUNT,
    V_NEEDED_CHUNKS,
)
from lasermesh.units import NONE, PS_PER_NS

ZERO = np.int64(0)
ONE = np.int64(1)
CHUNKS_OF_ONE = 4  # more than all entries of one super-packet can need
CE = 3  # congestion experienced, RFC 3168


@inline_kernel
def lacks_chunks(e):
    """Whether there are too few chunks for one packet more, which are then asked for."""
    if e.workers[0, V_FREE_COUNT] >= CHUNKS_OF_ONE:
        return False
    e.workers[0, V_NEEDED_CHUNKS] = ENOUGH_CHUNKS
    return True


@inline_kernel
def word_of(header):
    """Hop limit, class and ECN of a header, as in a packet's word."""
    word = (header[H_HOP_LIMIT] << HOP_SHIFT) | (header[H_CLASS] << CLASS_SHIFT)
    if header[H_ECN] != 0:
        word |= ECT_BIT
    if header[H_ECN] == CE:
        word |= CE_BIT
    return word


@inline_kernel
def describe(d, slot, n_bytes, segments, part_bytes, last_bytes, word, hop_limit, host, node, now):
    """Fill in a slot's row; its bytes lie there."""
    s = d.slots
    s[slot, S_BYTES] = n_bytes
    s[slot, S_SEGMENTS] = segments
    s[slot, S_LEFT] = segments
    s[slot, S_IDENT] = NONE
    s[slot, S_PART_BYTES] = part_bytes
    s[slot, S_LAST_BYTES] = last_bytes
    s[slot, S_WORD] = word
    s[slot, S_HOP_LIMIT] = hop_limit
    s[slot, S_HOST] = host
    s[slot, S_NODE] = node
    s[slot, S_TIME] = now
    may_end = hop_limit < PROMPT_HOP_LIMIT or d.host_of_node[node] == NONE or d.control[C_UNREACHABLE] != 0
    is_prompt = host != NONE and may_end
    s[slot, S_PROMPT] = 1 if is_prompt else 0
    d.control[C_PROMPT] += s[slot, S_PROMPT]


@inline_kernel
def put_in(e, d, slot, flow, node, now, created):
    """Have the engine take what lies in a slot: its full segments as a train, the last one behind it.

    Of more than the longest train there are several. The caller has made sure of chunks.
    """
    s = d.slots
    n = s[slot, S_SEGMENTS]
    if e.flows[flow, K_BINS] == NONE and d.control[C_BINS_NEXT] < d.control[C_BINS_END]:
        e.flows[flow, K_BINS] = d.control[C_BINS_NEXT]
        d.control[C_BINS_NEXT] += 1
    full = n if s[slot, S_LAST_BYTES] == s[slot, S_PART_BYTES] else n - 1
    first = ZERO
    while first < n:
        size = s[slot, S_PART_BYTES] if first < full else s[slot, S_LAST_BYTES]
        k = min(full - first, LONGEST_TRAIN) if first < full else ONE
        word = s[slot, S_WORD] | (size << SIZE_SHIFT) | ((k - 1) << COUNT_SHIFT)
        sequence = admit(e, ZERO, ONE, node, now, created, flow, word)
        if first == 0:
            s[slot, S_IDENT] = (flow << SEQUENCE_BITS) | sequence
        first += k
    insert(d.hash, s[slot, S_IDENT], slot)
    if d.control[C_SNAP_BYTES] > 0:
        note_snaps(d, slot)


@inline_kernel
def put_in_from_host(e, d, slot, flow, now):
    """Have the engine take what a host has sent; its latency counts from when it left the host."""
    host = d.slots[slot, S_HOST]
    put_in(e, d, slot, flow, d.hosts[host, H_NODE], now, now - d.hosts[host, H_OVERHEAD])


@inline_kernel
def park(d, slot, now):
    """Keep a packet to a satellite that has no flow yet; of too many the oldest goes."""
    c = d.control
    if c[C_N_PARKED] == MOST_PARKED:
        c[N_PARKED_DROPPED] += d.slots[d.parked[0], S_SEGMENTS]
        release(d, d.parked[0], d.slots[d.parked[0], S_SEGMENTS])
        for k in range(MOST_PARKED - 1):
            d.parked[k] = d.parked[k + 1]
        c[C_N_PARKED] -= 1
    d.parked[c[C_N_PARKED]] = slot
    c[C_N_PARKED] += 1


@part_kernel
def admit_parked(e, d, now):
    """Put in what was parked and has a flow now, and let go of what has waited too long. DONE or SHORT."""
    c = d.control
    kept = 0
    n = c[C_N_PARKED]
    status = DONE
    for k in range(n):
        slot = d.parked[k]
        flow = d.flow_of_node[d.slots[slot, S_NODE]]
        if flow != NONE and status == DONE and lacks_chunks(e):
            status = SHORT
        if flow != NONE and status == DONE:
            put_in_from_host(e, d, slot, flow, now)
        elif now - d.slots[slot, S_TIME] > PARKED_PS:
            c[N_PARKED_DROPPED] += d.slots[slot, S_SEGMENTS]
            release(d, slot, d.slots[slot, S_SEGMENTS])
        else:
            d.parked[kept] = slot
            kept += 1
    c[C_N_PARKED] = kept
    return status


@inline_kernel
def lay_down(d, slot, at, n_bytes):
    """The slot for what was read to `at`, which is a large slot or (NONE) beside all; NONE if there is none.

    What is small leaves the large slot, as there are few of them.
    """
    if n_bytes > SMALL_BYTES and slot != NONE:
        return slot
    final = take_slot(d, n_bytes, False)
    if final == NONE:
        return slot
    copy_data(d, d.slots[final, S_AT], at, n_bytes)
    if slot != NONE:
        give_slot(d, slot)
    return final


@part_kernel
def read_host(e, d, host, now):
    """Read what a host has sent, up to so many packets, and put it in at an instant. DONE or SHORT."""
    c = d.control
    vnet = c[C_VNET_BYTES]
    here = d.hosts[host, H_NODE]
    for _ in range(READS_PER_TURN):
        if lacks_chunks(e):
            return SHORT
        slot = take_slot(d, c[C_LARGE_BYTES], True)
        at = c[C_SCRATCH] if slot == NONE else d.slots[slot, S_AT]
        n_bytes = read_bytes(d.hosts[host, H_FD], c[C_DATA_ADDRESS] + at, c[C_LARGE_BYTES])
        if n_bytes <= 0:
            if slot != NONE:
                give_slot(d, slot)
            d.hosts[host, H_READY] = 0
            d.hosts[host, H_SINCE] = NEVER
            return DONE
        c[N_READS] += 1
        late_ps = now - d.hosts[host, H_SINCE] - d.hosts[host, H_OVERHEAD]
        count_ns(d.histograms, HISTOGRAM_ENTRY, late_ps // PS_PER_NS)
        fill_header(d.data, at + vnet, n_bytes - vnet, d.v6_keys, d.v6_rows, d.header)
        total = d.header[H_TOTAL]
        segments = ONE
        part_bytes = total
        last_bytes = total
        if vnet > 0:
            segments, part_bytes, last_bytes = count_segments(d.data, at, n_bytes)
        is_sound = segments > 0 and d.header[H_VERSION] != 0 and total == n_bytes - vnet
        if not is_sound or d.header[H_HOP_LIMIT] == 0:
            c[N_PACKETS_IN] += 1
            c[N_BYTES_IN] += n_bytes - vnet
            c[N_MALFORMED] += 1
            if slot != NONE:
                give_slot(d, slot)
            continue
        c[N_PACKETS_IN] += segments
        c[N_BYTES_IN] += (segments - 1) * part_bytes + last_bytes
        node = d.header[H_DESTINATION]
        is_known = node != NONE and node != here
        if not is_known or d.header[H_SOURCE] != here:
            if is_known:
                c[N_SPOOFED] += segments
            else:
                c[N_UNKNOWN] += segments
            if slot != NONE:
                give_slot(d, slot)
            continue
        slot = lay_down(d, slot, at, n_bytes)
        if slot == NONE:
            c[N_BUFFER_DROPS] += segments
            continue
        word = word_of(d.header)
        hop_limit = d.header[H_HOP_LIMIT]
        describe(d, slot, n_bytes, segments, part_bytes, last_bytes, word, hop_limit, host, node, now)
        other = d.host_of_node[node]
        if other != NONE:
            pair = host * (len(d.hosts) - 1) + other - (1 if other > host else 0)
            put_in_from_host(e, d, slot, c[C_FIRST_PAIR] + pair, now)
            continue
        d.wanted[node] = now
        if d.flow_of_node[node] != NONE:
            put_in_from_host(e, d, slot, d.flow_of_node[node], now)
        else:
            park(d, slot, now)
    return DONE


@hot_kernel
def read_hosts(e, d, now):
    """Put in what hosts have sent, in the order of their rows. DONE or SHORT."""
    entered = max(now, e.control[C_WINDOW_START])
    if d.control[C_N_PARKED] > 0 and admit_parked(e, d, entered) == SHORT:
        return SHORT
    for host in range(len(d.hosts)):
        if d.hosts[host, H_READY] != 0:
            if read_host(e, d, np.int64(host), entered) == SHORT:
                return SHORT
            d.hosts[host, H_READY] = 0
    return DONE
