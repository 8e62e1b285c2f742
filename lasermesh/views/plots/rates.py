"""What flows delivered and lost over time."""

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.views.plots.choice import (
    choose_flows,
    column,
    same_instant_s,
    whose,
    with_any,
    without_packets,
)
from lasermesh.views.plots.style import (
    PALETTE,
    REST,
    TimeAxis,
    count_axis,
    frame,
    held_line,
    legend_below,
    line_looks,
    start_at_zero,
)
from lasermesh.views.plots.window import span

_CAUSE_LOOKS = dict(
    zip(
        CAUSES,
        [*((color, None) for color in PALETTE), (PALETTE[0], "////"), (PALETTE[1], "////")],
        strict=True,
    )
)
"""Colour and hatching of every cause, the same in all plots."""

_NOT_KEPT = "the run kept no series of its flows; run it again with this version of lasermesh"


def why_not_goodput(run):
    """Why nothing can be drawn; None if it can."""
    if run.flow_times is None:
        return _NOT_KEPT
    return None if np.any(column(run.flow_times, "bytes_delivered")) else without_packets(run, "delivered")


def why_not_drops(run):
    """Why nothing can be drawn; None if it can."""
    if run.flow_times is None:
        return _NOT_KEPT
    dropped = any(np.any(column(run.flow_times, f"dropped_{cause}")) for cause in CAUSES)
    return None if dropped else without_packets(run, "dropped")


def sums_over_time(run, name, flows=None):
    """A counter of `flow_times`, added up over flows (rows; all by default), in every interval that is drawn.

    Returns
    -------
    from_s, until_s, total : float64 arrays
        Without a gap from the beginning to the end, or to that of an interval which goes on beyond what is
        drawn; 0 where nothing happened.
    """
    start_s, stop_s = span(run)
    table = run.flow_times
    t_s, ends_s = column(table, "t_s"), column(table, "until_s")
    # An interval that is cut by the beginning or the end of what is drawn keeps its length, and so its rate.
    begin_s, end_s = (t_s.min(), ends_s.max()) if len(t_s) else (start_s, stop_s)
    around = [edge for edge in (start_s, stop_s) if not begin_s < edge < end_s]
    edges = np.unique(np.concatenate([around, t_s, ends_s]))
    edges = edges[np.append(True, np.diff(edges) > same_instant_s(stop_s))]
    kept = slice(None) if flows is None else np.isin(column(table, "flow"), flows)
    total = np.bincount(_nearest(edges, t_s[kept]), column(table, name)[kept], len(edges))
    return edges[:-1], edges[1:], total[:-1]


def _nearest(edges, values):
    """Index of the edge nearest to each value."""
    after = np.clip(np.searchsorted(edges, values), 1, len(edges) - 1)
    return after - (values - edges[after - 1] < edges[after] - values)


def goodput(run, options):
    """Gbps delivered in every interval, a line for each flow, one for all the others and one for all."""
    chosen = choose_flows(run, options, with_any(run.flow_times, "bytes_delivered"))
    figure = frame(
        run.manifest["experiment"],
        "Goodput over time",
        f"{whose(run)}; whole IP packets delivered in each interval",
        (
            "Rates are scaled by the experiment."
            if run.manifest["scenario"]["packets"]["scale"] != 1.0
            else "",
            chosen.note,
        ),
        options,
        7.0,
    )
    axes = figure.subplots()
    time = TimeAxis(*span(run))
    curves = [([row], name) for row, name in zip(chosen.rows, chosen.names, strict=True)]
    looks = line_looks(len(curves))
    if chosen.others:
        n = len(chosen.others)
        curves.append((chosen.others, f"{n:,} other flow{'' if n == 1 else 's'} together"))
        looks.append({"color": REST, "linewidth": 2.4})
    handles = []
    for (flows, _), look in zip(curves, looks, strict=True):
        from_s, until_s, delivered = sums_over_time(run, "bytes_delivered", flows)
        gbps = 8e-9 * delivered / (until_s - from_s)
        handles += axes.plot(*held_line(time.of(from_s), time.of(until_s), gbps), **look)
    time.label(axes)
    axes.set_ylabel("delivered (Gbps)")
    start_at_zero(axes)
    legend_below(figure, handles, [name for _, name in curves])
    return figure


def drops(run, options):
    """Packets dropped in every second, by cause, one on top of the other."""
    asked = None
    if options.flows:
        asked = choose_flows(run, options, run.flow_times, len(run.flows)).rows
    series = {cause: sums_over_time(run, f"dropped_{cause}", asked) for cause in CAUSES}
    series = {cause: found for cause, found in series.items() if found[2].any()}
    totals = ", ".join(f"{cause} {int(found[2].sum()):,}" for cause, found in series.items())
    figure = frame(
        run.manifest["experiment"],
        "Packets dropped over time, by cause",
        f"{whose(run)}; {'of ' + ', '.join(options.flows) if options.flows else 'of all flows'}",
        (f"Dropped in what is drawn: {totals or 'none'}.",),
        options,
        6.5,
    )
    axes = figure.subplots()
    time = TimeAxis(*span(run))
    handles, below = [], 0.0
    for cause, (from_s, until_s, packets) in series.items():
        color, hatch = _CAUSE_LOOKS[cause]
        x, y = held_line(time.of(from_s), time.of(until_s), packets / (until_s - from_s))
        handles.append(
            axes.fill_between(
                x, below, below + y, facecolor=color, hatch=hatch, edgecolor="white", linewidth=0.0
            )
        )
        below = below + y
    time.label(axes)
    axes.set_ylabel("dropped (packets/s)")
    count_axis(axes.yaxis)
    start_at_zero(axes)
    legend_below(figure, handles, list(series))
    return figure
