"""Failures over moving worlds in which rules choose: what the engine is told, instant by instant."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.experiments.fault_overlay import Faults
from lasermesh.experiments.faults import NODE, TERMINAL, Fault, FaultTimeline
from lasermesh.experiments.feeding import LinkFeed
from lasermesh.experiments.queueing import Queues
from lasermesh.orbits import build_ephemeris
from lasermesh.units import NONE, PS_PER_S
from tests.contacts import worlds
from tests.experiments.test_feeding import QueuesByRule, Recorder, settings

WORLDS = {
    "grid": worlds.grid_world(3),
    "nearest": worlds.nearest_world(3, step_s=60.0),
    "guest": worlds.guest_world(4, "nearest"),
    "shared": worlds.shared_world(6, step_s=60.0),
    "shared too": worlds.shared_world(4, step_s=60.0),
}
SEED = 5
STEPS = 30


def faults_in(world):
    """Every terminal of every satellite is failed half of the time, and so are some satellites."""
    named = []
    for group in world.satellites:
        count = sum(use.count for use in group.terminals)
        for node in world.group_rows(group.name):
            named += [(TERMINAL, node, index) for index in range(count)]
            named += [(NODE, node, NONE)] if node % 3 == 0 else []
    mean_ps = 0.5 * STEPS * world.step_s * PS_PER_S
    return [
        Fault(*thing, mean_up_ps=mean_ps, mean_down_ps=mean_ps, row=row) for row, thing in enumerate(named)
    ]


def failed_at(named, time_ps):
    """Which things are failed at an instant, by their failures and repairs until then."""
    found = set()
    for _, fault, fails in zip(*FaultTimeline(named, SEED).before(time_ps + 1), strict=True):
        (found.add if fails else found.discard)(int(fault))
    return {named[fault][:3] for fault in found}


def expected_links(engine, t_s, failed):
    """{(from, to, rule): rate} of the links that are up and lack nothing, at an instant."""
    graph, holding = engine.graph_at(t_s), engine.table.holding(t_s)
    terminals = {}
    for first, second, rule, one, other in zip(*(column.tolist() for column in holding[1:]), strict=True):
        terminals[rule, first, second] = terminals[rule, second, first] = {
            (TERMINAL, first, one),
            (TERMINAL, second, other),
        }
    found = {}
    for start, to, rule, rate in zip(graph.from_node, graph.to_node, graph.rule, graph.rate_bps, strict=True):
        needed = {(NODE, int(start), NONE), (NODE, int(to), NONE)}
        needed |= terminals.get((int(rule), int(start), int(to)), set())
        if not needed & failed:
            found[int(start), int(to), int(rule)] = int(rate)
    return found


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_every_link_is_up_with_its_rate_while_nothing_that_it_has_at_the_time_has_failed(name, offset):
    world = WORLDS[name]
    ephemeris = build_ephemeris(world)
    links, other = (LinkEngine(world, ephemeris) for _ in range(2))
    named = faults_in(world)
    n_nodes = len(world.node_names)
    feed = LinkFeed(
        SimpleNamespace(packets=SimpleNamespace(scale=1.0)),
        links,
        Recorder(),
        Queues(QueuesByRule([settings()] * len(world.links)), 1.0),
        lambda *columns: 0,
        np.zeros(n_nodes, bool),
        Faults(named, SEED, n_nodes),
    )
    start_s = offset * world.step_s
    rng = np.random.default_rng(1)
    rates, n_lost = {}, 0
    for k in range(STEPS):
        begin_ps, end_ps = (round((k + i) * world.step_s * PS_PER_S) for i in (0, 1))
        feed.begin(start_s + k * world.step_s, start_s + (k + 1) * world.step_s, begin_ps, end_ps)
        changes = list(zip(*(column.tolist() for column in feed.changes[1:]), strict=True))
        for time_ps in sorted({begin_ps, *rng.integers(begin_ps + 1, end_ps, 8).tolist()}):
            while changes and changes[0][0] <= time_ps:
                _, link, rate = changes.pop(0)
                rates[link] = rate
            table = links.links
            given = {
                (int(table.from_node[link]), int(table.to_node[link]), int(table.rule[link])): rate
                for link, rate in rates.items()
                if rate
            }
            failed = failed_at(named, time_ps)
            expected = expected_links(other, start_s + time_ps / PS_PER_S, failed)
            assert given == expected, (k, time_ps)
            n_lost += len(expected_links(other, start_s + time_ps / PS_PER_S, set())) - len(expected)
        for _, link, rate in changes:
            rates[link] = rate
    assert n_lost > 100
