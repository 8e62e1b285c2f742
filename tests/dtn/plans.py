"""Contact graphs of small plans, and what tests say of routes through them."""

import numpy as np

from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.dtn.graph import graph_of
from lasermesh.dtn.routes import Terms
from tests.reference.contact_graph import Contact, Plan, Query, crossing, route_of

NS_PER_S = 1_000_000_000

TERMS = [
    Terms(),
    Terms(inclusive_end=True),
    Terms(margin_ns=100_000_000),
    Terms(handling_ns=100_000_000),
    Terms(inclusive_end=True, margin_ns=33_333_333, handling_ns=200_000_000),
]


def plan_of(rows, n_nodes=None, number=None, transit=None):
    """A `Plan` of (sender, receiver, start, stop[, light time = 1[, bit/s = 8e9]]), times in s."""
    contacts = []
    for sender, receiver, start_s, stop_s, *rest in rows:
        owlt_s, rate_bps = (*rest, *(1, 8_000_000_000)[len(rest) :])
        contacts.append(Contact(sender, receiver, ns(start_s), ns(stop_s), int(rate_bps), ns(owlt_s)))
    size = n_nodes or 1 + max(max(contact[:2]) for contact in contacts)
    return Plan(tuple(contacts), transit or (True,) * size, number or tuple(range(1, size + 1)))


def ns(seconds):
    return round(seconds * NS_PER_S)


def graph_of_plan(plan):
    """The `ContactGraph` of a `Plan`; where contacts have gaps, these are its windows."""
    pieces = [
        (row, one, two)
        for row, contact in enumerate(plan.contacts)
        for one, two in contact.gaps_ns or ((contact.start_ns, contact.stop_ns),)
    ]
    row = np.array([piece[0] for piece in pieces], np.int64)
    contacts = [plan.contacts[one] for one in row]
    table = contact_plan_of(
        [contact.sender for contact in contacts],
        [contact.receiver for contact in contacts],
        np.zeros(len(row)),
        [one / NS_PER_S for _, one, _ in pieces],
        [two / NS_PER_S for _, _, two in pieces],
        [contact.rate_bps for contact in contacts],
        [np.nan if contact.owlt_ns is None else contact.owlt_ns / NS_PER_S for contact in contacts],
        np.zeros(len(row)),
        np.zeros(len(row)),
    )
    graph = graph_of(table, plan.n_nodes, transit=plan.transit, number=plan.number)
    # Windows are pieces until here, and so are contacts.
    first = np.searchsorted(row, np.arange(len(plan.contacts)))
    knots = [contact.knots_ns for contact in plan.contacts]
    spans = [contact.span_ns or (contact.start_ns, contact.stop_ns) for contact in plan.contacts]
    return graph._replace(
        contact=row[graph.contact].astype(np.int32),
        contact_from=graph.contact_from[first],
        contact_to=graph.contact_to[first],
        contact_start_ns=np.array([contact.start_ns for contact in plan.contacts], np.int64),
        contact_stop_ns=np.array([contact.stop_ns for contact in plan.contacts], np.int64),
        contact_rate_bps=graph.contact_rate_bps[first],
        contact_owlt_ns=graph.contact_owlt_ns[first],
        knot_first=np.cumsum([0, *map(len, knots)]).astype(np.int64),
        knot_start_ns=np.array([one for one, _ in spans], np.int64),
        knot_stop_ns=np.array([two for _, two in spans], np.int64),
        knot_owlt_ns=np.array([knot for of_contact in knots for knot in of_contact], np.float64),
    )


def asked(plan, query, terms):
    """The arguments of a search behind the graph, the source and the destination."""
    return {
        "at_ns": query.at_ns,
        "n_bytes": query.n_bytes,
        "terms": terms,
        "without_nodes": mask(query.without_nodes, plan.n_nodes),
        "without_contacts": mask(query.without_contacts, len(plan.contacts)),
        "latest_ns": query.latest_ns,
    }


def mask(rows, size):
    """Where these rows are; None where there are none, as users leave the argument out."""
    if not rows:
        return None
    where = np.zeros(size, bool)
    where[list(rows)] = True
    return where


def assert_sound(plan, query, terms, route):
    """That a route leads to the destination over what may be used, each contact as early as it can be."""
    nodes = [query.source, *(hop.to_node for hop in route.hops)]
    assert nodes[-1] == query.destination
    assert len(set(nodes)) == len(nodes)
    assert not set(nodes) & query.without_nodes
    assert all(plan.transit[node] for node in nodes[1:-1])
    assert not set(route.contacts) & query.without_contacts
    ready_ns = query.at_ns
    for node, hop in zip(nodes, route.hops, strict=False):
        contact = plan.contacts[hop.contact]
        assert (contact.sender, contact.receiver) == (hop.from_node, hop.to_node) == (node, hop.to_node)
        times_ns = crossing(contact, ready_ns, query.n_bytes, terms)
        assert times_ns == (hop.first_tx_ns, hop.last_tx_ns, hop.arrival_ns)
        ready_ns = hop.arrival_ns + terms.handling_ns
    assert route.arrival_ns <= query.latest_ns


def key_of(plan, route):
    """The key of a route, by the reference's own formula."""
    return route_of(plan, route.contacts, [hop[3:] for hop in route.hops]).key


# Fraire, De Jonckere, Burleigh, "Routing in the Space Internet: A contact graph routing tutorial",
# Journal of Network and Computer Applications 174 (2021) 102884, figure 1, as its authors' pyCGR has it
# (github.com/nasa/HDTN, pycgr/py_cgr/contact_plans/cgr_tutorial.txt): A to E are rows 0 to 4.
TUTORIAL = plan_of(
    [
        row
        for one, other, start_s, stop_s in [
            (0, 1, 0, 60),
            (1, 2, 0, 60),
            (0, 2, 0, 60),
            (2, 3, 0, 30),
            (0, 4, 10, 20),
            (3, 4, 0, 10),
            (3, 4, 30, 40),
            (3, 4, 50, 60),
        ]
        for row in [(one, other, start_s, stop_s), (other, one, start_s, stop_s)]
    ]
)
TUTORIAL_QUERY = Query(source=0, destination=4)
