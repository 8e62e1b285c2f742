"""Alternatives of an experiment: each a run of its own, kept whatever becomes of the others."""

import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lasermesh.capture.options import CaptureOptions
from lasermesh.errors import Interrupted, UserError
from lasermesh.experiments import alternatives as module
from lasermesh.experiments import point_worker
from lasermesh.experiments.alternatives import RunOrder, run_alternatives
from lasermesh.experiments.comparing import compare
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.experiments.running import run
from lasermesh.results import RunFolder, load
from lasermesh.results.figures import FIGURES
from tests.experiments.worlds import TOPOLOGY, go, write_world

WORK = """
[sensors.camera]
on = "left"
scene_bytes = 3000
every_s = 1.0
phase_s = 0.25
stop_s = 1.5
[compute.gpu]
on = "left"
service_s = 0.5
[[workloads]]
name = "raw"
kind = "bent-pipe"
source = "camera"
stations = "Lima"
guesses = ["the site is free"]
[[workloads]]
name = "result"
kind = "on-board"
source = "camera"
compute = "gpu"
result_bytes = 300
stations = "Lima"
[[alternatives]]
name = "on the ground"
workloads = "raw"
[[alternatives]]
name = "in orbit"
workloads = "result"
"""


def write_alternatives(folder, **changes):
    """The file of a small experiment with two alternatives."""
    return write_world(folder, more=WORK, **changes)


@pytest.fixture
def in_this_process(monkeypatch):
    """Alternatives are run here instead of in processes, which take seconds to start; their orders."""
    given = []

    class Pool:
        def __init__(self, orders, n_workers, threads):
            self.orders = json.loads(json.dumps(orders))  # as processes get them
            given.extend(orders)

        def events(self):
            for row, order in enumerate(self.orders):
                told = []
                ended = point_worker.run_order(order, lambda told=told, **message: told.append(message))
                yield from ((row, message) for message in (*told, ended))

        def stop(self):
            raise AssertionError("nobody interrupts")

    monkeypatch.setattr(module, "WorkerPool", Pool)
    return given


@pytest.mark.usefixtures("in_this_process")
def test_each_alternative_is_the_run_that_it_is_alone_with_the_same_seed(tmp_path):
    file, told = write_alternatives(tmp_path, kind="poisson"), []
    sets = ["duration_s=2.0", "flows.data.rate_gbps=1e-5"]
    finished = run(file, sets, tmp_path / "out", seed=5, on_progress=told.append)
    result = finished.summary
    assert (result["experiment"], result["seed"], result["status"]) == ("world", 5, "complete")
    assert [(each["name"], each["folder"]) for each in result["alternatives"]] == [
        ("on the ground", "on-the-ground"),
        ("in orbit", "in-orbit"),
    ]
    assert (told[-1].share, told[-1].done, told[-1].total, told[-1].running) == (1.0, 2, 2, {})
    assert set().union(*(progress.running for progress in told)) == {"on the ground", "in orbit"}

    kept = load(tmp_path / "out")
    assert (kept.status, list(kept.runs)) == ("complete", ["on the ground", "in orbit"])
    assert list(finished.runs) == list(kept.runs) and finished.folder == str(tmp_path / "out")
    assert kept.summary == json.loads((tmp_path / "out" / "summary.json").read_text()) == result
    assert not (tmp_path / "out" / "UNFINISHED.txt").exists()

    alone = go(file, tmp_path / "alone", sets=sets, seed=5, alternatives=["in orbit"])
    same = kept.runs["in orbit"]
    assert same.manifest["experiment"] == "world/in orbit"
    assert same.flows.equals(alone.kept.flows) and same.links.equals(alone.kept.links)
    assert same.manifest["hashes"] == alone.kept.manifest["hashes"]
    assert same.scenes.equals(alone.kept.scenes) and same.compute.equals(alone.kept.compute)
    assert same.summary | {"engine": None} == alone.summary | {"engine": None}

    # A scene is 24 ms long on a link of 1 Mbit/s, 4 ms long, and is taken note of twice; its result is a
    # tenth of that and computed for half a second.
    ground, orbit = (row for row in result["comparison"] if "workload" in row)
    assert [row["kind"] for row in result["comparison"]] == ["flows"] * 2 + ["outages"] * 2 + [
        "bent-pipe",
        "on-board",
    ]
    assert [ground["insight_s"]["p50"], orbit["insight_s"]["p50"]] == pytest.approx([0.030, 0.5084])
    assert orbit["ratios"]["delivered_bytes"] == pytest.approx(0.1)
    assert [len(run.scenes) for run in kept.runs.values()] == [2, 2]


@pytest.mark.usefixtures("in_this_process")
def test_each_alternative_keeps_the_topology_that_it_ran_on(tmp_path):
    more = WORK.replace('name = "in orbit"\n', 'name = "in orbit"\nset = "topology.step_s=0.5"\n')
    run(write_world(tmp_path, more=more), ["duration_s=1.0"], tmp_path / "out")
    topologies = {name: kept.topology for name, kept in load(tmp_path / "out").runs.items()}
    assert {name: each.step_s for name, each in topologies.items()} == {"on the ground": 1.0, "in orbit": 0.5}
    assert all(len(each.links[0].plan_contacts) == 8 for each in topologies.values())


def test_some_alternatives_may_be_left_out_and_one_alone_is_a_run_as_any_other(tmp_path):
    file = write_alternatives(tmp_path)
    alone = go(file, tmp_path / "out", sets=["duration_s=0.1"], alternatives=["on the ground"])
    assert "alternatives" not in alone.summary
    assert (alone.kept.path, alone.summary["experiment"]) == (tmp_path / "out", "world/on the ground")


FAILS_ON_MORE_NODES = """
from lasermesh.routing import POLICIES

def fails(snapshot):
    if len(snapshot.names) > 4:
        raise ValueError("too many nodes")
    return POLICIES["fewest-hops"](snapshot)
"""

ONE_NODE_MORE = """
[[ground]]
name = "Manaus"
lat_deg = -3.1
lon_deg = -60.0
"""


@pytest.mark.usefixtures("in_this_process")
def test_one_that_fails_costs_no_other(tmp_path):
    (tmp_path / "mine.py").write_text(FAILS_ON_MORE_NODES)
    file = write_one_node_more(tmp_path)
    result = run(file, ["duration_s=0.1", "routing.policy=mine.py:fails"], tmp_path / "out").summary
    failed, whole = result["alternatives"]
    assert result["status"] == load(tmp_path / "out").status == "failed"
    assert (failed["status"], whole["status"], whole["message"]) == ("failed", "complete", None)
    assert "too many nodes" in failed["message"]
    assert load(tmp_path / "out").runs["in orbit"].status == "complete"


@pytest.mark.usefixtures("in_this_process")
def test_runs_are_replaced_with_force_only_and_nothing_else_is_removed(tmp_path):
    file, output = write_alternatives(tmp_path), tmp_path / "out"
    sets = ["duration_s=0.1"]
    run(file, sets, output)
    (output / "in-orbit" / "notes.txt").write_text("of the user")
    with pytest.raises(UserError, match="the folder holds a run"):
        run(file, sets, output)
    run(file, sets, output, force=True, seed=3)
    assert load(output).runs["in orbit"].manifest["seed"] == 3
    # A single run in its place takes the runs of the alternatives away.
    run(file, sets, output, force=True, alternatives=["in orbit"])
    assert sorted(path.name for path in output.iterdir() if path.is_dir()) == ["in-orbit"]
    assert [path.name for path in (output / "in-orbit").iterdir()] == ["notes.txt"]


def test_a_folder_of_other_things_is_refused_before_anything_runs(tmp_path, in_this_process):
    file, output = write_alternatives(tmp_path), tmp_path / "out"
    (output / "in-orbit").mkdir(parents=True)
    (output / "in-orbit" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="the folder holds other things"):
        run(file, output=output)
    (output / "UNFINISHED.txt").touch()
    with pytest.raises(UserError, match=r'holds other things \("thesis.txt"\)'):
        run(file, output=output, force=True)
    assert in_this_process == []


def test_ctrl_c_keeps_what_is_done(tmp_path, monkeypatch):
    file, output = write_alternatives(tmp_path), tmp_path / "out"

    class Pool:
        """The first alternative is complete, the second is told to stop."""

        def __init__(self, orders, n_workers, threads):
            self._orders = [order | {"sets": ["duration_s=0.1"]} for order in orders]

        def events(self):
            yield 0, point_worker.run_order(self._orders[0], lambda **message: None)
            os.kill(os.getpid(), signal.SIGINT)
            assert self.stopped
            yield 1, {"status": "interrupted", "message": None}

        def stop(self):
            self.stopped = True

    monkeypatch.setattr(module, "WorkerPool", Pool)
    before = signal.getsignal(signal.SIGINT)
    result = run(file, output=output).summary
    assert signal.getsignal(signal.SIGINT) is before
    assert result["status"] == load(output).status == "interrupted"
    assert [each["status"] for each in result["alternatives"]] == ["complete", "interrupted"]
    assert list(load(output).runs) == ["on the ground"]
    assert result["alternatives"][1]["summary"] is None


def killed(orders):
    """As a second Ctrl-C leaves it: the first alternative was at work, the second had not begun."""
    RunFolder.create("world", ["a"], orders[0]["output"], force=True)
    yield 0, {"status": "interrupted", "message": None}


def test_nothing_remains_of_runs_that_are_killed_or_never_begun(tmp_path, monkeypatch):
    file, output = write_alternatives(tmp_path), tmp_path / "out"
    pool = SimpleNamespace(stop=None)
    monkeypatch.setattr(module, "WorkerPool", lambda orders, *_: pool.__setattr__("orders", orders) or pool)
    for events in (_nothing, lambda: killed(pool.orders)):
        pool.events = events
        with pytest.raises(Interrupted, match="nothing is left"):
            run(file, output=output)
        assert not output.exists()

    # What is complete is kept beside them.
    def one_is_complete():
        yield 1, point_worker.run_order(pool.orders[1], lambda **message: None)
        yield from killed(pool.orders)

    pool.events = one_is_complete
    assert run(file, ["duration_s=0.1"], output).summary["status"] == "interrupted"
    assert [path.name for path in output.iterdir() if path.is_dir()] == ["in-orbit"]

    # What lies in a folder beside a run that is replaced stays, whatever becomes of the new one.
    (output / "in-orbit" / "notes.txt").write_text("of the user")
    pool.events = _nothing
    with pytest.raises(Interrupted):
        run(file, output=output, force=True)
    assert [path.name for path in output.rglob("*")] == ["in-orbit", "notes.txt"]


def write_one_node_more(folder):
    """The same, but the first alternative has one ground site more."""
    topology = TOPOLOGY.replace("[topology]\n", "").replace("topology.", "")
    (folder / "more.toml").write_text(topology + ONE_NODE_MORE)
    file = write_alternatives(folder)
    text = file.read_text().replace('workloads = "raw"', 'workloads = "raw"\ntopology = "more.toml"')
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capture": "Limo"}, '--capture Limo: no node is named "Limo"; did you mean "Lima"?'),
        ({"capture": "Manaus"}, 'alternative in orbit: --capture Manaus: no node is named "Manaus"; write'),
        (
            {"capture": CaptureOptions("Quito", file="/dev/null")},
            "--capture-to /dev/null: 2 alternatives cannot be captured in one file; give a name",
        ),
        ({"warm_up_s": -1.0}, "the warm-up must be from 0"),
    ],
)
def test_what_no_run_could_do_is_refused_before_any_begins(tmp_path, in_this_process, options, message):
    with pytest.raises(UserError) as caught:
        run(write_one_node_more(tmp_path), output=tmp_path / "out", **options)
    assert str(caught.value).startswith(message)
    assert in_this_process == [] and not (tmp_path / "out").exists()


def test_a_warning_names_its_alternative_unless_all_have_it(tmp_path, monkeypatch):
    file, told = write_alternatives(tmp_path), []
    shared, other = "of all of them", "of a run"

    def events():
        yield from ((row, {"warning": shared}) for row in (0, 1))
        yield from ((0, {"warning": other}) for _ in range(2))
        yield from ((row, {"status": "failed", "message": "x"}) for row in (0, 1))

    monkeypatch.setattr(module, "WorkerPool", lambda *_: SimpleNamespace(events=events))
    experiment = load_with_policy(file)[0]
    chosen = [
        replace(each, experiment=replace(each.experiment, warnings=(shared,)))
        for each in experiment.alternatives
    ]
    run_alternatives(experiment, chosen, RunOrder(file), tmp_path / "out", warn=told.append)
    assert told == [shared, f"on the ground: {other}"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["in orbid"], '--alternative in orbid: there is no such alternative; did you mean "in orbit"?'),
        (["xyz"], "--alternative xyz: there is no such alternative; there are on the ground, in orbit"),
    ],
)
def test_an_alternative_that_does_not_exist_is_refused(tmp_path, names, message):
    with pytest.raises(UserError) as caught:
        run(write_alternatives(tmp_path), alternatives=names)
    assert str(caught.value) == message


def test_an_experiment_without_alternatives_has_none_to_choose(tmp_path):
    with pytest.raises(UserError, match='--alternative a: experiment "world" has no alternatives'):
        run(write_world(tmp_path), alternatives=["a"])


def _nothing():
    yield from ()


def test_a_comparison_must_be_of_one_alternative(tmp_path, monkeypatch):
    file = write_alternatives(tmp_path)
    with pytest.raises(UserError, match="choose one with --alternative: on the ground, in orbit"):
        compare(file, seeds=2, output=tmp_path / "out")
    orders = []
    monkeypatch.setattr(
        "lasermesh.experiments.comparing.WorkerPool",
        lambda given, n_workers, threads: orders.extend(given) or SimpleNamespace(events=_nothing),
    )
    result = compare(file, seeds=2, output=tmp_path / "out", alternative="in orbit")
    assert [order["alternatives"] for order in orders] == [["in orbit"], ["in orbit"]]
    assert [metric["name"] for metric in result["metrics"][len(FIGURES) :]] == [
        f"workloads.result.{what}"
        for what in (
            "insight_s.mean",
            "insight_s.p50",
            "insight_s.p90",
            "unfinished_share",
            "delivered_bytes",
        )
    ]
