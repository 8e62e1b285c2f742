"""The contacts that a run was made of, written as they end."""

import numpy as np

from lasermesh.results import Contacts


class ContactLog:
    """Follows what links do from step to step and writes each contact once it is over.

    A contact is an uninterrupted time in which a link is up at one rate.

    Parameters
    ----------
    links : LinkEngine
    light_times_s : function
        Of ids of links and an instant for each: the light time of each then, float64 (n,).
    start_s : float
        When the run begins, in s since the topology's epoch.
    """

    def __init__(self, links, light_times_s, start_s):
        self._links = links
        self._light_times_s = light_times_s
        self._start_s = start_s
        self._since_s = np.zeros(0)
        self._rate_bps = np.zeros(0, np.int64)

    def note(self, changes, writer):
        """Follow the changes of a step (`LinkChanges`), and write the contacts that they end."""
        missing = len(self._links.links.from_node) - len(self._since_s)
        self._since_s = np.concatenate([self._since_s, np.zeros(missing)])
        self._rate_bps = np.concatenate([self._rate_bps, np.zeros(missing, np.int64)])
        # Each link's changes one behind the other: what is before a row is the row above, or what was known.
        order = np.argsort(changes.link, kind="stable")
        link, rate_bps = changes.link[order], changes.rate_bps[order]
        order = order[rate_bps != _before(link, self._rate_bps[link], rate_bps)]  # what stays is no change
        t_s, link, rate_bps = changes.t_s[order], changes.link[order], changes.rate_bps[order]
        since_s = _before(link, self._since_s[link], t_s)
        before_bps = _before(link, self._rate_bps[link], rate_bps)
        ended = (before_bps > 0) & (since_s < t_s)
        rows = np.flatnonzero(ended)[np.argsort(t_s[ended], kind="stable")]
        self._write(link[rows], since_s[rows], t_s[rows], before_bps[rows], False, writer)
        self._since_s[link] = t_s  # of several changes the last one counts
        self._rate_bps[link] = rate_bps

    def close(self, end_s, writer):
        """Write the contacts that the end of the run cuts."""
        ids = np.flatnonzero((self._rate_bps > 0) & (self._since_s < end_s))
        stop_s = np.full(len(ids), end_s)
        self._write(ids, self._since_s[ids], stop_s, self._rate_bps[ids], True, writer)

    def _write(self, ids, start_s, stop_s, rate_bps, is_open, writer):
        if not len(ids):
            return
        table = self._links.links
        writer.write(
            Contacts(
                from_node=table.from_node[ids],
                to_node=table.to_node[ids],
                kind=table.kind[ids],
                start_s=start_s,
                stop_s=stop_s,
                rate_bps=rate_bps,
                owlt_s=self._light_times_s(ids, 0.5 * (start_s + stop_s)),
                open_start=start_s == self._start_s,
                open_stop=np.full(len(ids), is_open),
            )
        )


def _before(link, known, column):
    """What was in a column before each row: the row above if it is of the same link, else what was known."""
    return np.where(np.diff(link, prepend=-1) != 0, known, np.roll(column, 1))
