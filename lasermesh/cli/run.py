"""`lasermesh run`: simulates an experiment packet by packet."""

import time

import click

from lasermesh.cli.common import EXPERIMENT, json_option, print_json, set_option, warn
from lasermesh.errors import Interrupted

FIRST_PROGRESS_S = 2.0
PROGRESS_EVERY_S = 0.5


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
    metavar="endpoints|NODE|NODE:PEER",
    help="Write capture.pcapng into the run folder: what flows send and receive, or the ports of a node.",
)
@json_option
def command(experiment, output, sets, seed, threads, force, capture, as_json):
    """Simulate an experiment packet by packet.

    Prints a summary and leaves a run folder with tables of flows, links, paths and contacts. Ctrl-C ends the
    run early and keeps what was computed so far.

    \b
    Example:
      lasermesh run quick
      lasermesh run quick -o runs/slow --set duration_s=2 --set flows.office.rate_gbps=0.01 --force
      lasermesh run quick --set duration_s=1 --capture endpoints --json
    """
    from lasermesh.experiments.running import run
    from lasermesh.results import format_summary

    finished = run(experiment, sets, output, seed, threads, force, capture, ProgressLine(), warn)
    if as_json:
        print_json(finished.summary)
    else:
        click.echo(format_summary(finished.summary))
        click.echo(f"Run folder: {finished.folder}")
    if finished.summary["status"] == "interrupted":
        raise Interrupted(f"interrupted after {finished.summary['simulated_s']:.3f} s of simulated time")


class ProgressLine:
    """A line on stderr that says how far a run is, once it takes longer than two seconds."""

    def __init__(self):
        self._stream = click.get_text_stream("stderr")
        self._told = time.monotonic() + FIRST_PROGRESS_S - PROGRESS_EVERY_S
        self._shown = False

    def __call__(self, progress):
        """Tell of a `Progress`, if it is time to."""
        now = time.monotonic()
        over = progress.simulated_s >= progress.duration_s
        if now - self._told < PROGRESS_EVERY_S and not (over and self._shown):
            return
        self._told = now
        share = progress.simulated_s / progress.duration_s
        left_s = progress.wall_s * (1 - share) / share if share > 0 else 0.0
        text = (
            f"{progress.simulated_s:.3f} of {progress.duration_s:g} s simulated, "
            f"{progress.packet_hops / max(progress.wall_s, 1e-9) / 1e6:.1f} M packet-hops/s, "
            f"{left_s:.0f} s left"
        )
        if self._stream.isatty():
            click.echo(f"\r{text:<78}" + ("\n" if over else ""), nl=False, err=True)
        else:
            click.echo(text, err=True)
        self._shown = True
