"""Where packets of watched flows ended, taken from among what is recorded."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.state import NEVER

FIRST_KIND = state.TAP_ENDED + state.DELIVERED


class Ends(NamedTuple):
    """Packets, and trains, that were delivered or dropped, by instant, flow and sequence number."""

    time_ps: np.ndarray  # int64 (n,)  of a train that was delivered: when its last packet arrived
    flow: np.ndarray  # int64
    sequence: np.ndarray  # int64  of a train: that of its first packet
    packets: np.ndarray  # int64
    cause: np.ndarray  # int64  row of `causes.CAUSES`, or state.DELIVERED, which is -1
    node: np.ndarray  # int64  where

    @property
    def is_delivered(self):
        """Whether they arrived: bool array, shape (n,)."""
        return self.cause == state.DELIVERED

    def only(self, chosen):
        """Some of them (bool array)."""
        return Ends(*(column[chosen] for column in self))


_NO_ENDS = Ends(*np.zeros((len(Ends._fields), 0), np.int64))


class EndLog:
    """Ends that have been recorded and not yet been asked for."""

    def __init__(self):
        self._parts = []

    def take(self, e):
        """Take the ends from among the engine's taps, so that there is room for more."""
        room = len(e.taps) // len(e.workers)
        for worker, behind in enumerate(e.workers[:, state.V_TAPS].tolist()):
            first = worker * room
            if behind == first:
                continue
            rows = e.taps[first:behind]
            is_end = rows[:, state.T_KIND] >= FIRST_KIND
            if is_end.all():
                self._parts.append(rows.copy())
                e.workers[worker, state.V_TAPS] = first
                continue
            self._parts.append(rows[is_end])
            others = rows[~is_end]
            e.taps[first : first + len(others)] = others
            e.workers[worker, state.V_TAPS] = first + len(others)

    def drain(self, e, before_ps):
        """`Ends` before an instant that were not given yet; the engine halts at those left that matter."""
        self.take(e)
        if not self._parts:
            e.control[state.C_STOP_AT] = NEVER
            return _NO_ENDS
        records = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        self._parts.clear()
        stop_at = NEVER
        is_early = records[:, state.T_TIME] < before_ps
        if not is_early.all():
            left, records = records[~is_early], records[is_early]
            self._parts.append(left)
            behind = (left[:, state.T_IDENT] & state.SEQUENCE_MASK) + _packets_of(left)
            matters = behind > e.flows[left[:, state.T_IDENT] >> state.SEQUENCE_BITS, state.K_STOP]
            stop_at = left[matters, state.T_TIME].min(initial=NEVER)
        e.control[state.C_STOP_AT] = stop_at
        if len(records) > 1:
            records = records[np.lexsort((records[:, state.T_IDENT], records[:, state.T_TIME]))]
        ident = records[:, state.T_IDENT]
        return Ends(
            time_ps=records[:, state.T_TIME],
            flow=ident >> state.SEQUENCE_BITS,
            sequence=ident & state.SEQUENCE_MASK,
            packets=_packets_of(records),
            cause=records[:, state.T_KIND] - state.TAP_ENDED,
            node=records[:, state.T_PLACE],
        )


def _packets_of(records):
    """How many packets each record is of: int64 (n,)."""
    return (records[:, state.T_WORD] >> state.COUNT_SHIFT & state.COUNT_MASK) + 1
