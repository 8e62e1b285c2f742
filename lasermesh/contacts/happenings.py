"""What happens to links between two instants, gathered from all rules."""

import itertools
from collections import defaultdict
from typing import NamedTuple

import numpy as np


class Happenings(NamedTuple):
    """Directed links that go up or down or change rate, one row each."""

    time_s: np.ndarray  # float64 (n,)
    from_node: np.ndarray  # int32 (n,)
    to_node: np.ndarray  # int32 (n,)
    rule: np.ndarray  # int16 (n,)
    kind: np.ndarray  # int8 (n,)
    rate_bps: np.ndarray  # int64 (n,)  0: down
    foreseen: np.ndarray  # bool (n,)  whether it could be known before

    @staticmethod
    def collector():
        """Something to add the events of rules to."""
        return _Collector()

    @staticmethod
    def of_offers(columns, rows):
        """Rows of offered links, with no instant."""
        return Happenings(
            np.zeros(len(rows)),
            columns.from_node[rows],
            columns.to_node[rows],
            columns.rule[rows],
            columns.kind[rows],
            columns.rate_bps[rows],
            np.ones(len(rows), dtype=bool),
        )


_DTYPES = Happenings(np.float64, np.int32, np.int32, np.int16, np.int8, np.int64, np.bool_)


class _Collector:
    def __init__(self):
        self._found = [Happenings(*(np.empty(0, dtype) for dtype in _DTYPES))]

    def add_pairs(self, events):
        """Add `Events` of a table of pairs."""
        if len(events.time_s):
            self._add_both_ways(
                events.time_s,
                events.who[:, :2],
                events.who[:, 2],
                events.who[:, 3],
                events.rate_bps,
                events.who[:, 4],
            )

    def add_sight(self, rule, time_s, nodes, rates_bps, foreseen):
        """Add the events of a ground rule: instants, both nodes and the rates from them, whether foreseen."""
        if len(time_s):
            ones = np.ones(len(time_s))
            self._add_both_ways(time_s, nodes, rule.index * ones, ones, rates_bps, foreseen)

    def add_plan(self, plan, time_s, rows, is_up):
        """Add contacts of a plan that begin or end."""
        if len(rows):
            rates = np.where(is_up, plan.rate_bps[rows], 0)
            rule = np.full(len(rows), plan.index)
            known = np.ones(len(rows), dtype=bool)
            ends = plan.from_node[rows], plan.to_node[rows]
            self._add(time_s, *ends, rule, plan.kind[rows], rates, known)

    def gathered(self):
        """All that was added."""
        if len(self._found) == 1:
            return self._found[0]
        return Happenings(*(np.concatenate(columns) for columns in zip(*self._found, strict=True)))

    def _add_both_ways(self, time_s, nodes, rule, kind, rates_bps, foreseen):
        for end in range(2):
            self._add(time_s, nodes[:, end], nodes[:, 1 - end], rule, kind, rates_bps[:, end], foreseen)

    def _add(self, *columns):
        pairs = zip(columns, _DTYPES, strict=True)
        self._found.append(Happenings(*(np.asarray(column).astype(dtype) for column, dtype in pairs)))


def may_contest(topology):
    """Whether two rules of a topology may link the same pair: those that choose never take what is held."""
    kinds = [rule.rule for rule in topology.links]
    if len(kinds) < 2:
        return False
    return "plan" in kinds or kinds.count("grid") > 1 or kinds.count("ground") > 1


def first_rule_wins(graph, beaten, happened, n_nodes):
    """What really happens to links where several rules link the same pair.

    Parameters
    ----------
    graph : LinkGraph
        At the start, the first rule's link alone for each pair.
    beaten : Happenings
        Links of later rules that hold at the start too.
    happened : Happenings
        Of each rule for itself.
    n_nodes : int

    Returns
    -------
    Happenings
    """
    key = happened.from_node.astype(np.int64) * n_nodes + happened.to_node
    contested = set((beaten.from_node.astype(np.int64) * n_nodes + beaten.to_node).tolist())
    contested |= _changing_hands(graph, key, happened, n_nodes)
    if not contested:
        return happened
    touched = np.isin(key, np.fromiter(contested, np.int64, len(contested)))
    alone = Happenings(*(column[~touched] for column in happened))
    events = defaultdict(list)
    for row in np.flatnonzero(touched)[np.argsort(happened.time_s[touched], kind="stable")].tolist():
        events[int(key[row])].append(tuple(column[row] for column in happened))
    holding = _holding(graph, beaten, contested, n_nodes)
    made = []
    for pair, of_pair in events.items():
        made += _resolve(holding.get(pair, {}), of_pair)
    resolved = zip(*made, strict=True) if made else ([],) * len(_DTYPES)
    return Happenings(
        *(
            np.concatenate((column, np.array(more, dtype)))
            for column, more, dtype in zip(alone, resolved, _DTYPES, strict=True)
        )
    )


def _changing_hands(graph, key, happened, n_nodes):
    """Pairs that an event of one rule concerns while another links them, or has an event too."""
    if not len(key):
        return set()
    found = set()
    rule_of = {}
    for pair, rule in zip(key.tolist(), happened.rule.tolist(), strict=True):
        if rule_of.setdefault(pair, rule) != rule:
            found.add(pair)
    graph_key = graph.from_node.astype(np.int64) * n_nodes + graph.to_node
    place = np.minimum(np.searchsorted(graph_key, key), max(0, len(graph_key) - 1))
    if len(graph_key):
        other = (graph_key[place] == key) & (graph.rule[place] != happened.rule)
        found |= set(key[other].tolist())
    return found


def _holding(graph, beaten, contested, n_nodes):
    """Rate and kind by rule of the links that hold at the start, by pair."""
    holding = defaultdict(dict)
    for links in (graph, beaten):
        keys = links.from_node.astype(np.int64) * n_nodes + links.to_node
        for row in np.flatnonzero(np.isin(keys, np.fromiter(contested, np.int64, len(contested)))).tolist():
            holding[int(keys[row])][int(links.rule[row])] = (links.rate_bps[row], links.kind[row])
    return holding


def _resolve(holds, events):
    """The events of one pair, with the first of the rules that hold in force at each instant."""
    made = []
    from_node, to_node = events[0][1:3]
    for time_s, at_once in itertools.groupby(events, key=lambda event: event[0]):
        before, foreseen = dict(holds), True
        for _, _, _, rule, kind, rate_bps, known in at_once:
            foreseen = foreseen and bool(known)
            if rate_bps:
                holds[int(rule)] = (rate_bps, kind)
            else:
                holds.pop(int(rule), None)
        was, now = min(before, default=None), min(holds, default=None)
        if was is not None and was != now:
            made.append((time_s, from_node, to_node, was, before[was][1], 0, foreseen))
        if now is not None and (was != now or before[was][0] != holds[now][0]):
            made.append((time_s, from_node, to_node, now, holds[now][1], holds[now][0], foreseen))
    return made
