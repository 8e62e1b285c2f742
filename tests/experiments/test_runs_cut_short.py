"""Runs that do not come to their end, or not even to their beginning: what is said, and what is left."""

import contextlib
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lasermesh.errors import RunFailed, UserError
from lasermesh.experiments import memory, simulation
from lasermesh.results import load
from tests.experiments.worlds import go, write_world

ROOT = Path(__file__).parents[2]

RAISES_LATER = """
from lasermesh.routing import POLICIES

def mine(snapshot):
    if snapshot.t_s >= {t_s}:
        raise KeyError("no such satellite")
    return POLICIES["shortest-delay"](snapshot)
"""


def raising(folder, t_s):
    """Text that has an experiment routed by a policy that raises from an instant on."""
    (folder / "mine.py").write_text(RAISES_LATER.format(t_s=t_s))
    return '[routing]\npolicy = "mine.py:mine"\n'


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_policy_that_raises_in_the_third_step_leaves_two_steps(world, tmp_path):
    output = tmp_path / "run"
    with pytest.raises(RunFailed) as raised:
        world(output=output, kind="poisson", more=raising(tmp_path, 2.0))
    message = str(raised.value)
    assert 'routing policy "mine.py:mine" at t = 2 s raised an error: line 6: KeyError' in message
    assert f"what came of it until then: {output}" in message
    kept = load(output)
    assert kept.status == kept.summary["status"] == "failed"
    assert kept.summary["simulated_s"] == 2.0
    flow = kept.flows.to_pylist()[0]
    dropped = sum(value for name, value in flow.items() if name.startswith("dropped_"))
    assert flow["sent"] == flow["delivered"] + flow["in_flight"] + dropped > 100
    assert set(kept.links["t_s"].to_pylist()) == {0.0, 1.0}
    # The same two steps of a run that goes on.
    whole = world(kind="poisson", sets=["duration_s=2"])
    assert kept.links.equals(whole.kept.links) and kept.flows.equals(whole.kept.flows)
    assert kept.contacts.equals(whole.kept.contacts)


def test_a_run_that_cannot_fit_is_refused_and_leaves_what_was_there(world, tmp_path, monkeypatch):
    kept = world(output=tmp_path / "old").kept
    before = {name: (kept.path / name).read_bytes() for name in names_in(kept.path)}
    monkeypatch.setattr(memory, "available_bytes", lambda: 15_000)
    for output, force in ((tmp_path / "new", False), (tmp_path / "old", True)):
        with pytest.raises(
            UserError, match=r"needs about 0\.0 GB of memory, of which 0\.0 GB are free; slower"
        ):
            world(output=output, force=force)
    assert not (tmp_path / "new").exists()
    assert {name: (kept.path / name).read_bytes() for name in names_in(kept.path)} == before


def test_the_estimate_counts_what_may_wait(world, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 500_000)
    sets = ["flows.data.packet_bytes=28", "flows.data.rate_gbps=0.0011", "duration_s=10"]
    world(sets=[*sets, "packets.queue_bytes=1000"])
    with pytest.raises(UserError, match="shorter queues"):
        world(sets=[*sets, "packets.queue_bytes=1_000_000_000"])
    world(sets=[*sets, "packets.queue_bytes=1_000_000_000", "flows.data.rate_gbps=0.0009"])  # nothing waits


def test_memory_of_a_container_is_its_limit_less_what_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CONTROL_GROUP", tmp_path)
    plain = memory.available_bytes()
    assert plain is None or plain > 10_000_000
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\nfile 600000\n")
    assert memory.available_bytes() == 700_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_bytes() > 10_000_000 or plain is None


def start(folder, *arguments):
    """`lasermesh run` of a world that would take minutes, as a process of its own."""
    file = write_world(folder)
    command = [sys.executable, "-m", "lasermesh", "run", str(file), "-o", str(folder / "run"), *arguments]
    command += ["--set", "duration_s=1000000"]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


def test_ctrl_c_ends_a_run_that_keeps_what_was_computed(tmp_path):
    with start(tmp_path, "--json") as process:
        # The progress line: the run is well on its way.
        assert any("simulated" in line for line in iter(process.stderr.readline, ""))
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted after" in err and "Traceback" not in err
    kept = load(tmp_path / "run")
    assert json.loads(out) == kept.summary
    assert kept.status == kept.summary["status"] == "interrupted"
    simulated_s = kept.summary["simulated_s"]
    assert 0 < simulated_s < 1_000_000
    flow = kept.flows.to_pylist()[0]
    assert flow["sent"] == pytest.approx(75 * simulated_s, abs=2)
    assert flow["delivered"] > 0
    open_ones = [c for c in kept.contacts.to_pylist() if c["open_stop"]]
    assert len(open_ones) == 4 and {c["stop_s"] for c in open_ones} == {simulated_s}


def press_ctrl_c(*told):
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_twice_ends_a_run_at_once_and_leaves_nothing(tmp_path):
    file, before = write_world(tmp_path), signal.getsignal(signal.SIGINT)

    def press_twice(progress):
        press_ctrl_c()
        press_ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        go(file, tmp_path / "run", on_progress=press_twice, capture="endpoints")
    assert not (tmp_path / "run").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_does_no_harm_while_a_run_is_being_kept(tmp_path, monkeypatch):
    file, real = write_world(tmp_path), simulation.summarise
    monkeypatch.setattr(
        simulation, "summarise", lambda *a, **k: press_ctrl_c() or press_ctrl_c() or real(*a, **k)
    )
    assert go(file, tmp_path / "run").kept.status == "complete"
    done = go(file, tmp_path / "cut", on_progress=press_ctrl_c)
    assert done.kept.status == "interrupted" and done.summary["simulated_s"] < 4.0


@contextlib.contextmanager
def no_file_longer_than(n_bytes):
    """What a full disk does, as any user can have it: writing beyond a size fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_under_the_tables_leaves_no_run(tmp_path):
    file = write_world(tmp_path)
    go(file, tmp_path / "good")  # whatever has to be compiled is kept on disk now
    with (
        no_file_longer_than(1500),
        pytest.raises(RunFailed, match=r"\.parquet: could not be written: File too large"),
    ):
        go(file, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with no_file_longer_than(1500), pytest.raises(RunFailed):
        go(file, tmp_path / "good", force=True)
    with pytest.raises(UserError, match=r"no such folder|no run"):
        load(tmp_path / "good")


def test_a_disk_that_fills_up_under_the_capture_leaves_what_came_until_then(tmp_path):
    file = write_world(tmp_path)
    go(file, tmp_path / "good", capture="endpoints")
    with (
        no_file_longer_than(30_000),
        pytest.raises(RunFailed, match="the capture could not be written after"),
    ):
        go(file, tmp_path / "run", capture="endpoints")
    kept = load(tmp_path / "run")
    assert kept.status == "failed" and kept.capture is None and "capture" not in kept.summary
    assert not (tmp_path / "run" / "capture.pcapng").exists()
    assert kept.flows.num_rows == 1


def test_a_folder_that_holds_a_run_is_kept_unless_forced(world, tmp_path):
    first = world(output=tmp_path / "run", seed=1)
    with pytest.raises(
        UserError, match="the folder holds a run; name another one, or replace it with --force"
    ):
        world(output=tmp_path / "run", seed=2)
    assert load(tmp_path / "run").summary == first.summary
    again = world(output=tmp_path / "run", seed=2, force=True)
    assert load(tmp_path / "run").manifest["seed"] == 2 == again.summary["seed"]
