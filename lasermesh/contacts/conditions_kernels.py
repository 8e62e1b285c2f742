"""Kernels that tell whether two nodes can be linked at an instant, and when that changes.

Every condition is a margin in metres that is continuous in time and not negative where the condition holds.
A margin cannot change faster than the two nodes move, so each is also a time for which its sign is sure; the
`slack` of a pair is the shortest of these times, negative where a condition fails. Edges are found by
stepping as far as the slack allows, which misses nothing that lasts longer than SHORTEST_S.
"""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.compiled import inline_kernel, inner_kernel, kernel
from lasermesh.units import EARTH_ROTATION_RAD_PER_S, WGS72_GRAVITY_M3_PER_S2

# Columns of Sky.state: what a node's path between two knots is made of.
POSITION_0, VELOCITY_0, POSITION_1, VELOCITY_1 = 0, 3, 6, 9
STATE_COLUMNS = 12

# Columns of World.head, one row per type of terminal; row 0 is no terminal, which has no limits.
MOUNT = 0
COS_REGARD = 3
COS_SUN = 4
HEAD_COLUMNS = 5

# Columns of World.site, one row per ground rule and site.
UP = 0
EAST = 3
SINE_MASK = 6  # of the least elevation, or of the least anywhere in a table
SINE_MASK_MOST = 7
MASK_SLOPE = 8  # greatest change of the sine per radian of azimuth
MASK_FIRST = 9  # row of World.mask
MASK_COUNT = 10  # 0: the same in all directions
SITE_COLUMNS = 11

NO_MASK = -2.0
"""A sine that every elevation reaches."""

# Bounds the acceleration of a satellite in the rotating frame: gravity above 100 km 9.6, Coriolis 1.3 m/s^2.
ACCELERATION = 12.0

# Bounds the acceleration of a satellite away from the Earth's centre on orbits that are nearly circular.
RADIAL_ACCELERATION = 1.0
LONG_S = 300.0

# Margins whose bounds grow with the range and the turning of a frame are trusted for a knot interval at most.
LONGEST_TURN_S = 30.0

SHORTEST_S = 0.01
BRACKET_S = 0.25
EDGE_S = 1e-7


class Sky(NamedTuple):
    """Where all nodes are between two knots."""

    state: np.ndarray  # float64 (n_nodes, STATE_COLUMNS)
    fails_at_s: np.ndarray  # float64 (n_nodes,)
    sun: np.ndarray  # float64 (2, 3)  unit vectors to the Sun at both knots
    start_s: float
    length_s: float


class World(NamedTuple):
    """What does not move: limits of terminals, masks of sites, the Earth."""

    head: np.ndarray  # float64 (n_types + 1, HEAD_COLUMNS)
    site: np.ndarray  # float64 (n_sites, SITE_COLUMNS)
    mask: np.ndarray  # float64 (n_rows, 2)  azimuth in rad, ascending, and elevation in rad
    per_equatorial: float  # one over the semi-axes of the ellipsoid that lines must clear, 1/m
    per_polar: float


class Check(NamedTuple):
    """The conditions of one pair of nodes."""

    first: int
    second: int
    first_type: int  # rows of World.head
    second_type: int
    site: int  # row of World.site; the site is the first node; -1: two satellites
    max_range_m: float


@inner_kernel
def make_check(first, second, first_type, second_type, site, max_range_m):
    """A `Check` whose fields always have the same types, so that what takes one is compiled but once."""
    return Check(
        np.int64(first),
        np.int64(second),
        np.int64(first_type),
        np.int64(second_type),
        np.int64(site),
        np.float64(max_range_m),
    )


@inline_kernel
def weights(share, length_s):
    """Weights of both positions and velocities in the cubic Hermite polynomial at a share of an interval."""
    w_p1 = share * share * (3.0 - 2.0 * share)
    w_v0 = share * (1.0 - share) * (1.0 - share) * length_s
    w_v1 = share * share * (share - 1.0) * length_s
    return 1.0 - w_p1, w_v0, w_p1, w_v1


@inline_kernel
def slopes(share, length_s):
    """The derivatives of these weights."""
    s_p = 6.0 * share * (1.0 - share) / length_s
    return -s_p, (1.0 - share) * (1.0 - 3.0 * share), s_p, share * (3.0 * share - 2.0)


@inline_kernel
def combine(state, node, axis, w):
    """One coordinate of a node by weights of its state at the knots."""
    return (
        w[0] * state[node, POSITION_0 + axis]
        + w[1] * state[node, VELOCITY_0 + axis]
        + w[2] * state[node, POSITION_1 + axis]
        + w[3] * state[node, VELOCITY_1 + axis]
    )


@kernel
def vector_at(sky, node, share):
    """Position of a node, and its velocity in the rotating frame."""
    w = weights(share, sky.length_s)
    s = slopes(share, sky.length_s)
    return (
        combine(sky.state, node, 0, w),
        combine(sky.state, node, 1, w),
        combine(sky.state, node, 2, w),
        combine(sky.state, node, 0, s),
        combine(sky.state, node, 1, s),
        combine(sky.state, node, 2, s),
    )


@inner_kernel
def norm(x, y, z):
    """Length of a vector."""
    return math.sqrt(x * x + y * y + z * z)


@inner_kernel
def sure_s(margin_m, speed, acceleration):
    """For how long a margin keeps its sign, given bounds on how fast it changes and accelerates."""
    distance = abs(margin_m)
    if distance == 0.0:
        return 0.0
    return 2.0 * distance / (speed + math.sqrt(speed * speed + 2.0 * acceleration * distance))


@kernel
def grazing_height_m(world, a, b):
    """How far the segment between two points stays outside the raised ellipsoid; negative inside.

    In space stretched so that the ellipsoid becomes a sphere a straight line stays straight; the point
    nearest to the centre decides, and its height counts as metres over the equator.
    """
    x, y, z = a[0] * world.per_equatorial, a[1] * world.per_equatorial, a[2] * world.per_polar
    d_x = b[0] * world.per_equatorial - x
    d_y = b[1] * world.per_equatorial - y
    d_z = b[2] * world.per_polar - z
    length_squared = d_x * d_x + d_y * d_y + d_z * d_z
    share = 0.0
    if length_squared > 0.0:
        share = min(1.0, max(0.0, -(x * d_x + y * d_y + z * d_z) / length_squared))
    return (norm(x + share * d_x, y + share * d_y, z + share * d_z) - 1.0) / world.per_equatorial


@inner_kernel
def lowest_radius_m(node):
    """Lower bound on how near a satellite comes to the Earth's centre within LONG_S; 0 where none is known.

    On an orbit of small eccentricity e the distance swings with the amplitude of its acceleration, e g.
    """
    x, y, z, v_x, v_y, v_z = node
    v_x -= EARTH_ROTATION_RAD_PER_S * y
    v_y += EARTH_ROTATION_RAD_PER_S * x
    radius = norm(x, y, z)
    rising = (x * v_x + y * v_y + z * v_z) / radius
    across_squared = v_x * v_x + v_y * v_y + v_z * v_z - rising * rising
    acceleration = across_squared / radius - WGS72_GRAVITY_M3_PER_S2 / (radius * radius)
    amplitude = math.hypot(acceleration, rising * math.sqrt(across_squared) / radius)
    if amplitude > 0.5 * RADIAL_ACCELERATION:
        return 0.0
    return radius - LONG_S * abs(rising) - 0.5 * RADIAL_ACCELERATION * LONG_S * LONG_S


@inner_kernel
def grazing_sure_s(world, a, b, range_m, speed):
    """The height of `grazing_height_m` and for how long its sign is sure, by positions and velocities."""
    height_m = grazing_height_m(world, a, b)
    fastest = max(norm(a[3], a[4], a[5]), norm(b[3], b[4], b[5]))
    stretch = world.per_polar / world.per_equatorial
    sure = sure_s(height_m, stretch * fastest, stretch * ACCELERATION)
    if height_m > 0.0 and sure < LONG_S:
        # The middle of a chord between points so high up is the lowest it can come: that the chord is short
        # stays true for longer, as partners move together.
        lowest = min(lowest_radius_m(a), lowest_radius_m(b))
        if lowest * world.per_equatorial > 1.0:
            half_m = math.sqrt(lowest * lowest - 1.0 / (world.per_equatorial * world.per_equatorial))
            if 2.0 * half_m > range_m:
                longer = sure_s(2.0 * half_m - range_m, speed, 2.0 * ACCELERATION)
                sure = max(sure, min(longer, LONG_S))
    return height_m, sure


@kernel
def local_direction(node, d_x, d_y, d_z):
    """Components of a vector along fore, left and up at a node, given its position and velocity.

    Up is away from the Earth's centre, fore along the inertial velocity at right angles to it.
    """
    x, y, z, v_x, v_y, v_z = node
    v_x -= EARTH_ROTATION_RAD_PER_S * y
    v_y += EARTH_ROTATION_RAD_PER_S * x
    radius = norm(x, y, z)
    u_x, u_y, u_z = x / radius, y / radius, z / radius
    rising = v_x * u_x + v_y * u_y + v_z * u_z
    f_x, f_y, f_z = v_x - rising * u_x, v_y - rising * u_y, v_z - rising * u_z
    along = norm(f_x, f_y, f_z)
    f_x, f_y, f_z = f_x / along, f_y / along, f_z / along
    l_x, l_y, l_z = u_y * f_z - u_z * f_y, u_z * f_x - u_x * f_z, u_x * f_y - u_y * f_x
    return (
        d_x * f_x + d_y * f_y + d_z * f_z,
        d_x * l_x + d_y * l_y + d_z * l_z,
        d_x * u_x + d_y * u_y + d_z * u_z,
    )


@inner_kernel
def turning_rad_per_s(node):
    """Bound on how fast the local frame of a node turns, seen from the Earth."""
    x, y, z, v_x, v_y, v_z = node
    return norm(v_x, v_y, v_z) / norm(x, y, z) + 2.0 * EARTH_ROTATION_RAD_PER_S


@kernel
def sun_at(sky, share):
    """Direction to the Sun within an interval, in which it turns by an eighth of a degree."""
    x = sky.sun[0, 0] + share * (sky.sun[1, 0] - sky.sun[0, 0])
    y = sky.sun[0, 1] + share * (sky.sun[1, 1] - sky.sun[0, 1])
    z = sky.sun[0, 2] + share * (sky.sun[1, 2] - sky.sun[0, 2])
    length = norm(x, y, z)
    return x / length, y / length, z / length


@inner_kernel
def fold(slack, margin_m, ahead_s, back_s):
    """The slack of a pair with one more condition, whose sign is sure for so long ahead and back in time."""
    if margin_m < 0.0:
        if slack[0] < 0.0:
            return min(slack[0], -ahead_s), min(slack[1], -back_s)
        return -ahead_s, -back_s
    if slack[0] < 0.0:
        return slack
    return min(slack[0], ahead_s), min(slack[1], back_s)


@inner_kernel
def parabola_s(distance, nearing, bend):
    """When a margin that is nearing zero at a speed may reach it, if that speed grows by `bend` at most."""
    root = math.sqrt(nearing * nearing + 2.0 * bend * distance)
    if nearing < 0.0:
        return (root - nearing) / bend
    return 0.0 if distance == 0.0 else 2.0 * distance / (nearing + root)


@inner_kernel
def fold_smooth(slack, margin_m, rate, bend, trusted_s, fastest, acceleration):
    """The slack of a pair with one more condition of known rate, whose bend is bounded for a while.

    The bound by `fastest` alone, which holds for ever, serves where it reaches farther.
    """
    sure = sure_s(margin_m, fastest, acceleration)
    nearing = -rate if margin_m >= 0.0 else rate
    ahead_s = max(sure, min(trusted_s, parabola_s(abs(margin_m), nearing, bend)))
    back_s = max(sure, min(trusted_s, parabola_s(abs(margin_m), -nearing, bend)))
    return fold(slack, margin_m, ahead_s, back_s)


@inner_kernel
def fold_head(slack, world, sky, share, head, node, d_x, d_y, d_z, range_m, speed):
    """The slack of a pair with the conditions of the terminal at one end, pointing along (d_x, d_y, d_z)."""
    if world.head[head, COS_REGARD] >= -1.0:
        cosine = world.head[head, COS_REGARD]
        fore, left, up = local_direction(node, d_x, d_y, d_z)
        margin = (
            world.head[head, MOUNT] * fore
            + world.head[head, MOUNT + 1] * left
            + world.head[head, MOUNT + 2] * up
            - cosine * range_m
        )
        turning = turning_rad_per_s(node)
        fastest = (1.0 + abs(cosine)) * speed + turning * range_m
        acceleration = (1.0 + abs(cosine)) * 2.0 * ACCELERATION + 2.0 * turning * (speed + turning * range_m)
        sure = min(sure_s(margin, 1.1 * fastest, 1.1 * acceleration), LONGEST_TURN_S)
        slack = fold(slack, margin, sure, sure)
    if world.head[head, COS_SUN] <= 1.0:
        cosine = world.head[head, COS_SUN]
        s_x, s_y, s_z = sun_at(sky, share)
        margin = cosine * range_m - (d_x * s_x + d_y * s_y + d_z * s_z)
        fastest = (1.0 + cosine) * speed + 1.1 * EARTH_ROTATION_RAD_PER_S * range_m
        sure = min(sure_s(margin, 1.1 * fastest, 5.0 * ACCELERATION), LONGEST_TURN_S)
        slack = fold(slack, margin, sure, sure)
    return slack


@kernel
def sine_of_mask(world, site, east, north):
    """Sine of the least elevation in a direction: linear in azimuth between the rows of the site's table."""
    count = int(world.site[site, MASK_COUNT])
    if count == 0:
        return world.site[site, SINE_MASK]
    azimuth = math.atan2(east, north) % (2.0 * math.pi)
    first = int(world.site[site, MASK_FIRST])
    after = 0
    while after < count and world.mask[first + after, 0] <= azimuth:
        after += 1
    before = first + (after - 1) % count
    behind = first + after % count
    gap = (world.mask[behind, 0] - world.mask[before, 0]) % (2.0 * math.pi)
    share = 0.0 if gap == 0.0 else ((azimuth - world.mask[before, 0]) % (2.0 * math.pi)) / gap
    return math.sin(world.mask[before, 1] + share * (world.mask[behind, 1] - world.mask[before, 1]))


@inner_kernel
def fold_mask(slack, world, site, d, range_m, v, speed, range_rate, trusted_s):
    """The slack of a pair with the elevation mask of a ground site."""
    u_x, u_y, u_z = world.site[site, UP], world.site[site, UP + 1], world.site[site, UP + 2]
    height = u_x * d[0] + u_y * d[1] + u_z * d[2]
    least, most = world.site[site, SINE_MASK], world.site[site, SINE_MASK_MOST]
    sine = least
    if world.site[site, MASK_COUNT] > 0.0 and height >= least * range_m:
        sure = sure_s(height - most * range_m, (1.0 + abs(most)) * speed, 2.0 * ACCELERATION)
        if height < most * range_m or sure < SHORTEST_S:
            return fold_slanted(slack, world, site, height, d, range_m, speed)
        sine = most
    rate = u_x * v[0] + u_y * v[1] + u_z * v[2] - sine * range_rate
    bend = ACCELERATION + abs(sine) * (ACCELERATION + 2.0 * speed * speed / range_m)
    fastest = (1.0 + abs(sine)) * speed
    margin = height - sine * range_m
    return fold_smooth(slack, margin, rate, bend, trusted_s, fastest, 2.0 * ACCELERATION)


@inner_kernel
def fold_slanted(slack, world, site, height, d, range_m, speed):
    """The same between the lowest and the highest part of the mask, where turning in azimuth counts."""
    u_x, u_y, u_z = world.site[site, UP], world.site[site, UP + 1], world.site[site, UP + 2]
    e_x, e_y, e_z = world.site[site, EAST], world.site[site, EAST + 1], world.site[site, EAST + 2]
    east = e_x * d[0] + e_y * d[1] + e_z * d[2]
    north = (u_y * e_z - u_z * e_y) * d[0] + (u_z * e_x - u_x * e_z) * d[1] + (u_x * e_y - u_y * e_x) * d[2]
    sine = sine_of_mask(world, site, east, north)
    across = max(1.0, math.hypot(east, north))
    fastest = (1.0 + abs(sine)) * speed + world.site[site, MASK_SLOPE] * speed * range_m / across
    sure = min(sure_s(height - sine * range_m, 1.2 * fastest, 4.0 * ACCELERATION), LONGEST_TURN_S)
    return fold(slack, height - sine * range_m, sure, sure)


@inner_kernel
def slack_s(sky, world, check, t_s):
    """For how long the pair stays linkable (not negative) or not (negative) at least, ahead and back in time.

    Clouds and satellites that fail are not looked at. nan, where a node has no position, counts as -inf.
    """
    share = (t_s - sky.start_s) / sky.length_s
    a = vector_at(sky, check.first, share)
    b = vector_at(sky, check.second, share)
    d_x, d_y, d_z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v_x, v_y, v_z = b[3] - a[3], b[4] - a[4], b[5] - a[5]
    range_m = norm(d_x, d_y, d_z)
    if not range_m >= 0.0:
        return -math.inf, -math.inf
    speed = norm(v_x, v_y, v_z)
    # Until the range has halved it turns no faster than twice as fast as now.
    trusted_s = min(sky.length_s, 0.5 * range_m / (speed + ACCELERATION * sky.length_s))
    range_rate = 0.0 if range_m == 0.0 else (d_x * v_x + d_y * v_y + d_z * v_z) / range_m
    top_speed = speed + 2.0 * ACCELERATION * trusted_s
    slack = (math.inf, math.inf)
    if check.max_range_m < math.inf:
        bend = 2.0 * ACCELERATION + 2.0 * top_speed * top_speed / max(range_m, 1.0)
        margin = check.max_range_m - range_m
        slack = fold_smooth(slack, margin, -range_rate, bend, trusted_s, speed, 2.0 * ACCELERATION)
    if check.site >= 0:
        if world.site[check.site, SINE_MASK] >= -1.0:
            v = (v_x, v_y, v_z)
            slack = fold_mask(
                slack, world, check.site, (d_x, d_y, d_z), range_m, v, top_speed, range_rate, trusted_s
            )
    else:
        height_m, sure = grazing_sure_s(world, a, b, range_m, speed)
        slack = fold(slack, height_m, sure, sure)
    if check.first_type > 0:
        slack = fold_head(slack, world, sky, share, check.first_type, a, d_x, d_y, d_z, range_m, speed)
    if check.second_type > 0:
        slack = fold_head(slack, world, sky, share, check.second_type, b, -d_x, -d_y, -d_z, range_m, speed)
    return slack


@kernel
def range_at(sky, first, second, t_s):
    """Distance of two nodes in metres."""
    w = weights((t_s - sky.start_s) / sky.length_s, sky.length_s)
    x = combine(sky.state, second, 0, w) - combine(sky.state, first, 0, w)
    y = combine(sky.state, second, 1, w) - combine(sky.state, first, 1, w)
    z = combine(sky.state, second, 2, w) - combine(sky.state, first, 2, w)
    return norm(x, y, z)


@inner_kernel
def next_change_s(sky, world, check, t_s, end_s, holds):
    """When the pair first ceases to be linkable, or becomes so, and until when its state is sure otherwise.

    Looks from `t_s`, at which it is known to be linkable or not (`holds`), to `end_s` within the same
    interval. Returns (instant of the change or inf, instant until which nothing changes if it is inf). The
    instant is the first that is known to be on the other side, EDGE_S after the edge at most.
    """
    gone_s = min(sky.fails_at_s[check.first], sky.fails_at_s[check.second])
    if t_s >= gone_s:
        return (t_s if holds else math.inf), math.inf
    slack = slack_s(sky, world, check, t_s)
    if (slack[0] >= 0.0) != holds:
        return t_s, t_s
    return change_after_s(sky, world, check, t_s, abs(slack[0]), end_s, gone_s, holds)


@inner_kernel
def change_after_s(sky, world, check, t_s, sure, end_s, gone_s, holds):
    """The same, from an instant from which on the state is sure for a time, for nodes of which one fails."""
    stop_s = min(end_s, gone_s)
    low_s, step_s = t_s, stop_s - t_s
    if sure < step_s:
        while low_s < stop_s:
            step_s = min(step_s, stop_s - low_s)
            high_s = low_s + step_s
            ahead, back = slack_s(sky, world, check, high_s)
            if (ahead >= 0.0) == holds:
                if sure + abs(back) >= step_s or step_s <= SHORTEST_S:
                    low_s, sure = high_s, abs(ahead)
                    step_s = max(2.0 * step_s, sure)
                else:
                    step_s = max(0.5 * step_s, sure, SHORTEST_S)
            elif step_s <= BRACKET_S:
                return edge_s(sky, world, check, low_s, high_s, sure, abs(back), holds), math.inf
            else:
                step_s = max(0.5 * step_s, min(sure, 0.9 * step_s))
    if gone_s <= end_s:
        return (gone_s if holds else math.inf), math.inf
    return math.inf, max(end_s, low_s + sure)


@inner_kernel
def edge_s(sky, world, check, low_s, high_s, low, high, holds):
    """The instant between two of different state at which it changes, as the later end of EDGE_S.

    `low` and `high` are for how long the state is sure after the first and before the second.
    """
    turn = 0
    while high_s - low_s > EDGE_S:
        # Near an edge these times are those to the edge; halving in between, for there may be kinks.
        if turn % 3 == 2 or not low + high < math.inf or low + high == 0.0:
            middle_s = 0.5 * (low_s + high_s)
        else:
            middle_s = low_s + (high_s - low_s) * low / (low + high)
            middle_s += 0.4 * EDGE_S if turn % 3 == 0 else -0.4 * EDGE_S
            middle_s = min(max(middle_s, low_s + 0.25 * EDGE_S), high_s - 0.25 * EDGE_S)
        if not low_s < middle_s < high_s:
            break  # so far from the epoch, no instant is in between
        ahead, back = slack_s(sky, world, check, middle_s)
        if (ahead >= 0.0) == holds:
            low_s, low = middle_s, abs(ahead)
        else:
            high_s, high = middle_s, abs(back)
        turn += 1
    return high_s


@inner_kernel
def range_change_s(sky, first, second, t_s, end_s, least_m, most_m):
    """When the range of a pair leaves (least_m, most_m], or inf; and until when it surely does not."""
    low_s = t_s
    low_sure = range_sure_s(sky, first, second, t_s, least_m, most_m)
    step_s = end_s - t_s
    if low_sure < 0.0:
        return t_s, t_s
    if low_sure < step_s:
        while low_s < end_s:
            step_s = min(step_s, end_s - low_s)
            sure = range_sure_s(sky, first, second, low_s + step_s, least_m, most_m)
            if sure >= 0.0:
                if low_sure + sure >= step_s or step_s <= SHORTEST_S:
                    low_s, low_sure = low_s + step_s, sure
                    step_s = max(2.0 * step_s, low_sure)
                else:
                    step_s = max(0.5 * step_s, low_sure, SHORTEST_S)
            elif step_s <= EDGE_S or not low_s < low_s + 0.5 * step_s < low_s + step_s:
                return low_s + step_s, math.inf  # far from the epoch, no instant may be in between
            else:
                step_s *= 0.5
    return math.inf, max(end_s, low_s + low_sure)


@inner_kernel
def range_sure_s(sky, first, second, t_s, least_m, most_m):
    """For how long the range surely stays in (least_m, most_m]; negative where it is outside."""
    share = (t_s - sky.start_s) / sky.length_s
    a = vector_at(sky, first, share)
    b = vector_at(sky, second, share)
    range_m = norm(b[0] - a[0], b[1] - a[1], b[2] - a[2])
    if range_m <= least_m or range_m > most_m:
        return -1.0
    speed = norm(b[3] - a[3], b[4] - a[4], b[5] - a[5])
    return sure_s(min(range_m - least_m, most_m - range_m), speed, 2.0 * ACCELERATION)
