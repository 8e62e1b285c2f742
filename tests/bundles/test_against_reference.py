"""Bundles of random small worlds fare as the reference says, to the ps."""

import random

import pytest

from lasermesh.packets.causes import CAUSES
from tests.bundles.fake_links import World, arrives, flow, ps, store
from tests.reference.bundle_fates import fates_of_records, fates_of_reference
from tests.reference.bundle_parts import BIT_ERROR, QUEUE, Bundle, Options
from tests.reference.bundle_router import Terms
from tests.reference.bundles import BundleSimulator

# Where the nodes of a run and the reference had differed, and where bundles would go back without the rule.
SEEDS = (*range(50), 6645, 21452, 1097, 1124, 1421)
END_S = 30.0

SEGMENT_BYTES = 1000


class Case:
    """A random world: a plan, what links really do, bundles, stores, settings."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        self.seed, self.n_nodes = seed, rng.randint(3, 6)
        self.is_as_planned = rng.random() < 0.3
        self.contacts, self.ups = [], {}
        pairs = [(one, two) for one in range(self.n_nodes) for two in range(self.n_nodes) if one != two]
        n_contacts = rng.randint(5, 20)
        for pair in rng.sample(pairs, len(pairs)):
            if len(self.contacts) < n_contacts:
                self._add_contacts(pair, rng.randint(1, min(5, n_contacts - len(self.contacts))))
        self.loss = 0.0 if self.is_as_planned else rng.choice((0.0, 0.01, 0.1))
        # Trains are lost and cut as a whole, which the reference does not know.
        self.train = 8 if self.is_as_planned and rng.random() < 0.3 else None
        self.made = {}  # by (from, to)
        self.segment_bytes = {}
        for _ in range(rng.randint(3, 15)):
            ends = tuple(rng.sample(range(self.n_nodes), 2))
            self.made.setdefault(ends, []).append(self._bundle())
            self.segment_bytes[ends] = rng.choice((SEGMENT_BYTES, SEGMENT_BYTES, 310))
        self.settings = {
            "when_cut": rng.choice(("resend", "split")),
            "retransmit": rng.random() < 0.7,
            "booking": rng.choice(("own", "shared", "none")),
            "window_end": rng.choice(("exclusive", "inclusive")),
            "margin_s": rng.choice((0.0, 0.0, 0.0123)),
            "handling_s": rng.choice((0.001, 0.0500013, 0.3)),
            "when_full": rng.choice(("refuse", "drop-oldest", "drop-lowest")),
        }
        self.framing = rng.choice((0, 0, 24, 38))
        self.limits = {
            node: rng.choice((20_000, 80_000, 300_000)) for node in range(self.n_nodes) if rng.random() < 0.4
        }
        numbers = rng.sample(range(1, 100), self.n_nodes)
        transit = tuple(rng.random() < 0.9 for _ in range(self.n_nodes))
        self.nodes = {"n_nodes": self.n_nodes, "number": tuple(numbers), "transit": transit}

    def _add_contacts(self, pair, n_contacts):
        rng = self.rng
        delay_s, rate_bps = round(rng.uniform(0.0001, 0.3), 9), rng.choice((200_000, 1_000_000, 3_300_000))
        spans, stop_s = [], rng.uniform(0, 3)
        for _ in range(n_contacts):
            start_s = round(stop_s + rng.uniform(0.1, 3), 9)
            stop_s = round(start_s + rng.uniform(0.02, 1.5), 9)
            if rng.random() < 0.1:  # time for so many segments, and for nothing else
                stop_s = round(start_s + rng.randint(1, 60) * SEGMENT_BYTES * 8 / rate_bps, 9)
            self.contacts.append((*pair, start_s, stop_s, delay_s, rate_bps))
            spans += self._really_up(start_s, stop_s)
        self.ups[pair] = spans

    def _really_up(self, start_s, stop_s):
        """When the link of a contact is up: as planned, or late, cut, with a gap, too long, never."""
        one_s, two_s = sorted(round(self.rng.uniform(start_s, stop_s), 9) for _ in range(2))
        if self.is_as_planned or self.rng.random() < 0.5:
            return [(start_s, stop_s)]
        return self.rng.choice(
            (
                [(start_s, one_s)],
                [(one_s, stop_s)],
                [(start_s, one_s), (two_s, stop_s)],
                [(round(start_s - 0.05, 9), round(stop_s + 0.04, 9))],
                [],
            )
        )

    def _bundle(self):
        """(made s, bytes, priority, lifetime s)"""
        rng = self.rng
        created_s = round(rng.uniform(0, 8), rng.choice((0, 9, 12)))
        n_bytes = rng.choice((rng.randint(1, 2000), rng.randint(2000, 60_000), rng.randint(60_000, 300_000)))
        lifetime_s = rng.choice((None, None, round(rng.uniform(0.2, 10), 9)))
        return created_s, n_bytes, rng.randrange(3), lifetime_s

    def fate(self, sender, receiver, number):
        drawn = random.Random(f"{self.seed} {sender} {receiver} {number}").random()
        return BIT_ERROR if drawn < self.loss else QUEUE if drawn < 1.5 * self.loss else None

    def world(self):
        """The nodes of a run, over a network that is not one."""

        def fate(channel, sequence, time_ps):
            cause = self.fate(*world.pairs[channel], sequence) if self.loss else None
            return arrives(channel, sequence, time_ps) if cause is None else CAUSES.index(cause)

        flows = [
            flow(*ends, made=sorted(rows), segment=self.segment_bytes[ends])
            for ends, rows in self.made.items()
        ]
        stores = [store(node, limit) for node, limit in self.limits.items()]
        world = World(
            self.contacts,
            flows,
            ups=self.ups,
            fate=fate,
            stores=stores,
            framing=self.framing,
            nodes=self.nodes,
            train=self.train,
            **self.settings,
        )
        return world

    def reference(self, plan):
        """The same as a simulator of its own."""
        settings = self.settings
        handling_ps = ps(settings["handling_s"])
        terms = Terms(
            settings["window_end"] == "inclusive", round(settings["margin_s"] * 1e9), handling_ps // 1000
        )
        options = Options(
            handling_ps,
            self.framing,
            settings["when_cut"],
            settings["retransmit"],
            settings["booking"],
            tuple(self.limits.get(node) for node in range(self.n_nodes)),
            (settings["when_full"],) * self.n_nodes,
        )
        made = sorted(
            (ps(row[0]), number, k, ends, row)
            for number, (ends, rows) in enumerate(self.made.items())
            for k, row in enumerate(sorted(rows))
        )
        bundles = [
            Bundle(
                number,
                *ends,
                time_ps,
                n_bytes,
                priority,
                None if lifetime_s is None else time_ps + ps(lifetime_s),
                self.segment_bytes[ends],
            )
            for number, (time_ps, _, _, ends, (_, n_bytes, priority, lifetime_s)) in enumerate(made)
        ]
        changes = [
            (ps(time_s), *pair, is_up)
            for pair, spans in self.ups.items()
            for span in spans
            for time_s, is_up in zip(span, (True, False), strict=True)
        ]
        return BundleSimulator(plan, terms, options, bundles, sorted(changes), self.fate)


@pytest.mark.parametrize("seed", SEEDS)
def test_bundles_fare_as_the_reference_says(seed):
    case = Case(seed)
    world = case.world()
    reference = case.reference(world.plan)
    reference.run(ps(END_S))
    found = world.run(END_S)
    assert fates_of_records(found, world.log.bundle_hops) == fates_of_reference(reference)
