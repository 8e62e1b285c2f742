"""A capture of bundles: which ports are their ends, and that segments reach the file as such."""

from types import SimpleNamespace

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import RawPcapNgReader

from lasermesh.bundles.records import Segments
from lasermesh.capture import CaptureSelection, FlowEnds
from lasermesh.capture.options import CaptureOptions
from lasermesh.experiments.tapping import Tapping, ends_of
from lasermesh.packets import state
from lasermesh.units import NEVER
from tests.reference.bundle_reader import read_bundle

NAMES = ("a", "b", "c")
# A flow of packets from b to a, then the channels of bundles from a to c by way of b.
FLOWS = SimpleNamespace(
    source=np.array([1, 0, 1]), destination=np.array([0, 1, 2]), reply=np.full(3, -1), n_flows=3
)
TOPOLOGY = SimpleNamespace(node_names=NAMES, ipn_numbers=np.array([7, 8, 9]))
EVERY_END = state.TAP_OUT + state.TAP_IN + state.TAP_DROPS_OUT + state.TAP_DROPS_IN
LINK_FROM, LINK_TO = np.array([0, 1, 1]), np.array([1, 2, 0])


class OneBundle:
    """All segments are those of one bundle from a to c."""

    first_flow = 1
    ends = FlowEnds(np.array([0]), np.array([2]))

    def describe(self, flow, sequence):
        same = np.zeros(len(flow), np.int64)
        return Segments(same, same, same + 2, same, same + NEVER, 1500 * sequence, same + 3000, same)


def watch(tapping):
    return tapping.watch(LINK_FROM, LINK_TO, np.zeros(3, np.int64), np.full(3, 10**9))


@pytest.fixture
def tapping():
    segments = OneBundle()
    selection = CaptureSelection(
        "endpoints", NAMES, FLOWS.source, FLOWS.destination, ends=ends_of(FLOWS, segments)
    )
    return Tapping(CaptureOptions(), selection, TOPOLOGY, FLOWS, segments)


def test_ends_of_bundles_are_where_they_are_made_and_go_to(tapping):
    """Of a>b what leaves a, of b>c what reaches c; of all from b what leaves, as packets begin there."""
    assert watch(tapping).tolist() == [state.TAP_OUT + state.TAP_DROPS_OUT, EVERY_END, EVERY_END]


def test_segments_are_written_as_bundles_and_packets_as_packets(tmp_path, tapping):
    watch(tapping)
    tapping.open(tmp_path, 10**18, "")
    records = np.zeros((3, state.TAP_COLUMNS), np.int64)
    records[:, state.T_TIME] = 0, 1, 2
    records[:, state.T_KIND] = state.TAP_OUT, state.TAP_IN, state.TAP_OUT
    records[:, state.T_PLACE] = 0, 1, 2
    records[:, state.T_IDENT] = np.array([1, 2, 0]) << state.SEQUENCE_BITS | np.array([0, 1, 5])
    records[:, state.T_WORD] = 1500 << state.SIZE_SHIFT | 64 << state.HOP_SHIFT
    tapping.write(records)
    tapping.close(2)
    with RawPcapNgReader(str(tmp_path / "capture.pcapng")) as reader:
        packets = [IP(data) for data, _ in reader]
    assert [(packet.src, packet.dst, packet[UDP].dport) for packet in packets] == [
        ("10.0.0.1", "10.0.0.2", 4556),
        ("10.0.0.2", "10.0.0.3", 4556),
        ("10.0.0.2", "10.0.0.1", 9),
    ]
    for number, packet in enumerate(packets[:2]):
        head = bytes(packet[UDP].payload)
        bundle = read_bundle(head.ljust(1500 - 28 - 1, b"\0") + b"\xff")
        assert (bundle.source, bundle.destination) == ("ipn:7.1", "ipn:9.1")
        assert (bundle.offset, bundle.total_bytes) == (1500 * number, 3000)


def test_what_comes_after_the_file_was_given_up_is_passed_over(tmp_path, tapping):
    watch(tapping)
    tapping.open(tmp_path, 10**18, "")
    tapping.abort()
    records = np.zeros((1, state.TAP_COLUMNS), np.int64)
    records[:, state.T_KIND] = state.TAP_OUT
    tapping.write(records)
    assert tapping.close(2) is None and not list(tmp_path.iterdir())
