"""The link graph of a topology at any instant."""

import numpy as np

from lasermesh.contacts.graph import LinkGraph, LinkTable
from lasermesh.contacts.grid import GridRule
from lasermesh.contacts.ground import GroundRule
from lasermesh.contacts.offer_kernels import (
    LinkIds,
    fill_order_by,
    fill_rows,
    keep_first_of_each_pair,
    number_links,
)
from lasermesh.contacts.offers import OfferList
from lasermesh.contacts.plan import PlanRule
from lasermesh.contacts.sight import raised_ellipsoid
from lasermesh.contacts.sight_kernels import fill_ranges
from lasermesh.units import NONE

_TABLE_DTYPES = LinkTable(np.int32, np.int32, np.int8, np.int16)


class LinkEngine:
    """Makes the link graph of a topology at any instant.

    Rules offer links in file order; of several between the same ordered pair the first wins. A link's id
    stays for the life of the engine. Ids of grid links, up or down, are given at construction, sorted by
    (from, to, rule); all others when a link is first up, in the same order within an instant. Should two
    rules serve the same pair at different times, their links have different ids, for their queues differ.
    """

    def __init__(self, topology, ephemeris):
        self._ephemeris = ephemeris
        self._n_nodes = ephemeris.n_nodes
        self._n_rules = max(1, len(topology.links))
        ellipsoid = raised_ellipsoid(topology.grazing_altitude_km * 1000.0)
        site_position_m = ephemeris.state_at(0.0)[0][ephemeris.n_satellites :]
        self._rules = []
        for index, rule in enumerate(topology.links):
            if rule.rule == "grid":
                self._rules.append(GridRule(topology, index, ephemeris, ellipsoid))
            elif rule.rule == "ground":
                self._rules.append(GroundRule(topology, index, site_position_m))
            else:
                self._rules.append(PlanRule(topology, index, ephemeris))

        self._offers = OfferList()
        self._next_place = np.empty(self._n_nodes + 1, dtype=np.int64)
        self._order = np.empty((2, 0), dtype=np.int64)
        self._known = 0
        self._before = np.empty(0, dtype=np.int32)
        self._links = LinkTable(*(np.empty(0, dtype) for dtype in _TABLE_DTYPES))
        self._ids = LinkIds(np.full(16, NONE, dtype=np.int64), np.empty(16, dtype=np.int32))
        self._number_grid_links()

    @property
    def links(self):
        """Every link known so far, row i being link i: from_node, to_node, kind and rule (`LinkTable`)."""
        return LinkTable(*(column[: self._known] for column in self._links))

    def graph_at(self, t_s) -> LinkGraph:
        """The directed links that are up at `t_s` seconds since the topology's epoch."""
        position_m, _ = self._ephemeris.state_at(t_s)
        self._offers.count = 0
        for rule in self._rules:
            rule.offer(t_s, position_m, self._offers)
        order = self._sorted_offers()
        n_links = len(order)
        from_node, to_node, link = np.empty((3, n_links), dtype=np.int32)
        range_m = np.empty(n_links)
        rate_bps = np.empty(n_links, dtype=np.int64)
        kind = np.empty(n_links, dtype=np.int8)
        rule = np.empty(n_links, dtype=np.int16)
        fill_rows(self._offers.columns, order, from_node, to_node, range_m, rate_bps, kind, rule)
        first = np.zeros(self._n_nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(from_node, minlength=self._n_nodes), out=first[1:])
        self._number(from_node, to_node, kind, rule, link)
        return LinkGraph(float(t_s), first, from_node, to_node, link, range_m, rate_bps, kind, rule)

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
        from_node = np.ascontiguousarray(self._links.from_node[: self._known][links])
        to_node = np.ascontiguousarray(self._links.to_node[: self._known][links])
        position_m, _ = self._ephemeris.state_at(t_s)
        range_m = np.empty(len(links))
        fill_ranges(position_m, from_node, to_node, range_m)
        for rule in self._rules:
            if isinstance(rule, PlanRule):
                planned = self._links.rule[: self._known][links] == rule.index
                range_m[planned] = rule.ranges_between(from_node[planned], to_node[planned], t_s, position_m)
        return range_m

    def _sorted_offers(self):
        """Rows of the offers sorted by (from, to), the first rule's alone where several join a pair."""
        columns, count = self._offers.columns, self._offers.count
        if count > self._order.shape[1]:
            self._order = np.empty((2, 2 * count), dtype=np.int64)
        by_to, by_both = self._order[0, :count], self._order[1, :count]
        by_both[:] = np.arange(count)
        fill_order_by(columns.to_node, by_both, count, self._n_nodes, self._next_place, by_to)
        fill_order_by(columns.from_node, by_to, count, self._n_nodes, self._next_place, by_both)
        return by_both[: keep_first_of_each_pair(columns, by_both, count)]

    def _number(self, from_node, to_node, kind, rule, link):
        """Fill `link` with the id of each row, giving new ones in row order."""
        if self._known + len(link) > len(self._links.from_node):
            self._make_room(self._known + len(link))
        rows = from_node, to_node, kind, rule
        sizes = self._n_nodes, self._n_rules
        self._known = number_links(*rows, *sizes, self._before, self._ids, self._links, self._known, link)
        self._before = link.copy()

    def _make_room(self, n_links):
        """Room for `n_links` known links, in a table of ids that stays at most half full."""
        known = self.links
        room = max(n_links, 2 * self._known)
        size = 1 << (2 * room).bit_length()
        self._links = LinkTable(*(np.empty(room, dtype) for dtype in _TABLE_DTYPES))
        self._ids = LinkIds(np.full(size, NONE, dtype=np.int64), np.empty(size, dtype=np.int32))
        # Numbered again in the order of their ids, all links get the ids that they had.
        nothing, same = np.empty(0, dtype=np.int32), np.empty(self._known, dtype=np.int32)
        number_links(*known, self._n_nodes, self._n_rules, nothing, self._ids, self._links, 0, same)

    def _number_grid_links(self):
        """Give all grid links their ids, both directions of each, sorted by (from, to, rule)."""
        columns = []
        for rule in self._rules:
            if isinstance(rule, GridRule):
                first, second = rule.pairs.first_node, rule.pairs.second_node
                columns.append((np.append(first, second), np.append(second, first), rule.index))
        if not columns:
            return
        from_node = np.concatenate([column[0] for column in columns])
        to_node = np.concatenate([column[1] for column in columns])
        rule = np.concatenate([np.full(len(column[0]), column[2], dtype=np.int16) for column in columns])
        order = np.lexsort((rule, to_node, from_node))
        kind = np.zeros(len(order), dtype=np.int8)
        ids = np.empty(len(order), dtype=np.int32)
        self._number(from_node[order], to_node[order], kind, rule[order], ids)
