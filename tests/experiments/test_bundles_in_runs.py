"""Bundles over the packet engine: as foreseen, late, cut, beside packets and work; windows and threads."""

from types import SimpleNamespace

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import RawPcapNgReader

from lasermesh.bundles.log import RECORD_TYPES
from lasermesh.capture.options import CaptureOptions
from lasermesh.errors import UserError
from lasermesh.experiments import bundling, parts, simulation
from lasermesh.experiments.bundling import INWARD_NS, Bundling, inward, most_under_way, with_processing
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.experiments.showing import trace
from lasermesh.results import load
from lasermesh.units import NONE, PS_PER_MS, PS_PER_NS, PS_PER_S, PS_PER_US
from lasermesh.workloads.agenda import Agenda
from tests.dtn.plans import graph_of_plan, plan_of
from tests.reference.bundle_reader import read_bundle

LINE = """
duration_s = 60.0
[topology]
name = "line"
step_s = 1.0
[[topology.satellites]]
name = "s"
fixed = ["eye", "relay", "other", "dc"]
[[topology.links]]
rule = "plan"
plan = "plan.csv"
"""
HEADER = "from,to,start_s,stop_s,rate_bps,owlt_s\n"
# The relay sees the centre first for a short while, then for long; the other way is there, and slow.
PLAN = (
    HEADER
    + """eye,relay,0.25,20,8000000,0.0101
relay,dc,3,6,4000000,0.25
relay,dc,12.3456789,30,4000000,0.125
eye,other,1,50,400000,0.02
other,dc,1,50,400000,0.03
"""
)
BUNDLES = """
[[flows]]
name = "pictures"
kind = "bundle"
from = "eye"
to = "dc"
bundle_bytes = {n_bytes}
{more}
"""
TRAINS = 'fidelity = "train"\ntrain_packets = 16\n'

MOVING = """
duration_s = {duration_s}
[topology]
name = "moving"
epoch = 2026-03-20T12:00:00Z
step_s = 2.0
[[topology.satellites]]
name = "low"
pattern = "walker-delta"
planes = 1
slots = 1
phasing_factor = 0
altitude_km = 600.0
inclination_deg = 98.0
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 4
slots = 6
phasing_factor = 1
altitude_km = 1400.0
inclination_deg = 60.0
[[topology.ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[topology.ground]]
name = "Lima"
lat_deg = -12.05
lon_deg = -77.04
[[topology.ground]]
name = "Svalbard"
lat_deg = 78.23
lon_deg = 15.39
[[topology.links]]
rule = "grid"
satellites = ["w"]
rate_gbps = 0.1
[[topology.links]]
rule = "ground"
satellites = ["w", "low"]
rate_gbps = 0.02
"""


class Done:
    """A run that is over."""

    def __init__(self, folder, text, *, plan=PLAN, settings=(), threads=1, capture=None):
        number = len(list(folder.glob("*.toml")))
        (folder / "plan.csv").write_text(plan)
        file = folder / f"run-{number}.toml"
        file.write_text(text)
        experiment, policy = load_with_policy(file, settings)
        run = simulation.Simulation(experiment, threads, capture, policy=policy)
        self.engine, self.bundling = run.engine, run.bundling
        log, self._kept = run.bundling.log, {name: [] for name in RECORD_TYPES}
        take = log.take
        log.take = lambda name: self._keep(name, take(name))
        self.summary = run.run(folder / f"run-{number}").summary
        for name in RECORD_TYPES:
            log.take(name)
        self.bundles = self._kept["bundles"]
        self.hops = self._kept["bundle_hops"]
        segments = self.summary["bundles"]["segments"]
        ended = segments["delivered"] + sum(segments["dropped"].values()) + segments["in_flight"]
        assert segments["sent"] == ended

    def _keep(self, name, records):
        self._kept[name] += records
        return records

    @property
    def facts(self):
        """All that must not depend on how the run was cut into windows."""
        return self._kept, self.summary["bundles"]


def line(*tables, n_bytes=1_000_001, more="", fidelity=""):
    """An experiment on LINE with bundles, and further tables."""
    return fidelity + LINE + BUNDLES.format(n_bytes=n_bytes, more=more) + "".join(tables)


def moving(*flows, duration_s):
    """An experiment on MOVING with bundles between pairs of nodes, (from, to, further keys)."""
    shown = (
        f'[[flows]]\nname = "f{k}"\nkind = "bundle"\nfrom = "{start}"\nto = "{end}"\n{keys}\n'
        for k, (start, end, keys) in enumerate(flows)
    )
    return MOVING.format(duration_s=duration_s) + "".join(shown)


def as_foreseen(bundle):
    """Whether a bundle came within a microsecond of its first route's arrival, and never had another."""
    assert (bundle.state, bundle.reroutes) == ("delivered", 0)
    return abs(bundle.finished_ps - bundle.predicted_ps) <= PS_PER_US


# ---------------------------------------------------------------------------------------------- as foreseen


@pytest.mark.parametrize("fidelity", ["", TRAINS])
def test_bundle_on_idle_links_takes_what_its_route_says(tmp_path, fidelity):
    done = Done(tmp_path, line("[packets]\nframing_bytes = 20\n", fidelity=fidelity))
    (bundle,) = done.bundles
    assert as_foreseen(bundle)
    # The relay has it at 1.27 s and sends from 3 s on; 667 segments with 20 bytes each.
    wire_bytes = 1_000_001 + 667 * 20
    assert bundle.finished_ps / PS_PER_S == pytest.approx(3.0 + wire_bytes * 8 / 4e6 + 0.25, abs=1e-6)
    assert [(hop.node, hop.next_node) for hop in done.hops] == [(0, 1), (1, 3)]
    assert done.summary["simulated_s"] < 10.0  # at whose end nothing was left to do
    assert [flow["counts"] for flow in done.summary["flows"]] == ["bundles"]
    assert done.summary["total"]["sent"] == 0


def test_bundle_too_large_for_a_contact_waits_for_the_next(tmp_path):
    done = Done(tmp_path, line(n_bytes=1_600_000))
    (bundle,) = done.bundles
    assert as_foreseen(bundle)
    assert bundle.finished_ps / PS_PER_S == pytest.approx(12.3456789 + 1.6e6 * 8 / 4e6 + 0.125, abs=1e-6)


def test_bundles_larger_than_any_contact_are_warned_of_and_counted(tmp_path):
    def warnings_of(text):
        (tmp_path / "plan.csv").write_text(PLAN)
        (tmp_path / "run.toml").write_text(text)
        experiment, policy = load_with_policy(tmp_path / "run.toml")
        said = []
        simulation.Simulation(experiment, 1, None, warn=said.append, policy=policy)
        return said

    too_large = line(n_bytes=30_000_000)
    assert warnings_of(too_large) == [
        'flows[0]: bundles of 30.0 MB are larger than the largest contact from "eye" takes (19.7 MB), so '
        'they will wait for ever; when_cut = "split" would send them in parts'
    ]
    assert warnings_of(too_large + '[bundles]\nwhen_cut = "split"\n') == []
    assert warnings_of(line()) == []
    done = Done(tmp_path, too_large)
    total = done.summary["bundles"]["total"]
    assert (total["made"], total["stored"], total["unrouted"]) == (1, 1, 1)
    assert Done(tmp_path, line()).summary["bundles"]["total"]["unrouted"] == 0


@pytest.mark.compiled_only
def test_bundles_between_moving_nodes_take_what_their_routes_say(tmp_path):
    keys = "bundle_bytes = 300_000\nevery_s = 150.0\nstart_s = 7.3\nstop_s = 600.0"
    ends = [("Quito", "Lima"), ("low-0-0", "Svalbard"), ("Svalbard", "Quito")]
    flows = [(*pair, keys) for pair in ends]
    done = Done(tmp_path, moving(*flows, duration_s=2000.0))
    delivered = [bundle for bundle in done.bundles if bundle.state == "delivered"]
    assert len(delivered) >= 12
    assert all(map(as_foreseen, delivered))
    assert max(bundle.hops for bundle in delivered) >= 3
    waited_ps = [hop.began_ps - hop.entered_ps for hop in done.hops if hop.began_ps is not None]
    assert max(waited_ps) > 60 * PS_PER_S


COURIERS = """
topology = "courier-satellites"
duration_s = 12_000.0
start_s = 333.3
[[flows]]
name = "messages"
kind = "bundle"
pairs = [["courier-0-0", "Svalbard"], ["courier-1-1", "Svalbard"], ["courier-0-3", "Awarua"]]
bundle_bytes = 1000
every_s = 61.0
"""
ROUNDING_NS = 10.0  # routes reckon in whole ns, up to two for each hop; packets in ps


@pytest.mark.compiled_only
@pytest.mark.parametrize("settings", [(), ("topology.step_s=60.0",)])
def test_bundles_of_couriers_come_within_ten_nanoseconds_of_what_is_predicted(tmp_path, settings):
    done = Done(tmp_path, COURIERS, settings=settings)
    delivered = [bundle for bundle in done.bundles if bundle.state == "delivered"]
    assert len(delivered) > 300
    assert not any(bundle.reroutes for bundle in delivered)
    assert {bundle.hops for bundle in delivered} >= {1, 2, 3}
    off_ns = [(bundle.finished_ps - bundle.predicted_ps) / PS_PER_NS for bundle in delivered]
    assert np.abs(off_ns).max() <= ROUNDING_NS


def test_what_nodes_take_to_look_at_what_arrives_is_foreseen(tmp_path):
    text = line("[packets]\nsatellite_processing_s = 0.003\n")
    (late,), (early,) = Done(tmp_path, text).bundles, Done(tmp_path, line()).bundles
    assert as_foreseen(late)
    assert late.finished_ps - early.finished_ps == 3 * PS_PER_MS


def test_bundles_alone_need_no_forwarding_tables(tmp_path):
    (tmp_path / "mine.py").write_text("def never(snapshot):\n    raise RuntimeError\n")
    done = Done(tmp_path, line('[routing]\npolicy = "mine.py:never"\n'))
    assert done.bundles[0].state == "delivered"
    assert done.summary["routing"]["tables"] == 0


# ------------------------------------------------------------------------------------------------ otherwise


def test_other_traffic_of_a_link_delays_a_bundle(tmp_path):
    busy = (
        '[[flows]]\nname = "busy"\nkind = "constant"\nfrom = "relay"\nto = "dc"\nrate_gbps = 0.001\n'
        "packet_bytes = 1500\nstop_s = 5.0\n"
    )
    done = Done(tmp_path, line(busy, "[packets]\nqueue_packets = 10_000\n", n_bytes=500_000))
    (bundle,) = done.bundles
    assert bundle.state == "delivered"
    assert bundle.finished_ps - bundle.predicted_ps > 100 * PS_PER_MS
    assert done.summary["flows"][0]["sent"] > 0


@pytest.mark.parametrize("update", ["instant", "central", "link-state", "predicted"])
def test_packets_have_their_tables_and_bundles_their_contacts_whatever_the_routing(tmp_path, update):
    beside = (
        '[[flows]]\nname = "beside"\nkind = "constant"\nfrom = "eye"\nto = "other"\nrate_gbps = 0.0001\n'
        "start_s = 2.0\nstop_s = 6.0\n"
    )
    routing = f'[routing]\nupdate = "{update}"\nfast_reroute = true\n'
    done = Done(tmp_path, line(beside, routing))
    assert as_foreseen(done.bundles[0])
    (flow,) = [flow for flow in done.summary["flows"] if flow["counts"] == "packets"]
    assert flow["sent"] == flow["delivered"] > 0
    assert flow["latency_ms"]["p50"] == pytest.approx(20 + 1500 * 8 / 400, rel=0.01)


def test_a_bundle_whose_contact_fails_is_given_another_route(tmp_path):
    fault = '[[faults]]\nlink = ["relay", "dc"]\nat_s = 4.0\nrepair_s = 10.0\n'
    done = Done(tmp_path, line(fault, more="lifetime_s = 100.0"))
    (bundle,) = done.bundles
    assert (bundle.state, bundle.hops) == ("delivered", 2)
    assert bundle.reroutes >= 1
    # Half of it had come; the relay sends the rest in its next contact, or all of it.
    begins_s = 12.3456789
    assert begins_s + 0.125 < bundle.finished_ps / PS_PER_S <= begins_s + 1_000_001 * 8 / 4e6 + 0.125 + 1e-6
    assert done.summary["bundles"]["segments"]["dropped"]["link_down"] > 0


def test_a_contact_that_fails_before_it_begins_is_not_waited_for(tmp_path):
    fault = '[[faults]]\nlink = ["relay", "dc"]\nat_s = 2.0\nrepair_s = 10.0\n'
    done = Done(tmp_path, line(fault))
    (bundle,) = done.bundles
    assert bundle.reroutes >= 1
    expected_s = 12.3456789 + 1_000_001 * 8 / 4e6 + 0.125
    assert bundle.finished_ps / PS_PER_S == pytest.approx(expected_s, abs=1e-6)
    assert done.summary["bundles"]["segments"]["dropped"]["link_down"] == 0


BUSY = """
[packets]
bit_error_rate = 2e-7
[bundles]
handling_s = 0.01
store_bytes = 3_000_000
when_full = "drop-lowest"
[[faults]]
link = ["relay", "dc"]
at_s = 13.0
repair_s = 13.7
[[flows]]
name = "urgent"
kind = "bundle"
from = "eye"
to = "dc"
bundle_bytes = 100_000
every_s = 1.3
arrivals = "random"
priority = "expedited"
lifetime_s = 20.0
[[flows]]
name = "beside"
kind = "poisson"
from = "relay"
to = "dc"
rate_gbps = 0.001
"""


@pytest.mark.compiled_only
@pytest.mark.parametrize("fidelity", ["", TRAINS])
def test_what_becomes_of_bundles_does_not_depend_on_windows_and_threads(tmp_path, monkeypatch, fidelity):
    text = line(BUSY, n_bytes=400_000, more="every_s = 2.9\nstop_s = 30.0", fidelity=fidelity)
    whole = Done(tmp_path, text)
    assert len(whole.bundles) > 30
    assert {bundle.state for bundle in whole.bundles} >= {"delivered", "lost"}
    for window_ps, threads in ((PS_PER_MS, 2), (7 * PS_PER_MS, 1)):
        monkeypatch.setattr(parts, "LONGEST_WINDOW_PS", window_ps)
        assert Done(tmp_path, text, threads=threads).facts == whole.facts


WORK = """
[sensors.camera]
on = ["relay"]
scene_bytes = 200_000
every_s = 1.0
stop_s = 5.0
[[workloads]]
name = "scenes"
source = "camera"
[[workloads.stages]]
transfer_to = ["dc"]
"""


def test_work_and_bundles_go_side_by_side(tmp_path):
    alone = Done(tmp_path, line(n_bytes=500_000))
    both = Done(tmp_path, line(WORK, n_bytes=500_000), plan=PLAN + "dc,relay,0,60,400000,0.1\n")
    (workload,) = both.summary["workloads"]
    assert workload["delivered"] == workload["scenes"] > 0
    assert {flow["name"] for flow in both.summary["flows"]} >= {"scenes/relay>dc"}
    (bundle,) = both.bundles
    assert bundle.state == "delivered"
    assert bundle.finished_ps > alone.bundles[0].finished_ps


def test_a_capture_at_the_ends_of_bundles_leaves_other_nodes_out(tmp_path):
    done = Done(tmp_path, line(n_bytes=14_900), capture=CaptureOptions("endpoints"))
    assert done.summary["capture"]["written"] == 10 * 2  # as they leave the eye and as they reach the centre
    with RawPcapNgReader(str(tmp_path / "run-0" / "capture.pcapng")) as reader:
        packets = [IP(data) for data, _ in reader]
    assert {packet[UDP].dport for packet in packets} == {4556}
    segments = [
        read_bundle(bytes(udp.payload).ljust(udp.len - 9, b"\0") + b"\xff")
        for udp in (packet[UDP] for packet in packets)
    ]
    assert [segment.offset for segment in segments] == 2 * [1500 * k for k in range(10)]
    assert {(s.source, s.destination, s.total_bytes) for s in segments} == {("ipn:1.1", "ipn:4.1", 14_900)}


def test_a_capture_of_all_has_each_link_of_a_bundle_as_segments_leave_and_arrive(tmp_path):
    done = Done(tmp_path, line(n_bytes=14_900), capture=CaptureOptions("all"))
    (bundle,) = done.bundles
    assert done.summary["capture"]["written"] == 10 * 2 * bundle.hops > 20


MANY = (
    """
[[flows]]
name = "words"
kind = "bundle"
from = "relay"
to = "dc"
bundle_bytes = 3000
[[flows]]
name = "plain"
from = "eye"
to = "dc"
rate_gbps = 0.0001
stop_s = 8.0
""",
    WORK.replace('["dc"]', '["other", "dc"]'),  # which has no way from the relay to the other
)
WITH_BOTH = PLAN + "dc,relay,0,60,400000,0.1\n"
FAULTS = (
    "_ws.malformed or _ws.expert.severity >= warning or ip.checksum.status == 0 or udp.checksum.status == 0"
)


def test_captures_of_flows_choose_among_packets_work_and_bundles(tmp_path, tshark):
    """What is captured of each kind alone is all together."""

    def records(spec):
        Done(tmp_path, line(*MANY, n_bytes=14_900), plan=WITH_BOTH, capture=CaptureOptions(spec))
        file = next(tmp_path.glob("*/*.pcapng"))
        assert tshark(file, "-Y", FAULTS) == []
        with RawPcapNgReader(str(file)) as reader:
            found = [(m.tshigh, m.tslow, m.ifname, m.direction or 0, data) for data, m in reader]
        file.unlink()
        return found

    parts = {name: records(f"flow:{name}") for name in ("pictures", "words", "plain", "scenes")}
    assert all(len(part) > 2 for part in parts.values())
    for name, source in (("pictures", "10.0.0.1"), ("words", "10.0.0.2")):
        assert IP(parts[name][0][-1]).src == source
    assert sorted(record for part in parts.values() for record in part) == sorted(records("all"))
    for spec in ("relay", "endpoints"):
        assert records(spec)


def test_ids_of_packets_of_work_name_flows_of_the_table(tmp_path, tshark_fields):
    Done(tmp_path, line(*MANY, n_bytes=14_900), plan=WITH_BOTH, capture=CaptureOptions("flow:scenes"))
    kept = load(tmp_path / "run-0")
    numbers = {row["name"]: row["packet_flow"] for row in kept.flows.to_pylist()}
    assert numbers == {
        "plain": 0,
        "scenes/relay>dc": 2,
        "scenes/dc>relay": 4,
        "pictures": None,
        "words": None,
    }
    shown = tshark_fields(kept.capture, "frame.packet_id", "ip.src", "ip.dst")
    number_of = {
        ends: {int(ident) >> 40 for ident, *way in shown if tuple(way) == ends}
        for ends in {tuple(way) for _, *way in shown}
    }
    assert number_of == {("10.0.0.2", "10.0.0.4"): {2}, ("10.0.0.4", "10.0.0.2"): {4}}
    with pytest.raises(UserError, match="nothing is known of packet scenes/relay>dc#3: "):
        trace(kept, 2 << 40 | 3)


# -------------------------------------------------------------------------------------------------- its parts


def small_graph(*contacts):
    """Of contacts (from, to, start_s, stop_s)."""
    return graph_of_plan(plan_of([(*contact, 0.001, 8_000_000_000) for contact in contacts]))


def test_foreseen_contacts_are_shorter_but_where_the_run_cuts_them():
    graph = inward(small_graph((0, 1, 0, 10), (0, 1, 12, 20), (1, 2, 3, 4)), 20 * 10**9)
    second = 10**9
    assert graph.start_ns.tolist() == [0, 12 * second + INWARD_NS, 3 * second + INWARD_NS]
    assert graph.stop_ns.tolist() == [10 * second - INWARD_NS, 20 * second, 4 * second - INWARD_NS]
    assert graph.latest_ns.tolist() == graph.stop_ns.tolist()
    assert graph.contact_start_ns[graph.contact].tolist() == graph.start_ns.tolist()
    assert graph.contact_stop_ns[graph.contact].tolist() == graph.stop_ns.tolist()


def test_processing_is_added_to_the_light_time_of_contacts_to_a_node():
    graph = small_graph((0, 1, 0, 10), (1, 2, 3, 4))
    graph = graph._replace(
        contact_owlt_ns=np.array([10**6, NONE]),
        owlt_ns=np.array([10**6, NONE]),
        knot_first=np.array([0, 2, 2]),
        knot_owlt_ns=np.array([1e6, 2e6]),
    )
    assert inward(graph, 10**10).knot_stop_ns is graph.knot_stop_ns  # contacts are shorter, knots stay
    after = with_processing(graph, np.array([1, 20, 300]))
    assert after.contact_owlt_ns.tolist() == after.owlt_ns.tolist() == [10**6 + 20, NONE]
    assert after.knot_owlt_ns.tolist() == [1e6 + 20, 2e6 + 20]
    assert with_processing(graph, np.zeros(3, np.int64)) is graph


def test_packets_under_way_are_those_that_fill_all_pairs_at_once():
    table = SimpleNamespace(segment_bytes=1000)
    experiment = SimpleNamespace(bundle_flows=[SimpleNamespace(table=table)])
    foreseen = bundling.Foreseen(small_graph((0, 1, 0, 10), (0, 1, 12, 20), (1, 2, 3, 4)), [])
    assert most_under_way(foreseen, experiment) == pytest.approx(2 * 1000)  # 8 Gbit/s for a millisecond


class Fakes:
    """A run's engine, feed and links, of which the pair (0, 1) has two."""

    def __init__(self, monkeypatch):
        self.told, self.went = [], []
        for name, to in (("BundleWork", lambda *arguments: self), ("router_of", lambda *arguments: None)):
            monkeypatch.setattr(bundling, name, to)
        self.flows = SimpleNamespace(n_routed=5)
        self.n_nodes = 3
        self.links = SimpleNamespace(from_node=np.array([0, 1, 0, 0]), to_node=np.array([1, 2, 2, 1]))
        self.agenda = Agenda()
        foreseen = bundling.Foreseen(None, [(0, 1), (1, 2)])
        experiment = SimpleNamespace(bundles=None)
        self.bundling = Bundling(experiment, foreseen, self, self, self, self.agenda)

    def begin(self):
        pass

    def links_changed(self, changes):
        self.told.append((self.agenda.now_ps, list(changes)))

    def set_link(self, flow, link):
        self.went.append((self.agenda.now_ps, flow, link))

    def step(self, *changes):
        """A step with changes (time_ps, link, bit/s)."""
        time_ps, link, rate_bps = np.array(changes, np.int64).T
        self.changes = SimpleNamespace(time_ps=time_ps, link=link, rate_bps=rate_bps)
        self.bundling.begin_step()
        self.agenda.run_until(int(time_ps.max()))


def test_changes_of_links_between_pairs_are_told_at_their_instants(monkeypatch):
    fakes = Fakes(monkeypatch)
    fakes.step((0, 1, 70), (5, 1, 60), (5, 2, 60), (9, 1, 0))
    assert fakes.told == [(0, [(1, True, 70)]), (5, [(1, True, 60)]), (9, [(1, False, 0)])]
    assert fakes.went == [(0, 6, 1)]


def test_a_pair_with_two_links_goes_over_the_other_when_one_is_down(monkeypatch):
    fakes = Fakes(monkeypatch)
    fakes.step((0, 3, 70), (1, 0, 50), (4, 3, 0), (6, 3, 70), (8, 0, 0))
    assert fakes.told == [
        (0, [(0, True, 70)]),
        (1, [(0, True, 70)]),
        (4, [(0, False, 0), (0, True, 50)]),
        (6, [(0, True, 50)]),
        (8, [(0, False, 0), (0, True, 70)]),
    ]
    assert fakes.went == [(0, 5, 3), (4, 5, 0), (8, 5, 3)]


def test_a_link_that_is_back_at_once_was_down_all_the_same(monkeypatch):
    fakes = Fakes(monkeypatch)
    fakes.step((0, 1, 70), (3, 1, 0), (3, 1, 70))
    assert fakes.told[1:] == [(3, [(1, False, 0), (1, True, 70)])]
