"""The engine against small cases worked by pencil: those of the reference, and some with numbers."""

import inspect
import itertools
from dataclasses import replace

import pytest

from tests.packets.adapter import engine_of, fates_of, run_case, run_steps, steps_of
from tests.packets.comparing import differences, link_totals
from tests.reference import (
    test_answers_by_pencil,
    test_failures_by_pencil,
    test_queues_by_pencil,
    test_sources,
    test_trains_by_pencil,
)
from tests.reference import test_packet_simulator as pencil
from tests.reference.case import NONE, UNLIMITED, Flow, Step, Table
from tests.reference.test_packet_simulator import BYTE_PER_PS, DIAMOND, diamond, network, next_links, script

MODULES = (
    pencil,
    test_queues_by_pencil,
    test_failures_by_pencil,
    test_answers_by_pencil,
    test_trains_by_pencil,
    test_sources,
)
WORKED = [
    pytest.param(module, name, id=name)
    for module in MODULES
    for name, test in vars(module).items()
    if name.startswith("test_")
    and not name.startswith("test_random_cases")
    and not inspect.signature(test).parameters
    and any(word in inspect.getsource(test) for word in ("fates(", "run("))
]


@pytest.mark.parametrize(("module", "name"), WORKED)
@pytest.mark.parametrize("options", [{}, {"domain_delay_ps": 0}, {"longest_window_ps": 7}], ids=str)
def test_engine_agrees_in_the_cases_of(module, name, options, monkeypatch):
    cases = []
    simulate = pencil.simulate

    def watched(case):
        result = simulate(case)
        cases.append((replace(case, tables=[replace(table) for table in case.tables]), result))
        return result

    monkeypatch.setattr(pencil, "simulate", watched)
    getattr(module, name)()
    assert cases
    for case, result in cases:
        engine, fates = run_case(case, **options)
        lines = differences(engine, fates, result)
        assert not lines, "\n".join(lines)


def fates_of_flow(case, flow=0, **options):
    """(outcome, time_ps) of the flow's packets that are not in flight, by sequence number."""
    _, fates = run_case(case, **options)
    return [fates[key] for key in sorted(fates) if key[0] == flow]


def totals_of_links(case):
    engine, _ = run_case(case)
    return link_totals(engine.drain_links(), case.n_links)


# ----------------------------------------------------------------------------------------- service and queues


def test_two_packets_on_one_link_follow_each_other():
    case = network([(0, 1, 1000)], [script(0, 1, (10, 100), (20, 50))])
    engine, fates = run_case(case)
    assert fates == {(0, 0): ("delivered", 1110), (0, 1): ("delivered", 1160)}
    assert link_totals(engine.drain_links(), 1) == [(2, 150, 150, 50, (0,) * 9, 0)]
    flow = engine.flow_counters()
    assert (flow.latency_min_ps[0], flow.latency_max_ps[0], flow.latency_sum_ps[0]) == (1100, 1140, 2240)
    assert (flow.jitter_ps[0], flow.hops_sum[0], flow.in_flight[0]) == (40 / 16, 2, 0)
    assert engine.packet_hops == 2


def test_queue_refuses_the_packet_that_would_be_one_too_many():
    case = network([(0, 1, 0)], [script(0, 1, *[(0, 100)] * 4)], queue_packets=[2])
    assert fates_of_flow(case) == [("delivered", 100), ("delivered", 200), ("delivered", 300), ("queue", 0)]


def test_queue_refuses_bytes_that_do_not_fit_and_takes_fewer_after_them():
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (0, 60), (0, 50), (0, 40))], queue_bytes=[100])
    assert fates_of_flow(case) == [("delivered", 100), ("delivered", 160), ("queue", 0), ("delivered", 200)]


def test_idle_link_serves_a_packet_although_its_queue_holds_none():
    flow = script(0, 1, (0, 100), (99, 1), (100, 1))
    case = network([(0, 1, 7)], [flow], queue_packets=[0], queue_bytes=[0])
    assert fates_of_flow(case) == [("delivered", 107), ("queue", 99), ("delivered", 108)]


def test_framing_takes_time_but_is_not_in_queues_or_totals():
    flow = script(0, 1, (0, 100), (0, 100), (0, 100))
    case = network([(0, 1, 0)], [flow], framing_bytes=20, queue_bytes=[200])
    assert fates_of_flow(case) == [("delivered", 120), ("delivered", 240), ("delivered", 360)]
    assert totals_of_links(case) == [(3, 300, 360, 200, (0,) * 9, 0)]


def test_limits_that_shrink_leave_what_waits_already():
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (0, 100), (0, 100), (60, 1), (260, 1))])
    half = [replace(case.steps[0], t1_ps=50), replace(case.steps[0], t0_ps=50)]
    case = replace(case, steps=half)
    engine = engine_of(case)
    drained = []
    for end_ps, step in steps_of(case):
        if step.start_ps == 50:
            engine.set_limits([0], [1], [10])
        engine.begin_step(step)
        assert engine.advance(end_ps)
        drained.append(engine.drain_taps())
    outcomes = fates_of(drained)
    assert [outcomes[0, k] for k in range(5)] == [
        ("delivered", 100),
        ("delivered", 200),
        ("delivered", 300),
        ("queue", 60),
        ("delivered", 301),
    ]


# ------------------------------------------------------------------------------ contacts, rates and rerouting


def test_last_bit_that_leaves_at_the_end_of_a_contact_has_left():
    up = (0, 0, "start", BYTE_PER_PS)
    case = network([(0, 1, 500)], [script(0, 1, (0, 100), (0, 100))], changes=[up, (200, 0, "stop", 0)])
    assert fates_of_flow(case) == [("delivered", 600), ("delivered", 700)]
    case = replace(case, changes=[up, (199, 0, "stop", 0)])
    assert fates_of_flow(case) == [("delivered", 600), ("link_down", 199)]


def test_rate_change_leaves_the_packet_in_service_alone_and_holds_for_a_full_queue():
    changes = [(0, 0, "start", BYTE_PER_PS), (50, 0, "rate", BYTE_PER_PS // 4), (500, 0, "rate", BYTE_PER_PS)]
    case = network([(0, 1, 0)], [script(0, 1, *[(0, 100)] * 5)], changes=changes, queue_packets=[3])
    times = [("delivered", 100), ("delivered", 500), ("delivered", 600), ("delivered", 700), ("queue", 0)]
    assert fates_of_flow(case) == times


def test_packets_handed_back_come_before_others_of_that_instant_in_the_order_of_their_queue():
    # At 150 link 0 stops; link 1, to which the table switches then, takes 1000 ps longer.
    case = diamond([script(0, 3, (0, 100), (0, 100), (0, 100), (150, 100))])
    assert fates_of_flow(case) == [
        ("delivered", 100 + 1000 + 110),
        ("delivered", 250 + 2000 + 110),
        ("delivered", 350 + 2000 + 110),
        ("delivered", 450 + 2000 + 110),
    ]


def test_many_packets_handed_back_keep_their_order_over_several_chunks():
    n_packets = 200
    case = diamond([script(0, 3, *[(0, 100)] * n_packets)])
    expected = [("delivered", 100 + 1110)]
    expected += [("delivered", 250 + 100 * k + 2110) for k in range(n_packets - 1)]
    assert fates_of_flow(case) == expected


def test_packet_never_arrives_before_the_one_ahead_when_the_range_jumps():
    steps = [Step(0, 100, [5000], [5000]), Step(100, 10**6, [10], [10])]
    case = network([(0, 1, 0)], [script(0, 1, (0, 100), (0, 50), (6000, 1))], steps=steps)
    assert fates_of_flow(case) == [("delivered", 5100), ("delivered", 5100), ("delivered", 6011)]


def test_delay_above_two_to_the_53_is_what_float64_makes_of_it():
    delay_ps = 2**60 + 2**7 - 1
    case = network([(0, 1, delay_ps)], [script(0, 1, (0, 1))], end_ps=2**61)
    assert fates_of_flow(case) == [("delivered", 1 + 2**60)]


# ---------------------------------------------------------------------------------------------- late switches


def late_network(late_ps):
    """Node 0 and 1 send to 3 over each other's way out until they switch, node 1 at `late_ps`."""
    links = [*DIAMOND, (1, 0, 1000)]
    before = next_links(links, 4)
    after = [row.copy() for row in before]
    after[0][3], after[1][3] = 1, 4
    tables = [Table(before, [0] * 4), Table(after, [100, late_ps, 100, 100])]
    return network(links, [script(0, 3, (0, 1), (99, 1), (100, 1))], tables=tables)


def test_node_that_switches_late_follows_the_table_it_has():
    around = 1001 + 1001 + 2001 + 11
    assert fates_of_flow(late_network(100)) == [
        ("delivered", around),
        ("delivered", 99 + around),
        ("delivered", 100 + 2012),
    ]
    # The packet of 1001 meets the old table of node 1, that of 1100 the new one.
    assert fates_of_flow(late_network(1100))[:2] == [("delivered", 1012), ("delivered", 99 + around)]


def test_node_may_switch_several_steps_after_its_table_came():
    whole = late_network(1100)
    delays = whole.steps[0].delay_start_ps
    edges = [0, 50, 100, 700, 1100, 1500, 10**6]
    pieces = [Step(t0, t1, delays, delays) for t0, t1 in itertools.pairwise(edges)]
    assert fates_of_flow(replace(whole, steps=pieces)) == fates_of_flow(whole)


def test_late_switch_makes_a_loop_that_the_hop_limit_ends():
    # From 100 on, node 1 sends back to node 0, which never hears of it.
    links = [(0, 1, 10), (1, 0, 10), (1, 2, 10)]
    before = next_links(links, 3)
    after = [row.copy() for row in before]
    after[1][2] = 1
    tables = [Table(before, [0] * 3), Table(after, [UNLIMITED, 100, UNLIMITED])]
    case = network(links, [script(0, 2, (0, 1), (200, 1), hop_limit=9)], tables=tables)
    assert fates_of_flow(case) == [("delivered", 22), ("hop_limit", 200 + 9 * 11)]


def test_node_without_a_table_has_no_route():
    case = network([(0, 1, 5)], [script(0, 1, (0, 1), (9, 1))])
    case.tables[0].switch_ps = [9, 0]
    assert fates_of_flow(case) == [("no_route", 0), ("delivered", 15)]


def test_flow_whose_label_the_table_does_not_know_has_no_route():
    flows = [Flow(0, 1, "script", script=((0, 1),)), Flow(0, 1, "script", script=((0, 1),))]
    case = network([(0, 1, 5)], flows)
    case.tables = [Table([[0], [NONE]], [0, 0], [NONE, 0])]
    assert fates_of(run_steps(engine_of(case), case)) == {(0, 0): ("no_route", 0), (1, 0): ("delivered", 6)}
