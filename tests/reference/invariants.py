"""What holds in every run, looked for in the packets' paths alone and not in how they were found."""

import itertools
from bisect import bisect_right
from collections import Counter, defaultdict
from typing import NamedTuple

from tests.reference.arithmetic import BIT_PS_PER_BYTE, ceil_div, serialization_ps
from tests.reference.case import CODEL, DROP_TAIL, NEVER, NONE, TIMED_KINDS, ordered_changes
from tests.reference.results import CAUSES, DELIVERED, IN_FLIGHT, Hop, Packet
from tests.reference.sources import last_created_ps
from tests.reference.transport import reply_sizes


def check_invariants(case, result):
    """Raise AssertionError unless what the simulator says happened could have happened.

    Conservation per flow (rule 6), one packet in service at a time per link, service within one contact and
    of the right length, FIFO per waiting list, strict priority, light time, paths without gaps, hop limits,
    nothing at nodes that are down, answers to what was delivered and to nothing else, windows and pacing of
    bulk transfers, and totals that agree with the packets.
    """
    packets_of_flow = [[] for _ in case.flows]
    for packet in result.packets.values():
        packets_of_flow[packet.flow].append(packet)
    for row, packets in enumerate(packets_of_flow):
        check_flow(case, row, packets, result.flows[row])
        flow = case.flows[row]
        if flow.kind == "bulk":
            check_bulk(flow, packets, packets_of_flow[flow.reply], result.flows[row])
    for pool in range(len(case.pools)):
        check_pool(case, pool, packets_of_flow, result.pools[pool])
    outages = outages_of(case)
    crossings = [[] for _ in case.link_from]
    for packet in result.packets.values():
        check_path(case, packet)
        check_nodes_are_up(case, packet, outages)
        ready_ps = packet.sent_ps
        for hop, tail in zip(packet.path, packet.tails, strict=True):
            crossings[hop.link].append(Crossing(hop, *tail, packet, ready_ps, packet.count))
            ready_ps = hop.arrival_ps + case.processing_ps[case.link_to[hop.link]]
    for link, on_link in enumerate(crossings):
        on_link = one_per_entry(on_link)
        check_service(case, link, on_link)
        check_order(case, link, on_link)
        lost = [packet for packet in result.packets.values() if packet.link == link]
        lost = [packet for packet in lost if packet.outcome in CAUSES]
        check_link_totals(case, link, on_link, lost, result.links[link])


# ------------------------------------------------------------------------------------------------------ flows


def check_flow(case, row, packets, totals):
    """Conservation, sequence numbers, when packets are made, and the latency of delivered packets."""
    flow = case.flows[row]
    outcomes = Counter()
    for packet in packets:
        outcomes[packet.outcome] += packet.count
    assert outcomes[DELIVERED] == totals.delivered
    assert outcomes[IN_FLIGHT] == totals.in_flight
    assert {cause: outcomes[cause] for cause in CAUSES} == totals.dropped
    assert totals.sent == totals.delivered + totals.in_flight + sum(totals.dropped.values())
    assert totals.bytes_sent == sum(packet.bytes for packet in packets)
    if flow.kind not in ("bulk", "ack"):
        sequences = [packet.sequence + k for packet in packets for k in range(packet.count)]
        assert sorted(sequences) == list(range(totals.sent))
    if not flow.makes_trains:
        times = [packet.sent_ps for packet in packets]
        assert times == sorted(times)
    if flow.kind in (*TIMED_KINDS, "bulk"):
        last_ps = min(flow.stop_ps, case.end_ps)
        assert all(flow.start_ps <= packet.sent_ps == packet.created_ps < last_ps for packet in packets)
    else:
        assert all(packet.created_ps < packet.sent_ps < case.end_ps for packet in packets)
    delivered = [packet for packet in packets if packet.outcome == DELIVERED]
    latencies = [packet.tail_ps - last_created_ps(flow, packet) for packet in delivered]
    sizes = [packet.count for packet in delivered]
    assert all(latency > 0 for latency in latencies)
    assert sum(map(int.__mul__, latencies, sizes)) == totals.latency_sum_ps
    assert min(latencies, default=None) == totals.latency_min_ps
    assert max(latencies, default=None) == totals.latency_max_ps
    assert all(packet.ect == flow.ecn and packet.ce <= packet.ect for packet in packets)
    assert totals.marked == sum(packet.count for packet in delivered if packet.ce)


def check_bulk(flow, segments, acks, totals):
    """Acknowledgements of what was delivered; window, pacing and end of a bulk transfer."""
    size = flow.sizes[0][0]
    n_segments = ceil_div(flow.total_bytes, size)
    first_delivered_ps, first_acked_ps = {}, {}
    delivered = [packet for packet in segments if packet.outcome == DELIVERED]
    for packet in sorted(delivered, key=lambda packet: packet.time_ps):
        first_delivered_ps.setdefault(packet.sequence, packet.time_ps)
    for ack in sorted(acks, key=lambda ack: ack.time_ps):
        if ack.outcome == DELIVERED:
            first_acked_ps.setdefault(ack.sequence, ack.time_ps)
    made = Counter((ack.sequence, ack.created_ps, ack.sent_ps) for ack in acks)
    assert made == Counter((packet.sequence, packet.created_ps, packet.time_ps) for packet in delivered)
    assert all(ack.size == flow.reply_bytes for ack in acks)
    assert totals.unique_packets == len(first_delivered_ps)
    assert totals.duplicates == totals.delivered - totals.unique_packets
    everything = range(n_segments)
    assert totals.unique_bytes == sum(min(size, flow.total_bytes - size * g) for g in first_delivered_ps)
    assert totals.complete_ps == max(first_delivered_ps.get(g, NEVER) for g in everything)
    assert totals.done_ps == max(first_acked_ps.get(g, NEVER) for g in everything)

    # base_since[g]: from when on all segments up to g are acknowledged
    base_since = list(itertools.accumulate((first_acked_ps.get(g, NEVER) for g in everything), max))
    next_new, may_send_ps = 0, flow.start_ps + flow.phase_ps
    for packet in segments:
        assert packet.sent_ps >= may_send_ps
        may_send_ps = packet.sent_ps + ceil_div(packet.size * BIT_PS_PER_BYTE, flow.rate_bps)
        if packet.sequence == next_new:
            assert next_new < bisect_right(base_since, packet.sent_ps) + flow.window
            next_new += 1
        else:  # sent again, and not known to be there
            assert packet.sequence < next_new
            assert first_acked_ps.get(packet.sequence, NEVER) > packet.sent_ps


def check_pool(case, pool, packets_of_flow, totals):
    """Every request delivered is refused or served, and what was served is replied to."""
    rows = [row for row, flow in enumerate(case.flows) if flow.pool == pool]
    arrived = n_replies = 0
    for row in rows:
        flow = case.flows[row]
        requests = [packet for packet in packets_of_flow[row] if packet.outcome == DELIVERED]
        sizes = reply_sizes(flow)
        replies = packets_of_flow[flow.reply]
        assert sum(sizes) == flow.reply_bytes
        assert [packet.size for packet in replies] == sizes * (len(replies) // len(sizes))
        delivered_ps = {}  # of the first of those that were made at one instant
        for packet in requests:
            delivered_ps[packet.created_ps] = min(
                packet.time_ps, delivered_ps.get(packet.created_ps, packet.time_ps)
            )
        assert all(packet.sent_ps > delivered_ps[packet.created_ps] for packet in replies)
        arrived += len(requests)
        n_replies += len(replies) // len(sizes)
    assert totals.arrived == arrived
    assert totals.served == n_replies <= totals.arrived - totals.refused
    assert totals.waited <= totals.arrived - totals.refused
    assert (totals.wait_sum_ps > 0) == (totals.waited > 0)


# ------------------------------------------------------------------------------------------------------ paths


def check_path(case, packet):
    """A packet is at one place at a time, moves from node to node, and within its hop limit."""
    flow = case.flows[packet.flow]
    node, ready_ps, whole_ps = flow.source, packet.sent_ps, packet.sent_ps
    for hop, (tail_left_ps, tail_arrival_ps) in zip(packet.path, packet.tails, strict=True):
        assert case.link_from[hop.link] == node
        assert ready_ps <= hop.start_ps < hop.left_ps <= min(hop.arrival_ps, case.end_ps)
        assert hop.left_ps <= tail_left_ps <= tail_arrival_ps
        assert hop.arrival_ps <= tail_arrival_ps
        node = case.link_to[hop.link]
        ready_ps = hop.arrival_ps + case.processing_ps[node]
        whole_ps = tail_arrival_ps + case.processing_ps[node]
        assert flow.makes_trains or ready_ps == whole_ps
    assert packet.hops <= len(packet.path) <= packet.hops + 1
    assert packet.hops <= flow.hop_limit
    if packet.outcome == DELIVERED:
        assert node == packet.node == flow.destination
        assert packet.time_ps == ready_ps
        assert packet.tail_ps == whole_ps < case.end_ps
    elif packet.outcome == IN_FLIGHT:
        assert packet.time_ps == NONE
        assert packet.hops == len(packet.path) or whole_ps >= case.end_ps
    else:
        assert node == packet.node
        assert ready_ps <= packet.time_ps < case.end_ps
    if packet.outcome == "hop_limit":
        assert packet.hops == flow.hop_limit
    if packet.outcome == "bit_error":
        assert packet.hops == len(packet.path) - 1
        assert packet.path[-1].link == packet.link and case.bit_error_rate[packet.link] > 0
    on_the_way = [case.link_to[hop.link] for hop in packet.path[:-1]]
    assert flow.destination not in on_the_way


def outages_of(case):
    """[(start_ps, stop_ps), ...] of each node."""
    outages = [[] for _ in range(case.n_nodes)]
    for time_ps, node, kind in sorted(case.node_changes):
        if kind == "down":
            outages[node].append((time_ps, NEVER))
        else:
            outages[node][-1] = (outages[node][-1][0], time_ps)
    return outages


def check_nodes_are_up(case, packet, outages):
    """A node that is down sends nothing and lets nothing through; only there are packets lost to it."""

    def is_down(node, time_ps):
        return any(start_ps <= time_ps < stop_ps for start_ps, stop_ps in outages[node])

    for hop in packet.path:
        assert not is_down(case.link_from[hop.link], hop.start_ps)
        # What leaves at the instant of the failure has left.
        assert not is_down(case.link_from[hop.link], hop.left_ps - 1)
    for hop, _ in itertools.pairwise(packet.path):
        node = case.link_to[hop.link]
        assert not is_down(node, hop.arrival_ps + case.processing_ps[node])
    if packet.outcome == "node_down":
        assert is_down(packet.node, packet.time_ps)
    elif packet.outcome != IN_FLIGHT and not (
        packet.outcome == "link_down" and case.flows[packet.flow].makes_trains
    ):
        assert not is_down(packet.node, packet.time_ps)


# ------------------------------------------------------------------------------------------------------ links


class Crossing(NamedTuple):
    """One entry that has left over a link."""

    hop: Hop
    left_ps: int  # last bit of all of it
    arrival_ps: int
    packet: Packet
    ready_ps: int  # when it was at the sending node
    count: int  # packets that left together


def one_per_entry(crossings):
    """Crossings by the start of service; parts of a train that was cut later have left as one."""
    together = defaultdict(list)
    for crossing in crossings:
        together[crossing.hop.start_ps].append(crossing)
    merged = []
    for _, parts in sorted(together.items()):
        first = min(parts, key=lambda crossing: crossing.packet.sequence)
        assert {crossing[:3] for crossing in parts} == {first[:3]}
        assert {crossing.packet.flow for crossing in parts} == {first.packet.flow}
        merged.append(first._replace(count=sum(crossing.count for crossing in parts)))
    return merged


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


def check_service(case, link, crossings):
    """One packet in service at a time, within a contact, as long as due; light time."""
    contacts = contacts_of(case, link)
    for crossing in crossings:
        hop, packet = crossing.hop, crossing.packet
        # Of a train, what is not known to be cut off goes on; stops are known within a step.
        last_ps = crossing.left_ps if len(case.steps) == 1 else hop.left_ps
        holding = [
            contact
            for contact in contacts
            if contact[0] <= hop.start_ps and (contact[1] is None or last_ps <= contact[1])
        ]
        assert len(holding) == 1
        rate_bps = [rate for time_ps, rate in holding[0][2] if time_ps <= hop.start_ps][-1]
        one_ps = serialization_ps(packet.size, case.framing_bytes, rate_bps)
        assert hop.left_ps - hop.start_ps == one_ps
        assert crossing.left_ps >= hop.start_ps + crossing.count * one_ps
        step = next(step for step in case.steps if step.t0_ps < hop.left_ps <= step.t1_ps)
        assert hop.arrival_ps - hop.left_ps >= min(step.delay_start_ps[link], step.delay_end_ps[link])
    for before, after in itertools.pairwise(crossings):
        assert before.left_ps <= after.hop.start_ps
        assert before.arrival_ps <= after.hop.arrival_ps


def check_order(case, link, crossings):
    """First in, first out in each waiting list; nothing starts while something more urgent waits."""
    lists = defaultdict(list)
    for crossing in crossings:
        # When a packet that was handed back joined its next queue is not in its path.
        if crossing.packet.handed_back == 0:
            lists[min(crossing.packet.traffic_class, case.classes[link] - 1)].append(crossing)
    for waiting in lists.values():
        joined = [crossing.ready_ps for crossing in waiting]
        assert joined == sorted(joined)
    for urgent, waiting in lists.items():
        for less_urgent, others in lists.items():
            if less_urgent < urgent:
                starts = [crossing.hop.start_ps for crossing in others]
                for crossing in waiting:
                    first_after = bisect_right(starts, crossing.ready_ps)
                    next_start_ps = starts[first_after] if first_after < len(starts) else NEVER
                    assert crossing.hop.start_ps <= next_start_ps


def check_link_totals(case, link, crossings, lost, totals):
    """A link's totals are those of the packets that left over it or were dropped on it."""
    assert totals.packets == sum(crossing.count for crossing in crossings)
    assert totals.bytes == sum(crossing.count * crossing.packet.size for crossing in crossings)
    served_ps = sum(crossing.count * (crossing.hop.left_ps - crossing.hop.start_ps) for crossing in crossings)
    assert served_ps <= totals.busy_ps
    if not any(flow.makes_trains for flow in case.flows):  # a train is counted when its head has left
        assert totals.busy_ps <= case.end_ps
    assert totals.queue_max_bytes <= max(0, case.queue_bytes[link]) * case.classes[link]
    dropped = Counter()
    for packet in lost:
        dropped[packet.outcome] += packet.count
    assert {cause: dropped[cause] for cause in CAUSES} == totals.dropped
    if case.discipline[link] == DROP_TAIL:
        assert totals.marked == 0
    if case.discipline[link] != CODEL:
        assert totals.dropped["early"] == 0
    for packet in lost:
        if packet.outcome == "early":
            assert not packet.ect
            ready_ps = packet.sent_ps
            if packet.path:
                ready_ps = packet.path[-1].arrival_ps + case.processing_ps[packet.node]
            assert packet.time_ps - ready_ps >= case.codel[link][0]
