"""Hosts for bench/live.py: what sends between two, a pair with nothing between, and many that ping."""

import contextlib
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lasermesh.capture.addresses import ipv4_addresses
from lasermesh.live.calibration import addresses_of, hosts_of_nodes
from lasermesh.live.engine import LiveEngine
from lasermesh.packets.state import CHANGE_START
from lasermesh.packets.steps import Step
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import NONE, PS_PER_MS, PS_PER_S

PROGRAM = Path(__file__).with_name("live_traffic.py")
BUFFER_BYTES = 32 * 2**20
VETH = "192.0.2."  # TEST-NET-1, RFC 5737
LIGHT_PS = 2 * PS_PER_MS
RUN_PS = 3600 * PS_PER_S
QUEUE_PACKETS = 1000


@dataclass(frozen=True)
class Traffic:
    """What one host sends to another, as fast as it can."""

    name: str
    kind: str  # "udp" or "tcp"
    size_bytes: int  # of an IP packet, or of what TCP is given at a time
    gso: bool = True

    @contextlib.contextmanager
    def between(self, hosts, address):
        """Programs on the first and the second of two hosts, while the context lasts."""
        payload = self.size_bytes - 28 if self.kind == "udp" else self.size_bytes
        sink = [sys.executable, PROGRAM, f"sink-{self.kind}", str(payload)]
        sender = [sys.executable, PROGRAM, f"send-{self.kind}", str(payload), address]
        with contextlib.ExitStack() as stack:
            for host, argv in ((1, sink), (0, sender)):
                process = stack.enter_context(hosts.run_in(host, argv, stderr=subprocess.DEVNULL))
                stack.callback(process.kill)
            yield


def address_of(row):
    """The IPv4 address of a node as text."""
    return socket.inet_ntoa(int(ipv4_addresses(row)).to_bytes(4, "big"))


def two_hosts(live, hops):
    """Hosts at the ends of a line of so many hops."""
    return hosts_of_nodes([0, hops], live, tcp_buffer_bytes=BUFFER_BYTES)


def veth_pair(hosts):
    """Join two hosts by a pair of veth interfaces too: the address of the second; None without ip(8)."""
    there = f"/proc/self/fd/{hosts.netns_fds[1]}"
    with contextlib.suppress(FileNotFoundError, subprocess.CalledProcessError):
        for host, line in (
            (0, f"ip link add v0 type veth peer name v1 netns {there}"),
            (0, f"ip addr add {VETH}1/24 dev v0"),
            (0, "ip link set v0 up"),
            (1, f"ip addr add {VETH}2/24 dev v1"),
            (1, "ip link set v1 up"),
        ):
            with hosts.within(host):
                subprocess.run(line.split(), check=True, pass_fds=hosts.netns_fds, capture_output=True)
        return VETH + "2"
    return None


def star_engine(n_hosts, live):
    """An engine with so many hosts around one satellite, the last node."""
    hosts, satellite = np.arange(n_hosts), n_hosts
    source = np.repeat(hosts, n_hosts - 1)
    others = np.arange(n_hosts - 1)
    destination = (others[None, :] + (others[None, :] >= hosts[:, None])).ravel()
    flows = flows_from_rows([]).with_outside(source, destination, hop_limit=64)
    flows = flows.with_outside(np.full(n_hosts, satellite), hosts, hop_limit=64, direct=1)
    n_pairs = len(source)
    engine = LiveEngine(
        n_hosts + 1,
        flows,
        hosts=hosts,
        first_pair=0,
        first_reply=n_pairs,
        first_satellite=n_pairs + n_hosts,
        n_satellite_rows=0,
        addresses=addresses_of(n_hosts + 1),
        live=live,
        end_ps=RUN_PS,
    )
    up, down = hosts, n_hosts + hosts
    center = np.full(n_hosts, satellite)
    engine.add_links(np.append(hosts, center), np.append(center, hosts), QUEUE_PACKETS, QUEUE_PACKETS * 1500)
    table = np.full((n_hosts + 1, n_hosts, 1), NONE, np.int32)
    table[hosts, :, 0] = up[:, None]
    table[hosts, hosts, 0] = NONE
    table[satellite, :, 0] = down
    engine.install_table(table, destination.astype(np.int32)[:, None], 0)
    links, zero = np.arange(2 * n_hosts), np.zeros(2 * n_hosts, np.int64)
    changes = (zero, links, zero + CHANGE_START, zero + 10**10)
    engine.begin_step(Step(0, RUN_PS, links, zero + LIGHT_PS, zero + LIGHT_PS, *changes))
    return engine


def ping_all(hosts, seconds):
    """Have every host ping the next one, some 10 times a second each: pings sent and answered."""
    request = struct.pack("!BBHHH", 8, 0, 0xFFFF - (8 << 8), 0, 0) + bytes(56)
    sockets, sent, answered = [], 0, 0
    with contextlib.ExitStack() as stack:
        for host in range(len(hosts)):
            with hosts.within(host):
                pings = stack.enter_context(
                    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
                )
            pings.setblocking(False)
            sockets.append(pings)
        next_address = [address_of((host + 1) % len(hosts)) for host in range(len(hosts))]
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            began_s = time.monotonic()
            for pings, address in zip(sockets, next_address, strict=True):
                pings.sendto(request, (address, 0))
                sent += 1
            time.sleep(max(0.0, began_s + 0.1 - time.monotonic()))
            answered += sum(_answers(pings) for pings in sockets)
    return sent, answered


def _answers(pings):
    n = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            n += pings.recv(2048)[20] == 0
    return n
