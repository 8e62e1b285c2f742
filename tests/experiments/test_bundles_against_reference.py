"""Whole runs with bundles: in random small worlds each fares as the reference says, to the ps."""

import random

import numpy as np
import pytest

from lasermesh.bundles.log import RECORD_TYPES
from lasermesh.experiments.bundling import foresee
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.experiments.simulation import Simulation
from lasermesh.units import NONE
from tests.reference.bundle_fates import fates_of_records, fates_of_reference
from tests.reference.bundle_parts import Bundle, Options
from tests.reference.bundle_router import Terms
from tests.reference.bundles import BundleSimulator
from tests.reference.contact_graph import Contact, Plan

NODES = ("a", "b", "c", "d")
DURATION_S = 20.0
SEGMENT_BYTES = 1200

EXPERIMENT = """
duration_s = {duration_s}
[topology]
name = "world"
step_s = 1.0
[[topology.satellites]]
name = "s"
fixed = {nodes}
[[topology.links]]
rule = "plan"
plan = "plan.csv"
[packets]
framing_bytes = {framing}
queue_packets = 100_000
[[flows]]
name = "bundles"
kind = "bundle"
bundles = "list.csv"
segment_bytes = {segment_bytes}
[bundles]
"""


class RunCase:
    """A plan and a list of bundles in files, an experiment on them, and links that fail."""

    def __init__(self, seed, folder):
        rng = self.rng = random.Random(seed)
        self.contacts, self.faults = [], []
        pairs = [(one, two) for one in range(len(NODES)) for two in range(len(NODES)) if one != two]
        for pair in rng.sample(pairs, 7):
            self._add_contacts(pair, rng.randint(1, 3))
        self.made = sorted(self._bundle() for _ in range(12))
        self.settings = {
            "when_cut": rng.choice(("resend", "split")),
            "booking": rng.choice(("own", "shared", "none")),
            "margin_s": rng.choice((0.0, 0.0123)),
            "handling_s": rng.choice((0.001, 0.0500013)),
            "when_full": rng.choice(("refuse", "drop-oldest", "drop-lowest")),
            "store_bytes": rng.choice((60_000, 200_000, 10**9)),
            "retransmit": rng.random() < 0.7,
        }
        self.framing = rng.choice((0, 24))
        self.file = self._write(folder)

    def _add_contacts(self, pair, n_contacts):
        rng = self.rng
        owlt_s, rate_bps = round(rng.uniform(0.001, 0.3), 6), rng.choice((200_000, 1_000_000))
        stop_s = rng.uniform(0, 3)
        for _ in range(n_contacts):
            start_s = round(stop_s + rng.uniform(0.1, 2), 6)
            stop_s = round(start_s + rng.uniform(0.2, 3), 6)
            self.contacts.append((*pair, start_s, stop_s, rate_bps, owlt_s))
        if rng.random() < 0.5 and not any(set(pair) == set(fault[:2]) for fault in self.faults):
            down_s = round(rng.uniform(start_s, stop_s), 6)
            self.faults.append((*pair, down_s, round(down_s + rng.uniform(0.01, 1), 6)))

    def _bundle(self):
        """(made s, from, to, bytes, priority, lifetime s)"""
        rng = self.rng
        n_bytes = rng.choice((rng.randint(1, 2000), rng.randint(2000, 60_000), rng.randint(60_000, 200_000)))
        lifetime_s = rng.choice((100.0, 100.0, round(rng.uniform(0.2, 10), 6)))
        ends = rng.sample(range(len(NODES)), 2)
        return round(rng.uniform(0, 6), 6), *ends, n_bytes, rng.randrange(3), lifetime_s

    def _write(self, folder):
        def rows(table):
            return "".join(",".join(map(str, row)) + "\n" for row in table)

        def named(row):
            return NODES[row[0]], NODES[row[1]], *row[2:]

        plan = "from,to,start_s,stop_s,rate_bps,owlt_s\n" + rows(map(named, self.contacts))
        (folder / "plan.csv").write_text(plan)
        listed = [(row[0], *named(row[1:])) for row in self.made]
        (folder / "list.csv").write_text("created_s,from,to,bytes,priority,lifetime_s\n" + rows(listed))
        text = EXPERIMENT.format(
            duration_s=DURATION_S, nodes=list(NODES), framing=self.framing, segment_bytes=SEGMENT_BYTES
        )
        for name, value in self.settings.items():
            shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
            text += f"{name} = {shown}\n"
        for one, two, down_s, up_s in self.faults:
            text += (
                f'[[faults]]\nlink = ["{NODES[one]}", "{NODES[two]}"]\nat_s = {down_s}\nrepair_s = {up_s}\n'
            )
        file = folder / "run.toml"
        file.write_text(text)
        return file

    def reference(self, graph):
        """The same as a simulator of its own, which foresees the contacts of a `ContactGraph`."""
        settings = self.settings
        handling_ps = ps(settings["handling_s"])
        contacts = tuple(
            Contact(*map(int, row[:5]), None if row[5] == NONE else int(row[5]))
            for row in zip(
                graph.contact_from,
                graph.contact_to,
                graph.contact_start_ns,
                graph.contact_stop_ns,
                graph.contact_rate_bps,
                graph.contact_owlt_ns,
                strict=True,
            )
        )
        plan = Plan(contacts, tuple(graph.transit.tolist()), tuple(graph.number.tolist()))
        n_nodes = len(NODES)
        options = Options(
            handling_ps,
            self.framing,
            settings["when_cut"],
            settings["retransmit"],
            settings["booking"],
            (settings["store_bytes"],) * n_nodes,
            (settings["when_full"],) * n_nodes,
        )
        bundles = [
            Bundle(
                number, sender, to, ps(made_s), n_bytes, priority, ps(made_s) + ps(lifetime_s), SEGMENT_BYTES
            )
            for number, (made_s, sender, to, n_bytes, priority, lifetime_s) in enumerate(self.made)
        ]
        terms = Terms(False, round(settings["margin_s"] * 1e9), handling_ps // 1000)
        return BundleSimulator(plan, terms, options, bundles, sorted(self._changes()))

    def _changes(self):
        """What links do: as the plan says, but down while they fail, in both directions."""
        for sender, receiver, start_s, stop_s, *_ in self.contacts:
            spans = [(start_s, stop_s)]
            for one, two, down_s, up_s in self.faults:
                if {one, two} == {sender, receiver}:
                    spans = [
                        part
                        for begin, end in spans
                        for part in ((begin, min(end, down_s)), (max(begin, up_s), end))
                        if part[0] < part[1]
                    ]
            for begin, end in spans:
                yield ps(begin), sender, receiver, True
                yield ps(end), sender, receiver, False


def ps(seconds):
    return round(seconds * 10**12)


@pytest.mark.parametrize("seed", (*range(10), 214, 793))
def test_bundles_of_a_run_fare_as_the_reference_says(seed, tmp_path):
    case = RunCase(seed, tmp_path)
    experiment, policy = load_with_policy(case.file)
    run = Simulation(experiment, 1, None, policy=policy)
    log, kept = run.bundling.log, {name: [] for name in RECORD_TYPES}
    take = log.take

    def keep(name):
        records = take(name)
        kept[name] += records
        return records

    log.take = keep
    run.run(tmp_path / "run")
    for name in RECORD_TYPES:
        log.take(name)
    reference = case.reference(foresee(experiment, np.zeros(len(NODES), np.int64)).graph)
    reference.run(ps(DURATION_S))
    assert fates_of_records(kept["bundles"], kept["bundle_hops"]) == fates_of_reference(reference)
