"""Why there is a link between two nodes, or why there is none."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import pairs_kernels as kernels
from lasermesh.contacts.clouds import clouds_of
from lasermesh.contacts.conditions_kernels import (
    EAST,
    UP,
    grazing_height_m,
    local_direction,
    sine_of_mask,
    sun_at,
    vector_at,
)
from lasermesh.contacts.graph import GSL
from lasermesh.contacts.grid import grid_pairs
from lasermesh.contacts.world import least_elevation_deg
from lasermesh.units import NONE, WGS84_POLAR_RADIUS_M


class Condition(NamedTuple):
    """One condition of a link at an instant."""

    name: str
    value: float | None
    limit: float | None  # None: the value is told, but decides nothing
    unit: str
    holds: bool


class TerminalState(NamedTuple):
    """The terminal that serves a link at one end, or that would."""

    type_name: str
    index: int  # which of its satellite's terminals it is, from 0
    count: int  # how many the satellite has
    busy: bool
    with_name: str | None  # node at the other end of what it is busy with
    acquiring_until_s: float | None


class Verdict(NamedTuple):
    """What became of a possible link at an instant."""

    rule: int | None  # row of the topology's link rules; None: no rule is about these nodes
    rule_kind: str
    made: bool  # whether the rule has chosen it
    up: bool
    state: str  # "up", "acquiring", "waiting" (terminals are reserved), "free" (could be), "refused"
    since_s: float | None
    until_s: float | None  # expected end of its conditions; None: unknown, or beyond the horizon
    reason: str  # the first condition that refuses it; "" if none does
    conditions: list
    terminals: tuple  # TerminalState or None of both ends


class Explainer:
    """Answers for one engine at one instant; the engine must be there."""

    def __init__(self, engine, topology, t_s):
        self._engine, self._topology, self._t_s = engine, topology, t_s
        self._names = engine.ephemeris.names
        self._is_ground = engine.ephemeris.is_ground
        self._sky, _ = engine.skies.get(engine.skies.index_at(t_s))
        self._share = (t_s - self._sky.start_s) / self._sky.length_s
        self._setting, self._table = engine.setting, engine.table
        self._grids = {}

    def explain(self, first, second):
        """The verdict on a link of two nodes, of the first rule that makes it, else that is about them."""
        verdicts = [
            self._turned(index, rule, first, second)
            for index, rule in enumerate(self._topology.links)
            if self._is_about(rule, first, second)
        ]
        for wanted in (lambda each: each.up, lambda each: each.made, lambda each: True):
            for verdict in verdicts:
                if wanted(verdict):
                    return verdict
        reason = f"no link rule is about {self._names[first]} and {self._names[second]}"
        conditions = self._conditions(None, first, second, (NONE, NONE), math.inf)
        return Verdict(None, "", False, False, "refused", None, None, reason, conditions, (None, None))

    def candidates(self, row):
        """The node and the verdict of every other that a rule is about and that is within range and sight.

        Links that are made come too, whatever holds for them now.
        """
        found = []
        for other in self._perhaps(row):
            if not any(self._is_about(rule, row, other) for rule in self._topology.links):
                continue
            verdict = self.explain(row, other)
            geometry = all(each.holds for each in verdict.conditions if each.name in _GEOMETRY)
            if verdict.made or geometry:
                found.append((other, verdict))
        return found

    def _perhaps(self, row):
        """Nodes that are not surely behind the Earth, or are partners already."""
        states = np.array([vector_at(self._sky, node, self._share) for node in range(len(self._names))])
        away = states[:, :3] - states[row, :3]
        here = states[row, :3]
        # How near the line of sight comes to the Earth's centre, at the nearest point of the segment.
        share = np.clip(-(away @ here) / np.maximum(1.0, (away**2).sum(axis=1)), 0.0, 1.0)
        nearest_m = np.linalg.norm(here + share[:, None] * away, axis=1)
        seen = nearest_m >= WGS84_POLAR_RADIUS_M - _BELOW_M
        who = self._table.pairs.who[: self._table.count]
        held = self._table.pairs.what[: self._table.count, kernels.STATE] != kernels.UNUSED
        for one, other in ((kernels.FIRST, kernels.SECOND), (kernels.SECOND, kernels.FIRST)):
            seen[who[held & (who[:, one] == row), other]] = True
        for plan in self._engine.plans:
            seen[plan.from_node[plan.to_node == row]] = True
            seen[plan.to_node[plan.from_node == row]] = True
        seen[row] = False
        return np.flatnonzero(seen).tolist()

    def _in_order(self, rule, first, second):
        """Both nodes, the site first where there is one; a guest before its host."""
        swap = self._is_ground[second] and rule.rule == "ground"
        if rule.rule == "guest":
            swap = not self._is_member(first, rule.clients)
        return (second, first) if swap else (first, second)

    def _is_member(self, row, names):
        return any(row in self._topology.group_rows(name) for name in names)

    def _is_about(self, rule, first, second):
        """Whether a rule could link two nodes by who they are."""
        if rule.rule == "ground":
            ends = (first, second) if self._is_ground[first] else (second, first)
            return self._is_member(ends[0], rule.sites) and self._is_member(ends[1], rule.satellites)
        if rule.rule == "guest":
            return any(
                self._is_member(one, rule.clients) and self._is_member(other, rule.hosts)
                for one, other in ((first, second), (second, first))
            )
        if rule.rule == "plan":
            names = {self._names[first], self._names[second]}
            return any({each.from_name, each.to_name} == names for each in rule.plan_contacts)
        return self._is_member(first, rule.satellites) and self._is_member(second, rule.satellites)

    def _turned(self, index, rule, first, second):
        """The verdict of one rule, its terminals in the order of the nodes."""
        ends = self._in_order(rule, first, second)
        verdict = self._judge(index, rule, *ends)
        return verdict if ends[0] == first else verdict._replace(terminals=verdict.terminals[::-1])

    def _judge(self, index, rule, first, second):
        """The verdict of one rule."""
        if rule.rule == "plan":
            return self._judge_plan(index, first, second)
        row = self._row(index, first, second)
        limit_m, terminals, types = self._equipment(rule, row, first, second)
        conditions = self._conditions(rule, first, second, types, limit_m)
        failing = next((each.name for each in conditions if not each.holds), "")
        states = tuple(self._terminal_state(*each) for each in zip(terminals, (first, second), strict=True))
        if row is not None:
            return self._judge_pair(index, rule, row, failing, conditions, states)
        reason = failing or self._why_not(index, rule, first, second, terminals)
        in_sight = any(each.index == index for each in self._engine.in_sight)
        if in_sight and not failing:
            return Verdict(index, rule.rule, True, True, "up", None, None, "", conditions, states)
        state = "free" if not failing and reason.startswith("not chosen") else "refused"
        return Verdict(index, rule.rule, False, False, state, None, None, reason, conditions, states)

    def _judge_plan(self, index, first, second):
        plan = next(each for each in self._engine.plans if each.index == index)
        ends = (plan.from_node == first) & (plan.to_node == second)
        now = np.flatnonzero(ends & (plan.start_s <= self._t_s) & (self._t_s < plan.stop_s))
        conditions = []
        if ends.any():
            position_m, _ = self._engine.ephemeris.state_at(self._t_s)
            one, other = np.array([first], dtype=np.int32), np.array([second], dtype=np.int32)
            range_m = float(plan.ranges_between(one, other, self._t_s, position_m)[0])
            if math.isfinite(range_m):
                conditions = [Condition("range", range_m / 1e3, None, "km", True)]
        if len(now):
            start_s, stop_s = float(plan.start_s[now[0]]), float(plan.stop_s[now[0]])
            return Verdict(index, "plan", True, True, "up", start_s, stop_s, "", conditions, (None, None))
        reason = "the plan has no contact at this instant"
        return Verdict(index, "plan", False, False, "refused", None, None, reason, conditions, (None, None))

    def _judge_pair(self, index, rule, row, failing, conditions, states):
        pairs = self._table.pairs
        state = {kernels.UP: "up", kernels.ACQUIRING: "acquiring"}.get(
            int(pairs.what[row, kernels.STATE]), "waiting"
        )
        until_s = None
        if state != "waiting":
            found = self._table.predict(self._engine.skies, np.array([row]), self._t_s)[0]
            until_s = float(found) if found < math.inf else None
        since_s = float(pairs.when[row, kernels.UP_AT if state == "up" else kernels.SINCE])
        reason = failing if state == "waiting" else "acquisition" if state == "acquiring" else ""
        return Verdict(
            index, rule.rule, True, state == "up", state, since_s, until_s, reason, conditions, states
        )

    def _row(self, index, first, second):
        """Row of the pair if the rule holds it or has reserved it."""
        for row in self._table.rows_of(index).tolist():
            who = self._table.pairs.who[row]
            if {first, second} == {int(who[kernels.FIRST]), int(who[kernels.SECOND])}:
                return row
        return None

    def _equipment(self, rule, row, first, second):
        """Longest range, terminals of both ends and their types: those in use, else those that would be."""
        if row is not None:
            who = self._table.pairs.who[row]
            terminals = [int(who[kernels.FIRST_TERMINAL]), int(who[kernels.SECOND_TERMINAL])]
            if int(who[kernels.FIRST]) != first:
                terminals.reverse()
            limit_m = float(self._table.pairs.when[row, kernels.MAX_RANGE])
        else:
            radio = rule.rule == "ground" and (rule.rate_gbps is not None or rule.up_gbps is not None)
            ends = (first, second), (second, first)
            terminals = [NONE if radio else self._likely_terminal(rule, node, other) for node, other in ends]
            limit_m = math.inf if rule.max_range_km is None else rule.max_range_km * 1000.0
        types = tuple(int(self._setting.terminals.type[each]) if each >= 0 else 0 for each in terminals)
        for each in types:
            limit_m = min(limit_m, float(self._setting.habits[each, kernels.REACH]))
        return limit_m, terminals, types

    def _rows_for(self, rule, node):
        """Rows of the terminals of a node that a rule may take."""
        rows = range(*self._setting.terminals.first[node : node + 2])
        if rule.rule == "guest" and not self._is_member(node, rule.hosts):
            return list(rows)
        barred = self._setting.barred([node], rule.terminals)
        return [row for row in rows if row not in barred]

    def _likely_terminal(self, rule, node, other):
        """The terminal of a node that would serve another, or that is nearest to it; NONE if it has none.

        Best is a free one that can point there, then a busy one that could, then any that is free.
        """
        terminals = self._setting.terminals
        rows = self._rows_for(rule, node)
        able = [row for row in rows if self._can_point(row, node, other)]
        free = [row for row in rows if terminals.pair[row] < 0]
        for choice in ([row for row in able if row in free], able, free, rows):
            if choice:
                return choice[0]
        return NONE

    def _can_point(self, terminal, node, other):
        """Whether a terminal of a node could look at another node now."""
        state = np.array(vector_at(self._sky, node, self._share))
        away = np.array(vector_at(self._sky, other, self._share))[:3] - state[:3]
        range_m = float(np.linalg.norm(away))
        if not 0.0 < range_m < math.inf:
            return True
        kind = int(self._setting.terminals.type[terminal])
        return range_m <= self._setting.habits[kind, kernels.REACH] and all(
            each.holds for each in self._pointing(node, kind, state, away / range_m)
        )

    def _terminal_state(self, terminal, node):
        if terminal < 0:
            return None
        terminals = self._setting.terminals
        pair, partner = int(terminals.pair[terminal]), int(terminals.partner[terminal])
        until_s = None
        if pair >= 0 and self._table.pairs.what[pair, kernels.STATE] == kernels.ACQUIRING:
            until_s = float(self._table.pairs.when[pair, kernels.UP_AT])
        return TerminalState(
            self._setting.types[terminals.type[terminal] - 1].name,
            int(terminals.number[terminal]),
            int(terminals.first[node + 1] - terminals.first[node]),
            pair >= 0,
            self._names[partner] if pair >= 0 else None,
            until_s,
        )

    def _conditions(self, rule, first, second, types, limit_m):
        """All conditions of a pair with these types of terminals."""
        if self._t_s >= min(self._sky.fails_at_s[first], self._sky.fails_at_s[second]):
            return [Condition("position", None, None, "", False)]
        a, b = (np.array(vector_at(self._sky, node, self._share)) for node in (first, second))
        away = b[:3] - a[:3]
        range_m = float(np.linalg.norm(away))
        if not math.isfinite(range_m):
            return [Condition("position", None, None, "", False)]
        limit_km = None if limit_m == math.inf else limit_m / 1e3
        found = [Condition("range", range_m / 1e3, limit_km, "km", range_m <= limit_m)]
        site = first if self._is_ground[first] else second if self._is_ground[second] else None
        if site is None:
            height_m = grazing_height_m(self._table.world, tuple(a), tuple(b))
            lowest_km = self._topology.grazing_altitude_km
            height_km = height_m / 1e3 + lowest_km
            found.append(Condition("grazing altitude", height_km, lowest_km, "km", height_m >= 0.0))
        elif not (self._is_ground[first] and self._is_ground[second]):
            found += self._elevation(rule, site, away if site == first else -away, range_m)
        for node, kind, state, direction in ((first, types[0], a, away), (second, types[1], b, -away)):
            if kind > 0:
                found += self._pointing(node, kind, state, direction / range_m)
        return found

    def _elevation(self, rule, node, away, range_m):
        """Elevation, azimuth and clouds at a site."""
        site = self._site(node)
        row = self._setting.site_row(rule, site)
        up, east = row[UP : UP + 3], row[EAST : EAST + 3]
        north = np.cross(up, east)
        elevation = math.asin(max(-1.0, min(1.0, float(away @ up) / range_m)))
        azimuth = math.degrees(math.atan2(away @ east, away @ north)) % 360.0
        mask = None if rule is None else least_elevation_deg(rule, site)
        if isinstance(mask, tuple):
            world = self._setting.world_of(row, mask)
            mask = math.degrees(math.asin(sine_of_mask(world, 0, float(away @ east), float(away @ north))))
        holds = mask is None or math.degrees(elevation) >= mask
        found = [
            Condition("elevation", math.degrees(elevation), mask, "deg", holds),
            Condition("azimuth", azimuth, None, "deg", True),
        ]
        clouds = clouds_of(site, node, self._topology.seed)
        if clouds is not None:
            found.append(
                Condition(f"clear sky over {self._names[node]}", None, None, "", clouds.is_clear(self._t_s))
            )
        return found

    def _pointing(self, node, kind, state, direction):
        """Field of regard and Sun exclusion of the terminal at one end."""
        terminal_type, name = self._setting.types[kind - 1], self._names[node]
        found = []
        if terminal_type.mount is not None:
            local = np.array(local_direction(tuple(state), *direction))
            angle = _angle_deg(local, np.array(terminal_type.mount))
            most = terminal_type.field_of_regard_deg
            found.append(Condition(f"pointing at {name}", angle, most, "deg", angle <= most))
        if terminal_type.sun_exclusion_deg > 0.0:
            angle = _angle_deg(direction, np.array(sun_at(self._sky, self._share)))
            least = terminal_type.sun_exclusion_deg
            found.append(Condition(f"Sun at {name}", angle, least, "deg", angle >= least))
        return found

    def _full(self, rule, index, node, satellite):
        """Which of a site's antennas and a satellite's beams are all taken, as a sentence; "" if neither."""
        pairs, count = self._table.pairs, self._table.count
        who, what = pairs.who[:count], pairs.what[:count]
        held = what[:, kernels.STATE] != kernels.UNUSED
        mine = held & (what[:, kernels.RULE] == index)
        site = self._site(node)
        most = site.antennas or (None if rule.choose == "all" else 1)
        counted = held & (what[:, kernels.KIND] == GSL) if site.antennas else mine
        if most is not None and (who[counted, kernels.FIRST] == node).sum() >= most:
            return f"antennas: all {most} of {self._names[node]} are in use"
        if rule.beams is not None and (who[mine, kernels.SECOND] == satellite).sum() >= rule.beams:
            return f"beams: all {rule.beams} of {self._names[satellite]} are in use"
        return ""

    def _site(self, node):
        """The ground site in a row."""
        sites = [site for group in self._topology.ground for site in group.sites]
        return sites[node - (len(self._names) - len(sites))]

    def _why_not(self, index, rule, first, second, terminals):
        """Why a rule has not linked two nodes whose conditions hold."""
        names = self._names[first], self._names[second]
        if rule.rule == "grid":
            if index not in self._grids:
                pairs = grid_pairs(self._topology, index, self._engine.ephemeris)
                self._grids[index] = {frozenset(pair) for pair in pairs.tolist()}
            if {first, second} not in self._grids[index]:
                return f"{names[0]} and {names[1]} are no neighbours of the grid"
            lacking = self._engine.not_made[index]
            node = lacking.get((first, second), lacking.get((second, first)))
            return f"terminals: {self._names[node]} has none left" if node is not None else "terminals"
        for terminal, node in zip(terminals, (first, second), strict=True):
            limited = self._setting.terminals.limited[node]
            if (
                limited
                and (terminal < 0 or self._setting.terminals.pair[terminal] >= 0)
                and (rule.rule != "ground" or (rule.rate_gbps is None and rule.up_gbps is None))
            ):
                any_free = (self._setting.terminals.pair[self._rows_for(rule, node)] < 0).any()
                which = "that can look there " if any_free else ""
                return f"terminals: none of {self._names[node]} {which}is free"
        if rule.rule == "ground":
            full = self._full(rule, index, first, second)
            if full:
                return full
        return "not chosen: another came first, or the next choice is still to come"


# Sites may lie below the ellipsoid, and see satellites below the horizon where range alone decides.
_BELOW_M = 100_000.0

_GEOMETRY = ("position", "range", "grazing altitude", "elevation")


def _angle_deg(one, other):
    return math.degrees(
        2.0 * math.atan2(float(np.linalg.norm(one - other)), float(np.linalg.norm(one + other)))
    )
