"""Captures of real packets: their own bytes, as they are at each port."""

import contextlib
import os
import threading
import time

import numpy as np
import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import RawPcapNgReader

from lasermesh.capture import CapturedNodes, CaptureOptions, CaptureWriter, RealPackets, TapRecords
from lasermesh.errors import RunFailed
from lasermesh.units import NONE
from tests.capture.made import FLOWS, INTERFACES, IPV6, NAMES, START, record

TLS_HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(range(32)) + bytes.fromhex("000002130101000000")
NODE_NAMES = NAMES[:4]
ENDS = {"src": "10.0.0.2", "dst": "10.0.0.3"}
ENDS_6 = {"src": "fd6c:6d::2:0:1", "dst": "fd6c:6d::2:0:2"}
MADE = (
    lambda: IP(**ENDS, ttl=64, tos=0x2A, id=77) / ICMP(id=5, seq=1) / Raw(b"ping" * 14),
    lambda: IP(**ENDS, ttl=57) / TCP(sport=40000, dport=443, flags="PA", seq=9) / Raw(TLS_HELLO),
    lambda: IP(**ENDS, options=b"\x94\x04\0\0", ttl=3) / UDP(sport=1, dport=33434) / Raw(b"x" * 2001),
    lambda: IP(**ENDS, ttl=1, proto=253),
    lambda: IPv6(**ENDS_6, hlim=255, tc=0x01) / ICMPv6EchoRequest(data=b"six" * 30),
    lambda: IPv6(**ENDS_6, hlim=9, tc=0xB8) / TCP(sport=80, dport=50000, flags="SA"),
)


def with_changes(made, hop_limit, is_marked):
    """Bytes of a packet of MADE as scapy makes it with another hop limit and, maybe, told of congestion."""
    packet = made()
    if packet.version == 4:
        packet.ttl = hop_limit
        packet.tos |= 3 * is_marked
    else:
        packet.hlim = hop_limit
        packet.tc |= 3 * is_marked
    return bytes(packet)


def records_of(n, seed=5):
    """Records of `n` packets, each of the next of MADE, and their bytes: `TapRecords`, `RealPackets`."""
    rng = np.random.default_rng(seed)
    which = np.arange(n) % len(MADE)
    own = [bytes(made()) for made in MADE]
    data = np.zeros((len(MADE), max(map(len, own))), np.uint8)
    for row, packet in enumerate(own):
        data[row, : len(packet)] = np.frombuffer(packet, np.uint8)
    blank = TapRecords(*(np.full(n, column[0]) for column in record()))
    records = blank._replace(
        time_ps=np.arange(n) * 1000,
        sequence=np.arange(n),
        direction=rng.integers(0, 3, n),
        size_bytes=np.array([len(own[row]) for row in which]),
        hop_limit=rng.integers(1, 256, n),
        ecn=rng.choice([0, 2, 3], n),
    )
    return records, RealPackets(which, data)


def packets_of(path):
    with RawPcapNgReader(str(path)) as reader:
        return list(reader)


@contextlib.contextmanager
def writer(path, may_wait=True, **options):
    nodes = CapturedNodes(NODE_NAMES, IPV6, all_are_named=True)
    how = CaptureOptions(**{"snaplen": 65535} | options)
    with CaptureWriter(path, INTERFACES, FLOWS, START, how, nodes=nodes, may_wait=may_wait) as made:
        yield made


@pytest.mark.parametrize("link_type", ["raw", "ethernet"])
def test_packets_have_the_hop_limit_and_mark_of_the_place_and_are_else_as_they_were_sent(tmp_path, link_type):
    records, real = records_of(60)
    with writer(tmp_path / "a.pcapng", link_type=link_type) as capture:
        capture.write(records, None, real)
    for row, (data, meta) in enumerate(packets_of(tmp_path / "a.pcapng")):
        expected = with_changes(MADE[real.row[row]], int(records.hop_limit[row]), records.ecn[row] == 3)
        if link_type == "ethernet":
            assert Ether(data).type == (0x0800 if expected[0] >> 4 == 4 else 0x86DD)
            data = data[14:]
        assert data == expected
        assert meta.wirelen == len(expected) + 14 * (link_type == "ethernet")


def test_of_long_packets_the_beginning_is_kept_and_the_length_is_told(tmp_path):
    records, real = records_of(12)
    with writer(tmp_path / "a.pcapng", snaplen=49) as capture:
        capture.write(records, None, RealPackets(real.row, real.data[:, :96]))
    for row, (data, meta) in enumerate(packets_of(tmp_path / "a.pcapng")):
        expected = with_changes(MADE[real.row[row]], int(records.hop_limit[row]), records.ecn[row] == 3)
        assert data == expected[:49]
        assert meta.wirelen == len(expected)


def test_what_is_made_up_stands_beside_what_is_real_and_each_port_may_have_its_file(tmp_path):
    records, real = records_of(12)
    made_up = np.arange(12) % 2 == 0
    records = records._replace(
        interface=np.arange(12) % 3, size_bytes=np.where(made_up, 500, records.size_bytes)
    )
    real = RealPackets(np.where(made_up, NONE, real.row), real.data)
    with writer(tmp_path / "a.pcapng", split=True) as capture:
        capture.write(records, None, real)
    for port, interface in enumerate(INTERFACES):
        found = packets_of(tmp_path / "a" / f"{interface.name.replace(':', '_')}.pcapng")
        rows = np.flatnonzero(records.interface == port)
        assert len(found) == len(rows) == 4
        for (data, _), row in zip(found, rows.tolist(), strict=True):
            if made_up[row]:
                assert (IP(data).proto, len(data)) == (17, 500)
            else:
                hops, is_marked = int(records.hop_limit[row]), records.ecn[row] == 3
                assert data == with_changes(MADE[real.row[row]], hops, is_marked)


def test_tshark_dissects_real_packets_and_finds_their_checksums_right(tmp_path, tshark, tshark_fields):
    records, real = records_of(60)
    with writer(tmp_path / "a.pcapng") as capture:
        capture.write(records, None, real)
    fields = tshark_fields(
        tmp_path / "a.pcapng",
        *("frame.protocols", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"),
        options=("-o", "tcp.check_checksum:TRUE"),
    )
    protocols = [line[0] for line in fields]
    assert protocols[:6] == [
        *("raw:ip:icmp:data", "raw:ip:tcp:tls", "raw:ip:udp:data", "raw:ip"),
        *("raw:ipv6:icmpv6:data", "raw:ipv6:tcp"),
    ]
    assert {status for line in fields for status in line[1:]} == {"", "1"}
    assert tshark(tmp_path / "a.pcapng", "-Y", "_ws.malformed") == []
    assert "New York" in tshark(tmp_path / "a.pcapng", "-N", "n")[0]


def test_a_made_up_packet_must_hold_its_headers_and_a_real_one_those_of_ip(tmp_path):
    short = record(size_bytes=20)
    with writer(tmp_path / "a.pcapng") as capture:
        with pytest.raises(ValueError, match="size_bytes must be at least 28 where a packet is made up"):
            capture.write(short)
        data = np.frombuffer(bytes(IP(**ENDS, proto=253)), np.uint8)[None]
        capture.write(short, None, RealPackets(np.zeros(1, np.int64), data))
        capture.close()
    assert len(packets_of(tmp_path / "a.pcapng")) == 1


def test_a_flush_shows_readers_what_has_been_written(tmp_path):
    records, real = records_of(6)
    with writer(tmp_path / "a.pcapng") as capture:
        capture.write(records, None, real)
        capture.flush()
        assert len(packets_of(tmp_path / "a.pcapng")) == 6


@pytest.fixture
def pipe(tmp_path):
    """A named pipe with a reader: its path, and the reader's descriptor."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    yield path, reader
    with contextlib.suppress(OSError):
        os.close(reader)


def test_a_reader_of_a_pipe_sees_at_once_what_is_written(tmp_path, pipe):
    path, reader = pipe
    records, real = records_of(6)
    whole = tmp_path / "whole.pcapng"
    with writer(whole) as capture:
        capture.write(records, None, real)
    with writer(path, may_wait=False) as capture:
        capture.write(records, None, real)
        seen = b""
        while seen.count(b"ping" * 14) < 1 or seen.count(b"six" * 30) < 1:
            seen += os.read(reader, 65536)
    while part := os.read(reader, 65536):
        seen += part
    assert seen == whole.read_bytes()


def test_a_reader_that_goes_away_ends_the_capture(pipe):
    path, reader = pipe
    records, real = records_of(60)
    with writer(path, may_wait=False) as capture, pytest.raises(RunFailed, match="Broken pipe"):
        os.close(reader)
        for _ in range(500):
            capture.write(records, None, real)
            time.sleep(0.01)


def test_nobody_waits_for_a_reader_that_does_not_keep_up(pipe, monkeypatch):
    from lasermesh.capture import streams

    monkeypatch.setattr(streams, "_MOST_UNREAD_BYTES", 100_000)
    path, _ = pipe
    records, real = records_of(600)
    with writer(path, may_wait=False) as capture, pytest.raises(RunFailed, match="does not keep up"):
        for _ in range(100):
            capture.write(records, None, real)
    assert not [thread for thread in threading.enumerate() if thread.name == "capture"]
