"""What nodes within the mesh answer: time exceeded, echo replies, unreachable ports and networks."""

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel
from lasermesh.live.bytes_kernels import (
    H_HOP_LIMIT,
    H_TOTAL,
    NET_UNREACHABLE,
    PORT_UNREACHABLE,
    TIME_EXCEEDED,
    fill_header,
    make_echo_reply,
    make_error,
    set_hop_limit,
)
from lasermesh.live.entry_kernels import ONE, describe, put_in, word_of
from lasermesh.live.slot_kernels import put_due, release, take_slot
from lasermesh.live.snap_kernels import single_packet
from lasermesh.live.state import (
    C_ANSWER_BURST,
    C_ANSWER_GAP,
    C_FIRST_REPLY,
    C_VNET_BYTES,
    C_WORK,
    H_NODE,
    HISTOGRAM_ANSWERS,
    LARGE_BYTES,
    N_ECHO_REPLIES,
    N_SUPPRESSED,
    N_TIME_EXCEEDED,
    N_UNREACHABLE,
    S_AT,
    S_HOST,
    SMALL_BYTES,
)
from lasermesh.live.system_kernels import copy_data, count_ns
from lasermesh.packets.state import C_WINDOW_START
from lasermesh.units import NONE, PS_PER_NS

# What is answered, as numpy's integers, for which kernels are compiled once.
EXPIRED = np.int64(TIME_EXCEEDED)
NO_WAY = np.int64(NET_UNREACHABLE)
NO_PORT = np.int64(PORT_UNREACHABLE)
ARRIVED = np.int64(-1)
NOTHING = np.int64(-2)


@inline_kernel
def may_answer(d, node, now):
    """Whether a node answers at an instant: so many times a second, and some more at once."""
    c = d.control
    earliest = max(d.answers[node], now)
    if earliest - now > c[C_ANSWER_BURST]:
        return False
    d.answers[node] = earliest + c[C_ANSWER_GAP]
    return True


@hot_kernel
def answer(e, d, slot, segment, kind, node, time_ps, hop_limit):
    """Have a node answer a packet of a slot; ARRIVED: as the host that it was addressed to.

    `hop_limit` is what the packet came there with. The caller has made sure of chunks. An answer enters where
    and when it is made, but not before the engine's clock; for a host at its own node it is due at once. No
    answer is answered. How many there are: 0 or 1.
    """
    c = d.control
    host = d.slots[slot, S_HOST]
    if host == NONE:
        return 0
    vnet = c[C_VNET_BYTES]
    out = c[C_WORK] + LARGE_BYTES
    at, length = single_packet(d, slot, segment)
    set_hop_limit(d.data, at, hop_limit)
    n = np.int64(0)
    counter = N_ECHO_REPLIES
    if kind == ARRIVED:
        n = make_echo_reply(d.data, at, length, d.data, out + vnet)
        kind = NO_PORT
    if n == 0:
        counter = N_TIME_EXCEEDED if kind == EXPIRED else N_UNREACHABLE
        most = np.int64(SMALL_BYTES)
        n = make_error(d.data, at, length, d.data, out + vnet, kind, node, d.v6_key_of_row, most)
    if n == 0:
        return 0
    if not may_answer(d, node, time_ps):
        c[N_SUPPRESSED] += 1
        return 0
    mine = take_slot(d, vnet + n, False)
    if mine == NONE:
        c[N_SUPPRESSED] += 1
        return 0
    for k in range(vnet):
        d.data[out + k] = 0
    copy_data(d, d.slots[mine, S_AT], out, vnet + n)
    fill_header(d.data, out + vnet, n, d.v6_keys, d.v6_rows, d.header)
    to = d.hosts[host, H_NODE]
    size = d.header[H_TOTAL]
    first_limit = d.header[H_HOP_LIMIT]
    describe(d, mine, vnet + n, ONE, size, size, word_of(d.header), first_limit, np.int64(NONE), to, time_ps)
    c[counter] += 1
    if node == to:
        if not put_due(d, time_ps, mine, 0, 1, host, first_limit, 0):
            release(d, mine, 1)
        return 1
    entered = max(time_ps, e.control[C_WINDOW_START])
    count_ns(d.histograms, HISTOGRAM_ANSWERS, (entered - time_ps) // PS_PER_NS)
    put_in(e, d, mine, c[C_FIRST_REPLY] + host, node, entered, time_ps)
    return 1
