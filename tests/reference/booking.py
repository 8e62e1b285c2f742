"""Bookings of contacts, slow and obvious: lists of intervals, and all computed anew each time."""


class SlowLedger:
    """Each booking as the intervals that it takes; free is what no booking of that priority or more takes.

    `pairs`: the pair of each contact; all of a pair are taken until what is being sent over it has left.
    """

    def __init__(self, contacts, pairs=None):
        self.contacts = contacts  # contact -> (start, stop)
        self.pairs = pairs
        self.busy = {}  # pair -> until when something is being sent
        self.taken = []  # [number, contact, first, last, priority]
        self.used = []  # [contact, first, last]: what released bookings had used
        self.n_booked = 0
        self.first_hops = {}  # by number

    def free(self, contact, priority):
        """Free intervals of a contact, sorted; a contact of which nothing is taken as it is."""
        start, stop = self.contacts[contact]
        free = [(start, stop)]
        for first, last in self.blocks(contact, priority):
            pieces = []
            for begin, end in free:
                if last <= begin or first >= end:
                    pieces.append((begin, end))
                else:
                    pieces += [(begin, first)] if begin < first else []
                    pieces += [(last, end)] if last < end else []
            free = pieces
        until = self.busy.get(self.pairs[contact]) if self.pairs else None
        if until is not None:
            free = [(max(begin, until), end) for begin, end in free if end > until]
        return sorted(free)

    def occupy(self, number, contact, until):
        """Send what a booking is for, whatever it was promised there; whether that frees later time."""
        self.busy[self.pairs[contact]] = until
        first = [entry for entry in self.taken if entry[0] == number and entry[1] == contact]
        for entry in first:
            self.taken.remove(entry)
        return any(last > until + 1000 for _, _, _, last, _ in first)

    def vacate(self, contact):
        """Nothing is being sent any more."""
        self.busy.pop(self.pairs[contact], None)

    def blocks(self, contact, priority):
        """What cannot be had of a contact with a priority."""
        taken = [(first, last) for _, c, first, last, p in self.taken if c == contact and p >= priority]
        return taken + [(first, last) for c, first, last in self.used if c == contact]

    def book(self, intervals, priority, now=None):
        """Number of the booking and those of the displaced; `intervals`: (contact, first, last)."""
        in_the_way = {
            number
            for number, c, first, last, p in self.taken
            for contact, begin, end in intervals
            if c == contact and p < priority and begin < end and first < end and begin < last
        }
        displaced = sorted(in_the_way | self.followers(in_the_way, intervals[0][0], priority), key=self.order)
        for number in displaced:
            self.release(number, now)
        number = self.n_booked
        self.n_booked += 1
        for contact, first, last in intervals:
            if first < last:
                self.taken.append([number, contact, first, last, priority])
        self.first_hops[number] = intervals[0]
        return number, displaced

    def order(self, number):
        """By when it was to be sent."""
        return self.first_hops[number][1], number

    def followers(self, numbers, contact, priority):
        """Bookings of lower priority behind the first of some in a contact with which they begin."""
        places = [first for number, c, first, _, _ in self.taken if c == contact and number in numbers]
        behind = sorted(
            (first, number)
            for number, c, first, _, p in self.taken
            if c == contact and p < priority and places and first > min(places)
            if self.first_hops[number][0] == contact
        )
        return {number for _, number in behind[:32]}

    def release(self, number, now=None):
        """Free what a booking has from an instant on."""
        for entry in [entry for entry in self.taken if entry[0] == number]:
            self.taken.remove(entry)
            _, contact, first, last, _ = entry
            if now is not None and first < min(now, last):
                self.used.append([contact, first, min(now, last)])
