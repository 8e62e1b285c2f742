"""Transfers and streams of packets over the mesh, reliable where that is asked for.

Nodes act on what arrives `handling_ps` later, and a sender has its first packet on the way as long after it
was asked. As the packet engine is never run further than that beyond what it has told, everything here
happens at instants that depend on nothing but what is simulated.

A transfer's way through this file: `send` queues its first round on the channel of its pair and workload.
`_activate` has paces made `handling_ps` later, by the broker (`_make_paces`); `_go` sets a channel's pace,
and `_write` hands the engine a script, in which the last packet of a round is its checkpoint
(`_start_timer`). The engine stops where a packet matters that somebody acts on (`_set_stop`). `take` keeps
outcomes until then, and `_look_at` deals them out: `_take_data` counts what arrived, `_complete` has the
receiver told (`_tell`), and a checkpoint has it answer with what is missing (`_report`). The sender sends
that again, or knows that all has arrived (`_hear`, `_send_again`); if no report comes in time, it asks
again (`_time_out`). When tables or links change, `_look_again` stops channels whose way is gone, and has
the paces of the others made anew.
"""

from typing import NamedTuple

import numpy as np

from lasermesh.units import PS_PER_S
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.channels import Channel, Pacing
from lasermesh.workloads.network import ATTACHING, SENDING, WAITING
from lasermesh.workloads.pacing import Broker
from lasermesh.workloads.sending import LEAST_PACKET_BYTES, Report, Round, Sending, Stream

LONGEST_TIME_OUT_PS = 60 * PS_PER_S
"""Time-outs double up to this: a way that was gone for hours is found again within a minute of its return."""

MOST_DOUBLINGS = 30
"""After 26 even a time-out of a microsecond has come to the longest."""

LEAST_PACE_BPS = 1_000
"""No pace is less: a share of a crowded link that is rounded down to nothing would send nothing ever."""

MOST_OUTCOMES = 16_384
"""Rows of what became of packets that are kept, at most, until somebody acts on one of them."""


class Channels(NamedTuple):
    """What a run may send on; row i is channel i."""

    pairs: list  # of (workload, source, destination)
    n_forward: int  # the first so many are for data

    @classmethod
    def of(cls, pairs):
        """Those for some (workload, source, destination), each once, and then those turned round."""
        turned = ((workload, destination, source) for workload, source, destination in pairs)
        return cls(list(dict.fromkeys([*pairs, *turned])), len(dict.fromkeys(pairs)))

    @property
    def forward(self):
        """(Workload, source, destination) of those for data."""
        return self.pairs[: self.n_forward]


class Transport:
    """All channels of a run, and what is under way on them.

    Parameters
    ----------
    channels : Channels
    port : Port
    mesh : Mesh
    agenda : Agenda
    options : TransferOptions

    Attributes
    ----------
    channels : Channels
    handling_ps : int
        From an arrival until it is acted on.
    """

    def __init__(self, channels, port, mesh, agenda, options):
        self.channels = channels
        self.handling_ps = options.handling_ps
        self._index = {pair: index for index, pair in enumerate(channels.pairs)}
        self._port, self._mesh, self._agenda, self._options = port, mesh, agenda, options
        self._pacing = Pacing(options.framing_bytes, options.train_packets)
        self._channels = [None] * len(channels.pairs)  # Channel, of those of which anything was asked
        self._broker = Broker(options.share)
        self._active = {}  # channels that have data to send, by index
        self._due = {}  # by instant, channels that may begin or go on then
        self._refills = {}  # tickets by channel
        self._stops = np.zeros(len(channels.pairs), np.int64)  # at first everything matters
        self._outcomes, self._n_outcomes = (
            [],
            0,
        )  # arrays that nobody needed to look at so far, and their rows
        self._pending = {}  # bytes asked for and not complete, by destination and by (source, destination)
        self._open = {}  # transfers that are not complete, by channel, in order (dict as ordered set)
        self._unsettled = {}  # transfers and streams of which something may still be sent, by id
        self._n_packets_ended = 0  # packets that have arrived or were dropped

    # -- what work asks for -----------------------------------------------------------------------------

    def send(self, workload, source, destination, n_bytes, on_done):
        """Begin a transfer; see `network.Network`, as for the methods that follow."""
        options, now_ps = self._options, self._agenda.now_ps
        channel = self._channel(workload, source, destination)
        n_packets = -(-n_bytes // options.packet_bytes)
        rest_bytes = n_bytes - (n_packets - 1) * options.packet_bytes
        last_bytes = max(rest_bytes, min(LEAST_PACKET_BYTES, options.packet_bytes))
        sending = Sending(source, destination, n_bytes, now_ps, channel=channel, on_done=on_done)
        sending.n_packets, sending.last_bytes, sending.state_since_ps = n_packets, last_bytes, now_ps
        sending.state = ATTACHING if self._mesh.is_attaching(source) else WAITING
        not_before_ps = now_ps + options.handling_ps
        sizes = options.packet_bytes, last_bytes
        sending.awaiting = Round(sending, *sizes, self._start_timer, not_before_ps=not_before_ps)
        sending.rounds.append(sending.awaiting)
        channel.queue.append(sending.awaiting)
        self._open.setdefault(channel.index, {})[id(sending)] = sending
        self._unsettled[id(sending)] = sending
        self._count_pending(sending, n_bytes)
        self._activate(channel, not_before_ps)
        return sending

    def as_of_now(self, transfer):
        """A transfer, all that was sent of it by now noted."""
        transfer.channel.settle(self._agenda.now_ps)
        return transfer

    def on_acknowledged(self, transfer, action):
        """Have `action(transfer)` called once the sender knows that everything has arrived."""
        if transfer.is_acknowledged:
            self._agenda.at(self._agenda.now_ps, action, transfer)
        else:
            transfer.on_acknowledged.append(action)

    def withdraw(self, transfer):
        """Take a transfer back of which nothing has been sent; False if something has."""
        if self.as_of_now(transfer).first_ps is not None:
            return False
        self.cancel(transfer)
        return True

    def cancel(self, transfer):
        """Stop a transfer wherever it is."""
        now_ps, channel = self._agenda.now_ps, transfer.channel
        channel.settle(now_ps)
        if transfer.complete_ps is None and not transfer.is_cancelled:
            transfer.enter(transfer.state, now_ps)
            self._close(transfer)
        transfer.is_cancelled = True
        self._abandon(transfer)

    def post(self, workload, source, destination, times_ps, size_bytes, on_done):
        """Send single packets at given instants."""
        now_ps = self._agenda.now_ps
        times_ps = np.maximum(np.asarray(times_ps, np.int64), now_ps + self.handling_ps)
        channel = self._channel(workload, source, destination)
        stream = Stream(times_ps, size_bytes, on_done)
        channel.streams.append(stream)
        self._unsettled[id(stream)] = stream
        self._write(channel, now_ps)

    def pending_bytes(self, source, destination):
        """Bytes of transfers to a node that are asked for and not complete."""
        return self._pending.get(destination if source is None else (source, destination), 0)

    def channel_of(self, workload, source, destination):
        """Index of a channel; KeyError if it was not among the pairs."""
        return self._index[workload, source, destination]

    @property
    def is_quiet(self):
        """Whether nothing is on its way, or will be before something more is asked for."""
        return not self._unsettled and self._n_packets_ended == self._port.packets_sent()

    @property
    def is_used(self):
        """Of which channels anything was asked: bool array."""
        return np.array([channel is not None for channel in self._channels], bool)

    # -- what the run tells -----------------------------------------------------------------------------

    def take(self, clock_ps, time_ps, channel, sequence, packets, is_delivered):
        """Learn what became of packets before an instant, up to which the engine has run.

        Parameters
        ----------
        clock_ps : int
        time_ps, channel, sequence, packets : int64 arrays, shape (n,)
            Sorted by time, channel, sequence.
        is_delivered : bool array, shape (n,)
            False: dropped.
        """
        if not len(time_ps):
            return
        self._n_packets_ended += int(packets.sum())
        self._outcomes.append((time_ps, channel, sequence, packets, is_delivered))
        self._n_outcomes += len(time_ps)
        matters = sequence + packets > self._stops[channel]
        if self._n_outcomes > MOST_OUTCOMES:
            self._look_at(None, clock_ps)
        elif matters.any():
            self._look_at(np.flatnonzero(np.bincount(channel[matters])), clock_ps)

    def tables_changed(self):
        """New tables are in force: senders that have a way no more stop, the others look at theirs.

        With the tables everybody has learnt the rates of links further on.
        """
        self._broker.touch_changed(self._mesh.rate_bps)
        self._look_again(list(self._active.values()))

    def links_changed(self, links, nodes):
        """Links (ids) of some nodes (rows) have gone down, come up or changed their rate, at this instant."""
        now_ps, links = self._agenda.now_ps, set(links)
        self._broker.touch(links)
        self._look_again([channel for channel in self._active.values() if self._first_link(channel) in links])
        for index in self._open:
            if self._channels[index].source in nodes:
                self._note_states(self._channels[index], now_ps)

    def close(self, clock_ps):
        """The run is over: take account of all that has ended."""
        for channel in self._channels:
            if channel is not None:
                channel.settle(clock_ps)
        self._look_at(None, clock_ps)
        for sendings in self._open.values():
            for sending in sendings.values():
                sending.enter(sending.state, clock_ps)

    # -- when data is sent ------------------------------------------------------------------------------

    def _channel(self, workload, source, destination):
        index = self.channel_of(workload, source, destination)
        if self._channels[index] is None:
            reverse = self._index[workload, destination, source]
            self._channels[index] = Channel(index, workload, source, destination, reverse, self._pacing)
        return self._channels[index]

    def _activate(self, channel, time_ps):
        """There is data to send on a channel: it may begin at an instant, unless it is at it."""
        if channel.index in self._active:
            return
        self._active[channel.index] = channel
        self._ask_pace(time_ps, channel)

    def _ask_pace(self, time_ps, channel=None):
        """Have paces made anew at an instant, at which a channel may begin or go on."""
        if time_ps not in self._due:
            self._due[time_ps] = {}
            self._agenda.at(time_ps, self._make_paces, rank=Agenda.LOOKS)
        if channel is not None:
            self._due[time_ps][channel.index] = channel

    def _make_paces(self):
        now_ps = self._agenda.now_ps
        for index, channel in self._due.pop(now_ps).items():
            if index not in self._active:
                continue
            path = self._mesh.path(index)
            if path is None or not self._mesh.is_up(path.links[0]):
                self._pause(channel, now_ps)
            else:
                self._broker.set_path(index, path.links)
                if self._options.rate_bps is not None:
                    self._go(channel, self._fixed_pace_bps(), now_ps)
        if self._options.rate_bps is None:
            for index, rate_bps in self._broker.take_rates(self._mesh.rate_bps).items():
                self._go(self._channels[index], max(int(rate_bps), LEAST_PACE_BPS), now_ps)

    def _fixed_pace_bps(self):
        """The pace on the wire at which whole packets have the rate that is asked for."""
        options = self._options
        wire = options.packet_bytes + options.framing_bytes
        return max(options.rate_bps * wire // options.packet_bytes, LEAST_PACE_BPS)

    def _go(self, channel, pace_bps, now_ps):
        """Send at a pace from now on."""
        if channel.pace_bps == pace_bps:
            return
        channel.settle(now_ps)
        channel.pace_bps = pace_bps
        self._write(channel, now_ps)
        self._note_states(channel, now_ps)

    def _pause(self, channel, now_ps):
        """Send no data until there is a way again."""
        if channel.pace_bps is not None:
            channel.settle(now_ps)
            channel.pace_bps = None
            self._broker.set_path(channel.index, None)
            self._ask_pace(now_ps + self.handling_ps)
            self._write(channel, now_ps)
        self._note_states(channel, now_ps)

    def _write(self, channel, now_ps):
        """Hand over what a channel sends from now on."""
        channel.settle(now_ps)
        entries, until_ps = channel.write(now_ps)
        self._port.set_script(channel.index, *entries)
        self._set_stop(channel)
        Agenda.cancel(self._refills.pop(channel.index, None))
        if until_ps is not None:
            ticket = self._agenda.at(until_ps, self._refill, channel, rank=Agenda.ENDS)
            self._refills[channel.index] = ticket

    def _refill(self, channel):
        """What was handed over has been sent: hand over more, or be done."""
        channel.settle(self._agenda.now_ps)
        if channel.has_data:
            self._write(channel, self._agenda.now_ps)
        else:
            self._deactivate(channel)

    def _deactivate(self, channel):
        """There is no data to send on a channel: others may have its pace."""
        channel.pace_bps = None
        del self._active[channel.index]
        self._broker.set_path(channel.index, None)
        self._ask_pace(self._agenda.now_ps + self.handling_ps)

    def _look_again(self, channels):
        """Stop channels without a way at once, and have the others' paces made anew a little later."""
        now_ps = self._agenda.now_ps
        for channel in channels:
            path = self._mesh.path(channel.index)
            if path is None or not self._mesh.is_up(path.links[0]):
                self._pause(channel, now_ps)
            else:
                self._ask_pace(now_ps + self.handling_ps, channel)

    def _first_link(self, channel):
        path = self._mesh.path(channel.index)
        return None if path is None else path.links[0]

    def _note_states(self, channel, now_ps):
        """Put down why the transfers of a channel are not done from now on."""
        channel.settle(now_ps)
        is_paused = channel.index in self._active and channel.pace_bps is None
        blocked = ATTACHING if self._mesh.is_attaching(channel.source) else WAITING
        for sending in self._open.get(channel.index, {}).values():
            is_sending = sending.first_ps is not None and not is_paused
            sending.enter(SENDING if is_sending else blocked, now_ps)

    def _set_stop(self, channel):
        stop = channel.stop_sequence
        if stop != self._stops[channel.index]:
            self._stops[channel.index] = stop
            self._port.set_stop(channel.index, stop)

    # -- what has arrived -------------------------------------------------------------------------------

    def _look_at(self, channels, clock_ps):
        """Take in what became of packets of some channels (ascending rows); None: of all."""
        if not self._outcomes:
            return
        rows = [np.concatenate(column) for column in zip(*self._outcomes, strict=True)]
        self._outcomes, self._n_outcomes = [], 0
        if channels is not None:
            mine = np.isin(rows[1], channels)
            if not mine.all():
                self._outcomes = [tuple(column[~mine] for column in rows)]
                self._n_outcomes = len(self._outcomes[0][0])
                rows = [column[mine] for column in rows]
        order = np.argsort(rows[1], kind="stable")
        rows = [column[order] for column in rows]
        starts = np.flatnonzero(np.diff(rows[1], prepend=-1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            channel = self._channels[rows[1][start]]
            time_ps, _, sequence, packets, is_delivered = (column[start:stop] for column in rows)
            channel.settle(clock_ps)
            for first, last, batch, position in channel.runs(sequence):
                run = slice(first, last)
                batch.end(position, packets[run])
                self._take_run(batch, time_ps[run], position, packets[run], is_delivered[run])
            channel.forget()
            self._set_stop(channel)

    def _take_run(self, batch, time_ps, position, packets, is_delivered):
        """Learn what became of packets of one batch, in the order of time."""
        if isinstance(batch, Round):
            self._take_data(batch, time_ps, position, packets, is_delivered)
        elif isinstance(batch, Stream):
            batch.note(time_ps, packets, is_delivered)
            if batch.ended == batch.n_packets:
                del self._unsettled[id(batch)]
                self._agenda.at(batch.ended_ps + self.handling_ps, batch.on_done, batch.outcome)
        elif is_delivered[0]:
            due_ps = int(time_ps[0]) + self.handling_ps
            self._agenda.at(due_ps, self._hear, batch, rank=Agenda.CHANGES)

    def _take_data(self, batch, time_ps, position, packets, is_delivered):
        sending = batch.sending
        n_bytes = batch.bytes_of(position, packets)
        arrived_bytes = int(n_bytes[is_delivered].sum())
        sending.delivered_bytes += arrived_bytes
        sending.lost_bytes += int(n_bytes.sum()) - arrived_bytes
        if sending.is_cancelled or arrived_bytes == 0:
            return
        if not is_delivered.all():
            time_ps, position, packets = (x[is_delivered] for x in (time_ps, position, packets))
        complete_ps = sending.arrive(time_ps, batch.numbers, position, packets)
        if complete_ps is not None:
            self._complete(sending, complete_ps)
        checkpoint = np.flatnonzero(position + packets == batch.n_packets)
        if len(checkpoint) and not batch.is_cut:
            due_ps = int(time_ps[checkpoint[0]]) + self.handling_ps
            self._agenda.at(due_ps, self._report, batch, rank=Agenda.CHANGES)

    def _complete(self, sending, time_ps):
        """The last missing packet of a transfer has arrived."""
        sending.enter(sending.state, time_ps)
        sending.complete_ps = time_ps
        self._close(sending)
        self._agenda.at(time_ps + self.handling_ps, self._tell, sending, rank=Agenda.ENDS)

    def _tell(self, sending):
        if not sending.is_cancelled:
            sending.on_done(self.as_of_now(sending))

    def _close(self, sending):
        """Have a transfer count as asked for no more."""
        of_channel = self._open[sending.channel.index]
        del of_channel[id(sending)]
        if not of_channel:
            del self._open[sending.channel.index]
        self._count_pending(sending, -sending.n_bytes)

    def _count_pending(self, sending, n_bytes):
        for place in (sending.destination, (sending.source, sending.destination)):
            self._pending[place] = self._pending.get(place, 0) + n_bytes

    # -- reports ----------------------------------------------------------------------------------------

    def _report(self, answered):
        """Answer a checkpoint, at the receiver."""
        sending, now_ps = answered.sending, self._agenda.now_ps
        if sending.is_cancelled:
            return
        back = self._channel(*self.channels.pairs[sending.channel.reverse])
        report = Report(answered, sending.missing(), self._options.report_bytes, now_ps)
        back.streams.append(report)
        self._write(back, now_ps)

    def _hear(self, report):
        """Act on a report, at the sender."""
        sending = report.answered.sending
        if sending.is_cancelled or sending.is_acknowledged:
            return
        if len(report.missing) == 0:
            sending.is_acknowledged = True
            self._abandon(sending)
            for action in sending.on_acknowledged:
                action(sending)
        elif report.answered is sending.awaiting:  # an older one is overtaken by what was asked since
            report.answered.stop_timer()
            sending.time_outs = 0
            self._send_again(sending, report.missing)

    def _send_again(self, sending, numbers):
        """Send packets of a transfer again, the last one as a checkpoint, ahead of what is new."""
        channel, now_ps = sending.channel, self._agenda.now_ps
        first = sending.awaiting
        again = Round(sending, first.size_bytes, sending.last_bytes, self._start_timer, numbers)
        sending.expand()
        sending.awaiting = again
        sending.rounds.append(again)
        channel.repairs.append(again)
        if channel.index not in self._active:
            self._activate(channel, now_ps)
        elif channel.pace_bps is not None:
            self._write(channel, now_ps)

    def _start_timer(self, batch, sent_ps):
        """Put down when a report on a checkpoint that is sent at an instant would be late: a ticket."""
        channel = batch.sending.channel
        there, back = self._mesh.path(channel.index), self._mesh.path(channel.reverse)
        due_ps = sent_ps + self.handling_ps
        for path, n_bytes in ((there, batch.last_bytes), (back or there, self._options.report_bytes)):
            if path is not None:
                wire_bits = (n_bytes + self._options.framing_bytes) * 8 * PS_PER_S
                due_ps += path.delay_ps
                due_ps += sum(wire_bits // max(1, self._mesh.rate_bps(link)) for link in path.links)
        doublings = min(batch.sending.time_outs, MOST_DOUBLINGS)
        due_ps += min(
            self._options.timeout_ps << doublings, max(LONGEST_TIME_OUT_PS, self._options.timeout_ps)
        )
        return self._agenda.at(due_ps, self._time_out, batch)

    def _time_out(self, batch):
        """No report has come in time: send the checkpoint again."""
        sending = batch.sending
        batch.timer = None
        if batch is sending.awaiting:
            sending.time_outs += 1
            self._send_again(sending, np.array([batch.last_number]))

    def _abandon(self, sending):
        """Send nothing more of a transfer."""
        self._unsettled.pop(id(sending), None)
        channel = sending.channel
        channel.settle(self._agenda.now_ps)
        is_unsent = any(batch.sent < batch.n_packets for batch in sending.rounds)
        for batch in sending.rounds:
            batch.stop_timer()
        channel.drop(sending.rounds)
        sending.rounds, sending.awaiting = [], None
        if is_unsent:
            self._write(channel, self._agenda.now_ps)
            if not channel.has_data:
                self._deactivate(channel)
        else:
            self._set_stop(channel)
