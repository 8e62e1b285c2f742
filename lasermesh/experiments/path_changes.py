"""The instants at which paths change, and why: by links that go down or come up, or by their lengths."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import LinkGraph
from lasermesh.errors import UserError
from lasermesh.experiments.churn import Stay, churn_of
from lasermesh.experiments.path_finding import PathFinder
from lasermesh.experiments.paths import rows_of_pairs, sample_times
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures
from lasermesh.routing import Policy, transit_of

RESOLUTION_S = 1e-4
"""How exactly a change is found that no link's going down or coming up brings about."""

_TOLD_MS = 1e-3  # shorter steps of a round trip are left out of the text


def path_changes(
    topology,
    pairs,
    start_s: float = 0.0,
    duration_s: float = 0.0,
    step_s: float | None = None,
    policy: str | Policy = "shortest-delay",
    warn=lambda message: None,
    warm_up_s: float | None = None,
    options=None,
) -> dict:
    """The path of each pair of nodes from `start_s` on, and every change of it before `start_s + duration_s`.

    Parameters
    ----------
    topology, pairs, start_s, policy, warn, warm_up_s, options
        As for `paths`.
    duration_s : float
        More than 0.
    step_s : float, optional
        Paths are looked at in such steps and whenever a link changes; None: the topology's step.

    Returns
    -------
    result : dict
        As that of `paths`, with one sample for each change. A sample has besides `until_s`, the next change
        or the end; `delay_end_ms`, `delay_min_ms`, `delay_max_ms`, of the path until then; and `cause`:
        `{kind, from, to, delay_change_ms}`, None for the first.

    Raises
    ------
    UserError
        If a name, a time or the policy makes no sense.
    RunFailed
        If the policy's table is wrong.

    Notes
    -----
    Changes at which a link goes down, comes up or changes its rate are exact. Others, where one path becomes
    shorter than another, are found by bisection between two looks at which the paths differ, to RESOLUTION_S:
    a path that is best only between two looks, without any change of a link, is missed. A policy is asked
    with the table that was in force before, as in a run that computes tables whenever something changes.
    """
    if not duration_s > 0.0:  # nan too
        raise UserError(f"every change within a duration of {duration_s:g} s; it must be more than 0 s")
    times_s = sample_times(start_s, duration_s, topology.step_s if step_s is None else step_s)
    ephemeris = build_ephemeris(topology)
    finder = PathFinder(topology, ephemeris, rows_of_pairs(topology, pairs), policy, warn, options)
    links = link_engine(topology, ephemeris, warm_up_s, warn)
    histories = _Histories(finder, ephemeris.names)
    watch = _Watch(topology, links, finder, histories)
    for begin_s, end_s in pairwise([*times_s, start_s + duration_s]):
        watch.follow(begin_s, end_s)
    watch.finish(start_s + duration_s)
    warn_of_failures(ephemeris, warn)
    on_ground = ephemeris.is_ground[finder.ends].tolist()
    return {
        "policy": finder.policy.name,
        "paths": [
            {
                **heading,
                "samples": histories.samples[pair],
                "churn": churn_of(histories.stays[pair], on_ground[pair], duration_s, exact=True),
            }
            for pair, heading in enumerate(finder.headings())
        ],
        "memory": memory_of(links, warm_up_s),
    }


class _Changed(NamedTuple):
    """Which links changed at an instant: sets of ids."""

    down: frozenset
    up: frozenset
    rate: frozenset  # those that go on at another


_NOTHING = _Changed(frozenset(), frozenset(), frozenset())


class _UpLinks:
    """The links that are up from one change to the next, and their graph at any instant in between."""

    def __init__(self, engine, n_nodes):
        self._engine, self._n_nodes = engine, n_nodes
        self._rate_bps = np.zeros(0, dtype=np.int64)  # by id, 0 where a link is down
        self._ids = None  # of those that are up, sorted by their ends

    def rates_of(self, graph):
        """The rates of all links, by id, as a graph has them."""
        rate_bps = np.zeros(len(self._engine.links.from_node), dtype=np.int64)
        rate_bps[graph.link] = graph.rate_bps
        return rate_bps

    def differences(self, rate_bps):
        """Ids of the links that other rates, by id, would change."""
        self._grow(len(rate_bps))
        return np.flatnonzero(self._rate_bps != rate_bps)

    def set(self, link, rate_bps):
        """Give links new rates: which of them went down and came up."""
        self._grow(int(link.max(initial=-1)) + 1)
        before = self._rate_bps[link]
        self._rate_bps[link] = rate_bps  # of several changes of a link the last one counts
        after = self._rate_bps[link]
        self._ids = None
        went_down, came_up = (before > 0) & (after == 0), (before == 0) & (after > 0)
        other_rate = (before > 0) & (after > 0) & (before != after)
        return _Changed(*(frozenset(link[of].tolist()) for of in (went_down, came_up, other_rate)))

    def graph_at(self, t_s):
        """Their `LinkGraph`, without those of satellites that have no position any more."""
        table = self._engine.links
        if self._ids is None:
            ids = np.flatnonzero(self._rate_bps)
            self._ids = ids[np.lexsort((table.to_node[ids], table.from_node[ids]))]
        range_m = self._engine.ranges_at(self._ids, t_s)
        known = np.isfinite(range_m)
        ids = self._ids[known]
        from_node = table.from_node[ids]
        first = np.zeros(self._n_nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(from_node, minlength=self._n_nodes), out=first[1:])
        return LinkGraph(
            t_s,
            first,
            from_node,
            table.to_node[ids],
            ids.astype(np.int32),
            range_m[known],
            self._rate_bps[ids],
            table.kind[ids],
            table.rule[ids],
        )

    def _grow(self, n_links):
        """Make room for links that were numbered since."""
        more = n_links - len(self._rate_bps)
        if more > 0:
            self._rate_bps = np.concatenate((self._rate_bps, np.zeros(more, dtype=np.int64)))


class _Watch:
    """Looks at the paths at every step and at every change of a link, and between two that differ."""

    def __init__(self, topology, engine, finder, histories):
        self._engine, self._finder, self._histories = engine, finder, histories
        self._up = _UpLinks(engine, len(topology.node_names))
        # A link to a node that passes nothing on and that no pair ends at cannot be on a path. With a
        # hundred sites and one pair such links are nearly all that change.
        self._matters = transit_of(topology)
        self._matters[finder.ends.ravel()] = True
        self._last = None  # what was found last

    def follow(self, start_s, end_s):
        """Go on from an instant to another, which is the next one to be followed from."""
        step = self._engine.step(start_s, end_s)
        rate_bps = self._up.rates_of(step.graph)
        differ = self._up.differences(rate_bps)
        if self._last is not None and not self._may_matter(differ):
            self._refine(self._look(start_s))
            self._up.set(differ, rate_bps[differ])
        else:
            self._change(start_s, differ, rate_bps[differ])
        starts = np.flatnonzero(np.diff(step.change_s, prepend=-math.inf))
        for first, stop in pairwise([*starts.tolist(), len(step.change_s)]):
            link, rate_bps = step.change_link[first:stop], step.change_rate_bps[first:stop]
            if self._may_matter(link):
                self._change(float(step.change_s[first]), link, rate_bps)
            else:
                self._up.set(link, rate_bps)

    def finish(self, end_s):
        """Look at what there is just before the end."""
        self._refine(self._look(math.nextafter(end_s, -math.inf)))
        self._histories.close(end_s)

    def _may_matter(self, link):
        """Whether a path can use one of these links."""
        table = self._engine.links
        return bool((self._matters[table.from_node[link]] & self._matters[table.to_node[link]]).any())

    def _change(self, t_s, link, rate_bps):
        """Links change at an instant: look just before it and at it."""
        if self._last is not None:
            self._refine(self._look(math.nextafter(t_s, -math.inf)))
        changed = self._up.set(link, rate_bps)
        self._note(self._look(t_s), changed)

    def _look(self, t_s, quiet=False):
        """What is found at an instant with the links that are up now."""
        previous = None if self._last is None else self._last.table
        return self._finder.find(self._up.graph_at(t_s), previous, quiet)

    def _refine(self, found):
        """Note what was found, and before it the changes since the last look, in which no link changed."""
        while not self._same_paths(self._last, found):
            before, after = self._last, found
            while after.t_s - before.t_s > RESOLUTION_S:
                between = self._look(0.5 * (before.t_s + after.t_s), quiet=True)
                if self._same_paths(self._last, between):
                    before = between
                else:
                    after = between
            self._note(before, _NOTHING)
            self._note(after, _NOTHING)
        self._note(found, _NOTHING)

    def _note(self, found, changed):
        self._histories.add(found, changed)
        self._last = found

    @staticmethod
    def _same_paths(one, other):
        """Whether all pairs have the same paths."""
        return np.array_equal(one.routes.first, other.routes.first) and np.array_equal(
            one.routes.node, other.routes.node
        )


class _Histories:
    """The samples of every pair, one for each change, and how long each path stayed."""

    def __init__(self, finder, names):
        self._finder, self._names = finder, names
        n_pairs = len(finder.ends)
        self.samples = [[] for _ in range(n_pairs)]
        self.stays = [[] for _ in range(n_pairs)]
        self._last = None

    def add(self, found, changed):
        """Go on to what was found at an instant, `changed` being the links that changed just then."""
        fresh = None
        for pair, samples in enumerate(self.samples):
            nodes = found.routes.nodes_of(pair)
            if self._last is not None and nodes == self._last.routes.nodes_of(pair):
                self._lengthen(pair, found)
                continue
            fresh = self._finder.samples(found) if fresh is None else fresh
            sample = fresh[pair]
            cause = None if self._last is None else self._cause(pair, found, changed)
            if samples:
                samples[-1]["until_s"] = self.stays[pair][-1].until_s = found.t_s
            delay_ms = sample["delay_ms"]
            delays_ms = dict.fromkeys(("delay_end_ms", "delay_min_ms", "delay_max_ms"), delay_ms)
            samples.append(sample | {"until_s": None, **delays_ms, "cause": cause})
            stay = Stay(sample["nodes"], found.t_s)
            if nodes:
                stay.rtts_ms.append(sample["rtt_ms"])
            self.stays[pair].append(stay)
        self._last = found

    def close(self, end_s):
        """Let the last path of every pair stay until the end."""
        for samples, stays in zip(self.samples, self.stays, strict=True):
            samples[-1]["until_s"] = stays[-1].until_s = end_s

    def _lengthen(self, pair, found):
        """A path is still the same: its delay now, and the mean of its round trip over time."""
        sample, stay = self.samples[pair][-1], self.stays[pair][-1]
        if not sample["reachable"]:
            return
        delay_ms = float(found.routes.delay_s[pair]) * 1e3
        time_s = found.t_s - self._last.t_s
        stay.rtt_sum += time_s * (sample["delay_end_ms"] + delay_ms)  # twice their mean, as there and back
        stay.weight += time_s
        stay.rtts_ms.append(2.0 * delay_ms)
        sample["delay_end_ms"] = delay_ms
        sample["delay_min_ms"] = min(sample["delay_min_ms"], delay_ms)
        sample["delay_max_ms"] = max(sample["delay_max_ms"], delay_ms)

    def _cause(self, pair, found, changed):
        """Why a pair has another path than at the last look, which was just before."""
        before, after = self._links_of(self._last, pair), self._links_of(found, pair)
        lost = [link for link in before if link in changed.down]
        won = [link for link in after if link in changed.up]
        if lost:
            kind, link = "link_down", lost[0]
        elif won:
            kind, link = "link_up", won[0]
        else:
            kind, link = ("other_links" if any(changed) else "lengths"), None
        ends = found.snapshot.ends_of_link if kind == "link_up" else self._last.snapshot.ends_of_link
        names = (None, None) if link is None else tuple(self._names[row] for row in ends[link])
        change_ms = None
        if before and after:
            change_ms = float(found.routes.delay_s[pair] - self._last.routes.delay_s[pair]) * 1e3
        return {"kind": kind, "from": names[0], "to": names[1], "delay_change_ms": change_ms}

    @staticmethod
    def _links_of(found, pair):
        """Ids of the links of a path."""
        first, stop = found.routes.first[pair : pair + 2]
        return found.routes.link[first : max(first, stop - 1)].tolist()


def describe_cause(cause: dict | None) -> str:
    """A sample's `cause` in words, with the step of the round trip that came of it."""
    if cause is None:
        return "(start)"
    change_ms = 2.0 * (cause["delay_change_ms"] or 0.0)
    by = f", {change_ms:+.3f} ms" if abs(change_ms) >= _TOLD_MS else ""
    if cause["kind"] == "lengths":
        return f"lengths changed{by}"
    if cause["kind"] == "other_links":
        return f"other links changed{by}"
    event = "went down" if cause["kind"] == "link_down" else "came up"
    return f"{cause['from']} > {cause['to']} {event}{by}"
