"""A part of a run, from one instant to another."""

from functools import cached_property

import numpy as np

from lasermesh.errors import UserError
from lasermesh.results.link_use import link_intervals_of, link_use, whole_span


class Window:
    """A run between two instants: what it did in intervals is of these alone, all else of the whole run.

    Intervals that lie in it in part belong to it.

    Attributes
    ----------
    shown_s : tuple of float
        From when to when, in s since the topology's epoch.
    """

    def __init__(self, run, start_s, stop_s):
        self._run = run
        self.shown_s = start_s, stop_s

    def __getattr__(self, name):
        return getattr(self._run, name)

    @cached_property
    def flow_times(self):
        """As of the run."""
        import pyarrow as pa

        table = self._run.flow_times
        if table is None:
            return None
        start_s, stop_s = self.shown_s
        shown = (table["t_s"].to_numpy() < stop_s) & (table["until_s"].to_numpy() > start_s)
        return table.filter(pa.array(shown))

    @cached_property
    def link_use(self):
        """As of the run; its intervals are still all those of the run, of which the others hold nothing."""
        return link_use(self)

    def part(self, name, columns=None, filters=None):
        """As of the run."""
        if name == "links":
            filters = [*(filters or ()), *self._intervals_shown()]
        return self._run.part(name, columns, filters)

    def batches(self, name, columns):
        """As of the run."""
        return iter(self.part(name, columns).to_batches())

    def _intervals_shown(self):
        """What rows of links must fulfil; half an interval around the first and last is no other's."""
        grid = grid_of(self)
        half_s = grid.interval_s / 2
        return [("t_s", ">", grid.start_s - half_s), ("t_s", "<", grid.edges_s[-2] + half_s)]


def span(run):
    """When what is drawn begins and ends, in s since the topology's epoch: a run, or a window of it."""
    return run.shown_s if isinstance(run, Window) else whole_span(run)


def grid_of(run):
    """The intervals of `links.parquet` that are drawn."""
    return link_intervals_of(run).part(*span(run))


def window_of(run, start_s, duration_s):
    """The part of a run that was asked for; the run itself if None was.

    Raises
    ------
    UserError
        If it is not within the run.
    """
    if start_s is None and duration_s is None:
        return run
    begin_s, end_s = whole_span(run)
    start_s = begin_s if start_s is None else start_s
    if not begin_s <= start_s < end_s:
        raise UserError(
            f"what is drawn must begin within the run, from {begin_s:.10g} s on and before {end_s:.10g} s "
            f"(got {start_s:.10g})"
        )
    if duration_s is not None and not 0.0 < duration_s < np.inf:
        raise UserError(f"the duration must be a number of seconds above 0 (got {duration_s:.10g})")
    return Window(run, start_s, end_s if duration_s is None else min(end_s, start_s + duration_s))
