"""Packets of one workload from one node to another: which one is sent when, and which one that was."""

from collections import deque
from itertools import chain
from typing import NamedTuple

import numpy as np

from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S

MOST_TRAIN_PS = PS_PER_MS // 2
"""Most time between the first and the last packet of a train."""

PORTION_ENTRIES = 4096
"""Entries of data that are handed over at once: what a change of pace throws away."""


class Pacing(NamedTuple):
    """What makes entries of packets."""

    framing_bytes: int  # that each packet has on the wire
    train_packets: int  # most of an entry

    def gap_ps(self, size_bytes, pace_bps):
        """From one packet to the next at a pace on the wire, rounded up."""
        return -(-(size_bytes + self.framing_bytes) * 8 * PS_PER_S // pace_bps)


class Batch:
    """Packets of one purpose, in order; all are of one size but for the last.

    Attributes
    ----------
    n_packets, size_bytes, last_bytes : int
    not_before_ps : int
        When the first may be sent at the earliest.
    sent, ended : int
        Packets that were sent, and that were delivered or dropped.
    last_has_ended : bool
        Whether that has happened to the last of them.
    is_cut : bool
        Whether packets were taken from its end.
    first_sequence, last_sequence : int or None
        Of its first and last packet in its channel's flow; the last is known once it is handed over.
    """

    def __init__(self, n_packets, size_bytes, last_bytes, not_before_ps=0):
        self.n_packets = n_packets
        self.size_bytes = size_bytes
        self.last_bytes = last_bytes
        self.not_before_ps = not_before_ps
        self.sent = self.ended = 0
        self.last_has_ended = self.is_cut = False
        self.first_sequence = self.last_sequence = None

    def bytes_of(self, position, packets):
        """Bytes of packets from a position on: int64 array like its arguments."""
        has_last = position + packets == self.n_packets
        return packets * self.size_bytes - has_last * (self.size_bytes - self.last_bytes)

    def leave(self, time_ps, position, packets):
        """Learn that so many packets were sent, the first of them at an instant."""

    def hands_over_last(self, time_ps):
        """Its last packet will be sent at an instant, unless that is taken back."""

    def takes_back_last(self):
        """It will not."""

    def cut(self):
        """End with what was sent of it."""
        if self.sent < self.n_packets:
            self.n_packets, self.last_bytes, self.is_cut = self.sent, self.size_bytes, True

    def end(self, position, packets):
        """Learn that packets (int64 arrays) were delivered or dropped."""
        self.ended += int(packets.sum())
        self.last_has_ended |= bool((position + packets == self.n_packets).any())


class Script(NamedTuple):
    """Entries that were handed over and not seen to be sent; row i of every array is entry i."""

    time_ps: np.ndarray  # int64 (n,)  ascending
    packets: np.ndarray  # int64 (n,)
    end_ps: np.ndarray  # int64 (n,)  when the next may follow at this pace
    batch: np.ndarray  # int64 (n,)  row in `batches`
    position: np.ndarray  # int64 (n,)  of the first packet in its batch
    batches: list


_NOTHING = Script(*(np.zeros(0, np.int64) for _ in range(5)), [])


class Channel:
    """All that one workload sends from one node to another, as one flow of packets.

    Data goes at a pace, repairs ahead of what was not sent before; streams have times of their own.

    Attributes
    ----------
    index : int
    workload, source, destination : int
    reverse : int
        Index of the channel over the same pair turned round.
    repairs, queue : deque of Batch
        Data that is to be sent.
    streams : list of Batch with `times_ps`
    pace_bps : int or None
        On the wire; None while no data may be sent.
    n_sent : int
        Packets that were sent so far: the sequence of the next one.
    awaited : list of Batch
        Of which something is under way, or handed over, that somebody will act on.
    """

    def __init__(self, index, workload, source, destination, reverse, pacing):
        self.index = index
        self.workload, self.source, self.destination = workload, source, destination
        self.reverse = reverse
        self.repairs, self.queue, self.streams = deque(), deque(), []
        self.pace_bps = None
        self.n_sent = 0
        self.awaited = []
        self._pacing = pacing
        self._next_ps = 0  # when data may be sent again
        self._script = _NOTHING
        self._first, self._batches, self._positions = [], [], []  # runs of packets that were sent

    @property
    def has_data(self):
        """Whether data is to be sent, now or as soon as it may."""
        return bool(self.repairs or self.queue)

    def settle(self, now_ps):
        """Take note of the entries that were sent before an instant, which the engine has reached."""
        script = self._script
        n = int(np.searchsorted(script.time_ps, now_ps))
        if n == 0:
            return
        of, position, packets = script.batch[:n], script.position[:n], script.packets[:n]
        firsts = np.flatnonzero(np.diff(of, prepend=-1))
        counts = np.add.reduceat(packets, firsts)
        for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
            batch = script.batches[of[first]]
            self._note_run(batch, int(position[first]))
            if batch.sent == 0:
                batch.first_sequence = self.n_sent
            batch.leave(int(script.time_ps[first]), int(position[first]), count)
            batch.sent += count
            self.n_sent += count
        self._next_ps = max(self._next_ps, int(script.end_ps[:n].max()))
        self._script = Script(*(column[n:] for column in script[:-1]), script.batches)
        for data in (self.repairs, self.queue):
            while data and data[0].sent == data[0].n_packets:
                data.popleft()
        self.streams = [stream for stream in self.streams if stream.sent < stream.n_packets]

    def _note_run(self, batch, position):
        """Remember that packets of a batch follow from this position on, unless they just go on."""
        if self._batches and self._batches[-1] is batch:
            if self._positions[-1] + self.n_sent - self._first[-1] == position:
                return
        self._first.append(self.n_sent)
        self._batches.append(batch)
        self._positions.append(position)

    def runs(self, sequence):
        """Of which batches packets are: rows (start, stop, batch, position in it), in the order given.

        Parameters
        ----------
        sequence : int64 array
            Of packets that were sent; see `settle`.
        """
        run = np.searchsorted(self._first, sequence, side="right") - 1
        starts = np.flatnonzero(np.diff(run, prepend=-1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(run)], strict=True):
            row = int(run[start])
            position = sequence[start:stop] - self._first[row] + self._positions[row]
            yield start, stop, self._batches[row], position

    def forget(self):
        """Forget batches whose packets have all ended."""
        while self._batches and self._batches[0].ended == self._batches[0].n_packets:
            del self._first[0], self._batches[0], self._positions[0]
        self.awaited = [batch for batch in self.awaited if batch.ended < batch.n_packets]

    @property
    def stop_sequence(self):
        """The first packet whose end somebody acts on; NEVER if there is none."""
        stop = NEVER
        for batch in self.awaited:
            if batch.last_has_ended:  # others of it have been overtaken
                stop = min(stop, batch.first_sequence)
            elif batch.last_sequence is not None:
                stop = min(stop, batch.last_sequence)
        return stop

    def drop(self, batches):
        """Send nothing more of some batches, and do not wait for what was sent of them."""
        for batch in batches:
            batch.cut()
        unwanted = set(map(id, batches))
        self.repairs = deque(batch for batch in self.repairs if id(batch) not in unwanted)
        self.queue = deque(batch for batch in self.queue if id(batch) not in unwanted)
        self.awaited = [batch for batch in self.awaited if id(batch) not in unwanted]

    def write(self, now_ps):
        """Make the entries that follow from an instant on, up to which it is settled.

        Returns
        -------
        entries : tuple of int64 arrays
            Times, sizes, packets and tails, as the engine's `set_script` takes them.
        until_ps : int or None
            When data goes on, or could: None if none was handed over.
        """
        for batch in self._script.batches:
            if batch.sent < batch.n_packets and batch.last_sequence is not None:
                batch.last_sequence = None
                batch.takes_back_last()
        parts, batches = [], []
        for stream in self.streams:
            times_ps = stream.times_ps[stream.sent :]
            position = np.arange(stream.sent, stream.n_packets)
            one = np.ones(len(times_ps), np.int64)
            sizes = np.full(len(times_ps), stream.size_bytes)
            parts.append((times_ps, sizes, one, times_ps, 0 * one, 0 * one + len(batches), position))
            batches.append(stream)
        until_ps = self._write_data(now_ps, parts, batches) if self.pace_bps is not None else None
        if not parts:
            self._script = _NOTHING
            return tuple(np.zeros(0, np.int64) for _ in range(4)), None
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        if self.streams:
            order = np.argsort(columns[0], kind="stable")
            columns = [column[order] for column in columns]
        time_ps, sizes, packets, tail_ps, end_ps, of, position = columns
        self._script = Script(time_ps, packets, end_ps, of, position, batches)
        self._note_last(tail_ps)
        return (time_ps, sizes, packets, tail_ps), until_ps

    def _write_data(self, now_ps, parts, batches):
        """Add the parts that data makes; when it goes on after them."""
        next_ps, room = max(self._next_ps, now_ps), PORTION_ENTRIES
        until_ps = None
        for batch in chain(self.repairs, self.queue):
            next_ps = max(next_ps, batch.not_before_ps)
            position = batch.sent
            for packets, size_bytes in self._pieces(batch):
                if room == 0:
                    break
                gap_ps = self._pacing.gap_ps(size_bytes, self.pace_bps)
                most = min(self._pacing.train_packets, 1 + MOST_TRAIN_PS // gap_ps)
                packets = min(packets, room * most)
                count = np.full(-(-packets // most), most)
                count[-1] = packets - most * (len(count) - 1)
                place = np.arange(len(count)) * most
                time_ps = next_ps + place * gap_ps
                same = 0 * count
                tail_ps, end_ps = time_ps + (count - 1) * gap_ps, time_ps + count * gap_ps
                sizes, of = same + size_bytes, same + len(batches)
                parts.append((time_ps, sizes, count, tail_ps, end_ps, of, position + place))
                next_ps += packets * gap_ps
                position += packets
                room -= len(count)
                until_ps = next_ps
            batches.append(batch)
            if room == 0:
                break
        return until_ps

    @staticmethod
    def _pieces(batch):
        """What is left of a batch: packets of its size, and a last one of another."""
        left = batch.n_packets - batch.sent
        if batch.last_bytes == batch.size_bytes:
            return [(left, batch.size_bytes)]
        pieces = [(left - 1, batch.size_bytes), (1, batch.last_bytes)]
        return [piece for piece in pieces if piece[0] > 0]

    def _note_last(self, tail_ps):
        """Tell batches whose last packet is handed over, and number it."""
        script = self._script
        n_packets = np.array([batch.n_packets for batch in script.batches])
        last = np.flatnonzero(script.position + script.packets == n_packets[script.batch])
        behind = self.n_sent + np.cumsum(script.packets)
        for row in last.tolist():
            batch = script.batches[script.batch[row]]
            batch.last_sequence = int(behind[row]) - 1
            batch.hands_over_last(int(tail_ps[row]))
        known = set(map(id, self.awaited))
        self.awaited += [batch for batch in script.batches if id(batch) not in known]
