"""Fast reroute by pencil: which link is taken instead of one that is down, and from when on."""

import numpy as np
import pytest

from tests.packets.adapter import engine_of, fates_of, fates_of_reference, run_steps, steps_of
from tests.packets.test_tables_of_labels import DELAYS, LAST, N_MIDDLE, empty_links, fan, hash_of, stepped_fan
from tests.reference.case import NONE, Table
from tests.reference.packet_simulator import simulate

DOWN_PS = 50_000
AFTER_PS = 20_000
SIZE = 1  # bytes, each of which takes 1 ps


def onward(link, label=0):
    """Let every node in the middle send on to the last one."""
    link[1 : 1 + N_MIDDLE, label, 0] = N_MIDDLE + np.arange(N_MIDDLE)
    return link


def backups(n_labels, *of_source):
    """Backups that node 0 has, by label."""
    backup = np.full((LAST + 1, n_labels), NONE, np.int32)
    backup[0, : len(of_source)] = of_source
    return backup


def ways(times, links_down, link, backup=None, alternate_after_ps=0, next_label=None, **more):
    """By which node in the middle each packet of one flow came, or the cause of its loss.

    A packet is sent at each of `times`; at DOWN_PS the links of `links_down` stop.
    """
    case = fan(n_flows=1, packets=tuple((time_ps, SIZE) for time_ps in times), **more)
    case.changes += [(DOWN_PS, down, "stop", 0) for down in links_down]
    case.alternate_after_ps = alternate_after_ps
    engine = engine_of(case)
    engine.install_table(link, np.zeros((1, 1), np.int32), 0, next_label, backup)
    fates = fates_of(run_steps(engine, case))
    if next_label is None:  # which the reference does not have
        assert fates.counted == fates_of_reference(simulate(with_table(case, link, backup))).counted
    by_delay = {delay + 2 * SIZE: middle for middle, delay in enumerate(DELAYS)}
    return [
        by_delay[fates[0, k][1] - times[k]] if fates[0, k][0] == "delivered" else fates[0, k][0]
        for k in range(len(times))
    ]


def with_table(case, link, backup):
    """The case with a table in force from the start, for the reference."""
    first = link[:, :, 0].tolist()
    more = [[tuple(way for way in ways[1:] if way != NONE) for ways in row] for row in link.tolist()]
    case.tables = [Table(first, [0] * case.n_nodes, [0], more, [] if backup is None else backup.tolist())]
    return case


def one_way(first=0):
    """A table in which node 0 has one choice."""
    link = onward(empty_links(1))
    link[0, 0, 0] = first
    return link


def test_the_backup_is_taken_from_the_instant_at_which_the_node_knows():
    known_ps = DOWN_PS + AFTER_PS
    times = [DOWN_PS - 2, DOWN_PS, known_ps - 1, known_ps, known_ps + 1]
    taken = ways(times, [0], one_way(), backups(1, 3), AFTER_PS)
    assert taken == [0, "link_down", "link_down", 3, 3]
    assert ways(times, [0], one_way(), backups(1, 3), 0) == [0, 3, 3, 3, 3]


def test_without_fast_reroute_a_backup_is_not_looked_at():
    assert ways([DOWN_PS + 5], [0], one_way(), backups(1, 3), None) == ["link_down"]
    assert ways([DOWN_PS + 5], [0], one_way(), None, 0) == ["link_down"]


def test_the_next_choice_comes_before_the_backup_and_in_a_circle():
    link = onward(empty_links(1, 3))
    link[0, 0] = [0, 1, 2]
    order = [(hash_of(0) + k) % 3 for k in range(3)]
    for n_down in range(4):
        wanted = [*order, 4][n_down]
        assert ways([DOWN_PS + 5], order[:n_down], link, backups(1, 4)) == [wanted]
    assert ways([DOWN_PS + 5], [0, 1, 2, 4], link, backups(1, 4)) == ["link_down"]


def test_an_alternate_that_is_not_known_to_be_down_loses_what_it_is_given():
    # Link 0 has been down for long when link 3 goes down.
    case = fan(n_flows=1, packets=((DOWN_PS + 5, SIZE),))
    case.changes += [(10, 0, "stop", 0), (DOWN_PS, 3, "stop", 0)]
    case.alternate_after_ps = AFTER_PS
    engine = engine_of(case)
    engine.install_table(one_way(), np.zeros((1, 1), np.int32), 0, backup=backups(1, 3))
    assert fates_of(run_steps(engine, case)) == {(0, 0): ("link_down", DOWN_PS + 5)}
    drops = engine.drain_links()
    assert drops.link[drops.dropped.sum(axis=1) > 0].tolist() == [3]


def test_a_link_that_is_up_again_is_taken_at_once():
    case = fan(n_flows=1, packets=((DOWN_PS + 5, SIZE), (DOWN_PS + 30, SIZE)))
    case.changes += [(DOWN_PS, 0, "stop", 0), (DOWN_PS + 30, 0, "start", 8 * 10**12)]
    case.alternate_after_ps = 0
    engine = engine_of(case)
    engine.install_table(one_way(), np.zeros((1, 1), np.int32), 0, backup=backups(1, 3))
    fates = fates_of(run_steps(engine, case))
    assert fates[0, 0] == ("delivered", DOWN_PS + 5 + DELAYS[3] + 2)
    assert fates[0, 1] == ("delivered", DOWN_PS + 30 + DELAYS[0] + 2)


@pytest.mark.parametrize("alternate_after_ps", [0, AFTER_PS])
def test_what_a_stopped_link_hands_back_goes_by_the_same_rule(alternate_after_ps):
    # The first packet has left by then, the second is in service, the third waits.
    case = fan(n_flows=1, packets=((DOWN_PS - 1500, 1000),) * 3, on_link_down="reroute")
    case.changes.append((DOWN_PS, 0, "stop", 0))
    case.alternate_after_ps = alternate_after_ps
    engine = engine_of(case)
    engine.install_table(one_way(), np.zeros((1, 1), np.int32), 0, backup=backups(1, 3))
    fates = fates_of(run_steps(engine, case))
    assert fates[0, 0] == ("delivered", DOWN_PS - 1500 + DELAYS[0] + 2000)
    if alternate_after_ps:
        assert fates[0, 1] == fates[0, 2] == ("link_down", DOWN_PS)
    else:
        assert fates[0, 1] == ("delivered", DOWN_PS + DELAYS[3] + 2000)
        assert fates[0, 2] == ("delivered", DOWN_PS + DELAYS[3] + 3000)


def test_a_packet_on_a_backup_leaves_with_the_label_that_the_table_names():
    # Label 0 becomes 1 at node 0, and label 1 alone leads on.
    link = onward(empty_links(2), label=1)
    link[0, 0, 0] = 0
    next_label = np.full((LAST + 1, 2), NONE, np.int32)
    next_label[0, 0] = 1
    assert ways([10, DOWN_PS + 5], [0], link, backups(2, 3), next_label=next_label) == [0, 3]


def test_backups_stay_where_they_are_when_tables_grow():
    step_ps = 200_000
    case = stepped_fan(4, step_ps, tuple((k * step_ps + 10, SIZE) for k in range(4)), 1)
    case.changes.append((step_ps, 0, "stop", 0))
    case.alternate_after_ps = 0
    engine = engine_of(case)
    labels = np.zeros((1, 1), np.int32)
    engine.install_table(one_way(), labels, 0, backup=backups(1, 3))
    wider = [  # to which nobody switches
        (empty_links(2, 2), None, None),
        (empty_links(3), None, backups(3, 1, 1, 1)),
        (empty_links(4), np.full((LAST + 1, 4), 1, np.int32), None),
    ]
    for index, (end_ps, step) in enumerate(steps_of(case)):
        if index > 0:
            link, next_label, backup = wider[index - 1]
            engine.install_table(link, labels, case.end_ps - 1, next_label, backup)
        engine.begin_step(step)
        assert engine.advance(end_ps)
        wanted = DELAYS[0 if index == 0 else 3] + step.start_ps + 10 + 2 * SIZE
        assert fates_of([engine.drain_taps()]) == {(0, index): ("delivered", wanted)}
