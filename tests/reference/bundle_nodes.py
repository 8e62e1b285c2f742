"""What nodes do with bundles: store them, lose them, ask for ways and split them (rules 1, 2, 6 and 9)."""

import heapq

from tests.reference.bundle_parts import LOST, SPLIT, Piece
from tests.reference.bundle_router import NEVER_NS

PS_PER_NS = 1000

ENDS, CHANGES, BEGINS, LOOKS = range(4)
"""Order within one instant: arrivals; links, contacts and reports of losses; makings, routings and expiries;
channels that take the next bundle."""


class Nodes:
    """Stores and routing of all nodes; what it works on is made by `bundles.BundleSimulator`."""

    def at(self, time_ps, rank, action, *arguments):
        heapq.heappush(self.events, (time_ps, rank, next(self.numbers), action, arguments))

    @property
    def now_ns(self):
        """Nothing can be sent before now, so it is rounded up."""
        return -(-self.now_ps // PS_PER_NS)

    # Rules 1 and 6: making, and stores.

    def make(self, bundle):
        self.enter(Piece(bundle, 0, bundle.n_bytes, bundle.source, 0, self.now_ps))

    def enter(self, piece):
        """A piece comes into the store of its node."""
        self.pieces.append(piece)
        if not self.make_room(piece):
            self.lose(piece, "storage")
            return
        self.keep(piece)
        piece.ready_ps = self.now_ps + self.options.handling_ps
        self.at(piece.ready_ps, BEGINS, self.act, piece)

    def keep(self, piece):
        self.stores[piece.node].append(piece)
        if piece.bundle.expires_ps is not None:
            self.at(max(piece.bundle.expires_ps, self.now_ps), BEGINS, self.expire, piece)

    def make_room(self, new):
        """Whether there is room for a piece now."""
        node = new.node
        limit = self.options.store_bytes[node] if self.options.store_bytes else None
        if limit is None:
            return True
        rule = self.options.when_full[node]
        idle = [
            piece
            for piece in self.stores[node]
            if piece.place in ("handled", "waiting", "queued") and piece.bundle is not new.bundle
        ]
        if rule == "refuse":
            victims = []
        elif rule == "drop-oldest":
            victims = sorted(idle, key=lambda piece: (piece.bundle.created_ps, piece.order))
        else:
            lower = [piece for piece in idle if piece.bundle.priority < new.bundle.priority]
            victims = sorted(
                lower,
                key=lambda piece: (piece.bundle.priority, -piece.bundle.created_ps, -piece.bundle.number),
            )
        stored = sum(piece.n_bytes for piece in self.stores[node])
        if stored + new.n_bytes - sum(piece.n_bytes for piece in victims) > limit:
            return False
        for victim in victims:
            if sum(piece.n_bytes for piece in self.stores[node]) + new.n_bytes <= limit:
                break
            if victim.place != "gone":  # with another part of its bundle
                self.lose(victim, "storage")
        return True

    def leave(self, piece, outcome):
        """A piece is no longer at its node."""
        self.leave_store(piece)
        if piece.left_ps is None:
            piece.left_ps = self.now_ps
        piece.place = "gone"
        piece.outcome = outcome

    # Rule 9, and losses.

    def expire(self, piece):
        if piece.place in ("handled", "waiting", "queued"):
            self.lose(piece, "expired")

    def lose(self, piece, cause):
        """The bundle of a piece is lost, and so are those of its fragments that lie in stores."""
        bundle = piece.bundle
        if bundle.state is None:
            bundle.state, bundle.cause, bundle.finished_ps = LOST, cause, self.now_ps
        for other in self.pieces:
            if other.bundle is bundle:
                self.release(other)
                if other.place in ("handled", "waiting", "queued"):
                    self.drop(other)
        if piece.place != "gone":
            self.drop(piece)

    def drop(self, piece):
        """A piece of a lost bundle is forgotten."""
        self.take_out(piece)
        piece.cause = piece.bundle.cause
        self.leave(piece, LOST)

    def take_out(self, piece):
        for queue in self.queues:
            if piece in queue:
                queue.remove(piece)

    # Rule 2: routing.

    def act(self, piece):
        if piece.place == "handled":
            self.route(piece)

    def route(self, *pieces):
        """Give pieces that are in no queue a way, and then those that lose theirs by it."""
        self.to_route += pieces
        if not self.is_routing:
            self.is_routing = True
            while self.to_route:
                self.route_one(self.to_route.pop(0))
            self.is_routing = False

    def route_one(self, piece):
        bundle, router = piece.bundle, self.routers[piece.node]
        if piece.place == "gone":
            return
        if bundle.expires_ps is not None and self.now_ps > bundle.expires_ps:
            self.lose(piece, "expired")
            return
        self.release(piece)
        way = self.best(piece, self.wire_bytes(piece), piece.without)
        if piece.neighbour is not None:
            further = self.best_further(piece)
            if further is not None and (way is None or further.arrival_ns <= way.arrival_ns):
                way = further
            elif way is not None:
                piece.arrived, piece.neighbour = set(), None
        if way is None:
            if self.options.when_cut != SPLIT or not self.split_before_sending(piece):
                piece.place = "waiting"
            return
        if bundle.predicted_ps is None:
            bundle.predicted_ps = way.arrival_ns * PS_PER_NS
        contacts = tuple(step.contact for step in way.steps)
        bundle.reroutes += piece.contacts not in (None, contacts)
        number, displaced = router.book(way, bundle.priority, self.now_ns)
        piece.way, piece.booking, piece.contact, piece.contacts = way, (router, number), way.contact, contacts
        self.of_booking[router, number] = piece
        piece.place = "queued"
        self.queues[way.contact].append(piece)
        self.look(way.contact)
        for other in [self.of_booking[router, number] for number in displaced]:
            other.booking = None
            for node in (piece.node, other.node):
                self.ask_to_try(node, self.now_ps + self.options.handling_ps)
            if other.place == "queued":
                self.take_out(other)
                other.place = "handled"
                self.to_route.append(other)

    def best(self, piece, n_bytes, without, by=None):
        bundle = piece.bundle
        return self.routers[piece.node].best(
            piece.node, bundle.destination, self.now_ns, n_bytes, bundle.priority, latest_ns(bundle),
            self.failed[piece.node] | without, piece.visited, by=by,
        )  # fmt: skip

    def best_further(self, piece):
        """The best way over the neighbour that has a part, in a further contact with it."""
        bundle = piece.bundle
        return self.routers[piece.node].best_on(
            piece.node, piece.neighbour, bundle.destination, self.now_ns,
            self.wire_bytes(piece, piece.missing), self.wire_bytes(piece), bundle.priority, latest_ns(bundle),
            self.failed[piece.node] | piece.without, piece.visited,
        )  # fmt: skip

    def release(self, piece):
        """Take back what is promised to a piece; others may have it."""
        if piece.booking is not None:
            router, number = piece.booking
            router.release(number, self.now_ns)
            piece.booking = None
            self.ask_to_try(piece.node, self.now_ps + self.options.handling_ps)

    def waiting(self, node):
        waiting = [piece for piece in self.stores[node] if piece.place == "waiting"]
        return sorted(waiting, key=lambda piece: (-piece.bundle.priority, piece.order))

    def ask_to_try(self, node, time_ps):
        due_ps = self.tries_ps[node]
        if self.waiting(node) and (due_ps is None or time_ps < due_ps):
            self.tries_ps[node] = time_ps
            self.at(time_ps, BEGINS, self.try_again, node)

    def try_again(self, node):
        if self.tries_ps[node] != self.now_ps:
            return  # was done sooner
        self.tries_ps[node] = None
        for piece in self.waiting(node):
            if piece.place == "waiting":
                self.route(piece)

    def split_before_sending(self, piece):
        """Split a piece that is too large for every way; whether that was done."""
        empty = self.best(piece, 0, piece.without)
        most = len(piece.segments) - 1
        if empty is None or most == 0:
            return False

        def fits(n_first, contact):
            size = piece.bundle.segment_bytes + self.options.framing_bytes
            return self.best(piece, n_first * size, piece.without, contact) is not None

        for contact in (empty.contact, None):
            if fits(1, contact):
                low, high = 1, most + 1
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if fits(middle, contact) else (low, middle)
                first, rest = self.split(piece, low)
                self.to_route[:0] = [first, rest]
                return True
        return False

    def split(self, piece, n_first):
        """Two fragments at the node in the place of one."""
        parts = [self.fragment(piece, 0, n_first), self.fragment(piece, n_first, None)]
        self.replace(piece, parts)
        return parts

    def replace(self, piece, parts):
        """Some of a piece, or all of it in parts, is stored in its place."""
        self.leave(piece, SPLIT)
        piece.bundle.fragments += 1
        for part in parts:
            self.pieces.append(part)
            self.keep(part)
            part.ready_ps = self.now_ps + self.options.handling_ps
            part.without = set(piece.without)
            part.contacts, part.visited = piece.contacts, piece.visited

    def fragment(self, piece, begin, end):
        """Some segments of a piece as a piece of its own, at the same node."""
        size = piece.bundle.segment_bytes
        n_bytes = (piece.n_bytes if end is None else end * size) - begin * size
        first_byte = piece.first_byte + begin * size
        part = Piece(piece.bundle, first_byte, n_bytes, piece.node, piece.hop, self.now_ps)
        part.tried = {k - begin for k in piece.tried if k >= begin}
        return part

    def at_neighbour(self, piece, end=None):
        """A piece, or its first segments, as it is at the neighbour."""
        n_bytes = piece.n_bytes if end is None else end * piece.bundle.segment_bytes
        there = Piece(piece.bundle, piece.first_byte, n_bytes, piece.next_node, piece.hop + 1, self.now_ps)
        there.contacts, there.visited = piece.contacts[1:], piece.visited | {piece.node}
        return there


def latest_ns(bundle):
    """What arrives after this is too late."""
    return NEVER_NS if bundle.expires_ps is None else bundle.expires_ps // PS_PER_NS
