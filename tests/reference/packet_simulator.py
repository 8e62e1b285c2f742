"""The packet model as a slow, obvious event simulator: what the compiled engine must agree with, packet by
packet.

Rule numbers are those of the packet model (design, section 5); the letters (a) to (f) are rule 1's order
within one instant. Time is whole picoseconds in Python ints. Rules 8 and 9 (trains, bundles), processing
delays, replies, threshold marking and classes are not modelled here.

Where the text leaves a gap, this is the reading taken:

Instants
 1. An instant is treated for all nodes at once, phase by phase. This equals node by node, since what a node
    does at t reaches no other before t + 1 ps (serialization is at least 1 ps), except that a last bit that
    leaves at t in (a) over a link of zero range arrives at t, in (e) of the same instant.
 2. In (b) changes apply by link id, on one link in the order stop, start, rate; then tables switch. Of two
    tables that switch at one node and instant, the later in the list stays. A switch replaces whatever is in
    force, also by an older table. Before a node's first table there is none: `no_route`.
 3. In (c) a packet handed back is offered like any other: an idle link on which nothing waits serves it at
    once; a link whose transmitter became free in (a) but on which packets wait until (d) makes it wait behind
    them, and they count towards the limits. The packet that was in service is handed back first, with the
    full length still to send. It keeps its label and its hop limit. It follows the table in force after (b);
    the link may be the same one, if it starts again at that instant.
 4. In (e) packets that arrive at one instant over one link keep their order on that link. In (f) packets of
    one flow at one instant go by sequence number.
 5. Events before `end_ps` happen, and none later, but last bits that leave exactly at `end_ps` have left.
    Changes and arrivals at `end_ps` do not happen. What is neither delivered nor dropped then is in flight.

Links
 6. A last bit that leaves at t uses the step with t0 < t <= t1, as last bits leave before anything else
    happens at t.
 7. In the formula for the delay every difference is a whole number turned into float64 first; then the
    operations are as written, each rounded once.
 8. "Never before the packet ahead of it on that link" holds across contacts too. A packet may arrive at the
    same instant as the one ahead of it.
 9. A packet in service when the rate changes keeps its end; the next one uses the new rate. A stop forgets
    the rate; a start brings one.
10. A link's `bytes` and `packets` count what has left, sizes without framing. `queue_max_bytes` is the most
    bytes that ever waited, taken right after a packet has joined. `busy_ps` is the time in service, that of
    packets cut off by a stop (until the stop) or by the end of the run (until then) included.
11. `link_down` and `queue` drops belong to the link that the packet was offered to or was cut off on;
    `no_route` and `hop_limit` belong to no link.

Flows
12. The label comes from the table in force at the source when the packet is made (its `label_of_flow`, else
    the flow's own label) and never changes.
13. Delivery comes before the hop limit: a packet that reaches its destination with its last hop is delivered.
    A packet at its source loses no hop; one that comes back to its source over a link does, and goes on by
    the table.
14. Packets of a script at or after the flow's stop are not made. Sequence numbers count the packets made,
    from 0.
15. unit() can round up to 1.0 (once in 2^53 draws): the gap is then 1 ps, the size the last of the mix.
16. Jitter starts at 0 with the first packet delivered and is in ps. A packet is reordered if one of the same
    flow with a greater sequence number was delivered before it (RFC 4737, section 3.3).
17. `hops` counts the links that a packet has come over. `Packet.path` has an entry for every last bit that
    has left, so the last one may still be on its way.
"""

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.reference.case import NONE, Case, check_case, ordered_changes

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

BIT_PS_PER_BYTE = 8 * 10**12
"""Picoseconds that one byte takes at 1 bit/s."""


# ---------------------------------------------------------------------------------------------------- results


class Hop(NamedTuple):
    """One link that a packet has left over."""

    link: int
    start_ps: int  # service starts
    left_ps: int  # last bit leaves
    arrival_ps: int  # last bit arrives, perhaps after the end of the run


@dataclass(eq=False)
class Packet:
    """One packet and what became of it."""

    flow: int
    sequence: int
    sent_ps: int
    size: int
    label: int
    hop_limit: int  # what is left of it
    outcome: str = IN_FLIGHT  # "delivered", a cause, or "in_flight"
    time_ps: int = NONE  # of delivery or drop
    node: int = NONE  # where it was delivered or dropped, or (in flight) where it waits or which it left last
    link: int = NONE  # where it was dropped, or (in flight) what it waits for or travels on
    hops: int = 0
    handed_back: int = 0  # times
    path: list[Hop] = field(default_factory=list)


@dataclass
class LinkTotals:
    """What happened on one link during the run."""

    packets: int = 0
    bytes: int = 0
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


@dataclass
class Result:
    """All packets, and the totals per link and per flow."""

    packets: dict[tuple[int, int], Packet]  # by (flow, sequence)
    links: list[LinkTotals]
    flows: list[FlowTotals]


# ------------------------------------------------------------------------------------------ times and numbers


def ceil_div(dividend, divisor):
    """Quotient of whole numbers, rounded up."""
    return -(-dividend // divisor)


def serialization_ps(size, framing_bytes, rate_bps):
    """Rule 4: how long a packet is in service."""
    return max(1, ceil_div((size + framing_bytes) * BIT_PS_PER_BYTE, rate_bps))


def delay_ps(case, link, left_ps):
    """Rule 5: propagation delay of a last bit that leaves at `left_ps`."""
    for step in case.steps:
        if step.t0_ps < left_ps <= step.t1_ps:
            d0 = step.delay_start_ps[link]
            d1 = step.delay_end_ps[link]
            share = float(left_ps - step.t0_ps) / float(step.t1_ps - step.t0_ps)
            return math.floor(float(d0) + float(d1 - d0) * share)
    raise ValueError(f"no step covers {left_ps} ps")


INTERARRIVAL, PACKET_SIZE, PHASE = 1, 2, 3
"""Purposes of random numbers."""

MASK_64 = 2**64 - 1


def draw(seed, purpose, row, counter):
    """Rule 7: a random number of 64 bits that depends on nothing but its four arguments."""
    x = (
        seed * 0x9E3779B97F4A7C15
        + purpose * 0xBF58476D1CE4E5B9
        + row * 0x94D049BB133111EB
        + counter * 0xD6E8FEB86659FD93
    )
    x &= MASK_64
    for _ in range(2):  # the finalizer of splitmix64, twice
        x ^= x >> 30
        x = (x * 0xBF58476D1CE4E5B9) & MASK_64
        x ^= x >> 27
        x = (x * 0x94D049BB133111EB) & MASK_64
        x ^= x >> 31
    return x


def unit(x):
    """A number above 0, and below 1 up to rounding, from 64 random bits."""
    return (float(x >> 11) + 0.5) * 2.0**-53


def packet_size(case, row, sequence):
    """Size of one packet of a constant or Poisson flow."""
    sizes = case.flows[row].sizes
    if len(sizes) == 1:
        return sizes[0][0]
    chosen = unit(draw(case.seed, PACKET_SIZE, row, sequence)) * sum(weight for _, weight in sizes)
    cumulative = 0
    for size, weight in sizes:
        cumulative += weight
        if cumulative > chosen:
            return size
    return sizes[-1][0]


def packets_of_flow(case, row):
    """(time_ps, size) of a flow's packets in sequence, whatever its stop; endless unless a script."""
    flow = case.flows[row]
    if flow.kind == "script":
        yield from flow.script
        return
    start_ps = flow.start_ps + flow.phase_ps
    sequence = 0
    if flow.kind == "constant":  # rule 7
        sent_bytes = 0
        while True:
            size = packet_size(case, row, sequence)
            yield start_ps + ceil_div(sent_bytes * BIT_PS_PER_BYTE, flow.rate_bps), size
            sent_bytes += size
            sequence += 1
    if flow.kind == "poisson":
        mean_size = sum(size * weight for size, weight in flow.sizes) / sum(
            weight for _, weight in flow.sizes
        )
        mean_ps = mean_size * 8e12 / flow.rate_bps
        time_ps = start_ps
        while True:
            gap = -math.log(unit(draw(case.seed, INTERARRIVAL, row, sequence))) * mean_ps
            time_ps += max(1, math.floor(gap + 0.5))
            yield time_ps, packet_size(case, row, sequence)
            sequence += 1
    raise ValueError(f"unknown kind of flow {flow.kind!r}")


# ---------------------------------------------------------------------------------------------- the simulator


@dataclass(eq=False)
class Service:
    """A packet that a transmitter is sending."""

    packet: Packet
    start_ps: int
    left_ps: int


@dataclass(eq=False)
class Link:
    """The sending end of one directed link."""

    is_up: bool = False
    rate_bps: int = 0
    in_service: Service | None = None
    waiting: deque[Packet] = field(default_factory=deque)  # the packet in service is not waiting (rule 3)
    last_arrival_ps: int = 0  # of the packet ahead, kept across contacts

    @property
    def waiting_bytes(self):
        return sum(packet.size for packet in self.waiting)


class Simulation:
    """State of a run; `run` goes through all instants before the end."""

    def __init__(self, case: Case):
        check_case(case)
        self.case = case
        self.links = [Link() for _ in case.link_from]
        self.table = [None] * case.n_nodes  # in force at each node
        self.packets = {}
        self.link_totals = [LinkTotals() for _ in case.link_from]
        self.flow_totals = [FlowTotals() for _ in case.flows]
        self.order = 0  # of events pushed, so that a heap never compares packets

        # What is to happen: heaps whose entries start with the time, then rule 1's order within an instant.
        self.changes = [(change[0], order, change) for order, change in enumerate(ordered_changes(case))]
        self.switches = sorted(
            (table.switch_ps[node], order, node)
            for order, table in enumerate(case.tables)
            for node in range(case.n_nodes)
        )
        self.departures = []  # (time_ps, order, link, Service)
        self.arrivals = []  # (time_ps, sending node, link, order, Packet)
        self.own_packets = []  # (time_ps, flow, size)
        self.sources = [packets_of_flow(case, row) for row in range(len(case.flows))]
        for row in range(len(case.flows)):
            self.await_next_of_flow(row)

    def run(self):
        """All instants before the end, in order; then the last bits that leave at the end."""
        heaps = (self.departures, self.changes, self.switches, self.arrivals, self.own_packets)
        while any(heaps):
            now_ps = min(heap[0][0] for heap in heaps if heap)
            if now_ps >= self.case.end_ps:
                break
            freed = self.let_last_bits_leave(now_ps)  # (a)
            handed_back = self.change_links(now_ps)  # (b)
            self.switch_tables(now_ps)  # (b)
            self.take_back(handed_back, now_ps)  # (c)
            self.serve_waiting(freed, now_ps)  # (d)
            self.receive_arrivals(now_ps)  # (e)
            self.send_own_packets(now_ps)  # (f)
        self.let_last_bits_leave(self.case.end_ps)
        self.count_what_is_left()
        return Result(self.packets, self.link_totals, self.flow_totals)

    # -- the six phases of an instant (rule 1)

    def let_last_bits_leave(self, now_ps):
        """(a) Last bits leave. Returns the links whose transmitters became free."""
        freed = []
        while self.departures and self.departures[0][0] == now_ps:
            _, _, link_id, service = heapq.heappop(self.departures)
            link = self.links[link_id]
            if link.in_service is not service:
                continue  # it stayed behind when the link stopped
            link.in_service = None
            freed.append(link_id)
            totals = self.link_totals[link_id]
            totals.packets += 1
            totals.bytes += service.packet.size
            totals.busy_ps += now_ps - service.start_ps
            # Rule 5: after the range's light time, never before the packet ahead of it.
            arrival_ps = max(now_ps + delay_ps(self.case, link_id, now_ps), link.last_arrival_ps)
            link.last_arrival_ps = arrival_ps
            service.packet.path.append(Hop(link_id, service.start_ps, now_ps, arrival_ps))
            self.order += 1
            heapq.heappush(
                self.arrivals, (arrival_ps, self.case.link_from[link_id], link_id, self.order, service.packet)
            )
        return freed

    def change_links(self, now_ps):
        """(b) Links stop, start, change rate. Returns the packets handed back: by link id, queue order."""
        handed_back = []
        while self.changes and self.changes[0][0] == now_ps:
            _, _, (_, link_id, kind, rate_bps) = heapq.heappop(self.changes)
            link = self.links[link_id]
            if kind == "stop":  # rule 4: the packet in service and all that wait stay behind
                stayed_behind = list(link.waiting)
                link.waiting.clear()
                if link.in_service is not None:
                    stayed_behind.insert(0, link.in_service.packet)
                    self.link_totals[link_id].busy_ps += now_ps - link.in_service.start_ps
                    link.in_service = None
                link.is_up = False
                if self.case.on_link_down == "reroute":
                    handed_back.extend(stayed_behind)
                else:
                    for packet in stayed_behind:
                        self.drop(packet, "link_down", now_ps, self.case.link_from[link_id], link_id)
            elif kind == "start":
                link.is_up = True
                link.rate_bps = rate_bps
            else:
                link.rate_bps = rate_bps
        return handed_back

    def switch_tables(self, now_ps):
        """(b) Tables switch."""
        while self.switches and self.switches[0][0] == now_ps:
            _, table, node = heapq.heappop(self.switches)
            self.table[node] = self.case.tables[table]

    def take_back(self, handed_back, now_ps):
        """(c) Packets handed back by stopped links go through rule 2 again, without another decrement."""
        for packet in handed_back:
            packet.handed_back += 1
            self.forward(packet, packet.node, now_ps)

    def serve_waiting(self, freed, now_ps):
        """(d) Free transmitters take the next packet. Only those freed in (a) can have packets waiting."""
        for link_id in freed:
            link = self.links[link_id]
            if link.in_service is None and link.waiting:
                self.serve(link_id, link.waiting.popleft(), now_ps)

    def receive_arrivals(self, now_ps):
        """(e) Arrivals, by the sending node's row, then link id; rule 2."""
        while self.arrivals and self.arrivals[0][0] == now_ps:
            _, _, link_id, _, packet = heapq.heappop(self.arrivals)
            node = self.case.link_to[link_id]
            packet.hops += 1
            if node == self.case.flows[packet.flow].destination:
                self.deliver(packet, now_ps, node)
                continue
            packet.hop_limit -= 1
            if packet.hop_limit == 0:
                self.drop(packet, "hop_limit", now_ps, node, NONE)
                continue
            self.forward(packet, node, now_ps)

    def send_own_packets(self, now_ps):
        """(f) The nodes' own packets, by flow row."""
        while self.own_packets and self.own_packets[0][0] == now_ps:
            _, row, size = heapq.heappop(self.own_packets)
            self.await_next_of_flow(row)
            flow = self.case.flows[row]
            totals = self.flow_totals[row]
            table = self.table[flow.source]
            label = table.label_of_flow[row] if table and table.label_of_flow else flow.label
            packet = Packet(row, totals.sent, now_ps, size, label, flow.hop_limit)
            self.packets[row, totals.sent] = packet
            totals.sent += 1
            totals.bytes_sent += size
            self.forward(packet, flow.source, now_ps)

    # -- what the phases are made of

    def await_next_of_flow(self, row):
        """Note when the flow makes its next packet, if it does."""
        flow = self.case.flows[row]
        time_ps, size = next(self.sources[row], (flow.stop_ps, 0))
        if time_ps < flow.stop_ps:
            heapq.heappush(self.own_packets, (time_ps, row, size))

    def forward(self, packet, node, now_ps):
        """Rule 2: the table in force at the node gives the outgoing link."""
        table = self.table[node]
        link_id = NONE if table is None else table.link[node][packet.label]
        if link_id == NONE:
            self.drop(packet, "no_route", now_ps, node, NONE)
        elif not self.links[link_id].is_up:
            self.drop(packet, "link_down", now_ps, node, link_id)
        else:
            self.offer(packet, link_id, now_ps)

    def offer(self, packet, link_id, now_ps):
        """Rule 3: the packet is served at once, waits, or is dropped."""
        link = self.links[link_id]
        packet.node = self.case.link_from[link_id]
        packet.link = link_id
        if link.in_service is None and not link.waiting:
            self.serve(link_id, packet, now_ps)
            return
        has_room = (
            len(link.waiting) + 1 <= self.case.queue_packets[link_id]
            and link.waiting_bytes + packet.size <= self.case.queue_bytes[link_id]
        )
        if not has_room:
            self.drop(packet, "queue", now_ps, self.case.link_from[link_id], link_id)
            return
        link.waiting.append(packet)
        totals = self.link_totals[link_id]
        totals.queue_max_bytes = max(totals.queue_max_bytes, link.waiting_bytes)

    def serve(self, link_id, packet, now_ps):
        """Rule 4: serialization starts, with the rate of this instant."""
        link = self.links[link_id]
        left_ps = now_ps + serialization_ps(packet.size, self.case.framing_bytes, link.rate_bps)
        link.in_service = Service(packet, now_ps, left_ps)
        self.order += 1
        heapq.heappush(self.departures, (left_ps, self.order, link_id, link.in_service))

    def deliver(self, packet, now_ps, node):
        """The packet has reached its destination."""
        packet.outcome, packet.time_ps, packet.node, packet.link = DELIVERED, now_ps, node, NONE
        totals = self.flow_totals[packet.flow]
        latency_ps = now_ps - packet.sent_ps
        totals.delivered += 1
        totals.bytes_delivered += packet.size
        totals.hops_sum += packet.hops
        totals.latency_sum_ps += latency_ps
        if totals.last_latency_ps is None:
            totals.latency_min_ps = totals.latency_max_ps = latency_ps
        else:
            totals.latency_min_ps = min(totals.latency_min_ps, latency_ps)
            totals.latency_max_ps = max(totals.latency_max_ps, latency_ps)
            # RFC 3550, section 6.4.1: D is the difference of two successive packets' transit times.
            totals.jitter_ps += (float(abs(latency_ps - totals.last_latency_ps)) - totals.jitter_ps) / 16.0
        totals.last_latency_ps = latency_ps
        # RFC 4737, section 3.3.
        if packet.sequence < totals.next_expected:
            totals.reordered += 1
        else:
            totals.next_expected = packet.sequence + 1

    def drop(self, packet, cause, now_ps, node, link_id):
        """The packet is lost at a node, and perhaps on a link."""
        packet.outcome, packet.time_ps, packet.node, packet.link = cause, now_ps, node, link_id
        self.flow_totals[packet.flow].dropped[cause] += 1
        if link_id != NONE:
            self.link_totals[link_id].dropped[cause] += 1

    def count_what_is_left(self):
        """Packets in flight, and the time that packets in service have had so far."""
        for packet in self.packets.values():
            if packet.outcome == IN_FLIGHT:
                self.flow_totals[packet.flow].in_flight += 1
        for link, totals in zip(self.links, self.link_totals, strict=True):
            if link.in_service is not None:
                totals.busy_ps += self.case.end_ps - link.in_service.start_ps


def simulate(case: Case) -> Result:
    """Every packet's fate until `case.end_ps`."""
    return Simulation(case).run()


# ------------------------------------------------------------------------------------------------- invariants


def contacts_of(case, link):
    """[start_ps, stop_ps, [(time_ps, rate_bps), ...]] of a link; an open end stops at None."""
    contacts = []
    for time_ps, changed, kind, rate_bps in ordered_changes(case):
        if changed != link:
            continue
        if kind == "stop":
            contacts[-1][1] = time_ps
        elif kind == "start":
            contacts.append([time_ps, None, [(time_ps, rate_bps)]])
        else:
            contacts[-1][2].append((time_ps, rate_bps))
    return contacts


def check_invariants(case, result):
    """Raise AssertionError unless what the simulator says happened could have happened.

    Conservation per flow (rule 6), one packet in service at a time per link, service within one contact and
    of the right length, FIFO per link, light time, paths without gaps, hop limits, and totals that agree with
    the packets. Looks at the packets' paths alone, not at how they were found.
    """
    for row, flow in enumerate(case.flows):
        check_flow(case, row, flow, result)
    hops_of_link = [[] for _ in case.link_from]
    for packet in result.packets.values():
        check_path(case, packet)
        ready_ps = packet.sent_ps
        for hop in packet.path:
            hops_of_link[hop.link].append((hop, packet, ready_ps))
            ready_ps = hop.arrival_ps
    for link, hops in enumerate(hops_of_link):
        check_link(case, link, sorted(hops, key=lambda entry: entry[0].start_ps), result)


def check_flow(case, row, flow, result):
    """Conservation, and the latency of delivered packets."""
    packets = [packet for packet in result.packets.values() if packet.flow == row]
    totals = result.flows[row]
    assert [packet.sequence for packet in packets] == list(range(totals.sent))
    outcomes = [packet.outcome for packet in packets]
    assert outcomes.count(DELIVERED) == totals.delivered
    assert outcomes.count(IN_FLIGHT) == totals.in_flight
    assert {cause: outcomes.count(cause) for cause in CAUSES} == totals.dropped
    assert totals.sent == totals.delivered + totals.in_flight + sum(totals.dropped.values())
    times = [packet.sent_ps for packet in packets]
    assert times == sorted(times)
    assert all(flow.start_ps <= time_ps < min(flow.stop_ps, case.end_ps) for time_ps in times)
    latencies = [packet.time_ps - packet.sent_ps for packet in packets if packet.outcome == DELIVERED]
    assert sum(latencies) == totals.latency_sum_ps
    assert min(latencies, default=None) == totals.latency_min_ps
    assert max(latencies, default=None) == totals.latency_max_ps


def check_path(case, packet):
    """A packet is at one place at a time, moves from node to node, and within its hop limit."""
    flow = case.flows[packet.flow]
    node, ready_ps = flow.source, packet.sent_ps
    for hop in packet.path:
        assert case.link_from[hop.link] == node
        assert ready_ps <= hop.start_ps < hop.left_ps <= min(hop.arrival_ps, case.end_ps)
        node, ready_ps = case.link_to[hop.link], hop.arrival_ps
    assert packet.hops <= len(packet.path) <= packet.hops + 1
    assert packet.hops <= flow.hop_limit
    if packet.outcome == DELIVERED:
        assert node == packet.node == flow.destination
        assert packet.time_ps == ready_ps < case.end_ps
    elif packet.outcome == IN_FLIGHT:
        assert packet.time_ps == NONE
        assert packet.hops == len(packet.path) or ready_ps >= case.end_ps
    else:
        assert node == packet.node
        assert ready_ps <= packet.time_ps < case.end_ps
    if packet.outcome == "hop_limit":
        assert packet.hops == flow.hop_limit
    on_the_way = [case.link_to[hop.link] for hop in packet.path[:-1]]
    assert flow.destination not in on_the_way


def check_link(case, link, hops, result):
    """One packet in service at a time, within a contact, as long as due; first in, first out; light time."""
    contacts = contacts_of(case, link)
    for hop, packet, _ in hops:
        holding = [
            contact
            for contact in contacts
            if contact[0] <= hop.start_ps and (contact[1] is None or hop.left_ps <= contact[1])
        ]
        assert len(holding) == 1
        rate_bps = [rate for time_ps, rate in holding[0][2] if time_ps <= hop.start_ps][-1]
        bits = (packet.size + case.framing_bytes) * 8
        assert (
            (hop.left_ps - hop.start_ps) * rate_bps
            >= bits * 10**12
            > (hop.left_ps - hop.start_ps - 1) * rate_bps
        )
        step = next(step for step in case.steps if step.t0_ps < hop.left_ps <= step.t1_ps)
        assert hop.arrival_ps - hop.left_ps >= min(step.delay_start_ps[link], step.delay_end_ps[link])
    for (before, _, _), (after, _, _) in itertools.pairwise(hops):
        assert before.left_ps <= after.start_ps
        assert before.arrival_ps <= after.arrival_ps
    # When a packet that was handed back joined its next queue is not in its path.
    joined = [ready_ps for _, packet, ready_ps in hops if packet.handed_back == 0]
    assert joined == sorted(joined)
    totals = result.links[link]
    assert totals.packets == len(hops)
    assert totals.bytes == sum(packet.size for _, packet, _ in hops)
    served_ps = sum(hop.left_ps - hop.start_ps for hop, _, _ in hops)
    assert served_ps <= totals.busy_ps <= case.end_ps
    assert totals.queue_max_bytes <= max(0, case.queue_bytes[link])
    lost = [
        packet.outcome
        for packet in result.packets.values()
        if packet.outcome in CAUSES and packet.link == link
    ]
    assert {cause: lost.count(cause) for cause in CAUSES} == totals.dropped
