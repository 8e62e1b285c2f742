"""The reference simulator against cases worked by pencil: on/off flows, requests, bulk transfers."""

import itertools
import math

import pytest

from tests.reference.arithmetic import ON_OFF, SERVICE, draw, unit
from tests.reference.case import NEVER, NONE, UNLIMITED, Flow, Pool
from tests.reference.packet_simulator import DELIVERED
from tests.reference.results import fates as counted_fates
from tests.reference.sources import packets_of_flow
from tests.reference.test_packet_simulator import BYTE_PER_PS, fates, network, run, script

THERE_AND_BACK = [(0, 1, 10), (1, 0, 10)]

# ----------------------------------------------------------------------------------------------- on/off flows


def on_off(size, **more):
    return Flow(0, 1, "on-off", BYTE_PER_PS, ((size, 1),), label=1, on_ps=300.0, off_ps=100.0, **more)


@pytest.mark.parametrize("size", [1, 7, 90])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_off_flow_sends_by_a_clock_that_runs_only_in_its_on_periods(size, seed):
    case = network([(0, 1, 0)], [on_off(size, start_ps=50, phase_ps=20)], seed=seed, end_ps=10_000)
    u = [unit(draw(seed, ON_OFF, 0, j)) for j in range(200)]
    is_on, period, left_ps = u[0] < 0.75, 0, 0
    expected, clock_ps, due_ps = [], 0, 20
    for time_ps in range(50, 10_000):  # one picosecond at a time
        if left_ps == 0:
            is_on = is_on if period == 0 else not is_on
            period += 1
            left_ps = max(1, round(-math.log(u[period]) * (300.0 if is_on else 100.0)))
        if is_on:
            if clock_ps == due_ps:
                expected.append(time_ps)
                due_ps += size
            clock_ps += 1
        left_ps -= 1
    sent = [time_ps for time_ps, _ in itertools.islice(packets_of_flow(case, 0), len(expected))]
    assert sent == expected
    assert len(expected) > 50
    assert [packet.sent_ps for packet in run(case).packets.values()] == expected


def test_on_off_flow_sends_the_share_of_its_rate_in_which_it_is_on():
    case = network([(0, 1, 0)], [on_off(100)], end_ps=4_000_000)
    sent = sum(1 for _ in itertools.takewhile(lambda packet: packet[0] < 4_000_000, packets_of_flow(case, 0)))
    # 10,000 cycles of 400 ps: a standard deviation of the share of about sqrt(2 / 10,000) * 0.75 * 0.25.
    assert abs(sent / 40_000 - 0.75) < 5 * 0.0027


# --------------------------------------------------------------------------------------------------- requests


def asking(times, pool, **more):
    """Requests of 10 bytes from 0 to 1, replied to by 25 bytes in packets of 10."""
    settings = {"reply": 1, "pool": 0, "reply_bytes": 25, "reply_packet_bytes": 10, **more}
    request = script(0, 1, *[(time_ps, 10) for time_ps in times], **settings)
    reply = Flow(1, 0, "reply", sizes=((10, 1),), label=0)
    return network(THERE_AND_BACK, [request, reply], pools=[pool])


def test_two_servers_serve_requests_in_order_and_refuse_what_finds_the_queue_full():
    # They arrive at 20, 30, 40, 50 and 60; service goes 20-120, 30-130, 120-220, 130-230.
    result = run(asking([0, 10, 20, 30, 40], Pool(1, 2, "constant", 100.0, 2)))
    pool = result.pools[0]
    assert (pool.arrived, pool.refused, pool.served, pool.waited) == (5, 1, 4, 2)
    assert (pool.wait_sum_ps, pool.busy_ps) == (80 + 80, 400)
    replies = [packet for packet in result.packets.values() if packet.flow == 1]
    assert [packet.sequence for packet in replies] == list(range(12))
    assert [packet.size for packet in replies] == [10, 10, 5] * 4
    assert [packet.sent_ps for packet in replies] == [120] * 3 + [130] * 3 + [220] * 3 + [230] * 3
    assert [packet.created_ps for packet in replies] == [0] * 3 + [10] * 3 + [20] * 3 + [30] * 3
    # Those of 130 wait until 145 for those of 120, those of 230 until 245.
    times = [140, 150, 155, 165, 175, 180, 240, 250, 255, 265, 275, 280]
    assert [packet.time_ps for packet in replies] == times
    flow = result.flows[1]
    assert (flow.sent, flow.bytes_sent, flow.delivered) == (12, 100, 12)
    assert flow.latency_sum_ps == sum(times) - 3 * (0 + 10 + 20 + 30)


def test_request_that_arrives_when_a_server_becomes_free_is_served_at_once():
    result = run(asking([0, 100, 199], Pool(1, 1, "constant", 100.0, 0)))
    # Arrive at 20, 120 and 219, when the second is still served until 220.
    assert (result.pools[0].served, result.pools[0].refused, result.pools[0].waited) == (2, 1, 0)


def test_service_that_ends_at_the_end_of_the_run_is_not_over():
    case = asking([0], Pool(1, 1, "constant", 100.0))
    for end_ps, served in ((120, 0), (121, 1)):
        case.end_ps = end_ps
        result = run(case)
        assert (result.pools[0].served, result.flows[1].sent) == (served, 3 * served)
        assert result.pools[0].busy_ps == 100


def test_exponential_service_is_drawn_by_flow_and_sequence():
    result = run(asking([0, 10_000], Pool(1, 1, "exponential", 100.0)))
    sent = [packet.sent_ps for packet in result.packets.values() if packet.flow == 1]
    lasts = [round(-math.log(unit(draw(1, SERVICE, 0, k))) * 100.0) for k in (0, 1)]
    assert lasts[0] != lasts[1]
    assert sent == [20 + lasts[0]] * 3 + [10_020 + lasts[1]] * 3


# --------------------------------------------------------------------------------------------- bulk transfers


def transfer(**more):
    """25 bytes in segments of 10, 10 and 5 from 0 to 1, paced 10, 10 and 5 ps; acks of 4 bytes."""
    settings = {"total_bytes": 25, "window": 10, "timeout_min_ps": 50, "timeout_first_ps": 1000, **more}
    flow = Flow(0, 1, "bulk", BYTE_PER_PS, ((10, 1),), label=1, reply=1, reply_bytes=4, **settings)
    return network(THERE_AND_BACK, [flow, Flow(1, 0, "ack", sizes=((4, 1),), label=0)])


def transmissions(result):
    return [(packet.sequence, packet.sent_ps) for packet in result.packets.values() if packet.flow == 0]


def test_transfer_without_loss_is_paced_and_acknowledged():
    result = run(transfer())
    assert transmissions(result) == [(0, 0), (1, 10), (2, 20)]
    flow, acks = result.flows
    assert (flow.sent, flow.unique_packets, flow.unique_bytes, flow.duplicates) == (3, 3, 25, 0)
    assert (flow.complete_ps, flow.done_ps) == (35, 49)
    assert (acks.sent, acks.delivered, acks.latency_sum_ps) == (3, 3, 34 + 34 + 29)


def test_lost_segment_is_sent_again_after_the_timeout_in_force():
    # Segment 1 is cut off at 15. Acks of 0 and 2 arrive at 34 and 49: round trips of 34 and 29 ps make
    # srtt 34, var 17, then var (51 + 5) // 4 = 14, srtt (238 + 29) // 8 = 33, so the time-out is 33 + 56.
    case = transfer()
    case.changes += [(15, 0, "stop", 0), (18, 0, "start", BYTE_PER_PS)]
    result = run(case)
    assert transmissions(result) == [(0, 0), (1, 10), (2, 20), (1, 99)]
    flow, acks = result.flows
    assert (flow.sent, flow.delivered, flow.dropped["link_down"], flow.reordered) == (4, 3, 1, 1)
    assert (flow.unique_packets, flow.duplicates, flow.complete_ps, flow.done_ps) == (3, 0, 119, 133)
    assert acks.latency_sum_ps == 34 + 29 + 34
    assert counted_fates(result) == {
        (0, 0, 0, DELIVERED, 20): 1,
        (0, 1, 10, "link_down", 15): 1,
        (0, 2, 20, DELIVERED, 35): 1,
        (0, 1, 99, DELIVERED, 119): 1,
        (1, 0, 0, DELIVERED, 34): 1,
        (1, 2, 20, DELIVERED, 49): 1,
        (1, 1, 99, DELIVERED, 133): 1,
    }


def test_timeout_never_falls_below_its_least():
    case = transfer(timeout_min_ps=200)
    case.changes += [(15, 0, "stop", 0), (18, 0, "start", BYTE_PER_PS)]
    assert transmissions(run(case))[-1] == (1, 210)


def test_timeout_that_shrinks_below_what_has_passed_strikes_at_once():
    # Segments of 10 and 1 bytes, paced 80 and 8 ps. The first is cut off at 5. The ack of the second, sent
    # at 80, is there at 105: a round trip of 25 ps makes the time-out 25 + 4 * 12, and 73 has passed.
    case = transfer(total_bytes=11)
    case.flows[0].rate_bps = BYTE_PER_PS // 8
    case.changes += [(5, 0, "stop", 0), (7, 0, "start", BYTE_PER_PS)]
    assert transmissions(run(case)) == [(0, 0), (1, 80), (0, 105)]


def test_window_holds_back_new_segments_until_the_lowest_is_acknowledged():
    assert transmissions(run(transfer(window=1))) == [(0, 0), (1, 34), (2, 68)]
    assert transmissions(run(transfer(window=2))) == [(0, 0), (1, 10), (2, 34)]


def test_timeout_before_the_acknowledgement_makes_a_duplicate():
    # 0 is sent again at 20; its first ack is there at 34, and with it the time-out of 102.
    result = run(transfer(window=1, timeout_first_ps=20))
    assert transmissions(result) == [(0, 0), (0, 20), (1, 34), (2, 68)]
    flow, acks = result.flows
    assert (flow.delivered, flow.duplicates, flow.unique_bytes, flow.done_ps) == (4, 1, 25, 97)
    assert acks.sent == 4
    assert sorted(key for key in result.packets if key[0] == 0) == [(0, 0), (0, 0, 1), (0, 1), (0, 2)]


def test_resends_go_before_new_segments():
    # Time-outs of 10 ps: at each instant of pacing the oldest is due before anything new is sent.
    result = run(transfer(timeout_first_ps=10))
    assert transmissions(result)[:4] == [(0, 0), (0, 10), (0, 20), (0, 30)]


def test_transfer_sends_nothing_from_its_stop_on():
    result = run(transfer(stop_ps=20))
    assert transmissions(result) == [(0, 0), (1, 10)]
    assert (result.flows[0].complete_ps, result.flows[0].done_ps) == (NEVER, NEVER)


def test_answers_take_the_label_of_their_own_row():
    case = transfer(stop_ps=5000)
    case.tables[0].label_of_flow = [1, 1]  # no link leads from 1 to 1
    result = run(case)
    assert {packet.outcome for packet in result.packets.values() if packet.flow == 1} == {"no_route"}
    assert result.flows[0].done_ps == NEVER
    assert result.flows[0].complete_ps == 35
    assert case.flows[1].reply == NONE and case.flows[1].stop_ps == UNLIMITED
    assert fates(case, 1)[0] == ("no_route", 20)
