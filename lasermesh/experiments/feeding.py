"""What the packet engine is told step by step: links, their delays, and what changes."""

import hashlib
from typing import NamedTuple

import numpy as np

from lasermesh.packets import Step
from lasermesh.packets import state as kinds
from lasermesh.traffic.flows import scaled_rates_bps
from lasermesh.units import PS_PER_S, SPEED_OF_LIGHT_M_PER_S

DEFAULT_QUEUE_S = 0.05
NO_LIMIT = 2**62


class QueueLimits(NamedTuple):
    """Queue keys in force for the links of one rule; None: not given."""

    packets: int | None
    bytes: int | None

    def at(self, rate_bps, scale):
        """Limits of links of a rate: int64 arrays of packets and bytes."""
        rate_bps = np.asarray(rate_bps)
        if self.packets is None and self.bytes is None:
            limit_bytes = np.rint(rate_bps * (DEFAULT_QUEUE_S / 8)).astype(np.int64)
        else:
            limit = NO_LIMIT if self.bytes is None else round(self.bytes * scale)
            limit_bytes = np.full(rate_bps.shape, limit, np.int64)
        limit_packets = np.full(rate_bps.shape, NO_LIMIT if self.packets is None else self.packets, np.int64)
        return limit_packets, limit_bytes


def queue_limits_of(experiment):
    """Queue limits by link rule: those of the rule if it has any, else those of the experiment."""
    packets = experiment.packets
    found = []
    for rule in experiment.topology.links:
        of = rule if rule.queue_packets is not None or rule.queue_bytes is not None else packets
        found.append(QueueLimits(of.queue_packets, of.queue_bytes))
    return found


class LinkFeed:
    """Turns the link graphs of successive steps into what the engine needs to know.

    Attributes
    ----------
    graph : LinkGraph
        Of the step that was begun last.
    rate_bps : int64 array, shape (n_links,)
        By link id, in that step; 0 where a link is down.
    longest_miss_m : float
        How far a range, linear in time within its step, has been off in the middle of a step.
    """

    def __init__(self, experiment, links, engine, watch):
        self.graph = None
        self.longest_miss_m = 0.0
        self._experiment = experiment
        self._links = links
        self._engine = engine
        self._watch = watch  # called with ends, kinds and rates of new links, returns their taps
        self._step = None
        self._limits = queue_limits_of(experiment)
        self.rate_bps = np.zeros(0, np.int64)
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

        The engine knows its links from here on; `hand_over` lets it begin, once it has its tables.
        """
        graph = self.graph = self._links.graph_at(start_s)
        ids = graph.link.astype(np.int64)
        rate_bps = scaled_rates_bps(graph.rate_bps, self._experiment.packets.scale)
        self._add_new_links(ids, rate_bps)
        changes = self._changes(ids, rate_bps, start_ps)
        delay_start, delay_end = self._delays(graph, ids, start_s, end_s)
        for array in (np.array([start_ps, end_ps]), ids, rate_bps, delay_start, delay_end):
            self._hash.update(np.ascontiguousarray(array, np.int64).tobytes())
        self._step = Step(start_ps, end_ps, ids, delay_start, delay_end, *changes)

    def hand_over(self):
        """Let the engine begin the step that was looked at."""
        self._engine.begin_step(self._step)

    def limits_bytes(self):
        """Queue limit of every link in that step, by id; of no meaning where a link is down."""
        limits = np.zeros(len(self.rate_bps), np.int64)
        rule = self._links.links.rule
        for index, of_rule in enumerate(self._limits):
            mine = rule == index
            limits[mine] = of_rule.at(self.rate_bps[mine], self._experiment.packets.scale)[1]
        return limits

    def _add_new_links(self, ids, rate_bps):
        """Tell the engine of links that the contacts room has numbered since the last step."""
        table = self._links.links
        known = self._engine.n_links
        if len(table.from_node) == known:
            return
        rows = slice(known, len(table.from_node))
        rate_of = np.zeros(len(table.from_node), np.int64)
        rate_of[ids] = rate_bps
        taps = self._watch(table.from_node[rows], table.to_node[rows], table.kind[rows], rate_of[rows])
        self._engine.add_links(table.from_node[rows], table.to_node[rows], NO_LIMIT, NO_LIMIT, taps)
        new = np.zeros(len(table.from_node) - known, np.int64)
        self.rate_bps = np.concatenate([self.rate_bps, new])
        self._ever_up = np.concatenate([self._ever_up, new.astype(bool)])

    def _changes(self, ids, rate_bps, start_ps):
        """Links that stop, start or change rate against the step before, as the engine wants them."""
        before = self.rate_bps
        after = np.zeros_like(before)
        after[ids] = rate_bps
        changed = np.flatnonzero(before != after)
        stop = changed[after[changed] == 0]
        start = changed[before[changed] == 0]
        rate = changed[(before[changed] != 0) & (after[changed] != 0)]
        for index, limits in enumerate(self._limits):
            links = np.concatenate([start, rate])
            links = links[self._links.links.rule[links] == index]
            self._engine.set_limits(links, *limits.at(after[links], self._experiment.packets.scale))
        self.rate_bps = after
        self._ever_up[start] = True
        links = np.concatenate([stop, start, rate])
        kind = np.repeat(
            [kinds.CHANGE_STOP, kinds.CHANGE_START, kinds.CHANGE_RATE], [len(stop), len(start), len(rate)]
        )
        return np.full(len(links), start_ps), links, kind.astype(np.int64), after[links]

    def _delays(self, graph, ids, start_s, end_s):
        """Delays in ps at both ends of the step, and how far the line between them misses in its middle."""
        range_end_m = self._links.ranges_at(ids, end_s)
        middle_m = self._links.ranges_at(ids, 0.5 * (start_s + end_s))
        # A satellite that SGP4 gives up within the step stays where it was last seen, until the step is over.
        range_end_m = np.where(np.isfinite(range_end_m), range_end_m, graph.range_m)
        miss_m = np.abs(middle_m - 0.5 * (graph.range_m + range_end_m))
        if len(miss_m) and np.isfinite(miss_m).any():
            self.longest_miss_m = max(self.longest_miss_m, float(np.nanmax(miss_m)))
        ps_per_m = PS_PER_S / SPEED_OF_LIGHT_M_PER_S
        return tuple(np.rint(metres * ps_per_m).astype(np.int64) for metres in (graph.range_m, range_end_m))
