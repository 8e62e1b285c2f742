"""Waiting lists beside a link's ring: one for each class, from which a scheduler and CoDel take."""

import math

import numpy as np

from lasermesh.compiled import inline_kernel
from lasermesh.packets.causes import EARLY
from lasermesh.packets.link_kernels import (
    add_tap,
    drop,
    first_after_pop,
    packets_of,
    put_behind,
    put_packet,
    size_of,
)
from lasermesh.packets.queue_kinds import CODEL
from lasermesh.packets.state import (
    CE_BIT,
    CLASS_MASK,
    CLASS_SHIFT,
    ECT_BIT,
    L_DROPPED_EARLY,
    L_MARKED,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    Q_BYTES,
    Q_COUNT,
    Q_DROP_NEXT,
    Q_DROPPING,
    Q_DROPS,
    Q_FIRST,
    Q_FIRST_ABOVE,
    Q_INTERVAL,
    Q_LAST,
    Q_LAST_DROPS,
    Q_MIN_BYTES,
    Q_TARGET,
    TAP_QUEUE,
    X_CLASSES,
    X_DISCIPLINE,
    X_LIST,
    X_TAPS,
    X_WAITING,
    X_WAITING_BYTES,
    ZERO,
)


@inline_kernel
def list_of(links, link, word):
    """The waiting list for a packet of this class."""
    return links[link, X_LIST] + min((word >> CLASS_SHIFT) & CLASS_MASK, links[link, X_CLASSES] - 1)


@inline_kernel
def tap_queue(links, workers, taps, worker, link, now):
    """Record how much waits at a link, if that is wanted; the caller has made sure of room."""
    if links[link, X_TAPS] & TAP_QUEUE:
        add_tap(
            workers,
            taps,
            worker,
            now,
            TAP_QUEUE,
            link,
            ZERO,
            links[link, X_WAITING],
            links[link, X_WAITING_BYTES],
            ZERO,
        )


@inline_kernel
def mark(links, link, word):
    """The word of a packet that is told of congestion, which it must be able to be."""
    links[link, L_MARKED] += packets_of(word)
    return word | CE_BIT


@inline_kernel
def push(packets, queues, workers, next_chunk, worker, row, now, created, ident, word):
    """Put a packet behind all others of a waiting list; the caller has made sure of a chunk."""
    n = queues[row, Q_COUNT]
    position = put_behind(packets, workers, next_chunk, worker, queues[row, Q_LAST], n)
    if n == 0:
        queues[row, Q_FIRST] = position
    queues[row, Q_LAST] = position
    queues[row, Q_COUNT] = n + 1
    queues[row, Q_BYTES] += size_of(word)
    put_packet(packets, position, now, created, ident, word)


@inline_kernel
def pop(packets, queues, workers, next_chunk, worker, row):
    """Position of the first packet of a waiting list, which is out of the list from here on.

    Its row may be given to somebody else with the next chunk that is taken: to be copied before.
    """
    position = queues[row, Q_FIRST]
    n = queues[row, Q_COUNT]
    queues[row, Q_FIRST] = first_after_pop(workers, next_chunk, worker, position, n)
    queues[row, Q_COUNT] = n - 1
    queues[row, Q_BYTES] -= size_of(packets[position, P_WORD])
    return position


@inline_kernel
def may_drop(packets, queues, row, position, now):
    """Whether CoDel may drop the packet just taken out (`dodequeue` of RFC 8289, section 5.6)."""
    waited = now - packets[position, P_TIME]
    if waited < queues[row, Q_TARGET] or queues[row, Q_BYTES] <= queues[row, Q_MIN_BYTES]:
        queues[row, Q_FIRST_ABOVE] = 0
        return False
    if queues[row, Q_FIRST_ABOVE] == 0:
        queues[row, Q_FIRST_ABOVE] = now + queues[row, Q_INTERVAL]
        return False
    return now >= queues[row, Q_FIRST_ABOVE]


@inline_kernel
def control_law(queues, row, time_ps, count):
    """When CoDel drops next: an interval over the square root of the drops so far later (RFC 8289, 5.4)."""
    return time_ps + np.int64(math.floor(float(queues[row, Q_INTERVAL]) / math.sqrt(float(count))))


@inline_kernel
def take_by_codel(e, worker, node, link, row, now):
    """Position of the packet that CoDel lets be served next, out of a list that is not empty.

    RFC 8289, sections 5.5 and 5.6; a packet that can be marked is marked in place of being dropped, with the
    same consequences (as in Linux, `codel_impl.h`).
    """
    position = pop(e.packets, e.queues, e.workers, e.next_chunk, worker, row)
    may = may_drop(e.packets, e.queues, row, position, now)
    entering = e.queues[row, Q_DROPPING] == 0 and may
    if e.queues[row, Q_DROPPING] and not may:
        e.queues[row, Q_DROPPING] = 0
    while entering or (e.queues[row, Q_DROPPING] and now >= e.queues[row, Q_DROP_NEXT]):
        if not entering:
            e.queues[row, Q_DROPS] += 1
        word = e.packets[position, P_WORD]
        marked = word & ECT_BIT != 0
        if marked:
            e.packets[position, P_WORD] = mark(e.links, link, word)
        else:
            e.links[link, L_DROPPED_EARLY] += 1
            e.links[link, X_WAITING] -= 1
            e.links[link, X_WAITING_BYTES] -= size_of(word)
            created = e.packets[position, P_CREATED]
            ident = e.packets[position, P_IDENT]
            drop(e, worker, node, link, now, EARLY, created, ident, word)
            tap_queue(e.links, e.workers, e.taps, worker, link, now)
            position = pop(e.packets, e.queues, e.workers, e.next_chunk, worker, row)
            may = may_drop(e.packets, e.queues, row, position, now)
        if entering:
            entering = False
            e.queues[row, Q_DROPPING] = 1
            more = e.queues[row, Q_DROPS] - e.queues[row, Q_LAST_DROPS]
            recent = now - e.queues[row, Q_DROP_NEXT] < 16 * e.queues[row, Q_INTERVAL]
            e.queues[row, Q_DROPS] = more if more > 1 and recent else 1
            e.queues[row, Q_DROP_NEXT] = control_law(e.queues, row, now, e.queues[row, Q_DROPS])
            e.queues[row, Q_LAST_DROPS] = e.queues[row, Q_DROPS]
            break
        if marked:
            e.queues[row, Q_DROP_NEXT] = control_law(
                e.queues, row, e.queues[row, Q_DROP_NEXT], e.queues[row, Q_DROPS]
            )
            break
        if may:
            e.queues[row, Q_DROP_NEXT] = control_law(
                e.queues, row, e.queues[row, Q_DROP_NEXT], e.queues[row, Q_DROPS]
            )
        else:
            e.queues[row, Q_DROPPING] = 0
    return position


@inline_kernel
def take_listed(e, worker, node, link, now):
    """Position of the packet that is served next at a link with waiting lists, at which something waits.

    The highest class that has any comes first (strict priority). The packet is out of its list.
    """
    row = e.links[link, X_LIST] + e.links[link, X_CLASSES] - 1
    while e.queues[row, Q_COUNT] == 0:
        row -= 1
    if e.links[link, X_DISCIPLINE] == CODEL:
        return take_by_codel(e, worker, node, link, row, now)
    return pop(e.packets, e.queues, e.workers, e.next_chunk, worker, row)
