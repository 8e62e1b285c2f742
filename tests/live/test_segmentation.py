"""Parts of super-packets, given to the kernel: it cuts them into the segments that the whole has there."""

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest

from lasermesh.live.train_kernels import HEAD_BYTES, fill_part
from tests.live import segmenting
from tests.live.packets import at_the_end, random_bytes, super_packet
from tests.needs import skip_without
from tests.reference.ip_packets import segments_of, with_header

ENDS = {
    True: ip_address("10.77.1.9").packed + ip_address("10.77.2.9").packed,
    False: ip_address("fd77:1::9").packed + ip_address("fd77:2::9").packed,
}


def cut_by_the_kernel(frames):
    """TCP packets that leave the namespace of `segmenting` when these frames enter it."""
    written = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    program = [sys.executable, segmenting.__file__]
    done = subprocess.run(program, input=written, capture_output=True, timeout=60)
    if done.returncode == segmenting.NOT_POSSIBLE:
        skip_without(done.stderr.decode().strip())
    assert done.returncode == 0, done.stderr.decode()
    left, packets = done.stdout, []
    while left:
        size = int.from_bytes(left[:4], "big")
        packets.append(left[4 : 4 + size])
        left = left[4 + size :]
    return [packet for packet in packets if packet[9 if packet[0] >> 4 == 4 else 6] == 6]


@pytest.mark.skipif(not Path("/proc/self/ns/net").exists(), reason="network namespaces are Linux's")
def test_the_kernel_cuts_parts_into_the_segments_of_the_whole():
    rng = np.random.default_rng(1)
    frames, expected = [], []
    head = np.empty(HEAD_BYTES, np.uint8)
    for i in range(40):
        four = i % 2 == 0
        size, payload = int(rng.choice([101, 1000, 1400])), int(rng.integers(2000, 20_000))
        flags = 0x99 if i % 3 else 0x18
        options = random_bytes(rng, 0) if i % 4 else bytes([1] * 12)
        whole = super_packet(rng, four, payload, size, flags=flags, options=options, ends=ENDS[four])
        hop_limit_at = 10 + (8 if four else 7)
        data, base = at_the_end(rng, whole[:10] + with_header(whole[10:], hop_limit=33))
        assert data[base + hop_limit_at] == 33
        segments = segments_of(data[base:].tobytes())
        n = min(int(rng.integers(1, len(segments) + 1)), 60)
        first = 0 if i < 8 else int(rng.integers(len(segments) - n + 1))
        head_bytes, at, payload_bytes = fill_part(data, base, len(data) - base, first, n, head)
        frames.append(head[:head_bytes].tobytes() + data[at : at + payload_bytes].tobytes())
        expected += [with_header(segment, hop_limit=32) for segment in segments[first : first + n]]
    assert cut_by_the_kernel(frames) == expected
