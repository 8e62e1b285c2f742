"""`lasermesh graph` as one types it."""

import json

import networkx

from tests.experiments.skies import shell


def test_json_has_the_fields_of_the_contract(run_command):
    done = run_command("graph", "walker-144", "--at", 60, "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert list(result) == ["topology", "t_s", "utc", "nodes", "links", "memory"]
    assert (result["topology"], result["t_s"]) == ("walker-144", 60.0)
    assert run_command("graph", "walker-144", "--at", 60, "--format", "json").out == done.out


def test_graphml_can_be_kept_in_a_file(run_command, tmp_path):
    done = run_command("graph", "walker-144", "--format", "graphml")
    (tmp_path / "graph.graphml").write_text(done.out)
    read = networkx.read_graphml(tmp_path / "graph.graphml")
    assert read.number_of_nodes() == 174 and read.nodes["w-00-00"]["kind"] == "satellite"


def test_the_text_is_a_few_numbers(run_command):
    lines = run_command("graph", "walker-144", "--at", 60).out.splitlines()
    assert lines[0].startswith("walker-144 at t = 60 s, 2026-")
    assert lines[2].split() == ["satellites", "144"]
    assert lines[6].split()[:4] == ["satellite", "links,", "km", "576"]


def test_memory_is_told(run_command, tmp_path):
    shell(tmp_path)
    arguments = "graph", "shell.toml", "--at", 90
    assert run_command(*arguments).out.endswith("\nlinks with a memory are followed from t = 0 s on\n")
    result = json.loads(run_command(*arguments, "--warm-up", 30, "--json").out)
    assert result["memory"] == {"from_s": 60.0, "warm_up_s": 30.0}


def test_mistakes_end_with_code_2_and_a_sentence(run_command):
    for arguments, words in [
        (("--at", "inf"), "the instant must be a number of seconds"),
        (("--at", "1e12"), "the instant must be within 100 years of the topology's epoch (got 1e+12 s)"),
        (("--at", "noon"), "'noon' is not a valid float"),
        (("--warm-up", "-1"), "the warm-up must be from 0 to 3155760000 s (got -1)"),
        (("--format", "png"), "'png' is not one of"),
        (("--json", "--format", "graphml"), "give --json or --format graphml, not both"),
    ]:
        done = run_command("graph", "walker-144", *arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert words in done.err
    assert run_command("graph").code == 2
    assert run_command("graph", "no-such-topology").code == 2
