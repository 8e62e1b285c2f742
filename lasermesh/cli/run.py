"""`lasermesh run`: simulates an experiment packet by packet."""

import click

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
@click.option(
    "--capture",
    "captures",
    multiple=True,
    metavar="endpoints|NODE|NODE:PEER|flow:NAME|all",
    help="Write packets for Wireshark: what flows send and receive, what passes ports of a node, or what "
    "becomes of a flow wherever it goes; see `lasermesh docs captures`.",
)
@click.option(
    "--copies",
    type=click.Choice(("out", "in", "both")),
    help="Capture packets as they leave ports, as they arrive, or both: default both, out for flow: and all.",
)
@click.option(
    "--capture-to",
    "capture_file",
    metavar="FILE",
    help="Where to, ending in .pcapng or .pcapng.gz, instead of capture.pcapng; a name without a folder "
    "lies in the run folder.",
)
@click.option(
    "--split", is_flag=True, default=None, help="Capture each port into a file of its own, in a folder."
)
@click.option("--snaplen", type=int, metavar="BYTES", help="Keep so much of each packet (96: all headers).")
@click.option("--limit", type=int, metavar="N", help="Capture so many packets at most (1,000,000).")
@click.option(
    "--link-type",
    type=click.Choice(("raw", "ethernet")),
    help="Capture IP packets (raw), or Ethernet frames.",
)
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
    captures,
    copies,
    capture_file,
    split,
    snaplen,
    limit,
    link_type,
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
    how = {
        "copies": copies,
        "file": capture_file,
        "split": split,
        "snaplen": snaplen,
        "limit": limit,
        "link_type": link_type,
    }
    from lasermesh.experiments.running import run
    from lasermesh.results import format_summary
    from lasermesh.results.alternatives_text import format_alternatives
    from lasermesh.results.statuses import INTERRUPTED

    progress = RunProgress(quiet)
    try:
        finished = run(
            experiment,
            sets=sets,
            output=output,
            seed=seed,
            threads=threads,
            force=force,
            capture=_capture(captures, how),
            on_progress=progress,
            warn=warn,
            warm_up_s=warm_up,
            alternatives=alternatives,
        )
    finally:
        progress.end()  # a run that was cut short leaves the line open
    summary = finished.summary
    are_several = "alternatives" in summary
    warn_of_unmet_energy(summary)
    if as_json:
        print_json(summary)
    elif quiet:
        click.echo(finished.folder)
    else:
        print_summary(format_alternatives(summary) if are_several else format_summary(summary))
        if not (no_plot or are_several):
            print_latencies(finished)
        click.echo(f"Run folder{'s, in' if are_several else ''}: {finished.folder}")
    if are_several:
        _end_by_status(summary)
    elif summary["status"] == INTERRUPTED:
        raise Interrupted(f"interrupted after {summary['simulated_s']:.3f} s of simulated time")


def _capture(specs, how):
    """The `CaptureOptions` that were given, None where nothing is to be captured."""
    given = {name: value for name, value in how.items() if value is not None}
    if len(specs) > 1:
        raise click.UsageError(f"a run has one capture, and --capture is given {len(specs)} times")
    if not specs:
        for name in given:
            option = {"file": "capture-to"}.get(name, name.replace("_", "-"))
            raise click.UsageError(f"--{option} is of a capture; --capture says of what")
        return None
    from lasermesh.capture.options import CaptureOptions

    return CaptureOptions(specs[0], **given)


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
