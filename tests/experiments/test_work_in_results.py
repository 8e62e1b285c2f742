"""All kinds of work in one run: what it writes down, what it sums up, and that both fit."""

import json

import pytest

from lasermesh.results import format_summary
from lasermesh.results.work_tables import WORK_TABLES
from tests.experiments.worlds import go, write_moving

WORK = """
[sensors.camera]
on = "w-1-0"
scene_bytes = 2000
every_s = 2.0
phase_s = 0.5
storage_bytes = 100_000
[compute.gpu]
on = ["w-0-0", "w-0-1"]
accelerators = 2
service_s = 0.1
[power.bus]
on = ["w-0-0", "w-0-1"]
array_w = 100.0
battery_wh = 10.0
start_charge = 0.5
bus_w = 50.0
accelerator_w = 20.0
[[workloads]]
name = "scenes"
kind = "in-orbit"
source = "camera"
compute = "gpu"
result_bytes = 100
stations = "Lima"
guesses = ["the camera is made up"]
[[workloads]]
name = "chat"
kind = "inference"
users = "Quito"
compute = "gpu"
requests_per_s = 0.5
decode_tokens_per_s = 100.0
token_bytes = 100
[[workloads]]
name = "train"
kind = "collective"
group = ["w-2-0", "w-2-1", "w-2-2"]
step_bytes = 3000
compute_s = 0.5
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    file = write_moving(folder, duration_s=6.0)
    file.write_text(file.read_text() + WORK)
    return go(file, folder / "run", seed=2)


def test_every_kind_of_work_has_its_tables(done):
    for name in WORK_TABLES:
        assert len(getattr(done.kept, name)) > 0, name


def test_the_summary_counts_what_the_tables_hold(done):
    scenes, chat, train = done.summary["workloads"]
    states = done.kept.scenes.column("state").to_pylist()
    assert scenes["scenes"] == len(states) == 3
    assert scenes["delivered"] == states.count("delivered") > 0
    insight_s = [time_s for time_s in done.kept.scenes.column("insight_s").to_pylist() if time_s is not None]
    assert scenes["insight_s"]["max"] == max(insight_s)
    assert sum(scenes["parts_s"].values()) == pytest.approx(scenes["insight_s"]["mean"])
    assert chat["requests"] == len(done.kept.requests) > 0
    assert chat["delivered"] + sum(chat["lost"].values()) + chat["in_progress"] == chat["requests"]
    ended = [row for row in done.kept.steps.to_pylist() if row["ended_s"] is not None]
    assert train["steps"] == len(ended) > 1
    last = {row["node"]: row["refused"] for row in done.kept.compute.to_pylist()}
    assert {
        entry["node"]: entry["refused"] for entry in done.summary["compute"] if entry["node"] in last
    } == last


def test_energy_and_storage_balance(done):
    (power,) = done.summary["power"]
    assert power["start_j"] + power["generated_j"] == pytest.approx(
        power["used_j"] + power["spilled_j"] + power["end_j"], abs=1e-6
    )
    (storage,) = done.summary["storage"]
    came, went = storage["captured_bytes"], storage["released_bytes"] + storage["lost_bytes"]
    assert came + storage["made_bytes"] == went + storage["stored_bytes"]


def test_the_text_tells_of_all(done):
    text = format_summary(done.summary)
    titles = ("Scenes", "Requests", "Answers", "Training", "Computers", "Power", "Storage of sensors")
    assert [title for title in titles if f"\n{title}" in text] == list(titles)
    assert "* scenes, a guess: the camera is made up\n" in text
    assert json.loads(json.dumps(done.summary, allow_nan=False)) == done.summary
