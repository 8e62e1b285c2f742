"""The packet model as a slow, obvious event simulator: what the compiled engine must agree with, packet by
packet.

Rule numbers are those of the packet model (design, section 5); the letters (a) to (f) are rule 1's order
within one instant. Time is whole picoseconds in Python ints. Rule 9 (bundles) is not modelled here.

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
    packets cut off by a stop (until the stop) or by the end of the run (until then) included; of a train, the
    serialization of each packet that leaves, all counted when the head does.
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

Marks, errors, failures
18. A packet that is to be marked and carries a mark already counts as marked on that link, too.
19. A packet that reaches a node which is down, or reaches a node corrupted, has not hopped.
20. A node that fails while links that leave it are down already loses nothing to `node_down` there.
21. The flow's own label stands in `Packet.label` of what is made at a node that is down.

Direct flows
32. A packet of a flow with a link of its own is offered to that link, whatever tables and fast reroute say;
    handed back by it, it is offered to it again.

Answers
22. Replies whose service ends at or after the end of the run are neither made nor counted as served.
23. A time-out that is due when the sender has stopped changes nothing that could be seen.

Trains
24. The stop that may cut a train is one within the step in which its service starts. A train whose first
    packet has left when a stop of a later step comes has left as a whole.
25. A train counts as one entry for bit errors, as its packets for everything else: each packet of a train
    that is delivered counts for latency, jitter and reordering, one after the other.
26. What is cut off a train keeps the train's instant of creation, and takes the sequence number of its first
    packet. If the contact's end cuts it off, it is dropped there even if the node fails at that instant; the
    cause is `link_down`.
27. The head instant by which a train's tail is shortened is that of its arrival at the node, also for a
    train that waited or was handed back.
28. Where packets are taken from a script's train, its last one was made in proportion, as its tail comes.
29. A train in service at the end of the run has been in service until then. A train is delivered
    (`Packet.time_ps`) when its head arrives; latency counts to `Packet.tail_ps`.

Fast reroute
30. A link that has not been up yet has been down since the start of the run. A link that is down, of which
    its node does not know yet, is chosen, and the packet is dropped there.
31. The hash of a flow stays as it is when choices are down: it picks among all that the table names.
"""

import heapq
import math
from itertools import count
from typing import NamedTuple

from tests.reference.arithmetic import (
    BIT_ERROR,
    BIT_PS_PER_BYTE,
    FLOW_HASH,
    INTERARRIVAL,
    MASK_64,
    PACKET_SIZE,
    PHASE,
    ceil_div,
    delay_ps,
    draw,
    serialization_ps,
    unit,
)
from tests.reference.case import NONE, Case, ordered_changes
from tests.reference.case_checks import check_case
from tests.reference.invariants import check_invariants
from tests.reference.queues import Link, Service, WaitingList
from tests.reference.results import (
    CAUSES,
    DELIVERED,
    IN_FLIGHT,
    FlowTotals,
    Hop,
    LinkTotals,
    Packet,
    Result,
    fates,
)
from tests.reference.sources import (
    entries_of_flow,
    last_created_ps,
    packets_of_flow,
    shorten,
)
from tests.reference.transport import BulkReceiver, BulkSender, ServicePool, reply_sizes

__all__ = [
    "BIT_PS_PER_BYTE",
    "CAUSES",
    "DELIVERED",
    "INTERARRIVAL",
    "IN_FLIGHT",
    "MASK_64",
    "PACKET_SIZE",
    "PHASE",
    "ceil_div",
    "check_invariants",
    "delay_ps",
    "draw",
    "fates",
    "packets_of_flow",
    "serialization_ps",
    "simulate",
    "unit",
]


class Own(NamedTuple):
    """An entry that a node is to make; ordered as it enters."""

    time_ps: int
    row: int  # of its flow
    begun_ps: int  # when the service of the request began, for a reply
    order: int
    size: int
    count: int
    tail_ps: int
    sequence: int | None  # None: the next of the flow
    created_ps: int


class Arrival(NamedTuple):
    """An entry that is to reach a node; ordered as it is looked at."""

    time_ps: int
    sender: int
    link: int
    order: int
    packet: Packet
    is_corrupted: bool


class Simulation:
    """State of a run; `run` goes through all instants before the end."""

    def __init__(self, case: Case):
        check_case(case)
        self.case = case
        self.links = [
            Link([WaitingList(case, link) for _ in range(case.classes[link])]) for link in range(case.n_links)
        ]
        self.is_down = [False] * case.n_nodes
        self.table = [None] * case.n_nodes  # in force at each node
        self.packets = {}
        self.link_totals = [LinkTotals() for _ in case.link_from]
        self.flow_totals = [FlowTotals() for _ in case.flows]
        self.order = count()  # of events pushed, so that a heap never compares packets

        # What is to happen: heaps whose entries start with the time, then rule 1's order within an instant.
        self.node_changes = sorted(case.node_changes)
        self.changes = [(change[0], order, change) for order, change in enumerate(ordered_changes(case))]
        self.switches = sorted(
            (table.switch_ps[node], order, node)
            for order, table in enumerate(case.tables)
            for node in range(case.n_nodes)
        )
        self.departures = []  # (time_ps, order, link, Service)
        self.arrivals = []
        self.own_packets = []

        # Flows by kind. Acknowledgements and replies come about when what they answer is delivered.
        rows = {
            kind: [row for row, flow in enumerate(case.flows) if flow.kind == kind]
            for kind in ("bulk", "ack", "reply")
        }
        self.senders = {row: BulkSender(case.flows[row], case.end_ps) for row in rows["bulk"]}
        self.receivers = {row: BulkReceiver(case.flows[row]) for row in rows["bulk"]}
        self.acknowledges = {case.flows[row].reply: row for row in rows["bulk"]}
        self.pools = [ServicePool(case, pool) for pool in case.pools]
        answering = {row for kind in rows.values() for row in kind}
        self.sources = {
            row: entries_of_flow(case, row) for row in range(len(case.flows)) if row not in answering
        }
        for row in self.sources:
            self.await_next_of_flow(row)

    def run(self):
        """All instants before the end, in order; then the last bits that leave at the end."""
        heaps = (
            self.departures,
            self.node_changes,
            self.changes,
            self.switches,
            self.arrivals,
            self.own_packets,
        )
        now_ps = -1
        while True:
            times = [heap[0][0] for heap in heaps if heap]
            times += [sender.next_ps(now_ps) for sender in self.senders.values()]
            now_ps = min(times, default=self.case.end_ps)
            if now_ps >= self.case.end_ps:
                break
            freed = self.let_last_bits_leave(now_ps)  # (a)
            self.change_nodes(now_ps)  # (b)
            handed_back = self.change_links(now_ps)  # (b)
            self.switch_tables(now_ps)  # (b)
            self.take_back(handed_back, now_ps)  # (c)
            self.serve_waiting(freed, now_ps)  # (d)
            self.receive_arrivals(now_ps)  # (e)
            self.let_senders_act(now_ps)  # (f)
            self.send_own_packets(now_ps)  # (f)
        self.let_last_bits_leave(self.case.end_ps)
        self.count_what_is_left()
        return Result(self.packets, self.link_totals, self.flow_totals, [pool.totals for pool in self.pools])

    # -- the six phases of an instant (rule 1)

    def let_last_bits_leave(self, now_ps):
        """(a) Last bits leave. Returns the links whose transmitters became free."""
        freed = []
        while self.departures and self.departures[0][0] == now_ps:
            _, _, link_id, service = heapq.heappop(self.departures)
            link = self.links[link_id]
            if link.in_service is not service:
                continue  # it stayed behind when the link stopped
            if not service.head_has_left:
                self.let_head_leave(link_id, service)
            if service.left_ps > now_ps:  # of a train only the first packet has left
                heapq.heappush(self.departures, (service.left_ps, next(self.order), link_id, service))
                continue
            self.stop_service(link_id, now_ps)
            freed.append(link_id)
        return freed

    def change_nodes(self, now_ps):
        """(b) Nodes fail and come back."""
        while self.node_changes and self.node_changes[0][0] == now_ps:
            _, node, kind = heapq.heappop(self.node_changes)
            self.is_down[node] = kind == "down"

    def change_links(self, now_ps):
        """(b) Links stop, start, change rate. Returns the packets handed back: by link id, queue order."""
        handed_back = []
        while self.changes and self.changes[0][0] == now_ps:
            _, _, (_, link_id, kind, rate_bps) = heapq.heappop(self.changes)
            link = self.links[link_id]
            if kind == "stop":  # rule 4: the packet in service and all that wait stay behind
                stayed_behind = link.give_up_waiting()
                if link.in_service is not None:
                    if not link.in_service.head_has_left:
                        stayed_behind.insert(0, link.in_service.packet)
                    self.stop_service(link_id, now_ps)
                link.is_up = False
                link.down_since_ps = now_ps
                node = self.case.link_from[link_id]
                if self.is_down[node] or self.case.on_link_down == "drop":
                    cause = "node_down" if self.is_down[node] else "link_down"
                    for packet in stayed_behind:
                        self.drop(packet, cause, now_ps, node, link_id)
                else:
                    handed_back.extend(stayed_behind)
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
            if link.in_service is None and link.has_waiting:
                packet, dropped, n_marked = link.take(now_ps)
                for lost in dropped:
                    self.drop(lost, "early", now_ps, self.case.link_from[link_id], link_id)
                self.link_totals[link_id].marked += n_marked
                self.serve(link_id, packet, now_ps)

    def receive_arrivals(self, now_ps):
        """(e) Arrivals, by the sending node's row, then link id; rule 2."""
        while self.arrivals and self.arrivals[0].time_ps == now_ps:
            _, _, link_id, _, packet, is_corrupted = heapq.heappop(self.arrivals)
            node = self.case.link_to[link_id]
            packet.head_ps = now_ps
            if self.is_down[node]:
                self.drop(packet, "node_down", now_ps, node, NONE)
                continue
            if is_corrupted:
                self.drop(packet, "bit_error", now_ps, node, link_id)
                continue
            if node == self.case.flows[packet.flow].destination:
                if packet.tail_ps < self.case.end_ps:  # else a train whose last packet is still on its way
                    self.deliver(packet, now_ps, node)
                continue
            packet.hops += 1
            packet.hop_limit -= 1
            if packet.hop_limit == 0:
                self.drop(packet, "hop_limit", now_ps, node, NONE)
                continue
            self.forward(packet, node, now_ps)

    def let_senders_act(self, now_ps):
        """(f) Time-outs of bulk transfers, and the segments that they send at this instant."""
        for row, sender in self.senders.items():
            segment = sender.act(now_ps)
            if segment is not None:
                self.push_own(now_ps, row, sender.segment_bytes(segment), sequence=segment)

    def send_own_packets(self, now_ps):
        """(f) The nodes' own packets, by flow row."""
        while self.own_packets and self.own_packets[0].time_ps == now_ps:
            own = heapq.heappop(self.own_packets)
            if own.row in self.sources:
                self.await_next_of_flow(own.row)
            packet = self.make_packet(own)
            node = self.case.flows[own.row].source
            if self.is_down[node]:
                self.drop(packet, "node_down", now_ps, node, NONE)
                continue
            table = self.table[node]
            if table and table.label_of_flow:
                packet.label = table.label_of_flow[own.row]
            self.forward(packet, node, now_ps)

    # -- packets come to be

    def await_next_of_flow(self, row):
        """Note when the flow makes its next packet or train, if it does."""
        entry = next(self.sources[row], None)
        if entry is not None:
            self.push_own(*entry[:1], row, *entry[1:])

    def push_own(
        self, time_ps, row, size, n_packets=1, tail_ps=None, *, begun_ps=0, sequence=None, created_ps=None
    ):
        """Note what a node is to make; unless something else is said, it is created when it enters."""
        tail_ps = time_ps if tail_ps is None else tail_ps
        created_ps = time_ps if created_ps is None else created_ps
        own = Own(time_ps, row, begun_ps, next(self.order), size, n_packets, tail_ps, sequence, created_ps)
        heapq.heappush(self.own_packets, own)

    def make_packet(self, own):
        """The packet or train that enters at its source now."""
        flow = self.case.flows[own.row]
        totals = self.flow_totals[own.row]
        packet = Packet(
            own.row,
            totals.sent if own.sequence is None else own.sequence,
            own.time_ps,
            own.size,
            flow.label,
            flow.hop_limit,
            own.created_ps,
            traffic_class=flow.traffic_class,
            ect=flow.ecn,
            count=own.count,
            head_ps=own.time_ps,
            tail_ps=own.tail_ps,
            last_created_ps=own.tail_ps if flow.kind == "script" else None,
        )
        self.register(packet)
        totals.sent += packet.count
        totals.bytes_sent += packet.bytes
        return packet

    def register(self, packet):
        """Keep a packet for the result; a sequence number may come again."""
        key = packet.flow, packet.sequence
        times = 0
        while key in self.packets:
            times += 1
            key = packet.flow, packet.sequence, times
        self.packets[key] = packet

    def split(self, packet, n_kept):
        """Cut packets off a train's tail, which become an entry of their own."""
        cut_off = Packet(**{**vars(packet), "path": list(packet.path), "tails": list(packet.tails)})
        cut_off.sequence += n_kept
        cut_off.count -= n_kept
        self.register(cut_off)
        shorten(packet, n_kept)
        return cut_off

    # -- what the phases are made of

    def forward(self, packet, node, now_ps):
        """Rule 2: the table in force at the node gives the outgoing link, unless the flow has one."""
        table = self.table[node]
        link_id = self.case.flows[packet.flow].link
        if link_id is None:
            link_id = NONE if table is None else self.choose_link(table, packet, node, now_ps)
        if link_id == NONE:
            self.drop(packet, "no_route", now_ps, node, NONE)
        elif not self.links[link_id].is_up:
            self.drop(packet, "link_down", now_ps, node, link_id)
        else:
            self.offer(packet, link_id, now_ps)

    def choose_link(self, table, packet, node, now_ps):
        """The choice that the flow's hash picks; with fast reroute the first one not known to be down.

        They are looked at from that choice on, in a circle; then the backup. If all are known to be down, it
        is the choice that the hash picks again.
        """
        choices = table.choices(node, packet.label)
        if not choices:
            return NONE
        picked = (draw(self.case.seed, FLOW_HASH, packet.flow, 0) >> 33) % len(choices)
        in_order = choices[picked:] + choices[:picked]
        if self.case.alternate_after_ps is not None:
            backup = table.backup[node][packet.label] if table.backup else NONE
            for link_id in in_order + [link for link in [backup] if link != NONE]:
                if not self.is_known_down(link_id, now_ps):
                    return link_id
        return in_order[0]

    def is_known_down(self, link_id, now_ps):
        """Whether a link's own node has noticed that it is down."""
        link = self.links[link_id]
        return not link.is_up and now_ps - link.down_since_ps >= self.case.alternate_after_ps

    def offer(self, packet, link_id, now_ps):
        """Rule 3: the packet is served at once, waits, or is dropped; of a train, what does not fit."""
        link = self.links[link_id]
        node = self.case.link_from[link_id]
        packet.node = node
        packet.link = link_id
        if link.is_idle:
            self.serve(link_id, packet, now_ps)
            return
        waiting = link.list_of(packet)
        fitting = waiting.room_for(packet)
        if fitting < packet.count:
            refused = self.split(packet, fitting) if fitting else packet
            self.drop(refused, "queue", now_ps, node, link_id)
        if fitting:
            totals = self.link_totals[link_id]
            totals.marked += waiting.join(packet, now_ps)
            totals.queue_max_bytes = max(totals.queue_max_bytes, link.waiting_bytes)

    def serve(self, link_id, packet, now_ps):
        """Rule 4: serialization starts, with the rate of this instant."""
        link = self.links[link_id]
        one_ps = serialization_ps(packet.size, self.case.framing_bytes, link.rate_bps)
        head_left_ps = now_ps + one_ps
        left_ps = max(now_ps + packet.count * one_ps, packet.tail_ps + one_ps)
        n_leaving = packet.count
        stop_ps = self.known_stop_ps(link_id, now_ps) if packet.count > 1 else None
        if stop_ps is not None and head_left_ps <= stop_ps < left_ps:
            n_leaving = 1 + (packet.count - 1) * (stop_ps - head_left_ps) // (left_ps - head_left_ps)
            left_ps = stop_ps
        link.in_service = Service(packet, now_ps, head_left_ps, left_ps, n_leaving)
        heapq.heappush(self.departures, (head_left_ps, next(self.order), link_id, link.in_service))

    def known_stop_ps(self, link_id, now_ps):
        """When the link stops next, if that is within the step of this instant, else None."""
        step_end_ps = next(step.t1_ps for step in self.case.steps if step.t0_ps <= now_ps < step.t1_ps)
        stops = [time_ps for time_ps, link, kind, _ in self.case.changes if (link, kind) == (link_id, "stop")]
        return min((time_ps for time_ps in stops if now_ps < time_ps < step_end_ps), default=None)

    def let_head_leave(self, link_id, service):
        """The last bit of a packet, or of a train's first, has left; what will not make it is cut off."""
        link, packet = self.links[link_id], service.packet
        service.head_has_left = True
        if service.n_leaving < packet.count:
            service.cut_off = self.split(packet, service.n_leaving)
        totals = self.link_totals[link_id]
        totals.packets += packet.count
        totals.bytes += packet.bytes
        totals.busy_ps += packet.count * (service.head_left_ps - service.start_ps)
        # Rule 5: after the range's light time, never before the packet ahead of it.
        arrival_ps = max(self.light_reaches_ps(link_id, service.head_left_ps), link.last_arrival_ps)
        tail_arrival_ps = max(self.light_reaches_ps(link_id, service.left_ps), arrival_ps)
        link.last_arrival_ps = tail_arrival_ps
        packet.path.append(Hop(link_id, service.start_ps, service.head_left_ps, arrival_ps))
        packet.tails.append((service.left_ps, tail_arrival_ps))
        is_corrupted = self.draw_bit_error(link_id, packet)
        link.n_left += 1
        processing_ps = self.case.processing_ps[self.case.link_to[link_id]]
        packet.tail_ps = tail_arrival_ps + processing_ps
        arrival = Arrival(
            arrival_ps + processing_ps,
            self.case.link_from[link_id],
            link_id,
            next(self.order),
            packet,
            is_corrupted,
        )
        heapq.heappush(self.arrivals, arrival)

    def light_reaches_ps(self, link_id, left_ps):
        """When a last bit that leaves then arrives; beyond the steps, and so the run, it does not matter."""
        if left_ps > self.case.steps[-1].t1_ps:
            return left_ps
        return left_ps + delay_ps(self.case, link_id, left_ps)

    def draw_bit_error(self, link_id, packet):
        """Whether a packet, or any of a train, is corrupted on a link."""
        rate = self.case.bit_error_rate[link_id]
        if rate == 0.0:
            return False
        bits = float((packet.size + self.case.framing_bytes) * 8 * packet.count)
        chance = -math.expm1(-(bits * -math.log1p(-rate)))
        return unit(draw(self.case.seed, BIT_ERROR, link_id, self.links[link_id].n_left)) < chance

    def stop_service(self, link_id, now_ps):
        """The transmitter is free; what a train has lost to the end of the contact is dropped by then."""
        link = self.links[link_id]
        service, link.in_service = link.in_service, None
        if not service.head_has_left:
            self.link_totals[link_id].busy_ps += now_ps - service.start_ps
        if service.cut_off is not None and now_ps < self.case.end_ps:
            self.drop(service.cut_off, "link_down", now_ps, self.case.link_from[link_id], link_id)

    def deliver(self, packet, now_ps, node):
        """The packet has reached its destination, where something may answer it."""
        packet.outcome, packet.time_ps, packet.node, packet.link = DELIVERED, now_ps, node, NONE
        packet.hops += 1
        flow = self.case.flows[packet.flow]
        totals = self.flow_totals[packet.flow]
        totals.count_delivery(packet, packet.tail_ps - last_created_ps(flow, packet))
        if flow.kind == "bulk":
            self.receivers[packet.flow].receive(packet, totals, now_ps)
            self.push_own(
                now_ps,
                flow.reply,
                flow.reply_bytes,
                sequence=packet.sequence,
                created_ps=packet.created_ps,
            )
        elif flow.kind == "ack":
            row = self.acknowledges[packet.flow]
            self.senders[row].acknowledge(packet.sequence, packet.created_ps, now_ps)
            self.flow_totals[row].done_ps = self.senders[row].done_ps
        elif flow.pool != NONE:
            service = self.pools[flow.pool].receive(packet, now_ps)
            if service is not None:
                begun_ps, end_ps = service
                for size in reply_sizes(flow):
                    self.push_own(end_ps, flow.reply, size, begun_ps=begun_ps, created_ps=packet.created_ps)

    def drop(self, packet, cause, now_ps, node, link_id):
        """The packet is lost at a node, and perhaps on a link."""
        packet.outcome, packet.time_ps, packet.node, packet.link = cause, now_ps, node, link_id
        self.flow_totals[packet.flow].dropped[cause] += packet.count
        if link_id != NONE:
            self.link_totals[link_id].dropped[cause] += packet.count

    def count_what_is_left(self):
        """Packets in flight, and the time that packets in service have had so far."""
        for packet in self.packets.values():
            if packet.outcome == IN_FLIGHT:
                self.flow_totals[packet.flow].in_flight += packet.count
        for link, totals in zip(self.links, self.link_totals, strict=True):
            if link.in_service is not None and not link.in_service.head_has_left:
                totals.busy_ps += self.case.end_ps - link.in_service.start_ps


def simulate(case: Case) -> Result:
    """Every packet's fate until `case.end_ps`."""
    return Simulation(case).run()
