"""What a run's table of links tells: its intervals, and what links did in the whole run."""

from typing import NamedTuple

import numpy as np


def interval_of(t_s, start_s, interval_s):
    """Number of the interval in which an instant lies, of those that follow each other from `start_s` on.

    Instants that should be where an interval begins, but for the rounding of float64, are taken to be there.
    """
    t_s = np.asarray(t_s, float)
    near = _NEAR + 1e-15 * np.abs(t_s) / interval_s
    return np.floor((t_s - start_s) / interval_s + near).astype(np.int64)


def count_intervals(duration_s, interval_s):
    """How many intervals a time needs, of which its end may cut the last; at least 1."""
    return max(1, int(np.ceil(duration_s / interval_s - _NEAR)))


_NEAR = 1e-6  # of an interval


class IntervalGrid(NamedTuple):
    """Intervals for which a run kept what went on: equally long, but the end of the run cuts the last.

    They count from the run's beginning, wherever that lies: `links_every_s` of `[observe]`, else steps.
    """

    start_s: float  # of the run, since the topology's epoch
    stop_s: float  # what was simulated
    interval_s: float

    @property
    def n_intervals(self):
        return count_intervals(self.stop_s - self.start_s, self.interval_s)

    @property
    def edges_s(self):
        """Where intervals begin and the last one ends: float64 (n_intervals + 1,)."""
        edges_s = self.start_s + self.interval_s * np.arange(self.n_intervals + 1)
        edges_s[-1] = self.stop_s
        return edges_s

    def number_of(self, t_s):
        """Number of the interval in which each instant of the run lies; its very end is in the last one."""
        return np.clip(interval_of(t_s, self.start_s, self.interval_s), 0, self.n_intervals - 1)

    def part(self, start_s, stop_s):
        """Those that lie between two instants at least in part: the grid of these alone."""
        first = int(self.number_of(start_s))
        begin_s = self.start_s + first * self.interval_s
        n = count_intervals(stop_s - begin_s, self.interval_s)
        end_s = self.stop_s if first + n >= self.n_intervals else begin_s + n * self.interval_s
        return self._replace(start_s=begin_s, stop_s=end_s)


def whole_span(run):
    """When a run began and ended, in s since the topology's epoch."""
    start_s = run.manifest["scenario"]["start_s"]
    return start_s, start_s + run.summary["simulated_s"]


def link_intervals_of(run) -> IntervalGrid:
    """The intervals of a run's table of links."""
    settings = run.manifest["scenario"]
    observe = settings.get("observe") or {}  # older runs lack it
    interval_s = observe.get("links_every_s") or settings["topology"]["step_s"]
    return IntervalGrid(*whole_span(run), interval_s)


class LinkUse(NamedTuple):
    """What each link did in the whole run, and all of them in each interval."""

    link: np.ndarray  # int64 (n_links,)  ids, rising, of links that did anything
    ends: list  # (from, to) of each
    busy_s: np.ndarray  # float64 (n_links,)
    queue_max_bytes: np.ndarray  # int64 (n_links,)
    busy_s_of_intervals: np.ndarray  # float64 (n_intervals,)  all links together


def link_use(run) -> LinkUse:
    """What links did, read in portions: the table may have a row for each of very many links and intervals.

    Raises
    ------
    UserError
        If the table is missing or damaged.
    """
    grid = link_intervals_of(run)
    ends, busy_s, queue_max = {}, np.zeros(0), np.zeros(0, np.int64)
    of_intervals = np.zeros(grid.n_intervals)
    for batch in run.batches("links", ["t_s", "link", "from", "to", "busy_s", "queue_max_bytes"]):
        link, busy = batch["link"].to_numpy(), batch["busy_s"].to_numpy()
        if not len(link):
            continue
        more = int(link.max()) + 1 - len(busy_s)
        if more > 0:
            busy_s = np.append(busy_s, np.zeros(more))
            queue_max = np.append(queue_max, np.full(more, _NOTHING))
        is_new = np.flatnonzero(queue_max[link] == _NOTHING)
        if len(is_new):
            new, first = np.unique(link[is_new], return_index=True)
            names = (batch[name].take(is_new[first]).to_pylist() for name in ("from", "to"))
            ends |= dict(zip(new.tolist(), zip(*names, strict=True), strict=True))
        busy_s += np.bincount(link, busy, len(busy_s))
        np.maximum.at(queue_max, link, batch["queue_max_bytes"].to_numpy())
        of_intervals += np.bincount(grid.number_of(batch["t_s"].to_numpy()), busy, grid.n_intervals)
    ids = np.flatnonzero(queue_max != _NOTHING)
    return LinkUse(ids, [ends[each] for each in ids.tolist()], busy_s[ids], queue_max[ids], of_intervals)


_NOTHING = -1  # a link of which no row was read
