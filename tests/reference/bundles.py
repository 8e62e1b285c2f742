"""The bundle model as a slow, obvious event simulator: what nodes of a run must agree with, to the ps.

Times are whole ps in Python ints. Links have nothing else to send, so what leaves arrives one light time
later; which segments are lost is given beforehand. Only routing by the earliest arrival is modelled.

Where the text of the model leaves a gap, this is the reading taken:

 1. Routers count ns: now is rounded up for them, an expiry down.
 2. What waits for a route is tried again when a contact of its node is back, and `handling` after promised
    volume was given back at its node; a look that comes sooner for another reason counts for both. Volume
    that a displaced bundle had comes back at its node and at that of the one that displaces it. Higher
    priorities are tried first, then lower numbers.
 3. A contact counts as failed if its link is not up a ns after its planned start: plans are in ns.
 4. A bundle that finds no time in a contact is not given that contact again, and neither are its parts.
 5. Displaced bundles are routed after all parts of the one that displaced them, in the order in which they
    had been booked.
 6. Before sending, a first part is as large as the largest that can go all the way beginning with the contact
    by which an empty bundle would go; if that takes none, with any contact.
 7. A round that a contact's end cuts counts as cut. Without `retransmit` it is lost nevertheless if another
    of its segments was dropped for another reason.
 8. Where no link went down, but a contact has no time for what was dropped, the neighbour goes on with the
    beginning (`split`) one light time after the sender has given up.
 9. A lost bundle's segments that are on their way go on; at the neighbour they are forgotten, and the sender
    keeps the bundle until it knows. Its promised volume is given back at once.
10. Where bundles are split and there is no unbroken beginning, a bundle is routed as with `resend`: whole, or
    what is missing to the same neighbour.
11. Bundles that must go for another are lost one by one until there is room, none if all do not suffice. What
    is being sent, or may have to be sent again, stays, as do parts of the bundle that comes.
12. A bundle keeps off nodes where it has been whole. Whether the plan leaves no other way is asked for each
    question by itself: the whole by any neighbour, what is missing by one, a first part before it is split.
13. Sending is never interrupted: until a round has left, its pair of nodes is taken for all who know. What
    was promised of the contact for it is free as soon as the first round begins; if that leaves more than a
    microsecond behind the round's end, those that wait are tried again, as at 2.
"""

import heapq
from itertools import count, groupby

from tests.reference.bundle_nodes import BEGINS, CHANGES, ENDS, LOOKS, PS_PER_NS, Nodes
from tests.reference.bundle_parts import DELIVERED, FORWARDED, ON_THE_WAY, QUEUE, SPLIT, STORED, Round
from tests.reference.bundle_router import SlowRouter


def no_losses(sender, receiver, number):
    """Every packet arrives."""
    return None


class BundleSimulator(Nodes):
    """Nodes, stores and contacts.

    Parameters
    ----------
    plan : contact_graph.Plan
        What nodes predict; contacts of a pair do not overlap, light times stay the same.
    terms : bundle_router.Terms
    options : Options
    bundles : list of Bundle
        By number, in order of making.
    link_changes : list of (time_ps, sender, receiver, is_up)
        In order of time.
    fate_of : function of (sender, receiver, number)
        Why a packet is dropped, by how many have entered that link before: BIT_ERROR where it would arrive,
        QUEUE at once, None: it is not.
    """

    def __init__(self, plan, terms, options, bundles, link_changes, fate_of=no_losses):
        self.plan, self.terms, self.options, self.bundles = plan, terms, options, bundles
        self.fate_of = fate_of
        self.now_ps = 0
        self.pieces = []  # every stay at a node
        self.stores = [[] for _ in range(plan.n_nodes)]
        self.queues = [[] for _ in plan.contacts]
        self.resends = [[] for _ in plan.contacts]
        self.failed = [set() for _ in range(plan.n_nodes)]
        self.to_route, self.is_routing = [], False
        self.tries_ps = [None] * plan.n_nodes  # when those that wait at each node are tried next
        self.is_up = {}
        self.free_ps = {}
        self.n_entered = {}
        self.rounds = {}  # pair -> that in service
        self.of_booking = {}  # (router, number) -> piece
        n_routers = 1 if options.booking == "shared" else plan.n_nodes
        routers = [SlowRouter(plan, terms, options.booking != "none") for _ in range(n_routers)]
        self.routers = [routers[node % n_routers] for node in range(plan.n_nodes)]
        self.events, self.numbers = [], count()
        for bundle in bundles:
            self.at(bundle.created_ps, BEGINS, self.make, bundle)
        for time_ps, group in groupby(link_changes, key=lambda change: change[0]):
            self.at(time_ps, CHANGES, self.change_links, list(group))
        for row, contact in enumerate(plan.contacts):
            if contact.start_ns < contact.stop_ns:
                start_ps = contact.start_ns * PS_PER_NS
                self.at(start_ps, CHANGES, self.look, row)
                self.at(start_ps + PS_PER_NS, CHANGES, self.see_start, row)
                self.at(contact.stop_ns * PS_PER_NS, CHANGES, self.stop_contact, row)

    def run(self, end_ps):
        """Let everything before an instant happen, and that at it."""
        while self.events and self.events[0][0] <= end_ps:
            self.now_ps, _, _, action, arguments = heapq.heappop(self.events)
            action(*arguments)
        self.now_ps = end_ps
        for part in self.rounds.values():
            if part is not None:
                self.count_sent(part)
        for bundle in self.bundles:
            if bundle.created_ps <= end_ps and bundle.state is None:
                places = {piece.place for piece in self.pieces if piece.bundle is bundle}
                bundle.state = ON_THE_WAY if "sending" in places else STORED

    # Rules 3 and 8: contacts.

    def pair(self, contact):
        return self.plan.contacts[contact][:2]

    def in_service(self, contact):
        start_ns, stop_ns = self.plan.contacts[contact][2:4]
        is_up = self.is_up.get(self.pair(contact), False)
        return is_up and start_ns * PS_PER_NS <= self.now_ps < stop_ns * PS_PER_NS

    def see_start(self, contact):
        start_ns, stop_ns = self.plan.contacts[contact][2:4]
        if stop_ns > start_ns + 1 and not self.is_up.get(self.pair(contact), False):
            self.fail(contact)

    def stop_contact(self, contact):
        self.failed[self.pair(contact)[0]].discard(contact)
        self.empty(contact)

    def change_links(self, changes):
        for _, sender, receiver, is_up in changes:
            self.is_up[sender, receiver] = is_up
        for _, sender, receiver, is_up in changes:
            if not is_up:
                self.cut(sender, receiver)
            for contact in range(len(self.plan.contacts)):
                start_ns, stop_ns = self.plan.contacts[contact][2:4]
                if self.pair(contact) != (sender, receiver):
                    continue
                is_seen = (start_ns + 1) * PS_PER_NS <= self.now_ps < stop_ns * PS_PER_NS
                if is_up and is_seen:
                    self.come_back(contact)
                elif is_up:
                    self.look(contact)
                elif is_seen:
                    self.fail(contact)

    def fail(self, contact):
        """The sender sees that a contact is not as planned."""
        self.failed[self.pair(contact)[0]].add(contact)
        self.empty(contact)

    def come_back(self, contact):
        sender = self.pair(contact)[0]
        self.failed[sender].discard(contact)
        self.ask_to_try(sender, self.now_ps)
        self.look(contact)

    def empty(self, contact):
        """Nothing more goes over a contact."""
        resends, self.resends[contact] = self.resends[contact], []
        for piece in resends:
            self.go_on_otherwise(piece, self.now_ps)
        pieces = self.sorted_queue(contact)
        self.queues[contact] = []
        for piece in pieces:
            piece.place = "handled"
        self.route(*pieces)

    def sorted_queue(self, contact):
        def order(piece):
            return piece.way.steps[0].first_ns, -piece.bundle.priority, piece.ready_ps, piece.order

        return sorted(self.queues[contact], key=order)

    def look(self, contact):
        """See at the end of this instant whether the channel of a contact can take something."""
        self.at(self.now_ps, LOOKS, self.take_next, contact)

    def take_next(self, contact):
        while self.in_service(contact) and self.free_ps.get(self.pair(contact), 0) <= self.now_ps:
            stop_ps = self.plan.contacts[contact].stop_ns * PS_PER_NS
            if self.resends[contact]:
                piece = self.resends[contact].pop(0)
                if piece.bundle.state is not None:
                    self.drop(piece)
                elif self.now_ps + self.duration_ps(piece, piece.missing) <= stop_ps:
                    self.send(piece, contact)
                else:
                    self.go_on_without(piece, contact)
            elif self.queues[contact]:
                piece = self.sorted_queue(contact)[0]
                if self.now_ps + self.duration_ps(piece, piece.missing) <= stop_ps:
                    self.queues[contact].remove(piece)
                    piece.place, piece.neighbour = "sending", self.pair(contact)[1]
                    piece.next_node, piece.began_ps = piece.neighbour, self.now_ps
                    if piece.first_began_ps is None:
                        piece.first_began_ps = self.now_ps
                    piece.attempts += 1
                    self.send(piece, contact)
                else:
                    self.queues[contact].remove(piece)
                    piece.place = "handled"
                    piece.without.add(contact)
                    self.route(piece)
            else:
                return

    # Rules 4, 5 and 7: sending.

    def wire_bytes(self, piece, segments=None):
        sizes = piece.segments
        chosen = sizes if segments is None else [sizes[k] for k in segments]
        return sum(chosen) + self.options.framing_bytes * len(chosen)

    def segment_ps(self, size, rate_bps):
        return -(-(size + self.options.framing_bytes) * 8 * 10**12 // rate_bps)

    def duration_ps(self, piece, segments):
        rate_bps, sizes = self.plan.contacts[piece.contact].rate_bps, piece.segments
        return sum(self.segment_ps(sizes[k], rate_bps) for k in segments)

    def send(self, piece, contact):
        """Hand the missing segments to the link."""
        pair, rate_bps = self.pair(contact), self.plan.contacts[contact].rate_bps
        sizes, instant_ps = piece.segments, self.now_ps
        enters_ps, leaves_ps = [], []
        for k in piece.missing:
            enters_ps.append(instant_ps)
            instant_ps += self.segment_ps(sizes[k], rate_bps)
            leaves_ps.append(instant_ps)
        entered = self.n_entered.get(pair, 0)
        fates = [self.fate_of(*pair, k) for k in range(entered, entered + len(enters_ps))]
        light_ps = self.light_ps(contact)
        ends_ps = [
            enters if fate == QUEUE else leaves + light_ps
            for enters, leaves, fate in zip(enters_ps, leaves_ps, fates, strict=True)
        ]
        part = Round(piece, contact, piece.missing, enters_ps, leaves_ps, ends_ps, fates)
        self.rounds[pair] = part
        self.n_entered[pair] = entered + len(enters_ps)
        self.free_ps[pair] = instant_ps
        number = None if piece.booking is None else piece.booking[1]
        if self.routers[piece.node].occupy(number, contact, -(-instant_ps // PS_PER_NS)):
            self.ask_to_try(piece.node, self.now_ps + self.options.handling_ps)
        self.at(instant_ps, ENDS, self.end_service, part)
        self.at(max(ends_ps), ENDS, self.end_round, part)

    def light_ps(self, contact):
        return self.plan.contacts[contact].owlt_ns * PS_PER_NS

    def end_service(self, part):
        pair = self.pair(part.contact)
        if self.rounds.get(pair) is not part:
            return
        self.rounds[pair] = None
        self.routers[pair[0]].vacate(part.contact)
        self.count_sent(part)
        if not self.options.retransmit:
            self.leave_store(part.piece)
        self.look(part.contact)

    def leave_store(self, piece):
        """The room of a piece is free."""
        if piece in self.stores[piece.node]:
            self.stores[piece.node].remove(piece)
            piece.left_ps = self.now_ps

    def end_round(self, part):
        """The last outcome of a round is known, and no link has cut it."""
        if part.is_over:
            return
        part.is_over = True
        piece = part.piece
        everything = range(len(part.segments))
        piece.arrived |= part.arrived(everything)
        if not piece.missing:
            self.receive(piece, part.contact)
        elif not self.options.retransmit:
            self.lose_sent(piece, part.first_cause(everything))
        else:
            self.at(self.knows_ps(part.contact), CHANGES, self.learn_of_losses, piece, part.contact)

    def knows_ps(self, contact):
        """When the sender knows what the receiver sees now."""
        return self.now_ps + self.light_ps(contact) + self.options.handling_ps

    def lose_sent(self, piece, cause):
        """A segment was dropped, and nobody sends it again."""
        self.lose(piece, cause)
        if piece.place != "gone":  # lost before
            self.drop(piece)

    def receive(self, piece, contact):
        """All of a piece is at the neighbour."""
        piece.arrived_ps = self.now_ps
        if piece.bundle.state is None:
            self.hand_on(piece)
        if self.options.retransmit:
            self.at(self.knows_ps(contact), ENDS, self.know, piece)
        else:
            self.know(piece)

    def hand_on(self, piece):
        """The neighbour has a piece of a bundle that is not lost."""
        piece.place = "received"
        whole = self.at_neighbour(piece)
        if self.options.booking == "shared" and piece.booking is not None:
            whole.booking = piece.booking
            self.of_booking[piece.booking] = whole
        piece.booking = None
        self.come(whole)

    def know(self, piece):
        """The sender knows that the neighbour has it all."""
        if piece.place == "received":
            self.leave(piece, FORWARDED)
        else:
            self.drop(piece)

    def come(self, piece):
        """A piece has come to a node over a contact."""
        bundle = piece.bundle
        bundle.hops = max(bundle.hops, piece.hop)
        if bundle.expires_ps is not None and self.now_ps > bundle.expires_ps:
            self.pieces.append(piece)
            self.lose(piece, "expired")
        elif piece.node == bundle.destination:
            bundle.arrived_bytes += piece.n_bytes
            if bundle.arrived_bytes == bundle.n_bytes:
                bundle.state, bundle.finished_ps = DELIVERED, self.now_ps
        else:
            self.enter(piece)

    def learn_of_losses(self, piece, contact):
        """The sender knows that segments are missing: once more in this contact, or otherwise."""
        stop_ps = self.plan.contacts[contact].stop_ns * PS_PER_NS
        if piece.bundle.state is not None:
            self.drop(piece)
        elif self.in_service(contact) and self.now_ps + self.duration_ps(piece, piece.missing) <= stop_ps:
            self.resends[contact].append(piece)
            self.look(contact)
        else:
            if self.is_up[self.pair(contact)]:
                self.go_on_without(piece, contact)
            else:
                self.go_on_otherwise(piece, self.now_ps)

    def cut(self, sender, receiver):
        """A link goes down while it is being given a bundle."""
        part = self.rounds.get((sender, receiver))
        if part is None:
            return
        self.rounds[sender, receiver] = None
        self.routers[sender].vacate(part.contact)
        self.free_ps[sender, receiver] = self.now_ps
        n_entered = sum(enters < self.now_ps for enters in part.enters_ps)
        self.n_entered[sender, receiver] -= len(part.enters_ps) - n_entered
        self.count_sent(part, n_entered)
        if not part.is_over:  # which it can be only if its last one was refused
            part.is_over = True
            ended = part.ended_by(self.now_ps)
            over_ps = max([self.now_ps, *(part.ends_ps[place] for place in ended)])
            self.at(over_ps, ENDS, self.end_cut_round, part, ended)

    def count_sent(self, part, n_entered=None):
        """What was handed to a link, in bytes; at the run's end what has been of the round."""
        piece, bundle = part.piece, part.piece.bundle
        if n_entered is None:
            n_entered = sum(enters < self.now_ps for enters in part.enters_ps)
        for k in part.segments[:n_entered]:
            bundle.sent_bytes += piece.segments[k]
            bundle.resent_bytes += piece.segments[k] if k in piece.tried else 0
            piece.tried.add(k)

    def end_cut_round(self, part, ended):
        """All that has left before a cut is at the neighbour."""
        piece, cause = part.piece, part.first_cause(ended)
        piece.arrived |= part.arrived(ended)
        if cause is not None and not self.options.retransmit:
            self.lose_sent(piece, cause)
            return
        n_begun = self.n_begun(piece)
        if n_begun:
            self.give_beginning(piece, n_begun)
        self.at(self.knows_ps(part.contact), CHANGES, self.learn_of_cut, piece, n_begun)

    def n_begun(self, piece):
        """With how many segments the neighbour goes on, where bundles are split."""
        return piece.beginning if self.options.when_cut == SPLIT else 0

    def give_beginning(self, piece, n_begun):
        """The neighbour knows that no more will come than the first segments, and goes on with them."""
        if piece.bundle.state is None:
            piece.arrived_ps = self.now_ps
            self.come(self.at_neighbour(piece, n_begun))

    def go_on_without(self, piece, contact):
        """A contact has no time left for what is missing: the neighbour is told, the sender goes on."""
        piece.without.add(contact)
        self.go_on_otherwise(piece, self.now_ps + self.light_ps(contact))

    def go_on_otherwise(self, piece, told_ps):
        """The sender knows already what is missing; the neighbour that no more will come at an instant."""
        n_begun = self.n_begun(piece)
        if n_begun and piece.bundle.state is None:
            piece.arrived_ps = told_ps
            self.at(told_ps, ENDS, self.give_beginning, piece, n_begun)
        self.learn_of_cut(piece, n_begun)

    def learn_of_cut(self, piece, n_begun):
        """The sender knows what the neighbour has: the rest is routed anew."""
        if piece.bundle.state is not None:
            self.drop(piece)
        elif n_begun:
            rest = self.fragment(piece, n_begun, None)
            rest.booking, piece.booking = piece.booking, None
            if rest.booking is not None:
                self.of_booking[rest.booking] = rest
            self.replace(piece, [rest])
            self.route(rest)
        else:
            piece.place = "handled"
            if not piece.arrived:
                piece.neighbour = None
            self.route(piece)
