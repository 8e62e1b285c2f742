"""For captures: the first bytes of packets, kept when they enter the mesh, and found again by their idents.

The datapath's thread writes them into a ring, one row for each packet on the wire; the control thread reads
there while more are written. A snap is counted once it lies there, and those who copy it look afterwards
whether it may have been written over meanwhile.
"""

import numpy as np

from lasermesh.compiled import kernel, part_kernel
from lasermesh.live.slot_kernels import insert, look_up, remove
from lasermesh.live.state import (
    C_DATA_ADDRESS,
    C_HEAD_ADDRESS,
    C_SNAP_BYTES,
    C_SNAPS,
    C_VNET_BYTES,
    C_WORK,
    S_AT,
    S_BYTES,
    S_IDENT,
    S_SEGMENTS,
)
from lasermesh.live.system_kernels import copy_bytes, copy_data
from lasermesh.live.train_kernels import fill_part, finish_checksum
from lasermesh.units import NONE

ONE = np.int64(1)


@part_kernel
def single_packet(d, slot, segment):
    """Where in `data` one packet of a slot lies, as it would be on a wire, and its bytes."""
    at = d.slots[slot, S_AT]
    n_bytes = d.slots[slot, S_BYTES]
    vnet = d.control[C_VNET_BYTES]
    if vnet == 0:
        return at, n_bytes
    work = d.control[C_WORK]
    head_bytes, payload_at, payload_bytes = fill_part(d.data, at, n_bytes, segment, ONE, d.head)
    copy_bytes(d.control[C_DATA_ADDRESS] + work, d.control[C_HEAD_ADDRESS], head_bytes)
    copy_data(d, work + head_bytes, payload_at, payload_bytes)
    finish_checksum(d.data, work, head_bytes + payload_bytes)
    return work + vnet, head_bytes + payload_bytes - vnet


@part_kernel
def note_snaps(d, slot):
    """Keep the first bytes of the packets of a slot that the engine has taken."""
    c = d.control
    for segment in range(d.slots[slot, S_SEGMENTS]):
        at, length = single_packet(d, slot, np.int64(segment))
        row = c[C_SNAPS] % len(d.snap_ident)
        d.snap_ident[row] = d.slots[slot, S_IDENT] + segment
        for k in range(min(length, c[C_SNAP_BYTES])):
            d.snap_data[row, k] = d.data[at + k]
        c[C_SNAPS] += 1


@kernel
def index_snaps(index, known, snap_ident, begin, end):
    """Have an index know the snaps numbered [begin, end), and forget those that they were written over.

    Parameters
    ----------
    index : int64 array (a power of two, at least twice the snaps; state.HASH_COLUMNS)
        Rows of idents, a hash as that of slots.
    known : int64 array (n_snaps,)
        Ident that the index has for each row; NONE.
    snap_ident : int64 array (n_snaps,)
    """
    for number in range(begin, end):
        row = number % len(known)
        if known[row] != NONE:
            remove(index, known[row])
        known[row] = snap_ident[row]
        insert(index, known[row], row)


@kernel
def find_snaps(index, idents, rows):
    """Fill `rows` with the rows of packets' snaps; NONE: there is none."""
    for k in range(len(idents)):
        rows[k] = look_up(index, idents[k])
