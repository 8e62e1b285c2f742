"""Packets and bits per second of processor time of the datapath of live runs, beside other forwarders.

    python bench/live.py [--only throughput|accuracy|hosts|start|steps] [--seconds 1.0] [--rounds 3]
                         [--pings 100] [--hops 1,5,10,20] [--hosts 100,500] [--json]

"throughput": two hosts at the ends of a line of nodes, 1 ms of light between two; a program at one sends as
fast as it can, UDP of 64 or 1400 bytes or TCP, with and without super-packets (GSO). Figures are packets and
bits that reached the other host per second of the datapath's own processor time, in which the kernel's work
for its reads and writes is counted, the receiver's whole IP stack among it. Beside it, in the same run: a
forwarder of a few lines of Python with `select`, which neither delays nor has hops and takes super-packets as
they are, so that it counts few of them (the ratio is of bits); and a pair of veth interfaces with nothing
between, per second on the wall, which is as fast as the programs go. "accuracy": the median of pings over
these lines beyond what light takes, after calibration. "hosts": how long namespaces and an engine for so many
hosts take, their memory, and processor time per packet while every host pings another. "start": from
`lasermesh live` until its command runs, with 100 hosts, first without any compiled kernels, then with them.
"steps": what the summary of such a run says of its steps of 1 s: for how long the mesh stood still between
two, and how long computing one took.

Everything takes turns; a figure is the best of so many rounds, as others use the machine too, with the median
beside it. It needs Linux with /dev/net/tun, and rights: `lasermesh doctor` tells.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.live_hosts import Traffic, address_of, ping_all, star_engine, two_hosts, veth_pair
from bench.peers.select_forwarder import SelectForwarder
from lasermesh.compiled import CACHE_FOLDER
from lasermesh.live.calibration import RUN_PS, hosts_of_nodes, line_engine, measure_overhead, ping
from lasermesh.scenario.live import Live
from lasermesh.units import PS_PER_MS, PS_PER_NS

ROOT = Path(__file__).resolve().parents[1]
LIGHT_PS = PS_PER_MS
RATE_BPS = 10**12
WARM_S = 0.4  # TCP finds its window
STARTS_WITHIN_S, FIRST_PACKETS = 10.0, 20
TRAFFIC = (
    Traffic("64-byte UDP", "udp", 64),
    Traffic("1400-byte UDP", "udp", 1400),
    Traffic("TCP, GSO", "tcp", 65536),
    Traffic("TCP, --no-gso", "tcp", 65536, gso=False),
)
AIM = "200 kpkt/s and 10 Gbit/s per core, ready in 2 s warm with 100 hosts"
PINGS, PING_EVERY_S = 100, 0.01
START_MESH = """\
duration_s = 600.0

[live]

[topology]
step_s = 1.0

[[topology.satellites]]
name = "gen1"
pattern = "walker-delta"
planes = 72
slots = 22
phasing_factor = 39
altitude_km = 550.0
inclination_deg = 53.0

[[topology.ground]]
name = "cities"
sites = "cities-100.csv"

[[topology.links]]
rule = "grid"
satellites = "gen1"
rate_gbps = 25.0
max_range_km = 5000.0

[[topology.links]]
rule = "ground"
mask_deg = 25.0
rate_gbps = 8.0
"""


# ------------------------------------------------------------------------------------------------ throughput


def per_second(before, after, cpu_s, wall_s):
    """Figures of a forwarder from packets and bytes before and after, and what it took."""
    packets, n_bytes = (b - a for a, b in zip(before, after, strict=True))
    return {
        "kpkt_per_cpu_s": packets / cpu_s / 1e3,
        "gbit_per_cpu_s": 8 * n_bytes / cpu_s / 1e9,
        "gbit_per_s": 8 * n_bytes / wall_s / 1e9,
        "cpu_share": cpu_s / wall_s,
    }


def through_the_datapath(traffic, hops, seconds):
    """What reached the other host per second of the datapath's processor time."""
    live = Live(gso=traffic.gso)
    with two_hosts(live, hops) as hosts, closing(line(live, hops)) as engine:
        engine.open(hosts.tun_fds)
        engine.start_clock()
        engine.go(RUN_PS)
        with traffic.between(hosts, address_of(hops)):
            warm_up(lambda: counted(engine).packets_out)
            before, began_s = counted(engine), time.monotonic()
            time.sleep(seconds)
            after, ended_s = counted(engine), time.monotonic()
    came = [(each.packets_out, each.bytes_out) for each in (before, after)]
    return per_second(*came, (after.cpu_ns - before.cpu_ns) / 1e9, ended_s - began_s)


def warm_up(packets):
    """Wait until programs have started and packets come, and then until TCP has found its window."""
    end_s, at_first = time.monotonic() + STARTS_WITHIN_S, packets()
    while packets() < at_first + FIRST_PACKETS and time.monotonic() < end_s:
        time.sleep(0.02)
    time.sleep(WARM_S)


def counted(engine):
    """Counters, while the datapath stands: it notes its processor time when it stops."""
    with engine.paused():
        return engine.counters()


def line(live, hops, overhead_ps=0):
    """The engine of a line of so many hops."""
    return line_engine(live, hops=hops, light_ps=LIGHT_PS, rate_bps=RATE_BPS, overhead_ps=overhead_ps)


def through_select(traffic, seconds):
    """The same by a few lines of Python, without delay."""
    with (
        two_hosts(Live(gso=traffic.gso), 1) as hosts,
        SelectForwarder(hosts.tun_fds) as forwarder,
        traffic.between(hosts, address_of(1)),
    ):
        warm_up(lambda: forwarder.counted()[0])
        before, began_s = forwarder.counted(), time.monotonic()
        time.sleep(seconds)
        after, ended_s = forwarder.counted(), time.monotonic()
    return per_second(before[:2], after[:2], after[2] - before[2], ended_s - began_s)


def through_veth(traffic, seconds):
    """What programs send each other with nothing between, None where no such pair can be made."""
    with two_hosts(Live(), 1) as hosts:
        address = veth_pair(hosts)
        if address is None:
            return None
        with traffic.between(hosts, address):
            warm_up(lambda: received(hosts)[0])
            before, began_s = received(hosts), time.monotonic()
            time.sleep(seconds)
            after, ended_s = received(hosts), time.monotonic()
    wall_s = ended_s - began_s
    figures = per_second(before, after, wall_s, wall_s)
    return {key: figures[key] for key in ("gbit_per_s",)} | {"kpkt_per_s": figures["kpkt_per_cpu_s"]}


def received(hosts):
    """Packets and bytes that the veth interface of the second host has got."""
    with hosts.within(1):
        row = next(
            text for text in Path("/proc/thread-self/net/dev").read_text().splitlines() if "v1:" in text
        )
    n_bytes, packets = row.split(":")[1].split()[:2]
    return int(packets), int(n_bytes)


def best_of(name, rounds):
    """A row: the best of each figure over the rounds, and the median of what counts per processor second."""
    rounds = [each for each in rounds if each is not None]
    row = {"name": name} | {key: max(each[key] for each in rounds) for key in (rounds[0] if rounds else ())}
    for key in ("kpkt_per_cpu_s", "gbit_per_cpu_s"):
        if key in row:
            row[f"{key}_median"] = statistics.median(each[key] for each in rounds)
    return row


def run_throughput(arguments):
    """The workload between two hosts."""
    jobs = {}
    for traffic in TRAFFIC:
        for hops in arguments.hops:
            jobs[f"{traffic.name}, {hops} hops"] = (through_the_datapath, traffic, hops)
        jobs[f"{traffic.name}, Python select"] = (through_select, traffic)
    for traffic in (TRAFFIC[0], TRAFFIC[2]):
        jobs[f"{traffic.name}, veth alone"] = (through_veth, traffic)
    rounds = {name: [] for name in jobs}
    for _ in range(arguments.rounds):
        for name, (job, *inputs) in jobs.items():
            rounds[name].append(job(*inputs, arguments.seconds))
    rows = [best_of(name, of_name) for name, of_name in rounds.items()]
    by_name = {row["name"]: row for row in rows}
    for row in rows:
        peer = by_name[row["name"].rsplit(", ", 1)[0] + ", Python select"]
        if "hops" in row["name"]:
            row["times_select"] = row["gbit_per_cpu_s"] / peer["gbit_per_cpu_s"]
    return {"workload": "throughput", "seconds": arguments.seconds, "rounds": arguments.rounds, "rows": rows}


# -------------------------------------------------------------------------------------------------- accuracy


def run_accuracy(arguments):
    """The workload of round trips, with the overhead of calibration taken off."""
    rows = []
    for hops in arguments.hops:
        found = []
        for _ in range(arguments.rounds):
            overhead = measure_overhead(Live())
            with (
                two_hosts(Live(), hops) as hosts,
                closing(line(Live(), hops, overhead.overhead_ps)) as engine,
            ):
                engine.open(hosts.tun_fds)
                engine.start_clock()
                engine.go(RUN_PS)
                round_trips_ns = ping(
                    hosts, 0, hops, count=arguments.pings, pause_s=PING_EVERY_S, most_s=60.0
                )
            error_us = (np.array(round_trips_ns) - 2 * hops * LIGHT_PS // PS_PER_NS) / 1e3
            p50, p90, p99 = np.percentile(error_us, [50, 90, 99]).tolist()
            found.append(
                {"error_us": p50, "p90_us": p90, "p99_us": p99, "overhead_us": overhead.overhead_ps / 1e6}
            )
        best = min(found, key=lambda each: abs(each["error_us"]))
        worst = max(found, key=lambda each: abs(each["error_us"]))
        rows.append({"name": f"{hops} hops"} | best | {"worst_error_us": worst["error_us"]})
    return {"workload": "accuracy", "pings": arguments.pings, "rounds": arguments.rounds, "rows": rows}


# ----------------------------------------------------------------------------------------------------- hosts


def run_hosts(arguments):
    """The workload of many hosts around one satellite."""
    rows = []
    for n in arguments.hosts:
        began_s, live = time.monotonic(), Live()
        with hosts_of_nodes(np.arange(n), live) as hosts:
            namespaces_s = time.monotonic() - began_s
            with closing(star_engine(n, live)) as engine:
                engine.open(hosts.tun_fds)
                ready_s = time.monotonic() - began_s
                engine.start_clock()
                engine.go(RUN_PS)
                before = counted(engine)
                sent, answered = ping_all(hosts, arguments.seconds)
                after = counted(engine)
                late_ms = engine.lateness().percentile_ns(50) / 1e6
        cpu_us = (after.cpu_ns - before.cpu_ns) / 1e3
        packets = after.packets_out - before.packets_out
        row = {
            "name": f"{n} hosts",
            "namespaces_s": namespaces_s,
            "ready_s": ready_s,
            "memory_mb": memory_mb(),
        }
        row |= {"cpu_us_per_packet": cpu_us / packets, "pings": sent, "answered": answered}
        rows.append(row | {"late_p50_ms": late_ms})
    return {"workload": "hosts", "rows": rows}


def memory_mb():
    """Resident memory of this process, with numpy, numba and what else was imported."""
    for text in Path("/proc/self/status").read_text().splitlines():
        if text.startswith("VmRSS:"):
            return int(text.split()[1]) / 1024
    return None


# ----------------------------------------------------------------------------------------------------- start


def live_run(folder, cache, *command):
    """Run a command on a host of the mesh with 100 hosts: what it printed."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "lasermesh", "live", "mesh.toml", "-o", "run", "--force", "--quiet", "--"]
    (folder / "mesh.toml").write_text(START_MESH)
    done = subprocess.run([*line, *command], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):  # 1: this machine is busy, and the verdict says so
        raise SystemExit(done.stderr)
    return done.stdout


def start_once(folder, cache):
    """What a start takes: until the command of `lasermesh live` runs, until all is over, of processors."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    printed = live_run(folder, cache, "date", "+%s.%N")
    all_s, after = time.time() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"ready_s": float(printed.split()[0]) - began_s, "all_s": all_s, "all_cpu_s": cpu_s}


def run_start(arguments):
    """The workload of starting, without and with compiled kernels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold, *warm = [start_once(folder, folder / "cache") for _ in range(1 + arguments.rounds)]
    rows = [{"name": "cold"} | cold]
    for name, of in (("warm, best", min), ("warm, median", statistics.median)):
        rows.append({"name": name} | {key: of(each[key] for each in warm) for key in cold})
    return {"workload": "start", "hosts": 100, "rounds": arguments.rounds, "rows": rows}


# ----------------------------------------------------------------------------------------------------- steps


def run_steps(arguments):
    """The workload of going from step to step, with kernels that are compiled already."""
    rows = []
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as name:
            live_run(Path(name), CACHE_FOLDER, "sleep", str(10 * arguments.seconds))
            summary = json.loads((Path(name) / "run" / "summary.json").read_text())
        row = {"name": f"100 hosts, round {number + 1}", "simulated_s": summary["simulated_s"]}
        rows.append(row | summary["live"]["steps"])
    return {"workload": "steps", "hosts": 100, "step_s": 1.0, "rounds": arguments.rounds, "rows": rows}


WORKLOADS = {
    "throughput": run_throughput,
    "accuracy": run_accuracy,
    "hosts": run_hosts,
    "start": run_start,
    "steps": run_steps,
}


def numbers(text):
    """Whole numbers between commas."""
    return [int(part) for part in text.split(",")]


def parse(words=None):
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=WORKLOADS, help="one workload")
    parser.add_argument("--seconds", type=float, default=1.0, help="of traffic for each figure (1)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--pings", type=int, default=100, help="for each round trip (100)")
    parser.add_argument(
        "--hops", type=numbers, default=[1, 5, 10, 20], help="lengths of the line (1,5,10,20)"
    )
    parser.add_argument("--hosts", type=numbers, default=[100, 500], help="hosts of a mesh (100,500)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(words)


def main():
    arguments = parse()
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "versions": f"Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}",
        "command": "python bench/live.py " + " ".join(sys.argv[1:]),
        "aim": AIM,
        "workloads": [run(arguments) for name, run in WORKLOADS.items() if arguments.only in (None, name)],
    }
    if arguments.json:
        print(json.dumps(report))
        return
    for key in ("machine", "versions", "command", "aim"):
        print(f"{key}: {report[key]}")
    for workload in report["workloads"]:
        rows = workload.pop("rows")
        print("\n" + ", ".join(f"{key}: {value}" for key, value in workload.items()))
        columns = list(dict.fromkeys(key for row in rows for key in row))
        print(" ".join([f"{columns[0]:28}", *(f"{key:>{width(key)}}" for key in columns[1:])]))
        for row in rows:
            cells = [f"{row[key]:.4g}" if key in row else "-" for key in columns[1:]]
            print(
                " ".join(
                    [
                        f"{row['name']:28}",
                        *(f"{c:>{width(k)}}" for c, k in zip(cells, columns[1:], strict=True)),
                    ]
                )
            )


def width(key):
    return max(len(key), 8)


if __name__ == "__main__":
    main()
