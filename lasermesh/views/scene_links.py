"""Links of a scene: pairs of nodes, when they are linked, and what they carried in bins of time."""

from typing import NamedTuple

import numpy as np

from lasermesh.results.link_use import interval_of
from lasermesh.views.scene import SceneContacts, SceneLinks, SceneLoad

MOST_CONTACTS = 400_000
MOST_BINS = 240
MOST_LOADS = 300_000
"""Links times bins in which they did something."""

_REDUCED_AT = 2_000_000  # rows of load gathered before those of one bin and link are added up


class LinkTimes(NamedTuple):
    """When links are, each one direction, as plans and runs hold it; arrays of shape (n,)."""

    from_row: np.ndarray
    to_row: np.ndarray
    kind: np.ndarray
    start_s: np.ndarray  # since the topology's epoch
    stop_s: np.ndarray
    rate_bps: np.ndarray


def pair_up(contacts, start_s, stop_s, n_nodes, drawn):
    """Links of a scene and when they are, from contacts in one direction each.

    Parameters
    ----------
    contacts : LinkTimes
    start_s, stop_s : float
        The scene; contacts are cut to it.
    n_nodes : int
    drawn : bool array, shape (n_nodes,)
        Links of nodes that cannot be drawn are left out.

    Returns
    -------
    links : SceneLinks
    contacts : SceneContacts
        Both directions joined; what follows without a gap, as where the rate changes, is one.
    n_left_out : int
        The shortest contacts, where there are more than `MOST_CONTACTS`.
    """
    shown = (contacts.start_s < stop_s) & (contacts.stop_s > start_s)
    shown &= drawn[contacts.from_row] & drawn[contacts.to_row]
    contacts = LinkTimes(*(column[shown] for column in contacts))
    backwards = contacts.from_row > contacts.to_row
    a = np.where(backwards, contacts.to_row, contacts.from_row).astype(np.int64)
    b = np.where(backwards, contacts.from_row, contacts.to_row).astype(np.int64)
    keys, first, link = np.unique(a * n_nodes + b, return_index=True, return_inverse=True)
    rate_bps = np.zeros((len(keys), 2))
    np.maximum.at(rate_bps, (link, backwards.astype(int)), contacts.rate_bps.astype(float))
    links = SceneLinks(keys // n_nodes, keys % n_nodes, rate_bps, contacts.kind[first].astype(np.uint8))

    begin_s = np.maximum(contacts.start_s, start_s) - start_s
    end_s = np.minimum(contacts.stop_s, stop_s) - start_s
    joined = _joined(link, begin_s, end_s)
    n_left_out = max(0, len(joined.link) - MOST_CONTACTS)
    if n_left_out:
        kept = np.argsort(joined.start_s - joined.stop_s, kind="stable")[:MOST_CONTACTS]
        joined = SceneContacts(*(column[kept] for column in joined))
    order = np.lexsort((joined.link, joined.start_s))
    return links, SceneContacts(*(column[order] for column in joined)), n_left_out


def _joined(link, begin_s, end_s):
    """The union of each link's intervals."""
    order = np.lexsort((begin_s, link))
    link, begin_s, end_s = link[order], begin_s[order], end_s[order]
    if not len(link):
        return SceneContacts(link, begin_s, end_s)
    # Links one after the other on one axis of time, so far apart that they do not touch.
    apart_s = link * (2.0 * end_s.max() + 1.0)
    until_s = np.maximum.accumulate(end_s + apart_s)
    opens = np.ones(len(link), bool)
    opens[1:] = (begin_s + apart_s)[1:] > until_s[:-1] + _TOUCHING_S
    first = np.flatnonzero(opens)
    return SceneContacts(link[first], begin_s[first], np.maximum.reduceat(end_s, first))


_TOUCHING_S = 1e-5  # instants are cut to 1 ms, and float64 keeps a day of 100,000 links to 2e-6 s


class LoadBins:
    """Adds up what links did, row by row of a run's table, by bins of time.

    Parameters
    ----------
    intervals : results.link_use.IntervalGrid
        Those of the table that the scene shows.
    links : SceneLinks
    n_nodes : int
    """

    def __init__(self, intervals, links, n_nodes):
        self._intervals = intervals
        self._n_nodes = n_nodes
        self._keys_of_links = links.a * n_nodes + links.b
        self.intervals_per_bin = max(1, -(-intervals.n_intervals // MOST_BINS))
        self._keys = [np.zeros(0, np.int64)]  # (bin * n_links + link) * 2 + direction
        self._sums = [np.zeros((0, 4))]  # busy_s, bytes, dropped, most that waited
        self._gathered = 0

    def add(self, t_s, from_row, to_row, busy_s, n_bytes, dropped, queue_bytes):
        """Take in rows of the table; those of other times and links are passed over."""
        interval = interval_of(t_s, self._intervals.start_s, self._intervals.interval_s)
        low, high = np.minimum(from_row, to_row).astype(np.int64), np.maximum(from_row, to_row)
        key = low * self._n_nodes + high
        link = np.searchsorted(self._keys_of_links, key)
        known = link < len(self._keys_of_links)
        known[known] = self._keys_of_links[link[known]] == key[known]
        known &= (interval >= 0) & (interval < self._intervals.n_intervals)
        keys = (interval // self.intervals_per_bin * len(self._keys_of_links) + link) * 2 + (
            from_row > to_row
        )
        self._keys.append(keys[known])
        self._sums.append(np.stack((busy_s, n_bytes, dropped, queue_bytes), axis=1)[known].astype(float))
        self._gathered += int(known.sum())
        if self._gathered > _REDUCED_AT:
            self._reduce()

    def _reduce(self):
        """One row for each bin, link and direction; longer bins where these would be too many."""
        keys, sums = _added_up(np.concatenate(self._keys), np.concatenate(self._sums))
        n_links = max(1, len(self._keys_of_links))
        while len(keys) > 2 * MOST_LOADS and self.intervals_per_bin < self._intervals.n_intervals:
            self.intervals_per_bin *= 2
            bins, rest = np.divmod(keys, 2 * n_links)
            keys, sums = _added_up(bins // 2 * 2 * n_links + rest, sums)
        self._keys, self._sums, self._gathered = [keys], [sums], 0

    def load(self):
        """What has been added up: SceneLoad."""
        self._reduce()
        (keys,), (sums,) = self._keys, self._sums
        start_s, stop_s, interval_s = self._intervals
        bin_s = self.intervals_per_bin * interval_s
        n_bins = -(-self._intervals.n_intervals // self.intervals_per_bin)
        last_bin_s = stop_s - start_s - (n_bins - 1) * bin_s  # what intervals are left
        rows, row = np.unique(keys // 2, return_inverse=True)
        both = np.zeros((len(rows), 2, 4))
        both[row, keys % 2] = sums
        bins, link = np.divmod(rows, max(1, len(self._keys_of_links)))
        length_s = np.where(bins == n_bins - 1, last_bin_s, bin_s)
        return SceneLoad(
            bin_s,
            last_bin_s,
            np.searchsorted(bins, np.arange(n_bins + 1)),
            link,
            np.clip(both[:, :, 0] / length_s[:, None], 0.0, 1.0),
            both[:, :, 3],
            both[:, :, 2],
            both[:, :, 1],
        )


def _added_up(keys, sums):
    """The rows of each key as one, by key: sums of all columns but the last, of which the greatest."""
    keys, row = np.unique(keys, return_inverse=True)
    added = np.stack([np.bincount(row, column, len(keys)) for column in sums.T], axis=1)
    added[:, -1] = 0.0
    np.maximum.at(added[:, -1], row, sums[:, -1])
    return keys, added
