"""Compiled loop that turns columns of tap records into Enhanced Packet Blocks of a pcapng file.

The block is that of draft-ietf-opsawg-pcapng section 4.3, in 32-bit words:

    type | length | interface | time, high | time, low | captured | original | packet ... | options | length

Its options are `epb_flags` (direction), `epb_packetid` and the end of options.
"""

from lasermesh.compiled import kernel

PACKET_BLOCK = 6
FLAGS_OPTION = 2 | 4 << 16  # code | length << 16, as one little-endian word
PACKET_ID_OPTION = 5 | 8 << 16
HEADER_WORDS = 7
"""Words of an IPv4 and a UDP header."""

BLOCK_WORDS = 14
"""Words of a block without its packet: seven before it, six of options, the length once more."""

PACKET_AT_WORD = 7
"""Where in its block a packet begins."""

FLOW_SHIFT = 40
"""A packet's id is flow << 40 | sequence: the same at every hop, unique in the run."""

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


@kernel
def fill_blocks(
    template_words,
    template_ip_sum,
    template_udp_sum,
    start_ns,
    kept_bytes,
    time_ps,
    interface,
    direction,
    flow,
    sequence,
    size_bytes,
    hop_limit,
    words,
):
    """Fill `words` (uint32) with one block per record and return how many words were filled.

    Of each packet so many bytes are kept as `kept_bytes` says.
    """
    at = 0
    for record in range(len(time_ps)):
        row = flow[record]
        size = size_bytes[record]
        captured = min(size, kept_bytes[record])
        packet_words = (captured + 3) >> 2
        block_bytes = 4 * (BLOCK_WORDS + packet_words)
        time_ns = start_ns + time_ps[record] // 1000

        words[at] = PACKET_BLOCK
        words[at + 1] = block_bytes
        words[at + 2] = interface[record]
        words[at + 3] = time_ns >> 32
        words[at + 4] = time_ns & WORD
        words[at + 5] = captured
        words[at + 6] = size
        at += PACKET_AT_WORD

        identification = sequence[record] & 0xFFFF
        hops = hop_limit[record]
        udp_length = size - 20
        ip_checksum = checksum(template_ip_sum[row] + size + identification + (hops << 8))
        # The length counts twice, in the header and in the pseudo-header; 0 would say "none" (RFC 768).
        udp_checksum = checksum(template_udp_sum[row] + 2 * udp_length)
        if udp_checksum == 0:
            udp_checksum = 0xFFFF
        words[at] = template_words[row, 0] | swapped(size) << 16
        words[at + 1] = template_words[row, 1] | swapped(identification)
        words[at + 2] = template_words[row, 2] | hops | swapped(ip_checksum) << 16
        words[at + 3] = template_words[row, 3]
        words[at + 4] = template_words[row, 4]
        words[at + 5] = template_words[row, 5]
        words[at + 6] = swapped(udp_length) | swapped(udp_checksum) << 16
        for word in range(at + HEADER_WORDS, at + packet_words):
            words[word] = 0  # the payload; the buffer still holds earlier blocks
        at += packet_words

        words[at] = FLAGS_OPTION
        words[at + 1] = direction[record]
        words[at + 2] = PACKET_ID_OPTION
        words[at + 3] = sequence[record] & WORD
        words[at + 4] = (row << (FLOW_SHIFT - 32) | sequence[record] >> 32) & WORD
        words[at + 5] = 0  # end of options
        words[at + 6] = block_bytes
        at += 7
    return at
