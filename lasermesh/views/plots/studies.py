"""What `lasermesh compare` found: means over seeds, a row for each combination of values."""

from lasermesh.errors import UserError
from lasermesh.results.layout import counted, shown_width
from lasermesh.views.plots.style import INK, NOTE, PALETTE, frame

BAR_CM = 0.42
"""Height of a row."""

_MOST_METRICS = 6


def draw_study(study, options):
    """A small plot for each metric: means over seeds and their intervals, a row for each combination."""
    found = study.comparison
    combinations = found["combinations"]
    metrics = [
        metric
        for metric in found["metrics"]
        if len({entry["mean"] for entry in (each["metrics"][metric["name"]] for each in combinations)}) > 1
        or len(found["metrics"]) == 1
    ]
    left = len(found["metrics"]) - len(metrics)
    most = options.top or _MOST_METRICS
    drawn = metrics[:most]
    if not drawn:
        raise UserError("no metric differs between the combinations")
    names = [
        ", ".join(f"{path.rsplit('.', 1)[-1]} = {value}" for path, value in each["values"].items()) or "all"
        for each in combinations
    ]
    columns = 1 if options.width_cm < 12.0 else min(2, len(drawn))
    rows = -(-len(drawn) // columns)
    confidence = 100 * found["confidence"]
    figure = frame(
        found["experiment"],
        "Combinations compared",
        f"{found['experiment']}, {counted(len(found['seeds']), 'seed')}; means and their "
        f"{confidence:.0f} % confidence intervals",
        (
            f"{left} metric{' is' if left == 1 else 's are'} the same everywhere." if left else "",
            f"{len(metrics) - most} more that differ not drawn: --top N draws more."
            if len(metrics) > most
            else "",
            "Without an interval: one seed only. Axes need not begin at 0. Hollow: a baseline.",
        ),
        options,
        rows * (BAR_CM * len(names) + 1.6),
    )
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for spare in axes.flat[len(drawn) :]:
        spare.set_visible(False)
    for metric, panel in zip(drawn, axes.flat, strict=False):
        for place, each in enumerate(combinations):
            _draw_mean(panel, place, each["metrics"][metric["name"]])
        unit = f" ({metric['unit']})" if metric["unit"] else ""
        panel.set_title(f"{metric['name']}{unit}")
        panel.grid(visible=False, axis="y")
        panel.margins(x=0.1)
        panel.ticklabel_format(axis="x", style="plain")
    for panel in axes[:, 0]:
        panel.set_yticks(range(len(names)), [cut_name(name) for name in names])
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def _draw_mean(panel, place, entry):
    """A mean with its interval; a baseline is hollow."""
    if entry["mean"] is None:
        return
    if entry["low"] is not None:
        panel.plot([entry["low"], entry["high"]], [place, place], color=NOTE, linewidth=1.4, zorder=2)
    baseline = entry["difference"] is None
    face = "white" if baseline else PALETTE[0]
    panel.plot(
        entry["mean"], place, "o", color=INK if baseline else PALETTE[0], markerfacecolor=face, zorder=3
    )


def cut_name(name, most=34):
    """A name that fits beside an axis: without its middle where it is long."""
    return name if shown_width(name) <= most else f"{name[: most // 2 - 1]}..{name[-most // 2 + 1 :]}"
