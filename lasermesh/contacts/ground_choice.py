"""Rule `ground` where a site chooses among the satellites it sees, or links take terminals or antennas."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.contacts.clouds import clouds_of
from lasermesh.contacts.conditions_kernels import UP, range_at, vector_at
from lasermesh.contacts.graph import GSL
from lasermesh.contacts.ground import AllInSight, rates_bps, sites_of
from lasermesh.contacts.pairs_kernels import FIRST, KIND, RULE, SECOND, SECOND_TERMINAL, STATE, UNUSED
from lasermesh.contacts.prediction import predict_ends
from lasermesh.contacts.window_kernels import fill_candidates
from lasermesh.contacts.world import Site
from lasermesh.units import NONE

# Steps are not exact in binary: a multiple of reassign_s that is missed by so little of it is met.
_SAME_INSTANT = 1e-9


_NOBODY = np.empty(0, dtype=np.int32)


class _Candidates(NamedTuple):
    """Satellites that sites could use."""

    site: np.ndarray  # int64 (n,)  row of the rule's sites
    node: np.ndarray  # int64 (n,)
    range_m: np.ndarray  # float64 (n,)
    row: np.ndarray  # int64 (n,)  the pair if it is held already, else NONE


class GroundChoice:
    """One rule `ground` with a choice or limits."""

    def __init__(self, topology, index, site_position_m, setting, table, skies):
        self.index = index
        self._rule = rule = topology.links[index]
        self._setting, self._table, self._skies = setting, table, skies
        self._n_nodes = len(topology.node_names)
        self._rates_bps = rates_bps(rule)
        self._uses_terminals = None in self._rates_bps
        self._sites = [
            Site(node, setting.add_site(rule, site), site) for node, site in sites_of(topology, rule)
        ]
        default = math.inf if rule.choose == "all" else 1
        self._antennas = [each.site.antennas or default for each in self._sites]
        self._counted = np.zeros(self._n_nodes, dtype=np.int64)
        self._counted[[each.node for each in self._sites if each.site.antennas is not None]] = 1
        self._clouds = {each.node: clouds_of(each.site, each.node, topology.seed) for each in self._sites}
        self._max_range_m = math.inf if rule.max_range_km is None else rule.max_range_km * 1000.0
        self._ladders = {}
        if self._uses_terminals:
            types = np.unique(
                [setting.type_row(use.type) for group in topology.satellites for use in group.terminals]
            )
            self._ladders = {row: setting.ladder(rule, 0, row) for row in types.tolist()}
        self._last_reassignment = None
        self._sight = AllInSight(topology, index, site_position_m, setting, with_clouds=False)
        self._sight_of = None, {}

    def restart(self):
        """Forget when sites chose last."""
        self._last_reassignment = None

    def transitions(self, begin_s, end_s):
        """Instants in (begin_s, end_s] at which clouds come or go over a site, and the site."""
        return sorted(
            (t_s, node)
            for node, clouds in self._clouds.items()
            if clouds is not None
            for t_s in clouds.transitions(begin_s, end_s)
        )

    def cloud_over(self, t_s, node):
        """Rows of the pairs that end because clouds have come over a site."""
        if self._clouds[node].is_clear(t_s):
            return np.empty(0, dtype=np.int64)
        rows = self._table.rows_of(self.index)
        return rows[self._table.pairs.who[rows, FIRST] == node]

    def decide(self, t_s, sky):
        """Choose at an instant: rows of the new pairs, and of pairs given up."""
        nothing = np.empty(0, dtype=np.int64)
        held = self._table.rows_of(self.index)
        if self._rule.reassign_s is None:
            return self._choose(t_s, sky, held, nothing)[0], nothing
        number = math.floor(t_s / self._rule.reassign_s + _SAME_INSTANT)
        if number == self._last_reassignment:
            return nothing, nothing
        self._last_reassignment = number
        self._let_go(held)
        new, kept = self._choose(t_s, sky, nothing, held)
        return new, np.setdiff1d(held, kept)

    def _choose(self, t_s, sky, standing, held):
        """Fill free antennas and beams: rows of new pairs, and of those of `held` that are chosen again.

        `standing` pairs keep theirs; `held` ones compete, and go on with the terminals that they had
        if these are left.
        """
        who = self._table.pairs.who
        site_links = np.bincount(who[standing, FIRST], minlength=self._n_nodes)
        site_links += self._antennas_in_use_elsewhere()
        satellite_links = np.bincount(who[standing, SECOND], minlength=self._n_nodes)
        columns = self._candidates(t_s, sky, site_links, standing, held)
        new, kept = [], []
        most_beams = math.inf if self._rule.beams is None else self._rule.beams
        for place in self._order(t_s, columns).tolist():
            site, node = int(columns.site[place]), int(columns.node[place])
            station = self._sites[site]
            if site_links[station.node] >= self._antennas[site] or satellite_links[node] >= most_beams:
                continue
            if columns.row[place] != NONE:
                if not self._take_again(int(columns.row[place])):
                    continue
                kept.append(int(columns.row[place]))
            else:
                row = self._add(t_s, sky, station, node)
                if row is None:
                    continue
                new.append(row)
            site_links[station.node] += 1
            satellite_links[node] += 1
        return np.array(new, dtype=np.int64), np.array(kept, dtype=np.int64)

    def _let_go(self, rows):
        """Free the terminals of pairs, for all to compete for; the pairs go on for now."""
        taken = self._table.pairs.who[rows, SECOND_TERMINAL]
        taken = taken[taken >= 0]
        self._setting.terminals.pair[taken] = self._setting.terminals.partner[taken] = NONE

    def _take_again(self, row):
        """Give a pair its terminal back; whether that was still free."""
        who, terminals = self._table.pairs.who[row], self._setting.terminals
        terminal = who[SECOND_TERMINAL]
        if terminal >= 0:
            if terminals.pair[terminal] >= 0:
                return False
            terminals.pair[terminal], terminals.partner[terminal] = row, who[FIRST]
        return True

    def _antennas_in_use_elsewhere(self):
        """Links of each node by other ground rules, where it has a number of antennas: int64 (n_nodes,)."""
        who, what = self._table.pairs.who, self._table.pairs.what
        rows = slice(0, self._table.count)
        others = (what[rows, STATE] != UNUSED) & (what[rows, KIND] == GSL) & (what[rows, RULE] != self.index)
        return np.bincount(who[rows, FIRST][others], minlength=self._n_nodes) * self._counted

    def _candidates(self, t_s, sky, site_links, standing, held):
        """Every satellite that a site with a free antenna could use."""
        who = self._table.pairs.who
        found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))]
        in_sight = self._in_sight(sky)
        for index, station in enumerate(self._sites):
            clouds = self._clouds[station.node]
            if site_links[station.node] >= self._antennas[index]:
                continue
            if clouds is not None and not clouds.is_clear(t_s):
                continue
            members = in_sight.get(station.node, _NOBODY)
            range_m, terminals = np.empty(len(members)), np.empty((2, len(members)), dtype=np.int64)
            self._fill(t_s, sky, station, members, range_m, terminals)
            range_m[np.isin(members, who[standing[who[standing, FIRST] == station.node], SECOND])] = -1.0
            mine = held[who[held, FIRST] == station.node]
            range_m[np.isin(members, who[mine, SECOND])] = -1.0
            seen = np.flatnonzero(range_m >= 0.0)
            nodes = np.append(members[seen], who[mine, SECOND])
            kept_m = [range_at(sky, station.node, node, t_s) for node in who[mine, SECOND].tolist()]
            rows = np.append(np.full(len(seen), NONE, dtype=np.int64), mine)
            found.append((np.full(len(nodes), index), nodes, np.append(range_m[seen], kept_m), rows))
        return _Candidates(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _in_sight(self, sky):
        """Satellites that each site sees at some time in the interval: a dict of rows by the site's row."""
        if self._sight_of[0] != sky.start_s:
            windows = self._sight.windows(sky, self._table.world)
            order = np.lexsort((windows.second, windows.first))
            first, second = windows.first[order], windows.second[order]
            edges = np.flatnonzero(np.diff(first)) + 1
            nodes = first[np.append(0, edges)].tolist() if len(first) else []
            found = {
                node: np.unique(part) for node, part in zip(nodes, np.split(second, edges), strict=False)
            }
            self._sight_of = sky.start_s, found
        return self._sight_of[1]

    def _fill(self, t_s, sky, station, members, range_m, terminals):
        setting = self._setting
        fill_candidates(
            sky,
            self._table.world,
            setting.terminals,
            setting.habits,
            t_s,
            station.node,
            station.row,
            self._uses_terminals,
            members,
            self._max_range_m,
            range_m,
            *terminals,
        )

    def _order(self, t_s, columns):
        """Candidates in the order in which they are taken."""
        keys = [columns.node, columns.site]
        choose = self._rule.choose
        if choose == "highest":
            keys.append(-self._sines(t_s, columns))
        else:
            keys.append(columns.range_m)
        if choose == "longest-remaining" and len(columns.node):
            sites = [self._sites[site] for site in columns.site.tolist()]
            ends_s = predict_ends(
                self._skies,
                self._table.world,
                np.array([each.node for each in sites]),
                columns.node,
                (np.zeros(len(sites), np.int32), np.zeros(len(sites), np.int32)),
                [each.row for each in sites],
                self._max_range_m,
                t_s,
            )
            keys.append(-ends_s)
        return np.lexsort(keys)

    def _sines(self, t_s, columns):
        """Sine of the elevation of each candidate."""
        sky, world = self._skies.at(t_s), self._table.world
        share = (t_s - sky.start_s) / sky.length_s
        sines = np.empty(len(columns.node))
        for place, (site, node) in enumerate(zip(columns.site.tolist(), columns.node.tolist(), strict=True)):
            station = self._sites[site]
            away = np.subtract(
                vector_at(sky, node, share)[:3], vector_at(sky, station.node, share)[:3], dtype=float
            )
            sines[place] = away @ world.site[station.row, UP : UP + 3] / columns.range_m[place]
        return sines

    def _add(self, t_s, sky, station, node):
        """Take in the pair of a site and a satellite; its row, None if no terminal is left after all."""
        terminal, kind, ladder, limit_m = NONE, 0, NONE, self._max_range_m
        if self._uses_terminals:
            range_m, terminals = np.empty(1), np.empty((2, 1), dtype=np.int64)
            self._fill(t_s, sky, station, np.array([node], dtype=np.int32), range_m, terminals)
            if range_m[0] < 0.0:
                return None
            terminal = int(terminals[1, 0])
            kind = int(self._setting.terminals.type[terminal])
            ladder, limit_m = self._ladders[kind]
        rows = self._table.add(
            np.array([station.node]),
            np.array([node]),
            (np.array([NONE]), np.array([terminal])),
            (np.array([0]), np.array([kind])),
            self.index,
            GSL,
            station.row,
            ladder,
            limit_m,
            None if self._uses_terminals else np.array([self._rates_bps]),
        )
        return int(rows[0])
