"""`lasermesh explain` as one types it."""

import json
from itertools import pairwise

import pytest

from tests.experiments.skies import NEAREST, quito, shell


@pytest.fixture
def mixed(tmp_path):
    """The file of a grid and a site, in the folder where commands are started."""
    shell(tmp_path, '[[links]]\nrule = "grid"\n' + quito(), name="mixed")
    return "mixed.toml"


def test_the_text_shows_the_verdict_the_conditions_and_both_ends(run_command, mixed):
    done = run_command("explain", mixed, "w-0-0", "w-0-1", "--at", 60)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "w-0-0 and w-0-1 at t = 60 s, 2026-03-20T12:01:00Z"
    assert lines[2].startswith("link   up, made by links[0] (grid)")
    assert lines[3].startswith("range  5") and " ms of light" in lines[3]
    assert lines[5].split() == ["condition", "value", "limit", "holds"]
    assert lines[6].split()[0] == "range" and lines[6].endswith("6000.000 km  yes")
    assert lines[-2].startswith("w-0-0 ") and lines[-2].endswith("mini, number 0 of 4, with w-0-1")


def test_what_refuses_a_link_is_said_in_the_first_line(run_command, mixed):
    lines = run_command("explain", mixed, "Quito", "w-2-3").out.splitlines()
    assert lines[2] == "link   none, refused under links[1] (ground): elevation"
    assert any(line.startswith("elevation") and line.endswith("NO") for line in lines)


def test_json_is_one_object_that_agrees_with_the_text(run_command, mixed):
    done = run_command("explain", mixed, "Quito", "w-2-3", "--json")
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    result = json.loads(done.out)
    assert (result["from"], result["to"], result["up"]) == ("Quito", "w-2-3", False)
    assert (result["rule"], result["rule_kind"], result["reason"]) == (1, "ground", "elevation")
    assert result["since_s"] is result["until_s"] is None


def test_all_candidates_are_a_line_each(run_command, mixed):
    done = run_command("explain", mixed, "Quito", "--all", "--at", 60)
    result = json.loads(run_command("explain", mixed, "Quito", "--all", "--at", 60, "--json").out)
    lines = done.out.splitlines()
    assert lines[0] == "Quito at t = 60 s, 2026-03-20T12:01:00Z"
    assert [line.split()[0] for line in lines[2:]] == [entry["to"] for entry in result["candidates"]]
    assert result["node"] == "Quito" and result["candidates"]


def test_the_route_is_told_where_there_is_no_link(run_command):
    done = run_command("explain", "walker-144", "Tokyo", "London")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    headings = [line.split()[0] for before, line in pairwise(lines) if not before]
    assert headings == ["link", "condition", "azimuth", "route", "hop", "instead", "from", "from"]
    (route,) = (line for line in lines if line.startswith("route"))
    assert route.startswith("route  by shortest-delay: Tokyo > w-03-00 > ")
    assert any(line.startswith("w-10-09 > London ") and line.endswith(" 7.630") for line in lines)
    assert any(line.startswith("next best ") and "0.226 ms longer, 2 hops fewer" in line for line in lines)
    assert any(line.startswith("w-00-04 ") and "0.2263 ms longer" in line for line in lines)


def test_json_of_a_route_has_the_fields_of_the_contract(run_command):
    arguments = "explain", "walker-144", "Tokyo", "London", "--alternatives", 1, "--json"
    route = json.loads(run_command(*arguments).out)["route"]
    assert list(route) == [
        "policy",
        "reachable",
        "delay_ms",
        "rtt_ms",
        "distance_km",
        "hops",
        "nodes",
        "chord_km",
        "stretch_vacuum",
        "stretch_fibre",
        "geodesic_km",
        "fibre_rtt_ms",
        "split",
        "links",
        "unreachable",
        "alternatives",
        "ends",
    ]
    assert list(route["links"][0]) == [
        "from",
        "to",
        "kind",
        "range_km",
        "delay_ms",
        "share",
        "rate_gbps",
        "serialization_ms",
        "elevation_deg",
        "rule",
        "rule_kind",
        "since_s",
        "until_s",
    ]
    assert [other["kind"] for other in route["alternatives"]] == ["next", "disjoint"]
    assert list(route["alternatives"][0]) == (
        ["kind", "nodes", "delay_ms", "hops", "taken", "longer_by_ms", "more_hops", "shared_links", "why"]
    )
    assert [end["name"] for end in route["ends"]] == ["Tokyo", "London"]
    assert list(route["ends"][0]["satellites"][0]) == (
        [
            "name",
            "used",
            "up",
            "state",
            "reason",
            "elevation_deg",
            "range_km",
            "until_s",
            "delay_ms",
            "longer_by_ms",
        ]
    )


def test_the_route_can_be_asked_for_or_left_out(run_command):
    linked = "explain", "walker-144", "w-00-00", "w-00-01"
    assert json.loads(run_command(*linked, "--json").out)["route"] is None
    assert json.loads(run_command(*linked, "--route", "--json").out)["route"]["hops"] == 1
    by_hops = json.loads(run_command(*linked, "--policy", "fewest-hops", "--json").out)["route"]
    assert by_hops["policy"] == "fewest-hops"
    apart = "explain", "walker-144", "Tokyo", "London", "--no-route"
    assert json.loads(run_command(*apart, "--json").out)["route"] is None
    assert "\nroute " not in run_command(*apart).out


def test_memory_is_told(run_command, tmp_path):
    shell(tmp_path, NEAREST)
    arguments = "explain", "shell.toml", "#0", "#1", "--at", 90
    assert run_command(*arguments).out.endswith("\nlinks with a memory are followed from t = 0 s on\n")
    result = json.loads(run_command(*arguments, "--warm-up", 30, "--json").out)
    assert result["memory"] == {"from_s": 60.0, "warm_up_s": 30.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("w-0-0",), "give the names of two nodes, A and B, or A and --all"),
        (("w-0-0", "w-0-1", "--all"), "give B or --all, not both"),
        (("w-0-0", "--all", "--policy", "fewest-hops"), "a route needs two nodes, A and B, not --all"),
        (("w-0-0", "--all", "--route"), "a route needs two nodes, A and B, not --all"),
        (("w-0-0", "w-0-1", "--policy", "fewest"), 'unknown routing policy "fewest"'),
        (("w-0-0", "w-0-1", "--alternatives", -1), "alternatives must be from 0 to 100 (got -1)"),
        ((), "Missing argument 'A'"),
        (("w-0-0", "w-0-0"), 'a link from "w-0-0" to itself; two nodes are needed'),
        (("Qito", "w-0-0"), 'no node is named "Qito" in topology "mixed"; did you mean "Quito"?'),
        (("Qito", "--all"), 'did you mean "Quito"?'),
        (("#49", "w-0-0"), "there is no row 49"),
        (("w-0-0", "w-0-1", "--at", "inf"), "the instant must be a number of seconds"),
        (("w-0-0", "w-0-1", "--at", "1e12"), "the instant must be within 100 years"),
        (("w-0-0", "w-0-1", "--at", "noon"), "'noon' is not a valid float"),
        (("w-0-0", "w-0-1", "--warm-up", "-3"), "the warm-up must be from 0 to"),
        (("w-0-0", "w-0-1", "--set", "step_s=0"), "step_s"),
    ],
)
def test_mistakes_end_with_code_2_and_a_sentence(run_command, mixed, arguments, words):
    done = run_command("explain", mixed, *arguments)
    assert (done.code, done.out) == (2, ""), arguments
    assert words in done.err and "Traceback" not in done.err


def test_a_topology_that_is_not_there_is_refused(run_command):
    assert run_command("explain", "no-such-topology", "a", "b").code == 2
