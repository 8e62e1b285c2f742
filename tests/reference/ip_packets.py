"""What IP packets say, how nodes answer them, and how a super-packet is cut: plain Python on bytes."""

import struct
from ipaddress import ip_address, ip_network

ERRORS_V4 = {3, 4, 5, 11, 12}
_NO_HOST = "0.0.0.0/8 127.0.0.0/8 224.0.0.0/3 10.0.0.0/32 10.255.255.255/32 ff00::/8 ::/127"
NO_HOST = [ip_network(text) for text in _NO_HOST.split()]
EXTENSIONS = {0, 43, 44, 51, 60}
FIN, PSH, CWR = 0x01, 0x08, 0x80

ERROR_TYPES = {4: [(11, 0), (3, 0), (3, 3)], 6: [(3, 0), (1, 0), (1, 4)]}
"""Type and code of time exceeded, net unreachable and port unreachable."""


def internet_checksum(data):
    """RFC 1071: the complement of the sum of 16-bit words, by arithmetic modulo 65535."""
    padded = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    return 0xFFFF - (0 if total == 0 else (total - 1) % 0xFFFF + 1)


class Packet:
    """An IP packet taken apart; `version` is 0 for what is none."""

    def __init__(self, data):
        self.version = data[0] >> 4 if data else 0
        reader = {4: self._read_v4, 6: self._read_v6}.get(self.version)
        try:
            if reader is None or not reader(data):
                self.version = 0
        except struct.error:
            self.version = 0

    def _read_v4(self, data):
        (first, self.traffic_class, total, self.id, place, self.hop_limit, self.protocol, _, source, to) = (
            struct.unpack_from(">BBHHHBBH4s4s", data)
        )
        self.upper = (first & 0xF) * 4
        self.later_fragment, self.fragment = place & 0x1FFF > 0, place & 0x3FFF > 0
        self.source, self.destination = ip_address(source), ip_address(to)
        self.bytes = data[:total]
        return 20 <= self.upper <= total <= len(data)

    def _read_v6(self, data):
        first, payload, following, self.hop_limit, source, to = struct.unpack_from(">IHBB16s16s", data)
        self.traffic_class = (first >> 20) & 0xFF
        self.source, self.destination = ip_address(source), ip_address(to)
        self.bytes = data[: 40 + payload]
        self.later_fragment = self.fragment = False
        at = 40
        while following in EXTENSIONS:
            header = self.bytes[at : at + 8]
            if len(header) < 8:
                break
            size = {44: 8, 51: 4 * header[1] + 8}.get(following, 8 * header[1] + 8)
            if following == 44:
                place = int.from_bytes(header[2:4], "big")
                self.later_fragment = place >> 3 > 0
                self.fragment = self.fragment or place >> 3 > 0 or place & 1 > 0
            if at + size > len(self.bytes):
                break
            following, at = header[0], at + size
            if self.later_fragment:
                break
        self.protocol, self.upper = following, at
        return 40 + payload <= len(data)

    @property
    def message(self):
        """The ICMP message in it, or None."""
        icmp = {4: 1, 6: 58}[self.version]
        return self.bytes[self.upper :] if self.protocol == icmp and not self.later_fragment else None

    @property
    def quiet(self):
        """No ICMP error answers it: RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)."""
        if self.later_fragment:
            return True
        ends = (self.source, self.destination)
        if any(end in network for end in ends for network in NO_HOST if network.version == self.version):
            return True
        if self.message is None:
            return False
        if not self.message:
            return True
        kind = self.message[0]
        return kind in ERRORS_V4 if self.version == 4 else kind < 128 or kind == 137


def header_of(data, row_of_address):
    """Version, bytes, bytes of headers, protocol, hop limit, ECN, class, source, destination, quiet."""
    packet = Packet(data)
    if not packet.version:
        return [0, 0, 0, 0, 0, 0, 0, -1, -1, 1]
    ends = [row_of_address.get(end, -1) for end in (packet.source, packet.destination)]
    return [
        *(packet.version, len(packet.bytes), packet.upper, packet.protocol, packet.hop_limit),
        *(packet.traffic_class & 3, packet.traffic_class >> 2 >> 3, *ends, int(packet.quiet)),
    ]


def with_header(data, hop_limit=None, congestion=False):
    """The packet with another hop limit or the mark of congestion, its IPv4 checksum made anew."""
    new = bytearray(data)
    version = new[0] >> 4
    if hop_limit is not None:
        new[8 if version == 4 else 7] = hop_limit
    if congestion:
        new[1] |= 3 if version == 4 else 3 << 4
    return with_ip_checksum(new)


def with_ip_checksum(data):
    new = bytearray(data)
    if new[0] >> 4 == 4:
        end = 4 * (new[0] & 0xF)
        new[10:12] = bytes(2)
        new[10:12] = internet_checksum(new[:end]).to_bytes(2, "big")
    return bytes(new)


def pseudo_header(packet, protocol, n):
    counted = struct.pack(">HH", protocol, n) if packet.version == 4 else struct.pack(">II", n, protocol)
    return packet.source.packed + packet.destination.packed + counted


def icmp_packet(source, destination, message, traffic_class):
    """An IP packet of hop limit 64 around an ICMP message."""
    message = bytearray(message)
    message[2:4] = bytes(2)
    if source.version == 4:
        start = struct.pack(">BBHHHBBH", 0x45, traffic_class, 20 + len(message), 0, 0x4000, 64, 1, 0)
        counted = b""
    else:
        start = struct.pack(">IHBB", 6 << 28 | traffic_class << 20, len(message), 58, 64)
        counted = source.packed + destination.packed + struct.pack(">II", len(message), 58)
    message[2:4] = internet_checksum(counted + message).to_bytes(2, "big")
    return with_ip_checksum(start + source.packed + destination.packed) + bytes(message)


def error_of(data, kind, address_of_row, most_bytes):
    """The error that the node with these two addresses sends, or nothing; kind is a place in ERROR_TYPES."""
    packet = Packet(data)
    if not packet.version or packet.quiet or (kind == 2 and packet.protocol in (1, 58)):
        return b""
    before, most = {4: (28, 576), 6: (48, 1280)}[packet.version]
    room = min(most, most_bytes) - before
    quoted = with_hop_limit_one(packet.bytes) if kind == 0 else packet.bytes
    least = 4 * (data[0] & 0xF) + 8 if packet.version == 4 else 48
    if room < min(least, len(quoted)):
        return b""
    message = bytes([*ERROR_TYPES[packet.version][kind], *bytes(6)]) + quoted[:room]
    source = address_of_row[packet.version]
    return icmp_packet(source, packet.source, message, 0xC0 if packet.version == 4 else 0)


def with_hop_limit_one(data):
    """As a router received it: hop limit 1, and the checksum as wrong or right as it was (RFC 1624)."""
    new = bytearray(data)
    if new[0] >> 4 == 6:
        new[7] = 1
        return bytes(new)
    was, checksum = new[8] << 8, int.from_bytes(new[10:12], "big")
    new[8] = 1
    total = (0xFFFF - checksum) + (0xFFFF - (was | new[9])) + (1 << 8 | new[9])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    new[10:12] = (0xFFFF - total).to_bytes(2, "big")
    return bytes(new)


def echo_reply_of(data):
    packet = Packet(data)
    if not packet.version or packet.quiet or packet.fragment:
        return b""
    request, reply = {4: (8, 0), 6: (128, 129)}[packet.version]
    if packet.message is None or len(packet.message) < 8 or packet.message[0] != request:
        return b""
    message = bytes([reply]) + packet.message[1:]
    return icmp_packet(packet.destination, packet.source, message, packet.traffic_class & 0xFC)


def segments_of(frame):
    """IP packets that a wire would see of what a TUN device with a virtio_net_hdr gave, checksums complete.

    As RFC 9293 sections 3.1 and 3.7 have it and net/ipv4/tcp_offload.c numbers it: sequence by offset of the
    payload, one id more per segment, FIN and PSH in the last, CWR in the first.
    """
    flags, kind, _, size, start, offset = struct.unpack_from("<BBHHHH", frame)
    data = frame[10:]
    if kind & 0x7F == 0:
        packet = bytearray(data)
        if flags & 1:
            value = internet_checksum(packet[start:])
            packet[start + offset : start + offset + 2] = (value or 0xFFFF).to_bytes(2, "big")
        return [bytes(packet)]
    packet = Packet(data)
    end = packet.upper + 4 * (data[packet.upper + 12] >> 4)
    payload = packet.bytes[end:]
    cuts = range(0, len(payload), size)
    found = []
    for number, cut in enumerate(cuts):
        part = payload[cut : cut + size]
        head = bytearray(data[:end])
        if packet.version == 4:
            struct.pack_into(">HH", head, 2, end + len(part), (packet.id + number) % 2**16)
        else:
            struct.pack_into(">H", head, 4, end - 40 + len(part))
        tcp = packet.upper
        sequence = int.from_bytes(head[tcp + 4 : tcp + 8], "big")
        struct.pack_into(">I", head, tcp + 4, (sequence + cut) % 2**32)
        if cut != cuts[-1]:
            head[tcp + 13] &= ~(FIN | PSH)
        if cut:
            head[tcp + 13] &= ~CWR
        head[tcp + 16 : tcp + 18] = bytes(2)
        upper = bytes(head[tcp:]) + part
        value = internet_checksum(pseudo_header(packet, 6, len(upper)) + upper)
        head[tcp + 16 : tcp + 18] = (value or 0xFFFF).to_bytes(2, "big")
        found.append(with_ip_checksum(head) + part)
    return found
