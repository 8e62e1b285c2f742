"""Bundles by pencil: 8 Mbit/s is a byte per microsecond, nodes act 1 ms after they learn (bundle model)."""

import numpy as np
import pytest

from lasermesh.bundles.pairs import pairs_of
from lasermesh.packets.causes import BIT_ERROR, QUEUE
from lasermesh.units import NEVER
from tests.bundles.fake_links import World, arrives, finished_s, flow, ps, store
from tests.dtn.plans import graph_of_plan, plan_of

ONE_HOP = [(0, 1, 0, 100, 0.25)]
TWO_HOPS = [(0, 1, 0, 100, 0.25), (1, 2, 5, 100, 0.5)]


def test_a_bundle_arrives_after_handling_its_bytes_and_the_light_time():
    world = World(ONE_HOP, [flow(0, 1, 10_000)])
    (bundle,) = world.run()
    assert bundle.finished_ps == bundle.predicted_ps == ps(0.001 + 0.010 + 0.25)
    assert (bundle.state, bundle.hops, bundle.sent_bytes, bundle.resent_bytes) == ("delivered", 1, 10_000, 0)
    (stay,) = world.stays()
    # Its node forgets it once it knows: after the light time back, and 1 ms.
    assert (stay.began_ps, stay.arrived_ps, stay.left_ps) == (ps(0.001), ps(0.261), ps(0.512))
    assert (stay.outcome, stay.attempts, stay.next_node) == ("forwarded", 1, 1)


def test_framing_counts_on_the_wire_and_the_last_segment_has_28_bytes_at_least():
    world = World(ONE_HOP, [flow(0, 1, 2_005)], framing=100)
    (bundle,) = world.run()
    assert bundle.finished_ps == bundle.predicted_ps == ps(0.001 + 0.0011 * 2 + 0.000128 + 0.25)
    assert [row[1] for row in world.port.sizes_bytes[0]] == [1000, 1000, 28]


def test_a_bundle_waits_in_the_store_for_its_next_contact():
    world = World(TWO_HOPS, [flow(0, 2, 10_000)])
    (bundle,) = world.run()
    assert bundle.finished_ps == bundle.predicted_ps == ps(5 + 0.010 + 0.5)
    second = world.stays()[1]
    assert (second.entered_ps, second.began_ps, second.left_ps) == (ps(0.261), ps(5), ps(5.51 + 0.501))
    assert [(row.time_ps, row.node, row.stored_bytes) for row in world.log.stores] == [
        (0, 0, 10_000),
        (ps(0.261), 1, 10_000),
        (ps(0.512), 0, 0),
        (ps(6.011), 1, 0),
    ]


def test_expedited_bundles_go_first_and_those_they_displace_are_routed_anew():
    made = [(0, 1_000_000, 0, None), (0, 1_000_000, 1, None), (0, 1_000_000, 2, None)]
    world = World([(0, 1, 10, 100, 0.25)], [flow(0, 1, made=made)])
    bundles = world.run()
    assert finished_s(bundles) == [13.25, 12.25, 11.25]
    # Bulk was first promised the first second, and lost it; so did the second.
    assert [bundle.predicted_ps for bundle in bundles] == [ps(11.25)] * 3


BY_C = [(0, 1, 1, 60, 0.01, 800_000), (0, 2, 1, 60, 0.02, 800_000), (2, 1, 1, 60, 0.02, 800_000)]


@pytest.mark.parametrize("routing", ["earliest", "sabr-complete", "spread"])
@pytest.mark.parametrize("booking", ["own", "shared", "none"])
def test_what_is_being_sent_is_not_interrupted_and_an_alarm_goes_another_way(booking, routing):
    made = [(0, 2_400_000, 0, None), (2, 10_000, 2, None)]
    world = World(BY_C, [flow(0, 1, made=made)], booking=booking, routing=routing)
    bulk, alarm = world.run()
    # Bulk has the link for 24 s. By node 2 the alarm needs twice 0.1 s and the light time, and once handling.
    assert bulk.finished_ps == ps(1 + 24 + 0.01)
    assert alarm.finished_ps == ps(2.001 + 0.1 + 0.02 + 0.001 + 0.1 + 0.02) and alarm.hops == 2
    if routing != "sabr-complete":  # which estimates how long sending takes
        assert alarm.predicted_ps == alarm.finished_ps


def test_an_alarm_waits_for_what_is_being_sent_where_there_is_no_other_way():
    made = [(0, 2_400_000, 0, None), (0.5, 2_400_000, 1, None), (2, 10_000, 2, None)]
    bulk, normal, alarm = World(BY_C[:1], [flow(0, 1, made=made)]).run()
    # The second had taken the first one's place before that began; the alarm waits for it, then bulk goes.
    assert normal.finished_ps == ps(1 + 24.01)
    assert alarm.predicted_ps == alarm.finished_ps == ps(25 + 0.1 + 0.01)
    assert bulk.finished_ps == ps(25.1 + 24 + 0.01)


def test_what_a_cut_takes_back_is_free_at_once_until_the_rest_is_sent():
    ups = {(0, 1): [(0, 2), (2.1, 100)]}
    made = [(0, 9_000_000, 0, None), (2.2, 10_000, 2, None), (3, 10_000, 2, None)]
    world = World(ONE_HOP, [flow(0, 1, made=made)], ups=ups)
    bulk, soon, late = world.run()
    assert soon.predicted_ps == soon.finished_ps == ps(2.201 + 0.01 + 0.25)
    # Of the first 1999 segments have left. Its node knows at 2.501 s, and sends the others.
    assert late.predicted_ps == late.finished_ps == ps(2.501 + 7.001 + 0.01 + 0.25)
    assert bulk.finished_ps == ps(2.501 + 7.001 + 0.25)
    assert (world.stays()[0].first_began_ps, world.stays()[0].began_ps) == (ps(0.001), ps(2.501))


def test_a_bundle_that_does_not_fit_any_more_takes_the_next_contact():
    contacts = [(0, 1, 0, 3, 0.25), (0, 1, 10, 20, 0.25)]
    made = [(0, 2_000_000, 1, None), (0, 2_000_000, 1, None), (0, 900_000, 1, None)]
    world = World(contacts, [flow(0, 1, made=made)])
    assert finished_s(world.run()) == [2.251, 12.25, 3.151]


def test_what_a_failure_cuts_off_alone_is_sent_again_to_the_same_neighbour():
    contacts = [(0, 1, 0, 100, 0.25)]
    world = World(contacts, [flow(0, 1, 4_000_000)], ups={(0, 1): [(0, 1.5005), (20, 100)]})
    (bundle,) = world.run()
    # 1499 segments had left by 1.5005 s; of the one in service 500 us are lost.
    left_bytes = 4_000_000 - 1_499_000
    assert bundle.finished_ps == ps(20 + left_bytes * 1e-6 + 0.25)
    assert bundle.sent_bytes == 4_001_000 and bundle.resent_bytes == 1000
    (stay,) = world.stays()
    assert stay.attempts == 2 and stay.began_ps == ps(20)


def test_a_cut_bundle_goes_whole_another_way_if_that_is_sooner():
    contacts = [(0, 1, 0, 100, 0.25), (1, 3, 0, 100, 0.25), (0, 2, 0, 100, 1.0), (2, 3, 0, 100, 1.0)]
    world = World(contacts, [flow(0, 3, 1_000_000)], ups={(0, 1): [(0, 0.5005), (90, 100)]})
    (bundle,) = world.run()
    # All that was on the way by 0.5005 s has arrived 0.25 s later; the sender knows after as long and 1 ms.
    known_s = 0.5 + 0.25 + 0.25 + 0.001
    assert bundle.reroutes == 1
    assert bundle.finished_ps == ps(known_s + 1 + 1 + 0.001 + 1 + 1)
    assert bundle.resent_bytes == 500_000


def test_nothing_is_kept_of_a_contact_that_failed_or_is_over():
    plan = [(0, 1, 5, 10, 0.25), (0, 1, 20, 100, 0.25)]
    world = World(plan, [flow(0, 1)], ups={(0, 1): [(20, 100)]})
    (bundle,) = world.run()
    assert (bundle.state, bundle.reroutes) == ("delivered", 1)
    assert [channel.queues for channel in world.work._channels] == [{}]


def test_what_a_failure_cuts_is_split_and_both_parts_arrive():
    contacts = [(0, 1, 0, 100, 0.25), (1, 3, 0, 100, 0.25), (0, 2, 0, 100, 1.0), (2, 3, 0, 100, 1.0)]
    world = World(contacts, [flow(0, 3, 1_000_000)], ups={(0, 1): [(0, 0.5005)]}, when_cut="split")
    (bundle,) = world.run()
    assert (bundle.state, bundle.fragments, bundle.hops) == ("delivered", 2, 2)
    assert bundle.resent_bytes == 1000
    cut, beginning, rest, onward = (
        next(stay for stay in world.stays() if (stay.node, stay.n_bytes) == which)
        for which in ((0, 1_000_000), (1, 499_000), (0, 501_000), (2, 501_000))
    )
    assert (cut.outcome, cut.arrived_ps, cut.left_ps) == ("split", ps(0.75), ps(1.001))
    assert (beginning.entered_ps, beginning.began_ps) == (ps(0.75), ps(0.751))
    assert (rest.fragment_first_byte, rest.entered_ps, rest.began_ps) == (499_000, ps(1.001), ps(1.001))
    assert onward.entered_ps == rest.arrived_ps == ps(1.001 + 0.501 + 1)
    assert bundle.finished_ps == onward.arrived_ps == ps(2.502 + 0.001 + 0.501 + 1)


def test_a_bundle_too_large_for_any_contact_is_split_before_it_is_sent():
    contacts = [(0, 1, 0, 1, 0.25), (0, 1, 10, 11.0005, 0.25), (0, 1, 20, 21, 0.25)]
    whole = World(contacts, [flow(0, 1, 2_100_000)])
    assert finished_s(whole.run()) == ["stored"]
    split = World(contacts, [flow(0, 1, 2_100_000)], when_cut="split")
    (bundle,) = split.run()
    # 999 segments in the first contact, 1000 in the second, 101 in the third.
    assert (bundle.state, bundle.fragments, bundle.resent_bytes) == ("delivered", 3, 0)
    assert bundle.finished_ps == ps(20 + 0.101 + 0.25)


FORK = [
    (0, 1, 10, 20.0005, 0.01, 900_000),
    (1, 3, 10, 60, 0.01),
    (0, 2, 10, 20.0005, 0.01, 600_000),
    (2, 3, 10, 60, 0.01),
]


@pytest.mark.parametrize("routing", ["earliest", "spread"])
@pytest.mark.parametrize("n_before", range(3))
def test_a_first_part_is_as_large_as_the_contact_takes_that_it_goes_by(routing, n_before):
    # Whatever turn it is after some small bundles, and whichever contact is better for larger parts.
    made = [*((0, 1000, 1, None) for _ in range(n_before)), (1, 1_300_000, 1, None)]
    world = World(FORK, [flow(0, 3, made=made)], routing=routing, when_cut="split")
    *_, large = world.run()
    first = next(stay for stay in world.stays(n_before) if stay.hop == 1 and stay.fragment_first_byte == 0)
    # In ten seconds 1125 kB go by 1, and 750 kB by 2, less the small ones.
    by = [sum(stay.node == node for k in range(n_before) for stay in world.stays(k)) for node in (1, 2)]
    assert large.state == "delivered"
    assert first.n_bytes in (1_125_000 - 1000 * by[0], 750_000 - 1000 * by[1])


def test_segments_with_bit_errors_are_sent_again_once_their_sender_has_learnt_of_it():
    lost = {3, 7, 10}
    world = World(ONE_HOP, [flow(0, 1)], fate=lambda channel, k, t: BIT_ERROR if k in lost else -1)
    (bundle,) = world.run()
    # Packets 3 and 7, then packet 10 of them, which is the first of the second round.
    known_s = 0.001 + 0.010 + 0.25 + 0.25 + 0.001
    again_s = known_s + 0.002 + 0.25 + 0.25 + 0.001
    assert bundle.finished_ps == ps(again_s + 0.001 + 0.25)
    assert bundle.resent_bytes == 3000
    assert [row[0] for row in world.port.sizes_bytes[0][10:]] == [
        ps(known_s),
        ps(known_s + 0.001),
        ps(again_s),
    ]
    (stay,) = world.stays()
    assert stay.attempts == 1


def test_what_is_sent_again_goes_ahead_of_other_bundles():
    made = [(0, 10_000, 1, None), (0.5, 20_000, 1, None), (0.502, 10_000, 1, None)]
    world = World(ONE_HOP, [flow(0, 1, made=made)], fate=_first_two_do_not_fit)
    # Known at 0.512 s, while the second is being sent from 0.501 to 0.521 s.
    assert finished_s(world.run()) == [0.773, 0.771, 0.783]


def test_what_cannot_be_sent_again_before_a_contact_ends_goes_in_the_next():
    contacts = [(0, 1, 0, 0.5135, 0.25), (0, 1, 10, 20, 0.25)]
    (bundle,) = World(contacts, [flow(0, 1)], fate=_first_two_do_not_fit).run()
    assert (bundle.finished_ps, bundle.resent_bytes) == (ps(10.252), 2000)
    split = World(contacts, [flow(0, 1)], fate=_first_two_do_not_fit, when_cut="split")
    (bundle,) = split.run()
    # There is no unbroken beginning that could go on by itself.
    assert (bundle.finished_ps, bundle.fragments) == (ps(10.252), 1)


def _first_two_do_not_fit(channel, k, t):
    return QUEUE if k < 2 else -1


def test_without_retransmission_a_drop_loses_the_bundle_by_the_cause_of_the_first():
    fates = {8: QUEUE, 2: BIT_ERROR}
    world = World(ONE_HOP, [flow(0, 1)], fate=lambda c, k, t: fates.get(k, -1), retransmit=False)
    (bundle,) = world.run()
    # The packet in the queue was dropped at 0.009 s, long before the other could arrive.
    assert (bundle.cause, bundle.finished_ps) == ("queue", ps(0.261))
    # The sender has forgotten it as soon as it was sent.
    assert world.log.stores[-1].time_ps == ps(0.011)


def test_a_packet_that_is_refused_at_once_counts_as_sent():
    world = World(ONE_HOP, [flow(0, 1, 1_000)], fate=_first_two_do_not_fit, retransmit=False)
    (bundle,) = world.run()
    # Known before the link would have sent it.
    assert (bundle.cause, bundle.finished_ps, bundle.sent_bytes) == ("queue", ps(0.001), 1_000)
    assert world.log.stores[-1].stored_bytes == 0


def test_a_full_store_refuses_what_comes():
    made = [(0, 6_000, 1, None), (1, 6_000, 2, None), (2, 4_000, 0, None)]
    world = World([(0, 1, 50, 100, 0.25)], [flow(0, 1, made=made)], stores=[store(0, 10_000)])
    first, second, third = world.run()
    assert (first.state, third.state) == ("delivered", "delivered")
    assert (second.cause, second.finished_ps) == ("storage", ps(1))


def test_a_full_store_drops_the_oldest_until_there_is_room_or_nobody_if_there_is_none():
    made = [
        (0, 3_000, 1, None),
        (1, 3_000, 2, None),
        (2, 3_000, 0, None),
        (3, 6_000, 0, None),
        (4, 11_000, 2, None),
    ]
    world = World([(0, 1, 50, 100, 0.25)], [flow(0, 1, made=made)], stores=[store(0, 10_000, "drop-oldest")])
    bundles = world.run()
    assert [one.cause for one in bundles] == ["storage", "storage", None, None, "storage"]
    assert [one.finished_ps for one in bundles[:2]] == [ps(3)] * 2


def test_a_full_store_drops_the_lowest_and_of_these_the_latest():
    made = [
        (0, 3_000, 0, None),
        (1, 3_000, 1, None),
        (2, 3_000, 0, None),
        (3, 3_000, 1, None),
        (4, 7_500, 1, None),
    ]
    world = World([(0, 1, 50, 100, 0.25)], [flow(0, 1, made=made)], stores=[store(0, 10_000, "drop-lowest")])
    bundles = world.run()
    assert [one.cause for one in bundles] == [None, None, "storage", None, "storage"]
    assert bundles[2].finished_ps == ps(3)


def test_the_volume_of_a_dropped_bundle_goes_to_one_without_a_route():
    made = [(0, 6_000, 1, None), (1, 6_000, 1, None), (2, 3_000, 1, None)]
    contacts = [(0, 1, 50, 50.009, 0.25)]
    assert finished_s(World(contacts, [flow(0, 1, made=made)]).run()) == [50.256, "stored", 50.259]
    world = World(contacts, [flow(0, 1, made=made)], stores=[store(0, 14_000, "drop-oldest")])
    assert finished_s(world.run()) == ["storage", 50.256, 50.259]


def test_bundles_expire_in_the_store_and_on_arrival():
    made = [(0, 10_000, 1, 5.2), (0, 10_000, 1, 5.9), (0, 10_000, 1, 5.53)]
    world = World(TWO_HOPS, [flow(0, 2, made=made)])
    # The first has no route in time, and waits where it was made.
    assert finished_s(world.run()) == ["expired", 5.51, 5.52]
    assert world.bundles[0].finished_ps == ps(5.2)
    late = World(TWO_HOPS, [flow(0, 2, 10_000, lifetime_s=5.511)], fate=_first_lost)
    (bundle,) = late.run()
    # A segment that is sent again arrives at 6.014 s: too late, while it was in service at its expiry.
    assert (bundle.cause, bundle.finished_ps) == ("expired", ps(5.51 + 0.501 + 0.001 + 0.5))


def _first_lost(channel, k, t):
    return BIT_ERROR if (channel, k) == (1, 0) else -1


def test_a_contact_that_does_not_begin_has_its_bundles_routed_anew_and_serves_again_once_it_is_back():
    contacts = [(0, 1, 10, 100, 0.25), (0, 1, 200, 300, 0.25)]
    made = [(0, 10_000, 1, None), (30, 10_000, 1, None), (60, 10_000, 1, None)]
    world = World(contacts, [flow(0, 1, made=made)], ups={(0, 1): [(50, 100), (200, 300)]})
    # The first two have been given the later contact by the time it is back.
    assert finished_s(world.run()) == [200.26, 200.27, 60.261]
    assert [bundle.reroutes for bundle in world.bundles] == [1, 0, 0]


@pytest.mark.parametrize("stop_s, told_s", [(0.0115, 0.512), (0.5125, 0.512 + 0.25)])
def test_who_has_a_beginning_goes_on_with_it_once_it_can_know_that_no_more_comes(stop_s, told_s):
    def fate(channel, sequence, time_ps):
        return BIT_ERROR if (channel, sequence) == (0, 7) else arrives(channel, sequence, time_ps)

    contacts = [(0, 1, 0, stop_s, 0.25), (0, 1, 10, 20, 0.25), (1, 2, 0, 100, 0.25)]
    world = World(contacts, [flow(0, 2)], fate=fate, when_cut="split")
    (bundle,) = world.run()
    # The sender learns of the loss at 0.512 s. By then the link is down, as its receiver sees as well, or
    # there is no time any more to send again, which has to be told.
    cut, beginning = (next(stay for stay in world.stays() if stay.node == node) for node in (0, 1))
    assert cut.left_ps == ps(0.512) and cut.arrived_ps == beginning.entered_ps == ps(told_s)
    assert (beginning.n_bytes, beginning.began_ps) == (7_000, ps(told_s + 0.001))
    assert bundle.finished_ps == ps(10 + 0.003 + 0.25 + 0.001 + 0.003 + 0.25)


def test_a_bundle_without_a_route_goes_as_soon_as_a_contact_is_back():
    world = World([(0, 1, 10, 100, 0.25)], [flow(0, 1)], ups={(0, 1): [(50, 100)]})
    (bundle,) = world.run()
    assert bundle.finished_ps == ps(50.26)


def test_a_link_that_is_up_unforeseen_is_not_used():
    world = World([(0, 1, 10, 100, 0.25)], [flow(0, 1)], ups={(0, 1): [(0, 100)]})
    assert finished_s(world.run()) == [10.26]


def test_nodes_that_do_not_know_of_each_others_bookings_meet_at_a_contact_and_shared_ones_do_not():
    contacts = [(0, 2, 0, 100, 0.25), (1, 2, 0, 100, 0.25), (2, 3, 10, 11, 0.25), (2, 3, 50, 60, 0.25)]
    flows = [flow(0, 3, 700_000), flow(1, 3, 700_000)]
    own = World(contacts, flows).run()
    assert finished_s(own) == [10.95, 50.95]
    assert [one.predicted_ps for one in own] == [ps(10.95)] * 2
    shared = World(contacts, flows, booking="shared").run()
    assert finished_s(shared) == [10.95, 50.95]
    assert [one.predicted_ps for one in shared] == [ps(10.95), ps(50.95)]
    nobody = World(contacts, flows, booking="none").run()
    assert finished_s(nobody) == [10.95, 50.95]


def test_a_changed_rate_holds_from_the_next_segment_on():
    world = World([(0, 1, 0, 100, 0.25)], [flow(0, 1)])
    channel_up = (0, True, 4_000_000)
    world.agenda.at(ps(0.0055), world.work.links_changed, [channel_up], rank=1)
    world.port.ups[0] = [(0, ps(0.0055), 8_000_000), (ps(0.0055), ps(100), 4_000_000)]
    world.run(0.02)
    times_ps = [row[0] for row in world.port.sizes_bytes[0]]
    assert times_ps == [ps(0.001 * k) for k in (1, 2, 3, 4, 5, 6, 8, 10, 12, 14)]


def test_trains_arrive_as_single_packets_do_and_are_cut_between_packets():
    contacts = [(0, 1, 0, 100, 0.25, 8_000_000_000)]  # 1 us for a segment
    ups = {(0, 1): [(0, 0.0019995), (50, 100)]}
    bundles = [flow(0, 1, 2_000_500), flow(0, 1, 1_000)]
    single = World(contacts, bundles, ups=ups)
    trains = World(contacts, bundles, ups=ups, train=7)
    # By the cut 999 segments have left. The bundle that was made first goes first once the link is back.
    assert finished_s(trains.run()) == finished_s(single.run()) == [50.2510015, 50.2510025]
    assert [row[2] for row in trains.port.sizes_bytes[0]][-4:] == [7, 7, 1, 1]
    assert len(trains.port.sizes_bytes[0]) == 288
    # Of a train that had begun two packets were cut off, of single ones the one in service.
    assert [run[0].resent_bytes for run in (trains.bundles, single.bundles)] == [2000, 1000]


def test_what_packets_carry_can_be_asked():
    made = [(0, 2_500, 1, None), (0, 1_000, 1, 9.0)]
    world = World(TWO_HOPS, [flow(0, 2, made=made)], fate=_first_lost)
    world.run()
    # Over the second hop the first packet was lost, and its segment sent again behind the other bundle.
    carried = world.work.describe(np.array([0, 1, 0, 1, 0]), np.array([3, 4, 2, 2, 0]))
    assert carried.bundle.tolist() == [1, 0, 0, 0, 0]
    assert carried.first_byte.tolist() == [0, 0, 2000, 2000, 0]
    assert carried.n_bytes.tolist() == [1000, 2500, 2500, 2500, 2500]
    assert carried.lifetime_ps.tolist() == [ps(9), NEVER, NEVER, NEVER, NEVER]
    assert (carried.from_row.tolist(), carried.to_row.tolist()) == ([0] * 5, [2] * 5)


def test_bundles_with_equal_rights_are_sent_in_the_order_of_their_making():
    made = [(0, 10_000, 1, None)] * 4 + [(0.001, 5_000, 1, None)] * 2
    world = World([(0, 1, 10, 100, 0.25)], [flow(0, 1, made=made)], booking="none")
    assert finished_s(world.run()) == [10.26, 10.27, 10.28, 10.29, 10.295, 10.3]


def test_the_beginning_of_a_cut_bundle_stays_where_it_is_for():
    world = World(ONE_HOP, [flow(0, 1, 1_000_000)], ups={(0, 1): [(0, 0.5005), (50, 100)]}, when_cut="split")
    (bundle,) = world.run()
    assert (bundle.finished_ps, bundle.fragments, bundle.hops) == (ps(50 + 0.501 + 0.25), 2, 1)
    assert not any(row.stored_bytes for row in world.log.stores if row.node == 1)


def test_what_is_under_way_when_the_run_ends_is_told_apart_from_what_is_stored():
    made = [(0, 10_000, 1, None), (0.5, 10_000, 1, None), (0.5, 10_000, 1, None)]
    world = World(ONE_HOP, [flow(0, 1, made=made)], ups={(0, 1): [(0, 0.505)]})
    assert not world.work.is_done
    bundles = world.run(0.52)
    assert finished_s(bundles) == [0.261, "on_the_way", "stored"]
    assert (bundles[1].sent_bytes, bundles[2].sent_bytes) == (4_000, 0)
    told = world.work.totals()
    assert {name: told["flows"][0][name] for name in ("made", "delivered", "stored", "on_the_way")} == {
        "made": 3,
        "delivered": 1,
        "stored": 1,
        "on_the_way": 1,
    }
    store = {"node": 0, "store_bytes": None, "peak_bytes": 30_000, "peak_bundles": 3, "stored_bytes": 20_000}
    assert told["stores"] == [store]
    assert [stay.outcome for one in range(3) for stay in world.stays(one)] == [
        "forwarded",
        "on_the_way",
        "stored",
    ]


def test_a_run_is_done_once_everybody_knows_and_quiet_while_bundles_wait():
    world = World(TWO_HOPS, [flow(0, 2)])
    world.agenda.at(ps(3), lambda: quiet.append((world.work.is_quiet, world.work.is_done)))
    quiet = []
    world.run(6.010)
    assert quiet == [(True, False)]
    assert world.work.is_quiet and not world.work.is_done
    world = World(TWO_HOPS, [flow(0, 2)])
    world.run(6.012)
    assert world.work.is_done


def test_bundles_travel_only_between_nodes_that_can_have_them_and_those_that_lead_on():
    rows = [(0, 1), (1, 0), (1, 2), (2, 1), (1, 3), (4, 1), (3, 4), (5, 6)]
    contacts = [(*pair, 0, 100, 0.25) for pair in rows]
    assert World(contacts, [flow(0, 2)]).pairs == [(0, 1), (1, 0), (1, 2), (1, 3), (2, 1), (3, 4), (4, 1)]
    transit = (False, True, False, True, False, True, True)
    graph = graph_of_plan(plan_of([(*row, 8e6) for row in contacts], transit=transit))
    assert pairs_of(graph, [flow(0, 2)]) == [(0, 1), (1, 2)]


def test_what_a_displaced_bundle_frees_is_for_those_that_wait():
    contacts = [(0, 1, 5, 10, 0.1), (1, 2, 20, 20.02, 0.1)]
    made = [(0, 20_000, 0, None), (1, 10_000, 0, None), (2, 10_000, 2, None)]
    large, small, urgent = World(contacts, [flow(0, 2, made=made)]).run()
    # The large one had taken all of the second contact, the urgent one takes half of it.
    assert (large.state, urgent.finished_ps, small.finished_ps) == ("stored", ps(20.11), ps(20.12))


def test_what_was_promised_to_a_bundle_that_is_refused_is_for_others():
    contacts = [(0, 1, 1, 2, 0.1), (1, 2, 10, 10.01, 0.1)]
    flows = [flow(0, 2), flow(1, 2, made=[(0.5, 5_000, 1, None)])]
    refused, waiting = World(contacts, flows, booking="shared", stores=[store(1, 5_000)]).run()
    assert (refused.cause, refused.finished_ps) == ("storage", ps(1.11))
    assert waiting.finished_ps == ps(10.105)


def test_a_contact_that_ends_after_a_packet_was_refused_loses_the_bundle_then():
    def fate(channel, sequence, time_ps):
        return QUEUE if sequence == 1 else arrives(channel, sequence, time_ps)

    world = World(
        [(0, 1, 0, 1, 0.0001)], [flow(0, 1)], ups={(0, 1): [(0, 0.0025)]}, fate=fate, retransmit=False
    )
    (bundle,) = world.run()
    assert (bundle.cause, bundle.finished_ps, bundle.sent_bytes) == ("queue", ps(0.0025), 2000)


def test_a_stay_is_over_on_arrival_where_nothing_is_reported():
    world = World([(0, 1, 0, 1, 0.25)], [flow(0, 1)], retransmit=False)
    world.run(0.3)
    (stay,) = world.stays()
    assert (stay.left_ps, stay.arrived_ps, stay.outcome) == (ps(0.011), ps(0.261), "forwarded")
