"""Reading contact plans of ION: the lines `a contact` and `a range` of an ionrc file.

After the manual page ionrc(5) of ION.
"""

import datetime
import re
from typing import NamedTuple

from lasermesh.scenario.fields import BAD, Number
from lasermesh.scenario.plan_rows import (
    KINDS,
    PlanRow,
    Words,
    check_row,
    count_of,
    cut_by,
    merge_rows,
    number_in,
)
from lasermesh.scenario.problems import shown

WORDS = Words("start", "stop", "range")

_RATE = Number(0.125, 1.25e14, unit="bytes/s")
_CONFIDENCE = Number(0.0, 1.0)
_ABSOLUTE = re.compile(r"(\d{4})/(\d\d)/(\d\d)-(\d\d):(\d\d):(\d\d)(\.\d+)?")
_VERBS = {"a": "adds", "c": "changes", "d": "deletes"}
# Commands of ionadmin that say nothing about contacts.
_OTHER_COMMANDS = frozenset("1?!%ehilmpqrstvwx")


class _Entry(NamedTuple):
    """A contact (bytes/s) or range (light seconds) that a line has added."""

    line: object
    start_s: float
    stop_s: float
    value: float


def read_ion(text, plan_file):
    """Rows of the contacts in the text of an ionrc file, and whether nothing had to be reported."""
    reading = _Reading(plan_file)
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            reading.take(words, plan_file.line(number))
    return reading.rows()


class _Reading:
    """Goes through the commands in order, as ionadmin does."""

    def __init__(self, plan_file):
        self.plan_file = plan_file
        self.reference_s = 0.0
        self.sound = True
        self.contacts = {}  # pair of rows: list of _Entry
        self.ranges = {}
        self.ignored = {}  # what, and why: lines
        self.seventh_values = 0
        self.doubted = []
        self.ranges_known = True  # False once a range could not be read

    def take(self, words, line):
        """Does what one line says."""
        command = words[0]
        if command in ("@", "at"):
            self._set_reference(words, line)
        elif command == "^":
            self._ignore("regions, which have no meaning here", line)
        elif command in _VERBS and len(words) > 1 and words[1] in ("contact", "range"):
            getattr(self, f"_{_VERBS[command]}")(words[1], words[2:], line)
        elif command in _VERBS:
            self._report(line, f'"{command}" must be followed by contact or range', " ".join(words))
        elif command in _OTHER_COMMANDS:
            self._ignore("commands that say nothing about contacts", line)
        else:
            self._report(line, f"{shown(command)} is no command of ION", " ".join(words))

    def _report(self, line, message, given=None):
        line.report(message, given)
        self.sound = False

    def _ignore(self, what, line):
        self.ignored.setdefault(what, []).append(line)

    def _set_reference(self, words, line):
        if len(words) != 2:
            self._report(line, "@ is followed by one time")
        elif (time_s := self._time(words[1], line, "@")) is not BAD:
            self.reference_s = time_s

    def _time(self, word, line, key):
        """Seconds from the epoch to a relative or absolute time; BAD after reporting."""
        match = _ABSOLUTE.fullmatch(word) if word[0] != "+" else None
        if match is None:
            time_s = number_in(word, KINDS["start_s"], line, key)
            self.sound &= time_s is not BAD
            return BAD if time_s is BAD else self.reference_s + time_s
        if self.plan_file.epoch is BAD:
            self.sound = False
            return BAD
        try:
            moment = datetime.datetime(*map(int, match.groups()[:6]), tzinfo=datetime.UTC)
        except ValueError as error:
            line.at(key).report(f"there is no such time: {error}", word)
            self.sound = False
            return BAD
        return (moment - self.plan_file.epoch).total_seconds() + float(match[7] or 0.0)

    def _pair(self, words, line):
        """Rows of the two nodes; BAD if one is not known."""
        rows = tuple(
            self.plan_file.find(word, line, key) for key, word in zip(("from", "to"), words, strict=True)
        )
        if BAD in rows:
            self.sound = False
            return BAD
        return rows

    def _adds(self, what, words, line):
        least, most = (5, 6) if what == "contact" else (5, 5)
        if not least <= len(words) <= most:
            self.ranges_known &= what != "range"
            shape = (
                "start stop from to rate [confidence]" if what == "contact" else "start stop from to seconds"
            )
            self._report(line, f'must be "a {what} {shape}" (got {len(words)} values)', " ".join(words))
            return
        if what == "contact" and words[0] == "-1":
            self._ignore("registration contacts, which routing ignores too", line)
            return
        if what == "contact" and words[1] == "0":
            self._ignore("hypothetical contacts, which have no rate", line)
            return
        start_s, stop_s = self._time(words[0], line, "start"), self._time(words[1], line, "stop")
        pair = self._pair(words[2:4], line)
        key, kind = ("rate", _RATE) if what == "contact" else ("range", KINDS["owlt_s"])
        value = number_in(words[4], kind, line, key)
        if len(words) == 6:
            self._check_confidence(words[5], line)
        if BAD in (start_s, stop_s, pair, value):
            self.sound = False
            self.ranges_known &= what != "range"
        elif what == "range" and stop_s <= start_s:
            self.ranges_known = False
            self._report(line.at("stop"), f"must be after start, which is {start_s:.15g} (got {stop_s:.15g})")
        else:
            entries = self.contacts if what == "contact" else self.ranges
            entries.setdefault(pair, []).append(_Entry(line, start_s, stop_s, value))

    def _check_confidence(self, word, line):
        self.seventh_values += 1
        confidence = number_in(word, KINDS["owlt_s"], line, "confidence")
        if confidence is BAD:
            self.sound = False
        elif confidence > 1.0:
            self._report(
                line.at("confidence"),
                f"must be {_CONFIDENCE.words()} (got {confidence:g}); files of pyCGR look alike and have a "
                "light time here, which ION keeps in ranges",
                confidence,
            )
        elif confidence < 1.0:
            self.doubted.append(line)

    def _changes(self, what, words, line):
        if what == "range" or not 4 <= len(words) <= 5:
            self._report(line, 'must be "c contact start from to rate [confidence]"', " ".join(words))
            return
        rate = number_in(words[3], _RATE, line, "rate")
        self.sound &= rate is not BAD
        if len(words) == 5:
            self._check_confidence(words[4], line)
        found = self._find("contact", words[:3], line)
        if found is not None and rate is not BAD:
            pair, entry = found
            entries = self.contacts[pair]
            entries[entries.index(entry)] = entry._replace(value=rate)

    def _deletes(self, what, words, line):
        if len(words) != 3:
            self._report(line, f'must be "d {what} start from to", or * for start', " ".join(words))
        elif words[0] == "*":
            pair = self._pair(words[1:], line)
            entries = self.contacts if what == "contact" else self.ranges
            if pair is not BAD and entries.pop(pair, None) is None:
                self._report(line, f"there is no {what} of these nodes")
        elif (found := self._find(what, words, line)) is not None:
            pair, entry = found
            (self.contacts if what == "contact" else self.ranges)[pair].remove(entry)

    def _find(self, what, words, line):
        """Pair and entry of an earlier line, by start and nodes; None after reporting."""
        start_s = self._time(words[0], line, "start")
        pair = self._pair(words[1:], line)
        if BAD in (start_s, pair):
            return None
        for entry in (self.contacts if what == "contact" else self.ranges).get(pair, ()):
            if entry.start_s == start_s:
                return pair, entry
        self._report(line, f"there is no {what} of these nodes that starts then")
        return None

    def rows(self):
        """All contacts, cut where their range changes, and whether all is well."""
        for what, lines in self.ignored.items():
            self.plan_file.warn(f"{count_of(len(lines), 'line')} ignored: {what}", lines[0].number)
        ranges = self._merged_ranges()
        if self.doubted:
            what = count_of(len(self.doubted), "contact")
            self.plan_file.warn(f"{what} with a confidence below 1, taken as certain", self.doubted[0].number)
        rows, without_range = [], 0
        for (from_row, to_row), entries in self.contacts.items():
            light_times = self._light_times(from_row, to_row, ranges)
            for entry in entries:
                rate_bps = round(entry.value * 8)
                row = PlanRow(entry.line, from_row, to_row, entry.start_s, entry.stop_s, rate_bps, 0.0)
                if not check_row(row, self.plan_file, WORDS):
                    self.sound = False
                    continue
                pieces = cut_by(entry.start_s, entry.stop_s, *light_times)
                times = [
                    next((value for value in values if value is not None), None) for *_, values in pieces
                ]
                if None in times and self.ranges_known:
                    without_range += 1
                    self._check_positions(row)
                rows += [
                    row._replace(start_s=start_s, stop_s=stop_s, owlt_s=time_s)
                    for (start_s, stop_s, _), time_s in zip(pieces, times, strict=True)
                ]
        if without_range:
            hint = (
                "; files of pyCGR have light times as seventh value, ION has not"
                if (self.seventh_values and not self.ranges)
                else ""
            )
            known = self.plan_file.places_known
            light_time = "here the light time follows from the positions" if known else "nor is it used here"
            self.plan_file.warn(
                f"{count_of(without_range, 'contact')} without a range for all of the time: ION would not "
                f"use that; {light_time}{hint}"
            )
        return rows, self.sound

    def _check_positions(self, row):
        if self.plan_file.lacks_position(row):
            self._report(
                row.line.at("range"),
                "missing: no range covers all of this contact, and a node has no position to compute it from",
            )

    def _merged_ranges(self):
        """(start_s, stop_s, light seconds) by pair, ascending."""
        rows = [
            PlanRow(entry.line, *pair, entry.start_s, entry.stop_s, 0, entry.value)
            for pair, entries in self.ranges.items()
            for entry in entries
        ]
        merged = merge_rows(rows, self.plan_file, "range")
        if merged is None:
            self.sound = self.ranges_known = False
            return {}
        ranges = {}
        for row in merged:
            ranges.setdefault((row.from_row, row.to_row), []).append((row.start_s, row.stop_s, row.owlt_s))
        return ranges

    def _light_times(self, from_row, to_row, ranges):
        """Series of light times for one direction, the one that counts most first.

        A range whose first number is the smaller holds the other way round too, unless that has its own.
        """
        own = ranges.get((from_row, to_row), [])
        number_of = self.plan_file.names.ipn_number
        implied = ranges.get((to_row, from_row), []) if number_of(to_row) < number_of(from_row) else []
        return own, implied
