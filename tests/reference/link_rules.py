"""Which links are up when: every rule stepped through its decisions, one satellite and terminal at a time.

Decisions fall on whole steps; what happens between them, the end of a link's conditions, a lost link, clouds
or another rate, happens at its exact instant. What is decided later never changes what a link does before, so
a link's whole life is known once it is made, unless the next choice of a ground rule ends it.
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tests.reference import chance
from tests.reference.contacts import (
    Conditions,
    angle_rad,
    local_direction,
    range_m,
    sine_of_elevation,
    terminal_rate_gbps,
)
from tests.reference.grid import neighbour_pairs_of_rule

KEYS_PER_NODE = 4096
FAR_AHEAD_S = 6 * 3600.0
BEFORE_S = 1e-5


class Contact(NamedTuple):
    """One direction of a link at one rate, up in [start_s, stop_s)."""

    from_node: int
    to_node: int
    rule: int
    start_s: float
    stop_s: float
    rate_bps: int


@dataclass(eq=False)
class Terminal:
    """One terminal of one satellite."""

    node: int
    number: int
    type: object
    busy: bool = False
    last_direction: np.ndarray | None = None

    @property
    def key(self):
        return self.node * KEYS_PER_NODE + self.number


@dataclass(eq=False)
class Link:
    """A pair that a rule holds, with the terminals that it has at both ends (None: needs none)."""

    rule: int
    first: int  # of a ground link the site
    second: int
    terminals: tuple
    decided_s: float
    end_s: float  # when its conditions fail, or the rule lets it go
    first_up_s: float

    def partner_of(self, node):
        return self.second if node == self.first else self.first


@dataclass
class Outcome:
    """What `simulate` finds."""

    contacts: list = field(default_factory=list)
    links: list = field(default_factory=list)  # all that rules with decisions ever held


def simulate(topology, ephemeris, stop_s, start_s=0.0, warm_up_s=None):
    """Contacts of the plan rules' and every other link from where memory begins until `stop_s`.

    Returns
    -------
    Outcome
        Its contacts sorted, of several rules that serve one ordered pair at a time only the first.
    """
    world = _World(topology, ephemeris, memory_start_s(topology, start_s, warm_up_s), stop_s)
    world.run()
    return Outcome(first_rule_alone(world.contacts), world.all_links)


def memory_start_s(topology, start_s=0.0, warm_up_s=None):
    """Where memory begins, rounded down to a step."""
    begins_s = min(start_s, 0.0) if warm_up_s is None else start_s - warm_up_s
    return math.floor(begins_s / topology.step_s) * topology.step_s


def first_rule_alone(contacts):
    """Contacts of each ordered pair less the time in which an earlier rule's link is up."""
    by_pair = {}
    for contact in contacts:
        by_pair.setdefault(contact[:2], []).append(contact)
    kept = []
    for of_pair in by_pair.values():
        for contact in of_pair:
            pieces = [(contact.start_s, contact.stop_s)]
            for other in of_pair:
                if other.rule < contact.rule:
                    pieces = [piece for old in pieces for piece in less(old, (other.start_s, other.stop_s))]
            kept += [contact._replace(start_s=start, stop_s=stop) for start, stop in pieces]
    return sorted(kept)


def less(one, other):
    """The parts of one interval outside another."""
    parts = [(one[0], min(one[1], other[0])), (max(one[0], other[1]), one[1])]
    return [(start, stop) for start, stop in parts if start < stop]


def terminals_of(topology):
    """Terminals of each node by row; None where there is no limit."""
    rows = []
    for group_index, group in enumerate(topology.satellites):
        numbers = [[] for _ in range(group.size)]
        number = 0
        for use_index, use in enumerate(group.terminals):
            having = chance.who_has(topology.seed, group_index, use_index, use.share, group.size)
            for member in sorted(having):
                numbers[member] += [(number + i, use.type) for i in range(use.count)]
            number += use.count
        for node, of_node in zip(topology.group_rows(group.name), numbers, strict=True):
            made = [Terminal(node, number, kind) for number, kind in of_node]
            rows.append(made if group.terminals else None)
    return rows + [None] * sum(len(group.sites) for group in topology.ground)


def angle_from_mount_rad(terminal, direction):
    """Angle between the mount of a terminal and a local direction; one without a mount faces every way."""
    return 0.0 if terminal.type.mount is None else float(angle_rad(np.array(terminal.type.mount), direction))


class _World:
    def __init__(self, topology, ephemeris, memory_s, stop_s):
        self.topology = topology
        self.ephemeris = ephemeris
        self.conditions = Conditions(topology, ephemeris)
        self.sky = self.conditions.sky
        self.terminals = terminals_of(topology)
        self.memory_s = memory_s
        self.stop_s = stop_s
        self.links = []  # held now
        self.all_links = []
        self.grid_pairs = []  # (rule, first, second, terminals)
        self.contacts = []

    def run(self):
        for index, rule in enumerate(self.topology.links):
            if rule.rule == "grid":
                self._reserve_grid(index, rule)
        for index, rule in enumerate(self.topology.links):
            if rule.rule == "plan":
                self._serve_plan(index, rule)
            elif rule.rule == "ground" and not self._decides(index):
                for site, satellite in self._ground_pairs(rule):
                    conditions = self._conditions_of(index, site, satellite, (None, None))
                    for start_s, end_s in conditions.windows(self.memory_s, self.stop_s):
                        self._add_contacts(index, site, satellite, (None, None), start_s, end_s)
        for pair in self.grid_pairs:
            self._serve_grid(*pair)
        step = round(self.memory_s / self.topology.step_s)
        while step * self.topology.step_s < self.stop_s:
            self._decide(step * self.topology.step_s, step)
            step += 1
        for link in self.all_links:
            self._serve(link.rule, link.first, link.second, link.terminals, link.first_up_s, link.end_s)

    # ------------------------------------------------------------------------------------------------ links

    def _conditions_of(self, rule, first, second, terminals, clouds=True):
        types = [terminal and terminal.type for terminal in terminals]
        return self.conditions.of_link(rule, first, second, *types, clouds=clouds)

    def _acquisition_s(self, terminals, t_s):
        seed = self.topology.seed
        return max(
            chance.acquisition_s(seed, terminal.type, terminal.key, t_s) if terminal else 0.0
            for terminal in terminals
        )

    def _serve(self, rule, first, second, terminals, up_s, end_s):
        """Contacts of a link first up at `up_s`, lost and acquired anew until its conditions end."""
        end_s = min(end_s, self.stop_s)
        while up_s < end_s:
            down_s = end_s
            for terminal in terminals:
                if terminal:
                    arguments = self.topology.seed, terminal.type, terminal.key, up_s, end_s
                    down_s = min(down_s, chance.first_loss_after(*arguments))
            self._add_contacts(rule, first, second, terminals, up_s, down_s)
            up_s = down_s + self._acquisition_s(terminals, down_s)

    def _add_contacts(self, rule_index, first, second, terminals, start_s, stop_s):
        """Both directions of a link in an interval, cut where the rate changes."""
        rule = self.topology.links[rule_index]
        types = [terminal and terminal.type for terminal in terminals]
        cuts = {start_s, stop_s}
        for margin in self.conditions.of_rates(first, second, *types):
            t_s = start_s
            while (t_s := margin.next_change(t_s, stop_s)) < stop_s:
                cuts.add(t_s)
        cuts = sorted(cuts)
        for ends, given in (((first, second), rule.up_gbps), ((second, first), rule.down_gbps)):
            pieces = []
            for start, stop in itertools.pairwise(cuts):
                at_m = range_m(self.sky.at(0.5 * (start + stop)), first, second)
                gbps = [rule.rate_gbps if given is None else given]
                gbps += [terminal_rate_gbps(kind, at_m) for kind in types if kind]
                rate_bps = round(1e9 * min(rate for rate in gbps if rate is not None))
                if pieces and pieces[-1].rate_bps == rate_bps:
                    pieces[-1] = pieces[-1]._replace(stop_s=stop)
                else:
                    pieces.append(Contact(*ends, rule_index, start, stop, rate_bps))
            self.contacts += pieces

    # ------------------------------------------------------------------------------- rules without decisions

    def _serve_plan(self, index, rule):
        for contact in rule.plan_contacts:
            ends = self.topology.row_of(contact.from_name), self.topology.row_of(contact.to_name)
            start_s, stop_s = max(contact.start_s, self.memory_s), min(contact.stop_s, self.stop_s)
            if start_s < stop_s:
                self.contacts.append(Contact(*ends, index, start_s, stop_s, contact.rate_bps))

    def _reserve_grid(self, index, rule):
        at_epoch = self.sky.at(0.0)
        for first, second in neighbour_pairs_of_rule(self.topology, rule):
            ends = []
            for node, other in ((first, second), (second, first)):
                if self.terminals[node] is None:
                    ends.append(None)
                    continue
                free = [terminal for terminal in self.terminals[node] if not terminal.busy]
                direction = local_direction(at_epoch, node, other)
                free.sort(key=lambda terminal, d=direction: angle_from_mount_rad(terminal, d))
                ends.append(free[0] if free else False)
            if False in ends:
                continue
            for terminal in ends:
                if terminal:
                    terminal.busy = True
            self.grid_pairs.append((index, first, second, tuple(ends)))

    def _serve_grid(self, index, first, second, terminals):
        conditions = self._conditions_of(index, first, second, terminals)
        for start_s, end_s in conditions.windows(self.memory_s, self.stop_s):
            wait_s = 0.0 if start_s == self.memory_s else self._acquisition_s(terminals, start_s)
            self._serve(index, first, second, terminals, start_s + wait_s, end_s)

    # --------------------------------------------------------------------------------------------- decisions

    def _decides(self, index):
        """Whether a rule makes links at steps only: for ground rules, whether anything limits them."""
        rule = self.topology.links[index]
        if rule.rule != "ground":
            return rule.rule in ("nearest", "guest")
        limited = any(self.conditions.sites[s - self.conditions.n_satellites].antennas is not None
                      for s in self._sites(rule))  # fmt: skip
        return rule.choose != "all" or limited or rule.beams is not None or not is_radio(rule)

    def _decide(self, t_s, step):
        for link in self.links:
            if link.end_s <= t_s:
                self._free(link, link.end_s)
        self.links = [link for link in self.links if link.end_s > t_s]
        for index, rule in enumerate(self.topology.links):
            if rule.rule == "nearest":
                self._decide_nearest(index, rule, t_s)
            elif rule.rule == "guest":
                self._decide_guest(index, rule, t_s)
            elif rule.rule == "ground" and self._decides(index):
                self._decide_ground(index, rule, t_s, step)

    def _free(self, link, t_s):
        for terminal in link.terminals:
            if terminal:
                partner = link.partner_of(terminal.node)
                pointed = local_direction(self.sky.at(t_s), terminal.node, partner)
                if np.isnan(pointed).any():  # one of them is no more
                    pointed = local_direction(self.sky.at(t_s - BEFORE_S), terminal.node, partner)
                terminal.busy = False
                terminal.last_direction = pointed

    def _hold(self, index, first, second, terminals, t_s):
        """Make a link at a decision: slew, acquire, and be up until its conditions fail."""
        for terminal in terminals:
            if terminal:
                terminal.busy = True
        end_s = self._conditions_of(index, first, second, terminals).next_change(t_s, self._known_until(t_s))
        up_s = t_s
        if t_s > self.memory_s:
            slew_s = max(self._slew_s(terminals[0], second, t_s), self._slew_s(terminals[1], first, t_s))
            up_s += slew_s + self._acquisition_s(terminals, t_s)
        link = Link(index, first, second, tuple(terminals), t_s, end_s, up_s)
        self.links.append(link)
        self.all_links.append(link)
        return link

    def _known_until(self, t_s):
        return max(t_s, self.stop_s) + max(
            (self._lead_s(rule) for rule in self.topology.links if rule.rule == "guest"), default=0.0
        )

    def _slew_s(self, terminal, other, t_s):
        if terminal is None or terminal.type.slew_deg_per_s is None:
            return 0.0
        before = terminal.last_direction if terminal.last_direction is not None else terminal.type.mount
        if before is None:
            return 0.0
        now = local_direction(self.sky.at(t_s), terminal.node, other)
        return math.degrees(angle_rad(np.array(before), now)) / terminal.type.slew_deg_per_s

    def _takes(self, rule, terminal):
        """Whether a rule may take a terminal: those named, which a guest rule says of its hosts."""
        if not rule.terminals or (rule.rule == "guest" and terminal.node in self._rows(rule.clients)):
            return True
        return terminal.type.name in rule.terminals

    def _free_terminal(self, index, node, other, t_s):
        """(found, terminal): the lowest free one that can serve a link to `other`; None: needs none."""
        if self.terminals[node] is None:
            return True, None
        for terminal in self.terminals[node]:
            if not self._takes(self.topology.links[index], terminal):
                continue
            ends = self.conditions.of_end(node, terminal.type, other)
            if not terminal.busy and all(condition.holds(t_s) for condition in ends.values()):
                return True, terminal
        return False, None

    def _may_join(self, index, first, second, t_s):
        """The terminals that a link between two nodes would use now, or None."""
        if not all(c.holds(t_s) for c in self.conditions.of_pair(index, first, second).values()):
            return None
        found, terminals = zip(
            self._free_terminal(index, first, second, t_s),
            self._free_terminal(index, second, first, t_s),
            strict=True,
        )
        return terminals if all(found) else None

    def _rows(self, names):
        return [row for name in names for row in self.topology.group_rows(name)]

    def _held_pairs(self):
        pairs = {frozenset((first, second)) for _, first, second, _ in self.grid_pairs}
        return pairs | {frozenset((link.first, link.second)) for link in self.links}

    def _range_m(self, first, second, t_s):
        return float(range_m(self.sky.at(t_s), first, second))

    # ---------------------------------------------------------------------------------------- nearest, guest

    def _decide_nearest(self, index, rule, t_s):
        nodes = [
            node
            for node in sorted(self._rows(rule.satellites))
            if any(not terminal.busy for terminal in self.terminals[node])
        ]
        held = self._held_pairs()
        candidates = [
            (self._range_m(a, b, t_s), a, b)
            for i, a in enumerate(nodes)
            for b in nodes[i + 1 :]
            if frozenset((a, b)) not in held and self._may_join(index, a, b, t_s)
        ]
        for _, a, b in sorted(candidates):
            terminals = self._may_join(index, a, b, t_s)
            if terminals:
                self._hold(index, a, b, terminals, t_s)

    def _lead_s(self, rule):
        """How long before its end a guest's link is no longer counted."""
        longest = 0.0
        for group in self.topology.satellites:
            if group.name in rule.clients + rule.hosts:
                for use in group.terminals:
                    turn_s = 180.0 / use.type.slew_deg_per_s if use.type.slew_deg_per_s else 0.0
                    acquire_s = use.type.acquisition_s.p95 if use.type.acquisition_s else 0.0
                    longest = max(longest, turn_s + acquire_s)
        return longest + 2.0 * self.topology.step_s

    def _decide_guest(self, index, rule, t_s):
        lead_s = self._lead_s(rule)
        for client in sorted(self._rows(rule.clients)):
            taken = 0
            while True:
                lasting = [
                    link
                    for link in self.links
                    if link.rule == index and link.first == client and link.end_s - t_s > lead_s
                ]
                if len(lasting) >= rule.links_per_client:
                    break
                held = self._held_pairs()
                candidates = [
                    (host, terminals)
                    for host in sorted(self._rows(rule.hosts))
                    if frozenset((client, host)) not in held
                    and (terminals := self._may_join(index, client, host, t_s))
                ]
                if not candidates:
                    break
                host, terminals = self._choose_host(index, rule, client, candidates, taken, t_s)
                self._hold(index, client, host, terminals, t_s)
                taken += 1

    def _choose_host(self, index, rule, client, candidates, taken, t_s):
        if rule.choose == "random":
            counter = chance.milliseconds(t_s) * 64 + taken
            u = chance.draw_unit(self.topology.seed, chance.GUEST, client, counter)
            return candidates[math.floor(u * len(candidates))]

        def order(candidate):
            host, terminals = candidate
            nearness = self._range_m(client, host, t_s), host
            if rule.choose == "nearest":
                return nearness
            return (-self._remaining_s(index, client, host, terminals, t_s), *nearness)

        return min(candidates, key=order)

    def _remaining_s(self, index, first, second, terminals, t_s):
        """How long conditions 1 to 6 still hold, at most six hours."""
        conditions = self._conditions_of(index, first, second, terminals, clouds=False)
        return min(conditions.next_change(t_s, t_s + FAR_AHEAD_S) - t_s, FAR_AHEAD_S)

    # ------------------------------------------------------------------------------------------------ ground

    def _sites(self, rule):
        return sorted(self._rows(rule.sites))

    def _ground_pairs(self, rule):
        return [(site, row) for site in self._sites(rule) for row in sorted(self._rows(rule.satellites))]

    def _decide_ground(self, index, rule, t_s, step):
        standing = [link for link in self.links if link.rule == index]
        if rule.reassign_s is not None:
            every = round(rule.reassign_s / self.topology.step_s)
            if step % every and t_s > self.memory_s:
                return
            for link in standing:
                self._set_busy(link, False)
        kept = [] if rule.reassign_s is not None else standing
        of_pair = {(link.first, link.second): link for link in standing}
        chosen = list(kept)
        for site, satellite in self._sorted_ground_candidates(index, rule, kept, t_s):
            link = of_pair.get((site, satellite))
            if self._is_full(rule, chosen, site, satellite):
                continue
            if link is not None and not any(terminal and terminal.busy for terminal in link.terminals):
                self._set_busy(link, True)
                chosen.append(link)
            elif link is None and (terminals := self._ground_terminals(index, rule, site, satellite, t_s)):
                for terminal in terminals:
                    if terminal:
                        terminal.busy = True
                chosen.append(Link(index, site, satellite, terminals, t_s, math.inf, math.inf))
        for link in standing:
            if link not in chosen:
                link.end_s = t_s
                self.links.remove(link)
                self._free_again(link, chosen, t_s)
        for link in chosen:
            if link not in standing:
                self._hold(index, link.first, link.second, link.terminals, t_s)

    def _set_busy(self, link, busy):
        for terminal in link.terminals:
            if terminal:
                terminal.busy = busy

    def _free_again(self, link, chosen, t_s):
        """Let the terminals of a link go, but for those that another one has taken over."""
        self._free(link, t_s)
        for other in chosen:
            self._set_busy(other, True)

    def _ground_terminals(self, index, rule, site, satellite, t_s):
        if not is_radio(rule):
            return self._may_join(index, site, satellite, t_s)
        return (None, None) if self._pair_holds(index, site, satellite, t_s) else None

    def _pair_holds(self, index, site, satellite, t_s):
        return all(c.holds(t_s) for c in self.conditions.of_pair(index, site, satellite).values())

    def _is_full(self, rule, chosen, site, satellite):
        antennas = self.conditions.sites[site - self.conditions.n_satellites].antennas
        if antennas is None:
            antennas = math.inf if rule.choose == "all" else 1
        else:  # the site's own number counts over all rules
            antennas -= sum(link.first == site and self.topology.links[link.rule] is not rule
                            for link in self.links)  # fmt: skip
        beams = math.inf if rule.beams is None else rule.beams
        return (
            sum(link.first == site for link in chosen) >= antennas
            or sum(link.second == satellite for link in chosen) >= beams
        )

    def _sorted_ground_candidates(self, index, rule, kept, t_s):
        """Pairs that could be linked now and are not among those kept, best first."""
        candidates = []
        sample = self.sky.at(t_s)
        has = {(link.first, link.second) for link in kept}
        for site, satellite in self._ground_pairs(rule):
            if (site, satellite) in has or not self._pair_holds(index, site, satellite, t_s):
                continue
            standing = [li for li in self.links if (li.rule, li.first, li.second) == (index, site, satellite)]
            terminals = self._ground_terminals(index, rule, site, satellite, t_s)
            if standing:
                terminals = standing[0].terminals
            if terminals is None:
                continue
            nearness = float(range_m(sample, site, satellite)), site, satellite
            if rule.choose == "highest":
                where = self.conditions.sites[site - self.conditions.n_satellites]
                sine = float(sine_of_elevation(sample, where, site, satellite))
                candidates.append((-sine, site, satellite))
            elif rule.choose == "longest-remaining":
                remaining_s = self._remaining_s(index, site, satellite, terminals, t_s)
                candidates.append((-remaining_s, *nearness))
            else:
                candidates.append(nearness)
        return [tuple(candidate[-2:]) for candidate in sorted(candidates)]


def is_radio(rule):
    """Whether a ground rule brings its own rate, and so needs no terminal of the satellite."""
    return rule.rate_gbps is not None or (rule.up_gbps is not None and rule.down_gbps is not None)
