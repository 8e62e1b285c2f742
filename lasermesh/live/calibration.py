"""What a packet's way through the datapath takes beside the mesh, measured before the run.

A program's packet is on its way before the datapath reads it: the kernel has put it into its host's TUN
device and woken the datapath's thread, which takes some 0.1 ms on usual machines; and writing what is due
takes a few us more. A ping over the mesh sees both twice, there and back. So just that is measured, with the
same engine, which spins and sleeps as it will in the run, over a mesh of two hosts and one link whose light
time is known: the overhead of one way is half of what a ping takes longer than light. It is taken off the
light time of links out of hosts (`LiveEngine`), so that round trips are those of the model.
"""

import ipaddress
import socket
import struct
import time
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lasermesh.capture.addresses import IPV6_NETWORK, ipv4_addresses
from lasermesh.live.addresses import AddressTables
from lasermesh.live.engine import LiveEngine
from lasermesh.live.namespaces import HostNamespaces
from lasermesh.packets.state import CHANGE_START
from lasermesh.packets.steps import Step
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import NONE, PS_PER_MS, PS_PER_NS, PS_PER_S, PS_PER_US

EXCHANGES = 30
MOST_S = 0.5
"""Pings, and for how long at most."""

LIGHT_PS = 5 * PS_PER_MS
PAUSE_S = 0.005
"""Light time of one way, and what passes before each ping. Who sleeps longer is slower to wake: with 0.5 and
1 ms the overhead came out as 35 us where it was 105 over 20 ms with a ping every 100 ms; with these as 110.
"""

ANSWER_WITHIN_S = 0.1
FIRST_ANSWER_WITHIN_S = 300.0  # the datapath may have to be compiled
LEAST_EXCHANGES = 8
MOST_OVERHEAD_PS = 2 * PS_PER_MS
"""More than that is no overhead of a way but a machine that is busy otherwise, which tells nothing."""

_RATE_BPS = 10**11
_QUEUE_PACKETS = 1000
_HOP_LIMIT = 64
_BUFFER_BYTES = 2**20
RUN_PS = 3600 * PS_PER_S

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h: SO_TIMESTAMPNS_OLD, the kernel's instant of arrival
_PAYLOAD_BYTES = 56  # as ping(8)
_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_IPV4_BYTES = 20


class Overhead(NamedTuple):
    """What calibration found."""

    overhead_ps: int  # of one way through the mesh: in and out; 0 if there is a problem
    spread_ps: int  # between the quartiles of single ones
    exchanges: int  # pings that were answered
    problem: str | None  # why nothing is taken off


def measure_overhead(live) -> Overhead:
    """What one way through the datapath takes on this machine now, in half a second at most.

    Parameters
    ----------
    live : scenario.Live
        `spin_us`, `gso` and `mtu_bytes` are those of the run to come.
    """
    live = replace(live, buffer_bytes=_BUFFER_BYTES)
    with hosts_of_nodes([0, 1], live) as hosts, closing(line_engine(live)) as engine:
        engine.open(hosts.tun_fds)
        engine.start_clock()
        engine.go(RUN_PS)
        return overhead_of(ping(hosts, 0, 1), LIGHT_PS)


def hosts_of_nodes(rows, live, **options) -> HostNamespaces:
    """Hosts with the addresses of nodes of these rows, which `line_engine` knows.

    Parameters
    ----------
    rows : sequence of int
    live : scenario.Live
    options
        Of `HostNamespaces`.
    """
    rows = np.asarray(rows)
    ipv6 = np.zeros((len(rows), 16), np.uint8)
    ipv6[:, : len(IPV6_NETWORK)] = np.frombuffer(IPV6_NETWORK, np.uint8)
    ipv6[:, -2], ipv6[:, -1] = divmod(rows + 1, 256)
    names = [f"node-{row}" for row in rows]
    options = {"vnet_header": live.gso, "mtu_bytes": live.mtu_bytes, **options}
    return HostNamespaces(names, ipv4_addresses(rows), ipv6, **options)


def addresses_of(n_nodes) -> AddressTables:
    """The addresses of `hosts_of_nodes` for so many nodes."""
    rows = np.arange(n_nodes)
    return AddressTables(rows + 1, rows, rows + 1)


def overhead_of(round_trips_ns, light_ps) -> Overhead:
    """`Overhead` of so many round trips of pings, over a link of that light time.

    It is the first quartile: what else a machine does only adds, and a program has more luck later, when it
    is busy with a start no more. Of ten runs the medians of pings were off by -50 us on the average after
    the median was taken off.

    Parameters
    ----------
    round_trips_ns : sequence of int
        Those that came back.
    light_ps : int
        One way.
    """
    n = len(round_trips_ns)
    if n < LEAST_EXCHANGES:
        return Overhead(0, 0, n, f"of {EXCHANGES} pings between two hosts {n} were answered in time")
    one_way_ps = np.asarray(round_trips_ns, np.int64) * PS_PER_NS // 2 - light_ps
    first, third = np.percentile(one_way_ps, [25, 75])
    spread_ps = round(third - first)
    if not 0 <= first <= MOST_OVERHEAD_PS:
        us = first / PS_PER_US
        return Overhead(0, spread_ps, n, f"the way through the datapath seemed to take {us:.0f} us")
    return Overhead(round(first), spread_ps, n, None)


def ping(hosts, host, row, *, count=EXCHANGES, pause_s=PAUSE_S, most_s=MOST_S):
    """Round trips of pings from a host to a node, one after the other, in ns: those that came back.

    Like those of ping(8) they begin before the packet is handed to the kernel and end with the kernel's stamp
    of arrival. The first, which finds things cold, is left out.

    Parameters
    ----------
    hosts : HostNamespaces
    host : int
        Which of them pings.
    row : int
        Of the node that answers.
    count : int
    pause_s, most_s : float
        Before each, and for how long at most.
    """
    address = str(ipaddress.IPv4Address(int(ipv4_addresses(row))))
    with hosts.within(host):
        pings = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with pings:
        pings.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if _round_trip_ns(pings, address, 0, FIRST_ANSWER_WITHIN_S) is None:
            return []
        end_s = time.monotonic() + most_s
        round_trips_ns = []
        for sequence in range(1, count + 1):
            time.sleep(pause_s)
            round_trips_ns.append(_round_trip_ns(pings, address, sequence, ANSWER_WITHIN_S))
            if time.monotonic() > end_s:
                break
    return [ns for ns in round_trips_ns if ns is not None]


def _round_trip_ns(pings, address, sequence, within_s):
    """Of one ping, None if it is not answered within so long."""
    pings.settimeout(within_s)
    request = _echo_request(sequence)
    sent_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    pings.sendto(request, (address, 0))
    arrived_ns = _answer_to(pings, sequence)
    return None if arrived_ns is None else arrived_ns - sent_ns


def _echo_request(sequence):
    """An ICMP echo request (RFC 792), without an identifier, as nobody else pings here."""
    payload = bytes(_PAYLOAD_BYTES)
    total = (_ECHO_REQUEST << 8) + sequence
    return struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0xFFFF - total, 0, sequence) + payload


def _answer_to(pings, sequence):
    """When the answer to this ping came by CLOCK_REALTIME in ns, None if it does not."""
    while True:
        try:
            data, ancillary, _, _ = pings.recvmsg(2048, 64)
        except TimeoutError:
            return None
        kind, _, _, _, number = struct.unpack_from("!BBHHH", data, _IPV4_BYTES)
        if kind != _ECHO_REPLY or number != sequence:
            continue
        for level, what, value in ancillary:
            if level == socket.SOL_SOCKET and what == _SO_TIMESTAMPNS:
                seconds, ns = struct.unpack("@ll", value)
                return seconds * 1_000_000_000 + ns


def line_engine(live, *, hops=1, light_ps=LIGHT_PS, rate_bps=_RATE_BPS, overhead_ps=0) -> LiveEngine:
    """An engine with a line of nodes, of which both ends are hosts, and links that stay up for an hour.

    Parameters
    ----------
    live : scenario.Live
    hops : int
        Links from end to end; nodes have rows 0 to `hops`.
    light_ps, rate_bps : int
        Of each link.
    overhead_ps : int
        As of `LiveEngine`.
    """
    ends, others = np.array([0, hops]), np.array([hops, 0])
    flows = flows_from_rows([]).with_outside(ends, others, hop_limit=_HOP_LIMIT)
    flows = flows.with_outside(ends, ends, hop_limit=_HOP_LIMIT, direct=1)  # what satellites answer: none
    nodes = np.arange(hops + 1)
    engine = LiveEngine(
        len(nodes),
        flows,
        hosts=ends,
        first_pair=0,
        first_reply=2,
        first_satellite=4,
        n_satellite_rows=0,
        addresses=addresses_of(hops + 1),
        live=live,
        overhead_ps=overhead_ps,
        end_ps=RUN_PS,
    )
    # Links [0, hops) lead away from row 0, the others back to it.
    link_from, link_to = np.append(nodes[:-1], nodes[1:]), np.append(nodes[1:], nodes[:-1])
    engine.add_links(link_from, link_to, _QUEUE_PACKETS, _QUEUE_PACKETS * live.mtu_bytes)
    table = np.full((len(nodes), 2, 1), NONE, np.int32)
    table[:-1, 1, 0] = nodes[:-1]
    table[1:, 0, 0] = hops + nodes[:-1]
    engine.install_table(table, np.array([[1], [0]], np.int32), 0)
    links, zero = np.arange(2 * hops), np.zeros(2 * hops, np.int64)
    changes = (zero, links, zero + CHANGE_START, zero + rate_bps)
    engine.begin_step(Step(0, RUN_PS, links, zero + light_ps, zero + light_ps, *changes))
    return engine
