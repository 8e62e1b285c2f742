"""Routes through a contact plan: labels that are corrected until nothing changes, and every route there is.

Slow and obvious, in integers of ns: a contact is looked at again and again, and no order of search is relied
on. Terms are whatever has `inclusive_end`, `margin_ns` and `handling_ns`.
"""

import math
from typing import NamedTuple

NS_PER_UNIT = 100_000_000
"""Random times are small multiples of a tenth of a second, so that ties are frequent and decimals needed."""

SHORT, LONG, ALIKE = "short contacts", "long contacts", "contacts alike"
KINDS = (SHORT, LONG, ALIKE)


class Contact(NamedTuple):
    """One contact, one direction, and what of it is free."""

    sender: int
    receiver: int
    start_ns: int
    stop_ns: int
    rate_bps: int
    owlt_ns: int | None  # None: no range is known
    knots_ns: tuple = ()  # light times spread evenly over `span_ns`, in place of `owlt_ns`
    gaps_ns: tuple | None = None  # (start, stop) of what is free of it; None: all
    span_ns: tuple | None = None  # (first, last) instant of knots; None: start and stop


class Plan(NamedTuple):
    """Contacts by row, and what is known of the nodes."""

    contacts: tuple
    transit: tuple  # bool, of each node
    number: tuple  # of each node

    @property
    def n_nodes(self):
        return len(self.transit)


class Query(NamedTuple):
    """What a search is asked."""

    source: int
    destination: int
    at_ns: int = 0
    n_bytes: int = 0
    without_nodes: frozenset = frozenset()
    without_contacts: frozenset = frozenset()
    latest_ns: int = 2**62


class FoundRoute(NamedTuple):
    """A route: its key (arrival, contacts, -termination, entry number), contacts, times of each."""

    key: tuple
    contacts: tuple
    times_ns: tuple  # (first bit leaves, last bit leaves, arrival) of each contact


def light_time_ns(contact, time_ns):
    """One-way light time of what leaves at an instant, None where it is not known."""
    if not contact.knots_ns:
        return contact.owlt_ns
    last = len(contact.knots_ns) - 1
    begin_ns, end_ns = contact.span_ns or (contact.start_ns, contact.stop_ns)
    share = (time_ns - begin_ns) / (end_ns - begin_ns)
    place = min(max(share * last, 0.0), float(last))
    left = min(int(place), last - 1)
    before, after = contact.knots_ns[left : left + 2]
    return round(before + (after - before) * (place - left))


def crossing(contact, ready_ns, n_bytes, terms):
    """(first bit leaves, last bit leaves, arrival) in the first gap that takes the bundle, or None."""
    if contact.owlt_ns is None or (n_bytes and not contact.rate_bps):
        return None
    duration_ns = math.ceil(n_bytes * 8e9 / contact.rate_bps) if n_bytes else 0
    whole = ((contact.start_ns, contact.stop_ns),)
    for start_ns, stop_ns in whole if contact.gaps_ns is None else contact.gaps_ns:
        first_ns = max(ready_ns, start_ns)
        last_ns = first_ns + duration_ns
        fits = last_ns <= stop_ns if n_bytes or terms.inclusive_end else first_ns < stop_ns
        if fits:
            return first_ns, last_ns, last_ns + light_time_ns(contact, last_ns) + terms.margin_ns
    return None


def usable(plan, query):
    """(row, contact) of those that may be used at all."""
    for row, contact in enumerate(plan.contacts):
        shut = query.without_nodes & {contact.sender, contact.receiver}
        passed = plan.transit[contact.sender] or contact.sender == query.source
        if row not in query.without_contacts and not shut and passed and contact.receiver != query.source:
            yield row, contact


def labels_of(plan, query, terms):
    """By node, every (arrival, contacts, -termination, entry number) that no other one is better than.

    Better is less in all four: the whole front is kept, so that nothing depends on which counts first.
    The destination is not passed through only because that never helps.
    """
    labels = [set() for _ in range(plan.n_nodes)]
    labels[query.source].add((query.at_ns, 0, -math.inf, -math.inf))
    contacts = list(usable(plan, query))
    changed = True
    while changed:
        changed = False
        for _, contact in contacts:
            for arrival_ns, n_contacts, ends, entry in tuple(labels[contact.sender]):
                ready_ns = arrival_ns + (terms.handling_ns if n_contacts else 0)
                times = crossing(contact, ready_ns, query.n_bytes, terms)
                if times is None or times[2] > query.latest_ns:
                    continue
                entry = entry if n_contacts else plan.number[contact.receiver]
                label = (times[2], n_contacts + 1, max(ends, -contact.stop_ns), entry)
                front = labels[contact.receiver]
                if any(not_worse(other, label) for other in front):
                    continue
                front -= {other for other in front if not_worse(label, other)}
                front.add(label)
                changed = True
    return labels


def not_worse(label, other):
    return all(one <= two for one, two in zip(label, other, strict=True))


def best_key(plan, query, terms):
    """(arrival, contacts, -termination, entry number) of the best route, None if there is none."""
    return min(labels_of(plan, query, terms)[query.destination], default=None)


def earliest(plan, query, terms):
    """By node, (arrival, fewest contacts of a route with that arrival), None where it is not reached."""
    return [min((label[:2] for label in front), default=None) for front in labels_of(plan, query, terms)]


def all_routes(plan, query, terms):
    """Every route that meets no node twice, best first: each contact is used as early as it can be."""
    leaving = [[] for _ in range(plan.n_nodes)]
    for row, contact in usable(plan, query):
        leaving[contact.sender].append((row, contact))
    found = []

    def go_on(node, ready_ns, met, rows, times):
        for row, contact in leaving[node]:
            step = None if contact.receiver in met else crossing(contact, ready_ns, query.n_bytes, terms)
            if step is None or step[2] > query.latest_ns:
                continue
            if contact.receiver == query.destination:
                found.append(route_of(plan, (*rows, row), (*times, step)))
            else:
                then_ns = step[2] + terms.handling_ns
                go_on(contact.receiver, then_ns, met | {contact.receiver}, (*rows, row), (*times, step))

    go_on(query.source, query.at_ns, {query.source}, (), ())
    return sorted(found)


def route_of(plan, rows, times):
    contacts = [plan.contacts[row] for row in rows]
    termination_ns = min(contact.stop_ns for contact in contacts)
    key = (times[-1][2], len(rows), -termination_ns, plan.number[contacts[0].receiver])
    return FoundRoute(key, rows, times)


def random_plan(rng, n_nodes, n_contacts, kind):
    """Contacts with every oddity that plans of users have, and with ties.

    `kind`: `SHORT` contacts last up to three units, `LONG` ones up to the whole of twenty; `ALIKE` ones begin
    and end together and take equally long, so that all but the last key of routes are often equal.
    """
    contacts = []
    for _ in range(n_contacts):
        sender, receiver = (int(node) for node in rng.choice(n_nodes, 2, replace=False))
        start, length = random_times(rng, kind)
        owlt, rate_bps = 1, 80
        if kind != ALIKE:
            # Parallel contacts differ in rate and light time; 70 bit/s make durations that are not round,
            # and 0 is what hypothetical contacts have.
            rate_bps = int(rng.choice([40, 80, 80, 80, 80, 160, 70, 0]))
            owlt = None if rng.random() < 0.05 else int(rng.choice([0, 1, 1, 1, 2, 3]))
        knots, span = (), None
        if owlt is not None and length > 0 and rng.random() < 0.15:
            span = random_span(rng, start, length)
            knots = random_knots(rng, span[1] - span[0])
        gaps = random_gaps(rng, start, length) if length > 2 and rng.random() < 0.15 else None
        contact = Contact(sender, receiver, start, start + length, rate_bps, owlt, knots, gaps, span)
        contacts.append(in_ns(contact))
    transit = tuple(bool(passed) for passed in rng.random(n_nodes) < 0.85)
    # Numbers are in another order than rows, and have gaps.
    numbers = rng.permutation(3 * n_nodes)[:n_nodes] * 7 + 2
    return Plan(tuple(contacts), transit, tuple(int(number) for number in numbers))


def random_times(rng, kind):
    """(start, length) in units: some begin before t = 0, one in ten has no length or is reversed."""
    if kind == ALIKE:
        start = int(rng.choice([0, 0, 8]))
        return start, 4 if rng.random() < 0.2 else 20 - start
    start = int(rng.integers(-2, 15))
    if rng.random() < 0.1:
        return start, int(rng.integers(-2, 1))
    return start, int(rng.integers(1, 4 if kind == SHORT else 20))


def random_span(rng, start, length):
    """Where knots are in units: from a contact's start to its stop, or one to three units further out."""
    before, after = rng.integers(0, 4, 2) * (rng.random(2) < 0.5)
    return int(start - before), int(start + length + after)


def random_knots(rng, length):
    """Light times in units that never fall as fast as time passes: what leaves later arrives later."""
    n_knots = int(rng.integers(2, 5))
    step = 0.9 * length / (n_knots - 1)
    knots = [float(rng.integers(0, 4))]
    for _ in range(n_knots - 1):
        knots.append(max(0.0, knots[-1] + float(rng.uniform(-step, step))))
    return tuple(knots)


def random_gaps(rng, start, length):
    """What is left of a contact of which one or two units have been promised."""
    taken = sorted({start + int(unit) for unit in rng.integers(0, length, 2)})
    edges = [start]
    for unit in taken:
        edges += [unit, unit + 1]
    edges.append(start + length)
    return tuple((one, two) for one, two in zip(edges[::2], edges[1::2], strict=True) if one < two)


def in_ns(contact):
    """The same contact, its times in ns rather than in units."""
    return contact._replace(
        start_ns=contact.start_ns * NS_PER_UNIT,
        stop_ns=contact.stop_ns * NS_PER_UNIT,
        owlt_ns=None if contact.owlt_ns is None else contact.owlt_ns * NS_PER_UNIT,
        knots_ns=tuple(knot * NS_PER_UNIT / 1e9 * 1e9 for knot in contact.knots_ns),
        span_ns=contact.span_ns and tuple(instant * NS_PER_UNIT for instant in contact.span_ns),
        gaps_ns=contact.gaps_ns
        and tuple((one * NS_PER_UNIT, two * NS_PER_UNIT) for one, two in contact.gaps_ns),
    )


def random_query(rng, plan, extras):
    """A question about a plan; with `extras`, one in which nodes, contacts or late arrivals do not count."""
    source, destination = (int(node) for node in rng.choice(plan.n_nodes, 2, replace=False))
    query = Query(
        source, destination, int(rng.integers(0, 6)) * NS_PER_UNIT, int(rng.choice([0, 0, 1, 2, 3]))
    )
    if not extras:
        return query
    others = [node for node in range(plan.n_nodes) if node not in (source, destination)]
    shut = rng.random(len(others)) < 0.2
    rows = rng.random(len(plan.contacts)) < 0.2
    return query._replace(
        without_nodes=frozenset(node for node, without in zip(others, shut, strict=True) if without),
        without_contacts=frozenset(row for row, without in enumerate(rows) if without),
        latest_ns=int(rng.integers(8, 24)) * NS_PER_UNIT,
    )
