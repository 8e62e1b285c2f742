"""A capture taken through a run, read back by scapy and by tshark."""

from collections import defaultdict

import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import RawPcapNgReader

from lasermesh.capture.options import CaptureOptions
from lasermesh.errors import UserError
from lasermesh.results import format_summary

EPOCH_NS = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z, the epoch of a topology without satellites that move."""

MBPS_SERIALIZATION_NS = 12_000_000
OWLT_NS = {"left": 4_000_000, "right": 6_000_000}


def packets_of(kept):
    """Every record of a capture: time in ns, port, direction, and the packet."""
    records = []
    with RawPcapNgReader(str(kept.capture)) as reader:
        for data, meta in reader:
            time_ns = (meta.tshigh << 32 | meta.tslow) * 10**9 // meta.tsresol
            records.append((time_ns - EPOCH_NS, meta.ifname.decode(), meta.direction, meta.wirelen, IP(data)))
    return records


def test_endpoints_record_what_leaves_the_source_and_reaches_the_destination(world):
    done = world(capture="endpoints", kind="poisson")
    flow = done.summary["flows"][0]
    records = packets_of(done.kept)
    out = [record for record in records if record[2] == 2]
    into = [record for record in records if record[2] == 1]
    lost = [record for record in records if record[2] == 0]
    assert {port for _, port, *_ in out} == {"Quito:left", "Quito:right"}
    assert {port for _, port, *_ in into} == {"Lima:left", "Lima:right"}
    assert len(into) == flow["delivered"]
    # What waited when a contact ended, or the run; and what found no room.
    assert {port for _, port, *_ in lost} == {"Quito:left", "Quito:right"}
    assert 0 < len(lost) <= sum(flow["dropped"].values())
    from_quito = [row for row in done.kept.links.to_pylist() if row["from"] == "Quito"]
    assert len(out) == sum(row["packets"] for row in from_quito)
    assert [record[0] for record in records] == sorted(record[0] for record in records)
    assert {packet.ttl for *_, packet in out + lost} == {64} and {packet.ttl for *_, packet in into} == {63}
    assert {(length, packet.src, packet.dst) for *_, length, packet in records} == {
        (1500, "10.0.0.3", "10.0.0.4")
    }
    assert done.summary["capture"] == {
        "file": "capture.pcapng",
        "files": ["capture.pcapng"],
        "written": len(records),
        "cut": 0,
        "dropped": len(lost),
        "interfaces": 4,
        "bytes": done.kept.capture.stat().st_size,
    }
    told = f"Capture: {len(records)} packets at 4 ports, {len(lost)} of them dropped there, in capture.pcapng"
    assert told in format_summary(done.summary)


def test_a_node_records_both_directions_of_every_port(world):
    done = world(capture="left", rate_gbps=0.0005)
    records = packets_of(done.kept)
    seen = defaultdict(list)
    for time_ns, port, direction, _, packet in records:
        seen[packet.id].append((time_ns, port, direction, packet.ttl))
    whole = [hops for hops in seen.values() if len(hops) == 2]
    assert len(whole) > 70
    lost = [hops for hops in whole if hops[1][1:] == ("left:Lima", 0, 63)]
    assert len(lost) == done.summary["capture"]["dropped"] == 1  # in service when the contact ended
    for (arrived_ns, *into), (left_ns, *out) in (hops for hops in whole if hops not in lost):
        assert into == ["left:Quito", 1, 64] and out == ["left:Lima", 2, 63]
        assert left_ns - arrived_ns == MBPS_SERIALIZATION_NS  # nobody waits at half the rate
    assert done.kept.manifest["files"]["capture.pcapng"]["bytes"] == done.summary["capture"]["bytes"]


def test_a_port_records_what_passes_it_alone(world):
    done = world(capture="Lima:right")
    records = packets_of(done.kept)
    assert {(port, direction) for _, port, direction, *_ in records} == {("Lima:right", 1)}
    assert min(time_ns for time_ns, *_ in records) >= 2 * 10**9 + 2 * OWLT_NS["right"]
    numbered = world(capture="#3:#1")
    assert len(packets_of(numbered.kept)) == len(records)


def test_tshark_follows_a_packet_from_end_to_end(world, tshark, tshark_fields):
    done = world(capture="endpoints", left_stop_s=1e9, rate_gbps=0.0005)
    fields = tshark_fields(
        done.kept.capture,
        *("frame.time_epoch", "frame.packet_id", "frame.interface_name", "frame.packet_flags_direction"),
        *("ip.ttl", "ip.checksum.status", "ip.src_host", "ip.dst_host"),
    )
    ways = defaultdict(list)
    for time_s, packet_id, port, direction, ttl, checksum, *ends in fields:
        assert checksum == "1" and ends == ["Quito", "Lima"]
        whole, _, fraction = time_s.partition(".")
        time_ns = int(whole) * 10**9 + int(fraction.ljust(9, "0"))
        ways[int(packet_id)].append((time_ns, port, int(direction, 16), ttl))
    arrived = [way for way in ways.values() if len(way) == 2]
    assert len(arrived) == done.summary["flows"][0]["delivered"]
    for (sent_ns, *out), (time_ns, *into) in arrived:
        assert out == ["Quito:left", 2, "64"] and into == ["Lima:left", 1, "63"]
        # Light twice, and one serialization at the satellite; the first one was over when the packet left.
        assert time_ns - sent_ns == pytest.approx(2 * OWLT_NS["left"] + MBPS_SERIALIZATION_NS, abs=1)
    assert tshark(done.kept.capture, "-Y", "_ws.malformed or _ws.expert.severity >= warning") == []


def test_what_is_over_the_limit_is_counted(world):
    done = world(capture=CaptureOptions("endpoints", limit=50))
    capture = done.summary["capture"]
    assert capture["written"] == len(packets_of(done.kept)) == 50
    assert capture["cut"] > 400
    told = " ".join(format_summary(done.summary).split())
    assert f"the {capture['cut']:,} after them were left out (--limit takes more)" in told


def test_a_capture_changes_nothing_else(world):
    plain, captured = world(), world(capture="endpoints")
    for table in ("flows", "links", "paths", "contacts"):
        assert getattr(plain.kept, table).equals(getattr(captured.kept, table))


def test_checksums_are_right(world):
    """Of packets kept whole: with 96 bytes of 1500, nobody could tell."""
    done = world(capture="endpoints", sets=["flows.data.packet_bytes=60", "flows.data.rate_gbps=0.00005"])
    records = packets_of(done.kept)
    assert len(records) > 500
    for *_, packet in records[::7]:
        given = packet.chksum, packet[UDP].chksum
        del packet.chksum, packet[UDP].chksum
        again = IP(bytes(packet))
        assert given == (again.chksum, again[UDP].chksum)


@pytest.mark.parametrize("capture", ["left:left", "Quitto", "#9", "left:nobody"])
def test_a_capture_of_what_is_not_there_is_refused_before_anything_is_written(world, tmp_path, capture):
    with pytest.raises(UserError, match="--capture"):
        world(capture=capture)
    assert not list(tmp_path.glob("run-*"))


def test_a_capture_of_trains_is_told_to_hold_their_first_packets(world):
    options = {"head": 'fidelity = "train"\n', "rate_gbps": 0.5, "capture": "endpoints"}
    (told,) = world(**options).warnings
    assert told.startswith("the capture shows of a train its first packet only")
    assert world(capture="endpoints").warnings == []
