"""`lasermesh run`: simulates an experiment packet by packet."""

import sys
import time

import click

from lasermesh.cli.common import EXPERIMENT, json_option, print_json, set_option, warn
from lasermesh.errors import Interrupted

FIRST_PROGRESS_S = 2.0
PROGRESS_EVERY_S = 0.5
LOGGED_EVERY_S = 5.0  # where stderr is a file, each line stays


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
    """Run an experiment, print its summary, keep its results in a folder.

    The traffic is simulated packet by packet. The folder holds tables of flows, links, paths and contacts,
    and the capture if one is asked for. Ctrl-C ends the run early and keeps what was computed so far.

    \b
    Example:
      lasermesh run quick
      lasermesh run quick -o runs/reroute --set packets.on_link_down=reroute --force
      lasermesh run quick --set flows.office.rate_gbps=0.01 --capture London --json
    """
    from lasermesh.experiments.running import run
    from lasermesh.results import format_summary

    progress = ProgressLine()
    try:
        finished = run(experiment, sets, output, seed, threads, force, capture, progress, warn)
    finally:
        progress.end()  # a run that was cut short leaves the line open
    if as_json:
        print_json(finished.summary)
    else:
        click.echo(format_summary(finished.summary))
        click.echo(f"Run folder: {finished.folder}")
    if finished.summary["status"] == "interrupted":
        raise Interrupted(f"interrupted after {finished.summary['simulated_s']:.3f} s of simulated time")


class ProgressLine:
    """A line on stderr that says how far a run is, once it has taken two seconds."""

    def __init__(self):
        self._terminal = sys.stderr.isatty()
        self._every_s = PROGRESS_EVERY_S if self._terminal else LOGGED_EVERY_S
        self._next_s = time.monotonic() + FIRST_PROGRESS_S
        self._open = False  # whether the cursor stands behind a line that may be written over

    def __call__(self, progress):
        """Tell of a `Progress`, if it is time to."""
        now = time.monotonic()
        over = progress.simulated_s >= progress.duration_s
        if now < self._next_s and not (over and self._open):
            return
        self._next_s = now + self._every_s
        share = progress.simulated_s / progress.duration_s
        # The first moments, in which much is done for the first time, say nothing about the rest.
        left = f"{progress.wall_s * (1 - share) / share:.0f} s left" if share >= 0.01 else "just begun"
        text = (
            f"{progress.simulated_s:.3f} of {progress.duration_s:g} s simulated, "
            f"{progress.packet_hops / max(progress.wall_s, 1e-9) / 1e6:.1f} M packet-hops/s, "
            f"{left}"
        )
        if self._terminal:
            click.echo(f"\r{text:<78}", nl=False, err=True)
        else:
            click.echo(text, err=True)
        self._open = self._terminal
        if over:
            self.end()

    def end(self):
        """End the line, so that what is printed next begins a new one."""
        if self._open:
            click.echo(err=True)
        self._open = False
