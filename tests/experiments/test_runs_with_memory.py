"""Runs over links that remember, and over satellites that fail on the way."""

import pytest

from lasermesh.contacts import contact_plan
from lasermesh.experiments.graphs import graph
from lasermesh.experiments.path_changes import path_changes
from lasermesh.experiments.paths import paths
from lasermesh.orbits import build_ephemeris
from lasermesh.results import format_summary
from lasermesh.routing import POLICIES, Policy
from lasermesh.scenario import load_experiment, load_topology
from tests.experiments.skies import NEAREST, quito, shell
from tests.experiments.worlds import go

LIMA = """
[[ground]]
name = "Lima"
lat_deg = -12.05
lon_deg = -77.04
"""
FLOW = """
[[flows]]
name = "data"
kind = "constant"
from = "Quito"
to = "{to}"
rate_gbps = 0.0001
packet_bytes = 1500
"""

# Of August 2026, the second one decays five days later.
ELEMENTS = """STARLINK-1008
1 44714U 19074B   26223.09230426  .00051945  00000+0  63754-3 0  9993
2 44714  53.1489 164.1445 0006675  38.3881 321.7607 15.59800552372752
STARLINK-34834
1 65295U 25184Y   26223.16668980  .05294716  00000+0  16283+0 0  9998
2 65295  97.2830 271.7392 0003133  95.7004 334.8305 15.29135656  5828
"""
# Within 40,000 km range alone decides, so that everybody sees everybody.
DECAYING = """
epoch = 2026-08-11T12:00:00Z
[[satellites]]
name = "e"
elements = "sets.tle"
[[ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[links]]
rule = "ground"
max_range_km = 40_000.0
rate_gbps = 0.001
"""
FAILS_FROM_S = 5 * 86_400.0


@pytest.fixture
def remembering(tmp_path):
    """An experiment of a minute over links chosen by `nearest`, slow to acquire."""
    shell(tmp_path, LIMA + quito() + NEAREST, terminal="acquisition_s = { median = 5.0, p95 = 12.0 }")
    path = tmp_path / "remembering.toml"
    path.write_text('topology = "shell.toml"\nstart_s = 200.0\nduration_s = 60.0\n' + FLOW.format(to="Lima"))
    return path


def test_a_run_sees_the_links_of_the_contact_plan(remembering, tmp_path):
    done = go(remembering, tmp_path / "run")
    topology = load_experiment(remembering).topology
    plan = contact_plan(topology, build_ephemeris(topology), 200.0, 260.0)
    names, contacts = topology.node_names, done.kept.contacts.to_pylist()
    expected = sorted(
        (names[a], names[b], start_s)
        for a, b, start_s in zip(plan.from_node, plan.to_node, plan.start_s.round(5), strict=True)
    )
    assert sorted((c["from"], c["to"], round(c["start_s"], 5)) for c in contacts) == expected
    assert len({c["start_s"] for c in contacts}) > 1
    assert done.summary["memory"] == done.kept.manifest["memory"] == {"from_s": 0.0, "warm_up_s": None}
    assert "Links with a memory were followed from t = 0 s on" in format_summary(done.summary)


def test_a_warm_up_is_told_and_changes_the_hash(remembering, tmp_path):
    plain, warm = go(remembering, tmp_path / "run"), go(remembering, tmp_path / "warm", warm_up_s=30.0)
    assert warm.summary["memory"] == {"from_s": 170.0, "warm_up_s": 30.0}
    assert "from t = 170 s on, after a warm-up of 30 s" in format_summary(warm.summary)
    assert warm.kept.manifest["hashes"]["link_graph"] != plain.kept.manifest["hashes"]["link_graph"]
    assert plain.warnings == warm.warnings == []


def test_paths_over_links_with_a_memory_are_those_of_the_graph_at_each_instant(tmp_path):
    topology = shell(tmp_path, NEAREST, terminal="acquisition_s = 7.0")
    asked = []

    def note(snapshot):
        asked.append((snapshot.t_s, len(snapshot.to_networkx().edges)))
        return POLICIES["shortest-delay"](snapshot)

    result = paths(topology, [("w-0-0", "w-1-0")], 100.0, 300.0, 60.0, Policy("noting", note))
    assert [t_s for t_s, _ in asked] == [100.0, 160.0, 220.0, 280.0, 340.0]
    assert result["memory"] == {"from_s": 0.0, "warm_up_s": None}
    for t_s, n_links in asked[::2]:
        assert len(graph(topology, t_s)["links"]) == n_links
    warm = paths(topology, [("w-0-0", "w-1-0")], 100.0, warm_up_s=10.0)
    assert warm["memory"] == {"from_s": 90.0, "warm_up_s": 10.0}


@pytest.fixture
def decaying(tmp_path):
    (tmp_path / "sets.tle").write_text(ELEMENTS)
    (tmp_path / "decaying.toml").write_text(DECAYING)
    ephemeris = build_ephemeris(load_topology(tmp_path / "decaying.toml"))
    ephemeris.state_at(FAILS_FROM_S + 7 * 86_400.0)
    (failure,) = ephemeris.failures
    path = tmp_path / "experiment.toml"
    start_s = round(failure.t_s - 1.25, 3)
    head = f'topology = "decaying.toml"\nstart_s = {start_s}\nduration_s = 3.0\n'
    path.write_text(head + FLOW.format(to="STARLINK-34834"))
    return path, failure


def test_a_satellite_that_fails_leaves_at_its_instant_and_is_named(decaying, tmp_path):
    file, failure = decaying
    done = go(file, tmp_path / "run")
    (told,) = done.summary["satellites_failed"]
    assert told["name"] == "STARLINK-34834" and told["catalog_number"] == 65295
    assert told["t_s"] == pytest.approx(failure.t_s, abs=2e-3) and told["message"]
    assert done.kept.manifest["satellites_left_out"] == {"skipped": 0, "failed": 1}
    contacts = {(c["from"], c["to"]): c for c in done.kept.contacts.to_pylist()}
    assert len(contacts) == 4
    lost = contacts["Quito", "STARLINK-34834"]
    assert lost["stop_s"] == pytest.approx(told["t_s"], abs=2e-3) and not lost["open_stop"]
    assert contacts["Quito", "STARLINK-1008"]["open_stop"]
    assert done.kept.manifest["engine"]["range_error_km"] < 1.0
    flow = done.summary["flows"][0]
    start_s = load_experiment(file).start_s
    # 100 us of serialization and some ms of light, at 8.3 packets a second.
    assert flow["delivered"] == pytest.approx((told["t_s"] - start_s) * 8.33, abs=2)
    assert flow["dropped"]["link_down"] > 0 and flow["dropped"]["no_route"] > 0
    assert f"STARLINK-34834 at t = {told['t_s']:.3f} s" in " ".join(format_summary(done.summary).split())


def test_a_path_to_a_satellite_that_fails_ends_at_its_instant(decaying, tmp_path):
    _, failure = decaying
    said = []
    topology = load_topology(tmp_path / "decaying.toml")
    result = path_changes(
        topology,
        [("Quito", "STARLINK-34834")],
        start_s=failure.t_s - 1.25,
        duration_s=3.0,
        warn=said.append,
    )
    there, gone = result["paths"][0]["samples"]
    assert there["until_s"] == gone["t_s"] == pytest.approx(failure.t_s, abs=2e-3)
    assert gone["cause"]["kind"] == "link_down" and gone["chord_km"] is None and not gone["reachable"]
    assert there["delay_end_ms"] > 0.0 and "STARLINK-34834" in said[0]


def test_element_sets_that_are_left_out_are_counted(decaying, tmp_path):
    file, _ = decaying
    again = "".join(ELEMENTS.splitlines(keepends=True)[:3])
    (tmp_path / "sets.tle").write_text(ELEMENTS + again)
    done = go(file, tmp_path / "run")
    assert done.summary["satellites_skipped"] == {"duplicate": 1}
    assert done.kept.manifest["satellites_left_out"] == {"skipped": 1, "failed": 1}
    assert "Element sets that were left out, 1: duplicate 1" in format_summary(done.summary)
    assert any("STARLINK-1008 (44714)" in warning for warning in done.warnings)


def test_looking_ahead_changes_nothing_in_the_links(remembering, tmp_path):
    """Foretold tables need the steps to come, of terminals that acquire, lose each other and fail."""
    faults = "".join(
        f'[[faults]]\nterminals = [["w-{plane}-{slot}", 0]]\nmtbf_s = 9.0\nmttr_s = 3.0\n'
        for plane in range(6)
        for slot in range(8)
    )
    remembering.write_text(remembering.read_text() + faults)
    sets = ["duration_s=12"]
    plain = go(remembering, tmp_path / "plain", sets=sets)
    ahead = ["routing.update=predicted", "routing.lead_s=2.5"]
    looking = go(remembering, tmp_path / "looking", sets=sets + ahead)
    assert looking.kept.manifest["hashes"]["link_graph"] == plain.kept.manifest["hashes"]["link_graph"]
    assert looking.kept.contacts.equals(plain.kept.contacts)
    assert looking.summary["faults"] == plain.summary["faults"]
    assert looking.summary["faults"]["terminals"]["failures"] > 20
