"""Neighbours in a grid of satellites, one satellite at a time."""

EQUAL_PHASE_DEG = 1e-6


def neighbour_pairs(row_of_slot, phase_deg, offsets, neighbour, wrap, wrap_shift):
    """Set of frozenset({row, row}): who is joined with whom. Rows of -1 are vacant slots."""
    planes, slots = len(row_of_slot), len(row_of_slot[0])
    pairs = set()
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
                index = (index + slots_ahead) % slots
                one, other = int(row_of_slot[plane][slot]), int(row_of_slot[target][index])
                if one != -1 and other != -1 and one != other:
                    pairs.add(frozenset((one, other)))
    return pairs


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
