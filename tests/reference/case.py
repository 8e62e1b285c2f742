"""One small network with its traffic, as plain arrays: what simulator and engine are both given.

Times are whole picoseconds since the start of the run, sizes are bytes of whole IP packets, rates are bit/s.
An id is a row number: a link's id is its position in `link_from`, a flow's its position in `flows`. NONE (-1)
is no link.
"""

from dataclasses import dataclass, field

NONE = -1

# Stands for "no limit" and "never"; leaves room to add to it in 64 bits.
UNLIMITED = NEVER = 2**62

CHANGE_KINDS = ("stop", "start", "rate")  # in the order in which they apply at one instant on one link

DROP_TAIL, ECN_THRESHOLD, CODEL = 0, 1, 2
"""Disciplines of waiting lists."""

CODEL_DEFAULTS = (5 * 10**9, 100 * 10**9, 1500)
"""Target (ps), interval (ps), bytes that may stay: those of RFC 8289."""

TIMED_KINDS = ("constant", "poisson", "script", "on-off")
"""Kinds of flows that need nothing but time to make packets; any may ask for replies."""

ANSWERS = {"bulk": "ack"}
"""Kind of the flow that answers one of a kind; requests (all other kinds) are answered by a "reply" flow."""


@dataclass
class Flow:
    """Packets of one source and destination, made while start_ps <= t < stop_ps (and t < the run's end)."""

    source: int
    destination: int
    kind: str  # "constant" | "poisson" | "script" | "on-off" | "bulk" | "ack" | "reply"
    rate_bps: int = 0  # of whole IP packets; unused by "script", "ack" and "reply"
    sizes: tuple = ((1500, 1),)  # ((bytes, integer weight), ...); unused by "script"
    start_ps: int = 0
    stop_ps: int = UNLIMITED
    phase_ps: int = 0  # added to the start; unused by "script"
    hop_limit: int = 64
    label: int = 0  # what a packet carries if the table in force at the source has no `label_of_flow`
    script: tuple = ()  # for "script": ((time_ps, bytes), ...), of trains (time_ps, bytes, count, tail_ps)
    traffic_class: int = 0  # 0 to 7, the highest most urgent
    ecn: bool = False  # packets are ECN-capable (ECT)
    train: int = 1  # packets that travel as one entry; more than one for "constant" of one size alone
    on_ps: float = 0.0  # for "on-off": mean duration of a period in which the flow sends
    off_ps: float = 0.0  # and of one in which it is silent
    total_bytes: int = 0  # for "bulk"
    window: int = 0  # for "bulk": segments beyond the lowest one not acknowledged
    timeout_min_ps: int = 0  # for "bulk"
    timeout_first_ps: int = 0  # for "bulk": before any round trip is known
    reply: int = NONE  # row of the flow that answers: replies of a pool, or acknowledgements of "bulk"
    pool: int = NONE  # row of the pool at the destination that serves these packets as requests
    reply_bytes: int = 0  # of one whole reply, or of one acknowledgement
    reply_packet_bytes: int = 0  # largest packet of a reply
    link: int | None = None  # for "script": over which its packets go whatever tables say; NONE: over none

    @property
    def makes_trains(self):
        """Whether anything but single packets can come of it."""
        return self.train > 1 or any(len(entry) > 2 for entry in self.script)


@dataclass
class Pool:
    """Servers at one node that share one queue of requests, first come, first served."""

    node: int
    servers: int
    service_kind: str  # "constant" | "exponential"
    service_ps: float  # mean
    queue_requests: int = UNLIMITED  # requests that may wait


@dataclass
class Table:
    """A forwarding table, in force at node n from switch_ps[n] on, replacing whatever was in force there.

    Nothing says that switches come in table order: a node may take an older table after a newer one.
    """

    link: list[list[int]]  # [node][label] -> link that starts at the node, or NONE
    switch_ps: list[int]  # per node
    label_of_flow: list[int] = field(default_factory=list)  # per flow, or empty
    more: list[list[tuple[int, ...]]] = field(
        default_factory=list
    )  # [node][label] -> further choices, or empty
    backup: list[list[int]] = field(default_factory=list)  # [node][label] -> link or NONE, or empty

    def choices(self, node, label):
        """All links among which a hash of the flow chooses."""
        more = self.more[node][label] if self.more else ()
        return [link for link in (self.link[node][label], *more) if link != NONE]


@dataclass
class Step:
    """Delays of every link at both ends of an interval, linear between; given for links that are down too."""

    t0_ps: int
    t1_ps: int
    delay_start_ps: list[int]
    delay_end_ps: list[int]


@dataclass
class Case:
    """Everything that decides the fate of every packet before `end_ps`. Links are down until they start."""

    n_nodes: int
    end_ps: int
    seed: int
    link_from: list[int]
    link_to: list[int]
    queue_packets: list[int]  # per link
    queue_bytes: list[int]  # per link
    framing_bytes: int
    on_link_down: str  # "drop" | "reroute"
    changes: list[tuple[int, int, str, int]]  # (time_ps, link, "start" | "stop" | "rate", rate_bps)
    steps: list[Step]  # contiguous, from 0 to end_ps or beyond
    tables: list[Table]
    flows: list[Flow]
    # Whatever follows may be left empty: each entry is then what stands in `__post_init__`.
    classes: list[int] = field(default_factory=list)  # per link: waiting lists of strict priority, 1 is FIFO
    discipline: list[int] = field(default_factory=list)  # per link, of each of its waiting lists
    mark_packets: list[int] = field(default_factory=list)  # per link, for ECN_THRESHOLD
    mark_bytes: list[int] = field(default_factory=list)  # per link, for ECN_THRESHOLD
    codel: list[tuple[int, int, int]] = field(default_factory=list)  # per link: as CODEL_DEFAULTS
    bit_error_rate: list[float] = field(default_factory=list)  # per link
    processing_ps: list[int] = field(default_factory=list)  # per node
    node_changes: list[tuple[int, int, str]] = field(default_factory=list)  # (time_ps, node, "down" | "up")
    pools: list[Pool] = field(default_factory=list)
    alternate_after_ps: int | None = (
        None  # fast reroute: until a node avoids a link that is down; None: never
    )

    def __post_init__(self):
        usual = {
            "classes": 1,
            "discipline": DROP_TAIL,
            "mark_packets": UNLIMITED,
            "mark_bytes": UNLIMITED,
            "codel": CODEL_DEFAULTS,
            "bit_error_rate": 0.0,
        }
        for name, value in usual.items():
            if not getattr(self, name):
                setattr(self, name, [value] * self.n_links)
        if not self.processing_ps:
            self.processing_ps = [0] * self.n_nodes

    @property
    def n_links(self):
        return len(self.link_from)


def ordered_changes(case):
    """The changes in the order in which they apply: by time, then link id, then stop, start, rate."""
    return sorted(case.changes, key=lambda change: (change[0], change[1], CHANGE_KINDS.index(change[2])))
