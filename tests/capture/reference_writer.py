"""The slow, obvious capture writer: scapy makes every packet, struct every block."""

import io
import struct

from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from lasermesh import __version__


def header_and_payload(flows, flow, sequence, size_bytes, hop_limit):
    """The whole IP packet, checksums by scapy."""
    ip = IP(
        src=_address(int(flows.from_row[flow])),
        dst=_address(int(flows.to_row[flow])),
        id=sequence % 65536,
        ttl=hop_limit,
        flags="DF",
    )
    return bytes(ip / UDP(sport=49152 + flow % 4096, dport=9) / Raw(bytes(size_bytes - 28)))


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


def write_capture(interfaces, flows, start_ns, records, snaplen, comment, names):
    """The bytes of a capture of records (tuples in the order of `TapRecords`)."""
    out = io.BytesIO()
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    options = _option(1, comment.encode()) + _option(4, f"lasermesh {__version__}".encode()) + _option(0, b"")
    out.write(_block(0x0A0D0D0A, header + options))

    rows = sorted({int(row) for row in (*flows.from_row, *flows.to_row)})
    entries = b""
    for row in rows:
        entries += _option(1, struct.pack(">I", 10 * 2**24 + row + 1) + names[row].encode() + b"\0")
    out.write(_block(4, entries + _option(0, b"")))

    for interface in interfaces:
        options = _option(2, interface.name.encode()) + _option(3, interface.description.encode())
        options += _option(8, struct.pack("<Q", interface.send_bps)) + _option(9, b"\x09")
        if interface.receive_bps != interface.send_bps:
            options += _option(16, struct.pack("<Q", interface.send_bps))
            options += _option(17, struct.pack("<Q", interface.receive_bps))
        out.write(_block(1, struct.pack("<HHI", 101, 0, snaplen) + options + _option(0, b"")))

    for time_ps, interface, direction, flow, sequence, size_bytes, hop_limit in records:
        packet = header_and_payload(flows, flow, sequence, size_bytes, hop_limit)
        captured = packet[:snaplen]
        high, low = divmod(start_ns + time_ps // 1000, 2**32)
        content = struct.pack("<IIIII", interface, high, low, len(captured), len(packet)) + _padded(captured)
        content += _option(2, struct.pack("<I", direction))
        content += _option(5, struct.pack("<Q", flow * 2**40 + sequence)) + _option(0, b"")
        out.write(_block(6, content))
    return out.getvalue()
