"""`--set PATH=VALUE`: which value it reaches, and that it is checked like the file."""

import pytest

from lasermesh.scenario import load_experiment, load_topology
from tests.scenario.scenes import TABLES, check_file, problems_of, write


def experiment_with(*sets, file="flows.toml"):
    return load_experiment(TABLES / file, sets)


def problems_with(*sets, file="flows.toml"):
    return [str(problem) for problem in check_file(TABLES / file, sets)[0]]


def test_each_form_of_the_design_reaches_its_value():
    experiment = experiment_with(
        "routing.policy=fewest-hops",
        "topology.step_s=0.1",
        "flows.constant.rate_gbps=5",
        "flows[1].rate_gbps=6",
    )
    assert experiment.routing.policy == "fewest-hops"
    assert experiment.topology.step_s == 0.1
    assert [flow.rate_gbps for flow in experiment.expanded_flows[:3]] == [5.0, 6.0, 6.0]


@pytest.mark.parametrize("path", ["links[1].mask_deg", "topology.links[1].mask_deg"])
def test_a_topology_takes_the_options_of_its_experiments(path):
    assert load_topology(TABLES / "links.toml", [f"{path}=10"]).links[1].mask_deg == 10.0


def test_a_topology_in_the_same_file_is_reached_too(tmp_path):
    text = 'duration_s = 1\n[topology]\n[[topology.satellites]]\nname = "g"\nfixed = ["a", "b"]\n'
    flow = '[[flows]]\nname = "f"\nfrom = "a"\nto = "b"\nrate_gbps = 1\n'
    experiment = load_experiment(write(tmp_path, text + flow), ["topology.step_s=0.5"])
    assert experiment.topology.step_s == 0.5


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("name=two words", "two words"),
        ("name='quoted'", "quoted"),
        ('name="a\\u0062c"', "abc"),
        ("name=a=b", "a=b"),
        (" name = spaced ", "spaced"),
        ("name=x # y", "x # y"),
    ],
)
def test_text_needs_no_quotes(option, expected):
    assert experiment_with(option).name == expected


def test_values_are_those_of_toml():
    experiment = experiment_with(
        "packets.queue_bytes=15_000_000",
        "flows.poisson.packet_mix=[[40, 1], [50, 2]]",
        'flows.poisson.pairs=[["c", "a"]]',
        "routing.options.paths=4",
        "seed=0x10",
    )
    assert experiment.packets.queue_bytes == 15_000_000
    assert experiment.flows[1].packet_mix == ((40, 1), (50, 2))
    assert experiment.expanded_flows[1].from_name == "c"
    assert experiment.routing.options == {"paths": 4}
    assert experiment.seed == 16


def test_names_with_dots_go_in_quotes(tmp_path):
    text = (TABLES / "flows.toml").read_text().replace('"constant"\nkind', '"v1.5"\nkind')
    for file in ("nodes.toml", "plan.csv", "pairs.csv"):
        write(tmp_path, (TABLES / file).read_bytes(), file)
    experiment = load_experiment(write(tmp_path, text), ['flows."v1.5".rate_gbps=3'])
    assert experiment.expanded_flows[0].rate_gbps == 3.0


def test_the_last_of_two_options_counts():
    assert experiment_with("seed=1", "seed=2").seed == 2


def test_a_whole_table_or_item_may_be_replaced():
    assert experiment_with("routing={policy='x'}").routing.policy == "x"
    pair = 'flows[1].pairs[0]=["c", "b"]'
    assert experiment_with(pair).expanded_flows[1].name == "poisson/c>b"


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("duration_s=-1", "duration_s: must be a number above 0 and at most 9158400 (got -1)"),
        ("duration_s=10x", 'duration_s: must be a number above 0 and at most 9158400 (got "10x")'),
        ("routing.polcy=x", 'routing.polcy: unknown key; did you mean "policy"?'),
        ("flows.constant.rate_mbps=5", "flows[0].rate_mbps: write rate_gbps = 0.005"),
        ("flows[1].pairs[1]=['x', 'a']", 'flows[1].pairs[1]: no node is named "x" in topology "nodes"'),
        ("topology.step_s=0", "step_s: must be a number from 1e-06 to 86400 (got 0)"),
        ("flows.constnt.rate_gbps=5", 'there is no "constnt" in flows; did you mean "constant"?'),
        ("flows[7].rate_gbps=5", "there is no 7 in flows"),
        ("flws[0].rate_gbps=5", 'there is no "flws"; did you mean "flows"?'),
        ("duration_s.x=5", 'there is no "x" in duration_s'),
        ("duration_s[0]=5", "there is no 0 in duration_s"),
        ("seed", "must be PATH=VALUE, as routing.interval_s=2 or links[1].mask_deg=10"),
        ("=5", "must be PATH=VALUE, as routing.interval_s=2 or links[1].mask_deg=10"),
        ("a..b=5", "must be PATH=VALUE, as routing.interval_s=2 or links[1].mask_deg=10"),
        ("a.=5", "must be PATH=VALUE, as routing.interval_s=2 or links[1].mask_deg=10"),
        ("[0]x=5", "must be PATH=VALUE, as routing.interval_s=2 or links[1].mask_deg=10"),
    ],
)
def test_what_is_wrong_with_an_option_names_it(option, problem):
    assert problems_with(option) == [f"--set {option}: {problem}"]


@pytest.mark.parametrize(("option", "key"), [("flows.f.to=a", "to"), ("flows[0].from=b", "from")])
def test_ends_that_an_option_made_the_same_are_the_options_fault(tmp_path, option, key):
    text = 'duration_s = 1\n[topology]\n[[topology.satellites]]\nname = "g"\nfixed = ["a", "b"]\n'
    flow = '[[flows]]\nname = "f"\nfrom = "a"\nto = "b"\nrate_gbps = 1\n'
    (problem,) = problems_of(tmp_path, text + flow, [option])
    assert problem.startswith(f"--set {option}: flows[0].{key}: leads from ")


def test_no_terminal_is_made_by_a_slip():
    assert problems_with("terminals.mni.rate_gbps=1", file="terminals.toml") == [
        '--set terminals.mni.rate_gbps=1: there is no "mni" in terminals; did you mean "mini"?'
    ]


def test_options_come_before_files_in_the_list(tmp_path):
    problems = problems_of(tmp_path, "step_s = -1\n[[satellites]]\nname='g'\nfixed=['a']\n", ["seed=-1"])
    assert [problem.split(":")[0] for problem in problems] == ["--set seed=-1", "x.toml"]


def test_a_missing_key_in_a_replaced_table_is_the_options_fault():
    assert problems_with('flows[0]={name="f", from="a", rate_gbps=1}') == [
        '--set flows[0]={name="f", from="a", rate_gbps=1}: flows[0].to: missing; '
        "must be the name of a node in quotes"
    ]
