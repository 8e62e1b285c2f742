"""`[[faults]]`: what fails and when; `[observe]`: what is looked at more closely."""

import pytest

from lasermesh.scenario import load_experiment
from tests.scenario.scenes import BARE, FLOW, TABLES, problems_of, warnings_of, write

TOP = "duration_s = 10.0\n"
# Rows: w-0-0 .. w-0-7 (0 to 7), a, b (8, 9), Tokyo (10).
SKY = """
[topology]
[topology.terminals.mini]
rate_gbps = 10
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 1
slots = 8
phasing_factor = 0
altitude_km = 1200.0
inclination_deg = 53.0
terminals = [{ type = "mini", count = 2 }, { type = "mini", count = 1, share = 0.5 }]
[[topology.satellites]]
name = "bare"
fixed = ["a", "b"]
[[topology.ground]]
name = "Tokyo"
lat_deg = 35.7
lon_deg = 139.7
[[topology.links]]
rule = "grid"
satellites = "w"
[[flows]]
name = "data"
from = "w-0-0"
to = "w-0-4"
rate_gbps = 0.1
"""
FAULT_LINE = len((TOP + SKY).splitlines()) + 2


def text_of(fault):
    return f"{TOP}{SKY}\n[[faults]]\n{fault}\n"


def fault_of(folder, fault):
    (found,) = load_experiment(write(folder, text_of(fault))).faults
    return found


def test_without_faults_there_are_none(tmp_path):
    assert load_experiment(write(tmp_path, TOP + SKY)).faults == ()


@pytest.mark.parametrize(
    ("nodes", "rows"),
    [
        ('"a"', (8,)),
        ('"#3"', (3,)),
        ('"Tokyo"', (10,)),
        ('["Tokyo", "bare", "a"]', (8, 9, 10)),
        ('"w"', tuple(range(8))),
    ],
)
def test_nodes_are_meant_by_name_and_group(tmp_path, nodes, rows):
    fault = fault_of(tmp_path, f"nodes = {nodes}\nat_s = 5")
    assert (fault.node_rows, fault.link_rows, fault.terminal_rows) == (rows, (), ())
    assert (fault.at_s, fault.repair_s, fault.mtbf_s, fault.mttr_s) == (5.0, None, None, None)


def test_links_and_terminals_of_the_examples_have_their_rows():
    nodes, link, links, terminals = load_experiment(TABLES / "faults.toml").faults
    assert (nodes.node_rows, nodes.at_s, nodes.repair_s) == ((0, *range(3, 11)), 5.0, 6.5)
    assert (link.link_rows, link.both_ways, link.mtbf_s, link.mttr_s) == (((3, 4),), False, 100.0, 2.0)
    assert (links.link_rows, links.both_ways) == (((0, 1), (1, 2)), True)
    assert terminals.terminal_rows == ((3, 0), (4, 1))


def test_all_terminals_of_the_list_can_be_meant(tmp_path):
    fault = fault_of(tmp_path, 'terminals = [["w-0-3", 2], ["w-0-3", 0]]\nat_s = 0')
    assert fault.terminal_rows == ((3, 2), (3, 0))


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("at_s = 1", "faults[0]: must have nodes, link, links or terminals"),
        ('nodes = "a"', "faults[0]: must have at_s, or mtbf_s and mttr_s"),
        (
            'nodes = "a"\nlink = ["a", "b"]\nat_s = 1',
            "faults[0].link: goes with link, not with nodes",
        ),
        (
            'nodes = "a"\nboth_ways = true\nat_s = 1',
            "faults[0].both_ways: goes with link or links, not with nodes",
        ),
        ('nodes = "a"\nat_s = -1', "faults[0].at_s: must be a number from 0 to 9158400 (got -1)"),
        ('nodes = "a"\nrepair_s = 1', "faults[0].repair_s: goes with at_s"),
        ('nodes = "a"\nat_s = 2\nrepair_s = 2', "faults[0].repair_s: must be after at_s, which is 2 (got 2)"),
        ('nodes = "a"\nat_s = 2\nmttr_s = 2', "faults[0].mttr_s: cannot stand beside at_s"),
        ('nodes = "a"\nmttr_s = 2', "faults[0].mtbf_s: missing; it goes together with mttr_s"),
        ('nodes = "a"\nmtbf_s = 2', "faults[0].mttr_s: missing; it goes together with mtbf_s"),
        (
            'nodes = "a"\nmtbf_s = 0\nmttr_s = 1',
            "faults[0].mtbf_s: must be a number of at least 0.001 (got 0)",
        ),
        (
            'nodes = "Tokio"\nat_s = 1',
            'faults[0].nodes: no node or group is named "Tokio" in topology "x"; did you mean "Tokyo"?',
        ),
        (
            'nodes = ["a", "w-0-8"]\nat_s = 1',
            'faults[0].nodes[1]: no node or group is named "w-0-8" in topology "x"; did you mean "w-0-7"?',
        ),
        (
            'link = ["w-0-0", "w-0-8"]\nat_s = 1',
            'faults[0].link: no node is named "w-0-8" in topology "x"; did you mean "w-0-7"?',
        ),
        ('link = ["a", "#8"]\nat_s = 1', 'faults[0].link: leads from "a" to itself; a link needs two nodes'),
        (
            'links = [["a", "b"], ["b", "w"]]\nat_s = 1',
            'faults[0].links[1]: "w" is a group; here the name of one node is wanted',
        ),
        (
            'terminals = [["w-0-0", 3]]\nat_s = 1',
            'faults[0].terminals[0]: there is no terminal 3 on "w-0-0", which has 3, of index 0 to 2',
        ),
        (
            'terminals = [["a", 0]]\nat_s = 1',
            'faults[0].terminals[0]: there is no terminal 0 on "a", which has none',
        ),
        (
            'terminals = [["Tokyo", 0]]\nat_s = 1',
            'faults[0].terminals[0]: "Tokyo" is a ground site; only satellites have terminals',
        ),
        (
            'terminals = [["w-0-00", 0]]\nat_s = 1',
            'faults[0].terminals[0]: no node is named "w-0-00" in topology "x"; did you mean "w-0-0"?',
        ),
    ],
)
def test_what_is_wrong_with_a_fault_is_said(tmp_path, fault, problem):
    (found,) = problems_of(tmp_path, text_of(fault))
    place, said = found.split(": ", 1)
    assert said == problem
    assert FAULT_LINE <= int(place.removeprefix("x.toml:")) <= FAULT_LINE + 3


def test_a_fault_after_the_end_is_warned_of(tmp_path):
    assert warnings_of(tmp_path, text_of('nodes = "a"\nat_s = 10')) == [
        f"x.toml:{FAULT_LINE + 2}: faults[0].at_s: the run ends after 10 s, before this fault"
    ]


def test_faults_can_be_changed_by_an_option(tmp_path):
    path = write(tmp_path, text_of('nodes = "a"\nat_s = 1'))
    (fault,) = load_experiment(path, ["faults[0].at_s=2.5", "faults[0].nodes=b"]).faults
    assert (fault.at_s, fault.node_rows) == (2.5, (9,))


def test_a_topology_has_no_faults(tmp_path):
    text = BARE.replace("[topology]\n", "").replace("topology.", "") + '[[faults]]\nnodes = "a"\nat_s = 1\n'
    (problem,) = problems_of(tmp_path, text)
    assert "x.toml:5: faults: unknown key" in problem


# ------------------------------------------------------------------------------------------------- [observe]

FLOWS = FLOW + FLOW.replace('"data"', '"pairs"').replace(
    'from = "a"\nto = "b"', 'pairs = [["a", "b"], ["b", "c"]]'
)
BULK = FLOW.replace('"data"', '"bulk"') + 'kind = "bulk"\ntotal_bytes = 15000\n'


def observed(folder, observe, flows=FLOWS + BULK):
    return load_experiment(write(folder, f"{TOP}{BARE}{flows}[observe]\n{observe}\n"))


def test_nothing_more_is_observed_unless_asked_for(tmp_path):
    experiment = load_experiment(write(tmp_path, TOP + BARE + FLOWS))
    observe = experiment.observe
    assert (observe.links_every_s, observe.trace_flows, observe.queue_rows) == (None, (), ())
    assert not any(flow.traced for flow in experiment.expanded_flows)


@pytest.mark.parametrize(
    ("wanted", "traced"),
    [
        ('"all"', [True] * 5),
        ('["data"]', [True, False, False, False, False]),
        ('"pairs"', [False, True, True, False, False]),
        ('["pairs/b>c"]', [False, False, True, False, False]),
        ('["bulk"]', [False, False, False, True, True]),
        ('["bulk/ack", "data"]', [True, False, False, False, True]),
    ],
)
def test_flows_are_traced_by_their_name_or_that_of_their_table(tmp_path, wanted, traced):
    experiment = observed(tmp_path, f"trace_flows = {wanted}")
    assert [flow.traced for flow in experiment.expanded_flows] == traced


@pytest.mark.parametrize(
    ("links", "rows"), [('["a", "b"]', ((0, 1),)), ('[["a", "b"], ["c", "#1"]]', ((0, 1), (2, 1)))]
)
def test_queues_are_observed_of_one_link_or_several(tmp_path, links, rows):
    assert observed(tmp_path, f"queue_of = {links}").observe.queue_rows == rows


@pytest.mark.parametrize(
    ("observe", "problem"),
    [
        ("links_every_s = 0", "links_every_s: must be a number from 1e-06 to 9158400 (got 0)"),
        ("flows_every_s = 1e-7", "flows_every_s: must be a number from 1e-06 to 9158400 (got 1e-07)"),
        (
            'trace_flows = "live/a>b"',
            "trace_flows: packets of real programs are not followed; --capture flow:live tells of them",
        ),
        ('trace_flows = "dota"', 'trace_flows: no flow is named "dota"; did you mean "data"?'),
        ('trace_flows = ["data", "pair"]', 'trace_flows[1]: no flow is named "pair"; did you mean "pairs"?'),
        ('queue_of = ["a", "a"]', 'queue_of: leads from "a" to itself; a link needs two nodes'),
        ('queue_of = [["a", "b"], ["a", "d"]]', 'queue_of[1]: no node is named "d" in topology "x"'),
        ('queue_of = ["a"]', 'queue_of: must be a list [from, to], or a list of such lists (got ["a"])'),
        ('queue_of = [["a"]]', 'queue_of[0]: must be a list [from, to] (got ["a"])'),
        ("queue_off = 1", 'queue_off: unknown key; did you mean "queue_of"?'),
    ],
)
def test_what_is_wrong_with_observe_is_said(tmp_path, observe, problem):
    text = f"{TOP}{BARE}{FLOWS}[observe]\n{observe}\n"
    (found,) = problems_of(tmp_path, text)
    assert found == f"x.toml:{len(text.splitlines())}: observe.{problem}"


def test_what_is_observed_can_be_set_by_an_option_alone(tmp_path):
    path = write(tmp_path, TOP + BARE + FLOWS)
    experiment = load_experiment(path, ["observe.links_every_s=0.25", "observe.trace_flows=data"])
    assert experiment.observe.links_every_s == 0.25
    assert [flow.traced for flow in experiment.expanded_flows] == [True, False, False]
