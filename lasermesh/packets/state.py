"""The arrays of the packet engine: what each row and column means.

State is a struct of arrays, one row per thing. What one step reads together shares a 64-byte line of eight
columns, and what two threads write often does not: what one writes into another's line, to publish or to
wake, it writes once a window. There are few arrays and many columns, because numba copies the description of
every array wherever the tuple goes. All times are int64 picoseconds, all sizes bytes.
"""

from typing import NamedTuple

import numpy as np

from lasermesh import units

NEVER = np.int64(units.NEVER)
"""An instant after every run; adding to it overflows."""

ZERO = np.int64(0)
"""Handed to kernels in place of a literal, for each of which they would be compiled anew."""

# Ring positions: a packet is row `position` of `packets`; a chunk is CHUNK consecutive rows.
CHUNK_BITS = 7
CHUNK = 1 << CHUNK_BITS
CHUNK_MASK = CHUNK - 1
NO_RING = np.int64(-(2**62))
"""Write position of a ring that holds no chunk. Other negative positions are ~chunk: at that chunk's end."""

# Columns of `packets` (32 bytes a packet).
P_TIME = 0  # arrival at the link's end, once the last bit has left; in a waiting list: when it joined
P_CREATED = 1  # from when its latency counts: when it entered at its source, or what it answers did
P_IDENT = 2  # flow << 40 | sequence
P_WORD = 3  # label | size << 24 | hop limit << 41 | class << 49 | ECT << 52 | CE << 53 | packets - 1 << 54
SEQUENCE_BITS = 40
SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
LONGEST_TRAIN = 512  # packets: what `packets - 1` of P_WORD has room for
LABEL_MASK = 0xFFFFFF
DIRECT = LABEL_MASK  # label of what goes over its flow's own link; no table has so many
SIZE_SHIFT = 24
SIZE_MASK = 0x1FFFF
HOP_SHIFT = 41
CLASS_SHIFT = 49
CLASS_MASK = 7
ECT_BIT = 1 << 52
CE_BIT = 1 << 53
COUNT_SHIFT = 54  # of trains; a packet is a train of one
COUNT_MASK = 0x1FF

# Columns of `tails`, of the last packet of each train.
TAIL_TIME = 0  # P_TIME
TAIL_CREATED = 1  # when it was made

# Columns of `links`. The transmitter: written by the sender's domain alone.
X_FREE = 0  # when the last bit of the packet in service leaves, or left; while the link is down: since when
X_BUSY = 1  # 1: the first unsent packet is in service
X_WAITING = 2
X_WAITING_BYTES = 3
X_TAIL = 4  # where the next packet is written
X_SENT = 5  # first unsent packet, if any
X_WRITTEN = 6  # entries ever written
X_SENT_COUNT = 7  # entries whose last bit has left (of a train: whose head has left)
X_LAST_ARRIVAL = 8
X_RATE = 9  # bit/s, 0 while the link is down
X_PS_PER_BYTE = 10  # 0 where a byte is not a whole number of ps
X_DELAY_START = 11  # light time at the start of the step
X_DELAY_END = 12
X_LIMIT_PACKETS = 13
X_LIMIT_BYTES = 14
X_PROCESSING = 15  # of the receiving node
# Counters since the last drain, by the same.
L_BYTES = 16
L_BUSY = 17  # ps of serialization begun
L_QUEUE_MAX = 18
L_DROPPED_QUEUE = 19
X_TAPS = 20
X_SPECIAL = 21  # 1: not a plain drop-tail queue, or tapped for more than drops
X_TO = 22  # receiving node
X_LIST = 23  # first of its waiting lists in `queues`, NONE where the ring is the waiting list
# The receiving end: written by the receiver's domain, but for R_PUBLISHED and an empty ring's R_POSITION.
R_POSITION = 24
R_COUNT = 25  # entries ever read
R_PUBLISHED = 26  # X_SENT_COUNT as the receiver may see it
R_TAKEN = 27  # entries that the batch under way reads
R_ERROR = 28  # -log1p(-bit error rate), the bits of a float64; 0: none
R_DROPPED_BIT_ERROR = 29
R_NEXT = 30  # where the batch under way leaves off reading
# The batch under way at the sender, and what is seldom needed.
B_COUNT = 32  # packets for this link
B_FILL = 33  # where the next one goes in `order`
B_STREAM = 34  # from which the last one came
B_SEGMENT = 35  # first and last segment of its packets
B_SEGMENT_LAST = 36
X_SERVICE = 37  # serialization of one packet of the train in service
X_MARK_PACKETS = 38  # thresholds of marking; NEVER where it does not mark
X_MARK_BYTES = 39
X_CLASSES = 40
X_DISCIPLINE = 41
X_PACKETS = 42  # packets whose last bit has left, those of trains counted one by one
L_DROPPED_LINK_DOWN = 43
L_DROPPED_NODE_DOWN = 44
L_DROPPED_EARLY = 45
L_MARKED = 46
X_CUT_WORD = 47  # what the next stop leaves behind of a train whose head has left: a packet's columns, word 0
X_CUT_IDENT = 48
X_CUT_CREATED = 49
LINK_COLUMNS = 56
TAP_OUT = np.int64(1)
TAP_IN = np.int64(2)
TAP_QUEUE = np.int64(4)
# In X_TAPS alone: drops at the sending end, which change nothing for plain links, and at the receiving one.
TAP_DROPS_OUT = np.int64(8)
TAP_DROPS_IN = np.int64(16)

# Columns of `queues`, the waiting lists of links that have any beside their ring.
Q_FIRST = 0  # position of the first packet
Q_LAST = 1  # and of the last
Q_COUNT = 2
Q_BYTES = 3
Q_FIRST_ABOVE = 4  # state of CoDel (RFC 8289, section 5.1)
Q_DROP_NEXT = 5
Q_DROPS = 6  # `count` of the RFC
Q_LAST_DROPS = 7
Q_DROPPING = 8
Q_TARGET = 9
Q_INTERVAL = 10
Q_MIN_BYTES = 11
QUEUE_COLUMNS = 16

# Columns of `flows`. The source: written by its node's domain.
S_NEXT = 0  # when the next packet is sent; of bulk flows: when there is something to do without an ack
S_SEQUENCE = 1  # packets sent
S_WHOLE = 2  # constant and on-off rates: start + phase + whole ps of all bytes so far
S_REST = 3  # and the remainder of that division, in units of 1/rate
S_RATE = 4
S_STOP = 5
S_SIZE = 6  # bytes, or 0 for a mix or script
S_BYTES_SENT = 7
S_STEP_WHOLE = 8  # quotient and remainder of one packet of fixed size
S_STEP_REST = 9
S_MIX = 10  # first row of its mix, or of what its script still has to send, and the row behind its last
S_MIX_END = 11
S_ON_END = 12  # on-off: when the present on period ends
S_OFF_TIME = 13  # all off time so far
S_PERIOD = 14  # periods so far
S_INBOX = 15  # first row of what has come for it in the batch under way, NONE
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
K_MARKED = 26
K_UNIQUE = 27  # bulk: segments that have come
K_UNIQUE_BYTES = 28
K_DUPLICATES = 29
K_COMPLETE = 30  # when the last segment came, NEVER
K_BASE = 31  # lowest segment that has not come
# What never changes.
S_KIND = 32
S_WORD = 33  # hop limit, class and ECT, as in a packet's word
S_HOP_LIMIT = 34
S_TRAIN = 35
S_TRACED = 36  # TRACED and WATCHED, added
S_REPLY = 37  # row of the flow that answers, NONE
S_POOL = 38  # service pool of requests and of replies, NONE
S_CHOICE = 39  # flow hash for tables with several choices
# Bulk transfers: written by the source's domain.
A_BASE = 40  # lowest segment that is not acknowledged
A_NEW = 41  # next segment that was never sent
A_PACE = 42  # no transmission before this
A_SRTT = 43  # -1 before the first sample
A_RTTVAR = 44
A_DONE = 45  # when everything was acknowledged, NEVER
A_OLDEST = 46  # numbers of transmissions: the oldest that is looked at, the next one
A_NEWEST = 47
A_RESEND = 48  # numbers of resends: the first, the one behind the last
A_RESEND_END = 49
S_INBOX_LAST = 50
# And again what never changes.
A_SEGMENTS = 51
A_LAST_BYTES = 52  # size of the last segment
A_WINDOW = 53
A_TIMEOUT_MIN = 54
A_TIMEOUT_FIRST = 55
A_ROOM = 56  # first row of its room in `room`: see `transfer_kernels`
S_REPLY_BYTES = 57
S_REPLY_PACKET_BYTES = 58
K_ROOM = 59  # first row of the receiver's room
K_STOP = 60  # of watched flows: ends behind this sequence number stop the windows
S_LINK = 61  # of direct flows: over which link they leave; NONE, as of all others
K_BINS = 62  # row of `histogram`, NONE where its latencies are not distributed over any
FLOW_COLUMNS = 64
TRACED = np.int64(1)  # recorded wherever its packets go
WATCHED = np.int64(2)  # where they end

# Columns of `flow_floats`.
F_MEAN_GAP_PS = 0
F_JITTER_PS = 1
F_ON_PS = 2
F_OFF_PS = 3

# Columns of `mixes`.
M_SIZE = 0
M_TIME = 1  # of scripts
M_WEIGHT = 2  # cumulated, of mixes
M_COUNT = 3  # of scripts: packets of a train, and when the last of them is made
M_TAIL = 4
MIX_COLUMNS = 5

# Columns of `pools`.
O_NODE = 0
O_SERVERS = 1
O_LIMIT = 2  # requests that may wait
O_KIND = 3  # of service times
O_SERVICE = 4  # mean service time, the bits of a float64
O_ROOM = 5  # first row of its room in `room`
O_PENDING = 6  # replies that are to come
O_WAITING = 7  # first and behind the last of the starts of service that lie ahead
O_WAITING_END = 8
O_ORDER = 9  # requests accepted
O_ARRIVED = 10
O_REFUSED = 11
O_SERVED = 12
O_WAITED = 13
O_WAIT_SUM = 14  # below 2**61, and behind it in units of that
O_BUSY = 16  # likewise
POOL_COLUMNS = 24

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
N_DOWN = 15  # 1: it has failed
N_POOLS = 16  # service pools at it
N_SOURCES = 17  # no earlier packet of its own, unless something comes that its flows answer
N_TAPS = 18  # 1: every drop at it is recorded
N_OUTSIDE = 19  # first packet that others have put in and that has not entered, the last one, how many
N_OUTSIDE_LAST = 20
N_OUTSIDE_COUNT = 21
N_LAG = 22  # how much later than they are made its own packets enter
N_LAGGING = 24  # first of those that were made and have not entered, the last one, how many
N_LAGGING_LAST = 25
N_LAGGING_COUNT = 26
NODE_COLUMNS = 40  # an odd number of cache lines: those of an even one fall on a part of the cache only

# Columns of `domains`.
D_FIRST = 0  # its nodes, in `lists`
D_END = 1
D_WINDOW = 2  # lookahead inside
D_WORK = 3  # packets handled since dealt
D_WAKE = 4  # two columns, for even and odd windows: packets were published to it
D_NEXT = 6  # earliest thing to do
D_PLACE = 7  # its place among its worker's domains
DOMAIN_COLUMNS = 8

# Changes at a node, in the order in which they take effect at one instant.
CHANGE_STOP = 0
CHANGE_START = 1
CHANGE_RATE = 2
CHANGE_TABLE = 3
CHANGE_NODE_DOWN = 4  # before those of links, as their subject comes first
CHANGE_NODE_UP = 5
# Columns of `changes`.
G_TIME = 0
G_KIND = 1
G_SUBJECT = 2  # link, table slot or node
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
O_TRACE = 13  # 1: every delivery and drop is recorded
O_SEED = 14
O_TRACED_FLOWS = 15  # 1: some flows are recorded wherever they go
O_TRAINS = 16  # 1: some entries are trains
O_END = 17  # end of the run
O_BATCH = 18  # packets that a batch takes at once, if there are as many
O_TAPPED = 21  # records that one event can make: 0, 1, or 2 where there are both taps and watched flows
O_ALTERNATE_AFTER = 22  # fast reroute: how long a link has been down when its node avoids it; NONE: never
O_BACKUP = 23  # 1: tables name a link for when all choices are down
C_ROWS = 19  # of each worker in `found`, `order`, `merged`, `segments`, `inbox`
C_WAKE_ROWS = 20  # of each worker and parity in `wakes`
C_ARRIVED = 24  # at the barrier; a line of its own
O_WATCHED = 32  # 1: some flows are watched
C_STOP_AT = 33  # of ends that matter and have not been drained, the first; NEVER
CONTROL_ENTRIES = 40

# Columns of `taps`.
T_TIME = 0
T_KIND = 1  # TAP_OUT, TAP_IN, TAP_QUEUE, TAP_DELIVERED, TAP_DROPPED + cause or TAP_ENDED + cause
T_PLACE = 2  # link of TAP_OUT, TAP_IN and TAP_QUEUE, node else
T_IDENT = 3  # of TAP_QUEUE: packets that wait
T_WORD = 4  # of TAP_QUEUE: bytes that wait
T_CREATED = 5
T_TAIL = 6  # of trains: when the last packet arrives, or leaves; of TAP_DROPPED: the link at whose sending or
# receiving end it was, NONE where it was at none (no_route, hop_limit, and what starts at a failed node)
TAP_COLUMNS = 7
TAP_DELIVERED = np.int64(8)
TAP_DROPPED = np.int64(16)
TAP_ENDED = np.int64(33)  # of watched flows; all kinds from TAP_ENDED + DELIVERED on are for `drain_ends`
DELIVERED = np.int64(-1)
"""In place of a cause: it was not dropped."""

# Columns of `workers`.
V_FREE_CHUNK = 0  # head of its list of free chunks, NONE if empty
V_FREE_COUNT = 1
V_NEEDED_CHUNKS = 2  # when it stopped short: how many would do
V_TAPS = 3  # row of `taps` to write next, and the end of its share
V_TAPS_END = 4
V_NEEDED_TAPS = 5
V_PARITY = 6  # which half of D_WAKE it sets in this window
V_HANDLED = 7  # arrivals, own packets and packets sent on so far: how work is measured
V_HEAP = 8  # its share of `heap`
V_DOMAIN = 9  # its domains, in `lists`: those with something to do come first
V_DOMAIN_ACTIVE = 10
V_DOMAIN_END = 11
V_NEEDED_ROWS = 12
V_STOP_AT = 13  # first end that mattered in the call of `advance` under way
# Two verdicts on windows, even and odd, each a line of its own.
V_VERDICT = 16
V_VERDICT_COLUMNS = 8
V_STATUS = 0
V_NEXT = 1  # earliest thing to do in its domains
V_WOKE = 2  # 1: it published packets
V_STOP = 3  # V_STOP_AT
# The batch under way at one of its nodes.
V_STAGE = 32  # what of it is done: see `node_kernels`
V_NODE = 33
V_LIMIT = 34  # exclusive
V_FOUND = 35  # packets in `found`
V_ARRIVED = 36  # packets for the node itself, in `order`
V_ARRIVED_SEGMENTS = 37
V_INBOX = 38
V_OWN = 39  # own packets: first position, last position, how many
V_OWN_LAST = 40
V_OWN_COUNT = 41
V_HEADS = 42  # earliest arrival behind the batch
V_SOURCES = 43  # earliest own packet behind the batch
V_OUTS = 44  # links that packets are for
V_OF_KEPT = 45  # 1: of packets that stopped links have handed back
V_WAKES = 46  # two columns, for even and odd windows: domains that it has woken, in its share of `wakes`
WORKER_COLUMNS = 48

DONE = 0
SHORT = 1  # of chunks or other room: Python makes room and the window is finished


class Engine(NamedTuple):
    """Everything a kernel of the engine sees; flat, so that numba can pass it for nothing."""

    control: np.ndarray  # int64 (CONTROL_ENTRIES,)
    packets: np.ndarray  # int64 (n_chunks * CHUNK, 4)
    tails: np.ndarray  # int64 (n_chunks * CHUNK, 2) where there are trains, else (1, 2)
    next_chunk: np.ndarray  # int32 (n_chunks,)
    links: np.ndarray  # int64 (n_links, LINK_COLUMNS)
    queues: np.ndarray  # int64 (n, QUEUE_COLUMNS)
    flows: np.ndarray  # int64 (n_flows, FLOW_COLUMNS)
    flow_floats: np.ndarray  # float64 (n_flows, 4)
    mixes: np.ndarray  # int64 (n, MIX_COLUMNS)
    histogram: np.ndarray  # int64 (n, N_BINS)  of flows, by K_BINS
    dropped: np.ndarray  # int64 (n_workers * n_flows, N_CAUSES)
    pools: np.ndarray  # int64 (n_pools, POOL_COLUMNS)
    room: np.ndarray  # int64 (n,)  what transfers and service pools remember
    nodes: np.ndarray  # int64 (n_nodes, NODE_COLUMNS)
    domains: np.ndarray  # int64 (n_domains, DOMAIN_COLUMNS)
    workers: np.ndarray  # int64 (n_workers, WORKER_COLUMNS)
    lists: np.ndarray  # int64  destination of each flow, then what ranges of nodes, domains and workers name
    wakes: np.ndarray  # int64 (2 * n_workers * C_WAKE_ROWS,)  domains that each worker has woken
    changes: np.ndarray  # int64 (n, 4)  by node, then time, then the order of effect
    heap: np.ndarray  # int64 (n_workers * most streams of a node, 2)  time, stream
    tables: (
        np.ndarray
    )  # int32 (n_slots, n_nodes, columns)  links by label and choice, then next labels, then backups
    label_of_flow: np.ndarray  # int32 (n_slots, n_flows)
    taps: np.ndarray  # int64 (n_workers * room, TAP_COLUMNS)
    found: np.ndarray  # int64 (n_workers * C_ROWS, 3)  time, position, link of what is to be forwarded
    order: np.ndarray  # int64 (n_workers * C_ROWS, 2)  time, position, by link
    merged: np.ndarray  # int64 (n_workers * C_ROWS, 2)  the same of one link, in order of time
    segments: np.ndarray  # int64 (n_workers * C_ROWS, 3)  of `order`: cursor, end, next segment or NONE
    inbox: np.ndarray  # int64 (n_workers * C_ROWS, 4)  time, sequence, created, next row or NONE
    outs: np.ndarray  # int64 (n_workers * C_ROWS,)  links that the batch has packets for
