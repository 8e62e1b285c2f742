"""Captures of runs of every kind, beside what the run itself wrote of its packets, and in tshark."""

import itertools
import struct
from collections import Counter

import pytest
from scapy.utils import RawPcapNgReader

from lasermesh.capture.options import CaptureOptions
from lasermesh.errors import UserError
from tests.capture.made import read_blocks
from tests.experiments.worlds import go, write_chain

EPOCH_NS = 1_767_225_600 * 10**9
FAULTS = (
    "_ws.malformed or _ws.expert.severity >= warning or ip.checksum.status == 0 or udp.checksum.status == 0"
)
OUT, IN, NEITHER = 2, 1, 0


@pytest.fixture
def chain(tmp_path):
    """`chain(capture)`: a run over eleven nodes in a row, its capture in another folder each time."""
    file = write_chain(tmp_path)
    runs = itertools.count()

    def run(capture, **options):
        return go(file, tmp_path / f"run-{next(runs)}", capture=capture, **options)

    return run


def records_of(path):
    """Records of a capture: (time in ns since the run's start, port, direction, packet id)."""
    found = []
    with RawPcapNgReader(str(path)) as reader:
        for _, meta in reader:
            time_ns = (meta.tshigh << 32 | meta.tslow) * 10**9 // meta.tsresol - EPOCH_NS
            found.append((time_ns, meta.ifname.decode(), meta.direction or NEITHER))
    return found


def expected(kept, copies, flows):
    """What a capture of flows is to hold, by what the run wrote of its packets."""
    ends = {row["link"]: (row["from"], row["to"]) for row in kept.links.to_pylist()}
    to = {row["flow"]: (row["from"], row["to"]) for row in kept.flows.to_pylist()}
    found = []
    for row in kept.packets.to_pylist():
        sender, receiver = ends.get(row["link"], (None, None))
        port = f"{row['node']}:{receiver if row['node'] == sender else sender}" if sender else row["node"]
        source, destination = to[row["flow"]]
        if row["flow"] not in flows or row["event"] == "delivered":
            continue
        if row["event"] == "left" and (copies != "in" or row["node"] == source):
            found.append((row["time_ps"] // 1000, port, OUT))
        elif row["event"] == "arrived" and (copies != "out" or row["node"] == destination):
            found.append((row["time_ps"] // 1000, port, IN))
        elif row["event"] == "dropped":
            found.append((row["time_ps"] // 1000, port, NEITHER))
    return Counter(found)


@pytest.mark.parametrize(
    ("spec", "copies", "flows"),
    [
        ("all", None, {0, 1, 2}),
        ("all", "in", {0, 1, 2}),
        ("flow:data", "both", {0}),
        ("flow:ask", None, {1, 2}),
    ],
)
def test_captures_of_flows_hold_what_the_run_wrote_of_their_packets(chain, spec, copies, flows):
    done = chain(CaptureOptions(spec, copies))
    records = records_of(done.kept.capture)
    assert records == sorted(records, key=lambda record: record[0])
    assert Counter(records) == expected(done.kept, copies or "out", flows)
    dropped = sum(direction == NEITHER for *_, direction in records)
    assert done.summary["capture"]["dropped"] == dropped
    assert spec == "flow:ask" or dropped > 10


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("endpoints", {}),
        ("endpoints", {"copies": "out", "link_type": "ethernet", "snaplen": 2000}),
        ("n05", {"copies": "in", "snaplen": 48}),
        ("n05:n06", {"snaplen": 2000}),
        ("flow:ask", {"copies": "both", "snaplen": 2000}),
        ("all", {"link_type": "ethernet"}),
        ("all", {"copies": "in", "snaplen": 2000, "file": "all.pcapng.gz"}),
    ],
)
def test_tshark_finds_no_fault_in_a_capture_of_any_kind(chain, tshark, spec, options):
    done = chain(CaptureOptions(spec, **options), sets=["duration_s=0.4"])
    assert done.summary["capture"]["written"] > 5
    assert tshark(done.kept.capture, "-Y", FAULTS) == []


def test_tshark_shows_ports_directions_speeds_classes_marks_and_causes(chain, tshark, tshark_fields):
    done = chain("n05", sets=["packets.queue=ecn-threshold", "packets.ecn_threshold_packets=1"])
    fields = "frame.interface_name", "frame.packet_flags_direction", "ip.dsfield.dscp", "ip.dsfield.ecn"
    shown = tshark_fields(done.kept.capture, *fields, "frame.comment", options=("-Y", "ip"))
    assert {row[0] for row in shown} == {"n05:n04", "n05:n06"}
    assert {(row[0], row[1]) for row in shown if not row[4]} == {
        ("n05:n04", "0x00000001"),
        ("n05:n06", "0x00000002"),
    }
    assert {row[2] for row in shown} == {"24"}  # class selector 3
    assert {row[3] for row in shown if row[0] == "n05:n06"} == {"2", "3"}  # ECT(0), CE
    assert {row[4] for row in shown} == {"", "dropped: queue"}
    names = tshark(done.kept.capture, "-N", "n", "-Y", "ipv6", "-T", "fields", "-e", "ipv6.src_host")
    assert set(names) == {"n00", "n10"}
    speeds = tshark(done.kept.capture, "-V", "-c", "1")
    assert any("Interface name: n05:n04" in line for line in speeds)


def test_drops_at_a_node_are_those_that_the_links_table_has(chain):
    done = chain("n05")
    lost = [record for record in records_of(done.kept.capture) if record[2] == NEITHER]
    rows = [row for row in done.kept.links.to_pylist() if row["from"] == "n05"]
    assert len(lost) == sum(row["dropped_queue"] for row in rows) > 5
    at_port = chain(CaptureOptions("n05:n06", copies="in"))
    again = records_of(at_port.kept.capture)
    assert [record for record in again if record[2] == NEITHER] == lost
    assert {record[2] for record in again} == {IN, NEITHER}


def test_what_is_dropped_at_no_port_is_on_the_interface_of_its_node(chain):
    done = chain("all", sets=["packets.hop_limit=3"])
    lost = {record[1:] for record in records_of(done.kept.capture) if record[2] == NEITHER}
    assert {("n03", NEITHER), ("n07", NEITHER)} == {each for each in lost if ":" not in each[0]}


def test_a_capture_of_flows_changes_nothing_that_is_observed(chain):
    sets = ["observe.trace_flows=ask"]
    plain, captured = chain(None, sets=sets), chain("all", sets=sets)
    for table in ("flows", "links", "packets"):
        assert getattr(plain.kept, table).equals(getattr(captured.kept, table))


def test_instants_are_exact_where_a_run_starts_within_a_microsecond(chain):
    done = chain("all", sets=["start_s=0.0012345678", "duration_s=0.1"])
    late = Counter(
        {(time + 1_234_567, *rest): n for (time, *rest), n in expected(done.kept, "out", {0, 1, 2}).items()}
    )
    assert Counter(records_of(done.kept.capture)) == late


def test_statistics_of_ports_count_what_is_corrupted_on_its_way_there_once(chain):
    done = chain("n05", sets=["packets.bit_error_rate=1e-5"])
    blocks = read_blocks(done.kept.capture.read_bytes())
    seen = [struct.unpack_from("<Q", content, 40)[0] for kind, content in blocks if kind == 5]
    events = [
        row for row in done.kept.packets.to_pylist() if row["node"] == "n05" and row["event"] != "delivered"
    ]
    corrupted = [row for row in events if row["cause"] == "bit_error"]
    assert sum(seen) == len(events) - len(corrupted) == len(records_of(done.kept.capture)) - len(corrupted)
    assert len(corrupted) > 2


def test_files_go_where_they_are_asked_to(chain, tmp_path):
    zipped = chain(CaptureOptions("n05", file="five.pcapng.gz"))
    assert zipped.kept.capture == zipped.kept.path / "five.pcapng.gz"
    assert "five.pcapng.gz" in zipped.kept.manifest["files"]
    split = chain(CaptureOptions("n05", split=True))
    assert split.kept.capture == split.kept.path / "capture"
    assert len(split.kept.captures) == split.summary["capture"]["interfaces"] == 2
    assert sum(len(records_of(file)) for file in split.kept.captures) == len(records_of(zipped.kept.capture))
    elsewhere = chain(CaptureOptions("n05", file=str(tmp_path / "x.pcapng")))
    assert elsewhere.kept.capture is None and elsewhere.kept.captures == []
    assert elsewhere.summary["capture"]["file"] == str(tmp_path / "x.pcapng")
    assert records_of(tmp_path / "x.pcapng") == records_of(zipped.kept.capture)


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        (CaptureOptions("n05", copies="all"), '--copies must be one of out, in, both (got "all")'),
        (CaptureOptions("n05", snaplen=20), "--snaplen must be 48 to 65535 bytes (got 20)"),
        (CaptureOptions("n05", limit=0), "--limit must be at least 1 packet (got 0)"),
        (CaptureOptions("n05", file="a.pcap"), 'the name "a.pcap" must end in .pcapng or .pcapng.gz'),
        (CaptureOptions("n05", file="nowhere/a.pcapng"), 'there is no folder "nowhere"'),
        (
            CaptureOptions("n05", split=True, file="Manifest.json.pcapng"),
            'becomes a folder "Manifest.json", as a file of the run is called',
        ),
        (CaptureOptions("n05", split=True, file="nowhere/a.pcapng"), 'there is no folder "nowhere"'),
        ("flow:dta", 'no flow is named "dta"; did you mean "data"?'),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(chain, tmp_path, capture, message):
    with pytest.raises(UserError) as error:
        chain(capture)
    assert message in str(error.value)
    assert not list(tmp_path.glob("run-*"))


def test_a_split_capture_goes_into_no_file_and_beside_no_other_capture(chain, tmp_path):
    options = CaptureOptions("n05", split=True, file=str(tmp_path / "ports.pcapng.gz"))
    (tmp_path / "ports").write_text("")
    with pytest.raises(UserError, match="which is a file"):
        chain(options)
    (tmp_path / "ports").unlink()
    (tmp_path / "ports").mkdir()
    (tmp_path / "ports" / "mine.txt").write_text("stays")
    assert chain(options, sets=["duration_s=0.1"]).summary["capture"]["written"] > 5
    with pytest.raises(UserError, match='holds captures already, as "n05_n04'):
        chain(options)
    assert len(list(tmp_path.glob("run-*"))) == 1


def test_force_removes_the_files_of_the_old_capture_and_nothing_else(chain, tmp_path):
    old = chain(CaptureOptions("n05", split=True, file="ports.pcapng")).kept
    (old.captures[0].parent / "mine.txt").write_text("stays")
    file = tmp_path / "chain.toml"
    new = go(file, old.path, force=True, capture=CaptureOptions("n05", file="b.pcapng.gz")).kept
    assert sorted(path.name for path in (old.path / "ports").iterdir()) == ["mine.txt"]
    assert new.captures == [new.path / "b.pcapng.gz"]
    go(file, old.path, force=True)
    assert not (old.path / "b.pcapng.gz").exists()
