"""Every change of a path: by pencil, against networkx at each edge of a plan, against samples 10 ms apart."""

import math
from itertools import pairwise

import networkx
import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.experiments.path_changes import RESOLUTION_S, describe_cause, path_changes
from lasermesh.experiments.paths import paths
from lasermesh.orbits import build_ephemeris
from lasermesh.routing import Policy
from lasermesh.scenario import load_topology
from tests.experiments.skies import NEAREST, shell

PLANNED = """
step_s = 5.0
[[satellites]]
name = "probes"
fixed = [{names}]
[[links]]
rule = "plan"
plan = "plan.csv"
"""
# a - b - d is short and ends at 20.25 s, a - c - d is long and stays; a - d is there for 2 s within a step.
PLAN = """from,to,start_s,stop_s,rate_bps,owlt_s
a,b,0,20.25,1000000,0.001
b,d,0,90,1000000,0.002
a,c,0,100,1000000,0.010
c,d,0,100,1000000,0.020
d,c,0,100,1000000,0.020
c,a,0,50,1000000,0.010
a,d,31.5,33.5,1000000,0.001
"""


def planned(folder, plan=PLAN, names='"a", "b", "c", "d", "e"'):
    (folder / "plan.csv").write_text(plan)
    (folder / "planned.toml").write_text(PLANNED.format(names=names))
    return load_topology(folder / "planned.toml")


def test_changes_by_pencil(tmp_path):
    result = path_changes(planned(tmp_path), [("a", "d"), ("d", "a"), ("a", "e")], duration_s=60.0)
    there, back, nowhere = (found["samples"] for found in result["paths"])
    assert [(one["t_s"], one["until_s"], "".join(one["nodes"])) for one in there] == [
        (0.0, 20.25, "abd"),
        (20.25, 31.5, "acd"),
        (31.5, 33.5, "ad"),
        (33.5, 60.0, "acd"),
    ]
    assert [one["delay_ms"] for one in there] == pytest.approx([3.0, 30.0, 1.0, 30.0], rel=1e-12)
    assert there[0]["cause"] is None
    assert there[1]["cause"] == {
        "kind": "link_down",
        "from": "a",
        "to": "b",
        "delay_change_ms": pytest.approx(27.0),
    }
    assert [describe_cause(one["cause"]) for one in there] == [
        "(start)",
        "a > b went down, +54.000 ms",
        "a > d came up, -58.000 ms",
        "a > d went down, +58.000 ms",
    ]
    assert [(one["t_s"], one["until_s"], one["reachable"]) for one in back] == [
        (0.0, 50.0, True),
        (50.0, 60.0, False),
    ]
    assert back[1]["cause"] == {"kind": "link_down", "from": "c", "to": "a", "delay_change_ms": None}
    assert back[1]["delay_end_ms"] is back[1]["delay_min_ms"] is None
    assert [(one["t_s"], one["until_s"], one["nodes"]) for one in nowhere] == [(0.0, 60.0, [])]
    churn = result["paths"][0]["churn"]
    assert (churn["exact"], churn["changes"], churn["changes_per_h"]) == (True, 3, 180.0)
    assert churn["path_lifetime_s"]["max"] == pytest.approx(11.25)
    # 20.25 s at 6 ms, 2 s at 2 ms, the other 37.75 s at 60 ms.
    assert churn["rtt_ms"]["mean"] == pytest.approx((20.25 * 6.0 + 2.0 * 2.0 + 37.75 * 60.0) / 60.0)


def test_all_changes_of_a_random_plan_are_those_of_networkx_at_every_edge(tmp_path):
    rng = np.random.default_rng(7)
    names = "abcdef"
    contacts = []
    for start in names:
        for end in names:
            edges_s = np.sort(rng.choice(60_000, 6, replace=False)) / 1e3
            for begin_s, stop_s in edges_s.reshape(3, 2) * (start != end):
                if stop_s:
                    contacts.append((start, end, float(begin_s), float(stop_s), rng.integers(1, 1000) / 1e4))
    lines = [f"{a},{b},{begin},{stop},1000000,{owlt}" for a, b, begin, stop, owlt in contacts]
    topology = planned(
        tmp_path,
        "\n".join(("from,to,start_s,stop_s,rate_bps,owlt_s", *lines)),
        ",".join(map('"{}"'.format, names)),
    )
    pairs = [("a", "b"), ("c", "f")]
    result = path_changes(topology, pairs, duration_s=60.0)
    for (start, end), found in zip(pairs, result["paths"], strict=True):
        expected = []
        for t_s in sorted(
            {0.0, *(contact[2] for contact in contacts), *(contact[3] for contact in contacts)}
        ):
            graph = networkx.DiGraph()
            graph.add_nodes_from(names)
            graph.add_weighted_edges_from(
                (a, b, owlt) for a, b, begin, stop, owlt in contacts if begin <= t_s < stop
            )
            try:
                nodes = networkx.dijkstra_path(graph, start, end)
            except networkx.NetworkXNoPath:
                nodes = []
            if not expected or expected[-1][1] != nodes:
                expected.append((t_s, nodes))
        assert [(one["t_s"], one["nodes"]) for one in found["samples"]] == expected
        assert len(expected) > 10


def test_another_rate_is_a_cause_for_a_policy_that_minds_it(tmp_path):
    def fastest(snapshot):
        edges = snapshot.to_networkx().edges
        link = np.full((snapshot.n_nodes, 1), -1)
        ways = ("ab", "bd") if edges["a", "b"]["rate_bps"] > 10**6 else ("ac", "cd")
        for start, end in ways:
            link[snapshot.names.index(start), 0] = edges[start, end]["link"]
        return link

    plan = PLAN.replace("a,b,0,20.25,1000000,0.001", "a,b,0,12.5,1000000,0.001\na,b,12.5,60,2000000,0.001")
    policy = Policy("fastest", fastest)
    result = path_changes(planned(tmp_path, plan), [("a", "d")], duration_s=30.0, policy=policy)
    before, after = result["paths"][0]["samples"]
    assert (before["nodes"], before["until_s"], after["nodes"]) == (["a", "c", "d"], 12.5, ["a", "b", "d"])
    assert after["cause"]["kind"] == "other_links"
    assert describe_cause(after["cause"]) == "other links changed, -54.000 ms"


def test_two_satellites_over_two_sites_change_places_half_way(tmp_path):
    """By symmetry: when the middle of the two satellites passes over the middle of the two sites."""
    (tmp_path / "ring.toml").write_text("""
step_s = 10.0
[[satellites]]
name = "s"
pattern = "walker-delta"
planes = 1
slots = 18
phasing_factor = 0
altitude_km = 1400.0
inclination_deg = 0.0
[[ground]]
name = "west"
lat_deg = 0.0
lon_deg = 0.0
[[ground]]
name = "east"
lat_deg = 0.0
lon_deg = 10.0
[[links]]
rule = "ground"
mask_deg = 10.0
rate_gbps = 1.0
""")
    topology = load_topology(tmp_path / "ring.toml")
    (found,) = path_changes(topology, [("west", "east")], duration_s=900.0)["paths"]
    samples = found["samples"]
    assert len(samples) >= 3
    ephemeris = build_ephemeris(topology)
    for before, after in pairwise(samples):
        assert after["cause"]["kind"] == "lengths"
        position_m, velocity_m_per_s = ephemeris.state_at(after["t_s"])
        rows = [topology.row_of(one["nodes"][1]) for one in (before, after)]
        angles_rad = np.arctan2(position_m[rows, 1], position_m[rows, 0])
        rate_rad_per_s = np.linalg.norm(velocity_m_per_s[rows[0]]) / np.linalg.norm(position_m[rows[0]])
        miss_s = (angles_rad.mean() - math.radians(5.0)) / rate_rad_per_s
        # On the far side of the instant, by no more than is promised; the orbits are not quite circles.
        assert abs(miss_s) < RESOLUTION_S + 0.02
        assert before["delay_end_ms"] == pytest.approx(after["delay_ms"], abs=1e-4)
        assert before["until_s"] == after["t_s"]


@pytest.mark.parametrize(("start_s", "kind"), [(102.5, "link_down"), (139.2, "lengths")])
def test_changes_are_those_of_samples_ten_ms_apart(start_s, kind):
    topology = load_topology("walker-144")
    pairs = [("Tokyo", "London"), ("London", "Tokyo")]
    sampled = paths(topology, pairs, start_s=start_s, duration_s=0.5, step_s=0.01)
    exact = path_changes(topology, pairs, start_s=start_s, duration_s=0.5)
    for of_samples, of_changes in zip(sampled["paths"], exact["paths"], strict=True):
        assert len(of_changes["samples"]) == 2 and of_changes["samples"][1]["cause"]["kind"] == kind
        for sample in of_samples["samples"]:
            (row,) = (one for one in of_changes["samples"] if one["t_s"] <= sample["t_s"] < one["until_s"])
            assert sample["nodes"] == row["nodes"]
            assert row["delay_min_ms"] - 1e-6 <= sample["delay_ms"] <= row["delay_max_ms"] + 1e-6


@pytest.mark.parametrize("policy", ["shortest-delay", "fewest-hops"])
def test_links_with_a_memory_are_followed_as_they_are_sampled(tmp_path, policy):
    topology = shell(tmp_path, NEAREST)
    pairs = [("w-0-0", "w-3-4"), ("w-1-2", "w-5-7")]
    sampled = paths(topology, pairs, start_s=100.0, duration_s=60.0, step_s=7.0, policy=policy)
    exact = path_changes(topology, pairs, start_s=100.0, duration_s=60.0, step_s=7.0, policy=policy)
    assert exact["memory"] == sampled["memory"] == {"from_s": 0.0, "warm_up_s": None}
    for of_samples, of_changes in zip(sampled["paths"], exact["paths"], strict=True):
        for sample in of_samples["samples"]:
            (row,) = (one for one in of_changes["samples"] if one["t_s"] <= sample["t_s"] < one["until_s"])
            assert sample["nodes"] == row["nodes"]


def test_a_policy_that_keeps_its_path_sees_the_table_that_was_in_force(tmp_path):
    def keeps(snapshot):
        """Stay on the path there is, as long as its links are up; else the shortest one."""
        link = np.full((snapshot.n_nodes, 1), -1)
        if snapshot.previous is not None:
            kept = snapshot.previous.link[:, :, 0]
            if np.isin(kept[kept >= 0], snapshot.link).all():
                return kept
        edges = snapshot.to_networkx(towards="d")
        nodes = networkx.dijkstra_path(edges, "a", "d", weight="delay_s")
        for start, end in pairwise(nodes):
            link[snapshot.names.index(start), 0] = edges.edges[start, end]["link"]
        return link

    result = path_changes(planned(tmp_path), [("a", "d")], duration_s=60.0, policy=Policy("keeps", keeps))
    found = result["paths"][0]["samples"]
    assert [(one["t_s"], "".join(one["nodes"])) for one in found] == [(0.0, "abd"), (20.25, "acd")]


def test_a_policy_that_throws_dice_comes_to_an_end(tmp_path):
    rng = np.random.default_rng(3)

    def flaps(snapshot):
        edges = snapshot.to_networkx().edges
        link = np.full((snapshot.n_nodes, 1), -1)
        ways = (("ab", "bd"), ("ac", "cd"), ())[rng.integers(0, 3)]
        for start, end in ways:
            link[snapshot.names.index(start), 0] = edges[start, end]["link"]
        return link

    result = path_changes(planned(tmp_path), [("a", "d")], duration_s=10.0, policy=Policy("flaps", flaps))
    found = result["paths"][0]["samples"]
    assert len(found) > 1 and (found[0]["t_s"], found[-1]["until_s"]) == (0.0, 10.0)
    for before, after in pairwise(found):
        assert before["until_s"] == after["t_s"] > before["t_s"] and before["nodes"] != after["nodes"]


@pytest.mark.parametrize("duration_s", [0.0, -1.0, math.nan])
def test_a_duration_is_needed(tmp_path, duration_s):
    with pytest.raises(UserError, match="must be more than 0 s"):
        path_changes(planned(tmp_path), [("a", "d")], duration_s=duration_s)
