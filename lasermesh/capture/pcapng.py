"""The blocks of a pcapng file other than packets: section, names, interfaces, statistics.

Numbers of blocks and options are those of draft-ietf-opsawg-pcapng. All is little-endian, as the
section's magic number says.
"""

import struct

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE = 1
_NAME_RESOLUTION = 4
_INTERFACE_STATISTICS = 5

_MAGIC = 0x1A2B3C4D
_LENGTH_UNKNOWN = -1

_COMMENT = 1
_SECTION_APPLICATION = 4
_INTERFACE_NAME = 2
_INTERFACE_DESCRIPTION = 3
_INTERFACE_SPEED = 8
_INTERFACE_TIME_RESOLUTION = 9
_INTERFACE_TRANSMIT_SPEED = 16
_INTERFACE_RECEIVE_SPEED = 17
_NAME_OF_IPV4, _NAME_OF_IPV6 = 1, 2
_STATISTICS_START, _STATISTICS_END = 2, 3
_STATISTICS_RECEIVED, _STATISTICS_DROPPED, _STATISTICS_DELIVERED = 4, 5, 8

LINK_TYPE_ETHERNET = 1

LINK_TYPE_RAW = 101
"""Packets begin with their IP header (LINKTYPE_RAW): one interface may carry IPv4 and IPv6."""

NANOSECONDS = 9
"""Time resolution 10**-9 s; Wireshark 4.0 reads picoseconds wrongly."""

_NAMES_A_BLOCK = 10_000  # Wireshark reads no block above 16 MiB


def section_header(application, comment):
    """Section Header Block, which begins the file; it names the program and what was simulated."""
    options = comment_option(comment) if comment else b""
    options += _option(_SECTION_APPLICATION, application.encode())
    return _block(_SECTION_HEADER, struct.pack("<IHHq", _MAGIC, 1, 0, _LENGTH_UNKNOWN), options)


def name_resolution(names):
    """Name Resolution Blocks from pairs of an address (its 4 or 16 bytes) and the name of its node."""
    blocks = []
    for first in range(0, len(names), _NAMES_A_BLOCK):
        records = b"".join(
            _option(_NAME_OF_IPV4 if len(address) == 4 else _NAME_OF_IPV6, address + name.encode() + b"\0")
            for address, name in names[first : first + _NAMES_A_BLOCK]
        )
        blocks.append(_block(_NAME_RESOLUTION, records + bytes(4), b""))
    return b"".join(blocks)


def interface_description(interface, link_type, snaplen):
    """Interface Description Block of a port; a speed that is not known is left out."""
    options = _option(_INTERFACE_NAME, interface.name.encode())
    options += _option(_INTERFACE_DESCRIPTION, interface.description.encode())
    send, receive = interface.send_bps, interface.receive_bps
    speed = send if send is not None else receive
    if speed is not None:
        options += _option(_INTERFACE_SPEED, struct.pack("<Q", speed))
    options += _option(_INTERFACE_TIME_RESOLUTION, bytes([NANOSECONDS]))
    if send is not None and receive is not None and send != receive:
        options += _option(_INTERFACE_TRANSMIT_SPEED, struct.pack("<Q", send))
        options += _option(_INTERFACE_RECEIVE_SPEED, struct.pack("<Q", receive))
    return _block(_INTERFACE, struct.pack("<HHI", link_type, 0, snaplen), options)


def interface_statistics(number, start_ns, end_ns, seen, dropped, written):
    """Interface Statistics Block, the last word on a port.

    Of the options, `isb_ifrecv` are the records that its taps made, `isb_ifdrop` those of them that tell of a
    drop, and `isb_usrdeliv` those that stand in the file: fewer where the capture reached its limit.
    """
    options = _option(_STATISTICS_START, _time(start_ns)) + _option(_STATISTICS_END, _time(end_ns))
    for code, count in (
        (_STATISTICS_RECEIVED, seen),
        (_STATISTICS_DROPPED, dropped),
        (_STATISTICS_DELIVERED, written),
    ):
        options += _option(code, struct.pack("<Q", count))
    return _block(_INTERFACE_STATISTICS, struct.pack("<I", number) + _time(end_ns), options)


def comment_option(text):
    """The option that any block may have, for people to read."""
    return _option(_COMMENT, text.encode())


def _time(time_ns):
    """An instant as blocks have it: the upper half first."""
    return struct.pack("<II", time_ns >> 32, time_ns & 0xFFFFFFFF)


def _option(code, value):
    """One option (or name record): code, length, value, padded to 32 bits."""
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind, body, options):
    """A block with its length before and behind it; options, where there are any, are ended."""
    content = body + (options + bytes(4) if options else b"")
    length = struct.pack("<I", len(content) + 12)
    return struct.pack("<I", kind) + length + content + length
