"""The reference simulator against cases worked by pencil: trains."""

import pytest

from tests.reference.case import Flow
from tests.reference.packet_simulator import DELIVERED, IN_FLIGHT
from tests.reference.results import ends
from tests.reference.results import fates as counted_fates
from tests.reference.test_packet_simulator import BYTE_PER_PS, network, run, script


def train_of_4(destination, **more):
    """Packets of 10 bytes (10 ps of a link) every 20 ps, from 0 to 60 if they stop at 80."""
    settings = {"label": destination, "train": 4, "stop_ps": 80, **more}
    return Flow(0, destination, "constant", BYTE_PER_PS // 2, ((10, 1),), **settings)


def entries(result):
    return {
        key: (packet.count, packet.outcome, packet.time_ps, packet.tail_ps)
        for key, packet in result.packets.items()
    }


def test_train_moves_on_with_its_head_and_is_in_with_its_tail():
    # Link 0: head 0-10, last bit 60 + 10; over 100 ps. Link 1: head 110-120, last bit 170 + 10; over 5 ps.
    result = run(network([(0, 1, 100), (1, 2, 5)], [train_of_4(2)]))
    train = result.packets[0, 0]
    assert train.path == [(0, 0, 10, 110), (1, 110, 120, 125)]
    assert train.tails == [(70, 170), (180, 185)]
    assert entries(result) == {(0, 0): (4, DELIVERED, 125, 185)}
    flow = result.flows[0]
    assert (flow.sent, flow.delivered, flow.bytes_delivered, flow.hops_sum) == (4, 4, 40, 8)
    # The last packet was made at 60.
    assert (flow.latency_min_ps, flow.latency_max_ps, flow.latency_sum_ps) == (125, 125, 500)
    assert [(link.packets, link.bytes, link.busy_ps) for link in result.links] == [(4, 40, 40), (4, 40, 40)]


def test_train_back_to_back_leaves_at_the_rate_of_the_link():
    # Made at 0, 3, 5 and 8 for a link on which each takes 20 ps.
    flow = train_of_4(1, stop_ps=10)
    flow.rate_bps = 4 * BYTE_PER_PS
    result = run(network([(0, 1, 100)], [flow], changes=[(0, 0, "start", BYTE_PER_PS // 2)]))
    assert entries(result) == {(0, 0): (4, DELIVERED, 120, 180)}


def test_last_train_is_as_short_as_the_stop_makes_it():
    result = run(network([(0, 1, 100)], [train_of_4(1, stop_ps=121)]))
    assert [(key, packet.count, packet.sent_ps) for key, packet in result.packets.items()] == [
        ((0, 0), 4, 0),
        ((0, 4), 3, 80),
    ]
    assert result.flows[0].sent == 7
    result = run(network([(0, 1, 100)], [train_of_4(1, stop_ps=10**6)], end_ps=60))
    assert result.packets[0, 0].count == 3


@pytest.mark.parametrize("on_link_down", ["drop", "reroute"])
@pytest.mark.parametrize(("stop_ps", "n_left"), [(10, 1), (29, 1), (30, 2), (50, 3), (69, 3)])
def test_end_of_a_contact_cuts_off_what_has_not_left(on_link_down, stop_ps, n_left):
    # The head leaves at 10, the last bit would at 70: 1 + floor(3 * (stop - 10) / 60) packets leave.
    changes = [(0, 0, "start", BYTE_PER_PS), (stop_ps, 0, "stop", 0)]
    result = run(network([(0, 1, 100)], [train_of_4(1)], changes=changes, on_link_down=on_link_down))
    assert counted_fates(result) == {
        (0, 0, 0, DELIVERED, 110): 1,
        (0, n_left, 0, "link_down", stop_ps): 1,
    }
    assert [packet.count for packet in result.packets.values()] == [n_left, 4 - n_left]
    assert result.packets[0, 0].tail_ps == 100 + stop_ps
    flow, link = result.flows[0], result.links[0]
    assert flow.latency_min_ps == 100 + stop_ps - 20 * (n_left - 1)
    assert (link.packets, link.dropped["link_down"], link.busy_ps) == (n_left, 4 - n_left, 10 * n_left)


def test_train_whose_head_has_not_left_stays_behind_as_a_whole():
    changes = [(0, 0, "start", BYTE_PER_PS), (9, 0, "stop", 0)]
    case = network([(0, 1, 100)], [train_of_4(1)], changes=changes)
    assert {(count, *fate[:2]) for count, *fate in entries(run(case)).values()} == {(4, "link_down", 9)}
    case.on_link_down = "reroute"
    case.changes.append((9, 0, "start", BYTE_PER_PS))
    # Served anew from 9 on: head until 19, last bit at 60 + 10.
    assert run(case).packets[0, 0].path == [(0, 9, 19, 119)]
    assert run(case).packets[0, 0].tails == [(70, 170)]


def test_end_of_a_contact_that_the_train_just_makes_cuts_nothing():
    changes = [(0, 0, "start", BYTE_PER_PS), (70, 0, "stop", 0)]
    result = run(network([(0, 1, 100)], [train_of_4(1)], changes=changes))
    assert entries(result) == {(0, 0): (4, DELIVERED, 110, 170)}


def test_as_many_packets_join_as_fit_and_the_tail_follows_in_proportion():
    flows = [script(0, 1, (0, 1000)), train_of_4(1)]
    for limits in ({"queue_packets": [2]}, {"queue_bytes": [29]}):
        result = run(network([(0, 1, 100)], flows, **limits))
        # Two of them, made at 0 and 20, leave from 1000 to 1020.
        assert entries(result) == {
            (0, 0): (1, DELIVERED, 1100, 1100),
            (1, 0): (2, DELIVERED, 1110, 1120),
            (1, 2): (2, "queue", 0, 60),
        }
        assert result.flows[1].latency_sum_ps == 2 * (1120 - 20)
        assert (result.links[0].dropped["queue"], result.links[0].queue_max_bytes) == (2, 20)


def test_shortened_train_is_gone_sooner():
    # 0 is in service until 5, so the train waits; three fit: the last of them is there at 60 * 2 // 3 = 40.
    flows = [script(0, 1, (0, 5)), train_of_4(1)]
    result = run(network([(0, 1, 100)], flows, queue_packets=[3]))
    assert result.packets[1, 0].tails == [(50, 150)]


def test_train_is_corrupted_as_a_whole():
    result = run(network([(0, 1, 100)], [train_of_4(1)], bit_error_rate=[0.9]))
    assert counted_fates(result) == {(0, 0, 0, "bit_error", 110): 1}
    assert result.links[0].dropped["bit_error"] == result.flows[0].dropped["bit_error"] == 4


def test_train_acts_at_a_node_as_one():
    case = network([(0, 1, 100), (1, 2, 5)], [train_of_4(2, hop_limit=1)], processing_ps=[0, 7, 0])
    result = run(case)
    assert counted_fates(result) == {(0, 0, 0, "hop_limit", 117): 1}
    assert result.flows[0].dropped["hop_limit"] == 4


def test_train_whose_tail_is_not_in_before_the_end_is_in_flight():
    case = network([(0, 1, 100)], [train_of_4(1)], end_ps=170)
    assert run(case).packets[0, 0].outcome == IN_FLIGHT
    assert run(case).flows[0].in_flight == 4
    case.end_ps = 171
    case.steps[0].t1_ps = 171
    assert run(case).flows[0].delivered == 4


def test_train_of_a_script_counts_latency_from_its_own_last_packet():
    # Packets of 10 bytes from 0 to 60, then two from 100 to 107, one of which waits for the other.
    flow = script(0, 1, (0, 10, 4, 60), (100, 10, 2, 107), (200, 10))
    result = run(network([(0, 1, 100)], [flow]))
    assert entries(result) == {
        (0, 0): (4, DELIVERED, 110, 170),
        (0, 4): (2, DELIVERED, 210, 220),
        (0, 6): (1, DELIVERED, 310, 310),
    }
    totals = result.flows[0]
    assert (totals.sent, totals.bytes_sent) == (7, 70)
    assert totals.latency_sum_ps == 4 * (170 - 60) + 2 * (220 - 107) + 110
    assert ends(result, {0}) == [
        (170, 0, 0, 4, DELIVERED, 1),
        (220, 0, 4, 2, DELIVERED, 1),
        (310, 0, 6, 1, DELIVERED, 1),
    ]
    assert ends(result, set()) == []


def test_last_packet_of_a_scripts_train_that_is_cut_was_made_in_proportion():
    flows = [script(0, 1, (0, 1000)), script(0, 1, (0, 10, 4, 63))]
    result = run(network([(0, 1, 100)], flows, queue_packets=[3]))
    # Three packets, made at 0, 21 and 42, leave from 1000 to 1030.
    assert entries(result)[1, 0] == (3, DELIVERED, 1110, 1130)
    assert result.flows[1].latency_sum_ps == 3 * (1130 - 42)
    assert ends(result, {1}) == [(0, 1, 3, 1, "queue", 0), (1130, 1, 0, 3, DELIVERED, 1)]
