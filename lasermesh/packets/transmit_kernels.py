"""The transmitter of a link: last bits that leave, packets that join, whatever the link's queue is.

Plain drop-tail links under load have a loop of their own (`plain_kernels`), which does the same.
"""

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.causes import QUEUE
from lasermesh.packets.link_kernels import (
    add_tap,
    append,
    drop,
    is_traced,
    lacks_taps,
    light_time_ps,
    packets_of,
    position_after,
    put_packet,
    serialization_ps,
    size_of,
)
from lasermesh.packets.state import (
    CHANGE_STOP,
    COUNT_SHIFT,
    DONE,
    ECT_BIT,
    G_KIND,
    G_SUBJECT,
    G_TIME,
    L_BUSY,
    L_BYTES,
    L_DROPPED_QUEUE,
    L_QUEUE_MAX,
    N_CHANGE,
    N_CHANGE_END,
    NEVER,
    O_TRAINS,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    Q_BYTES,
    Q_COUNT,
    SHORT,
    TAIL_CREATED,
    TAIL_TIME,
    TAP_OUT,
    V_FREE_CHUNK,
    V_NEEDED_CHUNKS,
    X_BUSY,
    X_CUT_CREATED,
    X_CUT_IDENT,
    X_CUT_WORD,
    X_FREE,
    X_LAST_ARRIVAL,
    X_LIMIT_BYTES,
    X_LIMIT_PACKETS,
    X_LIST,
    X_MARK_BYTES,
    X_MARK_PACKETS,
    X_PACKETS,
    X_PROCESSING,
    X_SENT,
    X_SENT_COUNT,
    X_SERVICE,
    X_SPECIAL,
    X_TAPS,
    X_WAITING,
    X_WAITING_BYTES,
    X_WRITTEN,
    ZERO,
)
from lasermesh.packets.waiting_kernels import list_of, mark, push, take_listed, tap_queue
from lasermesh.units import NONE

HAS_ROOM = np.int64(1)


@inline_kernel
def with_count(word, n):
    """The word of a train with another number of packets."""
    return (word & ((1 << COUNT_SHIFT) - 1)) | ((n - 1) << COUNT_SHIFT)


@inline_kernel
def tail_of_part(head, tail, k, m):
    """When the last of the first `m` packets of a train of `k` arrives; or when it was made (rule 8)."""
    return tail if m == k else head + (tail - head) * (m - 1) // (k - 1)


@inline_kernel
def stop_in_sight(nodes, changes, node, link, from_ps):
    """When a link is to stop next in this step, not before an instant; NEVER if that is not known."""
    for row in range(nodes[node, N_CHANGE], nodes[node, N_CHANGE_END]):
        if changes[row, G_SUBJECT] == link and changes[row, G_KIND] == CHANGE_STOP:
            if changes[row, G_TIME] >= from_ps:
                return changes[row, G_TIME]
    return NEVER


@inline_kernel
def stamp_train(e, node, link, position, head_leaves):
    """Let the head of a train leave: when its last bit does, and which of its packets a stop leaves behind.

    Packet model, rule 8. The transmitter is free once the last bit has left.
    """
    x = e.links
    word = e.packets[position, P_WORD]
    k = packets_of(word)
    service = x[link, X_SERVICE]
    last_leaves = max(head_leaves - service + k * service, e.tails[position, TAIL_TIME] + service)
    m = k
    stop = stop_in_sight(e.nodes, e.changes, node, link, head_leaves)
    if stop < last_leaves:
        m = 1 + (k - 1) * (stop - head_leaves) // (last_leaves - head_leaves)
        last_leaves = stop
        if m < k:
            x[link, X_CUT_WORD] = with_count(word, k - m)
            x[link, X_CUT_IDENT] = e.packets[position, P_IDENT] + m
            created = e.packets[position, P_CREATED]
            x[link, X_CUT_CREATED] = created
            e.packets[position, P_WORD] = with_count(word, m)
            e.tails[position, TAIL_CREATED] = tail_of_part(created, e.tails[position, TAIL_CREATED], k, m)
    x[link, L_BUSY] += (m - 1) * service
    x[link, X_FREE] = last_leaves
    head = head_leaves + light_time_ps(x, e.control, link, head_leaves) + x[link, X_PROCESSING]
    head = max(head, x[link, X_LAST_ARRIVAL])
    tail = last_leaves + light_time_ps(x, e.control, link, last_leaves) + x[link, X_PROCESSING]
    tail = max(tail, head)
    x[link, X_LAST_ARRIVAL] = tail
    e.packets[position, P_TIME] = head
    e.tails[position, TAIL_TIME] = tail
    x[link, X_PACKETS] += m
    x[link, L_BYTES] += m * size_of(word)
    return last_leaves


@inline_kernel
def stamp(e, worker, node, link, position, leaves):
    """Let the last bit of a packet leave: its arrival is known from here on."""
    x = e.links
    tail = ZERO
    if e.control[O_TRAINS]:
        tail = stamp_train(e, node, link, position, leaves)
    else:
        arrival = leaves + light_time_ps(x, e.control, link, leaves) + x[link, X_PROCESSING]
        arrival = max(arrival, x[link, X_LAST_ARRIVAL])
        x[link, X_LAST_ARRIVAL] = arrival
        e.packets[position, P_TIME] = arrival
        x[link, L_BYTES] += size_of(e.packets[position, P_WORD])
    x[link, X_SENT_COUNT] += 1
    ident = e.packets[position, P_IDENT]
    if x[link, X_TAPS] & TAP_OUT or is_traced(e.control, e.flows, ident):
        created = e.packets[position, P_CREATED]
        word = e.packets[position, P_WORD]
        add_tap(e.workers, e.taps, worker, leaves, TAP_OUT, link, created, ident, word, tail)


@inline_kernel
def begin_service(links, control, link, now, size):
    """Put a packet, or the first one of a train, into service."""
    duration = serialization_ps(links, control, link, size)
    links[link, X_FREE] = now + duration
    links[link, X_BUSY] = 1
    links[link, L_BUSY] += duration
    if control[O_TRAINS]:
        links[link, X_SERVICE] = duration


@inline_kernel
def take_next(e, worker, node, link, now):
    """Let a free transmitter take the next of the packets that wait."""
    x = e.links
    if x[link, X_LIST] == NONE:
        position = x[link, X_SENT]
    else:
        taken = take_listed(e, worker, node, link, now)
        created = e.packets[taken, P_CREATED]
        ident = e.packets[taken, P_IDENT]
        word = e.packets[taken, P_WORD]
        position = append(x, e.workers, e.next_chunk, worker, link)
        put_packet(e.packets, position, NEVER, created, ident, word)
        x[link, X_SENT] = position
    word = e.packets[position, P_WORD]
    n = packets_of(word)
    x[link, X_WAITING] -= n
    x[link, X_WAITING_BYTES] -= n * size_of(word)
    begin_service(x, e.control, link, now, size_of(word))
    tap_queue(x, e.workers, e.taps, worker, link, now)


@inline_kernel
def settle_has_room(e, worker, link):
    """Whether one packet may leave, or be taken, with all that this can record."""
    workers = e.workers
    listed = e.links[link, X_LIST] != NONE
    if listed and workers[worker, V_FREE_CHUNK] < 0:
        workers[worker, V_NEEDED_CHUNKS] = 1
        return False
    # One packet leaves or is taken; CoDel may drop all that wait, which changes the queue each time.
    return not lacks_taps(e, worker, 8 + (2 * e.links[link, X_WAITING] if listed else 0))


@inline_kernel
def settle_any(e, worker, node, link, now, take, has_room):
    """Bring a link of any kind up to `now`: see `settle`.

    With `take` also what is free at `now` itself takes the next packet, as arrivals come after that (rule 1).
    With `has_room` the caller has made sure of room.
    """
    x = e.links
    while x[link, X_FREE] <= now:
        if x[link, X_BUSY] == 0 and (x[link, X_WAITING] == 0 or (take == 0 and x[link, X_FREE] == now)):
            return DONE
        if has_room == 0 and not settle_has_room(e, worker, link):
            return SHORT
        if x[link, X_BUSY]:
            position = x[link, X_SENT]
            x[link, X_BUSY] = 0
            stamp(e, worker, node, link, position, x[link, X_FREE])
            if x[link, X_WRITTEN] != x[link, X_SENT_COUNT]:
                x[link, X_SENT] = position_after(e.next_chunk, position)
        else:
            take_next(e, worker, node, link, x[link, X_FREE])
    return DONE


@part_kernel
def settle_special(e, worker, node, link, now):
    """`settle_any`, once for all who settle links now and then."""
    return settle_any(e, worker, node, link, now, ZERO, ZERO)


@inline_kernel
def settle_plain(e, link, now):
    """`settle_any` for a plain link, of which nothing is recorded."""
    x = e.links
    while x[link, X_FREE] <= now:
        leaves = x[link, X_FREE]
        position = x[link, X_SENT]
        if x[link, X_BUSY]:
            x[link, X_BUSY] = 0
            arrival = leaves + light_time_ps(x, e.control, link, leaves) + x[link, X_PROCESSING]
            arrival = max(arrival, x[link, X_LAST_ARRIVAL])
            x[link, X_LAST_ARRIVAL] = arrival
            e.packets[position, P_TIME] = arrival
            x[link, L_BYTES] += size_of(e.packets[position, P_WORD])
            x[link, X_SENT_COUNT] += 1
            if x[link, X_WAITING] > 0:
                x[link, X_SENT] = position_after(e.next_chunk, position)
        elif x[link, X_WAITING] == 0 or leaves == now:
            return
        else:
            size = size_of(e.packets[position, P_WORD])
            x[link, X_WAITING] -= 1
            x[link, X_WAITING_BYTES] -= size
            duration = serialization_ps(x, e.control, link, size)
            x[link, X_FREE] = leaves + duration
            x[link, X_BUSY] = 1
            x[link, L_BUSY] += duration


@inline_kernel
def settle(e, worker, node, link, now):
    """Bring a link up to `now`: last bits leave until then, and free transmitters take the next packet.

    At `now` itself nothing is taken: changes of that instant come first (rule 1). SHORT if there is no room;
    what was done until then stands.
    """
    if e.links[link, X_SPECIAL]:
        return settle_special(e, worker, node, link, now)
    settle_plain(e, link, now)
    return DONE


@inline_kernel
def waiting_before(links, queues, link, word):
    """Packets and bytes in the waiting list that a packet would join."""
    if links[link, X_LIST] == NONE:
        return links[link, X_WAITING], links[link, X_WAITING_BYTES]
    row = list_of(links, link, word)
    return queues[row, Q_COUNT], queues[row, Q_BYTES]


@inline_kernel
def room_to_wait(links, queues, link, word):
    """How many packets of an entry may wait at a link (packet model, rule 3)."""
    waiting, waiting_bytes = waiting_before(links, queues, link, word)
    n = min(packets_of(word), links[link, X_LIMIT_PACKETS] - waiting)
    return max(0, min(n, (links[link, X_LIMIT_BYTES] - waiting_bytes) // size_of(word)))


@inline_kernel
def admit(links, queues, link, word):
    """The word with which a packet joins those that wait, marked if they are more than a threshold."""
    never = links[link, X_MARK_BYTES] == NEVER and links[link, X_MARK_PACKETS] == NEVER
    if never or word & ECT_BIT == 0:
        return word
    waiting, waiting_bytes = waiting_before(links, queues, link, word)
    if waiting > links[link, X_MARK_PACKETS] or waiting_bytes > links[link, X_MARK_BYTES]:
        return mark(links, link, word)
    return word


@inline_kernel
def offer(e, worker, node, link, now, horizon, head, created, ident, word, tail, tail_created):
    """Serve, queue or drop a packet at a link that is up and settled to `now` (rule 3).

    The caller has made sure of room. `head` is when it reached the node, before `now` if a stopped link has
    handed it back. Nothing at this node changes before `horizon`: a last bit that leaves by
    then is stamped at once.
    """
    x = e.links
    if x[link, X_BUSY] == 0 and x[link, X_WAITING] == 0 and x[link, X_FREE] <= now:
        position = append(x, e.workers, e.next_chunk, worker, link)
        put_packet(e.packets, position, head, created, ident, word)
        if e.control[O_TRAINS]:
            e.tails[position, TAIL_TIME] = tail
            e.tails[position, TAIL_CREATED] = tail_created
        begin_service(x, e.control, link, now, size_of(word))
        x[link, X_SENT] = position
        if x[link, X_FREE] <= horizon:
            x[link, X_BUSY] = 0
            stamp(e, worker, node, link, position, x[link, X_FREE])
        return
    k = packets_of(word)
    n = room_to_wait(x, e.queues, link, word)
    if n < k:
        x[link, L_DROPPED_QUEUE] += k - n
        rest = with_count(word, k - n)
        drop(e, worker, node, link, now, QUEUE, created, ident + n, rest)
        if n == 0:
            return
        word = with_count(word, n)
    word = admit(x, e.queues, link, word)
    if x[link, X_LIST] == NONE:
        position = append(x, e.workers, e.next_chunk, worker, link)
        put_packet(e.packets, position, head, created, ident, word)
        if e.control[O_TRAINS]:
            e.tails[position, TAIL_TIME] = tail_of_part(head, tail, k, n)
            e.tails[position, TAIL_CREATED] = tail_of_part(created, tail_created, k, n)
        if x[link, X_WRITTEN] - x[link, X_SENT_COUNT] == 1:
            x[link, X_SENT] = position
    else:
        row = list_of(x, link, word)
        push(e.packets, e.queues, e.workers, e.next_chunk, worker, row, now, created, ident, word)
    x[link, X_WAITING] += n
    x[link, X_WAITING_BYTES] += n * size_of(word)
    x[link, L_QUEUE_MAX] = max(x[link, L_QUEUE_MAX], x[link, X_WAITING_BYTES])
    tap_queue(x, e.workers, e.taps, worker, link, now)
