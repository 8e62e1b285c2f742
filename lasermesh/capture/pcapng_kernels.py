"""Compiled loop that turns columns of tap records into Enhanced Packet Blocks of a pcapng file.

The block is that of draft-ietf-opsawg-pcapng section 4.3, in 32-bit words:

    type | length | interface | time, high | time, low | captured | original | packet ... | options | length

Its options are `epb_flags` (direction), `epb_packetid`, `epb_queue` where the class is not 0, a comment where
the packet was dropped, and the end of options.
"""

import numpy as np

from lasermesh.compiled import inline_kernel, kernel
from lasermesh.units import NONE

PACKET_BLOCK = 6
FLAGS_OPTION = 2 | 4 << 16  # code | length << 16, as one little-endian word
PACKET_ID_OPTION = 5 | 8 << 16
QUEUE_OPTION = 6 | 4 << 16

BLOCK_WORDS = 14
"""Words of a block without its packet: seven before it, six of options, the length once more."""

QUEUE_WORDS = 2
"""Words that a class above 0 adds."""

PACKET_AT_WORD = 7
"""Where in its block a packet begins."""

IPV4_WORDS, IPV6_WORDS = 14, 24
"""16-bit words of headers, with UDP."""

ETHERNET_ADDRESS_WORDS = 6
ETHERNET_WORDS = 7
IPV4_TYPE, IPV6_TYPE = 0x0008, 0xDD86
"""Of what Ethernet carries, with bytes exchanged."""

FLOW_SHIFT = 40
"""A packet's id is flow << 40 | sequence: the same at every hop, unique in the run."""

CONGESTION_EXPERIENCED = 3
"""In the ECN field (RFC 3168 section 5)."""

WORD = 0xFFFFFFFF


@kernel
def swapped(value):
    """A 16-bit number with its bytes exchanged: network order in a little-endian word."""
    return (value & 0xFF) << 8 | value >> 8


@kernel
def checksum(total):
    """Internet checksum (RFC 1071) of a sum of 16-bit words below 2**32."""
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@inline_kernel
def fill_ethernet(ports, port, direction, is_ipv6, halves, half):
    """Put the Ethernet header of what is seen at a port at a place; the place behind it."""
    for word in range(ETHERNET_ADDRESS_WORDS):
        halves[half + word] = ports.link_words[port, direction & 1, word]
    halves[half + ETHERNET_ADDRESS_WORDS] = IPV6_TYPE if is_ipv6 else IPV4_TYPE
    return half + ETHERNET_WORDS


@inline_kernel
def fill_headers(templates, records, record, halves, half):
    """Put the headers of IP and UDP of a record at a place; the place behind them."""
    flow, size = records.flow[record], records.size_bytes[record]
    hops = records.hop_limit[record]
    is_ipv6 = templates.is_ipv6[flow]
    header_words = IPV6_WORDS if is_ipv6 else IPV4_WORDS
    for word in range(header_words):
        halves[half + word] = templates.words[flow, word]
    # Class selectors (RFC 2474 section 4.2.2) in the upper bits, and below them the congestion marks.
    service = records.traffic_class[record] << 5 | records.ecn[record]
    if is_ipv6:
        udp_bytes = size - 40
        halves[half] |= service >> 4 | (service & 0xF) << 12
        halves[half + 2] = swapped(udp_bytes)
        halves[half + 3] |= hops << 8
    else:
        udp_bytes = size - 20
        identification = records.sequence[record] & 0xFFFF
        halves[half] |= service << 8
        halves[half + 1] = swapped(size)
        halves[half + 2] = swapped(identification)
        halves[half + 4] |= hops
        ip_sum = templates.ip_sum[flow] + service + size + identification + (hops << 8)
        halves[half + 5] = swapped(checksum(ip_sum))
    # The length counts twice, in the header and in the pseudo-header; 0 would say "none" (RFC 768).
    udp_checksum = checksum(templates.udp_sum[flow] + 2 * udp_bytes)
    if udp_checksum == 0:
        udp_checksum = 0xFFFF
    half += header_words
    halves[half - 2] = swapped(udp_bytes)
    halves[half - 1] = swapped(udp_checksum)
    return half


@inline_kernel
def replace_half(halves, half, value, checksum_half):
    """Change a word of an IPv4 header, and its checksum by as much (RFC 1624, equation 3).

    Words are as they lie in memory: the sum of words whose bytes are exchanged is the sum with its bytes
    exchanged (RFC 1071 section 2).
    """
    total = (0xFFFF - np.int64(halves[checksum_half])) + (0xFFFF - np.int64(halves[half])) + value
    halves[half] = value
    halves[checksum_half] = checksum(total)


@inline_kernel
def fill_real(data, row, n_bytes, hops, ecn, halves, half):
    """Put the first bytes of a packet, with the hop limit and mark it has there; the place behind them."""
    for k in range(n_bytes >> 1):
        halves[half + k] = np.int64(data[row, 2 * k]) | np.int64(data[row, 2 * k + 1]) << 8
    end = half + (n_bytes >> 1)
    if n_bytes & 1:
        halves[end] = data[row, n_bytes - 1]
        end += 1
    if data[row, 0] >> 4 == 6:
        halves[half + 3] = (np.int64(halves[half + 3]) & 0xFF) | hops << 8
        if ecn == CONGESTION_EXPERIENCED:
            halves[half] = np.int64(halves[half]) | CONGESTION_EXPERIENCED << 12
    else:
        replace_half(halves, half + 4, (np.int64(halves[half + 4]) & 0xFF00) | hops, half + 5)
        if ecn == CONGESTION_EXPERIENCED:
            marked = np.int64(halves[half]) | CONGESTION_EXPERIENCED << 8
            replace_half(halves, half, marked, half + 5)
    return end


@inline_kernel
def fill_options(comments, comment_words, records, record, words, at):
    """Put the options of a record's block at a place; the place behind them."""
    sequence = records.sequence[record]
    words[at] = FLAGS_OPTION
    words[at + 1] = records.direction[record]
    words[at + 2] = PACKET_ID_OPTION
    words[at + 3] = sequence & WORD
    words[at + 4] = (records.flow[record] << (FLOW_SHIFT - 32) | sequence >> 32) & WORD
    at += 5
    if records.traffic_class[record] > 0:
        words[at] = QUEUE_OPTION
        words[at + 1] = records.traffic_class[record]
        at += QUEUE_WORDS
    cause = records.cause[record]
    if cause >= 0:
        for word in range(comment_words[cause]):
            words[at + word] = comments[cause, word]
        at += comment_words[cause]
    words[at] = 0  # their end
    return at + 1


@kernel
def fill_blocks(
    templates,
    ports,
    comments,
    comment_words,
    start_ns,
    is_ethernet,
    kept_bytes,
    records,
    real_row,
    real_data,
    words,
    halves,
    packet_at,
):
    """Fill `words` with one block per record and return how many words were filled.

    Parameters
    ----------
    templates : HeaderTemplates
    ports : PortTable
    comments : uint32 array, shape (n_causes, most words)
        The option that tells a cause of drops.
    comment_words : int64 array, shape (n_causes,)
        Words of each.
    start_ns : int
        Start of the run, ns since 1970.
    is_ethernet : bool
    kept_bytes : int64 array, shape (n,)
        How much of each packet is kept, but never less than its headers where these are made here.
    records : TapRecords
    real_row : int64 array, shape (n,)
        Where a packet's own bytes are; NONE: it is made of its flow's template.
    real_data : uint8 array, shape (n_real, at least the headers of IP)
        The first bytes of packets.
    words : uint32 array
    halves : uint16 array
        The same memory.
    packet_at : int64 array, shape (n,)
        Byte of `words` at which each record's packet begins; filled.
    """
    link_words = ETHERNET_WORDS if is_ethernet else 0
    at = 0
    for record in range(len(kept_bytes)):
        port = records.interface[record]
        cause = records.cause[record]
        real = real_row[record]
        wire_bytes = records.size_bytes[record] + 2 * link_words
        if real == NONE:
            is_ipv6 = templates.is_ipv6[records.flow[record]]
            header_words = link_words + (IPV6_WORDS if is_ipv6 else IPV4_WORDS)
            captured = min(wire_bytes, max(kept_bytes[record], 2 * header_words))
        else:
            is_ipv6 = real_data[real, 0] >> 4 == 6
            captured = min(wire_bytes, kept_bytes[record], 2 * link_words + real_data.shape[1])
        packet_words = (captured + 3) >> 2
        block_bytes = 4 * (BLOCK_WORDS + packet_words)
        if records.traffic_class[record] > 0:
            block_bytes += 4 * QUEUE_WORDS
        if cause >= 0:
            block_bytes += 4 * comment_words[cause]
        time_ns = start_ns + records.time_ps[record] // 1000

        words[at] = PACKET_BLOCK
        words[at + 1] = block_bytes
        words[at + 2] = ports.number[port]
        words[at + 3] = time_ns >> 32
        words[at + 4] = time_ns & WORD
        words[at + 5] = captured
        words[at + 6] = wire_bytes
        at += PACKET_AT_WORD
        packet_at[record] = 4 * at

        half = 2 * at
        if is_ethernet:
            half = fill_ethernet(ports, port, records.direction[record], is_ipv6, halves, half)
        if real == NONE:
            half = fill_headers(templates, records, record, halves, half)
        else:
            n_bytes = captured - 2 * link_words
            hops = records.hop_limit[record]
            half = fill_real(real_data, real, n_bytes, hops, records.ecn[record], halves, half)
        at += packet_words
        for word in range(half, 2 * at):
            halves[word] = 0  # the payload; the buffer still holds earlier blocks

        at = fill_options(comments, comment_words, records, record, words, at)
        words[at] = block_bytes
        at += 1
    return at
