"""Contact-graph routing of one node, slow and obvious: every route there is, over lists of free intervals."""

from typing import NamedTuple

from tests.reference.booking import SlowLedger
from tests.reference.contact_graph import Query, all_routes

NEVER_NS = 2**62


class Terms(NamedTuple):
    """How contacts are read."""

    inclusive_end: bool
    margin_ns: int
    handling_ns: int


class Step(NamedTuple):
    """A contact of a way, and when it is used."""

    contact: int
    first_ns: int
    last_ns: int
    arrival_ns: int


class Way(NamedTuple):
    """A route: its steps, first to last."""

    steps: tuple

    @property
    def arrival_ns(self):
        return self.steps[-1].arrival_ns

    @property
    def contact(self):
        return self.steps[0].contact


class SlowRouter:
    """The best way through what a ledger has free.

    Parameters
    ----------
    plan : tests.reference.contact_graph.Plan
        Contacts whole; without `books` they stay so.
    terms : Terms
    books : bool
    """

    def __init__(self, plan, terms, books):
        self.plan, self.terms, self.books = plan, terms, books
        self.ledger = SlowLedger(
            {row: (contact.start_ns, contact.stop_ns) for row, contact in enumerate(plan.contacts)},
            [contact[:2] for contact in plan.contacts],
        )
        self.n_booked = 0

    def free_plan(self, priority):
        touched = {row for _, row, *_ in self.ledger.taken} | {row for row, *_ in self.ledger.used}
        touched |= {row for row, pair in enumerate(self.ledger.pairs) if pair in self.ledger.busy}
        contacts = tuple(
            contact._replace(gaps_ns=tuple(self.ledger.free(row, priority))) if row in touched else contact
            for row, contact in enumerate(self.plan.contacts)
        )
        return self.plan._replace(contacts=contacts)

    def best(self, source, destination, now_ns, n_bytes, priority, latest_ns, shut, visited, by=None):
        """The best way for so many bytes, None if there is none or the bundle has to wait for volume.

        `shut`: contacts that do not count; `visited`: nodes where the bundle has been; `by`: the contact that
        is to be the first, None: any.
        """
        if by is not None:
            contacts = enumerate(self.plan.contacts)
            shut = {*shut, *(row for row, contact in contacts if contact.sender == source and row != by)}

        def find(plan, nodes):
            query = Query(source, destination, now_ns, n_bytes, nodes, frozenset(shut), latest_ns)
            return self._first_of(plan, query)

        return self._onward(find, priority, visited - {source, destination})

    def best_on(
        self, source, neighbour, destination, now_ns, first_bytes, n_bytes, priority, latest_ns, shut, visited
    ):
        """The best way over a neighbour that has all but `first_bytes`, by a contact straight to it."""

        def find(plan, nodes):
            return self._over(
                plan, source, neighbour, destination, now_ns, first_bytes, n_bytes, latest_ns, shut, nodes
            )

        return self._onward(find, priority, visited - {source, neighbour, destination})

    def _onward(self, find, priority, visited):
        """Off nodes where the bundle has been; by these only if the plan itself leaves no other way."""
        free_plan = self.free_plan(priority)
        onward = find(free_plan, frozenset(visited))
        if onward is not None:
            return onward
        has_to_wait = find(self.plan, frozenset(visited)) is not None
        return None if has_to_wait else find(free_plan, frozenset())

    def _first_of(self, plan, query):
        routes = all_routes(plan, query, self.terms)
        return way_of(routes[0]) if routes else None

    def _over(
        self, plan, source, neighbour, destination, now_ns, first_bytes, n_bytes, latest_ns, shut, nodes
    ):
        contacts = self.plan.contacts
        others = {
            row
            for row, contact in enumerate(contacts)
            if (contact.sender, contact.receiver) != (source, neighbour)
        }
        first_query = Query(
            source, neighbour, now_ns, first_bytes, frozenset(), frozenset(others | set(shut)), latest_ns
        )
        first = self._first_of(plan, first_query)
        if first is None or neighbour == destination:
            return first
        if not self.plan.transit[neighbour]:
            return None
        then_ns = first.arrival_ns + self.terms.handling_ns
        rest_query = Query(
            neighbour, destination, then_ns, n_bytes, nodes | {source}, frozenset(shut), latest_ns
        )
        rest = self._first_of(plan, rest_query)
        return rest and Way(first.steps + rest.steps)

    def book(self, way, priority, now_ns):
        """Number of the booking, numbers of those that lose theirs by it."""
        if not self.books:
            self.n_booked += 1
            return self.n_booked, []
        return self.ledger.book([step[:3] for step in way.steps], priority, now_ns)

    def release(self, number, now_ns):
        self.ledger.release(number, now_ns)

    def occupy(self, number, contact, until_ns):
        return self.ledger.occupy(number, contact, until_ns)

    def vacate(self, contact):
        self.ledger.vacate(contact)


def way_of(route):
    return Way(tuple(Step(row, *times) for row, times in zip(route.contacts, route.times_ns, strict=True)))
