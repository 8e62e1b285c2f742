"""Packet-hops per second of the engine, beside ns-3 where its development package is installed.

    python bench/packets.py [--seconds 3] [--no-cities] [--ns3-ms 20]

A packet-hop is a last bit that leaves a terminal. Each workload runs until as many packets are under way as
ever, then is measured; the first call, which compiles or loads kernels, is timed apart. ns-3 runs the same
chain and torus (`bench/peers`): `dev` without its IP stack, the floor of what its events cost, `ip` and
`array` with it. Its runs start empty and drain, so they are measured over their whole length.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PEERS = Path(__file__).resolve().parent / "peers"
NS3_LIBRARIES = (
    "point-to-point", "applications", "internet", "bridge", "traffic-control", "network", "stats", "core",
)  # fmt: skip
NS3_RUNS = (
    ("packets/chain", "ns3_chain", ["--mode=dev", "--src=25", "--queue=100000"]),
    ("packets/chain", "ns3_chain", ["--mode=ip", "--src=25", "--queue=100000"]),
    ("packets/torus", "ns3_mesh", ["--mode=dev", "--queue=100000"]),
    ("packets/torus", "ns3_mesh", ["--mode=array", "--queue=100000"]),
)


def engine_rows(seconds):
    """Chain and torus on one thread, on two and on all processors."""
    from lasermesh.experiments import workloads
    from lasermesh.experiments.running import processors

    for work in (workloads.chain(), workloads.torus()):
        for threads in sorted({1, 2, processors()}):
            yield workloads.run_packets(work, threads, seconds)


def cities_row():
    """The shipped experiment, as `lasermesh run cities` runs it."""
    from lasermesh.experiments.running import run

    with tempfile.TemporaryDirectory() as folder:
        summary = run("cities", output=Path(folder) / "run").summary
    engine = summary["engine"]
    return engine["packet_hops_per_s"], engine["wall_s"], engine["threads"], engine["packet_hops"]


def ns3_rows(folder, sending_ms):
    """(workload, mode, packet-hops per second) of ns-3, or a sentence why there is none."""
    if not Path("/usr/include/ns3").is_dir() or shutil.which("g++") is None:
        print("ns-3 is not installed (libns3-dev, g++): left out")
        return
    for program in ("ns3_chain", "ns3_mesh"):
        libraries = [f"-lns3-{name}" for name in NS3_LIBRARIES]
        source = PEERS / f"{program}.cc"
        command = ["g++", "-O3", "-march=native", "-std=c++17", "-o", str(folder / program), str(source)]
        subprocess.run(command + libraries, check=True)
    for workload, program, options in NS3_RUNS:
        command = [str(folder / program), *options, f"--send={sending_ms}"]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        yield workload, options[0].partition("=")[2], float(re.search(r"hops_per_wall_s=(\S+)", line)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="least wall time of each workload (3)")
    parser.add_argument("--no-cities", action="store_true", help="leave the shipped experiment out")
    parser.add_argument("--ns3-ms", type=int, default=20, help="simulated ms of sending in ns-3 (20)")
    options = parser.parse_args()

    print("command: python", *sys.argv)
    print(
        f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}"
    )
    figures = {}
    print(
        f"{'':16} {'threads':>7} {'M hops/s':>9} {'first s':>8} {'balance':>8} "
        f"{'B/packet':>9} {'in flight':>10}"
    )
    for row in engine_rows(options.seconds):
        more = row.more
        figures.setdefault(row.name, {})[more["threads"]] = row.figure
        print(
            f"{row.name:16} {more['threads']:7} {row.figure / 1e6:9.1f} {more['first_s']:8.2f} "
            f"{more['thread_balance']:8.2f} {more['bytes_per_packet_in_flight']:9.1f} {more['in_flight']:10,}"
        )
    for name, by_threads in figures.items():
        for threads in sorted(by_threads)[1:]:
            print(f"{name}: {threads} threads reach {by_threads[threads] / by_threads[1]:.2f} times one")
    if not options.no_cities:
        rate, wall_s, threads, hops = cities_row()
        print(
            f"{'cities':16} {threads:7} {rate / 1e6:9.1f} (whole run: {hops:,} packet-hops in {wall_s:.1f} s)"
        )
    with tempfile.TemporaryDirectory() as folder:
        for workload, mode, rate in ns3_rows(Path(folder), options.ns3_ms):
            ratio = figures[workload][1] / rate
            print(
                f"ns-3 {mode:6} {workload:16} {rate / 1e6:9.3f} M hops/s; "
                f"lasermesh on one thread: {ratio:.0f} times"
            )


if __name__ == "__main__":
    main()
