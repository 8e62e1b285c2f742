"""Kernel that gives the links of a grid their terminals."""

import math

from lasermesh.compiled import inner_kernel, kernel
from lasermesh.contacts.conditions_kernels import COS_REGARD, MOUNT, local_direction, norm

NOT_FREE = -2


@inner_kernel
def facing_terminal(states, node, other, terminals, head):
    """The free terminal of a node whose mount faces another node best, the first where none has a mount.

    -1 where the node needs none, NOT_FREE where it has none left. States are position and velocity.
    """
    if not terminals.limited[node]:
        return -1
    d_x = states[other, 0] - states[node, 0]
    d_y = states[other, 1] - states[node, 1]
    d_z = states[other, 2] - states[node, 2]
    length = norm(d_x, d_y, d_z)
    state = (
        states[node, 0],
        states[node, 1],
        states[node, 2],
        states[node, 3],
        states[node, 4],
        states[node, 5],
    )
    best, best_cosine = NOT_FREE, -math.inf
    for terminal in range(terminals.first[node], terminals.first[node + 1]):
        if terminals.pair[terminal] >= 0:
            continue
        row = terminals.type[terminal]
        cosine = 1.0  # without a mount, every direction is as good
        if head[row, COS_REGARD] >= -1.0 and length > 0.0:
            fore, left, up = local_direction(state, d_x / length, d_y / length, d_z / length)
            cosine = head[row, MOUNT] * fore + head[row, MOUNT + 1] * left + head[row, MOUNT + 2] * up
        if best == NOT_FREE or cosine > best_cosine:
            best, best_cosine = terminal, cosine
    return best


@kernel
def fill_grid_terminals(states, pairs, terminals, head, chosen):
    """Take a terminal at both ends for each pair in turn, int64 (n, 2); none if one end has none left."""
    for i in range(len(pairs)):
        first, second = pairs[i, 0], pairs[i, 1]
        chosen[i, 0] = facing_terminal(states, first, second, terminals, head)
        chosen[i, 1] = facing_terminal(states, second, first, terminals, head)
        if chosen[i, 0] != NOT_FREE and chosen[i, 1] != NOT_FREE:
            for end in range(2):
                if chosen[i, end] >= 0:
                    terminals.pair[chosen[i, end]] = 0
