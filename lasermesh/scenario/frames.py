"""Frames of a capture file as columns, and the size of the IP packet in each."""

from typing import NamedTuple

import numpy as np

NOT_IP = -1

NULL, ETHERNET, LOOP, RAW, LINUX_COOKED, IPV4, IPV6, LINUX_COOKED_2 = 0, 1, 108, 101, 113, 228, 229, 276
_RAW_TYPES = (RAW, IPV4, IPV6, 12, 14)  # 12 and 14 are what LINKTYPE_RAW is called on some systems
_KNOWN = "Ethernet (1), raw IP (101, 228, 229), Linux cooked (113, 276) and loopback (0, 108)"

_ETHERTYPE_IPV4, _ETHERTYPE_IPV6 = 0x0800, 0x86DD
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_MOST_TAGS = 4
_UNSEEN, _BY_VERSION = -2, -3  # no number that stands in two bytes
"""Stand for a protocol that was not captured, and for one that the IP header itself tells."""

# Where the protocol stands in the link header, and how long that header is, by link type.
_HEADERS = {ETHERNET: (12, 14), LINUX_COOKED: (14, 16), LINUX_COOKED_2: (0, 20)}
_FAMILY_IPV4 = (2,)
_FAMILY_IPV6 = (10, 24, 28, 30)  # of Linux, NetBSD and OpenBSD, FreeBSD, macOS


class CaptureFault(Exception):
    """A capture that cannot be read; `problems` are pairs of packet number (None: the file) and message."""

    def __init__(self, *problems):
        self.problems = problems
        super().__init__(problems)


class Frames(NamedTuple):
    """The frames of a capture in the order of the file."""

    content: np.ndarray  # uint8: the whole file
    offset: np.ndarray  # int64 (n,)  of the first captured byte
    captured: np.ndarray  # int64 (n,)  bytes
    original: np.ndarray  # int64 (n,)  bytes of the frame before it was cut
    link_type: np.ndarray  # int64 (n,)
    seconds: np.ndarray  # int64 (n,)
    fraction_ps: np.ndarray  # int64 (n,)


def ip_sizes(frames):
    """Size of the IP packet in each frame.

    It is what the IP header says; where that was not captured, or says 0 (as with segmentation by the network
    adapter), what the frame holds behind its link header.

    Returns
    -------
    size_bytes : int64 array, shape (n,)
        NOT_IP where a frame holds no IP packet.

    Raises
    ------
    CaptureFault
        If link headers are of a kind that is not known.
    """
    protocol, header = _link_headers(frames)
    left = frames.captured - header
    version = _byte(frames, header) >> 4
    seen = (left >= 1) & (protocol != _UNSEEN)
    is_ipv4 = seen & (version == 4) & ((protocol == _ETHERTYPE_IPV4) | (protocol == _BY_VERSION))
    is_ipv6 = seen & (version == 6) & ((protocol == _ETHERTYPE_IPV6) | (protocol == _BY_VERSION))
    may_be = ~seen & np.isin(protocol, (_UNSEEN, _BY_VERSION, _ETHERTYPE_IPV4, _ETHERTYPE_IPV6))
    size = np.where(is_ipv4 | is_ipv6 | may_be, frames.original - header, NOT_IP)
    total = _two_bytes(frames, header + 2)
    size = np.where(is_ipv4 & (left >= 4) & (total > 0), total, size)
    payload = _two_bytes(frames, header + 4)
    return np.where(is_ipv6 & (left >= 6) & (payload > 0), payload + 40, size)


def _link_headers(frames):
    """Protocol behind the link header of each frame, and the length of that header: int64 arrays."""
    protocol = np.full(len(frames.offset), _UNSEEN, np.int64)
    header = np.zeros(len(frames.offset), np.int64)
    unknown = []
    for link_type in np.unique(frames.link_type).tolist():
        mine = frames.link_type == link_type
        if link_type in _HEADERS:
            at, length = _HEADERS[link_type]
            header[mine] = length
            protocol[mine] = np.where(frames.captured >= at + 2, _two_bytes(frames, at), _UNSEEN)[mine]
        elif link_type in _RAW_TYPES:
            protocol[mine] = _BY_VERSION
        elif link_type in (NULL, LOOP):
            header[mine] = 4
            protocol[mine] = np.where(frames.captured >= 4, _by_family(frames), _UNSEEN)[mine]
        else:
            first = int(np.flatnonzero(mine)[0]) + 1
            unknown.append((first, f"its link type {link_type} is not known; those that are: {_KNOWN}"))
    if unknown:
        raise CaptureFault(*unknown)
    _pass_tags(frames, protocol, header)
    return protocol, header


def _pass_tags(frames, protocol, header):
    """Moves past VLAN tags, which stand between a link header and what it announces."""
    for _ in range(_MOST_TAGS):
        tagged = np.isin(protocol, _VLAN_TAGS)
        if not tagged.any():
            return
        inner = np.where(frames.captured >= header + 4, _two_bytes(frames, header + 2), _UNSEEN)
        protocol[tagged] = inner[tagged]
        header[tagged] += 4


def _by_family(frames):
    """Protocol by the address family at the beginning of a loopback header, in either byte order."""
    first, last = _two_bytes(frames, 0), _two_bytes(frames, 2)
    swapped = ((first & 0xFF) << 8) | (first >> 8)
    family = np.where(first == 0, last, swapped)
    return np.where(
        np.isin(family, _FAMILY_IPV4),
        _ETHERTYPE_IPV4,
        np.where(np.isin(family, _FAMILY_IPV6), _ETHERTYPE_IPV6, NOT_IP),
    )


def _byte(frames, at):
    """The byte of each frame at a place, which may lie beyond what was captured: then any."""
    return frames.content[np.minimum(frames.offset + at, len(frames.content) - 1)].astype(np.int64)


def _two_bytes(frames, at):
    """The number in two bytes of each frame, the higher one first."""
    return (_byte(frames, at) << 8) | _byte(frames, at + 1)


def numbers_at(content, offset, little_endian):
    """The unsigned numbers of four bytes at many places of a file: int64 array."""
    order = (0, 1, 2, 3) if little_endian else (3, 2, 1, 0)
    return sum(content[offset + byte].astype(np.int64) << (8 * shift) for shift, byte in enumerate(order))
