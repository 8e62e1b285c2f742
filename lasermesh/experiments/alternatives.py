"""Runs the alternatives of an experiment: each for itself with the same seed, so that none loads another."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from lasermesh.capture.options import CaptureOptions, lies_in_run_folder
from lasermesh.errors import Interrupted, UserError
from lasermesh.experiments.progress import Parts
from lasermesh.experiments.remembering import check_warm_up
from lasermesh.experiments.worker_pool import WorkerPool, ctrl_c_stops
from lasermesh.machine import processors
from lasermesh.results import json_ready, load
from lasermesh.results.alternatives import AlternativesFolder, compare_alternatives, folders_of
from lasermesh.results.folder import remove_remains
from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED, WAITING, status_of
from lasermesh.scenario.problems import did_you_mean, shown


class AlternativesProgress(NamedTuple):
    """What is told of alternatives that are being run."""

    share: float  # of all of them
    done: int
    total: int
    running: dict  # share of its run by name of each that is going on
    wall_s: float
    may_end_early: bool = False  # whether some end when all their work is done


@dataclass(frozen=True)
class RunOrder:
    """How the experiment was asked to be run, as `run` takes it."""

    name: object
    sets: tuple = ()
    seed: int | None = None
    threads: int | None = None
    capture: CaptureOptions | None = None
    warm_up_s: float | None = None


def asked_for(name, sets, seed, warm_up_s, alternatives):
    """What a run was asked for that its results depend on, as its manifest keeps it to repeat it.

    Parameters
    ----------
    name, sets, seed, warm_up_s
        As `run` takes them; None where nothing was said.
    alternatives : list of str
        Those that were chosen; empty where there was nothing to choose, or all were run.
    """
    return {
        "experiment": str(name),
        "sets": list(sets),
        "seed": seed,
        "warm_up_s": warm_up_s,
        "alternatives": list(alternatives),
    }


def choose_alternatives(experiment, names=()):
    """Those of an experiment's alternatives that are to be run, in the order of the file.

    Parameters
    ----------
    experiment : Experiment
    names : iterable of str
        Empty: all.

    Raises
    ------
    UserError
        If there is none of such a name.
    """
    of_name = {alternative.name: alternative for alternative in experiment.alternatives}
    names = list(names)
    for name in names:
        if not of_name:
            raise UserError(f"--alternative {name}: experiment {shown(experiment.name)} has no alternatives")
        if name not in of_name:
            hint = did_you_mean(name, list(of_name)) or f"; there are {', '.join(of_name)}"
            raise UserError(f"--alternative {name}: there is no such alternative{hint}")
    return [alternative for name, alternative in of_name.items() if not names or name in names]


def only_alternative(experiment, name=None):
    """The experiment, or one of its alternatives; UserError where it is not told which."""
    if name is None and experiment.alternatives:
        names = ", ".join(alternative.name for alternative in experiment.alternatives)
        raise UserError(
            f"experiment {shown(experiment.name)} has alternatives; choose one with --alternative: {names}"
        )
    return experiment if name is None else choose_alternatives(experiment, [name])[0].experiment


def run_alternatives(
    experiment, chosen, order, output=None, force=False, on_progress=None, warn=lambda message: None
):
    """Run some alternatives of an experiment, in processes beside each other where there are processors.

    Parameters
    ----------
    experiment : Experiment
        All of whose alternatives have been checked.
    chosen : list of Alternative
    order : RunOrder
    output, force
        As for `run`; the folder holds that of each alternative.
    on_progress : function of AlternativesProgress, optional
    warn : function of str

    Returns
    -------
    path : Path
        The folder. Its summary is `{experiment, seed, status, simulated_s, alternatives: [{name, folder,
        status, message, summary}], comparison}`, `comparison` as `compare_alternatives` has it. `simulated_s`
        is that of the longest run. No number but those of wall time depends on how many run at once.

    Raises
    ------
    UserError
        If the capture, the warm-up or the folder is wrong; nothing has been run then.
    Interrupted
        After Ctrl-C, if no run has been kept; nothing is left then.
    RunFailed
        If the folder of them all cannot be written.
    """
    check_warm_up(order.warm_up_s)
    _check_capture(order.capture, chosen)
    seed = experiment.seed if order.seed is None else order.seed
    folders = folders_of([alternative.name for alternative in chosen])
    common = AlternativesFolder(experiment.name, folders, output, force)
    entries = [
        {"name": alternative.name, "folder": folder, "status": WAITING, "message": None, "summary": None}
        for alternative, folder in zip(chosen, folders, strict=True)
    ]
    warnings = _Warnings(chosen, warn)
    n_nodes = [len(alternative.experiment.topology.node_names) for alternative in chosen]
    _run_all(entries, n_nodes, common.path, replace(order, seed=seed), on_progress, warnings)
    for entry in entries:
        _read(entry, common.path)
    if all(entry["status"] in (WAITING, INTERRUPTED) and entry["summary"] is None for entry in entries):
        common.abandon()
        raise Interrupted("interrupted before any run could be kept; nothing is left of them")
    result = json_ready(
        {
            "experiment": experiment.name,
            "seed": seed,
            "status": status_of(entry["status"] for entry in entries),
            "simulated_s": max(
                (entry["summary"]["simulated_s"] for entry in entries if entry["summary"] is not None),
                default=0.0,
            ),
            "alternatives": entries,
            "comparison": compare_alternatives(entries),
        }
    )
    names = [] if len(chosen) == len(experiment.alternatives) else [entry["name"] for entry in entries]
    asked = asked_for(order.name, order.sets, order.seed, order.warm_up_s, names)
    common.close(result, replace(experiment, seed=seed).to_dict(), asked)
    return common.path


def _check_capture(options, chosen):
    """Refuse a capture whose nodes or flows some alternative does not have; None is good."""
    if options is None:
        return
    if options.file is not None and not lies_in_run_folder(options.file):
        raise UserError(
            f"--capture-to {options.file}: {len(chosen)} alternatives cannot be captured in one file; "
            "give a name without a folder, which lies in the folder of each run"
        )
    from lasermesh.experiments.tapping import selection_of
    from lasermesh.experiments.working import channels_of

    wrong = {}
    for alternative in chosen:
        try:
            flows, pairs = alternative.experiment.expanded_flows, channels_of(alternative.experiment).pairs
            source = [flow.from_row for flow in flows] + [source for _, source, _ in pairs]
            destination = [flow.to_row for flow in flows] + [destination for *_, destination in pairs]
            selection_of(options, alternative.experiment, pairs, source, destination)
        except UserError as error:
            wrong[alternative.name] = str(error)
    if wrong:
        message = next(iter(wrong.values()))
        if len(wrong) < len(chosen):
            message = f"alternative{'s' * (len(wrong) > 1)} {', '.join(wrong)}: {message}"
        raise UserError(message)


class _Warnings:
    """Passes on warnings of runs, each once: with the name of its alternative, unless all have it."""

    def __init__(self, chosen, warn):
        self._names = [alternative.name for alternative in chosen]
        self._warn = warn
        of_files = [alternative.experiment.warnings for alternative in chosen]
        common = [warning for warning in of_files[0] if all(warning in each for each in of_files)]
        for warning in common:
            warn(warning)
        self._told = {(row, warning) for row in range(len(chosen)) for warning in common}

    def __call__(self, row, warning):
        """Pass on what the run of an alternative warns of."""
        if (row, warning) not in self._told:
            self._told.add((row, warning))
            self._warn(f"{self._names[row]}: {warning}")


def _run_all(entries, n_nodes, path, order, on_progress, warn):
    """Have processes run all, those of most nodes first; note how each ended."""
    workers = max(1, min(len(entries), processors() // (order.threads or 1)))
    threads = order.threads or max(1, processors() // workers)
    orders = [
        {
            "name": str(order.name),
            "is_path": isinstance(order.name, Path),
            "sets": list(order.sets),
            "varied": [],
            "alternatives": [entry["name"]],
            "output": str(path / entry["folder"]),
            "seed": order.seed,
            "threads": threads,
            "capture": order.capture and order.capture._asdict(),
            "warm_up_s": order.warm_up_s,
        }
        for entry in entries
    ]
    # The largest first: it takes longest, and compiles what all the others need.
    rows = sorted(range(len(entries)), key=lambda row: -n_nodes[row])
    pool = WorkerPool([orders[row] for row in rows], workers, threads)
    tell = _Teller([entry["name"] for entry in entries], on_progress)
    with ctrl_c_stops(pool), contextlib.closing(pool.events()) as events:
        for place, message in events:
            row = rows[place]
            if "warning" in message:
                warn(row, message["warning"])
            elif "status" in message:
                entries[row] |= {"status": message["status"], "message": message["message"]}
                tell.ended(row)
            else:
                tell.part(row, message)


def _read(entry, path):
    """Put in what a run left, if it did: one that was stopped early, or failed, may have left nothing."""
    remove_remains(path / entry["folder"])
    try:
        entry["summary"] = load(path / entry["folder"]).summary
    except UserError as error:
        if entry["status"] == COMPLETE:
            entry |= {"status": FAILED, "message": str(error)}


class _Teller:
    """Tells how far all are."""

    def __init__(self, names, on_progress):
        self._names = names
        self._on_progress = on_progress or (lambda progress: None)
        self._parts = Parts(len(names))

    def part(self, row, message):
        """One is so far."""
        self._parts.part(row, message["share"], message.get("may_end_early", False))
        self._tell()

    def ended(self, row):
        """One is over."""
        self._parts.ended(row)
        self._tell()

    def _tell(self):
        parts = self._parts
        running = {self._names[row]: share for row, share in sorted(parts.running.items())}
        self._on_progress(
            AlternativesProgress(
                parts.share, parts.done, parts.total, running, parts.wall_s, parts.may_end_early
            )
        )
