import math
import re

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.experiments.contacts import find_contacts
from lasermesh.experiments.showing import view
from lasermesh.experiments.viewing import scene_of_run, scene_of_topology
from lasermesh.orbits import build_ephemeris
from lasermesh.results.loading import AlternativeRuns
from lasermesh.scenario import load_topology
from tests.experiments.worlds import go, write_moving, write_world

BOTH_WAYS = """
[[flows]]
name = "back"
kind = "constant"
from = "Lima"
to = "Quito"
rate_gbps = 0.0002
packet_bytes = 1500

[observe]
links_every_s = 0.5

[sensors.camera]
on = ["w-0-3", "w-0-1"]
scene_bytes = 1000
every_s = 100.0

[compute.gpu]
on = "w"
accelerators = 1
rate_gbps = 1.0
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Ten seconds over 24 satellites from t = 3.2 s on, links noted twice a second."""
    folder = tmp_path_factory.mktemp("viewing")
    file = write_moving(folder, rate_gbps=0.0004)
    file.write_text("start_s = 3.2\n" + file.read_text() + BOTH_WAYS)
    return go(file, folder / "run").kept


@pytest.fixture(scope="module")
def scene(run):
    return scene_of_run(run)


def directed(scene, column, way):
    """{(from, to): rows of a column of the load} of one direction of links, by bin."""
    load = scene.load
    found = {}
    for bin_ in range(load.n_bins):
        for row in range(load.first[bin_], load.first[bin_ + 1]):
            a, b = int(scene.links.a[load.link[row]]), int(scene.links.b[load.link[row]])
            found[bin_, *((a, b) if way == 0 else (b, a))] = float(getattr(load, column)[row, way])
    return found


def test_a_run_is_shown_from_its_start_to_its_end(run, scene):
    assert (scene.start_s, scene.stop_s) == (3.2, 13.2)
    assert scene.names == run.topology.node_names
    assert scene.n_satellites == 24
    assert scene.groups[0] == {"name": "w", "kind": "satellite", "first": 0, "size": 24}
    assert [group["first"] for group in scene.groups] == [0, 24, 25]
    np.testing.assert_allclose(scene.sites, [[-0.18, -78.47, 0.0], [-12.05, -77.04, 0.0]])
    assert scene.has_position.all()
    assert scene.summary["sent"] == run.summary["total"]["sent"]
    assert scene.summary["status"] == "complete"
    assert "10 s from 2026-03-20 12:00:03.2 UTC" in scene.subtitle


def test_frames_are_where_the_ephemeris_is(run, scene):
    true_m = build_ephemeris(run.topology).state_at(13.2)[0][:24]
    np.testing.assert_allclose(scene.frames.position_m[-1], true_m, atol=1e-6)


def test_load_is_what_the_run_says_of_its_links(run, scene):
    rows = {name: row for row, name in enumerate(scene.names)}
    assert (scene.load.bin_s, scene.load.n_bins) == (0.5, 20)
    for column, of_run, scale in (
        ("bytes", "bytes", 1.0),
        ("use", "busy_s", 0.5),
        ("queue_bytes", "queue_max_bytes", 1),
    ):
        found = directed(scene, column, 0) | directed(scene, column, 1)
        told = {}
        for row in run.links.to_pylist():
            told[round((row["t_s"] - 3.2) / 0.5), rows[row["from"]], rows[row["to"]]] = row[of_run]
        assert len(told) > 20
        assert {key for key, value in found.items() if value} == {key for key, value in told.items() if value}
        for key, value in told.items():
            assert found[key] * scale == pytest.approx(value)


def test_flows_come_with_their_paths_the_busiest_first(run, scene):
    assert [flow.name for flow in scene.flows] == ["data", "back"]
    told = [row for row in run.paths.to_pylist() if row["flow"] == 0]
    found = [[scene.names[row] for row in rows] for _, rows in scene.flows[0].paths]
    assert found == [row["nodes"] for row in told]
    assert scene.flows[0].paths[0][0] == 0.0
    assert (scene.flows[1].from_row, scene.flows[1].to_row) == (25, 24)
    assert scene.flows[0].sent == run.flows["sent"][0].as_py()
    assert [flow.in_flight for flow in scene.flows] == run.flows["in_flight"].to_pylist()


def test_fewer_flows_are_shown_if_asked_and_that_is_told(run):
    told = []
    scene = scene_of_run(run, flows=1, warn=told.append)
    assert ([flow.name for flow in scene.flows], scene.flows_left_out) == (["data"], 1)
    assert told == ["1 of 2 flows are left out, those that sent least"]
    assert told[0] + "." in scene.notes
    with pytest.raises(UserError, match="from 0 to"):
        scene_of_run(run, flows=-1)


@pytest.mark.parametrize("duration_s", [0.1, 0.9, 9.6, 10.0])
def test_use_of_an_interval_that_a_scene_cuts_is_that_of_the_whole_interval(run, scene, duration_s):
    part = scene_of_run(run, duration_s=duration_s)
    assert part.load.last_bin_s == pytest.approx(0.5)
    for column in ("use", "bytes"):
        whole = directed(scene, column, 0)
        shown = directed(part, column, 0)
        assert shown == {key: pytest.approx(whole[key]) for key in whole if key[0] < part.load.n_bins}
        assert any(shown.values())


def test_the_title_tells_fractions_of_the_second_with_which_a_scene_begins(run):
    assert "from 2026-03-20 12:00:07.7 UTC" in scene_of_run(run, start_s=7.9, duration_s=1.0).subtitle


def test_drops_of_all_causes_come_with_their_times(tmp_path):
    run = go(write_moving(tmp_path, duration_s=2.0, rate_gbps=0.01), tmp_path / "run").kept
    told = run.flow_times.to_pylist()
    drops = scene_of_run(run).drops
    assert (drops.start_s, drops.bin_s, drops.stop_s) == (0.0, pytest.approx(0.01), pytest.approx(2.0))
    assert (
        dict(zip(drops.causes, drops.dropped.sum(axis=0).tolist(), strict=True))
        == (run.summary["total"]["dropped"])
    )
    assert drops.dropped.sum() > 100
    for bin_, counts in enumerate(drops.dropped.tolist()):
        rows = [row for row in told if round(row["t_s"] / 0.01) == bin_]
        assert counts == [sum(row[f"dropped_{cause}"] for row in rows) for cause in drops.causes]


def test_a_part_of_a_run_begins_with_an_interval_and_with_the_path_then_in_force(run, scene):
    part = scene_of_run(run, start_s=7.9, duration_s=1.0)
    assert (part.start_s, part.stop_s) == (pytest.approx(7.7), pytest.approx(8.9))
    assert part.load.n_bins == 3
    whole = directed(scene, "bytes", 0)
    for (bin_, a, b), n_bytes in directed(part, "bytes", 0).items():
        assert whole[bin_ + 9, a, b] == n_bytes
    before = [rows for t_s, rows in scene.flows[0].paths if t_s <= 4.5]
    assert part.flows[0].paths[0] == (0.0, before[-1])


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"start_s": 13.2}, r"from t = 3.2 to 13.2 s; start must be within that \(got 13.2\)"),
        ({"start_s": math.nan}, "start must be within"),
        ({"duration_s": 0.0}, "duration must be a number of seconds above 0"),
        ({"duration_s": math.nan}, "duration must be a number of seconds above 0"),
        ({"every_s": 0.0}, "at least 0.001 s apart"),
        ({"every_s": 0.001}, "frames must be .* apart, or the duration shorter"),
    ],
)
def test_times_that_make_no_sense_are_refused(run, times, message):
    with pytest.raises(UserError, match=message):
        scene_of_run(run, **times)


def test_nodes_with_sensors_and_computers_are_known(scene):
    assert scene.roles == [{"name": "sensor", "rows": [1, 3]}, {"name": "compute", "rows": list(range(24))}]


def test_a_run_that_was_interrupted_shows_what_there_is(run, monkeypatch):
    monkeypatch.setitem(run.manifest, "status", "interrupted")
    monkeypatch.setitem(run.summary, "simulated_s", 6.0)
    told = []
    scene = scene_of_run(run, warn=told.append)
    assert scene.stop_s == pytest.approx(9.2)
    assert told == ["The run was interrupted after 6 s; this is what there is of it"]
    monkeypatch.setitem(run.summary, "simulated_s", 0.0)
    with pytest.raises(UserError, match="nothing to show"):
        scene_of_run(run)


def test_links_of_a_topology_are_those_of_its_contacts(tmp_path):
    topology = load_topology(write_moving(tmp_path))
    scene = scene_of_topology(topology, 60.0, 120.0)
    plan = find_contacts(topology, 60.0, 120.0).plan
    pairs = {tuple(sorted(ends)) for ends in zip(plan.from_node.tolist(), plan.to_node.tolist(), strict=True)}
    assert set(zip(scene.links.a.tolist(), scene.links.b.tolist(), strict=True)) == pairs
    assert scene.contacts.start_s.min() == 0.0 and scene.contacts.stop_s.max() == 120.0
    linked_s = (scene.contacts.stop_s - scene.contacts.start_s).sum()
    assert linked_s == pytest.approx((plan.stop_s - plan.start_s).sum() / 2)  # both ways are up together
    assert scene.load is scene.flows is scene.summary is None


@pytest.mark.compiled_only
def test_a_topology_is_shown_for_one_orbit_unless_told_otherwise():
    scene = scene_of_topology(load_topology("walker-144"))
    assert scene.stop_s == pytest.approx(2 * math.pi * math.sqrt(6928.137e3**3 / 398_600.8e9), rel=2e-3)
    assert len(scene.frames.frame_s) < 30


def test_nodes_without_a_place_are_left_out_and_with_no_place_at_all_there_is_nothing_to_show(tmp_path):
    file = write_world(tmp_path)
    told = []
    scene = scene_of_topology(load_topology(file), 0.0, 2.0, warn=told.append)
    assert scene.has_position.tolist() == [False, False, True, True]
    assert len(scene.links.a) == 0
    assert told == ["2 nodes without a position are left out, and their links with them"]
    bare = tmp_path / "bare.toml"
    bare.write_text('[[satellites]]\nname = "nodes"\nfixed = ["a", "b"]\n')
    with pytest.raises(UserError, match='no node of "bare" has a position'):
        scene_of_topology(load_topology(bare))


def test_of_runs_of_alternatives_one_has_to_be_chosen(run, tmp_path):
    both = AlternativeRuns(tmp_path, {"experiment": "both", "alternatives": []})
    both.runs = {"one": run, "other": run}
    with pytest.raises(UserError, match=re.escape(f"give the folder of one of them: {run.path}, {run.path}")):
        view(both, tmp_path / "globe.html")


def test_an_older_run_has_neither_sensors_nor_intervals_of_its_own(run, monkeypatch):
    settings = run.manifest["scenario"]
    monkeypatch.setitem(
        run.manifest,
        "scenario",
        {key: value for key, value in settings.items() if key not in ("observe", "sensors", "compute")},
    )
    scene = scene_of_run(run)
    assert (scene.roles, scene.load.bin_s) == ([], run.topology.step_s)


def test_bundles_are_counted_where_there_are_no_packets(run, monkeypatch):
    flow = run.summary["flows"][0]
    bundles = [
        flow | {"counts": "bundles", "sent": 7, "delivered": 4, "in_flight": 1, "dropped": {"expired": 2}}
    ]
    monkeypatch.setitem(run.summary, "flows", [*run.summary["flows"], *bundles * 2])
    assert scene_of_run(run).summary["counts"] == "packets"
    monkeypatch.setitem(run.summary["total"], "sent", 0)
    told = scene_of_run(run).summary
    assert (told["counts"], told["sent"], told["delivered"], told["in_flight"]) == ("bundles", 14, 8, 2)
    assert told["dropped"] == {"expired": 4}
