"""The node step: everything that happens at one node until an instant, in the order of packet model rule 1.

It goes from change to change, and between two in batches. A batch reads what arrives before a limit and sorts
it out; delivers what is at its end; makes the node's own packets, which may answer that; and brings all that
goes on to the transmitters, link by link, in the order of time, arrivals before own packets. Short of room it
stops between these stages and is gone on with later.
"""

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.collect_kernels import collect, count_arrivals, pass_taken, route, shorten
from lasermesh.packets.endpoint_kernels import deliver_all
from lasermesh.packets.link_kernels import first_after_pop, give_chunks, lacks_taps, position_after
from lasermesh.packets.merge_kernels import NEXT, merge, note_found, scatter
from lasermesh.packets.own_kernels import make_own
from lasermesh.packets.plain_kernels import carry
from lasermesh.packets.state import (
    B_COUNT,
    B_FILL,
    B_SEGMENT,
    C_ROWS,
    CHUNK_BITS,
    DONE,
    F_MEAN_GAP_PS,
    N_FLOW,
    N_FLOW_END,
    N_IN,
    N_IN_END,
    N_KEPT,
    N_KEPT_COUNT,
    N_KEPT_TIME,
    N_POOLS,
    N_SOURCES,
    NEVER,
    O_BATCH,
    O_NODE,
    O_PENDING,
    O_TRAINS,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    S_KIND,
    S_NEXT,
    SHORT,
    TAIL_CREATED,
    TAIL_TIME,
    V_FOUND,
    V_FREE_COUNT,
    V_HANDLED,
    V_HEADS,
    V_HEAP,
    V_INBOX,
    V_LIMIT,
    V_NEEDED_CHUNKS,
    V_NEEDED_ROWS,
    V_NODE,
    V_OF_KEPT,
    V_OUTS,
    V_OWN,
    V_OWN_COUNT,
    V_OWN_LAST,
    V_STAGE,
    X_CLASSES,
    X_LIST,
    X_SPECIAL,
    X_WAITING,
    ZERO,
)
from lasermesh.packets.transmit_kernels import HAS_ROOM, offer, settle_any
from lasermesh.traffic.kinds import BULK
from lasermesh.units import NONE

# Stages of a batch: what comes next.
BEGIN = 0
MAKE_OWN = 1
ROUTE_OWN = 2
SERVE = 3


@inline_kernel
def lacks_rows(e, worker, rows):
    """Whether the worker's room for a batch is too small, which is then asked for."""
    if rows <= e.control[C_ROWS]:
        return False
    e.workers[worker, V_NEEDED_ROWS] = rows
    return True


@inline_kernel
def shorten_for_own(e, node, limit):
    """An earlier limit, if the node's own flows are to send more until `limit` than a batch takes well."""
    if e.nodes[node, N_SOURCES] >= limit:
        return limit
    expected = 0.0
    first = NEVER
    for row in range(e.nodes[node, N_FLOW], e.nodes[node, N_FLOW_END]):
        flow = e.lists[row]
        time = e.flows[flow, S_NEXT]
        if time < limit and e.flows[flow, S_KIND] < BULK:
            first = min(first, time)
            expected += 1.0 + float(limit - time) / max(1.0, e.flow_floats[flow, F_MEAN_GAP_PS])
    share = float(e.control[O_BATCH])
    if expected <= share:
        return limit
    return min(limit, first + 1 + np.int64(float(limit - first) * share / expected))


@inline_kernel
def collect_kept(e, worker, node):
    """Take packets that stopped links have handed back into the batch, as many as there is room for."""
    base = worker * e.control[C_ROWS]
    n = min(e.nodes[node, N_KEPT_COUNT], e.control[C_ROWS])
    now = e.nodes[node, N_KEPT_TIME]
    position = e.nodes[node, N_KEPT]
    for k in range(n):
        if k > 0:
            position = position_after(e.next_chunk, position)
        link = route(e, worker, node, now, position)
        if link >= 0:
            note_found(e.links, e.workers, e.found, e.outs, worker, base, now, position, link, ZERO)
    e.workers[worker, V_OWN_COUNT] = n


@inline_kernel
def begin(e, worker, node, limit):
    """Begin a batch: its first stage, up to `limit` at most. SHORT, and nothing done, if there is no room."""
    workers = e.workers
    workers[worker, V_NODE] = node
    workers[worker, V_FOUND] = 0
    workers[worker, V_OUTS] = 0
    workers[worker, V_INBOX] = 0
    workers[worker, V_OWN_COUNT] = 0
    workers[worker, V_OF_KEPT] = 0
    if e.nodes[node, N_KEPT_COUNT] > 0:
        if lacks_taps(e, worker, e.control[C_ROWS]):
            return SHORT
        workers[worker, V_OF_KEPT] = 1
        collect_kept(e, worker, node)
        workers[worker, V_STAGE] = SERVE
        return DONE
    if e.nodes[node, N_FLOW] != e.nodes[node, N_FLOW_END]:
        limit = shorten_for_own(e, node, limit)
    n, n_links = count_arrivals(e, node)
    rows = n
    if n > e.control[O_BATCH]:
        limit, first = shorten(e, node, n, limit)
        if first >= limit:
            rows = 0
        elif limit > first + 1:
            rows = e.control[O_BATCH] + n_links
    if e.nodes[node, N_POOLS] > 0:  # requests bring about replies that were due before
        rows *= 2
        for pool in range(len(e.pools)):
            if e.pools[pool, O_NODE] == node:
                rows += e.pools[pool, O_PENDING]
    # A packet can be recorded as it comes, and as it is delivered or dropped.
    if lacks_rows(e, worker, rows) or lacks_taps(e, worker, 3 * rows):
        return SHORT
    workers[worker, V_LIMIT] = limit
    workers[worker, V_HEADS] = NEVER
    if n > 0:
        collect(e, worker, node, limit)
        deliver_all(e, worker, node)
    workers[worker, V_STAGE] = MAKE_OWN
    return DONE


@inline_kernel
def route_own(e, worker, node):
    """Say where the node's own packets go."""
    base = worker * e.control[C_ROWS]
    stream = e.nodes[node, N_IN_END] - e.nodes[node, N_IN]
    position = e.workers[worker, V_OWN]
    for k in range(e.workers[worker, V_OWN_COUNT]):
        if k > 0:
            position = position_after(e.next_chunk, position)
        now = e.packets[position, P_TIME]
        link = route(e, worker, node, now, position)
        if link >= 0:
            note_found(e.links, e.workers, e.found, e.outs, worker, base, now, position, link, stream)


@inline_kernel
def has_room_to_serve(e, worker):
    """Whether there are chunks and room for records for all that serving the batch can need."""
    base = worker * e.control[C_ROWS]
    chunks = np.int64(0)
    # At a plain link a packet can be recorded when it is dropped. At another each packet of the batch and
    # each that waits can be when it leaves or is dropped, twice if it is a train, and with what that does to
    # the queue.
    taps = 2 * e.workers[worker, V_FOUND] + 16
    for k in range(e.workers[worker, V_OUTS]):
        link = e.outs[base + k]
        n = e.links[link, B_COUNT]
        chunks += (n >> CHUNK_BITS) + 2
        if e.links[link, X_SPECIAL]:
            taps += 6 * (n + e.links[link, X_WAITING]) + 16
            if e.links[link, X_LIST] != NONE:
                chunks += ((n + e.links[link, X_WAITING]) >> CHUNK_BITS) + 2 + e.links[link, X_CLASSES]
    if e.workers[worker, V_FREE_COUNT] < chunks:
        e.workers[worker, V_NEEDED_CHUNKS] = chunks
        return False
    return not lacks_taps(e, worker, taps)


@part_kernel
def serve_special(e, worker, node, link, rows, first, end, horizon, take):
    """Bring packets, by time, to a link of any kind; the caller has made sure of room."""
    for k in range(first, end):
        now = rows[k, 0]
        position = rows[k, 1]
        head = e.packets[position, P_TIME]
        created = e.packets[position, P_CREATED]
        ident = e.packets[position, P_IDENT]
        word = e.packets[position, P_WORD]
        tail = ZERO
        tail_created = ZERO
        if e.control[O_TRAINS]:
            tail = e.tails[position, TAIL_TIME]
            tail_created = e.tails[position, TAIL_CREATED]
        settle_any(e, worker, node, link, now, take, HAS_ROOM)
        offer(e, worker, node, link, now, horizon, head, created, ident, word, tail, tail_created)


@inline_kernel
def serve(e, worker, node, horizon):
    """Bring the batch to the transmitters, link by link; nothing changes at the node before `horizon`.

    What is all of one stream and for one link, as on a chain, is in order as it was found.
    """
    base = worker * e.control[C_ROWS]
    take = 1 - e.workers[worker, V_OF_KEPT]
    last = base + e.workers[worker, V_FOUND] - 1
    is_sorted = e.workers[worker, V_OUTS] == 1 and e.found[base, 2] == e.found[last, 2]
    if not is_sorted:
        scatter(e.links, e.workers, e.found, e.order, e.segments, e.outs, worker, base)
    for out in range(e.workers[worker, V_OUTS]):
        link = e.outs[base + out]
        n = e.links[link, B_COUNT]
        first = base if is_sorted else e.links[link, B_FILL] - n
        rows = e.found if is_sorted else e.order
        segment = e.links[link, B_SEGMENT]
        if not is_sorted and e.segments[segment, NEXT] != NONE:
            merge(e.segments, e.heap, e.workers[worker, V_HEAP], e.order, segment, e.merged, first)
            rows = e.merged
        if take != 0 and e.links[link, X_SPECIAL] == 0:
            carry(e, worker, node, link, rows, first, first + n, horizon)
        else:
            serve_special(e, worker, node, link, rows, first, first + n, horizon, take)
        e.links[link, B_COUNT] = 0


@inline_kernel
def finish(e, worker, node):
    """Let go of what the batch has brought on: chunks that have been read, own packets, kept ones."""
    workers = e.workers
    n = workers[worker, V_OWN_COUNT]
    if workers[worker, V_OF_KEPT]:
        for _ in range(n):
            first = e.nodes[node, N_KEPT]
            count = e.nodes[node, N_KEPT_COUNT]
            e.nodes[node, N_KEPT] = first_after_pop(workers, e.next_chunk, worker, first, count)
            e.nodes[node, N_KEPT_COUNT] = count - 1
    else:
        pass_taken(e.links, e.nodes, e.lists, workers, e.next_chunk, worker, node)
        if n > 0:
            first = workers[worker, V_OWN] >> CHUNK_BITS
            give_chunks(workers, e.next_chunk, worker, first, workers[worker, V_OWN_LAST] >> CHUNK_BITS)
    workers[worker, V_STAGE] = BEGIN


@part_kernel
def run_batch(e, worker, node, limit):
    """A batch from where it stands to its end: until when all is done (exclusive), NONE if short of room."""
    workers = e.workers
    if workers[worker, V_STAGE] == BEGIN and begin(e, worker, node, limit) == SHORT:
        return NONE
    if workers[worker, V_STAGE] == MAKE_OWN:
        if make_own(e, worker, node, workers[worker, V_LIMIT]) == SHORT:
            return NONE
        workers[worker, V_STAGE] = ROUTE_OWN
    if workers[worker, V_STAGE] == ROUTE_OWN:
        n = workers[worker, V_OWN_COUNT]
        if lacks_rows(e, worker, workers[worker, V_FOUND] + n) or lacks_taps(e, worker, n):
            return NONE
        route_own(e, worker, node)
        workers[worker, V_STAGE] = SERVE
    if workers[worker, V_FOUND] > 0:
        if not has_room_to_serve(e, worker):
            return NONE
        serve(e, worker, node, limit)
        workers[worker, V_HANDLED] += workers[worker, V_FOUND]
    finish(e, worker, node)
    return 0 if workers[worker, V_OF_KEPT] else workers[worker, V_LIMIT]
