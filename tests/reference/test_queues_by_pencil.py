"""The reference simulator against cases worked by pencil: ECN marks, CoDel, strict priority."""

from tests.reference.case import CODEL, ECN_THRESHOLD
from tests.reference.packet_simulator import DELIVERED
from tests.reference.test_packet_simulator import BYTE_PER_PS, diamond, fates, network, run, script


def marks(result, flow=0):
    return [packet.sequence for packet in result.packets.values() if packet.flow == flow and packet.ce]


def early(result, flow=0):
    packets = [packet for packet in result.packets.values() if packet.flow == flow]
    return [(packet.sequence, packet.time_ps) for packet in packets if packet.outcome == "early"]


# -------------------------------------------------------------------------------------------------- threshold


def test_packet_is_marked_when_more_packets_wait_before_it_than_the_threshold():
    # One is in service; the others find 0, 1, 2 and 3 waiting.
    case = network([(0, 1, 5)], [script(0, 1, *[(0, 100)] * 5, ecn=True)], discipline=[ECN_THRESHOLD])
    result = run(case)
    assert marks(result) == []
    case.mark_packets = [1]
    result = run(case)
    assert marks(result) == [3, 4]
    assert (result.links[0].marked, result.flows[0].marked, result.flows[0].delivered) == (2, 2, 5)


def test_bytes_that_wait_mark_too():
    case = network([(0, 1, 5)], [script(0, 1, *[(0, 100)] * 5, ecn=True)], discipline=[ECN_THRESHOLD])
    case.mark_bytes = [200]
    assert marks(run(case)) == [4]
    case.mark_bytes = [199]
    assert marks(run(case)) == [3, 4]


def test_packet_that_is_served_at_once_or_cannot_carry_a_mark_or_does_not_fit_is_not_marked():
    flows = [script(0, 1, (0, 100), (0, 100), (0, 100), ecn=True), script(0, 1, (0, 100), (0, 100))]
    case = network([(0, 1, 5)], flows, discipline=[ECN_THRESHOLD], mark_packets=[0], queue_packets=[3])
    result = run(case)
    assert (marks(result, 0), marks(result, 1)) == ([2], [])
    assert [packet.outcome for packet in result.packets.values()] == [DELIVERED] * 4 + ["queue"]
    assert result.links[0].marked == 1


def test_packet_that_carries_a_mark_counts_where_it_would_be_marked_again():
    links = [(0, 1, 0), (1, 2, 0)]
    flow = script(0, 2, *[(0, 100)] * 4, ecn=True)
    case = network(links, [flow], discipline=[ECN_THRESHOLD] * 2, mark_packets=[1, 0])
    case.changes[1] = (0, 1, "start", BYTE_PER_PS // 10)
    result = run(case)
    # On link 0 packet 3 finds two waiting. On link 1 packets 2 and 3 find one and two waiting.
    assert marks(result) == [2, 3]
    assert result.flows[0].marked == 2
    assert [link.marked for link in result.links] == [1, 2]


# ------------------------------------------------------------------------------------------------------ CoDel


def codel_case(flows, **more):
    return network([(0, 1, 5)], flows, discipline=[CODEL], codel=[(100, 1000, 0)], **more)


def test_codel_drops_after_an_interval_above_the_target_and_then_ever_sooner():
    # All made at 0, taken every 100 ps. At 100 the first wait of 100 ps is seen, so 11 is dropped at 1100,
    # then one each at the first take at or after 2100, 2100 + 707 = 2807, 2807 + 577 = 3384. The last one,
    # taken at 3500, leaves an empty list.
    result = run(codel_case([script(0, 1, *[(0, 100)] * 40)]))
    assert early(result) == [(11, 1100), (22, 2100), (31, 2900), (37, 3400)]
    starts = {packet.sequence: packet.path[0].start_ps for packet in result.packets.values() if packet.path}
    assert [starts[k] for k in (10, 12, 21, 23, 30, 32, 36, 38, 39)] == [
        *(1000, 1100, 2000, 2100, 2800, 2900, 3300, 3400, 3500)
    ]
    assert result.links[0].dropped["early"] == 4
    assert {
        (packet.node, packet.link) for packet in result.packets.values() if packet.outcome == "early"
    } == {(0, 0)}


def test_codel_that_drops_again_soon_goes_on_at_nearly_the_pace_at_which_it_ended():
    # The first 40 end with count 4 and last count 1, next drop at 3384 + 500 = 3884. Of those made at 3600,
    # the first is served at once; number 11 is taken at 4700, an interval after the first wait of 100 ps.
    # It resumes with count 3: 4700 + 577 = 5277, then 5277 + 500 = 5777; number 25 is the last.
    packets = [(0, 100)] * 40 + [(3600, 100)] * 26
    result = run(codel_case([script(0, 1, *packets)]))
    assert early(result)[4:] == [(40 + 11, 4700), (40 + 18, 5300), (40 + 24, 5800)]


def test_codel_that_drops_again_late_starts_anew():
    # Sixteen intervals after 3884: the first drop is followed by one after a whole interval.
    packets = [(0, 100)] * 40 + [(20_000, 100)] * 26
    result = run(codel_case([script(0, 1, *packets)]))
    assert early(result)[4:] == [(40 + 11, 21_100), (40 + 22, 22_100)]


def test_codel_marks_instead_where_it_may():
    # Nothing is lost, so packet k is taken at 100 k.
    result = run(codel_case([script(0, 1, *[(0, 100)] * 36, ecn=True)]))
    assert marks(result) == [11, 21, 29, 34]
    assert result.links[0].marked == result.flows[0].marked == 4
    assert result.flows[0].delivered == 36


def test_codel_leaves_a_list_alone_that_holds_few_bytes():
    case = codel_case([script(0, 1, *[(0, 100)] * 40)])
    case.codel = [(100, 1000, 1700)]
    # When 22 is taken at 2100, 17 are behind it, and ever fewer behind those that follow.
    assert early(run(case)) == [(11, 1100)]
    case.codel = [(100, 1000, 1699)]
    assert early(run(case)) == [(11, 1100), (22, 2100)]


def test_codel_forgets_everything_when_a_contact_begins():
    changes = [(0, 0, "start", BYTE_PER_PS), (1050, 0, "stop", 0), (1050, 0, "start", BYTE_PER_PS)]
    case = codel_case([script(0, 1, *[(0, 100)] * 12, *[(1050, 100)] * 14)], changes=changes)
    # 1050 is served at once; the first wait of 100 ps ends at 1150, so the first drop is due at 2150.
    assert early(run(case)) == [(12 + 11, 2150)]


# --------------------------------------------------------------------------------------------------- priority


def test_more_urgent_packets_go_first_and_interrupt_nothing():
    flows = [
        script(0, 1, (0, 100), (0, 100)),
        script(0, 1, (0, 100), (50, 100), traffic_class=7),
        script(0, 1, (0, 100), traffic_class=1),
    ]
    case = network([(0, 1, 0)], flows, classes=[3])
    assert fates(case, 0) == [(DELIVERED, 100), (DELIVERED, 500)]
    assert fates(case, 1) == [(DELIVERED, 200), (DELIVERED, 300)]
    assert fates(case, 2) == [(DELIVERED, 400)]
    # In two lists, classes 1 and 7 are alike: the one of row 2 has joined before that of 50.
    case.classes = [2]
    assert fates(case, 1) == [(DELIVERED, 200), (DELIVERED, 400)]
    assert fates(case, 2) == [(DELIVERED, 300)]


def test_each_list_has_limits_of_its_own():
    flows = [
        script(0, 1, (0, 100), (0, 100), (0, 100)),
        script(0, 1, (0, 100), (50, 100), traffic_class=7),
        script(0, 1, (0, 100), traffic_class=1),
    ]
    case = network([(0, 1, 0)], flows, classes=[3], queue_packets=[1])
    result = run(case)
    assert [
        (packet.flow, packet.sequence) for packet in result.packets.values() if packet.outcome == "queue"
    ] == [
        (0, 2),
        (1, 1),
    ]
    assert result.links[0].queue_max_bytes == 300


def test_packets_that_stay_behind_are_handed_back_most_urgent_first_after_that_in_service():
    flows = [script(0, 3, (100, 100), (100, 10)), script(0, 3, (100, 20), traffic_class=5)]
    result = run(diamond(flows, classes=[8, 1, 1, 1]))
    starts = {(packet.flow, packet.sequence): packet.path[0][:2] for packet in result.packets.values()}
    assert starts == {(0, 0): (1, 150), (1, 0): (1, 250), (0, 1): (1, 270)}
