"""The few blocks of a pcapng file that are written once: section, names, interfaces.

Numbers of blocks and options are those of draft-ietf-opsawg-pcapng. All is little-endian, as the
section's magic number says.
"""

import struct

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE = 1
_NAME_RESOLUTION = 4

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
_IPV4_RECORD = 1

LINK_TYPE_RAW = 101
"""Packets begin with their IP header (LINKTYPE_RAW): one interface may carry IPv4 and IPv6."""

NANOSECONDS = 9
"""Time resolution 10**-9 s; Wireshark 4.0 reads picoseconds wrongly."""


def section_header(application, comment):
    """Section Header Block, which begins the file; it names the program and what was simulated."""
    options = _option(_COMMENT, comment.encode()) if comment else b""
    options += _option(_SECTION_APPLICATION, application.encode())
    return _block(_SECTION_HEADER, struct.pack("<IHHq", _MAGIC, 1, 0, _LENGTH_UNKNOWN), options)


def name_resolution(addresses, names):
    """Name Resolution Block: IPv4 addresses (as numbers) and the names of their nodes."""
    records = b"".join(
        _option(_IPV4_RECORD, struct.pack(">I", address) + name.encode() + b"\0")
        for address, name in zip(addresses, names, strict=True)
    )
    return _block(_NAME_RESOLUTION, records + bytes(4), b"")


def interface_description(interface, snaplen):
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
    return _block(_INTERFACE, struct.pack("<HHI", LINK_TYPE_RAW, 0, snaplen), options)


def _option(code, value):
    """One option (or name record): code, length, value, padded to 32 bits."""
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind, body, options):
    """A block with its length before and behind it; options, where there are any, are ended."""
    content = body + (options + bytes(4) if options else b"")
    length = struct.pack("<I", len(content) + 12)
    return struct.pack("<I", kind) + length + content + length
