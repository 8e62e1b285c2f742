"""Tables of nodes that learn of links one after the other: news that is passed on, and contacts foretold."""

from typing import NamedTuple

import numpy as np

from lasermesh.contacts import LinkGraph
from lasermesh.experiments.foretelling import Foretold
from lasermesh.experiments.updating import Updating
from lasermesh.scenario.experiment import MAKE_FIRST, PREDICTED
from lasermesh.units import NEVER, PS_PER_S, ps_from_s


class Level:
    """What nodes know once they have heard of so many updates.

    Attributes
    ----------
    up : bool array by link id
        The links that they take to be up.
    known_ps : int64 array, shape (n_nodes,)
        From when on each node knows and has its table; NEVER where no news has come.
    used : int32 array or None
        Links of the last table made for it.
    """

    def __init__(self, up, known_ps):
        self.up = up
        self.known_ps = known_ps
        self.used = None


class News(NamedTuple):
    """A change of a link, of both directions or one, that nobody could know before."""

    time_ps: int
    first: int  # rows of the two ends
    second: int


class KnowledgeUpdating(Updating):
    """Nodes learn of changes as news reaches them; with `update = "predicted"` only of those not foreseen.

    Changes within `hold_s` of the first one are one *update*. Updates have one order, the same for all nodes:
    to know of one is to know of all before it, so that no node switches to a table before the one ahead of
    it. When all tables are made anew, and when something foretold happens, there is a table for every *level*
    of knowledge that some node is at.
    """

    def __init__(self, around):
        super().__init__(around)
        routing = around.experiment.routing
        self._detection_ps = ps_from_s(routing.detection_s)
        self._hold_ps = ps_from_s(routing.hold_s)
        self._compute_ps = ps_from_s(routing.compute_s)
        self._foresees = routing.update == PREDICTED
        self._lead_ps = ps_from_s(routing.lead_s) if routing.handover == MAKE_FIRST else 0
        self._up = np.zeros(0, bool)  # the links that are up indeed
        self._stops = Foretold(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))
        experiment = around.experiment
        self._interval_ps = ps_from_s(routing.interval_s or experiment.topology.step_s)
        self._next_due_ps = 0  # when tables are made anew next, to a ps
        self._levels = []
        self._news = []  # of the update that is being gathered

    def _update(self, start_ps, end_ps, is_due):
        if is_due:
            self._next_due_ps = start_ps + self._interval_ps
        self._grow()
        changes, foretold = self._changes_of_step(start_ps)
        if not self._levels:
            self._begin(changes.pop(start_ps, []))
        self._find_stops()
        agenda = {*changes, *foretold, *self._leaving_times(start_ps, end_ps)}
        if is_due:
            agenda.add(start_ps)
        noted = []
        for now_ps in sorted(agenda):
            noted += self._close_update(now_ps)
            self._happen(now_ps, changes.get(now_ps, []), foretold.get(now_ps, []))
            noted += self._make_tables(now_ps, is_due and now_ps == start_ps)
        return noted + self._close_update(end_ps)

    # -- what happens to links ------------------------------------------------------------------------------

    def _grow(self):
        """Make room for links that are new."""
        more = len(self._around.links.links.from_node) - len(self._up)
        self._up = np.append(self._up, np.zeros(more, bool))
        for level in self._levels:
            level.up = np.append(level.up, np.zeros(more, bool))

    def _begin(self, first_changes):
        """Have all nodes know, from the start, the links that are up then."""
        for link, up in first_changes:
            self._up[link] = up
        self._levels = [Level(self._up.copy(), np.zeros(len(self._around.is_end), np.int64))]

    def _changes_of_step(self, start_ps):
        """What links do in the step and what of it was foretold, each by instant: lists of (link, up)."""
        changes, foretold = {}, {}
        for time_ps, link, rate_bps in zip(*(c.tolist() for c in self._around.feed.changes[1:]), strict=True):
            changes.setdefault(time_ps, []).append((link, rate_bps > 0))
        if self._foresees:
            for time_ps, link, up in zip(*(c.tolist() for c in self._around.links.foretold), strict=True):
                if time_ps > start_ps or self._levels:
                    foretold.setdefault(time_ps, []).append((link, up))
        return changes, foretold

    def _find_stops(self):
        """Note which links are foretold to end, as far ahead as they are left before."""
        if self._foresees and self._lead_ps > 0:
            self._stops = self._around.links.stops()

    def _leaving_times(self, start_ps, end_ps):
        """Instants in the step at which links are left because they will end."""
        leaving_ps = self._stops.time_ps - self._lead_ps
        return leaving_ps[(leaving_ps >= start_ps) & (leaving_ps < end_ps)].tolist()

    def _happen(self, now_ps, changes, foretold):
        """Let links change; what was foretold is known to all, the rest is news."""
        was_foretold = set(foretold)
        for link, up in foretold:
            if not up:
                self._tell_all(link, False)
        for link, up in changes:
            if self._up[link] == up:
                continue
            self._up[link] = up
            if (link, up) in was_foretold:
                self._tell_all(link, up)
                continue
            table = self._around.links.links
            ends = sorted((int(table.from_node[link]), int(table.to_node[link])))
            self._news.append(News(now_ps, *ends))

    def _tell_all(self, link, up):
        for level in self._levels:
            level.up[link] = up

    # -- what nodes know -------------------------------------------------------------------------------------

    def _close_update(self, before_ps):
        """End the update that is being gathered, if its time was over before an instant, and spread it."""
        if not self._news or self._news[0].time_ps + self._hold_ps >= before_ps:
            return []
        now_ps = self._news[0].time_ps + self._hold_ps
        news, self._news = list(dict.fromkeys(self._news)), []
        if np.array_equal(self._levels[-1].up, self._up):
            return []  # all is as it was before anybody could compute anything
        level = Level(self._up.copy(), self._known_of(news, now_ps))
        self._levels.append(level)
        reached = level.known_ps != NEVER
        last_ps = int(level.known_ps[reached].max(initial=now_ps))
        self.convergence_s.append((last_ps - news[0].time_ps) / PS_PER_S)
        self._forget(now_ps)
        return self._make_table(level, level.known_ps, now_ps) if self._is_wanted(level.known_ps) else []

    def _known_of(self, news, now_ps):
        """When nodes have the table of an update: all of it that reaches them heard, and the hold over."""
        graph = self._graph(self._up, now_ps)
        n_nodes = len(self._around.is_end)
        first_ps, last_ps = np.full(n_nodes, NEVER), np.zeros(n_nodes, np.int64)
        for item in news:
            heard_ps = np.full(n_nodes, NEVER)
            heard_ps[[item.first, item.second]] = item.time_ps + self._detection_ps
            self._spread(graph, heard_ps)
            heard = heard_ps != NEVER
            first_ps = np.minimum(first_ps, heard_ps)
            last_ps[heard] = np.maximum(last_ps, heard_ps)[heard]
        known_ps = np.full(n_nodes, NEVER)
        heard = first_ps != NEVER
        known_ps[heard] = np.maximum(first_ps[heard] + self._hold_ps, last_ps[heard]) + self._compute_ps
        before_ps = self._levels[-1].known_ps
        ordered = heard & (before_ps != NEVER)
        known_ps[ordered] = np.maximum(known_ps, before_ps)[ordered]
        return known_ps

    def _catch_up(self, now_ps):
        """Let nodes that the last news did not reach, and that are linked again, learn from others."""
        newest = self._levels[-1]
        missing = newest.known_ps == NEVER
        if not missing.any():
            return
        graph = self._graph(self._up, now_ps)
        if not missing[graph.to_node].any():
            return
        tell = (newest.known_ps <= now_ps) & self._around.transit
        heard_ps = np.where(tell, now_ps, NEVER)
        self._spread(graph, heard_ps)
        found = missing & (heard_ps != NEVER)
        newest.known_ps[found] = heard_ps[found] + self._compute_ps

    def _at_level(self, now_ps):
        """For each level, from when on nodes that are at it then or later will be; NEVER for all others."""
        newest = self._levels[-1]
        next_ps = np.full(len(newest.known_ps), NEVER)
        found = []
        for level in reversed(self._levels):
            # A node that the newest news has not reached keeps the table that it has.
            at_it = (level.known_ps < next_ps) & (next_ps > now_ps) & (newest.known_ps != NEVER)
            found.append(np.where(at_it, np.maximum(level.known_ps, now_ps), NEVER))
            next_ps = np.minimum(next_ps, level.known_ps)
        return found[::-1]

    def _forget(self, now_ps):
        """Drop levels that no node is at any more."""
        at_level = self._at_level(now_ps)
        self._levels = [
            level
            for level, switch_ps in zip(self._levels, at_level, strict=True)
            if level is self._levels[-1] or (switch_ps != NEVER).any()
        ]

    # -- tables ----------------------------------------------------------------------------------------------

    def _make_tables(self, now_ps, anew):
        """Tables for every level where its links have changed, or `anew` with the ranges of the instant."""
        if not anew and not self._foresees:
            return []
        self._catch_up(now_ps)
        self._forget(now_ps)
        wanted = [
            (level, switch_ps)
            for level, switch_ps in zip(self._levels, self._at_level(now_ps), strict=True)
            if self._is_wanted(switch_ps)
        ]
        noted = []
        for level, switch_ps in wanted:
            noted += self._make_table(level, switch_ps, now_ps, anew, level is wanted[-1][0])
        return noted

    def _is_wanted(self, switch_ps):
        """Whether some node would switch before all tables are made anew."""
        return switch_ps.min() <= self._next_due_ps + 1

    def _make_table(self, level, switch_ps, now_ps, anew=True, is_noted=True):
        """Install the table of a level, unless its links are the same; the paths that it makes, if noted."""
        graph = self._usable(level.up, now_ps)
        if not anew and level.used is not None and np.array_equal(level.used, graph.link):
            return []
        level.used = graph.link
        noted_ps = int(switch_ps[switch_ps != NEVER].max()) if is_noted else None
        return self._install(graph, switch_ps, noted_ps)

    def _usable(self, up, now_ps) -> LinkGraph:
        """Links that are taken to be up, without those that will soon end."""
        stops = self._stops
        soon = stops.link[(stops.time_ps > now_ps) & (stops.time_ps <= now_ps + self._lead_ps)]
        leaving = np.zeros(len(up), bool)
        leaving[soon[soon < len(up)]] = True
        return self._graph(up, now_ps, leaving)
