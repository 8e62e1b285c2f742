"""Several runs side by side: alternatives of an experiment, any runs, or what `lasermesh compare` found."""

import textwrap
from typing import NamedTuple

import numpy as np

from lasermesh.results.layout import decimal, decimals_for
from lasermesh.views.plots.bundles import delays_of
from lasermesh.views.plots.choice import column, of_bundles, rows_named
from lasermesh.views.plots.distribution import (
    distribution_of,
    distribution_of_delays,
    draw_delays,
    draw_latencies,
    label_share,
)
from lasermesh.views.plots.latency import is_narrow
from lasermesh.views.plots.several import Study, common_words, sides_of
from lasermesh.views.plots.studies import BAR_CM, cut_name, draw_study
from lasermesh.views.plots.style import (
    CM_PER_INCH,
    count_axis,
    frame,
    legend_below,
    overlapping_looks,
    write_beside,
)


def why_not(run, options):
    """Why nothing can be drawn; None if it can."""
    if isinstance(run, Study):
        done = any(
            entry["n"]
            for each in run.comparison.get("combinations", ())
            for entry in each["metrics"].values()
        )
        return None if done else "none of its runs is finished"
    sides = sides_of(run, options)
    if len(sides) < 2:
        return "there is one run only; --with RUN names another"
    return None if _what(sides, options) else "nothing was delivered"


def _what(sides, options):
    """What runs are compared by: packets if any run delivered some that are looked at, else bundles."""
    for what, is_bundles in (("packets", False), ("bundles", True)):
        if any(column(_flows_of(side.run, options, is_bundles), "delivered").any() for side in sides):
            return what
    return None


def draw(run, options):
    """Distributions on one axis and bars of latency and loss; of a comparison means with their intervals."""
    if isinstance(run, Study):
        return draw_study(run, options)
    sides = sides_of(run, options)
    what = _what(sides, options)
    find = _packets_of if what == "packets" else _bundles_of
    found = {side.name: find(side.run, options) for side in sides}
    curves = {name: each.curve for name, each in found.items() if each.curve is not None}
    looks = dict(zip(found, overlapping_looks(len(sides)), strict=True))
    without = [name for name, each in found.items() if each.delivered and each.curve is None]
    both = what == "packets" and any(side.run.bundles is not None for side in sides)
    bars_cm = BAR_CM * len(sides) + 1.6
    figure = frame(
        sides[0].run.manifest["experiment"],
        "Runs compared",
        f"{what} of {', '.join(options.flows) or 'all flows'}; {common_words(run, options)}",
        (
            _EXACT[what],
            f"No distribution was kept by {', '.join(without)}." if without else "",
            _who_may_look_faster([each.missing for each in found.values()], what),
            "Bundles are not in it: --flow with the name of a flow of bundles compares them." if both else "",
        ),
        options,
        (7.0 if curves else 0.0) + bars_cm,
    )
    grid = figure.add_gridspec(2 if curves else 1, 3, height_ratios=[6.5, bars_cm] if curves else None)
    if curves:
        _draw_curves(figure.add_subplot(grid[0, :]), curves, looks, what)
    first = figure.add_subplot(grid[-1, 0])
    panels = [first, *(figure.add_subplot(grid[-1, number], sharey=first) for number in (1, 2))]
    _draw_bars(panels, found, looks, _TITLES[what])
    return figure


_EXACT = {
    "packets": "Latency is known to the upper edge of bins less than 1 % wide; means are exact.",
    "bundles": "The delay of a bundle is from its making until all of it has arrived.",
}
_TITLES = {
    "packets": ("mean latency (ms)", "p99 latency (ms)", "dropped, of sent (%)"),
    "bundles": ("mean delay (s)", "p99 delay (s)", "not delivered, of made (%)"),
}


def _who_may_look_faster(missing, what):
    """A warning where runs lost unlike shares: what is late may be what another run lost."""
    shares = [100 * share for share in missing if share is not None]
    if len(shares) < 2 or len({decimal(share, decimals_for(shares)) for share in shares}) == 1:
        return ""
    return {
        "packets": "Only delivered packets have a latency: a run that drops more may look faster.",
        "bundles": "Only delivered bundles have a delay: a run that delivers fewer may look faster.",
    }[what]


class Found(NamedTuple):
    """What a run is compared by, of the flows that are looked at."""

    delivered: int
    curve: object  # Distribution; None if it is not known
    mean: float | None  # in ms of packets, in s of bundles
    p99: float | None
    missing: float | None  # share dropped of packets sent; share not delivered of bundles made


def _flows_of(run, options, is_bundles):
    """Rows of the table of flows that are looked at. Flows that a run lacks are not counted in it."""
    import pyarrow as pa

    kept = of_bundles(run) == is_bundles
    if options.flows:
        names = run.flows["name"].to_pylist()
        asked = [row for name in options.flows for row in rows_named(name, names)]
        kept &= np.isin(np.arange(len(names)), asked)
    return run.flows.filter(pa.array(kept))


def _packets_of(run, options):
    """Latency of packets and the share dropped; of all flows as the summary says it."""
    table = _flows_of(run, options, False)
    rows = column(table, "flow").tolist()
    delivered, sent = column(table, "delivered"), int(column(table, "sent").sum())
    n_delivered = int(delivered.sum())
    curve = None
    if n_delivered and run.latency_bins is not None:
        curve = distribution_of(run, rows)
    total = run.summary["total"]
    if not options.flows and total["sent"]:
        latency = total["latency_ms"] or {}
        lost = sum(total["dropped"].values()) / total["sent"]
        return Found(n_delivered, curve, latency.get("mean"), latency.get("p99"), lost)
    dropped = sum(column(table, name).sum() for name in table.column_names if name.startswith("dropped_"))
    share = dropped / sent if sent else None
    if not n_delivered:
        return Found(0, None, None, None, share)
    mean_ms = np.nansum(delivered * np.nan_to_num(column(table, "latency_mean_ms"))) / n_delivered
    return Found(n_delivered, curve, float(mean_ms), _p99_ms(table, curve), share)


def _p99_ms(table, curve):
    """Upper edge of the bin in which the 99th of 100 delivered packets lies; None where that is not known."""
    active = np.flatnonzero(column(table, "delivered"))
    if len(active) == 1:
        return table["latency_p99_ms"][int(active[0])].as_py()
    if curve is None:
        return None
    within = np.cumsum(curve.delivered)
    return float(curve.up_to_ms[np.searchsorted(within, np.ceil(0.99 * within[-1]))])


def _bundles_of(run, options):
    """Delay of bundles and the share not delivered."""
    made = int(column(_flows_of(run, options, True), "sent").sum())
    delays_s = np.sort(np.concatenate([[], *delays_of(run, options).values()]))
    missing = 1.0 - len(delays_s) / made if made else None
    if not len(delays_s):
        return Found(0, None, None, None, missing)
    p99_s = float(delays_s[int(np.ceil(0.99 * len(delays_s))) - 1])
    return Found(len(delays_s), distribution_of_delays(delays_s), float(delays_s.mean()), p99_s, missing)


def _draw_curves(axes, curves, looks, what):
    draw_lines = draw_latencies if what == "packets" else draw_delays
    handles = draw_lines(axes, curves.values(), [looks[name] for name in curves])
    label_share(axes)
    legend_below(axes.figure, handles, list(curves))


def _draw_bars(axes, found, looks, titles):
    """Three columns of bars, a row for each run, each bar with its number."""
    from matplotlib.ticker import MaxNLocator

    narrow = is_narrow(CM_PER_INCH * axes[0].figure.get_figwidth())
    for number, (panel, title) in enumerate(zip(axes, titles, strict=True)):
        factor = 100.0 if number == 2 else 1.0
        given = [(each.mean, each.p99, each.missing)[number] for each in found.values()]
        values = [None if value is None else factor * value for value in given]
        decimals = decimals_for(values) if any(values) else 0
        for place, (name, value) in enumerate(zip(found, values, strict=True)):
            panel.barh(place, value or 0.0, height=0.62, color=looks[name]["color"], alpha=0.85)
            write_beside(panel, value, place, decimals)
        panel.set_xlabel("\n".join(textwrap.wrap(title, 14)) if narrow else title)
        panel.set_xlim(
            0.0, (1.8 if narrow else 1.35) * max((value or 0.0 for value in values), default=0.0) or 1.0
        )
        count_axis(panel.xaxis)
        panel.grid(visible=False, axis="y")
        panel.tick_params(axis="y", labelleft=number == 0, length=0)
        panel.xaxis.set_major_locator(MaxNLocator(2 if narrow else 4))
    axes[0].set_yticks(range(len(found)), [cut_name(name) for name in found])
    axes[0].invert_yaxis()
