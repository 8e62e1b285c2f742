"""The pairs that rules hold or have reserved, and what happens to them as time goes on."""

from typing import NamedTuple

import numpy as np

from lasermesh.contacts import pairs_kernels as kernels
from lasermesh.contacts.pairs_kernels import Events, Pairs
from lasermesh.contacts.prediction import HORIZON_S, predict_ends
from lasermesh.units import NONE

_FIRST_ROOM = 64


class Holding(NamedTuple):
    """The pairs for which terminals are taken from an instant on; row i is one pair under one rule."""

    since_s: float  # since the topology's epoch
    first: np.ndarray  # int32 (n,)  rows of the nodes
    second: np.ndarray  # int32 (n,)
    rule: np.ndarray  # int32 (n,)
    first_terminal: np.ndarray  # int32 (n,)  its index among the terminals of `first`, NONE for none
    second_terminal: np.ndarray  # int32 (n,)


class PairTable:
    """Rows of `Pairs`: those reserved by grids come first and stay, others come and go.

    Attributes
    ----------
    pairs : Pairs
        Of which the first `count` rows may be in use.
    count, n_reserved : int
    """

    def __init__(self, setting, seed):
        self.pairs = _empty_pairs(_FIRST_ROOM)
        self.count = self.n_reserved = 0
        self._setting = setting
        self._seed = seed
        self._free = []
        self._events = _empty_events(_FIRST_ROOM)

    def freeze(self):
        """To be called once all sites and ladders are known."""
        self._world, self._ladders = self._setting.world, self._setting.ladders

    @property
    def world(self):
        """The arrays of sites and terminals."""
        return self._world

    def add(self, first, second, terminals, types, rule, kind, site, ladder, max_range_m, rates_bps=None):
        """Take pairs in, whose terminals are theirs from now on.

        Parameters
        ----------
        first, second : int arrays, shape (n,)
        terminals, types : pairs of int arrays, shape (n,)
            Rows of `Terminals` and of types at both ends, -1 and 0 for none.
        rule, kind : int
        site, ladder, max_range_m : scalars or arrays, shape (n,)
        rates_bps : int array, shape (n, 2), optional
            Where there is no ladder (-1).

        Returns
        -------
        rows : int64 array, shape (n,)
        """
        n = len(first)
        rows = self._rows_for(n)
        who, what = self.pairs.who, self.pairs.what
        who[rows, kernels.FIRST], who[rows, kernels.SECOND] = first, second
        for end in range(2):
            who[rows, kernels.FIRST_TERMINAL + end] = terminals[end]
            who[rows, kernels.FIRST_TYPE + end] = types[end]
            taken = np.asarray(terminals[end]) >= 0
            self._setting.terminals.pair[np.asarray(terminals[end])[taken]] = rows[taken]
            partner = second if end == 0 else first
            self._setting.terminals.partner[np.asarray(terminals[end])[taken]] = np.asarray(partner)[taken]
        who[rows, kernels.SITE], who[rows, kernels.LADDER] = site, ladder
        what[rows, kernels.STATE], what[rows, kernels.RULE] = kernels.WAITING, rule
        what[rows, kernels.KIND], what[rows, kernels.RESERVED] = kind, 0
        self.pairs.when[rows] = 0.0
        self.pairs.when[rows, kernels.MAX_RANGE] = max_range_m
        self.pairs.when[rows, kernels.EXPECTED_END] = np.nan
        self.pairs.when[rows, kernels.OUTLASTS] = -np.inf
        self.pairs.rate_bps[rows] = 0 if rates_bps is None else rates_bps
        return rows

    def reserve(self):
        """All pairs added so far keep their terminals for good."""
        self.n_reserved = self.count
        self.pairs.what[: self.count, kernels.RESERVED] = 1

    def restart(self, sky, t_s):
        """Forget all pairs but the reserved ones, and have those up that hold at an instant."""
        self._setting.rest()
        self.count = self.n_reserved
        self._free = []
        rows = np.arange(self.n_reserved)
        for end in range(2):
            terminal = self.pairs.who[rows, kernels.FIRST_TERMINAL + end]
            partner = self.pairs.who[rows, kernels.SECOND if end == 0 else kernels.FIRST]
            taken = terminal >= 0
            self._setting.terminals.pair[terminal[taken]] = rows[taken]
            self._setting.terminals.partner[terminal[taken]] = partner[taken]
        return self.begin(sky, rows, t_s, at_once=True)

    def begin(self, sky, rows, t_s, at_once=False):
        """Let pairs slew and acquire from an instant on, or be up at once: the `Events` of that instant.

        Pairs whose conditions do not hold end, or wait if they are reserved.
        """
        setup_s = np.zeros(len(rows))
        if not at_once:
            setting = self._setting
            given = setting.terminals, setting.habits, np.uint64(self._seed), self.pairs
            kernels.fill_setup_s(sky, *given, rows, t_s, setup_s)
        self.pairs.what[rows, kernels.STATE], self.pairs.what[rows, kernels.HOLDS] = kernels.ACQUIRING, 1
        self.pairs.when[rows, kernels.UP_AT] = t_s + setup_s
        self.pairs.when[rows, kernels.SURE] = self.pairs.when[rows, kernels.SINCE] = t_s
        self.pairs.due_s[rows] = t_s
        return self.advance(sky, t_s, t_s, False)

    def release(self, sky, rows, t_s):
        """End pairs at an instant; which of them were up: bool (n,)."""
        was_up = self.pairs.what[rows, kernels.STATE] == kernels.UP
        for row in rows:
            kernels.release_pair(sky, self.pairs, row, self._setting.terminals, t_s)
        return was_up

    def advance(self, sky, t_s, until_s, some_fail):
        """Events of all pairs after `t_s` up to `until_s`, both in one interval: `Events`, in no order."""
        row = n = 0
        while True:
            row, n = kernels.advance_pairs(
                *self._arguments(sky), self.count, t_s, until_s, some_fail, row, self._events, n
            )
            if row == self.count:
                return Events(*(column[:n].copy() for column in self._events))
            self._events = Events(
                *(np.concatenate((column, np.empty_like(column))) for column in self._events)
            )

    def endings(self, rows, t_s, foreseen):
        """Events of pairs that go down at an instant: `Events`."""
        events = _empty_events(len(rows))
        for n, row in enumerate(rows):
            kernels.add_event(events, n, self.pairs, self._ladders, row, t_s, False, foreseen)
        return events

    def offer(self, position_m, offers):
        """Add the links that are up to an `OfferList`."""
        offers.reserve(2 * self.count)
        offers.count = kernels.fill_up_links(
            position_m, self._ladders, self.pairs, self.count, offers.columns, offers.count
        )

    def predict(self, skies, rows, t_s, horizon_s=HORIZON_S):
        """When conditions of pairs that are held will first fail: float64 (n,), inf beyond the horizon."""
        who = self.pairs.who[rows]
        return predict_ends(
            skies,
            self._world,
            who[:, kernels.FIRST],
            who[:, kernels.SECOND],
            (who[:, kernels.FIRST_TYPE], who[:, kernels.SECOND_TYPE]),
            who[:, kernels.SITE],
            self.pairs.when[rows, kernels.MAX_RANGE],
            t_s,
            horizon_s,
        )

    def rows_of(self, rule):
        """Rows that a rule holds: int array."""
        what = self.pairs.what[: self.count]
        return np.flatnonzero((what[:, kernels.RULE] == rule) & (what[:, kernels.STATE] != kernels.UNUSED))

    def holding(self, t_s):
        """Which terminals the pairs in use have, at the instant `t_s` at which they stand: `Holding`."""
        who, what = self.pairs.who[: self.count], self.pairs.what[: self.count]
        terminals = who[:, [kernels.FIRST_TERMINAL, kernels.SECOND_TERMINAL]]
        rows = (what[:, kernels.STATE] != kernels.UNUSED) & (terminals >= 0).any(axis=1)
        terminals = terminals[rows]
        index = np.full(terminals.shape, NONE, np.int32)
        index[terminals >= 0] = self._setting.terminals.number[terminals[terminals >= 0]]
        ends = who[rows, kernels.FIRST], who[rows, kernels.SECOND]
        return Holding(t_s, *ends, what[rows, kernels.RULE], *index.T)

    def _arguments(self, sky):
        setting = self._setting
        return (
            sky,
            self._world,
            setting.terminals,
            setting.habits,
            self._ladders,
            np.uint64(self._seed),
            self.pairs,
        )

    def _rows_for(self, n):
        """Free rows, new ones where there are not enough: int64 (n,)."""
        if len(self._free) < n:
            unused = self.pairs.what[: self.count, kernels.STATE] == kernels.UNUSED
            self._free = np.flatnonzero(unused).tolist()
        reused = [self._free.pop() for _ in range(min(n, len(self._free)))]
        wanted = self.count + n - len(reused)
        if wanted > len(self.pairs.due_s):
            more = _empty_pairs(max(wanted, 2 * len(self.pairs.due_s)) - len(self.pairs.due_s))
            self.pairs = Pairs(*(np.concatenate(columns) for columns in zip(self.pairs, more, strict=True)))
        rows = np.concatenate((np.array(reused, dtype=np.int64), np.arange(self.count, wanted)))
        self.count = wanted
        return rows


def _empty_pairs(n):
    return Pairs(
        np.full((n, kernels.WHO_COLUMNS), NONE, dtype=np.int32),
        np.zeros((n, kernels.WHAT_COLUMNS), dtype=np.int32),
        np.zeros((n, kernels.WHEN_COLUMNS)),
        np.full(n, np.inf),
        np.zeros((n, 2), dtype=np.int64),
    )


def _empty_events(n):
    return Events(np.empty(n), np.empty((n, 5), dtype=np.int32), np.zeros((n, 2), dtype=np.int64))
