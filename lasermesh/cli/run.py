"""`lasermesh run`: simulates an experiment packet by packet."""

import contextlib

import click

from lasermesh.cli.capture_options import capture_options, printing_on_stderr, takes_stdout
from lasermesh.cli.common import (
    EXPERIMENT,
    json_option,
    print_json,
    quiet_option,
    set_option,
    warm_up_option,
    warn,
)
from lasermesh.cli.progress import ProgressLine
from lasermesh.cli.terminal import print_latencies, print_summary
from lasermesh.errors import Interrupted, RunFailed


@click.command(name="run")
@click.argument("experiment", type=EXPERIMENT)
@click.option("-o", "--output", metavar="DIR", help="The run folder; absent: runs/NAME, runs/NAME-2, ...")
@set_option
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed instead of the file's.")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of the packet engine (all processors); results do not depend on it.",
)
@click.option("--force", is_flag=True, help="Replace the run in the folder that -o names.")
@capture_options
@click.option(
    "--alternative",
    "alternatives",
    multiple=True,
    metavar="NAME",
    help="Run this one of [[alternatives]] only; may be repeated.",
)
@warm_up_option
@click.option("--no-plot", is_flag=True, help="No drawing of latencies over time below the summary.")
@quiet_option("Print the run folder alone, no progress and no summary")
@json_option
def command(
    experiment,
    output,
    sets,
    seed,
    threads,
    force,
    capture,
    alternatives,
    warm_up,
    no_plot,
    quiet,
    as_json,
):
    """Run an experiment, print its summary, keep its results in a folder.

    The traffic is simulated packet by packet. The folder holds tables of flows, links, paths and contacts,
    of the work that is done, of what [observe] asks for, and the capture if there is to be one. Alternatives
    are run each for itself with the same seed, and told side by side. Ctrl-C ends the run early and keeps
    what was computed so far.

    \b
    Example:
      lasermesh run quick
      lasermesh run quick -o runs/reroute --set packets.on_link_down=reroute --force
      lasermesh run quick --set flows.office.rate_gbps=0.01 --capture London --json
      lasermesh run quick --set duration_s=1 --quiet
      lasermesh run quick --capture flow:rush --capture-to rush.pcapng.gz --limit 100000
    """
    from lasermesh.results.statuses import INTERRUPTED

    with contextlib.ExitStack() as undo:
        if takes_stdout(capture, as_json):
            stdout = undo.enter_context(printing_on_stderr())
            capture = capture._replace(file=f"/dev/fd/{stdout}")
        how = {"sets": sets, "output": output, "seed": seed, "threads": threads, "force": force}
        how |= {"capture": capture, "warm_up_s": warm_up, "alternatives": alternatives}
        finished = _run_with_progress(experiment, quiet, how)
        summary = finished.summary
        if as_json:
            print_json(summary)
        elif quiet:
            click.echo(finished.folder)
        else:
            _print_finished(finished, no_plot)
    if "alternatives" in summary:
        _end_by_status(summary)
    elif summary["status"] == INTERRUPTED:
        raise Interrupted(f"interrupted after {summary['simulated_s']:.3f} s of simulated time")


def _run_with_progress(experiment, quiet, how):
    """The run that has ended, `Run` or `AlternativeRuns`; of energy that was not there it is warned."""
    from lasermesh.experiments.running import run

    progress = RunProgress(quiet)
    try:
        finished = run(experiment, on_progress=progress, warn=warn, **how)
    finally:
        progress.end()  # a run that was cut short leaves the line open
    warn_of_unmet_energy(finished.summary)
    return finished


def _print_finished(finished, no_plot):
    """Print the summary, latencies over time unless they are several runs, and where the folder is."""
    from lasermesh.results import format_summary
    from lasermesh.results.alternatives_text import format_alternatives

    summary = finished.summary
    are_several = "alternatives" in summary
    print_summary(format_alternatives(summary) if are_several else format_summary(summary))
    if not (no_plot or are_several):
        print_latencies(finished)
    click.echo(f"Run folder{'s, in' if are_several else ''}: {finished.folder}")


def warn_of_unmet_energy(summary):
    """Warn where satellites drew what they did not have, of each alternative by its name."""
    from lasermesh.results.work_sections import unmet_energy

    runs = [(f"{each['name']}: ", each["summary"] or {}) for each in summary.get("alternatives", ())]
    for name, of_run in runs or [("", summary)]:
        for text in unmet_energy(of_run.get("power") or []):
            warn(name + text)


def _end_by_status(summary):
    """Raise what gives the exit code of alternatives of which not all are complete."""
    from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED

    of_status = {}
    for alternative in summary["alternatives"]:
        of_status.setdefault(alternative["status"], []).append(alternative)
    total, complete = len(summary["alternatives"]), len(of_status.get(COMPLETE, ()))
    if summary["status"] == INTERRUPTED:
        raise Interrupted(f"interrupted with {complete} of {total} alternatives complete")
    if summary["status"] == FAILED:
        first = of_status[FAILED][0]
        raise RunFailed(
            f"{len(of_status[FAILED])} of {total} alternatives failed, the first of them {first['name']}: "
            f"{first['message']}"
        )


class RunProgress(ProgressLine):
    """How far a run is, or several are."""

    def __call__(self, progress):
        """Tell of a `Progress` or `AlternativesProgress`, if it is time to."""
        if hasattr(progress, "running"):
            running = ", ".join(f"{name} {100 * share:.0f} %" for name, share in progress.running.items())
            text = f"{progress.done} of {progress.total} alternatives done"
            text = f"{text}; {running}" if running else text
            self.tell(progress.share, text, progress.wall_s, progress.may_end_early)
            return
        simulated_s, duration_s = progress.simulated_s, progress.duration_s
        speed = progress.packet_hops / max(progress.wall_s, 1e-9) / 1e6
        text = f"{simulated_s:.3f} of {duration_s:g} s simulated, {speed:.1f} M packet-hops/s"
        self.tell(simulated_s / duration_s, text, progress.wall_s, progress.may_end_early)
