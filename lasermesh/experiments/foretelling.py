"""What orbits, plans and choices foretell of links, as far ahead as tables have to know it."""

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import LinkTable
from lasermesh.experiments.feeding import ps_within_step
from lasermesh.units import ps_from_s


class Foretold(NamedTuple):
    """Foreseen changes of links, in order of time."""

    time_ps: np.ndarray  # int64 (n,)  since the run's start
    link: np.ndarray  # int64 (n,)
    up: np.ndarray  # bool (n,)  from then on


class StepsAhead:
    """The links of a topology, of which the steps to come are computed ahead of the one that is handed out.

    It stands in the place of its link engine: `step`, `links` and `holdings` are those of the present step,
    all else is the engine's.

    Parameters
    ----------
    engine : LinkEngine
    start_s, step_s : float
        When the run starts, since the topology's epoch, and its step.
    lead_s : float
        How far ahead changes must be known.

    Attributes
    ----------
    links : LinkTable
        The links that have been up until the end of the present step.
    foretold : Foretold
        What the present step brings, at its beginning included. Failures of `[[faults]]` play no part.
    """

    def __init__(self, engine, start_s, step_s, lead_s=0.0):
        self._engine = engine
        self._start_s = start_s
        self._step_s = step_s
        self._n_ahead = math.ceil(lead_s / step_s)
        self._n_fetched = 0
        self._waiting = deque()  # (step, links, holdings, foretold) of the steps that are to come
        self._rate_at_end = np.zeros(0, np.int64)
        self.links = engine.links
        self.holdings = []
        self.foretold = None

    def __getattr__(self, name):
        return getattr(self._engine, name)

    @property
    def follow_terminals(self):
        """As of the engine."""
        return self._engine.follow_terminals

    @follow_terminals.setter
    def follow_terminals(self, value):
        self._engine.follow_terminals = value

    def step(self, start_s, end_s):
        """The next step, which is `[start_s, end_s)`: LinkStep."""
        while len(self._waiting) <= self._n_ahead:
            self._fetch()
        step, self.links, self.holdings, self.foretold = self._waiting.popleft()
        return step

    def stops(self):
        """Foreseen ends of links in the present step and those ahead: `Foretold`."""
        columns = zip(self.foretold, *(waiting[3] for waiting in self._waiting), strict=True)
        all_of_them = Foretold(*map(np.concatenate, columns))
        return Foretold(*(column[~all_of_them.up] for column in all_of_them))

    def _fetch(self):
        """Compute one step more."""
        index = self._n_fetched
        start_s = self._start_s + index * self._step_s
        end_s = self._start_s + (index + 1) * self._step_s
        start_ps, end_ps = ps_from_s(index * self._step_s), ps_from_s((index + 1) * self._step_s)
        step = self._engine.step(start_s, end_s)
        links = self._engine.links
        n_links = len(links.from_node)
        before = np.zeros(n_links, np.int64)
        before[: len(self._rate_at_end)] = self._rate_at_end
        after = np.zeros(n_links, np.int64)
        after[step.graph.link] = step.graph.rate_bps
        first = np.flatnonzero((before > 0) != (after > 0))
        first = first[np.argsort(after[first] > 0, kind="stable")]
        seen = step.change_foreseen
        foretold = Foretold(
            np.append(
                np.full(len(first), start_ps),
                ps_within_step(step.change_s[seen], start_s, start_ps, end_ps),
            ),
            np.append(first, step.change_link[seen]).astype(np.int64),
            np.append(after[first] > 0, step.change_rate_bps[seen] > 0),
        )
        after[step.change_link] = step.change_rate_bps  # of several of a link the last one counts
        self._rate_at_end = after
        self._n_fetched += 1
        # A copy, as what rules choose at the end of this step is added when the next one is computed.
        self._waiting.append((step, LinkTable(*links), list(self._engine.holdings), foretold))
