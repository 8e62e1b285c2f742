"""Neighbours in a grid of satellites, one satellite at a time."""

import math

EQUAL_PHASE_DEG = 1e-6


def neighbour_pairs(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift, pattern_planes=None):
    """Set of frozenset({row, row}): who is joined with whom. Rows of -1 are vacant slots.

    `pattern_planes`: the node of each plane and the inclination of all, in degrees.
    """
    every = each_neighbour(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift, pattern_planes)
    return {frozenset(pair) for pair in every}


def each_neighbour(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift, pattern_planes=None):
    """(row, row of its neighbour) by offset, plane and slot; a pair may come twice."""
    planes, slots = len(row_of_slot), len(row_of_slot[0])
    for planes_ahead, slots_ahead in offsets:
        for plane in range(planes):
            for slot in range(slots):
                target = plane + planes_ahead
                index = slot
                while target >= planes:
                    target -= planes
                    index += wrap_shift
                while target < 0:
                    target += planes
                    index -= wrap_shift
                if not wrap and not 0 <= plane + planes_ahead < planes:
                    continue
                if planes_ahead != 0 and neighbour == "nearest-phase":
                    index = nearest_slot(phase_deg[plane][slot], phase_deg[target])
                if planes_ahead != 0 and neighbour == "stays-nearest":
                    nodes_deg, inclination_deg = pattern_planes
                    ahead_deg = nearest_ahead_deg(nodes_deg[plane], nodes_deg[target], inclination_deg)
                    index = nearest_slot(phase_deg[plane][slot] + ahead_deg, phase_deg[target])
                index = (index + slots_ahead) % slots
                one, other = int(row_of_slot[plane][slot]), int(row_of_slot[target][index])
                if one != -1 and other != -1 and one != other:
                    yield one, other


def neighbour_pairs_of_rule(topology, rule):
    """[(row, row)] of a grid rule, each unordered pair once, where it comes first.

    Phases are known of patterns only; element files must be joined by index.
    """
    pairs = {}
    for group in topology.satellites:
        if group.name not in rule.satellites:
            continue
        row_of_slot = [[-1] * group.slots for _ in range(group.planes)]
        for row, (plane, slot) in zip(topology.group_rows(group.name), group.plane_slot, strict=True):
            row_of_slot[plane][slot] = row
        phasing_factor = group.phasing_factor or 0
        step_deg = phasing_factor * 360.0 / (group.planes * group.slots)
        phase_deg = [
            [p * step_deg + s * 360.0 / group.slots for s in range(group.slots)] for p in range(group.planes)
        ]
        wrap = group.pattern != "walker-star" if rule.wrap is None else rule.wrap
        planes = None
        if group.pattern is not None:
            planes = (
                [group.raan_deg + p * group.raan_spread_deg / group.planes for p in range(group.planes)],
                group.inclination_deg,
            )
        for pair in each_neighbour(
            row_of_slot, phase_deg, rule.offsets, rule.neighbour, wrap, phasing_factor, planes
        ):
            pairs.setdefault(frozenset(pair), pair)
    return list(pairs.values())


def nearest_ahead_deg(node_deg, other_node_deg, inclination_deg):
    """How far ahead on another circular orbit one stays nearest, from the two planes' axes.

    With p towards the node and q a quarter of an orbit on, r = p cos u + q sin u. Over an orbit, the mean of
    r(u) . r'(u + x) is half of (p.p' + q.q') cos x + (p.q' - q.p') sin x.
    """
    (p, q), (other_p, other_q) = (axes(node, inclination_deg) for node in (node_deg, other_node_deg))
    return math.degrees(math.atan2(dot(p, other_q) - dot(q, other_p), dot(p, other_p) + dot(q, other_q)))


def axes(node_deg, inclination_deg):
    """Unit vectors from the Earth's centre to an orbit's ascending node, and a quarter of an orbit on."""
    node, inclination = math.radians(node_deg), math.radians(inclination_deg)
    east = (-math.sin(node), math.cos(node))
    return (
        (math.cos(node), math.sin(node), 0.0),
        (east[0] * math.cos(inclination), east[1] * math.cos(inclination), math.sin(inclination)),
    )


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def nearest_slot(phase_deg, phases_deg):
    """The slot whose phase is nearest; of those equally near the one ahead."""
    best, best_ahead = None, None
    for slot, other in enumerate(phases_deg):
        ahead = (other - phase_deg) % 360.0
        if ahead > 180.0:
            ahead -= 360.0
        if best is None or abs(ahead) < abs(best_ahead) - EQUAL_PHASE_DEG:
            best, best_ahead = slot, ahead
        elif abs(ahead) <= abs(best_ahead) + EQUAL_PHASE_DEG and ahead > best_ahead:
            best, best_ahead = slot, ahead
    return best
