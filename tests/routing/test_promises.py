"""What a policy is held to: its promises, its time, and the place and pair that an error names."""

import contextlib
import signal
import sys
import threading
import time

import numpy as np
import pytest

from lasermesh.errors import RunFailed, UserError
from lasermesh.packets.state import LABEL_MASK
from lasermesh.routing import ForwardingTable, compute_table, declare, table
from lasermesh.routing.promises import reachable_among
from lasermesh.routing.time_limit import TimeIsUp, call_within
from tests.reference import routing as reference

# A line 0 - 1 - 2 - 3, both ways; link ids 10 to 15.
LINE = [(0, 1, 1e6), (1, 2, 2e6), (2, 3, 4e6), (1, 0, 1e6), (2, 1, 2e6), (3, 2, 4e6)]
IDS = [10, 11, 12, 13, 14, 15]


def line(flows=((0, 3), (3, 0), (1, 3)), **more):
    return reference.snapshot_of(4, LINE, list(flows), ids=IDS, t_s=7.5, **more)


def answer(**changes):
    """Labels 0 and 1 lead to nodes 0 and 3; `n2_1=14` has node 2 use link 14 for label 1."""
    link = np.array([[-1, 10], [13, 11], [14, 12], [15, -1]])
    for place, value in changes.items():
        node, label = place.removeprefix("n").split("_")
        link[int(node), int(label)] = value
    return link


def refusal(returned, snapshot=None, **declared):
    """The message about a policy that returns this."""
    policy = declare(**declared)(lambda _: returned)
    with pytest.raises(RunFailed) as refused:
        compute_table(policy, snapshot or line())
    start = 'routing policy "<lambda>" at t = 7.5 s '
    assert str(refused.value).startswith(start)
    return str(refused.value).removeprefix(start)


def test_a_circle_is_refused_with_its_nodes_and_a_pair_unless_it_was_declared():
    circle = answer(n2_1=14)
    words = (
        'leads the flow from "n0" to "n3" in a circle, n1 > n2 > n1 (2 of 3 flows), but counts as loop-free'
    )
    assert refusal(circle).startswith(words)
    found, report = compute_table(declare(loop_free=False)(lambda _: circle), line())
    assert report.looping_flows.tolist() == [0, 2]
    np.testing.assert_array_equal(found.link[:, :, 0], circle)


def test_a_circle_that_only_some_choices_lead_into_is_named():
    link = np.stack([answer(), np.full((4, 2), -1)], axis=2)
    link[2, 1, 1] = 14
    words = refusal(ForwardingTable(link, np.array([[1], [0], [1]])))
    assert words.startswith('leads the flow from "n0" to "n3" in a circle, n1 > n2 > n1')


def test_a_long_circle_is_cut_in_the_message():
    ring = [(n, (n + 1) % 12, 1e6) for n in range(12)]
    snapshot = reference.snapshot_of(13, [*ring, (0, 12, 1e6)], [(5, 12)], t_s=7.5)
    link = np.full((13, 1), -1)
    ids = {
        start: link
        for start, link, end in zip(snapshot.from_node, snapshot.link, snapshot.to_node, strict=True)
        if end < 12
    }
    for node in range(12):
        link[node, 0] = ids[node]
    assert "in a circle, n5 > n6 > n7 > n8 > n9 > n10 > n11 > ... > n5 (1 of 1 flow)" in refusal(
        link, snapshot
    )


def test_a_flow_with_a_path_may_not_be_lost_by_a_policy_that_is_declared_complete():
    lost = answer(n2_1=-1)
    words = 'leads the flow from "n0" to "n3", which has a path, to a dead end at "n2" (2 of 3 flows)'
    assert words in refusal(lost, complete=True)
    _, report = compute_table(lambda _: lost, line())
    assert report.dead_end_flows.tolist() == [0, 2]
    none = ForwardingTable(answer()[:, :, np.newaxis], np.array([[1], [0], [-1]]))
    assert '"n1" to "n3", which has a path, to a dead end at "n1" (1 of' in refusal(none, complete=True)
    circle = answer(n2_1=14)
    assert "which has a path, in a circle" in refusal(circle, complete=True, loop_free=False)


def test_a_flow_without_a_path_may_be_lost():
    no_transit = np.array([True, False, True, True])
    snapshot = line([(0, 3), (1, 3), (0, 1)], transit=no_transit)
    assert reachable_among(snapshot, [0, 1, 2]).tolist() == [1, 2]
    complete = declare(complete=True)(lambda seen: answer(n0_1=-1, n0_0=10)[:, [0, 1]])
    _, report = compute_table(complete, snapshot)
    assert report.dead_end_flows.tolist() == [0]
    apart = reference.snapshot_of(4, LINE[:1], [(0, 1), (0, 3), (3, 1)])
    assert reachable_among(apart, [0, 1, 2]).tolist() == [0]
    assert reachable_among(apart, []).tolist() == []


def test_reachable_flows_are_those_with_a_path_in_networkx():
    rng = np.random.default_rng(8)
    for _ in range(20):
        pairs = [(a, b) for a in range(7) for b in range(7) if a != b]
        links = [(*pairs[pair], 1e6) for pair in rng.permutation(42)[:12]]
        flows = [pairs[pair] for pair in rng.permutation(42)[:15]]
        snapshot = reference.snapshot_of(7, links, flows, rng.random(7) < 0.7)
        expected = [row for row, (a, b) in enumerate(flows) if a in reference.shortest_delays(snapshot, b)]
        assert reachable_among(snapshot, np.arange(15)).tolist() == expected


def test_a_wrong_entry_is_named_with_the_flow_that_enters_with_its_label():
    link = np.concatenate([answer(n2_1=99), answer()], axis=1)[:, [3, 1, 2, 0], np.newaxis]
    two_labels = ForwardingTable(link, np.array([[1], [2], [0]]))
    assert refusal(two_labels).startswith(
        'names link 99 at node "n2", label 1 (of the flow from "n0" to "n3"), which is down'
    )


def test_there_may_be_as_many_labels_as_a_packet_can_carry(monkeypatch):
    assert table.MOST_LABELS == LABEL_MASK
    monkeypatch.setattr(table, "MOST_LABELS", 1)
    assert refusal(answer()) == "returned a table with 2 labels; there may be at most 1"


def test_whatever_a_policy_raises_is_its_error_but_for_what_the_user_can_mend():
    def raises(error):
        def policy(_snapshot):
            raise error

        return policy

    with pytest.raises(RunFailed, match="raised an error: GeneratorExit"):
        compute_table(raises(GeneratorExit()), line())
    with pytest.raises(RunFailed, match=r"raised an error: MemoryError$"):
        compute_table(raises(MemoryError()), line())
    with pytest.raises(UserError, match="there is no file paths"):
        compute_table(raises(UserError("there is no file paths.csv")), line())


def endless(_snapshot):
    while True:
        try:
            len([])
        except BaseException:  # as careless as can be
            continue


def in_main_thread(function):
    return function()


def in_another_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("within", [in_main_thread, in_another_thread])
def test_a_policy_that_never_returns_is_ended(within):
    def attempt():
        try:
            compute_table(endless, line(), time_limit_s=0.05)
        except RunFailed as error:
            return str(error)

    handler, began = signal.getsignal(signal.SIGALRM), time.monotonic()
    expected = 'routing policy "endless" at t = 7.5 s took longer than 0.05 s; [routing] time_limit_s says'
    assert within(attempt).startswith(expected)
    assert signal.getsignal(signal.SIGALRM) is handler and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    time.sleep(0.15)  # nothing comes after
    assert time.monotonic() - began < 30.0


def sleeps_within_try(_snapshot):
    while True:
        try:
            time.sleep(10.0)
        except BaseException:
            continue


def sleeps_within_two(_snapshot):
    while True:
        try:
            try:
                time.sleep(10.0)
            except BaseException:
                continue
        except BaseException:
            continue


def sleeps_elsewhere(_snapshot):
    while True:
        with contextlib.suppress(BaseException):
            in_main_thread(lambda: time.sleep(10.0))


@pytest.mark.parametrize("policy", [sleeps_within_try, sleeps_within_two, sleeps_elsewhere])
def test_a_loop_that_swallows_whatever_comes_is_ended_wherever_the_timer_finds_it(policy):
    trace, began = sys.gettrace(), time.monotonic()
    with pytest.raises(RunFailed, match=r"took longer than 0\.05 s"):
        compute_table(policy, line(), time_limit_s=0.05)
    assert time.monotonic() - began < 10.0  # it did not wait for a sleep to end
    assert sys.gettrace() is trace


@pytest.mark.parametrize("within", [in_main_thread, in_another_thread])
def test_a_late_answer_does_not_count_even_if_nothing_could_interrupt_it(within):
    def swallows(seen):
        try:
            while True:
                pass
        except BaseException:
            return answer()

    def attempt():
        with pytest.raises(RunFailed, match=r"took longer than 0\.05 s"):
            compute_table(swallows, line(), time_limit_s=0.05)
        return True

    assert within(attempt)


def test_a_time_limit_inside_another_leaves_the_other_one_in_force():
    def outer():
        assert call_within(30.0, lambda: 5) == 5
        assert 0.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 20.0
        with pytest.raises(TimeIsUp):
            call_within(0.02, endless, None)
        endless(None)

    with pytest.raises(TimeIsUp):
        call_within(0.3, outer)
    assert call_within(20.0, lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0.0)


def test_policies_that_are_built_in_are_not_limited_but_belong_to_the_time_of_who_calls_them():
    compute_table("shortest-delay", line(), time_limit_s=1e-9)

    def many(seen):
        while True:
            compute_table("shortest-delay", seen)

    with pytest.raises(RunFailed, match=r'"many" .* took longer'):
        compute_table(many, line(), time_limit_s=0.1)
