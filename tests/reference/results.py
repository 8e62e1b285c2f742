"""What became of the packets of a case, and the totals per link, flow and pool."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.reference.case import NEVER, NONE

CAUSES = (
    "queue",
    "no_route",
    "link_down",
    "hop_limit",
    "bit_error",
    "node_down",
    "early",
    "storage",
    "expired",
)
DELIVERED = "delivered"
IN_FLIGHT = "in_flight"


class Hop(NamedTuple):
    """One link that a packet, or the head of a train, has left over."""

    link: int
    start_ps: int  # service starts
    left_ps: int  # last bit leaves
    arrival_ps: int  # last bit arrives, perhaps after the end of the run; processing comes after that


@dataclass(eq=False)
class Packet:
    """One packet and what became of it; or a train: `count` equal packets that travel as one entry."""

    flow: int
    sequence: int  # of a train: that of its first packet
    sent_ps: int  # when it entered at its source
    size: int  # of one packet
    label: int
    hop_limit: int  # what is left of it
    created_ps: int  # what latency counts from: of a request for its replies, of the data packet for an ack
    traffic_class: int = 0
    ect: bool = False
    ce: bool = False
    count: int = 1
    head_ps: int = 0  # when it, or the first packet of the train, reached the node where it is
    tail_ps: int = 0  # when the last packet of the train reaches that node
    last_created_ps: int | None = None  # of a script's train: when its last packet was made
    outcome: str = IN_FLIGHT  # "delivered", a cause, or "in_flight"
    time_ps: int = NONE  # of delivery or drop; a train is delivered when its head arrives
    node: int = NONE  # where it was delivered or dropped, or (in flight) where it waits or which it left last
    link: int = NONE  # where it was dropped, or (in flight) what it waits for or travels on
    hops: int = 0
    handed_back: int = 0  # times
    path: list[Hop] = field(default_factory=list)
    tails: list[tuple[int, int]] = field(default_factory=list)  # (left_ps, arrival_ps) of last bits, per hop

    @property
    def bytes(self):
        return self.size * self.count


@dataclass
class LinkTotals:
    """What happened on one link during the run."""

    packets: int = 0
    bytes: int = 0
    marked: int = 0  # each time that a packet is marked here, one that carries a mark already included
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    queue_max_bytes: int = 0
    busy_ps: int = 0


@dataclass
class FlowTotals:
    """What happened to one flow during the run; latency is that of delivered packets, None without any."""

    sent: int = 0
    delivered: int = 0
    in_flight: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    marked: int = 0  # delivered packets that carry a mark
    bytes_sent: int = 0
    bytes_delivered: int = 0
    latency_min_ps: int | None = None
    latency_max_ps: int | None = None
    latency_sum_ps: int = 0
    jitter_ps: float = 0.0
    reordered: int = 0
    hops_sum: int = 0  # of delivered packets
    last_latency_ps: int | None = None
    next_expected: int = 0  # one more than the greatest sequence number delivered
    unique_packets: int = 0  # of a bulk transfer, as all that follows
    unique_bytes: int = 0
    duplicates: int = 0
    done_ps: int = NEVER  # when the sender got the last acknowledgement missing
    complete_ps: int = NEVER  # when the receiver got the last segment missing

    def count_delivery(self, packet, latency_ps):
        """One packet more, or a train's packets one after another, all with one latency."""
        self.delivered += packet.count
        self.bytes_delivered += packet.bytes
        self.hops_sum += packet.hops * packet.count
        self.marked += packet.ce * packet.count
        for sequence in range(packet.sequence, packet.sequence + packet.count):
            self.latency_sum_ps += latency_ps
            if self.last_latency_ps is None:
                self.latency_min_ps = self.latency_max_ps = latency_ps
            else:
                self.latency_min_ps = min(self.latency_min_ps, latency_ps)
                self.latency_max_ps = max(self.latency_max_ps, latency_ps)
                # RFC 3550, section 6.4.1: D is the difference of two successive packets' transit times.
                self.jitter_ps += (float(abs(latency_ps - self.last_latency_ps)) - self.jitter_ps) / 16.0
            self.last_latency_ps = latency_ps
            # RFC 4737, section 3.3.
            if sequence < self.next_expected:
                self.reordered += 1
            else:
                self.next_expected = sequence + 1


@dataclass
class PoolTotals:
    """What happened at one pool of servers during the run."""

    arrived: int = 0
    refused: int = 0
    served: int = 0  # whose service was over before the end of the run
    waited: int = 0  # whose service did not begin at once
    wait_sum_ps: int = 0  # of all that were not refused, up to the end of the run
    busy_ps: int = 0  # service of all that were not refused, up to the end of the run


@dataclass
class Result:
    """All packets, and the totals per link, flow and pool.

    A key of `packets` is (flow, sequence). A segment or an acknowledgement that was sent again is
    (flow, sequence, n) the n-th time. What was dropped from a train's tail has the sequence number of its
    first packet.
    """

    packets: dict[tuple, Packet]
    links: list[LinkTotals]
    flows: list[FlowTotals]
    pools: list[PoolTotals]


def ends(result, flows):
    """(time_ps, flow, sequence, packets, outcome, node) of what has ended of some flows, sorted.

    Of a train that was delivered the time is that of its last packet.
    """
    return sorted(
        (
            packet.tail_ps if packet.outcome == DELIVERED else packet.time_ps,
            packet.flow,
            packet.sequence,
            packet.count,
            packet.outcome,
            packet.node,
        )
        for packet in result.packets.values()
        if packet.outcome != IN_FLIGHT and packet.flow in flows
    )


def fates(result):
    """How often each (flow, sequence, created_ps, outcome, time_ps) occurs among packets not in flight."""
    return Counter(
        (packet.flow, packet.sequence, packet.created_ps, packet.outcome, packet.time_ps)
        for packet in result.packets.values()
        if packet.outcome != IN_FLIGHT
    )
