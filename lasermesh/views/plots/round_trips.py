"""The round trip along the path in force, over time."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lasermesh.orbits import build_ephemeris
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S
from lasermesh.views.plots.choice import (
    MOST_LINES,
    choose_flows,
    column,
    most_delivered,
    whose,
    why_not_on_earth,
    with_any,
)
from lasermesh.views.plots.latency import height_of_panels, is_narrow, panels
from lasermesh.views.plots.style import INK, NOTE, PALETTE, TimeAxis, frame, held_line, legend_below
from lasermesh.views.plots.window import span, whole_span

_SAMPLES = 200
"""Instants at which round trips are computed, besides those at which a path changes."""

OUTAGES = {
    "black-hole": ("black hole: what is sent is lost", {"facecolor": (PALETTE[1], 0.22), "linewidth": 0}),
    "micro-loop": ("micro-loop: packets go round", {"facecolor": (PALETTE[3], 0.3), "linewidth": 0}),
}
"""What is said of each kind of outage, and how its time is shaded."""

HAND_OVER, OTHER_CHANGE, NO_PATH = "hand-over", "other path change", "no path from here on"
_MARKS = {
    HAND_OVER: {"marker": "v", "color": PALETTE[1], "markerfacecolor": PALETTE[1]},
    OTHER_CHANGE: {"marker": "o", "color": INK, "markerfacecolor": "white"},
    NO_PATH: {"marker": "x", "color": PALETTE[1]},
}


class Stay(NamedTuple):
    """One path of one flow, from its beginning to its end."""

    from_s: float
    until_s: float
    nodes: list  # names; empty where there is none


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    if not any(run.paths["nodes"].to_pylist()):
        return "no flow had a path"
    return why_not_on_earth(run)


def stays_of(run, flow):
    """The paths of a flow (row), one after the other, until the run's end."""
    rows = np.flatnonzero(column(run.paths, "flow") == flow)
    t_s = column(run.paths, "t_s")[rows]
    nodes = run.paths["nodes"].take(rows).to_pylist()
    ends_s = np.append(t_s[1:], whole_span(run)[1])
    return [Stay(*each) for each in zip(t_s.tolist(), ends_s.tolist(), nodes, strict=True)]


class Outage(NamedTuple):
    """A time in which tables led a flow nowhere, though it may have had a path."""

    from_s: float
    until_s: float
    kind: str


def outages_of(run, flow):
    """The black holes and micro-loops that a flow (row) met in what is drawn, in order of time."""
    if run.outages is None:
        return []
    table = run.outages.take(np.flatnonzero(column(run.outages, "flow") == flow))
    starts_s, lasts_s = column(table, "t_s"), column(table, "duration_s")
    rows = zip(starts_s.tolist(), (starts_s + lasts_s).tolist(), table["kind"].to_pylist(), strict=True)
    begin_s, end_s = span(run)
    return sorted(Outage(*row) for row in rows if row[1] > begin_s and row[0] < end_s)


def parts_of(stays, outages, from_s, until_s):
    """What of stays lies between two instants and in no outage, in order of time."""
    parts = []
    for stay in stays:
        at_s, end_s = max(stay.from_s, from_s), min(stay.until_s, until_s)
        for outage in outages:
            if outage.until_s > at_s and outage.from_s < end_s:
                parts.append(Stay(at_s, outage.from_s, stay.nodes))
                at_s = outage.until_s
        parts.append(Stay(at_s, end_s, stay.nodes))
    return [part for part in parts if part.from_s < part.until_s]


def _most_eventful(run):
    """Rows of flows: first those longest in outages, then those with most changes of path, if drawn."""
    n_flows, (start_s, stop_s) = len(run.flows), span(run)
    lost_s = np.zeros(n_flows)
    if run.outages is not None:
        from_s = column(run.outages, "t_s")
        until_s = np.minimum(from_s + column(run.outages, "duration_s"), stop_s)
        within_s = np.maximum(until_s - np.maximum(from_s, start_s), 0.0)
        lost_s = np.bincount(column(run.outages, "flow"), within_s, n_flows)
    at_s = column(run.paths, "t_s")
    changed = column(run.paths, "flow")[(at_s >= start_s) & (at_s <= stop_s)]
    changes = np.bincount(changed, minlength=n_flows)
    place = np.empty(n_flows, int)
    place[most_delivered(run)] = np.arange(n_flows)
    return np.lexsort((place, -changes, -lost_s)).tolist()


_RULE = "those longest in outages, then those whose path changed most often"


def changes_of(stays, is_ground):
    """Instant and kind of every change: a hand-over where a ground site at an end changes its satellite."""
    changes = []
    for before, after in pairwise(stays):
        old, new = before.nodes, after.nodes
        if not new:
            kind = NO_PATH
        else:
            ends = ((0, 1), (-1, -2))
            hands = any(
                is_ground(new[end]) and (old[beside] if old else None) != new[beside] for end, beside in ends
            )
            kind = HAND_OVER if hands else OTHER_CHANGE
        changes.append((after.from_s, kind))
    return changes


class Positions:
    """Where nodes are at some instants, each computed once."""

    def __init__(self, topology):
        self._ephemeris = build_ephemeris(topology)
        self._row_of = topology.row_of
        self._at = {}

    def along(self, nodes, t_s):
        """float64 (n_nodes, 3): where the named nodes are at an instant, in m, Earth-fixed."""
        if t_s not in self._at:
            self._at[t_s] = self._ephemeris.state_at(t_s)[0]
        return self._at[t_s][[self._row_of(name) for name in nodes]]


def round_trip_ms(positions, nodes, t_s):
    """Twice the propagation delay along a path at an instant."""
    legs_m = np.linalg.norm(np.diff(positions.along(nodes, t_s), axis=0), axis=1)
    return 2e3 * legs_m.sum() / SPEED_OF_LIGHT_M_PER_S


def round_trips(positions, stays, grid_s):
    """Times and round trips in ms along the paths of a flow; nan between two, and where there is none."""
    times, values = [], []
    for stay in stays:
        inside = grid_s[(grid_s > stay.from_s) & (grid_s < stay.until_s)]
        of_stay = [stay.from_s, *inside.tolist(), stay.until_s]
        times += [*of_stay, stay.until_s]
        values += [
            *(round_trip_ms(positions, stay.nodes, t_s) if stay.nodes else np.nan for t_s in of_stay),
            np.nan,
        ]
    return np.array(times), np.array(values)


def draw(run, options):
    """A small plot for each flow: the line along the path in force, its changes, what was measured."""
    with_path = with_any(run.paths, "hops")
    chosen = choose_flows(run, options, with_path, MOST_LINES + 1, _most_eventful(run), _RULE)
    met = {row: outages_of(run, row) for row in chosen.rows}
    topology = run.topology
    measured = run.flow_times is not None
    figure = frame(
        run.manifest["experiment"],
        "Round trip over time",
        f"{whose(run)}; twice the propagation along the path in force, there and back the same way",
        (
            "Measured: twice the mean one-way latency of each interval, so with queueing and serialization."
            if measured
            else "",
            "The line breaks where tables led packets nowhere." if any(met.values()) else "",
            chosen.note,
        ),
        options,
        height_of_panels(len(chosen.rows), options.width_cm) + 0.8,
    )
    axes, bottom = panels(figure, len(chosen.rows), is_narrow(options.width_cm))
    start_s, stop_s = span(run)
    time = TimeAxis(start_s, stop_s)
    grid_s = np.linspace(start_s, stop_s, _SAMPLES + 1)
    positions = Positions(topology)
    handles = {}
    for row, name, panel in zip(chosen.rows, chosen.names, axes, strict=True):
        if measured:
            handles["measured"] = _draw_measured(panel, run.flow_times, row, time)
        stays, outages = stays_of(run, row), met[row]
        t_s, rtt_ms = round_trips(positions, parts_of(stays, outages, start_s, stop_s), grid_s)
        (handles["propagation"],) = panel.plot(time.of(t_s), rtt_ms, color=PALETTE[0], linewidth=1.6)
        for outage in outages:
            words, looks = OUTAGES[outage.kind]
            handles[words] = panel.axvspan(time.of(outage.from_s), time.of(outage.until_s), **looks)
        changes = changes_of(stays, lambda name: topology.is_ground(topology.row_of(name)))
        changes = [(at_s, kind) for at_s, kind in changes if start_s <= at_s <= stop_s]
        if changes:  # marks stand where the line would be, in an outage too
            near = [stay for stay in stays if stay.until_s >= start_s and stay.from_s <= stop_s]
            t_s, rtt_ms = round_trips(positions, near, np.empty(0))
        for kind in dict.fromkeys(kind for _, kind in changes):
            at_s = np.array([t for t, each in changes if each == kind])
            handles[kind] = _mark(panel, time, t_s, rtt_ms, at_s, kind)
        panel.set_title(name)
        panel.set_ylabel("round trip (ms)")
        panel.margins(y=0.15)
    for panel in bottom:
        time.label(panel)
    order = ["propagation", "measured", *(words for words, _ in OUTAGES.values()), *_MARKS]
    order = [name for name in order if name in handles]
    legend_below(figure, [handles[name] for name in order], order)
    return figure


def _draw_measured(panel, table, flow, time):
    """Twice the mean latency of every interval."""
    rows = np.flatnonzero(column(table, "flow") == flow)
    mean_ms = column(table, "latency_mean_ms")[rows]
    from_t, until_t = (time.of(column(table, name)[rows]) for name in ("t_s", "until_s"))
    (line,) = panel.plot(*held_line(from_t, until_t, 2.0 * mean_ms), color=PALETTE[5], linewidth=1.0)
    return line


def _mark(panel, time, t_s, rtt_ms, at_s, kind):
    """A mark on the line at every change of a kind, and a faint line across."""
    for at in at_s:
        panel.axvline(time.of(at), color=NOTE, linewidth=0.4, alpha=0.5, zorder=1)
    heights = []
    for at in at_s:  # the new path's first value, or the last one of the path that was lost
        here = rtt_ms[(t_s == at) & np.isfinite(rtt_ms)]
        heights.append(here[-1] if len(here) else np.nan)
    (marks,) = panel.plot(time.of(at_s), heights, linestyle="none", clip_on=False, zorder=4, **_MARKS[kind])
    return marks
