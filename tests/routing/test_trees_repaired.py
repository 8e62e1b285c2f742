"""Trees repaired from the last step are those that are grown anew, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from lasermesh.compiled import COMPILED
from lasermesh.contacts import LinkEngine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.orbits import build_ephemeris
from lasermesh.routing import TreeMemory, compute_table, tree_memory, trees, trees_towards
from lasermesh.scenario import load_topology
from tests.routing.test_trees import LENGTHS, grid_snapshot, random_snapshot


@pytest.fixture(autouse=True)
def always_try_to_repair(monkeypatch):
    monkeypatch.setattr(tree_memory, "CALLS_WITHOUT", 0)


def assert_same(snapshot, memory):
    """Repaired trees of a snapshot equal new ones, with or without delays, as do those by hops."""
    new = trees_towards(replace(snapshot, memory=None))
    repaired = trees_towards(replace(snapshot, memory=memory))
    np.testing.assert_array_equal(repaired.link, new.link)
    np.testing.assert_array_equal(repaired.delay_s, new.delay_s)


def without_links(snapshot, gone):
    """A snapshot with some rows of its links taken away."""
    kept = ~gone
    first = np.concatenate([[0], np.cumsum(kept)])[snapshot.first]
    columns = ("from_node", "to_node", "link", "delay_s", "range_m", "rate_bps", "kind")
    return replace(snapshot, first=first, **{name: getattr(snapshot, name)[kept] for name in columns})


def orbiting(n_destinations, step_s, n_steps):
    """Snapshots of walker-144 with its sites."""
    topology = load_topology("walker-144")
    ephemeris = build_ephemeris(topology)
    links = LinkEngine(topology, ephemeris)
    to = np.flatnonzero(ephemeris.is_ground)[:n_destinations]
    maker = SnapshotMaker(topology, ephemeris, np.roll(to, 1), to)
    return [maker.of(links.graph_at(step * step_s)) for step in range(n_steps)]


def test_an_orbit_of_steps_gives_the_trees_that_are_grown_anew():
    memory = TreeMemory()
    snapshots = orbiting(10, 30.0, 190 if COMPILED else 15)
    for snapshot in snapshots:
        assert_same(snapshot, memory)
    assert memory.repaired > 0.3 * 10 * len(snapshots)
    n_links = [snapshot.n_links for snapshot in snapshots]
    assert min(n_links) < max(n_links)


def test_short_steps_are_repaired_nearly_all():
    memory = TreeMemory()
    for snapshot in orbiting(10, 1.0, 20):
        assert_same(snapshot, memory)
    assert memory.repaired > 0.9 * 190


def test_one_study_makes_all_its_snapshots_with_one_memory():
    first, second = orbiting(3, 1.0, 2)
    compute_table("shortest-delay", first)
    compute_table("shortest-delay", second)
    assert first.memory is second.memory and first.memory.repaired > 0


@pytest.mark.parametrize("lengths", LENGTHS)
def test_networks_that_change_at_random_give_the_trees_that_are_grown_anew(lengths):
    rng = np.random.default_rng(23)
    for _ in range(12):
        memory = TreeMemory()
        whole = random_snapshot(rng, lengths)
        for _ in range(12):
            change = rng.random()
            if change < 0.1:  # other links, some with ids that were another's, and other destinations
                whole = random_snapshot(rng, lengths, whole.n_nodes)
            elif change < 0.3:
                delay_s = LENGTHS[lengths](rng, whole.n_links) / 299_792_458.0
                whole = replace(whole, delay_s=delay_s)
            elif change < 0.6:
                whole = replace(whole, delay_s=whole.delay_s * rng.uniform(0.9, 1.1, whole.n_links))
            gone = rng.random(whole.n_links) < rng.choice([0.0, 0.1, 0.5])
            assert_same(without_links(whole, gone), memory)


def wavering(rng, n_steps, share_gone=0.02, n_sites=19):
    """A torus with sites whose links change their lengths a little, and come and go."""
    whole = grid_snapshot(9, 8, n_sites, seed=4)
    for _ in range(n_steps):
        whole = replace(whole, delay_s=whole.delay_s * rng.uniform(0.97, 1.03, whole.n_links))
        yield without_links(whole, rng.random(whole.n_links) < share_gone)


@pytest.mark.parametrize("share_gone", [0.0, 0.02, 0.7])
def test_a_torus_whose_links_come_and_go_gives_the_trees_that_are_grown_anew(share_gone):
    memory = TreeMemory()
    for snapshot in wavering(np.random.default_rng(29), 60 if COMPILED else 6, share_gone):
        assert_same(snapshot, memory)
    assert memory.repaired > 0 and memory.grown > 0


def test_ties_of_a_regular_torus_go_to_the_lowest_id_after_repair_too():
    rng = np.random.default_rng(31)
    memory = TreeMemory()
    even = grid_snapshot(7, 6, 5, seed=1)
    for _ in range(20 if COMPILED else 4):
        # Lengths in whole steps of 2**-9 s: many paths are equally long, to the last bit.
        steps = rng.integers(1, 3, even.n_links)
        assert_same(replace(even, delay_s=steps * 2.0**-9), memory)
        steps[rng.integers(0, even.n_links, 3)] += 1
        assert_same(replace(even, delay_s=steps * 2.0**-9), memory)


def test_workers_do_not_change_repaired_trees(monkeypatch):
    answers = []
    for worth_two in (10**9, 0):
        monkeypatch.setattr(trees, "LINKS_WORTH_TWO_WORKERS", worth_two)
        memory = TreeMemory()
        steps = wavering(np.random.default_rng(37), 8 if COMPILED else 2)
        answers.append([trees_towards(replace(snapshot, memory=memory)) for snapshot in steps])
    for alone, shared in zip(*answers, strict=True):
        np.testing.assert_array_equal(alone.link, shared.link)
        np.testing.assert_array_equal(alone.delay_s, shared.delay_s)


def test_links_alone_are_the_same_without_delays():
    memory = TreeMemory()
    for snapshot in wavering(np.random.default_rng(41), 5 if COMPILED else 2):
        found = trees_towards(replace(snapshot, memory=memory), with_delays=False)
        np.testing.assert_array_equal(found.link, trees_towards(snapshot).link)


@pytest.mark.parametrize("most_bytes", [2**28, 50_000, 20_000])
def test_destinations_may_change_from_call_to_call(most_bytes, monkeypatch):
    monkeypatch.setattr(tree_memory, "MOST_BYTES", most_bytes)  # all sets, some of them, the small ones alone
    memory = TreeMemory()
    rng = np.random.default_rng(43)
    sets = [np.sort(rng.permutation(91)[:n]).astype(np.int32) for n in (1, 3, 9, 20, 2, 8)]
    for snapshot in wavering(rng, 3 if COMPILED else 2):
        for destinations in sets:
            assert_same(replace(snapshot, destinations=destinations), memory)
    assert (memory.repaired > 0) == (most_bytes == 2**28)


def test_a_memory_of_another_network_does_no_harm():
    memory = TreeMemory()
    for seed in range(4):
        assert_same(grid_snapshot(5, 4, 3, seed), memory)
        whole = grid_snapshot(5, 4, 3, seed)
        assert_same(replace(whole, transit=np.roll(whole.transit, seed)), memory)


def test_repair_rests_where_it_does_not_pay(monkeypatch):
    monkeypatch.setattr(tree_memory, "CALLS_WITHOUT", 3)
    memory = TreeMemory()
    whole = grid_snapshot(12, 12, 4, seed=2)
    rng = np.random.default_rng(47)
    for _ in range(2):  # other lengths each time: next to nothing can be kept
        other = replace(whole, delay_s=rng.uniform(1e-3, 1e-2, whole.n_links))
        assert_same(other, memory)
    assert memory.grown > memory.repaired
    repaired = memory.repaired
    for _ in range(3):
        assert_same(other, memory)
    assert memory.repaired == repaired
    assert_same(other, memory)
    assert memory.repaired == repaired + 4
