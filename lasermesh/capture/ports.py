"""Ports: where a node's transmitter and receiver towards one neighbour are tapped; a capture's interfaces."""

from typing import NamedTuple

import numpy as np

from lasermesh.units import NONE

_KIND_NAMES = ("ISL", "GSL")


class Interface(NamedTuple):
    """One port as the capture declares it; both directions are recorded on it."""

    name: str  # "node:peer"
    description: str
    send_bps: int | None  # rate of the link node -> peer when the port was first seen; None: there was none
    receive_bps: int | None  # the same of the link peer -> node


class Ports:
    """The tapped ports, numbered in the order in which their links appear.

    Parameters
    ----------
    names : sequence of str
        Names of all nodes by row.

    Attributes
    ----------
    interfaces : list of Interface
        Row i is the interface with number i in the capture.
    """

    def __init__(self, names):
        self.interfaces = []
        self._names = names
        self._number = {}

    def number(self, link_from, link_to, kind, rate_bps, tap_out, tap_in):
        """Interface numbers at both ends of links, giving new ports the next numbers.

        Parameters
        ----------
        link_from, link_to : int array, shape (n_links,)
            Rows of the nodes at the ends of directed links, each ordered pair at most once.
        kind : int array, shape (n_links,)
            0 ISL, 1 GSL.
        rate_bps : int array, shape (n_links,)
        tap_out, tap_in : bool array, shape (n_links,)
            What `CaptureSelection.taps` says of these links.

        Returns
        -------
        out_interface, in_interface : int32 array, shape (n_links,)
            Interface of what leaves the sending node and of what reaches the receiving node; NONE: no tap.
        """
        link_from, link_to = np.asarray(link_from), np.asarray(link_to)
        out_interface = np.full(len(link_from), NONE, np.int32)
        in_interface = np.full(len(link_from), NONE, np.int32)
        touched = np.flatnonzero(tap_out | tap_in)
        # Both links of a port come in one call, as a rule; the ends of tapped links find their reverse.
        near = np.flatnonzero(np.isin(link_from, link_to[touched]) | np.isin(link_to, link_to[touched]))
        rate_of = {
            (int(link_from[link]), int(link_to[link])): int(rate_bps[link])
            for link in np.union1d(near, touched)
        }
        for link in touched:
            sender, receiver = int(link_from[link]), int(link_to[link])
            if tap_out[link]:
                out_interface[link] = self._port(sender, receiver, kind[link], rate_of)
            if tap_in[link]:
                in_interface[link] = self._port(receiver, sender, kind[link], rate_of)
        return out_interface, in_interface

    def _port(self, node, peer, kind, rate_of):
        """Number of the port of `node` towards `peer`, a new one if it was not seen before."""
        number = self._number.setdefault((node, peer), len(self.interfaces))
        if number == len(self.interfaces):
            node_name, peer_name = self._names[node], self._names[peer]
            self.interfaces.append(
                Interface(
                    f"{node_name}:{peer_name}",
                    f"{_KIND_NAMES[kind]} port of {node_name} to {peer_name}",
                    rate_of.get((node, peer)),
                    rate_of.get((peer, node)),
                )
            )
        return number
