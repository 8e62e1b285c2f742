"""The IPv4 address of every node: 10.0.0.0 + row + 1, carried across the octets."""

import numpy as np

from lasermesh.errors import UserError

NETWORK = 10 << 24
"""10.0.0.0/8, the private network of RFC 1918 section 3 that holds all nodes."""

MAX_NODES = 2**24 - 2
"""Addresses of the /8 without the network's own and the broadcast address."""


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


def dotted(address):
    """An IPv4 address in the notation people read, from its number."""
    return ".".join(str(address >> shift & 0xFF) for shift in (24, 16, 8, 0))
