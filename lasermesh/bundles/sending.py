"""Segments over the links of pairs: rounds, and what became of their packets (bundle model, rules 4, 5, 7).

A channel sends one round at a time, at the rate of its link, handing packets over in portions. A round is
over when the last of its packets has been delivered or dropped, which whoever sends is told.
"""

from bisect import bisect_right
from collections import deque
from operator import attrgetter

import numpy as np

from lasermesh.bundles.records import Segments
from lasermesh.packets.causes import CAUSES
from lasermesh.units import NEVER, NONE, PS_PER_S
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.channels import MOST_TRAIN_PS

PORTION_ENTRIES = 16_384
"""Entries that are handed over at once: what a cut takes back."""

_first_sequence = attrgetter("first_sequence")

_NO_ENTRIES = tuple(np.zeros(0, np.int64) for _ in range(4))


class Round:
    """Segments of a fragment that are handed over one behind the other.

    Attributes
    ----------
    fragment : Fragment
    queue : ContactQueue
        Of the contact in which they are sent.
    numbers : int64 array or None
        Ascending; None: all.
    n_packets : int
        How many; once it is cut, how many had been sent.
    first_sequence : int
        In the flow of the channel.
    handed : int
        Packets that the engine was given so far.
    ended : int
        Packets that were delivered or dropped.
    cut_ps : int or None
        When the link went down under it.
    end_ps, arrival_ps : int
        When the last one was delivered or dropped, and when the last one was delivered.
    drops : list of (instant, first place in the round, packets, cause)
    """

    __slots__ = (
        "arrival_ps",
        "cut_ps",
        "drops",
        "end_ps",
        "ended",
        "first_sequence",
        "fragment",
        "handed",
        "has_short",
        "last_has_ended",
        "n_asked",
        "n_packets",
        "numbers",
        "queue",
    )

    def __init__(self, fragment, queue, numbers, first_sequence):
        self.fragment, self.queue, self.numbers = fragment, queue, numbers
        n_segments = fragment.n_segments
        self.n_asked = self.n_packets = n_segments if numbers is None else len(numbers)
        is_whole = numbers is None or int(numbers[-1]) == n_segments - 1
        self.has_short = is_whole and fragment.last_bytes != fragment.bundle.segment_bytes
        self.first_sequence = first_sequence
        self.handed = self.ended = 0
        self.last_has_ended = False
        self.cut_ps = None
        self.end_ps = self.arrival_ps = 0
        self.drops = []

    @property
    def stop_sequence(self):
        """The packet at whose end the engine is to halt; once that has come, at any of the round."""
        return self.first_sequence + (0 if self.last_has_ended else self.n_packets - 1)

    def pieces(self, place):
        """(Packets, size) from a place in the round on: a list of one or two."""
        fragment = self.fragment
        full = self.n_packets - self.has_short - place
        pieces = [(full, fragment.bundle.segment_bytes), (int(self.has_short), fragment.last_bytes)]
        return [piece for piece in pieces if piece[0] > 0]

    def sizes_bytes(self):
        """Of what was sent: the sum."""
        is_short = self.has_short and self.n_packets == self.n_asked
        fragment = self.fragment
        less_bytes = is_short * (fragment.bundle.segment_bytes - fragment.last_bytes)
        return self.n_packets * fragment.bundle.segment_bytes - less_bytes

    def note(self, rows):
        """Learn what became of packets: int64 rows (instant, sequence, packets, cause) in order of time."""
        time_ps, sequence, packets, cause = rows.T
        self.ended += int(packets.sum())
        self.end_ps = int(time_ps[-1])
        is_delivered = cause == NONE
        if is_delivered.all():
            self.arrival_ps = self.end_ps
        else:
            delivered_ps = time_ps[is_delivered]
            if len(delivered_ps):
                self.arrival_ps = int(delivered_ps[-1])
            place = sequence - self.first_sequence
            dropped = np.column_stack((time_ps, place, packets, cause))[~is_delivered]
            self.drops += map(tuple, dropped.tolist())
        if int((sequence + packets).max()) == self.first_sequence + self.n_packets:
            self.last_has_ended = True

    @property
    def cause_of_loss(self):
        """Why the first packet was dropped, what a contact's end cut off not counted: a word or None."""
        causes = [CAUSES[drop[3]] for drop in sorted(self.drops)]
        if self.cut_ps is not None:
            causes = [cause for cause in causes if cause != "link_down"]
        return causes[0] if causes else None

    def lacking(self):
        """Numbers of the segments asked for that did not arrive: ascending int64 array."""
        lacks = np.zeros(self.n_asked, bool)
        lacks[self.n_packets :] = True
        for _, place, packets, _ in self.drops:
            lacks[place : place + packets] = True
        places = np.flatnonzero(lacks)
        return places if self.numbers is None else self.numbers[places]


class Channel:
    """One ordered pair of nodes.

    Attributes
    ----------
    index, source, destination : int
    is_up : bool
    rate_bps : int
    round : Round or None
        Which is being handed over.
    repairs : deque of (Fragment, ContactQueue, numbers)
        What goes ahead of the queues.
    queues : dict
        ContactQueue by contact, of contacts that are not over.
    n_sent : int
        Packets of rounds that are handed over whole, or cut.
    """

    def __init__(self, index, source, destination):
        self.index, self.source, self.destination = index, source, destination
        self.is_up, self.rate_bps = False, 0
        self.round = None
        self.repairs = deque()
        self.queues = {}
        self.n_sent = 0
        self.awaited = []  # rounds that are not over
        self.is_asked = False  # whether it will be looked at, at this instant
        self.ticket = None  # when the portion has been sent
        self.times_ps = self.packets_up_to = None  # of the portion
        self.waiting_rows = []  # outcomes that nobody needed to look at so far
        self.described = []  # rounds that were begun, if somebody wants to know

    def gap_ps(self, size_bytes):
        """How long a packet of a size, framing included, is being sent."""
        return -(-size_bytes * 8 * PS_PER_S // self.rate_bps)


class Sender:
    """All channels of a run.

    Parameters
    ----------
    pairs : list of (int, int)
    options : BundleOptions
    port : Port
    agenda : Agenda
    on_free : function of (Channel, Round)
        A channel has sent a round; called after `on_sent`.
    on_sent : function of (Round)
        The last bit of a round was handed to the link.
    on_over : function of (Channel, Round)
        All packets of a round have been delivered or dropped.
    is_described : bool
        Whether `describe` will be asked.
    """

    def __init__(self, pairs, options, port, agenda, on_free, on_sent, on_over, is_described):
        self.channels = [Channel(row, *pair) for row, pair in enumerate(pairs)]
        self.n_under_way = 0  # rounds that are not over
        self._framing_bytes, self._train_packets = options.framing_bytes, options.train_packets
        self._port, self._agenda = port, agenda
        self._on_free, self._on_sent, self._on_over = on_free, on_sent, on_over
        self._is_described = is_described
        self._stops = np.full(len(pairs), NONE)  # at first everything matters

    def duration_ps(self, channel, fragment, numbers):
        """How long segments (None: all) are being sent at the channel's rate."""
        size_bytes = fragment.bundle.segment_bytes
        n_segments = fragment.n_segments
        count = n_segments if numbers is None else len(numbers)
        gap_ps = channel.gap_ps(size_bytes + self._framing_bytes)
        if numbers is None or int(numbers[-1]) == n_segments - 1:
            return (count - 1) * gap_ps + channel.gap_ps(fragment.last_bytes + self._framing_bytes)
        return count * gap_ps

    def until_ps(self, channel):
        """When the last bit of the round that a channel is sending will have been handed over."""
        under_way = channel.round
        if under_way.handed == under_way.n_packets:
            return channel.ticket.time_ps
        gaps_ps = [
            packets * channel.gap_ps(size_bytes + self._framing_bytes)
            for packets, size_bytes in under_way.pieces(under_way.handed)
        ]
        return channel.ticket.time_ps + sum(gaps_ps)

    def begin(self, channel, fragment, queue, numbers):
        """Send segments from now on."""
        channel.round = begun = Round(fragment, queue, numbers, channel.n_sent)
        channel.awaited.append(begun)
        self.n_under_way += 1
        if self._is_described:
            channel.described.append(begun)
        self._hand_over(channel)
        self._set_stop(channel)

    def _hand_over(self, channel):
        """Give the engine what the round has next."""
        under_way, next_ps = channel.round, self._agenda.now_ps
        parts, room = [], PORTION_ENTRIES
        for packets, size_bytes in under_way.pieces(under_way.handed):
            if room == 0:
                break
            gap_ps = channel.gap_ps(size_bytes + self._framing_bytes)
            most = min(self._train_packets, 1 + MOST_TRAIN_PS // gap_ps)
            packets = min(packets, room * most)
            n_entries = -(-packets // most)
            counts = np.full(n_entries, most)
            counts[-1] = packets - most * (n_entries - 1)
            time_ps = next_ps + np.arange(n_entries) * (most * gap_ps)
            tail_ps = time_ps + (counts - 1) * gap_ps
            parts.append((time_ps, np.full(n_entries, size_bytes), counts, tail_ps))
            next_ps += packets * gap_ps
            under_way.handed += packets
            room -= n_entries
        entries = (
            parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
        )
        channel.times_ps, channel.packets_up_to = entries[0], np.cumsum(entries[2])
        self._port.set_script(channel.index, *entries)
        self._go_on_at(channel, next_ps)

    def _go_on_at(self, channel, time_ps):
        """What has been handed over of the round will be sent at an instant: give more then, or be done."""
        is_last = channel.round.handed == channel.round.n_packets
        then = self._finish if is_last else self._hand_over
        channel.ticket = self._agenda.at(time_ps, then, channel, rank=Agenda.ENDS)

    def _finish(self, channel):
        """The last bit of the round has been handed over."""
        done, channel.round = channel.round, None
        channel.n_sent += done.n_packets
        self._on_sent(done)
        self._on_free(channel, done)

    def _sent_of(self, channel, now_ps):
        """Packets of the round that were sent before an instant."""
        entries = int(np.searchsorted(channel.times_ps, now_ps))
        portion = int(channel.packets_up_to[-1])
        sent = int(channel.packets_up_to[entries - 1]) if entries else 0
        return channel.round.handed - portion + sent

    def cut(self, channel):
        """The link has gone down: take back what has not been sent of the round."""
        cut, now_ps = channel.round, self._agenda.now_ps
        Agenda.cancel(channel.ticket)
        cut.n_packets = self._sent_of(channel, now_ps)
        cut.cut_ps = now_ps
        cut.last_has_ended = True  # whatever ends of it may be the last
        channel.n_sent += cut.n_packets
        channel.round = None
        self._port.set_script(channel.index, *_NO_ENTRIES)
        self._digest(channel)
        if cut.ended == cut.n_packets and cut in channel.awaited:
            self._end(channel, cut)
        self._set_stop(channel)

    def change_pace(self, channel):
        """The rate of the link has changed: what has not been sent follows at the new one."""
        now_ps, under_way = self._agenda.now_ps, channel.round
        unsent_ps = channel.times_ps[np.searchsorted(channel.times_ps, now_ps) :]
        next_ps = int(unsent_ps[0]) if len(unsent_ps) else channel.ticket.time_ps
        under_way.handed = self._sent_of(channel, now_ps)
        Agenda.cancel(channel.ticket)
        self._port.set_script(channel.index, *_NO_ENTRIES)
        channel.times_ps, channel.packets_up_to = np.zeros(0, np.int64), np.zeros(1, np.int64)
        self._go_on_at(channel, next_ps)

    def _set_stop(self, channel):
        """Have the engine halt where a round may be over."""
        if channel.awaited:
            stop = channel.awaited[0].stop_sequence  # those behind it have later ones
            if stop != self._stops[channel.index]:
                self._stops[channel.index] = stop
                self._port.set_stop(channel.index, stop)

    # -- outcomes ---------------------------------------------------------------------------------------

    def take(self, time_ps, channel, sequence, packets, cause):
        """Learn what became of packets; see `BundleWork.take`."""
        rows = np.empty((len(time_ps), 4), np.int64)
        rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = time_ps, sequence, packets, cause
        matters = sequence + packets > self._stops[channel]
        if (channel == channel[0]).all():
            firsts = [0]
        else:
            order = np.argsort(channel, kind="stable")
            channel, rows, matters = channel[order], rows[order], matters[order]
            firsts = np.flatnonzero(np.diff(channel, prepend=NONE)).tolist()
        over = []
        for first, stop in zip(firsts, [*firsts[1:], len(rows)], strict=True):
            own = self.channels[channel[first]]
            own.waiting_rows.append(rows[first:stop])
            if matters[first:stop].any():
                over += [(row, own) for row in self._digest(own) if row.ended == row.n_packets]
        # Of what is over at one instant the channels' order counts, not in which portions it was told.
        for ended, own in sorted(over, key=lambda pair: (pair[0].end_ps, pair[1].index)):
            self._end(own, ended)
            self._set_stop(own)

    def _digest(self, channel):
        """Deal out the outcomes of a channel to its rounds; those that had any: a list."""
        if not channel.waiting_rows:
            return []
        rows, awaited = channel.waiting_rows, channel.awaited
        rows = rows[0] if len(rows) == 1 else np.concatenate(rows)
        channel.waiting_rows = []
        sequence = rows[:, 1]
        first, last = (
            bisect_right(awaited, number, key=_first_sequence) - 1
            for number in (int(sequence.min()), int(sequence.max()))
        )
        if first == last:
            awaited[first].note(rows)
        else:
            starts = [under_way.first_sequence for under_way in awaited[first + 1 : last + 1]]
            of = np.searchsorted(starts, sequence, side="right")
            for place, under_way in enumerate(awaited[first : last + 1]):
                own = rows[of == place]
                if len(own):
                    under_way.note(own)
        self._set_stop(channel)
        return awaited[first : last + 1]

    def _end(self, channel, ended):
        channel.awaited.remove(ended)
        self.n_under_way -= 1
        _account(ended)
        self._on_over(channel, ended)

    def close(self):
        """The run is over: count what was sent of rounds that are not."""
        for channel in self.channels:
            if channel.round is not None:
                channel.round.n_packets = self._sent_of(channel, self._agenda.now_ps)
            for under_way in channel.awaited:
                _account(under_way)

    def describe(self, channel, sequence) -> Segments:
        """What packets carried, by channel (one or an array) and sequence number (int64 array (n,))."""
        channel = np.broadcast_to(channel, sequence.shape)
        columns = np.zeros((len(Segments._fields), len(sequence)), np.int64)
        order = np.lexsort((sequence, channel))
        starts = np.flatnonzero(np.diff(channel[order], prepend=NONE)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            mine = order[start:stop]
            described, numbers = self.channels[channel[mine[0]]].described, sequence[mine]
            place = 0
            while place < len(mine):
                row = bisect_right(described, int(numbers[place]), key=_first_sequence)
                follows = described[row].first_sequence if row < len(described) else NEVER
                behind = int(np.searchsorted(numbers, follows))
                columns[:, mine[place:behind]] = _carried(described[row - 1], numbers[place:behind])
                place = behind
        return Segments(*columns)


def _carried(sent, sequence):
    """Columns of `Segments` of packets of one round."""
    fragment, bundle = sent.fragment, sent.fragment.bundle
    place = sequence - sent.first_sequence
    first_byte = (place if sent.numbers is None else sent.numbers[place]) * bundle.segment_bytes
    same = np.ones(len(place), np.int64)
    lifetime_ps = NEVER if bundle.expires_ps == NEVER else bundle.expires_ps - bundle.created_ps
    return Segments(
        bundle=bundle.number * same,
        from_row=bundle.source * same,
        to_row=bundle.destination * same,
        created_ps=bundle.created_ps * same,
        lifetime_ps=lifetime_ps * same,
        first_byte=fragment.first_byte + first_byte,
        n_bytes=bundle.n_bytes * same,
        flow=bundle.flow * same,
    )


def _account(sent):
    """Count what was sent of a round."""
    fragment, bundle = sent.fragment, sent.fragment.bundle
    sent_bytes = sent.sizes_bytes()
    bundle.sent_bytes += sent_bytes
    if sent.n_packets == 0:
        return
    numbers = sent.numbers
    again = min(fragment.n_tried, sent.n_packets)
    if numbers is not None:
        again = int(np.searchsorted(numbers[: sent.n_packets], fragment.n_tried))
    # All that were tried before precede the short last one, unless they are all that there are.
    full_bytes = again * bundle.segment_bytes
    bundle.resent_bytes += sent_bytes if again == sent.n_packets else full_bytes
    last = sent.n_packets - 1 if numbers is None else int(numbers[sent.n_packets - 1])
    fragment.n_tried = max(fragment.n_tried, last + 1)
