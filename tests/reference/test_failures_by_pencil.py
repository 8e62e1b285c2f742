"""The reference simulator against cases worked by pencil: bit errors, processing delays, node failures."""

from tests.reference.arithmetic import BIT_ERROR
from tests.reference.case import NONE
from tests.reference.packet_simulator import DELIVERED, draw, unit
from tests.reference.test_packet_simulator import BYTE_PER_PS, fates, network, run, script

# With this rate half of all packets of 100 bytes are corrupted.
HALF_OF_100_BYTES = 1.0 - 0.5 ** (1 / 800)

# ------------------------------------------------------------------------------------------------- bit errors


def test_packet_is_corrupted_by_the_number_drawn_for_its_place_on_the_link():
    case = network([(0, 1, 7)], [script(0, 1, *[(0, 100)] * 40)], bit_error_rate=[HALF_OF_100_BYTES])
    is_lost = [unit(draw(1, BIT_ERROR, 0, k)) < 0.5 for k in range(40)]
    assert 5 < sum(is_lost) < 35
    assert fates(case) == [
        ("bit_error" if lost else DELIVERED, 100 * k + 107) for k, lost in enumerate(is_lost)
    ]
    result = run(case)
    assert result.links[0].packets == 40
    assert result.links[0].dropped["bit_error"] == result.flows[0].dropped["bit_error"] == sum(is_lost)


def test_framing_is_corrupted_too():
    case = network([(0, 1, 7)], [script(0, 1, *[(0, 60)] * 40)], bit_error_rate=[HALF_OF_100_BYTES])
    case.framing_bytes = 40
    is_lost = [unit(draw(1, BIT_ERROR, 0, k)) < 0.5 for k in range(40)]
    assert [outcome == "bit_error" for outcome, _ in fates(case)] == is_lost


def test_corrupted_packet_is_lost_at_the_next_node_before_its_hop_limit_is_looked_at():
    flow = script(0, 2, (0, 100), hop_limit=1)
    case = network([(0, 1, 7), (1, 2, 7)], [flow], bit_error_rate=[0.999, 0.0], processing_ps=[0, 3, 0])
    packet = run(case).packets[0, 0]
    assert (packet.outcome, packet.time_ps, packet.node, packet.link, packet.hops) == (
        "bit_error",
        110,
        1,
        0,
        0,
    )


# ------------------------------------------------------------------------------------------------- processing


def test_processing_delays_what_arrives_but_nothing_that_a_node_makes():
    case = network(
        [(0, 1, 1000), (1, 2, 10)],
        [script(0, 2, (0, 100)), script(1, 2, (1100, 50))],
        processing_ps=[700, 5, 3],
    )
    # Reaches node 1 at 1100 + 5, when its own packet is in service until 1150, and node 2 at 1260 + 3.
    assert fates(case, 0) == [(DELIVERED, 1263)]
    assert fates(case, 1) == [(DELIVERED, 1163)]


def test_order_on_a_link_is_decided_before_processing():
    case = network([(0, 1, 0)], [script(0, 1, (0, 10), (0, 10))], processing_ps=[0, 1000])
    assert fates(case) == [(DELIVERED, 1010), (DELIVERED, 1020)]


# ---------------------------------------------------------------------------------------------- node failures


def failing(flows, **more):
    """Node 1 of a chain 0 -> 1 -> 2 fails at 150 and is back at 1000."""
    links = [(0, 1, 100), (1, 2, 5)]
    up = [(time_ps, link, "start", BYTE_PER_PS) for time_ps in (0, 1000) for link in (0, 1)]
    return network(
        links,
        flows,
        changes=[*up, (150, 0, "stop", 0), (150, 1, "stop", 0)],
        node_changes=[(150, 1, "down"), (1000, 1, "up")],
        **more,
    )


def test_node_that_fails_loses_what_arrives_what_waits_and_what_it_makes():
    through = script(0, 2, (0, 100), (0, 100), (1000, 10))
    own = script(1, 2, (0, 100), (100, 100), (100, 100), (200, 10), (1000, 10))
    for on_link_down in ("drop", "reroute"):
        result = run(failing([through, own], on_link_down=on_link_down))
        fate = {
            key: (packet.outcome, packet.time_ps, packet.node, packet.link)
            for key, packet in result.packets.items()
        }
        assert fate == {
            (0, 0): ("node_down", 200, 1, NONE),  # has left before the failure
            (0, 1): ("link_down", 150, 0, 0),
            (0, 2): (DELIVERED, 1125, 2, NONE),
            (1, 0): (DELIVERED, 105, 2, NONE),
            (1, 1): ("node_down", 150, 1, 1),
            (1, 2): ("node_down", 150, 1, 1),
            (1, 3): ("node_down", 200, 1, NONE),
            (1, 4): (DELIVERED, 1015, 2, NONE),
        }
        assert result.flows[1].sent == 5
        assert [link.dropped["node_down"] for link in result.links] == [0, 2]


def test_node_that_is_back_at_an_instant_takes_what_arrives_then():
    # Leaves at 100 and would arrive at 1000 sharp, or just before.
    for delay_ps, fate in ((900, (DELIVERED, 1000)), (899, ("node_down", 999))):
        case = failing([script(0, 1, (0, 100))])
        case.steps[0].delay_start_ps[0] = case.steps[0].delay_end_ps[0] = delay_ps
        assert fates(case) == [fate]


def test_failure_comes_before_a_bit_error():
    case = failing([script(0, 2, (0, 100))], bit_error_rate=[0.999, 0.0])
    assert fates(case) == [("node_down", 200)]
