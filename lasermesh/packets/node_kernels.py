"""The node step: everything that happens at one node until an instant, in the order of packet model rule 1.

A node merges streams: packets that a stopped link handed back, one stream for each incoming link, one for
each own flow. At one instant a lower stream comes first, which is the order of rules 1c, 1e and 1f.
"""

import numpy as np

from lasermesh.compiled import inline_kernel
from lasermesh.packets.causes import HOP_LIMIT, LINK_DOWN, NO_ROUTE, QUEUE
from lasermesh.packets.change_kernels import apply_changes, drop, pass_kept
from lasermesh.packets.endpoint_kernels import count_sent, deliver, next_size
from lasermesh.packets.heap_kernels import rival_bound, sift_down, sift_up
from lasermesh.packets.link_kernels import add_tap, join, settle
from lasermesh.packets.port_kernels import head_time, pass_head
from lasermesh.packets.state import (
    CLASS_SHIFT,
    DONE,
    G_TIME,
    HOP_SHIFT,
    L_DROPPED_LINK_DOWN,
    LABEL_MASK,
    N_CHANGE,
    N_CHANGE_END,
    N_FLOW,
    N_FLOW_END,
    N_IN,
    N_IN_END,
    N_KEPT,
    N_KEPT_COUNT,
    N_KEPT_TIME,
    N_NEXT,
    N_OUT,
    N_OUT_END,
    N_TABLE,
    NEVER,
    O_CHOICES,
    O_LABELS,
    O_NEXT_LABEL,
    O_TRACE,
    P_CREATED,
    P_IDENT,
    P_WORD,
    R_POSITION,
    S_CHOICE,
    S_CLASS,
    S_HOP_LIMIT,
    S_NEXT,
    S_SEQUENCE,
    SEQUENCE_BITS,
    SHORT,
    SIZE_SHIFT,
    TAP_DELIVERED,
    TAP_IN,
    V_FREE_CHUNK,
    V_HANDLED,
    V_HEAP,
    V_NEEDED_CHUNKS,
    V_NEEDED_TAPS,
    V_TAPS,
    V_TAPS_END,
    X_FREE,
    X_RATE,
    X_SENT_COUNT,
    X_TAPS,
    X_WRITTEN,
)
from lasermesh.units import NONE

KEPT = -1
"""The stream of packets that stopped links have handed back."""


@inline_kernel
def outgoing_link(nodes, tables, flows, control, node, ident, word):
    """Link that the table in force here names for a packet, NONE if none (design: routing, labels)."""
    slot = nodes[node, N_TABLE]
    label = word & LABEL_MASK
    if label >= control[O_LABELS]:
        return NONE
    n_choices = control[O_CHOICES]
    if n_choices == 1:
        return tables[slot, node, label]
    first = label * n_choices
    usable = 0
    while usable < n_choices and tables[slot, node, first + usable] != NONE:
        usable += 1
    if usable == 0:
        return NONE
    return tables[slot, node, first + flows[ident >> SEQUENCE_BITS, S_CHOICE] % usable]


@inline_kernel
def forward(e, worker, node, now, horizon, take, created, ident, word):
    """Rule 2 from the table on: a packet joins its outgoing link or is dropped. SHORT: nothing done."""
    link = outgoing_link(e.nodes, e.tables, e.flows, e.control, node, ident, word)
    if link < 0:
        drop(
            e,
            worker,
            node,
            now,
            NO_ROUTE,
            created,
            ident,
            word,
        )
        return DONE
    if e.links[link, X_RATE] == 0:
        e.links[link, L_DROPPED_LINK_DOWN] += 1
        drop(
            e,
            worker,
            node,
            now,
            LINK_DOWN,
            created,
            ident,
            word,
        )
        return DONE
    if settle(e, worker, link, now, take) == SHORT:
        return SHORT
    if e.control[O_NEXT_LABEL]:
        column = e.control[O_LABELS] * e.control[O_CHOICES] + (word & LABEL_MASK)
        label = e.tables[e.nodes[node, N_TABLE], node, column]
        if label != NONE:
            word = (word & ~LABEL_MASK) | label
    if not join(e, worker, link, now, horizon, created, ident, word):
        drop(e, worker, node, now, QUEUE, created, ident, word)
    return DONE


@inline_kernel
def has_room(workers, worker):
    """Whether one more packet can be handled, whatever becomes of it."""
    if workers[worker, V_FREE_CHUNK] < 0:
        workers[worker, V_NEEDED_CHUNKS] = 1
        return False
    if workers[worker, V_TAPS] + 4 > workers[worker, V_TAPS_END]:
        workers[worker, V_NEEDED_TAPS] = 64
        return False
    return True


@inline_kernel
def own_word(flows, nodes, label_of_flow, node, flow, size):
    """The last word of a flow's next packet; NONE if the table in force knows no label for it."""
    label = label_of_flow[nodes[node, N_TABLE], flow]
    if label < 0:
        return NONE
    hop_limit = flows[flow, S_HOP_LIMIT]
    return label | (size << SIZE_SHIFT) | (hop_limit << HOP_SHIFT) | (flows[flow, S_CLASS] << CLASS_SHIFT)


@inline_kernel
def gather(e, worker, node, limit, kept_time):
    """Put the streams of a node that have a packet before `limit` on the worker's heap; how many."""
    top = e.workers[worker, V_HEAP]
    n = 0
    if e.nodes[node, N_KEPT_COUNT] > 0:
        sift_up(e.heap, top, n, kept_time, KEPT)
        n += 1
    first = e.nodes[node, N_IN]
    n_in = e.nodes[node, N_IN_END] - first
    for stream in range(n_in):
        time = head_time(e.links, e.packets, e.workers, e.next_chunk, worker, e.lists[first + stream])
        if time < limit:
            sift_up(e.heap, top, n, time, stream)
            n += 1
    first = e.nodes[node, N_FLOW]
    for row in range(first, e.nodes[node, N_FLOW_END]):
        time = e.flows[e.lists[row], S_NEXT]
        if time < limit:
            sift_up(e.heap, top, n, time, n_in + row - first)
            n += 1
    return n


@inline_kernel
def run_streams(e, worker, node, limit, kept_time):
    """Everything at a node before `limit` but changes; nothing changes at the node before then.

    SHORT if room ran out before a packet, which is then still to come. The one place where packets are
    forwarded, so that the compiler has one copy of it.
    """
    first_in = e.nodes[node, N_IN]
    n_in = e.nodes[node, N_IN_END] - first_in
    first_flow = e.nodes[node, N_FLOW] - n_in
    top = e.workers[worker, V_HEAP]
    n = gather(e, worker, node, limit, kept_time)
    while n > 0:
        now = e.heap[top, 0]
        stream = e.heap[top, 1]
        bound = rival_bound(e.heap, top, n, limit)
        link = NONE
        flow = NONE
        if stream >= n_in:
            flow = e.lists[first_flow + stream]
        elif stream != KEPT:
            link = e.lists[first_in + stream]
        while now < bound:
            if not has_room(e.workers, worker):
                return SHORT
            onward = True
            size = 0
            if flow != NONE:
                size = next_size(e.flows, e.mixes, e.control, flow)
                created = now
                # Without compilation an int32 stays one, and 40 bits are too many for it.
                ident = (np.int64(flow) << SEQUENCE_BITS) | e.flows[flow, S_SEQUENCE]
                word = own_word(e.flows, e.nodes, e.label_of_flow, node, flow, size)
                if word == NONE:
                    drop(
                        e,
                        worker,
                        node,
                        now,
                        NO_ROUTE,
                        created,
                        ident,
                        size << SIZE_SHIFT,
                    )
                    onward = False
            else:
                position = e.links[link, R_POSITION] if link != NONE else e.nodes[node, N_KEPT]
                created = e.packets[position, P_CREATED]
                ident = e.packets[position, P_IDENT]
                word = e.packets[position, P_WORD]
                if link != NONE:
                    if e.lists[ident >> SEQUENCE_BITS] == node:
                        deliver(e.flows, e.flow_floats, e.histogram, now, created, ident, word)
                        if e.control[O_TRACE]:
                            add_tap(e, worker, now, TAP_DELIVERED, node, created, ident, word)
                        onward = False
                    elif (word >> HOP_SHIFT) & 0xFF == 1:
                        drop(
                            e,
                            worker,
                            node,
                            now,
                            HOP_LIMIT,
                            created,
                            ident,
                            word,
                        )
                        onward = False
                    else:
                        word -= 1 << HOP_SHIFT
            if onward and forward(e, worker, node, now, limit, stream != KEPT, created, ident, word) == SHORT:
                return SHORT
            e.workers[worker, V_HANDLED] += 1
            if flow != NONE:
                now = count_sent(e.flows, e.flow_floats, e.mixes, e.control, flow, size)
            elif link != NONE:
                if e.links[link, X_TAPS] & TAP_IN:
                    add_tap(
                        e,
                        worker,
                        now,
                        TAP_IN,
                        link,
                        created,
                        ident,
                        e.packets[position, P_WORD],
                    )
                now = pass_head(e.links, e.packets, e.workers, e.next_chunk, worker, link)
            elif not pass_kept(e.nodes, e.workers, e.next_chunk, worker, node):
                now = NEVER
        if now < limit:
            e.heap[top, 0] = now
        else:
            n -= 1
            e.heap[top, 0] = e.heap[top + n, 0]
            e.heap[top, 1] = e.heap[top + n, 1]
        sift_down(e.heap, top, n)
    return DONE


@inline_kernel
def step_node(e, worker, node, until):
    """Everything at one node before `until`; SHORT if room ran out, to be called again."""
    now = e.nodes[node, N_KEPT_TIME]
    while True:
        row = e.nodes[node, N_CHANGE]
        limit = until
        if row < e.nodes[node, N_CHANGE_END]:
            limit = min(until, e.changes[row, G_TIME])
        if run_streams(e, worker, node, limit, now) == SHORT:
            return SHORT
        if limit == until:
            break
        now = limit
        row = apply_changes(e, worker, node, row, now)
        if row == NONE:
            return SHORT
        e.nodes[node, N_CHANGE] = row
        e.nodes[node, N_KEPT_TIME] = now
    e.nodes[node, N_NEXT] = earliest(e, worker, node)
    return DONE


@inline_kernel
def earliest(e, worker, node):
    """When this node has something to do next."""
    time = NEVER
    for row in range(e.nodes[node, N_IN], e.nodes[node, N_IN_END]):
        time = min(time, head_time(e.links, e.packets, e.workers, e.next_chunk, worker, e.lists[row]))
    for row in range(e.nodes[node, N_FLOW], e.nodes[node, N_FLOW_END]):
        time = min(time, e.flows[e.lists[row], S_NEXT])
    for row in range(e.nodes[node, N_OUT], e.nodes[node, N_OUT_END]):
        link = e.lists[row]
        if e.links[link, X_WRITTEN] != e.links[link, X_SENT_COUNT]:
            time = min(time, e.links[link, X_FREE])
    if e.nodes[node, N_CHANGE] < e.nodes[node, N_CHANGE_END]:
        time = min(time, e.changes[e.nodes[node, N_CHANGE], G_TIME])
    return time
