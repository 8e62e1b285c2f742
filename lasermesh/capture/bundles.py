"""Segments of bundles as BPv7 (RFC 9171) in UDP, a bundle fragment to a datagram, for many at once.

CBOR (RFC 8949) is written column by column: row i of a matrix of bytes is the beginning of packet i.
"""

from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from lasermesh.bundles.records import Segments
from lasermesh.capture.headers import DESTINATION_PORT, UDP_BYTES, FlowEnds
from lasermesh.units import NEVER

BUNDLE_PORT = 4556
"""Of the Bundle Protocol over UDP (RFC 7122 section 3.2.1; IANA, dtn-bundle)."""

SERVICE = 1
"""Service number of all endpoints, ipn:NODE.1."""

NEVER_MS = 36_525 * 86_400_000
"""Lifetime of a bundle that does not expire: a hundred years, as the protocol has no word for it."""

MOST_HEADER_BYTES = 92
"""Room for all that comes before the payload's bytes, 91 with the longest numbers; even, for checksums."""

DTN_EPOCH_UNIX_MS = 946_684_800_000
"""2000-01-01T00:00:00Z, from which DTN time counts ms (RFC 9171 section 4.2.6)."""

_VERSION = 7
_IS_FRAGMENT = 1  # flag of a bundle, RFC 9171 section 4.2.3
_CRC_NONE, _CRC_16 = 0, 1  # section 4.2.1
_DTN, _IPN = 1, 2  # schemes of endpoint ids, section 9.7
_PAYLOAD_TYPE = _PAYLOAD_NUMBER = 1
_UNSIGNED, _BYTES, _ARRAY = 0, 2, 4  # major types of CBOR, RFC 8949 section 3.1
_PAIR = _ARRAY << 5 | 2
_ENDLESS_ARRAY, BREAK = 0x9F, 0xFF
_ENDS_OF_ARGUMENT = (24, 1 << 8, 1 << 16, 1 << 32, NEVER)
_BYTES_OF_ARGUMENT = (0, 1, 2, 4, 8)


class SegmentSource(Protocol):
    """Who knows what the packets of some flows carry."""

    first_flow: int
    """All flows from this row on carry segments, each from a node to the next."""

    ends: FlowEnds
    """Where bundles are made and where they go, a row for each flow of them."""

    def describe(self, flow, sequence) -> Segments:
        """What packets carry, given their flows and their numbers in these (int64 arrays)."""


class BundleHeaders(NamedTuple):
    """What stands in datagrams before the payload's bytes; row i belongs to packet i."""

    data: np.ndarray  # uint8 (n, MOST_HEADER_BYTES)  0 behind its end
    length: np.ndarray  # int64 (n,)  0: the packet is too short for a bundle


def bundle_headers(segments, size_bytes, room_bytes, ipn_numbers, start_ns):
    """The headers of bundles that fill packets.

    A packet holds the outermost array, the primary block with a CRC-16, the payload block without, and the
    break. Sizes of bundles are those of IP packets, so offset and total length count bytes of these: the
    payload is shorter than the distance to the next offset, by the headers.

    Parameters
    ----------
    segments : Segments
    size_bytes : int64 array, shape (n,)
        Of the IP packets.
    room_bytes : int64 array, shape (n,)
        What IP and UDP leave of them.
    ipn_numbers : int64 array, shape (n_nodes,)
    start_ns : int
        Instant of `created_ps` = 0, ns since 1970; what comes before 2000 is written as 2000.

    Returns
    -------
    headers : BundleHeaders
    """
    cbor = _Cbor(len(size_bytes))
    cbor.put_bytes(_ENDLESS_ARRAY)
    is_fragment = (segments.first_byte > 0) | (size_bytes < segments.n_bytes)
    cbor.put(_ARRAY, np.where(is_fragment, 11, 9))
    cbor.put_bytes(_VERSION)
    cbor.put(_UNSIGNED, is_fragment * _IS_FRAGMENT)
    cbor.put_bytes(_CRC_16)
    for row in (segments.to_row, segments.from_row):
        cbor.put_bytes(_PAIR, _IPN, _PAIR)
        cbor.put(_UNSIGNED, ipn_numbers[row])
        cbor.put_bytes(SERVICE)
    cbor.put_bytes(_PAIR, _DTN, 0)  # dtn:none, as nobody asks for reports
    created_ms = (start_ns + segments.created_ps // 1000) // 1_000_000 - DTN_EPOCH_UNIX_MS
    cbor.put_bytes(_PAIR)
    cbor.put(_UNSIGNED, np.maximum(created_ms, 0))
    cbor.put(_UNSIGNED, segments.bundle)
    endless = segments.lifetime_ps == NEVER
    cbor.put(_UNSIGNED, np.where(endless, NEVER_MS, -(-segments.lifetime_ps // 10**9)))
    cbor.put(_UNSIGNED, segments.first_byte, is_fragment)
    cbor.put(_UNSIGNED, segments.n_bytes, is_fragment)
    cbor.put_crc_16(begin=1)
    cbor.put_bytes(_ARRAY << 5 | 5, _PAYLOAD_TYPE, _PAYLOAD_NUMBER, 0, _CRC_NONE)
    cbor.put_head_of_rest(room_bytes - 1)  # the break comes last
    return BundleHeaders(cbor.data, cbor.length)


class BundlePackets:
    """The packets of a capture that carry segments: found among records, and put over their plain packets.

    Parameters
    ----------
    source : SegmentSource
    ipn_numbers : int64 array, shape (n_nodes,)
    start_ns : int
        Start of the run, ns since 1970.
    header_bytes : int64 array, shape (n_flows,)
        Of IP and UDP.
    link_bytes : int
        Before the IP packets.
    """

    def __init__(self, source, ipn_numbers, start_ns, header_bytes, link_bytes):
        self._source = source
        self._header_bytes, self._link_bytes = header_bytes, link_bytes
        self._ipn_numbers = ipn_numbers
        self._start_ns = start_ns

    def find(self, records, kept_bytes):
        """Rows of the records that become bundles, and their headers, which are kept; None if there are none.

        Those too short for a bundle stay plain packets.
        """
        rows = np.flatnonzero(records.flow >= self._source.first_flow)
        if not len(rows):
            return None
        segments = self._source.describe(records.flow[rows], records.sequence[rows])
        size, before = records.size_bytes[rows], self._header_bytes[records.flow[rows]]
        headers = bundle_headers(segments, size, size - before, self._ipn_numbers, self._start_ns)
        fits = headers.length > 0
        rows, headers = rows[fits], BundleHeaders(*(column[fits] for column in headers))
        kept_bytes[rows] = np.maximum(kept_bytes[rows], self._link_bytes + before[fits] + headers.length)
        return rows, headers

    def put(self, found, records, kept_bytes, packet_at, udp_sum, words):
        """Put bundles into the packets of finished blocks: port, checksum and what UDP carries.

        Parameters
        ----------
        found : tuple
            What `find` gave.
        records : TapRecords
            All that have a block.
        kept_bytes : int64 array, shape (n,)
        packet_at : int64 array, shape (n,)
            Byte of the blocks at which each packet begins.
        udp_sum : int64 array, shape (n_flows,)
            As `HeaderTemplates` has it.
        words : uint32 array
            The blocks.
        """
        rows, (data, length) = found
        size, before = records.size_bytes[rows], self._header_bytes[records.flow[rows]]
        begin = packet_at[rows] + self._link_bytes
        packets = words.view(np.uint8)
        is_header = np.arange(MOST_HEADER_BYTES) < length[:, None]
        places = (begin + before)[:, None] + np.arange(MOST_HEADER_BYTES)
        packets[places[is_header]] = data[is_header]
        is_whole = self._link_bytes + size <= kept_bytes[rows]
        packets[(begin + size - 1)[is_whole]] = BREAK
        _put_sixteen(packets, begin + before - 6, BUNDLE_PORT)
        last = np.where(size & 1, BREAK << 8, BREAK)  # in the sum a byte at an even place counts 256 times
        total = udp_sum[records.flow[rows]] + BUNDLE_PORT - DESTINATION_PORT + 2 * (size - before + UDP_BYTES)
        total += data.view(">u2").sum(axis=1, dtype=np.int64) + last
        for _ in range(2):
            total = (total & 0xFFFF) + (total >> 16)
        checksum = total ^ 0xFFFF
        _put_sixteen(packets, begin + before - 2, np.where(checksum == 0, 0xFFFF, checksum))


def _put_sixteen(packets, places, value):
    """Put 16-bit numbers, high byte first."""
    packets[places] = value >> 8
    packets[places + 1] = value & 0xFF


class _Cbor:
    """Items of CBOR in n texts at once, each as long as it needs to be."""

    def __init__(self, n):
        self.data = np.zeros((n, MOST_HEADER_BYTES), np.uint8)
        self.length = np.zeros(n, np.int64)
        self._rows = np.arange(n)

    def put_bytes(self, *values):
        """The same bytes in all texts: heads, and numbers below 24, which are their own heads."""
        for value in values:
            self._put_byte(self._rows, value)

    def put(self, major, value, where=True):
        """An item's head in its shortest form, in the texts that are chosen."""
        value, where = (np.broadcast_to(each, len(self._rows)) for each in (value, where))
        for code, (low, high) in enumerate(pairwise((0, *_ENDS_OF_ARGUMENT))):
            rows = np.flatnonzero(where & (low <= value) & (value < high))
            if len(rows):
                self._put_head(rows, major, value[rows], code)

    def put_head_of_rest(self, size_bytes):
        """The head of a string of bytes that fills each text up to a size; length 0: there is no room for it.

        It has its shortest form, but for two sizes that only a longer one fills.
        """
        left = size_bytes - self.length
        code = np.searchsorted((24, 257), left)
        for each in range(3):
            rows = np.flatnonzero((code == each) & (left > 0))
            if len(rows):
                self._put_head(rows, _BYTES, left[rows] - 1 - _BYTES_OF_ARGUMENT[each], each)
        self.length[left <= 0] = 0
        self.data[left <= 0] = 0

    def put_crc_16(self, begin):
        """The CRC-16 of a block that begins at a byte of all texts and ends with it (RFC 9171, 4.2.2)."""
        self.put_bytes(_BYTES << 5 | 2, 0, 0)  # it is computed with zeros in its place
        crc = np.full(len(self._rows), 0xFFFF, np.int64)
        for at in range(begin, int(self.length.max(initial=0))):
            after = _CRC_16_TABLE[(crc ^ self.data[:, at]) & 0xFF] ^ (crc >> 8)
            crc = np.where(at < self.length, after, crc)
        crc ^= 0xFFFF
        self.data[self._rows, self.length - 2] = crc >> 8
        self.data[self._rows, self.length - 1] = crc & 0xFF

    def _put_head(self, rows, major, value, code):
        """An item's head with an argument of so many bytes, by its place in `_BYTES_OF_ARGUMENT`."""
        n = _BYTES_OF_ARGUMENT[code]
        self._put_byte(rows, major << 5 | (23 + code if n else value))
        for shift in range(8 * n - 8, -8, -8):
            self._put_byte(rows, value >> shift & 0xFF)

    def _put_byte(self, rows, value):
        self.data[rows, self.length[rows]] = value
        self.length[rows] += 1


def _crc_16_table():
    """What a byte makes of the CRC-16 X.25, polynomial 0x1021, low bits first (ITU-T X.25, 2.2.7.4)."""
    crc = np.arange(256)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> 1 ^ 0x8408, crc >> 1)
    return crc


_CRC_16_TABLE = _crc_16_table()
