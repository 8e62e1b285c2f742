"""Contact plans that stand for themselves: files in any format, without a topology that knows the nodes."""

import datetime
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lasermesh import shipped
from lasermesh.scenario.bundles import LONGEST_PLAN_S
from lasermesh.scenario.fields import BAD, name_fault, row_number
from lasermesh.scenario.finding import find_file
from lasermesh.scenario.plan_reading import open_plan, rows_of
from lasermesh.scenario.plan_rows import PlanFile, count_of
from lasermesh.scenario.problems import Report, ScenarioError
from lasermesh.scenario.sources import MOST_DATA_BYTES, FileFault, display_name, read_bytes

DEFAULT_EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""What t = 0 is where neither the file nor the caller says (as for patterns of satellites)."""

MOST_NUMBER = 2**63 - 1

_ION_MOMENT = re.compile(r"^[^#\n]*?(\d{4})/(\d\d)/(\d\d)-(\d\d):(\d\d):(\d\d)", re.MULTILINE)
_JSON_MOMENT = re.compile(r'^\s*\{[^\[]*?"utc"\s*:\s*"([^"]+)"')
_HDTN_START = re.compile(r'"startTime"\s*:\s*(\d+)')
_OLDEST_UNIX_S = 10**9


class LoadedPlan(NamedTuple):
    """The contacts of a plan, by sending node, receiving node, start and stop, and the nodes it names."""

    name: str
    names: tuple  # of nodes, as they are met in the file; where all are numbers, ascending
    numbers: np.ndarray  # int64 (n_nodes,)  ipn numbers
    epoch: datetime.datetime  # the instant of t = 0
    from_row: np.ndarray  # int32 (n_contacts,)  as all that follows
    to_row: np.ndarray  # int32
    start_s: np.ndarray  # float64
    stop_s: np.ndarray  # float64
    rate_bps: np.ndarray  # int64
    owlt_s: np.ndarray  # float64  one-way light time, nan: not known, so that no route uses it
    warnings: tuple  # of str
    sha256: dict  # by file


class PlanNames:
    """The nodes of a plan without a topology: each is known once it is met (in place of `NodeNames`).

    A word that is an ipn number (`5`, `ipn:5`, `ipn:5.0`) means the node of that number, which is called by
    the number; any other is a name.
    """

    def __init__(self):
        self._names = []
        self._row_of_name = {}
        self._row_of_number = {}

    def is_known(self, name):
        """Whether this is the name of a node, not a number."""
        return name in self._row_of_name

    def find(self, name, place):
        """Row of the node of that name; BAD, after reporting, if nothing can be called so."""
        if name not in self._row_of_name:
            if re.fullmatch(r"-?\d+", name):
                return _refuse_number(name, place)
            if row_number(name) is not None:
                place.report("a plan without a topology has no rows; give a name or an ipn number", name)
                return BAD
            if (fault := name_fault(name)) is not None:
                place.report(fault, name)
                return BAD
            self._row_of_name[name] = self._add(name)
        return self._row_of_name[name]

    def find_number(self, number, place):
        """Row of the node with that ipn number; BAD, after reporting, if it is too large."""
        if number > MOST_NUMBER:
            return _refuse_number(number, place)
        if number not in self._row_of_number:
            self._row_of_number[number] = self._add(str(number))
        return self._row_of_number[number]

    def _add(self, name):
        self._names.append(name)
        return len(self._names) - 1

    def name_of(self, row):
        return self._names[row]

    def ipn_number(self, row):
        """Number of a node, once all of them are known."""
        return int(self.numbers()[row])

    @property
    def are_numbered(self):
        """Whether any node is told by its number."""
        return bool(self._row_of_number)

    def order(self):
        """The rows in the order in which the plan is to have them: int64 (n_nodes,).

        Where nodes are told by their numbers alone, as ION and HDTN do, the order of lines means nothing.
        """
        return np.arange(len(self._names)) if self._row_of_name else np.argsort(self.numbers())

    def numbers(self):
        """Numbers in the ipn scheme, int64 (n_nodes,): of a node with a name row + 1, else the least free."""
        given = {row: number for number, row in self._row_of_number.items()}
        taken, spare = set(given.values()), 1
        numbers = np.zeros(len(self._names), np.int64)
        for row in range(len(self._names)):
            number = given.get(row)
            if number is None:
                number = row + 1
                while number in taken:
                    number, spare = spare, spare + 1
                taken.add(number)
            numbers[row] = number
        return numbers


def _refuse_number(number, place):
    place.report(f"an ipn number must be from 0 to {MOST_NUMBER} (got {number})", number)
    return BAD


def load_plan(name_or_path, epoch=None) -> LoadedPlan:
    """A contact plan from its file, in any of the formats that `rule = "plan"` reads.

    Contacts of a pair that overlap with the same rate and light time are merged; with different ones all of
    them stay, and those that only touch stay apart, as they are contacts of their own to a router.

    Parameters
    ----------
    name_or_path : str or Path
        A name is looked up here, then among the shipped plans.
    epoch : datetime.datetime, optional
        The instant of t = 0. Absent: what the file says of it (the `utc` of our own JSON, the first absolute
        time of an ionrc file, the earliest start of an HDTN plan in Unix time), else `DEFAULT_EPOCH`.

    Returns
    -------
    plan : LoadedPlan

    Raises
    ------
    ScenarioError
        With all problems of the file.
    """
    title = display_name(name_or_path) if isinstance(name_or_path, Path) else name_or_path
    report = Report()
    try:
        path = (
            name_or_path
            if isinstance(name_or_path, Path)
            else find_file(name_or_path, Path(), ".csv", "plan", shipped.find_plan, shipped.list_plans())
        )
        content = read_bytes(path, MOST_DATA_BYTES, report)
        names = PlanNames()
        plan_file = PlanFile(display_name(path), report, names, BAD, {}, {}, places_known=False)
        plan_file = plan_file._replace(epoch=epoch or _epoch_in(content, plan_file))
        rows, sound = rows_of(content, path, plan_file)
    except FileFault as fault:
        report.add(title, None, None, str(fault))
        raise ScenarioError(title, report.problems) from None
    for row in rows:
        for t_s in (row.start_s, row.stop_s):
            if abs(t_s) > LONGEST_PLAN_S:
                row.line.report(f"times must be within 146 years of the plan's epoch (got {t_s:g} s)")
    if sound and not rows:
        plan_file.line(None).report("has no contacts")
    if report.problems:
        raise ScenarioError(title, report.problems)
    numbers = names.numbers()
    order = names.order()
    place = np.argsort(order).tolist()
    rows = [row._replace(from_row=place[row.from_row], to_row=place[row.to_row]) for row in rows]
    rows = _merged(rows, plan_file)
    without = sum(row.owlt_s is None for row in rows)
    if without and not any("without a range" in warning for warning in report.warnings):
        plan_file.warn(f"{count_of(without, 'contact')} without light time, which no route uses")
    owlt_s = [np.nan if row.owlt_s is None else row.owlt_s for row in rows]
    return LoadedPlan(
        name=path.stem,
        names=tuple(names.name_of(row) for row in order.tolist()),
        numbers=numbers[order],
        epoch=plan_file.epoch,
        from_row=np.array([row.from_row for row in rows], np.int32),
        to_row=np.array([row.to_row for row in rows], np.int32),
        start_s=np.array([row.start_s for row in rows], np.float64),
        stop_s=np.array([row.stop_s for row in rows], np.float64),
        rate_bps=np.array([row.rate_bps for row in rows], np.int64),
        owlt_s=np.array(owlt_s, np.float64),
        warnings=tuple(report.warnings),
        sha256=report.sha256,
    )


def read_nodes(name, place, epoch):
    """The nodes of the plan that is named at a place in a scenario, in the order of `load_plan`.

    Parameters
    ----------
    name : str
    place : Place
        Of the name.
    epoch : datetime.datetime
        What times count from.

    Returns
    -------
    names : tuple of str, or None
        None if the plan could not be read, which has been reported.
    numbers : tuple of int
        ipn numbers; empty where the plan has names alone.
    """
    opened = open_plan(name, place)
    if opened is None:
        return None, ()
    content, path, file = opened
    # Its warnings are left to the rule that takes the contacts, which may know more.
    report, names = Report(), PlanNames()
    plan_file = PlanFile(file, report, names, epoch, {}, {}, places_known=False)
    try:
        rows, sound = rows_of(content, path, plan_file)
    except FileFault as fault:
        place.report(str(fault), name)
        return None, ()
    if sound and not rows:
        plan_file.line(None).report("has no contacts")
    for problem in report.problems:
        place.source.report.add(problem.file, problem.line, problem.key, problem.message, problem.given)
    if report.problems:
        return None, ()
    order = names.order()
    numbers = tuple(names.numbers()[order].tolist()) if names.are_numbered else ()
    return tuple(names.name_of(row) for row in order.tolist()), numbers


def epoch_of_plan(name, place):
    """What t = 0 is in the plan that is named at a place in a scenario; None if that does not say so."""
    opened = open_plan(name, place)
    if opened is None:
        return None
    content, _, file = opened
    epoch = _epoch_in(content, PlanFile(file, place.source.report, PlanNames(), BAD, {}, {}))
    return None if epoch == DEFAULT_EPOCH else epoch


def _epoch_in(content, plan_file):
    """The instant that a file's times count from, as far as it says so."""
    text = content.decode("utf-8", "replace")
    if (match := _JSON_MOMENT.match(text)) is not None:
        try:
            moment = datetime.datetime.fromisoformat(match[1])
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(datetime.UTC)
    if (match := _ION_MOMENT.search(text)) is not None:
        try:
            moment = datetime.datetime(*map(int, match.groups()), tzinfo=datetime.UTC)
        except ValueError:
            return DEFAULT_EPOCH  # the reader says at which line there is no such time
        plan_file.warn(f"t = 0 is {_written(moment)}, the first absolute time in the file")
        return moment
    starts = [int(word) for word in _HDTN_START.findall(text)]
    if starts and _OLDEST_UNIX_S <= min(starts) < 10**11:
        moment = datetime.datetime.fromtimestamp(min(starts), datetime.UTC)
        plan_file.warn(f"t = 0 is {_written(moment)}, the earliest start in the file")
        return moment
    return DEFAULT_EPOCH


def _written(moment):
    return moment.isoformat().replace("+00:00", "Z")


def _merged(rows, plan_file):
    """Rows by (from, to, start, stop), those merged that overlap and say the same; others are warned of."""
    alike, repeated = {}, []
    for row in sorted(rows, key=lambda each: each[1:5]):
        found = alike.setdefault((*row[1:3], *row[5:]), [])
        if found and row.start_s < found[-1].stop_s:
            found[-1] = found[-1]._replace(stop_s=max(found[-1].stop_s, row.stop_s))
            repeated.append(row.line)
        else:
            found.append(row)
    merged = sorted((row for found in alike.values() for row in found), key=lambda each: each[1:5])
    if repeated:
        plan_file.warn(
            f"{count_of(len(repeated), 'contact')} overlapping another of the same nodes with the same rate "
            f"and light time {'is' if len(repeated) == 1 else 'are'} merged with it",
            repeated[0].number,
        )
    overlapping, pair, latest_s = [], None, 0.0
    for row in merged:
        if row[1:3] != pair:
            pair, latest_s = row[1:3], row.stop_s
        else:
            if row.start_s < latest_s:
                overlapping.append(row.line)
            latest_s = max(latest_s, row.stop_s)
    if overlapping:
        plan_file.warn(
            f"{count_of(len(overlapping), 'contact')} overlapping another of the same nodes with another "
            "rate or light time; all stay, and routes take whichever is better",
            overlapping[0].number,
        )
    return merged
