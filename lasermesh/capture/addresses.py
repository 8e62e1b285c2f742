"""Addresses of nodes: IPv4 by row, IPv6 by group, plane and slot; and those that Ethernet asks for."""

import numpy as np

from lasermesh.errors import UserError

NETWORK = 10 << 24
"""10.0.0.0/8, the private network of RFC 1918 section 3 that holds all nodes."""

MAX_NODES = 2**24 - 2
"""Addresses of the /8 without the network's own and the broadcast address."""

IPV6_NETWORK = bytes.fromhex("fd6c006d000000000000")
"""fd6c:6d::/80, of the unique local addresses of RFC 4193, before group, plane and slot."""

NOBODY = 0x02FF_FFFF_FFFF
"""The Ethernet address of what is no port of any node."""

_PLANES = _SLOTS = 1 << 16


def ipv4_addresses(rows):
    """IPv4 address of each node as a number: 10.0.0.1 for row 0, 10.0.1.0 for row 255.

    Parameters
    ----------
    rows : array_like of int
        Rows of nodes.

    Returns
    -------
    addresses : int64 array, same shape

    Raises
    ------
    UserError
        If a row lies beyond the network's 16,777,214 addresses.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if rows.size and rows.min() < 0:
        raise ValueError(f"a row of a node cannot be negative (got {rows.min()})")
    if rows.size and rows.max() >= MAX_NODES:
        raise UserError(
            f"a capture has IPv4 addresses for {MAX_NODES:,} nodes (10.0.0.0/8); "
            f"the node of row {rows.max():,} has none"
        )
    return NETWORK + rows + 1


def ipv6_addresses(topology):
    """IPv6 address of each node, fd6c:6d::GROUP:PLANE:SLOT, three numbers of 16 bits as hexadecimals.

    Groups count from 1, those of satellites first, then those of ground sites: group 0 would give some node
    the address that names all routers of the network (RFC 4291 section 2.6.1). Where a group has no planes,
    as ground sites, sets of elements and fixed nodes, the slot is the place in the group, and from 65,536
    places on the plane counts on; so it is too for a group of more planes or slots than 16 bits can number.

    Parameters
    ----------
    topology : scenario.Topology

    Returns
    -------
    addresses : uint8 array, shape (n_nodes, 16)
        In network order.

    Raises
    ------
    UserError
        If there are more groups than 16 bits can number.
    """
    n_groups = len(topology.satellites) + len(topology.ground)
    if n_groups >= 1 << 16:
        raise UserError(f"a capture has IPv6 addresses for 65,535 groups of nodes; there are {n_groups:,}")
    parts = np.empty((len(topology.node_names), 3), ">u2")
    places = [group.plane_slot for group in topology.satellites]
    places += [np.full((len(group.sites), 2), -1) for group in topology.ground]
    first = 0
    for number, plane_slot in enumerate(places, start=1):
        mine = parts[first : first + len(plane_slot)]
        first += len(plane_slot)
        plane, slot = plane_slot.T
        if (plane < 0).any() or (plane >= _PLANES).any() or (slot >= _SLOTS).any():
            plane, slot = np.divmod(np.arange(len(plane_slot)), _SLOTS)
        mine[:, 0], mine[:, 1], mine[:, 2] = number, plane, slot
    addresses = np.empty((len(parts), 16), np.uint8)
    addresses[:, :10] = np.frombuffer(IPV6_NETWORK, np.uint8)
    addresses[:, 10:] = parts.view(np.uint8)
    return addresses


def ethernet_address(row):
    """The Ethernet address invented for a node, 02:00 and its row: locally administered, of one station."""
    return 0x0200_0000_0000 + row if row >= 0 else NOBODY
