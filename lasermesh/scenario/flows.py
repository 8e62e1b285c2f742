"""What an experiment file says of traffic, checked: flows of all kinds, matrices and traces."""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

from dataclasses import dataclass

from lasermesh.scenario.bundles import BUNDLE_BYTES, LONGEST_S, MOST_BUNDLES, NORMAL, PERIOD, PRIORITIES
from lasermesh.scenario.fields import (
    Choice,
    Either,
    Flag,
    Integer,
    ListOf,
    Name,
    Number,
    Row,
    Text,
    bulky,
    key,
)
from lasermesh.scenario.topology import FILE, GROUPS, NODE, RATE

TIME = Number(0.0, LONGEST_S, unit="s")
PACKET_BYTES = Integer(28, 65_535, unit="bytes")
IP_VERSION = Choice((4, 6))
LEAST_IPV6_BYTES = 48
"""Of a packet of IP version 6: its header and that of UDP, 20 bytes more than those of version 4."""
LEAST_GBPS, MOST_GBPS = RATE.low, RATE.high

ONE_PAIR, PAIRS, MATRIX, GRAVITY = "a single pair", "pairs", "matrix", 'matrix = "gravity"'
BUNDLE_FILE = "a file of bundles"
CONSTANT, POISSON, ON_OFF, TRACE, BULK, REQUEST, BUNDLE = KINDS = (
    "constant",
    "poisson",
    "on-off",
    "trace",
    "bulk",
    "request",
    "bundle",
)
REGULAR, RANDOM = "regular", "random"
REPLY, ACK = "reply", "ack"
RATED = (CONSTANT, POISSON, ON_OFF, BULK)
SIZED = (CONSTANT, POISSON, ON_OFF, BULK, REQUEST)
SCALED = (CONSTANT, POISSON, ON_OFF)
"""Kinds that their rate describes in full: `packets.scale` makes less of them, and not something else."""

IMIX = ((40, 7), (576, 4), (1500, 1))
"""The "simple IMIX" of testers of network equipment: 7:4:1 packets of these sizes with IP header, in Ethernet
frames 64, 594 and 1518 bytes. Custom of the trade, no standard; RFC 6985 (IMIX Genome) says how to name such
mixes.
"""


@dataclass(frozen=True)
class Pair:
    """A source and a destination; a row of a CSV file of pairs."""

    from_name: str = key(NODE, name="from", help="Node that sends.")
    to_name: str = key(NODE, name="to", help="Node that receives.")
    rate_gbps: float | None = key(RATE, None, help="Rate of this flow; absent: that of the [[flows]] table.")


@dataclass(frozen=True)
class MatrixEntry:
    """An entry of a traffic matrix; a row of its CSV file in the long form."""

    from_name: str = key(NODE, name="from", help="Node that sends.")
    to_name: str = key(NODE, name="to", help="Node that receives.")
    rate_gbps: float = key(Number(0.0, MOST_GBPS, unit="Gbps"), help="Rate of this flow; 0: none.")


@dataclass(frozen=True)
class TracePacket:
    """A packet of a trace; a row of its CSV file."""

    time_s: float = key(Number(unit="s"), help="When it was seen; the first packet sets 0.")
    size_bytes: int = key(PACKET_BYTES, help="Its size, whole IP packet.")


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Packets from one node to another, or for each of several pairs, as `[[flows]]`."""

    name: str = key(Name(), help="Name of the flow; with pairs, flows are named NAME/FROM>TO.")
    kind: str = key(Choice(KINDS), CONSTANT, help="When packets are sent.")
    from_name: str | None = key(
        NODE, None, name="from", only=(ONE_PAIR,), required_with=(ONE_PAIR,), help="Node that sends."
    )
    to_name: str | None = key(
        NODE, None, name="to", only=(ONE_PAIR,), required_with=(ONE_PAIR,), help="Node that receives."
    )
    pairs: tuple[Pair, ...] = key(
        Either((FILE, ListOf(Row(("from", "to"), (NODE, NODE))))),
        (),
        help="List of [from, to], or CSV file with columns from,to[,rate_gbps]; one flow each.",
    )
    matrix: str | None = key(
        Text('a file name in quotes or "gravity"'),
        None,
        beside=("kind", RATED),
        help="Traffic matrix in place of pairs: CSV file of rates in Gbps, from,to,rate_gbps or square; or "
        '"gravity", rates that go with the product of the populations.',
    )
    sites: tuple[str, ...] = key(
        GROUPS,
        (),
        only=(GRAVITY,),
        required_with=(GRAVITY,),
        help="Ground sites that send to each other, a group or a list; each needs its population.",
    )
    total_gbps: float | None = key(
        RATE, None, only=(GRAVITY,), required_with=(GRAVITY,), help="Sum of the rates of all pairs of sites."
    )
    largest: int | None = key(
        Integer(1), None, only=(GRAVITY,), help="Only so many pairs, those of the highest rates; absent: all."
    )
    rate_gbps: float | None = key(
        RATE,
        None,
        only=(ONE_PAIR, PAIRS),
        beside=("kind", RATED),
        help="Rate of each flow, whole IP packets counted; of on-off while it is on, of bulk its pace.",
    )
    requests_per_s: float | None = key(
        Number(above=0.0, high=1e12, unit="1/s"),
        None,
        beside=("kind", (REQUEST,)),
        needed=True,
        help="Requests on average, at exponential gaps; at least 1 kbit/s of them.",
    )
    packet_bytes: int | None = key(
        PACKET_BYTES,
        None,
        beside=("kind", SIZED),
        help="Size of each packet (request, segment), whole IP packet; absent: 1500, unless there is a mix.",
    )
    packet_mix: tuple[tuple[int, int], ...] | None = key(
        Either((Choice(("imix",)), ListOf(Row(("bytes", "weight"), (PACKET_BYTES, Integer(1, 10**6)))))),
        None,
        beside=("kind", (CONSTANT, POISSON, ON_OFF)),
        help="Sizes drawn by weight, or the simple IMIX: 40, 576 and 1500 bytes as 7:4:1.",
    )
    start_s: float = key(TIME, 0.0, help="First packet not before, from the experiment's start.")
    stop_s: float | None = key(TIME, None, help="No packet from then on; absent: the run's end.")
    phase_s: float | None = key(
        TIME,
        None,
        beside=("kind", SIZED),
        help="Delay of the first packet; absent: drawn within one packet interval for constant and on-off, "
        "else 0.",
    )
    class_: int = key(
        Integer(0, 7),
        0,
        name="class",
        help="Class of its packets, higher ones first where links have classes.",
    )
    ip_version: int | None = key(
        IP_VERSION,
        None,
        beside=("kind", (*SIZED, TRACE)),
        help="Version of IP of its packets and of what comes back, as captures show it; absent: that of "
        "[packets]. Those of version 6 have 48 bytes at least.",
    )
    ecn: bool = key(
        Flag(),
        False,
        beside=("kind", (*SIZED, TRACE)),
        help="Whether queues may mark its packets in place of dropping them.",
    )
    on_s: float | None = key(
        PERIOD, None, beside=("kind", (ON_OFF,)), needed=True, help="Mean time on, exponential."
    )
    off_s: float | None = key(
        PERIOD, None, beside=("kind", (ON_OFF,)), needed=True, help="Mean time off, exponential."
    )
    trace: str | None = key(
        FILE,
        None,
        beside=("kind", (TRACE,)),
        needed=True,
        help="Capture (pcap, pcapng) or CSV file with columns time_s,size_bytes, whose packets are sent, the "
        "first at start_s.",
    )
    total_bytes: int | None = key(
        Integer(28, 2**53, unit="bytes"),
        None,
        beside=("kind", (BULK,)),
        needed=True,
        help="How much is to arrive, in segments of packet_bytes, each a whole IP packet.",
    )
    window_packets: int = key(
        Integer(1, 2**24, unit="packets"),
        65_536,
        beside=("kind", (BULK,)),
        help="No segment is sent that is so far beyond the first one that has no acknowledgement.",
    )
    timeout_min_s: float = key(
        Number(1e-6, 1e6, unit="s"), 0.01, beside=("kind", (BULK,)), help="Least time-out of a segment."
    )
    timeout_first_s: float = key(
        Number(1e-6, 1e6, unit="s"),
        1.0,
        beside=("kind", (BULK,)),
        help="Time-out until a round trip has been measured.",
    )
    ack_bytes: int = key(PACKET_BYTES, 64, beside=("kind", (BULK,)), help="Size of an acknowledgement.")
    response_bytes: int | None = key(
        Integer(28, 2**30, unit="bytes"),
        None,
        beside=("kind", (REQUEST,)),
        needed=True,
        help="What the destination answers, whole IP packets counted; all of it enters at one instant.",
    )
    response_packet_bytes: int = key(
        PACKET_BYTES, 1500, beside=("kind", (REQUEST,)), help="Largest packet of a response."
    )
    service_s: float | None = key(
        Number(0.0, 1e6, unit="s"),
        None,
        beside=("kind", (REQUEST,)),
        needed=True,
        help="Mean time that a server needs for a request; 1 ps at least.",
    )
    service: str = key(
        Choice(("constant", "exponential")),
        "exponential",
        beside=("kind", (REQUEST,)),
        help="How service times are distributed.",
    )
    servers: int = key(
        Integer(1, 10_000),
        1,
        beside=("kind", (REQUEST,)),
        help="Requests served at a time, of all flows of this table to one destination.",
    )
    queue_requests: int = key(
        Integer(0, 10**6),
        10_000,
        beside=("kind", (REQUEST,)),
        help="Most requests that wait for a server, each place taking 48 bytes of memory; what comes then is "
        "refused.",
    )

    bundle_bytes: int | None = key(
        BUNDLE_BYTES,
        None,
        only=(ONE_PAIR, PAIRS),
        beside=("kind", (BUNDLE,)),
        help="Size of each bundle, which the IP packets of its segments add up to; needed unless a file "
        "lists the bundles.",
    )
    every_s: float | None = key(
        PERIOD,
        None,
        only=(ONE_PAIR, PAIRS),
        beside=("kind", (BUNDLE,)),
        help="Time between bundles; absent: one alone, at start_s.",
    )
    arrivals: str = key(
        Choice((REGULAR, RANDOM)),
        REGULAR,
        only=(ONE_PAIR, PAIRS),
        beside=("kind", (BUNDLE,)),
        help="Whether bundles are made every every_s, the first at start_s, or at exponential gaps of that "
        "mean.",
    )
    count: int | None = key(
        Integer(1, MOST_BUNDLES),
        None,
        only=(ONE_PAIR, PAIRS),
        beside=("kind", (BUNDLE,)),
        help="Most bundles of each pair; absent: any.",
    )
    bundles: str | None = key(
        FILE,
        None,
        only=(BUNDLE_FILE,),
        beside=("kind", (BUNDLE,)),
        help="CSV file of bundles, created_s,from,to,bytes[,priority,lifetime_s], in place of from and to "
        "or of pairs.",
    )
    segment_bytes: int = key(
        Integer(100, 65_535, unit="bytes"),
        1500,
        beside=("kind", (BUNDLE,)),
        help="Size of the packets that carry a bundle over a link, whole IP packets.",
    )
    priority: str = key(
        Choice(PRIORITIES),
        NORMAL,
        beside=("kind", (BUNDLE,)),
        help="Which bundles go first; of those to which a file gives no other.",
    )
    lifetime_s: float | None = key(
        PERIOD,
        None,
        beside=("kind", (BUNDLE,)),
        help="How long after its making a bundle is worth something; absent: for ever. Of those to which a "
        "file gives no other.",
    )

    trace_packets: "Trace | None" = bulky(None)

    @property
    def makes_trains(self):
        """Whether its packets may travel as trains: all of one size, evenly spaced."""
        return self.kind == CONSTANT and len(self.sizes) == 1

    @property
    def sizes(self):
        """Packet sizes and their weights; those of a trace are its own."""
        if self.packet_mix is not None:
            return self.packet_mix
        return ((self.packet_bytes or 1500, 1),)


@dataclass(frozen=True, eq=False)
class Trace:
    """The packets of a trace, in order of time."""

    time_ps: object  # int64 array (n,)  since the first one
    size_bytes: object  # int64 array (n,)


@dataclass(frozen=True)
class FlowSpec:
    """One flow from one node to another, with rows in place of names.

    A bulk transfer is followed by the flow of its acknowledgements, NAME/ack, requests by that of their
    replies, NAME/reply: both go the other way and have the same `table`.
    """

    name: str
    kind: str  # as in the file, or "ack" or "reply"
    from_name: str
    to_name: str
    from_row: int
    to_row: int
    rate_gbps: float  # 0 for traces, acknowledgements and replies
    packet_mix: tuple[tuple[int, int], ...]  # empty for a trace
    start_s: float
    stop_s: float
    phase_s: float | None
    class_: int
    table: Flow  # where all the rest stands
    table_index: int  # among [[flows]]
    traced: bool = False  # whether [observe] asks for its packets one by one
