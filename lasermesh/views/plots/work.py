"""Work in orbit: the time to insight of scenes."""

import textwrap
from typing import NamedTuple

import numpy as np

from lasermesh.results.layout import decimals_for
from lasermesh.views.plots.choice import column
from lasermesh.views.plots.latency import is_narrow
from lasermesh.views.plots.several import Study, common_words, sides_of
from lasermesh.views.plots.style import (
    CM_PER_INCH,
    PALETTE,
    TimeAxis,
    count_axis,
    frame,
    legend_below,
    overlapping_looks,
    write_beside,
)
from lasermesh.workloads.records import PARTS

_LOGARITHMIC_FROM = 10.0
"""Ratio of the greatest to the least median from which on the axis is logarithmic."""

_PART_COLORS = dict(
    zip(PARTS, (PALETTE[6], PALETTE[3], PALETTE[0], PALETTE[5], PALETTE[2], PALETTE[4]), strict=True)
)


class Insight(NamedTuple):
    """Scenes of one workload of one run."""

    taken: int  # all of them
    seconds: np.ndarray  # time to insight of those delivered, rising
    parts_s: dict  # mean of the delivered ones, by what the time was spent on


def why_not_insight(run, options):
    """Why nothing can be drawn; None if it can."""
    if isinstance(run, Study):
        return f"it holds a comparison; give the folder of one of its runs, below {run.path}"
    with_scenes = [side.run for side in sides_of(run, options) if side.run.scenes is not None]
    if not with_scenes:
        return "it has no workload with scenes"
    delivered = any("delivered" in each.scenes["state"].to_pylist() for each in with_scenes)
    return None if delivered else "no scene was delivered"


def insights_of(run, options):
    """`Insight` of every workload that delivered scenes, by its name; of several runs by theirs before it."""
    found = {}
    sides = sides_of(run, options)
    for side in sides:
        if side.run.scenes is None:
            continue
        table = side.run.scenes
        workload, state = (np.array(table[name].to_pylist(), object) for name in ("workload", "state"))
        names = list(dict.fromkeys(workload))
        for name in names:
            rows = np.flatnonzero((workload == name) & (state == "delivered"))
            if not len(rows):
                continue
            shown = name if len(sides) == 1 else side.name if len(names) == 1 else f"{side.name}/{name}"
            found[shown] = Insight(
                int((workload == name).sum()),
                np.sort(column(table, "insight_s")[rows]),
                {part: float(column(table, f"{part}_s")[rows].mean()) for part in PARTS},
            )
    return found


def insight(run, options):
    """Cumulative distribution for each workload, above the mean split of the time by what it was spent on."""
    from matplotlib.ticker import PercentFormatter

    found = insights_of(run, options)
    missing = ", ".join(
        f"{name} {each.taken - len(each.seconds):,} of {each.taken:,}" for name, each in found.items()
    )
    bars_cm = 0.5 * len(found) + 1.8
    first = sides_of(run, options)[0].run
    figure = frame(
        first.manifest["experiment"],
        "Time to insight",
        f"{common_words(run, options)}; from the capture of a scene until its result is there",
        (f"Of delivered scenes. Lost, or still on their way at the end: {missing}.",),
        options,
        6.5 + bars_cm,
    )
    axes, below = figure.subplots(2, 1, height_ratios=(6.0, bars_cm))
    medians_s = [np.median(each.seconds) for each in found.values()]
    unlike = max(medians_s) > _LOGARITHMIC_FROM * min(medians_s) > 0.0
    time = TimeAxis(0.0, 0.0 if unlike else max(each.seconds[-1] for each in found.values()))
    handles = []
    for each, look in zip(found.values(), overlapping_looks(len(found)), strict=True):
        x, y = time.of(each.seconds), np.arange(len(each.seconds) + 1) / len(each.seconds)
        handles += axes.plot(np.append(x[:1], x), y, drawstyle="steps-post", **look)
    axes.set_xlabel(f"time to insight ({time.unit})")
    if unlike:
        axes.set_xscale("log")
        count_axis(axes.xaxis)
    else:
        axes.set_xlim(left=0.0)
    axes.set_ylabel("share of scenes (%)")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_ylim(0.0, 1.02)
    parts = _draw_parts(below, found, time)
    legend_below(figure, [*handles, *parts.values()], [*found, *parts])
    return figure


def _draw_parts(axes, found, time):
    """Bars of the mean split, by part; their whole length is the mean time to insight."""
    reached = np.zeros(len(found))
    handles = {}
    for part in PARTS:
        mean = np.array([time.of(each.parts_s[part]) for each in found.values()])
        if mean.any():
            handles[part] = axes.barh(
                range(len(found)), mean, left=reached, height=0.6, color=_PART_COLORS[part]
            )
        reached = reached + mean
    for place, whole in enumerate(reached):
        write_beside(axes, whole, place, decimals_for(reached))
    axes.set_xlim(0.0, 1.1 * reached.max())
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    title = f"mean of the time to insight, by what it was spent on ({time.unit})"
    narrow = is_narrow(CM_PER_INCH * axes.figure.get_figwidth())
    axes.set_xlabel("\n".join(textwrap.wrap(title, 32)) if narrow else title)
    return handles
