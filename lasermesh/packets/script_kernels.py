"""Whether a script can be sent."""

from lasermesh.compiled import kernel
from lasermesh.packets.state import COUNT_MASK, M_COUNT, M_SIZE, M_TAIL, M_TIME, SIZE_MASK

IN_ORDER = 0
TIMES_DESCEND = 1
SIZE_OUT_OF_RANGE = 2
COUNT_OUT_OF_RANGE = 3
TAIL_BEFORE_HEAD = 4


@kernel
def find_problem(rows):
    """What is wrong with entries of a script, IN_ORDER if nothing; single packets get their tails."""
    for row in range(len(rows)):
        if row > 0 and rows[row, M_TIME] < rows[row - 1, M_TIME]:
            return TIMES_DESCEND
        if rows[row, M_SIZE] < 1 or rows[row, M_SIZE] > SIZE_MASK:
            return SIZE_OUT_OF_RANGE
        if rows[row, M_COUNT] < 1 or rows[row, M_COUNT] > COUNT_MASK + 1:
            return COUNT_OUT_OF_RANGE
        if rows[row, M_COUNT] == 1:
            rows[row, M_TAIL] = rows[row, M_TIME]
        elif rows[row, M_TAIL] < rows[row, M_TIME]:
            return TAIL_BEFORE_HEAD
    return IN_ORDER
