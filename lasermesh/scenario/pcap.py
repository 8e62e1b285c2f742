"""Reading capture files of the older format, pcap (draft-ietf-opsawg-pcap)."""

import struct

import numpy as np

from lasermesh.scenario.frames import CaptureFault, Frames, numbers_at

# Byte order and picoseconds of a tick, by the first four bytes.
PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\x4d\x3c\xb2\xa1": ("<", 10**3),
    b"\xa1\xb2\x3c\x4d": (">", 10**3),
}
_FILE_HEADER_BYTES = 24
_RECORD_HEADER_BYTES = 16
_PS_PER_S = 10**12


def read_pcap(content):
    """The `Frames` in the bytes of a pcap file, whose magic number has been seen.

    Raises
    ------
    CaptureFault
        If the file ends within a packet, or a packet says what cannot be.
    """
    order, tick_ps = PCAP_MAGIC[content[:4]]
    if len(content) < _FILE_HEADER_BYTES:
        raise CaptureFault((None, "ends within its header"))
    (network,) = struct.unpack_from(f"{order}I", content, 20)
    offsets, at, end = [], _FILE_HEADER_BYTES, len(content)
    unpack = struct.Struct(f"{order}I").unpack_from
    while at < end:
        following = at + _RECORD_HEADER_BYTES
        if following <= end:
            following += unpack(content, at + 8)[0]
        if following > end or following < at + _RECORD_HEADER_BYTES:
            raise CaptureFault((len(offsets) + 1, "the file ends within it"))
        offsets.append(at)
        at = following
    raw = np.frombuffer(content, np.uint8)
    at = np.array(offsets, np.int64)
    seconds, ticks, captured, original = (numbers_at(raw, at + 4 * k, order == "<") for k in range(4))
    fraction_ps = ticks * tick_ps
    late = np.flatnonzero(fraction_ps >= _PS_PER_S)
    if len(late):
        raise CaptureFault((int(late[0]) + 1, "its time has a fraction of a second that is a second or more"))
    # The upper half of the field says other things, as whether frames end with a checksum.
    link_type = np.full(len(at), network & 0xFFFF, np.int64)
    return Frames(raw, at + _RECORD_HEADER_BYTES, captured, original, link_type, seconds, fraction_ps)
