"""Whatever happens, bundles add up, and how a run is cut into windows changes nothing."""

import random

import pytest

from lasermesh.bundles import sending
from lasermesh.packets.causes import BIT_ERROR, QUEUE
from lasermesh.units import PS_PER_MS
from tests.bundles.fake_links import World, flow, store

SEEDS = range(12)


def random_world(seed, **more):
    """Five nodes, contacts that fail, links that lose packets, small stores, bundles of all priorities."""
    rng = random.Random(seed)
    contacts, ups = [], {}
    for pair in [(a, b) for a in range(5) for b in range(5) if a != b and rng.random() < 0.6]:
        time_s, spans = rng.uniform(0, 2), []
        while time_s < 12:
            stop_s = round(time_s + rng.uniform(0.05, 1.5), 4)
            contacts.append((*pair, round(time_s, 4), stop_s, round(rng.uniform(0.001, 0.2), 6)))
            spans += _really_up(rng, round(time_s, 4), stop_s)
            time_s = stop_s + rng.uniform(0.1, 3)
        delay_s = next(row[4] for row in contacts if row[:2] == pair)  # one for each link
        contacts = [(*row[:4], delay_s) if row[:2] == pair else row for row in contacts]
        ups[pair] = spans
    made = [
        (
            round(rng.uniform(0, 8), 4),
            rng.choice((500, 5_000, 40_000, 400_000)),
            rng.randrange(3),
            rng.choice((None, 3.0, 6.0)),
        )
        for _ in range(12)
    ]
    made.sort()
    flows = [flow(0, 4, made=made[:8]), flow(1, 3, made=made[8:])]
    loss = rng.choice((0.0, 0.02))

    def fate(channel, sequence, time_ps):
        drawn = random.Random(channel * 10**6 + sequence).random()
        return BIT_ERROR if drawn < loss else QUEUE if drawn < 1.5 * loss else -1

    settings = {
        "when_cut": rng.choice(("resend", "split")),
        "retransmit": rng.random() < 0.7,
        "booking": rng.choice(("own", "shared", "none")),
        "routing": rng.choice(("earliest", "spread", "sabr", "sabr-complete")),
        "when_full": rng.choice(("refuse", "drop-oldest", "drop-lowest")),
        "stores": [store(0, 600_000), store(2, 100_000)],
    }
    return World(contacts, flows, ups=ups, fate=fate, **settings, **more)


def _really_up(rng, start_s, stop_s):
    """When the link of a contact is up: as planned, late, cut or with a gap."""
    middle_s = round((start_s + stop_s) / 2, 4)
    return rng.choice(
        (
            [(start_s, stop_s)],
            [(start_s, stop_s)],
            [(start_s, middle_s)],
            [(middle_s, stop_s)],
            [(start_s, middle_s - 0.01), (middle_s, stop_s)],
            [],
        )
    )


def told(world):
    """All records, in an order that does not depend on that of writing them."""
    return [sorted(map(repr, records)) for records in (world.log.bundles, world.log.bundle_hops)]


@pytest.mark.parametrize("seed", SEEDS)
def test_bundles_and_stores_add_up_at_every_instant(seed):
    world = random_world(seed)
    bundles = world.run(40.0, check=True)
    assert len(bundles) == 12
    assert {one.cause for one in bundles if one.state == "lost"} <= {
        "expired",
        "storage",
        *(() if world.experiment.bundles.retransmit else ("queue", "bit_error", "link_down")),
    }
    for one in bundles:
        stays = world.stays(one.bundle)
        if one.state == "delivered":
            last = [stay for stay in stays if stay.next_node == one.to_node and stay.outcome != "lost"]
            assert max(stay.arrived_ps for stay in last) == one.finished_ps
            assert one.sent_bytes >= one.resent_bytes + one.n_bytes
    flows = world.work.totals()["flows"]
    for one in flows:
        ended = one["delivered"] + sum(one["lost"].values()) + one["stored"] + one["on_the_way"]
        assert one["made"] == ended
    assert sum(one["sent_bytes"] for one in flows) == sum(
        size * packets for rows in world.port.sizes_bytes for _, size, packets in rows
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_windows_and_portions_change_nothing(seed, monkeypatch):
    world = random_world(seed)
    world.run(40.0)
    other = random_world(seed, window_ps=PS_PER_MS // 7)
    monkeypatch.setattr(sending, "PORTION_ENTRIES", 3)
    other.run(40.0)
    assert told(other) == told(world)
    assert other.log.stores == world.log.stores
