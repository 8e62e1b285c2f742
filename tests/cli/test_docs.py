"""`lasermesh docs` and `lasermesh completion`, and that the documentation tells the truth."""

import json
import re
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.cli.docs import topics

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks_of(topic, language):
    return [body for kind, body in BLOCK.findall(topics()[topic]) if kind == language]


def test_the_list_names_every_topic_with_its_title(run_command):
    lines = run_command("docs").out.splitlines()
    assert [line.split()[0] for line in lines] == list(topics())
    assert {
        "commands",
        "faults",
        "models",
        "install",
        "model",
        "observation",
        "policies",
        "scenario",
        "traffic",
        "updates",
        "workloads",
    } <= set(topics())


def test_a_topic_prints_as_it_is(run_command):
    assert run_command("docs", "model").out == topics()["model"]


def test_an_unknown_topic_is_refused_with_the_nearest_one(run_command):
    done = run_command("docs", "modle")
    assert (done.code, done.out, done.err) == (
        2,
        "",
        'Error: no topic is named "modle"; did you mean "model"?\n',
    )


def test_json_of_the_list_and_of_one_topic(run_command):
    listed = json.loads(run_command("docs", "--json").out)
    assert [item["topic"] for item in listed["topics"]] == list(topics())
    assert json.loads(run_command("docs", "model", "--json").out) == {
        "topic": "model",
        "text": topics()["model"],
    }


AROUND = {
    # What an example that shows some tables alone needs to be a whole file: text before and behind it.
    "faults": (
        """
duration_s = 2.0
[topology]
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 1
slots = 6
phasing_factor = 0
altitude_km = 1400.0
inclination_deg = 60.0
terminals = [{ type = "mini", count = 2 }]
[topology.terminals.mini]
rate_gbps = 1.0
[[topology.links]]
rule = "grid"
offsets = [[0, 1]]
[[flows]]
name = "data"
from = "w-0-0"
to = "w-0-1"
rate_gbps = 0.5
""",
        "",
    ),
    "terminals": (
        "",
        """
[[satellites]]
name = "w"
pattern = "walker-delta"
planes = 3
slots = 12
phasing_factor = 1
altitude_km = 1400.0
inclination_deg = 60.0
terminals = [{ type = "mesh", count = 2 }, { type = "own", count = 2 }]
[[links]]
rule = "nearest"
""",
    ),
}
TOML_EXAMPLES = [
    pytest.param("".join((before, body, behind)), id=f"{topic}-{number}")
    for topic in topics()
    for before, behind in [AROUND.get(topic, ("", ""))]
    for number, body in enumerate(blocks_of(topic, "toml"))
]


@pytest.mark.parametrize("text", TOML_EXAMPLES)
def test_a_file_in_the_documentation_has_no_problems(run_command, tmp_path, text):
    (tmp_path / "example.toml").write_text(text)
    done = run_command("check", "example.toml", "--json")
    assert (done.code, json.loads(done.out)["warnings"]) == (0, []), done.out + done.err


def test_examples_are_found_in_every_topic_on_files():
    found = {example.id.rsplit("-", 1)[0] for example in TOML_EXAMPLES}
    assert found == {
        "bundles",
        "faults",
        "live",
        "models",
        "observation",
        "policies",
        "scenario",
        "terminals",
        "traffic",
        "updates",
        "workloads",
    }


def test_every_key_of_an_experiment_is_named_in_some_topic(run_command):
    """Of a topology too: what `check --describe` lists is what people look for."""
    described = re.findall(r"^  (\w+): ", run_command("check", "--describe").out, re.MULTILINE)
    texts = "\n".join(topics().values())
    assert len(described) > 100
    assert [key for key in dict.fromkeys(described) if not re.search(rf"\b{key}\b", texts)] == []


def test_the_policy_in_the_documentation_works(tmp_path):
    from lasermesh.routing import Snapshot, compute_table, follow, load_policy

    (tmp_path / "my_policies.py").write_text(blocks_of("policies", "python")[0])
    # Three satellites in a row between two sites: by way of b it is shorter, past it there is one hop less.
    names = ("a", "b", "c", "north", "south")
    ends = sorted([(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (0, 3), (3, 0), (2, 4), (4, 2)])
    from_node, to_node = np.array(ends).T
    graph = SimpleNamespace(
        t_s=0.0,
        first=np.searchsorted(from_node, np.arange(6)),
        from_node=from_node,
        to_node=to_node,
        link=np.arange(len(ends)),
        range_m=np.where(abs(from_node - to_node) * (from_node < 3) * (to_node < 3) == 2, 2.1e6, 1e6),
        rate_bps=np.full(len(ends), 10**9),
        kind=((from_node > 2) | (to_node > 2)).astype(np.int8),
    )
    transit = np.array([True, True, True, False, False])
    snapshot = Snapshot.from_graph(graph, names, transit, None, [3], [4], is_ground=~transit)
    table, report = compute_table(load_policy("my_policies.py:few_hops", tmp_path), snapshot)
    assert follow(snapshot, table, 0) == [3, 0, 2, 4]
    assert len(report.dead_end_flows) == len(report.looping_flows) == 0
    shortest, _ = compute_table("shortest-delay", snapshot)
    assert follow(snapshot, shortest, 0) == [3, 0, 1, 2, 4]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(run_command, shell):
    done = run_command("completion", shell)
    assert done.code == 0
    assert "_LASERMESH_COMPLETE" in done.out
    assert json.loads(run_command("completion", shell, "--json").out) == {"shell": shell, "script": done.out}


def test_an_unknown_shell_is_refused_with_those_there_are(run_command):
    done = run_command("completion", "tcsh")
    assert done.code == 2
    assert "'bash', 'zsh', 'fish'" in done.err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("lasermesh to", "topologies"),
        ("lasermesh topologies walk", "walker-144"),
        ("lasermesh docs pol", "policies"),
    ],
)
def test_the_shell_is_offered_commands_shipped_names_and_topics(typed, offered):
    import os
    import sys

    environment = os.environ | {
        "_LASERMESH_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "lasermesh"], env=environment, capture_output=True, text=True, check=True
    )
    assert f"plain,{offered}" in done.stdout.splitlines()
