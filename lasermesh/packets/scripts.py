"""Scripts that are written while they are sent: where each flow has in `Engine.mixes` what is to come."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.script_kernels import (
    COUNT_OUT_OF_RANGE,
    IN_ORDER,
    SIZE_OUT_OF_RANGE,
    TAIL_BEFORE_HEAD,
    TIMES_DESCEND,
    find_problem,
)

MOST_OF_TRAIN = state.COUNT_MASK + 1
FIRST_ROWS = 64
SENTENCES = {
    TIMES_DESCEND: "the instants of a script (time_ps) must ascend",
    SIZE_OUT_OF_RANGE: f"packets have 1 to {state.SIZE_MASK} bytes (size_bytes)",
    COUNT_OUT_OF_RANGE: f"an entry has 1 to {MOST_OF_TRAIN} packets (packets)",
    TAIL_BEFORE_HEAD: "the last packet of a train (tail_ps) cannot be made before its first",
}


def mean_gap_ps(times_ps):
    """Mean time between the entries of a script, endless if there are less than two."""
    if len(times_ps) < 2:
        return float(state.NEVER)
    return float(times_ps[-1] - times_ps[0]) / (len(times_ps) - 1)


def checked_entries(time_ps, size_bytes, packets, tail_ps):
    """Entries of a script as rows of `Engine.mixes`.

    Raises
    ------
    ValueError
        If they are not in order, or a size, a count or a tail is out of range.
    """
    rows = np.zeros((len(time_ps), state.MIX_COLUMNS), np.int64)
    rows[:, state.M_TIME] = time_ps
    rows[:, state.M_SIZE] = size_bytes
    rows[:, state.M_COUNT] = 1 if packets is None else packets
    rows[:, state.M_TAIL] = -1 if tail_ps is None else tail_ps
    problem = find_problem(rows)
    if problem != IN_ORDER:
        raise ValueError(SENTENCES[problem])
    return rows


class Scripts:
    """Regions of `Engine.mixes`: each flow has one, in which its mix lies, or what its script still sends.

    A script that needs a larger one gets it behind all others; once there is no more place, what has been
    sent is left out and the rest moved together, so that there is never much more than twice what is to come.
    """

    def __init__(self, flows):
        self._first = flows.size_first[:-1].copy()
        self._end = flows.size_first[1:].copy()
        self._used = len(flows.size_bytes)

    def replace(self, e, flow, rows):
        """The engine in which the script of a flow still has to send these entries, and no others."""
        n = len(rows)
        if n > self._end[flow] - self._first[flow]:
            e = self._give_region(e, flow, n)
        first = int(self._first[flow])
        e.mixes[first : first + n] = rows
        e.flows[flow, state.S_MIX] = first
        e.flows[flow, state.S_MIX_END] = first + n
        e.flow_floats[flow, state.F_MEAN_GAP_PS] = mean_gap_ps(rows[:, state.M_TIME])
        following = int(rows[0, state.M_TIME]) if n else state.NEVER
        e.flows[flow, state.S_NEXT] = following if following < e.flows[flow, state.S_STOP] else state.NEVER
        return e

    def _give_region(self, e, flow, n):
        """The engine with room for at least n entries of a flow, those that it had being gone."""
        size = max(n, 2 * int(self._end[flow] - self._first[flow]))
        e.flows[flow, state.S_MIX_END] = e.flows[flow, state.S_MIX]
        if self._used + size > len(e.mixes):
            e = self._move_together(e, size)
        self._first[flow] = self._used
        self._used += size
        self._end[flow] = self._used
        return e

    def _move_together(self, e, more):
        """The engine with what is still to come one behind the other, and room for `more` entries."""
        first = e.flows[:, state.S_MIX].copy()
        n_left = e.flows[:, state.S_MIX_END] - first
        self._end = np.cumsum(n_left)
        self._first = self._end - n_left
        self._used = int(self._end[-1])
        mixes = np.zeros((max(FIRST_ROWS, 2 * (self._used + more)), state.MIX_COLUMNS), np.int64)
        mixes[: self._used] = e.mixes[np.repeat(first - self._first, n_left) + np.arange(self._used)]
        e.flows[:, state.S_MIX], e.flows[:, state.S_MIX_END] = self._first, self._end
        return e._replace(mixes=mixes)
