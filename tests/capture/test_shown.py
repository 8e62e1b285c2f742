"""What readers show of a capture: IPv6, classes, congestion marks, drops, replies, Ethernet, statistics."""

import struct
import subprocess

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from lasermesh.capture import CapturedNodes, CaptureWriter, FlowEnds, TapRecords
from lasermesh.packets.causes import CAUSES
from lasermesh.units import NONE
from tests.capture.conftest import program
from tests.capture.made import (
    INTERFACES,
    IPV6,
    MIXED,
    NAMES,
    START_NS,
    capture,
    random_records,
    read_blocks,
    record,
)

NODES = CapturedNodes(NAMES, IPV6)
FAULTS = "_ws.malformed or _ws.expert.severity >= warning"


def records_of(*rows):
    """Records from dictionaries of what differs from a plain packet, a microsecond apart."""
    each = [record(time_ps=k * 10**6, sequence=k, **row) for k, row in enumerate(rows)]
    return TapRecords(*(np.concatenate(columns) for columns in zip(*each, strict=True)))


@pytest.mark.parametrize("link_type", ["raw", "ethernet"])
@pytest.mark.parametrize("snaplen", [96, 65535])
def test_tshark_finds_no_fault_in_packets_of_any_kind(tmp_path, tshark, tshark_fields, link_type, snaplen):
    records = random_records(30, 400, MIXED)
    capture(tmp_path / "a.pcapng", records, MIXED, link_type=link_type, snaplen=snaplen)
    shown = tshark_fields(
        tmp_path / "a.pcapng",
        *("frame.protocols", "ip.checksum.status", "udp.checksum.status", "frame.len", "frame.cap_len"),
    )
    before = 14 if link_type == "ethernet" else 0
    for row, (protocols, ip, udp, length, captured) in enumerate(shown):
        is_ipv6 = MIXED.ip_version[records.flow[row]] == 6
        size = records.size_bytes[row]
        payload = "" if size == (48 if is_ipv6 else 28) else ":data"
        link = "eth:ethertype" if before else "raw"
        assert protocols == f"{link}:{'ipv6' if is_ipv6 else 'ip'}:udp{payload}"
        assert ip == ("" if is_ipv6 else "1")
        assert udp == ("1" if size + before <= snaplen else "2")
        assert int(length) == size + before
        assert int(captured) == min(size + before, snaplen)
    assert tshark(tmp_path / "a.pcapng", "-Y", FAULTS) == []


def test_scapy_reads_ipv6_with_the_checksum_that_it_computes(tmp_path):
    records = random_records(31, 150, MIXED)
    records = records._replace(
        size_bytes=np.minimum(records.size_bytes, 9000)
    )  # with Ethernet within snaplen
    capture(tmp_path / "a.pcapng", records, MIXED, snaplen=65535, link_type="ethernet")
    with RawPcapNgReader(str(tmp_path / "a.pcapng")) as reader:
        frames = [Ether(data) for data, _ in reader]
    for row, frame in enumerate(frames):
        packet = frame.payload
        if MIXED.ip_version[records.flow[row]] == 4:
            assert isinstance(packet, IP)
            continue
        assert isinstance(packet, IPv6)
        assert (packet.fl, packet.hlim) == (records.flow[row], records.hop_limit[row])
        assert packet.plen == records.size_bytes[row] - 40
        given = packet[UDP].chksum
        del packet[UDP].chksum
        assert given == IPv6(bytes(packet))[UDP].chksum


def test_tshark_shows_classes_and_congestion_marks(tmp_path, tshark_fields):
    marks = [{"ecn": ecn, "traffic_class": class_} for ecn in range(4) for class_ in (0, 1, 7)]
    rows = [mark | {"flow": flow} for flow in (2, 3) for mark in marks]
    capture(tmp_path / "a.pcapng", records_of(*rows), MIXED)
    fields = ("ip.dsfield.dscp", "ip.dsfield.ecn", "ipv6.tclass.dscp", "ipv6.tclass.ecn", "frame.packet_id")
    shown = tshark_fields(tmp_path / "a.pcapng", *fields)
    for row, line in zip(rows, shown, strict=True):
        selector = [str(8 * row["traffic_class"]), str(row["ecn"])]
        assert line[:4] == ([*selector, "", ""] if row["flow"] == 2 else ["", "", *selector])


def test_a_class_stands_beside_the_packet_too(tmp_path, tshark):
    capture(tmp_path / "a.pcapng", records_of({}, {"traffic_class": 5}))
    assert "Interface queue: 5" in " ".join(tshark(tmp_path / "a.pcapng", "-V"))


def test_tshark_shows_where_and_why_packets_were_dropped(tmp_path, tshark_fields, tshark):
    rows = [{}, *({"direction": 0, "cause": cause, "interface": 1} for cause in range(len(CAUSES))), {}]
    capture(tmp_path / "a.pcapng", records_of(*rows))
    shown = tshark_fields(
        tmp_path / "a.pcapng",
        *("frame.comment", "frame.interface_name", "frame.packet_flags_direction"),
        options=("-Y", "frame.comment"),
    )
    port = INTERFACES[1].name
    assert shown == [[f"dropped: {cause}", port, "0x00000000"] for cause in CAUSES]
    assert tshark(tmp_path / "a.pcapng", "-Y", FAULTS) == []


def test_names_of_nodes_are_shown_for_ipv6(tmp_path, tshark_fields):
    capture(tmp_path / "a.pcapng", records_of({"flow": 0}, {"flow": 3}), MIXED)
    shown = tshark_fields(tmp_path / "a.pcapng", "ipv6.src_host", "ipv6.dst_host", "ipv6.flow")
    assert shown == [["New York", "Zürich", "0x000000"], ["sat-254", "sat-4", "0x000003"]]


def test_names_of_very_many_nodes_go_into_blocks_that_wireshark_reads(tmp_path):
    n = 25_000
    flows = FlowEnds(np.zeros(n, np.int64), np.arange(n))
    capture(tmp_path / "a.pcapng", record(), flows)
    blocks = [content for kind, content in read_blocks((tmp_path / "a.pcapng").read_bytes()) if kind == 4]
    assert len(blocks) == 3
    assert b"sat-24999\0" in blocks[2]


def test_a_request_and_its_reply_are_one_conversation(tmp_path, tshark):
    ends = FlowEnds(np.array([1, 2, 1]), np.array([2, 1, 2]), None, np.array([NONE, 0, NONE]))
    capture(
        tmp_path / "a.pcapng", records_of({"flow": 0}, {"flow": 1, "size_bytes": 1500}, {"flow": 2}), ends
    )
    lines = [line for line in tshark(tmp_path / "a.pcapng", "-q", "-z", "conv,udp") if "<->" in line]
    assert len(lines) == 2
    both = next(line for line in lines if ":49152" in line)
    assert both.split()[:3] == ["10.0.0.2:49152", "<->", "10.0.0.3:9"]
    assert "1500" in both and " 100 " in both
    assert tshark(tmp_path / "a.pcapng", "-Y", FAULTS) == []


def test_ethernet_addresses_tell_the_nodes_of_the_hop(tmp_path, tshark_fields):
    rows = records_of({"interface": 1}, {"interface": 1, "direction": 1}, {"interface": 2}, {"interface": 0})
    capture(tmp_path / "a.pcapng", rows, link_type="ethernet")
    node, peer = "02:00:00:00:00:00", "02:00:00:00:00:02"
    assert tshark_fields(tmp_path / "a.pcapng", "eth.src", "eth.dst") == [
        [node, peer],
        [peer, node],
        ["02:00:00:00:00:04", "02:00:00:01:00:40"],
        ["02:00:00:00:00:01", "02:ff:ff:ff:ff:ff"],
    ]


def test_statistics_count_what_was_seen_dropped_and_written_at_each_port(tmp_path):
    records = random_records(32, 200)
    summary = capture(tmp_path / "a.pcapng", records, limit=120)
    blocks = [content for kind, content in read_blocks((tmp_path / "a.pcapng").read_bytes())]
    kinds = [kind for kind, _ in read_blocks((tmp_path / "a.pcapng").read_bytes())]
    assert kinds[-3:] == [5, 5, 5]
    for port, content in enumerate(blocks[-3:]):
        mine, dropped = records.interface == port, records.cause != NONE
        number, *end = struct.unpack_from("<III", content)
        codes = [struct.unpack_from("<HHQ", content, 12 + 12 * k) for k in range(5)]
        counts = {code: value for code, _, value in codes[2:]}
        assert number == port
        assert counts == {4: mine.sum(), 5: (mine & dropped).sum(), 8: mine[:120].sum()}
        last_ns = START_NS + int(records.time_ps[-1]) // 1000
        assert end == [last_ns >> 32, last_ns & 0xFFFFFFFF]
        assert [struct.unpack_from("<II", content, 16 + 12 * k) for k in (0, 1)] == [
            (START_NS >> 32, START_NS & 0xFFFFFFFF),
            tuple(end),
        ]
    assert summary["dropped"] == (records.cause[:120] != NONE).sum()


def test_statistics_count_once_what_is_dropped_where_its_arrival_was_seen(tmp_path):
    port = {"interface": 1}
    records = records_of(
        port | {"direction": 1}, port | {"direction": 0, "cause": 0}, port | {"direction": 1}
    )
    with CaptureWriter(tmp_path / "a.pcapng", INTERFACES, MIXED, START_NS, nodes=NODES) as out:
        out.write(records, np.array([False, True, False]))
        assert out.close()["dropped"] == 1
    content = [content for kind, content in read_blocks((tmp_path / "a.pcapng").read_bytes()) if kind == 5][1]
    counts = [struct.unpack_from("<Q", content, 12 + 12 * k + 4)[0] for k in (2, 3, 4)]
    assert counts == [2, 1, 2]


@pytest.mark.parametrize("link_type", ["raw", "ethernet"])
def test_capinfos_finds_all_ports_with_their_statistics(tmp_path, link_type):
    capture(tmp_path / "a.pcapng", random_records(33, 50, MIXED), MIXED, link_type=link_type, comment="why")
    command = [program("capinfos"), "-M", str(tmp_path / "a.pcapng")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert "Number of interfaces in file: 3" in said
    assert said.count("Number of stat entries = 1") == 3
    assert said.count("Time precision = nanoseconds (9)") == 3
    assert "Number of packets:   50" in said
    assert "Capture comment:     why" in said
    assert INTERFACES[1].name in said


def test_editcap_makes_a_classic_file_of_nanoseconds(tmp_path, tshark_fields):
    records = random_records(34, 60, MIXED)
    capture(tmp_path / "a.pcapng", records, MIXED)
    command = [program("editcap"), "-F", "nsecpcap", str(tmp_path / "a.pcapng"), str(tmp_path / "a.pcap")]
    subprocess.run(command, capture_output=True, check=True)
    times = [[row] for row in (START_NS + records.time_ps // 1000).tolist()]
    shown = tshark_fields(tmp_path / "a.pcap", "frame.time_epoch")
    assert [[int(row[0].replace(".", ""))] for row in shown] == times
    assert tshark_fields(tmp_path / "a.pcapng", "frame.len") == tshark_fields(
        tmp_path / "a.pcap", "frame.len"
    )
