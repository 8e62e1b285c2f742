"""The links of a topology at any instant, and what happens to them between two."""

import math

import numpy as np

from lasermesh.contacts.explaining import Explainer, Verdict
from lasermesh.contacts.graph import LinkGraph, LinkStep
from lasermesh.contacts.grid import reserve_grid
from lasermesh.contacts.ground import AllInSight, is_unlimited, rates_bps
from lasermesh.contacts.ground_choice import GroundChoice
from lasermesh.contacts.guest import GuestRule
from lasermesh.contacts.happenings import Happenings, first_rule_wins, may_contest
from lasermesh.contacts.nearest import NearestRule
from lasermesh.contacts.numbering import LinkNumbers
from lasermesh.contacts.offer_kernels import fill_order_by, fill_ranges, fill_rows, keep_first_of_each_pair
from lasermesh.contacts.offers import OfferList
from lasermesh.contacts.pair_table import PairTable
from lasermesh.contacts.pairs_kernels import FIRST, FIRST_TYPE, LOSS_MEAN, MEDIAN, SECOND, SECOND_TYPE
from lasermesh.contacts.plan import PlanRule
from lasermesh.contacts.potential import add_potential_pairs
from lasermesh.contacts.skies import Skies
from lasermesh.contacts.world import Setting

# Without memory, links at an instant further ahead than this are looked at anew.
_LONGEST_WALK_S = 120.0

_SAME_STEP = 1e-9


class LinkEngine:
    """Makes the links of a topology at any instant, and every event between two.

    Rules offer links in file order; of several between the same ordered pair the first wins. A link's id
    stays for the life of the engine. Ids of grid links, up or down, are given at construction, sorted by
    (from, to, rule); all others when a link is first up, in the same order within an instant. Should two
    rules serve the same pair at different times, their links have different ids, for their queues differ.

    Parameters
    ----------
    topology : Topology
    ephemeris : Ephemeris
    warm_up_s : float, optional
        Rules with memory begin so long before the first instant that is asked for, instead of at t = 0.
    potential : bool
        Links that could be by geometry alone (see `iterate_contacts`).

    Attributes
    ----------
    has_memory : bool
        Whether links depend on the past: on choices, on slewing and acquiring, on random losses.
    memory_from_s : float or None
        Since when that past was followed; None before the first call, or without memory.
    setting : Setting
    follow_terminals : bool
        To be set where `holdings` are wanted.
    holdings : list of Holding
        Which terminals each link has over the step that was asked for last: at its start, and from every
        instant on at which rules chose anew. A terminal is named by its index in the group's unrolled list.
    """

    def __init__(self, topology, ephemeris, warm_up_s=None, potential=False):
        self._topology = topology
        self.ephemeris = ephemeris
        self._warm_up_s = warm_up_s
        self._n_nodes = ephemeris.n_nodes
        self.setting = Setting(topology)
        self.table = PairTable(self.setting, topology.seed)
        self.skies = Skies(ephemeris)
        self.not_made = {}  # by rule, the pairs of a grid for which there was no terminal
        self.in_sight, self.plans, self._choosing = [], [], []
        if potential:
            self._make_potential()
        else:
            self._make_rules()
        self.table.freeze()
        self.has_memory = bool(self._choosing) or (not potential and self._reserved_remember())
        self._may_contest = may_contest(topology)
        self.memory_from_s = None
        self.follow_terminals, self.holdings = False, []
        self._now_s = None
        self._next_decision = 0

        self._offers = OfferList()
        self._next_place = np.empty(self._n_nodes + 1, dtype=np.int64)
        self._order = np.empty((2, 0), dtype=np.int64)
        self._numbers = LinkNumbers(self._n_nodes, max(1, len(topology.links)))
        who, what = self.table.pairs.who, self.table.pairs.what
        reserved = slice(0, self.table.n_reserved)
        self._numbers.give_all(who[reserved, FIRST], who[reserved, SECOND], what[reserved])

    @property
    def links(self):
        """Every link known so far, row i being link i: from_node, to_node, kind and rule (`LinkTable`)."""
        return self._numbers.links

    def graph_at(self, t_s) -> LinkGraph:
        """The directed links that are up at `t_s` seconds since the topology's epoch."""
        self._go_to(t_s)
        return self._graph(t_s)[0]

    def step(self, start_s, end_s) -> LinkStep:
        """The links that are up at an instant, and all that happens to links after it and before another."""
        self._go_to(start_s)
        graph, beaten = self._graph(start_s)
        self.holdings = [self.table.holding(start_s)] if self.follow_terminals else []
        happened = self._advance(math.nextafter(end_s, -math.inf))
        if self._may_contest:
            happened = first_rule_wins(graph, beaten, happened, self._n_nodes)
        link = self._numbers.give_events(happened)
        order = np.lexsort((link, happened.rate_bps != 0, happened.time_s))
        return LinkStep(
            graph,
            happened.time_s[order],
            link[order],
            happened.rate_bps[order],
            happened.foreseen[order],
        )

    def ranges_at(self, links, t_s):
        """Range of links at another instant, whether they are up or not.

        Parameters
        ----------
        links : int array, shape (n,)
            Ids of links known to this engine.
        t_s : float
            Seconds since the topology's epoch.

        Returns
        -------
        range_m : float64 array, shape (n,)
            nan where an end has no position. For links of a plan the range of the contact nearest in time.
        """
        links = np.asarray(links)
        table = self.links
        from_node = np.ascontiguousarray(table.from_node[links])
        to_node = np.ascontiguousarray(table.to_node[links])
        position_m, _ = self.ephemeris.state_at(t_s)
        range_m = np.empty(len(links))
        fill_ranges(position_m, from_node, to_node, range_m)
        for rule in self.plans:
            planned = table.rule[links] == rule.index
            range_m[planned] = rule.ranges_between(from_node[planned], to_node[planned], t_s, position_m)
        return range_m

    def explain(self, first, second, t_s) -> Verdict:
        """Why there is a link between two nodes (rows) at an instant, or why there is none."""
        self._go_to(t_s)
        return Explainer(self, self._topology, t_s).explain(first, second)

    def candidates(self, row, t_s) -> list[tuple[int, Verdict]]:
        """The nodes that one could be linked with at an instant, each with its verdict, in row order."""
        self._go_to(t_s)
        return Explainer(self, self._topology, t_s).candidates(row)

    @property
    def guests(self):
        """The rules by which guests attach, in the order of the file (`GuestRule`)."""
        return [rule for rule in self._choosing if isinstance(rule, GuestRule)]

    # -- time -------------------------------------------------------------------------------------------

    def _make_rules(self):
        topology, setting, table = self._topology, self.setting, self.table
        site_position_m = self.ephemeris.state_at(0.0)[0][self.ephemeris.n_satellites :]
        for index, rule in enumerate(topology.links):
            if rule.rule == "grid":
                self.not_made[index] = reserve_grid(topology, index, self.ephemeris, setting, table)
                table.reserve()
        for index, rule in enumerate(topology.links):
            if rule.rule == "nearest":
                self._choosing.append(NearestRule(topology, index, setting, table))
            elif rule.rule == "guest":
                self._choosing.append(GuestRule(topology, index, setting, table, self.skies))
            elif rule.rule == "plan":
                self.plans.append(PlanRule(topology, index, self.ephemeris))
            elif rule.rule == "ground" and is_unlimited(topology, rule):
                self.in_sight.append(AllInSight(topology, index, site_position_m, setting))
            elif rule.rule == "ground":
                self._choosing.append(
                    GroundChoice(topology, index, site_position_m, setting, table, self.skies)
                )

    def _make_potential(self):
        topology = self._topology
        site_position_m = self.ephemeris.state_at(0.0)[0][self.ephemeris.n_satellites :]
        for index, rule in enumerate(topology.links):
            if rule.rule == "ground":
                # Each group by itself, for the best of its terminals reach as far as they do.
                for name in rule.satellites if None in rates_bps(rule) else [rule.satellites]:
                    names = [name] if isinstance(name, str) else name
                    sight = AllInSight(topology, index, site_position_m, self.setting, names, False)
                    self.in_sight.append(sight)
            elif rule.rule == "plan":
                self.plans.append(PlanRule(topology, index, self.ephemeris))
            else:
                add_potential_pairs(topology, index, self.ephemeris, self.setting, self.table)
        self.table.reserve()

    def _reserved_remember(self):
        """Whether a terminal that a grid has reserved takes time to acquire, or loses the other end."""
        pairs = self.table.pairs.who[: self.table.n_reserved]
        types = np.unique(pairs[:, [FIRST_TYPE, SECOND_TYPE]])
        habits = self.setting.habits[types]
        return bool(((habits[:, MEDIAN] > 0.0) | np.isfinite(habits[:, LOSS_MEAN])).any())

    def _go_to(self, t_s):
        """Be at an instant, all that happens at it done."""
        t_s = float(t_s)
        if self._now_s is None or t_s < self._now_s:
            self._restart(t_s)
        elif not self.has_memory and t_s - self._now_s > _LONGEST_WALK_S:
            self._restart(t_s)
        self._advance(t_s)

    def _restart(self, t_s):
        """Begin anew where memory begins, so that an instant can be reached from there."""
        begin_s = t_s
        if self.has_memory:
            step_s = self._topology.step_s
            begin_s = min(0.0, t_s) if self._warm_up_s is None else t_s - self._warm_up_s
            number = math.floor(begin_s / step_s + _SAME_STEP)
            begin_s = number * step_s
            self.memory_from_s = begin_s
            self._next_decision = number
        for rule in self._choosing:
            if isinstance(rule, GroundChoice):
                rule.restart()
        self.table.restart(self.skies.at(begin_s), begin_s)
        self._now_s = begin_s
        if self._choosing:
            self._decide(begin_s, at_once=True)

    def _advance(self, until_s):
        """All that happens to links after the present instant up to another: `Happenings`, in no order."""
        happened = Happenings.collector()
        while self._now_s < until_s:
            sky, some_fail = self.skies.get(self.skies.index_at(self._now_s))
            stop_s = min(until_s, sky.start_s + sky.length_s)
            decision_s = self._next_decision * self._topology.step_s if self._choosing else math.inf
            stop_s = min(stop_s, decision_s)
            stop_s, clouded = self._clouds_until(stop_s)
            if stop_s > self._now_s:
                happened.add_pairs(self.table.advance(sky, self._now_s, stop_s, some_fail))
                for rule in self.in_sight:
                    happened.add_sight(rule, *rule.events(sky, self.table.world, self._now_s, stop_s))
                for rule in self.plans:
                    happened.add_plan(rule, *rule.events(self._now_s, stop_s, sky.fails_at_s))
            self._now_s = stop_s
            for rule, node in clouded:
                rows = rule.cloud_over(stop_s, node)
                happened.add_pairs(self._release(sky, rows, stop_s, foreseen=False))
            if stop_s == decision_s:
                for events in self._decide(stop_s):
                    happened.add_pairs(events)
        return happened.gathered()

    def _clouds_until(self, stop_s):
        """The first instant until `stop_s` at which clouds come or go, and over which sites, by rule."""
        first_s, changed = stop_s, []
        for rule in self._choosing:
            if isinstance(rule, GroundChoice):
                for t_s, node in rule.transitions(self._now_s, stop_s):
                    if t_s < first_s:
                        first_s, changed = t_s, []
                    if t_s == first_s:
                        changed.append((rule, node))
        return first_s, changed

    def _release(self, sky, rows, t_s, foreseen=True):
        """End pairs at an instant: the events of those that were up."""
        events = self.table.endings(rows, t_s, foreseen)
        was_up = self.table.release(sky, rows, t_s)
        return type(events)(*(column[was_up] for column in events))

    def _decide(self, t_s, at_once=False):
        """Let every rule with a choice choose, in order: the events that come of it."""
        self._next_decision = round(t_s / self._topology.step_s) + 1
        sky = self.skies.at(t_s)
        found = []
        for rule in self._choosing:
            new, given_up = rule.decide(t_s, sky)
            if len(given_up):
                found.append(self._release(sky, given_up, t_s))
            if len(new):
                found.append(self.table.begin(sky, new, t_s, at_once))
        if self.follow_terminals:
            self.holdings.append(self.table.holding(t_s))
        return found

    # -- the graph --------------------------------------------------------------------------------------

    def _graph(self, t_s):
        """The graph at the present instant, and what later rules would have linked too (`Happenings`)."""
        position_m, _ = self.ephemeris.state_at(t_s)
        offers = self._offers
        offers.count = 0
        self.table.offer(position_m, offers)
        sky, _ = self.skies.get(self.skies.index_at(t_s))
        for rule in self.in_sight:
            rule.offer(t_s, position_m, sky, self.table.world, offers)
        for rule in self.plans:
            rule.offer(t_s, position_m, offers)
        order, beaten = self._sorted_offers()
        n_links = len(order)
        from_node, to_node = np.empty((2, n_links), dtype=np.int32)
        range_m = np.empty(n_links)
        rate_bps = np.empty(n_links, dtype=np.int64)
        kind = np.empty(n_links, dtype=np.int8)
        rule = np.empty(n_links, dtype=np.int16)
        fill_rows(offers.columns, order, from_node, to_node, range_m, rate_bps, kind, rule)
        first = np.zeros(self._n_nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(from_node, minlength=self._n_nodes), out=first[1:])
        link = self._numbers.give(from_node, to_node, kind, rule)
        return LinkGraph(float(t_s), first, from_node, to_node, link, range_m, rate_bps, kind, rule), beaten

    def _sorted_offers(self):
        """Rows of the offers sorted by (from, to), the first rule's alone where several join a pair."""
        columns, count = self._offers.columns, self._offers.count
        if count > self._order.shape[1]:
            self._order = np.empty((2, 2 * count), dtype=np.int64)
        by_to, by_both = self._order[0, :count], self._order[1, :count]
        by_both[:] = np.arange(count)
        fill_order_by(columns.to_node, by_both, count, self._n_nodes, self._next_place, by_to)
        fill_order_by(columns.from_node, by_to, count, self._n_nodes, self._next_place, by_both)
        everything = by_both.copy() if len(self._topology.links) > 1 else by_both
        kept = by_both[: keep_first_of_each_pair(columns, by_both, count)]
        beaten = everything[:0] if len(kept) == count else np.setdiff1d(everything, kept)
        return kept, Happenings.of_offers(columns, beaten)
