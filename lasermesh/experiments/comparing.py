"""Compares runs of one experiment with varied values and several seeds, in several processes."""

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import lasermesh
from lasermesh.errors import UserError
from lasermesh.experiments.points import make_grid, read_axes, read_baseline
from lasermesh.experiments.progress import Parts
from lasermesh.experiments.remembering import check_warm_up
from lasermesh.experiments.worker_pool import WorkerPool, ctrl_c_stops
from lasermesh.machine import processors
from lasermesh.results import RunFolder, comparison, json_ready, load
from lasermesh.results.figures import figure_names, figure_of, figures_of, value_of
from lasermesh.results.folder import PROGRAM, SCHEMA, read_manifest, remove_remains, versions
from lasermesh.results.intervals import CONFIDENCE
from lasermesh.results.manifest_shape import what_is_wrong
from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED, WAITING, status_of
from lasermesh.scenario.options import parse_option
from lasermesh.scenario.problems import Report, did_you_mean

_SECTIONS = (
    *("total", "flows", "flow_groups", "drops_total", "links", "engine", "transfers", "services", "faults"),
    *("routing", "memory", "simulated_s", "path_change_count", "handover_count"),
    *("workloads", "compute", "power", "storage", "bundles"),
)
"""Entries of a summary in which there are numbers."""

_SHARE_OF_TIME_TO_WRITE = 0.05


class Progress(NamedTuple):
    """What is told of a comparison that is going on."""

    share: float  # of all points that are to be run, those that are going on with their part
    done: int
    total: int
    running: int
    failed: int
    reused: int
    wall_s: float
    checking: bool  # whether combinations are being checked, before anything is run
    may_end_early: bool = False  # whether some runs end when all their work is done


def compare(
    name,
    vary=(),
    sets=(),
    seeds=None,
    workers=None,
    threads=None,
    output=None,
    baseline=(),
    metrics=(),
    warm_up_s=None,
    on_progress=None,
    warn=lambda message: None,
    alternative=None,
):
    """Run an experiment with every combination of varied values and every seed, and tell what differs.

    Parameters
    ----------
    name : str or path
        A file, or the name of a shipped experiment.
    vary : iterable of str
        Each `PATH=V1,V2,...`.
    sets : iterable of str
        Changes to the file for all points, each `PATH=VALUE`.
    seeds : int or iterable of int, optional
        How many, from the experiment's own on, or which; absent: the experiment's.
    workers : int, optional
        Processes at once; default: the processors of this machine.
    threads : int, optional
        Of each run; default: 1, or more where there are more processors than workers.
    output : path, optional
        The folder; a comparison in it is continued, and its finished points are not run again. Absent:
        `runs/NAME-compare`, or `runs/NAME-compare-2`, ...
    baseline : iterable of str
        Each `PATH=VALUE`: every combination is compared with the one that has these values and is otherwise
        the same. Empty: all with the one of the first values.
    metrics : iterable of str
        Names in `FIGURES` or `BUNDLE_FIGURES`, or paths in `summary.json`; empty: `figures_of`.
    warm_up_s : float, optional
        As for `run`.
    on_progress : function of Progress, optional
    warn : function of str
    alternative : str, optional
        Which one, of an experiment that has alternatives.

    Returns
    -------
    comparison : dict
        What `comparison.json` holds. `status` is `complete`, `failed` if a point failed, or, after Ctrl-C,
        `interrupted`. No number depends on the workers or their order.

    Raises
    ------
    UserError
        If anything is wrong with any of the points; nothing has been run then.
    """
    warn, sets = _once(warn), sets if isinstance(sets, str) else list(sets)
    axes = read_axes(list(vary), sets)
    if not axes and seeds in (None, 1):
        raise UserError("there is nothing to compare; give --vary PATH=V1,V2,... or --seeds N")
    based_on = read_baseline(list(baseline), axes)
    figures = _figures_of(list(metrics))
    check_warm_up(warm_up_s)
    kept = None if output is None else comparison.read_comparison(output)
    tell = _Teller(on_progress)
    seeds = seeds if seeds is None or isinstance(seeds, int) else list(seeds)
    grid = make_grid(name, axes, sets, seeds, tell.checked, warn, warm_up_s, alternative)
    if kept is not None and kept.get("experiment") != grid.name:
        raise UserError(
            f'{output}: the folder holds a comparison of "{kept.get("experiment")}"; name another one'
        )
    points = _points_of(grid)
    if output is not None:
        for point in points:
            RunFolder.check(Path(output) / point["folder"], force=True)
    path = comparison.open_folder(output, grid.name)
    with comparison.held(path):
        kept = comparison.read_comparison(path)  # another one may have gone on while this one checked
        work = Comparison(path, grid, points, kept, figures)
        fixed = {grid.axes[axis].path: grid.axes[axis].values[value] for axis, value in based_on.items()}
        work.head |= {"sets": sets, "baseline": json_ready(fixed)}
        work.take_over(warn)
        order = {"name": str(name), "is_path": isinstance(name, Path), "warm_up_s": warm_up_s}
        order |= {"sets": sets, "alternatives": [alternative] if alternative else []}
        work.run(order, workers, threads, tell, warn)
        return work.finish(based_on, warn)


def _once(warn):
    """A function that passes on each warning once, as all runs of an experiment give the same ones."""
    given = set()

    def warn_once(message):
        if message not in given:
            given.add(message)
            warn(message)

    return warn_once


def _figures_of(metrics):
    """The figures that were asked for; None for the usual ones."""
    figures = []
    for metric in metrics:
        option = parse_option(f"{metric}=0", Report())
        if option is None or (metric not in figure_names() and option.path[0] not in _SECTIONS):
            hint = did_you_mean(metric, figure_names()) or (
                f"; write one of {', '.join(figure_names())}, or a path in summary.json as links.marked"
            )
            raise UserError(f"--metric {metric}: there is no such metric{hint}")
        if metric in [figure.name for figure in figures]:
            raise UserError(f"--metric {metric} is given twice")
        figures.append(figure_of(metric, option.path))
    return figures or None


def _points_of(grid):
    """All points, none of which has been run, combination by combination."""
    return [
        {
            "values": json_ready(grid.values(row)),
            "seed": seed,
            "folder": grid.folder(row, seed),
            "status": WAITING,
            "message": None,
            "reused": False,
            "fingerprint": fingerprint,
            "scenario_sha256": None,
            "metrics": None,
        }
        for row, fingerprint in enumerate(grid.fingerprints)
        for seed in grid.seeds
    ]


class Comparison:
    """A comparison that is being made.

    Parameters
    ----------
    path : Path
    grid : Grid
    points : list of dict
    kept : dict or None
        What an earlier comparison left in the folder.
    figures : list of Figure, optional
        None: the usual ones.
    """

    def __init__(self, path, grid, points, kept, figures):
        self.path = path
        self.grid = grid
        self.points = points
        self.figures = figures or figures_of(grid.workloads, grid.has_packets, grid.has_bundles)
        self._fixed = figures is not None
        self._records = {each["folder"]: each for each in (kept or {}).get("earlier", [])}
        self._records |= {each["folder"]: each for each in (kept or {}).get("points", [])}
        self.head = {
            "program": PROGRAM,
            "schema": SCHEMA,
            "experiment": grid.name,
            "status": WAITING,
            "folder": str(path),
            "vary": [{"path": axis.path, "values": json_ready(list(axis.values))} for axis in grid.axes],
            "seeds": grid.seeds,
            "confidence": CONFIDENCE,
            "versions": versions(),
        }
        self._written_s = self._writing_s = 0.0

    def take_over(self, warn):
        """Take the points that are finished; tell why others that have been run are run again."""
        again = {}
        for point in self.points:
            record = self._records.get(point["folder"])
            reason = self._why_again(point, record)
            if reason is None:
                try:
                    self._read(point)
                except UserError as error:
                    reason = str(error)
                else:
                    point["reused"] = True
            if reason:
                again.setdefault(reason, []).append(point["folder"])
        for reason, folders in again.items():
            what = folders[0] if len(folders) == 1 else f"{len(folders):,} points, as {folders[0]},"
            warn(f"{what} must be run again: {reason}")

    def _why_again(self, point, record):
        """Why a point must be run: empty if it has not been yet, None if it need not."""
        folder = self.path / point["folder"]
        manifest = read_manifest(folder)
        if manifest is None:
            return "it was not finished" if folder.is_dir() and any(folder.iterdir()) else ""
        if what_is_wrong(manifest):
            return "its manifest is damaged"
        if manifest["status"] != COMPLETE:
            return "it failed" if manifest["status"] == FAILED else "it was interrupted"
        if record is None or record.get("scenario_sha256") != manifest["hashes"]["scenario"]:
            return "nothing tells how the run in its folder came to be"
        if manifest["versions"]["lasermesh"] != lasermesh.__version__:
            return f"it was run by lasermesh {manifest['versions']['lasermesh']}"
        if record.get("fingerprint") != point["fingerprint"] or manifest["seed"] != point["seed"]:
            return "the experiment, one of its files, its policy or --warm-up has changed"
        return None

    def _read(self, point):
        """Fill in a point whose run is finished."""
        kept = load(self.path / point["folder"])
        summary = kept.summary
        point["metrics"] = {figure.name: value_of(figure, summary) for figure in self.figures}
        point["status"] = COMPLETE
        point["scenario_sha256"] = kept.manifest["hashes"]["scenario"]

    def run(self, order, workers, threads, tell, warn):
        """Run all points that wait, and read what they leave."""
        todo = [number for number, point in enumerate(self.points) if point["status"] == WAITING]
        self._write(INTERRUPTED)  # which is what it is should nobody write it again
        if not todo:
            return
        workers = min(workers or processors(), len(todo))
        threads = threads or max(1, processors() // workers)
        orders = [order | self._order(number) | {"threads": threads} for number in todo]
        pool = WorkerPool(orders, workers, threads)
        tell.begin(len(todo), len(self.points) - len(todo))
        with ctrl_c_stops(pool), contextlib.closing(pool.events()) as events:
            for row, message in events:
                if "warning" in message:
                    warn(message["warning"])
                elif "status" in message:
                    self._end(self.points[todo[row]], message)
                    tell.ended(row, message["status"])
                    self._write_now_and_then()
                else:
                    tell.part(row, message)

    def _order(self, number):
        """What a worker must know of a point."""
        point = self.points[number]
        row = number // len(self.grid.seeds)
        return {
            "varied": self.grid.texts(row),
            "seed": point["seed"],
            "output": str(self.path / point["folder"]),
        }

    def _end(self, point, message):
        """Note how the run of a point ended."""
        point["status"], point["message"] = message["status"], message["message"]
        remove_remains(self.path / point["folder"])
        if point["status"] == COMPLETE:
            try:
                self._read(point)
            except UserError as error:
                point["status"], point["message"] = FAILED, str(error)

    def finish(self, based_on, warn):
        """Work out what differs, write it, and return all."""
        status = status_of(point["status"] for point in self.points)
        points_of = [
            {point["seed"]: point["metrics"] for point in points if point["metrics"] is not None}
            for points in self._by_combination()
        ]
        baselines = self._baselines(based_on)
        entries = comparison.compare_combinations(points_of, baselines, self.figures)
        for figure in self.figures if self._fixed else ():
            if any(points_of) and all(entry[figure.name]["n"] == 0 for entry in entries):
                warn(f"--metric {figure.name}: no summary has a number of this name")
        combinations = [
            {"values": json_ready(self.grid.values(row)), "baseline": baseline, "metrics": entry}
            for row, (baseline, entry) in enumerate(zip(baselines, entries, strict=True))
        ]
        result = self._write(status, combinations)
        comparison.write_tables(self.path, result)
        return result

    def _by_combination(self):
        n = len(self.grid.seeds)
        return [self.points[first : first + n] for first in range(0, len(self.points), n)]

    def _baselines(self, based_on):
        """For every combination the row of the one that it is compared with."""
        rows = {combination: row for row, combination in enumerate(self.grid.combinations)}
        return [
            rows[tuple(based_on.get(axis, value) for axis, value in enumerate(combination))]
            for combination in self.grid.combinations
        ]

    def _write(self, status, combinations=()):
        """Write `comparison.json`: what it holds."""
        began = time.monotonic()
        folders = {point["folder"] for point in self.points}
        result = self.head | {
            "status": status,
            "written_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "metrics": [
                {"name": figure.name, "unit": figure.unit, "meaning": figure.meaning}
                for figure in self.figures
            ],
            "combinations": list(combinations),
            "points": self.points,
            "earlier": [record for folder, record in self._records.items() if folder not in folders],
        }
        comparison.write_comparison(self.path, result)
        self._written_s = time.monotonic()
        self._writing_s = self._written_s - began
        return result

    def _write_now_and_then(self):
        """Write after every point, but for so many that this would take much of the time."""
        if time.monotonic() - self._written_s >= self._writing_s / _SHARE_OF_TIME_TO_WRITE:
            self._write(INTERRUPTED)


class _Teller:
    """Tells how far all points are."""

    def __init__(self, on_progress):
        self._on_progress = on_progress or (lambda progress: None)
        self._parts = Parts(1)  # until it is known how many are to be run
        self._failed = self._reused = 0

    def checked(self, done, total):
        """So many combinations have been checked."""
        self._on_progress(Progress(done / total, done, total, 0, 0, 0, self._parts.wall_s, True))

    def begin(self, total, reused):
        """So many points are to be run."""
        self._parts, self._reused = Parts(total), reused

    def part(self, row, message):
        """A point is so far."""
        self._parts.part(row, message["share"], message.get("may_end_early", False))
        self._tell()

    def ended(self, row, status):
        """A point is over."""
        self._parts.ended(row)
        self._failed += status == FAILED
        self._tell()

    def _tell(self):
        parts = self._parts
        counts = parts.done, parts.total, len(parts.running), self._failed, self._reused
        self._on_progress(Progress(parts.share, *counts, parts.wall_s, False, parts.may_end_early))
