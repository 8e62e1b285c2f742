"""IP and UDP headers: what all packets of a flow share, in 16-bit words, which a kernel completes."""

from typing import NamedTuple

import numpy as np

from lasermesh.capture.addresses import ethernet_address, ipv4_addresses
from lasermesh.units import NONE

IPV4_BYTES, IPV6_BYTES, UDP_BYTES = 20, 40, 8
"""Of headers; those of IP without options or extensions."""

HEADER_BYTES = IPV4_BYTES + UDP_BYTES
"""Of IPv4 and UDP; the smallest packet that can be captured."""

IPV6_HEADER_BYTES = IPV6_BYTES + UDP_BYTES
"""Of IPv6 and UDP; the smallest packet of a flow of IPv6."""

ETHERNET_BYTES = 14

FIRST_SOURCE_PORT = 49152
SOURCE_PORTS = 4096
"""Flows take dynamic ports (RFC 6335 section 6) as source ports, by flow row, round and round. Wireshark has
dissectors on two ports further up (54328, 60001), which would find their protocols in payloads of zeros."""

DESTINATION_PORT = 9
"""Discard (RFC 863): what listens there throws away what it gets, and Wireshark looks no further."""

UDP_PROTOCOL = 17
"""Number of UDP in the IP header (IANA)."""

_TEMPLATE_WORDS = IPV6_HEADER_BYTES // 2
_PROTOCOL, _SOURCE_PORT, _DESTINATION_PORT = 4, 10, 11  # words of an IPv4 packet
_LABEL_BITS = 20


class FlowEnds(NamedTuple):
    """Where each flow starts and ends, and how its packets are addressed; row i belongs to flow i."""

    from_row: np.ndarray  # int64 (n_flows,)  row of the source node
    to_row: np.ndarray  # int64 (n_flows,)  row of the destination node
    ip_version: np.ndarray | None = None  # int64 (n_flows,)  4 or 6; None: all 4
    answers: np.ndarray | None = None  # int64 (n_flows,)  flow that it replies to, whose ports it swaps; NONE


class HeaderTemplates(NamedTuple):
    """Headers without what differs from packet to packet; row i belongs to flow i."""

    words: np.ndarray  # uint16 (n_flows, 24)  in network order; 14 of IPv4; length, id, hops, checksums are 0
    ip_sum: np.ndarray  # int64 (n_flows,)  sum of the IPv4 header's words as numbers; of IPv6 not used
    udp_sum: np.ndarray  # int64 (n_flows,)  the same of UDP header and pseudo-header (RFC 768, RFC 8200 8.1)
    is_ipv6: np.ndarray  # bool (n_flows,)
    built: np.ndarray  # bool (n_flows,)  False where no packet of the flow has been seen yet


class PortTable(NamedTuple):
    """What packets get from the port that they are seen at; row i belongs to interface i."""

    number: np.ndarray  # int64 (n_interfaces,)  of the interface in its file
    link_words: (
        np.ndarray
    )  # uint16 (n_interfaces, 2, 6)  Ethernet addresses: of what leaves, of what comes in


def empty_templates(ends):
    """Templates of which none is built: a capture on one port sees few of many flows."""
    n_flows = len(ends.from_row)
    return HeaderTemplates(
        np.zeros((n_flows, _TEMPLATE_WORDS), np.uint16),
        np.zeros(n_flows, np.int64),
        np.zeros(n_flows, np.int64),
        np.zeros(n_flows, np.bool_) if ends.ip_version is None else ends.ip_version == 6,
        np.zeros(n_flows, np.bool_),
    )


def ports_of(ends, flows):
    """UDP ports of flows, (source, destination): an answer swaps those of what it answers."""
    of = flows if ends.answers is None else np.where(ends.answers[flows] == NONE, flows, ends.answers[flows])
    dynamic, fixed = FIRST_SOURCE_PORT + of % SOURCE_PORTS, np.full(len(flows), DESTINATION_PORT)
    return np.where(of == flows, dynamic, fixed), np.where(of == flows, fixed, dynamic)


def build_templates(templates, ends, flows, ipv6):
    """Build the templates of some flows in place.

    Parameters
    ----------
    templates : HeaderTemplates
    ends : FlowEnds
    flows : int64 array
        Rows of the flows, each of them once.
    ipv6 : uint8 array, shape (n_nodes, 16)
        Addresses of the nodes; None where no flow is of IPv6.

    Raises
    ------
    UserError
        If the network has no address for an end of a flow.
    """
    is_ipv6 = templates.is_ipv6[flows]
    for rows, headers in ((flows[~is_ipv6], _ipv4_headers), (flows[is_ipv6], _ipv6_headers)):
        if len(rows):
            words, sum_from = headers(ends, rows, ipv6)
            templates.words[rows, : words.shape[1]] = words.astype(">u2").view(np.uint16)
            templates.ip_sum[rows] = words[:, : IPV4_BYTES // 2].sum(axis=1)
            # Addresses and ports, and the protocol's number; both lengths come with the packet.
            templates.udp_sum[rows] = words[:, sum_from:].sum(axis=1) + UDP_PROTOCOL
    templates.built[flows] = True


def _ipv4_headers(ends, flows, _):
    """Words of IPv4 and UDP headers (RFC 791), and the first that the UDP checksum covers."""
    words = np.zeros((len(flows), HEADER_BYTES // 2), np.int64)
    words[:, 0] = 0x4500
    # "Don't fragment": the model never fragments, and only so may the 16-bit id repeat (RFC 6864).
    words[:, 3] = 0x4000
    words[:, _PROTOCOL] = UDP_PROTOCOL
    for column, rows in ((6, ends.from_row), (8, ends.to_row)):
        words[:, column], words[:, column + 1] = np.divmod(ipv4_addresses(rows[flows]), 1 << 16)
    words[:, _SOURCE_PORT], words[:, _DESTINATION_PORT] = ports_of(ends, flows)
    return words, 6


def _ipv6_headers(ends, flows, ipv6):
    """Words of IPv6 and UDP headers (RFC 8200); the flow label is the flow's row."""
    words = np.zeros((len(flows), IPV6_HEADER_BYTES // 2), np.int64)
    label = flows & ((1 << _LABEL_BITS) - 1)
    words[:, 0], words[:, 1] = 0x6000 | label >> 16, label & 0xFFFF
    words[:, 3] = UDP_PROTOCOL << 8
    for column, rows in ((4, ends.from_row), (12, ends.to_row)):
        words[:, column : column + 8] = np.ascontiguousarray(ipv6[rows[flows]]).view(">u2")
    words[:, 20], words[:, 21] = ports_of(ends, flows)
    return words, 4


def link_words(interface):
    """Ethernet addresses before packets at a port, destination and source: uint16 (2, 6), in network order.

    First those of what leaves, and of what is dropped, then those of what comes in.
    """
    node, peer = (ethernet_address(row).to_bytes(6, "big") for row in (interface.node, interface.peer))
    return np.frombuffer(peer + node + node + peer, np.uint16).reshape(2, 6)
