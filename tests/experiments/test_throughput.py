"""What a network carries: by pencil on planned links, beside the bounds, and what is refused."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from lasermesh.errors import Interrupted, RunFailed, UserError
from lasermesh.experiments import bounds, throughput
from lasermesh.experiments.throughput import jain_index
from lasermesh.results import load
from lasermesh.scenario import ScenarioError

measure = throughput.throughput
GBPS = 1e-3  # of a link of 1 Mbps, 111 packets of 1125 bytes a second
LOADED = 0.03
"""Relative error of a rate of some hundred packets: one packet and the queues at both ends of the time."""


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """`planned({"ab": 1.0, "ba": 2.0})`: bare nodes with links of so many Mbps, up all the time."""
    monkeypatch.chdir(tmp_path)

    def write(links, owlt_s=0.001, own=None, transit=(), step_s=100.0):
        nodes = sorted({node for pair in links for node in pair})
        groups = [[n for n in nodes if n not in transit], [n for n in nodes if n in transit]]
        rows = [
            f"{a},{b},0,1000,{round(mbps * 1e6)},{(own or {}).get(a + b, owlt_s)}"
            for (a, b), mbps in links.items()
        ]
        (tmp_path / "plan.csv").write_text("\n".join(["from,to,start_s,stop_s,rate_bps,owlt_s", *rows]))
        text = f"step_s = {step_s}\n"
        for name, group in zip(("through", "ends"), groups, strict=True):
            if group:
                text += f'[[satellites]]\nname = "{name}"\nfixed = {json.dumps(group)}\n'
                text += f"transit = {json.dumps(name == 'through')}\n"
        (tmp_path / "net.toml").write_text(text + '[[links]]\nrule = "plan"\nplan = "plan.csv"\n')
        return "net.toml"

    return write


def go(topology, pairs, **options):
    options = {"duration_s": 5.0, "scale": 1.0, "threads": 1, "packet_bytes": 1500} | options
    return measure(topology, [list(pair) for pair in pairs] if pairs else None, **options)


def by_pair(level, what="goodput_gbps"):
    return {pair["from"] + pair["to"]: pair[what] for pair in level["pairs"]}


def within_bound(result):
    return all(
        level["goodput_gbps"] <= level["bound_gbps"] * (1.0 + level["tolerance"]) for level in result["loads"]
    )


SHARED = {"ac": 3.0, "bc": 3.0, "ec": 3.0, "cd": 1.0, "dx": 3.0, "dy": 3.0, "dz": 3.0}


@pytest.mark.parametrize("pairs", [["ax", "by"], ["ax", "by", "ez"]])
def test_pairs_that_share_a_bottleneck_get_its_capacity_in_equal_parts(planned, pairs):
    result = go(planned(SHARED), pairs)
    level = result["loads"][0]
    assert level["goodput_gbps"] == pytest.approx(GBPS, rel=LOADED)
    assert level["jain"] == pytest.approx(jain_index(list(by_pair(level).values())))
    assert level["jain"] > 0.98
    assert level["bound_gbps"] == pytest.approx(GBPS, rel=2 * bounds.GAP)
    assert result["bound"]["concurrent_gbps"] == pytest.approx(GBPS, rel=2 * bounds.GAP)
    assert within_bound(result)
    full = [link for link in level["bottlenecks"] if link["utilisation"] >= 0.99]
    assert len(full) == level["bottleneck_count"] == 1 + len(pairs)
    assert {link["to"] for link in full if link["from"] == "c" and link["dropped"] > 0} == {"d"}
    assert level["hops_mean"] == 3.0


def test_fairness_weighs_goodput_by_demand(planned):
    planned({pair: 3.0 * mbps for pair, mbps in SHARED.items()} | {"cd": 1.0})
    with open("pairs.csv", "w") as file:
        file.write("from,to,rate_gbps\na,x,0.0024\nb,y,0.0008\n")
    result = measure("net.toml", "pairs.csv", duration_s=8.0, scale=1.0, threads=1)
    level = result["loads"][0]
    goodput = by_pair(level)
    assert result["demand"] == "given"
    assert goodput["ax"] / goodput["by"] == pytest.approx(3.0, rel=0.2)
    assert jain_index(list(goodput.values())) < 0.9 < level["jain"]


@pytest.mark.parametrize(
    ("shares", "index"),
    [([1, 1], 1.0), ([3, 1], 0.8), ([1, 0, 0, 0], 0.25), ([1, 2, 3], 36 / 42), ([0], None)],
)
def test_the_index_of_jain_by_pencil(shares, index):
    assert jain_index(shares) == (None if index is None else pytest.approx(index))


def test_in_the_parking_lot_both_bounds_are_those_of_the_pencil(planned):
    result = go(planned({"ab": 1.0, "bc": 1.0}), ["ac", "ab", "bc"])
    level = result["loads"][0]
    # a's pairs share 1.25 Mbps and b's pair offers 1.25: all of b's link goes to it, all of a's to ab and ac.
    assert level["bound_gbps"] == pytest.approx(1.625 * GBPS, rel=2 * bounds.GAP)
    assert result["bound"]["concurrent_gbps"] == pytest.approx(1.5 * GBPS, rel=2 * bounds.GAP)
    assert within_bound(result)


DIAMOND = {"ab": 1.0, "bd": 1.0, "ac": 1.0, "cd": 1.0}


def test_one_path_carries_half_of_what_two_could(planned):
    topology = planned(DIAMOND, own={"ac": 0.005})
    level = (result := go(topology, ["ad"]))["loads"][0]
    assert result["bound"]["method"] == "max-flow"
    assert level["bound_gbps"] == pytest.approx(2.0 * GBPS)
    assert level["share_of_bound"] == pytest.approx(0.5, rel=LOADED)
    assert sum(link["rate_gbps"] for link in result["bound"]["cut"]) == pytest.approx(2.0 * GBPS)
    assert level["bottlenecks"][0]["from"] == "a"
    assert level["bottlenecks"][0]["to"] == "b"


def test_a_link_may_be_slower_one_way(planned):
    result = go(planned({"ab": 4.0, "ba": 1.0}), ["ab", "ba"])
    goodput = by_pair(result["loads"][0])
    assert goodput["ab"] == pytest.approx(4.0 * GBPS, rel=LOADED)
    assert goodput["ba"] == pytest.approx(1.0 * GBPS, rel=LOADED)
    assert result["loads"][0]["share_of_bound"] == pytest.approx(1.0, rel=LOADED)


def test_no_bound_counts_on_nodes_without_transit(planned):
    topology = planned(DIAMOND, own={"ac": 0.005}, transit=("c",))
    level = go(topology, ["ad"])["loads"][0]
    assert level["bound_gbps"] == pytest.approx(GBPS)


def test_bounds_leave_room_for_framing(planned):
    result = go(planned({"ab": 1.0}), ["ab"], sets=["packets.framing_bytes=500"])
    mean_bytes = np.mean([size for size, _ in throughput.offering.packet_mix(1500)])
    most = mean_bytes / (mean_bytes + 500) * GBPS
    assert result["loads"][0]["bound_gbps"] == pytest.approx(most)
    assert result["loads"][0]["goodput_gbps"] == pytest.approx(most, rel=LOADED)


def test_what_happens_while_paths_fill_is_not_counted(planned):
    topology = planned({"ab": 1.0}, owlt_s=2.0)
    settled, early = (
        go(topology, ["ab"], duration_s=4.0, settle_s=settle_s)["loads"][0] for settle_s in (3.0, 0.5)
    )
    assert settled["goodput_gbps"] == pytest.approx(GBPS, rel=LOADED)
    assert early["goodput_gbps"] == pytest.approx(2.5 / 4.0 * GBPS, rel=2 * LOADED)
    assert go(topology, ["ab"], duration_s=4.0)["settle_s"] > 4.0


def test_loads_are_shares_of_what_fits_and_latency_grows_with_them(planned):
    result = go(planned(DIAMOND, own={"ac": 0.005}), ["ad"], loads=(0.1, 0.4, 1.0), duration_s=8.0)
    low, middle, full = result["loads"]
    assert result["load_of"] == "bound"
    assert [level["offered_gbps"] for level in result["loads"]] == pytest.approx([2e-4, 8e-4, 2e-3])
    assert middle["goodput_gbps"] == pytest.approx(8e-4, rel=0.2)  # 500 packets at random times
    assert low["loss_share"] == middle["loss_share"] == 0.0 < full["loss_share"]
    assert low["latency_ms"]["mean"] < middle["latency_ms"]["mean"] < full["latency_ms"]["mean"]
    assert low["latency_ms"]["p50"] <= low["latency_ms"]["p99"]
    assert within_bound(result)


def test_of_many_steps_eight_stand_for_all(planned):
    result = go(planned({"ab": 1.0}, step_s=0.1), ["ab"], start_s=5.0, duration_s=1.0, settle_s=1.0)
    assert result["sampled"]
    assert result["instants_s"] == pytest.approx([6.0, 6.1, 6.3, 6.4, 6.5, 6.6, 6.8, 6.9])
    assert not go("net.toml", ["ab"], duration_s=0.3, settle_s=1.0)["sampled"]


def test_rates_that_were_given_are_what_loads_refer_to(planned):
    result = go(planned({"ab": 1.0}), ["ab"], rate_gbps=2e-3, loads=(0.2,))
    assert result["load_of"] == "given"
    assert result["loads"][0]["offered_gbps"] == pytest.approx(4e-4)


def test_a_matrix_is_offered_in_proportion_until_a_node_is_saturated(planned):
    topology = planned({"ab": 4.0, "ac": 4.0, "ba": 1.0})
    with open("matrix.csv", "w") as file:
        file.write("from,to,rate_gbps\na,b,3\na,c,1\nb,a,2\n")
    level = measure(topology, matrix="matrix.csv", duration_s=2.0, scale=1.0, threads=1)["loads"][0]
    # b's link of 1 Mbps is the first one that is full.
    assert by_pair(level, "offered_gbps") == pytest.approx(
        {"ab": 1.875 * GBPS, "ac": 0.625 * GBPS, "ba": 1.25 * GBPS}
    )
    assert by_pair(level, "demand") == {"ab": 3.0, "ac": 1.0, "ba": 2.0}


def test_rates_do_not_depend_on_the_scale(planned):
    result = go(planned({"ab": 10.0}), ["ab"], scale=0.1)
    assert result["loads"][0]["goodput_gbps"] == pytest.approx(10.0 * GBPS, rel=LOADED)
    assert result["packet_time_ms"] == pytest.approx(12.0)


def test_the_scale_is_chosen_for_a_budget_of_packets(planned, monkeypatch):
    topology = planned({"ab": 100.0})
    monkeypatch.setattr(throughput.offering.scale_for, "__defaults__", (10_000,))
    result = go(topology, ["ab"], scale=None, duration_s=1.0)
    # 1.25 + 1 times 100 Mbps are 25,000 packets a second, for 1.2 s.
    assert result["scale"] == pytest.approx(0.3)


def test_pairs_without_a_path_are_listed_apart(planned):
    result = go(planned({"ab": 1.0, "bc": 1.0, "xy": 1.0}), ["ac", "cy"])
    assert result["unreachable"] == [{"from": "c", "to": "y", "why": "no path exists"}]
    assert list(by_pair(result["loads"][0])) == ["ac"]
    with pytest.raises(UserError, match="none of 1 pairs has a path with shortest-delay"):
        go("net.toml", ["cy"])


def test_a_pair_that_the_policy_forgets_is_in_the_bound(planned):
    topology = planned({"ab": 1.0, "cd": 1.0})
    with open("mine.py", "w") as file:
        file.write(
            "import numpy as np\n"
            "def only_b(snapshot):\n"
            "    table = np.full((snapshot.n_nodes, len(snapshot.destinations)), -1, np.int32)\n"
            "    to_b = snapshot.names.index('b')\n"
            "    table[snapshot.names.index('a'), snapshot.destinations == to_b] = "
            "snapshot.link[snapshot.to_node == to_b]\n"
            "    return table\n"
        )
    result = go(topology, ["ab", "cd"], policy="mine.py:only_b")
    assert result["unreachable"] == [{"from": "c", "to": "d", "why": "the policy gives no path"}]
    assert result["bound"]["concurrent_gbps"] == pytest.approx(2.0 * GBPS, rel=2 * bounds.GAP)
    level = result["loads"][0]
    assert level["goodput_gbps"] == pytest.approx(GBPS, rel=LOADED)
    assert level["bound_gbps"] == pytest.approx(2.0 * GBPS, rel=2 * bounds.GAP)
    assert level["share_of_bound"] == pytest.approx(0.5, rel=LOADED)
    assert (level["concurrent_gbps"], level["jain"]) == (0.0, 1.0)


def test_a_pair_uses_all_paths_of_a_policy_with_several(planned):
    topology = planned(DIAMOND, own={"ac": 0.005})
    disjoint = {"policy": "k-disjoint", "options": {"k": 2}}
    result = go(topology, ["ad"], **disjoint)
    assert result["flows_per_pair"] == 16
    # 7 to 9 of 16 flows on each path offer it more than it carries.
    assert result["loads"][0]["goodput_gbps"] == pytest.approx(2.0 * GBPS, rel=LOADED)
    assert len(result["loads"][0]["pairs"]) == 1
    level = go(topology, ["ad", "ab"], **disjoint)["loads"][0]
    goodput = by_pair(level)
    assert level["goodput_gbps"] == pytest.approx(sum(goodput.values()))
    assert level["goodput_gbps"] > 1.3 * GBPS
    assert [pair["hops_mean"] for pair in level["pairs"]] == [2.0, 1.0]
    assert by_pair(level, "offered_gbps") == pytest.approx({"ad": 1.25 * GBPS, "ab": 1.25 * GBPS})
    assert level["jain"] == pytest.approx(jain_index(list(goodput.values())))
    one = go(topology, ["ad"], flows_per_pair=1, **disjoint)
    assert one["loads"][0]["goodput_gbps"] == pytest.approx(GBPS, rel=LOADED)
    assert go(topology, ["ad"], duration_s=1.0)["flows_per_pair"] == 1


def test_paths_that_are_foreseen_are_those_of_the_run(planned, tmp_path, monkeypatch):
    foreseen, routes_of_parts = [], throughput.offering.routes_of_parts
    monkeypatch.setattr(
        throughput.offering,
        "routes_of_parts",
        lambda *arguments: foreseen.append(routes_of_parts(*arguments)) or foreseen[-1],
    )
    disjoint = {"policy": "k-disjoint", "options": {"k": 2}, "seed": 3}
    go(planned(DIAMOND), ["ad", "bd"], output=tmp_path / "kept", duration_s=0.5, **disjoint)
    taken = load(tmp_path / "kept" / "run").paths.to_pylist()
    assert {row["flow"]: "".join(row["nodes"]) for row in taken} == {
        flow: "".join("abcd"[node] for node in foreseen[0].nodes_of(flow)) for flow in range(32)
    }
    assert {"".join(row["nodes"]) for row in taken} == {"abd", "acd", "bd"}


def test_flows_of_a_pair_are_not_slower_than_flows_may_be():
    parts = throughput.offering.parts_of_pairs(np.array([1e-6, 4.1e-6, 1.0]), 16, 0.5)
    assert parts.tolist() == [1, 2, 16]


WALKER = """
step_s = 1.0
[[satellites]]
name = "w"
pattern = "walker-delta"
planes = 6
slots = 8
phasing_factor = 1
altitude_km = 1200.0
inclination_deg = 60.0
[[ground]]
name = "cities"
sites = "sites.csv"
[[links]]
rule = "grid"
rate_gbps = 0.002
[[links]]
rule = "ground"
mask_deg = 10.0
rate_gbps = 0.002
"""
SITES = """name,lat_deg,lon_deg,population
Quito,-0.18,-78.47,2
Lima,-12.05,-77.04,10
Nairobi,-1.3,36.8,4
"""


def test_no_goodput_is_above_the_bound_where_satellites_move(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sites.csv").write_text(SITES)
    (tmp_path / "moving.toml").write_text(WALKER)
    result = measure("moving.toml", "all", duration_s=1.5, scale=1.0, threads=1, start_s=30.0)
    assert result["pair_count"] == 6
    assert result["instants_s"] == [30.0, 31.0]
    assert within_bound(result)
    gravity = measure("moving.toml", matrix="gravity", duration_s=1.0, scale=1.0, threads=1, loads=(0.5,))
    assert gravity["load_of"] == "bound"
    level = gravity["loads"][0]
    assert level["bound_gbps"] == pytest.approx(level["offered_gbps"])
    assert by_pair(level, "demand")["LimaNairobi"] / by_pair(level, "demand")[
        "QuitoNairobi"
    ] == pytest.approx(5)


def test_without_scipy_there_is_no_bound_unless_it_was_asked_for(planned, monkeypatch):
    topology = planned({"ab": 1.0, "bc": 1.0})
    monkeypatch.setattr(bounds, "have_solver", lambda: False)
    said = []
    result = go(topology, ["ab", "bc"], warn=said.append, duration_s=1.0)
    assert result["bound"] is result["loads"][0]["bound_gbps"] is None
    assert "lasermesh[lp]" in said[0]
    assert go(topology, ["ab"], duration_s=1.0)["bound"]["method"] == "max-flow"
    many = go(planned({"ab": 1.0, "cd": 1.0}), ["ab", "cd"], bound="max-flow", duration_s=1.0)
    assert many["loads"][0]["bound_gbps"] == pytest.approx(2.0 * GBPS)
    assert many["bound"]["concurrent_gbps"] is None
    with pytest.raises(UserError, match="lasermesh\\[lp\\]"):
        go("net.toml", ["ab", "cd"], bound="lp")


def test_the_same_seed_gives_the_same_result_on_any_number_of_threads(planned):
    topology = planned(DIAMOND)
    one, two = (go(topology, ["ad"], threads=n, duration_s=2.0) for n in (1, 2))
    for result in (one, two):
        del result["loads"][0]["wall_s"]
    assert one == two
    assert go(topology, ["ad"], seed=1, duration_s=2.0)["loads"] != one["loads"]


def test_a_folder_keeps_the_result_its_pairs_and_its_runs(planned, tmp_path):
    result = go(planned({"ab": 1.0}), ["ab"], output=tmp_path / "kept", loads=(0.5, 2.0), duration_s=1.0)
    assert json.loads((tmp_path / "kept" / "throughput.json").read_text()) == result
    table = pq.read_table(tmp_path / "kept" / "pairs.parquet")
    assert table.column("load").to_pylist() == [0.5, 2.0]
    assert np.allclose(table.column("goodput_gbps"), [level["goodput_gbps"] for level in result["loads"]])
    assert load(tmp_path / "kept" / "load-0.5").status == "complete"
    with pytest.raises(UserError, match="the folder holds other things"):
        go("net.toml", ["ab"], output=tmp_path / "kept")


def test_a_policy_without_end_is_stopped_while_it_looks_at_the_network(planned, tmp_path):
    topology = planned({"ab": 1.0})
    (tmp_path / "mine.py").write_text("import time\ndef sleepy(snapshot):\n    time.sleep(10.0)\n")
    with pytest.raises(RunFailed, match=r"0\.1 s"):
        go(topology, ["ab"], policy="mine.py:sleepy", sets=["routing.time_limit_s=0.1"])


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Interrupted("stopped"), "interrupted", "stopped; 1 of 2 loads are complete, in .*kept"),
        (RunFailed("no memory"), "failed", "no memory"),
    ],
)
def test_loads_before_one_that_does_not_end_are_kept(planned, tmp_path, monkeypatch, error, status, message):
    measured = throughput.measure

    def stopped(experiment, settle_s, folder, *more):
        if folder.name == "load-1":
            raise error
        return measured(experiment, settle_s, folder, *more)

    monkeypatch.setattr(throughput, "measure", stopped)
    with pytest.raises(type(error), match=message):
        go(planned({"ab": 1.0}), ["ab"], output=tmp_path / "kept", loads=(0.5, 1.0), duration_s=1.0)
    kept = json.loads((tmp_path / "kept" / "throughput.json").read_text())
    assert kept["status"] == status
    assert [level["load"] for level in kept["loads"]] == [0.5]
    assert pq.read_table(tmp_path / "kept" / "pairs.parquet").column("load").to_pylist() == [0.5]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        *("load-0.5", "pairs.parquet", "throughput.json")
    ]


def test_a_run_that_fails_names_no_folder_that_is_gone(planned, tmp_path):
    topology = planned({"ab": 1.0}, step_s=0.5)
    (tmp_path / "mine.py").write_text(
        "from lasermesh.routing import POLICIES\n"
        "def fails_later(snapshot):\n"
        "    if snapshot.previous is not None and snapshot.t_s > 2.0:\n"
        "        raise ValueError('on purpose')\n"
        "    return POLICIES['shortest-delay'](snapshot)\n"
    )
    # Settling takes the run beyond what was looked at before.
    more = {"policy": "mine.py:fails_later", "duration_s": 1.0}
    with pytest.raises(RunFailed, match="on purpose") as failed:
        go(planned({"ab": 1.0}, owlt_s=1.0, step_s=0.5), ["ab"], **more)
    assert "lasermesh-" not in str(failed.value)
    with pytest.raises(RunFailed, match=r"what came of it until then: .*kept"):
        go(topology, ["ab"], output=tmp_path / "kept", **more)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration_s": 0.0}, "the duration must be at least 1e-06 s"),
        ({"settle_s": float("nan")}, "the time to settle must be"),
        ({"settle_s": 0.5e-3}, "at least 0.001 of the duration"),
        ({"start_s": float("inf")}, "the start must be a number"),
        ({"loads": (0.5, 0.0)}, "each load must be above 0 and at most 1000"),
        ({"loads": (1.0, 1.0)}, "loads must differ"),
        ({"rate_gbps": -1.0}, "the rate must be 1e-06 to 1e"),
        ({"flows_per_pair": 0}, "flows per pair must be 1 to 1000 \\(got 0\\)"),
        ({"bound": "best"}, 'the bound must be max-flow, lp or none \\(got "best"\\)'),
        ({"packet_bytes": 5}, "packets must have 28 to 65535 bytes"),
        ({"policy": "shortest-dely"}, "shortest-delay"),
        ({"pairs": "all"}, "all pairs of ground sites: topology .net. has 0 of them"),
    ],
)
def test_what_makes_no_sense_is_refused(planned, options, message):
    topology = planned({"ab": 1.0})
    with pytest.raises(UserError, match=message):
        measure(topology, **({"pairs": [["a", "b"]]} | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": [["a", "z"]]}, r"flows\[0\].pairs\[0\].*no node is named .z."),
        ({"pairs": "missing.csv"}, "there is no file"),
        ({"matrix": "missing.csv"}, "there is no file"),
        ({"matrix": "gravity"}, "sites"),
        ({"pairs": [["a", "b"]], "scale": -1.0}, "packets.scale"),
        ({"pairs": [["a", "b"]], "sets": ["routing.intervall_s=1"]}, "interval_s"),
    ],
)
def test_what_a_scenario_would_refuse_is_refused_in_the_same_words(planned, options, message):
    topology = planned({"ab": 1.0})
    with pytest.raises(ScenarioError, match=message):
        measure(topology, **options)
