"""`lasermesh throughput` as one types it."""

import json

import pytest

NET = """
step_s = 100.0
[[satellites]]
name = "n"
fixed = ["a", "b", "c", "d"]
[[links]]
rule = "plan"
plan = "plan.csv"
"""
PLAN = """from,to,start_s,stop_s,rate_bps,owlt_s
a,b,0,1000,1000000,0.001
b,d,0,1000,1000000,0.001
a,c,0,1000,1000000,0.002
c,d,0,1000,1000000,0.002
"""
FIELDS = (
    *("topology", "policy", "status", "seed", "start_s", "settle_s", "measured_s", "packet_bytes"),
    *("queue_packets", "queue_bytes", "scale", "packet_time_ms", "pair_count", "flows_per_pair", "demand"),
    *("unreachable", "load_of", "instants_s", "sampled", "bound", "loads"),
)


@pytest.fixture
def throughput(run_command, tmp_path):
    (tmp_path / "net.toml").write_text(NET)
    (tmp_path / "plan.csv").write_text(PLAN)

    def run(*arguments):
        return run_command("throughput", "net.toml", *arguments)

    return run


def test_json_has_the_fields_that_the_documentation_names(throughput, run_command):
    done = throughput("a", "d", "--duration", 2, "--scale", 1, "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert tuple(result) == FIELDS
    text = run_command("docs", "throughput").out
    level = result["loads"][0]
    for name in (*result, *result["bound"], *level, *level["pairs"][0], *level["bottlenecks"][0]):
        assert name in text
    assert result["bound"]["method"] == "max-flow"


def test_the_text_shows_goodput_bound_cut_and_links(throughput):
    lines = throughput("a", "d", "--duration", 2, "--scale", 1).out.splitlines()
    assert lines[0].startswith("net, shortest-delay: 1 pair, measured for 2 s after ")
    assert "  in total, of what was offered last: 0.002000 Gbps" in lines
    assert "  however much is offered: 0.002000 Gbps" in lines
    assert "  the cut that limits it, 2 links:" in lines
    assert sum(line.endswith(", 0.001 Gbps") for line in lines) == 2
    assert any(line.startswith("  a > b ") and " 100.00 %" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_the_text_shows_digits_of_low_rates_and_one_link_of_a_cut(throughput):
    lines = throughput("a", "b", "--duration", 1, "--scale", 1, "--rate-gbps", 1e-4).out.splitlines()
    assert any(line.split()[:3] == ["all", "pairs", "0.000100"] for line in lines)
    assert "  the cut that limits it, 1 link:" in lines


def test_the_text_says_of_how_many_pairs_fairness_is(throughput, tmp_path):
    (tmp_path / "pairs.csv").write_text("from,to\na,b\na,d\n")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def only_b(snapshot):\n"
        "    table = np.full((snapshot.n_nodes, len(snapshot.destinations)), -1, np.int32)\n"
        "    table[0, 0] = snapshot.link[snapshot.to_node == 1][0]\n"
        "    return table\n"
    )
    policy = ("--policy", "mine.py:only_b", "--flows-per-pair", 2)
    out = throughput("--pairs", "pairs.csv", "--duration", 1, "--scale", 1, *policy).out
    lines = [line.split() for line in out.splitlines()]
    assert any(line[:6] == ["Gbps", "Gbps", "1", "of", "2", "pairs"] for line in lines)
    assert "equal demands; 2 flows per pair" in out
    assert "a > d (the policy gives no path)" in out


def test_the_text_has_a_row_for_each_load_and_the_pairs(throughput, tmp_path):
    (tmp_path / "pairs.csv").write_text("from,to\na,b\na,d\nb,a\n")
    done = throughput("--pairs", "pairs.csv", "--duration", 1, "--load", "0.5,1", "--scale", 1, "-o", "kept")
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("  0.5 ", "  1 "))] == ["0.5", "1"]
    assert "  load 1 is the greatest rates in these proportions that fit" in lines
    assert "Left out, as nothing can be sent: b > a (no path exists)" in lines
    assert any(line.startswith("  a > d ") for line in lines)
    assert lines[-1] == "Result folder: kept"
    assert (tmp_path / "kept" / "load-0.5" / "manifest.json").exists()
    again = throughput("--pairs", "pairs.csv", "-o", "kept")
    assert (again.code, again.out) == (2, "")


def test_on_a_shipped_topology_goodput_is_within_the_bound(run_command, tmp_path):
    (tmp_path / "pairs.csv").write_text("from,to\nTokyo,London\nSydney,London\nParis,Nairobi\n")
    done = run_command("throughput", "walker-144", "--pairs", "pairs.csv", "--scale", "5e-4", "--json")
    level = json.loads(done.out)["loads"][0]
    assert 0.0 < level["goodput_gbps"] <= level["bound_gbps"] * (1.0 + level["tolerance"])
    assert 0.0 < level["jain"] <= 1.0
    assert level["latency_ms"]["p50"] <= level["latency_ms"]["p99"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give FROM and TO, or --pairs FILE|all, or --matrix FILE|gravity"),
        (("a",), "give FROM and TO"),
        (("a", "d", "--pairs", "all"), "give FROM and TO"),
        (("a", "d", "--load", "0.5;1"), 'must be numbers with commas between, as 0.2,0.5,1 (got "0.5;1")'),
        (("a", "z"), 'no node is named "z"'),
        (("d", "a"), "none of 1 pairs has a path"),
        (("a", "d", "--policy", "shortest"), "shortest"),
        (("a", "d", "--set", "packets.queue_byte=5"), "write queue_bytes = 5"),
    ],
)
def test_bad_usage_is_said_in_one_message(throughput, arguments, message):
    done = throughput(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
