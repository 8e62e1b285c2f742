"""Volume of contacts that is promised to bundles, exact to the nanosecond.

Each hop of a booked route takes the time in which it sends out of its contact. What is left of the contact
are windows like others, so that searches find only what is free, and nothing has to be estimated.
A booking takes from its own priority and all lower ones: who asks with a higher priority finds its time free.
What is being sent is never interrupted: until it has left, nobody finds time free between those two nodes.
"""

from bisect import bisect_left, bisect_right, insort

from lasermesh.dtn.boards import Board, Level, edge_of_contacts, set_busy
from lasermesh.dtn.routers import Booking
from lasermesh.units import NONE

N_PRIORITIES = 3

MOST_FOLLOWERS = 32
"""Bookings that are moved up, at most, behind one that is displaced."""

LEAST_FREED_NS = 1_000
"""What is sent earlier than promised by less than this frees no time worth telling: that is rounding."""

FIRST_SWEEP = 32
"""Bookings until the first look for those that lie in the past."""


class Boards:
    """What ledgers over one plan share: room to show themselves in."""

    def __init__(self, graph, n_priorities=N_PRIORITIES):
        self.plan = graph
        self.edge = edge_of_contacts(graph).tolist()
        self.of_level = [Board(graph) for _ in range(n_priorities)]


class Ledger:
    """Bookings over a plan, and what they leave free.

    Parameters
    ----------
    graph : ContactGraph
    boards : Boards, optional
        Shared with other ledgers over the same graph; absent: its own.
    """

    def __init__(self, graph, boards=None):
        self.plan = graph
        self._boards = boards or Boards(graph)
        self._busy_ns = {}  # edge -> until when it is sending
        self._levels = [Level(graph, self._busy_ns) for _ in self._boards.of_level]
        self._taken = {}  # contact -> [(first_ns, last_ns, number of the booking or NONE, priority)], sorted
        self._bookings = {}  # by number
        self._n_booked = 0
        self._forgotten_ns = None  # nothing may be booked before it
        self._swept_ns = None
        self._sweep_at = FIRST_SWEEP

    def graph(self, priority):
        """The plan with what is free for a priority; valid until this or a ledger beside it changes."""
        return self._boards.of_level[priority].show(self._levels[priority])

    def windows(self, contact, priority):
        """What is free of a contact for a priority: list of (start_ns, stop_ns), sorted."""
        windows = self._levels[priority].of_edge(self._boards.edge[contact])
        return [(start_ns, stop_ns) for start_ns, stop_ns, owner in windows if owner == contact]

    def booked(self, contact):
        """What is taken of a contact: list of (first_ns, last_ns, number of the booking, priority).

        NONE and the highest priority for what was used of bookings that have been released.
        """
        return list(self._taken.get(contact, ()))

    def book(self, route, n_bytes, priority, now_ns=None):
        """Promise the time in which a route sends.

        Parameters
        ----------
        route : Route
            As found in `graph(priority)`, after the last change.
        n_bytes, priority : int
        now_ns : int, optional
            When this happens: what the displaced have used before stays used. Bookings that all say it must
            come in order of time; those that lie in the past are then forgotten in time.

        Returns
        -------
        booking : Booking
        displaced : list of Booking
            Of lower priority, in the way of this one, and those of lower priority that were to follow them in
            the route's first contact: pushed back, these would leave gaps too short for anybody. They have
            been released as a whole, and stand in the order in which they were to be sent.

        Raises
        ------
        ValueError
            If the time is not free, not in the contact, or past.
        """
        displaced = self._in_the_way(route, priority, now_ns)
        for booking in displaced:
            self.release(booking, now_ns)
        booking = Booking(self._n_booked, route, n_bytes, priority)
        self._n_booked += 1
        self._bookings[booking.number] = booking
        for hop in route.hops:
            self._take(hop.contact, hop.first_tx_ns, hop.last_tx_ns, booking.number, priority, 0)
        if now_ns is not None and len(self._bookings) >= self._sweep_at:
            self._sweep(now_ns)
        return booking, displaced

    def release(self, booking, from_ns=None):
        """Make free again what a booking has from an instant on (None: all of it).

        What lies before has been used, and nobody can have it, whatever the priority. A booking that was
        released before, or is past and forgotten, is left as it is.
        """
        if self._bookings.pop(booking.number, None) is None:
            return
        top = len(self._levels) - 1
        for hop in booking.route.hops:
            first_ns, last_ns = hop.first_tx_ns, hop.last_tx_ns
            free_ns = first_ns if from_ns is None else min(max(first_ns, from_ns), last_ns)
            if self._give_back(booking, hop, free_ns) and first_ns < free_ns:
                self._take(hop.contact, first_ns, free_ns, NONE, top, booking.priority + 1)

    def occupy(self, booking, contact, until_ns):
        """A contact is being sent over until an instant, whoever asks; so are the others of its pair.

        Parameters
        ----------
        booking : Booking or None
            Of what is sent: the time that it was promised in its first contact is free again.
        contact, until_ns : int

        Returns
        -------
        frees : bool
            Whether time after that instant has become free.
        """
        set_busy(self._busy_ns, self._boards.edge[contact], until_ns, self._levels)
        if booking is None or booking.number not in self._bookings:
            return False
        hop = booking.route.hops[0]
        return self._give_back(booking, hop, hop.first_tx_ns) and hop.last_tx_ns > until_ns + LEAST_FREED_NS

    def vacate(self, contact):
        """Nothing is being sent any more over the pair of a contact."""
        set_busy(self._busy_ns, self._boards.edge[contact], None, self._levels)

    def _give_back(self, booking, hop, from_ns):
        """Forget what a booking has of a hop, free again from an instant on; whether it had any."""
        taken = self._taken.get(hop.contact, [])
        place = bisect_left(taken, (hop.first_tx_ns, hop.last_tx_ns, booking.number))
        if place == len(taken) or taken[place][2] != booking.number:
            return False  # of no length, forgotten, or being sent
        del taken[place]
        if from_ns < hop.last_tx_ns:
            edge = self._boards.edge[hop.contact]
            for level in self._levels[: booking.priority + 1]:
                level.give(edge, hop.contact, from_ns, hop.last_tx_ns)
        return True

    def forget(self, before_ns):
        """Forget all that ends before an instant, in which nothing can be booked any more."""
        self._forgotten_ns = before_ns
        for contact, taken in list(self._taken.items()):
            # Times of one contact are disjoint: their ends are sorted as their beginnings are.
            n_past = bisect_right(taken, before_ns, key=lambda entry: entry[1])
            if n_past == len(taken):
                del self._taken[contact]
            else:
                del taken[:n_past]
        edges = {self._boards.edge[contact] for contact in self._taken}
        for level in self._levels:
            level.forget_all_but(edges)
            level.forget_past(before_ns)
        self._bookings = {
            number: booking for number, booking in self._bookings.items() if is_to_come(booking, before_ns)
        }

    def _sweep(self, now_ns):
        # What lies between this and the last time is kept: who asks a little ahead of others does no harm.
        if self._swept_ns is not None:
            self.forget(self._swept_ns)
        self._swept_ns = now_ns
        n_to_come = sum(is_to_come(booking, now_ns) for booking in self._bookings.values())
        self._sweep_at = len(self._bookings) + n_to_come + FIRST_SWEEP

    def _in_the_way(self, route, priority, now_ns):
        """Bookings that have to make room for a route, in the order in which they were to be sent."""
        numbers = set()
        for hop in route.hops:
            self._check(hop, now_ns)
            for _, _, number, theirs in self._overlapping(hop.contact, hop.first_tx_ns, hop.last_tx_ns):
                if theirs >= priority:
                    raise ValueError(f"contact {hop.contact} is not free from {hop.first_tx_ns} ns on")
                numbers.add(number)
        if numbers:
            numbers.update(list(self._followers(numbers, route.hops[0].contact, priority)))
        return sorted((self._bookings[number] for number in numbers), key=_order)

    def _followers(self, numbers, contact, priority):
        """Bookings of lower priority that begin with a contact, behind the first of those displaced there."""
        taken = self._taken.get(contact, ())
        is_first = False
        n_left = MOST_FOLLOWERS
        for _, _, number, theirs in taken:
            if is_first and n_left > 0 and number != NONE and theirs < priority:
                if self._bookings[number].route.hops[0].contact == contact:
                    n_left -= 1
                    yield number
            is_first = is_first or number in numbers

    def _check(self, hop, now_ns):
        plan = self.plan
        start_ns, stop_ns = plan.contact_start_ns[hop.contact], plan.contact_stop_ns[hop.contact]
        if not start_ns <= hop.first_tx_ns <= hop.last_tx_ns <= stop_ns:
            raise ValueError(f"contact {hop.contact} lasts from {start_ns} to {stop_ns} ns (got {hop})")
        known = [instant for instant in (now_ns, self._forgotten_ns) if instant is not None]
        if known and hop.first_tx_ns < max(known):
            raise ValueError(f"nothing can be booked before {max(known)} ns any more (got {hop})")
        until_ns = self._busy_ns.get(self._boards.edge[hop.contact], hop.first_tx_ns)
        if hop.first_tx_ns < until_ns:
            raise ValueError(f"contact {hop.contact} is being sent over until {until_ns} ns (got {hop})")

    def _overlapping(self, contact, first_ns, last_ns):
        taken = self._taken.get(contact, [])
        place = bisect_right(taken, first_ns, key=lambda entry: entry[1])
        found = []
        while first_ns < last_ns and place < len(taken) and taken[place][0] < last_ns:
            found.append(taken[place])
            place += 1
        return found

    def _take(self, contact, first_ns, last_ns, number, priority, lowest):
        """Take time of a contact, out of the levels from the lowest up to the priority."""
        if first_ns == last_ns:
            return
        insort(self._taken.setdefault(contact, []), (first_ns, last_ns, number, priority))
        edge = self._boards.edge[contact]
        for level in self._levels[lowest : priority + 1]:
            level.take(edge, contact, first_ns, last_ns)


class NoLedger:
    """In the place of a ledger where nobody promises anything: the plan is free but where something is sent.

    `boards`: shared with others over the same graph; absent: its own.
    """

    def __init__(self, graph, boards=None):
        self.plan = graph
        self._boards = boards or Boards(graph, 1)
        self._busy_ns = {}
        self._level = Level(graph, self._busy_ns)
        self._n_booked = 0

    def graph(self, priority):
        """The plan, less what is being sent over; valid until this or one beside it changes."""
        return self._boards.of_level[0].show(self._level) if self._busy_ns else self.plan

    def book(self, route, n_bytes, priority, now_ns=None):
        """A number, and nobody is displaced."""
        self._n_booked += 1
        return Booking(self._n_booked - 1, route, n_bytes, priority), []

    def release(self, booking, from_ns=None):
        """Nothing was taken."""

    def occupy(self, booking, contact, until_ns):
        """See `Ledger.occupy`; no time becomes free."""
        set_busy(self._busy_ns, self._boards.edge[contact], until_ns, [self._level])
        return False

    def vacate(self, contact):
        """See `Ledger.vacate`."""
        set_busy(self._busy_ns, self._boards.edge[contact], None, [self._level])


def _order(booking):
    """In what order bookings were to be sent."""
    return booking.route.hops[0].first_tx_ns, booking.number


def is_to_come(booking, now_ns):
    """Whether anything of a booking has still to be sent at an instant."""
    return booking.route.hops[-1].last_tx_ns > now_ns
