"""All bundles of a run: their nodes, what is under way, and what came of it.

A bundle's way through this file: `_make` puts it into the store of its source, and `_act` has it routed
`handling` later, as wherever it arrives. `_route` asks the router and puts it into the queue of a contact,
which `_look_at` opens and shuts. `_serve` takes the first of a free channel's queue and has `Sender` send a
round of segments. Once that is over (`_end_round`) the next node has the bundle (`_arrive`) and this one
learns so (`_know`), or it learns what is missing (`_learn`), and sends that again, or has the rest routed
anew (`_go_on_without`). Links that change tell `links_changed`.

Everything that is learnt of packets is acted on `handling` after it has happened at the earliest. As the
packet engine is never run further than that beyond what it has told, nothing here depends on its windows.
"""

from collections import deque

from lasermesh.bundles.contact_queues import GRACE_PS, ContactQueue, contacts_by_node
from lasermesh.bundles.fragments import ARRIVED, QUEUED, SENDING, SENT, WAITING
from lasermesh.bundles.holdings import EXPIRED, FORWARDED, Holdings
from lasermesh.bundles.options import options_of, store_limits
from lasermesh.bundles.routing import NodeRouting
from lasermesh.bundles.sending import Sender
from lasermesh.bundles.sources import bundles_of
from lasermesh.bundles.waiting import Waiting
from lasermesh.dtn.routes import owlt_at
from lasermesh.units import PS_PER_NS
from lasermesh.workloads.agenda import Agenda


class BundleWork:
    """Bundles from their making to their end.

    Parameters
    ----------
    experiment : Experiment
        Of which bundle_flows, bundles, stores, seed, duration_s, fidelity, train_packets and
        packets.framing_bytes are used.
    graph : ContactGraph
        Of the predicted plan, t = 0 at the run's start.
    pairs : list of (int, int)
        As `pairs_of` gives them; row i is channel i.
    router_of : function of a node's row
        Its Router (`dtn.routers`), the same object at every call; one for all where they share a ledger.
    port : Port
        As `workloads.port` has it; its channels lead straight over the link of their pair.
    agenda : Agenda
    log : BundleLog
    is_described : bool
        Whether `describe` will be asked, for which all that is sent has to be remembered.

    Attributes
    ----------
    handling_ps : int
        From an arrival until it is acted on; the engine may run no further ahead.
    """

    def __init__(self, experiment, graph, pairs, router_of, port, agenda, log, is_described=False):
        options = options_of(experiment)
        self.handling_ps = options.handling_ps
        self._options, self._graph, self._agenda = options, graph, agenda
        self._flows = experiment.bundle_flows
        self._made = bundles_of(experiment)
        self._next = 0  # number of the bundle that is made next
        self._holdings = Holdings(
            self._flows, store_limits(experiment, graph.n_nodes), agenda, log, self._withdraw
        )
        self._routing = NodeRouting(router_of, options)
        self._sender = Sender(
            pairs, options, port, agenda, self._become_free, self._sent, self._end_round, is_described
        )
        self._channels = self._sender.channels
        self._channel_of = {pair: row for row, pair in enumerate(pairs)}
        self._contacts = contacts_by_node(graph, self._channel_of)
        self._waiting = Waiting(graph.n_nodes, agenda, self._try_again)
        self._to_route = deque()
        self._is_routing = False

    # -- what the run asks ------------------------------------------------------------------------------

    @property
    def is_done(self):
        """Whether all bundles have been delivered or lost, and none will be made."""
        return self._next == len(self._made.created_ps) and self.is_quiet and self._holdings.is_empty

    @property
    def is_quiet(self):
        """Whether no packet is on its way, or will be before something of the agenda happens."""
        return self._sender.n_under_way == 0

    def describe(self, channel, sequence):
        """What packets carry, by channel (one or an array) and sequence number: `records.Segments`."""
        return self._sender.describe(channel, sequence)

    def totals(self):
        """What came of everything: `flows`, by row, and `stores` (nodes that had anything), lists."""
        return self._holdings.told()

    def check(self):
        """Raise RuntimeError unless everything adds up, now (bundle model, rule 10)."""
        self._holdings.check()

    # -- what the run tells -----------------------------------------------------------------------------

    def begin(self):
        """Put down what happens first; once, at the run's start."""
        self._await_making()

    def take(self, time_ps, channel, sequence, packets, cause):
        """Learn what became of packets before the instant up to which the engine has run.

        Parameters
        ----------
        time_ps, channel, sequence, packets, cause : int64 arrays, shape (n,)
            Sorted by time, channel, sequence; cause: row of `packets.causes.CAUSES`, -1 delivered.
        """
        if len(time_ps):
            self._sender.take(time_ps, channel, sequence, packets, cause)

    def links_changed(self, changes):
        """Links have gone down, come up or changed their rate, at this instant of the agenda (rank CHANGES).

        Parameters
        ----------
        changes : iterable of (channel, is_up, rate_bps)
            At first all links count as down.
        """
        now_ps, down = self._agenda.now_ps, []
        for index, is_up, rate_bps in changes:
            channel = self._channels[index]
            was_up, channel.is_up = channel.is_up, bool(is_up)
            if is_up and was_up and rate_bps != channel.rate_bps:
                channel.rate_bps = int(rate_bps)
                if channel.round is not None:
                    self._sender.change_pace(channel)
                    self._occupy(channel, channel.round)
            elif is_up and not was_up:
                channel.rate_bps = int(rate_bps)
                self._ask_serve(channel)
                is_late = any(index == of for _, of in self._contacts[channel.source].open_at(now_ps))
                if is_late:
                    self._waiting.ask(channel.source, now_ps)
            elif was_up and not is_up:
                down.append(channel)
        for channel in down:
            if channel.round is not None:
                self._routing.vacate(channel.source, channel.round.queue.contact, now_ps)
                self._sender.cut(channel)
        for channel in down:
            self._fail(channel)

    def close(self):
        """The run is over: write down what is stored or on its way, and check that everything adds up."""
        self._sender.close()
        self._holdings.close()

    # -- making and storing -----------------------------------------------------------------------------

    def _await_making(self):
        if self._next < len(self._made.created_ps):
            self._agenda.at(int(self._made.created_ps[self._next]), self._make)

    def _make(self):
        """Make all bundles of this instant."""
        made = self._made
        while self._next < len(made.created_ps) and made.created_ps[self._next] == self._agenda.now_ps:
            row, self._next = self._next, self._next + 1
            columns = made.flow, made.n_bytes, made.priority, made.lifetime_ps
            self._receive(self._holdings.make(row, *(int(column[row]) for column in columns)))
        self._await_making()

    def _receive(self, fragment):
        """A fragment is whole at a node."""
        if self._holdings.receive(fragment):
            self._agenda.at(self._agenda.now_ps + self.handling_ps, self._act, fragment)

    def _act(self, fragment):
        if fragment.place == ARRIVED:
            self._route(fragment)

    def _withdraw(self, fragment):
        """A fragment is lost: have it nowhere but in the store."""
        self._take_out(fragment)
        self._release(fragment)

    def _take_out(self, fragment):
        """Take a fragment out of the queue in which it is, or from those that wait."""
        if fragment.place == QUEUED:
            ContactQueue.take_out(fragment)
        elif fragment.place == WAITING:
            self._waiting.take_out(fragment)
        if fragment.place <= WAITING:
            fragment.place = ARRIVED

    def _release(self, fragment):
        """Take back what has been promised to a fragment; others may have it `handling` later."""
        if self._routing.release(fragment, self._agenda.now_ps):
            self._waiting.ask(fragment.node, self._agenda.now_ps + self.handling_ps)

    # -- routing ----------------------------------------------------------------------------------------

    def _route(self, *fragments):
        """Route fragments that are in no queue, and all that are displaced or divided by it."""
        self._to_route.extend(fragments)
        if self._is_routing:
            return
        self._is_routing = True
        while self._to_route:
            self._route_one(self._to_route.popleft())
        self._is_routing = False

    def _try_again(self, fragment):
        """Route a fragment that waited for that."""
        self._take_out(fragment)
        self._route(fragment)

    def _route_one(self, fragment):
        bundle, now_ps = fragment.bundle, self._agenda.now_ps
        if fragment.place != ARRIVED or bundle.finished_ps is not None:
            return
        if now_ps > bundle.expires_ps:
            self._holdings.lose(bundle, EXPIRED)
            return
        self._release(fragment)
        failed = self._failed(fragment.node)
        choice = self._routing.choose(fragment, now_ps, failed)
        if choice is not None:
            self._enqueue(fragment, choice)
        elif not self._divide(fragment, failed):
            bundle.has_waited = True
            self._waiting.put(fragment)

    def _failed(self, node):
        """Contacts of a node that should be up and are not: a tuple."""
        open_now = self._contacts[node].open_at(self._agenda.now_ps)
        return tuple(contact for contact, channel in open_now if not self._channels[channel].is_up)

    def _enqueue(self, fragment, choice):
        """Have a fragment wait for the first contact of its way."""
        bundle, route = fragment.bundle, choice.route
        first = route.hops[0]
        if not choice.is_rest:
            fragment.missing = fragment.kept_at = None
        displaced, frees_volume = self._routing.book(fragment, choice)
        if bundle.predicted_ps is None:
            bundle.predicted_ps = route.arrival_ns * PS_PER_NS
        if fragment.plan is not None and fragment.plan != route.contacts:
            bundle.reroutes += 1
        fragment.plan, fragment.place = route.contacts, QUEUED
        channel = self._channels[self._channel_of[fragment.node, first.to_node]]
        queue = self._queue_of(channel, first.contact)
        queue.put(fragment, first.first_tx_ns, fragment.entered_ps + self.handling_ps)
        if queue.ticket is None or not queue.ticket.is_due:
            self._look_at(channel, queue)
        else:
            self._ask_serve(channel)
        if frees_volume:
            self._waiting.hope()
            self._waiting.ask(fragment.node, self._agenda.now_ps + self.handling_ps)
        for other in displaced:
            self._waiting.ask(other.node, self._agenda.now_ps + self.handling_ps)
            if other.place == QUEUED and other is not fragment:
                self._take_out(other)
                self._to_route.append(other)

    def _divide(self, fragment, failed):
        """Send a fragment for which there is no way as a whole in parts, if that is allowed and possible."""
        if not self._options.may_split:
            return False
        n_first = self._routing.beginning_that_fits(fragment, self._agenda.now_ps, failed)
        if n_first == 0:
            return False
        now_ps = self._agenda.now_ps
        parts = [fragment.part(0, n_first, now_ps), fragment.part(n_first, fragment.n_segments, now_ps)]
        self._holdings.divide(fragment, parts)
        self._to_route.extendleft(reversed(parts))
        return True

    # -- contacts and their queues ----------------------------------------------------------------------

    def _queue_of(self, channel, contact):
        queue = channel.queues.get(contact)
        if queue is None:
            graph = self._graph
            start_ps = int(graph.contact_start_ns[contact]) * PS_PER_NS
            stop_ps = int(graph.contact_stop_ns[contact]) * PS_PER_NS
            queue = channel.queues[contact] = ContactQueue(contact, start_ps, stop_ps)
        return queue

    def _look_at(self, channel, queue):
        """Begin a contact, end it, see that it has failed, or put down when to look again."""
        now_ps = self._agenda.now_ps
        if now_ps < queue.start_ps:
            queue.ticket = self._agenda.at(queue.start_ps, self._look_at, channel, queue)
        elif now_ps >= queue.stop_ps:
            self._drop(channel, queue)
        elif channel.is_up:
            queue.ticket = self._agenda.at(queue.stop_ps, self._look_at, channel, queue, rank=Agenda.ENDS)
            self._ask_serve(channel)
        elif now_ps < queue.start_ps + GRACE_PS:
            queue.ticket = self._agenda.at(queue.start_ps + GRACE_PS, self._look_at, channel, queue)
        else:  # should it come up late, what is sent over it has a queue of its own
            self._drop(channel, queue)

    def _drop(self, channel, queue):
        """Route all anew that wait for a contact, for which nothing will wait."""
        channel.queues.pop(queue.contact, None)
        self._empty(queue)

    def _empty(self, queue):
        """Route all anew that wait for a contact."""
        fragments = queue.pop_all()
        for fragment in fragments:
            fragment.place = ARRIVED
        self._route(*fragments)

    def _fail(self, channel):
        """The link of a channel has gone down."""
        now_ps = self._agenda.now_ps
        repairs = list(channel.repairs)
        channel.repairs.clear()
        for fragment, _, numbers in repairs:
            self._go_on_without(channel, fragment, numbers)
        for queue in list(channel.queues.values()):
            if queue.start_ps <= now_ps:
                self._empty(queue)

    def _ask_serve(self, channel):
        """Have a channel looked at, once all that happens at this instant has happened."""
        if not channel.is_asked and channel.round is None and channel.is_up:
            channel.is_asked = True
            self._agenda.at(self._agenda.now_ps, self._serve, channel, rank=Agenda.LOOKS)

    def _serve(self, channel):
        """Send the first of what waits, if the channel is free and a contact is in service."""
        channel.is_asked = False
        while channel.is_up and channel.round is None and channel.repairs:
            fragment, queue, numbers = channel.repairs.popleft()
            if fragment.bundle.finished_ps is not None:
                self._holdings.discard(fragment)
            elif self._has_time(channel, queue, fragment, numbers):
                self._sender.begin(channel, fragment, queue, numbers)
                self._occupy(channel, channel.round)
            else:
                self._go_on_without(channel, fragment, numbers, queue.contact)
        now_ps = self._agenda.now_ps
        for queue in sorted(channel.queues.values(), key=lambda queue: queue.start_ps):
            if queue.start_ps <= now_ps < queue.stop_ps:
                self._serve_queue(channel, queue)

    def _serve_queue(self, channel, queue):
        while channel.is_up and channel.round is None and (fragment := queue.pop()) is not None:
            numbers = fragment.missing
            if self._has_time(channel, queue, fragment, numbers):
                fragment.place = SENDING
                fragment.attempts += 1
                fragment.next_node, fragment.began_ps = channel.destination, self._agenda.now_ps
                if fragment.first_began_ps is None:
                    fragment.first_began_ps = fragment.began_ps
                self._sender.begin(channel, fragment, queue, numbers)
                self._occupy(channel, channel.round)
            else:
                fragment.place = ARRIVED
                fragment.without += (queue.contact,)
                self._route(fragment)

    def _occupy(self, channel, under_way):
        """Have the sending node know how long the channel will be sending a round: nothing interrupts it."""
        fragment, now_ps = under_way.fragment, self._agenda.now_ps
        until_ps = self._sender.until_ps(channel)
        if self._routing.occupy(fragment, under_way.queue.contact, now_ps, until_ps):
            self._waiting.ask(fragment.node, now_ps + self.handling_ps)

    def _become_free(self, channel, sent):
        """A channel has sent a round."""
        self._routing.vacate(channel.source, sent.queue.contact, self._agenda.now_ps)
        self._ask_serve(channel)

    def _has_time(self, channel, queue, fragment, numbers):
        """Whether segments (None: all) can be sent from now on before the contact ends."""
        now_ps = self._agenda.now_ps
        if not (channel.is_up and queue.start_ps <= now_ps < queue.stop_ps):
            return False
        return now_ps + self._sender.duration_ps(channel, fragment, numbers) <= queue.stop_ps

    # -- what became of what was sent -------------------------------------------------------------------

    def _sent(self, sent):
        """The last bit of a round was handed to the link: without reports that is the last its node knows."""
        if not self._options.retransmits:
            self._holdings.leave_store(sent.fragment)

    def _end_round(self, channel, ended):
        """All packets of a round have been delivered or dropped, by now; put down who acts on it when."""
        fragment, agenda = ended.fragment, self._agenda
        over_ps = max(ended.end_ps, ended.cut_ps or 0)
        known_ps = over_ps + self._owlt_ps(ended.queue.contact, over_ps) + self.handling_ps
        lacking = ended.lacking()
        if len(lacking) == 0:
            agenda.at(ended.arrival_ps, self._arrive, channel, fragment, rank=Agenda.ENDS)
            if self._options.retransmits:
                agenda.at(known_ps, self._know, fragment, rank=Agenda.ENDS)
            return
        if not self._options.retransmits and (cause := ended.cause_of_loss) is not None:
            agenda.at(over_ps, self._lose_sent, fragment, cause, rank=Agenda.ENDS)
            return
        n_first = int(lacking[0]) if ended.cut_ps is not None and self._options.may_split else 0
        if n_first:
            agenda.at(over_ps, self._arrive_beginning, channel, fragment, n_first, rank=Agenda.ENDS)
        agenda.at(known_ps, self._learn, channel, ended, lacking, n_first, rank=Agenda.CHANGES)

    def _owlt_ps(self, contact, time_ps):
        return owlt_at(self._graph, contact, time_ps // PS_PER_NS) * PS_PER_NS

    def _arrive(self, channel, fragment):
        """The last missing segment of a fragment has arrived at the next node."""
        bundle, now_ps = fragment.bundle, self._agenda.now_ps
        fragment.arrived_ps = now_ps
        if bundle.finished_ps is None:
            follower = fragment.at_next_node(channel.destination, now_ps)
            fragment.place = SENT
            del bundle.fragments[fragment]
            self._routing.hand_on(fragment, follower if self._options.is_shared else None)
            self._receive(follower)
        if not self._options.retransmits:
            self._know(fragment)  # which has forgotten it already

    def _know(self, fragment):
        """The next node has it all, and the sending one knows, or does not care."""
        if fragment.place != SENT:  # the bundle was lost before that arrived
            self._holdings.discard(fragment)
            return
        self._holdings.leave_store(fragment)
        self._holdings.note_stay(fragment, FORWARDED)
        self._holdings.forget(fragment)

    def _lose_sent(self, fragment, cause):
        """A packet was dropped, and nobody sends it again."""
        self._holdings.lose(fragment.bundle, cause)
        self._holdings.discard(fragment)

    def _arrive_beginning(self, channel, fragment, n_first):
        """What has come becomes a fragment of its own at the next node, which knows that no more will."""
        if fragment.bundle.finished_ps is None:
            fragment.arrived_ps = self._agenda.now_ps
            self._receive(fragment.at_next_node(channel.destination, self._agenda.now_ps, n_first))

    def _learn(self, channel, ended, lacking, n_first):
        """The sending node knows which segments did not arrive; the first so many have gone on."""
        fragment = ended.fragment
        if fragment.bundle.finished_ps is not None:
            self._holdings.discard(fragment)
        elif n_first:
            self._go_on_with_rest(fragment, n_first)
        elif ended.cut_ps is None and self._has_time(channel, ended.queue, fragment, lacking):
            channel.repairs.append((fragment, ended.queue, lacking))
            self._ask_serve(channel)
        else:
            is_full = ended.cut_ps is None and channel.is_up
            self._go_on_without(channel, fragment, lacking, ended.queue.contact if is_full else None)

    def _go_on_without(self, channel, fragment, lacking, full_contact=None):
        """There is no time left in a contact for what is missing, or (None) its link has gone down.

        That a link is down the next node sees; that there is no time left it has to be told.
        """
        if fragment.bundle.finished_ps is not None:
            self._holdings.discard(fragment)
            return
        now_ps, n_first = self._agenda.now_ps, int(lacking[0])
        told_ps = now_ps
        if full_contact is not None:
            fragment.without += (full_contact,)
            told_ps += self._owlt_ps(full_contact, now_ps)
        if self._options.may_split and n_first:
            fragment.arrived_ps = told_ps
            self._agenda.at(told_ps, self._arrive_beginning, channel, fragment, n_first, rank=Agenda.ENDS)
            self._go_on_with_rest(fragment, n_first)
            return
        fragment.place = ARRIVED
        has_some = len(lacking) < fragment.n_segments
        fragment.missing = lacking if has_some else None
        fragment.kept_at = channel.destination if has_some else None
        self._route(fragment)

    def _go_on_with_rest(self, fragment, n_first):
        """Route what is left of a fragment whose first segments have gone on."""
        rest = fragment.part(n_first, fragment.n_segments, self._agenda.now_ps)
        self._routing.hand_on(fragment, rest)
        self._holdings.divide(fragment, [rest])
        self._route(rest)
