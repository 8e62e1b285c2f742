"""Store and forward over a contact plan: routes between two nodes."""

import csv
import math

import numpy as np

from lasermesh.dtn.graph import NS_PER_S
from lasermesh.dtn.k_best import k_best_routes
from lasermesh.dtn.largest import largest_that
from lasermesh.dtn.router_choice import SABR_RULES
from lasermesh.dtn.routers import NORMAL, Request
from lasermesh.dtn.routes import Terms
from lasermesh.dtn.sabr import SabrRouter
from lasermesh.dtn.search import best_route
from lasermesh.errors import UserError
from lasermesh.files import whole_file
from lasermesh.scenario.bundles import EARLIEST, EXCLUSIVE, INCLUSIVE
from lasermesh.scenario.problems import shown
from lasermesh.units import NEVER, NONE

MOST_BYTES = 2**53
MOST_ROUTES = 10_000
LONGEST_S = 1e6
"""Most that a margin or handling may be, as in scenarios."""


def checked_terms(window_end=EXCLUSIVE, margin_s=0.0, handling_s=0.0) -> Terms:
    """How contacts are read, from what the user said.

    Raises
    ------
    UserError
        If a time makes no sense.
    """
    for value, what in ((margin_s, "margin"), (handling_s, "handling")):
        if not 0.0 <= value <= LONGEST_S:
            raise UserError(f"the {what} must be from 0 to {LONGEST_S:.0f} s (got {value:g})")
    return Terms(window_end == INCLUSIVE, round(margin_s * NS_PER_S), round(handling_s * NS_PER_S))


def find_routes(
    opened,
    from_name: str,
    to_name: str,
    at_s: float,
    n_bytes: int = 0,
    k: int | None = None,
    terms: Terms | None = None,
    expires_s: float | None = None,
    without_nodes=(),
    without_contacts=(),
    method: str = EARLIEST,
) -> dict:
    """The best route of a bundle through a contact plan, or the k best.

    Parameters
    ----------
    opened : OpenPlan
    from_name, to_name : str
        Names, ipn numbers or rows of the nodes.
    at_s : float
        From when on the bundle can leave, in s since the plan's epoch.
    n_bytes : int
        0: what it takes to send it is left out.
    k : int, optional
        Absent: the best route alone.
    terms : Terms, optional
    expires_s : float, optional
        Arrivals later than this, in s since the plan's epoch, do not count.
    without_nodes : sequence of str
        Nodes that no route passes.
    without_contacts : sequence of int
        Rows of contacts that no route uses.
    method : str
        `earliest` or one of `SABR_RULES`, which answer with one route.

    Returns
    -------
    found : dict
        As `lasermesh dtn route --json` prints it: see `lasermesh docs dtn`. Without a route its values are
        None; `largest_bytes` is the largest bundle that has one, None where none has, and `late_arrival_s`
        when it would arrive after its expiry.

    Raises
    ------
    UserError
        If a node is not known, no contact takes such a bundle, it expires before it can leave, or another
        number makes no sense.
    """
    source, destination = opened.row_of(from_name), opened.row_of(to_name)
    if source == destination:
        raise UserError(f"a route leads from {shown(from_name)} to itself; give two nodes")
    at_ns = instant_ns(opened, at_s, "start (--at)")
    if expires_s is not None and expires_s < at_s:
        raise UserError(f"the bundle expires at {expires_s:g} s, before it can leave, at {at_s:g} s")
    latest_ns = NEVER if expires_s is None else instant_ns(opened, expires_s, "expiry")
    if k is not None and not 1 <= k <= MOST_ROUTES:
        raise UserError(f"k must be from 1 to {MOST_ROUTES} (got {k})")
    if k is not None and method != EARLIEST:
        raise UserError(f"several routes are found by the method {EARLIEST} alone (got {method})")
    left_out = nodes_left_out(opened, without_nodes, [source], [destination])
    check_bytes(opened, n_bytes)
    limits = {
        "terms": Terms() if terms is None else terms,
        "without_nodes": left_out,
        "without_contacts": contacts_left_out(opened, without_contacts),
        "latest_ns": latest_ns,
    }
    best_for = _search(opened.graph, method, source, destination, at_ns, limits)
    if k is None:
        best = best_for(n_bytes)
        routes = [] if best is None else [best]
    else:
        routes = k_best_routes(opened.graph, source, destination, at_ns, k, n_bytes, **limits)
    asked = {
        "from": opened.name_of(source),
        "to": opened.name_of(destination),
        "at_s": at_s,
        "bytes": n_bytes,
    }
    told = [route_fields(opened, route, limits["terms"]) for route in routes]
    found = asked | ({"routes": told} if k is not None else (told or [NO_ROUTE])[0])
    if not routes:
        # The smallest that has none is known already: the bundle itself.
        found["largest_bytes"] = largest_that(lambda size: best_for(size) is not None, n_bytes)
        in_the_end = limits | {"latest_ns": NEVER}
        late = _search(opened.graph, method, source, destination, at_ns, in_the_end)(n_bytes)
        found["late_arrival_s"] = None if late is None else opened.s_of(late.arrival_ns)
    return found


def _search(graph, method, source, destination, at_ns, limits):
    """A function of the size of a bundle that answers with its best route, or None."""
    if method == EARLIEST:
        return lambda n_bytes: best_route(graph, source, destination, at_ns, n_bytes, **limits)
    router = SabrRouter(graph, limits["terms"], SABR_RULES[method])
    left_out = [
        () if mask is None else tuple(np.flatnonzero(mask).tolist())
        for mask in (limits["without_nodes"], limits["without_contacts"])
    ]

    def best_for(n_bytes):
        asked = (source, destination, at_ns, n_bytes, NORMAL, limits["latest_ns"])
        return router.route(Request(*asked, *left_out))

    return best_for


NO_ROUTE = {"arrival_s": None, "hops": None, "termination_s": None, "entry": None, "contacts": []}
"""What is told in place of a route where there is none."""


def route_fields(opened, route, terms) -> dict:
    """What is told of a route, times in s since the plan's epoch.

    `{arrival_s, hops, termination_s, entry, contacts: [{contact, from, to, start_s, stop_s, rate_bps, owlt_s,
    first_tx_s, last_tx_s, arrival_s}]}`; `contact` is the contact's row in the plan, `arrival_s` that of the
    last bit with the margin, `owlt_s` the light time that the last bit takes, without it.
    """
    plan = opened.plan
    return {
        "arrival_s": opened.s_of(route.arrival_ns),
        "hops": len(route.hops),
        "termination_s": opened.s_of(route.termination_ns(opened.graph)),
        "entry": opened.name_of(route.entry),
        "contacts": [
            {
                "contact": hop.contact,
                "from": opened.name_of(hop.from_node),
                "to": opened.name_of(hop.to_node),
                "start_s": float(plan.start_s[hop.contact]),
                "stop_s": float(plan.stop_s[hop.contact]),
                "rate_bps": int(plan.rate_bps[hop.contact]),
                "owlt_s": (hop.arrival_ns - hop.last_tx_ns - terms.margin_ns) / NS_PER_S,
                "first_tx_s": opened.s_of(hop.first_tx_ns),
                "last_tx_s": opened.s_of(hop.last_tx_ns),
                "arrival_s": opened.s_of(hop.arrival_ns),
            }
            for hop in route.hops
        ],
    }


def instant_ns(opened, t_s, what):
    """An instant of a plan in the time of its graph: int.

    Raises
    ------
    UserError
        If it is no number, or lies before the contacts that are known.
    """
    if not math.isfinite(t_s) or abs(t_s) > 2**62 / NS_PER_S:
        raise UserError(f"the {what} must be a number of seconds within 146 years of the epoch (got {t_s:g})")
    if opened.is_topology and t_s < opened.start_s:
        raise UserError(
            f"the {what} must not be before the contacts, which are known from {opened.start_s:g} s on "
            f"(got {t_s:g})"
        )
    return opened.ns_of(t_s)


def check_bytes(opened, n_bytes):
    """Refuse a bundle that no contact of the plan takes, though it had all of it to itself.

    Raises
    ------
    UserError
        Naming what the largest contact takes.
    """
    if not 0 <= n_bytes <= MOST_BYTES:
        raise UserError(f"a bundle must have from 0 to 2^53 bytes (got {n_bytes})")
    graph = opened.graph
    known = graph.contact_owlt_ns != NONE
    length_ns, rate_bps = (
        (graph.contact_stop_ns - graph.contact_start_ns)[known],
        graph.contact_rate_bps[known],
    )
    if not n_bytes or (np.ceil(n_bytes * 8e9 / rate_bps) <= length_ns).any():
        return
    pairs = zip(length_ns.tolist(), rate_bps.tolist(), strict=True)
    most = max((length * rate // (8 * NS_PER_S) for length, rate in pairs), default=0)
    raise UserError(
        f"a bundle of {n_bytes} bytes is larger than any contact of plan {shown(opened.name)}: the largest "
        f"takes {most} bytes"
    )


def nodes_left_out(opened, words, sources, destinations):
    """Mask of the nodes that no route may pass; None for none."""
    if not words:
        return None
    mask = np.zeros(len(opened.nodes.names), bool)
    for word in words:
        rows = opened.rows_of(word)
        for ends, which in ((sources, "starts"), (destinations, "ends")):
            for row in set(ends).intersection(rows):
                raise UserError(f"{shown(opened.name_of(row))} cannot be left out: the route {which} there")
        mask[rows] = True
    return mask


def contacts_left_out(opened, rows):
    """Mask of the contacts that no route may use; None for none."""
    if not rows:
        return None
    mask = np.zeros(opened.plan.size, bool)
    for row in rows:
        if not 0 <= row < opened.plan.size:
            raise UserError(
                f"there is no contact {row} in plan {shown(opened.name)}; they go from 0 to "
                f"{opened.plan.size - 1}, by sending node, receiving node and start"
            )
        mask[row] = True
    return mask


def write_rows(rows, fields, path) -> None:
    """Write rows (dicts, of which these fields) as CSV.

    Raises
    ------
    UserError
        If the file cannot be written; what was there before is still there.
    """
    with whole_file(path) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(fields)
        for row in rows:
            cells = (row[field] for field in fields)  # None becomes an empty cell
            writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in cells])
