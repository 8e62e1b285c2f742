"""Rule `guest`: clients attach to satellites of a host mesh that have a terminal free."""

import math

import numpy as np

from lasermesh.contacts.graph import ISL
from lasermesh.contacts.ground import satellites_of
from lasermesh.contacts.pairs_kernels import EXPECTED_END, FIRST, NINETY_FIFTH, OUTLASTS, RULE, SLEW
from lasermesh.contacts.prediction import predict_ends
from lasermesh.contacts.window_kernels import fill_candidates
from lasermesh.random_kernels import GUEST, draw_unit
from lasermesh.units import NONE

_MOST_CHOICES = 64

# Held pairs are looked at so far ahead at a time.
_LOOK_AHEAD_S = 600.0


class GuestRule:
    """One rule `guest` of a topology."""

    def __init__(self, topology, index, setting, table, skies):
        self.index = index
        self._rule = rule = topology.links[index]
        self._setting, self._table, self._skies = setting, table, skies
        self._seed = np.uint64(topology.seed)
        self._clients = satellites_of(topology, rule.clients)
        self._hosts = satellites_of(topology, rule.hosts)
        self._limit_m = math.inf if rule.max_range_km is None else rule.max_range_km * 1000.0
        types = {
            side: {
                setting.type_row(use.type)
                for group in topology.satellites
                if group.name in names
                for use in group.terminals
            }
            | ({0} if side == "host" else set())
            for side, names in (("client", rule.clients), ("host", rule.hosts))
        }
        self._ladders = {
            (a, b): setting.ladder(rule, a, b)
            for a in types["client"]
            for b in types["host"]
            if b or rule.rate_gbps is not None or setting.types[a - 1].rate_gbps is not None
        }
        self.barred = setting.barred(self._hosts, rule.terminals)
        habits = setting.habits[sorted(types["client"] | types["host"])]
        slowest_s = (math.pi / habits[:, SLEW] + habits[:, NINETY_FIFTH]).max()
        self.lead_s = float(slowest_s) + 2.0 * topology.step_s
        """How long before the end of a link a spare terminal looks for the next."""

    def decide(self, t_s, sky):
        """Attach clients at an instant: rows of the new pairs, and of pairs given up (never any)."""
        with self._setting.without(self.barred):
            return self._decide(t_s, sky)

    def _decide(self, t_s, sky):
        held = self._held(t_s)
        rows = []
        for client in self._clients.tolist():
            lasting = int(((held[0] == client) & ~held[1]).sum())
            for choice in range(_MOST_CHOICES):
                if lasting >= self._rule.links_per_client or t_s >= sky.fails_at_s[client]:
                    break
                row = self._attach(t_s, sky, client, choice)
                if row is None:
                    break
                rows.append(row)
                lasting += not self._expires(row, t_s)
        return np.array(rows, dtype=np.int64), np.empty(0, dtype=np.int64)

    def hosts_in_reach(self, t_s, sky):
        """Hosts with a terminal for guests that each client could reach, int64 (n_clients,).

        Terminals count that are free or taken by guests at the instant at which the links stand; range and
        grazing altitude at `t_s`.
        """
        hosts = self._hosts[self._has_terminal()]
        limit_m = min(self._limit_m, max(max_range_m for _, max_range_m in self._ladders.values()))
        range_m, unused = np.empty(len(hosts)), np.empty((2, len(hosts)), dtype=np.int64)
        found = np.empty(len(self._clients), dtype=np.int64)
        for i, client in enumerate(self._clients.tolist()):
            self._fill_candidates(t_s, sky, client, hosts, False, limit_m, range_m, *unused)
            found[i] = (range_m >= 0.0).sum()
        return found

    def _has_terminal(self):
        """Whether each host has a terminal that no other rule has taken."""
        terminals = self._setting.terminals
        pair = terminals.pair
        ours = pair < 0
        ours[~ours] = self._table.pairs.what[pair[~ours], RULE] == self.index
        counted = np.concatenate(([0], np.cumsum(ours)))
        spare = counted[terminals.first[self._hosts + 1]] > counted[terminals.first[self._hosts]]
        return spare | ~terminals.limited[self._hosts]

    def _held(self, t_s):
        """Client of each pair held, and whether the pair will end soon."""
        rows = self._table.rows_of(self.index)
        expiring = np.array([self._expires(row, t_s) for row in rows], dtype=bool)
        return self._table.pairs.who[rows, FIRST], expiring

    def _expires(self, row, t_s):
        """Whether the conditions of a pair fail within the lead time."""
        when = self._table.pairs.when
        if math.isnan(when[row, EXPECTED_END]):
            if when[row, OUTLASTS] > t_s + self.lead_s:
                return False
            horizon_s = self.lead_s + _LOOK_AHEAD_S
            end_s = self._table.predict(self._skies, np.array([row]), t_s, horizon_s)[0]
            if end_s == math.inf:
                when[row, OUTLASTS] = t_s + horizon_s
                return False
            when[row, EXPECTED_END] = end_s
        return when[row, EXPECTED_END] <= t_s + self.lead_s

    def _attach(self, t_s, sky, client, choice):
        """Link a client with the host that the rule chooses; the row of the pair, None if there is none."""
        n = len(self._hosts)
        range_m = np.empty(n)
        mine, theirs = np.empty((2, n), dtype=np.int64)
        self._fill_candidates(t_s, sky, client, self._hosts, True, self._limit_m, range_m, mine, theirs)
        possible = np.flatnonzero(range_m >= 0.0)
        if not len(possible):
            return None
        best = self._best(t_s, client, choice, possible, range_m, mine, theirs)
        first, second = np.array([client]), self._hosts[[best]]
        terminals = mine[[best]], theirs[[best]]
        types = [self._setting.types_of(each) for each in terminals]
        ladder, max_range_m = self._ladders[int(types[0][0]), int(types[1][0])]
        return int(
            self._table.add(first, second, terminals, types, self.index, ISL, NONE, ladder, max_range_m)[0]
        )

    def _fill_candidates(self, t_s, sky, client, hosts, uses_terminals, limit_m, range_m, mine, theirs):
        """Which of some hosts a client could be linked with, as `fill_candidates` says it."""
        setting = self._setting
        fill_candidates(
            sky,
            self._table.world,
            setting.terminals,
            setting.habits,
            t_s,
            client,
            NONE,
            uses_terminals,
            hosts,
            limit_m,
            range_m,
            mine,
            theirs,
        )

    def _best(self, t_s, client, choice, possible, range_m, mine, theirs):
        """Row of the host that is taken."""
        if self._rule.choose == "random":
            counter = np.int64(round(t_s * 1000.0)) * _MOST_CHOICES + choice
            u = draw_unit(self._seed, GUEST, client, counter)
            return possible[int(u * len(possible))]
        order = possible[np.lexsort((self._hosts[possible], range_m[possible]))]
        if self._rule.choose == "nearest" or len(order) == 1:
            return order[0]
        types = self._setting.types_of(mine[order]), self._setting.types_of(theirs[order])
        limits_m = [self._ladders[pair][1] for pair in zip(*(each.tolist() for each in types), strict=True)]
        first = np.full(len(order), client)
        ends_s = predict_ends(
            self._skies,
            self._table.world,
            first,
            self._hosts[order],
            types,
            NONE,
            limits_m,
            t_s,
            only_last=True,
        )
        return order[np.argmax(ends_s)]
