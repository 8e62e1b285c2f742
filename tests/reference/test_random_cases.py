"""What holds in any network that the reference simulates, and what random cases are good for."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.reference.case import CODEL, NEVER, NONE, Flow, Pool, Step, Table
from tests.reference.case_checks import check_case
from tests.reference.cases import FLAVOURS, random_case
from tests.reference.packet_simulator import CAUSES, IN_FLIGHT, check_invariants, simulate
from tests.reference.test_packet_simulator import network, run, script


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_run_that_ends_earlier_has_the_same_packets_up_to_then(flavour):
    rng = random.Random(f"ends/{flavour}")
    case = random_case(rng, flavour)
    for flow in case.flows:
        flow.train = 1  # the end of the run cuts the last train, which then travels otherwise
        flow.script = tuple(entry[:2] for entry in flow.script)
    whole = simulate(case)
    for _ in range(3):
        end_ps = rng.randint(1, case.end_ps)
        part = run(replace(case, end_ps=end_ps))
        made = {key: packet for key, packet in whole.packets.items() if packet.sent_ps < end_ps}
        assert part.packets.keys() == made.keys()
        for key, packet in made.items():
            ended = packet.outcome != IN_FLIGHT and packet.time_ps < end_ps
            expected = (packet.outcome, packet.time_ps) if ended else (IN_FLIGHT, NONE)
            assert (part.packets[key].outcome, part.packets[key].time_ps) == expected
            assert part.packets[key].path == [hop for hop in packet.path if hop.left_ps <= end_ps]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_random_cases_keep_the_invariants(flavour):
    rng = random.Random(f"invariants/{flavour}")
    for _ in range(4):
        case = random_case(rng, flavour)
        check_invariants(case, simulate(case))


def test_random_cases_are_decided_by_the_generator():
    assert random_case(random.Random(5)) == random_case(random.Random(5))
    assert random_case(np.random.default_rng(5), "ties") == random_case(np.random.default_rng(5), "ties")
    assert random_case(random.Random(5), "ties") != random_case(random.Random(6), "ties")


def test_random_cases_stay_within_64_bits():
    rng = random.Random(3)
    for flavour in FLAVOURS:
        case = random_case(rng, flavour)
        times = [case.end_ps, case.steps[-1].t1_ps]
        times += [change[0] for change in case.changes]
        times += [time_ps for table in case.tables for time_ps in table.switch_ps]
        times += [entry[0] for flow in case.flows for entry in flow.script]
        times += [hop.arrival_ps for packet in simulate(case).packets.values() for hop in packet.path]
        assert all(type(time_ps) is int and 0 <= time_ps < 2**62 for time_ps in times)


def test_random_cases_wait_and_drop_by_every_cause():
    rng = random.Random(2)
    results = [simulate(random_case(rng, flavour)) for flavour in FLAVOURS for _ in range(2)]
    assert sum(any(link.queue_max_bytes for link in result.links) for result in results) > len(results) / 2
    assert (
        sum(any(sum(flow.dropped.values()) for flow in result.flows) for result in results) > len(results) / 2
    )
    flows = [flow for result in results for flow in result.flows]
    for cause in ("queue", "no_route", "link_down", "hop_limit", "bit_error", "node_down", "early"):
        assert any(flow.dropped[cause] for flow in flows)
    assert all(cause in CAUSES for cause in flows[0].dropped)


def test_random_cases_mark_repeat_wait_and_finish():
    rng = random.Random(4)
    flavours = ("ecn", "codel, ecn", "bulk", "bulk, lossy", "requests")
    results = [simulate(random_case(rng, flavour)) for flavour in flavours for _ in range(6)]
    flows = [flow for result in results for flow in result.flows]
    assert any(flow.marked for flow in flows)
    assert any(flow.duplicates for flow in flows)
    assert any(flow.done_ps < NEVER for flow in flows)
    assert any(flow.complete_ps < NEVER == flow.done_ps for flow in flows)
    pools = [pool for result in results for pool in result.pools]
    assert any(pool.waited for pool in pools) and any(pool.refused for pool in pools)


@pytest.mark.parametrize(
    "fault",
    [
        {"link_to": [0]},
        {"changes": [(0, 0, "stop", 0)]},
        {"changes": [(0, 0, "start", 1), (5, 0, "start", 1)]},
        {"steps": [Step(0, 10, [5], [5])]},
        {"tables": [Table([[NONE], [0]], [0, 0])]},
        {"flows": [Flow(0, 0, "script")]},
        {"flows": [Flow(0, 1, "script", script=((5, 1), (4, 1)))]},
        {"on_link_down": "wait"},
        {"classes": [9]},
        {"discipline": [3]},
        {"bit_error_rate": [1.0]},
        {"processing_ps": [1]},
        {"node_changes": [(5, 1, "down")]},
        {"node_changes": [(5, 1, "up")]},
        {"flows": [Flow(0, 1, "constant", 1, train=2)], "discipline": [CODEL]},
        {"flows": [Flow(0, 1, "on-off", 1)]},
        {"flows": [Flow(1, 0, "ack")]},
        {"flows": [Flow(0, 1, "constant", 1, pool=0)], "pools": [Pool(1, 1, "constant", 1.0)]},
        {"flows": [Flow(0, 1, "bulk", 1, total_bytes=1, window=1, timeout_min_ps=1, timeout_first_ps=1)]},
    ],
)
def test_case_that_means_nothing_is_refused(fault):
    case = network([(0, 1, 5)], [script(0, 1, (0, 1))])
    check_case(case)
    assert all(getattr(case, name) != value for name, value in fault.items())
    with pytest.raises(ValueError):
        check_case(replace(case, **fault))
