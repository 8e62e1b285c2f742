"""Rule `plan`: links from a contact plan, whose nodes need no position."""

from collections import defaultdict

import numpy as np

from lasermesh.contacts.offer_kernels import fill_ranges
from lasermesh.errors import UserError
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S


class PlanRule:
    """One rule `plan` of a topology, ready to offer its links at any instant."""

    def __init__(self, topology, index, ephemeris):
        self.index = index
        contacts = topology.links[index].plan_contacts
        self.from_node = np.array([topology.row_of(c.from_name) for c in contacts], dtype=np.int32)
        self.to_node = np.array([topology.row_of(c.to_name) for c in contacts], dtype=np.int32)
        self.start_s = np.array([c.start_s for c in contacts], dtype=np.float64)
        self.stop_s = np.array([c.stop_s for c in contacts], dtype=np.float64)
        self.rate_bps = np.array([round(c.rate_bps) for c in contacts], dtype=np.int64)
        light_times_s = [np.nan if c.owlt_s is None else c.owlt_s for c in contacts]
        self._range_m = np.array(light_times_s, dtype=np.float64) * SPEED_OF_LIGHT_M_PER_S
        ground = ephemeris.is_ground
        self.kind = (ground[self.from_node] | ground[self.to_node]).astype(np.int8)
        self._contacts_of_pair = defaultdict(list)
        for row, contact in enumerate(contacts):
            pair = int(self.from_node[row]), int(self.to_node[row])
            self._contacts_of_pair[pair].append(row)
            if contact.owlt_s is None and not ephemeris.has_position[list(pair)].all():
                raise UserError(
                    f"links[{index}].plan: line {contact.line}: owlt_s is missing, and "
                    f'"{contact.from_name}" or "{contact.to_name}" has no position to compute it from'
                )

    def offer(self, t_s, position_m, offers):
        """Add the contacts that hold at `t_s` to an `OfferList`, given positions, float64 (n_nodes, 3)."""
        rows = np.flatnonzero((self.start_s <= t_s) & (t_s < self.stop_s))
        range_m = self._ranges(rows, position_m)
        rows, range_m = rows[np.isfinite(range_m)], range_m[np.isfinite(range_m)]
        offers.reserve(len(rows))
        place = slice(offers.count, offers.count + len(rows))
        columns = offers.columns
        columns.from_node[place] = self.from_node[rows]
        columns.to_node[place] = self.to_node[rows]
        columns.range_m[place] = range_m
        columns.rate_bps[place] = self.rate_bps[rows]
        columns.kind[place] = self.kind[rows]
        columns.rule[place] = self.index
        offers.count += len(rows)

    def events(self, after_s, until_s, fails_at_s):
        """What goes up or down in (after_s, until_s]: instants and rows of contacts, and whether they go up.

        A contact without a light time of its own also ends where a node fails that gave it one.
        """
        gone_s = np.minimum(fails_at_s[self.from_node], fails_at_s[self.to_node])
        gone_s[np.isfinite(self._range_m)] = np.inf
        stop_s = np.minimum(self.stop_s, gone_s)
        starts = np.flatnonzero(
            (after_s < self.start_s) & (self.start_s <= until_s) & (self.start_s < stop_s)
        )
        stops = np.flatnonzero((after_s < stop_s) & (stop_s <= until_s) & (self.start_s < stop_s))
        # Where a contact begins as one of the same pair ends, the link goes on, at another rate perhaps.
        begins = {(self.from_node[row], self.to_node[row], self.start_s[row]) for row in starts}
        ends = [(self.from_node[row], self.to_node[row], stop_s[row]) not in begins for row in stops]
        stops = stops[np.array(ends, dtype=bool)]
        times_s = np.concatenate((stop_s[stops], self.start_s[starts]))
        rows = np.concatenate((stops, starts))
        return times_s, rows, np.arange(len(rows)) >= len(stops)

    def ranges_between(self, from_node, to_node, t_s, position_m):
        """Range of each pair by its contact at `t_s`, or the one nearest in time: float64 (n,)."""
        pairs = zip(from_node.tolist(), to_node.tolist(), strict=True)
        rows = [self._nearest_contact(self._contacts_of_pair[pair], t_s) for pair in pairs]
        return self._ranges(np.array(rows, dtype=np.int64), position_m)

    def _nearest_contact(self, rows, t_s):
        """The first of these contacts that holds at `t_s`, else the one that misses it by least."""
        return min(
            rows,
            key=lambda row: (
                not self.start_s[row] <= t_s < self.stop_s[row],
                max(self.start_s[row] - t_s, t_s - self.stop_s[row]) > 0.0,
                max(self.start_s[row] - t_s, t_s - self.stop_s[row], 0.0),
            ),
        )

    def _ranges(self, rows, position_m):
        """Range of contacts: from their light time where given, else from positions (nan without)."""
        geometric_m = np.empty(len(rows))
        fill_ranges(position_m, self.from_node[rows], self.to_node[rows], geometric_m)
        return np.where(np.isnan(self._range_m[rows]), geometric_m, self._range_m[rows])
