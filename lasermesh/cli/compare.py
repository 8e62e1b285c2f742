"""`lasermesh compare`: runs an experiment with varied values and several seeds, and tells what differs."""

from collections import Counter

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
from lasermesh.cli.terminal import print_summary
from lasermesh.errors import Interrupted, RunFailed


@click.command(name="compare")
@click.argument("experiment", type=EXPERIMENT)
@click.option(
    "--vary",
    multiple=True,
    metavar="PATH=V1,V2,...",
    help="A key and its values, e.g. routing.policy=shortest-delay,fewest-hops; may be repeated.",
)
@set_option
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="N seeds, from the experiment's own on.")
@click.option(
    "--seed",
    "seed_list",
    multiple=True,
    type=click.IntRange(0, 2**63 - 1),
    metavar="S",
    help="This seed; may be repeated.",
)
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Runs at once (all processors).")
@click.option(
    "--threads", type=click.IntRange(1, 1024), metavar="N", help="Threads of each run (what workers leave)."
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="The folder; a comparison in it is continued; absent: runs/NAME-compare, runs/NAME-compare-2, ...",
)
@click.option(
    "--baseline",
    multiple=True,
    metavar="PATH=VALUE",
    help="Compare with the combination that has this value and is otherwise the same (all first values).",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare this only: goodput_gbps, ..., or a path in summary.json as links.marked; may be repeated.",
)
@click.option("--alternative", metavar="NAME", help="Which one, of an experiment that has alternatives.")
@warm_up_option
@quiet_option("Print the folder alone, no progress and no tables")
@json_option
def command(
    experiment,
    vary,
    sets,
    seeds,
    seed_list,
    workers,
    threads,
    output,
    baseline,
    metrics,
    alternative,
    warm_up,
    quiet,
    as_json,
):
    """Run an experiment with varied values and seeds, tell what differs.

    Every combination of the values is run with every seed, after all have been checked. Each of these points
    leaves a run folder below that of the comparison; with the same -o again, points that are finished are not
    run again. Differences come with confidence intervals over seeds. `lasermesh docs compare` tells more.

    \b
    Example:
      lasermesh compare quick --vary routing.policy=shortest-delay,fewest-hops --seeds 2 --set duration_s=0.01
    """
    if seeds is not None and seed_list:
        raise click.UsageError("give --seeds N or --seed S, not both")
    from lasermesh.experiments.comparing import compare
    from lasermesh.results.comparison_text import format_comparison

    progress = CompareProgress(quiet)
    try:
        result = compare(
            experiment,
            vary,
            sets,
            list(seed_list) or seeds,
            workers,
            threads,
            output,
            baseline,
            metrics,
            warm_up,
            progress,
            warn,
            alternative,
        )
    finally:
        progress.end()
    if as_json:
        print_json(result)
    elif quiet:
        click.echo(result["folder"])
    else:
        print_summary(format_comparison(result))
        click.echo(f"Folder of the comparison: {result['folder']}")
    _end_by_status(result)


def _end_by_status(result):
    """Raise what gives the exit code of a comparison that is not complete."""
    from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED

    of = Counter(point["status"] for point in result["points"])
    goes_on = f"the same command with -o {result['folder']} runs what is missing"
    if result["status"] == INTERRUPTED:
        raise Interrupted(f"interrupted with {of[COMPLETE]} of {of.total()} points complete; {goes_on}")
    if result["status"] == FAILED:
        first = next(point for point in result["points"] if point["status"] == FAILED)
        raise RunFailed(
            f"{of[FAILED]} of {of.total()} points failed, the first of them {first['folder']}: "
            f"{first['message']}; {goes_on}"
        )


class CompareProgress(ProgressLine):
    """How far a comparison is."""

    def __call__(self, progress):
        """Tell of a `Progress`, if it is time to."""
        if progress.checking:
            if progress.done < progress.total:
                self.tell(progress.share, f"{progress.done} of {progress.total} combinations checked")
            return
        text = f"{progress.done} of {progress.total} points, {progress.running} running"
        if progress.failed:
            text += f", {progress.failed} failed"
        if progress.reused:
            text += f", {progress.reused} from before"
        self.tell(progress.share, text, progress.wall_s, progress.may_end_early)
