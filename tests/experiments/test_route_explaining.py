"""Why packets go the way they do: by pencil on a plan, and against networkx on a mesh."""

from itertools import islice, pairwise

import networkx
import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.errors import UserError
from lasermesh.experiments.explaining import explain
from lasermesh.experiments.paths import paths
from lasermesh.experiments.route_explaining import describe_route
from lasermesh.orbits import build_ephemeris, look_angles
from lasermesh.routing import ForwardingTable, Policy
from lasermesh.scenario import load_topology

PLANNED = """
[[satellites]]
name = "probes"
fixed = ["a", "b", "c", "d", "e", "f"]
[[links]]
rule = "plan"
plan = "plan.csv"
"""
# Both ways round take 3 ms and 2 hops; over c and e it is 4 ms and 3 hops; f is heard by nobody.
PLAN = """from,to,start_s,stop_s,rate_bps,owlt_s
a,b,0,40,1000000,0.001
b,d,0,100,12000000,0.002
a,c,0,100,1000000,0.002
c,d,0,100,1000000,0.001
c,e,0,100,1000000,0.001
e,d,0,100,1000000,0.001
f,d,0,100,1000000,0.001
"""
DETOUR = """from,to,path
a,d,a > c > e > d
"""
TAKEN = "taken by other flows: "


@pytest.fixture
def planned(tmp_path):
    (tmp_path / "plan.csv").write_text(PLAN)
    (tmp_path / "planned.toml").write_text(PLANNED)
    return load_topology(tmp_path / "planned.toml")


@pytest.fixture(scope="module")
def walker():
    return load_topology("walker-144")


def route_of(*arguments, **more):
    return explain(*arguments, route=True, **more)["route"]


def test_a_route_by_pencil(planned):
    route = route_of(planned, "a", "d", 10.0)
    assert (route["policy"], route["nodes"], route["hops"]) == ("shortest-delay", ["a", "b", "d"], 2)
    assert (route["reachable"], route["split"], route["unreachable"]) == (True, False, None)
    assert route["delay_ms"] == pytest.approx(3.0)
    first, second = route["links"]
    assert first == {
        "from": "a",
        "to": "b",
        "kind": "isl",
        "range_km": pytest.approx(299.792458),
        "delay_ms": pytest.approx(1.0),
        "share": pytest.approx(1.0 / 3.0),
        "rate_gbps": 0.001,
        "serialization_ms": pytest.approx(12.0),
        "elevation_deg": None,
        "rule": 0,
        "rule_kind": "plan",
        "since_s": 0.0,
        "until_s": 40.0,
    }
    assert second["serialization_ms"] == pytest.approx(1.0)
    tied, longer = route["alternatives"]
    assert tied["nodes"] == ["a", "c", "d"] and tied["kind"] == "disjoint" and tied["shared_links"] == 0
    assert tied["why"] == "as long, as many hops: the lowest link id decides"
    assert longer["nodes"] == ["a", "c", "e", "d"] and longer["more_hops"] == 1
    assert longer["longer_by_ms"] == pytest.approx(1.0)
    assert longer["why"] == "1.000 ms longer, 1 hop more"
    assert route["ends"] == [None, None]


def test_what_rules_a_path_out_is_told_in_the_order_of_the_policy(planned):
    def detour(snapshot):
        edges = snapshot.to_networkx().edges
        link = np.full((snapshot.n_nodes, 1), -1)
        for start, end in ("ac", "ce", "ed"):
            link[snapshot.names.index(start), 0] = edges[start, end]["link"]
        return link

    by_hops = route_of(planned, "a", "d", policy="fewest-hops")
    assert by_hops["alternatives"][-1]["why"] == "1 hop more, 1.000 ms longer"
    chosen = route_of(planned, "a", "d", policy=Policy("detour", detour))
    assert [other["why"] for other in chosen["alternatives"]] == [
        "1.000 ms shorter, 1 hop fewer: the policy chooses by something else"
    ] * 2


def test_a_policy_that_splits_traffic_is_told_as_such(planned):
    def both(snapshot):
        edges = snapshot.to_networkx().edges
        link = np.full((snapshot.n_nodes, 1, 2), -1, dtype=np.int32)
        link[0, 0] = edges["a", "b"]["link"], edges["a", "c"]["link"]
        for start in "bc":
            link[snapshot.names.index(start), 0, 0] = edges[start, "d"]["link"]
        return ForwardingTable(link, snapshot.label_of_flow)

    route = route_of(planned, "a", "d", policy=Policy("both", both))
    assert route["split"]
    tables = describe_route(route, 3)
    assert tables[0][0][1] == "by both: a > b > d; the first of several"
    taken, longer = route["alternatives"]
    assert (taken["nodes"], taken["taken"], longer["taken"]) == (["a", "c", "d"], True, False)
    assert taken["why"] == "taken by other flows: as long, as many hops"
    assert tables[2][0][:4] == ("other paths", "delay_ms", "hops", "it is")


@pytest.mark.parametrize(
    ("policy", "options", "whys"),
    [
        ("k-disjoint", {"k": 2}, [TAKEN + "as long, as many hops", "1.000 ms longer, 1 hop more"]),
        ("k-shortest", {"k": 3}, [TAKEN + "as long, as many hops", TAKEN + "1.000 ms longer, 1 hop more"]),
        ("ecmp", {}, [TAKEN + "as many hops, as long", "1 hop more, 1.000 ms longer"]),
        ("ecmp", {"cost": "delay"}, [TAKEN + "as long, as many hops", "1.000 ms longer, 1 hop more"]),
    ],
)
def test_paths_that_a_policy_has_for_other_flows_are_not_ruled_out(planned, policy, options, whys):
    route = route_of(planned, "a", "d", policy=policy, options=options)
    assert [other["why"] for other in route["alternatives"]] == whys
    assert [other["taken"] for other in route["alternatives"]] == [TAKEN in why for why in whys]


def test_what_a_policy_goes_by_is_named_where_another_path_is_as_good(planned, tmp_path):
    (tmp_path / "routes.csv").write_text(DETOUR)
    options = {"file": str(tmp_path / "routes.csv")}
    route = route_of(planned, "a", "d", policy="explicit", options=options)
    assert route["alternatives"][0]["why"].endswith(": the policy chooses by the paths of its file")


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (("d", "a"), "d has no link to a node that passes traffic on"),
        (("a", "f"), "f has no link from a node that passes traffic on"),
        (("b", "e"), "2 nodes can be reached from b, e from 3 nodes, and none of these are the same"),
    ],
)
def test_why_there_is_no_route(planned, ends, reason):
    route = route_of(planned, *ends, 10.0)
    assert (route["reachable"], route["delay_ms"], route["nodes"], route["links"]) == (False, None, [], [])
    assert route["unreachable"]["reason"] == reason and route["alternatives"] == []
    assert describe_route(route, 3) == [[("route", f"none by shortest-delay: {reason}")]]


def test_a_path_that_the_policy_leaves_out_is_told(planned):
    nowhere = Policy("nowhere", lambda snapshot: np.full((snapshot.n_nodes, 1), -1))
    route = route_of(planned, "a", "d", policy=nowhere)
    assert route["unreachable"]["reason"] == "the policy has no path, though there is one of 3.000 ms"
    assert route["alternatives"][0]["why"] == "not taken by the policy"
    assert route["alternatives"][0]["longer_by_ms"] is None


def test_the_route_is_explained_where_there_is_no_link_or_it_is_wanted(planned):
    assert explain(planned, "a", "b")["route"] is None
    assert explain(planned, "a", "b", route=None)["route"] is None
    assert explain(planned, "a", "d", route=None)["route"]["hops"] == 2
    assert explain(planned, "a", "b", route=True)["route"]["hops"] == 1
    assert explain(planned, "a", "d")["route"] is None


@pytest.mark.parametrize("alternatives", [-1, 101])
def test_a_number_of_alternatives_that_makes_no_sense_is_refused(planned, alternatives):
    with pytest.raises(UserError, match="alternatives must be from 0 to 100"):
        explain(planned, "a", "d", alternatives=alternatives)


def test_a_route_over_a_mesh_agrees_with_the_path_and_with_networkx(walker):
    route = route_of(walker, "Tokyo", "London", 60.0, alternatives=4)
    (found,) = paths(walker, [("Tokyo", "London")], start_s=60.0)["paths"]
    (sample,) = found["samples"]
    assert {key: route[key] for key in sample if key != "t_s"} == {
        key: value for key, value in sample.items() if key != "t_s"
    }
    assert route["geodesic_km"] == found["geodesic_km"]
    assert [(link["from"], link["to"]) for link in route["links"]] == list(pairwise(route["nodes"]))
    assert sum(link["delay_ms"] for link in route["links"]) == pytest.approx(route["delay_ms"], rel=1e-12)
    assert sum(link["share"] for link in route["links"]) == pytest.approx(1.0)
    assert [link["kind"] for link in route["links"]] == ["gsl", *["isl"] * (route["hops"] - 2), "gsl"]

    snapshot_graph = graph_of(walker, 60.0, "London")
    best = islice(networkx.shortest_simple_paths(snapshot_graph, "Tokyo", "London", weight="delay_s"), 5)
    told = route["alternatives"][:4]
    assert [route["nodes"], *(other["nodes"] for other in told)] == list(best)
    for other in told:
        delay_ms = networkx.path_weight(snapshot_graph, other["nodes"], "delay_s") * 1e3
        assert other["delay_ms"] == pytest.approx(delay_ms, rel=1e-12)
        assert other["longer_by_ms"] == pytest.approx(delay_ms - route["delay_ms"], abs=1e-9)
    disjoint = route["alternatives"][-1]
    assert disjoint["kind"] == "disjoint"
    assert not {*pairwise(disjoint["nodes"])} & {*pairwise(route["nodes"])}


def graph_of(topology, t_s, end):
    """Links of an instant as a networkx graph, those into other sites than `end` left out."""
    ephemeris = build_ephemeris(topology)
    links = LinkEngine(topology, ephemeris).graph_at(t_s)
    graph = networkx.DiGraph()
    for a, b, delay_s in zip(links.from_node, links.to_node, links.delay_s, strict=True):
        if not ephemeris.is_ground[b] or ephemeris.names[b] == end:
            graph.add_edge(ephemeris.names[a], ephemeris.names[b], delay_s=float(delay_s))
    return graph


def test_satellites_at_both_ends_are_told_with_the_path_over_each(walker):
    route = route_of(walker, "Tokyo", "London", 60.0)
    graph = graph_of(walker, 60.0, "London")
    position_m, _ = build_ephemeris(walker).state_at(60.0)
    for end, (site, at_end) in zip(route["ends"], (("Tokyo", False), ("London", True)), strict=True):
        assert end["name"] == site and len(end["satellites"]) > 1
        assert [one["name"] for one in end["satellites"] if one["used"]] == [
            route["nodes"][-2 if at_end else 1]
        ]
        assert end["satellites"][0]["longer_by_ms"] == pytest.approx(0.0, abs=1e-9)  # the best one is used
        for one in end["satellites"]:
            if not one["up"]:
                continue
            row = walker.row_of(one["name"])
            _, elevation_rad, _ = look_angles(position_m[walker.row_of(site)], position_m[[row]])
            assert one["elevation_deg"] == pytest.approx(np.degrees(elevation_rad[0]), abs=1e-9)
            only = graph.copy()
            others = [
                edge for edge in graph.edges if edge[at_end] == site and edge[not at_end] != one["name"]
            ]
            only.remove_edges_from(others)
            delay_s = networkx.dijkstra_path_length(only, "Tokyo", "London", weight="delay_s")
            assert one["delay_ms"] == pytest.approx(delay_s * 1e3, rel=1e-12)


def test_a_link_on_the_route_says_when_it_will_go_down(walker):
    route = route_of(walker, "Tokyo", "London")
    last = route["links"][-1]
    assert 0.0 < last["until_s"] < 300.0
    for t_s, up in ((last["until_s"] - 1e-3, True), (last["until_s"] + 1e-3, False)):
        assert explain(walker, last["from"], last["to"], t_s)["up"] == up
