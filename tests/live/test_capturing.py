"""Captures of live runs: every packet that hosts sent, at every port, as it is on the wire there."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from scapy.utils import RawPcapNgReader

from lasermesh.capture import CaptureOptions, CaptureSelection
from lasermesh.live.capturing import LEEWAY, LiveTapping, SnapIndex, packets_of_trains
from lasermesh.packets import state
from lasermesh.scenario.live import Live
from lasermesh.units import PS_PER_MS, PS_PER_US
from tests.capture.made import START_NS, read_blocks
from tests.live.mesh import GBPS, MIB, address, chain, ip_packet
from tests.live.packets import super_packet
from tests.live.test_core_answers import ping, turn_until
from tests.reference.ip_packets import segments_of, with_header

N = 4
ALL_TAPS = int(state.TAP_OUT | state.TAP_IN | state.TAP_DROPS_OUT | state.TAP_DROPS_IN)
TOPOLOGY = SimpleNamespace(
    node_names=["tokyo", "sat-0", "sat-1", "london"],
    ipn_numbers=np.arange(1, N + 1),
    satellites=[SimpleNamespace(plane_slot=np.array([[0, 0], [0, 1], [0, 2], [0, 3]]))],
    ground=[],
)


class Packet(NamedTuple):
    """A packet of a capture."""

    data: bytes
    time_ns: int  # since the run's start
    port: str
    direction: int
    cause: bytes


class Captured:
    """A chain of four nodes of which one is captured, at all its ports."""

    def __init__(self, path, spec, gso=True, n_snaps=4096):
        live = Live(gso=gso, buffer_bytes=4 * MIB)
        keep = {"snap_bytes": 1500, "n_snaps": n_snaps}
        drop_tapped = np.zeros(N, bool)
        drop_tapped[TOPOLOGY.node_names.index(spec)] = True
        self.mesh = chain(live=live, taps=ALL_TAPS, drop_tapped=drop_tapped, **keep)
        engine, flows = self.mesh.engine, self.mesh.engine.flows
        how = CaptureOptions(spec, file=str(path), snaplen=65535)
        selection = CaptureSelection(spec, TOPOLOGY.node_names, flows.source, flows.destination)
        experiment = SimpleNamespace(topology=TOPOLOGY, live=live)
        self.warnings = []
        self.tapping = LiveTapping(how, selection, experiment, flows, (), 0, self.warnings.append)
        self.tapping.attach(engine)
        there = np.arange(N - 1)
        link_from, link_to = np.r_[there, there + 1], np.r_[there + 1, there]
        self.tapping.watch(link_from, link_to, np.zeros(6, np.int64), np.full(6, GBPS))
        self.tapping.open(path.parent, START_NS, "a chain")
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tapping.abort()
        self.mesh.close()

    def drain(self):
        self.tapping.write(self.mesh.engine.drain_taps())

    def packets(self):
        """All packets of the file."""
        self.tapping.write(self.mesh.engine.drain_taps(rest=True))
        self.tapping.close(self.mesh.engine.clock_ps, self.warnings.append)
        blocks = [content for kind, content in read_blocks(self.path.read_bytes()) if kind == 6]
        with RawPcapNgReader(str(self.path)) as reader:
            return [
                Packet(
                    data,
                    (meta.tshigh << 32 | meta.tslow) - START_NS,
                    meta.ifname.decode(),
                    meta.direction,
                    block.rpartition(b"dropped: ")[2].split(b"\0")[0] if b"dropped: " in block else b"",
                )
                for (data, meta), block in zip(reader, blocks, strict=True)
            ]


def tcp_frame(version=4, hop_limit=64):
    """A super-packet from node 0 to node 3 of five full segments and a shorter one."""
    frame = super_packet(
        np.random.default_rng(1),
        version == 4,
        5 * 1000 + 300,
        1000,
        ends=address(0, version) + address(3, version),
    )
    return frame[:10] + with_header(frame[10:], hop_limit=hop_limit)


@pytest.mark.parametrize("version", [4, 6])
def test_each_segment_of_a_super_packet_is_seen_whole_at_its_own_instant(tmp_path, version):
    """Along a chain of 1 Gbit/s they follow one another by the serialization of a packet (rule 8)."""
    frame = tcp_frame(version)
    sent = segments_of(frame)
    with Captured(tmp_path / "a.pcapng", "sat-1") as captured:
        captured.mesh.send(0, frame)
        for at in range(0, 5 * PS_PER_MS, 250 * PS_PER_US):
            captured.mesh.engine.turn(at)
            captured.drain()
        found = captured.packets()
    sizes = [len(segment) for segment in sent]
    first_in = 2 * PS_PER_MS // 1000 + 2 * 8 * sizes[0]  # two hops of light and of one full packet
    first_out = first_in + 8 * sizes[0]
    for direction, hop_limit, first_ns, port in (
        (1, 63, first_in, "sat-1:sat-0"),
        (2, 62, first_out, "sat-1:london"),
    ):
        seen = [packet for packet in found if packet.direction == direction]
        assert [packet.data for packet in seen] == [with_header(each, hop_limit=hop_limit) for each in sent]
        assert {packet.port for packet in seen} == {port}
        gaps = [8 * size for size in sizes[1:]]
        expected = first_ns + np.cumsum([0, *gaps])
        assert np.abs(np.array([packet.time_ns for packet in seen]) - expected).max() <= 1
    times = [packet.time_ns for packet in found]
    assert times == sorted(times)
    assert captured.warnings == []


@pytest.mark.parametrize("gso", [False, True])
def test_a_ping_of_a_satellite_and_its_answers_are_there_with_right_bytes(tmp_path, gso):
    request = ping(0, 3)
    expiring = with_header(request, hop_limit=2)
    with Captured(tmp_path / "a.pcapng", "sat-1", gso) as captured:
        captured.mesh.send(0, bytes(10) * gso + request)
        captured.mesh.send(0, bytes(10) * gso + expiring)
        answers = [packet for _, _, packet in turn_until(captured.mesh, 10 * PS_PER_MS)]
        found = captured.packets()
    assert [(packet.data, packet.direction) for packet in found if packet.port == "sat-1:london"] == [
        (with_header(request, hop_limit=62), 2)
    ]
    dropped = [packet for packet in found if packet.direction == 0]
    assert [(packet.data, packet.cause) for packet in dropped] == [
        (with_header(expiring, hop_limit=1), b"hop_limit")
    ]
    left = [packet.data for packet in found if packet.direction == 2 and packet.port == "sat-1:sat-0"]
    # From here the answer had hop limit 64, and it came one less to the host.
    assert [with_header(each, hop_limit=63) for each in left] == [each[10 * gso :] for each in answers[-1:]]


def test_packets_whose_bytes_are_kept_no_longer_are_left_out_and_told(tmp_path):
    with Captured(tmp_path / "a.pcapng", "london", gso=False, n_snaps=256) as captured:
        for number in range(500):
            captured.mesh.send(0, ip_packet(0, 3, 100, number))
            if number % 20 == 19:
                captured.mesh.engine.turn(number * PS_PER_US)
        turn_until(captured.mesh, 6 * PS_PER_MS, PS_PER_MS)
        found = captured.packets()
    assert len(found) + captured.tapping.n_lost == 500
    assert len(found) == 256 - LEEWAY - 1
    numbers = [int.from_bytes(packet.data[20:24], "big") for packet in found]
    assert numbers == list(range(500 - len(found), 500))
    assert len(captured.warnings) == 1
    assert "copies of packets that were under way for longer than" in captured.warnings[0]


def test_an_index_finds_what_was_kept_last_and_nothing_that_was_written_over():
    ident, data = np.full(256, -1), np.zeros((256, 8), np.uint8)
    made = 0
    index = SnapIndex(lambda: (ident, data), lambda: made)
    dice = np.random.default_rng(3)
    every = dice.permutation(10_000)
    while made < 9000:
        for _ in range(int(dice.integers(1, 400))):
            ident[made % 256] = every[made]
            data[made % 256] = every[made] % 251
            made += 1
        first = max(0, made - 600)
        is_found, bytes_found = index.find(every[first:made])
        is_there = np.arange(first, made) + 256 > made + LEEWAY
        assert (is_found == is_there).all()
        assert (bytes_found[:, 0] == every[first:made][is_there] % 251).all()
    assert not index.find(every[made:])[0].any()


def test_trains_are_taken_apart_by_kind():
    word = 5 << state.COUNT_SHIFT | 100 << state.SIZE_SHIFT
    rows = np.array(
        [
            [1000, state.TAP_OUT, 7, 40, word, 0, 1400],
            [1100, state.TAP_QUEUE, 7, 3, word, 0, 0],
            [1150, state.TAP_DROPPED, 2, 90, word, 0, 7],
        ]
    )
    found = packets_of_trains(rows)
    assert found[:, state.T_TIME].tolist() == sorted(found[:, state.T_TIME].tolist())
    out = found[found[:, state.T_KIND] == state.TAP_OUT]
    assert out[:, state.T_TIME].tolist() == [1000, 1080, 1160, 1240, 1320, 1400]
    assert out[:, state.T_IDENT].tolist() == list(range(40, 46))
    assert set(out[:, state.T_WORD].tolist()) == {100 << state.SIZE_SHIFT}
    drops = found[found[:, state.T_KIND] == state.TAP_DROPPED]
    assert set(drops[:, state.T_TIME].tolist()) == {1150}
    assert drops[:, state.T_IDENT].tolist() == list(range(90, 96))
    assert found[found[:, state.T_KIND] == state.TAP_QUEUE].tolist() == rows[1:2].tolist()
    assert packets_of_trains(rows[:0]).shape == (0, state.TAP_COLUMNS)
