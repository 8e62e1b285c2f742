"""What batteries, storages of sensors and stores of bundles hold over time."""

from typing import NamedTuple

from lasermesh.views.plots.choice import MOST_LINES, NothingToDraw, check_nodes, column, whose
from lasermesh.views.plots.style import (
    TimeAxis,
    frame,
    legend_below,
    line_looks,
    start_at_zero,
    steps_within,
    thinned,
)
from lasermesh.views.plots.window import span, whole_span

_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))
_JOULES = ((3.6e9, "MWh"), (3.6e6, "kWh"), (3.6e3, "Wh"), (1.0, "J"))


class Held(NamedTuple):
    """A table of what things at nodes hold, one row for each change."""

    what: str
    table: object
    name: str  # column of what is held
    of: str | None  # column that names the thing at a node; None where a node has one of them only
    units: tuple
    lowest_first: bool  # those matter most that come lowest; else those that come to hold most


def why_not_power(run):
    """Why nothing can be drawn; None if it can."""
    return None if run.power is not None and run.power.num_rows else "it has no power"


def why_not_storage(run):
    """Why nothing can be drawn; None if it can."""
    if any(table is not None and table.num_rows for table in (run.storage, run.stores)):
        return None
    return "it has no sensor that stores and no store of bundles"


def power(run, options):
    """What the batteries hold: of those that come lowest."""
    held = Held("batteries", run.power, "battery_j", "power", _JOULES, True)
    return _draw(run, options, "Batteries over time", "energy held", [held])


def storage(run, options):
    """What storages of sensors and stores of bundles hold: of those that come to hold most."""
    kinds = [
        Held("storages of sensors", run.storage, "stored_bytes", "sensor", _BYTES, False),
        Held("stores of bundles", run.stores, "stored_bytes", None, _BYTES, False),
    ]
    kinds = [held for held in kinds if held.table is not None and held.table.num_rows]
    title = "Storages over time" if len(kinds) > 1 else f"{kinds[0].what.capitalize()} over time"
    return _draw(run, options, title, "stored", kinds)


def _draw(run, options, title, label, kinds):
    """A plot for each kind, a line for each of those that matter most, which holds until the next change."""
    nodes = {node for held in kinds for node in held.table["node"].to_pylist()}
    check_nodes(options.nodes, nodes, "is in this table")
    found = [(held, levels_of(run, held, options.nodes)) for held in kinds]
    found = [(held, levels) for held, levels in found if levels]
    if not found:
        raise NothingToDraw("nothing was held by then")
    most = options.top or MOST_LINES
    counts = [
        f"the {min(most, len(levels))} of {len(levels):,} {held.what} that come "
        f"{'lowest' if held.lowest_first else 'to hold most'}"
        for held, levels in found
    ]
    figure = frame(
        run.manifest["experiment"],
        title,
        f"{whose(run)}; {', '.join(counts)}",
        (),
        options,
        6.0 * len(found) + 1.0,
    )
    axes = figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
    time = TimeAxis(*span(run))
    names = [name for _, levels in found for name in list(levels)[:most]]
    looks, handles = iter(line_looks(len(names))), []
    for panel, (held, levels) in zip(axes, found, strict=True):
        drawn = list(levels.values())[:most]
        scale, unit = _unit_of(max(values.max() for _, values in drawn), held.units)
        for at_s, values in drawn:
            x, y = thinned(time.of(at_s), values / scale)
            handles += panel.plot(x, y, drawstyle="steps-post", **next(looks))
        panel.set_ylabel(f"{label} ({unit})")
        start_at_zero(panel)
        if len(found) > 1:
            panel.set_title(held.what)
    time.label(axes[-1])
    legend_below(figure, handles, names)
    return figure


def levels_of(run, held, nodes=()):
    """What each thing holds over what is drawn, by name, those first that matter most.

    Parameters
    ----------
    run : Run or Window
    held : Held
    nodes : tuple of str
        Those that are looked at; none: all.

    Returns
    -------
    levels : dict
        Instants in s since the topology's epoch, and what is held from each of them on.
    """
    table = held.table
    node = table["node"].to_pylist()
    names = node
    if held.of is not None:
        names = [f"{place} ({thing})" for place, thing in zip(node, table[held.of].to_pylist(), strict=True)]
    rows_of = {}
    for row, (name, place) in enumerate(zip(names, node, strict=True)):
        if not nodes or place in nodes:
            rows_of.setdefault(name, []).append(row)
    at_s, values = whole_span(run)[0] + column(table, "time_s"), column(table, held.name).astype(float)
    levels = {name: steps_within(at_s[rows], values[rows], *span(run)) for name, rows in rows_of.items()}
    levels = {name: level for name, level in levels.items() if len(level[0])}
    extreme = {
        name: level.min() if held.lowest_first else -level.max() for name, (_, level) in levels.items()
    }
    return {name: levels[name] for name in sorted(levels, key=extreme.get)}


def _unit_of(most, units):
    """The unit in which so much is a number of few digits."""
    return next((each for each in units if most >= 2 * each[0]), units[-1])
