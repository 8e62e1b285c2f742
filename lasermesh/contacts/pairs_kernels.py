"""Kernels that follow pairs of nodes which are meant for each other: acquiring, up, lost, ended.

A pair waits (only if its terminals are reserved for it), acquires, or is up. What happens to it follows from
its conditions, from how long acquiring takes, and from random losses; every event has its own instant.
"""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import inner_kernel, kernel
from lasermesh.contacts.conditions_kernels import (
    local_direction,
    make_check,
    next_change_s,
    norm,
    range_at,
    range_change_s,
    vector_at,
)
from lasermesh.random_kernels import ACQUISITION, LOSS, draw_unit, normal_quantile

# Columns of Pairs.who.
FIRST, SECOND, FIRST_TERMINAL, SECOND_TERMINAL, FIRST_TYPE, SECOND_TYPE, SITE, LADDER = range(8)
WHO_COLUMNS = 8

# Columns of Pairs.what.
STATE, HOLDS, LEVEL, RULE, KIND, RESERVED = range(6)
WHAT_COLUMNS = 6

# Pairs.what[STATE]
UNUSED, WAITING, ACQUIRING, UP = 0, 1, 2, 3

# Columns of Pairs.when.
SURE, UP_AT, NEXT_LOSS, LEVEL_SURE, SINCE, EXPECTED_END, OUTLASTS, MAX_RANGE = range(8)
WHEN_COLUMNS = 8

# Columns of Habits, one row per type of terminal.
MEDIAN, SIGMA, SLEW, LOSS_MEAN, NINETY_FIFTH, REACH = range(6)
HABIT_COLUMNS = 6

TERMINALS_PER_NODE = 4096
_BLOCK_DRAWS = 64


class Pairs(NamedTuple):
    """Pairs that a rule holds or has reserved; rows come and go."""

    who: np.ndarray  # int32 (n, WHO_COLUMNS)
    what: np.ndarray  # int32 (n, WHAT_COLUMNS)
    when: np.ndarray  # float64 (n, WHEN_COLUMNS)
    due_s: np.ndarray  # float64 (n,)  nothing happens to the pair before
    rate_bps: np.ndarray  # int64 (n, 2)  from first to second and back; of pairs with a ladder: not used


class Terminals(NamedTuple):
    """The terminals of all nodes."""

    first: np.ndarray  # int64 (n_nodes + 1,)  those of node v are rows [first[v], first[v + 1])
    type: np.ndarray  # int32 (n_terminals,)  row of World.head
    number: np.ndarray  # int32 (n_terminals,)  which of its node's it is
    pair: np.ndarray  # int32 (n_terminals,)  row of Pairs, -1: free
    partner: np.ndarray  # int32 (n_terminals,)  node at the other end, -1: free
    direction: np.ndarray  # float64 (n_terminals, 3)  where it pointed last, fore, left, up; nan: never used
    limited: np.ndarray  # bool (n_nodes,)  false: as many links as there may be


class Ladders(NamedTuple):
    """Rates by range, as steps: from the entry before, to range_m, the rate is rate_bps."""

    first: np.ndarray  # int64 (n_ladders + 1,)
    range_m: np.ndarray  # float64 (n_entries,)
    rate_bps: np.ndarray  # int64 (n_entries,)


class Events(NamedTuple):
    """Links that go up or down or change rate, one row for both directions."""

    time_s: np.ndarray  # float64 (n,)
    who: np.ndarray  # int32 (n, 5)  first node, second node, rule, kind, whether orbits alone foretold it
    rate_bps: np.ndarray  # int64 (n, 2)  0: down


@inner_kernel
def acquisition_s(seed, key, habit, t_s):
    """How long a terminal takes to acquire from an instant on; lognormal."""
    if habit[SIGMA] == 0.0:
        return habit[MEDIAN]
    u = draw_unit(seed, ACQUISITION, key, np.int64(round(t_s * 1000.0)))
    return habit[MEDIAN] * math.exp(habit[SIGMA] * normal_quantile(u))


@inner_kernel
def next_loss_s(seed, key, mean_s, after_s):
    """The first random loss of a terminal after an instant: a Poisson process in absolute time.

    Each block of one mean has a number of losses of its own, drawn by inversion, at uniform instants: so they
    do not depend on steps, nor on when somebody looks.
    """
    if mean_s == math.inf:
        return math.inf
    block = math.floor(after_s / mean_s)
    while True:
        base = np.int64(block) * _BLOCK_DRAWS
        u = draw_unit(seed, LOSS, key, base)
        count, term = 0, math.exp(-1.0)
        total = term
        while u > total and count < _BLOCK_DRAWS - 1:
            count += 1
            term /= count
            total += term
        earliest = math.inf
        for j in range(1, count + 1):
            t_s = (block + draw_unit(seed, LOSS, key, base + j)) * mean_s
            if t_s > after_s and t_s < earliest:
                earliest = t_s
        if earliest < math.inf:
            return earliest
        block += 1


@inner_kernel
def terminal_key(terminals, node, terminal):
    """What the random draws of a terminal hang on."""
    return np.int64(node) * TERMINALS_PER_NODE + terminals.number[terminal]


@inner_kernel
def pair_acquisition_s(seed, pairs, i, terminals, habits, t_s):
    """How long both ends of a pair take to acquire from an instant on."""
    longest = 0.0
    for end in range(2):
        terminal = pairs.who[i, FIRST_TERMINAL + end]
        if terminal >= 0:
            key = terminal_key(terminals, pairs.who[i, FIRST + end], terminal)
            longest = max(longest, acquisition_s(seed, key, habits[terminals.type[terminal]], t_s))
    return longest


@inner_kernel
def pair_loss_s(seed, pairs, i, terminals, habits, after_s):
    """The next random loss at either end of a pair."""
    earliest = math.inf
    for end in range(2):
        terminal = pairs.who[i, FIRST_TERMINAL + end]
        if terminal >= 0:
            key = terminal_key(terminals, pairs.who[i, FIRST + end], terminal)
            mean_s = habits[terminals.type[terminal], LOSS_MEAN]
            earliest = min(earliest, next_loss_s(seed, key, mean_s, after_s))
    return earliest


@inner_kernel
def check_of(pairs, i):
    """The conditions of a pair."""
    return make_check(
        pairs.who[i, FIRST],
        pairs.who[i, SECOND],
        pairs.who[i, FIRST_TYPE],
        pairs.who[i, SECOND_TYPE],
        pairs.who[i, SITE],
        pairs.when[i, MAX_RANGE],
    )


@inner_kernel
def level_at(ladders, ladder, range_m):
    """Entry of a ladder for a range; the last one beyond it."""
    entry, last = ladders.first[ladder], ladders.first[ladder + 1] - 1
    while entry < last and range_m > ladders.range_m[entry]:
        entry += 1
    return entry


@inner_kernel
def next_level_s(sky, ladders, pairs, i, t_s, end_s):
    """When the rate of a pair that is up next changes, or inf; and until when it surely does not."""
    ladder, level = pairs.who[i, LADDER], pairs.what[i, LEVEL]
    if ladder < 0 or ladders.first[ladder + 1] - ladders.first[ladder] == 1:
        return math.inf, math.inf
    least = -1.0 if level == ladders.first[ladder] else ladders.range_m[level - 1]
    most = math.inf if level == ladders.first[ladder + 1] - 1 else ladders.range_m[level]
    if pairs.when[i, LEVEL_SURE] >= end_s:
        return math.inf, pairs.when[i, LEVEL_SURE]
    from_s = max(t_s, pairs.when[i, LEVEL_SURE])
    return range_change_s(sky, pairs.who[i, FIRST], pairs.who[i, SECOND], from_s, end_s, least, most)


@kernel
def add_event(events, n, pairs, ladders, i, t_s, is_up, foreseen):
    """Note that a pair has come up or changed its rate, or gone down; how many events there are then."""
    events.who[n, 4] = 1 if foreseen else 0
    events.time_s[n] = t_s
    events.who[n, 0] = pairs.who[i, FIRST]
    events.who[n, 1] = pairs.who[i, SECOND]
    events.who[n, 2] = pairs.what[i, RULE]
    events.who[n, 3] = pairs.what[i, KIND]
    events.rate_bps[n, 0] = 0
    events.rate_bps[n, 1] = 0
    if is_up:
        if pairs.who[i, LADDER] >= 0:
            events.rate_bps[n, 0] = ladders.rate_bps[pairs.what[i, LEVEL]]
            events.rate_bps[n, 1] = events.rate_bps[n, 0]
        else:
            events.rate_bps[n, 0] = pairs.rate_bps[i, 0]
            events.rate_bps[n, 1] = pairs.rate_bps[i, 1]
    return n + 1


@inner_kernel
def point_terminals(sky, pairs, i, terminals, t_s):
    """Note where the terminals of a pair point at an instant."""
    share = (t_s - sky.start_s) / sky.length_s
    a = vector_at(sky, pairs.who[i, FIRST], share)
    b = vector_at(sky, pairs.who[i, SECOND], share)
    d_x, d_y, d_z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    length = norm(d_x, d_y, d_z)
    for end in range(2):
        terminal = pairs.who[i, FIRST_TERMINAL + end]
        if terminal >= 0 and length > 0.0:
            sign = (1.0 - 2.0 * end) / length
            fore, left, up = local_direction(b if end else a, sign * d_x, sign * d_y, sign * d_z)
            terminals.direction[terminal, 0] = fore
            terminals.direction[terminal, 1] = left
            terminals.direction[terminal, 2] = up


@kernel
def release_pair(sky, pairs, i, terminals, t_s):
    """End a pair: its terminals are free, and its row is."""
    point_terminals(sky, pairs, i, terminals, t_s)
    for end in range(2):
        terminal = pairs.who[i, FIRST_TERMINAL + end]
        # At an instant of choice another pair may have taken it over already.
        if terminal >= 0 and terminals.pair[terminal] == i:
            terminals.pair[terminal] = -1
            terminals.partner[terminal] = -1
    pairs.what[i, STATE] = UNUSED
    pairs.due_s[i] = math.inf


@inner_kernel
def come_up(sky, pairs, i, terminals, habits, ladders, seed, t_s):
    """A pair is up from an instant on."""
    pairs.what[i, STATE] = UP
    pairs.when[i, UP_AT] = t_s
    pairs.when[i, NEXT_LOSS] = pair_loss_s(seed, pairs, i, terminals, habits, t_s)
    pairs.when[i, LEVEL_SURE] = t_s
    if pairs.who[i, LADDER] >= 0:
        range_m = range_at(sky, pairs.who[i, FIRST], pairs.who[i, SECOND], t_s)
        pairs.what[i, LEVEL] = level_at(ladders, pairs.who[i, LADDER], range_m)


@inner_kernel
def acquire(sky, pairs, i, terminals, habits, ladders, seed, t_s, events, n):
    """A pair begins to acquire, or is up at once if that takes no time; how many events there are then."""
    takes_s = pair_acquisition_s(seed, pairs, i, terminals, habits, t_s)
    if takes_s <= 0.0:
        come_up(sky, pairs, i, terminals, habits, ladders, seed, t_s)
        return add_event(events, n, pairs, ladders, i, t_s, True, True)
    pairs.what[i, STATE] = ACQUIRING
    pairs.when[i, UP_AT] = t_s + takes_s
    return n


@inner_kernel
def set_due(pairs, i):
    """When a pair must next be looked at."""
    due_s = pairs.when[i, SURE]
    if pairs.what[i, STATE] == ACQUIRING:
        due_s = min(due_s, pairs.when[i, UP_AT])
    elif pairs.what[i, STATE] == UP:
        due_s = min(due_s, pairs.when[i, NEXT_LOSS], pairs.when[i, LEVEL_SURE])
    pairs.due_s[i] = due_s


@inner_kernel
def advance_pair(sky, world, terminals, habits, ladders, seed, pairs, i, t_s, until_s, events, n):
    """Let a pair live from an instant to another, both in one interval; how many events there are then, or
    -1 if there is no room for them, and the pair is half done.
    """
    sure_s = pairs.when[i, SURE]
    gone_s = min(sky.fails_at_s[pairs.who[i, FIRST]], sky.fails_at_s[pairs.who[i, SECOND]])
    change_s, known = math.inf, sure_s > until_s and gone_s > until_s
    while True:
        if n + 2 > len(events.time_s):
            return -1
        if not known:
            change_s, sure_s = next_change_s(
                sky,
                world,
                check_of(pairs, i),
                max(t_s, min(sure_s, gone_s)),
                until_s,
                pairs.what[i, HOLDS] != 0,
            )
            known = True
        level_s, level_sure_s = math.inf, math.inf
        if pairs.what[i, STATE] == UP:
            level_s, level_sure_s = next_level_s(sky, ladders, pairs, i, t_s, until_s)
        up_s = pairs.when[i, UP_AT] if pairs.what[i, STATE] == ACQUIRING else math.inf
        loss_s = pairs.when[i, NEXT_LOSS] if pairs.what[i, STATE] == UP else math.inf
        t_s = min(change_s, up_s, loss_s, level_s)
        if t_s > until_s:
            break
        if t_s == change_s:
            known, sure_s = False, t_s
            pairs.what[i, HOLDS] = 1 - pairs.what[i, HOLDS]
            if pairs.what[i, HOLDS]:
                n = acquire(sky, pairs, i, terminals, habits, ladders, seed, t_s, events, n)
                pairs.when[i, SINCE] = t_s
            else:
                if pairs.what[i, STATE] == UP:
                    n = add_event(events, n, pairs, ladders, i, t_s, False, t_s < gone_s)
                if pairs.what[i, RESERVED] == 0:
                    release_pair(sky, pairs, i, terminals, t_s)
                    return n
                pairs.what[i, STATE] = WAITING
        elif t_s == loss_s:
            if pair_acquisition_s(seed, pairs, i, terminals, habits, t_s) > 0.0:
                n = add_event(events, n, pairs, ladders, i, t_s, False, False)
                n = acquire(sky, pairs, i, terminals, habits, ladders, seed, t_s, events, n)
            else:  # found again at once, as if nothing had been
                pairs.when[i, NEXT_LOSS] = pair_loss_s(seed, pairs, i, terminals, habits, t_s)
        elif t_s == up_s:
            come_up(sky, pairs, i, terminals, habits, ladders, seed, t_s)
            n = add_event(events, n, pairs, ladders, i, t_s, True, True)
        else:
            range_m = range_at(sky, pairs.who[i, FIRST], pairs.who[i, SECOND], t_s)
            pairs.what[i, LEVEL] = level_at(ladders, pairs.who[i, LADDER], range_m)
            pairs.when[i, LEVEL_SURE] = t_s
            n = add_event(events, n, pairs, ladders, i, t_s, True, True)
    pairs.when[i, SURE] = sure_s
    if pairs.what[i, STATE] == UP:
        pairs.when[i, LEVEL_SURE] = level_sure_s
    set_due(pairs, i)
    return n


@inner_kernel
def keep_row(pairs, i, what, when):
    """Copy what is known of a pair. (Assigning slices would double the time to compile this.)"""
    for column in range(WHAT_COLUMNS):
        what[column] = pairs.what[i, column]
    for column in range(WHEN_COLUMNS):
        when[column] = pairs.when[i, column]


@kernel
def advance_pairs(
    sky, world, terminals, habits, ladders, seed, pairs, count, t_s, until_s, some_fail, row, events, n
):
    """Let all pairs from `row` on live from an instant to another, the latter included, within one interval.

    Returns (row, number of events): row is the number of pairs, or that of the first pair that has not been
    advanced for want of room for its events.
    """
    what, when = np.empty(WHAT_COLUMNS, dtype=np.int32), np.empty(WHEN_COLUMNS)
    for i in range(row, count):
        due = pairs.due_s[i] <= until_s
        if some_fail and not due and pairs.what[i, STATE] != UNUSED:
            gone_s = min(sky.fails_at_s[pairs.who[i, FIRST]], sky.fails_at_s[pairs.who[i, SECOND]])
            due = gone_s <= until_s
        if due:
            keep_row(pairs, i, what, when)
            due_s = pairs.due_s[i]
            after = advance_pair(
                sky, world, terminals, habits, ladders, seed, pairs, i, t_s, until_s, events, n
            )
            if after < 0:
                for column in range(WHAT_COLUMNS):
                    pairs.what[i, column] = what[column]
                for column in range(WHEN_COLUMNS):
                    pairs.when[i, column] = when[column]
                pairs.due_s[i] = due_s
                return i, n
            n = after
    return count, n


@inner_kernel
def slew_s(sky, pairs, i, terminals, habits, t_s):
    """How long the terminals of a new pair take to turn from where they pointed last towards each other."""
    share = (t_s - sky.start_s) / sky.length_s
    a = vector_at(sky, pairs.who[i, FIRST], share)
    b = vector_at(sky, pairs.who[i, SECOND], share)
    d_x, d_y, d_z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    length = norm(d_x, d_y, d_z)
    longest = 0.0
    for end in range(2):
        terminal = pairs.who[i, FIRST_TERMINAL + end]
        if terminal < 0 or length == 0.0:
            continue
        rate = habits[terminals.type[terminal], SLEW]
        last = terminals.direction[terminal]
        if rate == math.inf or not norm(last[0], last[1], last[2]) > 0.0:
            continue
        sign = (1.0 - 2.0 * end) / length
        fore, left, up = local_direction(b if end else a, sign * d_x, sign * d_y, sign * d_z)
        # Twice the arctangent keeps its precision where the arccosine of almost 1 has none.
        apart = norm(fore - last[0], left - last[1], up - last[2])
        together = norm(fore + last[0], left + last[1], up + last[2])
        longest = max(longest, 2.0 * math.atan2(apart, together) / rate)
    return longest


@kernel
def fill_setup_s(sky, terminals, habits, seed, pairs, rows, t_s, setup_s):
    """How long pairs that are chosen at an instant take to slew and acquire."""
    for k in range(len(rows)):
        setup_s[k] = slew_s(sky, pairs, rows[k], terminals, habits, t_s)
        setup_s[k] += pair_acquisition_s(seed, pairs, rows[k], terminals, habits, t_s)


@kernel
def fill_up_links(position_m, ladders, pairs, count, offers, n):
    """Offer both directions of every pair that is up; how many offers there are then."""
    for i in range(count):
        if pairs.what[i, STATE] != UP:
            continue
        first, second = pairs.who[i, FIRST], pairs.who[i, SECOND]
        range_m = norm(
            position_m[second, 0] - position_m[first, 0],
            position_m[second, 1] - position_m[first, 1],
            position_m[second, 2] - position_m[first, 2],
        )
        for end in range(2):
            offers.from_node[n] = second if end else first
            offers.to_node[n] = first if end else second
            offers.range_m[n] = range_m
            ladder = pairs.who[i, LADDER]
            offers.rate_bps[n] = (
                ladders.rate_bps[pairs.what[i, LEVEL]] if ladder >= 0 else pairs.rate_bps[i, end]
            )
            offers.kind[n] = pairs.what[i, KIND]
            offers.rule[n] = pairs.what[i, RULE]
            n += 1
    return n
