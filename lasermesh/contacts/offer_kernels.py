"""Kernels that gather the links of an instant, sort them and give them their ids."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import kernel


class Offers(NamedTuple):
    """Directed links that rules offer at one instant, in rule order, with room for more."""

    from_node: np.ndarray  # int32 (room,)
    to_node: np.ndarray  # int32 (room,)
    range_m: np.ndarray  # float64 (room,)
    rate_bps: np.ndarray  # int64 (room,)
    kind: np.ndarray  # int8 (room,)
    rule: np.ndarray  # int16 (room,)


class LinkIds(NamedTuple):
    """Ids of links by (from, to, rule): an open-addressing table whose size is a power of two."""

    key: np.ndarray  # int64 (size,)  -1: free
    link: np.ndarray  # int32 (size,)


class LinkColumns(NamedTuple):
    """What stays the same about each link; row i is link i, with room for more rows than are used."""

    from_node: np.ndarray  # int32 (room,)
    to_node: np.ndarray  # int32 (room,)
    kind: np.ndarray  # int8 (room,)
    rule: np.ndarray  # int16 (room,)


@kernel
def offer(offers, i, from_node, to_node, range_m, rate_bps, kind, rule):
    """Write one offered link to row `i`."""
    offers.from_node[i] = from_node
    offers.to_node[i] = to_node
    offers.range_m[i] = range_m
    offers.rate_bps[i] = rate_bps
    offers.kind[i] = kind
    offers.rule[i] = rule


@kernel
def distance_m(position_m, first, second):
    """Straight-line distance between two rows of `position_m`."""
    x = position_m[second, 0] - position_m[first, 0]
    y = position_m[second, 1] - position_m[first, 1]
    z = position_m[second, 2] - position_m[first, 2]
    return math.sqrt(x * x + y * y + z * z)


@kernel
def fill_ranges(position_m, from_node, to_node, range_m):
    """Straight-line distance from `from_node[i]` to `to_node[i]`."""
    for i in range(len(from_node)):
        range_m[i] = distance_m(position_m, from_node[i], to_node[i])


@kernel
def append_windows(position_m, windows, rows, rates_bps, kind, rule, offers, count):
    """Offer both directions of the pairs in some rows of `windows`; how many offers there are then."""
    for i in range(len(rows)):
        first, second = windows.first[rows[i]], windows.second[rows[i]]
        range_m = distance_m(position_m, first, second)
        offer(offers, count, first, second, range_m, rates_bps[0], kind, rule)
        offer(offers, count + 1, second, first, range_m, rates_bps[1], kind, rule)
        count += 2
    return count


@kernel
def fill_order_by(node, order_before, count, n_nodes, next_place, order):
    """Sort rows by `node[row]`, keeping the order in `order_before` among equals (a counting sort).

    `next_place` is scratch, int64 (n_nodes + 1,). Afterwards `next_place[v]` is where the rows of node v end,
    which is where those of v + 1 start.
    """
    next_place[: n_nodes + 1] = 0
    for i in range(count):
        next_place[node[i] + 1] += 1
    for v in range(n_nodes):
        next_place[v + 1] += next_place[v]
    for i in range(count):
        row = order_before[i]
        place = next_place[node[row]]
        order[place] = row
        next_place[node[row]] = place + 1


@kernel
def keep_first_of_each_pair(offers, order, count):
    """Drop from sorted `order` what repeats an ordered pair: the first rule wins; how many are left."""
    from_node, to_node, rule = offers.from_node, offers.to_node, offers.rule
    kept = 0
    for i in range(count):
        row = order[i]
        if kept > 0:
            last = order[kept - 1]
            if from_node[row] == from_node[last] and to_node[row] == to_node[last]:
                if rule[row] < rule[last]:
                    order[kept - 1] = row
                continue
        order[kept] = row
        kept += 1
    return kept


@kernel
def fill_rows(offers, order, from_node, to_node, range_m, rate_bps, kind, rule):
    """Copy the offers named by `order` to the columns of a link graph."""
    for i in range(len(order)):
        row = order[i]
        from_node[i] = offers.from_node[row]
        to_node[i] = offers.to_node[row]
        range_m[i] = offers.range_m[row]
        rate_bps[i] = offers.rate_bps[row]
        kind[i] = offers.kind[row]
        rule[i] = offers.rule[row]


@kernel
def place_of(ids, key):
    """Where `key` stands in the table, or the free place where it belongs."""
    mask = len(ids.key) - 1
    # Fibonacci hashing (Knuth, TAOCP 3, section 6.4), after reduction by a prime so that nothing overflows.
    place = ((key % 2_147_483_647) * 2_654_435_769 >> 24) & mask
    while ids.key[place] != -1 and ids.key[place] != key:
        place = (place + 1) & mask
    return place


@kernel
def number_links(from_node, to_node, kind, rule, n_nodes, n_rules, before, ids, links, known, link):
    """Give every row the id of its (from, to, rule), a new one, in row order, if it was never seen.

    Rows are sorted by (from, to), and so are those of `before`, the ids of the graph before this one: most
    ids are found by walking along it, the others in the table. `ids` and `links` must have room for a new
    link in every row. Returns how many links are known then.
    """
    at = 0
    for i in range(len(from_node)):
        while at < len(before) and (
            links.from_node[before[at]] < from_node[i]
            or (links.from_node[before[at]] == from_node[i] and links.to_node[before[at]] < to_node[i])
        ):
            at += 1
        if at < len(before):
            guess = before[at]
            if (
                links.from_node[guess] == from_node[i]
                and links.to_node[guess] == to_node[i]
                and links.rule[guess] == rule[i]
            ):
                link[i] = guess
                continue
        key = (np.int64(from_node[i]) * n_nodes + to_node[i]) * n_rules + rule[i]
        place = place_of(ids, key)
        if ids.key[place] == -1:
            ids.key[place] = key
            ids.link[place] = known
            links.from_node[known] = from_node[i]
            links.to_node[known] = to_node[i]
            links.kind[known] = kind[i]
            links.rule[known] = rule[i]
            known += 1
        link[i] = ids.link[place]
    return known
