"""Contact plans that routes are searched in: a file's, or those of a topology, computed from its orbits."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lasermesh import shipped
from lasermesh.contacts.plan_files import WRITERS, PlanNodes, nodes_of
from lasermesh.contacts.plan_table import ContactPlan, contact_plan_of
from lasermesh.dtn.graph import NS_PER_S, ContactGraph, graph_of
from lasermesh.errors import UserError
from lasermesh.experiments.contacts import WITH_FRACTIONS
from lasermesh.experiments.instants import utc_of
from lasermesh.experiments.paths import check_instant
from lasermesh.scenario import load_topology
from lasermesh.scenario.fields import row_number
from lasermesh.scenario.plan_loading import load_plan
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.units import NONE

DEFAULT_DURATION_S = 86_400.0

_IPN = re.compile(r"(?:ipn:)?(\d{1,19})(?:\.0)?")
_WITHOUT_UNKNOWN = {"ion": "ION would not use them", "hdtn": "HDTN takes 0", "asabr": "A-SABR needs one"}


@dataclass(frozen=True)
class OpenPlan:
    """A contact plan, its graph, and how its nodes are called.

    Contacts of a topology are computed when `plan` or `graph` is asked for first, so that names can be
    checked before.
    """

    name: str
    nodes: PlanNodes
    groups: dict  # rows by name of a group; a plan file has none
    compute: Callable  # without arguments: (graph, plan)
    start_s: float  # contacts are known from here
    stop_s: float  # to here
    is_topology: bool

    @cached_property
    def _computed(self):
        return self.compute()

    @property
    def graph(self) -> ContactGraph:
        """Whose t = 0 is `start_s`."""
        return self._computed[0]

    @property
    def plan(self) -> ContactPlan:
        """Times since the plan's epoch."""
        return self._computed[1]

    def ns_of(self, t_s):
        """An instant of the plan in the graph's time: int."""
        return round((t_s - self.start_s) * NS_PER_S)

    def s_of(self, t_ns):
        """And back, float; the nearest to what it is exactly."""
        return (int(t_ns) + round(self.start_s * NS_PER_S)) / NS_PER_S

    def name_of(self, row):
        """Name of a node."""
        return self.nodes.names[row]

    def row_of(self, word):
        """Row of the node that a name, ipn number (`5`, `ipn:5.0`) or row (`#5`) means.

        Raises
        ------
        UserError
            If there is no such node.
        """
        if word in self.nodes.names:
            return self.nodes.names.index(word)
        row = row_number(word)
        if row is not None:
            if row < len(self.nodes.names):
                return row
            raise UserError(f"there is no row {row}; rows go from 0 to {len(self.nodes.names) - 1}")
        if (match := _IPN.fullmatch(word)) is not None:
            rows = np.flatnonzero(self.nodes.ipn_numbers == min(int(match[1]), 2**63 - 1))
            if not len(rows):
                raise UserError(f"no node of plan {shown(self.name)} has the ipn number {match[1]}")
            return int(rows[0])
        if word in self.groups:
            raise UserError(f"{shown(word)} is a group; here the name of one node is wanted")
        hint = did_you_mean(word, self.nodes.names)
        raise UserError(f"no node is named {shown(word)} in plan {shown(self.name)}{hint}")

    def rows_of(self, words):
        """Rows of several nodes or groups, separated by commas, each once, in the order named.

        Raises
        ------
        UserError
            As of `row_of`.
        """
        rows = {}
        for word in (word.strip() for word in words.split(",")):
            if not word:
                raise UserError(f"a name is missing in {shown(words)}")
            is_group = word in self.groups and word not in self.nodes.names
            rows |= dict.fromkeys(self.groups[word] if is_group else [self.row_of(word)])
        return list(rows)


def open_plan(
    name: str | Path,
    start_s: float | None = None,
    duration_s: float | None = None,
    sets=(),
    warm_up_s: float | None = None,
    epoch=None,
    on_progress=None,
    warn=lambda message: None,
) -> OpenPlan:
    """A contact plan from its file, or computed for a topology.

    Parameters
    ----------
    name : str or Path
        Of a plan in any format (a name: looked up here, then among the shipped ones), or of a topology or
        experiment: what ends in `.toml`, or is no other file and a shipped name.
    start_s, duration_s : float, optional
        Of a topology: for when contacts are computed, in s since its epoch. Absent: from 0, for a day.
    sets : sequence of str
        Changes of a topology, `PATH=VALUE` each.
    warm_up_s : float, optional
        Of a topology: follow rules with a memory for so long before `start_s`.
    epoch : datetime.datetime, optional
        Of a plan file: its t = 0, where it does not say so.
    on_progress : function of float, optional
        Called now and then while contacts are computed with the instant that has been reached, in s since the
        topology's epoch.
    warn : function of one str

    Raises
    ------
    UserError
        If there is no such plan, or it cannot be used; all problems of a file at once.
    """
    if means_topology(name):
        if epoch is not None:
            raise UserError("an epoch goes with a plan file; a topology says its own")
        return _of_topology(name, start_s, duration_s, sets, warm_up_s, on_progress, warn)
    of_topology = (
        (start_s, "a start goes"),
        (duration_s, "a duration goes"),
        (sets or None, "--set goes"),
        (warm_up_s, "a warm-up goes"),
    )
    for value, what in of_topology:
        if value is not None:
            raise UserError(f"{what} with a topology; {shown(str(name))} is a plan file")
    return _of_file(name, epoch, warn)


def means_topology(name):
    """Whether a name or path means a topology rather than a plan file."""
    path = Path(name)
    if path.suffix.lower() == ".toml":
        return True
    if isinstance(name, Path) or path.is_file() or "/" in name or path.suffix:
        return False
    if shipped.find_plan(name) is not None or Path(f"{name}.csv").is_file():
        return False
    if Path(f"{name}.toml").is_file() or shipped.find_topology(name) or shipped.find_experiment(name):
        return True
    known = [*shipped.list_plans(), *shipped.list_topologies(), *shipped.list_experiments()]
    raise UserError(f"no plan and no topology is named {shown(name)}{did_you_mean(name, known)}")


def _of_topology(name, start_s, duration_s, sets, warm_up_s, on_progress, warn):
    topology = load_topology(name, sets)
    for warning in topology.warnings:
        warn(warning)
    start_s = 0.0 if start_s is None else start_s
    duration_s = DEFAULT_DURATION_S if duration_s is None else duration_s
    check_instant(start_s, "start")
    if not math.isfinite(duration_s) or duration_s <= 0.0:
        raise UserError(f"the duration must be a number of seconds above 0 (got {duration_s:g})")
    check_instant(start_s + duration_s, "end")

    def compute():
        from lasermesh.dtn.building import graph_of_topology  # plan files do without orbits

        return graph_of_topology(
            topology, start_s, duration_s, warm_up_s=warm_up_s, on_progress=on_progress, warn=warn
        )

    groups = {
        group.name: topology.group_rows(group.name) for group in (*topology.satellites, *topology.ground)
    }
    stop_s = start_s + duration_s
    return OpenPlan(topology.name, nodes_of(topology), groups, compute, start_s, stop_s, True)


def _of_file(name, epoch, warn):
    loaded = load_plan(name, epoch)
    for warning in loaded.warnings:
        warn(warning)
    n_contacts = len(loaded.from_row)
    plan = contact_plan_of(
        from_node=loaded.from_row,
        to_node=loaded.to_row,
        kind=np.full(n_contacts, NONE),
        start_s=loaded.start_s,
        stop_s=loaded.stop_s,
        rate_bps=loaded.rate_bps,
        owlt_s=loaded.owlt_s,
        open_start=np.zeros(n_contacts, bool),
        open_stop=np.zeros(n_contacts, bool),
    )
    graph = graph_of(plan, len(loaded.names), number=loaded.numbers)
    nodes = PlanNodes(loaded.names, loaded.numbers, loaded.epoch)
    return OpenPlan(loaded.name, nodes, {}, lambda: (graph, plan), 0.0, float(plan.stop_s.max()), False)


def convert_plan(opened: OpenPlan, file_format, path=None, fractions=False, warn=lambda message: None) -> int:
    """Write a plan in another format, and tell what that cannot hold.

    Parameters
    ----------
    opened : OpenPlan
    file_format : str
        One of `csv`, `json`, `ion`, `hdtn`, `asabr` and `parquet`.
    path : path, optional
        Absent: standard output.
    fractions : bool
        With `ion` and `asabr`: write fractions of seconds and bytes, which not every version of them reads.
    warn : function of one str

    Returns
    -------
    n_contacts : int
        How many were given to the writer.

    Raises
    ------
    UserError
        If the file cannot be written; what was there before is still there.
    """
    plan, more = opened.plan, {}
    if file_format == "json":
        more["more"] = {"plan": opened.name, "utc": utc_of(opened.nodes.epoch, 0.0)}
    elif file_format in WITH_FRACTIONS:
        more["fractions"] = fractions
    if file_format in _WITHOUT_UNKNOWN:
        known = ~np.isnan(plan.owlt_s)
        if not known.all():
            count, why = int((~known).sum()), _WITHOUT_UNKNOWN[file_format]
            warn(f"{count} contacts without light time are left out: {why}")
            plan = plan.take(known)
        if file_format == "ion" and (count := _overlaps(plan, len(opened.nodes.names))):
            warn(f"{count} contacts overlap another of the same nodes, which ION refuses")
    _tell_of_nodes(opened.nodes, file_format, warn)
    WRITERS[file_format](path, plan, opened.nodes, warn, **more)
    return plan.size


def _overlaps(plan, n_nodes):
    """How many contacts begin before an earlier one of the same nodes has ended."""
    graph = graph_of(plan, n_nodes)
    follows = np.ones(plan.size, bool)
    follows[graph.window_first] = False
    return int((graph.start_ns[1:] < graph.latest_ns[:-1])[follows[1:]].sum())


def _tell_of_nodes(nodes, file_format, warn):
    """Say what a format does not keep of the names and numbers of nodes."""
    by_number = [name == str(number) for name, number in zip(nodes.names, nodes.ipn_numbers, strict=True)]
    n_named = by_number.count(False)
    if file_format == "hdtn" and n_named:
        warn(f"names of {n_named} nodes are not kept: they are written as ipn numbers")
    elif file_format == "ion" and n_named:
        warn(f"names of {n_named} nodes stand in comments only: they are written as ipn numbers")
    elif file_format not in ("ion", "hdtn"):
        other = np.arange(1, len(nodes.names) + 1) != nodes.ipn_numbers
        n_lost = int((other & ~np.array(by_number, bool)).sum())
        if n_lost:
            warn(f"ipn numbers of {n_lost} nodes are not kept: the format has their names")
