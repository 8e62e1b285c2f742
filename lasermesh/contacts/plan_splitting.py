"""Cutting contacts where the light time moves, for readers that take it as constant in each."""

import itertools
import math

import numpy as np

from lasermesh.contacts.split_kernels import fill_cuts
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S

LONGEST_STEP_S = 10.0
RANGE_ACCELERATION_M_PER_S2 = 200.0
"""How fast a range curves at most: v^2 / d where satellites pass each other, here at 250 km and 7 km/s."""

INTERPOLATION_SHARE = 0.01
"""How wrong a light time between two samples may be, as a share of the limit."""

SHORTEST_PIECE_S = 1e-6
SAMPLES_AT_A_TIME = 2_000_000

# A light time that a plan file gives differs by more from that of the positions.
_SAME_LIGHT_TIME_S = 1e-8


def follow_positions(plan, range_at):
    """Which contacts have their light time from positions, not from a plan file: bool (n_contacts,).

    `range_at` as for `split_owlt`.
    """
    middle_s = 0.5 * (plan.start_s + plan.stop_s)
    own_s = range_at(plan.from_node, plan.to_node, middle_s) / SPEED_OF_LIGHT_M_PER_S
    return np.abs(own_s - plan.owlt_s) < _SAME_LIGHT_TIME_S


def split_owlt(plan, limit_s, range_at):
    """A contact plan in which the light time moves by at most `limit_s` within each contact.

    Parameters
    ----------
    plan : ContactPlan
    limit_s : float
    range_at : callable
        `range_at(from_node, to_node, t_s)` gives the range in metres, float64 (n,), of each pair of nodes,
        int32 (n,) and int32 (n,), each at an instant of its own, float64 (n,); nan where it is not known, and
        such a contact stays whole. `Skies.ranges_between` is one.

    Returns
    -------
    plan : ContactPlan
        Sorted as before; pieces of a contact follow each other without a gap, each with the light time at its
        own middle.

    Raises
    ------
    ValueError
        If the limit is not above 0.
    """
    if not limit_s > 0.0:
        raise ValueError(f"limit_s must be above 0 (got {limit_s})")
    curve_s = math.sqrt(
        8.0 * INTERPOLATION_SHARE * limit_s * SPEED_OF_LIGHT_M_PER_S / RANGE_ACCELERATION_M_PER_S2
    )
    step_s = min(LONGEST_STEP_S, curve_s)
    n_samples = np.maximum(np.ceil((plan.stop_s - plan.start_s) / step_s).astype(np.int64), 1) + 1
    groups = np.cumsum(n_samples) // SAMPLES_AT_A_TIME
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(groups)) + 1, [plan.size]])
    parts = [
        _split_part(plan.take(slice(begin, end)), n_samples[begin:end], limit_s, range_at)
        for begin, end in itertools.pairwise(bounds.tolist())
        if end > begin
    ]
    return type(plan)(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else plan


def _split_part(plan, n_samples, limit_s, range_at):
    """The same for so many contacts as fit into memory with their samples."""
    contact = np.repeat(np.arange(plan.size), n_samples)
    first = np.concatenate([[0], np.cumsum(n_samples)])
    share = (np.arange(len(contact)) - first[contact]) / (n_samples - 1)[contact]
    t_s = plan.start_s[contact] * (1.0 - share) + plan.stop_s[contact] * share
    light_s = range_at(plan.from_node[contact], plan.to_node[contact], t_s) / SPEED_OF_LIGHT_M_PER_S
    # What is not known for a while stays as it was: a jump across it would make cuts that `cut_s` has no room
    # for.
    last_known = np.where(np.isnan(light_s), first[contact], np.arange(len(contact)))
    light_s = np.ascontiguousarray(light_s[np.maximum.accumulate(last_known)], dtype=np.float64)
    moved_s = np.nansum(np.abs(np.diff(light_s)))
    n_cuts = np.empty(plan.size, dtype=np.int64)
    cut_s = np.empty(int(moved_s / limit_s) + len(contact) + 1)
    fill_cuts(first, t_s, light_s, float(limit_s), n_cuts, cut_s)
    cut_s = cut_s[: n_cuts.sum()]
    of_cut = np.repeat(np.arange(plan.size), n_cuts)
    inside = (cut_s - plan.start_s[of_cut] > SHORTEST_PIECE_S) & (
        plan.stop_s[of_cut] - cut_s > SHORTEST_PIECE_S
    )
    of_cut, cut_s = of_cut[inside], cut_s[inside]

    # Every piece begins at its contact's start or at a cut, and ends at the next one's begin or at the stop.
    row = np.concatenate([np.arange(plan.size), of_cut])
    begin_s = np.concatenate([plan.start_s, cut_s])
    order = np.lexsort((begin_s, row))
    row, begin_s = row[order], begin_s[order]
    is_last = np.append(row[1:] != row[:-1], True)
    is_first = np.append(True, row[1:] != row[:-1])
    end_s = np.where(is_last, plan.stop_s[row], np.append(begin_s[1:], 0.0))
    pieces = plan.take(row)
    owlt_s = range_at(pieces.from_node, pieces.to_node, 0.5 * (begin_s + end_s)) / SPEED_OF_LIGHT_M_PER_S
    return pieces._replace(
        start_s=begin_s,
        stop_s=end_s,
        owlt_s=np.where(np.isnan(owlt_s) | (is_first & is_last), pieces.owlt_s, owlt_s),
        open_start=pieces.open_start & is_first,
        open_stop=pieces.open_stop & is_last,
    )
