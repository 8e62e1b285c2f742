"""The busiest links over time."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.views.plots.choice import asked_links, column, rows_of_busy_links, rows_of_link, whose
from lasermesh.views.plots.style import TimeAxis, frame, heat_scale, scale_beside
from lasermesh.views.plots.window import grid_of, span

MOST_ROWS = 20
MOST_COLUMNS = 500
"""More would be thinner than what can be seen, and some would be left out by whatever shows the picture."""

DROPPED = "#D00000"
_ROW_CM = 0.36
_MOST_CELLS_AS_VECTORS = 2000


class Busy(NamedTuple):
    """How busy links were."""

    links: list  # (from, to)
    edges_s: np.ndarray  # of the intervals
    share: np.ndarray  # (n_links, n_intervals) of each interval spent sending; nan where the link was down
    dropped: np.ndarray  # (n_links, n_intervals) packets dropped at the link


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    return None if run.link_use.busy_s.any() else "no link sent anything"


def busiest(run, most):
    """The links (from, to) that sent longest, busiest first; ties in the order of their ids."""
    use = run.link_use
    order = np.lexsort((use.link, -use.busy_s))
    return [use.ends[row] for row in order[:most] if use.busy_s[row] > 0]


def busy_over_time(run, links, most=MOST_COLUMNS) -> Busy:
    """How busy some links were in every interval that is drawn, some together so that few remain.

    Parameters
    ----------
    run : Run
    links : list of tuple of str
        (from, to).
    most : int
        How many intervals there may be.
    """
    grid = grid_of(run)
    together = -(-grid.n_intervals // most)
    edges_s = np.append(grid.edges_s[:-1:together], grid.stop_s)
    shape = len(links), len(edges_s) - 1
    causes = [f"dropped_{cause}" for cause in CAUSES]
    table, number = rows_of_busy_links(run, links, ["t_s", "busy_s", *causes])
    cell = number * shape[1] + grid.number_of(column(table, "t_s")) // together
    sending_s = np.bincount(cell, column(table, "busy_s"), shape[0] * shape[1]).reshape(shape)
    drops = sum(column(table, name) for name in causes)
    dropped = np.bincount(cell, drops, shape[0] * shape[1]).reshape(shape)
    # A packet counts where its first bit was sent, and may last beyond that interval.
    share = np.minimum(sending_s / np.diff(edges_s), 1.0)
    share = np.where(_up(run, links, edges_s) | (sending_s > 0.0), share, np.nan)
    return Busy(links, edges_s, share, dropped)


def _up(run, links, edges_s):
    """Whether each link was up at some time in each interval: bool (n_links, n_intervals)."""
    changes = np.zeros((len(links), len(edges_s)), np.int64)
    for row, link in enumerate(links):
        table = run.contacts.take(rows_of_link(run.contacts, link))
        np.add.at(changes[row], np.searchsorted(edges_s[1:], column(table, "start_s"), "right"), 1)
        np.add.at(changes[row], np.searchsorted(edges_s[:-1], column(table, "stop_s"), "left"), -1)
    return np.cumsum(changes, axis=1)[:, :-1] > 0


def draw(run, options):
    """A heat map: a row for each of the busiest links, coloured by the share of time spent sending."""
    links = asked_links(run, options) or busiest(run, options.top or MOST_ROWS)
    busy = busy_over_time(run, links)
    top = np.nanmax(busy.share, initial=0.0)
    colors, scale, ends = heat_scale(top, options.scale_to_percent)
    n_links = run.summary["links"]["count"]
    which = "asked for" if options.links else "that sent longest"
    figure = frame(
        run.manifest["experiment"],
        "Utilisation of links",
        f"{whose(run)}; the {len(links)} of {n_links:,} links {which}",
        (
            f"Share of each interval of {np.diff(busy.edges_s).max():.6g} s that was spent sending.",
            "White: nothing was sent.",
            "Grey: the link was down." if np.isnan(busy.share).any() else "",
            _note_on_drops(busy),
            ends,
        ),
        options,
        _ROW_CM * len(links) + 2.0,
    )
    axes = figure.subplots()
    time = TimeAxis(*span(run))
    mesh = axes.pcolormesh(
        time.of(busy.edges_s),
        np.arange(len(links) + 1),
        busy.share,
        cmap=colors,
        norm=scale,
        rasterized=busy.share.size > _MOST_CELLS_AS_VECTORS,
    )
    _mark_drops(axes, busy, time)
    axes.set_yticks(np.arange(len(links)) + 0.5, [f"{start} > {end}" for start, end in links])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.grid(visible=False)
    time.label(axes)
    scale_beside(figure, axes, mesh, "time spent sending")
    return figure


def _note_on_drops(busy):
    """What red marks say, and why a link may drop that seems to be idle."""
    if not busy.dropped.any():
        return ""
    return (
        f"Red, at the foot of an interval: packets were dropped at the link, {int(busy.dropped.max()):,} in "
        "the worst. A burst may fill a link that is idle for the rest of the interval: links_every_s in "
        "[observe] makes intervals shorter."
    )


def _mark_drops(axes, busy, time):
    """A red line at the foot of every cell in which packets were dropped."""
    from matplotlib.collections import LineCollection

    edges = time.of(busy.edges_s)
    feet = [
        [(edges[interval], row + 0.9), (edges[interval + 1], row + 0.9)]
        for row, interval in np.argwhere(busy.dropped > 0)
    ]
    axes.add_collection(LineCollection(feet, colors=DROPPED, linewidths=1.6, capstyle="butt"), autolim=False)
