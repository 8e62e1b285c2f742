"""Contact plans: from when to when each link is up."""

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
    log = _OpenContacts(engine, ephemeris, start_s)
    t_s = start_s
    while t_s < stop_s:
        until_s = min(t_s + _CHUNK_S, stop_s)
        step = engine.step(t_s, until_s)
        yield from log.note(step)
        t_s = until_s
        if on_progress is not None:
            on_progress(t_s)
    yield log.close(stop_s)


def contact_plan(*arguments, **named) -> ContactPlan:
    """All that `iterate_contacts` yields, sorted by (from, to, start)."""
    parts = list(iterate_contacts(*arguments, **named))
    nothing = contact_plan_of(*([],) * 9)
    return ContactPlan(*(np.concatenate(column) for column in zip(nothing, *parts, strict=True))).sorted()


class _OpenContacts:
    """Contacts that have begun, by link."""

    def __init__(self, engine, ephemeris, start_s):
        self._engine = engine
        self._ephemeris = ephemeris
        self._start_s = start_s
        self._since_s = np.zeros(0)
        self._rate_bps = np.zeros(0, np.int64)
        self._ended = []

    def note(self, step):
        """Take in a step; yields the contacts that end in it."""
        self._make_room()
        # What changes at the very start of a step is told by its graph alone.
        before = self._rate_bps.copy()
        now = np.zeros_like(before)
        now[step.graph.link] = step.graph.rate_bps
        changed = np.flatnonzero(before != now)
        self._change(changed, np.full(len(changed), step.graph.t_s), now[changed])
        # A link may change several times in a step: each first change, then each second, and so on.
        order = np.arange(len(step.change_s))
        while len(order):
            _, first = np.unique(step.change_link[order], return_index=True)
            rows = order[np.sort(first)]
            self._change(step.change_link[rows], step.change_s[rows], step.change_rate_bps[rows])
            order = np.setdiff1d(order, rows)
        yield from self._drain()

    def close(self, stop_s):
        """The contacts that the end cuts."""
        links = np.flatnonzero(self._rate_bps > 0)
        return self._contacts(links, np.full(len(links), stop_s), True)

    def _make_room(self):
        more = len(self._engine.links.from_node) - len(self._since_s)
        self._since_s = np.concatenate((self._since_s, np.zeros(more)))
        self._rate_bps = np.concatenate((self._rate_bps, np.zeros(more, np.int64)))

    def _change(self, links, times_s, rates_bps):
        """Links change to these rates at these instants, each once."""
        changed = self._rate_bps[links] != rates_bps
        links, times_s, rates_bps = links[changed], times_s[changed], rates_bps[changed]
        were_up = self._rate_bps[links] > 0
        if were_up.any():
            self._ended.append(self._contacts(links[were_up], times_s[were_up], False))
        self._since_s[links] = times_s
        self._rate_bps[links] = rates_bps

    def _drain(self):
        ended, self._ended = self._ended, []
        return ended

    def _contacts(self, links, stop_s, is_open):
        table = self._engine.links
        start_s = self._since_s[links]
        return contact_plan_of(
            table.from_node[links],
            table.to_node[links],
            table.kind[links],
            start_s,
            stop_s,
            self._rate_bps[links],
            light_times_s(self._engine, links, 0.5 * (start_s + stop_s)),
            start_s == self._start_s,
            np.full(len(links), is_open),
        )


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
