import numpy as np
import pytest

from lasermesh.packets.causes import CAUSES
from lasermesh.results import FlowList, LinkTotals, format_summary, summarise
from lasermesh.results.layout import LINE, columns, cut, padded, share, shown_width, size
from tests.results.examples import MS, NODES, counters, summary


def many_flows(n, names):
    """A summary of n flows with the given names in turn."""
    latencies = [tuple(range(MS, 9 * MS, MS))] * n
    of_row = [names[row % len(names)] for row in range(n)]
    groups = [name.partition("/")[0] for name in of_row]
    listed = FlowList(of_row, ["Tokyo"] * n, ["Zürich"] * n, np.zeros(n), np.ones(n), groups)
    return summarise("many", 0, "complete", 1.0, listed, counters(latencies), NODES, LinkTotals(), 0, {})


def test_text_tells_flows_latency_drops_links_and_speed():
    text = format_summary(summary())
    assert text.splitlines()[0] == "pencil: complete, 2 s simulated in 0.50 s, seed 7"
    assert "22 packet-hops" in text
    for words in (
        "lone/Tokyo>Zürich",
        "all flows",
        "gen1-00-01 > Zürich",
        "100.0 %",
        "4.5 kB",
        "queue",
        "p99",
    ):
        assert words in text
    assert "none by no_route, hop_limit, bit_error, node_down, early, storage, expired" in text


@pytest.mark.parametrize("n", [1, 3, 20, 21, 300])
@pytest.mark.parametrize("name", ["a/Tokyo>Zürich", "n" * 200, "東京" * 60 + "/Tokyo>Zürich"])
def test_no_line_is_wider_than_the_page(n, name):
    built = many_flows(n, [name, "office/Tokyo>Zürich"])
    for line in format_summary(built).splitlines():
        assert shown_width(line) <= LINE
        assert line == line.rstrip()


def test_up_to_twenty_flows_are_shown_one_by_one():
    text = format_summary(many_flows(20, ["a/Tokyo>Zürich"]))
    assert sum(line.startswith("  a/Tokyo>Zürich") for line in text.splitlines()) == 40
    assert "the worst" not in text


def test_more_flows_are_shown_as_groups_with_the_worst():
    text = format_summary(many_flows(21, ["a/Tokyo>Zürich", "b/Tokyo>Zürich"]))
    assert "  a, 11 flows " in text
    assert "  b, 10 flows " in text
    assert text.count("the worst of 21 flows:") == 2


def test_flow_that_is_not_from_pairs_is_shown_with_its_ends():
    assert "overload Tokyo>Zürich" in format_summary(many_flows(1, ["overload"]))


def test_run_without_drops_or_packets_says_so():
    nobody = FlowList([], [], [], np.zeros(0), np.zeros(0), [])
    built = summarise("x", 0, "interrupted", 0.0, nobody, counters(()), NODES, LinkTotals(), 0, {})
    text = format_summary(built)
    assert text.startswith("x: interrupted, 0 s simulated, seed 0")
    assert "Drops by cause: none" in text
    assert "Flows: none" in text


def test_hand_overs_tell_what_they_cost():
    changes = [
        {
            "t_s": float(t),
            "flow": "a",
            "site": "Tokyo",
            "from": "gen1-00-00",
            "to": "gen1-00-01",
            "delay_before_ms": 7.0,
            "delay_after_ms": 8.5,
            "dropped": t,
        }
        for t in range(12)
    ]
    text = format_summary(summary(handovers=changes))
    assert "Hand-overs: 12, which cost 66 packets; the 8 costliest:" in text
    assert "a, Tokyo, gen1-00-00 > gen1-00-01" in text
    assert "+1.500" in text
    longer = format_summary(summary(handovers=changes, handover_count=5000))
    assert "Hand-overs: 5,000, the first 12 of them, which cost 66 packets; the 8 costliest:" in longer
    lost = [{"t_s": 1.0, "flow": "a", "delay_before_ms": 7.0, "delay_after_ms": None}]
    assert "Path changes: 1\n" in format_summary(summary(path_changes=lost))
    assert "Path changes: none" in format_summary(summary(path_changes=[]))
    assert "Path changes" not in format_summary(summary())


def test_remarks_tell_of_captures_failed_satellites_and_warnings():
    capture = {"file": "capture.pcapng", "written": 1_000_000, "cut": 5, "interfaces": 2, "bytes": 9}
    failed = [{"name": f"STARLINK-{row}", "message": "decayed"} for row in range(1022)]
    text = format_summary(
        summary(capture=capture, satellites_failed=failed, warnings=["a long step"], scale=0.1)
    )
    assert "Capture: 1,000,000 packets at 2 ports in capture.pcapng; the 5 after them were left out" in text
    assert "1,022: STARLINK-0, STARLINK-1," in text
    assert "STARLINK-19 and 1,002 more, see summary.json" in " ".join(text.split())
    assert "Warning: a long step" in text
    assert "scaled by 0.1" in text


def transfer(name, complete_s, total_bytes=1_000_000):
    return {
        "name": name,
        "from": "Tokyo",
        "to": "Zürich",
        "total_bytes": total_bytes,
        "unique_bytes": total_bytes if complete_s is not None else total_bytes // 4,
        "complete_s": complete_s,
        "done_s": None if complete_s is None else complete_s + 0.25,
        "sent": 1234,
        "unique_packets": 1000,
        "retransmissions": None if complete_s is None else 234,
        "duplicates": 17,
    }


def test_bulk_transfers_tell_when_they_were_complete_and_what_it_took():
    text = format_summary(summary(transfers=[transfer("backup", 1.5), transfer("mirror", None)]))
    assert "Bulk transfers: 1 of 2 complete, the last one after 1.500 s" in text
    lines = text.splitlines()
    mirror, backup = (
        next(line.split() for line in lines if line.startswith(f"  {name} ")) for name in ("mirror", "backup")
    )
    assert backup[2:] == ["1.0", "MB", "100.00", "%", "1.500", "1.750", "234", "17"]
    assert mirror[2:] == ["1.0", "MB", "25.00", "%", "-", "-", "-", "17"]
    assert lines.index(next(line for line in lines if "mirror" in line)) < lines.index(
        next(line for line in lines if "backup" in line)
    )
    many = [transfer(f"t{row}", float(row)) for row in range(300)]
    text = format_summary(summary(transfers=many))
    assert "the 10 slowest:" in text and "t299 Tokyo>Zürich" in text and "t289 " not in text


def test_services_tell_how_long_requests_waited():
    service = {
        "flows": "queries",
        "node": "Tokyo",
        "servers": 4,
        "arrived": 1000,
        "refused": 10,
        "served": 980,
        "wait_mean_ms": 1.25,
        "waited": 0.5,
        "utilisation": 0.75,
    }
    idle = service | {
        "node": "Zürich",
        "arrived": 0,
        "wait_mean_ms": None,
        "waited": None,
        "utilisation": 0.0,
    }
    lines = format_summary(summary(services=[idle, service])).splitlines()
    (row,) = [line for line in lines if line.startswith("  queries at Tokyo")]
    assert row.split()[3:] == ["4", "1,000", "10", "980", "1.250", "50.00", "%", "75.00", "%"]
    (below,) = [line for line in lines if line.startswith("  queries at Zürich")]
    assert below.split()[-4:] == ["-", "-", "0.00", "%"] and lines.index(row) < lines.index(below)


def test_faults_and_marks_are_told():
    faults = {"nodes": {"failures": 3, "repairs": 2, "downtime_s": 12.5}}
    text = format_summary(summary(faults=faults))
    assert ["nodes", "3", "2", "12.500"] in [line.split() for line in text.splitlines()]
    assert "Congestion marks (ECN): 25 packets delivered with one" in text and "4 marked at links" in text
    assert "Faults" not in format_summary(summary())


@pytest.mark.parametrize("n", [1, 300])
def test_no_line_of_the_sections_that_only_some_runs_have_is_too_wide(n):
    names = [f"{'東京' * 30}{row}" for row in range(n)]
    service = {"flows": "q" * 90, "node": "東京" * 40, "servers": 10**4, "arrived": 10**8, "refused": 10**8}
    service |= {"served": 10**8, "wait_mean_ms": 1e4, "waited": 1.0, "utilisation": 1.0}
    built = summary(
        transfers=[transfer(name, None, 2**53) for name in names],
        services=[service] * n,
        faults={"terminals": {"failures": 10**9, "repairs": 10**9, "downtime_s": 1e9}},
    )
    for line in format_summary(built).splitlines():
        assert shown_width(line) <= LINE and line == line.rstrip()


def test_every_cause_is_told_even_without_drops_by_it():
    text = format_summary(summary())
    assert all(cause in text for cause in CAUSES)


def test_wide_characters_keep_the_columns_aligned():
    lines = columns("Title", [("a", "b")], [["東京", "1"], ["Zürich", "22"]])
    assert {shown_width(line) for line in (lines[0], *lines[2:])} == {len("  Zürich  22")}
    assert padded("東京", 6) == "東京  "


def test_names_are_cut_in_the_middle():
    assert cut("office/Tokyo>London", 30) == "office/Tokyo>London"
    assert cut("backup/Johannesburg>London", 12) == "backu..ondon"


def test_small_shares_and_sizes_stay_readable():
    assert [share(0, 10), share(1, 10**6), share(1, 3), share(1, 0)] == ["0.00 %", "< 0.01 %", "33.33 %", "-"]
    assert [share(99_999, 10**5), share(10, 10)] == ["> 99.99 %", "100.00 %"]
    assert [size(0), size(999), size(1500), size(15_000_000), size(2 * 10**12)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "15.0 MB",
        "2.0 TB",
    ]
