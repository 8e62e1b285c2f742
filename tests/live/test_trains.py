import struct

import numpy as np
import pytest

from lasermesh.live import bytes_kernels, train_kernels
from lasermesh.live.train_kernels import (
    HEAD_BYTES,
    VNET_BYTES,
    count_segments,
    fill_part,
    finish_checksum,
)
from tests.live.packets import (
    at_the_end,
    ipv4,
    ipv6,
    random_bytes,
    random_extension,
    random_packet,
    super_packet,
)
from tests.reference.ip_packets import Packet, segments_of


def random_super_packet(rng, most_bytes=3000):
    """Sizes that do and do not fill the last segment; options of both headers, extension headers, flags."""
    four = bool(rng.integers(2))
    size = int(rng.choice([1, 7, 100, 1448]))
    payload = int(rng.integers(1, min(most_bytes, 40 * size) + 1))
    if rng.random() < 0.3:
        payload = size * int(rng.integers(1, 5))
    extensions = [e for e in (random_extension(rng) for _ in range(int(rng.integers(0, 3)))) if e[0] != 44]
    return super_packet(
        rng,
        four,
        payload,
        size,
        flags=int(rng.integers(256)),
        options=random_bytes(rng, 4 * int(rng.integers(0, 11))),
        extensions=extensions,
    )


def part(data, base, first, n):
    """A part of a super-packet as a frame for a TUN device."""
    head = np.full(HEAD_BYTES, 0xEE, np.uint8)
    head_bytes, at, payload_bytes = fill_part(data, base, len(data) - base, first, n, head)
    assert (head[head_bytes:] == 0xEE).all()
    return head[:head_bytes].tobytes() + data[at : at + payload_bytes].tobytes()


def test_segments_are_counted_as_the_reference_cuts_them():
    rng = np.random.default_rng(1)
    for _ in range(500):
        frame = random_super_packet(rng)
        data, base = at_the_end(rng, frame)
        sizes = [len(segment) for segment in segments_of(frame)]
        assert count_segments(data, base, len(frame)) == (len(sizes), sizes[0], sizes[-1])
        assert set(sizes[:-1]) <= {sizes[0]}


def test_any_part_stands_for_the_segments_that_the_whole_has_there():
    rng = np.random.default_rng(2)
    for _ in range(600):
        frame = random_super_packet(rng)
        data, base = at_the_end(rng, frame)
        segments = segments_of(frame)
        first = int(rng.integers(len(segments)))
        n = int(rng.integers(1, len(segments) - first + 1))
        made = part(data, base, first, n)
        assert segments_of(made) == segments[first : first + n]
        assert data[base:].tobytes() == frame
        again, at = at_the_end(rng, made)
        sizes = [len(segment) for segment in segments[first : first + n]]
        assert count_segments(again, at, len(made)) == (n, sizes[0], sizes[-1])
        assert (made[1] == train_kernels.GSO_NONE) == (n == 1 < len(segments) or frame[1] == 0)
        assert made[0] == train_kernels.NEEDS_CSUM


def test_the_part_that_is_the_whole_is_the_same_byte_by_byte():
    rng = np.random.default_rng(3)
    for _ in range(200):
        frame = random_super_packet(rng)
        data, base = at_the_end(rng, frame)
        assert part(data, base, 0, len(segments_of(frame))) == frame


def test_an_ordinary_packet_is_one_segment_and_stays_as_it_is():
    rng = np.random.default_rng(4)
    for _ in range(800):
        packet = random_packet(rng)
        frame = bytes(VNET_BYTES) + packet
        data, base = at_the_end(rng, frame)
        read = Packet(packet)
        n = len(read.bytes) if read.version else 0
        assert count_segments(data, base, len(frame)) == ((1, n, n) if n else (0, 0, 0))
        assert part(data, base, 0, 1) == (bytes(VNET_BYTES) + read.bytes if n else b"")


def test_the_head_of_any_part_holds_the_whole_ip_header():
    """Hop limit and mark are put into the head, so it must not end before the IP header does."""
    rng = np.random.default_rng(5)
    head = np.empty(HEAD_BYTES, np.uint8)
    for packet in (ipv4(rng, 17, b"", bytes(40)), ipv6(rng, 17, b"x")):
        data, base = at_the_end(rng, bytes(VNET_BYTES) + packet)
        head_bytes, _, _ = fill_part(data, base, len(data) - base, 0, 1, head)
        assert head_bytes == VNET_BYTES + (60 if packet[0] >> 4 == 4 else 40)


def test_parts_that_a_super_packet_does_not_have_are_refused():
    rng = np.random.default_rng(6)
    data, base = at_the_end(rng, super_packet(rng, True, 1000, 100))
    for first, n in ((0, 11), (10, 1), (9, 2), (-1, 2), (3, 0), (2, -1)):
        assert part(data, base, first, n) == b""


@pytest.mark.parametrize("four", [True, False])
def test_nonsense_has_no_segments(four):
    rng = np.random.default_rng(7)
    frame = super_packet(rng, four, 1000, 100)
    n_of = {}
    for name, at, value in (
        ("flags", 0, 0),
        ("UDP", 1, 5),
        ("other version", 1, 4 if four else 1),
        ("size", 4, 0),
        ("csum_start", 6, 4),
        ("csum_offset", 8, 6),
        ("protocol", VNET_BYTES + (9 if four else 6), 17),
        ("TCP header too short", VNET_BYTES + (32 if four else 52), 0x40),
        ("IP version", VNET_BYTES, 0x55),
    ):
        bad = bytearray(frame)
        bad[at] = value
        data, base = at_the_end(rng, bytes(bad))
        n_of[name] = count_segments(data, base, len(bad))[0]
        assert part(data, base, 0, 1) == b""
    assert not any(n_of.values()), n_of
    data, base = at_the_end(rng, frame)
    assert count_segments(data, base, len(frame))[0] == 10
    for length in (0, VNET_BYTES - 1, VNET_BYTES, len(frame) - 1):
        assert count_segments(data, base, length) == (0, 0, 0)


def test_a_super_packet_of_headers_alone_or_of_too_many_is_nonsense():
    rng = np.random.default_rng(8)
    most = HEAD_BYTES - VNET_BYTES - 40 - 60  # what is left for extension headers
    for n_bytes, n in ((most // 8 * 8, 10), (most // 8 * 8 + 8, 0)):
        chain = [(60, bytes([n_bytes // 8 - 1]) + bytes(n_bytes - 2))]
        frame = super_packet(rng, False, 1000, 100, options=bytes(40), extensions=chain)
        data, base = at_the_end(rng, frame)
        assert count_segments(data, base, len(frame))[0] == n
    data, base = at_the_end(rng, super_packet(rng, True, 0, 100))
    assert count_segments(data, base, len(data) - base)[0] == 0


def test_no_bytes_lead_outside_the_array():
    """With NUMBA_BOUNDSCHECK or plain Python a read outside raises; lengths and offsets are all made up."""
    rng = np.random.default_rng(9)
    head, out = np.empty(HEAD_BYTES, np.uint8), np.empty(300, np.uint8)
    for _ in range(1500):
        frame = bytearray(
            random_super_packet(rng, most_bytes=200) if rng.random() < 0.7 else random_bytes(rng, 90)
        )
        for _ in range(int(rng.integers(0, 4))):
            frame[rng.integers(min(len(frame), 90))] = rng.integers(256)
        frame = bytes(frame[: rng.integers(len(frame) + 1)] if rng.random() < 0.3 else frame)
        data = np.array(bytearray(frame), np.uint8)
        n, segment, last = count_segments(data, 0, len(frame))
        assert n == 0 or 0 < last <= segment <= len(frame)
        head_bytes, at, payload_bytes = fill_part(data, 0, len(frame), 0, max(n, 1), head)
        assert (head_bytes > 0) == (n > 0) and at + payload_bytes <= len(frame)
        finish_checksum(data, 0, len(frame))
        if len(frame) >= VNET_BYTES:
            length = len(frame) - VNET_BYTES
            bytes_kernels.make_echo_reply(data, VNET_BYTES, length, out, 0)
            bytes_kernels.make_error(data, VNET_BYTES, length, out, 0, 0, 0, np.zeros(1, np.int64), 1500)


def test_a_finished_checksum_is_right_and_the_flag_gone():
    rng = np.random.default_rng(10)
    for _ in range(300):
        frame = random_super_packet(rng)
        data, base = at_the_end(rng, frame)
        segments = segments_of(frame)
        first = int(rng.integers(len(segments)))
        single = bytearray(part(data, base, first, 1))
        single[1:6] = bytes(5)  # one that is its whole still says GSO
        data, base = at_the_end(rng, bytes(single))
        assert finish_checksum(data, base, len(single))
        assert data[base:].tobytes() == bytes(VNET_BYTES) + segments[first]
        assert finish_checksum(data, base, len(single))
        assert data[base:].tobytes() == bytes(VNET_BYTES) + segments[first]


def test_a_checksum_beyond_the_packet_is_not_finished():
    packet = bytes.fromhex("45000014") + bytes(16)
    for start, offset in ((21, 0), (20, 0), (0, 19), (0xFFFF, 0xFFFF)):
        frame = struct.pack("<BBHHHH", 1, 0, 0, 0, start, offset) + packet
        data = np.array(bytearray(frame), np.uint8)
        assert not finish_checksum(data, 0, len(frame))
        assert data.tobytes() == frame


def test_a_checksum_of_zero_is_written_as_its_other_zero():
    frame = struct.pack("<BBHHHH", 1, 0, 0, 0, 20, 6) + bytes(20) + bytes.fromhex("ffff000000000000")
    data = np.array(bytearray(frame), np.uint8)
    assert finish_checksum(data, 0, len(frame))
    assert data[-2:].tobytes() == b"\xff\xff"


@pytest.mark.compiled_only
def test_kernels_compile_once():
    rng = np.random.default_rng(11)
    for cast in (int, np.int64):
        data, base = at_the_end(rng, super_packet(rng, True, 1000, 100))
        at = cast(base)
        assert count_segments(data, at, len(data) - at)[0] == 10
        assert fill_part(data, at, len(data) - at, 0, 1, np.empty(HEAD_BYTES, np.uint8))[0] > 0
        assert finish_checksum(data, at, len(data) - at)
    assert [len(kernel.signatures) for kernel in (count_segments, fill_part, finish_checksum)] == [1, 1, 1]
