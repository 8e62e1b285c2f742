"""Bundles do not go to and fro: no node gets one twice unless the plan leaves no other way."""

import random

import pytest

from tests.bundles.fake_links import World, flow
from tests.dtn.plans import TERMS
from tests.reference.contact_graph import Query, all_routes

# Of the first forty, those in which some went back before there was the rule.
SEEDS = (1, 13, 20, 28, 32, 34)

MBPS = 8_000_000
TERMS_OF_WORLD = TERMS[0]._replace(handling_ns=1_000_000)


def nodes_of(world, bundle):
    """Where a bundle has been that was never split, from its source on."""
    stays = world.stays(bundle)
    return [stay.node for stay in stays] + [stays[-1].next_node]


@pytest.mark.parametrize("routing", ["earliest", "sabr", "spread"])
def test_a_node_does_not_send_back_what_it_was_given_because_the_way_there_was_full(routing):
    # 0 to 2 directly at 100 s, for 1.25 MB, which 0 soon has promised; or by 1, which does not know of that.
    contacts = [
        (0, 1, 0, 600, 1, MBPS),
        (1, 0, 0, 600, 1, MBPS // 8),
        (1, 2, 700, 1300, 2, MBPS // 8),
        (0, 2, 100, 110, 3, MBPS // 8),
    ]
    made = [(0, 1_000_000, 2, None), *((second, 30_000, 1, None) for second in range(1, 21))]
    world = World(contacts, [flow(0, 2, made=made)], routing=routing)
    bundles = world.run(1400.0)
    ways = [nodes_of(world, one.bundle) for one in bundles]
    assert {tuple(way) for way in ways} == {(0, 2), (0, 1, 2)}
    assert sum(one.sent_bytes for one in bundles) == sum(
        one.n_bytes * (len(way) - 1) for one, way in zip(bundles, ways, strict=True)
    )


def random_world(seed, routing):
    """Five nodes, contacts that are as planned, many bundles for few of them."""
    rng = random.Random(seed)
    contacts = []
    for pair in [(a, b) for a in range(5) for b in range(5) if a != b and rng.random() < 0.5]:
        stop_s = rng.uniform(0, 2)
        for _ in range(rng.randint(1, 4)):
            start_s = round(stop_s + rng.uniform(0.1, 3), 3)
            stop_s = round(start_s + rng.uniform(0.1, 0.8), 3)
            contacts.append((*pair, start_s, stop_s, 0.01, 1_000_000))
    flows = [
        flow(
            one,
            two,
            made=sorted((rng.uniform(0, 5), rng.randrange(5_000, 40_000), 1, None) for _ in range(5)),
        )
        for one in range(5)
        for two in range(5)
        if one != two and rng.random() < 0.5
    ]
    return World(contacts, flows, routing=routing, booking=rng.choice(("own", "own", "shared", "none")))


@pytest.mark.parametrize("routing", ["earliest", "sabr", "spread"])
def test_bundles_come_back_only_where_the_plan_has_no_way_onward(routing):
    n_moves = n_returns = 0
    for seed in SEEDS:
        world = random_world(seed, routing)
        for one in world.run(30.0):
            visited = set()
            for stay in world.stays(one.bundle):
                n_moves += stay.began_ps is not None
                if stay.began_ps is not None and stay.next_node in visited:
                    n_returns += 1
                    # A little more than what the standard's estimate of a bundle's volume is.
                    n_bytes = one.n_bytes if routing != "sabr" else one.n_bytes * 104 // 100 + 100
                    off = frozenset(visited - {stay.node})
                    query = Query(stay.node, one.to_node, -(-stay.began_ps // 1000), n_bytes, off)
                    assert all_routes(world.plan, query, TERMS_OF_WORLD) == []
                visited.add(stay.node)
    assert 0 < n_returns < n_moves / 50
