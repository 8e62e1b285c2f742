"""Kernels that match satellites with free terminals, the nearest first.

Taking the shortest of all possible links again and again is the same as taking, again and again, every pair
in which each is the other's nearest partner. So all satellites look for theirs at once, by cells in space.
"""

import math

from lasermesh.compiled import kernel
from lasermesh.contacts.cell_kernels import cell_along
from lasermesh.contacts.conditions_kernels import grazing_height_m, norm, vector_at
from lasermesh.contacts.window_kernels import has_partner, usable_terminal

NOBODY = -1
UNKNOWN = -2


@kernel
def is_better(range_m, a, b, best_m, best_a, best_b):
    """Whether a pair comes before another: the shorter, then that of the lower first row, then second row."""
    if range_m != best_m:
        return range_m < best_m
    low, high, best_low, best_high = min(a, b), max(a, b), min(best_a, best_b), max(best_a, best_b)
    return low < best_low or (low == best_low and high < best_high)


@kernel
def serving_terminals(sky, world, terminals, habits, t_s, node, other):
    """Terminals that a link of two satellites would take at an instant; -2 where there is none."""
    share = (t_s - sky.start_s) / sky.length_s
    a, b = vector_at(sky, node, share), vector_at(sky, other, share)
    d_x, d_y, d_z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    range_m = norm(d_x, d_y, d_z)
    mine = usable_terminal(sky, world, terminals, habits, share, node, a, d_x, d_y, d_z, range_m)
    theirs = usable_terminal(sky, world, terminals, habits, share, other, b, -d_x, -d_y, -d_z, range_m)
    return mine, theirs


@kernel
def may_link(sky, world, terminals, habits, t_s, node, other):
    """Whether two satellites, near enough, have free terminals for each other and nothing between them."""
    share = (t_s - sky.start_s) / sky.length_s
    if grazing_height_m(world, vector_at(sky, node, share), vector_at(sky, other, share)) < 0.0:
        return False
    if has_partner(terminals, node, other):
        return False
    mine, theirs = serving_terminals(sky, world, terminals, habits, t_s, node, other)
    return mine >= 0 and theirs >= 0


@kernel
def nearest_partner(sky, world, terminals, habits, t_s, position_m, nodes, is_free, cells, limit_m, i):
    """Row of `nodes` of the nearest partner of `nodes[i]` that is left, or NOBODY."""
    node = nodes[i]
    x, y, z = position_m[node, 0], position_m[node, 1], position_m[node, 2]
    at_x, at_y, at_z = cell_along(x, cells), cell_along(y, cells), cell_along(z, cells)
    best, best_m = NOBODY, limit_m
    ring = 0
    while ring < cells.per_axis and (ring - 1) * cells.edge_m <= best_m:
        for c_z in range(max(0, at_z - ring), min(cells.per_axis - 1, at_z + ring) + 1):
            for c_y in range(max(0, at_y - ring), min(cells.per_axis - 1, at_y + ring) + 1):
                shell = abs(c_z - at_z) == ring or abs(c_y - at_y) == ring
                row = (c_z * cells.per_axis + c_y) * cells.per_axis
                # Only the two ends of a row that passes through the cube of the rings before.
                for part in range(1 if shell else 2):
                    low = max(0, at_x - ring) if part == 0 else at_x + ring
                    high = min(cells.per_axis - 1, at_x + ring) if shell else low
                    if (
                        (not shell and part == 0 and at_x - ring < 0)
                        or high >= cells.per_axis
                        or (ring == 0 and part)
                    ):
                        continue
                    for k in range(cells.first[row + low], cells.first[row + high + 1]):
                        j = cells.member[k]
                        if j == i or not is_free[j]:
                            continue
                        other = nodes[j]
                        d_x, d_y, d_z = (
                            position_m[other, 0] - x,
                            position_m[other, 1] - y,
                            position_m[other, 2] - z,
                        )
                        range_m = math.sqrt(d_x * d_x + d_y * d_y + d_z * d_z)
                        if best == NOBODY:
                            if range_m > limit_m:
                                continue
                        elif not is_better(range_m, node, other, best_m, node, nodes[best]):
                            continue
                        if may_link(sky, world, terminals, habits, t_s, node, other):
                            best, best_m = j, range_m
        ring += 1
    return best


@kernel
def fill_nearest_partners(
    first,
    last,
    sky,
    world,
    terminals,
    habits,
    t_s,
    position_m,
    nodes,
    is_free,
    cells,
    limit_m,
    wanted,
    partner,
):
    """The nearest partner of each satellite in rows [first, last) of `wanted`."""
    for k in range(first, last):
        i = wanted[k]
        partner[i] = nearest_partner(
            sky, world, terminals, habits, t_s, position_m, nodes, is_free, cells, limit_m, i
        )


@kernel
def still_free(terminals, node):
    """Whether a satellite has a free terminal."""
    for terminal in range(terminals.first[node], terminals.first[node + 1]):
        if terminals.pair[terminal] < 0:
            return True
    return False


@kernel
def take_mutual(
    sky, world, terminals, habits, t_s, nodes, is_free, partner, reserved, first, second, taken, n_taken
):
    """Take every pair in which each is the other's nearest; how many pairs have been taken then.

    `taken`, int64 (n, 2), gets their terminals, which are marked by the row `reserved`. Whoever had one of
    those that took part as nearest partner must look again: their `partner` becomes UNKNOWN.
    """
    for i in range(len(nodes)):
        j = partner[i]
        if j > i and partner[j] == i:
            a, b = min(nodes[i], nodes[j]), max(nodes[i], nodes[j])
            mine, theirs = serving_terminals(sky, world, terminals, habits, t_s, a, b)
            first[n_taken], second[n_taken] = a, b
            taken[n_taken, 0], taken[n_taken, 1] = mine, theirs
            for terminal, other in ((mine, b), (theirs, a)):
                terminals.pair[terminal] = reserved
                terminals.partner[terminal] = other
            n_taken += 1
            partner[i] = partner[j] = UNKNOWN
    for i in range(len(nodes)):
        if is_free[i] and not still_free(terminals, nodes[i]):
            is_free[i] = False
    for i in range(len(nodes)):
        if not is_free[i]:
            partner[i] = NOBODY
        elif partner[i] >= 0 and (partner[partner[i]] == UNKNOWN or not is_free[partner[i]]):
            # The terminal that would have served may be gone.
            partner[i] = UNKNOWN
    return n_taken


@kernel
def fill_free(terminals, nodes, position_m, is_free):
    """Which satellites have a free terminal and a position; how many."""
    count = 0
    for i in range(len(nodes)):
        is_free[i] = math.isfinite(position_m[nodes[i], 0]) and still_free(terminals, nodes[i])
        count += is_free[i]
    return count


@kernel
def fill_states(sky, t_s, nodes, position_m):
    """Positions of some nodes at an instant; nan for those that have failed."""
    share = (t_s - sky.start_s) / sky.length_s
    for i in range(len(nodes)):
        node = nodes[i]
        if t_s >= sky.fails_at_s[node]:
            position_m[node, 0] = math.nan
        else:
            state = vector_at(sky, node, share)
            position_m[node, 0], position_m[node, 1], position_m[node, 2] = state[0], state[1], state[2]
