"""Live engines whose hosts are socket pairs in place of TUN devices, and the packets that they send."""

import contextlib
import socket
import struct

import numpy as np

from lasermesh.live.addresses import AddressTables
from lasermesh.live.engine import LiveEngine
from lasermesh.packets import state
from lasermesh.packets.steps import Step
from lasermesh.scenario.live import Live
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import PS_PER_MS, PS_PER_S
from tests.reference.ip_packets import with_ip_checksum

EXPERIMENT = 253  # protocol number for experiments, RFC 3692
MIB = 2**20
GROUP = 1 << 32
GBPS = 10**9


def addresses_of(n_nodes):
    """Tables of addresses: fd6c:6d::1:0:ROW."""
    keys = GROUP + np.arange(n_nodes, dtype=np.int64)
    return AddressTables(keys, np.arange(n_nodes, dtype=np.int64), keys)


def address(row, version=4):
    """The address of a node, as bytes."""
    if version == 4:
        return (10 << 24 | row + 1).to_bytes(4, "big")
    return bytes.fromhex("fd6c006d00000000 0000 0001 0000".replace(" ", "")) + row.to_bytes(2, "big")


def ip_packet(source, destination, n_bytes, number=0, *, hop_limit=64, tos=0, version=4):
    """An IP packet of so many bytes, filled with its number; 24 bytes at least, or 44 of IPv6."""
    ends = address(source, version) + address(destination, version)
    if version == 4:
        start = struct.pack(">BBHHHBBH", 0x45, tos, n_bytes, number & 0xFFFF, 0, hop_limit, EXPERIMENT, 0)
        header = with_ip_checksum(start + ends)
    else:
        header = struct.pack(">IHBB", 6 << 28 | tos << 20, n_bytes - 40, EXPERIMENT, hop_limit) + ends
    rest = n_bytes - len(header)
    return header + (number.to_bytes(4, "big") * (rest // 4 + 1))[:rest]


def header_of(packet):
    """Source, destination, bytes, hop limit, traffic class and payload of a packet."""
    if packet[0] >> 4 == 4:
        assert with_ip_checksum(packet[:10] + b"\0\0" + packet[12:20]) == packet[:20]
        rows = [int.from_bytes(packet[at : at + 4], "big") - (10 << 24) - 1 for at in (12, 16)]
        return *rows, len(packet), packet[8], packet[1], packet[20:]
    rows = [int.from_bytes(packet[at : at + 2], "big") for at in (22, 38)]
    return *rows, len(packet), packet[7], int.from_bytes(packet[:2], "big") >> 4 & 0xFF, packet[40:]


def protocol_of(packet):
    """Number of the upper layer of a packet without options."""
    return packet[9] if packet[0] >> 4 == 4 else packet[6]


class Mesh:
    """A live engine and the far ends of its hosts' sockets, where tests stand in for applications."""

    def __init__(
        self, n_nodes, flows, hosts, *, n_satellite_rows=0, live=None, kind=socket.SOCK_SEQPACKET, **options
    ):
        n_hosts = len(hosts)
        first_pair = flows.n_flows
        self.pairs = [(a, b) for a in hosts for b in hosts if a != b]
        flows = flows.with_outside(*np.array(self.pairs).T, hop_limit=64)
        # Replies of satellites begin anywhere; hosts are where they end.
        flows = flows.with_outside(hosts, hosts, hop_limit=64, direct=1)
        nobody = np.zeros(n_satellite_rows, np.int64)
        flows = flows.with_outside(nobody, nobody, hop_limit=64, direct=1)
        self.first_reply = first_reply = first_pair + len(self.pairs)
        self.engine = LiveEngine(
            n_nodes,
            flows,
            hosts=np.array(hosts),
            first_pair=first_pair,
            first_reply=first_reply,
            first_satellite=first_reply + n_hosts,
            n_satellite_rows=n_satellite_rows,
            addresses=addresses_of(n_nodes),
            live=live or Live(gso=False, buffer_bytes=64 * MIB, mtu_bytes=65535),
            **options,
        )
        self.hosts = list(hosts)
        self._sockets = [socket.socketpair(socket.AF_UNIX, kind) for _ in hosts]
        for _, ours in self._sockets:
            ours.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        self.engine.open([theirs.fileno() for theirs, _ in self._sockets])

    def close(self):
        self.engine.close()
        for theirs, ours in self._sockets:
            theirs.close()
            ours.close()

    def send(self, node, packet):
        """Have the host at a node send bytes."""
        self._sockets[self.hosts.index(node)][1].send(packet)

    def hang_up(self, node):
        """Have the host at a node be gone, and its interface with it."""
        self._sockets[self.hosts.index(node)][1].close()

    def received(self, node):
        """What has come to the host at a node since the last time: list of bytes."""
        ours, found = self._sockets[self.hosts.index(node)][1], []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(ours.recv(70_000))
        return found

    def received_anywhere(self):
        """The same of all hosts: list of (node, bytes)."""
        return [(node, packet) for node in self.hosts for packet in self.received(node)]


def chain(
    n_nodes=4,
    hosts=(0, 3),
    *,
    delay_ps=PS_PER_MS,
    limit=(1000, 10**7),
    rate_bps=GBPS,
    taps=0,
    end_ps=100 * PS_PER_S,
    **options,
):
    """A mesh in one line, link k from node k to the next, and behind them those back.

    Labels are destinations. Its links are up from the start, in one step as long as the run.
    """
    mesh = Mesh(n_nodes, flows_from_rows([]), hosts, end_ps=end_ps, **options)
    engine, n = mesh.engine, n_nodes - 1
    there = np.arange(n)
    engine.add_links(np.r_[there, there + 1], np.r_[there + 1, there], *limit, taps)
    table = np.full((n_nodes, n_nodes, 1), -1, np.int32)
    for node in range(n_nodes):
        table[node, node + 1 :] = node
        table[node, :node] = n + node - 1
    labels = engine.flows.destination[: engine.flows.n_routed].astype(np.int32)
    engine.install_table(table, labels[:, None], 0)
    for host, flow in enumerate(range(mesh.first_reply, mesh.first_reply + len(hosts))):
        engine.set_label(flow, mesh.hosts[host])
    links = np.arange(2 * n)
    zeros, delays = np.zeros(2 * n, np.int64), np.full(2 * n, delay_ps)
    start = zeros + state.CHANGE_START
    mesh.first_step = Step(0, end_ps, links, delays, delays, zeros, links, start, zeros + rate_bps)
    engine.begin_step(mesh.first_step)
    mesh.open()
    return mesh
