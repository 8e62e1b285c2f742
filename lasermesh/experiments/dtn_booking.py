"""Bundles of a list, routed over a contact plan one after the other, each with its volume booked."""

import math
from pathlib import Path

from lasermesh.dtn.book import Order, book_bundles
from lasermesh.dtn.graph import NS_PER_S
from lasermesh.dtn.router_choice import router_maker
from lasermesh.dtn.routes import Terms
from lasermesh.errors import UserError
from lasermesh.experiments.dtn import route_fields
from lasermesh.scenario import ScenarioError
from lasermesh.scenario.bundles import EARLIEST, PRIORITIES, SPREAD, Bundles, PlannedBundle
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.problems import Report
from lasermesh.scenario.read_bundles import read_bundle_list
from lasermesh.scenario.sources import MOST_DATA_BYTES, FileFault, display_name, read_text
from lasermesh.units import NEVER

ROW_FIELDS = (
    *("line", "from", "to", "created_s", "bytes", "priority", "arrival_s", "delay_s", "hops", "entry"),
    *("reason", "largest_bytes", "displaced"),
)


def book_plan(
    opened,
    file: str | Path,
    method: str = EARLIEST,
    terms: Terms | None = None,
    split: bool = False,
    spread_within_s: float = Bundles.spread_within_s,
    spread_routes: int = Bundles.spread_routes,
) -> dict:
    """Routes for the bundles of a CSV file, in the order in which they are made, as if one node knew of all.

    Parameters
    ----------
    opened : OpenPlan
    file : str or Path
        Columns `created_s,from,to,bytes[,priority,lifetime_s]`, times since the plan's epoch.
    method : str
        One of `scenario.bundles.ROUTINGS`. `earliest`: earliest arrival through what is still free, exactly.
        `sabr`, `sabr-complete`, `ion`: by the standard's volume rules. `spread`: over neighbours that are
        nearly as good.
    terms : Terms, optional
    split : bool
        Whether a bundle for which there is no room as a whole may go in parts.
    spread_within_s, spread_routes
        With `spread`: how much later than the best a route may arrive, and over how many neighbours.

    Returns
    -------
    found : dict
        As `lasermesh dtn book --json` prints it: see `lasermesh docs dtn`.

    Raises
    ------
    ScenarioError
        With every line that is wrong.
    UserError
        If the file cannot be read, or a number makes no sense.
    """
    terms = Terms() if terms is None else terms
    if method == SPREAD:
        if not 0.0 <= spread_within_s <= 1e9:
            raise UserError(f"routes may be from 0 to 1e9 s later than the best (got {spread_within_s:g})")
        if not 2 <= spread_routes <= 64:
            raise UserError(f"bundles can be spread over 2 to 64 neighbours (got {spread_routes})")
    lines, bundles = _read(opened, file)
    make_router = router_maker(
        method, opened.graph, terms, spread_within_s=spread_within_s, spread_routes=spread_routes
    )
    booked = book_bundles(bundles, make_router, split)
    rows = [
        _row(opened, line, bundle, given, terms)
        for line, bundle, given in zip(lines, bundles, booked, strict=True)
    ]
    refused = {}
    for row in rows:
        if row["reason"] is not None:
            refused[row["reason"]] = refused.get(row["reason"], 0) + 1
    return {
        "plan": opened.name,
        "method": method,
        "booked": len(rows) - sum(refused.values()),
        "refused": refused,
        "bundles": rows,
    }


def _read(opened, file):
    """Lines and `Order`s of a file, by creation."""
    if not str(file).strip():
        raise UserError("the name of the file of bundles is empty")
    report = Report()
    name = display_name(file)

    def find(word, place):
        try:
            return opened.row_of(word)
        except UserError as error:
            place.report(str(error), word)
            return BAD

    try:
        text = read_text(file, MOST_DATA_BYTES, report)
        rows = read_bundle_list(text, name, report, find, cls=PlannedBundle)
    except FileFault as fault:
        raise UserError(str(fault)) from None
    if rows is not BAD:
        for line, created_s in zip(rows.line.tolist(), rows.created_s.tolist(), strict=True):
            if opened.is_topology and opened.ns_of(created_s) < 0:
                report.add(
                    name,
                    line,
                    "created_s",
                    f"must not be before the contacts, which are known from {opened.start_s:g} s on",
                )
    if rows is BAD or report.problems:
        raise ScenarioError(name, report.problems)
    bundles = []
    columns = rows.created_s, rows.from_row, rows.to_row, rows.n_bytes, rows.priority, rows.lifetime_s
    for created_s, *rest, lifetime_s in zip(*(column.tolist() for column in columns), strict=True):
        created_ns = opened.ns_of(created_s)
        expires_ns = NEVER if lifetime_s == math.inf else created_ns + round(lifetime_s * NS_PER_S)
        bundles.append(Order(created_ns, *rest, expires_ns))
    return rows.line.tolist(), bundles


def _row(opened, line, bundle, given, terms):
    """What is told of one bundle."""
    arrival_ns = given.arrival_ns
    return {
        "line": line,
        "from": opened.name_of(bundle.source),
        "to": opened.name_of(bundle.destination),
        "created_s": opened.s_of(bundle.created_ns),
        "bytes": bundle.n_bytes,
        "priority": PRIORITIES[bundle.priority],
        "arrival_s": None if arrival_ns is None else opened.s_of(arrival_ns),
        "delay_s": None if arrival_ns is None else (arrival_ns - bundle.created_ns) / NS_PER_S,
        "hops": given.hops,
        "entry": opened.name_of(given.parts[0].route.entry) if given.parts else None,
        "reason": given.reason,
        "largest_bytes": given.largest_bytes,
        "displaced": given.displaced,
        "parts": [{"bytes": part.n_bytes} | route_fields(opened, part.route, terms) for part in given.parts],
    }
