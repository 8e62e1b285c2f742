"""CSV files of a scenario: sites, pairs of nodes, contact plans."""

import csv
import io

from lasermesh.scenario.fields import (
    BAD,
    REQUIRED,
    Either,
    Integer,
    ListOf,
    Number,
    Row,
    Text,
    keys_of,
)
from lasermesh.scenario.problems import closest, did_you_mean, shown
from lasermesh.scenario.reading import unit_hint
from lasermesh.scenario.sources import Line

LIKENESS = 0.8
"""How like a key a column must be to be taken for a slip: `maskdeg` is one, `beam_deg` a column of others."""


_NOTHING = ()
"""Stands for the header of a file that has not even that."""


def read_csv(text, file, cls, report):
    """Rows of a CSV text by the metadata of a dataclass.

    Columns that it does not know are ignored, but for those that look like one that is not there.

    Returns
    -------
    rows : list of (Line, dict)
        Place and values by column name of each sound row.
    sound : bool
        Whether nothing had to be reported.
    """
    keys = keys_of(cls)
    lines = csv_lines(text, file, report)
    header = next(lines, _NOTHING)
    if header is _NOTHING:
        Line(report, file, None).report("has no header, only blank cells")
    columns = None if header in (None, _NOTHING) else _columns(header, keys, file, report)
    if columns is None:
        return [], False
    rows, sound = [], True
    for line in lines:
        if line is None:
            return rows, False
        number, cells = line
        place = Line(report, file, number)
        values = _row_values(keys, columns, cells, place)
        if BAD in values.values():
            sound = False
        else:
            rows.append((place, values))
    if not rows and sound:
        Line(report, file, None).report("has a header, but no rows")
        sound = False
    return rows, sound


def csv_lines(text, file, report):
    """Line number and stripped cells of every line that is not blank; None after a reported fault."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            Line(report, file, reader.line_num).report(f"not valid CSV: {error}")
            yield None
            return
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def _columns(header, keys, file, report):
    """Index of each column by name, or None after reporting what the header lacks."""
    number, cells = header
    place = Line(report, file, number)
    columns = {}
    for index, name in enumerate(cells):
        if name in columns and name in keys:
            place.at(name).report("this column is there twice")
            return None
        columns[name] = index
    missing = [name for name, key in keys.items() if key.default is REQUIRED and name not in columns]
    for name in missing:
        others = [column for column in columns if column and column not in keys]
        place.report(f"there is no column {shown(name)}{did_you_mean(name, others)}", ",".join(cells))
    absent = [name for name in keys if name not in columns and name not in missing]
    slips = slips_of(columns, keys, absent)
    for name, message in slips:
        place.at(name).report(message)
    return None if missing or slips else columns


def slips_of(columns, keys, absent):
    """(column, what to say of it) for those that no key has and that seem to be meant for an absent one."""
    return [(name, message) for name in columns if name not in keys and (message := _slip(name, absent))]


def _slip(name, absent):
    """What to say of an unknown column if it seems to be meant for one of the absent ones; None if not."""
    hint, _ = unit_hint(name, None, absent)
    if hint is not None:
        return hint
    meant = next((known for known in absent if known.startswith(f"{name.lower()}_")), None)
    meant = meant or closest(name, absent, LIKENESS)
    return None if meant is None else f"unknown column; did you mean {shown(meant)}?"


def _row_values(keys, columns, cells, place):
    values = {}
    for name, key in keys.items():
        cell = _cell(cells, columns[name]) if name in columns else ""
        if cell:
            values[name] = read_quickly(key.kind, _parsed(cell, key.kind), place, name)
        elif key.default is REQUIRED:
            place.at(name).report(f"is empty; must be {key.kind.words()}")
            values[name] = BAD
        else:
            values[name] = key.default
    return values


def read_quickly(kind, value, line, column):
    """As `kind.read(value, line.at(column))`, without the place where nothing is wrong: half of the time."""
    if isinstance(kind, Number | Text) and kind.fits(value) and kind.fault(value) is None:
        return kind.convert(value)
    return kind.read(value, line.at(column))


def _cell(cells, index):
    return cells[index] if index < len(cells) else ""


def _parsed(cell, kind):
    """What a cell holds, in the type that the kind wants; the text itself where it does not hold that."""
    if isinstance(kind, Text):
        return cell
    kinds = kind.kinds if isinstance(kind, Either) else (kind,)
    for each in kinds:
        try:
            if isinstance(each, Number):
                return float(cell)
            if isinstance(each, Integer):
                return int(cell)
            if isinstance(each, ListOf) and isinstance(each.item, Row):
                return [[float(part) for part in item.split(":")] for item in cell.split()]
        except ValueError:
            continue
    return cell
