"""Contact plans: from when to when each link is up."""

import functools

import numpy as np

from lasermesh.contacts.engine import LinkEngine
from lasermesh.contacts.plan_table import ContactPlan, contact_plan_of
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S

# Contacts are written, and progress is told, so often in simulated time.
_CHUNK_S = 600.0


def iterate_contacts(
    topology,
    ephemeris,
    start_s,
    stop_s,
    potential=False,
    warm_up_s=None,
    on_progress=None,
    engine=None,
):
    """Contacts of a topology in the order in which they end, some at a time.

    Parameters
    ----------
    topology : Topology
    ephemeris : Ephemeris
    start_s, stop_s : float
        Seconds since the topology's epoch. Contacts are cut there, and say so in `open_start`, `open_stop`.
    potential : bool
        By geometry alone: range, grazing altitude, elevation, and between satellites pointing and the Sun
        where all terminals of a satellite have the same mount and exclusion. Terminals have no number,
        time to acquire, or random losses; there are no clouds and no choices.
    warm_up_s : float, optional
        As for `LinkEngine`.
    on_progress : function of float, optional
        Called with the simulated instant.
    engine : LinkEngine, optional
        To be used, and read afterwards, instead of one that is made here.

    Yields
    ------
    ContactPlan
    """
    engine = engine or LinkEngine(topology, ephemeris, warm_up_s, potential)
    log = OpenContacts(engine, functools.partial(light_times_s, engine), start_s)
    t_s = start_s
    while t_s < stop_s:
        until_s = min(t_s + _CHUNK_S, stop_s)
        step = engine.step(t_s, until_s)
        # What changes at the very start of a step is told by its graph alone.
        now = np.zeros(len(engine.links.from_node), np.int64)
        now[step.graph.link] = step.graph.rate_bps
        link = np.arange(len(now))
        yield log.note(
            np.concatenate((link, step.change_link)),
            np.concatenate((np.full(len(link), t_s), step.change_s)),
            np.concatenate((now, step.change_rate_bps)),
        )
        t_s = until_s
        if on_progress is not None:
            on_progress(t_s)
    yield log.close(stop_s)


def contact_plan(*arguments, **named) -> ContactPlan:
    """All that `iterate_contacts` yields, sorted by (from, to, start)."""
    parts = list(iterate_contacts(*arguments, **named))
    nothing = contact_plan_of(*([],) * 9)
    return ContactPlan(*(np.concatenate(column) for column in zip(nothing, *parts, strict=True))).sorted()


class OpenContacts:
    """Contacts that have begun, by link.

    A contact is an uninterrupted time in which a link is up at one rate.

    Parameters
    ----------
    links : LinkEngine
    light_times_s : function
        Of ids of links and an instant for each: the light time of each then, float64 (n,).
    start_s : float
        When all begins, in s since the topology's epoch.
    """

    def __init__(self, links, light_times_s, start_s):
        self._links = links
        self._light_times_s = light_times_s
        self._start_s = start_s
        self._since_s = np.zeros(0)
        self._rate_bps = np.zeros(0, np.int64)

    def note(self, link, t_s, rate_bps) -> ContactPlan:
        """The contacts that end as links change to these rates, in the order in which they end.

        All are arrays, shape (n,); the changes of each link stand in order of time, 0 is down.
        """
        missing = len(self._links.links.from_node) - len(self._since_s)
        self._since_s = np.concatenate([self._since_s, np.zeros(missing)])
        self._rate_bps = np.concatenate([self._rate_bps, np.zeros(missing, np.int64)])
        # Each link's changes one behind the other: what is before a row is the row above, or what was known.
        order = np.argsort(link, kind="stable")
        sorted_link, sorted_bps = link[order], rate_bps[order]
        order = order[sorted_bps != _before(sorted_link, self._rate_bps[sorted_link], sorted_bps)]
        t_s, link, rate_bps = t_s[order], link[order], rate_bps[order]  # what stays is no change
        since_s = _before(link, self._since_s[link], t_s)
        before_bps = _before(link, self._rate_bps[link], rate_bps)
        ended = (before_bps > 0) & (since_s < t_s)
        rows = np.flatnonzero(ended)[np.argsort(t_s[ended], kind="stable")]
        found = self._contacts(link[rows], since_s[rows], t_s[rows], before_bps[rows], False)
        self._since_s[link] = t_s  # of several changes the last one counts
        self._rate_bps[link] = rate_bps
        return found

    def close(self, end_s) -> ContactPlan:
        """The contacts that the end cuts."""
        links = np.flatnonzero((self._rate_bps > 0) & (self._since_s < end_s))
        stop_s = np.full(len(links), end_s)
        return self._contacts(links, self._since_s[links], stop_s, self._rate_bps[links], True)

    def _contacts(self, links, start_s, stop_s, rate_bps, is_open):
        table = self._links.links
        return contact_plan_of(
            table.from_node[links],
            table.to_node[links],
            table.kind[links],
            start_s,
            stop_s,
            rate_bps,
            self._light_times_s(links, 0.5 * (start_s + stop_s)) if len(links) else np.empty(0),
            start_s == self._start_s,
            np.full(len(links), is_open),
        )


def _before(link, known, column):
    """What was in a column before each row: the row above if it is of the same link, else what was known."""
    return np.where(np.diff(link, prepend=-1) != 0, known, np.roll(column, 1))


def light_times_s(engine, links, times_s):
    """One-way light time of each link at an instant of its own: float64 (n,)."""
    table = engine.links
    from_node, to_node = table.from_node[links], table.to_node[links]
    range_m = engine.skies.ranges_between(from_node, to_node, times_s)
    for rule in engine.plans:
        for row in np.flatnonzero(table.rule[links] == rule.index).tolist():
            position_m, _ = engine.ephemeris.state_at(times_s[row])
            ends = from_node[row : row + 1], to_node[row : row + 1]
            range_m[row] = rule.ranges_between(*ends, times_s[row], position_m)[0]
    return range_m / SPEED_OF_LIGHT_M_PER_S
