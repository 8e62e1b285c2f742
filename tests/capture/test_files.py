"""Into which files a capture goes: compressed, one for each port, and what remains when it fails."""

import errno
import gzip
import os
import threading

import numpy as np
import pytest
from scapy.utils import RawPcapNgReader

from lasermesh.capture import CapturedNodes, CaptureOptions, CaptureWriter, TapRecords, streams, writer
from lasermesh.capture.streams import FilePerPort, folder_and_suffix
from lasermesh.errors import RunFailed, UserError
from tests.capture.made import FLOWS, INTERFACES, IPV6, MIXED, NAMES, START, capture, random_records


def packets_of(path):
    """What scapy reads of a capture: port, time, bytes."""
    with RawPcapNgReader(str(path)) as reader:
        return [(meta.ifname.decode(), meta.tshigh, meta.tslow, data) for data, meta in reader]


def split_files(tmp_path, name="a.pcapng", **options):
    records = random_records(20, 400, MIXED)
    return records, capture(tmp_path / name, records, MIXED, split=True, **options)


@pytest.mark.parametrize("member_bytes", [1 << 20, 5000])
def test_a_compressed_capture_holds_the_bytes_of_a_plain_one(tmp_path, monkeypatch, member_bytes):
    monkeypatch.setattr(streams, "_MEMBER_BYTES", member_bytes)
    records = random_records(21, 300)
    capture(tmp_path / "a.pcapng", records)
    summary = capture(tmp_path / "a.pcapng.gz", records)
    plain, packed = (tmp_path / name for name in ("a.pcapng", "a.pcapng.gz"))
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert summary["bytes"] == packed.stat().st_size < plain.stat().st_size / 2


def test_a_compressed_capture_is_the_same_every_time_and_in_any_portions(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "_MEMBER_BYTES", 3000)
    records = random_records(22, 300)
    contents = []
    for portion in (300, 7):
        with CaptureWriter(tmp_path / "a.pcapng.gz", INTERFACES, FLOWS, START) as out:
            for first in range(0, 300, portion):
                out.write(TapRecords(*(column[first : first + portion] for column in records)))
        contents.append((tmp_path / "a.pcapng.gz").read_bytes())
    assert contents[0] == contents[1]


def test_tshark_reads_compressed_captures(tmp_path, tshark_fields, monkeypatch):
    monkeypatch.setattr(streams, "_MEMBER_BYTES", 3000)
    records = random_records(23, 200)
    capture(tmp_path / "a.pcapng.gz", records)
    shown = tshark_fields(tmp_path / "a.pcapng.gz", "frame.interface_name")
    assert [name for (name,) in shown] == [INTERFACES[port].name for port in records.interface]


def test_a_split_capture_has_a_file_for_each_port_that_saw_a_packet(tmp_path):
    records, summary = split_files(tmp_path)
    capture(tmp_path / "whole.pcapng", records, MIXED)
    whole = packets_of(tmp_path / "whole.pcapng")
    names = ["New York_gen1-00-00.pcapng", "gen1-00-00_Zürich.pcapng", "sat-4_sat-5.pcapng"]
    assert summary["files"] == [f"a/{name}" for name in names]
    assert summary["file"] == "a"
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(names)
    for interface, name in zip(INTERFACES, names, strict=True):
        assert packets_of(tmp_path / "a" / name) == [row for row in whole if row[0] == interface.name]
    assert summary["bytes"] == sum(path.stat().st_size for path in (tmp_path / "a").iterdir())


def test_ports_that_saw_nothing_have_no_file(tmp_path):
    records = random_records(24, 50, MIXED)
    records = records._replace(interface=records.interface * 0 + 1)
    summary = capture(tmp_path / "a.pcapng", records, MIXED, split=True)
    assert summary["files"] == ["a/gen1-00-00_Zürich.pcapng"]
    assert summary["interfaces"] == 3


def test_the_limit_of_a_split_capture_holds_for_all_files_together(tmp_path):
    _, summary = split_files(tmp_path, limit=150)
    n = sum(len(packets_of(tmp_path / name)) for name in summary["files"])
    assert n == summary["written"] == 150
    assert summary["cut"] == 250


@pytest.mark.parametrize("name", ["a.pcapng", "a.pcapng.gz"])
def test_split_files_do_not_depend_on_how_records_are_portioned(tmp_path, monkeypatch, name):
    records, summary = split_files(tmp_path, name)
    monkeypatch.setattr(writer, "_BUFFER_BYTES", 3000)
    monkeypatch.setattr(streams, "_PENDING_BYTES", 500)  # appended many times
    nodes = CapturedNodes(NAMES, IPV6)
    options = CaptureOptions(split=True)
    with CaptureWriter(tmp_path / f"b{name}", INTERFACES, MIXED, START, options, nodes=nodes) as out:
        for first in range(0, 400, 9):
            out.write(TapRecords(*(column[first : first + 9] for column in records)))
    for file in summary["files"]:
        one, other = (folder / os.path.basename(file) for folder in (tmp_path / "a", tmp_path / "ba"))
        read = gzip.decompress if name.endswith(".gz") else bytes
        assert read(one.read_bytes()) == read(other.read_bytes())


def test_tshark_shows_names_and_ports_in_every_split_file(tmp_path, tshark, tshark_fields):
    _, summary = split_files(tmp_path, "a.pcapng.gz")
    for interface, file in zip(INTERFACES, summary["files"], strict=True):
        shown = tshark_fields(tmp_path / file, "frame.interface_id", "frame.interface_name", "ipv6.src_host")
        assert {tuple(row[:2]) for row in shown} == {("0", interface.name)}
        assert {row[2] for row in shown} <= {"New York", "Zürich", "東京", "sat-254", "sat-65533", ""}
        assert tshark(tmp_path / file, "-Y", "_ws.malformed or _ws.expert.severity >= warning") == []


def test_names_of_ports_become_names_of_files_that_differ(tmp_path):
    out = FilePerPort(tmp_path / "a", ".pcapng")
    for name in ("a:b", "a/b", "A:B", "..", "x" * 300, "é" * 150 + ":é"):
        out.add(name)
    for port in range(6):
        out.put(port, b"1234")
    out.close()
    assert out.files == [
        *("a_b.pcapng", "a_b-2.pcapng", "A_B-3.pcapng", "port.pcapng"),
        *("x" * 200 + ".pcapng", "é" * 100 + ".pcapng"),
    ]
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(out.files)


@pytest.mark.parametrize(
    ("name", "folder", "suffix"),
    [
        ("capture.pcapng", "capture", ".pcapng"),
        ("capture.pcapng.gz", "capture", ".pcapng.gz"),
        ("of.one.day.pcapng.gz", "of.one.day", ".pcapng.gz"),
        ("capture", "capture", ".pcapng"),
    ],
)
def test_the_folder_of_a_split_capture_is_its_name_without_suffix(tmp_path, name, folder, suffix):
    assert folder_and_suffix(tmp_path / name) == (tmp_path / folder, suffix)


def test_an_error_in_the_run_removes_split_files_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "_PENDING_BYTES", 100)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("kept")
    for name in ("a.pcapng", "b.pcapng"):
        options, nodes = CaptureOptions(split=True), CapturedNodes(NAMES, IPV6)
        out = CaptureWriter(tmp_path / name, INTERFACES, MIXED, START, options, nodes=nodes)
        out.write(random_records(25, 100, MIXED))
        assert list((tmp_path / name[0]).glob("*.pcapng"))
        out.abort()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["a", "a/mine.txt"]


def test_a_folder_that_cannot_be_made_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(UserError, match="the capture cannot be written: "):
        CaptureWriter(
            tmp_path / "a.pcapng",
            INTERFACES,
            MIXED,
            START,
            CaptureOptions(split=True),
            nodes=CapturedNodes(None, IPV6),
        )


def test_a_disk_that_fills_while_threads_compress_leaves_no_half_of_a_capture(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "_MEMBER_BYTES", 1000)

    class FullDisk:
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self):
            pass

    out = CaptureWriter(tmp_path / "a.pcapng.gz", INTERFACES, FLOWS, START)
    out._out._file.close()
    monkeypatch.setattr(out._out, "_file", FullDisk())
    with pytest.raises(RunFailed, match="No space left on device; the unfinished file was removed"):
        for seed in range(50):
            out.write(random_records(seed, 100))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_is_never_removed(tmp_path):
    os.mkfifo(tmp_path / "pipe.gz")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe.gz").read_bytes()))
    reader.start()
    out = CaptureWriter(tmp_path / "pipe.gz", INTERFACES, FLOWS, START)
    out.write(random_records(26, 10))
    out.abort()
    reader.join(10)
    assert (tmp_path / "pipe.gz").is_fifo()
    assert np.frombuffer(received[0], np.uint8).size == 0
