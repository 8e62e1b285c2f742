"""`lasermesh path` as one types it."""

import json

from tests.experiments.skies import shell

HEADING = ["from", "to", "geodesic_km", "fibre_rtt_ms"]
SAMPLE = [
    "t_s",
    "reachable",
    "delay_ms",
    "rtt_ms",
    "distance_km",
    "hops",
    "nodes",
    "chord_km",
    "stretch_vacuum",
    "stretch_fibre",
]
CHANGE = ["until_s", "delay_end_ms", "delay_min_ms", "delay_max_ms", "cause"]

TEN_LINES = """
import numpy as np

def mine(snapshot):
    return np.full((snapshot.n_nodes, len(snapshot.destinations)), -1)

def wrong(snapshot):
    return np.zeros((1, 1))
"""


def test_json_of_one_pair_has_the_fields_of_the_contract(run_command):
    arguments = ("path", "walker-144", "Tokyo", "London", "--start", 10, "--duration", 90, "--step", 30)
    done = run_command(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert list(result) == [*HEADING[:2], "policy", *HEADING[2:], "samples", "churn", "memory"]
    assert (result["from"], result["to"], result["policy"]) == ("Tokyo", "London", "shortest-delay")
    assert [sample["t_s"] for sample in result["samples"]] == [10.0, 40.0, 70.0]
    for sample in result["samples"]:
        assert list(sample) == SAMPLE
        assert sample["nodes"][0] == "Tokyo" and sample["nodes"][-1] == "London"
        assert sample["hops"] == len(sample["nodes"]) - 1


def test_json_of_pairs_has_the_fields_of_the_contract(run_command, tmp_path):
    (tmp_path / "pairs.csv").write_text("from,to\nTokyo,London\nLondon,Tokyo\n")
    result = json.loads(run_command("path", "walker-144", "--pairs", "pairs.csv", "--json").out)
    assert list(result) == ["policy", "paths", "memory"]
    assert [list(found) for found in result["paths"]] == [[*HEADING, "samples", "churn"]] * 2
    there, back = (found["samples"][0]["nodes"] for found in result["paths"])
    assert there == back[::-1]


def test_all_pairs_are_a_line_each(run_command):
    done = run_command("path", "walker-144", "--pairs", "all", "--set", "ground[0].sites=polar-2")
    lines = done.out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("from")
    assert lines[-1].startswith("1 pairs, ")


def test_the_text_shows_nodes_where_the_path_changed_and_a_summary(run_command):
    done = run_command("path", "walker-144", "Tokyo", "London", "--duration", 4, "--step", 1)
    lines = done.out.splitlines()
    in_fibre = "geodesic 9582.0 km, round trip in fibre 93.854 ms"
    assert lines[0] == f"Tokyo to London, shortest-delay; {in_fibre}"
    assert len(lines) == 2 + 4 + 2
    assert lines[-2].startswith("stretch 1.2") and lines[-2].endswith(" against fibre (least, mean, most)")
    assert "Tokyo > w-" in lines[2]
    assert ">" not in lines[3]  # still the same path
    assert lines[-1].startswith("reachable in 4/4 samples; round trip ")
    assert lines[-1].endswith("the path changed 0 times")


def test_every_change_is_a_line_with_its_cause(run_command):
    arguments = "path", "walker-144", "Tokyo", "London", "--duration", 150, "--step", 15, "--every-change"
    done = run_command(*arguments)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[1].split()[:6] == ["t_s", "lasts_s", "rtt_ms", "at", "the", "end"]
    assert "w-10-09 > London went down, +0.562 ms" in lines[3]
    assert lines[-1].startswith("round trip 77.") and lines[-1].endswith("the path changed 3 times")
    assert lines[-2].startswith("72.0 changes an hour; 2 hand-overs, hops changed 2 times")
    until_the_first = run_command(*arguments[:5], 50, *arguments[6:]).out.splitlines()
    assert until_the_first[-2].startswith("72.0 changes an hour; 1 hand-over, hops changed 1 time, ")
    assert until_the_first[-1].endswith("the path changed 1 time")
    assert lines[-3].startswith("paths stayed ")
    result = json.loads(run_command(*arguments, "--json").out)
    assert list(result) == [*HEADING[:2], "policy", *HEADING[2:], "samples", "churn", "memory"]
    assert len(result["samples"]) == 4 and result["churn"]["changes"] == 3
    for sample, line in zip(result["samples"], lines[2:], strict=False):
        assert list(sample) == [*SAMPLE, *CHANGE]
        assert line.split()[0] == f"{sample['t_s']:.4f}"


def test_every_change_of_pairs_is_counted(run_command, tmp_path):
    (tmp_path / "pairs.csv").write_text("from,to\nTokyo,London\nw-00-00,London\n")
    arguments = "path", "walker-144", "--pairs", "pairs.csv", "--duration", 10, "--every-change"
    lines = run_command(*arguments).out.splitlines()
    assert lines[1].split()[2:5] == ["100.00%", "of", "time"] and lines[1].endswith(" 1")
    result = json.loads(run_command(*arguments, "--json").out)
    assert [list(found) for found in result["paths"]] == [[*HEADING, "samples", "churn"]] * 2
    assert result["paths"][1]["geodesic_km"] is result["paths"][1]["samples"][0]["stretch_fibre"] is None


def test_a_pair_without_a_path_is_shown_as_such(run_command):
    done = run_command("path", "walker-144", "Tokyo", "London", "--set", "links[1].max_range_km=400")
    assert done.code == 0
    assert done.out.splitlines()[2].split() == ["0", "-", "-", "-", "-", "none"]
    assert done.out.splitlines()[-1] == "no path in any sample"


def test_nodes_can_be_given_by_row(run_command):
    result = json.loads(run_command("path", "walker-144", "#0", "#1", "--json").out)
    assert (result["from"], result["to"]) == ("w-00-00", "w-00-01")


def test_a_policy_of_the_users_is_used_and_named(run_command, tmp_path):
    (tmp_path / "policy.py").write_text(TEN_LINES)
    result = json.loads(
        run_command("path", "walker-144", "Tokyo", "London", "--policy", "policy.py:mine", "--json").out
    )
    assert result["policy"] == "policy.py:mine"
    assert not result["samples"][0]["reachable"]
    done = run_command("path", "walker-144", "Tokyo", "London", "--policy", "policy.py:wrong")
    assert (done.code, done.out) == (1, "")
    assert 'Error: routing policy "policy.py:wrong" at t = 0 s returned an array of shape (1, 1)' in done.err


def test_memory_is_told(run_command, tmp_path):
    shell(tmp_path)
    arguments = "path", "shell.toml", "w-0-0", "w-1-0", "--start", 90
    line = "links with a memory are followed from t = 60 s on, after a warm-up of 30 s"
    assert run_command(*arguments, "--warm-up", 30).out.splitlines()[-1] == line
    assert json.loads(run_command(*arguments, "--json").out)["memory"] == {"from_s": 0.0, "warm_up_s": None}
    (tmp_path / "pairs.csv").write_text("from,to\nw-0-0,w-1-0\n")
    arguments = "path", "shell.toml", "--pairs", "pairs.csv", "--start", 90, "--warm-up", 30
    assert run_command(*arguments).out.splitlines()[-1] == line
    assert json.loads(run_command(*arguments, "--json").out)["memory"] == {"from_s": 60.0, "warm_up_s": 30.0}


def test_mistakes_end_with_code_2_and_a_sentence(run_command):
    for arguments, words in [
        (("Tokio", "London"), 'no node is named "Tokio" in topology "walker-144"; did you mean "Tokyo"?'),
        (("Tokyo", "Tokyo"), 'a path from "Tokyo" to itself'),
        (("Tokyo",), "give the names of two nodes, FROM and TO, or --pairs FILE|all"),
        ((), "give the names of two nodes"),
        (("Tokyo", "London", "--pairs", "all"), "give FROM and TO or --pairs, not both"),
        (("Tokyo", "London", "--duration", -1), "the duration must not be negative"),
        (("Tokyo", "London", "--every-change"), "within a duration of 0 s; it must be more than 0 s"),
        (("Tokyo", "London", "--step", 0), "the step must be at least 1e-06 s (got 0 s)"),
        (("Tokyo", "London", "--step", "1e-11", "--duration", "1e-9"), "the step must be at least 1e-06 s"),
        (("Tokyo", "London", "--step", "1e-300", "--duration", "1e300"), "the end must be within 100 years"),
        (("Tokyo", "London", "--step", 1, "--duration", "1e9"), "there may be at most 10,000,000"),
        (("Tokyo", "London", "--start", "-1e10"), "the start must be within 100 years"),
        (("Tokyo", "London", "--start", "soon"), "'soon' is not a valid float"),
        (("Tokyo", "London", "--policy", "shortest"), 'unknown routing policy "shortest"; did you mean'),
        (("Tokyo", "London", "--policy", "no.py:f"), "there is no file no.py"),
        (("Tokyo", "London", "--warm-up", "nan"), "the warm-up must be from 0 to 3155760000 s (got nan)"),
        (("--pairs", ""), "the name of the file of pairs is empty"),
        (("--pairs", "no.csv"), 'there is no file "no.csv"'),
        (("Tokyo", "London", "--set", "step_s=-1"), "step_s"),
    ]:
        done = run_command("path", "walker-144", *arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert words in done.err
    assert run_command("path", "no-such-topology", "a", "b").code == 2


def test_an_experiment_lends_its_topology(run_command):
    arguments = "Tokyo", "London", "--json"
    of_topology = run_command("path", "starlink-gen1", *arguments)
    assert run_command("path", "cities", *arguments) == of_topology
    assert of_topology.code == 0
