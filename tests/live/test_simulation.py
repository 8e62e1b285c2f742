"""Live runs by the clock, with sockets in place of interfaces: what is kept of them is what was sent."""

import contextlib
import json
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lasermesh.experiments.feeding import LinkFeed
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.live.outside import Outside
from lasermesh.live.simulation import LiveSimulation
from lasermesh.packets import state as packets_state
from lasermesh.results import format_summary, load
from tests.experiments.worlds import go, write_world
from tests.live.mesh import ip_packet

pytestmark = [pytest.mark.compiled_only, pytest.mark.alone]  # by the clock

SIZE_BYTES = 200
QUITO, LIMA = 2, 3  # rows of nodes
PAUSE_S = 0.01
SENDS_S, LASTS_S = 1.4, 1.7

LATER = """start_s = 3.9
[live]
hosts = ["Quito", "Lima"]
gso = false
buffer_bytes = 1048576
"""


class Sockets(Outside):
    """Two hosts, of which Quito sends Lima a packet every PAUSE_S, for SENDS_S at most."""

    def __init__(self, lasts_s=LASTS_S):
        self._pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        self.tun_fds = [theirs.fileno() for theirs, _ in self._pairs]
        self.sent = self.received = 0
        self.statuses = []
        self.is_over = False
        self._lasts_s = lasts_s

    def begin(self):
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self):
        while time.monotonic() - self._began < min(SENDS_S, self._lasts_s):
            self._pairs[0][1].send(ip_packet(QUITO, LIMA, SIZE_BYTES, self.sent))
            self.sent += 1
            time.sleep(PAUSE_S)

    def has_ended(self):
        return time.monotonic() - self._began > self._lasts_s

    def end(self):
        self.is_over = True
        self._thread.join()
        ours = self._pairs[1][1]
        ours.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while ours.recv(2000):
                self.received += 1

    def show(self, status):
        self.statuses.append(status)

    def entries(self):
        return {"command": {"argv": ["test"], "exit_code": 0}}

    def close(self):
        for each in self._pairs:
            for end in each:
                end.close()


def live_run(folder, file, outside, *sets, **options):
    """A live run of a file, in `folder`."""
    experiment, policy = load_with_policy(file, ["topology.step_s=0.25", *sets])
    simulation = LiveSimulation(experiment, outside, policy=policy, **options)
    try:
        return simulation, simulation.run(folder)
    finally:
        outside.close()


@pytest.fixture(scope="module")
def handover(tmp_path_factory):
    """A run in which the shorter of two paths ends after 1 s, live, and the same packets simulated."""
    folder = tmp_path_factory.mktemp("live")
    live = write_world(folder, left_stop_s=1.0, more=LATER)
    outside = Sockets()
    simulation, run = live_run(folder / "run", live, outside)
    simulated = folder / "simulated"
    simulated.mkdir()
    rate_gbps = SIZE_BYTES * 8e-9 / PAUSE_S
    same = write_world(simulated, left_stop_s=1.0, rate_gbps=rate_gbps, more=f"packet_bytes = {SIZE_BYTES}\n")
    text = same.read_text().replace("packet_bytes = 1500\n", "")
    same.write_text(text)
    return simulation, run, outside, go(same, simulated / "run", sets=["topology.step_s=0.25"])


def entry_of(summary, name):
    """What a summary says of a flow."""
    return next(flow for flow in summary["flows"] if flow["name"] == name)


def test_what_was_sent_and_received_is_what_the_run_counted(handover):
    _, run, outside, _ = handover
    real = entry_of(run.summary, "live/Quito>Lima")
    assert real["sent"] == outside.sent > 50
    assert real["delivered"] == outside.received
    assert real["in_flight"] == 0
    lost = {cause: n for cause, n in real["dropped"].items() if n}
    assert sum(lost.values()) == outside.sent - outside.received
    assert set(lost) <= {"link_down", "no_route"}  # in service as the link stopped, or behind it by then
    live = run.summary["live"]
    assert (live["packets_in"], live["packets_out"]) == (outside.sent, outside.received)
    assert live["bytes_in"] == SIZE_BYTES * outside.sent
    assert [flow["name"] for flow in run.summary["flows"]] == ["data", "live/Quito>Lima"]


def test_latencies_are_those_of_the_same_packets_simulated(handover):
    _, run, _, simulated = handover
    real = entry_of(run.summary, "live/Quito>Lima")["latency_ms"]
    expected = entry_of(simulated.summary, "data")["latency_ms"]
    assert real["min"] == expected["min"] == pytest.approx(2 * (4.0 + 1.6))
    # After the hand-over the other way, by 2 ms longer on each link; a late read may make two packets queue.
    assert real["max"] >= expected["max"] == pytest.approx(2 * (6.0 + 1.6))
    assert real["p50"] == pytest.approx(expected["min"], rel=0.01)
    assert real["p90"] == pytest.approx(expected["max"], rel=0.01)


def test_paths_and_hand_overs_are_noted_of_pairs_that_sent_and_of_no_others(handover):
    _, run, _, simulated = handover
    paths, expected = run.paths.to_pydict(), simulated.kept.paths.to_pydict()
    rows = [row for row, flow in enumerate(paths["flow"]) if flow == 1]
    for column in ("t_s", "nodes", "delay_ms"):
        assert [paths[column][row] for row in rows] == expected[column]
    assert set(paths["flow"]) == {0, 1}
    (handover_of,) = [h for h in run.summary["handovers"] if h["flow"] != "data" and h["site"] == "Quito"]
    assert (handover_of["from"], handover_of["to"], handover_of["t_s"]) == ("left", "right", 1.0)
    lost = sum(entry_of(run.summary, "live/Quito>Lima")["dropped"].values())
    charged = [c["dropped"] for c in run.summary["path_changes"] if c["flow"] == "live/Quito>Lima"]
    assert sum(charged) == lost


def test_links_contacts_and_flows_over_time_add_up(handover):
    _, run, outside, _ = handover
    links = run.links.to_pydict()
    counted = [links[name] for name in links if name == "packets" or name.startswith("dropped_")]
    out_of_quito = [row for row, start in enumerate(links["from"]) if start == "Quito"]
    assert sum(column[row] for column in counted for row in out_of_quito) == outside.sent
    times = run.flow_times.to_pydict()
    rows = [row for row, flow in enumerate(times["flow"]) if flow == 1]
    assert sum(times["sent"][row] for row in rows) == outside.sent
    contacts = run.contacts.to_pydict()
    ended = [
        stop for stop, start in zip(contacts["stop_s"], contacts["from"], strict=True) if start == "left"
    ]
    assert min(ended) == 1.0


def test_the_summary_tells_of_the_run_and_can_be_read(handover):
    simulation, run, outside, _ = handover
    live = run.summary["live"]
    assert live["hosts"] == ["Quito", "Lima"]
    assert live["verdict"] in ("OK", "DEGRADED", "INVALID") and (live["verdict"] == "OK") == (
        not live["reasons"]
    )
    assert live["command"] == {"argv": ["test"], "exit_code": 0}
    assert 0 < live["lateness_ms"]["p50"] <= live["lateness_ms"]["max"]
    assert 0 < live["cpu_share"]["datapath"] < 1.5
    assert live["steps"]["slowest_s"] > 0 and live["steps"]["late"] == simulation.pace.late_steps
    assert "Live: " in format_summary(run.summary)
    assert run.status == "complete" and run.summary["simulated_s"] == pytest.approx(LASTS_S, abs=0.5)
    assert load(run.folder).live == live
    manifest = json.loads(Path(run.folder, "manifest.json").read_text())
    assert manifest["live"]["hosts"] == live["hosts"] and manifest["live"]["verdict"] == live["verdict"]
    assert outside.is_over
    told = [status for status in outside.statuses if status["paths"]]
    assert {(path.from_name, path.to_name, path.hops) for path in told[0]["paths"]} == {("Quito", "Lima", 2)}
    assert 20 < told[0]["packets_in_per_s"] < 150


def test_a_run_that_its_time_ends_is_complete_and_stands_at_that_instant(tmp_path):
    file = write_world(tmp_path, more=LATER)
    sets = "duration_s=0.2", "flows.data.start_s=0"
    _, run = live_run(tmp_path / "run", file, Sockets(lasts_s=60.0), *sets, longest_s=0.4)
    assert run.status == "complete" and run.summary["simulated_s"] == 0.4
    assert entry_of(run.summary, "data")["sent"] == 30  # 75 a second: it goes on beyond duration_s


def test_steps_that_take_too_long_are_told(tmp_path):
    """A policy that takes 0.4 s for a step of 0.25 s."""
    (tmp_path / "slow.py").write_text(
        "import time\nfrom lasermesh.routing import compute_table\n\n"
        "def route(snapshot):\n"
        "    time.sleep(0.4 if snapshot.t_s > 0 else 0.0)\n"
        '    return compute_table("shortest-delay", snapshot)[0]\n'
    )
    more = LATER + '[routing]\npolicy = "slow.py:route"\n'
    file = write_world(tmp_path, more=more)
    outside = Sockets(lasts_s=1.0)
    simulation, run = live_run(tmp_path / "run", file, outside)
    assert simulation.pace.late_steps >= 1
    assert simulation.pace.slowest_step_s > 0.4
    assert run.summary["live"]["verdict"] == "INVALID"
    assert any("topology.step_s = 1," in reason for reason in run.summary["live"]["reasons"])
    assert 0 < entry_of(run.summary, "live/Quito>Lima")["sent"] <= outside.sent  # the rest came too late


def test_while_a_step_takes_long_to_compute_the_mesh_goes_on_past_all_that_it_halts_for(tmp_path):
    """A policy that takes 0.6 s for a step of 0.8 s, and intervals of 0.1 s."""
    (tmp_path / "slow.py").write_text(
        "import time\nfrom lasermesh.routing import compute_table\n\n"
        "def route(snapshot):\n"
        "    time.sleep(0.6 if snapshot.t_s > 0 else 0.0)\n"
        '    return compute_table("shortest-delay", snapshot)[0]\n'
    )
    more = (
        LATER + '[routing]\npolicy = "slow.py:route"\n[observe]\nlinks_every_s = 0.1\nflows_every_s = 0.1\n'
    )
    file = write_world(tmp_path, more=more)
    outside = Sockets(lasts_s=1.0)
    simulation, run = live_run(tmp_path / "run", file, outside, "topology.step_s=0.8")
    assert simulation.pace.slowest_step_s > 0.6
    steps = run.summary["live"]["steps"]
    assert steps["longest_standstill_ms"] < 300.0 and steps["late"] == 0
    assert outside.statuses
    times = run.flow_times.to_pydict()
    sent = [times["sent"][row] for row, flow in enumerate(times["flow"]) if flow == 1]
    assert len(sent) >= 8 and max(sent) <= 0.25 * sum(sent)  # in every interval some
    assert len(set(run.links.to_pydict()["t_s"])) >= 8


def test_queue_limits_change_with_rates_within_a_step(tmp_path, monkeypatch):
    """Although the next step, which has limits of its own, is prepared by then."""
    found, change_limits = [], LinkFeed.change_limits

    def change_and_look(feed):
        links = np.unique(feed._late.link[feed._late.time_ps == feed.next_limits_ps])
        change_limits(feed)
        found.append(feed._engine._e.links[links, packets_state.X_LIMIT_BYTES].tolist())

    monkeypatch.setattr(LinkFeed, "change_limits", change_and_look)
    links = [("Quito", "left"), ("left", "Quito"), ("left", "Lima"), ("Lima", "left")]
    rates = [(0, 0.2, 1), (0.2, 0.7, 2), (0.7, 9, 3)]  # of which none is where a step begins
    rows = [f"{a},{b},{start},{stop},{mbps}000000,0.004" for a, b in links for start, stop, mbps in rates]
    plan = "\n".join(["from,to,start_s,stop_s,rate_bps,owlt_s", *rows, "Quito,right,0,9,1000000,0.006"])
    file = write_world(tmp_path, plan_text=plan + "\n", more=LATER)
    live_run(tmp_path / "run", file, Sockets(lasts_s=1.0))
    assert found == [[12500] * 4, [18750] * 4]


def test_a_policy_that_fails_leaves_what_came_of_the_run(tmp_path):
    (tmp_path / "wrong.py").write_text(
        "from lasermesh.routing import compute_table\n\n"
        "def route(snapshot):\n"
        "    if snapshot.t_s > 0.3:\n"
        "        return None\n"
        '    return compute_table("shortest-delay", snapshot)[0]\n'
    )
    file = write_world(tmp_path, more=LATER + '[routing]\npolicy = "wrong.py:route"\n')
    with pytest.raises(Exception, match="returned None"):
        live_run(tmp_path / "run", file, Sockets(lasts_s=1.0))
    run = load(tmp_path / "run")
    assert run.status == "failed"
    assert np.isclose(run.summary["simulated_s"], 0.25, atol=0.25)
