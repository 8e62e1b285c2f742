"""Paths over time: against networkx on the printed link graph, by pencil, and what is refused."""

import networkx
import numpy as np
import pytest

from lasermesh.errors import RunFailed, UserError
from lasermesh.experiments.graphs import graph
from lasermesh.experiments.paths import all_pairs, paths, read_pairs, row_of, sample_times
from lasermesh.orbits import build_ephemeris
from lasermesh.routing import Policy, declare
from lasermesh.scenario import ScenarioError, load_topology

LIGHT_KM_PER_MS = 299.792458

# a - b - d is short and ends at 20 s, a - c - d is long and stays; nobody reaches e.
PLAN = """from,to,start_s,stop_s,rate_bps,owlt_s
a,b,0,20,1000000,0.001
b,d,0,20,1000000,0.002
a,c,0,100,1000000,0.010
c,d,0,100,1000000,0.020
d,c,0,100,1000000,0.020
c,a,0,50,1000000,0.010
"""
PLANNED = """
step_s = 5.0
[[satellites]]
name = "probes"
fixed = ["a", "b", "c", "d", "e"]
[[links]]
rule = "plan"
plan = "plan.csv"
"""
MESH = """
step_s = 30.0
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
rate_gbps = 10.0
[[links]]
rule = "ground"
mask_deg = 10.0
rate_gbps = 10.0
"""
SITES = """name,lat_deg,lon_deg
London,51.5,-0.1
New York,40.7,-74.0
Nairobi,-1.3,36.8
Sydney,-33.9,151.2
"""


@pytest.fixture
def planned(tmp_path):
    (tmp_path / "plan.csv").write_text(PLAN)
    (tmp_path / "planned.toml").write_text(PLANNED)
    return load_topology(tmp_path / "planned.toml")


@pytest.fixture
def mesh(tmp_path):
    (tmp_path / "sites.csv").write_text(SITES)
    (tmp_path / "mesh.toml").write_text(MESH)
    return load_topology(tmp_path / "mesh.toml")


def test_a_path_by_pencil(planned):
    result = paths(planned, [("a", "d")], start_s=15.0, duration_s=10.0, step_s=5.0)
    assert result["policy"] == "shortest-delay"
    (found,) = result["paths"]
    assert (found["from"], found["to"]) == ("a", "d")
    before, after = found["samples"]
    assert before == {
        "t_s": 15.0,
        "reachable": True,
        "delay_ms": pytest.approx(3.0, rel=1e-12),
        "rtt_ms": 2.0 * before["delay_ms"],
        "distance_km": pytest.approx(3.0 * LIGHT_KM_PER_MS, rel=1e-12),
        "hops": 2,
        "nodes": ["a", "b", "d"],
        "chord_km": None,  # nodes of a plan need no positions
        "stretch_vacuum": None,
        "stretch_fibre": None,
    }
    assert after["nodes"] == ["a", "c", "d"]  # the contact over b is [0, 20): gone at 20
    assert after["delay_ms"] == pytest.approx(30.0, rel=1e-12)


def test_what_cannot_be_reached_is_null_and_empty(planned):
    (found,) = paths(planned, [("a", "e")])["paths"]
    assert found["samples"] == [
        {
            "t_s": 0.0,
            "reachable": False,
            "delay_ms": None,
            "rtt_ms": None,
            "distance_km": None,
            "hops": None,
            "nodes": [],
            "chord_km": None,
            "stretch_vacuum": None,
            "stretch_fibre": None,
        }
    ]


def test_the_answer_is_taken_to_come_back_on_the_same_path(planned):
    # From 50 s on nothing leads from c to a; the round trip of a to d is still twice its delay.
    there, back = paths(planned, [("a", "d"), ("d", "a")], start_s=60.0)["paths"]
    assert there["samples"][0]["rtt_ms"] == pytest.approx(60.0)
    assert not back["samples"][0]["reachable"]


def test_paths_agree_with_networkx_on_the_printed_graph(mesh):
    pairs = all_pairs(mesh)
    result = paths(mesh, pairs, start_s=100.0, duration_s=600.0, step_s=200.0)
    for sample in range(3):
        printed = graph(mesh, 100.0 + 200.0 * sample)
        kinds = {node["name"]: node["kind"] for node in printed["nodes"]}
        for (start, end), found in zip(pairs, result["paths"], strict=True):
            allowed = networkx.DiGraph()
            allowed.add_nodes_from(kinds)
            for link in printed["links"]:
                if kinds[link["to"]] == "satellite" or link["to"] == end:
                    allowed.add_edge(link["from"], link["to"], **link)
            ours = found["samples"][sample]
            try:
                delay_ms, nodes = networkx.single_source_dijkstra(allowed, start, end, weight="delay_ms")
            except networkx.NetworkXNoPath:
                assert not ours["reachable"]
                continue
            assert ours["nodes"] == nodes
            assert ours["hops"] == len(nodes) - 1
            assert ours["delay_ms"] == pytest.approx(delay_ms, rel=1e-12)
            assert ours["distance_km"] == pytest.approx(delay_ms * LIGHT_KM_PER_MS, rel=1e-12)


def test_stretch_is_over_the_geodesic_and_over_fibre_along_it(mesh):
    position_m, _ = build_ephemeris(mesh).state_at(0.0)
    result = paths(mesh, [("London", "Nairobi"), ("London", "w-0-3")], duration_s=60.0)
    on_ground, to_space = result["paths"]
    # From GeographicLib 2.1, Geodesic.WGS84.Inverse(51.5, -0.1, -1.3, 36.8).
    assert on_ground["geodesic_km"] == pytest.approx(6804.599132, abs=1e-5)
    assert on_ground["fibre_rtt_ms"] == pytest.approx(2 * 6804.599132 * 1.4682 / LIGHT_KM_PER_MS, rel=1e-7)
    assert to_space["geodesic_km"] is to_space["fibre_rtt_ms"] is None
    for sample in on_ground["samples"]:
        assert sample["stretch_vacuum"] == pytest.approx(sample["distance_km"] / 6804.599132, rel=1e-7)
        assert sample["stretch_fibre"] == pytest.approx(sample["stretch_vacuum"] / 1.4682, rel=1e-7)
    assert to_space["samples"][0]["stretch_vacuum"] is to_space["samples"][0]["stretch_fibre"] is None
    chord_km = np.linalg.norm(position_m[48] - position_m[3]) / 1e3
    assert to_space["samples"][0]["chord_km"] == pytest.approx(chord_km, rel=1e-12)
    assert to_space["samples"][0]["chord_km"] != to_space["samples"][1]["chord_km"]


def test_the_topology_gives_the_step_where_none_is_asked(planned):
    (found,) = paths(planned, [("a", "d")], duration_s=12.0)["paths"]
    assert [sample["t_s"] for sample in found["samples"]] == [0.0, 5.0, 10.0]


@pytest.mark.parametrize(
    ("start_s", "duration_s", "step_s", "expected"),
    [
        (0.0, 0.0, 1.0, [0.0]),
        (7.0, 0.5, 1.0, [7.0]),
        (0.0, 2.0, 1.0, [0.0, 1.0]),
        (-3.0, 2.5, 1.0, [-3.0, -2.0, -1.0]),
        (0.0, 0.3, 0.1, [0.0, 0.1, 0.2]),  # 3 * 0.1 is more than 0.3 in floating point
        (0.0, 0.7, 0.1, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
    ],
)
def test_samples_are_taken_before_the_end_and_at_least_once(start_s, duration_s, step_s, expected):
    assert sample_times(start_s, duration_s, step_s) == expected


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ((0.0, -1.0, 1.0), "the duration must not be negative"),
        ((0.0, 1.0, 0.0), "the step must be at least 1e-06 s"),
        ((0.0, 1.0, -1.0), "the step must be at least 1e-06 s"),
        ((0.0, 1.0, 9e-7), "the step must be at least 1e-06 s"),
        ((0.0, 1e9, 1e-9), "the step must be at least 1e-06 s"),
        ((0.0, 1e300, 1e-300), "the end must be within 100 years of the topology's epoch"),
        ((1e308, 1e308, 1.0), "the start must be within 100 years"),
        ((-3.2e9, 1.0, 1.0), "the start must be within 100 years"),
        ((3e9, 3e8, 1.0), "the end must be within 100 years"),
        ((0.0, 10.000001, 1e-6), "10 s in steps of 1e-06 s are 10,000,001 samples; .* at most 10,000,000"),
        ((0.0, 1e9, 1.0), "1,000,000,000 samples; there may be at most 10,000,000"),
        ((float("nan"), 1.0, 1.0), "the start must be a number"),
        ((0.0, float("inf"), 1.0), "the duration must be a number"),
    ],
)
def test_times_that_make_no_sense_are_refused(times, words):
    with pytest.raises(UserError, match=words):
        sample_times(*times)


def test_the_shortest_step_still_gives_different_instants():
    assert sample_times(0.0, 3e-6, 1e-6) == [0.0, 1e-6, 2e-6]
    assert len(set(sample_times(8.6e6, 1e-3, 1e-6))) == 1000


def test_nodes_are_found_by_name_and_by_row(mesh):
    assert row_of(mesh, "w-0-3") == row_of(mesh, "#3") == 3
    (found,) = paths(mesh, [("#48", "#49")])["paths"]
    assert (found["from"], found["to"]) == ("London", "New York")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Nairoby", 'no node is named "Nairoby" in topology "mesh"; did you mean "Nairobi"?'),
        ("#52", 'there is no row 52 in topology "mesh"; rows are 0 to 51'),
        ("cities", '"cities" is a group of topology "mesh"; here the name of one node is wanted'),
    ],
)
def test_a_place_that_does_not_exist_is_refused_with_the_nearest(mesh, name, words):
    with pytest.raises(UserError) as refused:
        paths(mesh, [("London", name)])
    assert str(refused.value) == words


def test_a_path_from_a_node_to_itself_is_refused(mesh):
    with pytest.raises(UserError, match='a path from "#48" to itself'):
        paths(mesh, [("#48", "London")])


def test_all_pairs_are_every_two_ground_sites_once(mesh, planned):
    assert len(all_pairs(mesh)) == 6
    assert all_pairs(mesh)[0] == ("London", "New York")
    with pytest.raises(UserError, match='topology "planned" has 0 of them'):
        all_pairs(planned)


def test_pairs_are_read_from_a_csv_file(mesh, tmp_path):
    (tmp_path / "pairs.csv").write_text("to,from,note\nLondon,Nairobi,home\n#3,Sydney,\n")
    assert read_pairs(tmp_path / "pairs.csv", mesh) == [("Nairobi", "London"), ("Sydney", "#3")]


def test_all_that_is_wrong_with_a_file_of_pairs_is_said_at_once(mesh, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").write_text("from,to\nLondon,Nairoby\nLondon,London\nLondon,\n")
    with pytest.raises(ScenarioError) as refused:
        read_pairs("pairs.csv", mesh)
    lines = str(refused.value).splitlines()
    assert lines[0] == "pairs.csv: 3 problems"
    assert 'pairs.csv:2: no node is named "Nairoby"' in lines[1]
    assert 'pairs.csv:3: a path from "London" to itself' in lines[2]
    assert "pairs.csv:4: to: is empty" in lines[3]


@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"a,b\nc,d\n", b"from,to\n"])
def test_a_file_that_holds_no_pairs_is_refused(mesh, tmp_path, content):
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(UserError):
        read_pairs(tmp_path / "pairs.csv", mesh)


def test_a_missing_file_of_pairs_is_named(mesh):
    with pytest.raises(UserError, match=r'there is no file "nowhere\.csv"'):
        read_pairs("nowhere.csv", mesh)
    with pytest.raises(UserError, match="the name of the file of pairs is empty"):
        read_pairs("", mesh)


def test_a_policy_cannot_shorten_the_round_trip_that_is_reported(planned):
    def halves(snapshot):
        snapshot.delay_s[:] *= 0.5

    with pytest.raises(RunFailed, match="read-only"):
        paths(planned, [("a", "d")], policy=Policy("halves", halves))


def test_a_policy_that_leads_in_a_circle_is_warned_of(planned):
    @declare(loop_free=False)
    def circle(snapshot):
        link = np.full((snapshot.n_nodes, 1), -1)
        for start, end in (("a", "c"), ("c", "a")):
            edge = snapshot.to_networkx().edges[start, end]
            link[snapshot.names.index(start), 0] = edge["link"]
        return link

    said = []
    result = paths(planned, [("a", "d")], policy=Policy("circle", circle), warn=said.append)
    assert not result["paths"][0]["samples"][0]["reachable"]
    assert said == [
        'routing policy "circle" at t = 0 s leads in a circle for 1 of 1 pairs, such as a to d',
    ]


def test_a_policy_sees_the_table_of_the_instant_before(planned):
    seen = []

    def curious(snapshot):
        seen.append(snapshot.previous)
        return np.full((snapshot.n_nodes, 1), -1)

    paths(planned, [("a", "d")], duration_s=10.0, policy=Policy("curious", curious))
    assert seen[0] is None and seen[1].link.shape == (5, 1, 1)


@pytest.mark.compiled_only
def test_most_of_all_4950_pairs_of_100_cities_have_a_path():
    topology = load_topology("starlink-gen1", ["ground[0].sites=cities-100"])
    pairs = all_pairs(topology)
    assert len(pairs) == 4950
    result = paths(topology, pairs)
    reachable = sum(found["samples"][0]["reachable"] for found in result["paths"])
    assert reachable > 4000  # the inclination leaves out the cities furthest north
