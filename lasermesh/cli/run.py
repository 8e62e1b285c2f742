"""`lasermesh run`: simulates an experiment packet by packet."""

import click

from lasermesh.cli.common import EXPERIMENT, json_option, print_json, set_option, warm_up_option, warn
from lasermesh.cli.progress import ProgressLine
from lasermesh.errors import Interrupted


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
@warm_up_option
@json_option
def command(experiment, output, sets, seed, threads, force, capture, warm_up, as_json):
    """Run an experiment, print its summary, keep its results in a folder.

    The traffic is simulated packet by packet. The folder holds tables of flows, links, paths and contacts,
    what [observe] asks for, and the capture if there is to be one. Ctrl-C ends the run early and keeps what
    was computed so far.

    \b
    Example:
      lasermesh run quick
      lasermesh run quick -o runs/reroute --set packets.on_link_down=reroute --force
      lasermesh run quick --set flows.office.rate_gbps=0.01 --capture London --json
    """
    from lasermesh.experiments.running import run
    from lasermesh.results import format_summary

    progress = RunProgress()
    try:
        finished = run(experiment, sets, output, seed, threads, force, capture, progress, warn, warm_up)
    finally:
        progress.end()  # a run that was cut short leaves the line open
    if as_json:
        print_json(finished.summary)
    else:
        click.echo(format_summary(finished.summary))
        click.echo(f"Run folder: {finished.folder}")
    if finished.summary["status"] == "interrupted":
        raise Interrupted(f"interrupted after {finished.summary['simulated_s']:.3f} s of simulated time")


class RunProgress(ProgressLine):
    """How far a run is."""

    def __call__(self, progress):
        """Tell of a `Progress`, if it is time to."""
        simulated_s, duration_s = progress.simulated_s, progress.duration_s
        speed = progress.packet_hops / max(progress.wall_s, 1e-9) / 1e6
        text = f"{simulated_s:.3f} of {duration_s:g} s simulated, {speed:.1f} M packet-hops/s"
        self.tell(simulated_s / duration_s, text, progress.wall_s)
