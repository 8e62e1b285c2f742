"""Captures: what passed chosen ports, as a pcapng file that Wireshark opens."""

from lasermesh.capture.bundles import SegmentSource
from lasermesh.capture.headers import FlowEnds
from lasermesh.capture.options import CaptureOptions
from lasermesh.capture.ports import Interface, Ports
from lasermesh.capture.records import CapturedNodes, RealPackets, TapRecords
from lasermesh.capture.selection import CaptureSelection
from lasermesh.capture.writer import CaptureWriter

__all__ = [
    "CaptureOptions",
    "CaptureSelection",
    "CaptureWriter",
    "CapturedNodes",
    "FlowEnds",
    "Interface",
    "Ports",
    "RealPackets",
    "SegmentSource",
    "TapRecords",
]
