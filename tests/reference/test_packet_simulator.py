"""The reference simulator against cases worked by pencil: packets of one class in drop-tail queues.

Other files of pencil cases import what makes a network here, and `run`, which looks `simulate` up here.
"""

from dataclasses import replace

from tests.reference.case import NONE, UNLIMITED, Case, Flow, Step, Table
from tests.reference.packet_simulator import (
    DELIVERED,
    IN_FLIGHT,
    check_invariants,
    delay_ps,
    serialization_ps,
    simulate,
)

# At this rate a byte takes one picosecond, so that sizes read as times.
BYTE_PER_PS = 8 * 10**12


def network(links, flows, **more):
    """A case from links (from, to, delay_ps) that are up from 0 at one byte per picosecond, without limits.

    Nodes send to a destination (which is the label, too) over the first of their links with the fewest hops.
    `more` replaces fields of the case.
    """
    n_nodes = more.get("n_nodes", 1 + max(max(start, end) for start, end, _ in links))
    delays = [delay for _, _, delay in links]
    end_ps = more.get("end_ps", 1_000_000)
    case = Case(
        n_nodes=n_nodes,
        end_ps=end_ps,
        seed=1,
        link_from=[start for start, _, _ in links],
        link_to=[end for _, end, _ in links],
        queue_packets=[UNLIMITED] * len(links),
        queue_bytes=[UNLIMITED] * len(links),
        framing_bytes=0,
        on_link_down="drop",
        changes=[(0, link, "start", BYTE_PER_PS) for link in range(len(links))],
        steps=[Step(0, end_ps, delays, delays)],
        tables=[Table(next_links(links, n_nodes), [0] * n_nodes)],
        flows=flows,
    )
    return replace(case, **more)


def next_links(links, n_nodes):
    """[node][destination] -> first link of a way with the fewest hops."""
    table = [[NONE] * n_nodes for _ in range(n_nodes)]
    for destination in range(n_nodes):
        reached = {destination}
        while True:
            new = {}
            for link, (start, end, _) in enumerate(links):
                if end in reached and start not in reached:
                    new.setdefault(start, link)
            if not new:
                break
            for start, link in new.items():
                table[start][destination] = link
            reached |= new.keys()
    return table


def script(source, destination, *packets, **more):
    """A flow that makes packets (time_ps, bytes)."""
    return Flow(source, destination, "script", label=destination, script=packets, **more)


def fates(case, flow=0):
    """(outcome, time_ps) of the flow's packets, by sequence number."""
    result = simulate(case)
    check_invariants(case, result)
    return [(packet.outcome, packet.time_ps) for packet in result.packets.values() if packet.flow == flow]


def run(case):
    result = simulate(case)
    check_invariants(case, result)
    return result


# ----------------------------------------------------------------------------------------- service and queues


def test_two_packets_on_one_link_follow_each_other():
    case = network([(0, 1, 1000)], [script(0, 1, (10, 100), (20, 50))])
    result = run(case)
    first, second = result.packets[0, 0], result.packets[0, 1]
    assert first.path == [(0, 10, 110, 1110)]
    assert second.path == [(0, 110, 160, 1160)]
    assert (first.outcome, first.time_ps, first.node, first.hops) == (DELIVERED, 1110, 1, 1)
    link = result.links[0]
    assert (link.packets, link.bytes, link.queue_max_bytes, link.busy_ps) == (2, 150, 50, 150)
    flow = result.flows[0]
    assert (flow.latency_min_ps, flow.latency_max_ps, flow.latency_sum_ps) == (1100, 1140, 2240)
    assert flow.jitter_ps == 40 / 16


def test_serialization_is_rounded_up_counts_framing_and_takes_at_least_one_picosecond():
    assert serialization_ps(1500, 0, 25 * 10**9) == 480_000
    assert serialization_ps(1500, 38, 25 * 10**9) == 492_160
    assert serialization_ps(1, 0, 3 * 10**12) == 3
    assert serialization_ps(1, 0, 10**15) == 1
    assert serialization_ps(65_536, 0, 1000) == 524_288 * 10**9


def test_framing_is_sent_but_is_not_in_queues_or_totals():
    case = network(
        [(0, 1, 0)], [script(0, 1, (0, 100), (0, 100), (0, 100))], framing_bytes=20, queue_bytes=[200]
    )
    result = run(case)
    assert [packet.time_ps for packet in result.packets.values()] == [120, 240, 360]
    assert (result.links[0].bytes, result.links[0].queue_max_bytes) == (300, 200)


def test_queue_refuses_the_packet_that_is_one_too_many():
    case = network([(0, 1, 0)], [script(0, 1, *[(0, 100)] * 4)], queue_packets=[2])
    assert fates(case) == [(DELIVERED, 100), (DELIVERED, 200), (DELIVERED, 300), ("queue", 0)]


def test_queue_refuses_the_packet_whose_bytes_do_not_fit_and_takes_a_smaller_one_after_it():
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (0, 60), (0, 50), (0, 40))], queue_bytes=[100])
    assert fates(case) == [(DELIVERED, 100), (DELIVERED, 160), ("queue", 0), (DELIVERED, 200)]


def test_idle_link_serves_a_packet_although_its_queue_holds_none():
    case = network(
        [(0, 1, 7)], [script(0, 1, (0, 100), (99, 1), (100, 1))], queue_packets=[0], queue_bytes=[0]
    )
    assert fates(case) == [(DELIVERED, 107), ("queue", 99), (DELIVERED, 108)]


def test_waiting_packet_makes_room_when_it_is_taken_for_service():
    # At 100 the first leaves (a), the second is taken (d), and the third finds room (f).
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (50, 10), (100, 10))], queue_packets=[1])
    assert fates(case) == [(DELIVERED, 100), (DELIVERED, 110), (DELIVERED, 120)]


# ---------------------------------------------------------------------------------- contacts and rate changes


def test_last_bit_that_leaves_at_the_end_of_a_contact_has_left():
    flows = [script(0, 1, (0, 100), (0, 100))]
    up = (0, 0, "start", BYTE_PER_PS)
    assert fates(network([(0, 1, 500)], flows, changes=[up, (200, 0, "stop", 0)])) == [
        (DELIVERED, 600),
        (DELIVERED, 700),
    ]
    assert fates(network([(0, 1, 500)], flows, changes=[up, (199, 0, "stop", 0)])) == [
        (DELIVERED, 600),
        ("link_down", 199),
    ]


def test_stop_drops_what_is_in_service_and_what_waits_but_not_what_has_left():
    up = (0, 0, "start", BYTE_PER_PS)
    flow = script(0, 1, (0, 100), (0, 100), (0, 100), (150, 1), (160, 1))
    result = run(network([(0, 1, 5000)], [flow], changes=[up, (150, 0, "stop", 0)]))
    assert [(packet.outcome, packet.time_ps) for packet in result.packets.values()] == [
        (DELIVERED, 5100),
        ("link_down", 150),
        ("link_down", 150),
        ("link_down", 150),
        ("link_down", 160),
    ]
    assert result.links[0].dropped["link_down"] == 4
    assert (result.links[0].packets, result.links[0].busy_ps) == (1, 150)


def test_contact_is_half_open():
    changes = [(100, 0, "start", BYTE_PER_PS), (200, 0, "stop", 0)]
    flow = script(0, 1, (99, 1), (100, 1), (198, 1), (199, 1), (200, 1))
    assert fates(network([(0, 1, 0)], [flow], changes=changes)) == [
        ("link_down", 99),
        (DELIVERED, 101),
        (DELIVERED, 199),
        (DELIVERED, 200),
        ("link_down", 200),
    ]


def test_contact_that_starts_where_another_stops_begins_with_an_empty_queue():
    changes = [(0, 0, "start", BYTE_PER_PS), (150, 0, "start", BYTE_PER_PS // 2), (150, 0, "stop", 0)]
    flow = script(0, 1, (0, 100), (0, 100), (0, 100), (150, 100))
    assert fates(network([(0, 1, 0)], [flow], changes=changes)) == [
        (DELIVERED, 100),
        ("link_down", 150),
        ("link_down", 150),
        (DELIVERED, 350),
    ]


def test_rate_change_leaves_the_packet_in_service_alone_and_holds_for_those_that_wait():
    changes = [(0, 0, "start", BYTE_PER_PS), (50, 0, "rate", BYTE_PER_PS // 4), (500, 0, "rate", BYTE_PER_PS)]
    flow = script(0, 1, *[(0, 100)] * 4)
    # The second starts at 100 with the slow rate, the third at 500: the instant of the change back.
    assert fates(network([(0, 1, 0)], [flow], changes=changes)) == [
        (DELIVERED, 100),
        (DELIVERED, 500),
        (DELIVERED, 600),
        (DELIVERED, 700),
    ]


def test_start_and_rate_of_one_instant_end_with_the_rate():
    changes = [(0, 0, "rate", BYTE_PER_PS // 2), (0, 0, "start", BYTE_PER_PS)]
    assert fates(network([(0, 1, 0)], [script(0, 1, (0, 100))], changes=changes)) == [(DELIVERED, 200)]


# ---------------------------------------------------------------------------------------------------- reroute

DIAMOND = [(0, 1, 1000), (0, 2, 2000), (1, 3, 10), (2, 3, 10)]
"""Node 0 reaches 3 over 1 (links 0 and 2) or over 2 (links 1 and 3)."""


def diamond(flows, **more):
    """Node 0 changes from the way over 1 to that over 2 at 150, when link 0 stops."""
    changes = [(0, link, "start", BYTE_PER_PS) for link in range(4)] + [(150, 0, "stop", 0)]
    case = network(DIAMOND, flows, **{"changes": changes, "on_link_down": "reroute", **more})
    over_2 = [row.copy() for row in case.tables[0].link]
    over_2[0][3] = 1
    case.tables.append(Table(over_2, [150, UNLIMITED, UNLIMITED, UNLIMITED]))
    return case


def test_reroute_hands_back_what_was_in_service_then_what_waited_before_anything_else_is_looked_at():
    # At 150, link 1 is idle: it serves the packet that was in service on link 0 from its first byte on,
    # before the packet made at 150.
    case = diamond([script(0, 3, (0, 100), (0, 100), (0, 100), (150, 100))])
    result = run(case)
    starts = [packet.path[0][:3] for packet in result.packets.values()]
    assert starts == [(0, 0, 100), (1, 150, 250), (1, 250, 350), (1, 350, 450)]
    assert [packet.handed_back for packet in result.packets.values()] == [0, 1, 1, 0]
    assert all(packet.hop_limit == 63 for packet in result.packets.values())
    assert result.flows[0].delivered == 4


def test_packets_handed_back_wait_behind_those_that_a_free_transmitter_has_yet_to_take():
    # Link 1 is freed at 150 and has a packet waiting, which is taken in (d), after the hand-back in (c).
    to_2 = script(0, 2, (50, 100), (60, 7))
    to_3 = script(0, 3, (0, 100), (0, 100))
    result = run(diamond([to_3, to_2]))
    assert result.packets[1, 1].path == [(1, 150, 157, 2157)]
    assert result.packets[0, 1].path[0] == (1, 157, 257, 2257)
    # So with room for one it finds the queue full, and is dropped on link 1.
    result = run(diamond([to_3, to_2], queue_packets=[9, 1, 9, 9]))
    lost = result.packets[0, 1]
    assert (lost.outcome, lost.time_ps, lost.node, lost.link) == ("queue", 150, 0, 1)


def test_packets_handed_back_are_ordered_by_link_id_then_queue():
    # Links 2 -> 0 and 2 -> 1 stop at once (ids 1 and 0); all then goes over 2 -> 3 (id 2) to node 4.
    links = [(2, 1, 5), (2, 0, 5), (2, 3, 5), (0, 4, 5), (1, 4, 5), (3, 4, 5)]
    changes = [(0, link, "start", BYTE_PER_PS) for link in range(6)] + [
        (50, 1, "stop", 0),
        (50, 0, "stop", 0),
    ]
    flows = [
        Flow(2, 4, "script", label=label, script=((0, 100), (0, size))) for label, size in ((1, 11), (0, 12))
    ]
    before = [[3, 3], [4, 4], [0, 1], [5, 5], [NONE, NONE]]
    after = [[3, 3], [4, 4], [2, 2], [5, 5], [NONE, NONE]]
    case = network(
        links,
        flows,
        changes=changes,
        on_link_down="reroute",
        tables=[Table(before, [0] * 5), Table(after, [50] * 5)],
    )
    result = run(case)
    order = sorted(result.packets.values(), key=lambda packet: packet.path[0].start_ps)
    assert [(packet.flow, packet.sequence) for packet in order] == [(1, 0), (1, 1), (0, 0), (0, 1)]
    assert [packet.path[0].start_ps for packet in order] == [50, 150, 162, 262]


def test_packet_handed_back_without_another_way_is_dropped_by_the_cause_of_rule_2():
    up = [(0, 0, "start", BYTE_PER_PS), (50, 0, "stop", 0)]
    case = network([(0, 1, 10)], [script(0, 1, (0, 100))], changes=up, on_link_down="reroute")
    assert fates(case) == [("link_down", 50)]
    case.tables.append(Table([[NONE, NONE], [NONE, NONE]], [50, 50]))
    assert fates(case) == [("no_route", 50)]


def test_packet_handed_back_to_a_link_that_starts_again_at_once_is_sent_anew():
    again = [(0, 0, "start", BYTE_PER_PS), (50, 0, "stop", 0), (50, 0, "start", BYTE_PER_PS)]
    case = network([(0, 1, 10)], [script(0, 1, (0, 100), (0, 1))], changes=again, on_link_down="reroute")
    assert fates(case) == [(DELIVERED, 160), (DELIVERED, 161)]


def test_packet_keeps_its_label_when_handed_back_and_under_way():
    # The second table means other destinations by its labels; only packets made under it carry them.
    links = [(0, 1, 100), (1, 0, 100), (1, 2, 100)]
    flow = Flow(0, 2, "script", script=((0, 10), (50, 10)))
    first = Table([[NONE, 0], [1, 2], [NONE, NONE]], [0, 0, 0], [1])
    second = Table([[0, 0], [2, 1], [NONE, NONE]], [50, 105, 0], [0])
    case = network(links, [flow], tables=[first, second], end_ps=100_000)
    result = run(case)
    assert [packet.label for packet in result.packets.values()] == [1, 0]
    # Node 1 sends the first packet back to 0 (label 1 of its new table); that sends it to 1 again.
    assert result.packets[0, 0].outcome == "hop_limit"
    assert result.packets[0, 1].time_ps == 50 + 2 * 110


# --------------------------------------------------------------------------------------- hop limit and tables


def test_hop_limit_is_decremented_at_every_node_reached_but_the_destination():
    links = [(0, 1, 10), (1, 2, 10), (2, 3, 10)]
    for hop_limit, fate in ((1, ("hop_limit", 11)), (2, ("hop_limit", 22)), (3, (DELIVERED, 33))):
        assert fates(network(links, [script(0, 3, (0, 1), hop_limit=hop_limit)])) == [fate]
    result = run(network(links, [script(0, 3, (0, 1), hop_limit=2)]))
    packet = result.packets[0, 0]
    assert (packet.hops, packet.node, packet.link) == (2, 2, NONE)


def test_delivery_comes_before_the_hop_limit():
    assert fates(network([(0, 1, 10)], [script(0, 1, (0, 1), hop_limit=1)])) == [(DELIVERED, 11)]


def test_packet_in_a_loop_crosses_as_many_links_as_its_hop_limit():
    links = [(0, 1, 10), (1, 0, 10)]
    case = network(
        links, [script(0, 2, (0, 1))], n_nodes=3, tables=[Table([[0] * 3, [1] * 3, [NONE] * 3], [0] * 3)]
    )
    result = run(case)
    packet = result.packets[0, 0]
    assert (packet.outcome, packet.hops, packet.time_ps, packet.node) == ("hop_limit", 64, 64 * 11, 0)


def test_node_that_switches_late_follows_the_table_it_has():
    # Everything goes 0 -> 1 -> 3 by the first table; by the second, from 100 on, over node 2.
    links = [*DIAMOND, (1, 0, 1000)]
    first = next_links(links, 4)
    second = [row.copy() for row in first]
    second[0][3], second[1][3] = 1, 4
    flow = script(0, 3, (0, 1), (99, 1), (100, 1))
    punctual = [Table(first, [0] * 4), Table(second, [100] * 4)]
    # The first two are under way to 1 at 100, which sends them back to 0.
    times = [1001 + 1001 + 2001 + 11, 99 + 1001 + 1001 + 2001 + 11, 100 + 2001 + 11]
    assert [time for _, time in fates(network(links, [flow], tables=punctual))] == times
    late_1 = [Table(first, [0] * 4), Table(second, [100, 1100, 100, 100])]
    # Node 1 switches at 1100: the packet that arrives at 1100 meets the new table, that of 1001 the old one.
    times[0] = 1001 + 11
    assert [time for _, time in fates(network(links, [flow], tables=late_1))] == times


def test_table_that_switches_after_the_next_one_replaces_it():
    tables = [
        Table([[0], [NONE], [NONE]], [0, 0, 0]),
        Table([[NONE], [NONE], [NONE]], [30, 0, 0]),
        Table([[1], [NONE], [NONE]], [20, 0, 0]),
    ]
    flow = Flow(0, 2, "script", script=((0, 1), (20, 1), (30, 1)), label=0)
    case = network([(0, 1, 5), (0, 2, 5)], [flow], tables=tables)
    assert fates(case) == [("no_route", 6), (DELIVERED, 26), ("no_route", 30)]


def test_later_of_two_tables_that_switch_at_one_instant_stays():
    tables = [Table([[NONE], [NONE]], [0, 0]), Table([[0], [NONE]], [0, 0])]
    flow = Flow(0, 1, "script", script=((0, 1),), label=0)
    assert fates(network([(0, 1, 5)], [flow], tables=tables)) == [(DELIVERED, 6)]
    assert fates(network([(0, 1, 5)], [flow], tables=tables[::-1])) == [("no_route", 0)]


def test_node_without_a_table_has_no_route():
    case = network([(0, 1, 5)], [script(0, 1, (0, 1), (9, 1))])
    case.tables[0].switch_ps = [9, 0]
    assert fates(case) == [("no_route", 0), (DELIVERED, 15)]


# ---------------------------------------------------------------------------------------- order in an instant


def test_arrivals_of_one_instant_go_by_sending_row_then_own_packets_by_flow_row():
    # Nodes 3, 1 and 2 send to 4 over 0; all arrive at 110, when node 0 makes packets itself.
    links = [(3, 0, 100), (1, 0, 100), (2, 0, 100), (0, 4, 0)]
    flows = (
        [script(0, 4, (110, 10))]
        + [script(node, 4, (0, 10)) for node in (3, 2, 1)]
        + [script(0, 4, (110, 10))]
    )
    result = run(network(links, flows))
    assert [result.packets[flow, 0].path[-1].start_ps for flow in range(5)] == [140, 130, 120, 110, 150]


def test_arrival_comes_before_an_own_packet_when_one_place_is_left():
    links = [(1, 0, 90), (0, 2, 0)]
    flows = [script(0, 2, (0, 500), (100, 10)), script(1, 2, (0, 10))]
    result = run(network(links, flows, queue_packets=[9, 1]))
    assert result.packets[0, 1].outcome == "queue"
    assert result.packets[1, 0].outcome == DELIVERED


def test_free_transmitter_takes_the_next_packet_before_arrivals_are_looked_at():
    # At 100: the waiting packet is taken in (d), so the arrival finds the only place free.
    links = [(1, 0, 90), (0, 2, 0)]
    flows = [script(0, 2, (0, 100), (0, 7)), script(1, 2, (0, 10))]
    result = run(network(links, flows, queue_packets=[9, 1]))
    assert result.packets[1, 0].path[1] == (1, 107, 117, 117)


def test_packet_arriving_when_its_next_link_stops_or_starts_sees_the_change():
    links = [(0, 1, 90), (1, 2, 5)]
    flows = [script(0, 2, (0, 10))]
    up = [(0, 0, "start", BYTE_PER_PS), (0, 1, "start", BYTE_PER_PS)]
    assert fates(network(links, flows, changes=[*up, (100, 1, "stop", 0)])) == [("link_down", 100)]
    late = [up[0], (100, 1, "start", BYTE_PER_PS)]
    assert fates(network(links, flows, changes=late)) == [(DELIVERED, 115)]


def test_packet_over_zero_range_arrives_when_it_leaves_and_goes_on_at_that_instant():
    links = [(0, 1, 0), (1, 2, 0), (2, 3, 0)]
    result = run(network(links, [script(0, 3, (0, 10), (0, 10))]))
    assert result.packets[0, 0].path == [(0, 0, 10, 10), (1, 10, 20, 20), (2, 20, 30, 30)]
    assert result.packets[0, 1].time_ps == 40


# ------------------------------------------------------------------------------------------------------ range


def test_delay_is_linear_within_a_step_and_belongs_to_the_step_that_ends_with_it():
    case = network([(0, 1, 0)], [], steps=[Step(0, 100, [1000], [2000]), Step(100, 10**6, [500], [501])])
    assert [delay_ps(case, 0, t) for t in (1, 50, 99, 100, 101)] == [1010, 1500, 1990, 2000, 500]
    # 1000 * (1 / 3) is below the third of 1000 that exact numbers would give; floor keeps 333.
    case = network([(0, 1, 0)], [], steps=[Step(0, 3, [0], [1000]), Step(3, 10**6, [0], [0])])
    assert [delay_ps(case, 0, t) for t in (1, 2, 3)] == [333, 666, 1000]


def test_packet_never_arrives_before_the_one_ahead_when_the_range_jumps():
    steps = [Step(0, 100, [5000], [5000]), Step(100, 10**6, [10], [10])]
    flow = script(0, 1, (0, 100), (0, 50), (0, 60), (6000, 1))
    result = run(network([(0, 1, 0)], [flow], steps=steps))
    assert [packet.time_ps for packet in result.packets.values()] == [5100, 5100, 5100, 6011]


def test_order_on_a_link_is_kept_across_contacts():
    steps = [Step(0, 100, [5000], [5000]), Step(100, 10**6, [10], [10])]
    changes = [(0, 0, "start", BYTE_PER_PS), (100, 0, "stop", 0), (200, 0, "start", BYTE_PER_PS)]
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (200, 1))], steps=steps, changes=changes)
    assert fates(case) == [(DELIVERED, 5100), (DELIVERED, 5100)]


# --------------------------------------------------------------------------------------- counters and the end


def test_reordered_packets_are_those_below_the_greatest_sequence_delivered():
    # Packet 0 takes the long way; from 50 on, packets take the short one.
    case = diamond([script(0, 3, (0, 10), (1, 10), (200, 10), (201, 10), (3500, 10))], changes=None)
    case.changes = [(0, link, "start", BYTE_PER_PS) for link in range(4)]
    case.tables.reverse()
    case.tables[0].switch_ps, case.tables[1].switch_ps = [0] * 4, [100] * 4
    result = run(case)
    times = [packet.time_ps for packet in result.packets.values()]
    assert times == [2030, 2040, 1230, 1240, 4530]
    flow = result.flows[0]
    assert flow.reordered == 2
    jitter = 0.0
    for difference in (9, 991, 9, 1009):  # latencies in order of delivery: 1030, 1039, 2030, 2039, 1030
        jitter += (difference - jitter) / 16.0
    assert flow.jitter_ps == jitter
    assert (flow.hops_sum, flow.latency_min_ps, flow.latency_max_ps) == (10, 1030, 2039)


def test_last_bit_that_leaves_at_the_end_of_the_run_is_counted_and_its_packet_in_flight():
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (0, 100), (0, 100))], end_ps=200)
    result = run(case)
    assert [packet.outcome for packet in result.packets.values()] == [DELIVERED, IN_FLIGHT, IN_FLIGHT]
    assert (result.links[0].packets, result.links[0].busy_ps) == (2, 200)
    result = run(replace(case, end_ps=199))
    assert (result.links[0].packets, result.links[0].busy_ps) == (1, 199)


def test_nothing_is_made_at_the_stop_of_a_flow_or_the_end_of_the_run():
    flow = script(0, 1, (0, 1), (10, 1), (20, 1), (30, 1), stop_ps=20)
    assert len(fates(network([(0, 1, 0)], [flow]))) == 2
    assert len(fates(network([(0, 1, 0)], [replace(flow, stop_ps=UNLIMITED)], end_ps=30))) == 3
