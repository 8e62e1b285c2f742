"""What the packet engine is told step by step: links, their delays, and what changes when."""

import hashlib
import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lasermesh.experiments.fault_overlay import LinkChanges, overlay
from lasermesh.experiments.queueing import NO_LIMIT
from lasermesh.packets import Step
from lasermesh.packets import state as kinds
from lasermesh.traffic.flows import scaled_rates_bps
from lasermesh.units import PS_PER_S, SPEED_OF_LIGHT_M_PER_S

WORST_MISS_M = 1000.0
"""Error of ranges within a step from which on the user is warned."""


def lasting_graph(step, n_links, is_end):
    """The links of a `LinkStep` that are up at its start, without those that are known to go down within it.

    Known is what orbits, plans and choices foretell; losses, clouds and failures come as a surprise.
    `n_links` is the number of links known by now, `is_end` as for `without`.
    """
    ends = np.zeros(n_links, bool)
    ends[step.change_link[step.change_foreseen & (step.change_rate_bps == 0)]] = True
    return without(step.graph, ends, is_end)


def without(graph, ends, is_end):
    """A graph without links that will soon go down (bool by link id).

    Links stay that are the last out of a node, for what is on its way there, and the last into one where
    a flow begins or ends (`is_end`, bool (n_nodes,)): until they go down they are better than none.
    """
    ending = ends[graph.link]
    if not ending.any():
        return graph
    last_out = np.bincount(graph.from_node[~ending], minlength=len(is_end)) == 0
    last_in = is_end & (np.bincount(graph.to_node[~ending], minlength=len(is_end)) == 0)
    stay = ~ending | last_out[graph.from_node] | last_in[graph.to_node]
    return _part_of(graph, stay)


def ps_within_step(t_s, start_s, start_ps, end_ps):
    """Instants after a step's beginning in ps; rounded, but not out of the step."""
    after_ps = np.rint((t_s - start_s) * PS_PER_S).astype(np.int64)
    return np.clip(start_ps + after_ps, start_ps + 1, end_ps - 1)


def _part_of(graph, stay):
    """The links of a graph that stay (bool array)."""
    n_nodes = len(graph.first) - 1
    first = np.concatenate(([0], np.cumsum(np.bincount(graph.from_node[stay], minlength=n_nodes))))
    columns = ("from_node", "to_node", "link", "range_m", "rate_bps", "kind", "rule")
    return replace(
        graph, first=first.astype(np.int64), **{name: getattr(graph, name)[stay] for name in columns}
    )


class _FedStep(NamedTuple):
    """A step as it is told to the engine, and what of it is asked for while it goes on."""

    step: Step
    changes: LinkChanges
    limits: tuple  # links, packets, bytes: queue limits from its beginning on
    missed: tuple  # links, and how far off their ranges are in its middle, in m


class LinkFeed:
    """Turns the links of successive steps into what the engine needs to know.

    A step is begun, and may be prepared, while the one before it still goes on; `hand_over` makes it the
    present one.

    Parameters
    ----------
    experiment : Experiment
    links : LinkEngine
    engine : PacketEngine
    queues : Queues
    watch : function
        Called with ends, kinds and rates of new links, returns their taps.
    is_end : bool array, shape (n_nodes,)
        Where flows begin or end.
    faults : Faults, optional

    Attributes
    ----------
    graph : LinkGraph
        At the beginning of the step that was begun last.
    lasting_graph : LinkGraph
        The same without links of which it is known that they will not last the step.
    rate_bps : int64 array, shape (n_links,)
        By link id, at the same instant; 0 where a link is down.
    full_rate_bps : int64 array, shape (n_links,)
        By link id, before scaling: what a link had when it was up last, the step looked at included.
    changes : LinkChanges
        Of the step that was begun last, those at its beginning included.
    longest_miss_m : float
        How far a range, linear in time within its step, has been off in the middle of a step, of links that
        were in use then.
    """

    def __init__(self, experiment, links, engine, queues, watch, is_end, faults=None):
        self._is_end = is_end
        self.graph = self.lasting_graph = None
        self.changes = None
        self.rate_bps = np.zeros(0, np.int64)
        self.full_rate_bps = np.zeros(0, np.int64)
        self.longest_miss_m = 0.0
        self._experiment = experiment
        self._links = links
        self._engine = engine
        self._queues = queues
        self._watch = watch
        self._faults = faults
        if faults is not None and faults.need_terminals:
            links.follow_terminals = True
        self._coming = self._present = None  # _FedStep
        self._staged = None  # the coming step as the engine prepared it
        # Changes within a step that change queue limits too, EngineChanges: of both.
        self._late_coming = self._late = None
        self._rate_at_end = np.zeros(0, np.int64)
        self._limit_bps = np.zeros(0, np.int64)  # rate to which the queue limits of each link go; 0: none yet
        self._ever_up = np.zeros(0, bool)
        self._hash = hashlib.sha256()

    @property
    def link_graph_sha256(self):
        """Hash of everything the engine was told about links."""
        return self._hash.hexdigest()

    @property
    def n_links(self):
        """Directed links that have been up at some time."""
        return int(self._ever_up.sum())

    def begin(self, start_s, end_s, start_ps, end_ps):
        """Look at the step from `start_s` to `end_s`, in s since the topology's epoch.

        The engine knows its links from here on; `hand_over` lets it begin, once it has its tables. Until then
        `changes_before`, `next_limits_ps` and what else is asked of the present step are the last one's.
        """
        step = self._links.step(start_s, end_s)
        ids = step.graph.link.astype(np.int64)
        rate_bps = self._scaled(step.graph.rate_bps)
        inner = self._inner_changes(step, start_s, start_ps, end_ps)
        self._add_new_links(np.append(ids, inner.link), np.append(rate_bps, inner.rate_bps))
        self.full_rate_bps[ids] = step.graph.rate_bps
        is_up = step.change_rate_bps > 0
        self.full_rate_bps[step.change_link[is_up]] = step.change_rate_bps[is_up]
        of_nodes = {}
        if self._faults is not None:
            of_nodes = self._faults.begin(start_ps, end_ps)._asdict()
            stay, inner = self._overlaid(ids, rate_bps, inner, start_s, start_ps)
            step = step._replace(graph=_part_of(step.graph, stay))
            ids, rate_bps = ids[stay], rate_bps[stay]
        self.graph = step.graph
        self.lasting_graph = lasting_graph(step, len(self._links.links.from_node), self._is_end)
        first = self._first_changes(ids, rate_bps, start_s, start_ps)
        self.changes = LinkChanges(*map(np.concatenate, zip(first, inner, strict=True)))
        rows = engine_changes(self.changes, self._rate_at_end)
        limits = self._limits_of(rows, start_ps)
        self._follow(ids, rate_bps, inner)
        up = np.union1d(ids, inner.link)
        delay_start, delay_end, missed = self._delays(up, inner, start_s, end_s)
        step = Step(start_ps, end_ps, up, delay_start, delay_end, *rows, **of_nodes)
        self._coming = _FedStep(step, self.changes, limits, missed)
        for array in (np.array([start_ps, end_ps]), ids, rate_bps, *inner[1:], delay_start, delay_end):
            self._hash.update(np.ascontiguousarray(array, np.int64).tobytes())

    def prepare(self):
        """Have the engine compute what it can of the step that was looked at; it has its tables."""
        self._staged = self._engine.prepare_step(self._coming.step)

    def hand_over(self):
        """Let the engine begin the step that was looked at: it is the present one from here on."""
        if self._staged is None:
            self.prepare()
        self._engine.set_limits(*self._coming.limits)
        self._engine.enter_step(self._staged)
        self._present, self._late, self._staged = self._coming, self._late_coming, None
        if self._faults is not None:
            self._faults.enter()

    def changes_before(self, clock_ps):
        """The changes of the present step that have happened by now: those before an instant."""
        happened = self._present.changes.time_ps < clock_ps
        return LinkChanges(*(column[happened] for column in self._present.changes))

    @property
    def stops_at_start(self):
        """Whether links stop at the very beginning of the present step."""
        step = self._present.step
        return bool((step.change_ps[step.change_kind == kinds.CHANGE_STOP] == step.start_ps).any())

    @property
    def next_limits_ps(self):
        """When queue limits change next within the present step, for which the engine must halt, or NEVER."""
        return int(self._late.time_ps[0] if len(self._late.link) else kinds.NEVER)

    def change_limits(self):
        """Put the queue limits of that instant in force, which the engine has reached."""
        due = self._late.time_ps == self._late.time_ps[0]
        links, rate_bps = self._late.link[due], self._late.rate_bps[due]
        self._engine.set_limits(links, *self._queues.limits(links, rate_bps))
        self._late = EngineChanges(*(column[~due] for column in self._late))

    def most_waiting(self):
        """Most that can wait for every link, by id, with its rate at the step's beginning: `MostWaiting`."""
        return self._queues.most_waiting(np.arange(len(self.rate_bps)), self.rate_bps)

    @property
    def missed(self):
        """Links of the present step, and how far ranges of each are off in its middle: ids and m."""
        return self._present.missed

    def note_used(self, used, missed):
        """Links (ids) were in use in a step with this `missed`: how far off their ranges are counts."""
        links, miss_m = missed
        miss_m = miss_m[np.isin(links, used) & np.isfinite(miss_m)]
        self.longest_miss_m = max(self.longest_miss_m, float(miss_m.max(initial=0.0)))

    def complaints(self, step_s):
        """A sentence on how far ranges were off within steps of `step_s`, if that is far."""
        miss_m = self.longest_miss_m
        if miss_m > WORST_MISS_M:
            yield (
                f"ranges are taken as linear within a step of {step_s:g} s, which misses by up to "
                f"{miss_m / 1e3:.1f} km; topology.step_s = {_good_step_s(step_s, miss_m):g} would keep it "
                "below 1 km"
            )

    def _scaled(self, rate_bps):
        """Rates times `packets.scale`; what is down stays down."""
        up = np.asarray(rate_bps) > 0
        scaled = np.zeros(len(up), np.int64)
        scaled[up] = scaled_rates_bps(rate_bps[up], self._experiment.packets.scale)
        return scaled

    def _inner_changes(self, step, start_s, start_ps, end_ps):
        """What changes within a step after its beginning."""
        time_ps = ps_within_step(step.change_s, start_s, start_ps, end_ps)
        rate_bps = self._scaled(step.change_rate_bps)
        return LinkChanges(step.change_s, time_ps, step.change_link.astype(np.int64), rate_bps)

    def _overlaid(self, ids, rate_bps, inner, start_s, start_ps):
        """Which links are up at the start with the faults of the step, and what changes after it."""
        failures = self._faults.failures(self._links.links, self._links.holdings, start_s, start_ps)
        return overlay(ids, rate_bps, inner, failures, start_s, start_ps)

    def _first_changes(self, ids, rate_bps, start_s, start_ps):
        """What changes at the beginning of a step, against the end of the one before; stops come first."""
        after = np.zeros_like(self._rate_at_end)
        after[ids] = rate_bps
        link = np.flatnonzero(self._rate_at_end != after)
        link = link[np.argsort(after[link] > 0, kind="stable")]
        return LinkChanges(np.full(len(link), start_s), np.full(len(link), start_ps), link, after[link])

    def _follow(self, ids, rate_bps, inner):
        """Remember the rates at the beginning and at the end of the step."""
        self.rate_bps = np.zeros_like(self._rate_at_end)
        self.rate_bps[ids] = rate_bps
        self._rate_at_end = self.rate_bps.copy()
        self._rate_at_end[inner.link] = inner.rate_bps  # of several changes of a link the last one counts
        self._ever_up[ids] = True
        self._ever_up[inner.link[inner.rate_bps > 0]] = True

    def _add_new_links(self, ids, rate_bps):
        """Tell the engine of links that the contacts room has numbered since the last step."""
        table = self._links.links
        known = self._engine.n_links
        if len(table.from_node) == known:
            return
        rows = slice(known, len(table.from_node))
        rate_of = np.zeros(len(table.from_node), np.int64)
        rate_of[ids[::-1]] = rate_bps[::-1]  # of several rates of a link the first one counts
        taps = self._watch(table.from_node[rows], table.to_node[rows], table.kind[rows], rate_of[rows])
        ends = table.from_node[rows], table.to_node[rows]
        queues = self._queues.add(*ends, table.rule[rows])
        self._engine.add_links(*ends, NO_LIMIT, NO_LIMIT, taps, queues=queues)
        new = np.zeros(len(table.from_node) - known, np.int64)
        self._rate_at_end = np.concatenate([self._rate_at_end, new])
        self.full_rate_bps = np.concatenate([self.full_rate_bps, new])
        self._limit_bps = np.concatenate([self._limit_bps, new])
        self._ever_up = np.concatenate([self._ever_up, new.astype(bool)])

    def _limits_of(self, rows, start_ps):
        """Queue limits from the beginning on of links that start or change rate: ids, packets, bytes.

        Notes those that must wait.

        A link that is down until its first start within the step can have its limit at once. Where a link is
        up before, another limit must not hold before the other rate does: see `change_limits`. One that comes
        back with the rate that it had keeps its limit, so that failures do not make the engine halt.
        """
        by_link = np.lexsort((rows.time_ps, rows.link))
        first = np.zeros(len(by_link), bool)
        first[by_link[np.flatnonzero(np.diff(rows.link[by_link], prepend=-1))]] = True
        starts = rows.kind == kinds.CHANGE_START
        now = (rows.kind != kinds.CHANGE_STOP) & ((rows.time_ps == start_ps) | (first & starts))
        late = ~now & self._is_other_limit(rows) & self._queues.go_with_rate(rows.link)
        order = np.flatnonzero(late)[np.argsort(rows.time_ps[late], kind="stable")]
        self._late_coming = EngineChanges(*(column[order] for column in rows))
        return rows.link[now], *self._queues.limits(rows.link[now], rows.rate_bps[now])

    def _is_other_limit(self, rows):
        """Which changes give a link another rate than the last one that it had; notes the last ones."""
        up = np.flatnonzero(rows.kind != kinds.CHANGE_STOP)
        link, rate_bps = rows.link[up], rows.rate_bps[up]
        is_first = np.diff(link, prepend=-1) != 0
        before = np.where(is_first, self._limit_bps[link], np.roll(rate_bps, 1))
        self._limit_bps[link] = rate_bps  # of several of a link the last one counts
        is_other = np.zeros(len(rows.link), bool)
        is_other[up] = before != rate_bps
        return is_other

    def _delays(self, links, inner, start_s, end_s):
        """Delays in ps at both ends of the step, and of which links the line between them misses how far.

        The end counts as just before it: a contact of a plan that begins there may have another light time.
        """
        end_s = np.nextafter(end_s, start_s)
        range_start_m = self._links.ranges_at(links, start_s)
        range_end_m = self._links.ranges_at(links, end_s)
        self._extend(range_start_m, range_end_m, links, inner, start_s, end_s)
        middle_m = self._links.ranges_at(links, 0.5 * (start_s + end_s))
        missed = links, np.abs(middle_m - 0.5 * (range_start_m + range_end_m))
        ps_per_m = PS_PER_S / SPEED_OF_LIGHT_M_PER_S
        delays = (np.rint(metres * ps_per_m).astype(np.int64) for metres in (range_start_m, range_end_m))
        return *delays, missed

    def _extend(self, range_start_m, range_end_m, links, inner, start_s, end_s):
        """Go on in a straight line where a satellite fails within the step, from when its link went down."""
        for row in np.flatnonzero(~np.isfinite(range_end_m)):
            stops_s = inner.t_s[(inner.link == links[row]) & (inner.rate_bps == 0)]
            range_end_m[row] = range_start_m[row]
            if len(stops_s):
                last_s = np.nextafter(stops_s[-1], start_s)
                last_m = self._links.ranges_at(links[row : row + 1], last_s)[0]
                slope = (last_m - range_start_m[row]) / (last_s - start_s)
                if np.isfinite(slope):
                    range_end_m[row] += slope * (end_s - start_s)


def _good_step_s(step_s, miss_m):
    """A step that misses ranges by less than WORST_MISS_M, in two digits: the miss grows with its square."""
    longest_s = 0.95 * step_s * (WORST_MISS_M / miss_m) ** 0.5
    digit = 10.0 ** (math.floor(math.log10(longest_s)) - 1)
    return math.floor(longest_s / digit) * digit


class EngineChanges(NamedTuple):
    """Changes as the packet engine wants them, sorted by link, then time, stops before starts."""

    time_ps: np.ndarray  # int64 (n,)
    link: np.ndarray  # int64 (n,)
    kind: np.ndarray  # int64 (n,)
    rate_bps: np.ndarray  # int64 (n,)


def engine_changes(changes, rate_before_bps):
    """What the engine must do so that every link has the rates of `LinkChanges` from their instants on.

    Parameters
    ----------
    changes : LinkChanges
        Of several changes of one link at one instant the last one counts; a stop among them empties its
        queue all the same.
    rate_before_bps : int64 array by link id
        Before the first change.

    Returns
    -------
    changes : EngineChanges
    """
    order = np.lexsort((changes.time_ps, changes.link))  # stable: what came first stays first
    time_ps, link, rate_bps = (column[order] for column in changes[1:])
    if not len(link):
        return EngineChanges(time_ps, link, link, rate_bps)
    other_link = np.diff(link, prepend=-1) != 0
    first = np.flatnonzero(other_link | (np.diff(time_ps, prepend=-1) != 0))
    last = np.append(first[1:], len(link)) - 1
    after = rate_bps[last]
    before = np.where(other_link[first], rate_before_bps[link[first]], np.roll(after, 1))
    falls = np.minimum.reduceat(rate_bps, first) == 0
    stop = falls & (before > 0)
    start = (after > 0) & (falls | (before == 0))
    change = (after > 0) & ~start & (after != before)
    found = [
        EngineChanges(time_ps[last][which], link[last][which], np.full(which.sum(), kind), rate)
        for which, kind, rate in (
            (stop, kinds.CHANGE_STOP, np.zeros(stop.sum(), np.int64)),
            (start, kinds.CHANGE_START, after[start]),
            (change, kinds.CHANGE_RATE, after[change]),
        )
    ]
    rows = EngineChanges(*map(np.concatenate, zip(*found, strict=True)))
    order = np.lexsort((rows.kind, rows.time_ps, rows.link))
    return EngineChanges(*(column[order] for column in rows))
