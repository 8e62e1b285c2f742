"""How latency of packets, and delay of bundles, is distributed."""

from itertools import islice
from typing import NamedTuple

import numpy as np

from lasermesh.views.plots.bundles import delays_of
from lasermesh.views.plots.choice import (
    MOST_LINES,
    NothingToDraw,
    choose_flows,
    column,
    rows_asked,
    whose,
)
from lasermesh.views.plots.style import REST, TimeAxis, frame, legend_below, overlapping_looks

_LOGARITHMIC_FROM = 20.0
"""Ratio of the greatest to the least latency from which on the axis is logarithmic."""


_MS_PER_S = 1e3


class Distribution(NamedTuple):
    """Packets by latency, or bundles by delay."""

    up_to_ms: np.ndarray  # upper edges of bins, rising
    delivered: np.ndarray  # in each


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    if run.latency_bins is not None and run.latency_bins.num_rows:
        return None
    if run.bundles is not None and np.isfinite(column(run.bundles, "delay_s")).any():
        return None
    if run.latency_bins is None:
        return "the run kept no distribution of latency; run it again with this version of lasermesh"
    return "nothing was delivered"


def distribution_of(run, flows=None):
    """Latency of some flows (rows) together; of all by default."""
    table = run.latency_bins
    kept = slice(None) if flows is None else np.isin(column(table, "flow"), flows)
    edges, place = np.unique(column(table, "up_to_ms")[kept], return_inverse=True)
    delivered = np.bincount(place, column(table, "delivered")[kept], len(edges)).astype(np.int64)
    return Distribution(edges, delivered)


def distribution_of_delays(delays_s):
    """Delays of bundles, each exact."""
    delays_s, number = np.unique(delays_s, return_counts=True)
    return Distribution(_MS_PER_S * delays_s, number)


def share_within(distribution):
    """X and y of the line that says which share came within a latency: it rises at the edges of bins."""
    share = np.cumsum(distribution.delivered) / distribution.delivered.sum()
    return np.append(distribution.up_to_ms[:1], distribution.up_to_ms), np.append(0.0, share)


def share_beyond(distribution):
    """The line (x, y) that says which share took longer: the complement of `share_within`."""
    total = distribution.delivered.sum()
    beyond = (total - np.cumsum(distribution.delivered)) / total  # of whole numbers, so that the last is 0
    return np.append(distribution.up_to_ms[:1], distribution.up_to_ms), np.append(1.0, beyond)


def draw_latencies(axes, curves, looks, line_of=share_within):
    """Lines of latencies of packets; their handles. The axis is logarithmic where they are very unlike."""
    axes.set_xlabel("one-way latency (ms)")
    return _draw_lines(axes, curves, looks, line_of, 1.0)


def draw_delays(axes, curves, looks, line_of=share_within):
    """Lines of delays of bundles, in a unit that fits; their handles."""
    time = TimeAxis(0.0, max(curve.up_to_ms[-1] for curve in curves) / _MS_PER_S)
    axes.set_xlabel(f"delay of bundles, from making to arrival ({time.unit})")
    return _draw_lines(axes, curves, looks, line_of, _MS_PER_S * time.seconds)


def _draw_lines(axes, curves, looks, line_of, unit_ms):
    from matplotlib.ticker import LogFormatter, StrMethodFormatter

    edges = np.concatenate([curve.up_to_ms for curve in curves]) / unit_ms
    if edges.min() > 0 and edges.max() > _LOGARITHMIC_FROM * edges.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(1.5, 0.6)))
    handles = []
    for curve, look in zip(curves, looks, strict=True):
        x, y = line_of(curve)
        handles += axes.plot(x / unit_ms, y, drawstyle="steps-post", **look)
    return handles


def cdf(run, options):
    """Cumulative distribution of the latency of each flow."""
    return _draw(run, options, "Distribution of latency", share_within, label_share)


def tail(run, options):
    """Complementary distribution, on a logarithmic axis."""
    return _draw(run, options, "Tail of latency", share_beyond, _label_tail)


def packets_asked(run, options):
    """Whether packets are drawn: those of some flow are known, and not only others were asked for.

    Raises
    ------
    UserError
        If there is no flow of a name.
    """
    asked = rows_asked(run, options)
    if run.latency_bins is None or not run.latency_bins.num_rows:
        return False
    return not asked or bool(np.isin(column(run.latency_bins, "flow"), sorted(asked)).any())


def _draw(run, options, title, line_of, label):
    """Packets of flows, and below them bundles, each where there are any."""
    packets, bundles, notes = {}, {}, []
    is_rest = False
    if packets_asked(run, options):
        packets, is_rest, note = _curves_of_packets(run, options)
        notes += ["Latency is known to the upper edge of bins less than 1 % wide.", note]
    delays_s = delays_of(run, options)
    if delays_s:
        most = options.top or MOST_LINES
        bundles = {name: distribution_of_delays(found) for name, found in islice(delays_s.items(), most)}
        more = f"Of {len(delays_s):,} flows of bundles, the {most:,} are drawn that delivered most."
        notes += ["Delays of bundles are exact.", more if len(delays_s) > most else ""]
    what = [name for name, curves in (("packets", packets), ("bundles", bundles)) if curves]
    if not what:
        raise NothingToDraw(f"of {', '.join(options.flows)} there is nothing to draw")
    figure = frame(
        run.manifest["experiment"],
        title if packets else title.replace("latency", "delay"),
        f"{whose(run)}; {' and '.join(what)} delivered in the whole run",
        notes,
        options,
        8.8 if len(what) == 1 else 14.0,
    )
    axes = list(figure.subplots(len(what), 1, squeeze=False)[:, 0])
    looks = overlapping_looks(len(packets) - is_rest + len(bundles))
    if is_rest:  # below the others
        looks.insert(len(packets) - 1, {"color": REST, "linewidth": 3.2, "zorder": 1.9})
    handles = []
    if packets:
        handles += draw_latencies(axes[0], packets.values(), looks[: len(packets)], line_of)
    if bundles:
        handles += draw_delays(axes[-1], bundles.values(), looks[len(packets) :], line_of)
    for panel in axes:
        label(panel)
    legend_below(figure, handles, [*packets, *bundles])
    return figure


def _curves_of_packets(run, options):
    """Distributions by name, whether the last is of all other flows together, and how flows are chosen."""
    chosen = choose_flows(run, options, run.latency_bins)
    curves = {name: distribution_of(run, [row]) for row, name in zip(chosen.rows, chosen.names, strict=True)}
    if chosen.others:
        n = len(chosen.others)
        curves[f"{n:,} other flow{'' if n == 1 else 's'} together"] = distribution_of(run, chosen.others)
    return curves, bool(chosen.others), chosen.note


def label_share(axes):
    """Name the axis of a cumulative distribution."""
    from matplotlib.ticker import PercentFormatter

    axes.set_ylabel("share that came within (%)")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_ylim(0.0, 1.02)


def _label_tail(axes):
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axes.set_ylabel("share that took longer")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    shares = np.concatenate([line.get_ydata() for line in axes.lines])
    axes.set_ylim(0.5 * min(shares[shares > 0.0].min(), 0.1), 1.3)
