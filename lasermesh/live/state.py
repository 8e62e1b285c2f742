"""The arrays of the datapath: what each row and column means.

Beside those of the packet engine (`packets.state`), which knows packets by their idents and never sees a
byte of them. All times are int64 picoseconds of simulated time, unless a name ends in another unit.
"""

from typing import NamedTuple

import numpy as np

# Columns of `hosts`.
H_NODE = 0
H_FD = 1
H_READY = 2  # 1: it may have something to read
H_OVERHEAD = 3  # for how long what is read from it was on its way
H_SINCE = 4  # since when it may have something to read; NEVER: it was found empty
HOST_COLUMNS = 8

# Columns of `slots`, one row for each packet, or super-packet, that lies in memory.
S_AT = 0  # where in `data` its bytes begin, a virtio_net_hdr first where there are such
S_BYTES = 1  # of all that was read
S_SEGMENTS = 2  # packets that it is split into
S_LEFT = 3  # of these, that have not ended; due ones have not
S_IDENT = 4  # of its first packet in the engine, NONE where it has not gone there
S_PART_BYTES = 5  # of each packet on the wire but the last
S_HOP_LIMIT = 6  # with which it came
S_HOST = 7  # whose it is, NONE of answers
S_PROMPT = 8  # 1: it may bring about an answer from within the mesh
S_NODE = 9  # where it goes
S_TIME = 10  # when it came
S_LAST_BYTES = 11
S_WORD = 12  # hop limit, class and ECN, as in the word of a packet of the engine
SLOT_COLUMNS = 16

# Columns of `hash`.
HASH_IDENT = 0  # NONE where a row is free
HASH_SLOT = 1
HASH_COLUMNS = 2

# Columns of `due`, what is to be written to hosts.
DUE_SLOT = 0
DUE_FIRST = 1  # segment
DUE_COUNT = 2
DUE_HOST = 3
DUE_HOP_LIMIT = 4
DUE_CE = 5  # 1: it was told of congestion on its way
DUE_COLUMNS = 6

# `control`: what the datapath is told, where it stands, and what it counts.
C_STOP = 0  # 1: return at the next turn
C_ORIGIN_NS = 1  # CLOCK_MONOTONIC at simulated 0
C_EPOLL = 2
C_TIMER = 3
C_EVENT = 4
C_FIRST_PAIR = 5
C_FIRST_REPLY = 6
C_SPIN = 9
C_UNREACHABLE = 10  # 1: senders are told of packets without a route
C_VNET_BYTES = 11  # of the header before each packet, 0 where there is none
C_BINS_NEXT = 12  # next row of the engine's histogram for flows from outside, and behind the last
C_BINS_END = 13
C_LIGHT_IN = 14  # shortest light time into a host in this step
C_TAPS_SEEN = 15  # records that are for others, in front of those not looked at
C_PROMPT = 16  # slots in use that are prompt
C_ORDER = 17  # deliveries put on the due list so far
C_N_DUE = 18
C_FREE_SMALL = 19  # how many there are
C_FREE_LARGE = 20
C_FREE_DUE = 21
C_N_SMALL = 22  # slots [0, this) are small
C_N_PARKED = 23
C_LOOKED_NS = 24  # when the clock was looked at last; 0: it slept since
C_SNAP_BYTES = 25  # 0: no snaps
C_SNAPS = 26  # made so far
C_ANSWER_GAP = 27  # least time between answers of one node, on the average
C_ANSWER_BURST = 28  # how far they may be ahead of that
C_LARGE_BYTES = 30
C_SCRATCH = 31  # where in `data` what finds no slot is read to
C_WORK = 32  # and where answers are made
C_EVENTS_STRIDE = 33  # int32 words of an epoll_event
# Addresses of arrays that the C library is given.
C_DATA_ADDRESS = 34
C_EVENTS_ADDRESS = 35
C_TIMES_ADDRESS = 36
C_VECTORS_ADDRESS = 37
C_HEAD_ADDRESS = 38
C_NOW_IS_GIVEN = 39  # 1: the clock is the caller's, not the machine's, and stands at C_NOW
C_NOW = 40
C_POLLED = 45  # hosts that are ready now, and were not before, have been since then at most
C_QUEUED_FD = 46  # of a file that says how long this thread has waited for a processor; NONE
# Addresses of kernels.
C_ADVANCE = 41
C_READ_HOSTS = 42
C_TAKE_ENDS = 43
C_ANSWER = 44
# Counters.
N_PACKETS_IN = 48
N_BYTES_IN = 49
N_PACKETS_OUT = 50
N_BYTES_OUT = 51
N_BUFFER_DROPS = 52
N_UNKNOWN = 53
N_SPOOFED = 54
N_MALFORMED = 55
N_TIME_EXCEEDED = 56
N_ECHO_REPLIES = 57
N_UNREACHABLE = 58
N_SUPPRESSED = 59
N_WRITE_ERRORS = 60
N_PARKED_DROPPED = 61
N_ANSWERED = 62  # delivered at satellites
N_TURNS = 63
N_SLEEPS = 64
N_CPU_NS = 65
N_LOST_NS = 66
N_READS = 67
N_WRITES = 68
N_GONE_HOSTS = 69
CONTROL_ENTRIES = 80

# Rows of `histograms`.
HISTOGRAM_LATENESS = 0
HISTOGRAM_GAPS = 1
HISTOGRAM_OVERSLEPT = 2
HISTOGRAM_ENTRY = 3
HISTOGRAM_ANSWERS = 4
N_HISTOGRAMS = 5
# 16 bins in each octave of ns, none more than 6.3 % wide, up to 2**40 ns: the leading bits of a float64.
BIN_SHIFT = 48
FIRST_KEY = 1023 << 4
N_BINS = 640

# In `host_of_fd`, beside hosts by their row.
EVENT_TIMER = -1
EVENT_KICK = -2
NOBODY = -3
MOST_EVENTS = 64

HICCUP_NS = 500_000  # between two looks at the clock: nothing that the thread does takes so long

# Below it a packet may be meant to end within the mesh: systems send with 64 at least, and few meshes have
# paths of 64 hops.
PROMPT_HOP_LIMIT = 64
PARKED_PS = 1_000_000_000_000
PARKED_LOOK_PS = 20_000_000_000  # how often it is looked whether parked packets have waited too long
ENOUGH_CHUNKS = 64  # asked for when there are too few
SMALL_BYTES = 2048
LARGE_BYTES = 66 * 1024
MOST_DUE = 1 << 16
MOST_PARKED = 256
READS_PER_TURN = 32

# What `turn` and `run` return beside packets.state.DONE (there) and SHORT.
STOPPED = 2


class Datapath(NamedTuple):
    """Everything that the datapath's kernels see beside the engine."""

    control: np.ndarray  # int64 (CONTROL_ENTRIES,)
    hosts: np.ndarray  # int64 (n_hosts, HOST_COLUMNS)
    host_of_fd: (
        np.ndarray
    )  # int64 (highest descriptor + 1,)  row of `hosts`, EVENT_TIMER, EVENT_KICK or NOBODY
    host_of_node: np.ndarray  # int64 (n_nodes,)  row of `hosts`, NONE
    flow_of_node: np.ndarray  # int64 (n_nodes,)  row of the flow to a satellite that is pinged, NONE
    wanted: np.ndarray  # int64 (n_nodes,)  when a satellite was last sent something, NONE
    answers: np.ndarray  # int64 (n_nodes,)  from when a node may answer again, at its average rate
    v6_keys: np.ndarray  # int64 (n_nodes,)  see `live.addresses`
    v6_rows: np.ndarray  # int64 (n_nodes,)
    v6_key_of_row: np.ndarray  # int64 (n_nodes,)
    data: np.ndarray  # uint8  small slots, large slots, one more large one to read to, room for answers
    slots: np.ndarray  # int64 (n_slots, SLOT_COLUMNS)
    free_small: np.ndarray  # int64  stacks of free rows
    free_large: np.ndarray  # int64
    free_due: np.ndarray  # int64
    hash: np.ndarray  # int64 (a power of two, HASH_COLUMNS)
    due: np.ndarray  # int64 (MOST_DUE, DUE_COLUMNS)
    heap: np.ndarray  # int64 (MOST_DUE, 2)  due time, order << 20 | row of `due`
    parked: np.ndarray  # int64 (MOST_PARKED,)  slots for satellites without a flow, oldest first
    header: np.ndarray  # int64 (HEADER_COLUMNS,)  of the packet at hand
    head: np.ndarray  # uint8 (256,)  headers of the part at hand
    events: np.ndarray  # int32  epoll_events
    times: np.ndarray  # int64 (8,)  timespec, itimerspec
    vectors: np.ndarray  # int64 (4,)  two iovecs
    histograms: np.ndarray  # int64 (N_HISTOGRAMS, N_BINS)
    snap_ident: np.ndarray  # int64 (n_snaps,)  of the packet in each row of a ring, NONE
    snap_data: np.ndarray  # uint8 (n_snaps, snap_bytes)  as it would be on a wire
