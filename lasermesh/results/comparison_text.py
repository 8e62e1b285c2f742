"""A comparison as people read it: a table for each metric in which combinations differ."""

import json

from lasermesh.results.layout import (
    INDENT,
    LINE,
    columns,
    count,
    counted,
    cut,
    decimal,
    decimals_for,
    signed,
    wrapped,
)
from lasermesh.results.statuses import COMPLETE, FAILED

MOST_FAILED = 10
MOST_ROWS = 40
"""Combinations shown of each metric; the Parquet tables have all."""


def format_comparison(comparison):
    """Text of a comparison as `compare` returns it, in lines of about 100 characters."""
    sections = [_heading(comparison), _failures(comparison)]
    same, absent = [], []
    labels = _labels(comparison)
    anything = any(point["metrics"] is not None for point in comparison["points"])
    for metric in comparison["metrics"] if anything else ():
        name = metric["name"]
        rows = [combination["metrics"][name] for combination in comparison["combinations"]]
        means = {row["mean"] for row in rows} - {None}
        if not means:
            absent.append(name)
        elif len(means) == 1 and all(row["low"] in (None, row["high"]) for row in rows):
            same.append(f"{name} {means.pop():,.6g}")
        else:
            sections.append(_table(metric, rows, labels))
    if same:
        sections.append(wrapped(f"The same in all runs: {', '.join(same)}"))
    if absent:
        sections.append(wrapped(f"In no run: {', '.join(absent)}"))
    if anything:
        sections.append(_remarks(comparison))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _heading(comparison):
    """What was compared, and how much of it is there."""
    points, seeds = comparison["points"], comparison["seeds"]
    n = len(comparison["combinations"])
    text = f"{comparison['experiment']}: {comparison['status']}, {counted(n, 'combination')} x "
    text += counted(len(seeds), "seed")
    complete = sum(point["status"] == COMPLETE for point in points)
    if complete < len(points):
        text += f", {count(complete)} of {count(len(points))} points complete"
    if reused := sum(point["reused"] for point in points):
        text += f", {count(reused)} of them from before"
    return [cut(text, LINE), "=" * LINE]


def _labels(comparison):
    """Name of every combination: its values with as much of their keys as tells these apart."""
    paths = [axis["path"] for axis in comparison["vary"]]
    short = [path.rpartition(".")[2] for path in paths]
    names = {path: last if short.count(last) == 1 else path for path, last in zip(paths, short, strict=True)}
    tables = [
        axis["path"]
        for axis in comparison["vary"]
        if all(isinstance(value, dict) for value in axis["values"])
    ]
    if len(tables) == 1:  # whose keys need not be told apart from those of another
        names[tables[0]] = ""
    return [
        " ".join(
            f"{key}={_value(value)}"
            for path, varied in combination["values"].items()
            for key, value in _parts(names[path], varied)
        )
        or "as it is"
        for combination in comparison["combinations"]
    ]


def _parts(name, value):
    """The value with its name, of a table every key in it."""
    if not isinstance(value, dict):
        return [(name, value)]
    if not value:
        return [(name or "options", value)]
    return [part for key, inner in value.items() for part in _parts(f"{name}.{key}" if name else key, inner)]


def _value(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(metric, rows, labels):
    """Mean and difference of one metric with their intervals, a line for each combination."""
    differences = [row["difference"] for row in rows if row["difference"] is not None]
    decimals = decimals_for(row["mean"] for row in rows)
    # Differences within a seed can be far smaller than what they are of.
    finer = max(decimals, decimals_for(difference["mean"] for difference in differences))
    lines = [
        [
            label,
            *(decimal(row["mean"], decimals), _half(row, decimals), count(row["n"])),
            *_difference_cells(row["difference"], finer),
        ]
        for label, row in zip(labels[:MOST_ROWS], rows, strict=False)
    ]
    unit = metric["unit"]
    headers = [("mean", unit), ("+- at 95 %", unit), ("runs", "")]
    headers += [("difference", unit), ("+- at 95 %", unit), ("differs", "at 95 %")]
    shown = columns(metric["name"], headers, lines)
    if len(rows) > MOST_ROWS:
        shown.append(f"{INDENT}... and {count(len(rows) - MOST_ROWS)} more, see differences.parquet")
    return shown


def _difference_cells(difference, decimals):
    """Difference, half of its interval, and whether zero is outside of it."""
    if difference is None:
        return ["baseline", "", ""]
    differs = {None: "-", True: "yes", False: "no"}[difference["excludes_zero"]]
    return [signed(difference["mean"], decimals), _half(difference, decimals), differs]


def _half(of, decimals):
    """Half of an interval, which has the mean in its middle."""
    return "-" if of["low"] is None else f"{(of['high'] - of['low']) / 2:,.{decimals}f}"


def _remarks(comparison):
    """How the table is to be read."""
    lines = []
    if baseline := comparison["baseline"]:
        fixed = ", ".join(
            f"{key} = {_value(value)}"
            for path, varied in baseline.items()
            for key, value in _parts(path, varied)
        )
        text = f"Differences are to the combination with {fixed}"
        if len(baseline) < len(comparison["vary"]):
            text += " and otherwise the same values"
        lines += wrapped(f"{text}, run by run of the same seed.")
    if len(comparison["seeds"]) == 1:
        lines += wrapped("With one seed there are no intervals: give --seeds N.")
    else:
        lines += wrapped("Intervals over seeds: Student's t, 95 %; 1 in 20 is told to differ by mere chance.")
    return lines


def _failures(comparison):
    """Points that failed, and why."""
    failed = [point for point in comparison["points"] if point["status"] == FAILED]
    lines = [f"Failed: {counted(len(failed), 'point')}"] if failed else []
    for point in failed[:MOST_FAILED]:
        lines += wrapped(f"{point['folder']}: {point['message']}", INDENT)
    if len(failed) > MOST_FAILED:
        lines.append(f"{INDENT}... and {count(len(failed) - MOST_FAILED)} more, see comparison.json")
    return lines
