"""When what is at a node at any instant is at its destination: profiles of a contact plan."""

import math

from lasermesh.dtn.graph import NS_PER_S
from lasermesh.dtn.largest import largest_that
from lasermesh.dtn.light_times import light_time_spread_ns
from lasermesh.dtn.profile import profile_to
from lasermesh.dtn.routes import Terms
from lasermesh.errors import UserError
from lasermesh.experiments.dtn import check_bytes, contacts_left_out, instant_ns, nodes_left_out
from lasermesh.scenario.problems import shown

PIECE_FIELDS = ("from_s", "to_s", "arrival_s", "waits", "delay_s")


def find_profile(
    opened,
    from_name: str,
    to_names: str,
    start_s: float | None = None,
    duration_s: float | None = None,
    n_bytes: int = 0,
    terms: Terms | None = None,
    without_nodes=(),
    without_contacts=(),
) -> dict:
    """The earliest arrival at a destination as a function of when a bundle is ready to leave.

    Parameters
    ----------
    opened : OpenPlan
    from_name : str
        Name, ipn number or row of a node.
    to_names : str
        One or several, or groups, separated by commas: whichever is reached first.
    start_s, duration_s : float, optional
        Departures that are looked at, in s since the plan's epoch. Absent: those that the plan is for, of a
        file from 0 to its last contact's end.
    n_bytes, terms, without_nodes, without_contacts
        As of `find_routes`.

    Returns
    -------
    found : dict
        As `lasermesh dtn profile --json` prints it: see `lasermesh docs dtn`.

    Raises
    ------
    UserError
        If a node is not known, no contact takes such a bundle, or a number makes no sense.
    """
    source, destinations = opened.row_of(from_name), opened.rows_of(to_names)
    if source in destinations:
        raise UserError(f"{shown(opened.name_of(source))} is among the destinations itself")
    begin_s = opened.start_s if start_s is None else start_s
    from_ns = instant_ns(opened, begin_s, "start")
    if duration_s is None:
        duration_s = opened.stop_s - begin_s
    if not math.isfinite(duration_s) or duration_s * NS_PER_S < 1.0:
        raise UserError(f"the duration must be a number of seconds above 0 (got {duration_s:g})")
    until_ns = instant_ns(opened, begin_s + duration_s, "end")
    left_out = nodes_left_out(opened, without_nodes, [source], destinations)
    check_bytes(opened, n_bytes)
    limits = Terms() if terms is None else terms, left_out, contacts_left_out(opened, without_contacts)

    def profile_for(size):
        return profile_to(opened.graph, destinations, from_ns, until_ns, size, *limits, sources=[source])

    profiles = profile_for(n_bytes)
    pieces = _piece_fields(opened, profiles.pieces(source))
    statistics = profiles.statistics(source)
    found = {
        "from": opened.name_of(source),
        "to": [opened.name_of(row) for row in destinations],
        "start_s": begin_s,
        "duration_s": duration_s,
        "bytes": n_bytes,
        "never_share": float(statistics.never_share),
        "delay_s": {
            "mean": statistics.mean_s,
            "p50": statistics.p50_s,
            "p90": statistics.p90_s,
            "p99": statistics.p99_s,
            "max": statistics.max_s,
        },
        "light_time_error_ms": light_time_spread_ns(opened.graph) / 1e6,
        "pieces": pieces,
    }
    if not pieces:
        found["largest_bytes"] = largest_that(
            lambda size: len(profile_for(size).pieces(source)[0]) > 0, n_bytes
        )
    return found


def _piece_fields(opened, pieces):
    """`{from_s, to_s, arrival_s, waits, delay_s}` of each piece; the last three are of its first instant."""
    return [
        {
            "from_s": opened.s_of(from_ns),
            "to_s": opened.s_of(to_ns),
            "arrival_s": opened.s_of(arrival_ns),
            "waits": waits,
            "delay_s": (arrival_ns - from_ns) / NS_PER_S,
        }
        for from_ns, to_ns, arrival_ns, waits in zip(*(column.tolist() for column in pieces), strict=True)
    ]
