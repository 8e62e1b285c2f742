"""Where packets lie while the engine moves them: slots in memory, found by ident; and what is due when."""

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel
from lasermesh.live.state import (
    C_FREE_DUE,
    C_FREE_LARGE,
    C_FREE_SMALL,
    C_N_DUE,
    C_N_SMALL,
    C_ORDER,
    C_PROMPT,
    DUE_CE,
    DUE_COUNT,
    DUE_FIRST,
    DUE_HOP_LIMIT,
    DUE_HOST,
    DUE_SLOT,
    HASH_IDENT,
    HASH_SLOT,
    S_IDENT,
    S_LEFT,
    S_PROMPT,
    S_SEGMENTS,
    SMALL_BYTES,
)
from lasermesh.packets.heap_kernels import sift_down, sift_up
from lasermesh.units import NONE

# Idents of packets that follow one another lie in one block of rows, as parts of trains are looked for there.
BLOCK_BITS = 4
BLOCK_MASK = (1 << BLOCK_BITS) - 1
GOLDEN = np.int64(-7046029254386353131)  # 2**64 over the golden ratio, odd (Knuth, volume 3, section 6.4)
DUE_BITS = 20  # of a row of `due`
DUE_MASK = (1 << DUE_BITS) - 1


@inline_kernel
def home_of(rows, ident):
    """Where in the hash an ident belongs."""
    block = ((ident >> BLOCK_BITS) * GOLDEN) >> 24
    return ((block << BLOCK_BITS) + (ident & BLOCK_MASK)) & (len(rows) - 1)


@hot_kernel
def insert(rows, ident, slot):
    """Put an ident that is not there into the hash, which is at most half full."""
    mask = len(rows) - 1
    at = home_of(rows, ident)
    while rows[at, HASH_IDENT] != NONE:
        at = (at + 1) & mask
    rows[at, HASH_IDENT] = ident
    rows[at, HASH_SLOT] = slot


@hot_kernel
def look_up(rows, ident):
    """The slot of an ident, NONE if it is not in the hash."""
    mask = len(rows) - 1
    at = home_of(rows, ident)
    while rows[at, HASH_IDENT] != NONE:
        if rows[at, HASH_IDENT] == ident:
            return rows[at, HASH_SLOT]
        at = (at + 1) & mask
    return NONE


@hot_kernel
def remove(rows, ident):
    """Take an ident out of the hash; those behind it that probed past it move up."""
    mask = len(rows) - 1
    hole = home_of(rows, ident)
    while rows[hole, HASH_IDENT] != ident:
        if rows[hole, HASH_IDENT] == NONE:
            return
        hole = (hole + 1) & mask
    at = hole
    while True:
        at = (at + 1) & mask
        if rows[at, HASH_IDENT] == NONE:
            break
        probed = (at - home_of(rows, rows[at, HASH_IDENT])) & mask
        if probed >= ((at - hole) & mask):
            rows[hole, HASH_IDENT] = rows[at, HASH_IDENT]
            rows[hole, HASH_SLOT] = rows[at, HASH_SLOT]
            hole = at
    rows[hole, HASH_IDENT] = NONE


@inline_kernel
def find_slot(d, ident, most):
    """The slot of a packet, by itself or as one of the `most` behind the one whose ident is known; NONE.

    Sequence numbers of a flow follow one another, so the nearest ident before it is that of its slot.
    """
    for back in range(most):
        slot = look_up(d.hash, ident - back)
        if slot != NONE:
            return slot if back < d.slots[slot, S_SEGMENTS] else NONE
    return NONE


@inline_kernel
def take_slot(d, n_bytes, is_large):
    """A free slot for so many bytes, a large one if that is all there is; NONE. `is_large`: of those only."""
    c = d.control
    if n_bytes <= SMALL_BYTES and not is_large and c[C_FREE_SMALL] > 0:
        c[C_FREE_SMALL] -= 1
        return d.free_small[c[C_FREE_SMALL]]
    if c[C_FREE_LARGE] > 0:
        c[C_FREE_LARGE] -= 1
        return d.free_large[c[C_FREE_LARGE]]
    return NONE


@inline_kernel
def give_slot(d, slot):
    """Put a slot among the free ones."""
    c = d.control
    if slot < c[C_N_SMALL]:
        d.free_small[c[C_FREE_SMALL]] = slot
        c[C_FREE_SMALL] += 1
    else:
        d.free_large[c[C_FREE_LARGE]] = slot
        c[C_FREE_LARGE] += 1


@inline_kernel
def release(d, slot, n):
    """Let so many packets of a slot have ended; with the last of them it is free."""
    d.slots[slot, S_LEFT] -= n
    if d.slots[slot, S_LEFT] > 0:
        return
    if d.slots[slot, S_IDENT] != NONE:
        remove(d.hash, d.slots[slot, S_IDENT])
    d.control[C_PROMPT] -= d.slots[slot, S_PROMPT]
    give_slot(d, slot)


@inline_kernel
def put_due(d, time_ps, slot, first, n, host, hop_limit, ce):
    """Have packets of a slot written to a host at an instant; False if too many are due already."""
    c = d.control
    if c[C_FREE_DUE] == 0:
        return False
    c[C_FREE_DUE] -= 1
    row = d.free_due[c[C_FREE_DUE]]
    d.due[row, DUE_SLOT] = slot
    d.due[row, DUE_FIRST] = first
    d.due[row, DUE_COUNT] = n
    d.due[row, DUE_HOST] = host
    d.due[row, DUE_HOP_LIMIT] = hop_limit
    d.due[row, DUE_CE] = ce
    # What is due at one instant goes in the order in which it was put here.
    sift_up(d.heap, 0, c[C_N_DUE], time_ps, (c[C_ORDER] << DUE_BITS) | row)
    c[C_ORDER] += 1
    c[C_N_DUE] += 1
    return True


@inline_kernel
def take_due(d):
    """Row of `due` of what is due first, taken off the list; the row is free again from now on."""
    c = d.control
    row = d.heap[0, 1] & DUE_MASK
    last = c[C_N_DUE] - 1
    c[C_N_DUE] = last
    d.heap[0, 0] = d.heap[last, 0]
    d.heap[0, 1] = d.heap[last, 1]
    if last > 0:
        sift_down(d.heap, 0, last)
    d.free_due[c[C_FREE_DUE]] = row
    c[C_FREE_DUE] += 1
    return row
