"""Sorting a batch: by the link that packets are for, then by time, lower streams first at one instant.

What comes over one link, or from the node itself, is in order of time already; so the packets for one link
are a few segments, each in order, and these are merged. Packets for different links need no order among them.
"""

import numpy as np

from lasermesh.compiled import inline_kernel
from lasermesh.packets.heap_kernels import rival_bound, sift_down, sift_up
from lasermesh.packets.link_kernels import row
from lasermesh.packets.state import (
    B_COUNT,
    B_FILL,
    B_SEGMENT,
    B_SEGMENT_LAST,
    B_STREAM,
    NEVER,
    V_FOUND,
    V_OUTS,
    ZERO,
)
from lasermesh.units import NONE

# Columns of `segments`.
AT = 0
END = 1
NEXT = 2

STREAM_BITS = 24
STREAM_MASK = (1 << STREAM_BITS) - 1


@inline_kernel
def merge(segments, heap, top, source, segment, target, at):
    """Write the rows of linked segments of `source` to `target` from row `at` on, in order of time.

    Of rows of one time those of an earlier segment come first. `heap` has room from row `top` on.
    """
    other = segments[segment, NEXT]
    if segments[other, NEXT] == NONE:
        a = segments[segment, AT]
        a_end = segments[segment, END]
        b = segments[other, AT]
        b_end = segments[other, END]
        while a < a_end and b < b_end:
            if source[row(b), 0] < source[row(a), 0]:
                target[row(at), 0] = source[row(b), 0]
                target[row(at), 1] = source[row(b), 1]
                b += 1
            else:
                target[row(at), 0] = source[row(a), 0]
                target[row(at), 1] = source[row(a), 1]
                a += 1
            at += 1
        while a < a_end:
            target[at, 0] = source[a, 0]
            target[at, 1] = source[a, 1]
            a += 1
            at += 1
        while b < b_end:
            target[at, 0] = source[b, 0]
            target[at, 1] = source[b, 1]
            b += 1
            at += 1
        return
    n = ZERO
    while segment != NONE:
        sift_up(heap, top, n, source[segments[segment, AT], 0], segment)
        n += 1
        segment = segments[segment, NEXT]
    while n > 0:
        segment = heap[top, 1]
        bound = rival_bound(heap, top, n, NEVER)
        a = segments[segment, AT]
        a_end = segments[segment, END]
        while True:
            target[row(at), 0] = source[row(a), 0]
            target[row(at), 1] = source[row(a), 1]
            a += 1
            at += 1
            if a == a_end or source[row(a), 0] >= bound:
                break
        segments[segment, AT] = a
        if a < a_end:
            heap[top, 0] = source[a, 0]
        else:
            n -= 1
            heap[top, 0] = heap[top + n, 0]
            heap[top, 1] = heap[top + n, 1]
        if n > 0:
            sift_down(heap, top, n)


@inline_kernel
def note_out(links, workers, outs, worker, base, link):
    """Add a link to those that the batch has packets for."""
    outs[base + workers[worker, V_OUTS]] = link
    workers[worker, V_OUTS] += 1
    links[link, B_STREAM] = NONE
    links[link, B_SEGMENT] = NONE


@inline_kernel
def note_found(links, workers, found, outs, worker, base, time_ps, position, link, stream):
    """Add a packet of a stream, for a link, to the batch."""
    n = workers[worker, V_FOUND]
    found[base + n, 0] = time_ps
    found[base + n, 1] = position
    found[base + n, 2] = (np.int64(link) << STREAM_BITS) | stream
    workers[worker, V_FOUND] = n + 1
    links[link, B_COUNT] += 1
    if links[link, B_COUNT] == 1:
        note_out(links, workers, outs, worker, base, link)


@inline_kernel
def scatter(links, workers, found, order, segments, outs, worker, base):
    """Put what was found into `order`, link by link, in segments of one stream each."""
    at = base
    for k in range(workers[worker, V_OUTS]):
        link = outs[base + k]
        links[link, B_FILL] = at
        at += links[link, B_COUNT]
    free = base
    for place in range(base, base + workers[worker, V_FOUND]):
        from_ = row(place)
        link = row(found[from_, 2] >> STREAM_BITS)
        stream = found[from_, 2] & STREAM_MASK
        at = links[link, B_FILL]
        links[link, B_FILL] = at + 1
        order[row(at), 0] = found[from_, 0]
        order[row(at), 1] = found[from_, 1]
        if links[link, B_STREAM] != stream:
            links[link, B_STREAM] = stream
            segments[free, AT] = at
            segments[free, NEXT] = NONE
            if links[link, B_SEGMENT] == NONE:
                links[link, B_SEGMENT] = free
            else:
                segments[links[link, B_SEGMENT_LAST], END] = at
                segments[links[link, B_SEGMENT_LAST], NEXT] = free
            links[link, B_SEGMENT_LAST] = free
            free += 1
    for k in range(workers[worker, V_OUTS]):
        link = outs[base + k]
        segments[links[link, B_SEGMENT_LAST], END] = links[link, B_FILL]
