"""Light times within contacts: evenly spread knots with straight lines between them.

They are so close that the lines do, or where a run looks at the positions.
"""

import itertools
import math

import numpy as np

from lasermesh.contacts.plan_splitting import SAMPLES_AT_A_TIME, follow_positions
from lasermesh.dtn.graph import Knots
from lasermesh.units import NONE, SPEED_OF_LIGHT_M_PER_S

MOST_WRONG_S = 1e-7
"""How wrong a light time between two knots may be: 30 m."""

# What the second differences of samples say of the error between them is no bound where the range curves
# most, so knots are made for less, and looked at again until they keep to a little more.
_AIM_S = 0.8 * MOST_WRONG_S
_GOOD_ENOUGH_S = 0.9 * MOST_WRONG_S

_FIRST_STEP_S = 10.0
_FEWEST_STEPS = 4
_SHORTEST_STEP_S = 0.1
"""Enough for satellites that pass each other 4 km apart at 10 km/s."""

MOST_KNOTS = 50_000_000
"""So many light times of steps are looked up and kept at most: 400 MB."""

_SAME_STEP = 1e-9  # what a contact reaches into a step by so small a part of it is rounding


def light_time_knots(plan, range_at) -> Knots:
    """Knots of the light times of contacts.

    Parameters
    ----------
    plan : ContactPlan
    range_at : callable
        `range_at(from_node, to_node, t_s)` gives the range in metres of each pair, float64 (n,), at an
        instant of its own, nan where it is not known; `Skies.ranges_between` is one.

    Returns
    -------
    knots : Knots
        A contact's first at its start, the last at its stop. None: its light time is that of the plan all the
        time, as a plan file says, or as it hardly moves. A line between two of them misses by less than
        `MOST_WRONG_S`; those of contacts in which the range curves by more than 24 km/s^2 by more.
    """
    n_steps = np.zeros(plan.size, np.int64)
    rows = np.flatnonzero(follow_positions(plan, range_at))
    length_s = plan.stop_s - plan.start_s
    most = np.maximum(np.ceil(length_s / _SHORTEST_STEP_S), _FEWEST_STEPS)
    wanted = np.clip(np.ceil(length_s / _FIRST_STEP_S), _FEWEST_STEPS, None)
    while len(rows):
        n_steps[rows] = wanted[rows]
        wrong_s, moves_s = _looks(plan, rows, n_steps[rows], range_at)
        wanted[rows] = np.clip(np.ceil(n_steps[rows] * np.sqrt(wrong_s / _AIM_S)), 1, most[rows])
        still = moves_s < _AIM_S
        fine = still | (wrong_s <= _GOOD_ENOUGH_S) | (n_steps[rows] == most[rows])
        n_steps[rows[fine]] = np.minimum(wanted, n_steps)[rows[fine]]
        n_steps[rows[still]] = 0
        rows = rows[~fine]
    return _knots(plan, n_steps, range_at)


def light_times_of_steps(plan, range_at, start_s, step_s) -> Knots:
    """Light times of contacts as packets have them in a run: linear within its steps (packet model, rule 5).

    Parameters
    ----------
    plan : ContactPlan
    range_at : callable
        As for `light_time_knots`.
    start_s, step_s : float
        When the run begins, before which no contact does, and how long its steps are.

    Returns
    -------
    knots : Knots
        At the bounds of the steps in which a contact is up. None: its light time is that of a plan file. If
        they were more than `MOST_KNOTS`, those of `light_time_knots`, from which a run of a step h is off by
        up to h^2 / 8 of what the light time curves by more than `MOST_WRONG_S`.
    """
    first_step = np.floor((plan.start_s - start_s) / step_s + _SAME_STEP)
    last_step = np.maximum(np.ceil((plan.stop_s - start_s) / step_s - _SAME_STEP), first_step + 1)
    follows = follow_positions(plan, range_at)
    n_steps = np.where(follows, last_step - first_step, 0.0).astype(np.int64)
    if n_steps.sum() + follows.sum() > MOST_KNOTS:
        return light_time_knots(plan, range_at)
    begin_s = start_s + first_step * step_s
    # As in a run, a satellite that fails at the end of a step has a position until then.
    end_s = np.nextafter(start_s + last_step * step_s, begin_s)
    knots = _knots(plan._replace(start_s=begin_s, stop_s=end_s), n_steps, range_at)
    _extend(knots, plan, step_s, range_at)
    return knots


def _extend(knots, plan, step_s, range_at):
    """Go on in a straight line where a satellite fails within a contact's last step, as a run does.

    Before that its position is always known: what has failed stays so.
    """
    last = knots.first[1:] - 1
    rows = np.flatnonzero(np.diff(knots.first))
    rows = rows[np.isnan(knots.light_s[last[rows]])]
    before_s = knots.light_s[last[rows] - 1]
    known_s = np.nextafter(plan.stop_s[rows], plan.start_s[rows])
    light_s = range_at(plan.from_node[rows], plan.to_node[rows], known_s) / SPEED_OF_LIGHT_M_PER_S
    share = np.maximum((known_s - (knots.stop_s[rows] - step_s)) / step_s, _SAME_STEP)
    knots.light_s[last[rows]] = before_s + (light_s - before_s) / share


def light_time_spread_ns(graph) -> int:
    """By how much the light time of a contact is ever off that of its middle, at most of all contacts.

    So far off are, for each hop, searches for which the light time of a contact stays the same.
    """
    rows = np.flatnonzero(np.diff(graph.knot_first))
    if not len(rows):
        return 0
    middle_ns = graph.contact_owlt_ns[rows]
    higher_ns = np.maximum.reduceat(graph.knot_owlt_ns, graph.knot_first[rows]) - middle_ns
    lower_ns = middle_ns - np.minimum.reduceat(graph.knot_owlt_ns, graph.knot_first[rows])
    return math.ceil(np.maximum(higher_ns, lower_ns)[middle_ns != NONE].max(initial=0.0))


def _knots(spans, n_steps, range_at):
    """Knots in so many steps from each start to each stop: none where that is 0."""
    rows = np.flatnonzero(n_steps)
    first = np.concatenate(([0], np.cumsum(np.where(n_steps > 0, n_steps + 1, 0))))
    light_s, done = np.empty(first[-1]), 0
    for _, part_s, _ in _samples(spans, rows, n_steps[rows], range_at):
        light_s[done : done + len(part_s)] = part_s
        done += len(part_s)
    return Knots(first, light_s, spans.start_s, spans.stop_s)


def _looks(plan, rows, n_steps, range_at):
    """By how much lines between samples miss, and the spread of samples, of some contacts: float64 each.

    0 where a range is not known.
    """
    wrong_s, moves_s = np.empty((2, len(rows)))
    for part, light_s, first in _samples(plan, rows, n_steps, range_at):
        bend_s = np.zeros(len(light_s))
        bend_s[1:-1] = np.abs(light_s[:-2] - 2.0 * light_s[1:-1] + light_s[2:])
        bend_s[first] = 0.0
        bend_s[first[1:] - 1] = 0.0
        # An arc with this second difference leaves its chord by an eighth of it.
        wrong_s[part] = np.maximum.reduceat(bend_s, first) / 8.0
        moves_s[part] = np.maximum.reduceat(light_s, first) - np.minimum.reduceat(light_s, first)
    return np.nan_to_num(wrong_s), np.nan_to_num(moves_s)


def _samples(plan, rows, n_steps, range_at):
    """Light times at evenly spread instants: (slice of rows, samples, first sample of each row) at a time."""
    groups = np.cumsum(n_steps + 1) // SAMPLES_AT_A_TIME
    bounds = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(rows)]
    for begin, end in itertools.pairwise(bounds):
        if end == begin:
            continue
        mine, steps = rows[begin:end], n_steps[begin:end]
        first = np.concatenate(([0], np.cumsum(steps + 1)))[:-1]
        of = np.repeat(np.arange(len(mine)), steps + 1)
        share = (np.arange(len(of)) - first[of]) / steps[of]
        contact = mine[of]
        times_s = plan.start_s[contact] * (1.0 - share) + plan.stop_s[contact] * share
        range_m = range_at(plan.from_node[contact], plan.to_node[contact], times_s)
        yield slice(begin, end), range_m / SPEED_OF_LIGHT_M_PER_S, first
