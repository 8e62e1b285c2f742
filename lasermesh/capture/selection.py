"""Which ends of which links a capture taps."""

import difflib

import numpy as np

from lasermesh.errors import UserError

ENDPOINTS = "endpoints"


class CaptureSelection:
    """What `--capture` asks for, as a question that can be put for links whenever they appear.

    Parameters
    ----------
    spec : str
        `endpoints`: what leaves the source nodes of flows and what reaches their destination nodes;
        `NODE`: every port of that node, both directions;
        `NODE:PEER`: the port of NODE towards PEER, both directions.
        A node is named by its name or by `#ROW` (the way to name a node called "endpoints").
    names : sequence of str
        Names of all nodes by row.
    flow_sources, flow_destinations : array_like of int
        Rows of the nodes where flows start and end.

    Raises
    ------
    UserError
        If the spec names no node, or a node's port towards itself.
    """

    def __init__(self, spec, names, flow_sources, flow_destinations):
        self.spec = spec
        self._sends = np.zeros(len(names), np.bool_)  # nodes whose outgoing packets are recorded
        self._receives = np.zeros(len(names), np.bool_)
        self._peer = None  # only towards this node
        if spec == ENDPOINTS:
            self._sends[np.asarray(flow_sources, np.int64)] = True
            self._receives[np.asarray(flow_destinations, np.int64)] = True
            return
        node_name, colon, peer_name = spec.partition(":")
        node = _row_of(node_name, names, spec)
        self._sends[node] = self._receives[node] = True
        if colon:
            self._peer = _row_of(peer_name, names, spec)
            if self._peer == node:
                raise UserError(
                    f'--capture {spec}: a node has no port towards itself; write "NODE" or "NODE:PEER"'
                )

    def taps(self, link_from, link_to):
        """Which ends of directed links are tapped.

        Parameters
        ----------
        link_from, link_to : array_like of int, shape (n_links,)
            Rows of the sending and the receiving node.

        Returns
        -------
        tap_out, tap_in : bool array, shape (n_links,)
            Whether packets are recorded when their last bit has left the sending node, and when it has
            reached the receiving node.
        """
        link_from, link_to = np.asarray(link_from), np.asarray(link_to)
        tap_out, tap_in = self._sends[link_from], self._receives[link_to]
        if self._peer is not None:
            tap_out = tap_out & (link_to == self._peer)
            tap_in = tap_in & (link_from == self._peer)
        return tap_out, tap_in


def _row_of(name, names, spec):
    """Row of a node from its name or `#ROW`."""
    if name.startswith("#") and name[1:].isdecimal():
        row = int(name[1:])
        if row >= len(names):
            raise UserError(
                f"--capture {spec}: there is no row {row}; the {len(names)} nodes have rows from 0"
            )
        return row
    try:
        return list(names).index(name)
    except ValueError:
        close = difflib.get_close_matches(name, [ENDPOINTS, *names], n=1)
        hint = f'; did you mean "{close[0]}"?' if close else '; write "endpoints", "NODE" or "NODE:PEER"'
        raise UserError(f'--capture {spec}: no node is named "{name}"{hint}') from None
