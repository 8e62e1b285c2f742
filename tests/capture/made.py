"""Ports, flows and records that tests of captures share, and captures made of them."""

import struct
from datetime import UTC, datetime

import numpy as np

from lasermesh.capture import CapturedNodes, CaptureOptions, CaptureWriter, FlowEnds, Interface, TapRecords
from lasermesh.units import NONE

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
START_NS = 1_774_008_000 * 10**9
NAMES = ("gen1-00-00", "New York", "Zürich", "東京", *(f"sat-{row}" for row in range(4, 70_000)))
INTERFACES = (
    Interface("New York:gen1-00-00", "GSL port of New York to gen1-00-00", 25 * 10**9, 25 * 10**9, 1),
    Interface("gen1-00-00:Zürich", "GSL port of gen1-00-00 to Zürich", 1_200_000_000, 100_000_000, 0, 2),
    Interface("sat-4:sat-5", "ISL port of sat-4 to sat-5", 1_600 * 10**9, 1_600 * 10**9, 4, 65_600),
)
IPV6 = np.random.default_rng(0).integers(0, 256, (70_000, 16)).astype(np.uint8)
IPV6[:, :8] = np.frombuffer(bytes.fromhex("fd6c006d00000000"), np.uint8)
FLOWS = FlowEnds(np.array([1, 2, 3, 254, 65_533]), np.array([2, 1, 255, 4, 65_535]))
MIXED = FLOWS._replace(ip_version=np.array([6, 6, 4, 6, 4]), answers=np.array([NONE, 0, NONE, NONE, NONE]))


def random_records(seed, n, flows=FLOWS):
    """Records of random packets, sorted by time, with the extremes of every column among them."""
    rng = np.random.default_rng(seed)
    sequence = rng.integers(0, 2**40, n)
    sequence[rng.random(n) < 0.5] %= 70_000
    size = rng.choice([28, 29, 30, 31, 40, 95, 96, 97, 576, 1500, 65535], n)
    flow = rng.integers(0, len(flows.from_row), n)
    if flows.ip_version is not None:
        size = np.where(flows.ip_version[flow] == 6, np.maximum(size, 48), size)
    hop_limit = rng.integers(0, 256, n)
    time_ps = np.sort(rng.integers(0, 10**13, n))
    columns = (
        time_ps,
        rng.integers(0, 3, n),
        rng.integers(0, 3, n),
        flow,
        sequence,
        size,
        hop_limit,
        rng.integers(0, 4, n),
        rng.integers(0, 8, n) * rng.integers(0, 2, n),
        np.where(rng.random(n) < 0.2, rng.integers(0, 9, n), NONE),
    )
    return TapRecords(*columns)


PACKET = {"time_ps": 0, "interface": 0, "direction": 2, "flow": 0, "sequence": 0, "size_bytes": 100}
PACKET |= {"hop_limit": 64, "ecn": 0, "traffic_class": 0, "cause": NONE}


def record(**values):
    """One record as columns."""
    return TapRecords(**{name: np.array([value]) for name, value in (PACKET | values).items()})


def capture(path, records, flows=FLOWS, comment="", **options):
    """A capture of records on three interfaces; returns the writer's summary."""
    nodes = CapturedNodes(NAMES, IPV6)
    options = CaptureOptions(**options)
    with CaptureWriter(path, INTERFACES, flows, START, options, nodes=nodes, comment=comment) as open_capture:
        open_capture.write(records)
        return open_capture.close()


def read_blocks(data):
    """All blocks of a capture as (type, content), their two lengths compared."""
    at, blocks = 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        blocks.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return blocks
