"""Paths from a CSV file, for the routing policy `explicit`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.scenario.fields import Number, Text, key
from lasermesh.scenario.flows import NODE
from lasermesh.scenario.problems import Report, ScenarioError, did_you_mean, shown
from lasermesh.scenario.sources import MOST_DATA_BYTES, FileFault, display_name, read_text
from lasermesh.scenario.tables import read_csv

BETWEEN_NODES = re.compile(r"\s*[;>]\s*")


@dataclass(frozen=True)
class PathLine:
    """A row of the file."""

    from_name: str = key(NODE, name="from", help="Node that sends.")
    to_name: str = key(NODE, name="to", help="Node that receives.")
    path: str = key(Text("names of nodes with ; or > between"), help="All nodes of the path, both ends too.")
    start_s: float | None = key(Number(unit="s"), None, help="From when on it may be used, since the epoch.")
    stop_s: float | None = key(Number(unit="s"), None, help="Until when; it may not be used then.")


class GivenPath(NamedTuple):
    """A path that a user wrote down."""

    nodes: tuple[int, ...]  # rows, both ends included
    start_s: float  # of [start_s, stop_s), since the topology's epoch
    stop_s: float


def read_paths(file: str | Path, names: tuple[str, ...]) -> tuple[GivenPath, ...]:
    """The paths of a CSV file, in its order; read again only when it has changed.

    Parameters
    ----------
    file : path
        Columns from, to, path, and if need be start_s and stop_s.
    names : tuple of str
        Of the nodes, by row.

    Raises
    ------
    ScenarioError
        With every line that is wrong.
    UserError
        If the file cannot be read.
    """
    try:
        stat = Path(file).stat()
    except OSError as error:
        raise UserError(f"{display_name(file)}: cannot be read: {error.strerror}") from None
    return _read(Path(file), names, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(file, names, mtime_ns, size_bytes):
    """The paths of a file as it was at that time."""
    report = Report()
    name = display_name(file)
    try:
        rows, _ = read_csv(read_text(file, MOST_DATA_BYTES, report), name, PathLine, report)
    except FileFault as fault:
        raise UserError(str(fault)) from None
    row_of = {node: row for row, node in enumerate(names)}
    found = [_path_of(values, line, row_of) for line, values in rows]
    if report.problems:
        raise ScenarioError(name, report.problems)
    return tuple(found)


def _path_of(values, line, row_of):
    """One row's path; None after reporting."""
    nodes = BETWEEN_NODES.split(values["path"].strip())
    sound = True
    for column, given in (
        ("from", values["from"]),
        ("to", values["to"]),
        *(("path", node) for node in nodes),
    ):
        if given not in row_of:
            line.at(column).report(f"no node is named {shown(given)}{did_you_mean(given, row_of)}", given)
            sound = False
    if len(nodes) < 2:
        line.at("path").report(
            f"must have two nodes at least, with ; or > between (got {shown(values['path'])})"
        )
        return None
    for node in dict.fromkeys(nodes):
        if nodes.count(node) > 1:
            line.at("path").report(
                f"{shown(node)} is there {nodes.count(node)} times; a path visits a node once"
            )
            sound = False
    for column, end, what in (("from", nodes[0], "first"), ("to", nodes[-1], "last")):
        if values[column] in row_of and end in row_of and values[column] != end:
            line.at("path").report(
                f"its {what} node is {shown(end)}, but {column} is {shown(values[column])}"
            )
            sound = False
    start_s = -float("inf") if values["start_s"] is None else values["start_s"]
    stop_s = float("inf") if values["stop_s"] is None else values["stop_s"]
    if stop_s <= start_s:
        line.at("stop_s").report(f"must be after start_s, {start_s:g} (got {stop_s:g})", stop_s)
        sound = False
    return GivenPath(tuple(row_of[node] for node in nodes), start_s, stop_s) if sound else None
