"""The contacts that a run was made of, written as they end."""

import numpy as np

from lasermesh.results import Contacts
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S


class ContactLog:
    """Follows the link graph from step to step and writes each contact once it is over.

    A contact is an uninterrupted time in which a link is up at one rate.
    """

    def __init__(self, links):
        self._links = links
        self._since_s = np.zeros(0)
        self._rate_bps = np.zeros(0, np.int64)
        self._first = None

    def note(self, t_s, rate_bps, writer):
        """Compare the links of a step with those before, and write the contacts that have ended.

        `rate_bps`: int64 (n_links,), by link id, 0 where a link is down.
        """
        n = len(rate_bps)
        self._since_s = np.concatenate([self._since_s, np.zeros(n - len(self._since_s))])
        self._rate_bps = np.concatenate([self._rate_bps, np.zeros(n - len(self._rate_bps), np.int64)])
        if self._first is None:
            self._first = t_s
        changed = np.flatnonzero(rate_bps != self._rate_bps)
        self._write(changed[self._rate_bps[changed] > 0], t_s, False, writer)
        self._since_s[changed] = t_s
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
