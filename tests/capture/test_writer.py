import errno
import math
import os
import struct
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import RawPcapNgReader

from lasermesh.capture import (
    CapturedNodes,
    CaptureOptions,
    CaptureWriter,
    FlowEnds,
    Interface,
    TapRecords,
    writer,
)
from lasermesh.errors import RunFailed, UserError
from lasermesh.units import NONE
from tests.capture.made import (
    FLOWS,
    INTERFACES,
    IPV6,
    MIXED,
    NAMES,
    START,
    START_NS,
    capture,
    random_records,
    read_blocks,
    record,
)
from tests.capture.reference_writer import write_capture


@pytest.mark.parametrize("link_type", ["raw", "ethernet"])
@pytest.mark.parametrize("flows", ["IPv4", "mixed"])
@pytest.mark.parametrize("snaplen", [28, 97, 65535])
def test_file_is_that_of_the_slow_writer_byte_for_byte(tmp_path, snaplen, flows, link_type):
    flows = {"IPv4": FLOWS, "mixed": MIXED}[flows]
    records = random_records(snaplen, 150, flows)
    path = tmp_path / "a.pcapng"
    options = {"snaplen": snaplen, "link_type": link_type, "limit": 120}
    capture(path, records, flows, comment="quick, seed 7", **options)
    rows = list(zip(*(column.tolist() for column in records), strict=True))
    is_ethernet = link_type == "ethernet"
    about = ("quick, seed 7", NAMES, IPV6, is_ethernet, 120)
    expected = write_capture(INTERFACES, flows, START_NS, rows, snaplen, *about)
    assert path.read_bytes() == expected


def test_scapy_reads_every_packet_back(tmp_path):
    records = random_records(1, 200)
    capture(tmp_path / "a.pcapng", records, snaplen=65535)
    with RawPcapNgReader(str(tmp_path / "a.pcapng")) as reader:
        packets = list(reader)
    assert len(packets) == 200
    for row, (data, meta) in enumerate(packets):
        assert meta.linktype == 101
        assert meta.ifname.decode() == INTERFACES[records.interface[row]].name
        assert meta.direction == records.direction[row]
        assert meta.wirelen == len(data) == records.size_bytes[row]
        time_ns = (meta.tshigh << 32 | meta.tslow) * 10**9 // meta.tsresol
        assert time_ns == START_NS + records.time_ps[row] // 1000
        packet = IP(data)
        assert packet.ttl == records.hop_limit[row]
        assert packet.id == records.sequence[row] % 65536
        given = packet.chksum, packet[UDP].chksum
        del packet.chksum, packet[UDP].chksum
        again = IP(bytes(packet))
        assert given == (again.chksum, again[UDP].chksum)


def test_a_udp_checksum_that_comes_out_as_zero_is_written_as_all_ones(tmp_path):
    """RFC 768: zero would say that there is no checksum. Some size between 28 and 65535 gives it."""
    records = record()
    size = np.arange(28, 65536)
    records = TapRecords(*(np.full(len(size), column[0]) for column in records))._replace(size_bytes=size)
    capture(tmp_path / "a.pcapng", records)
    checksums = [
        struct.unpack_from(">H", content, 20 + 26)[0]
        for kind, content in read_blocks((tmp_path / "a.pcapng").read_bytes())
        if kind == 6
    ]
    assert len(checksums) == len(size)
    assert 0 not in checksums
    assert 0xFFFF in checksums


def test_tshark_finds_nothing_malformed_and_no_bad_checksum(tmp_path, tshark, tshark_fields):
    records = random_records(2, 500)
    capture(tmp_path / "a.pcapng", records, snaplen=65535)
    fields = tshark_fields(
        tmp_path / "a.pcapng", "frame.protocols", "ip.checksum.status", "udp.checksum.status"
    )
    empty = {row for row in range(500) if records.size_bytes[row] == 28}
    assert [good[1:] for good in fields] == [["1", "1"]] * 500
    assert [protocols == "raw:ip:udp" for protocols, *_ in fields] == [row in empty for row in range(500)]
    assert {protocols for protocols, *_ in fields} == {"raw:ip:udp", "raw:ip:udp:data"}
    assert tshark(tmp_path / "a.pcapng", "-Y", "_ws.malformed or _ws.expert.severity >= warning") == []


def test_tshark_finds_no_bad_checksum_in_packets_cut_by_the_default_snaplen(tmp_path, tshark_fields):
    records = random_records(3, 500)
    capture(tmp_path / "a.pcapng", records)
    fields = tshark_fields(
        tmp_path / "a.pcapng", "ip.checksum.status", "udp.checksum.status", "frame.cap_len"
    )
    for (ip, udp, captured), size in zip(fields, records.size_bytes, strict=True):
        assert ip == "1"
        assert udp == ("1" if size <= 96 else "2")  # good, or unverified for want of the payload
        assert int(captured) == min(size, 96)


def test_tshark_takes_no_flow_for_another_protocol(tmp_path, tshark_fields):
    """Dissectors are chosen by port: every source port in use, with payloads of zeros of several lengths."""
    n = 4096
    flows = FlowEnds(np.zeros(n, np.int64), np.ones(n, np.int64))
    k = np.arange(n)
    with CaptureWriter(tmp_path / "a.pcapng", INTERFACES, flows, START) as open_capture:
        size = np.array([40, 96, 1500])[k % 3]
        open_capture.write(TapRecords(k, k * 0, k * 0 + 1, k, k, size, k * 0 + 64, k * 0, k * 0, k * 0 - 1))
    fields = tshark_fields(tmp_path / "a.pcapng", "udp.srcport", "frame.protocols")
    assert [int(port) for port, _ in fields] == list(range(49152, 49152 + n))
    assert {protocols for _, protocols in fields} == {"raw:ip:udp:data"}


def test_tshark_shows_names_directions_and_times(tmp_path, tshark_fields):
    records = random_records(4, 50)
    capture(tmp_path / "a.pcapng", records)
    fields = tshark_fields(
        tmp_path / "a.pcapng",
        *("frame.interface_name", "frame.interface_description", "frame.packet_flags_direction"),
        *("frame.time_epoch", "frame.packet_id", "frame.len", "ip.ttl", "ip.src_host", "ip.dst_host"),
    )
    for row, shown in enumerate(fields):
        interface = INTERFACES[records.interface[row]]
        seconds, ns = divmod(int(START_NS + records.time_ps[row] // 1000), 10**9)
        flow = records.flow[row]
        assert shown[:2] == [interface.name, interface.description]
        assert int(shown[2], 16) == records.direction[row]
        assert shown[3] == f"{seconds}.{ns:09d}"
        assert int(shown[4]) == int(flow) << 40 | int(records.sequence[row])
        assert int(shown[5]) == records.size_bytes[row]
        assert int(shown[6]) == records.hop_limit[row]
        assert shown[7:] == [NAMES[FLOWS.from_row[flow]], NAMES[FLOWS.to_row[flow]]]


def test_one_packet_is_followed_by_its_id_from_hop_to_hop(tmp_path, tshark_fields):
    """A packet of flow 3 leaves one node and reaches the next; another packet goes along."""
    rows = [
        (1_000_999, 0, 2, 3, 70_000, 1500, 64),
        (1_001_000, 0, 2, 2, 70_000, 1500, 64),
        (6_001_500, 1, 1, 3, 70_000, 1500, 64),
        (6_481_500, 1, 2, 3, 70_000, 1500, 63),
    ]
    columns = TapRecords(
        *(np.array(column) for column in zip(*((*row, 0, 0, NONE) for row in rows), strict=True))
    )
    capture(tmp_path / "a.pcapng", columns)
    packet_id = (3 << 40) + 70_000
    shown = tshark_fields(
        tmp_path / "a.pcapng",
        *("frame.interface_name", "frame.packet_flags_direction", "ip.ttl", "frame.time_epoch", "ip.id"),
        options=("-Y", f"frame.packet_id == {packet_id}"),
    )
    identification = f"0x{70_000 % 65536:04x}"
    assert shown == [
        ["New York:gen1-00-00", "0x00000002", "64", "1774008000.000001000", identification],
        ["gen1-00-00:Zürich", "0x00000001", "64", "1774008000.000006001", identification],
        ["gen1-00-00:Zürich", "0x00000002", "63", "1774008000.000006481", identification],
    ]


def test_section_tells_program_scenario_and_seed(tmp_path):
    capture(tmp_path / "a.pcapng", record(), comment="lasermesh 0.1.0, scenario quick, seed 7")
    kind, content = read_blocks((tmp_path / "a.pcapng").read_bytes())[0]
    assert kind == 0x0A0D0D0A
    assert b"lasermesh 0.1.0, scenario quick, seed 7" in content


def test_speeds_of_both_directions_are_declared_where_they_differ(tmp_path):
    capture(tmp_path / "a.pcapng", record())
    interfaces = [content for kind, content in read_blocks((tmp_path / "a.pcapng").read_bytes()) if kind == 1]
    speeds = [{}, {}, {}]
    for options, content in zip(speeds, interfaces, strict=True):
        at = 8
        while at < len(content):
            code, length = struct.unpack_from("<HH", content, at)
            if code in (8, 16, 17):
                options[code] = struct.unpack_from("<Q", content, at + 4)[0]
            at += 4 + math.ceil(length / 4) * 4
    assert speeds == [
        {8: 25 * 10**9},
        {8: 1_200_000_000, 16: 1_200_000_000, 17: 100_000_000},
        {8: 1_600 * 10**9},
    ]


def test_ports_that_appear_during_the_run_are_declared_before_their_packets(tmp_path, tshark_fields):
    late = Interface("sat-9:New York", "GSL port of sat-9 to New York", 10**9, None)
    with CaptureWriter(tmp_path / "a.pcapng", INTERFACES[:1], FLOWS, START) as open_capture:
        open_capture.write(record(interface=0))
        open_capture.add_interfaces([late])
        open_capture.write(record(interface=1, time_ps=5_000_000))
    shown = tshark_fields(tmp_path / "a.pcapng", "frame.interface_name")
    assert shown == [["New York:gen1-00-00"], ["sat-9:New York"]]


@pytest.mark.parametrize("portion", [1, 7, 1000])
def test_file_does_not_depend_on_how_records_are_portioned(tmp_path, monkeypatch, portion):
    records = random_records(5, 1000, MIXED)
    capture(tmp_path / "whole.pcapng", records, MIXED)
    monkeypatch.setattr(writer, "_BUFFER_BYTES", 20_000)  # several chunks in every large portion
    nodes = CapturedNodes(NAMES, IPV6)
    with CaptureWriter(tmp_path / "portions.pcapng", INTERFACES, MIXED, START, nodes=nodes) as open_capture:
        for first in range(0, 1000, portion):
            open_capture.write(TapRecords(*(column[first : first + portion] for column in records)))
    assert (tmp_path / "portions.pcapng").read_bytes() == (tmp_path / "whole.pcapng").read_bytes()


def test_limit_keeps_the_first_records_and_counts_the_others(tmp_path):
    records = random_records(6, 100)
    with CaptureWriter(
        tmp_path / "a.pcapng", INTERFACES, FLOWS, START, CaptureOptions(limit=130)
    ) as open_capture:
        for _ in range(3):
            open_capture.write(records)
        summary = open_capture.close()
    assert (summary["written"], summary["cut"]) == (130, 170)
    assert summary["bytes"] == (tmp_path / "a.pcapng").stat().st_size
    with RawPcapNgReader(str(tmp_path / "a.pcapng")) as reader:
        assert sum(1 for _ in reader) == 130


def test_empty_capture_is_a_valid_file(tmp_path, tshark):
    with CaptureWriter(tmp_path / "a.pcapng", [], FlowEnds(np.zeros(0), np.zeros(0)), START) as open_capture:
        summary = open_capture.close()
    assert tshark(tmp_path / "a.pcapng") == []
    assert summary["written"] == summary["cut"] == summary["interfaces"] == 0


def test_start_is_the_same_instant_in_any_time_zone_and_as_nanoseconds(tmp_path):
    files = []
    for start in (START, START.astimezone(timezone(timedelta(hours=9))), START_NS):
        with CaptureWriter(tmp_path / "a.pcapng", INTERFACES, FLOWS, start) as open_capture:
            open_capture.write(record())
        files.append((tmp_path / "a.pcapng").read_bytes())
    assert files[0] == files[1] == files[2]


def test_start_before_1970_is_refused(tmp_path):
    with pytest.raises(UserError, match="1970"):
        CaptureWriter(tmp_path / "a.pcapng", [], FLOWS, datetime(1969, 12, 31, tzinfo=UTC))
    assert not (tmp_path / "a.pcapng").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"interface": 3},
        {"interface": -1},
        {"direction": 3},
        {"flow": 5},
        {"sequence": 2**40},
        {"size_bytes": 27},
        {"size_bytes": 65536},
        {"hop_limit": 256},
        {"hop_limit": -1},
        {"ecn": 4},
        {"traffic_class": 8},
        {"cause": 9},
        {"cause": -2},
    ],
)
def test_records_that_no_packet_can_make_are_refused(tmp_path, wrong):
    open_capture = CaptureWriter(tmp_path / "a.pcapng", INTERFACES, FLOWS, START)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        open_capture.write(record(**wrong))
    open_capture.abort()


@pytest.mark.parametrize("place", ["missing/a.pcapng", "."])
def test_path_that_cannot_be_written_is_refused_with_a_sentence(tmp_path, place):
    with pytest.raises(UserError, match="the capture cannot be written: "):
        CaptureWriter(tmp_path / place, INTERFACES, FLOWS, START)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_full_disk_ends_the_capture_with_a_sentence(tmp_path):
    (tmp_path / "a.pcapng").symlink_to("/dev/full")
    open_capture = CaptureWriter(tmp_path / "a.pcapng", INTERFACES, FLOWS, START)
    with pytest.raises(
        RunFailed, match=r"a\.pcapng: the capture could not be written after .* No space left"
    ):
        open_capture.write(random_records(7, 1000))


def test_full_disk_leaves_no_half_of_a_capture(tmp_path, monkeypatch):
    open_capture = CaptureWriter(tmp_path / "a.pcapng", INTERFACES, FLOWS, START)
    open_capture.write(random_records(7, 100))

    class FullDisk:
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    open_capture._out._file.close()
    monkeypatch.setattr(open_capture._out, "_file", FullDisk())
    with pytest.raises(RunFailed, match="No space left on device; the unfinished file was removed"):
        open_capture.write(random_records(8, 100))
    assert list(tmp_path.iterdir()) == []


def test_full_disk_that_shows_at_the_end_leaves_no_capture_either(tmp_path):
    path = tmp_path / "a.pcapng"
    open_capture = CaptureWriter(
        "/dev/full" if Path("/dev/full").exists() else path, INTERFACES, FLOWS, START
    )
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is a device of Linux")
    with pytest.raises(RunFailed, match="No space left"):
        open_capture.close()
    assert Path("/dev/full").exists()  # a device is not removed


def test_error_in_the_run_removes_the_capture(tmp_path):
    with pytest.raises(ZeroDivisionError), CaptureWriter(tmp_path / "a.pcapng", [], FLOWS, START):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_capture_can_be_written_into_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    capture(tmp_path / "pipe", random_records(9, 300))
    reader.join(10)
    capture(tmp_path / "a.pcapng", random_records(9, 300))
    assert received == [(tmp_path / "a.pcapng").read_bytes()]


@pytest.mark.compiled_only
def test_kernel_is_compiled_once(tmp_path):
    from lasermesh.capture.pcapng_kernels import fill_blocks

    capture(tmp_path / "a.pcapng", random_records(10, 10))
    narrow = TapRecords(*(column.astype(np.int32) for column in record()))
    capture(tmp_path / "b.pcapng", narrow)
    capture(tmp_path / "c.pcapng", random_records(10, 10, MIXED), MIXED, link_type="ethernet")
    capture(tmp_path / "d.pcapng", random_records(10, 10), split=True)
    assert len(fill_blocks.signatures) == 1
