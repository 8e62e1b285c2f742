"""Runs an experiment, or its alternatives."""

from dataclasses import replace

from lasermesh.capture.options import options_of
from lasermesh.experiments.alternatives import (
    RunOrder,
    asked_for,
    choose_alternatives,
    run_alternatives,
)
from lasermesh.experiments.policy_of import load_to_simulate
from lasermesh.experiments.simulation import Simulation
from lasermesh.machine import processors
from lasermesh.results import AlternativeRuns, Run, load


def run(
    name,
    sets=(),
    output=None,
    seed=None,
    threads=None,
    force=False,
    capture=None,
    on_progress=None,
    warn=lambda message: None,
    warm_up_s=None,
    alternatives=(),
) -> Run | AlternativeRuns:
    """Run an experiment and leave its folder.

    Parameters
    ----------
    name : str or path
        A file, or the name of a shipped experiment.
    sets : iterable of str
        Changes to the file, each `PATH=VALUE`.
    output : path, optional
        The run folder; absent: `runs/NAME`, or `runs/NAME-2`, ...
    seed : int, optional
        Instead of the file's.
    threads : int, optional
        Default: the processors of this machine. The result does not depend on it.
    force : bool
        Replace the run in `output`.
    capture : str or CaptureOptions, optional
        `endpoints`, `NODE`, `NODE:PEER`, `flow:NAME` or `all`; or how it is to be written, too.
    on_progress : function of Progress, optional
    warn : function of str
    warm_up_s : float, optional
        Follow rules with a memory for so long before the run starts, instead of from t = 0.
    alternatives : iterable of str
        Of an experiment that has them, those to run; none: all. One alone is a run as any other; several
        are run as `run_alternatives` does it.

    Returns
    -------
    run : Run or AlternativeRuns
        The folder as `load` opens it. Its status is `complete` or, after Ctrl-C, `interrupted`; of several
        alternatives also `failed`, as the others are kept where one fails.

    Raises
    ------
    UserError
        If the experiment, an option or the folder is wrong, or memory cannot suffice; nothing is left.
    Interrupted
        After Ctrl-C, if of several alternatives no run has been kept; nothing is left then.
    RunFailed
        If the run could not be finished; what was computed so far is kept with status `failed`.
    """
    capture = options_of(capture)
    experiment, policy = load_to_simulate(name, sets)
    chosen = choose_alternatives(experiment, alternatives)
    if len(chosen) > 1:
        order = RunOrder(name, sets, seed, threads, capture, warm_up_s)
        return load(run_alternatives(experiment, chosen, order, output, force, on_progress, warn))
    if chosen:
        experiment = chosen[0].experiment
    if seed is not None:
        experiment = replace(experiment, seed=seed)
    warnings = []

    def warn_and_keep(message):
        warnings.append(message)
        warn(message)

    for warning in experiment.warnings:
        warn_and_keep(warning)
    asked = asked_for(name, sets, seed, warm_up_s, [alternative.name for alternative in chosen])
    simulation = Simulation(
        experiment,
        threads or processors(),
        capture,
        on_progress,
        warn_and_keep,
        warm_up_s,
        policy,
        manifest={"asked": asked, "warnings": warnings},
    )
    return simulation.run(output, force)
