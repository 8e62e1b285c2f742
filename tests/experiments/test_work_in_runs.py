"""Transfers of work over the packet engine: exact times, losses, outages, shares, windows and threads."""

import pytest
from pyarrow.parquet import read_table

from lasermesh.experiments import parts, simulation
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.units import PS_PER_MS, PS_PER_S
from lasermesh.workloads import transport

HANDLING_S = 0.001
EXPERIMENT = """
duration_s = {duration_s}
{fidelity}
[topology]
name = "line"
step_s = {step_s}
[[topology.satellites]]
name = "s"
fixed = ["eye", "other", "relay", "next", "dc"]
[[topology.links]]
rule = "plan"
plan = "plan.csv"
[sensors.camera]
on = {sensing}
scene_bytes = {scene_bytes}
every_s = {every_s}
phase_s = 0.0
stop_s = {stop_s}
{storage}
[[workloads]]
name = "scenes"
source = "camera"
[[workloads.stages]]
transfer_to = ["dc"]
"""
DEFAULTS = {
    "duration_s": 30.0,
    "fidelity": "",
    "step_s": 1.0,
    "sensing": '["eye"]',
    "scene_bytes": 2_000_000,
    "every_s": 0.05,
    "stop_s": 0.05,
    "storage": "",
}
TRAINS = 'fidelity = "train"\ntrain_packets = 64'
BACKGROUND = """
[[flows]]
name = "busy"
kind = "{kind}"
from = "other"
to = "dc"
rate_gbps = {rate_gbps}
packet_bytes = 1500
stop_s = {stop_s}
"""
WAYS = (("eye", "relay", 0.003), ("other", "relay", 0.002), ("relay", "next", 0.004), ("next", "dc", 0.005))
LIGHT_S = 0.012


def plan(rates_gbps=(25, 25, 25, 25), contacts=((0, 1000),) * 4, later=None):
    """Contact plan of WAYS, both directions; `contacts` are (start, stop, start, stop, ...) of each.

    `later` is (instant, rate) of the link from relay to next, where its rate changes then.
    """
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for (a, b, owlt_s), rate_gbps, times in zip(WAYS, rates_gbps, contacts, strict=True):
        for start_s, stop_s in zip(times[::2], times[1::2], strict=True):
            for ends in ((a, b), (b, a)):
                rates = [(start_s, stop_s, rate_gbps)]
                if later is not None and (a, b) == ("relay", "next"):
                    rates = [(start_s, later[0], rate_gbps), (later[0], stop_s, later[1])]
                rows += [
                    f"{ends[0]},{ends[1]},{from_s},{until_s},{round(gbps * 1e9)},{owlt_s}"
                    for from_s, until_s, gbps in rates
                ]
    return "\n".join(rows) + "\n"


class Done:
    """A run that is over."""

    def __init__(self, folder, more="", threads=1, of_plan=None, **keys):
        number = len(list(folder.glob("*.toml")))
        (folder / "plan.csv").write_text(plan(**(of_plan or {})))
        file = folder / f"line-{number}.toml"
        file.write_text(EXPERIMENT.format(**DEFAULTS | keys) + more)
        experiment, policy = load_with_policy(file)
        run = simulation.Simulation(experiment, threads, policy=policy)
        self.transfers = []
        network = run.working.network
        send = network.send
        network.send = lambda *arguments: self._keep(send(*arguments))
        self.summary = run.run(folder / f"run-{number}").summary
        self.scenes = read_table(folder / f"run-{number}" / "scenes.parquet").to_pylist()
        for transfer in self.transfers:
            assert transfer.sent_bytes >= transfer.delivered_bytes + transfer.lost_bytes
            if transfer.complete_ps is not None:
                assert transfer.delivered_bytes >= transfer.n_bytes
                assert sum(transfer.spent_ps) == transfer.complete_ps - transfer.asked_ps

    def _keep(self, transfer):
        self.transfers.append(transfer)
        return transfer

    @property
    def took_s(self):
        """From asking to the last byte, of each transfer."""
        return [(transfer.complete_ps - transfer.asked_ps) / PS_PER_S for transfer in self.transfers]

    @property
    def facts(self):
        """All that must not depend on how the run was cut into windows."""
        return [
            (t.first_ps, t.complete_ps, *t.spent_ps, t.sent_bytes, t.delivered_bytes, t.lost_bytes)
            for t in self.transfers
        ], self.scenes


@pytest.mark.parametrize("fidelity", ["", TRAINS])
@pytest.mark.parametrize(("rates_gbps", "bottleneck_gbps"), [((25,) * 4, 25), ((25, 25, 10, 40), 10)])
def test_an_idle_way_takes_size_over_rate_and_light_time(tmp_path, fidelity, rates_gbps, bottleneck_gbps):
    done = Done(tmp_path, fidelity=fidelity, of_plan={"rates_gbps": rates_gbps})
    assert done.took_s == pytest.approx([HANDLING_S + 2e6 * 8 / (bottleneck_gbps * 1e9) + LIGHT_S], rel=1e-3)
    assert done.transfers[0].sent_bytes == 2_000_000
    assert done.summary["simulated_s"] == 1.0  # at whose end nothing was left to do


def test_scenes_that_share_a_link_have_half_of_it_each(tmp_path):
    done = Done(tmp_path, sensing='["eye", "other"]', scene_bytes=20_000_000)
    expected = [HANDLING_S + 2 * 20e6 * 8 / 25e9 + LIGHT_S - owlt_s for owlt_s in (0, 0.001)]
    assert done.took_s == pytest.approx(expected, rel=0.01)
    assert sum(done.summary["drops_total"].values()) == 0


@pytest.mark.compiled_only
def test_trains_take_the_times_of_single_packets_on_a_busy_way(tmp_path):
    keys = {"sensing": '["eye", "other"]', "scene_bytes": 5_000_000, "stop_s": 0.1, "duration_s": 0.5}
    more = "[transfers]\nshare = 0.5\n" + BACKGROUND.format(kind="poisson", rate_gbps=8.0, stop_s=0.1)
    packets, trains = (Done(tmp_path, more, fidelity=fidelity, **keys) for fidelity in ("", TRAINS))
    assert len(packets.transfers) == 4
    assert trains.took_s == pytest.approx(packets.took_s, rel=0.01)


def test_what_a_full_queue_drops_is_sent_again(tmp_path):
    more = "[packets]\nqueue_packets = 50\n" + BACKGROUND.format(kind="constant", rate_gbps=12.0, stop_s=0.01)
    done = Done(tmp_path, more, scene_bytes=10_000_000)
    (transfer,) = done.transfers
    assert transfer.lost_bytes > 100_000
    assert transfer.is_acknowledged
    assert transfer.sent_bytes == transfer.delivered_bytes + transfer.lost_bytes


def test_what_bit_errors_spoil_is_sent_again(tmp_path):
    done = Done(tmp_path, "[packets]\nbit_error_rate = 1e-6\n", stop_s=0.15)
    assert len(done.transfers) == 3
    for transfer in done.transfers:
        assert transfer.is_acknowledged and transfer.lost_bytes > 0
        assert transfer.sent_bytes == transfer.delivered_bytes + transfer.lost_bytes


@pytest.mark.parametrize("fidelity", ["", TRAINS])
def test_a_sender_whose_link_goes_down_stops_and_goes_on_where_it_was(tmp_path, fidelity):
    contacts = ((0, 0.006, 4.5, 1000), *((0, 1000),) * 3)
    of_plan = {"rates_gbps": (1,) * 4, "contacts": contacts}
    done = Done(tmp_path, fidelity=fidelity, of_plan=of_plan)
    (transfer,) = done.transfers
    # 5 of 16 ms went before. The table of 5 s has the way again; a millisecond later the rest goes, and what
    # was being sent as the link went down comes a round trip later.
    round_trip_s = 2 * (LIGHT_S + HANDLING_S)
    assert done.took_s == pytest.approx([5.0 + 0.001 + 0.011 + LIGHT_S + round_trip_s], rel=1e-4)
    assert transfer.spent_ps[0] / PS_PER_S == pytest.approx(0.001 + 5.0 + 0.001 - 0.006, rel=1e-4)
    assert 0 < transfer.lost_bytes <= 64 * 1500


def test_what_a_link_further_on_loses_is_sent_again_over_the_next_way(tmp_path):
    fault = '[[faults]]\nlinks = [["relay", "next"]]\nat_s = 0.012\nrepair_s = 2.5\n'
    done = Done(tmp_path, fault, of_plan={"rates_gbps": (1,) * 4})
    (transfer,) = done.transfers
    # The sender learns of it by no table before 1 s, and finishes: half of it is lost, and the checkpoint.
    # That goes again at 3 s, when the way is back, and the report has the rest sent, which takes 8 ms.
    assert transfer.lost_bytes == pytest.approx(1_000_000, rel=0.01)
    assert transfer.is_acknowledged
    assert done.took_s[0] == pytest.approx(3.001 + 2 * (LIGHT_S + HANDLING_S) + 0.008 + LIGHT_S, rel=1e-4)
    assert transfer.sent_bytes == transfer.delivered_bytes + transfer.lost_bytes


@pytest.mark.parametrize(("before_gbps", "after_gbps"), [(0.02, 0.1), (0.1, 0.05)])
def test_with_the_tables_senders_learn_the_rates_of_links_further_on(tmp_path, before_gbps, after_gbps):
    of_plan = {"rates_gbps": (0.1, 0.1, before_gbps, 0.1), "later": (0.5, after_gbps)}
    done = Done(tmp_path, fidelity=TRAINS, of_plan=of_plan, scene_bytes=10_000_000, step_s=0.5)
    before_bits = before_gbps * 1e9 * (0.5 - HANDLING_S)
    expected_s = 0.5 + (10e6 * 8 - before_bits) / (after_gbps * 1e9) + LIGHT_S
    assert done.took_s == pytest.approx([expected_s], rel=0.01)
    assert sum(done.summary["drops_total"].values()) == 0


@pytest.mark.parametrize("most_outcomes", [0, transport.MOST_OUTCOMES])
def test_what_is_being_sent_is_not_dropped_however_often_packets_are_looked_at(
    tmp_path, monkeypatch, most_outcomes
):
    monkeypatch.setattr(transport, "MOST_OUTCOMES", most_outcomes)
    storage = 'storage_bytes = 400_000\nwhen_full = "drop-oldest"'  # two scenes, each of which takes 1.6 s
    keys = {"scene_bytes": 200_000, "every_s": 0.5, "stop_s": 1.6, "storage": storage, "step_s": 10.0}
    done = Done(tmp_path, of_plan={"rates_gbps": (0.001, 25, 25, 25)}, **keys)
    states = sorted((scene["scene"], scene["state"]) for scene in done.scenes)
    assert states == [(0, "delivered"), (1, "lost"), (2, "lost"), (3, "delivered")]
    assert done.summary["workloads"][0]["resent_bytes"] == 0


@pytest.mark.compiled_only
@pytest.mark.parametrize("fidelity", ["", TRAINS])
def test_neither_windows_nor_threads_change_anything(tmp_path, monkeypatch, fidelity):
    contacts = ((0, 0.025, 1.5, 1000), *((0, 1000),) * 3)
    of_plan = {"rates_gbps": (1, 1, 1.5, 1), "contacts": contacts}
    more = "[packets]\nqueue_packets = 100\nbit_error_rate = 1e-7\n"
    more += BACKGROUND.format(kind="poisson", rate_gbps=0.5, stop_s=1.0)
    more += '[[faults]]\nlinks = [["relay", "next"]]\nat_s = 0.11\nrepair_s = 2.5\n'
    keys = {"sensing": '["eye", "other"]', "stop_s": 0.2, "duration_s": 6.0}
    found = []
    for threads, window_ps in ((1, PS_PER_MS), (2, PS_PER_MS), (1, PS_PER_MS // 7)):
        monkeypatch.setattr(parts, "LONGEST_WINDOW_PS", window_ps)
        done = Done(tmp_path, more, threads, of_plan, fidelity=fidelity, **keys)
        found.append(done.facts)
    assert found[1] == found[0]
    assert found[2] == found[0]
    transfers = found[0][0]
    assert len(transfers) == 8
    assert sum(lost for *_, lost in transfers) > 0
    assert all(complete_ps is not None for _, complete_ps, *_ in transfers)


def test_steps_in_which_nobody_sends_need_no_tables(tmp_path, monkeypatch):
    # Scenes at 0, 7 and 14 s, each of which is over within the step in which it begins.
    keys = {"stop_s": 15.0, "duration_s": 20.0, "fidelity": TRAINS}
    more = "[transfers]\nhandling_s = 0.002\n"
    found = []
    for policies in (parts.POLICIES_OF_THE_SNAPSHOT, ()):
        monkeypatch.setattr(parts, "POLICIES_OF_THE_SNAPSHOT", policies)
        done = Done(tmp_path, more, every_s=7.0, **keys)
        found.append((done.facts, done.summary["links"], done.summary["routing"].pop("tables")))
    assert len(done.transfers) == 3
    assert found[0][:2] == found[1][:2]
    assert found[0][2] == 3 and found[1][2] == 15


def test_channels_that_were_never_used_are_not_told_of(tmp_path):
    done = Done(tmp_path, sensing='["eye", "other"]', stop_s=0.05)
    assert [flow["name"] for flow in done.summary["flows"]] == [
        "scenes/eye>dc",
        "scenes/other>dc",
        "scenes/dc>eye",
        "scenes/dc>other",
    ]
    assert [group["name"] for group in done.summary["flow_groups"]] == ["scenes", "scenes/reports"]
