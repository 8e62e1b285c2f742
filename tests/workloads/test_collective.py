"""Steps of training against closed forms, on a network of fixed delays and rates."""

import pytest

from lasermesh.scenario.workloads import ALL_TO_ALL, PATTERNS, RING, TREE, Workload
from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.exchanges import EXCHANGES, chunks
from tests.workloads.building import on_a_mesh

RATE_BPS = 1_000_000_000
CLOSED_FORM = 0.01  # rounds add light times and handling, some ms in s


def training(n_nodes=4, **keys):
    keys = {"step_bytes": 1_000_000_000, "steps": 1} | keys
    return Workload(name="training", kind="collective", group_rows=tuple(range(n_nodes)), **keys)


def run(workload, n_nodes=4, duration_s=10_000.0, delay_ps=PS_PER_MS, **options):
    """The run and its totals."""
    around = on_a_mesh([workload], n_nodes, delay_ps, duration_s, rate_bps=RATE_BPS, **options)
    (totals,) = around.go()
    return around, totals


@pytest.mark.parametrize("pattern", [RING, ALL_TO_ALL])
@pytest.mark.parametrize("n_nodes", [2, 3, 8])
def test_a_step_takes_what_its_bytes_take_over_a_nodes_one_link(pattern, n_nodes):
    _, totals = run(training(n_nodes, pattern=pattern), n_nodes)
    expected_s = 2 * (n_nodes - 1) / n_nodes * 1e9 * 8 / RATE_BPS
    assert totals["step_s"]["max"] == pytest.approx(expected_s, rel=CLOSED_FORM)
    assert totals["step_s"]["max"] > expected_s
    assert totals["bus_rate_gbps"] == pytest.approx(1.0, rel=CLOSED_FORM)


def test_a_tree_sends_all_bytes_up_and_down_each_level():
    # Of seven nodes the root hears two children at once, and tells them one after the other over its one
    # link; 1 and 2 tell theirs likewise.
    _, totals = run(training(7, pattern=TREE), 7)
    assert totals["step_s"]["max"] == pytest.approx((2 + 4) * 8.0, rel=CLOSED_FORM)
    # A chain of two: once up, once down.
    _, totals = run(training(2, pattern=TREE), 2)
    assert totals["step_s"]["max"] == pytest.approx(2 * 8.0, rel=CLOSED_FORM)


def test_a_ring_by_pencil_to_the_picosecond():
    # Three nodes, 8 bytes: chunks of 3, 3 and 2. In every round each node sends one after 1 ms of handling,
    # at 8 ns a byte, over 1 ms of light time, and knows 1 ms later; each chunk goes round by itself.
    around, _ = run(training(3, step_bytes=8), 3)
    per_round_ps = 3 * PS_PER_MS
    sizes = [3, 3, 2]
    (step,) = around.log.steps
    assert step.ended_ps == max(4 * per_round_ps + 4 * size * 8_000 for size in sizes)
    assert step.sent_bytes == 4 * 8


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("n_bytes", [1, 3, 7, 1000])
def test_all_nodes_together_send_twice_the_bytes_for_each_but_one(pattern, n_bytes):
    _, totals = run(training(5, pattern=pattern, step_bytes=n_bytes), 5)
    assert totals["sent_bytes"] == 2 * 4 * n_bytes
    assert totals["resent_bytes"] == 0
    assert totals["exchanges"] == 1


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("n_nodes", [2, 3, 6])
def test_everybody_ends_with_everybodys_share(pattern, n_nodes):
    """Follow who knows whose part of which chunk, as messages carry it, in a scrambled order of arrival."""
    known = {node: {(node, chunk) for chunk in range(n_nodes)} for node in range(n_nodes)}
    under_way, done = [], []

    def send(source, destination, n_bytes, action):
        assert (source, destination) in EXCHANGES[pattern].pairs(n_nodes)
        under_way.append((destination, frozenset(known[source]), n_bytes, action))

    EXCHANGES[pattern](n_nodes, 10 * n_nodes, send, lambda: done.append(True)).begin()
    turn = 0
    while under_way:
        turn += 1
        destination, carried, _, action = under_way.pop(turn * 7 % len(under_way))
        assert not done
        known[destination] |= carried
        action()
    assert done == [True]
    everything = {(node, chunk) for node in range(n_nodes) for chunk in range(n_nodes)}
    assert all(known[node] == everything for node in range(n_nodes))


def test_chunks_differ_by_one_byte_at_most():
    assert chunks(10, 4) == [3, 3, 2, 2]
    assert chunks(2, 4) == [1, 1, 0, 0]


def test_only_every_so_many_steps_end_with_an_exchange():
    workload = training(exchange_every=3, steps=7, compute_s=2.0)
    around, totals = run(workload)
    assert [step.kind for step in around.log.steps] == ["step", "step", "exchange"] * 2 + ["step"]
    assert totals["exchanges"] == 2
    exchange_s = totals["exchange_s"]["mean"]
    assert totals["communication_share"] == pytest.approx(2 * exchange_s / (14.0 + 2 * exchange_s))
    assert around.work.is_done
    began = [step.began_ps for step in around.log.steps]
    assert began[1:] == [step.ended_ps for step in around.log.steps[:-1]]
    assert all(step.computed_ps - step.began_ps == 2 * PS_PER_S for step in around.log.steps)


def test_a_step_outlasts_a_link_that_is_away():
    away = {(0, 1): [(0, PS_PER_S), (100 * PS_PER_S, NEVER)]}
    _, totals = run(training(), windows=away)
    _, without = run(training())
    assert totals["step_s"]["max"] > 100.0 > without["step_s"]["max"]
    assert totals["steps"] == 1


def test_checkpoints_go_to_the_nearest_in_the_background():
    delays = {(a, b): PS_PER_MS for a in range(4) for b in range(a)}
    delays |= {(0, 4): 9 * PS_PER_MS, (0, 5): 3 * PS_PER_MS}
    workload = training(
        steps=4,
        compute_s=1.0,
        step_bytes=4_000,
        checkpoint_bytes=125_000_000,
        checkpoint_every=2,
        checkpoint_rows=(4, 5),
    )
    around, totals = run(workload, 6, delay_ps=delays)
    pushed = [step for step in around.log.steps if step.kind == "checkpoint"]
    assert [step.step for step in pushed] == [1, 3]
    # 1 s at 1 Gbps, 3 ms of light and twice 1 ms of handling: node 5, though 4 stands first.
    assert [step.ended_ps - step.began_ps for step in pushed] == [PS_PER_S + 5 * PS_PER_MS] * 2
    assert totals["checkpoints"] == 2
    third = next(step for step in around.log.steps if step.step == 2)
    assert third.began_ps < pushed[0].ended_ps


def test_what_is_not_over_at_the_end_is_in_progress():
    around, totals = run(
        training(
            steps=None,
            compute_s=1.0,
            checkpoint_bytes=10**12,
            checkpoint_every=1,
            checkpoint_rows=(2,),
            step_bytes=1000,
        ),
        duration_s=1.5,
    )
    assert totals["steps"] == 1
    assert totals["in_progress"] == 1
    assert totals["checkpoints_in_progress"] == 1
    assert not around.work.is_done
    unfinished = [step for step in around.log.steps if step.ended_ps is None]
    assert [step.kind for step in unfinished] == ["exchange", "checkpoint"]
    assert unfinished[0].computed_ps is None


def test_a_published_time_of_all_reduce_is_met_by_a_ring_of_four():
    # 8 billion weights in bf16: 32 GB that each worker sends in a step, 10 s at 25 Gbps, to two figures.
    workload = training(4, step_bytes=32 * 10**9 * 4 // 6)
    (totals,) = on_a_mesh([workload], 4, PS_PER_MS // 10, 1_000.0, rate_bps=25 * 10**9).go()
    assert totals["step_s"]["max"] == pytest.approx(10, rel=0.05)
