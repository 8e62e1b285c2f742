"""A comparison of runs: what differs between its combinations, and the folder in which it lies."""

import contextlib
import json
import os
from pathlib import Path

from lasermesh.errors import UserError
from lasermesh.results.figures import Figure
from lasermesh.results.folder import PROGRAM, next_folder
from lasermesh.results.intervals import mean_interval, paired_interval
from lasermesh.results.json_text import to_json
from lasermesh.results.tables import Column, schema_of

COMPARISON = "comparison.json"
POINTS = "points.parquet"
DIFFERENCES = "differences.parquet"


def compare_combinations(points_of, baselines, figures):
    """Means over seeds of every combination, and what sets them apart from its baseline.

    Parameters
    ----------
    points_of : sequence of dict
        For each combination by seed the figures of a finished run: {seed: {name: number or None}}.
    baselines : sequence of int
        For each combination the row of its baseline, which may be itself.
    figures : sequence of Figure

    Returns
    -------
    entries : list of dict
        For each combination and figure `{n, mean, low, high, difference}`. `difference` is None for a
        baseline, else `{pairs, mean, low, high, excludes_zero}`, over the seeds that both have finished;
        `excludes_zero` is None where there is no interval.
    """
    return [
        {
            figure.name: _mean_entry(points, figure.name)
            | {
                "difference": None
                if baseline == row
                else _difference_entry(points, points_of[baseline], figure.name)
            }
            for figure in figures
        }
        for row, (points, baseline) in enumerate(zip(points_of, baselines, strict=True))
    ]


def _mean_entry(points, name):
    return mean_interval(
        [figures[name] for figures in points.values() if figures[name] is not None]
    )._asdict()


def _difference_entry(points, of_baseline, name):
    """Paired differences by seed, of the seeds in which both have a number."""
    pairs = [
        (figures[name], of_baseline[seed][name])
        for seed, figures in points.items()
        if seed in of_baseline and None not in (figures[name], of_baseline[seed][name])
    ]
    found = paired_interval([value for value, _ in pairs], [other for _, other in pairs])
    excludes = None if found.low is None else not found.low <= 0.0 <= found.high
    return {"pairs": found.n, "mean": found.mean, "low": found.low, "high": found.high} | {
        "excludes_zero": excludes
    }


def open_folder(output, name, parent="runs"):
    """The folder of a new comparison, made; or one that is there already, to be continued.

    Parameters
    ----------
    output : path or None
        None: `parent/NAME-compare`, or `parent/NAME-compare-2`, ...
    name : str
        Of the experiment.
    parent : path

    Raises
    ------
    UserError
        If it cannot be made, or as `read_comparison`.
    """
    try:
        if output is None:
            return next_folder(Path(parent), f"{name}-compare")
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        place = parent if output is None else output
        raise UserError(f"{place}: the folder cannot be written: {error.strerror or error}") from error
    return Path(output)


def read_comparison(folder):
    """The `comparison.json` of a folder; None if the folder is absent or empty.

    Raises
    ------
    UserError
        If it is a file, holds other things, or the comparison in it cannot be read.
    """
    path = Path(folder)
    if not path.exists():
        return None
    if not path.is_dir():
        raise UserError(f"{path}: this is a file; name a folder for the comparison")
    if not (path / COMPARISON).exists():
        entries = sorted(entry.name for entry in path.iterdir())
        if entries:
            raise UserError(
                f'{path}: the folder holds other things ("{entries[0]}"); name a new or empty one, or that '
                "of a comparison, which is then continued"
            )
        return None
    try:
        kept = json.loads((path / COMPARISON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = None
    if not isinstance(kept, dict) or kept.get("program") != PROGRAM or "points" not in kept:
        raise UserError(f"{path / COMPARISON}: the file is damaged, or not of lasermesh")
    return kept


@contextlib.contextmanager
def held(folder):
    """Keep other comparisons out of a folder, where the system can lock files.

    Raises
    ------
    UserError
        If another one is at work there.
    """
    try:
        import fcntl
    except ImportError:  # not on every system
        yield
        return
    handle = os.open(folder, os.O_RDONLY)  # the folder itself, so that no file of a lock is left
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UserError(f"{folder}: another lasermesh compare is at work in this folder") from None
    finally:
        os.close(handle)


def write_comparison(folder, comparison):
    """Write `comparison.json` so that it is there whole, in its old or its new state."""
    _replace(folder / COMPARISON, lambda path: path.write_text(to_json(comparison), encoding="utf-8"))


def write_tables(folder, comparison):
    """Write `points.parquet` and `differences.parquet` of a comparison, as `compare` returns it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, (columns, rows) in {POINTS: _points(comparison), DIFFERENCES: _differences(comparison)}.items():
        table = pa.Table.from_pylist(rows, schema=schema_of(columns))
        _replace(folder / name, lambda path, table=table: pq.write_table(table, path, compression="zstd"))


def _points(comparison):
    """Columns and rows of the table of points."""
    columns = [
        *_varied(comparison),
        Column("seed", "int64", "", "seed of what is random in the traffic"),
        Column("status", "string", "", "waiting, complete, interrupted or failed"),
        Column("folder", "string", "", "folder of the run, below that of the comparison"),
    ]
    figures = [Figure(**metric, path=()) for metric in comparison["metrics"]]
    columns += [Column(figure.name, "float64", figure.unit, figure.meaning) for figure in figures]
    rows = [
        _values(columns, point["values"])
        | {key: point[key] for key in ("seed", "status", "folder")}
        | (point["metrics"] or {})
        for point in comparison["points"]
    ]
    return columns, rows


def _differences(comparison):
    """Columns and rows of the table of differences: one row for each combination and metric."""
    columns = [
        *_varied(comparison),
        Column("metric", "string", "", "what the numbers of the row are of; ends in their unit"),
        Column("unit", "string", "", "unit of the numbers of the row; null for counts and ratios"),
        Column("runs", "int64", "", "finished runs that have the metric"),
        *_numbers("", "mean over seeds"),
        Column("pairs", "int64", "", "seeds that both it and its baseline have; null for a baseline"),
        *_numbers("difference_", "mean over seeds of the difference to the baseline"),
        Column("difference_excludes_zero", "bool", "", "whether its interval does; null without an interval"),
    ]
    rows = []
    units = {metric["name"]: metric["unit"] or None for metric in comparison["metrics"]}
    for combination in comparison["combinations"]:
        for name, of in combination["metrics"].items():
            difference = of["difference"] or {}
            row = {"metric": name, "unit": units[name], "runs": of["n"], "pairs": difference.get("pairs")}
            row |= {key: of[key] for key in ("mean", "low", "high")}
            row |= {f"difference_{key}": difference.get(key) for key in ("mean", "low", "high")}
            row["difference_excludes_zero"] = difference.get("excludes_zero")
            rows.append(_values(columns, combination["values"]) | row)
    return columns, rows


def _numbers(prefix, what):
    """Columns of a mean and its interval."""
    unit = "see column unit"
    return [
        Column(f"{prefix}mean", "float64", unit, what),
        Column(f"{prefix}low", "float64", unit, "lower end of its 95 % confidence interval (Student's t)"),
        Column(f"{prefix}high", "float64", unit, "upper end of its 95 % confidence interval (Student's t)"),
    ]


def _varied(comparison):
    """A column for each key that is varied."""
    return [
        Column(axis["path"], _type_of(axis["values"]), "", "value of the key of this name")
        for axis in comparison["vary"]
    ]


def _type_of(values):
    """Type of a column that holds these; text where nothing else does."""
    types = {type(value) for value in values}
    for name, allowed in {"bool": {bool}, "int64": {int}, "float64": {int, float}}.items():
        if types <= allowed:
            return name
    return "string"


def _values(columns, values):
    """The values of varied keys as their columns hold them."""
    types = {column.name: column.type for column in columns}
    return {
        path: value if types[path] != "string" or isinstance(value, str) else to_json(value, None).strip()
        for path, value in values.items()
    }


def _replace(path, write):
    """Write a file beside its place and move it there."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    os.replace(temporary, path)
