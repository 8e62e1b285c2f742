"""Reading contact plans of HDTN: JSON with bit/s and whole seconds."""

from lasermesh.scenario.fields import BAD, Number
from lasermesh.scenario.plan_rows import KINDS, PlanRow, Words, check_row, count_of
from lasermesh.scenario.problems import shown
from lasermesh.scenario.tables import read_quickly

WORDS = Words("startTime", "endTime", "owlt")

_RATES = {
    "rateBitsPerSec": (Number(0.0, 1e15, unit="bit/s"), 1.0),
    "rate": (Number(0.0, 1e9, unit="Mbit/s"), 1e6),
}
_UNLIMITED_BPS = 10**9
"""What HDTN itself computes with where a rate of 0 says that there is no limit."""

_OLDEST_UNIX_S = 1e9
"""A plan whose times all lie beyond this counts from 1970, not from the router's start: it is 31 years."""


def read_hdtn(items, plan_file):
    """Rows of the contacts in the items of an HDTN plan, and whether nothing had to be reported.

    Parameters
    ----------
    items : list of (line number, dict)
    """
    reading = _Reading(plan_file)
    offset_s = reading.offset_s(items)
    rows = [reading.row(index, line, item, offset_s) for index, (line, item) in enumerate(items)]
    reading.warn()
    return [row for row in rows if row is not None], None not in rows


class _Reading:
    """Reads contact after contact and counts what must be said of them together."""

    def __init__(self, plan_file):
        self.plan_file = plan_file
        self.unlimited = []
        self.without_owlt = []
        self.old_rates = 0

    def offset_s(self, items):
        """What to subtract from times: 0, or the epoch in Unix time if they count from 1970."""
        times = [item.get(WORDS.start) for _, item in items]
        numbers = [time for time in times if isinstance(time, int | float) and not isinstance(time, bool)]
        if self.plan_file.epoch is BAD or not numbers or min(numbers) < _OLDEST_UNIX_S:
            return 0.0
        self.plan_file.warn("times are taken as Unix time, because all of them are beyond 1e9 s")
        return self.plan_file.epoch.timestamp()

    def row(self, index, number, item, offset_s):
        """The contact in one item; None after reporting."""
        line = self.plan_file.line(number, f"contacts[{index}]")
        nodes = [self._node(item, key, line) for key in ("source", "dest")]
        start_s, stop_s = (
            self._number(item, key, KINDS["start_s"], line) for key in (WORDS.start, WORDS.stop)
        )
        rate_bps = self._rate_bps(item, line)
        owlt_s = item.get(WORDS.owlt)
        if owlt_s is None:
            self.without_owlt.append(line)
            owlt_s = None if self.plan_file.places_known else 0.0
        else:
            owlt_s = read_quickly(KINDS["owlt_s"], owlt_s, line, WORDS.owlt)
        if BAD in (*nodes, start_s, stop_s, rate_bps, owlt_s):
            return None
        row = PlanRow(line, *nodes, start_s - offset_s, stop_s - offset_s, rate_bps, owlt_s)
        return row if check_row(row, self.plan_file, WORDS) else None

    def _node(self, item, key, line):
        value = item.get(key)
        if (isinstance(value, int) and not isinstance(value, bool)) or isinstance(value, str):
            return self.plan_file.find(value, line, key)
        line.at(key).report(
            _missing_or_wrong(item, key, "an ipn number or the name of a node in quotes"), value
        )
        return BAD

    def _number(self, item, key, kind, line):
        if key not in item:
            line.at(key).report(f"missing; must be {kind.words()}")
            return BAD
        return read_quickly(kind, item[key], line, key)

    def _rate_bps(self, item, line):
        key = next((key for key in _RATES if key in item), None)
        if key is None:
            line.at("rateBitsPerSec").report("missing; must be a number of bit/s")
            return BAD
        kind, unit_bps = _RATES[key]
        value = read_quickly(kind, item[key], line, key)
        if value is BAD:
            return BAD
        self.old_rates += key == "rate"
        if value == 0.0:
            self.unlimited.append(line)
            return _UNLIMITED_BPS
        rate_bps = read_quickly(KINDS["rate_bps"], value * unit_bps, line, key)
        return rate_bps if rate_bps is BAD else round(rate_bps)

    def warn(self):
        if self.old_rates:
            self.plan_file.warn(
                f"{count_of(self.old_rates, 'contact')} with the old key rate, read as Mbit/s"
            )
        if self.without_owlt:
            known = self.plan_file.places_known
            here = "here the light time follows from the positions" if known else "so it is taken here"
            self.plan_file.warn(
                f"{count_of(len(self.without_owlt), 'contact')} without owlt, which HDTN takes as 0: {here}",
                self.without_owlt[0].number,
            )
        if self.unlimited:
            self.plan_file.warn(
                f"{count_of(len(self.unlimited), 'contact')} of rate 0, which is no limit, read as 1 Gbit/s; "
                "HDTN computes with that",
                self.unlimited[0].number,
            )


def _missing_or_wrong(item, key, words):
    return f"must be {words} (got {shown(item[key])})" if key in item else f"missing; must be {words}"
