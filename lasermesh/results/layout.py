"""Plain text in columns: padding by what a terminal shows, cutting, and numbers people can read."""

import math
import textwrap
import unicodedata

LINE = 100
"""Characters of a line at most."""

SHORTEST_NAME = 16
"""Names are not cut below this, even if huge numbers beside them make the line too long."""

DIGITS = 4
"""Of the greatest number in a column."""

MOST_DECIMALS = 6
GAP = "  "
HEADER_LINES = 2
SPANNED = None
"""Instead of the upper header of a column: the one to the left reaches over this column too."""

INDENT = "  "


class TableLine(str):
    """A line of a table as text, and its cells as they were before they were cut and padded.

    Attributes
    ----------
    cells : list of str
        Of a header SPANNED where the cell to the left reaches over this column too.
    is_header : bool
    last_left : bool
        Whether the last column is text.
    """

    def __new__(cls, text, cells, is_header, last_left):
        line = super().__new__(cls, text)
        line.cells, line.is_header, line.last_left = cells, is_header, last_left
        return line


class SentenceLine(str):
    """A line of a wrapped sentence.

    Attributes
    ----------
    sentence : str
        All of it, at its first line; "" at the others.
    """

    def __new__(cls, text, sentence):
        line = super().__new__(cls, text)
        line.sentence = sentence
        return line


def shown_width(text):
    """Columns that a terminal needs: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def cut(text, width):
    """The text, two points for its middle where it is too wide: both ends of a flow's name matter."""
    if shown_width(text) <= width:
        return text
    head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    while head and tail and shown_width(head + tail) > width - 2:
        if shown_width(head) >= shown_width(tail):
            head = head[:-1]
        else:
            tail = tail[1:]
    return f"{head}..{tail}"


def padded(text, width, right=False):
    """The text at the left (or right) of a field."""
    space = " " * (width - shown_width(text))
    return space + text if right else text + space


def columns(title, headers, rows, last_left=False):
    """A table: names at the left, cut so that a line fits, numbers at the right.

    Parameters
    ----------
    title : str
        Stands above the names.
    headers : list of tuple of str
        Two lines of headers for each further column; the upper may be SPANNED.
    rows : list of list of str
        A name and its numbers, indented below the title.
    last_left : bool
        The last column is text too.

    Returns
    -------
    lines : list of TableLine
        Two lines of headers, then one line for each row.
    """
    upper = [title, *(header[0] for header in headers)]
    table = [["", *(header[1] for header in headers)], *([INDENT + row[0], *row[1:]] for row in rows)]
    widths = [max(shown_width(cell) for cell in column) for column in zip(*table, strict=True)]
    spans = _spans(upper)
    for first, last in spans:
        words = shown_width(upper[first]) + (len("-  -") if last > first else 0)
        widths[first] += max(0, words - _width(widths, first, last))
    room = LINE - sum(width + len(GAP) for width in widths[1:])
    widths[0] = min(widths[0], max(room, SHORTEST_NAME))
    rights = [False, *[True] * len(headers)]
    if last_left:
        rights[-1] = False
    heads = [
        padded(cut(upper[first], widths[first]), widths[first], rights[first])
        if first == last
        else f" {upper[first]} ".center(_width(widths, first, last), "-")
        for first, last in spans
    ]
    lines = [heads] + [
        [
            padded(cut(cell, width), width, right)
            for cell, width, right in zip(row, widths, rights, strict=True)
        ]
        for row in table
    ]
    cells = [upper, ["", *(header[1] for header in headers)], *rows]
    return [
        TableLine(GAP.join(line).rstrip(), of_line, place < HEADER_LINES, last_left)
        for place, (line, of_line) in enumerate(zip(lines, cells, strict=True))
    ]


def _spans(upper):
    """First and last column of each upper header."""
    firsts = [column for column, text in enumerate(upper) if text is not SPANNED]
    return list(zip(firsts, [*(first - 1 for first in firsts[1:]), len(upper) - 1], strict=True))


def _width(widths, first, last):
    """What columns take together, with the gaps between them."""
    return sum(widths[first : last + 1]) + len(GAP) * (last - first)


def count(number):
    """A whole number with separators; "-" for None."""
    return "-" if number is None else f"{number:,}"


def counted(number, noun):
    """How many there are of something: 1 hop, 2 hops."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def decimal(number, digits):
    """A number with so many decimals; "-" for None."""
    return "-" if number is None else f"{number:,.{digits}f}"


def decimals_for(numbers):
    """Decimals that show DIGITS digits of the greatest of some numbers, None among them."""
    greatest = max((abs(number) for number in numbers if number is not None), default=0.0)
    decimals = DIGITS - 1 - (math.floor(math.log10(greatest)) if greatest else 0)
    return min(max(decimals, 0), MOST_DECIMALS)


def share(part, whole):
    """A share in percent, so that a small one does not look like none, nor one that is near all like all."""
    if not whole or part is None:
        return "-"
    percent = 100 * part / whole
    if 99.99 < percent < 100:
        return "> 99.99 %"
    return "< 0.01 %" if 0 < percent < 0.01 else f"{percent:.2f} %"


def size(number):
    """Bytes in a unit of a thousand that fits."""
    if number is None:
        return "-"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:,.0f} B" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1000


def duration(time_s):
    """A time with three digits in a unit that fits; "-" for None."""
    if time_s is None:
        return "-"
    if time_s >= 7200.0:
        return _three_digits(time_s / 3600.0, "h")
    if time_s >= 120.0:
        return _three_digits(time_s / 60.0, "min")
    return _three_digits(time_s, "s") if time_s >= 1.0 or time_s == 0.0 else _three_digits(1e3 * time_s, "ms")


def _three_digits(value, unit):
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def signed(number, digits):
    """A difference with its sign; "-" for None."""
    return "-" if number is None else f"{number:+,.{digits}f}"


def wrapped(text, indent=""):
    """A sentence in lines of the page's width: list of SentenceLine."""
    lines = textwrap.wrap(text, LINE, initial_indent=indent, subsequent_indent=indent + INDENT)
    return [SentenceLine(line, "" if place else text) for place, line in enumerate(lines)]


def label(flow):
    """Name of a flow with its ends, which a flow made from pairs has in its name."""
    ends = f"{flow['from']}>{flow['to']}"
    return flow["name"] if ends in flow["name"] else f"{flow['name']} {ends}"
