"""Ids of links, which stay for the life of an engine."""

import numpy as np

from lasermesh.contacts.graph import LinkTable
from lasermesh.contacts.offer_kernels import LinkIds, number_links
from lasermesh.contacts.pairs_kernels import KIND, RULE
from lasermesh.units import NONE

_TABLE_DTYPES = LinkTable(np.int32, np.int32, np.int8, np.int16)


class LinkNumbers:
    """Gives each (from, to, rule) an id when it is first seen."""

    def __init__(self, n_nodes, n_rules):
        self._sizes = n_nodes, n_rules
        self._known = 0
        self._before = np.empty(0, dtype=np.int32)
        self._links = LinkTable(*(np.empty(0, dtype) for dtype in _TABLE_DTYPES))
        self._ids = LinkIds(np.full(16, NONE, dtype=np.int64), np.empty(16, dtype=np.int32))

    @property
    def links(self):
        """Every link known so far (`LinkTable`)."""
        return LinkTable(*(column[: self._known] for column in self._links))

    def give(self, from_node, to_node, kind, rule):
        """Ids of rows sorted by (from, to), new ones in row order: int32 (n,)."""
        link = self._number(from_node, to_node, kind, rule, self._before)
        self._before = link
        return link

    def give_events(self, happened):
        """Ids of the links of `Happenings`; new ones by (instant, from, to)."""
        order = np.lexsort((happened.to_node, happened.from_node, happened.time_s))
        columns = happened.from_node, happened.to_node, happened.kind, happened.rule
        nothing = np.empty(0, dtype=np.int32)
        link = np.empty(len(order), dtype=np.int32)
        link[order] = self._number(*(np.ascontiguousarray(column[order]) for column in columns), nothing)
        return link

    def give_all(self, first, second, what):
        """Ids to both directions of pairs, given their nodes and `Pairs.what`, sorted by (from, to, rule)."""
        from_node, to_node = np.append(first, second), np.append(second, first)
        rule, kind = np.tile(what[:, RULE], 2), np.tile(what[:, KIND], 2)
        order = np.lexsort((rule, to_node, from_node))
        nothing = np.empty(0, dtype=np.int32)
        self._number(
            from_node[order],
            to_node[order],
            kind[order].astype(np.int8),
            rule[order].astype(np.int16),
            nothing,
        )

    def _number(self, from_node, to_node, kind, rule, before):
        if self._known + len(from_node) > len(self._links.from_node):
            self._make_room(self._known + len(from_node))
        link = np.empty(len(from_node), dtype=np.int32)
        rows = from_node, to_node, kind, rule
        self._known = number_links(*rows, *self._sizes, before, self._ids, self._links, self._known, link)
        return link

    def _make_room(self, n_links):
        """Room for `n_links` known links, in a table of ids that stays at most half full."""
        known = self.links
        room = max(n_links, 2 * self._known)
        size = 1 << (2 * room).bit_length()
        self._links = LinkTable(*(np.empty(room, dtype) for dtype in _TABLE_DTYPES))
        self._ids = LinkIds(np.full(size, NONE, dtype=np.int64), np.empty(size, dtype=np.int32))
        # Numbered again in the order of their ids, all links get the ids that they had.
        nothing, same = np.empty(0, dtype=np.int32), np.empty(self._known, dtype=np.int32)
        number_links(*known, *self._sizes, nothing, self._ids, self._links, 0, same)
