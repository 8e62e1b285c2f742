"""The first half of a batch: what arrives at a node is read, link by link, and sorted out.

Between two changes at a node its tables and links stay as they are. So where a packet goes, and whether it
goes on at all, can be said for each by itself; only packets for the same link must be kept in order (rule 1).
"""

import math

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.packets.causes import BIT_ERROR, HOP_LIMIT, LINK_DOWN, NO_ROUTE, NODE_DOWN
from lasermesh.packets.link_kernels import add_tap, drop, give_chunk, is_traced, packets_of, row, size_of
from lasermesh.packets.merge_kernels import AT, END, NEXT, STREAM_BITS, note_out
from lasermesh.packets.state import (
    B_COUNT,
    C_ROWS,
    CHUNK,
    CHUNK_BITS,
    CHUNK_MASK,
    HOP_SHIFT,
    L_DROPPED_LINK_DOWN,
    LABEL_MASK,
    LINK_COLUMNS,
    N_DOWN,
    N_IN,
    N_IN_END,
    N_TABLE,
    NEVER,
    O_ALTERNATE_AFTER,
    O_BACKUP,
    O_BATCH,
    O_CHOICES,
    O_FRAMING,
    O_LABELS,
    O_NEXT_LABEL,
    O_SEED,
    O_TRACED_FLOWS,
    O_TRAINS,
    P_CREATED,
    P_IDENT,
    P_TIME,
    P_WORD,
    R_COUNT,
    R_DROPPED_BIT_ERROR,
    R_ERROR,
    R_NEXT,
    R_POSITION,
    R_PUBLISHED,
    R_TAKEN,
    S_CHOICE,
    S_LINK,
    SEQUENCE_BITS,
    TAIL_TIME,
    TAP_IN,
    V_ARRIVED,
    V_ARRIVED_SEGMENTS,
    V_FOUND,
    V_HANDLED,
    V_HEADS,
    X_FREE,
    X_PROCESSING,
    X_RATE,
    X_TAPS,
    ZERO,
)
from lasermesh.packets.sync_kernels import load_acquire, store_release
from lasermesh.random_kernels import BIT_ERROR as BIT_ERROR_DRAW
from lasermesh.random_kernels import draw_unit
from lasermesh.units import NONE

DELIVER = -2
GONE = -3


@inline_kernel
def count_choices(tables, slot, node, first, n_choices):
    """How many choices of an entry are filled; they are from the left."""
    usable = 0
    while usable < n_choices and tables[slot, node, first + usable] != NONE:
        usable += 1
    return usable


@inline_kernel
def row_of_table(e, node, ident, word):
    """Link that the table in force at a node names for a packet, NONE if none (design: routing, labels).

    What is direct has a label beyond all tables, and a link of its own.
    """
    slot = e.nodes[node, N_TABLE]
    label = word & LABEL_MASK
    if label >= e.control[O_LABELS]:
        return e.flows[ident >> SEQUENCE_BITS, S_LINK]
    n_choices = e.control[O_CHOICES]
    if n_choices == 1:
        return np.int64(e.tables[slot, node, label])
    first = label * n_choices
    usable = count_choices(e.tables, slot, node, first, n_choices)
    if usable == 0:
        return NONE
    return np.int64(e.tables[slot, node, first + e.flows[ident >> SEQUENCE_BITS, S_CHOICE] % usable])


@inline_kernel
def is_avoided(links, link, now, after):
    """Whether a node knows that a link of its own is down, as it does a while after the link went down."""
    return links[link, X_RATE] == 0 and now - links[link, X_FREE] >= after


@part_kernel
def alternate_of(e, node, now, ident, word, chosen):
    """The link that a packet takes with fast reroute where the one chosen for it is down (rule 2).

    The first that the node does not know to be down, which it may be all the same: of the choices, from the
    chosen one on, in a circle, then the backup. The chosen one if there is none.
    """
    after = e.control[O_ALTERNATE_AFTER]
    slot = e.nodes[node, N_TABLE]
    label = word & LABEL_MASK
    if label >= e.control[O_LABELS]:
        return chosen
    n_choices = e.control[O_CHOICES]
    first = label * n_choices
    usable = count_choices(e.tables, slot, node, first, n_choices)
    hashed = e.flows[ident >> SEQUENCE_BITS, S_CHOICE]
    for k in range(usable):
        link = np.int64(e.tables[slot, node, first + (hashed + k) % usable])
        if not is_avoided(e.links, link, now, after):
            return link
    if e.control[O_BACKUP]:
        link = np.int64(
            e.tables[slot, node, e.control[O_LABELS] * (n_choices + e.control[O_NEXT_LABEL]) + label]
        )
        if link >= 0 and not is_avoided(e.links, link, now, after):
            return link
    return chosen


@inline_kernel
def route(e, worker, node, now, position):
    """The link over which the packet at a position goes on, its label changed for it; GONE if dropped."""
    ident = e.packets[position, P_IDENT]
    word = e.packets[position, P_WORD]
    link = row_of_table(e, node, ident, word)
    if link >= 0 and e.links[link, X_RATE] == 0 and e.control[O_ALTERNATE_AFTER] >= 0:
        link = alternate_of(e, node, now, ident, word, link)
    if link < 0 or e.links[link, X_RATE] == 0:
        cause = NO_ROUTE
        if link >= 0:
            cause = LINK_DOWN
            e.links[link, L_DROPPED_LINK_DOWN] += packets_of(word)
        created = e.packets[position, P_CREATED]
        drop(e, worker, node, link, now, cause, created, ident, word)
        return GONE
    if e.control[O_NEXT_LABEL] and word & LABEL_MASK < e.control[O_LABELS]:
        column = e.control[O_LABELS] * e.control[O_CHOICES] + (word & LABEL_MASK)
        label = e.tables[e.nodes[node, N_TABLE], node, column]
        if label != NONE:
            e.packets[position, P_WORD] = (word & ~LABEL_MASK) | label
    return link


@part_kernel
def is_corrupted(seed, link, k, bits, per_bit):
    """Whether the k-th packet of a link has a bit error, `per_bit` being -log1p(-bit error rate)."""
    unit = draw_unit(seed, BIT_ERROR_DRAW, link, k)
    # Most need no exponential: 1 - exp(-x) is at most x.
    return unit < bits * per_bit and unit < -math.expm1(-(bits * per_bit))


@inline_kernel
def sort_out(e, worker, node, link, k, position, now):
    """What becomes of a packet that has arrived: the link over which it goes on, DELIVER or GONE (rule 2).

    `k` is its number on the link that it came over.
    """
    ident = e.packets[position, P_IDENT]
    word = e.packets[position, P_WORD]
    if e.links[link, X_TAPS] & TAP_IN or is_traced(e.control, e.flows, ident):
        arrived = now - e.links[link, X_PROCESSING]
        created = e.packets[position, P_CREATED]
        tail = ZERO
        if e.control[O_TRAINS]:
            tail = e.tails[position, TAIL_TIME] - e.links[link, X_PROCESSING]
        add_tap(e.workers, e.taps, worker, arrived, TAP_IN, link, created, ident, word, tail)
    cause = GONE
    if e.nodes[node, N_DOWN]:
        cause = NODE_DOWN
    elif e.links[link, R_ERROR] != 0:
        bits = float((size_of(word) + e.control[O_FRAMING]) * 8 * packets_of(word))
        if is_corrupted(e.control[O_SEED], link, k, bits, np.int64(e.links[link, R_ERROR]).view(np.float64)):
            cause = BIT_ERROR
            e.links[link, R_DROPPED_BIT_ERROR] += packets_of(word)
    if cause == GONE:
        if e.lists[ident >> SEQUENCE_BITS] == node:
            return DELIVER
        if (word >> HOP_SHIFT) & 0xFF != 1:
            e.packets[position, P_WORD] = word - (1 << HOP_SHIFT)
            return route(e, worker, node, now, position)
        cause = HOP_LIMIT
    created = e.packets[position, P_CREATED]
    drop(e, worker, node, NONE if cause == HOP_LIMIT else link, now, cause, created, ident, word)
    return GONE


@inline_kernel
def time_of_entry(packets, next_chunk, position, n):
    """When the entry `n` places behind a ring's read position arrives."""
    chunk = position >> CHUNK_BITS
    if position < 0:
        chunk = np.int64(next_chunk[~position])
        position = chunk << CHUNK_BITS
    n += position & CHUNK_MASK
    while n >= CHUNK:
        chunk = np.int64(next_chunk[chunk])
        n -= CHUNK
    return packets[(chunk << CHUNK_BITS) + n, P_TIME]


@inline_kernel
def count_arrivals(e, node):
    """How many arrivals at a node are published, and over how many links."""
    n = 0
    links = 0
    for place in range(e.nodes[node, N_IN], e.nodes[node, N_IN_END]):
        link = e.lists[place]
        here = load_acquire(e.links, link * LINK_COLUMNS + R_PUBLISHED) - e.links[link, R_COUNT]
        if here > 0:
            links += 1
            n += here
    return n, links


@inline_kernel
def shorten(e, node, n, limit):
    """An earlier limit, if more of `n` arrivals come until `limit` than a batch takes well, and the first.

    Each link has the share of the batch that it has of the arrivals. All of the first instant is taken.
    """
    first = NEVER
    earlier = limit
    for place in range(e.nodes[node, N_IN], e.nodes[node, N_IN_END]):
        link = e.lists[place]
        here = load_acquire(e.links, link * LINK_COLUMNS + R_PUBLISHED) - e.links[link, R_COUNT]
        if here > 0:
            position = e.links[link, R_POSITION]
            first = min(first, time_of_entry(e.packets, e.next_chunk, position, ZERO))
            share = here * e.control[O_BATCH] // n + 1
            if here > share:
                earlier = min(earlier, time_of_entry(e.packets, e.next_chunk, position, share))
    if first >= limit:
        return limit, first
    return max(earlier, first + 1), first


@inline_kernel
def collect(e, worker, node, limit):
    """Read what arrives at a node before `limit`: into `found` what goes on, into `order` what is at its end.

    The loop knows the usual packet, which goes on over a link that is up; all others go by `sort_out`.
    """
    workers = e.workers
    base = worker * e.control[C_ROWS]
    heads = NEVER
    n_arrived = 0
    n_segments = 0
    n_found = 0
    first = e.nodes[node, N_IN]
    slot = row(e.nodes[node, N_TABLE])
    here = row(node)
    is_plain = e.control[O_CHOICES] == 1 and e.control[O_NEXT_LABEL] == 0 and e.nodes[node, N_DOWN] == 0
    is_plain = is_plain and e.control[O_TRACED_FLOWS] == 0
    n_labels = e.control[O_LABELS] if is_plain else 0
    for stream in range(e.nodes[node, N_IN_END] - first):
        link = row(e.lists[first + stream])
        count = e.links[link, R_COUNT]
        left = load_acquire(e.links, np.int64(link) * LINK_COLUMNS + R_PUBLISHED) - count
        e.links[link, R_TAKEN] = 0
        if left == 0:
            continue
        position = e.links[link, R_POSITION]
        usual = is_plain and e.links[link, R_ERROR] == 0 and e.links[link, X_TAPS] & TAP_IN == 0
        arrived_before = n_arrived
        taken = 0
        while taken < left:
            if position < 0:
                position = np.int64(e.next_chunk[~position]) << CHUNK_BITS
            at = row(position)
            now = e.packets[at, P_TIME]
            if now >= limit:
                heads = min(heads, now)
                break
            word = e.packets[at, P_WORD]
            target = NONE
            if usual:
                label = word & LABEL_MASK
                if e.lists[row(e.packets[at, P_IDENT] >> SEQUENCE_BITS)] == node:
                    target = DELIVER
                elif label < n_labels and (word >> HOP_SHIFT) & 0xFF != 1:
                    target = np.int64(e.tables[slot, here, row(label)])
                    if target >= 0:
                        if e.links[row(target), X_RATE] == 0:
                            target = NONE
                        else:
                            e.packets[at, P_WORD] = word - (1 << HOP_SHIFT)
            if target == NONE:
                target = sort_out(e, worker, node, np.int64(link), count + taken, position, now)
            if target >= 0:
                to = row(base + n_found)
                e.found[to, 0] = now
                e.found[to, 1] = position
                e.found[to, 2] = (np.int64(target) << STREAM_BITS) | stream
                n_found += 1
                waiting = e.links[row(target), B_COUNT]
                e.links[row(target), B_COUNT] = waiting + 1
                if waiting == 0:
                    note_out(e.links, workers, e.outs, worker, base, target)
            elif target == DELIVER:
                to = row(base + n_arrived)
                e.order[to, 0] = now
                e.order[to, 1] = position
                n_arrived += 1
            taken += 1
            position += 1
            if position & CHUNK_MASK == 0:
                position = ~((position - 1) >> CHUNK_BITS)
        e.links[link, R_TAKEN] = taken
        e.links[link, R_NEXT] = position
        workers[worker, V_HANDLED] += taken
        if n_arrived > arrived_before:
            e.segments[base + n_segments, AT] = base + arrived_before
            e.segments[base + n_segments, END] = base + n_arrived
            e.segments[base + n_segments, NEXT] = NONE
            if n_segments > 0:
                e.segments[base + n_segments - 1, NEXT] = base + n_segments
            n_segments += 1
    workers[worker, V_FOUND] = n_found
    workers[worker, V_HEADS] = heads
    workers[worker, V_ARRIVED] = n_arrived
    workers[worker, V_ARRIVED_SEGMENTS] = n_segments


@inline_kernel
def pass_taken(links, nodes, lists, workers, next_chunk, worker, node):
    """Move the incoming links of a node on behind what the batch has taken, and give back chunks."""
    for place in range(nodes[node, N_IN], nodes[node, N_IN_END]):
        link = lists[place]
        taken = links[link, R_TAKEN]
        if taken == 0:
            continue
        links[link, R_TAKEN] = 0
        position = links[link, R_POSITION]
        end = links[link, R_NEXT]
        chunk = ~position if position < 0 else position >> CHUNK_BITS
        last = ~end if end < 0 else end >> CHUNK_BITS
        while chunk != last:
            following = np.int64(next_chunk[chunk])
            give_chunk(workers, next_chunk, worker, chunk)
            chunk = following
        links[link, R_POSITION] = end
        store_release(links, link * LINK_COLUMNS + R_COUNT, links[link, R_COUNT] + taken)
