"""The slow, obvious capture writer: scapy makes every packet, struct every block."""

import io
import ipaddress
import struct
from collections import Counter

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lasermesh import __version__

CAUSES = (
    "queue",
    "no_route",
    "link_down",
    "hop_limit",
    "bit_error",
    "node_down",
    "early",
    "storage",
    "expired",
)


def header_and_payload(flows, ipv6, flow, sequence, size_bytes, hop_limit, ecn=0, traffic_class=0):
    """The whole IP packet, checksums by scapy."""
    answered = -1 if flows.answers is None else int(flows.answers[flow])
    ports = {"sport": 49152 + flow % 4096, "dport": 9}
    if answered != -1:
        ports = {"sport": 9, "dport": 49152 + answered % 4096}
    from_row, to_row = int(flows.from_row[flow]), int(flows.to_row[flow])
    service = traffic_class * 8 * 4 + ecn
    if flows.ip_version is not None and flows.ip_version[flow] == 6:
        ip = IPv6(
            src=ipaddress.IPv6Address(bytes(ipv6[from_row])).compressed,
            dst=ipaddress.IPv6Address(bytes(ipv6[to_row])).compressed,
            tc=service,
            fl=flow % 2**20,
            hlim=hop_limit,
        )
    else:
        ip = IP(
            src=_address(from_row),
            dst=_address(to_row),
            tos=service,
            id=sequence % 65536,
            ttl=hop_limit,
            flags="DF",
        )
    return bytes(ip / UDP(**ports) / Raw(bytes(size_bytes - len(ip) - 8)))


def ethernet_header(interface, direction, packet):
    """Before a packet at a port: invented addresses of its two nodes."""
    node, peer = (
        "02:ff:ff:ff:ff:ff" if row < 0 else "02:00:" + struct.pack(">I", row).hex(":")
        for row in (interface.node, interface.peer)
    )
    source, destination = (peer, node) if direction == 1 else (node, peer)
    return bytes(Ether(src=source, dst=destination, type=0x86DD if packet[0] >> 4 == 6 else 0x0800))


def _address(row):
    number = row + 1
    return f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"


def _padded(data):
    while len(data) % 4:
        data += b"\0"
    return data


def _option(code, value):
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind, content):
    length = struct.pack("<I", 4 + 4 + len(content) + 4)
    return struct.pack("<I", kind) + length + content + length


def write_capture(
    interfaces, flows, start_ns, records, snaplen, comment, names, ipv6=None, is_ethernet=False, n_limit=10**9
):
    """The bytes of a capture of records (tuples in the order of `TapRecords`)."""
    out = io.BytesIO()
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    options = _option(1, comment.encode()) + _option(4, f"lasermesh {__version__}".encode()) + _option(0, b"")
    out.write(_block(0x0A0D0D0A, header + options))

    versions = [4] * len(flows.from_row) if flows.ip_version is None else list(flows.ip_version)
    ends = sorted(
        {
            (version, int(row))
            for rows in (flows.from_row, flows.to_row)
            for version, row in zip(versions, rows, strict=True)
        }
    )
    entries = b""
    for version, row in ends:
        name = names[row].encode() + b"\0"
        if version == 4:
            entries += _option(1, struct.pack(">I", 10 * 2**24 + row + 1) + name)
        else:
            entries += _option(2, bytes(ipv6[row]) + name)
    most_header = (14 if is_ethernet else 0) + (48 if 6 in versions else 28)
    for interface in interfaces:
        options = _option(2, interface.name.encode()) + _option(3, interface.description.encode())
        options += _option(8, struct.pack("<Q", interface.send_bps)) + _option(9, b"\x09")
        if interface.receive_bps != interface.send_bps:
            options += _option(16, struct.pack("<Q", interface.send_bps))
            options += _option(17, struct.pack("<Q", interface.receive_bps))
        link_type = 1 if is_ethernet else 101
        body = struct.pack("<HHI", link_type, 0, max(snaplen, most_header))
        out.write(_block(1, body + options + _option(0, b"")))

    out.write(_block(4, entries + _option(0, b"")))

    seen, dropped, written = Counter(), Counter(), Counter()
    for n, record in enumerate(records):
        time_ps, port, direction, flow, sequence, size_bytes, hop_limit, ecn, traffic_class, cause = record
        seen[port] += 1
        dropped[port] += cause >= 0
        if n >= n_limit:
            continue
        written[port] += 1
        packet = header_and_payload(flows, ipv6, flow, sequence, size_bytes, hop_limit, ecn, traffic_class)
        headers = 48 if packet[0] >> 4 == 6 else 28
        if is_ethernet:
            packet = ethernet_header(interfaces[port], direction, packet) + packet
            headers += 14
        captured = packet[: max(snaplen, headers)]
        content = struct.pack("<I", port) + _time(start_ns + time_ps // 1000)
        content += struct.pack("<II", len(captured), len(packet)) + _padded(captured)
        content += _option(2, struct.pack("<I", direction))
        content += _option(5, struct.pack("<Q", flow * 2**40 + sequence))
        if traffic_class > 0:
            content += _option(6, struct.pack("<I", traffic_class))
        if cause >= 0:
            content += _option(1, b"dropped: " + CAUSES[cause].encode())
        out.write(_block(6, content + _option(0, b"")))

    end = _time(start_ns + records[-1][0] // 1000)
    for port in range(len(interfaces)):
        options = _option(2, _time(start_ns)) + _option(3, end)
        for code, counts in ((4, seen), (5, dropped), (8, written)):
            options += _option(code, struct.pack("<Q", counts[port]))
        out.write(_block(5, struct.pack("<I", port) + end + options + _option(0, b"")))
    return out.getvalue()


def _time(time_ns):
    return struct.pack("<II", *divmod(time_ns, 2**32))
