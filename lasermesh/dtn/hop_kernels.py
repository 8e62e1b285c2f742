"""One hop of a bundle: over which window of an ordered pair of nodes, when it arrives, when it must leave.

A window is looked at only while it is open: `latest_ns` finds the first that has not passed, and windows
that begin too late to matter end the look. Windows of a pair may overlap. What makes a hop possible, and
when it arrives, is said in `lasermesh docs dtn`.

Rows that inner loops look up are unsigned: numba then leaves out the test for a negative index.
"""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel
from lasermesh.units import NEVER, NONE

FEW_WINDOWS = 8  # so many are stepped through, more are halved
FIXED_POINTS = 3  # light times change so slowly that the third guess of a departure is right to the ns


class Ask(NamedTuple):
    """What a search is asked for; a mask of length 0 excludes nothing."""

    n_bytes: int
    shorter_ns: int  # 1 where what leaves at the very end of a window is too late, else 0
    margin_ns: int
    handling_ns: int
    without_nodes: np.ndarray  # bool (n_nodes,) or (0,)
    without_contacts: np.ndarray  # bool (n_contacts,) or (0,)
    first_contacts: np.ndarray  # bool (n_contacts,) or (0,)  which contacts may be the first; all


@part_kernel
def light_time(graph, contact, time_ns):
    """One-way light time of what leaves at an instant over a contact that has knots."""
    first = graph.knot_first[contact]
    last = graph.knot_first[contact + 1] - first - 1
    start_ns, stop_ns = graph.knot_start_ns[contact], graph.knot_stop_ns[contact]
    if stop_ns == start_ns:
        return np.int64(np.rint(graph.knot_owlt_ns[first]))
    place = min(max((time_ns - start_ns) / (stop_ns - start_ns) * last, 0.0), np.float64(last))
    index = min(np.int64(place), last - 1)
    before, after = graph.knot_owlt_ns[first + index], graph.knot_owlt_ns[first + index + 1]
    return np.int64(np.rint(before + (after - before) * (place - index)))


@inline_kernel
def has_knots(graph, contact):
    """Whether the light time changes within a contact."""
    return len(graph.knot_owlt_ns) > 0 and graph.knot_first[contact] < graph.knot_first[contact + 1]


@inline_kernel
def transmission_ns(n_bytes, rate_bps):
    """How long so many bytes are sent, rounded up; more than any window has, where the rate is 0."""
    if n_bytes == 0:
        return 0
    exact_ns = n_bytes * 8e9 / rate_bps if rate_bps > 0 else np.inf
    # Compared before it becomes an integer, which compiled code does without a word if it does not fit.
    return NEVER >> 1 if exact_ns >= NEVER >> 1 else np.int64(math.ceil(exact_ns))


@inline_kernel
def may_use(ask, contact, is_first):
    """Whether a contact is neither excluded nor, on the first hop, left out."""
    if len(ask.without_contacts) > 0 and ask.without_contacts[contact]:
        return False
    return not (is_first and len(ask.first_contacts) > 0) or ask.first_contacts[contact]


@inline_kernel
def first_open(graph, edge, ready_ns):
    """The first window of an edge that has not passed at an instant, the edge's end if there is none."""
    low, high = np.uint64(graph.window_first[edge]), np.uint64(graph.window_end[edge])
    while high - low > FEW_WINDOWS:
        middle = (low + high) >> np.uint64(1)
        if graph.latest_ns[middle] < ready_ns:
            low = middle + np.uint64(1)
        else:
            high = middle
    while low < high and graph.latest_ns[low] < ready_ns:
        low += np.uint64(1)
    return low


@inline_kernel
def arrival_over(graph, ask, window, ready_ns):
    """When what is ready at an instant arrives over a window: NEVER if that is not usable."""
    last_tx_ns = max(ready_ns, graph.start_ns[window]) + transmission_ns(ask.n_bytes, graph.rate_bps[window])
    light_ns = graph.owlt_ns[window]
    if last_tx_ns > graph.stop_ns[window] - ask.shorter_ns or light_ns == NONE:
        return NEVER
    if has_knots(graph, graph.contact[window]):
        light_ns = light_time(graph, graph.contact[window], last_tx_ns)
    return last_tx_ns + light_ns + ask.margin_ns


@inline_kernel
def earliest_over(graph, ask, edge, ready_ns, before_ns, is_first):
    """The earliest arrival over an edge, and its window; if none is before an instant, that and NONE."""
    came_by = NONE
    if ready_ns >= before_ns:  # most links of a mesh lead to where one has been
        return before_ns, came_by
    window, end = first_open(graph, edge, ready_ns), np.uint64(graph.window_end[edge])
    while window < end and graph.start_ns[window] < before_ns:
        arrival_ns = arrival_over(graph, ask, window, ready_ns)
        if arrival_ns < before_ns and may_use(ask, graph.contact[window], is_first):
            before_ns = arrival_ns
            came_by = np.int64(window)
        window += np.uint64(1)
    return before_ns, came_by


@part_kernel
def last_bit_by(graph, contact, first_ns, last_ns, by_ns):
    """The latest instant in [first, last] at which what leaves over a contact with knots arrives in time.

    Arrivals never fall with departures; first - 1 if even the first is too late.
    """
    if first_ns > last_ns or first_ns + light_time(graph, contact, first_ns) > by_ns:
        return first_ns - 1
    if last_ns + light_time(graph, contact, last_ns) <= by_ns:
        return last_ns
    good_ns, bad_ns = first_ns, last_ns
    guess_ns = by_ns - light_time(graph, contact, last_ns)
    for _ in range(FIXED_POINTS):
        guess_ns = by_ns - light_time(graph, contact, min(max(guess_ns, first_ns), last_ns))
    step_ns = 1
    probe_ns = min(max(guess_ns, good_ns + 1), bad_ns - 1)
    while bad_ns - good_ns > 1:
        if probe_ns + light_time(graph, contact, probe_ns) <= by_ns:
            good_ns = probe_ns
            probe_ns += step_ns
        else:
            bad_ns = probe_ns
            probe_ns -= step_ns
        step_ns *= 2
        if not good_ns < probe_ns < bad_ns:
            probe_ns = (good_ns + bad_ns) >> 1
    return good_ns


@inline_kernel
def latest_over(graph, ask, edge, by_ns, after_ns, is_first):
    """The latest departure over an edge that arrives by an instant, if it is after one, else that one."""
    first, end = np.uint64(graph.window_first[edge]), np.uint64(graph.window_end[edge])
    low = first
    while end - low > FEW_WINDOWS:  # the windows from `end` on begin too late
        middle = (low + end) >> np.uint64(1)
        if graph.start_ns[middle] > by_ns:
            end = middle
        else:
            low = middle + np.uint64(1)
    while end > first:
        end -= np.uint64(1)
        if graph.latest_ns[end] <= after_ns:
            break
        light_ns = graph.owlt_ns[end]
        contact = graph.contact[end]
        duration_ns = transmission_ns(ask.n_bytes, graph.rate_bps[end])
        first_ns = graph.start_ns[end] + duration_ns
        last_ns = graph.stop_ns[end] - ask.shorter_ns
        if light_ns == NONE or first_ns > last_ns or not may_use(ask, contact, is_first):
            continue
        if has_knots(graph, contact):
            last_ns = last_bit_by(graph, contact, first_ns, last_ns, by_ns - ask.margin_ns)
        else:
            last_ns = min(last_ns, by_ns - ask.margin_ns - light_ns)
        if last_ns >= first_ns:
            after_ns = max(after_ns, last_ns - duration_ns)
    return after_ns
