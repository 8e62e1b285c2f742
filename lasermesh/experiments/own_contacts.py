"""When senders will have direct contact with the nodes that they send to, as geometry and plans foretell."""

from collections import defaultdict
from dataclasses import replace

from lasermesh.contacts import LinkEngine
from lasermesh.units import NEVER, PS_PER_S, ps_from_s

PORTION_S = 3600.0
HORIZON_S = 86_400.0
"""A contact further ahead is as good as none."""


class OwnContacts:
    """Contacts of some nodes over links of their own, computed as far ahead as somebody has asked.

    By elevation and range, or as a plan has it; clouds, terminals and choices are not foreseen.

    Parameters
    ----------
    topology : Topology
    ephemeris : Ephemeris
    pairs : set of (int, int)
        Rows of senders and of nodes that they send to.
    start_s : float
        Of the run, since the topology's epoch.
    end_ps : int
        Of the run; later contacts are none.
    """

    def __init__(self, topology, ephemeris, pairs, start_s, end_ps):
        self._pairs = pairs
        self._start_s = start_s
        self._end_ps = end_ps
        self._known_s = 0.0  # since the run's start
        self._begun = defaultdict(dict)  # by pair, links that are up at that instant: since when, in ps
        self._windows = defaultdict(list)  # by pair: (start, stop) in ps, in order of their stops
        rules = _rules_of_senders(topology, {source for source, _ in pairs})
        self._engine = None
        if rules:
            self._engine = LinkEngine(replace(topology, links=rules), ephemeris, potential=True)

    def next_ps(self, source, destination, from_ps):
        """When a contact from a node to another begins, `from_ps` if there is one then; NEVER: none foreseen.

        `from_ps` must not be before what was asked last of the pair.
        """
        if self._engine is None:
            return NEVER
        horizon_s = min(self._end_ps / PS_PER_S, from_ps / PS_PER_S + HORIZON_S)
        while True:
            windows = self._windows[source, destination]
            while windows and windows[0][1] <= from_ps:
                del windows[0]
            begun = self._begun[source, destination]
            if windows or begun:
                return max(from_ps, min([start_ps for start_ps, _ in windows] + list(begun.values())))
            if self._known_s >= horizon_s:
                return NEVER
            self._look_further()

    def _look_further(self):
        """Take in what links do in another portion."""
        begin_s, self._known_s = self._known_s, self._known_s + PORTION_S
        step = self._engine.step(self._start_s + begin_s, self._start_s + self._known_s)
        if begin_s == 0.0:
            ends = zip(step.graph.from_node.tolist(), step.graph.to_node.tolist(), strict=True)
            for (a, b), link in zip(ends, step.graph.link.tolist(), strict=True):
                if (a, b) in self._pairs:
                    self._begun[a, b][link] = 0
        table = self._engine.links
        changes = step.change_s.tolist(), step.change_link.tolist(), step.change_rate_bps.tolist()
        for change_s, link, rate_bps in zip(*changes, strict=True):
            pair = int(table.from_node[link]), int(table.to_node[link])
            if pair not in self._pairs:
                continue
            time_ps, begun = ps_from_s(change_s - self._start_s), self._begun[pair]
            if rate_bps > 0:
                begun.setdefault(link, time_ps)
            elif link in begun:
                self._windows[pair].append((begun.pop(link), time_ps))


def _rules_of_senders(topology, senders):
    """Rules `ground` and `plan`, the former with those groups alone that have a sender."""
    groups = {group.name for group in topology.satellites if senders & set(topology.group_rows(group.name))}
    rules = []
    for rule in topology.links:
        if rule.rule == "plan":
            rules.append(rule)
        elif rule.rule == "ground":
            mine = tuple(name for name in rule.satellites if name in groups)
            if mine:
                rules.append(replace(rule, satellites=mine))
    return tuple(rules)
