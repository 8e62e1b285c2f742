"""The arrays of the packet engine: what each row and column means.

State is a struct of arrays, one row per thing. What one step reads together shares a 64-byte line of eight
columns, and what two threads write never does. There are few arrays and many columns, because numba copies
the description of every array wherever the tuple goes. All times are int64 picoseconds, all sizes bytes.
"""

from typing import NamedTuple

import numpy as np

NEVER = np.int64(2**63 - 1)
"""An instant after every run; adding to it overflows."""

# Ring positions: a packet is row `position` of `packets`; a chunk is CHUNK consecutive rows.
CHUNK_BITS = 7
CHUNK = 1 << CHUNK_BITS
CHUNK_MASK = CHUNK - 1
NO_RING = np.int64(-(2**62))
"""Write position of a ring that holds no chunk. Other negative positions are ~chunk: at that chunk's end."""

# Columns of `packets` (32 bytes a packet).
P_TIME = 0  # arrival at the link's end, once the last bit has left
P_CREATED = 1  # when it entered at its source
P_IDENT = 2  # flow << 40 | sequence
P_WORD = 3  # label | size << 28 | hop limit << 48 | class << 56
SEQUENCE_BITS = 40
SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
SIZE_SHIFT = 28
SIZE_MASK = 0xFFFFF
HOP_SHIFT = 48
CLASS_SHIFT = 56
LABEL_MASK = 0xFFFFFFF

# Columns of `links`. The transmitter: written by the sender's domain alone.
X_FREE = 0  # when the last bit of the packet in service leaves, or left
X_BUSY = 1  # 1: the first unsent packet is in service
X_WAITING = 2
X_WAITING_BYTES = 3
X_TAIL = 4  # where the next packet is written
X_SENT = 5  # first unsent packet, if any
X_WRITTEN = 6  # packets ever written
X_SENT_COUNT = 7  # packets whose last bit has left
X_LAST_ARRIVAL = 8
X_RATE = 9  # bit/s, 0 while the link is down
X_PS_PER_BYTE = 10  # 0 where a byte is not a whole number of ps
X_DELAY_START = 11  # light time at the start of the step
X_DELAY_END = 12
X_LIMIT_PACKETS = 13
X_LIMIT_BYTES = 14
X_TAPS = 15
# Counters since the last drain, by the same.
L_BYTES = 16
L_BUSY = 17  # ps of serialization begun
L_QUEUE_MAX = 18
L_DROPPED_QUEUE = 19
L_DROPPED_LINK_DOWN = 20
X_TO = 21  # receiving node
# The receiving end: written by the receiver's domain, but for R_PUBLISHED and an empty ring's R_POSITION.
R_POSITION = 24
R_COUNT = 25  # packets ever read
R_PUBLISHED = 26  # X_SENT_COUNT as the receiver may see it
LINK_COLUMNS = 32
TAP_OUT = 1
TAP_IN = 2

# Columns of `flows`. The source: written by its node's domain.
S_NEXT = 0  # when the next packet is sent
S_SEQUENCE = 1
S_WHOLE = 2  # constant rate: start + phase + whole ps of all bytes so far
S_REST = 3  # and the remainder of that division, in units of 1/rate
S_RATE = 4
S_STOP = 5
S_KIND = 6
S_SIZE = 7  # bytes, or 0 for a mix or script
S_STEP_WHOLE = 8  # quotient and remainder of one packet of fixed size
S_STEP_REST = 9
S_HOP_LIMIT = 10
S_CLASS = 11
S_BYTES_SENT = 12
S_MIX = 13  # first row of its mix or script, and the row behind its last
S_MIX_END = 14
S_CHOICE = 15  # flow hash for tables with several choices
# The sink: written by the destination's domain.
K_DELIVERED = 16
K_BYTES = 17
K_LATENCY_MIN = 18
K_LATENCY_MAX = 19
K_LATENCY_SUM = 20  # below 2**61
K_LATENCY_SUM_HIGH = 21  # in units of 2**61
K_LAST_LATENCY = 22
K_NEXT_SEQUENCE = 23
K_REORDERED = 24
K_HOPS = 25
FLOW_COLUMNS = 32

# Columns of `flow_floats`.
F_MEAN_GAP_PS = 0
F_JITTER_PS = 1

# Columns of `mixes`.
M_SIZE = 0
M_TIME = 1  # of scripts
M_WEIGHT = 2  # cumulated, of mixes

# Columns of `nodes`. Ranges are `[FIRST, END)` of `lists` or of `changes`.
N_NEXT = 0  # earliest thing to do
N_TABLE = 1  # slot of the forwarding table in force
N_DOMAIN = 2
N_IN = 3  # incoming links, by sending node's row, then link id
N_IN_END = 4
N_OUT = 5
N_OUT_END = 6
N_FLOW = 7  # own flows, by row
N_FLOW_END = 8
N_CHANGE = 9  # next change
N_CHANGE_END = 10
N_KEPT = 11  # first packet that stopped links have handed back, the last one, how many, and when
N_KEPT_LAST = 12
N_KEPT_COUNT = 13
N_KEPT_TIME = 14
NODE_COLUMNS = 16

# Columns of `domains`.
D_FIRST = 0  # its nodes, in `lists`
D_END = 1
D_WINDOW = 2  # lookahead inside
D_WORK = 3  # packets handled since dealt
D_WAKE = 4  # two columns, for even and odd windows: packets were published to it
D_NEXT = 6  # earliest thing to do
DOMAIN_COLUMNS = 8

# Changes at a node, in the order in which they take effect at one instant.
CHANGE_STOP = 0
CHANGE_START = 1
CHANGE_RATE = 2
CHANGE_TABLE = 3
# Columns of `changes`.
G_TIME = 0
G_KIND = 1
G_SUBJECT = 2  # link, or table slot
G_RATE = 3

# `control`.
C_STEP_START = 0
C_STEP_END = 1
C_WINDOW_START = 2
C_WINDOW_END = 3
C_LOOKAHEAD = 4  # longest window: the shortest delay between domains, or what the caller asks for
C_PARITY = 5
C_UNFINISHED = 6  # 1: the window was left unfinished
C_WINDOWS = 7  # finished so far
O_REROUTE = 8
O_FRAMING = 9
O_LABELS = 10
O_CHOICES = 11
O_NEXT_LABEL = 12  # 1: tables name the label a packet leaves with
O_TRACE = 13
O_SEED = 14
C_ARRIVED = 24  # at the barrier; a line of its own
CONTROL_ENTRIES = 32

# Columns of `taps`.
T_TIME = 0
T_KIND = 1  # TAP_OUT, TAP_IN, TAP_DELIVERED or TAP_DROPPED + cause
T_PLACE = 2  # link of TAP_OUT and TAP_IN, node else
T_IDENT = 3
T_WORD = 4
T_CREATED = 5
TAP_COLUMNS = 6
TAP_DELIVERED = 8
TAP_DROPPED = 16

# Columns of `workers`.
V_FREE_CHUNK = 0  # head of its list of free chunks, NONE if empty
V_FREE_COUNT = 1
V_NEEDED_CHUNKS = 2  # when it stopped short: how many would do
V_TAPS = 3  # row of `taps` to write next, and the end of its share
V_TAPS_END = 4
V_NEEDED_TAPS = 5
V_PARITY = 6  # which half of D_WAKE it sets in this window
V_HANDLED = 7  # arrivals and own packets so far: how work is measured
V_HEAP = 8  # its share of `heap`
V_DOMAIN = 9  # its domains, in `lists`
V_DOMAIN_END = 10
# Two verdicts on windows, even and odd, each a line of its own.
V_VERDICT = 16
V_VERDICT_COLUMNS = 8
V_STATUS = 0
V_NEXT = 1  # earliest thing to do in its domains
V_WOKE = 2  # 1: it published packets
WORKER_COLUMNS = 32

DONE = 0
SHORT = 1  # of chunks or room for taps: Python makes room and the window is finished


class Engine(NamedTuple):
    """Everything a kernel of the engine sees; flat, so that numba can pass it for nothing."""

    control: np.ndarray  # int64 (CONTROL_ENTRIES,)
    packets: np.ndarray  # int64 (n_chunks * CHUNK, 4)
    next_chunk: np.ndarray  # int32 (n_chunks,)
    links: np.ndarray  # int64 (n_links, LINK_COLUMNS)
    flows: np.ndarray  # int64 (n_flows, FLOW_COLUMNS)
    flow_floats: np.ndarray  # float64 (n_flows, 2)
    mixes: np.ndarray  # int64 (n, 3)
    histogram: np.ndarray  # int64 (n_flows, N_BINS)
    dropped: np.ndarray  # int64 (n_workers * n_flows, N_CAUSES)
    nodes: np.ndarray  # int64 (n_nodes, NODE_COLUMNS)
    domains: np.ndarray  # int64 (n_domains, DOMAIN_COLUMNS)
    workers: np.ndarray  # int64 (n_workers, WORKER_COLUMNS)
    lists: np.ndarray  # int32  destination of each flow, then what ranges of nodes, domains and workers name
    changes: np.ndarray  # int64 (n, 4)  by node, then time, then the order of effect
    heap: np.ndarray  # int64 (n_workers * most streams of a node, 2)  time, stream
    tables: np.ndarray  # int32 (n_slots, n_nodes, columns)  links by label and choice, then next labels
    label_of_flow: np.ndarray  # int32 (n_slots, n_flows)
    taps: np.ndarray  # int64 (n_workers * room, TAP_COLUMNS)
