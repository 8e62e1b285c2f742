"""Packets per second to a capture file, of lasermesh, scapy and dpkt in one run; what a capture costs a run.

    python bench/capture.py [--packets 1000000] [--peer-packets 20000] [--rounds 5] [--folder DIR]
                            [--seconds 0.5] [--no-run]

First the same packets to a file: UDP in IPv4 (or IPv6) of 1,000 flows at 20 ports, sizes 40, 576 and 1500
bytes as 7:4:1, 96 bytes kept of each. lasermesh makes headers, checksums, packet ids and directions from
columns. Peers are given as much done as they can use: scapy either packets as objects, whose bytes and
checksums it makes as it writes, or finished bytes; dpkt finished bytes. Neither writes nanoseconds, names of
ports, directions or packet ids that way, so their work is less. All take turns; a figure is the best of so
many rounds, as others may use the machine too, and the median is given beside it.

Then a run: half a second (`--seconds`) of `cities` from its overload on, without and with a capture of the
laser gen1-47-02 to gen1-47-03, which is full, in turns, from the same seed. The slowdown is that of the best
wall time, and of the least processor time, which other programs disturb less.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lasermesh.capture import CapturedNodes, CaptureOptions, CaptureWriter, FlowEnds, Interface, TapRecords
from lasermesh.capture.headers import IPV6_HEADER_BYTES
from lasermesh.experiments.running import run
from lasermesh.units import NONE

SEED = 7
N_PORTS, N_FLOWS, N_NODES = 20, 1000, 200
SIZES, SHARES = (40, 576, 1500), (7 / 12, 4 / 12, 1 / 12)
SNAPLEN = 96
SLICE = 50_000  # records that the writer gets at a time, as of a run
START = datetime(2026, 1, 1, tzinfo=UTC)
BUSY_PORT = "gen1-47-02:gen1-47-03"


class Way(NamedTuple):
    """A way to write packets to a file."""

    name: str
    suffix: str
    n_packets: int
    write: object  # function of a path; the file is closed when it returns


# --------------------------------------------------------------------------------------------------- packets


def make_records(n, least_bytes):
    """Random records of so many packets, none shorter than headers."""
    rng = np.random.default_rng(SEED)
    size_bytes = np.maximum(rng.choice(SIZES, n, p=SHARES), least_bytes)
    zero = np.zeros(n, np.int64)
    return TapRecords(
        time_ps=np.sort(rng.integers(0, 10**12, n)),
        interface=rng.integers(0, N_PORTS, n),
        direction=rng.integers(1, 3, n),
        flow=rng.integers(0, N_FLOWS, n),
        sequence=np.arange(n),
        size_bytes=size_bytes,
        hop_limit=zero + 60,
        ecn=zero,
        traffic_class=zero,
        cause=zero + NONE,
    )


def our_way(name, n, ip_version=None, suffix=".pcapng", **options):
    """A way of lasermesh: one of CaptureOptions and versions of IP."""
    rng = np.random.default_rng(SEED)
    ends = FlowEnds(rng.integers(0, N_NODES, N_FLOWS), rng.integers(0, N_NODES, N_FLOWS), ip_version)
    names = [f"node-{row}" for row in range(N_NODES)]
    nodes = CapturedNodes(names, rng.integers(0, 256, (N_NODES, 16)).astype(np.uint8))
    ports = [
        Interface(f"node-0:node-{k}", f"ISL port of node-0 to node-{k}", 10**9, 10**9, 0, k)
        for k in range(1, N_PORTS + 1)
    ]
    records = make_records(n, 0 if ip_version is None else IPV6_HEADER_BYTES)
    options = CaptureOptions(snaplen=SNAPLEN, limit=n, **options)

    def write(path):
        with CaptureWriter(path, ports, ends, START, options, nodes=nodes) as out:
            for first in range(0, n, SLICE):
                out.write(TapRecords(*(column[first : first + SLICE] for column in records)))

    return Way(f"lasermesh, {name}", suffix, n, write)


def our_ways(n):
    is_odd = np.arange(N_FLOWS) % 2
    return [
        our_way("IPv4", n),
        our_way("IPv6", n, np.full(N_FLOWS, 6)),
        our_way("IPv4 and IPv6", n, 4 + 2 * is_odd),
        our_way("IPv4 on Ethernet", n, link_type="ethernet"),
        our_way("IPv4, a file per port", n, split=True),
        our_way("IPv4, gzip", n, suffix=".pcapng.gz"),
    ]


# --------------------------------------------------------------------------------------------------- peers


def packet_objects(n):
    """The first packets as objects of scapy."""
    from scapy.layers.inet import IP, UDP
    from scapy.packet import Raw

    records = make_records(n, 0)
    return [
        IP(src="10.0.0.1", dst="10.0.0.2", id=int(sequence) & 0xFFFF, ttl=60)
        / UDP(sport=49152 + int(flow), dport=9)
        / Raw(bytes(min(int(size), SNAPLEN) - 28))
        for flow, sequence, size in zip(records.flow, records.sequence, records.size_bytes, strict=True)
    ]


def scapy_ways(n):
    from scapy.data import DLT_RAW
    from scapy.utils import PcapNgWriter, RawPcapNgWriter

    objects = packet_objects(n)
    finished = [bytes(packet) for packet in objects]

    def write_objects(path):
        with PcapNgWriter(str(path)) as out:
            for packet in objects:
                out.write(packet.copy())  # what it has made once it would not make again

    def write_bytes(path):
        out = RawPcapNgWriter(str(path))
        out.linktype = DLT_RAW
        out._write_header(None)
        for k, packet in enumerate(finished):
            out._write_packet(packet, linktype=DLT_RAW, sec=k // 10**6, usec=k % 10**6, caplen=len(packet))
        out.close()

    return [
        Way("scapy, objects", ".pcapng", n, write_objects),
        Way("scapy, finished bytes", ".pcapng", n, write_bytes),
    ], finished


def dpkt_way(finished):
    from dpkt import pcapng

    def write(path):
        with path.open("wb") as file:
            out = pcapng.Writer(file, snaplen=SNAPLEN, linktype=101)
            for k, packet in enumerate(finished):
                out.writepkt(packet, k * 1e-6)

    return Way("dpkt, finished bytes", ".pcapng", len(finished), write)


def find_peers(n):
    """(ways of peers that are installed, a line for each on its version or on what is missing)."""
    ways, lines = [], []
    try:
        lines.append(f"scapy: {version('scapy')}")
        ways, finished = scapy_ways(n)
        lines.append(f"dpkt: {version('dpkt')}")
        ways.append(dpkt_way(finished))
    except PackageNotFoundError as missing:
        lines.append(f"{missing.name}: not installed (pip install 'lasermesh[bench]'), left out")
    return ways, lines


# ------------------------------------------------------------------------------------------------- measuring


def measure(ways, rounds, folder):
    """Packets per second of each way in each round, and bytes of a packet in its file."""
    rates, sizes = {way.name: [] for way in ways}, {}
    for _ in range(rounds):
        for way in ways:
            path = Path(folder) / f"capture{way.suffix}"
            begin = time.perf_counter()
            way.write(path)
            rates[way.name].append(way.n_packets / (time.perf_counter() - begin))
            written = [path] if path.exists() else list((Path(folder) / "capture").iterdir())
            sizes[way.name] = sum(each.stat().st_size for each in written) / way.n_packets
            for each in written:
                each.unlink()
    return rates, sizes


def print_rates(ways, rates, sizes):
    best = {name: max(of_rounds) for name, of_rounds in rates.items()}
    ours = best[ways[0].name]
    print(f"{'to file':<34} {'best, packets/s':>16} {'median':>12} {'bytes each':>11} {'IPv4 of ours':>14}")
    for way in ways:
        print(
            f"{way.name:<34} {best[way.name]:>16,.0f} {statistics.median(rates[way.name]):>12,.0f} "
            f"{sizes[way.name]:>11.1f} {ours / best[way.name]:>12.1f} x",
            flush=True,
        )


def timed_run(seconds, capture, folder):
    """Wall and processor time of a run's simulation in s, its packet-hops, records of its capture."""
    sets = ["start_s=1.0", f"duration_s={seconds}"]
    begin = time.process_time()
    summary = run(
        "cities", sets=sets, seed=SEED, output=Path(folder) / "run", force=True, capture=capture
    ).summary
    cpu_s = time.process_time() - begin
    written = summary["capture"]["written"] if capture else 0
    return summary["engine"]["wall_s"], cpu_s, summary["engine"]["packet_hops"], written


def print_slowdown(seconds, rounds, folder):
    capture = CaptureOptions(BUSY_PORT, limit=10**9)
    timed_run(seconds, capture, folder)  # the first call compiles or loads kernels
    times = {False: [], True: []}
    for _ in range(rounds):
        for is_captured in times:
            *spent, hops, written = timed_run(seconds, capture if is_captured else None, folder)
            times[is_captured].append(spent)
    (plain_s, plain_cpu_s), (wall_s, cpu_s) = (np.min(times[key], axis=0) for key in (False, True))
    print(f"cities, {seconds} s simulated, {hops:,} packet-hops, {written:,} records of {BUSY_PORT}:")
    print(
        f"  wall {plain_s:.2f} s without and {wall_s:.2f} s with capture, {wall_s / plain_s - 1:+.0%}; "
        f"processor {plain_cpu_s:.2f} and {cpu_s:.2f} s, {cpu_s / plain_cpu_s - 1:+.0%}, "
        f"{(cpu_s - plain_cpu_s) / written * 1e9:,.0f} ns a record"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000, help="of each file of ours (1,000,000)")
    parser.add_argument("--peer-packets", type=int, default=20_000, help="of each file of a peer (20,000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of everything (5)")
    parser.add_argument("--folder", help="where files are written (the system's for temporary files)")
    parser.add_argument("--seconds", type=float, default=0.5, help="simulated, of the run (0.5)")
    parser.add_argument("--no-run", action="store_true", help="leave the run out")
    options = parser.parse_args()

    print("command: python", *sys.argv)
    print(
        f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f} before the run"
    )
    peers, lines = find_peers(options.peer_packets)
    print("\n".join(lines))
    ways = our_ways(options.packets) + peers
    print(
        f"{options.packets:,} packets a file of ours, {options.peer_packets:,} of a peer's, "
        f"{N_FLOWS:,} flows, {N_PORTS} ports, {SNAPLEN} bytes kept, seed {SEED}, {options.rounds} rounds"
    )
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        begin = time.perf_counter()
        our_way("first", 1).write(Path(folder) / "first.pcapng")
        print(f"first call: {time.perf_counter() - begin:.2f} s")
        print_rates(ways, *measure(ways, options.rounds, folder))
        if not options.no_run:
            print_slowdown(options.seconds, options.rounds, folder)


if __name__ == "__main__":
    main()
