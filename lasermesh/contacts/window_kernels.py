"""Kernels that find when sites see satellites, and which pairs of nodes can be linked."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import inline_kernel, inner_kernel, kernel
from lasermesh.contacts.cell_kernels import cell_along
from lasermesh.contacts.conditions_kernels import (
    ACCELERATION,
    MASK_COUNT,
    POSITION_0,
    POSITION_1,
    SINE_MASK,
    UP,
    change_after_s,
    fold_head,
    grazing_height_m,
    make_check,
    next_change_s,
    norm,
    parabola_s,
    range_at,
    slack_s,
    vector_at,
)
from lasermesh.contacts.pairs_kernels import REACH


class Windows(NamedTuple):
    """When pairs can be linked within an interval, in any order."""

    first: np.ndarray  # int32 (n,)
    second: np.ndarray  # int32 (n,)
    start_s: np.ndarray  # float64 (n,)  -inf: since before the interval
    stop_s: np.ndarray  # float64 (n,)  inf: beyond it


@inner_kernel
def windows_of_pair(sky, world, check, windows, place, room):
    """Write the windows of one pair in an interval from row `place` on; how many, room for them or not."""
    begin_s, end_s = sky.start_s, sky.start_s + sky.length_s
    gone_s = min(sky.fails_at_s[check.first], sky.fails_at_s[check.second])
    if gone_s <= begin_s:
        return 0
    start_s, t_s, found = -math.inf, begin_s, 0
    slack = slack_s(sky, world, check, t_s)[0]
    holds = slack >= 0.0
    while True:
        change_s, _ = change_after_s(sky, world, check, t_s, abs(slack), end_s, gone_s, holds)
        if holds:
            if found < room:
                windows.first[place + found] = check.first
                windows.second[place + found] = check.second
                windows.start_s[place + found] = start_s
                windows.stop_s[place + found] = change_s
            found += 1
        if change_s == math.inf or change_s >= gone_s:
            return found
        holds = not holds
        start_s = t_s = change_s
        slack = slack_s(sky, world, check, t_s)[0]


@inline_kernel
def time_of(margin_m, rate, bend):
    """For how long the sign of a margin is sure, with that sign, by its rate and how fast that can change."""
    nearing = -rate if margin_m >= 0.0 else rate
    return math.copysign(parabola_s(min(abs(margin_m), 1e12), nearing, bend), margin_m)


@inline_kernel
def margins_at_knot(sky, world, sites, s, member, column, ahead, max_range_m):
    """Margins of the mask and of the range at a knot, in seconds for which their signs are sure.

    `column` of `Sky.state` is where the position at that knot is; the velocity follows it. `ahead` is 1 to
    look forward in time and -1 to look back.
    """
    state, row = sky.state, sites.row[s]
    x, y, z = state[member, column], state[member, column + 1], state[member, column + 2]
    d_x, d_y, d_z = x - sites.position_m[s, 0], y - sites.position_m[s, 1], z - sites.position_m[s, 2]
    v_x, v_y, v_z = state[member, column + 3], state[member, column + 4], state[member, column + 5]
    least = world.site[row, SINE_MASK]
    u_x, u_y, u_z = world.site[row, UP], world.site[row, UP + 1], world.site[row, UP + 2]
    range_m = math.sqrt(d_x * d_x + d_y * d_y + d_z * d_z)
    range_rate = ahead * (d_x * v_x + d_y * v_y + d_z * v_z) / range_m
    height = u_x * d_x + u_y * d_y + u_z * d_z
    height_rate = ahead * (u_x * v_x + u_y * v_y + u_z * v_z)
    # A range changes its rate by acceleration and by turning, the more the nearer the satellite can come.
    speed = math.sqrt(v_x * v_x + v_y * v_y + v_z * v_z) + ACCELERATION * sky.length_s
    radius = math.sqrt(x * x + y * y + z * z)
    sinking_m = abs(x * v_x + y * v_y + z * v_z) / radius * sky.length_s
    sinking_m += 0.5 * ACCELERATION * sky.length_s * sky.length_s
    nearest_m = radius - sites.radius_m[s] - sinking_m
    turning = speed * speed / max(nearest_m, 1.0)
    bend = ACCELERATION + abs(least) * (ACCELERATION + turning)
    return (
        time_of(height - least * range_m, height_rate - least * range_rate, bend),
        time_of(max_range_m - range_m, -range_rate, ACCELERATION + turning),
    )


@inline_kernel
def whole_interval(sky, world, sites, s, member, max_range_m):
    """Whether a site under an even mask sees a satellite all the time (1), never (-1), or neither surely (0).

    From the states at the knots alone: that settles nine of ten without a look in between.
    """
    mask_0, range_0 = margins_at_knot(sky, world, sites, s, member, POSITION_0, 1.0, max_range_m)
    mask_1, range_1 = margins_at_knot(sky, world, sites, s, member, POSITION_1, -1.0, max_range_m)
    length_s = sky.length_s
    if mask_0 < 0.0 and mask_1 < 0.0 and mask_0 + mask_1 < -length_s:
        return -1
    if range_0 < 0.0 and range_1 < 0.0 and range_0 + range_1 < -length_s:
        return -1
    if min(mask_0, mask_1, range_0, range_1) > 0.0 and min(mask_0 + mask_1, range_0 + range_1) > length_s:
        return 1
    return 0


@inner_kernel
def windows_of_site(sky, world, sites, s, members, cells, max_range_m, windows, place, room):
    """Write the windows of site `s` with all members from row `place` on; how many there are."""
    found = 0
    reach_m = sites.reach_m[s]
    low_x = cell_along(sites.position_m[s, 0] - reach_m, cells)
    high_x = cell_along(sites.position_m[s, 0] + reach_m, cells)
    low_y = cell_along(sites.position_m[s, 1] - reach_m, cells)
    high_y = cell_along(sites.position_m[s, 1] + reach_m, cells)
    low_z = cell_along(sites.position_m[s, 2] - reach_m, cells)
    high_z = cell_along(sites.position_m[s, 2] + reach_m, cells)
    row = sites.row[s]
    even = world.site[row, SINE_MASK] >= -1.0 and world.site[row, MASK_COUNT] == 0.0
    for z in range(low_z, high_z + 1):
        for y in range(low_y, high_y + 1):
            cell = (z * cells.per_axis + y) * cells.per_axis
            for i in range(cells.first[cell + low_x], cells.first[cell + high_x + 1]):
                member = members[cells.member[i]]
                if even and sky.fails_at_s[member] == math.inf:
                    sees = whole_interval(sky, world, sites, s, member, max_range_m)
                    if sees < 0:
                        continue
                    if sees > 0:
                        if found < room:
                            windows.first[place + found] = sites.node[s]
                            windows.second[place + found] = member
                            windows.start_s[place + found] = -math.inf
                            windows.stop_s[place + found] = math.inf
                        found += 1
                        continue
                check = make_check(sites.node[s], member, 0, 0, row, max_range_m)
                found += windows_of_pair(sky, world, check, windows, place + found, room - found)
    return found


class WindowSites(NamedTuple):
    """The ground sites of a rule, as far as looking for windows needs them."""

    node: np.ndarray  # int32 (n_sites,)
    row: np.ndarray  # int32 (n_sites,)  of World.site
    position_m: np.ndarray  # float64 (n_sites, 3)
    radius_m: np.ndarray  # float64 (n_sites,)  distance from the Earth's centre
    reach_m: np.ndarray  # float64 (n_sites,)  beyond which no satellite need be looked at


@kernel
def fill_site_windows(
    first_site,
    last_site,
    sky,
    world,
    sites,
    members,
    cells,
    max_range_m,
    windows,
    room_per_site,
    n_windows,
):
    """The windows of sites in [first_site, last_site), those of site s from row s * room_per_site on.

    `n_windows[s]` may be more than had room.
    """
    for s in range(first_site, last_site):
        place = s * room_per_site
        n_windows[s] = windows_of_site(
            sky, world, sites, s, members, cells, max_range_m, windows, place, room_per_site
        )


@kernel
def fill_ends(sky, world, first, second, types, site, max_range_m, alive, from_s, end_s):
    """Let pairs live through an interval from `from_s` on; those that end get their `end_s`."""
    stop_s = sky.start_s + sky.length_s
    for i in range(len(first)):
        if alive[i]:
            check = make_check(first[i], second[i], types[i, 0], types[i, 1], site[i], max_range_m[i])
            change_s, _ = next_change_s(sky, world, check, from_s, stop_s, True)
            if change_s < math.inf:
                end_s[i] = change_s
                alive[i] = False


@inner_kernel
def usable_terminal(sky, world, terminals, habits, share, node, state, d_x, d_y, d_z, range_m):
    """The first free terminal of a node that can point along a vector; -1: none needed, -2: none free."""
    if not terminals.limited[node]:
        return -1
    for terminal in range(terminals.first[node], terminals.first[node + 1]):
        if terminals.pair[terminal] < 0:
            head = terminals.type[terminal]
            if (
                range_m <= habits[head, REACH]
                and fold_head(
                    (math.inf, math.inf), world, sky, share, head, state, d_x, d_y, d_z, range_m, 0.0
                )[0]
                >= 0.0
            ):
                return terminal
    return -2


@inner_kernel
def has_partner(terminals, node, other):
    """Whether a terminal of a node serves another node already."""
    for terminal in range(terminals.first[node], terminals.first[node + 1]):
        if terminals.partner[terminal] == other:
            return True
    return False


@kernel
def fill_candidates(
    sky,
    world,
    terminals,
    habits,
    t_s,
    node,
    site,
    uses_terminals,
    others,
    limit_m,
    range_m,
    node_terminal,
    other_terminal,
):
    """Which of `others` a node can be linked with at an instant, by free terminals where these are used.

    `site` is the node's row of World.site, -1 for a satellite. `range_m[i]` becomes -1 for those that it
    cannot; `node_terminal` and `other_terminal` the terminals that would serve, -1 where none is needed.
    """
    share = (t_s - sky.start_s) / sky.length_s
    a = vector_at(sky, node, share)
    for i in range(len(others)):
        other = others[i]
        range_m[i] = -1.0
        if t_s >= min(sky.fails_at_s[node], sky.fails_at_s[other]) or other == node:
            continue
        b = vector_at(sky, other, share)
        d_x, d_y, d_z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        distance = norm(d_x, d_y, d_z)
        if not distance <= limit_m:
            continue
        if site >= 0:
            if slack_s(sky, world, make_check(node, other, 0, 0, site, limit_m), t_s)[0] < 0.0:
                continue
        elif grazing_height_m(world, a, b) < 0.0:
            continue
        node_terminal[i] = other_terminal[i] = -1
        if uses_terminals:
            if has_partner(terminals, node, other) or has_partner(terminals, other, node):
                continue
            node_terminal[i] = usable_terminal(
                sky, world, terminals, habits, share, node, a, d_x, d_y, d_z, distance
            )
            other_terminal[i] = usable_terminal(
                sky, world, terminals, habits, share, other, b, -d_x, -d_y, -d_z, distance
            )
            if node_terminal[i] == -2 or other_terminal[i] == -2:
                continue
        range_m[i] = distance


@kernel
def fill_ranges_between(sky, from_node, to_node, times_s, rows, range_m):
    """Distance of the nodes of some rows, each at its own instant within an interval."""
    for i in rows:
        range_m[i] = range_at(sky, from_node[i], to_node[i], times_s[i])
