"""Capture files byte by byte, as their formats are written down, and frames to put in them."""

import struct

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806


def ipv4(size, says=None):
    """An IPv4 packet of that many bytes, whose header may say another number."""
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, size if says is None else says, 0, 0, 64, 17, 0, b"abcd", b"efgh"
    )
    return (header + bytes(size))[:size]


def ipv6(size, says=None):
    """An IPv6 packet of that many bytes, whose header may say another payload length."""
    payload = size - 40 if says is None else says
    return (struct.pack(">IHBB", 6 << 28, payload, 17, 64) + bytes(32) + bytes(size))[:size]


def ethernet(packet, protocol=IPV4, tags=()):
    """An Ethernet frame, with VLAN tags of these protocols."""
    tagged = b"".join(struct.pack(">HH", tag, 7) for tag in tags)
    return bytes(12) + tagged + struct.pack(">H", protocol) + packet


def cooked(packet, protocol=IPV4):
    """A frame as Linux captures it on all interfaces at once."""
    return struct.pack(">HHHQ", 0, 1, 6, 0) + struct.pack(">H", protocol) + packet


def cooked_2(packet, protocol=IPV4):
    """The newer form of the same."""
    return struct.pack(">HHIHBB8x", protocol, 0, 1, 1, 0, 6) + packet


def pcap(frames, order="<", magic=0xA1B2C3D4, link_type=1):
    """A pcap file; frames are (seconds, fraction in ticks, captured bytes[, original length])."""
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, link_type)]
    for seconds, ticks, captured, *original in frames:
        length = original[0] if original else len(captured)
        parts.append(struct.pack(f"{order}IIII", seconds, ticks, len(captured), length) + captured)
    return b"".join(parts)


def block(kind, body, order="<"):
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order="<", link_type=1, resolution=None, offset_s=None):
    options = b""
    if resolution is not None:
        options += struct.pack(f"{order}HHB3x", 9, 1, resolution)
    if offset_s is not None:
        options += struct.pack(f"{order}HHq", 14, 8, offset_s)
    options += bytes(4) if options else b""
    return block(1, struct.pack(f"{order}HHI", link_type, 0, 0) + options, order)


def packet(ticks, captured, order="<", number=0, original=None):
    """An Enhanced Packet Block."""
    high, low = divmod(ticks, 2**32)
    length = len(captured) if original is None else original
    return block(6, struct.pack(f"{order}IIIII", number, high, low, len(captured), length) + captured, order)


def old_packet(ticks, captured, order="<", number=0):
    """A Packet Block, of before the enhanced ones."""
    high, low = divmod(ticks, 2**32)
    head = struct.pack(f"{order}HHIIII", number, 5, high, low, len(captured), len(captured))
    return block(2, head + captured, order)


def simple_packet(captured):
    return block(3, struct.pack("<I", len(captured)) + captured)
