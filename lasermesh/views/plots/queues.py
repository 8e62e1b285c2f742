"""Lengths of queues over time."""

import numpy as np

from lasermesh.units import PS_PER_S
from lasermesh.views.plots.choice import (
    MOST_LINES,
    NothingToDraw,
    asked_links,
    column,
    rate_of_links,
    rows_of_busy_links,
    rows_of_link,
    whose,
)
from lasermesh.views.plots.latency import height_of_panels, is_narrow, panels
from lasermesh.views.plots.style import (
    PALETTE,
    TimeAxis,
    frame,
    held_line,
    legend_below,
    line_looks,
    start_at_zero,
    steps_within,
    thinned,
)
from lasermesh.views.plots.window import grid_of, span, whole_span

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    if run.queue is not None and run.queue.num_rows:
        return None
    if run.link_use.queue_max_bytes.any():
        return None
    return "nothing ever waited; a queue can be followed with queue_of in [observe]"


def observed(run):
    """Links (from, to) of `queue.parquet`, in order of their ids; none if the run followed no queue."""
    if run.queue is None:
        return []
    link = column(run.queue, "link")
    _, first = np.unique(link, return_index=True)
    table = run.queue.select(["from", "to"]).take(first)
    return list(zip(table["from"].to_pylist(), table["to"].to_pylist(), strict=True))


def length_over_time(run, link):
    """Instants in s since the topology's epoch and bytes that wait from then on, over what is drawn."""
    table = run.queue.take(rows_of_link(run.queue, link))
    start_s = whole_span(run)[0]
    at_s = start_s + column(table, "time_ps") / PS_PER_S
    waiting = column(table, "waiting_bytes").astype(float)
    return steps_within(np.append(start_s, at_s), np.append(0.0, waiting), *span(run))


def greatest_over_time(run, links):
    """Interval edges and the greatest queue of links (from, to) in bytes of every interval; 0 if nothing was.

    Returns
    -------
    edges_s : float64 array, shape (n_intervals + 1,)
    greatest : float64 array, shape (n_links, n_intervals)
    """
    grid = grid_of(run)
    table, number = rows_of_busy_links(run, links, ["t_s", "queue_max_bytes"])
    greatest = np.zeros((len(links), grid.n_intervals))
    np.maximum.at(greatest, (number, grid.number_of(column(table, "t_s"))), column(table, "queue_max_bytes"))
    return grid.edges_s, greatest


def longest(run):
    """The links (from, to) at which anything waited, the longest queue first; ties in the order of ids."""
    use = run.link_use
    order = np.lexsort((use.link, -use.queue_max_bytes))
    return [use.ends[row] for row in order if use.queue_max_bytes[row] > 0]


def draw(run, options):
    """Queues that the run followed packet by packet; if it followed none, the greatest of intervals."""
    asked, followed = asked_links(run, options), observed(run)
    if followed and all(link in followed for link in asked):
        return _draw_followed(run, options, asked or followed)
    return _draw_greatest(run, options, asked)


def _draw_followed(run, options, links):
    """A small plot for each link, exact to the packet, in bytes and in ms at the link's rate."""
    most = options.top or MOST_LINES + 1
    drawn, more = links[:most], len(links) - most
    figure = frame(
        run.manifest["experiment"],
        "Length of queues",
        f"{whose(run)}; bytes that wait, the packet in service not counted, after every change",
        (
            "The axis at the right says how long that takes to send at the link's rate.",
            f"{more:,} more followed; --link FROM:TO draws others." if more > 0 else "",
        ),
        options,
        height_of_panels(len(drawn), options.width_cm),
    )
    axes, bottom = panels(figure, len(drawn), is_narrow(options.width_cm))
    time, rates = TimeAxis(*span(run)), rate_of_links(run)
    for link, panel in zip(drawn, axes, strict=True):
        at_s, waiting = length_over_time(run, link)
        scale, unit = _unit_of(waiting.max())
        at, length = thinned(time.of(at_s), waiting / scale)
        panel.plot(at, length, drawstyle="steps-post", color=PALETTE[0], linewidth=0.9)
        panel.fill_between(at, length, step="post", color=PALETTE[0], alpha=0.15, linewidth=0)
        panel.set_title(f"{link[0]} > {link[1]}")
        panel.set_ylabel(f"waiting ({unit})")
        start_at_zero(panel)
        _add_ms(panel, scale, rates[link])
    for panel in bottom:
        time.label(panel)
    return figure


def _draw_greatest(run, options, asked):
    """One plot with the greatest queue of every interval."""
    waited = longest(run)
    links = asked or waited[: options.top or MOST_LINES]
    if not links:
        raise NothingToDraw("nothing ever waited in this run")
    edges_s, of_links = greatest_over_time(run, links)
    scale, unit = _unit_of(of_links.max())
    figure = frame(
        run.manifest["experiment"],
        "Greatest queues",
        f"{whose(run)}; most bytes that waited at once in each interval",
        (
            ""
            if asked
            else f"The {len(links)} links with the longest queues, of {len(waited):,} where anything waited.",
            "queue_of in [observe] follows queues packet by packet.",
        ),
        options,
        7.0,
    )
    axes = figure.subplots()
    time, rates = TimeAxis(*span(run)), rate_of_links(run)
    handles = []
    edges = time.of(edges_s)
    for greatest, look in zip(of_links, line_looks(len(links)), strict=True):
        handles += axes.plot(*held_line(edges[:-1], edges[1:], greatest / scale), **look)
    axes.set_ylabel(f"greatest queue ({unit})")
    time.label(axes)
    start_at_zero(axes)
    if len({rates[link] for link in links}) == 1:
        _add_ms(axes, scale, rates[links[0]])
    legend_below(figure, handles, [f"{start} > {end}" for start, end in links])
    return figure


def _unit_of(most_bytes):
    """The unit in which so many bytes are a number of few digits."""
    return next((each for each in _UNITS if most_bytes >= 2 * each[0]), _UNITS[-1])


def _add_ms(axes, scale, rate_bps):
    """An axis at the right: how long it takes to send so many bytes."""
    ms = 8e3 * scale / rate_bps
    right = axes.secondary_yaxis("right", functions=(lambda y: y * ms, lambda y: y / ms))
    right.set_ylabel(f"at {rate_bps / 1e9:.4g} Gbps (ms)")
    right.spines["right"].set_visible(True)
