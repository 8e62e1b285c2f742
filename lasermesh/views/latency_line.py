"""Latency over time in a few lines of a terminal, drawn with Braille dots, and when packets were lost."""

import math
import textwrap
from typing import NamedTuple

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.results.layout import INDENT, counted
from lasermesh.results.link_use import whole_span

WIDEST = 72
"""Characters of the drawing itself, the numbers beside it not counted."""

NARROWEST = 24
HEIGHT = 4
LEAST_SPAN = 0.02
"""Part of the greatest latency that the height is worth at least: noise should not look like mountains."""

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bit of each dot of a Braille character, by row and column (Unicode, block U+2800)."""

_BLANK = 0x2800
_BARS = " ▁▂▃▄▅▆▇█"
_AXIS = " ┤"


class LatencyPlot(NamedTuple):
    """A drawing of latencies as text."""

    title: str
    lines: list  # of str: the drawing with its axes
    lost: str  # bars below it, where packets were lost; empty if none were
    legend: list  # of str: what the lines and the highest bar mean


class _Intervals(NamedTuple):
    """What all flows did together, interval by interval; all arrays have shape (n,)."""

    t_s: np.ndarray
    until_s: np.ndarray
    mean_ms: np.ndarray  # over all packets delivered; nan where none was
    p99_ms: np.ndarray  # of the flow with the greatest; nan likewise
    highest: str  # name of the flow whose is the greatest of these
    dropped: np.ndarray


def latency_plot(run, columns):
    """Mean and greatest 99th percentile of latency over the time of a run.

    Parameters
    ----------
    run : Run
    columns : int
        Characters that a line may have.

    Returns
    -------
    plot : LatencyPlot or None
        None if the run holds no series (`flow_times`), delivered nothing, or there is no room.

    Notes
    -----
    The mean is exact: that of all packets delivered in an interval, so it changes with the share of each
    flow, too. A 99th percentile of all flows together does not follow from theirs; what is drawn is the
    greatest of them, at most the longest latency of its flow in the whole run: they are upper edges of bins.
    """
    table = run.flow_times
    if table is None or not len(table):
        return None
    start_s, stop_s = whole_span(run)
    intervals = _joined(table, run.flows)
    values_ms = np.concatenate((intervals.mean_ms, intervals.p99_ms))
    if np.isnan(values_ms).all() or stop_s <= start_s:
        return None
    low_ms, high_ms = _limits(np.nanmin(values_ms), np.nanmax(values_ms))
    labels = [f"{value:,.{_decimals(high_ms - low_ms)}f} ms" for value in (high_ms, low_ms)]
    margin = max(map(len, labels)) + 2
    width = min(WIDEST, columns - margin - len(_AXIS))
    if width < NARROWEST:
        return None
    first, last = _columns_of(intervals, start_s, stop_s, 2 * width)
    dots = np.zeros((4 * HEIGHT, 2 * width), bool)
    for value_ms in (intervals.mean_ms, intervals.p99_ms):
        _draw(dots, _by_column(value_ms, first, last, 2 * width), low_ms, high_ms)
    sides = [labels[0], *[""] * (HEIGHT - 2), labels[1]]
    lines = [
        f"{side:>{margin}}{_AXIS}{text}".rstrip() for side, text in zip(sides, _braille(dots), strict=True)
    ]
    begin, end = (f"{value:.9g} s" for value in (start_s, stop_s))
    lines.append(" " * (margin + len(_AXIS)) + begin + end.rjust(width - len(begin)))
    n_flows = len(np.unique(table["flow"].to_numpy()))
    legend = "lower line: mean of all packets; upper line: "
    if n_flows == 1:
        legend += "99th percentile"
    else:
        legend += f"the greatest 99th percentile of a flow, at the most that of {intervals.highest}"
    lost = ""
    if intervals.dropped.any():
        bars, most = _lost(intervals, start_s, stop_s, width)
        lost = f"{'lost':>{margin}}{_AXIS}{bars}"
        legend += f"; lost: {most}"
    return LatencyPlot(
        f"Latency over time, {counted(n_flows, 'flow')}",
        lines,
        lost,
        textwrap.wrap(legend, columns, initial_indent=INDENT, subsequent_indent=INDENT),
    )


def _joined(table, flows):
    """The intervals of all flows of a `flow_times` table, joined: _Intervals; `flows` is their own table."""
    column = {
        name: table[name].to_numpy()
        for name in ("t_s", "until_s", "delivered", "latency_mean_ms", "latency_p99_ms")
    }
    t_s, interval = np.unique(column["t_s"], return_inverse=True)
    until_s, p99_ms = np.full(len(t_s), -np.inf), np.full(len(t_s), -np.inf)
    np.maximum.at(until_s, interval, column["until_s"])
    came = column["delivered"] > 0
    flow = table["flow"].to_numpy()[came]
    longest_ms = flows["latency_max_ms"].to_numpy().astype(np.float64)[flow]
    each_ms = np.fmin(column["latency_p99_ms"][came].astype(np.float64), longest_ms)
    np.maximum.at(p99_ms, interval[came], each_ms)
    highest = flows["name"][int(flow[np.argmax(each_ms)])].as_py() if len(each_ms) else ""
    weight = np.bincount(interval, column["delivered"], len(t_s))
    total_ms = np.bincount(
        interval[came], (column["delivered"] * column["latency_mean_ms"])[came].astype(np.float64), len(t_s)
    )
    some = weight > 0
    mean_ms = np.divide(total_ms, weight, out=np.full(len(t_s), np.nan), where=some)
    dropped = sum(table[f"dropped_{cause}"].to_numpy() for cause in CAUSES)
    return _Intervals(
        t_s=t_s,
        until_s=until_s,
        mean_ms=mean_ms,
        p99_ms=np.where(some, p99_ms, np.nan),
        highest=highest,
        dropped=np.bincount(interval, dropped, len(t_s)),
    )


def _limits(least_ms, most_ms):
    """What the lowest and the highest row of dots stand for."""
    span_ms = max(most_ms - least_ms, LEAST_SPAN * most_ms)
    low_ms = max(0.0, (least_ms + most_ms - span_ms) / 2)
    return low_ms, low_ms + span_ms


def _decimals(span_ms):
    """Decimals with which numbers that are so far apart look different."""
    return min(max(2 - math.floor(math.log10(span_ms)), 0), 6) if span_ms > 0.0 else 0


def _columns_of(intervals, start_s, stop_s, n_columns):
    """First and last column of dots (or bars) that each interval reaches."""
    scale = n_columns / (stop_s - start_s)
    # An edge that lies on that of a column, but for rounding, does not reach into the next.
    first = np.floor((intervals.t_s - start_s) * scale + 1e-6).astype(int)
    last = np.ceil((intervals.until_s - start_s) * scale - 1e-6).astype(int) - 1
    first = np.clip(first, 0, n_columns - 1)
    return first, np.clip(last, first, n_columns - 1)


def _by_column(values, first, last, n_columns):
    """The greatest value of each column, nan where there is none: what stands out should be seen."""
    found = np.full(n_columns, np.nan)
    for value, begin, end in zip(values.tolist(), first.tolist(), last.tolist(), strict=True):
        found[begin : end + 1] = np.fmax(found[begin : end + 1], value)
    return found


def _draw(dots, values, low, high):
    """Put a line into the dots; neighbours are joined, and gaps stay open."""
    n_rows = len(dots)
    before = None
    for column, value in enumerate(values.tolist()):
        if math.isnan(value):
            before = None
            continue
        share = (value - low) / (high - low) if high > low else 0.0
        row = n_rows - 1 - round(share * (n_rows - 1))
        if before is None or before == row:
            dots[row, column] = True
        elif before < row:
            dots[before + 1 : row + 1, column] = True
        else:
            dots[row:before, column] = True
        before = row


def _braille(dots):
    """Lines of Braille characters of dots: bool (4 * lines, 2 * characters)."""
    height, width = len(dots) // 4, dots.shape[1] // 2
    codes = (dots.reshape(height, 4, width, 2) * _DOTS[:, None, :]).sum(axis=(1, 3))
    return ["".join(chr(_BLANK + code) for code in line).rstrip(chr(_BLANK)) for line in codes.tolist()]


def _lost(intervals, start_s, stop_s, width):
    """Bars as high as packets were lost per second, and what the highest stands for."""
    first, last = _columns_of(intervals, start_s, stop_s, width)
    length_s = np.maximum(intervals.until_s - intervals.t_s, np.finfo(float).tiny)
    rate = intervals.dropped / length_s
    worst = int(np.argmax(rate))
    eighths = np.ceil(8 * np.nan_to_num(_by_column(rate, first, last, width)) / rate[worst]).astype(int)
    bars = "".join(_BARS[eighth] for eighth in eighths.tolist()).rstrip()
    number = int(intervals.dropped[worst])
    begin_s = intervals.t_s[worst]
    return bars, f"at most {counted(number, 'packet')} within {length_s[worst]:.6g} s, at t = {begin_s:.9g} s"
