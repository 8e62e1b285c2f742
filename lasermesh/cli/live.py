"""`lasermesh live`: real applications over the emulated mesh, by the clock on the wall.

The process that a user starts only reads the command line: the run goes on in another, in namespaces of its
own, which is this command once more.
"""

import contextlib
import math
import signal
import sys

import click

from lasermesh.cli.capture_options import capture_options, printing_on_stderr, takes_stdout
from lasermesh.cli.common import EXPERIMENT, json_option, print_json, quiet_option, set_option, warn
from lasermesh.cli.live_status import StatusLine
from lasermesh.cli.terminal import print_summary
from lasermesh.errors import Interrupted, RunFailed, UserError

HOSTS_NAMED = 8
ARGUMENTS = "lasermesh.arguments"


class _Repeatable(click.Command):
    """A command that knows the words it was called with, for another process."""

    def parse_args(self, ctx, args):
        ctx.meta[ARGUMENTS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if "--" not in ctx.meta[ARGUMENTS]:
                error.message += " (what is of COMMAND stands behind --)"
            raise


def _is_a_number(ctx, param, value):
    """Refuse nan, which click finds in every range."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no number")
    return value


def _checked_spin(ctx, param, value):
    """Refuse what `[live] spin_us` cannot be either."""
    if value is not None:
        from lasermesh.scenario.live import MOST_SPIN_US  # loads what most calls do without

        if not 0 <= value <= MOST_SPIN_US:
            raise click.BadParameter(f"must be 0 to {MOST_SPIN_US:g} microseconds (got {value:g})")
    return value


@click.command(name="live", cls=_Repeatable)
@click.argument("experiment", type=EXPERIMENT)
@click.argument("argv", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option("-o", "--output", metavar="DIR", help="The run folder; absent: runs/NAME, runs/NAME-2, ...")
@click.option("--force", is_flag=True, help="Replace the run in the folder that -o names.")
@set_option
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed instead of the file's.")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads that compute steps (all processors but one, which moves packets).",
)
@click.option(
    "--on", "on_host", metavar="HOST", help="Where COMMAND runs, by its name; absent: the first host."
)
@click.option(
    "--duration",
    "duration_s",
    type=click.FloatRange(0, 86_400, min_open=True),
    callback=_is_a_number,
    metavar="S",
    help="End after so many seconds; absent: with COMMAND, else after the experiment's duration_s.",
)
@click.option(
    "--no-gso",
    is_flag=True,
    help="Have hosts send each TCP segment by itself: exact, but several times the work for bulk transfers.",
)
@click.option(
    "--spin",
    "spin_us",
    type=float,
    callback=_checked_spin,
    metavar="US",
    help="Wait for what is due within so many microseconds without sleeping (50, or [live] spin_us).",
)
@capture_options
@click.option(
    "--status",
    "has_status",
    is_flag=True,
    help="The line of status also beside COMMAND, into whose output it may come.",
)
@quiet_option("Print the run folder alone, no status and no summary")
@json_option
@click.pass_context
def command(ctx, experiment, argv, as_json, **arguments):
    """Run real applications over the mesh of an experiment, in real time.

    Each host of the experiment's [live] becomes a network of its own on this machine, and its packets cross
    the mesh with the delays, queues, hand-overs and losses that they would have there. COMMAND, behind --,
    runs on one of them, and the run ends with it; without one `lasermesh exec HOST -- COMMAND` runs what you
    like from other terminals, until Ctrl-C. Nodes are found by their names in lower case ("New York" is
    new-york), and satellites answer ping and traceroute.

    Needs Linux, and root or a machine that allows user namespaces: `lasermesh doctor` tells. The summary
    begins with a verdict on whether this machine kept up: where it is INVALID, the exit code is 1, as where
    COMMAND fails. With --json, and where the capture goes to stdout, COMMAND prints on stderr.

    \b
    Example:
      lasermesh live live -- ping -c 3 london
      lasermesh live live --on new-york --capture London --json -- traceroute tokyo
    """
    if arguments["on_host"] is not None and not argv:
        raise click.UsageError("--on says where COMMAND runs; give one behind --, or use `lasermesh exec`")
    if as_json and arguments["quiet"]:
        raise click.UsageError("--json prints the summary, --quiet does not: give one of them")
    if not sys.platform.startswith("linux"):
        raise UserError(
            f"live runs need Linux (this is {sys.platform}); `lasermesh run` simulates the same mesh anywhere"
        )
    from lasermesh.live.entering import enter, is_inside, this_program

    if not is_inside():
        exit_code = enter(this_program(["live", *ctx.meta[ARGUMENTS]]))
        _raise_if_killed(exit_code, arguments["output"])
        ctx.exit(exit_code)
    _run(experiment, list(argv) or None, as_json, **arguments)


def _run(experiment, argv, as_json, *, capture, no_gso, has_status, quiet, **how):
    """Run it here, print what came of it, and raise what gives the exit code."""
    from lasermesh.live.running import run_live

    is_captured = takes_stdout(capture, as_json)
    status = StatusLine(quiet or (argv is not None and not has_status))
    with contextlib.ExitStack() as undo:
        if is_captured or as_json:
            stdout = undo.enter_context(printing_on_stderr())
            if is_captured:
                capture = capture._replace(file=f"/dev/fd/{stdout}")
        try:
            outcome = run_live(
                experiment,
                command=argv,
                capture=capture,
                gso=False if no_gso else None,
                on_status=status,
                on_ready=None if argv or quiet else _say_how_to_join,
                on_wait=lambda message: None if quiet else click.echo(f"{message} ...", err=True),
                warn=warn,
                **how,
            )
        finally:
            status.end()
        if not as_json:
            _print_outcome(outcome, quiet)
    if as_json:
        print_json(outcome.run.summary)
    _end_as(outcome, argv)


def _raise_if_killed(exit_code, output):
    """Say that a signal ended a run, of which only what is killed does not speak itself."""
    number = exit_code - 128
    if number > 0 and number != signal.SIGINT:
        why = ", perhaps for want of memory" if number == signal.SIGKILL else ""
        folder = "a run folder" if output is None else output
        raise RunFailed(f"the run was killed (signal {number}){why}; what it left in {folder} is unfinished")


def _say_how_to_join(ready):
    """Tell who stays at the terminal what to do in another one."""
    names = ready.host_names
    others = f", ... ({len(names):,} hosts)" if len(names) > HOSTS_NAMED else ""
    click.echo(
        f'Mesh "{ready.name}" is up: {", ".join(names[:HOSTS_NAMED])}{others}. In another terminal:\n'
        f"  lasermesh exec {names[0]} -- ping {names[1]}\n"
        "Ctrl-C ends it.",
        err=True,
    )


def _print_outcome(outcome, quiet):
    """Print the summary and where the run folder is, or that alone."""
    if quiet:
        click.echo(outcome.run.folder)
        return
    from lasermesh.results import format_summary

    print_summary(format_summary(outcome.run.summary))
    click.echo(f"Run folder: {outcome.run.folder}")


def _end_as(outcome, argv):
    """Raise what gives the exit code of a run that is not all well."""
    from lasermesh.live.fidelity import INVALID
    from lasermesh.results.statuses import INTERRUPTED

    summary = outcome.run.summary
    if summary["status"] == INTERRUPTED:
        raise Interrupted(f"interrupted after {summary['simulated_s']:.3f} s")
    troubles = []
    if outcome.verdict == INVALID:
        reasons = summary["live"]["reasons"]
        troubles.append(f"the run is INVALID: {reasons[0]}" if reasons else "the run is INVALID")
    if outcome.command_exit:
        troubles.append(f'the command "{argv[0]}" ended with exit code {outcome.command_exit}')
    if troubles:
        raise RunFailed("; ".join(troubles))
