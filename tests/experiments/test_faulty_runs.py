"""Runs in which things fail: what is lost, by pencil, and what is told of it.

A packet of the flow is sent every 24 ms, takes 12 ms onto each link of 1 Mbit/s, and 4 ms of light on each of
the two by way of the left satellite.
"""

import re

import numpy as np
import pytest

from lasermesh.cli.docs import topics
from lasermesh.contacts import LinkEngine
from lasermesh.orbits import build_ephemeris
from lasermesh.packets.causes import CAUSES
from lasermesh.results import format_summary
from lasermesh.scenario import load_experiment
from tests.experiments.worlds import go, plan

SENT_EVERY_MS = 24


def fault(**keys):
    """A table `[[faults]]`."""
    shown = {key: str(value).replace("'", '"').replace("True", "true") for key, value in keys.items()}
    return "[[faults]]\n" + "".join(f"{key} = {value}\n" for key, value in shown.items())


def quoted(name):
    return f'"{name}"'


def run_with(world, *faults, **more):
    options = {"rate_gbps": 0.0005, "sets": ["flows.data.phase_s=0"]} | more
    if "plan_text" not in options:
        options["left_stop_s"] = 1e9
    return world(more=options.pop("more", "") + "".join(faults), **options)


def sent_between(from_ms, until_ms):
    """Packets sent in [from, until)."""
    return -(-until_ms // SENT_EVERY_MS) - -(-from_ms // SENT_EVERY_MS)


def drops(done):
    """Packets dropped by cause, where there were any, after a look at the sums."""
    (flow,) = done.summary["flows"]
    assert flow["sent"] == flow["delivered"] + flow["in_flight"] + sum(flow["dropped"].values())
    return {cause: number for cause, number in flow["dropped"].items() if number}


def drops_at_links(done):
    found = {}
    for row in done.kept.links.to_pylist():
        for cause in CAUSES:
            if row[f"dropped_{cause}"]:
                key = row["from"], row["to"], cause
                found[key] = found.get(key, 0) + row[f"dropped_{cause}"]
    return found


def contacts_of(done, start, end):
    rows = done.kept.contacts.to_pylist()
    return sorted((row["start_s"], row["stop_s"]) for row in rows if (row["from"], row["to"]) == (start, end))


def test_a_link_that_fails_within_a_step_loses_what_is_sent_until_it_is_repaired(world):
    done = run_with(world, fault(link=["Quito", "left"], at_s=0.5, repair_s=0.75))
    lost = sent_between(500, 750)
    assert lost == 11 and drops(done) == {"link_down": lost}
    assert drops_at_links(done) == {("Quito", "left", "link_down"): lost}
    assert (
        contacts_of(done, "Quito", "left") == contacts_of(done, "left", "Quito") == [(0.0, 0.5), (0.75, 4.0)]
    )
    assert contacts_of(done, "left", "Lima") == [(0.0, 4.0)]
    assert done.summary["faults"] == {"links": {"failures": 1, "repairs": 1, "downtime_s": 0.25}}
    assert done.summary["path_change_count"] == 0
    text = format_summary(done.summary)
    assert ["links", "1", "1", "0.250"] in [line.split() for line in text.splitlines()]


def test_one_way_leaves_the_way_back_alone(world):
    done = run_with(world, fault(link=["left", "Quito"], at_s=0.5, repair_s=0.75, both_ways="false"))
    assert drops(done) == {}
    assert contacts_of(done, "left", "Quito") == [(0.0, 0.5), (0.75, 4.0)]
    assert contacts_of(done, "Quito", "left") == [(0.0, 4.0)]


def test_a_failure_surprises_the_table_in_force_and_the_next_one_knows_it(world):
    """Until the next step packets are lost; then they go by the right, until the step after the repair."""
    done = run_with(world, fault(link=["Quito", "left"], at_s=0.5, repair_s=2.5))
    assert drops(done) == {"link_down": sent_between(500, 1000)}
    rows = done.kept.paths.to_pylist()
    assert [(row["t_s"], row["nodes"][1]) for row in rows] == [(0.0, "left"), (1.0, "right"), (3.0, "left")]
    assert done.summary["path_changes"][0]["dropped"] == sent_between(500, 1000)


def test_a_fault_that_no_link_meets_and_one_that_never_comes_change_nothing(world):
    plain = run_with(world)
    other = run_with(
        world, fault(link=["left", "right"], at_s=0.5), fault(nodes=quoted("left"), mtbf_s=1e9, mttr_s=1.0)
    )
    assert other.kept.manifest["hashes"]["link_graph"] == plain.kept.manifest["hashes"]["link_graph"]
    for table in ("flows", "links", "paths", "contacts"):
        assert getattr(other.kept, table).equals(getattr(plain.kept, table))
    assert "faults" not in plain.summary
    assert other.summary["faults"]["links"] == {"failures": 1, "repairs": 0, "downtime_s": 3.5}
    assert other.summary["faults"]["nodes"]["failures"] == 0


@pytest.mark.parametrize(("at_ms", "at_link"), [(495, False), (500, True)])
def test_a_failed_satellite_loses_what_it_holds_and_what_reaches_it(world, at_ms, at_link):
    """The packet sent at 480 ms reaches it at 496 ms and would be sent on until 508 ms."""
    done = run_with(world, fault(nodes=quoted("left"), at_s=at_ms / 1000, repair_s=0.75))
    assert drops(done) == {"node_down": 1, "link_down": sent_between(500, 750)}
    expected = {("Quito", "left", "link_down"): 11} | ({("left", "Lima", "node_down"): 1} if at_link else {})
    assert drops_at_links(done) == expected
    for ends in (("Quito", "left"), ("left", "Quito"), ("left", "Lima"), ("Lima", "left")):
        assert contacts_of(done, *ends) == [(0.0, at_ms / 1000), (0.75, 4.0)]


def test_a_failed_source_loses_its_own_packets(world):
    done = run_with(world, fault(nodes=quoted("Quito"), at_s=0.5, repair_s=0.75))
    plain = run_with(world)
    assert drops(done) == {"node_down": sent_between(500, 750)}
    assert drops_at_links(done) == {}
    assert done.summary["flows"][0]["sent"] == plain.summary["flows"][0]["sent"]


def test_what_waits_at_a_failed_satellite_is_lost_even_where_links_hand_it_back(world):
    """A queue builds up before the link onwards, half as fast: two packets beside the one in service."""
    slow = plan(left_stop_s=1e9).replace(
        "left,Lima,0,1000000000.0,1000000", "left,Lima,0,1000000000.0,500000"
    )
    assert "500000," in slow
    lost = {}
    for handling in ("drop", "reroute"):
        done = run_with(
            world,
            fault(nodes=quoted("left"), at_s=0.5, repair_s=0.75),
            sets=["flows.data.phase_s=0", f"packets.on_link_down={handling}"],
            rate_gbps=0.0009,
            plan_text=slow,
        )
        lost[handling] = drops_at_links(done)["left", "Lima", "node_down"]
    assert lost["drop"] == lost["reroute"] == 3


RING = """
duration_s = 2.0
[topology]
name = "ring"
step_s = 1.0
[topology.terminals.mini]
rate_gbps = 0.001
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 1
slots = 6
phasing_factor = 0
altitude_km = 1400.0
inclination_deg = 60.0
terminals = [{ type = "mini", count = 2 }]
[[topology.links]]
rule = "grid"
offsets = [[0, 1]]
[[flows]]
name = "data"
from = "w-0-0"
to = "w-0-1"
rate_gbps = 0.0005
phase_s = 0.0
"""


@pytest.mark.parametrize("index", [0, 1])
def test_a_failed_terminal_takes_down_the_link_that_has_it_and_no_other(tmp_path, index):
    file = tmp_path / "ring.toml"
    file.write_text(RING + fault(terminals=[["w-0-0", index]], at_s=0.5, repair_s=0.75))
    done = go(file, tmp_path / "run")
    experiment = load_experiment(file)
    ephemeris = build_ephemeris(experiment.topology)
    links = LinkEngine(experiment.topology, ephemeris)
    links.follow_terminals = True
    links.step(0.0, 1.0)
    (held,) = links.holdings
    row = np.flatnonzero(
        ((held.first == 0) & (held.first_terminal == index))
        | ((held.second == 0) & (held.second_terminal == index))
    )
    assert len(row) == 1
    names = ephemeris.names
    ends = {names[held.first[row[0]]], names[held.second[row[0]]]}
    for contact in done.kept.contacts.to_pylist():
        edges = contacts_of(done, contact["from"], contact["to"])
        assert edges == (
            [(0.0, 0.5), (0.75, 2.0)] if {contact["from"], contact["to"]} == ends else [(0.0, 2.0)]
        )
    assert drops(done) == ({"link_down": 11} if ends == {"w-0-0", "w-0-1"} else {})
    assert done.summary["faults"] == {"terminals": {"failures": 1, "repairs": 1, "downtime_s": 0.25}}


def test_the_faults_of_the_documentation_happen(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", topics()["faults"], re.DOTALL)
    file = tmp_path / "ring.toml"
    file.write_text(RING + example)
    done = go(file, tmp_path / "run")
    assert done.summary["faults"] == {
        "nodes": {"failures": 1, "repairs": 1, "downtime_s": 1.0},
        "links": {"failures": 0, "repairs": 0, "downtime_s": 0.0},
        "terminals": {"failures": 1, "repairs": 0, "downtime_s": 1.0},
    }


RANDOM = (
    fault(nodes=["left", "right"], mtbf_s=1.0, mttr_s=0.2)
    + fault(links=[["Quito", "left"], ["right", "Lima"]], mtbf_s=0.5, mttr_s=0.1)
    + "[packets]\nqueue_packets = 3\n"
)


def test_random_faults_come_again_with_the_seed_on_any_number_of_threads(world):
    runs = [world(kind="poisson", more=RANDOM, threads=threads, seed=3) for threads in (1, 2)]
    other = world(kind="poisson", more=RANDOM, seed=4)
    for table in ("flows", "links", "paths", "contacts"):
        assert getattr(runs[0].kept, table).equals(getattr(runs[1].kept, table))
    assert runs[0].kept.manifest["hashes"] == runs[1].kept.manifest["hashes"]
    assert runs[0].kept.manifest["hashes"]["link_graph"] != other.kept.manifest["hashes"]["link_graph"]
    assert runs[0].summary["faults"] == runs[1].summary["faults"]
    found = drops(runs[0])
    assert found["link_down"] > 0 and found["queue"] > 0
    of = runs[0].summary["faults"]
    for kind in ("nodes", "links"):
        assert of[kind]["failures"] - of[kind]["repairs"] in (0, 1, 2) and of[kind]["failures"] > 3
        assert 0.0 < of[kind]["downtime_s"] < 8.0


def test_a_run_that_starts_later_counts_its_faults_from_there(world):
    """Times of faults are those of the experiment, as those of flows."""
    done = run_with(world, fault(link=["Quito", "left"], at_s=0.5, repair_s=0.75), head="start_s = 10.0\n")
    assert contacts_of(done, "Quito", "left") == [(10.0, 10.5), (10.75, 14.0)]
    assert drops(done) == {"link_down": 11}


def test_a_link_that_is_named_and_never_there_is_told_of(world):
    """Misspelt ends that are nodes, or a link of which the topology makes only the way back."""
    back_only = "\n".join(line for line in plan().splitlines() if not line.startswith("Lima,left")) + "\n"
    more = '[observe]\nqueue_of = [["Quito", "left"], ["left", "right"], ["Lima", "left"]]\n'
    faults = (
        fault(links=[["Quito", "left"], ["Lima", "Quito"]], at_s=0.0),
        fault(link=["Lima", "left"], at_s=1.0),
        fault(link=["Lima", "left"], at_s=1.0, both_ways="false"),
    )
    done = run_with(world, *faults, more=more, plan_text=back_only)
    told = [line.split(" has had")[0] + line.split(" effect on")[1] for line in done.warnings]
    never = ": there was no such link during the run"
    assert told == [
        f"faults[0] Lima > Quito{never}",
        f"faults[2] Lima > left{never}",
        f"observe.queue_of left > right{never}",
        f"observe.queue_of Lima > left{never}",
    ]
