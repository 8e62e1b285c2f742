"""What the text, the report and the loaded folder tell of a live run."""

import pytest

from lasermesh.results import format_summary
from lasermesh.results.headline import headline
from lasermesh.results.text import FIDELITY, summary_sections
from tests.results.examples import summary

LIVE = {
    "verdict": "DEGRADED",
    "reasons": ["The machine was away for 7.5 % of the time; a quieter one would do."],
    "hosts": ["tokyo", "london"],
    "lateness_ms": {"p50": 0.01, "p90": 0.05, "p99": 0.9, "max": 12.5},
    "entry_lateness_ms": {"p50": 0.02, "p90": 0.04, "p99": 0.1, "max": 0.2},
    "answer_lateness_ms": dict.fromkeys(("p50", "p90", "p99", "max")),
    "hiccups_ms": {"p50": 0.03, "p99": 2.0, "max": 12.4, "lost_share": 0.075},
    "tun_drops": 3,
    "buffer_drops": 0,
    "cpu_share": {"datapath": 0.25, "control": 0.05},
    "overhead_ms": 0.095,
    "packets_in": 12_345,
    "packets_out": 12_000,
    "bytes_in": 1_500_000,
    "bytes_out": 1_400_000,
    "steps": {"standstill_s": 0.012, "longest_standstill_ms": 1.5},
    "refused": {"unknown": 2, "spoofed": 0, "malformed": 0, "unreached_satellites": 1},
    "answers": {"time_exceeded": 48, "echo_replies": 0, "unreachable": 0, "suppressed": 3},
    "command": {"argv": ["ping", "-c", "5", "london"], "exit_code": 0},
    "settings": {"tcp_congestion_control": "cubic"},
    "gso": True,
    "mtu_bytes": 1500,
}


def section(live):
    return [
        line for about, lines in summary_sections(summary(live=live)) for line in lines if about == FIDELITY
    ]


def test_the_verdict_comes_first_and_then_what_it_rests_on():
    text = format_summary(summary(live=LIVE))
    lines = text.splitlines()
    assert " s live, seed" in lines[0] and "simulated" not in lines[0]
    told = section(LIVE)
    assert told[0] == "Live: DEGRADED"
    assert told[1] == "  The machine was away for 7.5 % of the time; a quieter one would do."
    assert told[4].split()[-5:] == ["most", "0.020", "0.040", "0.100", "0.200"]
    assert told[5].split() == ["packets", "came", "out", "late", "by", "0.010", "0.050", "0.900", "12.500"]
    assert told[6].split() == ["gaps", "of", "the", "machine", "0.030", "-", "2.000", "12.400"]
    assert told[7:] == [
        "  lower edges of bins at most 6.3 % wide, max too",
        "  2 hosts: tokyo, london; packets of 1,500 bytes at most, TCP in trains (GSO)",
        "  from hosts 12,345 packets, 1.5 MB; to hosts 12,000, 1.4 MB",
        "  lost by this machine, not by the mesh: 3 packets at full interfaces, 0 for want of buffers",
        "  packets that were not let in: 2 to nobody's address, 1 to satellites without routes yet",
        "  answers of nodes: 48 time exceeded, 3 held back",
        "  processor: datapath 25.00 %, control 5.00 %; gaps: 7.50 % of the time; the mesh stood still for",
        "    0.012 s in all, 1.500 ms at once at most",
        "  calibration: 0.095 ms of this machine's own taken off each way",
        "  command: ping -c 5 london; exit code 0",
    ]
    assert max(map(len, told)) <= 100


def test_what_is_not_known_or_did_not_happen_is_left_out_or_a_dash():
    nothing = dict.fromkeys(LIVE) | {"verdict": "OK", "reasons": [], "hosts": ["a", "b"], "command": None}
    told = section(nothing)
    assert told[0] == "Live: OK"
    assert told[3].split()[-4:] == ["-"] * 4
    assert not any("command" in line or "answers" in line for line in told)


def test_how_late_answers_were_is_told_where_there_were_any():
    late = {"p50": 0.2, "p90": 0.3, "p99": 0.3, "max": 0.3}
    assert section(LIVE | {"answer_lateness_ms": late})[6].split()[-5:] == [
        *("by", "0.200", "0.300", "0.300", "0.300")
    ]


@pytest.mark.parametrize(
    ("argv", "exit_code", "line"),
    [
        (["sh", "-c", "ping london"], 3, "  command: sh -c 'ping london'; exit code 3"),
        (["iperf3", "-s"], None, "  command: iperf3 -s; ended with the run"),
    ],
)
def test_the_command_is_told_as_it_can_be_typed_and_how_it_ended(argv, exit_code, line):
    assert section(LIVE | {"command": {"argv": argv, "exit_code": exit_code}})[-1] == line


@pytest.mark.parametrize("live", [None, LIVE])
def test_only_live_runs_have_a_verdict_among_their_figures(live):
    facts = [fact for fact in headline(summary(live=live)) if "fidelity" in fact.name]
    assert [(fact.value, fact.note) for fact in facts] == ([("DEGRADED", LIVE["reasons"][0])] if live else [])
    assert bool(section(live)) == bool(live)
