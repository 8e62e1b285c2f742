"""Ports: where a node's transmitter and receiver towards one neighbour are tapped; a capture's interfaces."""

from typing import NamedTuple

import numpy as np

from lasermesh.units import NONE

_KIND_NAMES = ("ISL", "GSL")


class Interface(NamedTuple):
    """One port as the capture declares it; both directions are recorded on it."""

    name: str  # "node:peer", or "node" for what is dropped at none of its ports
    description: str
    send_bps: int | None  # rate of the link node -> peer when the port was first seen; None: there was none
    receive_bps: int | None  # the same of the link peer -> node
    node: int = NONE  # row of the node
    peer: int = NONE  # row of its neighbour; NONE: the node itself, not a port of it


class Ports:
    """The ports of a capture, numbered in the order in which they are first asked for.

    Parameters
    ----------
    names : sequence of str
        Names of all nodes by row.

    Attributes
    ----------
    interfaces : list of Interface
        Row i is the interface with number i in the capture.
    link_from, link_to : int64 array, shape (n_links,)
        Rows of the nodes at the ends of all links that were added.
    """

    def __init__(self, names):
        self.interfaces = []
        self.link_from = self.link_to = np.zeros(0, np.int64)
        self._kind, self._rate_bps = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._names = names
        self._number = {}
        self._at = np.zeros((2, 0), np.int64)  # of the receiving and of the sending end of each link, or NONE
        self._at_node = np.full(len(names), NONE, np.int64)

    def add_links(self, link_from, link_to, kind, rate_bps):
        """Take note of links that have appeared; they get the next ids.

        Parameters
        ----------
        link_from, link_to : int array, shape (n_links,)
            Rows of the nodes at the ends of directed links.
        kind : int array, shape (n_links,)
            0 ISL, 1 GSL.
        rate_bps : int array, shape (n_links,)
        """
        self.link_from = np.append(self.link_from, link_from).astype(np.int64)
        self.link_to = np.append(self.link_to, link_to).astype(np.int64)
        self._kind, self._rate_bps = np.append(self._kind, kind), np.append(self._rate_bps, rate_bps)
        self._at = np.concatenate([self._at, np.full((2, len(link_from)), NONE)], axis=1)

    def of_links(self, link, sending):
        """Interfaces at the ends of links, giving new ports the next numbers.

        Parameters
        ----------
        link : int array, shape (n,)
        sending : bool array, shape (n,)
            Whether at its sending end.

        Returns
        -------
        interface : int64 array, shape (n,)
        """
        link, end = np.asarray(link, np.int64), np.asarray(sending).astype(np.int64)
        new = np.flatnonzero(self._at[end, link] == NONE)
        if len(new):
            ends, first = np.unique(np.stack([end[new], link[new]]), axis=1, return_index=True)
            for at, row in ends.T[np.argsort(first)].tolist():
                ends_of = int(self.link_from[row]), int(self.link_to[row])
                self._at[at, row] = self._port(*(ends_of if at else ends_of[::-1]), int(self._kind[row]))
        return self._at[end, link]

    def of_nodes(self, node):
        """Interfaces that stand for nodes themselves, for what is dropped at no port: int64 array."""
        for row in np.unique(node[self._at_node[node] == NONE]).tolist():
            self._at_node[row] = len(self.interfaces)
            name = self._names[row]
            description = f"{name} itself: dropped at none of its ports"
            self.interfaces.append(Interface(name, description, None, None, row))
        return self._at_node[node]

    def _port(self, node, peer, kind):
        """Number of the port of `node` towards `peer`, a new one if it was not seen before."""
        number = self._number.setdefault((node, peer), len(self.interfaces))
        if number == len(self.interfaces):
            node_name, peer_name = self._names[node], self._names[peer]
            self.interfaces.append(
                Interface(
                    f"{node_name}:{peer_name}",
                    f"{_KIND_NAMES[kind]} port of {node_name} to {peer_name}",
                    self._rate_of(node, peer),
                    self._rate_of(peer, node),
                    node,
                    peer,
                )
            )
        return number

    def _rate_of(self, node, peer):
        """Rate of the link between two nodes, in bit/s; None where there is none so far."""
        found = np.flatnonzero((self.link_from == node) & (self.link_to == peer))
        return int(self._rate_bps[found[0]]) if len(found) else None
