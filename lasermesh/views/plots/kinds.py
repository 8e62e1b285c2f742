"""The kinds of plots there are, which of them fit a run, and how one is drawn."""

from pathlib import Path
from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.results.comparison import COMPARISON, read_comparison
from lasermesh.results.folder import MANIFEST
from lasermesh.results.loading import AlternativeRuns, load
from lasermesh.scenario.problems import did_you_mean
from lasermesh.views.plots import (
    bundles,
    comparing,
    contacts,
    distribution,
    latency,
    levels,
    queues,
    rates,
    round_trips,
    utilisation,
    work,
    world_map,
)
from lasermesh.views.plots.choice import NothingToDraw, Options
from lasermesh.views.plots.several import Study
from lasermesh.views.plots.style import look
from lasermesh.views.plots.window import window_of


class Plot(NamedTuple):
    """One kind of plot."""

    help: str
    why_not: object  # function of a run: None, or why there is nothing to draw
    draw: object  # function of a run and Options: a matplotlib Figure
    uses: tuple  # fields of Options; every kind uses those of its size


_WINDOW = ("start_s", "duration_s")
_FLOWS = ("flows", "top")

PLOTS = {
    "latency": Plot(
        "One-way latency of flows over time: mean, p50, p99.",
        latency.why_not,
        latency.draw,
        (*_FLOWS, *_WINDOW),
    ),
    "cdf": Plot(
        "Which share of packets came within which latency; of bundles, too.",
        distribution.why_not,
        distribution.cdf,
        _FLOWS,
    ),
    "tail": Plot(
        "Which share took longer, on a logarithmic axis: the rare late ones.",
        distribution.why_not,
        distribution.tail,
        _FLOWS,
    ),
    "rtt": Plot(
        "Round trip along the path in force over time, with path changes, hand-overs and outages.",
        round_trips.why_not,
        round_trips.draw,
        (*_FLOWS, *_WINDOW),
    ),
    "goodput": Plot(
        "Rate at which packets of flows are delivered.",
        rates.why_not_goodput,
        rates.goodput,
        (*_FLOWS, *_WINDOW),
    ),
    "drops": Plot(
        "Packets dropped over time, by cause.", rates.why_not_drops, rates.drops, ("flows", *_WINDOW)
    ),
    "bundles": Plot(
        "Bundles made, delivered and lost over time, and the delay of each at its arrival.",
        bundles.why_not,
        bundles.draw,
        (*_FLOWS, *_WINDOW),
    ),
    "utilisation": Plot(
        "The busiest links over time, as a heat map, and where they dropped packets.",
        utilisation.why_not,
        utilisation.draw,
        ("links", "top", "scale_to_percent", *_WINDOW),
    ),
    "map": Plot(
        "Links on a map of the Earth in the interval in which they sent most, coloured by how busy they are.",
        world_map.why_not,
        world_map.draw,
        ("at_s", "scale_to_percent", *_WINDOW),
    ),
    "queue": Plot("Length of queues over time.", queues.why_not, queues.draw, ("links", "top", *_WINDOW)),
    "contacts": Plot(
        "Who could send to whom, from when to when.",
        contacts.why_not,
        contacts.draw,
        ("links", "nodes", "top", *_WINDOW),
    ),
    "insight": Plot(
        "Time to insight of scenes by workload, and what it was spent on; of several runs, too.",
        work.why_not_insight,
        work.insight,
        ("others",),
    ),
    "power": Plot(
        "What the batteries hold over time.", levels.why_not_power, levels.power, ("nodes", "top", *_WINDOW)
    ),
    "storage": Plot(
        "What the storages of sensors and stores of bundles hold over time.",
        levels.why_not_storage,
        levels.storage,
        ("nodes", "top", *_WINDOW),
    ),
    "compare": Plot(
        "Several runs, alternatives or a comparison side by side.",
        comparing.why_not,
        comparing.draw,
        ("flows", "top", "others"),
    ),
}
"""Every kind of plot by its name, in the order in which they are drawn."""


OF_SEVERAL_RUNS = ("insight", "compare")
"""Those that draw several runs at once."""


def open_folder(folder):
    """What lies in a folder: `Run`, `AlternativeRuns`, or the `Study` that `lasermesh compare` left.

    Raises
    ------
    UserError
        As `lasermesh.results.load`.
    """
    path = Path(folder)
    if (path / COMPARISON).is_file() and not (path / MANIFEST).is_file():
        return Study(path, read_comparison(path))
    return load(path)


def what_fits(run, **options):
    """For each kind of plot None if it can be drawn of a run, else why not.

    Parameters
    ----------
    run : Run, AlternativeRuns or Study
        As `open_folder` returns it.
    options
        As for `draw`.
    """
    options = Options(**options)
    window = _window(run, options)
    return {name: _why_not(name, _shown(name, run, window), options) for name in PLOTS}


def unused_options(names, **options):
    """Of options that were given and that none of these kinds of plots uses a sentence each."""
    given = {name for name, value in options.items() if value not in (None, ())} & _WRITTEN.keys()
    sentences = []
    for option in sorted(given, key=list(_WRITTEN).index):
        using = [name for name, plot in PLOTS.items() if option in plot.uses]
        if not set(using) & set(names):
            by = f"{', '.join(names)}: {'does' if len(names) == 1 else 'do'} not use"
            sentences.append(f"{by} {_WRITTEN[option]}; it is of {', '.join(using)}")
    return sentences


_WRITTEN = {
    "flows": "--flow",
    "links": "--link",
    "nodes": "--node",
    "at_s": "--at",
    "top": "--top",
    "start_s": "--start",
    "duration_s": "--duration",
    "scale_to_percent": "--scale-to",
    "others": "--with",
}
"""Options as they are written behind `lasermesh plot`."""


def draw(run, what, **options):
    """A plot of a run.

    Parameters
    ----------
    run : Run, AlternativeRuns or Study
    what : str
        A name in `PLOTS`.
    flows, links, nodes : tuple of str
        What to draw, instead of what did most: names of flows or of [[flows]], links as "FROM:TO", nodes.
    at_s : float
        Of a map: the instant, in s since the topology's epoch.
    start_s, duration_s : float
        Of what is drawn over time, the map too: from when, in s since the topology's epoch, and how long; by
        default the whole run.
    others : tuple of Run
        Of `compare`: further runs.
    top : int
        How many flows, links or rows at most.
    scale_to_percent : float
        Where the scale of colours of `utilisation` and `map` ends, instead of at the greatest value.
    width_cm, height_cm : float
        Of the whole figure; the height by default as the kind of plot needs it.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Not known to pyplot; needs no display.

    Raises
    ------
    UserError
        If there is no such kind, no such flow, link or node, or nothing to draw: with what to do.
    """
    if what not in PLOTS:
        hint = did_you_mean(what, PLOTS) or f"; there are {', '.join(PLOTS)}"
        raise UserError(f'no plot is named "{what}"{hint}')
    options = Options(**options)
    run = _shown(what, run, _window(run, options))
    reason = _why_not(what, run, options)
    if reason:
        raise NothingToDraw(f'"{what}" cannot be drawn of {run.path}: {reason}')
    with look():
        return PLOTS[what].draw(run, options)


def _window(run, options):
    """The part of a run that was asked for."""
    if isinstance(run, (AlternativeRuns, Study)):
        return run
    return window_of(run, options.start_s, options.duration_s)


def _shown(name, run, window):
    """What a kind of plot draws: the part that was asked for if it is over time, else the whole run."""
    return window if "start_s" in PLOTS[name].uses else run


def _why_not(name, run, options):
    plot = PLOTS[name]
    if name in OF_SEVERAL_RUNS:
        return plot.why_not(run, options)
    if isinstance(run, AlternativeRuns):
        folders = ", ".join(str(each.path) for each in run.runs.values())
        return f"it holds several runs; give the folder of one: {folders}"
    if isinstance(run, Study):
        return f"it holds a comparison; give the folder of one of its runs, below {run.path}"
    return plot.why_not(run)
