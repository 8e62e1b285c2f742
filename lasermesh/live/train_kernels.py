"""Super-packets: what a TUN device with IFF_VNET_HDR hands over and takes, and their parts.

Before each IP packet lies a virtio_net_hdr of 10 bytes (linux/virtio_net.h), little-endian as the machines
are that this runs on: flags u8, gso_type u8, hdr_len u16, gso_size u16, csum_start u16, csum_offset u16. With
a gso_type the packet is a super-packet of TCP: one header, and the payload of many segments of `gso_size`
bytes, of which the last may be shorter. Everywhere here `length` counts all bytes from `base` on, those
of the virtio_net_hdr with them, as read() returned it; and a segment is a whole IP packet.
"""

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel, part_kernel
from lasermesh.live.bytes_kernels import IPV6_BYTES, TCP, WHOLE, find_upper
from lasermesh.live.word_kernels import (
    add_words,
    fold,
    little16,
    number16,
    number32,
    put16,
    put32,
    put_little16,
)

VNET_BYTES = 10
NEEDS_CSUM = 1  # the checksum at csum_start + csum_offset holds the sum of the pseudo-header only
GSO_NONE, GSO_TCPV4, GSO_TCPV6 = 0, 1, 4
GSO_ECN = 0x80  # in gso_type: the segment that begins this super-packet has CWR set
HEAD_BYTES = (
    256  # of `head` in `fill_part`: 10, IP and TCP headers with all options, 126 of extension headers
)

# Offsets into a virtio_net_hdr.
_FLAGS, _GSO_TYPE, _HDR_LEN, _GSO_SIZE, _CSUM_START, _CSUM_OFFSET = 0, 1, 2, 4, 6, 8

# Offsets into a TCP header, and its flags (RFC 9293 section 3.1).
_TCP_BYTES, _SEQUENCE, _DATA_OFFSET, _FLAGS_OF_TCP, _CHECKSUM = 20, 4, 12, 13, 16
_FIN, _PSH, _CWR = 0x01, 0x08, 0x80


@part_kernel
def _measure(data, base, length):
    """Version, bytes of the IP packet, of these before TCP and before the payload, and gso_size.

    gso_size 0: not a super-packet, and TCP is not looked for. Version 0: nonsense.
    """
    if length < VNET_BYTES:
        return 0, 0, 0, 0, 0
    ip = base + VNET_BYTES
    version, total, upper, protocol, fragment = find_upper(data, ip, length - VNET_BYTES)
    kind = np.int64(data[base + _GSO_TYPE]) & ~GSO_ECN
    if version == 0 or kind == GSO_NONE:
        return version, total, upper, upper, 0
    if kind != (GSO_TCPV4 if version == 4 else GSO_TCPV6) or protocol != TCP or fragment != WHOLE:
        return 0, 0, 0, 0, 0
    if upper + _TCP_BYTES > total:
        return 0, 0, 0, 0, 0
    tcp_bytes = 4 * (np.int64(data[ip + upper + _DATA_OFFSET]) >> 4)
    headers = upper + tcp_bytes
    size = little16(data, base + _GSO_SIZE)
    if tcp_bytes < _TCP_BYTES or headers >= total or VNET_BYTES + headers > HEAD_BYTES or size == 0:
        return 0, 0, 0, 0, 0
    if (
        not data[base + _FLAGS] & NEEDS_CSUM
        or little16(data, base + _CSUM_START) != upper
        or little16(data, base + _CSUM_OFFSET) != _CHECKSUM
    ):
        return 0, 0, 0, 0, 0  # segments get their checksums from the partial one of the super-packet
    return version, total, upper, headers, size


@hot_kernel
def count_segments(data, base, length):
    """How many IP packets on the wire a packet of a TUN device stands for, and their sizes.

    Returns
    -------
    n : int
        1 for an ordinary packet; 0 for nonsense, which no kernel hands over: no IP packet or one cut short,
        GSO of another kind than TCP's, without a partial checksum, without payload or size.
    segment_bytes, last_bytes : int
        Whole IP packets: all but the last, and the last. The same if n is 1.
    """
    version, total, _, headers, size = _measure(data, base, length)
    if version == 0:
        return 0, 0, 0
    if size == 0:
        return 1, total, total
    n = (total - headers + size - 1) // size
    last = total - (n - 1) * size
    return n, (headers + size if n > 1 else last), last


@inline_kernel
def _number_part(data, ip, version, first, is_last, part_bytes, total, upper, size, head):
    """Rewrite the headers in `head` for a part, as net/ipv4/tcp_offload.c: tcp_gso_segment numbers them."""
    at = VNET_BYTES
    if version == 4:
        put16(head, at + 2, part_bytes)
        put16(head, at + 4, (number16(data, ip + 4) + first) & 0xFFFF)
        put16(head, at + 10, 0)
        put16(head, at + 10, 0xFFFF - add_words(head, at, upper, 0))
    else:
        put16(head, at + 4, part_bytes - IPV6_BYTES)
    tcp = at + upper
    put32(head, tcp + _SEQUENCE, (number32(data, ip + upper + _SEQUENCE) + first * size) & 0xFFFF_FFFF)
    flags = np.int64(data[ip + upper + _FLAGS_OF_TCP])
    if not is_last:
        flags &= ~(_FIN | _PSH)
    if first > 0:
        flags &= ~_CWR
    head[tcp + _FLAGS_OF_TCP] = flags
    # The sum of the pseudo-header counts TCP's length: that of the whole out, that of the part in.
    partial = number16(data, ip + upper + _CHECKSUM) + (0xFFFF - (total - upper)) + (part_bytes - upper)
    put16(head, tcp + _CHECKSUM, fold(partial))


@hot_kernel
def fill_part(data, base, length, first, n, head):
    """Headers of the part of a super-packet that begins with segment `first` and has n.

    Parameters
    ----------
    data : uint8
        The super-packet with its virtio_net_hdr at `data[base : base + length]`; left as it is.
    first, n : int
        Segments, as `count_segments` counts them.
    head : uint8 (HEAD_BYTES,)
        Filled with a virtio_net_hdr, the IP header and, of a super-packet, the TCP header.

    Returns
    -------
    head_bytes : int
        0 for nonsense, or if there are no such segments.
    payload_at, payload_bytes : int
        Where in `data` lies what follows: head and payload together are what a TUN device takes.

    Notes
    -----
    Sequence numbers, IPv4 ids, lengths and flags are those that segmentation in the kernel would have given:
    FIN and PSH only with the last segment, CWR only with the first. The TCP checksum stays partial. A part
    that is the whole is the same byte by byte; one segment is no super-packet any more.
    """
    version, total, upper, headers, size = _measure(data, base, length)
    if version == 0 or first < 0 or n < 1:
        return 0, 0, 0
    ip = base + VNET_BYTES
    if size == 0:
        kept = 4 * (np.int64(data[ip]) & 0xF) if version == 4 else IPV6_BYTES
        n_all = 1
    else:
        kept = headers
        n_all = (total - headers + size - 1) // size
    if first + n > n_all:
        return 0, 0, 0
    for i in range(VNET_BYTES + kept):
        head[i] = data[base + i]
    if n == n_all:
        return VNET_BYTES + kept, ip + kept, total - kept
    start = first * size
    payload_bytes = min(start + n * size, total - headers) - start
    if n == 1:
        head[_GSO_TYPE] = GSO_NONE
        put_little16(head, _HDR_LEN, 0)
        put_little16(head, _GSO_SIZE, 0)
    else:
        if first > 0:
            head[_GSO_TYPE] &= GSO_ECN - 1
        put_little16(head, _HDR_LEN, headers)
    is_last = first + n == n_all
    _number_part(data, ip, version, first, is_last, headers + payload_bytes, total, upper, size, head)
    return VNET_BYTES + headers, ip + headers + start, payload_bytes


@hot_kernel
def finish_checksum(data, base, length):
    """Complete a partial checksum in place, so that the packet is as it would be on a wire.

    Nothing is done where it is complete already. Of a super-packet, finish parts of one segment: the whole
    gets a checksum that is right for one packet of its size, and can be given to a TUN device no more.

    Returns
    -------
    finished : bool
        False if the virtio_net_hdr points beyond the packet; nothing is changed then.
    """
    if length < VNET_BYTES:
        return False
    if not data[base + _FLAGS] & NEEDS_CSUM:
        return True
    start = little16(data, base + _CSUM_START)
    field = start + little16(data, base + _CSUM_OFFSET)
    n = length - VNET_BYTES - start
    if n < 0 or field + 2 > length - VNET_BYTES:
        return False
    ip = base + VNET_BYTES
    value = 0xFFFF - add_words(data, ip + start, n, 0)
    put16(data, ip + field, value if value else 0xFFFF)  # zero would say that UDP has none (RFC 768)
    data[base + _FLAGS] &= 0xFF - NEEDS_CSUM
    put_little16(data, base + _CSUM_START, 0)
    put_little16(data, base + _CSUM_OFFSET, 0)
    return True
