"""Experiments over a contact plan alone: its nodes, its time, and what is said where it is taken wrongly."""

import datetime

import pytest

from lasermesh.scenario import load_topology
from lasermesh.scenario.plan_loading import load_plan
from tests.scenario.scenes import FLOW, GRID, ONE_GROUP, problems_of, warnings_of, write

ION = (
    "a range +0 +60 30 4 1\na contact +0 +60 30 4 1000\na contact +0 +60 4 200 1000\na range +0 +60 4 200 1\n"
)
NAMED = "from,to,start_s,stop_s,rate_bps,owlt_s\nprobe,relay,0,9,8,1\nrelay,home,0,9,8,1\n"


def scene(plan, more=""):
    return f"""
[[satellites]]
name = "nodes"
fixed = "{plan}"
{more}
[[links]]
rule = "plan"
plan = "{plan}"
"""


@pytest.mark.parametrize("content", [ION, NAMED, NAMED.replace("relay", "7")])
def test_nodes_are_those_that_the_plan_has_by_itself(tmp_path, content):
    write(tmp_path, content, "p")
    topology = load_topology(write(tmp_path, scene("p")))
    plan = load_plan(tmp_path / "p")
    assert topology.node_names == plan.names
    assert topology.ipn_numbers.tolist() == plan.numbers.tolist()
    (rule,) = topology.links
    ends = [(contact.from_name, contact.to_name) for contact in rule.plan_contacts]
    assert sorted(ends) == sorted(
        (plan.names[a], plan.names[b]) for a, b in zip(plan.from_row, plan.to_row, strict=True)
    )
    assert topology.to_dict()["satellites"][0]["fixed"] == "p"


def test_shipped_plans_are_found_by_name(tmp_path):
    topology = load_topology(write(tmp_path, scene("tutorial")))
    assert topology.node_names == ("1", "2", "3", "4", "5")
    assert len(topology.links[0].plan_contacts) == 16
    assert problems_of(tmp_path, scene("tutoral")) == [
        'x.toml:4: satellites[0].fixed: no contact plan is named "tutoral"; did you mean "tutorial"?',
        'x.toml:8: links[0].plan: no contact plan is named "tutoral"; did you mean "tutorial"?',
    ]


def test_names_of_a_plan_are_numbered_with_their_topology(tmp_path):
    write(tmp_path, NAMED, "p")
    topology = load_topology(write(tmp_path, ONE_GROUP + scene("p")))
    assert topology.ipn_numbers.tolist() == list(range(1, 28))
    topology = load_topology(write(tmp_path, ONE_GROUP + scene("p", "ipn_first = 100\nprefix = false")))
    assert topology.ipn_numbers[-3:].tolist() == [100, 101, 102]


def test_numbers_of_a_plan_are_no_others(tmp_path):
    write(tmp_path, ION, "p")
    assert problems_of(tmp_path, ONE_GROUP + scene("p")) == [
        'x.toml:13: satellites[1].fixed: "w" and "nodes" both have a node of number 4'
    ]
    assert problems_of(tmp_path, scene("p", "ipn_first = 9")) == [
        'x.toml:5: satellites[0].ipn_first: cannot stand beside the ipn numbers that the plan "p" gives'
    ]


def test_what_is_wrong_with_a_plan_is_said_once(tmp_path):
    write(tmp_path, ION + "a contact +9 +5 30 4 1000\na contct +0 +1 4 5 1\n", "p")
    assert problems_of(tmp_path, f"duration_s = 1\n[topology]\n{_within(scene('p'))}{FLOW}") == [
        "p:5: stop: must be after start, which is 9 (got 5)",
        'p:6: "a" must be followed by contact or range',
    ]


def test_time_counts_from_what_the_plan_says(tmp_path):
    write(tmp_path, ION.replace("+0", "2031/05/01-00:00:00"), "p")
    topology = load_topology(write(tmp_path, scene("p")))
    assert topology.epoch == datetime.datetime(2031, 5, 1, tzinfo=datetime.UTC)
    assert topology.links[0].plan_contacts[0].start_s == 0.0
    assert warnings_of(tmp_path, scene("p")) == [
        "p: t = 0 is 2031-05-01T00:00:00Z, the first absolute time in the file"
    ]
    given = load_topology(write(tmp_path, "epoch = 2031-04-30T23:59:50Z\n" + scene("p")))
    assert given.links[0].plan_contacts[0].start_s == 10.0
    assert given.warnings == ()


def test_a_missing_node_is_told_of_once_with_how_often_it_is_named(tmp_path):
    write(tmp_path, ION, "p")
    nodes = 'fixed = ["30", "4"]'
    assert problems_of(tmp_path, scene("p").replace('fixed = "p"', nodes)) == [
        "p:3: to: no node has the ipn number 200; named once more below"
    ]
    write(tmp_path, NAMED + "probe,hom,0,1,8,1\nhom,relay,0,1,8,1\nhom,probe,0,1,8,1\n", "p")
    nodes = 'fixed = ["probe", "relay", "home"]'
    assert problems_of(tmp_path, scene("p").replace('fixed = "p"', nodes)) == [
        'p:4: to: no node is named "hom" in topology "x"; did you mean "home"?; named 2 times more below'
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tutorial", None),
        ("my.ionrc", ION),
        ("plan.csv", NAMED),
        ("plan", '\n{"contacts": [{"source": 1, "dest": 2}]}'),
        ("plan", "[\n" + '{"from": "a"}]'),
        ("plan", "node 0 a\n"),
        ("plan", b"PAR1\0"),
    ],
)
def test_a_contact_plan_in_place_of_a_topology_is_told_how_to_be_used(tmp_path, monkeypatch, name, content):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        write(tmp_path, content, name)
    (problem,) = problems_of(tmp_path, f'duration_s = 1\ntopology = "{name}"\n{FLOW}')
    assert problem.startswith(f'x.toml:2: topology: "{name}" is a contact plan; an experiment over it has ')
    assert f'{{ satellites = [{{ name = "nodes", fixed = "{name}" }}], links = [{{ rule = "plan", ' in problem


def test_what_is_told_of_a_plan_does(tmp_path):
    (problem,) = problems_of(tmp_path, f'duration_s = 1\ntopology = "tutorial"\n{FLOW}')
    topology = problem[problem.index("topology = ") : problem.index(" (see")]
    flow = FLOW.replace('"a"', '"1"').replace('"b"', '"2"')
    assert problems_of(tmp_path, f"duration_s = 1\n{topology}\n{flow}") == []


def test_a_scenario_with_lines_of_a_plan_in_a_text_is_none(tmp_path):
    text = f'#{{"contacts"\nname = """\na contact +0 +1 1 2 3"""\n{ONE_GROUP}{GRID}'
    assert [problem for problem in problems_of(tmp_path, text) if "contact plan" in problem] == []


def test_keys_of_groups_are_shown_their_table(tmp_path):
    text = 'duration_s = 1\n[topology]\n[[topology.fixed]]\nname = "a"\n' + FLOW
    assert problems_of(tmp_path, text) == [
        'x.toml:3: topology.fixed: unknown key; "fixed" is a key of [[topology.satellites]]'
    ]
    assert problems_of(tmp_path, 'rule = "grid"\n' + ONE_GROUP) == [
        'x.toml:1: rule: unknown key; "rule" is a key of [[links]]'
    ]


def _within(text):
    """A topology's tables below `[topology]`."""
    return text.replace("[[", "[[topology.")
