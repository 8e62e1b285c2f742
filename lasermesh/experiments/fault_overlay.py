"""What failed nodes, links and terminals do to the links that a topology has.

A link is up if its topology gives it a rate and nothing that it needs has failed: neither end, not the link
itself, and no terminal that it has at the time. Its rule does not choose another because of a failure: the
topology alone fixes choices.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.experiments.faults import LINK, NODE, TERMINAL, FaultTally, FaultTimeline
from lasermesh.units import NONE, PS_PER_S


class LinkChanges(NamedTuple):
    """Links that come up, go down or change rate, in order of time; row i is one change of one link."""

    t_s: np.ndarray  # float64 (n,)  since the topology's epoch
    time_ps: np.ndarray  # int64 (n,)  the same since the experiment's start
    link: np.ndarray  # int64 (n,)
    rate_bps: np.ndarray  # int64 (n,)  from then on; 0: down


class Failures(NamedTuple):
    """How many things that links need have failed: at the start of a step, and how that changes within it."""

    at_start: np.ndarray  # int64 (n_links,)
    time_ps: np.ndarray  # int64 (n,)  after the step's start
    link: np.ndarray  # int64 (n,)
    more: np.ndarray  # int64 (n,)  so many more, or fewer, from then on


class NodeChanges(NamedTuple):
    """Nodes that fail or are repaired, in order of time, as `packets.Step` has them."""

    node_change_ps: np.ndarray  # int64 (n,)
    node_change_node: np.ndarray  # int64 (n,)
    node_change_up: np.ndarray  # int64 (n,)  0 where it fails


def overlay(up, rate_bps, inner, failures, start_s, start_ps):
    """The links of a step with what failures do to them.

    Parameters
    ----------
    up, rate_bps : int64 arrays, shape (n,)
        Links that the topology has up at the start of the step, and their rates.
    inner : LinkChanges
        What the topology changes after it.
    failures : Failures
    start_s, start_ps : float, int
        The start, since the topology's epoch and since the run's start.

    Returns
    -------
    stay : bool array, shape (n,)
        Which of `up` are up.
    inner : LinkChanges
        What changes after the start.
    """
    affected = failures.at_start > 0
    affected[failures.link] = True
    stay = failures.at_start[up] == 0
    if not affected[up].any() and not affected[inner.link].any():
        return stay, inner
    links = np.flatnonzero(affected)
    first_rate = np.zeros(len(affected), np.int64)
    first_rate[up] = rate_bps
    theirs = affected[inner.link]
    n_links, n_inner, n_more = len(links), int(theirs.sum()), len(failures.link)
    # At one instant: what fails, then what the topology says, then what is repaired, so that a link that
    # always lacks one thing or another is never up between.
    order = np.concatenate([np.full(n_links, -2), np.zeros(n_inner), np.where(failures.more > 0, -1, 1)])
    time_ps = np.concatenate([np.full(n_links, start_ps), inner.time_ps[theirs], failures.time_ps])
    t_s = np.concatenate([np.full(n_links, start_s), inner.t_s[theirs], _t_s(failures, start_s, start_ps)])
    link = np.concatenate([links, inner.link[theirs], failures.link])
    rate = np.concatenate([first_rate[links], inner.rate_bps[theirs], np.zeros(n_more, np.int64)])
    more = np.concatenate([failures.at_start[links], np.zeros(n_inner, np.int64), failures.more])
    of_topology = np.arange(len(link)) < n_links + n_inner
    rows = np.lexsort((order, time_ps, link))
    t_s, time_ps, link, rate, more = (column[rows] for column in (t_s, time_ps, link, rate, more))
    of_topology, is_first = of_topology[rows], order[rows] == -2

    # Each link's first row holds what is so at the start, so that sums and rates carry over no link's end.
    first_row = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0))
    total = np.cumsum(more)
    failed = total - (total - more)[first_row] > 0
    rate = rate[np.maximum.accumulate(np.where(of_topology, np.arange(len(rows)), 0))]
    rate = np.where(failed, 0, rate)
    told = ~is_first & (rate != np.roll(rate, 1))
    found = [
        np.concatenate(columns)
        for columns in zip(
            (column[~theirs] for column in inner),
            (column[told] for column in (t_s, time_ps, link, rate)),
            strict=True,
        )
    ]
    by_time = np.argsort(found[1], kind="stable")
    return stay, LinkChanges(*(column[by_time] for column in found))


def _t_s(failures, start_s, start_ps):
    return start_s + (failures.time_ps - start_ps) / PS_PER_S


class Faults:
    """The faults of a run, step by step.

    Parameters
    ----------
    faults : sequence of Fault
    seed : int
    n_nodes : int

    Attributes
    ----------
    need_terminals : bool
        Whether the holdings of terminals have to be known.
    """

    def __init__(self, faults, seed, n_nodes):
        self._faults = tuple(faults)
        self._kind = np.array([fault.kind for fault in self._faults], np.int64)
        self._first = np.array([fault.first for fault in self._faults], np.int64)
        self._second = np.array([fault.second for fault in self._faults], np.int64)
        self._both_ways = np.array([fault.both_ways for fault in self._faults], bool)
        self._n_nodes = n_nodes
        self._timeline = FaultTimeline(self._faults, seed)
        self._tally = FaultTally(self._faults)
        self._failed = np.zeros(len(self._faults), bool)  # before the events of the step
        self._events = self._present = self._timeline.before(0)  # of the step begun, and of the present one
        self.need_terminals = bool((self._kind == TERMINAL).any())

    def begin(self, start_ps, end_ps):
        """Look at the next step, `[start_ps, end_ps)`: what happens to nodes in it (`NodeChanges`)."""
        self._failed = self._after(self._events)
        self._events = self._timeline.before(end_ps)
        return self._node_changes()

    def enter(self):
        """The step that was looked at is the present one."""
        self._present = self._events

    def count_until(self, clock_ps):
        """Count what has happened of the present step, which is over, or was left at an instant."""
        self._tally.add(self._present.until(clock_ps - 1))

    def summary(self, end_ps):
        """See `FaultTally.summary`."""
        return self._tally.summary(end_ps)

    def failures(self, table, holdings, start_s, start_ps):
        """What the things that links need do in the step: `Failures`.

        Parameters
        ----------
        table : LinkTable
            Of all links known.
        holdings : list of contacts.Holding
            Which terminals they have over the step; may be empty unless `need_terminals`.
        start_s, start_ps : float, int
        """
        failed = self._after(self._events.until(start_ps))
        inner = self._events.after(start_ps)
        found = [_NOTHING]
        at_start = self._ends_failed(failed, table) + self._links_failed(failed, table)
        for time_ps, fault, fails in zip(*inner, strict=True):
            if self._kind[fault] != TERMINAL:
                found.append(_rows(time_ps, self._links_of(fault, table), 1 if fails else -1))
        if self.need_terminals:
            periods = [_HeldLinks(holding, table, self._n_nodes) for holding in holdings]
            since_ps = [start_ps + round((holding.since_s - start_s) * PS_PER_S) for holding in holdings[1:]]
            at_start = at_start + periods[0].count(self._terminals_failed(failed))
            found += self._terminal_changes(failed, inner, periods, since_ps)
        return Failures(at_start, *np.concatenate(found, axis=1))

    def _after(self, events):
        """What is failed after events of the step."""
        failed = self._failed.copy()
        failed[events.fault] = events.fails  # of several the last one counts
        return failed

    def _node_changes(self):
        """Nodes that go down or up in the step; one that two faults name is down while either lasts."""
        count = np.bincount(self._first[self._failed & (self._kind == NODE)], minlength=self._n_nodes)
        found = {}
        for time_ps, fault, fails in zip(*self._events, strict=True):
            if self._kind[fault] == NODE:
                node = self._first[fault]
                was_up = count[node] == 0
                count[node] += 1 if fails else -1
                if (count[node] == 0) != was_up:
                    found[time_ps, node] = not was_up
        time_ps, node = np.array(list(found), np.int64).reshape(-1, 2).T
        return NodeChanges(time_ps, node, np.array(list(found.values()), np.int64))

    def _ends_failed(self, failed, table):
        """Failed faults of the two ends of each link."""
        count = np.bincount(self._first[failed & (self._kind == NODE)], minlength=self._n_nodes)
        return count[table.from_node] + count[table.to_node]

    def _links_failed(self, failed, table):
        """Failed faults of each link itself."""
        which = failed & (self._kind == LINK)
        back = which & self._both_ways
        first = np.concatenate([self._first[which], self._second[back]])
        second = np.concatenate([self._second[which], self._first[back]])
        if not len(first):
            return np.zeros(len(table.from_node), np.int64)
        keys, counts = np.unique(first * self._n_nodes + second, return_counts=True)
        wanted = table.from_node.astype(np.int64) * self._n_nodes + table.to_node
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, counts[place], 0)

    def _links_of(self, fault, table):
        """Links that a failed node or link takes down."""
        first, second = self._first[fault], self._second[fault]
        if self._kind[fault] == NODE:
            return np.flatnonzero((table.from_node == first) | (table.to_node == first))
        found = (table.from_node == first) & (table.to_node == second)
        if self._both_ways[fault]:
            found |= (table.from_node == second) & (table.to_node == first)
        return np.flatnonzero(found)

    def _terminals_failed(self, failed):
        """Keys of failed terminals, one for each fault."""
        which = failed & (self._kind == TERMINAL)
        return self._first[which] + self._second[which] * self._n_nodes

    def _terminal_changes(self, failed, inner, periods, since_ps):
        """Changes by terminals that fail or are repaired, and by links that get other ones."""
        found = []
        for index, period in enumerate(periods):
            until_ps = since_ps[index] if index < len(since_ps) else _LAST
            # What falls on the instant of a choice happens to the terminals that links had before it.
            mine = inner.until(until_ps)
            inner = inner.after(until_ps)
            for time_ps, fault, fails in zip(*mine, strict=True):
                if self._kind[fault] == TERMINAL:
                    key = self._terminals_failed(np.arange(len(failed)) == fault)
                    links = np.flatnonzero(period.count(key))
                    found.append(_rows(time_ps, links, 1 if fails else -1))
                failed = failed.copy()
                failed[fault] = fails
            if index < len(since_ps):
                keys = self._terminals_failed(failed)
                change = periods[index + 1].count(keys) - period.count(keys)
                links = np.flatnonzero(change)
                found.append(_rows(until_ps, links, change[links]))
        return found


_NOTHING = np.zeros((3, 0), np.int64)
_LAST = np.iinfo(np.int64).max


def _rows(time_ps, links, more):
    """Rows of `Failures` for links at one instant."""
    return np.stack([np.full(len(links), time_ps), links, np.broadcast_to(more, len(links))])


class _HeldLinks:
    """The terminals that links have while one `Holding` lasts."""

    def __init__(self, holding, table, n_nodes):
        self._n_links = len(table.from_node)
        first, second, rule = (np.asarray(column, np.int64) for column in holding[1:4])
        link = _lookup(table, n_nodes, np.append(first, second), np.append(second, first), np.tile(rule, 2))
        terminals = np.asarray(holding[4:], np.int64)
        key = np.where(terminals == NONE, NONE, np.stack([first, second]) + terminals * n_nodes)
        # Each direction of a link needs the terminals at both of its ends.
        self._link = np.tile(link, 2)
        self._key = np.concatenate([np.tile(key[0], 2), np.tile(key[1], 2)])
        known = (self._link != NONE) & (self._key != NONE)
        self._link, self._key = self._link[known], self._key[known]

    def count(self, failed):
        """How many of `failed` (keys of terminals) each link has: int64 (n_links,)."""
        if not len(failed):
            return np.zeros(self._n_links, np.int64)
        keys, times = np.unique(failed, return_counts=True)
        place = np.minimum(np.searchsorted(keys, self._key), len(keys) - 1)
        times = np.where(keys[place] == self._key, times[place], 0)
        return np.bincount(self._link, weights=times, minlength=self._n_links).astype(np.int64)


def _lookup(table, n_nodes, from_node, to_node, rule):
    """Ids of links by their ends and rule, NONE where there is none: int64 (n,)."""
    n_rules = 1 + max(int(table.rule.max(initial=0)), int(rule.max(initial=0)))

    def key_of(from_node, to_node, rule):
        return (from_node.astype(np.int64) * n_nodes + to_node) * n_rules + rule

    known = key_of(table.from_node, table.to_node, table.rule)
    order = np.argsort(known)
    wanted = key_of(from_node, to_node, rule)
    if not len(known):
        return np.full(len(wanted), NONE, np.int64)
    place = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    return np.where(known[place] == wanted, place, NONE)
