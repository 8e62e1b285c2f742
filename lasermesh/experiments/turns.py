"""Those who act at the nodes of a run, and the loop in which they and the packet engine take turns."""

import time

from lasermesh.scenario.experiment import TRAIN
from lasermesh.units import ps_from_s


def engine_options(experiment, longest_window_ps):
    """What the packet engine has to know of who acts: it may not run further ahead than nodes take to act."""
    handling_s = []
    if experiment.workloads:
        handling_s.append(experiment.transfers.handling_s)
    if experiment.bundle_flows:
        handling_s.append(experiment.bundles.handling_s)
    if not handling_s:
        return {"longest_window_ps": longest_window_ps}
    return {
        "longest_window_ps": min(longest_window_ps, ps_from_s(min(handling_s))),
        "trains": experiment.fidelity == TRAIN,
    }


class EnginePort:
    """The packet engine, whose flows in some rows are channels.

    Parameters
    ----------
    engine : PacketEngine
    rows : range
    """

    def __init__(self, engine, rows):
        self._engine, self._rows = engine, rows

    def set_script(self, channel, time_ps, size_bytes, packets, tail_ps):
        """Send these and none of the entries that have not been sent."""
        self._engine.set_script(self._rows[channel], time_ps, size_bytes, packets, tail_ps)

    def set_stop(self, channel, sequence):
        """Have the run stop where packets from this one on end."""
        self._engine.set_stop(self._rows.start + channel, sequence)

    def packets_sent(self):
        """Packets of all channels that have entered the mesh so far."""
        return int(self._engine.sent_packets_of(slice(self._rows.start, self._rows.stop)).sum())


class Turns:
    """The loop, and its parts: work (`Working`) and bundles (`Bundling`), each on flows of its own.

    A part has `rows`, the range of its flows, `take(clock_ps, ends)`, which tells it what became of packets
    of these (`packets.ends.Ends`, flows by their rows among all), and `begin_step`, `is_done`, `is_quiet` and
    `close`.

    Parameters
    ----------
    engine : PacketEngine
    agenda : Agenda
    parts : list
        One at least.
    """

    def __init__(self, engine, agenda, parts):
        self._engine, self._agenda = engine, agenda
        self._parts = parts

    @property
    def is_done(self):
        """Whether nothing will ever happen any more."""
        return all(part.is_done for part in self._parts)

    def is_quiet_until(self, time_ps):
        """Whether no packet is on its way, and nobody will send one before an instant."""
        return self._agenda.next_ps >= time_ps and all(part.is_quiet for part in self._parts)

    def begin_step(self):
        """Put down what the step that the engine has begun brings."""
        for part in self._parts:
            part.begin_step()

    def advance(self, until_ps, most_windows, slice_s):
        """Run engine and agenda in turns until an instant, or a while; whether they are there.

        The engine is left as soon as it wants its taps drained.
        """
        engine, agenda, began = self._engine, self._agenda, time.perf_counter()
        while True:
            halt_ps = min(until_ps, agenda.next_ps)
            is_there = engine.advance(halt_ps, most_windows)
            if engine.unfinished:
                return False
            clock_ps = engine.clock_ps
            ends = engine.drain_ends()
            for part in self._parts:
                mine = (ends.flow >= part.rows.start) & (ends.flow < part.rows.stop)
                part.take(clock_ps, ends if mine.all() else ends.only(mine))
            agenda.run_until(clock_ps)
            if is_there and halt_ps == until_ps:
                return True
            if time.perf_counter() - began > slice_s:
                return False

    def close(self):
        """The run is over: take account of what is under way."""
        for part in self._parts:
            part.close()
