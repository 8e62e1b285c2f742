"""Random packets: what applications send, and what nobody should."""

import struct
from ipaddress import ip_address

import numpy as np

from tests.reference.ip_packets import Packet, internet_checksum, pseudo_header, with_ip_checksum

NODES_V4 = [ip_address(f"10.0.0.{row + 1}") for row in range(6)]
_SHORT_V6 = "2:0:7 1:3:9 1:3:a 1:ffff:0 3:0:0 ffff:0:1"
NODES_V6 = [ip_address(f"fd6c:6d::{text}") for text in _SHORT_V6.split()]
ROW_OF_ADDRESS = {address: row for nodes in (NODES_V4, NODES_V6) for row, address in enumerate(nodes)}

OTHERS_V4 = (
    "10.0.0.0 10.0.0.7 10.255.255.255 0.0.0.0 0.9.9.9 127.0.0.1 224.0.0.1 240.1.2.3 255.255.255.255 9.9.9.9"
)
OTHERS_V6 = (
    "fd6c:6d::1:3:8 fd6c:6d:0:0:1:1:3:9 fd6c:6e::1:3:9 :: ::1 ::2 ff02::1 2001:db8::1 fd6c:6d::ffff:0:2"
)


def random_bytes(rng, n):
    return rng.integers(0, 256, n, dtype=np.uint8).tobytes()


def random_ends(rng, nodes, others):
    others = [ip_address(text) for text in others.split()]
    pools = [nodes if rng.random() < 0.85 else others for _ in range(2)]
    return b"".join(pool[rng.integers(len(pool))].packed for pool in pools)


def ipv4(rng, protocol, upper, options=b"", ends=None, place=0x4000):
    total = 20 + len(options) + len(upper)
    first = 0x45 + len(options) // 4
    start = struct.pack(
        ">BBHHHBBH",
        *(first, rng.integers(256), total, rng.integers(2**16), place, rng.integers(256), protocol, 0),
    )
    return with_ip_checksum(start + (ends or random_ends(rng, NODES_V4, OTHERS_V4)) + options) + upper


def ipv6(rng, protocol, upper, extensions=(), ends=None):
    chain, following = b"", protocol
    for kind, body in reversed(extensions):
        chain = bytes([following]) + body + chain
        following = kind
    first = 6 << 28 | int(rng.integers(2**28))
    start = struct.pack(">IHBB", first, len(chain) + len(upper), following, rng.integers(256))
    return start + (ends or random_ends(rng, NODES_V6, OTHERS_V6)) + chain + upper


def random_extension(rng):
    kind = int(rng.choice([0, 43, 44, 51, 60]))
    if kind == 44:
        place = int(rng.choice([0, 1, 8, 9, 2, 0xFFF8]))
        return kind, b"\0" + place.to_bytes(2, "big") + random_bytes(rng, 4)
    n = int(rng.integers(1, 4))
    length, size = (2 * n, 8 * n + 8) if kind == 51 else (n - 1, 8 * n)
    return kind, bytes([length]) + random_bytes(rng, size - 2)


def random_packet(rng):
    """Mostly sound; one in three cut, lied about or turned to garbage."""
    most = int(rng.choice([4, 40, 200, 1400]))
    upper = random_bytes(rng, int(rng.integers(0, most)))
    four = rng.random() < 0.5
    protocol = int(rng.choice([1, 1, 58, 58, 6, 17, 59, 89]))
    if protocol in (1, 58) and upper:
        kinds = (
            [8, 8, 0, 3, 4, 5, 11, 12, 13] if protocol == 1 else [128, 128, 129, 1, 2, 3, 4, 127, 135, 137]
        )
        upper = bytes([rng.choice(kinds)]) + upper[1:]
    if four:
        options = random_bytes(rng, 4 * int(rng.choice([0, 0, 1, 10])))
        place = int(rng.choice([0, 0x4000, 0x4000, 0x4000, 0x2000, 0x2001, 0x0001]))
        packet = ipv4(rng, protocol, upper, options, place=place)
    else:
        extensions = [random_extension(rng) for _ in range(int(rng.choice([0, 0, 1, 3])))]
        packet = ipv6(rng, protocol, upper, extensions)
    fault = rng.integers(12)
    if fault == 0:
        return packet[: rng.integers(len(packet))]
    if fault == 1:
        return packet + random_bytes(rng, 5)
    if fault == 2:
        return random_bytes(rng, int(rng.integers(90)))
    if fault == 3:
        packet = bytearray(packet)
        packet[rng.integers(min(len(packet), 60))] = rng.integers(256)
    return bytes(packet)


def super_packet(rng, four, payload_bytes, size, *, flags=0x98, options=b"", extensions=(), ends=None):
    """A super-packet of TCP with its virtio_net_hdr, as the kernel hands it over."""
    tcp = bytearray(struct.pack(">HHIIBBHHH", 5001, 80, int(rng.integers(2**32)), 7, 0, flags, 500, 0, 3))
    tcp += options
    tcp[12] = len(tcp) // 4 << 4
    upper = bytes(tcp) + random_bytes(rng, payload_bytes)
    if four:
        data = ipv4(rng, 6, upper, random_bytes(rng, 8) if extensions else b"", ends)
    else:
        data = ipv6(rng, 6, upper, extensions, ends)
    packet = Packet(data)
    field = packet.upper + 16
    partial = 0xFFFF - internet_checksum(pseudo_header(packet, 6, len(upper)))
    data = data[:field] + partial.to_bytes(2, "big") + data[field + 2 :]
    headers = packet.upper + len(tcp)
    kind = (1 if four else 4) | (0x80 if flags & 0x80 else 0)
    return struct.pack("<BBHHHH", 1, kind, headers, size, packet.upper, 16) + data


def at_the_end(rng, packet):
    """The packet as the last bytes of an array, so that a read beyond it is out of bounds: (array, place)."""
    before = random_bytes(rng, int(rng.integers(0, 20)))
    return np.array(bytearray(before + packet), np.uint8), len(before)
