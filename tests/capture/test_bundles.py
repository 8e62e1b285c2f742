"""Segments of bundles in a capture: BPv7 in UDP, beside plain packets."""

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import RawPcapNgReader

from lasermesh.bundles.records import Segments
from lasermesh.capture import (
    CapturedNodes,
    CaptureOptions,
    CaptureWriter,
    FlowEnds,
    Interface,
    TapRecords,
    writer,
)
from lasermesh.capture.bundles import MOST_HEADER_BYTES, NEVER_MS, bundle_headers
from lasermesh.units import NEVER
from tests.reference.bundle_reader import crc_16, read_bundle

START_NS = 1_774_008_000 * 10**9  # 2026-03-20T12:00:00Z
START_DTN_MS = 827_323_200_000
INTERFACES = (Interface("a:b", "ISL port of a to b", 10**9, 10**9),)
IPN = np.array([1, 20, 300, 70_000, 2**33])
S = 10**12
NAMES = ("a", "b", "c", "d", "e")
IPV6 = np.arange(5 * 16, dtype=np.uint8).reshape(5, 16) | 0x40

FLOWS = FlowEnds(np.array([0, 1, 2]), np.array([1, 2, 3]))
FIRST_CHANNEL = 1


class Log:
    """Segments by flow and sequence, as the log of a run would know them."""

    first_flow = FIRST_CHANNEL
    ends = FlowEnds(np.array([0]), np.array([4]))

    def __init__(self, rows):
        self._rows = rows

    def describe(self, flow, sequence):
        rows = [(*self._rows[key], 0) for key in zip(flow.tolist(), sequence.tolist(), strict=True)]
        return Segments(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))


# (flow, sequence) of packets: bundle, ends, created, lifetime, first byte, bytes of the bundle; then size.
BUNDLES = {
    (1, 0): ((0, 0, 4, 0, NEVER, 0, 3900), 1500),
    (1, 1): ((0, 0, 4, 0, NEVER, 1500, 3900), 1500),
    (1, 2): ((0, 0, 4, 0, NEVER, 3000, 3900), 900),
    (1, 3): ((7, 3, 1, 5 * S, 3600 * S, 0, 500), 500),
    (2, 70_000): ((90_000, 2, 0, 86_400 * S, S // 1000, 10**9, 2**50), 9000),
    (2, 70_001): ((90_000, 2, 0, 86_400 * S, S // 1000, 10**9, 2**50), 65_535),
}


def records_of(rows):
    """Records of (flow, sequence, size), a microsecond apart, all leaving on one port."""
    flow, sequence, size = (np.array(column) for column in zip(*rows, strict=True))
    k = np.arange(len(rows))
    zero = k * 0
    return TapRecords(k * 10**6, zero, zero + 2, flow, sequence, size, zero + 64, zero, zero, zero - 1)


def capture(path, rows, **options):
    """Options are those of `CaptureOptions`, and `segments`, `flows`, `more` segments of the log."""
    log = Log({key: segment for key, (segment, _) in BUNDLES.items()} | options.pop("more", {}))
    more = {"segments": options.pop("segments", log), "nodes": CapturedNodes(NAMES, IPV6, IPN)}
    flows = options.pop("flows", FLOWS)
    with CaptureWriter(path, INTERFACES, flows, START_NS, CaptureOptions(**options), **more) as open_capture:
        open_capture.write(records_of(rows))


def packets_of(path):
    """Kept bytes and length on the wire of each packet."""
    with RawPcapNgReader(str(path)) as reader:
        return [(data, meta.wirelen) for data, meta in reader]


BUNDLE_ROWS = [(*key, size) for key, (_, size) in BUNDLES.items()]


def test_a_capture_holds_bundles_that_say_where_they_belong(tmp_path):
    capture(tmp_path / "a.pcapng", BUNDLE_ROWS, snaplen=65_535)
    for (data, wire_bytes), ((flow, _), (segment, size)) in zip(
        packets_of(tmp_path / "a.pcapng"), BUNDLES.items(), strict=True
    ):
        number, source, destination, created_ps, lifetime_ps, first_byte, n_bytes = segment
        packet = IP(data)
        assert wire_bytes == len(data) == size
        assert (packet.src, packet.dst) == (f"10.0.0.{flow + 1}", f"10.0.0.{flow + 2}")
        assert packet[UDP].dport == 4556
        bundle = read_bundle(bytes(packet[UDP].payload))
        assert bundle.source == f"ipn:{IPN[source]}.1"
        assert bundle.destination == f"ipn:{IPN[destination]}.1"
        assert bundle.report_to == "dtn:none"
        assert (bundle.created_ms, bundle.sequence) == (START_DTN_MS + created_ps // 10**9, number)
        assert bundle.lifetime_ms == (NEVER_MS if lifetime_ps == NEVER else lifetime_ps // 10**9)
        whole = size == n_bytes
        assert bundle.is_fragment == (not whole)
        assert (bundle.offset, bundle.total_bytes) == ((None, None) if whole else (first_byte, n_bytes))
        assert bundle.payload == bytes(len(bundle.payload))
        assert bundle.has_shortest_form


def test_checksums_are_right_with_all_that_a_bundle_holds(tmp_path):
    capture(tmp_path / "a.pcapng", BUNDLE_ROWS, snaplen=65_535)
    for data, _ in packets_of(tmp_path / "a.pcapng"):
        packet = IP(data)
        given = packet.chksum, packet[UDP].chksum
        del packet.chksum, packet[UDP].chksum
        again = IP(bytes(packet))
        assert given == (again.chksum, again[UDP].chksum)


def test_a_packet_of_any_size_holds_a_bundle_that_fills_it_or_none():
    """Where no length in its shortest form fills the packet, a longer form does."""
    size = np.arange(28, 1501)
    segment = np.array([(3, 0, 4, 10**9, NEVER, 1500, 10**6, 0)] * len(size)).T
    headers = bundle_headers(Segments(*segment), size, size - 28, IPN, START_NS)
    first = int(np.argmax(headers.length > 0))
    assert not headers.length[:first].any()
    assert headers.length[first:].all()
    assert 90 < size[first] < 110
    longer = []
    for row in range(first, len(size)):
        n = int(headers.length[row])
        data = bytes(headers.data[row, :n]) + bytes(size[row] - 28 - n - 1) + b"\xff"
        bundle = read_bundle(data)
        assert len(bundle.payload) == size[row] - 28 - n - 1
        if not bundle.has_shortest_form:
            longer.append(len(bundle.payload))
    assert longer == [23, 255]


def test_the_longest_headers_have_room():
    most = 2**62
    segment = Segments(*np.array([[most, 0, 0, most, most, most, most, 0]]).T)
    headers = bundle_headers(segment, np.array([65_535]), np.array([65_507]), np.array([most]), START_NS)
    assert headers.length.tolist() == [91]
    assert MOST_HEADER_BYTES == 92


def test_a_run_that_starts_before_2000_has_bundles_of_2000():
    segment = Segments(*np.array([[0, 0, 1, 0, NEVER, 0, 500, 0]]).T)
    headers = bundle_headers(segment, np.array([500]), np.array([472]), IPN, 10**18 // 2)
    n = int(headers.length[0])
    data = bytes(headers.data[0, :n]) + bytes(500 - 28 - n - 1) + b"\xff"
    assert read_bundle(data).created_ms == 0


def test_crc_of_the_reference_is_that_of_the_catalogue():
    """CRC-16/IBM-SDLC, of which X.25 is another name: its check value."""
    assert crc_16(b"123456789") == 0x906E


@pytest.mark.parametrize("link_type", ["raw", "ethernet"])
def test_bundles_go_by_ipv6_and_ethernet_too(tmp_path, tshark, tshark_fields, link_type):
    flows = FLOWS._replace(ip_version=np.array([4, 4, 6]))
    more = {(2, 5): ((8, 3, 1, 5 * S, 3600 * S, 0, 501), 501)}
    rows = [(0, 5, 1500), *BUNDLE_ROWS[:3], *((*key, size) for key, (_, size) in more.items())]
    logged = {key: segment for key, (segment, _) in more.items()}
    options = {"flows": flows, "link_type": link_type, "snaplen": 65_535}
    capture(tmp_path / "a.pcapng", rows, more=logged, **options)
    fields = ("frame.protocols", "bpv7.primary.src_uri", "bpv7.crc_status", "udp.checksum.status")
    shown = tshark_fields(tmp_path / "a.pcapng", *fields)
    link = "raw" if link_type == "raw" else "eth:ethertype"
    assert shown[0][0] == f"{link}:ip:udp:data"
    assert [line[1:] for line in shown[1:]] == [["ipn:1.1", "1", "1"]] * 3 + [["ipn:70000.1", "1", "1"]]
    assert shown[1][0].startswith(f"{link}:ip:udp:bundle:bpv7")
    assert shown[4][0].startswith(f"{link}:ipv6:udp:bundle:bpv7")
    assert tshark(tmp_path / "a.pcapng", "-Y", "_ws.malformed or _ws.expert.severity >= error") == []
    (data, _), link_bytes = packets_of(tmp_path / "a.pcapng")[4], 0 if link_type == "raw" else 14
    bundle = read_bundle(data[link_bytes + 48 :])
    assert not bundle.is_fragment and bundle.has_shortest_form
    assert len(data) == link_bytes + 501


def test_plain_packets_stay_as_they_are_beside_bundles(tmp_path):
    rows = [(0, 5, 1500), *BUNDLE_ROWS, (0, 6, 40), (0, 7, 97)]
    capture(tmp_path / "a.pcapng", rows)
    capture(tmp_path / "plain.pcapng", rows, segments=None)
    mixed, plain = packets_of(tmp_path / "a.pcapng"), packets_of(tmp_path / "plain.pcapng")
    assert [mixed[row] for row in (0, -2, -1)] == [plain[row] for row in (0, -2, -1)]
    assert all(mixed[row][0] != plain[row][0] for row in range(1, 7))


def test_segments_too_short_for_a_bundle_are_plain_packets(tmp_path):
    more = {(1, 9): (0, 0, 4, 0, NEVER, 1500, 1530)}
    capture(tmp_path / "a.pcapng", [(1, 0, 1500), (1, 9, 30)], more=more)
    packets = [IP(data) for data, _ in packets_of(tmp_path / "a.pcapng")]
    assert [packet[UDP].dport for packet in packets] == [4556, 9]


def test_bundles_are_kept_to_the_end_of_their_headers(tmp_path):
    capture(tmp_path / "a.pcapng", BUNDLE_ROWS, snaplen=28)
    capture(tmp_path / "whole.pcapng", BUNDLE_ROWS, snaplen=65_535)
    whole = packets_of(tmp_path / "whole.pcapng")
    for (kept, wire_bytes), (data, _) in zip(packets_of(tmp_path / "a.pcapng"), whole, strict=True):
        assert wire_bytes == len(data)
        assert data.startswith(kept)
        assert 28 + 40 < len(kept) < 28 + MOST_HEADER_BYTES
        assert kept[-1] or kept[-2] or kept[-3]  # the length of the payload, not its zeros


@pytest.mark.parametrize("portion", [1, 4])
def test_bundles_do_not_depend_on_how_records_are_portioned(tmp_path, monkeypatch, portion):
    rows = [(0, 5, 1500), *BUNDLE_ROWS, (0, 6, 40)]
    capture(tmp_path / "whole.pcapng", rows)
    monkeypatch.setattr(writer, "_BUFFER_BYTES", 250 * portion)
    capture(tmp_path / "a.pcapng", rows)
    assert (tmp_path / "a.pcapng").read_bytes() == (tmp_path / "whole.pcapng").read_bytes()


@pytest.mark.parametrize("snaplen", [96, 65_535])
def test_tshark_dissects_bundles_and_finds_no_fault(tmp_path, tshark, tshark_fields, snaplen):
    rows = [(0, 5, 1500), *(row for row in BUNDLE_ROWS if row[2] < 5000)]
    capture(tmp_path / "a.pcapng", rows, snaplen=snaplen)
    shown = tshark_fields(
        tmp_path / "a.pcapng",
        *("frame.protocols", "bpv7.primary.src_uri", "bpv7.primary.dst_uri", "bpv7.create_ts.seqno"),
        *("bpv7.primary.frag_offset", "bpv7.primary.total_len", "bpv7.time.dtntime", "bpv7.crc_status"),
        "udp.checksum.status",
    )
    protocols = "raw:ip:udp:bundle:bpv7"
    far = f"ipn:{IPN[4]}.1"
    made = str(START_DTN_MS)
    status = "1" if snaplen == 65_535 else "2"  # good, or unverified for want of the payload
    assert [line.pop() for line in shown] == [status] * 5
    assert shown[0] == ["raw:ip:udp:data"] + [""] * 7
    assert all(line[0].startswith(protocols) for line in shown[1:])
    assert [line[1:] for line in shown[1:]] == [
        ["ipn:1.1", far, "0", "0", "3900", made, "1"],
        ["ipn:1.1", far, "0", "1500", "3900", made, "1"],
        ["ipn:1.1", far, "0", "3000", "3900", made, "1"],
        ["ipn:70000.1", "ipn:20.1", "7", "", "", str(START_DTN_MS + 5000), "1"],
    ]
    assert tshark(tmp_path / "a.pcapng", "-Y", "_ws.malformed or _ws.expert.severity >= error") == []


def test_tshark_knows_bundles_whose_payload_is_cut_off_as_such(tmp_path, tshark):
    capture(tmp_path / "a.pcapng", [(2, 70_000, 9000), (2, 70_001, 65_535)])
    lines = tshark(tmp_path / "a.pcapng", "-Y", "bpv7 and not _ws.expert.severity >= error")
    assert len(lines) == 2
    assert all("BPv7" in line and "Packet size limited" in line for line in lines)
