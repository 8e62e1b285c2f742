"""IPv4 and UDP headers: built once per flow by scapy, as words that a kernel completes per packet."""

from typing import NamedTuple

import numpy as np

from lasermesh.capture.addresses import dotted, ipv4_addresses

IP_HEADER_BYTES = 20
"""IPv4 without options."""

HEADER_BYTES = IP_HEADER_BYTES + 8
"""With UDP; the smallest packet that can be captured."""

FIRST_SOURCE_PORT = 49152
SOURCE_PORTS = 4096
"""Flows take dynamic ports (RFC 6335 section 6) as source ports, by flow row, round and round. Wireshark has
dissectors on two ports further up (54328, 60001), which would find their protocols in payloads of zeros."""

DESTINATION_PORT = 9
"""Discard (RFC 863): what listens there throws away what it gets, and Wireshark looks no further."""

UDP_PROTOCOL = 17
"""Protocol number of UDP in the IPv4 header (IANA)."""

DESTINATION_PORT_AT, UDP_CHECKSUM_AT = 22, 26
"""Bytes of a packet where these begin, of two bytes each."""

_IP_LENGTH, _IP_CHECKSUM = slice(2, 4), slice(10, 12)
_UDP_LENGTH, _UDP_CHECKSUM = slice(24, 26), slice(UDP_CHECKSUM_AT, UDP_CHECKSUM_AT + 2)


class FlowEnds(NamedTuple):
    """Where each flow starts and ends; row i belongs to flow i."""

    from_row: np.ndarray  # int64 (n_flows,)  row of the source node
    to_row: np.ndarray  # int64 (n_flows,)  row of the destination node


class HeaderTemplates(NamedTuple):
    """Headers without what differs from packet to packet; row i belongs to flow i."""

    words: (
        np.ndarray
    )  # int64 (n_flows, 7)  little-endian 32-bit words; length, id, hop limit, checksums are 0
    ip_sum: np.ndarray  # int64 (n_flows,)  sum of the IPv4 header's 16-bit words
    udp_sum: np.ndarray  # int64 (n_flows,)  the same of UDP header and pseudo-header (RFC 768)
    built: np.ndarray  # bool (n_flows,)  False where no packet of the flow has been seen yet


def empty_templates(n_flows):
    """Templates of which none is built: a capture on one port sees few of many flows."""
    return HeaderTemplates(
        np.zeros((n_flows, HEADER_BYTES // 4), np.int64),
        np.zeros(n_flows, np.int64),
        np.zeros(n_flows, np.int64),
        np.zeros(n_flows, np.bool_),
    )


def source_port(flow):
    """UDP source port of a flow."""
    return FIRST_SOURCE_PORT + flow % SOURCE_PORTS


def build_templates(templates, ends, flows):
    """Build the templates of some flows in place.

    Parameters
    ----------
    templates : HeaderTemplates
    ends : FlowEnds
    flows : int array
        Rows of the flows, each of them once.

    Raises
    ------
    UserError
        If the network has no address for an end of a flow.
    """
    from scapy.layers.inet import IP, UDP  # slow to import, and needed for captures alone

    source = ipv4_addresses(ends.from_row[flows])
    destination = ipv4_addresses(ends.to_row[flows])
    for flow, from_address, to_address in zip(
        flows.tolist(), source.tolist(), destination.tolist(), strict=True
    ):
        # "Don't fragment": the model never fragments, and only so may the 16-bit id repeat (RFC 6864).
        packet = IP(src=dotted(from_address), dst=dotted(to_address), ttl=0, id=0, flags="DF")
        header = bytearray(bytes(packet / UDP(sport=source_port(flow), dport=DESTINATION_PORT)))
        for patched in (_IP_LENGTH, _IP_CHECKSUM, _UDP_LENGTH, _UDP_CHECKSUM):
            header[patched] = bytes(2)
        sixteens = np.frombuffer(header, ">u2").astype(np.int64)
        templates.words[flow] = np.frombuffer(header, "<u4")
        templates.ip_sum[flow] = sixteens[:10].sum()
        # The pseudo-header: both addresses, the protocol's number (its two lengths come with the packet).
        templates.udp_sum[flow] = sixteens[6:].sum() + UDP_PROTOCOL
        templates.built[flow] = True
