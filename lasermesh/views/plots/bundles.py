"""Bundles: how long they took, and what became of them over time."""

import numpy as np

from lasermesh.views.plots.choice import MOST_LINES, NothingToDraw, column, of_bundles, rows_asked, whose
from lasermesh.views.plots.style import (
    INK,
    PALETTE,
    REST,
    TimeAxis,
    count_axis,
    frame,
    legend_below,
    start_at_zero,
    steps_within,
)
from lasermesh.views.plots.window import span, whole_span

_MANY = 5000
"""Dots from which on they are pixels in SVG and PDF, which else are slow to show."""

_MARKERS = ("o", "s", "^", "D", "v")
_COUNTS = {
    "made": {"color": INK, "linewidth": 0.9},
    "delivered": {"color": PALETTE[2], "linewidth": 1.6},
    "lost": {"color": PALETTE[1], "linestyle": (0, (5, 1.5))},
}


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    return None if run.bundles is not None and run.bundles.num_rows else "it has no bundles"


def asked_of_bundles(run, options):
    """Names of the flows of bundles that may be drawn: those that were asked for, else all.

    Raises
    ------
    UserError
        If there is no flow of a name.
    """
    names, asked = run.flows["name"].to_pylist(), rows_asked(run, options)
    return [
        names[row] for row in np.flatnonzero(of_bundles(run)).tolist() if row in asked or not options.flows
    ]


def delays_of(run, options):
    """Delays in s of the bundles delivered in the whole run, rising, by flow; flows without any are left out.

    Those flows come first that delivered most bundles.
    """
    asked = asked_of_bundles(run, options)
    if run.bundles is None or not asked:
        return {}
    delay_s, flow = column(run.bundles, "delay_s"), np.array(run.bundles["flow"].to_pylist(), object)
    found = {name: np.sort(delay_s[(flow == name) & np.isfinite(delay_s)]) for name in asked}
    by_number = sorted(found, key=lambda name: -len(found[name]))
    return {name: found[name] for name in by_number if len(found[name])}


def draw(run, options):
    """How many were made, delivered and lost until when, and below the delay of each at its arrival."""
    asked = asked_of_bundles(run, options)
    flow = np.array(run.bundles["flow"].to_pylist(), object)
    if not np.isin(flow, asked).any():
        raise NothingToDraw(f"of {', '.join(options.flows)} no bundle was made")
    table = run.bundles.take(np.flatnonzero(np.isin(flow, asked)))
    delays = delays_of(run, options)
    drawn, others = list(delays)[: options.top or MOST_LINES], len(delays) - (options.top or MOST_LINES)
    left = {state: (np.array(table["state"].to_pylist(), object) == state).sum() for state in _LEFT}
    still = " and ".join(
        f"{n:,} {words}" for n, words in zip(left.values(), _LEFT.values(), strict=True) if n
    )
    figure = frame(
        run.manifest["experiment"],
        "Bundles over time",
        f"{whose(run)}; counted from the run's beginning, {', '.join(options.flows) or 'of all flows'}",
        (
            "A dot is a bundle: the time from its making until all of it had arrived, at its arrival."
            if delays
            else "None was delivered.",
            f"At the run's end {still}." if still else "",
            f"The dots of {others:,} more flow{'' if others == 1 else 's'} are grey." if others > 0 else "",
        ),
        options,
        10.0 if delays else 5.5,
    )
    upper, *lower = figure.subplots(2 if delays else 1, 1, sharex=True, squeeze=False)[:, 0]
    time = TimeAxis(*span(run))
    handles = _draw_counts(upper, run, table, time)
    if lower:
        handles |= _draw_delays(lower[0], run, table, time, drawn)
    time.label(lower[0] if lower else upper)
    legend_below(figure, list(handles.values()), list(handles))
    return figure


_LEFT = {"stored": "were stored", "on_the_way": "on the way"}


def _draw_counts(axes, run, table, time):
    """How many bundles were made, delivered and lost until each instant."""
    begin_s = whole_span(run)[0]
    created_s, finished_s = (begin_s + column(table, name) for name in ("created_s", "finished_s"))
    delivered = np.isfinite(column(table, "delay_s"))
    times_s = {
        "made": created_s,
        "delivered": finished_s[delivered],
        "lost": finished_s[~delivered & np.isfinite(finished_s)],
    }
    handles = {}
    for what, at_s in times_s.items():
        if len(at_s):
            at_s, number = np.append(begin_s, np.sort(at_s)), np.arange(len(at_s) + 1)
            x, y = steps_within(at_s, number, *span(run))
            (handles[what],) = axes.plot(time.of(x), y, drawstyle="steps-post", **_COUNTS[what])
    axes.set_ylabel("bundles")
    count_axis(axes.yaxis)
    start_at_zero(axes)
    return handles


def _draw_delays(axes, run, table, time, drawn):
    """A dot for every bundle that was delivered in what is drawn."""
    start_s, stop_s = span(run)
    delay_s = column(table, "delay_s")
    at_s = whole_span(run)[0] + column(table, "finished_s")
    flow = np.array(table["flow"].to_pylist(), object)
    shown = np.isfinite(delay_s) & (at_s >= start_s) & (at_s <= stop_s)
    delay = TimeAxis(0.0, delay_s[shown].max(initial=0.0))
    dots = {"linestyle": "none", "markeredgewidth": 0.0, "rasterized": shown.sum() > _MANY}
    handles = {}
    rest = shown & ~np.isin(flow, drawn)
    axes.plot(time.of(at_s[rest]), delay.of(delay_s[rest]), color=REST, marker="o", markersize=2.0, **dots)
    sizes = np.linspace(5.0, 1.8, len(drawn))  # where dots coincide, all are seen
    for number, (name, size) in enumerate(zip(drawn, sizes, strict=True)):
        rows = shown & (flow == name)
        look = {"color": PALETTE[number % len(PALETTE)], "marker": _MARKERS[number % len(_MARKERS)]}
        (handles[name],) = axes.plot(
            time.of(at_s[rows]), delay.of(delay_s[rows]), markersize=size, **look, **dots
        )
    axes.set_ylabel(f"delay ({delay.unit})")
    start_at_zero(axes)
    return handles
