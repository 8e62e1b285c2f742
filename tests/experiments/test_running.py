"""An experiment from its file to its folder: what is in there, and that it is what happened."""

import hashlib
import json
import math

import numpy as np
import pytest

from lasermesh.contacts import contact_plan
from lasermesh.experiments.running import run
from lasermesh.orbits import build_ephemeris
from lasermesh.packets.causes import CAUSES
from lasermesh.results import Run, format_summary, load
from lasermesh.scenario import load_experiment
from tests.experiments.worlds import OWLT_S, go, write_moving, write_world

SERIALIZATION_S = 1500 * 8 / 1e6
"""Of one packet on a link of 1 Mbit/s."""


def rows_of(table):
    return table.to_pylist()


def test_folder_holds_tables_that_agree_with_each_other(world):
    done = world(kind="poisson", more="[packets]\nqueue_packets = 3\n", sets=["flows.data.stop_s=3"])
    flow = rows_of(done.kept.flows)[0]
    assert flow["sent"] == flow["delivered"] + sum(flow[f"dropped_{cause}"] for cause in CAUSES)
    assert flow["in_flight"] == 0  # a second after the last packet
    assert flow["bytes_sent"] == 1500 * flow["sent"] and flow["bytes_delivered"] == 1500 * flow["delivered"]
    assert flow["dropped_queue"] > 0 and flow["hops_mean"] == 2

    links = rows_of(done.kept.links)
    assert {row["t_s"] for row in links} <= {0.0, 1.0, 2.0, 3.0}
    assert sum(row["packets"] for row in links) == done.summary["engine"]["packet_hops"]
    into_lima = sum(row["packets"] for row in links if row["to"] == "Lima")
    assert into_lima == flow["delivered"]
    for cause in CAUSES:
        assert sum(row[f"dropped_{cause}"] for row in links) == flow[f"dropped_{cause}"]
    for row in links:
        assert row["bytes"] == 1500 * row["packets"]
        assert 0 <= row["busy_s"] <= 1.0 and row["queue_max_bytes"] <= 3 * 1500
    # What left a link on its way had been served whole; what a stop cut short had been served in part.
    busy_s = sum(row["busy_s"] for row in links)
    assert busy_s == pytest.approx(done.summary["engine"]["packet_hops"] * SERIALIZATION_S, abs=0.013)

    assert json.loads((done.kept.path / "summary.json").read_text()) == done.summary
    assert done.kept.status == done.summary["status"] == "complete"


def test_summary_and_manifest_tell_what_was_run(world):
    done = world(seed=7, threads=1)
    manifest = done.kept.manifest
    assert (done.summary["seed"], manifest["seed"], manifest["status"]) == (7, 7, "complete")
    assert manifest["scenario"]["topology"]["name"] == "two-ways"
    assert manifest["engine"]["range_error_km"] == 0.0
    assert manifest["engine"]["windows"] > 0
    assert len(manifest["hashes"]["link_graph"]) == 64
    for name, fingerprint in manifest["files"].items():
        assert fingerprint["sha256"] == hashlib.sha256((done.kept.path / name).read_bytes()).hexdigest()
    assert done.summary["simulated_s"] == 4.0
    assert done.summary["engine"]["threads"] == 1
    assert done.warnings == []


def test_a_run_comes_back_opened_as_its_folder_is_by_load(tmp_path):
    opened = run(write_world(tmp_path), ["duration_s=0.1"], tmp_path / "out")
    again = load(tmp_path / "out")
    assert type(opened) is type(again) is Run and opened.folder == str(tmp_path / "out")
    assert opened.flows.equals(again.flows) and opened.flows.num_rows == 1
    assert opened.summary == again.summary and opened.status == again.status == "complete"


def test_a_lone_packet_takes_the_light_time_and_two_serializations(world):
    done = world(rate_gbps=1e-5, sets=["flows.data.phase_s=0", "flows.data.stop_s=1"])
    latency = done.summary["flows"][0]["latency_ms"]
    assert done.summary["flows"][0]["delivered"] == 1
    assert latency["mean"] == pytest.approx(1e3 * 2 * (OWLT_S["left"] + SERIALIZATION_S), rel=1e-12)


def test_goodput_is_the_rate_of_a_flow_that_nothing_disturbs(world):
    done = world(left_stop_s=1e9, rate_gbps=0.0005)
    assert done.summary["flows"][0]["goodput_gbps"] == pytest.approx(0.0005, rel=0.03)
    assert done.summary["links"]["busiest"][0]["utilisation"] == pytest.approx(0.5, rel=0.03)


def test_the_same_seed_gives_the_same_tables_on_any_number_of_threads(world):
    runs = [world(kind="poisson", threads=threads) for threads in (1, 2, 2)]
    for other in runs[1:]:
        for table in ("flows", "links", "paths", "contacts"):
            assert getattr(other.kept, table).equals(getattr(runs[0].kept, table))
        assert other.kept.manifest["hashes"] == runs[0].kept.manifest["hashes"]


def test_another_seed_gives_another_run_over_the_same_links(world):
    one, other = (world(kind="poisson", seed=seed) for seed in (1, 2))
    assert one.summary["flows"][0]["sent"] != other.summary["flows"][0]["sent"]
    assert one.kept.manifest["hashes"]["link_graph"] == other.kept.manifest["hashes"]["link_graph"]


def test_set_changes_the_file(world):
    plain = world()
    changed = world(sets=["flows.data.rate_gbps=0.0003", "duration_s=2"])
    assert changed.summary["simulated_s"] == 2.0
    assert changed.summary["flows"][0]["sent"] == pytest.approx(plain.summary["flows"][0]["sent"] / 6, abs=1)
    assert changed.kept.manifest["scenario"]["duration_s"] == 2.0


def test_a_hand_over_is_told_with_what_it_cost(world):
    done = world(rate_gbps=0.0012)  # more than a link carries: packets wait when the left satellite sets
    drops = done.summary["drops_total"]
    lost = drops["link_down"] + drops["no_route"]
    assert drops["link_down"] >= 4  # a full queue of 50 ms
    (change,) = done.summary["path_changes"]
    assert (change["t_s"], change["flow"], change["dropped"]) == (2.0, "data", lost)
    assert change["delay_before_ms"] == pytest.approx(8.0)
    assert change["delay_after_ms"] == pytest.approx(12.0)
    first, second = done.summary["handovers"]
    assert (first["site"], first["from"], first["to"], first["dropped"]) == ("Quito", "left", "right", lost)
    assert (second["site"], second["from"], second["to"], second["dropped"]) == ("Lima", "left", "right", 0)
    assert done.summary["handover_count"] == 2 and done.summary["path_change_count"] == 1
    assert f"Hand-overs: 2, which cost {lost} packets" in format_summary(done.summary)
    assert rows_of(done.kept.paths) == [
        {"t_s": 0.0, "flow": 0, "hops": 2, "delay_ms": 8.0, "nodes": ["Quito", "left", "Lima"]},
        {"t_s": 2.0, "flow": 0, "hops": 2, "delay_ms": 12.0, "nodes": ["Quito", "right", "Lima"]},
    ]


def test_a_link_stops_at_its_instant_within_a_step_and_the_table_before_knows(world):
    """The left satellite sets at 1.25 s, as the plan says; from 1 s on the table avoids it."""
    done = world(left_stop_s=1.25)
    assert done.summary["drops_total"]["link_down"] == done.summary["drops_total"]["no_route"] == 0
    (change,) = done.summary["path_changes"]
    assert (change["t_s"], change["dropped"]) == (1.0, 0)
    ends = {(c["from"], c["to"]): (c["start_s"], c["stop_s"]) for c in rows_of(done.kept.contacts)}
    assert ends["Quito", "left"] == ends["left", "Lima"] == (0.0, 1.25)
    assert ends["Quito", "right"] == (0.0, 4.0)


def test_what_is_lost_on_a_link_that_stopped_is_charged_to_the_next_change_of_path(world):
    """With tables every two seconds the one at 0 cannot know what comes after the first step."""
    done = world(left_stop_s=1.25, more="[routing]\ninterval_s = 2.0\n")
    lost = done.summary["drops_total"]["link_down"]
    assert lost == pytest.approx(75 * 0.75, abs=2) and done.summary["drops_total"]["no_route"] == 0
    (change,) = done.summary["path_changes"]
    assert (change["t_s"], change["dropped"]) == (2.0, lost)
    assert [handover["dropped"] for handover in done.summary["handovers"]] == [lost, 0]
    delivered = sum(
        row["packets"] for row in rows_of(done.kept.links) if (row["from"], row["to"]) == ("left", "Lima")
    )
    assert delivered == pytest.approx(75 * 1.25, abs=2)


def test_a_link_that_comes_back_before_the_next_table_costs_no_change_of_path(world, tmp_path):
    def with_a_gap(folder):
        text = (folder / "plan.csv").read_text()
        rows = [line for line in text.splitlines() if "left" in line]
        later = [row.replace(",0,2.0,", ",1.75,1000000000.0,") for row in rows]
        text = text.replace(",0,2.0,", ",0,1.25,")
        (folder / "plan.csv").write_text(text + "\n".join(later) + "\n")

    file = write_world(tmp_path, more="[routing]\ninterval_s = 2.0\n")
    with_a_gap(tmp_path)
    done = go(file, tmp_path / "run")
    assert done.summary["path_changes"] == []
    assert done.summary["drops_total"]["link_down"] == pytest.approx(75 * 0.5, abs=2)
    contacts = [(c["start_s"], c["stop_s"]) for c in rows_of(done.kept.contacts) if c["to"] == "left"]
    assert sorted(contacts) == [(0.0, 1.25)] * 2 + [(1.75, 4.0)] * 2


def test_a_queue_grows_to_the_limit_of_the_rate_in_force(world, tmp_path):
    """From 1.5 s on links carry 4 Mbit/s, of which 50 ms are 25,000 bytes; before, 6,250."""
    file = write_world(tmp_path, rate_gbps=0.005)
    text = (tmp_path / "plan.csv").read_text()
    rows = [line for line in text.splitlines() if "left" in line]
    faster = [row.replace(",0,2.0,1000000,", ",1.5,1000000000.0,4000000,") for row in rows]
    text = text.replace(",0,2.0,1000000,", ",0,1.5,1000000,")
    (tmp_path / "plan.csv").write_text(text + "\n".join(faster) + "\n")
    done = go(file, tmp_path / "run")
    most = {
        row["t_s"]: row["queue_max_bytes"]
        for row in rows_of(done.kept.links)
        if (row["from"], row["to"]) == ("Quito", "left")
    }
    assert most[0.0] == 4 * 1500 and most[1.0] == most[2.0] == 16 * 1500
    rates = [(c["start_s"], c["stop_s"], c["rate_bps"]) for c in rows_of(done.kept.contacts)]
    assert (0.0, 1.5, 1_000_000) in rates and (1.5, 4.0, 4_000_000) in rates


def test_a_run_without_memory_says_so_and_a_warm_up_is_remarked_on(world, tmp_path):
    done = world()
    assert done.summary["memory"] is None and done.kept.manifest["memory"] is None
    assert done.kept.manifest["satellites_left_out"] == {"skipped": 0, "failed": 0}
    warnings = go(write_world(tmp_path), tmp_path / "warm", warm_up_s=5.0).warnings
    assert warnings == ["a warm-up changes nothing here: no link rule and no terminal has a memory"]


def test_rerouting_saves_what_waits_at_a_hand_over(world):
    dropped = world(rate_gbps=0.0012)
    saved = world(rate_gbps=0.0012, more='[packets]\non_link_down = "reroute"\n')
    assert saved.summary["drops_total"]["link_down"] == 0
    assert saved.summary["handovers"][0]["dropped"] == saved.summary["drops_total"]["no_route"]
    assert saved.summary["flows"][0]["reordered"] == dropped.summary["flows"][0]["reordered"] == 0
    assert saved.summary["flows"][0]["in_flight"] > dropped.summary["flows"][0]["in_flight"]


def test_a_table_that_comes_late_costs_what_is_sent_until_then(world):
    """The left satellite sets at 1 s; with a routing interval of two steps, the table knows it at 2 s."""
    done = world(left_stop_s=1.0, more="[routing]\ninterval_s = 2.0\n")
    assert [row["t_s"] for row in rows_of(done.kept.paths)] == [0.0, 2.0]
    lost = done.summary["drops_total"]["link_down"]
    assert lost == pytest.approx(75, abs=2)  # all of one second
    assert done.summary["path_changes"][0]["dropped"] == lost
    assert [change["dropped"] for change in done.summary["handovers"]] == [lost, 0]


def test_a_flow_that_loses_its_path_is_told_as_such(world):
    done = world(right_stop_s=2.0)
    flow = done.summary["flows"][0]
    assert flow["dropped"]["no_route"] == pytest.approx(150, abs=1)  # all of two seconds
    assert rows_of(done.kept.paths)[1] == {"t_s": 2.0, "flow": 0, "hops": None, "delay_ms": None, "nodes": []}
    change, handovers = done.summary["path_changes"][0], done.summary["handovers"]
    assert change["delay_before_ms"] == pytest.approx(8.0) and change["delay_after_ms"] is None
    assert [(h["site"], h["from"], h["to"]) for h in handovers] == [
        ("Quito", "left", None),
        ("Lima", "left", None),
    ]
    assert "left > -" in format_summary(done.summary)


def test_a_flow_that_never_has_a_path_is_told_as_such(world):
    done = world(left_stop_s=0.5, right_stop_s=0.5, sets=["start_s=1"])
    flow = done.summary["flows"][0]
    assert flow["delivered"] == flow["in_flight"] == 0
    assert flow["latency_ms"] is flow["jitter_ms"] is flow["hops_mean"] is None
    assert flow["dropped"]["no_route"] == flow["sent"] > 0
    assert rows_of(done.kept.paths) == [{"t_s": 1.0, "flow": 0, "hops": None, "delay_ms": None, "nodes": []}]
    assert len(done.kept.links) == len(done.kept.contacts) == 0
    assert "Hand-overs: none" in format_summary(done.summary)


def test_scale_keeps_waiting_times_and_is_told(world):
    queue = "[packets]\nqueue_bytes = 60_000\n"
    plain = world(left_stop_s=1e9, rate_gbps=0.0015, more=queue)
    scaled = world(left_stop_s=1e9, rate_gbps=0.0015, more=queue + "scale = 0.1\n")
    assert "scale" not in plain.summary and scaled.summary["scale"] == 0.1
    assert "scaled by 0.1" in format_summary(scaled.summary).splitlines()[0]
    longest_s = [done.summary["flows"][0]["latency_ms"]["max"] / 1e3 for done in (plain, scaled)]
    waits_s = [
        total - 2 * (OWLT_S["left"] + SERIALIZATION_S / scale)
        for total, scale in zip(longest_s, (1, 0.1), strict=True)
    ]
    assert waits_s[0] == pytest.approx(60_000 * 8 / 1e6, abs=SERIALIZATION_S)
    assert waits_s[1] == pytest.approx(waits_s[0], abs=SERIALIZATION_S / 0.1)
    assert {row["rate_bps"] for row in rows_of(scaled.kept.contacts)} == {100_000}


def test_a_policy_from_a_file_beside_the_experiment_routes_it(world, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from lasermesh.routing import ForwardingTable\n"
        "import numpy as np\n\n"
        "def longest(snapshot):\n"
        "    table = np.full((snapshot.n_nodes, len(snapshot.destinations), 1), -1, np.int32)\n"
        "    names = list(snapshot.names)\n"
        "    graph = snapshot.to_networkx()\n"
        "    for a, b in [('Quito', 'right'), ('right', 'Lima')]:\n"
        "        table[names.index(a), :, 0] = graph.edges[a, b]['link']\n"
        "    return ForwardingTable(table, snapshot.label_of_flow)\n"
    )
    done = world(more='[routing]\npolicy = "mine.py:longest"\n')
    assert [row["nodes"] for row in rows_of(done.kept.paths)] == [["Quito", "right", "Lima"]]
    assert done.summary["path_changes"] == [] and done.summary["drops_total"]["link_down"] == 0
    assert done.kept.manifest["scenario"]["routing"]["policy"] == "mine.py:longest"


def test_contacts_are_those_of_the_contact_plan_whatever_the_step(tmp_path):
    """A run in any step, and the plan of the same topology over the same time."""
    sets = ["start_s=100"]
    file = write_moving(tmp_path, duration_s=240.0, step_s=10.0, rate_gbps=1e-6)
    topology = load_experiment(file).topology
    plan = contact_plan(topology, build_ephemeris(topology), 100.0, 340.0)
    names = topology.node_names
    expected = {
        (names[a], names[b]): (start_s, stop_s)
        for a, b, start_s, stop_s in zip(plan.from_node, plan.to_node, plan.start_s, plan.stop_s, strict=True)
    }
    assert len(expected) == plan.size > 50
    for step_s in (10, 2.5):
        contacts = rows_of(
            go(file, tmp_path / f"run-{step_s}", sets=[*sets, f"topology.step_s={step_s}"]).kept.contacts
        )
        assert len(contacts) == len(expected)
        assert any(not c["open_start"] for c in contacts) and any(not c["open_stop"] for c in contacts)
        for c in contacts:
            edges = expected[c["from"], c["to"]]
            assert (c["start_s"], c["stop_s"]) == pytest.approx(edges, abs=1e-5)
            assert (c["open_start"], c["open_stop"]) == (c["start_s"] == 100.0, c["stop_s"] == 340.0)
            assert c["kind"] == ("gsl" if {"Quito", "Lima"} & {c["from"], c["to"]} else "isl")
            assert c["rate_bps"] == 1_000_000 and 0.004 < c["owlt_s"] < 0.05


def test_a_step_too_long_for_straight_ranges_is_warned_about_with_one_that_would_do(tmp_path):
    file = write_moving(tmp_path, duration_s=240.0, step_s=60.0, rate_gbps=1e-6)
    done = go(file, tmp_path / "run")
    (warning,) = done.warnings
    assert "linear within a step of 60 s" in warning
    assert done.kept.manifest["engine"]["range_error_km"] > 1.0
    step_s = warning.partition("topology.step_s = ")[2].partition(" ")[0]
    better = go(file, tmp_path / "better", sets=[f"topology.step_s={step_s}"])
    assert better.warnings == []
    assert 0.3 < better.kept.manifest["engine"]["range_error_km"] < 1.0


@pytest.mark.parametrize("duration_s", [0.25, 2.5])
def test_a_run_may_end_within_a_step(world, duration_s):
    done = world(sets=[f"duration_s={duration_s}"])
    assert done.summary["simulated_s"] == duration_s
    assert done.summary["flows"][0]["sent"] == pytest.approx(75 * duration_s, abs=1)
    assert {row["stop_s"] for row in rows_of(done.kept.contacts) if row["open_stop"]} == {duration_s}


def test_progress_is_told_until_the_end(tmp_path):
    told = []
    go(write_world(tmp_path), tmp_path / "run", on_progress=told.append)
    assert [p.simulated_s for p in told] == sorted(p.simulated_s for p in told)
    assert (told[-1].simulated_s, told[-1].duration_s) == (4.0, 4.0)
    assert told[-1].packet_hops > 0 and told[-1].wall_s > 0


@pytest.mark.compiled_only
def test_quick_shows_what_it_promises(tmp_path):
    done = go("quick", tmp_path / "run")
    assert done.summary["simulated_s"] == 30.0 and done.warnings == []
    assert sum(flow["sent"] for flow in done.summary["flows"]) >= 1_000_000
    assert done.summary["drops_total"]["queue"] > 0 and done.summary["drops_total"]["link_down"] == 0
    at = {handover["t_s"]: handover["dropped"] for handover in done.summary["handovers"]}
    assert at[7.0] == 0
    late = go("quick", tmp_path / "late", sets=["routing.interval_s=5"])
    assert late.summary["drops_total"]["link_down"] > 10_000


@pytest.mark.compiled_only
def test_a_second_of_cities_offers_what_its_comment_says(tmp_path):
    experiment = load_experiment("cities")
    flows = experiment.expanded_flows
    assert len(flows) == 20 and experiment.duration_s == 10.0 and experiment.topology.step_s == 1.0
    assert sum(flow.rate_gbps for flow in flows) == pytest.approx(108)
    done = go("cities", tmp_path / "run", sets=["start_s=1", "duration_s=0.2", "flows.rush.start_s=0"])
    busiest = done.summary["links"]["busiest"][0]
    assert (busiest["from"], busiest["to"]) == ("gen1-47-02", "gen1-47-03")
    assert busiest["queue_max_bytes"] > 14_990_000 and busiest["dropped"] > 0
    through = rows_of(done.kept.paths)
    shared = [row for row in through if "gen1-47-02" in row["nodes"] and "gen1-47-03" in row["nodes"]]
    rush = {number for number, flow in enumerate(flows) if flow.name.startswith("rush/")}
    assert {row["flow"] for row in shared} >= rush and len(rush) == 3
    assert all(math.isfinite(row["delay_ms"]) for row in through)
    assert np.isclose(experiment.topology.terminals[0].rate_gbps, 25.0)
