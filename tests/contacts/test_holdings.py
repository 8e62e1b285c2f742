"""Which terminals links have over a step: what a failed terminal takes down."""

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.orbits import build_ephemeris
from lasermesh.units import NONE
from tests.contacts import worlds
from tests.reference.link_rules import is_radio

WORLDS = {
    "grid": worlds.grid_world(3),
    "nearest": worlds.nearest_world(6),
    "guest": worlds.guest_world(5, "nearest"),
    "ground": worlds.ground_world(4, choose="highest", rate_gbps=None, reassign_s=15.0),
    "shared": worlds.shared_world(6),
}


def following(world):
    engine = LinkEngine(world, build_ephemeris(world))
    engine.follow_terminals = True
    return engine


def unrolled(world):
    """Terminals of every node as its group lists them; none for sites, and for groups without any."""
    counts = np.zeros(len(world.node_names), int)
    for group in world.satellites:
        counts[list(world.group_rows(group.name))] = sum(use.count for use in group.terminals)
    return counts


def rows_of(holding):
    """{(rule, both ends): {node: index of its terminal}}."""
    found = {}
    for first, second, rule, *terminals in zip(*(column.tolist() for column in holding[1:]), strict=True):
        key = rule, frozenset((first, second))
        assert key not in found
        found[key] = dict(zip((first, second), terminals, strict=True))
    return found


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_every_link_has_a_terminal_at_each_end_that_is_limited_and_none_has_two(name, offset):
    """With an offset, rules choose within steps: links that come up then have terminals of that choice."""
    world = WORLDS[name]
    engine, counts = following(world), unrolled(world)
    radio = [rule.rule == "ground" and is_radio(rule) for rule in world.links]
    looked_at = chosen_within = 0
    for k in range(12):
        start_s = (k + offset) * world.step_s
        step = engine.step(start_s, start_s + world.step_s)
        holdings = [(holding.since_s, rows_of(holding)) for holding in engine.holdings]
        assert holdings[0][0] == start_s
        for since_s, _ in holdings[1:]:
            assert start_s < since_s < start_s + world.step_s
            chosen_within += 1
            assert since_s / world.step_s == pytest.approx(round(since_s / world.step_s))
        for _, rows in holdings:
            taken = [(node, index) for ends in rows.values() for node, index in ends.items() if index != NONE]
            assert len(taken) == len(set(taken))
            assert all(0 <= index < counts[node] for node, index in taken)
        links = engine.links
        up = [(start_s, link) for link in step.graph.link.tolist()]
        up += [
            (t_s, link)
            for t_s, link, rate in zip(step.change_s, step.change_link, step.change_rate_bps, strict=True)
            if rate
        ]
        for t_s, link in up:
            ends = int(links.from_node[link]), int(links.to_node[link])
            limited = [node for node in ends if counts[node]]
            if radio[links.rule[link]] or not limited:
                continue
            rows = [rows for since_s, rows in holdings if since_s <= t_s][-1]
            terminals = rows[int(links.rule[link]), frozenset(ends)]
            assert all(terminals[node] != NONE for node in limited)
            looked_at += 1
    assert looked_at > 20
    assert chosen_within == (0 if name == "grid" or not offset else 12)


def test_nobody_who_does_not_ask_pays_for_it():
    world = WORLDS["nearest"]
    engine = LinkEngine(world, build_ephemeris(world))
    engine.step(0.0, world.step_s)
    assert engine.holdings == []
