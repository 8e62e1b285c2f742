"""Packet-hops per second of lasermesh, ns-3, ns.py and simpy on the same networks and traffic, in one run.

    python bench/packets.py [--rounds 3] [--seconds 1.5] [--peer-seconds 2] [--no-cities]

A packet-hop is a last bit that leaves a terminal. All programs take turns, so many rounds; every figure is
the median. lasermesh runs until as many packets are under way as ever, then is measured for `--seconds`, and
on Starlink for one simulated second at least; its first call, which compiles or loads kernels, is timed
apart. The peers start empty, send for as many simulated microseconds as they handle in about
`--peer-seconds`, and drain: with fewer packets under way, which favours them. None may drop a packet. Memory
of a packet in flight is that of whole chunks in lasermesh, and in peers what the process grew by in the run,
divided by the packets under way when sources stop.

Below the table: the same load on constellations of 100 to 10,000 satellites, a million satellites of which
100 are active, links that go down and up all the time, and the shipped experiment `cities`.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lasermesh.experiments import workloads
from lasermesh.experiments.running import run
from lasermesh.units import PS_PER_S

PEERS = Path(__file__).resolve().parent / "peers"
ONE_SECOND_MS = 1000  # of simulated time, which the Starlink workloads run at least
NS3_LIBRARIES = ("point-to-point", "internet", "bridge", "traffic-control", "network", "stats", "core")


class Sample(NamedTuple):
    """One run of one program on one workload."""

    rate: float  # packet-hops per second
    bytes_per_packet: float
    in_flight: int
    simulated_s: float
    first_s: float | None = None
    balance: float | None = None


# --------------------------------------------------------------------------------------------------- peers


class Peer(NamedTuple):
    """A program that reads a network, sends, drains and prints what it did as JSON."""

    name: str
    command: list
    hops_per_s: float  # about; says how much it is given to do


def find_peers(folder):
    """(peers that are installed, a line for each on its version or on what is missing)."""
    peers, lines = [], []
    if not Path("/usr/include/ns3").is_dir() or shutil.which("g++") is None:
        lines.append("ns-3: not installed (libns3-dev, g++), left out")
    else:
        program = str(folder / "ns3_graph")
        command = ["g++", "-O3", "-march=native", "-std=c++17", "-o", program, str(PEERS / "ns3_graph.cc")]
        subprocess.run(command + [f"-lns3-{name}" for name in NS3_LIBRARIES], check=True)
        lines.append(f"ns-3: {ns3_version()}")
        peers += [
            Peer("ns-3 devices", [program, "dev"], 600_000),
            Peer("ns-3 IP", [program, "ip"], 200_000),
        ]
    for name, hops_per_s in (("ns.py", 50_000), ("simpy", 350_000)):
        try:
            lines.append(f"{name}: {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name}: not installed (pip install 'lasermesh[bench]'), left out")
        else:
            command = [sys.executable, str(PEERS / "python_graph.py"), name]
            peers.append(Peer(name, command, hops_per_s))
    return peers, lines


def ns3_version():
    """As its package says, where it does."""
    if shutil.which("pkg-config") is None:
        return "version unknown (no pkg-config)"
    command = ["pkg-config", "--modversion", "ns3-core"]
    said = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return said or "version unknown to pkg-config"


def write_network(work, path):
    """A workload as the peers read it: whole numbers, a line for each link, flow and route.

    nodes links flows routes
    from to rate_bps delay_ps
    source destination bytes interval_ps phase_ps hops
    node destination link
    """
    columns = (work.link_from, work.link_to, work.rate_bps, work.delay_ps)
    links = [" ".join(map(str, row)) for row in zip(*(column.tolist() for column in columns), strict=True)]
    flows, routes = [], set()
    for row, flow in enumerate(work.flows):
        ((size, _),) = flow["sizes"]
        interval_ps, rest = divmod(size * 8 * PS_PER_S, flow["rate_bps"])
        assert rest == 0, "peers send at whole picoseconds"
        taken = work.links_of_flow(row)
        ends = f"{flow['source']} {flow['destination']}"
        flows.append(f"{ends} {size} {interval_ps} {flow['phase_ps']} {len(taken)}")
        routes |= {f"{work.link_from[link]} {flow['destination']} {link}" for link in taken}
    head = f"{work.n_nodes} {len(links)} {len(flows)} {len(routes)}"
    path.write_text("\n".join([head, *links, *flows, *sorted(routes)]) + "\n")


def hops_per_simulated_s(work):
    """Packet-hops that the flows of a workload make."""
    return sum(
        flow["rate_bps"] / (8 * flow["sizes"][0][0]) * len(work.links_of_flow(row))
        for row, flow in enumerate(work.flows)
    )


def run_peer(peer, network, sending_ps):
    """One run: a Sample whose simulated time is that of sending."""
    command = [*peer.command, str(network), str(sending_ps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    if answer["received"] != answer["sent"]:
        sys.exit(f"{peer.name} lost packets, so its packet-hops are not known: {answer}")
    rate = answer["packet_hops"] / answer["wall_s"]
    in_flight = answer["in_flight"]
    return Sample(rate, answer["packet_bytes"] / in_flight, in_flight, sending_ps / PS_PER_S)


# --------------------------------------------------------------------------------------------------- table


def run_lasermesh(work, threads, seconds):
    """One run from the steady state on: a Sample."""
    least_ms = ONE_SECOND_MS if "starlink" in work.name else 0
    measured = workloads.run_packets(work, threads, seconds, least_ms)
    more = measured.more
    if more["dropped"]:
        sys.exit(f"lasermesh dropped {more['dropped']} packets of {work.name}")
    per_packet = more["bytes_per_packet_in_flight"]
    simulated_s, first_s, balance = more["simulated_s"], more["first_s"], more["thread_balance"]
    return Sample(measured.figure, per_packet, more["in_flight"], simulated_s, first_s, balance)


def measure(work, peers, folder, options):
    """{program: samples}, lasermesh on one thread first; the programs take turns."""
    network = folder / "network"
    write_network(work, network)
    hops_per_s = hops_per_simulated_s(work)
    samples = {}
    for _ in range(options.rounds):
        for threads in (1, 2):
            name = f"lasermesh, {threads} thread{'s' if threads > 1 else ''}"
            samples.setdefault(name, []).append(run_lasermesh(work, threads, options.seconds))
        for peer in peers:
            sending_ps = int(options.peer_seconds * peer.hops_per_s / hops_per_s * PS_PER_S)
            samples.setdefault(peer.name, []).append(run_peer(peer, network, sending_ps))
    return samples


HEADER = (
    f"{'workload':20} {'program':20} {'M hops/s':>9} {'ratio':>7} {'B/packet':>9} {'in flight':>10} "
    f"{'sim. ms':>8} {'first s':>8} {'balance':>8}"
)


def print_rows(work, samples):
    """A row for each program; the ratio is to lasermesh on one thread."""
    one_thread = None
    for name, runs in samples.items():
        middle = {
            field: statistics.median(getattr(run, field) for run in runs) for field in Sample._fields[:4]
        }
        one_thread = one_thread or middle["rate"]
        ratio = middle["rate"] / one_thread
        own = ""
        if runs[0].first_s is not None:
            balance = statistics.median(run.balance for run in runs)
            own = f" {runs[0].first_s:8.2f} {balance:8.2f}"
        print(
            f"{work.name:20} {name:20} {middle['rate'] / 1e6:9.3f} "
            f"{f'{ratio:.2f}' if ratio > 0.5 else f'1/{1 / ratio:.0f}':>7} {middle['bytes_per_packet']:9.1f} "
            f"{int(middle['in_flight']):10,} {middle['simulated_s'] * 1e3:8.2f}{own}",
            flush=True,
        )
    return one_thread


# ------------------------------------------------------------------------------------------- what it costs


def median_rates(works, options):
    """Packet-hops per second of workloads that take turns, on one thread."""
    rates = [[] for _ in works]
    for _ in range(options.rounds):
        for work, found in zip(works, rates, strict=True):
            found.append(workloads.run_packets(work, 1, options.seconds).figure)
    return [statistics.median(found) for found in rates]


def print_growth(options):
    works = [workloads.growth(n) for n in (100, 1000, 10_000)]
    rates = median_rates(works, options)
    figures = ", ".join(
        f"{work.n_nodes:,} satellites {rate / 1e6:.1f} M hops/s ({rate / rates[0]:.2f})"
        for work, rate in zip(works, rates, strict=True)
    )
    print(f"growth, same load and path length, one thread: {figures}", flush=True)


def print_idle(options):
    walls_us = []
    for n_nodes in (1000, 1_000_000):
        measured = workloads.run_packets(workloads.idle(n_nodes), 1, options.seconds)
        walls_us.append(measured.wall_s / measured.more["windows"] * 1e6)
        print(
            f"idle, 100 of {n_nodes:,} satellites active, one thread: {walls_us[-1]:.1f} us per window of "
            f"{measured.more['packet_hops'] / measured.more['windows']:,.0f} packet-hops; "
            f"first call {measured.more['first_s']:.2f} s",
            flush=True,
        )
    print(f"idle: a million satellites take {walls_us[1] / walls_us[0]:.2f} times as long as a thousand")


def print_flapping(options):
    steady, flapping = median_rates([workloads.torus(), workloads.flapping()], options)
    print(
        f"flapping, each link down for 10 us in every ms, one thread: {flapping / 1e6:.1f} M hops/s, "
        f"{flapping / steady:.2f} of the steady torus",
        flush=True,
    )


def print_cities():
    """The shipped experiment, as `lasermesh run cities` runs it."""
    with tempfile.TemporaryDirectory() as folder:
        engine = run("cities", output=Path(folder) / "run").summary["engine"]
    print(
        f"cities, whole run, {engine['threads']} threads: {engine['packet_hops_per_s'] / 1e6:.1f} M hops/s, "
        f"{engine['packet_hops']:,} packet-hops in {engine['wall_s']:.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="runs of everything (3)")
    parser.add_argument("--seconds", type=float, default=1.5, help="least wall time of a lasermesh run (1.5)")
    parser.add_argument("--peer-seconds", type=float, default=2.0, help="about, of each peer's run (2)")
    parser.add_argument("--no-cities", action="store_true", help="leave the shipped experiment out")
    options = parser.parse_args()

    print("command: python", *sys.argv)
    print(
        f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f} before the run"
    )
    with tempfile.TemporaryDirectory() as folder:
        peers, lines = find_peers(Path(folder))
        print("\n".join(lines))
        works = workloads.packet_works()
        for work in works:
            print(f"{work.name}: {work.sizes}")
        print(HEADER)
        for work in works:
            print_rows(work, measure(work, peers, Path(folder), options))
    print_growth(options)
    print_idle(options)
    print_flapping(options)
    if not options.no_cities:
        print_cities()


if __name__ == "__main__":
    main()
