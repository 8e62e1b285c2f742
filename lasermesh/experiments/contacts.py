"""The contact plan of a topology: who can send to whom from when to when."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import contact_plan
from lasermesh.contacts.plan_files import WRITERS, nodes_of
from lasermesh.contacts.plan_splitting import follow_positions, split_owlt
from lasermesh.errors import UserError
from lasermesh.experiments.instants import utc_of
from lasermesh.experiments.paths import check_instant
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures

DEFAULT_DURATION_S = 3600.0
LEAST_SPLIT_MS = 1e-3
MOST_SPLIT_MS = 1e9

WITH_FRACTIONS = ("ion", "asabr")
"""Formats whose numbers are whole unless fractions are asked for."""

KINDS = ("satellite links", "ground links")
"""What link kinds 0 and 1 are called in text."""


class FoundContacts(NamedTuple):
    """A contact plan and what it is the plan of."""

    topology: object
    plan: object  # ContactPlan
    start_s: float
    stop_s: float
    potential: bool
    memory: dict | None


def find_contacts(
    topology,
    start_s: float = 0.0,
    duration_s: float = DEFAULT_DURATION_S,
    potential: bool = False,
    split_owlt_ms: float | None = None,
    warm_up_s: float | None = None,
    on_progress=None,
    warn=lambda message: None,
) -> FoundContacts:
    """All contacts of a topology between two instants.

    Parameters
    ----------
    topology : Topology
    start_s : float
        Seconds since the topology's epoch.
    duration_s : float
    potential : bool
        What geometry allows, whatever the numbers of terminals, acquisition, losses, clouds and choices make
        of it.
    split_owlt_ms : float, optional
        Cut contacts so that the light time moves by no more than this within each.
    warm_up_s : float, optional
        Follow rules with a memory for so long before `start_s`, instead of from t = 0.
    on_progress : function of float, optional
        Called now and then with the instant that has been reached, in s since the topology's epoch.
    warn : function of one str

    Returns
    -------
    found : FoundContacts

    Raises
    ------
    UserError
        If a time makes no sense.
    """
    check_instant(start_s, "start")
    if not math.isfinite(duration_s) or duration_s <= 0.0:
        raise UserError(f"the duration must be a number of seconds above 0 (got {duration_s:g})")
    stop_s = start_s + duration_s
    check_instant(stop_s, "end")
    if split_owlt_ms is not None and not LEAST_SPLIT_MS <= split_owlt_ms <= MOST_SPLIT_MS:
        raise UserError(
            f"light times can be split at {LEAST_SPLIT_MS:g} to {MOST_SPLIT_MS:g} ms (got {split_owlt_ms:g})"
        )
    ephemeris = build_ephemeris(topology)
    links = link_engine(topology, ephemeris, warm_up_s, warn, potential)
    plan = contact_plan(topology, ephemeris, start_s, stop_s, on_progress=on_progress, engine=links)
    if split_owlt_ms is not None:
        plan = _split(plan, links, split_owlt_ms / 1e3)
    warn_of_failures(ephemeris, warn)
    return FoundContacts(topology, plan, start_s, stop_s, potential, memory_of(links, warm_up_s))


def _split(plan, links, most_s):
    """The plan cut where light times move; contacts with light times from a plan file stay whole."""
    range_at = links.skies.ranges_between
    moves = follow_positions(plan, range_at)
    parts = split_owlt(plan.take(moves), most_s, range_at), plan.take(~moves)
    return type(plan)(*map(np.concatenate, zip(*parts, strict=True))).sorted()


def write_contacts(found, file_format, path=None, fractions=False, warn=lambda message: None) -> None:
    """Write a contact plan.

    Parameters
    ----------
    found : FoundContacts
    file_format : str
        One of `csv`, `json`, `parquet`, `ion`, `hdtn` and `asabr`.
    path : path, optional
        Absent: standard output.
    fractions : bool
        For `ion` and `asabr`: write fractions of seconds and bytes, which not every version of them reads.
    warn : function of one str
        Told what the format cannot hold.

    Raises
    ------
    UserError
        If the file cannot be written; what was there before is still there.
    """
    more = {}
    if file_format == "json":
        more["more"] = {
            "topology": found.topology.name,
            "utc": utc_of(found.topology.epoch, 0.0),
            "start_s": found.start_s,
            "stop_s": found.stop_s,
            "potential": found.potential,
            "memory": found.memory,
        }
    elif file_format in WITH_FRACTIONS:
        more["fractions"] = fractions
    WRITERS[file_format](path, found.plan, nodes_of(found.topology), warn, **more)


def describe_contacts(found: FoundContacts) -> list[tuple[str, ...]]:
    """A contact plan in a few numbers: rows of a table, the first one its heading."""
    rows = [("", "count", "least", "mean", "most")]
    for kind, what in enumerate(KINDS):
        mine = found.plan.kind == kind
        plan = type(found.plan)(*(column[mine] for column in found.plan))
        pair_follows = (np.diff(plan.from_node) == 0) & (np.diff(plan.to_node) == 0)
        rows.append((f"{what}, one way", str(len(plan.kind) - int(pair_follows.sum())), "", "", ""))
        if not len(plan.kind):
            continue
        cut = plan.open_start | plan.open_stop
        length_s = plan.stop_s - plan.start_s
        gap_s = (plan.start_s[1:] - plan.stop_s[:-1])[pair_follows]
        rows.append(_row("contacts, s", length_s))
        rows.append(_row("of these not cut, s", length_s[~cut]))
        rows.append(_row("gaps between them, s", gap_s[gap_s > 0.0]))
        rows.append(_row("light time, ms", plan.owlt_s * 1e3))
        rows.append(_row("rate, Gbps", plan.rate_bps / 1e9))
    return rows


def _row(what, values):
    """Count, least, mean and greatest of some values, under a heading."""
    if not len(values):
        return f"  {what}", "0", "", "", ""
    return f"  {what}", str(len(values)), *(f"{of(values):.3f}" for of in (np.min, np.mean, np.max))
