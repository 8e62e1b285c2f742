"""Reading capture files of the newer format, pcapng (draft-ietf-opsawg-pcapng)."""

import struct
from typing import NamedTuple

import numpy as np

from lasermesh.scenario.frames import CaptureFault, Frames, numbers_at

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDER_MAGIC = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_LEAST_BLOCK_BYTES = 12
_PACKET_HEADER_BYTES = 28
_END_OF_OPTIONS, _TIME_RESOLUTION, _TIME_OFFSET = 0, 9, 14
_LEAST_BYTES = {_SECTION: 28, _INTERFACE: 20, _PACKET: 32, _OLD_PACKET: 32}
_PS_PER_S = 10**12


class _Interface(NamedTuple):
    """An interface: what its frames begin with, and what its times count."""

    link_type: int
    ticks_per_s: int
    offset_s: int


class _Section(NamedTuple):
    """A section of the file; packets by the place of their blocks."""

    order: str
    interfaces: list
    packets: list
    lengths: list  # of the blocks of packets
    are_old: list


def read_pcapng(content):
    """The `Frames` in the bytes of a pcapng file.

    Raises
    ------
    CaptureFault
        If the file is cut short, or a block says what cannot be.
    """
    sections = _sections(content)
    raw = np.frombuffer(content, np.uint8)
    parts, before = [], 0
    for section in sections:
        if section.packets:
            parts.append(_frames_of(section, raw, before))
            before += len(section.packets)
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Frames(raw, *(nothing,) * 6)
    return Frames(raw, *map(np.concatenate, zip(*(part[1:] for part in parts), strict=True)))


def _sections(content):
    """Walks over the blocks of a file and sorts them."""
    sections, section, unpack = [], None, None
    at, end, count = 0, len(content), 0
    while at < end:
        if content[at : at + 4] == PCAPNG_MAGIC:
            order = _BYTE_ORDER_MAGIC.get(content[at + 8 : at + 12])
            if order is None:
                raise CaptureFault((None, f"the section at byte {at} has no byte order that is known"))
            section = _Section(order, [], [], [], [])
            sections.append(section)
            unpack = struct.Struct(f"{order}II").unpack_from
        if end - at < _LEAST_BLOCK_BYTES:
            raise CaptureFault((count + 1, "the file ends within it"))
        kind, length = unpack(content, at)
        if length < max(_LEAST_BLOCK_BYTES, _LEAST_BYTES.get(kind, 0)) or length % 4:
            raise CaptureFault((None, f"the block at byte {at} has a length that cannot be: {length}"))
        if at + length > end:
            raise CaptureFault((count + 1, "the file ends within it"))
        if kind in (_PACKET, _OLD_PACKET):
            count += 1
            section.packets.append(at)
            section.lengths.append(length)
            section.are_old.append(kind == _OLD_PACKET)
        elif kind == _INTERFACE:
            section.interfaces.append(_interface(content, at, length, section.order))
        elif kind == _SIMPLE_PACKET:
            raise CaptureFault((count + 1, "has no time, being a Simple Packet Block"))
        at += length
    return sections


def _interface(content, at, length, order):
    """What the block of an interface says."""
    (link_type,) = struct.unpack_from(f"{order}H", content, at + 8)
    ticks_per_s, offset_s = 10**6, 0
    at, end = at + 16, at + length - 4
    while at + 4 <= end:
        code, size = struct.unpack_from(f"{order}HH", content, at)
        value = content[at + 4 : at + 4 + size]
        if code == _END_OF_OPTIONS:
            break
        if code == _TIME_RESOLUTION and size == 1:
            ticks_per_s = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _TIME_OFFSET and size == 8:
            (offset_s,) = struct.unpack(f"{order}q", value)
        at += 4 + size + -size % 4
    return _Interface(link_type, ticks_per_s, offset_s)


def _frames_of(section, raw, before):
    """The frames of one section; `before` packets came before it."""
    at = np.array(section.packets, np.int64)
    little = section.order == "<"
    first, high, low, captured, original = (numbers_at(raw, at + 8 + 4 * k, little) for k in range(5))
    # The older block has the interface in two bytes, and then how many packets were lost.
    interface = np.where(np.array(section.are_old), first & 0xFFFF if little else first >> 16, first)
    room = np.array(section.lengths, np.int64) - _PACKET_HEADER_BYTES - 4
    _refuse(captured > room, before, "its block ends before the bytes that it says it has")
    _refuse(interface >= len(section.interfaces), before, "it belongs to an interface that is not described")
    link_type, seconds, fraction_ps = (np.zeros(len(at), np.int64) for _ in range(3))
    ticks = (high.astype(np.uint64) << np.uint64(32)) | low.astype(np.uint64)
    for number, described in enumerate(section.interfaces):
        mine = interface == number
        link_type[mine] = described.link_type
        seconds[mine], fraction_ps[mine] = _split(ticks[mine], described.ticks_per_s)
        seconds[mine] += described.offset_s
    return Frames(raw, at + _PACKET_HEADER_BYTES, captured, original, link_type, seconds, fraction_ps)


def _refuse(wrong, before, message):
    found = np.flatnonzero(wrong)
    if len(found):
        raise CaptureFault((before + int(found[0]) + 1, message))


def _split(ticks, ticks_per_s):
    """Whole seconds, and the rest in ps, of times in ticks."""
    if ticks_per_s >= 2**63:  # all of it is less than two seconds
        values = [divmod(int(tick), ticks_per_s) for tick in ticks]
        seconds = np.array([whole for whole, _ in values], np.int64)
        return seconds, np.array([rest * _PS_PER_S // ticks_per_s for _, rest in values], np.int64)
    seconds, rest = np.divmod(ticks, np.uint64(ticks_per_s))
    if _PS_PER_S % ticks_per_s == 0:
        fraction_ps = rest.astype(np.int64) * (_PS_PER_S // ticks_per_s)
    else:  # beyond ps, or powers of two: the product may not fit
        fraction_ps = np.array([int(each) * _PS_PER_S // ticks_per_s for each in rest], np.int64)
    return seconds.astype(np.int64), fraction_ps
