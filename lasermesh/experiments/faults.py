"""Which nodes, links and terminals are failed when: scripted faults, and random ones from the seed."""

import heapq
import math
from typing import NamedTuple

import numpy as np

from lasermesh.packets.state import NEVER
from lasermesh.random_kernels import FAULT, draw_unit
from lasermesh.units import NONE, PS_PER_S, ps_from_s

NODE, LINK, TERMINAL = 0, 1, 2
KIND_NAMES = ("nodes", "links", "terminals")

_PLACES = 2**32
"""Things of one fault table that have rows of their own among the random numbers."""


class Fault(NamedTuple):
    """A thing that one fault table names, and when it fails: once as scripted, or again and again."""

    kind: int  # NODE, LINK or TERMINAL
    first: int  # row of the node, or of the link's sender
    second: int = NONE  # row of the link's receiver, index of the terminal, NONE for a node
    both_ways: bool = False  # of a link
    fails_ps: int = 0  # scripted: since the run's start
    repaired_ps: int = NEVER
    mean_up_ps: float | None = None  # random: mean time between failures, and to repair
    mean_down_ps: float | None = None
    row: int = 0  # among the random numbers, see `random_row`


def random_row(table, place):
    """Row of random numbers for the thing at a place of a fault table: faults added behind change nothing."""
    return table * _PLACES + place


def faults_of(experiment):
    """What the tables `[[faults]]` of an experiment name, thing by thing: list of `Fault`."""
    found = []
    for index, table in enumerate(experiment.faults):
        things = [(NODE, node, NONE) for node in table.node_rows]
        things += [(LINK, *ends) for ends in table.link_rows]
        things += [(TERMINAL, *terminal) for terminal in table.terminal_rows]
        if table.at_s is not None:
            repaired_ps = NEVER if table.repair_s is None else ps_from_s(table.repair_s)
            when = {"fails_ps": ps_from_s(table.at_s), "repaired_ps": repaired_ps}
        else:
            when = {"mean_up_ps": table.mtbf_s * PS_PER_S, "mean_down_ps": table.mttr_s * PS_PER_S}
        found += [
            Fault(*thing, both_ways=table.both_ways, row=random_row(index, place), **when)
            for place, thing in enumerate(things)
        ]
    return found


class FaultEvents(NamedTuple):
    """Things that fail or are repaired, in order of time, failures first at one instant."""

    time_ps: np.ndarray  # int64 (n,)
    fault: np.ndarray  # int64 (n,)  which one
    fails: np.ndarray  # bool (n,)  or is repaired

    def until(self, time_ps):
        """Those at an instant or before it."""
        return FaultEvents(*(column[self.time_ps <= time_ps] for column in self))

    def after(self, time_ps):
        """Those after an instant."""
        return FaultEvents(*(column[self.time_ps > time_ps] for column in self))


class FaultTimeline:
    """Failures and repairs of `faults` (`Fault`), unfolded as far as they were asked for.

    A thing is failed in `[failure, repair)`. Random times are exponential and depend on the seed and the row
    of the fault alone: `counter` 0 is for the first time up, 1 for the first time down, and so on.
    """

    def __init__(self, faults, seed):
        self.faults = tuple(faults)
        self._heap = []
        for index, fault in enumerate(self.faults):
            times = _scripted(fault) if fault.mean_up_ps is None else _random(fault, seed)
            self._heap.append((next(times), False, index, times))
        heapq.heapify(self._heap)

    def before(self, end_ps):
        """The events before an instant that were not told yet: `FaultEvents`."""
        found = []
        while self._heap and self._heap[0][0] < end_ps:
            time_ps, is_repair, index, times = self._heap[0]
            found.append((time_ps, index, not is_repair))
            heapq.heapreplace(self._heap, (next(times), not is_repair, index, times))
        time_ps, fault, fails = zip(*found, strict=True) if found else ((), (), ())
        return FaultEvents(np.array(time_ps, np.int64), np.array(fault, np.int64), np.array(fails, bool))


def _scripted(fault):
    """When a thing fails and is repaired, then nothing for ever."""
    yield fault.fails_ps
    yield fault.repaired_ps
    while True:
        yield NEVER


def _random(fault, seed):
    """When a thing fails and is repaired, in turn."""
    now_ps, counter = 0, 0
    while True:
        mean_ps = fault.mean_down_ps if counter % 2 else fault.mean_up_ps
        unit = draw_unit(seed, FAULT, fault.row, counter)
        now_ps += max(1, math.floor(-math.log(unit) * mean_ps + 0.5))
        yield now_ps
        counter += 1


class FaultTally:
    """What failed in a run and for how long, by kind of thing; a thing named twice counts twice."""

    def __init__(self, faults):
        self._kind = np.array([fault.kind for fault in faults], np.int64)
        self._failed_since_ps = np.full(len(faults), NEVER)
        self._counts = np.zeros((len(KIND_NAMES), 2), np.int64)  # failures, repairs
        self._down_ps = [0] * len(KIND_NAMES)

    def add(self, events):
        """Count `FaultEvents` that have happened."""
        for time_ps, fault, fails in zip(*(column.tolist() for column in events), strict=True):
            kind = self._kind[fault]
            self._counts[kind, 0 if fails else 1] += 1
            if fails:
                self._failed_since_ps[fault] = time_ps
            else:
                self._down_ps[kind] += time_ps - int(self._failed_since_ps[fault])
                self._failed_since_ps[fault] = NEVER

    def summary(self, end_ps):
        """What the summary says, up to the end of the run: `{kind: {failures, repairs, downtime_s}}`."""
        found = {}
        for kind, name in enumerate(KIND_NAMES):
            mine = self._kind == kind
            if mine.any():
                since_ps = self._failed_since_ps[mine & (self._failed_since_ps < end_ps)]
                down_ps = self._down_ps[kind] + sum(end_ps - int(since) for since in since_ps)
                failures, repairs = self._counts[kind].tolist()
                found[name] = {
                    "failures": failures,
                    "repairs": repairs,
                    "downtime_s": down_ps / PS_PER_S,
                }
        return found
