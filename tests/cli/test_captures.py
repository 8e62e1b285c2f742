"""Captures and traces as people come to them: options, the recipes of the docs, the Wireshark profile."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lasermesh.cli import main
from lasermesh.results import load
from tests.capture.conftest import program
from tests.cli.test_docs import blocks_of
from tests.experiments.worlds import go, write_chain

EPOCH_NS = 1_767_225_600 * 10**9
RUN, PATH, DROPS, RATE, CONVERSATIONS = blocks_of("captures", "sh")
ID_OF_THE_DOCS = "4398046511109"
DIRECTIONS = {"0x00000000": "dropped", "0x00000001": "arrived", "0x00000002": "left"}


def lines_of(recipe, folder):
    """What a recipe of the documentation prints in the folder of a run."""
    program("tshark")
    done = subprocess.run(["bash", "-c", recipe], capture_output=True, text=True, timeout=60, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def cells_of(recipe, folder):
    return [line.split("\t") for line in lines_of(recipe, folder)]


def time_ns(text):
    """A time in s since 1970 as tshark prints it, in ns since the run's start."""
    whole, fraction = text.split(".")
    return int(whole) * 10**9 + int(fraction) - EPOCH_NS


@pytest.fixture(scope="module")
def rush(tmp_path_factory):
    """The run that the documentation captures, its packets traced too."""
    folder = tmp_path_factory.mktemp("captures")
    line = RUN.replace("\\\n", " ").removeprefix("lasermesh ")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*shlex.split(line), "--set", "observe.trace_flows=rush"]) == 0
    return load(folder / "runs" / "rush")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A run over ten hops, captured and traced."""
    folder = tmp_path_factory.mktemp("chain")
    return go(write_chain(folder), folder / "run", capture="all").kept


def path_by_the_recipe(run, packet_id):
    """The path of a packet as the recipe prints it: (ns, port, what, hop limit, comment)."""
    recipe = PATH.replace(ID_OF_THE_DOCS, str(packet_id))
    return [
        (time_ns(time), port, DIRECTIONS[direction], int(ipv4 or ipv6), comment)
        for time, port, direction, ipv4, ipv6, comment in cells_of(recipe, run.path)
    ]


def path_by_the_trace(run_command, run, packet_id):
    """The same from `lasermesh trace`, of what captures show: each link once, and the end."""
    done = run_command("trace", run.path, packet_id, "--json")
    life = json.loads(done.out)
    (each,) = life["lives"]
    return [
        (
            event["time_ps"] // 1000,
            f"{event['node']}:{event['peer']}" if event["peer"] else event["node"],
            event["event"],
            event["hop_limit"],
            f"dropped: {event['cause']}" if event["cause"] else "",
        )
        for event in each["events"]
        if event["event"] in ("left", "dropped")
        or (event["event"] == "arrived" and event["node"] == life["to"])
    ]


def test_the_path_of_a_packet_through_ten_hops_is_that_of_the_trace_to_the_nanosecond(run_command, chain):
    rows = chain.packets.to_pylist()
    ends = {row["flow"] << 40 | row["sequence"]: row["event"] for row in rows}
    lost = [row for row in rows if row["event"] == "dropped" and row["node"] == "n05"]
    delivered = [packet_id for packet_id, event in ends.items() if event == "delivered"]
    assert {packet_id >> 40 for packet_id in delivered} == {0, 1, 2}  # data, requests and replies of IPv6
    for packet_id in delivered[:1] + delivered[-3:]:
        shown = path_by_the_recipe(chain, packet_id)
        assert shown == path_by_the_trace(run_command, chain, packet_id)
        assert [limit for *_, limit, _ in shown] == [*range(64, 54, -1), 55]
    shown = path_by_the_recipe(chain, lost[0]["sequence"])
    assert shown == path_by_the_trace(run_command, chain, lost[0]["sequence"])
    assert shown[-1][1:] == ("n05:n06", "dropped", 59, "dropped: queue")


def test_the_recipe_of_a_path_works_on_the_run_of_the_documentation(run_command, rush):
    packets = rush.packets.to_pylist()
    flow, sequence = divmod(int(ID_OF_THE_DOCS), 2**40)
    mine = [row for row in packets if (row["flow"], row["sequence"]) == (flow, sequence)]
    left = [row["time_ps"] // 1000 for row in mine if row["event"] == "left"]
    start_ns = 1_774_008_000 * 10**9 - EPOCH_NS  # the epoch of walker-144, 2026-03-20T12:00:00Z
    shown = path_by_the_recipe(rush, ID_OF_THE_DOCS)
    assert [ns - start_ns for ns, _, what, *_ in shown if what == "left"] == left
    assert shown[0][1] == "Delhi:w-01-01" and shown[-1][2] == "arrived"


def test_the_recipe_of_drops_lists_every_drop(rush):
    rows = cells_of(DROPS, rush.path)
    lost = [row for row in rush.packets.to_pylist() if row["event"] == "dropped"]
    assert [(int(packet_id), comment) for *_, packet_id, comment in rows] == [
        (row["flow"] << 40 | row["sequence"], f"dropped: {row['cause']}") for row in lost
    ]
    assert len(rows) == rush.summary["capture"]["dropped"] > 10


def test_the_recipe_of_a_rate_adds_up_to_what_left_the_port(rush):
    lines = [line for line in lines_of(RATE, rush.path) if "<>" in line]
    n_packets, n_bytes = (sum(int(line.split("|")[column]) for line in lines) for column in (2, 3))
    rows = [row for row in rush.links.to_pylist() if (row["from"], row["to"]) == ("Delhi", "w-01-01")]
    assert (n_packets, n_bytes) == (sum(row["packets"] for row in rows), sum(row["bytes"] for row in rows))


def test_the_recipe_of_conversations_counts_what_each_flow_has_delivered(rush):
    lines = [line for line in lines_of(CONVERSATIONS, rush.path) if "<->" in line]
    shown = {line.split(":")[0]: int(re.split(r" bytes\s+", line)[1].split()[0]) for line in lines}
    assert shown == {
        row["from"]: row["delivered"] for row in rush.flows.to_pylist() if row["name"].startswith("rush")
    }


def test_the_profile_shows_ports_packet_ids_and_causes(run_command, rush, tmp_path):
    done = run_command("docs", "--wireshark-profile", "profiles/lasermesh")
    assert done.code == 0 and "preferences" in done.out
    command = [program("tshark"), "-C", "lasermesh", "-r", rush.capture]
    recipe = shlex.join([*map(str, command), "-Y", 'frame.comment contains "dropped"', "-c", "3000"])
    (first, *_) = lines_of(f"WIRESHARK_CONFIG_DIR={shlex.quote(str(tmp_path))} {recipe}", tmp_path)
    assert re.search(r"Delhi:w-01-01 +Unknown +\d{13} +Delhi → London +64 +1500 .*dropped: queue", first), (
        first
    )
    listed = run_command("docs", "--wireshark-profile", "p", "--json")
    assert [Path(file).name for file in json.loads(listed.out)["files"]] == ["colorfilters", "preferences"]


def test_a_capture_of_what_never_is_warns(run_command):
    done = run_command("run", "quick", "--set", "duration_s=0.01", "--capture", "London:Tokyo")
    assert done.code == 0
    assert (
        "warning: the capture is empty: no port and no packet of this run fits --capture London:T" in done.err
    )


def test_two_captures_are_refused(run_command):
    done = run_command("run", "quick", "--capture", "all", "--capture", "endpoints")
    assert done.code == 2 and "a run has one capture, and --capture is given 2 times" in done.err


def test_a_profile_that_someone_has_changed_is_replaced_only_if_asked(run_command, tmp_path):
    assert run_command("docs", "--wireshark-profile", "p").code == 0
    assert run_command("docs", "--wireshark-profile", "p").code == 0
    file = tmp_path / "p" / "preferences"
    file.write_text("mine")
    done = run_command("docs", "--wireshark-profile", "p")
    assert done.code == 2 and "p/preferences: there already" in done.err and "--force" in done.err
    assert file.read_text() == "mine"
    assert run_command("docs", "--wireshark-profile", "p", "--force").code == 0
    assert file.read_text() != "mine"


def test_a_profile_that_cannot_be_written_is_refused(run_command, tmp_path):
    (tmp_path / "file").write_text("")
    done = run_command("docs", "--wireshark-profile", "file/lasermesh")
    assert (done.code, done.err) == (2, 'Error: "file/lasermesh" cannot be written: Not a directory\n')
    assert run_command("docs", "model", "--wireshark-profile", "x").code == 2


@pytest.mark.parametrize(
    "option", [["--copies", "out"], ["--split"], ["--capture-to", "a.pcapng"], ["--limit", "5"]]
)
def test_options_of_captures_go_with_one(run_command, option):
    done = run_command("run", "quick", *option)
    assert done.code == 2
    assert f"{option[0]} is of a capture; --capture says of what" in done.err


def test_a_trace_is_printed_hop_by_hop(run_command, chain):
    done = run_command("trace", chain.path, "data#3")
    assert done.code == 0
    head, _, outcome, _, *table = done.out.splitlines()
    assert head == "Packet data#3, from n00 to n10; in captures its id is 3 (0x3)"
    assert outcome.startswith("Its life: entered at 0.0") and "delivered at n10" in outcome
    assert [line.split()[1:3] for line in table[2:4]] == [["n00", "left"], ["n01", "arrived"]]
    assert len(table) == 2 + 21


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (None, "no packet is named: write FLOW#SEQUENCE; the run has followed data#0 to #"),
        ("daata#1", 'daata#1: no flow is named "daata"; did you mean "data"?'),
        ("data#99999", "nothing is known of packet data#99999: the run has followed data#0 to #"),
        ("x", '"x" is no packet: write FLOW#SEQUENCE, or the id that Wireshark shows, as 17 or 0x11; '),
    ],
)
def test_a_packet_that_is_not_known_is_refused_with_those_that_are(run_command, chain, packet, message):
    done = run_command("trace", chain.path, *([] if packet is None else [packet]))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: {message}")


def test_a_run_without_traces_says_how_to_have_them(run_command, tmp_path):
    file = write_chain(tmp_path)
    file.write_text(file.read_text().replace('trace_flows = "all"', ""))
    assert run_command("run", "chain.toml", "-o", "run").code == 0
    done = run_command("trace", "run", "data#1")
    assert done.code == 2
    assert "the run has followed no packets; run it with `--set observe.trace_flows=FLOW`" in done.err
