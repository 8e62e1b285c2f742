"""Reading contact plans of A-SABR in its own text form: lines `node` and `contact`.

After the README and the parser of github.com/DTN-MTP/A-SABR. Rates are taken as bytes/s, as in the plans of
ION that A-SABR reads too, delays as seconds.
"""

import itertools

from lasermesh.scenario.fields import BAD, Number
from lasermesh.scenario.plan_rows import KINDS, PlanRow, Words, check_row, count_of, cut_by, number_in
from lasermesh.scenario.problems import shown

WORDS = Words("start", "end", "delay")

_RATE = Number(0.125, 1.25e14, unit="bytes/s")
_STARTS = ("node", "contact", "vnode", "enode")
_PLAIN = {f"{prefix}{name}" for prefix in ("", "p", "pb") for name in ("evl", "eto", "qd")}
_SEGMENTED = ("seg", "pseg")


def read_asabr(text, plan_file):
    """Rows of the contacts in an A-SABR plan, and whether nothing had to be reported."""
    reading = _Reading(plan_file)
    for line, words in _statements(text, plan_file, reading):
        reading.take(words, line)
    reading.warn()
    return reading.rows, reading.sound


def _statements(text, plan_file, reading):
    """First line and words of each statement; it ends where the next one begins, on whatever line."""
    line, words = None, []
    for number, content in enumerate(text.splitlines(), 1):
        content = content.partition("#")[0]
        for mark in "[],":
            content = content.replace(mark, f" {mark} ")
        for word in content.split():
            # A node may be called "node": the name is the third word.
            if word in _STARTS and not (words and words[0] in ("node", "enode") and len(words) == 2):
                if words:
                    yield line, words
                line, words = plan_file.line(number), [word]
            elif words:
                words.append(word)
            else:
                reading.report(plan_file.line(number), f"must begin with node or contact (got {shown(word)})")
                words, line = ["?"], plan_file.line(number)
    if words:
        yield line, words


class _Fault(Exception):
    """What is wrong with a statement that cannot be read on."""


class _Reading:
    """Takes statement after statement."""

    def __init__(self, plan_file):
        self.plan_file = plan_file
        self.rows = []
        self.sound = True
        self.nodes = []  # row by id, BAD where that is not known
        self.budgets = []

    def report(self, line, message, given=None):
        line.report(message, given)
        self.sound = False

    def take(self, words, line):
        """Does what one statement says."""
        try:
            if words[0] == "node":
                self._node(words[1:], line)
            elif words[0] == "contact":
                self._contact(words[1:], line)
            elif words[0] in ("vnode", "enode"):
                raise _Fault(f"{words[0]} is not supported: it is any one of several nodes")
        except _Fault as fault:
            self.report(line, str(fault), " ".join(words))

    def _node(self, words, line):
        if len(words) != 2:
            raise _Fault('must be "node id name"')
        if words[0] != str(len(self.nodes)):
            raise _Fault(
                f"ids count from 0 without a gap: this one must be {len(self.nodes)} (got {words[0]})"
            )
        row = self.plan_file.find(words[1], line, "node")
        if row is not BAD and row in self.nodes:
            self.report(line.at("node"), f"{shown(words[1])} has the id {self.nodes.index(row)} already")
        self.sound &= row is not BAD
        self.nodes.append(row)

    def _contact(self, words, line):
        if len(words) < 5:
            raise _Fault('must be "contact from to start end" and rate and delay')
        nodes = [self._find(word, line, key) for word, key in zip(words, ("from", "to"), strict=False)]
        start_s = self._number(words[2], KINDS["start_s"], line, WORDS.start)
        stop_s = self._number(words[3], KINDS["stop_s"], line, WORDS.stop)
        marker, rest = None, words[4:]
        if rest[0] in _PLAIN or rest[0] in _SEGMENTED:
            marker, rest = rest[0], rest[1:]
        if marker in _SEGMENTED or (marker is None and rest[0] in ("rate", "delay")):
            rates, delays = self._segments(rest, line)
        elif rest and rest[0].isalpha():
            raise _Fault(f"{shown(rest[0])} is a way to manage contacts that is not known here")
        else:
            rates, delays = self._constant(rest, start_s, stop_s, line)
        if BAD in (*nodes, start_s, stop_s, rates, delays):
            self.sound = False
            return
        whole = PlanRow(line, *nodes, start_s, stop_s, 1, 0.0)
        if not check_row(whole, self.plan_file, WORDS):
            self.sound = False
            return
        _check_cover("rate", rates, start_s, stop_s)
        _check_cover("delay", delays, start_s, stop_s)
        self.rows += [
            whole._replace(start_s=begin, stop_s=end, rate_bps=round(rate * 8), owlt_s=delay_s)
            for begin, end, (rate, delay_s) in cut_by(start_s, stop_s, rates, delays)
        ]

    def _find(self, word, line, key):
        if not word.isdecimal() or int(word) >= len(self.nodes):
            self.report(line.at(key), f"no node with this id stands before (got {shown(word)})", word)
            return BAD
        return self.nodes[int(word)]

    def _number(self, word, kind, line, key):
        value = number_in(word, kind, line, key)
        self.sound &= value is not BAD
        return value

    def _constant(self, words, start_s, stop_s, line):
        """One rate and one delay for the whole contact."""
        if len(words) not in (2, 5):
            raise _Fault("after the times come a rate, a delay and perhaps three budgets")
        if len(words) == 5:
            self.budgets.append(line)
        rate = self._number(words[0], _RATE, line, "rate")
        delay_s = self._number(words[1], KINDS["owlt_s"], line, "delay")
        if BAD in (rate, delay_s, start_s, stop_s):
            return BAD, BAD
        return [(start_s, stop_s, rate)], [(start_s, stop_s, delay_s)]

    def _segments(self, words, line):
        """Rates and delays by time: `rate [0 5 100, 5 9 200]`, or `rate 0 5 100 rate 5 9 200`."""
        found = {"rate": [], "delay": []}
        at = 0
        while at < len(words):
            name = words[at]
            if name not in found:
                raise _Fault(f"rate or delay must stand here (got {shown(name)})")
            at += 1
            if words[at : at + 1] == ["["]:
                end = next((i for i in range(at, len(words)) if words[i] == "]"), None)
                if end is None:
                    raise _Fault("a bracket is not closed")
                groups = [
                    list(group)
                    for comma, group in itertools.groupby(words[at + 1 : end], lambda word: word == ",")
                    if not comma
                ]
                at = end + 1
            else:
                groups, at = [words[at : at + 3]], at + 3
            for group in groups:
                found[name].append(self._segment(name, group, line))
        for name, segments in found.items():
            if not segments:
                raise _Fault(f"a segmented contact must say its {name}")
            if BAD not in segments:
                segments.sort()
        return tuple(BAD if BAD in segments else segments for segments in found.values())

    def _segment(self, name, words, line):
        if len(words) != 3:
            raise _Fault(f"{name} has three values, start, end and what holds between (got {len(words)})")
        kind = _RATE if name == "rate" else KINDS["owlt_s"]
        start_s, stop_s = (self._number(word, KINDS["start_s"], line, name) for word in words[:2])
        value = self._number(words[2], kind, line, name)
        if BAD in (start_s, stop_s, value):
            return BAD
        if stop_s <= start_s:
            raise _Fault(f"{name} must end after it starts, at {start_s:.15g} (got {stop_s:.15g})")
        return start_s, stop_s, value

    def warn(self):
        if self.budgets:
            what = count_of(len(self.budgets), "contact")
            self.plan_file.warn(f"{what} with budgets by priority, which are ignored", self.budgets[0].number)


def _check_cover(name, segments, start_s, stop_s):
    """That each instant of a contact, and no other, has one value: A-SABR takes nothing else."""
    begins_s = [*(begin_s for begin_s, _, _ in segments), stop_s]
    ends_s = [start_s, *(end_s for _, end_s, _ in segments)]
    if any(begin_s < end_s for begin_s, end_s in zip(begins_s[1:-1], ends_s[1:], strict=False)):
        raise _Fault(f"two values of {name} for the same time")
    if begins_s != ends_s:
        raise _Fault(
            f"{name} must have values for all of the contact, from {start_s:.15g} to {stop_s:.15g}, "
            "and for no other time"
        )
