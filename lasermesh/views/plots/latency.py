"""Latency of flows over time."""

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.packets.latency_bins import upper_edges_ps
from lasermesh.units import PS_PER_MS
from lasermesh.views.plots.choice import (
    choose_flows,
    column,
    most_delivered,
    sums_by_flow,
    whose,
    with_any,
    without_packets,
)
from lasermesh.views.plots.style import (
    NOTE,
    PALETTE,
    REST,
    TimeAxis,
    frame,
    held_line,
    legend_below,
    start_at_zero,
)
from lasermesh.views.plots.window import span

MOST_PANELS = 8
_ONE_PANEL_CM, _PANEL_CM = 6.5, 4.2
MEAN = {"color": PALETTE[0], "linestyle": "-", "zorder": 3}
BANDS = {
    "p99": {"facecolor": (PALETTE[1], 0.2), "edgecolor": (PALETTE[1], 0.75), "linewidth": 0.7},
    "p50": {"facecolor": (NOTE, 0.12), "edgecolor": (NOTE, 0.75), "linewidth": 0.7, "linestyle": (0, (4, 2))},
}
"""Of quantiles, which are known to a bin: a line would lie above the mean where all latencies are alike."""


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    if run.flow_times is None:
        return "the run kept no series of its flows; run it again with this version of lasermesh"
    if not np.any(column(run.flow_times, "delivered")):
        return without_packets(run, "delivered")
    return None


def panels(figure, number, narrow):
    """Axes of so many small plots, in two columns where there is room, with one axis of time."""
    columns = 1 if number == 1 or narrow else 2
    rows = -(-number // columns)
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for spare in axes.flat[number:]:
        spare.set_visible(False)
        above = axes[rows - 2, columns - 1]
        above.tick_params(labelbottom=True)
    bottom = [axes[-1, 0], *([] if columns == 1 else [axes[rows - 1 - (number % 2), 1]])]
    return list(axes.flat[:number]), bottom


def height_of_panels(number, width_cm):
    """Height in cm of so many small plots."""
    if number == 1:
        return _ONE_PANEL_CM
    return _PANEL_CM * (number if is_narrow(width_cm) else -(-number // 2))


def is_narrow(width_cm):
    """Whether two plots side by side would be too small, as in a column of a paper."""
    return width_cm < 12.0


_RULE = "those that delivered most and, in turn, fared worst (share dropped, then the greatest p99)"


def _most_and_worst(run):
    """Rows of flows: the one that delivered most, the worst, the second most, the second worst, and so on."""
    dropped = sum(sums_by_flow(run, f"dropped_{cause}") for cause in CAUSES)
    delivered = sums_by_flow(run, "delivered")
    share = dropped / np.maximum(dropped + delivered, 1)
    p99_ms = np.zeros(len(run.flows))
    np.fmax.at(p99_ms, column(run.flow_times, "flow"), column(run.flow_times, "latency_p99_ms"))
    worst = np.lexsort((-p99_ms, -share)).tolist()
    in_turn = zip(most_delivered(run), worst, strict=True)
    return list(dict.fromkeys(row for pair in in_turn for row in pair))


def within_ms(values, least_ms, greatest_ms):
    """Between which latencies quantiles lie that were kept as upper edges of bins.

    Parameters
    ----------
    values : float array, in ms
    least_ms, greatest_ms : float
        Of the flow in the whole run; bins reach beyond them.

    Returns
    -------
    low, high : float arrays
    """
    edges_ms = upper_edges_ps() / PS_PER_MS
    values = np.asarray(values, float)
    below = np.searchsorted(edges_ms, values * (1.0 - 1e-9)) - 1
    low = np.where(below < 0, 0.0, edges_ms[below])
    high = np.minimum(values, greatest_ms)
    return np.clip(low, least_ms, high), high


def draw(run, options):
    """A small plot for each flow with mean, p50 and p99 of every interval; all others in one more."""
    table = with_any(run.flow_times, "delivered")
    preferred = _most_and_worst(run)
    chosen = choose_flows(run, options, table, MOST_PANELS, preferred, _RULE)
    if chosen.others and not options.top:  # which have a panel of their own
        chosen = choose_flows(run, options, table, MOST_PANELS - 1, preferred, _RULE)
    number = len(chosen.rows) + bool(chosen.others)
    figure = frame(
        run.manifest["experiment"],
        "Latency over time",
        f"{whose(run)}; one way, of what was delivered in each interval",
        (
            "Means are exact. p50 and p99 are known to bins less than 1 % wide: each lies within its band. "
            "The axes of latency differ and need not begin at 0.",
            chosen.note,
        ),
        options,
        height_of_panels(number, options.width_cm) + 0.8,
    )
    axes, bottom = panels(figure, number, is_narrow(options.width_cm))
    time = TimeAxis(*span(run))
    flow = column(table, "flow")
    # Cut where the axis ends: dashes of an interval far longer than what is drawn would take for ever.
    from_t, until_t = (
        np.clip(time.of(column(table, name)), time.start, time.stop) for name in ("t_s", "until_s")
    )
    handles = {}
    for row, name, panel in zip(chosen.rows, chosen.names, axes, strict=False):
        rows = np.flatnonzero(flow == row)
        extremes_ms = (column(run.flows, f"latency_{what}_ms")[row] for what in ("min", "max"))
        handles |= _draw_flow(panel, table.take(rows), from_t[rows], until_t[rows], *extremes_ms)
        panel.set_title(name)
    if chosen.others:
        handles |= _draw_others(axes[-1], table, from_t, until_t, chosen.others)
    for panel in axes:
        panel.set_ylabel("latency (ms)")
        panel.margins(y=0.12)
        if panel.get_ylim()[1] > 4 * panel.get_ylim()[0]:
            start_at_zero(panel)
    for panel in bottom:
        time.label(panel)
    legend_below(figure, list(handles.values()), list(handles))
    return figure


def _draw_flow(panel, table, from_t, until_t, least_ms, greatest_ms):
    """The mean of one flow as a line, its quantiles as bands."""
    handles = {}
    for what, looks in BANDS.items():
        low, high = within_ms(column(table, f"latency_{what}_ms"), least_ms, greatest_ms)
        x, top = held_line(from_t, until_t, high)
        handles[what] = panel.fill_between(x, held_line(from_t, until_t, low)[1], top, **looks)
    line = held_line(from_t, until_t, column(table, "latency_mean_ms"))
    (handles["mean"],) = panel.plot(*line, **MEAN)
    return handles


def _draw_others(panel, table, from_t, until_t, others):
    """The mean latencies of all other flows: their median and where the middle 80 % lie."""
    rows = np.flatnonzero(np.isin(column(table, "flow"), others))
    mean_ms = column(table, "latency_mean_ms")[rows]
    by_time = np.argsort(from_t[rows], kind="stable")
    rows, mean_ms = rows[by_time], mean_ms[by_time]
    starts, first = np.unique(from_t[rows], return_index=True)
    ends = until_t[rows[first]]
    of_intervals = np.split(mean_ms, first[1:])
    low, middle, high = np.array([np.percentile(means, (10, 50, 90)) for means in of_intervals]).T
    x, top = held_line(starts, ends, high)
    band = panel.fill_between(x, held_line(starts, ends, low)[1], top, color=REST, alpha=0.35, linewidth=0)
    (line,) = panel.plot(*held_line(starts, ends, middle), color=NOTE)
    panel.set_title(f"{len(others):,} other flow{'' if len(others) == 1 else 's'}")
    return {"other flows: median of their means": line, "p10 to p90 of their means": band}
