"""Forwarding tables in the engine: choices and paths by a flow's hash, way-points, growth, slots."""

import numpy as np
import pytest

from lasermesh.packets import state
from tests.packets.adapter import engine_of, fates_of, run_steps, steps_of
from tests.reference.case import NONE, Flow, Step
from tests.reference.packet_simulator import draw
from tests.reference.test_packet_simulator import network

FLOW_HASH = 4
N_MIDDLE = 5
DELAYS = [10_000 * (middle + 1) for middle in range(N_MIDDLE)]
# Node 0 reaches the last node over any of five others, each farther than the one before.
FAN = [(0, 1 + middle, DELAYS[middle]) for middle in range(N_MIDDLE)]
FAN += [(1 + middle, 1 + N_MIDDLE, 0) for middle in range(N_MIDDLE)]
LAST = 1 + N_MIDDLE
N_FLOWS = 40
SEED = 1  # that of `network`


def hash_of(flow):
    return draw(SEED, FLOW_HASH, flow, 0) >> 33


def fan(n_flows=N_FLOWS, packets=((0, 1),), **more):
    flows = [Flow(0, LAST, "script", script=packets) for _ in range(n_flows)]
    return network(FAN, flows, n_nodes=LAST + 1, tables=[], **more)


def empty_links(n_labels, n_choices=1):
    return np.full((LAST + 1, n_labels, n_choices), NONE, np.int32)


def middles(case, link, label_of_flow, next_label=None):
    """Over which of the five nodes the first packet of each flow came, NONE if it was not delivered."""
    engine = engine_of(case)
    engine.install_table(link, np.asarray(label_of_flow, np.int32), 0, next_label)
    fates = fates_of(run_steps(engine, case))
    # Packets of one byte, of which at most N_FLOWS wait for each other twice.
    return [
        (fates[flow, 0][1] - 1) // 10_000 - 1 if fates[flow, 0][0] == "delivered" else NONE
        for flow in range(len(case.flows))
    ]


# ------------------------------------------------------------------------------------------ choices and paths


@pytest.mark.parametrize("usable", [1, 2, 3, 5])
def test_flow_hash_picks_among_the_choices_that_are_there(usable):
    link = empty_links(1, N_MIDDLE)
    link[0, 0, :usable] = np.arange(usable)
    link[1 : 1 + N_MIDDLE, 0, 0] = N_MIDDLE + np.arange(N_MIDDLE)
    taken = middles(fan(), link, np.zeros((N_FLOWS, 1)))
    assert taken == [hash_of(flow) % usable for flow in range(N_FLOWS)]
    assert set(taken) == set(range(usable))


def test_node_without_any_choice_has_no_route():
    assert middles(fan(), empty_links(1, 3), np.zeros((N_FLOWS, 1))) == [NONE] * N_FLOWS


def test_packets_of_one_flow_all_take_the_same_choice():
    link = empty_links(1, N_MIDDLE)
    link[0, 0] = np.arange(N_MIDDLE)
    link[1 : 1 + N_MIDDLE, 0, 0] = N_MIDDLE + np.arange(N_MIDDLE)
    case = fan(n_flows=1, packets=tuple((1000 * k, 1) for k in range(50)))
    engine = engine_of(case)
    engine.install_table(link, np.zeros((1, 1), np.int32), 0)
    fates = fates_of(run_steps(engine, case))
    delays = {time - 1000 * sequence for (_, sequence), (_, time) in fates.items()}
    assert delays == {DELAYS[hash_of(0) % N_MIDDLE] + 2}


def test_flow_hash_picks_among_the_paths_of_a_flow():
    # One label per middle node; flow i may use the first 1 + i % 5 of them.
    link = empty_links(N_MIDDLE)
    link[0, :, 0] = np.arange(N_MIDDLE)
    for middle in range(N_MIDDLE):
        link[1 + middle, middle, 0] = N_MIDDLE + middle
    n_paths = [1 + flow % N_MIDDLE for flow in range(N_FLOWS)]
    labels = [[path if path < n else NONE for path in range(N_MIDDLE)] for n in n_paths]
    taken = middles(fan(), link, labels)
    assert taken == [hash_of(flow) % n_paths[flow] for flow in range(N_FLOWS)]
    assert set(taken) == set(range(N_MIDDLE))


def test_flow_without_a_path_has_no_route():
    link = empty_links(1)
    link[0, 0, 0], link[1, 0, 0] = 0, N_MIDDLE
    labels = [[0, NONE] if flow % 2 else [NONE, NONE] for flow in range(N_FLOWS)]
    assert middles(fan(), link, labels) == [0 if flow % 2 else NONE for flow in range(N_FLOWS)]


# ------------------------------------------------------------------------------------------------- way-points


def test_packet_leaves_with_the_label_that_the_table_names():
    # Label 0 leads to node 3 and becomes label 1 there, which alone leads on.
    link = empty_links(2)
    link[0, 0, 0] = 2
    link[3, 1, 0] = N_MIDDLE + 2
    labels = np.zeros((N_FLOWS, 1))
    assert middles(fan(), link, labels) == [NONE] * N_FLOWS
    next_label = np.full((LAST + 1, 2), NONE, np.int32)
    next_label[0, 0] = 1
    assert middles(fan(), link, labels, next_label) == [2] * N_FLOWS


def test_way_point_is_visited_before_the_destination():
    # 0 -> 1 -> 2 is short; the way-point 3 lies behind node 1. Label 2 is node 2, label 3 "2 by way of 3".
    links = [(0, 1, 10), (1, 2, 10), (1, 3, 1000), (3, 1, 1000)]
    direct = Flow(0, 2, "script", script=((0, 1),))
    case = network(links, [direct, direct], n_nodes=4, tables=[])
    link = np.full((4, 4, 1), NONE, np.int32)
    link[:, 2, 0] = [0, 1, NONE, 3]
    link[:, 3, 0] = [0, 2, NONE, 3]
    next_label = np.full((4, 4), NONE, np.int32)
    next_label[3, 3] = 2
    engine = engine_of(case, taps=state.TAP_OUT)
    engine.install_table(link, np.array([[2], [3]], np.int32), 0, next_label)
    drained = run_steps(engine, case)
    fates = fates_of(drained)
    assert fates == {(0, 0): ("delivered", 22), (1, 0): ("delivered", 2 + 10 + 1001 + 1001 + 11)}
    out = [r for records in drained for r in records.tolist() if r[state.T_KIND] == state.TAP_OUT]
    way = [r[state.T_PLACE] for r in out if r[state.T_IDENT] >> state.SEQUENCE_BITS == 1]
    assert way == [0, 2, 3, 1]
    labels = [r[state.T_WORD] & state.LABEL_MASK for r in out if r[state.T_IDENT] >> state.SEQUENCE_BITS == 1]
    assert labels == [3, 3, 2, 2]


def test_packet_handed_back_keeps_the_label_that_it_left_with():
    # On leaving node 0 the label becomes 1. Link 0 stops with the packet in service: handed back, it has
    # label 1, which leads over node 2.
    case = fan(n_flows=1, packets=((0, 100),), on_link_down="reroute")
    case.changes.append((50, 0, "stop", 0))
    link = empty_links(2)
    link[0, 0, 0], link[0, 1, 0] = 0, 1
    link[2, 1, 0] = N_MIDDLE + 1
    next_label = np.full((LAST + 1, 2), NONE, np.int32)
    next_label[0, 0] = 1
    engine = engine_of(case)
    engine.install_table(link, np.zeros((1, 1), np.int32), 0, next_label)
    assert fates_of(run_steps(engine, case)) == {(0, 0): ("delivered", 50 + 100 + DELAYS[1] + 100)}


# ------------------------------------------------------------------------------------------------ many tables


def stepped_fan(n_steps, step_ps, packets, n_flows):
    delays = [delay for _, _, delay in FAN]
    steps = [Step(k * step_ps, (k + 1) * step_ps, delays, delays) for k in range(n_steps)]
    return fan(n_flows, packets, steps=steps, end_ps=n_steps * step_ps)


def test_tables_may_grow_in_labels_choices_and_way_points_while_older_ones_are_in_force():
    n_flows, step_ps = 6, 200_000
    case = stepped_fan(5, step_ps, tuple((k * step_ps + 10, 1) for k in range(5)), n_flows)
    engine = engine_of(case)
    over = []  # by step, what each flow has to take
    expected = []
    for step, (n_labels, n_choices, has_next) in enumerate(
        [(1, 1, False), (7, 1, False), (7, 3, False), (2, 2, True), (9, 4, False)]
    ):
        label, choice_count = n_labels - 1, n_choices
        link = empty_links(n_labels, n_choices)
        link[0, label, :choice_count] = (step + np.arange(choice_count)) % N_MIDDLE
        on_label = 0 if has_next else label
        link[1 : 1 + N_MIDDLE, on_label, 0] = N_MIDDLE + np.arange(N_MIDDLE)
        next_label = None
        if has_next:
            next_label = np.full((LAST + 1, n_labels), NONE, np.int32)
            next_label[0, label] = 0
        over.append((link, np.full((n_flows, 1), label, np.int32), next_label))
        expected.append([(step + hash_of(flow) % choice_count) % N_MIDDLE for flow in range(n_flows)])
    taken = []
    for index, (end_ps, step) in enumerate(steps_of(case)):
        link, labels, next_label = over[index]
        # Node LAST never takes any of them, so that every table stays wanted until then.
        switch_ps = np.full(LAST + 1, step.start_ps)
        switch_ps[LAST] = case.end_ps
        engine.install_table(link, labels, switch_ps, next_label)
        engine.begin_step(step)
        assert engine.advance(end_ps)
        fates = fates_of([engine.drain_taps()])
        assert {outcome for outcome, _ in fates.values()} == {"delivered"}
        taken.append([(fates[f, index][1] - step.start_ps - 10) // 10_000 - 1 for f in range(n_flows)])
    assert taken == expected


def test_growth_leaves_the_table_in_force_as_it_is():
    # Label 0 becomes label 1, by two choices. A table with more of both comes, and nobody switches to it yet.
    step_ps = 200_000
    case = stepped_fan(3, step_ps, tuple((k * step_ps + 10, 1) for k in range(3)), 6)
    engine = engine_of(case)
    link = empty_links(2, 2)
    link[0, 0] = [2, 3]
    link[3, 1, 0], link[4, 1, 0] = N_MIDDLE + 2, N_MIDDLE + 3
    next_label = np.full((LAST + 1, 2), NONE, np.int32)
    next_label[0, 0] = 1
    labels = np.zeros((6, 1), np.int32)
    engine.install_table(link, labels, 0, next_label)
    for index, (end_ps, step) in enumerate(steps_of(case)):
        if index > 0:
            engine.install_table(empty_links(2 + index, 2 + index), labels, case.end_ps - 1)
        engine.begin_step(step)
        assert engine.advance(end_ps)
        fates = fates_of([engine.drain_taps()])
        assert {outcome for outcome, _ in fates.values()} == {"delivered"}
        delays = [fates[flow, index][1] - step.start_ps - 10 for flow in range(6)]
        assert [delay // 10_000 - 1 for delay in delays] == [2 + hash_of(flow) % 2 for flow in range(6)]


def test_slots_of_tables_are_used_again_over_hundreds_of_tables():
    n_steps, step_ps = 300, 100_000
    case = stepped_fan(n_steps, step_ps, tuple((k * step_ps + 10, 1) for k in range(n_steps)), 1)
    engine = engine_of(case)
    drained = []
    slots = set()
    for index, (end_ps, step) in enumerate(steps_of(case)):
        link = empty_links(1)
        link[0, 0, 0] = index % N_MIDDLE
        link[1 : 1 + N_MIDDLE, 0, 0] = N_MIDDLE + np.arange(N_MIDDLE)
        # Node 5 is always late by two and a half steps.
        switch_ps = np.full(LAST + 1, step.start_ps)
        switch_ps[5] += 5 * step_ps // 2
        engine.install_table(link, np.zeros((1, 1), np.int32), switch_ps)
        engine.begin_step(step)
        assert engine.advance(end_ps)
        drained.append(engine.drain_taps())
        slots.add(len(engine._e.tables))
    fates = fates_of(drained)
    assert fates == {
        (0, k): ("delivered", k * step_ps + 12 + DELAYS[k % N_MIDDLE])
        if k % N_MIDDLE != 4 or k > 2
        else ("no_route", k * step_ps + 11 + DELAYS[4])
        for k in range(n_steps)
    }
    assert max(slots) <= 6


def test_table_installed_for_the_next_step_leaves_alone_those_still_to_come_in_this_one():
    # During the first step, before its table is in force anywhere, the next one's is brought.
    step_ps = 100_000
    case = stepped_fan(2, step_ps, ((60_000, 1), (step_ps + 10, 1)), 1)
    engine = engine_of(case)
    tables = []
    for middle in (1, 3):
        link = empty_links(1)
        link[0, 0, 0] = middle
        link[1 : 1 + N_MIDDLE, 0, 0] = N_MIDDLE + np.arange(N_MIDDLE)
        tables.append(link)
    labels = np.zeros((1, 1), np.int32)
    (first_end, first), (second_end, second) = steps_of(case)
    engine.install_table(tables[0], labels, 50_000)
    engine.begin_step(first)
    engine.install_table(tables[1], labels, step_ps)
    assert engine.advance(first_end)
    drained = [engine.drain_taps()]
    engine.begin_step(second)
    assert engine.advance(second_end)
    drained.append(engine.drain_taps())
    assert fates_of(drained) == {
        (0, 0): ("delivered", 60_002 + DELAYS[1]),
        (0, 1): ("delivered", step_ps + 12 + DELAYS[3]),
    }
