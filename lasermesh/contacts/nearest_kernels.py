"""Kernels that match satellites with free terminals, the nearest first."""

import math

from lasermesh.compiled import inner_kernel, kernel
from lasermesh.contacts.cell_kernels import cell_along
from lasermesh.contacts.conditions_kernels import grazing_height_m, norm, vector_at
from lasermesh.contacts.window_kernels import has_partner, usable_terminal


@inner_kernel
def still_free(terminals, node):
    """Whether a satellite has a free terminal."""
    for terminal in range(terminals.first[node], terminals.first[node + 1]):
        if terminals.pair[terminal] < 0:
            return True
    return False


@kernel
def fill_free(terminals, nodes, position_m, is_free):
    """Which satellites have a free terminal and a position."""
    for i in range(len(nodes)):
        is_free[i] = math.isfinite(position_m[nodes[i], 0]) and still_free(terminals, nodes[i])


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


@inner_kernel
def near_of(position_m, nodes, cells, i, beyond_m, within_m, near, near_m, place, room):
    """Satellites after `nodes[i]` within a shell of ranges, in row order, from `place` on; how many."""
    node = nodes[i]
    x, y, z = position_m[node, 0], position_m[node, 1], position_m[node, 2]
    low_x, high_x = cell_along(x - within_m, cells), cell_along(x + within_m, cells)
    low_y, high_y = cell_along(y - within_m, cells), cell_along(y + within_m, cells)
    low_z, high_z = cell_along(z - within_m, cells), cell_along(z + within_m, cells)
    found = 0
    for c_z in range(low_z, high_z + 1):
        for c_y in range(low_y, high_y + 1):
            row = (c_z * cells.per_axis + c_y) * cells.per_axis
            for k in range(cells.first[row + low_x], cells.first[row + high_x + 1]):
                j = cells.member[k]
                if j <= i:
                    continue
                other = nodes[j]
                d_x = position_m[other, 0] - x
                d_y = position_m[other, 1] - y
                d_z = position_m[other, 2] - z
                range_m = math.sqrt(d_x * d_x + d_y * d_y + d_z * d_z)
                if beyond_m < range_m <= within_m:
                    if found < room:
                        at = place + found
                        while at > place and near[at - 1] > other:
                            near[at], near_m[at] = near[at - 1], near_m[at - 1]
                            at -= 1
                        near[at], near_m[at] = other, range_m
                    found += 1
    return found


@kernel
def fill_counts(first, last, position_m, nodes, cells, beyond_m, within_m, near, near_m, count):
    """How many satellites each of rows [first, last) has near it (see `near_of`)."""
    for i in range(first, last):
        count[i] = near_of(position_m, nodes, cells, i, beyond_m, within_m, near, near_m, 0, 0)


@kernel
def fill_near(first, last, position_m, nodes, cells, beyond_m, within_m, offset, node, near, near_m):
    """Those satellites and their ranges, of row i in rows [offset[i], offset[i + 1])."""
    for i in range(first, last):
        room = offset[i + 1] - offset[i]
        near_of(position_m, nodes, cells, i, beyond_m, within_m, near, near_m, offset[i], room)
        for at in range(offset[i], offset[i + 1]):
            node[at] = nodes[i]


@kernel
def take_in_order(
    sky, world, terminals, habits, t_s, order, node, near, near_m, limit_m, first, second, taken
):
    """Link pairs in order, as far as they have free terminals for each other and nothing between them.

    The pairs that are linked are written to `first`, `second` and, with their terminals, to `taken`, int64
    (n, 2); these are marked as in use. Returns how many there are.
    """
    share = (t_s - sky.start_s) / sky.length_s
    n = 0
    for row in order:
        a, b = node[row], near[row]
        if near_m[row] > limit_m or not still_free(terminals, a) or not still_free(terminals, b):
            continue
        if has_partner(terminals, a, b):
            continue
        one, other = vector_at(sky, a, share), vector_at(sky, b, share)
        if grazing_height_m(world, one, other) < 0.0:
            continue
        d_x, d_y, d_z = other[0] - one[0], other[1] - one[1], other[2] - one[2]
        range_m = norm(d_x, d_y, d_z)
        mine = usable_terminal(sky, world, terminals, habits, share, a, one, d_x, d_y, d_z, range_m)
        if mine < 0:
            continue
        theirs = usable_terminal(sky, world, terminals, habits, share, b, other, -d_x, -d_y, -d_z, range_m)
        if theirs < 0:
            continue
        first[n], second[n] = a, b
        taken[n, 0], taken[n, 1] = mine, theirs
        terminals.pair[mine] = terminals.pair[theirs] = 0
        terminals.partner[mine], terminals.partner[theirs] = b, a
        n += 1
    return n
