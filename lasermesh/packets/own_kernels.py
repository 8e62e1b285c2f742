"""A node's own packets in a batch: sources, transfers, acks and replies merged by time, then flow row.

Behind them, of one instant, what others have put in there, and then what has lagged: at some nodes own
packets enter N_LAG ps later than they are made, and wait meanwhile in a list like that of what others put in.

They are written to chunks of their own, one behind the other, and taken from there like what has arrived.
"""

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.causes import NO_ROUTE, NODE_DOWN
from lasermesh.packets.heap_kernels import sift_down, sift_up
from lasermesh.packets.link_kernels import drop, first_after_pop, lacks_taps, put_behind, put_packet
from lasermesh.packets.service_kernels import (
    E_CREATED,
    E_FLOW,
    E_LEFT,
    first_entry,
    next_reply_ps,
    remove_first_entry,
)
from lasermesh.packets.source_kernels import gather_train, next_size, pass_own, scripted_train
from lasermesh.packets.state import (
    C_ROWS,
    COUNT_SHIFT,
    DONE,
    N_DOWN,
    N_FLOW,
    N_FLOW_END,
    N_LAG,
    N_LAGGING,
    N_LAGGING_COUNT,
    N_LAGGING_LAST,
    N_OUTSIDE,
    N_OUTSIDE_COUNT,
    N_POOLS,
    N_SOURCES,
    N_TABLE,
    NEVER,
    O_END,
    O_SEED,
    O_SERVED,
    O_TRAINS,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    S_BYTES_SENT,
    S_INBOX,
    S_KIND,
    S_NEXT,
    S_POOL,
    S_REPLY_BYTES,
    S_REPLY_PACKET_BYTES,
    S_SEQUENCE,
    S_TRAIN,
    S_WORD,
    SEQUENCE_BITS,
    SHORT,
    SIZE_SHIFT,
    TAIL_CREATED,
    TAIL_TIME,
    V_FREE_CHUNK,
    V_HANDLED,
    V_HEAP,
    V_INBOX,
    V_NEEDED_CHUNKS,
    V_OWN,
    V_OWN_COUNT,
    V_OWN_LAST,
    V_SOURCES,
    ZERO,
)
from lasermesh.packets.transfer_kernels import (
    I_CREATED,
    I_NEXT,
    I_SEQUENCE,
    I_TIME,
    next_transmission_ps,
    segment_to_send,
    send_segment,
)
from lasermesh.traffic.kinds import ACK, BULK, OUTSIDE, REPLY, SCRIPT
from lasermesh.units import NONE

LIST_COUNT = N_OUTSIDE_COUNT - N_OUTSIDE  # of nodes' lists: how far behind its first packet that is, too


@inline_kernel
def next_own_ps(e, base, flow, limit):
    """When a flow has its next packet, NEVER if none is known; of replies, those that are in its inbox."""
    kind = e.flows[flow, S_KIND]
    if kind < BULK:
        return e.flows[flow, S_NEXT]
    if kind == BULK:
        time = next_transmission_ps(e.flows, e.room, e.inbox, base, flow, limit)
        e.flows[flow, S_NEXT] = time
        return time
    row = e.flows[flow, S_INBOX]
    return NEVER if row == NONE else e.inbox[base + row, I_TIME]


@inline_kernel
def next_of_pool_ps(e, flow):
    """When the pool to which a reply flow belongs answers next, if that is by this flow; NEVER otherwise.

    So that one flow stands for the pool. A reply at the end of the run or later never comes.
    """
    pool = e.flows[flow, S_POOL]
    time = next_reply_ps(e.pools, e.room, pool)
    if time >= e.control[O_END] or e.room[first_entry(e.pools, pool) + E_FLOW] != flow:
        return NEVER
    return time


@inline_kernel
def count_answer(flows, flow, size):
    """Count a packet that is not of a plain flow as sent."""
    flows[flow, S_SEQUENCE] += 1
    flows[flow, S_BYTES_SENT] += size


@part_kernel
def hold_back(e, worker, node, now, created, ident, word, tail):
    """Put an own packet that was made at `now` among those that lag; it has the caller's chunk."""
    n = e.nodes[node, N_LAGGING_COUNT]
    lag = e.nodes[node, N_LAG]
    last = e.nodes[node, N_LAGGING_LAST]
    position = put_behind(e.packets, e.workers, e.next_chunk, worker, last, n)
    if n == 0:
        e.nodes[node, N_LAGGING] = position
    e.nodes[node, N_LAGGING_LAST] = position
    e.nodes[node, N_LAGGING_COUNT] = n + 1
    put_packet(e.packets, position, now + lag, created, ident, word)
    if e.control[O_TRAINS]:
        e.tails[position, TAIL_TIME] = tail + lag
        e.tails[position, TAIL_CREATED] = tail


@inline_kernel
def make_own(e, worker, node, limit):
    """Write the own packets of a node before `limit`; SHORT if there is no room, to be called again."""
    workers = e.workers
    # Where thousands of flows end, as many of reports may begin, of which few have anything to send.
    if e.nodes[node, N_SOURCES] >= limit and workers[worker, V_INBOX] == 0 and e.nodes[node, N_POOLS] == 0:
        workers[worker, V_SOURCES] = e.nodes[node, N_SOURCES]
        return DONE
    top = workers[worker, V_HEAP]
    base = worker * e.control[C_ROWS]
    slot = e.nodes[node, N_TABLE]
    seed = e.control[O_SEED]
    later = NEVER
    n = ZERO
    # They stand for what others have put in and what has lagged, which come behind all flows of an instant.
    outside = len(e.flows)
    lagging = outside + 1
    lag = e.nodes[node, N_LAG]
    for row in range(e.nodes[node, N_FLOW], e.nodes[node, N_FLOW_END]):
        flow = e.lists[row]
        time = next_own_ps(e, base, flow, limit)
        if time < limit:
            sift_up(e.heap, top, n, time, flow)
            n += 1
        else:
            later = min(later, time)
        if e.flows[flow, S_KIND] == REPLY:
            time = next_of_pool_ps(e, flow)
            if time < limit:
                sift_up(e.heap, top, n, time, flow)
                n += 1
            else:
                later = min(later, time)
    if e.nodes[node, N_OUTSIDE_COUNT] > 0:
        time = e.packets[e.nodes[node, N_OUTSIDE], P_TIME]
        if time < limit:
            sift_up(e.heap, top, n, time, outside)
            n += 1
        else:
            later = min(later, time)
    if lag > 0 and e.nodes[node, N_LAGGING_COUNT] > 0:
        time = e.packets[e.nodes[node, N_LAGGING], P_TIME]
        if time < limit:
            sift_up(e.heap, top, n, time, lagging)
            n += 1
        else:
            later = min(later, time)
    while n > 0:
        now = e.heap[top, 0]
        flow = e.heap[top, 1]
        # A packet may need a chunk, and be recorded as dropped.
        if workers[worker, V_FREE_CHUNK] < 0:
            workers[worker, V_NEEDED_CHUNKS] = 1
            return SHORT
        if lacks_taps(e, worker, 1):
            return SHORT
        kind = OUTSIDE if flow >= outside else e.flows[flow, S_KIND]
        created = now
        ident = flow << SEQUENCE_BITS
        following_flow = flow
        count = ZERO
        tail = now
        tail_created = now
        if kind == OUTSIDE:
            first = N_OUTSIDE if flow == outside else N_LAGGING
            position = e.nodes[node, first]
            created = e.packets[position, P_CREATED]
            ident = e.packets[position, P_IDENT]
            word = e.packets[position, P_WORD]
            flow = ident >> SEQUENCE_BITS
            if e.control[O_TRAINS]:
                tail = e.tails[position, TAIL_TIME]
                tail_created = e.tails[position, TAIL_CREATED]
            left = e.nodes[node, first + LIST_COUNT]
            position = first_after_pop(workers, e.next_chunk, worker, position, left)
            e.nodes[node, first] = position
            e.nodes[node, first + LIST_COUNT] = left - 1
            time = e.packets[position, P_TIME] if left > 1 else NEVER
        elif kind < BULK:
            size = next_size(e.flows, e.mixes, seed, flow)
            ident |= e.flows[flow, S_SEQUENCE]
            if e.flows[flow, S_TRAIN] > 1:
                count, tail = gather_train(e.flows, flow, now)
            elif kind == SCRIPT and e.control[O_TRAINS]:
                count, tail = scripted_train(e.flows, e.mixes, flow)
            pass_own(e.flows, e.flow_floats, e.mixes, seed, flow, size, (count >> COUNT_SHIFT) + 1)
            time = e.flows[flow, S_NEXT]
        elif kind == BULK:
            segment = segment_to_send(e.flows, e.room, flow)
            size = send_segment(e.flows, e.room, flow, segment, now)
            ident |= segment
            count_answer(e.flows, flow, size)
            time = next_own_ps(e, base, flow, limit)
        elif kind == ACK:
            row = e.flows[flow, S_INBOX]
            size = e.flows[flow, S_REPLY_BYTES]
            ident |= e.inbox[base + row, I_SEQUENCE]
            created = e.inbox[base + row, I_CREATED]
            e.flows[flow, S_INBOX] = e.inbox[base + row, I_NEXT]
            count_answer(e.flows, flow, size)
            time = next_own_ps(e, base, flow, limit)
        elif e.flows[flow, S_INBOX] != NONE and e.inbox[base + e.flows[flow, S_INBOX], I_TIME] == now:
            row = e.flows[flow, S_INBOX]
            size = min(e.inbox[base + row, I_SEQUENCE], e.flows[flow, S_REPLY_PACKET_BYTES])
            ident |= e.flows[flow, S_SEQUENCE]
            created = e.inbox[base + row, I_CREATED]
            e.inbox[base + row, I_SEQUENCE] -= size
            if e.inbox[base + row, I_SEQUENCE] == 0:
                e.flows[flow, S_INBOX] = e.inbox[base + row, I_NEXT]
            count_answer(e.flows, flow, size)
            time = next_own_ps(e, base, flow, limit)
        else:
            pool = e.flows[flow, S_POOL]
            entry = first_entry(e.pools, pool)
            size = min(e.room[entry + E_LEFT], e.flows[flow, S_REPLY_PACKET_BYTES])
            ident |= e.flows[flow, S_SEQUENCE]
            created = e.room[entry + E_CREATED]
            e.room[entry + E_LEFT] -= size
            if e.room[entry + E_LEFT] == 0:
                remove_first_entry(e.pools, e.room, pool)
                e.pools[pool, O_SERVED] += 1
            count_answer(e.flows, flow, size)
            time = next_reply_ps(e.pools, e.room, pool)
            if time < e.control[O_END]:
                following_flow = e.room[first_entry(e.pools, pool) + E_FLOW]
            else:
                time = NEVER
        workers[worker, V_HANDLED] += 1
        if kind != OUTSIDE:
            tail_created = tail
            word = (size << SIZE_SHIFT) | e.flows[flow, S_WORD] | count
        label = e.label_of_flow[slot, flow]
        lags = lag > 0 and kind != OUTSIDE
        if lags:
            hold_back(e, worker, node, now, created, ident, word, tail)
        elif e.nodes[node, N_DOWN] or label < 0:
            cause = NODE_DOWN if e.nodes[node, N_DOWN] else NO_ROUTE
            drop(e, worker, node, NONE, now, cause, created, ident, word)
        else:
            m = workers[worker, V_OWN_COUNT]
            position = put_behind(e.packets, workers, e.next_chunk, worker, workers[worker, V_OWN_LAST], m)
            if m == 0:
                workers[worker, V_OWN] = position
            workers[worker, V_OWN_LAST] = position
            workers[worker, V_OWN_COUNT] = m + 1
            put_packet(e.packets, position, now, created, ident, word | label)
            if e.control[O_TRAINS]:
                e.tails[position, TAIL_TIME] = tail
                e.tails[position, TAIL_CREATED] = tail_created
        if time < limit:
            e.heap[top, 0] = time
            e.heap[top, 1] = following_flow
        else:
            later = min(later, time)
            n -= 1
            e.heap[top, 0] = e.heap[top + n, 0]
            e.heap[top, 1] = e.heap[top + n, 1]
        if n > 0:
            sift_down(e.heap, top, n)
        if lags and e.nodes[node, N_LAGGING_COUNT] == 1:
            if now + lag < limit:
                sift_up(e.heap, top, n, now + lag, lagging)
                n += 1
            else:
                later = min(later, now + lag)
    workers[worker, V_SOURCES] = later
    e.nodes[node, N_SOURCES] = later
    return DONE
