"""Making the arrays of the datapath."""

import numpy as np

from lasermesh.live import state
from lasermesh.live.bytes_kernels import HEADER_COLUMNS
from lasermesh.live.state import Datapath
from lasermesh.live.train_kernels import HEAD_BYTES, VNET_BYTES
from lasermesh.packets.arrays import aligned
from lasermesh.packets.state import NEVER
from lasermesh.units import NONE, PS_PER_MS, PS_PER_US

SHARE_OF_SMALL = 4  # a quarter of memory is for small packets where there are super-packets
ANSWERS_PER_S = 1000
ANSWER_BURST = 100
EVENT_WORDS = 3  # an epoll_event is packed on x86-64 ...
EVENT_WORDS_ELSEWHERE = 4


def first_datapath(n_nodes, hosts, addresses, live, machine, snap_bytes=0, n_snaps=0):
    """A datapath that holds no packet yet.

    Parameters
    ----------
    n_nodes : int
    hosts : int64 array, shape (n_hosts,)
        Rows of nodes.
    addresses : live.addresses.AddressTables
    live : scenario.Live
    machine : str
        As platform.machine() names it.
    snap_bytes, n_snaps : int
        For captures: how much is kept of how many of the last packets.
    """
    vnet_bytes = VNET_BYTES if live.gso else 0
    large_bytes, n_small, n_large = _slots_within(live, vnet_bytes)
    n_slots = n_small + n_large
    scratch = n_small * state.SMALL_BYTES + n_large * large_bytes
    control = aligned((state.CONTROL_ENTRIES,))
    data = np.zeros(scratch + 3 * state.LARGE_BYTES, np.uint8)
    host_of_node = np.full(n_nodes, NONE)
    host_of_node[hosts] = np.arange(len(hosts))
    host_rows = aligned((len(hosts), state.HOST_COLUMNS))
    host_rows[:, state.H_NODE] = hosts
    host_rows[:, state.H_SINCE] = NEVER
    slots = aligned((n_slots, state.SLOT_COLUMNS))
    slots[:n_small, state.S_AT] = np.arange(n_small) * state.SMALL_BYTES
    slots[n_small:, state.S_AT] = n_small * state.SMALL_BYTES + np.arange(n_large) * large_bytes
    hash_rows = aligned((1 << int(4 * n_slots - 1).bit_length(), state.HASH_COLUMNS))
    hash_rows[:, state.HASH_IDENT] = NONE
    words = EVENT_WORDS if machine in ("x86_64", "AMD64") else EVENT_WORDS_ELSEWHERE
    d = Datapath(
        control=control,
        hosts=host_rows,
        host_of_fd=np.full(1, state.NOBODY),
        host_of_node=host_of_node,
        flow_of_node=np.full(n_nodes, NONE),
        wanted=np.full(n_nodes, NONE),
        answers=np.zeros(n_nodes, np.int64),
        v6_keys=np.asarray(addresses.v6_keys, np.int64),
        v6_rows=np.asarray(addresses.v6_rows, np.int64),
        v6_key_of_row=np.asarray(addresses.v6_key_of_row, np.int64),
        data=data,
        slots=slots,
        # Stacks: those that are taken first lie last, and first in memory.
        free_small=np.arange(n_small, dtype=np.int64)[::-1].copy(),
        free_large=np.arange(n_small, n_slots, dtype=np.int64)[::-1].copy(),
        free_due=np.arange(state.MOST_DUE, dtype=np.int64)[::-1].copy(),
        hash=hash_rows,
        due=aligned((state.MOST_DUE, state.DUE_COLUMNS)),
        heap=aligned((state.MOST_DUE, 2)),
        parked=np.full(state.MOST_PARKED, NONE),
        header=np.zeros(HEADER_COLUMNS, np.int64),
        head=np.zeros(HEAD_BYTES, np.uint8),
        events=np.zeros(state.MOST_EVENTS * words, np.int32),
        times=np.zeros(8, np.int64),
        vectors=np.zeros(4, np.int64),
        histograms=np.zeros((state.N_HISTOGRAMS, state.N_BINS), np.int64),
        snap_ident=np.full(max(n_snaps, 1), NONE),
        snap_data=np.zeros((max(n_snaps, 1), max(snap_bytes, 1)), np.uint8),
    )
    entries = {
        state.C_QUEUED_FD: NONE,
        state.C_SPIN: round(live.spin_us * PS_PER_US),
        state.C_UNREACHABLE: live.unreachable,
        state.C_VNET_BYTES: vnet_bytes,
        state.C_FREE_SMALL: n_small,
        state.C_FREE_LARGE: n_large,
        state.C_FREE_DUE: state.MOST_DUE,
        state.C_N_SMALL: n_small,
        state.C_SNAP_BYTES: snap_bytes if n_snaps else 0,
        state.C_ANSWER_GAP: PS_PER_MS * 1000 // ANSWERS_PER_S,
        state.C_ANSWER_BURST: PS_PER_MS * 1000 // ANSWERS_PER_S * ANSWER_BURST,
        state.C_LARGE_BYTES: large_bytes,
        state.C_SCRATCH: scratch,
        state.C_WORK: scratch + state.LARGE_BYTES,
        state.C_EVENTS_STRIDE: words,
        state.C_DATA_ADDRESS: data.ctypes.data,
        state.C_EVENTS_ADDRESS: d.events.ctypes.data,
        state.C_TIMES_ADDRESS: d.times.ctypes.data,
        state.C_VECTORS_ADDRESS: d.vectors.ctypes.data,
        state.C_HEAD_ADDRESS: d.head.ctypes.data,
    }
    for column, value in entries.items():
        control[column] = value
    return d


def _slots_within(live, vnet_bytes):
    """Bytes of a large slot, and how many small and large ones there are within the memory allowed."""
    if live.gso:
        n_small = live.buffer_bytes // SHARE_OF_SMALL // state.SMALL_BYTES
        n_large = (live.buffer_bytes - n_small * state.SMALL_BYTES) // state.LARGE_BYTES
        return state.LARGE_BYTES, max(1, n_small), max(1, n_large)
    if live.mtu_bytes + vnet_bytes <= state.SMALL_BYTES:
        return state.LARGE_BYTES, max(1, live.buffer_bytes // state.SMALL_BYTES), 0
    large_bytes = (live.mtu_bytes + vnet_bytes + 63) // 64 * 64
    n_small = live.buffer_bytes // SHARE_OF_SMALL // state.SMALL_BYTES
    return (
        large_bytes,
        max(1, n_small),
        max(1, (live.buffer_bytes - n_small * state.SMALL_BYTES) // large_bytes),
    )
