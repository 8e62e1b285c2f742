"""What a capture is given: records of taps, bytes of real packets, and what is known of nodes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class TapRecords(NamedTuple):
    """What taps saw, sorted by time; row i is one packet at one end of a link; all columns int64."""

    time_ps: np.ndarray  # since the start of the experiment
    interface: np.ndarray  # row of the port in the capture's interfaces
    direction: np.ndarray  # NEITHER, IN or OUT
    flow: np.ndarray
    sequence: np.ndarray  # of the packet in its flow, below 2**40
    size_bytes: np.ndarray  # whole IP packet
    hop_limit: np.ndarray
    ecn: np.ndarray  # as in the IP header (RFC 3168 section 5): 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE
    traffic_class: np.ndarray  # 0 to 7
    cause: np.ndarray  # row in `packets.causes.CAUSES` of why it was dropped there; NONE: it was not


class RealPackets(NamedTuple):
    """Bytes of packets that are real: nothing of them is made up but hop limit and congestion mark."""

    row: np.ndarray  # int64 (n_records,)  row of `data`; NONE: a packet that is made up
    data: np.ndarray  # uint8 (n_real, most bytes)  what is known of each, from its IP header on


class CapturedNodes(NamedTuple):
    """What a capture knows of all nodes, by row."""

    names: Sequence[str] | None = None
    """Those of the flows' ends go into the file, for name resolution; None: no names."""

    ipv6: np.ndarray | None = None
    """uint8 (n_nodes, 16), as `addresses.ipv6_addresses` gives them; needed where a flow is of IPv6."""

    ipn_numbers: np.ndarray | None = None
    """int64 (n_nodes,); needed with segments."""

    all_are_named: bool = False
    """Whether all names go into the file, with both addresses, as real packets may come from anywhere."""
