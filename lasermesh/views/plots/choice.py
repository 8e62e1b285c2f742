"""What is drawn of a run: which flows, links and nodes, and for how long it went."""

from typing import NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.results.bundles import BUNDLES
from lasermesh.results.kept_topology import TopologyNotKept
from lasermesh.scenario.problems import did_you_mean
from lasermesh.views.plots.window import Window, span, whole_span

MOST_LINES = 7
"""Flows or links in one plot, each with its own colour; the others are drawn together or told of."""


class NothingToDraw(UserError):
    """There is nothing to draw; the run itself is whole."""


class Options(NamedTuple):
    """What a plot may be asked for; each kind uses what makes sense for it."""

    flows: tuple = ()  # names of flows, or of [[flows]], for all of theirs
    links: tuple = ()  # each "FROM:TO", one direction
    nodes: tuple = ()
    at_s: float | None = None  # an instant, since the topology's epoch
    others: tuple = ()  # further runs, to compare with
    top: int | None = None  # how many of the busiest, longest, ...
    start_s: float | None = None  # of what is drawn over time, since the topology's epoch
    duration_s: float | None = None
    scale_to_percent: float | None = None  # where the scale of colours ends
    width_cm: float = 17.0
    height_cm: float | None = None


def why_not_on_earth(run):
    """Why nobody can say where the nodes of a run are; None if they are known."""
    groups = run.manifest["scenario"]["topology"]["satellites"]
    if all(group["fixed"] for group in groups):
        return "its nodes have no positions"
    try:
        run.topology  # noqa: B018 (kept, once it is there)
    except TopologyNotKept as error:
        return str(error)
    return None


class Chosen(NamedTuple):
    """Flows that are drawn, by row and name, and those that are not, or only together."""

    rows: list
    names: list
    others: list
    rule: str  # why these: "those that ..."

    @property
    def note(self):
        """A sentence on which are drawn, each by itself; nothing if all are."""
        if not self.others:
            return ""
        n = len(self.rows)
        which = f"one is drawn by itself: the first of {self.rule}"
        if n > 1:
            which = f"{n:,} are drawn each by itself: {self.rule}"
        return f"Of {n + len(self.others):,} flows, {which}; --flow NAME draws others."


MOST_DELIVERED = "those that delivered most"


def column(table, name):
    """A column as numbers, nan for null."""
    return table[name].to_numpy(zero_copy_only=False)


def whose(run):
    """The run in a few words, for the line below a title."""
    start_s, stop_s = whole_span(run)
    words = [run.manifest["experiment"], f"seed {run.manifest['seed']}", f"{start_s:.10g} to {stop_s:.10g} s"]
    if isinstance(run, Window):
        shown = "{:.10g} to {:.10g} s".format(*span(run))
        words[-1] = f"{shown} of {words[-1]}"
    if run.status != "complete":
        words.append(f"run {run.status}")
    return ", ".join(words)


def choose_flows(run, options, table, most=MOST_LINES, preferred=None, rule=MOST_DELIVERED):
    """The flows that were asked for, else all that a table tells of: the `most` that matter most.

    Parameters
    ----------
    run : Run
    options : Options
    table : pyarrow Table
        Has a row for whatever flow can be drawn, its row in `flow`.
    most : int
    preferred : list of int, optional
        Rows of flows, those that matter most first; by default those that delivered most.
    rule : str
        How they are chosen, in words.

    Raises
    ------
    UserError
        If there is no flow of a name, or the table tells nothing of those that were asked for.
    """
    names = run.flows["name"].to_pylist()
    known = np.unique(column(table, "flow")).tolist()
    if options.flows:
        asked = rows_asked(run, options)
        known = [row for row in known if row in asked]
        if not known:
            raise NothingToDraw(f"of {', '.join(options.flows)} there is nothing to draw")
    place = {row: number for number, row in enumerate(preferred or most_delivered(run))}
    kept = sorted(sorted(known, key=lambda row: place.get(row, len(place)))[: options.top or most])
    return Chosen(kept, [names[row] for row in kept], sorted(set(known) - set(kept)), rule)


def most_delivered(run):
    """Rows of all flows, those first that delivered most bytes in what is drawn."""
    amount = column(run.flows, "bytes_delivered")
    if isinstance(run, Window) and run.flow_times is not None:
        amount = sums_by_flow(run, "bytes_delivered")
    return np.argsort(-amount, kind="stable").tolist()


def sums_by_flow(run, name):
    """A counter of `flow_times` added up over the intervals that are drawn, for every flow."""
    table = run.flow_times
    return np.bincount(column(table, "flow"), column(table, name), len(run.flows))


def of_bundles(run):
    """Which flows are of bundles: bool (n_flows,)."""
    if "counts" not in run.flows.column_names:  # of an older run
        return np.zeros(len(run.flows), bool)
    return np.array([each == BUNDLES for each in run.flows["counts"].to_pylist()], bool)


def without_packets(run, what):
    """Why a plot of packets has nothing to draw: no packet was `what`, though bundles may have been."""
    here = " in this time" if isinstance(run, Window) else ""
    bundles = '; the plots "bundles", "cdf" and "tail" are of bundles, too' if of_bundles(run).any() else ""
    return f"no packets of flows were {what}{here}{bundles}"


def with_any(table, name):
    """The rows of a table in which a counter is not 0."""
    import pyarrow as pa

    return table.filter(pa.array(column(table, name) > 0))


def rows_asked(run, options):
    """Rows of the flows that were asked for by name; empty if none were. UserError for an unknown name."""
    names = run.flows["name"].to_pylist()
    return {row for name in options.flows for row in rows_named(name, names)}


def rows_named(name, names):
    """Rows of the flow of this name, or of all that a table [[flows]] of this name made.

    Raises
    ------
    UserError
        If there are none.
    """
    rows = [row for row, each in enumerate(names) if each == name or each.startswith(f"{name}/")]
    if not rows:
        whole = list(dict.fromkeys(each.split("/")[0] for each in names))
        hint = did_you_mean(name, dict.fromkeys([*names, *whole])) or some_of(whole)
        raise UserError(f'no flow of this run is named "{name}"{hint}')
    return rows


def some_of(names, most=5):
    """`; there are a, b and 7 more`, or nothing if there are none."""
    shown = [f'"{name}"' for name in names[:most]]
    more = len(names) - len(shown)
    if more:
        return f"; there are {', '.join(shown)} and {more:,} more"
    return f"; there {'is' if len(shown) == 1 else 'are'} {', '.join(shown)}" if shown else ""


def known_links(run):
    """All (from, to) that were up at some time, in order of their first contact."""
    ends = zip(run.contacts["from"].to_pylist(), run.contacts["to"].to_pylist(), strict=True)
    return list(dict.fromkeys(ends))


def asked_links(run, options):
    """The links that were asked for, as (from, to).

    Raises
    ------
    UserError
        If one is not written FROM:TO, or was never up.
    """
    known = set(known_links(run)) if options.links else set()
    links = []
    for text in options.links:
        ends = tuple(part.strip() for part in text.split(":"))
        if len(ends) != 2 or not all(ends):
            raise UserError(f'a link is written FROM:TO (got "{text}")')
        if ends not in known:
            names = [":".join(each) for each in known_links(run)]
            hint = did_you_mean(":".join(ends), names) or some_of(names)
            raise UserError(f'no link "{text}" was up in this run{hint}')
        links.append(ends)
    return links


def asked_nodes(run, options):
    """The nodes that were asked for; UserError for one that had no contact."""
    known = {node for ends in known_links(run) for node in ends} if options.nodes else set()
    check_nodes(options.nodes, known, "had a contact in this run")
    return list(dict.fromkeys(options.nodes))


def check_nodes(names, known, what):
    """Refuse names that are not known; `what` says what those known have in common."""
    for name in names:
        if name not in known:
            raise UserError(
                f'no node "{name}" {what}{did_you_mean(name, sorted(known)) or some_of(sorted(known))}'
            )


def rate_of_links(run):
    """Greatest rate in bit/s of every link, by (from, to)."""
    rates = {}
    ends = zip(run.contacts["from"].to_pylist(), run.contacts["to"].to_pylist(), strict=True)
    for link, rate in zip(ends, run.contacts["rate_bps"].to_pylist(), strict=True):
        rates[link] = max(rate, rates.get(link, 0))
    return rates


def same_instant_s(t_s):
    """How far apart two float64 times near this one, in s, may be to mean the same."""
    return 1e-11 * max(1.0, abs(t_s))


def rows_of_busy_links(run, links, columns):
    """Those rows of `links.parquet` that are about some directed links (from, to).

    Returns
    -------
    table : pyarrow Table
        The columns that were asked for.
    number : int array
        Place among `links` of the link that each row is about.
    """
    ids = {ends: link for link, ends in zip(run.link_use.link.tolist(), run.link_use.ends, strict=True)}
    known = [(ids[ends], number) for number, ends in enumerate(links) if ends in ids]
    ids, number = np.array(sorted(known), int).reshape(-1, 2).T
    table = run.part("links", ["link", *columns], [("link", "in", ids.tolist())])
    return table, number[np.searchsorted(ids, column(table, "link"))]


def rows_of_link(table, link):
    """Rows of a table with columns `from` and `to` that are about one directed link."""
    import pyarrow.compute as pc

    ours = pc.and_(pc.equal(table["from"], link[0]), pc.equal(table["to"], link[1]))
    return np.flatnonzero(ours.to_numpy(zero_copy_only=False))
