"""The top level of experiments, their routing, packets and flows."""

import json
import shutil

import pytest

from lasermesh.scenario import Experiment, ScenarioError, Topology, load, load_experiment, load_topology
from tests.scenario.scenes import BARE, FLOW, TABLES, problems_of, warnings_of, write

TOP = "duration_s = 10.0\n"
PAIRS = '[[flows]]\nname = "p"\nrate_gbps = 1\npairs = {}\n'


def flows_of(folder, text):
    return load_experiment(write(folder, text)).expanded_flows


def test_defaults_are_those_of_the_design(tmp_path):
    experiment = load_experiment(write(tmp_path, TOP + BARE + FLOW, "small.toml"))
    assert (experiment.name, experiment.start_s, experiment.seed) == ("small", 0.0, 0)
    assert experiment.fidelity == "packet"
    assert (experiment.routing.policy, experiment.routing.interval_s) == ("shortest-delay", None)
    assert experiment.routing.options == {}
    packets = experiment.packets
    assert (packets.queue_packets, packets.queue_bytes, packets.framing_bytes) == (None, None, 0)
    assert (packets.hop_limit, packets.on_link_down, packets.scale) == (64, "drop", 1.0)
    (flow,) = experiment.expanded_flows
    assert (flow.name, flow.kind, flow.packet_mix) == ("data", "constant", ((1500, 1),))
    assert (flow.start_s, flow.stop_s, flow.phase_s, flow.class_) == (0.0, 10.0, None, 0)


def test_a_topology_may_stand_in_the_same_file(tmp_path):
    experiment = load_experiment(write(tmp_path, TOP + BARE + FLOW))
    assert experiment.topology.node_names == ("a", "b", "c")
    assert experiment.topology.name == "x"


def test_a_topology_is_named_by_its_file(tmp_path):
    experiment = load_experiment(TABLES / "experiment.toml")
    assert experiment.topology.name == "nodes"
    assert experiment.topology.file == TABLES / "nodes.toml"


@pytest.mark.parametrize(
    "name", ["nodes", "nodes.toml", "./nodes", "sub/../nodes.toml", "nowhere", "../x/nodes"]
)
def test_names_are_looked_up_beside_the_file_and_paths_are_relative_to_it(tmp_path, name):
    folder = tmp_path / "x"
    shutil.copytree(TABLES, folder)
    (folder / "sub").mkdir()
    problems = problems_of(folder, f'topology = "{name}"\n' + TOP + FLOW)
    right = name in ("nodes", "nodes.toml", "sub/../nodes.toml")
    assert len(problems) == (0 if right else 1)


def test_shipped_topologies_are_found_by_name(tmp_path):
    text = 'topology = "walker-144"\n' + TOP + FLOW.replace('"a"', '"Tokyo"').replace('"b"', '"London"')
    assert load_experiment(write(tmp_path, text)).topology.satellites[0].size == 144
    assert problems_of(tmp_path, text.replace("walker-144", "walker-145")) == [
        'x.toml:1: topology: no topology is named "walker-145"; did you mean "walker-144"?'
    ]


def test_a_file_beside_comes_before_a_shipped_one(tmp_path):
    write(tmp_path, BARE.replace("[topology]\n", "").replace("topology.", ""), "walker-144.toml")
    assert (
        len(load_experiment(write(tmp_path, 'topology = "walker-144"\n' + TOP + FLOW)).topology.node_names)
        == 3
    )


def test_load_tells_experiments_from_topologies():
    assert isinstance(load(TABLES / "flows.toml"), Experiment)
    assert isinstance(load(TABLES / "links.toml"), Topology)
    with pytest.raises(ScenarioError, match="holds a topology, but an experiment is wanted"):
        load_experiment(TABLES / "links.toml")


def test_an_experiment_in_place_of_its_topology_is_said_so(tmp_path):
    write(tmp_path, TOP + BARE + FLOW, "other.toml")
    assert problems_of(tmp_path, 'topology = "other"\n' + TOP + FLOW) == [
        'x.toml:1: topology: "other" holds an experiment, but a topology is wanted'
    ]


def test_where_a_topology_is_wanted_an_experiment_gives_its_own(tmp_path):
    one_file = write(tmp_path, TOP + BARE + FLOW, "one.toml")
    topology = load_topology(one_file, ["topology.step_s=0.5"])
    assert (topology.name, topology.step_s, topology.file) == ("one", 0.5, one_file)
    assert topology.node_names == ("a", "b", "c")
    assert list(topology.files) == [str(one_file)]
    assert load_topology(TABLES / "flows.toml").file == TABLES / "nodes.toml"
    assert load_topology("cities").name == load_experiment("cities").topology.name


def test_the_experiment_that_gives_the_topology_is_checked_too(tmp_path):
    path = write(tmp_path, TOP + BARE + FLOW)
    with pytest.raises(ScenarioError, match="step_s: unknown key"):
        load_topology(path, ["step_s=0.5"])


def test_the_resolved_experiment_is_json_ready():
    resolved = load_experiment(TABLES / "flows.toml").to_dict()
    assert json.loads(json.dumps(resolved, allow_nan=False)) == resolved
    assert resolved["flows"][0]["from"] == "a"
    assert resolved["flows"][2]["pairs"][0] == {"from": "a", "to": "b", "rate_gbps": 0.5}
    assert resolved["topology"]["satellites"][0]["fixed"] == ["a", "b", "c"]
    assert len(resolved["files"]) == 4


@pytest.mark.parametrize("name", ["kinds", "queues", "faults", "observe", "packets", "work"])
def test_every_table_of_the_resolved_experiment_is_json_ready(name):
    experiment = load_experiment(TABLES / f"{name}.toml")
    resolved = experiment.to_dict()
    assert json.loads(json.dumps(resolved, allow_nan=False)) == resolved
    assert {"queues", "flows", "faults", "observe"} <= resolved.keys()
    assert not {"node_rows", "from_rows", "trace_packets"} & set(json.dumps(resolved).split('"'))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BARE + FLOW, "x.toml: duration_s: missing; must be a number above 0 and at most 9158400"),
        (
            "duration_s = 0\n" + BARE + FLOW,
            "duration_s: must be a number above 0 and at most 9158400 (got 0)",
        ),
        (
            "duration_s = 9158401\n" + BARE + FLOW,
            "duration_s: must be a number above 0 and at most 9158400 (got",
        ),
        (
            "start_s = 9_158_391\n" + TOP + BARE + FLOW,
            "duration_s: start_s + duration_s must be at most 9158400, which is 106 days",
        ),
        (TOP + FLOW, "x.toml: topology: missing; must be the name of a topology or a table"),
        (TOP + BARE, "x.toml: flows: missing; an experiment has at least one [[flows]] or"),
        ("flows = []\n" + TOP + BARE, "x.toml:1: flows: must have at least one [[flows]]"),
        ("workloads = []\n" + TOP + BARE + FLOW, "x.toml:1: workloads: must have at least one [[workloads]]"),
        (TOP + BARE + FLOW + "[topology.compute.gpu]\n", "topology.compute: unknown key; the keys here"),
        ("routing = 5\n" + TOP + BARE + FLOW, "routing: must be a table (got 5)"),
        (
            "[routing]\npolicy = ''\n" + BARE + FLOW,
            "routing.policy: must be the name of a policy, or file.py",
        ),
    ],
)
def test_what_is_wrong_at_the_top_is_said(tmp_path, text, problem):
    assert any(problem in each for each in problems_of(tmp_path, text))


@pytest.mark.parametrize(
    ("step_s", "interval_s", "good"),
    [
        (1.0, 1.0, True),
        (1.0, 5, True),
        (0.1, 0.3, True),
        (0.01, 0.1, True),
        (0.1, 4321.7, True),
        (1e-3, 9_000_000.0, True),
        (1.0, 0.5, False),
        (1.0, 1.5, False),
        (0.1, 0.15, False),
        (0.3, 1.0, False),
        (1.0, 1.0001, False),
    ],
)
def test_a_routing_interval_is_a_whole_number_of_steps(tmp_path, step_s, interval_s, good):
    topology = BARE.replace("[topology]\n", f"[topology]\nstep_s = {step_s}\n")
    text = f"{TOP}routing.interval_s = {interval_s}\n{topology}{FLOW}"
    wrong = f"must be a whole number of the topology's steps of {step_s:g} s (got {interval_s:g})"
    assert problems_of(tmp_path, text) == ([] if good else [f"x.toml:2: routing.interval_s: {wrong}"])


def test_a_time_to_notice_goes_with_fast_reroute_alone(tmp_path):
    wrong = (
        "x.toml:2: routing.alternate_after_s: goes with fast_reroute = true, not with fast_reroute = false"
    )
    assert problems_of(tmp_path, f"{TOP}routing.alternate_after_s = 0.1\n{BARE}{FLOW}") == [wrong]
    (problem,) = problems_of(
        tmp_path, f"{TOP}routing = {{fast_reroute = true, alternate_after_s = -1}}\n{BARE}{FLOW}"
    )
    assert "routing.alternate_after_s: must be" in problem and "got -1" in problem


def test_options_of_a_policy_are_passed_on():
    assert load_experiment(TABLES / "routing.toml").routing.options == {"paths": 3}


def test_there_is_one_row_for_each_pair():
    flows = load_experiment(TABLES / "flows.toml").expanded_flows
    assert [flow.name for flow in flows] == [
        "constant",
        "poisson/a>b",
        "poisson/b>c",
        "file/a>b",
        "file/b>c",
    ]
    assert (flows[0].to_name, flows[0].to_row) == ("c", 2)
    assert [flow.rate_gbps for flow in flows] == [0.1, 0.2, 0.2, 0.5, 0.3]
    assert flows[0].packet_mix == ((1200, 1),)
    assert flows[1].packet_mix == ((40, 7), (1500, 1))
    assert (flows[0].start_s, flows[0].stop_s, flows[0].phase_s) == (1.0, 50.0, 0.001)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('to = "b"', 'to = "a"'), '9: flows[0].to: leads from "a" to itself; a flow needs two nodes'),
        (('to = "b"', 'to = "#0"'), '9: flows[0].to: leads from "a" to itself; a flow needs two nodes'),
        (('to = "b"', 'to = "#3"'), "9: flows[0].to: there is no row 3; rows go from 0 to 2"),
        (
            ('to = "b"', 'to = "bare"'),
            '9: flows[0].to: "bare" is a group; here the name of one node is wanted',
        ),
        (('to = "b"', 'to = "B"'), 'flows[0].to: no node is named "B" in topology "x"; did you mean "b"?'),
        (('to = "b"', ""), "6: flows[0].to: missing; must be the name of a node in quotes"),
        (('to = "b"', 'to = "b"\nclass = 8'), "10: flows[0].class: must be an integer from 0 to 7 (got 8)"),
        (
            ('to = "b"', 'to = "b"\npairs = [["a", "b"]]'),
            "flows[0].from: goes with a single pair, not with pairs",
        ),
        (("rate_gbps = 0.1", ""), "6: flows[0].rate_gbps: missing; it is the rate of each flow, in Gbps"),
        (
            ("rate_gbps = 0.1", "rate_gbps = 0"),
            "10: flows[0].rate_gbps: must be a number from 1e-06 to 1000000 (got",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = -1"),
            "10: flows[0].rate_gbps: must be a number from 1e-06 to 1000000 (",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\npacket_bytes = 10"),
            "11: flows[0].packet_bytes: must be an integer from 28 to 65535 (got 10)",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\npacket_bytes = 65_536"),
            "11: flows[0].packet_bytes: must be an integer from 28 to 65535 (got 65536)",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\npacket_bytes = 100\npacket_mix = [[40, 1]]"),
            "12: flows[0].packet_mix: cannot stand beside packet_bytes",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\npacket_mix = [[40, 1],\n[27, 1]]"),
            "12: flows[0].packet_mix[1][0]: must be an integer from 28 to 65535 (got 27)",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\npacket_mix = [[40, 0.5]]"),
            "11: flows[0].packet_mix[0][1]: must be an integer from 1 to 1000000 (got 0.5)",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\npacket_mix = []"),
            "flows[0].packet_mix: must be a list, each item",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\nstart_s = 5\nstop_s = 2"),
            "12: flows[0].stop_s: must be after start_s, which is 5 (got 2)",
        ),
        (
            ("rate_gbps = 0.1", "rate_gbps = 1\nstop_s = 0"),
            "flows[0].stop_s: must be after start_s, which is 0",
        ),
        (('name = "data"', ""), "6: flows[0].name: missing; must be a name in quotes"),
    ],
)
def test_what_is_wrong_with_a_flow_is_said(tmp_path, change, problem):
    text = f"{TOP}{BARE.strip()}{FLOW}".replace(*change)
    problems = problems_of(tmp_path, text)
    assert any(problem in each for each in problems), problems


def test_a_flow_without_ends_is_refused(tmp_path):
    assert problems_of(tmp_path, TOP + BARE + '[[flows]]\nname = "f"\nrate_gbps = 1\n') == [
        "x.toml:7: flows[0]: must have from and to, or pairs, or matrix"
    ]


def test_two_flows_of_one_name_are_refused_with_both_places(tmp_path):
    assert problems_of(tmp_path, TOP + BARE + FLOW + FLOW) == [
        'x.toml:15: flows[1].name: "data" is already the name of the flow at flows[0].name (x.toml:9)'
    ]


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ("[]", "flows[0].pairs: must be a list, each item a list [from, to], and not empty"),
        ('["a"]', 'flows[0].pairs[0]: must be a list [from, to] (got "a")'),
        ('[["a", "b"],\n["a"]]', 'x.toml:11: flows[0].pairs[1]: must be a list [from, to] (got ["a"])'),
        ('[["a", 5]]', "flows[0].pairs[0][1]: must be the name of a node in quotes (got 5)"),
        ('[["a", "b"],\n["c", "c"]]', 'x.toml:11: flows[0].pairs[1]: leads from "c" to itself'),
        (
            '[["a", "b"],\n["a", "b"]]',
            'x.toml:11: flows[0].pairs[1]: "p/a>b" is already the name of the flow at '
            "flows[0].pairs[0] (x.toml:10)",
        ),
        ('"none.csv"', 'flows[0].pairs: there is no file "none.csv"'),
    ],
)
def test_what_is_wrong_with_pairs_is_said(tmp_path, pairs, problem):
    problems = problems_of(tmp_path, TOP + BARE + PAIRS.format(pairs))
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("from,to\na,b\nb,d\n", 'p.csv:3: to: no node is named "d" in topology "x"'),
        ("from,to\na,b\nb,b\n", 'p.csv:3: leads from "b" to itself; a flow needs two nodes'),
        (
            "from,to,rate_gbps\na,b,0\n",
            "p.csv:2: rate_gbps: must be a number from 1e-06 to 1000000 (got 0.0)",
        ),
        ("from,two\na,b\n", 'p.csv:1: there is no column "to"; did you mean "two"?'),
        ("from,to\na,b\na,b\n", 'p.csv:3: "p/a>b" is already the name of the flow at p.csv:2'),
    ],
)
def test_what_is_wrong_with_a_file_of_pairs_is_said(tmp_path, text, problem):
    write(tmp_path, text, "p.csv")
    assert problems_of(tmp_path, TOP + BARE + PAIRS.format('"p.csv"')) == [problem]


def test_a_file_of_pairs_may_give_every_rate(tmp_path):
    text = TOP + BARE + PAIRS.format('"p.csv"').replace("rate_gbps = 1\n", "")
    write(tmp_path, "from,to,rate_gbps\na,b,2\nb,c,3\n", "p.csv")
    assert [flow.rate_gbps for flow in flows_of(tmp_path, text)] == [2.0, 3.0]
    write(tmp_path, "from,to,rate_gbps\na,b,2\nb,c,\n", "p.csv")
    assert problems_of(tmp_path, text) == [
        "x.toml:7: flows[0].rate_gbps: missing; it is the rate of each flow, in Gbps"
    ]


def test_thousands_of_wrong_names_get_a_few_suggestions(tmp_path):
    pairs = [["a", f"bb{number}"] for number in range(1000)]
    problems = problems_of(tmp_path, TOP + BARE + PAIRS.format(pairs))
    assert len(problems) == 1000
    assert sum("did you mean" in problem for problem in problems) <= 20


def test_a_flow_that_starts_after_the_end_is_warned_of(tmp_path):
    assert "x.toml:13: flows[0].start_s: the run ends after 10 s, before this flow starts" in (
        warnings_of(tmp_path, TOP + BARE + FLOW + "start_s = 10\n")
    )


def test_all_files_of_an_experiment_are_checked_at_once(tmp_path):
    write(tmp_path, "[[satellites]]\nname = 'g'\nelements = 'x.tle'\n[[links]]\nrule = 'grd'\n", "t.toml")
    write(tmp_path, "nonsense\n", "x.tle")
    write(tmp_path, "from,to\na\n", "p.csv")
    problems = problems_of(tmp_path, "topology = 't'\nduration = 1\n" + PAIRS.format('"p.csv"'))
    assert [problem.split(": ")[0] for problem in problems] == [
        "x.toml:2",
        "t.toml",
        "t.toml:5",
        "x.tle",
        "p.csv:2",
    ]


def test_a_file_of_pairs_with_rates_in_another_unit_is_refused(tmp_path):
    write(tmp_path, "from,to,rate_mbps\na,b,5\n", "p.csv")
    flow = FLOW.replace('from = "a"\nto = "b"', 'pairs = "p.csv"')
    assert problems_of(tmp_path, TOP + BARE + flow) == ["p.csv:1: rate_mbps: write rate_gbps, in gbps"]
