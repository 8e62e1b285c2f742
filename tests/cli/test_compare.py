"""`lasermesh compare` as one types it: exit codes, JSON, text, progress."""

import json

import pytest

from lasermesh.cli.compare import CompareProgress
from lasermesh.experiments import comparing
from lasermesh.experiments.comparing import Progress
from tests.experiments.worlds import write_world

POLICIES = "routing.policy=shortest-delay,fewest-hops"


class Pool:
    """In place of processes: every order ends as it is told to, and nothing is run."""

    status = "failed"

    def __init__(self, orders, n_workers, threads):
        self.orders = orders

    def events(self):
        yield 0, {"warning": "as every run says"}
        for row in range(len(self.orders)):
            yield row, {"status": self.status, "message": "it was cancelled"}


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(comparing, "WorkerPool", Pool)
    return write_world(tmp_path).name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary", "flows.data.rate_gbsp=1,2"), "world.toml: 1 problem\n  --vary flows.data.rate_gbsp=1: "),
        (("--vary", "flows.data.rate_gbps=1,fast"), 'must be a number from 1e-06 to 1000000 (got "fast")'),
        (("--vary", POLICIES, "--seeds", 10_000_000), "20,000,000 points (2 combinations"),
        (("--vary", POLICIES, "--seeds", 2, "--seed", 1), "give --seeds N or --seed S, not both"),
        (("--vary", POLICIES, "--seeds", 0), "0 is not in the range"),
        (("--vary", POLICIES, "--workers", 0), "0 is not in the range"),
        (("--vary", POLICIES, "--baseline", "routing.policy=x"), "--vary has no such value"),
        (("--vary", POLICIES, "--metric", "goodput"), 'did you mean "goodput_gbps"?'),
        (("--vary", POLICIES, "-o", "world.toml"), "this is a file; name a folder for the comparison"),
        (("--vary", "routing.policy=ecnp,fewest-hop"), 'did you mean "fewest-hops"?'),
        ((), "give --vary PATH=V1,V2,... or --seeds N"),
    ],
)
def test_what_is_wrong_is_refused_with_code_2_and_leaves_nothing(
    run_command, world, tmp_path, arguments, words
):
    done = run_command("compare", world, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and "Traceback" not in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.csv", "world.toml"]


def test_points_that_failed_end_with_code_1_and_say_how_to_go_on(run_command, world):
    done = run_command("compare", world, "--vary", POLICIES, "--seed", 4, "--seed", 9)
    assert done.code == 1
    assert done.out.startswith("world: failed, 2 combinations x 2 seeds, 0 of 4 points complete\n")
    assert "Failed: 4 points\n  routing.policy=shortest-delay,seed=4: it was cancelled" in done.out
    assert done.out.endswith("Folder of the comparison: runs/world-compare\n")
    assert done.err == (
        "warning: as every run says\n"
        "Error: 4 of 4 points failed, the first of them routing.policy=shortest-delay,seed=4: it was "
        "cancelled; the same command with -o runs/world-compare runs what is missing\n"
    )


def test_an_interrupted_comparison_ends_with_code_130(run_command, world, monkeypatch):
    monkeypatch.setattr(Pool, "status", "interrupted")
    done = run_command("compare", world, "--vary", POLICIES, "-o", "mine", "--json")
    assert done.code == 130
    assert "interrupted with 0 of 2 points complete; the same command with -o mine" in done.err
    result = json.loads(done.out)
    assert (result["status"], result["seeds"], result["folder"]) == ("interrupted", [0], "mine")


def test_json_is_one_object_with_the_fields_of_the_contract(run_command, world):
    done = run_command("compare", world, "--vary", POLICIES, "--metric", "goodput_gbps", "--json")
    assert done.out.count("\n") == 1
    result = json.loads(done.out)
    assert {"experiment", "status", "folder", "vary", "sets", "seeds", "baseline", "confidence"} <= set(
        result
    )
    assert result["vary"] == [{"path": "routing.policy", "values": ["shortest-delay", "fewest-hops"]}]
    assert result["baseline"] == {"routing.policy": "shortest-delay"}
    assert [(metric["name"], metric["unit"]) for metric in result["metrics"]] == [("goodput_gbps", "Gbps")]
    first, second = result["combinations"]
    nothing = {"n": 0, "mean": None, "low": None, "high": None}
    assert first["metrics"]["goodput_gbps"] == nothing | {"difference": None}
    difference = second["metrics"]["goodput_gbps"]["difference"]
    assert set(difference) == {"pairs", "mean", "low", "high", "excludes_zero"}
    assert second["values"] == {"routing.policy": "fewest-hops"}
    point = result["points"][1]
    assert {"values", "seed", "folder", "status", "message", "reused", "metrics"} <= set(point)


def test_a_point_with_another_warm_up_is_another_one(run_command, world):
    asked = ("compare", world, "--vary", POLICIES, "--json")
    usual, other = (json.loads(run_command(*asked, *more).out) for more in ((), ("--warm-up", 0.5)))
    for one, another in zip(usual["points"], other["points"], strict=True):
        assert one["folder"] == another["folder"] and one["fingerprint"] != another["fingerprint"]


def test_dates_are_values_like_others(run_command, world, monkeypatch):
    monkeypatch.setattr(Pool, "status", "interrupted")
    dates = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    result = json.loads(
        run_command("compare", world, "--vary", f"topology.epoch={','.join(dates)}", "--json").out
    )
    assert result["baseline"] == {"topology.epoch": "2026-01-01T00:00:00+00:00"}
    assert len({point["folder"] for point in result["points"]}) == 2


def test_progress_tells_points_and_what_failed(capsys, monkeypatch):
    line = CompareProgress()
    line._next_s = 0.0
    line(Progress(0.25, 2, 10, 2, 1, 5, 30.0, False))
    assert capsys.readouterr().err == "2 of 10 points, 2 running, 1 failed, 5 from before, 90 s left\n"
    line._next_s = 0.0
    line(Progress(0.5, 50, 100, 0, 0, 0, 4.0, True))
    assert capsys.readouterr().err.startswith("50 of 100 combinations checked")
