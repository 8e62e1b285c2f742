"""Paths, round-trip times and hops between places over time, without any traffic."""

import math
from pathlib import Path

import numpy as np

from lasermesh.errors import UserError
from lasermesh.experiments.churn import churn_of, stays_of
from lasermesh.experiments.path_finding import PathFinder
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures
from lasermesh.routing import Policy
from lasermesh.scenario import Pair, ScenarioError
from lasermesh.scenario.problems import Report, did_you_mean, shown
from lasermesh.scenario.sources import MOST_DATA_BYTES, FileFault, display_name, read_text
from lasermesh.scenario.tables import read_csv

# 3 * 0.1 is 0.30000000000000004: what is so near the end of the interval is its end.
_END_TOLERANCE_STEPS = 1e-9
_TIME_DIGITS = 9  # of sampled instants, in s

FURTHEST_YEARS = 100
"""Instants are refused beyond so many years from the epoch; orbits are guesswork long before that."""
SHORTEST_STEP_S = 1e-6
MOST_SAMPLES = 10**7
_YEAR_S = 365.25 * 86_400.0


def paths(
    topology,
    pairs,
    start_s: float = 0.0,
    duration_s: float = 0.0,
    step_s: float | None = None,
    policy: str | Policy = "shortest-delay",
    warn=lambda message: None,
    warm_up_s: float | None = None,
    options=None,
) -> dict:
    """The path of each pair of nodes at `start_s + k * step_s < start_s + duration_s`, at least once.

    Parameters
    ----------
    topology : Topology
    pairs : sequence of (str, str)
        Names of both ends, or `#17` for a row.
    start_s : float
        Seconds since the topology's epoch.
    duration_s, step_s : float
        Step None: that of the topology. Links and their lengths are those of each instant.
    policy : str or Policy
        A name, or `file.py:function`.
    warn : function of one str
        Called with what the user should know: circles in the policy's table, satellites left out.
    warm_up_s : float, optional
        Follow rules with a memory for so long before `start_s`, instead of from t = 0.
    options : mapping, optional
        Those of the policy.

    Returns
    -------
    result : dict
        `{policy, paths: [{from, to, geodesic_km, fibre_rtt_ms, samples, churn}], memory}`, JSON-ready, with
        samples `{t_s, reachable, delay_ms, rtt_ms, distance_km, hops, nodes, chord_km, stretch_vacuum,
        stretch_fibre}`. The answer takes the same path back: rtt_ms is twice delay_ms.
        `memory` is None, or says from when on rules with a memory were followed: `{from_s, warm_up_s}`.

    Raises
    ------
    UserError
        If a name, a time or the policy makes no sense.
    RunFailed
        If the policy's table is wrong.
    """
    step_s = topology.step_s if step_s is None else step_s
    times_s = sample_times(start_s, duration_s, step_s)
    ephemeris = build_ephemeris(topology)
    finder = PathFinder(topology, ephemeris, rows_of_pairs(topology, pairs), policy, warn, options)
    links = link_engine(topology, ephemeris, warm_up_s, warn)
    samples = [[] for _ in finder.ends]
    table = None
    for t_s in times_s:  # in ascending order, as memories need
        found = finder.find(links.graph_at(t_s), table)
        table = found.table
        for of_pair, sample in zip(samples, finder.samples(found), strict=True):
            of_pair.append(sample)
    warn_of_failures(ephemeris, warn)
    on_ground = ephemeris.is_ground[finder.ends].tolist()
    watched_s = times_s[-1] - times_s[0]
    return {
        "policy": finder.policy.name,
        "paths": [
            {
                **heading,
                "samples": samples[pair],
                "churn": churn_of(stays_of(samples[pair], step_s), on_ground[pair], watched_s, exact=False),
            }
            for pair, heading in enumerate(finder.headings())
        ],
        "memory": memory_of(links, warm_up_s),
    }


def sample_times(start_s: float, duration_s: float, step_s: float) -> list[float]:
    """`start_s + k * step_s < start_s + duration_s`, at least one instant.

    Raises
    ------
    UserError
        If a number is not finite, the duration negative, the step shorter than SHORTEST_STEP_S, an instant
        more than FURTHEST_YEARS from the epoch, or there would be more than MOST_SAMPLES.
    """
    check_instant(start_s, "start")
    for value, what in ((duration_s, "duration"), (step_s, "step")):
        if not math.isfinite(value):
            raise UserError(f"the {what} must be a number of seconds (got {value:g})")
    if duration_s < 0.0:
        raise UserError(f"the duration must not be negative (got {duration_s:g} s)")
    check_instant(start_s + duration_s, "end")
    if step_s < SHORTEST_STEP_S:
        raise UserError(f"the step must be at least {SHORTEST_STEP_S:g} s (got {step_s:g} s)")
    count = max(1, math.ceil(duration_s / step_s - _END_TOLERANCE_STEPS))
    if count > MOST_SAMPLES:
        raise UserError(
            f"{duration_s:g} s in steps of {step_s:g} s are {count:,} samples; there may be at most "
            f"{MOST_SAMPLES:,}"
        )
    return [round(start_s + k * step_s, _TIME_DIGITS) for k in range(count)]


def check_instant(t_s: float, what: str) -> None:
    """Refuse an instant that is no number, or so far from the epoch that orbits mean nothing.

    Raises
    ------
    UserError
        With `what` as the instant's name.
    """
    if isinstance(t_s, (str, bytes)) or np.ndim(t_s) != 0 or not math.isfinite(t_s):
        raise UserError(f"the {what} must be a number of seconds (got {t_s!r})")
    if abs(t_s) > FURTHEST_YEARS * _YEAR_S:
        raise UserError(
            f"the {what} must be within {FURTHEST_YEARS} years of the topology's epoch (got {t_s:g} s)"
        )


def all_pairs(topology) -> list[tuple[str, str]]:
    """Every two ground sites of a topology, once, in file order.

    Raises
    ------
    UserError
        If there are less than two.
    """
    sites = [site.name for group in topology.ground for site in group.sites]
    if len(sites) < 2:
        raise UserError(
            f"all pairs of ground sites: topology {shown(topology.name)} has {len(sites)} of them"
        )
    return [(a, b) for index, a in enumerate(sites) for b in sites[index + 1 :]]


def read_pairs(file: str | Path, topology) -> list[tuple[str, str]]:
    """Pairs of node names from a CSV file with the columns `from` and `to`.

    Raises
    ------
    ScenarioError
        With every line that is wrong.
    UserError
        If the file cannot be read.
    """
    if not str(file).strip():
        raise UserError("the name of the file of pairs is empty")
    report = Report()
    name = display_name(file)
    pairs = []
    try:
        rows, _ = read_csv(read_text(file, MOST_DATA_BYTES, report), name, Pair, report)
    except FileFault as fault:
        raise UserError(str(fault)) from None
    for line, values in rows:
        pair = (values["from"], values["to"])
        try:
            _rows_of_pair(topology, *pair)
        except UserError as error:
            line.report(str(error))
        pairs.append(pair)
    if report.problems:
        raise ScenarioError(name, report.problems)
    return pairs


def rows_of_pairs(topology, pairs) -> np.ndarray:
    """Rows of the ends of pairs of names: int32 (n_pairs, 2).

    Raises
    ------
    UserError
        If a name is none, or both ends are the same.
    """
    return np.array([_rows_of_pair(topology, *pair) for pair in pairs], dtype=np.int32).reshape(-1, 2)


def _rows_of_pair(topology, from_name, to_name):
    """Rows of two different nodes."""
    rows = row_of(topology, from_name), row_of(topology, to_name)
    if rows[0] == rows[1]:
        raise UserError(f"a path from {shown(from_name)} to itself; two nodes are needed")
    return rows


def row_of(topology, name: str) -> int:
    """Row of the node that the user calls `name`, or `#17`.

    Raises
    ------
    UserError
        If there is none, with the nearest name.
    """
    try:
        return topology.row_of(name)
    except KeyError:
        pass
    where = f"topology {shown(topology.name)}"
    if name[:1] == "#" and name[1:].isdecimal():
        raise UserError(
            f"there is no row {name[1:]} in {where}; rows are 0 to {len(topology.node_names) - 1}"
        )
    if name in {group.name for group in (*topology.satellites, *topology.ground)}:
        raise UserError(f"{shown(name)} is a group of {where}; here the name of one node is wanted")
    raise UserError(f"no node is named {shown(name)} in {where}{did_you_mean(name, topology.node_names)}")
