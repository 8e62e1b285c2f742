"""`lasermesh check-policy`, `lasermesh policies` and --option as one types them."""

import json

import pytest

from tests.experiments.worlds import write_moving
from tests.routing.test_policies import TEN_LINES

LOSES_ITS_WAY = """
import numpy as np
from lasermesh.routing import Option, declare


@declare(complete=True, source="a mistake", options={"k": Option(int, 2, "how many", 1, 8)})
def mine(snapshot):
    \"\"\"Knows no way.\"\"\"
    return np.full((snapshot.n_nodes, len(snapshot.destinations)), -1)
"""


@pytest.fixture
def plug_in(tmp_path):
    """`plug_in(text)` writes policy.py into the folder where commands are started."""

    def write(text):
        (tmp_path / "policy.py").write_text(text)
        return "policy.py:mine"

    return write


def test_a_policy_of_ones_own_is_tried_out(run_command, plug_in, tmp_path):
    write_moving(tmp_path)
    asked = ("check-policy", plug_in(TEN_LINES), "fewest-hops", "--topology", "moving.toml")
    done = run_command(*asked, "--json")
    result = json.loads(done.out)
    assert (done.code, done.err, result["conforms"]) == (0, "", True)
    assert (result["seed"], result["topologies"], result["cases"]) == (0, ["moving.toml"], 21)
    mine, fewest = result["policies"]
    assert (mine["policy"], fewest["policy"]) == ("policy.py:mine", "fewest-hops")
    assert mine["stretch"]["max"] == pytest.approx(1.0, abs=1e-12)
    assert fewest["stretch"]["max"] > 1.0
    assert mine["reachable_pairs"] == fewest["reachable_pairs"] == result["pairs_compared"]


def test_a_policy_that_does_not_conform_ends_with_code_1_and_says_where(run_command, plug_in):
    done = run_command("check-policy", plug_in(LOSES_ITS_WAY), "--option", "k=3", "--seed", "2")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[0] == "policy.py:mine: DOES NOT CONFORM"
    assert lines[1].split() == ["table", "pass", "65", "tables"]
    assert lines[3].startswith(
        "  complete      fail          two nodes 1, t = 0 s: is declared complete, but"
    )
    assert lines[-3] == "Stretch over the shortest delay, of the 0 pairs that it delivers:"
    assert lines[-1].split()[:4] == ["policy.py:mine", "-", "-", "-"]


def test_a_policy_that_takes_too_long_is_told_where_its_time_is_set(run_command, plug_in):
    policy = plug_in("def mine(snapshot):\n    while True:\n        pass\n")
    done = run_command("check-policy", policy, "--time-limit", "0.15")
    assert done.code == 1
    assert "took longer than 0.15 s; --time-limit says how long it may take" in done.out
    slowest_ms = done.out.split()[-2]
    assert done.out.split()[-1] == "ms" and slowest_ms.isdecimal() and int(slowest_ms) >= 150


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'POLICY...'"),
        (("shortest",), 'unknown routing policy "shortest"; did you mean'),
        (("no.py:f",), "there is no file no.py"),
        (("shortest-delay", "--option", "k=3"), "k: unknown key; the policy shortest-delay has no options"),
        (("shortest-delay", "fewest-hops", "--option", "k=3"), "--option goes with one POLICY"),
        (("shortest-delay", "--option", "k"), 'must be KEY=VALUE (got "k")'),
        (("shortest-delay", "--option", "k=1", "--option", "k=2"), "k is given twice"),
        (("shortest-delay", "--topology", "walker-145"), "walker-145"),
        (("shortest-delay", "--time-limit", "0"), "0"),
        (("shortest-delay", "--seed", "-1"), "-1"),
    ],
)
def test_bad_usage_is_a_sentence_and_code_2(run_command, arguments, words):
    done = run_command("check-policy", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and "Traceback" not in done.err


def test_an_option_reaches_the_policy_of_a_path(run_command, plug_in):
    text = LOSES_ITS_WAY.replace(
        "return np", 'assert snapshot.options["k"] == 5, snapshot.options\n    return np'
    )
    policy = plug_in(text.replace("complete=True, ", ""))
    asked = ("path", "walker-144", "Tokyo", "London", "--policy", policy)
    assert run_command(*asked, "--option", "k=5").code == 0
    assert run_command(*asked).code == 1
    done = run_command(*asked, "--option", "k=9")
    assert done.code == 2 and "k: must be an integer from 1 to 8 (got 9)" in done.err


def test_policies_are_listed_with_what_they_declare(run_command):
    listed = json.loads(run_command("policies", "--json").out)["policies"]
    by_name = {entry["name"]: entry for entry in listed}
    assert {"shortest-delay", "fewest-hops"} <= set(by_name)
    entry = by_name["shortest-delay"]
    assert (entry["complete"], entry["loop_free"], entry["options"]) == (True, True, [])
    assert "Dijkstra" in entry["source"]
    lines = run_command("policies").out.splitlines()
    assert lines[0].split() == ["policy", "complete", "loop-free", "options"]
    assert {line.split()[0] for line in lines[1:]} == set(by_name)


def test_one_policy_is_shown_with_its_options(run_command, plug_in):
    name = plug_in(LOSES_ITS_WAY)
    lines = run_command("policies", name).out.splitlines()
    assert lines[0] == "policy.py:mine: Knows no way."
    assert lines[-2:] == ["  k: an integer from 1 to 8 (default 2)", "      how many"]
    shown = json.loads(run_command("policies", name, "--json").out)
    assert shown["options"][0]["default"] == 2 and shown["source"] == "a mistake"
    done = run_command("policies", "shortest")
    assert (done.code, done.out) == (2, "") and "did you mean" in done.err
