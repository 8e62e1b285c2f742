"""Who could send to whom, from when to when: a Gantt chart."""

from typing import NamedTuple

import numpy as np

from lasermesh.views.plots.choice import NothingToDraw, asked_links, asked_nodes, column, whose
from lasermesh.views.plots.style import PALETTE, TimeAxis, frame, legend_below
from lasermesh.views.plots.window import span

MOST_ROWS = 40
_ROW_CM = 0.34
_COLORS = {"gsl": PALETTE[1], "isl": PALETTE[0]}
_NAMES = {"gsl": "ground to satellite", "isl": "between satellites"}


class Bar(NamedTuple):
    """When two nodes had a link."""

    name: str
    kind: str
    spans_s: list  # (start, stop), in order, none touching the next


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    return None if run.contacts.num_rows else "there was no contact"


def draw(run, options):
    """A row for each pair of nodes, a bar for each time in which either could send to the other."""
    bars, what = _bars_of(run, options)
    if not bars:
        raise NothingToDraw("none of these had a contact in this run")
    most = options.top or MOST_ROWS
    drawn = bars[:most]
    more = len(bars) - len(drawn)
    figure = frame(
        run.manifest["experiment"],
        "Contacts",
        f"{whose(run)}; {what}, {'all' if not more else f'{len(drawn):,} of'} {len(bars):,}",
        (
            "A bar ends where the link does, or what is drawn begins or ends.",
            f"{more:,} more rows not drawn: --top N draws more, --node NAME and --link FROM:TO choose."
            if more
            else "",
        ),
        options,
        _ROW_CM * len(drawn) + 2.2,
    )
    axes = figure.subplots()
    time = TimeAxis(*span(run))
    handles = {}
    for row, bar in enumerate(drawn):
        pieces = [(time.of(start), time.of(stop - start)) for start, stop in bar.spans_s]
        handles[_NAMES[bar.kind]] = axes.broken_barh(
            pieces, (row - 0.34, 0.68), facecolor=_COLORS[bar.kind], edgecolor="white", linewidth=0.4
        )
    axes.set_yticks(range(len(drawn)), [bar.name for bar in drawn])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    time.label(axes)
    names = [name for name in _NAMES.values() if name in handles]
    legend_below(figure, [handles[name] for name in names], names)
    return figure


def _bars_of(run, options):
    """What is drawn, in order, and what that is in words."""
    spans, kinds = _spans_of_pairs(run)
    if options.links:
        pairs = [tuple(sorted(link)) for link in asked_links(run, options)]
        chosen, what = [(pair, pair) for pair in dict.fromkeys(pairs)], "links that were asked for"
        return [_bar(*each, spans, kinds) for each in chosen if each[0] in spans], what
    nodes = asked_nodes(run, options)
    if nodes:
        what = f"links of {', '.join(nodes)}"
    else:
        nodes, what = _ends_of_flows(run, spans), "links of the nodes where flows begin or end"
    bars = []
    for node in nodes:
        of_node = [(node, next(other for other in pair if other != node)) for pair in spans if node in pair]
        rows = [_bar(tuple(sorted(ends)), ends, spans, kinds) for ends in of_node]
        bars += sorted(rows, key=lambda bar: (bar.spans_s[0], bar.name))
    return bars, what


def _ends_of_flows(run, spans):
    """Nodes at which flows begin or end and that had a link, in order of the flows; else all nodes."""
    linked = dict.fromkeys(node for pair in spans for node in pair)
    ends = dict.fromkeys([*run.flows["from"].to_pylist(), *run.flows["to"].to_pylist()])
    return [node for node in ends if node in linked] or list(linked)


def _bar(pair, ends, spans, kinds):
    return Bar(f"{ends[0]} - {ends[1]}", kinds[pair], _joined(spans[pair]))


def _spans_of_pairs(run):
    """For every two nodes all (start, stop) of links either way, within what is drawn, and their kind."""
    table = run.contacts
    begin_s, end_s = span(run)
    starts = np.maximum(column(table, "start_s"), begin_s).tolist()
    stops = np.minimum(column(table, "stop_s"), end_s).tolist()
    ends = zip(table["from"].to_pylist(), table["to"].to_pylist(), strict=True)
    spans, kinds = {}, {}
    for link, kind, start_s, stop_s in zip(ends, table["kind"].to_pylist(), starts, stops, strict=True):
        if start_s >= stop_s:  # not in what is drawn
            continue
        pair = tuple(sorted(link))
        spans.setdefault(pair, []).append((start_s, stop_s))
        kinds[pair] = kind
    return spans, kinds


def _joined(spans):
    """Spans in order, those that overlap or touch as one: both directions, and times at different rates."""
    joined = []
    for start_s, stop_s in sorted(spans):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop_s))
        else:
            joined.append((start_s, stop_s))
    return joined
