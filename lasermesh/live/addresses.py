"""Tables by which the datapath finds the node of an address, and the address of a node."""

from typing import NamedTuple

import numpy as np

from lasermesh.capture.addresses import ipv6_addresses


class AddressTables(NamedTuple):
    """IPv6 addresses of nodes as keys, GROUP << 32 | PLANE << 16 | SLOT; IPv4 needs no table."""

    v6_keys: np.ndarray  # int64 (n_nodes,)  ascending
    v6_rows: np.ndarray  # int64 (n_nodes,)  row of the node of each key
    v6_key_of_row: np.ndarray  # int64 (n_nodes,)


def address_tables(topology):
    """Tables of the addresses that `lasermesh.capture.addresses` gives the nodes of a topology.

    Parameters
    ----------
    topology : scenario.Topology

    Returns
    -------
    AddressTables

    Raises
    ------
    UserError
        If there are more groups than 16 bits can number.
    """
    parts = ipv6_addresses(topology)[:, 10:].astype(np.int64)
    shifts = np.arange(40, -1, -8)
    key_of_row = (parts << shifts).sum(axis=1)
    rows = np.argsort(key_of_row)
    return AddressTables(key_of_row[rows], rows.astype(np.int64), key_of_row)
