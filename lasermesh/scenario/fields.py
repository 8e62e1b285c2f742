"""Kinds of values a scenario file may hold, and the metadata that stands beside each field of a dataclass."""

import dataclasses
import datetime
import math
import re
import unicodedata
from dataclasses import dataclass

from lasermesh.scenario.problems import did_you_mean, shown


class _Mark:
    """A value that is no value; compared by identity."""

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return self._name


MOST_FLOAT = 1e300
"""No number of a scenario is this large; above it, integers no longer fit a float."""

BAD = _Mark("BAD")
"""Stands for a value that was wrong and has been reported."""

REQUIRED = _Mark("REQUIRED")
"""Stands for the default of a key that must be given."""


@dataclass(frozen=True)
class Key:
    """What one key of a file is: its name there, kind, default, help, and where it applies.

    `only` and `required_with` name variants of the table (as `pattern`, or `rule = "grid"`): those to which
    the key is limited, and those in which it must be given. An empty `only` means all of them.
    `beside` is another key of the table with the values that it must have for this one to stand; where it has
    one of them and `needed` is true, or one of those in `needed`, this one must stand.
    """

    name: str
    kind: object
    default: object
    help: str
    only: tuple = ()
    required_with: tuple = ()
    beside: tuple | None = None
    needed: bool | tuple = False

    @property
    def beside_words(self):
        """What the other key must say, as `kind = "bulk" or "request"`."""
        other, values = self.beside
        return f"{other} = {Choice(values).words()}"

    @property
    def needed_beside(self):
        """Values of the other key with which this one must stand."""
        return self.needed if isinstance(self.needed, tuple) else self.beside[1] if self.needed else ()

    @property
    def needed_words(self):
        """These, as `kind = "bulk"`; None if there are none."""
        return f"{self.beside[0]} = {Choice(self.needed_beside).words()}" if self.needed else None

    def applies_to(self, variant):
        return variant is None or not self.only or variant in self.only

    def needed_in(self, variant):
        if self.default is REQUIRED:
            return not self.only or variant in self.only
        return variant in self.required_with


def key(kind, default=REQUIRED, *, help, name=None, only=(), required_with=(), beside=None, needed=False):
    """A dataclass field that a file sets, by the field's own name unless `name` says otherwise."""
    metadata = {"key": Key(name, kind, default, help, only, required_with, beside, needed)}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    return _field(default, metadata)


def keys_of(*classes):
    """The keys of one or more dataclasses, by name in the file, in the order of their fields, inherited ones
    last.
    """
    keys = {}
    for cls in classes:
        own = cls.__annotations__
        for each in sorted(dataclasses.fields(cls), key=lambda each: each.name not in own):
            if "key" in each.metadata:
                described = each.metadata["key"]
                name = described.name or each.name
                keys[name] = dataclasses.replace(described, name=name)
    return keys


def bulky(default=()):
    """A field that no file sets and that `as_plain` leaves out, because it is large or repeats a file."""
    return _field(default, {"bulky": True}, repr=False)


def _field(default, metadata, repr=True):
    """A dataclass field; a table as default is made anew for each object."""
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata, repr=repr)
    return dataclasses.field(default=default, metadata=metadata, repr=repr)


def as_plain(value):
    """A dataclass as JSON-ready values under the names of the file."""
    if dataclasses.is_dataclass(value):
        plain = {}
        for each in dataclasses.fields(value):
            if not each.metadata.get("bulky"):
                described = each.metadata.get("key")
                name = (described and described.name) or each.name
                plain[name] = as_plain(getattr(value, each.name))
        return plain
    if isinstance(value, dict):
        return {name: as_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date | datetime.time):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Kind:
    """A kind of value.

    `fits` tells whether a value has the right type, `fault` what else is wrong with it (None if nothing),
    `words` names the kind after "must be", and `read` returns the value to use, or BAD after reporting.
    """

    def fits(self, value):
        raise NotImplementedError

    def words(self):
        raise NotImplementedError

    def fault(self, value):
        return None

    def convert(self, value):
        return value

    def read(self, value, place):
        if not self.fits(value):
            place.report(f"must be {self.words()} (got {shown(value)})", value)
            return BAD
        fault = self.fault(value)
        if fault is not None:
            place.report(fault, value)
            return BAD
        return self.convert(value)


def _range_words(low, high, above=None, below=None):
    low, high, above, below = (
        f"{limit:.15g}" if isinstance(limit, float) else limit for limit in (low, high, above, below)
    )
    if below is not None:
        return f" of at least {low} and below {below}"
    if above is not None:
        return f" above {above}" + ("" if high is None else f" and at most {high}")
    if high is None:
        return "" if low is None else f" of at least {low}"
    return f" of at most {high}" if low is None else f" from {low} to {high}"


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number; `true` is none."""

    low: int | None
    high: int | None = None
    unit: str | None = None

    def fits(self, value):
        return isinstance(value, int) and not isinstance(value, bool)

    def words(self):
        return "an integer" + _range_words(self.low, self.high)

    def fault(self, value):
        too_low = self.low is not None and value < self.low
        if too_low or (self.high is not None and value > self.high):
            return f"must be {self.words()} (got {shown(value)})"
        return None


@dataclass(frozen=True)
class Number(Kind):
    """A finite number, written as a float or an integer."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None  # only together with `low`
    unit: str | None = None

    def fits(self, value):
        return isinstance(value, int | float) and not isinstance(value, bool)

    def words(self):
        return "a number" + _range_words(self.low, self.high, self.above, self.below)

    def fault(self, value):
        inside = (
            abs(value) < MOST_FLOAT
            and (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )
        return None if inside else f"must be {self.words()} (got {shown(value)})"

    def convert(self, value):
        return float(value)


@dataclass(frozen=True)
class Flag(Kind):
    """`true` or `false`."""

    def fits(self, value):
        return isinstance(value, bool)

    def words(self):
        return "true or false"


@dataclass(frozen=True)
class Text(Kind):
    """Text that is not blank; `what` says what it stands for."""

    what: str

    def fits(self, value):
        return isinstance(value, str)

    def words(self):
        return self.what

    def fault(self, value):
        return None if value.strip() else f"must be {self.words()} (got {shown(value)})"


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words, or numbers; `later` are those that the design has and this version does not."""

    choices: tuple
    later: tuple = ()

    def fits(self, value):
        return type(value) is type(self.choices[0])

    def words(self):
        quoted = [shown(choice) for choice in self.choices]
        return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]

    def fault(self, value):
        if value in self.later:
            return f"{shown(value)} is not yet supported; must be {self.words()}"
        if value not in self.choices:
            hint = did_you_mean(value, self.choices) if isinstance(value, str) else ""
            return f"must be {self.words()} (got {shown(value)}){hint}"
        return None


@dataclass(frozen=True)
class Name(Kind):
    """A name of something in the scenario (design section 9, point 9)."""

    forbidden: str = ":,*?["

    def fits(self, value):
        return isinstance(value, str)

    def words(self):
        return "a name in quotes"

    def fault(self, value):
        return name_fault(value, self.forbidden)


def name_fault(name, forbidden=":,*?["):
    """Why this cannot be the name of a node, group or flow, or None."""
    if not name.strip():
        return f"a name must not be blank (got {shown(name)})"
    for character in name:
        if character in forbidden:
            return f"a name must not contain {shown(character)} (got {shown(name)})"
        if unicodedata.category(character) in ("Cc", "Cs"):
            return f"a name must not contain control characters (got {shown(name)})"
    if row_number(name) is not None:
        return f"{shown(name)} cannot be a name, because it stands for a row number"
    return None


def row_number(name):
    """17 for `#17`, None for anything else."""
    return int(name[1:]) if re.fullmatch("#[0-9]{1,18}", name) else None


@dataclass(frozen=True)
class Moment(Kind):
    """An instant, written with its offset from UTC."""

    first_year: int
    last_year: int

    def fits(self, value):
        return isinstance(value, datetime.datetime) and value.tzinfo is not None

    def words(self):
        return "a date-time with an offset, as 2026-01-01T00:00:00Z"

    def fault(self, value):
        if not self.first_year <= value.year <= self.last_year:
            return f"must be in the years {self.first_year} to {self.last_year} (got {shown(value)})"
        return None

    def convert(self, value):
        return value.astimezone(datetime.UTC)


@dataclass(frozen=True)
class Row(Kind):
    """A list of fixed length, each item with a label and a kind of its own, as `["Tokyo", "London"]`."""

    labels: tuple
    items: tuple

    def fits(self, value):
        return isinstance(value, list) and len(value) == len(self.labels)

    def words(self):
        return "a list [" + ", ".join(self.labels) + "]"

    def read(self, value, place):
        checked = super().read(value, place)
        if checked is BAD:
            return BAD
        row = tuple(
            kind.read(item, place.at(i))
            for i, (kind, item) in enumerate(zip(self.items, checked, strict=True))
        )
        return BAD if BAD in row else row


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of one kind that is not empty, which `least` says; `distinct` refuses repetition."""

    item: Kind
    distinct: bool = False
    least: str = "not empty"

    def fits(self, value):
        return isinstance(value, list)

    def words(self):
        return f"a list, each item {self.item.words()}"

    def fault(self, value):
        return None if value else f"must be {self.words()}, and {self.least} (got [])"

    def read(self, value, place):
        checked = super().read(value, place)
        if checked is BAD:
            return BAD
        items = tuple(self.item.read(item, place.at(i)) for i, item in enumerate(checked))
        if BAD in items:
            return BAD
        if self.distinct:
            return _without_repetition(items, place)
        return items


def _without_repetition(items, place):
    first_index = {}
    for index, item in enumerate(items):
        first = first_index.setdefault(item, index)
        if first != index:
            before, here = place.at(first), place.at(index)
            # One line of an option holds both, and has been named as the place of the problem.
            where = before.key if before.locate() == here.locate() and here.locate()[1] is None else before
            here.report(f"{shown(item)} stands already at {where}", item)
    return items if len(first_index) == len(items) else BAD


@dataclass(frozen=True)
class OneOrMore(Kind):
    """One row, or a list of rows; always read as several."""

    row: Row

    def fits(self, value):
        return isinstance(value, list)

    def words(self):
        return f"{self.row.words()}, or a list of such lists"

    def read(self, value, place):
        if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
            return ListOf(self.row, distinct=True).read(value, place)
        if not self.fits(value) or not self.row.fits(value):
            place.report(f"must be {self.words()} (got {shown(value)})", value)
            return BAD
        row = self.row.read(value, place)
        return BAD if row is BAD else (row,)


@dataclass(frozen=True)
class Either(Kind):
    """One of several kinds, told apart by type."""

    kinds: tuple

    def fits(self, value):
        return any(kind.fits(value) for kind in self.kinds)

    def words(self):
        return " or ".join(kind.words() for kind in self.kinds)

    def read(self, value, place):
        for kind in self.kinds:
            if kind.fits(value):
                return kind.read(value, place)
        return super().read(value, place)


@dataclass(frozen=True)
class Table(Kind):
    """A table, to be read by whoever knows what is in it."""

    what: str = "a table"

    def fits(self, value):
        return isinstance(value, dict)

    def words(self):
        return self.what


@dataclass(frozen=True)
class Tables(Kind):
    """An array of tables, as `[[flows]]`, to be read by whoever knows what is in them."""

    how: str = "with [[double brackets]]"

    def fits(self, value):
        return isinstance(value, list)

    def words(self):
        return f"an array of tables, written {self.how}"
