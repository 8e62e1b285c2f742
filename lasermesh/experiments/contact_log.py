"""The contacts that a run was made of, written as they end."""

import numpy as np

from lasermesh.results import Contacts
from lasermesh.traffic.flows import scaled_rates_bps
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S


class ContactLog:
    """Follows the link graph from step to step and writes each contact once it is over.

    A contact is an uninterrupted time in which a link is up at one rate.

    Parameters
    ----------
    links : LinkEngine
    scale : float
        What the run multiplies all rates by.
    """

    def __init__(self, links, scale=1.0):
        self._links = links
        self._scale = scale
        self._since_s = np.zeros(0)
        self._rate_bps = np.zeros(0, np.int64)
        self._first = None

    def note(self, graph, writer):
        """Compare a step's link graph with the one before, and write the contacts that have ended."""
        n = len(self._links.links.from_node)
        self._since_s = np.concatenate([self._since_s, np.zeros(n - len(self._since_s))])
        self._rate_bps = np.concatenate([self._rate_bps, np.zeros(n - len(self._rate_bps), np.int64)])
        if self._first is None:
            self._first = graph.t_s
        rate_bps = np.zeros(n, np.int64)
        rate_bps[graph.link] = scaled_rates_bps(graph.rate_bps, self._scale)
        changed = np.flatnonzero(rate_bps != self._rate_bps)
        self._write(changed[self._rate_bps[changed] > 0], graph.t_s, False, writer)
        self._since_s[changed] = graph.t_s
        self._rate_bps = rate_bps

    def close(self, end_s, writer):
        """Write the contacts that the end of the run cuts."""
        self._write(np.flatnonzero(self._rate_bps > 0), end_s, True, writer)

    def _write(self, ids, stop_s, is_open, writer):
        if not len(ids):
            return
        table = self._links.links
        start_s = self._since_s[ids]
        owlt_s = np.empty(len(ids))
        for middle_s in np.unique(0.5 * (start_s + stop_s)):
            here = 0.5 * (start_s + stop_s) == middle_s
            owlt_s[here] = self._links.ranges_at(ids[here], middle_s) / SPEED_OF_LIGHT_M_PER_S
        writer.write(
            Contacts(
                from_node=table.from_node[ids],
                to_node=table.to_node[ids],
                kind=table.kind[ids],
                start_s=start_s,
                stop_s=np.full(len(ids), stop_s),
                rate_bps=self._rate_bps[ids],
                owlt_s=owlt_s,
                open_start=start_s == self._first,
                open_stop=np.full(len(ids), is_open),
            )
        )
