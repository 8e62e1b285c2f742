"""Rows of a contact plan while it is read: whose they are, what is wrong with them, and merging them."""

import itertools
import re
from typing import NamedTuple

from lasermesh.scenario.fields import BAD, keys_of
from lasermesh.scenario.problems import shown
from lasermesh.scenario.sources import Line
from lasermesh.scenario.tables import read_quickly
from lasermesh.scenario.topology import PlanContact

KINDS = {name: key.kind for name, key in keys_of(PlanContact).items()}
"""What the values of a contact plan must be, in s and bit/s, by column of the CSV file."""

_IPN = re.compile(r"(?:ipn:)?(\d{1,19})(?:\.0)?")


class PlanRow(NamedTuple):
    """A contact as a file has it, or as follows from one of its lines."""

    line: Line
    from_row: int
    to_row: int
    start_s: float
    stop_s: float
    rate_bps: int
    owlt_s: float | None  # None: from the positions


class Words(NamedTuple):
    """What a format calls the values that are checked after reading."""

    start: str = "start_s"
    stop: str = "stop_s"
    owlt: str = "owlt_s"


class Missing:
    """A word of a plan that means no node: where it first stands, what is wrong with it, and how often."""

    def __init__(self, place):
        self.place = place
        self.times = 1
        self.fault = None

    def report(self, message, given=None):
        """Keeps what is wrong, in place of the place itself, until it is known how often."""
        self.fault = message, given

    def tell(self):
        """Reports it, unless it cannot be known whether there is such a node."""
        if self.fault is not None:
            message, given = self.fault
            more = self.times - 1
            again = f"; named {'once' if more == 1 else f'{more} times'} more below" if more else ""
            self.place.report(message + again, given)


class PlanFile(NamedTuple):
    """A contact plan's file, and what its reader needs to know besides."""

    file: str  # as the user would name it
    report: object
    names: object  # NodeNames
    epoch: object  # datetime, BAD if it is not known
    found: dict  # rows by word, of those that were asked for
    missing: dict  # Missing by word, of those that mean no node
    places_known: bool = True  # whether nodes are those of a topology, which may have positions

    def line(self, number, prefix=None):
        return (
            Line(self.report, self.file, number)
            if prefix is None
            else Item(self.report, self.file, number, None, prefix)
        )

    def warn(self, message, number=None):
        self.report.warn(self.file, number, None, message)

    def find(self, word, line, column):
        """Row of the node that a name, `#row` or ipn number means; BAD if there is none.

        That is kept in `missing`, once for each word: a plan names a node in most of its lines.
        """
        row = self.found.get(word)
        if row is not None:
            return row
        text = str(word)
        if text in self.missing:
            self.missing[text].times += 1
            return BAD
        missing = Missing(line.at(column))
        match = _IPN.fullmatch(text)
        if match is None or self.names.is_known(text):
            row = self.names.find(text, missing)
        else:
            row = self.names.find_number(int(match[1]), missing)
        if row is BAD:
            self.missing[text] = missing
        else:
            self.found[word] = row
        return row

    def lacks_position(self, row):
        """Whether a `PlanRow` without light time can get none, though it should: an end has no position."""
        if not self.places_known:
            return False
        return not (self.names.has_position(row.from_row) and self.names.has_position(row.to_row))


class Item(Line):
    """A line of a data file on which an item stands whose values have names, as `contacts[3].owlt`."""

    def __init__(self, report_to, file, number, key, prefix):
        super().__init__(report_to, file, number, key if key is not None else prefix)
        object.__setattr__(self, "prefix", prefix)

    def at(self, column):
        return Item(self.report_to, self.file, self.number, f"{self.prefix}.{column}", self.prefix)

    def __str__(self):
        return f"{super().__str__()} ({self.prefix})"


def check_row(row, plan_file, words):
    """Whether a row can be a contact; what is wrong with it is reported."""
    sound = True
    line, names = row.line, plan_file.names
    if row.stop_s <= row.start_s:
        message = f"must be after {words.start}, which is {row.start_s:.15g} (got {row.stop_s:.15g})"
        line.at(words.stop).report(message, row.stop_s)
        sound = False
    if row.owlt_s is None and plan_file.lacks_position(row):
        line.at(words.owlt).report("missing; it is needed where a node has no position to compute it from")
        sound = False
    if row.from_row == row.to_row:
        line.report(f"a link from {shown(names.name_of(row.from_row))} to itself")
        sound = False
    return sound


def merge_rows(rows, plan_file, what="contact"):
    """Rows by (from, to, start), those of one pair that overlap or touch merged where they say the same.

    Overlaps that say different things are reported, and None is returned.
    """
    merged, overlaps, sound = [], [], True
    for row in sorted(rows, key=lambda each: each[1:5]):
        last = merged[-1] if merged else None
        if last is None or last[1:3] != row[1:3] or last.stop_s < row.start_s:
            merged.append(row)
        elif last[5:] == row[5:]:
            if row.start_s < last.stop_s and row.line is not last.line:
                overlaps.append(row.line)
            merged[-1] = last._replace(stop_s=max(last.stop_s, row.stop_s))
        elif row.start_s < last.stop_s:
            first, second = sorted((last.line, row.line), key=lambda line: line.number or 0)
            second.report(
                f"overlaps the {what} of the same nodes at {first}, with another rate or light time"
                if what == "contact"
                else f"overlaps the {what} of the same nodes at {first}, with another light time"
            )
            sound = False
            if row.stop_s > last.stop_s:
                merged.append(row)
        else:
            merged.append(row)
    if overlaps:
        plan_file.warn(
            f"{count_of(len(overlaps), what)} overlapping another of the same nodes with the same rate and "
            f"light time {'is' if len(overlaps) == 1 else 'are'} merged with it",
            overlaps[0].number,
        )
    return merged if sound else None


def count_of(number, what):
    """`1 contact`, `3 contacts`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def number_in(text, kind, line, column):
    """The number that a word of a text file is, checked; BAD after reporting at that column."""
    try:
        value = float(text) if "_" not in text else text
    except ValueError:
        value = text
    return read_quickly(kind, value, line, column)


def cut_by(start_s, stop_s, *series):
    """The pieces of [start_s, stop_s) in each of which every series has one value.

    Parameters
    ----------
    series : list of (start_s, stop_s, value)
        Each ascending and without overlap.

    Returns
    -------
    pieces : list of (start_s, stop_s, values)
        `values` has one item for each series, None where it says nothing.
    """
    edges = {start_s, stop_s}
    for one in series:
        edges.update(t for s, e, _ in one for t in (s, e) if start_s < t < stop_s)
    positions = [0] * len(series)
    pieces = []
    for begin, end in itertools.pairwise(sorted(edges)):
        values = []
        for k, one in enumerate(series):
            while positions[k] < len(one) and one[positions[k]][1] <= begin:
                positions[k] += 1
            here = one[positions[k]] if positions[k] < len(one) else None
            values.append(here[2] if here is not None and here[0] <= begin else None)
        if pieces and pieces[-1][2] == values:
            pieces[-1] = (pieces[-1][0], end, values)
        else:
            pieces.append((begin, end, values))
    return pieces
