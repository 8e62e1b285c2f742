"""Bytes of real IP packets: what a header says, hop limits and marks, ICMP errors and echo replies.

Packets lie anywhere in a flat array of bytes, `data[at : at + length]`, and may hold anything: applications
send what they like. Nothing is read beyond `length`. Formats: IPv4 RFC 791, IPv6 RFC 8200, DSCP and ECN
RFC 2474 and RFC 3168, ICMP RFC 792 and RFC 1122 section 3.2.2, ICMPv6 RFC 4443. Addresses of nodes:
`lasermesh.capture.addresses`.
"""

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel, part_kernel
from lasermesh.live.word_kernels import add_words, fold, number16, number32, put16, put32
from lasermesh.units import NONE

# Columns of a header, one int64 row per packet.
H_VERSION = 0  # 4 or 6; 0 if this is no IP packet, or one that is cut short
H_TOTAL = 1  # bytes of the whole IP packet by its header, at most `length`
H_LENGTH = 2  # bytes before the upper layer: the IPv4 header with options, the IPv6 header with extensions
H_PROTOCOL = 3  # of the upper layer, behind extension headers
H_HOP_LIMIT = 4
H_ECN = 5  # 0 not ECN-capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced
H_CLASS = 6  # DSCP >> 3, the class selector of RFC 2474 section 4.2.2: 0..7
H_SOURCE = 7  # row of the node with this address, or NONE
H_DESTINATION = 8  # the same
H_QUIET = 9  # 1: never answered with an ICMP error (see `is_quiet`)
HEADER_COLUMNS = 10

# Kinds of ICMP errors.
TIME_EXCEEDED = 0
NET_UNREACHABLE = 1  # ICMPv6: no route to destination
PORT_UNREACHABLE = 2

# What `find_upper` says of fragments.
WHOLE = 0
FIRST_FRAGMENT = 1
LATER_FRAGMENT = 2

ICMP = 1
TCP = 6
ICMPV6 = 58
_ECHO_REPLY, _ECHO_REQUEST = 0, 8
_ECHO_REQUEST_V6, _ECHO_REPLY_V6 = 128, 129
_REDIRECT_V6 = 137

IPV4_BYTES = 20
IPV6_BYTES = 40
_ICMP_BYTES = 8
_MOST_ERROR_BYTES = 576  # RFC 1812 section 4.3.2.3
_MOST_ERROR_BYTES_V6 = 1280  # RFC 4443 section 2.4 (c): the least MTU of IPv6
_ANSWER_HOP_LIMIT = 64
_DO_NOT_FRAGMENT = 0x40
_INTERNETWORK_CONTROL = 0xC0  # precedence of ICMP errors, RFC 1812 section 4.3.2.5

_NETWORK = 10 << 24  # 10.0.0.0/8
_BROADCAST = 0x0AFF_FFFF

# IPv6 extension headers that are stepped over (RFC 8200 section 4; authentication: RFC 4302).
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION_OPTIONS = 0, 43, 44, 51, 60


@hot_kernel
def checksum(data, at, n, start):
    """The Internet checksum (RFC 1071) of n bytes, as it is written into a header whose field counts as zero.

    `start` is the sum of what else counts, such as a pseudo-header; 0 if nothing.
    """
    return 0xFFFF - add_words(data, at, n, start)


@inline_kernel
def _is_extension(protocol):
    return (
        protocol == _HOP_BY_HOP
        or protocol == _ROUTING
        or protocol == _FRAGMENT
        or protocol == _AUTHENTICATION
        or protocol == _DESTINATION_OPTIONS
    )


@inline_kernel
def _find_upper_v4(data, at, length):
    header_bytes = 4 * (np.int64(data[at]) & 0xF)
    if length < IPV4_BYTES or header_bytes < IPV4_BYTES:
        return 0, 0, 0, 0, WHOLE
    total = number16(data, at + 2)
    if total > length or total < header_bytes:
        return 0, 0, 0, 0, WHOLE
    place = number16(data, at + 6)  # of a fragment: flags, and its offset in units of 8 bytes
    fragment = WHOLE
    if place & 0x1FFF:
        fragment = LATER_FRAGMENT
    elif place & 0x2000:
        fragment = FIRST_FRAGMENT
    return 4, total, header_bytes, np.int64(data[at + 9]), fragment


@inline_kernel
def _find_upper_v6(data, at, length):
    if length < IPV6_BYTES:
        return 0, 0, 0, 0, WHOLE
    total = IPV6_BYTES + number16(data, at + 4)
    if total > length:
        return 0, 0, 0, 0, WHOLE
    protocol = np.int64(data[at + 6])
    upper = IPV6_BYTES
    fragment = WHOLE
    while _is_extension(protocol) and upper + 8 <= total:
        extension_bytes = 8
        if protocol == _AUTHENTICATION:
            extension_bytes = 4 * (np.int64(data[at + upper + 1]) + 2)
        elif protocol != _FRAGMENT:
            extension_bytes = 8 * (np.int64(data[at + upper + 1]) + 1)
        elif number16(data, at + upper + 2) & 0xFFF8:
            fragment = LATER_FRAGMENT
        elif number16(data, at + upper + 2) & 1:
            fragment = FIRST_FRAGMENT
        if upper + extension_bytes > total:
            break
        protocol = np.int64(data[at + upper])
        upper += extension_bytes
        if fragment == LATER_FRAGMENT:
            break  # what follows is the middle of something
    return 6, total, upper, protocol, fragment


@part_kernel
def find_upper(data, at, length):
    """Where the upper layer of a packet begins.

    Returns
    -------
    version : int
        4 or 6; 0, and all others 0, if this is no IP packet or its header claims more than `length` bytes.
    total, upper : int
        Bytes of the packet, and of these the ones before the upper layer.
    protocol : int
        Of the upper layer. Where an extension header runs beyond the packet: that header's own number.
    fragment : int
        WHOLE, FIRST_FRAGMENT (with more behind it) or LATER_FRAGMENT, which holds no upper-layer header.
    """
    if length < 1:
        return 0, 0, 0, 0, WHOLE
    version = np.int64(data[at]) >> 4
    if version == 4:
        return _find_upper_v4(data, at, length)
    if version == 6:
        return _find_upper_v6(data, at, length)
    return 0, 0, 0, 0, WHOLE


@inline_kernel
def _names_no_host_v4(address):
    """Not one host's: 0/8, 127/8, multicast, class E with the broadcast address, and both ends of 10/8."""
    first = address >> 24
    return first == 0 or first == 127 or first >= 224 or address == _NETWORK or address == _BROADCAST


@inline_kernel
def _names_no_host_v6(data, at):
    """Multicast, unspecified or loopback address."""
    if data[at] == 0xFF:
        return True
    for i in range(15):
        if data[at + i] != 0:
            return False
    return data[at + 15] <= 1


@inline_kernel
def _is_error(version, kind):
    """Whether an ICMP message of this type is an error or a redirect, which no error may answer."""
    if version == 4:  # unreachable, source quench, redirect, time exceeded, parameter problem
        return kind == 3 or kind == 4 or kind == 5 or kind == 11 or kind == 12
    return kind < 128 or kind == _REDIRECT_V6


@part_kernel
def is_quiet(data, at, version, total, upper, protocol, fragment):
    """Whether no ICMP error may answer this packet (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)).

    That is an ICMP error or redirect, or an ICMP message cut before its type; a fragment other than the
    first; a packet whose source or destination is not the address of one host.
    """
    if fragment == LATER_FRAGMENT:
        return True
    if (version == 4 and protocol == ICMP) or (version == 6 and protocol == ICMPV6):
        if upper >= total or _is_error(version, np.int64(data[at + upper])):
            return True
    if version == 4:
        return _names_no_host_v4(number32(data, at + 12)) or _names_no_host_v4(number32(data, at + 16))
    return _names_no_host_v6(data, at + 8) or _names_no_host_v6(data, at + 24)


@inline_kernel
def _row_v4(data, at, n_nodes):
    row = number32(data, at) - _NETWORK - 1
    return row if 0 <= row < n_nodes else NONE


@inline_kernel
def _row_v6(data, at, v6_keys, v6_rows):
    """Row of the node fd6c:6d::GROUP:PLANE:SLOT, by binary search."""
    if number32(data, at) != 0xFD6C006D or number32(data, at + 4) != 0 or number16(data, at + 8) != 0:
        return NONE
    key = (number16(data, at + 10) << 32) | number32(data, at + 12)
    low, high = 0, len(v6_keys)
    while low < high:
        middle = (low + high) >> 1
        if v6_keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return v6_rows[low] if low < len(v6_keys) and v6_keys[low] == key else NONE


@hot_kernel
def fill_header(data, at, length, v6_keys, v6_rows, header):
    """What the header of an IP packet says.

    Parameters
    ----------
    data : uint8 (n,)
        Holds the packet at `data[at : at + length]`.
    v6_keys, v6_rows : int64 (n_nodes,)
        See `lasermesh.live.addresses`.
    header : int64 (HEADER_COLUMNS,)
        Filled. With H_VERSION 0 all others are 0, but H_SOURCE and H_DESTINATION NONE and H_QUIET 1.

    Notes
    -----
    The checksum of an IPv4 header is not verified: the kernel of the host that sent it has just filled it.
    """
    version, total, upper, protocol, fragment = find_upper(data, at, length)
    header[:] = 0
    header[H_VERSION] = version
    header[H_SOURCE] = NONE
    header[H_DESTINATION] = NONE
    header[H_QUIET] = 1
    if version == 0:
        return
    header[H_TOTAL] = total
    header[H_LENGTH] = upper
    header[H_PROTOCOL] = protocol
    if version == 4:
        traffic_class = np.int64(data[at + 1])
        header[H_HOP_LIMIT] = data[at + 8]
        header[H_SOURCE] = _row_v4(data, at + 12, len(v6_rows))
        header[H_DESTINATION] = _row_v4(data, at + 16, len(v6_rows))
    else:
        traffic_class = (number16(data, at) >> 4) & 0xFF
        header[H_HOP_LIMIT] = data[at + 7]
        header[H_SOURCE] = _row_v6(data, at + 8, v6_keys, v6_rows)
        header[H_DESTINATION] = _row_v6(data, at + 24, v6_keys, v6_rows)
    header[H_ECN] = traffic_class & 3
    header[H_CLASS] = traffic_class >> 5
    header[H_QUIET] = is_quiet(data, at, version, total, upper, protocol, fragment)


@inline_kernel
def _change_word(data, at, word_at, value):
    """Put a word into an IPv4 header, and its change into the checksum (RFC 1624, equation 3)."""
    was = number16(data, at + word_at)
    put16(data, at + word_at, value)
    total = (0xFFFF - number16(data, at + 10)) + (0xFFFF - was) + value
    put16(data, at + 10, 0xFFFF - fold(total))


@inline_kernel
def _put_hop_limit(data, at, hop_limit):
    if data[at] >> 4 == 4:
        _change_word(data, at, 8, (hop_limit << 8) | np.int64(data[at + 9]))
    else:
        data[at + 7] = hop_limit


@hot_kernel
def set_hop_limit(data, at, hop_limit):
    """Put a hop limit into the header of a whole IP packet, and keep an IPv4 checksum as right as it was."""
    _put_hop_limit(data, at, hop_limit)


@hot_kernel
def mark_congestion(data, at):
    """Set Congestion Experienced in the header of a whole IP packet (RFC 3168), its checksum with it."""
    if data[at] >> 4 == 4:
        _change_word(data, at, 0, number16(data, at) | 3)
    else:
        data[at + 1] |= 0x30


@inline_kernel
def _sum_of_ends(data, at, version, protocol, n):
    """Sum of the pseudo-header of n bytes of upper layer (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    if version == 4:
        return add_words(data, at + 12, 8, protocol + n)
    return add_words(data, at + 8, 32, protocol + n)


@inline_kernel
def _start_v4(out, at, total, traffic_class):
    """The IPv4 header of an answer without addresses: never fragmented, so its id may be 0 (RFC 6864)."""
    out[at] = 0x45
    out[at + 1] = traffic_class
    put16(out, at + 2, total)
    put32(out, at + 4, _DO_NOT_FRAGMENT << 8)
    out[at + 8] = _ANSWER_HOP_LIMIT
    out[at + 9] = ICMP
    put16(out, at + 10, 0)


@inline_kernel
def _start_v6(out, at, payload_bytes, traffic_class):
    """The IPv6 header of an answer without addresses."""
    put32(out, at, (6 << 28) | (traffic_class << 20))
    put16(out, at + 4, payload_bytes)
    out[at + 6] = ICMPV6
    out[at + 7] = _ANSWER_HOP_LIMIT


@inline_kernel
def _copy(data, at, n, out, out_at):
    for i in range(n):
        out[out_at + i] = data[at + i]


@inline_kernel
def _finish_answer(out, at, version, message_bytes):
    """Fill in the checksums of an ICMP answer, whose field in the message holds zero."""
    if version == 4:
        put16(out, at + 10, 0xFFFF - add_words(out, at, IPV4_BYTES, 0))
        put16(out, at + IPV4_BYTES + 2, 0xFFFF - add_words(out, at + IPV4_BYTES, message_bytes, 0))
        return IPV4_BYTES + message_bytes
    ends = _sum_of_ends(out, at, 6, ICMPV6, message_bytes)
    put16(out, at + IPV6_BYTES + 2, 0xFFFF - add_words(out, at + IPV6_BYTES, message_bytes, ends))
    return IPV6_BYTES + message_bytes


@inline_kernel
def _type_and_code(version, kind):
    """Type << 8 | code (RFC 792; RFC 4443 sections 3.1 and 3.3)."""
    if kind == TIME_EXCEEDED:
        return 11 << 8 if version == 4 else 3 << 8
    if kind == NET_UNREACHABLE:
        return 3 << 8 if version == 4 else 1 << 8
    return (3 << 8) | 3 if version == 4 else (1 << 8) | 4


@hot_kernel
def make_error(data, at, length, out, out_at, kind, source_row, v6_key_of_row, most_bytes):
    """Write the ICMP error by which node `source_row` answers a packet.

    Parameters
    ----------
    data, out : uint8
        The packet at `data[at : at + length]`, the error from `out[out_at]` on; not the same bytes.
    kind : int
        TIME_EXCEEDED, NET_UNREACHABLE or PORT_UNREACHABLE.
    v6_key_of_row : int64 (n_nodes,)
    most_bytes : int
        Of the error, beside the limits of the standards and of `out`.

    Returns
    -------
    error_bytes : int
        0 if nothing is to be sent: for a quiet packet, for an ICMP message to a node that has no port for
        it (a host ignores it), or where `most_bytes` has no room for the header of the quoted packet.

    Notes
    -----
    The quoted packet is what the router received, so with kind TIME_EXCEEDED its hop limit is 1, whatever
    `data` still holds; else it is that of `data`. Quoted is as much as 576 bytes of error hold (RFC 1812
    section 4.3.2.3), or 1280 with IPv6 (RFC 4443 section 2.4 (c)). Of a super-packet, give one segment.
    An IPv4 error has precedence 6 (RFC 1812 section 4.3.2.5), an ICMPv6 error traffic class 0.
    """
    version, total, upper, protocol, fragment = find_upper(data, at, length)
    if version == 0 or is_quiet(data, at, version, total, upper, protocol, fragment):
        return 0
    if kind == PORT_UNREACHABLE and (protocol == ICMP or protocol == ICMPV6):
        return 0
    header_bytes = IPV4_BYTES if version == 4 else IPV6_BYTES
    before = header_bytes + _ICMP_BYTES
    most = min(most_bytes, _MOST_ERROR_BYTES if version == 4 else _MOST_ERROR_BYTES_V6, len(out) - out_at)
    quoted = min(total, most - before)
    least = 4 * (np.int64(data[at]) & 0xF) + 8 if version == 4 else IPV6_BYTES + 8
    if quoted < min(total, least):
        return 0
    quoted_at = out_at + before
    _copy(data, at, quoted, out, quoted_at)
    if kind == TIME_EXCEEDED:
        _put_hop_limit(out, quoted_at, 1)
    if version == 4:
        _start_v4(out, out_at, before + quoted, _INTERNETWORK_CONTROL)
        put32(out, out_at + 12, _NETWORK + source_row + 1)
        _copy(data, at + 12, 4, out, out_at + 16)
    else:
        _start_v6(out, out_at, _ICMP_BYTES + quoted, 0)
        put32(out, out_at + 8, 0xFD6C006D)
        put32(out, out_at + 12, 0)
        put16(out, out_at + 16, 0)
        put16(out, out_at + 18, v6_key_of_row[source_row] >> 32)
        put32(out, out_at + 20, v6_key_of_row[source_row] & 0xFFFF_FFFF)
        _copy(data, at + 8, 16, out, out_at + 24)
    put16(out, out_at + header_bytes, _type_and_code(version, kind))
    put16(out, out_at + header_bytes + 2, 0)
    put32(out, out_at + header_bytes + 4, 0)
    return _finish_answer(out, out_at, version, _ICMP_BYTES + quoted)


@hot_kernel
def make_echo_reply(data, at, length, out, out_at):
    """Write the reply to an ICMP or ICMPv6 echo request, as the host that it is addressed to sends it.

    Addresses are swapped; identifier, sequence and data are the request's, and so is the DSCP. Options and
    extension headers are left out, ECN is 0, and the checksum is made anew: the request's may be partial.
    `out` and `data` are not the same bytes.

    Returns
    -------
    reply_bytes : int
        0 if this is no echo request from one host to another, a fragment of one (nothing is reassembled),
        or one that has no room in `out`.
    """
    version, total, upper, protocol, fragment = find_upper(data, at, length)
    if version == 0 or fragment != WHOLE or total < upper + _ICMP_BYTES:
        return 0
    kind = np.int64(data[at + upper])
    if version == 4 and (protocol != ICMP or kind != _ECHO_REQUEST):
        return 0
    if version == 6 and (protocol != ICMPV6 or kind != _ECHO_REQUEST_V6):
        return 0
    if is_quiet(data, at, version, total, upper, protocol, fragment):
        return 0
    message_bytes = total - upper
    header_bytes = IPV4_BYTES if version == 4 else IPV6_BYTES
    if out_at + header_bytes + message_bytes > len(out):
        return 0
    if version == 4:
        _start_v4(out, out_at, header_bytes + message_bytes, np.int64(data[at + 1]) & 0xFC)
        _copy(data, at + 16, 4, out, out_at + 12)
        _copy(data, at + 12, 4, out, out_at + 16)
    else:
        _start_v6(out, out_at, message_bytes, (number16(data, at) >> 4) & 0xFC)
        _copy(data, at + 24, 16, out, out_at + 8)
        _copy(data, at + 8, 16, out, out_at + 24)
    message_at = out_at + header_bytes
    _copy(data, at + upper, message_bytes, out, message_at)
    out[message_at] = _ECHO_REPLY if version == 4 else _ECHO_REPLY_V6
    put16(out, message_at + 2, 0)
    return _finish_answer(out, out_at, version, message_bytes)
