"""`lasermesh run` as one types it."""

import json
import math
import sys
from types import SimpleNamespace

import pytest

from lasermesh.cli import progress as module
from lasermesh.cli.run import RunProgress, warn_of_unmet_energy
from lasermesh.experiments.alternatives import AlternativesProgress
from lasermesh.experiments.simulation import Progress
from lasermesh.packets.causes import CAUSES
from lasermesh.results import load
from tests.experiments.test_alternatives import write_alternatives
from tests.experiments.worlds import write_world

FLOW = "name from to sent delivered in_flight dropped goodput_gbps latency_ms jitter_ms reordered hops_mean"


@pytest.fixture
def world(tmp_path):
    """`world(...)`: the file of a small experiment in the folder where commands are started."""
    return lambda **changes: write_world(tmp_path, **changes).name


def written(folder):
    """What a command has left beside the files of the scenario."""
    return sorted(path.name for path in folder.iterdir() if path.name not in ("world.toml", "plan.csv"))


def test_energy_that_satellites_did_not_have_is_warned_of_by_alternative(capsys):
    power = {"name": "bus", "unmet_j": 3.6e6}
    warn_of_unmet_energy({"power": [power, power | {"unmet_j": 0.0}]})
    warn_of_unmet_energy({"power": None})
    several = [{"name": "dark", "summary": {"power": [power]}}, {"name": "failed", "summary": None}]
    warn_of_unmet_energy({"alternatives": several})
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("warning: bus: 1.000 kWh were needed that neither arrays nor batteries gave")
    assert second.startswith("warning: dark: bus: 1.000 kWh")


def test_json_is_one_object_with_the_fields_of_the_contract(run_command, world, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PROGRESS_S", math.inf)  # on a busy machine it takes longer
    done = run_command("run", world(), "--json", "--threads", 1)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    result = json.loads(done.out)
    assert {"experiment", "seed", "status", "simulated_s", "flows", "links", "engine"} <= set(result)
    assert result["memory"] is None
    assert (result["experiment"], result["seed"], result["status"]) == ("world", 0, "complete")
    (flow,) = result["flows"]
    assert set(FLOW.split()) <= set(flow)
    assert tuple(flow["dropped"]) == CAUSES
    assert list(flow["latency_ms"]) == ["min", "mean", "p50", "p90", "p99", "max"]
    assert {"count", "busiest"} <= set(result["links"]) and result["links"]["count"] == 8
    for link in result["links"]["busiest"]:
        assert {"from", "to", "utilisation", "queue_max_bytes", "dropped"} <= set(link)
    assert set(result["engine"]) == {"packet_hops", "wall_s", "packet_hops_per_s", "compile_s", "threads"}
    assert result["engine"]["threads"] == 1


def test_text_is_the_summary_and_the_folder(run_command, world, tmp_path):
    done = run_command("run", world(), "--seed", 5)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("world: complete, 4 s simulated in ")
    assert ", seed 5\n" in done.out and "Hand-overs: 2" in done.out
    assert done.out.endswith("Run folder: runs/world\n")
    assert load(tmp_path / "runs" / "world").manifest["seed"] == 5


def test_runs_without_a_named_folder_are_numbered(run_command, world, tmp_path):
    file = world()
    for _ in range(3):
        assert run_command("run", file).code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["world", "world-2", "world-3"]


def test_a_folder_that_holds_a_run_is_refused_without_force(run_command, world, tmp_path):
    file = world()
    assert run_command("run", file, "-o", "mine").code == 0
    before = (tmp_path / "mine" / "manifest.json").read_bytes()
    done = run_command("run", file, "-o", "mine", "--seed", 1)
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: mine: the folder holds a run; name another one, or replace it with --force\n"
    assert (tmp_path / "mine" / "manifest.json").read_bytes() == before
    assert run_command("run", file, "-o", "mine", "--seed", 1, "--force").code == 0
    assert load(tmp_path / "mine").manifest["seed"] == 1


def test_a_folder_of_other_things_is_refused_even_with_force(run_command, world, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    done = run_command("run", world(), "-o", "thesis", "--force")
    assert done.code == 2 and 'the folder holds other things ("chapter1.txt")' in done.err
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["flows.data.to=Quito"], "Quito"),
        (["flows.data.packet_bytes=10"], "from 28 to 65535 (got 10)"),
        (["flows.data.rate_gbps=0"], "flows.data.rate_gbps"),
        (["flows.data.rate_gbps=-1"], "flows.data.rate_gbps"),
        (["flows.data.start_s=3", "flows.data.stop_s=2"], "stop_s"),
        (["duration_s=0"], "duration_s"),
        (["duration_s=-1"], "duration_s"),
        (["flows.data.to=Liam"], 'did you mean "Lima"'),
        (["routing.interval_s=1.5"], "interval_s"),
        (["routing.policy=shortest-dely"], "shortest-delay"),
        (["packets.on_link_down=cry"], "on_link_down"),
        (["packets.scale=0"], "scale"),
        (["flows.date.rate_gbps=1"], "data"),
        (["fidelity=trains"], '"train"'),
    ],
)
def test_a_bad_value_is_a_sentence_and_leaves_nothing(run_command, world, tmp_path, sets, words):
    options = [part for option in sets for part in ("--set", option)]
    done = run_command("run", world(), *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and "Traceback" not in done.err
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--capture", "Qito"), '--capture Qito: no node is named "Qito"; did you mean "Quito"?'),
        (("--capture", "Quito:Quito"), "a node has no port towards itself"),
        (("--capture", "#99"), "there is no row 99"),
        (("--threads", 0), "0 is not in the range"),
        (("--warm-up", -1), "the warm-up must be from 0 to 3155760000 s (got -1)"),
        (("--seed", -1), "-1 is not in the range"),
        (("--seed", "x"), "'x' is not a valid int"),
        (("-o", "world.toml"), "world.toml: this is a file; name a folder for the run"),
        (("-o", "world.toml/run"), "world.toml/run: the run folder cannot be written: Not a directory"),
    ],
)
def test_a_bad_option_is_a_sentence_and_leaves_nothing(run_command, world, tmp_path, arguments, words):
    done = run_command("run", world(), *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and "Traceback" not in done.err
    assert written(tmp_path) == []


def test_runs_that_cannot_be_put_anywhere_are_refused(run_command, world, tmp_path):
    (tmp_path / "runs").write_text("a file in the place of the folder")
    done = run_command("run", world())
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: runs: the run folder cannot be written: File exists\n"


def test_what_is_no_experiment_is_refused(run_command, world, tmp_path):
    for name, words in [
        ("walker-144", "walker-144"),
        ("citis", 'no experiment is named "citis"; did you mean "cities"?'),
        ("plan.csv", "plan.csv"),
        ("no.toml", "no.toml"),
    ]:
        world()
        done = run_command("run", name)
        assert (done.code, done.out) == (2, ""), name
        assert words in done.err
    assert written(tmp_path) == []


def test_a_policy_that_raises_ends_with_code_1_and_keeps_what_came_before(run_command, world, tmp_path):
    (tmp_path / "mine.py").write_text("def mine(snapshot):\n    return None if snapshot.t_s else undefined\n")
    (tmp_path / "later.py").write_text(
        "from lasermesh.routing import POLICIES\n\n"
        "def mine(snapshot):\n"
        '    return POLICIES["shortest-delay"](snapshot) if snapshot.t_s < 2 else 1 / 0\n'
    )
    done = run_command("run", world(more='[routing]\npolicy = "mine.py:mine"\n'), "-o", "first")
    assert (done.code, done.out) == (1, "")
    assert 'routing policy "mine.py:mine" at t = 0 s raised an error: line 2: NameError' in done.err
    assert load(tmp_path / "first").status == "failed"
    done = run_command("run", world(more='[routing]\npolicy = "later.py:mine"\n'), "-o", "later")
    assert (done.code, done.out) == (1, "")
    assert "at t = 2 s raised an error: line 4: ZeroDivisionError" in done.err
    assert "what came of it until then: later" in done.err
    assert load(tmp_path / "later").status == "failed"


def test_a_scaled_run_says_so(run_command, world):
    done = run_command("run", world(more="[packets]\nscale = 0.5\n"))
    assert "rates and queues scaled by 0.5" in done.out.splitlines()[0]


def test_warnings_go_to_stderr(run_command, world):
    done = run_command("run", world(), "--set", "flows.data.start_s=9", "--json")
    assert done.code == 0 and json.loads(done.out)["flows"][0]["sent"] == 0
    assert done.err.startswith("warning: ") and "before this flow starts" in done.err


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""
    found = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now_s))
    return found


def tell(line, clock, simulated_s, wall_s):
    clock.now_s = 100.0 + wall_s
    line(Progress(simulated_s, 10.0, wall_s, int(2e7 * wall_s)))


def test_a_run_of_less_than_two_seconds_shows_no_progress(clock, capsys):
    line = RunProgress()
    for tenth in range(19):
        tell(line, clock, tenth / 1.8, tenth / 10)
    tell(line, clock, 10.0, 1.9)
    line.end()
    assert capsys.readouterr() == ("", "")


def test_a_longer_run_shows_how_far_it_is(clock, capsys):
    line = RunProgress()
    for tenth in range(101):
        tell(line, clock, tenth / 10, tenth / 10)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "2.000 of 10 s simulated, 20.0 M packet-hops/s, 8 s left",
        "7.000 of 10 s simulated, 20.0 M packet-hops/s, 3 s left",
    ]


def test_a_run_that_has_hardly_begun_does_not_guess_its_end(clock, capsys):
    line = RunProgress()
    tell(line, clock, 0.01, 3.0)
    assert capsys.readouterr().err == "0.010 of 10 s simulated, 20.0 M packet-hops/s, just begun\n"


def test_on_a_terminal_the_line_is_written_over_and_ended(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    line = RunProgress()
    for tenth in range(31):
        tell(line, clock, tenth / 4, tenth / 10)
    err = capsys.readouterr().err
    assert err.count("\r") == 3 and err.count("\n") == 0  # at 2.0, 2.5 and 3.0 s of wall time
    tell(line, clock, 10.0, 3.1)
    line.end()
    assert capsys.readouterr().err.endswith(
        "10.000 of 10 s simulated, 20.0 M packet-hops/s, 0 s left".ljust(78) + "\n"
    )


def test_a_run_that_is_cut_short_ends_the_line(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    line = RunProgress()
    tell(line, clock, 5.0, 2.5)
    line.end()
    line.end()
    assert capsys.readouterr().err.count("\n") == 1


class _Pool:
    """In place of processes: every alternative ends as it is told to, and nothing is run."""

    statuses = ("complete", "complete")

    def __init__(self, orders, n_workers, threads):
        self._rows = range(len(orders))

    def events(self):
        for row, status in zip(self._rows, self.statuses, strict=True):
            yield row, {"share": 0.5}
            yield row, {"status": status, "message": "it was told to" if status == "failed" else None}


@pytest.mark.parametrize(
    ("statuses", "code", "words"),
    [
        (
            ("failed", "interrupted"),
            130,
            "interrupted with 0 of 2 alternatives complete",
        ),
        (
            ("failed", "failed"),
            1,
            "2 of 2 alternatives failed, the first of them on the ground: it was told to",
        ),
        # Nobody has run it, so there is nothing to read.
        (("complete", "failed"), 1, "2 of 2 alternatives failed, the first of them on the ground: "),
    ],
)
def test_alternatives_that_are_not_complete_give_the_exit_code(
    run_command, tmp_path, monkeypatch, statuses, code, words
):
    monkeypatch.setattr("lasermesh.experiments.alternatives.WorkerPool", _Pool)
    monkeypatch.setattr(_Pool, "statuses", statuses)
    file = write_alternatives(tmp_path).name
    done = run_command("run", file)
    assert done.code == code and words in done.err and "Traceback" not in done.err
    assert done.out.startswith(f"world: {'interrupted' if code == 130 else 'failed'}, 2 alternatives, ")
    assert done.out.endswith("Run folders, in: runs/world\n")
    result = json.loads(run_command("run", file, "--json").out)
    assert [each["name"] for each in result["alternatives"]] == ["on the ground", "in orbit"]
    assert set(result) == {"experiment", "seed", "status", "simulated_s", "alternatives", "comparison"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--alternative", "in orbid"), 'no such alternative; did you mean "in orbit"?'),
        (("--set", "workloads.raw.stations=Limo"), 'did you mean "Lima"?'),
    ],
)
def test_wrong_alternatives_are_refused_before_anything_runs(run_command, tmp_path, arguments, words):
    done = run_command("run", write_alternatives(tmp_path).name, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert not (tmp_path / "runs").exists()


def test_progress_names_the_alternatives_that_are_running(monkeypatch, capsys):
    monkeypatch.setattr(module, "FIRST_PROGRESS_S", 0.0)
    RunProgress()(AlternativesProgress(0.3, 1, 3, {"in orbit": 0.4, "on board": 0.05}, 10.0))
    assert "1 of 3 alternatives done; in orbit 40 %, on board 5 %, 23 s left" in capsys.readouterr().err


def test_of_what_ends_when_all_is_done_the_time_left_is_a_bound(monkeypatch, capsys):
    monkeypatch.setattr(module, "FIRST_PROGRESS_S", 0.0)
    RunProgress()(Progress(1.0, 10.0, 10.0, 0, may_end_early=True))
    assert capsys.readouterr().err.endswith("simulated, 0.0 M packet-hops/s, at most 90 s left\n")
    RunProgress()(AlternativesProgress(0.1, 0, 2, {"in orbit": 0.2}, 10.0, may_end_early=True))
    assert capsys.readouterr().err.endswith("in orbit 20 %, at most 90 s left\n")


@pytest.mark.parametrize("command", [("run",), ("compare", "--vary", "packets.hop_limit=32,64")])
def test_an_experiment_that_is_only_run_live_is_not_simulated(run_command, tmp_path, command):
    text = 'topology = "walker-144"\nduration_s = 1.0\n[live]\nhosts = ["Tokyo", "London"]\n'
    (tmp_path / "only.toml").write_text(text)
    assert "flows: 0, live hosts: 2" in run_command("check", "only.toml").out
    name, *options = command
    done = run_command(name, "only.toml", *options)
    assert (done.code, done.out) == (2, "")
    assert "nothing to simulate" in done.err and "lasermesh live only.toml" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["only.toml"]
